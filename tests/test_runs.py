"""Each notebook runs solved, each of its cells twice in a row: what it says stays the same, and nothing is traced anew.

The run from top to bottom, unsolved, is nbval's: see `addopts` in pyproject.toml.
"""

import copy
import json
import os

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks import IGNORED, NOTEBOOKS, exercises, read, sanitized, spoken, tags

# Runs after the setup cell: notes how often each tf.function is traced, by the name of what it compiles.
WATCH = """
_Function, _traces = type(tf.function(lambda: None)), {}
_call = _Function.__call__


def _watched(self, *args, **kwargs):
    try:
        return _call(self, *args, **kwargs)
    finally:
        name = getattr(self.python_function, "__qualname__", repr(self.python_function))
        _traces[name] = max(_traces.get(name, 0), self.experimental_get_tracing_count())


_Function.__call__ = _watched
"""
TRACES = "import json\nprint(json.dumps(_traces))"
# Every tf.function is traced once, but for these. Keras traces the step of `fit` once more for a smaller last batch.
KERAS = "TensorFlowTrainer."
RETRACED = {
    "02_training_loop": {
        "double": 4,  # these two are about what is traced anew
        "<lambda>": 4,
        "make_train_step.<locals>.train_step": 2,  # a smaller last batch
        "predict": 2,  # a second model, which fails: the lesson there
        "train_until": 2,  # the cell runs twice, with another file to write to
    },
    "05_clipping_and_accumulation": {"<lambda>": 2},  # two batch sizes, then any
    "06_classification_from_scratch": {
        "make_short_step.<locals>.train_step": 2,  # the smaller last batch of the short loop
        "make_distributed_step.<locals>.train_step": 2,  # a smaller last batch, which is the lesson there
        "sums": 2,  # the same
        "<lambda>": 2,  # XLA compiles anew for another shape: the lesson there
        "warmup": 8,  # its check asks for four lengths, and two dtypes
    },
}


def compared(cell):
    """Return what a cell says, but for its figures: their words may differ where the second run draws other numbers."""
    said = copy.copy(cell)
    said.outputs = [output for output in cell.outputs if "text/html" not in output.get("data", {})]
    said.outputs = [output for output in said.outputs if "image/png" not in output.get("data", {})]
    return [sanitized(text) for text in spoken(said)]


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
    cells, expected = notebook.cells, [compared(cell) for cell in notebook.cells]
    progress = tmp_path / "progress.json"
    setup = next(at for at, cell in enumerate(cells) if cell.cell_type == "code")
    watch, traces = (nbformat.v4.new_code_cell(source) for source in (WATCH, TRACES))
    notebook.cells = [*cells[: setup + 1], watch, *cells[setup + 1 :], traces]
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(path.parent)}})
    client.execute(env={**os.environ, "COURSE_PROGRESS": str(progress)})
    for cell, said in zip(cells, expected, strict=True):
        if IGNORED not in tags(cell) and "exercise" not in tags(cell):
            assert compared(cell) == said, f"{cell['id']} says something else:\n{cell.source}"
    outcomes = json.loads(progress.read_text(encoding="utf-8"))
    assert outcomes == {exercise.number: "correct" for exercise in exercises(path)}
    allowed = RETRACED.get(path.stem, {})
    counts = json.loads(traces.outputs[0].text)
    assert {name: n for name, n in counts.items() if n > (2 if KERAS in name else allowed.get(name, 1))} == {}
