"""Several models on the same points, side by side: what they predict, and what they leave."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.plotting.style import BLUE, GREY, INK, VERMILION, few_ticks, new_figure, show


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
        saying: one short sentence for what no data can tell, at most 100 characters.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        noise: deviation of the noise, in units of y; the band is two of them to either side.
        title: the finding in a few words; name the data source here.
    """
    x, y = np.ravel(x), np.ravel(y)
    order = np.argsort(x)
    figure = new_figure(height=5.0, headline=title)
    above, below = figure.subplots(2, len(predictions), sharex=True, sharey="row", squeeze=False)
    for top, bottom, (label, prediction) in zip(above, below, predictions.items(), strict=True):
        prediction = np.ravel(prediction)
        residuals = y - prediction
        top.plot(x, y, ".", color=GREY, ms=4, alpha=0.5, mew=0)
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
    show(figure, saying or "A figure without words yet.")
