"""Whose an error is: the check's, the reader's, or a library's that the reader called."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from utils.checks import errors

LIBRARY = str(Path(np.__file__).parents[1] / "keras" / "planted.py")


def passing(*files):
    """Return an error that passed one frame in each of these files, from the call to where it arose."""
    names = {}
    for file in reversed(files):
        source = "def call():\n    inner()" if names else "def call():\n    raise ValueError('planted')"
        names = {"inner": names.get("call")}
        exec(compile(source, file, "exec"), names)
    try:
        names["call"]()
    except ValueError as problem:
        problem.__traceback__ = problem.__traceback__.tb_next  # without the frame of this file
        return problem


CHECK, READER = str(errors.CHECKS / "planted.py"), str(Path.home() / "planted.py")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ((CHECK,), True),
        ((CHECK, CHECK), True),
        ((CHECK, LIBRARY), False),
        ((CHECK, LIBRARY, LIBRARY), False),
        ((CHECK, LIBRARY, CHECK), True),
        ((CHECK, READER), False),
        ((CHECK, READER, LIBRARY), False),
        ((LIBRARY, str(errors.CHECKS.parent / "planted.py")), False),
    ],
)
def test_an_error_is_born_in_a_check_unless_it_passed_the_reader_or_a_library_behind_it(files, wanted):
    assert errors.born_in_check(passing(*files)) is wanted


def restored(into, saved):
    with tempfile.TemporaryDirectory() as folder:
        tf.train.Checkpoint(kept=into).restore(tf.train.Checkpoint(kept=saved).save(f"{folder}/kept"))


def slope(f, x, times=1):
    with tf.GradientTape() as tape:
        y = f(x)
    slopes = [tape.gradient(y, x) for _ in range(times)]
    return slopes[0]


def slope_of_a_slope(f, x):
    return slope(lambda x: slope(f, x), x)


def endless():
    return endless()


def of_any_size(f):
    return tf.function(f, input_signature=[tf.TensorSpec((None, 3))])(tf.ones((2, 3)))


def said_on_a_gpu(words):
    raise tf.errors.InvalidArgumentError(None, None, words)


def of_own_class():
    class OwnModel(tf.keras.Model):
        def call(self, x):
            return x

    return OwnModel()


TWO, ONES = tf.Variable(2.0), tf.Variable(tf.ones((1, 2, 2, 3)))
STEPS = tf.keras.optimizers.SGD().iterations
without_a_way_back = tf.custom_gradient(lambda x: x)
# Code that goes wrong as learners' code does, and a piece of what is said of it.
CAUSED = [
    (lambda: undefined, "not defined in this kernel"),  # noqa: F821
    (lambda: sys.exit(), "end a program"),
    (endless, "calls itself"),
    (lambda: compile("x = (", "cell", "exec"), "cannot read the code"),
    (lambda: compile(" x = 1", "cell", "exec"), "cannot read the code"),
    (lambda: np.empty(2**60, "uint8"), "does not fit into memory"),
    (lambda: slope(lambda x: x, TWO, times=2), "answers once"),
    (lambda: slope(TWO), "does not take"),
    (lambda: slope(TWO, TWO, TWO, TWO), "does not take"),
    (lambda: slope(TWO, y=TWO), "does not take"),
    (lambda: tf.reduce_sum(TWO, axes=0), "does not take"),
    (lambda: tf.keras.metrics.Mean().add_weight("total", initializer="zeros"), "in front of the name"),
    (lambda: tf.keras.metrics.Mean().add_weight("total", shape=(), initializer="zeros"), "in front of the name"),
    (lambda: tf.keras.layers.Dense(1).add_weight("total", shape=()), "in front of the name"),
    (lambda: tf.keras.Input("total"), "in front of the name"),
    (lambda: tf.keras.layers.Embedding(3, 2)(np.int32([3])), "outside its table"),
    (lambda: restored(tf.Variable(0.0), tf.Variable([1.0])), "A checkpoint does not fit"),
    (lambda: restored(tf.Variable(0.0), tf.Variable(1)), "A checkpoint does not fit"),
    (lambda: TWO * None, "an argument such as sample_weight"),
    (lambda: TWO + None, "a gradient that nothing connects"),
    (lambda: None.numpy(), "a gradient that nothing connects"),
    (lambda: of_any_size(lambda x: tf.reshape(x, x.shape)), "a size that is not known yet"),
    (lambda: of_any_size(lambda x: tf.ones((x.shape[0],))), "a size that is not known yet"),
    (lambda: of_any_size(lambda x: x / x.shape[0]), "a size that is not known yet"),
    (lambda: slope_of_a_slope(tf.nn.local_response_normalization, ONES), "no registered gradient"),
    (lambda: tf.keras.optimizers.SGD().apply_gradients([(None, TWO)]), "Every gradient is None"),
    (lambda: tf.ones(3) + tf.ones(2), "Two shapes"),
    (lambda: tf.stack([tf.ones(3), tf.ones(2)]), "Two shapes"),
    (lambda: tf.ones((2, 3)) @ tf.ones((2, 3)), "Two shapes"),
    (lambda: tf.function(lambda x: x @ x)(tf.ones((2, 3))), "Two shapes"),
    (lambda: said_on_a_gpu("required broadcastable shapes"), "Two shapes"),
    (lambda: np.ones(3) + np.ones(2), "Two shapes"),
    (lambda: np.ones((2, 3)) @ np.ones((2, 3)), "Two shapes"),
    (lambda: np.dot(np.ones(3), np.ones(2)), "Two shapes"),
    (lambda: np.ones(3).reshape(2, 2), "Two shapes"),
    (lambda: tf.reshape(tf.ones(3), (2, 2)), "Two shapes"),
    (lambda: TWO.assign(tf.ones(2)), "Two shapes"),
    (lambda: tf.sqrt(tf.constant(4)), "An integer tensor"),
    (lambda: tf.square(tf.constant(True)), "A bool tensor stands"),
    (lambda: tf.where(TWO, TWO > 1, TWO), "argument of tf.where"),
    (
        lambda: tf.function(tf.square, input_signature=[None, tf.TensorSpec(())]),
        "a tf.TensorSpec(shape, dtype) for each",
    ),
    (lambda: tf.gather(tf.ones(3), 1.0), "A floating-point tensor"),
    (lambda: tf.one_hot(tf.constant(1.0, tf.float64), 3), "A floating-point tensor"),
    (lambda: tf.one_hot(tf.constant(1, tf.uint16), 3), "integers of this dtype"),
    (lambda: tf.GradientTape().watch(np.ones(2)), "The tape follows"),
    (lambda: tf.GradientTape().watch(tf.keras.Variable(1.0)), "of a Keras variable take its .value"),
    (lambda: slope(tf.square, np.ones(2)), "is no tensor, and a NumPy or Python value"),
    (lambda: slope(lambda x: tf.keras.Model(), TWO), "is no tensor"),
    (lambda: tf.constant(1.0) + (lambda x: x), "A function came"),
    (lambda: without_a_way_back(tf.constant(1.0)), "One tensor came where several things"),
    (lambda: without_a_way_back(tf.ones(2)), "One tensor came where several things"),
    (lambda: [*tf.constant(1)], "One tensor came where several things"),
    (lambda: tf.constant(1) * tf.constant(1.0), "Two dtypes"),
    (lambda: tf.constant(1) == tf.constant(1, tf.int64), "Two dtypes"),
    (lambda: tf.nn.sigmoid_cross_entropy_with_logits(tf.ones(2), tf.ones(2, tf.float16)), "Two dtypes"),
    (lambda: tf.constant(1.0) * tf.constant(1), "Two dtypes"),
    (lambda: tf.constant(1.0, tf.float64) * tf.constant(1.0), "Two dtypes"),
    (lambda: of_own_class().inputs, "does not know its inputs"),
    (lambda: of_own_class().output, "does not know its inputs"),
    (lambda: slope(lambda table: tf.gather(table, [0]), tf.Variable(tf.ones((3, 1)))) ** 2, "tf.IndexedSlices"),
    (lambda: tf.sqrt(tf.keras.Input((1,))), "functional model"),
    (lambda: np.sqrt(tf.keras.Input((1,))), "functional model"),
    (lambda: tf.function(lambda: TWO.numpy())(), "A variable has no value"),
    (lambda: tf.function(lambda: tf.function(tf.square)(STEPS))(), "Leave the decorator out"),
    (lambda: tf.function(lambda x: x.numpy())(tf.ones(2)), "while tf.function is tracing"),
    (lambda: tf.function(lambda x: np.sum(x))(tf.ones(2)), "while tf.function is tracing"),
]


@pytest.mark.parametrize(("make", "cause"), CAUSED)
def test_the_cause_of_an_error_is_told(make, cause):
    with pytest.raises((Exception, SystemExit)) as raised:
        make()
    assert cause in errors.cause(raised.value), errors.told(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [].reshape(1),
        lambda: [].broadcast_to,
        lambda: tf.keras.Model(1, 2),
        lambda: tf.keras.Variable(np.zeros, shape=(2.5,)),
    ],
)
def test_no_cause_is_better_than_a_wrong_one(make):
    with pytest.raises((AttributeError, ValueError)) as raised:
        make()
    assert errors.cause(raised.value) == ""


def test_every_cause_is_told_of_some_error():
    of_the_check = {errors._SIGNATURE}  # the sentence on a call stands for it where the code is the reader's
    told = {cause for cause in errors.CAUSES.values() for _, part in CAUSED if part in cause}
    assert set(errors.CAUSES.values()) - told == of_the_check


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: tf.keras.metrics.Mean().add_weight(name="total"), 'initializer="zeros"'),
        (lambda: tf.constant(1.0) + None, "a gradient that nothing connects"),
    ],
)
def test_a_state_without_an_initializer_is_not_taken_for_a_lost_gradient(make, cause):
    with pytest.raises((ValueError, TypeError)) as raised:
        make()
    assert cause in errors.cause(raised.value)
