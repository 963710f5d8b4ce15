"""The notebooks as the tests read them."""

import ast
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nbformat

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
IGNORED = "nbval-ignore-output"
SANITIZER = ROOT / "tests" / "sanitize.cfg"  # nbval reads it as this module does
RULES = re.findall(r"^regex: (.*)$\n^replace: (.*)$", SANITIZER.read_text(encoding="ascii"), re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise as its notebook has it."""

    notebook: str  # the stem of the file's name
    number: str
    title: str
    card: str
    stub: str
    solution: str

    @property
    def check(self) -> str:
        """The name of the check that the stub's last line calls."""
        return re.match(r"checks\.(\w+)\(", self.stub.strip().splitlines()[-1]).group(1)


def read(path: Path) -> nbformat.NotebookNode:
    """Return the notebook at `path`."""
    return nbformat.read(path, as_version=4)


def setup_cell(path: Path = NOTEBOOKS[0]) -> str:
    """Return the source of a notebook's setup cell, which is the same in all."""
    return next(cell.source for cell in read(path).cells if cell.cell_type == "code")


def published() -> tuple[str, str]:
    """Return the address, as owner/repo, and the tag from which the setup cells fetch the course."""
    return re.search(r'"https://github\.com/(.+?)", "(.+?)"', setup_cell()).groups()


def anchor(heading: str) -> str:
    """Return what stands behind # in a link to a heading, as JupyterLab and the book have it."""
    return heading.replace("`", "").replace(" ", "-").replace("%", "%25")


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def exercises(path: Path) -> list[Exercise]:
    """Return the exercises of a notebook: the card before each cell tagged `exercise`, and the solution after it."""
    cells = read(path).cells
    found = []
    for before, cell, after in zip(cells, cells[1:], cells[2:], strict=False):
        if "exercise" in tags(cell):
            number, title = re.search(r"^### Exercise (\d+\.\d+) · (.+)$", before.source, re.M).groups()
            card = before.source[before.source.index("### Exercise") :]
            solution = re.search(r"<summary>Solution</summary>\n\n```python\n(.*?)\n```", after.source, re.S)
            found.append(Exercise(path.stem, number, title, card, cell.source, solution and solution.group(1)))
    return found


def verdict(source: str, names: dict) -> object:
    """Run the source of an exercise cell with the names of the setup cell; return what its last line gives."""
    body = ast.parse(source).body
    namespace = dict(names)
    exec(compile(ast.Module(body[:-1], []), "<exercise>", "exec"), namespace)
    return eval(compile(ast.Expression(body[-1].value), "<exercise>", "eval"), namespace)


def sanitized(text: str) -> str:
    """Return `text` as it is compared: each number after ≈ is one word."""
    for pattern, word in RULES:
        text = re.sub(pattern, word, text)
    return text


def spoken(cell: nbformat.NotebookNode) -> list[str]:
    """Return what a code cell says in text: its streams, joined, and the plain text of its results."""
    streams: dict[str, str] = {}
    for output in cell.outputs:
        if output.output_type == "stream":
            streams[output.name] = streams.get(output.name, "") + output.text
    results = [o.data.get("text/plain", "") for o in cell.outputs if "data" in o]
    return [*(f"{name}: {text}" for name, text in sorted(streams.items())), *results]


def definitions(path: Path, solved: bool = True) -> dict[str, ast.stmt]:
    """Return what a notebook defines at the top of its code cells: classes, functions and values, by name.

    What is defined again has its last form, at its first place. The solutions of exercises come last; their stubs are
    left out.
    """
    sources = [cell.source for cell in read(path).cells if cell.cell_type == "code" and "exercise" not in tags(cell)]
    sources += [exercise.solution for exercise in exercises(path)] if solved else []
    found = {}
    for node in (node for source in sources for node in ast.parse(source).body):
        targets = getattr(node, "targets", [])
        names = [node.name] if hasattr(node, "name") else [target.id for target in targets if hasattr(target, "id")]
        found |= dict.fromkeys(names, node)
    return found


def module_of(nodes: list[ast.stmt], file: Path) -> ModuleType:
    """Write pieces of a notebook to `file` and import it: tf.function reads the source of what it compiles."""
    text = "\n\n\n".join(["import numpy as np\nimport tensorflow as tf", *map(ast.unparse, nodes)])
    file.write_text(text + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
