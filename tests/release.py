"""A release of the course as the setup cells fetch it, and notebooks that are alone with their setup cell.

    python -m tests.release [notebooks/01*.ipynb ...]

runs notebooks as Colab does. `make colab` does that in an environment with the versions that Colab ships.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import environment
from tests.notebooks import NOTEBOOKS, ROOT, SANITIZER, published


def release(folder: Path, utils: bool = True) -> Path:
    """Make a repository of two commits with the helpers, and the tag that setup cells fetch; return its folder."""
    folder.mkdir()
    if utils:
        shutil.copytree(ROOT / "utils", folder / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "README.md").touch()
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "init.defaultBranch=main"]
    start, commit = ["commit", "--allow-empty", "-m", "start"], ["commit", "-m", "release"]
    for arguments in (["init"], start, ["add", "."], commit, ["tag", published()[1]]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)
    return folder


def run_alone(path: Path, repository: Path, folder: Path) -> str:
    """Run a notebook in `folder`, which holds nothing else, where `google.colab` exists; compare its outputs.

    Returns:
        What is wrong, or "" when every output is the saved one, the course was fetched and nothing was installed.
    """
    shutil.copy(path, folder)
    variables = {**os.environ, **environment.VARIABLES, "COURSE_URL": repository.as_uri()}
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests" / "colab"), environment.NO_NETWORK])
    options = ["--nbval", f"--nbval-sanitize-with={SANITIZER}", "--nbval-cell-timeout=120"]
    options += ["-q", "-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider"]
    before = installed()
    command = [sys.executable, "-m", "pytest", *options, path.name]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stdout[-5000:] + done.stderr
    left = {path.name for path in folder.iterdir()} - {path.name, "__pycache__"}
    if left != {"course"}:
        return f"The folder holds {sorted(left)}, not the course alone."
    return "" if installed() == before else "The notebook changed what is installed."


def installed() -> list[tuple[str, str]]:
    """Return the names and versions of all installed packages."""
    return sorted((package.name, package.version) for package in importlib.metadata.distributions())


def main() -> None:
    """Run the chosen notebooks, or all, and say which passed."""
    faults = 0
    with tempfile.TemporaryDirectory() as scratch:
        repository = release(Path(scratch, "repository"))
        for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
            folder = Path(scratch, path.stem)
            folder.mkdir()
            fault = run_alone(path, repository, folder)
            faults += bool(fault)
            print(path.name, fault or "passed", flush=True)
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
