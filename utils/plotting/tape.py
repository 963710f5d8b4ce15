"""The drawn tape: the operations of a small function as a graph, with values below and gradients above."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import tensorflow as tf
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

# TensorFlow has no public way to see eager operations one by one. Its debugger uses this hook, unchanged since 2.1.
from tensorflow.python.framework import op_callbacks

from utils.plotting.style import BLUE, GRAY, INK, PAPER, VERMILION, WIDTH, new_figure, show
from utils.plotting.text_width import text_width

CONSTANT = "constant"
SYMBOLS = {
    "AddV2": "+", "Sub": "−", "Mul": "×", "RealDiv": "÷", "Neg": "−( )", "Pow": "power", "StopGradient": "stop",
    "MatMul": "matmul", "Greater": ">", "Less": "<", "SelectV2": "where", "Maximum": "max", "ResourceGather": "gather",
}  # fmt: skip


@dataclass(eq=False)
class Node:
    """One recorded operation, or one input, of a drawn tape."""

    label: str
    value: object  # what the operation gave: a number or an array
    grad: object = None  # the gradient of the result with respect to `value`; None where none arrives
    parents: list = field(default_factory=list)
    flows: list = field(default_factory=list)  # for each parent: does a gradient pass back to it?


@contextmanager
def _recorded_operations() -> Iterator[list]:
    """Collect (operation type, input tensors, output tensors) of every eager operation in the block."""
    operations = []

    def remember(op_type, inputs, attrs, outputs, op_name=None, graph=None):
        operations.append((tf.compat.as_str(op_type), list(inputs), list(outputs)))  # bytes where Keras asks

    op_callbacks.add_op_callback(remember)
    try:
        yield operations
    finally:
        op_callbacks.remove_op_callback(remember)


def record(f: Callable, /, **inputs: float) -> Node:
    """Run `f` eagerly under a tape and return the node of its result.

    Args:
        f: a function of the named inputs that returns one floating-point tensor, and is not compiled. Python loops
            and branches are allowed: what is recorded is what ran.
        **inputs: the values, numbers or arrays; each is watched as a float32 tensor under its own name.

    Returns:
        The node of the result; the others hang from it by `parents`. Inputs that nothing connects to the result are
        parents of nothing, and so are listed in the result's `unreached` attribute.

    Raises:
        TypeError: when `f` returns something other than one floating-point tensor.
    """
    tensors = {name: tf.convert_to_tensor(value, tf.float32) for name, value in inputs.items()}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(list(tensors.values()))
        with _recorded_operations() as operations:
            result = f(**tensors)
    if not (tf.is_tensor(result) and result.dtype.is_floating):
        raise TypeError(f"The drawn function must return one floating-point tensor; it returned {result!r}.")

    def gradient(target, source):
        differentiable = target.dtype.is_floating and source.dtype.is_floating
        return tape.gradient(target, source) if differentiable else None

    def node(label, tensor):
        grad = gradient(result, tensor)
        return Node(label, tensor.numpy(), None if grad is None else tf.convert_to_tensor(grad).numpy())

    variables = tape.watched_variables()
    tables = {id(variable.handle): variable for variable in variables}  # a lookup takes the variable's handle

    def leaf(tensor):  # a constant, or what was read from a variable
        read = [variable.name for variable in variables if gradient(tensor, variable) is not None]
        return node(read[0].split(":")[0] if read else CONSTANT, tensor)

    nodes = {id(tensor): node(name, tensor) for name, tensor in tensors.items()}
    for op_type, op_inputs, op_outputs in operations:
        if op_type == "ReadVariableOp":
            nodes[id(op_outputs[0])] = leaf(op_outputs[0])
            continue
        made = node(SYMBOLS.get(op_type, op_type.lower()), op_outputs[0])
        for source in (tables.get(id(source), source) for source in op_inputs):
            if id(source) not in nodes:
                nodes[id(source)] = leaf(source)
            made.parents.append(nodes[id(source)])
            made.flows.append(gradient(op_outputs[0], source) is not None)
        nodes[id(op_outputs[0])] = made
    root = nodes.get(id(result)) or leaf(result)
    reached = set(map(id, ancestors(root)))
    root.unreached = [nodes[id(tensor)] for tensor in tensors.values() if id(nodes[id(tensor)]) not in reached]
    return root


def ancestors(root) -> list:
    """Return `root` and all that it was computed from, each once, parents before children."""
    ordered, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent in node.parents:
                visit(parent)
            ordered.append(node)

    visit(root)
    return ordered


def draw_tape(f: Callable, /, **inputs: float) -> None:
    """Run `f` on the named inputs under a tape and draw what the tape recorded.

    See `record` for the arguments, and `draw_graph` for the picture.
    """
    draw_graph(record(f, **inputs))


def draw_graph(root) -> None:
    """Draw a recorded computation from left to right: operations, values under them, gradients over them.

    Args:
        root: the node of the result. A node is any object with `label` (text), `value` and `grad` (numbers or
            arrays; `grad` is None where no gradient arrives) and `parents` (a list of nodes).
    """
    nodes = ancestors(root) + list(getattr(root, "unreached", []))
    place, routes = layout(nodes)
    xs, ys = np.array([point for route in [*routes.values(), list(place.values())] for point in route]).T
    figure = new_figure(height=0.85 * (ys.max() - ys.min()) + 1.35)
    axes = figure.add_subplot()
    axes.axis("off")
    columns = max(xs.max() - xs.min(), 1.5) + 1  # two columns at the two ends of the page would be too far apart
    axes.set_xlim(np.mean([xs.min(), xs.max()]) + np.array([-0.5, 0.5]) * columns)
    axes.set_ylim(ys.min() - 0.6, ys.max() + 0.6)
    room = {id(node): (text_width(_name(node), 9) / 2 + 0.14) * columns / WIDTH for node in nodes}
    for child in nodes:
        flows = getattr(child, "flows", None) or [child.grad is not None and p.grad is not None for p in child.parents]
        for parent, flow in zip(child.parents, flows, strict=True):
            route = between_boxes(routes[id(parent), id(child)], room[id(parent)], room[id(child)])
            draw_arrow(axes, route, color=GRAY, linestyle="-")
            if flow and child.grad is not None:
                draw_arrow(axes, [(x, y + 0.1) for x, y in reversed(route)], color=VERMILION, linestyle=(0, (4, 2)))
    for node in nodes:
        _draw_node(axes, node, *place[id(node)])
    axes.set_title("below: the value    above: the gradient that arrives", fontsize=9, fontweight="normal")
    show(figure, _describe(nodes))


def _draw_node(axes, node, x: float, y: float) -> None:
    operation = bool(node.parents)
    color = INK if operation else GRAY if node.label == CONSTANT else BLUE
    edge = {"boxstyle": "round,pad=0.4", "fc": PAPER, "ec": color, "lw": 1.3, "ls": ":" if node.grad is None else "-"}
    axes.text(
        x, y, _name(node), ha="center", va="center", fontsize=9, fontweight="bold", color=color, zorder=4, bbox=edge
    )
    if node.label == CONSTANT:
        return
    axes.text(x, y - 0.26, _short(node.value), ha="center", va="top", fontsize=9, color=INK, zorder=4)
    gradient = {"color": VERMILION, "style": "italic", "fontweight": "bold"}
    axes.text(x, y + 0.26, _short(node.grad), ha="center", va="bottom", fontsize=9, zorder=4, **gradient)


def _name(node) -> str:
    """Return what stands in the box of a node."""
    return _short(node.value) if node.label == CONSTANT else node.label


def between_boxes(route: list, first: float, last: float) -> list:
    """Return a route that begins and ends where the boxes do: `first` and `last` are half their widths."""
    (x0, y0), *inner, (x1, y1) = route
    return [(x0 + first, y0), *inner, (x1 - last, y1)]


def draw_arrow(axes, points: list, color: str, linestyle) -> None:
    """Draw one edge as a smooth curve that is horizontal at each of `points`, with a head at its end."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for start, end in pairwise(points):
        middle = (start[0] + end[0]) / 2
        vertices += [(middle, start[1]), (middle, end[1]), end]
        codes += [Path.CURVE4] * 3
    axes.add_patch(
        FancyArrowPatch(path=Path(vertices, codes), arrowstyle="-|>", mutation_scale=9, color=color, fc=color, lw=1.1,
                        ls=linestyle, zorder=1)
    )  # fmt: skip


def layout(nodes: list) -> tuple[dict, dict]:
    """Give each node a column (its distance from the inputs) and a height (near its neighbors'), and each edge a route.

    A layered drawing after Sugiyama, Tagawa and Toda (1981): an edge that spans several columns gets a place of its
    own in each of them, so that it passes between the nodes.
    """
    column = {}
    for node in nodes:
        column[id(node)] = 1 + max((column[id(p)] for p in node.parents), default=-1)
    for node in nodes:  # an input stands right before its first use
        if not node.parents:
            column[id(node)] = min((column[id(n)] for n in nodes if node in n.parents), default=1) - 1
    slots, before, after, chains = defaultdict(list), defaultdict(list), defaultdict(list), {}
    for node in nodes:
        slots[column[id(node)]].append(id(node))
    for child in nodes:
        for parent in {id(p): p for p in child.parents}.values():
            inner = [(id(parent), id(child), c) for c in range(column[id(parent)] + 1, column[id(child)])]
            chains[id(parent), id(child)] = chain = [id(parent), *inner, id(child)]
            for key in inner:
                slots[key[2]].append(key)
            for left, right in pairwise(chain):
                before[right].append(left)
                after[left].append(right)
    height = {key: -float(i) for keys in slots.values() for i, key in enumerate(keys)}
    for sweep in range(12):  # move each place to the mean height of its neighbors, sweeping to and fro
        neighbors = before if sweep % 2 == 0 else after
        for c in sorted(slots, reverse=bool(sweep % 2)):
            wanted = {key: np.mean([height[n] for n in neighbors[key]]) for key in slots[c] if neighbors[key]}
            middle = np.mean([*wanted.values()] or [height[key] for key in slots[c]])
            unconnected = {key: middle for key in slots[c] if not before[key] and not after[key]}
            held = {key: height[key] for key in slots[c]}
            height.update(_spread({**held, **wanted, **unconnected}))
    place = {key: (c, height[key]) for c, keys in slots.items() for key in keys}
    return place, {edge: [place[key] for key in chain] for edge, chain in chains.items()}


def _spread(wanted: dict) -> dict:
    """Return heights as near to the wanted ones as a distance of 1 between any two allows, in the same order."""
    ordered = sorted(wanted, key=wanted.get)
    given = []
    for i, key in enumerate(ordered):
        given.append(max(wanted[key], given[-1] + 1) if i else wanted[key])
    shift = np.mean([wanted[key] for key in ordered]) - np.mean(given)
    return {key: height + shift for key, height in zip(ordered, given, strict=True)}


def _short(value) -> str:
    """Write a value in a few characters: a number to three digits, an array by its numbers or its shape."""
    if value is None:
        return "None"
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.3g}" if array.dtype.kind in "fiub" else str(array.item())
    return "[" + " ".join(f"{v:.2g}" for v in array) + "]" if array.ndim == 1 and array.size <= 3 else f"{array.shape}"


def _describe(nodes: list) -> str:
    """Say in words what the picture shows: each operation with its value and the gradient that arrives."""
    steps = []
    for node in (n for n in nodes if n.label != CONSTANT):
        sources = ", ".join(_short(p.value) if p.label == CONSTANT else p.label for p in node.parents)
        name = f"{node.label}({sources})" if sources else node.label
        steps.append(f"{name} {_said(node.value)}, gradient {_said(node.grad).removeprefix('= ')}")
    return "A drawn tape, left to right. " + "; ".join(steps) + "."


def _said(value) -> str:
    """Write "= 9" for a value that its three digits hold in full, and "≈ 0.909" for a rounded one."""
    array = np.asarray(value)
    if value is None or array.dtype.kind not in "fiub" or array.ndim > 1 or array.size > 3:
        return f"= {_short(value)}"
    digits = 3 if array.ndim == 0 else 2
    said = [_number(float(v), digits) for v in array.ravel()]
    if array.ndim == 0:
        return said[0] if said[0].startswith("≈") else f"= {said[0]}"
    return f"= [{' '.join(said)}]"


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    exact = not np.isfinite(value) or abs(float(text) - value) <= 1e-5 * abs(value)
    return text if exact else f"≈ {text}"
