"""The stand-ins are drawn as they were: each kind of picture, each column and each length, to about a percent.

The numbers were taken from the data; they say that something changed, not which of two is better. Where a change is
meant, run this file as a program: it prints new ones.
"""

import numpy as np
import pytest

from utils.data.digits import draw_digits
from utils.data.garments import draw_garments
from utils.data.housing import draw_housing
from utils.data.reviews import write_reviews

# For each kind of picture the mean of 4 times 4 blocks, row by row, in shades of 256.
DIGITS = """
0.1 20.0 51.0 3.9 10.1 106.2 91.3 37.3 38.9 86.1 102.8 11.2 5.3 60.8 22.9 0.1
0.0 6.1 19.7 0.6 0.0 30.6 76.0 0.7 1.3 74.2 33.0 0.1 1.2 20.2 4.8 0.0
0.4 36.7 68.2 5.4 1.1 31.0 117.8 15.0 22.1 145.0 70.0 2.6 5.2 34.6 21.7 0.6
0.7 34.4 47.3 0.8 1.7 58.9 126.5 3.4 10.1 52.7 102.6 0.6 13.0 63.4 18.8 0.0
0.1 5.6 11.1 0.9 9.3 101.2 115.8 6.4 7.9 109.4 109.4 0.9 0.1 15.6 11.0 0.0
0.1 18.9 45.9 2.9 0.9 112.1 80.6 4.7 5.8 53.2 102.4 1.9 3.5 50.2 21.6 0.1
0.0 10.3 55.8 10.3 1.6 104.2 73.2 2.8 11.9 143.8 119.8 5.2 0.4 23.4 12.9 0.0
0.0 2.3 3.0 0.1 6.7 80.9 145.9 9.6 2.4 72.0 60.3 0.3 5.4 42.1 7.7 0.0
0.0 21.7 55.8 4.0 1.0 108.1 144.6 12.1 13.4 142.7 108.9 0.5 4.0 57.7 24.4 0.1
0.0 6.8 10.7 0.1 10.0 124.9 159.2 5.6 5.5 91.8 104.6 0.4 4.8 39.7 24.3 0.1
"""
GARMENTS = """
34.1 71.8 69.6 37.1 57.5 143.6 145.5 60.6 18.0 141.6 145.5 21.4 12.6 100.8 105.6 15.4
0.0 78.1 77.4 0.1 0.2 107.0 106.6 0.4 0.3 88.7 88.3 0.5 0.4 67.3 66.7 0.7
31.9 88.7 89.9 33.9 66.6 148.0 149.6 69.0 88.0 146.6 147.4 92.1 46.3 77.8 78.0 47.9
3.7 60.3 59.7 4.0 9.8 104.6 102.7 10.8 12.4 105.3 103.0 13.2 10.2 114.8 112.6 10.7
24.5 80.9 82.0 22.7 52.1 136.0 137.8 50.7 71.4 137.1 136.6 71.5 50.3 120.4 120.4 50.0
0.0 0.0 0.1 0.2 0.5 2.4 13.4 20.2 30.3 46.0 52.7 75.0 6.1 4.1 2.4 7.9
16.9 72.6 71.6 17.8 37.0 135.7 134.6 38.1 40.3 129.8 130.3 40.3 26.5 92.6 93.7 26.0
0.0 0.0 0.5 1.6 4.1 19.5 66.7 76.8 71.5 111.2 123.9 118.1 6.7 6.8 5.8 7.1
7.7 36.2 36.1 7.6 48.2 87.6 86.4 48.2 80.9 139.3 139.0 81.0 55.3 90.5 92.3 56.1
0.0 0.0 22.1 44.6 0.5 10.5 105.2 112.9 46.7 100.9 133.6 116.7 51.5 50.6 41.8 52.2
"""
# For each column, and the price: 2, 25, 75 and 98 % of the districts are below.
HOUSING = """
-122.70 -121.79 -118.05 -116.87
32.75 33.95 37.68 39.45
4.00 21.00 37.00 52.00
482.96 1293.75 3301.00 8014.26
105.00 272.00 667.00 1598.10
269.96 708.75 1827.25 4892.30
98.98 256.00 624.25 1491.08
1.34 2.51 4.69 8.90
56100.00 118675.00 257500.00 500001.00
"""
# The correlations of each column with each later one, in percent; the price comes last.
TOGETHER = """
-87.2 -13.4 2.4 3.1 4.4 3.6 -5.9 -15.1 3.3
-0.6 -0.6 -2.1 -1.1 2.5 -5.9 -24.4 -26.7 -25.6
-26.3 4.8 21.6 94.1 87.0 94.0 17.3 10.2 92.8
99.0 -2.0 -6.6 93.7 -7.6 -15.9 -2.1 -6.9 67.5
"""
# 1, 25, 75 and 99 % of the reviews have fewer words; and of the words of ten and more letters, the share in percent.
WORDS = """
34.00 111.00 283.00 829.15 1.86
"""


def blocks(draw):
    """Return the mean of each kind's pictures in 4 times 4 blocks, (10, 16)."""
    x, y = draw(2000, 5)
    means = x.reshape(-1, 4, 7, 4, 7).mean(axis=(2, 4)).reshape(-1, 16)
    return np.array([means[y == kind].mean(0) for kind in range(10)])


def housing():
    """Return the quantiles of each column and the price, (9, 4), and their correlations in percent, (36,)."""
    x, y = draw_housing(4000, 5)
    columns = np.column_stack([x, y]).astype(float)
    together = np.corrcoef(np.argsort(np.argsort(columns, axis=0), axis=0), rowvar=False)
    return np.quantile(columns, [0.02, 0.25, 0.75, 0.98], axis=0).T, 100 * together[np.triu_indices(9, 1)]


def words():
    """Return quantiles of the number of words in a review, and the share of long words in percent."""
    texts, _ = write_reviews(2000, 5)
    long = [len(word) >= 10 for text in texts for word in text.split()]
    return np.r_[np.quantile([len(text.split()) for text in texts], [0.01, 0.25, 0.75, 0.99]), 100 * np.mean(long)]


def numbers(text):
    return np.array([[float(word) for word in line.split()] for line in text.strip().splitlines()])


@pytest.mark.parametrize(("draw", "wanted"), [(draw_digits, DIGITS), (draw_garments, GARMENTS)])
def test_each_kind_of_picture_is_as_light_as_it_was_in_each_part(draw, wanted):
    np.testing.assert_allclose(blocks(draw), numbers(wanted), atol=0.6, rtol=0.005)


def test_districts_are_spread_as_they_were_and_go_together_as_they_did():
    spread, together = housing()
    np.testing.assert_allclose(spread, numbers(HOUSING), rtol=0.01, atol=0.01)
    np.testing.assert_allclose(together, numbers(TOGETHER).ravel(), atol=1)


def test_rooms_and_people_are_counted_in_whole_numbers_from_1():
    x, y = draw_housing(4000, 5)
    counts = x[:, [2, 3, 4, 5, 6]]
    np.testing.assert_array_equal(counts, np.round(counts))
    assert counts.min() >= 1 and (y % 100).max() in (0, 1), "prices in hundreds, or at the cap"


def test_reviews_are_as_long_as_they_were_and_have_as_long_words():
    np.testing.assert_allclose(words(), numbers(WORDS)[0], rtol=0.01)


@pytest.mark.parametrize(("draw", "least"), [(draw_digits, 1), (draw_garments, 0)])
def test_fewer_pictures_than_there_can_be_are_refused(draw, least):
    x, y = draw(least, 1)
    assert x.shape == (least, 28, 28) and y.shape == (least,)
    with pytest.raises(ValueError, match=f"got {least - 1}"):
        draw(least - 1, 1)


def test_fewer_districts_and_reviews_than_one_are_refused():
    with pytest.raises(ValueError, match="at least 1 district, got 0"):
        draw_housing(0, 1)
    with pytest.raises(ValueError, match="at least 1 review, got 0"):
        write_reviews(0, 1)
    assert len(draw_housing(1, 1)[1]) == len(write_reviews(1, 1)[1]) == 1


def write(rows, digits):
    for row in rows:
        print(" ".join(f"{value:.{digits}f}" for value in row))


if __name__ == "__main__":
    spread, together = housing()
    for draw in (draw_digits, draw_garments):
        write(blocks(draw), 1)
    write(spread, 2)
    write(together.reshape(4, 9), 1)
    write([words()], 2)
