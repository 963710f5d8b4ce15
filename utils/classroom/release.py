"""Makes the students' copy of the course: hints stay, solutions and outputs go, and one zip holds it all."""

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
FOLDER, ARCHIVE = "course", "course.zip"
TEXTS = ("requirements.txt", "constraints.txt", "environment.yml", "LICENSE")
AT_HOME = ("classroom", "publish.py")  # of utils: what only teachers and maintainers run
HELPERS = (".py", ".mplstyle")
# What Jupyter, Python and others leave in a folder: copies of answers, progress, an environment.
LEFT = re.compile(r"\..*|__pycache__|progress\.json.*")
SOLUTION = re.compile(r"<details><summary>Solution</summary>\n\n```python\n.*?</details>\n?", re.DOTALL)
BADGE = re.compile(r"\[!\[Open in Colab\]\(.*?\)\]\(.*?\)\n\n")  # leads to the course with its solutions
HEADING = re.compile(r"^### Exercise (\d+\.\d+) · (.+)$", re.MULTILINE)
CALL = re.compile(r"^[^#\n]*\bchecks\.(\w+)\(", re.MULTILINE)
CHECKS = "checks.zip"

README = """# Custom training in TensorFlow: build it, break it, trust it

You need Python 3.11, 3.12 or 3.13. On Linux and a Mac:

    python3 -m venv .venv
    .venv/bin/pip install -r requirements.txt
    .venv/bin/jupyter lab

On Windows:

    py -m venv .venv
    .venv\\Scripts\\pip install -r requirements.txt
    .venv\\Scripts\\jupyter lab

Open the folder `notebooks`, and in it `01_autodiff.ipynb`. Run its first code cell: it prints one line when all is
well.

In Colab: open a notebook with *File*, *Upload notebook*, and upload `course.zip` to the *Files* at the left. Then run
the first code cell, which unpacks the helpers.

Write your answer where an exercise has its `...`, leave the last line of the cell as it is, and run the cell.
"""

# The setup cell of the copy: it takes the helpers from the zip that the notebook came with, not from a network.
SETUP = """# Run this cell first: it finds the course's helpers, and unpacks them from course.zip beside this notebook.
# To start in the middle, run the cells above, too: Run › Run All Above Selected Cell (in Colab: Runtime › Run before).
import os
import shutil
import sys
import tempfile
from pathlib import Path

COURSE_TAG = "{tag}"


def is_course(folder):  # of this notebook's release, since another one's helpers may differ
    try:
        return f'RELEASE = "{COURSE_TAG}"' in Path(folder, "utils/session.py").read_text("utf-8", "ignore")
    except OSError:
        return False


course = next(filter(is_course, [Path.cwd(), *Path.cwd().parents, Path("course")]), None)
if course is None:
    if Path("course").exists():
        raise SystemExit(f"The folder {Path('course').resolve()} is not the course {COURSE_TAG}: rename or remove it.")
    if not Path("course.zip").exists():
        raise SystemExit("This notebook is alone: put it back into the course's folder, or put course.zip beside it.")
    try:
        with tempfile.TemporaryDirectory(dir=".") as scratch:
            shutil.unpack_archive("course.zip", scratch)
            if not is_course(f"{scratch}/course"):
                raise SystemExit(f"course.zip is not that of the course {COURSE_TAG}: upload the one of this notebook.")
            os.replace(f"{scratch}/course", "course")
    except Exception as problem:  # of a damaged zip, zipfile raises what zlib and others raise
        raise SystemExit(f"course.zip could not be unpacked. Is it whole? Upload it again: {problem}") from None
    course = Path("course")
"""
KEPT = "sys.path.insert(0, "  # from this line on the setup cell is the course's own


def release(folder: Path, root: Path = ROOT) -> list[Path]:
    """Make the students' copy of the course at `root`: in `folder`, which must be new or empty.

    Returns:
        The copy's folder, and the zip for a learning platform, which holds the same.

    Raises:
        ValueError: when `folder` holds something, or cannot be written, or an exercise has no solution to cut out.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"Expected a new or an empty folder, and {folder} holds something: name another.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch, "made")
            _copy(root, made / FOLDER)
            _pack(made)
            if folder.exists():
                folder.rmdir()
            os.replace(made, folder)
    except OSError as problem:
        raise ValueError(f"{folder} cannot be written: {problem.strerror or problem}. Name another folder.") from None
    return [folder / FOLDER, folder / ARCHIVE]


def add_solutions(folder: Path, root: Path = ROOT) -> list[Path]:
    """Put the solutions back under the exercises of every notebook in `folder`, whatever else was written into it.

    Returns:
        The notebooks that changed. A zip that `release` made is packed anew.

    Raises:
        ValueError: when no notebook in `folder` has a place for one.
    """
    whole = {without_solution(text): text for path in notebooks(root) for text in _with_solutions(path)}
    changed = []
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception:  # not a notebook, whatever its name
            continue
        found = [cell for cell in notebook.cells if cell.source in whole]
        for cell in found:
            cell.source = whole[cell.source]
        if found:
            scratch = path.with_name(path.name + ".part")
            nbformat.write(notebook, scratch)
            os.replace(scratch, path)
            changed.append(path)
    if not changed:
        raise ValueError(f"Expected a folder that release has made, and no notebook in {folder} lacks a solution.")
    if (folder / ARCHIVE).exists():
        _pack(folder)
    return changed


def notebooks(root: Path = ROOT) -> list[Path]:
    """Return the course's notebooks, in their order, without the copies that Jupyter and others make beside them."""
    return [path for path in sorted((root / "notebooks").glob("*.ipynb")) if re.fullmatch(r"\d\d_\w+", path.stem)]


def read(path: Path) -> nbformat.NotebookNode:
    """Return a notebook of the course.

    Raises:
        ValueError: when it cannot be read.
    """
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # nbformat raises what json, jsonschema and its own converters raise
        raise ValueError(f"{path} cannot be read as a notebook: put it back as it was, or move it away.") from None


def setup_cell(path: Path, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the setup cell of a notebook, which need not be its first code cell.

    Raises:
        ValueError: when there is none.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code" and KEPT in cell.source:
            return cell
    raise ValueError(f"{path} has no setup cell of the course: put it back as it was, or move it away.")


def exercise_cells(path: Path, notebook: nbformat.NotebookNode) -> Iterator[tuple[re.Match, nbformat.NotebookNode]]:
    """Yield the heading and the cell of each exercise: a teacher may have written something between them.

    Raises:
        ValueError: when a heading or a check is missing.
    """
    heading = None
    for cell in notebook.cells:
        heading = HEADING.search(cell.source) or heading
        if "exercise" in cell.metadata.get("tags", []):
            if not heading or not CALL.search(cell.source):
                raise ValueError(f"An exercise of {path} has lost its heading or its check: put it back as it was.")
            yield heading, cell
            heading = None


def tag(setup: str) -> str:
    """Return the release that a setup cell belongs to."""
    return re.search(r'"https://github\.com/.+?", "(.+?)"', setup).group(1)


def without_solution(text: str) -> str:
    """Return the text below an exercise without its solution."""
    return SOLUTION.sub("", text).rstrip("\n")


def _with_solutions(path: Path) -> Iterator[str]:
    return (cell.source for cell in read(path).cells if SOLUTION.search(cell.source))


def _copy(root: Path, folder: Path) -> None:
    """Write everything that a student gets into `folder`."""
    for path in [path for path in _kept(root / "utils") if path.suffix in HELPERS]:
        part = path.relative_to(root)
        if part.parts[1] not in AT_HOME:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / part)  # not its date and rights: a zip takes no date before 1980
    face = folder / "utils" / "__init__.py"
    told = face.read_text(encoding="utf-8").splitlines(keepends=True)
    face.write_text("".join(line for line in told if not line.startswith(AT_HOME)), encoding="utf-8")
    _set_checks_apart(folder / "utils" / "checks")
    for name in TEXTS:
        shutil.copyfile(root / name, folder / name)
    (folder / "README.md").write_text(README, encoding="utf-8")
    (folder / "notebooks").mkdir()
    for path in notebooks(root):
        nbformat.write(_for_students(path), folder / "notebooks" / path.name)


def _for_students(path: Path) -> nbformat.NotebookNode:
    """Return a notebook without solutions and outputs, with the setup cell of the copy."""
    notebook = read(path)
    setup, exercises = setup_cell(path, notebook), len([*exercise_cells(path, notebook)])
    solutions = sum(bool(SOLUTION.search(cell.source)) for cell in notebook.cells)
    if exercises != solutions:
        raise ValueError(f"Expected a solution below each exercise of {path.name}, and {exercises} have {solutions}.")
    for heading, cell in exercise_cells(path, notebook):
        if "..." not in cell.source:  # the students would get it
            told = f"Expected a stub, and Exercise {heading[1]} in {path} is answered"
            raise ValueError(f"{told}: keep the answer in a copy, and put the notebook back as it was.")
    for cell in notebook.cells:
        cell.source = without_solution(cell.source) if SOLUTION.search(cell.source) else cell.source
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells[0].source = BADGE.sub("", notebook.cells[0].source)
    release = tag(setup.source)
    notebook.metadata["course"] = {"notebook": path.stem, "release": release}
    setup.source = SETUP.replace("{tag}", release) + setup.source[setup.source.index(KEPT) :]
    return notebook


def _set_checks_apart(checks: Path) -> None:
    """Move the checks of the notebooks, which hold right answers, into an archive that Python imports them from."""
    with zipfile.ZipFile(checks / CHECKS, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(checks.glob("*.py")):
            if "\n@exercise(" in path.read_text(encoding="utf-8"):
                archive.write(path, path.name)
                path.unlink()
    face = checks / "__init__.py"
    text = face.read_text(encoding="utf-8")
    first = text.index("from utils.checks.")
    found = f'__path__.append(__file__.replace("__init__.py", "{CHECKS}"))  # the checks of the notebooks\n\n'
    face.write_text(text[:first] + found + text[first:], encoding="utf-8")


def _kept(folder: Path) -> list[Path]:
    """Return the files below `folder` without those that others have left there."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not LEFT.fullmatch(name)]
        found += [Path(place, name) for name in names if not LEFT.fullmatch(name)]
    return sorted(found)


def _pack(folder: Path) -> None:
    """Pack the copy in `folder` into its zip."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        packed = Path(scratch, ARCHIVE)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in _kept(folder / FOLDER):
                archive.write(path, path.relative_to(folder))
        os.replace(packed, folder / ARCHIVE)
