"""The width of a written word, before anything is drawn."""

from matplotlib.textpath import TextPath


def text_width(word: str, size: float) -> float:
    """Return the width of a word in bold, in inches."""
    path = TextPath((0, 0), word or " ", size=size, prop={"family": "DejaVu Sans", "weight": "bold"})
    return path.get_extents().x1 / 72
