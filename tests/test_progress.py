"""The progress file: what it keeps, whatever is done to it and whoever writes at the same time."""

import contextlib
import errno
import json
import os
import subprocess
import sys
import time
import tracemalloc
from types import SimpleNamespace

import pytest

from tests.notebooks import ROOT
from utils import checks
from utils.checks import engine, progress_file
from utils.checks.verdict import CORRECT, RAISED


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    monkeypatch.setitem(engine.REGISTRY, "0.1", progress_file.Listed("Double"))  # and forget this exercise afterward
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress_file, "_told", set())
    return tmp_path / "progress.json"


def judge(answer):
    @engine.exercise("0.1", "Double", why="Two is more than one.")
    def double(answer):
        engine.expect(answer(2), 4, on="double(2)")

    return double(answer)


def right(x):
    return 2 * x


def outcomes():
    return progress_file.load()[0]


def test_progress_is_remembered_and_shown(path):
    judge(lambda x: x / 0)
    assert outcomes() == {"0.1": RAISED}
    judge(right)
    assert json.loads(path.read_text(encoding="utf-8")) == {"0.1": CORRECT}, "the rest of the longer text is cut off"
    table = checks.progress()
    assert ("0.1", "Double", CORRECT) in table.rows
    assert repr(table).startswith("1 of ") and "Double" in table._repr_html_() and "cannot" not in repr(table)
    assert os.listdir(path.parent) == [path.name], "no other file is left"


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", "~/mine.json")
    judge(right)
    assert json.loads((tmp_path / "mine.json").read_text(encoding="utf-8")) == {"0.1": CORRECT}


def test_a_working_folder_that_is_changed_moves_no_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", "mine.json")
    monkeypatch.chdir(tmp_path)
    assert progress_file.path().absolute() == ROOT / "mine.json"


def test_what_other_exercises_and_other_releases_wrote_is_kept(path):
    path.write_text(json.dumps({"1.1": CORRECT, "99.9": "a word of tomorrow"}), encoding="utf-8")
    judge(right)
    assert outcomes() == {"0.1": CORRECT, "1.1": CORRECT, "99.9": "a word of tomorrow"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_that_an_editor_saved_in_another_encoding_is_read(path, encoding):
    path.write_text(json.dumps({"1.1": CORRECT}), encoding=encoding)
    assert ("1.1", CORRECT) in [(number, outcome) for number, _, outcome in checks.progress().rows]
    assert judge(right).message == "Two is more than one."
    assert json.loads(path.read_text(encoding="utf-8")) == {"0.1": CORRECT, "1.1": CORRECT}


@pytest.mark.parametrize(
    "content", ["", " \n", '{"0.1": 7}', '{"0.1": [7]}', '{"0.1": {}, "x": 1}', "{}", '{"1": null}']
)
def test_what_says_nothing_is_no_fault(path, content):
    path.write_text(content, encoding="utf-8")
    assert checks.progress().solved == 0 and "cannot be read" not in repr(checks.progress())
    assert judge(right).message == "Two is more than one."
    assert outcomes() == {"0.1": CORRECT}


DEEP = '{"0.1": ' + "[" * 900 + "]" * 900 + "}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no JSON"),
        ("[1]", "no list of exercises"),
        ("\x00\xff", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"0.1": ' + "1" * 9_999 + "}", "no JSON"),
        ("x" * 1_000_000, "no JSON"),
        ("x" * 1_000_001, "more than 1,000,000 bytes"),
    ],
    ids=["half", "list", "binary", "deep", "a long number", "as large as may be", "too large"],
)
def test_a_spoiled_file_is_said_once_set_aside_and_loses_only_itself(path, content, reason):
    path.write_text(content, encoding="utf-8")
    assert checks.progress().solved == 0 and f"{path} cannot be read: it" in repr(checks.progress())
    assert reason in repr(checks.progress()) and "cannot be read" in checks.progress()._repr_html_()
    first, second = judge(right), judge(right)
    assert first.outcome == second.outcome == CORRECT
    why, trouble = first.message.splitlines()
    assert trouble.startswith(f"Your progress begins anew: {path} could not be read (it") and reason in trouble
    assert second.message == why
    assert json.loads(path.read_text(encoding="utf-8")) == {"0.1": CORRECT}
    assert path.with_name("progress.json.unreadable").read_text(encoding="utf-8") == content


def test_values_nested_as_deeply_as_python_reads_them(path):
    path.write_text(DEEP, encoding="utf-8")
    assert checks.progress().solved == 0 and judge(right).outcome == CORRECT
    assert outcomes() == {"0.1": CORRECT}


def test_a_very_large_file_is_not_read_whole(path):
    with path.open("wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    try:
        checks.progress()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["folder", "missing folder", "pipe"])
def test_a_place_that_cannot_be_written_is_said_once(path, kind, monkeypatch):
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("pipes have no names here")
        os.mkfifo(path)
    else:
        monkeypatch.setenv("COURSE_PROGRESS", str(path.parent / "missing" / "progress.json"))
    before = os.listdir(path.parent)
    first, second = judge(right), judge(right)
    assert first.outcome == second.outcome == CORRECT
    assert "\nYour progress is not kept: " in first.message and "COURSE_PROGRESS names another." in first.message
    assert "\n" not in second.message
    assert os.listdir(path.parent) == before
    assert checks.progress().solved == 0 and ("cannot be read" in repr(checks.progress())) == (kind != "missing folder")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_the_system_denies_is_said_and_nothing_is_lost(path, code, monkeypatch):
    path.write_text(json.dumps({"1.1": CORRECT}), encoding="utf-8")

    def deny(*_, **__):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(progress_file.json, "dumps", deny)
        assert f"cannot be written ({os.strerror(code)})" in judge(right).message
    assert outcomes() == {"1.1": CORRECT}


def test_a_spoiled_file_that_cannot_be_set_aside_stays_as_it_is(path, monkeypatch):
    path.write_text("{", encoding="utf-8")

    def deny(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(progress_file.shutil, "copyfile", deny)
    assert "Your progress is not kept" in judge(right).message
    assert path.read_text(encoding="utf-8") == "{"


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_stays_a_link(path):
    real = path.with_name("elsewhere.json")
    path.symlink_to(real)
    for _ in range(2):
        judge(right)
        assert path.is_symlink() and json.loads(real.read_text(encoding="utf-8")) == {"0.1": CORRECT}


def test_a_kernel_that_ended_before_it_cut_off_the_rest_has_spoiled_nothing(path):
    path.write_text(json.dumps({"1.1": CORRECT}) + ': "correct"}', encoding="utf-8")
    judge(right)
    assert json.loads(path.read_text(encoding="utf-8")) == {"0.1": CORRECT, "1.1": CORRECT}


WRITER = """
import sys, types
sys.modules["tensorflow"] = types.ModuleType("tensorflow")  # what is written needs none
package = types.ModuleType("utils.checks")
package.__path__ = ["utils/checks"]
sys.modules["utils.checks"] = package
from utils.checks import progress_file
print("ready", flush=True)
sys.stdin.readline()
for i in range(100):
    assert progress_file.remember(f"{sys.argv[1]}.{i}", "correct") == ""
"""


def test_kernels_that_write_at_the_same_time_lose_nothing(path):
    command = [sys.executable, "-c", WRITER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([*command, str(n)], cwd=ROOT, **pipes) for n in range(3)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    for writer in writers:
        writer.stdin.close()
        writer.stdout.close()
    assert outcomes() == {f"{n}.{i}": CORRECT for n in range(3) for i in range(100)}


def test_a_lock_that_is_never_let_go_costs_two_seconds_and_no_outcome(path, monkeypatch):
    def busy(*_):
        raise BlockingIOError(errno.EAGAIN, "busy")

    monkeypatch.setattr(progress_file, "PATIENCE", 0.2)
    monkeypatch.setattr(progress_file, "fcntl", SimpleNamespace(flock=busy, LOCK_EX=2, LOCK_NB=4))
    start = time.monotonic()
    judge(right)
    assert outcomes() == {"0.1": CORRECT} and 0.2 < time.monotonic() - start < 2


def test_where_files_cannot_be_locked_they_are_written(path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(progress_file, "fcntl", SimpleNamespace(flock=unsupported, LOCK_EX=2, LOCK_NB=4))
    start = time.monotonic()
    judge(right)
    assert outcomes() == {"0.1": CORRECT} and time.monotonic() - start < 1


def test_on_windows_a_byte_behind_the_end_is_locked_and_let_go(path, monkeypatch):
    """There a locked byte can be read by nobody else, and a lock must be taken off where it was put on."""
    calls = []

    class Msvcrt:
        LK_NBLCK, LK_UNLCK = "lock", "unlock"

        @staticmethod
        def locking(descriptor, what, count):
            calls.append((what, os.lseek(descriptor, 0, os.SEEK_CUR), count))
            if len(calls) == 1:
                raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(progress_file, "fcntl", None)
    monkeypatch.setattr(progress_file, "msvcrt", Msvcrt, raising=False)
    judge(right)
    assert calls == [("lock", 2**30, 1), ("lock", 2**30, 1), ("unlock", 2**30, 1)]
    assert outcomes() == {"0.1": CORRECT}


def test_a_file_that_was_set_aside_earlier_stays(path):
    for content in ("{first", "{second"):
        path.write_text(content, encoding="utf-8")
        assert f"is kept as {path}.unreadable" in judge(right).message
        progress_file._told.clear()
    kept = [path.with_name(f"progress.json.unreadable{count}").read_text(encoding="utf-8") for count in ("", "1")]
    assert kept == ["{first", "{second"]


def test_a_disk_that_takes_only_a_part_loses_nothing_and_is_told(path, monkeypatch):
    path.write_text(json.dumps({"1.1": CORRECT}), encoding="utf-8")
    opened = progress_file._opened

    class Full:
        """A file that cannot grow."""

        def __init__(self, file):
            self.file, self.room = file, os.fstat(file.fileno()).st_size

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, text):
            return self.file.write(text[: self.room])

    @contextlib.contextmanager
    def opened_on_a_full_disk(writing=False):
        with opened(writing) as file:
            yield Full(file)

    monkeypatch.setattr(progress_file, "_opened", opened_on_a_full_disk)
    monkeypatch.setattr(progress_file, "_lock", lambda file: file.seek(0))
    assert "cannot be written (No space left on device)" in judge(right).message
    assert json.loads(path.read_text(encoding="utf-8")) == {"1.1": CORRECT}
