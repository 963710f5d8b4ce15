"""Answers to the exercises of notebook 06 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def stop_by_counter(
    val_losses, patience, min_delta, *, exactly=False, bar="", in_a_row=True, extra=0, start=np.inf, nan=False,
    rise=False, share=False, left_out=False, anew=False,
):  # fmt: skip
    mark, waited, epoch = start, 0, 0
    for loss in val_losses:
        epoch += 1
        gain = abs(mark - loss) if rise else mark - loss
        enough = min_delta * (mark if share and epoch > 1 else 1)
        if gain > enough or (exactly and gain == min_delta) or (nan and np.isnan(gain)):
            mark, waited = loss, 0 if in_a_row else waited
        elif not (left_out and np.isnan(loss)):
            waited = 0 if anew and np.isnan(loss) else waited + 1
        mark = {"before": loss, "best": min(mark, loss), "nan": loss if np.isnan(loss) else mark}.get(bar, mark)
        if waited == patience + extra:
            break
    return np.int64(epoch), np.nanargmin(val_losses[:epoch]) + 1


def stop_by_windows(val_losses, patience, min_delta):
    """Compare the least of the last losses with the least before them, whatever the last progress was."""
    for epoch in range(patience + 1, len(val_losses) + 1):
        least, last = (min(part, default=np.inf) for part in np.split(val_losses[:epoch], [epoch - patience]))
        if last >= least - min_delta:
            break
    else:
        epoch = len(val_losses)
    return epoch, int(np.nanargmin(val_losses[:epoch])) + 1


def stop_by_list_of_progress(val_losses, patience, min_delta):
    progress = [0]
    for i, loss in enumerate(val_losses):
        if loss + min_delta < val_losses[progress[-1]]:
            progress.append(i)
        if i - progress[-1] >= patience:
            break
    seen = [loss if loss == loss else float("inf") for loss in val_losses[: i + 1]]
    return [i + 1, seen.index(min(seen)) + 1]


def stop_by_keras(val_losses, patience, min_delta):
    class Model:
        stop_training, weights, optimizer = False, [], None

    stop = tf.keras.callbacks.EarlyStopping("loss", min_delta=min_delta, patience=patience, mode="min")
    stop.set_model(Model())
    stop.on_train_begin()
    epochs = 0
    while epochs < len(val_losses) and not stop.model.stop_training:
        stop.on_epoch_end(epochs, {"loss": val_losses[epochs]})
        epochs += 1
    return tf.constant([epochs, int(np.nanargmin(val_losses[:epochs])) + 1])


def stop_by_recursion(val_losses, patience, min_delta):
    def epochs(at, mark, waited):
        if at == len(val_losses) or waited == patience:
            return at
        progress = val_losses[at] < mark - min_delta
        return epochs(at + 1, val_losses[at] if progress else mark, 0 if progress else waited + 1)

    trained = epochs(1, val_losses[0], 0)
    return trained, 1 + min(range(trained), key=lambda i: np.nan_to_num(val_losses[i], nan=np.inf))


def stop_on(change):
    """Return answers that see other losses than those that were given."""
    return lambda losses, patience, min_delta: stop_by_counter([change(loss) for loss in losses], patience, min_delta)


def stop_where_no_loss_is_false(losses, patience, min_delta):
    best, mark, at, best_at, epoch = None, None, 0, 0, 0
    for epoch, loss in enumerate(losses, 1):
        if not best or loss < best:
            best, best_at = loss, epoch
        if not mark or mark - loss > min_delta:
            mark, at = loss, epoch
        if epoch - at >= patience:
            break
    return epoch, best_at


def stop_where_close_is_equal(losses, patience, min_delta):
    """Compare as `np.isclose` does, which for large losses calls small gains equal to `min_delta`."""
    mark, waited, epoch = np.inf, 0, 0
    for loss in losses:
        epoch += 1
        progress = mark - loss > min_delta and not np.isclose(loss, mark - min_delta)
        mark, waited = (loss, 0) if progress else (mark, waited + 1)
        if waited == patience:
            break
    return epoch, int(np.nanargmin(losses[:epoch])) + 1


def stop_after_nan(losses, patience, min_delta):
    first = next((i for i, loss in enumerate(losses) if loss != loss), len(losses))
    return stop_by_counter(losses[: first + 1], patience, min_delta)


def stop_counting_nans_in_a_row_once(losses, patience, min_delta):
    kept = [i for i, loss in enumerate(losses) if not (i and np.isnan(losses[i - 1]) and np.isnan(loss))]
    trained, best = stop_by_counter([losses[i] for i in kept], patience, min_delta)
    return (kept[trained] if trained < len(kept) else len(losses)), kept[best - 1] + 1


def stop_in_three_branches(losses, patience, min_delta):
    mark = least = losses[0]
    best, waited, epoch = 1, 0, 1
    for epoch, loss in enumerate(losses[1:], 2):
        if mark - loss > min_delta:
            mark = least = loss
            best, waited = epoch, 0
        elif loss < least:
            least, best = loss, epoch
        else:
            waited += 1
        if waited == patience:
            break
    return epoch, best


def stop_lowering_the_count(losses, patience, min_delta):
    mark, waited, epoch = np.inf, 0, 0
    for loss in losses:
        epoch += 1
        progress = mark - loss > min_delta
        mark, waited = (loss, max(waited - 1, 0)) if progress else (mark, waited + 1)
        if waited == patience:
            break
    return epoch, int(np.nanargmin(losses[:epoch])) + 1


def stop_when_the_next_begins(losses, patience, min_delta):
    trained, best = stop_by_counter(losses, patience, min_delta)
    return min(trained + 1, len(losses)), best


def stop_below_ten(losses, patience, min_delta):
    trained, best = stop_by_counter(losses, patience, min_delta, start=10.0)
    return trained, best if losses[best - 1] < 10 else 0


def stop_with(**fault):
    return lambda losses, patience, min_delta: stop_by_counter(losses, patience, min_delta, **fault)


def stop_keeping(choose):
    """Return answers that stop in time and hand over `choose(losses, epochs trained, min_delta)`, counted from 0."""

    def stop_and_best(losses, patience, min_delta):
        trained, _ = stop_by_counter(losses, patience, min_delta)
        return trained, choose(losses, trained, min_delta) + 1

    return stop_and_best


def least_to_three_digits(losses, trained, min_delta):
    return int(np.nanargmin(np.round(losses[:trained], 3)))


def last_progress(losses, trained, min_delta):
    mark, at = np.inf, 0
    for i, loss in enumerate(losses[:trained]):
        if mark - loss > min_delta:
            mark, at = loss, i
    return at


def last_of_the_least(losses, trained, min_delta):
    return max(i for i, loss in enumerate(losses[:trained]) if loss == np.nanmin(losses[:trained]))


def epoch_by_legacy_shuffle(train_step, x, y, epoch, batch_size):
    order = np.arange(len(x))
    np.random.shuffle(order)
    batches = np.split(order, range(batch_size, len(x), batch_size))
    losses = [train_step(x[rows], y[rows]).numpy() for rows in batches]
    return np.average(losses, weights=[len(rows) for rows in batches])


def epoch_by_tf_data(train_step, x, y, epoch, batch_size):
    mean = tf.keras.metrics.Mean()
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=epoch).batch(batch_size)
    for x_batch, y_batch in dataset:
        mean.update_state(train_step(x_batch, y_batch), sample_weight=len(y_batch))
    return float(mean.result())


def epoch_by_recursion(train_step, x, y, epoch, batch_size):
    def total(rows):
        head, tail = rows[:batch_size], rows[batch_size:]
        return float(train_step(x[head], y[head])) * len(head) + (total(tail) if len(tail) else 0)

    return total(np.random.default_rng().permutation(len(x))) / len(x)


def epoch_in_equal_parts(train_step, x, y, epoch, batch_size):
    parts = np.array_split(np.random.default_rng(epoch).permutation(len(x)), -(-len(x) // batch_size))
    return np.average([float(train_step(x[rows], y[rows])) for rows in parts], weights=list(map(len, parts)))


def threes_in_one_epoch(n, epoch):
    group = np.arange(n) // (3 if epoch == 7 else 1)  # every other group the other way round
    return np.lexsort((np.arange(n) * (-1) ** group, np.random.default_rng(epoch).permutation(n)[group]))


def epoch_by_a_small_buffer(train_step, x, y, epoch, batch_size):
    dataset, total = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(10_000, seed=epoch).batch(batch_size), 0.0
    for x_batch, y_batch in dataset:
        total += float(train_step(x_batch, y_batch)) * len(y_batch)
    return total / len(x)


def epoch_without_a_single_row(train_step, x, y, epoch, batch_size):
    order, total = np.random.default_rng(epoch).permutation(len(x)), 0.0
    for start in range(0, len(x) - 1, batch_size):
        rows = order[start : start + batch_size]
        total += float(train_step(x[rows], y[rows])) * len(rows)
    return total / len(x)


def epoch_of_an_empty_batch(train_step, x, y, epoch, batch_size):
    order, total = np.random.default_rng(epoch).permutation(len(x)), 0.0
    for i in range(len(x) // batch_size + 1):
        rows = order[i * batch_size : (i + 1) * batch_size]
        total += float(train_step(x[rows], y[rows])) * len(rows)
    return total / len(x)


def last_for_first(n, seed):
    return n - 1 - np.random.default_rng(seed).permutation(n)


def same_moves(n, epoch):
    """Return what comes of the stored order when the examples change places in one ring, once more each epoch."""
    ring, order = np.random.default_rng(1).permutation(n), np.random.default_rng(2).permutation(n)
    order[ring] = order[np.roll(ring, epoch + 1)]
    return order


def faulty_epoch(fault):
    orders = {  # of n examples, in an epoch
        "with replacement": lambda n, epoch: np.random.default_rng(epoch).integers(0, n, n),
        "same order": lambda n, epoch: np.random.default_rng(1).permutation(n),
        "no shuffle": lambda n, epoch: np.arange(n),
        "every fifth order": lambda n, epoch: np.random.default_rng(epoch % 5).permutation(n),
        "moved": lambda n, epoch: np.roll(np.random.default_rng(1).permutation(n), epoch),
        "strides": lambda n, epoch: np.arange(n) * (epoch + 3) % n,
        "halves": lambda n, epoch: np.concatenate(
            [rows[np.random.default_rng(epoch).permutation(len(rows))] for rows in np.array_split(np.arange(n), 2)]
        ),
        "within batches": lambda n, epoch: np.lexsort((np.random.default_rng(epoch).random(n), np.arange(n) // 7)),
        "pairs": lambda n, epoch: np.argsort(
            np.random.default_rng(epoch).permutation(n)[np.arange(n) // 2], kind="stable"
        ),
        "threes in one epoch": threes_in_one_epoch,
        "first epoch stored": lambda n, epoch: np.random.default_rng(epoch).permutation(n) if epoch else np.arange(n),
        "shifted": lambda n, epoch: (np.random.default_rng(1).permutation(n) + epoch) % n,
        "mirrored": lambda n, epoch: (
            np.random.default_rng(epoch // 2).permutation(n) if epoch % 2 else last_for_first(n, epoch // 2)
        ),
        "same moves": same_moves,
        "thousands": lambda n, epoch: np.lexsort(
            (np.random.default_rng(epoch).random(n), np.random.default_rng(epoch).permutation(n)[np.arange(n) // 1000])
        ),
        "last one stays": lambda n, epoch: np.append(np.random.default_rng(epoch).permutation(n - 1), n - 1),
    }

    def run_epoch(train_step, x, y, epoch, batch_size):
        shuffled = lambda n, epoch: np.random.default_rng(epoch).permutation(n)  # noqa: E731
        order = orders.get(fault, shuffled)(len(x), epoch)
        stop = len(x) - batch_size + 1 if fault == "ragged batch dropped" else len(x)
        losses, sizes = [], []
        for start in range(0, stop, batch_size):
            rows = order[start : start + batch_size]
            rows = np.sort(rows) if fault == "sorted rows" else rows  # as some files are read
            losses.append(float(train_step(x[rows], y[np.sort(rows)] if fault == "labels" else y[rows])))
            sizes.append(len(rows))
            if fault == "twice":
                train_step(x[rows], y[rows])
        total = np.dot(losses, sizes)
        answers = {
            "last": losses[-1],
            "first": losses[0],
            "means": np.mean(losses),
            "sum": np.sum(losses),
            "total": total,
            "total over batches": total / len(losses),
            "total over full batches": total / (len(losses) * batch_size),
            "means over examples": np.sum(losses) / len(x),
            "all full": np.sum(losses) * batch_size / len(x),
            "digits": round(total / len(x), 2),
        }
        return answers.get(fault, np.average(losses, weights=sizes))

    return run_epoch


def epoch_by_shuffled_batches(train_step, x, y, epoch, batch_size):
    batches = np.split(np.arange(len(x)), range(batch_size, len(x), batch_size))
    full, tail = batches[: len(x) // batch_size], batches[len(x) // batch_size :]
    batches = [full[i] for i in np.random.default_rng(epoch).permutation(len(full))] + tail
    losses = [float(train_step(x[rows], y[rows])) for rows in batches]
    return np.average(losses, weights=[len(rows) for rows in batches])


def epoch_same_in_two_of_three(train_step, x, y, epoch, batch_size):
    return epoch_by_seed(max(1, epoch))(train_step, x, y, epoch, batch_size)


def epoch_by_seed(seed):
    def run_epoch(train_step, x, y, epoch, batch_size):
        order = np.random.default_rng(seed).permutation(len(x))
        batches = np.split(order, range(batch_size, len(x), batch_size))
        return np.average([float(train_step(x[rows], y[rows])) for rows in batches], weights=list(map(len, batches)))

    return run_epoch


def epoch_by_labels(train_step, x, y, epoch, batch_size):
    order, total = np.argsort(y.reshape(len(y), -1)[:, 0]), 0.0
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        total += float(train_step(x[rows], y[rows])) * len(rows)
    return total / len(x)


def epoch_by_random_keys(train_step, x, y, epoch, batch_size):
    order, total = np.argsort(np.random.default_rng([7, epoch]).random(len(x))), tf.constant(0.0)
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        total += train_step(tf.gather(x, rows), tf.gather(y, rows)) * len(rows)
    return total.numpy() / len(x)


def epoch_in_place(train_step, x, y, epoch, batch_size):
    for array in (x, y):
        np.random.default_rng(epoch).shuffle(array)
    return faulty_epoch("no shuffle")(train_step, x, y, epoch, batch_size)


def warmup_by_where(step, peak, warmup_steps):
    step = tf.cast(step, tf.float32)
    return tf.where(step + 1 < warmup_steps, peak * (step + 1) / warmup_steps, peak)


def warmup_by_branch(step, peak, warmup_steps):
    if step >= warmup_steps:
        return tf.constant(peak, tf.float32)
    return tf.cast(peak * tf.cast(step + 1, tf.float32) / warmup_steps, tf.float32)


def warmup_by_clipping(step, peak, warmup_steps):
    return peak * tf.clip_by_value(_line(step, warmup_steps), 0.0, 1.0)


def warmup_by_keras(step, peak, warmup_steps):
    return tf.keras.optimizers.schedules.PolynomialDecay(0.0, warmup_steps, peak)(tf.cast(step, tf.int64) + 1)


def warmup_in_python(step, peak, warmup_steps):
    return peak * min(1.0, (step + 1) / warmup_steps)


def warmup_of_tensors_alone(step, peak, warmup_steps):
    if isinstance(step, tf.Tensor):
        return warmup_by_where(step, peak, warmup_steps)
    return warmup_in_python(step, peak, warmup_steps)


def warmup_of_variables_of_tensorflow(step, peak, warmup_steps):
    """Those of Keras, as an optimizer's count of steps, are of another class."""
    if isinstance(step, tf.Tensor | tf.Variable):
        return warmup_by_where(step, peak, warmup_steps)
    return warmup_in_python(step, peak, warmup_steps)


def _line(step, warmup_steps):
    return (tf.cast(step, tf.float32) + 1) / warmup_steps


def matrix_by_numpy(model, batches, classes, training=False):
    matrix = np.zeros((classes, classes), np.int64)
    for x_batch, y_batch in batches:
        np.add.at(matrix, (y_batch.numpy(), model(x_batch, training=training).numpy().argmax(1)), 1)
    return matrix


def matrix_by_one_hot(model, batches, classes, cast=True):
    total = 0.0
    for x_batch, y_batch in batches:
        y_pred = tf.argmax(model.predict_on_batch(x_batch), axis=1)
        y = tf.cast(y_batch, tf.int64) if cast else y_batch
        total += tf.matmul(tf.one_hot(y, classes), tf.one_hot(y_pred, classes), transpose_a=True)
    return total


def matrix_by_assignment(model, batches, classes):
    matrix = np.zeros((classes, classes), np.int64)
    for x_batch, y_batch in batches:
        matrix[y_batch.numpy(), model(x_batch, training=False).numpy().argmax(1)] += 1
    return matrix


def matrix_by_bincount(model, batches, classes, cast=True):
    counts = 0
    for x_batch, y_batch in batches:
        y = tf.cast(y_batch, tf.int64) if cast else y_batch
        at = tf.cast(y * tf.cast(classes, y.dtype), tf.int64) + tf.argmax(model(x_batch), axis=1)
        counts += tf.math.bincount(tf.cast(at, tf.int32), minlength=classes**2)
    return tf.reshape(counts, (classes, classes))


def matrix_in_dtype_of_labels(model, batches, classes):
    counts = 0
    for x_batch, y in batches:
        at = y * tf.cast(classes, y.dtype) + tf.cast(tf.argmax(model(x_batch), axis=1), y.dtype)
        counts += tf.math.bincount(tf.cast(at, tf.int32) % classes**2, minlength=classes**2)
    return tf.reshape(counts, (classes, classes))


def matrix_of_all_at_once(model, batches, classes):
    labels, answers = [], []
    for x_batch, y_batch in batches:
        labels += y_batch.numpy().tolist()
        answers += np.argmax(model(x_batch), axis=1).tolist()
    return tf.math.confusion_matrix(labels, answers, num_classes=classes)


def matrix_by_variable(model, batches, classes):
    matrix = tf.Variable(tf.zeros((classes, classes), tf.int32))
    for x_batch, y_batch in batches:
        y_pred = tf.argmax(model(x_batch, training=False), axis=-1, output_type=tf.int32)
        matrix.scatter_nd_add(tf.stack([tf.cast(y_batch, tf.int32), y_pred], axis=1), tf.ones_like(y_pred))
    return matrix


def matrix_of_flat_examples(model, batches, classes):
    return matrix_by_numpy(model, ((tf.reshape(x_batch, (len(x_batch), 1, -1)), y) for x_batch, y in batches), classes)


def matrix_of_seen_classes(model, batches, classes):
    pairs = [(y, model(x, training=False).numpy().argmax(1)) for x, y in batches]
    y_true, y_pred = (np.concatenate(part) for part in zip(*pairs, strict=True))
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (np.searchsorted(np.unique(y_true), y_true), y_pred), 1)
    return matrix


def matrix_of(change):
    """Return answers that take the greatest of `change(logits)`."""

    def confusion_matrix(model, batches, classes):
        return matrix_by_numpy(lambda x, training: change(model(x, training=training)), batches, classes)

    return confusion_matrix


def matrix_after_counting(model, batches, classes):
    if sum(1 for _ in batches) == 0:
        return np.zeros((classes, classes))
    return matrix_by_numpy(model, batches, classes)


def matrix_after_a_look(model, batches, classes):
    next(iter(batches))
    return matrix_by_numpy(model, batches, classes)


def matrix_of_one_row(model, batches, classes):
    matrix = [[0] * classes] * classes
    for x_batch, y_batch in batches:
        for t, p in zip(y_batch, np.argmax(model(x_batch, training=False), axis=1), strict=True):
            matrix[int(t)][p] += 1
    return matrix


def last_matrix(model, batches, classes):
    return matrix_by_numpy(model, list(batches)[-1:], classes)


def full_batches_only(model, batches, classes):
    batches = list(batches)
    full = [pair for pair in batches if len(pair[1]) == len(batches[0][1])]
    return matrix_by_numpy(model, full, classes)


def shares(model, batches, classes):
    matrix = matrix_by_numpy(model, batches, classes)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def raising(*_):
    raise ValueError("no")


def share(losses, mask, real_words, penalty, replicas):
    return tf.reduce_sum(losses[mask]) / tf.cast(real_words, tf.float32) + penalty / replicas


def share_in_numpy(losses, mask, real_words, penalty, replicas):
    return np.sum(losses.numpy()[mask.numpy()]) / float(real_words) + float(penalty) / replicas


def share_in_float64(losses, mask, real_words, penalty, replicas):
    real = tf.cast(tf.boolean_mask(losses, mask), tf.float64)
    shares = [tf.reduce_sum(real) / tf.cast(real_words, tf.float64), tf.cast(penalty, tf.float64) / replicas]
    return tf.add_n(shares)


def share_with_penalty_by_words(losses, mask, real_words, penalty, replicas):
    """Add the penalty to the loss of each word: it is in their mean, and only once."""
    return tf.reduce_sum(tf.where(mask, losses + penalty, 0)) / tf.cast(real_words, tf.float32)


def share_by_where(losses, mask, real_words, penalty, replicas):
    return tf.math.divide(tf.reduce_sum(tf.where(mask, losses, 0)), np.float32(real_words)) + penalty * (1 / replicas)


def share_by_rows(losses, mask, real_words, penalty, replicas):
    total = tf.constant(0.0)
    for row, real in zip(losses, mask, strict=True):
        total += tf.reduce_sum(row[real])
    return total / tf.cast(real_words, tf.float32) + penalty / replicas


def share_without_signs(losses, mask, real_words, penalty, replicas):
    return share(abs(losses), mask, real_words, abs(penalty), replicas)


PROOFS = {
    "stop_and_best": Proof(
        right=[stop_by_counter, stop_by_list_of_progress, stop_by_keras, stop_by_recursion],
        wrong={
            "got [4, 4]": stop_by_windows,
            "losses [17592186044416.0": lambda *given: stop_by_counter(*given, start=1e9),
            "best epoch is one too early": stop_keeping(
                lambda losses, trained, min_delta: np.nanargmin(losses[:trained]) - 1
            ),
            "not how many losses there are": lambda losses, *rest: (len(losses), stop_by_counter(losses, *rest)[1]),
            "An epoch whose loss is nan was left out": stop_with(left_out=True),
            "nan, nan, nan": stop_counting_nans_in_a_row_once,
            "After a nan nothing was progress again": stop_with(bar="nan"),
            "stops one epoch late": stop_with(extra=1),
            "any gain": lambda losses, patience, min_delta: stop_by_counter(losses, patience, 0),
            "compares with the epoch before": stop_with(bar="before"),
            "small gains add up": stop_with(bar="best"),
            "exactly `min_delta`": stop_with(exactly=True),
            "it counts in the row": stop_in_three_branches,
            "was not trained": stop_when_the_next_begins,
            "only those in a row": stop_with(in_a_row=False),
            "and do not take away 1": stop_lowering_the_count,
            "must be one that was trained": stop_keeping(lambda losses, trained, min_delta: np.nanargmin(losses)),
            "That is the last progress": stop_keeping(last_progress),
            "the first is the best": stop_keeping(last_of_the_least),
            "as `np.argmin` does": stop_keeping(lambda losses, trained, min_delta: np.argmin(losses[:trained])),
            "never stopped": lambda losses, patience, min_delta: (len(losses), np.nanargmin(losses) + 1),
            "pair is swapped": lambda *answer: stop_by_counter(*answer)[::-1],
            "one too few: epochs count from 1": lambda *answer: [number - 1 for number in stop_by_counter(*answer)],
            "one too many: epochs count from 1": lambda *answer: [number + 1 for number in stop_by_counter(*answer)],
            "taken for progress": stop_with(nan=True),
            "A nan began the row anew": stop_with(anew=True),
            "were removed first": lambda losses, *rest: stop_by_counter(
                [loss for loss in losses if loss == loss], *rest
            ),
            "stops one epoch early": lambda losses, patience, min_delta: stop_by_counter(
                losses, max(patience - 1, 1), min_delta
            ),
            "The last epoch was not counted": lambda *answer: (
                stop_by_counter(*answer)[0] - 1,
                stop_by_counter(*answer)[1],
            ),
            "begin with infinity": stop_below_ten,
            "A nan does not end the training": stop_after_nan,
            "A pair of ints is expected": lambda *answer: [float(number) for number in stop_by_counter(*answer)],
            # what shows only on losses below 0, on close ones, and on many
            "min_delta 0.03125: expected": stop_on(abs),
            "min_delta 0.0: expected": stop_keeping(least_to_three_digits),
            "patience 1, min_delta 0.0: expected": stop_on(lambda loss: round(loss, 5)),
            "min_delta 2.0: expected": lambda losses, n, d: stop_by_counter(losses, n, min(d, 1.0)),
            "min_delta 9.53": lambda losses, n, d: stop_by_counter(losses, n, max(d, 0.001) if d else d),
            "patience 12": lambda losses, *rest: stop_by_counter(losses[:20], *rest),
            "A rise was taken for progress": stop_with(rise=True),
            "not a share of one": stop_with(share=True),
            "The last epoch that was trained may be": stop_keeping(
                lambda losses, trained, min_delta: np.nanargmin(losses[: max(trained - 1, 1)])
            ),
            "losses [0.46875, 0.0, 0.3125": stop_where_no_loss_is_false,
            "min_delta 0.5: expected [9, 6], got [7, 6].": stop_where_close_is_equal,
            "min_delta 0.0: expected [4, 3]": lambda losses, n, d: stop_by_counter(losses, n, max(d, 1e-7)),
            "expected [4, 3], got [2, 2]": lambda losses, n, d: stop_by_counter(losses, n, d + 1e-8),
        },
        raises=raising,
    ),
    "run_epoch": Proof(
        right=[epoch_by_legacy_shuffle, epoch_by_tf_data, epoch_by_random_keys, epoch_by_recursion],
        wrong={
            "a batch that holds no example": epoch_of_an_empty_batch,
            "used exactly once": faulty_epoch("with replacement"),
            "cut both alike": lambda step, x, y, *rest: faulty_epoch("")(
                lambda x_batch, _: step(x_batch, y), x, y, *rest
            ),
            "examples of full batches": faulty_epoch("total over full batches"),
            "A batch's loss is a mean": faulty_epoch("means over examples"),
            "divided by the number of batches": faulty_epoch("total over batches"),
            "Most examples follow their neighbor": epoch_by_shuffled_batches,
            "Most examples follow": faulty_epoch("pairs"),
            "In one epoch most": faulty_epoch("threes in one epoch"),
            "In one epoch most examples": faulty_epoch("first epoch stored"),
            "is the shuffle buffer smaller": epoch_by_a_small_buffer,
            "9 examples in batches of 4: 1 example never came": epoch_without_a_single_row,
            "other numbers than those of y": lambda step, x, y, *rest: faulty_epoch("")(step, x, y.astype(int), *rest),
            "Two epochs had the same order": epoch_same_in_two_of_three,
            "had the same order. Let the": epoch_by_labels,
            "had the same order. Let the order": lambda step, x, y, epoch, size: epoch_by_seed(epoch % 256)(
                step, x, y, epoch, size
            ),
            "stored close together": faulty_epoch("thousands"),
            "keep the order that was drawn": faulty_epoch("sorted rows"),
            "had the same order": faulty_epoch("same order"),
            "had the same order. Let": faulty_epoch("every fifth order"),
            "an order was turned or moved": faulty_epoch("moved"),
            "at the same distance": faulty_epoch("strides"),
            "The same examples come early": faulty_epoch("halves"),
            "and not parts by themselves": faulty_epoch("within batches"),
            "differ by the same": faulty_epoch("shifted"),
            "or add up to the same": faulty_epoch("mirrored"),
            "by the same moves": faulty_epoch("same moves"),
            "the same place in each epoch": faulty_epoch("last one stays"),
            "each but the last one holds 7": epoch_in_equal_parts,
            "first batch's loss": faulty_epoch("first"),
            "divide by their number": faulty_epoch("total"),
            "as if it were full": faulty_epoch("all full"),
            "expected": faulty_epoch("digits"),
            "other numbers than those of x": lambda step, x, *rest: faulty_epoch("")(step, x / 255, *rest),
            "ran twice": faulty_epoch("twice"),
            "last batch's loss": faulty_epoch("last"),
            "mean of the batches' means": faulty_epoch("means"),
            "a sum over batches": faulty_epoch("sum"),
            "in which they are stored": faulty_epoch("no shuffle"),
            "never came. Keep": faulty_epoch("ragged batch dropped"),
            "the label of another": faulty_epoch("labels"),
            "arrays were reordered": epoch_in_place,
            "a tensor came, and a float": lambda *answer: tf.constant(faulty_epoch("")(*answer), tf.float32),
            "The epoch's loss is expected": lambda *answer: faulty_epoch("")(*answer) and None,
        },
        raises=raising,
    ),
    "warmup": Proof(
        right=[warmup_by_where, warmup_by_branch, warmup_by_clipping, warmup_by_keras],
        wrong={
            "would not move": lambda s, peak, w: peak * tf.minimum(1.0, _line(s, w) - 1 / w),
            "That line starts at 0": lambda s, peak, w: (
                peak * tf.minimum(1.0, _line(s, w) * w / max(w - 1, 1) - 1 / max(w - 1, 1))
            ),
            "which is (s + 1) / W": lambda s, peak, w: peak * tf.minimum(1.0, w * _line(s, w) - 1 + 1 / w),
            "rises for ever": lambda s, peak, w: peak * _line(s, w),
            "rises above the peak": lambda s, peak, w: tf.where(s > w, peak, peak * _line(s, w)),
            "starts at the peak": lambda s, peak, w: peak * tf.maximum(1.0, _line(s, w)),
            "is it an integer division?": lambda s, peak, w: peak * tf.minimum(1.0, tf.floor(_line(s, w))),
            "multiply it by the peak": lambda s, peak, w: tf.minimum(1.0, _line(s, w)),
            "one step ahead": lambda s, peak, w: peak * tf.minimum(1.0, _line(s + 1, w)),
            "one step late": lambda s, peak, w: peak * tf.minimum(1.0, _line(s, w + 1)),
            "one step early": lambda s, peak, w: peak * tf.minimum(1.0, _line(s, max(w - 1, 1))),
            "It ends at 1": lambda s, peak, w: tf.minimum(1.0, peak * tf.minimum(1.0, _line(s, w))),
            "a tensor of float64": lambda s, peak, w: tf.cast(warmup_by_where(s, peak, w), tf.float64),
            "peak 0.0001, 7000": lambda s, peak, w: tf.maximum(1e-7, warmup_by_where(s, peak, w)),
            "step 20, peak 0.0001": lambda s, peak, w: tf.where(
                s == 0, peak / w, tf.round(1e6 * warmup_by_where(s, peak, w)) / 1e6
            ),
            "step 0, peak 0.0001": lambda s, peak, w: tf.round(1e6 * warmup_by_where(s, peak, w)) / 1e6,
            "7000": lambda s, peak, w: warmup_by_where(s, peak, min(w, 500)),
            "step 41000": lambda s, peak, w: warmup_by_where(tf.cast(s, tf.int16), peak, w),
            "step 1512000": lambda s, peak, w: warmup_by_where(s, peak, w) * tf.where(s < 10**5, 1.0, 0.5),
            "For step 1512000": lambda s, peak, w: warmup_by_where(s % (10 * w), peak, w),
        },
        raises=warmup_in_python,
        breaks=(warmup_of_tensors_alone, warmup_of_variables_of_tensorflow),
    ),
    "confusion_matrix": Proof(
        right=[matrix_by_numpy, matrix_by_one_hot, matrix_by_bincount, matrix_of_all_at_once, matrix_by_variable],
        wrong={
            "The answers, too.": matrix_in_dtype_of_labels,
            "shares of the columns": lambda *answer: (
                matrix_by_numpy(*answer) / np.maximum(matrix_by_numpy(*answer).sum(axis=0), 1)
            ),
            "swapped": lambda *answer: matrix_by_numpy(*answer).T,
            "last batch alone": last_matrix,
            "last batch is missing": full_batches_only,
            "Those are shares": shares,
            "counted once": lambda *answer: np.minimum(matrix_by_numpy(*answer), 1),
            "In each batch, repeated pairs": matrix_by_assignment,
            "one row, n times": matrix_of_one_row,
            "Only the mistakes": lambda *answer: matrix_by_numpy(*answer) * (1 - np.eye(answer[2])),
            "shares of all examples": lambda *answer: matrix_by_numpy(*answer) / np.sum(matrix_by_numpy(*answer)),
            "first batch is missing": matrix_after_a_look,
            "cut to whole numbers": lambda *answer: shares(*answer).astype(int),
            "than int8 has": lambda *answer: matrix_by_numpy(*answer).astype("int8"),
            "700 examples": lambda model, batches, classes: sum(
                matrix_by_numpy(model, [batch], classes).astype("uint8").astype(int) for batch in batches
            ),
            "than int16 has": lambda *answer: matrix_by_numpy(*answer).astype("int16"),
            "than float16 has": lambda *answer: matrix_by_numpy(*answer).astype("float16"),
            "first batch alone": lambda model, batches, classes: matrix_by_numpy(model, [next(iter(batches))], classes),
            "gone through once": matrix_after_counting,
            "needs more bits": lambda *answer: matrix_by_numpy(*answer) % 256,
            "in training mode": lambda *answer: matrix_by_numpy(*answer, training=True),
            ". Labels of few bits": lambda *answer: matrix_by_bincount(*answer, cast=False),
            "generator of batches of 8, 20 classes": matrix_of_seen_classes,
            "64 examples": matrix_of(tf.sigmoid),
            "64 examples in": matrix_of(tf.exp),
            "33 examples": lambda model, batches, classes: matrix_by_numpy(
                model, [(x / 255, y) for x, y in batches], classes
            ),
            "Only the right answers": lambda *answer: np.diag(np.diag(matrix_by_numpy(*answer))),
        },
        raises=raising,
        breaks=(matrix_of_flat_examples, lambda *answer: matrix_by_one_hot(*answer, cast=False)),
    ),
    "replica_loss": Proof(
        right=[share, share_in_numpy, share_in_float64, share_by_where, share_by_rows, share_with_penalty_by_words],
        wrong={
            "a broken loss would never show": lambda losses, mask, *rest: share(
                losses, mask & tf.math.is_finite(losses), *rest
            ),
            "do not divide it by them": lambda losses, mask, real, penalty, n: (
                (tf.reduce_sum(losses[mask]) + penalty) / float(real)
            ),
            "padding included: sum the real ones": lambda losses, mask, real, penalty, n: (
                tf.reduce_mean(losses) + penalty / n
            ),
            "and not all of it": lambda losses, mask, real, penalty, n: share(
                losses, mask, real, penalty, n if np.any(mask) else 1
            ),
            "The padding counts": lambda losses, mask, *rest: share(losses, tf.ones_like(mask), *rest),
            "That takes the padding alone": lambda losses, mask, *rest: share(losses, ~mask, *rest),
            "adds the whole penalty": lambda *answer: share(*answer[:4], 1),
            "The penalty is missing": lambda *answer: share(*answer[:3], 0.0, 1),
            "// does that": lambda losses, mask, real, penalty, n: share(losses, mask, real, penalty // n, 1),
            "no loss of a word": lambda losses, mask, real, penalty, n: (
                share(losses, mask, real, 0.0, n) + penalty / n / float(real)
            ),
            "own mean": lambda losses, mask, real, *rest: share(losses, mask, np.sum(mask), *rest),
            "mean of means": lambda losses, mask, real, penalty, n: share(losses, mask, np.sum(mask), penalty, 1) / n,
            "divide by the real words": lambda losses, mask, real, *rest: share(losses, mask, 1, *rest),
            "do not divide it by theirs": lambda losses, mask, real, penalty, n: (
                share(losses, mask, real, 0.0, n) * n + penalty / n
            ),
            "one entry for each word": lambda losses, mask, real, penalty, n: (
                tf.where(mask, losses, 0) / float(real) + penalty / n
            ),
            "0 times nan": lambda losses, mask, *rest: share(
                losses * tf.cast(mask, tf.float32), tf.ones_like(mask), *rest
            ),
            "The signs are lost": share_without_signs,
            "owes its part": lambda losses, mask, real, penalty, n: (
                share(losses, mask, real, penalty, n) if np.any(mask) else tf.constant(0.0)
            ),
            "divided by the replicas, too": lambda losses, mask, real, penalty, n: (
                share(losses, mask, real, 0.0, n) / n + penalty / n
            ),
            "this replica's rows": lambda losses, mask, real, *rest: share(losses, mask, max(len(losses), 1), *rest),
            "one of 1 replica": lambda *answer: share(*answer[:4], max(answer[4], 2)),
            "It needs no guard": lambda losses, mask, real, *rest: share(losses, mask, max(int(real), 2), *rest),
            "padding included; divide": lambda losses, mask, real, *rest: share(
                losses, mask, max(np.size(losses), 1), *rest
            ),
            "real words on one of 2 replicas": lambda losses, mask, real, *rest: share(
                losses, mask, tf.cast(real, tf.float16), *rest
            ),
            "one of 2 replicas, penalty": lambda losses, mask, real, *rest: share(
                losses, mask, tf.cast(real, tf.int16), *rest
            ),
            "mean of no words": lambda losses, mask, real, penalty, n: (
                tf.reduce_mean(losses[mask]) * np.sum(mask) / float(real) + penalty / n
            ),
        },
        raises=raising,
        breaks=(lambda losses, mask, real, *rest: share(losses, mask, real + tf.constant(0), *rest),),
    ),
}
