"""The map of the course: its final model, and the notebook that each part comes from."""

import numpy as np
from matplotlib.patches import FancyArrowPatch

from utils.plotting.description import described, listed, quoted, titled
from utils.plotting.style import BLUE, GREEN, GREY, INK, PAPER, VERMILION, new_figure, show

# The final model of notebook 10: for each part its column and height, its name, the notebooks it comes from, and the
# parts that it is made from.
PARTS = {
    "place": (0, 3.0, "place", "", ()),
    "numbers": (0, 2.0, "numbers", "", ()),
    "region": (0, 1.0, "region (word)", "", ()),
    "cell": (1, 3.0, "crossed cell", "10", ("place",)),
    "scaled": (1, 2.0, "scaled, holes filled", "7, 10", ("place", "numbers")),
    "word": (1, 1.0, "vocabulary", "8", ("region",)),
    "wide": (2, 3.0, "wide: remembers", "10", ("cell",)),
    "deep": (2, 1.5, "deep: generalizes", "7", ("scaled", "word")),
    "price": (3, 2.25, "price", "7", ("wide", "deep")),
    "loss": (4, 3.0, "Huber loss", "3", ("price",)),
    "metric": (4, 1.5, "streaming R²", "4", ("price",)),
    "ship": (4, 0.5, "SavedModel", "9, 10", ("price",)),
    "tape": (4, 4.0, "tape: gradients", "1", ("loss",)),
    "clip": (3, 4.0, "averaged, clipped", "5", ("tape",)),
    "step": (2, 4.0, "train_step", "2", ("clip",)),
    "loop": (1, 4.0, "loop over epochs", "6", ("step",)),
}
TRAINING = ("loss", "tape", "clip", "step", "loop")


def course_map(*, title: str = "", saying: str = "") -> None:
    """Draw the final model of the course as a graph whose parts say which notebook they came from.

    Args:
        title: the subject in a few words.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    figure = new_figure(height=4.6)
    axes = figure.add_subplot(title=title, xlim=(-0.55, 4.55), ylim=(0.0, 4.6))
    axes.axis("off")
    for key, (column, height, name, notebooks, sources) in PARTS.items():
        color = BLUE if not sources else VERMILION if key in TRAINING else INK
        edge = {"boxstyle": "round,pad=0.35", "fc": PAPER, "ec": color, "lw": 1.3}
        text = {"ha": "center", "va": "center", "zorder": 3}
        axes.text(column, height, _in_two_lines(name), fontsize=8, fontweight="bold", color=color, bbox=edge, **text)
        if notebooks:
            label = "notebook" if notebooks.isdigit() else "notebooks"
            axes.text(column, height - 0.38, f"{label} {notebooks}", fontsize=8, color=GREEN, style="italic", **text)
        for source in sources:
            _connect(axes, PARTS[source][:2], (column, height))
    axes.add_patch(
        FancyArrowPatch((2.3, 3.9), (2.3, 3.2), arrowstyle="-|>", mutation_scale=9, color=VERMILION, ls="--", zorder=1)
    )
    axes.text(2.36, 3.4, "new weights", fontsize=8, color=VERMILION, va="center")
    show(figure, _in_words(title, saying))


def _in_two_lines(name: str) -> str:
    head, _, tail = name.rpartition(" ")
    return f"{head}\n{tail}" if head and len(name) > 11 else name


def _connect(axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two boxes: from side to side, or from top to bottom within a column."""
    side = np.sign(end[0] - start[0])
    if side:
        tail, head = (start[0] + 0.34 * side, start[1]), (end[0] - 0.34 * side, end[1])
    else:
        up = np.sign(end[1] - start[1])
        tail, head = (start[0], start[1] + 0.2 * up), (end[0], end[1] - 0.52 * up)
    axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=GREY, lw=1.1, zorder=1))


def _in_words(title: str, saying: str) -> str:
    """Go through the parts in their order: each with its notebooks, and what it is made from."""
    names = {key: name.partition(":")[0] for key, (_, _, name, _, _) in PARTS.items()}
    parts = []
    for key, (_, _, _, notebooks, sources) in PARTS.items():
        where = f" ({notebooks})" if notebooks else ""
        made = f" from {listed(quoted(names[source]) for source in sources)}" if sources else ""
        parts.append(f"{quoted(names[key])}{where}{made}")
    kind = titled("A graph of the final model", title)
    return described(f"{kind}, each part with its notebooks: {'; '.join(parts)}", saying=saying)
