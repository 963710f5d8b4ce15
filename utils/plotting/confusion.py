"""The confusion matrix, alone or with images in its cells."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from utils.plotting.description import described, matrix_in_words, titled
from utils.plotting.style import BLUE, INK, PAPER, VERMILION, WIDTH, new_figure, show


def confusion(
    matrix: np.ndarray,
    class_names: Sequence[str],
    *,
    images: Mapping[tuple[int, int], np.ndarray] | None = None,
    title: str = "",
    saying: str = "",
) -> None:
    """Draw a confusion matrix: rows are true classes, columns predictions, each cell the share of its row.

    Args:
        matrix: (classes, classes) counts, `matrix[true, predicted]`.
        class_names: one name for each class.
        images: for some cells (true, predicted) an image, (height, width), drawn into the cell.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    figure = new_figure(height=WIDTH)
    axes = figure.add_subplot(title=title)
    draw_matrix(axes, matrix, class_names, images)
    axes.set_aspect("equal")
    kind = f"{titled('Confusion matrix', title)}: {len(class_names)} classes"
    kind += ", rows true, columns predicted" + (", an image in some cells" if images else "")
    show(figure, described(kind, *matrix_in_words(matrix, class_names), saying=saying))


def draw_matrix(
    axes: Axes,
    matrix: np.ndarray,
    class_names: Sequence[str],
    images: Mapping[tuple[int, int], np.ndarray] | None = None,
) -> None:
    """Draw the share of each true class that went to each predicted class; shares under 1 % stay blank.

    The shade of a cell shows mistakes alone, so that a strong diagonal does not drown them.
    """
    count = len(class_names)
    share = matrix / np.maximum(np.sum(matrix, axis=1, keepdims=True), 1)
    mistakes = np.where(np.eye(count, dtype=bool), 0, share)
    shades = LinearSegmentedColormap.from_list("mistakes", [PAPER, VERMILION])
    axes.imshow(mistakes, cmap=shades, vmin=0, vmax=max(2 * mistakes.max(), 1e-9), aspect="auto")
    for (row, column), image in (images or {}).items():
        _place_image(axes, image, row, column)
    for row, column in np.argwhere(share >= 0.01):
        _write_share(axes, share[row, column], row, column, corner=bool(images))
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), xlabel="predicted", ylabel="true")
    axes.set_xticks(range(count), class_names, rotation=40, ha="left", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(count), class_names, fontsize=9)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _place_image(axes: Axes, image: np.ndarray, row: int, column: int) -> None:
    """Draw `image` into one cell as ink on a transparent ground, so that the shade of the cell shows through."""
    ink = np.asarray(image, float)
    ink = (ink - ink.min()) / max(np.ptp(ink), 1e-9)
    rgba = np.zeros((*ink.shape, 4))
    rgba[..., 3] = ink
    axes.imshow(rgba, extent=(column - 0.42, column + 0.42, row + 0.46, row - 0.3), aspect="auto", zorder=2)


def _write_share(axes: Axes, share: float, row: int, column: int, corner: bool) -> None:
    right = row == column
    x, y, anchor = (column - 0.46, row - 0.46, ("left", "top")) if corner else (column, row, ("center", "center"))
    axes.text(
        x, y, f"{share:.0%}", ha=anchor[0], va=anchor[1], fontsize=7 if corner else 8.5, zorder=3,
        color=BLUE if right else INK, fontweight="bold" if right else "normal",
    )  # fmt: skip
