"""Checks of notebook 07."""

import numpy as np
import tensorflow as tf

from utils.checks.engine import NotYet, attempted, counted, exercise, expect, refuse, require


@exercise(
    "7.1",
    "In any units",
    why="Trained in scaled units, shipped in those of the reader: one learning rate serves any units.",
)
def repair_regression(answer):
    """Train on a fresh line in tiny units, and judge on fresh points; for a diagnosis, also on lines in other units.

    x is far smaller than y, so that the numbers of the one do not scale the other.
    """
    x_unit, y_unit = 10 ** np.random.default_rng().uniform((-7.4, -6.1), (-7.1, -6))
    tiny = _Line(x_unit, y_unit)
    tiny.train(answer)
    if tiny.times < 2:
        _require_same_alone(tiny.model, tiny.x_new, tiny.y_pred, allowed=0.1 * tiny.y.std())
        has_16 = any(16 in variable.shape for variable in tiny.model.weights)  # frozen ones, too
        require(
            has_16, f"{tiny.said} That is good, and no layer of the model has 16 hidden units, which were asked for."
        )
        return
    plain = _Line(x_unit=1.0, y_unit=1.0, called="a line in other units,")
    plain.train(answer)
    in_x = "Is x scaled by a layer that took its numbers from x_train (adapt)?"
    if plain.times >= 2:
        small_x = _Line(x_unit=0.03, y_unit=1.0)
        small_x.train(answer)
        much_better = small_x.times < min(2, plain.times / 5)  # and not by chance
        refuse({f"{plain.said} On a line with x up to 3 it was good. {in_x}": much_better})
        refuse(plain.misconceptions())
    tiny_x = _Line(x_unit, 1.0)
    tiny_x.train(answer)
    there = f"{tiny.said} On a line in other units it was good: the repair holds in those units only."
    in_y = "In units of y so large, squared errors and their gradients nearly vanish: is the *loss* in scaled units?"
    refuse({f"{there} {in_x if tiny_x.times >= 10 else in_y}": tiny.times >= 10})
    refuse(tiny.misconceptions())


class _Line:
    """A line with noise, x up to 100 and y down to about -400 times a unit, and the model that an answer makes of it.

    Most of y is negative, which no model reaches that ends in softplus.
    """

    def __init__(self, x_unit: float, y_unit: float, called: str = "a line with"):
        rng = np.random.default_rng()
        x = rng.uniform(0, 100, (1000, 1))
        y = rng.uniform(10, 30) - rng.uniform(2, 4) * x + rng.normal(0, 10, x.shape)
        x, y = np.float32(x * x_unit), np.float32(y * y_unit)
        (self.x, self.x_new), (self.y, self.y_new) = np.split(x, [600]), np.split(y, [600])
        line = np.polyfit(np.float64(self.x[:, 0]), self.y[:, 0], 1)
        self.best = _mse(self.y_new, np.polyval(line, self.x_new))
        self.where = f"{called} x up to {100 * x_unit:.3g} and y from {y.min():,.3g} to {y.max():,.3g}"

    def train(self, answer) -> None:
        """Let the answer train a model, and note how its error compares with that of the line of least squares."""
        asked = "a trained tf.keras.Model"
        given = self.x.copy(), self.y.copy()
        self.model = attempted(answer(*given), tf.keras.Model, asked=asked, on=self.where)
        _require_unchanged({"x_train": (given[0], self.x), "y_train": (given[1], self.y)})
        self.y_pred = _predicted(self.model, self.x_new, self.where)
        self.times = self._times(self.y_pred)
        self.said = f"On {self.where}: the MSE on new points is {self.times:,.3g} times that of the straight line."

    def _times(self, y_pred: np.ndarray) -> float:
        return _mse(self.y_new, y_pred) / self.best

    def misconceptions(self) -> dict[str, bool]:
        """Return what to say of each mistake, and whether it shows; the last one always does."""
        shift = np.mean(np.asarray(self.y_new, np.float64) - self.y_pred)
        off = f"All predictions are about {abs(shift):,.3g} too {'small' if shift > 0 else 'great'}"
        in_deviations = self.y_pred * self.y.std() + self.y.mean()
        not_scaled = (self.y_pred - self.y.mean()) * self.y.std() + self.y.mean()
        by_variance = (self.y_pred - self.y.mean()) / self.y.std() + self.y.mean()
        mean_not_scaled = self.y_pred - self.y.mean() * self.y.std() + self.y.mean()
        by_x = (self.y_pred - self.x.mean()) / self.x.std()
        of_scaled = _predicted(self.model, (self.x_new - self.x.mean()) / self.x.std(), self.where)
        once_less = (self.y_pred - self.y.mean()) / self.y.std()
        x_of_y = _predicted(self.model, self.y_new, self.where)
        biases = [variable for variable in self.model.trainable_variables if len(variable.shape) == 1]
        as_good_as_the_mean = 0.9 * np.var(self.y_new) / self.best
        shows = {
            "The predictions are in deviations of y, not in its units: the way back is missing in the model.":
                self._times(in_deviations) <= 2,
            "The way back adds the mean of y, and does not multiply by its deviation before.":
                self._times(not_scaled) <= 2,
            "The way back multiplies by the variance of y: take its square root, the deviation.":
                self._times(by_variance) <= 2,
            f"{off}: the mean of y was multiplied by the deviation, too. Multiply first, then add it.":
                self.times >= 10 and self._times(mean_not_scaled) <= 2,
            f"{off}: the mean of y was taken away, and not added again.":
                self.times >= 10 and self._times(self.y_pred + self.y.mean()) <= 2,
            f"{off}: what was taken away on the way in is what has to be added on the way back, no more and no less.":
                self.times >= 10 and self._times(self.y_pred + shift) <= 2,
            "The way back to the units of y is taken once too often: what it is given is in those units already.":
                self._times(once_less) <= 2,
            "The way back is taken with mean and deviation of x: the predictions are y, so take those of y_train.":
                self._times(by_x * self.y.std() + self.y.mean()) <= 2,
            "The model was trained on x and y that were scaled outside. It must take raw x and give raw y: put both "
            "scalings inside.": self._times(of_scaled * self.y.std() + self.y.mean()) <= 2,
            "x and y are swapped: the model tells x from y.": _mse(self.x_new, x_of_y) < 0.2 * np.var(self.x_new),
            "Every bias is still 0, as at the start: the layers of the model that is returned were never trained, "
            "or no gradient reached them: does an activation at the end cut everything off?":
                bool(biases) and not any(np.any(variable) for variable in biases),
            "The model wants inputs that were scaled outside. It must take raw x: put the scaling inside.":
                self._times(of_scaled) <= 2,
            "No prediction is negative, and most of y is: does the model end in an activation that cuts it?":
                np.all(self.y_pred >= 0),
            "It answers the same for every x: was it trained, does a hidden unit fire, and is x still there behind its "
            "scaling?":
                np.ptp(self.y_pred) <= 1e-6 * np.abs(self.y_pred).max(),
            "That is no better than always the mean. Are both ends scaled once, by numbers from x_train and y_train, "
            "and are the steps of Adam large enough?": self.times >= as_good_as_the_mean,
            "It is on the way. Are both ends scaled once, by numbers from x_train and y_train (no variance), and is "
            "there no activation at the end? Then larger steps first, smaller ones at the end, or more epochs.": True,
        }  # fmt: skip
        return {f"{self.said} {message}": shown for message, shown in shows.items()}


def _predicted(model: tf.keras.Model, x: np.ndarray, where: str) -> np.ndarray:
    y_pred = np.asarray(model(tf.constant(x)))
    require(y_pred.shape == x.shape, f"On {where}: {x.shape} rows give shape {y_pred.shape}, not {x.shape}.")
    broken = "the model answers nan or inf. The steps were too large, or something was divided by 0."
    require(np.all(np.isfinite(y_pred)), f"On {where}: {broken}")
    return y_pred


def _require_same_alone(model: tf.keras.Model, x: np.ndarray, y_pred: np.ndarray, allowed: float) -> None:
    """Require the row of the greatest x to get the same answer alone as among the others, but for rounding."""
    row = np.argmax(x)
    alone = np.asarray(model(tf.constant(x[row : row + 1])))
    require(
        np.all(np.abs(alone - y_pred[row]) <= allowed),
        "The model answers otherwise for one row than for many: is something measured on the rows that come, or left "
        "to chance? It must know its numbers from training.",
    )


def _require_unchanged(arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Require each array that was given to equal what it was before."""
    changed = [name for name, (given, before) in arrays.items() if not np.array_equal(given, before)]
    require(not changed, f"Your function changes {' and '.join(changed)} in place, which the caller still uses: copy.")


def _mse(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.mean((np.asarray(y_true, np.float64) - y_pred) ** 2))


@exercise(
    "7.2",
    "Normalization by hand",
    why="What the layer learns is a mean and a deviation for each column, and it learns them from the training part.",
    deeper=True,
)
def normalize(answer):
    """Compare with the layer on columns of very different size, on other rows, and on constant columns."""
    rng = np.random.default_rng()
    # 577 rows: in batches of 32 or 64 one is left, and counts too much in a mean of the batches' means.
    for n, m, d, far, outlier in ((20, 5, 3, 5, 20), (20, 25, 3, 1000, 20), (577, 9, 70, 5, 20), (9, 1, 1, 5, 200)):
        size, shift = 10.0 ** rng.permutation(np.linspace(-3, 3, d)), rng.uniform(-far, far, d)
        shift[0] = far
        x_train = (size * (rng.normal(size=(n, d)) + shift)).astype("float32")
        x = (size * (2 * rng.normal(size=(m, d)) + shift + 1)).astype("float32")
        x[0] += outlier * size  # stays one
        x_train[[1, -1]] = x_train[0]  # equal rows do not make a column constant
        layer = tf.keras.layers.Normalization()
        layer.adapt(x_train)
        mean, deviation, both = x_train.mean(0), x_train.std(0), np.concatenate([x_train, x])
        with np.errstate(divide="ignore", invalid="ignore"):  # of one row
            of_x = (x - x.mean(0)) / x.std(0)
        smells = {
            f"{added:g} is added to the {name}, and that is much in a column of small numbers: change a deviation of 0 "
            "alone.": (x - mean) / changed
            for added in (1e-3, 1e-5, 1e-8)
            for name, changed in (("deviation", deviation + added), ("variance", np.sqrt(deviation**2 + added)))
        }
        smells |= {
            "Those are the statistics of x. Only the training rows may be measured.": of_x,
            "Those are the statistics of x_train and x together. Only the training rows may be measured.": (
                (x - both.mean(0)) / both.std(0)
            ),
            "Mean and deviation were taken over all columns at once: each column has its own.": (
                (x - x_train.mean()) / x_train.std()
            ),
            "The deviation was taken over all columns at once: each column has its own.": (x - mean) / x_train.std(),
            "The mean was taken over all columns at once: each column has its own.": (x - x_train.mean()) / deviation,
            "That divides by the variance; divide by its square root.": (x - mean) / x_train.var(0),
            "That divides by n - 1 inside the deviation; the layer divides by n.": (x - mean) / x_train.std(0, ddof=1),
            "The mean is not subtracted.": x / deviation,
            "The mean is subtracted, and nothing is divided.": x - mean,
            "That brings the training rows to the range from 0 to 1, which is another scaling.": (
                (x - x_train.min(0)) / np.ptp(x_train, axis=0)
            ),
            "Those are the training rows, scaled. Scale the rows of x.": (x_train - mean) / deviation,
        }
        on = f"x_train of shape ({n}, {d}), x of shape ({m}, {d}), and means of up to {far} deviations"
        given = x_train.copy(), x.copy()
        got = answer(*given)
        _require_unchanged({"x_train": (given[0], x_train), "x": (given[1], x)})
        expect(got, layer(x), on=on, smells=smells, tolerance=1e-3)
    deviation, drawn = 7e-7, rng.normal(size=(50, 1))  # the layer's floor is 1e-7: what is like it is accepted, too
    x_train = np.float32(deviation * (drawn - drawn.mean()) / drawn.std())
    on = f"a column whose deviation is {deviation:g}, above the layer's floor of 1e-7"
    expect(answer(x_train.copy(), x_train.copy()), x_train / deviation, on=on, tolerance=0.2)
    constant = np.float32([[2, 0, -3, 1], [2, 0, -3, 3], [2, 0, -3, 5]])
    got = answer(constant.copy(), constant[:2].copy())
    want = np.float32([[0, 0, 0, -1.2247449], [0, 0, 0, 0]])
    smells = {
        "0/0 is nan: a constant column has a deviation of 0.": np.where(np.arange(4) < 3, np.nan, want),
        "A constant column went through as it is; it should become 0.": np.where(np.arange(4) < 3, constant[:2], want),
    }
    expect(got, want, on="columns that are 2, 0 and -3 in every row", smells=smells)


@exercise(
    "7.3",
    "Find the leak",
    why="This experiment needs no reading of code, and finds a leak in a pipeline of any length.",
)
def find_leak(answer):
    """Judge which pipelines are flagged, in fresh order and in several units of y: all kinds, once and twice."""
    for column, (times, y_unit) in enumerate(((1, 1e8), (2, 1e-3), (1, 1e8))):
        _judge_flags(answer, _kinds(column), times, y_unit)


def _kinds(column: int) -> dict:
    """Return pipelines by name, and whether they leak; one leaks through this column of the rows only."""

    def with_test_column(x_train, x_test):
        rows = x_train.copy()
        rows[:, column] = np.resize(x_test[:, column], len(rows))
        return rows

    def centered(rows):
        return rows - rows.mean(0)

    return {
        "honest": (_fitted(lambda x_train, x_test: x_train), False),
        "noisy": (_fitted(lambda x_train, x_test: x_train, rounding=1e-7), False),
        "raw": (_fitted(None), False),
        "mean": (_fitted(lambda x_train, x_test: np.vstack([x_train, x_test])), True),
        "column": (_fitted(with_test_column), True),
        "batches": (_in_batches(_fitted(lambda x_train, x_test: x_test)), True),
        "range": (_fitted(lambda x_train, x_test: np.vstack([x_train, x_test]), by_range=True), True),
        "row before": (_less_another_row(_fitted(lambda x_train, x_test: x_train), 1), True),
        "row after": (_less_another_row(_fitted(lambda x_train, x_test: x_train), -1), True),
        "second row after": (_less_another_row(_fitted(lambda x_train, x_test: x_train), -2), True),
        "raised": (_shifted_by_spread(_fitted(None), 1), True),
        "lowered": (_shifted_by_spread(_fitted(None), -1), True),
        "center": (_on_changed(_fitted(None), centered), True),
        "neighbors": (_in_batches(_on_changed(_fitted(None), centered), of_neighbors=True), True),
        "size": (_on_changed(_fitted(None), lambda rows: rows / np.sqrt(np.mean(rows**2, axis=0))), True),
    }


def _judge_flags(answer, kinds: dict, times: int, y_unit: float) -> None:
    """Hand over all kinds of pipelines so many times, and judge which are flagged."""
    rng = np.random.default_rng()
    names = list(rng.permutation(list(kinds) * times))
    columns = np.array([1, 3, 9])
    x_train = rng.normal(size=(60, 3)) * columns
    # Each row is away from the mean, and on one side in all columns: its prediction moves when the statistics do.
    x_test = rng.choice((-1, 1), (20, 1)) * rng.uniform(0.8, 2, (20, 3)) * columns
    x_test[7], x_test[11] = 6 * columns, -6 * columns  # beyond the range of the training rows
    y_train = y_unit * (x_train / columns @ rng.uniform(5, 15, (3, 1)) + rng.normal(size=(60, 1)))
    given = x_train.copy(), y_train.copy(), x_test.copy()
    got = answer([kinds[name][0] for name in names], *given)
    before = {"x_train": x_train, "y_train": y_train, "x_test": x_test}
    _require_unchanged({name: (array, before[name]) for name, array in zip(before, given, strict=True)})
    one_each = f"one answer for each of {len(names)} pipelines"
    flagged = np.asarray(attempted(got, asked=one_each))
    require(flagged.shape == (len(names),), f"{one_each.capitalize()} is expected; shape {flagged.shape} came.")
    truths = flagged.dtype.kind in "biuf" and np.all((flagged == 0) | (flagged == 1))
    require(truths, "True or False is expected for each pipeline; something else came.")
    flagged = flagged.astype(bool)
    leaks = np.array([kinds[name][1] for name in names])
    false, missed = ([name for name, is_one in zip(names, odd, strict=True) if is_one] for odd in (
        flagged & ~leaks, leaks & ~flagged,
    ))  # fmt: skip
    refuse({f"Of {len(names)} pipelines, {flagged.sum()} were flagged. {message}": shows for message, shows in {
        "An honest prediction changes with its own row: watch rows that you left as they are, and leave x_train and "
        "y_train. And it may differ in the seventh digit: compare loosely.": flagged.all(),
        "Reordering rows, or a tiny change, moves hardly a statistic, and a loose tolerance hides what "
        "moves: replace the others.": not flagged.any(),
        "They are the honest ones: True means it leaks.": np.all(flagged != leaks),
        "One of them differs in the seventh digit only: that is float arithmetic, so compare loosely, by a share "
        "of the predictions.": set(false) == {"noisy"} and not missed,
        "One kind of leak was missed: it looks at the smallest and greatest value only. Change the rows by much.":
            set(missed) == {"range"},
        "One kind of leak was missed: each row is scaled with some of the others, in batches. Replace all others.":
            set(missed) == {"batches"},
        "One kind of leak was missed: from each row the mean of its batch is taken away, and a batch is five rows that "
        "stand together. Keep one row, and replace the others in its batch, too.": set(missed) == {"neighbors"},
        "One kind of leak was missed: it looks at one column of the rows only. Change all columns by much.":
            set(missed) == {"column"},
        "One kind of leak was missed: it takes the mean of the rows away, and that alone. Give the others another "
        "mean, and compare row by row.": set(missed) == {"center"},
        "One kind of leak was missed: it looks at the size of the rows, whatever their sign. Change more of the others "
        "than their sign.": "size" in missed and set(missed) <= {"size", "range"},
        "One kind of leak was missed: a row looks at the one before it. Watch a row that has one, which the first has "
        "not, and replace the one before it.": set(missed) == {"row before"},
        "A kind of leak was missed: a row looks at one of those after it. Watch a row that has some, and replace all "
        "rows but that one.": missed and set(missed) <= {"row after", "second row after"},
        "One kind of leak was missed: the other rows move all predictions one way, up or down. Compare the size of the "
        "differences, without their sign.": set(missed) in ({"raised"}, {"lowered"}),
        f"{counted(len(false), 'honest one')} among them: the other rows change nothing but the seventh digit.": false,
        f"{counted(len(missed), 'leak')} missed. Keep one row, replace all others, compare.": missed,
    }.items()})  # fmt: skip


def _fitted(seen, by_range: bool = False, rounding: float = 0.0):
    """Return a pipeline: scaling by the rows that `seen` gives, then a least-squares fit with a little ridge."""

    def pipeline(x_train, y_train, x_test):
        x_train, x_test = np.asarray(x_train, np.float64), np.ascontiguousarray(x_test, np.float64)
        noise = np.sin(x_test.view(np.int64).sum() % 1000)  # of the bits: a number even where a row is nan or inf
        if seen:
            rows = seen(x_train, x_test)
            low, scale = (rows.min(0), np.ptp(rows, axis=0)) if by_range else (rows.mean(0), rows.std(0))
            x_train, x_test = (x_train - low) / (scale + 1e-9), (x_test - low) / (scale + 1e-9)
        # The ridge makes the answer depend on the scaling; without it least squares undoes any.
        x_mean, y_mean = x_train.mean(0), np.mean(y_train)
        a = x_train - x_mean
        weights = np.linalg.solve(a.T @ a + 0.3 * len(a) * np.eye(3), a.T @ (np.asarray(y_train) - y_mean))
        y_pred = (x_test - x_mean) @ weights + y_mean
        return y_pred * (1 + rounding * noise)

    return pipeline


def _less_another_row(pipeline, places: int):
    """Return the pipeline called on differences: each row, where it has one, depends on the row `places` before it."""

    def lagged(x_train, y_train, x_test):
        rows, others = np.array(x_test, np.float64), np.roll(x_test, places, axis=0)
        there = slice(places, None) if places > 0 else slice(places)
        rows[there] -= 0.5 * others[there]
        return pipeline(x_train, y_train, rows)

    return lagged


def _shifted_by_spread(pipeline, sign: int):
    """Return the pipeline whose predictions are all raised, or lowered, by the spread of the test rows: 0 for one."""

    def shifted(x_train, y_train, x_test):
        spread = np.mean(np.std(x_test, axis=0) / np.std(x_train, axis=0))
        return pipeline(x_train, y_train, x_test) + sign * spread * np.std(y_train)

    return shifted


def _on_changed(pipeline, change):
    """Return the pipeline called on what `change` makes of all test rows together."""
    return lambda x_train, y_train, x_test: pipeline(x_train, y_train, change(np.asarray(x_test, np.float64)))


def _in_batches(pipeline, of_neighbors: bool = False):
    """Return the pipeline called on three batches of test rows, each of every third row, or on batches of five rows."""

    def batched(x_train, y_train, x_test):
        y_pred, rows = np.zeros((len(x_test), 1)), np.arange(len(x_test))
        batch_of = rows // 5 if of_neighbors else rows % 3
        for batch in np.unique(batch_of):
            y_pred[batch_of == batch] = pipeline(x_train, y_train, np.asarray(x_test)[batch_of == batch])
        return y_pred

    return batched


@exercise(
    "7.4",
    "Mean and spread",
    why="The model now says how far from its mean the truth may lie, and new points agree.",
)
def mean_and_spread(answer):
    """Train the two heads on noise that grows with x, in small and in large units.

    No mean of y serves as a spread: it is negative on one line, and 0 on the other.
    """
    for x_unit, y_unit, y_mean in ((1e-2, 1e3, -60.0), (1e2, 1e-6, 0.0)):
        for attempts_left in (4, 3, 2, 1, 0):  # a start may be unlucky, such as one with dead units
            try:
                _judge_heads(answer, x_unit, y_unit, y_mean)
                break
            except NotYet:
                if not attempts_left:
                    raise


def _judge_heads(answer, x_unit: float, y_unit: float, y_mean: float) -> None:
    """Train the two heads in these units, and count new points within two spreads, left and right."""
    rng = np.random.default_rng()
    x = rng.uniform(0, 100, (3000, 1))
    y = 3 * x + (5 + 0.4 * x) * rng.normal(size=x.shape)  # noise of 5 at the left, of 45 at the right
    start = y_mean - y[:1000].mean()
    y += start
    (x_train, x_new), (y_train, y_new) = (
        np.split(np.float32(x * x_unit), [1000]),
        np.split(np.float32(y * y_unit), [1000]),
    )
    asked = "an untrained tf.keras.Model"
    given = x_train.copy(), y_train.copy()
    model = attempted(answer(*given), tf.keras.Model, asked=asked)
    _require_unchanged({"x_train": (given[0], x_train), "y_train": (given[1], y_train)})
    trained = getattr(model, "optimizer", None) is not None and int(model.optimizer.iterations) > 0
    require(not trained, "The model was trained already. Return it untrained: the check trains it.")
    _require_two_columns(model, x_train)
    require(model.trainable_variables, "Nothing in the model can be trained: is trainable False?")
    units = f"On a line with x up to {x_train.max():,.3g} and y up to {y_train.max():,.3g}:"
    born, deviation = np.median(np.asarray(model(x_train))[:, 1]), y_train.std()
    told = f"{units} before training, the spread is {born:.3g}, and the deviation of y {deviation:.3g}."
    in_squares = y_unit > 1 and born > 1000 * deviation  # in small units a square is small, too
    require(not in_squares, f"{told} Is it in squares of the units of y, a variance, perhaps?")
    _train_heads(model, x_train, y_train)
    outputs = np.asarray(model(tf.constant(x_new)))
    x_new = x_new / x_unit
    mean, spread = np.split(outputs / y_unit, 2, axis=1)
    error = np.sqrt(np.mean((mean - (3 * x_new + start)) ** 2))
    refuse({
        f"{units} after training, the model answers nan or inf.": not np.all(np.isfinite([mean, spread])),
        f"{units} after training, the spread is {np.mean(spread) * y_unit:.3g} at every x. It must depend on x: does "
        "its head grow from the hidden layer, is x scaled by numbers from x_train, and is no floor or bound in other "
        "units than y?":
            np.ptp(spread) <= 1e-6 * np.max(spread),
        f"{units} after {STEPS} steps, the mean is {error * y_unit:.3g} away from the truth, typically. Is x scaled "
        "on the way in, and the mean back to the units of y, both by numbers from x_train and y_train? If so: does an "
        "activation cut the mean off, or does the spread hold it back? Its head is one of its own, in units of y.":
            error >= 12,
    })  # fmt: skip
    _require_same_alone(model, np.float32(x_new * x_unit), outputs, allowed=0.1 * deviation)
    for side, here in {"left": x_new < 33, "right": x_new > 67}.items():
        inside = np.mean((np.abs(y_new / y_unit - mean) < 2 * spread)[here])
        ours, truth = np.mean(spread[here]) * y_unit, np.mean(5 + 0.4 * x_new[here]) * y_unit
        share = f"{units} at the {side}, {inside:.0%} of new points lie within two spreads; 95 % should."
        told = f"{share} The spread there is {ours:.3g}, that of the noise {truth:.3g}. Is x scaled on the way in by "
        told += "numbers from x_train, the spread in units of y, and its floor small?"
        require(0.89 < inside < 0.988, told)


def _require_two_columns(model: tf.keras.Model, x: np.ndarray) -> None:
    """Require one output of shape (n, 2) whose second column is positive whatever the weights."""
    outputs = model(x)
    several = isinstance(outputs, list | tuple | dict)
    require(not several, f"{len(outputs)} outputs came; one of shape (n, 2) is expected: concatenate.")
    require(outputs.shape == (len(x), 2), f"{len(x)} rows give shape {tuple(outputs.shape)}, not ({len(x)}, 2).")
    far = x.mean() + x.std() * np.float32([[-1000], [-10], [10], [1000]])
    near_and_far = np.concatenate([x[:200], far])
    spread_is_positive = _positive_columns(model, x[:200], 1.0)[1]
    spread_of_zeros_is_positive = _positive_columns(model, near_and_far, 0.0)[1]
    mean_is_positive, spread_stays_positive = _positive_columns(model, near_and_far, 100.0)
    refuse({
        "Column 0 is never negative, whatever the weights, and column 1 is: the pair is swapped. Column 0 is the mean.":
            mean_is_positive and not spread_is_positive,
        "The spread is zero or negative for some weights: its head needs an activation that is positive everywhere, "
        "and nothing negative may be added.": not spread_is_positive,
        "With all weights at 0, the spread is zero or negative for some x, and the loss divides by it. Give it a "
        "floor, the same one at every x.": not spread_of_zeros_is_positive,
        "For large weights the spread is 0, or nan: softplus and exp of a large negative number are 0 in float32, and "
        "exp of a large positive one is inf. The loss divides by the spread: give it a floor.":
            not spread_stays_positive,
    })  # fmt: skip


def _positive_columns(model: tf.keras.Model, x: np.ndarray, size: float) -> np.ndarray:
    """Tell for each output column whether it stays positive for twelve random draws of weights of that size."""
    kept, outputs, rng = model.get_weights(), [], np.random.default_rng()
    for _ in range(12):
        for variable in model.trainable_variables:
            variable.assign(size * rng.normal(size=variable.shape))
        outputs.append(np.asarray(model(x)))
    model.set_weights(kept)
    return np.all(np.concatenate(outputs) > 0, axis=0)


STEPS = 300


def _train_heads(model: tf.keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Take steps of Adam on all rows, down the negative log-likelihood of a normal distribution."""
    # Clipped, since a spread that starts at its floor has gradients of a million: Adam would remember them to the end.
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.03, STEPS)
    optimizer = tf.keras.optimizers.Adam(schedule, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)

    @tf.function
    def all_steps(x, y):
        for _ in tf.range(STEPS):
            with tf.GradientTape() as tape:
                mean, spread = tf.split(tf.cast(model(x, training=True), tf.float32), 2, axis=1)
                loss = tf.reduce_mean(tf.math.log(spread) + 0.5 * tf.square((y - mean) / spread))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    all_steps.get_concrete_function(tf.constant(x), tf.constant(y))(tf.constant(x), tf.constant(y))
