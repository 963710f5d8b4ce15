"""What notebook 08 says of Keras, its habits, and its functions in the surroundings of a project."""

import ast
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.environment import run_python
from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils import trust
from utils.data import reviews

layers = keras.layers
TRAIN = ["a good film", "a bad film about a storm", "not good at all", "the plot is weak"]
HELD_OUT = ["a good lighthouse", "the plot is thin"]


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The convolution, as the notebook has it."""
    parts = definitions(NOTEBOOKS[7])
    module = module_of([parts["make_reader"]], tmp_path_factory.mktemp("lesson") / "text_lesson.py")
    module.layers = tf.keras.layers
    return module


def first_words_source():
    """The standardizer as the notebook writes it, before it is registered."""
    cells = json.loads(NOTEBOOKS[7].read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (source,) = [source for source in sources if "def first_words" in source]
    return ast.unparse(next(node for node in ast.parse(source).body if getattr(node, "name", "") == "first_words"))


def first_words():
    space = {"tf": tf}
    exec(first_words_source(), space)
    return space["first_words"]


# The vocabulary that has read too much.


def adapted(texts, **options):
    layer = layers.TextVectorization(**options)
    layer.adapt(texts)
    return layer


HEALTHY = {
    "padded": {},
    "ragged": {"ragged": True},
    "with a limit": {"max_tokens": 6},
    "pairs": {"ngrams": 2},
    "letters": {"split": "character"},
    "as it comes": {"standardize": None},
    "a length that is enough": {"output_sequence_length": 20},
}


@pytest.mark.parametrize("options", HEALTHY.values(), ids=HEALTHY)
def test_never_seen_is_silent_on_a_vocabulary_of_the_training_part(options):
    assert len(trust.never_seen(adapted(TRAIN, **options), TRAIN)) == 0


@pytest.mark.parametrize("options", [{}, {"ragged": True}, {"max_tokens": 12}, {"ngrams": 2}])
def test_never_seen_names_the_words_of_a_vocabulary_that_has_read_everything(options):
    layer = adapted(TRAIN + HELD_OUT * 2, **options)
    words = {str(layer.get_vocabulary()[i]) for i in trust.never_seen(layer, TRAIN)}
    assert words & {"lighthouse", "thin"} and not words & {"good", "film", "plot"}


def test_never_seen_names_the_words_of_a_vocabulary_from_elsewhere():
    assert len(trust.never_seen(layers.TextVectorization(vocabulary=["good", "qat", "zyx"]), TRAIN)) == 2
    assert len(trust.never_seen(adapted(HELD_OUT), TRAIN)) == 2


def test_a_share_of_unknown_words_does_not_show_the_leak():
    layer = adapted(TRAIN + HELD_OUT * 2, max_tokens=12, ragged=True)
    assert np.mean(layer(HELD_OUT + TRAIN).flat_values == 1) > 0 and len(trust.never_seen(layer, TRAIN)) > 0


def test_never_seen_counts_what_is_cut_off_and_refuses_what_is_no_id():
    assert len(trust.never_seen(adapted(TRAIN, output_sequence_length=1), TRAIN)) > 0
    for mode in ("multi_hot", "count", "tf_idf"):
        with pytest.raises(ValueError, match="output_mode"):
            trust.never_seen(adapted(TRAIN, output_mode=mode), TRAIN)
    with pytest.raises(ValueError, match="TextVectorization"):
        trust.never_seen(layers.StringLookup(vocabulary=["good"]), TRAIN)


# Padding.


def pooled(mask):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            layers.Embedding(20, 4, mask_zero=mask, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def in_company(model):
    layer = adapted(TRAIN)
    texts = np.array([*TRAIN, "a good film " * 10], object)
    return trust.change_in_company(lambda part: model(layer(part)), texts, rows=len(TRAIN))


def test_alone_and_in_company_sees_padding_that_is_read():
    assert in_company(pooled(False)) > 0.01 and in_company(pooled(True)) < 1e-6


def test_alone_and_in_company_sees_a_convolution_that_reads_the_padding(lesson):
    reader = lesson.make_reader()
    assert in_company(reader) < 1e-6
    ids = layers.Input((None,), dtype="int64")
    rows = layers.Embedding(20, 4, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=1))(ids)
    read = layers.Conv1D(4, 3, padding="same", activation="relu")(rows)
    for pool in (layers.GlobalAveragePooling1D(), layers.GlobalMaxPooling1D()):
        assert in_company(keras.Model(ids, layers.Dense(1)(pool(read)))) > 1e-3


def test_a_convolution_drops_the_mask():
    with pytest.warns(UserWarning, match="mask"):
        out = layers.Conv1D(4, 3)(layers.Embedding(20, 4, mask_zero=True)(np.array([[1, 2, 3, 0]])))
    assert getattr(out, "_keras_mask", None) is None


# A standardizer of one's own.


@pytest.mark.parametrize("n", [0, 1, 249, 250, 251, 600])
def test_first_words_keeps_at_most_250(n):
    words = [f"w{i}" for i in range(n)]
    for gap in (" ", "  ", "\n", " \t"):
        (said,) = first_words()(tf.constant([gap.join(words)])).numpy()
        assert said.decode().split() == words[:250]


def test_first_words_takes_tags_and_marks_out_and_leaves_other_letters():
    texts = ["Good acting<br />NOT-so-good, isn't it?", "这部 电影 😀", "<i></i>"]
    said = [text.decode().split() for text in first_words()(tf.constant(texts)).numpy()]
    assert said == [["good", "acting", "notsogood", "isnt", "it"], ["这部", "电影", "😀"], []]


SAVE = """
layer = tf.keras.layers.TextVectorization(standardize=first_words, vocabulary=["good", "bad"])
tf.keras.Sequential([tf.keras.Input((), dtype="string"), layer]).save("own.keras")
"""
LOAD = 'print(tf.keras.models.load_model("own.keras")(tf.constant(["GOOD!"])).numpy().tolist())'
TRIED = f"""
try:
    {LOAD}
except TypeError as error:
    print("first_words" in str(error))
"""


def test_a_standardizer_travels_as_a_name_that_must_be_registered_where_it_is_loaded(tmp_path):
    head, plain = "import tensorflow as tf\n", first_words_source()
    registered = f'@tf.keras.utils.register_keras_serializable(package="course")\n{plain}'
    assert run_python(head + plain + "\n" + SAVE + TRIED, cwd=tmp_path).split()[-1] == "True"  # saved without a word
    assert run_python(head + plain + "\n" + LOAD.replace('"own.keras"', '"own.keras", {"first_words": first_words}'),
                      cwd=tmp_path).strip() == "[[2]]"  # custom_objects  # fmt: skip
    (tmp_path / "reading.py").write_text(head + registered + "\n", encoding="utf-8")
    run_python(head + registered + "\n" + SAVE, cwd=tmp_path)
    told = run_python("import sys\nsys.path.insert(0, '')\n" + head + TRIED + "import reading\n" + LOAD, cwd=tmp_path)
    assert told.split() == ["True", "[[2]]"]


def test_the_register_is_one_under_both_names():
    assert tf.keras.utils.register_keras_serializable is keras.saving.register_keras_serializable


# Texts in folders.


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("folders")
    for name in ("neg", "pos"):
        (place / name).mkdir()
        for i in range(50):
            (place / name / f"{i:03}.txt").write_text(f"{name} {i}", encoding="utf-8")
    return lambda **options: keras.utils.text_dataset_from_directory(place, validation_split=0.2, **options)


def pairs_of(dataset):
    return list(dataset.unbatch().as_numpy_iterator())


def test_folders_are_split_by_the_seed(folders):
    first = {text for text, _ in pairs_of(folders(subset="training", seed=1))}
    assert not first & {text for text, _ in pairs_of(folders(subset="validation", seed=1))}
    assert len(first & {text for text, _ in pairs_of(folders(subset="validation", seed=2))}) > 10
    both = [pairs_of(part) for part in folders(subset="both", seed=1)]
    assert [len(part) for part in both] == [80, 20] and {text for text, _ in both[0]} == first
    assert {label for _, label in pairs_of(folders(subset="validation", shuffle=False))} == {1}
    with pytest.raises(ValueError, match="seed"):
        folders(subset="training")


def test_a_pipeline_is_not_split_by_fit_and_adapts_without_labels(folders):
    train, _ = folders(subset="both", seed=1)
    layer = layers.TextVectorization()
    layer.adapt(train.map(lambda text, label: text))
    assert {"neg", "pos"} <= set(layer.get_vocabulary())
    with pytest.raises(Exception, match="string"):
        layers.TextVectorization().adapt(train)
    model = pooled(True)
    model.compile("adam", "binary_crossentropy")
    with pytest.raises(ValueError, match="validation_split"):
        model.fit(train.map(lambda text, label: (layer(text), label)), validation_split=0.2, verbose=0)


# The stand-in tells the story of the real reviews.


@pytest.fixture(scope="module")
def drawn():
    return reviews.write_reviews(6000, 0)


def test_negations_are_about_as_frequent_as_in_real_reviews(drawn):
    """Real: 1.8 in 100 words of blame, 1.3 in 100 of praise."""
    words = {"not", "no", "never", "nothing", "nobody"}
    share = [
        np.mean(
            [
                np.mean([word in words or word.endswith("n't") for word in text.split()])
                for text in drawn[0][drawn[1] == label]
            ]
        )
        for label in (0, 1)
    ]
    assert 0.015 < share[0] < 0.022 and 0.011 < share[1] < 0.016


def test_most_of_a_review_is_told_by_its_words_alone(drawn):
    """Pairs of words gain about as little on whole reviews as on real ones: a point."""
    texts, y = drawn
    right = []
    for ngrams in (1, 2):
        layer = layers.TextVectorization(20_000, ngrams=ngrams, output_mode="multi_hot", sparse=False)
        layer.adapt(texts[:4500])
        bags = layer(texts).numpy()
        keras.utils.set_random_seed(0)
        model = keras.Sequential([layers.Dense(1, activation="sigmoid")])
        model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
        model.fit(bags[:4500], y[:4500], batch_size=125, epochs=3, verbose=0)
        right.append(np.mean((model.predict(bags[4500:], verbose=0)[:, 0] > 0.5) == y[4500:]))
    assert 0.83 < right[0] < 0.91 and -0.01 < right[1] - right[0] < 0.03


def test_the_notebooks_constructed_sentences_hold_the_same_words():
    parts = definitions(NOTEBOOKS[7])
    space = {}
    for name in ("praising", "blaming", "patterns", "couples", "blames", "praises"):
        exec(compile(ast.unparse(parts[name]), name, "exec"), space)
    assert len(space["blames"]) == 128
    for blame, praise in zip(space["blames"], space["praises"], strict=True):
        assert blame != praise and sorted(blame.split()) == sorted(praise.split())


# The assertion behind an export: both models agree on raw strings.


def exported(trained, vectorizer, *more):
    return keras.Sequential([keras.Input((), dtype="string"), vectorizer, trained, *more])


def agree(text_model, trained, vectorizer):
    texts = tf.constant([*TRAIN, "A Good FILM", "good " * 30])
    return np.allclose(text_model(texts), trained(vectorizer(texts)), atol=1e-5)


def test_the_assertion_behind_an_export_fires_on_each_way_to_export_another_model():
    trained, vectorizer = pooled(True), adapted(TRAIN, output_sequence_length=20)
    assert agree(exported(trained, vectorizer), trained, vectorizer)
    faults = [
        exported(trained, vectorizer, layers.Activation("sigmoid")),
        exported(trained, adapted(HELD_OUT, output_sequence_length=20)),
        exported(trained, adapted(TRAIN, output_sequence_length=20, standardize=None)),
        exported(pooled(False), vectorizer),
    ]
    assert not any(agree(fault, trained, vectorizer) for fault in faults)


# The labels of one batch, and of the validation part.


def test_the_count_of_labels_shows_an_order():
    labels = np.repeat([0, 1], 100)
    rng = np.random.default_rng(0)
    in_order = tf.data.Dataset.from_tensor_slices(labels).batch(32)
    barely = tf.data.Dataset.from_tensor_slices(labels).shuffle(8, seed=0).batch(32)
    shuffled = tf.data.Dataset.from_tensor_slices(rng.permutation(labels)).batch(32)
    first = [np.bincount(next(iter(data)), minlength=2).min() for data in (in_order, barely, shuffled)]
    assert first[0] == first[1] == 0 and first[2] > 5
    assert np.bincount(labels[-40:], minlength=2).tolist() == [0, 40]
