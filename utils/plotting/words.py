"""Sentences whose words are marked by what they contribute, and words as points in a plane."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from utils.plotting.style import BLUE, GREY, INK, VERMILION, WIDTH, few_ticks, new_figure, show

SIZE, LINE, BAR = 11, 0.52, 0.15  # points; inches from line to line; inches of the greatest bar


def marked_words(
    sentences: Sequence[tuple[Sequence[str], Sequence[float], str]], *, title: str = "", saying: str = ""
) -> None:
    """Write sentences whose words carry a bar each: above the word for what it adds, below it for what it takes away.

    The bars are blue above and vermilion below; within a sentence the word with the greatest part is bold.
    All sentences share one scale.

    Args:
        sentences: for each its words, their contributions (one number a word), and a note such as its score.
        saying: one short sentence for what no data can tell, at most 100 characters.
        title: the finding in a few words; name the data source here.
    """
    left, right = 0.25, WIDTH - 1.75
    rows = [_rows(words, right - left) for words, _, _ in sentences]
    height = 0.55 + LINE * (sum(map(len, rows)) + 0.25 * len(rows))
    figure = new_figure(height)
    figure.set_layout_engine("none")  # the places are in inches
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    axes.text(left, 0.25, title, fontsize=11, fontweight="bold", color=INK, va="center")
    greatest = max(np.max(np.abs(parts), initial=1e-9) for _, parts, _ in sentences)
    y = 0.75
    for (words, parts, note), lines in zip(sentences, rows, strict=True):
        strongest = int(np.argmax(np.abs(parts)))
        axes.text(right + 0.2, y, note, fontsize=9, color=INK, va="center", fontweight="bold")
        for line in lines:
            for i, x, width in line:
                bold = "bold" if i == strongest else "normal"
                axes.text(left + x + width / 2, y, words[i], fontsize=SIZE, fontweight=bold, color=INK, ha="center",
                          va="center_baseline")  # fmt: skip
                length = BAR * parts[i] / greatest
                start = y - 0.11 if length > 0 else y + 0.11  # the vertical axis points down
                color = BLUE if length > 0 else VERMILION
                axes.add_patch(Rectangle((left + x, start), width, -length, color=color, lw=0))
            y += LINE
        y += 0.25 * LINE
    show(figure, saying or "A figure without words yet.")


def word_map(
    places: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, title: str = "", saying: str = ""
) -> None:
    """Write words at their places in a plane; a word that would cover an earlier one is left out, and its dot stays.

    Args:
        places: for each word its two coordinates, the words that matter most first.
        saying: one short sentence for what no data can tell, at most 100 characters.
        xlabel: what the horizontal coordinate is.
        ylabel: what the vertical coordinate is.
        title: the finding in a few words; name the data source here.
    """
    figure = new_figure(height=4.2)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title)
    points = np.array(list(places.values()), float)
    axes.plot(*points.T, ".", color=GREY, ms=4, alpha=0.5)  # words stay readable over dots
    axes.margins(x=0.12, y=0.08)
    few_ticks(axes)
    inches = figure.get_size_inches() * (0.88, 0.78)  # about the size of the axes, in points below
    at = 72 * inches * (axes.transData + axes.transAxes.inverted()).transform(points)
    taken: list[tuple[float, float, float]] = []  # left, bottom and length of each word, in points
    for word, point, (x, y) in zip(places, points, at, strict=True):
        length = 72 * _width(word, 9)
        if all(abs(y - b) > 10 or x + length < a or a + n < x for a, b, n in taken):
            taken.append((x, y, length))
            axes.annotate(word, point, xytext=(3, 3), textcoords="offset points", fontsize=9, color=INK)
    show(figure, saying or "A figure without words yet.")


def _rows(words: Sequence[str], room: float) -> list[list[tuple[int, float, float]]]:
    """Break words into lines of `room` inches: for each word its index, its left edge and its width."""
    lines, x = [[]], 0.0
    for i, word in enumerate(words):
        width = _width(word, SIZE)
        if lines[-1] and x + width > room:
            lines.append([])
            x = 0.0
        lines[-1].append((i, x, width))
        x += width + 0.11
    return lines


def _width(word: str, size: float) -> float:
    """Return the width of a word in bold, in inches."""
    return (
        TextPath((0, 0), word or " ", size=size, prop={"family": "DejaVu Sans", "weight": "bold"}).get_extents().x1 / 72
    )
