"""The pages: every notebook is there, every link leads somewhere, every figure has its words."""

from html.parser import HTMLParser

import pytest

from tests.notebooks import NOTEBOOKS
from utils import website


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
            self.links.append(attrs["href"])
        if tag == "img":
            self.pictures.append(attrs)

    def count(self, name):
        return sum(tag == name for tag, _ in self.tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    website.build(folder)
    return folder


@pytest.fixture(scope="module")
def pages(folder):
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in folder.glob("*.html")}


def test_there_is_a_page_for_each_notebook(pages):
    assert set(pages) == {"index.html", "contributing.html"} | {f"{path.stem}.html" for path in NOTEBOOKS}


def test_links_lead_somewhere(pages, folder):
    for name, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            if file.startswith(("http://", "https://")):
                continue
            assert (folder / (file or name)).is_file(), f"{name} links to {link}"
            assert not anchor or anchor in pages[file or name].anchors, f"{name} links to {link}"
    assert {f"{path.stem}.html" for path in NOTEBOOKS} <= set(pages["index.html"].links)


def test_pictures_have_words_and_are_there(pages, folder):
    for name, page in pages.items():
        for picture in page.pictures:
            assert len(picture.get("alt", "")) > 10, name
            assert picture["src"].startswith(("data:", "https://")) or (folder / picture["src"]).is_file(), name


def test_pages_can_be_read_aloud_and_on_a_phone(pages):
    for name, page in pages.items():
        assert ("html", {"lang": "en"}) in page.tags, name
        assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags, name
        assert page.count("title") == page.count("main") == page.count("h1") == 1, name


def test_solutions_stay_folded(pages):
    for path in NOTEBOOKS:
        page = pages[f"{path.stem}.html"]
        assert page.count("details") == path.read_text(encoding="utf-8").count("<details>") > 0
        assert ("details", {}) in page.tags
