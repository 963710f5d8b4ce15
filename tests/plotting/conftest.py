"""What all tests of figures share: the pictures that were displayed, with their words."""

import html
from dataclasses import dataclass

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from utils.plotting import style


@dataclass
class Shown:
    """What reached the page: for each figure its data, its metadata and the figure itself."""

    data: list
    metadata: list
    figures: list

    @property
    def words(self) -> str:
        """The words of the latest figure."""
        return self.data[-1]["text/plain"]

    @property
    def axes(self) -> list:
        """The axes of the latest figure."""
        return self.figures[-1].axes


@pytest.fixture
def shown(monkeypatch):
    """Every figure that a test displays, instead of a page."""
    kept = Shown([], [], [])

    def display(data, metadata=None, raw=False):
        assert raw
        if "image/png" in data:
            kept.data.append(data)
            kept.metadata.append(metadata)
        else:
            assert f"</summary>{kept.words}</details>" in html.unescape(data["text/html"])

    def canvas(figure):
        kept.figures.append(figure)
        return FigureCanvasAgg(figure)

    monkeypatch.setattr(style, "display", display)
    monkeypatch.setattr(style, "FigureCanvasAgg", canvas)
    monkeypatch.setenv("COURSE_LIVE", "off")
    return kept
