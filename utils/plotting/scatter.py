"""Data as points, with lines and a band over them."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.plotting.description import (
    Line,
    axes_of,
    bare,
    constant,
    counted,
    described,
    line_in_words,
    lines_in_words,
    number,
    quoted,
    titled,
)  # fmt: skip
from utils.plotting.lines import draw_lines
from utils.plotting.style import BLUE, GRAY, INK, few_ticks, label_lines, new_figure, show

TREND = 0.3137  # a correlation that counts as one; not a round number, as no data should lie on it


def scatter(
    x: Sequence[float],
    y: Sequence[float],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    line_x: Sequence[float] | None = None,
    lines: Mapping[str, Sequence[float]] | None = None,
    band: tuple[str, Sequence[float], Sequence[float]] | None = None,
    truth: Sequence[Sequence[float]] = (),
    saying: str = "",
) -> None:
    """Draw points, and over them labeled lines, one band, and thin dotted lines for what is known to be true.

    Arrays of shape (n, 1), as models give them, serve as well as (n,).

    Args:
        x: the horizontal values of the points, (n,).
        y: the vertical values of the points, (n,).
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: the subject in a few words; name the data source here.
        line_x: the horizontal values of lines, band and truth, (m,), rising.
        lines: for each line its label and its values, (m,).
        band: its label, its lower edge and its upper edge, (m,) each.
        truth: for each dotted line its values, (m,).
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    x, y, line_x = (np.ravel([] if values is None else values) for values in (x, y, line_x))
    drawn = [Line(str(label), line_x, np.ravel(values)) for label, values in (lines or {}).items()]
    true = [np.ravel(values) for values in truth]
    edges = (band[0], np.ravel(band[1]), np.ravel(band[2])) if band else None
    figure = new_figure(height=4.2)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.plot(x, y, ".", color=GRAY, ms=3.5, alpha=0.45, mew=0, label="_points")
    if edges:
        label, low, high = edges
        axes.fill_between(line_x, low, high, color=BLUE, alpha=0.15, lw=0)
        for edge in (low, high):
            axes.plot(line_x, edge, "-", color=BLUE, lw=0.8, label="_edge")
        axes.annotate(
            label, (line_x[-1], high[-1]), xytext=(5, 0), textcoords="offset points", va="center", color=INK,
            fontsize=9, fontweight="bold",
        )  # fmt: skip
    for values in true:
        axes.plot(line_x, values, ":", color=INK, lw=1, label="_truth")
    draw_lines(axes, drawn)
    few_ticks(axes)
    label_lines(axes, left=False)
    kind = f"{titled('Scatter plot', title)}: {axes_of(xlabel, ylabel)}"
    sentences = [cloud_in_words(x, y, xlabel, ylabel), *lines_in_words(drawn, xlabel)]
    if edges:
        sentences.append(band_in_words(*edges, line_x, x, y))
    sentences.append(_truth_in_words(line_x, true, xlabel))
    show(figure, described(kind, *sentences, saying=saying))


def cloud_in_words(x: np.ndarray, y: np.ndarray, xlabel: str, ylabel: str) -> str:
    """Say how many points there are, what they span, whether y rises or falls with x, and where they spread more."""
    seen = np.isfinite(x) & np.isfinite(y)
    x, y = x[seen], y[seen]
    if not len(x):
        return "There are no points"
    spans = (f"{bare(name)} {number(v.min())} to {number(v.max())}" for name, v in ((xlabel, x), (ylabel, y)))
    words = f"{counted(len(x), 'point')}, {', '.join(spans)}"
    if len(x) < 3 or constant(x) or constant(y):
        return words
    r = float(np.corrcoef(x, y)[0, 1])
    trend = (
        "rising from left to right" if r > TREND else "falling from left to right" if r < -TREND else "no clear trend"
    )
    words = f"{words}, {trend} (correlation {number(r)})"
    if len(x) < 25:
        return words
    left, right = spread_at_both_ends(x, y)
    return f"{words}; they stray from a straight line by {number(left)} at the left and {number(right)} at the right"


def spread_at_both_ends(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the root mean square distance from the least-squares line in the lowest and in the highest fifth of x."""
    squares = (y - np.polyval(np.polyfit(x, y, 1), x)) ** 2
    order = np.argsort(x)
    fifth = len(x) // 5
    return tuple(float(np.sqrt(np.mean(squares[part]))) for part in (order[:fifth], order[-fifth:]))


def band_in_words(
    label: str, low: np.ndarray, high: np.ndarray, line_x: np.ndarray, x: np.ndarray, y: np.ndarray
) -> str:
    """Say how wide a band is at both ends, and which share of the points below and above its ends it holds."""
    ends = [f"{number(low[i])} to {number(high[i])}" for i in (0, -1)]
    words = f"The band {quoted(label)} spans {ends[0]} at the left and {ends[1]} at the right"
    over = (x >= line_x[0]) & (x <= line_x[-1])
    if not np.any(over):
        return words
    inside = (y >= np.interp(x, line_x, low)) & (y <= np.interp(x, line_x, high))
    return f"{words}, with {number(100 * np.mean(inside[over]))} % of the drawn points inside"


def _truth_in_words(line_x: np.ndarray, truth: Sequence[np.ndarray], xlabel: str) -> str:
    if len(truth) == 1:
        heights = Line("_truth", line_x, truth[0]).on("linear", "linear")
        return line_in_words(heights, np.ptp(truth[0]), xlabel, brief=True).replace("a line", "The dotted line", 1)
    return f"{len(truth)} dotted lines show the truth" if truth else ""
