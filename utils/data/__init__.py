"""Data for every notebook, as NumPy arrays, with or without a network.

    fashion_mnist        28 x 28 pictures of ten kinds of clothing
    mnist                28 x 28 pictures of handwritten digits
    imdb_reviews         movie reviews as text, praise or not
    california_housing   districts of California in 1990 and what a house cost there
    standard_line        100 points about y = 3x, x around 0
    wide_line            1,000 points about y = 3x + 7, x from 0 to 100

The first four return a `Dataset`, which says where it came from. The environment variable `COURSE_DATA` decides:

    auto      the real set, through keras.datasets; if it cannot be had, its stand-in and one line why (a network that
              does not answer is given up within seconds)
    real      the real set, or a `DataError` that says what failed and what to do
    offline   the stand-in; the network is never touched

A stand-in has the shapes and dtypes of the real set, is about as hard to learn, and is drawn by code: the same on every
machine, but for a few pixels that another processor rounds to the next gray level.

    loaders.py   the first four functions above, and `mode`, which reads `COURSE_DATA`
    dataset.py   what they return
    catalog.py   what is known of each real set: files, hashes, sizes, dtypes, names, its reader and its stand-in
    sources.py   the way to the real sets: the cache and the network
    digits.py, garments.py, reviews.py, housing.py   the stand-ins
    lines.py     the two straight lines
"""

from utils.data.dataset import Dataset
from utils.data.lines import standard_line, wide_line
from utils.data.loaders import california_housing, fashion_mnist, imdb_reviews, mnist, mode
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
