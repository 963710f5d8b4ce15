"""A number after ≈ may vary, and nothing else may: what nbval notices, and what it lets pass."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks import ROOT, SANITIZER, sanitized

SOURCE = 'accuracy = 0.884\nprint(f"accuracy ≈ {accuracy:.3f} of 12 pictures")\nassert accuracy > 0.87'


@pytest.mark.parametrize("number", ["0.884", "1,230", "12,345.6", "-3.2e-05", "−7", "+4E+10", "   9"])
def test_a_number_is_one_word_and_what_stands_around_it_is_left_alone(number):
    assert sanitized(f"mean ≈ {number} km, then 3.") == "mean ≈ NUMBER km, then 3."
    assert sanitized(f"≈ {number}, 5 and ≈ {number}.") == "≈ NUMBER, 5 and ≈ NUMBER."
    assert sanitized(f"≈ {number}%") == "≈ NUMBER%"


@pytest.mark.parametrize("text", ["≈ nan", "≈ inf", "≈ five", "about 0.5", "0.5 ≈", "= 0.884", "~ 3"])
def test_anything_else_is_compared_to_the_letter(text):
    assert sanitized(text) == text


def test_what_nbval_notices(tmp_path):
    right = [SOURCE, SOURCE.replace("0.884", "0.889")]
    wrong = [
        SOURCE.replace("0.884", "0.86"),  # the claim behind the ≈ is wrong
        SOURCE.replace("12", "13"),  # an exact number
        SOURCE.replace("pictures", "digits"),  # a word
        SOURCE.replace("≈ ", ""),
    ]
    said = new_output("stream", name="stdout", text="accuracy ≈ 0.884 of 12 pictures\n")
    cells = [new_code_cell(source, outputs=[said], execution_count=1) for source in right + wrong]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebook.ipynb")
    options = [
        "--nbval",
        f"--nbval-sanitize-with={SANITIZER}",
        "-c",
        os.devnull,
        "--rootdir=.",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",  # where it is installed, it would run the cells in another order
    ]
    command = [sys.executable, "-m", "pytest", *options, "notebook.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert re.findall(r"^FAILED notebook\.ipynb::Cell (\d)", done.stdout, re.MULTILINE) == ["2", "3", "4", "5"], (
        done.stdout
    )


def test_the_readmes_command_uses_the_rule():
    assert f"--nbval-sanitize-with={SANITIZER.relative_to(ROOT).as_posix()}" in (ROOT / "pyproject.toml").read_text()
