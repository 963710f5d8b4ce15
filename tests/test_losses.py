"""The losses of notebook 03, taken from its cells: saved and reloaded by a fresh process, stable, with right slopes."""

import ast
import json
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tests.environment import run_python
from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils.checks.engine import central_difference

NOTEBOOK = next(path for path in NOTEBOOKS if path.stem.startswith("03"))
X = np.linspace(-1, 1, 6, dtype="float32")[:, np.newaxis]
Y = np.float32([[1], [0], [1], [1], [0], [0]])

# What the fresh process does: it knows the losses by importing them, and the models by their files.
PROGRAM = """
import json, numpy, tensorflow as tf
import losses

fixed, values = numpy.load("data.npz"), {}
for name in json.load(open("names.json")):
    model = tf.keras.models.load_model(f"{name}.keras", custom_objects=vars(losses))
    values[name] = model.evaluate(fixed["x"], fixed["y"], verbose=0)
print(json.dumps(values))
"""


def is_loss(node: ast.stmt) -> bool:
    """Tell whether a definition is a loss class or a loss function."""
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base).endswith("losses.Loss") for base in node.bases)
    return isinstance(node, ast.FunctionDef) and [argument.arg for argument in node.args.args[:1]] == ["y_true"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("losses")


@pytest.fixture(scope="module")
def losses(folder):
    return module_of([node for node in definitions(NOTEBOOK).values() if is_loss(node)], folder / "losses.py")


def all_that_compile(losses) -> dict:
    """Return every loss of the notebook that is meant to be right and takes labels and predictions."""
    classes = [losses.CustomMSE(), losses.Quantiles([0.05, 0.5, 0.95], reduction="sum"), losses.GaussianNLL()]
    functions = [losses.custom_mse, losses.huber, losses.pinball, losses.stable_bce, losses.focal]
    return {type(loss).__name__: loss for loss in classes} | {loss.__name__: loss for loss in functions}


NEEDS_MORE = {
    "masked_mse",
    "beyond",
    "Packed",
    "Contrastive",
    "SecondsLate",
}  # than a column of labels: tested elsewhere


def compiled(loss, outputs):
    model = tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Dense(outputs)])
    model.compile("sgd", loss=loss)
    model.optimizer.build(model.trainable_variables)
    return model


def test_every_loss_of_the_notebook_is_known_here(losses):
    shown_wrong = {"BatchMSE", "PlainMSE", "Tilted", "HalfMended"}
    shown_wrong |= {"plain_mse", "book_bce", "keras_bce", "double_sigmoid", "with_mistakes", "with_closure"}
    helpers = {"logits_bce", "weighted_bce", "with_penalty"}  # they call other losses
    own = {name for name, value in vars(losses).items() if getattr(value, "__module__", "") == "losses"}
    assert own == {*all_that_compile(losses)} | NEEDS_MORE | shown_wrong | helpers


def test_a_fresh_process_reloads_every_loss(losses, folder):
    expected = {}
    for name, loss in all_that_compile(losses).items():
        model = compiled(loss, outputs=3 if name == "Quantiles" else 1)
        expected[name] = model.evaluate(X, Y, verbose=0)
        model.save(folder / f"{name}.keras")
    np.savez(folder / "data.npz", x=X, y=Y)
    folder.joinpath("names.json").write_text(json.dumps(list(expected)), encoding="utf-8")
    reloaded = json.loads(run_python(PROGRAM, cwd=folder).splitlines()[-1])
    assert reloaded.keys() == expected.keys()
    for name, value in expected.items():
        assert np.isclose(reloaded[name], value, rtol=1e-6, atol=1e-6), name


def test_the_trap_is_still_a_trap(losses, tmp_path):
    compiled(losses.Tilted(0.9), outputs=1).save(tmp_path / "tilted.keras")
    for custom_objects in (None, vars(losses)):
        with pytest.raises(TypeError):
            tf.keras.models.load_model(tmp_path / "tilted.keras", custom_objects=custom_objects)


def per_example(losses) -> dict:
    """Return for each loss a function of labels and predictions in float64, and the number of outputs."""
    cases = {
        name: (loss.call if isinstance(loss, tf.keras.losses.Loss) else loss)
        for name, loss in all_that_compile(losses).items()
    }
    for gamma in (0.0, 0.5, 3.0):
        cases[f"focal {gamma}"] = partial(losses.focal, gamma=gamma)
    cases["huber 0.3"], cases["pinball 0.9"] = partial(losses.huber, delta=0.3), partial(losses.pinball, tau=0.9)
    mask = tf.constant(Y > 0)
    cases["masked_mse"] = lambda y_true, y_pred: losses.masked_mse(y_true, y_pred, mask)
    return cases


def in_float64(loss, name):
    y_true = tf.constant(Y, tf.float64)
    rng = np.random.default_rng()
    point = rng.uniform(-2, 2, (6, 3 if name == "Quantiles" else 1))
    point[np.abs(point - Y) < 0.01] += 0.1  # away from the kink of the pinball loss
    return (lambda y_pred: tf.reduce_sum(loss(y_true, y_pred))), point


def gradient(f, point):
    point = tf.constant(point)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = f(point)
    return value, tape.gradient(value, point)


def test_gradients_are_slopes(losses):
    cases = per_example(losses)
    assert len(cases) > 10
    for name, loss in cases.items():
        if name == "masked_mse":  # its `tf.where` takes float32, as its card says; its slopes are judged by its check
            continue
        f, point = in_float64(loss, name)
        assert np.allclose(gradient(f, point)[1], central_difference(f, point), atol=1e-6), name


def test_extreme_predictions_give_finite_losses_and_gradients(losses):
    for name, loss in per_example(losses).items():
        extreme = np.float32([[1e4], [-1e4], [-1e4], [300], [300], [0]])
        extreme = np.tile(extreme, 3) if name == "Quantiles" else extreme
        value, slopes = gradient(lambda y_pred, loss=loss: tf.reduce_sum(loss(tf.constant(Y), y_pred)), extreme)
        assert np.isfinite(value) and np.all(np.isfinite(slopes)), name


def test_a_weight_of_zero_is_absence(losses):
    weights = np.float32([1, 1, 1, 0, 0, 0])
    y_pred = np.float32([[0.3], [-2], [4], [50], [-70], [9]])

    def respects_weights(loss):
        weighted = 6 * loss(Y, y_pred, sample_weight=weights)
        return np.isclose(weighted, 3 * loss(Y[:3], y_pred[:3]), rtol=1e-5)

    assert respects_weights(losses.CustomMSE()) and respects_weights(losses.GaussianNLL())
    assert not respects_weights(losses.BatchMSE()), "the notebook says that this one is wrong"


def test_faults_are_caught(losses):
    point = np.float32([[1e4], [-1e4], [-1e4], [300], [300], [0]])
    value, slopes = gradient(lambda logits: tf.reduce_sum(losses.book_bce(tf.constant(Y), logits)), point)
    assert not np.isfinite(value) and not np.all(np.isfinite(slopes))
    f, point = in_float64(lambda y_true, y_pred: tf.square(tf.stop_gradient(y_pred) - y_true) * y_pred, "fault")
    assert not np.allclose(gradient(f, point)[1], central_difference(f, point), atol=1e-6)
