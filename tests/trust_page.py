"""Writes docs/trust.md, what `utils/trust.py` offers, from its docstrings: python -m tests.trust_page."""

import ast
import re
from dataclasses import dataclass
from functools import cache

from tests.notebooks import ROOT

SOURCE, PAGE = ROOT / "utils" / "trust.py", ROOT / "docs" / "trust.md"
HEAD = """# trust: the checks, to take along

[`utils/trust.py`](../utils/trust.py) is one file that needs TensorFlow 2.18 or later and NumPy. Copy it into your
project. `audit` asks all questions about a training set-up in one call. Below it come the habits of the course as
functions of their own, each built in the open in the notebook that is named; then the questions, one by one.

This page is made from the file's docstrings by `python -m tests.trust_page`.
"""


@dataclass(frozen=True)
class Habit:
    """A habit, and the comment that says which notebook builds it."""

    name: str
    notebook: str
    call: str
    words: str


@dataclass(frozen=True)
class Question:
    """A question of the audit, below the heading of its part of the file."""

    name: str
    part: str
    where: str
    thorough: bool
    words: str


@cache
def functions() -> list[tuple[str, str, ast.FunctionDef]]:
    """Return the functions of the file, each with the part that it stands in and the last comment line before it."""
    text = SOURCE.read_text(encoding="utf-8")
    lines = text.splitlines()
    parts = [(at, line[2:]) for at, line in enumerate(lines, 1) if at > 1 and lines[at - 2].startswith("# -----")]
    parts = [(at, title) for at, title in parts if title and not title.startswith("---")]
    comments = [(at, line[2:].rstrip(".")) for at, line in enumerate(lines, 1) if line.startswith("# Notebook ")]

    def last(marks: list, line: int) -> str:
        return next((words for at, words in reversed(marks) if at < line), "")

    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return [(last(parts, node.lineno), last(comments, node.lineno), node) for node in found]


def habits() -> list[Habit]:
    """Return the functions of the first part."""
    inside = [(notebook, node) for part, notebook, node in functions() if part == "The habits"]
    return [Habit(n.name, notebook, f"{n.name}({ast.unparse(n.args)})", ast.get_docstring(n)) for notebook, n in inside]


@cache
def questions() -> list[Question]:
    """Return the questions, in the order in which they are asked."""
    found = []
    for part, _, node in functions():
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "question":
                name, where = (ast.literal_eval(argument) for argument in mark.args)
                title = part.removeprefix("The questions: ")
                found.append(Question(name, title, where, bool(mark.keywords), ast.get_docstring(node)))
    return found


def page() -> str:
    """Return the page."""
    audit = next(node for _, _, node in functions() if node.name == "audit")
    call = f"audit({ast.unparse(audit.args)})".replace(", ", ",\n    ").replace("audit(", "audit(\n    ")
    parts = [HEAD, "## audit\n", f"```python\n{call[:-1]},\n)\n```\n", f"```text\n{ast.get_docstring(audit)}\n```\n"]
    parts.append("## The habits\n")
    for habit in habits():
        parts += [f"### {habit.name}\n", f"*{habit.notebook}*\n", f"```python\n{habit.call}\n```\n", habit.words, ""]
    for part in dict.fromkeys(question.part for question in questions()):
        parts.append(f"## Questions: {part}\n")
        for question in (question for question in questions() if question.part == part):
            asked = "Asked with `thorough=True`. " * question.thorough
            parts += [f"### {question.name}\n", question.words, "", f"{asked}*Explained in: {question.where}.*\n"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(habits())} habits, {len(questions())} questions: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
