"""A functional model as a picture: its layers from left to right, and the shapes that go from one to the next."""

import re
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from utils.plotting.description import counted, described, listed, quoted, titled
from utils.plotting.style import BLUE, GRAY, INK, PAPER, VERMILION, WIDTH, new_figure, show
from utils.plotting.tape import between_boxes, draw_arrow, layout
from utils.plotting.text_width import text_width


@dataclass(eq=False)
class Call:
    """One call of a layer: what it is, the shape that comes out, the numbers that it trains, and where it reads."""

    label: str
    shape: str
    weights: int
    again: bool = False  # an earlier box is the same layer, with the same weights
    output: bool = False
    parents: list = field(default_factory=list)


def model_graph(model: tf.keras.Model, *, title: str = "", saying: str = "") -> None:
    """Draw a box for each call of a layer, and below it the shape that comes out and the weights that it trains.

    A layer that is called twice has two boxes, the second one dashed; a model inside the model is one box.

    Args:
        model: a functional model, or a `Sequential` one that knows its input.
        title: the subject in a few words.
        saying: one short sentence for what no data can tell, at most 100 characters.

    Raises:
        ValueError: for a `Sequential` model that does not know its input yet, and for a model that is a program (a
            subclass): it has no graph before it runs.
    """
    calls = calls_of(model)
    place, routes = layout(calls)
    xs, ys = np.array([point for route in [*routes.values(), list(place.values())] for point in route]).T
    figure = new_figure(height=0.95 * (ys.max() - ys.min()) + 1.5)
    axes = figure.add_subplot(title=title)
    axes.axis("off")
    columns = max(xs.max() - xs.min(), 1.5) + 1
    size = 9 if columns <= 6 else 7
    axes.set_xlim(np.mean([xs.min(), xs.max()]) + np.array([-0.5, 0.5]) * columns)
    axes.set_ylim(ys.min() - 0.6, ys.max() + 0.5)
    room = {
        id(call): (max(text_width(line, size) for line in call.label.split("\n")) / 2 + 0.1) * columns / WIDTH
        for call in calls
    }
    for call in calls:
        for parent in call.parents:
            route = between_boxes(routes[id(parent), id(call)], room[id(parent)], room[id(call)])
            draw_arrow(axes, route, color=GRAY, linestyle="-")
    for call in calls:
        _draw_call(axes, call, *place[id(call)], size)
    trained = sum(call.weights for call in calls if not call.again)
    kind = f"{titled('Model graph', title)}: {counted(len(calls), 'box')}, left to right, {trained:,} trained weights"
    show(figure, described(kind.replace(" boxs", " boxes"), *_chains(calls), saying=saying))


def calls_of(model: tf.keras.Model) -> list[Call]:
    """Return the calls of layers that lead to the outputs of a model, those that read before those that are read."""
    if isinstance(model, tf.keras.Sequential):
        if not model.built:
            raise ValueError("This Sequential model does not know its input yet: let it begin with a keras.Input.")
        model = model._functional
    if not hasattr(model, "_nodes_by_depth"):
        raise ValueError("Only a functional model has a graph before it runs. This one is a program, in call.")
    made, seen, ordered = {}, set(), []
    ends = {id(tensor) for tensor in tf.nest.flatten(model.outputs)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            layer = node.operation
            (shape, *others) = [str(tuple(tensor.shape)) for tensor in node.output_tensors]
            call = Call(
                label=_label(layer),
                shape=" · ".join([shape, *others]),
                weights=sum(int(np.prod(variable.shape)) for variable in getattr(layer, "trainable_variables", [])),
                again=id(layer) in seen,
                output=any(id(tensor) in ends for tensor in node.output_tensors),
            )
            seen.add(id(layer))
            for tensor in node.input_tensors:
                if id(tensor) in made and made[id(tensor)] not in call.parents:
                    call.parents.append(made[id(tensor)])
            made.update((id(tensor), call) for tensor in node.output_tensors)
            ordered.append(call)
    return ordered


def _label(layer) -> str:
    """Return the kind of a layer, and below it the name that somebody gave it."""
    kind = {"InputLayer": "Input", "Functional": "Model"}.get(type(layer).__name__, type(layer).__name__)
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(layer).__name__).lower()
    given = not re.fullmatch(rf"({snake}|keras_tensor)(_\d+)?", layer.name)
    return f"{kind}\n{layer.name}" if given else kind


def _draw_call(axes, call: Call, x: float, y: float, size: float) -> None:
    color = BLUE if not call.parents else VERMILION if call.output else INK
    edge = {"boxstyle": "round,pad=0.4", "fc": PAPER, "ec": color, "lw": 1.3, "ls": "--" if call.again else "-"}
    text = {"ha": "center", "fontsize": size, "zorder": 4}
    axes.text(x, y, call.label, va="center", fontweight="bold", color=color, bbox=edge, **text)
    weights = f"\n{'the same ' if call.again else ''}{counted(call.weights, 'weight')}" if call.weights else ""
    below = f"{call.shape}{weights}"
    axes.text(x, y - 0.3, below, va="top", color=INK, **text)


def _said(call: Call) -> str:
    name, _, given = call.label.partition("\n")
    return f"{name} {quoted(given)}" if given else name


def _chains(calls: list[Call]) -> list[str]:
    """Say of each box what it reads, what shape it gives and how many weights it trains."""
    words = []
    for call in calls:
        reads = f" reads {listed(_said(parent) for parent in call.parents)} and" if call.parents else ""
        weights = f", {counted(call.weights, 'weight')}" if call.weights else ""
        again = ", the same layer once more" if call.again else ""
        words.append(f"{_said(call)}{reads} gives {call.shape}{weights}{again}{', an output' if call.output else ''}")
    return ["; ".join(words)]
