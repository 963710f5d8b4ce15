"""What of a notebook stands on its slides: the cells that their metadata marks, cut down to what a wall can hold.

The mark, `slide_type`, is "slide" where a slide begins, "-" on a further cell of it, and "fragment" on one that comes
at the next key. A cell without a mark is not shown. docs/slides hands this to nbconvert: no text is written twice.
"""

import copy
import re

import nbformat
from nbformat import NotebookNode

ENOUGH = 85  # words of prose from one cell
LEFT_OUT = re.compile(r"\*Needs:|\*\*(?:Time|Needs):|\*\*A place to pause|\[!\[|\[(?:←|All notebooks)")
NO_PROSE = re.compile(r"#|\$\$|- |\|")  # a heading, a formula, a list, a table
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def kind(cell: NotebookNode) -> str | None:
    """Return the mark of a cell, or None where it has none."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def headings(cell: NotebookNode) -> list[str]:
    """Return the headings in a text cell, but for those of exercises."""
    found = re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
    return [heading for heading in found if not heading.startswith("Exercise ")]


def shown(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook of the marked cells of `notebook`, shortened, in which each slide begins with a heading."""
    slides = nbformat.v4.new_notebook(metadata=copy.deepcopy(notebook.metadata))
    heading = ""
    for cell in notebook.cells:
        heading = [heading, *headings(cell)][-1]
        if not kind(cell):
            continue
        cell = copy.deepcopy(cell)
        cell.source = short_text(cell.source) if cell.cell_type == "markdown" else short_code(cell)
        if kind(cell) == "slide" and not headings(cell):
            slides.cells.append(nbformat.v4.new_markdown_cell(f"## {heading}", metadata=cell.metadata))
            cell.metadata = {"slideshow": {"slide_type": "-"}}
        slides.cells.append(cell)
    return slides


def short_code(cell: NotebookNode) -> str:
    """Return the source of a code cell, or nothing where it draws: on a wall the picture needs the room."""
    return "" if any("image/png" in output.get("data", {}) for output in cell.outputs) else cell.source


def short_text(source: str) -> str:
    """Return what a slide shows of a text cell, from its last heading on.

    That is headings, formulas, lists and tables, the last paragraph, what begins in bold (*Predict*, a habit), and
    other paragraphs as long as all have no more than ENOUGH words. Of the rest, sentences with a word in bold stay.
    """
    source = re.split(r"^### (?:Quiz|Exercise )", source, flags=re.MULTILINE)[0]
    source = re.sub(r"^#{3,} ", "## ", re.split(r"^(?=#)", source, flags=re.MULTILINE)[-1])
    kept, words = [], 0
    for paragraph in reversed(re.split(r"\n{2,}", source.strip())):
        if LEFT_OUT.match(paragraph):
            continue
        if not NO_PROSE.match(paragraph):
            first, words = not words, words + len(paragraph.split())
            if not first and words > ENOUGH and not paragraph.startswith("**"):
                paragraph = stressed(paragraph)
        kept.append(LINK.sub(r"\1", paragraph))
    return "\n\n".join(filter(None, reversed(kept)))


def stressed(paragraph: str) -> str:
    """Return the sentences of a paragraph in which a word stands in bold."""
    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z`$*\"])", paragraph)
    return " ".join(sentence for sentence in sentences if "**" in sentence)
