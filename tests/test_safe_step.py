"""Notebook 5's safe step in the surroundings of a project: it agrees with the whole batch, or refuses in a sentence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, definitions, module_of
from tests.replicas import two_replicas
from tests.small_models import Subclassed, dense, embedded, labels, numbers, subclassed, two_inputs, words
from utils.memory import peak_bytes

layers = keras.layers
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
N, SIZE, CLIP = 100, 32, 0.5  # examples, of a micro-batch, and the threshold: the tail has four


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The step's functions, as the notebook has them."""
    names = ["refuse", "make_add_rows", "make_accumulator", "apply_or_skip", "make_compiled_step", "make_safe_step"]
    parts = definitions(NOTEBOOKS[4])
    return module_of(
        [parts[name] for name in (*names, "SafeModel")], tmp_path_factory.mktemp("lesson") / "safe_step_lesson.py"
    )


def at_once(model, loss_fn, optimizer, x, y, sample_weight=None):
    """Take one step on the whole batch, written out."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True), sample_weight)
        loss += sum(tf.cast(penalty, loss.dtype) for penalty in model.losses)
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
        assert abs(float(result["loss"]) - float(loss)) < 1e-3 and int(result["skipped"]) == 0
    return max(np.abs(a - b).max() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True))


WEIGHTS = np.random.default_rng(3).random(N).astype("float32")
SURROUNDINGS = {
    "plain": (dense, (numbers(N), labels(N))),
    "sample weights": (dense, (numbers(N), labels(N), WEIGHTS)),
    "a batch smaller than a piece": (dense, (numbers(10), labels(10))),
    "one example": (dense, (numbers(1), labels(1))),
    "sizes that divide": (dense, (numbers(64), labels(64))),
    "labels of another dtype": (dense, (numbers(N), labels(N, dtype="uint8"))),
    "an embedding": (embedded, (words(N), labels(N))),
    "a dictionary of inputs": (two_inputs, ({"number": numbers(N), "word": words(N)}, labels(N), WEIGHTS)),
    "a regularizer": (lambda: dense(kernel_regularizer="l2"), (numbers(N), labels(N))),
    "a subclassed model": (subclassed, (numbers(N), labels(N))),
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
        assert distance(lesson, dense, (numbers(N), labels(N))) < 1e-6
    finally:
        tf.config.run_functions_eagerly(False)
    assert distance(lesson, dense, (numbers(N), labels(N)), kind=keras.optimizers.Adam, rate=0.001) < 1e-5


def test_fractional_labels_are_not_cut(lesson):
    def make():
        return keras.Sequential([layers.Input((8,)), layers.Dense(1)])

    y = np.random.default_rng(4).random((N, 1)).astype("float32")
    assert distance(lesson, make, (numbers(N), y), keras.losses.MeanSquaredError()) < 1e-6


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
        norm = float(step(numbers(N), labels(N))["norm"])
        at_once(theirs, LOSS, plain, numbers(N), labels(N))
    assert 0.01 < norm < 10, "the norm is that of the gradient, not of the scaled one"
    assert max(np.abs(a - b).max() for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True)) < 1e-3
    before, scale = ours.get_weights(), float(optimizer.dynamic_scale)
    result = step(np.full((N, 8), np.inf, "float32"), labels(N))
    assert int(result["skipped"]) == 1 and float(optimizer.dynamic_scale) == scale / 2
    assert all(np.array_equal(a, b) for a, b in zip(before, ours.get_weights(), strict=True))


def test_a_loss_that_alone_is_not_finite_moves_nothing_in_float16_either(lesson):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = dense()
    finally:
        keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    step = lesson.make_safe_step(model, keras.losses.MeanAbsoluteError(), optimizer, SIZE, CLIP)
    y = numbers(N)[:, :1] * np.ones(model.output_shape[-1], "float32")
    step(numbers(N), y)
    before, scale = model.get_weights(), float(optimizer.dynamic_scale)
    y[3] = np.inf  # its slope is still 1 or -1
    result = step(numbers(N), y)
    assert int(result["skipped"]) == 1 and float(optimizer.dynamic_scale) == scale / 2
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_layers_that_see_or_draw_anew_are_in_training_mode(lesson):
    normalize, drop = layers.BatchNormalization(), layers.Dropout(0.9)
    result = made(lesson, dense(normalize))(numbers(N), labels(N))
    assert np.isfinite(float(result["loss"])) and np.all(normalize.moving_mean.numpy() != 0)
    model = dense(drop)
    losses = [
        float(made(lesson, model, optimizer=keras.optimizers.SGD(0.0))(numbers(N), labels(N))["loss"]) for _ in "ab"
    ]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("extra", [layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)])
def test_a_broken_batch_changes_nothing_and_is_counted(lesson, extra):
    model, optimizer = dense(layers.Dense(6), extra), keras.optimizers.Adam(0.1)
    step = lesson.make_safe_step(model, LOSS, optimizer, SIZE, CLIP)
    broken = numbers(N)
    broken[97, 3] = np.nan  # in the tail
    counts = []
    for x in (numbers(N), broken, broken, numbers(N)):
        before = [variable.numpy() for variable in (*model.variables, *optimizer.variables)]
        result = step(x, labels(N))
        after = [variable.numpy() for variable in (*model.variables, *optimizer.variables)]
        assert (x is broken) == all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        counts.append((int(result["skipped"]), int(result["in_a_row"])))
        assert result["skipped"].dtype == result["in_a_row"].dtype == tf.int64, (
            "XLA on a GPU does not find an int32 one"
        )
    assert counts == [(0, 0), (1, 1), (2, 2), (2, 0)]


def test_a_batch_without_rows_and_a_loss_that_is_nan_are_no_steps(lesson):
    class NanLoss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return tf.stop_gradient(tf.constant(np.nan)) + 0.0 * tf.reduce_sum(y_pred, axis=-1)

    for loss_fn, rows in ((LOSS, 0), (NanLoss(), N)):
        optimizer = keras.optimizers.Adam(0.1)
        result = lesson.make_safe_step(dense(), loss_fn, optimizer, SIZE, CLIP)(numbers(rows), labels(rows))
        assert int(result["skipped"]) == 1 and int(optimizer.iterations) == 0


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("bfloat16", 0.02)])
def test_other_precisions_are_added_up_in_full(lesson, dtype, tolerance):
    keras.config.set_dtype_policy(dtype)
    try:
        assert distance(lesson, lambda: dense(kernel_regularizer="l2"), (numbers(N), labels(N))) < tolerance
    finally:
        keras.config.set_dtype_policy("float32")


def made(lesson, model=None, loss_fn=LOSS, optimizer=None, clip_norm=CLIP):
    return lesson.make_safe_step(model or dense(), loss_fn, optimizer or keras.optimizers.SGD(0.1), SIZE, clip_norm)


def in_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return dense()
    finally:
        keras.config.set_dtype_policy("float32")


CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy
REFUSED = {
    "a sum": ({"loss_fn": CROSS_ENTROPY(from_logits=True, reduction="sum")}, r"keras\.losses\.Loss with the reduction"),
    "no reduction": ({"loss_fn": CROSS_ENTROPY(from_logits=True, reduction=None)}, "with the reduction"),
    "a function": ({"loss_fn": lambda y_true, y_pred: 0.0}, "with the reduction"),
    "a name": ({"loss_fn": "mse"}, "with the reduction"),
    "an ignored class": ({"loss_fn": CROSS_ENTROPY(from_logits=True, ignore_class=1)}, "in place of ignore_class"),
    "no weights yet": ({"model": Subclassed()}, "Build the model first"),
    "no limit": ({"clip_norm": np.inf}, "clip_norm must be positive, and at most 1e30"),
    "a limit of 0": ({"clip_norm": 0}, "clip_norm must be positive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_wrong_is_refused_when_the_step_is_made(lesson, name):
    arguments, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence):
        made(lesson, **arguments)


def test_float16_without_a_scale_is_refused(lesson):
    with pytest.raises(ValueError, match="needs a LossScaleOptimizer"):
        made(lesson, in_half_precision())


def test_several_replicas_are_refused_where_the_step_runs(lesson):
    strategy = two_replicas()
    with strategy.scope():
        model, optimizer = dense(), keras.optimizers.SGD(0.1)
    step = made(lesson, model, optimizer=optimizer)  # outside of the scope
    with pytest.raises(ValueError, match="runs on one replica"):
        strategy.run(step, args=(tf.constant(numbers(N)), tf.constant(labels(N))))


def test_a_part_that_takes_no_part_is_named(lesson):
    class FirstHead(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return LOSS(y_true, y_pred[0], sample_weight)

    body, idle = layers.Input((8,)), layers.Dense(3, name="idle")
    model = keras.Model(body, [layers.Dense(3)(body), idle(body)])
    with pytest.raises(ValueError, match=r"No gradient reaches \['idle/kernel', 'idle/bias'\]: freeze them"):
        made(lesson, model, FirstHead())(numbers(N), labels(N))
    idle.trainable = False
    made(lesson, model, FirstHead())(numbers(N), labels(N))


def test_a_mask_that_reaches_the_loss_is_refused_and_one_that_does_not_is_fine(lesson):
    lookup = [layers.Input((5,), dtype="int32"), layers.Embedding(50, 4, mask_zero=True)]
    with pytest.raises(ValueError, match="A mask reaches the loss"):
        made(lesson, keras.Sequential([*lookup, layers.Dense(3)]))(words(N), words(N) % 3)

    def read():
        return keras.Sequential([*lookup, layers.LSTM(4), layers.Dense(3)])

    assert distance(lesson, lambda: keras.models.clone_model(read()), (words(N), labels(N))) < 1e-6


def test_parts_of_different_length_are_refused(lesson):
    for batch in ((numbers(N), labels(50)), (numbers(N), labels(N), WEIGHTS[:30])):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="differ in length"):
            made(lesson)(*batch)


def test_freezing_after_the_step_was_made_is_noticed(lesson):
    model = dense(layers.Dense(16))
    step = made(lesson, model)
    step(numbers(N), labels(N))
    model.layers[0].trainable = False
    with pytest.raises(ValueError, match="make the step again"):
        step(numbers(N), labels(N))
    frozen = model.layers[0].kernel.numpy()
    made(lesson, model)(numbers(N), labels(N))
    assert np.array_equal(model.layers[0].kernel, frozen)


def safe_model(lesson):
    numbers_in = layers.Input((8,))
    hidden = layers.BatchNormalization()(layers.Dense(16, name="hidden")(numbers_in))
    return lesson.SafeModel(numbers_in, layers.Dense(3)(hidden))


def test_fit_reports_the_epoch_and_leaves_out_what_was_skipped(lesson):
    model, x = safe_model(lesson), numbers(N)
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=LOSS)
    options = {"batch_size": 40, "shuffle": False, "verbose": 0}
    whole = model.fit(x, labels(N), **options).history["loss"][0]
    per_batch = [float(model.safe_step(x[s : s + 40], labels(N)[s : s + 40])["loss"]) for s in range(0, N, 40)]
    assert np.isclose(whole, np.average(per_batch, weights=[40, 40, 20]), rtol=1e-4)
    broken = x.copy()
    broken[95] = np.nan  # in the last batch
    history = model.fit(broken, labels(N), validation_data=(x, labels(N)), **options).history
    assert history["skipped"] == [1] and np.all(np.isfinite([*history["loss"], *history["val_loss"]]))


def test_fit_takes_what_was_compiled_last(lesson):
    model, options = safe_model(lesson), {"epochs": 1, "verbose": 0}
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=LOSS)
    model.fit(numbers(N), labels(N), **options)
    model.get_layer("hidden").trainable = False
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=LOSS)
    before = [weight.copy() for weight in model.get_layer("hidden").get_weights()]
    model.fit(numbers(N), labels(N), **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_layer("hidden").get_weights(), strict=True))
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=LOSS)
    before = [variable.numpy() for variable in model.trainable_variables]
    model.fit(numbers(N), labels(N), **options)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.trainable_variables, strict=True))


def test_one_piece_at_a_time_is_in_memory(lesson):
    hidden = [layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    model = keras.Sequential([layers.Input((28, 28, 1)), *hidden, layers.Dense(3)])
    x, y = tf.zeros((2048, 28, 28, 1)), tf.zeros(2048, tf.int64)
    peaks = []
    for size in (128, 2048):
        step = tf.function(lesson.make_safe_step(model, LOSS, keras.optimizers.SGD(0.1), size, CLIP))
        step.get_concrete_function(x, y)
        peaks.append(peak_bytes(lambda step=step: step(x, y)))
    assert peaks[0] < peaks[1] / 10, "ten at a time would need a fifth"


def test_xla_leaves_assertions_out_as_the_text_says():
    def step(x):
        tf.debugging.assert_less(x, 1.0)
        return x

    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.function(step)(tf.constant(5.0))
    assert float(tf.function(step, jit_compile=True)(tf.constant(5.0))) == 5.0
