"""The audit on the zoo: the right question names every fault, and no healthy set-up gets a complaint."""

import warnings

import pytest

from utils import session  # noqa: F401  (before TensorFlow: it makes two devices of the CPU)

# isort: split
import tensorflow as tf

from tests.zoo import load
from tests.zoo.__main__ import PAGE
from utils import trust

PAIRS, HEALTHY = load()


def complaints(report, allowed=()):
    return [
        f"{a.verdict} {a.question}: {a.sentence}"
        for a in report.failures + report.warnings
        if a.question not in allowed
    ]


def broken(report):
    return [f"{answer.question}: {answer.sentence}" for answer in report if "itself failed" in answer.sentence]


def train(set_up):
    """Train as the set-up's owner would, one epoch or one step."""
    model, x, y = set_up["model"], set_up["x"], set_up.get("y")
    if "train_step" in set_up:
        given = [part for part in (x, y, set_up.get("sample_weight")) if part is not None]
        set_up["train_step"](*tf.nest.map_structure(lambda part: part[:32], given))
    elif model.compiled:
        options = (
            {"shuffle": False} if isinstance(x, tf.data.Dataset) else {"sample_weight": set_up.get("sample_weight")}
        )
        model.fit(x, y, epochs=1, verbose=0, validation_data=set_up.get("validation_data"), **options)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.build.__name__)
def test_fault_is_named(pair):
    if "two replicas" in pair.check and len(tf.config.list_logical_devices("CPU")) < 2:
        pytest.skip("another test file of this process has started TensorFlow with one device")
    report = trust.audit(**pair.build(True), only=[pair.check])
    assert not broken(report)
    assert bool(complaints(report)) != bool(pair.missed), f"{pair.check}: {report[pair.check].sentence}"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.build.__name__)
def test_twin_gets_no_complaint(pair):
    assert not complaints(trust.audit(**pair.build(False)))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.build.__name__)
def test_fault_is_silent(pair, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        train(pair.build(True))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("one", HEALTHY, ids=lambda one: one.build.__name__)
def test_healthy_set_up_gets_no_complaint(one):
    report = trust.audit(**one.build())
    assert not report.failures, report.failures
    assert not complaints(report, allowed=one.warns)


def test_size_of_the_zoo():
    assert len(PAIRS) >= 80 and len(HEALTHY) >= 40
    assert sum(not pair.missed for pair in PAIRS) >= 75 / 80 * len(PAIRS)


def test_gallery_shows_every_fault():
    page = PAGE.read_text(encoding="utf-8")
    for pair in PAIRS:
        assert all(part in page for part in (pair.symptom, pair.source, pair.missed)), (
            f"{pair.name}: run python -m tests.zoo"
        )
