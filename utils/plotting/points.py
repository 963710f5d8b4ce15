"""Data as points, with lines and a band over them."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.plotting.style import BLUE, GREY, INK, few_ticks, label_lines, new_figure, show


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
        saying: one short sentence for what no data can tell, at most 100 characters.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: the finding in a few words; name the data source here.
        line_x: the horizontal values of lines, band and truth, (m,), rising.
        lines: for each line its label and its values, (m,).
        band: its label, its lower edge and its upper edge, (m,) each.
        truth: for each dotted line its values, (m,).
    """
    figure = new_figure(height=4.2)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.plot(np.ravel(x), np.ravel(y), ".", color=GREY, ms=3.5, alpha=0.45, mew=0, label="_points")
    if band:
        label, low, high = band[0], np.ravel(band[1]), np.ravel(band[2])
        axes.fill_between(np.ravel(line_x), low, high, color=BLUE, alpha=0.15, lw=0)
        for edge in (low, high):
            axes.plot(np.ravel(line_x), edge, "-", color=BLUE, lw=0.8, label="_edge")
        end = (np.ravel(line_x)[-1], high[-1])
        axes.annotate(
            label, end, xytext=(5, 0), textcoords="offset points", va="center", color=INK, fontsize=9, fontweight="bold"
        )
    for values in truth:
        axes.plot(np.ravel(line_x), np.ravel(values), ":", color=INK, lw=1, label="_truth")
    for label, values in (lines or {}).items():
        axes.plot(np.ravel(line_x), np.ravel(values), label=label)
    few_ticks(axes)
    label_lines(axes, left=False)
    show(figure, saying or "A figure without words yet.")
