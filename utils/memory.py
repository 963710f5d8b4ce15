"""How much memory a call needs while it runs: the highest point, not what is left at the end.

On a GPU, TensorFlow keeps that number itself. On a CPU nobody does, so a thread looks at the process every millisecond.
"""

import ctypes
import gc
import threading
from collections.abc import Callable
from contextlib import suppress

import psutil
import tensorflow as tf

INTERVAL = 0.001  # seconds between two looks


def peak_bytes(call: Callable[[], object]) -> int:
    """Return the greatest number of bytes in use during `call()`, above what was in use before it.

    On a CPU this is memory of the whole process. It is exact to a few MB, so let `call` need tens of MB at least, for
    tens of milliseconds, and call it once beforehand, that nothing is compiled or loaded while it is measured.
    """
    gc.collect()
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.reset_memory_stats("GPU:0")
        before = tf.config.experimental.get_memory_info("GPU:0")["current"]
        call()
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] - before
    _give_memory_back_at_once(True)
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
        _give_memory_back_at_once(False)
    return max([before, *seen]) - before


def _give_memory_back_at_once(now: bool) -> None:
    """Let Linux see what is taken and freed: by default its C library keeps freed memory, to hand it out again unseen.

    While `now`, blocks of 256 KB and more come from the system and go back to it; afterward, only those of 32 MB and
    more (mallopt(3), M_MMAP_THRESHOLD). Where there is no such library, nothing happens.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(-3, 1 << 18 if now else 1 << 25)
        library.malloc_trim(0)
