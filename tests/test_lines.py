"""The straight lines are where their docstrings say."""

import numpy as np
import pytest

from utils import data


@pytest.mark.parametrize(("draw", "n", "slope", "intercept", "noise"), [
    (data.standard_line, 100, 3, 0, 1),
    (data.wide_line, 1000, 3, 7, 10),
])  # fmt: skip
def test_line(draw, n, slope, intercept, noise):
    x, y = draw()
    assert x.shape == y.shape == (n, 1) and x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(y, draw()[1])
    assert not np.array_equal(y, draw(seed=1)[1])
    x, y = draw(n=20_000)
    residual = y - slope * x - intercept
    assert residual.std() == pytest.approx(noise, rel=0.05)
    assert abs(residual.mean()) < 0.05 * noise
    assert abs(np.corrcoef(residual[:, 0], x[:, 0])[0, 1]) < 0.03


def test_where_the_lines_lie():
    x, _ = data.standard_line(20_000)
    assert abs(x.mean()) < 0.05 and x.std() == pytest.approx(1, rel=0.05)
    x, _ = data.wide_line()
    assert x[0] == 0 and x[-1] == 100 and np.ptp(np.diff(x[:, 0])) < 1e-3
