"""A program in another process."""

import pytest

from utils import elsewhere
from utils.elsewhere import Elsewhere


def test_program_sees_the_files_of_its_folder_and_nothing_else(tmp_path):
    (tmp_path / "lesson.py").write_text("answer = 42")
    assert Elsewhere("import lesson; print(lesson.answer, 'é')", tmp_path).output() == "42 é"
    assert Elsewhere("print('tmp_path' in globals())", tmp_path).output() == "False"


def test_a_lot_of_output_does_not_stop_it(tmp_path):
    assert len(Elsewhere("print('x' * 1_000_000)", tmp_path).output()) == 1_000_000


def test_output_can_be_asked_for_twice(tmp_path):
    program = Elsewhere("print(1)", tmp_path)
    assert program.output() == program.output() == "1"


@pytest.mark.parametrize(("program", "reason"), [
    ("open('model.keras')", "No such file or directory: 'model.keras'"),
    ("import sys; sys.exit(3)", "exit code 3"),
])  # fmt: skip
def test_failure_is_one_sentence(program, reason, tmp_path):
    with pytest.raises(RuntimeError, match=f"^The other process failed: .*{reason}$"):
        Elsewhere(program, tmp_path).output()


def test_program_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere, "SECONDS", 0.5)
    with pytest.raises(RuntimeError, match=r"no end within 0\.5 s"):
        Elsewhere("import time; time.sleep(60)", tmp_path).output()
