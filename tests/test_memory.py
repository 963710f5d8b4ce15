"""The measured peak is what was allocated."""

import numpy as np
import pytest
import tensorflow as tf

from utils.memory import peak_bytes

MB = 10**6


@pytest.mark.parametrize("megabytes", [60, 150])
def test_a_known_allocation_is_seen(megabytes):
    for call in (
        lambda: np.ones(megabytes * MB // 8).sum(),
        lambda: tf.reduce_sum(tf.ones(megabytes * MB // 4)),
    ):
        call()
        for _again in range(2):
            assert abs(peak_bytes(call) / MB - megabytes) < 0.2 * megabytes


def test_the_peak_is_not_the_sum():
    def one_after_another():
        for _ in range(4):
            np.ones(60 * MB // 8).sum()

    assert peak_bytes(one_after_another) < 90 * MB


def test_an_error_of_the_call_comes_through():
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: 1 / 0)
    assert peak_bytes(lambda: np.ones(60 * MB // 8).sum()) > 40 * MB
