"""The checks of notebook 01."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from utils.checks.engine import (
    attempted,
    central_difference,
    exercise,
    expect,
    functions_compiled,
    random_array,
    random_numbers,
    refuse,
    require,
)
from utils.checks.values import as_array, written


@exercise(
    "1.1",
    "The slope of a function at a point",
    why="Every step of every training starts with a slope like this one, taken a million times over.",
)
def slope(answer):
    """Judge `slope(f, x)` on several functions, at whole numbers, at 0, at negative numbers and at fresh ones."""
    for x in (3, -1.5, 0, -2, *random_numbers(3)):
        x = x if isinstance(x, int) else float(x)
        smells = {
            "That is the value of the function, not its slope.": np.sin(x),
            "That is minus the slope: which of the two points is subtracted?": -np.cos(x),
            "That is a slope taken to one side with a large step: let the tape do it.": np.sin(x + 1) - np.sin(x),
        }
        expect(answer(tf.sin, x), np.cos(x), on=f"slope(tf.sin, {x:.4g})", smells=smells)
        expect(answer(lambda t: t**3, x), 3.0 * x**2, on=f"slope(lambda t: t**3, {x:.4g})", tolerance=1e-3)
        # Neither odd nor even: the slope at -x is another one than at x.
        at_size = {"That is the slope at |x|: the sign of x is lost.": np.exp(abs(x))}
        expect(answer(tf.exp, x), np.exp(x), on=f"slope(tf.exp, {x:.4g})", smells=at_size, tolerance=1e-3)
        falling = "slope(lambda t: 1 - 2 * t, "
        expect(answer(lambda t: 1 - 2 * t, x), -2.0, on=f"{falling}{x:.4g})", tolerance=1e-3)


@exercise(
    "1.2",
    "Per-example gradients",
    why="With one gradient an example you can see who pulls, clip each one, and find a wrong label.",
)
def per_example_gradients(answer):
    """Judge the (n, d) gradients of squared errors of a linear model on fresh batches, one example among them."""
    for n, d in ((4, 3), (7, 2), (1, 3), (3, 1), (3, 3), (4, 3)):
        w, x, y_true = random_numbers(d), random_numbers(n * d).reshape(n, d), random_numbers(n)
        error = x @ w - y_true
        want = 2 * error[:, np.newaxis] * x
        smells = {
            "That is the gradient of the sum: a vector of losses is summed before it is differentiated.": want.sum(0),
            "That is the gradient of the mean over the batch: the examples are mixed.": want.mean(0),
            "That is the gradient with respect to x, not w.": 2 * error[:, np.newaxis] * w,
            "That is transposed: examples are the rows.": want.T,
            "Half of it: the square has a factor 2.": want / 2,
            "That is minus the gradient: the error is prediction minus y_true.": -want,
            "That is divided by the number of examples: each one answers for itself.": want / n,
            "That is the gradient of the prediction, not of the loss.": x,
            "That is the sum, once for every example.": np.tile(want.sum(0), (n, 1)),
        }
        got = answer(*(tf.constant(a, tf.float32) for a in (w, x, y_true)))
        alike = n == 1  # sum, mean and row are the same numbers
        expect(got, want, on=f"w of shape ({d},), x of shape ({n}, {d})", smells={} if alike else smells)


@exercise(
    "1.5",
    "A norm with a slope at zero",
    why="Padded rows and dead units are zero vectors, and one nan from one of them ruins every weight.",
    deeper=True,
)
def safe_norm(answer):
    """Judge the value and the gradient of `safe_norm` at ordinary, tiny and zero vectors, with an upstream factor."""
    usual, tiny = [np.array([3.0, -4.0]), random_numbers(5)], [1e-3 * random_array(4), 1e-12 * random_array(3)]
    for x in (*usual, *tiny, np.array([-0.7]), np.array([0.0, -2.0, 0.0]), np.zeros(3), np.zeros(1), np.zeros(6)):
        length = np.linalg.norm(x)
        slope = x / length if length else np.zeros_like(x)
        on = f"x = {np.array2string(x, precision=3)}"
        value, gradient = _value_and_gradient(answer, x)
        require(value.shape == (), f"For {on}: a scalar is expected, and a value of shape {value.shape} came.")
        too_long = (
            f"expected {length:.6g}, got {float(value):.6g}. A small number under the root lengthens every vector."
        )
        refuse({f"{too_long} The value must be exact.": length * (1 + 1e-5) < float(value) < length + 0.1}, on=on)
        expect(value, length, on=f"safe_norm(x), {on}", tolerance=1e-5 * min(1, length or 1))
        smells = (
            {
                "The gradient is upstream alone: multiply it by x / length.": np.ones_like(x),
                "Only the zero vector has a gradient of zeros, and this one is short, not zero.": np.zeros_like(x),
                "The signs are lost: each component of the gradient has the sign of its x.": abs(slope),
            }
            if length
            else {}
        )
        expect(gradient, slope, on=f"the gradient of safe_norm, {on}", smells=smells, tolerance=1e-3)
        for factor in (3.0, -2.0):
            _, multiplied = _value_and_gradient(lambda t, factor=factor: factor * answer(t), x)
            smells = {
                "The upstream gradient is ignored: multiply what you return by it.": slope,
                "The sign of the upstream gradient is lost.": abs(factor) * slope,
            }
            times = f"the gradient of {factor:g} * safe_norm, {on}"
            expect(multiplied, factor * slope, on=times, smells=smells, tolerance=1e-3)
    late = "Right when run eagerly, nan at the zero vector once compiled: a tf.where after the root comes too late."
    require(_is_finite_when_compiled(answer, np.zeros(3)), late)


@exercise(
    "1.3",
    "Find the planted gradient",
    why="Run this on your own custom gradients and losses before the first training run, and never guess again.",
)
def find_wrong_gradient(answer):
    """Judge the search for the one wrong gradient among five: a gross fault, one component, 2 %, and mixed sizes."""
    cases = (
        ("a gradient that is twice the slope", lambda g: 2 * g, 1.0, "Even a factor of two is missed."),
        ("a gradient with one wrong sign", _flip_one, 1.0, "Compare each component: one alone is wrong."),
        ("a gradient whose faults cancel", _shift_two, 1.0, "Compare each component: here the sums agree."),
        ("a gradient that is 2 % too large", lambda g: 1.02 * g, 1.0, "The comparison is too loose for 2 %."),
        ("a gradient wrong by half, of a function 1e-7 in size", lambda g: 1.5 * g, 1e-7,
         "Compare relative to the size of the gradient: an absolute difference favors large functions."),
        ("a gradient of which one component is 2 % too small", _shorten_one, 1.0,
         "The comparison is too loose for 2 % of one component.", 7),
        ("a gradient that is twice the slope", lambda g: 2 * g, 1.0, "One variable is enough: compare it, too.", 1),
        ("a gradient of zeros", lambda g: 0 * g, 1.0, "A gradient of zeros is wrong where the slope is not 0.", 3),
    )  # fmt: skip
    rng = np.random.default_rng()
    for name, fault, size, advice, *count in cases:
        for where in rng.permutation(5)[: 1 if count else 2]:
            functions = [_scaled(f, 1e5 if size < 1 else 1.0) for f in SMOOTH]
            functions[where] = _with_fault(_scaled(SMOOTH[where], size), fault)
            (d,) = count or [4]
            got, on = answer(functions, tf.constant(random_array(d))), f"{name}, planted at {where}, d = {d}"
            index = as_array(attempted(got, asked="one index from 0 to 4", on=on))
            is_index = index is not None and index.shape == () and index.dtype.kind in "iu"
            require(is_index, f"For {on}: expected one index from 0 to 4, got {written(got)}.")
            from_one = name == cases[0][0] and index == where + 1
            refuse({f"expected {where}, got {index}. Do you count from 1?": from_one}, on=on)
            expect(got, int(where), on=on, smells={advice: got})


@exercise(
    "1.4",
    "Hessian-vector product",
    why="Curvature along a direction at the price of a few gradients: this is how second-order methods scale.",
    deeper=True,
)
def hessian_vector_product(answer):
    """Judge H v for a function with mixed derivatives, and that ten thousand variables are no obstacle."""
    for d in (4, 1):
        a, x, v = random_numbers(d * d).reshape(d, d), random_numbers(d), random_numbers(d)
        weights = tf.constant(a)

        def f(t, weights=weights):
            return tf.reduce_sum(tf.exp(t)) + tf.reduce_sum(t * tf.linalg.matvec(weights, t))

        hessian = np.diag(np.exp(x)) + a + a.T
        gradient = np.exp(x) + (a + a.T) @ x
        smells = {
            "That is the gradient.": gradient,
            "That is gradient · v, a number: differentiate it once more.": gradient @ v,
            "That is v times the diagonal of H: mixed derivatives are missing.": np.diag(hessian) * v,
            "That is v times the row sums of H: v goes into the dot product, before the second gradient.":
                hessian.sum(1) * v,
            "That is the whole Hessian: multiply by v.": hessian,
        }  # fmt: skip
        got = answer(f, tf.constant(x), tf.constant(v))
        expect(got, hessian @ v, on=f"sum(exp(x)) + xᵀAx with {d} variable{'s' if d > 1 else ''}", smells=smells)
    for n in (2_000, 5_000, 10_000):  # a whole Hessian is noticed while it is still small
        _require_quick(answer, n)


def _require_quick(answer, n: int) -> None:
    """Judge H v of n variables, and that it is there within a second; the better of two calls counts."""
    seconds = np.inf
    for _ in range(2):
        x, v = random_array(n), random_array(n)
        given = tf.constant(x, tf.float32), tf.constant(v, tf.float32)
        start = time.perf_counter()
        got = answer(lambda t: tf.reduce_sum(t**3) + tf.reduce_sum(t) ** 2 / n, *given)
        seconds = min(seconds, time.perf_counter() - start)
        without_mixed = {"Mixed derivatives are missing: H is not a diagonal.": 6 * x * v}
        expect(got, 6 * x * v + 2 * v.sum() / n, on=f"sum(x³) + sum(x)² / n, n = {n:,}", smells=without_mixed)
        if seconds < 1.0:
            return
    size = f"the whole Hessian, {4 * n**2 / 1e6:,.0f} MB, was built"
    require(False, f"Right, but {seconds:.1f} s for {n:,} variables: {size}.")


SMOOTH = (
    lambda x: tf.reduce_sum(tf.sin(x)),
    lambda x: tf.reduce_sum(x**3),
    lambda x: tf.exp(tf.reduce_mean(x)),
    lambda x: tf.reduce_prod(x),
    lambda x: tf.math.log(tf.reduce_sum(x**2)),
)


def _scaled(f: Callable, size: float) -> Callable:
    return lambda x: size * f(x)


def _flip_one(gradient: tf.Tensor) -> tf.Tensor:
    """Turn the sign of one component, whichever."""
    return tf.where(np.arange(len(gradient)) == np.random.default_rng().integers(len(gradient)), -gradient, gradient)


def _shorten_one(gradient: tf.Tensor) -> tf.Tensor:
    """Make the component that is greatest in size 2 % smaller."""
    greatest = tf.argmax(tf.abs(gradient))
    return tf.where(tf.range(len(gradient), dtype=tf.int64) == greatest, 0.98 * gradient, gradient)


def _shift_two(gradient: tf.Tensor) -> tf.Tensor:
    """Add to one component what is taken from another, so that the sum of the components stays as it was."""
    gain, loss = np.random.default_rng().permutation(np.eye(len(gradient)))[:2]
    return gradient + 0.5 * tf.reduce_max(tf.abs(gradient)) * (gain - loss)


def _with_fault(f: Callable, fault: Callable) -> Callable:
    """Return `f` with a gradient that `fault` has spoiled."""

    @tf.custom_gradient
    def faulty(x):
        slopes = tf.constant(central_difference(f, x), x.dtype)
        return f(x), lambda upstream: upstream * fault(slopes)

    return faulty


def _value_and_gradient(f: Callable, x: np.ndarray) -> tuple:
    x = tf.convert_to_tensor(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.convert_to_tensor(f(x))
    return value, tape.gradient(value, x)


def _is_finite_when_compiled(f: Callable, x: np.ndarray) -> np.bool_:
    """Tell whether the gradient of `f` is finite under XLA too; what cannot be compiled is taken as it is."""
    try:
        compiled = tf.function(lambda t: _value_and_gradient(f, t), jit_compile=True)
        with functions_compiled():
            _, gradient = compiled(tf.constant(x, tf.float32))
    except Exception:
        return True
    return np.all(np.isfinite(gradient))
