"""Notebook 5's safe step in the surroundings of a project: it agrees with the whole batch, or refuses in a sentence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils.memory import peak_bytes

layers = keras.layers
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
N, SIZE, CLIP = 100, 32, 0.5  # examples, of a micro-batch, and the threshold: the tail has four


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The step's functions, as the notebook has them."""
    parts = definitions(NOTEBOOKS[4])
    names = ("make_add_rows", "make_accumulator", "apply_or_skip", "make_safe_step")
    return module_of([parts[name] for name in names], tmp_path_factory.mktemp("lesson") / "safe_step_lesson.py")


def numbers(n=N):
    return np.random.default_rng(0).normal(size=(n, 8)).astype("float32")


def words(n=N):
    return np.random.default_rng(1).integers(0, 50, (n, 5))


def labels(n=N, dtype="int64"):
    return np.random.default_rng(2).integers(0, 3, n).astype(dtype)


def dense(*extra, **arguments):
    hidden = layers.Dense(16, activation="tanh", **arguments)
    return keras.Sequential([layers.Input((8,)), hidden, *extra, layers.Dense(3)])


def embedded():
    lookup = [layers.Embedding(50, 4), layers.GlobalAveragePooling1D()]
    return keras.Sequential([layers.Input((5,), dtype="int32"), *lookup, layers.Dense(3)])


def two_inputs():
    number, word = layers.Input((8,), name="number"), layers.Input((5,), dtype="int32", name="word")
    read = layers.GlobalAveragePooling1D()(layers.Embedding(50, 4)(word))
    return keras.Model({"number": number, "word": word}, layers.Dense(3)(layers.Concatenate()([number, read])))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(16, activation="relu"), layers.Dense(3)

    def call(self, x):
        return self.out(self.hidden(x))


def subclassed():
    model = Subclassed()
    model(numbers(1))
    return model


def at_once(model, loss_fn, optimizer, x, y, sample_weight=None):
    """Take one step on the whole batch, written out."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True), sample_weight) + sum(model.losses)
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
    clipped, _ = tf.clip_by_global_norm(gradients, CLIP)
    optimizer.apply_gradients(zip(clipped, model.trainable_variables, strict=True))
    return loss


def distance(lesson, make, batch, loss_fn=LOSS, rate=0.1, kind=keras.optimizers.SGD, compile=lambda step: step):
    """Take three steps both ways from the same weights; return the largest difference of a weight."""
    ours, theirs = make(), make()
    theirs.set_weights(ours.get_weights())
    step = compile(lesson.make_safe_step(ours, loss_fn, kind(rate), SIZE, CLIP))
    optimizer = kind(rate)
    for _ in range(3):
        result, loss = step(*batch), at_once(theirs, loss_fn, optimizer, *batch)
        assert abs(float(result["loss"]) - float(loss)) < 1e-4 and int(result["skipped"]) == 0
    return max(np.abs(a - b).max() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))


WEIGHTS = np.random.default_rng(3).random(N).astype("float32")
SURROUNDINGS = {
    "plain": (dense, (numbers(), labels())),
    "sample weights": (dense, (numbers(), labels(), WEIGHTS)),
    "a batch smaller than a piece": (dense, (numbers(10), labels(10))),
    "one example": (dense, (numbers(1), labels(1))),
    "sizes that divide": (dense, (numbers(64), labels(64))),
    "labels of another dtype": (dense, (numbers(), labels(dtype="uint8"))),
    "an embedding": (embedded, (words(), labels())),
    "a dictionary of inputs": (two_inputs, ({"number": numbers(), "word": words()}, labels(), WEIGHTS)),
    "a regularizer": (lambda: dense(kernel_regularizer="l2"), (numbers(), labels())),
    "a subclassed model": (subclassed, (numbers(), labels())),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_pieces_agree_with_the_whole_batch(lesson, name):
    make, batch = SURROUNDINGS[name]
    assert distance(lesson, make, batch) < 1e-6


@pytest.mark.parametrize("name", ["sample weights", "an embedding", "a dictionary of inputs"])
def test_so_they_do_under_xla(lesson, name):
    make, batch = SURROUNDINGS[name]
    assert distance(lesson, make, batch, compile=lambda step: tf.function(step, jit_compile=True)) < 1e-6


def test_so_they_do_eagerly_and_with_adam(lesson):
    tf.config.run_functions_eagerly(True)
    try:
        assert distance(lesson, dense, (numbers(), labels())) < 1e-6
    finally:
        tf.config.run_functions_eagerly(False)
    assert distance(lesson, dense, (numbers(), labels()), kind=keras.optimizers.Adam, rate=0.001) < 1e-5


def test_fractional_labels_are_not_cut(lesson):
    def make():
        return keras.Sequential([layers.Input((8,)), layers.Dense(1)])

    y = np.random.default_rng(4).random((N, 1)).astype("float32")
    assert distance(lesson, make, (numbers(), y), keras.losses.MeanSquaredError()) < 1e-6


def test_mixed_precision_scales_clips_and_lets_the_optimizer_skip(lesson):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        ours, theirs = dense(), dense()
    finally:
        keras.config.set_dtype_policy("float32")
    theirs.set_weights(ours.get_weights())
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    step, plain = lesson.make_safe_step(ours, LOSS, optimizer, SIZE, CLIP), keras.optimizers.SGD(0.1)
    for _ in range(3):
        norm = float(step(numbers(), labels())["norm"])
        at_once(theirs, LOSS, plain, numbers(), labels())
    assert 0.01 < norm < 10, "the norm is that of the gradient, not of the scaled one"
    assert max(np.abs(a - b).max() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True)) < 1e-3
    before, scale = ours.get_weights(), float(optimizer.dynamic_scale)
    result = step(np.full((N, 8), np.inf, "float32"), labels())
    assert int(result["skipped"]) == 1 and float(optimizer.dynamic_scale) == scale / 2
    assert all(np.array_equal(a, b) for a, b in zip(before, ours.get_weights(), strict=True))


def test_layers_that_see_or_draw_anew_train(lesson):
    for extra in (layers.BatchNormalization(), layers.Dropout(0.5)):
        model = dense(extra)
        step = lesson.make_safe_step(model, LOSS, keras.optimizers.SGD(0.1), SIZE, CLIP)
        losses = [float(step(numbers(), labels())["loss"]) for _ in range(5)]
        assert np.all(np.isfinite(losses)) and not np.isnan(np.concatenate([*map(np.ravel, model.get_weights())])).any()


@pytest.mark.parametrize("extra", [layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)])
def test_a_broken_batch_changes_nothing_and_is_counted(lesson, extra):
    model, optimizer = dense(layers.Dense(6), extra), keras.optimizers.Adam(0.1)
    step = lesson.make_safe_step(model, LOSS, optimizer, SIZE, CLIP)
    broken = numbers()
    broken[97, 3] = np.nan  # in the tail
    counts = []
    for x in (numbers(), broken, broken, numbers()):
        before = [variable.numpy() for variable in (*model.variables, *optimizer.variables)]
        result = step(x, labels())
        after = [variable.numpy() for variable in (*model.variables, *optimizer.variables)]
        assert (x is broken) == all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        counts.append((int(result["skipped"]), int(result["in_a_row"])))
    assert counts == [(0, 0), (1, 1), (2, 2), (2, 0)]


def test_it_says_what_it_refuses(lesson):
    losses = [keras.losses.SparseCategoricalCrossentropy(reduction=None), lambda y_true, y_pred: 0.0]
    losses += [keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")]
    for loss_fn in losses:
        with pytest.raises(ValueError, match=r"must be a keras\.losses\.Loss with the reduction"):
            lesson.make_safe_step(dense(), loss_fn, keras.optimizers.SGD(0.1), SIZE, CLIP)
    body, idle = layers.Input((8,)), layers.Dense(3, name="idle")
    model = keras.Model(body, [layers.Dense(3)(body), idle(body)])

    class FirstHead(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return LOSS(y_true, y_pred[0], sample_weight)

    step = lesson.make_safe_step(model, FirstHead(), keras.optimizers.SGD(0.1), SIZE, CLIP)
    with pytest.raises(ValueError, match=r"No gradient reaches \['idle/kernel', 'idle/bias'\]"):
        step(numbers(), labels())
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope(), pytest.raises(ValueError, match="one replica"):
        lesson.make_safe_step(dense(), LOSS, keras.optimizers.SGD(0.1), SIZE, CLIP)


def test_one_piece_at_a_time_is_in_memory(lesson):
    hidden = [layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    model = keras.Sequential([layers.Input((28, 28, 1)), *hidden, layers.Dense(3)])
    x, y = tf.zeros((2048, 28, 28, 1)), tf.zeros(2048, tf.int64)
    peaks = []
    for size in (128, 2048):
        step = lesson.make_safe_step(model, LOSS, keras.optimizers.SGD(0.1), size, CLIP)
        step.get_concrete_function(x, y)
        peaks.append(peak_bytes(lambda step=step: step(x, y)))
    assert peaks[0] < peaks[1] / 6
