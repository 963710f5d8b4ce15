"""Answers to the exercises of notebook 05 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def raising(*_):
    raise ValueError("no")


def norm_of(gradients):
    return tf.sqrt(sum(tf.reduce_sum(g**2) for g in gradients if g is not None))


def scaled(gradients, factor):
    return [None if g is None else g * factor for g in gradients]


def clip_by_library(gradients, clip_norm):
    return tf.clip_by_global_norm(gradients, clip_norm)


def clip_by_numpy(gradients, clip_norm):
    present = [g.numpy().ravel() for g in gradients if g is not None]
    norm = np.linalg.norm(np.concatenate(present))
    return scaled([g if g is None else g.numpy() for g in gradients], min(1.0, clip_norm / (norm + 1e-12))), norm


def clip_by_where(gradients, clip_norm):
    norm = tf.linalg.global_norm(gradients)
    return tuple(scaled(gradients, tf.where(norm > clip_norm, clip_norm / norm, 1.0))), float(norm)


def clip_without_none(gradients, clip_norm):
    return tf.clip_by_global_norm([g for g in gradients if g is not None], clip_norm)


def clip_none_to_zero(gradients, clip_norm):
    return tf.clip_by_global_norm([tf.zeros(4) if g is None else g for g in gradients], clip_norm)


def clip_each_tensor(gradients, clip_norm):
    return [None if g is None else tf.clip_by_norm(g, clip_norm) for g in gradients], norm_of(gradients)


def clip_each_value(gradients, clip_norm):
    values = [None if g is None else tf.clip_by_value(g, -clip_norm, clip_norm) for g in gradients]
    return values, norm_of(gradients)


def clip_by_sum_of_norms(gradients, clip_norm):
    norm = sum(tf.norm(g) for g in gradients if g is not None)
    return scaled(gradients, clip_norm / tf.maximum(norm, clip_norm)), norm


def clip_with_norm_after(gradients, clip_norm):
    clipped = tf.clip_by_global_norm(gradients, clip_norm)[0]
    return clipped, tf.linalg.global_norm(clipped)


def threshold_by_numpy(norms, window, quantile):
    finite = [norm for norm in norms if np.isfinite(norm)]
    return np.inf if len(finite) < window else np.quantile(finite[-window:], quantile)


def threshold_from_the_end(norms, window, quantile):
    kept = []
    for norm in reversed(norms):
        kept += [norm] if np.isfinite(norm) else []
        if len(kept) == window:
            return tf.constant(np.percentile(kept, 100 * quantile))
    return tf.constant(np.inf)


def window_first(norms, window, quantile):
    cut = [norm for norm in norms[-window:] if np.isfinite(norm)]
    return np.quantile(cut, quantile) if len(norms) >= window and cut else np.inf


def threshold_with(statistic):
    def answer(norms, window, quantile):
        finite = np.array([norm for norm in norms if np.isfinite(norm)])
        return np.inf if len(finite) < window else statistic(finite, window, quantile)

    return answer


def threshold_with_broken(norms, window, quantile):
    if len(norms) < window or np.isinf(threshold_by_numpy(norms, window, quantile)):
        return np.inf
    return np.quantile(norms[-window:], quantile) if np.all(np.isfinite(norms[-window:])) else np.nan


def threshold_of_few(few):
    def answer(norms, window, quantile):
        found = threshold_by_numpy(norms, window, quantile)
        return few(norms, quantile) if np.isinf(found) else found

    return answer


def quantile_of_finite(norms, quantile):
    finite = [norm for norm in norms if np.isfinite(norm)]
    return np.quantile(finite, quantile) if finite else np.inf


def threshold_in_place(norms, window, quantile):
    norms[:] = [norm for norm in norms if np.isfinite(norm)]
    return threshold_by_numpy(norms, window, quantile)


def all_finite(gradients):
    return tf.math.is_finite(tf.linalg.global_norm(gradients))


def present(gradients, variables):
    return [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]


def skip_by_cond(optimizer, gradients, variables, skipped):
    def apply():
        optimizer.apply_gradients(present(gradients, variables))
        return tf.constant(True)

    def count():
        skipped.assign_add(1)
        return tf.constant(False)

    return tf.cond(all_finite(gradients), apply, count)


def skip_by_norm(optimizer, gradients, variables, skipped):
    finite = all_finite(gradients)
    if finite:
        optimizer.apply_gradients(present(gradients, variables))
    skipped.assign_add(1 - tf.cast(finite, tf.int32))
    return finite


def apply_anyway(optimizer, gradients, variables, skipped):
    optimizer.apply_gradients(present(gradients, variables))
    return all_finite(gradients)


def zero_instead(optimizer, gradients, variables, skipped):
    finite = all_finite(gradients)
    pairs = [(tf.where(finite, g, tf.zeros_like(g)), v) for g, v in present(gradients, variables)]
    optimizer.apply_gradients(pairs)
    skipped.assign_add(1 - tf.cast(finite, tf.int32))
    return finite


def mend_entries(optimizer, gradients, variables, skipped):
    pairs = [(tf.where(tf.math.is_finite(g), g, tf.zeros_like(g)), v) for g, v in present(gradients, variables)]
    optimizer.apply_gradients(pairs)
    skipped.assign_add(1 - tf.cast(all_finite(gradients), tf.int32))
    return all_finite(gradients)


def never_apply(optimizer, gradients, variables, skipped):
    return all_finite(gradients)


def skip_and(counted, told=lambda finite: finite):
    def answer(optimizer, gradients, variables, skipped):
        finite = all_finite(gradients)
        if finite:
            optimizer.apply_gradients(present(gradients, variables))
        skipped.assign_add(counted(finite, gradients))
        return told(finite)

    return answer


def broken_ones(finite, gradients):
    return sum(1 - tf.cast(tf.reduce_all(tf.math.is_finite(g)), tf.int32) for g in gradients if g is not None)


def skip_in_python(optimizer, gradients, variables, skipped):
    if all(bool(tf.reduce_all(tf.math.is_finite(g))) for g in gradients if g is not None):
        optimizer.apply_gradients(present(gradients, variables))
        return True
    skipped.assign_add(1)
    return False


def pieces_of(gradient_fn, x, y, size, step=None):
    starts = range(0, len(x), size)
    return [(gradient_fn(x[s : s + size], y[s : s + size]), len(x[s : s + size])) for s in starts]


def weighted(weigh):
    """Return an answer that multiplies each piece's gradients by weigh(examples in it, size, n, pieces)."""

    def answer(gradient_fn, x, y, size):
        pieces = pieces_of(gradient_fn, x, y, size)
        shares = [weigh(k, size, len(x), len(pieces)) for _, k in pieces]
        lists = zip(*(gradients for gradients, _ in pieces), strict=True)
        return [sum(s * g for s, g in zip(shares, parts, strict=True)) for parts in lists]

    return answer


def accumulate_in_variables(gradient_fn, x, y, size):
    total, count = None, 0
    for start in range(0, len(x), size):
        x_batch, y_batch = tf.constant(x[start : start + size]), tf.constant(y[start : start + size])
        gradients = gradient_fn(x_batch, y_batch)
        total = total or [tf.Variable(tf.zeros_like(g)) for g in gradients]
        for variable, gradient in zip(total, gradients, strict=True):
            variable.assign_add(len(x_batch) * gradient)
        count += len(x_batch)
    return tuple(variable / count for variable in total)


def accumulate_with_average(gradient_fn, x, y, size):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
    found = [(gradient_fn(x_batch, y_batch), len(x_batch)) for x_batch, y_batch in batches]
    lists, sizes = zip(*found, strict=True)
    return [np.average([np.array(g) for g in parts], axis=0, weights=sizes) for parts in zip(*lists, strict=True)]


def same_piece_again(gradient_fn, x, y, size):
    pieces = [gradient_fn(x[:size], y[:size]) for _ in range(0, len(x), size)]
    return [sum(parts) / len(pieces) for parts in zip(*pieces, strict=True)]


def without_tail(gradient_fn, x, y, size):
    full = max(len(x) // size * size, min(size, len(x)))
    return accumulate_in_variables(gradient_fn, x[:full], y[:full], size)


def last_piece(gradient_fn, x, y, size):
    return pieces_of(gradient_fn, x, y, size)[-1][0]


def whole_batch(gradient_fn, x, y, size):
    return gradient_fn(x, y)


def mean_of(micro, sizes):
    return [sum(n * g for n, g in zip(sizes, parts, strict=True)) / sum(sizes) for parts in zip(*micro, strict=True)]


def clip(gradients, clip_norm):
    return tf.clip_by_global_norm(gradients, clip_norm)[0]


def order_by_numpy(micro, sizes, clip_norm):
    mean = [np.average([np.array(g) for g in parts], axis=0, weights=sizes) for parts in zip(*micro, strict=True)]
    norm = np.sqrt(sum(np.sum(g**2) for g in mean))
    return tuple(g * min(1.0, clip_norm / norm) for g in mean)


def sum_of(micro):
    return [sum(parts) for parts in zip(*micro, strict=True)]


PROOFS = {
    "clip_global_norm": Proof(
        right=[clip_by_library, clip_by_numpy, clip_by_where],
        wrong={
            "clipped by itself": clip_each_tensor,
            "Clipped by value": clip_each_value,
            "was made longer": lambda g, c: (scaled(g, c / tf.maximum(norm_of(g), 1e-9)), norm_of(g)),
            "must stay in its place": clip_without_none,
            "the None became a tensor": clip_none_to_zero,
            "Norms do not add up": clip_by_sum_of_norms,
            "the norm after clipping": clip_with_norm_after,
            "the norm is 0": lambda g, c: (
                scaled(g, tf.minimum(1.0, c / norm_of(g)) * norm_of(g) / norm_of(g)),
                norm_of(g),
            ),
            "That is the square": lambda g, c: (clip(g, c), norm_of(g) ** 2),
            "A pair is expected".lower(): lambda g, c: clip(g, c),
            "whatever clip_norm says": lambda g, c: (clip(g, 1.0), norm_of(g)),
            "got None": lambda g, c: None,
        },
        raises=lambda g, c: (scaled(g, c / tf.norm(tf.concat(g, 0))), 0.0),
    ),
    "adaptive_threshold": Proof(
        right=[threshold_by_numpy, threshold_from_the_end],
        wrong={
            "used up places": window_first,
            "whole history": threshold_with(lambda f, w, q: np.quantile(f, q)),
            "oldest norms": threshold_with(lambda f, w, q: np.quantile(f[:w], q)),
            "That is a mean": threshold_with(lambda f, w, q: np.mean(f[-w:])),
            "greatest norm": threshold_with(lambda f, w, q: np.max(f[-w:])),
            "reached the threshold": threshold_with_broken,
            "With a threshold of 0": threshold_of_few(lambda norms, q: 0.0),
            "Too few finite norms": threshold_of_few(quantile_of_finite),
            "quantile of nothing": threshold_of_few(lambda norms, q: np.nan if not norms else np.inf),
            "list was changed": threshold_in_place,
            "exactly `window` are enough": lambda norms, w, q: (
                np.inf if np.isfinite(norms).sum() <= w else threshold_by_numpy(norms, w, q)
            ),
        },
        raises=raising,
    ),
    "skip_nonfinite": Proof(
        right=[skip_by_cond, skip_by_norm],
        wrong={
            "no longer finite": apply_anyway,
            "a zero gradient is still a step": mend_entries,
            "optimizer's state changed": zero_instead,
            "The step was not taken": never_apply,
            "was not counted": skip_and(lambda finite, gradients: 0),
            "Good steps were counted": skip_and(lambda finite, gradients: 1),
            "Each broken gradient was counted": skip_and(broken_ones),
            "whether it was skipped": skip_and(lambda f, g: 1 - tf.cast(f, tf.int32), told=tf.logical_not),
        },
        raises=skip_in_python,
    ),
    "accumulate": Proof(
        right=[accumulate_in_variables, accumulate_with_average],
        wrong={
            "sum over the pieces": weighted(lambda k, size, n, pieces: 1.0),
            "Every piece counts the same": weighted(lambda k, size, n, pieces: 1 / pieces),
            "divide by the number of examples": weighted(lambda k, size, n, pieces: float(k)),
            "before you divide by n": weighted(lambda k, size, n, pieces: 1 / n),
            "full micro-batch size": weighted(lambda k, size, n, pieces: size / n),
            "used more than once": same_piece_again,
            "were left out": without_tail,
            "last piece alone": last_piece,
            "memory you wanted to save": whole_batch,
            "a list of gradients is expected": lambda *answer: accumulate_in_variables(*answer)[0],
        },
        raises=lambda gradient_fn, x, y, size: gradient_fn(x[:size], y),
    ),
    "accumulate_then_clip": Proof(
        right=[order_by_numpy, lambda micro, sizes, c: clip(mean_of(micro, sizes), c)],
        wrong={
            "clipped before the mean": lambda micro, sizes, c: mean_of([clip(g, c) for g in micro], sizes),
            "all count the same: accumulate": lambda micro, sizes, c: (
                mean_of([clip(g, c) for g in micro[:]], [1] * len(sizes))
                if len(set(sizes)) > 1
                else clip(mean_of(micro, sizes), c)
            ),
            "Every micro-batch counts the same": lambda micro, sizes, c: clip(mean_of(micro, [1] * len(sizes)), c),
            "The sum was clipped": lambda micro, sizes, c: clip(sum_of(micro), c),
            "Clipped, then divided": lambda micro, sizes, c: [g / len(sizes) for g in clip(sum_of(micro), c)],
            "Each tensor was clipped": lambda micro, sizes, c: [tf.clip_by_norm(g, c) for g in mean_of(micro, sizes)],
            "That is not clipped": lambda micro, sizes, c: mean_of(micro, sizes),
            "take the list": lambda micro, sizes, c: tf.clip_by_global_norm(mean_of(micro, sizes), c),
        },
        raises=raising,
    ),
}
