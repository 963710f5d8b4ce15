"""Figures of several inputs: maps of places, two measures of importance side by side, and the map of the course."""

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyArrowPatch

from utils.plotting.style import BLUE, GREEN, GREY, INK, PAPER, VERMILION, few_ticks, new_figure, show

# The final model of notebook 10: for each part its column and height, its name, the notebooks it comes from, and the
# parts that it is made from.
PARTS = {
    "place": (0, 3.0, "place", "", ()),
    "numbers": (0, 2.0, "numbers", "", ()),
    "region": (0, 1.0, "region (word)", "", ()),
    "cell": (1, 3.0, "crossed cell", "10", ("place",)),
    "scaled": (1, 2.0, "scaled, holes filled", "7, 10", ("place", "numbers")),
    "word": (1, 1.0, "vocabulary", "8", ("region",)),
    "wide": (2, 3.0, "wide: remembers", "10", ("cell",)),
    "deep": (2, 1.5, "deep: generalizes", "7", ("scaled", "word")),
    "price": (3, 2.25, "price", "7", ("wide", "deep")),
    "loss": (4, 3.0, "Huber loss", "3", ("price",)),
    "metric": (4, 1.5, "streaming R²", "4", ("price",)),
    "ship": (4, 0.5, "SavedModel", "9, 10", ("price",)),
    "tape": (4, 4.0, "tape: gradients", "1", ("loss",)),
    "clip": (3, 4.0, "averaged, clipped", "5", ("tape",)),
    "step": (2, 4.0, "train_step", "2", ("clip",)),
    "loop": (1, 4.0, "loop over epochs", "6", ("step",)),
}
TRAINING = ("loss", "tape", "clip", "step", "loop")


def course_map(*, title: str = "", saying: str = "") -> None:
    """Draw the final model of the course as a graph whose parts say which notebook they came from.

    Args:
        saying: one short sentence for what no data can tell, at most 100 characters.
        title: the finding in a few words.
    """
    figure = new_figure(height=4.6)
    axes = figure.add_subplot(title=title, xlim=(-0.55, 4.55), ylim=(0.0, 4.6))
    axes.axis("off")
    for key, (column, height, name, notebooks, sources) in PARTS.items():
        color = BLUE if not sources else VERMILION if key in TRAINING else INK
        edge = {"boxstyle": "round,pad=0.35", "fc": PAPER, "ec": color, "lw": 1.3}
        text = {"ha": "center", "va": "center", "zorder": 3}
        axes.text(column, height, _in_two_lines(name), fontsize=8, fontweight="bold", color=color, bbox=edge, **text)
        if notebooks:
            label = "notebook" if notebooks.isdigit() else "notebooks"
            axes.text(column, height - 0.38, f"{label} {notebooks}", fontsize=8, color=GREEN, style="italic", **text)
        for source in sources:
            _connect(axes, PARTS[source][:2], (column, height))
    axes.add_patch(
        FancyArrowPatch((2.3, 3.9), (2.3, 3.2), arrowstyle="-|>", mutation_scale=9, color=VERMILION, ls="--", zorder=1)
    )
    axes.text(2.36, 3.4, "new weights", fontsize=8, color=VERMILION, va="center")
    show(figure, saying or "A figure without words yet.")


def _in_two_lines(name: str) -> str:
    head, _, tail = name.rpartition(" ")
    return f"{head}\n{tail}" if head and len(name) > 11 else name


def _connect(axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two boxes: from side to side, or from top to bottom within a column."""
    side = np.sign(end[0] - start[0])
    if side:
        tail, head = (start[0] + 0.34 * side, start[1]), (end[0] - 0.34 * side, end[1])
    else:
        up = np.sign(end[1] - start[1])
        tail, head = (start[0], start[1] + 0.2 * up), (end[0], end[1] - 0.52 * up)
    axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=GREY, lw=1.1, zorder=1))


def place_maps(
    place: np.ndarray, panels: Mapping[str, np.ndarray], *, unit: str, title: str = "", saying: str = ""
) -> None:
    """Draw one small map for each entry of `panels`, all with one scale of shades, darker where the value is larger.

    Args:
        place: (n, 2): longitude and latitude in degrees.
        panels: for each map its label and its values, (n,). The first one sets the scale.
        saying: one short sentence for what no data can tell, at most 100 characters.
        unit: what the values are, with their unit.
        title: the finding in a few words; name the data source here.
    """
    figure = new_figure(height=3.7, headline=title)
    shades = LinearSegmentedColormap.from_list("worth", ["#e6e1d3", BLUE, "#00121f"])
    size = min(14.0, 15000 / len(place))
    low, high = np.quantile(next(iter(panels.values())), [0.02, 0.98])
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (label, values) in zip(all_axes, panels.items(), strict=True):
        points = axes.scatter(*np.transpose(place), c=values, s=size, cmap=shades, vmin=low, vmax=high, lw=0)
        axes.set_title(label, fontsize=10)
        axes.set_aspect(1 / np.cos(np.radians(37)))
        few_ticks(axes, 3)
    all_axes[0].set(xlabel="longitude", ylabel="latitude")
    figure.colorbar(points, ax=all_axes, label=unit, shrink=0.8, aspect=25)
    show(figure, saying or "A figure without words yet.")


def importance(
    pairs: Mapping[str, tuple[float, float]], *, labels: tuple[str, str], title: str = "", saying: str = ""
) -> None:
    """Draw two measures of the importance of each input as bars, in two panels that share their rows.

    Args:
        pairs: for each input its two values, in the order in which they stand from top to bottom.
        saying: one short sentence for what no data can tell, at most 100 characters.
        labels: what the two values are, with their units.
        title: the finding in a few words; name the data source here.
    """
    figure = new_figure(height=1.0 + 0.4 * len(pairs), headline=title)
    for axes, values, label, color in zip(
        figure.subplots(1, 2, sharey=True), zip(*pairs.values(), strict=True), labels, (BLUE, VERMILION), strict=True
    ):
        drawn = axes.barh(list(pairs), values, color=color, height=0.6, hatch="" if color == BLUE else "///", ec=PAPER)
        axes.bar_label(drawn, fmt="%.2f", padding=3, fontsize=9, color=INK)
        axes.margins(x=0.18)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(label, fontsize=9)
    figure.axes[0].invert_yaxis()
    show(figure, saying or "A figure without words yet.")
