"""The training curve that grows while a model trains."""

import os
import time

import numpy as np
import tensorflow as tf
from IPython.display import clear_output
from matplotlib.figure import Figure

from utils.plotting.description import CLOSE, described, number, titled
from utils.plotting.style import BLUE, INK, VERMILION, few_ticks, has_page, label_lines, new_figure, show

FALLING = ("loss", "error", "mse", "mae", "msle", "mape")  # names of what is better when it is lower
RISING = ("acc", "auc", "precision", "recall", "r2", "f1", "iou")


class LiveCurve(tf.keras.callbacks.Callback):
    """A training curve that grows while a model trains, and leaves one clean picture behind.

    With `fit`, pass it as a callback. In a loop of your own, open it with `with` and call `add` once an epoch.
    Values whose names differ by "val_" share a panel. A loop that is interrupted leaves the picture of what it had; of
    `fit` the last one that was still growing stays.
    """

    def __init__(self, title: str = "", saying: str = ""):
        """Set up an empty curve.

        Args:
            title: stands above the picture; name the data source here.
            saying: one short sentence for what no data can tell, at most 100 characters.

        Raises:
            ValueError: when `saying` is too long; now, and not after an hour of training.
        """
        super().__init__()
        described(saying=saying)
        self.title, self.saying = title, saying
        self.history: dict[str, list[float]] = {}
        # The tests compare all that a cell displays, so they ask for the finished picture alone.
        self._is_live = os.environ.get("COURSE_LIVE") != "off" and has_page()
        self._shown_at = 0.0

    def add(self, **values: float) -> None:
        """Append one value to each named curve and, at most twice a second, redraw.

        Each curve counts its own values as epochs: one that gets a value every second epoch is drawn too short.
        """
        numbers = {name: float(value) for name, value in values.items()}  # what is none stops here, and leaves no trace
        for name, value in numbers.items():
            self.history.setdefault(name, []).append(value)
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
        show(self._draw(), self._in_words())

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name.removeprefix("val_") for name in self.history))

    def _draw(self) -> Figure:
        names = self._names()
        figure = new_figure(height=3.0)
        figure.suptitle(self.title, x=0.01, ha="left", fontsize=10, color=INK)
        for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
            for key, color, style, marker in ((name, BLUE, "-", "o"), (f"val_{name}", VERMILION, "--", "s")):
                values = self.history.get(key, [])
                label = "validation" if key.startswith("val_") else "training"
                if values:
                    axes.plot(range(1, len(values) + 1), values, style, color=color, marker=marker, ms=4, label=label)
            axes.set(xlabel="epoch", title=name)
            few_ticks(axes, whole_x=True)
            label_lines(axes, left=False)
        return figure

    def _in_words(self) -> str:
        epochs = max(len(values) for values in self.history.values())
        kind = f"{titled('Training curves', self.title)}: {number(epochs)} epochs"
        curves = [curve_in_words(name, self.history) for name in self._names()]
        return described(kind, *curves, saying=self.saying)


def curve_in_words(name: str, history: dict[str, list[float]]) -> str:
    """Say of one quantity how training and validation begin, where they are best, and how far apart they end.

    Args:
        name: the quantity; `history` holds it under its name, under "val_" and its name, or under both.
        history: for each curve its values, one an epoch.
    """
    curves = {
        label: np.asarray(history[key], float)
        for key, label in ((name, "training"), (f"val_{name}", "validation"))
        if key in history
    }
    finite = np.concatenate([values[np.isfinite(values)] for values in curves.values()])
    span = np.ptp(finite) if len(finite) else 0.0
    words = [f"{label} {_course(values, span)}{_best(name, values)}" for label, values in curves.items()]
    if len(curves) == 2:
        words.append(_gap(curves["validation"][-1] - curves["training"][-1], span))
    return f"{name}: {'; '.join(words)}"


def _course(values: np.ndarray, span: float) -> str:
    if len(values) == 1:
        return f"is {number(values[0])}"
    change = values[-1] - values[0]
    verb = "rises" if change > CLOSE * span else "falls" if change < -CLOSE * span else "goes"
    return f"{verb} from {number(values[0])} to {number(values[-1])}"


def _best(name: str, values: np.ndarray) -> str:
    """Name the epoch of the best value, or of both extremes where the name does not tell which one is good."""
    if len(values) == 1 or not np.any(np.isfinite(values)):
        return ""
    falling, rising = (any(part in name.lower() for part in parts) for parts in (FALLING, RISING))
    extremes = {"lowest": np.nanargmin, "highest": np.nanargmax}
    wanted = ["lowest"] if falling and not rising else ["highest"] if rising and not falling else list(extremes)
    values = np.where(np.isfinite(values), values, np.nan)
    found = [
        f"{word} {number(values[i])} in epoch {number(i + 1)}" for word in wanted for i in [extremes[word](values)]
    ]
    return f" ({', '.join(found)})"


def _gap(gap: float, span: float) -> str:
    if not np.isfinite(gap):
        return "at the end one of them is not finite"
    if abs(gap) <= CLOSE * span:
        return "at the end both are about equal"
    return f"at the end validation is {number(abs(gap))} {'above' if gap > 0 else 'below'} training"
