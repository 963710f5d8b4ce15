"""Grids of small grayscale images, and the confusion matrix with the images in it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from utils.plotting.style import BLUE, INK, PAPER, VERMILION, WIDTH, new_figure, show


def image_grid(
    images: np.ndarray, labels: Sequence[str], *, columns: int = 8, title: str = "", saying: str = ""
) -> None:
    """Draw images in rows of `columns`, each with its label above it.

    Args:
        images: (n, height, width), any real dtype; each is drawn dark on light from its least to its greatest value.
        labels: n short texts, up to two lines each.
        saying: one short sentence for what no data can tell, at most 100 characters.
        columns: images in a row.
        title: the finding in a few words; name the data source here.
    """
    lines_of_text = max((label.count("\n") + 1 for label in labels), default=0)
    cell, text = WIDTH / columns, 0.17 * lines_of_text
    rows = -(-len(images) // columns)
    figure, axes = new_sheet(rows * (cell + text), title)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        left, top = i % columns * cell, i // columns * (cell + text) + text
        place(axes, image, left + 0.04, top, cell - 0.08, cmap="Greys")
        axes.text(left + cell / 2, top - 0.04, label, ha="center", va="bottom", fontsize=8)
    show(figure, saying or "A figure without words yet.")


def new_sheet(height: float, title: str) -> tuple[Figure, Axes]:
    """Return a figure and its one axes, of its width and `height` inches; both axes count inches from the upper left.

    One axes for many images is drawn in a quarter of the time that one axes for each would take.
    """
    headroom = 0.4 if title else 0.05
    figure = new_figure(height=height + headroom)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, height / (height + headroom)))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    axes.set_title(title, x=0.01)
    return figure, axes


def place(axes: Axes, image: np.ndarray, left: float, top: float, side: float, **style) -> None:
    """Draw an image, (height, width) or RGBA, into the middle of a square of `side` inches on a sheet."""
    height, width = np.multiply(np.shape(image)[:2], side / max(np.shape(image)[:2]))
    left, top = left + (side - width) / 2, top + (side - height) / 2
    axes.imshow(image, extent=(left, left + width, top + height, top), aspect="auto", **style)


def confusion(
    matrix: np.ndarray,
    class_names: Sequence[str],
    *,
    images: dict[tuple[int, int], np.ndarray] | None = None,
    title: str = "",
    saying: str = "",
) -> None:
    """Draw a confusion matrix: rows are true classes, columns predictions, each cell the share of its row.

    Args:
        matrix: (classes, classes) counts, `matrix[true, predicted]`.
        class_names: one name for each class.
        saying: one short sentence for what no data can tell, at most 100 characters.
        images: for some cells (true, predicted) an image, (height, width), drawn into the cell.
        title: the finding in a few words; name the data source here.
    """
    count = len(class_names)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = new_figure(height=WIDTH)
    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("mistakes", [PAPER, VERMILION])
    mistakes = np.where(np.eye(count, dtype=bool), 0, share)
    axes.imshow(mistakes, cmap=shades, vmax=max(2 * mistakes.max(), 1e-9), vmin=0)
    for (row, column), image in (images or {}).items():
        _place_image(axes, image, row, column)
    for row in range(count):
        for column in range(count):
            if share[row, column] >= 0.01:
                _write_share(axes, share[row, column], row, column, corner=bool(images))
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set_xticks(range(count), class_names, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(count), class_names)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set(xlabel="predicted", ylabel="true", title=title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    show(figure, saying or "A figure without words yet.")


def _place_image(axes, image: np.ndarray, row: int, column: int) -> None:
    """Draw `image` into one cell as ink on a transparent ground, so that the shade of the cell shows through."""
    ink = np.asarray(image, float)
    ink = (ink - ink.min()) / max(np.ptp(ink), 1e-9)
    rgba = np.zeros((*ink.shape, 4))
    rgba[..., 3] = ink
    axes.imshow(rgba, extent=(column - 0.42, column + 0.42, row + 0.46, row - 0.3), zorder=2)


def _write_share(axes, share: float, row: int, column: int, corner: bool) -> None:
    right = row == column
    x, y, anchor = (column - 0.46, row - 0.46, ("left", "top")) if corner else (column, row, ("center", "center"))
    axes.text(
        x, y, f"{share:.0%}", ha=anchor[0], va=anchor[1], fontsize=7 if corner else 9, zorder=3,
        color=BLUE if right else INK, fontweight="bold" if right else "normal",
    )  # fmt: skip
