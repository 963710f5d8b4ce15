"""For each exercise, answers whose verdict is known: one module a notebook, one `Proof` an exercise."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Proof:
    """Answers to one exercise, beside its stub and its solution, which the notebook holds."""

    right: list  # at least two other idioms: correct
    wrong: dict  # at least three: a part of the message it must get -> the answer: not yet
    raises: object  # an answer that raises: your code raised
    breaks: tuple = ()  # answers that are right in most cases, and raise in another: your code raised
