"""Your progress: one local file, by default progress.json in the course's folder, and the table that it fills.

Losing or spoiling the file loses nothing else.
"""

import html
import json
import os
from pathlib import Path
from typing import NamedTuple

from utils.checks.verdict import COLORS, CORRECT, NOT_ATTEMPTED


class Listed(NamedTuple):
    """An exercise as the table lists it: its title, and whether it stands in a section titled "Deeper"."""

    title: str
    deeper: bool = False


REGISTRY: dict[str, Listed] = {}  # by the number of the exercise, in the order of the notebooks


def path() -> Path:
    """Return where progress is kept: COURSE_PROGRESS, or progress.json beside the notebooks' folder."""
    return Path(os.environ.get("COURSE_PROGRESS") or Path(__file__).parents[2] / "progress.json")


def load() -> dict[str, str]:
    """Return the outcome of each exercise by its number; nothing when the file is missing or cannot be read."""
    try:
        outcomes = json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return outcomes if isinstance(outcomes, dict) else {}


def remember(number: str, outcome: str) -> None:
    """Write down the newest outcome of an exercise, or nothing where the file cannot be written."""
    outcomes = load() | {number: outcome}
    try:
        scratch = path().with_name(f"{path().name}.{os.getpid()}")
        scratch.write_text(json.dumps(outcomes, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(scratch, path())
    except OSError:
        return


class ProgressTable:
    """One row an exercise with its newest outcome, in the order of the notebooks, in words and as a table."""

    def __init__(self, rows: list[tuple[str, str, str]]):
        """Hold `rows` of (exercise number, title, outcome)."""
        self.rows = rows
        self.solved = sum(outcome == CORRECT for _, _, outcome in rows)

    def _summary(self) -> str:
        deeper = sum(REGISTRY[number].deeper for number, _, _ in self.rows)
        return f"{self.solved} of {len(self.rows)} exercises are correct. {deeper} are marked Deeper: skip them freely."

    def __repr__(self) -> str:
        lines = [f"{number:>5}  {title:<56} {outcome}" for number, title, outcome in self.rows]
        return "\n".join([self._summary(), *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td>{number}</td><td style="text-align: left">{html.escape(title)}</td>'
            f'<td style="color: {COLORS[outcome]}; text-align: left">{outcome}</td></tr>'
            for number, title, outcome in self.rows
        )
        return f"<p>{self._summary()}</p><table>{rows}</table>"


def progress() -> ProgressTable:
    """Return the table of all exercises of the course and how your newest answer to each was judged."""
    outcomes, rows = load(), []
    for number in sorted(REGISTRY, key=lambda number: [int(part) for part in number.split(".")]):
        title, deeper = REGISTRY[number]
        known = outcomes.get(number)
        outcome = known if isinstance(known, str) and known in COLORS else NOT_ATTEMPTED
        rows.append((number, f"{title} (Deeper)" if deeper else title, outcome))
    return ProgressTable(rows)
