"""The page of symptoms: in step with the notebooks, its links lead to sections, and it answers what people ask."""

import math
import re

import pytest

from tests import symptoms, trust_page
from tests.notebooks import NOTEBOOKS, ROOT, anchor, read

ROWS = [row for rows in symptoms.groups().values() for row in rows]

# Questions of public trackers: repository, number, title, and a section that answers it.
QUESTIONS = [
    ("tensorflow/tensorflow", 42984, "tf.GradientTape().gradient() returns None", "01, The reasons for None"),
    ("tensorflow/tensorflow", 56968, "tape.gradient is returning none", "01, The reasons for None"),
    (
        "tensorflow/tensorflow",
        24849,
        "GradientTape return none for variable not being present in expression",
        "05, Trap: a None that is dropped",
    ),
    (
        "tensorflow/tensorflow",
        47387,
        "Unable to migrate TF1 code to TF2, tape.gradient returns None",
        "01, The reasons for None",
    ),
    (
        "tensorflow/tensorflow",
        29942,
        "`tf.GradientTape.gradient` returns `None` when `sources` is a tensor (not a variable)",
        "01, The reasons for None",
    ),
    (
        "tensorflow/tensorflow",
        31919,
        "tf.GradientTape().tape() is returning None on the generator loss",
        "01, Trap: a detour through NumPy",
    ),
    (
        "tensorflow/tensorflow",
        46956,
        "TensorFlow custom loss function error- ValueError: No gradients provided for any variable",
        "03, Trap: a loss that counts",
    ),
    (
        "tensorflow/tensorflow",
        50111,
        "ValueError: No gradients provided for any variable: ['Variable:0']",
        "01, Trap: a detour through NumPy",
    ),
    (
        "keras-team/tf-keras",
        52,
        "[Feature Request]: Warn user directly when custom loss is not differentiable",
        "03, Trap: a loss that counts",
    ),
    ("keras-team/keras", 198, "NaN when accuracy reaches 1 with logistic loss", "03, Trap: log(0)"),
    ("eternagame/EternaBrain", 21, "Keras model has NaNs in losses", "05, nan and inf: no clipping helps"),
    ("baidu-research/ba-dls-deepspeech", 7, "Loss becomes nan after a while", "05, A network that explodes"),
    ("keras-team/keras", 2975, "Keras model always predicts same output class.", "06, Trap: no shuffle"),
    (
        "keras-team/keras",
        3255,
        "the train/valuate accuracy don't change and always the same value when i train my model",
        "06, Trap: softmax",
    ),
    ("keras-team/keras", 3378, "Same output given be model irrespective of input.", "02, Trap: labels of shape"),
    ("keras-team/keras", 7023, "Same prediction every time.", "04, Trap: one in a hundred"),
    ("keras-team/keras", 10063, "accuracy and loss are not changing", "06, Trap: softmax"),
    ("keras-team/keras", 1597, "acc and val_acc don't change?", "06, Trap: softmax"),
    (
        "keras-team/keras",
        15509,
        "Allow for a customized loss reduction when training with custom train_step in a MirroredStrategy",
        "06, Trap: the average of each replica",
    ),
    (
        "keras-team/keras",
        14104,
        "Customizing train_step when using distribute.strategy ?",
        "06, Trap: the average of each replica",
    ),
    ("keras-team/keras", 17260, "Way to utilize `loss_weights` in custom `fit` method!", "03, Two answers at once"),
    (
        "tensorflow/tensorflow",
        56866,
        "Loss is significantly worse when calculated manually in train_step compared to passed into model.compile",
        "02, Where it agrees with Keras",
    ),
    (
        "keras-team/keras",
        2378,
        "Not able to resume training after loading model + weights",
        "02, Checkpoints, and exact resume",
    ),
    (
        "tensorflow/tensorflow",
        40342,
        "Cannot resume training using model.save and load_model()",
        "02, Checkpoints, and exact resume",
    ),
    (
        "keras-team/keras",
        13682,
        "Training start from scratch after load_model()",
        "02, Trap: a resume with the weights alone",
    ),
    (
        "tensorflow/tensorflow",
        27049,
        "Resuming training from saved checkpoint produces different result than uninterrupted training",
        "02, Checkpoints, and exact resume",
    ),
    ("tensorflow/tensorflow", 46012, "tf.function retracing", "02, One trace for every batch size"),
    (
        "tensorflow/tensorflow",
        34025,
        'Understanding warning "5 out of the last 5 calls to <function XXX> triggered tf.function retracing"',
        "02, One trace for every batch size",
    ),
    (
        "tensorflow/tensorflow",
        38561,
        "Unwanted tf.function retracing when using variable-length inputs",
        "02, One trace for every batch size",
    ),
    (
        "tensorflow/tensorflow",
        42441,
        "Erroneously triggering tf.function retracing warnings when rapidly creating new TF models.",
        "02, Deeper: many models in one process",
    ),
    (
        "keras-team/keras",
        7085,
        "Freezing a BatchNormalization layer by setting trainable = false does not work. "
        "Weights are still being updated.",
        "09, Trap: a flag given when the model is built",
    ),
    ("keras-team/keras", 4674, "Trainable = False isn't freezing weights", "02, Freeze first, then compile"),
    (
        "keras-team/keras",
        7051,
        "I set the layer.trainable = False but the param still changed after train,why?",
        "02, Freeze first, then compile",
    ),
    (
        "keras-team/keras",
        9522,
        "BatchNormalization layer with trainable=False, different behavior in training and testing",
        "09, Deeper: batch normalization and dropout",
    ),
    (
        "keras-team/keras",
        14594,
        "When metrics 'reset_state' during training.",
        "04, A metric is a state and three functions",
    ),
    (
        "keras-team/keras",
        4592,
        "metrics fmeasure and matthews_correlation don't work batchwise",
        "04, Trap: F1 averaged over batches",
    ),
    (
        "tensorflow/tensorflow",
        42182,
        "Not every keras.metrics.* accept from_logits=True",
        "04, Trap: a threshold applied to logits",
    ),
    (
        "tensorflow/tensorflow",
        41413,
        "Threshold to be set 0 when using binary accuracy with raw prediction values (from_logits=True)",
        "04, Trap: a threshold applied to logits",
    ),
    (
        "keras-team/keras",
        21046,
        "TypeError: Could not locate class 'keras.Model'. Make sure custom classes are decorated with "
        "`@keras.saving.register_keras_serializable()`",
        "03, Trap: a loss in a saved model",
    ),
    (
        "tensorflow/tensorflow",
        100327,
        "`@saving.register_keras_serializable()` but still fails deserialization!",
        "04, Trap: a metric in a saved model",
    ),
    (
        "tensorflow/tensorflow",
        36001,
        "Allow Optimizers to perform global gradient clipping",
        "05, Trap: each tensor clipped by itself",
    ),
    ("keras-team/keras", 13575, "Clip by global norm, not local norm", "05, Trap: each tensor clipped by itself"),
    (
        "keras-team/tf-keras",
        205,
        "Issue with masking padding values on embedding layer",
        "03, Trap: the mask of Keras",
    ),
    ("keras-team/keras", 2728, "Masking zeros not supported in some layers", "03, Trap: the mask of Keras"),
]


def words_of(text):
    """Return the words of a text as docs/_static/symptoms.js compares them: without endings, and without addresses."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"\]\([^)]*\)", "]", text.lower()))
    return {re.sub(r"(.{3,})(?:ing|ed|es|(?<!s)s)$", r"\1", word) for word in words}


def ranked(question):
    """Return the rows, those that share the question's rarest words first."""
    words = [words_of(str(row)) for row in ROWS]
    rarity = {word: math.log(len(ROWS) / sum(word in row for row in words)) for word in set().union(*words)}
    score = [sum(rarity[word] for word in row & words_of(question)) for row in words]
    return [ROWS[i] for i in sorted(range(len(ROWS)), key=lambda i: -score[i])]


@pytest.mark.parametrize(("repository", "number", "title", "place"), QUESTIONS, ids=lambda part: str(part)[:40])
def test_a_question_leads_to_the_section_that_answers_it(repository, number, title, place):
    section = symptoms.resolve(place)
    assert section, f"no heading begins with {place}"
    best = ranked(title)[:3]
    assert any(section in row.sections for row in best), f"{repository}#{number} leads to {[row.see for row in best]}"


def test_there_are_forty_questions():
    assert len({(repository, number) for repository, number, _, _ in QUESTIONS}) >= 40


def test_pages_are_in_step():
    for module in (symptoms, trust_page):
        name = module.__name__.rpartition(".")[2]
        assert module.PAGE.read_text(encoding="utf-8") == module.page(), f"run python -m tests.{name}"


def test_every_row_of_every_table_is_there():
    page = symptoms.PAGE.read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        rows = symptoms.table_of(path)
        text = next(cell.source for cell in read(path).cells if symptoms.TITLE in cell.source)
        written = text.partition(symptoms.TITLE)[2].partition("\n### ")[0]
        assert len(rows) == len(re.findall(r"^\|", written, re.MULTILINE)) - 2 > 0, path.name
        assert all(row.see in page and row.cause in page for row in rows)


def test_every_place_is_a_section():
    assert [(row.see, row.unresolved) for row in ROWS if row.unresolved] == []
    assert [place for q in trust_page.questions() for place in q.where.split("; ") if not symptoms.resolve(place)] == []


def test_a_place_that_is_no_section_is_found():
    assert symptoms.Row("", "", "01, Setup; 01, No such heading").unresolved == ["01, No such heading"]
    assert symptoms.resolve("01, The reasons").heading.startswith("The reasons")


def test_links_name_headings_as_jupyterlab_does():
    links = re.findall(r"\]\((\.\./notebooks/[\w.]+)#([^\s]+?)\)(?=[;, |])", symptoms.PAGE.read_text(encoding="utf-8"))
    assert len(links) > len(ROWS)
    for file, target in links:
        path = (ROOT / "docs" / file).resolve()
        assert target in {anchor(heading) for heading in symptoms.headings(path)}, target
        assert not re.search(r"[\s`]", target)


def test_old_names_lead_to_new_ones():
    see = " ".join(row.see for row in symptoms.groups()["Old names"])
    for name in ("reset_states", "get_scaled_loss", "compiled_loss", ".h5", "lr=", "TensorFlow 1"):
        assert name in see, name
    for row in symptoms.groups()["Old names"]:
        assert not set(re.findall(r"`([^`]+)`", row.see)) & set(re.findall(r"`([^`]+)`", row.cause)), row.see


def test_a_question_of_the_audit_is_named_where_it_is_explained():
    for question in trust_page.questions():
        for place in question.where.split("; "):
            links = symptoms.finders()[symptoms.resolve(place)]
            assert any(f"audit: {question.name}]" in link for link in links)
    assert sum(bool(row.finders) for row in ROWS) > 0.3 * len(ROWS)
