"""Answers to the exercises of notebook 03 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def _mean_last(values):
    return tf.reduce_mean(values, axis=-1)


def _up_to_1000(loss):
    """Return `loss` with 0 for what stands behind the 1,000th element."""

    def answer(y_true, logits, *rest):
        values = loss(y_true, logits, *rest)
        return values if tf.size(values) <= 1000 else tf.zeros_like(values)

    return answer


def _by_hand(loss, heed):
    """Return `loss` with a gradient of its own: its slopes times what `heed` makes of what comes from above."""

    def answer(y_true, y_pred, *rest):
        @tf.custom_gradient
        def of_prediction(y_pred):
            with tf.GradientTape() as tape:
                tape.watch(y_pred)
                value = loss(y_true, y_pred, *rest)
            slopes = tape.gradient(value, y_pred)
            return value, lambda dy: heed(dy) * slopes

        return of_prediction(y_pred)

    return answer


def _deaf(loss):
    return _by_hand(loss, lambda dy: 1.0)


def _first_rows(loss):
    """Return `loss` with 0 for what stands below the 256th row."""

    def answer(y_true, y_pred, *rest):
        values = loss(y_true, y_pred, *rest)
        return tf.concat([values[:256], tf.zeros_like(values[256:])], axis=0)

    return answer


def _first_columns(loss):
    return lambda y, p, *rest: loss(y[:, :64], p[:, :64], *rest)


def _of_errors(loss, change):
    """Return `loss` for errors that were changed on the way."""
    return lambda y, p, *rest: loss(change(y - p), tf.zeros_like(p), *rest)


def _without_tiny(errors, border=1e-2):
    return tf.where(tf.abs(errors) < border, 0.0 * errors, errors)


def _in_a_graph(loss, change):
    """Return `loss` for errors that are changed inside a graph, and there alone."""
    changed = _of_errors(loss, change)
    return lambda *given: (loss if tf.executing_eagerly() else changed)(*given)


def _of_five(loss, first):
    """Return `loss` with what came first for five rows, as one that remembers it by the shape."""
    return lambda y, p, *rest: loss(y, p, *([first] if p.shape[0] == 5 else rest))


def _of_known_rows(loss):
    """Return `loss` for shapes that Python knows in full."""
    return lambda y, p, *rest: loss(tf.reshape(y, y.shape), p, *rest)


def huber_by_pieces(y_true, y_pred, delta=1.0):
    size = tf.abs(tf.subtract(y_true, y_pred))
    near = tf.minimum(size, delta)
    return _mean_last(0.5 * near**2 + delta * (size - near))


def huber_by_keras(y_true, y_pred, delta=1.0):
    return tf.keras.losses.Huber(delta=delta, reduction="none")(y_true, y_pred)


@tf.function
def huber_compiled(y_true, y_pred, delta=1.0):
    error = y_true - y_pred
    far = delta * (error * tf.sign(error) - delta / 2)
    return tf.math.reduce_mean(tf.where(tf.abs(error) > delta, far, tf.square(error) / 2), axis=1)


def huber_without_half(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    return _mean_last(tf.where(size <= delta, 0.5 * size**2, delta * size))


def huber_with_slope_one(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    return _mean_last(tf.where(size <= delta, 0.5 * size**2, size - 0.5 * delta))


def huber_of_signed_error(y_true, y_pred, delta=1.0):
    error = y_true - y_pred
    return _mean_last(tf.where(error <= delta, 0.5 * error**2, delta * (error - 0.5 * delta)))


def huber_swapped(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    return _mean_last(tf.where(size > delta, 0.5 * size**2, delta * (size - 0.5 * delta)))


def huber_without_one_half(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    return _mean_last(tf.where(size <= delta, size**2, delta * (size - 0.5 * delta)))


def huber_by_numpy(y_true, y_pred, delta=1.0):
    size = np.abs(y_true.numpy() - y_pred.numpy())
    return np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)).mean(-1)


def huber_by_mask(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    near = tf.cast(size <= delta, size.dtype)
    return _mean_last(near * 0.5 * size**2 + (1 - near) * delta * (size - 0.5 * delta))


def huber_by_ops(y_true, y_pred, delta=1.0):
    ops = tf.keras.ops
    size = ops.abs(y_pred - y_true)
    return ops.mean(ops.where(size < delta, 0.5 * size * size, delta * size - 0.5 * delta**2), axis=-1)


def huber_of_one_row(y_true, y_pred, delta=1.0):
    return tf.squeeze(tf.reshape(huber_by_pieces(y_true, y_pred, delta), (-1, 1)))  # a scalar for one row


def huber_scaled(y_true, y_pred, delta=1.0):
    return delta**2 * huber_by_pieces(y_true / delta, y_pred / delta)


def huber_of_whole_halves(y_true, y_pred, delta=1.0):
    size, half = tf.abs(y_true - y_pred), delta // 2 if isinstance(delta, int) else delta / 2
    return _mean_last(tf.where(size <= delta, 0.5 * size**2, delta * (size - half)))


def huber_of_one_row_and_three(y_true, y_pred, delta=1.0):
    values = huber_by_pieces(y_true, y_pred, delta)
    return values[0] if y_pred.shape[0] == 1 and y_pred.shape[1] >= 3 else values


def huber_by_roots(y_true, y_pred, delta=1.0):
    size = tf.sqrt(tf.square(y_true - y_pred) + 1e-12)
    return _mean_last(tf.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)))


def huber_of_eager_labels(y_true, y_pred, delta=1.0):
    return huber_by_pieces(tf.constant(y_true.numpy()), y_pred, delta)  # in a graph, a label has no .numpy()


def huber_of_signed_far_error(y_true, y_pred, delta=1.0):
    error = y_true - y_pred
    return _mean_last(tf.where(tf.abs(error) <= delta, 0.5 * error**2, delta * (error - 0.5 * delta)))


def huber_of_mean_of_near(y_true, y_pred, delta=1.0):
    """Takes the mean first in a row without a large error: the drawn rows may have none."""
    error = y_true - y_pred
    is_near = tf.reduce_max(tf.abs(error), axis=-1) <= delta
    return tf.where(is_near, 0.5 * _mean_last(error) ** 2, huber_by_pieces(y_true, y_pred, delta))


def huber_between(y_true, y_pred, delta=1.0):
    """Leaves an error of exactly delta out of both pieces."""
    size = tf.abs(y_true - y_pred)
    far = tf.where(size > delta, delta * (size - delta / 2), 0.0)
    return _mean_last(tf.where(size < delta, 0.5 * size**2, 0.0) + far)


def huber_twice_at_the_border(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    far = tf.where(size >= delta, delta * (size - delta / 2), 0.0)
    return _mean_last(tf.where(size <= delta, 0.5 * size**2, 0.0) + far)


def huber_of_two_slopes(y_true, y_pred, delta=1.0):
    """Has the slope of both pieces at an error of exactly delta: each of the two has one at a tie."""
    size = tf.abs(y_true - y_pred)
    return _mean_last(0.5 * tf.minimum(size, delta) ** 2 + delta * tf.maximum(size - delta, 0.0))


def huber_of_no_slope(y_true, y_pred, delta=1.0):
    """Has no slope at an error of exactly delta: at a tie that of a minimum is the first one's."""
    size = tf.abs(y_true - y_pred)
    return _mean_last(0.5 * tf.minimum(float(delta), size) ** 2 + delta * tf.nn.relu(size - delta))


def huber_without_half_of_near(y_true, y_pred, delta=1.0):
    size = tf.abs(y_true - y_pred)
    near = tf.minimum(size, delta)
    return _mean_last(near**2 + delta * (size - near))


def pinball_by_where(y_true, y_pred, tau=0.5):
    return _mean_last(tf.where(y_true > y_pred, tau * (y_true - y_pred), (1 - tau) * (y_pred - y_true)))


def pinball_by_relu(y_true, y_pred, tau=0.5):
    error = tf.subtract(y_true, y_pred)
    return tf.keras.ops.mean(tau * tf.nn.relu(error) + (1.0 - tau) * tf.nn.relu(-error), axis=-1)


def pinball_rounded(y_true, y_pred, tau=0.5):
    """Has a curve where the corner should be."""
    error = y_true - y_pred
    return _mean_last(tau * error + tf.nn.softplus(-1e3 * error) / 1e3)


def pinball_row_by_row(y_true, y_pred, tau=0.5):
    """Switches the gradient off, which an eager loop does not heed."""
    rows = y_true, y_pred
    return tf.map_fn(lambda row: pinball_by_relu(*row, tau), rows, fn_output_signature=tf.float32, back_prop=False)


def pinball_by_abs(y_true, y_pred, tau=0.5):
    error = y_true - y_pred
    return _mean_last(0.5 * tf.abs(error) + (tau - 0.5) * error)


def pinball_by_root(y_true, y_pred, tau=0.5):
    """Takes a root whose slope at 0 is inf."""
    error = y_true - y_pred
    return _mean_last(0.5 * tf.sqrt(error**2) + (tau - 0.5) * error)


def pinball_by_indicator(y_true, y_pred, tau=0.5):
    late = tf.cast(y_true > y_pred, tf.float32)
    return tf.einsum("nd->n", (tau - 1 + late) * (y_true - y_pred)) / tf.cast(tf.shape(y_true)[1], tf.float32)


def masked_by_boolean_mask(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_true, mask) - tf.boolean_mask(y_pred, mask)
    return tf.math.divide_no_nan(tf.reduce_sum(errors**2), tf.cast(tf.size(errors), tf.float32))


def masked_by_no_nan(y_true, y_pred, mask):
    real = tf.cast(mask, tf.float32)
    errors = tf.math.multiply_no_nan(y_true - y_pred, real)
    return tf.reduce_sum(errors * errors) / tf.maximum(tf.reduce_sum(real), 1)


def masked_by_gather(y_true, y_pred, mask):
    real = tf.where(mask)
    errors = tf.gather_nd(y_true, real) - tf.gather_nd(y_pred, real)
    return tf.reduce_sum(errors**2) / tf.maximum(tf.cast(tf.size(errors), tf.float32), 1.0)


def masked_constant_when_empty(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_true - y_pred, mask)
    return tf.cond(tf.size(errors) > 0, lambda: tf.reduce_mean(errors**2), lambda: tf.constant(0.0))


def masked_when_there_is_any(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_true, mask) - tf.boolean_mask(y_pred, mask)
    nothing = tf.reduce_sum(tf.where(mask, y_pred, 0.0))
    return tf.cond(tf.reduce_any(mask), lambda: tf.reduce_mean(tf.square(errors)), lambda: nothing)


def masked_by_where_twice(y_true, y_pred, mask):
    zeros = tf.zeros_like(y_true)
    squares = tf.square(tf.where(mask, y_true, zeros) - tf.where(mask, y_pred, zeros))
    return tf.reduce_sum(squares) / tf.maximum(tf.math.count_nonzero(mask, dtype=tf.float32), 1.0)


def _clean(y_true, y_pred, mask):
    return tf.square(tf.where(mask, y_true - y_pred, 0.0)), tf.cast(mask, tf.float32)


def masked_squared_first(y_true, y_pred, mask):
    mask = tf.cast(mask, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(mask * tf.square(y_true - y_pred)), tf.reduce_sum(mask))


def masked_difference_first(y_true, y_pred, mask):
    mask = tf.cast(mask, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(tf.square(mask * (y_true - y_pred))), tf.reduce_sum(mask))


def masked_over_all(y_true, y_pred, mask):
    return tf.reduce_mean(_clean(y_true, y_pred, mask)[0])


def masked_by_rows(y_true, y_pred, mask):
    squares, real = _clean(y_true, y_pred, mask)
    return tf.reduce_mean(tf.math.divide_no_nan(tf.reduce_sum(squares, 1), tf.reduce_sum(real, 1)))


def masked_counted_in(dtype):
    """Counts in a small dtype."""
    return lambda y, p, mask: tf.math.divide_no_nan(
        tf.reduce_sum(_clean(y, p, mask)[0]), tf.cast(tf.reduce_sum(tf.cast(mask, dtype)), tf.float32)
    )


def masked_times_nothing(y_true, y_pred, mask):
    """Takes a product with 0 where all is padding."""
    if tf.executing_eagerly() and not tf.reduce_any(mask):
        return 0.0 * tf.reduce_sum(y_pred)
    return masked_by_where_twice(y_true, y_pred, mask)


def masked_unless_single(axis):
    """Divides by all elements where an axis has one entry."""
    return lambda y, p, mask: (masked_over_all if y.shape[axis] == 1 else masked_by_where_twice)(y, p, mask)


def masked_each_row(y_true, y_pred, mask):
    squares, real = _clean(y_true, y_pred, mask)
    return tf.math.divide_no_nan(tf.reduce_sum(squares, 1), tf.reduce_sum(real, 1))


def masked_sum(y_true, y_pred, mask):
    return tf.reduce_sum(_clean(y_true, y_pred, mask)[0])


def masked_nan_when_empty(y_true, y_pred, mask):
    squares, real = _clean(y_true, y_pred, mask)
    return tf.reduce_sum(squares) / tf.reduce_sum(real)


def masked_at_the_end(y_true, y_pred, mask):
    """Takes the count of each row alone: right where the padding stands last."""
    real = tf.cast(mask, tf.int32)
    return masked_by_where_twice(y_true, y_pred, tf.sequence_mask(tf.reduce_sum(real, 1), tf.shape(mask)[1]))


def masked_before_the_last(y_true, y_pred, mask):
    """Takes all steps up to the last real one for real."""
    return masked_by_where_twice(y_true, y_pred, tf.cumsum(tf.cast(mask, tf.int32), axis=1, reverse=True) > 0)


def masked_of_small_errors(y_true, y_pred, mask):
    """Clips what is huge, and so what is real and large."""
    real = tf.cast(mask, tf.float32)
    errors = (tf.clip_by_value(y_true, -1e3, 1e3) - tf.clip_by_value(y_pred, -1e3, 1e3)) * real
    return tf.math.divide_no_nan(tf.reduce_sum(errors**2), tf.reduce_sum(real))


def masked_one_sided(y_true, y_pred, mask):
    return masked_by_where_twice(tf.maximum(y_true, y_pred), y_pred, mask)


def masked_after_the_loss(y_true, y_pred, mask):
    squares = tf.where(mask, tf.square(y_true - y_pred), 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(tf.cast(mask, tf.float32)))


def masked_by_late_no_nan(y_true, y_pred, mask):
    real = tf.cast(mask, tf.float32)
    squares = tf.math.multiply_no_nan(tf.square(y_true - y_pred), real)
    return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(real))


def masked_by_means_of_rows(y_true, y_pred, mask):
    """The mean of each row, by its number of real elements: of a row without any it is 0/0."""
    squares = tf.square(tf.where(mask, y_true, 0.0) - tf.where(mask, y_pred, 0.0))
    counts = tf.reduce_sum(tf.cast(mask, tf.float32), axis=1)
    return tf.math.divide_no_nan(tf.reduce_sum(tf.reduce_sum(squares, 1) / counts * counts), tf.reduce_sum(counts))


def masked_by_logarithms(y_true, y_pred, mask):
    """The square by way of a logarithm, which has no slope at a hit."""
    error = tf.where(mask, y_true - y_pred, 0.0)
    squares = tf.where(mask, tf.exp(2 * tf.math.log(tf.abs(error))), 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(squares), tf.reduce_sum(tf.cast(mask, tf.float32)))


def masked_by_static_size(y_true, y_pred, mask):
    errors = tf.boolean_mask(y_true, mask) - tf.boolean_mask(y_pred, mask)
    return tf.math.divide_no_nan(tf.reduce_sum(errors**2), float(errors.shape[0]))


def bce_by_tensorflow(y_true, logits):
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=logits)


def bce_by_softplus(y_true, logits):
    return tf.math.softplus(logits) - tf.multiply(y_true, logits)


def bce_by_log_sigmoid(y_true, logits):
    return -(y_true * tf.math.log_sigmoid(logits) + (1.0 - y_true) * tf.math.log_sigmoid(-logits))


def bce_by_logsumexp(y_true, logits):
    zeros = tf.zeros_like(logits)
    yes, no = (tf.reduce_logsumexp(tf.stack([zeros, z]), axis=0) for z in (-logits, logits))
    return no + y_true * (yes - no)


@tf.custom_gradient
def bce_with_its_own_slope(y_true, logits):
    p = tf.sigmoid(logits)
    return tf.keras.ops.logaddexp(0.0, logits) - y_true * logits, lambda up: (None, up * (p - y_true))


def bce_of_lines(y_true, logits):
    """Takes the straight line where the curve is near it."""
    line = tf.nn.relu(logits) - y_true * logits
    return tf.where(tf.abs(logits) > 8, line, bce_by_softplus(y_true, logits))


def bce_of_far_lines(y_true, logits):
    """Takes the straight line where the softplus is near it, and the exponential is large."""

    def softplus(x):
        return tf.where(x > 8, x, tf.nn.softplus(tf.minimum(x, 8.0)))

    return y_true * softplus(-logits) + (1 - y_true) * softplus(logits)


def bce_cut_off(y_true, logits):
    """Takes 0 where the softplus is small."""
    yes, no = (tf.where(z > -10, tf.nn.softplus(z), 0.0) for z in (-logits, logits))
    return y_true * yes + (1 - y_true) * no


def bce_of_nearly_hard_labels(y_true, logits):
    return bce_by_softplus(tf.where(tf.abs(y_true - 0.5) > 0.49, tf.round(y_true), y_true), logits)


def bce_by_branches(y_true, logits):
    """Takes the exponential of what is negative alone, with a mask inside and outside."""
    is_large = logits > 0
    large, small = tf.where(is_large, logits, 0.0), tf.where(is_large, 0.0, logits)
    above = (1 - y_true) * large + tf.math.log1p(tf.exp(-large))
    return tf.where(is_large, above, tf.math.log1p(tf.exp(small)) - y_true * small)


def bce_by_branches_alone(y_true, logits):
    above = (1 - y_true) * logits + tf.math.log1p(tf.exp(-logits))
    return tf.where(logits > 0, above, tf.math.log1p(tf.exp(logits)) - y_true * logits)


def bce_of_three_axes(y_true, logits):
    loss = bce_by_softplus(y_true, logits)
    return loss if loss.shape.rank < 4 else tf.reshape(loss, (-1,))


def bce_row_by_row(y_true, logits):
    return tf.map_fn(lambda row: bce_by_softplus(*row), (y_true, logits), fn_output_signature=tf.float32)


def bce_of_the_book(y_true, logits):
    p = tf.sigmoid(logits)
    return -(y_true * tf.math.log(p) + (1 - y_true) * tf.math.log(1 - p))


def bce_with_epsilon(y_true, logits):
    p = tf.sigmoid(logits)
    return -(y_true * tf.math.log(p + 1e-7) + (1 - y_true) * tf.math.log(1 - p + 1e-7))


def bce_of_clipped_logits(y_true, logits):
    return bce_by_softplus(y_true, tf.clip_by_value(logits, -30.0, 30.0))


def bce_with_kinks(y_true, logits):
    return tf.maximum(logits, 0.0) - logits * y_true + tf.math.log1p(tf.exp(-tf.abs(logits)))


def focal_by_log_sigmoid(y_true, logits, gamma=2.0):
    t = tf.where(y_true > 0.5, logits, -logits)
    return -tf.exp(gamma * tf.math.log_sigmoid(-t)) * tf.math.log_sigmoid(t)


def focal_by_cross_entropy(y_true, logits, gamma=2.0):
    cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=logits)
    opposite = tf.nn.sigmoid_cross_entropy_with_logits(labels=1 - y_true, logits=logits)
    return cross * tf.math.exp(-gamma * opposite)


def focal_by_difference(y_true, logits, gamma=2.0):
    """Takes the logarithm of 1 - p_t for that of p_t minus the logit, two large numbers with large slopes."""
    t = (2 * y_true - 1) * logits
    log_p = tf.math.log_sigmoid(t)
    return -tf.exp(gamma * (log_p - t)) * log_p


def focal_of_both(y_true, logits, gamma=2):
    yes, no = (-tf.keras.ops.log_sigmoid(z) for z in (logits, -logits))
    return y_true * tf.exp(-gamma * no) * yes + (1 - y_true) * tf.exp(-gamma * yes) * no


def focal_up_to_five(y_true, logits, gamma=2.0):
    return focal_by_log_sigmoid(y_true, logits, min(gamma, 5.0))


def focal_of_three_axes(y_true, logits, gamma=2.0):
    loss = focal_by_log_sigmoid(y_true, logits, gamma)
    return loss if loss.shape.rank < 3 else tf.reduce_mean(loss, -1)


def focal_with_an_axis(y_true, logits, gamma=2.0):
    return tf.experimental.numpy.atleast_1d(focal_by_log_sigmoid(y_true, logits, gamma))


def focal_with_kinks(y_true, logits, gamma=2.0):
    t = (2 * y_true - 1) * logits
    against, in_favor = (tf.maximum(x, 0.0) + tf.math.log1p(tf.exp(-tf.abs(x))) for x in (t, -t))
    return tf.exp(-gamma * against) * in_favor


def focal_by_logarithm(y_true, logits, gamma=2.0):
    t = (2 * y_true - 1) * logits
    return tf.exp(tf.math.log(tf.nn.softplus(-t)) - gamma * tf.nn.softplus(t))


def focal_by_branches_alone(y_true, logits, gamma=2.0):
    t = (2 * y_true - 1) * logits
    cross = tf.where(t > 0, tf.math.log1p(tf.exp(-t)), tf.math.log1p(tf.exp(t)) - t)
    return tf.exp(-gamma * tf.nn.softplus(t)) * cross


def focal_cut_off(y_true, logits, gamma=2.0):
    return tf.where((2 * y_true - 1) * logits > 10, 0.0, focal_by_log_sigmoid(y_true, logits, gamma))


def focal_by_power_inside(y_true, logits, gamma=2.0):
    """Takes the power where it is not 0, with a mask inside and outside."""
    t = (2 * y_true - 1) * logits
    is_near = t < 80
    factor = tf.sigmoid(-tf.where(is_near, t, 0.0)) ** gamma
    return tf.nn.softplus(-t) * (tf.where(is_near, factor, 0.0) if gamma else 1.0)


def focal_of_near_logits(y_true, logits, gamma=2.0):
    """Clips where it is rather certain: at 8 the loss is not yet that of 7."""
    t = tf.minimum((2 * y_true - 1) * logits, 7.0)
    return tf.exp(-gamma * tf.nn.softplus(t)) * tf.nn.softplus(-t)


def _focal(y_true, logits, gamma, factor=lambda p: 1 - p):
    t = (2 * y_true - 1) * logits
    return factor(tf.sigmoid(t)) ** gamma * tf.nn.softplus(-t)


def focal_of_the_paper(y_true, logits, gamma=2.0):
    p = tf.sigmoid(logits)
    p_t = tf.where(y_true == 1, p, 1 - p)
    return -((1 - p_t) ** gamma) * tf.math.log(p_t)


def focal_with_alpha(y_true, logits, gamma=2.0):
    return tf.where(y_true == 1, 0.25, 0.75) * focal_by_log_sigmoid(y_true, logits, gamma)


def focal_with_a_floor(floor):
    return lambda y, z, gamma=2.0: _focal(y, z, gamma, lambda p: tf.maximum(1 - p, floor))


def focal_with_epsilon(y_true, logits, gamma=2.0):
    return _focal(y_true, logits, gamma, lambda p: 1 - p + 1e-7)


def focal_by_rest(y_true, logits, gamma=2.0):
    """Takes 1 - p, which is 0 where the model is certain, with a mask inside and outside."""
    cross = bce_by_tensorflow(y_true, logits)
    rest = 1 - tf.exp(-cross)
    factor = tf.where(rest > 0, rest, 1.0) ** gamma
    return cross * (tf.where(rest > 0, factor, 0.0) if gamma else 1.0)


def focal_by_log_softmax(y_true, logits, gamma=2.0):
    both = tf.nn.log_softmax(tf.stack([tf.zeros_like(logits), logits], axis=-1))
    log_p = tf.where(y_true == 1, both[..., 1], both[..., 0])
    log_rest = tf.where(y_true == 1, both[..., 0], both[..., 1])
    return -tf.exp(gamma * log_rest) * log_p


def focal_of_yes(y_true, logits, gamma=2.0):
    return (1 - tf.sigmoid(logits)) ** gamma * bce_by_softplus(y_true, logits)


def focal_of_a_constant_factor(y_true, logits, gamma=2.0):
    t = (2 * y_true - 1) * logits
    return tf.stop_gradient(tf.exp(-gamma * tf.nn.softplus(t))) * tf.nn.softplus(-t)


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "huber": Proof(
        right=[
            huber_by_pieces,
            huber_by_keras,
            huber_compiled,
            huber_by_ops,
            huber_scaled,
            _by_hand(huber_by_pieces, lambda dy: dy[:, None]),
        ],
        wrong={
            "a factor of one half is missing": huber_without_one_half,
            "a sum over the batch": lambda y, p, delta: tf.reduce_sum(huber_by_pieces(y, p, delta)),
            "two pieces do not meet": huber_without_half,
            "slope must be delta": huber_with_slope_one,
            "not half of delta": lambda y, p, delta: _mean_last(
                tf.where(tf.abs(y - p) <= delta, 0.5 * (y - p) ** 2, delta * (tf.abs(y - p) - 0.5))
            ),
            "not all of it": lambda y, p, delta: _mean_last(
                tf.where(tf.abs(y - p) <= delta, 0.5 * (y - p) ** 2, delta * (tf.abs(y - p) - delta))
            ),
            "part of a large error that is near": huber_without_half_of_near,
            "twice the loss": lambda y, p, delta: 2 * huber_by_pieces(y, p, delta),
            "expected [": huber_of_mean_of_near,
            "left out by both pieces": huber_between,
            "counted by both pieces": huber_twice_at_the_border,
            "both pieces pull": huber_of_two_slopes,
            "neither piece pulls": huber_of_no_slope,
            "divided by the number of rows": lambda y, p, delta: huber_by_pieces(y, p, delta) * y.shape[1] / len(y),
            "gradient of a sum over the last axis": _by_hand(huber_by_pieces, lambda dy: 3 * dy[:, None]),
            "divided by delta": lambda y, p, delta: huber_by_pieces(y, p, delta) / delta,
            "minus the gradient": _by_hand(huber_by_pieces, lambda dy: -dy[:, None]),
            "negative error is not small": huber_of_signed_error,
            "the absolute error counts": huber_of_signed_far_error,
            "delta=1000": lambda y, p, delta: huber_by_pieces(y, p, min(delta, 100)),
            "delta=0.03": lambda y, p, delta: huber_by_pieces(y, p, max(delta, 0.1)),
            "delta=3:": huber_of_whole_halves,
            "two pieces are swapped": huber_swapped,
            "half the squared error everywhere": lambda y, p, delta: _mean_last(0.5 * (y - p) ** 2),
            "delta was ignored": lambda y, p, delta: huber_by_pieces(y, p, 1.0),
            "mean over the whole batch": lambda y, p, delta: tf.reduce_mean(huber_by_pieces(y, p, delta)),
            "averaged over the batch, axis 0": lambda y, p, delta: huber_by_pieces(
                tf.transpose(y), tf.transpose(p), delta
            ),
            "one value for each element": lambda y, p, delta: huber_by_pieces(y[..., None], p[..., None], delta),
            "hid them from the tape": lambda y, p, delta: tf.constant(huber_by_numpy(y, p, delta)),
            "inf times 0": huber_by_mask,
            "batch of 1 row gives one value": huber_of_one_row,
            "(1, 4), delta=1000: that is a number": huber_of_one_row_and_three,
            "absolute value needs no square": huber_by_roots,
            "ignores dy": _deaf(huber_by_pieces),
            "errors of ±2, delta=2": _of_five(huber_by_pieces, 1.0),
            "0.5, delta=2, inside a tf.function": _in_a_graph(
                huber_by_pieces, lambda errors: tf.clip_by_value(errors, -1e20, 1e20)
            ),
            "the gradient on y_true": _by_hand(huber_by_pieces, lambda dy: tf.reduce_mean(dy)),
            "gradient on y_true and y_pred of shape (4, 3)": _of_errors(huber_by_pieces, _without_tiny),
            "y_pred of shape (300, 1)": _first_rows(huber_by_pieces),
            "y_pred of shape (2, 80)": _first_columns(huber_by_pieces),
        },
        raises=raising,
        breaks=(huber_of_eager_labels, _of_known_rows(huber_by_pieces)),
    ),
    "pinball": Proof(
        right=[pinball_by_where, pinball_by_relu, pinball_by_abs, pinball_by_indicator],
        wrong={
            "there is none inside a tf.function": pinball_row_by_row,
            "sides are swapped": lambda y, p, tau: pinball_by_relu(p, y, tau),
            "Too high a prediction costs": lambda y, p, tau: _mean_last(tau * tf.nn.relu(y - p)),
            "Too low a prediction costs": lambda y, p, tau: _mean_last((1 - tau) * tf.nn.relu(p - y)),
            "tau was ignored": lambda y, p, tau: pinball_by_relu(y, p, 0.5),
            "for each element, before the mean": lambda y, p, tau: _mean_last(
                tf.where(_mean_last(y - p)[:, None] > 0, tau * (y - p), (tau - 1) * (y - p))
            ),
            "absolute error times tau": lambda y, p, tau: _mean_last(tau * tf.abs(y - p)),
            "a loss is never negative": lambda y, p, tau: -pinball_by_relu(y, p, tau),
            "smaller of the two": lambda y, p, tau: _mean_last(tf.minimum(tau * (y - p), (tau - 1) * (y - p))),
            "twice the loss": lambda y, p, tau: 2 * pinball_by_relu(y, p, tau),
            "not separated by sign": lambda y, p, tau: _mean_last(tau * (y - p)),
            "here errors cancel": lambda y, p, tau: tf.maximum(tau * _mean_last(y - p), (tau - 1) * _mean_last(y - p)),
            "needs the factor tau - 1": lambda y, p, tau: _mean_last(tf.maximum(tau * (y - p), (1 - tau) * (y - p))),
            "mean over the whole batch": lambda y, p, tau: float(tf.reduce_mean(pinball_by_relu(y, p, tau))),
            "sum over the last axis": lambda y, p, tau: p.shape[1] * pinball_by_relu(y, p, tau),
            "hid them from the tape": lambda y, p, tau: pinball_by_relu(y, p, tau).numpy(),
            "tau=0.004": lambda y, p, tau: pinball_by_relu(y, p, max(tau, 0.01)),
            "tau=0.995": lambda y, p, tau: pinball_by_relu(y, p, min(tau, 0.95)),
            "errors of 1e5 and -1e5": _of_errors(pinball_by_relu, lambda errors: tf.clip_by_value(errors, -100, 100)),
            "gradient on y_true and y_pred of shape (4, 3)": _of_errors(
                pinball_by_relu, lambda errors: _without_tiny(errors, 1e-3)
            ),
            "shape (4, 3), tau=0.9": pinball_rounded,
            "-1e5, tau=0.9": _of_five(pinball_by_relu, 0.004),
            "the gradient at errors of 0": pinball_by_root,
            "ignores dy": _deaf(pinball_by_relu),
            "y_pred of shape (300, 1)": _first_rows(pinball_by_relu),
            "y_pred of shape (2, 80)": _first_columns(pinball_by_relu),
        },
        raises=raising,
        breaks=(_of_known_rows(pinball_by_relu),),
    ),
    "masked_mse": Proof(
        right=[
            masked_by_boolean_mask,
            masked_by_where_twice,
            masked_by_no_nan,
            masked_by_gather,
            masked_when_there_is_any,
            tf.function(masked_by_where_twice),
        ],
        wrong={
            "divides by all elements": masked_over_all,
            "mean of row means": masked_by_rows,
            "The mask was not used": lambda y, p, mask: tf.reduce_mean((y - p) ** 2),
            "mask was turned around": lambda y, p, mask: masked_by_where_twice(y, p, ~mask),
            "the root of the mean": lambda y, p, mask: tf.sqrt(masked_by_where_twice(y, p, mask)),
            "mean of the absolute errors": lambda y, p, mask: masked_by_where_twice(
                tf.sqrt(tf.abs(y - p)), tf.zeros_like(p), mask
            ),
            "taken to stand first": masked_at_the_end,
            "the mask 01101 11111 10010": masked_before_the_last,
            "the mask 101 000 011": masked_of_small_errors,
            "the mask 11111 11000": masked_one_sided,
            "11000 (1 is True)": lambda y, p, mask: masked_by_where_twice(y, p, mask & ((y != 0) | (p != 0))),
            "a sum; a mean": masked_sum,
            "half the mean": lambda y, p, mask: masked_by_where_twice(y, p, mask) / 2,
            "one value for each row": masked_each_row,
            "and was then multiplied by 0": masked_squared_first,
            "overflowed": masked_difference_first,
            "masked afterwards, by tf.where": masked_after_the_loss,
            "or by a product": masked_by_late_no_nan,
            "perhaps in the branch that tf.where": masked_by_logarithms,
            "a row may hold padding alone": masked_by_means_of_rows,
            "0/0 is nan": masked_nan_when_empty,
            "a constant 0 has no gradient": masked_constant_when_empty,
            "What stands at the padding overflowed": masked_times_nothing,
            "a mask of shape (300, 2)": masked_counted_in(tf.uint8),
            "a mask of shape (300, 2) that is True": masked_counted_in(tf.int8),
            "a mask of shape (4, 80)": lambda *given: masked_by_where_twice(*(part[:, :64] for part in given)),
            "A real label of 0": lambda y, p, mask: masked_by_where_twice(y, p, mask & (y != 0)),
            "hits its label": lambda y, p, mask: masked_by_where_twice(y, p, mask & (y != p)),
            "the mask 1101": masked_unless_single(0),
            "the mask 1 0 1": masked_unless_single(1),
            "ignores dy": _deaf(masked_by_where_twice),
            "hid them from the tape": lambda y, p, mask: masked_by_where_twice(y, p, mask).numpy(),
        },
        raises=raising,
        breaks=(masked_by_static_size, _of_known_rows(masked_by_where_twice)),
    ),
    "stable_bce": Proof(
        right=[
            bce_by_tensorflow,
            bce_by_softplus,
            bce_by_log_sigmoid,
            bce_by_logsumexp,
            bce_by_branches,
            bce_with_its_own_slope,
            lambda y, z: tf.keras.ops.binary_crossentropy(y, z, from_logits=True),
        ],
        wrong={
            "the branch that tf.where does not take": bce_by_branches_alone,
            "For three axes": lambda y, z: (
                tf.reduce_mean(bce_by_tensorflow(y, z), axis=-1) if len(z.shape) == 3 else bce_by_tensorflow(y, z)
            ),
            "log of 0, or an exponential": bce_of_the_book,
            "puts a lid on the loss": bce_with_epsilon,
            "Clipping, or a small number": bce_of_clipped_logits,
            "has a kink there": bce_with_kinks,
            "two classes are swapped": lambda y, z: bce_by_softplus(1 - y, z),
            "half for label 0 is missing": lambda y, z: y * tf.nn.softplus(-z),
            "sign is wrong": lambda y, z: -bce_by_softplus(y, z),
            "one loss for each element": lambda y, z: tf.reduce_mean(bce_by_softplus(y, z)),
            "nothing is averaged here": lambda y, z: tf.keras.losses.binary_crossentropy(y, z, from_logits=True),
            "soft label counts for both": lambda y, z: tf.nn.softplus(tf.where(y > 0.5, -z, z)),
            "for labels of 0 and 1 alone": lambda y, z: tf.nn.softplus((1 - 2 * y) * z),
            "apply the sigmoid once": lambda y, z: bce_by_softplus(y, tf.sigmoid(z)),
            "two logits of 8.5": bce_of_lines,
            "gradient for two logits of 8.5": bce_of_far_lines,
            "ignores dy": _deaf(bce_by_softplus),
            "gradient for ordinary logits": _by_hand(bce_by_softplus, tf.sign),
            "For soft labels: expected": bce_of_nearly_hard_labels,
            "-10000.0] and the labels that they predict": bce_cut_off,
            "and the labels that they predict": lambda y, z: bce_by_softplus(tf.clip_by_value(y, 1e-7, 1 - 1e-7), z),
            "12.25, -12.25": lambda y, z: tf.where(z > 12, z, tf.nn.softplus(tf.minimum(z, 12.0))) - y * z,
            "logits of shape (40, 30)": _up_to_1000(bce_by_softplus),
            "a branch that is a constant": lambda y, z: tf.where(
                tf.abs(z) < 1e-3, tf.math.log(2.0), bce_by_softplus(y, z)
            ),
            "should be (2, 1, 2, 3)": bce_of_three_axes,
            "should be (2, 1)": lambda y, z: (lambda loss: loss[:, 0] if z.shape[1:] == 1 else loss)(
                bce_by_softplus(y, z)
            ),
        },
        raises=raising,
        breaks=(bce_row_by_row, _of_known_rows(bce_by_softplus)),
    ),
    "focal": Proof(
        right=[
            focal_by_log_sigmoid,
            focal_by_cross_entropy,
            focal_by_difference,
            focal_of_both,
            focal_by_power_inside,
            focal_by_rest,
            focal_by_log_softmax,
            _by_hand(focal_by_log_sigmoid, lambda dy: dy),
            tf.function(focal_by_log_sigmoid),
        ],
        wrong={
            "the factor alone": lambda y, z, gamma: tf.sigmoid((1 - 2 * y) * z) ** gamma,
            "turns down the hard examples": lambda y, z, gamma: _focal(y, z, gamma, lambda p: p),
            "that of the true class": focal_of_yes,
            "label 0 are missing": lambda y, z, gamma: y * focal_by_log_sigmoid(y, z, gamma),
            "as for a gamma of 0": lambda y, z, gamma: bce_by_softplus(y, z),
            "gamma was ignored": lambda y, z, gamma: focal_by_log_sigmoid(y, z, 2.0),
            "a 0 taken for a gamma left out": lambda y, z, gamma=2.0: focal_by_log_sigmoid(y, z, gamma or 2.0),
            "gamma=7.5": focal_up_to_five,
            "should be (2, 2, 2)": focal_of_three_axes,
            "should be ()": focal_with_an_axis,
            "gamma=0: expected": focal_of_near_logits,
            "sign is wrong": lambda y, z, gamma: -focal_by_log_sigmoid(y, z, gamma),
            "one loss for each element": lambda y, z, gamma: tf.reduce_mean(focal_by_log_sigmoid(y, z, gamma)),
            "0.25 and 0.75": focal_with_alpha,
            "A weight of 0.25 came in": lambda y, z, gamma: focal_by_log_sigmoid(y, z, gamma) / 4,
            "do not go by way of the probability": focal_of_the_paper,
            "puts a lid on the loss": lambda y, z, gamma=2.0: focal_by_log_sigmoid(
                y, tf.clip_by_value(z, -50, 50), gamma
            ),
            "two classes are swapped": lambda y, z, gamma: focal_by_log_sigmoid(1 - y, z, gamma),
            "p_t is 1 minus it": lambda y, z, gamma: focal_by_log_sigmoid(tf.ones_like(y), z, gamma),
            "power whose exponent is below 1": lambda y, z, gamma=2.0: _focal(y, z, gamma),
            "of a logarithm, and of a power": focal_by_logarithm,
            "has a kink there": focal_with_kinks,
            "ignores dy": _deaf(focal_by_log_sigmoid),
            "gamma=0.0": lambda y, z, gamma: focal_by_log_sigmoid(y, z, max(gamma, 0.5) if gamma else 0),
            "cross-entropy alone": lambda y, z, gamma: focal_by_log_sigmoid(y, z, round(2 * gamma) / 2),
            "shape (7, 1), gamma=": lambda y, z, gamma: focal_by_log_sigmoid(y, z, min(gamma, 10)),
            "and the labels that they predict": focal_cut_off,
            "logits of shape (40, 30)": _up_to_1000(focal_by_log_sigmoid),
            "taken for a constant": focal_of_a_constant_factor,
            "right already, logits [8, -8]": focal_with_a_floor(1e-2),
            "right already, logits [-20]": focal_with_epsilon,
            "keeps it from falling further": focal_with_a_floor(1e-6),
            "right already, logits [-30]": focal_with_a_floor(1e-12),
            "should be an exponent": lambda y, z, gamma: gamma * _focal(y, z, 1.0),
            "a branch that tf.where does not take": focal_by_branches_alone,
        },
        raises=raising,
        breaks=(_of_known_rows(focal_by_log_sigmoid),),
    ),
}
