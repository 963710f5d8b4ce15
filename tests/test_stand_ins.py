"""The stand-ins: shapes and dtypes of the real sets, the same on every machine, and as hard to learn."""

import time
from collections import Counter
from itertools import chain, compress

import numpy as np
import pytest

from tests.small_sets import LOADERS
from utils import data


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offline")


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
def test_stand_in_pictures(load, offline):
    dataset = load(500, 200)
    assert dataset.x_train.shape == (500, 28, 28) and dataset.x_test.shape == (200, 28, 28)
    assert dataset.x_train.dtype == dataset.y_train.dtype == np.uint8
    assert dataset.y_train.shape == (500,) and dataset.y_test.shape == (200,)
    assert len(dataset.class_names) == 10 and dataset.feature_names == ()
    assert np.bincount(dataset.y_train, minlength=10).min() > 20, "About as many of each kind."
    assert dataset.x_train.max() > 200 and np.median(dataset.x_train[:, 0]) == 0, "Bright things on a dark ground."


def test_stand_in_reviews(offline):
    dataset = data.imdb_reviews(500, 200)
    assert dataset.x_train.shape == dataset.y_train.shape == (500,) and dataset.x_test.shape == (200,)
    assert dataset.x_train.dtype == object and dataset.y_train.dtype == np.int64
    assert all(isinstance(text, str) and text for text in dataset.x_train)
    assert set(dataset.y_train) == {0, 1} and 0.4 < dataset.y_train.mean() < 0.6
    assert dataset.class_names == ("negative", "positive") and dataset.feature_names == ()


def test_stand_in_housing(offline):
    dataset = data.california_housing()
    assert dataset.x_train.shape == (16_512, 8) and dataset.x_test.shape == (4_128, 8)
    assert dataset.y_train.shape == (16_512,) and dataset.y_test.shape == (4_128,)
    assert dataset.x_train.dtype == dataset.y_train.dtype == np.float32
    assert np.isfinite(dataset.x_train).all() and np.isfinite(dataset.y_train).all()
    assert dataset.y_train.min() > 14_000 and dataset.y_train.max() <= 500_001
    assert len(dataset.feature_names) == 8 and dataset.class_names == ()


@pytest.mark.parametrize("name", LOADERS)
def test_stand_in_is_the_same_each_time_and_test_part_differs(name, offline):
    first, second = LOADERS[name](), LOADERS[name]()
    for part in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))
    assert not np.array_equal(first.x_train[:10], first.x_test[:10])


def test_a_reader_whose_numpy_raises_gets_a_stand_in(offline):
    with np.errstate(all="raise"):
        for load in (data.mnist, data.fashion_mnist, data.imdb_reviews):
            load(200, 200)


def test_stand_in_train_and_test_share_no_picture(offline):
    for dataset in (data.mnist(1000, 1000), data.fashion_mnist(1000, 1000)):
        train = {picture.tobytes() for picture in dataset.x_train}
        assert not train & {picture.tobytes() for picture in dataset.x_test}


def test_dataset_shows_itself_in_a_line(offline):
    assert "\n" not in repr(data.mnist(20, 10)) and "stand-in for MNIST" in repr(data.mnist(20, 10))


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.imdb_reviews])
def test_ten_thousand_are_drawn_in_seconds(load, offline):
    start = time.thread_time()
    load(10_000, 1)
    assert time.thread_time() - start < 5


def test_fingerprints(offline):
    """The same data on every machine: labels and words exactly, what has been rounded to a percent."""
    digits, garments, reviews = data.mnist(1000, 1), data.fashion_mnist(1000, 1), data.imdb_reviews(1000, 1)
    assert digits.y_train[:10].tolist() == garments.y_train[:10].tolist() == [5, 9, 3, 7, 7, 1, 8, 2, 8, 5]
    assert digits.x_train.mean() == pytest.approx(33.83, rel=0.01)
    assert garments.x_train.mean() == pytest.approx(60.14, rel=0.01)
    assert reviews.x_train[0].startswith("there is the sadinax then there is a bad marriage")
    assert np.mean([len(text.split()) for text in reviews.x_train]) == pytest.approx(222.3, rel=0.01)
    housing = data.california_housing()
    medians = [-118.995, 34.725, 29, 2047, 421, 1137, 398, 3.454]
    assert np.median(housing.x_train, axis=0) == pytest.approx(medians, rel=0.01)
    assert np.median(housing.y_train) == pytest.approx(174_900, rel=0.01)


@pytest.mark.parametrize(("load", "low", "high"), [(data.mnist, 0.84, 0.92), (data.fashion_mnist, 0.78, 0.87)])
def test_pictures_are_as_hard_as_the_real_ones(load, low, high, offline):
    """A softmax on 6,000 real digits scores about 0.88, on 6,000 real garments about 0.82."""
    import keras

    d = load(6000, 1500)
    x_train, x_test = (x.reshape(len(x), -1) / np.float32(255) for x in (d.x_train, d.x_test))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(10)])
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss_fn, metrics=["accuracy"])
    model.fit(x_train, d.y_train, batch_size=64, epochs=5, verbose=0)
    assert low < model.evaluate(x_test, d.y_test, verbose=0)[1] < high


def test_reviews_are_as_hard_as_the_real_ones(offline):
    """Naive Bayes on single words scores 0.836 on the real reviews (Wang and Manning, 2012), on fewer a little less."""
    d = data.imdb_reviews(4000, 1500)
    bags = [set(text.split()) for text in d.x_train]
    negative, positive = (Counter(chain(*compress(bags, d.y_train == label))) for label in (0, 1))
    weights = {word: np.log((positive[word] + 1) / (negative[word] + 1)) for word in positive | negative}
    scores = np.array([sum(weights.get(word, 0) for word in set(text.split())) for text in d.x_test])
    assert 0.77 < np.mean((scores > 0) == d.y_test) < 0.88


def test_housing_is_as_hard_as_the_real_one(offline):
    """A linear model explains about 0.60 of the variance of the real prices."""
    d = data.california_housing()
    x_train, x_test = (np.c_[x.astype("float64"), np.ones(len(x))] for x in (d.x_train, d.x_test))
    weights = np.linalg.lstsq(x_train, d.y_train)[0]
    assert 0.54 < 1 - np.mean((x_test @ weights - d.y_test) ** 2) / np.var(d.y_test) < 0.68
