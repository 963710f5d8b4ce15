"""A Python process of its own, which knows your files and nothing else of your notebook."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SECONDS = 120  # for a program to end: importing TensorFlow alone can take 15
AHEAD = "import gc; gc.disable(); import tensorflow; gc.enable()"  # what the process does before its program comes
PROCESS = """
import json, os, sys
{ahead}
folder, program = json.load(sys.stdin)
os.chdir(folder)
sys.path[0] = folder
exec(compile(program, "<program>", "exec"), {{"__name__": "__main__"}})
"""


class FreshProcess:
    """A process that imports TensorFlow as soon as you create it, and runs a program when you have one."""

    def __init__(self):
        """Start the process."""
        self._waiting, self._ended = _start(), None

    def run(self, program: str, folder: str | os.PathLike) -> None:
        """Run the Python text `program` in `folder`, where it finds files and modules by their bare names.

        It runs while you go on. Each program gets a process of its own: a second one starts later, with a new process.
        """
        process, self._waiting = self._waiting or _start(), None
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
            complaint = complained.strip().splitlines() or [f"exit code {code}"]
            raise RuntimeError(f"The other process failed: {complaint[-1]}")
        return said.strip()


def _start() -> subprocess.Popen:
    environment = {**os.environ, "PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", PROCESS.format(ahead=AHEAD)]
    return subprocess.Popen(command, env=environment, encoding="utf-8", **pipes)


def _finish(process: subprocess.Popen, order: str) -> tuple[int | None, str, str]:
    """Give a process its order; return its exit code, or None if it had to be stopped, and what it wrote."""
    try:
        said, complained = process.communicate(order, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, "", ""
    return process.returncode, said, complained
