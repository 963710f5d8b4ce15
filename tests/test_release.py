"""The students' copy: no solution in it, everything else works, and the solutions can be put back."""

import ast
import io
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from tests import environment
from tests.notebooks import NOTEBOOKS, ROOT, exercises, published, read, tags
from utils.classroom.__main__ import main
from utils.classroom.answers import exercises as course
from utils.classroom.for_nbgrader import for_nbgrader
from utils.classroom.release import TEXTS, add_solutions, notebooks, release
from utils.classroom.report import _release

EXERCISES = [exercise for path in NOTEBOOKS for exercise in exercises(path)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "deep" / "release"
    release(folder)
    return folder


def giving_away(exercise, lessons):
    """Return the lines that make up a solution: neither the stub nor a lesson of the course has them."""
    lines = {line.strip() for line in exercise.solution.splitlines() if len(line.strip()) > 20}
    return {line for line in lines if line not in exercise.stub and line not in lessons}


def lessons_of_the_course():
    text = "\n".join(cell.source for path in NOTEBOOKS for cell in read(path).cells)
    return re.sub(r"<summary>Solution</summary>.*?</details>", "", text, flags=re.DOTALL)


def test_no_file_gives_a_solution_away(made):
    lessons = lessons_of_the_course()
    files = {path: path.read_text(encoding="latin-1") for path in made.rglob("*") if path.is_file()}
    assert len(files) > 40
    telling = {exercise.number: giving_away(exercise, lessons) for exercise in EXERCISES}
    assert sum(map(bool, telling.values())) > 40
    for number, lines in telling.items():
        for path, text in files.items():
            found = [line for line in lines if line in text or line.replace('"', '\\"') in text]
            given_away = len(found) > len(lines) / 2  # fewer are phrases that any loop has
            assert not given_away, f"{path.relative_to(made)} has of {number}: {found}"


def test_right_answers_of_the_checks_cannot_be_read_in_a_file(made):
    checks = made / "course" / "utils" / "checks"
    with zipfile.ZipFile(checks / "checks.zip") as archive:
        assert len(archive.namelist()) == len(NOTEBOOKS)
        hidden = [line for name in archive.namelist() for line in archive.read(name).decode("utf-8").splitlines()]
    texts = "".join(path.read_text(encoding="latin-1") for path in checks.iterdir() if path.is_file())
    assert not [line for line in hidden if line.startswith("def _") and line in texts]


def test_hints_and_stubs_stay_and_outputs_go(made):
    for path in NOTEBOOKS:
        copied = made / "course" / "notebooks" / path.name
        ours, theirs = read(path), read(copied)
        nbformat.validate(theirs)
        assert [cell.id for cell in ours.cells] == [cell.id for cell in theirs.cells]
        assert [e.stub for e in exercises(path)] == [
            e.stub for e in exercises(made / "course" / "notebooks" / path.name)
        ]
        text, copy = ("\n".join(cell.source for cell in notebook.cells) for notebook in (ours, theirs))
        for kept in ("<summary>Hint", "<summary>Help", "<details>"):
            gone = text.count("<summary>Solution") if kept == "<details>" else 0
            assert copy.count(kept) == text.count(kept) - gone
        assert "<summary>Solution" not in copy and "colab.research" not in copy
        code = [cell for cell in theirs.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        assert theirs.metadata["course"]["notebook"] == path.stem, "what is handed in says which notebook it was"


def test_tests_proofs_and_the_classroom_stay_at_home(made):
    course = made / "course"
    names = {str(path.relative_to(course)) for path in course.rglob("*")}
    assert not any(re.search(r"tests|classroom|publish|proofs|__pycache__|\.git", name) for name in names)
    assert {"requirements.txt", "constraints.txt", "environment.yml", "README.md", "LICENSE"} <= names
    assert "classroom" not in (course / "utils" / "__init__.py").read_text(encoding="utf-8")
    packed = set(zipfile.ZipFile(made / "course.zip").namelist())
    assert packed == {f"course/{name}" for name in names if (course / name).is_file()}


def test_a_notebook_alone_with_the_zip_finds_its_helpers_and_its_checks(made, tmp_path):
    os.link(made / "course.zip", tmp_path / "course.zip")
    exercise = next(e for e in EXERCISES if e.number == "5.1")
    setup = next(c.source for c in read(made / "course/notebooks" / NOTEBOOKS[4].name).cells if c.cell_type == "code")
    last = f"print(checks.{exercise.check}(clip_global_norm))"
    source = "\n".join([setup, exercise.solution, last, exercise.stub, last, "print(checks.clipping_and_accumulation)"])
    printed = environment.run_python(source, cwd=tmp_path)
    assert "Exercise 5.1: correct" in printed and "Exercise 5.1: not attempted" in printed
    assert str(tmp_path / "course" / "utils" / "checks" / "checks.zip") in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "course.zip"]


def test_a_notebook_alone_or_with_half_a_zip_says_what_to_do(made, tmp_path, capfd):
    setup = next(c.source for c in read(made / "course/notebooks" / NOTEBOOKS[0].name).cells if c.cell_type == "code")
    with pytest.raises(AssertionError, match=r"put course[.]zip beside it"):
        environment.run_python(setup, cwd=tmp_path)
    (tmp_path / "course.zip").write_bytes((made / "course.zip").read_bytes()[:1000])
    with pytest.raises(AssertionError, match="Upload it again"):
        environment.run_python(setup, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["course.zip"]


def test_a_zip_that_was_damaged_on_its_way_gets_a_sentence(made, tmp_path, capfd):
    setup = next(c.source for c in read(made / "course/notebooks" / NOTEBOOKS[0].name).cells if c.cell_type == "code")
    content = bytearray((made / "course.zip").read_bytes())
    for at in range(5000, 5100):
        content[at] ^= 255
    (tmp_path / "course.zip").write_bytes(content)
    with pytest.raises(AssertionError, match="Upload it again"):
        environment.run_python(setup, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["course.zip"]


@pytest.fixture
def root(tmp_path):
    """A copy of the course, to write in."""
    for name in ("utils", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / "root" / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in TEXTS:
        shutil.copy(ROOT / name, tmp_path / "root" / name)
    return tmp_path / "root"


def test_a_teacher_s_copies_of_a_notebook_are_none_of_the_course(root, tmp_path):
    for name in ("01_autodiff-Copy1", "02_training_loop copy", "03_custom_losses (1)", "my solutions"):
        shutil.copy(root / "notebooks" / NOTEBOOKS[0].name, root / "notebooks" / f"{name}.ipynb")
    assert [path.name for path in notebooks(root)] == [path.name for path in NOTEBOOKS]


def test_a_teacher_may_write_between_the_cells_of_the_course(root, tmp_path):
    path = root / "notebooks" / NOTEBOOKS[0].name
    notebook = read(path)
    at = next(at for at, cell in enumerate(notebook.cells) if "exercise" in tags(cell))
    notebook.cells.insert(at, nbformat.v4.new_markdown_cell("Until Friday."))
    notebook.cells.insert(1, nbformat.v4.new_code_cell("print('Welcome')"))
    nbformat.write(notebook, path)
    assert len(course(root)) == len(EXERCISES) and _release(root) == published()[1]
    release(tmp_path / "copy", root)
    graded = read(for_nbgrader(tmp_path / "copy") / "source" / path.stem / path.name)
    assert next(cell.source for cell in graded.cells if cell.cell_type == "code") == "print('Welcome')"
    assert [cell.id for cell in graded.cells[at + 2 : at + 4]] == [notebook.cells[at + 2].id, "test-1-1"]


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("11_mine", [nbformat.v4.new_code_cell("x = 1")], "has no setup cell of the course"),
        ("11_mine", None, "cannot be read as a notebook"),
        ("01_autodiff", "without a heading", "has lost its heading or its check"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_named(root, name, cells, said, tmp_path):
    path = root / "notebooks" / f"{name}.ipynb"
    if cells is None:
        path.write_text("", encoding="utf-8")
    elif cells == "without a heading":
        notebook = read(path)
        at = next(at for at, cell in enumerate(notebook.cells) if "exercise" in tags(cell))
        del notebook.cells[at - 1]
        nbformat.write(notebook, path)
    else:
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with pytest.raises(ValueError, match=rf"{name}\.ipynb {said}"):
        release(tmp_path / "copy", root)
    assert not (tmp_path / "copy").exists()


def test_a_teacher_s_answer_is_not_given_to_students(root, tmp_path):
    path = root / "notebooks" / NOTEBOOKS[0].name
    notebook = read(path)
    cell = next(cell for cell in notebook.cells if "exercise" in tags(cell))
    cell.source = "def slope(f, x):\n    return 1\n\n\nchecks.slope(slope)"
    nbformat.write(notebook, path)
    with pytest.raises(ValueError, match=rf"Exercise 1\.1 in .*{path.name} is answered: keep the answer in a copy"):
        release(tmp_path / "copy", root)
    assert not (tmp_path / "copy").exists()


def test_what_others_left_beside_the_helpers_stays_at_home(root, tmp_path):
    checks = root / "utils" / "checks"
    (checks / ".ipynb_checkpoints").mkdir()
    for name in (".ipynb_checkpoints/autodiff-checkpoint.py", "autodiff.py~", "autodiff.py.orig"):
        shutil.copy(checks / "autodiff.py", checks / name)
    for name in (".env", "marks.xlsx", "progress.json"):
        (root / "utils" / name).write_text("mine", encoding="utf-8")
    release(tmp_path / "copy", root)
    course = tmp_path / "copy" / "course"
    left = r"/\.|autodiff[.-]|marks|progress\."
    assert not [path for path in (course / "utils").rglob("*") if re.search(left, path.relative_to(course).as_posix())]
    assert (course / "utils" / "plotting" / "course.mplstyle").exists()


def test_a_copy_of_files_that_nobody_may_change_from_before_1980(root, tmp_path):
    for path in [root, *root.rglob("*")]:  # as on a read-only disk, or in a container
        os.utime(path, (0, 0))
        path.chmod(0o444 if path.is_file() else 0o555)
    release(tmp_path / "copy", root)
    made = [path for path in (tmp_path / "copy").rglob("*") if not os.stat(path).st_mode & 0o200]
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    assert not made and (tmp_path / "copy" / "course.zip").exists()


def test_a_copy_below_the_helpers_does_not_hold_itself(root):
    release(root / "utils" / "copy", root)
    assert not (root / "utils" / "copy" / "course" / "utils" / "copy").exists()


def test_what_a_teacher_left_in_the_copy_is_not_packed(tmp_path):
    release(tmp_path)
    before = zipfile.ZipFile(tmp_path / "course.zip").namelist()
    for name in (".venv/lib/x.py", "notebooks/.ipynb_checkpoints/a.ipynb", "utils/__pycache__/a.pyc", "progress.json"):
        (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / name).write_text("mine", encoding="utf-8")
    add_solutions(tmp_path)
    assert zipfile.ZipFile(tmp_path / "course.zip").namelist() == before


def test_another_python_gets_a_sentence(monkeypatch):
    monkeypatch.delitem(sys.modules, "utils.classroom.for_nbgrader")
    monkeypatch.setitem(sys.modules, "nbformat", None)
    with pytest.raises(SystemExit, match=r"nbformat.* Use the Python of the course: [.]venv/bin/python"):
        main(["release", "somewhere"])


def test_what_the_system_refuses_gets_a_sentence(monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("utils.classroom.report.report", full)
    with pytest.raises(SystemExit, match=r"No space left on device.*run the same command again"):
        main(["report", "somewhere"])


def test_a_console_that_lacks_a_letter_shows_another(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("utils.classroom.release.release", lambda folder: [folder])
    monkeypatch.setattr(sys, "stdout", console)
    main(["release", "\u00dcbung"])
    console.flush()
    assert console.buffer.getvalue() == b"?bung\n"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no such signal")
def test_a_terminal_that_is_closed_ends_the_command_in_order():
    program = """
import signal
from utils.classroom.__main__ import end_in_order
end_in_order()
try:
    signal.raise_signal(signal.SIGHUP)
except KeyboardInterrupt:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
end_in_order()
signal.raise_signal(signal.SIGHUP)
print("goes on where nohup says so")
"""
    assert "goes on" in environment.run_python(program, cwd=ROOT)


def test_solutions_come_back_and_a_student_s_work_stays(tmp_path):
    folder = tmp_path / "release"
    release(folder)
    path = folder / "course" / "notebooks" / NOTEBOOKS[2].name
    work = read(path)
    cell = next(cell for cell in work.cells if "exercise" in tags(cell))
    cell.source = "my_own = 1"
    nbformat.write(work, path)
    assert len(add_solutions(folder)) == len(NOTEBOOKS)
    assert read(path).cells[work.cells.index(cell)].source == "my_own = 1"
    for ours in NOTEBOOKS:
        theirs = folder / "course" / "notebooks" / ours.name
        assert [e.solution for e in exercises(theirs)] == [e.solution for e in exercises(ours)]
    packed = zipfile.ZipFile(folder / "course.zip").read(f"course/notebooks/{path.name}").decode("utf-8")
    assert "my_own = 1" in packed and "<summary>Solution" in packed
    with pytest.raises(ValueError, match=r"no notebook in .* lacks a solution"):
        add_solutions(folder)


def test_for_nbgrader_each_exercise_is_an_answer_and_a_locked_test_worth_a_point(made):
    course = for_nbgrader(made)
    ast.parse((course / "nbgrader_config.py").read_text(encoding="utf-8"))
    for path in NOTEBOOKS:
        assignment = course / "source" / path.stem
        assert {one.name for one in assignment.iterdir()} == {path.name, "utils"}
        notebook = read(assignment / path.name)
        nbformat.validate(notebook)
        graded = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
        answers, checked, here = graded[::2], graded[1::2], exercises(path)
        assert [cell.source for cell in answers] == [exercise.stub for exercise in here]
        ids = [cell.metadata["nbgrader"]["grade_id"] for cell in graded]
        assert len(set(ids)) == len(ids) == 2 * len(here) and ids[0].startswith("answer-") and "." not in "".join(ids)
        for cell, told in [(c, {"solution": True}) for c in answers] + [(c, {"grade": True}) for c in checked]:
            marks = cell.metadata["nbgrader"]
            assert marks["schema_version"] == 3 and marks["cell_type"] == cell.cell_type == "code"
            assert {name: True for name in ("grade", "solution", "task") if marks[name]} == told
            assert marks["locked"] == marks["grade"] == ("points" in marks)
        for exercise, answer, check in zip(here, answers, checked, strict=True):
            assert notebook.cells[notebook.cells.index(answer) + 1] is check
            name = re.search(rf"checks\.{exercise.check}\((\w+)\)", answer.source)[1]
            for outcome in ("correct", "not yet", "not attempted yet", "your code raised"):
                judge = SimpleNamespace(**{exercise.check: lambda _, outcome=outcome: SimpleNamespace(outcome=outcome)})
                with nullcontext() if outcome == "correct" else pytest.raises(AssertionError, match=outcome):
                    exec(check.source, {"checks": judge, name: None})


@pytest.mark.parametrize(("flag", "said"), [([], "copy\n"), (["--nbgrader"], "copy\ncourse\n")])
def test_a_course_for_nbgrader_is_made_where_it_is_asked_for(flag, said, monkeypatch, capsys):
    monkeypatch.setattr("utils.classroom.release.release", lambda folder: ["copy"])
    monkeypatch.setattr("utils.classroom.for_nbgrader.for_nbgrader", lambda folder: "course")
    main(["release", "somewhere", *flag])
    assert capsys.readouterr().out == said


@pytest.mark.skipif(find_spec("nbgrader") is None, reason="nbgrader is not installed")
def test_nbgrader_gives_a_point_for_a_correct_answer_and_none_for_a_wrong_one(tmp_path):
    release(tmp_path / "copy")
    course, stem = for_nbgrader(tmp_path / "copy"), NOTEBOOKS[0].stem
    here = {exercise.number: exercise for exercise in exercises(NOTEBOOKS[0])}

    def nbgrader(*arguments):
        variables = {**os.environ, **environment.VARIABLES, "JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter")}
        variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])  # for alembic
        command = [sys.executable, "-m", "nbgrader", *arguments]
        run = subprocess.run(command, cwd=course, env=variables, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr[-3000:]
        return run.stdout + run.stderr

    nbgrader("generate_assignment", stem)
    handed = read(course / "release" / stem / f"{stem}.ipynb")
    assert [cell.source for cell in handed.cells if "exercise" in tags(cell)] == [e.stub for e in here.values()]
    for number, source in (("1.1", here["1.1"].solution), ("1.2", here["1.2"].stub.replace("...", "x"))):
        next(cell for cell in handed.cells if cell.source == here[number].stub).source = source
    checked = next(cell for cell in handed.cells if "safe_norm" in cell.source and "assert" in cell.source)
    checked.source = "pass"  # a locked cell that was changed all the same
    mine = course / "submitted" / "somebody" / stem
    mine.mkdir(parents=True)
    nbformat.write(handed, mine / f"{stem}.ipynb")
    (mine / "utils").mkdir()
    (mine / "utils" / "__init__.py").write_text("raise RuntimeError('a forged helper')", encoding="utf-8")
    nbgrader("autograde", stem)
    with sqlite3.connect(course / "gradebook.db") as book:
        points = dict(
            book.execute("select base_cell.name, auto_score from grade join base_cell on base_cell.id = grade.cell_id")
        )
    assert points == {f"test-{number.replace('.', '-')}": float(number == "1.1") for number in here}
    said = nbgrader("validate", str(course / "autograded" / "somebody" / stem / f"{stem}.ipynb"))
    assert "VALIDATION FAILED ON 4 CELL" in said.upper()


def test_bad_input_gets_a_sentence_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "file").touch()
    for command, name, said in (
        ("release", "full", "holds something"),
        ("release", "file", "holds something"),
        ("release", "file/below", "cannot be written"),
        ("solutions", "nowhere", "Expected a folder that release has made"),
        ("solutions", "full", "Expected a folder that release has made"),
    ):
        with pytest.raises(SystemExit, match=said):
            main([command, str(tmp_path / name)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_command_is_asked_for(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2 and "the following arguments are required: command" in capsys.readouterr().err
