"""Write docs/gallery.md, the gallery of silent faults: python -m tests.zoo."""

from pathlib import Path

from utils import session  # noqa: F401  (before TensorFlow: it makes two devices of the CPU)

# isort: split
from tests.zoo import Pair, load
from utils import trust

PAGE = Path(__file__).parents[2] / "docs" / "gallery.md"
TITLES = {
    "models": "The model and its outputs",
    "losses": "Losses",
    "metrics": "Metrics",
    "training": "Training steps and optimizers",
    "data": "Data",
    "saving": "Saving",
}
HEAD = """# A gallery of silent faults

Nothing below raises, and nothing below warns. Each fault is a function of `tests/zoo`, beside its healthy twin, and
`trust.audit` is tried on both in every test run: it names the fault, and finds nothing to say about the twin. "What the
audit says" is what it said when this page was made; the numbers differ a little from machine to machine.

This page is made by `python -m tests.zoo`.
"""


def entry(pair: Pair) -> str:
    """Return the lines of one fault."""
    if pair.missed:
        said = f"*not found:* {pair.missed}"
    else:
        answer = trust.audit(**pair.build(True), only=[pair.check])[pair.check]
        said = f"{answer.verdict}, *{answer.question}*: {answer.sentence}"
    lines = [f"- **You see:** {pair.symptom}", f"- **What the audit says:** {said}", f"- **Where from:** {pair.source}"]
    name = pair.name.replace("python", "Python").replace("keras", "Keras")
    return "\n".join([f"### {name[0].upper()}{name[1:]}", "", *lines, ""])


def main() -> None:
    """Audit every fault, and write the page."""
    pairs, _ = load()
    parts = [HEAD]
    for module, title in TITLES.items():
        inside = [pair for pair in pairs if pair.build.__module__.endswith(f".{module}")]
        parts += [f"## {title}\n", *map(entry, inside)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"{len(pairs)} faults, {sum(bool(pair.missed) for pair in pairs)} of them not found: {PAGE.name}")


if __name__ == "__main__":
    main()
