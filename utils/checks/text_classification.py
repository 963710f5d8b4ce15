"""Checks of notebook 08."""

import re
import string
import time
import unicodedata
from itertools import combinations

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, compiled, exercise, expect, random_array, refuse, require, require_dtype

NEGATIONS = "not|no|never"
MARK = r"[.,;:!?]"
NEXT = r"[^\s.,;:!?]"  # what a word may begin with
FREE = rf"(?<!{NEXT})"  # no word runs on to the left
MANY = 1_000, 16_000  # texts, among which a list is searched far more slowly than a set
ODD_MARKS = f"—’€😀\u200b\u0301…«{string.punctuation}"  # neither letters nor digits
SPELLED_OUT = {
    "can't": "can not", "won't": "will not", "cannot": "can not", "shan't": "shall not", "ain't": "is not",
}  # fmt: skip
OTHER_WORDS = ["nor", "none", "neither", "nothing", "nobody", "without", "cannot", "hardly"]  # none of the three
OTHER_MARKS = "()", '"', "'", "-"  # none of the six
ALL_BUT_ONE = [".,;:!?".replace(mark, "") for mark in ".,;:!?"]


def _some_of(items) -> list[tuple]:
    """Return each choice of one item, of two, and so on up to all."""
    return [choice for size in range(1, len(items) + 1) for choice in combinations(items, size)]


# What is said of an answer to 8.1, and the options of `_kept` that give its words.
KEPT_WRONGLY = {
    "Lower the case first, or Not and NOT slip through.":
        [{"lower": str}, {"lower": str, "at_the_end": lambda text: _lower_english(text)},
         {"lower": lambda text: _lower_english(text.replace("N'T", "\0")),
          "at_the_end": lambda text: text.replace("\0", "n't")}],
    "That lowers the letters of other alphabets, too. Only English letters become lower case, and all other characters "
    "stay.": [{"lower": str.lower}],
    "Words that end in n't are missing: isn't becomes is not.": [{"contract": None}],
    "n't becomes a word of its own, not: isn't gives is not.": [{"contract": "n not"}, {"contract": "not"}],
    "n't comes first: the not that it becomes is a negation, too.":
        [{"contract": None, "at_the_end": lambda text: re.sub("n't(?!\\S)", " not", text)}],
    "That finds n't inside a word, too: it counts at the end of one only.":
        [{"ends": ends} for ends in ("", "(?![a-z])", "(?![a-z0-9])")],
    "A word that ends in n't may be followed by any of the six marks, by white space or by nothing.":
        [{"ends": ends} for ends in (r"(?=\s)", r"(?=\s|$)", r"(?=[\s.,;:!?])", r"(?=[ .,;:!?]|$)",
                                     r"(?=[ \t.,;:!?]|$)", *(rf"(?=\s|$|[{five}])" for five in ALL_BUT_ONE))],
    "A word that ends in n't may hold digits, too.": [{"starts": one} for one in ("[a-z]", r"[^\W\d_]")],
    "At the end of the text a negation stays as it is, also with white space behind it.":
        [{"next_one": rf"{NEXT}|\Z"}],
    "No word is treated apart: can't gives ca not, and cannot stays.":
        [{"before": dict(pairs)} for pairs in _some_of(SPELLED_OUT.items())],
    "Without its apostrophe it is no n't: dont and want stay.":
        [{"lower": lambda text: re.sub(rf"n'?t(?!{NEXT})", " not", _lower_english(text))},
         {"before": {"dont ": "don't "}}],
    "The mark behind n't is lost: a negation ends where the clause ends.":
        [{"ends": r"(?:[\s.,;:!?]|$)", "contract": " not "}],
    "never and no are negations too.": [{"negations": "not"}],
    "never is a negation too.": [{"negations": "not|no"}],
    "no is a negation too.": [{"negations": "not|never"}],
    "That glues over a mark: a negation ends where the clause ends.": [
        {"gap": rf"[\s{marks}]+"} for marks in (".,;:!?", *".,;:!?")
    ],
    "Before a mark a negation stays as it is, also with a space between them.":
        [{"next_one": one} for one in ("", r"\S", *(rf"[^\s{five}]" for five in ALL_BUT_ONE))],
    "That finds a negation inside another word, such as knot or piano: ask for a word boundary.": [{"edge": ""}],
    "Digits and underscores belong to the word: 2no and x_not are no negations.":
        [{"edge": "(?<![a-z])"}, {"edge": "(?<![a-z0-9])"}, {"edge": "(?<![a-z_])"}],
    "A negation may stand at the start of a text, too.": [{"edge": r"(?<=\s)"}, {"edge": r"(?<=[\s.,;:!?])"}],
    "A negation may also begin right behind a mark, a tab or a line break.":
        [{"edge": rf"(?<![^{left}])"} for left in (r"\s", " ", " .,;:!?", *(rf"\s{five}" for five in ALL_BUT_ONE))],
    "The marks are still there: each of . , ; : ! ? becomes a space, after the glueing.":
        [{"marks": marks} for marks in (None, *(f"[{five}]" for five in ALL_BUT_ONE))],
    "A mark becomes a space. It does not vanish: two words would become one.": [{"space": ""}],
    "Only the six marks become spaces, and all other characters stay.":
        [{"marks": f"[.,;:!?{''.join(more)}]"} for more in _some_of(OTHER_MARKS)]
        + [{"marks": marks, "space": space} for space in (" ", "") for marks in (
            r"[^\w\s]", r"[^a-z0-9\s]", r"[^a-z0-9_\s]",
            *(f"[{re.escape(string.punctuation.replace(kept, ''))}]" for kept in ("\n", "_", "'")))],
    "Only the six marks become spaces: brackets, hyphens and their like stay.":
        [{"marks": marks} for marks in (r"[!-&(-/:-@\[-^`{-~]", r"[!-/:-@\[-^`{-~]")],
    "Only the six marks become spaces: the character … is none of them, and stays.": [{"marks": "[.,;:!?…]"}],
    "A word may begin with more than a to z: with a digit, an underscore, other letters, other marks.":
        [{"next_one": one} for one in ("[a-z]", "[a-z0-9]", "[a-z0-9_]", r"[^\W\d_]", r"[^\W_]", r"\w")],
    "That takes the start of a word such as nothing or notion for a negation: white space must stand behind it.":
        [{"gap": r"\s*"}, {"gap": r"\s*", "next_one": rf"{NEXT})({NEXT}", "glued": r"not_\2"}],
    "White space is one or more spaces, tabs or line breaks.":
        [{"gap": gap} for gap in (" ", r"\s", " +", r"[ \t]+", r"[ \n]+", r"\s{1,9}")],
    "Only the first negation of a text is treated.": [{"count": 1}],
    "One space stands between two matches and served the first alone: match the first character of the next word only.":
        [{"edge": edge, "next_one": rf"{NEXT})({NEXT}+{gap}", "glued": r"\1not_\3"}
         for edge in (r"(^|\s)", r"(^|[\s.,;:!?])") for gap in (r"(?:\s|$)", r"(?:[\s.,;:!?]|$)", r"\s*")],
    "Each negation keeps its own name: the prefix is always not_.": [{"glued": r"\1_"}],
    "The negation is marked and also left standing: it is replaced.": [{"glued": r"\1 not_"}],
    "The n't is still there.": [{"contract": "n't not"}],
    "The negations are not, no and never; no other word is.":
        [{"negations": "|".join((NEGATIONS, *more))} for more in _some_of(OTHER_WORDS)],
}  # fmt: skip


@exercise(
    "8.1", "Keep the negation", why="Now a bag of words can tell not_good from good: the order came in as a word."
)
def keep_negation(answer):
    """Judge the words on capitals, n't, marks, ends, look-alikes and a long text, in a graph and in the layer."""
    rng = np.random.default_rng()
    fresh = ["".join(rng.choice(list("bcdfg"), 5)) for _ in range(2)]
    texts = [
        "this is not good",
        "not good but not bad",
        "NOT good, Never dull",
        "it isn't bad and it wasn't long",
        "no fun at all, i think not",
        "piano music for a knot expert, nothing more",
        "good? no. great! not: bad; fine",
        f"Not {fresh[0]}, don't {fresh[1]}!",
        'well-made (so-so), #1: it\'s 5/10 & "odd" «да»…<br />',
        "it is not",
        "no",
        "",
        "never long no fun not bad",
        "ÉLAN or Élan, ДА or да",
        "it can't end, it won't end, it cannot end, it isn’t good, it can't",
        "all the don'ts here, my an'ts",
        "nor dull nor long, none without end",
        "neither new nor old, nobody hardly nowhere, nevertheless kind",
        "it ain't so, it shan't end, they dont want a different end",
        "good\tnot bad\nnot bad",
        "take 2no good _never dull x_not bad",
        "i don't_care don't5 end",
        "bad " * 600 + "it isn't bad, " * 20 + "not good",
    ]
    words = ("good", "2 hours", "ночь", "_x_", "(so)", '"so"', "élan")
    negations = ("not", "no", "never", "isn't", "can not", "NO")
    texts += [f"it {no}{gap}{word} end" for no in negations for gap in (" ", " " * 20, "\t", "\n ") for word in words]
    texts += [f"so {no}{gap}{mark}{after}bad" for no in negations for gap in ("", "  ") for mark in ".,;:!?"
              for after in ("", " ")]  # fmt: skip
    texts += [f"so{mark}{no} bad" for no in ("not", "no", "never") for mark in ".,;:!?"]
    texts += ["the mp3n't good, 2n't", "it is not ", "no\n", "it isn't \t\n", "It ISN'T bad, no."]
    texts += ["a*b 50% $5 me@x [y] {z} q~r `s` t|u v+w=x y^z a\\b – c — d dogs' soooo"]  # marks, and none of the six
    beginnings = string.ascii_lowercase + string.digits + string.punctuation
    texts += [f"not {first}so" for first in beginnings if re.match(NEXT, first)]
    texts += ["not new, no notion, never nothing"]
    texts += ["i'm at 3.5 or 1:30 :-) never a -- ¿so? &quot;do&quot; 好。 not an i"]
    got = attempted(answer(tf.constant(texts)), asked="a tensor of strings, made by tf.strings,")
    rows = _strings(got)
    require(rows is not None, f"A tensor of strings is expected, not {type(got).__name__}: use tf.strings.")
    same = len(rows) == len(texts)
    require(same, f"For {len(texts)} texts: got {len(rows)}. The shape stays: one text in, one text out.")
    wants = [_kept(text) for text in texts]
    wrong = [i for i, want in enumerate(wants) if rows[i].split() != want]
    if wrong:
        first = wrong[0]
        given, want, got = map(_shown, (texts[first], " ".join(wants[first]), rows[first]))
        told = f"For {given}: expected {want}, got {got}."
        require(False, f"{told} {_why_kept_wrongly(texts, wants, wrong, rows[first].split())}".rstrip())
    for shape in ((40, 1), (2, 3, 1), (0,), ()):
        size = int(np.prod(shape))
        given = np.array(texts[:size], dtype=object).reshape(shape)
        shaped = answer(tf.constant(given, tf.string))
        ragged = isinstance(shaped, tf.RaggedTensor)
        require(not ragged, f"Texts of shape {shape} come back as a ragged tensor: its to_tensor() makes a tensor.")
        kept, came = tf.shape(shaped).numpy().tolist(), _strings(shaped)
        require(kept == list(shape), f"Texts of shape {shape} come back with shape {tuple(kept)}: keep it.")
        require(came == rows[:size], f"Texts of shape {shape} come back with other words than as one list of texts.")
    graphs = []

    def recorded(text):
        said = answer(text)
        graphs.append(str(tf.compat.v1.get_default_graph().as_graph_def()))  # with the functions that it calls
        return said

    of_any_length = compiled(recorded, input_signature=[tf.TensorSpec([None], tf.string)])
    traced = _strings(of_any_length(tf.constant(texts)))
    require(traced == rows, "Inside tf.function it says something else: use tf.strings all the way.")
    python = "Inside the graph that calls Python, and no saved model holds Python code: use tf.strings all the way."
    require("PyFunc" not in graphs[-1], python)
    layer = tf.keras.layers.TextVectorization(standardize=answer)
    layer.adapt(tf.constant(texts[:1]))
    require("not_good" in layer.get_vocabulary(), "TextVectorization(standardize=...) does not know not_good.")


def _why_kept_wrongly(texts: list[str], wants: list[list[str]], wrong: list[int], words: list[str]) -> str:
    """Return the diagnosis that gives the `words` of the first wrong text, and changes no text that is right."""
    for smell, faults in KEPT_WRONGLY.items():
        for fault in faults:
            rows = [_kept(text, **fault) for text in texts]
            changed = {i for i, row in enumerate(rows) if row != wants[i]}
            if rows[wrong[0]] == words and changed <= set(wrong):
                return smell
    return ""


def _shown(text: str) -> str:
    """Return a text in quotation marks, without the middle of a long one."""
    return repr(text) if len(text) < 200 else f"{text[:20]!r} … {text[-20:]!r}"


def _lower_english(text: str) -> str:
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), text)


def _kept(
    text, lower=_lower_english, before=(), starts="", contract=" not", ends=rf"(?!{NEXT})", negations=NEGATIONS,
    edge=FREE, gap=r"\s+", next_one=NEXT, glued="not_", count=0, marks=MARK, space=" ", at_the_end=str,
) -> list[str]:  # fmt: skip
    """Return the words of `text` with its negations kept; the options are ways to get it wrong."""
    text = lower(text)
    for old in before:
        text = text.replace(old, before[old])
    text = re.sub(f"({starts})n't{ends}", rf"\1{contract}", text) if contract else text
    text = re.sub(rf"{edge}({negations}){gap}(?={next_one})", glued, text, count=count)
    return at_the_end(re.sub(marks, space, text) if marks else text).split()


@exercise("8.2", "The mean of what is there", why="A review now scores the same alone and beside a longer one.")
def masked_mean(answer):
    """Judge means and slopes on ragged batches, padded anywhere, with odd ids and rows, on empty and long reviews."""
    cases = (((4, 1), 6, 2.0, "at the end", 3), ((3, 5, 2), 7, -7.0, "at the start", 3),
             ((3, 0, 4), 6, 1.0, "at the end", 2), ((0, 5, 1, 1, 4, 0), 7, 3e38, "at the end", 4),
             ((2, 4, 3), 6, 3.0, "between words", 2), ((1,), 3, 2.0, "at the start", 1),
             ((5_000,), 5_002, 1.0, "at the end", 3), ((4, 2), 4, 5.0, "at the end", 2),
             ((3, 3), 3, 0.0, "nowhere", 2))  # fmt: skip
    for lengths, steps, filler, where, d in cases:
        real = np.arange(steps) < np.array(lengths)[:, np.newaxis]
        between = np.insert(np.roll(real, 1, axis=1), 2, False, axis=1)[:, :-1]  # the first word stands apart
        real = {"at the start": real[:, ::-1], "between words": between}.get(where, real)
        ids = np.where(real, np.resize([2**8, 1, 2**16, 2, 2**32, *range(3, 200)], real.shape), 0)
        embedded = np.where(real[..., np.newaxis], random_array(*real.shape, d, low=2, high=20), filler)
        if where == "between words":
            embedded[:, 1] = 0  # the first word of each review has a row of zeros
        embedded = embedded.astype("float32").astype("float64")
        counts = real.sum(1, keepdims=True)
        front = np.arange(real.shape[1]) < counts
        span = np.maximum.accumulate(real, 1) & np.maximum.accumulate(real[:, ::-1], 1)[:, ::-1]
        want, total = _mean_over(real, embedded), np.where(real[..., np.newaxis], embedded, 0).sum(1)
        counts_or_1 = np.maximum(counts, 1)
        with np.errstate(all="ignore"):
            nan = total / counts
        smells = {
            "The padding was averaged in: neither sum nor count may see it.": embedded.mean(1),
            "The sum is right; divide by the number of real words, not by all steps.": total / real.shape[1],
            "That is a sum: divide by the number of real words.": total,
            "That is the mean of the padding: the mask is the wrong way around.": _mean_over(~real, embedded),
            "0/0 is nan: a review without words has a mean of zeros.": nan,
            "A review without words has a mean of zeros, not that of its padding.":
                np.where(counts > 0, want, embedded.mean(1)),
            "The id 1 is that of an unknown word, which counts: only 0 is padding.": _mean_over(ids > 1, embedded),
            "That divides by one word too many: use a maximum against 0/0, not + 1.": total / (counts + 1),
            "That divides by the words of the whole batch: each review has its own count.": total / real.sum(),
            "That is one vector for the batch: average over axis 1 and leave the reviews apart.":
                total.sum(0) / real.sum() if len(lengths) > 1 else want,  # of one review, its axis may be lost
            "The count leaves the padding out, the sum does not: where is the mask?":
                embedded.sum(1) / counts_or_1,
            "That takes padding to stand at the end: it is where the ids are 0, wherever that is.":
                _mean_over(front, embedded),
            "That takes padding to stand at the start: it is where the ids are 0, wherever that is.":
                _mean_over(front[:, ::-1], embedded),
            "That takes padding to stand around the words: it is where the ids are 0, also between two words.":
                _mean_over(span, embedded),
            "The count takes padding to stand around the words: it is where the ids are 0, also between two words.":
                total / np.maximum(span.sum(1, keepdims=True), 1),
            "That stops at the first 0: there may be padding before a word, too.":
                _mean_over(np.logical_and.accumulate(real, 1), embedded),
            "A word may have a row of zeros: the ids alone say what is padding.":
                _mean_over(real & embedded.any(-1), embedded),
        }  # fmt: skip
        smells |= {
            f"As {small}, some of these ids become 0: compare the ids as they came, in int64.":
                _mean_over(ids.astype(small) != 0, embedded) for small in ("uint8", "int16", "int32")
        }  # fmt: skip
        on = f"reviews of {', '.join(map(str, lengths))} words in {steps} steps, padding {where}"
        on += f" and filled with {filler:g}" if np.any(ids == 0) else ""
        point, ids = tf.constant(embedded, tf.float32), tf.constant(ids)
        with tf.GradientTape() as tape:
            tape.watch(point)
            got = attempted(answer(point, ids), asked="one vector for each review", on=on)
            value = tf.reduce_sum(got) if tf.is_tensor(got) else None
        expect(got, want, on=on, smells=smells)
        require_dtype(np.asarray(got), np.float32, on)
        slopes = None if value is None else tape.gradient(value, point)
        if isinstance(slopes, tf.IndexedSlices):  # of tf.gather
            slopes = tf.convert_to_tensor(slopes)
        lost = f"For {on}: the values are right, but no gradient arrives: use tf operations on `embedded` itself."
        require(slopes is not None, lost)
        slope = np.where(real, 1 / counts_or_1, 0)[..., np.newaxis] * np.ones(d)
        at_padding = np.any(np.where(real[..., np.newaxis], 0, np.nan_to_num(slopes)))
        refuse({"the values are right, but the padding has a gradient: mask it out before the sum.": at_padding}, on=on)
        expect(slopes, slope, on=f"the gradient on {on}")


def _mean_over(kept, embedded) -> np.ndarray:
    """Return for each review the mean of the rows that are `kept`, or zeros where there is none."""
    total = np.where(kept[..., np.newaxis], embedded, 0).sum(1)
    return total / np.maximum(kept.sum(1, keepdims=True), 1)


@exercise(
    "8.3", "Find the leak", why="A test review that was trained on measures memory. Run this before you believe.",
    deeper=True,
)  # fmt: skip
def find_duplicates(answer):
    """Judge the indices on copies that differ in case, marks and spaces, on texts that only look alike, on many."""
    rng = np.random.default_rng()
    words = rng.permutation(["".join(rng.choice(list("abcde"), 4)) for _ in range(40)])
    train = [" ".join(words[i : i + 4]) for i in range(0, 40, 4)] + ["a good film"]
    a, b, c = (train[i] for i in rng.permutation(10)[:3])
    test = [
        "new " + a, "A good film!", a, a[:-2], c.upper(), "film good a", b + "\n", b.replace(" ", " " * 20), "not " + b,
        "new " + a, c.replace(" ", "\t") + "...", b.replace(" ", "\n"), "good film", "a good good film", "", a,
    ]  # fmt: skip
    odd = ["a well-made film", "до свидания друг", "the end_of it", "10 stars", "it is so", "!?", "3.5 stars", "a & b"]
    odd_test = [
        "a wellmade film", "a well made film", "До свидания, друг!", "до завтра друг", "the endof it", "the end of it",
        "11 stars", "stars", "10 stars", "“it is” – so…", "it is so", "...", "It - is so", "35 stars",
        "a &amp; b", "10 star", "a well-\nmade film",
    ]  # fmt: skip
    # Characters that are no letters and no digits, white space that is none of the keyboard's, and other alphabets.
    odd += [f"word{i} end" for i in range(len(ODD_MARKS))] + [
        "goodbr film",
        "no space here",
        "it's mine",
        "of stars",
        "elan",
        "straße",
        "İZMİR",
        "ΟΔΟΣ",
        "東京",
        "zeta\U00010437",
    ]
    odd_test += [f"word{mark}{i} end" for i, mark in enumerate(ODD_MARKS)] + [
        "word 1 end", "good<br />film", "good film", "no\u00a0space\u2003here", "nospacehere", "٣ of stars",
        "e\u0301lan", "élan", "ｅlan", "strasse", "STRAßE", "it is so !", "- it is so", "izmir", "οδος", "οδοσ",
        "大阪", "東京!", "zeta",
        "its mine", "010 stars",
    ]  # fmt: skip
    long = " ".join(rng.permutation(np.repeat(words, 8)))
    middle = len(long) // 10 * 5  # the start of a word: each has four letters and a space
    part = len(long) - 4
    longer = [long, f"{long[:middle]}fine{long[middle + 4 :]}", f"{long[:part]}fine", f"fine{long[4:]}"]
    lists = (test, train), (train, test), (["one", "two"], ["three"]), (odd_test, odd), (longer, [long.upper()])
    lists += (["one", "..."], []), ([], ["one"]), (["", "one"], ["..."]), (["...", "one"], [""])
    for number, (texts, known) in enumerate(lists):
        want = [i for i, text in enumerate(texts) if _plain(text) in set(map(_plain, known))]
        given = [np.array(part, dtype=str if number in (0, 2) else object) for part in (known, texts)]
        on = f"list {number + 1} of texts, {len(known)} to train on and {len(texts)} to test"
        got = attempted(answer(*given), asked="an array of indices", on=on)
        array = np.asarray(got)
        refuse({
            "your function changes the arrays that it was given: work on copies.":
                given[0].tolist() != known or given[1].tolist() != texts,
            "a set has no order: a list or an array of indices is expected.": isinstance(got, set | frozenset),
            "that is a mask. Indices are asked for: np.flatnonzero makes them.": array.dtype == bool,
            "those are texts. Their places are asked for.": any(isinstance(item, str | bytes) for item in array.flat),
            "whole numbers are expected, in a list or an array of integers.": array.dtype.kind == "O",
            "a list of indices is expected, and one number came.": array.ndim == 0,
            "an index is a whole number; floats came.": array.dtype.kind == "f" and array.size,
        }, on=on)  # fmt: skip
        if differ := sorted(set(want) ^ set(array.ravel().tolist())):
            text = texts[differ[0]] if 0 <= differ[0] < len(texts) else ""
            on += f", where text {differ[0]}, {text[:30]!r}, {'is a' if differ[0] in want else 'is no'} copy"
        keys = {
            "Copies in another case were missed.": lambda text: " ".join(_no_marks(text).split()),
            "Copies with other marks were missed: take out all but letters, digits and spaces.":
                lambda text: " ".join(text.lower().split()),
            "Marks are more than those of the keyboard: keep letters, digits and spaces, and drop all others.":
                lambda text: " ".join(text.lower().translate(dict.fromkeys(map(ord, string.punctuation))).split()),
            "Marks are more than punctuation: € and an emoji are marks, too. Keep letters, digits and white space.":
                lambda text: " ".join("".join(c for c in text.lower() if unicodedata.category(c)[0] != "P").split()),
            "All alphabets have small letters: str.lower knows them, and tf.strings.lower with encoding='utf-8'.":
                lambda text: " ".join(_no_marks(_lower_english(text)).split()),
            "casefold does more than lower, and so does upper: straße and strasse are two words.":
                lambda text: " ".join(_no_marks(text.casefold()).split()),
            "Lower the case before you leave anything out: İ becomes two characters, and one of them is a mark.":
                lambda text: " ".join(_no_marks(text).lower().split()),
            "Lower the case of the whole text at once: Σ becomes ς at the end of a word, and σ elsewhere.":
                lambda text: _plain("".join(map(str.lower, text))),
            "Accents and forms of letters stay as they are: élan is not elan.":
                lambda text: _plain(unicodedata.normalize("NFKD", text)),
            "A character that is put together of two was made one: a mark is left out, and its letter stays.":
                lambda text: _plain(unicodedata.normalize("NFC", text)),
            "White space is more than spaces, tabs and line breaks: str.split and str.isspace know all of it.":
                lambda text: " ".join("".join(c for c in text.lower() if c.isalnum() or c in " \t\r\n").split()),
            "A tab and a line break are white space, too, and no marks.":
                lambda text: _plain(re.sub(r"[\t\n]", "", text)),
            "Marks are more than the six of 8.1: keep letters, digits and white space, and drop all others.":
                lambda text: " ".join(re.sub(MARK, "", text.lower()).split()),
            "A mark between two spaces leaves two: take out the marks first, and the white space afterward.":
                lambda text: _no_marks(" ".join(text.lower().split())),
            "The ends are right, and a mark between two spaces still leaves two: take out the marks first.":
                lambda text: _no_marks(" ".join(text.lower().split())).strip(),
            "A run of white space becomes one space however long it is: split, and join again.":
                lambda text: re.sub(r"\s", " ", _no_marks(text.lower())).replace("  ", " ").strip(),
            "Copies with other white space were missed: split, and join again.": lambda text: _no_marks(text.lower()),
            "White space at the ends is left out, too.": lambda text: re.sub(r"\s+", " ", _no_marks(text.lower())),
            "All white space was left out: a run of it becomes one space.": lambda text: "".join(_plain(text).split()),
            "Only exact copies were found: normalize both sides.": str,
            "The same words in another order are another review.": lambda text: " ".join(sorted(_plain(text).split())),
            "A mark is left out and leaves no space: well-made is wellmade, and not well made.":
                lambda text: " ".join(re.sub(r"[^\w\s]|_", " ", text.lower()).split()),
            "An underscore is neither a letter nor a digit: leave it out.":
                lambda text: " ".join(re.sub(r"[^\w\s]", "", text.lower()).split()),
            "Letters are those of all alphabets: str.isalnum knows them.":
                lambda text: " ".join(re.sub(r"[^a-z0-9\s]", "", text.lower()).split()),
            "Digits count: 10 stars are not 11.": lambda text: " ".join(re.sub(r"\d", "", _plain(text)).split()),
        }  # fmt: skip
        smells = {smell: _places(texts, set(map(key, known)), key) for smell, key in keys.items()}
        plain, plain_known = [_plain(text) for text in texts], [_plain(text) for text in known]
        smells |= {
            "Two texts of which nothing is left are the same, too.": [i for i in want if plain[i]],
            "A text that occurs twice in the test part has two places.":
                [i for i in want if plain[i] not in plain[:i]],
            "Only the beginning of a text was compared.":
                [i for i, text in enumerate(plain) if text[:200] in {other[:200] for other in plain_known}],
            "A part of a longer review is no copy of it.":
                [i for i, text in enumerate(plain) if any(text in other for other in plain_known)],
            "Those are the places in the training part; the test part is asked for.":
                _places(known, set(plain), _plain),
            "Those repeat within the test part. Look them up in the training part.":
                [i for i, text in enumerate(plain) if text in plain[:i]],
        }  # fmt: skip
        expect(array if array.size else np.zeros(0, int), np.array(want, int), on=on, smells={
            smell: np.array(wrong, int) for smell, wrong in smells.items()
        })  # fmt: skip
    reviews = [f"review {i}" for i in range(40_000)]
    for known, texts, want in (reviews, reviews[-2:], [0, 1]), (reviews[-2:], reviews, [39_998, 39_999]):
        got = answer(np.array(known, object), np.array(texts, object))
        expect(got, np.array(want), on=f"{len(known):,} texts to train on and {len(texts):,} to test")
    for many in MANY:
        _require_speed(answer, many)


def _require_speed(answer, many: int) -> None:
    """Refuse an answer that compares each text with each: its time grows with the square of their number.

    The quicker of two calls counts, in time of this thread: Python's garbage collection may fall into one of them, and
    other threads of a kernel may work meanwhile.
    """
    took = []
    for trial in range(2):
        known, texts = (
            np.array([f"text {trial} {i}" for i in range(start, start + many)], object) for start in (0, many // 2)
        )
        began = time.thread_time()
        seen = set(map(_plain, known))
        want = np.flatnonzero([_plain(text) in seen for text in texts])
        once, began = time.thread_time() - began, time.thread_time()
        got = np.asarray(answer(known, texts))
        took.append(time.thread_time() - began)
        expect(got, want, on=f"{many:,} texts on either side")
        if took[-1] < max(0.5, 8 * once):
            return
    require(
        False,
        f"That is right, and slow: {many:,} texts took {min(took):.1f} s, where {once:.3f} s are enough. Look each "
        "text up in a set: a list is searched from its start each time.",
    )


@exercise("8.4", "The saliency of a word", why="You can now ask any text model which words moved it.")
def word_saliency(answer):
    """Judge gradient × input with a head that is not linear, words that occur twice, padding anywhere, 260 words."""
    rng = np.random.default_rng()
    cases = (
        ([3, 1, 4], 4, 20),
        ([2, 5, 2, 6, 0, 0], 3, 20),
        ([0, 7, 7, 1], 4, 20),
        ([3, 0, 5, 2], 4, 2_000),
        ([65_543, 0, 3, 65_536, 65_543], 5, -4),  # a logit below 0, and ids that small integers take for 7 and for 0
        ([4], 1, 20),
        ([0, 0], 3, 20),
        ([*range(20)] * 13, 5, 2_000),
    )
    for ids, d, strength in cases:
        ids = np.array(ids)
        n = len(ids)
        table = rng.uniform(0.3, 1, (max(300, max(ids) + 1), d)).astype("float32")
        table[:, -1] *= -0.15  # small enough that the sign of a word is the sign of its place
        table[0] = table[ids[-1]]  # padding is known by its id, and not by its row
        places, mix, out = (rng.uniform(0.2, 0.6, shape).astype("float32") for shape in (n, (d, 3), (3, 1)))
        places[1:2] *= -1  # one place pulls the other way
        places *= min(1, 4 / n)  # a long review keeps tanh away from 1
        out *= strength

        def head(embedded, places=places, mix=mix, out=out, shape=(1, n, d)):
            embedded = tf.convert_to_tensor(embedded)
            told = f"head takes embedded reviews of shape (1, n, d), here {shape}; it got shape {embedded.shape}."
            require(embedded.shape.is_compatible_with(shape), told)
            hidden = tf.tanh(tf.einsum("bnd,n->bd", embedded, places) @ mix)
            return hidden @ out

        embedded = np.asarray(table[ids], np.float64)
        hidden = np.tanh(places @ embedded @ mix)
        gradient = np.outer(places, mix @ ((1 - hidden**2) * out[:, 0]))
        product = gradient * embedded
        real = ids != 0
        want = np.where(real, product.sum(1), 0)
        merged = np.array([want[(ids == i) & real].sum() for i in ids])
        length = np.where(real, np.linalg.norm(gradient, axis=1), 0)
        probability = 1 / (1 + np.exp(-hidden @ out[:, 0]))
        bare = np.where(real[:, np.newaxis], embedded, 0)
        bare_hidden = np.tanh(places @ bare @ mix)
        of_bare = np.outer(places, mix @ ((1 - bare_hidden**2) * out[:, 0])) * bare
        left_out = [np.tanh((places * (np.arange(n) != i)) @ embedded @ mix) for i in range(n)]
        both, slope = np.zeros(len(table)), np.zeros(table.shape)
        np.add.at(both, ids, product.sum(1))
        np.add.at(slope, ids, gradient)
        front = np.arange(n) < np.sum(real)
        smells = {
            "That is the saliency of the probability: ask for the logit, without a sigmoid.":
                probability * (1 - probability) * want,
            "Every place got 0, and each word has a saliency of its own.": np.zeros(n),
            "The rows of padding go into head as they are; it is their saliency that becomes 0.": of_bare.sum(1),
            "That is what changes when a word is left out; gradient × input is asked for.":
                np.where(real, (hidden - left_out) @ out[:, 0], 0),
            "Padding is no word: its saliency is 0.": product.sum(1),
            "Padding is where the id is 0: a word may have the same row as padding has.":
                np.where(np.any(embedded != table[0], axis=1), product.sum(1), 0),
            "That takes padding to stand at the end: it is where the ids are 0.": np.where(front, product.sum(1), 0),
            "That is the gradient of the whole table, a row for each word it has: watch the embedded words.": slope,
            "That is the gradient of the whole table, summed: watch the embedded words.": slope.sum(1),
            "That is the gradient alone, summed: multiply it by the embedded word.": np.where(real, gradient.sum(1), 0),
            "That is the length of the gradient, which has no sign: multiply by the input and sum.": length,
            "That has lost the sign: praise and blame must differ.": np.abs(want),
            "Each product lost its sign before the sum: praise and blame must differ.":
                np.where(real, np.abs(product).sum(1), 0),
            "That is minus gradient × input: praise is positive, whatever the sign of the logit.": -want,
            "That is still one number for each dimension: sum over the last axis.": product * real[:, np.newaxis],
            "That is a mean over the dimensions; the sum adds up to the change of the logit.": want / d,
            "A word that occurs twice got both shares each time: watch the embedded words, not the table.": merged,
            "One number for each word of the review, not for each word of the vocabulary.": both,
            "The batch axis is still there: one number for each word, shape (n,).": want[np.newaxis],
        }  # fmt: skip
        smells |= {
            f"They were divided by {name}: return the numbers as they are.": want / max(size, 1e-9) for name, size in (
                ("the greatest", np.abs(want).max()), ("their length", np.linalg.norm(want)),
                ("the sum of their absolute values", np.abs(want).sum()),
            )
        }  # fmt: skip
        on = f"ids {ids.tolist() if n < 10 else '0 to 19, 13 times'}, table of shape {table.shape}, a head with tanh"
        got = answer(tf.constant(ids, tf.int64), tf.constant(table), head)
        expect(got, want, on=on, smells=smells)
        of_list = ", where a list came" if isinstance(got, list) else ""
        require_dtype(np.asarray(got), np.float32, f"{on}{of_list}")


def _places(texts, known: set, key) -> list[int]:
    """Return where a text stands whose `key` is known."""
    return [i for i, text in enumerate(texts) if key(text) in known]


def _no_marks(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c.isspace())


def _plain(text: str) -> str:
    return " ".join(_no_marks(text.lower()).split())


def _strings(value) -> list[str] | None:
    """Return a tensor or array of strings as a list, or None where it is none."""
    try:
        array = np.asarray(value).ravel().tolist()
        return [item.decode() if isinstance(item, bytes) else item + "" for item in array]
    except Exception:
        return None
