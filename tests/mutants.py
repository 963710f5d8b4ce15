"""Plants faults, one at a time, in the notebooks and in `utils`, and lists those that no test notices.

    python -m tests.mutants [--seed 1] [--each 5] [utils/data notebooks/01 ...]

A mutant is a scratch copy of the course with one small change. The tests that concern the changed file run on it until
one fails. build/mutants.json keeps what was noticed: after an interruption, or after you have written a test, the next
run tries only what is left. Remove that file to begin anew.

Two libraries were tried. cosmic-ray has one test command for all modules and makes 44,000 mutants of `utils`: mostly an
operator for each other one, also in `int | None`; none of a keyword, a statement or a raise. mutmut runs each mutant in
a fork of one process, which TensorFlow does not survive. Neither reads notebooks.
"""

import argparse
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

import nbformat

from tests.concern import NBVAL, name, tests_of
from tests.faults import Mutant, mutants
from tests.notebooks import IGNORED, NOTEBOOKS, ROOT, read, setup_cell, tags

SAVED = ROOT / "build" / "mutants.json"
WORKERS = 2
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "build", "__pycache__", "node_modules", ".*_cache")
PYTEST = ["-m", "pytest", "-x", "-q", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-o", "addopts="]


class Bench:
    """Scratch copies of the course, one a worker, and how long tests take on the unchanged course."""

    def __init__(self, folder: Path, workers: int):
        """Copy the course."""
        self._seconds, self._copies = {}, queue.Queue()
        for n in range(workers):
            self._copies.put(Path(shutil.copytree(ROOT, folder / f"{n}" / "course", ignore=NOT_COPIED)))

    def try_out(self, mutant: Mutant) -> str:
        """Return which test notices a mutant, or ""; where the unchanged course fails, what fails, after "BROKEN"."""
        copy = self._copies.get()
        file = copy / mutant.file
        original = file.read_bytes()
        try:
            for tests in tests_of(mutant.file, mutant.function):
                file.write_bytes(original)
                if frozenset(tests) not in self._seconds:
                    start = time.monotonic()
                    if failed := run(copy, tests, 1200):
                        return f"BROKEN: {failed}"
                    self._seconds[frozenset(tests)] = time.monotonic() - start
                write(mutant, file)
                if failed := run(copy, tests, 60 + 4 * self._seconds[frozenset(tests)]):
                    return failed
            return ""
        finally:
            file.write_bytes(original)
            self._copies.put(copy)


def write(mutant: Mutant, file: Path) -> None:
    """Change a copy of a file as a mutant says."""
    if mutant.cell is None:
        file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        return
    notebook = read(file)
    notebook.cells[mutant.cell].source = mutant.applied(notebook.cells[mutant.cell].source)
    nbformat.write(notebook, file)


def run(folder: Path, tests: tuple[str, ...], limit: float) -> str:
    """Run tests in a copy of the course; return the first that fails, "no end" where they take too long, or ""."""
    plugin = () if NBVAL[0] in tests else ("-p", "no:nbval")
    command = [sys.executable, *PYTEST, *plugin, *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    process = subprocess.Popen(command, cwd=folder, env=environment, encoding="utf-8", errors="replace", **pipes)
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return "no end"
    finally:
        with suppress(ProcessLookupError):  # and what the tests have started
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == 0:
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
    return failed[1] if failed else f"exit code {process.returncode}"


def sample(file: str, seed: int, each: int) -> list[Mutant]:
    """Draw mutants, each time a fault first, then its place: `each` of a notebook, of a module 1 and 1 of 250 more."""
    path, rng = ROOT / file, random.Random(f"{seed} {file}")
    if path.suffix == ".ipynb":
        cells, setup = enumerate(read(path).cells), setup_cell()
        code = [(i, cell) for i, cell in cells if cell.cell_type == "code" and cell.source != setup]
        taught = [(i, cell.source) for i, cell in code if not {"exercise", IGNORED} & set(tags(cell))]
        found = [mutant._replace(file=file, cell=i) for i, source in taught for mutant in mutants(source)]
    else:
        found = [mutant._replace(file=file) for mutant in mutants(path.read_text(encoding="utf-8"))]
        each = 1 + len(found) // 250
    drawn = []
    while found and len(drawn) < each:
        fault = rng.choice(sorted({mutant.fault for mutant in found}))
        drawn.append(rng.choice([mutant for mutant in found if mutant.fault == fault]))
        found.remove(drawn[-1])
    return drawn


def main() -> None:
    """Read the command line, try the mutants, and print what was noticed by which test, and what survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", default=["notebooks/", "utils/"], help="beginnings of paths (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=5, help="how many of each notebook (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would tests
    files = [name(path) for path in [*NOTEBOOKS, *sorted((ROOT / "utils").rglob("*.py"))]]
    chosen = [file for file in files if file.startswith(tuple(options.only))]
    drawn = [mutant for file in chosen for mutant in sample(file, options.seed, options.each)]
    known = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.exists() else {}
    SAVED.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(WORKERS) as pool:
        bench = Bench(Path(folder), WORKERS)
        tried = {pool.submit(bench.try_out, mutant): str(mutant) for mutant in drawn if str(mutant) not in known}
        try:
            for done in as_completed(tried):
                by = done.result()
                print(f"{tried[done]} | {by or 'SURVIVED'}", flush=True)
                if by and not by.startswith("BROKEN"):
                    known[tried[done]] = by
                    SAVED.write_text(json.dumps(known, indent=1, ensure_ascii=False), encoding="utf-8")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    left = [str(mutant) for mutant in drawn if str(mutant) not in known]
    print(f"\n{len(drawn)} mutants, {len(drawn) - len(left)} noticed. Left:", *(left or ["none"]), sep="\n")


if __name__ == "__main__":
    main()
