"""The book: complete, quick to load, nothing of it in the network, readable on a phone and by a screen reader.

`make book-test` runs this in the environment that builds the book. Where Sphinx is not installed, it is skipped; where
no Chromium is found, or no axe-core, what needs them.
"""

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.notebooks import NOTEBOOKS, ROOT, published, read
from tests.symptoms import resolve
from tests.test_symptoms import QUESTIONS

pytest.importorskip("myst_nb", reason="Sphinx and MyST-NB are not installed: `make book-test` does it")

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TEXTS = ["README", "CONTRIBUTING", "CHANGELOG", *(f"docs/{path.stem}" for path in (ROOT / "docs").glob("*.md"))]
NAMES = [*TEXTS, *(f"notebooks/{path.stem}" for path in NOTEBOOKS)]
MB = 1_000_000


class Page(HTMLParser):
    """What the tests look at on a page."""

    def __init__(self, html):
        super().__init__()
        self.links, self.pictures, self.anchors, self.tags = [], [], set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.anchors.add(attrs.get("id"))
        if tag == "a":
            self.links.append(attrs.get("href", ""))
        if tag == "img":
            self.pictures.append(attrs)

    def count(self, name):
        return sum(tag == name for tag, _ in self.tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The book, built as `make book` builds it: a warning is an error."""
    folder = tmp_path_factory.mktemp("build") / "book"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", "docs", ".", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(folder):
    return {name: Page((folder / f"{name}.html").read_text(encoding="utf-8")) for name in NAMES}


def test_every_file_is_a_page_and_the_readme_is_the_first(folder):
    made = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.html")}
    assert {name for name in made if not name.startswith("_static")} == {*NAMES, "index", "search"}
    assert (folder / "index.html").read_bytes() == (folder / "README.html").read_bytes()


def test_links_lead_somewhere(pages, folder):
    for name, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            if file.startswith(("http://", "https://")):
                continue
            target = (folder / name).parent / file if file else folder / f"{name}.html"
            assert target.resolve().is_file(), f"{name} links to {link}"
            there = pages.get(str(target.resolve().relative_to(folder).with_suffix("")))
            assert not anchor or not there or anchor in there.anchors, f"{name} links to {link}"


def test_each_notebook_can_be_opened_elsewhere(pages):
    slug, tag = published()
    for path in NOTEBOOKS:
        links = pages[f"notebooks/{path.stem}"].links
        assert f"https://colab.research.google.com/github/{slug}/blob/{tag}/notebooks/{path.name}" in links
        assert any(link.startswith(f"https://mybinder.org/v2/gh/{slug}/{tag}") for link in links)


def test_pictures_are_there_and_their_words_once(pages, folder):
    for path in NOTEBOOKS:
        name = f"notebooks/{path.stem}"
        outputs = [output for cell in read(path).cells for output in cell.get("outputs", [])]
        words = [o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
        figures = [picture["alt"] for picture in pages[name].pictures if "_images" in picture["src"]]
        assert figures == words, name
        assert "The figure in words" not in (folder / f"{name}.html").read_text(encoding="utf-8")
    for name, page in pages.items():
        for picture in page.pictures:
            assert picture.get("alt"), name
            assert ((folder / name).parent / picture["src"]).is_file(), name


def test_pages_can_be_read_aloud_and_on_a_phone(pages):
    for name, page in pages.items():
        assert any(tag == "html" and attrs.get("lang") == "en" for tag, attrs in page.tags), name
        assert any(attrs.get("name") == "viewport" for _, attrs in page.tags), name
        assert page.count("main") == 1, name


def test_solutions_and_the_setup_cell_are_folded(pages):
    for path in NOTEBOOKS:
        found = [attrs for tag, attrs in pages[f"notebooks/{path.stem}"].tags if tag == "details"]
        written = sum(cell.source.count("<details>") for cell in read(path).cells if cell.cell_type == "markdown")
        assert written > 0 and "open" not in {name for attrs in found for name in attrs}
        assert sum("hide" in attrs.get("class", "") for attrs in found) == 1, "the setup cell alone"
        assert found.count({}) == written, path.stem


def test_a_page_and_the_book_are_small(pages, folder):
    for name, page in pages.items():
        pictures = {((folder / name).parent / picture["src"]).resolve() for picture in page.pictures}
        size = sum(file.stat().st_size for file in (folder / f"{name}.html", *pictures))
        assert size < 1.5 * MB, f"{name} has {size / MB:.2f} MB"
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 25 * MB


def test_formulas_are_set_without_a_script(pages):
    for path in NOTEBOOKS:
        if any(re.search(r"\$[^$\n]+\$", cell.source) for cell in read(path).cells if cell.cell_type == "markdown"):
            assert pages[f"notebooks/{path.stem}"].count("math") > 0, path.stem


# In a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from tests import chromium

    if not (chromium.BROWSER and chromium.DRIVER):
        pytest.skip(chromium.needed.kwargs["reason"])
    driver = chromium.start(tmp_path_factory.mktemp("browser") / "profile", offline=True)
    yield driver
    driver.quit()


def show(browser, file: Path, width=1280, mode="light"):
    """Open a page of the book at a width, in light or dark colors."""
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    wanted = {"prefers-color-scheme": mode, "prefers-reduced-motion": "reduce"}
    media = {"features": [{"name": name, "value": value} for name, value in wanted.items()]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(file.as_uri())


def requests_of(browser, file: Path):
    """Return the addresses that a page has asked for since the last call, and those of them that failed."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    asked = {one["requestId"]: one["request"]["url"] for one in sent if one["documentURL"] == file.as_uri()}
    failed = [event["params"]["requestId"] for event in events if event["method"] == "Network.loadingFailed"]
    return list(asked.values()), [asked[number] for number in failed if number in asked]


LOOK = """
const unseen = 'pre, code, script, style, math, .MathJax';
const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
const dollars = [];
while (texts.nextNode()) {
  const node = texts.currentNode;
  if (/\\$|\\\\\\(/.test(node.data) && !node.parentElement.closest(unseen)) dollars.push(node.data.trim());
}
document.querySelectorAll('main details').forEach(block => { block.open = true });
return {
  dollars,
  broken: [...document.images].filter(image => !(image.complete && image.naturalWidth)).map(image => image.src),
  formulas: [...document.querySelectorAll('main math')].filter(math => !math.getBoundingClientRect().width).length,
  titles: [...document.querySelectorAll('h1')].filter(title => title.getClientRects().length).length,
  wide: document.documentElement.scrollWidth,
  scrolled: [...document.querySelectorAll('main pre')].filter(box => box.scrollWidth > box.clientWidth + 1)
      .map(box => box.innerText),
};"""


@pytest.mark.parametrize("name", [*NAMES, "index", "search"])
def test_nothing_is_missing_without_a_network(browser, folder, name):
    file = folder / f"{name}.html"
    for width in (390, 1280):
        show(browser, file, width)
        seen = browser.execute_script(LOOK)
        asked, failed = requests_of(browser, file)
        assert asked and failed == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        prices = [text for text in seen["dollars"] if not re.search(r"\$\d", text)]
        assert prices == [] and seen["broken"] == [] and seen["formulas"] == 0, seen
        assert seen["titles"] == 1, "one h1 in sight: another is for printing"
        assert seen["wide"] <= width, f"{name} is wider than {width} pixels"
        assert seen["scrolled"] == [], f"a cell is scrolled sideways at {width} pixels"


def test_the_search_works_from_a_file(browser, folder):
    browser.get(f"{(folder / 'search.html').as_uri()}?q=pinball")
    found = "return [...document.querySelectorAll('#search-results li a')].map(link => link.href)"
    links, until = [], time.monotonic() + 10
    while not links and time.monotonic() < until:
        links = browser.execute_script(found)
        time.sleep(0.2)
    assert any("03_custom_losses.html" in link for link in links)


def test_the_page_of_symptoms_answers_questions(browser, folder):
    show(browser, folder / "docs" / "symptoms.html")
    ask = """
        const field = document.querySelector('.symptom-field input');
        field.value = arguments[0];
        field.dispatchEvent(new Event('input', {bubbles: true}));
        return document.querySelector('.symptom-best').innerText"""
    for repository, number, title, place in QUESTIONS:
        section = resolve(place)
        shown = " ".join(browser.execute_script(ask, title).split())
        assert section.label.replace("`", "") in shown, f"{repository}#{number}: {title}"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: `make book-test` does it where npm is")
@pytest.mark.parametrize("name", NAMES)
def test_pages_pass_axe(browser, folder, name):
    """The rules of WCAG 2.1 A and AA, but for one that the theme's search button breaks; contrast in dark mode, too."""
    run = """
        const done = arguments[arguments.length - 1];
        const rules = {'label-content-name-mismatch': {enabled: false}};
        document.querySelectorAll('main details').forEach(block => { block.open = true });
        axe.run(document, {runOnly: arguments[0], rules, resultTypes: ['violations']}).then(({violations}) => done(
            violations.map(({id, nodes}) => [id, nodes.length, nodes[0].html, nodes[0].failureSummary])))"""
    for mode, asked in (("light", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]), ("dark", ["color-contrast"])):
        show(browser, folder / f"{name}.html", mode=mode)
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        assert browser.execute_async_script(run, asked) == [], mode
