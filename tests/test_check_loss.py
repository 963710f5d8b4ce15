"""The checker of losses, which notebook 3 builds and utils/trust.py holds: its word on right losses and wrong ones."""

import numpy as np
import pytest
import tensorflow as tf

from utils.trust import check_loss, refuses_missing_axis, slopes_by_difference, zero_is_absence

REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None]
each_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)

Y = np.float32([[20], [31], [14], [55], [42], [27]])
CLOSE = Y + np.float32([[1], [-2], [3], [-4], [9], [-12]])  # the mean of the squares is 42.5
WIDE, CLOSE_WIDE = np.tile(Y, 3), np.tile(CLOSE, 3)


class GuardedMSE(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        y_pred.shape.assert_is_compatible_with(y_true.shape)
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


class AssertedMSE(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        assert y_true.shape == y_pred.shape
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


class PlainMSE(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


class BatchMSE(GuardedMSE):
    def call(self, y_true, y_pred):
        y_pred.shape.assert_is_compatible_with(y_true.shape)
        return tf.reduce_mean(tf.square(y_true - y_pred), axis=0)


class OneNumberMSE(GuardedMSE):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(super().call(y_true, y_pred))


class SevenfoldMSE(GuardedMSE):
    def call(self, y_true, y_pred):
        return 7 * super().call(y_true, y_pred)


class ShiftedMSE(GuardedMSE):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred + 1)


class CutMSE(GuardedMSE):
    def call(self, y_true, y_pred):
        return super().call(y_true, tf.stop_gradient(y_pred))


class NumpyMSE(GuardedMSE):
    def call(self, y_true, y_pred):
        return np.mean(np.square(np.asarray(y_true) - np.asarray(y_pred)), axis=-1)


class CubeWithoutFactor(GuardedMSE):
    def call(self, y_true, y_pred):
        error = tf.sqrt(super().call(y_true, y_pred))  # of one output
        return error**2 * tf.stop_gradient(error)


class DeafMSE(GuardedMSE):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred)


class EnsuredMSE(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.square(tf.ensure_shape(y_true, y_pred.shape) - y_pred), axis=-1)


class Packed(tf.keras.losses.Loss):
    """The labels hold a second column, which `call` takes off."""

    def call(self, y_true, y_pred):
        return tf.reduce_mean(y_true[:, 1:] * tf.square(y_true[:, :1] - y_pred), axis=-1)


class PackedTheOtherWay(Packed):
    def call(self, y_true, y_pred):
        return super().call(y_true[:, ::-1], y_pred)


class WithColumn(GuardedMSE):
    """A column of its own, which does not follow the rows."""

    column = tf.reshape(tf.range(1.0, 7.0), (6, 1))

    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) * tf.cast(self.column[:, 0], y_pred.dtype)


class WithNumber(GuardedMSE):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * super().call(y_true, y_pred)


class Contrastive(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        logits = 10 * tf.matmul(y_true, y_pred, transpose_b=True)
        own = tf.range(tf.shape(logits)[0])
        return tf.keras.losses.sparse_categorical_crossentropy(own, logits, from_logits=True)


def sequences(n, steps):
    rng = np.random.default_rng(1)
    y = rng.uniform(0, 1, (n, steps, 1))
    return y, y + rng.uniform(0.1, 1, (n, steps, 1))


@each_reduction
def test_a_right_loss_passes_under_every_reduction(reduction):
    for loss_fn in (right(reduction=reduction) for right in (GuardedMSE, AssertedMSE, EnsuredMSE)):
        assert check_loss(loss_fn, Y, CLOSE, perfect=Y, expected=42.5) == []
    assert check_loss(GuardedMSE(reduction=reduction), WIDE, CLOSE_WIDE, perfect=WIDE, expected=42.5) == []


@each_reduction
def test_a_class_that_broadcasts_is_named(reduction):
    assert check_loss(PlainMSE(reduction=reduction), Y, CLOSE, perfect=Y, expected=42.5) == ["no axis missing"]


@each_reduction
def test_a_factor_is_seen_with_the_expected_number_only(reduction):
    assert check_loss(SevenfoldMSE(reduction=reduction), Y, CLOSE, perfect=Y) == []
    assert check_loss(SevenfoldMSE(reduction=reduction), Y, CLOSE, perfect=Y, expected=42.5) == ["scale"]


@each_reduction
@pytest.mark.parametrize("shape", [(6, 4), (4, 4), (5, 1)], ids=str)
def test_sequences(reduction, shape):
    y, close = sequences(*shape)
    mean = np.mean((y - close) ** 2)
    assert check_loss(GuardedMSE(reduction=reduction), y, close, perfect=y, expected=mean) == []
    assert check_loss(SevenfoldMSE(reduction=reduction), y, close, perfect=y, expected=mean) == ["scale"]
    wrong = check_loss(OneNumberMSE(reduction=reduction), y, close, perfect=y, expected=mean)
    assert wrong == ["one value each", "weight 0 is absence"]
    wrong = check_loss(BatchMSE(reduction=reduction), y, close, perfect=y, expected=mean)
    assert wrong == ["one value each", "weight 0 is absence"]


def test_a_missing_axis_of_sequences_is_seen_where_it_broadcasts():
    y, close = sequences(4, 4)
    assert check_loss(PlainMSE(), y, close, perfect=y) == ["no axis missing"]


@each_reduction
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (BatchMSE, ["one value each", "weight 0 is absence"]),
        (OneNumberMSE, ["one value each", "weight 0 is absence"]),
        (ShiftedMSE, ["zero if perfect"]),
        (CutMSE, ["slope"]),
        (NumpyMSE, ["slope", "no axis missing"]),
        (CubeWithoutFactor, ["slope"]),
        (DeafMSE, ["weight 0 is absence"]),
    ],
)
def test_each_fault_has_its_name(reduction, wrong, named):
    assert check_loss(wrong(reduction=reduction), Y, CLOSE, perfect=Y) == named


def test_keras_own_losses_pass():
    losses = tf.keras.losses
    classes, logits = np.array([0, 1, 2, 0, 1, 2]), np.random.default_rng(1).normal(size=(6, 3))
    one_hot, yes_or_no = np.eye(3)[classes], np.float32([[1], [0], [1], [1], [0], [0]])
    cases = [
        (losses.MeanSquaredError(), Y, CLOSE, Y),
        (losses.MeanAbsoluteError(), Y, CLOSE, Y),
        (losses.Huber(), Y, CLOSE, Y),
        (losses.BinaryCrossentropy(from_logits=True), yes_or_no, yes_or_no - 0.5, 100 * yes_or_no - 50),
        (losses.CategoricalCrossentropy(from_logits=True), one_hot, logits, 100 * one_hot),
        (losses.SparseCategoricalCrossentropy(from_logits=True), classes, logits, 100 * one_hot),
        (losses.SparseCategoricalCrossentropy(from_logits=True), classes[:, np.newaxis], logits, 100 * one_hot),
    ]
    for loss_fn, y_true, y_pred, perfect in cases:
        assert check_loss(loss_fn, y_true, y_pred, perfect) == [], loss_fn.name


def test_probabilities_taken_for_logits_are_named():
    yes_or_no = np.float32([[1], [0], [1], [1], [0], [0]])
    loss_fn = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    assert check_loss(loss_fn, yes_or_no, yes_or_no - 0.5, perfect=yes_or_no) == ["zero if perfect"]


def test_large_labels_and_few_rows():
    rng = np.random.default_rng(1)
    for _ in range(10):  # prices of houses: errors that differ much in size
        prices = rng.uniform(1e5, 1e6, (6, 1))
        guesses = prices * rng.uniform(0.8, 1.2, prices.shape)
        assert check_loss(GuardedMSE(), prices, guesses, perfect=prices) == []
    for rows in (2, 3, 5):
        assert check_loss(GuardedMSE(), Y[:rows], CLOSE[:rows], perfect=Y[:rows]) == []


def test_the_questions_alone():
    slopes = slopes_by_difference(lambda p: tf.reduce_sum(p**3), tf.constant([[1.0, 2.0], [3.0, -4.0]], tf.float64))
    assert np.allclose(slopes, [[3, 12], [27, 48]])
    assert zero_is_absence(PlainMSE(), Y, CLOSE) and not zero_is_absence(BatchMSE(), Y, CLOSE)
    assert refuses_missing_axis(GuardedMSE(), Y, CLOSE) and not refuses_missing_axis(PlainMSE(), Y, CLOSE)
    assert refuses_missing_axis(PlainMSE(), WIDE, CLOSE_WIDE), "these labels have no axis of 1 that they could lack"


@each_reduction
def test_a_loss_with_a_third_argument(reduction):
    worth = np.float32([[1], [2], [1], [3], [1], [2]])
    packed, perfect, mean = np.hstack([Y, worth]), Y, np.mean(worth * (Y - CLOSE) ** 2)
    assert check_loss(Packed(reduction=reduction), packed, CLOSE, perfect, mean) == []
    wrong = check_loss(PackedTheOtherWay(reduction=reduction), packed, CLOSE, perfect, mean)
    assert wrong == ["zero if perfect", "scale"]
    assert check_loss(WithNumber(2.0, reduction=reduction), Y, CLOSE, Y, 85.0) == []


@each_reduction
def test_a_column_of_the_losss_own_is_named_and_does_not_stop_the_checker(reduction):
    assert check_loss(WithColumn(reduction=reduction), Y, CLOSE, perfect=Y) == ["weight 0 is absence"]


def test_a_loss_that_compares_the_examples_of_a_batch_is_named():
    rng = np.random.default_rng(1)
    a, b = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in rng.normal(size=(2, 6, 8)))
    for reduction in REDUCTIONS:
        failed = check_loss(Contrastive(reduction=reduction), a, b, perfect=a)
        assert failed == ["zero if perfect", "weight 0 is absence"]


def test_predictions_with_a_mask_lose_it_here():
    layers = tf.keras.layers
    reader = tf.keras.Sequential([layers.Input((4,)), layers.Embedding(6, 2, mask_zero=True), layers.Dense(1)])
    y_pred = reader(np.array([[3, 2, 5, 1], [4, 0, 0, 0]]))
    y_true = y_pred.numpy() + np.float32([[[1], [2], [3], [4]], [[5], [6], [7], [8]]])
    assert check_loss(EnsuredMSE(), y_true, y_pred, perfect=y_true, expected=25.5) == []
    assert check_loss(BatchMSE(), y_true, y_pred, perfect=y_true) == ["one value each", "weight 0 is absence"]


def test_each_head_by_itself():
    late = np.float32([[1], [0], [1], [1], [0], [0]])
    heads = {
        "minutes": (EnsuredMSE(), Y, CLOSE, Y),
        "late": (tf.keras.losses.BinaryCrossentropy(from_logits=True), late, late - 0.5, 100 * late - 50),
    }
    assert {name: check_loss(*head) for name, head in heads.items()} == {"minutes": [], "late": []}
