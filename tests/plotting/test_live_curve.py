"""The training curve grows while someone watches, and says at the end where each curve was best."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from utils.plotting import LiveCurve

live_curve = importlib.import_module("utils.plotting.live_curve")


def test_it_says_where_each_curve_was_best_and_how_far_apart_they_end(shown):
    with LiveCurve("drawn by code") as curve:
        for loss, val_loss, accuracy in ((4.0, 5.0, 0.1), (2.0, 1.0, 0.9), (1.0, 3.5, 0.7)):
            curve.add(loss=loss, val_loss=val_loss, accuracy=accuracy)
    assert shown.words == (
        "Training curves “drawn by code”: ≈ 3 epochs. Loss: training falls from ≈ 4 to ≈ 1 (lowest ≈ 1 in epoch ≈ 3); "
        "validation falls from ≈ 5 to ≈ 3.5 (lowest ≈ 1 in epoch ≈ 2); at the end validation is ≈ 2.5 above training. "
        "Accuracy: training rises from ≈ 0.1 to ≈ 0.7 (highest ≈ 0.9 in epoch ≈ 2)."
    )


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("loss", [3.0], "training is ≈ 3"),
        ("loss", [3.0, np.nan, 1.0], "falls from ≈ 3 to ≈ 1 (lowest ≈ 1 in epoch ≈ 3)"),
        ("loss", [np.nan, np.nan], "training goes from nan to nan"),
        ("loss", [2.0, 2.0], "goes from ≈ 2 to ≈ 2 (lowest ≈ 2 in epoch ≈ 1)"),
        ("norm", [1.0, 5.0, 2.0], "rises from ≈ 1 to ≈ 2 (lowest ≈ 1 in epoch ≈ 1, highest ≈ 5 in epoch ≈ 2)"),
    ],
)
def test_it_serves_any_values(name, values, words):
    assert words in live_curve.curve_in_words(name, {name: values})


def test_curves_that_end_together_are_about_equal():
    words = live_curve.curve_in_words("loss", {"loss": [4.0, 1.0], "val_loss": [5.0, 1.01]})
    assert words.endswith("at the end both are about equal")
    assert live_curve.curve_in_words("loss", {"loss": [4.0, 1.0], "val_loss": [5.0, np.inf]}).endswith("is not finite")


@pytest.mark.parametrize("value", [None, "0.3 (mean)", np.ones(3)])
def test_what_is_no_number_is_named_and_what_came_before_is_drawn(value, shown):
    """The picture at the end does not fail in its place, in a traceback of its own."""
    with pytest.raises((TypeError, ValueError)) as problem, LiveCurve() as curve:
        curve.add(loss=1.0)
        curve.add(loss=2.0, accuracy=value)
    assert problem.value.__context__ is None and shown.words.endswith("Loss: training is ≈ 1.")


def test_it_serves_fit(shown):
    model = tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    for _ in range(2):
        curve = LiveCurve("line")
        model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, verbose=0, validation_split=0.5, callbacks=[curve])
        assert len(curve.history["loss"]) == len(curve.history["val_loss"]) == 3
    assert len(shown.data) == 2, "one finished picture for each fit"


def test_it_grows_while_someone_watches(shown, monkeypatch):
    cleared = []
    monkeypatch.setenv("COURSE_LIVE", "on")
    monkeypatch.setattr(live_curve, "has_page", lambda: True)
    monkeypatch.setattr(live_curve, "clear_output", lambda wait: cleared.append(wait))
    with pytest.raises(KeyboardInterrupt), LiveCurve() as curve:
        curve.add(loss=1.0)
        raise KeyboardInterrupt
    assert len(shown.data) == 2 and cleared == [True, True], "a growing picture, replaced by a last one"


def test_a_program_in_a_terminal_writes_the_words_of_the_finished_curve_alone(capsys, monkeypatch):
    monkeypatch.setenv("COURSE_LIVE", "on")
    with LiveCurve("line") as curve:
        curve.add(loss=1.0)
    assert capsys.readouterr().out == "Training curves “line”: ≈ 1 epochs. Loss: training is ≈ 1.\n"


def test_a_long_saying_is_refused_before_the_training():
    with pytest.raises(ValueError, match="takes at most 100"):
        LiveCurve(saying="x" * 101)
