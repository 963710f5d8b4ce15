"""The slides, made as `make slides` makes them and opened in Chromium: nothing is cut, missing, or from the network.

`make book-test` runs this beside the tests of the book, and where they are skipped, it is.
"""

import html
import re
import subprocess
import sys

import pytest

from tests.notebooks import NOTEBOOKS, ROOT, read
from tests.slides import kind
from tests.test_book import browser, requests_of  # noqa: F401 (a fixture)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

MEASURE = """
const seen = [...document.querySelectorAll('.slides > section')].map((slide, number) => {
  Reveal.slide(number, 0, 99);
  const letters = parseFloat(getComputedStyle(slide).fontSize);
  const outside = [...slide.querySelectorAll('*')].filter(part => {
    const {left, top, right, bottom, width} = part.getBoundingClientRect();
    return width && (left < 0 || top < 0 || right > 1280.5 || bottom > 720.5);
  });
  const scrolled = [...slide.querySelectorAll('*')].filter(part => part.scrollWidth > part.clientWidth + 1
      && getComputedStyle(part).display !== 'inline' && !part.closest('math'));
  const pictures = [...slide.querySelectorAll('img')].map(picture => {
    const {width, height} = picture.getBoundingClientRect();
    return Math.min(width / picture.naturalWidth, height / picture.naturalHeight) * 2;  // they have twice the pixels
  });
  return {number: number + 1, letters, outside: outside.map(part => part.outerHTML.slice(0, 99)), pictures,
      scrolled: scrolled.map(part => part.outerHTML.slice(0, 99)),
      flat: [...slide.querySelectorAll('math')].filter(math => !math.getBoundingClientRect().width).length,
      broken: [...slide.querySelectorAll('img')].filter(picture => !picture.naturalWidth).length};
});
return seen;"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The slides of all notebooks."""
    folder = tmp_path_factory.mktemp("slides")
    command = ["--to", "slides", "--config", "docs/slides/config.py", "--log-level", "WARN", "--output-dir", folder]
    files = [path.relative_to(ROOT) for path in NOTEBOOKS]
    made = subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", *map(str, [*command, *files])],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0 and not made.stderr, made.stderr
    return folder


@each_notebook
def test_a_deck_is_one_file_with_pictures_in_words_and_outputs_at_a_key(folder, path):
    page = (folder / f"{path.stem}.slides.html").read_text(encoding="utf-8")
    assert page.count("<h1") == 1 and "In&nbsp;[" not in page and "¶" not in page and 'lang="en"' in page
    body = page[: page.index("</main>")]
    assert not re.search(r"""<link|<iframe|<script|src=["'](?!data:)""", body)
    marked = [cell for cell in read(path).cells if kind(cell)]
    outputs = [output for cell in marked for output in cell.get("outputs", [])]
    words = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    assert words and [html.unescape(alt) for alt in re.findall(r'<img[^>]*alt="([^"]*)"', body)] == words
    assert body.count('<div class="fragment output">') == sum(bool(cell.get("outputs")) for cell in marked)
    assert body.count("<section>") == sum(kind(cell) == "slide" for cell in marked)
    assert not re.search(r"\$[^$<>]+\$", re.sub(r"<pre.*?</pre>|<code.*?</code>", "", body, flags=re.DOTALL))


@each_notebook
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_slide_fits_and_asks_nothing_of_the_network(browser, folder, path, mode):  # noqa: F811
    file = folder / f"{path.stem}.slides.html"
    screen = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    media = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(file.as_uri())
    asked, failed = requests_of(browser, file)
    assert asked and failed == [] and all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    for slide in browser.execute_script(MEASURE):
        assert slide["outside"] == [] and slide["scrolled"] == [] and slide["flat"] == slide["broken"] == 0, slide
        assert slide["letters"] >= 19 and all(scale >= 0.75 for scale in slide["pictures"]), slide
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 247)", "dark": "rgb(28, 28, 28)"}[mode]
