"""Every check is proven on the stub, the solution, other right answers, misconceptions, and code that raises."""

import ast
import functools
import importlib
import re
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.notebooks import NOTEBOOKS, ROOT, exercises, verdict
from utils import checks, data, plotting
from utils.checks import watchdog
from utils.checks.progress_file import REGISTRY
from utils.checks.verdict import CORRECT, NOT_ATTEMPTED, NOT_YET, RAISED

NAMES = {"np": np, "tf": tf, "checks": checks, "data": data, "plotting": plotting}
EXERCISES = [exercise for path in NOTEBOOKS for exercise in exercises(path)]
TOPICS = {
    path.stem: importlib.import_module(f"tests.proofs.{path.stem}").PROOFS
    for path in sorted((ROOT / "tests" / "proofs").glob("[a-z]*.py"))
}
PROOFS = {name: proof for proofs in TOPICS.values() for name, proof in proofs.items()}
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: f"{e.number}-{e.check}")


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(watchdog, "PATIENCE", 90)  # several workers may share a core


def judge(name, answer):
    return getattr(checks, name)(*(answer if isinstance(answer, tuple) else (answer,)))


@functools.cache
def judged(name):
    """Return the verdicts on all answers of a proof: the right ones, the wrong ones, and those that raise."""
    proof = PROOFS[name]
    wrong = {smell: judge(name, answer) for smell, answer in proof.wrong.items()}
    raising = [judge(name, answer) for answer in (proof.raises, *proof.breaks)]
    return [judge(name, answer) for answer in proof.right], wrong, raising


def test_every_exercise_has_a_check_and_a_proof():
    assert {e.check for e in EXERCISES} == set(PROOFS)
    assert {e.number: e.title for e in EXERCISES} == {number: title for number, (title, _) in REGISTRY.items()}
    for name, proof in PROOFS.items():
        assert len(proof.right) >= 2 and len(proof.wrong) >= 3, name


@each_exercise
def test_stub_is_not_attempted(exercise):
    assert verdict(exercise.stub, NAMES).outcome == NOT_ATTEMPTED


@each_exercise
def test_solution_is_correct_within_seconds(exercise):
    start = time.process_time()
    said = verdict(exercise.solution, NAMES)
    assert said.outcome == CORRECT, said
    assert time.process_time() - start < 6  # at most 2 on two quiet cores


@each_exercise
def test_other_idioms_are_correct(exercise):
    right, _, _ = judged(exercise.check)
    for said in right:
        assert said.outcome == CORRECT, said


@each_exercise
def test_misconceptions_are_named(exercise):
    _, wrong, _ = judged(exercise.check)
    for smell, said in wrong.items():
        assert said.outcome == NOT_YET and smell in said.message, f"{smell!r} was expected in: {said}"


@each_exercise
def test_code_that_raises_is_reported(exercise):
    no_line_ran = "The signature was changed|Unknown variable"  # of the answer: the check or Keras stumbled over it
    _, _, raising = judged(exercise.check)
    for said in raising:
        assert said.outcome == RAISED, said
        assert re.search(rf"line \d+: `|{no_line_ran}", said.message), said


@each_exercise
def test_no_verdict_prints_the_solution(exercise):
    solution_lines = {line.strip() for line in exercise.solution.splitlines() if len(line.strip()) > 25}
    right, wrong, raising = judged(exercise.check)
    for said in (*right, *wrong.values(), *raising):
        own = re.sub(r"\(line \d+: `.*`\)", "", said.message)  # without the line of the answer that it names
        assert not any(line in own for line in solution_lines - set(exercise.stub.splitlines()))


def sentences(topic):
    """Return the sentences, and ends of sentences, that the checks of a topic can say of an answer."""
    tree = ast.parse((ROOT / "utils" / "checks" / f"{topic}.py").read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    aside = [node for function in functions for decorator in function.decorator_list for node in ast.walk(decorator)]
    aside += [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]  # docstrings
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in aside]
    return [text.strip() for text in texts if isinstance(text, str) and re.search(r"\S \S.*[.?]\s*$", text, re.DOTALL)]


def test_a_model_that_is_called_without_an_end_is_stopped(monkeypatch):
    """Ended inside Keras or inside a call from TensorFlow into Python, it may take the process with it."""

    class Endless(tf.keras.Model):
        accum_steps, clip_norm = 2, 1.0

        def train_step(self, data):
            while True:
                self(data[0], training=True)

    monkeypatch.setattr(watchdog, "PATIENCE", 1)
    assert all("No answer within 1 s" in judge("capstone", Endless).message for _ in range(5))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_sentence_is_said_to_an_answer(topic):
    """A sentence that no answer of the proofs gets may be true of none."""
    said = ""
    for name in TOPICS[topic]:
        _, wrong, raising = judged(name)
        said += "\n".join(verdict.message for verdict in (*wrong.values(), *raising))
    assert [sentence for sentence in sentences(topic) if sentence not in said] == []
