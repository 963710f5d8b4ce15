"""Finds a student's answers: the code cells that call a check, wherever they stand in whatever notebook."""

import ast
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from utils.classroom.release import ROOT, notebooks

CALL = re.compile(r"^[^#\n]*\bchecks\.(\w+)\(", re.MULTILINE)
MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)  # what Jupyter reads, and Python does not


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course."""

    notebook: str  # the stem of the file's name
    number: str
    title: str
    check: str  # the name of its check
    stub: str


def exercises(root: Path = ROOT) -> list[Exercise]:
    """Return the exercises of the course at `root`, in their order."""
    found = []
    for path in notebooks(root):
        cells = nbformat.read(path, as_version=4).cells
        for card, cell in itertools.pairwise(cells):
            if "exercise" in cell.metadata.get("tags", []):
                number, title = re.search(r"^### Exercise (\d+\.\d+) · (.+)$", card.source, re.MULTILINE).groups()
                found.append(Exercise(path.stem, number, title, CALL.findall(cell.source)[-1], cell.source))
    return found


@dataclass
class Work:
    """What one file of a student holds: the cells that call a check, by its name, in the order of the notebook."""

    cells: dict[str, list[str]]
    notebook: str  # the stem of the course's notebook that the file says it is, or ""
    release: str  # the release that it says it comes from, or ""


def work(path: Path, checks: set[str]) -> Work:
    """Read a file of a student; calls of other names than `checks` do not count.

    Raises:
        ValueError: when the file is not a notebook; the message says how.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        sources = [str(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
        told = dict(notebook.metadata.get("course", {}))
    except Exception as problem:  # nbformat raises what json, jsonschema and its own converters raise
        raise ValueError(f"This file cannot be read as a notebook: {' '.join(str(problem).split())[:80]}") from None
    found = Work({}, str(told.get("notebook", "")), str(told.get("release", "")))
    for source in sources:
        source = MAGIC.sub("", source)
        called = [name for name in CALL.findall(source) if name in checks]
        if called:
            found.cells.setdefault(called[-1], []).append(source)
    return found


def is_stub(source: str, exercise: Exercise) -> bool:
    """Tell whether an answer is still the stub: comments, spaces and blank lines do not count."""
    try:
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(exercise.stub))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
