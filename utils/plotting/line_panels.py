"""Panels of lines, one above the other, over one horizontal axis."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.plotting.description import Line, axes_of, described, lines_in_words, listed, quoted, titled
from utils.plotting.lines import draw_lines
from utils.plotting.style import few_ticks, label_lines, new_figure, show


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
            (n,), drawn over 1 to n, or a tuple (x, y) of two arrays, (n,).
        xlabel: what x is, with its unit.
        title: the subject in a few words; name the data source here.
        xscale: "linear" or "log".
        yscale: "linear" or "log", for all panels.
        ylims: for a panel's label the least and the greatest value that it shows. Without them, a panel shows all that
            is finite.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    limits = {ylabel: (ylims or {}).get(ylabel, (None, None)) for ylabel in parts}
    panels = {
        ylabel: [_until_the_limit(label, values, limits[ylabel][1]) for label, values in ys.items()]
        for ylabel, ys in parts.items()
    }
    figure = new_figure(height=1.2 + 2.2 * len(parts))
    stacked = np.atleast_1d(figure.subplots(len(parts), 1, sharex=True))
    for axes, (ylabel, drawn) in zip(stacked, panels.items(), strict=True):
        axes.set(xscale=xscale, yscale=yscale, ylabel=ylabel)
        draw_lines(axes, drawn, dots=True)
        axes.set_ylim(*limits[ylabel])
        _, top = (axes.transAxes + axes.transData.inverted()).transform((0, 1.06))
        axes.set_ylim(top=top)  # room for a cross at the limit
        few_ticks(axes)
    for axes in stacked:  # when all are drawn: they share their horizontal axis
        label_lines(axes, left=False)
    stacked[0].set_title(title)
    stacked[-1].set_xlabel(xlabel)
    show(figure, _in_words(panels, xlabel, title, xscale, yscale, saying))


def _until_the_limit(label: str, values: Sequence[float] | tuple, high: float | None) -> Line:
    """Return a line up to its first value that is not finite or above `high`, which is drawn at the limit."""
    y = np.ravel(np.asarray(values[1] if isinstance(values, tuple) else values, float))
    x = np.ravel(np.asarray(values[0], float)) if isinstance(values, tuple) else np.arange(1.0, len(y) + 1)
    limit = np.max(y[np.isfinite(y)], initial=-np.inf) if high is None else high
    seen = np.isfinite(y) & (y <= limit)
    stop = np.argmin(seen) + 1 if not seen.all() else len(y)
    return Line(str(label), x[:stop], np.where(seen, y, limit)[:stop], ends_early=not seen.all())


def _in_words(panels, xlabel: str, title: str, xscale: str, yscale: str, saying: str) -> str:
    sentences = []
    for ylabel, drawn in panels.items():
        first, *others = lines_in_words(drawn, xlabel, xscale, yscale) or [""]
        sentences += [f"Panel {quoted(ylabel)}: {first}" if len(panels) > 1 else first, *others]
    if any(line.ends_early for drawn in panels.values() for line in drawn):
        sentences.append("A line ends early where it is not finite, or above the limit of its panel")
    kind = titled("Lines" if len(panels) == 1 else f"{len(panels)} panels of lines", title)
    return described(f"{kind}: {axes_of(xlabel, listed(panels), xscale, yscale)}", *sentences, saying=saying)
