"""Answers to the exercises of notebook 04 whose verdict is known."""

from typing import ClassVar

import numpy as np
import tensorflow as tf

from tests.proofs import Proof

Metric = tf.keras.metrics.Metric


def flat(values):
    return tf.cast(tf.reshape(values, (-1,)), tf.float32)


class Sums(Metric):
    """Adds named sums in float32, as most right answers do; the ways to get it wrong are subclasses."""

    shapes: ClassVar = {}
    dtype_of_state = "float32"

    def __init__(self, *args, name="metric", **kwargs):
        super().__init__(name=name, **kwargs)
        self.num_classes = args[0] if args else None
        self.sums = {
            key: self.add_weight(name=key, shape=shape, initializer="zeros", dtype=self.dtype_of_state)
            for key, shape in self.shapes.items()
        }

    def update_state(self, y_true, y_pred, sample_weight=None):
        for key, value in self.parts(y_true, y_pred, sample_weight).items():
            self.sums[key].assign_add(tf.cast(value, self.dtype_of_state))


def forgetting(metric, *names):
    """Return a metric whose reset leaves some of its sums as they are."""

    def reset_state(self):
        for name, value in self.sums.items():
            if name not in names:
                value.assign(tf.zeros_like(value))

    return type(f"{metric.__name__}Forgets", (metric,), {"reset_state": reset_state})


def renewing(metric):
    """Return a metric that makes new variables in each reset: right when run eagerly."""

    def reset_state(self):
        self.sums = {
            key: self.add_weight(name=key, shape=value.shape, initializer="zeros", dtype=value.dtype)
            for key, value in self.sums.items()
        }

    return type(f"{metric.__name__}Renewed", (metric,), {"reset_state": reset_state})


def in_numbers(metric):
    """Return a metric whose result is a Python number, or NumPy's: right when run eagerly."""
    return type(f"{metric.__name__}InNumbers", (metric,), {"result": lambda self: metric.result(self).numpy()})


def recorded(metric):
    """Return a metric whose methods are tf.functions, which hold their metric only weakly."""
    methods = {name: tf.function(getattr(metric, name)) for name in ("update_state", "result")}
    return type(f"{metric.__name__}Recorded", (metric,), methods)


def keeping_its_result(metric):
    """Return a metric that, eagerly, computes its result once until it is reset."""

    def result(self):
        if not tf.executing_eagerly():
            return metric.result(self)
        self.kept = metric.result(self) if self.kept is None else self.kept
        return self.kept

    def reset_state(self):
        self.kept = None
        metric.reset_state(self)

    return type(f"{metric.__name__}Kept", (metric,), {"kept": None, "result": result, "reset_state": reset_state})


def reweighed(metric, change):
    """Return a metric that takes other weights than those that are given."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        metric.update_state(self, y_true, y_pred, None if sample_weight is None else change(sample_weight))

    return type(f"{metric.__name__}Reweighed", (metric,), {"update_state": update_state})


def at_most_3(w):
    return tf.minimum(w, 3.0)


def at_most_100(w):
    return tf.minimum(w, 100.0)


def zeros_as_ones(w):
    return tf.where(w == 0, 1.0, w)


def zero_batch_as_ones(w):
    return tf.where(tf.reduce_any(w != 0), w, tf.ones_like(w))


def by_share_of_batch(w):
    """0/0 in a batch whose weights are all 0."""
    return w / tf.reduce_sum(w) * tf.reduce_sum(w)


class MeanByKeras(tf.keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(flat(y_pred), None if sample_weight is None else flat(sample_weight))


class MeanBySums(Sums):
    shapes: ClassVar = {"total": (), "count": ()}

    def parts(self, y_true, y_pred, w):
        p = flat(y_pred)
        w = tf.ones_like(p) if w is None else flat(w)
        return {"total": tf.tensordot(w, p, 1), "count": tf.reduce_sum(w)}

    def result(self):
        total, count = (tf.convert_to_tensor(self.sums[key]) for key in ("total", "count"))
        return tf.where(count > 0, total / tf.where(count > 0, count, 1.0), 0.0)


class MeanInPython(MeanBySums):
    """Keeps Python numbers and resets them itself: right when run eagerly."""

    def __init__(self, name="metric", **kwargs):
        super().__init__(name=name, **kwargs)
        self.seen = [0.0, 0.0]

    def update_state(self, y_true, y_pred, sample_weight=None):
        if tf.executing_eagerly():
            parts = self.parts(y_true, y_pred, sample_weight)
            self.seen = [float(self.seen[0] + parts["total"]), float(self.seen[1] + parts["count"])]

    def reset_state(self):
        self.seen = [0.0, 0.0]

    def result(self):
        return self.seen[0] / self.seen[1] if self.seen[1] else 0.0


class MeanFloat(MeanBySums):
    def result(self):
        total, count = (float(self.sums[key]) for key in ("total", "count"))
        return total / count if count else 0.0


class MeanByOps(MeanBySums):
    """Keras' own operations, and a result in one line."""

    def parts(self, y_true, y_pred, w):
        p = tf.keras.ops.reshape(y_pred, (-1,))
        w = tf.keras.ops.ones_like(p) if w is None else tf.keras.ops.reshape(w, (-1,))
        return {"total": tf.keras.ops.sum(w * p), "count": tf.keras.ops.sum(w)}

    def result(self):
        return tf.math.divide_no_nan(self.sums["total"], self.sums["count"])


class MeanReturned(MeanBySums):
    """Returns itself from an update: `fit` drops what comes."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        return self


class MeanRunning(Sums):
    """Moves the mean itself, by the share of the new weight."""

    shapes: ClassVar = {"mean": (), "count": ()}

    def update_state(self, y_true, y_pred, sample_weight=None):
        p = flat(y_pred)
        w = tf.ones_like(p) if sample_weight is None else flat(sample_weight)
        count = self.sums["count"] + tf.reduce_sum(w)
        step = tf.math.divide_no_nan(tf.reduce_sum(w * (p - self.sums["mean"])), count)
        self.sums["mean"].assign_add(step)
        self.sums["count"].assign(count)

    def result(self):
        return tf.identity(self.sums["mean"])


class MeanNeverReset(MeanBySums):
    def reset_state(self):
        pass


class MeanOfMeans(MeanBySums):
    def parts(self, y_true, y_pred, w):
        parts = super().parts(y_true, y_pred, w)
        some = tf.cast(parts["count"] > 0, tf.float32)
        return {"total": tf.math.divide_no_nan(parts["total"], parts["count"]), "count": some}


class MeanOfAllMeans(MeanBySums):
    def parts(self, y_true, y_pred, w):
        sums = super().parts(y_true, y_pred, w)
        return {"total": tf.math.divide_no_nan(sums["total"], sums["count"]), "count": 1.0}


class MeanUnweighted(MeanBySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, y_pred, None)


class MeanByCount(MeanBySums):
    def parts(self, y_true, y_pred, w):
        return {**super().parts(y_true, y_pred, w), "count": tf.size(y_pred)}


class MeanBySizes(MeanBySums):
    """Weighs the mean of a batch by the number of its examples."""

    def parts(self, y_true, y_pred, w):
        sums, size = super().parts(y_true, y_pred, w), tf.cast(tf.size(y_pred), tf.float32)
        return {"total": size * tf.math.divide_no_nan(sums["total"], sums["count"]), "count": size}


class MeanOfTotal(MeanBySums):
    def parts(self, y_true, y_pred, w):
        return {**super().parts(y_true, y_pred, w), "total": tf.reduce_sum(y_pred)}


class MeanOfTables(MeanBySums):
    def parts(self, y_true, y_pred, w):
        parts = super().parts(y_true, y_pred, w)
        fits = w is None or w.shape.rank == y_pred.shape.rank
        return parts if fits else {**parts, "total": tf.reduce_sum(w * y_pred)}


class MeanOfTwoTables(MeanBySums):
    """Broadcasts the weights, as `Metric`s of add-ons do: (n,) and (n, 1) become (n, n)."""

    def parts(self, y_true, y_pred, w):
        w = tf.ones_like(y_pred) if w is None else tf.ones_like(y_pred) * w
        return {"total": tf.reduce_sum(w * y_pred), "count": tf.reduce_sum(w)}


class MeanOfOneWeight(MeanBySums):
    """Without weights, takes a single 1 for those of the batch, and adds it up."""

    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, y_pred, w) | ({"count": 1.0} if w is None else {})


class MeanOfStaticShape(MeanBySums):
    """Brings weights of another shape into the static one of the predictions, which `evaluate` leaves open."""

    def parts(self, y_true, y_pred, w):
        w = tf.ones_like(y_pred) if w is None else w
        w = w if w.shape == y_pred.shape else tf.reshape(w, y_pred.shape)
        return {"total": tf.reduce_sum(w * y_pred), "count": tf.reduce_sum(w)}


class MeanAtLeast1(MeanBySums):
    def result(self):
        return self.sums["total"] / tf.maximum(self.sums["count"], 1.0)


class MeanBetween0And1(MeanBySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.clip_by_value(y_pred, 0.0, 1.0), w)


class MeanOfThe32(MeanBySums):
    """Looks at no more than 32 examples of a batch."""

    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, y_pred[:32], None if w is None else w[:32])


class MeanTouchedByLabels(MeanBySums):
    def parts(self, y_true, y_pred, w):
        parts = super().parts(y_true, y_pred, w)
        return {**parts, "total": parts["total"] + 0.0 * tf.reduce_sum(y_true)}


class MeanInDtypeOfLabels(MeanBySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.cast(y_pred, y_true.dtype), w)


class MeanAtLeast001(MeanBySums):
    def result(self):
        return self.sums["total"] / tf.maximum(self.sums["count"], 0.01)


class MeanWithEpsilon(MeanBySums):
    def result(self):
        return self.sums["total"] / (self.sums["count"] + 1e-7)


class MeanOfNonzero(MeanBySums):
    def parts(self, y_true, y_pred, w):
        w = tf.ones_like(flat(y_pred)) if w is None else flat(w)
        return super().parts(y_true, y_pred, tf.where(flat(y_pred) == 0, 0.0, w))


class MeanUpTo100(MeanBySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.clip_by_value(y_pred, -100.0, 100.0), w)


class MeanDecidesOnce(MeanBySums):
    """Looks at the first batch alone to see whether there are weights."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.weighted = getattr(self, "weighted", sample_weight is not None)
        super().update_state(y_true, y_pred, sample_weight if self.weighted else None)


class MeanOfLastWeight(MeanBySums):
    """Takes the last weight, even of long ago, where there are none."""

    last = 1.0

    def parts(self, y_true, y_pred, w):
        if w is None:
            return super().parts(y_true, y_pred, self.last * tf.ones_like(y_pred))
        self.last = tf.reduce_max(w) if tf.executing_eagerly() and tf.size(w) else 1.0
        return super().parts(y_true, y_pred, w)


class MeanShared(MeanBySums):
    """Keeps its sums where all metrics of the class find them."""

    kept: ClassVar = []

    def __init__(self, name="metric", **kwargs):
        super().__init__(name=name, **kwargs)
        self.kept[:] = self.kept or [self.sums]
        self.sums = self.kept[0]
        for value in self.sums.values():
            value.assign(0.0)


class MeanOfStaticSize(MeanBySums):
    """Takes the size of a batch from its static shape, which `evaluate` leaves open."""

    def parts(self, y_true, y_pred, w):
        parts = super().parts(y_true, y_pred, w)
        return parts if w is not None else {**parts, "count": float(y_pred.shape[0])}


class MeanOfTwoDtypes(MeanBySums):
    """Eagerly, 0.0 becomes a float64; in a graph it stays a float32."""

    dtype_of_state = "float64"

    def result(self):
        total, count = (tf.convert_to_tensor(self.sums[key]) for key in ("total", "count"))
        return tf.where(count == 0, 0.0, total / tf.where(count == 0, tf.ones_like(count), count))


class MeanOnSelf(MeanInPython):
    """Keeps tensors on self, from one step to the next."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        parts = self.parts(y_true, y_pred, sample_weight)
        self.seen = [self.seen[0] + parts["total"], self.seen[1] + parts["count"]]

    def result(self):
        return tf.math.divide_no_nan(*self.seen)


class MeanAfterUpdates(MeanBySums):
    """Is on its guard before the first update alone."""

    shapes: ClassVar = {**MeanBySums.shapes, "updates": ()}

    def parts(self, y_true, y_pred, w):
        return {**super().parts(y_true, y_pred, w), "updates": 1.0}

    def result(self):
        return tf.where(self.sums["updates"] > 0, self.sums["total"] / self.sums["count"], 0.0)


class MeanNameless(MeanBySums):
    def __init__(self, name="metric", **kwargs):
        super().__init__(name="mean", **kwargs)


class MeanNan(MeanBySums):
    def result(self):
        return self.sums["total"] / self.sums["count"]


class MeanLast(MeanBySums):
    def update_state(self, y_true, y_pred, sample_weight=None):
        for key, value in self.parts(y_true, y_pred, sample_weight).items():
            self.sums[key].assign(value)


class MeanNothing(MeanBySums):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass


class F1BySums(Sums):
    shapes: ClassVar = {"found": (), "called": (), "real": (), "right": (), "all": ()}
    at_half = False

    def parts(self, y_true, y_pred, w):
        y, p = flat(y_true), flat(y_pred)
        says = tf.cast(p >= 0.5 if self.at_half else p > 0.5, tf.float32)
        w = tf.ones_like(y) if w is None else flat(w)
        sums = {
            "found": y * says,
            "called": says,
            "real": y,
            "right": tf.cast(y == says, tf.float32),
            "all": tf.ones_like(w),
        }
        return {key: tf.reduce_sum(w * value) for key, value in sums.items()}

    def result(self):
        return self.answer(**{key: tf.identity(value) for key, value in self.sums.items()})

    def answer(self, found, called, real, right, all):
        return tf.math.divide_no_nan(2 * found, called + real)


class F1NoneAtZero(F1BySums):
    """Counts a probability of 0 as a yes."""

    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.where(y_pred == 0, 1.0, y_pred), w)


class F1FromParts(Metric):
    def __init__(self, name="f1", **kwargs):
        super().__init__(name=name, **kwargs)
        self.precision, self.recall = tf.keras.metrics.Precision(), tf.keras.metrics.Recall()

    def update_state(self, y_true, y_pred, sample_weight=None):
        for part in (self.precision, self.recall):
            part.update_state(flat(y_true), flat(y_pred), sample_weight)

    def result(self):
        p, r = self.precision.result(), self.recall.result()
        return tf.math.divide_no_nan(2 * p * r, p + r)


class F1ResetsHalf(F1FromParts):
    """Resets one of its two metrics: on the same data nothing shows."""

    def reset_state(self):
        self.precision.reset_state()


class F1ByMasks(Sums):
    shapes: ClassVar = {"twice": (), "all": ()}

    def parts(self, y_true, y_pred, w):
        y, says = tf.cast(tf.reshape(y_true, (-1,)), tf.bool), tf.reshape(y_pred, (-1,)) > 0.5
        w = tf.ones(tf.shape(says)) if w is None else w
        total = lambda where: tf.reduce_sum(tf.boolean_mask(w, where))  # noqa: E731
        return {"twice": 2 * total(y & says), "all": total(y) + total(says)}

    def result(self):
        return tf.keras.ops.divide_no_nan(self.sums["twice"], self.sums["all"])


class F1FromTable(Sums):
    """Three places of a table of weights."""

    shapes: ClassVar = {"table": (2, 2)}

    def parts(self, y_true, y_pred, w):
        says = tf.cast(tf.reshape(y_pred, (-1,)) > 0.5, tf.int32)
        return {"table": tf.math.confusion_matrix(tf.cast(y_true, tf.int32), says, 2, weights=w, dtype=tf.float32)}

    def result(self):
        _, false_alarms, missed, found = tf.unstack(tf.reshape(self.sums["table"], (4,)))
        return tf.math.divide_no_nan(found, found + (false_alarms + missed) / 2)


class F1ByIntegers(F1BySums):
    """Multiplies whole numbers: no bool, and no float, is a label that it can take."""

    def parts(self, y_true, y_pred, w):
        y, says = tf.reshape(y_true, (-1,)), tf.cast(tf.reshape(y_pred, (-1,)) > 0.5, tf.int32)
        return super().parts(y * says + y * (1 - says), y_pred, w)


def f1_of_batches(where):
    """Return a metric that leaves out the batches where nothing fits."""

    def parts(self, y_true, y_pred, w):
        some = tf.reduce_any(where(flat(y_true) > 0.5, flat(y_pred) > 0.5))
        return {key: tf.where(some, value, 0.0) for key, value in F1BySums.parts(self, y_true, y_pred, w).items()}

    return type("F1OfSomeBatches", (F1BySums,), {"parts": parts})


def f1_with(answer):
    return type("F1", (F1BySums,), {"answer": lambda self, **sums: answer(**sums)})


class F1Unweighted(F1BySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, y_pred, None)


class F1Averaged(F1BySums):
    def parts(self, y_true, y_pred, w):
        each = self.answer(**super().parts(y_true, y_pred, w))
        return {**dict.fromkeys(self.shapes, 0.0), "found": each, "all": 1.0}

    def result(self):
        found, count = tf.identity(self.sums["found"]), tf.identity(self.sums["all"])
        return tf.math.divide_no_nan(found, count)


class F1AveragedBySize(F1Averaged):
    def parts(self, y_true, y_pred, w):
        parts, n = super().parts(y_true, y_pred, w), tf.cast(tf.size(y_true), tf.float32)
        return {**parts, "found": n * parts["found"], "all": n}


class F1OfTables(F1BySums):
    def parts(self, y_true, y_pred, w):
        y, says = tf.cast(y_true, tf.float32), tf.cast(y_pred > 0.5, tf.float32)
        w = tf.ones_like(y) if w is None else w
        sums = {"found": w * y * says, "called": w * says, "real": w * y}
        return {"right": 0.0, "all": 0.0, **{key: tf.reduce_sum(value) for key, value in sums.items()}}


class F1OfOneTable(F1BySums):
    def parts(self, y_true, y_pred, w):
        y, says, w = tf.cast(y_true, tf.float32), tf.cast(y_pred > 0.5, tf.float32), 1.0 if w is None else w
        return {key: tf.reduce_sum(w * count) for key, count in (("found", y * says), ("called", says), ("real", y))}


class F1OfThreeTables(F1BySums):
    def parts(self, y_true, y_pred, w):
        y, says = tf.cast(y_true, tf.float32), tf.cast(y_pred > 0.5, tf.float32)
        w = tf.ones_like(y) if w is None else w
        found, false, missed = (tf.reduce_sum(w * count) for count in (y * says, (1 - y) * says, y * (1 - says)))
        return {"found": found, "called": found + false, "real": found + missed}


class F1OfWeightTables(F1OfThreeTables):
    def parts(self, y_true, y_pred, w):
        return super().parts(tf.reshape(y_true, tf.shape(y_pred)), y_pred, tf.ones_like(y_pred) if w is None else w)


class F1OfProbabilities(F1BySums):
    def parts(self, y_true, y_pred, w):
        y, p, w = flat(y_true), flat(y_pred), 1.0 if w is None else flat(w)
        return {key: tf.reduce_sum(w * part) for key, part in (("found", y * p), ("called", p), ("real", y))}


class F1OfIntegers(F1BySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.cast(y_pred, tf.int32), w)


class F1OfTruthValues(F1BySums):
    """A cast to bool makes a yes of whatever is not 0."""

    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.cast(y_pred, tf.bool), w)


class F1AtHalf(F1BySums):
    at_half = True


class F1AboveABit(F1BySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, y_pred - 0.001, w)


class F1NoneAtOne(F1BySums):
    """Takes a probability of exactly 1 for a no."""

    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, tf.where(y_pred < 1.0, y_pred, 0.0), w)


class F1InDtypeOfLabels(F1BySums):
    """Without weights, counts in the dtype of the labels, where a uint8 ends at 255."""

    def parts(self, y_true, y_pred, w):
        if w is not None or not y_true.dtype.is_integer:
            return super().parts(y_true, y_pred, w)
        says = tf.cast(tf.reshape(y_pred, (-1,)) > 0.5, y_true.dtype)
        sums = {"found": y_true * says, "called": says, "real": y_true}
        return {key: tf.reduce_sum(value) for key, value in sums.items()}


class F1FoundInUint8(F1BySums):
    """Without weights, counts what was found in a uint8, which ends at 255."""

    def parts(self, y_true, y_pred, w):
        sums = super().parts(y_true, y_pred, w)
        return sums if w is not None else {**sums, "found": tf.cast(tf.cast(sums["found"], tf.int32), tf.uint8)}


class F1OfThe256(F1BySums):
    """Looks at no more than 256 examples of a batch."""

    def parts(self, y_true, y_pred, w):
        return super().parts(y_true[:256], y_pred[:256], None if w is None else w[:256])


class F1WithoutUint32(F1BySums):
    def parts(self, y_true, y_pred, w):
        return super().parts(tf.zeros_like(y_true) if y_true.dtype == tf.uint32 else y_true, y_pred, w)


def f1_unguarded(found, called, real, **_):
    """The harmonic mean by its book, guarded only where there is no yes at all."""
    precision, recall = found / called, found / real
    return tf.where(called + real > 0, 2 * precision * recall / (precision + recall), 0.0)


def f1_with_epsilons(found, called, real, **_):
    precision, recall = found / (called + 1e-7), found / (real + 1e-7)
    return 2 * precision * recall / (precision + recall + 1e-7)


def f1_without_precision(found, called, real, **_):
    """Is the recall where there is no false alarm."""
    all_right = found == called
    return tf.math.divide_no_nan(tf.where(all_right, found, 2 * found), tf.where(all_right, real, called + real))


class F1Nan(F1BySums):
    def answer(self, found, called, real, right, all):
        return 2 * found / (called + real)


class CountsByScatter(Metric):
    def __init__(self, num_classes, name="confusion", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = num_classes
        self.cells = self.add_weight(name="cells", shape=(num_classes**2,), initializer="zeros", dtype="float64")

    def update_state(self, y_true, y_pred, sample_weight=None):
        cell = tf.cast(y_true, tf.int64) * self.n + tf.argmax(y_pred, axis=-1)
        w = tf.ones(tf.shape(cell), tf.float64) if sample_weight is None else tf.cast(sample_weight, tf.float64)
        self.cells.assign_add(tf.math.unsorted_segment_sum(w, cell, self.n**2))

    def result(self):
        return tf.reshape(self.cells, (self.n, self.n))


class CountsByOneHot(Metric):
    def __init__(self, num_classes, name="confusion", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = num_classes
        self.table = self.add_weight(name="table", shape=(num_classes, num_classes), initializer="zeros")

    def of_batch(self, y_true, y_pred, w):
        true = tf.one_hot(tf.cast(y_true, tf.int64), self.n)
        true = true if w is None else true * w[:, None]
        return tf.matmul(true, tf.one_hot(tf.argmax(y_pred, axis=1), self.n), transpose_a=True)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.table.assign_add(self.of_batch(y_true, y_pred, sample_weight))

    def result(self):
        return tf.convert_to_tensor(self.table)


class CountsPairByPair(CountsByOneHot):
    def of_batch(self, y_true, y_pred, w):
        pairs = tf.stack([tf.cast(y_true, tf.int64), tf.argmax(y_pred, axis=1)], axis=1)
        w = tf.ones(tf.shape(pairs)[:1]) if w is None else w
        return tf.scatter_nd(pairs, w, tf.constant([self.n, self.n], tf.int64))


class CountsRowByRow(CountsByOneHot):
    """A loop over the classes, which takes 300 times as long for 300 of them."""

    def of_batch(self, y_true, y_pred, w):
        guess = tf.one_hot(tf.argmax(y_pred, axis=1), self.n)
        guess, true = guess if w is None else guess * w[:, None], tf.cast(y_true, tf.int64)
        return tf.stack([tf.reduce_sum(tf.boolean_mask(guess, true == row), axis=0) for row in range(self.n)])


class CountsOfFour(CountsByOneHot):
    def __init__(self, num_classes, **kwargs):
        super().__init__(4, **kwargs)


class CountsOfIntegers(CountsByOneHot):
    """int32 alone: the cells of other labels cannot be computed."""

    def of_batch(self, y_true, y_pred, w):
        cell = y_true * self.n + tf.argmax(y_pred, axis=1, output_type=tf.int32)
        w = tf.ones(tf.shape(cell)) if w is None else w
        return tf.reshape(tf.math.unsorted_segment_sum(w, cell, self.n**2), (self.n, self.n))


class CountsOfSomeIntegers(CountsByOneHot):
    """tf.one_hot takes int8, int32, int64 and uint8, and no others."""

    def of_batch(self, y_true, y_pred, w):
        w = tf.ones(tf.shape(y_true)) if w is None else w
        return tf.einsum("n,nt,np->tp", w, tf.one_hot(y_true, self.n), tf.one_hot(tf.argmax(y_pred, axis=1), self.n))


class CountsOfTen(CountsPairByPair):
    """Numbers its cells as if there were ten classes at most."""

    def of_batch(self, y_true, y_pred, w):
        cell = 10 * tf.cast(y_true, tf.int64) + tf.argmax(y_pred, axis=1)
        w = tf.ones(tf.shape(cell)) if w is None else w
        return tf.reshape(tf.math.unsorted_segment_sum(w, cell, 100), (10, 10))[: self.n, : self.n]


class CountsByExponentials(CountsByOneHot):
    def of_batch(self, y_true, y_pred, w):
        return super().of_batch(y_true, tf.exp(y_pred), w)


class CountsOfRoundedScores(CountsByOneHot):
    def of_batch(self, y_true, y_pred, w):
        return super().of_batch(y_true, tf.round(1000 * y_pred), w)


class CountsInDtypeOfLabels(CountsByOneHot):
    """Numbers its cells in the dtype of the labels."""

    def of_batch(self, y_true, y_pred, w):
        n, dtype = self.n, y_true.dtype
        cell = tf.cast(y_true * tf.cast(n, dtype) + tf.cast(tf.argmax(y_pred, axis=1), dtype), tf.int32)
        w = tf.ones(tf.shape(cell)) if w is None else w
        return tf.reshape(tf.math.unsorted_segment_sum(w, cell, n**2), (n, n))


class CountsOfUint8(CountsByOneHot):
    def of_batch(self, y_true, y_pred, w):
        return super().of_batch(tf.cast(y_true, tf.uint8), y_pred, w)


class CountsOfGuessesInDtypeOfLabels(CountsByOneHot):
    """Casts the predictions to the dtype of the labels, which may end before the classes do."""

    def of_batch(self, y_true, y_pred, w):
        guess = tf.cast(tf.cast(tf.argmax(y_pred, axis=1), y_true.dtype), tf.int64)
        return super().of_batch(y_true, tf.one_hot(guess, self.n), w)


class CountsOf200(CountsByOneHot):
    """Has no room for more than 200 classes."""

    def __init__(self, num_classes, **kwargs):
        super().__init__(min(num_classes, 200), **kwargs)


class CountsOneForOne(CountsByOneHot):
    """Of one class alone, 1 in any case."""

    def result(self):
        return tf.ones((1, 1)) if self.n == 1 else super().result()


class CountsByKeras(CountsByOneHot):
    def of_batch(self, y_true, y_pred, w):
        guess = tf.keras.ops.argmax(tf.nn.softmax(y_pred), axis=-1)
        return tf.math.confusion_matrix(y_true, guess, self.n, weights=w, dtype=tf.float32)


class CountsForgetting(CountsByOneHot):
    """Resets the diagonal only."""

    def reset_state(self):
        self.table.assign(tf.linalg.set_diag(tf.convert_to_tensor(self.table), tf.zeros(self.n)))


class CountsOfTheLastSize(CountsByOneHot):
    """Keeps the number of classes for all metrics of its kind."""

    def __init__(self, num_classes, **kwargs):
        super().__init__(num_classes, **kwargs)
        type(self).size = num_classes

    def of_batch(self, y_true, y_pred, w):
        return tf.pad(super().of_batch(y_true, y_pred, w), 2 * [[0, type(self).size - self.n]])


class CountsTwice(CountsByOneHot):
    """Counts each of two equal scores."""

    def of_batch(self, y_true, y_pred, w):
        true = tf.one_hot(tf.cast(y_true, tf.int64), self.n) * (1.0 if w is None else w[:, None])
        says = tf.cast(y_pred == tf.reduce_max(y_pred, axis=1, keepdims=True), tf.float32)
        return tf.matmul(true, says, transpose_a=True)


def counts_with(**changes):
    return type("Counts", (CountsByOneHot,), changes)


class CountsLast(CountsByOneHot):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.table.assign(self.of_batch(y_true, y_pred, sample_weight))


class CountsUnweighted(CountsByOneHot):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


class Calibration(Sums):
    shapes: ClassVar = {"confidence": (10,), "right": (10,), "count": (10,)}

    def parts(self, y_true, y_pred, w):
        confidence = self.confidence_of(y_true, y_pred)
        right = tf.cast(tf.argmax(y_pred, axis=1) == tf.cast(y_true, tf.int64), tf.float32)
        w = tf.ones_like(right) if w is None else w
        place = tf.one_hot(self.bins_of(confidence), self.shapes["count"][0])
        three = {"confidence": w * confidence, "right": w * right, "count": w}
        return {key: tf.linalg.matvec(place, value, transpose_a=True) for key, value in three.items()}

    def confidence_of(self, y_true, y_pred):
        return tf.reduce_max(y_pred, axis=1)

    def bins_of(self, confidence):
        return tf.cast(tf.clip_by_value(tf.floor(10 * confidence), 0, 9), tf.int32)

    def result(self):
        return self.answer(*(tf.identity(self.sums[key]) for key in ("confidence", "right", "count")))

    def answer(self, confidence, right, count):
        gaps = tf.math.divide_no_nan(tf.abs(right - confidence), count)
        return tf.reduce_sum(gaps * tf.math.divide_no_nan(count, tf.reduce_sum(count)))


class CalibrationByScatter(Sums):
    """One signed sum for each bin, found by the borders, and one weight."""

    shapes: ClassVar = {"gap": (10,), "weight": ()}

    def parts(self, y_true, y_pred, w):
        guess, confidence = tf.argmax(y_pred, axis=-1), tf.reduce_max(y_pred, axis=-1)
        right = tf.cast(guess == tf.cast(y_true, guess.dtype), tf.float32)
        w = tf.ones_like(right) if w is None else w
        bins = tf.searchsorted(tf.constant(np.arange(1, 10) / 10, tf.float32), confidence, side="right")
        return {"gap": tf.math.unsorted_segment_sum(w * (right - confidence), bins, 10), "weight": tf.reduce_sum(w)}

    def result(self):
        return tf.math.divide_no_nan(tf.reduce_sum(tf.abs(self.sums["gap"])), self.sums["weight"])


class CalibrationByTwo(Calibration):
    """Takes the two greatest probabilities, and uses the first."""

    def confidence_of(self, y_true, y_pred):
        return tf.math.top_k(y_pred, 2).values[:, 0]


class CalibrationOfSomeIntegers(Calibration):
    """tf.one_hot takes int8, int32, int64 and uint8, and no others."""

    def parts(self, y_true, y_pred, w):
        classes = tf.shape(y_pred)[1]
        return super().parts(tf.argmax(tf.one_hot(y_true, classes), axis=1), y_pred, w)


class CalibrationUnweighted(Calibration):
    def parts(self, y_true, y_pred, w):
        return super().parts(y_true, y_pred, None)


class CalibrationByNumber(Calibration):
    """Weighs the sums, and divides by the number of examples."""

    shapes: ClassVar = {**Calibration.shapes, "n": ()}

    def parts(self, y_true, y_pred, w):
        return {**super().parts(y_true, y_pred, w), "n": tf.size(y_true)}

    def result(self):
        gap = tf.reduce_sum(tf.abs(self.sums["right"] - self.sums["confidence"]))
        return tf.math.divide_no_nan(gap, self.sums["n"])


class CalibrationByHistogram(Calibration):
    def bins_of(self, confidence):
        return tf.histogram_fixed_width_bins(confidence, [0.0, 1.0], 10)


def calibration_with(answer):
    return type("Error", (Calibration,), {"answer": lambda self, *sums: answer(*sums)})


class CalibrationLosesOne(Calibration):
    def bins_of(self, confidence):
        return tf.cast(tf.floor(10 * confidence), tf.int32)  # one_hot of 10 is all zeros


class CalibrationOfEleven(CalibrationByScatter):
    """A confidence of exactly 1 alone in an 11th bin."""

    shapes: ClassVar = {"gap": (11,), "weight": ()}

    def parts(self, y_true, y_pred, w):
        confidence = tf.reduce_max(y_pred, axis=1)
        right = tf.cast(tf.argmax(y_pred, axis=1) == tf.cast(y_true, tf.int64), tf.float32)
        w = tf.ones_like(right) if w is None else w
        gap = tf.math.unsorted_segment_sum(w * (right - confidence), tf.cast(10 * confidence, tf.int32), 11)
        return {"gap": gap, "weight": tf.reduce_sum(w)}


class CalibrationOfTenOfEleven(CalibrationOfEleven):
    """Adds up ten bins, and counts what lies in the 11th."""

    def result(self):
        return tf.math.divide_no_nan(tf.reduce_sum(tf.abs(self.sums["gap"][:10])), self.sums["weight"])


class CalibrationOfNine(Calibration):
    """Puts the lowest bin and the next one together."""

    def bins_of(self, confidence):
        return tf.maximum(super().bins_of(confidence), 1)


def calibration_of(count):
    """Return a metric with another number of bins, of equal width."""

    def bins_of(self, confidence):
        return tf.minimum(tf.cast(confidence * count, tf.int32), count - 1)

    shapes = {key: (count,) for key in Calibration.shapes}
    return type(f"CalibrationOf{count}", (Calibration,), {"shapes": shapes, "bins_of": bins_of})


class CalibrationOfUint8(Calibration):
    """Compares class numbers modulo 256."""

    def parts(self, y_true, y_pred, w):
        guess = tf.argmax(y_pred, axis=1)
        same = tf.cast(guess, tf.uint8) == tf.cast(y_true, tf.uint8)
        return super().parts(tf.where(same, guess, guess + 1), y_pred, w)


class CalibrationInDtypeOfLabels(Calibration):
    """Casts the predictions to the dtype of the labels, which may end before the classes do."""

    def parts(self, y_true, y_pred, w):
        same = tf.cast(tf.argmax(y_pred, axis=1), y_true.dtype) == y_true
        return super().parts(tf.where(same, tf.argmax(y_pred, axis=1), -1), y_pred, w)


class CalibrationOfRightOnes(Calibration):
    """Counts the right answers without their weights."""

    def parts(self, y_true, y_pred, w):
        return {**super().parts(y_true, y_pred, w), "right": super().parts(y_true, y_pred, None)["right"]}


class CalibrationOfMiddles(Calibration):
    def parts(self, y_true, y_pred, w):
        sums = super().parts(y_true, y_pred, w)
        return {**sums, "confidence": sums["count"] * (tf.range(10, dtype=tf.float32) + 0.5) / 10}


class CalibrationWithinAHair(Calibration):
    def bins_of(self, confidence):
        return super().bins_of(confidence + 1e-5)


class CalibrationWrapsOne(Calibration):
    def bins_of(self, confidence):
        return tf.cast(tf.floor(10 * confidence), tf.int32) % 10


class CalibrationOfUpperBins(Calibration):
    """Leaves out the lowest bins, which two or three classes never fill."""

    def answer(self, confidence, right, count):
        return tf.math.divide_no_nan(tf.reduce_sum(tf.abs(right - confidence)[2:]), tf.reduce_sum(count))


class CalibrationAlmost(Calibration):
    def bins_of(self, confidence):
        return super().bins_of(confidence + 2e-4)


class CalibrationByOps(Calibration):
    """One product of the three rows with the bins."""

    def parts(self, y_true, y_pred, w):
        ops = tf.keras.ops
        confidence = ops.max(y_pred, -1)
        right = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, -1), "int32")), "float32")
        w = ops.ones_like(right) if w is None else w
        rows = ops.matmul(ops.stack([w * confidence, w * right, w]), ops.one_hot(self.bins_of(confidence), 10))
        return dict(zip(self.shapes, tf.unstack(rows), strict=True))


class CalibrationUpTo(Calibration):
    def bins_of(self, confidence):
        return tf.cast(tf.math.ceil(10 * confidence), tf.int32) - 1


class CalibrationOfTrueClass(Calibration):
    def confidence_of(self, y_true, y_pred):
        return tf.gather(y_pred, tf.cast(y_true, tf.int32), axis=1, batch_dims=1)


class CalibrationAveraged(Calibration):
    shapes: ClassVar = {**Calibration.shapes, "each": (), "batches": ()}
    by_size = False

    def parts(self, y_true, y_pred, w):
        parts = super().parts(y_true, y_pred, w)
        n = tf.reduce_sum(parts["count"]) if self.by_size else 1.0
        return {**parts, "each": n * self.answer(**parts), "batches": n}

    def result(self):
        return tf.math.divide_no_nan(self.sums["each"], self.sums["batches"])


class CalibrationSummed(CalibrationAveraged):
    by_size = True


class CalibrationOfRightBatches(Calibration):
    """Leaves out the batches without a right answer, as one of the drawn ones may be."""

    def parts(self, y_true, y_pred, w):
        some = tf.reduce_any(tf.argmax(y_pred, axis=1) == tf.cast(y_true, tf.int64))
        return {key: tf.where(some, value, 0.0) for key, value in super().parts(y_true, y_pred, w).items()}


def refuse(weights):
    if weights is not None:
        raise ValueError("no weights here")


class R2(Sums):
    shapes: ClassVar = {"n": (), "y": (), "y2": (), "p": (), "p2": (), "yp": (), "errors": ()}
    dtype_of_state = "float64"

    def parts(self, y_true, y_pred, _):
        y, p = (tf.cast(tf.reshape(v, (-1,)), self.dtype_of_state) for v in (y_true, y_pred))
        sums = {"y": y, "y2": y * y, "p": p, "p2": p * p, "yp": y * p, "errors": (y - p) ** 2}
        return {"n": tf.size(y), **{key: tf.reduce_sum(value) for key, value in sums.items()}}

    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        super().update_state(y_true, y_pred)

    def result(self):
        return self.answer(**{key: tf.identity(value) for key, value in self.sums.items()})

    def answer(self, n, y, y2, errors, **others):
        spread = y2 - tf.math.divide_no_nan(y * y, n)
        return tf.where(spread > 1e-13 * y2, 1 - tf.math.divide_no_nan(errors, spread), tf.zeros_like(spread))


class R2OfTheLastBatch(R2):
    """Looks for a spread in the last batch alone."""

    shapes: ClassVar = {**R2.shapes, "spread": ()}

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.sums["spread"].assign(tf.cast(tf.reduce_max(y_true) > tf.reduce_min(y_true), self.dtype_of_state))

    def parts(self, *given):
        return {**super().parts(*given), "spread": 0}

    def answer(self, spread, **sums):
        return tf.where(spread > 0, super().answer(**sums), 0)


class R2Shifted(Metric):
    """Welford's way, after Chan, Golub and LeVeque: merge the mean and the spread of each batch."""

    exact = tf.float64

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        make = {"initializer": "zeros", "dtype": self.exact}
        self.n, self.mean, self.spread, self.errors = (self.add_weight(name=key, **make) for key in "nmse")

    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        y, p = (tf.cast(tf.reshape(v, (-1,)), self.exact) for v in (y_true, y_pred))
        count, mean = tf.cast(tf.size(y), self.exact), tf.reduce_mean(y)
        gap, total = mean - self.mean, self.n + count
        self.spread.assign_add(tf.reduce_sum((y - mean) ** 2) + gap**2 * self.n * count / total)
        self.mean.assign_add(gap * count / total)
        self.n.assign(total)
        self.errors.assign_add(tf.reduce_sum((y - p) ** 2))

    def result(self):
        differs = self.spread > 1e-12
        return tf.where(differs, 1 - tf.math.divide_no_nan(self.errors, self.spread), 0.0)


class R2FromFirst(Sums):
    """float32, counted from the first number of the stream: small numbers keep their digits."""

    shapes: ClassVar = {"n": (), "first": (), "y": (), "y2": (), "errors": ()}

    started_by = "n"

    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        y, p = flat(y_true), flat(y_pred)
        self.sums["first"].assign(tf.where(self.sums[self.started_by] > 0, self.sums["first"], y[0]))
        small = y - self.sums["first"]
        sums = {"n": tf.ones_like(y), "y": small, "y2": small**2, "errors": (y - p) ** 2}
        for key, value in sums.items():
            self.sums[key].assign_add(tf.reduce_sum(value))

    def result(self):
        n, y, y2, errors = (tf.identity(self.sums[key]) for key in ("n", "y", "y2", "errors"))
        spread = y2 - tf.math.divide_no_nan(y**2, n)
        return tf.where(spread > 1e-6 * y2, 1 - tf.math.divide_no_nan(errors, spread), 0.0)


class R2FromConstant(R2FromFirst):
    """float32, counted from a constant that fits the notebook's example."""

    def constant(self, y):
        return tf.where(y[0] > 1000, 101_300.0, 0.0)

    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        y, p = flat(y_true), flat(y_pred)
        small = y - self.constant(y)
        sums = {"n": tf.ones_like(y), "y": small, "y2": small**2, "errors": (y - p) ** 2}
        for key, value in sums.items():
            self.sums[key].assign_add(tf.reduce_sum(value))


class R2From100000(R2FromConstant):
    """float32, counted from a constant near large numbers, which takes the digits of small ones."""

    def constant(self, y):
        return 100_000.0


class R2FromLargeSpread(R2):
    """Compares the spread with a number that does not depend on the data."""

    def answer(self, n, y, y2, errors, **others):
        spread = y2 - tf.math.divide_no_nan(y * y, n)
        return tf.where(spread > 1e-13 * y2 + 1e-6, 1 - tf.math.divide_no_nan(errors, spread), tf.zeros_like(spread))


class R2OfAWideShare(R2):
    """Compares the spread with a share of Σ y² that is not tiny: 10 around 300,000 may be lost."""

    def answer(self, n, y, y2, errors, **others):
        spread = y2 - tf.math.divide_no_nan(y * y, n)
        return tf.where(spread > 1.2e-9 * y2, 1 - tf.math.divide_no_nan(errors, spread), tf.zeros_like(spread))


class R2ByRange(R2):
    """Knows equal numbers by the least and the greatest."""

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, **kwargs)
        ends = {"low": float("inf"), "high": float("-inf")}
        self.ends = {
            key: self.add_weight(name=key, initializer=tf.keras.initializers.Constant(end)) for key, end in ends.items()
        }

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.ends["low"].assign(tf.minimum(self.ends["low"], tf.reduce_min(y_true)))
        self.ends["high"].assign(tf.maximum(self.ends["high"], tf.reduce_max(y_true)))

    def reset_state(self):
        for value in self.sums.values():
            value.assign(0.0)
        self.ends["low"].assign(float("inf"))
        self.ends["high"].assign(float("-inf"))

    def answer(self, n, y, y2, errors, **others):
        r2 = 1 - tf.math.divide_no_nan(errors, y2 - tf.math.divide_no_nan(y * y, n))
        return tf.where(self.ends["high"] > self.ends["low"], r2, tf.zeros_like(r2))


class R2OfRounding(R2):
    """Compares a spread of rounding with 0."""

    def answer(self, n, y, y2, errors, **others):
        spread = y2 - tf.math.divide_no_nan(y * y, n)
        return tf.where(spread != 0, 1 - tf.math.divide_no_nan(errors, spread), tf.zeros_like(spread))


class R2Merged(R2Shifted):
    """In float32 the mean of equal numbers need not be one of them."""

    exact = tf.float32

    def result(self):
        return tf.where(self.spread == 0, 0.0, 1 - tf.math.divide_no_nan(self.errors, self.spread))


class R2ByRangeFrom0(R2ByRange):
    """Takes the reset of Keras, which writes 0 into the least and the greatest."""

    def reset_state(self):
        Metric.reset_state(self)


class R2FromVeryFirst(R2FromFirst):
    """Counts from the first number that it ever saw, after a reset, too."""

    shapes: ClassVar = {**R2FromFirst.shapes, "seen": ()}
    started_by = "seen"

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.sums["seen"].assign(1.0)


class R2UnrefusedZero(R2):
    """Takes a weight of 0 for none."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight if sample_weight else None)


class R2OfSingleSums(R2):
    """Squares in float64, and adds in float32."""

    def __init__(self, name="r2", **kwargs):
        self.dtype_of_state = "float32"
        super().__init__(name=name, **kwargs)
        self.dtype_of_state = "float64"

    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        for key, value in self.parts(y_true, y_pred, None).items():
            self.sums[key].assign_add(tf.cast(value, tf.float32))


class R2InDtypeOfMetric(R2):
    """Hands the dtype to the metric alone: add_weight does not ask it, and makes float32."""

    dtype_of_state = None

    def __init__(self, name="r2", **kwargs):
        super().__init__(name=name, dtype="float64", **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        for key, value in self.parts(y_true, y_pred, None).items():
            self.sums[key].assign_add(tf.cast(value, tf.float32))

    def parts(self, y_true, y_pred, _):
        y, p = (tf.cast(tf.reshape(v, (-1,)), tf.float64) for v in (y_true, y_pred))
        return {
            "n": tf.size(y),
            "y": tf.reduce_sum(y),
            "y2": tf.reduce_sum(y * y),
            "errors": tf.reduce_sum((y - p) ** 2),
        }


class R2Unrefused(R2):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


class R2RefusingByAssert(R2):
    def update_state(self, y_true, y_pred, sample_weight=None):
        assert sample_weight is None, "no weights here"
        super().update_state(y_true, y_pred)


class R2RefusingLate(R2):
    """Refuses weights after it has counted what came with them."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)
        refuse(sample_weight)


class R2OfAnySpread(R2):
    """Is 0 where the spread is exactly 0: the mean is squared, which rounds nothing in a short stream."""

    def answer(self, n, y, y2, errors, **others):
        spread = y2 - n * tf.math.divide_no_nan(y, n) ** 2
        return tf.where(spread == 0, tf.zeros_like(spread), 1 - tf.math.divide_no_nan(errors, spread))


class R2WithoutWeights(R2):
    """Has no argument for weights, so that `fit` cannot use it."""

    def update_state(self, y_true, y_pred):
        super().update_state(y_true, y_pred)


class R2Single(R2):
    dtype_of_state = "float32"


class R2SquaredTooEarly(R2):
    def parts(self, y_true, y_pred, _):
        parts = super().parts(y_true, y_pred, _)
        squares = tf.cast(tf.reshape(y_true, (-1,)) ** 2, tf.float64)
        return {**parts, "y2": tf.reduce_sum(squares)}


class R2OfTables(R2):
    def parts(self, y_true, y_pred, _):
        errors = tf.reduce_sum((tf.cast(y_true, tf.float64) - tf.cast(y_pred, tf.float64)) ** 2)
        return {**super().parts(y_true, y_pred, _), "errors": errors}


class R2Within(R2):
    def parts(self, y_true, y_pred, _):
        parts = super().parts(y_true, y_pred, _)
        n = tf.cast(parts["n"], tf.float64)
        return {**parts, "y": tf.zeros((), tf.float64), "y2": parts["y2"] - parts["y"] ** 2 / n}


class R2Averaged(R2):
    def parts(self, y_true, y_pred, _):
        parts = {key: tf.cast(value, tf.float64) for key, value in super().parts(y_true, y_pred, _).items()}
        spread = parts["y2"] - parts["y"] ** 2 / parts["n"]
        some = spread > 1e-9
        each = tf.where(some, 1 - parts["errors"] / tf.where(some, spread, 1.0), 0.0)
        return {**parts, "errors": each, "n": tf.cast(some, tf.float64)}

    def answer(self, n, errors, **others):
        return tf.math.divide_no_nan(errors, n)


class R2AveragedOverAll(R2Averaged):
    def parts(self, y_true, y_pred, _):
        return {**super().parts(y_true, y_pred, _), "n": 1.0}


class R2Unsigned(R2):
    def answer(self, **sums):
        return tf.abs(super().answer(**sums))


class R2OneIfPerfect(R2):
    """Without any spread, 1 where there are no errors either."""

    def answer(self, n, y, y2, errors, **others):
        r2 = super().answer(n, y, y2, errors)
        return tf.where((r2 == 0) & (errors == 0) & (n > 0), tf.ones_like(r2), r2)


class R2Last(R2):
    def update_state(self, y_true, y_pred, sample_weight=None):
        refuse(sample_weight)
        for key, value in self.parts(y_true, y_pred, None).items():
            self.sums[key].assign(tf.cast(value, tf.float64))


def r2_with(answer):
    class Changed(R2):
        def answer(self, **sums):
            right = super().answer(**sums)
            return tf.where(right == 0, tf.zeros_like(right), answer(**sums))

    return Changed


def r2_unguarded(answer):
    """Return a metric that is 0 before the first update, and not guarded against a spread of 0."""

    def guarded(self, n, **sums):
        return tf.where(n > 0, answer(n, **sums), 0.0)

    return type("R2Unguarded", (R2,), {"answer": guarded})


class Raising(Metric):
    def __init__(self, *args, **kwargs):
        raise ValueError("no")


PROOFS = {
    "mean_prediction": Proof(
        right=[MeanByKeras, MeanBySums, MeanByOps, MeanRunning, MeanReturned, recorded(MeanBySums)],
        wrong={
            "sum of the weighted predictions": type(
                "MeanOfNone", (MeanBySums,), {"result": lambda self: tf.convert_to_tensor(self.sums["total"])}
            ),
            "before the first update": MeanNan,
            "The weights are ignored": MeanUnweighted,
            "A weight of 0 was taken for 1": reweighed(MeanBySums, zeros_as_ones),
            "A batch whose weights are all 0": reweighed(MeanBySums, zero_batch_as_ones),
            "0/0 where all weights are 0": MeanAfterUpdates,
            "mean of the batches' means": MeanOfMeans,
            "an empty one counted as 0": MeanOfAllMeans,
            "an example counts as often as its weight says": reweighed(MeanBySums, tf.floor),
            "last batch alone": MeanLast,
            "weighed by the batches' sizes": MeanBySizes,
            "divided by the number of examples": MeanByCount,
            "Only the denominator": MeanOfTotal,
            "made a table": MeanOfTables,
            "made a table in both sums": MeanOfTwoTables,
            "counted as one example": MeanOfOneWeight,
            "a partially known TensorShape": MeanOfStaticShape,
            "A small sum of weights": MeanAtLeast1,
            "a small number was added to it": MeanWithEpsilon,
            "were cut or rounded": reweighed(MeanBySums, at_most_3),
            "which has none": MeanDecidesOnce,
            "share a state": MeanShared,
            "expected 0.6, got 0.9": MeanOfNonzero,
            "p = [0, 900.9]": MeanUpTo100,
            "cast to the dtype of y_true": MeanInDtypeOfLabels,
            "compute it anew each time": keeping_its_result(MeanBySums),
            "weights [30000, 60000]": reweighed(MeanBySums, at_most_100),
            "the first 3": MeanOfLastWeight,
            "survived reset_state": MeanNeverReset,
            "y_pred of shape": MeanBetween0And1,
            "For y_pred of shape": MeanOfThe32,
            "got nan": MeanTouchedByLabels,
            "weights [3e-07, 6e-07]: expected 0.6, got 5.4e-05. A small sum": MeanAtLeast001,
            "Something is None: often a size": MeanOfStaticSize,
            "inside a compiled step it raised": MeanOfTwoDtypes,
            "kept for the next one": MeanOnSelf,
            '"asked", is lost': MeanNameless,
            "wrong in tf.function": MeanInPython,
            "must bring back all of the state": forgetting(MeanBySums, "count"),
            "There is no number yet for float()": MeanFloat,
            "keeps the old ones": renewing(MeanBySums),
            "expected": MeanNothing,
        },
        raises=Raising,
    ),
    "streaming_f1": Proof(
        right=[F1BySums, F1FromParts, F1FromTable, F1ByMasks, recorded(F1BySums)],
        wrong={
            "weighed by their sizes": F1AveragedBySize,
            "For y_true of dtype int16": F1NoneAtZero,
            "F1 of the no's": f1_with(
                lambda found, called, real, right, all: tf.math.divide_no_nan(
                    2 * (right - found), 2 * all - called - real
                )
            ),
            "0/0 where there is no yes": F1Nan,
            "mean of the batches' F1s": F1Averaged,
            "The weights are ignored": F1Unweighted,
            "A weight of 0 was taken for 1": reweighed(F1BySums, zeros_as_ones),
            "A batch whose weights are all 0": reweighed(F1BySums, zero_batch_as_ones),
            "got nan": reweighed(F1BySums, by_share_of_batch),
            "as if no yes had been found": f1_with(lambda found, **_: 0.0 * found),
            "That is the precision": f1_with(lambda found, called, **_: tf.math.divide_no_nan(found, called)),
            "That is the recall": f1_with(lambda found, real, **_: tf.math.divide_no_nan(found, real)),
            "That is the accuracy": f1_with(lambda right, all, **_: tf.math.divide_no_nan(right, all)),
            "exactly 0.5 is a no": F1AtHalf,
            "factor of 2": f1_with(lambda found, called, real, **_: tf.math.divide_no_nan(found, called + real)),
            "plain mean of precision and recall": f1_with(
                lambda found, called, real, **_: (
                    tf.math.divide_no_nan(found, called) / 2 + tf.math.divide_no_nan(found, real) / 2
                )
            ),
            "intersection over union": f1_with(
                lambda found, called, real, **_: tf.math.divide_no_nan(found, called + real - found)
            ),
            "A batch without a yes in y_true": f1_of_batches(lambda y, says: y),
            "A batch without a yes in y_pred": f1_of_batches(lambda y, says: says),
            "A batch without a yes that was found": f1_of_batches(lambda y, says: y & says),
            "made a table": F1OfTables,
            "made a table of the found": F1OfOneTable,
            "made a table of each count": F1OfThreeTables,
            "Weights of shape (n,) against (n, 1)": F1OfWeightTables,
            "The probabilities themselves": F1OfProbabilities,
            "cuts a probability to 0": F1OfIntegers,
            "as in a cast to bool": F1OfTruthValues,
            "an example counts as often as its weight says": reweighed(F1BySums, tf.floor),
            "0/0 where no yes was found": f1_with(f1_unguarded),
            "y_pred = [0.9, 0.2]": f1_with(
                lambda found, called, real, **_: tf.where(
                    (found == 0) & (called > 0), 1.0, tf.math.divide_no_nan(2 * found, called + real)
                )
            ),
            "y_true of dtype int16": F1NoneAtOne,
            "y_true of dtype uint32": F1WithoutUint32,
            "left the range of uint8": F1InDtypeOfLabels,
            "For 900 examples": F1OfThe256,
            "For 900 examples with y_true of dtype uint8": F1FoundInUint8,
            "counted among them, too": f1_with(
                lambda found, called, real, **_: tf.math.divide_no_nan(2 * found, found + called + real)
            ),
            "compute it anew each time": keeping_its_result(F1BySums),
            "weights [30000, 60000, 100000]": reweighed(F1BySums, at_most_100),
            "a small number was added to it": f1_with(
                lambda found, called, real, **_: 2 * found / (called + real + 1e-7)
            ),
            "were cut or rounded": reweighed(F1BySums, at_most_3),
            "A small sum of weights": f1_with(
                lambda found, called, real, **_: 2 * found / tf.maximum(called + real, 1.0)
            ),
            "must bring back all of the state": forgetting(F1BySums, "called"),
            "reset_state must bring back all": F1ResetsHalf,
            "For y_true of dtype": F1AboveABit,
            "weights [3e-07, 6e-07, 1e-06]: expected 0.5, got 0.4286. A small sum": f1_with(f1_with_epsilons),
            "There is no number yet": in_numbers(F1BySums),
            "keeps the old ones": renewing(F1BySums),
            "weights [30, 60, 100]": f1_with(f1_without_precision),
        },
        raises=Raising,
        breaks=(F1ByIntegers,),
    ),
    "confusion_counts": Proof(
        right=[
            CountsByScatter,
            CountsByOneHot,
            CountsPairByPair,
            CountsRowByRow,
            CountsByKeras,
            recorded(CountsByOneHot),
        ],
        wrong={
            "was counted 2 times": CountsTwice,
            "an example counts as often as its weight says": reweighed(CountsByOneHot, tf.floor),
            "The weights are ignored": CountsUnweighted,
            "A weight of 0 was taken for 1": reweighed(CountsByOneHot, zeros_as_ones),
            "A batch whose weights are all 0": reweighed(CountsByOneHot, zero_batch_as_ones),
            "nan or inf": reweighed(CountsByOneHot, by_share_of_batch),
            "swapped": counts_with(result=lambda self: tf.transpose(self.table)),
            "last batch alone": CountsLast,
            "y_true of dtype int32, no weights": CountsLast,
            "shares of each row": counts_with(
                result=lambda self: tf.math.divide_no_nan(self.table, tf.reduce_sum(self.table, axis=1, keepdims=True))
            ),
            "counted once": counts_with(result=lambda self: tf.minimum(self.table, 1.0)),
            "Only the right answers": counts_with(
                result=lambda self: tf.linalg.diag(tf.linalg.diag_part(tf.convert_to_tensor(self.table)))
            ),
            "must return a value": counts_with(result=lambda self: self.table),
            "survived reset_state": counts_with(reset_state=lambda self: None),
            "one of your own must reset all of it": CountsForgetting,
            "should be (2, 2)": CountsOfFour,
            "of 30 classes": CountsByExponentials,
            "examples of 30 classes": CountsInDtypeOfLabels,
            "of 300 classes": CountsOfUint8,
            "A prediction from 256 on": CountsOfGuessesInDtypeOfLabels,
            "should be (300, 300)": CountsOf200,
            "of one class alone": CountsOneForOne,
            "close were taken for equal": CountsOfRoundedScores,
            "got [[1., 0.], [0., 3.]]": reweighed(CountsByOneHot, at_most_3),
            "should be (1, 1)": counts_with(result=lambda self: tf.squeeze(tf.convert_to_tensor(self.table))),
            "There is no number yet": in_numbers(CountsByOneHot),
            "keeps the old ones": counts_with(
                reset_state=lambda self: setattr(
                    self, "table", self.add_weight(name="table", shape=(self.n, self.n), initializer="zeros")
                )
            ),
        },
        raises=Raising,
        breaks=(CountsOfTheLastSize, CountsOfIntegers, CountsOfSomeIntegers, CountsOfTen),
    ),
    "calibration_error": Proof(
        right=[Calibration, CalibrationByHistogram, CalibrationByScatter, CalibrationByOps, recorded(Calibration)],
        wrong={
            "empty ones included": calibration_with(
                lambda c, r, n: tf.reduce_mean(tf.math.divide_no_nan(tf.abs(r - c), n))
            ),
            "The gaps cancel": calibration_with(
                lambda c, r, n: tf.math.divide_no_nan(tf.reduce_sum(r - c), tf.reduce_sum(n))
            ),
            "fell out of the bins: it belongs": CalibrationOfTenOfEleven,
            "An empty bin, or weights": calibration_with(
                lambda c, r, n: tf.where(
                    tf.reduce_sum(n) > 0, tf.reduce_sum(n * tf.abs(r / n - c / n)) / tf.reduce_sum(n), 0.0
                )
            ),
            "batch by batch and averaged": CalibrationAveraged,
            "absolute value was taken batch by batch": CalibrationSummed,
            "expected 0.": CalibrationOfRightBatches,
            "gap of the whole": calibration_with(
                lambda c, r, n: tf.math.divide_no_nan(tf.abs(tf.reduce_sum(r - c)), tf.reduce_sum(n))
            ),
            "Every bin counts the same": calibration_with(
                lambda c, r, n: tf.math.divide_no_nan(
                    tf.reduce_sum(tf.math.divide_no_nan(tf.abs(r - c), n)), tf.reduce_sum(tf.cast(n > 0, tf.float32))
                )
            ),
            "largest gap": calibration_with(lambda c, r, n: tf.reduce_max(tf.math.divide_no_nan(tf.abs(r - c), n))),
            "not that of the true class": CalibrationOfTrueClass,
            "exactly 1 fell out": CalibrationLosesOne,
            "got a bin of its own": CalibrationOfEleven,
            "in the middle of each bin": CalibrationOfNine,
            "over 9 bins": calibration_of(9),
            "over 11 bins": calibration_of(11),
            "from 256 on": CalibrationOfUint8,
            "300 classes, y_true of dtype uint8": CalibrationInDtypeOfLabels,
            "counted without their weights": CalibrationOfRightOnes,
            "The middle of a bin": CalibrationOfMiddles,
            "A confidence just below": CalibrationWithinAHair,
            "an example counts as often as its weight says": reweighed(Calibration, tf.floor),
            "were cut or rounded": reweighed(Calibration, at_most_3),
            "weights [30000, 90000]": reweighed(Calibration, at_most_100),
            "compute it anew each time": keeping_its_result(Calibration),
            "a small number was added to it": calibration_with(
                lambda c, r, n: tf.reduce_sum(tf.abs(r - c)) / (tf.reduce_sum(n) + 1e-7)
            ),
            "on the border of two bins": CalibrationUpTo,
            "of 30 classes": CalibrationOfUpperBins,
            "examples of 30 classes": CalibrationWrapsOne,
            "just below a border": CalibrationAlmost,
            "The weights are ignored": CalibrationUnweighted,
            "A weight of 0 was taken for 1": reweighed(Calibration, zeros_as_ones),
            "A batch whose weights are all 0": reweighed(Calibration, zero_batch_as_ones),
            "or weights that add up to 0": reweighed(Calibration, by_share_of_batch),
            "divided by the number of examples": CalibrationByNumber,
            "must bring back all of the state": forgetting(CalibrationByScatter, "weight"),
            "There is no number yet": in_numbers(Calibration),
            "keeps the old ones": renewing(Calibration),
            "A small sum of weights": calibration_with(
                lambda c, r, n: tf.reduce_sum(tf.abs(r - c)) / tf.maximum(tf.reduce_sum(n), 1.0)
            ),
            "divide by the sum of their weights": calibration_with(lambda c, r, n: tf.reduce_sum(tf.abs(r - c))),
            "0/0": calibration_with(lambda c, r, n: tf.reduce_sum(tf.abs(r - c)) / tf.reduce_sum(n)),
        },
        raises=Raising,
        breaks=(CalibrationByTwo, CalibrationOfSomeIntegers),
    ),
    "r_squared": Proof(
        right=[R2, R2Shifted, R2FromFirst, R2ByRange, recorded(R2)],
        wrong={
            "before the first update": type(
                "R2Nan", (R2,), {"answer": lambda self, n, y, y2, errors, **_: 1 - errors / (y2 - y * y / n)}
            ),
            "hid that of the others": R2OfTheLastBatch,
            "Errors over no spread": r2_unguarded(lambda n, y, y2, errors, **_: 1 - errors / (y2 - y * y / n)),
            "The spread is 0: 0 is asked for": r2_unguarded(lambda n, y, y2, errors, **_: errors / (y2 - y * y / n)),
            "The sign is lost": R2Unsigned,
            "a ValueError is asked for": R2RefusingByAssert,
            "a batch of one counted as 0": R2AveragedOverAll,
            "mean of the batches' R²s": R2Averaged,
            "last batch alone": R2Last,
            "each batch's own mean": R2Within,
            "R² is 1 minus it": r2_with(lambda n, y, y2, errors, **_: errors / (y2 - y * y / n)),
            "that of the predictions": r2_with(lambda n, p, p2, errors, **_: 1 - errors / (p2 - p * p / n)),
            "squared correlation": r2_with(
                lambda n, y, y2, p, p2, yp, **_: (yp - y * p / n) ** 2 / ((y2 - y * y / n) * (p2 - p * p / n))
            ),
            "those of 0, not of the mean": r2_with(lambda y2, errors, **_: 1 - errors / y2),
            "made a table": R2OfTables,
            "Right for small numbers": R2Single,
            "cast before you square": R2SquaredTooEarly,
            "keep sums of squares in float64": R2OfSingleSums,
            "add_weight takes a dtype of its own": R2InDtypeOfMetric,
            "do not clip": type("R2Clipped", (R2,), {"result": lambda self: tf.maximum(R2.result(self), 0.0)}),
            "1 − 0/0": type(
                "R2One", (R2,), {"result": lambda self: R2.result(self) + tf.cast(R2.result(self) == 0, tf.float64)}
            ),
            "wrong for large ones": R2FromConstant,
            "did you subtract a constant?": R2From100000,
            "y_true = [2, 2], y_pred = [2, 2]": R2OneIfPerfect,
            "y_true = y_pred = [1, 2]": type(
                "R2FromThree",
                (R2,),
                {"answer": lambda self, n, **sums: tf.where(n > 2, R2.answer(self, n, **sums), 0.0)},
            ),
            "took its place": r2_with(lambda n, y, y2, errors, **_: 1 - errors / (y2 - y * y / n + 1e-12)),
            "expected 0.971429, got 0.9714": type(
                "R2Rounded", (R2,), {"result": lambda self: tf.round(1e4 * R2.result(self)) / 1e4}
            ),
            "expected -14999": type("R2From10", (R2,), {"result": lambda self: tf.maximum(R2.result(self), -10.0)}),
            "rounding made a little of it": R2OfRounding,
            "compare it with a tiny share": R2Merged,
            "34 times 1,013.3": R2OfAnySpread,
            "then y_true = 3 times 7.7": R2ByRangeFrom0,
            "For numbers far from them": forgetting(R2FromVeryFirst, "first", "seen"),
            "small spread was taken for none": R2FromLargeSpread,
            "passes for no spread": R2OfAWideShare,
            "must bring back all of the state": forgetting(R2, "n"),
            "keeps the old ones": renewing(R2),
            "compute it anew each time": keeping_its_result(R2),
            "There is no number yet": in_numbers(R2),
            "nothing was raised": R2Unrefused,
            "sample_weight=[0.0]": R2UnrefusedZero,
            "counted before they were refused": R2RefusingLate,
            "hand it over by name": R2WithoutWeights,
        },
        raises=Raising,
    ),
}
