"""Data for every notebook, as NumPy arrays, with or without a network.

    fashion_mnist        28 x 28 pictures of ten kinds of clothing
    mnist                28 x 28 pictures of handwritten digits
    imdb_reviews         movie reviews as text, praise or not
    california_housing   districts of California in 1990 and what a house cost there
    standard_line        100 points about y = 3x, x around 0
    wide_line            1,000 points about y = 3x + 7, x from 0 to 100

The first four return a `Dataset`, which says where it came from. The environment variable `COURSE_DATA` decides:

    auto      the real set, through keras.datasets; if it cannot be had within seconds, its stand-in and one line why
    real      the real set, or a `DataError` that says what failed and what to do
    offline   the stand-in; the network is never touched

A stand-in has the shapes and dtypes of the real set, is about as hard to learn, and is drawn by code: the same on every
machine. Files: `sources` fetches the real sets; `digits`, `garments`, `reviews` and `housing` draw their stand-ins.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np

from utils.data import sources
from utils.data.sources import DataError

__all__ = [
    "DataError",
    "Dataset",
    "california_housing",
    "fashion_mnist",
    "imdb_reviews",
    "mnist",
    "mode",
    "standard_line",
    "wide_line",
]

MODES = ("auto", "real", "offline")
TRAIN_SEED, TEST_SEED = 1, 2  # of the stand-ins

GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in two parts, one to train on and one to judge by.

    `source` says where it came from, for figures to print: the name of the real set, or that of its stand-in.
    `class_names` is empty for a regression; `feature_names` is empty unless `x_train` has named columns.
    """

    name: str
    source: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()

    @property
    def is_real(self) -> bool:
        """Tell the real set from its stand-in."""
        return self.source == self.name


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
    """Load the first pictures of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), or draw as many.

    Returns:
        x: uint8, shape (n, 28, 28), 0 (background) to 255.
        y: uint8, shape (n,), an index into `class_names`.

    Raises:
        ValueError: if there are not as many pictures.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    from utils.data.garments import draw_garments

    _check_size("n_train", n_train, 60_000)
    _check_size("n_test", n_test, 10_000)
    return _load("Fashion-MNIST", draw_garments, n_train, n_test, class_names=GARMENTS)


def mnist(n_train: int = 60_000, n_test: int = 10_000) -> Dataset:
    """Load the first handwritten digits of MNIST (LeCun, Cortes and Burges, 1998), or draw as many.

    Returns:
        x: uint8, shape (n, 28, 28), 0 (paper) to 255 (ink).
        y: uint8, shape (n,), the digit.

    Raises:
        ValueError: if there are not as many digits.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    from utils.data.digits import draw_digits

    _check_size("n_train", n_train, 60_000)
    _check_size("n_test", n_test, 10_000)
    return _load("MNIST", draw_digits, n_train, n_test, class_names=tuple("0123456789"))


def imdb_reviews(n_train: int = 25_000, n_test: int = 25_000) -> Dataset:
    """Load the first movie reviews of the IMDB set (Maas et al., 2011), or write as many.

    Returns:
        x: object, shape (n,), each a str; the real ones are in lower case, without punctuation.
        y: int64, shape (n,), 0 (negative) or 1 (positive).

    Raises:
        ValueError: if there are not as many reviews.
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    from utils.data.reviews import write_reviews

    _check_size("n_train", n_train, 25_000)
    _check_size("n_test", n_test, 25_000)
    return _load("IMDB reviews", write_reviews, n_train, n_test, class_names=("negative", "positive"))


def california_housing() -> Dataset:
    """Load the 20,640 districts of the California housing set (Pace and Barry, 1997), or draw as many.

    Four fifths are for training, split off with a fixed seed.

    Returns:
        x: float32, shape (n, 8), columns named by `feature_names`; their units are in `utils.data.housing.FEATURES`.
        y: float32, shape (n,), median house value in dollars, capped at 500,001.

    Raises:
        DataError: if COURSE_DATA is "real" and the set cannot be had.
    """
    from utils.data.housing import FEATURES, draw_housing

    return _load("California housing", draw_housing, 16_512, 4_128, feature_names=FEATURES)


def standard_line(n: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points about the line y = 3x, with x and the noise both standard normal.

    Returns:
        x, y: float32, shape (n, 1).
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 1))
    y = 3 * x + rng.standard_normal((n, 1))
    return x.astype("float32"), y.astype("float32")


def wide_line(n: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points about the line y = 3x + 7, with x evenly spaced from 0 to 100 and normal noise of deviation 10.

    Returns:
        x, y: float32, shape (n, 1).
    """
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 100, n).reshape(-1, 1)
    y = 3 * x + 7 + 10 * rng.standard_normal((n, 1))
    return x.astype("float32"), y.astype("float32")


def _check_size(argument: str, n: int, most: int) -> None:
    if not isinstance(n, Integral) or not 1 <= n <= most:
        raise ValueError(f"{argument} must be a whole number from 1 to {most:,}, not {n!r}.")


def _load(name: str, draw: Callable, n_train: int, n_test: int, **names: tuple[str, ...]) -> Dataset:
    """Load the real set if `mode` wants it and it can be had; otherwise call draw(n, seed)."""
    source, parts = name, _load_real(name, n_train, n_test)
    if parts is None:
        source, parts = f"stand-in for {name}", (draw(n_train, TRAIN_SEED), draw(n_test, TEST_SEED))
    (x_train, y_train), (x_test, y_test) = parts
    return Dataset(name, source, x_train, y_train, x_test, y_test, **names)


def _load_real(name: str, n_train: int, n_test: int) -> tuple[sources.Pair, sources.Pair] | None:
    asked = mode()
    if asked == "offline":
        return None
    try:
        return sources.load(name, n_train, n_test)
    except DataError as error:
        if asked == "real":
            raise
        standing_in = f"using the stand-in for {name}, drawn by code (COURSE_DATA=real insists on the real set)"
        print(f"{error.reason}: {standing_in}.")
        return None
