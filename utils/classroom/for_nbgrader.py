"""Writes a students' copy as a course of nbgrader: an assignment a notebook, and points for each correct exercise.

An exercise cell becomes an autograded answer: a student writes there, and its check still says what is wrong. The cell
below it is new, locked, and worth a point: it asks the same check, and raises unless the answer is correct.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

import nbformat

from utils.classroom.release import FOLDER, exercise_cells

COURSE = "nbgrader"
TEST = "# This cell gives the point.\nverdict = {call}\nassert verdict.outcome == 'correct', verdict.outcome"
CALL = re.compile(r"^checks\.\w+\(.*\)$", re.MULTILINE)
CONFIG = '''"""nbgrader reads this file where its commands are run: in the folder that it stands in."""

from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "custom-training"
c.Execute.timeout = 120  # seconds of a cell
# The notebooks have no solutions, and what stands in an exercise cell stays: it is the stub.
c.GenerateAssignment.preprocessors = [
    one for one in GenerateAssignment.preprocessors.default() if one is not ClearSolutions
]
'''


def for_nbgrader(folder: Path) -> Path:
    """Write the copy that `release` has made in `folder` as a course of nbgrader beside it, and return its folder."""
    course = folder / FOLDER
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch, COURSE)
        for path in sorted((course / "notebooks").glob("*.ipynb")):
            assignment = made / "source" / path.stem
            # The helpers go with each assignment: nbgrader copies them over those that a student hands in.
            shutil.copytree(course / "utils", assignment / "utils", ignore=shutil.ignore_patterns("__pycache__"))
            nbformat.write(_graded(path), assignment / path.name)
        (made / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
        os.replace(made, folder / COURSE)
    return folder / COURSE


def _graded(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with nbgrader's metadata, and a test cell below each exercise."""
    notebook = nbformat.read(path, as_version=4)
    for heading, cell in [*exercise_cells(path, notebook)]:
        number = heading[1].replace(".", "-")
        cell.metadata["nbgrader"] = _metadata(f"answer-{number}", solution=True)
        test = nbformat.v4.new_code_cell(TEST.format(call=CALL.findall(cell.source)[-1]), id=f"test-{number}")
        test.metadata["nbgrader"] = _metadata(f"test-{number}", grade=True, locked=True, points=1)
        notebook.cells.insert(notebook.cells.index(cell) + 1, test)
    return notebook


def _metadata(name: str, **is_so) -> dict:
    """Return nbgrader's metadata of a cell, version 3 of its schema."""
    plain = {
        "schema_version": 3,
        "cell_type": "code",
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
    }
    return {**plain, "grade_id": name, **is_so}
