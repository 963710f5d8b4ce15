"""A whole class, from release to report: strong, weak, absent and mischievous, and every cell of the CSV."""

import csv
import errno
import io
import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path

import nbformat
import pytest

from tests import environment, full_class
from tests.notebooks import NOTEBOOKS, ROOT, exercises, published, read
from utils.classroom import runner
from utils.classroom.__main__ import main
from utils.classroom.answers import exercises as course
from utils.classroom.answers import work
from utils.classroom.fence import landlock
from utils.classroom.handed_in import File, handed_in
from utils.classroom.release import release
from utils.classroom.report import Row, _as_page, _edition, _kept, _show_progress, _work_of, _write, misconception

EXERCISES = {exercise.number: exercise for path in NOTEBOOKS for exercise in exercises(path)}
AUTODIFF, CLIPPING = NOTEBOOKS[0].stem, NOTEBOOKS[4].stem
NUMBERS = {stem: [n for n, e in EXERCISES.items() if e.notebook == stem] for stem in (AUTODIFF, CLIPPING)}
VALUE = "not yet: That is the value of the function, not its slope."
MINUS = "not yet: That is minus the slope: look at the signs."
COSINE = "not yet.*"
ENDED = "raised: The answer ended its process before the check could say anything."
REPORT = """
import sys
from pathlib import Path
from utils.classroom.report import report
report(Path(sys.argv[1]), seconds=float(sys.argv[2]))
"""


# What Windows lacks, taken away in every process of Python.
WITHOUT = "import os, sys\ndel os.setsid, os.killpg, os.fork\nsys.modules['resource'] = None\n"


def slope(body, before=""):
    """Return an answer to exercise 1.1."""
    return f"{before}\ndef slope(f, x):\n    x = tf.constant(x, tf.float32)\n{body}\n\n\nchecks.slope(slope)"


ANSWER = EXERCISES["1.1"].solution.rpartition("\n")[0].rstrip()
SLOPE_OF_SINE = slope("    return cosine(x)")
SCALED = """    with tf.GradientTape() as tape:
        tape.watch(x)
        y = FACTOR * f(x)
    return tape.gradient(y, x)"""
MAGIC_AND_A_FIGURE = f"""%matplotlib inline
!pip install something
import matplotlib.pyplot as plt
from pathlib import Path
print(7
      % 2, Path.cwd())
plt.plot([1, 2])
plt.show()
display(plt.gcf())
{ANSWER}

checks.slope(slope)"""

# An `if` on a tensor: right where tf.function can read the source of the answer.
COMPILED = """
def skip_nonfinite(optimizer, gradients, variables, skipped):
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g, _ in pairs])
    if finite:
        optimizer.apply_gradients(pairs)
    else:
        skipped.assign_add(1)
    return finite


checks.skip_nonfinite(skip_nonfinite)
"""

PATCH = """
import utils.checks.autodiff as a
from utils.checks import engine
engine.expect.__code__ = (lambda *_, on, smells, tolerance: None).__code__
a.expect = lambda *_, **__: None
"""

# What mischief in exercise 1.1 is told. {teacher} is a file of the teacher's, {course} is the course.
MISCHIEF = {
    "loop": (slope("    while True:\n        pass"), "timed out"),
    "loop in the cell": (slope("    return x", "while True:\n    pass"), "timed out"),
    "exit": (slope("    return x", "import os\nos._exit(0)"), ENDED),
    "exit in the answer": (slope("    import os\n    os._exit(0)"), ENDED),
    "forks": (slope("    import os\n    while True:\n        os.fork()"), "raised: PermissionError:.*os.fork"),
    "writes": (slope("    open('{teacher}', 'w').write('A')"), "raised: PermissionError:.*may not write here.*"),
    "reads": (slope("    raise ValueError(open('{course}').read())"), "raised: PermissionError:.*may not read this.*"),
    "prints": (slope("    return f(x)", "for _ in range(1000):\n    print('x' * 10**6)"), VALUE),
    "fills": (slope("    return x", "open('big', 'wb').write(bytes(10**9))"), "raised: OSError:.*|" + ENDED),
    "takes memory": (slope("    return np.ones(10**11)"), "raised: MemoryError:.*"),
    "redefines": (slope("    return f(x)", "checks.slope = lambda answer: 'correct'"), VALUE),
    "shadows": (slope("    return f(x)", "class checks:\n    slope = staticmethod(lambda answer: 'correct')"), VALUE),
    "patches": (
        slope("    import utils.checks.autodiff as a\n    a.expect = lambda *_, **__: None\n    return tf.cos(x)"),
        "not yet: Your code replaced a part of the check while it ran.",
    ),
    "patches the cell": (slope("    return f(x)", PATCH), VALUE),
    "forges": (
        slope(
            '    import os\n    said = b\'{{"outcome": "correct", "message": ""}}\'\n'
            "    for pipe in range(3, 99):\n        try:\n"
            "            os.write(pipe, len(said).to_bytes(4, 'big') + said)\n"
            "        except OSError:\n            pass\n    os._exit(0)"
        ),
        ENDED,
    ),
    "calls": (
        slope("    import socket\n    socket.create_connection(('127.0.0.1', {port}), 2)"),
        "raised: PermissionError:.*socket.*",
    ),
    # The hook of Python does not see these: the kernel has to refuse them.
    "writes by TensorFlow": (
        slope("    tf.io.write_file('{teacher}', 'A')\n    return f(x)"),
        "raised: PermissionDeniedError:.*" if landlock() >= 1 else VALUE,
    ),
    "reads by TensorFlow": (
        slope("    raise ValueError(tf.io.read_file('{course}'))"),
        "raised: PermissionDeniedError:.*" if landlock() >= 1 else "raised: ValueError.*",
    ),
    "breaks off": ("def slope(f, x:\n\n\nchecks.slope(slope)", r"raised: SyntaxError: '\(' was never closed"),
}


# Answers that need other cells of their notebook, by what stands in cells above, in the exercise's cell, and below.
SPLIT = {
    "helper above": (["import math as m", "@tf.function\ndef cosine(x):\n    return tf.cos(x)"], SLOPE_OF_SINE, []),
    "helper below": ([], SLOPE_OF_SINE, ["def cosine(x):\n    return other(x)", "other = tf.cos"]),
    "two cells": ([slope("    return -f(x)").rpartition("\n")[0], ANSWER], "checks.slope(slope)", []),
    "own global": (["FACTOR = 2.0", "FACTOR = 1.0"], slope(SCALED), []),
    "vandal": (["tf = checks = None", "def slope(f, x):\n    return 0"], ANSWER + "\n\n\nchecks.slope(slope)", []),
    "magic": (["%load_ext nothing"], MAGIC_AND_A_FIGURE, ["slope?"]),
}


def answered(copy, stem, answers):
    """Return a notebook of the release with answers in place of stubs, by the exercise's number."""
    notebook = read(copy / "course" / "notebooks" / f"{stem}.ipynb")
    for number, source in answers.items():
        cell = next(cell for cell in notebook.cells if cell.source == EXERCISES[number].stub)
        cell.source = source
    return notebook


def save(notebook, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def notebook_of(*sources):
    """Return a notebook with these code cells, as a file has it."""
    return json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])).encode()


def zipped(files):
    """Return a zip as bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def solved(stem):
    return {number: EXERCISES[number].solution for number in NUMBERS[stem]}


def outcomes(stem, other="not attempted", **said):
    """Return what a row of the CSV says: `other` where nothing else is said of an exercise."""
    return {number: said.get("e" + number.replace(".", "_"), other) for number in NUMBERS[stem]}


def hand_in(copy, room, tmp, port):
    """Write what the students hand in; return what each row must say, by student and notebook or file."""
    expected = {}

    def hands_in(student, stem, answers, path=None, **said):
        save(answered(copy, stem, answers), room / student / (path or f"{stem}.ipynb"))
        expected[student, stem] = outcomes(stem, **said)

    for i in range(2):
        for stem in (AUTODIFF, CLIPPING):
            hands_in(f"strong {i}", stem, solved(stem), other="correct")
    for i in range(1):
        hands_in(f"weak {i}", AUTODIFF, {"1.1": slope(f"    # {i}\n    return f(x)")}, e1_1=VALUE)
    hands_in("=minus", AUTODIFF, {"1.1": slope("    return tf.cast(-tf.cos(x), 'float64')")}, e1_1=MINUS)
    hands_in("compiler", CLIPPING, {"5.3": COMPILED}, e5_3="correct")
    hands_in("idle", AUTODIFF, {"1.1": EXERCISES["1.1"].stub + "\n\n# later"}, path="a/b/c/my work (1).ipynb")
    for i, (source, said) in enumerate(MISCHIEF.values()):
        source = source.replace("{teacher}", str(tmp / "teacher" / "marks.txt")).replace("{{", "{").replace("}}", "}")
        source = source.replace("{course}", str(NOTEBOOKS[0])).replace("{port}", str(port))
        hands_in(f"mischief {i:02}", AUTODIFF, {"1.1": source}, e1_1=said)

    (room / "absent").mkdir()
    expected["absent", ""] = "no notebook"
    broken = room / "half of it" / "01.ipynb"
    save(answered(copy, AUTODIFF, {}), broken)
    broken.write_text(broken.read_text(encoding="utf-8")[:5000], encoding="utf-8")
    expected["half of it", ""] = "This file cannot be read as a notebook"
    save(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("checks.anything(1)")]),
        room / "elsewhere" / "x.ipynb",
    )
    expected["elsewhere", ""] = "no exercise of this course"

    moved = answered(copy, CLIPPING, {"5.1": EXERCISES["5.1"].solution})
    moved.cells = [cell for cell in moved.cells[::-1] if EXERCISES["5.2"].check not in cell.source]
    moved.metadata = {"colab": {"provenance": []}, "course": {"notebook": CLIPPING, "release": "v0.1"}}
    save(moved, room / "mover.ipynb")  # a file in place of a folder; Colab's save of an older release
    expected["mover", CLIPPING] = outcomes(CLIPPING, e5_1="correct", e5_2="missing")

    for student, (above, source, below) in SPLIT.items():
        notebook = answered(copy, AUTODIFF, {"1.1": source})
        at = next(i for i, cell in enumerate(notebook.cells) if cell.source == source)
        notebook.cells[at + 1 : at + 1] = map(nbformat.v4.new_code_cell, below)
        notebook.cells[at:at] = map(nbformat.v4.new_code_cell, above)
        save(notebook, room / student / "Untitled (2).ipynb.txt")
        said = {"helper above": COSINE, "helper below": COSINE}.get(student, "correct")
        expected[student, AUTODIFF] = outcomes(AUTODIFF, e1_1=said)
    joined = f"{slope('    return f(x)')}\n\n{EXERCISES['1.2'].solution}"  # two answers in one cell
    hands_in("Zo\u0308e \u00d8 & Co. <b>" + "long name " * 8, AUTODIFF, {"1.1": joined}, e1_1=VALUE, e1_2="correct")
    expected = {(unicodedata.normalize("NFC", student), stem): said for (student, stem), said in expected.items()}

    for student, content in {"empty": notebook_of(), "nothing": b""}.items():
        (room / student).mkdir()
        (room / student / "x.ipynb").write_bytes(content)
    expected["empty", ""], expected["nothing", ""] = "no exercise of this course", "This file cannot be read"
    work = nbformat.writes(answered(copy, AUTODIFF, {"1.1": EXERCISES["1.1"].solution})).encode()
    (room / "packed").mkdir()
    (room / "packed" / "01.ipynb").write_bytes(zipped({"course/notebooks/01.ipynb": work, "__MACOSX/._01.ipynb": b""}))
    expected["packed", AUTODIFF] = outcomes(AUTODIFF, e1_1="correct")
    moodle = {
        "A. M\u00fcller_12_assignsubmission_file_/01.ipynb": work,
        "B. M\u00fcller_13_assignsubmission_file_/all.zip": zipped({"deep/01.ipynb": work, "notes.txt": b"x"}),
        "C. M\u00fcller_14_assignsubmission_file_my work.zip": b"PK\x03\x04, and no zip",
    }
    (room / "Course-Week 1-99.zip").write_bytes(zipped(moodle))
    expected["A. M\u00fcller_12", AUTODIFF] = expected["B. M\u00fcller_13", AUTODIFF] = outcomes(
        AUTODIFF, e1_1="correct"
    )
    expected["C. M\u00fcller_14", ""] = "This zip cannot be read"

    hands_in("twice", AUTODIFF, {"1.1": slope("    return f(x)")}, path="old.ipynb")
    hands_in("twice", AUTODIFF, {"1.1": EXERCISES["1.1"].solution}, path=f"new/{AUTODIFF}.ipynb", e1_1="correct")
    save(answered(copy, CLIPPING, solved(CLIPPING)), room / "twice" / ".ipynb_checkpoints" / "5.ipynb")
    return expected


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A class of more than thirty, and what the report says of it."""
    tmp = tmp_path_factory.mktemp("class")
    (tmp / "teacher").mkdir()
    (tmp / "teacher" / "marks.txt").write_text("all passed")
    release(tmp / "copy")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        expected = hand_in(tmp / "copy", tmp / "room", tmp, listening.getsockname()[1])
        environment.VARIABLES["COURSE_PATIENCE"] = "8"
        try:
            environment.run_python(REPORT, str(tmp / "room"), "25", cwd=ROOT, seconds=400)
        finally:
            del environment.VARIABLES["COURSE_PATIENCE"]
        yield tmp, expected, listening


def rows_of(room):
    with (room / "_report" / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux are tried")
def test_every_cell_of_the_table_is_as_expected(room):
    tmp, expected, _ = room
    rows = rows_of(tmp / "room")
    assert len({row["student"] for row in rows}) >= 30
    assert list(rows[0]) == ["student", "notebook", *EXERCISES, "remark", "files"]
    found = {(row["student"].removeprefix("'"), row["notebook"]): row for row in rows}
    assert len(found) == len(rows) and set(found) == set(expected)
    for key, wanted in expected.items():
        row = found[key]
        if isinstance(wanted, str):
            assert row["remark"].startswith(wanted) and not any(row[number] for number in EXERCISES), row
            continue
        for number in EXERCISES:
            pattern = wanted.get(number, "")
            assert row[number] == pattern or re.fullmatch(pattern, row[number]), (key, number, row[number], pattern)
    assert found["=minus", AUTODIFF]["student"] == "'=minus"  # no formula in a spreadsheet
    assert found["mover", CLIPPING]["remark"] == f"of release v0.1, judged by the checks of {published()[1]}"
    assert found["twice", AUTODIFF]["remark"] == "2 files, the best answers count"
    assert found["idle", AUTODIFF]["files"] == os.path.join("idle", "a", "b", "c", "my work (1).ipynb")


def test_the_teacher_s_files_are_as_they_were(room):
    tmp = room[0]
    assert [path.name for path in (tmp / "teacher").iterdir()] == ["marks.txt"]
    if landlock() >= 1:
        assert (tmp / "teacher" / "marks.txt").read_text() == "all passed"
    assert {path.name for path in (tmp / "room" / "_report").iterdir()} == {
        "report.csv",
        "report.html",
        "verdicts.jsonl",
    }


def test_the_page_names_no_student_and_needs_no_network(room):
    tmp, expected, _ = room
    page = (tmp / "room" / "_report" / "report.html").read_text(encoding="utf-8")
    assert not [
        student for student, _ in expected if re.search(rf"\b{re.escape(student)}\b", re.sub(r"base64,\S+", "", page))
    ]
    assert not re.search(r"https?:|<script|<link", page)
    assert page.count("<img alt=") == page.count("The figure in words") == 3
    assert "That is the value of the function, not its slope." in page
    assert f"{AUTODIFF} (" in page and "≈" in page


def test_what_was_judged_is_not_judged_again_and_where_nothing_forks_each_process_starts_anew(
    room, tmp_path, monkeypatch
):
    tmp = room[0]
    for student in ("strong 0", "weak 0"):
        shutil.copytree(tmp / "room" / student, tmp_path / student)
    (tmp_path / "_report").mkdir()
    lines = (tmp / "room" / "_report" / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if json.loads(line)[1] == "correct" and "slope like this" not in line]
    kept = [json.dumps([*json.loads(line)[:2], "known"]) for line in kept]
    file = tmp_path / "_report" / "verdicts.jsonl"
    file.write_text("\n".join([*kept, lines[0][:40]]) + "\n", encoding="utf-8")
    as_on_windows = "import multiprocessing\nmultiprocessing.get_all_start_methods = lambda: ['spawn']\n"
    (tmp_path / ".without").mkdir()
    (tmp_path / ".without" / "sitecustomize.py").write_text(WITHOUT, encoding="utf-8")
    monkeypatch.setitem(environment.VARIABLES, "PYTHONPATH", str(tmp_path / ".without"))
    environment.run_python(as_on_windows + REPORT, str(tmp_path), "60", cwd=ROOT)
    added = file.read_text(encoding="utf-8").splitlines()[len(kept) + 1 :]
    assert sorted(json.loads(line)[1] for line in added) == ["correct", "not yet"]  # exercise 1.1 of the two students
    assert [row["1.1"] for row in rows_of(tmp_path)] == ["correct", "", VALUE]  # the second is of another notebook


def test_no_answer_reaches_the_network(room):
    listening = room[2]
    listening.settimeout(0)
    with pytest.raises(BlockingIOError):
        listening.accept()


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("For slope(tf.sin, 3): expected -0.99, got 0.141. That is the value.", "That is the value."),
        ("For a, b: expected [1., 2.], got [1. 3.]. The shape is (2,). Look.", "The shape is (2,). Look."),
        ("For a metric: expected 0., got nan. 0/0 at the start.", "0/0 at the start."),
        ("For [2., nan]: expected [[1., 2.]], got [[1., 3.], [2. , 4.]]. nan counts.", "nan counts."),
        ("For n = 3: a None must stay in its place.", "a None must stay in its place."),
        ("For f(2): expected 1, got 3.", ""),
        (
            "For 2: compiled, it raised. Use tf. Error: no (line 9: `a(b)`) Look.",
            "compiled, it raised. Use tf. Error: no Look.",
        ),
        ("A function came.\nThe class A was handed over.", "A function came. The class A was handed over."),
    ],
)
def test_a_misconception_is_told_without_the_numbers_of_one_answer(message, named):
    assert misconception("not yet", message) == named


def test_what_cannot_be_read_does_not_end_the_report(tmp_path):
    deep = "x = " + "+".join("1" * 9000)
    (tmp_path / os.fsdecode(b"Z\xff")).mkdir()
    (tmp_path / os.fsdecode(b"Z\xff") / "x.ipynb").write_bytes(notebook_of(deep, "checks.slope('\ud800')", "a\0"))
    (row, jobs), *more = [one for file in handed_in(tmp_path) for one in _work_of(file, course(), "v1")]
    assert not more and list(jobs) == ["1.1"] and row.said["1.2"] == ("missing", "")
    _write(tmp_path / "table.csv", row.student)
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == "Z?"


def test_a_zip_that_holds_too_much_is_told_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.classroom.handed_in.ALL", 2500)
    monkeypatch.setattr("utils.classroom.handed_in.LARGEST", 1500)
    (tmp_path / "bomb.zip").write_bytes(zipped({f"{i}.ipynb": b" " * (2000 if i == 0 else 1000) for i in range(9)}))
    found = [(file.student, file.name, len(file.content), file.problem) for file in handed_in(tmp_path)]
    assert found == [
        ("bomb", "bomb.zip/0.ipynb", 0, "This file is too large for a notebook"),
        ("bomb", "bomb.zip/1.ipynb", 1000, ""),
        ("bomb", "bomb.zip/2.ipynb", 1000, ""),
        ("bomb", "bomb.zip/3.ipynb", 0, "Too much is handed in at once"),
    ]


@pytest.mark.parametrize(("zips", "problem"), [(3, ""), (4, "Too many zips stand in one another")])
def test_zips_in_zips_are_opened_to_a_depth(zips, problem, tmp_path):
    content = zipped({"01.ipynb": b"{}"})
    for _ in range(zips - 1):
        content = zipped({"in.zip": content})
    (tmp_path / "all.zip").write_bytes(content)
    (file,) = handed_in(tmp_path)
    assert file.problem == problem and len(file.content) == (0 if problem else 2)


def test_a_zip_without_a_notebook_is_listed_like_a_folder(tmp_path):
    (tmp_path / "anna.zip").write_bytes(zipped({"01.pdf": b""}))
    (tmp_path / "bela").mkdir()
    assert [(file.student, file.problem) for file in handed_in(tmp_path)] == [
        ("anna", "no notebook"),
        ("bela", "no notebook"),
    ]


def test_in_moodle_s_zip_a_student_without_a_notebook_is_listed(tmp_path):
    names = ("Anna_1_assignsubmission_file_/01.pdf", "Bela_2_assignsubmission_file_/01.ipynb")
    more = (
        "Bela_2_assignsubmission_file_/notes.pdf",
        "Cleo_3_assignsubmission_file_01.pdf",
        "__MACOSX/._Anna_1_assignsubmission_file_",
    )
    (tmp_path / "all.zip").write_bytes(zipped(dict.fromkeys([*names, *more], b"{}")))
    assert [(file.student, file.problem) for file in handed_in(tmp_path)] == [
        ("Bela_2", ""),
        ("Anna_1", "no notebook"),
        ("Cleo_3", "no notebook"),
    ]


DEF = "def slope(f, x):\n    return 0\n"
CALLS = {
    "in a loop": DEF + "for f in [slope]:\n    print(checks.slope(f))",
    "in a condition": "if __name__ == '__main__':\n    def slope(f, x):\n        return 0\n    checks.slope(slope)",
    "in a function": DEF + "def test():\n    return checks.slope(slope)\ntest()",
    "in try": "try:\n    def slope(f, x):\n        return 0\n    checks.slope(slope)\nexcept Exception:\n    raise",
    "with a star": DEF + "checks.slope(*[slope])",
    "by name": DEF + "checks.slope(**{'answer': slope})",
    "asserted": DEF + "assert checks.slope(slope).outcome == 'correct'",
    "with spaces": DEF + "checks . slope (slope)",
    "behind a #": DEF + "print('#1'); checks.slope(slope)",
    "timed": DEF + "%time checks.slope(slope)",
    "timed, of two": DEF + "checks.per_example_gradients(slope)\n%time checks.slope(slope)",
    "before what never ends": DEF + "checks.slope(slope)\nwhile True:\n    pass",
    "before what fails": DEF + "checks.slope(slope)\nundefined",
    # What other cells make.
    "compiled": (DEF, "slope = tf.function(slope)\nchecks.slope(slope)"),
    "compiled elsewhere": (DEF, "slope = tf.function(slope)", "checks.slope(slope)"),
    "added to": ("h = 1", "h += 1", "def slope(f, x, a=1 / (h - 1)):\n    return 0\nchecks.slope(slope)"),
    "an entry": ("h = {}", "h['a'] = [0]", "def slope(f, x, a=h['a']):\n    return 0\nchecks.slope(slope)"),
    "an attribute": ("class A:\n    pass", "A.b = 0", "def slope(f, x, a=A.b):\n    return 0\nchecks.slope(slope)"),
    "a star": (
        "from math import *",
        "from json import *",
        "def slope(f, x, a=cos(1)):\n    return 0\nchecks.slope(slope)",
    ),
}


@pytest.mark.parametrize("cells", CALLS.values(), ids=CALLS)
def test_a_check_is_found_wherever_it_is_called(cells, tmp_path, monkeypatch):
    import tensorflow as tf

    from utils.classroom.judge import _answer

    monkeypatch.chdir(tmp_path)
    _, jobs = work_on(notebook_of(*([cells] if isinstance(cells, str) else cells)))
    (handed,) = _answer(jobs["1.1"].source, "slope", {"checks": None, "tf": tf, "__name__": "__main__"})
    assert (handed if isinstance(handed, type(work_on)) else handed.python_function).__name__ == "slope"


def work_on(content):
    """Return the row of a file that one student handed in, and what is to be judged."""
    (found,) = _work_of(File("anna", "01.ipynb", content), course(), "v1")
    return found


def test_odd_notebooks_are_read_without_a_warning(recwarn):
    notebook = json.loads(notebook_of("checks.slope(1)", "x = 1", "y = 1"))
    notebook["metadata"]["course"] = "Deep learning 101"
    notebook["cells"][0]["id"] = notebook["cells"][1]["id"]
    del notebook["cells"][1]["source"], notebook["cells"][2]["id"]
    row, jobs = work_on(json.dumps(notebook).encode())
    assert [*jobs] == ["1.1"] and row.remark == "" and not recwarn.list


def test_what_ends_before_the_answer_is_read_is_no_student_s_fault(monkeypatch):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    one = runner._Running(None, "", None, None, 0)
    theirs.send_bytes(runner.BEGUN)
    assert runner._begins(ours, one, 5) and not runner._begins(ours, one, 5)
    assert 4 < one.deadline - time.monotonic() < 5, "the time of the answer begins here"
    theirs.close()
    monkeypatch.setattr(runner, "_context", lambda: None)
    monkeypatch.setattr(
        runner, "_start", lambda *_: (ours, runner._Running(None, "", None, None, time.monotonic() + 9))
    )
    monkeypatch.setattr(runner, "_end", lambda *_: None)
    with pytest.raises(ValueError, match=r"No answer can be judged: .* -c 'import tensorflow'"):
        next(runner.judged([None], []))


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 3), (None, 3)])
def test_as_many_at_once_as_this_process_has_cores(quota, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 6, 7}, raising=False)
    monkeypatch.setattr(runner, "QUOTA", tmp_path / "cpu.max")
    if quota:
        (tmp_path / "cpu.max").write_text(quota)
    assert runner._cores() == cores


def test_another_judge_judges_anew(monkeypatch):
    read, before = Path.read_bytes, _edition()
    assert _edition() == before
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == "judge.py"))
    assert _edition() != before


def test_the_page_shows_no_words_of_one_student(monkeypatch):
    monkeypatch.setattr("utils.classroom.report._bars", lambda *_: "")
    said = [("raised", "OSError: /home/anna/x"), ("raised", "TypeError: no"), ("raised", "TypeError: no")]
    rows = [Row(str(i), AUTODIFF, [], "", {"1.1": one}) for i, one in enumerate([*said, ("not yet", "Minus.")])]
    page = _as_page(rows, course())
    assert "anna" not in page and "TypeError" in page and "Minus." in page


def test_a_folder_that_cannot_be_read_is_not_called_empty(tmp_path, monkeypatch):
    for folder in ("anna", "bela/notebooks", "cleo"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "01.ipynb").write_bytes(b"{}")
    scandir = os.scandir

    def scan(place):  # root may read everything
        if Path(place) in (tmp_path / "anna", tmp_path / "bela" / "notebooks"):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", scan)
    denied = "This folder cannot be read: Permission denied"
    assert [(file.student, file.name, file.problem) for file in handed_in(tmp_path)] == [
        ("anna", "anna", denied),
        ("bela", "bela/notebooks", denied),
        ("cleo", "cleo/01.ipynb", ""),
    ]


def test_a_file_s_name_gives_no_student_another_name(tmp_path):
    name = "Anna_1_assignsubmission_file_Bela_2_assignsubmission_file_01.ipynb"
    (tmp_path / "all.zip").write_bytes(zipped({name: b"{}"}))
    assert [file.student for file in handed_in(tmp_path)] == ["Anna_1"]


def test_what_is_left_of_an_earlier_run_may_be_damaged(tmp_path):
    kept = tmp_path / "verdicts.jsonl"
    kept.write_bytes(b'\xff\x00\n["cut\n[["a"], 1, 2]\n7\n["key", "correct", "Well."]\n')
    assert dict(_kept(kept))["key"] == ("correct", "Well.")


def test_a_table_that_is_open_elsewhere_gets_a_sentence(tmp_path):
    (tmp_path / "report.csv").mkdir()  # what cannot be replaced, either
    with pytest.raises(ValueError, match="Close it where it is open, and run the same command again"):
        _write(tmp_path / "report.csv", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


@pytest.mark.parametrize("a_terminal", [True, False])
def test_progress_is_one_line_in_a_terminal_and_nothing_elsewhere(a_terminal, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: a_terminal)
    _show_progress(50, 200, 60.0)
    _show_progress(200, 200, 200.0)
    said = capsys.readouterr().err
    if a_terminal:
        first, last = said.split("\r")[1:]
        assert "50 of 200 answers, 3.0 min left" in first and "\n" not in first
        assert "#" * 20 in last and last.endswith("\n")
    else:
        assert said == ""


def test_the_warm_process_prints_nothing_in_a_teacher_s_terminal():
    """Also where Keras runs on something else: no answer could be judged."""
    command = [sys.executable, "-m", "utils.classroom.warm"]
    other = {**os.environ, "KERAS_BACKEND": "none", "TF_USE_LEGACY_KERAS": "1"}
    out = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, env=other)
    assert (out.stdout, out.stderr) == (b"", b"")


def test_the_full_class_hands_in_answers_of_every_kind_and_none_twice():
    wrong = full_class.wrong_answers()
    given = [full_class.answer(exercise, student, wrong) for exercise in EXERCISES.values() for student in range(10)]
    stubs = {exercise.stub for exercise in EXERCISES.values()}
    tried = [source for source in given if source not in stubs]
    assert len(set(tried)) == len(tried) and 0.05 < 1 - len(tried) / len(given) < 0.15
    assert 0.2 < sum("PROOFS[" in source for source in tried) / len(tried) < 0.4
    assert all(full_class.CARRIED in source for source in tried if "PROOFS[" in source)
    assert all(work(notebook_of(source), set(wrong)).answers for source in tried)


def test_bad_input_gets_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name, said in (("empty", "no .ipynb file is in"), ("nowhere", "cannot be read"), ("file", "cannot be read")):
        with pytest.raises(SystemExit, match=said):
            main(["report", str(tmp_path / name)])
    assert not [*Path(tmp_path / "empty").iterdir()]
