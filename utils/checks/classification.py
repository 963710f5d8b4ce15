"""Checks of notebook 06."""

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, compiled, counted, exercise, expect, refuse, require
from utils.checks.values import as_array, written


@exercise(
    "6.1", "When to stop", why="A loop that knows when to stop needs nobody to watch it, and hands over its best."
)
def stop_and_best(answer):
    """Judge (epochs trained, best epoch) on slow falls, gains at the border, ties, nan, and on fresh losses."""
    for losses, patience, min_delta in _curves():
        losses, min_delta = [loss / 64 for loss in losses], min_delta / 64
        want = _stop(losses, patience, min_delta)[:2]
        on = f"losses {losses}, patience {patience}, min_delta {min_delta}"
        got = attempted(answer(list(losses), patience, min_delta), asked="a pair of ints", on=on)
        expect(got, want, on=on, smells=_ways_to_miss_the_stop(losses, patience, min_delta))
        require(as_array(got).dtype.kind in "iu", f"For {on}: got {written(got)}. A pair of ints is expected.")


def _curves() -> list[tuple[list, int, float]]:
    """Return losses, patience and min_delta in 64ths, which floats hold exactly: all ways to compare them agree."""
    rng, nan, bit, tiny = np.random.default_rng(), np.nan, 2.0**-16, 2.0**-40
    cases = [
        ([56, 64, 49, 52, 40, 42, 56, 33, 32, 35, 42, 48], 2, 6),  # no two misconceptions give the same wrong pair
        ([58, 51, 50, 52, 49, 48, 50, 52, 53, 30], 3, 3),
        ([64, 62, 64, 60, 58, 60, 61, 62, 30], 3, 3),
        ([40, 60, 80, 100, 100, 100, 100, 1], 3, 3),
        ([40, 60, 50, 55, 45, 50, 10, 11, 12, 14, 1], 3, 3),
        ([50, 40, 45, nan, 46, 47, 1], 2, 0),
        ([50, nan, 40, 45, 46, 47, 1], 3, 0),
        ([50, nan, 40, 45, nan, 30, 31, nan, 32, 1], 3, 2),
        ([64, 62, 60, 58, 56, 54], 2, 3),
        ([64, 64, 60, 59, 61, 62, 10], 2, 4),
        ([50, 30, 30, 30, 1], 2, 0),
        ([50, 51, 40, 41, 30, 31, 2], 2, 3),
        ([50, 51, 52, 40, 41, 42, 43, 1], 3, 0),
        ([2**26 - fall for fall in (0, 50, 40, 2000, 2050, 2100, 2090, 2090, 2090, 3000)], 3, 32),
        ([45], 1, 0),
        ([40, 41, 42], 5, 1),
        ([-10, -20, -15, -30, -5, -6], 2, 2),
        ([300, 150, 40, 30], 1, 128),
        ([30, 0, 20, 20, 20, 10], 2, 5),
        ([9 * tiny, 8 * tiny, 7 * tiny, 7 * tiny, 6 * tiny, 64], 1, 0),
        ([50, 50 - bit, 50 - 2 * bit, 50 - 2 * bit, 50 - 3 * bit, 1], 1, 0),
        ([50, 47 - bit, 44 - bit, 44 - 2 * bit, 40], 2, 3),
        ([50, 50 - 5 * bit, 50 - 8 * bit, 1], 1, 4 * bit),
        ([*range(90, 60, -1), 70, *range(80, 91), 1], 12, 0),
        ([64, 61, 60, 59, 30], 2, 3),  # 60 is progress against 64, and no longer against the two before 59
        ([50, nan, 58, 58, 58, 1], 3, 0),
        ([50, 49, nan, nan, nan, 1], 3, 0),
        ([2.0**50, 2.0**49], 1, 0),
        ([64, 64 - tiny], 1, 0),
    ]
    for length in (*range(2, 8), *range(8, 32, 2)):
        drawn = rng.integers(-20, 60, length).astype(float)
        drawn[1:][rng.random(length - 1) < 0.1] = nan
        cases.append((drawn.tolist(), int(rng.integers(1, 6)), int(rng.integers(0, 5))))
    return cases


def _ways_to_miss_the_stop(losses: list[float], patience: int, min_delta: float) -> dict[str, tuple]:
    """Return what each misconception answers, where no other one answers the same."""
    (trained, best, progress), lowest = _stop(losses, patience, min_delta), int(np.nanargmin(losses)) + 1

    def other(**fault) -> tuple:
        return _stop(losses, **({"patience": patience, "min_delta": min_delta} | fault))[:2]

    early, lowered = other(patience=max(patience - 1, 1)), other(row="lowered")
    ways = {
        "The pair is swapped: first the epochs trained, then the best one.": (best, trained),
        "That stops one epoch late: the patience-th epoch in a row without progress is the last one.":
            other(patience=patience + 1),
        "That stops one epoch early: the patience-th epoch in a row without progress is trained, too. Or was the first "
        "epoch, which is progress, counted as one without?": early,
        "That takes any gain for progress; a gain of more than `min_delta` is.": other(min_delta=0),
        "That compares with the best epoch so far; compare with the last progress: small gains add up.":
            other(bar="best"),
        "That compares with the epoch before; compare with the last progress.": other(bar="before"),
        "A new best that gains no more than `min_delta` is an epoch without progress: it counts in the row.":
            other(small=True),
        "A gain of exactly `min_delta` is no progress; more is asked for.": other(exactly=True),
        "That counts all epochs without progress; only those in a row count.": other(row=False),
        "Progress ends the row: count from 0 again, and do not take away 1.": lowered,
        "The best epoch must be one that was trained: the losses after the stop are never seen.": (trained, lowest),
        "That is the last progress; the best epoch has the least loss of all that were trained.": (trained, progress),
        "The last epoch that was trained may be the best one.":
            (trained, int(np.nanargmin([np.inf, *losses[: trained - 1]])) or 1),
        "A rise was taken for progress: the loss has to fall.": other(rise=True),
        "`min_delta` is a difference of two losses, and not a share of one.": other(share=True),
        "Of equal losses the first is the best.": other(tie=True),
        "Losses may start above any number: begin with infinity, or with the first loss.": other(start=10.0),
        "Both are one too few: epochs count from 1.": (trained - 1, best - 1),
        "Both are one too many: epochs count from 1.": (trained + 1, best + 1),
        "The best epoch is one too early: epochs count from 1.": (trained, best - 1),
        "That never stopped: count the epochs since the last progress.": (len(losses), lowest),
        "The first number is how many epochs were trained, not how many losses there are.": (len(losses), best),
        "An epoch was counted that was not trained: is the row looked at only when the next one begins?":
            (trained + 1, best),
    }  # fmt: skip
    if (trained - 1, best) not in (early, lowered):
        ways["The last epoch was not counted: it was trained, too."] = (trained - 1, best)
    if np.isnan(losses).any():
        moved_up = _stop([loss for loss in losses if not np.isnan(loss)], patience, min_delta)[:2]
        ways = {
            "A nan was taken for the least loss, as `np.argmin` does.": (trained, int(np.argmin(losses[:trained])) + 1),
            "A nan was taken for progress: `a >= b` is false for nan. Ask for `a < b`.": other(nan="progress"),
            "A nan began the row anew: it is one more epoch without progress.": other(nan="a new row"),
            "An epoch whose loss is nan was left out: it counts as one without progress.": other(nan="left out"),
            "The losses that are nan were removed first, so later epochs got other numbers: each is one.": moved_up,
            "A nan does not end the training: it is one epoch without progress.": other(nan="the end"),
            "After a nan nothing was progress again: keep the loss of the last progress.": other(nan="a bar"),
        }
    common = Counter(ways.values())
    return {smell: wrong for smell, wrong in ways.items() if common[wrong] == 1}


def _stop(
    losses, patience, min_delta, *, exactly=False, bar="", row=True, tie=False, nan="", start=np.inf, rise=False,
    share=False, small=False,
):  # fmt: skip
    """Return epochs trained, best epoch, and epoch of the last progress; the options are ways to get it wrong."""
    mark, least, best, progress, waited = start, start, 0, 0, 0
    for epoch, loss in enumerate(losses, 1):
        broken, gain = np.isnan(loss), abs(mark - loss) if rise else mark - loss
        enough = min_delta * mark if share and mark < np.inf else min_delta
        if gain > enough or (exactly and gain == min_delta) or (nan == "progress" and np.isnan(gain)):
            mark, progress, waited = loss, epoch, {True: 0, False: waited}.get(row, max(waited - 1, 0))
        else:
            waited += not ((nan == "left out" and broken) or (small and loss < least))
            waited *= not (nan == "a new row" and broken)
        mark = {"before": loss, "best": min(mark, loss)}.get(bar, mark)
        mark = loss if nan == "a bar" and broken else mark
        if loss < least or (tie and loss == least):
            least, best = loss, epoch
        if waited == patience or (nan == "the end" and broken):
            break
    return epoch, best, progress


@exercise("6.2", "Three silent bugs", why="None of the three raised an error, and the loss fell with all of them.")
def run_epoch(answer):
    """Judge which examples `run_epoch` trains on, in which order, and what it reports, with a recording train step."""
    for count, batch_size, x_shape, y_shape in (
        (61, 7, (), ()),
        (12, 4, (2, 3), ()),
        (9, 4, (3,), (2,)),
        (5, 8, (), ()),
        (1, 3, (), ()),
        (23_999, 2_000, (), ()),  # more than the 10,000 of many a shuffle buffer
    ):
        orders, labels = [], np.random.default_rng().permutation(count) + 100.25  # as data are, the same in each epoch
        for epoch in (*range(12), 30, 100, 256, 1000) if count == 61 else range(2):
            step = _RecordedStep(labels, batch_size, x_shape, y_shape)
            x, y = step.x.copy(), step.y.copy()
            where = f"{count} examples in batches of {batch_size}"
            reported = attempted(answer(step, x, y, epoch, batch_size), asked="the epoch's loss", on=where)
            kept = np.array_equal(x, step.x) and np.array_equal(y, step.y)
            require(kept, f"For {where}: the caller's arrays were reordered. Index them with an order instead.")
            step.judge(where)
            expect(reported, np.average(step.losses, weights=step.sizes), on=where, smells=step.ways_to_misreport())
            told = f"For {where}: a tensor came, and a float is asked for: float(…) makes one of it."
            require(not tf.is_tensor(reported), told)
            orders.append(step.rows)
        if count == 61:
            _require_random_orders(np.array(orders))
        if count == 23_999:
            early = [np.corrcoef(order, np.arange(count))[0, 1] > 0.1 for order in orders]
            near = [np.abs(np.diff(order)).mean() < count / 4 for order in orders]  # count / 3 in a random order
            rising = [np.mean(np.diff(order) > 0) > 0.9 for order in orders]  # half in a random order
            refuse({
                "Within a batch the examples come as they are stored: keep the order that was drawn.": all(rising),
                "The first examples come early, the last ones late: is the shuffle buffer smaller than the data?":
                    all(early),
                "Those that are stored close together come close together: shuffle all of them, and not parts by "
                "themselves.": any(early + near),
            }, on=where)  # fmt: skip


def _require_random_orders(orders: np.ndarray) -> None:
    """Require that each row of `orders`, that of one epoch, is a random order of its own."""
    epochs, count = orders.shape
    places, neighbors = np.argsort(orders, axis=1), [_neighbors(order) for order in orders]
    pairs, most = list(combinations(range(epochs), 2)), count / 2
    steps = [_most_common(np.diff(order) % count) for order in orders]
    moves = [place[after] for place, after in zip(places, orders[1:], strict=False)]
    follow = np.mean(np.abs(np.diff(orders, axis=1)) == 1, axis=1)  # a share for each epoch
    # Of random orders, the mean place of an example has 1 / epochs of the variance of a place, count² / 12.
    spread = np.var(places.mean(axis=0)) / (count**2 / 12)
    refuse({
        "The examples come in the order in which they are stored: shuffle them.":
            all(np.array_equal(order, np.arange(count)) for order in orders),
        "Most examples follow their neighbor: the batches were shuffled, or the start moved, and not the examples.":
            follow.mean() > 0.4,
        "In one epoch most examples follow their neighbor: shuffle the examples in each.": follow.max() > 0.5,
        "Two epochs had the same order. Let the order depend on the epoch.":
            any(np.array_equal(orders[i], orders[j]) for i, j in pairs),
        "Most examples follow the same one in two epochs: an order was turned or moved. Draw a new one.":
            any(len(neighbors[i] & neighbors[j]) > most for i, j in pairs),
        "Most examples come at the same distance from the one before: that is no random order.": max(steps) > most,
        "The same examples come early in each epoch: shuffle all of them, and not parts by themselves.": spread > 0.2,
        "An example has the same place in each epoch: shuffle all of them.": (places == places[0]).all(axis=0).any(),
        "In two epochs most numbers differ by the same, or add up to the same: draw a new order in each.":
            any(_most_common(move % count) > most
                for i, j in pairs for move in (orders[i] - orders[j], orders[i] + orders[j])),
        "An epoch comes from the one before by the same moves as that one did: draw a new order in each.":
            any(np.sum(a == b) > most for a, b in pairwise(moves)),
    })  # fmt: skip


def _most_common(numbers: np.ndarray) -> int:
    return np.bincount(numbers).max()


def _neighbors(order: np.ndarray) -> set:
    return {frozenset(pair) for pair in zip(order[:-1].tolist(), order[1:].tolist(), strict=True)}


class _RecordedStep:
    """Stands for a train step: remembers the batches, and returns a loss of its own for each; the short one's is 9."""

    def __init__(self, labels: np.ndarray, batch_size: int, x_shape: tuple, y_shape: tuple):
        self.count, self.batch_size, self.losses, self.sizes, self.matched = len(labels), batch_size, [], [], True
        self.rows = np.array([], int)
        self.x = _numbered(np.arange(self.count), x_shape)  # float32 holds these numbers, too
        self.y = _numbered(labels, y_shape)

    def __call__(self, x_batch, y_batch):
        x, y = np.asarray(x_batch), np.asarray(y_batch)
        alike = x.shape[1:] == self.x.shape[1:] and y.shape[1:] == self.y.shape[1:] and x.ndim and y.ndim
        shapes = f"{x.shape} and {y.shape}, cut from {self.x.shape} and {self.y.shape}"
        require(alike and len(x) == len(y), f"train_step was given x and y of shapes {shapes}: cut both alike.")
        require(len(x), "train_step was given a batch that holds no example.")
        rows = np.clip(x.reshape(len(x), -1)[:, 0], 0, self.count - 1).astype(int)
        for name, kept in (("x", np.array_equal(x, self.x[rows])), ("y", np.isin(y, self.y).all())):
            require(kept, f"train_step was given other numbers than those of {name}: hand over its rows as they are.")
        self.matched &= np.array_equal(y, self.y[rows])
        self.rows = np.concatenate([self.rows, rows])
        self.sizes.append(len(rows))
        self.losses.append(9.0 if len(rows) < self.batch_size else float(np.random.default_rng().uniform(0.5, 4)))
        return tf.constant(self.losses[-1], tf.float32)

    def judge(self, where: str) -> None:
        """Require that each example came once, with its label, and that only the last batch is short."""
        came, short = len(self.rows), self.count % self.batch_size
        sizes = [self.batch_size] * (self.count // self.batch_size) + [short] * (short > 0)
        twice = came == 2 * self.count and self.sizes[::2] == self.sizes[1::2]
        refuse({
            "an image came with the label of another. Index both with the same rows.": not self.matched,
            "train_step ran twice for each batch. Each call moves the weights.": twice,
            f"{counted(self.count - came, 'example')} never came. Keep the last batch.":
                came < self.count and self.sizes == sizes[:-1],
            "not every example was used exactly once.": not np.array_equal(np.sort(self.rows), np.arange(self.count)),
            f"the batches hold {self.sizes[:9]} examples: each but the last one holds {self.batch_size}.":
                self.sizes != sizes,
        }, on=where)  # fmt: skip

    def ways_to_misreport(self) -> dict[str, float]:
        """Return what each misconception reports."""
        losses, total = self.losses, np.dot(self.losses, self.sizes)
        return {
            "That is the last batch's loss, not the epoch's.": losses[-1],
            "That is the first batch's loss, not the epoch's.": losses[0],
            "That is the mean of the batches' means: the smaller last batch counts too much.": np.mean(losses),
            "That is a sum over batches; a mean over the examples is asked for.": np.sum(losses),
            "That is a sum over the examples: divide by their number.": total,
            "A batch's loss is a mean: weigh it by the batch's size.": np.sum(losses) / self.count,
            "Each batch was weighed as if it were full: the last one may be smaller.":
                np.sum(losses) * self.batch_size / self.count,
            "That divides by the examples of full batches: the last one may be smaller.":
                total / (len(losses) * self.batch_size),
            "The sum over the examples was divided by the number of batches.": total / len(losses),
        }  # fmt: skip


def _numbered(numbers: np.ndarray, shape: tuple) -> np.ndarray:
    """Return an example of a shape for each number; its entries start with the number and rise by 64ths."""
    size = int(np.prod(shape))
    return (numbers[:, None] + np.arange(size) / 64).reshape(len(numbers), *shape)


@exercise(
    "6.3",
    "A warm-up for the learning rate",
    why="A large first step can ruin good starting weights, and a warm-up avoids it.",
    deeper=True,
)
def warmup(answer):
    """Judge `warmup` before, at and after the end of the warm-up, on numbers, on tensors and inside tf.function."""
    traced = compiled(answer)
    fresh = float(np.random.default_rng().uniform(1.2, 1.6))
    for peak, warmup_steps, steps in (
        (fresh, 6, (2, 1, 0, 5, 1_512_000, 6)),  # a multiple of 6, 12, 18, ..., 60: what begins again is at 0 there
        (1e-4, 7_000, (0, 20, 6_998, 6_999, 7_000)),
        (fresh, 1, (0, 1, 7)),
        (3.0, 70_000, (41_000, 69_998, 69_999)),
    ):
        for step in steps:
            on = f"step {step}, peak {peak:.3g}, {warmup_steps} warm-up step{'s' * (warmup_steps > 1)}"
            _judge_rate(answer(step, peak, warmup_steps), step, peak, warmup_steps, on)
            for dtype in (tf.int64, tf.int32):
                got = traced(tf.constant(step, dtype), peak, warmup_steps)
                _judge_rate(got, step, peak, warmup_steps, f"{on}, inside tf.function")
            got = answer(tf.constant(step), peak, warmup_steps)
            _judge_rate(got, step, peak, warmup_steps, f"{on}, as a tensor")
    optimizer = tf.keras.optimizers.SGD()
    optimizer.iterations.assign(2)
    for name, count in (("variable", tf.Variable(2, dtype=tf.int64)), ("optimizer.iterations", optimizer.iterations)):
        _judge_rate(_rate_in_a_step(answer, count, fresh), 2, fresh, 6, f"step 2, {name}, inside tf.function")


def _rate_in_a_step(answer, count, peak: float):
    """Return the rate of a step that counts with a variable, as a train_step does: it is no argument of the step."""
    return compiled(lambda: answer(count, peak, 6))()


def _judge_rate(rate, step: int, peak: float, warmup_steps: int, on: str) -> None:
    line = (step + 1) / warmup_steps
    want = peak * min(1, line)
    too_far = "That rises above the peak: step W - 1 is the first at full rate, and those after it stay there."
    smells = {
        "The first step would not move: count the step itself, s + 1.": peak * min(1, step / warmup_steps),
        "That is one step ahead: this one is step s + 1.": peak * min(1, (step + 2) / warmup_steps),
        "That reaches the peak one step late: divide by the warm-up steps.":
            peak * min(1, (step + 1) / (warmup_steps + 1)),
        "That reaches the peak one step early: divide by the warm-up steps.":
            peak * min(1, (step + 1) / max(warmup_steps - 1, 1)),
        "That line starts at 0, and the first step would not move: divide s + 1 by the warm-up steps.":
            peak * min(1, step / max(warmup_steps - 1, 1)),
        "That rises for ever: hold it at the peak." if line > 2 else too_far: peak * line,
        "That is 0 until the warm-up is over: is it an integer division?": peak * min(1, int(line)),
    }  # fmt: skip
    if line < 1:
        smells["That is the share of the peak; multiply it by the peak."] = line
        smells["That starts at the peak or above it: take the smaller of 1 and the line, which is (s + 1) / W."] = peak
    else:
        smells["It ends at 1, and not at the peak."] = 1.0
    expect(rate, want, on=on, smells=smells, tolerance=min(1e-4, max(1e-4 * want, 1e-6 * peak)))
    dtype = rate.dtype.name if isinstance(rate, tf.Tensor) else "float32"
    require(dtype == "float32", f"For {on}: a tensor of {dtype} came. Return a float, or a tensor of float32.")


@exercise(
    "6.4",
    "A confusion matrix from a loop",
    why="What is added batch by batch needs no more memory for more data.",
    deeper=True,
)
def confusion_matrix(answer):
    """Judge the counts on fresh logits: ragged batches, few and many classes, labels of few bits, and any iterable."""
    rng = np.random.default_rng()
    for count, size, classes, absent, dtype, form in (
        (33, 5, 4, (), "int64", "dataset"),
        (31, 5, 4, (3,), "int32", "list"),
        (12, 5, 2, (), "int16", "generator"),
        (64, 5, 20, (), "uint8", "dataset"),
        (41, 8, 20, (7, 12), "int8", "generator"),
        (700, 350, 2, (), "uint8", "dataset"),
    ):
        present = np.setdiff1d(np.arange(classes), absent)
        logits = (rng.normal(size=(count, classes)) - 9 * np.isin(np.arange(classes), absent)).astype("float32")
        logits *= 60 if count == 64 else 1  # whose exponentials are infinite, and whose sigmoids are all 0 or 1
        logits[:, 0] += 2 * (count == 700)  # so that one count is above 255, in its first batch already
        y_pred = logits.argmax(axis=1)
        logits[np.arange(count), y_pred] += 0.01  # the greatest by more than what rounding in the model adds
        y = np.concatenate([np.zeros(max(5, count // 2), int), rng.choice(present, count)])[:count].astype(dtype)
        y[: len(present)] = rng.permutation(present)
        model = _FirstRow(np.float32(rng.permutation(np.linspace(-4, 4, classes))))
        x = np.stack([logits - model.bias, -logits], axis=1)  # an example is a matrix, as a picture is
        batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
        batches = {"dataset": batches, "list": list(batches), "generator": (pair for pair in batches)}[form]
        on = f"{count} examples in a {form} of batches of {size}, {classes} classes, labels of {dtype}"
        smells = _ways_to_miscount(y, y_pred, classes, size)
        smells["The model ran in training mode: pass training=False."] = _counts(
            y, logits[:, ::-1].argmax(axis=1), classes
        )
        got = answer(model, batches, classes)
        expect(got, _counts(y, y_pred, classes), on=on, smells=smells)
    dtype = as_array(got).dtype
    if dtype.itemsize < 4:  # others hold more than a question may count: a loop over single examples would take seconds
        most = np.iinfo(dtype).max if dtype.kind in "iu" else 2 ** (np.finfo(dtype).nmant + 1)
        batch = np.repeat(x[:1], most + 1, axis=0), np.repeat(y[:1], most + 1)
        want = (most + 1) * _counts(y[:1], y_pred[:1], classes)
        smells = {_too_few_bits(dtype.name, most): want.astype(dtype)}
        got = answer(model, tf.data.Dataset.from_tensors(batch), classes)
        expect(got, want, on=f"a batch of {most + 1} examples", smells=smells)


def _too_few_bits(dtype: str, most: int) -> str:
    return f"A count above {most} needs more bits than {dtype} has."


class _FirstRow(tf.keras.Model):
    """Takes the first row of each example, plus a bias, for its logits; in training mode, in reversed order."""

    def __init__(self, bias: np.ndarray):
        super().__init__(name="classifier")
        self.bias = bias  # of examples on another scale it makes another answer

    def call(self, x, training=False):
        """Return the logits."""
        logits = x[:, 0] + self.bias
        return tf.reverse(logits, [-1]) if training else logits


def _counts(y: np.ndarray, y_pred: np.ndarray, classes: int) -> np.ndarray:
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (y.astype(int), y_pred), 1)
    return matrix


def _ways_to_miscount(y: np.ndarray, y_pred: np.ndarray, classes: int, size: int) -> dict[str, np.ndarray]:
    """Return what each misconception gives in place of the counts."""
    want, last = _counts(y, y_pred, classes), (len(y) - 1) // size * size
    rows, columns = want.sum(axis=1, keepdims=True), want.sum(axis=0, keepdims=True)
    product = y * np.asarray(classes, y.dtype)  # which wraps around where the dtype has few bits
    places = product.astype(int) + y_pred, (product + y_pred.astype(y.dtype)).astype(int)
    wrapped, all_wrapped = (
        np.bincount(place % classes**2, minlength=classes**2).reshape(want.shape) for place in places
    )
    starts_again = "Labels of few bits times the number of classes start again at 0, or below: cast the labels first."
    return {
        "Rows and columns are swapped: the row is the true class.": want.T,
        "That is the last batch alone: add every batch to what you have.": _counts(y[last:], y_pred[last:], classes),
        "That is the first batch alone: go on to the others.": _counts(y[:size], y_pred[:size], classes),
        "The first batch is missing. A generator gives each batch once: one that was taken to look at is gone.":
            _counts(y[size:], y_pred[size:], classes),
        "The last batch is missing: it is smaller than the others, and it counts.":
            _counts(y[: len(y) // size * size], y_pred[: len(y) // size * size], classes),
        "Nothing was counted. An iterable may be a generator, which can be gone through once.": 0 * want,
        "Those are shares; counts are asked for.": want / np.maximum(rows, 1),
        "Those are shares, cut to whole numbers; counts are asked for.": want // np.maximum(rows, 1),
        "Those are shares of the columns; counts are asked for.": want / np.maximum(columns, 1),
        "Those are shares of all examples; counts are asked for.": want / len(y),
        "Repeated pairs were counted once: += does that. Use np.add.at, or a library's count.": np.minimum(want, 1),
        "In each batch, repeated pairs were counted once: += does that. Use np.add.at, or a library's count.":
            sum(np.minimum(_counts(y[i : i + size], y_pred[i : i + size], classes), 1)
                for i in range(0, len(y), size)),
        "Each row is the sum of all: [[0] * n] * n is one row, n times. Make each one anew.": columns + 0 * want,
        "Only the right answers are counted; the mistakes belong beside the diagonal.": np.diag(np.diag(want)),
        "Only the mistakes are counted; the right answers belong on the diagonal.": want - np.diag(np.diag(want)),
        **({starts_again: wrapped} if np.any(wrapped != all_wrapped) else {}),
        f"{starts_again} The answers, too.": all_wrapped,
        **{_too_few_bits(kind, np.iinfo(kind).max): want.astype(kind) for kind in ("int8", "uint8")},
    }  # fmt: skip


@exercise(
    "6.5",
    "The share of one replica",
    why="Now a batch costs the same however many devices it is spread over.",
    deeper=True,
)
def replica_loss(answer):
    """Judge the share of each replica on even and uneven splits, with few words, many, and none, and odd padding."""
    rng, plain = np.random.default_rng(), False
    for sizes, words, sign, padding in (
        ((30, 9), 4, 1, 2.0),
        ((5, 3, 1), 3, -1, -2.0),
        ((300, 0), 420, 1, -2.0),  # more words than 16 bits count to
        ((6,), 3, 1, 2.0),
        ((2, 2), 4, -1, (np.nan, np.inf, np.nan, -np.inf)),
        ((1, 1, 1), 3, 1, 2.0),  # with one real word in all
    ):
        masks = [rng.random((size, words)) < 0.6 for size in sizes]
        masks[0][:, 0], masks[0][-1, 1:] = True, False  # at least one real word, at least some padding
        if sizes in ((2, 2), (1, 1, 1)):
            for mask in masks[1:]:
                mask[:] = False
        parts = [np.where(mask, sign * rng.uniform(1, 3, mask.shape), padding).astype("float32") for mask in masks]
        real_words, replicas = sum(int(mask.sum()) for mask in masks), len(sizes)
        penalty = sign * replicas * float(rng.uniform(1.1, 1.9))  # whole numbers are lost in penalty // replicas
        wanted, shares, told = [], [], []
        for losses, mask in zip(parts, masks, strict=True):
            plain = not plain
            kind = tf.int64 if replicas > 2 else tf.int32
            rest = (real_words, penalty) if plain else (tf.constant(real_words, kind), tf.constant(penalty))
            wanted.append(losses[mask].sum() / real_words + penalty / replicas)
            shares.append(answer(tf.constant(losses), tf.constant(mask), *rest, replicas))
            on = f"{mask.sum()} of {real_words} real words on one of {counted(replicas, 'replica')}"
            told.append(f"{on}, penalty {penalty:.4g}, {'plain numbers' if plain else 'tensors'}")
        if _add_up_to(sum(wanted), shares):  # the penalty may be split in another way: by the words, for instance
            continue
        for losses, mask, want, got, on in zip(parts, masks, wanted, shares, told, strict=True):
            smells = _ways_to_miss_a_share(losses, mask, real_words, penalty, replicas)
            expect(got, want, on=on, smells=smells)
    losses, mask = tf.constant([[1.0, np.nan]]), tf.constant([[True, True]])
    shown = as_array(answer(losses, mask, 2, 0.5, 1))
    hidden = "a broken loss would never show. Let the mask alone choose."
    refuse(
        {f"The loss of a real word is nan, and the answer is {written(shown)}: {hidden}": np.all(np.isfinite(shown))}
    )


def _add_up_to(total: float, shares: list) -> bool:
    """Say whether the shares are numbers whose sum is `total`, but for rounding."""
    arrays = [as_array(share) for share in shares]
    numbers = all(array is not None and array.shape == () for array in arrays)
    return numbers and np.isclose(sum(map(float, arrays)), total, rtol=1e-5)


def _ways_to_miss_a_share(losses: np.ndarray, mask: np.ndarray, real_words: int, penalty: float, replicas: int) -> dict:
    """Return what each misconception gives in place of a replica's share."""
    total, share, own, everything = losses[mask].sum(), penalty / replicas, mask.sum(), losses.sum()
    if not own:
        smells = {
            "The mean of no words is nan: sum, then divide.": np.nan,
            "A replica without a real word owes its part of the penalty all the same.": 0.0,
            "A replica without a real word owes its part of the penalty, and not all of it.": penalty,
        }
    elif not np.isfinite(everything):
        smells = {
            "0 times nan, or times infinity, is nan: choose the real words, and do not multiply by the mask.": np.nan
        }
    else:
        smells = {
            "The padding counts: take the loss of real words only.": everything / real_words + share,
            "That takes the padding alone: the mask is true where a word is real.":
                (everything - total) / real_words + share,
            "That is the mean of this replica's words, padding included: sum the real ones, and divide by those of all "
            "replicas.": everything / losses.size + share,
            "The penalty is missing.": total / real_words,
        }  # fmt: skip
    if own:
        smells["Every replica adds the whole penalty: split it."] = total / real_words + penalty
    return smells | {
        "The penalty was cut to a whole number: // does that, and / does not.":
            total / real_words + penalty // replicas,
        "The penalty is no loss of a word: split it among the replicas.": (total + share) / real_words,
        "The penalty is no loss of a word: do not divide it by them.": (total + penalty) / real_words,
        "The mean was divided by the replicas, too: the shares add up to it by themselves. Split the penalty alone.":
            total / real_words / replicas + share,
        "That is this replica's own mean: the sum would grow with the number of replicas.":
            total / max(own, 1) + share,
        "A mean of means: it lets the words of a small share count too much.": total / max(own, 1) / replicas + share,
        "That is the sum of the losses; divide by the real words of all replicas.": total + share,
        "The number of real words is that of all replicas: do not divide it by theirs.":
            total * replicas / real_words + share,
        "That divides by this replica's rows; divide by the real words of all replicas.":
            total / max(len(losses), 1) + share,
        "That divides by this replica's words, padding included; divide by the real words of all replicas.":
            total / max(losses.size, 1) + share,
        "There is one real word in all: divide by 1. It needs no guard against less.":
            total / max(real_words, 2) + share,
        "That still has one entry for each word: sum them.": np.where(mask, losses, 0) / real_words + share,
        "The signs are lost: a loss, or a penalty, may be below 0.":
            abs(losses[mask]).sum() / real_words + abs(penalty) / replicas,
    }  # fmt: skip
