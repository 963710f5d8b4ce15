"""What a section needs is found in its code, and written under its heading."""

import nbformat
import pytest

from tests import needs
from tests.notebooks import NOTEBOOKS, read


def notebook(*sections):
    """Make a notebook with a setup cell and sections of (title, code, ...)."""
    cells = [
        nbformat.v4.new_markdown_cell("# 1 · Title\n\nText."),
        nbformat.v4.new_code_cell("import numpy as np\nfrom utils import data\nseed = 1"),
    ]
    for title, *code in sections:
        cells.append(nbformat.v4.new_markdown_cell(f"## {title}\n\nWhy this is so:"))
        cells += map(nbformat.v4.new_code_cell, code)
    return nbformat.v4.new_notebook(cells=cells)


def lines(*sections):
    """Return the lines that are written under the headings, "" where there is none."""
    made = notebook(*sections)
    needs.write_lines(made)
    headed = [cell.source for cell in made.cells if cell.source.startswith("## ")]
    assert all(source.endswith("\n\nWhy this is so:") for source in headed)
    return [source.split("\n")[2] if "*Needs:" in source else "" for source in headed]


DEFINES = "x = np.ones(3)\ndef f(a):\n    return a"


@pytest.mark.parametrize(
    "code",
    [
        "print(x)",
        "x += 1",
        "x = x + 1",
        "y = [a for a in x]",
        "for x in x: pass",
        "def g(a=x): pass",
        "def g(a):\n    return a + x",
        "lambda a: a + x",
        "class C:\n    y = x",
        "class C:\n    def g(self):\n        return x",
        "class C(x.__class__): pass",
        "@f\ndef g(): pass",
        "print(f'{x}')",
        "x[0] = 1",
        "x.shape = 3",
        "with np.errstate() as e:\n    e, x",
        "print(x)\nx = 1",
        "def g():\n    def h():\n        return x\n    return h",
        "def g():\n    global x\n    x = 1",
        "if (y := x) is None: pass",
        "try:\n    pass\nexcept ValueError as problem:\n    x",
        "assert x is not None",
        "del x",
    ],
)
def test_what_uses_a_name_needs_its_section(code):
    if code == "del x":  # forgets a name, which is no use of its value
        assert lines(("The cliff", DEFINES), ("Over it", code)) == ["", ""]
    else:
        assert lines(("The cliff", DEFINES), ("Over it", code)) == ["", "*Needs: The cliff.*"]


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\nprint(x)",
        "for x in range(3): print(x)",
        "with np.errstate() as x: print(x)",
        "[x for x in range(3)]",
        "[x + y for x in range(3) for y in range(x)]",
        "{x: 1 for x in range(3)}",
        "lambda x: x",
        "lambda *x, **f: (x, f)",
        "def g(x, *, f=1):\n    return x, f",
        "def g():\n    x = 1\n    return x",
        "def g():\n    return x\nx = 1\ng()",
        "import x\nx.y",
        "from a import b as x\nx",
        "class x: pass\nx()",
        "(x, f), *y = 1, 2\nx, f",
        "try:\n    pass\nexcept ValueError as x:\n    print(x)",
        "print(np.x, data.f, seed)",
        "dict(x=1)",
        "if (x := 1): print(x)",
    ],
)
def test_what_has_a_name_of_its_own_needs_nothing(code):
    assert lines(("The cliff", DEFINES), ("Over it", code)) == ["", ""]


def test_the_latest_definition_counts_and_what_it_needs_itself():
    found = lines(
        ("One", "x = 1"),
        ("Two", "y = x"),
        ("Three", "x = 2"),
        ("Four", "x"),
        ("Five", "y"),
        ("Six", "z = 1"),
        ("Seven", "z"),
    )
    assert found == ["", "*Needs: One.*", "", "*Needs: Three.*", "*Needs: One · Two.*", "", "*Needs: Six.*"]


def test_a_section_that_changes_a_value_is_needed_beside_the_one_that_made_it():
    for change in ("model.fit(1)", "model.rate = 1", "model['a'] = 1", "model.layers[0].bias = 1", "model += 1"):
        found = lines(("One", "model = 1"), ("Two", change), ("Three", "y = 1"), ("Four", "model"))
        assert found[3] == "*Needs: One · Two.*", change
    found = lines(("One", "model = 1"), ("Two", "y = model.predict(1)"), ("Three", "z = 1"), ("Four", "model"))
    assert found[3] == "*Needs: One.*", "it was only read"


def test_many_are_all():
    many = [(f"S{n}", f"x{n} = 1") for n in range(5)]
    assert lines(*many, ("Last", "x0, x1, x2, x3"))[-1] == "*Needs: all above.*"
    assert lines(*many, ("Last", "x0, x1, x2"))[-1] == "*Needs: S0 · S1 · S2.*"
    assert lines(*many[:3], ("Last", "x0, x1, x2"))[-1] == "*Needs: all above.*"
    assert lines(*many[:2], ("Last", "x0, x1"))[-1] == "*Needs: S0 · S1.*"
    deeper = ("Deeper: more", "y = 1")
    assert lines(*many, deeper, ("Last", "x0, x1, x2, x3"))[-1] == "*Needs: the core above.*"
    assert lines(*many, deeper, ("Last", "x0, x1, x2, y"))[-1] == "*Needs: all above.*"


def test_a_title_keeps_its_own_end():
    assert lines(("Which words decide?", "x = 1"), ("More", "x"))[1] == "*Needs: Which words decide?*"


def test_exercises_and_the_setup_cell_are_no_sections():
    made = notebook(("One", "x = 1"), ("Two", "x"), ("Three", "x, seed"))
    for cell in made.cells[2:6]:
        if cell.cell_type == "code":
            cell.metadata["tags"] = ["exercise"]
    needs.write_lines(made)
    assert "Needs" not in "".join(cell.source for cell in made.cells)


def test_old_lines_go_and_a_second_run_changes_nothing():
    made = notebook(("One", "x = 1"), ("Two", "x"), ("Three", "y = 1"))
    for cell in made.cells:
        if cell.source.startswith("## "):
            heading, _, rest = cell.source.partition("\n\n")
            cell.source = f"{heading}\n\n*Needs: What was here.*\n\n{rest}"
    needs.write_lines(made)
    once = [cell.source for cell in made.cells]
    needs.write_lines(made)
    assert [cell.source for cell in made.cells] == once
    assert once[2] == "## One\n\nWhy this is so:" and once[4] == "## Two\n\n*Needs: One.*\n\nWhy this is so:"


def test_a_heading_inside_a_cell_gets_its_line():
    made = notebook(("One", "x = 1"))
    made.cells += [
        nbformat.v4.new_markdown_cell("So much for that.\n\n## Two\n\nText.\n\n## Three\n\nMore:"),
        nbformat.v4.new_code_cell("x"),
    ]
    needs.write_lines(made)
    assert made.cells[-2].source == "So much for that.\n\n## Two\n\nText.\n\n## Three\n\n*Needs: One.*\n\nMore:"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_lines_are_those_of_the_code(path):
    """`python -m tests.needs` writes them."""
    saved, made = read(path), read(path)
    needs.write_lines(made)
    assert [cell.source for cell in saved.cells] == [cell.source for cell in made.cells]
