"""What holds wherever notebooks run for tests: data drawn by code, no network, nothing of the user's touched."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_scratch = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)  # gone when the tests end
SCRATCH = Path(_scratch.name)
NO_NETWORK = str(Path(__file__).parent / "no_network")  # its sitecustomize is imported by every Python that starts

VARIABLES = {
    "COURSE_DATA": "offline",
    "COURSE_LIVE": "off",
    "COURSE_PROGRESS": str(SCRATCH / "progress.json"),
    "KERAS_HOME": str(SCRATCH / "keras"),  # a data set that the machine has cached would hide a forgotten download
    "PYTHONPATH": os.pathsep.join(filter(None, [NO_NETWORK, os.environ.get("PYTHONPATH")])),
}


def run_python(source: str, *arguments: str, cwd: Path | None = None, seconds: float = 180) -> str:
    """Run a program in a process of its own and return what it printed; where it fails, show the end of its errors."""
    command = [sys.executable, "-c", source, *arguments]
    environment = {**os.environ, **VARIABLES}
    run = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout
