"""Checks of notebook 06."""

from itertools import combinations

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, compiled, exercise, expect, refuse


@exercise(
    "6.1", "When to stop", why="A loop that knows when to stop needs nobody to watch it, and hands over its best."
)
def stop_and_best(answer):
    """Judge (epochs trained, best epoch) on slow falls, gains at the border, ties, nan, and on fresh losses."""
    drawn = np.random.default_rng().integers(20, 90, 12).tolist()
    cases = [  # in 64ths, which floats hold exactly: every way to write the comparison agrees
        ([58, 51, 50, 49, 50, 50, 30], 2, 3),
        ([40, 60, 50, 55, 45, 50, 10], 3, 3),
        ([64, 62, 60, 58, 56, 54], 2, 3),
        ([60, 60, 56, 55, 57, 58, 10], 2, 4),
        ([50, 30, 30, 30, 1], 2, 0),
        ([50, 51, 40, 41, 30, 31, 2], 2, 3),
        ([50, 40, 45, np.nan, 46, 47, 1], 2, 0),
        ([2600, 2500, 2560, 1], 1, 32),
        ([45], 1, 0),
        ([40, 41, 42], 5, 1),
        (drawn, 3, 2),
    ]
    for losses, patience, min_delta in cases:
        losses, min_delta = [loss / 64 for loss in losses], min_delta / 64
        trained, best = want = _stop(losses, patience, min_delta)[:2]
        lowest = int(np.nanargmin(losses)) + 1
        smells = {
            "The pair is swapped: first the epochs trained, then the best one.": (best, trained),
            "That stops one epoch late: the patience-th epoch in a row without progress is the last one.":
                _stop(losses, patience + 1, min_delta)[:2],
            "That takes any gain for progress; a gain of more than `min_delta` is.": _stop(losses, patience, 0)[:2],
            "That compares with the best epoch so far; compare with the last progress: small gains add up.":
                _stop(losses, patience, min_delta, bar="best")[:2],
            "That compares with the epoch before; compare with the last progress.":
                _stop(losses, patience, min_delta, bar="before")[:2],
            "A gain of exactly `min_delta` is no progress; more is asked for.":
                _stop(losses, patience, min_delta, exactly=True)[:2],
            "That counts all epochs without progress; only those in a row count.":
                _stop(losses, patience, min_delta, row=False)[:2],
            "The best epoch must be one that was trained: the losses after the stop are never seen.": (trained, lowest),
            "That is the last progress; the best epoch has the least loss of all that were trained.":
                (trained, _stop(losses, patience, min_delta)[2]),
            "Of equal losses the first is the best.": _stop(losses, patience, min_delta, tie=True)[:2],
            "A nan was taken for the least loss, as `np.argmin` does.": (trained, int(np.argmin(losses[:trained])) + 1),
            "A nan was taken for progress: `not a >= b` is true for nan.":
                _stop(losses, patience, min_delta, nan=True)[:2],
            "Losses may start above any number: begin with infinity, or with the first loss.":
                _stop(losses, patience, min_delta, start=10.0)[:2],
            "Epochs count from 1.": (trained - 1, best - 1),
            "That never stops: count the epochs since the last progress.": (len(losses), lowest),
        }  # fmt: skip
        on = f"losses {losses}, patience {patience}, min_delta {min_delta}"
        expect(answer(list(losses), patience, min_delta), want, on=on, smells=smells)


def _stop(losses, patience, min_delta, *, exactly=False, bar="", row=True, tie=False, nan=False, start=np.inf):
    """Return epochs trained, best epoch, and epoch of the last progress; the options are ways to get it wrong."""
    mark, least, best, progress, waited = start, start, 0, 0, 0
    for epoch, loss in enumerate(losses, 1):
        gain = mark - loss
        if gain > min_delta or (exactly and gain == min_delta) or (nan and np.isnan(loss)):
            mark, progress, waited = loss, epoch, 0 if row else waited
        else:
            waited += 1
        mark = {"before": loss, "best": min(mark, loss)}.get(bar, mark)
        if loss < least or (tie and loss == least):
            least, best = loss, epoch
        if waited == patience:
            break
    return epoch, best, progress


@exercise("6.2", "Three silent bugs", why="None of the three raised an error, and the loss fell with all of them.")
def run_epoch(answer):
    """Judge which examples `run_epoch` trains on, in which order, and what it reports, with a recording train step."""
    for count, batch_size in ((int(np.random.default_rng().integers(30, 60)), 7), (10, 4)):
        x, y = np.arange(float(count)), np.random.default_rng().uniform(1, 2, count) + np.arange(count)
        orders = []
        for epoch in range(3):
            step, own_x, own_y = _RecordedStep(), x.copy(), y.copy()
            reported = attempted(answer(step, own_x, own_y, epoch, batch_size), asked="the epoch's loss")
            rows = np.concatenate([*step.x, []])
            where = f"{count} examples in batches of {batch_size}"
            refuse({
                "the caller's arrays were reordered. Index them with an order instead.":
                    not (np.array_equal(own_x, x) and np.array_equal(own_y, y)),
                "an image came with the label of another. Index both with the same rows.": not step.matched,
                "train_step ran twice for each batch. Each call moves the weights.": len(rows) == 2 * count,
                f"{count - len(rows)} examples were left out. Keep the last batch.": len(rows) < count,
                "not every example was used exactly once.": not np.array_equal(np.sort(rows), x),
                f"the first batch holds {len([*step.x, []][0])} examples.": len([*step.x, []][0]) != batch_size,
            }, on=where)  # fmt: skip
            sizes = [len(batch) for batch in step.x]
            smells = {
                "That is the last batch's loss, not the epoch's.": step.losses[-1],
                "That is the mean of the batches' means: the smaller last batch counts too much.": np.mean(step.losses),
                "That is a sum over batches; a mean over the examples is asked for.": np.sum(step.losses),
                "A batch's loss is a mean: weigh it by the batch's size.": np.sum(step.losses) / count,
            }
            expect(reported, np.average(step.losses, weights=sizes), on=where, smells=smells)
            orders.append(rows)
        refuse({
            "The examples come in the order in which they are stored: shuffle them.":
                all(np.array_equal(order, x) for order in orders),
            "Most examples follow their neighbor: the batches were shuffled, or the start moved, and not the examples.":
                count > 20 and any(np.mean(np.abs(np.diff(order)) == 1) > 0.5 for order in orders),
            "Two epochs had the same order. Let the order depend on the epoch.":
                any(np.array_equal(one, other) for one, other in combinations(orders, 2)),
        })  # fmt: skip


class _RecordedStep:
    """Stands for a train step: remembers the batches, and returns the mean of the labels as the loss."""

    def __init__(self):
        self.x, self.losses, self.matched = [], [], True

    def __call__(self, x_batch, y_batch):
        x, y = np.asarray(x_batch), np.asarray(y_batch)
        self.x.append(x)
        self.losses.append(float(np.mean(y)))
        self.matched &= len(x) == len(y) and np.all((y - x >= 1) & (y - x <= 2))
        return tf.constant(self.losses[-1], tf.float32)


@exercise(
    "6.3",
    "A warm-up for the learning rate",
    why="A large first step can ruin good starting weights, and a warm-up avoids it.",
    deeper=True,
)
def warmup(answer):
    """Judge `warmup` before, at and after the end of the warm-up, on Python numbers and inside tf.function."""
    traced = compiled(answer)
    peak = float(np.random.default_rng().uniform(0.5, 2))
    for warmup_steps in (4, 10, 1):
        for step in (1, 0, 2, warmup_steps - 1, warmup_steps, 3 * warmup_steps):
            line = (step + 1) / warmup_steps
            smells = {
                "The first step would not move: count the step itself, s + 1.": peak * min(1, step / warmup_steps),
                "That rises for ever: hold it at the peak.": peak * line,
                "That starts at the peak or above it: take the smaller of 1 and the line.": peak * max(1, line),
                "That is an integer division: the rate stays at zero until the warm-up is over.":
                    peak * min(1, int(line)),
                "That is the share of the peak; multiply it by the peak.": min(1, line),
            }  # fmt: skip
            on = f"step {step}, peak {peak:.3g}, {warmup_steps} warm-up steps"
            expect(answer(step, peak, warmup_steps), peak * min(1, line), on=on, smells=smells)
            for dtype in (tf.int64, tf.int32):
                got = traced(tf.constant(step, dtype), peak, warmup_steps)
                expect(got, peak * min(1, line), on=f"{on}, inside tf.function", smells=smells)


@exercise(
    "6.4",
    "A confusion matrix from a loop",
    why="What is added batch by batch needs no more memory for more data.",
    deeper=True,
)
def confusion_matrix(answer):
    """Judge the counts on fresh logits: a ragged last batch, a class that never occurs, 2 to 20 classes, uint8."""
    rng = np.random.default_rng()
    model = tf.keras.Sequential([tf.keras.layers.Input((None,)), _ReversedInTraining()])
    for count, classes, present, dtype in ((13, 4, 4, "int64"), (30, 4, 3, "int32"), (12, 2, 2, "int64"),
                                           (64, 20, 20, "uint8")):  # fmt: skip
        logits = (rng.normal(size=(count, classes)) - 9 * (np.arange(classes) >= present)).astype("float32")
        y = np.concatenate([np.zeros(5, int), rng.integers(0, present, count - 5)]).astype(dtype)
        y[:present] = rng.permutation(present)
        pairs = np.stack([y.astype(int), logits.argmax(axis=1)], axis=1)
        want = _counts(pairs, classes)
        wrapped = pairs[:, 0] * classes % 256 + pairs[:, 1]
        smells = {
            "Rows and columns are swapped: the row is the true class.": want.T,
            "That is the last batch alone: add every batch to what you have.":
                _counts(pairs[(count - 1) // 5 * 5 :], classes),
            "The last batch is missing: it is smaller than the others, and it counts.":
                _counts(pairs[: count // 5 * 5], classes),
            "Those are shares; counts are asked for.": want / np.maximum(want.sum(axis=1, keepdims=True), 1),
            "Repeated pairs were counted once: += does that. Use np.add.at, or a library's count.": np.minimum(want, 1),
            "Only the right answers are counted; the mistakes belong beside the diagonal.": np.diag(np.diag(want)),
            "The model ran in training mode: pass training=False.":
                _counts(np.stack([pairs[:, 0], logits[:, ::-1].argmax(axis=1)], axis=1), classes),
            "Labels of uint8 times the number of classes start again at 0 after 255: cast the labels first.":
                np.bincount(wrapped, minlength=classes**2).reshape(classes, classes),
        }  # fmt: skip
        batches = tf.data.Dataset.from_tensor_slices((logits, y)).batch(5)
        on = f"{count} examples in batches of 5, {classes} classes, labels of {dtype}"
        expect(answer(model, batches, classes), want, on=on, smells=smells)


class _ReversedInTraining(tf.keras.layers.Layer):
    """Gives back its input; in training mode, in reversed order."""

    def call(self, x, training=False):
        """Return the logits."""
        return tf.reverse(x, [-1]) if training else tf.identity(x)


def _counts(pairs, classes) -> np.ndarray:
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, tuple(pairs.T), 1)
    return matrix


@exercise(
    "6.5",
    "The share of one replica",
    why="Now a batch costs the same however many devices it is spread over.",
    deeper=True,
)
def replica_loss(answer):
    """Judge the share of each replica on even and uneven splits, one without rows, one without a real word, one nan."""
    rng = np.random.default_rng()
    for sizes in ((30, 9), (4, 4), (5, 3, 1), (3, 0), (2, 2)):
        parts = [(rng.uniform(1, 3, (size, 4)).astype("float32"), rng.random((size, 4)) < 0.6) for size in sizes]
        parts[0][1][:, 0] = True  # at least one real word
        if sizes == (2, 2):
            parts[0][1][:, 1] = False  # at least some padding
            parts[0][0][~parts[0][1]] = np.nan
            parts[1][1][:] = False
        real_words, penalty, replicas = sum(int(mask.sum()) for _, mask in parts), float(rng.uniform(1, 2)), len(sizes)
        for losses, mask in parts:
            total, share, own = losses[mask].sum(), penalty / replicas, mask.sum()
            own_mean = np.float32(total) / np.float32(own) if own else np.nan
            smells = {
                "The padding counts: take the loss of real words only.": losses.sum() / real_words + share,
                "Every replica adds the whole penalty: split it.": total / real_words + penalty,
                "The penalty is missing.": total / real_words,
                "The penalty is no loss of a word: split it among the replicas.": (total + share) / real_words,
                "That is this replica's own mean: the sum would grow with the number of replicas.": own_mean + share,
                "A mean of means: it lets the words of a small share count too much.": own_mean / replicas + share,
                "That is the sum of the losses; divide by the real words of all replicas.": total + share,
                "You divided by all words, padding included.": total / (4 * sum(sizes)) + share,
                "That still has one entry for each word: sum them.": np.where(mask, losses, 0) / real_words + share,
            }  # fmt: skip
            if not own:
                smells = {"The mean of no words is nan: sum, then divide.": np.nan, **smells}
            elif np.isnan(losses).any():
                smells = {"0 times nan is nan: choose the real words, and do not multiply by the mask.": np.nan}
            want, on = total / real_words + share, f"{own} of {real_words} real words on this replica"
            given = tf.constant(losses), tf.constant(mask)
            expect(answer(*given, tf.constant(real_words), tf.constant(penalty), replicas), want, on=on, smells=smells)
            got = answer(*given, real_words, penalty, replicas)
            expect(got, want, on=f"{on}, plain numbers for the rest", smells=smells)
