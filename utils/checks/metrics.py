"""The checks of notebook 04."""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise, product

import numpy as np
import tensorflow as tf

from utils.checks import errors
from utils.checks.engine import (
    NotAttempted,
    NotYet,
    compiled,
    exercise,
    expect,
    functions_compiled,
    random_numbers,
    refuse,
    require,
)
from utils.checks.values import as_array

RESET = (
    "The state, or a part of it, survived reset_state. The inherited one resets what add_weight made; one of your own "
    "must reset all of it."
)
HALF_RESET = "A used metric differs from a new one: reset_state must bring back all of the state, not a part of it."
RENEWED = "reset_state made new variables, and a compiled step keeps the old ones: assign 0 to those of __init__."
READ = "The result stayed as it was when it was read: what comes after must change it, so compute it anew each time."
UNWEIGHTED = "The weights are ignored."
ZERO_WEIGHT = "A weight of 0 was taken for 1: such an example counts as if it were absent."
ZERO_BATCH = "A batch whose weights are all 0 was taken for one without weights: it counts as if it were absent."
SHARED = "Two metrics of your class share a state: make it in __init__, with add_weight."
SMALL_SUM = (
    "A small sum of weights was taken for none, or for a greater one, or a small number was added to it: guard against "
    "0 alone."
)
CUT = "The weights were cut or rounded: an example counts as often as its weight says, be it large or small."
BORDER = "A confidence on the border of two bins belongs to the upper one: b/10 is included."
ELEVENTH = "A confidence of exactly 1 got a bin of its own: it belongs to the last one."
EMPTY_TOO = "Every bin counts the same, empty ones included: weigh each gap by the bin's share."
BELOW = "A confidence just below a border belongs to the lower bin: (b+1)/10 is excluded."
TRACED = (
    "Right in eager mode, wrong in tf.function, where Python runs once, while tracing: keep all state in add_weight."
)
IN_A_STEP = (
    "right in eager mode, and inside a compiled step it raised: there `fit` and `evaluate` run update_state and result."
)
# What usually causes an error there, and there alone. The first pattern found decides.
CAUSES_IN_A_STEP = {
    "out of scope|InaccessibleTensor": "A tensor of a step was kept for the next one: keep all state in add_weight.",
    "NoneType|partially known":
        "Something is None: often a size such as y_pred.shape[0], which is open there. tf.shape knows it.",
    r"a symbolic|numpy\(\)|attribute '_?numpy'|(float|int)\(\) argument|OperatorNotAllowed|Input 'pred'":
        "There is no number yet for float(), .numpy() or a Python `if`: use tf operations.",
}  # fmt: skip
NOT_TAKEN = "update_state must take sample_weight: `fit` and `evaluate` hand it over by name, if only as None."
ROUNDED = "The spread is 0, and rounding made a little of it: compare it with a tiny share of Σ y²."
BATCH_BY_BATCH = "The absolute value was taken batch by batch: keep signed sums, and take it in result."
AFTER_FIRST = "after the first batch, which has none"
NAMELESS = 'the name that was handed over, "asked", is lost: hand `name` on to super().__init__.'


@exercise(
    "4.1",
    "A mean prediction you can trust",
    why="Now an empty group cannot spoil a report, and a weight of 0 is the same as absence.",
    asks_for="class",
)
def mean_prediction(answer):
    """Judge the weighted mean on fresh splits, with and without weights of both shapes, empty, reset and compiled."""
    nan = {"0/0 before the first update: use a division that gives 0 there.": np.nan}
    expect(_run(answer(), []), 0.0, on="a metric that has seen nothing", smells=nan)
    # The last case is compiled, too: shapes that differ in the way in which they differ in `evaluate`.
    for shape, weight_shape in product(((-1,), (-1, 1)), (None, (-1, 1), (-1,))):
        batches, want, smells, on = _clear_cut(partial(_mean_case, shape, weight_shape))
        _judge_on_batches(answer, batches, want, on=on, smells=smells)
    _judge_compiled(answer, batches, want)
    _judge_in_evaluate(answer, batches, want, smells[UNWEIGHTED])
    p, w = np.float32([0, 0.9]), np.float32([0.3, 0.6])
    _judge_weights(answer, [p, p, w], 0.6, on="p = [0, 0.9]", cut=0.45)
    nan = {"0/0 where all weights are 0: use a division that gives 0 there.": np.nan}
    expect(_run(answer(), [[p, p, 0 * w]]), 0.0, on="two predictions, both of weight 0", smells=nan)
    cast = {"The predictions were cast to the dtype of y_true, which has no influence.": 450.0}
    y, on = np.int32([1, 0]), "integers in y_true, p = [0, 900.9]"
    expect(_run(answer(), [[y, 1001 * p]]), 450.45, on=on, smells=cast)


def _mean_case(shape: tuple, weight_shape: tuple | None) -> tuple:
    """Draw predictions of both signs that drift, so that batches differ, in a ragged split with an empty batch.

    In this case and the next ones the first batch has weights of 1, so that it can come without them.
    """
    rng = np.random.default_rng()
    n = int(rng.integers(90, 100))
    p = (rng.uniform(-4, -1, n) + np.linspace(-1, 3, n)).astype("float32")
    parts = _slices([0, 11, 11, 12, 20, n])
    w = _weights(parts, 0.5, 3) if weight_shape else np.ones(n, "float32")
    columns = [
        np.full((n, 2), np.nan, "float32"),
        p.reshape(shape),
        *([w.reshape(weight_shape)] if weight_shape else []),
    ]
    weights = f"weights of shape {columns[2].shape} {AFTER_FIRST}" if weight_shape else "no weights"
    on = f"y_pred of shape {columns[1].shape}, {weights}, {len(parts)} batches"
    return _cut(columns, parts), np.average(p, weights=w), _ways_to_miss_a_mean(p, w, parts), on


def _ways_to_miss_a_mean(p: np.ndarray, w: np.ndarray, parts: list[slice]) -> dict[str, float]:
    full = [part for part in parts if part.stop > part.start and w[part].sum() > 0]
    means = [np.average(p[part], weights=w[part]) for part in full]
    first, rest = parts[0], parts[1:]
    sum_of_tables = p[first].sum() + sum(w[part].sum() * p[part].sum() for part in rest)
    sum_of_weights = w[first].sum() + sum(w[part].sum() * (part.stop - part.start) for part in rest)
    return {
        UNWEIGHTED: p.mean(),
        **{smell: np.average(p, weights=taken) for smell, taken in _weights_misread(w, parts).items()},
        "That is the mean of the batches' means: add sums and weights, divide once.": np.mean(means),
        "That is the mean of the batches' means, an empty one counted as 0: add sums and weights, divide once.":
            np.sum(means) / len(parts),
        "That is the last batch alone: add to the state, do not assign it.": means[-1],
        "The batches' means were weighed by the batches' sizes: a batch weighs as much as its weights add up to.":
            np.dot(means, [part.stop - part.start for part in full]) / len(p),
        "The sum is weighted, but it is divided by the number of examples: divide by the sum of weights.":
            np.sum(w * p) / len(p),
        "Only the denominator is weighted: weigh each prediction, too.": p.sum() / w.sum(),
        "Weights and predictions of different shapes made a table: reshape both to (n,).": sum_of_tables / w.sum(),
        "Weights and predictions of different shapes made a table in both sums: reshape both to (n,).":
            sum_of_tables / sum_of_weights,
        "A batch without weights was counted as one example: there, each example weighs 1.":
            np.sum(w * p) / (len(parts) if np.all(w == 1) else 1 + np.sum(w[first.stop :])),
        "A mean over an empty batch is nan (add sums), and so is all that y_true touches: here it is nan.": np.nan,
        "That is the sum of the weighted predictions: divide it by the sum of the weights.": np.sum(w * p),
    }  # fmt: skip


@exercise(
    "4.2",
    "A streaming F1",
    why="This number belongs to the model and its data, and no longer to the size of your batches.",
    asks_for="class",
)
def streaming_f1(answer):
    """Judge F1 on fresh splits, with weights, on (n, 1) predictions, at exactly 0.5, and where no yes is found."""
    nan = {"0/0 where there is no yes: use a division that gives 0 there.": np.nan}
    expect(_run(answer(), []), 0.0, on="a metric that has seen nothing", smells=nan)
    kinds = iter(("int16", "float32", "uint32", "bool", "int64"))
    for weighted, column in product((False, True), (False, True)):
        batches, want, smells, on = _clear_cut(partial(_f1_case, weighted, column, next(kinds)))
        _judge_on_batches(answer, batches, want, on=on, smells=smells)
    _judge_compiled(answer, batches, want)
    batches, want, smells, _ = _clear_cut(partial(_f1_case, True, True, next(kinds)))
    _judge_in_evaluate(answer, batches, want, smells[UNWEIGHTED])
    y, p, w = np.int32([1, 1, 0]), np.float32([0.9, 0.1, 0.2]), np.float32([0.3, 0.6, 1])
    _judge_weights(answer, [y, p, w], 0.5, on="y_true = [1, 1, 0], y_pred = [0.9, 0.1, 0.2]", cut=2 / 3)
    for y, p in (([0, 0], [0.1, 0.2]), ([0, 0], [0.9, 0.2]), ([1, 0], [0.1, 0.2]), ([0, 1], [0.9, 0.2])):
        nothing = {"0/0 where no yes was found: use divisions that give 0 there.": np.nan}
        on = f"y_true = {y}, y_pred = {p}"
        expect(_run(answer(), [[np.uint16(y), np.float32(p)]]), 0.0, on=on, smells=nothing)
    for kind in ("uint8", "int8"):
        _judge_f1_of_many(answer, kind)


def _judge_f1_of_many(answer, kind: str) -> None:
    """Judge F1 on more yes's than the dtype of the labels can count."""
    y, p = np.repeat([1, 0], [600, 300]).astype(kind), np.float32(np.repeat([0.1, 0.9, 0.1], [300, 500, 100]))
    found, called, real = (float(np.int64(count).astype(kind)) for count in (300, 500, 600))
    overflow = f"The counts left the range of {kind}: cast the labels to float32 before you add them."
    on = f"900 examples with y_true of dtype {kind}: 600 yes's, of which 300 were found, and 500 called yes"
    expect(_run(answer(), [[y, p]]), 6 / 11, on=on, smells={overflow: 2 * found / (called + real)})


def _f1_case(weighted: bool, column: bool, kind: str) -> tuple:
    rng = np.random.default_rng()
    n = int(rng.integers(140, 160))  # of few examples, different mistakes often make the same fraction
    y = (rng.random(n) < 0.4).astype("int32")
    p = np.clip(0.3 * y + rng.uniform(0, 0.7, n), 0, 1).astype("float32")
    y[:7] = 1, 1, 0, 0, 0, 1, 1  # one of each kind, two ties, and one just above
    p[:7] = 1, 0, 0.8, 0, 0.5, 0.5, 0.5000001
    y[25], p[25] = 1, 0.1  # in the batch whose weights are all 0: taken for others, they show
    y[9:12], p[9:12] = (0, 1, 1), (0.8, 0.1, 0.2)  # a batch that is a false alarm, and one of two missed yes's
    parts = _slices([0, 9, 10, 12, 25, n - 7, n])
    w = _weights(parts, 0.5, 3) if weighted else np.ones(n, "float32")
    columns = [y.astype(kind), p[:, None] if column else p, *([w] if weighted else [])]
    weights = f"weights {AFTER_FIRST}" if weighted else "no weights"
    on = f"y_true of dtype {kind}, y_pred of shape {columns[1].shape}, {weights}, {len(parts)} batches"
    return _cut(columns, parts), _f1(y, p > 0.5, w), _ways_to_miss_f1(y, p, w, parts), on


def _ways_to_miss_f1(y: np.ndarray, p: np.ndarray, w: np.ndarray, parts: list[slice]) -> dict[str, float]:
    says = p > 0.5
    each, sizes = [_f1(y[part], says[part], w[part]) for part in parts], [part.stop - part.start for part in parts]
    found, called, real = np.sum(w * y * says), np.sum(w * says), np.sum(w * y)
    precision, recall = found / called, found / real

    def of_batches_with(some: np.ndarray) -> float:
        kept = [np.full(part.stop - part.start, some[part].any()) for part in parts]
        return _f1(y, says, w * np.concatenate(kept))

    return {
        UNWEIGHTED: _f1(y, says),
        **{smell: _f1(y, says, taken) for smell, taken in _weights_misread(w, parts).items()},
        "That is the mean of the batches' F1s: keep three counts, and divide once.": np.mean(each),
        "That is the batches' F1s weighed by their sizes, which does not repair it: keep three counts.":
            np.average(each, weights=sizes),
        "That is the last batch alone: add to the state, do not assign it.": each[-1],
        "A batch without a yes in y_true was left out: its false alarms count.": of_batches_with(y),
        "A batch without a yes in y_pred was left out: the yes's that it misses count.": of_batches_with(says),
        "A batch without a yes that was found was left out: its false alarms and misses count.":
            of_batches_with(y * says),
        "That is the precision.": precision,
        "That is the recall.": recall,
        "That is the plain mean of precision and recall; F1 is the harmonic one.": (precision + recall) / 2,
        "That is the accuracy.": np.average(says == y, weights=w),
        "A probability of exactly 0.5 is a no: compare with > 0.5.": _f1(y, p >= 0.5, w),
        "The probabilities themselves were added: say yes or no first, with > 0.5.": _f1(y, p, w),
        "A cast to an integer cuts a probability to 0: compare with > 0.5.": _f1(y, p >= 1, w),
        "Each probability above 0 became a yes, as in a cast to bool: compare with > 0.5.": _f1(y, p > 0, w),
        "That is 0, as if no yes had been found: is each batch added to the state, and a yes a probability > 0.5?": 0.0,
        "A factor of 2 is missing.": found / (called + real),
        "What was found is no false alarm and no miss: it was counted among them, too.":
            2 * found / (found + called + real),
        "That is the F1 of the no's.": _f1(1 - y, ~says, w),
        **_ways_to_make_a_table(y, says, w, parts),
        "That is the intersection over union: the denominator of F1 counts the found twice.":
            found / (called + real - found),
    }  # fmt: skip


def _f1(y: np.ndarray, says: np.ndarray, w: np.ndarray | None = None) -> float:
    w = np.ones(len(y)) if w is None else w
    return 2 * np.sum(w * y * says) / max(np.sum(w * y) + np.sum(w * says), 1e-9)


def _ways_to_make_a_table(y: np.ndarray, says: np.ndarray, w: np.ndarray, parts: list[slice]) -> dict[str, float]:
    """Return the F1s that come out when (n,) and (n, 1) broadcast in each batch."""

    def of_tables(a: np.ndarray, b: np.ndarray) -> float:
        return sum(np.sum(a[part]) * np.sum(b[part]) for part in parts)

    found, called, real = of_tables(w * y, says), of_tables(w, says), np.sum(w * y)
    each = np.where(np.arange(len(w)) < parts[0].stop, 1 / parts[0].stop, w)  # the first batch comes without weights
    return {
        "(n, 1) predictions against (n,) labels made a table: reshape both to (n,).": 2 * found / (called + real),
        "(n, 1) predictions against (n,) labels made a table of the found: reshape both to (n,).":
            2 * found / (np.sum(w * says) + real),
        "(n, 1) predictions against (n,) labels made a table of each count: reshape both to (n,).":
            2 * found / (called + of_tables(w * y, np.ones(len(y)))),
        "Weights of shape (n,) against (n, 1) made a table: reshape all three to (n,).":
            2 * of_tables(each, y * says) / (of_tables(each, says) + of_tables(each, y)),
    }  # fmt: skip


@exercise(
    "4.3",
    "Expected calibration error",
    why="Now you can tell a model that is sure from one that is right.",
    deeper=True,
    asks_for="class",
)
def calibration_error(answer):
    """Judge the error on fresh splits of several numbers of classes, with weights, and at the borders of bins."""
    nan = {"0/0 before the first update: use a division that gives 0 there.": np.nan}
    expect(_run(answer(), []), 0.0, on="a metric that has seen nothing", smells=nan)
    for classes, kind, weighted in ((3, "int32", False), (2, "int64", True), (30, "uint8", True)):
        batches, want, smells, on = _clear_cut(partial(_calibration_case, classes, kind, weighted))
        _judge_on_batches(answer, batches, want, on=on, smells=smells)
    _judge_each_bin(answer)
    p = np.float32([[0.85, 0.15]])
    on = "confidence 0.85 twice, right in the first batch and wrong in the second"
    expect(_run(answer(), [[np.int32([0]), p], [np.int32([1]), p]]), 0.35, on=on, smells={BATCH_BY_BATCH: 0.5})
    # Some operations take int8 and uint8, and no uint16.
    expect(_run(answer(), [[np.uint16([0, 0]), np.float32([[1], [1]])]]), 0.0, on="two examples of one class alone")
    y, p = np.int32([0, 1, 0]), np.float32([[0.5, 0.3, 0.2], [0.55, 0.25, 0.2], [0.499999, 0.300001, 0.2]])
    border = {BORDER: 1.550001 / 3, BELOW: 0.450001 / 3}
    on = "confidence 0.5 (right) and 0.55 (wrong), both in bin 5, and 0.499999 (right), in bin 4"
    expect(_run(answer(), [[y, p]]), 0.550001 / 3, on=on, smells=border)
    y, p = np.int32([0] * 9 + [1]), np.float32([[0.95, 0.05]] * 9 + [[1, 0]])
    on = "nine times confidence 0.95 (right) and once 1 (wrong), all in bin 9"
    expect(_run(answer(), [[y, p]]), 0.055, on=on, smells={ELEVENTH: 0.145})
    y, p, w = np.int32([0, 1]), np.float32([[0.5, 0.3, 0.2], [0.85, 0.05, 0.1]]), np.float32([0.3, 0.9])
    _judge_weights(answer, [y, p, w], 0.7625, on="confidence 0.5 (right) and 0.85 (wrong)", cut=0.675)
    _judge_compiled(answer, batches, want)
    _judge_in_evaluate(answer, batches, want, smells[UNWEIGHTED])


def _judge_each_bin(answer) -> None:
    """Judge bins of which two neighbors would cancel, on more classes than a uint8 can number.

    In the first question the labels are too large for a uint8, in the second the wrong predictions alone.
    """
    bins = np.arange(20) // 2
    confidence = bins / 10 + np.tile([0.04, 0.06], 10)
    same = "Class numbers from 256 on were taken for others: does a cast to a small dtype, or a cut, lose them?"
    smells = {same: 0.5, **_over_other_bins(confidence, bins % 2 == 0, np.ones(20))}
    for y, other in (np.arange(256, 276), np.arange(20)), (np.arange(20, dtype="uint8"), np.arange(256, 276)):
        p = np.repeat(((1 - confidence) / 299)[:, None], 300, axis=1)
        p[np.arange(20), np.where(bins % 2, other, y)] = confidence
        on = f"300 classes, y_true of dtype {y.dtype}, two examples in the middle of each bin, right in bins 0, 2, 4, 6"
        on += " and 8, wrong in the others"
        expect(_run(answer(), [[y, p.astype("float32")]]), 0.55, on=on, smells=smells)


def _calibration_case(classes: int, kind: str, weighted: bool) -> tuple:
    """Draw answers whose confidences lie away from the borders of bins, but for five of them."""
    rng = np.random.default_rng()
    n = int(rng.integers(50, 70))
    # More lie in the upper bins, so that sure answers outweigh unsure ones.
    bins = np.arange(-(-10 // classes) % 10, 10)
    confidence = rng.choice(bins, n, p=bins**2 / np.sum(bins**2)) / 10 + rng.uniform(0.04, 0.08, n)
    confidence[:5] = 1, 1, 1, 0.5, 0.75
    if classes > 10:  # then a greatest probability can lie in the lowest bins
        confidence[5:9] = 0.07, 0.08, 0.15, 0.16
    guess = rng.integers(0, classes, n)
    chance = np.select(
        [confidence < 0.7, confidence < 0.9], [0.9, 0.5], 0.2
    )  # unsure answers are right more often than sure ones: gaps cancel
    y = np.where(rng.random(n) < chance, guess, (guess + 1) % classes)
    y[:3] = (guess[:3] + np.array([0, 1, 1])) % classes
    y[5:9] = guess[5:9] if classes > 10 else y[5:9]
    prob = np.repeat(((1 - confidence) / (classes - 1))[:, None], classes, axis=1)
    prob[np.arange(n), guess] = confidence
    if classes == 2:  # at 0.5 the two would tie
        confidence[3], prob[3] = 0.65, np.where(np.arange(2) == guess[3], 0.65, 0.35)
    late = np.where(np.arange(n) < 9, 9, rng.normal(size=n))  # the nine come last, where their weights are kept
    order = np.argsort(confidence + late)  # roughly rising, so that batches differ
    confidence, y, prob = confidence[order], y[order], prob[order].astype("float32")
    right = prob.argmax(axis=1) == y
    parts = _slices([0, 20, 21, 33, n])
    w = _weights(parts, 0.2, 1.5) if weighted else np.ones(n, "float32")
    w[-9:] = 1
    smells = _ways_to_miss_calibration(confidence, right, prob[np.arange(n), y], w, parts)
    if np.sum(w * (right - confidence)) > 0:  # drawn anew, so that a gap of the whole has one sign
        return _calibration_case(classes, kind, weighted)
    want = np.sum(np.abs(_gaps(confidence, right, w))) / w.sum()
    weights = f"weights {AFTER_FIRST}" if weighted else "no weights"
    on = f"{n} examples of {classes} classes, y_true of dtype {kind}, {weights}, {len(parts)} batches"
    return _cut([y.astype(kind), prob, *([w] if weighted else [])], parts), want, smells, on


def _gaps(confidence: np.ndarray, right: np.ndarray, w: np.ndarray, top: int = 9, count: int = 10) -> np.ndarray:
    """Return, for each bin, the weight of right answers minus the weighted sum of the confidences."""
    bins = np.minimum((count * confidence + 1e-9).astype(int), top)
    return np.bincount(bins, w * (right - confidence), 11)


def _over_other_bins(confidence: np.ndarray, right: np.ndarray, w: np.ndarray) -> dict[str, float]:
    return {
        f"That is the error over {count} bins: ten are asked for, and they have eleven borders.":
            np.sum(np.abs(_gaps(confidence, right, w, count - 1, count))) / np.sum(w)
        for count in (9, 11)
    }  # fmt: skip


def _ways_to_miss_calibration(confidence, right, prob_of_true, w, parts) -> dict[str, float]:
    n, total = len(right), w.sum()
    bins = np.minimum((10 * confidence + 1e-9).astype(int), 9)
    gaps, sizes = np.abs(_gaps(confidence, right, w)), np.bincount(bins, w, minlength=11)
    means = gaps[sizes > 0] / sizes[sizes > 0]
    weights = [max(w[part].sum(), 1e-9) for part in parts]
    each_gap = [np.sum(np.abs(_gaps(confidence[part], right[part], w[part]))) for part in parts]
    each = np.divide(each_gap, weights)
    with_eleventh = np.abs(_gaps(confidence, right, w, top=10))
    upper_border = np.bincount(np.ceil(10 * confidence - 1e-9).astype(int) - 1, w * (right - confidence))
    return {
        UNWEIGHTED: np.sum(np.abs(_gaps(confidence, right, np.ones(n)))) / n,
        **{smell: np.sum(np.abs(_gaps(confidence, right, taken))) / taken.sum()
           for smell, taken in _weights_misread(w, parts).items()},
        "The sums are weighted, but divided by the number of examples: divide by the sum of weights.": gaps.sum() / n,
        "The right answers were counted without their weights: weigh them like the confidences.":
            np.sum(np.abs(_gaps(confidence, right, w) + np.bincount(bins, (1 - w) * right, 11))) / total,
        "The middle of a bin was taken for the confidences in it: add the confidences themselves.":
            np.sum(np.abs(_gaps(confidence, right, w) + np.bincount(bins, w * (confidence - bins / 10 - 0.05), 11)))
            / total,
        "The error was taken batch by batch and averaged: keep sums for each bin, take the absolute value in result.":
            np.mean(each),
        BATCH_BY_BATCH: np.average(each, weights=weights),
        "That is the last batch alone: add to the state, do not assign it.": each[-1],
        "That is the gap of the whole, without bins: overconfident and underconfident bins cancel.":
            abs(np.average(right - confidence, weights=w)),
        "The gaps cancel: take the absolute value of each bin's before you add them.":
            -abs(np.average(right - confidence, weights=w)),
        "Every bin counts the same: weigh each gap by the bin's share of the examples.": means.mean(),
        **({EMPTY_TOO: means.sum() / 10} if len(means) < 10 else {}),
        "That is the largest gap; the mean over the examples is asked for.": means.max(),
        "The confidence is the greatest probability, not that of the true class.":
            np.sum(np.abs(_gaps(prob_of_true, right, w))) / total,
        "A confidence of exactly 1 fell out of the bins: it belongs to the last one.": with_eleventh[:10].sum() / total,
        "A confidence of exactly 1 fell out of the bins and out of the count: it belongs to the last one.":
            with_eleventh[:10].sum() / np.sum(w * (confidence < 1)),
        ELEVENTH: with_eleventh.sum() / total,
        **_over_other_bins(confidence, right, w),
        BORDER: np.abs(upper_border).sum() / total,
        "That is the sum over the examples: divide by the sum of their weights.": gaps.sum(),
        "An empty bin, or weights that add up to 0, made 0/0: work with sums, whose division by the size cancels.":
            np.nan,
    }  # fmt: skip


@exercise(
    "4.4",
    "A confusion matrix as a metric",
    why="Accuracy, precision, recall and every kind of F1 can be read from this one state.",
    deeper=True,
    asks_for="class",
)
def confusion_counts(answer):
    """Judge the table on fresh splits of several numbers of classes, with weights, and that results are values."""
    for classes, kind, weighted in ((4, "int32", False), (2, "int8", True), (30, "uint8", True), (5, "int64", True)):
        batches, want, smells, on = _confusion_case(classes, kind, weighted)
        _judge_on_batches(partial(answer, classes), batches, want, on=on, smells=smells)
    (first, *rest), table, misread, many = _confusion_case(300, "int64", True)  # once, eagerly: a loop is slow
    expect(_run(answer(300), [first[:2], *rest]), table, on=many, smells=misread)
    two = [np.int32([0, 0]), np.float32([[1], [1]])]
    expect(_run(answer(1), [two, two]), [[4.0]], on="two batches of two examples, of one class alone")
    three, _five = answer(3), answer(5)  # in uint16, which some operations on int8 and uint8 do not take
    on = "two examples of three classes, after another metric was made for five"
    expect(_run(three, [[np.uint16([0, 2]), np.eye(3, dtype="float32")[:2]]]), [[1, 0, 0], [0, 0, 0], [0, 1, 0]], on=on)
    lost = {"A prediction from 256 on was taken for another: does a cast to a small dtype, that of y_true, lose it?":
            _table(3, 4, 1, 300)}  # fmt: skip
    far = [np.uint8([3]), np.eye(300, dtype="float32")[260:261]]
    on = "300 classes, and an example of class 3 in uint8, of which class 260 is predicted"
    expect(_run(answer(300), [far]), _table(3, 260, 1, 300), on=on, smells=lost)
    tied = as_array(_run(answer(2), [[np.int32([0]), np.float32([[1, 1]])]]))
    refuse({f"One example with two equal scores was counted {np.sum(tied):g} times.": np.sum(tied) != 1})
    metric = answer(2)
    metric.update_state(np.int32([0]), np.float32([[0.5001, 0.5]]))
    noted = metric.result()
    metric.update_state(np.int32([1]), np.float32([[0.5, 0.5001]]), np.float32([50]))
    handed_out = {"A stored result moved on with the state: result must return a value.": np.diag([1, 50])}
    expect(noted, np.diag([1, 0]), on="a result noted before another update", smells=handed_out)
    close = {"Scores that lie close were taken for equal: compare them as they are.": [[1, 0], [50, 0]]}
    on = "y_pred = [[0.5001, 0.5]] of class 0, then [[0.5, 0.5001]] of class 1 with a weight of 50"
    expect(metric.result(), np.diag([1, 50]), on=on, smells={**close, CUT: np.eye(2)})
    _judge_compiled(partial(answer, classes), batches, want)
    _judge_in_evaluate(partial(answer, classes), batches, want, smells[UNWEIGHTED])


def _confusion_case(classes: int, kind: str, weighted: bool) -> tuple:
    """Draw scores of which the last class never wins, but where there are only two."""
    rng = np.random.default_rng()
    n = int(rng.integers(34, 44))
    scores = rng.normal(size=(n, classes)).astype("float32")
    scores[:, -1] -= 9 * (classes > 2)
    scores[np.arange(n), scores.argmax(axis=1)] += 0.01  # scores that lie close have a question of their own
    y = rng.integers(0, max(classes - 1, 2), n)
    if classes > 2:
        y[:5] = 0, 0, 0, 1, 2
        scores[:5] = 5 * np.eye(classes, dtype="float32")[[0, 0, 1, 1, 0]]
        y[n - 8 : n - 6] = classes - 1  # a rare class, late, and never predicted
        scores *= 100 if classes > 10 else 1  # logits whose exponentials overflow
    parts = _slices([0, 12, 13, 22, n - 9, n])
    w = _weights(parts, 0.2, 3) if weighted else np.ones(n, "float32")
    w[n - 8] = w[n - 8] or 2  # a rare class that weighs 0 would not show
    guess = scores.argmax(axis=1)
    want, plain = _table(y, guess, w, classes), _table(y, guess, np.ones(n), classes)
    smells = {
        UNWEIGHTED: plain,
        **{smell: _table(y, guess, taken, classes) for smell, taken in _weights_misread(w, parts).items()},
        "Rows and columns are swapped: the row is the true class.": want.T,
        "That is the last batch alone: add to the state, do not assign it.":
            _table(*(column[parts[-1]] for column in (y, guess, w)), classes),
        "Those are shares of each row; counts are asked for.": want / np.maximum(want.sum(1, keepdims=True), 1e-9),
        "Repeated pairs were counted once.": np.minimum(plain, 1),
        "Only the right answers are counted; the mistakes belong beside the diagonal.": np.diag(np.diag(want)),
    }  # fmt: skip
    weights = f"weights {AFTER_FIRST}" if weighted else "no weights"
    on = f"{n} examples of {classes} classes, y_true of dtype {kind}, {weights}, {len(parts)} batches"
    return _cut([y.astype(kind), scores, *([w] if weighted else [])], parts), want, smells, on


def _table(y: np.ndarray, guess: np.ndarray, w: np.ndarray, classes: int) -> np.ndarray:
    table = np.zeros((classes, classes))
    np.add.at(table, (y, guess), w)
    return table


@exercise(
    "4.5",
    "R² of a stream",
    why="Prices, pressures and dates have large means; this R² does not mind.",
    deeper=True,
    asks_for="class",
)
def r_squared(answer):
    """Judge R² on fresh splits of small and of large numbers, on (n, 1) predictions, and without any spread."""
    nan = {"0/0 before the first update: 0 is asked for there.": np.nan, "1 − 0/0 is not 1 here: 0 is asked for.": 1.0}
    expect(_run(answer(), []), 0.0, on="a metric that has seen nothing", smells=nan)
    flat = {"The spread is 0: 0 is asked for there.": np.inf, "Errors over no spread: 0 is asked for.": -np.inf,
            "That is 1 minus 0; where all y_true are equal, 0 is asked for.": 1.0}  # fmt: skip
    for y, p in (([2, 2], [1, 4]), ([2, 2], [2, 2]), ([5], [5])):
        expect(_run(answer(), [np.float32([y, p])]), 0.0, on=f"y_true = {y}, y_pred = {p}", smells=flat)
    for _ in range(2):  # around 0 itself, the squares from 0 and those from the mean hardly differ
        batches, want, smells, on = _clear_cut(partial(_r2_case, 0.4, 1.0, False))
        _judge_on_batches(answer, batches, want, on=on, smells=smells, tolerance=1e-4)
    _judge_compiled(answer, batches, want)
    batches, want, smells, on = _clear_cut(partial(_r2_case, 1.0, 2.0, True))
    _judge_on_batches(answer, batches, want, on=on, smells=smells, tolerance=1e-4)
    _judge_in_evaluate(answer, batches, want)
    _require_refusal(answer)
    _judge_r2_of_few(answer)
    _judge_r2_of_large(answer)
    _judge_r2_of_equal(answer)
    _judge_r2_again(answer)


def _judge_r2_of_few(answer) -> None:
    """Judge R² of two or three numbers: perfect, far below 0, and tiny."""
    y, on = np.float32([1, 2, 3]), "y_true = [1, 2, 3], y_pred = [101, 102, 103]"
    expect(_run(answer(), [[y[:2], y[:2]]]), 1.0, on="y_true = y_pred = [1, 2]")
    last = [y, np.float32([1, 2, 3.5])], np.float32([[5], [5]])
    alone = {"A batch without spread hid that of the others: look at the spread of all examples.": 0.0}
    on_last = "y_true = [1, 2, 3], then a batch of [5] alone"
    expect(_run(answer(), last), 1 - 0.25 / 8.75, on=on_last, smells=alone, tolerance=1e-6)
    singles = _cut([y, np.float32([1, 2.5, 3])], _slices(range(4)))
    expect(_run(answer(), singles), 1 - 0.25 / 2, on="y_true = [1, 2, 3], one at a time", smells=alone)
    below_0 = {"Worse than the mean is negative: do not clip it.": 0.0, "The sign is lost: R² may be negative.": 14_999}
    expect(_run(answer(), [[y, y + 100]]), -14_999.0, on=on, smells=below_0)
    none = {"A small spread was taken for none: compare it with Σ y².": 0.0}
    added = "A small number was added to the spread, or took its place: the spread may be smaller still."
    on = "y_true = [0.00001, 0.00002, 0.00003], y_pred = [0.00003, 0.00002, 0.00001]"
    got = _run(answer(), [[y / 1e5, y[::-1] / 1e5]])
    array = as_array(got)
    is_between = array is not None and np.all((array > -3) & (array < 1) & (array != 0))
    expect(got, -3.0, on=on, smells={added: array} if is_between else none)


def _judge_r2_of_large(answer) -> None:
    """Judge R² of numbers far from 0, fixed ones and fresh ones (luck happens once)."""
    cases = [_r2_case(center, 10.0, False) for center in (101_300.0, *random_numbers(2, -300_000, -50_000))]
    for batches, want, _smells, on in (*cases, _six_far_numbers()):
        got = float(np.asarray(_run(answer(), batches)))
        digits = "float32 keeps 7 digits, and the difference of two huge sums needs more"
        cure = "cast before you square, and keep sums of squares in float64, too: add_weight takes a dtype of its own."
        wrong = f"expected {want:.4f}, got {got:.4f}. Right for small numbers, wrong for large ones: {digits}: {cure}"
        wrong += " Or too large a share of Σ y² passes for no spread." if got == 0 else ""
        refuse({wrong: not abs(got - want) < 2e-3}, on=on)


def _judge_r2_of_equal(answer) -> None:
    """Judge R² of equal numbers whose sum of squares, or whose mean, is rounded, in one batch and in several."""
    # In float64 the squares of up to 32 equal float32 numbers add up exactly: of 34, one at a time, a spread is left.
    for count, number in (15, 101_300.3), (3, 7.7), (7, 0.1), (3, 101_300.3), (7, -300_000.7), (34, 1013.3):
        y = np.full(count, number, "float32")
        p = y + np.linspace(-1, 1, count, dtype="float32")
        for parts in [slice(0, count)], _slices([0, 2, count]), _slices(range(count + 1)):
            got = np.asarray(tf.convert_to_tensor(_run(answer(), _cut([y, p], parts))))
            rounded = {ROUNDED: got} if np.isfinite(got) else {}
            expect(
                got,
                0.0,
                on=f"y_true = {count} times {number:,}, in {len(parts)} batch{'' if len(parts) == 1 else 'es'}",
                smells=rounded,
            )


def _judge_r2_again(answer) -> None:
    """Judge R² after a reset, on numbers that are far from those before: whatever is left of them shows."""
    metric, y = answer(), np.full(3, 7.7, "float32")
    _run(metric, _r2_case(101_300.0, 10.0, False)[0])
    batches, want, _smells, on = _r2_case(0.0, 1.0, False)
    for given, right, now in ((batches, want, on), ([[y, y + 1]], 0.0, "y_true = 3 times 7.7")):
        metric.reset_state()
        got = np.asarray(tf.convert_to_tensor(_run(metric, given)))
        expect(got, right, on=f"numbers far from them, reset_state, then {now}", smells={HALF_RESET: got})


def _six_far_numbers() -> tuple:
    """Return numbers whose spread is the least share of Σ y² that the card names: a little above a billionth."""
    small = np.float32([-14, -10, -2, 2, 10, 14])  # their standard deviation is 10
    batches = _cut([small - 300_000, small - 299_997], _slices([0, 2, 6]))
    return batches, 1 - 6 * 9 / np.sum(small**2), {}, "6 numbers near -300,000, deviation 10"


def _require_refusal(make: Callable) -> None:
    """Require a ValueError for weights of several shapes: one of them is 0, which Python takes for false.

    Afterward the metric must be as new.
    """
    metric = make()
    for weights in np.float32([1, 1]), np.float32([0]), tf.zeros(1), np.float32([[1], [1]]):
        y = np.arange(len(weights), dtype="float32")  # with errors of 1: what is counted shows below
        on = f"sample_weight={np.array(weights).tolist()}"
        try:
            metric.update_state(y, y + 1, sample_weight=weights)
        except ValueError:
            continue
        except Exception as problem:
            told = f"with weights it raised {type(problem).__name__}; a ValueError is asked for."
            raise NotYet(f"For {on}: {told}") from problem
        raise NotYet(f"For {on}: nothing was raised. Weights that are ignored in silence are a trap.")
    fresh, got = (np.asarray(_run(one, [np.float32([[1, 2], [1, 2.5]])])) for one in (make(), metric))
    counted = {"What came with the weights was counted before they were refused: raise first.": got}
    expect(got, fresh, on="y_true = [1, 2], y_pred = [1, 2.5], after weights were refused", smells=counted)


def _r2_case(center: float, deviation: float, column: bool) -> tuple:
    rng = np.random.default_rng()
    n = int(rng.integers(100, 140))
    drift = np.linspace(-1, 1, n)  # so that the batches differ in their means
    y = (center + deviation * (drift + rng.normal(size=n))).astype("float32")
    p = (y + deviation * (0.2 + 0.7 * rng.normal(size=n))).astype("float32")
    parts = _slices([0, 3, 4, 40, n - 20, n])
    batches = _cut([y, p[:, None] if column else p], parts)
    on = f"{n} numbers near {center:,.0f}, deviation {deviation:.0f}, y_pred of shape {(n, 1) if column else (n,)}"
    y, p = y.astype("float64"), p.astype("float64")
    want = 1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2)
    return batches, want, _ways_to_miss_r2(y, p, parts), on


def _ways_to_miss_r2(y: np.ndarray, p: np.ndarray, parts: list[slice]) -> dict[str, float]:
    errors, spread = np.sum((y - p) ** 2), np.sum((y - y.mean()) ** 2)
    long = [part for part in parts if part.stop - part.start > 1]
    each = [1 - np.sum((y[s] - p[s]) ** 2) / np.sum((y[s] - y[s].mean()) ** 2) for s in long]
    within = sum(np.sum((y[s] - y[s].mean()) ** 2) for s in parts)
    table = sum(np.sum((y[s] - p[s][:, None]) ** 2) for s in parts)
    return {
        "That is the mean of the batches' R²s: keep sums, and divide once.": np.mean(each),
        "That is the mean of the batches' R²s, a batch of one counted as 0: keep sums.": np.sum(each) / len(parts),
        "That is the last batch alone: add to the state, do not assign it.": each[-1],
        "The spread is measured from each batch's own mean: it must be the mean of all.": 1 - errors / within,
        "That is the share of the errors; R² is 1 minus it.": errors / spread,
        "The spread is that of the predictions; take that of y_true.": 1 - errors / np.sum((p - p.mean()) ** 2),
        "That is the squared correlation, which forgives a constant error.": np.corrcoef(y, p)[0, 1] ** 2,
        "(n, 1) predictions against (n,) targets made a table: reshape both to (n,).": 1 - table / spread,
        "The squares are compared with those of 0, not of the mean.": 1 - errors / np.sum(y**2),
        "0 is for no spread, and here is one. Is each batch added to the state? Or did you subtract a constant? In a "
        "stream none is known beforehand.": 0.0,
    }


def _clear_cut(draw: Callable[[], tuple]) -> tuple:
    """Draw (batches, want, smells, on) until the known wrong answers differ visibly from the right one and each other.

    What equals the right answer by its nature, in most draws, may: with all weights 1, ignored weights do no harm.
    """
    drawn = [draw() for _ in range(9)]
    equal = Counter(smell for _, want, smells, _ in drawn for smell in smells if abs(smells[smell] - want) <= 1e-5)
    for _ in range(500):
        case = draw()
        _, want, smells, _ = case
        others = [value for smell, value in smells.items() if equal[smell] < 5 or abs(value - want) > 1e-5]
        wrong = [value for value in others if np.isfinite(value)]
        if np.min(np.diff(np.sort([want, *wrong]))) > 1e-3:
            break
    return case


def _weights(parts: list[slice], low: float, high: float) -> np.ndarray:
    """Draw weights: 1 in the first batch, which can come without them, 0 in the last but one and here and there."""
    rng, n = np.random.default_rng(), parts[-1].stop
    w = (rng.uniform(low, high, n) * (rng.random(n) > 0.2)).astype("float32")
    w[parts[0]], w[parts[-2]] = 1, 0
    return w


def _weights_misread(w: np.ndarray, parts: list[slice]) -> dict[str, np.ndarray]:
    """Return the weights that come of a weight of 0 taken for 1, in two ways, and of weights cut to whole numbers."""
    by_batch = w.copy()
    for part in parts:
        by_batch[part] = w[part] if w[part].any() else 1
    return {ZERO_WEIGHT: np.where(w == 0, 1, w), ZERO_BATCH: by_batch, CUT: np.floor(w)}


def _slices(borders: Iterable[int]) -> list[slice]:
    return [slice(a, b) for a, b in pairwise(borders)]


def _cut(columns: list[np.ndarray], parts: list[slice]) -> list[list[np.ndarray]]:
    return [[column[part] for column in columns] for part in parts]


def _run(metric, batches: list, wrap: Callable = lambda f: f) -> object:
    """Feed all batches to a metric, as tensors, through `wrap` of its update, and return its result.

    The metric is held meanwhile: a tf.function holds the object that it belongs to only weakly.
    """
    update = wrap(metric.update_state)
    for batch in batches:
        update(*(tf.constant(part) for part in batch))
    return metric.result()


def _judge_on_batches(make: Callable, batches: list, want, *, on: str, smells: dict, tolerance=1e-5) -> None:
    """Judge a metric on batches, eagerly; after a reset it must be as new: zero, and right again on other data.

    The first batch comes without weights, as all of its weights are 1. Sums in float32 are right to a millionth; a
    wide tolerance would find the cause of one mistake where another leads to nearly the same number.
    """
    metric, other = make(), make()
    expect(_run(metric, [batches[0][:2], *batches[1:]]), want, on=on, smells=smells, tolerance=tolerance)
    unseen = np.asarray(tf.convert_to_tensor(other.result()))
    expect(unseen, np.zeros(np.shape(want)), on=f"{on}, asked of another metric of the class", smells={SHARED: unseen})
    metric.reset_state()
    left = np.asarray(tf.convert_to_tensor(metric.result()))
    expect(left, np.zeros(np.shape(want)), on=f"{on}, then reset_state", smells={RESET: left})
    again = _run(metric, [batches[0][:2], *batches[1:3]])  # without weights, after some with: nothing is left of those
    fresh, again = (np.asarray(tf.convert_to_tensor(result)) for result in (_run(other, batches[:3]), again))
    expect(again, fresh, on=f"{on}, reset_state and the first 3 batches", smells={HALF_RESET: again})
    on = f"{on}, result read after the first 3 and after all"
    expect(_run(metric, batches[3:]), want, on=on, smells={READ: again})


def _judge_weights(answer, batch: list, want: float, *, on: str, cut: float) -> None:
    """Judge a metric on ordinary weights, on some that add up to a millionth, and on large ones: their ratios count.

    What is right for ordinary weights and lost on small ones is lost in the denominator. `cut` is what comes of equal
    weights.
    """
    y, p, w = batch
    for scale in (100, 1e-6, 1e5):
        weights = (w * scale).astype("float32")
        said = ", ".join(f"{weight:g}" for weight in weights)
        got = _run(answer(), [[y, p, weights]])
        array = as_array(got)
        too_small = scale < 1 and array is not None and np.all((array >= 0) & (array < want))
        smells = {CUT: cut, **({SMALL_SUM: array} if too_small else {})}
        expect(got, want, on=f"{on}, with weights [{said}]", smells=smells)


def _judge_compiled(make: Callable, batches: list, want) -> None:
    """Judge a metric that runs in a tf.function, traced once: often traced, it would warn."""
    metric, on = make(), f"{len(batches)} batches, update_state and result in a tf.function"
    any_size = [tf.TensorSpec((None, *column.shape[1:]), column.dtype) for column in batches[0]]

    def step(*batch):
        metric.update_state(*batch)  # `fit` drops what it returns, too

    with _told_as_compiled(on):
        _run(metric, batches, lambda _: compiled(step, input_signature=any_size))
        got = np.asarray(tf.convert_to_tensor(compiled(metric.result)()))
    expect(got, want, on=on, smells={TRACED: got})


def _judge_in_evaluate(make: Callable, batches: list, want, unweighted=None) -> None:
    """Judge a metric in `model.evaluate`: the model hands its input on, and all but the first time need a reset.

    Weights come the first time alone; `unweighted` is what is right without them, `want` where it is left out. The
    third time runs the graph of the second, and with it the variables of then.
    """
    y, p, *w = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    p = p.reshape(len(p), -1)
    # A last batch of another size leaves sizes open in the graph; one example alone is asked for in 4.5.
    batch_size = next(size for size in (16, 17, 18) if len(p) % size > 1)
    model = tf.keras.Sequential([tf.keras.layers.Input(p.shape[1:]), tf.keras.layers.Identity()])
    kind = "weighted_metrics" if w else "metrics"
    model.compile(loss=lambda y_true, y_pred: tf.reduce_mean(y_pred), **{kind: [make(name="asked")]})
    without = " and without weights" if w else ""
    for time in ("", f", a second time{without}", f", a third time{without}"):
        on = f"model.evaluate with the metric in {kind}{time}"
        given = w[0] if w and not time else None
        right = unweighted if time and unweighted is not None else want
        with _told_as_compiled(on), functions_compiled():
            told = model.evaluate(p, y, sample_weight=given, batch_size=batch_size, verbose=0, return_dict=True)
        require("asked" in told, f"For {on}: {NAMELESS}")
        got = np.asarray(told["asked"])
        expect(got, right, on=on, smells={RENEWED: np.zeros(np.shape(right))} if time else {})


@contextlib.contextmanager
def _told_as_compiled(on: str):
    """Tell an error inside as one of a compiled step: eagerly, the answer has been right before."""
    try:
        yield
    except (NotAttempted, NotYet):
        raise
    except Exception as problem:
        told = errors.told(problem)
        fits = (cause for pattern, cause in CAUSES_IN_A_STEP.items() if re.search(pattern, told))
        cause = f"{IN_A_STEP} {next(fits, errors.cause(problem))}".rstrip()
        not_taken = "argument 'sample_weight'" in str(problem)
        raise NotYet(f"For {on}: {NOT_TAKEN if not_taken else cause} {told}") from problem
