"""The checks of notebook 05."""

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, exercise, expect, random_numbers, refuse, require


@exercise(
    "5.1",
    "Clip by the global norm",
    why="One factor for all tensors shortens the step and leaves its direction alone.",
)
def clip_global_norm(answer):
    """Judge the list and the norm: long, short and zero, near the threshold, with None and with tf.IndexedSlices."""
    for norm, clip_norm, forms in (
        (30.0, 1.0, "tensor tensor tensor"),
        (0.3, 1.0, "tensor tensor tensor"),
        (3.0, 4.0, "tensor scalar"),  # between the root of the threshold and the threshold
        (0.4, 0.25, "tensor"),  # the same, for a threshold below 1
        (50.0, 2.5, "tensor None tensor"),
        (1.5, 2.0, "None tensor scalar tensor"),
        (20.0, 1.5, "slices tensor None"),
        (0.0, 1.0, "tensor tensor"),
    ):
        forms = forms.split()
        arrays = _of_norm(norm, [_SHAPES[form] for form in forms if form != "None"])
        on = f"gradients ({', '.join(forms)}) of global norm {norm}, clip_norm {clip_norm}"
        asked = "a pair, the list of gradients and their norm before clipping,"
        clipped, got_norm = attempted(
            answer(_gradients(arrays, forms), clip_norm), list, tuple, asked=asked, length=2, on=on
        )
        attempted(clipped, list, tuple, asked="the list of gradients in front of the norm", on=on)
        kept = f"For {on}: expected {len(forms)} gradients in the order of the variables, got {len(clipped)}."
        require(len(clipped) == len(forms), f"{kept} A None must stay in its place.")
        filled = f"For {on}: the None became a tensor. A zero gradient is not the same as no gradient."
        require(all(part is None for part, form in zip(clipped, forms, strict=True) if form == "None"), filled)
        present = [part for part, form in zip(clipped, forms, strict=True) if form != "None"]
        for i, part in enumerate(present):
            wrong_ways = _ways_to_miss_clipping(arrays, norm, clip_norm) | _ways_to_miss_slices(
                arrays, forms, clip_norm
            )
            smells = {message: wrong[i] for message, wrong in wrong_ways.items()}
            expect(part, _clipped(arrays, clip_norm)[i], on=f"gradient {i}, None not counted, of {on}", smells=smells)
        lengths = [np.linalg.norm(array) for array in arrays]
        smells = {
            "That is the norm after clipping: return the one from before.": min(norm, clip_norm),
            "Norms do not add up: square, sum, then one root.": sum(lengths),
            "That is the square: take the root.": norm**2,
            "That is the greatest of the norms; the global norm is that of all numbers together.": max(lengths),
        }
        expect(got_norm, norm, on=f"the norm of {on}", smells=smells)


_SHAPES = {"tensor": (2, 3), "scalar": (), "slices": (5, 2)}


def _of_norm(norm: float, shapes: list) -> list[np.ndarray]:
    """Return random arrays whose global norm is `norm`; of an array of 5 rows, 3 are zero."""
    arrays = [np.random.default_rng().uniform(0.5, 1.5, shape) for shape in shapes]
    arrays = [array * [[1], [0], [0], [1], [0]] if array.shape == (5, 2) else array for array in arrays]
    return [norm * array / np.sqrt(sum(np.sum(a**2) for a in arrays)) for array in arrays]


def _gradients(arrays: list, forms: list[str]) -> list:
    """Return the arrays as float32 gradients, with a None where `forms` says so."""
    given = iter(arrays)
    make = {"None": lambda: None, "slices": lambda: _slices(next(given))}
    return [make.get(form, lambda: tf.constant(next(given), tf.float32))() for form in forms]


def _slices(array: np.ndarray) -> tf.IndexedSlices:
    """Return an array as tf.IndexedSlices of its rows that are not zero: twice each row, and minus it once."""
    rows = np.flatnonzero(array.any(axis=1))[::-1]
    values = np.concatenate([2 * array[rows], -array[rows]])
    return tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant([*rows, *rows]), tf.constant(array.shape))


def _ways_to_miss_slices(arrays: list, forms: list[str], clip_norm: float) -> dict[str, list]:
    if "slices" not in forms:
        return {}
    present = [form for form in forms if form != "None"]
    apart = np.sqrt(sum(np.sum(a**2) * (5 if form == "slices" else 1) for a, form in zip(arrays, present, strict=True)))
    measured_apart = "The entries of one row were measured apart: they add up first, as tf.convert_to_tensor does it."
    return {measured_apart: [array * clip_norm / max(apart, clip_norm) for array in arrays]}


def _ways_to_miss_clipping(arrays: list, norm: float, clip_norm: float) -> dict[str, list]:
    sum_of_norms = sum(np.linalg.norm(array) for array in arrays)
    with np.errstate(all="ignore"):
        to_norm_1 = [array / max(norm, 1.0) for array in arrays]
        always = [array * clip_norm / norm for array in arrays]
        by_square = [array * clip_norm / max(norm**2, clip_norm) for array in arrays]
        square_compared = always if norm**2 > clip_norm else arrays
    return {
        "That divides by the norm, and the norm is 0.": [np.full_like(array, np.nan) for array in arrays],
        "Each tensor was clipped by itself: use one factor for the whole list.": _each_clipped(arrays, clip_norm),
        "Clipped by value: that turns the direction.": [np.clip(array, -clip_norm, clip_norm) for array in arrays],
        "The norm was compared before its root was taken: between clip_norm and its root, the answers differ.":
            square_compared,
        "A short gradient was made longer: below the threshold nothing changes.": always,
        "That has the norm 1, whatever clip_norm says.": to_norm_1,
        "That is not clipped.": arrays,
        "Divided by the square of the norm: take the root.": by_square,
        "Norms do not add up: square, sum, then one root.":
            [array * clip_norm / max(sum_of_norms, clip_norm) for array in arrays],
    }  # fmt: skip


def _clipped(gradients: list, clip_norm: float) -> list[np.ndarray]:
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * clip_norm / max(norm, clip_norm) for g in gradients]


def _each_clipped(gradients: list, clip_norm: float) -> list[np.ndarray]:
    return [_clipped([g], clip_norm)[0] for g in gradients]


@exercise(
    "5.2",
    "A threshold from the history",
    why="A threshold taken from the norms themselves follows when their usual size changes.",
    deeper=True,
)
def adaptive_threshold(answer):
    """Judge the quantile of the last finite norms on short, long and broken histories, at both ends of the quantile."""
    usual = [3, 5, 2, 4, 6, 1.5, 8, 12, 9, 7, 2.5, 6.5, 0.5, 5.5]  # the greatest are neither the first nor the last
    drawn = usual * random_numbers(14, 0.97, 1.03)
    late = [*drawn[:12], np.nan, np.inf, *drawn[12:]]
    for norms, window, quantile in (
        (drawn, 6, 0.5), (drawn, 5, 0.9), (late, 5, 0.9), (late, 4, 0.25), (drawn[:3], 4, 0.5), ([], 2, 0.5),
        ([np.nan, *drawn[:3], np.inf], 4, 0.5), (drawn[:4], 4, 0.5), ([np.inf, np.nan, drawn[0]], 1, 0.9),
        (drawn, 5, 1.0), (late, 3, 0.0), (drawn, 4, 0.6), ([np.nan, np.nan], 1, 1.0),
    ):  # fmt: skip
        norms = [float(norm) for norm in norms]
        finite = np.array([norm for norm in norms if np.isfinite(norm)])
        enough = len(finite) >= window
        want = np.quantile(finite[-window:], quantile) if enough else np.inf
        smells = (_ways_to_miss_a_window if enough else _ways_to_miss_few)(norms, finite, window, quantile)
        given = list(norms)
        got = answer(given, window, quantile)
        on = f"norms {np.round(norms, 2).tolist()}, window {window}, quantile {quantile}"
        expect(got, want, on=on, smells=smells)
        unchanged = np.array_equal(given, norms, equal_nan=True)
        require(unchanged, f"For {on}: the caller's list was changed. Work on a copy.")


def _ways_to_miss_few(norms: list, finite: np.ndarray, window: int, quantile: float) -> dict[str, float]:
    of_few = np.quantile(finite, quantile) if len(finite) else -1.0
    return {
        "With a threshold of 0 no step would ever be taken: return infinity while there are too few.": 0.0,
        "The quantile of nothing is nan: return infinity while there are too few.": np.nan,
        "Too few finite norms to know what is usual: return infinity while there are fewer than `window`.": of_few,
    }


def _ways_to_miss_a_window(norms: list, finite: np.ndarray, window: int, quantile: float) -> dict[str, float]:
    last, tail = finite[-window:], np.array(norms[-window:])
    left_of_tail = tail[np.isfinite(tail)]
    of_tail = np.quantile(left_of_tail, quantile) if len(left_of_tail) else np.inf
    largest, entry = np.sort(finite)[-window:], np.sort(last)[min(int(quantile * window), window - 1)]
    broken = len(finite) < len(norms)
    short = "The window was short of finite norms, because nan and inf used up places in it."
    border = "Infinity is for fewer than `window` finite norms; exactly `window` are enough."
    return {
        "nan and inf used up places in the window: remove them first, then take the last.": of_tail,
        short if broken else border: np.inf,
        "A nan or inf of the history reached the threshold: remove what is not finite.": np.nan,
        "That is the quantile of the whole history: only the last `window` finite norms count.":
            np.quantile(finite, quantile),
        "That is the quantile of the oldest norms: the last ones are at the end.":
            np.quantile(finite[:window], quantile),
        "That is the quantile of the largest norms: sorting forgets which ones came last.":
            np.quantile(largest, quantile),
        "np.percentile counts to 100: multiply the quantile, or take np.quantile.": np.percentile(last, quantile),
        "That is one of the norms; np.quantile goes between two of them where the place falls between.": entry,
        "That is 1 minus the quantile: 0.9 leaves nine in ten below.": np.quantile(last, 1 - quantile),
        "That is a mean: a quantile is asked for.": np.mean(last),
        "That is the greatest norm of the window.": np.max(last),
    }  # fmt: skip


@exercise(
    "5.3",
    "Skip the broken step",
    why="One broken batch now costs one step, and the counter tells you when it is more than one.",
    deeper=True,
)
def skip_nonfinite(answer):
    """Judge weights, optimizer state, counter and result over good and broken steps, eagerly and compiled."""
    for kind in (tf.keras.optimizers.SGD, tf.keras.optimizers.Adam):
        for mode in ("eagerly", "inside tf.function"):
            _judge_skips(answer, kind, mode)


_GOOD = np.float32([0.5, -2.0])
_STEPS = {
    "good": (_GOOD, _GOOD),
    "nan in the last gradient": (_GOOD, _GOOD * np.float32([1, np.nan])),
    "good again": (_GOOD, -_GOOD),
    "inf in the first gradient": (_GOOD * np.float32([np.inf, 1]), _GOOD),
    "-inf and inf": (_GOOD * np.float32([-np.inf, 1]), _GOOD * np.float32([np.inf, 1])),
    "good at last": (_GOOD, _GOOD),
    "entries of 1e25": (_GOOD, np.float32([1e25, -1e25])),  # finite; the square of one is not, in float32
}


def _judge_skips(answer, kind, mode: str) -> None:
    """Take good and broken steps beside a judge that gets the good ones alone."""
    starts = np.random.default_rng().uniform(-1, 1, (3, 2)).astype("float32")
    mine, judge = ([tf.Variable(start) for start in starts] for _ in range(2))
    ours, theirs = kind(0.1), kind(0.1)
    ours.build(mine)
    theirs.build(judge)
    skipped, broken, hole = tf.Variable(0), 0, 1 if mode == "eagerly" else 0
    first_at, second_at = [i for i in range(3) if i != hole]

    def step(first, second):
        gradients = [None] * 3
        gradients[first_at], gradients[second_at] = first, second
        return answer(ours, gradients, mine, skipped)

    run = step if mode == "eagerly" else tf.function(step)
    for name, (first, second) in _STEPS.items():
        on = f"a step with {kind.__name__} {mode}, {name}"
        finite = np.all(np.isfinite([first, second]))
        taken = attempted(run(tf.constant(first), tf.constant(second)), asked="whether the step was taken", on=on)
        if finite:
            theirs.apply_gradients([(tf.constant(first), judge[first_at]), (tf.constant(second), judge[second_at])])
        broken += not finite
        _require_same_weights(np.array(mine), np.array(judge), hole, finite, name, on)
        counted = f"For {on}: the optimizer's state changed. Skip means that it is not called at all."
        if finite:
            counted = (
                f"For {on}: the optimizer was called more than once. Give it all pairs in one call: it counts calls."
            )
        idle = f"For {on}: every entry is finite, and the optimizer was not called."
        require(int(ours.iterations) >= int(theirs.iterations), _OVERFLOW if "1e25" in name else idle)
        require(int(ours.iterations) == int(theirs.iterations), counted)
        smells = {
            "Good steps were counted, too.": len(_STEPS) - 1 if name == "good at last" else 1 if name == "good" else -1,
            "The skipped step was not counted.": broken - 1 if not finite else -1,
            "Each broken gradient was counted: one step counts once.": broken + 1 if name == "-inf and inf" else -1,
        }
        expect(skipped, broken, on=f"the counter after {on}", smells=smells)
        told = {"That says whether it was skipped; return whether the step was taken.": not finite}
        expect(taken, finite, on=f"what comes back from {on}", smells=told)


_OVERFLOW = "Entries of 1e25 are finite, and the step was skipped: their squares overflow in a norm. Ask each entry."


def _require_same_weights(now, want, hole: int, finite: bool, name: str, on: str) -> None:
    require(np.all(np.isfinite(now)), f"For {on}: the weights are no longer finite. The step was applied.")
    same = np.isclose(now, want, atol=1e-5)
    refuse({
        "A variable without a gradient moved: pair first, then leave out the pairs without one.": not same[hole].all(),
        _OVERFLOW: not same.all() and "1e25" in name,
        "The step was not taken, though every gradient was finite.": not same.all() and finite,
        "The weights moved: a zero gradient is still a step, and a partly repaired one too. Do not call it.":
            not same.all(),
    }, on=on)  # fmt: skip


@exercise(
    "5.4",
    "A big batch in small pieces",
    why="The batch now follows from what learns best, and no longer from what fits into memory.",
)
def accumulate(answer):
    """Judge the gradients against those of the whole batch, and which examples were handed over in which pieces."""
    fresh = int(np.random.default_rng().integers(20, 30)) * 3 + 1
    for n, size, make, labels in (
        (12, 4, np.asarray, "float32"), (10, 4, np.asarray, "int64"), (10, 4, tf.constant, "uint8"),
        (fresh, 3, tf.constant, "float32"), (3, 8, np.asarray, "uint8"), (5, 1, tf.constant, "int32"),
        (1, 1, np.asarray, "float32"),
    ):  # fmt: skip
        x, y = random_numbers(3 * n, 0.5, 2).reshape(n, 3).astype("float32"), random_numbers(n, 2, 4)
        x[:, 0] = np.arange(n) / n  # tells the examples apart
        y = (y * (100 if labels == "int64" else 20)).astype(labels)  # labels beyond 255 do not fit into uint8
        handed = _Handed(x, y, as_slices=labels == "int32" or n == 12)
        on = f"{n} examples, as {'arrays' if make is np.asarray else 'tensors'}, {labels} labels, in pieces of {size}"
        got = answer(handed.gradient_fn, make(x), make(y), size)
        attempted(got, list, tuple, asked="a list of gradients", on=on)
        handed.judge(size, on)
        attempted(got, asked="two gradients, as gradient_fn returns them,", length=2, on=on)
        pieces = [_least_squares(x[s : s + size], y[s : s + size]) for s in range(0, n, size)]
        for i, want in enumerate(_least_squares(x, y)):
            smells = _ways_to_miss_the_mean([piece[i] for piece in pieces], want, n, size)
            expect(got[i], want, on=f"gradient {i} of {on}", smells=smells)


def _ways_to_miss_the_mean(parts: list, want, n: int, size: int) -> dict[str, object]:
    total = sum(parts)
    sizes = [min(size, n - start) for start in range(0, n, size)]
    one_too_few = sum(k * part for k, part in zip(sizes, parts, strict=True)) / (max(n - 1, 1) if n > 1 else 2)
    return {
        "That is the sum over the pieces: a mean is asked for.": total,
        "Every piece counts the same: weigh each by its number of examples.": total / len(parts),
        "That is the last piece alone: add each one to what you have.": parts[-1],
        "That is the first piece alone: the result of the others was not added.": parts[0],
        "A piece's gradient is a mean: weigh it by the piece's size before you divide by n.": total / n,
        "The weights must add up to 1: divide by the number of examples.": want * n,
        "Each piece was weighed by the full micro-batch size; the tail is smaller.": total * size / n,
        "That is divided by n - 1: divide by n.": one_too_few,
        "That counts the full pieces only: divide by the number of examples.": want * n / max(n // size * size, 1),
    }


class _Handed:
    """Hands out `gradient_fn`, and remembers which examples it was asked about."""

    def __init__(self, x: np.ndarray, y: np.ndarray, as_slices: bool):
        self.x, self.y, self.as_slices, self.pieces = x, y, as_slices, []

    def gradient_fn(self, x_batch, y_batch) -> list[tf.Tensor | tf.IndexedSlices]:
        x_batch, y_batch = np.asarray(x_batch), np.asarray(y_batch)
        alike = len(x_batch) == len(y_batch) if x_batch.ndim == 2 and y_batch.ndim == 1 else False
        shapes = f"{x_batch.shape} and {y_batch.shape}"
        require(
            alike, f"gradient_fn was given x and y of shapes {shapes}. Cut both alike: (k, 3) and (k,) are expected."
        )
        self.pieces.append((x_batch, y_batch))
        weights, bias = (tf.constant(g, tf.float32) for g in _least_squares(x_batch, y_batch))
        return [tf.IndexedSlices(weights, tf.range(3), tf.constant([3])) if self.as_slices else weights, bias]

    def judge(self, size: int, on: str) -> None:
        n, sizes = len(self.x), [len(x_batch) for x_batch, _ in self.pieces]
        require(sum(sizes) > 0, f"For {on}: gradient_fn was never called with an example.")
        x_used, y_used = (np.concatenate(parts) for parts in zip(*self.pieces, strict=True))
        rows = np.clip(np.round(x_used[:, 0] * n).astype(int), 0, n - 1)
        refuse({
            f"gradient_fn was given {max(sizes)} examples at once. That is the memory you wanted to save.":
                max(sizes) > size,
            "gradient_fn was given rows of zeros: a padded tail changes the mean. The last piece may be smaller.":
                not np.all(x_used[:, 1:].any(axis=1)),
            "gradient_fn was called with a piece that holds no example.": min(sizes) == 0,
            "gradient_fn was given other numbers than those of x: hand over its rows as they are.":
                not np.allclose(x_used, self.x[rows]),
            "the y of a row is not the one that was given: cut both alike, and keep the dtype of the labels.":
                not np.allclose(y_used, self.y[rows]),
            "the same examples were used more than once. Does the loop take the next piece in each pass?":
                len(np.unique(rows)) < len(rows),
            f"{n - len(rows)} examples were left out. The last piece may be smaller, and it counts.": len(rows) < n,
        }, on=on)  # fmt: skip


def _least_squares(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of a mean squared error by weights (3,) and bias (), at weights of 1 and a bias of 0."""
    error = x.astype("float64").sum(axis=1) - y
    if not len(error):
        return [np.zeros(3), np.float64(0)]
    return [2 * (error[:, np.newaxis] * x).mean(axis=0), 2 * error.mean()]


@exercise(
    "5.5",
    "The right order",
    why="The step now depends on the data alone, and not on how much of it fits into memory.",
    deeper=True,
)
def accumulate_then_clip(answer):
    """Judge the clipped mean of loud, quiet and zero gradients, in equal and ragged micro-batches."""
    two, three = ((2, 2), (3,)), ((), (4,), (1, 2))
    for sizes, norms, clip_norm, shapes in (
        ([5, 2, 3], (1, 2, 6), 4.0, two),  # the mean is below the threshold; the sum and one of the parts are above it
        ([4, 4, 4], (30, 60, 90), 1.0, two),
        ([8, 8, 3], (30, 60, 90), 2.0, three),
        ([5, 2], (30, 60), 3.0, two),
        ([6], (30,), 1.5, two),
        ([3, 1], (0, 0), 1.0, three),
    ):
        micro = [_of_norm(norm, shapes) for norm in norms]
        on = f"micro-batches of {sizes} examples, norms {norms}, clip_norm {clip_norm}"
        got = answer([[tf.constant(g, tf.float32) for g in part] for part in micro], list(sizes), clip_norm)
        asked = f"a list of {len(shapes)} gradients"
        attempted(got, list, tuple, asked=asked, on=on)
        pair = f"For {on}: {asked} is expected. tf.clip_by_global_norm returns a pair: take the list."
        require(not isinstance(got[0] if got else None, list | tuple), pair)
        attempted(got, asked=asked, length=len(shapes), on=on)
        want, ways = _clipped(_mean(micro, sizes), clip_norm), _ways_to_miss_the_order(micro, sizes, clip_norm)
        for i in range(len(shapes)):
            expect(
                got[i], want[i], on=f"gradient {i} of {on}", smells={smell: wrong[i] for smell, wrong in ways.items()}
            )


def _ways_to_miss_the_order(micro: list, sizes: list[int], clip_norm: float) -> dict[str, list]:
    equal, examples = [1] * len(sizes), sum(sizes)
    mean, total = _mean(micro, sizes), [sum(parts) for parts in zip(*micro, strict=True)]
    weighted_total = [examples * g for g in mean]
    each_clipped = [_clipped(part, clip_norm) for part in micro]
    return {
        "0/0 is nan: gradients of zeros have a norm of 0.": [np.full_like(g, np.nan) for g in mean],
        "Every micro-batch counts the same: weigh each by its size.": _clipped(_mean(micro, equal), clip_norm),
        "Each micro-batch was clipped before the mean: accumulate first.": _mean(each_clipped, sizes),
        "Each micro-batch was clipped, and all count the same: accumulate first, by size.": _mean(each_clipped, equal),
        "Each micro-batch was clipped, and the results added up: accumulate first, and divide.":
            [sum(parts) for parts in zip(*each_clipped, strict=True)],
        "The sum was clipped, not the mean: divide first.": _clipped(total, clip_norm),
        "It has the length clip_norm, and the mean is shorter: divide first, and leave a short gradient alone.":
            _scaled_to(mean, clip_norm),
        "The sum was clipped, then divided: the result is too short. Divide before you clip.":
            [g / len(sizes) for g in _clipped(total, clip_norm)],
        "The weighted sum was clipped, then divided: the result is too short. Divide before you clip.":
            [g / examples for g in _clipped(weighted_total, clip_norm)],
        "Each tensor was clipped by itself: use the global norm.": _each_clipped(mean, clip_norm),
        "Clipped by value: that turns the direction.": [np.clip(g, -clip_norm, clip_norm) for g in mean],
        "That is not clipped.": mean,
        "That is the sum, not clipped: divide, then clip.": total,
    }  # fmt: skip


def _mean(lists: list, sizes: list[int]) -> list[np.ndarray]:
    return [np.average(parts, axis=0, weights=sizes) for parts in zip(*lists, strict=True)]


def _scaled_to(gradients: list, length: float) -> list[np.ndarray]:
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * length / norm if norm else g for g in gradients]
