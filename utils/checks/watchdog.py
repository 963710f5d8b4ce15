"""Runs the reader's code where it can be given up: in a thread of its own, limited in time and in what it prints.

Threads are used because they work alike on Linux, macOS and Windows. An answer that does not come back for `PATIENCE`
seconds, or up to three times as many on a busy machine, is given up: an exception is raised inside the thread, which
ends Python code, and TensorFlow is told to cancel, which ends a compiled loop. A check may call an answer many times;
each time it comes back, the clock begins anew, for the last time before `TURNS` - 1 times `PATIENCE` are over. A call
that waits inside C code, such as `time.sleep`, cannot be ended: its thread is left behind, silenced, until the call or
the kernel ends. C code that neither ends nor lets other Python code run, such as `sum(itertools.count())`, stops this
clock as well: nothing but a restart of the kernel helps then.

What is different in a thread, and what is done about it:

- Keras keeps its settings (dtype policy, layer names, seeds) for each thread: they are handed over, and back.
- What is printed must land in the cell: context variables are copied, and ipykernel knows the thread's parent.
- TensorFlow and Keras shorten tracebacks: in this thread alone they do not, so that `errors` sees whose code failed.
- Scopes that are open around the check's call (a tape, `tf.device`, `strategy.scope`) and `enable_check_numerics`
  belong to the thread that opened them: an answer is judged without them.

Seeds of TensorFlow and NumPy, traces of `tf.function`, and all other settings belong to the process.
"""

import contextlib
import contextvars
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import tensorflow as tf


def _patience() -> float:
    """Return the seconds that an answer may take: COURSE_PATIENCE, or 9.

    Raises:
        ValueError: when COURSE_PATIENCE is not a number above 0.
    """
    asked = os.environ.get("COURSE_PATIENCE") or "9"
    with contextlib.suppress(ValueError):
        if float(asked) > 0:
            return float(asked)
    raise ValueError(f"COURSE_PATIENCE must be a number of seconds above 0, not {asked!r}: set it to one.")


PATIENCE = _patience()
TURNS = 5  # times PATIENCE is what an answer has that comes back again and again, on a machine that is not busy
SLEEPING = 0.05  # with less of its time than this spent on work, a process waits for something
STOPPING = 0.6  # seconds until code that does not stop is left behind
PRINTED = 5_000  # characters that one call may print
STACK = 64 * 2**20  # bytes: with less, deep recursion ends the kernel on some systems instead of raising
# What Keras keeps while something is going on in a thread. Of a call of a layer that was cut off in the wrong moment it
# stays, and every call after it would be in its training mode.
GOING_ON = {
    "autocast_scope", "current_call_ctx", "in_tf_graph_scope", "name_scope_stack", "remat_scope_stack",
    "stateless_scope", "symbolic_scope", "traceback_filtering",
}  # fmt: skip
CUT = "\n[Your code prints more: the rest is left out.]\n"


class GaveUp(SystemExit):
    """Raised inside a thread to end it; a thread that ends by a SystemExit says nothing."""


class TooLong(Exception):  # noqa: N818  (an outcome, not an error)
    """The call was given up."""

    def __init__(self, seconds: float, frame: FrameType | None, alive: bool):
        """Hold after how many seconds that was, where the call was then, and whether it could not be ended."""
        super().__init__(f"no end within {seconds:g} s")
        self.seconds, self.frame, self.alive = seconds, frame, alive


def run(call: Callable):
    """Return what `call()` returns, or raise what it raises, from a thread of its own.

    Raises:
        TooLong: when it has not ended, nor called `came_back`, for `PATIENCE` seconds.
        KeyboardInterrupt: when the reader interrupts; the thread is ended first.
    """
    job = _Job(call)
    try:
        job.start()
        seconds = job.wait(PATIENCE)
        if job.thread.runs():
            frame = sys._current_frames().get(job.thread.ident)
            job.stop()
            raise TooLong(seconds, frame, job.thread.runs())
    except KeyboardInterrupt:
        job.stop()
        raise
    finally:
        job.close()
    if job.problem is not None:
        raise job.problem
    return job.result


def came_back() -> None:
    """Note in the thread of an answer that it has come back: the clock begins anew."""
    thread = threading.current_thread()
    if isinstance(thread, _Thread):
        thread.came_back = time.monotonic()


class _Thread(threading.Thread):
    """Knows by itself whether it runs.

    Where an interrupt ends a `join`, Python before 3.13 takes the thread for ended, though it runs.
    """

    def __init__(self, **options):
        super().__init__(**options)
        self._end, self.came_back = threading.Event(), 0.0

    def run(self) -> None:
        """Do what the thread is for."""
        try:
            super().run()
        finally:
            self._end.set()

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end, and tell whether it has come."""
        return self._end.wait(seconds)

    def runs(self) -> bool:
        """Tell whether the end is still to come."""
        return not self._end.is_set()


class _Job:
    """One call in its thread, with its gates before sys.stdout and sys.stderr."""

    def __init__(self, call: Callable):
        self.result = self.problem = self.keras_after = None
        self._call, self._keras = call, _keras_settings()
        self._cancellation = _cancellation_manager()
        work = contextvars.copy_context().run
        self.thread = _Thread(target=work, args=(self._work,), name="exercise", daemon=True)
        self._streams = _without_old_gates(sys.stdout), _without_old_gates(sys.stderr)
        self._gates = [_Gate(stream, self.thread) for stream in self._streams]

    def start(self) -> None:
        """Set the gates and start the thread."""
        sys.stdout, sys.stderr = self._gates
        size = threading.stack_size()
        with contextlib.suppress(ValueError, RuntimeError):
            threading.stack_size(STACK)
        try:
            self.thread.start()
        finally:
            threading.stack_size(size)

    def _work(self) -> None:
        try:
            _hand_over(self._keras)
            tf.debugging.disable_traceback_filtering()
            tf.keras.config.disable_traceback_filtering()
            with _cancelled_by(self._cancellation):
                self.result = self._call()
        except BaseException as problem:
            self.problem = problem
        with contextlib.suppress(Exception):  # the answer may have replaced what this is read with
            self.keras_after = _keras_settings()

    def wait(self, seconds: float) -> float:
        """Wait for the thread, three times as long where this process works and gets little of a busy machine.

        In short turns: on Windows a longer wait cannot be interrupted. Where the answer came back in the meantime, the
        wait begins anew, but not for ever. Return the seconds without an answer, or with too many.
        """
        begun = start = time.monotonic()
        worked_before = time.process_time()
        while not self.thread.ends_within(0.05):
            if start < self.thread.came_back < begun + (TURNS - 1) * seconds:
                start, worked_before = time.monotonic(), time.process_time()
            waited, worked = time.monotonic() - start, time.process_time() - worked_before
            starved = SLEEPING * seconds < worked < seconds and waited < 3 * seconds
            if waited > seconds and not starved:
                break
        return round(time.monotonic() - begun, 1) if self.thread.came_back > start else seconds

    def stop(self) -> None:
        """Silence the thread and try to end it; code that catches everything is told again and again."""
        for gate in self._gates:
            gate.close()
        if self._cancellation:
            self._cancellation.start_cancel()
        end = time.monotonic() + STOPPING
        while self.thread.runs() and time.monotonic() < end:
            if self.thread.ident is not None:  # else it is about to start
                ident = ctypes.c_ulong(self.thread.ident)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(GaveUp))
            self.thread.ends_within(0.2)

    def close(self) -> None:
        """Put the streams back, unless the thread is left behind, and take over the settings of Keras."""
        sys.stdout, sys.stderr = self._gates if self.thread.runs() else self._streams
        if self.keras_after:
            _hand_over(self.keras_after)


class _Gate:
    """Stands before a stream: lets pass what one thread prints up to a limit, and what others print as it is."""

    def __init__(self, stream, thread: _Thread):
        self.stream, self.thread, self._room = stream, thread, PRINTED

    def __getattr__(self, name: str):
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write what there is room for."""
        if threading.current_thread() is not self.thread:
            return self.stream.write(text)
        room, self._room = self._room, self._room - len(text)
        if room >= 0:
            self.stream.write(text[:room] + (CUT if room < len(text) else ""))
        return len(text)

    def writelines(self, lines) -> None:
        """Write the lines, as far as there is room for them."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Let nothing more of the thread pass."""
        self._room = -1


def _without_old_gates(stream):
    """Return the stream behind the gates of threads that were left behind and have ended since."""
    while isinstance(stream, _Gate) and not stream.thread.runs():
        stream = stream.stream
    return stream


def _keras_settings() -> dict[str, dict]:
    """Return what Keras keeps for this thread, by the name of each of its thread-local stores."""
    return {name: dict(vars(store)) for name, store in _keras_stores().items()}


def _hand_over(settings: dict[str, dict]) -> None:
    """Let Keras keep `settings` for this thread; what goes on in it, and how it shows tracebacks, stays as it is."""
    for name, store in _keras_stores().items():
        vars(store).update({key: v for key, v in settings.get(name, {}).items() if key not in GOING_ON})


def _keras_stores() -> dict[str, threading.local]:
    try:
        from keras.src.backend.common import global_state
    except ImportError:  # private to Keras: a version without it judges with Keras' defaults
        return {}
    return {name: store for name, store in vars(global_state).items() if isinstance(store, threading.local)}


def _cancellation_manager():
    """Return what cancels a compiled loop of TensorFlow, or None: it is private to TensorFlow."""
    try:
        from tensorflow.python.eager import cancellation
    except ImportError:
        return None
    return cancellation.CancellationManager()


def _cancelled_by(manager):
    if manager is None:
        return contextlib.nullcontext()
    from tensorflow.python.eager import cancellation

    return cancellation.CancellationManagerContext(manager)
