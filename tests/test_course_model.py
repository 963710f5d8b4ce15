"""Notebook 10's own step, metric and check in the surroundings of a project: right, or refused in a sentence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, definitions, module_of
from tests.replicas import two_replicas
from utils import trust

layers = keras.layers
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
N, SIZE = 101, 32  # rows and rows of a micro-batch: the remainder has five


@pytest.fixture
def lesson(tmp_path_factory):
    """The functions and classes, as the notebook has them: anew, because Keras changes a class that it builds from
    inputs and outputs, so that it has no subclasses with a `call` of their own afterward.
    """
    parts = definitions(NOTEBOOKS[9])
    names = ["refuse_step", "add_piece", "accumulate", "CourseModel", "smoothed_cross_entropy", "WorseHalf"]
    return module_of([parts[name] for name in names], tmp_path_factory.mktemp("lesson") / "course_model_lesson.py")


def numbers(n=N):
    return np.random.default_rng(0).normal(size=(n, 8)).astype("float32")


def words(n=N):
    return np.random.default_rng(1).integers(1, 50, (n, 5))


def labels(n=N, dtype="int64"):
    return np.random.default_rng(2).integers(0, 3, n).astype(dtype)


WEIGHTS = np.random.default_rng(3).random(N).astype("float32")


def dense(owner, **arguments):
    x = layers.Input((8,))
    return owner(x, layers.Dense(3)(layers.Dense(16, activation="tanh", **arguments)(x)))


def embedded(owner):
    x = layers.Input((5,), dtype="int32")
    return owner(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.Embedding(50, 4)(x))))


def two_inputs(owner):
    x = {"number": layers.Input((8,), name="number"), "word": layers.Input((5,), dtype="int32", name="word")}
    read = layers.GlobalAveragePooling1D()(layers.Embedding(50, 4)(x["word"]))
    return owner(x, layers.Dense(3)(layers.Concatenate()([x["number"], read])))


def subclassed(owner):
    class Own(owner):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = layers.Dense(16, activation="tanh"), layers.Dense(3)

        def call(self, x):
            return self.out(self.hidden(x))

    model = Own()
    model(numbers(1))
    return model


def two_heads(owner):
    x = layers.Input((8,))
    hidden = layers.Dense(6, activation="tanh", kernel_regularizer="l2")(x)
    return owner(x, {"kind": layers.Dense(3, name="kind")(hidden), "size": layers.Dense(1, name="size")(hidden)})


def batch(x=None, y=None, weights=None):
    parts = numbers() if x is None else x, labels() if y is None else y, weights
    return tuple(tf.nest.map_structure(as_tensor, part) for part in parts if part is not None)


def as_tensor(part):
    return None if part is None else tf.constant(part)


BOTH = {"kind": labels(), "size": numbers()[:, :1]}
SURROUNDINGS = {
    "plain": (dense, batch()),
    "sample weights": (dense, batch(weights=WEIGHTS)),
    "fewer rows than a piece": (dense, batch(numbers(10), labels(10))),
    "one row": (dense, batch(numbers(1), labels(1))),
    "rows that divide": (dense, batch(numbers(96), labels(96))),
    "labels of another dtype": (dense, batch(y=labels(dtype="uint8"))),
    "an embedding": (embedded, batch(words())),
    "a dict of inputs": (two_inputs, batch({"number": numbers(), "word": words()}, weights=WEIGHTS)),
    "a regularizer": (lambda owner: dense(owner, kernel_regularizer="l2"), batch()),
    "a subclassed model": (subclassed, batch()),
    "two outputs": (two_heads, batch(y=BOTH)),
    "two outputs, weights for one": (two_heads, batch(y=BOTH, weights={"kind": WEIGHTS, "size": None})),
    "two outputs and their weights": (two_heads, batch(y=BOTH, weights={"kind": WEIGHTS, "size": WEIGHTS})),
}


def compiled(owner, make, kind=keras.optimizers.SGD, rate=0.1, weighted=False, **options):
    keras.utils.set_random_seed(1)
    model = make(owner)
    loss, metrics = LOSS, ["accuracy"]
    if make is two_heads:
        loss, metrics = {"kind": LOSS, "size": "mse"}, {"kind": ["accuracy"], "size": ["mae"]}
    model.compile(kind(rate), loss, weighted_metrics=metrics, **options)
    return model


def both_ways(lesson, make, data, steps=2, run=lambda model, data: model.train_step(data), **options):
    """Take steps from the same weights, in pieces and by Keras; return the largest differences of weights and logs."""
    results = []
    for owner in (lesson.CourseModel, keras.Model):
        model = compiled(owner, make, **options)
        model.micro_batch_size, model.clip_norm = SIZE, 1e9
        for _ in range(steps):
            logs = run(model, data)
        results.append((model.get_weights(), {name: float(value) for name, value in logs.items()}))
    (ours, our_logs), (theirs, their_logs) = results
    assert set(our_logs) == set(their_logs)
    single = {"kind_loss", "size_loss"}  # Keras' own averages over calls, as the docstring says
    gaps = [abs(our_logs[name] - their_logs[name]) for name in our_logs if name not in single]
    return max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)), max(gaps)


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_agrees_with_keras_own_step(lesson, name):
    moved, told = both_ways(lesson, *SURROUNDINGS[name])
    assert moved < 1e-6 and told < 1e-5


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}, {"run_eagerly": True}])
def test_agrees_inside_fit(lesson, options):
    def run(model, data):
        x, y, weights = data
        rows = {"batch_size": 80, "shuffle": False, "verbose": 0}
        return {k: v[-1] for k, v in model.fit(x, y, sample_weight=weights, **rows).history.items()}

    moved, told = both_ways(lesson, embedded, batch(words(), weights=WEIGHTS), run=run, **options)
    assert moved < 1e-5 and told < 1e-4


def test_agrees_with_adam(lesson):
    moved, told = both_ways(lesson, dense, batch(weights=WEIGHTS), kind=keras.optimizers.Adam, rate=0.001)
    assert moved < 1e-5 and told < 1e-4


def test_adam_gets_an_embeddings_gradient_added_up(lesson):
    """Keras' own step hands on the uses of a row one by one, and its Adam squares them before it adds them."""
    ours = compiled(lesson.CourseModel, embedded, keras.optimizers.Adam, 0.001)
    ours.micro_batch_size, ours.clip_norm = SIZE, 1e9
    theirs, optimizer = compiled(keras.Model, embedded), keras.optimizers.Adam(0.001)
    for _ in range(2):
        ours.train_step(batch(words()))
        with tf.GradientTape() as tape:
            loss = LOSS(labels(), theirs(words(), training=True))
        gradients = [tf.convert_to_tensor(part) for part in tape.gradient(loss, theirs.trainable_variables)]
        optimizer.apply_gradients(zip(gradients, theirs.trainable_variables, strict=True))
    assert np.abs(flat(ours) - flat(theirs)).max() < 1e-5


def test_class_weights_arrive(lesson):
    def run(model, data):
        rows = {"batch_size": 80, "shuffle": False, "verbose": 0, "class_weight": {0: 3.0, 1: 0.5, 2: 1.0}}
        return {k: v[-1] for k, v in model.fit(*data, **rows).history.items()}

    moved, told = both_ways(lesson, dense, batch(), run=run)
    assert moved < 1e-6 and told < 1e-5


def test_mixed_precision(lesson):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        moved, told = both_ways(lesson, dense, batch(weights=WEIGHTS))
        model = compiled(lesson.CourseModel, dense)
        model.micro_batch_size, model.clip_norm = SIZE, 0.01
        before = flat(model)
        model.train_step(batch())
    finally:
        keras.config.set_dtype_policy("float32")
    assert moved < 1e-3 and told < 1e-2
    assert np.isclose(np.linalg.norm(flat(model) - before), 0.1 * 0.01, rtol=1e-2), "the scale is not the gradient's"


def flat(model):
    return np.concatenate([np.ravel(variable) for variable in model.trainable_variables])


@pytest.mark.parametrize("rows", [101, 96, 5])
def test_the_whole_is_clipped_once(lesson, rows):
    model = compiled(lesson.CourseModel, dense, rate=1.0)
    model.micro_batch_size, model.clip_norm = SIZE, 0.01
    before = flat(model)
    model.train_step(batch(numbers(rows), labels(rows)))
    assert np.isclose(np.linalg.norm(flat(model) - before), 0.01, rtol=1e-3)


def test_101_rows_are_not_100(lesson):
    far = numbers()
    far[100] = 50.0
    ends = []
    for x in (far, far[:100]):
        model = compiled(lesson.CourseModel, dense)
        model.micro_batch_size, model.clip_norm = 10, 1e9
        model.train_step(batch(x, labels(len(x))))
        ends.append(flat(model))
    assert np.abs(ends[0] - ends[1]).max() > 1e-4


def test_pieces_are_in_the_graph_once(lesson):
    counts = []
    for size in (50, 2):
        model = compiled(lesson.CourseModel, dense)
        model.micro_batch_size = size
        model.train_step(batch())
        graph = tf.function(model.train_step).get_concrete_function(batch()).graph
        counts.append(len(graph.as_graph_def().library.function) + len(graph.get_operations()))
    assert counts[0] == counts[1]


def test_layers_that_draw_or_average_are_in_training_mode(lesson):
    x = layers.Input((8,))
    average, drop = layers.BatchNormalization(), layers.Dropout(0.5)
    model = lesson.CourseModel(x, layers.Dense(3)(drop(average(x))))
    model.compile(keras.optimizers.SGD(0.1), LOSS)
    losses = [float(model.train_step(batch())["loss"]) for _ in range(2)]
    assert np.all(np.isfinite(losses)) and np.all(average.moving_mean.numpy() != 0)


def masked(owner):
    x = layers.Input((5,), dtype="int32")
    return owner(x, layers.Dense(3)(layers.Embedding(50, 4, mask_zero=True)(x)))


def with_idle_layer(owner):
    class Idle(owner):
        def __init__(self):
            super().__init__()
            self.used, self.idle = layers.Dense(3), layers.Dense(3)

        def call(self, x):
            self.idle(x)
            return self.used(x)

    return Idle()


REFUSED = {
    "a sum": (
        dense,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        "mean over the rows",
    ),
    "no reduction": (dense, keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None), "mean over"),
    "an ignored class": (
        dense,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1),
        "ignore_class",
    ),
    "a mask": (masked, LOSS, "A mask reaches the loss"),
    "an idle layer": (with_idle_layer, LOSS, "No gradient reaches"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_wrong_is_refused(lesson, name):
    make, loss, sentence = REFUSED[name]
    model = make(lesson.CourseModel)
    model.compile(keras.optimizers.SGD(0.1), loss)
    x, y = (words(), words() % 3) if make is masked else (numbers(), labels())
    with pytest.raises(ValueError, match=sentence):
        model.train_step(batch(x, y))


def test_several_replicas_are_refused(lesson):
    strategy = two_replicas()
    with strategy.scope():
        model = compiled(lesson.CourseModel, dense)
        model.optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="Each replica would clip for itself"):
        strategy.run(model.train_step, args=(batch(),))


def answers(n=200):
    rng = np.random.default_rng(0)
    return rng.integers(2, size=(n, 1)), rng.normal(size=(n, 1)).astype("float32"), rng.random(n).astype("float32")


def test_the_metric_whatever_the_split_and_the_weights(lesson):
    y_true, y_pred, weights = answers()

    def judge(y_true, y_pred, weights):
        right, yes = (y_pred > 0) == (y_true == 1), y_true[:, 0] == 1
        return min(np.average(right[half, 0], weights=weights[half]) for half in (yes, ~yes))

    assert trust.any_split_agrees(lesson.WorseHalf(), judge, y_true, y_pred, weights)
    metric = lesson.WorseHalf()
    assert float(metric.result()) == 0.0
    metric.update_state(y_true, np.ones_like(y_pred))
    assert float(metric.result()) == 0.0, "always yes"


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16"])
def test_loss_and_metric_take_any_dtype(lesson, dtype):
    y_true, y_pred, _ = answers()
    wanted, metric = lesson.WorseHalf(), lesson.WorseHalf()
    wanted.update_state(y_true, y_pred)
    for labels_as in (bool, "uint8", "float32", dtype):
        metric.reset_state()
        metric.update_state(tf.cast(y_true, labels_as), tf.cast(y_pred, dtype))
        assert np.isclose(metric.result(), wanted.result())
        loss = lesson.smoothed_cross_entropy(tf.cast(y_true, labels_as), tf.cast(y_pred, dtype))
        theirs = keras.losses.binary_crossentropy(y_true, y_pred, from_logits=True, label_smoothing=0.04)
        assert np.allclose(tf.cast(loss, tf.float32), theirs, atol=0.02 if dtype != "float32" else 1e-5)


def reading(*used, scale=1.0, outputs=1):
    x = {"a": layers.Input((3,), name="a"), "b": layers.Input((1,), dtype="string", name="b")}
    word = layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot")(x["b"])
    parts = [{"a": x["a"], "b": word}[name] for name in used]
    joined = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    heads = [layers.Dense(2)(joined) * scale for _ in range(outputs)]
    return keras.Model(x, heads[0] if outputs == 1 else dict(zip("pq", heads, strict=True)))


def rows(n=40):
    return {
        "a": np.random.default_rng(0).normal(size=(n, 3)).astype("float32"),
        "b": np.array([["x"], ["y"]] * (n // 2)),
    }


@pytest.mark.parametrize("options", [{}, {"scale": 1e-5}, {"scale": 1e5}, {"outputs": 2}])
def test_an_input_that_is_not_read_is_found(options):
    assert trust.inputs_that_matter(reading("a", "b", **options), rows()) == ["a", "b"]
    assert trust.inputs_that_matter(reading("a", **options), rows()) == ["a"]
    assert trust.inputs_that_matter(reading("b", **options), rows()) == ["b"]


def test_an_input_that_no_layer_has_is_found():
    x = layers.Input((3,), name="a")
    model = keras.Model([x], layers.Dense(1)(x))
    assert trust.inputs_that_matter(model, {"a": rows()["a"], "tax": rows()["a"]}) == ["a"]


def test_few_rows_that_differ_are_enough_for_three_probes():
    x = rows()
    x["a"][1:] = x["a"][0] + 1
    assert trust.inputs_that_matter(reading("a", "b"), x) == ["a", "b"]


def test_an_exchange_that_makes_answers_nan_is_seen():
    a, b = layers.Input((1,), name="a"), layers.Input((1,), name="b")
    share = layers.Lambda(lambda parts: parts[0] / (parts[0] + parts[1]))([a, b])
    x = {"a": np.float32([[0], [0], [1], [2]]), "b": np.float32([[1], [2], [0], [0]])}
    assert trust.inputs_that_matter(keras.Model({"a": a, "b": b}, share), x) == ["a", "b"]


def test_answers_that_are_nan_are_no_answers():
    x = rows()
    x["a"][3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        trust.inputs_that_matter(reading("a", "b"), x)
