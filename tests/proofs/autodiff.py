"""Answers to the exercises of notebook 01 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof
from utils.checks.autodiff import SMOOTH
from utils.checks.engine import central_difference


def _watched(f, x):
    x = tf.convert_to_tensor(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


def slope_by_variable(f, x):
    variable = tf.Variable(float(x))
    with tf.GradientTape() as tape:
        y = f(variable)
    return float(tape.gradient(y, variable))


def slope_by_forward_mode(f, x):
    x = tf.constant(x, tf.float64)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as forward:
        y = f(x)
    return forward.jvp(y).numpy()


def slope_by_difference(f, x):
    x = tf.constant(x, tf.float64)
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5


def slope_of_what_came(f, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        if x.dtype.is_floating:
            tape.watch(x)
        y = f(tf.cast(x, tf.float32))
    return tape.gradient(y, x)


def slope_by_a_share_of_x(f, x):
    x = tf.constant(x, tf.float64)
    return tf.math.divide_no_nan(f(x + 1e-5 * x) - f(x - 1e-5 * x), 2e-5 * x)


def rows_by_formula(w, x, y_true):
    return 2 * (x.numpy() @ w.numpy() - y_true.numpy())[:, None] * x.numpy()


def rows_by_loop(w, x, y_true):
    return tf.stack([_watched(lambda v, i=i: (tf.tensordot(x[i], v, 1) - y_true[i]) ** 2, w) for i in range(len(x))])


def rows_by_tiled_weights(w, x, y_true):
    return _watched(lambda rows: (tf.reduce_sum(rows * x, axis=1) - y_true) ** 2, tf.tile(w[None], [len(x), 1]))


def rows_by_jacobian(w, x, y_true):
    with tf.GradientTape() as tape:
        tape.watch(w)
        losses = losses_of(w, x, y_true)
    return tape.jacobian(losses, w)


def rows_against_all_labels(w, x, y_true):
    with tf.GradientTape() as tape:
        tape.watch(w)
        losses = tf.reduce_mean((x @ w[:, None] - y_true) ** 2, axis=1)
    return tape.jacobian(losses, w)


def losses_of(w, x, y_true):
    return (tf.linalg.matvec(x, w) - y_true) ** 2


def norm_with_double_where(x):
    is_zero = tf.reduce_all(x == 0)
    return tf.where(is_zero, tf.constant(0, x.dtype), tf.norm(tf.where(is_zero, tf.ones_like(x), x)))


def norm_by_reduce_euclidean_norm(x):
    is_zero = tf.reduce_all(x == 0)
    length = tf.math.reduce_euclidean_norm(tf.where(is_zero, tf.ones_like(x), x))
    return tf.where(is_zero, tf.zeros_like(length), length)


def norm_with_numbers_first(x):
    squares = tf.reduce_sum(x * x)
    return tf.where(squares == 0, 0.0, tf.sqrt(tf.where(squares == 0, 1.0, squares)))


def norm_with_numbers_last(x):
    squares = tf.reduce_sum(x * x)
    return tf.where(squares > 0, tf.sqrt(tf.where(squares > 0, squares, 1.0)), 0.0)


@tf.custom_gradient
def norm_with_numpy_guard(x):
    length = tf.norm(x)
    return length, lambda upstream: upstream * (x / length if float(length) > 0 else tf.zeros_like(x))


@tf.custom_gradient
def norm_with_cond(x):
    length = tf.norm(x)
    return length, lambda upstream: upstream * tf.cond(length > 0, lambda: x / length, lambda: tf.zeros_like(x))


@tf.custom_gradient
def norm_by_root_of_products(x):
    length = tf.sqrt(tf.tensordot(x, x, 1))
    return length, lambda upstream: tf.where(length > 0, upstream * x / tf.where(length > 0, length, 1.0), 0.0)


def norm_of_what_is_not_zero(x):
    return tf.norm(tf.gather(x, tf.where(x != 0)[:, 0]))


def norm_where(is_zero):
    """Return a double where that takes for the zero vector what `is_zero` says."""

    def norm(x):
        zero = is_zero(x)
        return tf.where(zero, tf.zeros((), x.dtype), tf.norm(tf.where(zero, tf.ones_like(x), x)))

    return norm


@tf.function
def norm_with_a_branch(x):
    return tf.norm(x) if tf.reduce_any(x != 0) else 0 * tf.reduce_sum(x)


def norm_right_when_eager(x):
    return norm_with()(x) if tf.executing_eagerly() else tf.sqrt(tf.reduce_sum(x * x))


def norm_in_float32(x):
    return norm_with()(tf.cast(x, tf.float32))


def norm_by_way_of_float32(x):
    return tf.cast(norm_with()(tf.cast(x, tf.float32)), x.dtype)


@tf.custom_gradient
def norm_without_upstream(x):
    length = tf.norm(x)
    return length, lambda upstream: tf.math.divide_no_nan(x, length)


@tf.custom_gradient
def norm_with_upstream_alone(x):
    return tf.norm(x), lambda upstream: upstream * tf.ones_like(x)


def norm_with(backward=lambda upstream, x, length: upstream * tf.math.divide_no_nan(x, length)):
    @tf.custom_gradient
    def norm(x):
        length = tf.norm(x)
        return length, lambda upstream: backward(upstream, x, length)

    return norm


def norm_with_what_is_left():
    """Return an answer whose way back uses the vector of the last call."""
    left = {}

    @tf.custom_gradient
    def norm(x):
        left["x"] = x
        return tf.norm(x), lambda upstream: upstream * _unit(left["x"], tf.norm(left["x"]))

    return norm


def _unit(x, length):
    return tf.math.divide_no_nan(x, length)


def rows_remembered():
    """Return an answer that remembers its results by shape."""
    known = {}
    return lambda w, x, y: known.setdefault(tuple(x.shape), rows_by_formula(w, x, y))


def rows_by_what_x_holds(w, x, y_true):
    """Find the label of a row by what the row holds: of two alike, the first one."""
    labels = {}
    firsts = [labels.setdefault(row.tobytes(), label) for row, label in zip(x.numpy(), y_true.numpy(), strict=True)]
    return rows_by_formula(w, x, tf.constant(firsts))


def _errors(functions, x, compare):
    """Return the index of the greatest error, or -1 where none stands out: rounding must not guess right by luck."""
    errors = [compare(_slopes(f, x), _judge(f, x)) for f in functions]
    return int(np.argmax(errors)) if max(errors) > 1e-6 else -1


def _judge(f, x, h=None):
    """Return central differences with one step for all components."""
    return central_difference(f, x, 1e-5 * max(1.0, np.abs(x).max()) if h is None else h)


def wrong_one_with(h):
    """Return an answer that takes steps of h whatever the point."""

    def answer(functions, x):
        errors = [
            np.abs(_slopes(f, x) - _judge(f, x, h)).max() / np.abs(_judge(f, x, h)).max().clip(1e-300)
            for f in functions
        ]
        return int(np.argmax(errors))

    return answer


def wrong_one_with_step_of(size):
    """Return an answer whose step grows with size(x)."""
    return lambda functions, x: wrong_one_with(1e-5 * max(1.0, size(x.numpy())))(functions, x)


def wrong_one_with_steps_of_x_and_one(functions, x):
    """Let each step grow with its entry, and be 0 at an entry of -1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = [[central_difference(f, x, 1e-5 * (1 + v))[i] for i, v in enumerate(x.numpy())] for f in functions]
    errors = [np.abs(_slopes(f, x) - b).max() / np.abs(b).max() for f, b in zip(functions, slopes, strict=True)]
    return int(np.argmax(np.nan_to_num(errors)))


def wrong_one_along_the_gradient(functions, x):
    """Ask for the slope in the direction of the gradient alone."""

    def far(a, b):
        return abs(b @ a / (a @ a or 1) - 1)

    return _errors(functions, x, far)


def wrong_one_by_jacobians(functions, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = tf.stack([f(x) for f in functions])
    slopes = [_judge(f, x) for f in functions]
    errors = [np.abs(a - b).max() / np.abs(b).max() for a, b in zip(tape.jacobian(values, x), slopes, strict=True)]
    return int(np.argmax(errors))


def wrong_one_with_step_of_the_mean(functions, x):
    """Let the step grow with the mean, which is below 0 or near it where the entries are large."""
    judged = [_judge(f, x, 1e-5 * max(np.mean(x), 1.0)) for f in functions]
    wrong = [abs(_slopes(f, x) - j).max() > 1e-2 * abs(j).max() for f, j in zip(functions, judged, strict=True)]
    return wrong.index(True) if sum(wrong) == 1 else -1


def wrong_one_by_bare_allclose(functions, x):
    """`np.allclose` adds 1e-8 to what it allows: a function of the size 1e-12 is never wrong."""
    wrong = [not np.allclose(_slopes(f, x), _judge(f, x)) for f in functions]
    return wrong.index(True) if any(wrong) else -1


def wrong_one_in_float32(functions, x):
    x32 = tf.cast(x, tf.float32)
    f32 = [lambda t, f=f: tf.cast(f(tf.cast(t, tf.float32)), tf.float64) for f in functions]
    errors = [np.abs(_slopes(f, x32) - _judge(f, x, 0.01)).max() for f in f32]
    return int(np.argmax(errors))


def wrong_one_by_tf_test(functions, x):
    scale = float(tf.maximum(tf.reduce_max(tf.abs(x)), 1.0))
    errors = []
    for f in functions:
        (by_tape,), (judged,) = tf.test.compute_gradient(f, [x], delta=1e-5 * scale)
        errors.append(np.abs(by_tape - judged).max() / np.abs(judged).max())
    return np.argmax(errors)


def _slopes(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x).numpy()


def wrong_one_by_cosine_and_length(functions, x):
    def far(a, b):
        return np.linalg.norm(a - b) / np.linalg.norm(b)

    return np.int64(_errors(functions, x, far))


def wrong_one_by_allclose(functions, x):
    for i, f in enumerate(functions):
        judged = _judge(f, x)
        if not np.allclose(_slopes(f, x), judged, rtol=0, atol=1e-4 * np.abs(judged).max()):
            return tf.constant(i)
    return -1


def wrong_one_by_component(least):
    """Return an answer that divides each difference by its own slope, or by `least` where that is less.

    Where the slope is 0, a right gradient is then as wrong as can be, of a large function even by 1e-8.
    """

    def answer(functions, x):
        errors = []
        for f in functions:
            by_tape, judged = _slopes(f, x), _judge(f, x)
            errors.append(np.max(abs(by_tape - judged) / np.maximum(abs(judged), least)))
        return int(np.argmax(errors))

    return answer


def wrong_one_with_step_of_size_x(least):
    """Return an answer whose step is 1e-5 |x|, and hardly more than none where x is 0."""

    def answer(functions, x):
        errors = []
        for f in functions:
            by_tape, steps = _slopes(f, x), 1e-5 * abs(x.numpy()) + least
            pairs = [(f(x + s), f(x - s)) for s in np.diag(steps)]
            judged = np.array([float(a - b) for a, b in pairs]) / np.where(steps, 2 * steps, 1)
            errors.append(abs(by_tape - judged).max() / max(abs(judged).max(), 1e-300))
        return int(np.argmax(errors))

    return answer


def wrong_one_by_diag(functions, x):
    """Take all steps at once, as the rows of a matrix, with one step for each component."""
    steps = 1e-5 * tf.maximum(tf.abs(x), 1.0)
    judged = [tf.stack([f(x + step) - f(x - step) for step in tf.linalg.diag(steps)]) / (2 * steps) for f in functions]
    errors = [np.abs(_slopes(f, x) - j).max() / np.abs(j).max() for f, j in zip(functions, judged, strict=True)]
    return errors.index(max(errors))


def wrong_one_by_sum(functions, x):
    return _errors(functions, x, lambda a, b: abs(a.sum() - b.sum()) / np.abs(b).max())


def wrong_one_by_length(functions, x):
    return _errors(functions, x, lambda a, b: abs(np.linalg.norm(a) / np.linalg.norm(b) - 1))


def wrong_one_by_cosine(functions, x):
    """A long vector hardly turns, and hardly changes its length, when one of its components is a little wrong."""

    def found(a, b):
        turned = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) if np.any(a) else 1.0
        return turned > 5e-4 or abs(np.linalg.norm(a) / np.linalg.norm(b) - 1) > 0.015

    wrong = [found(_slopes(f, x), _judge(f, x)) for f in functions]
    return wrong.index(True) if any(wrong) else -1


def wrong_one_loosely(functions, x):
    wrong = [not np.allclose(_slopes(f, x), _judge(f, x), rtol=0.1, atol=0) for f in functions]
    return wrong.index(True) if any(wrong) else -1


def wrong_one_by_sum_and_loosely(functions, x):
    """Let each component be 10 % off, and their sum by rounding alone."""

    def found(a, b):
        return abs(a - b).max() > 0.1 * abs(b).max() or abs((a - b).sum()) > 1e-6 * abs(b).max()

    wrong = [found(_slopes(f, x), _judge(f, x)) for f in functions]
    return wrong.index(True) if any(wrong) else -1


def wrong_one_tightly(functions, x):
    """Take rounding for a fault, where the values are large."""
    judged = [_judge(f, x) for f in functions]
    wrong = [abs(_slopes(f, x) - j).max() > 1e-8 * abs(j).max() for f, j in zip(functions, judged, strict=True)]
    return wrong.index(True)


def wrong_one_absolutely(functions, x):
    return _errors(functions, x, lambda a, b: np.abs(a - b).max())


def wrong_one_by_length_of_the_difference(functions, x):
    """Compare the length of the difference with that of the slopes: one of 20 that is 2 % off is half a percent."""
    judged = [_judge(f, x) for f in functions]
    wrong = [
        np.linalg.norm(_slopes(f, x) - j) > 1e-2 * np.linalg.norm(j) for f, j in zip(functions, judged, strict=True)
    ]
    return wrong.index(True) if any(wrong) else -1


def wrong_one_where(told):
    """Return an answer that compares the components of which told(x, judged) says that they count."""

    def answer(functions, x):
        errors = []
        for f in functions:
            by_tape, judged = _slopes(f, x), _judge(f, x)
            errors.append(np.max(np.where(told(x.numpy(), judged), abs(by_tape - judged), 0) / abs(judged).max()))
        return int(np.argmax(errors)) if max(errors) > 1e-4 else -1

    return answer


def product_by_double_tape(f, x, v):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        directional = tf.reduce_sum(inner.gradient(y, x) * v)
    return outer.gradient(directional, x)


def product_by_forward_mode(f, x, v):
    with tf.autodiff.ForwardAccumulator(x, v) as forward:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        gradient = tape.gradient(y, x)
    return forward.jvp(gradient)


def product_by_one_tape(f, x, v):
    x = tf.Variable(x)
    with tf.GradientTape(persistent=True) as tape:
        gradient = tape.gradient(f(x), x)
    return tape.gradient(gradient, x, output_gradients=v)


def product_in(dtype):
    """Return an answer that computes in `dtype`, and returns the dtype of x where that is float32."""

    def answer(f, x, v):
        product = product_by_double_tape(lambda t: f(tf.cast(t, x.dtype)), tf.cast(x, dtype), tf.cast(v, dtype))
        return tf.cast(product, x.dtype) if dtype == tf.float32 else product

    return answer


def product_by_difference(f, x, v):
    return (_gradient(f, x + 1e-3 * v) - _gradient(f, x - 1e-3 * v)) / 2e-3


def product_at_the_first_point():
    """Return an answer that keeps the point of a function's first call."""
    known = {}
    return lambda f, x, v: product_by_double_tape(f, known.setdefault(f, x), v)


def product_remembered():
    """Return an answer that remembers its results by the number of variables."""
    known = {}
    return lambda f, x, v: known.setdefault(len(x), product_by_double_tape(f, x, v))


def hessian(f, x):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        gradient = inner.gradient(y, x)
    return outer.jacobian(gradient, x)


def _gradient(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


PROOFS = {
    "slope": Proof(
        right=[slope_by_variable, slope_by_forward_mode, slope_by_difference, tf.function(_watched)],
        wrong={
            "the value of the function": lambda f, x: f(tf.constant(x, tf.float32)),
            "minus the slope": lambda f, x: -_watched(f, x),
            "behind the point of x was cut off": lambda f, x: _watched(f, int(x)),
            "to one side with a large step": lambda f, x: f(tf.constant(x + 1.0)) - f(tf.constant(float(x))),
            "our function returns nothing": slope_of_what_came,
            "the sign of x is lost": lambda f, x: _watched(f, abs(x)),
            "Is the step a share of x": slope_by_a_share_of_x,
            "Or is 0 taken for no number": lambda f, x: _watched(f, x) if x else 0.0,
            "slope(tf.sin, 0)": lambda f, x: _watched(f, x or 1.0),
            "slope(lambda t: 1 - 2 * t": lambda f, x: tf.maximum(_watched(f, x), -1.0),
            "slope(tf.sin, -1000)": lambda f, x: _watched(f, max(x, -1.5)),
            "slope(tf.sin, 1000)": lambda f, x: _watched(f, min(x, 100)),
            "slope(lambda t: t**3, -1000)": lambda f, x: tf.clip_by_value(_watched(f, x), -100, 100),
            "slope(lambda t: tf.exp(t / 100), -1000)": lambda f, x: round(float(_watched(f, x)), 5),
            "The shape is (1,)": lambda f, x: tf.reshape(_watched(f, x), [1]),
            "Right to a few digits only": lambda f, x: (f(x + 1e-3) - f(x - 1e-3)) / 2e-3,
        },
        raises=lambda f: f,
    ),
    "per_example_gradients": Proof(
        right=[rows_by_formula, rows_by_loop, rows_by_tiled_weights, tf.function(rows_by_jacobian)],
        wrong={
            "minus the gradient": lambda w, x, y: -rows_by_formula(w, x, y),
            "divided by the number of examples": lambda w, x, y: rows_by_formula(w, x, y) / len(x),
            "gradient of the sum": lambda w, x, y: _watched(lambda v: losses_of(v, x, y), w),
            "gradient of the mean": lambda w, x, y: _watched(lambda v: tf.reduce_mean(losses_of(v, x, y)), w),
            "with respect to x": lambda w, x, y: _watched(lambda t: losses_of(w, t, y), x),
            "Half of it": lambda w, x, y: rows_by_formula(w, x, y) / 2,
            "gradient of the prediction": lambda w, x, y: x,
            "Each prediction met all labels": rows_against_all_labels,
            "once for every example": lambda w, x, y: np.tile(rows_by_formula(w, x, y).sum(0), (len(x), 1)),
            "transposed": lambda w, x, y: tf.transpose(rows_by_formula(w, x, y)),
            "The shape is (3,) and should be (1, 3)": lambda w, x, y: tf.squeeze(rows_by_formula(w, x, y)),
            "x of shape (300, 70)": lambda w, x, y: rows_by_formula(w, x, y)[:256],
            "of shape (300, 70) whose entry": lambda w, x, y: rows_by_formula(w, x, y) * (np.arange(len(w)) < 64),
            "x of shape (4, 3): expected": lambda w, x, y: rows_by_formula(w, x, y) * (y.numpy() != 0)[:, None],
            "A nan or inf": lambda w, x, y: 2 * (losses_of(w, x, y) / (tf.linalg.matvec(x, w) - y))[:, None] * x,
            "look for 0/0": lambda w, x, y: rows_by_formula(w, x, y) / x * x,
            "overflow on the way": lambda w, x, y: rows_by_formula(w, x, y) / w * w,
            "got": lambda w, x, y: np.clip(rows_by_formula(w, x, y), -500, 500),
            "For w": lambda w, x, y: np.round(rows_by_formula(w, x, y), 3),
            "float64 came": lambda w, x, y: tf.cast(rows_by_formula(w, x, y), tf.float64),
            "x of shape (3, 3)": lambda w, x, y: (
                rows_by_formula(w, x, y).T if x.shape[0] == x.shape[1] else rows_by_formula(w, x, y)
            ),
            "expected": rows_remembered(),
            "look for 0/0, log(0)": lambda w, x, y: (
                rows_by_formula(w, x, y) / (p := tf.linalg.matvec(x, w)[:, None]) * p
            ),
            "got [[": rows_by_what_x_holds,
            "or an overflow": lambda w, x, y: (
                rows_by_formula(w, x / (n := tf.norm(x, axis=1, keepdims=True)), y / n[:, 0]) * n**2
            ),
        },
        raises=lambda w, x, y: tf.matmul(x, w),
    ),
    "safe_norm": Proof(
        right=[
            norm_with_double_where,
            norm_with_numbers_last,
            norm_with_cond,
            norm_by_root_of_products,
            norm_of_what_is_not_zero,
        ],
        wrong={
            "A nan or inf": lambda x: tf.sqrt(tf.reduce_sum(x * x)),
            "once compiled with XLA": lambda x: tf.where((n := tf.norm(x)) == 0, tf.zeros_like(n), n),
            "It does not run inside tf.function in float64": norm_with_numbers_first,
            "does not know tf.math.reduce_euclidean_norm": norm_by_reduce_euclidean_norm,
            "a scalar is expected": lambda x: tf.norm(x, keepdims=True),
            "A small number lengthens": lambda x: tf.sqrt(tf.reduce_sum(x * x) + 1e-4),
            "stands as the least that counts": lambda x: tf.maximum(norm_with()(x), 1e-12),
            "ask whether all entries are 0": norm_where(lambda x: x[0] == 0),
            "That is the square of the length": lambda x: tf.reduce_sum(x * x),
            "the sum of the absolute values": lambda x: tf.reduce_sum(tf.abs(x)),
            "The squares were averaged": lambda x: tf.sqrt(tf.reduce_mean(x * x)),
            "Ones stand for the entries": lambda x: norm_with()(tf.where(x == 0, tf.ones_like(x), x)),
            "and count": lambda x: norm_with()(tf.cond(tf.reduce_all(x == 0), lambda: tf.ones_like(x), lambda: x)),
            "Twice the gradient": norm_with(lambda up, x, length: 2 * up * _unit(x, length)),
            "added to what x is divided by": norm_with(lambda up, x, length: up * x / (length + 1e-12)),
            "upstream gradient is ignored": norm_without_upstream,
            "upstream alone": norm_with_upstream_alone,
            "sign of the upstream gradient is lost": norm_with(lambda up, x, length: tf.abs(up) * _unit(x, length)),
            "and this one is not zero": norm_with(
                lambda up, x, length: up * (_unit(x, length) if length > 1e-6 else tf.zeros_like(x))
            ),
            "float32 came": norm_in_float32,
            "went through float32": norm_by_way_of_float32,
            "e-15": norm_with(lambda up, x, length: up * x / tf.maximum(length, 1e-14)),
            "the gradient of safe_norm, x = [": norm_with(
                lambda up, x, length: up * x / (length + tf.cast(length == 0, x.dtype)) / (1 + length / 1e16)
            ),
            "inside tf.function": norm_right_when_eager,
            "the gradient of -3 * safe_norm inside tf.function": lambda x: (
                norm_with()(x) if tf.executing_eagerly() else norm_without_upstream(x)
            ),
            "For -3 * safe_norm inside tf.function": lambda x: (
                norm_with()(x) if tf.executing_eagerly() else norm_by_way_of_float32(x)
            ),
            "@tf.function around a branch": norm_with_a_branch,
            "It cannot be compiled with XLA": lambda x: tf.py_function(norm_with(), [x], x.dtype),
            "expected 2.8284": norm_where(lambda x: tf.reduce_sum(x) == 0),
            "expected 1": norm_where(lambda x: tf.reduce_sum(x**2) < 1.1e-30),
            "or a small number was added": norm_with(lambda up, x, length: up * x / (length + 1e-20)),
            "The signs are lost": norm_with(lambda up, x, length: up * tf.abs(_unit(x, length))),
            "the gradient of -10000 * safe_norm": norm_with(
                lambda up, x, length: tf.clip_by_value(up, -100, 100) * _unit(x, length)
            ),
            "float32: expected": lambda x: norm_with()(x[:1000]),
            "the gradient of safe_norm": norm_with(lambda up, x, length: up * x / (length + 1e-5)),
            "expected 3, got 0": norm_where(lambda x: x[-1] == 0),
            "x = [3. 0.], float32: expected 3": norm_where(lambda x: tf.reduce_min(x) == 0),
            "uses what another call has left": norm_with_what_is_left(),
            "the gradient of 0 * safe_norm": norm_with(lambda up, x, length: _unit(x, length / up)),
            "the gradient of 0.333333 * safe_norm": norm_with(
                lambda up, x, length: tf.cast(tf.cast(up, tf.float32), x.dtype) * _unit(x, length)
            ),
            "a scalar is expected, and a value of shape (1,)": lambda x: (
                tf.norm(x) if len(x) > 1 else norm_with()(x) * tf.ones(1)
            ),
        },
        raises=lambda x: tf.norm(x).numpy()["length"],
        breaks=(norm_with_numpy_guard,),
    ),
    "find_wrong_gradient": Proof(
        right=[
            wrong_one_by_cosine_and_length,
            wrong_one_by_allclose,
            wrong_one_by_tf_test,
            wrong_one_by_diag,
            wrong_one_by_jacobians,
            lambda functions, x: wrong_one_by_allclose([tf.function(f) for f in functions], x),
        ],
        wrong={
            "Even a factor of two is missed": lambda functions, x: -1,
            "one alone is wrong": wrong_one_by_length,
            "here the sums agree": wrong_one_by_sum,
            "too loose for 2 %": wrong_one_loosely,
            "an absolute difference sees": wrong_one_absolutely,
            "function 1e-12 in size": wrong_one_by_bare_allclose,
            "The step is too large": wrong_one_with(0.1),
            "few digits are left": wrong_one_with(1e-12),
            "or what passes as equal?": wrong_one_tightly,
            "Let h grow with |x|": wrong_one_with(1e-5),
            "x + h is x, or nearly so": wrong_one_with_step_of_the_mean,
            "expected": wrong_one_in_float32,
            "the last one of 20": lambda functions, x: _errors(
                functions, x, lambda a, b: abs(a - b)[:16].max() / abs(b).max()
            ),
            "neither among the first nor the last": lambda functions, x: _errors(
                functions, x, lambda a, b: np.abs(np.delete(a - b, slice(5, -1))).max() / np.abs(b).max()
            ),
            "a gradient whose faults cancel": wrong_one_by_sum_and_loosely,
            "2 % of one component": wrong_one_by_cosine,
            "One variable is enough": lambda functions, x: wrong_one_by_allclose(functions, x) if len(x) > 1 else -1,
            "A gradient of zeros": lambda functions, x: wrong_one_by_allclose(
                [f if np.any(_slopes(f, x)) else SMOOTH[0] for f in functions], x
            ),
            "Do you count from 1?": lambda functions, x: wrong_one_by_allclose(functions, x) + 1,
            "compare with the largest component": wrong_one_by_component(1e-300),
            "A step of 0 finds no slope": wrong_one_with_step_of_size_x(0.0),
            "In a mean, a sum or a length of all": wrong_one_by_length_of_the_difference,
            "a slope of 0 is no measure": wrong_one_by_component(1e-8),
            "is a root missing?": lambda functions, x: _errors(functions, x, lambda a, b: abs(a - b).max() / (b @ b)),
            "Is the step too small where x is 0?": wrong_one_with_step_of_size_x(1e-12),
            "where an entry of x is 0": lambda functions, x: int(
                np.argmax([np.abs(_slopes(f, x) - (b := _judge(f, x))).max() / abs(b.max()) for f in functions])
            ),
            "with one wrong sign, planted at": wrong_one_where(lambda x, judged: np.arange(len(x)) != 2),
            "Leave no component out": wrong_one_where(lambda x, judged: x != 0),
            "nor where the slope is": wrong_one_where(lambda x, judged: abs(judged) > 1e-6 * abs(judged).max()),
            "A step that is a share of x": lambda functions, x: wrong_one_with(1e-5 * abs(x.numpy()).max())(
                functions, x
            ),
            "whatever its sign": lambda functions, x: _errors(functions, x, lambda a, b: abs(a - b).max() / b.max()),
            "two entries near 1e12 in size": wrong_one_with_step_of(lambda x: abs(x.mean())),
            "where x is far below 0": wrong_one_with_step_of(np.max),
            "Is there a step of 0?": wrong_one_with_steps_of_x_and_one,
            "sorted values agree": lambda functions, x: _errors(
                functions, x, lambda a, b: np.abs(np.sort(a) - np.sort(b)).max() / np.abs(b).max()
            ),
            "two components exchanged": lambda functions, x: _errors(
                functions,
                x,
                lambda a, b: max(abs(np.linalg.norm(a) - np.linalg.norm(b)), abs((a - b).sum())) / abs(b).max(),
            ),
            "the slope along the gradient agrees": wrong_one_along_the_gradient,
            "The sum of the slopes is no measure": lambda functions, x: int(
                np.argmax([np.abs(_slopes(f, x) - (b := _judge(f, x))).max() / abs(b.sum()) for f in functions])
            ),
            "expected one index": lambda functions, x: [wrong_one_by_allclose(functions, x)],
            "planted at": lambda functions, x: np.argmin([np.linalg.norm(_gradient(f, x)) for f in functions]),
        },
        raises=lambda functions, x: functions[5](x),
    ),
    "hessian_vector_product": Proof(
        right=[
            product_by_double_tape,
            product_by_forward_mode,
            product_by_one_tape,
            tf.function(product_by_double_tape),
        ],
        wrong={
            "That is the gradient.": lambda f, x, v: _gradient(f, x),
            "That is gradient · v": lambda f, x, v: tf.reduce_sum(_gradient(f, x) * v),
            "mixed derivatives are missing": lambda f, x, v: tf.linalg.diag_part(hessian(f, x)) * v,
            "component by component": lambda f, x, v: _gradient(f, x) * v,
            "That is v · H v": lambda f, x, v: tf.reduce_sum(v * product_by_double_tape(f, x, v)),
            "where is v?": lambda f, x, v: product_by_double_tape(f, x, tf.ones_like(v)),
            "v times the row sums": lambda f, x, v: v * tf.reduce_sum(hessian(f, x), axis=1),
            "the whole Hessian: multiply": lambda f, x, v: hessian(f, x),
            "with 1 variable": lambda f, x, v: product_by_double_tape(f, x, v) if len(x) > 1 else _gradient(f, x) * v,
            "H is not a diagonal": lambda f, x, v: product_by_double_tape(f, x, v) if len(x) < 9 else 6 * x * v,
            "sum(x)² / n, n = 2,000": lambda f, x, v: product_by_double_tape(f, x, v if len(x) < 9 else tf.abs(v)),
            "sum(exp(x))": lambda f, x, v: product_by_double_tape(f, tf.abs(x), v),
            "sum(exp(x)) + xᵀAx": lambda f, x, v: tf.where(v == 0, v, product_by_double_tape(f, x, v)),
            "xᵀAx with 4 variables": lambda f, x, v: tf.where(x == 0, x, product_by_double_tape(f, x, v)),
            "right to a few digits only": product_in(tf.float32),
            "float64 came": product_in(tf.float64),
            "or a difference stands for a derivative": product_by_difference,
            "A nan or inf": lambda f, x, v: tf.norm(v) * product_by_double_tape(f, x, v / tf.norm(v)),
            "That is minus H v": lambda f, x, v: -product_by_double_tape(f, x, v),
            "That is the mean of the products": lambda f, x, v: product_by_double_tape(f, x, v / len(x)),
            "4 variables, float64: expected": product_remembered(),
            "sum(x³), x = [": product_at_the_first_point(),
            "float16 is expected": lambda f, x, v: tf.cast(
                product_by_double_tape(f, x, v), tf.float64 if x.dtype == tf.float64 else tf.float32
            ),
            "was built": lambda f, x, v: tf.linalg.matvec(hessian(f, x), v),
        },
        raises=lambda f, x, v: tape.gradient(f(x), x),  # noqa: F821
    ),
}
