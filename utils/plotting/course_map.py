"""The map of the course: its final model, and the notebook that each part comes from."""

import numpy as np
from matplotlib.patches import FancyArrowPatch

from utils.plotting.description import described, listed, quoted, titled
from utils.plotting.style import BLUE, GRAY, GREEN, INK, PAPER, VERMILION, new_figure, show

# The final model of notebook 10: for each part its column and height, its name, the notebooks it comes from, and the
# parts that it is made from.
PARTS = {
    "picture": (0, 2.6, "picture", "", ()),
    "question": (0, 1.2, "question (words)", "", ()),
    "filters": (1, 2.6, "convolution", "9", ("picture",)),
    "words": (1, 1.2, "vocabulary, embedding", "8", ("question",)),
    "product": (2, 1.9, "product: selects", "10", ("filters", "words")),
    "answer": (3, 1.9, "functional model", "7", ("product",)),
    "loss": (4, 3.0, "cross-entropy", "3", ("answer",)),
    "metric": (4, 1.5, "worse half", "4", ("answer",)),
    "ship": (4, 0.5, "SavedModel", "10", ("answer",)),
    "tape": (4, 4.0, "tape: gradients", "1", ("loss",)),
    "clip": (3, 4.0, "added up, clipped", "5", ("tape",)),
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
        FancyArrowPatch((2.3, 3.9), (2.3, 2.5), arrowstyle="-|>", mutation_scale=9, color=VERMILION, ls="--", zorder=1)
    )
    axes.text(2.36, 2.9, "new weights", fontsize=8, color=VERMILION, va="center")
    show(figure, _in_words(title, saying))


def _in_two_lines(name: str) -> str:
    head, _, tail = name.rpartition(" ")
    return f"{head}\n{tail}" if head and len(name) > 11 else name


def _connect(axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two boxes: from side to side, or upward within a column."""
    side = np.sign(end[0] - start[0])
    if side:
        tail, head = (start[0] + 0.34 * side, start[1]), (end[0] - 0.34 * side, end[1])
    else:
        tail, head = (start[0], start[1] + 0.2), (end[0], end[1] - 0.52)
    axes.add_patch(FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=9, color=GRAY, lw=1.1, zorder=1))


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
