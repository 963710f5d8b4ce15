"""Checks of notebook 05."""

import numpy as np
import tensorflow as tf

from utils.checks.engine import NotAttempted, exercise, expect, require


@exercise(
    "5.1",
    "Clip by the global norm",
    why="One factor for all tensors shortens the step and leaves its direction alone.",
)
def clip_global_norm(answer):
    """Judge the list and the norm on long, short and zero gradients, with and without a None."""
    rng = np.random.default_rng()
    for size, clip_norm, hole in ((9.0, 1.0, None), (0.1, 1.0, None), (20.0, 2.5, 1), (0.0, 1.0, None), (0.5, 2.0, 0)):
        arrays = [size * rng.uniform(0.5, 1.5, shape) for shape in ((2, 3), (4,), (2,))]
        norm = np.sqrt(sum(np.sum(a**2) for i, a in enumerate(arrays) if i != hole))
        factor = clip_norm / max(norm, clip_norm)
        on = f"three tensors of global norm {norm:.4g}, clip_norm {clip_norm}{'' if hole is None else ', one None'}"
        got = answer([None if i == hole else tf.constant(a, tf.float32) for i, a in enumerate(arrays)], clip_norm)
        clipped, got_norm = _as_pair(got, on)
        expected = f"For {on}: expected a list of three in the order of the variables"
        require(len(clipped) == 3, f"{expected}, got {len(clipped)}. A None must stay in its place.")
        for i, (part, array) in enumerate(zip(clipped, arrays, strict=True)):
            if i == hole:
                filled = f"For {on}: the None became a tensor. A zero gradient is not the same as no gradient."
                require(part is None, filled)
                continue
            with np.errstate(all="ignore"):
                smells = {
                    "That divides by the norm, and the norm is 0.": np.full_like(array, np.nan),
                    "Each tensor was clipped by itself: use one factor for the whole list.":
                        array * clip_norm / max(np.linalg.norm(array), clip_norm),
                    "Clipped by value: that turns the direction.": np.clip(array, -clip_norm, clip_norm),
                    "A short gradient was made longer: below the threshold nothing changes.": array * clip_norm / norm,
                    "That has the norm 1, whatever clip_norm says.": array / max(norm, 1.0),
                    "That is not clipped.": array,
                    "Norms do not add up: square, sum, then one root.":
                        array * clip_norm / max(_sum_of_norms(arrays, hole), clip_norm),
                }  # fmt: skip
            expect(part, array * factor, on=f"tensor {i} of {on}", smells=smells)
        smells = {
            "That is the norm after clipping: return the one from before.": min(norm, clip_norm),
            "Norms do not add up: square, sum, then one root.": _sum_of_norms(arrays, hole),
            "That is the square: take the root.": norm**2,
        }
        expect(got_norm, norm, on=f"the norm of {on}", smells=smells)


def _as_pair(got, on: str) -> tuple:
    if got is ... or got is None:
        expect(got, 0.0, on=on)
    pair = isinstance(got, tuple | list) and len(got) == 2 and isinstance(got[0], tuple | list)
    require(pair, f"For {on}: a pair is expected, the list of gradients and their norm before clipping.")
    return got


def _sum_of_norms(arrays: list, hole: int | None) -> float:
    return sum(np.linalg.norm(a) for i, a in enumerate(arrays) if i != hole)


@exercise(
    "5.2",
    "A threshold from the history",
    why="A threshold taken from the norms themselves follows when their usual size changes.",
    deeper=True,
)
def adaptive_threshold(answer):
    """Judge the quantile of the last finite norms on short, long and broken histories."""
    rng = np.random.default_rng()
    drawn = np.linspace(9.0, 1.0, 14) * rng.uniform(0.9, 1.1, 14)
    late = [*drawn[:12], np.nan, np.inf, drawn[12], drawn[13]]
    for norms, window, quantile in (
        (drawn, 5, 0.9), (drawn, 6, 0.5), (late, 5, 0.9), (late, 4, 0.25), (drawn[:3], 4, 0.5), ([], 2, 0.5),
        ([np.nan, *drawn[:3], np.inf], 4, 0.5), (drawn[:4], 4, 0.5), ([np.inf, np.nan, drawn[0]], 1, 0.9),
    ):  # fmt: skip
        norms = [float(norm) for norm in norms]
        finite = np.array([norm for norm in norms if np.isfinite(norm)])
        last = finite[-window:]
        if len(finite) < window:
            want = np.inf
            early = "Too few finite norms to know what is usual: return infinity while there are fewer than `window`."
            zero = "With a threshold of 0 no step would ever be taken: return infinity while there are too few."
            empty = "The quantile of nothing is nan: return infinity while there are too few."
            smells = {zero: 0.0, empty: np.nan, early: np.quantile(finite, quantile) if len(finite) else -1.0}
        else:
            want = np.quantile(last, quantile)
            tail = np.array(norms[-window:])
            cut = tail[np.isfinite(tail)]
            short = "The window was short of finite norms, because nan and inf used up places in it."
            if len(finite) == len(norms):
                short = "Infinity is for fewer than `window` finite norms; exactly `window` are enough."
            smells = {
                "nan and inf used up places in the window: remove them first, then take the last.":
                    np.quantile(cut, quantile) if len(cut) else np.inf,
                short: np.inf,
                "A nan or inf of the history reached the threshold: remove what is not finite.": np.nan,
                "That is the quantile of the whole history: only the last `window` finite norms count.":
                    np.quantile(finite, quantile),
                "That is the quantile of the oldest norms: the last ones are at the end.":
                    np.quantile(finite[:window], quantile),
                "That is a mean: a quantile is asked for.": np.mean(last),
                "That is the greatest norm of the window.": np.max(last),
            }  # fmt: skip
        given = list(norms)
        got = answer(given, window, quantile)
        on = f"norms {np.round(norms, 2).tolist()}, window {window}, quantile {quantile}"
        expect(got, want, on=on, smells=smells)
        unchanged = np.array_equal(given, norms, equal_nan=True)
        require(unchanged, f"For {on}: the caller's list was changed. Work on a copy.")


@exercise(
    "5.3",
    "Skip the broken step",
    why="One broken batch now costs one step, and the counter tells you when it is more than one.",
)
def skip_nonfinite(answer):
    """Judge weights, optimizer state, counter and result over good and broken steps, eagerly and compiled."""
    for kind in (tf.keras.optimizers.SGD, tf.keras.optimizers.Adam):
        for mode in ("eagerly", "inside tf.function"):
            _judge_skips(answer, kind, mode)


def _judge_skips(answer, kind, mode: str) -> None:
    """Take good and broken steps beside a judge that gets the good ones alone."""
    starts = np.random.default_rng().uniform(-1, 1, (3, 2)).astype("float32")
    mine, judge = ([tf.Variable(start) for start in starts] for _ in range(2))
    ours, theirs = kind(0.1), kind(0.1)
    ours.build(mine)
    theirs.build(judge)
    skipped, broken = tf.Variable(0), 0

    def step(first, second):
        return answer(ours, [first, None, second], mine, skipped)

    run = step if mode == "eagerly" else tf.function(step)
    good = np.float32([0.5, -2.0])
    steps = {
        "good": (good, good), "nan in the last gradient": (good, good * np.float32([1, np.nan])),
        "good again": (good, -good),
        "inf in the first gradient": (good * np.float32([np.inf, 1]), good),
        "-inf and inf": (good * np.float32([-np.inf, 1]), good * np.float32([np.inf, 1])), "good at last": (good, good),
    }  # fmt: skip
    for name, (first, second) in steps.items():
        on = f"a step with {kind.__name__} {mode}, {name}"
        finite = bool(np.all(np.isfinite([first, second])))
        taken = run(tf.constant(first), tf.constant(second))
        if taken is ...:
            raise NotAttempted
        if finite:
            theirs.apply_gradients([(tf.constant(first), judge[0]), (tf.constant(second), judge[2])])
        broken += not finite
        now, want = np.array(mine), np.array(judge)
        require(np.all(np.isfinite(now)), f"For {on}: the weights are no longer finite. The step was applied.")
        if not np.allclose(now, want, atol=1e-5):
            idle = "The step was not taken, though every gradient was finite."
            moved = "The weights moved: a zero gradient is still a step, and a partly repaired one too. Do not call it."
            unused = not np.allclose(now[1], want[1], atol=1e-5)
            stray = "A variable without a gradient moved: leave its pair out."
            require(False, f"For {on}: {stray if unused else idle if finite else moved}")
        counted = f"For {on}: the optimizer's state changed. Skip means that it is not called at all."
        require(int(ours.iterations) == int(theirs.iterations), counted)
        smells = {
            "Good steps were counted, too.": len(steps) if name == "good at last" else 1 if name == "good" else -1,
            "The skipped step was not counted.": broken - 1 if not finite else -1,
            "Each broken gradient was counted: one step counts once.": broken + 1 if name == "-inf and inf" else -1,
        }
        expect(skipped, broken, on=f"the counter after {on}", smells=smells)
        told = {"That says whether it was skipped; return whether the step was taken.": not finite}
        expect(taken, finite, on=f"what comes back from {on}", smells=told)


@exercise(
    "5.4",
    "A big batch in small pieces",
    why="The batch now follows from what learns best, and no longer from what fits into memory.",
)
def accumulate(answer):
    """Judge the gradients against those of the whole batch, and which examples were handed over in which pieces."""
    rng = np.random.default_rng()
    for n, size in ((12, 4), (10, 4), (int(rng.integers(20, 30)) * 3 + 1, 3), (3, 8), (1, 1)):
        x, y = rng.uniform(0.5, 2, (n, 3)).astype("float32"), rng.uniform(2, 4, n).astype("float32")
        x[:, 0] = np.arange(n) / n  # tells the examples apart
        asked = []

        def gradient_fn(x_batch, y_batch, asked=asked):
            x_batch, y_batch = np.asarray(x_batch), np.asarray(y_batch)
            asked.append(x_batch)
            return [tf.constant(g, tf.float32) for g in _least_squares(x_batch, y_batch)]

        on = f"{n} examples in pieces of {size}"
        got = answer(gradient_fn, x, y, size)
        if got is ...:
            raise NotAttempted
        require(isinstance(got, list | tuple), f"For {on}: a list of gradients is expected, not {type(got).__name__}.")
        largest = max([len(piece) for piece in asked], default=0)
        require(largest > 0, f"For {on}: gradient_fn was never called with an example.")
        too_large = (
            f"For {on}: gradient_fn was given {largest} examples at once. That is the memory you wanted to save."
        )
        require(largest <= size, too_large)
        rows = np.sort(np.round(np.concatenate([piece[:, 0] for piece in asked]) * n).astype(int))
        again = f"For {on}: the same examples were used more than once. Does the loop take the next piece in each pass?"
        require(len(np.unique(rows)) == len(rows), again)
        missing = f"For {on}: {n - len(rows)} examples were left out. The last piece may be smaller, and it counts."
        require(len(rows) == n, missing)
        pieces = [_least_squares(x[s : s + size], y[s : s + size]) for s in range(0, n, size)]
        require(len(got) == 2, f"For {on}: expected two gradients, as gradient_fn returns them, got {len(got)}.")
        for i, want in enumerate(_least_squares(x, y)):
            parts = [piece[i] for piece in pieces]
            smells = {
                "That is the sum over the pieces: a mean is asked for.": sum(parts),
                "Every piece counts the same: weigh each by its number of examples.": sum(parts) / len(parts),
                "That is the last piece alone: add each one to what you have.": parts[-1],
                "A piece's gradient is a mean: weigh it by the piece's size before you divide by n.": sum(parts) / n,
                "The weights must add up to 1: divide by the number of examples.": want * n,
                "Each piece was weighed by the full micro-batch size; the tail is smaller.": sum(parts) * size / n,
            }
            expect(got[i], want, on=f"gradient {i} of {on}", smells=smells)


def _least_squares(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of a mean squared error by weights (3,) and bias (), at weights of 1 and a bias of 0."""
    error = x.astype("float64").sum(axis=1) - y
    return [2 * (error[:, np.newaxis] * x).mean(axis=0), 2 * error.mean()]


@exercise(
    "5.5",
    "The right order",
    why="The step now depends on the data alone, and not on how much of it fits into memory.",
    deeper=True,
)
def accumulate_then_clip(answer):
    """Judge the clipped mean of loud and quiet, equal and ragged micro-batches."""
    rng = np.random.default_rng()
    for sizes, loudness, clip_norm in (
        ([4, 4, 4], 0.01, 1.0),
        ([4, 4, 4], 9, 1.0),
        ([8, 8, 3], 9, 2.0),
        ([5, 2], 9, 3.0),
        ([6], 9, 1.5),
    ):
        micro = [
            [loudness * (k + 1) * rng.uniform(0.5, 2, shape) for shape in ((2, 2), (3,))] for k in range(len(sizes))
        ]
        want = _clipped(_mean(micro, sizes), clip_norm)
        on = f"micro-batches of {sizes}, clip_norm {clip_norm}"
        got = answer([[tf.constant(g, tf.float32) for g in part] for part in micro], list(sizes), clip_norm)
        if got is ...:
            raise NotAttempted
        pair = f"For {on}: a list of two gradients is expected. tf.clip_by_global_norm returns a pair: take the list."
        require(isinstance(got, list | tuple) and len(got) == 2, pair)
        require(not isinstance(got[0], list | tuple), pair)
        equal = [1] * len(sizes)
        total = [sum(parts) for parts in zip(*micro, strict=True)]
        wrong = {
            "Each micro-batch was clipped before the mean: accumulate first.":
                _mean([_clipped(part, clip_norm) for part in micro], sizes),
            "Each micro-batch was clipped, and all count the same: accumulate first, by size.":
                _mean([_clipped(part, clip_norm) for part in micro], equal),
            "Every micro-batch counts the same: weigh each by its size.": _clipped(_mean(micro, equal), clip_norm),
            "The sum was clipped, not the mean: divide first.": _clipped(total, clip_norm),
            "Clipped, then divided: the result is too short. Divide before you clip.":
                [g / len(sizes) for g in _clipped(total, clip_norm)],
            "Each tensor was clipped by itself: use the global norm.":
                [_clipped([g], clip_norm)[0] for g in _mean(micro, sizes)],
            "That is not clipped.": _mean(micro, sizes),
        }  # fmt: skip
        for i in range(2):
            smells = {message: value[i] for message, value in wrong.items()}
            expect(got[i], want[i], on=f"gradient {i} of {on}", smells=smells)


def _mean(lists: list, sizes: list[int]) -> list[np.ndarray]:
    return [np.average(parts, axis=0, weights=sizes) for parts in zip(*lists, strict=True)]


def _clipped(gradients: list, clip_norm: float) -> list[np.ndarray]:
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * clip_norm / max(norm, clip_norm) for g in gradients]
