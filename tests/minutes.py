"""How many minutes a notebook's core path takes, by one rule, written to where readers see it: python -m tests.minutes.

words of core prose / 150 + lines of core code / 12 + minutes of core exercises, rounded to 5. Hints, solutions and quiz
options are not counted, nor are the setup cell, the lines of `tests/needs.py`, and the sections titled Deeper.
"""

import re

import nbformat

from tests.notebooks import NOTEBOOKS, ROOT, read

WORDS, LINES = 150, 12  # read in a minute
TITLE, ROW = r"(\*\*Time:\*\* )\d+( minutes)", r"(?m)^(\|.*\(notebooks/{name}\).*\| )\d+( \|.*\|)$"
PAUSE = "**A place to pause.**"


def minutes(notebook: nbformat.NotebookNode) -> int:
    """Return the minutes of a notebook's core path."""
    return 5 * round(sum(minutes_by_cell(notebook)) / 5)


def minutes_by_cell(notebook: nbformat.NotebookNode) -> list[float]:
    """Return the minutes that each cell adds to the core path."""
    spent, deeper = [], False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = sum(bool(line.strip()) for line in cell.source.splitlines())
            spent.append(0 if deeper or "COURSE_URL" in cell.source else lines / LINES)
            continue
        spent.append(0)
        for part in re.split(r"(?m)^(?=#{2,3} )", cell.source):
            if part.startswith("## "):
                deeper = part.startswith("## Deeper")
            if not deeper and not part.startswith("### Deeper"):
                spent[-1] += _minutes_of_prose(part)
    return spent


def _minutes_of_prose(text: str) -> float:
    """Return the minutes for a piece of Markdown: its words, and what an exercise's card says."""
    unfolded = re.sub(r"<details>.*?</details>|^\*Needs: .*\*$", "", text, flags=re.DOTALL | re.MULTILINE)
    words = re.findall(r"\w+", re.sub(r"`[^`]*`|\$[^$]*\$|<[^>]+>", " x ", unfolded))
    stated = re.search(r"★.*?(\d+) minutes", unfolded)
    return len(words) / WORDS + (int(stated[1]) if stated else 0)


def main() -> None:
    """Write each notebook's minutes into its title cell and into the README's table."""
    readme = ROOT / "README.md"
    table = readme.read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        notebook = read(path)
        spent = minutes(notebook)
        notebook.cells[0].source = re.sub(TITLE, rf"\g<1>{spent}\g<2>", notebook.cells[0].source)
        nbformat.write(notebook, path)
        table = re.sub(ROW.format(name=re.escape(path.name)), rf"\g<1>{spent}\g<2>", table)
        print(f"{path.stem}: {spent} minutes")
    readme.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
