"""Notebooks in JupyterLab, in a real browser. `make browser-test` gets what this needs.

Skipped where Selenium is not installed or no Chrome or Chromium is found.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from tests import chromium
from tests.notebooks import NOTEBOOKS, ROOT, anchor, exercises, read
from tests.symptoms import own_rows

pytestmark = chromium.needed

CELLS = "document.querySelectorAll('.jp-Notebook .jp-Cell')"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the course; yields the address of its notebooks and its token."""
    folder = tmp_path_factory.mktemp("lab")
    for part in ("docs", "notebooks", "utils"):
        shutil.copytree(ROOT / part, folder / "course" / part, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    places = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "RUNTIME")}
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"windowingMode": "none"}')  # all cells are there at once, also those far below
    places["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    variables = {**os.environ, **places, "COURSE_LIVE": "on"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=folder / "course", env=variables, stdout=log, stderr=log)
    try:
        said = wait(lambda: next((folder / "runtime").glob("jpserver-*.json"), None), 60)
        server_info = json.loads(wait(said.read_text, 10))
        yield server_info["url"] + "lab/tree/notebooks/", server_info["token"]
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def browser(tmp_path):
    driver = chromium.start(tmp_path / "profile")
    yield driver
    driver.quit()


def wait(ask, seconds):
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"no answer within {seconds} s"
        time.sleep(0.3)
    return answer


def open_notebook(browser, lab, path):
    """Open a notebook and wait until its kernel is idle and all its cells are there."""
    url, token = lab
    browser.get(f"{url}{path.name}?reset&token={token}")
    ready = f"""
        const panel = window.jupyterapp?.shell.currentWidget;
        return panel?.sessionContext?.session?.kernel?.status == 'idle' && {CELLS}.length"""
    count = len(read(path).cells)
    wait(lambda: browser.execute_script(ready) == count, 60)


def run(browser, command):
    """Run a command of JupyterLab to its end."""
    browser.execute_async_script(
        "window.jupyterapp.commands.execute(arguments[0]).then(arguments[arguments.length - 1])", command
    )


def choose(browser, at):
    browser.execute_script("window.jupyterapp.shell.currentWidget.content.activeCellIndex = arguments[0]", at)


def type_into(browser, at, source):
    """Replace the text of a cell as a keyboard would, and run it; return what stands below it then."""
    choose(browser, at)
    run(browser, "notebook:enter-edit-mode")
    browser.execute_script(f"{CELLS}[arguments[0]].querySelector('.cm-content').focus()", at)
    for kind in ("rawKeyDown", "keyUp"):
        select_all = {"modifiers": 2, "key": "a", "code": "KeyA", "windowsVirtualKeyCode": 65}
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "commands": ["selectAll"], **select_all})
    browser.execute_cdp_cmd("Input.insertText", {"text": source})
    run(browser, "notebook:run-cell")
    return browser.execute_script(f"return {CELLS}[arguments[0]].querySelector('.jp-OutputArea').innerText", at)


def test_an_exercise_is_answered_in_four_ways(browser, lab):
    path = NOTEBOOKS[0]
    cells = read(path).cells
    open_notebook(browser, lab, path)
    choose(browser, next(i for i, cell in enumerate(cells) if "session.start()" in cell.source))
    run(browser, "notebook:run-cell")
    exercise = exercises(path)[0]
    at = next(i for i, cell in enumerate(cells) if cell.source == exercise.stub)
    right = exercise.solution
    answers = {
        "not attempted yet": exercise.stub,
        "not yet": right.replace("return tape", "return 2 * tape"),
        "your code raised": right.replace("tf.float32", "tf.int32"),
        "correct": right,
    }
    for verdict, answer in answers.items():
        assert verdict in type_into(browser, at, answer).lower()


@pytest.mark.parametrize("path", [NOTEBOOKS[0], NOTEBOOKS[5]], ids=lambda path: path.stem)
def test_a_whole_notebook_runs_and_looks_as_it_should(browser, lab, path):
    cells = read(path).cells
    open_notebook(browser, lab, path)
    run(browser, "notebook:run-all-cells")
    shown = browser.execute_script(f"""
        return [...{CELLS}].map(cell => ({{
            pictures: cell.querySelectorAll('.jp-OutputArea img').length,
            errors: cell.querySelectorAll('[data-mime-type="application/vnd.jupyter.stderr"]').length,
            folded: [...cell.querySelectorAll('details')].filter(details => !details.open).length,
        }}))""")
    for cell, now in zip(cells, shown, strict=True):
        pictures = sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        assert now["pictures"] == pictures, cell.source
        words_or_solutions = pictures if cell.cell_type == "code" else cell.source.count("<details>")
        assert now["folded"] == words_or_solutions, cell.source
        assert now["errors"] == 0, cell.source


def test_a_link_of_the_symptoms_leads_to_its_section(browser, lab):
    """A click opens the notebook, and a second one leads on: JupyterLab finds headings only in what is open."""
    url, token = lab
    browser.get(f"{url.removesuffix('tree/notebooks/')}?reset&token={token}")
    wait(lambda: browser.execute_script("return !!window.jupyterapp"), 60)
    browser.execute_script("""
        const app = window.jupyterapp, page = {path: 'docs/symptoms.md', factory: 'Markdown Preview'};
        app.restored.then(() => app.commands.execute('docmanager:open', page))""")
    section = next(section for row in own_rows("elsewhere") for section in row.sections)
    link = f"document.querySelector('.jp-MarkdownViewer a[href*=\"{anchor(section.heading)}\"]')"
    wait(lambda: browser.execute_script(f"return {link}"), 60)
    browser.execute_script(f"{link}.click()")
    panel = "window.jupyterapp.shell.currentWidget"
    heading = f"""[...{panel}.node.querySelectorAll('.jp-Notebook :is(h2, h3)')].find(
        heading => heading.textContent.replace('¶', '') == arguments[0])"""
    name = section.heading.replace("`", "")
    wait(lambda: browser.execute_script(f"return {heading}", name), 60)
    assert browser.execute_script(f"return {panel}.context.path") == f"notebooks/{section.notebook.name}"
    browser.execute_script(f"{link}.click()")
    seen = f"const top = {heading}.getBoundingClientRect().top; return 0 < top && top < innerHeight"
    wait(lambda: browser.execute_script(seen, name), 30)
