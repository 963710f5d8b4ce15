"""The figures of the course: one style, one width, and a description in words with each.

style.py     the style sheet (course.mplstyle), colors, and `show`, through which every figure passes
tape.py      the drawn tape: the operations of a small function, their values and the gradients that flow back
curves.py    lines, bars, and the training curve that grows while a model trains
panels.py    stacked panels over one horizontal axis, and arrows in the plane
points.py    points of data, with lines and a band over them
contours.py  a function of two numbers as contours, and the paths that walk over it
images.py    grids of images, and the confusion matrix with the images in it
card.py      the model card
residuals.py several models on the same points, and what they leave
words.py     sentences whose words are marked by what they contribute, and words as points in a plane
wall.py      rows of related images, with heat laid over them
course.py    maps of places, importance of inputs, and the map of the course
"""

from utils.plotting.card import model_card
from utils.plotting.contours import surface
from utils.plotting.course import course_map, importance, place_maps
from utils.plotting.curves import LiveCurve, bars, lines
from utils.plotting.images import confusion, image_grid
from utils.plotting.panels import arrows, line_panels
from utils.plotting.points import scatter
from utils.plotting.residuals import fits
from utils.plotting.style import show
from utils.plotting.tape import Node, draw_graph, draw_tape, record
from utils.plotting.wall import image_wall
from utils.plotting.words import marked_words, word_map

__all__ = [
    "LiveCurve",
    "Node",
    "arrows",
    "bars",
    "confusion",
    "course_map",
    "draw_graph",
    "draw_tape",
    "fits",
    "image_grid",
    "image_wall",
    "importance",
    "line_panels",
    "lines",
    "marked_words",
    "model_card",
    "place_maps",
    "record",
    "scatter",
    "show",
    "surface",
    "word_map",
]
