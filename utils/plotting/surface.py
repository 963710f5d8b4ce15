"""A function of two numbers as a map: contours, the paths that walk over it, and a marked point."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np

from utils.plotting.description import counted, described, number, quoted, titled
from utils.plotting.style import GRAY, HALO, INK, PAPER, WIDTH, few_ticks, new_figure, show

MARKERS = "osD^"
APART = 0.14  # inches between two markers of a path, at least


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

    The heights of the twenty contours above the least height grow geometrically. One unit is as long upward as to the
    right, so that angles are true, unless one side is more than three times the other.

    Args:
        x: horizontal positions, (n,), increasing.
        y: vertical positions, (m,), increasing.
        heights: the function, (m, n): `heights[i, j]` is its value at (x[j], y[i]).
        paths: for each path its label and its points, (steps, 2). Its label stands where it is alone. Four differ in
            color and markers; a fifth looks like the first again.
        best: a label and the point (x, y) that it marks.
        every: a path has a marker at every so many steps, so that one sees how fast it walks; where it is so slow that
            markers would cover each other, some are left out.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    paths = {label: np.asarray(path, float) for label, path in paths.items()}
    heights = np.asarray(heights, float)
    span = np.array([x[-1] - x[0], y[-1] - y[0]], float)
    room = _room(span)
    figure = new_figure(height=room[1] + 0.9, headline=title)
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    if np.isclose(*(room / span)):
        axes.set_aspect("equal")
    least = heights.min()
    levels = least + np.geomspace(1e-3, 1, 20) * (heights.max() - least)
    axes.contour(x, y, heights, levels, colors=GRAY, linewidths=0.6, alpha=0.45, linestyles="-")
    drawn = {}
    for (label, path), marker in zip(paths.items(), cycle(MARKERS), strict=False):
        marked = _apart(path * room / span, every)
        (drawn[label],) = axes.plot(*np.transpose(path), marker=marker, ms=5, markevery=marked, lw=1.6, label=label)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    for label, line in drawn.items():
        px, py, side = _loneliest(label, paths, span)
        axes.annotate(
            label, (px, py), xytext=(9 * side, 0), textcoords="offset points", va="center",
            ha="left" if side > 0 else "right", color=line.get_color(), fontweight="bold", fontsize=9, zorder=6,
            path_effects=HALO,
        )  # fmt: skip
    label, point = best
    axes.plot(*point, "*", ms=15, color=INK, mec=PAPER, zorder=7)
    axes.annotate(
        label, point, xytext=(10, -4), textcoords="offset points", va="top", fontsize=9, color=INK, zorder=7,
        path_effects=HALO,
    )  # fmt: skip
    few_ticks(axes)
    show(figure, _in_words(x, y, heights, paths, best, f"{xlabel} and {ylabel}", title, saying))


def _in_words(x, y, heights, paths, best, over: str, title: str, saying: str) -> str:
    lowest = np.unravel_index(np.argmin(heights), heights.shape)
    label, point = best
    starts = np.array([path[0] for path in paths.values()])
    together = len(starts) > 1 and np.all(np.ptp(starts, axis=0) <= 1e-6 * np.abs(starts).max())
    return described(
        f"{titled('Contours', title)}: heights over {over}",
        f"The least drawn height is {number(heights[lowest])}, at {_pair(x[lowest[1]], y[lowest[0]])}",
        f"A star marks {quoted(label)} at {_pair(*point)}",
        f"All paths start at {_pair(*starts[0])}" if together else "",
        *(path_in_words(name, path, point, tell_start=not together) for name, path in paths.items()),
        saying=saying,
    )


def path_in_words(label: str, path: np.ndarray, star: Sequence[float], tell_start: bool = True) -> str:
    """Say how far a path walks, how often it turns back to the left or right, and how near to the star it ends."""
    path, sideways = np.asarray(path, float), np.diff(path[:, 0])
    walked = np.sum(np.linalg.norm(np.diff(path, axis=0), axis=1))
    turns = np.sum(np.diff(np.sign(sideways[sideways != 0])) != 0)
    start = f" from {_pair(*path[0])}" if tell_start else ""
    walk = f"{quoted(label)} walks {number(walked)} in {counted(len(path) - 1, 'step')}{start}"
    left = np.linalg.norm(path[-1] - np.asarray(star, float))
    return f"{walk}, turns sideways {number(turns)} times, ends {number(left)} from the star"


def _pair(x: float, y: float) -> str:
    return f"({number(x)}, {number(y)})"


def _room(span: np.ndarray) -> np.ndarray:
    """Return width and height of the axes in inches: in the proportions of `span` if it is not too long or too flat."""
    width, tallest = WIDTH - 0.9, 5.4
    if not 1 / 3 <= span[1] / span[0] <= 3:
        return np.array([width, 3.9])
    return span * min(width / span[0], tallest / span[1])


def _apart(path: np.ndarray, every: int) -> list[int]:
    """Return every so many steps of a path, (steps, 2) in inches, that are `APART` from the last one kept, or more."""
    kept = [0]
    for step in range(every, len(path), every):
        if np.linalg.norm(path[step] - path[kept[-1]]) >= APART:
            kept.append(step)
    return kept


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
