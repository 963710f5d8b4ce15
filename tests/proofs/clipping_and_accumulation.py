"""Answers to the exercises of notebook 05 whose verdict is known."""

import collections

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def raising(*_):
    raise ValueError("no")


def norm_of(gradients):
    return tf.sqrt(sum(tf.reduce_sum(g**2) for g in gradients if g is not None))


def scaled(gradients, factor):
    return [None if g is None else g * factor for g in gradients]


def dense(gradients):
    return [None if g is None else tf.convert_to_tensor(g) for g in gradients]


def clip_by_library(gradients, clip_norm):
    return tf.clip_by_global_norm(gradients, clip_norm)


def clip_by_numpy(gradients, clip_norm):
    arrays = [g if g is None else g.numpy() for g in dense(gradients)]
    norm = np.linalg.norm(np.concatenate([a.ravel() for a in arrays if a is not None]))
    return scaled(arrays, min(1.0, clip_norm / (norm + 1e-12))), norm


def clip_by_where(gradients, clip_norm):
    norm = tf.linalg.global_norm(gradients)
    return tuple(scaled(dense(gradients), tf.where(norm > clip_norm, clip_norm / norm, 1.0))), float(norm)


def clip_keeping_slices(gradients, clip_norm):
    values = [g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients if g is not None]
    norm = tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(value) for value in values]))
    factor = tf.math.divide_no_nan(tf.minimum(norm, clip_norm), norm)

    def shortened(g):
        if isinstance(g, tf.IndexedSlices):
            return tf.IndexedSlices(factor * g.values, g.indices, g.dense_shape)
        return g if g is None else factor * g

    return [shortened(g) for g in gradients], norm


def clip_with_early_return(gradients, clip_norm):
    norm = norm_of(dense(gradients))
    if norm <= clip_norm:
        return gradients, norm
    return [g and g * (clip_norm / norm) if g is None else g * (clip_norm / norm) for g in dense(gradients)], norm


def clip(gradients, clip_norm):
    """Clip a list of tensors, among them None."""
    return tf.clip_by_global_norm(gradients, clip_norm)[0]


def on_dense(answer):
    """Return `answer` with every tf.IndexedSlices made dense first."""
    return lambda gradients, clip_norm: answer(dense(gradients), clip_norm)


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


def clip_by_compared_square(gradients, clip_norm):
    square = norm_of(gradients) ** 2
    factor = clip_norm / tf.sqrt(square) if square > clip_norm else 1.0
    return scaled(gradients, factor), tf.sqrt(square)


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


def threshold_by_deque(norms, window, quantile):
    recent = collections.deque(filter(np.isfinite, norms), maxlen=window)
    return float(np.quantile(recent, quantile)) if len(recent) == window else float("inf")


def threshold_by_hand(norms, window, quantile):
    finite = np.array(norms, float)
    last = np.sort(finite[np.isfinite(finite)][-window:])
    if len(last) < window:
        return np.float32(np.inf)
    place = quantile * (window - 1)
    below, above = last[int(np.floor(place))], last[int(np.ceil(place))]
    return below + (place - np.floor(place)) * (above - below)


def threshold_sorted_in_place(norms, window, quantile):
    norms.sort()
    return threshold_by_numpy(norms, window, quantile)


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
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients if g is not None])


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


def skip_by_if(optimizer, gradients, variables, skipped):
    finite = all_finite(gradients)
    if finite:
        optimizer.apply_gradients(present(gradients, variables))
    skipped.assign_add(1 - tf.cast(finite, tf.int32))
    return finite


def skip_by_difference(optimizer, gradients, variables, skipped):
    """A number minus itself is 0, unless it is nan or inf."""
    pairs = present(gradients, variables)
    finite = tf.add_n([tf.math.count_nonzero(g - g) for g, _ in pairs]) == 0
    if finite:
        optimizer.apply(*zip(*pairs, strict=True))
    else:
        skipped.assign(skipped + 1)
    return finite


def skip_by_max(optimizer, gradients, variables, skipped):
    """A comparison with nan is false."""
    pairs = present(gradients, variables)
    greatest = tf.stack([tf.reduce_max(tf.abs(tf.where(tf.math.is_nan(g), np.inf, g))) for g, _ in pairs])
    taken = tf.Variable(False) if tf.executing_eagerly() else None
    if taken is None:
        return skip_by_cond(optimizer, gradients, variables, skipped)
    taken.assign(bool(tf.reduce_max(greatest) < np.inf))
    if taken:
        optimizer.apply_gradients(pairs)
    else:
        skipped.assign_add(1)
    return bool(taken.numpy())


def skip_by_concat(optimizer, gradients, variables, skipped):
    pairs = present(gradients, variables)
    flat = tf.concat([tf.reshape(g, [-1]) for g, _ in pairs], axis=0)
    finite = tf.math.reduce_all(tf.math.is_finite(flat))
    taken = tf.cast(finite, tf.int32)
    for _ in tf.range(taken):
        optimizer.apply_gradients(pairs)
    skipped.assign_add(1 - taken)
    return tf.equal(taken, 1)


def skip_by_norm(optimizer, gradients, variables, skipped):
    finite = tf.math.is_finite(tf.linalg.global_norm(gradients))
    if finite:
        optimizer.apply_gradients(present(gradients, variables))
    skipped.assign_add(1 - tf.cast(finite, tf.int32))
    return finite


def skip_only_nan(optimizer, gradients, variables, skipped):
    broken = tf.reduce_any([tf.reduce_any(tf.math.is_nan(g)) for g in gradients if g is not None])
    if not broken:
        optimizer.apply_gradients(present(gradients, variables))
    skipped.assign_add(tf.cast(broken, tf.int32))
    return tf.logical_not(broken)


def skip_and_fill(optimizer, gradients, variables, skipped):
    filled = [tf.ones_like(v) if g is None else g for g, v in zip(gradients, variables, strict=True)]
    return skip_by_if(optimizer, filled, variables, skipped)


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


def accumulate_by_split(gradient_fn, x, y, size):
    borders = list(range(size, len(x), size))
    pieces = zip(np.split(np.array(x), borders), np.split(np.array(y), borders), strict=True)
    sums = [[len(x_batch) * g for g in gradient_fn(x_batch, y_batch)] for x_batch, y_batch in pieces]
    return [tf.add_n(parts) / len(x) for parts in zip(*sums, strict=True)]


def accumulate_one_by_one(gradient_fn, x, y, size):
    mean = [0.0, 0.0]
    for i in range(len(x)):
        gradients = gradient_fn(x[i : i + 1], y[i : i + 1])
        mean = [m + (g - m) / (i + 1) for m, g in zip(mean, gradients, strict=True)]
    return mean


def with_padded_tail(gradient_fn, x, y, size):
    missing = -len(x) % size
    x = np.concatenate([x, np.zeros((missing, 3), np.float32)])
    return accumulate_in_variables(gradient_fn, x, np.concatenate([y, np.zeros(missing, np.array(y).dtype)]), size)


def with_small_labels(gradient_fn, x, y, size):
    return accumulate_in_variables(gradient_fn, x, np.array(y).astype("uint8"), size)


def first_piece(gradient_fn, x, y, size):
    return pieces_of(gradient_fn, x, y, size)[0][0]


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


def order_by_numpy(micro, sizes, clip_norm):
    mean = [np.average([np.array(g) for g in parts], axis=0, weights=sizes) for parts in zip(*micro, strict=True)]
    norm = np.sqrt(sum(np.sum(g**2) for g in mean))
    return tuple(g * min(1.0, clip_norm / (norm + 1e-12)) for g in mean)


def order_in_variables(micro, sizes, clip_norm):
    total = [tf.Variable(tf.zeros_like(g)) for g in micro[0]]
    for gradients, size in zip(micro, sizes, strict=True):
        for variable, gradient in zip(total, gradients, strict=True):
            variable.assign_add(size / sum(sizes) * gradient)
    return tf.clip_by_global_norm([variable.value() for variable in total], clip_norm)[0]


def order_by_tensordot(micro, sizes, clip_norm):
    shares = tf.constant(sizes, tf.float32) / sum(sizes)
    return clip([tf.tensordot(shares, tf.stack(parts), 1) for parts in zip(*micro, strict=True)], clip_norm)


def sum_by_size(micro, sizes):
    return [sum(sizes) * g for g in mean_of(micro, sizes)]


def clipped_then_added(micro, sizes, clip_norm):
    return sum_of([clip(part, clip_norm) for part in micro])


def sum_of(micro):
    return [sum(parts) for parts in zip(*micro, strict=True)]


PROOFS = {
    "clip_global_norm": Proof(
        right=[clip_by_library, clip_by_numpy, clip_by_where, clip_keeping_slices, clip_with_early_return],
        wrong={
            "clipped by itself": on_dense(clip_each_tensor),
            "Clipped by value": on_dense(clip_each_value),
            "was made longer": on_dense(lambda g, c: (scaled(g, c / tf.maximum(norm_of(g), 1e-9)), norm_of(g))),
            "must stay in its place": on_dense(clip_without_none),
            "the None became a tensor": on_dense(clip_none_to_zero),
            "Norms do not add up": on_dense(clip_by_sum_of_norms),
            "before its root was taken": on_dense(clip_by_compared_square),
            "the norm after clipping": on_dense(clip_with_norm_after),
            "the norm is 0": on_dense(
                lambda g, c: (scaled(g, tf.minimum(1.0, c / norm_of(g)) * norm_of(g) / norm_of(g)), norm_of(g))
            ),
            "That is the square": on_dense(lambda g, c: (clip(g, c), norm_of(g) ** 2)),
            "the greatest of the norms": on_dense(
                lambda g, c: (clip(g, c), tf.reduce_max([tf.norm(x) for x in g if x is not None]))
            ),
            "A pair, the list of gradients": on_dense(clip),
            "in front of the norm": lambda g, c: clip_by_library(g, c)[::-1],
            "whatever clip_norm says": on_dense(lambda g, c: (clip(g, 1.0), norm_of(g))),
            "That is not clipped": lambda g, c: (g, norm_of(dense(g))),
            "square of the norm": on_dense(lambda g, c: (scaled(g, c / tf.maximum(norm_of(g) ** 2, c)), norm_of(g))),
            "returns nothing": lambda g, c: None,
        },
        raises=lambda g, c: (scaled(g, c / tf.norm(tf.stack([*g, tf.ones(5)]))), 0.0),
    ),
    "adaptive_threshold": Proof(
        right=[threshold_by_numpy, threshold_from_the_end, threshold_by_deque, threshold_by_hand],
        wrong={
            "used up places": window_first,
            "whole history": threshold_with(lambda f, w, q: np.quantile(f, q)),
            "oldest norms": threshold_with(lambda f, w, q: np.quantile(f[:w], q)),
            "largest norms": threshold_sorted_in_place,
            "That is a mean": threshold_with(lambda f, w, q: np.mean(f[-w:])),
            "greatest norm": threshold_with(lambda f, w, q: np.max(f[-w:])),
            "counts to 100": threshold_with(lambda f, w, q: np.percentile(f[-w:], q)),
            "goes between two": threshold_with(lambda f, w, q: np.sort(f[-w:])[min(int(q * w), w - 1)]),
            "1 minus the quantile": threshold_with(lambda f, w, q: np.quantile(f[-w:], 1 - q)),
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
        right=[skip_by_cond, skip_by_if, skip_by_difference, skip_by_max, skip_by_concat],
        wrong={
            "no longer finite": apply_anyway,
            "The step was applied": skip_only_nan,
            "squares overflow in a norm": skip_by_norm,
            "A variable without a gradient moved": skip_and_fill,
            "a zero gradient is still a step": mend_entries,
            "optimizer's state changed": zero_instead,
            "The step was not taken": never_apply,
            "was not counted": skip_and(lambda finite, gradients: 0),
            "Good steps were counted": skip_and(lambda finite, gradients: 1),
            "Each broken gradient was counted": skip_and(broken_ones),
            "whether it was skipped": skip_and(lambda f, g: 1 - tf.cast(f, tf.int32), told=tf.logical_not),
            "returns nothing": skip_and(lambda f, g: 1 - tf.cast(f, tf.int32), told=lambda finite: None),
        },
        raises=skip_in_python,
    ),
    "accumulate": Proof(
        right=[
            accumulate_in_variables,
            accumulate_with_average,
            weighted(lambda k, size, n, pieces: k / n),
            accumulate_by_split,
            accumulate_one_by_one,
        ],
        wrong={
            "sum over the pieces": weighted(lambda k, size, n, pieces: 1.0),
            "Every piece counts the same": weighted(lambda k, size, n, pieces: 1 / pieces),
            "divide by the number of examples": weighted(lambda k, size, n, pieces: float(k)),
            "before you divide by n": weighted(lambda k, size, n, pieces: 1 / n),
            "full micro-batch size": weighted(lambda k, size, n, pieces: size / n),
            "divided by n - 1": weighted(lambda k, size, n, pieces: k / max(n - 1, 1)),
            "counts the full pieces only": weighted(lambda k, size, n, pieces: k / (n // size * size or n)),
            "used more than once": same_piece_again,
            "were left out": without_tail,
            "last piece alone": last_piece,
            "first piece alone": first_piece,
            "memory you wanted to save": whole_batch,
            "a padded tail changes the mean": with_padded_tail,
            "keep the dtype of the labels": with_small_labels,
            "the y of a row is not": lambda gradient_fn, x, y, size: accumulate_in_variables(
                gradient_fn, x, np.roll(y, 1), size
            ),
            "Cut both alike": lambda gradient_fn, x, y, size: gradient_fn(x[:size], y),
            "A list of gradients is expected": lambda *answer: accumulate_in_variables(*answer)[0],
            "got 1 parts": lambda *answer: accumulate_in_variables(*answer)[:1],
        },
        raises=lambda gradient_fn, x, y, size: gradient_fn(x[:size], y[:size])[2],
    ),
    "accumulate_then_clip": Proof(
        right=[
            order_by_numpy,
            lambda micro, sizes, c: clip(mean_of(micro, sizes), c),
            order_in_variables,
            order_by_tensordot,
        ],
        wrong={
            "clipped before the mean": lambda micro, sizes, c: mean_of([clip(g, c) for g in micro], sizes),
            "all count the same: accumulate": lambda micro, sizes, c: (
                mean_of([clip(g, c) for g in micro[:]], [1] * len(sizes))
                if len(set(sizes)) > 1
                else clip(mean_of(micro, sizes), c)
            ),
            "Every micro-batch counts the same": lambda micro, sizes, c: clip(mean_of(micro, [1] * len(sizes)), c),
            "and the results added up": clipped_then_added,
            "The sum was clipped": lambda micro, sizes, c: clip(sum_of(micro), c),
            "It has the length clip_norm": lambda micro, sizes, c: clip(sum_by_size(micro, sizes), c),
            "The sum was clipped, then divided": lambda micro, sizes, c: [
                g / len(sizes) for g in clip(sum_of(micro), c)
            ],
            "The weighted sum was clipped, then divided": lambda micro, sizes, c: [
                g / sum(sizes) for g in clip(sum_by_size(micro, sizes), c)
            ],
            "Each tensor was clipped": lambda micro, sizes, c: [tf.clip_by_norm(g, c) for g in mean_of(micro, sizes)],
            "Clipped by value": lambda micro, sizes, c: [tf.clip_by_value(g, -c, c) for g in mean_of(micro, sizes)],
            "That is not clipped": lambda micro, sizes, c: mean_of(micro, sizes),
            "leave a short gradient alone": lambda micro, sizes, c: scaled(
                mean_of(micro, sizes), c / tf.maximum(norm_of(mean_of(micro, sizes)), 1e-9)
            ),
            "0/0 is nan": lambda micro, sizes, c: (
                scaled(mean_of(micro, sizes), tf.minimum(1.0, c / norm_of(mean_of(micro, sizes))))
                if norm_of(micro[0]) > 0
                else scaled(micro[0], np.nan)
            ),
            "take the list": lambda micro, sizes, c: tf.clip_by_global_norm(mean_of(micro, sizes), c),
        },
        raises=raising,
    ),
}
