"""A class of thirty, from release to report: strong, weak, absent and mischievous, and every cell of the CSV."""

import csv
import json
import os
import re
import shutil
import socket
import sys
from pathlib import Path

import nbformat
import pytest

from tests import environment
from tests.notebooks import NOTEBOOKS, ROOT, exercises, published, read
from utils.classroom.__main__ import main
from utils.classroom.fence import landlock
from utils.classroom.release import release
from utils.classroom.report import misconception

EXERCISES = {exercise.number: exercise for path in NOTEBOOKS for exercise in exercises(path)}
AUTODIFF, CLIPPING = NOTEBOOKS[0].stem, NOTEBOOKS[4].stem
NUMBERS = {stem: [n for n, e in EXERCISES.items() if e.notebook == stem] for stem in (AUTODIFF, CLIPPING)}
VALUE = "not yet: That is the value of the function, not its slope."
MINUS = "not yet: That is minus the slope: which of the two points is subtracted?"
ENDED = "raised: The answer ended its process before the check could say anything."
REPORT = """
import sys
from pathlib import Path
from utils.classroom.report import report
report(Path(sys.argv[1]), seconds=float(sys.argv[2]))
"""


def slope(body, before=""):
    """Return an answer to exercise 1.1."""
    return f"{before}\ndef slope(f, x):\n    x = tf.constant(x, tf.float32)\n{body}\n\n\nchecks.slope(slope)"


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


def solved(stem):
    return {number: EXERCISES[number].solution for number in NUMBERS[stem]}


def outcomes(stem, other="not attempted", **said):
    """Return what a row of the CSV says: `other` where nothing else is said of an exercise."""
    return {number: said.get("e" + number.replace(".", "_"), other) for number in NUMBERS[stem]}


def hand_in(copy, room, tmp, port):
    """Write what thirty students hand in; return what each row must say, by student and notebook or file."""
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

    hands_in("twice", AUTODIFF, {"1.1": slope("    return f(x)")}, path="old.ipynb")
    hands_in("twice", AUTODIFF, {"1.1": EXERCISES["1.1"].solution}, path=f"new/{AUTODIFF}.ipynb", e1_1="correct")
    save(answered(copy, CLIPPING, solved(CLIPPING)), room / "twice" / ".ipynb_checkpoints" / "5.ipynb")
    return expected


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A class of thirty, and what the report says of it."""
    tmp = tmp_path_factory.mktemp("class")
    (tmp / "teacher").mkdir()
    (tmp / "teacher" / "marks.txt").write_text("all passed")
    release(tmp / "copy")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        expected = hand_in(tmp / "copy", tmp / "room", tmp, listening.getsockname()[1])
        environment.VARIABLES["COURSE_PATIENCE"] = "8"
        try:
            environment.run_python(REPORT, str(tmp / "room"), "25", cwd=ROOT)
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
    assert len({row["student"] for row in rows}) == 30
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


def test_what_was_judged_is_not_judged_again_and_where_nothing_forks_each_process_starts_anew(room, tmp_path):
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
        ("A function came.\nThe class A was handed over.", "A function came. The class A was handed over."),
    ],
)
def test_a_misconception_is_told_without_the_numbers_of_one_answer(message, named):
    assert misconception("not yet", message) == named


def test_bad_input_gets_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name, said in (("empty", "no .ipynb file is in"), ("nowhere", "cannot be read"), ("file", "cannot be read")):
        with pytest.raises(SystemExit, match=said):
            main(["report", str(tmp_path / name)])
    assert not [*Path(tmp_path / "empty").iterdir()]
