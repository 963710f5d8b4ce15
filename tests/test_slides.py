"""The cells that `make slides` shows: enough, not too many, no answer before its question. Marked in the notebooks."""

import functools
import re

import nbformat
import pytest

from tests import slides
from tests.notebooks import NOTEBOOKS, exercises, read, tags

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
text_cell = nbformat.v4.new_markdown_cell
opened = functools.cache(read)


@functools.cache
def deck_of(path):
    """Return the shown cells of a notebook, slide by slide."""
    found = []
    for cell in slides.shown(opened(path)).cells:
        if slides.kind(cell) == "slide":
            found.append([])
        found[-1].append(cell)
    return found


def answered_in_sight(deck):
    """Return the texts that stand on a slide beside the question that they answer, and come at no key of their own."""
    predicts = [at for at, cell in enumerate(deck) if "**Predict.**" in cell.source]
    behind = deck[predicts[0] + 1 :] if predicts else []
    wrong = [
        c for c in behind if c.cell_type == "markdown" and slides.kind(c) != "fragment" and "**Predict" not in c.source
    ]
    return [cell.source for cell in wrong]


@each_notebook
def test_a_deck_has_a_title_and_at_most_twenty_slides_with_a_heading_each(path):
    deck = deck_of(path)
    assert 8 <= len(deck) <= 20
    assert [bool(re.match("# ", slide[0].source)) for slide in deck] == [True] + [False] * (len(deck) - 1)
    for slide in deck[1:]:
        assert re.match("## .", slide[0].source), slide[0].source
    text = "\n\n".join(cell.source for slide in deck for cell in slide if cell.cell_type == "markdown")
    assert "## Trap: " in text and "**Predict.**" in text and "## Recap" in text
    assert any(
        not slides.short_code(cell) for cell in opened(path).cells if cell.cell_type == "code" and slides.kind(cell)
    )


@each_notebook
def test_no_slide_answers_an_exercise_or_its_own_question(path):
    marked = [cell for cell in opened(path).cells if slides.kind(cell)]
    assert not [cell for cell in marked if "exercise" in tags(cell) or "COURSE_URL" in cell.source]
    text = "\n".join(cell.source for slide in deck_of(path) for cell in slide)
    assert not re.search(r"<details>|Exercise \d+\.\d|^## Quiz|\]\(\S*\.(?:ipynb|md)", text, re.MULTILINE)
    for exercise in exercises(path):
        assert exercise.solution not in text, exercise.number
    for slide in deck_of(path):
        assert answered_in_sight(slide) == []


@each_notebook
def test_what_a_marked_cell_says_can_be_shown(path):
    """The template shows what is printed, and pictures; the words below a picture are its alternative text."""
    for cell in opened(path).cells:
        for output in cell.get("outputs", []) if slides.kind(cell) else []:
            data = output.get("data", {})
            is_words = "<summary>The figure in words</summary>" in data.get("text/html", "")
            assert output.get("name") == "stdout" or "image/png" in data or is_words, cell.source


@each_notebook
def test_a_slide_is_no_page_of_prose(path):
    for slide in deck_of(path):
        paragraphs = [part for cell in slide if cell.cell_type == "markdown" for part in cell.source.split("\n\n")]
        words = sum(len(part.split()) for part in paragraphs if not slides.NO_PROSE.match(part))
        assert words <= 120, slide[0].source


def test_a_text_is_cut_to_its_end_and_to_what_is_in_bold():
    long = "Filler. " * slides.ENOUGH
    assert slides.short_text(f"Before.\n\n### Trap: x\n\n*Needs: y.*\n\n{long}\n\nThe [end](z.ipynb).") == (
        "## Trap: x\n\nThe end."
    )
    assert slides.short_text(f"{long} A **word** is this. More.\n\n**Predict.** What?") == (
        "A **word** is this.\n\n**Predict.** What?"
    )
    assert slides.short_text("## A\n\nFirst.\n\n$$x$$\n\n- one\n- two\n\nLast.\n\n### Exercise 1.1 · No\n\nNo.") == (
        "## A\n\nFirst.\n\n$$x$$\n\n- one\n- two\n\nLast."
    )
    assert slides.short_text(long) == long.strip(), "the last paragraph stays whole"


def test_a_slide_without_a_heading_gets_that_of_its_section():
    mark = {"slideshow": {"slide_type": "slide"}}
    code = nbformat.v4.new_code_cell("x = 1", metadata=mark)
    cells = [
        text_cell("## Old"),
        text_cell("### New"),
        text_cell("### Exercise 1.1 · No"),
        code,
        text_cell("Not shown."),
    ]
    shown = slides.shown(nbformat.v4.new_notebook(cells=cells)).cells
    assert [(slides.kind(cell), cell.source) for cell in shown] == [("slide", "## New"), ("-", "x = 1")]
    assert code.metadata == mark, "the notebook is as it was"


def test_a_cell_that_draws_gives_its_room_to_the_picture():
    picture = nbformat.v4.new_output("display_data", {"image/png": ""})
    assert slides.short_code(nbformat.v4.new_code_cell("draw()", outputs=[picture])) == ""
    assert slides.short_code(nbformat.v4.new_code_cell("print(1)")) == "print(1)"


def test_an_answer_in_sight_is_found():
    asked, told = text_cell("**Predict.** What?"), text_cell("Nothing.", metadata={"slideshow": {"slide_type": "-"}})
    assert answered_in_sight([asked, told]) == ["Nothing."]
    told.metadata["slideshow"]["slide_type"] = "fragment"
    assert answered_in_sight([asked, told]) == answered_in_sight([told, asked]) == []
