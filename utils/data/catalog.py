"""The real data sets: what is known of each, one record a set."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from utils.data.digits import draw_digits
from utils.data.garments import KINDS, draw_garments
from utils.data.housing import FEATURES, draw_housing
from utils.data.reviews import write_reviews

Pair = tuple[np.ndarray, np.ndarray]  # x and y


@dataclass(frozen=True)
class Source:
    """A real data set, and the function that draws its stand-in.

    `files` are those that Keras reads, by their path below its cache folder, each with its hash (md5 or sha256).
    `read()` returns the training part and the test part as Keras has them; `decode(x)` turns x into what the course
    promises. `draw(n, seed)` returns n examples of the stand-in.
    """

    name: str
    files: dict[str, str]
    sizes: tuple[int, int]  # examples to train on, and to test
    dtypes: tuple[str, str]  # of x and of y
    read: Callable[[], tuple[Pair, Pair]]
    draw: Callable[[int, int], Pair]
    decode: Callable[[np.ndarray], object] = lambda x: x
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()


def _read_mnist() -> tuple[Pair, Pair]:
    from keras.datasets import mnist

    return mnist.load_data()


def _read_fashion_mnist() -> tuple[Pair, Pair]:
    from keras.datasets import fashion_mnist

    return fashion_mnist.load_data()


def _read_imdb() -> tuple[Pair, Pair]:
    from keras.datasets import imdb

    return imdb.load_data()


def _decode_imdb(reviews: np.ndarray) -> list[str]:
    """Turn lists of word numbers into text, without the marks that stand for no word."""
    from keras.datasets import imdb

    # Keras shifts the words by 3, to make room for the marks of padding, start and unknown words.
    words = {rank + 3: word for word, rank in imdb.get_word_index().items()}
    return [" ".join(filter(None, map(words.get, review))) for review in reviews]


def _read_california_housing() -> tuple[Pair, Pair]:
    from keras.datasets import california_housing

    return california_housing.load_data()


MNIST = Source(
    name="MNIST",
    files={"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"},
    sizes=(60_000, 10_000),
    dtypes=("uint8", "uint8"),
    read=_read_mnist,
    draw=draw_digits,
    class_names=tuple("0123456789"),
)
FASHION_MNIST = Source(
    name="Fashion-MNIST",
    files={  # Keras has no hashes for these: they are as the authors publish them (Xiao, Rasul and Vollgraf, 2017)
        "fashion-mnist/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "fashion-mnist/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "fashion-mnist/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "fashion-mnist/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    sizes=(60_000, 10_000),
    dtypes=("uint8", "uint8"),
    read=_read_fashion_mnist,
    draw=draw_garments,
    class_names=KINDS,
)
IMDB_REVIEWS = Source(
    name="IMDB reviews",
    files={
        "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
        "imdb_word_index.json": "bfafd718b763782e994055a2d397834f",
    },
    sizes=(25_000, 25_000),
    dtypes=("object", "int64"),
    read=_read_imdb,
    decode=_decode_imdb,
    draw=write_reviews,
    class_names=("negative", "positive"),
)
CALIFORNIA_HOUSING = Source(
    name="California housing",
    files={"california_housing.npz": "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"},
    sizes=(16_512, 4_128),
    dtypes=("float32", "float32"),
    read=_read_california_housing,
    draw=draw_housing,
    feature_names=FEATURES,
)
BY_NAME = {source.name: source for source in (MNIST, FASHION_MNIST, IMDB_REVIEWS, CALIFORNIA_HOUSING)}
