"""A Python process of its own, which knows your files and nothing else of your notebook."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

SECONDS = 120  # for a program to end: importing TensorFlow alone can take 15
AHEAD = "import tensorflow"  # what the process does before its program comes
LOGGED = r"[IWEF]\d{4} \d|WARNING: All log messages|To enable the following"  # how a line of TensorFlow's log begins
PROCESS = """
import json, os, sys, threading
{ahead}
folder, program = json.loads(sys.stdin.readline())

def end_with_parent():
    os.read(0, 1)  # nothing comes: this returns when the parent has ended, and with it its end of the pipe
    os._exit(1)

threading.Thread(target=end_with_parent, daemon=True).start()
os.chdir(folder)
sys.path.insert(0, folder)
exec(compile(program, "<program>", "exec"), {{"__name__": "__main__"}})
"""


class FreshProcess:
    """A process that imports TensorFlow as soon as you create it, and runs a program when you have one.

    The import runs beside your cells. Begun when the program comes instead, it adds a fifth or more to a notebook's
    time (two cores: 20 s became 24 s in notebook 8, 17 s became 21 s in notebook 10). It has no GPU: two processes do
    not share one well, and a model that you hand over must do without yours.
    """

    def __init__(self):
        """Start the process."""
        self._waiting, self._ended = _start(), None

    def run(self, program: str, folder: str | os.PathLike) -> None:
        """Run the Python text `program` in `folder`, where it finds files and modules by their bare names.

        It runs while you go on. Each program gets a process of its own: a second one starts later, with a new process.
        """
        process, self._waiting = self._waiting, None
        if process is None or process.poll() is not None:  # used already, or ended while it waited
            process = _start()
        thread = ThreadPoolExecutor(max_workers=1)
        self._ended = thread.submit(_finish, process, json.dumps([os.fspath(folder), program]))
        thread.shutdown(wait=False)

    def output(self) -> str:
        """Wait for the end of the program, and return what it printed.

        Raises:
            RuntimeError: if there is no program, or if it failed or took longer than `SECONDS`.
        """
        if self._ended is None:
            raise RuntimeError("The other process has no program yet: call run(program, folder) first.")
        code, said, complained = self._ended.result()
        if code is None:
            raise RuntimeError(f"The other process was stopped: no end within {SECONDS} s.")
        if code != 0:
            lines = [line for line in complained.strip().splitlines() if not re.match(LOGGED, line)]
            # 1: Python ended with a message, or could
            why = _reason(lines) if lines and code == 1 else f"exit code {code}"
            raise RuntimeError(f"The other process failed: {why}")
        return said.strip()


def _reason(lines: list[str]) -> str:
    """Return the line that names the error: the first after the traceback, which may go on, or the last without one."""
    begins = [i for i, line in enumerate(lines) if line.startswith("Traceback (most recent call last):")]
    after = lines[begins[-1] + 1 :] if begins else []
    return next((line for line in after if not line.startswith(" ")), lines[-1])


def _start() -> subprocess.Popen:
    """Start a process that waits for its order. An interrupt of this one, and of its group, does not reach it.

    With -P it imports nothing from the folder of this one, where a file of yours may have the name of a package.
    """
    text = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}  # the second, where it is set, counts more
    environment = {**os.environ, **text, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {"start_new_session": True}
    command = [sys.executable, "-P", "-c", PROCESS.format(ahead=AHEAD)]
    return subprocess.Popen(command, env=environment, encoding="utf-8", errors="replace", **pipes, **apart)


def _finish(process: subprocess.Popen, order: str) -> tuple[int | None, str, str]:
    """Give a process its order; return its exit code, or None if it had to be stopped, and what it wrote."""
    # The pipe stays open until the process ends, which `communicate` would not let it: so it must not know of it.
    pipe, process.stdin = process.stdin, None
    try:
        with suppress(BrokenPipeError):  # a process that has failed already says why on stderr
            pipe.write(order + "\n")
            pipe.flush()
        said, complained = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "", ""
    finally:
        with suppress(BrokenPipeError):
            pipe.close()
    return process.returncode, said, complained
