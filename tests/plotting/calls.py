"""One call of every figure, with small data."""

import numpy as np
import tensorflow as tf

from utils import plotting

RNG = np.random.default_rng(0)
COLUMN = np.ones((4, 1))
IMAGES = RNG.random((5, 4, 4))
WALKS = {"a": np.array([[0, 0], [1, 2], [2, 2]]), "b": np.array([[0, 0], [2, 1], [2, 2]])}
BOWL = np.add.outer(np.arange(4.0) ** 2, np.arange(3.0) ** 2)
AXES = {"xlabel": "x", "ylabel": "y"}
CARD = {
    "source": "drawn by code", "numbers": {"accuracy": (0.8, 0.7, 0.9)}, "matrix": np.diag([3, 4]),
    "class_names": ["a", "b"], "confidence": np.array([0.4, 0.9]),
    "right": np.array([[0.5, 0.8], [0.3, 0.7], [0.6, 0.9]]), "recall": np.array([0.1, 0.5, 1.0]),
    "precision": np.array([[0.9, 0.6, 0.3], [0.7, 0.5, 0.2], [1.0, 0.7, 0.4]]), "positive": "b",
}  # fmt: skip


def shared_layer():
    """Two inputs through one layer, and two outputs."""
    first, second = tf.keras.Input((2,)), tf.keras.Input((2,))
    body = tf.keras.layers.Dense(3, name="body")
    ends = body(first), body(second)
    return tf.keras.Model([first, second], [tf.keras.layers.Subtract()(ends), tf.keras.layers.Dense(1)(ends[0])])


CALLS = {
    "lines": (([1, 2], {"a": [1, 2], "b": [2, 1]}), {**AXES, "points": {"p": (1, 1), "_q": (2, 2)}}),
    "line_panels": (({"a": {"l": [1, 5, 9]}, "b": {"m": ([1, 9], [2, 3])}},), {"xlabel": "x", "ylims": {"a": (1, 4)}}),
    "bars": (({"a": 1.0, "b": 2.0},), {"xlabel": "length"}),
    "scatter": ((COLUMN, COLUMN), {**AXES, "line_x": range(4), "lines": {"a": COLUMN}, "truth": [COLUMN],
                                   "band": ("band", np.zeros(4), 2 * COLUMN)}),
    "fits": ((COLUMN, COLUMN, {"a": COLUMN, "b": range(4)}), {**AXES, "noise": 1}),
    "surface": (([0, 1, 2], [0, 1, 2, 3], BOWL), {**AXES, "paths": WALKS, "best": ("end", (2, 2)), "every": 1}),
    "arrows": (({"long": (4, 1), "short": (0.9, 0.2)},), {}),
    "image_grid": ((IMAGES, list("abcde")), {"columns": 3}),
    "image_wall": (({"seen": IMAGES, "hot": IMAGES},), {"heat": {"hot": IMAGES}, "names": {"seen": range(5)}}),
    "confusion": ((np.eye(3), list("abc")), {"images": {(0, 1): IMAGES[0]}}),
    "model_card": (("A model",), CARD),
    "place_maps": ((RNG.random((9, 2)), {"truth": np.arange(9), "model": np.ones(9)}), {"unit": "price"}),
    "importance": (({"a": (1.0, 2.0), "b": (2.0, 0.5)},), {"labels": ("cost", "slope")}),
    "marked_words": (([(["not", "good"], [-1.0, 0.5], "blame"), (8 * ["a long word"], range(8), "")],), {}),
    "word_map": (({"good": (1, 0), "fine": (1, 0), "bad": (-1, 0)},), AXES),
    "course_map": ((), {}),
    "model_graph": ((shared_layer(),), {}),
}  # fmt: skip


def draw(name, **changed):
    positional, named = CALLS[name]
    getattr(plotting, name)(*positional, **{**named, **changed})
