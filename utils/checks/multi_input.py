"""Checks of notebook 10."""

import numpy as np
import tensorflow as tf

from utils.checks import errors
from utils.checks.engine import NotYet, attempted, exercise, expect, functions_compiled, refuse, require

PENALTY, RATE, MOMENTUM = 0.4, 0.1, 0.5  # of the model and the optimizer that judge the capstone


@exercise(
    "10.1",
    "Do the labels carry a signal?",
    why="A model can learn coin flips by heart; no coin flips beat their own shuffles on held-out rows.",
)
def label_signal(answer):
    """Judge the p-value on scripted scores, with ties, and what the runs were trained and scored on."""
    rng = np.random.default_rng()
    scripts = [
        (0.76, [0.4, 0.76, 0.756, 0.8, 0.76, 0.76, 0.756, 0.2, 0.4]),
        (0.9, [0.5] * 24),  # random orders without any label in its place are rarer than 1 in 10^10
        (0.304, [0.5, 0.6, 0.304, 0.4, 0.2, 0.7, 0.5, 0.304, 0.6, 0.5, 0.3]),  # 0.3 and 0.304 are 30%
    ]
    for rows_of_a_class, (true_score, shuffled) in zip((1, 1, 2), scripts, strict=True):
        run = _ScriptedFit(true_score, list(rng.permutation(shuffled)), rows_of_a_class, rng)
        kept = {name: getattr(run, name).copy() for name in ("x_train", "y_train", "x_test", "y_test")}
        got = answer(run.fit, run.x_train, run.y_train, run.x_test, run.y_test, len(shuffled))
        attempted(got, asked="a p-value")
        run.judge_orders()
        for name, values in kept.items():
            same = np.array_equal(values, getattr(run, name))
            require(same, f"The caller's {name} was changed. Change a copy: rng.permutation returns one.")
        run.judge(len(shuffled))
        k, shuffled = len(shuffled), np.array(shuffled)
        count, strict = np.sum(shuffled >= true_score), np.sum(shuffled > true_score)
        worse, nearest = np.sum(shuffled <= true_score), max(shuffled[shuffled < true_score])
        rounded = np.sum(shuffled > true_score - 0.005)
        smells = {
            "The true run is missing: count it above and below, or p can be 0.": count / k,
            "The true run is in the denominator only: p can be 0.": count / (k + 1),
            "The true run is in the numerator only.": (count + 1) / k,
            "That counts the shuffles that do worse; count those that do at least as well.": (worse + 1) / (k + 1),
            "A tie counts: at least as well as the true run.": (strict + 1) / (k + 1),
            "A tie counts in full: at least as well as the true run.": (1 + (strict + count) / 2) / (k + 1),
            f"Was {nearest} counted as {true_score}? Do not round.": (rounded + 1) / (k + 1),
            "No shuffle was counted, though some do as well: is each scored with y_test as it is?": 1 / (k + 1),
            "That is the accuracy of the true run; a p-value is asked for.": true_score,
            "That is a count; divide by the number of runs.": count + 1,
            "By that score no run is worse than the true one: is it the accuracy, the share of all test rows that are "
            "right?": 1.0,
        }
        expect(got, (count + 1) / (k + 1), on=f"a true score of {true_score} and {k} shuffles", smells=smells)


class _ScriptedFit:
    """Trains nothing: recognizes the labels that it is given, and predicts with the accuracy that its script says.

    By any other measure the true run is the worst: it errs first, far off, and in the rare classes.
    """

    def __init__(self, true_score, scores, rows_of_a_class, rng):
        self.x_train, self.x_test = np.arange(40.0)[:, None], 100 + np.arange(250.0)[:, None]
        self.y_train = rng.permutation(40) // rows_of_a_class
        self.y_test = np.minimum(np.arange(250) // 10, 9)  # ten rows of each class, and 160 of the last
        self.true_score, self.scores = true_score, scores
        self.true_labels = self.y_train.copy()
        self.runs = self.true_runs = 0
        self.orders = []
        self.fault = ""

    def fit(self, x, y):
        x, y = np.asarray(x), np.asarray(y)
        if x.shape != self.x_train.shape or not np.all((x >= 0) & (x < 40)):
            self.fault = "fit was given rows other than the 40 training rows: train on x_train alone."
            return lambda asked: np.zeros(len(asked))
        if y.shape != (40,):
            none = "fit was given None in place of labels: rng.shuffle changes an array, and returns nothing."
            self.fault = f"fit was given labels of shape {y.shape}; (40,) is that of y_train." if y.ndim else none
            return lambda asked: np.zeros(len(asked))
        order = x[:, 0].astype(int)
        true = np.array_equal(y, self.true_labels[order])
        self.runs += 1
        if not true and sorted(y) == sorted(self.true_labels):
            self.orders.append(y[np.argsort(order)])
        if sorted(y) != sorted(self.true_labels):
            self.fault = "The shuffled labels are other labels: each must come exactly once. Permute them."
        elif true and self.true_runs:
            self.fault = "Rows and labels were shuffled together, or not at all: the pairs are still the true ones."
        self.true_runs += true
        score = self.true_score if true else self.scores[(self.runs - 1 - min(self.true_runs, 1)) % len(self.scores)]
        return lambda asked: self._predict(np.asarray(asked), score, true)

    def _predict(self, asked, score, true):
        if asked.shape[1:] != (1,) or np.any(asked < 100):
            self.fault = "The runs were scored on rows that they were trained on: score on x_test."
            return np.zeros(len(asked), int)
        errors = 250 - round(250 * score)
        said = self.y_test.copy()
        said[slice(errors) if true else slice(250 - errors, 250)] += 7 if true else 1
        return said[asked[:, 0].astype(int) - 100]

    def judge_orders(self):
        """Require that the shuffles are random: no two alike, hardly a label in its place, or beside or with another.

        With one row of a class it shows where each label went; with two, whether classes were renamed.
        """
        orders, true = np.array(self.orders).astype(int), self.true_labels  # labels may have come as floats
        if len(orders) < 9:  # too few to tell
            return
        different = len({tuple(order) for order in orders})
        in_place = np.mean(orders == true)
        place = np.argsort(true)  # the place of each label, where each comes once
        alone = len(set(true)) == len(true)
        beside = np.mean(np.isin(np.diff(place[orders], axis=1) % 40, (1, 39))) if alone else 0
        pairs = place.reshape(-1, 2)
        together = 0 if alone else np.mean(orders[:, pairs[:, 0]] == orders[:, pairs[:, 1]])
        rows = np.arange(40)
        near = np.mean([np.corrcoef(rows, place[order])[0, 1] for order in orders]) if alone else 0  # 0 by chance
        refuse({
            "Most labels stay in their rows: shuffle all of them.": in_place > 0.3,
            "The labels are only moved along or turned around, whole or in blocks: their order must be random.":
                beside > 0.3,
            f"Of {len(orders)} shuffles only {different} differ: draw a new order each time. Is the generator made "
            "anew from the same seed?": different < len(orders),
            "A label never leaves its row: shuffle all of them.": np.any(np.all(orders == true, axis=0)),
            "Labels stay in their part of the rows: shuffle the whole.": np.abs(near) > 0.5,
            "No label ever stays in its row, as some do in a random order: does a swap leave out the row itself?":
                alone and len(orders) > 20 and in_place == 0,
            "The classes were renamed: rows with the same label still have the same. Shuffle the labels row by row.":
                together > 0.5,
        })  # fmt: skip

    def judge(self, permutations):
        """Require that the runs were trained and scored as asked."""
        expected = permutations + 1
        refuse({
            self.fault: self.fault,
            "fit was called once. Train anew for each shuffle: what is shuffled are the training labels.":
                self.runs <= 1,
            "No run was trained on the true labels.": self.true_runs != 1,
            f"fit was called {self.runs} times; {expected} runs are asked for.": self.runs != expected,
        })  # fmt: skip


@exercise(
    "10.2",
    "A third input",
    why="Numbers and words now go in by name, and a word from tomorrow breaks nothing.",
    deeper=True,
)
def third_input(answer):
    """Judge names, shapes, that each input matters, and unknown words, with several draws of weights and rows."""
    rng = np.random.default_rng()
    for vocabulary in (["North", "south", "Île-de-France", "5", "Old Town"], [f"town {i}" for i in range(150)]):
        given = list(vocabulary)
        model = attempted(answer(given), tf.keras.Model, asked="a tf.keras.Model")
        trained = getattr(model, "optimizer", None) is not None and int(model.optimizer.iterations) > 0
        require(not trained, "The model was trained already. Return it untrained.")
        require(given == vocabulary, "The caller's list was changed: put what you add or sort into a list of your own.")
        regions = [*vocabulary[:5], *vocabulary[119::30]]  # those that are tried, the last of 150 included
        if getattr(model, "inputs", None):  # a subclass has none: it takes what it needs from the dict
            _judge_inputs(tf.nest.flatten(model.inputs))
        rows = {name: tf.constant(rng.normal(size=(32, 2)), tf.float32) for name in ("profile", "place")}
        _judge_words(model, regions, rows, len(vocabulary))
        columns = {f"column {i} of {name}": (name, i) for name in rows for i in range(2)}
        moved, apart, taken = set(), dict.fromkeys(regions, False), None
        for _draw in range(5):  # a relu may be 0 for all rows, by chance
            for variable in model.trainable_variables:  # starting weights of 0 are allowed: they prove nothing
                variable.assign(rng.normal(scale=0.7, size=variable.shape))
            fillers = ["unknown", "other", "elsewhere"]
            others = ["Mu", "", "north", "North ", "Ys", "Avalon", *fillers]
            words = [*regions, "Atlantis", *others]
            answers = dict(zip(words, np.split(_told(model, rows, *words), len(words)), strict=True))
            for column, (name, i) in columns.items():
                changed = rows[name].numpy()
                changed[:, i] = changed[::-1, i] + 1
                if not np.allclose(_told(model, {**rows, name: changed}, regions[0]), answers[regions[0]], atol=1e-6):
                    moved.add(column)
            broken = [word for word in words if not np.all(np.isfinite(answers[word]))]
            refuse({f"The answer to {''.join(broken[:1])!r} is nan or infinite.": broken})
            half = _told(model, {name: values[:16] for name, values in rows.items()}, regions[0])
            size = max(1, *(np.abs(said).max() for said in answers.values()))
            refuse({
                "Rows get other answers by themselves than among others: does a layer compute with the whole batch, or "
                "draw at random, outside training, too?":
                    not np.allclose(half, answers[regions[0]][:16], rtol=0, atol=1e-4 * size),
            })  # fmt: skip
            unknown = answers["Atlantis"]
            odd = [word for word in others if not np.allclose(answers[word], unknown, atol=1e-5)]
            refuse({
                "An empty string is treated differently from another unknown word: is it masked?": odd == [""],
                "'north' is treated differently from another unknown word: 'North' is known, and is another word.":
                    odd == ["north"] and "North" in regions,
                "'North ', with a blank, is treated differently from another unknown word: only 'North' is known.":
                    odd == ["North "],
                f"{''.join(odd)!r} is not in regions, and gets an answer of its own: is it built in?":
                    len(odd) == 1 and odd[0] in fillers,
                f"'Atlantis' and {(odd or [''])[-1]!r} get different answers. All unknown words belong together.": odd,
            })  # fmt: skip
            for word in regions:
                rest = [answers[other] for other in regions if other != word]
                apart[word] |= not any(np.allclose(answers[word], other, atol=1e-7) for other in (*rest, unknown))
                if np.allclose(answers[word], unknown, atol=1e-7):
                    taken = word
            if len(moved) == len(columns) and all(apart.values()):
                break
        same = [word for word in regions if not apart[word]]
        is_one_answer = all(np.allclose(answers[word], answers[regions[0]], atol=1e-7) for word in regions)
        is_one_with_unknown = is_one_answer and np.allclose(answers[regions[0]], unknown, atol=1e-7)
        refuse({
            "No input moves the output. Does it end in a softmax over one unit, which is always 1, or in a relu?":
                not moved and is_one_with_unknown,
            **{f"{name} never moves the output: is its tensor connected to it?":
               not any(column.endswith(name) for column in moved) for name in rows},
            **{f"{column} never moves the output.": column not in moved for column in columns},
            "region never moves the output: is its tensor connected to it? Are `regions` its vocabulary?":
                is_one_with_unknown,
            "All known words get the same answer: keep the words apart.": is_one_answer,
            f"An unknown word is treated as {''.join(same[:1])!r}: give it an index of its own. Is each of `regions` "
            "in the vocabulary?":
                len(same) == 1 and taken == same[0],
            f"{' and '.join(map(repr, same[:2]))} get the same answer: keep the words apart.": same,
        })  # fmt: skip
        _judge_weights(model, regions, rows)


def _judge_inputs(inputs):
    """Require three inputs by name, type and shape."""
    names, wanted = sorted(tensor.name.split(":")[0] for tensor in inputs), ["place", "profile", "region"]
    require(names == wanted, f"The inputs are named {names}; they should be {wanted}.")
    for tensor in inputs:
        wanted = ("string", (None, 1)) if tensor.name.startswith("region") else ("float32", (None, 2))
        got = tf.as_dtype(tensor.dtype).name, tuple(tensor.shape)
        require(got == wanted, f"The input {tensor.name} is {got[0]} of shape {got[1]}; asked for is {wanted}.")


def _judge_words(model, regions, rows, known):
    """Require that the model can be called with each word, and gives one number for each row, also for one row."""
    for word in (*regions, "Atlantis"):
        kind = f"{word!r}" if word in regions else f"the unknown word {word!r}"
        try:
            shape = _told(model, rows, word).shape
            one = {name: values[:1] for name, values in rows.items()}
            alone = np.shape(model({"region": tf.constant([[word]]), **one}))
        except Exception as problem:
            if "tf.gather" not in str(problem) and "indices" not in str(problem) and word in regions:
                raise
            raise NotYet(
                f"The model fails on {kind}. StringLookup gives the words 1 to {known}, and 0 to all that "
                f"it does not know: keep a place for words of both kinds, {known + 1} rows in an Embedding."
            ) from problem
        require(shape != (), "The output is no tensor, but a dict perhaps: one tensor of shape (n, 1) is asked for.")
        require(shape == (32, 1), f"For 32 rows the output has shape {shape}; it should be (32, 1).")
        require(alone == (1, 1), f"For one row the output has shape {alone}; it should be (1, 1).")


def _told(model, rows, *words):
    """Return what the model says to all rows with the first word, then with the second, and so on."""
    inputs = {name: tf.tile(values, (len(words), 1)) for name, values in rows.items()}
    repeated = np.repeat(words, len(rows["place"]))
    return np.asarray(model({**inputs, "region": tf.constant(repeated[:, np.newaxis])}))


def _judge_weights(model, regions, rows):
    """Require that only weights tell words apart: where all weights are alike, all words of `regions` are.

    An index that goes in as a number tells them apart then, too.
    """
    odd = _odd_words(model, regions, rows, model.trainable_variables)
    numbers = "The index of a word goes in as a number, so that one word is three times another: make it a one-hot "
    refuse({
        f"{''.join(odd)!r} has no weight of its own: the one-hot vector has no place for it.": len(odd) == 1,
        "A word goes in as weights that cannot learn: leave its row of the Embedding trainable.":
            odd and not _odd_words(model, regions, rows, [v for v in model.variables if "float" in v.dtype]),
        f"{numbers}vector, or a row of an Embedding.": odd,
    })  # fmt: skip


def _odd_words(model, regions, rows, variables):
    """Return the words whose answer is not that of most words, when each of `variables` holds 0.1."""
    for variable in variables:
        variable.assign(np.full(variable.shape, 0.1))
    answers = np.split(_told(model, rows, *regions), len(regions))
    alike = np.array([[np.allclose(one, other, rtol=1e-4, atol=1e-4) for other in answers] for one in answers])
    return [word for word, same in zip(regions, alike[alike.sum(axis=1).argmax()], strict=True) if not same]


@exercise(
    "10.3",
    "A two-headed loss",
    why="Each label that is there now teaches, and none that is missing does harm.",
    deeper=True,
)
def two_heads(answer):
    """Judge value and gradients with all labels, with holes, with one label or none, and with a weight of 0."""
    rng = np.random.default_rng()
    whole = "no label missing, a price of -1 and one of 0"
    huge, far = "a price of -300, logits of 30 and 200, up and down", "logits of a million, up and down"
    one, no_weight = "one label of each", "a weight of 0"
    cases = {whole: 8, "labels missing": 13, "no price at all": 9, "no cap at all": 300, "no label": 9, one: 9, huge: 9}
    # Few numbers of rows, since a compiled answer is compiled for each; 8 bits do not count to 300.
    cases |= {far: 9, no_weight: 13, "one row": 1}
    for turn, (holes, n) in enumerate(cases.items()):
        y_true = {"price": rng.uniform(1, 4, (n, 1)), "capped": rng.integers(2, size=(n, 1)).astype(float)}
        y_pred = {name: rng.normal(size=(n, 1)) for name in y_true}
        if holes == huge:
            y_true["capped"][:6, 0] = [0, 1, 1, 0, 1, 0]  # the first four are wrong, and very sure
            y_pred["capped"][:6, 0] = [30, -30, -200, 200, 200, -200]
            y_true["price"][0], y_pred["price"][:2] = -300, [[40], [-40]]
        elif holes == far:
            y_true["capped"][:2], y_pred["capped"][:2] = [[0], [1]], [[1e6], [-1e6]]
        elif holes == whole:
            y_true["price"][:2], y_true["capped"][:2] = [[-1], [0]], [[0], [1]]
            y_pred["price"][:2] = y_true["price"][:2]  # the least errors: a mean without them is greater
        elif holes == one:
            y_true["price"][1:] = y_true["capped"][:-1] = np.nan
        elif n > 5:
            y_true["price"][: n if holes in ("no price at all", "no label") else 3] = np.nan
            y_true["capped"][slice(None) if holes in ("no cap at all", "no label") else [1, 6]] = np.nan
        if n == 13:  # rows of the other head, the first rows, or labels of 0 make each mean another, and not by chance
            y_pred["price"][:3], y_pred["price"][6:] = 0, y_true["price"][6:]
            y_pred["capped"][[0, 2]] = 12 * y_true["capped"][[0, 2]] - 6
        drawn = [0, 4] if holes == no_weight else rng.uniform([0.5, 3], [2, 6]).tolist()  # integers, too
        weights = dict(zip(y_true, drawn if turn % 2 == 0 else reversed(drawn), strict=True))  # either may be less
        weights = weights if n == 9 else dict(reversed(weights.items()))
        (price, price_mean), (capped, capped_mean) = _heads(y_true, y_pred)
        w, v = weights["price"], weights["capped"]
        (_, price_by_place), (_, capped_by_place) = _heads(
            y_true, dict(zip(y_true, reversed(y_pred.values()), strict=True))
        )
        p = (1 + np.tanh(y_pred["capped"] / 2)) / 2
        nothing = [name for name, labels in y_true.items() if np.all(np.isnan(labels))]
        twice = np.nanmean(np.log1p(np.exp(p)) - y_true["capped"] * p) if "capped" not in nothing else 0
        exchanged = ({"price": y["capped"], "capped": y["price"]} for y in (y_true, y_pred))
        (_, square_of_cap), (_, cross_of_price) = _heads(*exchanged)
        absolute = 0 if "price" in nothing else np.nanmean(np.sqrt(price))
        not_zero, not_below = (
            _heads({name: np.where(labels == value, np.nan, labels) for name, labels in y_true.items()}, y_pred)
            for value in (0, -1)
        )
        counts = [max(1, np.sum(~np.isnan(labels))) for labels in y_true.values()]
        label_as_logit = np.log1p(np.exp(y_true["capped"])) - y_pred["capped"] * y_true["capped"]
        cross_of_swapped = 0 if "capped" in nothing else np.nanmean(label_as_logit)
        of_logits_of_0 = _by_logit_of_0(y_true["capped"], capped)
        of_zeros = _heads({name: np.nan_to_num(labels) for name, labels in y_true.items()}, y_pred)
        with_zeros = [np.sum(losses) / count for (losses, _), count in zip(of_zeros, counts, strict=True)]
        one_more = [mean * np.sum(there) / (np.sum(there) + 1) for (_, mean), there in zip(
            ((price, price_mean), (capped, capped_mean)), (~np.isnan(labels) for labels in y_true.values()), strict=True
        )]  # fmt: skip
        right = w * price_mean + v * capped_mean
        of_sums = w * np.nansum(price) + v * np.nansum(capped)
        smells = {
            "The weights of the two heads are swapped.": v * price_mean + w * capped_mean,
            "The weights have no effect.": price_mean + capped_mean,
            "That is a mean over the heads; their sum is asked for.": right / 2,
            "That divides by the sum of the weights.": right / (w + v),
            "That divides by all rows; divide by those whose label is present.": of_sums / n,
            "That divides by the labels of both heads together: each head has a count of its own.": of_sums
            / sum(counts),
            "That is a sum over the rows; a mean over those with a label is asked for.": of_sums,
            "The logit goes through a sigmoid twice.": w * price_mean + v * twice,
            "A weight of 0 is a weight: its head adds nothing.": (w or 1) * price_mean + (v or 1) * capped_mean,
            "A probability was made of the logit first, and cut off near 0 and 1, or the logit itself was cut off: use "
            "it as it comes.": w * price_mean + v * _by_cut_probability(y_true["capped"], p),
            "Label and logit are swapped.": w * price_mean + v * cross_of_swapped,
            "That is the absolute error of the price; the squared error is asked for.": w * absolute + v * capped_mean,
            "That is the root of the price's mean squared error: take the mean itself.": w * np.sqrt(price_mean)
            + v * capped_mean,
            "A missing label was taken for a 0: its row must not count.": w * of_zeros[0][1] + v * of_zeros[1][1],
            "A missing label was taken for a 0 in the sum, and left out of the count: leave it out of both.": w
            * with_zeros[0]
            + v * with_zeros[1],
            "A label of 0 was taken for a missing one.": w * not_zero[0][1] + v * not_zero[1][1],
            "A price of -1 was taken for a missing one: only nan is.": w * not_below[0][1] + v * not_below[1][1],
            "A logit of 0 in place of a missing row's costs log 2: its loss must not count either.": w * price_mean
            + v * of_logits_of_0,
            "That divides by one row too many: use a maximum against 0/0, not + 1.": w * one_more[0] + v * one_more[1],
            "The price counts half: its squared error is not divided by 2.": w * price_mean / 2 + v * capped_mean,
            "The heads are paired by their place in the dicts: go by name.": w * price_by_place + v * capped_by_place,
            "Labels, predictions and weights are paired by their place in the dicts: go by name.": v * price_by_place
            + w * capped_by_place,
            "The price gets the loss of the cap, and the cap that of the price: go by name.": w * cross_of_price
            + v * square_of_cap,
            "An inf: the exponential of a logit of 200 is one in float32, and so is a quotient by 0.": np.inf,
        }
        square = "Losses of shape (n,) times a mask of shape (n, 1) give n × n numbers: keep the last axis."
        smells |= {
            f"The cap is counted too often. {square}": w * price_mean + v * np.nansum(capped),
            f"The price is counted too often. {square}": w * np.nansum(price) + v * capped_mean,
            f"Both are counted too often. {square}": of_sums,
        }
        if holes == whole:  # a cut at ±20 has nearly the same value where the logits are large
            by_logit = w * price_mean + v * _by_cut_probability(y_true["capped"], y_pred["capped"])
            smells["The logit was taken for a probability."] = by_logit
            smells |= {"Only the price counts.": w * price_mean, "Only the cap counts.": v * capped_mean}
        elif holes in (huge, far):
            cut_off = "The logarithm of 0: such a logit makes a probability of 0 or 1. Compute with the logit itself."
            smells[cut_off] = np.nan
        elif nothing:
            smells["The mean over no row is 0/0: guard the count."] = np.nan
            smells["Where one head has no label the other is lost, too: guard each by itself."] = 0.0
        elif n > 1:
            smells["A missing label makes the loss nan: replace it before you compute with it."] = np.nan
        # Heads go by name: each dict has an order of its own.
        names = list(reversed(y_true)) if n == 13 else list(y_true)
        true = {name: tf.constant(y_true[name], tf.float32) for name in names}
        pred = {name: tf.constant(y_pred[name], tf.float32) for name in reversed(names)}
        with_price = ~np.isnan(y_true["price"])
        both = with_price & ~np.isnan(y_true["capped"])
        if both.any() and not both.all():
            smells |= {
                "That keeps only rows with both labels; each head has rows of its own.":
                    w * price[both].mean() + v * capped[both].mean(),
                "The rows that have a price are taken for the cap, too; each head has rows of its own.":
                    w * price_mean + v * of_zeros[1][0][with_price].mean(),
                "The cap is divided by the number of prices: divide by the number of its own labels.":
                    w * price_mean + v * np.nansum(capped) / with_price.sum(),
            }  # fmt: skip
        with tf.GradientTape() as tape:
            tape.watch(pred)
            handed = dict(true), dict(pred), dict(weights)
            value = _value_of(answer, *handed)
        expect(value, right, on=holes, smells=smells)
        for given, now in zip((true, pred, weights), handed, strict=True):
            same = all(np.array_equal(given[name], now.get(name, ()), equal_nan=True) for name in given)
            require(same, f"For {holes}: the caller's dict was changed. Put what you compute into names of your own.")
        if len(nothing) == 2 and not tf.is_tensor(value):
            continue
        number = "the value is right, and no tensor: it has no gradient. Stay in TensorFlow from label to loss."
        refuse({number: not tf.is_tensor(value)}, on=holes)
        slopes = tape.gradient(value, pred)
        present = {name: ~np.isnan(y_true[name]) for name in y_true}
        errors = {"price": 2 * (y_pred["price"] - y_true["price"]), "capped": p - y_true["capped"]}
        for name, slope in slopes.items():
            slope = None if slope is None else tf.convert_to_tensor(slope)
            count = max(present[name].sum(), 1)
            want = np.where(present[name], weights[name] * errors[name] / count, 0)
            if slope is None and not (present[name].any() and weights[name]):
                continue
            refuse({f"no gradient reaches {name!r}. Stay in TensorFlow from label to loss.": slope is None}, on=holes)
            guarded_late = "the guard stands after the operation. Replace the missing label first."
            if nothing:
                guarded_late = "0/0 was computed, and replaced afterward. Guard the count, or the division."
            elif holes in (huge, far):
                guarded_late = (
                    "an exponential overflows, perhaps in the branch that tf.where does not take: inf times 0."
                )
            broken = not np.all(np.isfinite(slope))
            refuse({f"the value is right and the gradient of {name!r} is nan: {guarded_late}": broken}, on=holes)
            expect(slope, want, on=f"the gradient of {name!r}, {holes}")


def _value_of(answer, y_true, y_pred, weights):
    """Return the answer's loss; where it fails on one row only, say that it was one."""
    try:
        return answer(y_true, y_pred, weights)
    except Exception as problem:
        if len(y_true["price"]) > 1:
            raise
        raise NotYet(
            "For one row your code raises an error, and for more rows it does not. Does a tf.squeeze drop "
            f"the axis of the rows, too? {errors.told(problem)}"
        ) from problem


def _by_cut_probability(label, p):
    if np.all(np.isnan(label)):
        return 0.0
    p = np.clip(np.float32(p), np.float32(1e-7), np.float32(1 - 1e-7))
    return np.nanmean(-label * np.log(p) - (1 - label) * np.log(1 - p))


def _by_logit_of_0(label, losses):
    """Return the sum of the losses, and of log 2 for each missing label, over the number of those present."""
    missing = np.isnan(label).sum()
    return (np.nansum(losses) + missing * np.log(2)) / (len(label) - missing) if missing < len(label) else 0.0


def _heads(y_true, y_pred):
    price = (y_pred["price"] - y_true["price"]) ** 2
    capped = np.logaddexp(0, y_pred["capped"]) - y_true["capped"] * y_pred["capped"]
    return [(x, np.nanmean(x) if np.any(~np.isnan(x)) else 0.0) for x in (price, capped)]


@exercise(
    "10.4",
    "The capstone",
    why="This step holds what you have learned so far, and fit runs it, compiled.",
    asks_for="class",
)
def capstone(answer):
    """Judge two steps of SGD by the weights they leave, what the model was shown, and what the steps report."""
    rng = np.random.default_rng()
    for n, fewer, accum_steps, clips in ((9, 6, 3, False), (9, 6, 3, True), (13, 5, 5, False), (4, 3, 1, True)):
        x = {name: rng.normal(size=(n, 2)).astype("float32") for name in ("b", "a")}  # not in the model's order
        y = (-0.4 * np.arange(n)[:, None] + rng.normal(size=(n, 1))).astype("float32")
        y[0] += 8  # a loss of its own for the first micro-batch, which may be the smaller one
        model = _built(answer, accum_steps, x, y, clips)
        where = f"{n} rows, accum_steps {accum_steps}, clip_norm {model.clip_norm:.3g}"
        first = _judged_step(model, x, y, where)
        x, y = {name: values[-fewer:] for name, values in x.items()}, y[-fewer:]
        _judged_step(model, x, y, f"{where}, then {fewer} rows: the second step", first)
    _judge_inside_fit(answer, rng)


def _judged_step(model, x, y, where, first=None):
    """Make one step and judge it; return how the weights moved, and what was to be reported."""
    model.witness.seen = []
    start = _weights(model)
    try:
        with functions_compiled(False):  # else a tf.function is compiled for each size, and XLA compiles no witness
            logs = model.train_step(({name: tf.constant(values) for name, values in x.items()}, tf.constant(y)))
    except ValueError as problem:
        require("not yet been built" not in str(problem), f"For {where}: a metric was not updated.")
        raise
    attempted(logs, asked="a dict of the metrics' results", on=where)
    moved = _judge_step(model, x, y, start, where, first and first[0])
    reported = _judge_logs(logs, x, y, start, where, model.accum_steps, first and first[1])
    return moved, reported


class _Witness(tf.keras.layers.Layer):
    """Passes its input on, and notes the rows that it was shown, and whether in training mode, where `seen` is a list.

    Inside fit it is None: XLA compiles no py_function. Where one runs, an answer without an end cannot be stopped: the
    process may abort. So there is one in a graph alone, as of a Dataset.map.
    """

    seen = None

    def call(self, x, training=False):
        if self.seen is not None and not tf.keras.backend.is_keras_tensor(x):
            if tf.executing_eagerly():
                self._note(x, training)
            else:
                tf.py_function(self._note, [x, bool(training)], [])
        return x

    def _note(self, x, training):
        self.seen.append((x.numpy(), bool(training)))

    def compute_output_shape(self, shape):
        return shape


def linex(y_true, y_pred):
    """A loss of the check's own, of which too high and too low are not the same: whoever computes another shows it."""
    error = 0.3 * (tf.cast(y_true, y_pred.dtype) - y_pred)
    return 10 * tf.reduce_mean(tf.exp(error) - error - 1, axis=-1)  # times 10, so that gradients are longer than 1


def excess(y_true, y_pred):
    """A metric of the check's own, which shows whether its arguments are swapped."""
    return tf.reduce_mean(tf.nn.relu(y_true - y_pred), axis=-1)


class _Rows(tf.keras.metrics.Metric):
    """The number of rows that it was shown, each times its weight: a sum, which tells when rows are shown twice."""

    def __init__(self):
        super().__init__(name="rows")
        self.total = self.add_weight(initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        weights = 1.0 if sample_weight is None else tf.cast(sample_weight, self.total.dtype)
        self.total.assign_add(tf.reduce_sum(tf.ones_like(y_true, self.total.dtype) * weights))

    def result(self):
        return tf.identity(self.total)


class _NotTheLoss(tf.keras.metrics.Mean):
    """A mean like the metric named "loss", with nearly its name. Whether it is updated is not asked: it has no data."""

    def update_state(self, y_true, y_pred=None, sample_weight=None):
        require(y_pred is not None, f"the metric {self.name!r} was updated with a loss; only the one named 'loss' is.")


def _built(answer, accum_steps, x, y, clips):
    """Build a model of the answer's class, whose clip_norm is 0.3 of the first gradient's norm, or very large.

    Two layers are trained, which together are one Dense layer; a frozen one before them passes its input on.
    """
    inputs = {name: tf.keras.Input((2,), name=name) for name in ("a", "b")}
    witness, penalty = _Witness(name="witness"), tf.keras.regularizers.L2(PENALTY)
    frozen = tf.keras.layers.Dense(4, use_bias=False, kernel_initializer="identity", name="frozen")
    hidden = frozen(witness(tf.keras.layers.Concatenate()([inputs["a"], inputs["b"]])))
    frozen.trainable = False
    first = tf.keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty, name="first")(hidden[:, :2])
    second = tf.keras.layers.Dense(1, kernel_regularizer=penalty, name="second")(hidden[:, 2:])
    model = answer(inputs, tf.keras.layers.Add()([first, second]))
    model.witness, model.accum_steps, model.clip_norm = witness, accum_steps, 1e6
    model.not_the_loss, model.loss_of_x = _NotTheLoss(name="loss_of_rows"), _WithX(model.compute_loss)
    model.compute_loss = model.loss_of_x
    if clips:
        step, _ = _steps(x, y, _weights(model), accum_steps, 1e6)
        model.clip_norm = float(0.3 * np.linalg.norm(step) / RATE)
    model.compile(
        tf.keras.optimizers.SGD(RATE, momentum=MOMENTUM), loss=linex, metrics=[excess], weighted_metrics=[_Rows()]
    )
    return model


class _WithX:
    """The method compute_loss, which now requires x to be that of the rows of y: Keras' own does not look at it."""

    def __init__(self, compute_loss):
        self.compute_loss, self.called = compute_loss, False

    def __call__(self, x=None, y=None, y_pred=None, *others, **named):
        self.called = True
        require(x is not None, "compute_loss was called without x: a loss may need it.")
        counts = {len(part) for part in (*tf.nest.flatten(x), y)} if tf.executing_eagerly() else ()
        told = f"compute_loss was given the x of {max(counts, default=0)} rows and the y of {min(counts, default=0)}."
        require(len(counts) < 2, f"{told} Hand it the micro-batch.")
        return self.compute_loss(x, y, y_pred, *others, **named)


def _weights(model):
    """Return kernel and bias of the Dense layer that the two trained layers make up together."""
    first, second = model.get_layer("first"), model.get_layer("second")
    return [np.concatenate([first.kernel.numpy(), second.kernel.numpy()]), second.bias.numpy()]


def _judge_step(model, x, y, start, where, first):
    """Require that the model saw each row once, in pieces, in training mode, and that its weights moved right.

    `first` is None, or how they moved in the step before. Return how they moved.
    """
    n, k = len(y), model.accum_steps
    shown = [np.asarray(rows) for rows, _ in model.witness.seen]
    moved = np.concatenate([np.ravel(a - b) for a, b in zip(_weights(model), start, strict=True)])
    refuse({
        "no weight moved. Was the gradient applied to the trainable variables?": not np.any(moved),
        "some weights did not move: take all trainable variables.": not np.all(moved),
        "a frozen layer was trained: take the trainable variables.":
            not np.array_equal(model.get_layer("frozen").kernel, np.eye(4)),
    }, on=where)  # fmt: skip
    wants, smells = _steps(x, y, start, k, model.clip_norm)
    if first is not None:
        alone, wants = wants, wants + MOMENTUM * first
        smells = {
            "The momentum of the optimizer has no effect: apply the gradients with self.optimizer.": alone,
            "Something is kept from the step before: start the sums anew in each step.": wants + first,
        }
    most, sizes = max(map(len, shown), default=0), [len(rows) for rows in shown]
    rows = np.concatenate([x["a"], x["b"]], axis=1)
    whole = f"the model was shown {most} rows at once; {-(-n // k)} at most were asked for."
    refuse({
        whole: most > -(-n // k),
        "the model was not called with training=True.": not all(training for _, training in model.witness.seen),
    }, on=where)  # fmt: skip
    total = np.concatenate(shown) if shown else rows[:0]
    left_out = total.shape != rows.shape and len(total) < n and np.allclose(total, rows[: len(total)])
    by_place = total.shape == rows.shape and np.allclose(total, rows[:, [2, 3, 0, 1]])
    refuse({
        f"only the first {len(total)} rows were used: a remainder was left out.": left_out,
        "the model took b for a, and a for b: hand it a dict, since the parts of a list go by place.": by_place,
    }, on=where)  # fmt: skip
    expect(moved, wants, on=f"the step of SGD, {where}", smells=smells, tolerance=1e-3)
    uncalled = "the loss is right, and not from self.compute_loss: a model may have one of its own."
    refuse({uncalled: not model.loss_of_x.called}, on=where)
    same = total.shape == rows.shape and np.allclose(total, rows)
    refuse({
        "every row must be shown once, one micro-batch after the other.": not same,
        f"the micro-batches have the sizes {sizes}; {k} are asked for, whose sizes differ by at most one.":
            len(sizes) != k or max(sizes) - min(sizes) > 1,
    }, on=where)  # fmt: skip
    return moved


def _judge_logs(logs, x, y, start, where, accum_steps, first):
    """Judge what is reported of one step, or of two: `first` is None, or the rows, loss and metric of the one before.

    Return these of this one.
    """
    named = isinstance(logs, dict) and {"loss", "excess", "rows"} <= set(logs)
    refuse({"train_step must return the results of all metrics, by name.": not named}, on=where)
    error, losses = _predicted(x, start) - y, _losses(x, y, start)
    parts = _parts(len(y), accum_steps)
    each, over, swapped = (
        np.array([np.mean(of_rows[part]) for part in parts])
        for of_rows in (losses, np.maximum(-error, 0), np.maximum(error, 0))
    )
    shares = np.array([len(part) for part in parts]) / len(y)
    loss, metric = np.mean(losses), shares @ over
    if first is None:
        smells = {
            "That is the loss of the last micro-batch.": each[-1],
            "That is the mean of the micro-batches' losses; each counts by its rows.": np.mean(each),
            "The metric named loss was not updated.": 0.0,
            "A loss times its share was reported, and weighted by its rows, too: report the loss itself.": shares**2
            @ each,
        }
        expect(logs["loss"], loss, on=f"the reported loss, {where}", tolerance=1e-3, smells=smells)
        smells = {
            "That is the metric of the last micro-batch: show it all rows.": over[-1],
            "y and y_pred are swapped.": shares @ swapped,
        }
        expect(logs["excess"], metric, on=f"the reported metric, {where}", tolerance=1e-3, smells=smells)
        told = (
            f"the metrics were shown {float(logs['rows']):g} rows in place of {len(y)}: update each once with "
            "each row, and without weights."
        )
        refuse({told: float(logs["rows"]) != len(y)}, on=where)
        return len(y), loss, metric
    rows, loss_before, metric_before = first
    share = len(y) / (len(y) + rows)
    reset = "That is of the last step alone: metrics go on until the epoch ends, and fit resets them."
    smells = {
        "The two steps count alike: the weight of a loss is its number of rows.": (loss + loss_before) / 2,
        reset: loss,
    }
    both = share * loss + (1 - share) * loss_before
    expect(logs["loss"], both, on=f"the reported loss, {where}", tolerance=1e-3, smells=smells)
    both = share * metric + (1 - share) * metric_before
    expect(logs["excess"], both, on=f"the reported metric, {where}", tolerance=1e-3, smells={reset: metric})
    return len(y), loss, metric


def _judge_inside_fit(answer, rng):
    """Require two steps of fit, which compiles one for both: the number of rows is a tensor, 10 and then 4."""
    x = {name: rng.normal(size=(14, 2)).astype("float32") for name in ("a", "b")}
    y = rng.normal(size=(14, 1)).astype("float32")
    y[-1] += 12  # a loss of its own for the last micro-batch, which is one row of 14, and one piece of 8
    batches = [({name: values[rows] for name, values in x.items()}, y[rows]) for rows in (slice(10), slice(10, 14))]
    model = _built(answer, 4, *batches[0], clips=True)
    model.optimizer.build(model.trainable_variables)  # else the first step makes variables, and is traced twice
    model.compute_metrics(*batches[0], model(batches[0][0]))  # makes those of the metrics
    model.reset_metrics()
    start = _weights(model)
    try:
        history = model.fit(x, y, batch_size=10, epochs=1, verbose=0, shuffle=False).history
    except TypeError as problem:
        unknown = "inside fit the step is compiled before a batch comes, and y.shape[0] is None: take tf.shape(y)[0]."
        require("NoneType" not in str(problem), unknown)
        raise
    moved = np.concatenate([np.ravel(a - b) for a, b in zip(_weights(model), start, strict=True)])
    first, _ = _steps(*batches[0], start, 4, model.clip_norm)
    between = [start[0] + first[:4, None], start[1] + first[4:]]
    second, _ = _steps(*batches[1], between, 4, model.clip_norm)
    on = "two steps of SGD inside fit, 10 rows and then 4, accum_steps 4"
    expect(moved, (1 + MOMENTUM) * first + second, on=on, tolerance=1e-3)
    before, after = _losses(*batches[0], start), _losses(*batches[1], between)
    each = [*(np.mean(before[part]) for part in _parts(10, 4)), *np.ravel(after)]
    alike = (
        "Inside fit y.shape[0] is None, and with that for a weight every micro-batch counts alike: take tf.shape(y)[0]."
    )
    want, smells = np.mean([*before, *after]), {alike: np.mean(each)}
    expect(history["loss"][0], want, on=f"the reported loss of {on}", smells=smells, tolerance=1e-3)


def _losses(x, y, weights):
    """Return the loss of each row, with the penalty: shape (n, 1)."""
    error = _predicted(x, weights) - y
    return 10 * (np.exp(-0.3 * error) + 0.3 * error - 1) + PENALTY * np.sum(weights[0] ** 2)


def _predicted(x, weights):
    return np.concatenate([x["a"], x["b"]], axis=1) @ weights[0] + weights[1]


def _parts(n, accum_steps):
    return [np.arange(n * i // accum_steps, n * (i + 1) // accum_steps) for i in range(accum_steps)]


@np.errstate(over="ignore", invalid="ignore")  # a wrong walk may go beyond all bounds
def _steps(x, y, start, accum_steps, clip_norm):
    """Return the right step of one Dense layer under the check's loss, and wrong ones by their smell."""
    rows, n = np.concatenate([x["a"], x["b"]], axis=1), len(y)

    def gradient(part, weights=start, slope=lambda error: 3 * (1 - np.exp(-0.3 * error)), penalty=PENALTY):
        slopes = slope((rows @ weights[0] + weights[1] - y)[part])
        parts = np.ravel(rows[part].T @ slopes) / len(part) + 2 * penalty * np.ravel(weights[0])
        return np.concatenate([parts, np.mean(slopes, axis=0)])

    def clipped(vector, bound=clip_norm):
        return vector * min(1.0, bound / np.linalg.norm(vector))

    def walk(step):
        """Return how the weights move when they move after each micro-batch, by step(gradient, share, sum so far)."""
        at, velocity, total = np.concatenate([np.ravel(w) for w in start]), 0.0, 0.0
        for part, share in zip(parts, shares, strict=True):
            slope = gradient(part, [at[:4, None], at[4:]])
            total = total + share * slope
            velocity = MOMENTUM * velocity - RATE * step(slope, share, total)
            at = at + velocity
        return (at - np.concatenate([np.ravel(w) for w in start])) / RATE

    parts = _parts(n, accum_steps)
    each, shares = [gradient(part) for part in parts], np.array([len(part) / n for part in parts])
    mean, total = shares @ each, np.sum(each, axis=0)
    shared = np.sum([clipped(share * slope) for share, slope in zip(shares, each, strict=True)], axis=0)
    dropped = n // accum_steps * accum_steps
    everything = np.arange(n)
    smells = {
        "The gradients were added up; each counts by its share of the rows.": -clipped(total),
        "Each gradient counts by its number of rows, not by its share: divide by all rows.": -clipped(n * mean),
        "The gradient is scaled to self.clip_norm also where it is shorter.":
            -clip_norm / np.linalg.norm(mean) * mean,
        "The penalty of a layer is in the loss twice: self.compute_loss adds it already.":
            -clipped(gradient(everything, penalty=2 * PENALTY)),
        "The micro-batches have different sizes, and count alike: weigh each by its share of the rows.":
            -clipped(total / accum_steps),
        "That is the right sum divided by accum_steps: the shares add up to 1 already.": -clipped(mean / accum_steps),
        "The sum did not start at 0, but at the weights.":
            -clipped(mean + np.concatenate([np.ravel(w) for w in start])),
        "A remainder of the rows was left out.": -clipped(gradient(np.arange(dropped))),
        "Each micro-batch was clipped; add up first, and clip once.": -shares @ [clipped(g) for g in each],
        "The share of each micro-batch was clipped; add up first, and clip once.": -shared,
        "The share of each micro-batch was clipped, and then the sum: clip once.": -clipped(shared),
        "Nothing was clipped.": -mean,
        "The norm was clipped to 1, not to self.clip_norm.": -clipped(mean, 1.0),
        "The gradient of all rows was clipped before it was divided by their number: divide first.":
            -clipped(n * mean) / n,
        "The sum was clipped and divided afterward: divide first.":
            -clipped(total) / accum_steps if np.linalg.norm(total) > clip_norm else -mean,
        "Each tensor was clipped by itself; the norm is that of all together.":
            -np.concatenate([clipped(mean[:2]), clipped(mean[2:4]), clipped(mean[4:])]),
        "Each entry was clipped by value; the norm is asked for.": -np.clip(mean, -clip_norm, clip_norm),
        "Only the last micro-batch was used.": -clipped(each[-1]),
        "Only the last micro-batch is in the sum: add to it in each round.": -clipped(shares[-1] * each[-1]),
        "The first micro-batch was used again and again: move the slice.": -clipped(each[0]),
        "The weights moved after each micro-batch: apply once.": walk(lambda slope, *_: clipped(slope)),
        "The weights moved after each micro-batch, by its share: apply once, after the last.":
            walk(lambda slope, share, _: clipped(share * slope)),
        "The sum so far was applied after each micro-batch: apply it once, after the loop.":
            walk(lambda *step: clipped(step[-1])),
        "The gradient was applied twice.": -(2 + MOMENTUM) * clipped(mean),
        "That is the squared error. Take the loss that the model was compiled with: self.compute_loss.":
            -clipped(gradient(everything, slope=lambda error: 2 * error, penalty=0.0)),
        "The penalty of a layer is missing from the loss: self.compute_loss adds it.":
            -clipped(gradient(everything, penalty=0.0)),
    }  # fmt: skip
    return -RATE * clipped(mean), {smell: RATE * wrong for smell, wrong in smells.items()}
