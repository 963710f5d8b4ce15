"""Lines, bars, and the training curve that grows while a model trains."""

import os
import time
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from IPython.display import clear_output
from matplotlib.figure import Figure

from utils.plotting.style import BLUE, INK, VERMILION, few_ticks, label_lines, new_figure, show


def lines(
    x: Sequence[float],
    ys: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    scale: str = "linear",
    points: Mapping[str, tuple] | None = None,
    saying: str = "",
) -> None:
    """Draw one labeled line for each entry of `ys` over the common `x`.

    Args:
        x: the horizontal values, (n,).
        ys: for each line its label and its values, (n,).
        saying: one short sentence for what no data can tell, at most 100 characters.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: the finding in a few words.
        scale: "linear", or "log" for both axes.
        points: for each marked point its label, written unless it begins with "_", and its (x, y).
    """
    figure = new_figure()
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title, xscale=scale, yscale=scale)
    for label, y in ys.items():
        axes.plot(x, y, label=label)
    for label, (px, py) in (points or {}).items():
        axes.plot([px], [py], "o", color=INK, label="_point", zorder=5)
        if not label.startswith("_"):
            axes.annotate(label, (px, py), xytext=(7, -4), textcoords="offset points", fontsize=9, va="top")
    few_ticks(axes)
    if scale == "linear" and np.all(np.mod(x, 1) == 0):
        axes.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 2.5
    label_lines(axes)
    show(figure, saying or "A figure without words yet.")


def bars(values: Mapping[str, float], *, xlabel: str, title: str = "", digits: int = 2, saying: str = "") -> None:
    """Draw one horizontal bar for each entry, its value written at its end.

    Args:
        values: for each bar its label and its length, in the order in which they stand from top to bottom.
        saying: one short sentence for what no data can tell, at most 100 characters.
        xlabel: what the length is, with its unit.
        title: the finding in a few words.
        digits: significant digits of the written values.
    """
    figure = new_figure(height=0.8 + 0.36 * len(values))
    axes = figure.add_subplot(xlabel=xlabel, title=title)
    drawn = axes.barh(list(values), list(values.values()), color=BLUE, height=0.62)
    axes.bar_label(drawn, labels=[f"{value:.{digits}g}" for value in values.values()], padding=4, color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.tick_params(axis="y", length=0)
    show(figure, saying or "A figure without words yet.")


class LiveCurve(tf.keras.callbacks.Callback):
    """A training curve that grows while a model trains, and leaves one clean picture behind.

    With `fit`, pass it as a callback. In a loop of your own, open it with `with` and call `add` once an epoch.
    Values whose names differ by "val_" share a panel. A run that is interrupted leaves the picture of what it had.
    """

    def __init__(self, title: str = "", saying: str = ""):
        """Set up an empty curve.

        Args:
            title: stands above the picture; name the data source here.
            saying: one short sentence for what no data can tell, at most 100 characters.
        """
        super().__init__()
        self.title, self.saying = title, saying
        self.history: dict[str, list[float]] = {}
        # The tests compare all that a cell displays, so they ask for the finished picture alone.
        self._is_live = os.environ.get("COURSE_LIVE") != "off"
        self._shown_at = 0.0

    def add(self, **values: float) -> None:
        """Append one value to each named curve and, at most twice a second, redraw."""
        for name, value in values.items():
            self.history.setdefault(name, []).append(float(value))
        if self._is_live and time.monotonic() - self._shown_at > 0.5:
            clear_output(wait=True)
            show(self._draw(), "A training curve that is still growing.")
            self._shown_at = time.monotonic()

    def on_train_begin(self, logs=None) -> None:  # noqa: D102  (Keras's own hook)
        self.history = {}

    def on_epoch_end(self, epoch, logs=None) -> None:  # noqa: D102
        self.add(**(logs or {}))

    def on_train_end(self, logs=None) -> None:  # noqa: D102
        self.finish()

    def __enter__(self):
        return self

    def __exit__(self, *problem) -> None:
        self.finish()

    def finish(self) -> None:
        """Replace the growing curve by the finished one."""
        if not self.history:
            return
        if self._is_live:
            clear_output(wait=True)
        trends = [f"{name} {'falls' if v[-1] < v[0] else 'rises'}" for name, v in self.history.items()]
        epochs = max(len(values) for values in self.history.values())
        default = f"Training curves over {epochs} epochs ({self.title}): {', '.join(trends)}."
        show(self._draw(), self.saying or default)

    def _draw(self) -> Figure:
        names = list(dict.fromkeys(name.removeprefix("val_") for name in self.history))
        figure = new_figure(height=3.0)
        figure.suptitle(self.title, x=0.01, ha="left", fontsize=10, color=INK)
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            for key, color, style, marker in ((name, BLUE, "-", "o"), (f"val_{name}", VERMILION, "--", "s")):
                values = self.history.get(key, [])
                label = "validation" if key.startswith("val_") else "training"
                if values:
                    axes.plot(range(1, len(values) + 1), values, style, color=color, marker=marker, ms=4, label=label)
            axes.set(xlabel="epoch", title=name)
            few_ticks(axes)
            axes.xaxis.get_major_locator().set_params(integer=True)
            label_lines(axes, left=False)
        return figure
