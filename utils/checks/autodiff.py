"""The checks of notebook 01."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from utils.checks.engine import (
    attempted,
    compiled,
    counted,
    exercise,
    expect,
    random_array,
    random_numbers,
    refuse,
    require,
    require_dtype,
)
from utils.checks.values import as_array, written


@exercise(
    "1.1",
    "The slope of a function at a point",
    why="Every step of every training starts with a slope like this one, taken a million times over.",
)
def slope(answer):
    """Judge `slope(f, x)` on several functions, at whole numbers, at 0, far from it on both sides and at fresh ones."""
    for x in (3, -1.5, 0, -1000, 1000, *random_numbers(2)):
        x = x if isinstance(x, int) else float(x)
        smells = {
            "That is the value of the function, not its slope.": np.sin(x),
            "That is minus the slope: look at the signs.": -np.cos(x),
            "That is a slope taken to one side with a large step: let the tape do it.": np.sin(x + 1) - np.sin(x),
            "That is the slope at a whole number: what stands behind the point of x was cut off.": np.cos(int(x)),
        }
        if x == 0:  # where the value is 0, too: what gave slopes until here does not give values
            smells = {"Is the step a share of x, and so 0 here? Or is 0 taken for no number, as `if x` does?": 0.0}
        # Neither odd nor even: the slope at -x is another one than at x. It may be small: relative to itself, then.
        steep = np.exp(x / 100) / 100
        at_size = {"That is the slope at |x|: the sign of x is lost.": np.exp(abs(x) / 100) / 100}
        for name, f, want, known, tolerance in (
            ("tf.sin", tf.sin, np.cos(x), smells, 1e-4),
            ("lambda t: t**3", lambda t: t**3, 3.0 * x**2, {}, 1e-3),
            ("lambda t: tf.exp(t / 100)", lambda t: tf.exp(t / 100), steep, at_size, 1e-3 * min(1, steep)),
            ("lambda t: 1 - 2 * t", lambda t: 1 - 2 * t, -2.0, {}, 1e-3),
        ):
            got = answer(f, x)
            rough = "Right to a few digits only: a difference stands for a derivative, or a number was rounded."
            near = {rough: got} if _is_rounded(got, want, within=0.01) else {}
            expect(got, want, on=f"slope({name}, {x:.4g})", smells=known | near, tolerance=tolerance)


@exercise(
    "1.2",
    "Per-example gradients",
    why="With one gradient an example you can see who pulls, clip each one, and find a wrong label.",
)
def per_example_gradients(answer):
    """Judge the (n, d) gradients of squared errors of a linear model on fresh batches, small and large ones."""
    for n, d, size in ((4, 3, 1), (300, 70, 1), (1, 3, 1), (3, 1, 1), (3, 3, 100), (4, 3, 0), (2, 9, 1)):
        w, numbers = random_numbers(d), (size or 1) * random_numbers(n * (d + 1)).reshape(n, d + 1)
        x, y_true = numbers[:, :d], numbers[:, d]
        if not size:  # zeros: a weight, entries of x, the error of the first example, a label, and all of the last row
            w[0], x[0], y_true[0], y_true[1], x[-1] = 0, [0, 0, 1], w[-1], 0, 0
            x[2] = x[1]  # two examples that differ in their label alone
        error = x @ w - y_true
        want, of_all_labels = (2 * off[:, np.newaxis] * x for off in (error, x @ w - y_true.mean()))
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
            "Each prediction met all labels: a column (n, 1) minus a vector (n,) is a table (n, n).": of_all_labels,
        }
        got = answer(*(tf.constant(a, tf.float32) for a in (w, x, y_true)))
        alike = n == 1  # sum, mean and row are the same numbers
        on = f"w of shape ({d},), x of shape ({n}, {d})"
        expect(got, want, on=on, smells={} if alike else smells, tolerance=1e-5)
        require_dtype(got, tf.float32, on)


@exercise(
    "1.5",
    "A norm with a slope at zero",
    why="Padded rows and dead units are zero vectors, and one nan from one of them ruins every weight.",
    deeper=True,
)
def safe_norm(answer):
    """Judge value and gradient of `safe_norm` in both dtypes, at every size and at zero, with an upstream factor."""
    usual = [np.array([3.0, -4.0]), random_array(1500), np.array([-0.7]), np.array([0.0, -2.0, 2.0])]
    usual += [np.array([3.0, 0.0]), np.array([0.0, 2.0, 3.0])]
    sizes = [1e-3 * random_array(3), 1e-12 * random_array(3), np.array([0.0, -1e-15]), 6e14 * random_array(3)]
    for dtype in (tf.float32, tf.float64):
        for x in (*usual, *sizes, np.zeros(3), np.zeros(1), np.zeros(1500)):
            _judge_norm(answer, tf.constant(x, dtype))
        _judge_two_norms(answer, tf.constant([3.0, 4.0], dtype), tf.constant([6.0, 0.0], dtype))
    for dtype in (tf.float32, tf.float64):
        _judge_compiled(answer, dtype, "inside tf.function")
        if _has_xla():
            _judge_compiled(answer, dtype, "compiled with XLA", jit_compile=True)


def _judge_compiled(answer, dtype: tf.DType, how: str, **options) -> None:
    """Judge value and gradient in a graph, where Python's `if` and NumPy see no numbers."""
    judged = compiled(lambda t: _value_and_gradient(lambda x: -3 * answer(x), t), **options)
    for x in (np.array([3.0, -4.0]), np.zeros(2), np.array([2e-15, -2e-15])):
        try:
            value, gradient = judged(tf.constant(x, dtype))
        except (TypeError, tf.errors.InvalidArgumentError) as problem:
            unknown = f"It cannot be {how}: it holds an operation that XLA does not know, perhaps from @tf.function "
            number = "a number in front of a tensor, as in tf.where(zero, 0.0, length), is float32 in a graph"
            refuse({
                f"It cannot be {how}, which does not know tf.math.reduce_euclidean_norm: tf.norm gives the same.":
                    "EuclideanNorm" in str(problem),
                f"{unknown}around a branch: leave the decorator out.": "XLA" in str(problem),
                f"It does not run {how} in float64: {number}. Write tf.constant(0, x.dtype).":
                    isinstance(problem, TypeError) and "float64 that does not match type float32" in str(problem),
            })  # fmt: skip
            raise
        late = "a tf.where after the root comes too late, if there is one. Look for 0/0 in the gradient"
        lost = not np.any(x) and as_array(gradient) is not None and not np.all(np.isfinite(gradient))
        refuse({f"right when run eagerly, nan at the zero vector once {how}: {late}.": lost}, on="safe_norm")
        on = f"-3 * safe_norm {how}, x = {x}, {dtype.name}"
        require_dtype(gradient, dtype, f"the gradient of {on}")
        tight = (1e-10 if dtype == tf.float64 else 1e-5) * min(1, np.linalg.norm(x) or 1)
        expect(value, -3 * np.linalg.norm(x), on=on, tolerance=tight)
        expect(gradient, -3 * _direction(x), on=f"the gradient of {on}", tolerance=1e-3)


def _judge_two_norms(answer, *vectors: tf.Tensor) -> None:
    """Judge the gradients of a sum of norms, taken with one tape."""
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        total = sum(answer(x) for x in vectors)
    for x, gradient in zip(vectors, tape.gradient(total, vectors), strict=True):
        on = f"the gradient of safe_norm([3, 4]) + safe_norm([6, 0]) with respect to {x.numpy()}"
        kept = "The way back of one call uses what another call has left: keep it in variables of the call."
        expect(gradient, _direction(x.numpy()), on=on, smells={kept: gradient}, tolerance=1e-6)


def _judge_norm(answer, x: tf.Tensor) -> None:
    """Judge value and gradient at one vector."""
    precise = x.dtype == tf.float64
    tolerance = 1e-10 if precise else 1e-3
    length, slope = np.linalg.norm(x), _direction(x.numpy())
    on = f"x = {np.array2string(x.numpy(), precision=3)}, {x.dtype.name}"
    value, gradient = _value_and_gradient(answer, x)
    require(value.shape == (), f"For {on}: a scalar is expected, and a value of shape {value.shape} came.")
    for what, got in {"the length": value, "the gradient": gradient}.items():
        require_dtype(got, x.dtype, f"{what}, {on}")
    told = f"expected {length:.6g}, got {float(value):.6g}."
    lengthened = length * (1 + 1e-5) < float(value) < length + 0.1
    rounded = precise and (_is_rounded(value, length) or _is_rounded(gradient, slope))
    misconceptions = {
        f"{told} A small number lengthens short vectors: it was added, or stands as the least that counts.": lengthened,
        f"{told} Only the zero vector has a length of 0: ask whether all entries are 0.": length and float(value) == 0,
        "right to some digits only. Something went through float32 on the way, or a small number was added.": rounded,
    }
    refuse(misconceptions, on=on)
    small = min(1, length or 1)  # the tolerance is relative to 1, not to the length
    smells = {
        "That is the square of the length: take its root.": length**2,
        "That is the sum of the absolute values: the squares are added, and the root is taken of their sum.":
            np.abs(x).sum(),
        "The squares were averaged: add them.": length / np.sqrt(len(x)),
        "Ones stand for the entries that are 0, and count: where they stand, the length is made 0 in the end.":
            np.linalg.norm(np.where(x == 0, 1, x)),
    }  # fmt: skip
    ordinary = length >= 1 or not length  # of a short one the square is nearly 0, as other numbers are
    tight = (1e-12 if precise else 1e-5) * small
    expect(value, length, on=f"safe_norm(x), {on}", smells=smells if ordinary else {}, tolerance=tight)
    array = as_array(gradient)
    share = float(np.sum(array * slope)) if array is not None and array.shape == slope.shape else 1.0
    shortened = length and 0 < share < 1 - 1e-3 and np.allclose(array, share * slope, atol=1e-6)
    small_in_the_way = "a small number was added to what x is divided by, or stands as the least that counts."
    refuse({f"it points the right way and is too short: {small_in_the_way}": length < 0.1 and shortened},
        on=f"the gradient of safe_norm, {on}")  # fmt: skip
    smells = {
        "The gradient is upstream alone: multiply it by x / length.": np.ones_like(slope),
        "Only the zero vector has a gradient of zeros, and this one is not zero.": np.zeros_like(slope),
        "The signs are lost: each component of the gradient has the sign of its x.": abs(slope),
        "Twice the gradient: the slope of the root, 1 / (2 · length), halves that of the squares, 2 x.": 2 * slope,
    }
    expect(gradient, slope, on=f"the gradient of safe_norm, {on}", smells=smells if length else {}, tolerance=tolerance)
    for factor in (1 / 3, -1e4, 0.0):
        _, multiplied = _value_and_gradient(lambda t, factor=factor: factor * answer(t), x)
        smells = {
            "The upstream gradient is ignored: multiply what you return by it.": slope,
            "The sign of the upstream gradient is lost.": abs(factor) * slope,
        }
        times = f"the gradient of {factor:g} * safe_norm, {on}"
        expect(multiplied, factor * slope, on=times, smells=smells, tolerance=tolerance)


def _is_rounded(got, want, within: float = 1e-6) -> bool:
    """Tell whether float64 numbers are right as float32 ones would be, and no better."""
    array = as_array(got)
    if array is None or array.shape != np.shape(want) or not np.any(want):
        return False
    off = np.abs(array - want).max() / np.abs(want).max()
    return bool(1e-10 < off < within)


def _direction(x: np.ndarray) -> np.ndarray:
    """Return x / length, and zeros for the zero vector."""
    length = np.linalg.norm(x.astype(np.float64))
    return x / length if length else np.zeros_like(x)


@exercise(
    "1.3",
    "Find the planted gradient",
    why="Run this on your own custom gradients and losses before the first training run, and never guess again.",
)
def find_wrong_gradient(answer):
    """Judge the search for the one wrong gradient among five: each kind of fault, of function and of point."""
    for case in PLANTED:
        for turn, where in enumerate(np.random.default_rng().permutation(case.places)[: case.times]):
            beside = 1.0 if case.size == 1 else 1e-7 / case.size  # 1e5 beside 1e-12, and the other way around
            functions = [_scaled(case.form(f), beside) for f in SMOOTH]
            form = _same if case.spared else case.form
            functions[where] = _with_fault(_scaled(form(SMOOTH[where]), case.size), case.fault)
            x = case.at * random_array(case.d)
            x[1:2] = -x[:1] if case.opposite else x[1:2]
            x *= np.sign(x.sum() or 1) * (-1, 1)[turn % 2]  # a mean below 0 first, then one above: neither is a size
            x[: len(case.first)] = case.first
            got = answer(functions, tf.constant(x))
            on = f"{case.name}, planted at {where}, d = {case.d}"
            index = as_array(attempted(got, asked="one index from 0 to 4", on=on))
            is_index = index is not None and index.shape == () and index.dtype.kind in "iu"
            require(is_index, f"For {on}: expected one index from 0 to 4, got {written(got)}.")
            refuse({f"expected {where}, got {index}. Do you count from 1?": index == len(SMOOTH)}, on=on)
            expect(got, int(where), on=on, smells={case.advice: got})


@exercise(
    "1.4",
    "Hessian-vector product",
    why="Curvature along a direction at the price of a few gradients: this is how second-order methods scale.",
    deeper=True,
)
def hessian_vector_product(answer):
    """Judge H v for functions with mixed derivatives, and that ten thousand variables are no obstacle."""
    for d, size in ((4, 1), (1, 1), (4, 100), (4, 0)):
        a, x, v = random_numbers(d * d).reshape(d, d), random_array(d, low=0.1, high=2), size * random_array(d)
        if size == 100:  # where an entry of v is 0, or one of x, that of H v is not
            v[0] = x[-1] = 0
        weights = tf.constant(a)

        def f(t, weights=weights):
            return tf.reduce_sum(tf.exp(t)) + tf.reduce_sum(t * tf.linalg.matvec(weights, t))

        hessian = np.diag(np.exp(x)) + a + a.T
        gradient = np.exp(x) + (a + a.T) @ x
        smells = {
            "That is the gradient.": gradient,
            "That is the gradient times v, component by component: differentiate once more.": gradient * v,
            "That is v · H v, a number: H v has a component for each variable.": v @ hessian @ v,
            "That is the mean of the products, where their sum is asked for.": hessian @ v / d,
            "That is minus H v.": -hessian @ v,
            "That is gradient · v, a number: differentiate it once more.": gradient @ v,
            "That is v times the diagonal of H: mixed derivatives are missing.": np.diag(hessian) * v,
            "That is v times the row sums of H: v goes into the dot product, before the second gradient.":
                hessian.sum(1) * v,
            "Those are the row sums of H: where is v? It goes into the dot product, before the second gradient.":
                hessian.sum(1),
            "That is the whole Hessian: multiply by v.": hessian,
        }  # fmt: skip
        got = answer(f, tf.constant(x), tf.constant(v))
        on = f"sum(exp(x)) + xᵀAx with {counted(d, 'variable')}, float64"
        require_dtype(got, tf.float64, on)
        rough = "right to a few digits only. Something went through float32, or a difference stands for a derivative."
        refuse({rough: _is_rounded(got, hessian @ v, within=1e-3)}, on=on)
        expect(got, hessian @ v, on=on, smells=smells)
    a, b = tf.constant([0.5, 1.0, 2.0], tf.float16), tf.constant([1.0, -1.0, 0.5], tf.float16)

    def cubes(t):
        return tf.reduce_sum(t**3)

    for x, v in ((a, b), (b, 2 * a)):  # one function twice: what was kept of the first call shows
        got, on = answer(cubes, x, v), f"sum(x³), x = {x.numpy()}, float16"
        require_dtype(got, tf.float16, on)
        expect(got, 6 * x * v, on=on, tolerance=0.01)
    for n in (2_000, 5_000, 10_000):  # a whole Hessian is noticed while it is still small
        _require_quick(answer, n)


def _require_quick(answer, n: int) -> None:
    """Judge H v of n variables, and that it is there within a second; the better of two calls counts."""
    seconds = np.inf
    for _ in range(2):
        x, v = random_array(n), random_array(n) + 0.5  # whose sum is far from 0, so that mixed derivatives count
        given = tf.constant(x, tf.float32), tf.constant(v, tf.float32)
        start = time.perf_counter()
        got = answer(lambda t: tf.reduce_sum(t**3) + tf.reduce_sum(t) ** 2 / n, *given)
        seconds = min(seconds, time.perf_counter() - start)
        require_dtype(got, tf.float32, f"{n:,} variables, float32")
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


BENT_UNEVENLY = (0, 1, 3, 4)  # those of SMOOTH whose slopes differ from one another
IN_BETWEEN = (1, 2, 3)  # not the index that is said where none is found
POSITIVE = (0.9, 1.2, 0.7, 1.1)  # entries at which all slopes of SMOOTH are positive


def _scaled(f: Callable, size: float) -> Callable:
    return lambda x: size * f(x)


def _flip(where: int, gradient: tf.Tensor) -> tf.Tensor:
    """Turn the sign of one component."""
    return tf.where(np.arange(gradient.shape[0]) == where, -gradient, gradient)


def _raise_flat_one(gradient: tf.Tensor) -> tf.Tensor:
    """Give a slope to the component that has none."""
    flat = np.arange(gradient.shape[0]) == tf.argmin(tf.abs(gradient))
    return tf.where(flat, 0.5 * tf.reduce_max(tf.abs(gradient)), gradient)


def _shorten(where: int, gradient: tf.Tensor) -> tf.Tensor:
    """Make one component 2 % smaller."""
    return tf.where(np.arange(gradient.shape[0]) == where, 0.98 * gradient, gradient)


def _shift_two(gradient: tf.Tensor) -> tf.Tensor:
    """Add to the greatest component what is taken from the least, so that the sum of the components stays as it was."""
    order, share = tf.argsort(gradient), 0.025 * tf.reduce_max(tf.abs(gradient))
    return tf.tensor_scatter_nd_add(gradient, [[order[-1]], [order[0]]], [share, -share])


def _exchange_two(gradient: tf.Tensor) -> tf.Tensor:
    """Exchange the greatest and the least component."""
    greatest, least = tf.argmax(gradient), tf.argmin(gradient)
    return tf.tensor_scatter_nd_update(gradient, [[greatest], [least]], tf.gather(gradient, [least, greatest]))


def _level_two(gradient: tf.Tensor) -> tf.Tensor:
    """Replace the greatest and the least component by their mean."""
    both = [[tf.argmax(gradient)], [tf.argmin(gradient)]]
    return tf.tensor_scatter_nd_update(gradient, both, tf.fill([2], tf.reduce_mean(tf.gather_nd(gradient, both))))


def _with_fault(f: Callable, fault: Callable) -> Callable:
    """Return `f` with a gradient that `fault` has spoiled."""

    @tf.custom_gradient
    def faulty(x):
        def gradient(upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            return upstream * fault(tape.gradient(y, x))

        return f(x), gradient

    return faulty


def _same(f: Callable) -> Callable:
    return f


def _bent(f: Callable) -> Callable:
    """Return `f`, bending within a distance of 0.1."""
    return lambda x: f(5 * x)


def _on_a_plateau(f: Callable) -> Callable:
    """Return `f` with values that are ten thousand times as large as its slopes."""
    return lambda x: 1e4 + f(x)


def _wide(f: Callable) -> Callable:
    """Return `f` for entries near 1e12, with slopes near 1."""
    return lambda x: 1e12 * f(x / 1e12)


def _flat_at_zero(f: Callable) -> Callable:
    """Return `f`, made flat in each entry that is 0."""
    return lambda x: f(1 + x**2)


def _rising_from_zero(f: Callable) -> Callable:
    """Return `f`, with a slope where all entries are 0."""
    return lambda x: f(1 + x)


def _falling(f: Callable) -> Callable:
    """Return `f` upside down: where all slopes were positive, all are below 0."""
    return lambda x: -f(x)


def _of_a_difference(f: Callable) -> Callable:
    """Return `f` of the difference of two entries, so that its two slopes add up to 0."""
    return lambda x: f(x[:1] - x[1:])


@dataclass(frozen=True)
class Planted:
    """Five functions at a point, and the fault in the gradient of one of them."""

    name: str
    fault: Callable
    advice: str  # to an answer that does not find it
    d: int = 4
    size: float = 1.0  # of the function with the fault; where it is small, the others are large, and vice versa
    form: Callable = _same
    spared: bool = False  # whether the wrong one lacks that form: a method that it misleads then blames a right one
    at: float = 1.0  # the size of the entries of the point
    first: tuple = ()  # what its first entries are
    opposite: bool = False  # whether its second entry is the first one with the other sign
    times: int = 2
    places: tuple = (0, 1, 2, 3, 4)  # where it may be planted


PLANTED = (
    *(
        Planted(
            "a gradient that is twice the slope", lambda g: 2 * g,
            "Even a factor of two is missed, or the index is that of another function.", times=1, places=places,
            first=POSITIVE,
        )
        for places in ((4,), (0, 1, 2, 3))  # the last place first: who counts from 1 says 5 there, and nobody else does
    ),
    Planted(
        "a gradient that is twice the slope, of functions whose slopes are all below 0", lambda g: 2 * g,
        "The largest component is the one that is largest in size, whatever its sign.", form=_falling, first=POSITIVE,
    ),
    *(
        Planted(
            "a gradient with one wrong sign", partial(_flip, where), "Compare each component: one alone is wrong.",
            times=1,
        )
        for where in range(4)
    ),
    Planted(
        "a gradient that is 2 % too large", lambda g: 1.02 * g,
        "Is the comparison too loose for 2 %? Or are the differences no slopes: a step too large, a divisor other than "
        "2h, a float32?",
    ),
    Planted(
        "a gradient that is 2 % too large, of a function 1e-12 in size", lambda g: 1.02 * g,
        "Compare relative to the size of the gradient: an absolute difference sees large functions only.", size=1e-12,
    ),
    Planted(
        "a gradient that is 2 % too large, of a function 1e5 in size, beside others of 1e-12", lambda g: 1.02 * g,
        "Divide by the size of the gradient, not by its square: is a root missing? By that, small functions stand out.",
        size=1e5, times=1,
    ),
    *(
        Planted("a gradient with one wrong sign", partial(_flip, where), advice, d=20, times=1)
        for where, advice in (
            (19, "Compare each component: the last one of 20 is wrong."),
            (11, "Compare each component: one of 20 is wrong, which is neither among the first nor the last."),
        )
    ),
    Planted(
        "a gradient of which one component is 2 % too small, of 20 equal ones", partial(_shorten, 14),
        "Is the comparison too loose for 2 % of one component? In a mean, a sum or a length of all, it is less. Or is "
        "each difference divided by something other than 2h?",
        d=20, first=20 * (0.8,), times=1, places=IN_BETWEEN,
    ),
    Planted("a gradient whose faults cancel", _shift_two, "Compare each component: here the sums agree."),
    Planted(
        "a gradient that is twice the slope", lambda g: 2 * g, "One variable is enough: compare it, too.", d=1, times=1
    ),
    Planted(
        "a gradient of zeros", lambda g: 0 * g, "A gradient of zeros is wrong where the slope is not 0.", d=3, times=1
    ),
    Planted(
        "a gradient that is 2 % too large, of functions that bend within 0.1", lambda g: 1.02 * g,
        "The step is too large: the formula's own error is above 2 % here. Or a float32 came in.",
        form=_bent, spared=True,
    ),
    Planted(
        "a gradient that is 2 % too large, of functions with values near 10,000", lambda g: 1.02 * g,
        "Is the step too small, or what passes as equal? Of the difference of two such values, few digits are left.",
        form=_on_a_plateau, spared=True,
    ),
    Planted(
        "a gradient that is 2 % too large, at entries near 1e12", lambda g: 1.02 * g,
        "The step is too small for such a point: x + h is x, or nearly so. Let h grow with |x|.",
        form=_wide, at=1e12, opposite=True, times=4,
    ),
    Planted(
        "a gradient that is 2 % too large, where an entry of x is 0", lambda g: 1.02 * g,
        "A step of 0 finds no slope, and a slope of 0 is no measure: compare with the largest component.",
        first=(0, -0.9, 1.2, 0.7),
        size=1e-12, places=(0, 4),  # in between stands a large function, the product: no slope is above 0, three are 0
    ),
    Planted(
        "a gradient that is wrong in one component, where x and the slope are 0", _raise_flat_one,
        "Leave no component out: neither where x is 0 nor where the slope is.", form=_flat_at_zero, first=(0,),
    ),
    Planted(
        "a gradient that is 2 % too large, of functions with values near 10,000, where an entry of x is 0",
        lambda g: 1.02 * g, "Is the step too small where x is 0? Let it grow with max(1, |x|).",
        form=_on_a_plateau, spared=True, first=(0,), times=1,
    ),
    Planted(
        "a gradient that is twice the slope, where the only entry of x is 0", lambda g: 2 * g,
        "A step that is a share of x is 0 here: let it grow with max(1, |x|).", form=_rising_from_zero, d=1, first=(0,),
        times=1, places=IN_BETWEEN,
    ),
    Planted(
        "a gradient that is 2 % too large, where an entry of x is -1", lambda g: 1.02 * g,
        "Is there a step of 0? A step that grows with x grows with its size, |x|.", first=(-1,),
    ),
    Planted(
        "a gradient that is 2 % too large, at a single entry near 1e12 in size", lambda g: 1.02 * g,
        "Is the step too small where x is far below 0? Let h grow with |x|.", form=_wide, at=1e12, d=1,
        first=(-1.3e12,),
    ),
    Planted(
        "a gradient that is 2 % too large, of functions whose slopes add up to 0", lambda g: 1.02 * g,
        "The sum of the slopes is no measure of their size: compare with the largest component.",
        form=_of_a_difference, spared=True, d=2,
    ),
    Planted(
        "a gradient that is 2 % too large, at two entries near 1e12 in size, one below 0", lambda g: 1.02 * g,
        "The mean of the entries is no measure of their size: let h grow with |x|.",
        form=_wide, at=1e12, d=2, opposite=True, times=4,
    ),
    Planted(
        "a gradient with two components exchanged", _exchange_two,
        "Compare each component with its own slope: here sum, length and sorted values agree.", places=BENT_UNEVENLY,
    ),
    Planted(
        "a gradient with two components leveled", _level_two,
        "Compare each component with its own slope: here the slope along the gradient agrees.", places=BENT_UNEVENLY,
    ),
)  # fmt: skip


def _value_and_gradient(f: Callable, x: tf.Tensor) -> tuple:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.convert_to_tensor(f(x))
    gradient = tape.gradient(value, x)
    return value, tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _has_xla() -> bool:
    """Tell whether TensorFlow can compile with XLA here."""
    try:
        return bool(compiled(tf.identity, jit_compile=True)(True))
    except Exception:
        return False
