"""The figures of the course: one style, one width, and a description in words with each.

style.py     the style sheet (course.mplstyle), colors, and `show`, through which every figure passes
tape.py      the drawn tape: the operations of a small function, their values and the gradients that flow back
curves.py    lines, bars, and the training curve that grows while a model trains
panels.py    stacked panels over one horizontal axis, and arrows in the plane
points.py    points of data, with lines and a band over them
contours.py  a function of two numbers as contours, and the paths that walk over it
images.py    grids of images, and the confusion matrix with the images in it
card.py      the model card
"""

from utils.plotting.card import model_card
from utils.plotting.contours import surface
from utils.plotting.curves import LiveCurve, bars, lines
from utils.plotting.images import confusion, image_grid
from utils.plotting.panels import arrows, line_panels
from utils.plotting.points import scatter
from utils.plotting.style import show
from utils.plotting.tape import Node, draw_graph, draw_tape, record

__all__ = [
    "LiveCurve",
    "Node",
    "arrows",
    "bars",
    "confusion",
    "draw_graph",
    "draw_tape",
    "image_grid",
    "line_panels",
    "lines",
    "model_card",
    "record",
    "scatter",
    "show",
    "surface",
]
