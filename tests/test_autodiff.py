"""What notebook 1 hands over, in the surroundings of a project: its habits fire on their faults, and only there."""

import ast

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils.trust import unreached

layers = keras.layers


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The notebook's functions, as it has them."""
    parts = definitions(NOTEBOOKS[0])
    names = ["central_difference", "gradient_of", "three_ways", "sinc", "root_single", "root_double", "Scalar"]
    names += ["as_scalar", "backward", "journey", "share_that_differs"]
    (itertools,) = ast.parse("import itertools").body
    file = tmp_path_factory.mktemp("lesson") / "autodiff_lesson.py"
    module = module_of([itertools, *(parts[name] for name in names)], file)
    module.Scalar.__radd__, module.Scalar.__rmul__ = module.Scalar.__add__, module.Scalar.__mul__
    return module


class Subclassed(keras.Model):
    """Words by way of a table, with batch normalization and dropout."""

    def __init__(self):
        super().__init__()
        self.table, self.norm = layers.Embedding(7, 4), layers.BatchNormalization()
        self.drop, self.out = layers.Dropout(0.5, seed=1), layers.Dense(1, activation="tanh")

    def call(self, x, training=False):
        return self.out(self.drop(self.norm(tf.reduce_mean(self.table(x), axis=1)), training=training))


WORDS = tf.constant([[1, 4, 1], [2, 2, 0], [6, 5, 3], [1, 1, 1]])


def gradients_of(model, x, variables=None, cut=lambda y: y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(cut(model(x)) ** 2)
    variables = model.trainable_variables if variables is None else variables
    return tape.gradient(loss, variables), variables


# unreached


@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "XLA"])
def test_unreached_is_silent_on_a_healthy_model(compiled):
    model = Subclassed()
    model(WORDS)
    found = []

    def look():
        found.append(unreached(*gradients_of(model, WORDS)))

    look() if compiled is None else tf.function(look, jit_compile=compiled)()
    assert found == [[]]


@pytest.mark.parametrize(
    "cut",
    [
        lambda y: tf.stop_gradient(y),
        lambda y: tf.constant(y.numpy()),
        lambda y: tf.round(y),
        lambda y: tf.cast(tf.cast(y, tf.int32), tf.float32),
    ],
    ids=["stop", "NumPy", "round", "integer"],
)
def test_unreached_names_each_variable_behind_a_cut(cut):
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2, name="hidden"), layers.Dense(1, name="out")])
    found = unreached(*gradients_of(model, tf.ones((2, 3)), cut=cut))
    assert [name.split("/", 1)[-1] for name in found] == ["hidden/kernel", "hidden/bias", "out/kernel", "out/bias"]


def test_unreached_names_the_part_that_is_not_used():
    used, forgotten = tf.Variable(1.0, name="used"), keras.Variable(1.0, name="forgotten")
    with tf.GradientTape() as tape:
        loss = used**2
    assert unreached(tape.gradient(loss, [used, forgotten]), [used, forgotten]) == ["forgotten"]


def test_unreached_refuses_what_it_cannot_answer():
    with pytest.raises(AssertionError, match="no variables"):
        unreached([], [])
    with pytest.raises(ValueError, match="zip"):
        unreached([tf.constant(1.0)], [tf.Variable(1.0), tf.Variable(2.0)])


# variables


def test_a_subtraction_in_place():
    variable = tf.Variable(2.0)
    with pytest.raises(RuntimeError, match="not supported"):
        variable -= 0.4
    variable = keras.Variable(2.0)
    variable -= 0.4
    assert not isinstance(variable, keras.Variable)
    variable = keras.Variable(2.0)
    variable.assign_sub(0.4)
    assert isinstance(variable, keras.Variable) and np.isclose(variable.numpy(), 1.6)


def test_a_tape_watches_the_variable_inside_a_keras_variable():
    layer = layers.Dense(1)
    layer.build((None, 2))
    layer.trainable = False
    with tf.GradientTape() as tape, pytest.raises(ValueError, match="Passed in object"):
        tape.watch(layer.kernel)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(layer.kernel.value)
        loss = tf.reduce_sum(layer(tf.ones((3, 2))))
    assert np.allclose(tape.gradient(loss, layer.kernel), 3.0)
    assert not layer.kernel.trainable and layer.kernel.value.trainable


# guards


def test_guards_three_ways(lesson):
    at_zero = {
        f.__name__: [float(lesson.gradient_of(run, tf.constant(0.0))) for run in lesson.three_ways(f).values()]
        for f in (lesson.sinc, lesson.root_single, lesson.root_double)
    }
    assert at_zero["sinc"] == at_zero["root_double"] == [0, 0, 0]
    assert at_zero["root_single"][:2] == [0, 0] and np.isnan(at_zero["root_single"][2])


# a model in float64


@pytest.mark.parametrize("make", [Subclassed, lambda: keras.Sequential([layers.Embedding(7, 2), layers.Flatten()])])
def test_a_model_in_float64_is_judged_in_every_weight(make):
    model = make()
    model(WORDS)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        precise = make()
        precise(WORDS)
    finally:
        keras.config.set_dtype_policy(policy)
    precise.set_weights(model.get_weights())
    gradients, variables = gradients_of(precise, WORDS)
    assert {variable.dtype for variable in variables} == {"float64"}
    for gradient, variable in zip(gradients, variables, strict=True):
        start, slopes = variable.numpy(), np.zeros(variable.shape)
        for index in np.ndindex(*variable.shape):
            sides = []
            for h in (1e-5, -1e-5):
                nudged = start.copy()
                nudged[index] += h
                variable.assign(nudged)
                sides.append(float(tf.reduce_mean(precise(WORDS) ** 2)))
            slopes[index] = (sides[0] - sides[1]) / 2e-5
        variable.assign(start)
        assert np.allclose(tf.convert_to_tensor(gradient), slopes, rtol=1e-6, atol=1e-10), variable.path


# the gradient of a table


def sparse_and_dense():
    table = tf.Variable(tf.reshape(tf.range(12.0), (6, 2)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 4, 1]) ** 2)
    sparse = tape.gradient(loss, table)
    return table, sparse, tf.convert_to_tensor(sparse)


def moved(optimizer, table, gradient, jit_compile=None):
    copy = tf.Variable(table)
    optimizer.build([copy])

    def step():
        optimizer.apply_gradients([(gradient, copy)])

    step() if jit_compile is None else tf.function(step, jit_compile=jit_compile)()
    return np.abs(copy.numpy() - table.numpy())[[1, 4]]


@pytest.mark.parametrize("jit_compile", [None, False, True], ids=["eager", "graph", "XLA"])
def test_a_row_used_twice_takes_longer_steps_unless_dense(jit_compile):
    table, sparse, dense = sparse_and_dense()
    for kind in (keras.optimizers.Adam, keras.optimizers.RMSprop, keras.optimizers.Adagrad):
        twice, once = moved(kind(0.1), table, sparse, jit_compile) / moved(kind(0.1), table, dense, jit_compile)
        assert np.allclose(twice, np.sqrt(2), rtol=0.01) and np.allclose(once, 1)
    plain = [moved(keras.optimizers.SGD(0.1), table, gradient, jit_compile) for gradient in (sparse, dense)]
    assert np.allclose(*plain)


def test_fit_takes_the_longer_steps():
    model = keras.Sequential([layers.Input((3,), dtype="int32"), layers.Embedding(6, 2), layers.Flatten()])
    model.add(layers.Dense(1, kernel_initializer="ones"))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    before = model.layers[0].embeddings.numpy()
    model.fit(np.array([[1, 4, 1]]), np.array([[5.0]]), verbose=0)
    steps = np.abs(model.layers[0].embeddings.numpy() - before)
    assert np.allclose(steps[1], 0.1 * np.sqrt(2), rtol=1e-3) and np.allclose(steps[4], 0.1, rtol=1e-3)


def test_the_length_of_a_sparse_gradient():
    _, sparse, dense = sparse_and_dense()
    norms = [float(tf.linalg.global_norm([gradient])) for gradient in (sparse, dense)]
    assert np.isclose(norms[1], tf.norm(dense)) and norms[0] < 0.95 * norms[1]


# what is recomputed


def test_what_is_recomputed_must_not_draw(lesson):
    dropout = layers.Dropout(0.5, seed=3)
    assert 0.4 < lesson.share_that_differs(lambda x: dropout(x, training=True)) < 0.6
    assert lesson.share_that_differs(lambda x: tf.nn.experimental.stateless_dropout(x, 0.5, seed=(3, 4))) == 0


# the reader's own tape


def tf_slope(lesson, f, x):
    return float(lesson.gradient_of(lambda x: f(x, tf.sin), tf.constant(x, tf.float64)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, sin: x * x,
        lambda x, sin: x * sin(x) + x**2,
        lambda x, sin: 2 * x + x**2,
        lambda x, sin: 1 + x * 3 + x**-1,
        lambda x, sin: sin(x**3) * sin(x) + 0.5 * x**0.5,
        lambda x, sin: np.float64(2) * x + x,
        lambda x, sin: sum([x, x * x, sin(x)]),
    ],
)
def test_the_own_tape_agrees(lesson, f):
    for start in (0.3, 1.0, 4.0):
        mine = lesson.Scalar(start)
        lesson.backward(f(mine, lesson.Scalar.sin))
        assert np.isclose(mine.grad, tf_slope(lesson, f, start), rtol=1e-10)


def test_the_own_tape_agrees_on_loops_and_branches(lesson):
    for start in np.linspace(-2, 2, 41):
        mine = lesson.Scalar(start)
        lesson.backward(lesson.journey(mine, lesson.Scalar.sin))
        assert np.isclose(mine.grad, tf_slope(lesson, lesson.journey, start), rtol=1e-10)


def test_the_own_tape_takes_long_chains_and_a_second_call(lesson):
    mine = lesson.Scalar(1.0)
    y = mine
    for _ in range(10_000):
        y = 1.0001 * y
    for _ in range(2):
        lesson.backward(y)
        assert np.isclose(mine.grad, 1.0001**10_000)


@pytest.mark.parametrize("f", [lambda x: x - 1, lambda x: x / 2, lambda x: 2**x, lambda x: -x, lambda x: x > 1])
def test_the_own_tape_refuses_what_it_does_not_know(lesson, f):
    with pytest.raises(TypeError):
        f(lesson.Scalar(2.0))
