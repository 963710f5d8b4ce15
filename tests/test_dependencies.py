"""What is imported is required, what is required is pinned, and promised versions are the same everywhere."""

import ast
import importlib.metadata
import json
import re
import sys

import pytest

from tests.notebooks import ROOT
from utils.session import VERIFIED

NOT_PACKAGES = {"sitecustomize", "tests", "utils"}
COMMANDS = {"jupyter", "nbval", "ruff"}  # run, not imported
PYTHONS = ["3.11", "3.12", "3.13"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def normal(name):
    """Spell the name of a package as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(file="requirements.txt"):
    return {normal(name) for name in re.findall(r"^([A-Za-z][\w.-]*)>=", read(file), re.MULTILINE)}


def imported_packages():
    """Return the packages that any file of the course imports, but for those of Python itself."""
    files = [ROOT / "conftest.py", *(ROOT / "utils").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    modules = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.add(node.module.partition(".")[0])
    distributions = importlib.metadata.packages_distributions()
    return {normal(distributions[name][0]) for name in modules - sys.stdlib_module_names - NOT_PACKAGES}


def test_what_is_imported_is_required():
    assert imported_packages() | COMMANDS == required()


@pytest.mark.parametrize("file", ["requirements.txt", "docs/requirements.txt"])
def test_what_is_required_is_pinned_and_explained(file):
    pinned = {normal(name) for name in re.findall(r"^([\w.-]+)==", read("constraints.txt"), re.MULTILINE)}
    assert required(file) and required(file) <= pinned
    assert len(re.findall(r"^\w.*>=.*  # \w", read(file), re.MULTILINE)) == len(required(file))
    assert re.search(r"^-c (\.\./)?constraints\.txt$", read(file), re.MULTILINE)


def test_a_learner_installs_nothing_of_the_book():
    assert not required() & {"sphinx", "myst-nb", "sphinx-book-theme", "selenium"}


def versions(pattern, text):
    """Return what `pattern` finds in `text` as pairs of numbers, each once, in order."""
    return sorted({tuple(map(int, found.split("."))) for found in re.findall(pattern, text)})


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("Makefile", r"\b3\.\d+-(2\.\d+)-3\.\d+"),
        (".github/workflows/test.yml", r'tensorflow: "(2\.\d+)"'),
    ],
)
def test_every_verified_tensorflow_is_tested(file, pattern):
    """`session.VERIFIED` says which TensorFlows were seen to pass: what runs them runs each, and no other."""
    (major, oldest), (_, newest) = VERIFIED
    assert versions(pattern, read(file)) == [(major, minor) for minor in range(oldest, newest + 1)]


def test_every_verified_tensorflow_may_be_installed_and_no_other():
    (low, high) = re.search(r"^tensorflow>=([\d.]+),<([\d.]+) ", read("requirements.txt"), re.MULTILINE).groups()
    (major, oldest), (_, newest) = VERIFIED
    assert (low, high) == (f"{major}.{oldest}", f"{major}.{newest + 1}")


def test_each_tensorflow_is_tested_with_the_same_keras():
    by_make = set(re.findall(r"\b3\.\d+-(2\.\d+)-(3\.\d+)", read("Makefile")))
    by_workflow = set(re.findall(r'tensorflow: "(2\.\d+)", keras: "(3\.\d+)"', read(".github/workflows/test.yml")))
    assert by_make == by_workflow


def test_the_pythons_are_the_same_everywhere():
    readme = re.search(r"You need Python (.*?), on Linux", read("README.md"))[1]
    assert re.findall(r"3\.\d+", readme) == PYTHONS
    lowest, highest = re.search(r"\((3, \d+)\) <= sys\.version_info\[:2\] <= \((3, \d+)\)", read("Makefile")).groups()
    assert [lowest.replace(", ", "."), highest.replace(", ", ".")] == [PYTHONS[0], PYTHONS[-1]]
    for listed in re.findall(r"^ +python: (\[.*\])$", read(".github/workflows/test.yml"), re.MULTILINE):
        assert json.loads(listed) == PYTHONS
    assert f'target-version = "py{PYTHONS[0].replace(".", "")}"' in read("pyproject.toml")
    assert f"--python-version {PYTHONS[0]} " in read("Makefile")
