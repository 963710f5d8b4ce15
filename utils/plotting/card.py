"""The model card: what a classifier does well and badly on one page, and how sure of that one can be."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from utils.plotting.style import BLUE, GREY, INK, PAPER, VERMILION, few_ticks, new_figure, show


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
        saying: one short sentence for what no data can tell, at most 100 characters.
        source: where the data came from.
        numbers: for each headline number its name and its three values, as shares of 1.
        matrix: (classes, classes) counts, `matrix[true, predicted]`.
        class_names: one name for each class.
        confidence: mean confidence of each bin, (bins,), from 0 to 1.
        right: share of right answers in each bin, three values, (3, bins).
        recall: at each threshold, (thresholds,), rising.
        precision: at each threshold, three values, (3, thresholds).
        positive: the name of the class that precision and recall are about.
    """
    figure = new_figure(height=9.0)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    top, middle, bottom = figure.add_gridspec(3, 1, height_ratios=[0.95, 4.4, 2.9])
    _write_numbers(figure.add_subplot(top), numbers)
    _draw_matrix(figure.add_subplot(middle), matrix, class_names)
    left, right_half = bottom.subgridspec(1, 2)
    _draw_reliability(figure.add_subplot(left), confidence, right)
    _draw_precision(figure.add_subplot(right_half), recall, precision, positive)
    examples = f"{int(np.sum(matrix)):,} test examples"
    figure.supxlabel(
        f"Data: {source}, {examples}. Intervals: 95 %, bootstrap.", x=0.01, ha="left", fontsize=9, color=GREY
    )
    show(figure, saying or "A figure without words yet.")


def _write_numbers(axes, numbers: Mapping[str, Sequence[float]]) -> None:
    axes.axis("off")
    for i, (name, (value, low, high)) in enumerate(numbers.items()):
        x = i / len(numbers)
        axes.text(x, 1.0, name, fontsize=9, color=GREY, va="top", transform=axes.transAxes)
        axes.text(x, 0.73, f"{value:.3f}", fontsize=16, fontweight="bold", va="top", transform=axes.transAxes)
        axes.text(x, 0.3, f"{low:.3f} to {high:.3f}", fontsize=9, color=INK, va="top", transform=axes.transAxes)


def _draw_matrix(axes, matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Draw the share of each true class that went to each predicted class; shares under 1 % stay blank."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(len(share), dtype=bool)
    mistakes = np.where(diagonal, 0, share)
    shades = LinearSegmentedColormap.from_list("mistakes", [PAPER, VERMILION])
    axes.imshow(mistakes, cmap=shades, vmin=0, vmax=max(2 * mistakes.max(), 1e-9), aspect="auto")
    for row, column in np.argwhere(share >= 0.01):
        hit = row == column
        axes.text(
            column, row, f"{100 * share[row, column]:.0f}", ha="center", va="center", fontsize=8.5,
            color=BLUE if hit else INK, fontweight="bold" if hit else "normal",
        )  # fmt: skip
    axes.set_xticks(range(len(share)), class_names, rotation=35, ha="right", rotation_mode="anchor", fontsize=8.5)
    axes.set_yticks(range(len(share)), class_names, fontsize=8.5)
    axes.set(ylabel="true", xlabel="predicted", title="What is taken for what, in % of each true class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_reliability(axes, confidence: np.ndarray, right: np.ndarray) -> None:
    value, low, high = right
    axes.plot([0, 1], [0, 1], ":", color=GREY, lw=1.2)
    axes.text(0.62, 0.5, "as right as it is sure", fontsize=8.5, color=GREY, va="top")
    axes.vlines(confidence, low, high, color=BLUE, lw=2.5, alpha=0.45)
    axes.plot(confidence, value, "o-", color=BLUE, ms=5, lw=1.5)
    axes.set(
        xlim=(0, 1.02), ylim=(0, 1.04), xlabel="confidence", ylabel="share that is right", title="How sure, how right"
    )
    few_ticks(axes)


def _draw_precision(axes, recall: np.ndarray, precision: np.ndarray, positive: str) -> None:
    value, low, high = precision
    axes.fill_between(recall, low, high, color=VERMILION, alpha=0.22, lw=0)
    axes.plot(recall, value, color=VERMILION, lw=2)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel=f"recall of {positive}", ylabel="precision")
    axes.set_title(f"Is it a {positive}? Every threshold")
    few_ticks(axes)
