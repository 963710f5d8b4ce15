"""Values at places as small maps that share one scale of shades."""

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from utils.plotting.description import constant, counted, described, greatest_in_words, number, quoted, titled
from utils.plotting.style import BLUE, few_ticks, new_figure, show


def place_maps(
    place: np.ndarray, panels: Mapping[str, np.ndarray], *, unit: str, title: str = "", saying: str = ""
) -> None:
    """Draw one small map for each entry of `panels`, all with one scale of shades, darker where the value is larger.

    Args:
        place: (n, 2): longitude and latitude in degrees.
        panels: for each map its label and its values, (n,). The first one sets the scale.
        unit: what the values are, with their unit.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    place = np.asarray(place, float)
    panels = {label: np.ravel(np.asarray(values, float)) for label, values in panels.items()}
    figure = new_figure(height=3.7, headline=title)
    shades = LinearSegmentedColormap.from_list("worth", ["#e6e1d3", BLUE, "#00121f"])
    size = min(14.0, 15000 / max(len(place), 1))
    low, high = np.nanquantile(next(iter(panels.values())), [0.02, 0.98])
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (label, values) in zip(all_axes, panels.items(), strict=True):
        points = axes.scatter(*np.transpose(place), c=values, s=size, cmap=shades, vmin=low, vmax=high, lw=0)
        axes.set_title(label, fontsize=10)
        axes.set_aspect(1 / np.cos(np.radians(37)))
        few_ticks(axes)
    all_axes[0].set(xlabel="longitude", ylabel="latitude")
    figure.colorbar(points, ax=all_axes, label=unit, shrink=0.8, aspect=25)
    medians = {label: np.nanmedian(values) for label, values in panels.items()}
    words = described(
        f"{titled('Maps', title)}: {counted(len(place), 'place')}, darker where the {unit} is larger",
        *(map_in_words(label, place, values) for label, values in panels.items()),
        f"By their medians: {greatest_in_words(medians)}" if len(panels) > 1 else "",
        saying=saying,
    )
    show(figure, words)


def map_in_words(label: str, place: np.ndarray, values: np.ndarray) -> str:
    """Say which values a map shows, and how they go with longitude and latitude."""
    seen = np.isfinite(values)
    place, values = place[seen], values[seen]
    if not len(values):
        return f"{quoted(label)} shows no value"
    low, middle, high = np.quantile(values, [0.02, 0.5, 0.98])
    words = f"{quoted(label)}: 96 % of the values from {number(low)} to {number(high)}, median {number(middle)}"
    if len(values) < 3 or constant(values) or any(constant(coordinate) for coordinate in place.T):
        return words
    east, north = (np.corrcoef(coordinate, values)[0, 1] for coordinate in place.T)
    return f"{words}; correlation with longitude {number(east)}, with latitude {number(north)}"
