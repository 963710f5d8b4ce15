"""The measured peak is what was allocated."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from utils import memory
from utils.memory import peak_bytes

MB = 10**6


def hold(megabytes):
    """Keep memory for as long as a training step would: what is gone within a millisecond is not seen."""
    kept = tf.ones(megabytes * MB // 4)
    time.sleep(0.1)
    return kept[0]


@pytest.mark.parametrize("megabytes", [60, 150])
def test_a_known_allocation_is_seen_each_time(megabytes):
    for _again in range(3):
        assert 0.95 * megabytes < peak_bytes(lambda: hold(megabytes)) / MB < 2 * megabytes, "in blocks"


def test_the_peak_is_not_the_sum():
    def one_after_another():
        for _ in range(4):
            hold(60)

    assert peak_bytes(one_after_another) < 130 * MB


def test_an_error_of_the_call_comes_through():
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: 1 / 0)
    assert peak_bytes(lambda: hold(60)) > 40 * MB


def test_a_device_that_does_not_count_is_watched(monkeypatch):
    def refuse(device):
        raise ValueError("Allocator stats not available")

    monkeypatch.setattr(tf.config.experimental, "reset_memory_stats", refuse)
    kept = []
    peak = peak_bytes(lambda: (kept.append(np.ones(150 * MB // 8)), time.sleep(0.1)))
    assert abs(peak / MB - 150) < 30
    with pytest.raises(ZeroDivisionError):
        peak_bytes(lambda: 1 / 0)


def test_a_device_that_does_not_count_is_watched_about_once_in_a_millisecond(monkeypatch):
    looks = []

    def look():
        looks.append(len(looks))
        return SimpleNamespace(rss=looks[-1])

    monkeypatch.setattr(memory.psutil, "Process", lambda: SimpleNamespace(memory_info=look))
    assert memory._peak_of_process(lambda: time.sleep(0.3)) == looks[-1]
    assert len(looks) > 50, "of 300: a busy machine leaves some out"
