"""Loads a data set: the real one or its stand-in, as the environment variable `COURSE_DATA` asks."""

import os
from numbers import Integral

from utils.data import catalog, sources
from utils.data.catalog import Pair, Source
from utils.data.dataset import Dataset

MODES = ("auto", "real", "offline")
TRAIN_SEED, TEST_SEED = 1, 2  # of the stand-ins


def mode() -> str:
    """Return what `COURSE_DATA` asks for: "auto" (also when it is not set), "real" or "offline".

    Raises:
        ValueError: if it asks for anything else.
    """
    asked = os.environ.get("COURSE_DATA") or "auto"
    if asked not in MODES:
        raise ValueError(f"COURSE_DATA must be auto, real or offline, not {asked!r}: set it to one of them.")
    return asked


def fashion_mnist(n_train: int = 60_000, n_test: int = 10_000) -> Dataset:
    """Load pictures of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), or draw as many.

    Returns:
        x: uint8, shape (n, 28, 28), 0 (background) to 255.
        y: uint8, shape (n,), an index into `class_names`.

    Raises:
        ValueError: if a number is not a whole one from 1 to the pictures that there are, or where `mode` raises it.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    return _load(catalog.FASHION_MNIST, n_train, n_test)


def mnist(n_train: int = 60_000, n_test: int = 10_000) -> Dataset:
    """Load handwritten digits of MNIST (LeCun, Cortes and Burges, 1998), or draw as many.

    Returns:
        x: uint8, shape (n, 28, 28), 0 (paper) to 255 (ink).
        y: uint8, shape (n,), the digit.

    Raises:
        ValueError: if a number is not a whole one from 1 to the digits that there are, or where `mode` raises it.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    return _load(catalog.MNIST, n_train, n_test)


def imdb_reviews(n_train: int = 25_000, n_test: int = 25_000) -> Dataset:
    """Load movie reviews of the IMDB set (Maas et al., 2011), or write as many.

    Returns:
        x: object, shape (n,), each a str; the real ones are in lower case, without marks but the apostrophe.
        y: int64, shape (n,), 0 (negative) or 1 (positive).

    Raises:
        ValueError: if a number is not a whole one from 1 to the reviews that there are, or where `mode` raises it.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    return _load(catalog.IMDB_REVIEWS, n_train, n_test)


def california_housing() -> Dataset:
    """Load the 20,640 districts of the California housing set (Pace and Barry, 1997), or draw as many.

    Four fifths are for training, split off with a fixed seed.

    Returns:
        x: float32, shape (n, 8), columns named by `feature_names`; their units are in `utils.data.housing.FEATURES`.
        y: float32, shape (n,), median house value in dollars, capped at 500,001.

    Raises:
        ValueError: where `mode` raises it.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    return _load(catalog.CALIFORNIA_HOUSING, *catalog.CALIFORNIA_HOUSING.sizes)


def _load(wanted: Source, n_train: int, n_test: int) -> Dataset:
    """Load the real set if `mode` wants it and it can be had; otherwise draw its stand-in."""
    for argument, n, most in zip(("n_train", "n_test"), (n_train, n_test), wanted.sizes, strict=True):
        if not isinstance(n, Integral) or not 1 <= n <= most:
            raise ValueError(f"{argument} must be a whole number from 1 to {most:,}, not {n!r}.")
    source, parts = wanted.name, _load_real(wanted.name, n_train, n_test)
    if parts is None:
        source, parts = (
            f"stand-in for {wanted.name}",
            (wanted.draw(n_train, TRAIN_SEED), wanted.draw(n_test, TEST_SEED)),
        )
    (x_train, y_train), (x_test, y_test) = parts
    names = {"class_names": wanted.class_names, "feature_names": wanted.feature_names}
    return Dataset(wanted.name, source, x_train, y_train, x_test, y_test, **names)


def _load_real(name: str, n_train: int, n_test: int) -> tuple[Pair, Pair] | None:
    """Return the two parts of the real set, or None, with one line why unless only the stand-in was asked for."""
    asked = mode()
    if asked == "offline":
        return None
    try:
        return sources.load(name, n_train, n_test)
    except sources.DataError as error:
        if asked == "real":
            raise
        standing_in = f"using the stand-in for {name}, drawn by code (COURSE_DATA=real insists on the real set)"
        print(f"{error.reason}: {standing_in}.")
        return None
