"""Vectors of two components as arrows from one point."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib import rcParams
from matplotlib.patches import Circle, Rectangle

from utils.plotting.description import described, number, plain, quoted, titled
from utils.plotting.style import GRAY, INK, few_ticks, new_figure, show


def arrows(vectors: Mapping[str, Sequence[float]], *, title: str = "", bound: float = 1.0, saying: str = "") -> None:
    """Draw vectors of two components as arrows from one point, with the circle and the square of size `bound`.

    One unit is as long upward as to the right, so that angles are true.

    Args:
        vectors: for each arrow its label and its two components.
        title: the subject in a few words.
        bound: radius of the circle, and half the side of the square.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    figure = new_figure(height=3.4)
    axes = figure.add_subplot(xlabel="first component", ylabel="second component", title=title, aspect="equal")
    axes.add_patch(Circle((0, 0), bound, fill=False, ls=":", color=GRAY))
    axes.add_patch(Rectangle((-bound, -bound), 2 * bound, 2 * bound, fill=False, ls=":", color=GRAY))
    vectors = {label: np.asarray(vector, float) for label, vector in vectors.items()}
    colors = [INK, *rcParams["axes.prop_cycle"].by_key()["color"]]
    for (label, (x, y)), color in zip(vectors.items(), cycle(colors), strict=False):
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 2, "color": color, "shrinkA": 0})
        axes.annotate(
            label, (x, y), xytext=(6, -7), textcoords="offset points", va="center", color=color, fontweight="bold",
            fontsize=9,
        )  # fmt: skip
    x, y = np.reshape(list(vectors.values()), (-1, 2)).T
    axes.set_xlim(1.3 * x.min(initial=-bound), 1.45 * x.max(initial=bound))
    axes.set_ylim(1.3 * y.min(initial=-bound), 1.25 * y.max(initial=bound))
    few_ticks(axes)
    words = described(
        f"{titled('Arrows', title)}, from the origin, with a circle of radius {plain(bound)} and the square around it",
        *(arrow_in_words(label, vector) for label, vector in vectors.items()),
        saying=saying,
    )
    show(figure, words)


def arrow_in_words(label: str, vector: np.ndarray) -> str:
    """Say where an arrow ends, how long it is, and its angle to the horizontal axis."""
    x, y = vector
    words = f"{quoted(label)} ends at ({number(x)}, {number(y)}), length {number(np.hypot(x, y))}"
    return words if x == y == 0 else f"{words}, angle {number(np.degrees(np.arctan2(y, x)))}°"
