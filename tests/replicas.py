"""Two devices of the CPU as two replicas, for tests of what runs on several."""

import pytest
import tensorflow as tf

from utils import session  # noqa: F401  (makes two devices of the CPU, unless TensorFlow has started)


def two_replicas() -> tf.distribute.MirroredStrategy:
    """Return a new strategy over two devices of the CPU; skip the test where TensorFlow started with one.

    Strategies of one process share the keys of their collective operations, and a second one may wait forever or crash.
    Reducing to one device needs no keys.
    """
    if len(tf.config.list_logical_devices("CPU")) < 2:
        pytest.skip("TensorFlow started with one device of the CPU")
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
