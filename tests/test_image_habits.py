"""Habits of notebook 9: each fires on its fault and on variants of it, and is silent on the healthy twin."""

import numpy as np
import pytest

from utils import session  # noqa: F401  (before TensorFlow)

# isort: split
import tensorflow as tf

from utils import trust

layers = tf.keras.layers


def passes(*, move, cached=False, flag=True):
    """Return a data set of pictures through `move`, perhaps with the cache behind it."""
    pictures = np.random.default_rng(1).uniform(0, 1, (20, 12, 12, 3)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(pictures).batch(8).map(lambda x: move(x, training=flag))
    return dataset.cache() if cached else dataset


def shift():
    return layers.RandomTranslation(0.2, 0.2, seed=1)


@pytest.mark.parametrize(
    "faulty",
    [
        lambda: passes(move=layers.Rescaling(1 / 255)),
        lambda: passes(move=shift(), cached=True),
        lambda: passes(move=shift(), flag=False),
        lambda: passes(move=tf.keras.Sequential([layers.Rescaling(2.0), layers.Identity()])),
    ],
)
def test_an_augmentation_that_does_nothing_is_found(faulty):
    assert trust.change_between_passes(faulty()) == 0


def test_a_number_that_is_missing_in_both_passes_does_not_change():
    assert trust.change_between_passes(tf.data.Dataset.from_tensors(np.float32([1, np.nan, 2, 3]))) == 0


@pytest.mark.parametrize("healthy", [shift, lambda: tf.keras.Sequential([layers.Rescaling(1 / 255), shift()])])
def test_one_that_works_is_seen(healthy):
    assert trust.change_between_passes(passes(move=healthy())) > 0.05


class InInference(layers.Layer):
    """Calls a model with `training=False`, whatever it is asked."""

    def __init__(self, base):
        """Keep the model."""
        super().__init__()
        self.base = base

    def call(self, x):
        return self.base(x, training=False)


def averages_after_fit(on_top, freeze_norm=False):
    """Return how far batch normalization's averages in an unfrozen base moved in one epoch."""
    base = tf.keras.Sequential([layers.Input((4,)), layers.BatchNormalization(momentum=0.5), layers.Dense(3)])
    base.layers[0].trainable = not freeze_norm
    image = layers.Input((4,))
    model = tf.keras.Model(image, layers.Dense(1)(on_top(base, image)))
    model.compile("sgd", "mse")
    model.fit(np.random.default_rng(1).normal(3, 1, (32, 4)), np.zeros((32, 1)), verbose=0)
    return float(np.max(np.abs(base.layers[0].moving_mean)))


def test_the_flag_of_the_construction_does_not_last_and_freezing_does():
    assert averages_after_fit(lambda base, image: base(image, training=False)) > 0.5
    assert averages_after_fit(lambda base, image: base(image)) > 0.5
    assert averages_after_fit(lambda base, image: base(image), freeze_norm=True) == 0
    assert averages_after_fit(lambda base, image: InInference(base)(image)) == 0


def test_freezing_does_not_stop_dropout_and_a_layer_of_ones_own_does():
    base = tf.keras.Sequential([layers.Input((50,)), layers.Dropout(0.5)])
    base.trainable = False
    image, ones = layers.Input((50,)), np.ones((8, 50), "float32")
    dropped = tf.keras.Model(image, base(image, training=False))(ones, training=True)
    kept = tf.keras.Model(image, InInference(base)(image))(ones, training=True)
    assert np.any(np.asarray(dropped) == 0) and np.all(np.asarray(kept) == 1)


def test_an_averaging_sequential_takes_any_size_and_its_functional_twin_refuses():
    model = tf.keras.Sequential(
        [layers.Input((28, 28, 1)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(10)]
    )
    large = np.zeros((2, 84, 84, 1), "float32")
    assert model(large).shape == (2, 10)
    with pytest.raises(ValueError):
        tf.keras.Model(model.inputs, model.outputs)(large)


@pytest.mark.parametrize("layer", ["RandomTranslation", "RandomRotation", "RandomZoom", "RandomBrightness"])
def test_augmentation_acts_without_a_flag_and_dropout_does_not(layer):
    x = np.random.default_rng(1).uniform(0.2, 0.8, (4, 28, 28, 1)).astype("float32")
    more = {"value_range": (0, 1)} if layer == "RandomBrightness" else {}
    two = (0.3, 0.3) if layer == "RandomTranslation" else (0.3,)
    move = getattr(layers, layer)(*two, **more)
    assert np.any(np.asarray(move(x)) != x) and np.array_equal(move(x, training=False), x)
    assert np.array_equal(layers.Dropout(0.5)(x), x)
