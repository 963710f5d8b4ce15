"""Finds a student's answers: the code cells that call a check, wherever they stand in whatever notebook.

Where an answer uses a name of another cell (a function above it, an import, a constant), the statements that make the
name go with it, and no others. Whatever else a student changed does not matter.
"""

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from utils.classroom.judge import calls
from utils.classroom.release import CALL, ROOT, exercise_cells, notebooks, read

CELL_MAGIC = re.compile(r"\A\s*%%.*$", re.MULTILINE)
TIMED = re.compile(r"^(\s*)%time\s+(?=\S)", re.MULTILINE)
# What every answer has, by the setup cell or by Python and IPython.
GIVEN = {"np", "tf", "checks", "data", "plotting", "trust", "display", *dir(builtins)}


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
        for heading, cell in exercise_cells(path, read(path)):
            found.append(Exercise(path.stem, *heading.groups(), CALL.findall(cell.source)[-1], cell.source))
    return found


@dataclass
class Answer:
    """A cell that calls a check."""

    cell: str
    helpers: str  # the statements of other cells that it needs


@dataclass
class Work:
    """What one file of a student holds: the cells that call a check, by its name, in the order of the notebook."""

    answers: dict[str, list[Answer]]
    notebook: str  # the stem of the course's notebook that the file says it is, or ""
    release: str  # the release that it says it comes from, or ""


def work(content: bytes, checks: set[str]) -> Work:
    """Read a file of a student; calls of other names than `checks` do not count.

    Raises:
        ValueError: when the file is not a notebook; the message says how.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of cells without an id, or with another's
            notebook = nbformat.reads(content.decode("utf-8-sig"), as_version=4)
        cells = [_python(str(cell.get("source", ""))) for cell in notebook.cells if cell.cell_type == "code"]
        told = notebook.metadata.get("course")
        told = told if isinstance(told, dict) else {}  # somebody else may call something so
    except Exception as problem:  # nbformat raises what json, jsonschema and its own converters raise
        raise ValueError(f"This file cannot be read as a notebook: {' '.join(str(problem).split())[:80]}") from None
    found = Work({}, str(told.get("notebook", "")), str(told.get("release", "")))
    made = _made_in(cells)
    for at, cell in enumerate(cells):
        for name in dict.fromkeys(name for name in _called(cell) if name in checks):
            found.answers.setdefault(name, []).append(Answer(cell, _helpers(at, cell, made)))
    return found


def _called(cell: str) -> list[str]:
    """Return the names of the checks that a cell calls, in its order."""
    tree = _tree(cell)
    return [call.func.attr for call in calls(tree)] if tree else CALL.findall(cell)


def _python(source: str) -> str:
    """Return a cell with calls in place of what only Jupyter reads; a cell that is Python stays as it is."""
    if not _tree(source):
        with suppress(Exception):  # what neither Python nor Jupyter can read stays, and is told as such
            return TransformerManager().transform_cell(TIMED.sub(r"\1", CELL_MAGIC.sub("", source)))
    return source


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True)
class _Statement:
    """A statement at the top of a cell, and the names that it makes and that it needs."""

    cell: int
    place: int
    source: str
    makes: frozenset[str]
    needs: frozenset[str]


def _made_in(cells: list[str]) -> dict[str, list[_Statement]]:
    """Return the statements that make each name, in the order of the notebook."""
    found: dict[str, list[_Statement]] = {}
    for at, cell in enumerate(cells):
        tree = _tree(cell)
        for place, node in enumerate(tree.body if tree else []):
            makes = frozenset(_makes(node))
            with suppress(RecursionError):
                source = ast.unparse(node) if makes else ""
                for name in makes:
                    found.setdefault(name, []).append(_Statement(at, place, source, makes, _needs(source)))
    return found


def _makes(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        yield node.name
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        elif isinstance(part, ast.Subscript | ast.Attribute) and isinstance(part.ctx, ast.Store):
            while isinstance(part, ast.Subscript | ast.Attribute):  # settings["lr"] = 1 makes settings what it is
                part = part.value
            if isinstance(part, ast.Name):
                yield part.id
        elif isinstance(part, ast.alias):
            yield part.asname or part.name.partition(".")[0]


def _needs(source: str) -> frozenset[str]:
    """Return the names that a piece of code takes from outside."""
    try:
        whole = symtable.symtable(source, "answer.py", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    used, tables = set(), [whole]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is whole or s.is_global())}
    made = {s.get_name() for s in whole.get_symbols() if s.is_assigned() or s.is_imported()}
    return frozenset((used - made | _used_before(source) & made) - GIVEN)


def _used_before(source: str) -> set[str]:
    """Return the names that simple statements use before a statement makes them, as in `f = tf.function(f)`."""
    used, made = set(), set()
    tree = _tree(source)
    for node in tree.body if tree else []:
        if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign):
            names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
            added_to = node.target if isinstance(node, ast.AugAssign) else None
            used |= {name.id for name in names if isinstance(name.ctx, ast.Load) or name is added_to} - made
        made |= {*_makes(node)}
    return used


def _helpers(at: int, cell: str, made: dict[str, list[_Statement]]) -> str:
    """Return the statements of other cells that the cell at `at` needs, and those that these need, in order.

    Of several that make a name, the last one above counts, else the first one below. A name that none makes may come
    from any `import *`.
    """
    taken: set[_Statement] = set()
    open_names = [(name, (at, 0)) for name in _needs(cell)]
    while open_names:
        name, place = open_names.pop()
        options = [one for one in made.get(name, []) if one.cell != at]
        above = [one for one in options if (one.cell, one.place) < place]
        for one in {*(above[-1:] or options[:1] or made.get("*", []))} - taken:
            taken.add(one)
            open_names += [(needed, (one.cell, one.place)) for needed in one.needs]
    return "\n".join(one.source for one in sorted(taken, key=lambda one: (one.cell, one.place)))


def is_stub(source: str, exercise: Exercise) -> bool:
    """Tell whether an answer is still the stub: comments, spaces and blank lines do not count."""
    try:
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(exercise.stub))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
