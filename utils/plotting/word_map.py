"""Words as points in a plane."""

from collections.abc import Mapping, Sequence

import numpy as np

from utils.plotting.description import bare, counted, described, number, titled
from utils.plotting.style import GRAY, INK, few_ticks, new_figure, show
from utils.plotting.text_width import text_width

APART = 0.0431  # share of the axis by which an end must stand apart from the rest to be named


def word_map(
    places: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, title: str = "", saying: str = ""
) -> None:
    """Write words at their places in a plane; a word that would cover an earlier one is left out, and its dot stays.

    Args:
        places: for each word its two coordinates, the words that matter most first.
        xlabel: what the horizontal coordinate is.
        ylabel: what the vertical coordinate is.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    figure = new_figure(height=4.2)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title)
    points = np.array(list(places.values()), float)
    axes.plot(*points.T, ".", color=GRAY, ms=4, alpha=0.5)  # words stay readable over dots
    axes.margins(x=0.12, y=0.08)
    few_ticks(axes)
    inches = figure.get_size_inches() * (0.88, 0.78)  # about the size of the axes, in points below
    at = 72 * inches * (axes.transData + axes.transAxes.inverted()).transform(points)
    taken: list[tuple[float, float, float]] = []  # left, bottom and length of each word, in points
    for word, point, (x, y) in zip(places, points, at, strict=True):
        length = 72 * text_width(word, 9)
        if all(abs(y - b) > 10 or x + length < a or a + n < x for a, b, n in taken):
            taken.append((x, y, length))
            axes.annotate(word, point, xytext=(3, 3), textcoords="offset points", fontsize=9, color=INK)
    kind = f"{titled('A map of words', title)}: {counted(len(places), 'word')}, {ylabel} against {xlabel}"
    along = (
        axis_in_words(list(places), points[:, i], label, sides)
        for i, (label, sides) in enumerate(((xlabel, ("left", "right")), (ylabel, ("bottom", "top"))))
    )
    show(figure, described(kind, *along, saying=saying))


def axis_in_words(words: Sequence[str], values: np.ndarray, label: str, sides: tuple[str, str]) -> str:
    """Say what an axis spans, and which words stand apart at its two ends."""
    text = f"{bare(label)} goes from {number(values.min())} to {number(values.max())}"
    ends = [(side, apart(words, sign * values)) for side, sign in zip(sides, (-1, 1), strict=True)]
    named = [f"at the {side} {', '.join(found)}" for side, found in ends if found]
    return f"{text}; {'; '.join(named)}" if named else text


def apart(words: Sequence[str], values: np.ndarray) -> list[str]:
    """Return the words with the greatest values up to the first clear gap, at most four, in alphabetical order."""
    at_most = min(4, max(len(words) // 2, 1))
    order = np.argsort(-values, kind="stable")
    gaps = -np.diff(values[order][: at_most + 1])
    wide = np.flatnonzero(gaps > APART * np.ptp(values)) if np.ptp(values) > 0 else []
    return sorted(words[i] for i in order[: wide[0] + 1]) if len(wide) else []
