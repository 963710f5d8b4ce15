"""Draws the README's figure anew, with the words that it says of itself: python -m tests.readme_figure."""

import base64
import re

import tensorflow as tf

from tests.notebooks import ROOT
from utils.plotting import draw_tape, style

PICTURE = ".github/drawn_tape.png"
IMAGE = re.compile(rf'(<img src="{re.escape(PICTURE)}" width="\d+" alt=")(?P<words>[^"]*)(">)')


def drawn() -> tuple[bytes, str]:
    """Return the figure as a PNG, and its words."""
    shown = []
    display, style.display = style.display, lambda data, **_: shown.append(data)
    try:
        draw_tape(lambda x: tf.where(x == 0, 1.0, tf.sin(x) / x), x=0.0)
    finally:
        style.display = display
    return base64.b64decode(shown[0]["image/png"]), shown[0]["text/plain"]


def words_in_readme() -> str:
    """Return the words that stand for the figure where it is not seen."""
    return IMAGE.search((ROOT / "README.md").read_text(encoding="utf-8"))["words"]


if __name__ == "__main__":
    picture, words = drawn()
    (ROOT / PICTURE).write_bytes(picture)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (ROOT / "README.md").write_text(IMAGE.sub(rf"\g<1>{words}\g<3>", readme), encoding="utf-8")
