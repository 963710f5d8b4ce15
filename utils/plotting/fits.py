"""Several models on the same points, side by side: what they predict, and what they leave."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.plotting.description import bare, counted, described, number, quoted, titled
from utils.plotting.style import BLUE, GRAY, INK, VERMILION, few_ticks, new_figure, show


def fits(
    x: Sequence[float],
    y: Sequence[float],
    predictions: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    noise: float,
    title: str = "",
    saying: str = "",
) -> None:
    """Draw a column for each model: the points and its prediction above, its residuals below, with the noise's band.

    Arrays of shape (n, 1), as models give them, serve as well as (n,).

    Args:
        x: the horizontal values of the points, (n,), in any order.
        y: the vertical values of the points, (n,).
        predictions: for each model its label and its predictions of y, (n,).
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        noise: deviation of the noise, in units of y; the band is two of them to either side.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    x, y = np.ravel(x), np.ravel(y)
    order = np.argsort(x)
    figure = new_figure(height=5.0, headline=title)
    above, below = figure.subplots(2, len(predictions), sharex=True, sharey="row", squeeze=False)
    sentences = []
    for top, bottom, (label, prediction) in zip(above, below, predictions.items(), strict=True):
        prediction = np.ravel(prediction)
        residuals = y - prediction
        sentences.append(residuals_in_words(label, x, residuals, noise, xlabel))
        top.plot(x, y, ".", color=GRAY, ms=4, alpha=0.5, mew=0)
        top.plot(x[order], prediction[order], color=VERMILION)
        top.set_title(f"{label}: mse {np.mean(residuals**2):,.0f}", fontsize=10)
        bottom.axhspan(-2 * noise, 2 * noise, color=BLUE, alpha=0.15, lw=0)
        bottom.axhline(0, color=INK, lw=0.8)
        bottom.plot(x, residuals, ".", color=VERMILION, ms=4, mew=0)
        bottom.set_xlabel(xlabel)
        few_ticks(top)
        few_ticks(bottom)
    above[0].set_ylabel(ylabel)
    below[0].set_ylabel(f"residual of {ylabel}")
    kind = (
        f"{titled('Fits', title)}: {counted(len(x), 'point')}, {ylabel} against {xlabel}, and below them the residuals"
    )
    show(figure, described(kind, *sentences, saying=saying))


def residuals_in_words(label: str, x: np.ndarray, residuals: np.ndarray, noise: float, xlabel: str) -> str:
    """Say how large a model's residuals are, how many lie within the noise, and their means at both ends of x."""
    order = np.argsort(x)
    fifth = max(len(x) // 5, 1)
    left, right = (np.mean(residuals[part]) for part in (order[:fifth], order[-fifth:]))
    within = 100 * np.mean(np.abs(residuals) <= 2 * noise)
    return (
        f"{quoted(label)}: mean squared error {number(np.mean(residuals**2))}; {number(within)} % of the residuals lie "
        f"in the band of two deviations; their mean is {number(left)} over the lowest fifth of {bare(xlabel)} and "
        f"{number(right)} over the highest"
    )
