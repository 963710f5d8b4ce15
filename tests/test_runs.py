"""Each notebook runs solved, each of its cells twice in a row, and what it says stays the same.

The run from top to bottom, unsolved, is nbval's: see `addopts` in pyproject.toml.
"""

import copy
import json
import os

import pytest
from nbclient import NotebookClient

from tests.course import IGNORED, NOTEBOOKS, exercises, read, spoken, tags


def solved_and_doubled(path):
    """Return the notebook with every exercise solved, and with each code cell standing twice."""
    notebook = read(path)
    solutions = {exercise.stub: exercise.solution for exercise in exercises(path)}
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = solutions.get(cell.source, cell.source)
            again = copy.deepcopy(cell)
            again["id"] = f"{cell['id']}-again"
            cells += [cell, again]
    notebook.cells = cells
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solved_with_every_cell_run_twice(path, tmp_path):
    notebook = solved_and_doubled(path)
    expected = [spoken(cell) for cell in notebook.cells]
    progress = tmp_path / "progress.json"
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env={**os.environ, "COURSE_PROGRESS": str(progress)})
    for cell, said in zip(notebook.cells, expected, strict=True):
        if IGNORED not in tags(cell) and "exercise" not in tags(cell):
            assert spoken(cell) == said, f"{cell['id']} says something else:\n{cell.source}"
    outcomes = json.loads(progress.read_text(encoding="utf-8"))
    assert outcomes == {exercise.number: "correct" for exercise in exercises(path)}
