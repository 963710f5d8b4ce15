"""Faults of metrics: numbers that are reported, look likely, and are not what their names say."""

import keras
import numpy as np
import tensorflow as tf

from tests.zoo import pair
from tests.zoo.losses import numbers


def yes_or_no(rows=256, seed=0):
    """Inputs of unit scale, and 0 or 1 in equal parts, of shape (rows, 1)."""
    x, y = numbers(rows, seed=seed)
    return x, (y > np.median(y)).astype("float32")


def kinds(classes, rows=240, seed=0):
    """Inputs of unit scale, and one of several classes in equal parts, of shape (rows,)."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(rows) % classes).astype("int32")
    centers = rng.normal(size=(classes, 6))
    x = 0.8 * centers[y] + 0.6 * rng.normal(size=(rows, 6))
    return x.astype("float32"), y


def network(columns=4, units=1, activation=None):
    """One hidden layer."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((columns,))
    hidden = keras.layers.Dense(16, activation="tanh")(inputs)
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation)(hidden))


def regression(metric):
    """The arguments for a network that is judged by `metric`."""
    x, y = numbers()
    model = network()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=[metric])
    return {"model": model, "x": x, "y": y}


def weighted_regression(**metrics):
    """The arguments for a network with sample weights: 0 for labels of a worn instrument, 1/2 or 1 for the others."""
    x, y = numbers()
    rng = np.random.default_rng(1)
    weights = rng.choice([0.0, 0.5, 1.0], len(x)).astype("float32")
    y += np.where(weights[:, np.newaxis] > 0, 0.0, rng.normal(scale=0.7, size=y.shape)).astype("float32")
    model = network()
    model.compile(keras.optimizers.Adam(0.01), "mse", **metrics)
    return {"model": model, "x": x, "y": y, "sample_weight": weights}


def logits_of_yes(*metrics):
    """The arguments for a network that answers yes or no by one logit."""
    x, y = yes_or_no()
    model = network()
    model.compile(keras.optimizers.Adam(0.003), keras.losses.BinaryCrossentropy(from_logits=True), metrics=[*metrics])
    return {"model": model, "x": x, "y": y}


@pair(
    check="metric functions",
    symptom="The same answers have an F1 of 0.90 at once, of 0.84 in batches of 32, and of 0.61 in batches of 8.",
    source="04, Trap: F1 averaged over batches; keras#11705, keras#4592",
)
def a_score_averaged_over_batches(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    def macro_f1(y_true, y_pred):
        says = tf.one_hot(tf.argmax(y_pred, axis=1), 8)
        found = tf.reduce_sum(says * y_true, axis=0)
        return tf.reduce_mean(tf.math.divide_no_nan(2 * found, tf.reduce_sum(says + y_true, axis=0)))

    x, y = kinds(8)
    model = network(6, 8, "softmax")
    metric = macro_f1 if faulty else keras.metrics.F1Score(average="macro")
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=[metric])
    return {"model": model, "x": x, "y": keras.utils.to_categorical(y, 8).astype("float32")}


@pair(
    check="metric reset",
    symptom="The smallest probability of a true class is reported as 0, where it is 0.26.",
    source="04, Trap: a state that does not start at zero",
)
def a_minimum_that_is_reset_to_zero(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class SmallestProbability(keras.metrics.Metric):
        def __init__(self, name="smallest_probability", **kwargs):
            super().__init__(name=name, **kwargs)
            self.smallest = self.add_weight(name="smallest", initializer="ones")

        def update_state(self, y_true, y_pred, sample_weight=None):
            y_true = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
            of_truth = tf.gather(y_pred, y_true, axis=1, batch_dims=1)
            if sample_weight is not None:
                of_truth = tf.where(tf.reshape(sample_weight, [-1]) > 0, of_truth, 1.0)
            self.smallest.assign(tf.minimum(self.smallest, tf.reduce_min(of_truth)))

        def result(self):
            return tf.identity(self.smallest)

        if not faulty:  # the inherited method writes 0, whatever the initializer was

            def reset_state(self):
                self.smallest.assign(1.0)

    x, y = kinds(3)
    model = network(6, 3, "softmax")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=[SmallestProbability()])
    return {"model": model, "x": x, "y": y}


@pair(
    check="metric reset",
    symptom="The error of the second epoch is halved, that of the thirtieth is 0.004 for 0.12: rows add up for ever.",
    source="04, A metric is a state and three functions",
)
def a_reset_that_forgets_the_count(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class MeanError(keras.metrics.Metric):
        def __init__(self, name="mean_error", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            weights = tf.ones_like(y_pred) if sample_weight is None else tf.reshape(sample_weight, [-1, 1])
            self.total.assign_add(tf.reduce_sum(weights * tf.abs(y_true - y_pred)))
            self.count.assign_add(tf.reduce_sum(weights))

        def result(self):
            return tf.math.divide_no_nan(self.total, self.count)

        def reset_state(self):
            self.total.assign(0.0)
            if not faulty:
                self.count.assign(0.0)

    return regression(MeanError())


@pair(
    check="metric weights",
    symptom="Of the errors 27 % are large, it says; of those that have a weight, 3 %.",
    source="04, Trap: a weight in the signature",
)
def a_weight_in_the_signature_only(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class LargeErrors(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            large = tf.cast(tf.abs(y_true - y_pred) > 0.25, tf.float32)
            return super().update_state(large, None if faulty else sample_weight)

    return weighted_regression(weighted_metrics=[LargeErrors(name="large_errors")])


@pair(
    check="metric weights",
    symptom="The weighted mean error is 0.058 for 0.112: a row counts as one row, whatever its weight.",
    source="keras#19740, keras#7394",
)
def absent_rows_in_the_denominator(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class WeightedError(keras.metrics.Metric):
        def __init__(self, name="mean_error", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            weights = tf.ones_like(y_pred) if sample_weight is None else tf.reshape(sample_weight, [-1, 1])
            self.total.assign_add(tf.reduce_sum(weights * tf.abs(y_true - y_pred)))
            self.count.assign_add(tf.reduce_sum(tf.ones_like(weights) if faulty else weights))

        def result(self):
            return tf.math.divide_no_nan(self.total, self.count)

    return weighted_regression(weighted_metrics=[WeightedError()])


@pair(
    check="metric weights",
    symptom="The reported error is 0.26 for 0.11: rows with a weight of 0 are in it, and not in the loss beside it.",
    source="04, Trap: sample weights in `evaluate`; keras#15373, tensorflow#42922",
)
def metrics_where_weighted_metrics_are_meant(faulty):
    where = "metrics" if faulty else "weighted_metrics"
    return weighted_regression(**{where: [keras.metrics.MeanAbsoluteError(name="mean_error")]})


@pair(
    check="metric empty",
    symptom="Before the first batch, and for an empty part, the result is nan, and no score is ever better than that.",
    source="04, Trap: a result before the first batch; tensorflow/addons#721",
)
def nothing_divided_by_nothing(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class RecallOfYes(keras.metrics.Metric):
        def __init__(self, name="recall_of_yes", **kwargs):
            super().__init__(name=name, **kwargs)
            self.found = self.add_weight(name="found", initializer="zeros")
            self.there = self.add_weight(name="there", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            weights = tf.ones_like(y_pred) if sample_weight is None else tf.reshape(sample_weight, [-1, 1])
            self.found.assign_add(tf.reduce_sum(weights * y_true * tf.cast(y_pred > 0, tf.float32)))
            self.there.assign_add(tf.reduce_sum(weights * y_true))

        def result(self):
            return self.found / self.there if faulty else tf.math.divide_no_nan(self.found, self.there)

    return logits_of_yes(RecallOfYes())


@pair(
    check="metric reset",
    symptom="The history of thirty epochs holds 252 thirty times, also for the first, which had 74 right answers.",
    source="04, Trap: a result that you keep",
)
def a_result_that_is_the_variable_itself(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class RightAnswers(keras.metrics.Metric):
        def __init__(self, name="right_answers", **kwargs):
            super().__init__(name=name, **kwargs)
            self.right = self.add_weight(name="right", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            weights = tf.ones_like(y_pred) if sample_weight is None else tf.reshape(sample_weight, [-1, 1])
            right = tf.cast((y_pred > 0) == (y_true > 0.5), tf.float32)
            self.right.assign_add(tf.reduce_sum(weights * right))

        def result(self):
            return self.right if faulty else tf.identity(self.right)

    return logits_of_yes(RightAnswers())


@pair(
    check="metric in a graph",
    symptom="The largest error in `evaluate` is that of the last batch: 0.30 for 0.39.",
    source="04, Trap: a state that Python keeps",
)
def a_flag_that_python_keeps(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class LargestError(keras.metrics.Metric):
        def __init__(self, name="largest_error", **kwargs):
            super().__init__(name=name, **kwargs)
            self.largest = self.add_weight(name="largest", initializer="zeros")
            self.is_first = faulty

        def update_state(self, y_true, y_pred, sample_weight=None):
            errors = tf.abs(y_true - y_pred)
            if sample_weight is not None:
                errors = tf.where(tf.reshape(sample_weight, [-1, 1]) > 0, errors, 0.0)
            if self.is_first:  # a graph is recorded on the first batch, and does the same on all others
                self.largest.assign(tf.reduce_max(errors))
                self.is_first = False
            else:
                self.largest.assign(tf.maximum(self.largest, tf.reduce_max(errors)))

        def result(self):
            return tf.identity(self.largest)

        def reset_state(self):
            self.largest.assign(0.0)
            self.is_first = faulty

    return regression(LargestError())


@pair(
    check="metric thresholds",
    symptom="Recall is 0.91 for 0.98 (first epoch: 0.06 for 0.27): a logit counts as yes above 0.5, not above 0.",
    source="04, Trap: a threshold applied to logits; tensorflow#37103",
)
def recall_of_logits_above_a_half(faulty):
    return logits_of_yes(keras.metrics.Recall(name="recall", thresholds=None if faulty else 0.0))


@pair(
    check="metric thresholds",
    symptom="Accuracy is 0.957 for 0.988: the word stands for a threshold of 0.5, on logits too.",
    source="tensorflow#41413",
)
def the_word_accuracy_for_one_logit(faulty):
    return logits_of_yes("accuracy" if faulty else keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0))


@pair(
    check="metric thresholds",
    symptom="AUC is 0.91 for 0.96: its thresholds lie between 0 and 1, and all negative logits look alike.",
    source="04, Every threshold at once; tensorflow#42182",
)
def a_curve_over_logits(faulty):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, size=(300, 9)).astype("int32")
    praise = (x < 10).sum(axis=1, keepdims=True) + rng.normal(scale=0.7, size=(300, 1))  # words below 10 are good
    y = (praise > np.median(praise)).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((9,), dtype="int32"),
            keras.layers.Embedding(20, 8),
            keras.layers.LSTM(12),
            keras.layers.Dense(1),
        ]
    )
    auc = keras.metrics.AUC(name="auc", from_logits=not faulty)
    model.compile(keras.optimizers.Adam(0.003), keras.losses.BinaryCrossentropy(from_logits=True), metrics=[auc])
    return {"model": model, "x": x, "y": y}


@pair(
    check="metric thresholds",
    symptom="Accuracy is 0.91 after one epoch, when 0.58 of the answers are right: each zero of a label is counted.",
    source="keras#3098, keras-io#1133",
)
def a_yes_or_no_for_each_of_ten_classes(faulty):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(400) % 10)
    x = rng.normal(size=(10, 8, 8, 1))[y] + 0.7 * rng.normal(size=(400, 8, 8, 1))  # ten pictures, and noise
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, strides=2, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    metric = keras.metrics.BinaryAccuracy if faulty else keras.metrics.CategoricalAccuracy
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=[metric(name="accuracy")])
    return {"model": model, "x": x.astype("float32"), "y": keras.utils.to_categorical(y, 10).astype("float32")}


@pair(
    check="metric at the truth",
    symptom="Accuracy is 0.24 for 0.98: the argmax of a label of one column is 0, so it is the share of answers 0.",
    source="tensorflow#35568, keras#13552",
)
def integers_taken_for_one_hot(faulty):
    x, y = kinds(4)
    model = network(6, 4)
    metric = keras.metrics.CategoricalAccuracy if faulty else keras.metrics.SparseCategoricalAccuracy
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=[metric(name="accuracy")])
    return {"model": model, "x": x, "y": y[:, np.newaxis]}


@pair(
    check="metric thresholds",
    symptom="Accuracy is 0 in all epochs, while the mean error falls from 0.39 to 0.02.",
    source="keras#7947",
)
def accuracy_of_a_regression(faulty):
    x, y = numbers(columns=5)
    keras.utils.set_random_seed(0)
    inputs = {"place": keras.Input((2,), name="place"), "house": keras.Input((3,), name="house")}
    hidden = [keras.layers.Dense(12, activation="tanh")(each) for each in inputs.values()]
    hidden = keras.layers.Dense(12, activation="tanh")(keras.layers.Concatenate()(hidden))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["accuracy" if faulty else "mean_absolute_error"])
    return {"model": model, "x": {"place": x[:, :2], "house": x[:, 2:]}, "y": y}


@pair(
    check="metric splits",
    symptom="Of 260 rows in batches of 256, the last four are half of the score: 0.17 for 0.22.",
    source="03, From a function to a class",
)
def a_mean_of_batch_means(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class RootMeanSquare(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            squared = tf.square(y_true - y_pred)
            super().update_state(tf.reduce_mean(squared) if faulty else squared, sample_weight)

        def result(self):
            return tf.sqrt(super().result())

    x, y = numbers(rows=260)
    model = network()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=[RootMeanSquare(name="rms")])
    return {"model": model, "x": tf.data.Dataset.from_tensor_slices((x, y)).shuffle(260, seed=0).batch(32)}


@pair(
    check="metric splits",
    symptom="The loss falls to 0.02 while the error stays at 0.96: every label meets every prediction.",
    source="keras#16836, keras#14627",
)
def an_error_of_every_row_with_every_row(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class ErrorOfRows(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(tf.abs(y_true - y_pred), sample_weight)

    arguments = regression(ErrorOfRows(name="mean_error"))
    if faulty:
        arguments["y"] = arguments["y"][:, 0]  # the loss is Keras' own, and makes the ranks equal
    return arguments


@pair(
    check="metric at the truth",
    symptom="The right class is among the first five from the first epoch on, of five classes: 1.0, whatever is said.",
    source="facebookarchive/C3D#242",
)
def the_first_five_of_five(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class TwoLayers(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = keras.layers.Dense(16, activation="relu")
            self.answer = keras.layers.Dense(5, activation="softmax")

        def call(self, inputs):
            return self.answer(self.hidden(inputs))

    x, y = kinds(5)
    keras.utils.set_random_seed(0)
    model = TwoLayers()
    model(x[:1])
    metric = keras.metrics.SparseTopKCategoricalAccuracy(k=5 if faulty else 2, name="among_the_first")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=[metric])
    return {"model": model, "x": x, "y": y}


@pair(
    check="losses and metrics saved",
    symptom="The share of sure answers is 0.45 before and 0.80 after a reload: its threshold is the default again.",
    source="04, Trap: a metric in a saved model; tensorflow#55936",
)
def a_threshold_that_is_not_saved(faulty):
    @keras.saving.register_keras_serializable("zoo.metrics")
    class ShareSure(keras.metrics.Mean):
        def __init__(self, threshold=0.5, name="share_sure", **kwargs):
            super().__init__(name=name, **kwargs)
            self.threshold = threshold

        def update_state(self, y_true, y_pred, sample_weight=None):
            sure = tf.abs(2 * tf.sigmoid(y_pred) - 1) > self.threshold
            super().update_state(tf.cast(sure, tf.float32), sample_weight)

        if not faulty:

            def get_config(self):
                return {**super().get_config(), "threshold": self.threshold}

    return logits_of_yes(ShareSure(0.9))
