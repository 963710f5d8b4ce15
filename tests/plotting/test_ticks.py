"""Ticks are few and round, on every axis."""

import numpy as np
import pytest

from utils.plotting.style import RoundTicks

RNG = np.random.default_rng(0)
SPANS = [(low, low + 10**size) for low, size in zip(RNG.normal(0, 30, 200), RNG.uniform(-2, 5, 200), strict=True)]


def test_linear_ticks():
    for low, high in [*SPANS, (0, 1), (0, 100), (-5, 5), (0.1, 0.3)]:
        ticks = RoundTicks().tick_values(low, high)
        steps = np.diff(ticks)
        assert 3 <= len(ticks) <= 7 and np.allclose(steps, steps[0])
        assert low - 1e-9 <= ticks[0] and ticks[-1] <= high + 1e-9
        assert np.isclose(steps[0] / 10 ** np.floor(np.log10(steps[0]) + 1e-9), [1, 2, 5]).any()
        assert np.allclose(ticks / steps[0], np.round(ticks / steps[0])), "multiples of the step"


@pytest.mark.parametrize(("low", "high", "ticks"), [(0.7, 5.3, [1, 2, 3, 4, 5]), (0.9, 2.1, [1, 2]), (1.2, 1.8, [])])
def test_whole_ticks(low, high, ticks):
    assert RoundTicks(whole=True).tick_values(low, high).tolist() == ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.5, 200, [1, 10, 100]), (1, 30, [1, 3, 10, 30]), (1, 6, [1, 2, 5]), (3, 9, [3, 5, 7]), (4, 5, [4, 4.5, 5])],
)
def test_logarithmic_ticks(low, high, ticks):
    assert np.allclose(RoundTicks("log").tick_values(low, high), ticks)


def test_a_long_logarithmic_axis_has_few_ticks():
    assert 3 <= len(RoundTicks("log").tick_values(1e-12, 1e3)) <= 6
