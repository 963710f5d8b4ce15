"""Data of which there is little or nothing to say: no points, no thresholds, one image, a model without a graph."""

import numpy as np
import pytest
import tensorflow as tf

from tests.plotting.calls import AXES, CARD, draw
from utils import plotting

NOTHING = np.full(3, np.nan)


def test_a_scatter_without_points(shown):
    plotting.scatter(NOTHING, NOTHING, **AXES)
    assert "There are no points" in shown.words


def test_a_band_that_no_point_lies_over(shown):
    plotting.scatter([7, 8], [1, 2], **AXES, line_x=[0, 1], band=("band", [0, 0], [1, 2]))
    assert "at the right" in shown.words and "inside" not in shown.words


def test_a_model_card_without_bins_and_thresholds(shown):
    nothing = np.full((3, 3), np.nan)
    draw("model_card", **CARD | {"confidence": NOTHING, "right": nothing, "recall": NOTHING, "precision": nothing})
    assert "no bin holds an example" in shown.words and "Precision of b: no threshold passes" in shown.words


@pytest.mark.filterwarnings("ignore:All-NaN")
def test_a_map_without_values(shown):
    plotting.place_maps(np.eye(3, 2), {"model": np.arange(3.0), "truth": np.array([np.nan] * 3)}, unit="price")
    assert "“truth” shows no value" in shown.words


def test_an_image_with_a_number_in_its_label(shown):
    plotting.image_grid([np.eye(3)], ["a 7"], columns=3)
    assert "Their labels, in order: “a ≈ 7”" in shown.words


def test_a_word_without_a_letter_takes_no_room(shown):
    plotting.marked_words([(["good", "", " "], [1.0, 0.1, 0.1], "")])
    plotting.word_map({"good": (1, 0), "": (0, 1)}, **AXES)
    assert "2 words" in shown.words


def test_labels_that_are_numbers(shown):
    """As in {rate: losses for rate in (0.1, 0.01)}."""
    twice = {0.1: [1, 2], 3: [2, 1]}
    plotting.lines([1, 2], twice, **AXES, points={7: (1, 1)})
    assert "“0.1” rises" in shown.words and "“7” at" in shown.words
    plotting.scatter([1, 2], [1, 2], **AXES, line_x=[1, 2], lines=twice)
    assert "“0.1” rises" in shown.words
    plotting.line_panels({"loss": twice}, xlabel="x")
    assert "“0.1” rises" in shown.words
    plotting.bars({0.1: 1, 3: 2}, xlabel="x")
    assert "“3” is the greatest" in shown.words
    plotting.importance(twice, labels=("cost", "slope"))
    assert "“3” is the greatest" in shown.words
    plotting.image_wall({3: np.ones((2, 3, 3))})
    assert "“3”" in shown.words


def test_heat_over_a_row_that_is_not_there():
    with pytest.raises(ValueError, match="no row “hut”"):
        plotting.image_wall({"hot": np.ones((2, 3, 3))}, heat={"hut": np.ones((2, 3, 3))})


def test_lines_that_turn_back_do_not_cross(shown):
    plotting.line_panels({"y": {"a": ([0, 2, 1], [0, 1, 2]), "b": ([0, 1, 2], [2, 1, 0])}}, xlabel="x")
    assert "cross" not in shown.words


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_line_ends_at_its_first_value_that_is_not_finite(shown, odd):
    plotting.line_panels({"y": {"a": [1.0, 2.0, odd, 3.0, 1.0]}}, xlabel="x", yscale="linear")
    assert "ends early, at x ≈ 3" in shown.words and len(shown.axes[0].lines[0].get_xdata()) == 3


def test_a_line_without_a_label_gets_none_where_it_ends_early(shown):
    plotting.line_panels({"y": {"_a": [1.0, np.nan], "b": [2.0, 3.0]}}, xlabel="x")
    assert not [text for text in shown.axes[0].texts if "ends here" in text.get_text()]


def test_a_live_curve_of_no_epoch_draws_nothing(shown):
    with plotting.LiveCurve():
        pass
    assert not shown.figures


def test_a_sequential_model_has_a_graph_and_a_program_has_none(shown):
    plotting.model_graph(tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(3)]))
    assert "9 trained weights" in shown.words

    class Program(tf.keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="This one is a program, in call"):
        plotting.model_graph(Program())
    with pytest.raises(ValueError, match=r"keras\.Input"):
        plotting.model_graph(tf.keras.Sequential([tf.keras.layers.Dense(3)]))


def test_a_layer_that_is_called_twice_with_one_of_two_outputs_is_read_once(shown):
    x = tf.keras.Input((2,))
    plotting.model_graph(tf.keras.Model(x, tf.keras.layers.Multiply()([x, x])))
    assert shown.words.count("reads") == 1
