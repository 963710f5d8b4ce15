"""What notebook 3 offers, in the surroundings of a project, and what it says of TensorFlow and Keras."""

import importlib
import json

from utils import session  # noqa: F401  (before TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from tests.environment import run_python
from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils.trust import check_loss

NOTEBOOK = next(path for path in NOTEBOOKS if path.stem.startswith("03"))
LAYERS = tf.keras.layers
TAKEN = ["custom_mse", "CustomMSE", "Quantiles", "beyond", "Packed", "WithSlack", "change_with_padding", "GaussianNLL"]
TAKEN += ["WithSpread", "Contrastive", "NoCrossing", "masked_mse"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    found = definitions(NOTEBOOK)
    return module_of([found[name] for name in TAKEN], tmp_path_factory.mktemp("taken") / "taken.py")


def some(n, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 1)).astype("float32")
    return x, (3 * x + rng.normal(size=(n, 1))).astype("float32"), rng.uniform(0, 1, (n, 1)).astype("float32")


# The guard, and when an assertion on `shape` says nothing.


def mse(guard):
    def loss(y_true, y_pred):
        guard(y_true, y_pred)
        return tf.reduce_mean(tf.square(y_true - y_pred))

    return loss


def with_static_shapes(y_true, y_pred):
    y_pred.shape.assert_is_compatible_with(y_true.shape)


def with_shapes(y_true, y_pred):
    tf.debugging.assert_shapes([(y_true, "ND"), (y_pred, "ND")])


def signature(*shapes, **options):
    return lambda f: tf.function(f, input_signature=[tf.TensorSpec(s, tf.float32) for s in shapes], **options)


MODES = {
    "eagerly": lambda f: f,
    "in a graph": tf.function,
    "under XLA": lambda f: tf.function(f, jit_compile=True),
    "any number of rows": signature([None, None], [None, 1]),
    "labels of unknown rank": signature(None, [None, 1]),
    "labels of unknown rank, XLA": signature(None, [None, 1], jit_compile=True),
    "two unknown ranks": signature(None, None),
}


def refuses(loss, labels):
    try:
        loss(labels, tf.zeros((5, 1)))
    except (ValueError, tf.errors.InvalidArgumentError):
        return True
    return False


@pytest.mark.parametrize("mode", MODES)
def test_the_guard_refuses_the_other_shape_and_no_more(own, mode):
    guarded = MODES[mode](own.custom_mse)
    assert not refuses(guarded, tf.ones((5, 1)))
    assert float(guarded(tf.ones((5, 1)), tf.zeros((5, 1)))) == 1
    if mode != "any number of rows":  # that signature takes matrices only
        assert refuses(guarded, tf.ones((5,))) == (mode != "two unknown ranks"), "as the text says"
        assert refuses(MODES[mode](mse(with_shapes)), tf.ones((5,)))
    assert refuses(guarded, tf.ones((5, 3))) == (mode != "two unknown ranks")


def test_an_assertion_on_the_static_shape_says_nothing_where_the_rank_is_unknown():
    for mode in ("labels of unknown rank", "labels of unknown rank, XLA", "two unknown ranks"):
        assert not refuses(MODES[mode](mse(with_static_shapes)), tf.ones((5,)))


# A third argument.


def slack_model(own, **compiled):
    tf.keras.utils.set_random_seed(1)
    model = own.WithSlack(tf.keras.Sequential([LAYERS.Input((1,)), LAYERS.Dense(1, kernel_regularizer="l2")]))
    model.compile(**{"optimizer": tf.keras.optimizers.SGD(0.1), "loss": own.Packed(), **compiled})
    return model


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_packing_in_compute_loss_keeps_weights_penalties_and_ragged_batches(own, eagerly, policy):
    x, y, slack = some(50)
    weights = np.float32(np.arange(50) % 3)
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = slack_model(own, run_eagerly=eagerly, metrics=["mae"])
        given = {"distance": x, "slack": slack}
        loss, mae = model.evaluate(given, y, sample_weight=weights, batch_size=32, verbose=0)
        y_pred = tf.cast(model(given), tf.float32)
        by_hand = tf.reduce_mean(weights * own.beyond(y, y_pred, slack)) + sum(model.losses)
        assert np.isclose(loss, by_hand, rtol=1e-3)
        assert np.isclose(mae, np.mean(np.abs(y - y_pred)), rtol=1e-3)
        model.fit(given, y, sample_weight=weights, batch_size=32, epochs=2, verbose=0)
        assert model.evaluate(given, y, sample_weight=weights, batch_size=32, verbose=0)[0] < loss
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def test_four_ways_give_one_number_and_the_closure_another(own):
    x, y, _ = some(64)
    slack, model = x, tf.keras.Sequential([LAYERS.Input((1,)), LAYERS.Dense(1)])
    by_hand = float(tf.reduce_mean(own.beyond(y, model(x), slack)))
    for eagerly in (False, True):
        model.compile(loss=own.Packed(), run_eagerly=eagerly)
        assert np.isclose(model.evaluate(x, np.hstack([y, slack]), batch_size=10, verbose=0), by_hand, rtol=1e-4)

        def in_a_closure(y_true, y_pred):
            return own.beyond(y_true, y_pred, slack)

        model.compile(tf.keras.optimizers.SGD(0.0), loss=in_a_closure, run_eagerly=eagerly)
        assert np.isclose(model.evaluate(x, y, batch_size=64, verbose=0), by_hand, rtol=1e-4)
        assert not np.isclose(model.fit(x, y, batch_size=64, verbose=0).history["loss"][0], by_hand, rtol=1e-2)
        with pytest.raises(tf.errors.InvalidArgumentError):
            model.evaluate(x, y, batch_size=32, verbose=0)
        assert not np.isclose(model.evaluate(x, y, batch_size=1, verbose=0), by_hand, rtol=1e-2)


REPLICAS = """
import importlib.util, sys
from utils import session
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
spec = importlib.util.spec_from_file_location("taken", sys.argv[1])
own = importlib.util.module_from_spec(spec)
sys.modules["taken"] = own
spec.loader.exec_module(own)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
layers, rng = tf.keras.layers, np.random.default_rng(1)
x, y, slack = (rng.uniform(0, 3, (8, 1)).astype("float32") for _ in range(3))

def kernel(scope, penalty_over=None):
    with scope:
        dense = layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")
        model = own.WithSlack(tf.keras.Sequential([layers.Input((1,)), dense]))
        model.compile(tf.keras.optimizers.SGD(0.1), loss=own.Packed())
        model.optimizer.build(model.trainable_variables)
    data = tf.data.Dataset.from_tensor_slices((x, slack, y)).batch(8)
    if penalty_over is None:
        model.fit(data.map(lambda x, s, y: ({"distance": x, "slack": s}, y)), verbose=0)
        return float(dense.kernel[0, 0])
    loss_fn = own.Packed()
    def one_step(x, s, y):
        with tf.GradientTape() as tape:
            y_pred = model({"distance": x, "slack": s}, training=True)
            loss = loss_fn(tf.concat([y, s], -1), y_pred) + sum(model.losses) / penalty_over
        model.optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    for batch in strategy.experimental_distribute_dataset(data):
        tf.function(lambda *batch: strategy.run(one_step, batch))(*batch)
    return float(dense.kernel[0, 0])

one = kernel(tf.distribute.get_strategy().scope())
print(one, kernel(strategy.scope()), kernel(strategy.scope(), 2), kernel(strategy.scope(), 1))
"""


def test_two_replicas(own):
    said = run_python(REPLICAS, own.__file__)
    one, two, divided, whole = (float(number) for number in said.split()[-4:])
    assert np.isclose(one, two, atol=1e-5) and np.isclose(two, divided, atol=1e-5)
    assert not np.isclose(two, whole, atol=1e-4), "the whole penalty on each replica"


# Masks.


def reader(*more):
    courier = [LAYERS.Embedding(6, 2, mask_zero=True), *more, LAYERS.Dense(1)]
    return tf.keras.Sequential([LAYERS.Input((4,)), *courier])


def test_the_habit_about_padding(own):
    tf.keras.utils.set_random_seed(1)
    rounds = np.array([[3, 2, 5, 1], [4, 0, 0, 0]])
    real = rounds > 0
    y = np.float32(rounds)[:, :, np.newaxis]
    model, loss_fn, y_pred = reader(), own.CustomMSE(), reader()(rounds)
    changed = own.change_with_padding

    def compiled(loss):
        model.compile(loss=loss)
        return lambda labels: model.evaluate(rounds, labels, verbose=0)

    silent = {
        "object": lambda labels: loss_fn(labels, y_pred),
        "object in compile": compiled(loss_fn),
        "by hand": lambda labels: own.masked_mse(labels[:, :, 0], y_pred[:, :, 0], tf.constant(real)),
        "weights": lambda labels: loss_fn(labels, 1.0 * y_pred, sample_weight=np.float32(real)),
    }
    for name, loss_of in silent.items():
        assert changed(loss_of, y, real) < 1e-5, name
    each_step = compiled(lambda y_true, y_pred: tf.reduce_mean(tf.square(y_true - y_pred), axis=-1))
    assert changed(each_step, y, real) < 1e-5, "a function with a value for each step is masked in compile"
    loud = {
        "function": lambda labels: own.custom_mse(labels, y_pred),
        "function in compile": compiled(own.custom_mse),
        "mask lost": lambda labels: loss_fn(labels, 1.0 * y_pred),
        "call": lambda labels: tf.reduce_mean(loss_fn.call(labels, y_pred)),
    }
    for name, loss_of in loud.items():
        assert changed(loss_of, y, real) > 1, name
    flat = changed(lambda labels: float(np.mean(labels)), y[:, :, 0], real)
    assert np.isclose(flat, 5 * 3 / 8), "labels without a last axis: 0 becomes 5, the greatest real label"
    for filler in (1e9, 3e38, np.nan):
        filled = np.where(real[:, :, np.newaxis], y, np.float32(filler))
        assert not changed(lambda labels: tf.reduce_mean(labels), filled, real) < 1, "whatever stands at the padding"
    kinds = {"classes": rounds % 3, "yes or no": np.where(real, rounds > 2, True)}
    for name, labels in kinds.items():
        assert changed(lambda labels: np.mean(labels), labels, real) > 0.1, name
        assert changed(lambda labels: np.mean(labels[real]), labels, real) == 0, name


def test_which_layers_pass_the_mask_on():
    rounds = np.array([[3, 2, 5, 1], [4, 0, 0, 0]])

    def carries(*more):
        return getattr(reader(*more)(rounds), "_keras_mask", None) is not None

    assert carries(LAYERS.LSTM(2, return_sequences=True), LAYERS.Dropout(0.1), LAYERS.LayerNormalization())
    assert not carries(LAYERS.Conv1D(2, 1))


# Several outputs.


def heads():
    tf.keras.utils.set_random_seed(1)
    x = LAYERS.Input((1,))
    return tf.keras.Model(x, {name: LAYERS.Dense(1, name=name)(x) for name in ("minutes", "late")})


def test_weights_in_a_list_go_by_the_sorted_keys():
    x, y, _ = some(32)
    labels, losses = {"minutes": 50 * y, "late": np.float32(y > 1)}, {"minutes": "mse", "late": "mae"}

    def total(**options):
        model = heads()
        model.compile("sgd", loss=losses, **options)
        return model.evaluate(x, labels, verbose=0, return_dict=True)

    plain = total()
    by_hand = plain["minutes_loss"] + 100 * plain["late_loss"]
    assert np.isclose(total(loss_weights={"late": 100, "minutes": 1})["loss"], by_hand, rtol=1e-4)
    swapped = 100 * plain["minutes_loss"] + plain["late_loss"]
    assert np.isclose(total(loss_weights=[1, 100])["loss"], swapped, rtol=1e-4)


def test_a_head_without_a_loss_is_not_trained_and_fit_warns():
    x, y, _ = some(32)
    model = heads()
    model.compile("sgd", loss={"minutes": "mse"})
    before = model.get_layer("late").kernel.numpy()
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        model.fit(x, {"minutes": y, "late": y}, verbose=0)
    assert np.array_equal(before, model.get_layer("late").kernel)
    assert sorted(model.evaluate(x, {"minutes": y, "late": y}, verbose=0, return_dict=True)) == ["loss"]


# A parameter of the loss, the terms of two calls, pairs, digits.


@pytest.mark.parametrize("owned_by_the_model", [False, True])
def test_fit_trains_the_variable_of_a_loss_only_if_the_model_owns_it(own, owned_by_the_model, tmp_path):
    tf.keras.utils.set_random_seed(1)
    x, y, _ = some(200)
    loss_fn, owner = own.GaussianNLL(), own.WithSpread()
    model = tf.keras.Sequential([LAYERS.Input((1,)), LAYERS.Dense(1), owner])
    if owned_by_the_model:
        loss_fn.log_sigma = owner.log_sigma
    model.compile(tf.keras.optimizers.Adam(0.05), loss=loss_fn)
    model.fit(tf.data.Dataset.from_tensors((x, y)).repeat(300), verbose=0, shuffle=False)
    sigma = float(np.exp(loss_fn.log_sigma.numpy()))
    if not owned_by_the_model:
        assert sigma == 1
        return
    assert np.isclose(sigma, np.std(y - model(x)), rtol=0.05) and not np.isclose(sigma, 1, atol=0.005)
    model.save(tmp_path / "model.keras")
    objects = {"WithSpread": own.WithSpread}
    again = tf.keras.models.load_model(tmp_path / "model.keras", custom_objects=objects, compile=False)
    assert np.isclose(np.exp(again.layers[-1].log_sigma.numpy()), sigma)


def test_two_calls_leave_the_terms_of_the_second_and_one_model_those_of_both(own):
    layer = own.NoCrossing()
    first, second = (tf.constant([[10.0, 20.0 + miss, 20.0]]) for miss in (2.0, 5.0))
    layer(first), layer(second)
    assert [float(term) for term in layer.losses] == [2.5]
    inputs = [LAYERS.Input((3,)), LAYERS.Input((3,))]
    siamese = tf.keras.Model(inputs, [layer(quantiles) for quantiles in inputs])
    siamese([first, second])
    assert sorted(float(term) for term in siamese.losses) == [1, 2.5]


def test_a_loss_over_pairs_depends_on_its_batch(own):
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 32, 16)).astype("float32"))
        loss_fn = own.Contrastive()
        halves = np.mean([loss_fn(a[rows], b[rows]) for rows in (slice(16), slice(16, 32))])
        assert loss_fn(a, b) > halves + 0.3
        assert 2 * loss_fn(a, b, sample_weight=np.float32(np.arange(32) < 16)) > loss_fn(a[:16], b[:16]) + 0.3
        assert "weight 0 is absence" in check_loss(loss_fn, a[:6], b[:6], perfect=a[:6])


def test_labels_become_float32():
    class Seen(tf.keras.losses.Loss):
        def call(self, y_true, y_pred):
            return tf.reduce_mean(y_true, axis=-1)

    label, zero = np.array([[2**24 + 1]]), np.zeros((1, 1), "float32")
    assert float(Seen()(label, zero)) == 2**24 and float(Seen(dtype="float64")(label, zero)) == 2**24 + 1
    model, seen = tf.keras.Sequential([LAYERS.Input((1,)), LAYERS.Dense(1)]), []

    class Spying(Seen):
        def call(self, y_true, y_pred):
            seen.append(y_true.numpy()[0, 0])
            return super().call(y_true, y_pred)

    model.compile(loss=Spying(dtype="float64"), run_eagerly=True)
    for labels in (label, label.astype("float64")):
        model.evaluate(zero, labels, verbose=0)
    assert seen == [2**24 + 1, 2**24]


# Saving: the habit is to load the file in another process and to compare a value.

LOSSES = """
import tensorflow as tf
registered = tf.keras.utils.register_keras_serializable(package="course")
class Base(tf.keras.losses.Loss):
    def call(self, y_true, y_pred):
        return self.tau * tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)
@registered
class Healthy(Base):
    def __init__(self, tau=0.5, name="healthy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tau = tau
    def get_config(self):
        return {**super().get_config(), "tau": self.tau}
@registered
class NoConfig(Base):
    def __init__(self, tau=0.5, name="no_config", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tau = tau
@registered
class NoKwargs(Base):
    def __init__(self, tau=0.5, name="no_kwargs"):
        super().__init__(name=name)
        self.tau = tau
class Unregistered(Healthy):
    pass
"""
LOAD = """
import own_losses, json, numpy, tensorflow as tf
said = {}
for name in ("Healthy", "NoConfig", "NoKwargs", "Unregistered"):
    try:
        model = tf.keras.models.load_model(f"{name}.keras")
        said[name] = float(model.loss(numpy.ones((4, 1)), model(numpy.ones((4, 1)))))
    except TypeError:
        said[name] = "TypeError"
print(json.dumps(said))
"""


def test_the_file_in_another_process_tells_the_faults_and_a_rebuild_in_memory_does_not(tmp_path, monkeypatch):
    (tmp_path / "own_losses.py").write_text(LOSSES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    losses = importlib.import_module("own_losses")
    expected = {}
    for name in ("Healthy", "NoConfig", "NoKwargs", "Unregistered"):
        model = tf.keras.Sequential([LAYERS.Input((1,)), LAYERS.Dense(1)])
        loss_fn = getattr(losses, name)(tau=0.9)
        model.compile("sgd", loss=loss_fn)
        model.optimizer.build(model.trainable_variables)
        model.save(tmp_path / f"{name}.keras")
        expected[name] = float(loss_fn(np.ones((4, 1)), model(np.ones((4, 1)))))
    said = json.loads(run_python(LOAD, cwd=tmp_path).splitlines()[-1])
    assert np.isclose(said["Healthy"], expected["Healthy"])
    assert not np.isclose(said["NoConfig"], expected["NoConfig"], rtol=0.1)
    assert said["NoKwargs"] == "TypeError"
    if tf.__version__ >= "2.20":  # older ones import the module by the name in the file
        assert said["Unregistered"] == "TypeError"
    rebuilt = tf.keras.losses.deserialize(tf.keras.losses.serialize(losses.Unregistered(0.9)))
    assert isinstance(rebuilt, str)
