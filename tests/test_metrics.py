"""The metrics of notebook 04 agree with NumPy however the data is split, and the faulty ones are caught.

The classes are those of the notebook: the cells that define a metric, and the solutions, are executed as they stand.
"""

import ast

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.environment import SCRATCH
from tests.notebooks import ROOT, definitions, module_of

NOTEBOOK = ROOT / "notebooks" / "04_custom_metrics.ipynb"
CLASSES = 4
BORDERS = (0.1, 0.5, 0.9)
few_examples = settings(max_examples=12, deadline=None, derandomize=True, database=None)


def load_metrics() -> dict:
    """Return what the notebook's cells and solutions define: their classes and functions, and nothing that they run."""
    defined = definitions(NOTEBOOK).values()
    nodes = [node for node in defined if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return vars(module_of(nodes, SCRATCH / "metrics.py"))


METRICS = load_metrics()


@st.composite
def split_data(draw):
    """Data of up to 10 examples, often without some class, and a split: batches of one, empty ones, ragged ones."""
    n = draw(st.integers(1, 10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    present = draw(st.integers(1, CLASSES))
    # Sixteenths are exact in float32, so that sums and ties are the same here and there.
    prob = rng.multinomial(16, rng.dirichlet(np.full(CLASSES, 0.5), n)).astype("float32") / 16
    y = rng.integers(0, present, n).astype("int32")
    w = rng.integers(0, 4, n).astype("float32")
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=5)))
    if draw(st.booleans()):
        cuts = list(range(1, n))
    return y, prob, w, cuts


def whole(y, prob, w):
    """Return the same data with weights spelled out: weight 2 is an example twice, weight 0 is none."""
    rows = np.repeat(np.arange(len(y)), w.astype(int))
    return y[rows], prob[rows]


def ratio(a, b):
    return a / b if b else 0.0


def f1(y, prob):
    is_yes, says_yes = y == 1, prob[:, 1] > 0.5
    return ratio(2 * np.sum(is_yes & says_yes), np.sum(is_yes) + np.sum(says_yes))


def report(y, prob):
    is_yes, says_yes = y == 1, prob[:, 1] > 0.5
    found = np.sum(is_yes & says_yes)
    return {"precision": ratio(found, says_yes.sum()), "recall": ratio(found, is_yes.sum()), "f1": f1(y, prob)}


def confusion(y, prob):
    matrix = np.zeros((CLASSES, CLASSES))
    np.add.at(matrix, (y, prob.argmax(axis=1)), 1)
    return matrix


def calibration(y, prob):
    confidence, right = prob.max(axis=1), prob.argmax(axis=1) == y
    bins = np.minimum((10 * confidence).astype(int), 9)
    gaps = [abs(np.mean(right[bins == b]) - np.mean(confidence[bins == b])) * np.mean(bins == b) for b in set(bins)]
    return sum(gaps)


def area(y, prob):
    """Return the share of pairs (yes, no) in order, where scores in one bin are equal."""
    score, is_yes = np.searchsorted(BORDERS, prob[:, 1]), y == 1
    yes, no = score[is_yes][:, None], score[~is_yes]
    return ratio(np.sum(yes > no) + np.sum(yes == no) / 2, yes.size * no.size)


def top_2(y, prob):
    true = prob[np.arange(len(y)), y][:, None]
    return ratio(np.sum(np.sum(prob > true, axis=1) < 2), len(y))


def r_squared(y, prob):
    y, p = y.astype("float64"), prob[:, 1].astype("float64")
    spread = np.sum((y - y.mean()) ** 2) if len(y) else 0
    return 1 - np.sum((y - p) ** 2) / spread if spread > 1e-9 else 0.0


def probability_of_one(y, prob):
    return (y == 1).astype("int32"), prob[:, 1]


def number_of_one(y, prob):
    return y.astype("float32"), prob[:, 1]


def with_answers(y, prob):
    return y, prob.argmax(axis=1).astype("int32")


def right_answers(y, prob):
    return np.sum(y == prob.argmax(axis=1))


def as_it_is(y, prob):
    return y, prob


# name: (arguments, what it is fed, the judge, whether it takes weights)
SOUND = {
    "MeanPrediction": ((), probability_of_one, lambda y, prob: ratio(prob[:, 1].sum(), len(y)), True),
    "StreamingF1": ((), probability_of_one, f1, True),
    "YesNoReport": ((), probability_of_one, report, True),
    "ConfusionCounts": ((CLASSES,), as_it_is, confusion, True),
    "ConfusionMatrix": ((CLASSES,), as_it_is, confusion, True),
    "CalibrationError": ((), as_it_is, calibration, True),
    "ReliabilityBins": ((), as_it_is, calibration, True),
    "ScoreHistogram": ((BORDERS,), probability_of_one, area, True),
    "TopK": ((2,), as_it_is, top_2, True),
    "RSquared": ((), number_of_one, r_squared, False),
    "TruePositivesOfOne": ((1,), as_it_is, lambda y, prob: confusion(y, prob)[1, 1], False),
    "ShareAbove": ((0.25,), probability_of_one, lambda y, prob: ratio(np.sum(prob[:, 1] > 0.25), len(y)), True),
    "ShareAboveSaved": ((0.25,), probability_of_one, lambda y, prob: ratio(np.sum(prob[:, 1] > 0.25), len(y)), True),
    "RightAnswersRead": ((), with_answers, right_answers, False),
    "LongCounter": ((), with_answers, right_answers, False),
}
# What the notebook shows as wrong: each must fail, on one of the examples below at the latest.
FAULTY = {
    "MeanPred": SOUND["MeanPrediction"],
    "TruePositives": SOUND["TruePositivesOfOne"],
}
# No metrics to judge by a number: a base class, counters of batches, what starts elsewhere, and what is faulty in other
# ways.
OTHERS = {"SumMetric", "RightAnswers", "BatchCounter", "VariableCounter", "FourSums", "NoWeights"}
OTHERS |= {"LeastConfidence", "LeastConfidenceReset"}

each_sound = pytest.mark.parametrize("name", SOUND)


def make(name):
    return METRICS[name](*{**SOUND, **FAULTY}[name][0])


def feed(metric, columns, cuts):
    for batch in zip(*(np.split(column, cuts) for column in columns), strict=True):
        metric.update_state(*(tf.constant(part) for part in batch))
    return metric.result()


def assert_agrees(name, metric, data, weighted):
    _, fed_with, judge, _ = {**SOUND, **FAULTY}[name]
    y, prob, w, cuts = data
    columns = [*fed_with(y, prob), *([w] if weighted else [])]
    want = judge(*(whole(y, prob, w) if weighted else (y, prob)))
    assert_same(feed(metric, columns, cuts), want)


def assert_same(got, want):
    got, want = (value if isinstance(value, dict) else {"": value} for value in (got, want))
    assert got.keys() == want.keys()
    for key, value in want.items():
        np.testing.assert_allclose(np.asarray(got[key]), value, rtol=0, atol=2e-4)


def test_every_metric_of_the_notebook_is_judged():
    defined = {name for name, value in METRICS.items() if isinstance(value, type)}
    assert defined == set(SOUND) | set(FAULTY) | OTHERS


@each_sound
@few_examples
@given(data=split_data())
def test_any_split_agrees_with_numpy(name, data):
    metric = make(name)
    for weighted in (False, True)[: 1 + SOUND[name][3]]:
        metric.reset_state()
        assert_agrees(name, metric, data, weighted)


@each_sound
def test_nothing_seen_is_zero(name):
    for value in tf.nest.flatten(make(name).result()):
        assert np.all(np.asarray(value) == 0)


@each_sound
def test_states_of_two_halves_add_up_to_the_whole(name):
    rng = np.random.default_rng(0)
    y, prob = rng.integers(0, CLASSES, 60).astype("int32"), rng.dirichlet(np.ones(CLASSES), 60).astype("float32")
    columns = SOUND[name][1](y, prob)
    halves = [make(name), make(name)]
    for half, part in zip(halves, (slice(0, 25), slice(25, 60)), strict=True):
        feed(half, [column[part] for column in columns], [7])
    METRICS["merge"](merged := make(name), halves)
    assert_same(merged.result(), {k: np.asarray(v) for k, v in as_dict(feed(make(name), columns, [])).items()})


def as_dict(result):
    return result if isinstance(result, dict) else {"": result}


@each_sound
def test_a_stored_result_stays(name):
    y, prob = np.int32([1, 2, 1]), np.float32([[0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
    columns, metric = SOUND[name][1](y, prob), make(name)
    stored = as_dict(feed(metric, columns, []))
    noted = {key: np.array(value) for key, value in stored.items()}
    feed(metric, [column[:1] for column in columns], [])
    metric.reset_state()
    assert_same(stored, noted)


@pytest.mark.parametrize("name", FAULTY)
def test_what_the_notebook_calls_wrong_is_caught(name):
    @settings(few_examples, phases=[Phase.generate])  # one example that shows the fault is enough
    @given(data=split_data())
    def agrees(data):
        for weighted in (False, True)[: 1 + FAULTY[name][3]]:
            assert_agrees(name, make(name), data, weighted)

    with pytest.raises((AssertionError, ExceptionGroup)):
        agrees()


def test_a_metric_with_arguments_survives_its_config():
    saved = METRICS["ShareAboveSaved"](threshold=0.9)
    assert type(saved).from_config(saved.get_config()).threshold == 0.9
    forgotten = METRICS["ShareAbove"](threshold=0.9)
    assert type(forgotten).from_config(forgotten.get_config()).threshold == 0.5, "the trap that the notebook shows"
