"""The measured peak is what was allocated."""

import time

import numpy as np
import pytest
import tensorflow as tf

from utils.memory import peak_bytes

MB = 10**6


def hold(make, megabytes):
    """Keep memory for as long as a training step would: what is gone within a millisecond is not seen."""
    kept = make(megabytes)
    time.sleep(0.1)
    return kept[0]


def floats(megabytes):
    return np.ones(megabytes * MB // 8)


def tensor(megabytes):
    return tf.ones(megabytes * MB // 4)


@pytest.mark.parametrize("megabytes", [60, 150])
def test_a_known_allocation_is_seen(megabytes):
    for make in (floats, tensor):
        hold(make, megabytes)
        for _again in range(2):
            assert abs(peak_bytes(lambda make=make: hold(make, megabytes)) / MB - megabytes) < 0.2 * megabytes


def test_the_peak_is_not_the_sum():
    def one_after_another():
        for _ in range(4):
            hold(floats, 60)

    assert peak_bytes(one_after_another) < 90 * MB


def test_an_error_of_the_call_comes_through():
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: 1 / 0)
    assert peak_bytes(lambda: hold(floats, 60)) > 40 * MB
