"""The setup cell finds the course or fetches it, and says in one sentence what is wrong when it cannot."""

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import nbclient
import nbformat
import pytest

from tests.notebooks import NOTEBOOKS, ROOT, published, setup_cell
from tests.release import release, run_alone
from utils import session

SETUP = setup_cell()
SEARCH = SETUP.partition("\ntry:\n    from utils")[0]  # all before the imports
NO_GIT = {"COURSE_URL": "file:///anywhere", "PATH": ""}


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
    done = run(SEARCH, alone, COURSE_URL=released.as_uri())
    assert done.returncode == 0, done.stderr


def test_garbage_is_collected_again_once_everything_is_imported():
    assert gc.isenabled() and gc.get_freeze_count() > 100_000


def test_with_a_gpu_numbers_keep_all_their_digits_and_other_notebooks_their_memory():
    assert not session.tf.config.experimental.tensor_float_32_execution_enabled()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


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
        (NO_GIT, "Check network, address, git, and that this folder can be written: [Errno 2]"),
        ({"COURSE_URL": ""}, "This notebook is alone"),
    ],
    ids=["unpublished", "wrong address", "no network", "no git", "empty address"],
)
def test_a_failed_fetch_says_why_and_leaves_nothing(alone, environment, said):
    slug, _ = published()
    source = SETUP.replace(f'github.com/{slug}"', 'github.com/OWNER/REPO"')
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


@pytest.mark.skipif(os.name == "nt", reason="stands a shell script in for git")
def test_two_notebooks_that_fetch_at_the_same_time(alone, tmp_path):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    copy = f'for target; do :; done\nmkdir "$target" course; cp -r {ROOT}/utils "$target"; cp -r {ROOT}/utils course\n'
    git.write_text(f"#!/bin/sh\n{copy}")
    git.chmod(0o755)
    path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
    done = run(f"{SEARCH}\nprint(sys.path[0])", alone, COURSE_URL="file:///anywhere", PATH=path)
    assert done.stdout.strip() == str(alone / "course"), done.stderr
    assert [p.name for p in alone.iterdir()] == ["course"]


def sentence(done):
    """Return the one line that a program said instead of running."""
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_the_release_that_a_setup_cell_looks_for_is_the_one_beside_it():
    assert published()[1] == session.RELEASE


@pytest.mark.parametrize(
    "content",
    [{"mine.txt": "keep"}, {}, {"utils/session.py": 'RELEASE = "v0.9.0"\n'}, {"utils/session.py": ""}, None],
    ids=["other files", "nothing", "an older release", "an empty file", "a file of that name"],
)
def test_what_is_called_course_and_is_not_this_one_is_named_and_left_alone(released, alone, content):
    place = alone / "course"
    if content is None:
        place.write_text("keep", encoding="utf-8")
    else:
        place.mkdir()
        for name, text in content.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text, encoding="utf-8")
    before = sorted(alone.rglob("*"))
    for _ in range(2):
        said = sentence(run(SETUP, alone, COURSE_URL=released.as_uri()))
        assert said == f"The folder {place} is not the course {session.RELEASE}: rename or remove it."
    assert sorted(alone.rglob("*")) == before


def test_an_older_course_in_a_parent_folder_is_not_used(released, alone):
    for text in ('RELEASE = "v0.9.0"\n', "no release, as before there was one", "\xff"):
        older = alone / "utils" / "session.py"
        older.parent.mkdir(exist_ok=True)
        older.write_bytes(f"{text}\nraise SystemExit('the older one')".encode("latin-1"))
        (alone / "notebooks").mkdir(exist_ok=True)
        done = run(f"{SEARCH}\nprint(sys.path[0])", alone / "notebooks", COURSE_URL=released.as_uri())
        assert done.stdout.strip() == str(alone / "notebooks" / "course"), done.stderr


def test_an_address_of_something_else_leaves_nothing_that_blocks_a_retry(released, alone, tmp_path):
    other = release(tmp_path / "other", utils=False)
    said = sentence(run(SETUP, alone, COURSE_URL=other.as_uri()))
    assert said == f"{other.as_uri()} is not the course {session.RELEASE}: set COURSE_URL to its address."
    assert list(alone.iterdir()) == []
    assert run(SEARCH, alone, COURSE_URL=released.as_uri()).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="folders are closed by other means there")
def test_alone_in_a_folder_that_cannot_be_written(released, alone):
    deny = (
        "import tempfile\ndef deny(*_, **__): raise PermissionError(13, 'Permission denied')\ntempfile.mkdtemp = deny\n"
    )
    said = sentence(run(deny + SETUP, alone, COURSE_URL=released.as_uri()))
    assert "that this folder can be written: [Errno 13] Permission denied" in said


@pytest.fixture
def course(tmp_path):
    """A copy of the helpers, to damage."""
    shutil.copytree(ROOT / "utils", tmp_path / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


AGAIN = """
import sys, traceback
setup, folder = sys.argv[1:]
setup = open(setup, encoding="utf-8").read()

def said():
    for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
        del sys.modules[name]
    try:
        exec(setup, {})
    except SystemExit as end:
        return str(end)
    except BaseException:
        return traceback.format_exc()
    return "nothing"
"""


def run_again(source, course, tmp_path):
    """Run `source`, in which said() runs the setup cell anew and gives its sentence: TensorFlow is imported once."""
    setup = tmp_path / "setup.txt"
    setup.write_text(SETUP, encoding="utf-8")
    program = tmp_path / "again.py"
    program.write_text(AGAIN + source, encoding="utf-8")
    command = [sys.executable, str(program), str(setup), str(course)]
    done = subprocess.run(command, cwd=course, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_wrong_kernel_is_named(course, tmp_path):
    """What is missing may be a whole package, or the part of one that an interrupted pip left out."""
    source = """
for name in ("tensorflow", "numpy", "keras", "matplotlib", "IPython"):
    kept, sys.modules[name] = sys.modules.get(name), None
    print(said())
    if kept:
        sys.modules[name] = kept
    else:
        del sys.modules[name]
    if name == "tensorflow":
        class Half:
            def find_spec(self, name, path=None, target=None):
                if name == "tensorflow":
                    raise ModuleNotFoundError("No module named 'tensorflow.core'", name="tensorflow.core")
        sys.meta_path.insert(0, Half())
        print(said())
        del sys.meta_path[0]
"""
    lines = [line for line in run_again(source, course, tmp_path) if not line.startswith("Python 3")]
    for name, line in zip(
        ("tensorflow", "tensorflow.core", "numpy", "keras", "matplotlib", "IPython"), lines, strict=True
    ):
        assert line.startswith("ModuleNotFoundError: ") and name in line, line
        assert f"This kernel is {sys.executable}: use `make lab`" in line and "Kernel › Change Kernel" in line
        assert "damaged" not in line


def test_a_missing_or_damaged_file_is_named(course, tmp_path):
    source = f"""
import pathlib
def write(path, text):  # of another length than before, so that no compiled file of the same second serves
    path.write_text(text, encoding="utf-8")

sys.dont_write_bytecode = True
for file, content in (
    ("session.py", None), ("session.py", 'RELEASE = "{session.RELEASE}"'), ("data/__init__.py", None),
    ("data/__init__.py", ""), ("data/loaders.py", None), ("data/loaders.py", ""), ("checks/engine.py", "def exercise("),
    ("checks/engine.py", ""), ("trust.py", None), ("trust.py", ""),
    ("plotting/__init__.py", ""), ("plotting/course.mplstyle", ""), ("plotting/course.mplstyle", None),
    ("checks/__init__.py", "x = 1/"),
):
    path = pathlib.Path(folder, "utils", file)
    kept = path.read_text(encoding="utf-8")
    path.unlink()
    if content is not None:
        write(path, content)
    print(said())
    write(path, kept)
print(said())
"""
    first, *lines, last = run_again(source, course, tmp_path)
    assert "This notebook is alone" in first, "without a release it is no course"
    assert last == "nothing" and len([line for line in lines if not line.startswith("Python 3")]) == 13
    for line in lines[:-1]:
        assert f"A file in {course} is missing or damaged: get that folder anew, and restart the kernel." in line, line
        assert "make lab" not in line


def test_another_utils_that_is_loaded_already_is_named(course):
    """Python keeps the first `utils` of a kernel; some hosts bring one."""
    other = course / "other" / "utils.py"
    other.parent.mkdir()
    other.write_text("")
    said = sentence(run(f"import sys\nsys.path.insert(0, {str(other.parent)!r})\nimport utils\n{SETUP}", course))
    assert str(other) in said and "restart the kernel" in said


def test_a_wrong_word_in_the_environment_is_an_error_of_its_own():
    done = run(SETUP, ROOT, COURSE_DATA="offlin")
    assert "ValueError: COURSE_DATA must be auto, real or offline, not 'offlin'" in done.stderr
    for odd in ("abc", "0"):
        done = run("import utils.checks.watchdog", ROOT, COURSE_PATIENCE=odd)
        assert f"ValueError: COURSE_PATIENCE must be a number of seconds above 0, not '{odd}'" in done.stderr


@pytest.mark.parametrize("version", ["3.dev1", "2.22.0-dev20270101", "2.21", "3", "2.21.0rc1"])
def test_any_version_can_be_read(version, capsys, monkeypatch):
    monkeypatch.setattr(session.tf, "__version__", version)
    session.start()
    assert ("has not been run" in capsys.readouterr().out) == ("2.21" not in version)


def test_a_stream_that_knows_few_letters_shows_a_question_mark(tmp_path):
    """A program in a plain locale, or one whose output goes into a file on Windows."""
    program = tmp_path / "program.py"
    program.write_text(f"{SETUP}\nprint('accuracy ≈ 0.9')", encoding="utf-8")
    plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, str(program)], cwd=ROOT, env=plain, capture_output=True, timeout=120)
    assert done.returncode == 0 and b"accuracy ? 0.9" in done.stdout, done.stderr


def test_a_home_that_cannot_be_written_is_not_talked_about(tmp_path, monkeypatch):
    (tmp_path / "home").write_text("A file where the folder should be stops even an administrator.")
    places = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    catch = "import io, sys\nsys.stderr = io.StringIO()  # as in a notebook, where it is more than a file descriptor\n"
    source = f"{catch}{SETUP}\nimport matplotlib.pyplot\nprint(sys.stderr.getvalue(), os.environ['KERAS_HOME'])"
    monkeypatch.delenv("KERAS_HOME")
    done = run(source, ROOT, **dict.fromkeys(places, str(tmp_path / "home")))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.splitlines()[1:] == [f" {tmp_path / 'home' / '.keras'}"], "Keras keeps away from /tmp/.keras"


OTHER_SETTINGS = '{"backend": "jax", "floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first"}'
SETTINGS = """
config = tf.keras.config
print(config.backend(), config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy().name)
"""


def test_keras_is_set_as_the_course_needs_it_whatever_the_machine_says(tmp_path):
    (tmp_path / "keras.json").write_text(OTHER_SETTINGS, encoding="utf-8")
    other = {"KERAS_BACKEND": "torch", "TF_USE_LEGACY_KERAS": "1", "KERAS_HOME": str(tmp_path)}
    limits = {"KERAS_NNX_ENABLED": "1", "KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}
    after = "print(os.environ.keys() & {'KERAS_MAX_EPOCHS', 'KERAS_MAX_STEPS_PER_EPOCH'})"
    done = run(f"{SETUP}{SETTINGS}{after}", ROOT, **other, **limits)
    assert done.stdout.splitlines()[1:] == ["tensorflow float32 1e-07 channels_last float32", "set()"], done.stderr
    assert (tmp_path / "keras.json").read_text(encoding="utf-8") == OTHER_SETTINGS, "the file stays as it was"


def test_what_a_cell_has_set_is_forgotten_by_the_setup_cell(capsys):
    session.keras.config.set_dtype_policy("mixed_float16")
    session.tf.config.run_functions_eagerly(True)
    session.start()
    assert session.keras.config.dtype_policy().name == "float32" and not session.tf.config.functions_run_eagerly()


def test_a_kernel_whose_keras_runs_on_something_else_is_named(monkeypatch):
    monkeypatch.setattr(session.keras.backend, "backend", lambda: "jax")
    with pytest.raises(SystemExit, match="Keras runs on jax in this kernel already: restart it"):
        session.start()


def test_a_kernel_that_runs_nothing_at_once_is_named():
    with session.tf.Graph().as_default(), pytest.raises(SystemExit, match="without eager execution in this kernel:"):
        session.start()


def test_a_home_of_keras_that_begins_with_a_tilde_is_at_home(tmp_path):
    homes = dict.fromkeys(("HOME", "USERPROFILE"), str(tmp_path)) | {"KERAS_HOME": "~/k"}
    done = run("from utils import session\nprint(session.os.environ['KERAS_HOME'])", ROOT, **homes)
    assert os.path.normpath(done.stdout.strip()) == str(tmp_path / "k") and not (ROOT / "~").exists(), done.stderr


def test_a_file_of_the_reader_s_that_hides_a_package_is_named(alone, course):
    for name, file in (("tensorflow", "tensorflow.py"), ("PIL", "PIL.py"), ("keras", "keras/__init__.py")):
        hides = course / "notebooks" / file
        hides.parent.mkdir(exist_ok=True, parents=True)
        hides.write_text("mine = 1", encoding="utf-8")
        said = sentence(run(SETUP, course / "notebooks"))
        assert said == f"{hides} hides the package {name}: give it another name, restart the kernel."
        hides.unlink()


def test_a_style_of_the_reader_s_does_not_change_the_figures(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.grid: True\n", encoding="utf-8")
    source = "from utils import plotting\nimport matplotlib\nprint(*map(matplotlib.rcParams.get, {}))"
    done = run(source.format(["text.usetex", "axes.grid", "font.size"]), ROOT, MATPLOTLIBRC=str(tmp_path))
    assert done.stdout == "False False 10.0\n", done.stderr


def errors_of(*cells):
    """Run cells in a kernel after the setup cell; return the name and the text of the error of each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, *cells)])
    client = nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}, allow_errors=True)
    client.execute()
    for cell in notebook.cells[1:]:
        said = next((output for output in cell.outputs if output.output_type == "error"), None)
        yield (said.ename, re.sub(r"\x1b\[[\d;]*m", "", "\n".join(said.traceback))) if said else ("", "")


def test_errors_in_a_notebook():
    """An interrupt shows the cell's lines alone, not the 99 to 210 of the libraries; an unknown name gets a hint."""
    fit = "model = tf.keras.Sequential([tf.keras.layers.Dense(1)])\nmodel.compile(loss='mse')\n"
    stop = "stop = tf.keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_, **__: interrupt())\n"
    _, *interrupts, unknown, local, other = errors_of(
        "def interrupt():\n    raise KeyboardInterrupt",
        f"{fit}{stop}model.fit(tf.ones((4, 1)), tf.ones((4, 1)), verbose=0, callbacks=[stop])",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    interrupt()",
        "np.apply_along_axis(lambda row: interrupt(), 0, np.ones((1, 1)))",
        "print(defined_above)",
        "def forgets():\n    print(late)\n    late = 1\nforgets()",
        "np.linalg.inv(np.zeros((2, 2)))",
    )
    for name, text in interrupts:
        assert name == "KeyboardInterrupt" and "interrupt()" in text, text
        assert len(text.splitlines()) < 30 and "site-packages" not in text and "During handling" not in text, text
    assert unknown[0] == "NameError" and unknown[1].endswith(f"Is it defined in a section above? {session.RUN_ABOVE}.")
    assert "-> 1 print(defined_above)" in unknown[1] and "run_code" not in unknown[1]
    assert local[0] == "UnboundLocalError" and "section above" not in local[1]
    assert other[0] == "LinAlgError" and "site-packages" in other[1], "other errors are shown as ever"


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


@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ("2.17.9", 2),
        ("2.18.0", 1),
        ("2.18.1", 1),
        ("2.19.0", 1),
        ("2.21.9", 1),
        ("2.21.0-rc1", 1),
        ("2.22.0", 2),
        ("3.0.0", 2),
    ],
)
def test_the_verified_versions_go_from_the_oldest_to_the_newest_and_include_both(version, lines, capsys, monkeypatch):
    monkeypatch.setattr(session, "VERIFIED", ((2, 18), (2, 21)))
    monkeypatch.setattr(session.tf, "__version__", version)
    session.start()
    said = capsys.readouterr().out.splitlines()
    assert len(said) == lines and f"TensorFlow {version} (verified: 2.18 to 2.21)" in said[0]
