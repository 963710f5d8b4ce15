"""The audit leaves a set-up as it was, answers in words, and holds the habits of the notebooks to the letter."""

import ast
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from utils import session  # noqa: F401  (before TensorFlow)

# isort: split
import keras
import numpy as np
import tensorflow as tf

from tests.environment import run_python
from tests.notebooks import NOTEBOOKS, ROOT, read
from tests.zoo import load
from utils import trust

SOURCE = Path(trust.__file__)


def state_of(set_up):
    """Everything that an audit promises to leave alone, as bytes."""
    model = set_up["model"]
    optimizer = set_up.get("optimizer") or model.optimizer
    variables = [
        *model.variables,
        *(optimizer.variables if optimizer else []),
        *(v for m in model.metrics for v in m.variables),
    ]
    given = [
        part
        for part in tf.nest.flatten([set_up["x"], set_up.get("y"), set_up.get("sample_weight")])
        if part is not None
    ]
    arrays = [np.asarray(part) for part in given if not isinstance(part, tf.data.Dataset)]
    return {
        "variables": [(variable.path, trust.value_of(variable).tobytes()) for variable in variables],
        "trainable": [layer.trainable for layer in model._flatten_layers()],
        "attributes": {layer.name: sorted(vars(layer)) for layer in model._flatten_layers()},
        "optimizer": sorted(vars(optimizer)) if optimizer else None,
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tobytes(),
        "tf.random": tf.random.get_global_generator().state.numpy().tobytes(),
        "arrays": [array.tobytes() if array.dtype != object else array.tolist() for array in arrays],
    }


def next_draws():
    """What each of the four sources of random numbers gives next."""
    return [random.random(), np.random.random(), float(tf.random.normal(())), float(keras.random.normal(()))]


PAIRS, HEALTHY = load()
SOME = [PAIRS[i].build for i in range(0, len(PAIRS), 12)]


@pytest.mark.parametrize("build", [one.build for one in HEALTHY[::4]], ids=lambda build: build.__name__)
def test_leaves_everything_as_it_was(build):
    set_up = build()
    set_up["model"](tf.nest.map_structure(lambda part: part[:2], set_up["x"])) if not isinstance(
        set_up["x"], tf.data.Dataset
    ) else None
    before = state_of(set_up)
    trust.audit(**set_up)
    assert state_of(set_up) == before


@pytest.mark.parametrize("build", SOME, ids=lambda build: build.__name__)
def test_leaves_a_faulty_set_up_as_it_was(build):
    set_up = build(True)
    before = state_of(set_up)
    trust.audit(**set_up)
    assert state_of(set_up) == before


def small(**options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    return {"model": model, "x": x, "y": x[:, :1] - x[:, 1:2]} | options


def test_random_numbers_go_on_where_they_were():
    keras.utils.set_random_seed(5)
    expected = next_draws()
    set_up = small()
    keras.utils.set_random_seed(5)
    trust.audit(**set_up)
    assert next_draws() == expected


def test_deterministic_operations_are_no_obstacle():
    """They refuse what draws without a seed, and TensorFlow's global generator is such a thing."""
    program = """
import numpy as np
import tensorflow as tf
tf.keras.utils.set_random_seed(1)
tf.config.experimental.enable_op_determinism()
from utils import trust
dense, dropout = tf.keras.layers.Dense, tf.keras.layers.Dropout(0.5)
model = tf.keras.Sequential([tf.keras.layers.Input((4,)), dense(8, activation="tanh"), dropout, dense(1)])
model.compile("adam", "mse", metrics=["mae"])
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
for answer in trust.audit(model, x, x[:, :1] - x[:, 1:2]):
    print(answer.verdict, answer.question, answer.sentence)
print(tf.random.normal(()).shape)
"""
    lines = run_python(program, cwd=ROOT).splitlines()
    assert len(lines) > 40 and lines[-1] == "()"
    assert not [line for line in lines if line.startswith(("fail", "warn")) or "determinism" in line.lower()]


def test_beside_a_single_gpu_the_two_cpus_are_the_replicas(monkeypatch):
    listed, pair = tf.config.list_logical_devices, next(p for p in PAIRS if p.check == "train step on two replicas")
    if len(listed("CPU")) < 2:
        pytest.skip("another test file of this process has started TensorFlow with one device")
    gpu = tf.config.LogicalDevice("/device:GPU:0", "GPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [gpu] if kind == "GPU" else listed(kind))
    answer = trust.audit(**pair.build(True), only=[pair.check])[pair.check]
    assert answer.verdict == "warn" and "On two replicas the step reports" in answer.sentence


def test_a_question_that_raises_is_a_skip_and_restores(monkeypatch):
    set_up = small()
    model = set_up["model"]

    def damage(setup):
        for variable in setup.model.trainable_variables:
            variable.assign(variable + 1)
        setup.model.layers[0].trainable = False
        setup.optimizer.learning_rate.assign(9.0)
        raise RuntimeError("on purpose")

    monkeypatch.setitem(trust.QUESTIONS, "gradient flow", (damage, "", False))
    before = state_of(set_up)
    report = trust.audit(**set_up)
    assert state_of(set_up) == before and model.layers[0].trainable
    assert report["gradient flow"].verdict == "skip" and "on purpose" in report["gradient flow"].sentence


def test_a_step_without_a_loss_cannot_be_compared():
    set_up = small()
    given, model = set_up["model"], keras.Sequential(set_up["model"].layers)
    report = trust.audit(model, set_up["x"], set_up["y"], train_step=lambda x, y: given.train_on_batch(x, y))
    assert report["train step"].verdict == "skip"
    assert "No loss was given to compare with" in report["train step"].sentence


def test_a_text_of_just_as_many_words_is_not_cut():
    layer = keras.layers.TextVectorization(output_sequence_length=3)
    assert trust.cut_share(layer, tf.constant(["so good a film", "a good film", "good"])) == pytest.approx(1 / 3)


def test_a_table_of_errors_is_noticed_where_it_changes_the_loss_little():
    """A start that is far off: each row's error is near 15, and the table's spread adds three in a thousand."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
    report = trust.audit(model, x, 15 + x[:, 0], loss_fn=lambda y, y_pred: tf.reduce_mean((y_pred - y) ** 2))
    assert report["shapes"].verdict == "fail" and "broadcast" in report["shapes"].sentence


@pytest.mark.parametrize("side", [-1, 1], ids=["too small", "too large"])
def test_a_loss_that_forgives_one_side_is_named(side):
    report = trust.audit(**small(loss_fn=lambda y, y_pred: tf.reduce_mean(tf.nn.relu(side * (y_pred - y)))))
    assert report["loss at the truth"].verdict == "warn"
    assert "costs no more than the truth" in report["loss at the truth"].sentence


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (1.05, "fail")])
def test_a_gradient_that_is_a_twentieth_too_large_is_not_the_slope(factor, verdict):
    @tf.custom_gradient
    def scaled(y_pred):
        return tf.identity(y_pred), lambda upstream: factor * upstream

    report = trust.audit(**small(loss_fn=lambda y, y_pred: tf.reduce_mean(tf.sqrt((scaled(y_pred) - y) ** 2 + 9))))
    assert report["loss slope"].verdict == verdict


@pytest.mark.parametrize(("highest", "verdict"), [(0.1, "pass"), (0.25, "warn")])
def test_weight_decay_is_measured_at_the_highest_learning_rate(highest, verdict):
    rate = keras.optimizers.schedules.CosineDecay(0.001, 1000, warmup_target=highest, warmup_steps=100)
    report = trust.audit(**small(optimizer=keras.optimizers.AdamW(rate, weight_decay=0.1)))
    assert report["optimizer"].verdict == verdict


def test_a_small_loss_is_learned_as_well_as_a_large_one():
    report = trust.audit(**small(loss_fn=lambda y, y_pred: 0.001 * tf.reduce_mean((y_pred - y) ** 2)))
    assert report["one batch by heart"].verdict == "pass"


def test_a_model_that_cannot_be_saved_gets_the_reason():
    class Unsaved(keras.layers.Dense):
        def get_config(self):
            raise NotImplementedError("no configuration")

    set_up = small()
    set_up["model"] = keras.Sequential([keras.layers.Input((4,)), Unsaved(1)])
    report = trust.audit(**set_up, loss_fn="mse", optimizer="adam")
    assert report["saved"].sentence.startswith("It cannot be saved and loaded: no configuration")


def test_training_goes_on_as_without_an_audit():
    losses = []
    for audited in (False, True):
        set_up = small()
        model, x, y = set_up["model"], set_up["x"], set_up["y"]
        model.fit(x, y, epochs=2, verbose=0)
        if audited:
            trust.audit(**set_up)
        losses.append(model.fit(x, y, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_a_compiled_loop_goes_on_as_without_an_audit():
    weights = []
    for audited in (False, True):
        set_up = small()
        model, optimizer, loss_fn = set_up["model"], keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError()

        @tf.function
        def train_step(x_batch, y_batch, model=model, optimizer=optimizer, loss_fn=loss_fn):
            with tf.GradientTape() as tape:
                loss = loss_fn(y_batch, model(x_batch, training=True))
            optimizer.apply_gradients(
                zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
            )
            return loss

        if audited:  # before the optimizer is built
            trust.audit(model, set_up["x"], set_up["y"], loss_fn=loss_fn, optimizer=optimizer, train_step=train_step)
        for _ in range(3):
            train_step(set_up["x"], set_up["y"])
        weights.append(np.concatenate([np.ravel(w) for w in model.get_weights()]))
    assert np.array_equal(*weights)


def test_report_as_text_and_table():
    report = trust.audit(**small(), only=["shapes", "gradient flow"])
    assert len(report) == 2 and report["shapes"].verdict == "pass" and not report.failures
    assert "gradient flow" in str(report) and "[01, " in str(report)
    table = report._repr_html_()
    assert (
        "<caption>trust.audit: 0 fail, 0 warn, 2 pass, 0 skip" in table
        and 'scope="row"' in table
        and 'scope="col"' in table
    )
    report.assert_ok()
    with pytest.raises(KeyError, match="did not ask 'traces'"):
        report["traces"]


def test_assert_ok_lists_the_failures():
    report = trust.audit(**small(y=np.full((64, 1), np.nan, "float32")), only=["nan in data"])
    with pytest.raises(AssertionError, match="nan in data: 64 of the 64"):
        report.assert_ok()


def test_a_model_that_cannot_be_called_or_trained_is_a_failure():
    report = trust.audit(**small(x=np.ones((64, 5), "float32")))
    assert [answer.question for answer in report.failures] == ["it trains"] and "cannot be called" in report[
        "it trains"
    ].sentence
    set_up = small()
    set_up["model"].compile("adam", "mse", ["mae"])  # the third place is that of the loss weights
    assert trust.audit(**set_up)["it trains"].verdict == "fail"


def test_odd_data_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="need the same number of rows"):
        trust.audit(**small(y=np.ones((60, 1), "float32")))
    with pytest.raises(ValueError, match="batch it first"):
        x = tf.data.Dataset.from_tensor_slices((np.ones((8, 4), "float32"), np.ones(8, "float32")))
        trust.audit(small()["model"], x)


def test_bad_arguments_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="There is no question 'shape'"):
        trust.audit(**small(), only=["shape"])
    with pytest.raises(TypeError, match="needs a Keras model, and got function"):
        trust.audit(lambda x: x, np.ones((2, 1)))


@pytest.mark.parametrize("inputs", ["list of texts", "tuple", "no labels", "strings in a dict", "one row"])
def test_odd_inputs_do_not_kill_the_audit(inputs):
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    y, layers = x[:, :1] > 0, keras.layers
    if inputs in ("list of texts", "strings in a dict"):
        text = layers.Input((), dtype="string", name="text")
        vectorize = layers.TextVectorization(max_tokens=20, vocabulary=["good", "bad"])
        words = layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(vectorize(text)))
        texts = ["good film" if positive else "bad film" for positive in y[:, 0]]
        model, x = keras.Model(text, layers.Dense(1)(words)), texts
        if inputs == "strings in a dict":
            model, x = keras.Model({"text": text}, layers.Dense(1)(words)), {"text": np.array(texts)}
    elif inputs == "tuple":
        one, two = layers.Input((3,)), layers.Input((3,))
        model, x = keras.Model((one, two), layers.Dense(1)(layers.Add()([one, two]))), (x, x)
    else:
        model = keras.Sequential([layers.Input((3,)), layers.Dense(1)])
    rows = slice(0, 1) if inputs == "one row" else slice(None)
    x, y = (x[rows], y[rows]) if inputs == "one row" else (x, y)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    report = trust.audit(model, x, None if inputs == "no labels" else y.astype("float32"))
    assert not [answer for answer in report if "itself failed" in answer.sentence], str(report)


AUDIT_AND_FIT = """
import time, keras, numpy as np, trust

def set_up():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((784,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model

def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start

x = np.random.default_rng(0).uniform(size=(1000, 784)).astype("float32")
y = x[:, :10].argmax(1)
validation = x[:200], y[:200]
epoch = min(seconds(lambda: set_up().fit(x, y, validation_data=validation, verbose=0)) for _ in range(3))
report = []
audit = seconds(lambda: report.append(trust.audit(set_up(), x, y, validation_data=validation)))
print(len(report[0]), audit / epoch)
"""


def test_a_hundred_thousand_weights_cost_a_few_epochs():
    """It takes 2.5 s on two cores, three times a first epoch of `fit`: seconds would measure the machine."""
    command = [sys.executable, "-c", AUDIT_AND_FIT]
    out = subprocess.run(command, cwd=SOURCE.parent, capture_output=True, text=True, check=True).stdout
    asked, ratio = out.splitlines()[-1].split()
    assert int(asked) == len(trust.QUESTIONS)
    assert float(ratio) < 10


def test_import_adds_nothing_to_importing_tensorflow():
    script = "import sys, tensorflow; before = set(sys.modules); import trust; print(sorted(set(sys.modules) - before))"
    command = [sys.executable, "-c", script]
    out = subprocess.run(command, cwd=SOURCE.parent, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "['trust']"


def functions_of(source):
    """Return the text of each function at the top of some source."""
    lines = source.splitlines()
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes}


def habits():
    """Return (number of the notebook, its functions) for each section of the first part of trust.py."""
    text = SOURCE.read_text(encoding="utf-8")
    first = text[: text.index("# The report")]
    parts = re.split(r"^# Notebook (\d+), .*$", first, flags=re.MULTILINE)
    return [(int(number), functions_of(part)) for number, part in zip(parts[1::2], parts[2::2], strict=True)]


def test_every_notebook_builds_a_habit():
    assert [number for number, _ in habits()] == list(range(1, 11))


@pytest.mark.parametrize(
    ("number", "expected"), habits(), ids=lambda value: str(value) if isinstance(value, int) else ""
)
def test_notebook_and_file_are_the_same_to_the_letter(number, expected):
    inside = {}
    for path in NOTEBOOKS:
        cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
        inside[int(path.stem[:2])] = [functions_of(source) for source in cells]
    for name, text in expected.items():
        places = [(n, functions[name]) for n, cells in inside.items() for functions in cells if name in functions]
        assert places == [(number, text)], f"{name} stands in notebooks {[n for n, _ in places]}"


def test_recap_names_what_was_added():
    for number, functions in habits():
        recap = next(c.source for c in read(NOTEBOOKS[number - 1]).cells if "## Recap" in c.source)
        assert "`trust.py`" in recap and any(f"`{name}`" in recap for name in functions), f"notebook {number}"


def test_the_number_of_questions_is_what_is_said_of_it():
    told = (ROOT / "README.md").read_text("utf-8"), *(cell.source for cell in read(NOTEBOOKS[9]).cells)
    assert sum("more than fifty questions" in text for text in told) == 2
    assert 50 < len(trust.QUESTIONS) < 60


@pytest.mark.parametrize("name", trust.QUESTIONS)
def test_question_says_where_it_is_explained(name):
    ask, where, _ = trust.QUESTIONS[name]
    assert all(word in ask.__doc__ for word in ("?", "Cannot see:", "Cost:", "Built in"))
    for place in where.split("; "):
        number, section = place.split(", ", 1)
        headings = [
            line.lstrip("# ")
            for c in read(NOTEBOOKS[int(number) - 1]).cells
            for line in c.source.splitlines()
            if line.startswith("##")
        ]
        assert section in headings, f"{name}: notebook {number} has no section {section!r}"


def test_an_exported_model_is_asked_in_another_process():
    answer = trust.audit(**small(), only=["exported"])["exported"]
    assert (answer.verdict, answer.sentence) == ("pass", "Exported, and the same in another process.")


def two_inputs(kind):
    """A model of two inputs, in a dict, a tuple or a class of its own, that answers in a dict; and its inputs."""
    dense, x = keras.layers.Dense(1), {"a": normal(64, 4), "b": np.arange(64)[:, None] % 3, "unused": normal(64, 2)}
    inputs = {name: keras.layers.Input(x[name].shape[1:], name=name) for name in "ab"}
    outputs = {"sum": dense(keras.layers.Concatenate()(list(inputs.values())))}
    if kind == "dict":
        return {"model": keras.Model(inputs, outputs), "x": x}
    if kind == "tuple":
        return {"model": keras.Model(list(inputs.values()), outputs), "x": (x["a"], x["b"])}

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = dense

        def call(self, x, training=False):
            return {"sum": self.dense(tf.concat([x["a"], tf.cast(x["b"], tf.float32)], 1))}

    return {"model": Own(), "x": {name: x[name] for name in "ab"}}


@pytest.mark.parametrize("kind", ["dict", "tuple", "class"])
def test_an_exported_model_may_have_several_inputs(kind):
    answer = trust.audit(**two_inputs(kind), only=["exported"])["exported"]
    assert (answer.verdict, answer.sentence) == ("pass", "Exported, and the same in another process.")


def test_a_model_that_cannot_be_called_stays_as_it_was():
    set_up = small(x=np.ones((64, 5), "float32"))
    before = state_of(set_up)
    trust.audit(**set_up)
    assert state_of(set_up) == before


def network(columns=4, outputs=1, last=None):
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(8, activation="relu")
    return keras.Sequential([keras.layers.Input((columns,)), hidden, keras.layers.Dense(outputs, activation=last)])


def asked(name, model, x, y=None, *, optimizer="adam", loss="mse", metrics=None, **options):
    """What one question answers about a model that is compiled with the rest."""
    if "train_step" in options:
        options["optimizer"] = optimizer
    else:
        model.compile(optimizer, loss, metrics=metrics)
    answer = trust.audit(model, x, y, only=[name], **options)[name]
    return answer.verdict, answer.sentence


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def halves(x, y):
    n = len(x) // 2
    return {"x": x[:n], "y": y[:n], "validation_data": (x[n:], y[n:])}


def a_loop(model, optimizer, faulty=False):
    """A training step for `model`, compiled without reduce_retracing; the faulty one has a rate of its own."""
    loss_fn = keras.losses.MeanSquaredError()
    optimizer.build(model.trainable_variables)

    @tf.function
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        if faulty:
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(0.01 * gradient)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return {"loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


def test_columns_that_never_change_are_counted_in_wide_tables_too():
    x = normal(40, 500)
    y = normal(40, 1, seed=1)
    assert asked("constant features", network(500), x, y)[1] == "500 columns, all of which vary."
    x[:, :200] = 0
    assert asked("constant features", network(500), x, y)[1] == "500 columns, 200 of which never change."


def test_variables_without_a_gradient_are_not_said_to_move_or_to_agree():
    class Half(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.idle = keras.layers.Dense(1), keras.layers.Dense(1)

        def call(self, x):
            self.idle(x)
            return self.used(x)

    x = normal(64, 4)
    assert asked("weights move", Half(), x, x[:, :1]) == ("pass", "One step moves each variable that has a gradient.")
    assert asked("gradients under XLA", Half(), x, x[:, :1]) == ("pass", "The same gradients for 2 variables.")


def f1(y_true, y_pred):
    said = tf.cast(y_pred > 0, tf.float32)
    return 2 * tf.reduce_sum(said * y_true) / (tf.reduce_sum(said + y_true) + 1e-7)


def test_questions_about_metrics_are_skipped_where_no_metric_was_tried():
    x = normal(64, 4)
    y = np.float32(x[:, :1] > 0)
    for question in ("metric splits", "metric empty"):
        assert asked(question, network(), x, y, metrics=[f1, "mae"])[0] == "skip"
    assert asked("metric functions", network(), x, y, metrics=[f1])[0] == "fail"


def test_nine_rows_are_too_few_for_four_batches():
    x = normal(9, 4)
    mean = [keras.metrics.MeanAbsoluteError(), keras.metrics.mean_absolute_error]
    for question in ("metric splits", "metric functions"):
        assert asked(question, network(), x, x[:, :1], metrics=mean)[0] == "skip"
        assert asked(question, network(), normal(11, 4), normal(11, 1), metrics=mean)[0] == "pass"


def test_labels_that_are_absent_are_not_said_to_be_mixed():
    x = normal(64, 4)
    assert asked("label order", network(), x)[0] == "skip"
    assert asked("label order", network(), x, x[:, :1]) == ("pass", "The labels are mixed.")
    rows = tf.data.Dataset.from_tensor_slices(x).shuffle(64, seed=1).batch(16)
    assert asked("label order", network(), rows)[1].startswith("A second pass over the pipeline gives other rows")


def test_a_loss_inside_the_model_needs_no_labels():
    class Autoencoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Dense(4)

        def call(self, x):
            answer = self.layer(x)
            self.add_loss(tf.reduce_mean((answer - x) ** 2))
            return answer

    model = Autoencoder()
    model.compile("adam")
    report = trust.audit(model, normal(64, 4))
    assert not report.failures and "itself failed" not in str(report)


@pytest.mark.parametrize("name", ["Adagrad", "Ftrl"])
def test_steps_that_shrink_may_start_long(name):
    x = normal(64, 4)
    assert asked("optimizer", network(), x, x[:, :1], optimizer=getattr(keras.optimizers, name)(0.5))[0] == "pass"


def test_averages_and_clipping_are_named_as_what_they_are():
    x = normal(64, 4)
    loop = a_loop(model := network(), keras.optimizers.Adam(use_ema=True))
    verdict, sentence = asked("optimizer", model, x, x[:, :1], **loop)
    assert verdict == "warn" and "your loop" not in sentence and "finalize_variable_values" in sentence
    one = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    for model, options, expected in (
        (one, {"clipnorm": 1.0}, "SGD, learning rate"),  # one tensor keeps its direction
        (one, {"clipvalue": 1.0}, "clipvalue=1.0 treats each number by itself"),
        (network(), {"clipnorm": 1.0}, "clipnorm=1.0 treats each tensor by itself"),
    ):
        assert asked("optimizer", model, x, x[:, :1], optimizer=keras.optimizers.SGD(**options))[1].startswith(expected)


@pytest.mark.parametrize("name", ["SGD", "RMSprop"])
@pytest.mark.parametrize("faulty", [False, True])
def test_momentum_from_before_is_no_learning_rate(name, faulty):
    x, model = normal(64, 4), network()
    loop = a_loop(model, getattr(keras.optimizers, name)(0.01, momentum=0.9), faulty)
    for _ in range(5):
        loop["train_step"](x, x[:, :1])
    before = [trust.value_of(variable) for variable in loop["optimizer"].variables]
    answer = trust.audit(model, x, x[:, :1], only=["learning rate"], **loop)["learning rate"]
    assert answer.verdict == ("fail" if faulty else "pass") and "nothing" not in answer.sentence
    after = [trust.value_of(variable) for variable in loop["optimizer"].variables]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def two_optimizers(slip=1.0):
    """A step in which the layers of a model have an optimizer each; the faulty one moves the second layer double."""
    x, model, loss_fn = normal(64, 4), network(), keras.losses.MeanSquaredError()
    variables, optimizers = model.trainable_variables, [keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.01, 0.9)]
    parts = variables[:2], variables[2:]
    for optimizer, part in zip(optimizers, parts, strict=True):
        optimizer.build(part)

    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, variables)
        optimizers[0].apply_gradients(zip(gradients[:2], parts[0], strict=True))
        optimizers[1].apply_gradients(zip([slip * g for g in gradients[2:]], parts[1], strict=True))
        return loss

    loop = {"loss_fn": loss_fn, "optimizer": optimizers[0], "train_step": train_step}
    return {"model": model, "x": x, "y": x[:, :1]} | loop


def test_two_optimizers_may_share_a_model():
    report = trust.audit(**two_optimizers(), skip=["gradients under XLA"])
    assert (report["optimizer"].verdict, report["learning rate"].verdict) == ("pass", "skip")
    for question in ("train step", "train step with a ragged batch", "weights move", "resumed"):
        assert report[question].verdict == "pass", report[question]
    assert trust.audit(**two_optimizers(2.0), only=["train step"])["train step"].verdict in ("warn", "fail")


class MeanTeacher(keras.Model):
    """A student, and a teacher of the moving averages of its weights, which also judges its answers."""

    def __init__(self, slip=0.0):
        super().__init__()
        self.student, self.teacher, self.slip = network(), network(), slip
        self.teacher.trainable = False
        self.teacher.set_weights(self.student.get_weights())

    def call(self, x, training=False):
        return self.student(x, training=training)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred) + tf.reduce_mean((y_pred - self.teacher(x)) ** 2)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        for average, weight in zip(self.teacher.variables, self.student.variables, strict=True):
            average.assign(0.99 * average + 0.01 * weight + self.slip)
        return {"loss": loss}


@pytest.mark.parametrize(("slip", "verdict"), [(0.0, "pass"), (1e-4, "fail")], ids=["an average", "no average"])
def test_a_frozen_teacher_may_follow_its_student(slip, verdict):
    model, x = MeanTeacher(slip), normal(64, 4)
    model.compile("adam", "mse")
    report = trust.audit(model, x, x[:, :1], only=["frozen weights", "train step"])
    assert report["frozen weights"].verdict == verdict
    assert report["train step"].verdict == ("fail" if slip else "warn")


class Sampling(keras.Model):
    """Answers with a sample, on purpose, as a variational autoencoder does."""

    def __init__(self):
        super().__init__()
        self.center, self.spread, self.answer = (keras.layers.Dense(2) for _ in range(3))
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        center = self.center(x)
        noise = keras.random.normal(tf.shape(center), seed=self.seed)
        return self.answer(center + tf.exp(self.spread(x)) * noise)


def test_a_model_that_samples_on_purpose_is_no_failure():
    model, x = Sampling(), normal(64, 4)
    model.compile("adam", "mse")
    before = trust.value_of(model.seed.state)
    report = trust.audit(model, x, x[:, :2])
    assert not report.failures, str(report)
    assert report["two passes"].verdict == "warn" and "Is it meant" in report["two passes"].sentence
    assert report["saved"].verdict == report["inputs read"].verdict == "skip"  # nothing of its answers can be compared
    assert np.array_equal(before, trust.value_of(model.seed.state))  # the audit has built it, and drawn nothing


def test_noise_that_is_switched_on_is_a_failure():
    class Noisy(keras.Model):
        def __init__(self):
            super().__init__()
            self.noise, self.answer = keras.layers.GaussianNoise(0.5), keras.layers.Dense(1)

        def call(self, x, training=False):
            return self.answer(self.noise(x, training=True))

    verdict, sentence = asked("two passes", Noisy(), normal(64, 4), normal(64, 1))
    assert verdict == "fail" and "gets training=True" in sentence


class Distilled(keras.Model):
    """A loss that asks a teacher about the inputs."""

    def __init__(self):
        super().__init__()
        self.student, self.teacher = network(outputs=3), network(outputs=3)
        self.teacher.trainable = False

    def call(self, x, training=False):
        return self.student(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        soft = tf.reduce_mean((tf.nn.softmax(self.teacher(x)) - tf.nn.softmax(y_pred)) ** 2)
        return super().compute_loss(x, y, y_pred, sample_weight) + soft


def test_a_loss_that_needs_the_inputs_is_not_asked_without_them():
    model, x = Distilled(), normal(64, 4)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    report = trust.audit(model, x, x[:, :3].argmax(1))
    assert not report.failures and "itself failed" not in str(report), str(report)
    assert "needs the inputs" in report["loss slope"].sentence
    assert report["one batch by heart"].verdict == report["gradients under XLA"].verdict == "pass"


def test_sparse_inputs_are_refused_in_a_sentence():
    x = normal(64, 4)
    model = keras.Sequential([keras.layers.Input((4,), sparse=True), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    report = trust.audit(model, tf.sparse.from_dense(x), x[:, :1])
    assert {(a.verdict, a.sentence) for a in report} == {
        ("skip", "Sparse tensors cannot be asked about: hand over dense ones.")
    }


def test_labels_that_are_all_alike_make_no_start_look_far_off():
    x, loss = normal(1, 4), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert asked("first loss", network(4, 3), x, np.array([0]), loss=loss)[0] == "skip"


def test_a_part_that_no_optimizer_knows_is_named_by_the_steps():
    set_up = two_optimizers()
    model, loss_fn, optimizer = set_up["model"], set_up["loss_fn"], keras.optimizers.Adam(0.01)
    variables = model.trainable_variables[2:]
    optimizer.build(variables)

    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    report = trust.audit(**set_up | {"optimizer": optimizer, "train_step": train_step}, skip=["gradients under XLA"])
    for question in ("optimizer", "train step", "weights move"):
        assert report[question].verdict == "fail" and "kernel" in report[question].sentence, report[question]


class Triplets(keras.Model):
    """Learns from which of two others a row is nearer to; the others change a loss alone."""

    def __init__(self, slip=False):
        super().__init__()
        self.tower, self.slip = network(outputs=3), slip

    def call(self, x, training=False):
        row, near, far = map(self.tower, (x[0], x[1], x[1] if self.slip else x[2]))
        gaps = tf.reduce_sum((row - near) ** 2, -1), tf.reduce_sum((row - far) ** 2, -1)
        self.add_loss(tf.reduce_mean(tf.nn.relu(gaps[0] - gaps[1] + 0.5)))
        return row


@pytest.mark.parametrize(("slip", "verdict"), [(False, "pass"), (True, "fail")])
def test_an_input_may_be_there_for_a_loss_alone(slip, verdict):
    x, model = normal(64, 4), Triplets(slip)
    model.compile("adam")
    report = trust.audit(model, (x, x + 0.1 * normal(64, 4, seed=1), normal(64, 4, seed=2)))
    assert report["inputs read"].verdict == verdict, report["inputs read"]
    assert slip or ("input 1, input 2" in report["inputs read"].sentence and not report.failures)


@pytest.mark.parametrize(("axes", "verdict"), [((1, 2), "pass"), (None, "warn")], ids=["of a picture", "of a batch"])
def test_an_overlap_of_the_whole_batch_is_noticed_where_its_rows_are_alike(axes, verdict):
    def overlap(y_true, y_pred):
        said = tf.sigmoid(y_pred)
        both, either = (tf.reduce_sum(part, axes) for part in (y_true * said, y_true + said))
        return 1 - (2 * both + 1) / (either + 1)

    x = normal(64, 6, 6)
    model = keras.Sequential([keras.layers.Input((6, 6)), keras.layers.Dense(6)])
    assert asked("loss reduction", model, x, np.float32(x > 0), loss=overlap)[0] == verdict


def test_a_step_that_goes_its_own_way_is_not_compared_on_ragged_batches():
    class Sharp(keras.Sequential):
        """Takes its gradient a little uphill, on purpose."""

        def train_step(self, data):
            x, y = data
            for uphill in (0.05, 0.0):
                with tf.GradientTape() as tape:
                    loss = self.compute_loss(x, y, self(x, training=True))
                gradients = tape.gradient(loss, self.trainable_variables)
                if uphill:
                    moves = [uphill * g / tf.linalg.global_norm(gradients) for g in gradients]
                    self.moved(moves, 1)
            self.moved(moves, -1)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

        def moved(self, moves, sign):
            for variable, move in zip(self.trainable_variables, moves, strict=True):
                variable.assign_add(sign * move)

    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(16, activation="tanh")
    x, model = normal(240, 6), Sharp([keras.layers.Input((6,)), hidden, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    verdict, sentence = asked("train step with a ragged batch", model, x, x[:, :3].argmax(1), loss=loss)
    assert verdict == "skip" and sentence.startswith("The step differs from Keras' own"), sentence


@pytest.mark.parametrize(("limit", "clipped"), [(0.97, "train step"), (1.1, "train step with a ragged batch")])
def test_a_step_may_clip_some_batches_and_not_others(limit, clipped):
    """Among few rows the gradient is longer, so that a limit may be reached there alone, or not by some batches."""
    x, model, loss_fn = normal(240, 6), network(6, 3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    y, rows = x[:, :3].argmax(1), np.linspace(0, 239, 32).astype(int)  # those that the audit takes
    norm = trust.make_safe_step(model, loss_fn, keras.optimizers.SGD(0.0), 8, 1e6)(x[rows], y[rows])["norm"]
    optimizer = keras.optimizers.Adam(0.01)
    safe_step = trust.make_safe_step(model, loss_fn, optimizer, 8, limit * float(norm))
    loop = {"loss_fn": loss_fn, "optimizer": optimizer, "train_step": safe_step}
    report = trust.audit(model, x, y, only=["train step", "train step with a ragged batch"], **loop)
    assert not report.failures, str(report)
    assert report[clipped].verdict == "pass" and "clipped to a length of" in report[clipped].sentence


LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize("bias", [-3.2, -2.4])
@pytest.mark.parametrize("exchange", [False, True], ids=["right", "exchanged"])
def test_rare_and_faint_labels_are_not_exchanged(bias, exchange):
    """Where the signal is faint, all labels look like the common one; where it is strong, rare ones show, too."""
    fails = 0
    for seed in range(4):
        x = normal(1200, 10, seed=seed)
        lifted = (8 if exchange else 0.6) * x[:, :1] + (2 if exchange else 1) * bias
        y = np.float32(np.random.default_rng(seed).random((1200, 1)) < 1 / (1 + np.exp(-lifted)))
        x += 5 * exchange * y
        y[600:] = 1 - y[600:] if exchange else y[600:]
        fails += asked("validation range", network(10), loss=LOGITS, **halves(x, y))[0] == "fail"
    assert fails == (4 if exchange else 0)


def test_two_of_three_classes_exchanged_are_found():
    x = normal(400, 4)
    y = x[:, :3].argmax(1)
    y[200:] = np.array([1, 0, 2])[y[200:]]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    verdict, sentence = asked("validation range", network(4, 3), loss=loss, **halves(x, y))
    assert verdict == "fail" and "exchanged" in sentence


def test_a_count_or_a_class_may_be_new_in_validation():
    x = normal(600, 4)
    counts = np.random.default_rng(1).poisson(np.exp(1 + 0.5 * x[:, :1])).astype("float32")
    counts[-1] = 40
    assert asked("validation range", network(last="exponential"), loss="poisson", **halves(x, counts))[0] == "pass"
    kinds = x[:, :3].argmax(1)
    kinds[-1] = 3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    verdict, sentence = asked("validation range", network(4, 4), loss=loss, **halves(x, kinds))
    assert verdict == "warn" and "labels that training does not have: 3" in sentence


def test_a_trend_is_no_failure_and_a_forgotten_scale_is():
    x, y, time = normal(600, 3), normal(600, 1, seed=1), np.linspace(0, 2, 600, dtype="float32")
    x[:, 0] = time
    verdict, sentence = asked("validation range", network(3), **halves(x, y))
    assert verdict == "warn" and sentence.startswith("Column 0 of validation has mean 1.5")
    assert asked("validation range", network(3), **halves(normal(600, 3), y + 9 * time[:, None]))[0] == "warn"
    assert asked("validation range", network(1), **halves(time[:, None], y))[0] == "warn"
    falling = np.abs(normal(600, 3))
    falling[300:, 1] -= 1
    verdict, sentence = asked("validation range", network(3), **halves(falling, y))
    assert verdict == "warn" and "no negative numbers in training" in sentence
    x = normal(600, 3)
    x[300:, 0] *= 100
    assert asked("validation range", network(3), **halves(x, y))[0] == "fail"
    assert asked("validation range", network(3), **halves(normal(600, 3), np.r_[y[:300], 100 * y[300:]]))[0] == "fail"


def test_a_rare_flag_may_be_absent_in_validation():
    x, y = normal(600, 3), normal(600, 1, seed=1)
    x[:, 2] = 0
    x[[3, 77, 150, 299], 2] = 1
    assert asked("validation range", network(3), **halves(x, y))[0] == "pass"
    x[:300:2, 2] = 1
    assert asked("validation range", network(3), **halves(x, y))[0] == "warn"


def test_rows_of_a_small_table_are_equal_by_chance():
    rng = np.random.default_rng(0)
    columns = [
        rng.integers(20, 60, 800),
        rng.integers(2, size=800),
        rng.integers(3, size=800),
        rng.integers(3, size=800),
    ]
    x, y = np.stack(columns, 1).astype("float32"), np.float32(rng.integers(2, size=(800, 1)))
    verdict, sentence = asked("rows in both parts", network(), loss=LOGITS, **halves(x, y))
    assert verdict == "warn" and "this table has few different rows" in sentence
    named = {str(i): column.astype("float32") for i, column in enumerate(columns)}
    parts = [{name: column[rows] for name, column in named.items()} for rows in (slice(400), slice(400, 800))]
    assert trust.coincidence(*parts) > 0.3
    twice = rng.permutation(np.tile(np.c_[normal(400, 3), x[:400, 1]], (2, 1)))  # measured, with a yes or no beside
    verdict, sentence = asked("rows in both parts", network(), **halves(twice.astype("float32"), y))
    assert verdict == "fail"


def soft(kind):
    """Labels that are shares, and a model and a loss that are right for them."""
    x = normal(128, 4)
    yes = 1 / (1 + np.exp(-2 * x[:, :1]))
    kinds = np.exp(2 * x[:, :3]) / np.exp(2 * x[:, :3]).sum(1, keepdims=True)
    return x, *{
        "a sigmoid": (yes, network(last="sigmoid"), "binary_crossentropy"),
        "logits": (yes, network(), LOGITS),
        "smoothed by hand": (0.02 + 0.96 * (yes > 0.5), network(), LOGITS),
        "a softmax": (kinds, network(4, 3, "softmax"), "categorical_crossentropy"),
        "logits of classes": (kinds, network(4, 3), keras.losses.CategoricalCrossentropy(from_logits=True)),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["a sigmoid", "logits", "smoothed by hand", "a softmax", "logits of classes"], ids=lambda kind: kind
)
def test_soft_labels_are_no_failure(kind):
    x, y, model, loss = soft(kind)
    metrics = ["accuracy"] if "classes" in kind or "softmax" in kind else []  # accuracy of classes is an argmax
    model.compile("adam", loss, metrics=metrics)
    report = trust.audit(model, x, y.astype("float32"))
    assert not report.failures, str(report)


def test_accuracy_of_plain_numbers_stays_a_failure():
    x = normal(64, 4)

    def accuracy_within_a_tenth(y_true, y_pred):
        return tf.reduce_mean(tf.cast(tf.abs(y_true - y_pred) < 0.1, tf.float32), -1)

    assert asked("metric thresholds", network(), x, x[:, :1], metrics=["accuracy"])[0] == "fail"
    assert asked("metric thresholds", network(), x, x[:, :1], metrics=[accuracy_within_a_tenth])[0] == "pass"


def test_a_loss_may_take_the_logarithm_of_a_rate():
    def log_poisson(y_true, y_pred):
        return tf.reduce_mean(tf.nn.log_poisson_loss(y_true, y_pred), -1)

    def gamma(y_true, y_pred):
        return tf.reduce_mean(y_true * tf.exp(-y_pred) + y_pred, -1)

    x = normal(128, 4)
    counts = np.random.default_rng(1).poisson(np.exp(1 + 0.5 * x[:, :1])).astype("float32")
    assert asked("loss at the truth", network(), x, counts, loss=log_poisson)[0] == "skip"
    sizes = np.random.default_rng(1).gamma(2, np.exp(0.5 * x[:, :1])).astype("float32")
    assert asked("loss at the truth", network(), x, sizes, loss=gamma)[0] == "skip"
    for shift, verdict in ((0.0, "pass"), (0.3, "fail"), (1.0, "fail")):

        def shifted(y_true, y_pred, shift=shift):
            return tf.reduce_mean((y_pred + shift - y_true) ** 2, -1)

        assert asked("loss at the truth", network(), x, sizes, loss=shifted)[0] == verdict
    assert asked("loss at the truth", network(), x, counts)[0] == "pass"
    assert asked("loss at the truth", network(), x, counts, loss=lambda y, y_pred: -((y - y_pred) ** 2))[0] == "fail"


def test_the_name_of_an_output_is_spelled_as_it_is():
    x, inputs = normal(64, 4), keras.layers.Input((4,))
    outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("price", "isCapped")}
    y = {"price": x[:, :1], "isCapped": np.float32(x[:, :1] > 0)}
    sentence = asked("class balance", keras.Model(inputs, outputs), x, y, loss={"price": "mse", "isCapped": LOGITS})[1]
    assert sentence.startswith("The most common label of isCapped makes up")


def test_labels_that_are_all_zero_may_be_meant():
    x, zeros = normal(64, 4), np.zeros((64, 1), "float32")
    assert asked("class balance", network(), x, zeros)[0] == "warn"  # a residual that should be 0
    assert asked("class balance", network(), x, zeros, loss=LOGITS)[0] == "fail"


def test_units_without_an_activation_may_start_at_zero():
    x, inputs = normal(64, 4), keras.layers.Input((4,))
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    added = keras.layers.Dense(8, kernel_initializer="zeros")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Add()([hidden, added])))
    assert asked("dead units", model, x, x[:, :1])[0] == "pass"


def test_a_label_that_the_loss_ignores_is_no_class():
    x = normal(64, 4)
    y = x[:, :3].argmax(1)
    y[::7] = -1
    for ignored, verdict in ((-1, "pass"), (None, "fail")):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)
        assert asked("shapes", network(4, 3), x, y, loss=loss)[0] == verdict


def test_a_batch_without_the_rare_class_judges_no_metric():
    x = normal(400, 4)
    y = np.zeros((400, 1), "float32")
    y[[5, 50, 301]] = 1  # none of them in the batch that is asked
    area = [keras.metrics.AUC(from_logits=True)]
    assert asked("metric at the truth", network(), x, y, loss=LOGITS, metrics=area)[0] == "skip"
    y[::10] = 1
    assert asked("metric at the truth", network(), x, y, loss=LOGITS, metrics=area)[0] == "pass"


def test_a_shuffled_dataset_goes_on_to_its_next_order_and_whole_batches_are_read():
    x = np.zeros((5000, 4), "float32")
    rows = tf.data.Dataset.from_tensor_slices((x, x[:, :1])).batch(1000)
    assert asked("nan in data", network(), rows)[1] == "3000 rows, all finite."
    assert "goes on to its next order" in trust.audit.__doc__ and "whole batches" in trust.audit.__doc__


def test_what_is_refused_stands_in_the_docstring():
    with pytest.raises(TypeError, match="generator came"):
        trust.audit(network(), (row for row in normal(8, 4)))
    raises = trust.audit.__doc__.split("Raises:")[1]
    assert all(word in raises for word in ("generator", "PyDataset", "single rows", "number of rows"))


def test_a_step_that_is_traced_for_each_size_passes_as_the_docstring_says():
    x, model = normal(64, 4), network()
    loop = a_loop(model, keras.optimizers.SGD(0.01))
    answer = trust.audit(model, x, x[:, :1], only=["traces"], **loop)["traces"]
    assert answer.sentence == "No new trace for batches of one size."
    assert "a model's call not for each size" in trust.QUESTIONS["traces"][0].__doc__


def test_an_input_that_does_not_vary_is_not_said_to_be_read():
    inputs = {name: keras.layers.Input((2,), name=name) for name in ("a", "b")}
    joined = keras.layers.Concatenate()(list(inputs.values()))
    model = keras.Model(inputs, keras.layers.Dense(1)(joined))
    x = {"a": normal(64, 2), "b": np.ones((64, 2), "float32")}
    assert asked("inputs read", model, x, x["a"][:, :1])[1].startswith("input a: each")
    x["a"] = x["b"]
    assert asked("inputs read", model, x, x["a"][:, :1])[0] == "skip"


def test_a_loss_may_leave_missing_labels_out():
    def known_only(y_true, y_pred):
        known = tf.math.is_finite(y_true)
        return tf.where(known, (tf.where(known, y_true, 0.0) - y_pred) ** 2, 0.0)

    x = normal(64, 4)
    y = x[:, :1].copy()
    y[::9] = np.nan
    assert asked("nan in data", network(), x, y, loss=known_only)[0] == "warn"
    assert asked("nan in data", network(), x, y)[0] == "fail"


def test_a_vocabulary_of_more_texts_than_are_given_is_no_leak():
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "su") for b in ("ra", "no", "li", "du", "pe", "go", "ti", "za")]
    texts = np.array([" ".join(rng.choice(words[: 8 + i // 4], 3)) for i in range(96)])
    for known, verdict in ((texts, "pass"), (texts[:88], "fail")):  # ours are 40, theirs 48
        vectorize = keras.layers.TextVectorization(output_sequence_length=4)
        vectorize.adapt(known)
        inputs = keras.layers.Input((), dtype="string")
        pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(99, 4)(vectorize(inputs)))
        y = np.float32(rng.integers(2, size=(88, 1)))
        options = {"validation_data": (texts[40:88], y[40:])}
        model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
        assert asked("vocabulary", model, texts[:40], y[:40], loss=LOGITS, **options)[0] == verdict


def test_the_header_counts_no_halves():
    assert "half" not in trust.__doc__ and "more than fifty" in " ".join(trust.__doc__.split())
