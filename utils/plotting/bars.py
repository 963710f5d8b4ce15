"""Horizontal bars with their values."""

from collections.abc import Mapping

from utils.plotting.description import bars_in_words, described, titled
from utils.plotting.style import BLUE, INK, few_ticks, new_figure, show


def bars(values: Mapping[str, float], *, xlabel: str, title: str = "", digits: int = 2, saying: str = "") -> None:
    """Draw one horizontal bar for each entry, its value written at its end.

    Args:
        values: for each bar its label and its length, in the order in which they stand from top to bottom.
        xlabel: what the length is, with its unit.
        title: the subject in a few words; name the data source here.
        digits: significant digits of the written values.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    values = {str(label): float(value) for label, value in values.items()}
    words = described(f"{titled('Bars', title)}: {xlabel}", *bars_in_words(values), saying=saying)
    figure = new_figure(height=0.8 + 0.36 * len(values))
    axes = figure.add_subplot(xlabel=xlabel, title=title)
    drawn = axes.barh(list(values), list(values.values()), color=BLUE, height=0.62)
    axes.bar_label(drawn, labels=[f"{value:.{digits}g}" for value in values.values()], padding=4, color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    if not any(values.values()):
        axes.set_xlim(0, 1)  # otherwise 0 stands in the middle, between negative numbers
    few_ticks(axes, y=False)
    axes.tick_params(axis="y", length=0)
    show(figure, words)
