"""The figures of the course: one style, one width, and a description in words with each.

style.py    the style sheet (course.mplstyle), colors, and `show`, through which every figure passes
tape.py     the drawn tape: the operations of a small function, their values and the gradients that flow back
curves.py   lines, bars, and the training curve that grows while a model trains
images.py   grids of images, and the confusion matrix with the images in it
"""

from utils.plotting.curves import LiveCurve, bars, lines
from utils.plotting.images import confusion, image_grid
from utils.plotting.style import show
from utils.plotting.tape import Node, draw_graph, draw_tape, record

__all__ = [
    "LiveCurve",
    "Node",
    "bars",
    "confusion",
    "draw_graph",
    "draw_tape",
    "image_grid",
    "lines",
    "record",
    "show",
]
