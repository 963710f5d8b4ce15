"""What notebook 04 says of Keras, its habit, and its metrics in the surroundings of a project."""

import numpy as np
import pytest
import tensorflow as tf

from tests.replicas import two_replicas
from tests.test_metrics import METRICS, SOUND, assert_same, feed, make
from utils import trust

CLASSES = 4
rng = np.random.default_rng(0)
Y = rng.integers(0, CLASSES, 250).astype("int32")
PROB = rng.dirichlet(np.ones(CLASSES), 250).astype("float32")
WEIGHT = rng.uniform(0, 0.1, 250).astype("float32")
YES, SCORE = Y == 1, PROB[:, 1]

in_evaluate = pytest.mark.parametrize(
    "name", [name for name in SOUND if name not in ("RightAnswersRead", "LongCounter")]
)


def hands_on(width, **how):
    model = tf.keras.Sequential([tf.keras.layers.Input((width,)), tf.keras.layers.Identity()])
    model.compile(loss=lambda y_true, y_pred: tf.reduce_mean(y_pred), **how)
    return model


def evaluated(metric, y, y_pred, weight=None, batch_size=32, **how):
    """Return what `evaluate` reports of a metric; its second run, so that a reset lies before it."""
    kind = "metrics" if weight is None else "weighted_metrics"
    model = hands_on(y_pred.shape[1], **{kind: [metric]}, **how)
    for _ in range(2):
        told = model.evaluate(y_pred, y, sample_weight=weight, batch_size=batch_size, verbose=0, return_dict=True)
    del told["loss"]
    return told if len(told) > 1 else next(iter(told.values()))


# What the notebook says of Keras.


def f1(y_true, y_pred):
    y_true, says = tf.cast(tf.reshape(y_true, (-1,)), tf.float32), tf.cast(tf.reshape(y_pred, (-1,)) > 0.5, tf.float32)
    return tf.math.divide_no_nan(2 * tf.reduce_sum(y_true * says), tf.reduce_sum(y_true) + tf.reduce_sum(says))


def f1_judge(y_true, y_pred):
    return 2 * np.sum(y_true & (y_pred > 0.5)) / (np.sum(y_true) + np.sum(y_pred > 0.5))


def test_a_plain_function_is_averaged_over_batches():
    parts = [slice(start, start + 10) for start in range(0, 250, 10)]
    each = [float(f1(YES[part], SCORE[part])) for part in parts]
    told = evaluated(f1, YES, SCORE[:, None], batch_size=10)
    assert np.isclose(told, np.mean(each), atol=1e-6) and abs(told - f1_judge(YES, SCORE)) > 0.02
    denominators = [np.sum(YES[part]) + np.sum(SCORE[part] > 0.5) for part in parts]
    assert np.isclose(np.average(each, weights=denominators), f1_judge(YES, SCORE))


def test_a_plain_function_with_a_value_for_each_example_is_a_mean_over_examples():
    told = evaluated(lambda y_true, y_pred: tf.reshape(y_pred, (-1,)), YES, SCORE[:, None], batch_size=33)
    assert np.isclose(told, SCORE.mean(), atol=1e-6)


@pytest.mark.parametrize(
    ("y_shape", "pred_shape", "chosen"),
    [
        ((6,), (6, 1), "BinaryAccuracy"),
        ((6, 1), (6, 1), "BinaryAccuracy"),
        ((6,), (6, 10), "SparseCategoricalAccuracy"),
        ((6, 1), (6, 10), "SparseCategoricalAccuracy"),
        ((6, 10), (6, 10), "CategoricalAccuracy"),
        ((6, 2), (6, 2), "CategoricalAccuracy"),
    ],
)
def test_the_word_accuracy_is_resolved_by_shapes(y_shape, pred_shape, chosen):
    model = hands_on(pred_shape[1], metrics=["accuracy"], run_eagerly=True)
    model.evaluate(np.zeros(pred_shape, "float32"), np.zeros(y_shape, "int32"), verbose=0)
    assert [type(metric).__name__ for metric in model.metrics[-1].metrics] == [chosen]


def test_every_metric_gets_sample_weight_by_name():
    with pytest.raises(TypeError, match="sample_weight"):
        evaluated(METRICS["NoWeights"](), YES, SCORE[:, None])


@pytest.mark.parametrize(
    "name", ["RSquared", "RightAnswers", "RightAnswersRead", "LongCounter", "LeastConfidence", "TruePositivesOfOne"]
)
def test_a_metric_without_weights_refuses_them(name):
    with pytest.raises(ValueError, match="no weights"):
        evaluated(METRICS[name](*SOUND.get(name, ((),))[0]), np.float32(Y), SCORE[:, None], WEIGHT)


def test_the_inherited_reset_writes_zeros():
    class Least(METRICS["LeastConfidence"]):
        pass

    assert METRICS["LeastConfidence"]().least.numpy() == 1
    (metric := Least()).reset_state()
    assert metric.least.numpy() == 0
    (metric := METRICS["LeastConfidenceReset"]()).reset_state()
    assert metric.least.numpy() == 1


def test_the_dtype_of_a_state():
    class OfSums(METRICS["SumMetric"]):
        pass

    keras, dtype = tf.keras.metrics, {"dtype": "float64"}
    made_of_mean = (keras.Mean, keras.SparseCategoricalAccuracy, keras.MeanSquaredError)
    assert {metric(**dtype).variables[0].dtype for metric in made_of_mean} == {"float64"}
    assert {metric(**dtype).variables[0].dtype for metric in (keras.Precision, keras.AUC)} == {"float32"}
    assert METRICS["RightAnswersRead"](dtype="float64").total.dtype == "float32"
    assert OfSums(3, dtype="float64").total.dtype == "float64"


@pytest.mark.parametrize(
    ("check", "compiled"), [("assert", False), ("debugging", False), ("debugging", True)], ids=["python", "tf", "xla"]
)
def test_an_assertion_in_a_compiled_metric(check, compiled):
    class Checked(tf.keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            if check == "assert":
                assert tf.reduce_max(y_pred) <= 1
            else:
                tf.debugging.assert_less_equal(y_pred, 1.0)
            super().update_state(y_pred)

    logits = np.float32([[3.0], [-2.0]])
    if compiled:  # XLA leaves it out
        assert np.isclose(evaluated(Checked(), np.int32([1, 0]), logits, jit_compile=True), 0.5)
        return
    with pytest.raises((TypeError, tf.errors.OperatorNotAllowedInGraphError, tf.errors.InvalidArgumentError)):
        evaluated(Checked(), np.int32([1, 0]), logits)


def test_a_round_trip_without_a_file_may_not_notice_that_a_class_is_unregistered():
    try:
        again = tf.keras.metrics.deserialize(tf.keras.metrics.serialize(HalfReset()))
    except TypeError:
        return
    assert not isinstance(again, HalfReset)


# The habit: it fires on the split, on the reset and on the empty batch, and is silent on what is right.


def mean_judge(values, weights):
    return np.sum(weights * values) / np.sum(weights)


def accuracy_judge(y_true, y_prob):
    return np.mean(y_prob.argmax(axis=1) == y_true)


def matrix_judge(y_true, y_prob):
    matrix = np.zeros((CLASSES, CLASSES))
    np.add.at(matrix, (y_true, y_prob.argmax(axis=1)), 1)
    return matrix


class BySize(tf.keras.metrics.Mean):
    def update_state(self, y_true, y_pred):
        super().update_state(f1(y_true, y_pred), sample_weight=len(y_true))


class LastBatch(tf.keras.metrics.Mean):
    def update_state(self, values, weights):
        self.reset_state()
        super().update_state(values, weights)


class HalfReset(tf.keras.metrics.Mean):
    def reset_state(self):
        self.total.assign(0.0)


class NoReset(tf.keras.metrics.Mean):
    def reset_state(self):
        pass


class NanWhenEmpty(tf.keras.metrics.Mean):
    def update_state(self, values, weights):
        super().update_state(np.average(values, weights=weights) if len(values) else np.nan, np.sum(weights))


class Spread(tf.keras.metrics.Mean):
    def result(self):
        return tf.fill((3,), super().result())


FAULTS = {
    "averaged over batches": (tf.keras.metrics.MeanMetricWrapper(f1), f1_judge, YES, SCORE),
    "averaged by size": (BySize(), f1_judge, YES, SCORE),
    "last batch": (LastBatch(), mean_judge, SCORE, WEIGHT),
    "a reset that forgets": (HalfReset(), mean_judge, SCORE, WEIGHT),
    "no reset at all": (NoReset(), mean_judge, SCORE, WEIGHT),
    "a reset to zero": (METRICS["LeastConfidence"](), lambda y, p: p.min(), Y, PROB.max(axis=1)),
    "nan for an empty batch": (NanWhenEmpty(), mean_judge, SCORE, WEIGHT),
    "another shape": (Spread(), mean_judge, SCORE, WEIGHT),
    "no threshold for logits": (tf.keras.metrics.Recall(), lambda y, p: np.mean(p[y] > 0), YES, 8 * SCORE - 2),
}
SILENT = {
    "mean": (tf.keras.metrics.Mean(), mean_judge, SCORE, WEIGHT),
    "accuracy": (tf.keras.metrics.SparseCategoricalAccuracy(), accuracy_judge, Y, PROB),
    "accuracy, tensors": (tf.keras.metrics.SparseCategoricalAccuracy(), lambda y, p: accuracy_judge(Y, PROB), Y, PROB),
    "error": (tf.keras.metrics.MeanSquaredError(), lambda y, p: np.mean((y - p) ** 2), SCORE[:, None], PROB[:, :1]),
    "streaming": (METRICS["StreamingF1"](), f1_judge, YES, SCORE),
    "table": (METRICS["ConfusionCounts"](CLASSES), matrix_judge, Y, PROB),
    "least": (METRICS["LeastConfidenceReset"](), lambda y, p: p.min(), Y, PROB.max(axis=1)),
    "dict": (
        METRICS["YesNoReport"](),
        lambda y, p: dict(zip(("precision", "recall", "f1"), report(y, p), strict=True)),
        YES,
        SCORE,
    ),
    "one row": (tf.keras.metrics.Mean(), mean_judge, SCORE[:1], np.ones(1, "float32")),
}


def report(y, p):
    says = p > 0.5
    return np.sum(y & says) / says.sum(), np.sum(y & says) / y.sum(), f1_judge(y, p)


@pytest.mark.parametrize("name", FAULTS)
def test_the_habit_fires(name):
    assert not trust.any_split_agrees(*FAULTS[name])


@pytest.mark.parametrize("name", SILENT)
def test_the_habit_is_silent(name):
    assert trust.any_split_agrees(*SILENT[name])


def test_the_habit_refuses_what_it_cannot_judge():
    with pytest.raises(ValueError), np.errstate(invalid="ignore"):
        trust.any_split_agrees(tf.keras.metrics.Mean(), mean_judge, SCORE[:0], WEIGHT[:0])
    with pytest.raises((ValueError, TypeError)):  # a dict against a number
        trust.any_split_agrees(METRICS["YesNoReport"](), f1_judge, YES, SCORE)


def test_each_split_has_an_empty_batch_and_a_single_row():
    for seed in range(20):
        batches = list(trust.random_batches(np.random.default_rng(seed), SCORE, PROB))
        sizes = [len(score) for score, _ in batches]
        assert 0 in sizes and 1 in sizes and sum(sizes) == len(SCORE)
        assert np.array_equal(np.concatenate([prob for _, prob in batches]), PROB)


# The metrics of the notebook, and the solutions, in the surroundings of a project.


def case(name):
    _, fed_with, _, weighted = SOUND[name]
    y, y_pred = fed_with(Y, PROB)
    y_pred = y_pred if y_pred.ndim == 2 else y_pred[:, None]
    want = feed(make(name), [*fed_with(Y, PROB), *([WEIGHT] if weighted else [])], [])
    return y, y_pred, WEIGHT if weighted else None, want


@in_evaluate
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_in_evaluate(name, jit_compile):
    if jit_compile and name == "TopK":
        pytest.skip("a sort of its own, which XLA on a CPU does not have in every version")
    y, y_pred, weight, want = case(name)
    got = evaluated(make(name), y, y_pred, weight, jit_compile=jit_compile)
    assert_same(got, want)


@pytest.mark.parametrize(
    "name",
    ["MeanPrediction", "StreamingF1", "ConfusionMatrix", "ConfusionCounts", "ReliabilityBins", "ScoreHistogram"],
)
def test_on_two_replicas_with_a_ragged_batch(name):
    y, y_pred, weight, want = case(name)
    with two_replicas().scope():
        got = evaluated(make(name), y, y_pred, weight, batch_size=84)  # Keras itself fails where the first batch is odd
    assert_same(got, want)


def test_a_minimum_on_two_replicas_is_a_sum():
    with two_replicas().scope():
        got = evaluated(METRICS["LeastConfidenceReset"](), np.zeros(4), np.float32([[0.2], [0.9], [0.3], [0.8]]))
    assert np.isclose(got, 0.5)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int64"])
@pytest.mark.parametrize("name", ["ConfusionMatrix", "ConfusionCounts", "ReliabilityBins", "CalibrationError", "TopK"])
def test_labels_of_any_dtype(name, kind):
    _, _, _, want = case(name)
    assert_same(feed(make(name), [Y.astype(kind), PROB, WEIGHT], [7, 100]), want)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float32"])
@pytest.mark.parametrize("name", ["StreamingF1", "ScoreHistogram", "YesNoReport"])
def test_yes_and_no_of_any_dtype(name, kind):
    _, _, _, want = case(name)
    assert_same(feed(make(name), [YES.astype(kind), SCORE, WEIGHT], [7, 100]), want)


@pytest.mark.parametrize("name", ["MeanPrediction", "StreamingF1", "ConfusionMatrix", "ScoreHistogram"])
def test_predictions_in_half_precision(name):
    y, y_pred, weight, _ = case(name)
    y_pred = y_pred.astype("float16")
    want = evaluated(make(name), y, y_pred.astype("float32"), weight)
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        got = evaluated(make(name), y, y_pred.astype("float32"), weight)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert_same(got, want)
