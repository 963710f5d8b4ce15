"""Answers to the exercises of notebook 08 whose verdict is known."""

import re

import numpy as np
import tensorflow as tf

from tests.proofs import Proof

MARKS = r"[.,;:!?]"


def negation(
    text, lower=True, contract=" not", words="not|no|never", gap=r"\s+", edge=r"\b", glued=r"not_\2", marks=MARKS
):
    text = tf.strings.lower(text) if lower else text
    text = tf.strings.regex_replace(text, r"n't\b", contract) if contract else text
    text = tf.strings.regex_replace(text, rf"{edge}({words}){gap}([^\s.,;:!?])", glued)
    return tf.strings.regex_replace(text, marks, " ") if marks else text


def faulty(**options):
    return lambda text: negation(text, **options)


def negation_by_layer_steps(text):
    """Marks become words of their own first, so that nothing is glued across them."""
    text = tf.strings.regex_replace(tf.strings.lower(text), rf"({MARKS})", r" \1 ")
    text = tf.strings.regex_replace(text, r"([a-z]+)n't(\s|$)", r"\1 not\2")
    text = tf.strings.regex_replace(text, r"(^|\s)(?:not|never|no)[ \t\n]+([^\s.,;:!?])", r"\1not_\2")
    return tf.strings.strip(tf.strings.regex_replace(text, r"[\s.,;:!?]+", " "))


def negation_once(text):
    text = tf.strings.regex_replace(tf.strings.lower(text), r"n't\b", " not")
    once = tf.strings.regex_replace(text, r"\b(not|no|never)\s+([^\s.,;:!?])", r"not_\2", replace_global=False)
    return tf.strings.regex_replace(once, MARKS, " ")


def negation_in_python(text):
    return np.array([re.sub(r"\bnot\s+", "not_", item.lower()) for item in text])


def negation_joined(text):
    return tf.strings.reduce_join(negation(text), separator=" ", keepdims=True)


def _real(embedded, ids):
    return tf.cast(ids != 0, embedded.dtype)[..., tf.newaxis]


def mean_by_where(embedded, ids):
    real = tf.not_equal(ids, 0)
    total = tf.reduce_sum(tf.where(real[:, :, None], embedded, 0.0), 1)
    return total / tf.cast(tf.maximum(tf.math.count_nonzero(real, 1, keepdims=True), 1), tf.float32)


def mean_by_matmul(embedded, ids):
    weights = tf.cast(ids > 0, tf.float32)
    weights = weights / tf.keras.ops.maximum(tf.keras.ops.sum(weights, axis=1, keepdims=True), 1.0)
    return tf.einsum("ns,nsd->nd", weights, embedded)


def mean_by_loop(embedded, ids):
    rows = [tf.boolean_mask(row, i != 0) for row, i in zip(embedded, ids, strict=True)]
    return tf.stack([tf.reduce_sum(row, 0) / max(len(row), 1) for row in rows])


def mean_with_nan(embedded, ids):
    real = _real(embedded, ids)
    return tf.reduce_sum(real * embedded, 1) / tf.reduce_sum(real, 1)


def mean_plus_one(embedded, ids):
    real = _real(embedded, ids)
    return tf.reduce_sum(real * embedded, 1) / (tf.reduce_sum(real, 1) + 1)


def mean_of_batch(embedded, ids):
    real = _real(embedded, ids)
    return tf.reduce_sum(real * embedded, 1) / tf.reduce_sum(real)


def plain(text):
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())


def copies(train_texts, test_texts, key=plain):
    known = set(map(key, train_texts))
    return [i for i, text in enumerate(test_texts) if key(text) in known]


def copies_by_regex(train_texts, test_texts):
    def key(text):
        return " ".join(re.sub(r"[^\w\s]|_", "", text.lower()).split())

    return np.array(copies(train_texts, test_texts, key), dtype=np.int64)


def copies_by_isin(train_texts, test_texts):
    parts = [np.array([plain(text) for text in part], dtype=str) for part in (test_texts, train_texts)]
    return tf.constant(np.flatnonzero(np.isin(*parts)))


def copies_as_mask(train_texts, test_texts):
    return np.isin(np.arange(len(test_texts)), copies(train_texts, test_texts))


def parts_of(train_texts, test_texts):
    train = [plain(text) for text in train_texts]
    return [i for i, text in enumerate(test_texts) if any(plain(text) in other for other in train)]


def repeats(train_texts, test_texts):
    seen = [plain(text) for text in test_texts]
    return [i for i, text in enumerate(seen) if text in seen[:i]]


def _gradient(ids, table, head):
    embedded = tf.gather(table, ids)
    with tf.GradientTape() as tape:
        tape.watch(embedded)
        logit = head(embedded[tf.newaxis])
    return embedded, tape.gradient(logit, embedded)


def _masked(values, ids):
    return tf.where(ids != 0, values, 0.0)


def saliency_in_a_batch(ids, table, head):
    embedded = tf.nn.embedding_lookup(table, ids)[None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(embedded)
        logit = tf.squeeze(head(embedded))
    parts = tf.einsum("bnd,bnd->n", tape.gradient(logit, embedded), embedded)
    return parts * tf.cast(ids != 0, tf.float32)


def saliency_by_scaling(ids, table, head):
    """The slope in a factor before each row."""
    scale = tf.Variable(tf.ones(len(ids)))
    with tf.GradientTape() as tape:
        logit = head((tf.gather(table, ids) * scale[:, None])[None])
    return np.where(ids.numpy() != 0, tape.gradient(logit, scale).numpy(), 0)


def saliency_of_table(ids, table, head):
    with tf.GradientTape() as tape:
        tape.watch(table)
        logit = head(tf.gather(table, ids)[tf.newaxis])
    gradient = tf.convert_to_tensor(tape.gradient(logit, table))
    return _masked(tf.reduce_sum(tf.gather(gradient * table, ids), -1), ids)


def saliency_unwatched(ids, table, head):
    embedded = tf.gather(table, ids)
    with tf.GradientTape() as tape:
        logit = head(embedded[tf.newaxis])
    return tape.gradient(logit, embedded)


def saliency(finish):
    def word_saliency(ids, table, head):
        embedded, gradient = _gradient(ids, table, head)
        return finish(embedded, gradient, ids)

    return word_saliency


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "keep_negation": Proof(
        right=[negation, negation_by_layer_steps, tf.function(negation)],
        wrong={
            "Lower the case": faulty(lower=False),
            "Words that end in n't are missing": faulty(contract=""),
            "never and no are": faulty(words="not"),
            "glues over a mark": faulty(gap=r"[\s.,;:!?]+"),
            "inside another word": faulty(edge=""),
            "marks are still there": faulty(marks=""),
            "Only the first": negation_once,
            "keeps its own name": faulty(glued=r"\1_\2"),
            "also left standing": faulty(glued=r"\1 not_\2"),
            "The n't is still there": faulty(contract="n't not"),
            "one text in, one text out": negation_joined,
            "A tensor of strings": lambda text: tf.strings.length(text),
        },
        raises=negation_in_python,
    ),
    "masked_mean": Proof(
        right=[mean_by_where, mean_by_matmul, mean_by_loop],
        wrong={
            "padding was averaged in": lambda embedded, ids: tf.reduce_mean(embedded, 1),
            "not by all steps": lambda embedded, ids: tf.reduce_mean(_real(embedded, ids) * embedded, 1),
            "That is a sum": lambda embedded, ids: tf.reduce_sum(_real(embedded, ids) * embedded, 1),
            "0/0 is nan": mean_with_nan,
            "one word too many": mean_plus_one,
            "words of the whole batch": mean_of_batch,
            "use tf, not NumPy": lambda embedded, ids: tf.constant(mean_by_where(embedded, ids).numpy()),
        },
        raises=raising,
    ),
    "find_duplicates": Proof(
        right=[copies, copies_by_regex, copies_by_isin],
        wrong={
            "in another case": lambda a, b: copies(a, b, lambda text: " ".join(re.sub(r"[^\w\s]", "", text).split())),
            "with other marks": lambda a, b: copies(a, b, lambda text: " ".join(text.lower().split())),
            "other white space": lambda a, b: copies(a, b, lambda t: re.sub(r"[^\w\s]", "", t.lower())),
            "Only exact copies": lambda a, b: copies(a, b, str),
            "in another order": lambda a, b: copies(a, b, lambda text: " ".join(sorted(plain(text).split()))),
            "part of a longer": parts_of,
            "places in the training part": lambda a, b: copies(b, a),
            "within the test part": repeats,
            "that is a mask": copies_as_mask,
            "those are texts": lambda a, b: [b[i] for i in copies(a, b)],
        },
        raises=raising,
    ),
    "word_saliency": Proof(
        right=[saliency_in_a_batch, saliency_by_scaling],
        wrong={
            "Padding is no word": saliency(lambda e, g, ids: tf.reduce_sum(g * e, -1)),
            "the gradient alone": saliency(lambda e, g, ids: _masked(tf.reduce_sum(g, -1), ids)),
            "length of the gradient": saliency(lambda e, g, ids: _masked(tf.norm(g, axis=-1), ids)),
            "lost the sign": saliency(lambda e, g, ids: _masked(tf.abs(tf.reduce_sum(g * e, -1)), ids)),
            "each dimension": saliency(lambda e, g, ids: g * e * tf.cast(ids != 0, tf.float32)[:, None]),
            "a mean over the dimensions": saliency(lambda e, g, ids: _masked(tf.reduce_mean(g * e, -1), ids)),
            "both shares each time": saliency_of_table,
            "batch axis": saliency(lambda e, g, ids: _masked(tf.reduce_sum(g * e, -1), ids)[None]),
            "got None": saliency_unwatched,
        },
        raises=raising,
    ),
}
