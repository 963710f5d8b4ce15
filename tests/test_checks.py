"""The engine of the checks: comparison, diagnosis, verdicts, and the progress file."""

import json

import numpy as np
import pytest
import tensorflow as tf

from utils import checks
from utils.checks import engine, progress_file
from utils.checks.engine import CORRECT, NOT_ATTEMPTED, NOT_YET, RAISED, NotYet, central_difference, expect


@pytest.fixture(autouse=True)
def registry(monkeypatch, tmp_path):
    monkeypatch.setitem(engine.REGISTRY, "0.1", "Double")  # and forget the exercise of this test afterward
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


def double_check():
    @engine.exercise("0.1", "Double", why="Two is more than one.")
    def double(answer):
        for x in (2.0, *engine.random_numbers(2, 1, 2)):
            expect(answer(x), 2 * x, on=f"double({x})", smells={"That is the square.": x**2, "Half of it.": x / 2})

    return double


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: 2 * x,
        lambda x: np.float32(2 * x),
        lambda x: tf.constant(2.0 * x),
        lambda x: tf.Variable(2 * x),
        lambda x: np.array(2 * x, np.float16).astype(np.float64) + (2 * x - np.float16(2 * x)),
    ],
    ids=["float", "numpy", "tensor", "variable", "array"],
)
def test_every_idiom_is_accepted(answer):
    verdict = double_check()(answer)
    assert verdict.outcome == CORRECT and verdict.message == "Two is more than one."


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (lambda x: ..., NOT_ATTEMPTED, ""),
        (..., NOT_ATTEMPTED, ""),
        (lambda x: 2 * ..., NOT_ATTEMPTED, ""),
        (lambda x: x / 2, NOT_YET, "Half of it."),
        (lambda x: None, NOT_YET, "returns nothing"),
        (lambda x: [2 * x], NOT_YET, "The shape is (1,) and should be ()"),
        (lambda x: "four", NOT_YET, "not str"),
        (lambda x: float("nan"), NOT_YET, "nan or inf"),
        (lambda x: {}["missing"], RAISED, "KeyError: 'missing'"),
        (lambda: 1, RAISED, "signature was changed"),
        (lambda x: missing_name, RAISED, "run the setup cell"),  # noqa: F821
        (lambda x: tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0]), RAISED, "Two shapes do not fit"),
        (lambda x: tf.constant(1) + tf.constant(1.0), RAISED, "Two dtypes meet"),
        (tf.function(lambda x: float(tf.constant(x))), RAISED, "while tf.function is tracing"),
    ],
)
def test_outcomes(answer, outcome, said):
    verdict = double_check()(answer)
    assert verdict.outcome == outcome and said in verdict.message
    assert outcome in repr(verdict) and outcome in verdict._repr_html_()


def test_html_is_escaped():
    assert "<script>" not in engine.Verdict("0.1", NOT_YET, "<script>")._repr_html_()


def test_a_smell_never_hides_a_right_answer():
    expect(4.0, 4.0, on="double(2.0)", smells={"That is the square.": 4.0})


def test_expect_is_exact_enough():
    expect(1.0 + 1e-6, 1.0, on="")
    with pytest.raises(NotYet):
        expect(1.0 + 1e-3, 1.0, on="")
    with pytest.raises(NotYet):
        expect(np.ones(3), np.ones(4), on="")


def test_central_difference_agrees_with_calculus():
    x = np.array([[0.5, -1.0], [2.0, 0.0]])
    assert np.allclose(central_difference(lambda t: tf.reduce_sum(tf.sin(t) * t), x), np.sin(x) + x * np.cos(x))


def test_progress_is_remembered_and_shown():
    check = double_check()
    check(lambda x: x / 2)
    assert progress_file.load() == {"0.1": NOT_YET}
    check(lambda x: 2 * x)
    table = checks.progress()
    assert ("0.1", "Double", CORRECT) in table.rows
    assert repr(table).startswith("1 of ") and "Double" in table._repr_html_()


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"0.1": 7}', "\x00\xff"])
def test_a_corrupt_progress_file_loses_only_itself(content):
    progress_file.path().write_text(content, encoding="utf-8")
    assert checks.progress().solved == 0
    assert double_check()(lambda x: 2 * x).outcome == CORRECT
    assert json.loads(progress_file.path().read_text(encoding="utf-8"))["0.1"] == CORRECT


def test_a_progress_file_that_cannot_be_written_is_no_obstacle(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "missing" / "progress.json"))
    assert double_check()(lambda x: 2 * x).outcome == CORRECT
    assert list(tmp_path.iterdir()) == []
