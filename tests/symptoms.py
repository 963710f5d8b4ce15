"""Writes docs/symptoms.md, from what you see to what it is, where it is shown, what finds it: python -m tests.symptoms.

The rows come from the table "When it goes wrong" of each notebook; docs/symptoms.toml adds what people call these
things elsewhere, and the names of older versions. What `trust` offers is read from where its questions say that they
are explained.
"""

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.notebooks import NOTEBOOKS, ROOT, anchor, read
from tests.trust_page import habits, questions

PAGE, OWN = ROOT / "docs" / "symptoms.md", ROOT / "docs" / "symptoms.toml"
TITLE = "### When it goes wrong"
HEAD = """# Symptoms

You see something strange, or a message, and want to know what it is. Search this page, with Ctrl+F or ⌘F, for a word or
two of what you see: of the message, or "nan", "None", "stuck", "resume". Each row leads to the section that shows the
same thing on purpose, small enough to try, and says how to repair it. Where the last column names something, it finds
this in your own project: a question of `trust.audit`, or a function of [`trust`](trust.md). In JupyterLab the first
click on a link opens the notebook, and a second one goes to the section.
"""
COLUMNS = "| you see | it usually is | shown in | found by |\n|---|---|---|---|"


@dataclass(frozen=True)
class Section:
    """A section of a notebook."""

    notebook: Path
    heading: str

    @property
    def link(self) -> str:
        """A link that leads there on the repository's pages, in JupyterLab and in the book."""
        return f"../notebooks/{self.notebook.name}#{anchor(self.heading)}"

    @property
    def label(self) -> str:
        """The notebook's number and the heading."""
        return f"{int(self.notebook.stem[:2])} · {self.heading}"


@dataclass(frozen=True)
class Row:
    """A row of the page."""

    see: str
    cause: str
    where: str  # as in utils/trust.py: "01, The reasons for None; 03, Trap: log(0)"

    @property
    def sections(self) -> list[Section]:
        """The sections that `where` names."""
        return [section for place in self.where.split("; ") if (section := resolve(place))]

    @property
    def unresolved(self) -> list[str]:
        """What stands in `where` and begins no heading."""
        return [place for place in self.where.split("; ") if not resolve(place)]

    @property
    def finders(self) -> list[str]:
        """Links to what `trust` offers for these sections."""
        return list(dict.fromkeys(link for section in self.sections for link in finders_of(section)))

    def __str__(self) -> str:
        shown = "; ".join(f"[{section.label}]({section.link})" for section in self.sections)
        return f"| {self.see} | {self.cause} | {shown} | {', '.join(self.finders)} |"


@cache
def headings(notebook: Path) -> list[str]:
    """Return the headings of a notebook, without those below its recap."""
    cells = [cell.source for cell in read(notebook).cells if cell.cell_type == "markdown"]
    text = re.sub(r"```.*?```", "", "\n\n".join(cells), flags=re.DOTALL)
    return re.findall(r"^##+ (.+?)\s*$", text.partition("\n## Recap")[0], re.MULTILINE)


def plain(heading: str) -> str:
    """Return a heading as it is compared: without its kind, its markup and its capitals."""
    return re.sub(r"^(trap|deeper|payoff): |`", "", heading.strip().lower())


def resolve(place: str) -> Section | None:
    """Return the section that a place such as "01, The reasons" names by the beginning of its heading, or None."""
    number, _, name = place.partition(", ")
    notebook = notebook_of(number)
    name = "Setup" if "setup cell" in name else name
    for same in (
        lambda heading: heading == name,
        lambda heading: heading.startswith(name),
        lambda heading: plain(heading).startswith(plain(name)),
    ):
        for heading in filter(same, headings(notebook)):
            return Section(notebook, heading)
    return None


def notebook_of(number: str) -> Path:
    """Return the notebook of a number such as "03"."""
    return next(path for path in NOTEBOOKS if path.name.startswith(number))


def table_of(notebook: Path) -> list[Row]:
    """Return the rows of a notebook's own table: what is seen, its cause, and where in this notebook it is shown."""
    text = next(cell.source for cell in read(notebook).cells if TITLE in cell.source)
    lines = re.findall(r"^\|(.+)\|\s*$", text.partition(TITLE)[2].partition("\n### ")[0], re.MULTILINE)
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines[2:]]
    number = notebook.stem[:2]
    return [
        Row(see, cause, "; ".join(f"{number}, {name.strip()}" for name in where.split(";")))
        for see, cause, where, *_ in rows
    ]


@cache
def own_rows(kind: str) -> list[Row]:
    """Return the rows of docs/symptoms.toml of one kind: "elsewhere" or "old"."""
    rows = tomllib.loads(OWN.read_text(encoding="utf-8"))[kind]
    return [Row(row["see"], row["is"], row["where"]) for row in rows]


@cache
def finders() -> dict[Section, list[str]]:
    """Return, for each section, links to the questions and habits of `trust` that are explained or used there."""
    found: dict[Section, list[str]] = {}
    for question in questions():
        for place in question.where.split("; "):
            found.setdefault(resolve(place), []).append(f"[audit: {question.name}](trust.md#{anchor(question.name)})")
    names = {habit.name for habit in habits()}
    for notebook in NOTEBOOKS:
        for section, code in code_of(notebook):
            for name in sorted(names & code):
                found.setdefault(section, []).append(f"[`{name}`](trust.md#{name})")
    return found


def finders_of(section: Section) -> list[str]:
    """Return the links of a section: all of a trap, which shows one fault; two at most of one that may show many."""
    links = finders().get(section, [])
    return links if len(links) <= 2 or section.heading.startswith("Trap: ") else []


def code_of(notebook: Path) -> list[tuple[Section, set[str]]]:
    """Return the names that the code of each section reads, section by section."""
    sections, known = [], headings(notebook)
    for cell in read(notebook).cells:
        if cell.cell_type == "markdown":
            inside = [h for h in re.findall(r"^##+ (.+?)\s*$", cell.source, re.MULTILINE) if h in known]
            sections += [(Section(notebook, heading), set()) for heading in inside]
        elif sections:
            read_names = (node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name))
            sections[-1][1].update(read_names)
    return sections


def groups() -> dict[str, list[Row]]:
    """Return all rows below their headings."""
    tables = {read(path).cells[0].source.splitlines()[0].removeprefix("# "): table_of(path) for path in NOTEBOOKS}
    return {"Asked again and again": own_rows("elsewhere"), **tables, "Old names": own_rows("old")}


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for heading, rows in groups().items():
        parts += [f"## {heading}\n", COLUMNS, *map(str, rows), ""]
    return "\n".join([*parts, "This page is made by `python -m tests.symptoms`.", ""])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{sum(map(len, groups().values()))} rows: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
