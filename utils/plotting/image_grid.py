"""Small images in rows, each with its label."""

import re
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from utils.plotting.description import counted, described, quoted, titled
from utils.plotting.sheet import new_sheet, place
from utils.plotting.style import WIDTH, show

NUMBER = r"\d+(?:[.,]\d+)*"


def image_grid(
    images: np.ndarray, labels: Sequence[str], *, columns: int = 8, title: str = "", saying: str = ""
) -> None:
    """Draw images in rows of `columns`, each with its label above it.

    Args:
        images: (n, height, width), any real dtype; each is drawn dark on light from its least to its greatest value.
            Or (n, height, width, 3) from 0 to 1, drawn in color.
        labels: n short texts, up to two lines each.
        columns: images in a row.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    labels = [str(label) for label in labels]
    kind = f"{titled('Images', title)}: {size_in_words(images, columns)}"
    words = described(kind, labels_in_words(labels, columns), saying=saying)
    lines_of_text = max((label.count("\n") + 1 for label in labels), default=0)
    cell, text = WIDTH / columns, 0.17 * lines_of_text
    rows = max(-(-len(images) // columns), 1)
    figure, axes = new_sheet(rows * (cell + text), title)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        left, top = i % columns * cell, i // columns * (cell + text) + text
        place(axes, image, left + 0.04, top, cell - 0.08, cmap="Greys")
        axes.text(left + cell / 2, top - 0.04, label, ha="center", va="bottom", fontsize=8)
    show(figure, words)


def size_in_words(images: Sequence[np.ndarray], columns: int) -> str:
    """Say how many images there are, in which rows, and how many pixels each has."""
    words = counted(len(images), "image")
    if len(images) > columns:
        words += f" in rows of {columns}"
    sizes = {np.shape(image)[:2] for image in images}
    if len(sizes) == 1:
        height, width = sizes.pop()
        words += f", {width} by {height} pixels" + (" each" if len(images) > 1 else "")
    return words


def labels_in_words(labels: Sequence[str], columns: int) -> str:
    """Say how images are labeled: group by group, as far as labels repeat; numbers row by row.

    What a model read in an image may differ from machine to machine. So a number in a label is written with its ≈, and
    a label that stands alone is told only if other labels differ from it by nothing but numbers.
    """
    labels = [" ".join(label.split()) for label in labels]
    kinds = [re.sub(NUMBER, "#", label) for label in labels]
    rows = [i // columns if kind == "#" else 0 for i, kind in enumerate(kinds)]
    keyed = groupby(zip(kinds, rows, labels, strict=True), key=lambda entry: entry[:2])
    groups = [(kind, [label for _, _, label in group]) for (kind, _), group in keyed]
    if not groups or len(groups) > 12 or min(len(group) for _, group in groups) == 1 < len(labels):
        return "Each has a label" if labels else ""
    return f"Their labels, in order: {'; '.join(_group_in_words(kind, group) for kind, group in groups)}"


def _group_in_words(kind: str, group: Sequence[str]) -> str:
    if "#" not in kind:
        return f"{len(group)} × {quoted(group[0])}" if len(group) > 1 else quoted(group[0])
    marked = [re.sub(rf"({NUMBER})", r"≈ \1", label) for label in group]
    if kind == "#":
        return ", ".join(marked)
    if len(marked) == 1:
        return quoted(marked[0])
    return f"{len(marked)} from {quoted(marked[0])} to {quoted(marked[-1])}"
