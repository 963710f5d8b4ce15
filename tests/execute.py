"""Executes notebooks from top to bottom and saves their outputs: python -m tests.execute [notebooks/01*.ipynb ...]."""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests import environment
from tests.notebooks import NOTEBOOKS, read


def execute(path: Path) -> None:
    """Run one notebook in a fresh kernel and write it back, with nothing in it that depends on this machine."""
    notebook = read(path)
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=120, record_timing=False, coalesce_streams=True, resources=where)
    client.execute(env={**os.environ, **environment.VARIABLES})
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        print(chosen.name, flush=True)
        execute(chosen)
