"""The figures of the course: one style, one width, and words that each computes from what it draws.

A figure stands in the file that has its name:

lines.py, line_panels.py, live_curve.py   lines; panels of them; the training curve that grows while a model trains
bars.py, importance.py                    bars; two measures of several inputs side by side
scatter.py, fits.py                       points with lines and a band; several models on the same points
surface.py, arrows.py                     a function of two numbers and paths over it; vectors in the plane
image_grid.py, image_wall.py              images in rows; rows of related images with heat and names
confusion.py, model_card.py               the confusion matrix; a classifier on one page
model_graph.py                            the layers of a functional model, and what goes from one to the next
marked_words.py, word_map.py              sentences with marked words; words in a plane
place_maps.py, course_map.py              values on maps; the map of the course
tape.py                                   the drawn tape: operations, values, and the gradients that flow back

What they share: style.py (the style sheet course.mplstyle, colors, ticks, and `show`, through which every figure
passes), description.py (numbers and sentences), sheet.py (images on one axes), text_width.py.
"""

from utils.plotting.arrows import arrows
from utils.plotting.bars import bars
from utils.plotting.confusion import confusion
from utils.plotting.course_map import course_map
from utils.plotting.fits import fits
from utils.plotting.image_grid import image_grid
from utils.plotting.image_wall import image_wall
from utils.plotting.importance import importance
from utils.plotting.line_panels import line_panels
from utils.plotting.lines import lines
from utils.plotting.live_curve import LiveCurve
from utils.plotting.marked_words import marked_words
from utils.plotting.model_card import model_card
from utils.plotting.model_graph import model_graph
from utils.plotting.place_maps import place_maps
from utils.plotting.scatter import scatter
from utils.plotting.style import show
from utils.plotting.surface import surface
from utils.plotting.tape import Node, draw_graph, draw_tape, record
from utils.plotting.word_map import word_map

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
    "model_graph",
    "place_maps",
    "record",
    "scatter",
    "show",
    "surface",
    "word_map",
]
