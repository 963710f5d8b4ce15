"""Checks of notebook 06."""

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, compiled, exercise, expect, refuse


@exercise(
    "6.1", "When to stop", why="A loop that knows when to stop needs nobody to watch it, and hands over its best."
)
def stop_and_best(answer):
    """Judge (epochs trained, best epoch) on losses with a tie, a late minimum, a zigzag, and on fresh ones."""
    drawn = np.random.default_rng().choice(np.arange(1.0, 3.0, 0.1), 12).round(1).tolist()
    cases = [
        ([0.5, 0.6, 0.7, 0.8, 0.9, 0.4], 2),
        ([0.9, 0.7, 0.8, 0.75, 0.72, 0.6], 2),
        ([0.9, 0.8, 0.8, 0.8, 0.8, 0.1], 2),
        ([0.5, 0.6, 0.4, 0.5, 0.3, 0.4, 0.2], 2),
    ]
    for losses, patience in [*cases, ([0.9, 0.5, 0.4], 3), ([0.7], 1), (drawn, 3)]:
        trained, best = want = _trained(losses, patience)
        lowest = int(np.argmin(losses)) + 1
        smells = {
            "The pair is swapped: first the epochs trained, then the best one.": (best, trained),
            "That stops one epoch late: the patience-th epoch in a row without a new best is the last one.":
                _trained(losses, patience + 1),
            "That compares with the epoch before; compare with the best epoch so far.":
                _trained(losses, patience, bar=lambda past: past[-1]),
            "That takes a tie for an improvement; only a smaller loss is one.":
                _trained(losses, patience, beats=np.less_equal),
            "That counts all epochs without a new best; only those in a row count.":
                _trained(losses, patience, row=False),
            "The best epoch must be one that was trained: the losses after the stop are never seen.": (trained, lowest),
            "Epochs count from 1.": (trained - 1, best - 1),
            "That never stops: count the epochs since the best one.": (len(losses), lowest),
        }  # fmt: skip
        expect(answer(list(losses), patience), want, on=f"losses {losses}, patience {patience}", smells=smells)


def _trained(losses, patience, beats=np.less, bar=min, row=True) -> tuple[int, int]:
    """Return how many epochs are trained and the best of them; the options are ways to get it wrong."""
    best, waited = 1, 0
    for epoch in range(2, len(losses) + 1):
        if waited == patience:
            return epoch - 1, best
        if beats(losses[epoch - 1], bar(losses[: epoch - 1])):
            best, waited = epoch, 0 if row else waited
        else:
            waited += 1
    return len(losses), best


@exercise("6.2", "Three silent bugs", why="None of the three raised an error, and the loss fell with all of them.")
def run_epoch(answer):
    """Judge which examples `run_epoch` trains on, in which order, and what it reports, with a recording train step."""
    for count, batch_size in ((10, 4), (int(np.random.default_rng().integers(30, 60)), 7)):
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
            "The examples come in the order in which they are stored: shuffle them.": np.array_equal(orders[0], x),
            "Two epochs had the same order. Let the order depend on the epoch.":
                any(np.array_equal(orders[0], order) for order in orders[1:]),
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
            got = traced(tf.constant(step, tf.int64), peak, warmup_steps)
            expect(got, peak * min(1, line), on=f"{on}, inside tf.function", smells=smells)


@exercise(
    "6.4", "A confusion matrix from a loop", why="What is added batch by batch needs no more memory for more data."
)
def confusion_matrix(answer):
    """Judge the counts on fresh logits, with a ragged last batch and with a class that never occurs."""
    rng = np.random.default_rng()
    model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Identity()])
    for count, present in ((13, 4), (30, 3)):  # the second time, one class never occurs
        logits = rng.normal(size=(count, 4)).astype("float32") - 9 * (np.arange(4) >= present)
        y = np.concatenate([np.zeros(5, int), rng.integers(0, present, count - 5)])
        pairs = np.stack([y, logits.argmax(axis=1)], axis=1)
        want = _counts(pairs)
        full = count // 5 * 5
        batches = tf.data.Dataset.from_tensor_slices((logits.astype("float32"), y)).batch(5)
        once = np.minimum(want, 1)
        smells = {
            "Rows and columns are swapped: the row is the true class.": want.T,
            "That is the last batch alone: add every batch to what you have.": _counts(pairs[(count - 1) // 5 * 5 :]),
            "The last batch is missing: it is smaller than the others, and it counts.": _counts(pairs[:full]),
            "Those are shares; counts are asked for.": want / np.maximum(want.sum(axis=1, keepdims=True), 1),
            "Repeated pairs were counted once: += does that. Use np.add.at, or a library's count.": once,
            "Only the right answers are counted; the mistakes belong beside the diagonal.": np.diag(np.diag(want)),
        }
        expect(answer(model, batches, 4), want, on=f"{count} examples in batches of 5", smells=smells)


def _counts(pairs) -> np.ndarray:
    matrix = np.zeros((4, 4), int)
    np.add.at(matrix, tuple(pairs.T), 1)
    return matrix


@exercise(
    "6.5",
    "The share of one replica",
    why="Now a batch costs the same however many devices it is spread over.",
    deeper=True,
)
def replica_loss(answer):
    """Judge the share of each replica on even and uneven splits, one of them with an empty replica."""
    for sizes in ((30, 9), (4, 4), (5, 3, 1), (3, 0)):
        total = sum(sizes)
        for size in sizes:
            losses = np.random.default_rng().uniform(1, 3, size).astype("float32")
            mean = losses.mean() if size else np.nan
            smells = {
                "That is this replica's own mean: the sum would grow with the number of replicas.": mean,
                "A mean of means: it lets the examples of a small share count too much.": mean / len(sizes),
                "That is the sum of the losses; divide by the global batch.": losses.sum(),
                "That still has one entry for each example: sum them.": losses / total,
                "You divided by a fixed batch size.": losses.sum() / 64,
            }
            if not size:
                smells = {"The mean of no examples is nan: sum, then divide.": np.nan}
            on = f"{size} of {total} examples on this replica"
            expect(answer(tf.constant(losses), tf.constant(total)), losses.sum() / total, on=on, smells=smells)
            expect(answer(tf.constant(losses), total), losses.sum() / total, on=f"{on}, a Python int as batch size")
