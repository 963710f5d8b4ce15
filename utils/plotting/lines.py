"""Labeled lines over one horizontal axis."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from utils.plotting.description import Line, axes_of, described, lines_in_words, points_in_words, titled
from utils.plotting.style import HALO, INK, few_ticks, label_lines, new_figure, show


def lines(
    x: Sequence[float],
    ys: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    scale: str = "linear",
    points: Mapping[str, tuple] | None = None,
    saying: str = "",
) -> None:
    """Draw one labeled line for each entry of `ys` over the common `x`.

    Args:
        x: the horizontal values, (n,).
        ys: for each line its label, written unless it begins with "_", and its values, (n,).
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: the subject in a few words; name the data source here.
        scale: "linear", or "log" for both axes.
        points: for each marked point its label, written unless it begins with "_", and its (x, y).
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    drawn = [Line(str(label), np.ravel(x), np.ravel(y)) for label, y in ys.items()]
    points = {str(label): point for label, point in (points or {}).items()}
    words = described(
        f"{titled('Lines', title)}: {axes_of(xlabel, ylabel, scale, scale)}",
        *lines_in_words(drawn, xlabel, scale, scale),
        points_in_words(points.items()),
        saying=saying,
    )
    figure = new_figure()
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title, xscale=scale, yscale=scale)
    draw_lines(axes, drawn)
    for label, point in points.items():
        axes.plot(*np.reshape(point, (2, 1)), "o", color=INK, label="_point", zorder=5)
        if not label.startswith("_"):
            axes.annotate(
                label, point, xytext=(7, -4), textcoords="offset points", fontsize=9, va="top", path_effects=HALO
            )
    few_ticks(axes, whole_x=scale == "linear" and np.all(np.mod(x, 1) == 0))  # there is no epoch 2.5
    label_lines(axes)
    show(figure, words)


def draw_lines(axes: Axes, drawn: Sequence[Line], dots: bool = False) -> None:
    """Draw each line in the next color and dash of the style sheet, and a cross where one ends early.

    Args:
        axes: where.
        drawn: the lines.
        dots: whether a line of up to 25 points has a dot at each.
    """
    for line in drawn:
        marker = "o" if dots and len(line.x) <= 25 else None
        (curve,) = axes.plot(line.x, line.y, marker=marker, ms=4, label=line.label)
        if line.ends_early:
            if not line.label.startswith("_"):
                curve.set_label(f"  {line.label}: ends here")
            axes.plot(line.x[-1:], line.y[-1:], "X", ms=10, color=curve.get_color(), label="_end")
