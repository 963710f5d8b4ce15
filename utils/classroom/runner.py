"""Has answers judged, each in a process of its own, as many at a time as there are cores.

On Linux one warm process imports TensorFlow, and all others are forked from it (multiprocessing's forkserver): an
answer then costs half a second. On Windows, which cannot fork, and on a Mac, whose libraries may not survive it, each
process imports TensorFlow anew.
"""

import json
import multiprocessing
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from utils.classroom.judge import BEGUN, RAISED, judge

SECONDS = 40.0  # that an answer may take
START = 300.0  # seconds that its process may take before: TensorFlow is imported, perhaps on a busy machine
LONGEST = 100_000  # bytes of a verdict
TIMED_OUT = "timed out"
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # what a container may use of its machine: microseconds of so many
CANNOT_START = (
    "No answer can be judged: the process that would do so ended, or was not ready in time. What was judged before is "
    "kept. Look whether this ends without an error, and whether memory is left:"
)
OUTCOMES = {"correct", "not yet", "not attempted yet", RAISED}


@dataclass(frozen=True)
class Job:
    """An answer: the source of its cell, and the name of its check."""

    check: str
    source: str


@dataclass
class _Running:
    job: Job
    word: str
    process: multiprocessing.Process
    scratch: tempfile.TemporaryDirectory
    deadline: float
    begun: bool = False


def judged(
    jobs: Iterable[Job], hidden: Iterable[Path], seconds: float = SECONDS, at_once: int | None = None
) -> Iterator[tuple[Job, str, str]]:
    """Yield each job with its outcome and message, in the order in which they come.

    Args:
        jobs: the answers.
        hidden: folders that no answer must read.
        seconds: that an answer may take.
        at_once: how many are judged at the same time; by default as many as there are cores for this process, and 60
            at most, since Windows cannot wait for more.

    Raises:
        ValueError: when a process ends, or does not get ready, before it has seen its answer.
    """
    waiting, running, hidden = list(jobs)[::-1], {}, list(hidden)
    at_once = at_once or min(_cores(), 60)
    context = _context()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                pipe, one = _start(context, waiting.pop(), hidden, seconds)
                running[pipe] = one
            ready = wait(running, timeout=max(0, min(one.deadline for one in running.values()) - time.monotonic()))
            late = [pipe for pipe, one in running.items() if time.monotonic() > one.deadline and pipe not in ready]
            begun = [pipe for pipe in ready if _begins(pipe, running[pipe], seconds)]
            for pipe in [*(pipe for pipe in ready if pipe not in begun), *late]:
                one = running.pop(pipe)
                said = _read(pipe, one.word) if pipe in ready else (TIMED_OUT, f"No end within {seconds:g} s.")
                _end(pipe, one)
                if not one.begun:  # nothing of this is the answer's doing
                    raise ValueError(f"{CANNOT_START} {sys.executable} -c 'import tensorflow'")
                yield one.job, *said
    finally:
        for pipe, one in running.items():
            _end(pipe, one)


def _cores() -> int:
    """Return how many cores this process may use: of a large machine, it may have been given a few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = map(int, QUOTA.read_text().split())
        cores = min(cores, max(1, quota // period))
    return cores


def _context():
    """Return how processes are made here: forked from a warm one, or each from the start."""
    os.environ.setdefault("COURSE_PATIENCE", "20")  # seconds of a check: several share the cores
    os.environ["MPLBACKEND"] = "Agg"  # a figure in an answer opens no window that would wait to be closed
    if sys.platform == "darwin" or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["utils.classroom.warm"])
    return context


def _start(context, job: Job, hidden: list[Path], seconds: float) -> tuple[Connection, _Running]:
    ours, theirs = context.Pipe(duplex=False)
    scratch, word = tempfile.TemporaryDirectory(prefix="answer-", ignore_cleanup_errors=True), secrets.token_hex()
    details = (job.source, job.check, word, os.path.realpath(scratch.name), hidden, seconds, theirs)
    process = context.Process(target=judge, args=details, daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is seen here
    return ours, _Running(job, word, process, scratch, time.monotonic() + START)


def _begins(pipe: Connection, one: _Running, seconds: float) -> bool:
    """Tell whether what came says that the process is ready; the time of the answer counts from then on."""
    if one.begun:
        return False
    with suppress(EOFError, OSError):
        one.begun = pipe.recv_bytes(LONGEST) == BEGUN
        one.deadline = time.monotonic() + seconds
    return one.begun


def _read(pipe: Connection, word: str) -> tuple[str, str]:
    """Return outcome and message, if they carry the word; it is text, so nothing of it is run here."""
    try:
        said = json.loads(pipe.recv_bytes(LONGEST))
        if said["word"] == word and said["outcome"] in OUTCOMES:
            late = said["message"].startswith("No answer within")
            return (TIMED_OUT if late else said["outcome"]), str(said["message"])
    except (EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return RAISED, "The answer ended its process before the check could say anything."


def _end(pipe: Connection, one: _Running) -> None:
    """End a process and everything that it has started, and remove what it wrote."""
    with suppress(OSError, AttributeError):
        os.killpg(one.process.pid, signal.SIGKILL)
    with suppress(OSError):
        one.process.kill()
    one.process.join(10)
    with suppress(OSError):
        pipe.close()
    one.scratch.cleanup()
