"""How much memory a call needs while it runs: the highest point, not what is left at the end.

TensorFlow keeps that number itself, on GPUs and on most CPUs. Where it does not, as on Macs, a thread looks at the
process every millisecond.
"""

import gc
import threading
from collections.abc import Callable

import psutil
import tensorflow as tf

INTERVAL = 0.001  # seconds between two looks


def peak_bytes(call: Callable[[], object]) -> int:
    """Return the greatest number of bytes in use during `call()`, above what was in use before it.

    Where TensorFlow counts, that is what its allocator hands out on the first device, in blocks that may be larger than
    what is asked of them. Elsewhere it is memory of the whole process, exact to a few MB, and memory that was used once
    and kept does not show again: let `call` need tens of MB at least, for tens of milliseconds, and measure small calls
    before large ones.
    """
    gc.collect()
    device = "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"
    try:
        tf.config.experimental.reset_memory_stats(device)
    except ValueError:  # this device's allocator does not count
        return _peak_of_process(call)
    before = tf.config.experimental.get_memory_info(device)["current"]
    call()
    return tf.config.experimental.get_memory_info(device)["peak"] - before


def _peak_of_process(call: Callable[[], object]) -> int:
    process, done, seen = psutil.Process(), threading.Event(), []

    def look() -> None:
        while not done.wait(INTERVAL):
            seen.append(process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return max([before, *seen]) - before
