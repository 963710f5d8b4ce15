"""Every notebook has the frame that a reader relies on."""

import ast
import builtins
import html
import json
import re
import statistics
from itertools import pairwise

import pytest

from tests import minutes
from tests.notebooks import IGNORED, NOTEBOOKS, ROOT, exercises, published, read, setup_cell, spoken, tags
from utils import checks

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github"
MARKS = [{"slide_type": kind} for kind in ("slide", "-", "fragment")]  # of cells that stand on a slide
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def prose(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_setup_cells_are_the_same_everywhere():
    assert len({setup_cell(path) for path in NOTEBOOKS}) == 1
    assert "session.start()" in setup_cell(NOTEBOOKS[0])


@each_notebook
def test_title_cell(path):
    title = read(path).cells[0].source
    number = int(path.stem[:2])
    assert re.match(rf"# {number} · .+\n\n\*\*.+\?\*\*\n", title), "the title, then one question in bold"
    slug, tag = published()
    assert f"]({COLAB}/{slug}/blob/{tag}/notebooks/{path.name})" in title and BADGE in title
    assert 3 <= len(re.findall(r"^- \*\*\w+\*\* ", title, re.M)) <= 5, "three to five bullets, a verb each"
    assert f"**Time:** {minutes.minutes(read(path))} minutes" in title, "python -m tests.minutes writes it"
    assert "**Needs:**" in title


@each_notebook
def test_navigation_leads_to_the_neighbors(path):
    last_line = read(path).cells[0].source.splitlines()[-1]
    linked = re.findall(r"\]\((\w+\.ipynb)\)", last_line)
    at = NOTEBOOKS.index(path)
    neighbors = [NOTEBOOKS[i].name for i in (at - 1, at + 1) if 0 <= i < len(NOTEBOOKS)]
    assert linked == neighbors and "(../README.md)" in last_line


@each_notebook
def test_links_to_other_notebooks_exist(path):
    for name in re.findall(r"\]\((\d\d_\w+\.ipynb)", prose(path)):
        assert (ROOT / "notebooks" / name).exists(), name


@each_notebook
def test_sections(path):
    text = prose(path)
    assert len(re.findall(r"^### Trap: ", text, re.M)) >= 3
    headings = re.findall(r"^##+ (.+)$", text, re.M)
    assert any(heading.startswith("Payoff: ") for heading in headings)
    recap = headings[headings.index("Recap") :]
    assert recap == ["Recap", "Quiz", "When it goes wrong", "An honest limit", "Further reading"]
    assert headings.index("Recap") > max(i for i, h in enumerate(headings) if h.startswith("Payoff"))
    assert len(re.findall(r"^- ", text.split("## Recap")[1].split("### Quiz")[0], re.M)) == 5
    assert 3 <= len(re.findall(r"^\*\*\d\.\*\* ", text.split("### Quiz")[1], re.M)) <= 5
    assert text.count("**Predict.**") >= 5


@each_notebook
def test_there_is_a_place_to_pause_near_the_middle(path):
    notebook = read(path)
    spent = minutes.minutes_by_cell(notebook)
    (at,) = [i for i, cell in enumerate(notebook.cells) if minutes.PAUSE in cell.source]
    assert 0.35 < sum(spent[:at]) / sum(spent) < 0.65


@each_notebook
def test_folded_blocks_are_balanced(path):
    for cell in read(path).cells:
        assert cell.source.count("<details>") == cell.source.count("</details>") == cell.source.count("<summary>")
        assert not re.search(r"</summary>\n[^\n]|[^\n]\n</details>", cell.source), "markdown needs a blank line"


@each_notebook
def test_exercises_are_complete(path):
    found = exercises(path)
    assert len(found) >= 4
    assert [e.number for e in found] == [f"{int(path.stem[:2])}.{i + 1}" for i in range(len(found))]
    for exercise in found:
        assert re.search(r"\n★[★☆]{2} · \d+ minutes\n", exercise.card), exercise.number
        assert exercise.solution, f"{exercise.number} has no solution"
        assert "..." in exercise.stub and '"""' in exercise.stub, exercise.number
        assert exercise.stub.splitlines()[-1] == exercise.solution.splitlines()[-1]
    assert sum(cell.source.count("<summary>Hint 2</summary>") for cell in read(path).cells) == len(found)


@each_notebook
def test_code_cells_are_short_and_led_in(path):
    cells = read(path).cells
    written = [cell for cell in code_cells(path) if cell.source != setup_cell() and "exercise" not in tags(cell)]
    lengths = sorted(sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in written)
    assert lengths[-1] <= 20
    assert lengths[int(0.9 * len(lengths))] <= 12
    assert statistics.median(lengths) <= 8
    led_in = [
        before.cell_type == "markdown" and before.source.rstrip()[-1] in ":?"
        for before, cell in pairwise(cells)
        if cell.cell_type == "code"
    ]
    assert led_in.count(False) <= 0.15 * len(led_in)


@each_notebook
def test_outputs_are_those_of_one_clean_run(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert not any(output.output_type == "error" for output in cell.outputs), cell.source
        assert not any(output.get("name") == "stderr" for output in cell.outputs), cell.source
        assert sum(text.count("\n") for text in spoken(cell) if text.startswith("std")) <= 10, cell.source
    with_output = [cell for cell in cells if cell.outputs]
    assert sum(IGNORED in tags(cell) for cell in with_output) <= len(with_output) / 10


def names(tree):
    """Return the names that a piece of code uses, without Python's own."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(dir(builtins))


def asserted(cell):
    """Return the names that the assertions of a cell are about."""
    return {name for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Assert) for name in names(node)}


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


@each_notebook
def test_a_number_that_may_vary_is_asserted(path):
    """In its own cell; after a *Predict* in the next one, behind the text, since an assertion in sight is an answer."""
    cells = read(path).cells
    code = [i for i, cell in enumerate(cells) if cell.cell_type == "code"]
    for at, following in zip(code, [*code[1:], code[-1]], strict=True):
        cell, lead_in = cells[at], cells[at - 1].source
        predicted = "**Predict.**" in lead_in
        if predicted:
            assert not asserted(cell), f"the answer stands in sight:\n{cell.source}"
        if "≈" in printed(cell):
            about = asserted(cells[following] if predicted else cell)
            assert about & names(ast.parse(cell.source)) - {"np", "tf"}, f"nothing is asserted of it:\n{cell.source}"


@each_notebook
def test_cells_print_numbers_rather_than_truths(path):
    lines = [line for cell in code_cells(path) for line in printed(cell).splitlines() if line.strip()]
    truths = [line for line in lines if re.search(r"\b(True|False)\W*$", line)]
    assert len(truths) <= 0.05 * len(lines), truths


@each_notebook
def test_figures_have_words(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    pictures = [at for at, output in enumerate(outputs) if "image/png" in output.get("data", {})]
    assert pictures
    for at in pictures:
        words = outputs[at].metadata["image/png"].get("alt", "")
        assert len(words.split()) >= 5 and words == outputs[at].data["text/plain"]
        assert f"</summary>{words}</details>" in html.unescape(outputs[at + 1].data["text/html"])


@each_notebook
def test_source_is_clean(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert set(raw["metadata"]) <= {"kernelspec", "language_info"}
    for cell in raw["cells"]:
        assert set(cell["metadata"]) <= {"tags", "slideshow"}, cell["metadata"]
        assert cell["metadata"].get("slideshow", MARKS[0]) in MARKS
        assert set(cell["metadata"].get("tags", [])) <= {IGNORED, "exercise"}
        assert "".join(cell["source"]).strip(), "an empty cell"


def test_readme_table_is_in_step():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d+) · .*?\]\(notebooks/(\w+\.ipynb)\) \|(.*?)\|.*\| (\d+) \|.*\|$", readme, re.M)
    assert [name for _, name, _, _ in rows] == [path.name for path in NOTEBOOKS]
    slug, tag = published()
    badges = re.findall(rf"\]\({COLAB}/{slug}/blob/{tag}/notebooks/(\w+\.ipynb)\)", readme)
    assert badges == [path.name for path in NOTEBOOKS]
    for path, (number, _, question, spent) in zip(NOTEBOOKS, rows, strict=True):
        title = read(path).cells[0].source
        assert title.startswith(f"# {number} · ")
        assert f"**{question.strip()}**" in title and f"**Time:** {spent} minutes" in title


@each_notebook
def test_the_progress_that_is_shown_lists_the_exercises_of_today(path, monkeypatch, tmp_path):
    """nbval leaves this output out, since it is the reader's own."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    shown = [output.data["text/plain"] for output in outputs if "exercises are correct" in str(output.get("data"))]
    assert shown == [repr(checks.progress())]
