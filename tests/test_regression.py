"""What notebook 7 offers, in the surroundings of a project, and what it says of TensorFlow and Keras."""

from utils import session  # noqa: F401  (before TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils import data, plotting
from utils.fresh_process import FreshProcess
from utils.trust import depends_on, inside_range, silent_units

NOTEBOOK = next(path for path in NOTEBOOKS if path.stem.startswith("07"))
LAYERS = tf.keras.layers
TAKEN = ["mse_of", "train", "two_models", "falling"]
OPTIMIZERS = {"Adam": (tf.keras.optimizers.Adam, 0.05), "SGD": (tf.keras.optimizers.SGD, 0.2)}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    found = definitions(NOTEBOOK)
    return module_of([found[name] for name in TAKEN], tmp_path_factory.mktemp("taken") / "taken.py")


@pytest.fixture(scope="module")
def parts():
    x, y = data.wide_line()
    train, val, _ = np.split(np.random.default_rng(1).permutation(len(x)), [600, 800])
    return x[train], y[train], x[val], y[val]


def trained(own, parts, x_unit, y_unit, kind, scaled_loss):
    """Return the shipped model, and its error on new points as a multiple of the line's."""
    x, y, x_new, _ = (np.float32(part / unit) for part, unit in zip(parts, 2 * (x_unit, y_unit), strict=True))
    scaled_model, model = own.two_models(x, y)
    optimizer = own.falling(*OPTIMIZERS[kind])
    if scaled_loss:
        own.train(scaled_model, x, (y - y.mean()) / y.std(), optimizer, 12)
    else:
        own.train(model, x, y, optimizer, 12)
    line = np.polyfit(parts[0][:, 0], parts[1][:, 0], 1)
    best = own.mse_of(parts[3], np.polyval(line, parts[2]))
    return model, own.mse_of(parts[3], np.asarray(model(x_new)) * y_unit) / best


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("units", [(1, 1e-6), (1, 1e7), (1e-6, 1), (1e5, 1), (1e5, 1e7)], ids=str)
def test_a_loss_in_scaled_units_serves_any_units(own, parts, units, kind):
    assert trained(own, parts, *units, kind, scaled_loss=True)[1] < 1.1


@pytest.mark.parametrize("unit", [1e-6, 1e3])
def test_mixed_precision_scales_at_both_ends_in_float32(own, parts, unit):
    x, y = np.float32(parts[0] * unit), np.float32(parts[1] * unit)
    plain = own.two_models(x, y)[1](x)
    tf.keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = own.two_models(x, y)[1](x)
    finally:
        tf.keras.config.set_dtype_policy("float32")
    assert mixed.dtype == tf.float32 and np.abs(mixed - plain).max() < 0.01 * y.std()


def test_a_unit_that_is_nan_is_not_silent():
    assert silent_units(np.float32([[0, -1, np.nan, 0], [-1, 0, np.nan, 2]])).tolist() == [True, True, False, False]


def test_a_loss_in_raw_units_does_not(own, parts):
    assert trained(own, parts, 1, 1e6, "Adam", scaled_loss=False)[1] > 50
    assert trained(own, parts, 1, 1e7, "Adam", scaled_loss=False)[1] > 50
    assert np.isnan(trained(own, parts, 1, 1e-6, "SGD", scaled_loss=False)[1])


def test_the_shipped_model_speaks_the_readers_units_in_another_process(own, parts, tmp_path):
    model, _ = trained(own, parts, 1000, 1e7, "Adam", scaled_loss=True)
    rows = np.float32(parts[2][:5] / 1000)
    model.save(tmp_path / "line.keras")
    np.save(tmp_path / "rows.npy", rows)
    fresh = FreshProcess()
    program = "import numpy as np, tensorflow as tf\n"
    program += "model = tf.keras.models.load_model('line.keras')\n"
    fresh.run(program + "np.save('answer.npy', model(np.load('rows.npy')))", tmp_path)
    fresh.output()
    answer = np.load(tmp_path / "answer.npy")
    assert np.allclose(answer, model(rows), rtol=1e-5) and 0 < answer.max() < 1e-4


# The guard.

LOW, HIGH = np.float32([0, 1, 5]), np.float32([1, 2, 5])  # the third column is constant
ROWS = {
    "inside": ([0.5, 1.5, 5], True),
    "on the border": ([0, 2, 5], True),
    "above": ([0.5, 3, 5], False),
    "below": ([-1, 1.5, 5], False),
    "another constant": ([0.5, 1.5, 6], False),
    "nan": ([np.nan, 1.5, 5], False),
    "inf": ([0.5, np.inf, 5], False),
    "minus inf": ([-np.inf, 1.5, 5], False),
    "nan and inf": ([np.nan, np.inf, 5], False),
}
MODES = {
    "eagerly": lambda f: f,
    "in a graph": tf.function,
    "under XLA": lambda f: tf.function(f, jit_compile=True),
}


def guarded():
    rows = tf.keras.Input((3,))
    return tf.keras.Model(rows, {"price": LAYERS.Dense(1)(rows), "known": inside_range(rows, LOW, HIGH)})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_guard_knows_what_lies_inside(mode, policy):
    rows, known = (np.array(part) for part in zip(*ROWS.values(), strict=True))
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        run = MODES[mode](guarded())
        assert np.array_equal(run(tf.constant(rows, tf.float32))["known"], known)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert np.array_equal(MODES[mode](lambda part: inside_range(part, LOW, HIGH))(tf.constant(rows, tf.float32)), known)


def test_the_guard_is_saved_with_the_model(tmp_path):
    rows, known = (np.array(part) for part in zip(*ROWS.values(), strict=True))
    guarded().save(tmp_path / "guarded.keras")
    again = tf.keras.models.load_model(tmp_path / "guarded.keras")
    assert np.array_equal(again(np.float32(rows))["known"], known)
    assert np.array_equal(again.predict(np.float32(rows), batch_size=4, verbose=0)["known"], known)


def test_a_maximum_lets_nan_pass_under_xla():
    """The fault that the guard's form avoids: compiled, the maximum of nan and 0.5 may be 0.5."""
    rows = tf.constant([[np.nan, 0.5]])
    found = tf.function(lambda rows: tf.reduce_max(tf.abs(rows), axis=1) > 1, jit_compile=True)(rows)
    assert not found.numpy().any(), "nan counts as far away only where somebody asks for it"


@pytest.mark.parametrize("column", [0, 7])
def test_one_outlier_opens_the_range_of_least_to_greatest_and_not_that_of_quantiles(column):
    x = np.random.default_rng(1).normal(size=(13_000, 8)).astype("float32")
    strange, spoiled = x[:500].copy(), x.copy()
    strange[:, column] += 50
    spoiled[0, column] = 1e4
    refused = {}
    for name, table in {"healthy": x, "spoiled": spoiled}.items():
        for kind, (low, high) in {
            "extremes": (table.min(0), table.max(0)),
            "quantiles": np.float32(np.quantile(table, [0.001, 0.999], axis=0)),
        }.items():
            refused[name, kind] = np.mean(~inside_range(strange, low, high).numpy())
    assert refused["spoiled", "extremes"] == 0
    assert refused["healthy", "extremes"] == refused["healthy", "quantiles"] == refused["spoiled", "quantiles"] == 1
    low, high = np.float32(np.quantile(x, [0.001, 0.999], axis=0))
    assert np.mean(~inside_range(x, low, high).numpy()) < 0.002 * 8 + 0.001


# The test for a leak.


def table(unit=1.0):
    rng = np.random.default_rng(1)
    return unit * rng.normal(size=(60, 40)), unit * rng.normal(size=(60, 1))


LEARN, JUDGE = np.arange(40), np.arange(40, 60)


def least_squares(x, y):
    return np.linalg.lstsq(x[LEARN, :5], y[LEARN], rcond=None)[0]


def scaled_on(rows):
    return lambda x, y: (x[LEARN] - x[rows].mean(0)) / x[rows].std(0)


def chosen_on(rows):
    return lambda x, y: np.argsort(np.abs(np.corrcoef(x[rows].T, y[rows].T)[-1, :-1]))[-5:]


def network_stopped_by(rows):
    def procedure(x, y):
        tf.keras.utils.set_random_seed(1)
        model = tf.keras.Sequential([LAYERS.Input((40,)), LAYERS.Dense(4, activation="tanh"), LAYERS.Dense(1)])
        model.compile(tf.keras.optimizers.Adam(0.01), "mse")
        stop = tf.keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
        judged = (x[rows], y[rows])
        model.fit(x[LEARN], y[LEARN], epochs=6, verbose=0, validation_data=judged, callbacks=[stop])
        return model(x[LEARN])

    return procedure


EVERYTHING = np.arange(60)
LEAKS = {
    "scaled by all rows": scaled_on(EVERYTHING),
    "scaled by the test rows": scaled_on(JUDGE),
    "columns chosen before the split": chosen_on(EVERYTHING),
    "labels centered by all": lambda x, y: least_squares(x, y - y.mean()),
    "stopped by the test part": network_stopped_by(JUDGE),
}
HONEST = {
    "scaled by the training part": scaled_on(LEARN),
    "columns chosen after the split": chosen_on(LEARN),
    "labels centered by the training part": lambda x, y: least_squares(x, y - y[LEARN].mean()),
    "stopped by a part of the training rows": network_stopped_by(LEARN[:10]),
    "rounded": lambda x, y: least_squares(x, y) * (1 + 1e-7 * np.sin(x.sum())),
}


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e6])
@pytest.mark.parametrize("name", [*LEAKS, *HONEST])
def test_depends_on_finds_leaks_and_nothing_else(name, unit):
    if "stopped" in name and unit != 1:
        pytest.skip("this network is not scaled")
    x, y = table(unit)
    kept = x.copy(), y.copy()
    assert depends_on(JUDGE, {**LEAKS, **HONEST}[name], x, y) == (name in LEAKS)
    assert np.array_equal(kept[0], x) and np.array_equal(kept[1], y)


@pytest.mark.parametrize("end", [np.min, np.max])
def test_depends_on_sees_an_end_of_the_range_that_training_rows_hold(end):
    x, y = np.abs(table()[0]), table()[1]
    x[0], x[1] = 0, 9  # least and greatest in every column
    assert depends_on(JUDGE, lambda x, y: x[LEARN] - end(x, axis=0), x, y)
    assert not depends_on(JUDGE, lambda x, y: x[LEARN] - end(x[LEARN], axis=0), x, y)


def test_depends_on_wants_a_seed_and_bears_missing_numbers():
    x, y = table()
    with pytest.raises(AssertionError, match="set its seed"):
        depends_on(JUDGE, lambda x, y: np.random.default_rng().normal(size=3), x, y)
    x[3, 2] = np.nan
    assert not depends_on(JUDGE, scaled_on(LEARN), x, y) and depends_on(JUDGE, scaled_on(EVERYTHING), x, y)


# A spread needs a floor.


@pytest.mark.parametrize("mode", MODES)
def test_a_spread_can_be_0_without_a_floor(mode):
    assert MODES[mode](tf.nn.softplus)(tf.constant([-110.0]))[0] == 0
    assert MODES[mode](tf.exp)(tf.constant([-110.0]))[0] == 0


# A graph of tensors.


def test_a_lambda_is_saved_and_not_loaded(tmp_path):
    inputs = tf.keras.Input((1,))
    for wrong in (tf.math.log1p, tf.reduce_mean, tf.sqrt):
        with pytest.raises(ValueError, match="KerasTensor cannot be used as input to a TensorFlow function"):
            wrong(inputs)
    wrapped = tf.keras.Model(inputs, LAYERS.Lambda(lambda x: tf.math.log1p(x))(inputs))
    wrapped.save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match=r"(?i)lambda"):
        tf.keras.models.load_model(tmp_path / "lambda.keras")
    tf.keras.Model(inputs, tf.keras.ops.log1p(inputs)).save(tmp_path / "ops.keras")
    assert np.allclose(tf.keras.models.load_model(tmp_path / "ops.keras")(np.float32([[1]])), np.log(2))


def test_the_drawn_graph_counts_a_shared_layer_once(monkeypatch):
    said = []
    monkeypatch.setitem(plotting.model_graph.__globals__, "show", lambda figure, words: said.append(words))
    first, second = tf.keras.Input((3,), name="first"), tf.keras.Input((3,), name="second")
    layer = LAYERS.Dense(4)
    plotting.model_graph(tf.keras.Model([first, second], LAYERS.Add()([layer(first), layer(second)])))
    assert "5 boxes" in said[-1] and "16 trained weights" in said[-1] and "the same layer once more" in said[-1]
    plotting.model_graph(tf.keras.Sequential([LAYERS.Input((3,)), layer]))
    assert "2 boxes" in said[-1] and "Dense reads Input and gives (None, 4), 16 weights, an output" in said[-1]


def test_a_program_has_no_graph_to_draw():
    class Program(tf.keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="graph"):
        plotting.model_graph(Program())
