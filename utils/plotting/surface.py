"""A function of two numbers as a map: contours, the paths that walk over it, and a marked point."""

from collections.abc import Mapping, Sequence

import matplotlib.patheffects
import numpy as np

from utils.plotting.description import counted, described, number, quoted, titled
from utils.plotting.style import GREY, INK, PAPER, few_ticks, new_figure, show

MARKERS = "osD^"


def surface(
    x: Sequence[float],
    y: Sequence[float],
    heights: np.ndarray,
    *,
    paths: Mapping[str, np.ndarray],
    best: tuple[str, tuple[float, float]],
    every: int = 10,
    xlabel: str,
    ylabel: str,
    title: str = "",
    saying: str = "",
) -> None:
    """Draw the contours of a function of two numbers, and over them one labeled path for each entry of `paths`.

    Contours are closer together near the least height: their levels grow geometrically, from twenty in all.

    Args:
        x: horizontal positions, (n,), increasing.
        y: vertical positions, (m,), increasing.
        heights: the function, (m, n): `heights[i, j]` is its value at (x[j], y[i]).
        paths: for each path its label and its points, (steps, 2); up to four. Its label stands where it is alone.
        best: a label and the point (x, y) that it marks.
        every: a path has a marker at every so many steps, so that one sees how fast it walks.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    paths = {label: np.asarray(path, float) for label, path in paths.items()}
    heights = np.asarray(heights, float)
    figure = new_figure(height=4.8)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title)
    least = heights.min()
    levels = least + np.geomspace(1e-3, 1, 20) * (heights.max() - least)
    axes.contour(x, y, heights, levels, colors=GREY, linewidths=0.6, alpha=0.45, linestyles="-")
    halo = [matplotlib.patheffects.withStroke(linewidth=3.5, foreground=PAPER)]
    drawn = {}
    for (label, path), marker in zip(paths.items(), MARKERS, strict=False):
        (drawn[label],) = axes.plot(*np.transpose(path), marker=marker, ms=5, markevery=every, lw=1.6, label=label)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    span = np.array([x[-1] - x[0], y[-1] - y[0]])
    for label, line in drawn.items():
        px, py, side = _loneliest(label, paths, span)
        axes.annotate(
            label, (px, py), xytext=(9 * side, 0), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", color=line.get_color(), fontweight="bold", fontsize=9, zorder=6,
            path_effects=halo,
        )  # fmt: skip
    label, point = best
    axes.plot(*point, "*", ms=15, color=INK, mec=PAPER, zorder=7)
    axes.annotate(
        label, point, xytext=(10, -4), textcoords="offset points", va="top", fontsize=9, color=INK, zorder=7,
        path_effects=halo,
    )  # fmt: skip
    few_ticks(axes)
    show(figure, _in_words(x, y, heights, paths, best, f"{xlabel} and {ylabel}", title, saying))


def _in_words(x, y, heights, paths, best, over: str, title: str, saying: str) -> str:
    lowest = np.unravel_index(np.argmin(heights), heights.shape)
    place = f"({number(x[lowest[1]])}, {number(y[lowest[0]])})"
    label, point = best
    return described(
        f"{titled('Contours', title)}: heights over {over}, the least drawn one {number(heights[lowest])} at {place}",
        f"A star marks {quoted(label)} at ({number(point[0])}, {number(point[1])})",
        *(path_in_words(name, path, label, point) for name, path in paths.items()),
        saying=saying,
    )


def path_in_words(label: str, path: np.ndarray, goal: str, point: Sequence[float]) -> str:
    """Say where a path starts and ends, how far it walks, and how near to the goal it ends."""
    start, end = (f"({number(place[0])}, {number(place[1])})" for place in (path[0], path[-1]))
    walked = np.sum(np.linalg.norm(np.diff(path, axis=0), axis=1))
    return (
        f"{quoted(label)} walks {number(walked)} in {counted(len(path) - 1, 'step')}, from {start} to {end}, "
        f"{number(np.linalg.norm(path[-1] - np.asarray(point, float)))} from {quoted(goal)}"
    )


def _loneliest(label: str, paths: Mapping[str, np.ndarray], span: np.ndarray) -> tuple[float, float, int]:
    """Return the point of a path furthest from all other paths, and the side (1 or -1) away from the nearest."""
    own = np.asarray(paths[label])
    others = [np.asarray(path) for name, path in paths.items() if name != label]
    if not others:
        return *own[len(own) // 2], 1
    away = (own[:, np.newaxis] - np.concatenate(others)) / span
    distances = np.linalg.norm(away, axis=-1)
    step = int(np.argmax(distances.min(axis=1)))
    return *own[step], 1 if away[step, np.argmin(distances[step]), 0] >= 0 else -1
