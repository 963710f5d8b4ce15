"""Opens a notebook: imports TensorFlow without its banner, seeds, and says what runs where.

Import this before TensorFlow. The CPU appears as two logical devices, so that training on several devices can be
shown on any machine; operations run on the first one unless they are told otherwise, as they would with one.
"""

import gc
import logging
import os
import platform
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress

RELEASE = "v1.0.0"  # of the course: setup cells look for it here, and `utils.publish` writes it here and there
RUN_ABOVE = "Run all cells above: Run › Run All Above Selected Cell (in Colab: Runtime › Run before)"
SEED = 1
VERIFIED = ((2, 18), (2, 21))  # the oldest and the newest TensorFlow that all tests passed with


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Discard what compiled code writes to file descriptor 2; Python's own errors still come through."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what concerns a learner is raised as an error as well
# The notebooks that are open share a GPU. (tf.config's set_memory_growth has no effect once the CPU is divided.)
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# Where it cannot write at home, Keras would turn to /tmp/.keras, and to whatever settings somebody has left there.
# And what it is told it takes as it is: of "~/keras" it would make a folder named "~" beside the notebook.
os.environ["KERAS_HOME"] = os.path.expanduser(os.environ.get("KERAS_HOME") or os.path.join("~", ".keras"))
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps its cache concerns no learner
# A search for garbage during the import finds none and costs 0.5 s of 2.6; what the import has made stays to the end,
# and a later full search that leaves it out is 0.2 s shorter: together at least 4 % of the 13 s that a notebook takes.
gc.disable()
with _silenced_stderr():
    import tensorflow as tf

    with suppress(RuntimeError):  # somebody used TensorFlow before this: the devices stay as they are
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    tf.constant(0)  # starts the devices, which write to stderr as well

import keras  # noqa: E402  (after the silence)
import numpy as np  # noqa: E402

from utils import data  # noqa: E402

gc.freeze()
gc.enable()
# Newer GPUs multiply with ten bits otherwise, and two ways to the same gradient would differ in the third digit.
tf.config.experimental.enable_tensor_float_32_execution(False)


def start() -> None:
    """Seed Python, NumPy, TensorFlow and Keras, and print one line: versions, device, data source.

    A generator with a state of its own, such as `np.random.default_rng()`, is not seeded. A second line follows where
    the course has not been run with this TensorFlow.

    Raises:
        ValueError: when the environment variable COURSE_DATA is not one of its three values.
        SystemExit: when Keras was imported before, for something else than TensorFlow, or when TensorFlow was told to
            run nothing at once, as its version 1 did.
    """
    mode = data.mode()
    if (backend := keras.backend.backend()) != "tensorflow":
        raise SystemExit(f"Keras runs on {backend} in this kernel already: restart it, and run this cell first.")
    if not tf.executing_eagerly():  # every cell would then print tensors without a number
        raise SystemExit("TensorFlow runs without eager execution in this kernel: restart it, and run this cell first.")
    _forget_settings()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal or a pipe that knows no "·" or "≈" shows a "?" for it
            stream.reconfigure(errors="replace")
    _help_with_errors()
    tf.get_logger().setLevel("WARNING")  # saving a model would otherwise report the folder that it wrote
    tf.keras.utils.set_random_seed(SEED)
    gpus = tf.config.list_physical_devices("GPU")
    device = f"{len(gpus)} GPU" if gpus else f"CPU with {os.cpu_count()} cores"
    oldest, newest = (".".join(map(str, version)) for version in VERIFIED)
    print(
        f"Python {platform.python_version()} · TensorFlow {tf.__version__} (verified: {oldest} to {newest})"
        f" · Keras {keras.__version__} · NumPy {np.__version__} · {device} · data: {mode}"
    )
    version = tuple(int(number) for number in re.findall(r"\d+", tf.__version__)[:2])
    if not VERIFIED[0] <= version <= VERIFIED[1]:
        print("The course has not been run with this TensorFlow: a number may differ from the text here.")


def _forget_settings() -> None:
    """Set what changes numbers without a word back to its default: ~/.keras/keras.json or a cell may have set it."""
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    tf.config.run_functions_eagerly(False)


def _help_with_errors() -> None:
    """Let an interrupt show the reader's lines alone, not 200 of TensorFlow's, and an unknown name its usual cause."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or shell.custom_exceptions:  # no notebook, or a place with a way of its own
        return

    def show(shell, kind, problem, traceback, tb_offset=None):
        if kind is KeyboardInterrupt:
            problem.__suppress_context__ = True
            traceback, tb_offset = _lines_of(shell.user_ns, traceback), 0
        lines = shell.InteractiveTB.structured_traceback(kind, problem, traceback, tb_offset=tb_offset)
        if kind is NameError:
            lines = [*lines, f"Is it defined in a section above? {RUN_ABOVE}."]
        shell._showtraceback(kind, problem, lines)

    shell.set_custom_exc((KeyboardInterrupt, NameError), show)


def _lines_of(names: dict, traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return the part of a traceback that lies in code with these global names."""
    if traceback is None:
        return None
    rest = _lines_of(names, traceback.tb_next)
    if traceback.tb_frame.f_globals is not names:
        return rest
    return types.TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
