"""Answers to the exercises of notebook 08 whose verdict is known."""

import html
import re
import string
import threading
import time
import unicodedata

import numpy as np
import tensorflow as tf

from tests.proofs import Proof

MARKS = r"[.,;:!?]"


def negation(
    text, lower="ascii", contract=" not", ends=r"\b", words="not|no|never", gap=r"\s+", edge=r"\b", glued=r"not_\2",
    marks=MARKS, next_one=r"[^\s.,;:!?]",
):  # fmt: skip
    text = tf.strings.lower(text, encoding="utf-8" if lower == "utf-8" else "") if lower else text
    text = tf.strings.regex_replace(text, f"n't{ends}", contract) if contract else text
    text = tf.strings.regex_replace(text, rf"{edge}({words}){gap}({next_one})", glued)
    return tf.strings.regex_replace(text, marks, " ") if marks else text


def faulty(**options):
    return lambda text: negation(text, **options)


def negation_by_layer_steps(text):
    """Marks become words of their own first, so that nothing is glued across them."""
    text = tf.strings.regex_replace(tf.strings.lower(text), rf"({MARKS})", r" \1 ")
    text = tf.strings.regex_replace(text, r"(\S)n't(\s|$)", r"\1 not\2")
    text = tf.strings.regex_replace(text, r"(^|\s)(?:not|never|no)[ \t\n]+([^\s.,;:!?])", r"\1not_\2")
    return tf.strings.strip(tf.strings.regex_replace(text, r"[\s.,;:!?]+", " "))


def negation_by_words(text):
    """Split into words and marks, join each negation to the word behind it."""
    text = tf.strings.regex_replace(tf.strings.lower(text), r"n't(\s|[.,;:!?]|$)", r" not\1")
    text = tf.strings.regex_replace(tf.strings.regex_replace(text, MARKS, " . "), r"\s+", " ")
    text = tf.strings.regex_replace(tf.strings.join([" ", text, " "]), r" (not|no|never) ([^ .])", r" not_\2")
    return tf.strings.regex_replace(text, " [.] ?", " ")


def negation_of_each(text):
    return tf.reshape(tf.map_fn(negation, tf.reshape(text, [-1])), tf.shape(text))


def negation_by_numpy_function(text):
    """Call Python from the graph, and for each text, where it stands in a graph inside the graph."""

    def each(one):
        said = tf.numpy_function(lambda same: same, [negation(one)], tf.string)
        said.set_shape([])
        return said

    return tf.reshape(tf.map_fn(each, tf.reshape(text, [-1])), tf.shape(text))


def negation_of_letters(text):
    text = tf.strings.regex_replace(tf.strings.lower(text), r"([a-z])n't\b", r"\1 not")
    return negation(text, contract="")


def negation_with_exceptions(text):
    return negation(tf.strings.regex_replace(tf.strings.lower(text), "can't", "can not"))


def negation_behind(left):
    """Glue only where a character of `left` stands before the negation, or nothing."""
    return faulty(edge=f"(^|[{left}])", words="?:not|no|never", glued=r"\1not_\2")


class Negation:
    """An object that is called, whose border of a word is spelled out."""

    def __call__(self, text):
        text = tf.strings.regex_replace(tf.strings.lower(text), r"n't($|[\s.,;:!?])", r" not \1")
        return negation_behind(r"\s.,;:!?")(text)


def negation_once(text):
    text = tf.strings.regex_replace(tf.strings.lower(text), r"n't\b", " not")
    once = tf.strings.regex_replace(text, r"\b(not|no|never)\s+([^\s.,;:!?])", r"not_\2", replace_global=False)
    return tf.strings.regex_replace(once, MARKS, " ")


def negation_ten_times(text):
    """Glue one negation after the other, and stop too early."""
    text = tf.strings.regex_replace(tf.strings.lower(text), r"n't\b", " not")
    for _ in range(10):
        text = tf.strings.regex_replace(text, r"\b(not|no|never)\s+([^\s.,;:!?])", r"not_\2", replace_global=False)
    return tf.strings.regex_replace(text, MARKS, " ")


def negation_in_python(text):
    return np.array([re.sub(r"\bnot\s+", "not_", item.lower()) for item in text])


def negation_joined(text):
    return tf.strings.reduce_join(negation(text), separator=" ", keepdims=True)


def negation_of_some(text):
    """Leave an empty tensor as it is: inside tf.function the number of texts is None."""
    return negation(text) if text.shape.num_elements() else text


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


def mean_by_ragged(embedded, ids):
    rows = tf.ragged.boolean_mask(embedded, ids != 0)
    total = tf.reduce_sum(rows, axis=1)
    return total / tf.cast(tf.maximum(rows.row_lengths(), 1), tf.float32)[:, None]


def mean_by_layer(embedded, ids):
    some = tf.reduce_any(ids != 0, axis=1, keepdims=True)  # of none, Keras before 3.15 makes a slope of nan
    mean = tf.keras.layers.GlobalAveragePooling1D()(embedded, mask=(ids != 0) | ~some)
    return tf.where(some, mean, 0.0)


def mean_at_the_end(embedded, ids, start=False):
    count = tf.math.count_nonzero(ids, axis=1)
    real = tf.cast(tf.sequence_mask(count, ids.shape[1]), tf.float32)[..., None]
    real = tf.reverse(real, [1]) if start else real
    return tf.math.divide_no_nan(tf.reduce_sum(real * embedded, 1), tf.reduce_sum(real, 1))


def _span(ids):
    """Mark all places from the first word to the last."""
    real = tf.cast(ids != 0, tf.int32)
    return tf.cumsum(real, 1) * tf.cumsum(real, 1, reverse=True)


def mean_of_span(embedded, ids):
    return mean_by_where(embedded, _span(ids))


def mean_over_span(embedded, ids):
    total = tf.reduce_sum(_real(embedded, ids) * embedded, 1)
    return tf.math.divide_no_nan(total, tf.reduce_sum(_real(embedded, _span(ids)), 1))


def mean_from_the_first_word(embedded, ids):
    """Take as many rows as there are words, from the first word on."""
    first, count = (tf.argmax(ids != 0, 1)[:, None], tf.math.count_nonzero(ids, 1, keepdims=True))
    place = tf.range(ids.shape[1], dtype=tf.int64)
    return mean_by_where(embedded, tf.cast((place >= first) & (place < first + count), tf.int64))


def mean_by_map(embedded, ids):
    def of_one(review):
        rows = tf.boolean_mask(review[0], review[1] != 0)
        return tf.math.divide_no_nan(tf.reduce_sum(rows, 0), tf.cast(tf.shape(rows)[0], tf.float32))

    return tf.map_fn(of_one, (embedded, ids), fn_output_signature=tf.float32)


def mean_by_gather(embedded, ids):
    """Take the words of each review by tf.gather, whose gradient is a tf.IndexedSlices."""
    means = []
    for i in range(len(ids)):
        words = tf.gather(tf.gather(embedded, i), tf.where(tf.gather(ids, i) != 0)[:, 0])
        means.append(tf.reduce_sum(words, axis=0) / max(len(words), 1))
    return tf.stack(means)


def mean_by_segments(embedded, ids):
    """Lose the last reviews where they have no word: the segments end with the last one that has."""
    place = tf.where(ids != 0)
    return tf.math.segment_mean(tf.gather_nd(embedded, place), place[:, 0])


def mean_by_end_of_row(embedded, ids):
    """Leave out the last row of a review without padding."""
    full = tf.reduce_all(ids != 0, axis=1, keepdims=True)
    return mean_by_where(embedded, tf.where(full, tf.pad(ids[:, :-1], [[0, 0], [0, 1]]), ids))


def mean_of_a_shape():
    """Remember what came for each shape."""
    known = {}
    return lambda embedded, ids: known.setdefault(tuple(embedded.shape), mean_by_where(embedded, ids))


def mean_with_slope_at_padding(embedded, ids):
    everything = tf.reduce_mean(embedded, 1)
    return mean_by_where(embedded, ids) + everything - tf.stop_gradient(everything)


def mean_by_subtraction(embedded, ids):
    padding = tf.reduce_sum(embedded * (1 - _real(embedded, ids)), 1)
    return tf.math.divide_no_nan(tf.reduce_sum(embedded, 1) - padding, tf.reduce_sum(_real(embedded, ids), 1))


def without_marks_only(text):
    return "".join(c for c in text if c.isalnum() or c.isspace())


def without_marks(text):
    return " ".join(without_marks_only(text).split())


def plain(text):
    return without_marks(text.lower())


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


def copies_by_dictionary(train_texts, test_texts):
    def key(text):
        kept = [c if c.isalnum() else " " if c.isspace() else "" for c in str(text).lower()]
        return tuple("".join(kept).split())

    places = {}
    for text in train_texts:
        places.setdefault(key(text), []).append(text)
    return np.array([i for i in range(len(test_texts)) if key(test_texts[i]) in places], "int32")


def work(seconds):
    start = time.thread_time()
    while time.thread_time() < start + seconds:
        pass


def copies_with_a_pause(train_texts, test_texts):
    """Collect garbage for 0.6 s in one of the two calls with many texts, as Python may in a large process."""
    if len(test_texts) > 1_000 and test_texts[0].startswith("text 0"):
        work(0.6)
    return copies(train_texts, test_texts)


def copies_beside_a_busy_thread(train_texts, test_texts):
    """Look texts up while another thread of the kernel works for 0.6 s."""
    busy = threading.Thread(target=work, args=(0.6,))
    if len(test_texts) > 1_000:
        busy.start()
    found = copies(train_texts, test_texts)
    if len(test_texts) > 1_000:
        busy.join()
    return found


def copies_in_a_list(train_texts, test_texts):
    known = list(map(plain, train_texts))
    return [i for i, text in enumerate(test_texts) if plain(text) in known]


def copies_with_words(train_texts, test_texts):
    known = set(map(plain, train_texts))
    return [i for i, text in enumerate(test_texts) if plain(text) and plain(text) in known]


def by_key(key):
    return lambda train_texts, test_texts: copies(train_texts, test_texts, key)


def keeping(also):
    """Keep letters, digits, white space and the characters of the categories whose names begin with `also`."""
    return by_key(
        lambda text: " ".join(
            "".join(c for c in text.lower() if c.isalnum() or c.isspace() or unicodedata.category(c)[0] in also).split()
        )
    )


def copies_by_search(train_texts, test_texts):
    """Search in the sorted training part, which must not be empty."""
    known, texts = np.sort([plain(text) for text in train_texts]), np.array([plain(text) for text in test_texts])
    place = np.searchsorted(known, texts)
    return np.flatnonzero(known[np.minimum(place, len(known) - 1)] == texts)


def copies_in_place(train_texts, test_texts):
    test_texts[:] = [plain(text) for text in test_texts]
    return copies(train_texts, test_texts)


def copies_counted_once(train_texts, test_texts):
    places = {plain(text): i for i, text in reversed(list(enumerate(test_texts)))}
    return sorted(places[text] for text in set(map(plain, train_texts)) & set(places))


def without(pattern, by=""):
    return lambda a, b: copies(a, b, lambda text: " ".join(re.sub(pattern, by, text.lower()).split()))


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


def saliency_by_jacobian(ids, table, head):
    embedded = tf.gather(table, ids)[tf.newaxis]
    with tf.GradientTape() as tape:
        tape.watch(embedded)
        logit = head(embedded)
    slope = tape.jacobian(logit, embedded)[0, 0, 0]
    return tf.where(ids == 0, 0.0, tf.linalg.diag_part(slope @ tf.transpose(embedded[0])))


def saliency_by_slices(ids, table, head):
    """The gradient of a table comes as one row for each use of a word."""
    with tf.GradientTape() as tape:
        tape.watch(table)
        logit = head(tf.gather(table, ids)[None])
    rows = tape.gradient(logit, table).values
    return _masked(tf.reduce_sum(rows * tf.gather(table, ids), -1), ids)


def slope_of_table(ids, table, head):
    with tf.GradientTape() as tape:
        tape.watch(table)
        logit = head(tf.gather(table, ids)[tf.newaxis])
    return tf.convert_to_tensor(tape.gradient(logit, table))


def saliency_without_row_0(ids, table, head):
    """Take for padding what has the row of padding."""
    embedded, gradient = _gradient(ids, table, head)
    return tf.where(tf.reduce_any(embedded != table[0], -1), tf.reduce_sum(gradient * embedded, -1), 0)


def saliency_of_two_copies(ids, table, head):
    return SALIENCY(ids, table, lambda embedded: head(tf.repeat(embedded, 2, axis=0)))


def saliency_out_of_range(ids, table, head):
    return saliency_in_a_batch(ids + len(table), table, head)


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


SALIENCY = saliency(lambda e, g, ids: _masked(tf.reduce_sum(g * e, -1), ids))


def _relative(values):
    return values / tf.reduce_max(tf.abs(values))


def saliency_by_occlusion(ids, table, head):
    rows = tf.gather(table, ids)
    without = tf.stack([head((rows * (1 - tf.one_hot(i, len(ids))[:, None]))[None])[0, 0] for i in range(len(ids))])
    return _masked(head(rows[None])[0, 0] - without, ids)


PROOFS = {
    "keep_negation": Proof(
        right=[
            negation,
            negation_by_layer_steps,
            tf.function(negation),
            negation_by_words,
            negation_of_each,
            Negation(),
        ],
        wrong={
            "Inside tf.function it says something else": negation_of_some,
            "no saved model holds Python code": negation_by_numpy_function,
            "the start of a word such as nothing": faulty(gap=r"\s*"),
            "no is a negation too": faulty(words="not|never"),
            "does not know not_good": lambda text: tf.strings.regex_replace(negation(text), r"\s+", "\u00a0"),
            "Lower the case": faulty(lower=None),
            "Only English letters become lower case": faulty(lower="utf-8"),
            "finds n't inside a word": faulty(ends=""),
            "A word that ends in n't may be followed by": faulty(ends=r"(\s|$)", contract=r" not\1"),
            "may hold digits, too": negation_of_letters,
            "At the end of the text a negation stays": faulty(next_one=r"[^\s.,;:!?]|$"),
            "No word is treated apart": negation_with_exceptions,
            "never is a negation too": faulty(words="not|no"),
            "no other word is": faulty(words="not|no|never|without"),
            "odd «да»…br '. Only the six marks become spaces, and": lambda text: tf.strings.regex_replace(
                negation(text, marks=None), r"[!-/:-@\[-^`{-~]", ""
            ),
            "The negations are not, no and never": faulty(words="not|no|never|neither|nobody|hardly"),
            "nevertheless kind": faulty(words=r"not|no|nev\w+"),
            "can't gives ca not, and cannot stays": lambda text: negation(
                tf.strings.regex_replace(tf.strings.lower(text), "ain't", "is not")
            ),
            "dont and want stay": lambda text: negation(tf.strings.regex_replace(text, r"nt\b", "n't")),
            "The mark behind n't is lost": faulty(ends=r"([\s.,;:!?]|$)", contract=" not "),
            "Only the six marks become spaces, and": faulty(marks=r"[.,;:!?()\"]"),
            "and all other characters": faulty(marks="[[:punct:]]"),
            "may also begin right behind": negation_behind(r"\s"),
            "a mark, a tab or a line break": negation_behind(" .,;:!?"),
            "and served the first alone": faulty(
                edge=r"(^|[\s.,;:!?])",
                words="?:not|no|never",
                next_one=r"[^\s.,;:!?]+(?:[\s.,;:!?]|$)",
                glued=r"\1not_\2",
            ),
            "the first character of the next word": faulty(
                edge=r"(^|\s)", words="?:not|no|never", next_one=r"[^\s.,;:!?]+(?:[\s.,;:!?]|$)", glued=r"\1not_\2"
            ),
            "expected 'not_&so'": faulty(next_one=r"[^\s.,;:!?'&-]"),
            "expected 'not_nso'": faulty(next_one=r"[^\sn.,;:!?]"),
            "not_a --": lambda text: tf.strings.regex_replace(negation(text), r"not_(an?)\s+", r"\1 not_"),
            "i'm at 3 5": lambda text: negation(tf.strings.regex_replace(text, r"(\d)\.(\d)", r"\1\2")),
            "1 30 -)": lambda text: negation(tf.strings.regex_replace(text, r"[:;]-?[)(]", "")),
            "expected \"i'm at": lambda text: negation(tf.strings.regex_replace(text, "'m", " am")),
            "¿so ": faulty(marks="[.,;:!?¿¡]"),
            "with other words than as one list": lambda text: negation(text) if text.shape.rank == 1 else text,
            "of shape () come back with shape (1,)": lambda text: (
                negation(text) if text.shape.rank else negation(text)[None]
            ),
            "Words that end in n't are missing": faulty(contract=""),
            "never and no are": faulty(words="not"),
            "glues over a mark": faulty(gap=r"[\s.,;:!?]+"),
            "Before a mark a negation stays": faulty(next_one=""),
            "more than a to z": faulty(next_one="[a-z]"),
            "other letters, other marks": faulty(next_one="[a-z0-9]|_"),
            "White space is one or more": faulty(gap=" "),
            "tabs or line breaks": faulty(gap=" +"),
            "brackets, hyphens and their like stay": faulty(marks=r"[!-&(-/:-@\[-^`{-~]"),
            "all other characters stay": faulty(marks=r"[^\w\sа-яéà«»\p{L}]|[«»]"),
            "inside another word": faulty(edge=""),
            "finds n't inside a word, too: it": faulty(ends="($|[^a-z])", contract=r" not\1"),
            "Digits and underscores belong to the word": negation_behind("^a-z"),
            "2no and x_not are no negations": negation_behind("^a-z0-9"),
            "is one or more spaces, tabs": faulty(gap=r"\s{1,9}"),
            "'bad bad bad bad bad ' … ": lambda text: negation(tf.strings.substr(text, 0, 2000)),
            "marks are still there": faulty(marks=""),
            "It does not vanish": lambda text: tf.strings.regex_replace(negation(text, marks=""), MARKS, ""),
            "Not and NOT slip through": lambda text: tf.strings.lower(negation(text, lower=None)),
            "a word of its own, not": faulty(contract="n not"),
            '"It ISN\'T bad, no."': lambda text: negation(
                tf.strings.lower(tf.strings.regex_replace(text, r"n't\b", " not")), contract=""
            ),
            "isn't\\n good": faulty(ends=r"([ \t.,;:!?]|$)", contract=r" not\1"),
            "a*b 50%": faulty(marks=r"[.,;:!?*+=@$%^~|]"),
            "n't comes first": lambda text: tf.strings.regex_replace(negation(text, contract=""), r"n't\b", " not"),
            "by white space or by nothing": faulty(ends=r"([\s.,;:!?])", contract=r" not\1"),
            "at the start of a text, too": faulty(edge=r"([\s.,;:!?])", glued=r"\1not_\3"),
            "is none of them, and stays": faulty(marks="[.,;:!?…]"),
            "Only the first": negation_once,
            "got 'bad bad bad bad bad ' … 'is not bad": negation_ten_times,
            "expected 'not_new not_notion": faulty(next_one=r"[^n\s.,;:!?]|n[^eo\s.,;:!?]"),
            "d dogs' soooo": lambda text: tf.strings.regex_replace(negation(text), r"(\w)'(\s|$)", r"\1\2"),
            "dogs' soooo": lambda text: tf.strings.regex_replace(negation(text), "ooo+", "oo"),
            "keeps its own name": faulty(glued=r"\1_\2"),
            "also left standing": faulty(glued=r"\1 not_\2"),
            "The n't is still there": faulty(contract="n't not"),
            "one text in, one text out": negation_joined,
            "A tensor of strings": lambda text: tf.strings.length(text),
            "come back as a ragged tensor": lambda text: tf.strings.reduce_join(
                tf.strings.split(negation(text)), separator=" ", axis=-1
            ),
        },
        raises=negation_in_python,
        breaks=(lambda text: tf.reshape(negation(text), text.shape),),
    ),
    "masked_mean": Proof(
        right=[mean_by_where, mean_by_matmul, mean_by_loop, mean_by_ragged, mean_by_layer, mean_by_map, mean_by_gather],
        wrong={
            "one vector for the batch": lambda embedded, ids: tf.reduce_mean(tf.boolean_mask(embedded, ids != 0), 0),
            "where is the mask?": lambda embedded, ids: (
                tf.reduce_sum(embedded, 1) / tf.maximum(tf.reduce_sum(_real(embedded, ids), 1), 1)
            ),
            "float32 is expected": lambda embedded, ids: tf.cast(mean_by_where(embedded, ids), tf.float64),
            "the padding has a gradient": mean_with_slope_at_padding,
            "the wrong way around": lambda embedded, ids: mean_by_where(embedded, tf.cast(ids == 0, tf.int64)),
            "steps, padding ": mean_of_a_shape(),
            "reviews of 4, 2 words in 4 steps": mean_by_end_of_row,
            "reviews of 3, 3 words in 3 steps, padding nowhere: expected": lambda embedded, ids: mean_by_where(
                embedded, tf.where(ids == tf.reduce_min(ids), 0, ids)
            ),
            "stops at the first 0": lambda embedded, ids: mean_by_where(
                embedded, tf.math.cumprod(tf.cast(ids != 0, tf.int32), axis=1)
            ),
            "got [[": lambda embedded, ids: mean_by_where(embedded, tf.where(ids == 7, 0, ids)),
            "padding at the end and filled with 3e+38": mean_by_subtraction,
            "filled with 2: expected [[": lambda embedded, ids: mean_by_where(tf.abs(embedded), ids),
            "should be (1, 1)": lambda embedded, ids: tf.squeeze(mean_by_where(embedded, ids)),
            "The shape is (1,) and": lambda embedded, ids: (
                mean_by_where(embedded, ids)[0] if len(ids) == 1 else mean_by_where(embedded, ids)
            ),
            "should be (6, 4)": mean_by_segments,
            "reviews of 0, 5, 1, 1, 4, 0 words": lambda embedded, ids: (
                mean_by_where(embedded, ids) * tf.cast(tf.reduce_any(ids[0] != 0), tf.float32)
            ),
            "filled with 2: expected": lambda embedded, ids: tf.clip_by_value(mean_by_where(embedded, ids), -2, 2),
            "padding was averaged in": lambda embedded, ids: tf.reduce_mean(embedded, 1),
            "not by all steps": lambda embedded, ids: tf.reduce_mean(_real(embedded, ids) * embedded, 1),
            "That is a sum": lambda embedded, ids: tf.reduce_sum(_real(embedded, ids) * embedded, 1),
            "0/0 is nan": mean_with_nan,
            "not that of its padding": lambda embedded, ids: mean_by_where(
                embedded, tf.where(tf.reduce_all(ids == 0, 1, keepdims=True), 1, ids)
            ),
            "only 0 is padding": lambda embedded, ids: mean_by_where(embedded, tf.where(ids > 1, ids, 0)),
            "stand at the end": mean_at_the_end,
            "stand at the start": lambda embedded, ids: mean_at_the_end(embedded, ids, start=True),
            "one word too many": mean_plus_one,
            "words of the whole batch": mean_of_batch,
            "use tf operations on `embedded` itself": lambda embedded, ids: tf.constant(
                mean_by_where(embedded, ids).numpy()
            ),
            "no gradient arrives": lambda embedded, ids: mean_by_where(tf.Variable(embedded), ids),
            "That takes padding to stand around": mean_of_span,
            "The count takes padding to stand around": mean_over_span,
            "padding between words and filled with 3: expected": mean_from_the_first_word,
            "A word may have a row of zeros": lambda embedded, ids: mean_by_where(
                embedded, tf.where(tf.reduce_any(embedded != 0, -1), ids, 0)
            ),
            "As uint8": lambda embedded, ids: mean_by_where(embedded, tf.cast(ids, tf.uint8)),
            "As int32": lambda embedded, ids: mean_by_where(embedded, tf.cast(ids, tf.int32)),
            "reviews of 5000 words": lambda embedded, ids: mean_by_where(embedded[:, :1000], ids[:, :1000]),
        },
        raises=raising,
    ),
    "find_duplicates": Proof(
        right=[
            copies,
            copies_by_regex,
            copies_by_isin,
            copies_by_dictionary,
            by_key(lambda text: hash(plain(text))),
            copies_with_a_pause,
            copies_beside_a_busy_thread,
        ],
        wrong={
            "and one number came": lambda a, b: len(copies(a, b)),
            "changes the arrays": copies_in_place,
            "word'": by_key(lambda text: plain(text.replace("'", "A"))),
            "'大阪', is no copy": by_key(
                lambda text: plain("".join(c for c in text if c.lower() != c.upper() or not c.isalpha()))
            ),
            "'zeta', is no copy": by_key(lambda text: plain("".join(c for c in text if ord(c) < 2**16))),
            "casefold does more": by_key(lambda text: plain(text.casefold())),
            "élan is not elan": by_key(lambda text: plain(unicodedata.normalize("NFKD", text))),
            "was made one": by_key(lambda text: plain(unicodedata.normalize("NFC", text))),
            "A tab and a line break are white space": by_key(
                lambda text: plain("".join(c for c in text if c == " " or not c.isspace()))
            ),
            "Marks are more than the six": without(MARKS),
            "str.split and str.isspace know": by_key(
                lambda text: plain("".join(c for c in text if c in " \t\n" or not c.isspace()))
            ),
            "however long it is": by_key(
                lambda t: re.sub(r"\s", " ", without_marks_only(t.lower())).replace("  ", " ").strip()
            ),
            "is a copy: expected [ 1,  2": by_key(lambda text: plain(text.replace("\n", ""))),
            "'a good good film'": by_key(lambda text: " ".join(dict.fromkeys(plain(text).split()))),
            "where text 7, ": lambda a, b: copies(a, b.astype(a.dtype)),
            "beginning of a text": by_key(lambda text: plain(text)[:50]),
            "has two places": copies_counted_once,
            "floats came": lambda a, b: np.array(copies(a, b), float),
            "a set has no order": lambda a, b: set(copies(a, b)),
            "is a copy: expected": keeping("S"),
            "'it is so !', is a copy": by_key(
                lambda t: re.sub(r"\s+", " ", re.sub(r"[^\w\s]|_", "", t.lower().strip()))
            ),
            "'٣ of stars', is no copy": by_key(
                lambda t: plain("".join(c for c in t if c in "0123456789" or not c.isdigit()))
            ),
            "'good<br />film', is a copy": by_key(lambda text: plain(text.replace("<br />", " "))),
            "Marks are more than punctuation": by_key(
                lambda t: " ".join("".join(c for c in t.lower() if not unicodedata.category(c).startswith("P")).split())
            ),
            "at the ends is left out": by_key(lambda t: re.sub(r"\s+", " ", re.sub(r"[^\w\s]|_", "", t.lower()))),
            "a run of it becomes one space": by_key(lambda text: plain(text).replace(" ", "")),
            "tf.strings.lower with encoding": by_key(
                lambda t: without_marks(re.sub("[A-Z]", lambda letter: letter[0].lower(), t))
            ),
            "'35 stars', is a copy": by_key(lambda text: plain(re.sub(r"(\d)[.,](\d)", r"\1 \2", text))),
            "'a &amp; b', is no copy": by_key(lambda text: plain(html.unescape(text))),
            "'10 star', is no copy": by_key(lambda text: " ".join(word.rstrip("s") for word in plain(text).split())),
            "film', is no copy": by_key(lambda text: plain(re.sub(r"-\s+", "", text))),
            "in another case": lambda a, b: copies(a, b, lambda text: " ".join(re.sub(r"[^\w\s]", "", text).split())),
            "with other marks": lambda a, b: copies(a, b, lambda text: " ".join(text.lower().split())),
            "other white space": lambda a, b: copies(a, b, lambda t: re.sub(r"[^\w\s]", "", t.lower())),
            "A mark between two spaces": lambda a, b: copies(
                a, b, lambda t: re.sub(r"[^\w\s]|_", "", " ".join(t.lower().split()))
            ),
            "The ends are right, and a mark": by_key(
                lambda t: re.sub(r"[^\w\s]|_", "", " ".join(t.lower().split())).strip()
            ),
            "Only exact copies": lambda a, b: copies(a, b, str),
            "in another order": lambda a, b: copies(a, b, lambda text: " ".join(sorted(plain(text).split()))),
            "part of a longer": parts_of,
            "leaves no space": without(r"[^\w\s]|_", " "),
            "An underscore": without(r"[^\w\s]"),
            "all alphabets": without(r"[^a-z0-9\s]"),
            "more than those of the keyboard": without(rf"[{re.escape(string.punctuation)}]"),
            "Digits count": without(r"[^\w\s]|[_\d]"),
            "nothing is left": copies_with_words,
            "where text 0, '', is a copy": lambda a, b: [i for i in copies(a, b) if b[i]],
            "where text 0, '...', is a copy": lambda a, b: copies([text for text in a if text], b),
            "'its mine', is a copy": by_key(lambda text: plain(text.replace("'s", ""))),
            "'010 stars', is no copy": by_key(
                lambda t: tuple(int(word) if re.fullmatch("[0-9]+", word) else word for word in plain(t).split())
            ),
            "slow": copies_in_a_list,
            "places in the training part": lambda a, b: copies(b, a),
            "within the test part": repeats,
            "that is a mask": copies_as_mask,
            "those are texts": lambda a, b: [b[i] for i in copies(a, b)],
            "whole numbers are expected": lambda a, b: dict.fromkeys(copies(a, b)).keys(),
            "Lower the case before you leave anything out": by_key(lambda text: without_marks(text).lower()),
            "Lower the case of the whole text at once": by_key(lambda text: plain("".join(map(str.lower, text)))),
            "40,000 texts to train on and 2": lambda a, b: copies(a[:20_000], b),
            "2 texts to train on and 40,000": lambda a, b: np.array(copies(a, b), int).astype(np.int16),
        },
        raises=raising,
        breaks=(copies_by_search,),
    ),
    "word_saliency": Proof(
        right=[saliency_in_a_batch, saliency_by_scaling, saliency_by_jacobian, saliency_by_slices],
        wrong={
            "not for each word of the vocabulary": lambda *given: tf.reduce_sum(slope_of_table(*given) * given[1], -1),
            "float32 is expected": saliency(
                lambda e, g, ids: tf.cast(_masked(tf.reduce_sum(g * e, -1), ids), tf.float64)
            ),
            "minus gradient": saliency(lambda e, g, ids: _masked(-tf.reduce_sum(g * e, -1), ids)),
            "They were divided by the greatest": saliency(
                lambda e, g, ids: (
                    _masked(tf.reduce_sum(g * e, -1), ids) / tf.reduce_max(tf.abs(tf.reduce_sum(g * e, -1)))
                )
            ),
            "before the sum": saliency(lambda e, g, ids: _masked(tf.reduce_sum(tf.abs(g * e), -1), ids)),
            "ids [3, 1, 4]": saliency(
                lambda e, g, ids: _masked(tf.reduce_sum(tf.clip_by_value(g, -1, 1) * e, -1), ids)
            ),
            "ids [65543, 0, 3, 65536, 65543]": lambda ids, table, head: SALIENCY(
                tf.cast(tf.cast(ids, tf.int16), tf.int64), table, head
            ),
            "0, 3, 65536, 65543]": saliency(
                lambda e, g, ids: _masked(tf.reduce_sum(g * e, -1), tf.cast(ids, tf.int16))
            ),
            "ids [3, 0, 5, 2], table": lambda *given: tf.clip_by_value(SALIENCY(*given), -100, 100),
            "13 times": lambda *given: SALIENCY(*given) * tf.cast(tf.range(len(given[0])) < 250, tf.float32),
            "a word may have the same row": saliency_without_row_0,
            "it got shape (2, 3, 4)": saliency_of_two_copies,
            "The shape is () and should be (1,)": lambda *given: tf.squeeze(SALIENCY(*given)),
            "ids [0, 0]": lambda *given: _relative(SALIENCY(*given)) * tf.reduce_max(tf.abs(SALIENCY(*given))),
            "whatever the sign of the logit": lambda ids, table, head: SALIENCY(ids, table, lambda e: tf.abs(head(e))),
            "Padding is no word": saliency(lambda e, g, ids: tf.reduce_sum(g * e, -1)),
            "the gradient alone": saliency(lambda e, g, ids: _masked(tf.reduce_sum(g, -1), ids)),
            "length of the gradient": saliency(lambda e, g, ids: _masked(tf.norm(g, axis=-1), ids)),
            "lost the sign": saliency(lambda e, g, ids: _masked(tf.abs(tf.reduce_sum(g * e, -1)), ids)),
            "each dimension": saliency(lambda e, g, ids: g * e * tf.cast(ids != 0, tf.float32)[:, None]),
            "a mean over the dimensions": saliency(lambda e, g, ids: _masked(tf.reduce_mean(g * e, -1), ids)),
            "both shares each time": saliency_of_table,
            "gradient of the whole table, a row": slope_of_table,
            "gradient of the whole table, summed": lambda *given: tf.reduce_sum(slope_of_table(*given), -1),
            "stand at the end": saliency(
                lambda e, g, ids: (
                    tf.reduce_sum(g * e, -1)
                    * tf.cast(tf.range(len(ids)) < tf.math.count_nonzero(ids, dtype=tf.int32), tf.float32)
                )
            ),
            "batch axis": saliency(lambda e, g, ids: _masked(tf.reduce_sum(g * e, -1), ids)[None]),
            "got None": saliency_unwatched,
            "Every place got 0": lambda *given: 0 * SALIENCY(*given),
            "saliency of the probability": lambda ids, table, head: SALIENCY(ids, table, lambda e: tf.sigmoid(head(e))),
            "go into head as they are": lambda ids, table, head: SALIENCY(
                ids, table * tf.cast(tf.range(len(table)) > 0, tf.float32)[:, None], head
            ),
            "when a word is left out": saliency_by_occlusion,
            "where a list came: float32 is expected": lambda *given: SALIENCY(*given).numpy().tolist(),
        },
        raises=raising,
        breaks=(saliency_out_of_range,),
    ),
}
