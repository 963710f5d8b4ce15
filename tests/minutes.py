"""How many minutes a notebook's core path takes, by one rule, written to where readers see it: python -m tests.minutes.

words of core prose / 150 + lines of core code / 12 + minutes of core exercises, rounded to 5. Hints, solutions and quiz
options are not counted, nor are the setup cell and the sections titled Deeper.
"""

import re
from typing import NamedTuple

import nbformat

from tests.notebooks import NOTEBOOKS, ROOT, read, tags

WORDS, LINES = 150, 12  # read in a minute
TITLE, ROW = r"(\*\*Time:\*\* )\d+( minutes)", r"(?m)^(\|.*\(notebooks/{name}\).*\| )\d+( \|.*\|)$"
PAUSE = "**A place to pause.**"


class Stretch(NamedTuple):
    """What stands below one heading in one cell."""

    cell: int
    section: str  # the heading of level 2, "" above the first
    heading: str  # the heading of level 3 below it, or ""
    minutes: float


def minutes(notebook: nbformat.NotebookNode) -> int:
    """Return the minutes of a notebook's core path."""
    return 5 * round(sum(minutes_by_cell(notebook)) / 5)


def minutes_by_cell(notebook: nbformat.NotebookNode) -> list[float]:
    """Return the minutes that each cell adds to the core path."""
    spent = [0.0] * len(notebook.cells)
    for stretch in stretches(notebook):
        spent[stretch.cell] += stretch.minutes
    return spent


def stretches(notebook: nbformat.NotebookNode) -> list[Stretch]:
    """Return what stands below one heading in one cell, in order, with the minutes that it adds to the core path."""
    found, section, heading = [], "", ""
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            lines = sum(bool(line.strip()) for line in cell.source.splitlines())
            counts = not section.startswith("Deeper") and "COURSE_URL" not in cell.source
            found.append(Stretch(i, section, heading, lines / LINES if counts else 0))
            heading = "" if "exercise" in tags(cell) else heading  # what follows an exercise is no part of it
            continue
        for part in re.split(r"(?m)^(?=#{2,3} )", cell.source):
            level, _, title = part.partition("\n")[0].partition(" ")
            if level in ("##", "###"):
                section, heading = (title, "") if level == "##" else (section, title)
            counts = not section.startswith("Deeper") and not part.startswith("### Deeper")
            found.append(Stretch(i, section, heading, _minutes_of_prose(part) if counts else 0))
    return found


def _minutes_of_prose(text: str) -> float:
    """Return the minutes for a piece of Markdown: its words, and what an exercise's card says."""
    unfolded = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
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
