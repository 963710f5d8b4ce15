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


def slope_of_what_came(f, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        if x.dtype.is_floating:
            tape.watch(x)
        y = f(tf.cast(x, tf.float32))
    return tape.gradient(y, x)


def rows_by_formula(w, x, y_true):
    return 2 * (x.numpy() @ w.numpy() - y_true.numpy())[:, None] * x.numpy()


def rows_by_loop(w, x, y_true):
    return tf.stack([_watched(lambda v, i=i: (tf.tensordot(x[i], v, 1) - y_true[i]) ** 2, w) for i in range(len(x))])


def losses_of(w, x, y_true):
    return (tf.linalg.matvec(x, w) - y_true) ** 2


def norm_with_double_where(x):
    is_zero = tf.reduce_all(x == 0)
    return tf.where(is_zero, 0.0, tf.norm(tf.where(is_zero, tf.ones_like(x), x)))


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


def _unit(x, length):
    return tf.math.divide_no_nan(x, length)


def rows_remembered():
    """Return an answer that remembers its results by shape."""
    known = {}
    return lambda w, x, y: known.setdefault(tuple(x.shape), rows_by_formula(w, x, y))


def _errors(functions, x, compare):
    """Return the index of the greatest error, or -1 where none stands out: rounding must not guess right by luck."""
    errors = [compare(_slopes(f, x), _judge(f, x)) for f in functions]
    return int(np.argmax(errors)) if max(errors) > 1e-4 else -1


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
        if not np.allclose(_slopes(f, x), _judge(f, x), rtol=1e-4, atol=0):
            return tf.constant(i)
    return -1


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


def wrong_one_absolutely(functions, x):
    return _errors(functions, x, lambda a, b: np.abs(a - b).max())


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
        right=[slope_by_variable, slope_by_forward_mode],
        wrong={
            "the value of the function": lambda f, x: f(tf.constant(x, tf.float32)),
            "minus the slope": lambda f, x: -_watched(f, x),
            "to one side with a large step": lambda f, x: f(tf.constant(x + 1.0)) - f(tf.constant(float(x))),
            "our function returns nothing": slope_of_what_came,
            "the sign of x is lost": lambda f, x: _watched(f, abs(x)),
            "slope(tf.sin, 0)": lambda f, x: _watched(f, x or 1.0),
            "slope(lambda t: 1 - 2 * t": lambda f, x: tf.maximum(_watched(f, x), -1.0),
            "slope(tf.sin, -2)": lambda f, x: _watched(f, max(x, -1.5)),
            "The shape is (1,)": lambda f, x: tf.reshape(_watched(f, x), [1]),
        },
        raises=lambda f: f,
    ),
    "per_example_gradients": Proof(
        right=[rows_by_formula, rows_by_loop],
        wrong={
            "gradient of the sum": lambda w, x, y: _watched(lambda v: losses_of(v, x, y), w),
            "gradient of the mean": lambda w, x, y: _watched(lambda v: tf.reduce_mean(losses_of(v, x, y)), w),
            "with respect to x": lambda w, x, y: _watched(lambda t: losses_of(w, t, y), x),
            "Half of it": lambda w, x, y: rows_by_formula(w, x, y) / 2,
            "gradient of the prediction": lambda w, x, y: x,
            "once for every example": lambda w, x, y: np.tile(rows_by_formula(w, x, y).sum(0), (len(x), 1)),
            "transposed": lambda w, x, y: tf.transpose(rows_by_formula(w, x, y)),
            "The shape is (3,) and should be (1, 3)": lambda w, x, y: tf.squeeze(rows_by_formula(w, x, y)),
            "x of shape (7, 2)": lambda w, x, y: rows_by_formula(w, x, y)[:4],
            "x of shape (3, 3)": lambda w, x, y: (
                rows_by_formula(w, x, y).T if x.shape[0] == x.shape[1] else rows_by_formula(w, x, y)
            ),
            "expected": rows_remembered(),
        },
        raises=lambda w, x, y: tf.matmul(x, w),
    ),
    "safe_norm": Proof(
        right=[norm_with_double_where, norm_with_cond, norm_by_root_of_products],
        wrong={
            "A nan or inf": lambda x: tf.sqrt(tf.reduce_sum(x * x)),
            "once compiled": lambda x: tf.where(tf.norm(x) == 0, 0.0, tf.norm(x)),
            "a scalar is expected": lambda x: tf.norm(x, keepdims=True),
            "under the root lengthens": lambda x: tf.sqrt(tf.reduce_sum(x * x) + 1e-4),
            "upstream gradient is ignored": norm_without_upstream,
            "upstream alone": norm_with_upstream_alone,
            "sign of the upstream gradient is lost": norm_with(lambda up, x, length: tf.abs(up) * _unit(x, length)),
            "this one is short, not zero": norm_with(
                lambda up, x, length: up * (_unit(x, length) if length > 1e-6 else tf.zeros_like(x))
            ),
            "float32 came": norm_in_float32,
            "went through float32": norm_by_way_of_float32,
            "e-15": norm_with(lambda up, x, length: up * x / tf.maximum(length, 1e-14)),
            "the gradient of safe_norm, x = [": norm_with(
                lambda up, x, length: up * x / (length + tf.cast(length == 0, x.dtype)) / (1 + length / 1e16)
            ),
            "inside tf.function": norm_right_when_eager,
            "The signs are lost": norm_with(lambda up, x, length: up * tf.abs(_unit(x, length))),
            "the gradient of safe_norm": norm_with(lambda up, x, length: up * x / (length + 1e-5)),
            "a scalar is expected, and a value of shape (1,)": lambda x: (
                tf.norm(x) if len(x) > 1 else norm_with()(x) * tf.ones(1)
            ),
        },
        raises=lambda x: tf.norm(x).numpy()["length"],
        breaks=(norm_with_numpy_guard,),
    ),
    "find_wrong_gradient": Proof(
        right=[wrong_one_by_cosine_and_length, wrong_one_by_allclose, wrong_one_by_tf_test],
        wrong={
            "Even a factor of two is missed": lambda functions, x: -1,
            "one alone is wrong": wrong_one_by_length,
            "here the sums agree": wrong_one_by_sum,
            "too loose for 2 %": wrong_one_loosely,
            "an absolute difference sees": wrong_one_absolutely,
            "function 1e-12 in size": wrong_one_by_bare_allclose,
            "The step is too large": wrong_one_with(0.1),
            "is left": wrong_one_with(1e-12),
            "Let h grow with |x|": wrong_one_with(1e-5),
            "expected": wrong_one_in_float32,
            "2 % of one component": wrong_one_by_cosine,
            "One variable is enough": lambda functions, x: wrong_one_by_allclose(functions, x) if len(x) > 1 else -1,
            "A gradient of zeros": lambda functions, x: wrong_one_by_allclose(
                [f if np.any(_slopes(f, x)) else SMOOTH[0] for f in functions], x
            ),
            "Do you count from 1?": lambda functions, x: wrong_one_by_allclose(functions, x) + 1,
            "expected one index": lambda functions, x: [wrong_one_by_allclose(functions, x)],
        },
        raises=lambda functions, x: functions[5](x),
    ),
    "hessian_vector_product": Proof(
        right=[product_by_double_tape, product_by_forward_mode],
        wrong={
            "That is the gradient.": lambda f, x, v: _gradient(f, x),
            "That is gradient · v": lambda f, x, v: tf.reduce_sum(_gradient(f, x) * v),
            "mixed derivatives are missing": lambda f, x, v: tf.linalg.diag_part(hessian(f, x)) * v,
            "v times the row sums": lambda f, x, v: v * tf.reduce_sum(hessian(f, x), axis=1),
            "the whole Hessian: multiply": lambda f, x, v: hessian(f, x),
            "with 1 variable": lambda f, x, v: product_by_double_tape(f, x, v) if len(x) > 1 else _gradient(f, x) * v,
            "H is not a diagonal": lambda f, x, v: product_by_double_tape(f, x, v) if len(x) < 9 else 6 * x * v,
            "sum(x)² / n, n = 2,000": lambda f, x, v: product_by_double_tape(f, x, v if len(x) < 9 else tf.abs(v)),
            "sum(exp(x))": lambda f, x, v: product_by_double_tape(f, tf.abs(x), v),
            "was built": lambda f, x, v: tf.linalg.matvec(hessian(f, x), v),
        },
        raises=lambda f, x, v: tape.gradient(f(x), x),  # noqa: F821
    ),
}
