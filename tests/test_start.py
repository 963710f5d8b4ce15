"""The ways of starting: `make lab` wherever people are, an environment that is never half made, the dev container."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.notebooks import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="make, and shell scripts")

# Stands in for Python: makes an environment of copies of itself, and notes what it is asked to install.
PYTHON = """#!/bin/sh
test -z "$PYTHONHOME" || exit 1
case "$*" in
*_base_executable*) cat "${0%/*}/base" 2>/dev/null || echo "$0" ;;
"-c "*) test "$1" = -c -a -z "$OLD" ;;
"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "$0" > "$3/bin/base" ;;
"-m pip install -r "*)
    test "$PIP_USER" = 0 -a -z "$PIP_TARGET$PIP_PREFIX$PIP_ROOT$PIP_PYTHON" || exit 1
    if test -n "$SLOW"; then touch .venv/half; exec sleep 60; fi
    echo "$*" >> asked; echo "Collecting tensorflow" ;;
"-m jupyterlab "*) echo "$* $PYTHONPATH $JUPYTER_PATH" > asked ;;
esac
"""


@pytest.fixture
def course(tmp_path):
    """A folder with the Makefile, and stand-ins for Python and for `id`, which tells who the user is."""
    (tmp_path / "docs").mkdir()
    for name in ("Makefile", "requirements.txt", "constraints.txt", "docs/requirements.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name, script in {"python": PYTHON, "id": '#!/bin/sh\necho "$USER_ID"\n'}.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    return tmp_path


def start(course, *arguments, **variables):
    """Start make in a process group of its own, as a terminal would."""
    path = f"{course / 'bin'}{os.pathsep}{os.environ['PATH']}"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    return subprocess.Popen(
        ["make", f"PYTHON={course / 'bin' / 'python'}", *arguments],
        cwd=course,
        env={**outside, "PATH": path, "USER_ID": "1000", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores interrupts
    )


def make(course, *arguments, **variables):
    process = start(course, *arguments, **variables)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def asked(course):
    return (course / "asked").read_text()


def test_the_first_command_makes_an_environment_and_opens_jupyterlab(course):
    code, said = make(course, "lab")
    assert code == 0 and "Collecting tensorflow" in said, "pip shows what it does"
    assert "open the http address" in said
    assert asked(course).split()[:2] == ["-m", "jupyterlab"], "by no script, which would name the folder it was made in"
    assert "--ip=127.0.0.1" in asked(course)
    assert (course / ".venv" / "ready").exists()
    _, said = make(course, "lab")
    assert "Collecting" not in said, "a second time nothing is installed"


def test_the_book_gets_an_environment_of_its_own(course):
    assert make(course, ".venv-book/ready")[0] == 0
    assert asked(course).split() == ["-m", "pip", "install", "-r", "docs/requirements.txt"]
    assert not (course / ".venv").exists()


@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False), ("1001", False)])
def test_root_alone_is_allowed_to_be_root(course, user, allowed):
    assert make(course, "lab", USER_ID=user)[0] == 0
    assert ("--allow-root" in asked(course)) == allowed


def test_a_pip_that_is_told_to_install_for_the_user_installs_here(course):
    """As on many a cluster, where it would refuse to, and the network would be blamed."""
    assert make(course, "lab", PIP_USER="1")[0] == 0


@pytest.mark.parametrize("name", ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"])
def test_a_pip_that_is_told_of_another_place_installs_here(name, course):
    """It would install there, and what was made would pass for ready."""
    assert make(course, "lab", **{name: "/another/place"})[0] == 0


@pytest.mark.parametrize("name", ["PYTHONPATH", "JUPYTER_PATH"])
def test_packages_and_kernels_of_another_python_do_not_come_first(name, course):
    assert make(course, "lab", **{name: "/of/another/python"})[0] == 0
    assert "/of/another/python" not in asked(course)


def test_a_home_of_another_python_does_not_make_the_environment_anew(course):
    for again in ("", "Collecting"):
        code, said = make(course, "lab", PYTHONHOME="/of/another/python")
        assert code == 0 and ("Collecting" in said) == (not again)


def test_jupyterlab_opens_this_folder_whatever_its_settings_name(course):
    assert make(course, "lab")[0] == 0
    assert "--ServerApp.root_dir=. " in asked(course)


def test_an_environment_that_is_active_is_made_anew_by_the_python_under_it(course):
    """Its own Python goes with it, and the next one on the path may be too old."""
    assert make(course, "lab")[0] == 0
    os.utime(course / ".venv" / "ready", (0, 0))
    code, said = make(course, "lab", "PYTHON=.venv/bin/python")
    assert code == 0 and "Collecting tensorflow" in said, said


def test_files_that_a_clock_ahead_of_time_wrote_do_not_make_the_environment_anew(course):
    for name in ("constraints.txt", "requirements.txt"):
        os.utime(course / name, (time.time() + 9999,) * 2)
    assert make(course, "lab")[0] == 0
    code, said = make(course, "lab")
    assert code == 0 and "Collecting" not in said


def test_an_interrupted_installation_is_begun_anew(course):
    process = start(course, "lab", SLOW="yes")
    until = time.monotonic() + 30
    while not (course / ".venv" / "half").exists():
        assert time.monotonic() < until, "pip did not start"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0 and not (course / ".venv" / "ready").exists()
    assert make(course, "lab")[0] == 0
    assert (course / ".venv" / "ready").exists() and not (course / ".venv" / "half").exists()


def test_a_new_python_where_the_old_one_has_gone(course):
    assert make(course, "lab")[0] == 0
    (course / ".venv" / "bin" / "python").unlink()
    (course / ".venv" / "bin" / "python").symlink_to("/no/such/python3.12")
    code, said = make(course, "lab")
    assert code == 0 and "Collecting tensorflow" in said


def test_a_course_that_was_moved_opens_as_before(course, tmp_path_factory):
    assert make(course, "lab")[0] == 0
    moved = tmp_path_factory.mktemp("moved") / "my course"
    shutil.copytree(course, moved)
    code, said = make(moved, "lab")
    assert code == 0 and "Collecting" not in said


def test_another_python_is_refused_in_a_sentence_before_anything_is_made(course):
    before = sorted(path.name for path in course.iterdir())
    asked_for = ((["lab"], {"OLD": "yes"}), (["lab", "PYTHON=/no/such/python"], {}), (["test", "PYTHON=3.10"], {}))
    for arguments, variables in asked_for:
        code, said = make(course, *arguments, **variables)
        first, *rest = said.splitlines()
        needed = r"Python 3\.11, 3\.12 or 3\.13 is needed, and (/.*python|3\.10) is none of them\."
        assert code != 0 and re.match(needed, first)
        assert len(rest) == 1 and "Error 1" in rest[0]
        assert sorted(path.name for path in course.iterdir()) == before


def test_what_make_asks_of_python_is_its_version():
    """Python 3.10 and 3.14 are refused."""
    source = re.search(r"^SUPPORTED := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    codes = {}
    for minor in range(9, 16):
        pretended = source.replace("import sys; ", "").replace("sys.version_info[:2]", f"(3, {minor})")
        with pytest.raises(SystemExit) as end:
            exec(pretended, {"sys": __import__("sys")})
        codes[minor] = not end.value.code
    assert [minor for minor, accepted in codes.items() if accepted] == [11, 12, 13]


def test_the_dev_container_makes_the_environment_that_it_then_uses():
    settings = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"python:3\.1[123]", settings["image"])
    command, target = settings["postCreateCommand"].split()
    rules = re.findall(r"^([\w./-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert command == "make" and target in rules
    editor = settings["customizations"]["vscode"]
    assert {"ms-python.python", "ms-toolsai.jupyter"} <= set(editor["extensions"])
    assert editor["settings"]["python.defaultInterpreterPath"] == "${containerWorkspaceFolder}/.venv/bin/python"
    for name in settings["customizations"]["codespaces"]["openFiles"]:
        assert (ROOT / name).is_file(), name
