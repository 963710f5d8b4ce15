"""Two measures of the importance of each input, side by side."""

from collections.abc import Mapping

from utils.plotting.description import bars_in_words, described, titled
from utils.plotting.style import BLUE, INK, PAPER, VERMILION, few_ticks, new_figure, show


def importance(
    pairs: Mapping[str, tuple[float, float]], *, labels: tuple[str, str], title: str = "", saying: str = ""
) -> None:
    """Draw two measures of the importance of each input as bars, in two panels that share their rows.

    Args:
        pairs: for each input its two values, in the order in which they stand from top to bottom.
        labels: what the two values are, with their units.
        title: the subject in a few words; name the data source here.
        saying: one short sentence for what no data can tell, at most 100 characters.
    """
    pairs = {str(name): pair for name, pair in pairs.items()}
    figure = new_figure(height=1.0 + 0.4 * len(pairs), headline=title)
    sentences = []
    for axes, values, label, color in zip(
        figure.subplots(1, 2, sharey=True), zip(*pairs.values(), strict=True), labels, (BLUE, VERMILION), strict=True
    ):
        named = {name: float(value) for name, value in zip(pairs, values, strict=True)}
        first, *rest = bars_in_words(named)
        sentences += [f"{label}: {first}", *rest]
        hatch = "" if color == BLUE else "///"
        drawn = axes.barh(list(named), list(named.values()), color=color, height=0.6, hatch=hatch, ec=PAPER)
        axes.bar_label(drawn, fmt="%.2f", padding=3, fontsize=9, color=INK)
        axes.margins(x=0.18)
        few_ticks(axes, y=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(label, fontsize=9)
    figure.axes[0].invert_yaxis()
    kind = f"{titled('Two measures', title)}: bars for {len(pairs)} inputs in two panels"
    show(figure, described(kind, *sentences, saying=saying))
