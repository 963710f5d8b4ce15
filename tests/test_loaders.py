"""What may be asked of the loaders."""

import inspect

import pytest

from utils import data
from utils.data import catalog


def test_mode_is_auto_unless_asked(monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert data.mode() == "auto"
    for value, expected in {"": "auto", "auto": "auto", "real": "real", "offline": "offline"}.items():
        monkeypatch.setenv("COURSE_DATA", value)
        assert data.mode() == expected


def test_unknown_mode_is_one_sentence(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offlin")
    with pytest.raises(ValueError, match="must be auto, real or offline, not 'offlin'"):
        data.mode()
    with pytest.raises(ValueError, match="COURSE_DATA"):
        data.mnist(10, 10)


@pytest.mark.parametrize("size", [0, -1, 60_001, 10.0, "10", None])
@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.imdb_reviews])
def test_sizes_that_do_not_exist(load, size, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offline")
    with pytest.raises(ValueError, match=r"n_train must be a whole number from 1 to [26][05],000, not "):
        load(n_train=size)
    with pytest.raises(ValueError, match=r"n_test must be a whole number from 1 to [12][05],000, not "):
        load(n_train=10, n_test=size)


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        (data.mnist, catalog.MNIST),
        (data.fashion_mnist, catalog.FASHION_MNIST),
        (data.imdb_reviews, catalog.IMDB_REVIEWS),
    ],
)
def test_all_that_there_is_comes_unless_less_is_asked_for(load, wanted):
    defaults = [parameter.default for parameter in inspect.signature(load).parameters.values()]
    assert tuple(defaults) == wanted.sizes


def test_data_sets_are_told_apart_as_objects_not_number_by_number(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offline")
    once, again = data.mnist(10, 10), data.mnist(10, 10)
    assert once == once and once != again and len({once, again}) == 2
