"""Notebook 2's `LoopModel` in the surroundings of a project: it agrees with Keras' own step, and faults are seen."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, definitions, module_of
from tests.replicas import two_replicas
from utils import trust

layers = keras.layers
ROWS, BATCH = 48, 16


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The classes, as the notebook has them."""
    parts = definitions(NOTEBOOKS[1])
    names = ["Reporting", "LoopSteps", "LoopModel"]
    return module_of([parts[name] for name in names], tmp_path_factory.mktemp("lesson") / "loop_model_lesson.py")


@pytest.mark.parametrize("kind", ["adam", "loss scale"])
def test_resume_is_exact(kind, tmp_path):
    """What notebook 2 saves is all that the next step depends on, a loss scale included."""
    names = ["parts_of", "make_train_step", "update"]
    parts = definitions(NOTEBOOKS[1])
    lesson = module_of([parts[name] for name in names], tmp_path / "resume_lesson.py")
    lesson.loss_fn = keras.losses.MeanSquaredError()

    def losses(folder, epochs, seed):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([layers.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])
        optimizer, epoch = keras.optimizers.Adam(0.01), tf.Variable(0)
        if kind == "loss scale":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**4, dynamic_growth_steps=2)
        state = tf.train.Checkpoint(**lesson.parts_of(model, optimizer, epoch))
        manager = tf.train.CheckpointManager(state, folder, max_to_keep=1)
        if manager.latest_checkpoint:
            state.restore(manager.latest_checkpoint).assert_consumed()
        train_step, said = lesson.make_train_step(model, optimizer), []
        while epoch < epochs:
            said.append(float(train_step(NUMBERS, ABOVE)))
            epoch.assign_add(1)
            manager.save()
        return said + [float(np.sum(np.abs(w))) for w in model.get_weights()]

    whole = losses(tmp_path / "whole", 6, seed=1)
    first = losses(tmp_path / "parts", 3, seed=1)
    assert whole == first[:3] + losses(tmp_path / "parts", 6, seed=2)


def variant(lesson, **methods):
    """A model with the notebook's steps, some of them replaced."""
    return type("Variant", (type("Steps", (lesson.LoopSteps,), methods), keras.Model), {})


NUMBERS = np.random.default_rng(0).normal(size=(ROWS + 4, 3)).astype("float32")
WORDS = np.random.default_rng(1).integers(0, 6, (ROWS + 4, 2))
ABOVE = (NUMBERS[:, :1] + NUMBERS[:, 1:2] > 0).astype("float32")
SHARES = np.linspace(0.1, 2.0, ROWS).astype("float32")


def one_input(model_class, middle):
    number = layers.Input((3,))
    return model_class(number, layers.Dense(1)(middle(number)))


def dict_of_inputs(model_class, middle):
    number, word = layers.Input((3,), name="number"), layers.Input((2,), dtype="int32", name="word")
    joined = layers.Concatenate()([number, layers.Flatten()(layers.Embedding(6, 2)(word))])
    return model_class({"number": number, "word": word}, layers.Dense(1)(middle(joined)))


def subclassed(model_class, middle):
    """A model with a call of its own, without the argument `training`."""
    steps = [base for base in model_class.__mro__[1:] if base.__name__ in ("Steps", "LoopSteps")][:1]

    class Own(*steps, keras.Model):
        def __init__(self):
            super().__init__()
            self.middle, self.out = middle, layers.Dense(1)

        def call(self, x):
            return self.out(self.middle(x))

    model = Own()
    model(NUMBERS)
    return model


def fitted(model_class, optimizer="sgd", make=one_input, middle=None, rows=ROWS, scope=None, policy="float32", **fit):
    """Fit for two epochs; return the weights, the history, what evaluate says and what predict gives."""
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(1)
        with scope() if scope else contextlib.nullcontext():
            model = make(model_class, middle() if middle else layers.Dense(4, activation="tanh"))
            rule = {"sgd": lambda: keras.optimizers.SGD(0.1), "adam": lambda: keras.optimizers.Adam(0.01)}[optimizer]()
            labels = fit.pop("labels", "float32")
            loss = fit.pop("loss", "mse")
            model.compile(rule, loss, metrics=["mae"], jit_compile=fit.pop("jit_compile", False))
        x = {"number": NUMBERS[:rows], "word": WORDS[:rows]} if make is dict_of_inputs else NUMBERS[:rows]
        y = ABOVE[:rows].astype(labels)
        history = model.fit(x, y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0, **fit).history
        said = model.evaluate(x, y, batch_size=BATCH, verbose=0)
        predicted = model.predict(x, batch_size=BATCH, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
    return weights, np.concatenate([history[name] for name in sorted(history)]), np.array(said), predicted


def apart(first, second):
    """The largest difference between two runs, relative to their size; infinite where they report other things."""
    if any(a.shape != b.shape for a, b in zip(first, second, strict=True)):
        return np.inf
    return max(np.abs(a - b).max() / max(1, np.abs(b).max()) for a, b in zip(first, second, strict=True))


def bounded():
    return layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.1), kernel_constraint="non_neg")


def noisy():
    return keras.Sequential([layers.GaussianNoise(0.5), layers.Dropout(0.5, seed=3)])


# The faults: each is the notebook's step with one line missing or wrong.


def train_by(lesson, *, flag=True, scaled=True, apply=None, weighted=True, add=False):
    def train_step(self, batch):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=flag)
            loss = self.compute_loss(x, y, y_pred, weight if weighted else None)
            loss = loss + sum(self.losses) if add else loss
            target = self.optimizer.scale_loss(loss) if scaled else loss
        gradients = tape.gradient(target, self.trainable_variables)
        (apply or type(self.optimizer).apply)(self.optimizer, gradients, self.trainable_variables)
        return self.report(x, y, y_pred, weight, loss)

    return variant(lesson, train_step=train_step)


def report_by(lesson, rows=True, replicas=True):
    def report(self, x, y, y_pred, sample_weight, loss):
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        count = tf.distribute.get_strategy().num_replicas_in_sync if replicas else 1
        tracker.update_state(loss * count, sample_weight=tf.shape(y)[0] if rows else None)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    return variant(lesson, report=report)


def length_of_x(lesson):
    def report(self, x, y, y_pred, sample_weight, loss):
        next(m for m in self.metrics if m.name == "loss").update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)

    return variant(lesson, report=report)


def assign_by_hand(optimizer, gradients, variables):
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign_sub(0.1 * tf.convert_to_tensor(gradient))


def sparse_by_hand(optimizer, gradients, variables):
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign_sub(0.1 * gradient)


def value_in_python(optimizer, gradients, variables):
    tf.py_function(lambda *_: None, gradients, [])
    optimizer.apply(gradients, variables)


def in_training_mode(lesson):
    def test_step(self, batch):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        y_pred = self(x, training=True)
        return self.report(x, y, y_pred, weight, self.compute_loss(x, y, y_pred, weight))

    return variant(lesson, test_step=test_step)


ROWS_OF_THE_TABLE = {
    "plain": ({}, lambda lesson: train_by(lesson, apply=lambda *_: None)),
    "a ragged last batch": ({"rows": ROWS + 4}, lambda lesson: report_by(lesson, rows=False)),
    "sample_weight": ({"sample_weight": SHARES}, lambda lesson: train_by(lesson, weighted=False)),
    "class_weight": ({"class_weight": {0: 1.0, 1: 5.0}}, lambda lesson: train_by(lesson, weighted=False)),
    "mixed_float16": ({"policy": "mixed_float16"}, lambda lesson: train_by(lesson, scaled=False)),
    "two replicas": ({"scope": lambda: two_replicas().scope()}, lambda lesson: report_by(lesson, replicas=False)),
    "random layers": ({"middle": noisy}, lambda lesson: train_by(lesson, flag=None)),
    "batch normalization": ({"middle": layers.BatchNormalization}, lambda lesson: train_by(lesson, flag=False)),
    "evaluation": ({"middle": layers.BatchNormalization}, in_training_mode),
    "regularizers": ({"middle": bounded}, lambda lesson: train_by(lesson, add=True)),
    "constraints": ({"middle": bounded}, lambda lesson: train_by(lesson, apply=assign_by_hand)),
    "Embedding": ({"make": dict_of_inputs}, lambda lesson: train_by(lesson, apply=sparse_by_hand)),
    "dict inputs": ({"make": dict_of_inputs}, length_of_x),
    "XLA": ({"jit_compile": True}, lambda lesson: train_by(lesson, apply=value_in_python)),
    "a subclassed model": ({"make": subclassed}, lambda lesson: train_by(lesson, apply=lambda *_: None)),
    "labels of another type": ({"labels": "int64", "loss": "binary_crossentropy"}, None),
    "validation": ({"validation_split": 0.25}, None),
}


WITH_ADAM = ["a ragged last batch", "sample_weight", "mixed_float16", "Embedding"]


def test_a_loss_of_your_own_is_told_whether_it_is_training(lesson):
    told = []

    class Own(lesson.LoopSteps, keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            told.append(training)
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    model = one_input(Own, layers.Dense(4))
    model.compile("sgd", "mse")
    for run, expected in ((model.fit, {True}), (model.evaluate, {False})):
        told.clear()
        run(NUMBERS, ABOVE, verbose=0)
        assert set(told) == expected


@pytest.mark.parametrize(
    ("name", "optimizer"), [*((name, "sgd") for name in ROWS_OF_THE_TABLE), *((name, "adam") for name in WITH_ADAM)]
)
def test_it_agrees_with_keras(lesson, name, optimizer):
    options, _ = ROWS_OF_THE_TABLE[name]
    mine, by_keras = (fitted(model_class, optimizer, **options) for model_class in (lesson.LoopModel, keras.Model))
    assert apart(mine, by_keras) < 1e-5


@pytest.mark.parametrize("name", [name for name, (_, fault) in ROWS_OF_THE_TABLE.items() if fault])
def test_a_fault_is_seen(lesson, name):
    options, fault = ROWS_OF_THE_TABLE[name]
    by_keras = fitted(keras.Model, **options)
    try:
        wrong = fitted(fault(lesson), **options)
    except (TypeError, ValueError, tf.errors.OpError):
        return  # it raises, which nobody overlooks
    assert apart(wrong, by_keras) > 1e-3


def test_a_class_that_was_used_with_inputs_and_outputs_is_no_base(lesson):
    one_input(lesson.LoopModel, layers.Dense(2))
    with pytest.raises(TypeError, match="inputs"):
        type("Derived", (lesson.LoopModel,), {})()
    assert isinstance(type("Beside", (lesson.LoopSteps, keras.Model), {})(), keras.Model)


# The habits of the notebook, on the faults that they are named for and on healthy twins.


def normed(*extra):
    return keras.Sequential([layers.Input((3,)), layers.Dense(4), *extra, layers.Dense(1)])


@pytest.mark.parametrize("layer", [layers.Dropout(0.5), layers.GaussianNoise(0.5), layers.BatchNormalization()])
def test_chance_and_company_show(layer):
    model = normed(layer)
    model(NUMBERS, training=True)
    assert trust.change_in_company(lambda x: model(x, training=True), NUMBERS) > 1e-3
    assert trust.change_in_company(lambda x: model(x, training=False), NUMBERS) < 1e-4
    assert trust.change_in_company(lambda x: model.predict(x, verbose=0), NUMBERS) < 1e-4


def test_company_of_a_dict():
    model = dict_of_inputs(keras.Model, layers.BatchNormalization())
    x = {"number": NUMBERS, "word": WORDS}
    assert trust.change_in_company(lambda x: model(x, training=True), x) > 1e-3
    assert trust.change_in_company(lambda x: model(x, training=False), x) < 1e-4


class Hidden(keras.Model):
    """One weight of a hundred is in a plain variable."""

    def __init__(self, seen):
        super().__init__()
        self.dense = layers.Dense(1)
        self.scale = self.add_weight(shape=(), initializer="ones") if seen else tf.Variable(1.0, name="scale")

    def call(self, x):
        return self.scale * self.dense(x)


def test_untracked_weights_are_named():
    assert trust.untracked(Hidden(seen=False), NUMBERS) == ["scale"]
    assert trust.untracked(Hidden(seen=True), NUMBERS) == []


@pytest.mark.parametrize("make", [one_input, dict_of_inputs])
def test_tracked_weights_are_known_also_on_two_devices(make):
    with two_replicas().scope():
        model = make(keras.Model, layers.BatchNormalization())
    x = {"number": NUMBERS, "word": WORDS} if make is dict_of_inputs else NUMBERS
    assert trust.untracked(model, x) == []
