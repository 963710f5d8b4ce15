"""A wall of images: rows of related pictures, with heat laid over some and names under some."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb

from utils.plotting.style import INK, VERMILION, WIDTH, new_figure, show


def image_wall(
    rows: Mapping[str, np.ndarray],
    description: str,
    *,
    heat: Mapping[str, np.ndarray] | None = None,
    names: Mapping[str, Sequence] | None = None,
    title: str = "",
) -> None:
    """Draw one row of images for each entry of `rows`, its label at the left.

    Args:
        rows: for each row its label and its images, (n, height, width), drawn dark on light; all rows have the same n.
        description: what the figure shows, in words; see `show`.
        heat: for some rows, values of at least 0, (n, height, width), laid over each image in color: the greater, the
            denser. Under heat the image is drawn pale.
        names: for some rows, n things written under the images. A name that differs from the one in the first row that
            has names is bold and in color.
        title: the finding in a few words; name the data source here.
    """
    heat, names = heat or {}, names or {}
    usual = next(iter(names.values()), None)
    columns = max(len(images) for images in rows.values())
    figure = new_figure(height=(WIDTH / (columns + 1) + 0.06) * len(rows) + 0.2 * len(names) + 0.4, headline=title)
    grid = figure.subplots(len(rows), columns + 1, squeeze=False)
    for axes_of_row, (label, images) in zip(grid, rows.items(), strict=True):
        axes_of_row[0].text(1, 0.5, label.replace(" ", "\n", 1), ha="right", va="center", fontsize=9, color=INK)
        for axes in axes_of_row:
            axes.axis("off")
        for i, (axes, image) in enumerate(zip(axes_of_row[1:], images, strict=False)):
            axes.imshow(image, cmap="Greys", alpha=0.45 if label in heat else 1.0)
            if label in heat:
                axes.imshow(_colored(heat[label][i]))
            if label in names:
                differs = names[label][i] != usual[i]
                axes.set_title(
                    str(names[label][i]), y=-0.02, va="top", loc="center", pad=0, fontsize=9,
                    fontweight="bold" if differs else "normal", color=VERMILION if differs else INK,
                )  # fmt: skip
    show(figure, description)


def _colored(values: np.ndarray) -> np.ndarray:
    """Return an RGBA image of one hue whose opacity grows with the value, up to the 99th percentile."""
    rgba = np.empty((*np.shape(values), 4))
    rgba[..., :3] = to_rgb(VERMILION)
    rgba[..., 3] = np.clip(values / max(np.percentile(values, 99), 1e-9), 0, 1)
    return rgba
