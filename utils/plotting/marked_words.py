"""Sentences whose words are marked by what they contribute."""

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Rectangle

from utils.plotting.description import described, listed, number, quoted, standing_out, titled
from utils.plotting.style import BLUE, INK, VERMILION, WIDTH, new_figure, show
from utils.plotting.text_width import text_width

SIZE, LINE, BAR = 11, 0.52, 0.15  # points; inches from line to line; inches of the greatest bar


def marked_words(
    sentences: Sequence[tuple[Sequence[str], Sequence[float], str]], *, title: str = "", saying: str = ""
) -> None:
    """Write sentences whose words carry a bar each: above the word for what it adds, below it for what it takes away.

    The bars are blue above and vermilion below; within a sentence the word with the greatest part is bold.
    All sentences share one scale.

    Args:
        sentences: for each its words, their contributions (one number a word), and a note such as its score.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    left, right = 0.25, WIDTH - 1.75
    rows = [_rows(words, right - left) for words, _, _ in sentences]
    height = 0.55 + LINE * (sum(map(len, rows)) + 0.25 * len(rows))
    figure = new_figure(height)
    figure.set_layout_engine("none")  # the places are in inches
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    axes.text(left, 0.25, title, fontsize=11, fontweight="bold", color=INK, va="center")
    greatest = max((np.max(np.abs(parts), initial=1e-9) for _, parts, _ in sentences), default=1e-9)
    y = 0.75
    for (words, parts, note), lines in zip(sentences, rows, strict=True):
        strongest = int(np.argmax(np.abs(parts))) if len(words) else -1
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
    kind = f"{titled('Marked words', title)}: bars above words that add, below words that take away"
    told = (marked_in_words(words, parts, note) for words, parts, note in sentences)
    show(figure, described(kind, *told, saying=saying))


def marked_in_words(words: Sequence[str], parts: Sequence[float], note: str) -> str:
    """Write a sentence with its note, and name the words that count most in it with what they add."""
    text = f"{quoted(' '.join(words))}" + (f" ({note})" if note else "")
    strongest = standing_out(np.abs(np.asarray(parts, float)))
    if not strongest:
        return f"{text}: no word stands out"
    return f"{text}: {listed(f'{words[i]} {_signed(parts[i])}' for i in strongest)}"


def _signed(part: float) -> str:
    return f"{'adds' if part > 0 else 'takes'} {number(abs(part))}"


def _rows(words: Sequence[str], room: float) -> list[list[tuple[int, float, float]]]:
    """Break words into lines of `room` inches: for each word its index, its left edge and its width."""
    lines, x = [[]], 0.0
    for i, word in enumerate(words):
        width = text_width(word, SIZE)
        if lines[-1] and x + width > room:
            lines.append([])
            x = 0.0
        lines[-1].append((i, x, width))
        x += width + 0.11
    return lines
