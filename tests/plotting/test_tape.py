"""The drawn tape shows what the tape recorded, and says it with ≈ only where a number is rounded."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from tests import readme_figure
from utils.plotting import tape


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


@pytest.mark.parametrize("f", [lambda x, w, b: w * x + b, lambda x, w, b: x * w + b])  # two ways to read a variable
def test_record_tells_variables_with_the_same_value_apart(f):
    w, b = tf.Variable(2.0, name="w"), tf.Variable(2.0, name="b")
    nodes = by_label(tape.record(lambda x: f(x, w, b), x=3.0))
    assert {"w", "b"} <= set(nodes) and nodes["w"].grad == 3.0 and nodes["b"].grad == 1.0


def test_record_of_a_keras_variable_has_the_usual_signs():
    k = tf.keras.Variable(2.0, name="k")
    assert set(by_label(tape.record(lambda x: x * k, x=3.0))) == {"x", "k", "×"}


def test_record_of_a_row_looked_up_in_a_table():
    w = tf.Variable([[1.0], [2.0]], name="w")
    nodes = by_label(tape.record(lambda f: tf.reduce_sum(f * tf.gather(w, [1])), f=3.0))
    assert nodes["w"].grad.tolist() == [[0.0], [3.0]] and nodes["gather"].flows[0] and nodes["f"].grad == 2.0


@pytest.mark.parametrize("result", [tf.constant(2.0), tf.Variable(2.0)])
def test_record_of_what_no_operation_made(result):
    root = tape.record(lambda x: result, x=1.0)
    assert root.value == 2.0 and not root.parents and [node.label for node in root.unreached] == ["x"]


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
    place, routes = tape.layout(tape.ancestors(root))
    by_column = {}
    for x, y in place.values():
        by_column.setdefault(x, []).append(y)
    assert all(np.diff(sorted(ys)).min(initial=1) > 0.99 for ys in by_column.values())
    assert all(left[0] < right[0] for route in routes.values() for left, right in pairwise(route))


def test_words_of_a_tape(shown):
    tape.draw_tape(lambda x: x * tf.sin(x) + x**2, x=2.0)
    assert shown.words == (
        "A drawn tape, left to right. x = 2, gradient ≈ 4.08; sin(x) ≈ 0.909, gradient 2; "
        "×(x, sin) ≈ 1.82, gradient 1; power(x, 2) = 4, gradient 1; +(×, power) ≈ 5.82, gradient 1."
    )
    tape.draw_tape(lambda x: tf.sqrt(x) * tf.constant([1.0, 1 / 3]), x=4.0)
    assert "×(sqrt, [1 0.33]) = [2 ≈ 0.67], gradient [1 1]" in shown.words


def test_a_tape_uses_the_width_of_the_page(shown):
    for f in (lambda x: tf.sin(tf.cos(x)), lambda x: tf.sin(tf.cos(tf.sin(tf.cos(x))))):
        tape.draw_tape(f, x=1.0)
        (axes,) = shown.axes
        places = [text.get_position()[0] for text in axes.texts]
        (left, right), reach = axes.get_xlim(), max(places) - min(places)
        assert reach / (right - left) > 0.6 and np.isclose(min(places) - left, right - max(places))


def test_arrows_begin_and_end_where_the_boxes_do(shown):
    for f in (lambda x: x * tf.sin(x) + x**2, lambda x: tf.stop_gradient(tf.square(x)) + tf.square(x)):
        tape.draw_tape(f, x=2.0)
        (axes,) = shown.axes
        axes.figure.canvas.draw()
        boxes = [text.get_bbox_patch().get_window_extent() for text in axes.texts if text.get_bbox_patch()]
        forward = [arrow for arrow in axes.patches if arrow.get_linestyle() in ("-", "solid")]
        assert len(forward) >= 4
        for arrow in forward:
            start, *_, end = axes.transData.transform(arrow._path_original.vertices)
            behind = [(start[0] - box.x1) / axes.figure.dpi for box in boxes if box.y0 < start[1] < box.y1]
            before = [(box.x0 - end[0]) / axes.figure.dpi for box in boxes if box.y0 < end[1] < box.y1]
            assert any(0.04 < inches < 0.12 for inches in behind) and any(0.04 < inches < 0.12 for inches in before)


def test_the_readme_shows_the_tape_with_its_words():
    picture, words = readme_figure.drawn()
    assert readme_figure.words_in_readme() == words
    assert picture[:4] == b"\x89PNG" and "where(equal, 1, ÷) = 1" in words and "gradient nan" in words
