"""Writes minutes into docs/TEACHING.md, by the rule of `tests/minutes.py`: python -m tests.teaching.

The prose is written by hand. Two things are computed: what stands between a pair of comments, and, in each row of a
table, a number behind a cell with links to notebooks: the minutes of what these links name. In such a cell

    [A](link)                      is a section, an exercise, or, without #, a whole notebook
    [A](link) to [B](link)         is everything from one section to another; the first without # is the beginning
    … except [1.2](link), [C](…)   leaves out sections and exercises
    …; …                           adds up
"""

import re
from functools import cache
from itertools import pairwise

from tests.minutes import PAUSE, stretches
from tests.notebooks import NOTEBOOKS, ROOT, anchor, exercises, read

PAGE = ROOT / "docs" / "TEACHING.md"
LINK = re.compile(r"\[[^\]]*\]\(\.\./notebooks/([\w.]+\.ipynb)(?:#((?:[^()]|\([^()]*\))*))?\)")
BLOCK = re.compile(r"(<!-- (sections of \d\d|weeks) -->\n).*?(<!-- end -->)", re.DOTALL)


@cache
def sections(file: str) -> dict[str, int]:
    """Return the whole minutes of a notebook's sections by their anchors, in order; that of its beginning is ""."""
    return _minutes_by(file, "section")


@cache
def parts(file: str) -> dict[str, int]:
    """Return the whole minutes of what stands below headings of level 3, by their anchors."""
    return _minutes_by(file, "heading")


def _minutes_by(file: str, level: str) -> dict[str, int]:
    spent: dict[str, float] = {}
    for stretch in stretches(read(ROOT / "notebooks" / file)):
        target = anchor(getattr(stretch, level))
        spent[target] = spent.get(target, 0) + stretch.minutes
    return {target: round(minutes) for target, minutes in spent.items()}


def minutes_at(file: str, target: str) -> int:
    """Return the minutes of a section or an exercise, or without a target of the whole notebook.

    Raises:
        KeyError: if there is no such heading.
    """
    if not target:
        return sum(sections(file).values())
    known = {**parts(file), **sections(file)}
    if target not in known:
        raise KeyError(f"{file} has no heading for the link #{target}: change the link in {PAGE.name}")
    return known[target]


def minutes_of(cell: str) -> int:
    """Return the minutes of what a cell of a table names, in the form that the module describes."""
    total = 0
    for some in cell.split("; "):
        taken, _, left_out = some.partition(" except ")
        (file, first), *rest = LINK.findall(taken)
        if rest:
            targets = list(sections(file))
            ((_, last),) = rest
            total += sum(sections(file)[t] for t in targets[targets.index(first) : targets.index(last) + 1])
        else:
            total += minutes_at(file, first)
        total -= sum(minutes_at(*link) for link in LINK.findall(left_out))
    return total


def with_minutes(row: str) -> str:
    """Return a row of a table with the number behind each cell that links to notebooks."""
    cells = row.split(" | ")
    for i, (before, cell) in enumerate(pairwise(cells), start=1):
        if LINK.search(before) and re.fullmatch(r"[\d?]+( \|)?", cell):
            cells[i] = re.sub(r"[\d?]+", str(minutes_of(before.removeprefix("| "))), cell)
    return " | ".join(cells)


def table_of_sections(number: str) -> str:
    """Return the table of a notebook's core sections: minutes, and exercises with their stars."""
    path = next(path for path in NOTEBOOKS if path.name.startswith(number))
    link, rows = f"../notebooks/{path.name}", ["| section | minutes | exercises |", "|---|---|---|"]
    inside: dict[str, list[str]] = {}
    of_heading = {stretch.heading: stretch.section for stretch in stretches(read(path))}
    for exercise in exercises(path):
        heading = f"Exercise {exercise.number} · {exercise.title}"
        stars = re.search(r"[★☆]+", exercise.card)[0]
        inside.setdefault(of_heading[heading], []).append(f"[{exercise.number}]({link}#{anchor(heading)}) {stars}")
    for section in dict.fromkeys(stretch.section for stretch in stretches(read(path))):
        label, spent = section or "the beginning", sections(path.name)[anchor(section)]
        if not section.startswith("Deeper") and spent:
            at = f"[{label}]({link}#{anchor(section)})" if section else label
            rows.append(f"| {at} | {spent} | {', '.join(inside.get(section, []))} |")
    deeper = [exercise for section, some in inside.items() if section.startswith("Deeper") for exercise in some]
    if deeper:
        rows.append(f"| sections titled *Deeper* | not counted | {', '.join(deeper)} |")
    rows.append(f"| together | {minutes_at(path.name, '')} | |")
    return "\n".join(rows)


def table_of_weeks() -> str:
    """Return the table of a notebook a week, cut at its place to pause."""
    rows = ["| week | notebook | minutes | until the pause | after it |", "|---|---|---|---|---|"]
    for week, path in enumerate(NOTEBOOKS, start=1):
        notebook = read(path)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        (at,) = [i for i, cell in enumerate(notebook.cells) if PAUSE in cell.source]
        before = round(sum(stretch.minutes for stretch in stretches(notebook) if stretch.cell <= at))
        whole = minutes_at(path.name, "")
        rows.append(f"| {week} | [{title}](../notebooks/{path.name}) | {whole} | {before} | {whole - before} |")
    return "\n".join(rows)


def page() -> str:
    """Return the page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    text = BLOCK.sub(lambda found: f"{found[1]}\n{_table(found[2])}\n\n{found[3]}", text)
    return "\n".join(with_minutes(line) if line.startswith("| ") else line for line in text.split("\n"))


def _table(kind: str) -> str:
    return table_of_weeks() if kind == "weeks" else table_of_sections(kind[-2:])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
