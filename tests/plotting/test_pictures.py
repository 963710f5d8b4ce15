"""Every figure reaches the page with its words, on a light ground, and what it draws can be told apart."""

import base64
import inspect
import io
import sys
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from tests.plotting.calls import AXES, CALLS, draw
from utils import plotting

each_figure = pytest.mark.parametrize("name", CALLS)


def module(name):
    """Return the file of a figure; the package's attribute of that name is its function."""
    return sys.modules[f"utils.plotting.{name}"]


def test_a_program_in_a_terminal_writes_the_words_and_no_picture_as_letters(capsys):
    plotting.bars({"a": 1.0}, xlabel="x")
    assert capsys.readouterr().out == "Bars: x. “a” ≈ 1.\n"


def test_a_notebook_gets_the_picture_and_its_words(monkeypatch):
    published = []
    monkeypatch.setattr("utils.plotting.style.get_ipython", object)
    monkeypatch.setattr("utils.plotting.style.page.display", lambda data, **_: published.append([*data]))
    plotting.bars({"a": 1.0}, xlabel="x")
    assert published == [["image/png", "text/plain"], ["text/html"]]


def test_every_figure_is_tried():
    drawing = {name for name in plotting.__all__ if "saying" in inspect.signature(getattr(plotting, name)).parameters}
    assert drawing == {*CALLS, "LiveCurve"}


@pytest.mark.filterwarnings("error")  # such as Matplotlib's on a layout, which would stand above the figure
@each_figure
def test_it_reaches_the_page_with_its_words(shown, name):
    draw(name)
    ((data, metadata),) = zip(shown.data, shown.metadata, strict=True)
    assert 5 <= len(shown.words.split()) <= 130 and metadata["image/png"]["alt"] == shown.words
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert abs(picture.width - 2 * metadata["image/png"]["width"]) <= 2
    assert np.asarray(picture.convert("L"))[0, 0] > 240, "an opaque, light ground"
    assert len(base64.b64decode(data["image/png"])) < 150_000


@each_figure
def test_no_text_is_cut_or_covers_another(shown, name):
    draw(name, **({} if name == "model_card" else {"title": "The subject of this figure in a few words (real data)"}))
    figure = shown.figures[-1]
    switched_off = [axis for axes in figure.axes if not axes.axison for axis in (axes.xaxis, axes.yaxis)]
    unseen = {text for axis in switched_off for text in axis.findobj(Text)}
    seen = [t for t in set(figure.findobj(Text)) - unseen if t.get_visible() and t.get_text().strip()]
    boxes = {text: Text.get_window_extent(text) for text in seen}  # without its arrow, where it has one
    for text, box in boxes.items():
        inside = box.x0 > -2 and box.y0 > -2 and box.x1 < figure.bbox.width + 2 and box.y1 < figure.bbox.height + 2
        assert inside, f"{text.get_text()!r} lies at {box} in {figure.bbox}"
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        common = Bbox.intersection(a, b)
        covers = common is not None and min(common.width, common.height) > 2
        assert not covers, f"{one.get_text()!r} and {other.get_text()!r} cover each other"


@each_figure
def test_its_title_and_saying_are_in_its_words(shown, name):
    draw(name, saying="Only the author knows this", **({} if name == "model_card" else {"title": "The subject (data)"}))
    assert shown.words.startswith("Only the author knows this. ")
    assert ("“A model”" if name == "model_card" else "“The subject (data)”") in shown.words


@each_figure
def test_it_refuses_a_long_saying(shown, name):
    with pytest.raises(ValueError, match="takes at most 100"):
        draw(name, saying="x" * 101)
    assert not shown.data


def test_the_palette_keeps_the_shades_of_a_matrix(shown):
    matrix = 1000 * np.eye(8) + np.random.default_rng(0).integers(0, 90, (8, 8))
    plotting.confusion(matrix, list("abcdefgh"))
    drawn = np.asarray(shown.figures[-1].canvas.buffer_rgba())[..., :3].astype(int)
    sent = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.data[-1]["image/png"]))).convert("RGB")).astype(int)
    assert np.mean(np.abs(drawn - sent)) < 0.1


def test_figures_are_told_apart_without_color():
    cycle = list(matplotlib.rcParams["axes.prop_cycle"])
    assert len({entry["linestyle"] for entry in cycle}) == len(cycle)


def test_a_path_is_labeled_where_it_is_alone():
    walks = {"up": np.array([[0, 0], [0, 3], [2, 2]]), "right": np.array([[0, 0], [3, 0], [2, 2]])}
    loneliest = module("surface")._loneliest
    assert loneliest("up", walks, np.array([3, 3])) == (0, 3, -1)
    assert loneliest("right", walks, np.array([3, 3])) == (3, 0, 1)
    assert loneliest("up", {"up": walks["up"]}, np.array([3, 3])) == (0, 3, 1)


def test_markers_of_a_path_never_cover_each_other(shown):
    slow = np.array([[1, 3]]) * 0.5 ** np.arange(100)[:, np.newaxis] + [0.5, 0]
    draw("surface", paths={"slow": slow})
    line = shown.axes[0].get_lines()[0]
    marked = line.get_markevery()
    assert len(marked) > 2 and marked[0] == 0
    places = slow[marked] * (shown.figures[-1].get_size_inches()[1] - 0.9) / 3  # three units high
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).min() > 0.13


def test_angles_are_true_unless_the_picture_would_be_a_strip(shown):
    draw("surface")
    assert shown.axes[0].get_aspect() == 1
    draw("surface", paths={"a": [[0, 0], [1, 1]]})
    plotting.surface([0, 9], [0, 1], np.eye(2), paths={}, best=("b", (1, 1)), **AXES)
    assert shown.axes[0].get_aspect() == "auto"
    draw("arrows")
    assert shown.axes[0].get_aspect() == 1


def test_model_card_writes_each_number_with_its_interval_and_the_source(shown):
    draw("model_card")
    words = [text.get_text() for axes in shown.axes for text in axes.texts] + [shown.figures[-1].get_supxlabel()]
    assert {"accuracy", "0.800", "0.700 to 0.900", "100%"} <= set(words), words
    assert "drawn by code, 7 test examples" in words[-1] and shown.axes[3].get_xlabel() == "recall of b"


def test_a_line_that_is_not_finite_ends_where_it_was_last_seen(shown):
    plotting.line_panels({"loss": {"run": [1.0, 50.0, np.inf, 2.0]}}, xlabel="step", ylims={"loss": (0.5, 10)})
    (axes,) = shown.axes
    line, cross = axes.get_lines()
    assert list(line.get_xdata()) == [1, 2] and list(line.get_ydata()) == [1.0, 10.0], "at the edge, then no further"
    assert list(cross.get_xdata()) == [2] and "run: ends here" in [text.get_text().strip() for text in axes.texts]
    extremes = "least ≈ 1 at step ≈ 1 and greatest ≈ 10 at step ≈ 2"
    assert f"“run” rises from ≈ 1 to ≈ 10 ({extremes}), and ends early, at step ≈ 2." in shown.words


def test_a_short_line_over_a_long_one_is_labeled_at_its_own_end(shown):
    plotting.line_panels({"above": {"short": [1.0, 2.0, 3.0]}, "below": {"long": np.arange(1.0, 13.0)}}, xlabel="epoch")
    above = shown.axes[0]
    (label,) = [text for text in above.texts if text.get_text() == "short"]
    assert abs(label.xy[0] - (above.transData + above.transAxes.inverted()).transform((3, 1))[0]) < 0.02


def test_marked_words_say_the_sign_without_color_and_stay_on_the_page(shown):
    plotting.marked_words([(["not", "good"], [-2.0, 1.0], "blame"), (9 * ["a long word"], range(9), "praise")])
    (axes,) = shown.axes
    down, up = axes.patches[:2]
    assert down.get_height() > 0 > up.get_height(), "the vertical axis points down"
    assert down.get_y() > up.get_y(), "blame under the word, praise over it"
    written = {text.get_text(): text for text in axes.texts}
    assert written["not"].get_fontweight() == "bold" and written["good"].get_fontweight() == "normal"
    assert max(bar.get_x() + bar.get_width() for bar in axes.patches) < 6 < axes.get_xlim()[1]


def test_a_word_that_would_cover_another_is_left_out(shown):
    plotting.word_map({"good": (1, 0), "fine": (1, 0.001), "bad": (-1, 1)}, **AXES)
    (axes,) = shown.axes
    assert [text.get_text() for text in axes.texts] == ["good", "bad"] and len(axes.get_lines()[0].get_xdata()) == 3


def test_words_on_a_map_do_not_run_into_each_other(shown):
    places = np.random.default_rng(0).uniform(-1, 1, (80, 2))
    plotting.word_map({f"a word {n}": place for n, place in enumerate(places)}, **AXES)
    (axes,) = shown.axes
    axes.figure.canvas.draw()
    left, bottom, right, top = np.transpose([text.get_window_extent().extents for text in axes.texts])
    wide = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    high = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    share = (
        np.clip(wide, 0, None) * np.clip(high, 0, None) / ((right - left) * (top - bottom))
    )  # of the one in the other
    np.fill_diagonal(share, 0)
    assert share.max() < 0.2 and len(left) > 30


def test_a_wall_marks_the_names_that_differ_and_lays_heat_where_it_is_great(shown):
    images, heat = np.ones((2, 3, 3)), np.zeros((2, 3, 3))
    heat[:, 0, 0] = 5.0
    plotting.image_wall({"a": images, "b": images}, heat={"b": heat}, names={"a": [7, 8], "b": [7, 9]})
    (axes,) = shown.axes
    weights = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert weights == {"a": "normal", "b": "normal", "7": "normal", "8": "normal", "9": "bold"}
    overlay = axes.images[3].get_array()  # after the two of the first row, and the pale image under it
    assert overlay[0, 0, 3] == 1 and np.all(overlay[1:, 1:, 3] == 0)


def test_course_map_names_every_notebook_and_has_no_loose_part():
    parts = module("course_map").PARTS
    named = {int(number) for part in parts.values() for number in part[3].split(",") if number}
    assert named == set(range(1, 11))
    used = {source for part in parts.values() for source in part[4]}
    assert used <= set(parts) and {"picture", "question"} <= used
