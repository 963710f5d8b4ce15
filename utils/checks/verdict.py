"""The four outcomes of a check, and the `Verdict` that says one of them in words and in color."""

import html
from dataclasses import dataclass

NOT_ATTEMPTED, CORRECT, NOT_YET, RAISED = "not attempted yet", "correct", "not yet", "your code raised"
COLORS = {NOT_ATTEMPTED: "#777777", CORRECT: "#009e73", NOT_YET: "#d55e00", RAISED: "#cc79a7"}


@dataclass(frozen=True)
class Verdict:
    """What a check says: the exercise's number, one of the four outcomes, and a message in words."""

    number: str
    outcome: str
    message: str

    def __repr__(self) -> str:
        return f"Exercise {self.number}: {self.outcome}. {self.message}"

    def _repr_html_(self) -> str:
        color = COLORS[self.outcome]
        message = html.escape(self.message).replace("\n", "<br>")
        return (
            f'<div style="border-left: 6px solid {color}; padding: 4px 12px">'
            f'Exercise {self.number}: <b style="color: {color}">{self.outcome}</b>. {message}</div>'
        )
