"""The style sheet, and `show`, through which every figure of the course reaches the page with its words."""

import base64
import html
import io
from pathlib import Path

import matplotlib.patheffects
import matplotlib.style
import matplotlib.ticker
import numpy as np
from IPython import display as page
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

BLUE, VERMILION, GREEN, GRAY = "#0072b2", "#d55e00", "#009e73", "#4d4d4d"
INK, PAPER = "#262626", "#fbfaf7"
WIDTH = 7.5  # inches: one width for all figures, so that their text has one size
GAP = 0.07  # the least distance between the labels of two lines, as a share of the height of the axes

HALO = [matplotlib.patheffects.withStroke(linewidth=3.5, foreground=PAPER)]  # keeps text readable over lines

try:  # first the defaults, in place of what a matplotlibrc of the reader's asks for: LaTeX, white text, a grid
    matplotlib.style.use(["default", Path(__file__).with_name("course.mplstyle")])
except OSError:
    raise ImportError("'utils': plotting/course.mplstyle cannot be read") from None


def new_figure(height: float = 3.6, headline: str = "") -> Figure:
    """Return an empty figure of the course's width and of `height` inches, that pyplot knows nothing of.

    Args:
        height: in inches.
        headline: the finding, over all panels; with one panel, give the title to its axes instead.
    """
    figure = Figure(figsize=(WIDTH, height))
    if headline:
        figure.suptitle(headline, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    return figure


def has_page() -> bool:
    """Tell whether there is a page to show a figure on: a program that runs in a terminal has none."""
    return get_ipython() is not None


def display(data: dict, **named) -> None:
    """Put a figure or its words on the page; without one, write what there is in plain text."""
    if has_page():
        page.display(data, **named)
    elif "text/plain" in data:  # IPython would write all, pictures as letters
        print(data["text/plain"])


def show(figure: Figure, description: str) -> None:
    """Display a figure together with its description in words.

    Args:
        figure: the figure to display.
        description: what a colleague would say that the figure shows, with its numbers. It is the picture's alternative
            text, its plain-text form, which the tests compare, and stands folded below the picture: JupyterLab, for
            one, gives a screen reader no alternative text.
    """
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    figure.set_dpi(2 * figure.dpi)  # twice the pixels: sharp on a dense screen
    canvas, buffer = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()
    # A palette of 256 colors takes less than half the bytes, so that the course fits into 10 MB. The median cut keeps
    # the shades of areas, which maximum coverage turns gray.
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    drawn.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(buffer, "PNG")
    display(
        {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": description},
        metadata={"image/png": {"alt": description, "width": width, "height": height}},
        raw=True,
    )
    words = f"<details><summary>The figure in words</summary>{html.escape(description, quote=False)}</details>"
    display({"text/html": words}, raw=True)


def few_ticks(axes: Axes, *, y: bool = True, whole_x: bool = False) -> None:
    """Leave a few round ticks on each axis, and write them as plain numbers.

    Args:
        axes: whose limits are settled.
        y: whether the vertical axis is meant, too.
        whole_x: no ticks between whole numbers on the horizontal axis.
    """
    axes.autoscale_view()  # the limits are otherwise set when the figure is drawn
    for axis in (axes.xaxis, axes.yaxis) if y else (axes.xaxis,):
        axis.set_major_locator(RoundTicks(axis.get_scale(), whole=whole_x and axis is axes.xaxis))
        low, high = sorted(axis.get_view_interval())
        if axis.get_scale() == "log":
            axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        if (low > 1e-4 and high < 1e6) if axis.get_scale() == "log" else high >= 1000:
            axis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.10g}"))


class RoundTicks(matplotlib.ticker.Locator):
    """Ticks whose spacing is 1, 2 or 5 times a power of ten: the widest that leaves three of them in sight, or more.

    On a logarithmic axis they are powers of ten, or, where fewer than three are in sight, round numbers between.
    """

    def __init__(self, scale: str = "linear", whole: bool = False):
        """Set the scale of the axis, "linear" or "log", and whether ticks lie at whole numbers only."""
        self.scale, self.whole = scale, whole

    def __call__(self) -> np.ndarray:
        """Return the ticks of the axis as it is now."""
        return self.tick_values(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> np.ndarray:
        """Return the ticks from `vmin` to `vmax`."""
        return self._by_decades(vmin, vmax) if self.scale == "log" and vmin > 0 else self._even(vmin, vmax)

    def _even(self, low: float, high: float) -> np.ndarray:
        """Return evenly spaced ticks."""
        power = np.floor(np.log10(max(high - low, 1e-300)))
        steps = [digit * 10.0**p for p in (power, power - 1) for digit in (5, 2, 1)]
        for step in [step for step in steps if step >= 1 or not self.whole] or [1.0]:
            slack = 1e-9 * (high - low) / step
            first, last = np.ceil(low / step - slack), np.floor(high / step + slack)
            if last - first >= 2:
                break
        return np.arange(first, last + 1) * step + 0.0  # -0.0 is 0

    def _by_decades(self, low: float, high: float) -> np.ndarray:
        """Return powers of ten, or on an axis with fewer than three of them numbers between."""
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7)):
            ticks = np.sort(np.outer(10.0**decades, digits).ravel())
            ticks = ticks[(ticks >= low * (1 - 1e-9)) & (ticks <= high * (1 + 1e-9))]
            if len(ticks) >= 3:
                return ticks[:: -(-len(ticks) // 6)]
        return self._even(low, high)


def label_lines(axes: Axes, left: bool = True) -> None:
    """Write the label of each line at its end, in its color, moved apart where labels would meet.

    The labels stand at the right ends, or above the left ends if that is allowed and the lines are much further apart
    there. A line ends with its last point that can be drawn: one that diverges needs its label most.

    Args:
        axes: the axes with labeled lines; labels that start with "_" are left out, as in a legend.
        left: whether labels may stand at the left.
    """
    axes.autoscale_view()  # the limits are otherwise set when the figure is drawn, too late to measure heights
    to_axes = axes.transData + axes.transAxes.inverted()
    lines, ends = [], {0: [], -1: []}
    for line in axes.get_lines():
        points = to_axes.transform(np.transpose(line.get_data()))
        points = points[np.isfinite(points).all(axis=1) & (points[:, 1] > -1)]  # 0 on a logarithmic axis is far below
        if len(points) and not str(line.get_label()).startswith("_"):
            lines.append(line)
            for side, places in ends.items():
                places.append(points[side])
    spread = {side: np.min(np.diff(np.sort([y for _, y in points])), initial=1) for side, points in ends.items()}
    side = 0 if left and spread[0] > 6 * max(spread[-1], GAP / 2) else -1
    lowest = -1.0
    for i in np.argsort([y for _, y in ends[side]]):
        x, y = ends[side][i]
        lowest = max(y, lowest + GAP)
        axes.annotate(
            lines[i].get_label(), (x, lowest), xycoords="axes fraction", xytext=(5, 0) if side else (0, 5),
            textcoords="offset points", va="center" if side else "bottom", color=lines[i].get_color(),
            fontweight="bold", fontsize=9, path_effects=HALO,
        )  # fmt: skip
