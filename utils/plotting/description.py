"""Words for figures: small functions that turn what is drawn into sentences.

A number that comes from data has "≈ " before it, and the tests of the notebooks compare the two as one word. So nothing
but words can differ between two machines, and a word must not hang on a hair: two heights are told apart only where
they differ by more than `CLOSE` of their axis, and an entry is named only where the next one is clearly smaller.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

CLOSE = 0.0493  # the share of an axis that counts as the same height; not a round number, so round data is not on it
CLEAR = 0.713  # an entry stands out where the next one is less than this share of it
BLANK = 0.0103  # a share of a row of a matrix that is too small to speak of
LONGEST_SAYING = 100


def described(*sentences: str, saying: str = "") -> str:
    """Join sentences into one description, the author's own first; empty ones are left out.

    Raises:
        ValueError: when `saying` is longer than 100 characters.
    """
    if len(saying) > LONGEST_SAYING:
        raise ValueError(f"saying has {len(saying)} characters; a figure takes at most {LONGEST_SAYING}.")
    computed = (sentence[:1].upper() + sentence[1:] for sentence in sentences)
    whole = (" ".join(sentence.split()) for sentence in (saying, *computed))
    return " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in whole if text)


def number(value: float) -> str:
    """Write a number that data may change: "≈ 0.884", "≈ 1,230", "≈ 3.2e-05"; what is not finite in words."""
    value = float(value)
    if np.isnan(value):
        return "nan"
    if np.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    return f"≈ {plain(value)}"


def plain(value: float) -> str:
    """Write a finite number to three significant digits, tiny and huge ones to two, without zeros at its end."""
    if value == 0:
        return "0"
    exponent = int(np.floor(np.log10(abs(value))))
    if not -4 <= exponent < 7:
        return f"{value:.2g}"
    decimals = 2 - exponent
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quoted(label: object) -> str:
    """Write a label between quotation marks, on one line."""
    return f"“{' '.join(str(label).split())}”"


def listed(items: Iterable[str]) -> str:
    """Join items as in a sentence: a, b and c."""
    *head, tail = [*items] or [""]
    return f"{', '.join(head)} and {tail}" if head else tail


def counted(count: int, thing: str) -> str:
    """Write how many there are: "1 point", "1,500 points"."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def titled(kind: str, title: str) -> str:
    """Begin a description: the kind of picture, and its title if it has one."""
    return f"{kind} {quoted(title)}" if title else kind


def bare(label: str) -> str:
    """Return the label of an axis without its unit: "distance (km)" is "distance"."""
    return " ".join(label.split()).partition(" (")[0]


def at(axis: str, value: float) -> str:
    """Write a place on an axis: "at step ≈ 40"; an axis with a long name is called x."""
    name = bare(axis)
    return f"at {name if 1 <= len(name.split()) <= 2 else 'x'} {number(value)}"


def axes_of(xlabel: str, ylabel: str, xscale: str = "linear", yscale: str = "linear") -> str:
    """Name both axes with their units, and which of them is logarithmic."""
    logarithmic = [name for name, scale in (("horizontal", xscale), ("vertical", yscale)) if scale == "log"]
    scales = {0: "", 1: f", the {' '.join(logarithmic)} axis logarithmic", 2: ", both axes logarithmic"}
    return f"{' '.join(ylabel.split())} against {' '.join(xlabel.split())}{scales[len(logarithmic)]}"


def standing_out(values: Sequence[float], at_most: int = 3) -> list[int]:
    """Return the places of the greatest values, as many as there are before the first clear drop, the greatest first.

    Without a clear drop after the first `at_most` values none is named: a small change could exchange them.
    """
    values = np.where(np.isfinite(values), values, 0)
    order = np.argsort(-values, kind="stable")
    for count in range(1, min(at_most, len(values)) + 1):
        following = values[order[count]] if count < len(values) else 0
        if values[order[count - 1]] > 0 and following < CLEAR * values[order[count - 1]]:
            return [int(i) for i in order[:count]]
    return []


def constant(values: np.ndarray) -> bool:
    """Tell whether values differ by no more than rounding might make them differ."""
    return np.ptp(values) <= 1e-4 * np.max(np.abs(values))


@dataclass(frozen=True)
class Line:
    """A drawn line: its label, its points, and whether it ends early because it left the picture."""

    label: str
    x: np.ndarray
    y: np.ndarray
    ends_early: bool = False

    @property
    def name(self) -> str:
        """What the line is called in a sentence; a label that begins with "_" is private."""
        return "a line" if self.label.startswith("_") else quoted(self.label)

    def on(self, xscale: str, yscale: str) -> "Line":
        """Return the line with those of its points that its axes can show, from left to right unless it turns back."""
        x, y = np.asarray(np.ravel(self.x), float), np.asarray(np.ravel(self.y), float)
        seen = np.isfinite(x) & np.isfinite(y)
        for values, scale in ((x, xscale), (y, yscale)):
            if scale == "log":
                seen &= values > 0
        x, y = x[seen], y[seen]
        if len(x) > 1 and np.all(np.diff(x) <= 0):
            x, y = x[::-1], y[::-1]
        return Line(self.label, x, y, self.ends_early)


def on_scale(values: Sequence[float], scale: str) -> np.ndarray:
    """Return values as an axis places them: their logarithms on a logarithmic one."""
    return np.log10(values) if scale == "log" else np.asarray(values, float)


def lines_in_words(lines: Sequence[Line], xlabel: str, xscale: str = "linear", yscale: str = "linear") -> list[str]:
    """Say of each line where it goes, then where two cross, and how all are ordered at the end.

    Args:
        lines: what is drawn over one pair of axes.
        xlabel: what x is, with its unit.
        xscale: "linear" or "log".
        yscale: "linear" or "log".

    Returns:
        Sentences without their full stops. With more than four lines each has fewer words.
    """
    lines = [line.on(xscale, yscale) for line in lines]
    heights = np.concatenate([on_scale(line.y, yscale) for line in lines] or [[]])
    span = np.ptp(heights) if len(heights) else 0.0
    sentences = [line_in_words(line, span, xlabel, yscale, brief=len(lines) > 4) for line in lines]
    places = np.concatenate([on_scale(line.x, xscale) for line in lines] or [[]])
    for i, line in enumerate(lines):
        walks = np.any(np.diff(line.x) < 0)  # its start is told
        if len(line.x) > 1 and not walks and on_scale(line.x[:1], xscale)[0] - places.min() > CLOSE * np.ptp(places):
            sentences[i] += f"; it begins {at(xlabel, line.x[0])}"
    labeled = [line for line in lines if not line.label.startswith("_") and len(line.x) > 1]
    if len(labeled) == 2 and coincide(*labeled, 0.23 * CLOSE * span, yscale):
        return [*sentences, "Where both are drawn they lie on each other"]
    if len(labeled) == 2:
        sentences.append(crossing_in_words(*labeled, span, xlabel, yscale))
    return [sentence for sentence in [*sentences, order_in_words(labeled, span, yscale)] if sentence]


def line_in_words(line: Line, span: float, xlabel: str, yscale: str = "linear", brief: bool = False) -> str:
    """Say where a line begins and ends, and where its extremes are.

    The same sentence serves each shape: words that depend on the shape would change with a small change of the data.

    Args:
        line: what is drawn, already `on` its axes.
        span: from the least to the greatest height of the whole picture, logarithms on a logarithmic axis.
        xlabel: what x is, with its unit.
        yscale: "linear" or "log".
        brief: say no more than the ends.
    """
    x, y = line.x, line.y
    if len(x) == 0:
        return f"{line.name} has no point that can be drawn"
    if len(x) == 1:
        return f"{line.name} is one point, {number(y[0])}, {at(xlabel, x[0])}"
    if np.any(np.diff(x) < 0):
        start, end = (f"({number(x[i])}, {number(y[i])})" for i in (0, -1))
        return f"{line.name} goes from {start} to {end} in {counted(len(x) - 1, 'step')}"
    heights = on_scale(y, yscale)
    end = f", and ends early, {at(xlabel, x[-1])}" if line.ends_early else ""
    if np.ptp(heights) <= 0.0203 * span or constant(heights):
        return f"{line.name} stays near {number(np.median(y))}{end}"
    change = level(heights) - level(heights, first=True)
    verb = "rises" if change > CLOSE * span else "falls" if change < -CLOSE * span else "goes"
    extremes = [("least", int(np.argmin(y))), ("greatest", int(np.argmax(y)))]
    within = listed(f"{which} {number(y[i])} {at(xlabel, x[i])}" for which, i in extremes)
    return f"{line.name} {verb} from {number(y[0])} to {number(y[-1])}{'' if brief else f' ({within})'}{end}"


def jumps(heights: np.ndarray) -> bool:
    """Tell whether a line goes up and down so much that its single values mean little."""
    return len(heights) >= 10 and float(np.sum(np.abs(np.diff(heights)))) > 7.31 * float(np.ptp(heights))


def level(heights: np.ndarray, first: bool = False) -> float:
    """Return where a line begins or ends: its outermost value, or the mean of a tenth of it if it jumps."""
    tenth = -(-len(heights) // 10) if jumps(heights) else 1
    return float(np.mean(heights[:tenth] if first else heights[-tenth:]))


def unrest(heights: np.ndarray) -> float:
    """Return how far the last values of a line typically stray from its course; 0 for a line of few points."""
    return float(np.median(np.abs(np.diff(heights[-9:], 2)))) if len(heights) >= 9 else 0.0


def crossing_in_words(first: Line, second: Line, span: float, xlabel: str, yscale: str = "linear") -> str:
    """Say where two lines cross, if they clearly do so once, or that they do so several times."""
    places = crossings(first, second, 0.61 * CLOSE * span, yscale)
    clear = crossings(first, second, 1.71 * CLOSE * span, yscale)
    if len(places) == len(clear) == 1:
        return f"They cross near {at(xlabel, places[0]).removeprefix('at ')}"
    return "They cross several times" if min(len(places), len(clear)) > 1 else ""


def between(first: Line, second: Line, yscale: str = "linear") -> tuple[np.ndarray, np.ndarray]:
    """Return the x of all points where both lines are drawn, and how far the first is above the second there."""
    if np.any(np.diff(first.x) < 0) or np.any(np.diff(second.x) < 0):  # a line that turns back has two heights at an x
        return np.array([]), np.array([])
    left, right = max(first.x[0], second.x[0]), min(first.x[-1], second.x[-1])
    x = np.union1d(first.x, second.x)
    x = x[(x >= left) & (x <= right)]
    return x, np.subtract(*(np.interp(x, line.x, on_scale(line.y, yscale)) for line in (first, second)))


def coincide(first: Line, second: Line, margin: float, yscale: str = "linear") -> bool:
    """Tell whether two lines are nowhere more than `margin` apart."""
    _, above = between(first, second, yscale)
    return len(above) > 1 and np.all(np.abs(above) <= margin)


def crossings(first: Line, second: Line, margin: float, yscale: str = "linear") -> list[float]:
    """Return the x of each crossing after which the lines are at least `margin` apart, as they were before it."""
    x, above = between(first, second, yscale)
    found, side, begin = [], 0, 0
    for i in np.flatnonzero(np.abs(above) > margin):
        if side and np.sign(above[i]) != side:
            turn = begin + int(np.argmax(np.sign(above[begin : i + 1]) != side))
            share = above[turn - 1] / (above[turn - 1] - above[turn])
            found.append(float(x[turn - 1] + share * (x[turn] - x[turn - 1])))
        side, begin = np.sign(above[i]), i
    return found


def order_in_words(lines: Sequence[Line], span: float, yscale: str = "linear") -> str:
    """Say which of the lines that reach the right end is the highest there, and which are about equal."""
    reach = max((line.x[-1] for line in lines), default=0)
    ends = [line for line in lines if line.x[-1] == reach and not line.ends_early]
    if len(ends) < 2 or span == 0:
        return ""
    courses = [on_scale(line.y, yscale) for line in ends]
    heights = np.array([level(course) for course in courses])
    strays = np.array([0.0 if jumps(course) else unrest(course) for course in courses])
    order = np.argsort(-heights)
    margins = np.maximum(CLOSE * span, np.maximum(strays[order][:-1], strays[order][1:]))
    cuts = np.flatnonzero(-np.diff(heights[order]) > margins) + 1
    groups = [listed(ends[i].name for i in sorted(group)) for group in np.split(order, cuts)]
    if len(groups) == 1:
        return f"At the right end {groups[0]} are about equal"
    if len(ends) == 2:
        return f"At the right end {groups[0]} is above {groups[1]}"
    tied = any(" and " in group for group in groups)
    return f"At the right end, from the top: {'; '.join(groups)}" + (" (about equal where joined)" if tied else "")


def points_in_words(points: Iterable[tuple[str, tuple[float, float]]]) -> str:
    """Name each marked point and its place; a label that begins with "_" is private."""
    marked = [
        f"{'a point' if label.startswith('_') else quoted(label)} at ({number(x)}, {number(y)})"
        for label, (x, y) in points
    ]
    return f"Marked: {listed(marked)}" if marked else ""


def bars_in_words(values: dict[str, float]) -> list[str]:
    """Say each bar's value from the top down, and which is the greatest and the least where that is clear."""
    each = ", ".join(f"{quoted(label)} {number(value)}" for label, value in values.items())
    return [f"From the top: {each}" if len(values) > 1 else each, greatest_in_words(values)]


def greatest_in_words(values: dict[str, float]) -> str:
    """Name the greatest and the least of several values and their ratio, each only where it stands alone."""
    finite = {label: float(value) for label, value in values.items() if np.isfinite(value)}
    if len(finite) < 2:
        return ""
    names = sorted(finite, key=finite.get)
    low, high = finite[names[0]], finite[names[-1]]
    margin = 2 * CLOSE * max(abs(low), abs(high))
    if high - low <= margin:
        return "All are about equal"
    words = []
    if high - finite[names[-2]] > margin:
        words.append(f"{quoted(names[-1])} is the greatest")
    if finite[names[1]] - low > margin:
        words.append(f"{quoted(names[0])} is the least")
    if low > 0 and len(words) == 2:
        words.append(f"their ratio is {number(high / low)}")
    return listed(words) if words else ""


def matrix_in_words(matrix: np.ndarray, names: Sequence[str]) -> list[str]:
    """Say what a confusion matrix, `matrix[true, predicted]`, holds on its diagonal and off it, as shares of rows."""
    matrix = np.asarray(matrix, float)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    seen = np.flatnonzero(matrix.sum(axis=1) > 0)
    if not len(seen):
        return ["It counts nothing"]
    diagonal = np.diag(share)[seen]
    right = np.trace(matrix) / matrix.sum()
    by_class = f"by class from {number(diagonal.min())} to {number(diagonal.max())}"
    sentences = [f"{number(right)} of all are on the diagonal; {by_class}"]
    missed = 1 - diagonal
    if len(seen) > 1 and missed.max() > BLANK:
        weakest = standing_out(missed, at_most=1)
        if weakest:
            sentences.append(f"The weakest class is {names[seen[weakest[0]]]}")
    beside = np.where(np.eye(len(share), dtype=bool), 0, share)
    greatest = standing_out(beside.ravel(), at_most=4) if beside.max() > BLANK else []
    if greatest:
        pairs = [divmod(i, len(share)) for i in greatest]
        named = [f"{names[row]} taken for {names[column]} ({number(beside[row, column])})" for row, column in pairs]
        sentences.append(f"The greatest off it: {listed(named)}")
    elif beside.max() > BLANK:
        sentences.append(f"Off it no entry stands out; the greatest is {number(beside.max())}")
    return sentences
