"""Answers to the exercises of notebook 05 whose verdict is known."""

import collections
import math

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
    norm = tf.linalg.global_norm(dense(gradients))
    return tuple(scaled(dense(gradients), tf.where(norm > clip_norm, clip_norm / norm, 1.0))), float(norm)


def clip_keeping_slices(gradients, clip_norm):
    norm = tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(g) for g in dense(gradients) if g is not None]))
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
    return scaled(dense(gradients), clip_norm / norm), norm


def clip_by_concat(gradients, clip_norm):
    flat = tf.concat([tf.reshape(g, [-1]) for g in dense(gradients) if g is not None], 0)
    factor = min(1.0, clip_norm / max(float(tf.norm(flat)), 1e-12))
    return [g if g is None else tf.multiply(factor, g) for g in dense(gradients)], np.float32(tf.norm(flat))


def clip(gradients, clip_norm):
    """Clip a list of tensors, among them None."""
    return tf.clip_by_global_norm(gradients, clip_norm)[0]


def in_float64(gradients):
    return [g if g is None else tf.cast(g, tf.float64) for g in gradients]


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


def clipping(given=lambda g: g, factor=lambda n, c: c / tf.maximum(n, c), after=lambda c: c, norm=norm_of):
    """Return an answer that is right but for what is made of the gradients, the factor, the list or the norm."""

    def answer(gradients, clip_norm):
        present = given(dense(gradients))
        return after(scaled(present, factor(norm_of(present), clip_norm))), norm(present)

    return answer


def each(change):
    return lambda gradients: [g if g is None else change(g) for g in gradients]


def scatter_that_overwrites(g):
    if not isinstance(g, tf.IndexedSlices):
        return g
    array = np.zeros(g.dense_shape, np.float32)
    array[g.indices.numpy()] = g.values
    return tf.constant(array)


def clip_overwritten_rows(gradients, clip_norm):
    return clip_by_library(each(scatter_that_overwrites)(gradients), clip_norm)


def clip_with_norm_over_values(gradients, clip_norm):
    return clip(dense(gradients), clip_norm), tf.linalg.global_norm(gradients)


def clip_with_tables_of_matrices(gradients, clip_norm):
    """Add up the entries of a row where a row is a vector, and nowhere else."""
    added = [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) and g.shape.rank == 2 else g for g in gradients]
    return clip_by_library(added, clip_norm)


def clip_without_kernels(gradients, clip_norm):
    clipped, norm = clip_by_library(dense(gradients), clip_norm)
    return [g if g is None or g.shape.rank > 3 else c for g, c in zip(gradients, clipped, strict=True)], norm


def clip_by_norm_of_tensors(gradients, clip_norm):
    norm = norm_of([g for g in gradients if isinstance(g, tf.Tensor)])
    return scaled(dense(gradients), clip_norm / tf.maximum(norm, clip_norm)), norm


def clip_unless_the_first_is_none(gradients, clip_norm):
    clipped, norm = clip_by_library(dense(gradients), clip_norm)
    return dense(gradients) if gradients[0] is None else clipped, norm


def clip_by_directions(gradients, clip_norm):
    """Take each tensor's direction and its share of the length: a tensor of zeros has no direction."""
    norm = norm_of(dense(gradients))
    if norm <= clip_norm:
        return dense(gradients), norm
    return each(lambda g: g / tf.norm(g) * (clip_norm * tf.norm(g) / norm))(dense(gradients)), norm


def one_none_for_two(clipped):
    return [g for i, g in enumerate(clipped) if g is not None or not i or clipped[i - 1] is not None]


def none_last(clipped):
    return sorted(clipped, key=lambda g: g is None)


def clip_in_place(gradients, clip_norm):
    clipped, norm = clip_by_library(dense(gradients), clip_norm)
    gradients[:] = clipped
    return gradients, norm


def clip_and_clear(gradients, clip_norm):
    result = clip_by_library(dense(gradients), clip_norm)
    gradients.clear()
    return result


def clip_remembered():
    """Return an answer that remembers its results by the shapes of the gradients."""
    known = {}

    def answer(gradients, clip_norm):
        key = (*(g if g is None else tuple(g.shape) for g in gradients), clip_norm)
        return known.setdefault(key, clip_by_library(dense(gradients), clip_norm))

    return answer


def norm_in_groups(gradients):
    present = [g for g in gradients if g is not None]
    return sum(norm_of(present[i : i + 4]) for i in range(0, len(present), 4))


def threshold_by_numpy(norms, window, quantile):
    finite = [norm for norm in norms if np.isfinite(norm)]
    return np.inf if len(finite) < window else np.quantile(finite[-window:], quantile)


def threshold_from_the_end(norms, window, quantile):
    kept = []
    for norm in reversed(norms):
        kept += [norm] if np.isfinite(norm) else []
        if len(kept) == window:
            return float(np.percentile(kept, 100 * quantile))
    return math.inf


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


def threshold_below_inf(norms, window, quantile):
    """A comparison with nan is false, and no norm is below 0."""
    return threshold_by_numpy([norm for norm in norms if norm < math.inf], window, quantile)


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


def threshold_of(choose, choose_quantile=lambda q: q):
    """Return an answer that is right but for how it chooses norms from the history."""

    def answer(norms, window, quantile):
        finite = choose(norms, window)
        return np.inf if len(finite) < window else np.quantile(finite[-window:], choose_quantile(quantile))

    return answer


def finite_with(test):
    return threshold_of(lambda norms, w: [x for x in norms if np.isfinite(x) and test(x)])


def threshold_without_outliers(norms, window, quantile):
    finite = np.array([x for x in norms if np.isfinite(x)])[-window:]
    return np.inf if len(finite) < window else np.quantile(np.minimum(finite, 3 * np.median(finite)), quantile)


def filled_with_the_last(norms):
    filled = [0.0]
    for norm in norms:
        filled.append(norm if np.isfinite(norm) else filled[-1])
    return filled[1:]


def threshold_remembered():
    known = {}

    def answer(norms, window, quantile):
        return known.setdefault((len(norms), window, quantile), threshold_by_numpy(norms, window, quantile))

    return answer


def threshold_of_a_set(norms, window, quantile):
    last = [x for x in norms if np.isfinite(x)][-window:]
    return np.inf if len(last) < window else np.quantile(list(set(last)), quantile)


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


def outer_finite(gradients):
    """Ask the first and the last gradient."""
    there = [g for g in gradients if g is not None]
    return all_finite([there[0], there[-1]])


def ends_finite(gradients):
    """Ask the first ten and the last ten entries of each gradient."""
    flat = [tf.reshape(g, [-1]) for g in gradients if g is not None]
    return all_finite([g[:10] for g in flat] + [g[-10:] for g in flat])


def first_and_last_finite(gradients):
    """Ask the first and the last entry of each gradient."""
    return all_finite([tf.gather(tf.reshape(g, [-1]), [0, tf.size(g) - 1]) for g in gradients if g is not None])


def skip_and(counted, told=lambda finite: finite):
    def answer(optimizer, gradients, variables, skipped):
        finite = all_finite(gradients)
        if finite:
            optimizer.apply_gradients(present(gradients, variables))
        skipped.assign_add(counted(finite, gradients))
        return told(finite)

    return answer


def skip_counting_in_a_row(optimizer, gradients, variables, skipped):
    taken = skip_by_cond(optimizer, gradients, variables, skipped)
    skipped.assign(tf.where(taken, 0, skipped))
    return taken


def broken_ones(finite, gradients):
    return sum(1 - tf.cast(tf.reduce_all(tf.math.is_finite(g)), tf.int32) for g in gradients if g is not None)


def skipping(
    finite=all_finite,
    change=lambda gradients, variables: gradients,
    on_skip=lambda optimizer, variables: None,
    after=lambda optimizer, gradients, variables: None,
    count=lambda skipped: skipped.assign_add(1),
    told=lambda taken, skipped: taken,
):
    """Return an answer that is right but for what is handed in."""

    def answer(optimizer, gradients, variables, skipped):
        changed = change(gradients, variables)

        def apply():
            optimizer.apply_gradients(present(changed, variables))
            after(optimizer, changed, variables)
            return tf.constant(True)

        def leave():
            on_skip(optimizer, variables)
            count(skipped)
            return tf.constant(False)

        return told(tf.cond(finite(gradients), apply, leave), skipped)

    return answer


def each_there(test):
    """Return whether test(g) holds for each gradient that is there."""
    return lambda gradients: tf.reduce_all([tf.reduce_all(test(g)) for g in gradients if g is not None])


def sum_is_finite(gradients):
    return tf.math.is_finite(tf.add_n([tf.reduce_sum(g) for g in gradients if g is not None]))


def filled_with_zeros(gradients, variables):
    return [tf.zeros_like(v) if g is None else g for g, v in zip(gradients, variables, strict=True)]


def shrink_weights(optimizer, variables):
    for variable in variables:
        variable.assign(variable * (1 - 1e-7))


def shrink_state(optimizer, variables):
    for variable in optimizer.variables:
        if "momentum" in variable.name or "velocity" in variable.name:
            variable.assign(variable * (1 - 1e-7))


def set_back(optimizer, gradients=None, variables=None):
    for variable in optimizer.variables:
        if "momentum" in variable.name or "velocity" in variable.name:
            variable.assign(tf.zeros_like(variable))


def apply_again(optimizer, gradients, variables):
    optimizer.apply_gradients(present(gradients, variables))


def reverse_equal_shapes(gradients, variables):
    """Swap the gradients of the first two variables of one shape."""
    turned, there = list(gradients), [i for i, g in enumerate(gradients) if g is not None]
    for a in there:
        for b in there:
            if a < b and variables[a].shape == variables[b].shape:
                turned[a], turned[b] = turned[b], turned[a]
                return turned
    return [None if g is None else -g for g in turned]


def descend_by_hand(optimizer, gradients, variables, skipped):
    finite = all_finite(gradients)
    if finite:
        for gradient, variable in present(gradients, variables):
            variable.assign_sub(0.1 * gradient)
    else:
        skipped.assign_add(1)
    return finite


def doubled_for_adam(optimizer, gradients, variables, skipped):
    """Adam divides by the size of the gradients: its first steps do not show a factor."""
    factor = 2.0 if isinstance(optimizer, tf.keras.optimizers.Adam) else 1.0
    return skip_by_cond(optimizer, scaled(gradients, factor), variables, skipped)


def skip_and_clear(optimizer, gradients, variables, skipped):
    taken = skip_by_cond(optimizer, gradients, variables, skipped)
    gradients.clear()
    return taken


def skip_deleting_none(optimizer, gradients, variables, skipped):
    for i in reversed(range(len(gradients))):
        if gradients[i] is None:
            del gradients[i], variables[i]
    return skip_by_cond(optimizer, gradients, variables, skipped)


def skip_by_stack(optimizer, gradients, variables, skipped):
    stacked = tf.stack([g for g, _ in present(gradients, variables)])
    return skipping(finite=lambda _: tf.reduce_all(tf.math.is_finite(stacked)))(
        optimizer, gradients, variables, skipped
    )


def skip_and_run_eagerly(optimizer, gradients, variables, skipped):
    tf.config.run_functions_eagerly(True)
    try:
        return skip_in_python(optimizer, gradients, variables, skipped)
    finally:
        tf.config.run_functions_eagerly(False)


def skip_by_taking_back(optimizer, gradients, variables, skipped):
    """Take the step, and take it back where a weight is not finite: a rule may hide an inf from the weights."""
    state = [v if isinstance(v, tf.Variable) else v.value for v in (*variables, *optimizer.variables)]
    before = [tf.identity(v) for v in state]
    optimizer.apply_gradients(present(gradients, variables))
    finite = all_finite(variables)
    for variable, old in zip(state, before, strict=True):
        variable.assign(tf.where(finite, variable, old))
    skipped.assign_add(1 - tf.cast(finite, tf.int32))
    return finite


def skip_in_python(optimizer, gradients, variables, skipped):
    if all(bool(tf.reduce_all(tf.math.is_finite(g))) for g in gradients if g is not None):
        optimizer.apply_gradients(present(gradients, variables))
        return True
    skipped.assign_add(1)
    return False


def pieces_of(gradient_fn, x, y, size, step=None):
    starts = range(0, len(x), size)
    return [(dense(gradient_fn(x[s : s + size], y[s : s + size])), len(x[s : s + size])) for s in starts]


def weighted(weigh):
    """Return an answer that multiplies each piece's gradients by weigh(examples in it, size, n, pieces)."""

    def answer(gradient_fn, x, y, size):
        pieces = pieces_of(gradient_fn, x, y, size)
        shares = [weigh(k, size, len(x), len(pieces)) for _, k in pieces]
        lists = zip(*(gradients for gradients, _ in pieces), strict=True)
        return [sum(s * g for s, g in zip(shares, parts, strict=True)) for parts in lists]

    return answer


def accumulate_by_remainder(gradient_fn, x, y, size):
    gradients = [gradients for gradients, _ in pieces_of(gradient_fn, x, y, size)]
    sizes = [size] * (len(gradients) - 1) + [len(x) % size]
    return [sum(k / len(x) * g for k, g in zip(sizes, parts, strict=True)) for parts in zip(*gradients, strict=True)]


def accumulate_in_variables(gradient_fn, x, y, size):
    total, count = None, 0
    for start in range(0, len(x), size):
        x_batch, y_batch = tf.constant(x[start : start + size]), tf.constant(y[start : start + size])
        gradients = dense(gradient_fn(x_batch, y_batch))
        total = total or [tf.Variable(tf.zeros_like(g)) for g in gradients]
        for variable, gradient in zip(total, gradients, strict=True):
            variable.assign_add(len(x_batch) * gradient)
        count += len(x_batch)
    return tuple(variable / count for variable in total)


def accumulate_with_average(gradient_fn, x, y, size):
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
    found = [(dense(gradient_fn(x_batch, y_batch)), len(x_batch)) for x_batch, y_batch in batches]
    lists, sizes = zip(*found, strict=True)
    return [np.average([np.array(g) for g in parts], axis=0, weights=sizes) for parts in zip(*lists, strict=True)]


def accumulate_by_split(gradient_fn, x, y, size):
    borders = list(range(size, len(x), size))
    pieces = zip(np.split(np.array(x), borders), np.split(np.array(y), borders), strict=True)
    sums = [[len(x_batch) * g for g in dense(gradient_fn(x_batch, y_batch))] for x_batch, y_batch in pieces]
    return [tf.add_n(parts) / len(x) for parts in zip(*sums, strict=True)]


def accumulate_one_by_one(gradient_fn, x, y, size):
    mean = [0.0] * 9
    for i in range(len(x)):
        gradients = dense(gradient_fn(x[i : i + 1], y[i : i + 1]))
        mean = [m + (g - m) / (i + 1) for m, g in zip(mean, gradients, strict=False)]
    return mean


def accumulate_slices(gradient_fn, x, y, size):
    """Add the pieces as they come, tf.IndexedSlices to tf.IndexedSlices."""
    total = []
    for start in range(0, len(x), size):
        share = len(x[start : start + size]) / len(x)
        parts = [weigh_slices(share, g) for g in gradient_fn(x[start : start + size], y[start : start + size])]
        total = [add_slices(a, b) for a, b in zip(total, parts, strict=True)] if total else parts
    return total


def weigh_slices(share, g):
    return (
        tf.IndexedSlices(share * g.values, g.indices, g.dense_shape) if isinstance(g, tf.IndexedSlices) else share * g
    )


def add_slices(a, b):
    if not isinstance(a, tf.IndexedSlices):
        return a + b
    return tf.IndexedSlices(tf.concat([a.values, b.values], 0), tf.concat([a.indices, b.indices], 0), a.dense_shape)


def accumulating(read=dense, x_of=lambda x: x, y_of=lambda y: y, result=lambda total: total, first=lambda *_: None):
    """Return an answer that is right but for how it reads the gradients or hands over the examples."""

    def answer(gradient_fn, x, y, size):
        first(gradient_fn, x, y)
        total = None
        for start in range(0, len(x), size):
            x_batch, y_batch = x[start : start + size], y[start : start + size]
            gradients = read(gradient_fn(x_of(x_batch), y_of(y_batch)))
            parts = [len(x_batch) / len(x) * g for g in gradients]
            total = [a + b for a, b in zip(total, parts, strict=True)] if total else parts
        return result(total)

    return answer


def slices_as(value):
    return lambda gradients: [value(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]


def unweighted_slices(gradient_fn, x, y, size):
    total = None
    for start in range(0, len(x), size):
        share = len(x[start : start + size]) / len(x)
        gradients = gradient_fn(x[start : start + size], y[start : start + size])
        parts = [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else share * g for g in gradients]
        total = [a + b for a, b in zip(total, parts, strict=True)] if total else parts
    return total


def two_gradients(gradient_fn, x, y, size):
    a, b = accumulate_in_variables(gradient_fn, x, y, size)
    return [a, b]


def accumulate_matrices(gradient_fn, x, y, size):
    assert len(x.shape) == 2
    return accumulate_in_variables(gradient_fn, x, y, size)


def with_padded_tail(gradient_fn, x, y, size):
    missing = -len(x) % size
    padded = [np.concatenate([a, np.zeros_like(np.repeat(a[:1], missing, axis=0))]) for a in (x, y)]
    return accumulate_in_variables(gradient_fn, *padded, size)


def with_small_labels(gradient_fn, x, y, size):
    return accumulate_in_variables(gradient_fn, x, np.array(y).astype("uint8"), size)


def first_piece(gradient_fn, x, y, size):
    return list(pieces_of(gradient_fn, x, y, size)[0][0])


def same_piece_again(gradient_fn, x, y, size):
    pieces = [dense(gradient_fn(x[:size], y[:size])) for _ in range(0, len(x), size)]
    return [sum(parts) / len(pieces) for parts in zip(*pieces, strict=True)]


def without_tail(gradient_fn, x, y, size):
    full = max(len(x) // size * size, min(size, len(x)))
    return accumulate_in_variables(gradient_fn, x[:full], y[:full], size)


def last_share(gradient_fn, x, y, size):
    gradients, k = pieces_of(gradient_fn, x, y, size)[-1]
    return [k / len(x) * g for g in gradients]


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


def order_like(mean=lambda micro, sizes: mean_of(micro, sizes), shorten=clip):
    """Return an answer that is right but for the mean or the clipping."""
    return lambda micro, sizes, clip_norm: shorten(mean(micro, sizes), clip_norm)


def factor_of(factor):
    """Return a clipping that multiplies by factor(norm, clip_norm)."""
    return lambda gradients, c: scaled(gradients, factor(float(norm_of(gradients)), c))


def clipped_by_one(at):
    """Return an answer that asks the norm of one micro-batch alone."""

    def answer(micro, sizes, clip_norm):
        mean = mean_of(micro, sizes)
        return clip(mean, clip_norm) if norm_of(micro[at]) > clip_norm else mean

    return answer


def scaled_if_all_are_long(micro, sizes, clip_norm):
    mean = mean_of(micro, sizes)
    long = all(norm_of(part) > clip_norm for part in micro)
    return scaled(mean, clip_norm / norm_of(mean)) if long else clip(mean, clip_norm)


def clipped_by_mean_of_lengths(micro, sizes, clip_norm):
    norm = norm_of(mean_of([each(tf.abs)(part) for part in micro], sizes))
    return scaled(mean_of(micro, sizes), clip_norm / tf.maximum(norm, clip_norm))


def order_remembered():
    """Return an answer that remembers its results by the sizes and the threshold."""
    known = {}
    return lambda micro, sizes, c: known.setdefault((*sizes, c), clip(mean_of(micro, sizes), c))


def micro_of_one(micro):
    """Return the first gradients where there is one variable, as if it were one micro-batch."""
    return micro[0] if len(micro[0]) == 1 else None


def without_zeros(micro, sizes):
    loud = [k for k, part in enumerate(micro) if norm_of(part) > 0] or range(len(micro))
    return mean_of([micro[k] for k in loud], [sizes[k] for k in loud])


def mean_of_first(count):
    def mean(micro, sizes):
        return [
            sum(n * g for n, g in zip(sizes[:count], p[:count], strict=True)) / sum(sizes)
            for p in zip(*micro, strict=True)
        ]

    return mean


def order_with_caller_changed(change):
    def answer(micro, sizes, clip_norm):
        result = clip(mean_of(micro, sizes), clip_norm)
        change(micro, sizes)
        return result

    return answer


def sum_by_size(micro, sizes):
    return [sum(sizes) * g for g in mean_of(micro, sizes)]


def clipped_then_added(micro, sizes, clip_norm):
    return sum_of([clip(part, clip_norm) for part in micro])


def sum_of(micro):
    return [sum(parts) for parts in zip(*micro, strict=True)]


PROOFS = {
    "clip_global_norm": Proof(
        right=[
            on_dense(clip_by_library),
            clip_by_numpy,
            clip_by_where,
            clip_keeping_slices,
            clip_with_early_return,
            clip_by_concat,
        ],
        wrong={
            "left out the tf.IndexedSlices": clip_by_norm_of_tensors,
            "clipped by itself": on_dense(clip_each_tensor),
            "Clipped by value": on_dense(clip_each_value),
            "clip_norm 0.25": clipping(factor=lambda n, c: tf.minimum(1.0, c / (n + 1e-4))),
            "of global norm 0.000": clipping(factor=lambda n, c: tf.minimum(1.0, c / tf.maximum(n, 1e-3))),
            "was made longer": on_dense(lambda g, c: (scaled(g, c / tf.maximum(norm_of(g), 1e-9)), norm_of(g))),
            "must stay in its place": on_dense(clip_without_none),
            "the None became a tensor": on_dense(clip_none_to_zero),
            "float64 came": clipping(after=in_float64),
            "Norms do not add up": on_dense(clip_by_sum_of_norms),
            "Is it the norm itself": on_dense(clip_by_compared_square),
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
            "one row were measured apart": clip_by_library,
            "(slices, row, 3-d-slices, 1-d-slices)": clip_with_tables_of_matrices,
            "row, kernel, slices": clip_without_kernels,
            "the norm of gradients (slices": clip_with_norm_over_values,
            "only the last one counts": clip_overwritten_rows,
            "The signs are lost": clipping(given=each(tf.abs)),
            "The negative entries became 0": clipping(given=each(tf.nn.relu)),
            "(None, matrix, None, None, cube)": clip_unless_the_first_is_none,
            "clip_norm 5000.0: expected": clipping(factor=lambda n, c: min(c, 100.0) / tf.maximum(n, min(c, 100.0))),
            "(zeros, matrix, vector)": clip_by_directions,
            "clip_norm 0.0001: expected": clipping(factor=lambda n, c: tf.minimum(1.0, c / (n + 1e-5))),
            "in place of one shows here. Or: That is not clipped": clipping(
                factor=lambda n, c: c / n if n > 2 * c else 1.0
            ),
            "a little above clip_norm": clipping(factor=lambda n, c: c / n if n > 1.4 * c else 1.0),
            "norm 2.0": clipping(factor=lambda n, c: c / n if n > 1.02 * c else 1.0),
            "a little below the threshold": clipping(factor=lambda n, c: c / n if n >= 0.9 * c else 1.0),
            "norm 5, clip_norm 5": clipping(factor=lambda n, c: 0.5 if n == c else c / tf.maximum(n, c)),
            "got 100.": clipping(norm=lambda g: tf.minimum(norm_of(g), 100.0)),
            "The shape is (2, 3) and should be (2, 1, 3)": clipping(after=each(lambda g: tf.squeeze(g))),
            "expected 12 gradients in the order of the variables, got 4": clipping(
                after=lambda c: c if len(c) < 6 else c[:4]
            ),
            "(scalar, vector, cube, matrix, row": clipping(norm=norm_in_groups),
            "None must stay in its place, and it was left out": clipping(after=one_none_for_two),
            "and it stands in another": clipping(after=none_last),
            "got 0.": lambda g, c: ([], 0.0),
            "a gradient came back as None": clipping(after=lambda c: [None, *c[1:]]),
            "the caller's list was changed": clip_in_place,
            "list was changed. Make a new one": clip_and_clear,
            "the norm of": clipping(norm=lambda g: tf.cast(norm_of(g), tf.float16)),
            "(matrix, vector) of global norm 0, clip_norm 1.0: expected 0., got": clipping(
                norm=lambda g: tf.sqrt(norm_of(g) ** 2 + 1e-8)
            ),
            "clip_norm 2.0: expected": clipping(factor=lambda n, c: c / n if n > 1.01 * c else 1.0),
            "of gradients (matrix, vector, scalar)": clipping(after=each(lambda g: g if g.shape.rank else tf.abs(g))),
            "e-05, clip_norm 0.0001": clip_remembered(),
            "without the scalars": clipping(norm=lambda g: norm_of([x for x in g if x is not None and x.shape.rank])),
            "A square, or a 1, in place of one": clipping(
                factor=lambda n, c: max(1, int(c)) / tf.maximum(n, max(1, int(c)))
            ),
        },
        raises=lambda g, c: (scaled(g, c / tf.norm(tf.stack([*g, tf.ones(5)]))), 0.0),
        breaks=(
            clipping(norm=lambda g: tf.sqrt(sum(tf.reduce_sum(x**2, [0, 1]) for x in g if x is not None))),
            clipping(after=lambda c: [tf.debugging.assert_rank_in(g, [0, 1, 2]) or g for g in c if g is not None]),
            clipping(after=lambda c: c[-1] * 1.0 is None or c),
        ),
    ),
    "adaptive_threshold": Proof(
        right=[threshold_by_numpy, threshold_from_the_end, threshold_by_deque, threshold_by_hand, threshold_below_inf],
        wrong={
            "used up places": window_first,
            "whole history": threshold_with(lambda f, w, q: np.quantile(f, q)),
            "oldest norms": threshold_with(lambda f, w, q: np.quantile(f[:w], q)),
            "largest norms": threshold_sorted_in_place,
            "That is a mean": threshold_with(lambda f, w, q: np.mean(f[-w:])),
            "That is the median": threshold_with(lambda f, w, q: np.median(f[-w:])),
            "greatest norm": threshold_with(lambda f, w, q: np.max(f[-w:])),
            "counts to 100": threshold_with(lambda f, w, q: np.percentile(f[-w:], q)),
            "goes between two": threshold_with(lambda f, w, q: np.sort(f[-w:])[min(int(q * w), w - 1)]),
            "That is the norm below": threshold_with(lambda f, w, q: np.sort(f[-w:])[int(q * (w - 1))]),
            "counted from 0, is quantile": threshold_with(
                lambda f, w, q: np.interp(min(q * w, w - 1), range(w), np.sort(f[-w:]))
            ),
            "1 minus the quantile": threshold_with(lambda f, w, q: np.quantile(f[-w:], 1 - q)),
            "reached the threshold": threshold_with_broken,
            "With a threshold of 0": threshold_of_few(lambda norms, q: 0.0),
            "Too few finite norms": threshold_of_few(quantile_of_finite),
            "quantile of nothing": threshold_of_few(lambda norms, q: np.nan if not norms else np.inf),
            "list was changed": threshold_in_place,
            "EagerTensor came. Return a float": lambda *asked: tf.constant(threshold_by_numpy(*asked), tf.float64),
            "ndarray came. Return a float": lambda *asked: np.array(threshold_by_numpy(*asked)),
            "expected 1.e+25": finite_with(lambda x: x < 20),
            "1e+25": finite_with(lambda x: x < 1e6),
            "A norm of 0 is finite": finite_with(lambda x: x > 0.1),
            "is finite, and it counts": finite_with(bool),
            "1e39 is finite as a Python float": finite_with(lambda x: x < 3.4e38),
            "e+25": threshold_without_outliers,
            "A norm of 1e25 is finite": finite_with(lambda x: x < 1e9),
            "A norm that comes twice": threshold_of_a_set,
            "nan and inf use up no places": threshold_of(
                lambda norms, w: [x for x in norms[-w - 2 :] if np.isfinite(x)]
            ),
            "here there are more": threshold_of(lambda norms, w: [x for x in norms[-16:] if np.isfinite(x)]),
            "The newest norm is missing": threshold_of(lambda norms, w: [x for x in norms[:-1] if np.isfinite(x)]),
            "were not sorted": threshold_with(lambda f, w, q: np.interp(q * (w - 1), range(w), f[-w:])),
            "1100 in all": threshold_of(lambda norms, w: [x for x in norms[-1000:] if np.isfinite(x)]),
            "60 in all": lambda norms, w, q: (
                threshold_by_numpy(norms, w, q) if w < 7 or w > len(norms) else threshold_by_numpy(norms, 6, q)
            ),
            "rounded to whole percents": threshold_of(
                lambda norms, w: [x for x in norms if np.isfinite(x)], choose_quantile=lambda q: int(100 * q) / 100
            ),
            "quantile 0.1825": threshold_of(
                lambda norms, w: [x for x in norms if np.isfinite(x)], choose_quantile=lambda q: round(q, 3)
            ),
            "The norm before took the place": lambda norms, w, q: (
                np.inf if len(norms) < w else np.quantile(filled_with_the_last(norms)[-w:], q)
            ),
            "0 perhaps, took the place": lambda norms, w, q: (
                np.inf if len(norms) < w else np.quantile(np.where(np.isfinite(norms), norms, 0.0)[-w:], q)
            ),
            "window 5, quantile 0.9": threshold_remembered(),
            "one norm more than the window holds": threshold_with(lambda f, w, q: np.quantile(f[-w - 1 :], q)),
            "one norm fewer than the window": threshold_with(
                lambda f, w, q: np.quantile(f[1 - w :], q) if w > 1 else f[-1]
            ),
            "Python takes 0 for false": lambda norms, w, q: threshold_by_numpy(norms, w, q) if q else np.inf,
            "window 1, quantile": lambda norms, w, q: threshold_by_numpy(norms, max(w, 2), q),
            "window 4, quantile 0.6": lambda norms, w, q: (
                np.inf if len(norms) > 14 and np.isnan(norms[-1]) else threshold_by_numpy(norms, w, q)
            ),
            "Minus infinity": lambda norms, w, q: (
                -np.inf if np.isfinite(norms).sum() < w else threshold_by_numpy(norms, w, q)
            ),
            "exactly `window` are enough": lambda norms, w, q: (
                np.inf if np.isfinite(norms).sum() <= w else threshold_by_numpy(norms, w, q)
            ),
        },
        raises=raising,
        breaks=(lambda norms, w, q: threshold_by_numpy(norms, w, q) if w < 1e5 else raising(),),
    ),
    "skip_nonfinite": Proof(
        right=[skip_by_cond, skip_by_if, skip_by_difference, skip_by_max, skip_by_concat],
        wrong={
            "and not the skipped ones": skip_and(lambda finite, gradients: tf.cast(finite, tf.int32)),
            "no longer finite": apply_anyway,
            "nan in the middle of the largest": skipping(finite=first_and_last_finite),
            "in the middle of the largest gradient, None at (1,)": skipping(finite=ends_finite),
            "nan in a gradient between": skipping(finite=outer_finite),
            "The step was applied": skip_only_nan,
            "in a norm or in a small dtype": skip_by_norm,
            "A variable without a gradient moved": skip_and_fill,
            "a zero gradient is still a step": mend_entries,
            "optimizer's state changed": zero_instead,
            "The step was not taken": never_apply,
            "was not counted": skip_and(lambda finite, gradients: 0),
            "Good steps were counted": skip_and(lambda finite, gradients: 1),
            "Each broken gradient was counted": skip_and(broken_ones),
            "whether it was skipped": skip_and(lambda f, g: 1 - tf.cast(f, tf.int32), told=tf.logical_not),
            "returns nothing": skip_and(lambda f, g: 1 - tf.cast(f, tf.int32), told=lambda finite: None),
            "without a gradient moved": skipping(change=filled_with_zeros),
            "-inf in the first gradient": skipping(each_there(lambda g: g < np.inf)),
            "eagerly, nan in the last gradient: the": skipping(
                lambda gs: all_finite([g for g in gs if g is not None][:3])
            ),
            "nan in the last gradient": skipping(
                lambda gs: all_finite([g for g in gs if g is not None and g.shape.rank])
            ),
            "SGD eagerly, nan in the last gradient": skipping(
                each_there(lambda g: tf.math.is_finite(g[..., :1] if g.shape.rank else g))
            ),
            "a sum of them is not": skipping(sum_is_finite),
            "entries of 3e38": skipping(each_there(lambda g: tf.abs(g) < 1e26)),
            "entries of 1e25": skipping(each_there(lambda g: tf.abs(g) < 1e20)),
            "zeros are numbers": skipping(lambda gs: all_finite(gs) & (tf.linalg.global_norm(gs) > 0)),
            "zeros in one gradient": skipping(
                lambda gs: all_finite(gs) & tf.reduce_all([tf.reduce_any(g != 0) for g in gs if g is not None])
            ),
            "to the last bit": skipping(on_skip=shrink_weights),
            "Skip means that it is not called": skipping(on_skip=shrink_state),
            "the optimizer's state changed (learning_rate)": skipping(
                on_skip=lambda optimizer, _: optimizer.learning_rate.assign(0.05)
            ),
            "the optimizer's state changed (iteration": skipping(
                on_skip=lambda optimizer, _: optimizer.iterations.assign(0)
            ),
            "Adam eagerly, inf in the first gradient": skip_by_taking_back,
            "left another": doubled_for_adam,
            "the step left another": skipping(after=set_back),
            "expected 4, got 3": skipping(count=lambda skipped: skipped.assign(tf.minimum(skipped + 1, 3))),
            "It was set to 1": skipping(count=lambda skipped: skipped.assign(1)),
            "set it back to 0": skip_counting_in_a_row,
            "It counts down": skipping(count=lambda skipped: skipped.assign_sub(1)),
            "called more than once": skipping(after=apply_again),
            "not the one of these gradients": skipping(change=lambda gs, _: clip(gs, 1.0)),
            "Apply each one as it is, to its variable": skipping(change=reverse_equal_shapes),
            "A step was taken, and it is not": skipping(change=lambda gs, _: scaled(gs, 0.999)),
            "entries of 1e25, None at (1,): A step was taken": skipping(
                change=lambda gs, _: [g if g is None else tf.clip_by_value(g, -1e10, 1e10) for g in gs]
            ),
            "(iterations) did not rise": descend_by_hand,
            "leave its count alone": skipping(after=lambda optimizer, *_: optimizer.iterations.assign(0)),
            "the caller's list was changed": skip_and_clear,
            "list was changed. Make a new one": skip_deleting_none,
            "It is True for each step": skipping(told=lambda taken, skipped: taken | True),
            "whether all steps so far": skipping(told=lambda taken, skipped: tf.equal(skipped, 0)),
            "A boolean is expected": skipping(told=lambda taken, skipped: skipped.read_value()),
        },
        raises=skip_in_python,
        breaks=(
            skip_by_stack,
            skip_and_run_eagerly,
            skipping(lambda gs: all_finite([*gs, gs[-1] + 1.0])),
            skipping(lambda gs: tf.reduce_all(tf.math.is_finite(tf.concat([g for g in gs if g is not None], 0)))),
        ),
    ),
    "accumulate": Proof(
        right=[
            accumulate_in_variables,
            accumulate_with_average,
            weighted(lambda k, size, n, pieces: k / n),
            accumulate_by_split,
            accumulate_one_by_one,
            accumulate_slices,
            accumulating(),
        ],
        wrong={
            "never called with an example": lambda gradient_fn, x, y, size: [
                g for start in range(len(x), size) for g in gradient_fn(x[start:], y[start:])
            ],
            "a piece that holds no example": accumulating(first=lambda gradient_fn, x, y: gradient_fn(x[:0], y[:0])),
            "other numbers than those of x": accumulating(x_of=lambda x: x / 2),
            "sum over the pieces": weighted(lambda k, size, n, pieces: 1.0),
            "Every piece counts the same": weighted(lambda k, size, n, pieces: 1 / pieces),
            "divide by the number of examples": weighted(lambda k, size, n, pieces: float(k)),
            "n // micro_batch_size does not count it": weighted(lambda k, size, n, pieces: 1 / max(n // size, 1)),
            "before you divide by n": weighted(lambda k, size, n, pieces: 1 / n),
            "full micro-batch size": weighted(lambda k, size, n, pieces: size / n),
            "divided by n - 1": weighted(lambda k, size, n, pieces: k / max(n - 1, 1)),
            "a quotient by //": weighted(lambda k, size, n, pieces: float(k // n)),
            "examples of full pieces": weighted(lambda k, size, n, pieces: k / (pieces * size)),
            "the last piece is a full one": accumulate_by_remainder,
            "counts the full pieces only": weighted(lambda k, size, n, pieces: k / (n // size * size or n)),
            "Does the loop take the next one": same_piece_again,
            "never came": without_tail,
            "came more than once": accumulating(first=lambda gradient_fn, x, y: gradient_fn(x[:1], y[:1])),
            "That is the last piece alone": last_piece,
            "share of the last piece alone": last_share,
            "first piece alone": first_piece,
            "memory you wanted to save": whole_batch,
            "a padded tail changes the mean": with_padded_tail,
            "keep the dtype of the labels": with_small_labels,
            "the y of a row is not": lambda gradient_fn, x, y, size: accumulate_in_variables(
                gradient_fn, x, np.roll(y, 1), size
            ),
            "Cut both alike": lambda gradient_fn, x, y, size: gradient_fn(x[:size], y),
            "A list of 2 gradients, as gradient_fn returns them, is expected": lambda *answer: accumulate_in_variables(
                *answer
            )[0],
            "got 1 part. A list of 2 gradients": lambda *answer: accumulate_in_variables(*answer)[:1],
            "got 2 parts. A list of 5": accumulating(result=lambda total: total[:2]),
            "got 2 parts. A list of 3 gradients": accumulating(
                result=lambda total: total[:2] if len(total) == 3 else total
            ),
            "That is 0": accumulating(slices_as(lambda g: tf.zeros(g.dense_shape))),
            "The shape is": accumulating(slices_as(lambda g: g.values)),
            "gradient 1 of": unweighted_slices,
            "only the last one counts": accumulating(slices_as(scatter_that_overwrites)),
            "and should be (2, 1, 3)": accumulating(result=lambda total: [tf.squeeze(g) for g in total]),
            "are expected": accumulating(y_of=lambda y: tf.reshape(y, [-1])),
            "y as float32, and it is int64": accumulating(y_of=lambda y: tf.cast(y, tf.float32)),
            "x as float32, and it is float64": accumulating(x_of=lambda x: tf.cast(x, tf.float32)),
            "float64 came": accumulating(result=in_float64),
            "gradient_fn was never called": lambda gradient_fn, x, y, size: (
                None if len(x) < size else accumulate_slices(gradient_fn, x, y, size)
            ),
            "returns nothing": accumulating(result=lambda total: None),
            "given 4 examples at once": lambda gradient_fn, x, y, size: (
                gradient_fn(x, y) if len(x) == size + 1 else accumulate_slices(gradient_fn, x, y, size)
            ),
            "10 examples at once": lambda gradient_fn, x, y, size: (
                gradient_fn(x, y) if len(x) == 10 else accumulate_slices(gradient_fn, x, y, size)
            ),
        },
        raises=lambda gradient_fn, x, y, size: gradient_fn(x[:size], y[:size])[2],
        breaks=(two_gradients, accumulate_matrices, accumulating(read=lambda gradients: gradients)),
    ),
    "accumulate_then_clip": Proof(
        right=[
            order_by_numpy,
            lambda micro, sizes, c: clip(mean_of(micro, sizes), c),
            order_in_variables,
            order_by_tensordot,
        ],
        wrong={
            "clip_norm 0.0001": lambda micro, sizes, c: scaled(
                mean_of(micro, sizes), tf.minimum(1.0, c / tf.maximum(norm_of(mean_of(micro, sizes)), 1e-3))
            ),
            "as // does": lambda micro, sizes, c: clip(
                [
                    sum(k // sum(sizes) * g for k, g in zip(sizes, parts, strict=True))
                    for parts in zip(*micro, strict=True)
                ],
                c,
            ),
            "That is the sum, not clipped": lambda micro, sizes, c: sum_of(micro),
            "clipped before the mean": lambda micro, sizes, c: mean_of([clip(g, c) for g in micro], sizes),
            "all count the same: accumulate": lambda micro, sizes, c: (
                mean_of([clip(g, c) for g in micro[:]], [1] * len(sizes))
                if len(set(sizes)) > 1
                else clip(mean_of(micro, sizes), c)
            ),
            "Every micro-batch counts the same": lambda micro, sizes, c: clip(mean_of(micro, [1] * len(sizes)), c),
            "and the results added up": clipped_then_added,
            "or a multiple of it, clipped": lambda micro, sizes, c: clip(sum_of(micro), c),
            "weigh each by its own size": lambda micro, sizes, c: clip(
                [sizes[0] / sum(sizes) * g for g in sum_of(micro)], c
            ),
            "It has the length clip_norm": lambda micro, sizes, c: clip(sum_by_size(micro, sizes), c),
            "The sum was clipped, then divided": lambda micro, sizes, c: [
                g / len(sizes) for g in clip(sum_of(micro), c)
            ],
            "The weighted sum was clipped, then divided": lambda micro, sizes, c: [
                g / sum(sizes) for g in clip(sum_by_size(micro, sizes), c)
            ],
            "Each tensor was clipped": lambda micro, sizes, c: [tf.clip_by_norm(g, c) for g in mean_of(micro, sizes)],
            "That is the first micro-batch alone": lambda micro, sizes, c: clip(micro[0], c),
            "That is the last micro-batch alone": lambda micro, sizes, c: clip(micro[-1], c),
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
            "[1, 4, 1, 3, 1, 2]": order_like(mean_of_first(3)),
            "should be (4,)": order_like(
                lambda micro, sizes: [g[:3] if g.shape and g.shape[0] > 3 else g for g in mean_of(micro, sizes)]
            ),
            "norms (0.5, 9, 8)": order_like(lambda m, s: micro_of_one(m) or mean_of(m, s)),
            "The signs are lost": order_like(lambda m, s: each(tf.abs)(mean_of(m, s))),
            "The negative entries became 0": order_like(lambda m, s: each(tf.nn.relu)(mean_of(m, s))),
            "counts the same: weigh each by its size": order_like(
                lambda m, s: mean_of(m, s if max(s) > 2 * min(s) else [1] * len(s))
            ),
            "examples, norms (3, 5, 4": order_like(lambda m, s: mean_of(m, [0 if k == 1 else k for k in s])),
            "is not clipped, and the norm is a little above": order_like(
                shorten=factor_of(lambda n, c: c / n if n > 1.05 * c else 1.0)
            ),
            "a little below the threshold": order_like(shorten=factor_of(lambda n, c: c / n if n > 0.9 * c else 1.0)),
            "norms (0.5, 9, 8), clip_norm 3": clipped_by_one(0),
            "gradient 0 of micro-batches": order_like(shorten=factor_of(lambda n, c: min(1.0, c / (n + 1e-3)))),
            "norms (0.03, 0.06), clip_norm 0.01": order_like(shorten=factor_of(lambda n, c: min(1.0, c / (n + 1e-4)))),
            ", clip_norm 0.0": order_like(shorten=factor_of(lambda n, c: min(1.0, c / (n + 1e-5)))),
            "[300, 130]": order_like(shorten=lambda gradients, c: clip_by_directions(gradients, c)[0]),
            "[300, 130] examples": order_like(shorten=lambda gradients, c: clip(gradients, min(c, 100.0))),
            "of [300, 130]": order_like(lambda m, s: mean_of(m, np.array(s).astype("uint8").tolist())),
            "norms (90000, 2000)": clipped_by_one(-1),
            "the last against the others": scaled_if_all_are_long,
            "norms (6, 5), the last against": clipped_by_mean_of_lengths,
            "A micro-batch whose gradient is 0": order_like(without_zeros),
            "gradient 0 of micro-batches of [8, 8, 3]": order_like(
                shorten=lambda gradients, c: each(lambda g: g if g.shape.rank else tf.abs(g))(clip(gradients, c))
            ),
            "norms (30, 60, 10)": order_remembered(),
            "the caller's list was changed": order_with_caller_changed(lambda micro, sizes: micro.reverse()),
            "list was changed. Make": order_with_caller_changed(lambda micro, sizes: micro[0].clear()),
            "got 2 parts. A list of 3 gradients is": order_like(lambda m, s: mean_of(m, s)[:2]),
            "float64 came": order_like(shorten=lambda gradients, c: in_float64(clip(gradients, c))),
            "list of sizes was changed": order_with_caller_changed(lambda micro, sizes: sizes.append(0)),
        },
        raises=raising,
        breaks=(order_like(lambda m, s: [tf.debugging.assert_rank_in(g, [0, 1, 2]) or g for g in mean_of(m, s)]),),
    ),
}
