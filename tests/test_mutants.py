"""`make mutants` plants what it says, where it matters, and knows which tests concern a file."""

import ast
import sys

import nbformat
import pytest

from tests import concern
from tests import mutants as tool
from tests.faults import mutants
from tests.notebooks import NOTEBOOKS, ROOT, read

EACH = [
    ("a + b", "sign", ["a - b"]),
    ("a - b", "sign", ["a + b"]),
    ("-a", "sign", ["a"]),
    ("a += b", "sign", ["a -= b"]),
    ("a / b", "factor left out", ["a"]),
    ("a * b", "factor left out", ["a"]),
    ("f(x, axis=0)", "axis", ["f(x, axis=-1)"]),
    ("f(x, axis=-1)", "axis", ["f(x, axis=0)"]),
    ("f(x, training=True)", "flag", ["f(x, training=False)"]),
    ("a if b else c", "branches swapped", ["a if not b else c"]),
    ("if a:\n    b = 1\nelse:\n    b = 2", "branches swapped", ["if not a:\n    b = 1\nelse:\n    b = 2"]),
    ("def f():\n    raise ValueError(a + b)", "raise left out", ["def f():\n    pass"]),
    ("f(rtol=1e-5)", "times ten", ["f(rtol=0.0001)"]),
    ("f(2, 0.5, 0.0)", "constant", ["f(3, 0.5, 0.0)", "f(2, 1.0, 0.0)", "f(2, 0.5, 1.0)"]),
    ("a < b", "border", ["a <= b"]),
    ("a >= b", "border", ["a > b"]),
    ("a and b", "logic", ["a or b"]),
    ("not a", "logic", ["a"]),
    ("tf.reduce_mean(x) + min(x)", "twin", ["tf.reduce_sum(x) + min(x)", "tf.reduce_mean(x) + max(x)"]),
    ("metric.reset_state()", "line left out", ["pass"]),
    ("a.b = c", "line left out", ["pass"]),
    ("a[0] = c", "line left out", ["pass"]),
    ("a += b", "line left out", ["pass"]),
]
NOTHING = [
    '"""A docstring."""',
    "def f(a: 1 + 1) -> 2 * 2: ...",
    "a: 1 + 1 = b",
    "a = b",
    '"a" + b',
    'folder / "file"',
    'f"{1 + 1}"',
    "print(1 + 1)",
    "assert 1 + 1 == a",
    "raise_it = a",
    "drawn = plot(x, color=1, figsize=(2, 3))",
    'if __name__ == "__main__":\n    main(1)',
]


def same(source):
    return ast.unparse(ast.parse(source))


@pytest.mark.parametrize(("source", "fault", "wanted"), EACH)
def test_each_fault_changes_what_it_says_and_nothing_else(source, fault, wanted):
    made = [mutant.applied(source) for mutant in mutants(source) if mutant.fault == fault]
    assert sorted(map(same, made)) == sorted(map(same, wanted))


@pytest.mark.parametrize("source", NOTHING)
def test_what_only_people_read_is_left_alone(source):
    assert mutants(source) == []


def test_a_change_keeps_every_other_byte_and_says_where_it_is():
    source = "def f(x):  # × twice\n    y = '≈', 2 * x  # here\n    return y\n"
    found = [mutant for mutant in mutants(source) if mutant.fault == "factor left out"]
    assert [(mutant.line, mutant.function, mutant.before, mutant.after) for mutant in found] == [
        (2, "f", "2 * x", "(2)")
    ]
    assert found[0].applied(source) == source.replace("2 * x", "(2)")


def test_the_same_seed_draws_the_same_mutants_and_each_can_be_read_by_python():
    for file in ("utils/plotting/description.py", concern.name(NOTEBOOKS[3])):
        drawn = tool.sample(file, 1, 5)
        assert drawn == tool.sample(file, 1, 5) != tool.sample(file, 2, 5) and len(set(drawn)) == len(drawn) > 0
        for mutant in drawn:
            source = (ROOT / file).read_text(encoding="utf-8")
            source = source if mutant.cell is None else read(ROOT / file).cells[mutant.cell].source
            assert same(mutant.applied(source)) != same(source), mutant
    assert len({mutant.fault for mutant in drawn}) > 2


def test_a_mutant_of_a_notebook_changes_one_cell(tmp_path):
    mutant = tool.sample(concern.name(NOTEBOOKS[0]), 1, 1)[0]
    copy = tmp_path / "copy.ipynb"
    nbformat.write(read(NOTEBOOKS[0]), copy)
    tool.write(mutant, copy)
    before, after = read(NOTEBOOKS[0]).cells, read(copy).cells
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [mutant.cell]


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("utils/data/sources.py", "tests/test_sources.py"),
        ("utils/plotting/text_width.py", "tests/plotting/test_pictures.py"),  # which imports nothing of it
        ("utils/classroom/warm.py", "tests/test_classroom.py"),  # which starts it by its name
        ("utils/session.py", "tests/test_setup.py"),
        ("utils/trust.py", "tests/test_zoo.py"),
    ],
)
def test_the_tests_of_a_module_are_found(file, wanted):
    ((*found,),) = concern.tests_of(file)
    assert wanted in found and len(found) <= concern.AT_MOST


def test_the_tests_of_a_check_are_its_exercise_and_those_of_a_notebook_its_outputs_and_what_takes_code_from_it():
    huber, all_checks = concern.tests_of("utils/checks/losses.py", "huber")
    assert huber == ("tests/test_exercises.py", "-k", "huber") and all_checks == (concern.CHECKS,)
    (_, _, names), _ = concern.tests_of("utils/checks/losses.py", "_a_helper")
    assert "huber or " in names
    outputs, theirs = concern.tests_of(concern.name(NOTEBOOKS[4]))
    assert outputs[0] == "--nbval" and outputs[-1] == concern.name(NOTEBOOKS[4]) and "tests/test_safe_step.py" in theirs
    assert "tests/test_metrics_at_work.py" in concern.tests_of(concern.name(NOTEBOOKS[3]))[1]  # by way of test_metrics
    assert "tests/test_prepare.py" in concern.tests_of(concern.name(NOTEBOOKS[8]))[1]


def test_every_module_with_something_to_change_has_tests():
    for path in (ROOT / "utils").rglob("*.py"):
        assert not mutants(path.read_text(encoding="utf-8")) or concern.tests_of(concern.name(path))[0], path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one module and its test."""
    for name, text in {
        "utils/half.py": "def half(x):\n    return x / 2\n\n\ndef untested(x):\n    return x + 1\n",
        "tests/test_half.py": "from utils import half\n\n\ndef test_half():\n    assert half.half(6) == 3\n",
        "conftest.py": "",
    }.items():
        (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / name).write_text(text, encoding="utf-8")
    for module in (tool, concern):
        monkeypatch.setattr(module, "ROOT", tmp_path / "course")
        monkeypatch.setattr(module, "NOTEBOOKS", [])
    monkeypatch.setattr(tool, "SAVED", tmp_path / "course" / "build" / "mutants.json")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # what its tests do not need
    concern.uses.cache_clear()
    yield tmp_path / "course"
    concern.uses.cache_clear()


def all_of(course, file):
    found = mutants((course / file).read_text(encoding="utf-8"))
    return [mutant._replace(file=file) for mutant in found if mutant.fault != "constant"]


def test_a_run_says_what_was_noticed_and_goes_on_where_it_stopped(course, monkeypatch, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    monkeypatch.setattr(tool, "sample", lambda file, *_: all_of(course, file))
    monkeypatch.setattr(sys, "argv", ["mutants", "utils/half"])
    tool.main()
    said = capsys.readouterr().out
    assert "utils/half.py:2 factor left out: x / 2 → (x) | tests/test_half.py::test_half\n" in said
    assert "utils/half.py:6 sign: x + 1 → (x - 1) | SURVIVED\n" in said
    assert "2 mutants, 1 noticed. Left:\n" in said
    assert {path: path.read_bytes() for path in before} == before
    (course / "tests" / "test_untested.py").write_text(
        "from utils.half import untested\n\n\ndef test_it():\n    assert untested(1) == 2\n", encoding="utf-8"
    )
    concern.uses.cache_clear()
    tool.main()
    said = capsys.readouterr().out
    assert "half.py:2" not in said and "2 mutants, 2 noticed. Left:\nnone\n" in said


def test_tests_that_fail_on_the_unchanged_course_notice_nothing(course, capsys, monkeypatch):
    (course / "tests" / "test_half.py").write_text("from utils import half\n\n\ndef test_half():\n    half.no\n")
    monkeypatch.setattr(tool, "sample", lambda file, *_: all_of(course, file)[:1])
    monkeypatch.setattr(sys, "argv", ["mutants"])
    tool.main()
    said = capsys.readouterr().out
    assert "| BROKEN: tests/test_half.py::test_half\n" in said and "1 mutants, 0 noticed" in said


def test_a_mutant_without_end_is_stopped(course):
    (course / "tests" / "test_half.py").write_text("def test_half():\n    while True:\n        pass\n")
    assert tool.run(course, ("tests/test_half.py",), 3) == "no end"
