"""Small models of many kinds, and random rows for them: what tests of a step train."""

import keras
import numpy as np

layers = keras.layers


def numbers(n):
    return np.random.default_rng(0).normal(size=(n, 8)).astype("float32")


def words(n):
    return np.random.default_rng(1).integers(0, 50, (n, 5))


def labels(n, dtype="int64"):
    return np.random.default_rng(2).integers(0, 3, n).astype(dtype)


def dense(*extra, **arguments):
    hidden = layers.Dense(16, activation="tanh", **arguments)
    return keras.Sequential([layers.Input((8,)), hidden, *extra, layers.Dense(3)])


def embedded(mask_zero=False):
    lookup = [layers.Embedding(50, 4, mask_zero=mask_zero), layers.GlobalAveragePooling1D()]
    return keras.Sequential([layers.Input((5,), dtype="int32"), *lookup, layers.Dense(3)])


def two_inputs():
    number, word = layers.Input((8,), name="number"), layers.Input((5,), dtype="int32", name="word")
    read = layers.GlobalAveragePooling1D()(layers.Embedding(50, 4)(word))
    return keras.Model({"number": number, "word": word}, layers.Dense(3)(layers.Concatenate()([number, read])))


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(16, activation="relu"), layers.Dense(3)

    def call(self, x):
        return self.out(self.hidden(x))


def subclassed():
    model = Subclassed()
    model(numbers(1))
    return model
