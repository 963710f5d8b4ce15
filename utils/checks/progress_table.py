"""The table of your progress over the notebooks."""

import html

from utils.checks import progress_file
from utils.checks.engine import COLORS, CORRECT, NOT_ATTEMPTED, REGISTRY


class ProgressTable:
    """One row an exercise with its newest outcome, grouped by notebook, in words and as a table."""

    def __init__(self, rows: list[tuple[str, str, str]]):
        """Hold `rows` of (exercise number, title, outcome)."""
        self.rows = rows
        self.solved = sum(outcome == CORRECT for _, _, outcome in rows)

    def __repr__(self) -> str:
        lines = [f"{number:>5}  {title:<48} {outcome}" for number, title, outcome in self.rows]
        return "\n".join([f"{self.solved} of {len(self.rows)} exercises are correct.", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td>{number}</td><td style="text-align: left">{html.escape(title)}</td>'
            f'<td style="color: {COLORS[outcome]}; text-align: left">{outcome}</td></tr>'
            for number, title, outcome in self.rows
        )
        return f"<p>{self.solved} of {len(self.rows)} exercises are correct.</p><table>{rows}</table>"


def progress() -> ProgressTable:
    """Return the table of all exercises of the course and how your newest answer to each was judged."""
    outcomes = progress_file.load()
    numbers = sorted(REGISTRY, key=lambda number: [int(part) for part in number.split(".")])
    known = {number: outcomes.get(number) for number in numbers}
    return ProgressTable([(n, REGISTRY[n], o if o in COLORS else NOT_ATTEMPTED) for n, o in known.items()])
