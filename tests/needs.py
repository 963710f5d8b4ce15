"""Writes at the start of each section which sections above it builds on: python -m tests.needs [NOTEBOOK ...].

A section needs those whose names it uses: the latest that defines a name, and those after it that change what the name
stands for (`model.fit(…)`, `weights[0] = …`); and what these need themselves. The setup cell is always needed and never
named; exercises build on nothing else. Run twice, this changes nothing more.
"""

import ast
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from tests.notebooks import NOTEBOOKS, read, tags

HEADING = r"(?m)^## (.+)$"
LINE = r"(?m)^\*Needs: .*\*\n\n?"
MOST = 3  # titles in a line


@dataclass
class Section:
    """A section, from its heading to the next: what its code cells take from above, and what they leave behind."""

    title: str
    cell: int  # the index of the cell with its heading
    has_code: bool = False
    uses: set[str] = field(default_factory=set)
    leaves: set[str] = field(default_factory=set)  # names that it defines, or whose values it changes

    @property
    def is_deeper(self) -> bool:
        """Whether the section is off the core path."""
        return self.title.startswith("Deeper")


class _Code(ast.NodeVisitor):
    """Follows code in the order in which Python runs it, and notes names that are used before they are defined.

    The body of a function runs when it is called: what it uses may be defined below it.
    """

    def __init__(self):
        self.defined, self.changed, self.used, self._later = set(), set(), set(), []

    def finish(self) -> None:
        """Look into the functions, now that it is known what stands around them."""
        while self._later:
            self.used |= _free(self._later.pop()) - self.defined

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            self.used |= {node.id} - self.defined
        elif isinstance(node.ctx, ast.Store):
            self.defined.add(node.id)

    def visit_Assign(self, node):
        for part in (node.value, *node.targets):
            self.visit(part)
        self.changed |= {_owner(part) for target in node.targets for part in _parts(target)} - {None}

    def visit_AugAssign(self, node):
        self.visit(node.value)
        owner = node.target.id if isinstance(node.target, ast.Name) else _owner(node.target)
        self.used |= {owner} - self.defined - {None}
        self.changed |= {owner} - {None}

    def visit_AnnAssign(self, node):
        for part in filter(None, (node.value, node.target)):
            self.visit(part)

    def visit_NamedExpr(self, node):
        self.visit(node.value)
        self.visit(node.target)

    def visit_Expr(self, node):
        self.visit(node.value)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self.changed |= {_owner(node.value.func)} - {None}

    def visit_For(self, node):
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Import(self, node):
        self.defined |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_ExceptHandler(self, node):
        self.defined |= {node.name} - {None}
        self.generic_visit(node)

    def visit_FunctionDef(self, node):
        outside = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        for part in outside:
            self.visit(part)
        self.defined.add(node.name)
        self._later.append(node)

    def visit_Lambda(self, node):
        for part in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(part)
        self._later.append(node)

    def visit_ClassDef(self, node):
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        body = _Code()
        for part in node.body:
            body.visit(part)
        self.used |= body.used - self.defined
        self.defined.add(node.name)
        self._later += body._later

    def _comprehension(self, node):
        outer = set(self.defined)
        for generator in node.generators:
            for part in (generator.iter, generator.target, *generator.ifs):
                self.visit(part)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part)
        self.defined = outer

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815


def _free(function: ast.FunctionDef | ast.Lambda) -> set[str]:
    """Return the names that a function takes from around it."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    code = _Code()
    code.defined |= {argument.arg for argument in listed if argument}
    body = function.body if isinstance(function.body, list) else [function.body]
    shared = {name for part in ast.walk(function) if isinstance(part, ast.Global) for name in part.names}
    for part in body:
        code.visit(part)
    code.finish()
    return code.used | shared


def _owner(node: ast.expr) -> str | None:
    """Return the name that an attribute or an element belongs to: `model` of `model.layers[0].bias`."""
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return None
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _parts(target: ast.expr) -> list[ast.expr]:
    return target.elts if isinstance(target, ast.Tuple | ast.List) else [target]


def sections(notebook: nbformat.NotebookNode) -> list[Section]:
    """Return the sections of a notebook. The first is what stands above all headings, with the setup cell."""
    found, code = [Section("Setup", 0)], _Code()
    for at, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            for title in re.findall(HEADING, cell.source):
                _close(found[-1], code)
                found.append(Section(title, at))
                code = _Code()
        elif "exercise" not in tags(cell):
            found[-1].has_code = True
            code.visit(ast.parse(cell.source))
    _close(found[-1], code)
    return found


def _close(section: Section, code: _Code) -> None:
    code.finish()
    section.uses, section.leaves = code.used, code.defined | code.changed


def needs(found: list[Section]) -> list[set[int]]:
    """Return for each section the indices of those above that it needs; of the setup, none."""
    everywhere = {name for section in found if section.title == "Setup" for name in section.leaves}
    needed, latest = [], {}  # latest: the section that left a name last; it needs itself who made what it has changed
    for at, section in enumerate(found):
        direct = {latest[name] for name in section.uses - everywhere if name in latest}
        needed.append(direct.union(*(needed[index] for index in direct)))
        latest |= dict.fromkeys(section.leaves, at)
    return needed


def line(found: list[Section], at: int, needed: set[int]) -> str:
    """Return the line for a section, or "" where it needs the setup cell alone."""
    above = [index for index in range(at) if found[index].has_code and found[index].title != "Setup"]
    core = [index for index in above if not found[index].is_deeper]
    if not needed:
        return ""
    if len(needed) > MOST or (len(needed) > 2 and len(needed) >= 0.8 * len(above)):
        skipped = len(core) < len(above) and needed <= set(core)
        return f"*Needs: {'the core' if skipped else 'all'} above.*"
    titles = " · ".join(found[index].title for index in sorted(needed))
    return f"*Needs: {titles}{'' if titles[-1] in '?!.' else '.'}*"


def write_lines(notebook: nbformat.NotebookNode) -> None:
    """Write the line of each section under its heading, in place of the one that stands there."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(LINE, "", cell.source)
    found = sections(notebook)
    for at, needed in enumerate(needs(found)):
        if at and (said := line(found, at, needed)):
            cell, heading = notebook.cells[found[at].cell], f"## {found[at].title}"
            before, _, after = f"\n{cell.source}\n".partition(f"\n{heading}\n")
            cell.source = f"{before}\n{heading}\n\n{said}\n\n{after.lstrip()}".strip("\n")


def main() -> None:
    """Write the lines of the chosen notebooks, or of all, and show them."""
    for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        notebook = read(path)
        write_lines(notebook)
        nbformat.write(notebook, path)
        found = sections(notebook)
        for at, needed in enumerate(needs(found)):
            if off := [found[index].title for index in needed if found[index].is_deeper and not found[at].is_deeper]:
                print(f"{path.stem}: {found[at].title!r} is on the core path and needs {off}")


if __name__ == "__main__":
    main()
