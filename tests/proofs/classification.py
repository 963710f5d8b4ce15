"""Answers to the exercises of notebook 06 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def stop_by_running_minimum(val_losses, patience):
    best = [int(np.argmin(val_losses[: epoch + 1])) + 1 for epoch in range(len(val_losses))]
    stops = (epoch for epoch in range(1, len(val_losses) + 1) if epoch - best[epoch - 1] >= patience)
    trained = next(stops, len(val_losses))
    return trained, best[trained - 1]


def stop_by_counter(val_losses, patience, *, beats=np.less, against_last=False, in_a_row=True, extra=0):
    best_loss, best_epoch, waited = np.inf, 0, 0
    for epoch, loss in enumerate(val_losses, 1):
        if beats(loss, best_loss):
            best_loss, best_epoch, waited = loss, epoch, 0 if in_a_row else waited
        else:
            waited += 1
            best_loss = loss if against_last else best_loss
        if waited == patience + extra:
            break
    return np.int64(epoch), np.int64(best_epoch)


def stop_with_argmin_of_all(val_losses, patience):
    return stop_by_counter(val_losses, patience)[0], np.argmin(val_losses) + 1


def stop_counted_from_zero(val_losses, patience):
    return [number - 1 for number in stop_by_counter(val_losses, patience)]


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
    return mean.result()


def faulty_epoch(fault):
    def run_epoch(train_step, x, y, epoch, batch_size):
        order = np.random.default_rng(1 if fault == "same order" else epoch).permutation(len(x))
        order = np.arange(len(x)) if fault == "no shuffle" else order
        stop = len(x) - batch_size + 1 if fault == "ragged batch dropped" else len(x)
        losses, sizes = [], []
        for start in range(0, stop, batch_size):
            rows = order[start : start + batch_size]
            losses.append(float(train_step(x[rows], y[np.sort(rows)] if fault == "labels" else y[rows])))
            sizes.append(len(rows))
            if fault == "twice":
                train_step(x[rows], y[rows])
        answers = {"last": losses[-1], "means": np.mean(losses), "sum": np.sum(losses)}
        return answers.get(fault, np.average(losses, weights=sizes))

    return run_epoch


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


def warmup_in_python(step, peak, warmup_steps):
    return peak * min(1.0, (step + 1) / warmup_steps)


def _line(step, warmup_steps):
    return (tf.cast(step, tf.float32) + 1) / warmup_steps


def matrix_by_numpy(model, batches, classes):
    matrix = np.zeros((classes, classes), np.int64)
    for x_batch, y_batch in batches:
        np.add.at(matrix, (y_batch.numpy(), model(x_batch).numpy().argmax(1)), 1)
    return matrix


def matrix_by_one_hot(model, batches, classes):
    total = 0.0
    for x_batch, y_batch in batches:
        y_pred = tf.argmax(model.predict_on_batch(x_batch), axis=1)
        total += tf.matmul(tf.one_hot(y_batch, classes), tf.one_hot(y_pred, classes), transpose_a=True)
    return total


def last_matrix(model, batches, classes):
    return matrix_by_numpy(model, list(batches)[-1:], classes)


def full_batches_only(model, batches, classes):
    return matrix_by_numpy(model, batches.unbatch().batch(5, drop_remainder=True), classes)


def shares(model, batches, classes):
    matrix = matrix_by_numpy(model, batches, classes)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "stop_and_best": Proof(
        right=[stop_by_running_minimum, stop_by_counter],
        wrong={
            "stops one epoch late": lambda losses, patience: stop_by_counter(losses, patience, extra=1),
            "compares with the epoch before": lambda losses, p: stop_by_counter(losses, p, against_last=True),
            "takes a tie": lambda losses, patience: stop_by_counter(losses, patience, beats=np.less_equal),
            "only those in a row": lambda losses, patience: stop_by_counter(losses, patience, in_a_row=False),
            "must be one that was trained": stop_with_argmin_of_all,
            "never stops": lambda losses, patience: (len(losses), np.argmin(losses) + 1),
            "pair is swapped": lambda losses, patience: stop_by_counter(losses, patience)[::-1],
            "count from 1": stop_counted_from_zero,
        },
        raises=raising,
    ),
    "run_epoch": Proof(
        right=[epoch_by_legacy_shuffle, epoch_by_tf_data],
        wrong={
            "had the same order": faulty_epoch("same order"),
            "ran twice": faulty_epoch("twice"),
            "last batch's loss": faulty_epoch("last"),
            "mean of the batches' means": faulty_epoch("means"),
            "a sum over batches": faulty_epoch("sum"),
            "in which they are stored": faulty_epoch("no shuffle"),
            "were left out": faulty_epoch("ragged batch dropped"),
            "the label of another": faulty_epoch("labels"),
            "arrays were reordered": epoch_in_place,
            "The epoch's loss is expected": lambda *answer: faulty_epoch("")(*answer) and None,
        },
        raises=raising,
    ),
    "warmup": Proof(
        right=[warmup_by_where, warmup_by_branch],
        wrong={
            "would not move": lambda s, peak, w: peak * tf.minimum(1.0, _line(s, w) - 1 / w),
            "rises for ever": lambda s, peak, w: peak * _line(s, w),
            "starts at the peak": lambda s, peak, w: peak * tf.maximum(1.0, _line(s, w)),
            "integer division": lambda s, peak, w: peak * tf.minimum(1.0, tf.floor(_line(s, w))),
            "multiply it by the peak": lambda s, peak, w: tf.minimum(1.0, _line(s, w)),
        },
        raises=warmup_in_python,
    ),
    "confusion_matrix": Proof(
        right=[matrix_by_numpy, matrix_by_one_hot],
        wrong={
            "swapped": lambda *answer: matrix_by_numpy(*answer).T,
            "last batch alone": last_matrix,
            "last batch is missing": full_batches_only,
            "Those are shares": shares,
            "counted once": lambda *answer: np.minimum(matrix_by_numpy(*answer), 1),
            "Only the right answers": lambda *answer: np.diag(np.diag(matrix_by_numpy(*answer))),
        },
        raises=raising,
    ),
    "replica_loss": Proof(
        right=[
            lambda losses, size: tf.nn.compute_average_loss(losses, global_batch_size=size),
            lambda losses, size: np.sum(losses.numpy()) / float(size),
        ],
        wrong={
            "own mean": lambda losses, size: tf.reduce_mean(losses),
            "mean of means": lambda losses, size: tf.reduce_mean(losses) / 2,
            "fixed batch size": lambda losses, size: tf.reduce_sum(losses) / 64,
            "mean of no examples": lambda losses, size: tf.reduce_mean(losses) * len(losses) / float(size),
            "sum of the losses": lambda losses, size: tf.reduce_sum(losses),
            "one entry for each example": lambda losses, size: losses / float(size),
        },
        raises=raising,
    ),
}
