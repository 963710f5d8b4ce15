"""Silent faults, each beside its healthy twin, and healthy set-ups of many kinds: what `utils.trust` is tried on.

A pair is one function of `faulty`: with True it returns the arguments of `trust.audit` for a set-up that is silently
wrong, with False those of the same set-up, right. Building it and training it raises nothing and warns of nothing.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """A fault and its twin."""

    build: Callable[[bool], dict]  # of `faulty`: the arguments of trust.audit
    check: str  # the question of the audit that should see it
    symptom: str  # one sentence: what the user sees
    source: str  # where it is from: a notebook and its section, the issue of a public tracker, or a title
    missed: str  # why the audit does not see it, or ""

    @property
    def name(self) -> str:
        """The fault in words."""
        return self.build.__name__.replace("_", " ")


@dataclass(frozen=True)
class Healthy:
    """A set-up with nothing wrong."""

    build: Callable[[], dict]
    warns: dict[str, str]  # question of the audit: why its warning is justified here

    @property
    def name(self) -> str:
        """The set-up in words."""
        return self.build.__name__.replace("_", " ")


PAIRS: list[Pair] = []
HEALTHY: list[Healthy] = []


def pair(check: str, symptom: str, source: str, missed: str = "") -> Callable:
    """Add the decorated function to the pairs."""

    def add(build: Callable[[bool], dict]) -> Callable[[bool], dict]:
        PAIRS.append(Pair(build, check, symptom, source, missed))
        return build

    return add


def healthy(**warns: str) -> Callable:
    """Add the decorated function to the healthy set-ups; `warns` justifies warnings, with _ for a space in a name."""

    def add(build: Callable[[], dict]) -> Callable[[], dict]:
        HEALTHY.append(Healthy(build, {check.replace("_", " "): why for check, why in warns.items()}))
        return build

    return add


def load() -> tuple[list[Pair], list[Healthy]]:
    """Return all pairs and all healthy set-ups, module after module."""
    for module in ("models", "losses", "metrics", "training", "data", "saving", "healthy"):
        importlib.import_module(f"{__name__}.{module}")
    return PAIRS, HEALTHY
