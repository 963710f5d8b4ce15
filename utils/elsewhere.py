"""A Python process of its own, which knows your files and nothing else of your notebook."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SECONDS = 120  # for a program to end: importing TensorFlow alone can take 15


class Elsewhere:
    """A program that runs in another process while you go on here."""

    def __init__(self, program: str, folder: str | os.PathLike):
        """Start the Python text `program` in `folder`, where it finds files and modules by their bare names."""
        environment = {**os.environ, "PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        options = {"cwd": folder, "env": environment, "capture_output": True, "encoding": "utf-8"}
        command = [sys.executable, "-c", program]
        thread = ThreadPoolExecutor(max_workers=1)
        self._ended = thread.submit(subprocess.run, command, timeout=SECONDS, **options)
        thread.shutdown(wait=False)

    def output(self) -> str:
        """Wait for the end of the program, and return what it printed.

        Raises:
            RuntimeError: if the program failed or took longer than `SECONDS`.
        """
        try:
            ended = self._ended.result()
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"The other process was stopped: no end within {SECONDS} s.") from None
        if ended.returncode != 0:
            complaint = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
            raise RuntimeError(f"The other process failed: {complaint[-1]}")
        return ended.stdout.strip()
