"""Checks of notebook 03."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, compiled, exercise, expect, random_array, refuse
from utils.checks.values import as_array

# Of the entries of a loss, in turn: none is 1 or a usual factor, and powers of 2 bring no rounding of their own.
WEIGHTS = np.float32([32, -8, 16])
OPEN_ROWS = "inside a tf.function for any number of rows, as `fit` makes it"


@exercise(
    "3.1",
    "Huber",
    why="One broken record now pulls as hard as an ordinary large error, and no harder, at any distance.",
    deeper=True,
)
def huber(answer):
    """Judge values and slopes on both sides of the border, at errors of both signs, tiny ones, 0, and a huge one."""
    for n, d, delta in ((4, 3, 2.5), (5, 1, 1.0), (6, 2, 0.03), (3, 4, 3), (1, 4, 1000), (1, 1, 1.5)):
        error = _fresh((n, d), 3 * max(delta, 1))
        places = (-2 % n, -1), (0, 0), (n // 2, 0), (-1, 0), (n // 4, -1)
        tiny = 1e-3 * (-1) ** n  # only the slope shows what becomes of it
        for at, value in zip(places, (tiny, 2.5 * delta, 0.6 * delta, -2.7 * delta, 0.0), strict=True):
            error[at] = value
        y_true = _fresh((n, d), 2)
        y_true, y_pred = tf.constant(y_true), np.float32(y_true - error)
        size = np.abs(error)

        near, far = 0.5 * size**2, delta * (size - delta / 2)

        def pieces(near, far, is_near=size <= delta):
            return np.where(is_near, near, far).mean(-1)

        want = pieces(near, far)
        smells = {
            "Far out, the two pieces do not meet: half of delta is taken off before multiplying.":
                pieces(near, delta * size),
            "Far out, the slope must be delta, not 1.": pieces(near, size - delta / 2),
            "Far out, half of delta² is taken off in all, not half of delta.": pieces(near, delta * (size - 0.5)),
            "That is divided by delta: so is a smooth L1 loss, and not this one.": want / delta,
            "Far out, half of delta² is taken off, not all of it.": pieces(near, delta * (size - delta)),
            "Near zero, a factor of one half is missing.": pieces(size**2, far),
            "A factor of one half is missing near zero, and with it in the part of a large error that is near.":
                pieces(size**2, delta * size),
            "That is twice the loss.": 2 * want,
            "The two pieces are swapped: squared is for the small errors.": pieces(far, near),
            "A negative error is not small: compare its absolute value with delta.":
                pieces(near, delta * (error - delta / 2), error <= delta),
            "Far out, the absolute error counts: a negative one must not make the loss smaller.":
                pieces(near, delta * (error - delta / 2)),
            "That is half the squared error everywhere: the far piece is never used.": near.mean(-1),
            "That is the loss for a delta of 1: delta was ignored.": _huber(size, 1.0).mean(-1),
        }  # fmt: skip
        on = f"y_true and y_pred of shape ({n}, {d}), delta={delta}"
        _expect_each(lambda p, y=y_true, b=delta: answer(y, p, b), y_pred, want, smells, on)
        slopes = -np.clip(error, -delta, delta) / d
        got = _gradient(lambda p, y=y_true, b=delta: answer(y, p, b), y_pred)
        of_sum = {"That is the gradient of a sum over the last axis: for a mean, divide by its length.": slopes * d}
        _expect_slopes(got, slopes, (n,), f"the gradient on {on}", of_sum)
        _expect_in_a_graph(lambda p, y, b=delta: answer(y, p, b), (y_pred, y_true), want, slopes, on)
    error = np.float32([[3.0, -0.5], [0.6, 0.2]])  # a row of both pieces, and one that is near as a whole
    expect(answer(tf.constant(error), tf.zeros((2, 2))), _huber(np.abs(error), 1.0).mean(-1), on="delta left out")
    # A shape of above comes with another delta: what was remembered by the shape shows.
    zeros, border, on = np.zeros((5, 1), "float32"), np.float32([[2], [-2], [2], [-2], [2]]), "errors of ±2, delta=2"
    smells = {
        "An error of exactly delta is left out by both pieces: it belongs to the near one.": np.zeros(5),
        "An error of exactly delta is counted by both pieces: it belongs to the near one.": np.full(5, 4),
    }
    expect(answer(tf.constant(border), tf.constant(zeros), 2.0), np.full(5, 2.0), on=on, smells=smells)
    smells = {
        "At an error of exactly delta both pieces pull: tf.maximum and tf.minimum have a slope at a tie.": -2 * border,
        "At an error of exactly delta neither piece pulls.": 0 * border,
    }
    got = _gradient(lambda p: answer(tf.constant(border), p, 2.0), zeros)
    _expect_slopes(got, -border, (5,), f"the gradient on {on}", smells)
    huge, on = np.resize(np.float32([1e25, -1e25, 0.5]), (5, 1)), "errors of 1e25, -1e25 and 0.5, delta=2"
    got = answer(tf.constant(huge), tf.constant(zeros), 2.0)
    array = as_array(got)
    squared = f"the loss is {array}. The square of a huge error is inf in float32"
    refuse({
        f"{squared}, and inf times 0 or inf minus inf is nan.": array is not None and np.any(np.isnan(array)),
        f"{squared}; the absolute value needs no square.": array is not None and np.any(np.isinf(array)),
    }, on=on)  # fmt: skip
    want, slopes = _huber(np.abs(np.float64(huge[:, 0])), 2.0), np.resize(np.float32([-2, 2, -0.5]), (5, 1))
    expect(got, want, on=on)
    got = _gradient(lambda p: answer(tf.constant(huge), p, 2.0), zeros)
    _expect_slopes(got, slopes, (5,), f"the gradient on {on}")
    _expect_in_a_graph(lambda p, y: answer(y, p, 2.0), (zeros, huge), want, slopes, on)
    _expect_all_counted(answer, lambda error: _huber(np.abs(error), 1.0))


@exercise("3.2", "Pinball", why="With it a model promises a quantile, and two of them make an honest interval.")
def pinball(answer):
    """Judge values and slopes at fresh errors, tiny and large ones, for quantiles on both sides of the median."""
    other = float(np.random.default_rng().uniform(0.6, 0.8))
    for n, d, tau in ((4, 3, 0.9), (5, 1, 0.004), (6, 2, other), (1, 1, 0.3), (1, 4, 0.995)):
        error = _fresh((n, d), 4)
        error[0, -1], error[0, 0] = -1.0, 2.0  # a row of both signs
        error[-1, : d if n > 1 else 1] = -1.5  # and one whose mean is negative
        error[1:3, 0] = (1e-4, -1e-4)[: n - 1]  # close to the corner, where only the slope shows a round one
        y_true = _fresh((n, d), 2)
        y_true, y_pred = tf.constant(y_true), np.float32(y_true - error)
        too_low, too_high = tau * error, (tau - 1) * error
        want = np.maximum(too_low, too_high).mean(-1)
        smells = {
            "The sides are swapped: a label above the prediction costs tau.":
                np.maximum(-too_low, -too_high).mean(-1),
            "Too high a prediction costs something as well: 1 - tau for each unit.": np.maximum(too_low, 0).mean(-1),
            "Too low a prediction costs something as well: tau for each unit.": np.maximum(too_high, 0).mean(-1),
            "That is the loss for a tau of 0.5: tau was ignored.": np.abs(error).mean(-1) / 2,
            "That is the absolute error times tau: the two sides cost the same.": np.abs(too_low).mean(-1),
            "That is the smaller of the two, which is never positive: take the larger one.":
                np.minimum(too_low, too_high).mean(-1),
            "That is twice the loss.": 2 * want,
            "The sign is wrong: a loss is never negative.": -want,
            "The errors were not separated by sign: they cancel.": too_low.mean(-1),
            "The larger of the two must be taken for each element, before the mean: here errors cancel.":
                np.maximum(too_low.mean(-1), too_high.mean(-1)),
            "A negative error needs the factor tau - 1: with 1 - tau its cost is negative.":
                np.maximum(too_low, -too_high).mean(-1),
        }  # fmt: skip
        on = f"y_true and y_pred of shape ({n}, {d}), tau={tau:.3g}"
        _expect_each(lambda p, y=y_true, t=tau: answer(y, p, t), y_pred, want, smells, on)
        slopes = np.where(error > 0, -tau, 1 - tau) / d
        got = _gradient(lambda p, y=y_true, t=tau: answer(y, p, t), y_pred)
        _expect_slopes(got, slopes, (n,), f"the gradient on {on}")
        _expect_in_a_graph(lambda p, y, t=tau: answer(y, p, t), (y_pred, y_true), want, slopes, on)
    expect(answer(tf.constant([[3.0, -1.0], [0.0, 0.0]]), tf.zeros((2, 2))), [1.0, 0.0], on="tau left out")
    # A shape of above comes with another tau: what was remembered by the shape shows.
    zeros, large = np.zeros((5, 1), "float32"), np.float32([[1e5], [-1e5], [1e5], [-1e5], [1e5]])
    got = answer(tf.constant(large), tf.constant(zeros), 0.9)
    expect(got, np.where(large > 0, 9e4, 1e4)[:, 0], on="errors of 1e5 and -1e5, tau=0.9")
    # In the corner any slope between those of both sides will do.
    _require_gradient(_gradient(lambda p: answer(tf.constant(zeros), p, 0.9), zeros), "the gradient at errors of 0")
    _expect_all_counted(answer, lambda error: np.abs(error) / 2)


@exercise(
    "3.3",
    "Masked mean squared error",
    why="Now a batch may be padded to any length, with anything, and the loss and its gradient stay as they were.",
)
def masked_mse(answer):
    """Judge loss and gradient under masks of all kinds, with huge numbers at the padding, and on padding only."""
    cases = (
        ("11111 11000", 2.5, 1),
        ("01101 11111 10010", 7.0, 1),  # real steps that stand last, or with gaps
        ("101 000 011", 4.0, 1e4),
        ("1101", 1.0, 1),
        ("1 0 1", 1.0, 1),
        ("1", 1.0, 1),
        ("00100 00001 10111", 1e30, 1),
        ("101 010 110", 3e38, 1),
    )
    for rows_of_mask, filler, size in cases:
        mask = np.array([[step == "1" for step in row] for row in rows_of_mask.split()])
        y_true, error = _fresh(mask.shape, 2), np.float32(size * random_array(*mask.shape, high=3))
        real = np.flatnonzero(mask)
        error.flat[real[:4]] = np.multiply(size, [1.2, 0, -1.7, 0])[: len(real)]  # two perfect hits among them
        error.flat[real[4:][-1:]] = 2.6 * size  # the last row has another mean than the first
        y_true.flat[real[1:3]] = 0  # a label as any other, hit and missed
        y_pred = np.where(mask, y_true - error, np.float32(filler))
        y_true = np.where(mask, y_true, np.float32(-filler / 2))
        squares = np.where(mask, np.asarray(y_true, np.float64) - y_pred, 0.0) ** 2
        rows = squares.sum(1) / np.maximum(mask.sum(1), 1)
        everywhere = (np.asarray(y_true, np.float64) - y_pred) ** 2
        first = np.arange(mask.shape[1]) < mask.sum(1, keepdims=True)
        overflowed = "A huge number at the padding overflowed, and was then multiplied by 0: inf times 0 is nan."
        smells = {
            "That divides by all elements, padding included: divide by the number of real ones.": squares.mean(),
            "That is a mean of row means: an element of a short row counts too much.": rows.mean(),
            "The mask was not used.": everywhere.mean(),
            "The mask was turned around: it is True where a value is real.":
                everywhere[~mask].sum() / max(1, np.count_nonzero(~mask)),
            "That is the root of the mean: the mean itself is asked for.": np.sqrt(squares.sum() / mask.sum()),
            "That is the mean of the absolute errors, not of their squares.": np.sqrt(squares).sum() / mask.sum(),
            "The real steps were taken to stand first in each row: the mask says where they stand.":
                everywhere[first].sum() / mask.sum(),
            "A real label of 0 was taken for padding: only the mask says what is real.":
                squares[y_true != 0].sum() / np.count_nonzero(mask & (y_true != 0)),
            "A prediction that hits its label was not counted: divide by the number of real elements.":
                squares.sum() / np.count_nonzero(squares),
            "That is a sum; a mean is asked for.": squares.sum(),
            "That is half the mean.": squares.sum() / mask.sum() / 2,
            "That divides by the number of rows.": squares.sum() / len(mask),
            "That is one value for each row; a scalar over the batch is asked for.": rows,
            overflowed if filler > 1e20 else "0/0 is nan: a row may hold padding alone.": np.nan,
        }  # fmt: skip
        on = f"the mask {rows_of_mask} (1 is True), padding filled with {filler:g}"
        want = squares.sum() / mask.sum()
        given = tf.constant(y_true), tf.constant(mask)
        expect(answer(given[0], tf.constant(y_pred), given[1]), want, on=on, smells=smells)
        slopes = np.where(mask, -2 * (np.asarray(y_true, np.float64) - y_pred), 0) / mask.sum()
        got = _gradient(lambda p, g=given: answer(g[0], p, g[1]), y_pred)
        masked_late = (
            "it holds nan, although the loss is right. The padding is squared, and masked afterwards, by tf.where or "
            "by a product: the slope of the square there is inf, and inf times 0 is nan."
        )
        refuse(
            {masked_late: filler > 1e20 and got is not None and np.any(np.isnan(got))},  # else its square is no inf
            on=f"the gradient on {on}",
        )
        _expect_slopes(got, slopes, (), f"the gradient on {on}")
        _expect_in_a_graph(lambda p, y, real: answer(y, p, real), (y_pred, y_true, mask), want, slopes, on)
    for shape in ((300, 2), (4, 80)):  # a small integer cannot hold the count
        mask, rising = np.random.default_rng().random(shape) < 0.9, np.add.outer(*(np.linspace(0, 1, n) for n in shape))
        y_true = ((1 + rising) * random_array(*shape)).astype("float32")  # so that no part has the mean of all
        given = tf.constant(y_true), tf.zeros(shape), tf.constant(mask)
        on = f"a mask of shape {shape} that is True at {mask.sum()} elements"
        want = (y_true[mask] ** 2).mean()
        expect(answer(*given), want, on=on)
    expect(_with_open_rows(answer, given), want, on=f"{on}, {OPEN_ROWS}")
    _expect_nothing(answer, 1.0, "0/0 is nan: a batch without real elements has a loss of 0.")
    _expect_nothing(answer, 3e38, "What stands at the padding overflowed, and inf times 0 is nan.")


def _expect_nothing(answer: Callable, filler: float, nan: str) -> None:
    """Expect a loss and a gradient of 0 on a batch of padding only; `nan` says where a nan comes from."""
    y_pred, mask = np.full((3, 3), filler, np.float32), np.zeros((3, 3), bool)
    on = f"a batch of padding only, filled with {filler:g}"
    expect(answer(-tf.constant(y_pred), tf.constant(y_pred), tf.constant(mask)), 0.0, on=on, smells={nan: np.nan})
    slopes = _gradient(lambda p: answer(-tf.constant(y_pred), p, tf.constant(mask)), y_pred)
    constant = "it is None: a constant 0 has no gradient, and an optimizer would stop there with an error."
    refuse({constant: slopes is None}, on=f"the gradient on {on}")
    zeros = np.zeros((3, 3))
    expect(slopes, zeros, on=f"the gradient on {on}")
    _expect_in_a_graph(lambda p, y, real: answer(y, p, real), (y_pred, -y_pred, mask), np.zeros(()), zeros, on)


@exercise(
    "3.4",
    "Stable binary cross-entropy",
    why="A model that is certain and wrong now gets a finite loss and a full slope: it can be taught.",
    deeper=True,
)
def stable_bce(answer):
    """Judge values and slopes at ordinary and extreme logits and at zero, with hard and with soft labels."""
    z = np.float32([[1e4, -1e4], [300, -300], [40, -40], [20, -20], [0, 0], [3, -2]])
    fresh, soft = _fresh((4, 3), 6), np.random.default_rng().random((4, 3), np.float32)
    fresh[abs(fresh) < 0.01] = 1  # at zero, a case of its own judges
    fresh[1, :2], soft[1, :2] = (5.5, -5.5), (0.003, 0.997)  # soft, although nearly hard
    cases = [
        ("ordinary logits", fresh, np.float32(np.random.default_rng().random(fresh.shape) < 0.5)),
        ("soft labels", fresh, soft),
        ("logits up to 10,000, labels 1", z, np.ones_like(z)),
        ("logits up to 10,000, labels 0", z, np.zeros_like(z)),
        ("logits up to 10,000, labels 0.3", z, np.full_like(z, 0.3)),
        ("one axis", fresh[0], soft[0]),
        ("three axes", fresh.reshape(2, 2, 3), soft.reshape(2, 2, 3)),
        ("four axes", fresh.reshape(2, 1, 2, 3), soft.reshape(2, 1, 2, 3)),
        ("no axis", fresh[0, 0].reshape(()), soft[0, 0].reshape(())),
        ("two logits of 8.5, where a straight line is near", np.float32([[8.5], [8.5]]), np.float32([[1], [0]])),
    ]
    for on, logits, y_true in cases:
        y, t = np.asarray(y_true, np.float64), np.asarray(logits, np.float64)
        cost_of_yes, cost_of_no = np.logaddexp(0, -t), np.logaddexp(0, t)
        want = y * cost_of_yes + (1 - y) * cost_of_no
        rounded = np.where(y > 0.5, cost_of_yes, cost_of_no)
        p = 1 / (1 + np.exp(-np.clip(t, -500, 500)))
        smells = {
            "The two classes are swapped: label 1 wants a large logit.": (1 - y) * cost_of_yes + y * cost_of_no,
            "The half for label 0 is missing.": y * cost_of_yes,
            "The sign is wrong: a loss is minus a log-probability.": -want,
            "A soft label counts for both classes, each by its share: nothing is rounded.": rounded,
            "That is the mean: one loss for each element is asked for.": want.mean(),
            "That is one value a row: nothing is averaged here.": want.mean(-1) if want.size > 2 else want,
            "A soft label counts for both classes, each by its share: 2y - 1 is a sign for labels of 0 and 1 alone.":
                np.logaddexp(0, (1 - 2 * y) * t),
            "The labels were multiplied twice, or the logits taken for probabilities: apply the sigmoid once.":
                y * np.logaddexp(0, -p) + (1 - y) * np.logaddexp(0, p),
        }  # fmt: skip
        got = attempted(answer(tf.constant(y_true), tf.constant(logits)), asked="one loss for each element", on=on)
        _require_no_lid(got, want, logits, on)
        expect(got, want, on=on, smells=smells, tolerance=1e-6 if logits is z else 1e-4)
        slopes = _gradient(lambda s, y=y_true: answer(tf.constant(y), s), logits)
        _require_gradient(slopes, f"the gradient for {on}")
        _refuse_kink(slopes, p - y, logits, on)
        _expect_slopes(slopes, p - y, y.shape, f"the gradient for {on}")
        _expect_in_a_graph(lambda s, y: answer(y, s), (logits, y_true), want, p - y, on)
    _expect_small_losses(answer)


def _expect_small_losses(answer: Callable, more: str = "") -> None:
    """Expect the cross-entropy of labels that the logits predict, more exactly than that of others, and of many."""
    certain = np.float32([11, 10, -10, 12.25, -12.25, 1e4, -1e4])
    for logits, named in (certain, certain.tolist()), (_fresh((40, 30), 6), "of shape (40, 30)"):
        given = tf.constant(np.float32(logits > 0)), tf.constant(logits)
        want = np.logaddexp(0, -np.abs(np.float64(logits)))
        on = f"logits {named} and the labels that they predict{more}"
        expect(answer(*given), want, on=on, tolerance=3.5e-6)  # softplus(z) - z is off by 2e-6 in float32
    expect(_with_open_rows(answer, given), want, on=f"{on}, {OPEN_ROWS}")


def _refuse_kink(slopes: np.ndarray, want: np.ndarray, logits: np.ndarray, on: str) -> None:
    """Name a slope that is wrong at a logit of 0, and there only."""
    off = np.abs(slopes - want) > 1e-3
    at = None if np.any(off & (logits != 0)) else _first(off)
    refuse({
        f"the slope at a logit of 0 is {slopes.flat[at or 0]:g}, not {want.flat[at or 0]:g}. A maximum or an absolute "
        "value has a kink there, also inside a library's function; a branch that is a constant has no slope at all.":
            at is not None,
    }, on=on)  # fmt: skip


def _require_no_lid(got, want: np.ndarray, logits: np.ndarray, on: str) -> None:
    """Name a loss that is not finite, or that is too small where the model is certain and wrong."""
    array = as_array(got)
    if array is None or array.shape != want.shape:
        return
    broken, low = _first(~np.isfinite(array)), _first((want > 15) & (array < 0.95 * want))
    at = low if broken is None else broken
    if at is None:
        return
    logit, cost, right = logits.flat[at], array.flat[at], want.flat[at]
    refuse({
        f"a logit of {logit:g} gives {cost}. That is the log of 0, or an exponential that overflows: do not go by way "
        "of the probability.": broken is not None,
        f"a logit of {logit:g} should cost {right:g} and costs {cost:.4g}. Clipping, or a small number added inside "
        "the log, puts a lid on the loss.": low is not None,
    }, on=on)  # fmt: skip


@exercise(
    "3.5",
    "Focal loss",
    why="You can now tell a model how much of its attention the easy examples deserve.",
    deeper=True,
)
def focal(answer):
    """Judge values and slopes for several gammas and shapes, the cross-entropy at 0, and extreme logits."""
    low, high = np.random.default_rng().uniform((0.02, 12), (0.08, 30)).tolist()
    cases = (0.0, (7,)), (2.0, (7,)), (low, (7,)), (7.5, (2, 2, 2)), (high, (7, 1)), (1, (1, 7)), (0, ())
    for gamma, shape in cases:
        logits = np.asarray(_fresh(shape, 4))
        logits.flat[:5] = 8, 0.4, 1.2, 0, 0
        y_true = np.float32(np.resize([1, 0, 1, 0, 1, 0, 1], shape))
        t = np.float64((2 * y_true - 1) * logits)
        p, cross = 1 / (1 + np.exp(-t)), np.logaddexp(0, -t)
        p_yes = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
        factor = (1 - p) ** gamma
        want = factor * cross
        class_weights = np.where(y_true == 1, 0.25, 0.75)
        smells = {
            "That turns down the hard examples: the factor is a power of 1 - p_t.": p**gamma * cross,
            "The factor takes the probability of a yes for both classes: p_t is that of the true class.":
                (1 - p_yes) ** gamma * cross,
            "Examples with label 0 are missing.": np.where(y_true == 1, want, 0),
            "That is the cross-entropy alone, as for a gamma of 0.": cross,
            "That is the loss for a gamma of 2: gamma was ignored, or a 0 taken for a gamma left out.":
                (1 - p) ** 2 * cross,
            "The two classes are swapped: label 1 wants a large logit.": p**gamma * np.logaddexp(0, t),
            "That takes the probability of a yes for both classes: for a label of 0, p_t is 1 minus it.":
                (1 - p_yes) ** gamma * -np.log(p_yes),
            "The sign is wrong: a loss is minus a log-probability.": -want,
            "That is the mean: one loss for each element is asked for.": want.mean(),
            "gamma multiplies where it should be an exponent.": gamma * (1 - p) * cross,
            "A weight of 0.25 came in: the formula here has none.": want / 4,
            "A weight of 0.25 and 0.75 for the classes came in: the formula here has none.": class_weights * want,
            "That is the factor alone: multiply it by the cross-entropy.": factor,
        }  # fmt: skip
        on = f"logits of shape {shape}, gamma={gamma:.3g}"
        got = answer(tf.constant(y_true), tf.constant(logits), gamma)
        expect(got, want, on=on, smells=smells)
        slopes = _gradient(lambda s, y=y_true, g=gamma: answer(tf.constant(y), s, g), logits)
        sign = 2 * y_true - 1
        constant = {"The factor was taken for a constant: it depends on the logits too.": -sign * factor * (1 - p)}
        want = -sign * factor * (gamma * p * cross + 1 - p)
        _require_gradient(slopes, f"the gradient on {on}")
        _refuse_kink(slopes, want, logits, on)
        _expect_slopes(slopes, want, shape, f"the gradient on {on}", constant)
        loss = factor * cross
        _expect_in_a_graph(lambda s, y, g=gamma: answer(y, s, g), (logits, y_true), loss, want, on)
    # From here on many shapes are those of the first cases: what XLA has compiled then serves again.
    half = answer(tf.ones(7), tf.zeros(7))
    expect(half, np.full(7, 0.25 * np.log(2)), on="seven logits of 0 with the label 1, gamma left out")
    _expect_small_losses(lambda y, s: answer(y, s, 0.0), ", gamma=0")
    extreme, y_true = np.float32([1e4, -1e4, 300, -300, 30, -30, 100]), np.float32([1, 1, 0, 1, 0, 0, 0])
    t = np.float64((2 * y_true - 1) * extreme)
    for gamma in (0.0, 0.5, 2.0):
        on = f"logits {extreme.astype(int).tolist()}, labels {y_true.astype(int).tolist()}, gamma={gamma:g}"
        got = answer(tf.constant(y_true), tf.constant(extreme), gamma)
        want = np.exp(-gamma * np.logaddexp(0, t)) * np.logaddexp(0, -t)
        _require_no_lid(got, want, extreme, on)
        expect(got, want, on=on, tolerance=1e-6)
        slopes = _gradient(lambda s, g=gamma: answer(tf.constant(y_true), s, g), extreme)
        broken = slopes is not None and not np.all(np.isfinite(slopes))
        cause = (
            "On the way back a slope is inf or nan: at 0 that of a logarithm, and of a power whose exponent is below "
            "1, or far out that of a branch that tf.where does not take."
        )
        refuse({f"the values are right and the gradient is {slopes}. {cause}": broken}, on=on)
        full = np.where(t < 0, 1 - 2 * y_true, 0.0)
        _expect_slopes(slopes, full, t.shape, f"the gradient for {on}")
        _expect_in_a_graph(lambda s, y, g=gamma: answer(y, s, g), (extreme, y_true), want, full, on)
    for gamma in (0.5, 2.0):
        _expect_easy_examples(answer, gamma)


def _expect_easy_examples(answer: Callable, gamma: float) -> None:
    """Expect losses and slopes of examples that are right already, measured by their own size.

    At a logit of 8, float32 can be right. At -20 and -30, 1 - p_t may have become 0 on the way: less is accepted there.
    """
    for each in [8, -8], [-20], [-30]:
        logits = np.resize(np.float32(each), 7)
        y_true, t = (logits > 0).astype("float32"), np.abs(logits.astype("float64"))
        cross, opposite = np.logaddexp(0, -t), np.logaddexp(0, t)
        factor = np.exp(-gamma * opposite)
        slope = -np.sign(logits) * factor * (gamma * np.exp(-cross) * cross + np.exp(-opposite))
        got = answer(tf.constant(y_true), tf.constant(logits), gamma)
        slopes = _gradient(lambda s, y=y_true: answer(tf.constant(y), s, gamma), logits)
        on = f"examples that are right already, logits {each}, gamma={gamma:g}"
        _require_gradient(slopes, f"the gradient on {on}")
        for what, came, want in (on, got, factor * cross), (f"the gradient on {on}", slopes, slope):
            size = abs(as_array(came))
            if len(each) == 1 and np.all(size <= 1.02 * abs(want)):
                continue
            kept_up = {"A small number that is added, or a clip, keeps it from falling further.": came}
            too_large = came is got and np.all(size > 1.02 * want)
            expect(came, want, on=what, smells=kept_up if too_large else {}, tolerance=0.02 * abs(want[0]))


def _fresh(shape: tuple, scale: float) -> np.ndarray:
    return np.random.default_rng().uniform(-scale, scale, shape).astype("float32")


def _huber(size: np.ndarray, delta: float) -> np.ndarray:
    return np.where(size <= delta, 0.5 * size**2, delta * (size - delta / 2))


def _expect_each(of_prediction: Callable, y_pred: np.ndarray, want: np.ndarray, smells: dict, on: str) -> None:
    """Expect one value for each example, and name the usual ways to reduce too much or the wrong axis."""
    got = of_prediction(tf.constant(y_pred))
    array = as_array(got)
    if array is not None:
        scalar, (n, d) = array.shape == (), y_pred.shape
        refuse({
            "that is a number without an axis. A batch of 1 row gives one value, of shape (1,).": scalar and n == 1,
            "that is the mean over the whole batch. Average over the last axis only.":
                scalar and np.isclose(array, want.mean(), rtol=1e-4, atol=1e-6),
            "that is a sum over the batch. One value for each example is asked for.":
                scalar and np.isclose(array, want.sum(), rtol=1e-4, atol=1e-6),
            "that is averaged over the batch, axis 0. The examples must stay apart.": array.shape == (d,) and n != d,
            "that is one value for each element. Average over the last axis.": array.shape == (n, d),
            "that is a sum over the last axis. The mean is asked for.":
                d > 1 and array.shape == (n,) and np.allclose(array, want * d, 1e-4),
            "the sum over the last axis is divided by the number of rows. Divide by the length of that axis.":
                n not in (1, d) and array.shape == (n,) and np.allclose(array, want * d / n, 1e-4),
        }, on=on)  # fmt: skip
    expect(got, want, on=on, smells=smells)


def _expect_all_counted(answer: Callable, loss: Callable) -> None:
    """Expect one value for each example of many, and of long ones, which are averaged to their end."""
    for shape in ((300, 1), (2, 80)):
        error, on = random_array(*shape).astype("float32"), f"y_true and y_pred of shape {shape}"
        given, want = (tf.constant(error), tf.zeros(shape)), loss(error).mean(-1)
        expect(answer(*given), want, on=on)
    expect(_with_open_rows(answer, given), want, on=f"{on}, {OPEN_ROWS}")


def _weights(shape: tuple, axes: int) -> np.ndarray:
    """Return a weight for each entry of a loss of `shape`, with as many axes as what the loss is differentiated by."""
    return np.resize(WEIGHTS, shape).reshape((*shape, *(1,) * (axes - len(shape))))


def _gradient(f: Callable, point: np.ndarray) -> np.ndarray | None:
    """Return the slopes of `f` at `point`, or None where nothing connects the two.

    Each entry of the loss is weighted, and the weights are divided out again: a loss with a gradient of its own must
    heed what comes from above.
    """
    axes, point = point.ndim, tf.constant(point)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = tf.convert_to_tensor(f(point))
        weighted = value * tf.cast(_weights(value.shape, 0), value.dtype)
    gradient = tape.gradient(weighted, point)
    return None if gradient is None else tf.convert_to_tensor(gradient).numpy() / _weights(value.shape, axes)


def _require_gradient(slopes: np.ndarray | None, on: str) -> None:
    unseen = "there is none. The values are right, but NumPy, float() or stop_gradient hid them from the tape."
    refuse({unseen: slopes is None}, on=on)
    broken = (
        "it holds nan or inf, although the values are right: on the way back a slope is inf, perhaps in the branch "
        "that tf.where does not take, and inf times 0 is nan."
    )
    refuse({broken: not np.all(np.isfinite(slopes))}, on=on)


def _expect_slopes(
    slopes: np.ndarray | None, want: np.ndarray, shape: tuple, on: str, smells: dict | None = None
) -> None:
    """Expect the slopes of a loss of `shape`, as `_gradient` returns them."""
    _require_gradient(slopes, on)
    turned = {"That is minus the gradient.": -want}
    expect(slopes, want, on=on, smells=_deaf(want, shape) | turned | (smells or {}))


def _deaf(slopes: np.ndarray, shape: tuple) -> dict:
    """Return the smell of a gradient that ignores what comes from above: there the weights do not cancel."""
    told = (
        "The gradient ignores dy, what comes from above: here each loss was multiplied by a weight, and its slope "
        "divided by that weight again."
    )
    return {told: slopes / _weights(shape, slopes.ndim)}


def _expect_in_a_graph(f: Callable, given: tuple, want: np.ndarray, slopes: np.ndarray, on: str) -> None:
    """Expect the same value and slopes from `f(point, *others)` where it is recorded into a graph, others and all."""
    shape = np.shape(want)

    def value_and_slopes(point, *others):
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = tf.convert_to_tensor(f(point, *others))
            fits = value.shape.is_compatible_with(shape)  # where it does not, the value is refused below
            weighted = value * tf.cast(_weights(shape, 0), value.dtype) if fits else value
        return value, tape.gradient(weighted, point)

    value, gradient = compiled(value_and_slopes)(*(tf.constant(part) for part in given))
    expect(value, want, on=f"{on}, inside a tf.function")
    refuse({"there is none inside a tf.function.": gradient is None}, on=f"the gradient on {on}")
    gradient = tf.convert_to_tensor(gradient).numpy() / _weights(shape, slopes.ndim)
    expect(gradient, slopes, on=f"the gradient on {on}, inside a tf.function", smells=_deaf(slopes, shape))


def _with_open_rows(answer: Callable, given: tuple) -> tf.Tensor:
    """Return the answer to `given` from a graph that was recorded for any number of rows, as `fit` records it."""
    open_rows = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in given]
    return compiled(lambda *given: answer(*given), input_signature=open_rows)(*given)


def _first(where: np.ndarray) -> int | None:
    """Return the flat index of the first True, or None."""
    return int(np.argmax(where)) if np.any(where) else None
