"""The figures say what they show, and the drawn tape shows what the tape recorded."""

import base64
import html
import io
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from utils.plotting import card, contours, course, curves, images, panels, points, residuals, style, tape, wall, words


@pytest.fixture
def shown(monkeypatch):
    """The pictures that were displayed, each with its words below it: a list of (data, metadata)."""
    displayed = []

    def display(data, metadata=None, raw=False):
        assert raw
        if "image/png" in data:
            displayed.append((data, metadata))
        else:
            assert displayed[-1][0]["text/plain"] in html.unescape(data["text/html"])

    monkeypatch.setattr(style, "display", display)
    return displayed


def by_label(root):
    return {node.label: node for node in [*tape.ancestors(root), *root.unreached]}


def test_record_has_values_and_gradients():
    nodes = by_label(tape.record(lambda x: x * tf.sin(x) + x**2, x=2.0))
    assert set(nodes) == {"x", "sin", "×", "power", "constant", "+"}
    assert np.isclose(nodes["x"].grad, np.sin(2) + 2 * np.cos(2) + 4)
    assert np.isclose(nodes["sin"].grad, 2.0) and nodes["constant"].grad is None


def test_record_shows_only_what_ran():
    assert len(tape.ancestors(tape.record(lambda x: x * x if x > 0 else tf.sin(tf.cos(x)), x=1.0))) == 2
    assert len(tape.ancestors(tape.record(lambda x: x * x if x > 0 else tf.sin(tf.cos(x)), x=-1.0))) == 3


def test_record_marks_where_the_gradient_stops():
    root = tape.record(lambda x: x + tf.stop_gradient(tf.square(x)), x=3.0)
    nodes = by_label(root)
    assert nodes["x"].grad == 1.0 and nodes["stop"].flows == [False] and nodes["square"].grad is None
    detour = tape.record(lambda x: 2.0 * tf.constant(np.square(x.numpy())), x=3.0)
    assert [node.label for node in detour.unreached] == ["x"] and detour.unreached[0].grad is None


def test_record_names_variables():
    w = tf.Variable(5.0, name="w")
    assert np.isclose(by_label(tape.record(lambda x: w * x, x=3.0))["w"].grad, 3.0)


def test_record_leaves_no_hook_behind_when_the_function_fails():
    with pytest.raises(ZeroDivisionError):
        tape.record(lambda x: 1 / 0, x=1.0)
    assert len(tape.ancestors(tape.record(lambda x: x * x, x=1.0))) == 2


@pytest.mark.parametrize("f", [lambda x: [x], lambda x: tf.cast(x, tf.int32), lambda x: 3.0])
def test_record_refuses_what_it_cannot_draw(f):
    with pytest.raises(TypeError, match="one floating-point tensor"):
        tape.record(f, x=1.0)


def test_drawn_nodes_never_overlap():
    def f(x, w):
        y = x
        for _ in range(4):
            y = tf.sin(y * w) + x
        return y

    root = tape.record(f, x=1.0, w=0.5)
    place, routes = tape._layout(tape.ancestors(root))
    by_column = {}
    for x, y in place.values():
        by_column.setdefault(x, []).append(y)
    assert all(np.diff(sorted(ys)).min(initial=1) > 0.99 for ys in by_column.values())
    assert all(left[0] < right[0] for route in routes.values() for left, right in pairwise(route))


def figures(shown):
    rng = np.random.default_rng(0)
    tape.draw_tape(lambda x: x * x, x=3.0)
    curves.lines([1, 2], {"a": [1, 2], "b": [2, 1]}, "Two lines cross.", xlabel="x", ylabel="y", points={"p": (1, 1)})
    curves.lines([1, 10], {"a": [1, 100]}, "One line rises.", xlabel="x", ylabel="y", scale="log")
    curves.bars({"a": 1.0, "b": 2.0}, "b is twice a.", xlabel="length")
    images.image_grid(rng.random((5, 4, 4)), list("abcde"), "Five images.", columns=3)
    images.confusion(np.eye(3), list("abc"), "All right.", images={(0, 1): rng.random((4, 4))})
    walks = {"a": np.array([[0, 0], [1, 2], [2, 2]]), "b": np.array([[0, 0], [2, 1], [2, 2]])}
    bowl = np.add.outer(np.arange(4.0) ** 2, np.arange(3.0) ** 2)
    contours.surface(
        [0, 1, 2], [0, 1, 2, 3], bowl, "Two walks.", paths=walks, best=("end", (2, 2)), every=1, xlabel="x", ylabel="y"
    )
    column, band = np.ones((4, 1)), ("band", np.zeros(4), np.ones((4, 1)))
    points.scatter(column, column, "A line over points.", xlabel="x", ylabel="y", line_x=range(4), lines={"a": column},
                   band=band, truth=[column])  # fmt: skip
    residuals.fits(column, column, {"a": column, "b": range(4)}, "Two models.", xlabel="x", ylabel="y", noise=1)
    card.model_card(
        "A model", "A card of three classes.", source="drawn by code", numbers={"accuracy": (0.8, 0.7, 0.9)},
        matrix=rng.integers(0, 9, (3, 3)), class_names=list("abc"), confidence=np.array([0.4, 0.9]),
        right=np.array([[0.5, 0.8], [0.3, 0.7], [0.6, 0.9]]), recall=np.array([0.1, 0.5, 1.0]),
        precision=np.array([[0.9, 0.6, 0.3], [0.7, 0.5, 0.2], [1.0, 0.7, 0.4]]), positive="a",
    )  # fmt: skip
    panels.line_panels(
        {"a": {"l": [1, 5, np.nan]}, "b": {"m": ([1, 9], [2, 3])}}, "A line ends.", xlabel="x", ylims={"a": (1, 4)}
    )
    panels.arrows({"long": (4, 1), "short": (0.9, 0.2)}, "One arrow is longer.")
    words.marked_words([(["not", "good"], [-1.0, 0.5], "blame"), (8 * ["a long word"], range(8), "")], "Marked words.")
    words.word_map({"good": (1, 0), "fine": (1, 0), "bad": (-1, 0)}, "Three words.", xlabel="x", ylabel="y")
    wall.image_wall(
        {"seen": rng.random((2, 4, 4)), "with heat": rng.random((2, 4, 4))}, "Two rows.",
        heat={"with heat": rng.random((2, 4, 4))}, names={"seen": [1, 2]}, title="A wall",
    )  # fmt: skip
    course.course_map("Parts of a model, each with its notebook.")
    course.importance({"a": (1.0, 2.0), "b": (2.0, 0.5)}, "Two measures of two inputs.", labels=("cost", "slope"))
    course.place_maps(rng.random((9, 2)), {"truth": np.arange(9), "model": np.ones(9)}, "Two maps.", unit="price")
    with curves.LiveCurve("data") as curve:
        curve.add(loss=2.0, val_loss=3.0)
        curve.add(loss=1.0, val_loss=4.0)
    return shown


def test_every_figure_reaches_the_page_with_its_words(shown):
    assert len(figures(shown)) == 19
    for content, metadata in shown:
        words = content["text/plain"]
        assert words and metadata["image/png"]["alt"] == words
        picture = Image.open(io.BytesIO(base64.b64decode(content["image/png"])))
        assert abs(picture.width - 2 * metadata["image/png"]["width"]) <= 2
        assert np.asarray(picture.convert("L"))[0, 0] > 240, "an opaque, light ground"
        assert len(base64.b64decode(content["image/png"])) < 150_000


def test_figures_are_told_apart_without_color(shown):
    cycle = list(style.matplotlib.rcParams["axes.prop_cycle"])
    assert len({entry["linestyle"] for entry in cycle}) == len(cycle)


def test_a_path_is_labeled_where_it_is_alone():
    walks = {"up": np.array([[0, 0], [0, 3], [2, 2]]), "right": np.array([[0, 0], [3, 0], [2, 2]])}
    assert contours._loneliest("up", walks, np.array([3, 3])) == (0, 3, -1)
    assert contours._loneliest("right", walks, np.array([3, 3])) == (3, 0, 1)
    assert contours._loneliest("up", {"up": walks["up"]}, np.array([3, 3])) == (0, 3, 1)


def test_live_curve_says_what_fell_and_what_rose(shown):
    figures(shown)
    words = shown[-1][0]["text/plain"]
    assert "2 epochs (data)" in words and "val_loss rises" in words and ": loss falls" in words


def test_live_curve_serves_fit(shown):
    model = tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    for _ in range(2):
        curve = curves.LiveCurve("line")
        model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, verbose=0, validation_split=0.5, callbacks=[curve])
        assert len(curve.history["loss"]) == len(curve.history["val_loss"]) == 3
    assert len(shown) == 2, "one finished picture for each fit"


def test_live_curve_grows_while_someone_watches(shown, monkeypatch):
    cleared = []
    monkeypatch.setenv("COURSE_LIVE", "on")
    monkeypatch.setattr(curves, "clear_output", lambda wait: cleared.append(wait))
    with pytest.raises(KeyboardInterrupt), curves.LiveCurve() as curve:
        curve.add(loss=1.0)
        raise KeyboardInterrupt
    assert len(shown) == 2 and cleared == [True, True], "a growing picture, replaced by a last one"


def test_model_card_writes_each_number_with_its_interval_and_the_source(shown, monkeypatch):
    drawn = []
    monkeypatch.setattr(card, "show", lambda figure, description: drawn.append(figure))
    three = np.array([[0.5, 0.8], [0.3, 0.7], [0.6, 0.9]])
    card.model_card(
        "A model", "A card.", source="drawn by code", numbers={"accuracy": (0.8, 0.7, 0.9)}, matrix=np.diag([3, 4]),
        class_names=["a", "b"], confidence=np.array([0.4, 0.9]), right=three, recall=np.array([0.2, 1.0]),
        precision=three, positive="b",
    )  # fmt: skip
    figure = drawn[0]
    words = [text.get_text() for axes in figure.axes for text in axes.texts] + [figure.get_supxlabel()]
    assert {"accuracy", "0.800", "0.700 to 0.900", "100"} <= set(words), words
    assert "drawn by code, 7 test examples" in words[-1] and figure.axes[3].get_xlabel() == "recall of b"


def test_a_line_that_is_not_finite_ends_where_it_was_last_seen(shown, monkeypatch):
    kept = []
    monkeypatch.setattr(panels, "show", lambda figure, description: kept.append(figure))
    panels.line_panels(
        {"loss": {"run": [1.0, 50.0, np.inf, 2.0]}}, "It ends.", xlabel="step", ylims={"loss": (0.5, 10)}
    )
    (axes,) = kept[0].axes
    line, cross = axes.get_lines()
    assert list(line.get_xdata()) == [1, 2] and list(line.get_ydata()) == [1.0, 10.0], (
        "drawn at the edge, then no further"
    )
    assert list(cross.get_xdata()) == [2] and "run: ends here" in [text.get_text().strip() for text in axes.texts]


def test_marked_words_say_the_sign_without_color_and_stay_on_the_page(shown, monkeypatch):
    kept = []
    monkeypatch.setattr(words, "show", lambda figure, description: kept.append(figure))
    words.marked_words([(["not", "good"], [-2.0, 1.0], "blame"), (9 * ["a long word"], range(9), "praise")], "Words.")
    (axes,) = kept[0].axes
    down, up = axes.patches[:2]
    assert down.get_height() > 0 > up.get_height(), "the vertical axis points down"
    assert down.get_y() > up.get_y(), "blame under the word, praise over it"
    written = {text.get_text(): text for text in axes.texts}
    assert written["not"].get_fontweight() == "bold" and written["good"].get_fontweight() == "normal"
    assert max(bar.get_x() + bar.get_width() for bar in axes.patches) < 6 < axes.get_xlim()[1]


def test_a_word_that_would_cover_another_is_left_out(shown, monkeypatch):
    kept = []
    monkeypatch.setattr(words, "show", lambda figure, description: kept.append(figure))
    words.word_map({"good": (1, 0), "fine": (1, 0.001), "bad": (-1, 1)}, "Three words.", xlabel="x", ylabel="y")
    (axes,) = kept[0].axes
    assert [text.get_text() for text in axes.texts] == ["good", "bad"] and len(axes.get_lines()[0].get_xdata()) == 3


def test_a_wall_marks_the_names_that_differ_and_lays_heat_where_it_is_great(shown, monkeypatch):
    kept = []
    monkeypatch.setattr(wall, "show", lambda figure, description: kept.append(figure))
    images, heat = np.ones((2, 3, 3)), np.zeros((2, 3, 3))
    heat[:, 0, 0] = 5.0
    wall.image_wall({"a": images, "b": images}, "Two rows.", heat={"b": heat}, names={"a": [7, 8], "b": [7, 9]})
    (axes,) = kept[0].axes
    weights = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert weights == {"a": "normal", "b": "normal", "7": "normal", "8": "normal", "9": "bold"}
    overlay = axes.images[3].get_array()  # after the two of the first row, and the pale image under it
    assert overlay[0, 0, 3] == 1 and np.all(overlay[1:, 1:, 3] == 0)


def test_course_map_names_every_notebook_and_has_no_loose_part():
    named = {int(number) for part in course.PARTS.values() for number in part[3].split(",") if number}
    assert named == set(range(1, 11))
    used = {source for part in course.PARTS.values() for source in part[4]}
    assert used <= set(course.PARTS) and {"place", "numbers", "region"} <= used
