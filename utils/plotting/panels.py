"""Stacked panels with one common horizontal axis, and arrows in the plane."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.patches import Circle, Rectangle

from utils.plotting.style import GREY, INK, few_ticks, label_lines, new_figure, show


def line_panels(
    parts: Mapping[str, Mapping[str, Sequence[float] | tuple]],
    *,
    xlabel: str,
    title: str = "",
    xscale: str = "linear",
    yscale: str = "log",
    ylims: Mapping[str, tuple[float, float]] | None = None,
    saying: str = "",
) -> None:
    """Draw one panel above the other, each with labeled lines, over the same horizontal axis.

    A line ends at its first value that is not finite or above the panel's limit: a cross at that limit marks it.

    Args:
        parts: for each panel the label of its vertical axis, and for each line in it the label and either its values,
            (n,), drawn over 1 to n, or a pair (x, y) of two arrays, (n,).
        saying: one short sentence for what no data can tell, at most 100 characters.
        xlabel: what x is, with its unit.
        title: the finding in a few words.
        xscale: "linear" or "log".
        yscale: "linear" or "log", for all panels.
        ylims: for a panel's label the least and the greatest value that it shows. Without them, a panel shows all that
            is finite.
    """
    figure = new_figure(height=1.2 + 2.2 * len(parts))
    stacked = np.atleast_1d(figure.subplots(len(parts), 1, sharex=True))
    for axes, (ylabel, ys) in zip(stacked, parts.items(), strict=True):
        axes.set(xscale=xscale, yscale=yscale, ylabel=ylabel)
        low, high = (ylims or {}).get(ylabel, (None, None))
        for label, line in ys.items():
            y = np.asarray(line[1] if isinstance(line, tuple) else line, float)
            x = np.asarray(line[0], float) if isinstance(line, tuple) else np.arange(1, len(y) + 1)
            limit = np.max(y[np.isfinite(y)]) if high is None else high
            beyond = np.flatnonzero(~(y <= limit))  # true for nan as well
            stop = beyond[0] + 1 if len(beyond) else len(y)
            x, y = x[:stop], np.where(y[:stop] <= limit, y[:stop], limit)
            (drawn,) = axes.plot(x, y, marker="o" if len(y) <= 25 else None, ms=4, label=label)
            if len(beyond):
                if not label.startswith("_"):
                    drawn.set_label(f"  {label}: ends here")
                axes.plot(x[-1:], y[-1:], "X", ms=10, color=drawn.get_color(), label="_end")
        axes.set_ylim(low, high)
        _, top = (axes.transAxes + axes.transData.inverted()).transform((0, 1.06))
        axes.set_ylim(top=top)  # room for a cross at the limit
        few_ticks(axes)
        label_lines(axes, left=False)
    stacked[0].set_title(title)
    stacked[-1].set_xlabel(xlabel)
    show(figure, saying or "A figure without words yet.")


def arrows(vectors: Mapping[str, Sequence[float]], *, title: str = "", bound: float = 1.0, saying: str = "") -> None:
    """Draw vectors of two components as arrows from one point, with the circle and the square of size `bound`.

    Args:
        vectors: for each arrow its label and its two components.
        saying: one short sentence for what no data can tell, at most 100 characters.
        title: the finding in a few words.
        bound: radius of the circle, and half the side of the square.
    """
    figure = new_figure(height=3.4)
    axes = figure.add_subplot(xlabel="first component", ylabel="second component", title=title, aspect="equal")
    axes.add_patch(Circle((0, 0), bound, fill=False, ls=":", color=GREY))
    axes.add_patch(Rectangle((-bound, -bound), 2 * bound, 2 * bound, fill=False, ls=":", color=GREY))
    for (label, (x, y)), color in zip(vectors.items(), _colors(), strict=False):
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 2, "color": color, "shrinkA": 0})
        axes.annotate(
            label, (x, y), xytext=(6, -7), textcoords="offset points", va="center", color=color, fontweight="bold",
            fontsize=9,
        )  # fmt: skip
    reach = np.array(list(vectors.values()))
    axes.set_xlim(-1.3 * bound, 1.45 * max(bound, reach[:, 0].max()))
    axes.set_ylim(-1.3 * bound, 1.25 * max(bound, reach[:, 1].max()))
    few_ticks(axes)
    show(figure, saying or "A figure without words yet.")


def _colors() -> list[str]:
    """Return the hues of the style sheet, after the ink of the first arrow."""
    return [INK, *rcParams["axes.prop_cycle"].by_key()["color"]]
