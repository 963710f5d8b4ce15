"""The faults that `make mutants` plants: one small change of a source each, as a programmer makes it unnoticed."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

# Keywords that say how something looks, what it is called, what nobody may do with it, or what is true anyway.
LOOKS = (
    "alpha color daemon dpi figsize fontsize frozen height indent label lw max_workers mew ms name pad s saying seed"
)
LOOKS = {*LOOKS.split(), "size", "strict", "title", "verbose", "width", "xytext", "zorder"}
SWAPPED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Add: ast.Sub, ast.Sub: ast.Add}
SWAPPED |= {ast.And: ast.Or, ast.Or: ast.And}
TWINS = "sum mean, reduce_sum reduce_mean, min max, reduce_min reduce_max, argmin argmax, minimum maximum, any all"
TWINS = {a: b for pair in TWINS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}


class Mutant(NamedTuple):
    """One change of a source: of a file, or of a cell of a notebook."""

    fault: str
    line: int
    function: str  # the function or class at the top of the source that the change lies in, or ""
    start: int  # where the change lies, in bytes
    before: str
    after: str
    file: str = ""
    cell: int | None = None

    def applied(self, source: str) -> str:
        """Return a source with this change."""
        text, end = source.encode(), self.start + len(self.before.encode())
        return (text[: self.start] + self.after.encode() + text[end:]).decode()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.cell is None else f"{self.file} [{self.cell}]:{self.line}"
        return f"{place} {self.fault}: {' '.join(self.before.split())} → {self.after}"


def faults(node: ast.AST) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Yield the name of each fault that can be made of a node, what it changes, and what stands there then."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right) if not _is_text(left, right):
            yield "sign", node, ast.BinOp(left, SWAPPED[type(op)](), right)
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield "sign", node, operand
        case ast.BinOp(left, ast.Div() | ast.Mult(), right) if not _is_text(left, right):
            yield "factor left out", node, left
        case ast.keyword("axis", value):
            yield "axis", value, ast.Constant(-1 if ast.unparse(value) == "0" else 0)
        case ast.keyword(str(), ast.Constant(bool() as value)):
            yield "flag", node.value, ast.Constant(not value)
        case ast.If(test) | ast.IfExp(test):
            yield "branches swapped", test, ast.UnaryOp(ast.Not(), test)
        case ast.Compare(left, [op], others) if type(op) in SWAPPED:
            yield "border", node, ast.Compare(left, [SWAPPED[type(op)]()], others)
        case ast.BoolOp(op, values):
            yield "logic", node, ast.BoolOp(SWAPPED[type(op)](), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "logic", node, operand
        case ast.Constant(float() as value) if 0 < value <= 0.01:
            yield "times ten", node, ast.Constant(value * 10)
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            yield "constant", node, ast.Constant(value + 1 if isinstance(value, int) else value * 2 or 1.0)
        case ast.Attribute(value, name) if name in TWINS:
            yield "twin", node, ast.Attribute(value, TWINS[name])
        case ast.Name(name, ast.Load()) if name in TWINS:
            yield "twin", node, ast.Name(TWINS[name])
        case ast.Raise():
            yield "raise left out", node, ast.Pass()
        case ast.AugAssign(target, ast.Add() | ast.Sub() as op, value):
            yield "sign", node, ast.AugAssign(target, SWAPPED[type(op)](), value)
            yield "line left out", node, ast.Pass()
        case ast.Expr(ast.Call()) | ast.Assign([ast.Attribute() | ast.Subscript()]):  # a missing name fails by itself
            yield "line left out", node, ast.Pass()


def _is_text(*nodes: ast.AST) -> bool:
    return any(
        isinstance(node, ast.JoinedStr | ast.List) or isinstance(getattr(node, "value", 0), str) for node in nodes
    )


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a source: each changes one place, and leaves every other byte as it is."""
    text, starts, found = source.encode(), [0], []
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, function in _nodes(ast.parse(source), ""):
        for fault, place, other in faults(node):
            start, end = (
                starts[place.lineno - 1] + place.col_offset,
                starts[place.end_lineno - 1] + place.end_col_offset,
            )
            after = f"({ast.unparse(other)})" if isinstance(place, ast.expr) else ast.unparse(other)
            found.append(Mutant(fault, place.lineno, function, start, text[start:end].decode(), after))
    return found


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield the nodes below `node` whose change may change what the code does, each with its function."""
    for child in ast.iter_child_nodes(node):
        aside = child in (getattr(node, "annotation", 0), getattr(node, "returns", 0)) or _is_aside(child)
        if not aside:
            yield child, function
            if not isinstance(child, ast.Raise):  # below it stands what it says
                yield from _nodes(child, function or getattr(child, "name", "") or "")


def _is_aside(node: ast.AST) -> bool:
    """Return whether a node only says something, looks like something, or asserts what is true anyway."""
    match node:
        case ast.keyword(name) if name in LOOKS:
            return True
        case ast.Expr(ast.Call(ast.Name("print"))) | ast.Assert() | ast.JoinedStr():
            return True
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
