"""A wall of images: rows of related pictures, with heat laid over some and names under some."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb

from utils.plotting.description import counted, described, listed, number, quoted, titled
from utils.plotting.sheet import new_sheet, place
from utils.plotting.style import INK, VERMILION, WIDTH, show


def image_wall(
    rows: Mapping[str, np.ndarray],
    *,
    heat: Mapping[str, np.ndarray] | None = None,
    names: Mapping[str, Sequence] | None = None,
    title: str = "",
    saying: str = "",
) -> None:
    """Draw one row of images for each entry of `rows`, its label at the left.

    Args:
        rows: for each row its label and its images, (n, height, width), drawn dark on light; all rows have the same n.
        heat: for some rows, values of at least 0, (n, height, width), laid over each image in color: the greater, the
            denser. Under heat the image is drawn pale.
        names: for some rows, n things written under the images. A name that differs from the one in the first row that
            has names is bold and in color.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.

    Raises:
        ValueError: when `heat` or `names` has a row that `rows` has not.
    """
    heat, names = heat or {}, names or {}
    if unknown := {*heat, *names} - {*rows}:
        raise ValueError(f"There is no row {listed(map(quoted, sorted(unknown)))} to lay heat over or write under.")
    usual = next(iter(names.values()), None)
    columns = max(len(images) for images in rows.values())
    cell = WIDTH / (columns + 1)
    bottoms = np.cumsum([cell + (0.22 if label in names else 0.06) for label in rows])
    figure, axes = new_sheet(bottoms[-1] + 0.05, title)
    for top, (label, images) in zip([0, *bottoms], rows.items(), strict=False):
        axes.text(cell - 0.06, top + cell / 2, str(label).replace(" ", "\n", 1), ha="right", va="center", fontsize=9)
        for i, image in enumerate(images):
            left = (i + 1) * cell
            place(axes, image, left + 0.03, top, cell - 0.06, cmap="Greys", alpha=0.45 if label in heat else 1.0)
            if label in heat:
                place(axes, _colored(heat[label][i]), left + 0.03, top, cell - 0.06)
            if label in names:
                differs = names[label][i] != usual[i]
                axes.text(
                    left + cell / 2, top + cell, names[label][i], ha="center", va="top", fontsize=9,
                    fontweight="bold" if differs else "normal", color=VERMILION if differs else INK,
                )  # fmt: skip
    labels = listed(quoted(label) for label in rows)
    words = described(
        f"{titled('A wall of images', title)}: {counted(len(rows), 'row')} of {columns}, from the top {labels}",
        *(heat_in_words(label, values) for label, values in heat.items()),
        *names_in_words(names),
        saying=saying,
    )
    show(figure, words)


def heat_in_words(label: str, values: np.ndarray) -> str:
    """Say where the heat of a row lies on average, and how much of it in the middle of the images."""
    values = np.nan_to_num(np.asarray(values, float))
    total = values.sum(axis=0)
    if not total.sum() > 0:
        return f"{quoted(label)} carries no heat"
    row, column = np.unravel_index(np.argmax(total), total.shape)
    height, width = total.shape
    middle = total[height // 4 : height - height // 4, width // 4 : width - width // 4].sum() / total.sum()
    place = f"{number(row + 0.5)} of {height} pixels from the top and {number(column + 0.5)} of {width} from the left"
    inside = f"{number(100 * middle)} % of it lies in the middle half of both sides"
    return f"{quoted(label)} carries heat: on average it is greatest {place}; {inside}"


def names_in_words(names: Mapping[str, Sequence]) -> list[str]:
    """Say which rows have names, and how many names of later rows differ from those of the first."""
    if not names:
        return []
    (first, usual), *others = names.items()
    sentences = [f"Names stand under {quoted(first)}"]
    for label, given in others:
        differing = sum(name != known for name, known in zip(given, usual, strict=False))
        sentences.append(f"Under {quoted(label)} {number(differing)} of {len(given)} names differ from them, in bold")
    return sentences


def _colored(values: np.ndarray) -> np.ndarray:
    """Return an RGBA image of one hue whose opacity grows with the value, up to the 99th percentile."""
    rgba = np.empty((*np.shape(values), 4))
    rgba[..., :3] = to_rgb(VERMILION)
    rgba[..., 3] = np.clip(values / max(np.percentile(values, 99), 1e-9), 0, 1)
    return rgba
