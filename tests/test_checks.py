"""The engine of the checks: comparison, diagnosis, verdicts, what it survives, and the progress file."""

import _thread
import builtins
import contextlib
import ctypes
import inspect
import re
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, read
from utils import checks
from utils.checks import engine, errors, metrics, progress_file, values, watchdog
from utils.checks.engine import NotYet, attempted, central_difference, expect, refuse
from utils.checks.verdict import CORRECT, NOT_ATTEMPTED, NOT_YET, RAISED, Verdict


@pytest.fixture(autouse=True)
def registry(monkeypatch, tmp_path):
    monkeypatch.setitem(engine.REGISTRY, "0.1", progress_file.Listed("Double"))  # and forget this exercise afterward
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


def double_check():
    @engine.exercise("0.1", "Double", why="Two is more than one.")
    def double(answer):
        for x in (2.0, *engine.random_numbers(2, 1, 2)):
            expect(answer(x), 2 * x, on=f"double({x})", smells={"That is the square.": x**2, "Half of it.": x / 2})

    return double


def check_of(code):
    """Return a check whose body is `code`, in a file that lies where the checks lie."""
    body = "\n".join(f"    {line}" for line in code.splitlines())
    names = {**vars(engine), "np": np, "tf": tf}
    exec(compile(f"def double(answer):\n{body}", str(errors.CHECKS / "planted.py"), "exec"), names)
    return engine.exercise("0.1", "Double", why="Two is more than one.")(names["double"])


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: 2 * x,
        lambda x: np.float32(2 * x),
        lambda x: tf.constant(2.0 * x),
        lambda x: tf.Variable(2 * x),
        lambda x: tf.keras.Variable(2 * x) if hasattr(tf.keras, "Variable") else 2 * x,
        lambda x: np.array(2 * x, np.float16).astype(np.float64) + (2 * x - np.float16(2 * x)),
        tf.function(lambda x: 2 * x),
    ],
    ids=["float", "numpy", "tensor", "variable", "keras variable", "array", "tf.function"],
)
def test_every_idiom_is_accepted(answer):
    verdict = double_check()(answer)
    assert verdict.outcome == CORRECT and verdict.message == "Two is more than one."


def endless_list():
    parts = []
    parts.append(parts)
    return parts


class Evil:
    """Raises when it is looked at."""

    def __repr__(self):
        raise ValueError("no repr")

    def __array__(self, *_, **__):
        raise OSError("no array")


class EvilError(Exception):
    def __str__(self):
        raise ValueError("no text")


class Leaving(BaseException):
    pass


class LeavingError(Exception):
    """Exits when it is asked what it says."""

    def __str__(self):
        sys.exit("from __str__")

    __repr__ = __str__


class NamelessType(type):
    @property
    def __name__(cls):
        sys.exit("from __name__")


class Nameless(metaclass=NamelessType):
    pass


class NamelessError(Exception, metaclass=NamelessType):
    pass


class Exits:
    """Exits whatever it is asked."""

    def __getattribute__(self, name):
        sys.exit(f"from {name}")


def raising(problem):
    def answer(x):
        raise problem

    return answer


class OwnModel(tf.keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (lambda x: ..., NOT_ATTEMPTED, ""),
        (..., NOT_ATTEMPTED, ""),
        (lambda x: [..., 1], NOT_ATTEMPTED, ""),
        (lambda x: 2 * ..., NOT_ATTEMPTED, ""),
        (lambda x: tf.constant(...), NOT_ATTEMPTED, ""),
        (lambda x: x / 2, NOT_YET, "Half of it."),
        (lambda x: None, NOT_YET, "Your function returns nothing (is a `return` missing?)"),
        (lambda x: [2 * x], NOT_YET, "The shape is (1,) and should be ()"),
        (lambda x: "four", NOT_YET, "not str"),
        (lambda x: float("nan"), NOT_YET, "nan or inf"),
        (lambda x: {}["missing"], RAISED, "KeyError: 'missing'"),
        (lambda: 1, RAISED, "arguments that it does not take"),  # the check's line stands in this file
        (lambda x: missing_name, RAISED, "run the setup cell"),  # noqa: F821
        (lambda x: tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0]), RAISED, "Two shapes do not fit"),
        (lambda x: tf.constant(1) + tf.constant(1.0), RAISED, "Two dtypes meet"),
        (tf.function(lambda x: float(tf.constant(x))), RAISED, "while tf.function is tracing"),
        # What is handed over in place of a function.
        (4.0, NOT_YET, "as in checks.double(double)"),
        (tf.constant(4.0), NOT_YET, "without calling it"),
        (None, NOT_YET, "None came, and a function is expected"),
        (Evil, RAISED, "The class Evil was handed over; a function is expected."),
        # What comes in place of a number.
        (lambda x: tf.sin, NOT_YET, "A function came in place of its result"),
        (lambda x: tf.function(tf.sin), NOT_YET, "A function came in place of its result"),
        (lambda x: Evil, NOT_YET, "The class Evil came, not an instance of it"),
        (lambda x: Evil(), NOT_YET, "not Evil"),
        (lambda x: (x for _ in "ab"), NOT_YET, "a generator"),
        (lambda x: tf.keras.Input((2,)), NOT_YET, "KerasTensor"),
        (lambda x: tf.data.Dataset.range(9).repeat(), NOT_YET, "Iterate over it"),
        (lambda x: tf.ragged.constant([[1.0], [1.0, 2.0]]), NOT_YET, "rows differ in length"),
        (lambda x: tf.sparse.from_dense([0.0, 1.0]), NOT_YET, "It is sparse"),
        (lambda x: tf.IndexedSlices(tf.ones((1, 2)), tf.constant([0])), NOT_YET, "expected"),
        (lambda x: np.array([1, None]), NOT_YET, "Python objects"),
        (lambda x: [1, None], NOT_YET, "Python objects"),
        (lambda x: [[1], [1, 2]], NOT_YET, "rows of different lengths"),
        (lambda x: 2j * x, NOT_YET, "complex"),
        (lambda x: tf.constant(x, tf.bfloat16), NOT_YET, "tf.cast makes it float32"),
        (lambda x: np.array(["a", "b"]), NOT_YET, "not ndarray"),
        (lambda x: {"a": x}, NOT_YET, "not dict"),
        (lambda x: True, NOT_YET, "got True"),
        (lambda x: endless_list(), NOT_YET, "too large"),
        # What is raised in place of an answer.
        (lambda x: sys.exit(), RAISED, "with return"),
        (lambda x: sys.exit("bye"), RAISED, "SystemExit: bye"),
        (lambda x: exec("raise GeneratorExit"), RAISED, "GeneratorExit"),
        (lambda x: (_ for _ in ()).throw(Leaving("gone")), RAISED, "Leaving: gone"),
        (lambda x: (_ for _ in ()).throw(EvilError()), RAISED, "EvilError"),
        (lambda x: exec("assert x > 99", {"x": x}), RAISED, "AssertionError"),
        # A model of one's own, asked what only others have.
        (lambda x: OwnModel().inputs, RAISED, "tf.keras.Model(inputs, outputs)"),
    ],
)  # fmt: skip
def test_outcomes(answer, outcome, said):
    verdict = double_check()(answer)
    assert verdict.outcome == outcome and said in verdict.message, verdict
    assert outcome in repr(verdict) and outcome in verdict._repr_html_()
    assert len(verdict.message) < 600


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: raising(LeavingError()), "LeavingError (line "),
        (lambda: raising(NamelessError()), "An error that cannot be read"),
        (lambda: raising(watchdog.GaveUp()), "GaveUp"),
        (lambda: Nameless, "The class Nameless was handed over"),
        (lambda: lambda x: Nameless, "with return"),
        (lambda: lambda x: Exits(), "SystemExit: from "),
        (Exits, "SystemExit: from "),
        (lambda: lambda x: [Exits()], "SystemExit: from "),
        (lambda: lambda x: {"a": LeavingError()}, "SystemExit: from __str__"),
        (lambda: lambda x: tf.py_function(sys.exit, [], tf.float32), "SystemExit"),
    ],
)
def test_what_exits_when_it_is_looked_at(make, said):
    verdict = double_check()(make())
    assert verdict.outcome == RAISED and said in verdict.message, verdict


def test_a_call_with_other_than_one_answer():
    def double(x):
        return 2 * x

    check = double_check()
    assert check(answer=double).outcome == CORRECT
    assert "0 things came" in check().message and "2 things came" in check(double, 3).message


@pytest.mark.parametrize(
    "instance",
    [
        tf.keras.metrics.Mean(),
        tf.keras.losses.MeanSquaredError(),
        tf.keras.callbacks.Callback(),
        tf.keras.optimizers.SGD(),
        tf.keras.layers.Dense(1),
        OwnModel(),
    ],
    ids=lambda instance: type(instance).__name__,
)
def test_an_instance_in_place_of_the_class(instance):
    check = engine.exercise("0.1", "Double", why="", asks_for="class")(lambda answer: expect(answer(), 2, on="it"))
    assert f"without parentheses, as in checks.<lambda>({type(instance).__name__})" in check(instance).message
    assert check(lambda: 2).outcome == CORRECT


def deep(x):
    return deep(x) + 1


@tf.function
def deep_in_tensorflow(x):
    return deep_in_tensorflow(x) + 1


@pytest.mark.parametrize("answer", [deep, deep_in_tensorflow])
def test_endless_recursion(answer):
    verdict = double_check()(answer)
    assert verdict.outcome == RAISED and "without an end" in verdict.message, verdict


def test_a_model_of_ones_own_where_the_check_asks_for_its_inputs():
    for code in ("[t.name for t in answer(2.0).inputs]", "answer(2.0).input_shape[1]"):
        verdict = check_of(code)(lambda x: OwnModel())
        assert verdict.outcome in (RAISED, NOT_YET) and "tf.keras.Model(inputs, outputs)" in verdict.message, verdict


TABLE = tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Embedding(5, 2)])


class Undefined(tf.keras.layers.Layer):
    def call(self, x):
        return x + missing_name  # noqa: F821


class Nested(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = tf.keras.Sequential([tf.keras.layers.Embedding(5, 2)])

    def call(self, x):
        return self.inner(x)


def multiply(x):
    return tf.matmul(tf.ones((2, 3)), tf.ones((2, 3)))


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eagerly", "compiled"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda x: TABLE(tf.constant([[9]])), "= 9 is not in [0, 5) (line "),
        (lambda x: Nested()(tf.constant([[9]])), "= 9 is not in [0, 5) (line "),
        (lambda x: tf.keras.Sequential([Undefined()])(tf.ones((1, 1))), "name 'missing_name' is not defined (line "),
        (lambda x: tf.keras.layers.Dense(2)(tf.ones(3)), "expected min_ndim=2, found ndim=1"),
        (lambda x: tf.keras.layers.deserialize({"class_name": "Mine", "config": {}}), "Unknown layer: 'Mine'"),
        (multiply, "line "),
        (lambda x: tf.nn.embedding_lookup(tf.ones((3, 2)), tf.constant([7])), "indices[0] = 7 is not in [0, 3)"),
        (lambda x: tf.reshape(tf.range(5), (2, 3)), "5 values, but the requested shape has 6"),
    ],
    ids=["embedding", "nested", "shape inference", "rank", "loading", "matmul", "lookup", "reshape"],
)
def test_long_errors_are_cut_to_the_line_that_helps(answer, said, wrap):
    variable = tf.Variable(1.0)  # tf.function would compute constants while it traces

    def answering(x):
        return answer(x + variable)

    message = double_check()(wrap(answering)).message
    assert said in message.splitlines()[0] or "Cannot reshape" in message, message
    for noise in (
        "Exception encountered",
        "Could not automatically infer",
        "in user code",
        "function_node",
        "Graph execution",
        "[Op:",
        "Arguments",
        "\x1b",
    ):
        assert noise not in message
    assert len(message.splitlines()) <= 2


def test_the_readers_line_is_named():
    assert "`return deep_down[x]`" in double_check()(in_vain).message


def in_vain(x):
    deep_down = {}
    return deep_down[x]


@pytest.mark.parametrize("answer", [lambda: 1, lambda x, y: 1, len, pow, np.add, lambda *, x: 1])
def test_a_wrong_count_of_arguments_is_named(answer):
    counts = {len: "answer(2.0, 3.0)", pow: "answer(2.0)"}
    verdict = check_of(counts.get(answer, "answer(2.0)"))(answer)
    assert verdict.outcome == RAISED and "TypeError" in verdict.message, verdict
    assert "signature was changed" in verdict.message or answer is np.add, verdict


def test_a_wrong_call_in_the_readers_code_is_not_called_a_changed_signature():
    verdict = check_of("answer(2.0)")(lambda x: len(x, x))
    assert "signature was changed" not in verdict.message and "arguments that it does not take" in verdict.message


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eagerly", "compiled"])
def test_an_error_without_words_is_named_once(wrap):
    def answering(x):
        raise AssertionError

    message = double_check()(wrap(answering)).message
    assert message.startswith("AssertionError (line "), message


@pytest.fixture
def originals_kept(monkeypatch):
    for module, name in ((builtins, "isinstance"), (np, "allclose"), (np, "isclose")):
        monkeypatch.setattr(module, name, getattr(module, name))


@pytest.mark.parametrize(
    ("module", "name"), [(builtins, "isinstance"), (builtins, "len"), (np, "allclose"), (np, "isfinite")]
)
def test_an_answer_that_replaces_what_it_is_measured_with(module, name, originals_kept):
    original, check = getattr(module, name), double_check()

    def replace(x=None):
        setattr(module, name, lambda *a, **k: True)
        return 3.0

    try:
        verdict = check(replace)
        told = f" {name if module is builtins else f'np.{name}'}, which the check measures with"
        assert verdict.outcome == NOT_YET and told in verdict.message, verdict
        assert getattr(module, name) is original
        replace()
        assert check(lambda x: 3.0).outcome == NOT_YET
    finally:
        setattr(module, name, original)


def test_what_is_compiled_is_compiled_though_functions_run_eagerly():
    def traced(x):
        tf.config.run_functions_eagerly(True)
        return tf.constant(tf.executing_eagerly())

    tf.config.run_functions_eagerly(True)
    try:
        assert not engine.compiled(traced)(tf.constant(1.0)) and not engine.compiled(traced)(tf.constant(2.0))
        assert tf.config.functions_run_eagerly()
    finally:
        tf.config.run_functions_eagerly(False)


def test_a_check_computes_with_inf_though_numpy_is_set_to_raise():
    check = check_of("expect(answer(2.0), np.exp(np.float64(1e3)) + np.exp(np.float64(-1e3)), on='it')")
    with np.errstate(all="raise"), warnings.catch_warnings(action="ignore"):
        assert check(lambda x: float("inf")).outcome == CORRECT
        assert np.geterr()["over"] == "raise"


def test_counts_are_written_in_the_number_that_they_have():
    assert [engine.counted(n, "part") for n in (0, 1, 2)] == ["0 parts", "1 part", "2 parts"]


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (2, 1, 2), (0,)])
def test_random_arrays_have_both_signs(shape):
    array = engine.random_array(*shape, low=1, high=2)
    assert array.shape == shape and np.all((abs(array) >= 1) & (abs(array) < 2))
    assert array.size < 2 or np.unique(np.sign(array)).tolist() == [-1, 1]


@pytest.mark.parametrize(
    "code",
    [
        "int(attempted(answer(2.0)))",
        "first, second = attempted(answer(2.0))",
        "list(zip([1], attempted(answer(2.0)), strict=True))",
        "np.concatenate(attempted(answer(2.0)))",
        "attempted(answer(2.0)).shape",
    ],
)
def test_an_error_that_is_born_in_the_check_is_not_shown(code):
    verdict = check_of(code)(lambda x: [[3], "four", {}])
    assert verdict.outcome == NOT_YET and "another form than the card asks for. The last was [[3], 'four', {}]." in (
        verdict.message
    )
    assert "Error" not in verdict.message


def test_an_error_of_a_model_that_came_is_shown():
    def model():
        return tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Embedding(5, 2)])

    verdict = check_of("answer()(tf.constant([[9]]))")(model)
    assert verdict.outcome == RAISED and "= 9 is not in [0, 5)" in verdict.message


def test_a_diagnosis_inside_tf_function_keeps_its_words():
    code = "@tf.function\ndef step():\n    require(answer(2.0) is None, 'Two came.')\nstep()"
    assert check_of(code)(lambda x: x) == Verdict("0.1", NOT_YET, "Two came.")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(watchdog, "PATIENCE", 0.7)
    monkeypatch.setattr(watchdog, "STOPPING", 1.5)


def for_ever(x):
    while True:
        pass


def for_ever_catching(x):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.001)


def for_ever_catching_all(x):
    while True:
        try:
            time.sleep(0.001)
        except BaseException:
            if time.monotonic() > deadline:
                raise


deadline = time.monotonic()


def for_ever_compiled(x):
    @tf.function
    def count(i):
        while i >= 0:
            i = (i + 1) % 5
        return i

    return count(tf.constant(0))


def for_ever_eager(x):
    return tf.while_loop(lambda i: i >= 0, lambda i: [(i + 1) % 5], [tf.constant(0)])


def for_ever_traced(x):
    return tf.function(for_ever)(x)


def leftovers():
    """Return the threads of exercises that run; `is_alive` does not know it of one whose wait was interrupted."""
    frames = sys._current_frames()
    return [thread for thread in threading.enumerate() if thread.name == "exercise" and thread.ident in frames]


@pytest.mark.parametrize(
    ("then", "outcome"),
    [(lambda: None, CORRECT), (lambda: {}["missing"], RAISED), (lambda: time.sleep(4), NOT_YET)],
    ids=["right", "raising", "not to be stopped"],
)
def test_settings_that_an_answer_leaves_changed_do_not_reach_the_next_check(then, outcome, impatient):
    def change(x):
        tf.config.run_functions_eagerly(True)
        tf.keras.config.set_floatx("float64")
        then()
        return x

    assert check_of("expect(answer(2.0), 2.0, on='it')")(change).outcome == outcome
    assert not tf.config.functions_run_eagerly() and tf.keras.config.floatx() == "float32"
    while leftovers():  # the one that sleeps on
        time.sleep(0.1)


@pytest.mark.parametrize("answer", [for_ever, for_ever_catching, for_ever_compiled, for_ever_eager, for_ever_traced])
def test_an_answer_without_an_end_is_stopped(answer, impatient):
    start = time.monotonic()
    verdict = double_check()(answer)
    assert verdict.outcome == NOT_YET and "No answer within 0.7 s" in verdict.message
    assert "It was stopped." in verdict.message and time.monotonic() - start < 5
    assert not leftovers()
    assert double_check()(lambda x: 2 * x).outcome == CORRECT


def test_a_call_of_a_layer_that_was_cut_off_leaves_no_training_mode_behind():
    from keras.src.backend.common import global_state

    class Mode(tf.keras.layers.Layer):
        def call(self, x, training=False):
            calls.append(global_state.get_global_attribute("current_call_ctx"))
            return x + float(bool(training))

    def cut_off(x):
        came = Mode()(tf.constant(x), training=True)
        global_state.set_global_attribute("current_call_ctx", calls[-1])  # as of one that ended inside Keras
        return came

    calls = []
    check = check_of("expect(answer(2.0), 3.0, on='it')")
    assert check(cut_off).outcome == CORRECT
    assert check(lambda x: Mode()(tf.constant(x))).outcome == NOT_YET, "it is judged in training mode"
    assert float(Mode()(tf.constant(2.0))) == 2.0, "the reader's own calls are in training mode"


def works_for(seconds, share):
    """Return an answer that takes so long, and works for a share of the time, as on a machine that others use."""

    def answer(x):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            worked = time.process_time()
            while time.process_time() < worked + 0.05 * share:
                pass
            time.sleep(0.05 * (1 - share))
        return 2 * x

    return answer


def test_an_answer_has_more_time_on_a_busy_machine(impatient):
    check = check_of("expect(answer(2.0), 4.0, on='it')")
    assert check(works_for(1.2, share=0.3)).outcome == CORRECT
    assert "No answer within 0.7 s" in check(works_for(4, share=0.3)).message


def test_an_answer_that_comes_back_has_its_time_anew(impatient):
    check = check_of("for _ in range(4):\n    expect(answer(2.0), 4.0, on='it')")
    assert check(works_for(0.4, share=1)).outcome == CORRECT, "1.6 s in all"
    for_ever_after = iter((4.0, 4.0))
    verdict = check(lambda x: next(for_ever_after, None) or for_ever(x))
    assert verdict.outcome == NOT_YET and "No answer within 0.7 s" in verdict.message


def test_an_answer_that_comes_back_again_and_again_has_no_more_than_five_times_as_long(impatient):
    start = time.monotonic()
    verdict = check_of("while True:\n    expect(answer(2.0), 4.0, on='it')")(works_for(0.2, share=1))
    told = re.search(r"No answer within ([\d.]+) s", verdict.message)
    assert verdict.outcome == NOT_YET and told and 2.8 < float(told[1]) < time.monotonic() - start + 0.1


def test_a_check_ends_within_ten_seconds_after_the_answer_came_back_last():
    assert watchdog.PATIENCE + watchdog.STOPPING + 0.3 < 10, "the last wait for the thread and the file take their time"


def test_an_answer_that_catches_its_end_is_left_behind(impatient, monkeypatch):
    monkeypatch.setattr(watchdog, "STOPPING", 0.3)
    monkeypatch.setattr(sys.modules[__name__], "deadline", time.monotonic() + 2)
    start = time.monotonic()
    verdict = double_check()(for_ever_catching_all)
    assert verdict.outcome == NOT_YET and "restart the kernel" in verdict.message and time.monotonic() - start < 2
    for thread in leftovers():
        while thread.is_alive():
            ident = ctypes.c_ulong(thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(watchdog.GaveUp))
            thread.join(0.1)


@pytest.mark.parametrize(
    "value",
    [
        lambda: (x for x in iter(int, 1)),
        lambda: type("Endless", (), {"__repr__": for_ever})(),
        lambda: type("Endless", (), {"__array__": for_ever})(),
        lambda: type("EndlessError", (Exception,), {"__str__": for_ever})(),
    ],
    ids=["generator", "repr", "array", "error"],
)
def test_what_never_ends_when_it_is_looked_at(value, impatient):
    came = value()
    answer = raising(came) if isinstance(came, Exception) else lambda x: came
    start = time.monotonic()
    verdict = check_of("list(answer(2.0))" if inspect.isgenerator(came) else "expect(answer(2.0), 2, on='it')")(answer)
    assert verdict.outcome == NOT_YET and "No answer within 0.7 s" in verdict.message, verdict
    assert time.monotonic() - start < 5 and not leftovers()


def test_the_line_that_never_ends_is_named(impatient):
    assert "`time.sleep(" in double_check()(lambda x: time.sleep(1.5)).message


def test_an_answer_that_cannot_be_stopped_is_left_behind_and_says_nothing_more(impatient, monkeypatch, capsys):
    monkeypatch.setattr(watchdog, "STOPPING", 0.2)

    def sleepy(x):
        try:
            print("before")
            time.sleep(1.6)
        finally:
            print("much later")

    stdout = sys.stdout
    verdict = double_check()(sleepy)
    assert "restart the kernel" in verdict.message and "`time.sleep(1.6)`" in verdict.message
    print("another cell")
    (left,) = leftovers()
    assert double_check()(lambda x: print(x) or 2 * x).outcome == CORRECT
    left.join(5)
    assert not leftovers()
    said = capsys.readouterr().out
    assert "before" in said and "another cell" in said and "2.0" in said and "much later" not in said
    assert double_check()(lambda x: 2 * x).outcome == CORRECT
    assert sys.stdout is stdout


@pytest.fixture
def interrupts():
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores interrupts
    yield
    signal.signal(signal.SIGINT, handler)


def test_an_interrupt_goes_through(interrupts):
    threading.Timer(0.3, _thread.interrupt_main).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        double_check()(for_ever)
    assert time.monotonic() - start < 5 and not leftovers()
    assert not isinstance(sys.stdout, watchdog._Gate)


def test_an_interrupt_that_the_answer_raises_goes_through():
    with pytest.raises(KeyboardInterrupt):
        double_check()(lambda x: exec("raise KeyboardInterrupt"))
    assert not isinstance(sys.stdout, watchdog._Gate)


def test_a_book_that_is_printed_is_cut(capsys):
    def chatty(x):
        for _ in range(20_000):
            print("all work and no play makes a dull boy, all work and no play")
        sys.stderr.write("x" * 1_000_000)
        return 2 * x

    assert double_check()(chatty).outcome == CORRECT
    said = capsys.readouterr()
    for stream in (said.out, said.err):
        assert stream.count(watchdog.CUT) == 1 and 5_000 <= len(stream) < 5_100


def test_what_is_printed_in_little_is_left_as_it_is(capsys):
    double_check()(lambda x: print("x is", x) or 2 * x)
    assert capsys.readouterr().out.startswith("x is 2.0\n")


@pytest.mark.parametrize(
    "huge",
    [
        lambda: np.zeros(10**8),
        lambda: tf.zeros(10**8, tf.float64),
        lambda: [[0] * 1_000] * 10_000,
        lambda: "a" * 10**8,
        lambda: {i: i for i in range(10**6)},
        lambda: [[[[1.0]] * 100] * 100] * 1_000,
    ],
    ids=["array", "tensor", "list", "text", "dict", "nested"],
)
def test_huge_answers_are_judged_in_time(huge):
    value = huge()
    start = time.monotonic()
    verdict = double_check()(lambda x: value)
    assert verdict.outcome == NOT_YET and len(verdict.message) < 400
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(("levels", "entries"), [(30, 2), (31, values.MOST_ENTRIES + 1)])
def test_entries_are_counted_thirty_levels_deep(levels, entries):
    nested = [1.0, 2.0]
    for _ in range(levels - 1):
        nested = [nested]
    assert values._entries(nested) == entries


def test_an_array_is_read_up_to_the_most_entries_that_an_answer_has():
    largest = np.zeros(values.MOST_ENTRIES)
    assert values.as_array(largest) is not None and not values.form_of(largest)
    larger = np.append(largest, 0)
    assert values.as_array(larger) is None and "too large" in values.form_of(larger)


def test_a_symbolic_tensor_that_leaked(monkeypatch):
    leaked = []
    tf.function(lambda x: leaked.append(2 * x))(tf.constant(2.0))
    verdict = double_check()(lambda x: leaked[0])
    assert verdict.outcome == NOT_YET and "a symbolic tensor" in verdict.message


def test_a_thread_changes_nothing_that_an_answer_sees():
    def seen(x):
        state.append((tf.keras.config.dtype_policy().name, tf.keras.layers.Dense(1).name, float(tf.random.uniform(()))))
        state.append((np.random.random(), tf.executing_eagerly(), tf.config.functions_run_eagerly()))
        tf.keras.config.set_floatx("float32")
        return 2 * x

    before = tf.keras.config.dtype_policy()
    runs = []
    for run in (double_check(), lambda answer: [answer(2.0) for _ in range(3)]):
        state = []
        tf.keras.utils.clear_session()
        tf.keras.config.set_dtype_policy("mixed_float16")
        try:
            tf.keras.layers.Dense(1)
            tf.keras.utils.set_random_seed(1)
            run(seen)
            after = tf.keras.layers.Dense(1).name, float(tf.random.uniform(())), tf.keras.config.dtype_policy().name
            assert tf.keras.config.is_traceback_filtering_enabled()
        finally:
            tf.keras.config.set_dtype_policy(before)
        runs.append((state, after))
    assert runs[0] == runs[1] and runs[0][0][0][:2] == ("mixed_float16", "dense_1")


def test_a_verdict_can_be_sent_as_utf_8():
    verdict = double_check()(raising(ValueError("caf\udce9.csv")))
    assert verdict.outcome == RAISED and "caf\\udce9.csv" in verdict.message
    assert repr(verdict).encode() and verdict._repr_html_().encode()


def test_html_is_escaped():
    assert "<script>" not in Verdict("0.1", NOT_YET, "<script>")._repr_html_()


LARGE = np.arange(20.0).reshape(4, 5)


@pytest.mark.parametrize(
    ("want", "got", "said"),
    [
        (1.0, 1.0002, "expected 1., got 1.0002."),
        (0.333333, 0.333301, "expected 0.333333, got 0.333301."),
        (0.0, 2e-6, "expected 0., got 2.e-06."),
        (1e-4, 4e-6, "expected 0.0001, got 4.e-06."),
        ([1.0, 0.0], [1.0, 3e-7], "expected [1., 0.], got [1.e+00, 3.e-07]."),
        (LARGE, LARGE + 2.0 * (LARGE == 13), "[2, 3] is 13., got an array of shape (4, 5) whose entry [2, 3] is 15."),
        (
            LARGE,
            np.where(LARGE == 7, np.nan, LARGE),
            "whose entry [1, 2] is 7., got an array of shape (4, 5) whose entr",
        ),
        (LARGE > 3, LARGE > 4, "[0, 4] is True, got an array of shape (4, 5) whose entry [0, 4] is False"),
        (LARGE, LARGE.T, "got an array of shape (5, 4) that starts with 0, 5."),
    ],
    ids=["digits", "more digits", "zero", "small", "array", "large", "nan", "truth", "shape"],
)
def test_the_digits_that_are_shown_are_those_that_differ(want, got, said):
    with pytest.raises(NotYet, match=re.escape(said)):
        expect(got, want, on="it", tolerance=1e-7)


def test_a_smell_never_hides_a_right_answer():
    expect(4.0, 4.0, on="double(2.0)", smells={"That is the square.": 4.0})


def test_misconceptions_that_lead_to_the_same_numbers_are_both_told():
    smells = {"That is the square.": 4.0, "That is the double.": 4.0, "That is half of it.": 1.0}
    with pytest.raises(NotYet, match=r"got 4.. Either: That is the square. Or: That is the double.$"):
        expect(4.0, 2.0, on="it", smells=smells)
    with pytest.raises(NotYet, match=r"got 1.. That is half of it.$"):
        expect(1.0, 2.0, on="it", smells=smells)
    with pytest.raises(NotYet, match=r"got 4.0001. That is the double.$"):  # the nearer one
        expect(4.0001, 2.0, on="it", smells=smells | {"That is the double.": 4.0001})


def test_a_misconception_that_comes_near_by_chance_refuses_no_right_answer():
    smells = {"That is another.": 1.05e-4}
    expect(1e-5, 0.0, on="it", smells=smells)
    with pytest.raises(NotYet, match="another"):
        expect(1.05e-4, 0.0, on="it", smells=smells)


def test_expect_is_exact_enough():
    expect(1.0 + 1e-6, 1.0, on="")
    with pytest.raises(NotYet):
        expect(1.0 + 1e-3, 1.0, on="")
    with pytest.raises(NotYet):
        expect(np.ones(3), np.ones(4), on="")


def test_attempted_asks_for_a_form():
    assert attempted([1, 2], list, tuple, length=2) == [1, 2]
    with pytest.raises(NotYet, match=r"For it: got 3 parts. A pair is expected."):
        attempted((1, 2, 3), list, tuple, length=2, asked="a pair", on="it")
    with pytest.raises(NotYet, match=r"Got 3. \(float\). A pair is expected."):
        attempted(3.0, list, tuple, asked="a pair")
    with pytest.raises(NotYet, match=r"is a `return` missing"):
        attempted(None, list)
    with pytest.raises(engine.NotAttempted):
        attempted([..., ...], list)


def test_refuse_names_the_first_that_shows():
    refuse({"It is one.": False, "It is two.": np.False_})
    with pytest.raises(NotYet, match=r"For 2: It is two."):
        refuse({"It is one.": False, "It is two.": np.True_, "It is three.": True}, on="2")


def test_central_difference_agrees_with_calculus():
    x = np.array([[0.5, -1.0], [2.0, 0.0]])
    assert np.allclose(central_difference(lambda t: tf.reduce_sum(tf.sin(t) * t), x), np.sin(x) + x * np.cos(x))


def deeper(path):
    """Return the numbers of the exercises whose card stands in a section titled "Deeper"."""
    prose = "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    sections = re.split(r"^## ", prose, flags=re.M)
    return {n for part in sections if part.startswith("Deeper") for n in re.findall(r"^### Exercise (\S+)", part, re.M)}


def test_deeper_exercises_are_those_of_the_deeper_sections():
    marked = {number for number, listed in engine.REGISTRY.items() if listed.deeper}
    assert marked == {number for path in NOTEBOOKS for number in deeper(path)}
    titles = {number: title for number, title, _ in checks.progress().rows}
    assert {number for number, title in titles.items() if title.endswith(" (Deeper)")} == marked
    assert f"{len(marked)} are marked Deeper" in repr(checks.progress())


def test_a_case_is_drawn_until_its_wrong_answers_differ():
    """What cannot be computed, or is right by its nature, does not count; what is right by chance does."""
    usual = ("usual", 1.0, {"wrong": 0.5, "right": 1.0, "none": np.nan}, "")
    close, chance = [
        (name, 1.0, {**usual[2], "wrong": value}, "") for name, value in (("close", 1.0005), ("chance", 1))
    ]
    later = iter([usual] * 9 + [close, chance, ("clear", *usual[1:]), ("too many draws", 1.0, {}, "")])
    assert metrics._clear_cut(lambda: next(later))[0] == "clear"


@pytest.mark.parametrize("column", [False, True])
def test_a_case_of_r2_says_what_it_draws(column):
    batches, _, _, on = metrics._r2_case(0.0, 1.0, column)
    assert [batch[1].ndim for batch in batches] == [1 + column] * 5 and on.endswith(", 1)" if column else ",)")


def test_what_an_answer_asserts_in_a_graph_alone_is_told_in_its_words():
    def safe_norm(x):
        if not tf.executing_eagerly():
            tf.debugging.assert_positive(tf.reduce_sum(x), message="a sum above 0")
        square = tf.reduce_sum(x**2)
        return tf.where(square > 0, tf.sqrt(tf.where(square > 0, square, 1.0)), 0.0)

    verdict = checks.safe_norm(safe_norm)
    assert verdict.outcome == RAISED and "a sum above 0" in verdict.message, verdict
