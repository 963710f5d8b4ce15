"""A program in another process."""

import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tests.notebooks import ROOT
from utils import fresh_process
from utils.fresh_process import FreshProcess


@pytest.fixture
def other(monkeypatch):
    """A process that imports nothing ahead, and so starts at once."""
    monkeypatch.setattr(fresh_process, "AHEAD", "")
    return FreshProcess()


def test_program_sees_the_files_of_its_folder_and_nothing_else(other, tmp_path):
    (tmp_path / "lesson.py").write_text("answer = 42")
    other.run("import lesson; print(lesson.answer, open('lesson.py').name, 'é')", tmp_path)
    assert other.output() == "42 lesson.py é"
    other.run("print('tmp_path' in globals(), 'order' in globals())", tmp_path)
    assert other.output() == "False False"


@pytest.mark.parametrize("letters", ["ascii", "latin-1"])
def test_letters_come_back_whatever_python_is_told_to_write(letters, tmp_path, monkeypatch):
    monkeypatch.setattr(fresh_process, "AHEAD", "")
    monkeypatch.setenv("PYTHONIOENCODING", letters)
    other = FreshProcess()
    other.run("print('é ≈ 1')", tmp_path)
    assert other.output() == "é ≈ 1"


def test_letters_that_are_no_utf_8_do_not_hide_what_was_said(other, tmp_path):
    other.run("import os; os.write(1, b'caf\\xe9'); os.write(2, b'caf\\xe9')", tmp_path)
    assert other.output() == "caf\ufffd"


def test_a_file_beside_the_notebook_does_not_hide_a_package(tmp_path, monkeypatch):
    monkeypatch.setattr(fresh_process, "AHEAD", "import tempfile")
    for name in ("json", "random"):  # what the process imports, and what a package that it imports does
        (tmp_path / f"{name}.py").write_text("mine = 1", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    other = FreshProcess()
    other.run("print('there')", tmp_path / "folder")
    assert other.output() == "there"


def test_tensorflow_is_there_before_the_program_is(tmp_path):
    assert "import tensorflow" in fresh_process.AHEAD
    other = FreshProcess()
    other.run("import sys; print('tensorflow' in sys.modules)", tmp_path)
    assert other.output() == "True"


def test_it_has_no_gpu_which_the_notebook_holds(other, tmp_path):
    other.run("import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", tmp_path)
    assert other.output() == "-1"


def test_a_lot_of_text_does_not_stop_it(other, tmp_path):
    other.run(f"print(len({'x' * 1_000_000!r}) * 'y')", tmp_path)
    assert len(other.output()) == 1_000_000


def test_output_can_be_asked_for_twice_and_programs_run_again(other, tmp_path):
    for number in (1, 2):
        other.run(f"print({number})", tmp_path)
        assert other.output() == other.output() == str(number)


def test_a_process_that_gets_no_program_ends_with_its_parent():
    source = "from utils import fresh_process as f; f.AHEAD = ''; print(f.FreshProcess()._waiting.pid)"
    parent = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, check=True)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(parent.stdout)).wait(timeout=10)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX signal")
def test_a_running_program_ends_with_its_parent(tmp_path):
    """Also when the parent is killed and can tell nobody."""
    source = f"""
import time
from utils import fresh_process as f
f.AHEAD = ''
process = f.FreshProcess()
print(process._waiting.pid, flush=True)
process.run("open('started', 'w'); import time; time.sleep(60)", {str(tmp_path)!r})
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        until = time.monotonic() + 30
        while not (tmp_path / "started").exists():
            assert time.monotonic() < until, "the program did not start"
            time.sleep(0.05)
        parent.kill()
    child.wait(timeout=10)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX signal")
def test_an_interrupt_of_the_parent_and_its_group_does_not_reach_it(tmp_path):
    source = f"""
import os, signal
from utils import fresh_process as f
f.AHEAD = ''
process = f.FreshProcess()
process.run("import time; time.sleep(1); print('to the end')", {str(tmp_path)!r})
signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))
os.killpg(0, signal.SIGINT)
print(process.output())
"""
    command = [sys.executable, "-c", source]
    parent = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, start_new_session=True, timeout=60)
    assert parent.stdout.splitlines() == ["interrupted", "to the end"], parent.stderr


def test_a_process_that_has_ended_while_it_waited_is_replaced(other, tmp_path):
    other._waiting.kill()
    other._waiting.wait(30)
    other.run("print('there')", tmp_path)
    assert other.output() == "there"


@pytest.mark.skipif(os.name == "nt", reason="a POSIX signal")
def test_an_interrupt_while_one_waits_for_the_output_loses_nothing(tmp_path):
    """As Jupyter sends it: to the whole group."""
    source = f"""
import os, signal, threading
from utils import fresh_process as f
f.AHEAD = ''
signal.signal(signal.SIGINT, signal.default_int_handler)
process = f.FreshProcess()
process.run("import time; time.sleep(1.5); print('to the end')", {str(tmp_path)!r})
threading.Timer(0.5, os.killpg, (0, signal.SIGINT)).start()
try:
    process.output()
except KeyboardInterrupt:
    print('interrupted')
print(process.output())
"""
    command = [sys.executable, "-c", source]
    parent = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, start_new_session=True, timeout=60)
    assert parent.stdout.splitlines() == ["interrupted", "to the end"], parent.stderr


def test_on_windows_it_is_a_group_of_its_own(monkeypatch):
    """There an interrupt goes to the console's group, and there are no sessions."""
    options = {}
    monkeypatch.setattr(fresh_process.os, "name", "nt")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **given: options.update(given))
    fresh_process._start()
    assert options["creationflags"] == 512 and "start_new_session" not in options


def test_without_a_program_there_is_no_output(other):
    with pytest.raises(RuntimeError, match=r"no program yet: call run"):
        other.output()


@pytest.mark.parametrize(("program", "reason"), [
    ("open('model.keras')", "No such file or directory: 'model.keras'"),
    ("import sys; sys.exit(3)", "exit code 3"),
    ("import sys; sys.exit(1)", "exit code 1"),
    ("import sys; sys.exit('no rows')", "no rows"),
    ("raise ValueError('three\\nlines\\n  as of Keras')", "ValueError: three"),
    ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('second')", "ValueError: second"),
    ("import atexit, sys; atexit.register(sys.stderr.write, 'bye'); 1 / 0", "ZeroDivisionError: division by zero"),
])  # fmt: skip
def test_failure_is_one_sentence_whatever_tensorflow_has_logged(other, program, reason, tmp_path):
    log = "I0000 00:00:1795805978.785913   30526 cudart_stub.cc:31] Could not find cuda drivers on your machine"
    other.run(f"import sys; print({log!r}, file=sys.stderr, flush=True)\n{program}", tmp_path)
    with pytest.raises(RuntimeError, match=f"^The other process failed: .*{reason}$") as failure:
        other.output()
    assert "cuda" not in str(failure.value)


def test_program_without_end_is_stopped(other, tmp_path, monkeypatch):
    monkeypatch.setattr(fresh_process, "SECONDS", 0.5)
    other.run("import time; time.sleep(60)", tmp_path)
    with pytest.raises(RuntimeError, match=r"no end within 0\.5 s"):
        other.output()
