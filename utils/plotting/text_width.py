"""The width of a written word, before anything is drawn."""

from matplotlib.textpath import TextPath


def text_width(word: str, size: float) -> float:
    """Return the width of a word in bold, in inches; 0 for one without a letter."""
    if not word.strip():
        return 0.0
    path = TextPath((0, 0), word, size=size, prop={"family": "DejaVu Sans", "weight": "bold"})
    return path.get_extents().x1 / 72
