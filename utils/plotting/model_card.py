"""The model card: what a classifier does well and badly on one page, and how sure of that one can be."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from utils.plotting.confusion import draw_matrix
from utils.plotting.description import described, listed, matrix_in_words, number, titled
from utils.plotting.style import BLUE, GRAY, INK, VERMILION, few_ticks, new_figure, show


def model_card(
    title: str,
    *,
    source: str,
    numbers: Mapping[str, Sequence[float]],
    matrix: np.ndarray,
    class_names: Sequence[str],
    confidence: np.ndarray,
    right: np.ndarray,
    recall: np.ndarray,
    precision: np.ndarray,
    positive: str,
    saying: str = "",
) -> None:
    """Draw headline numbers, a confusion matrix, a reliability diagram and a precision-recall curve, with intervals.

    Where three values are asked for, they are the value and the two ends of its 95 % interval.

    Args:
        title: what the model is.
        source: where the data came from.
        numbers: for each headline number its name and its three values, as shares of 1.
        matrix: (classes, classes) counts, `matrix[true, predicted]`.
        class_names: one name for each class.
        confidence: mean confidence of each bin, (bins,), from 0 to 1.
        right: share of right answers in each bin, three values, (3, bins).
        recall: at each threshold, (thresholds,), rising.
        precision: at each threshold, three values, (3, thresholds).
        positive: the name of the class that precision and recall are about.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    matrix = np.asarray(matrix)
    first, *others = matrix_in_words(matrix, class_names)
    words = described(
        f"{titled('Model card', title)}: {source}, {int(matrix.sum()):,} test examples, 95 % intervals",
        listed(_number_in_words(name, values) for name, values in numbers.items()),
        f"Confusion matrix: {first}",
        *others,
        reliability_in_words(confidence, right[0]),
        precision_in_words(recall, precision[0], positive),
        saying=saying,
    )
    figure = new_figure(height=9.0)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    top, middle, bottom = figure.add_gridspec(3, 1, height_ratios=[0.95, 4.4, 2.9])
    _write_numbers(figure.add_subplot(top), numbers)
    draw_matrix(axes := figure.add_subplot(middle), matrix, class_names)
    axes.set_title("What is taken for what: shares of each true class")
    left, right_half = bottom.subgridspec(1, 2)
    _draw_reliability(figure.add_subplot(left), confidence, right)
    _draw_precision(figure.add_subplot(right_half), recall, precision, positive)
    examples = f"{int(np.sum(matrix)):,} test examples"
    figure.supxlabel(
        f"Data: {source}, {examples}. Intervals: 95 %, bootstrap.", x=0.01, ha="left", fontsize=9, color=GRAY
    )
    show(figure, words)


def _write_numbers(axes: Axes, numbers: Mapping[str, Sequence[float]]) -> None:
    axes.axis("off")
    for i, (name, (value, low, high)) in enumerate(numbers.items()):
        x = i / len(numbers)
        axes.text(x, 1.0, name, fontsize=9, color=GRAY, va="top", transform=axes.transAxes)
        axes.text(x, 0.73, f"{value:.3f}", fontsize=16, fontweight="bold", va="top", transform=axes.transAxes)
        axes.text(x, 0.3, f"{low:.3f} to {high:.3f}", fontsize=9, color=INK, va="top", transform=axes.transAxes)


def _draw_reliability(axes: Axes, confidence: np.ndarray, right: np.ndarray) -> None:
    value, low, high = right
    axes.plot([0, 1], [0, 1], ":", color=GRAY, lw=1.2)
    axes.text(0.62, 0.5, "as right as it is sure", fontsize=8.5, color=GRAY, va="top")
    axes.vlines(confidence, low, high, color=BLUE, lw=2.5, alpha=0.45)
    axes.plot(confidence, value, "o-", color=BLUE, ms=5, lw=1.5)
    axes.set(
        xlim=(0, 1.02), ylim=(0, 1.04), xlabel="confidence", ylabel="share that is right", title="How sure, how right"
    )
    few_ticks(axes)


def _draw_precision(axes: Axes, recall: np.ndarray, precision: np.ndarray, positive: str) -> None:
    value, low, high = precision
    axes.fill_between(recall, low, high, color=VERMILION, alpha=0.22, lw=0)
    axes.plot(recall, value, color=VERMILION, lw=2)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel=f"recall of {positive}", ylabel="precision")
    axes.set_title(f"Is it a {positive}? Every threshold")
    few_ticks(axes)


def _number_in_words(name: str, values: Sequence[float]) -> str:
    value, low, high = values
    return f"{name} {number(value)} ({number(low)} to {number(high)})"


def reliability_in_words(confidence: np.ndarray, right: np.ndarray) -> str:
    """Say how far the bins of a reliability diagram lie from its diagonal, and how many of them below it."""
    over = np.asarray(confidence, float) - np.asarray(right, float)
    over = over[np.isfinite(over)]
    if not len(over):
        return "Reliability: no bin holds an example"
    widest = over[np.argmax(np.abs(over))]
    below = f"{number(np.sum(over > 0))} of {number(len(over))} bins"
    return f"Reliability: {below} are less often right than sure; the widest gap is {number(abs(widest))}"


def precision_in_words(recall: np.ndarray, precision: np.ndarray, positive: str) -> str:
    """Say what the precision of one class is at a recall of a half, and where the drawn curve begins and ends."""
    recall, precision = np.asarray(recall, float), np.asarray(precision, float)
    seen = np.isfinite(recall) & np.isfinite(precision)
    recall, precision = recall[seen], precision[seen]
    if not len(recall):
        return f"Precision of {positive}: no threshold passes"
    order = np.argsort(recall)
    places = (order[0], np.argmin(np.abs(recall - 0.5)), order[-1])
    return f"Precision of {positive}: " + listed(
        f"{number(precision[i])} at recall {number(recall[i])}" for i in places
    )
