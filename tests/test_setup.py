"""The setup cell finds the course or fetches it, and says in one sentence what is wrong when it cannot."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.notebooks import NOTEBOOKS, ROOT, published, setup_cell
from tests.release import release, run_alone
from utils import session

SETUP = setup_cell()


def run(source, folder, **environment):
    """Run `source` in `folder` in a fresh Python that does not have the course on its path."""
    variables = {k: v for k, v in os.environ.items() if k != "COURSE_URL"} | environment
    command = [sys.executable, "-c", source]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)


@pytest.fixture
def released(tmp_path):
    return release(tmp_path / "released")


@pytest.fixture
def alone(tmp_path):
    folder = tmp_path / "alone"
    folder.mkdir()
    return folder


def test_a_notebook_alone_fetches_the_course_once_and_stays_silent(released, alone):
    done = run(f"{SETUP}\n{SETUP}", alone, COURSE_URL=released.as_uri())
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "TensorFlow's banner came through"
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and "TensorFlow" in lines[0] and "data: offline" in lines[0]
    assert [p.name for p in alone.iterdir()] == ["course"]
    counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=alone / "course", capture_output=True)
    assert int(counted.stdout) == 1, "of two commits, the tag's alone is fetched"
    shutil.rmtree(released)
    assert run(SETUP.partition("from utils")[0], alone, COURSE_URL=released.as_uri()).returncode == 0


def test_an_untried_tensorflow_gets_one_line(capsys, monkeypatch):
    for verified, lines in ((((2, 18), (2, 99)), 1), (((2, 18), (2, 17)), 2)):
        monkeypatch.setattr(session, "VERIFIED", verified)
        session.start()
        said = capsys.readouterr().out.splitlines()
        assert len(said) == lines and f"verified: 2.18 to 2.{verified[1][1]}" in said[0]
    assert "has not been run with this TensorFlow" in said[1]


def test_a_notebook_runs_on_colab(released, alone):
    """The fourth, one of the quickest; `make colab` runs all, with the versions that Colab ships."""
    assert run_alone(NOTEBOOKS[3], released, alone) == ""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "This notebook is alone"),
        ({"COURSE_URL": "file:///no/such/repository"}, "file:///no/such/repository could not be fetched"),
        ({"COURSE_URL": "https://127.0.0.1:9/course"}, "https://127.0.0.1:9/course could not be fetched"),
        ({"COURSE_URL": "file:///anywhere", "PATH": ""}, "Check network, address and git: [Errno 2]"),
    ],
    ids=["unpublished", "wrong address", "no network", "no git"],
)
def test_a_failed_fetch_says_why_and_leaves_nothing(alone, environment, said):
    slug, _ = published()
    source = SETUP.replace(f'github.com/{slug}")', 'github.com/OWNER/REPO")')
    done = run(source, alone, **environment)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1
    assert list(alone.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="stands a shell script in for git, and sends it a POSIX signal")
def test_an_interrupted_fetch_leaves_nothing(alone, tmp_path):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text('#!/bin/sh\nfor target; do :; done\nmkdir "$target"; echo half > "$target/half"; exec sleep 60\n')
    git.chmod(0o755)
    # A shell that starts tests in the background has interrupts ignored, and so would this Python.
    source = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{SETUP}"
    variables = os.environ | {"COURSE_URL": "file:///anywhere", "PATH": f"{git.parent}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen([sys.executable, "-c", source], cwd=alone, env=variables, stderr=subprocess.PIPE)
    wait_until = time.monotonic() + 30
    while not list(alone.glob("*/course/half")):
        assert time.monotonic() < wait_until, "the fetch did not begin"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=30)[1]
    assert list(alone.iterdir()) == []


def test_a_folder_of_that_name_in_the_way_is_reported(released, alone):
    (alone / "course").mkdir()
    (alone / "course" / "mine.txt").write_text("keep", encoding="utf-8")
    done = run(SETUP, alone, COURSE_URL=released.as_uri())
    assert done.returncode == 1 and "could not be fetched" in done.stderr
    assert (alone / "course" / "mine.txt").read_text(encoding="utf-8") == "keep"
    assert [p.name for p in alone.iterdir()] == ["course"]


def test_import_is_quick():
    timed = """
import time
import tensorflow as tf, keras, numpy
start = time.perf_counter()
from utils import checks, data, plotting
print(time.perf_counter() - start)
"""
    done = run(timed, ROOT)
    assert float(done.stdout) < 1.5, "half a second on a free machine; it was too slow even for a busy one"
