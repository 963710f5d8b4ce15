"""Answers to the exercises of notebook 10 whose verdict is known."""

import random

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def _p_value(true_score, shuffled, fault=""):
    shuffled = np.asarray(shuffled)
    above, runs = np.sum(shuffled >= true_score), len(shuffled)
    return {
        "no plus one": above / runs,
        "denominator only": above / (runs + 1),
        "wrong way": (1 + np.sum(shuffled <= true_score)) / (runs + 1),
        "no ties": (1 + np.sum(shuffled > true_score)) / (runs + 1),
        "half a tie": (1 + (np.sum(shuffled > true_score) + above) / 2) / (runs + 1),
        "rounded": (1 + np.sum(shuffled.round(2) >= round(true_score, 2))) / (runs + 1),
        "score": true_score,
        "numerator only": (1 + above) / runs,
        "count": 1 + above,
    }.get(fault, (1 + above) / (runs + 1))


def signal(fault=""):
    def label_signal(fit, x_train, y_train, x_test, y_test, permutations=19):
        rng = np.random.default_rng()

        def score(labels, x=x_train):
            if fault == "all rows":
                x, labels = np.concatenate([x_train, x_test]), np.concatenate([labels, y_test])
            predict = fit(x, labels)
            if fault == "training rows":
                return np.mean(predict(x_train) == y_train)
            if fault == "distance":
                return -np.mean(np.abs(predict(x_test) - y_test))
            if fault == "balanced":
                right = predict(x_test) == y_test
                return np.mean([np.mean(right[y_test == label]) for label in np.unique(y_test)])
            if fault == "test labels shuffled" and labels is not y_train:
                return np.mean(predict(x_test) == rng.permutation(y_test))
            if fault == "whole percent":
                return int(100 * np.mean(predict(x_test) == y_test))
            if fault == "first rows":
                return np.mean(predict(x_test[:10]) == y_test[:10])
            return np.mean(predict(x_test) == y_test)

        def shuffled_score():
            order = rng.permutation(len(y_train))
            if fault == "same seed":
                order = np.random.default_rng(0).permutation(len(y_train))
            if fault == "moved along":
                order = np.roll(np.arange(len(y_train)), rng.integers(1, len(y_train)))
            if fault == "two exchanged":
                order = np.arange(len(y_train))
                i, j = rng.choice(len(y_train), 2, replace=False)
                order[[i, j]] = order[[j, i]]
            if fault == "halves":
                order = np.concatenate([rng.permutation(half) for half in np.split(np.arange(len(y_train)), 2)])
            if fault == "all but the first":
                order = np.concatenate([[0], 1 + rng.permutation(len(y_train) - 1)])
            if fault == "one cycle":  # Sattolo's algorithm, where Fisher's and Yates' was meant
                order = np.arange(len(y_train))
                for i in range(len(order) - 1, 0, -1):
                    j = rng.integers(i)
                    order[[i, j]] = order[[j, i]]
            if fault == "renamed":
                return score(rng.permutation(max(y_train) + 1)[y_train])
            if fault == "column":
                return score(y_train[order, np.newaxis])
            if fault == "shuffled in place":
                return score(rng.shuffle(y_train.copy()))
            if fault == "pairs":
                return score(y_train[order], x_train[order])
            if fault == "drawn anew":
                return score(np.ones_like(y_train))
            if fault == "centered test rows":
                x_test[:] -= x_test.mean()
            return score(y_train[order])

        true_score = shuffled_score() if fault == "no true run" else score(y_train)
        if fault == "in place":
            rng.shuffle(y_train)
        if fault == "test labels of 0":
            y_test[:] = 0
        if fault == "fit once":
            predict = fit(x_train, y_train) if permutations < 0 else None
            shuffled = [np.mean(rng.permutation(y_test) == y_test) for _ in range(permutations)]
            return _p_value(true_score, shuffled, str(predict))
        shuffles = permutations - (fault == "one run less")
        return _p_value(true_score, [shuffled_score() for _ in range(shuffles)], fault)

    return label_signal


def signal_by_counter(fit, x_train, y_train, x_test, y_test, permutations=19):
    def score(labels):
        return float(tf.reduce_mean(tf.cast(fit(x_train, labels)(x_test) == y_test, tf.float64)))

    best, count = score(y_train), 1
    for seed in range(permutations):
        labels = y_train.copy()
        np.random.RandomState(seed).shuffle(labels)
        count += score(labels) >= best
    return tf.constant(count / (permutations + 1))


def signal_of_floats(fit, x_train, y_train, *others):
    return signal()(fit, x_train, y_train.astype(float), *others)


def signal_true_run_last(fit, x_train, y_train, x_test, y_test, permutations=19):
    orders = [*(random.sample(range(len(y_train)), len(y_train)) for _ in range(permutations)), range(len(y_train))]
    hits = [np.count_nonzero(fit(x_train, y_train[list(order)])(x_test) == y_test) for order in orders]
    return np.mean([hit >= hits[-1] for hit in hits])


def signal_of_shuffled_rows(fit, x_train, y_train, x_test, y_test, permutations=19):
    """Shuffle the rows in place of the labels: the pairs are as random."""
    runs = [x_train, *(tf.random.shuffle(x_train).numpy() for _ in range(permutations))]
    errors = np.array([np.mean(fit(x, y_train)(x_test) != y_test) for x in runs])
    return float((errors <= errors[0]).mean())


def signal_of_shuffled_guesses(fit, x_train, y_train, x_test, y_test, permutations=19):
    guesses = fit(x_train, y_train)(x_test)
    shuffled = [np.mean(np.random.permutation(guesses) == y_test) for _ in range(permutations)]
    return _p_value(np.mean(guesses == y_test), shuffled)


def model_with(word, *, as_list=False, names=("place", "profile", "region"), leave_out=(), outputs=1, **changed):
    """Return an answer to the third input; `word(strings, regions)` makes numbers of the words."""
    shape, used, after = (changed.get(name) for name in ("shape", "used", "after"))

    def third_input(regions):
        place, profile = (tf.keras.Input((2,), name=name) for name in names[:2])
        region = tf.keras.Input((1,) if shape is None else shape, dtype="string", name=names[2])
        numbers = {"place": used(place) if used else place, "profile": profile, "region": word(region, regions)}
        joined = tf.keras.layers.concatenate([x for name, x in numbers.items() if name not in leave_out])
        hidden = tf.keras.layers.Dense(24, activation="tanh")(joined)
        inputs = [place, profile, region]
        inputs = inputs if as_list else {tensor.name: tensor for tensor in inputs}
        output = tf.keras.layers.Dense(outputs)(hidden)
        return tf.keras.Model(inputs, after(output) if after else output)

    return third_input


def trained_third_input(regions):
    model = model_with(one_hot_word)(regions)
    model.compile("adam", "mse")
    rows = {name: tf.zeros((2, 2)) for name in ("place", "profile")}
    model.train_on_batch({**rows, "region": tf.constant([[regions[0]], [""]])}, tf.zeros((2, 1)))
    return model


def one_hot_word(strings, regions):
    return tf.keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")(strings)


def embedded_word(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    rows = tf.keras.layers.Embedding(len(regions) + 1, 3, embeddings_initializer="zeros")(index)
    return tf.keras.layers.Flatten()(rows)


def word_without_unknown(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions, num_oov_indices=0)(strings)
    return tf.keras.layers.Flatten()(tf.keras.layers.Embedding(len(regions), 3)(index))


def hashed_word(strings, regions):
    index = tf.keras.layers.Hashing(997)(strings)
    return tf.keras.layers.Flatten()(tf.keras.layers.Embedding(997, 3)(index))


def embedding_too_small(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    return tf.keras.layers.Flatten()(tf.keras.layers.Embedding(len(regions), 3)(index))


def index_as_number(strings, regions):
    return tf.keras.ops.cast(tf.keras.layers.StringLookup(vocabulary=regions)(strings), "float32")


def index_through_a_layer(strings, regions):
    return tf.keras.layers.Dense(8, activation="tanh")(0.2 * index_as_number(strings, regions))


def multi_hot_word(strings, regions):
    return tf.keras.layers.StringLookup(vocabulary=regions, output_mode="multi_hot")(strings)


def one_hot_by_hand(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    return tf.keras.ops.reshape(tf.keras.ops.one_hot(index, len(regions) + 1), (-1, len(regions) + 1))


def one_hot_of_a_hundred(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    return tf.keras.ops.reshape(tf.keras.ops.one_hot(index, 100), (-1, 100))


def normalized_word(strings, regions):
    return tf.keras.layers.LayerNormalization()(tf.keras.ops.cast(one_hot_word(strings, regions), "float32"))


def stripped_word(strings, regions):
    return one_hot_word(tf.keras.layers.Lambda(tf.strings.strip, output_shape=(1,))(strings), regions)


def embedding_of_a_hundred(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    return tf.keras.layers.Flatten()(tf.keras.layers.Embedding(100, 3)(index))


def frozen_word(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    return tf.keras.layers.Flatten()(tf.keras.layers.Embedding(len(regions) + 1, 8, trainable=False)(index))


def index_beside_a_row(strings, regions):
    return tf.keras.ops.concatenate([index_as_number(strings, regions), embedded_word(strings, regions)], axis=1)


def sorted_word(strings, regions):
    regions.sort()
    return one_hot_word(strings, regions)


def with_mask_token(strings, regions):
    return tf.keras.layers.StringLookup(vocabulary=regions, mask_token="", output_mode="one_hot")(strings)


class Subclassed(tf.keras.Model):
    def __init__(self, regions):
        super().__init__()
        self.lookup = tf.keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")
        self.out = tf.keras.layers.Dense(1)

    def call(self, x):
        word = tf.cast(self.lookup(x["region"]), tf.float32)
        return self.out(tf.concat([x["place"], x["profile"], word], axis=1))


class FailsInCall(Subclassed):
    def call(self, x):
        raise ValueError("no")


def narrow_with_relu(regions):
    inputs = {name: tf.keras.Input((2,), name=name) for name in ("place", "profile")}
    inputs["region"] = tf.keras.Input((1,), dtype="string", name="region")
    word = embedded_word(inputs["region"], regions)
    joined = tf.keras.layers.Concatenate()([inputs["place"], inputs["profile"], word])
    return tf.keras.Model(inputs, tf.keras.layers.Dense(1)(tf.keras.layers.Dense(3, activation="relu")(joined)))


def lowercased_word(strings, regions):
    return one_hot_word(strings, [word.lower() for word in regions])


def word_without_the_last(strings, regions):
    return one_hot_word(strings, regions)[:, :-1]


def word_in_binary(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    digits = [tf.keras.ops.cast(index // 2**power % 2, "float32") for power in range(4)]
    return tf.keras.ops.concatenate(digits, axis=1)


def squeezed(output):
    def squeeze(x):
        return tf.expand_dims(tf.squeeze(x), -1)

    return tf.keras.layers.Lambda(squeeze, output_shape=(1,))(output)


def filler_word(strings, regions):
    return one_hot_word(strings, ["unknown", *regions])


def words_of_the_notebook(strings, regions):
    return one_hot_word(strings, ["Los Angeles", "San Francisco", "San Diego", "elsewhere"])


def words_of_another_table(strings, regions):
    return one_hot_word(strings, ["Bavaria", "Hesse"])


def masked_mean(strings, regions):
    index = tf.keras.layers.StringLookup(vocabulary=regions)(strings)
    rows = tf.keras.layers.Embedding(len(regions) + 1, 3, mask_zero=True)(index)
    return tf.keras.layers.GlobalAveragePooling1D()(rows)


def word_centered_on_the_batch(strings, regions):
    word = tf.keras.ops.cast(one_hot_word(strings, regions), "float32")
    return word - tf.keras.ops.mean(word, axis=0, keepdims=True)


def word_normalized_by_the_batch(strings, regions):
    word = tf.keras.ops.cast(one_hot_word(strings, regions), "float32")
    return tf.keras.layers.BatchNormalization()(word, training=True)


def word_with_dropout(strings, regions):
    word = tf.keras.ops.cast(one_hot_word(strings, regions), "float32")
    return tf.keras.layers.Dropout(0.5)(word, training=True)


def known_or_not(strings, regions):
    known = tf.keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")(strings)
    return tf.keras.ops.sum(known[:, 1:], axis=1, keepdims=True)


def unknown_as_first(strings, regions):
    known = tf.keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")(strings)
    return tf.keras.ops.concatenate([known[:, :1] + known[:, 1:2], known[:, 2:]], axis=1)


def heads(fault=""):
    def two_heads(y_true, y_pred, weights):
        total, everything = 0.0, 0.0
        counted = {n: tf.reduce_sum(tf.cast(~tf.math.is_nan(y), tf.float32)) for n, y in y_true.items()}
        rows = ~tf.math.is_nan(y_true["price"]) & ~tf.math.is_nan(y_true["capped"])
        for name in ("price", "capped"):
            present = rows if fault == "rows with both" else ~tf.math.is_nan(y_true[name])
            if fault == "zeros":
                y_true = {**y_true, name: tf.where(present, y_true[name], 0.0)}
                present = tf.ones_like(present)
            if fault == "sentinel":
                present = tf.where(present, y_true[name], -1.0) != -1
            if fault == "price of 0" and name == "price":
                present &= y_true[name] != 0
            if fault == "rows with a price":
                y_true = {n: tf.where(tf.math.is_nan(y_true[n]), 0.0, y_true[n]) for n in y_true} | {
                    "price": y_true["price"]
                }
                present = ~tf.math.is_nan(y_true["price"])
            if fault == "cut price":
                y_true = {**y_true, "price": tf.clip_by_value(y_true["price"], -5.0, 5.0)}
            label = y_true[name] if fault in ("nan", "late guard") else tf.where(present, y_true[name], 0.0)
            if fault == "rows with both":
                label = tf.where(tf.math.is_nan(label), 0.0, label)
            logit = tf.sigmoid(y_pred[name]) if fault == "sigmoid twice" else y_pred[name]
            bound = {"cut logit": 100.0, "cut at 20": 20.0, "cut at 16": 16.0, "cut large logit": 1e5}.get(fault)
            logit = tf.clip_by_value(logit, -bound, bound) if bound else logit
            cross = tf.nn.softplus(logit) - label * logit
            if fault == "label for logit":
                cross = tf.nn.softplus(label) - label * logit
            if fault == "exponential":
                cross = tf.math.log(1 + tf.exp(logit)) - label * logit
            if fault == "exponential in a branch":
                cross = tf.where(logit > 0, logit, tf.math.log1p(tf.exp(logit)))
                cross += tf.where(logit > 0, tf.math.log1p(tf.exp(-logit)), 0.0) - label * logit
            if fault in ("cut probability", "probability"):
                p = tf.clip_by_value(logit if fault == "probability" else tf.sigmoid(logit), 1e-7, 1 - 1e-7)
                cross = -label * tf.math.log(p) - (1 - label) * tf.math.log(1 - p)
            if fault == "log of 0":
                cross = -label * tf.math.log(tf.sigmoid(logit)) - (1 - label) * tf.math.log(1 - tf.sigmoid(logit))
            error = label - y_pred[name]
            square = {
                "absolute": tf.abs(error),
                "half": tf.square(error) / 2,
                "huber": tf.where(tf.abs(error) < 9, tf.square(error), 18 * tf.abs(error) - 81),
            }.get(fault, tf.square(error))
            if fault == "zeros in the sum":
                present = tf.ones_like(present)
            losses = square if name == (next(iter(y_true)) if fault == "first is price" else "price") else cross
            if fault != "nan":
                here = tf.cast(present, tf.float32)
                losses = losses * here if fault == "late count" else tf.where(present, losses, 0.0)
            count = tf.reduce_sum(tf.cast(present, tf.float32))
            if fault == "count of 8 bits":
                count = tf.cast(tf.reduce_sum(tf.cast(present, tf.uint8)), tf.float32)
            if fault == "zeros in the sum":
                count = counted[name]
            if fault == "labels of both":
                count = sum(counted.values())
            if fault == "number of prices":
                count = tf.reduce_sum(tf.cast(~tf.math.is_nan(y_true["price"]), tf.float32))
            mean = tf.math.divide_no_nan(tf.reduce_sum(losses), count)
            mean = tf.reduce_mean(losses) if fault == "all rows" else mean
            mean = tf.reduce_sum(losses) / (count + 1) if fault == "one row more" else mean
            mean = tf.sqrt(mean) if fault == "root" and name == "price" else mean
            mean = mean * tf.cast(count > 1, tf.float32) if fault == "none for one" else mean
            mean = tf.reduce_sum(losses) if fault == "sum" else mean
            if fault in ("no count", "no count, nan replaced", f"no count of {name}"):
                mean = tf.reduce_sum(losses) / count
            if fault == "late count":
                mean = tf.where(count > 0, tf.reduce_sum(losses) / count, 0.0)
            other = {"price": "capped", "capped": "price"}[name]
            by_place = list(weights.values())[0 if name == "price" else 1]
            by_size = sorted(weights.values())[0 if name == "price" else 1]
            weight = {
                "swapped": weights[other],
                "ignored": 1.0,
                "by place": by_place,
                "by size": by_size,
                "0 is none": weights[name] or 1.0,
            }.get(fault, weights[name])
            total, everything = total + weight * mean, everything + weights[name]
            if fault == "returned in the loop":
                return total
            if fault == "overwritten":
                total = weight * mean
        total = tf.where(tf.math.is_nan(total), 0.0, total) if fault == "no count, nan replaced" else total
        total = tf.constant(total.numpy()) if fault == "numpy" else total
        total = float(total) if fault == "float" else total
        return total / {"mean over heads": 2.0, "weights": everything}.get(fault, 1.0)

    return two_heads


def heads_in_the_callers_dict(y_true, y_pred, weights):
    total = heads()(y_true, y_pred, weights)
    for name, labels in y_true.items():
        y_true[name] = tf.where(tf.math.is_nan(labels), 0.0, labels)
    return total


def heads_popped(y_true, y_pred, weights):
    price = heads()(y_true, y_pred, {"price": weights.pop("price"), "capped": 0.0})
    return price + heads()(y_true, y_pred, {"price": 0.0, "capped": weights["capped"]})


def heads_by_place(y_true, y_pred, weights):
    """Pair the heads by their place in the dicts."""
    return heads()(y_true, dict(zip(y_true, y_pred.values(), strict=True)), weights)


def heads_by_place_in_each_dict(*dicts):
    return heads()(*(dict(zip(("price", "capped"), one.values(), strict=True)) for one in dicts))


def heads_by_a_tensor_of_weights(y_true, y_pred, weights):
    """Make a tensor of the weights as they are: of integers it becomes an integer one."""
    one = [heads()(y_true, y_pred, {"price": 0.0, "capped": 0.0} | {name: 1.0}) for name in weights]
    return tf.reduce_sum(tf.stack(one) * tf.constant(list(weights.values())))


def heads_squeezed(y_true, y_pred, weights):
    """Squeeze every axis of length 1: of one row nothing is left to gather from."""
    y_true, y_pred = ({name: tf.squeeze(values) for name, values in y.items()} for y in (y_true, y_pred))
    total = 0.0
    for name in ("price", "capped"):
        rows = tf.where(~tf.math.is_nan(y_true[name]))[:, 0]
        label, said = tf.gather(y_true[name], rows), tf.gather(y_pred[name], rows)
        losses = (label - said) ** 2 if name == "price" else tf.nn.softplus(said) - label * said
        total += weights[name] * tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(rows), tf.float32))
    return total


def heads_that_count(y_true, y_pred, weights):
    """Leave out a head that has no weight: no gradient reaches it, as it should."""
    return tf.add_n([heads()(y_true, y_pred, {"price": 0.0, "capped": 0.0} | {n: w}) for n, w in weights.items() if w])


def heads_in_a_square(y_true, y_pred, weights):
    """The losses of the cap have shape (n,), their mask (n, 1)."""
    present = tf.cast(~tf.math.is_nan(y_true["capped"]), tf.float32)
    label = tf.where(present > 0, y_true["capped"], 0.0)
    losses = tf.keras.losses.binary_crossentropy(label, y_pred["capped"], from_logits=True)
    mean = tf.math.divide_no_nan(tf.reduce_sum(losses * present), tf.reduce_sum(present))
    return heads()(y_true, y_pred, {"price": weights["price"], "capped": 0.0}) + weights["capped"] * mean


def heads_in_a_square_of_prices(y_true, y_pred, weights):
    present = tf.cast(~tf.math.is_nan(y_true["price"]), tf.float32)
    label = tf.where(present > 0, y_true["price"], 0.0)
    losses = tf.keras.losses.MeanSquaredError(reduction="none")(label, y_pred["price"])
    mean = tf.math.divide_no_nan(tf.reduce_sum(losses * present), tf.reduce_sum(present))
    return heads()(y_true, y_pred, {"price": 0.0, "capped": weights["capped"]}) + weights["price"] * mean


def heads_in_two_squares(y_true, y_pred, weights):
    prices = heads_in_a_square_of_prices(y_true, y_pred, {**weights, "capped": 0.0})
    return prices + heads_in_a_square(y_true, y_pred, {**weights, "price": 0.0})


def heads_of_the_first_rows(y_true, y_pred, weights):
    y_true, y_pred = ({name: values[:8] for name, values in y.items()} for y in (y_true, y_pred))
    return heads()(y_true, y_pred, weights)


def heads_without_zeros(y_true, y_pred, weights):
    """Take a label of 0 for a missing one."""
    y_true = {name: tf.where(labels == 0, np.nan, labels) for name, labels in y_true.items()}
    return heads()(y_true, y_pred, weights)


def heads_of_logits_of_0(y_true, y_pred, weights):
    """Put 0 for label and prediction where a label is missing: the price costs nothing there, and the cap log 2."""
    present = {name: tf.cast(~tf.math.is_nan(labels), tf.float32) for name, labels in y_true.items()}
    label = {name: tf.where(present[name] > 0, labels, 0.0) for name, labels in y_true.items()}
    said = {name: y_pred[name] * here for name, here in present.items()}
    losses = {
        "price": tf.square(label["price"] - said["price"]),
        "capped": tf.nn.sigmoid_cross_entropy_with_logits(label["capped"], said["capped"]),
    }
    means = {name: tf.math.divide_no_nan(tf.reduce_sum(losses[name]), tf.reduce_sum(present[name])) for name in losses}
    return weights["price"] * means["price"] + weights["capped"] * means["capped"]


def heads_by_boolean_mask(y_true, y_pred, weights):
    def over_present(name, loss):
        present = ~np.isnan(y_true[name].numpy())
        if not present.any():
            return tf.reduce_sum(0.0 * y_pred[name])
        return loss(tf.boolean_mask(y_true[name], present), tf.boolean_mask(y_pred[name], present))

    cross = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    price = over_present("price", lambda t, p: tf.reduce_mean((t - p) ** 2))
    capped = over_present("capped", lambda t, p: cross(t[:, None], p[:, None]))
    return weights["price"] * price + weights["capped"] * capped


def heads_by_gather(y_true, y_pred, weights):
    """Gather the rows that have a label: the gradient of the predictions is a tf.IndexedSlices."""
    total = 0.0
    for name in ("price", "capped"):
        rows = tf.where(~tf.math.is_nan(y_true[name][:, 0]))[:, 0]
        label, said = tf.gather(y_true[name], rows), tf.gather(y_pred[name], rows)
        losses = tf.math.squared_difference(label, said)
        if name == "capped":
            losses = tf.nn.sigmoid_cross_entropy_with_logits(label, said)
        total += weights[name] * tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(rows), tf.float32))
    return total


def heads_by_keras_weights(y_true, y_pred, weights):
    """Keras' own losses with weights of 0, and a count of one's own."""
    losses = {
        "price": tf.keras.losses.MeanSquaredError(reduction="sum"),
        "capped": tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum"),
    }
    total = 0.0
    for name, loss_fn in losses.items():
        present = tf.cast(tf.math.is_finite(y_true[name]), tf.float32)
        label = tf.where(present > 0, y_true[name], tf.zeros_like(y_true[name]))
        total += weights[name] * loss_fn(label, y_pred[name], present[:, 0]) / tf.maximum(tf.reduce_sum(present), 1.0)
    return total


def step(fault=""):
    """Return an answer to the capstone."""

    class Answer(tf.keras.Model):
        accum_steps, clip_norm = 2, 1.0
        kept = None

        def train_step(self, data):
            x, y = data
            k, variables = self.accum_steps, self.trainable_variables
            if fault == "all variables":
                variables = self.variables
            if fault == "last variables":
                variables = variables[-2:]
            n = y.shape[0] if fault == "static" else tf.shape(y)[0]
            if fault == "four":
                k = 4
            if fault == "reset":
                for metric in self.metrics:
                    metric.reset_state()
            sums = self.kept or [tf.zeros_like(variable) for variable in variables]
            if fault == "from the weights":
                sums = [tf.identity(variable) for variable in variables]
            for i in range(k):
                part = slice(n * i // k, n * (i + 1) // k)
                if fault == "same batch":
                    part = slice(0, n // k)
                if fault in ("remainder", "rest for metrics"):
                    part = slice(i * (n // k), (i + 1) * (n // k))
                if fault == "every k-th":
                    part = slice(i, None, k)
                if fault == "rounded up":
                    part = slice(i * (-(-n // k)), (i + 1) * (-(-n // k)))
                if fault == "rest to the last":
                    part = slice(i * (n // k), (i + 1) * (n // k) if i < k - 1 else n)
                size = tf.cast(tf.shape(y[part])[0], tf.float32)
                share = size / tf.cast(n, tf.float32)
                if fault in ("equal shares", "remainder", "rest for metrics"):
                    share = 1.0 / k
                if fault in ("sum", "divide after clip"):
                    share = 1.0
                if fault in ("rows", "rows divided after clip"):
                    share = size
                with tf.GradientTape() as tape:
                    x_part = {name: values[part] for name, values in x.items()}
                    given = list(x_part.values()) if fault == "list" else x_part
                    called = self.call if fault == "by call" else self
                    y_pred = called(given, training=fault != "inference")
                    x_part = {"no x": None, "whole x": x}.get(fault, x_part)
                    if fault != "loss and penalty":
                        loss = self.compute_loss(x=x_part, y=y[part], y_pred=y_pred)
                    if fault == "own loss":
                        loss = tf.reduce_mean(tf.square(y[part] - y_pred))
                    if fault == "penalty twice":
                        loss += tf.add_n(self.losses)
                    if fault in ("no penalty", "loss and penalty"):
                        loss = tf.reduce_mean(self.loss(y[part], y_pred))
                    if fault == "loss and penalty":
                        loss += tf.add_n(self.losses)
                gradients = tape.gradient(loss, variables)
                if fault in ("clip each", "apply each"):
                    gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
                if fault in ("clip shares", "clip shares and all"):
                    gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm / share)
                if fault == "apply each":
                    self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
                sums = gradients if fault == "last" else [a + share * b for a, b in zip(sums, gradients, strict=True)]
                if fault == "last share":
                    sums = [share * gradient for gradient in gradients]
                if fault in ("apply shares", "apply sums"):
                    now = sums if fault == "apply sums" else [share * gradient for gradient in gradients]
                    now, _ = tf.clip_by_global_norm(now, self.clip_norm)
                    self.optimizer.apply_gradients(zip(now, variables, strict=True))
                if fault != "no metrics" and (fault != "last metric" or i == k - 1):
                    for metric in self.metrics:
                        named = fault == "part of a name" and "loss" in metric.name
                        named |= fault == "any mean" and isinstance(metric, tf.keras.metrics.Mean)
                        if metric.name == "loss" or named:
                            if fault == "no loss":
                                continue
                            weight = {"loss by pieces": None, "loss by shares": share}.get(fault, size)
                            weight = y[part].shape[0] if fault == "static weight" else weight
                            weight = tf.cast(n, tf.float32) / k if fault == "mean loss" else weight
                            loss = share * loss if fault == "share of the loss" else loss
                            metric.update_state(loss, sample_weight=weight)
                        elif fault == "metric swapped":
                            metric.update_state(y_pred, y[part])
                        elif fault == "weighted metric":
                            metric.update_state(y[part], y_pred, sample_weight=tf.fill(tf.shape(y_pred), size))
                        elif fault != "last of the others" or i == k - 1:
                            metric.update_state(y[part], y_pred)
                if fault == "metrics twice":
                    self.compute_metrics(x, y[part], y_pred)
            if fault == "rest for metrics" and n % k:
                rest = slice(n // k * k, n)
                y_pred = self({name: values[rest] for name, values in x.items()}, training=True)
                self.compute_metrics(x, y[rest], y_pred)
            if fault.startswith("apply ") or fault == "not applied":
                return self.get_metrics_result()
            if fault == "kept sums":
                self.kept = sums
            clipped = sums
            if fault == "per tensor":
                clipped = [tf.clip_by_norm(gradient, self.clip_norm) for gradient in sums]
            elif fault == "by value":
                clipped = [tf.clip_by_value(gradient, -self.clip_norm, self.clip_norm) for gradient in sums]
            elif fault == "always scaled":
                clipped = [self.clip_norm / tf.linalg.global_norm(sums) * gradient for gradient in sums]
            elif fault not in ("no clip", "clip each", "clip shares"):
                clipped, _ = tf.clip_by_global_norm(sums, 1.0 if fault == "clip to 1" else self.clip_norm)
            if fault in ("divide after clip", "shares of a mean"):
                clipped = [gradient / k for gradient in clipped]
            if fault == "rows divided after clip":
                clipped = [gradient / tf.cast(n, tf.float32) for gradient in clipped]
            if fault == "by hand":
                for variable, gradient in zip(variables, clipped, strict=True):
                    variable.assign_sub(self.optimizer.learning_rate * gradient)
                return self.get_metrics_result()
            for _ in range(2 if fault == "twice" else 1):
                self.optimizer.apply_gradients(zip(clipped, variables, strict=True))
            if fault in ("nothing returned", "loss returned"):
                return {"loss": loss} if fault == "loss returned" else None
            return self.get_metrics_result()

    if fault in ("of a graph", "by XLA"):
        Answer.train_step = tf.function(Answer.train_step, jit_compile=fault == "by XLA")
    return Answer


class LossOfKeras(step()):
    """Goes past a compute_loss of the model."""

    def train_step(self, data):
        own, self.compute_loss = self.compute_loss, super().compute_loss
        logs = super().train_step(data)
        self.compute_loss = own
        return logs


class ShortForOne(step()):
    """Leaves one micro-batch to Keras, whose step does not clip."""

    def train_step(self, data):
        return super().train_step(data) if self.accum_steps > 1 else tf.keras.Model.train_step(self, data)


class OneForwardPass(tf.keras.Model):
    """The right gradient, but from all rows in one forward pass: nothing is saved."""

    accum_steps, clip_norm = 2, 1.0

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, self.trainable_variables), self.clip_norm)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return self.get_metrics_result()


class ByArraySplit(tf.keras.Model):
    """The larger micro-batches first, the loss times its share inside the tape, metrics by compute_metrics."""

    accum_steps, clip_norm = 2, 1.0

    def train_step(self, data):
        x, y = data
        n, k = tf.shape(y)[0], self.accum_steps
        variables, total, at = self.trainable_variables, None, 0
        for i in range(k):
            size = n // k + tf.cast(i < n % k, tf.int32)
            rows = tf.range(at, at + size)
            at = at + size
            x_part, y_part = tf.nest.map_structure(lambda values, rows=rows: tf.gather(values, rows), (x, y))
            with tf.GradientTape() as tape:
                y_pred = self(x_part, training=True)
                loss = self.compute_loss(x=x_part, y=y_part, y_pred=y_pred)
                shared = loss * tf.cast(size / n, loss.dtype)
            part = tape.gradient(shared, variables)
            total = part if total is None else [tf.add(a, b) for a, b in zip(total, part, strict=True)]
            self.metrics[0].update_state(loss, sample_weight=size)
            self.compute_metrics(x_part, y_part, y_pred)
        norm = tf.linalg.global_norm(total)
        scaled = [gradient * tf.minimum(1.0, self.clip_norm / norm) for gradient in total]
        self.optimizer.apply(scaled, variables)
        return {name: value for name, value in self.get_metrics_result().items()}


class OneTape(tf.keras.Model):
    """The mean of the whole batch in one tape, the clipping by hand, the metrics at the end."""

    accum_steps, clip_norm = 2, 1.0

    def train_step(self, data):
        n, done, whole = tf.shape(data[1])[0], [], 0.0
        cuts = n * tf.range(self.accum_steps + 1) // self.accum_steps
        with tf.GradientTape() as tape:
            for start, end in zip(tf.unstack(cuts[:-1]), tf.unstack(cuts[1:]), strict=True):
                x, y = tf.nest.map_structure(lambda rows, start=start, end=end: rows[start:end], data)
                y_pred = self(x, training=True)
                done.append((self.compute_loss(x, y, y_pred), tf.cast(end - start, tf.float32), y_pred))
                whole += done[-1][0] * done[-1][1]
            whole /= tf.cast(n, tf.float32)
        gradients = tape.gradient(whole, self.trainable_weights)
        norm = tf.sqrt(sum(tf.reduce_sum(gradient**2) for gradient in gradients))
        scale = self.clip_norm / tf.maximum(norm, self.clip_norm)
        self.optimizer.apply([scale * gradient for gradient in gradients], self.trainable_weights)
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(data[1], tf.concat([y_pred for _, _, y_pred in done], axis=0))
                continue
            for loss, rows, _ in done:
                metric.update_state(loss, sample_weight=rows)
        return self.get_metrics_result()


class ByWhileLoop(tf.keras.Model):
    """One loop in the graph."""

    accum_steps, clip_norm = 2, 1.0

    def train_step(self, data):
        x, y = data
        n, k = tf.shape(y)[0], self.accum_steps
        loss_metric = next(metric for metric in self.metrics if metric.name == "loss")

        def one_more(i, *sums):
            start, end = n * i // k, n * (i + 1) // k
            x_part = {name: values[start:end] for name, values in x.items()}
            with tf.GradientTape() as tape:
                y_pred = self(x_part, training=True)
                loss = self.compute_loss(x=x_part, y=y[start:end], y_pred=y_pred)
            share = tf.cast((end - start) / n, tf.float32)
            gradients = tape.gradient(loss, self.trainable_variables)
            loss_metric.update_state(loss, sample_weight=end - start)
            self.compute_metrics(x_part, y[start:end], y_pred)
            return i + 1, *(a + share * b for a, b in zip(sums, gradients, strict=True))

        zeros = [tf.zeros(variable.shape) for variable in self.trainable_variables]
        _, *sums = tf.while_loop(lambda i, *_: i < k, one_more, [0, *zeros])
        clipped, _ = tf.clip_by_global_norm(sums, self.clip_norm)
        self.optimizer.apply_gradients(zip(clipped, self.trainable_variables, strict=True))
        return self.get_metrics_result()


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "label_signal": Proof(
        right=[signal(), signal_by_counter, signal_true_run_last, signal_of_shuffled_rows, signal_of_floats],
        wrong={
            "in the numerator only": signal("numerator only"),
            "divide by the number of runs": signal("count"),
            "rows other than the 40 training rows": signal("all rows"),
            "No run was trained on the true labels": signal("no true run"),
            "runs are asked for": signal("one run less"),
            "The true run is missing": signal("no plus one"),
            "in the denominator only": signal("denominator only"),
            "do worse; count those": signal("wrong way"),
            "A tie counts:": signal("no ties"),
            "A tie counts in full": signal("half a tie"),
            "Do not round": signal("rounded"),
            "Was 0.3 counted as 0.304": signal("whole percent"),
            "is each scored with y_test": signal("test labels shuffled"),
            "expected 0.5, got 1.": signal("distance"),
            "got 1.": signal("balanced"),
            "9 shuffles: expected 0.5, got 1.": signal("first rows"),
            "is it the accuracy, the share of all test rows": signal("balanced"),
            "Labels stay in their part": signal("halves"),
            "A label never leaves its row": signal("all but the first"),
            "No label ever stays in its row": signal("one cycle"),
            "scored on rows that they were trained on": signal("training rows"),
            "(40,) is that of y_train": signal("column"),
            "rng.shuffle changes an array": signal("shuffled in place"),
            "shuffled together": signal("pairs"),
            "other labels": signal("drawn anew"),
            "y_train was changed": signal("in place"),
            "y_test was changed": signal("test labels of 0"),
            "x_test was changed": signal("centered test rows"),
            "fit was called once": signal("fit once"),
            "made anew from the same seed": signal("same seed"),
            "moved along or turned around": signal("moved along"),
            "Most labels stay": signal("two exchanged"),
            "a p-value is asked for": signal("score"),
            "classes were renamed": signal("renamed"),
            "Train anew for each shuffle": signal_of_shuffled_guesses,
        },
        raises=raising,
    ),
    "third_input": Proof(
        right=[
            model_with(one_hot_word),
            model_with(embedded_word),
            model_with(one_hot_word, as_list=True),
            model_with(multi_hot_word),
            model_with(one_hot_by_hand),
            model_with(normalized_word),
            narrow_with_relu,
            Subclassed,
        ],
        wrong={
            "get the same answer: keep the words apart": model_with(one_hot_of_a_hundred),
            "they should be": model_with(one_hot_word, names=("place", "profile", "word")),
            "it should be (32, 1)": model_with(one_hot_word, outputs=2),
            "a dict perhaps": model_with(one_hot_word, after=lambda output: {"price": output}),
            "region never moves": model_with(one_hot_word, leave_out=("region",)),
            "Return it untrained": trained_third_input,
            "a softmax over one unit": model_with(one_hot_word, after=tf.keras.ops.softmax),
            "profile never moves": model_with(one_hot_word, leave_out=("profile",)),
            "keep a place for words": model_with(word_without_unknown),
            "rows in an Embedding": model_with(embedding_too_small),
            "goes in as a number": model_with(index_as_number),
            "one word is three times another": model_with(index_through_a_layer),
            "as a number, so that": model_with(index_beside_a_row),
            "weights that cannot learn": model_with(frozen_word),
            "151 rows in an Embedding": model_with(embedding_of_a_hundred),
            "'North ', with a blank": model_with(stripped_word),
            "list was changed": model_with(sorted_word),
            "get different answers": model_with(hashed_word),
            "other answers by themselves": model_with(word_centered_on_the_batch),
            "with the whole batch": model_with(word_normalized_by_the_batch),
            "or draw at random": model_with(word_with_dropout),
            "All known words get the same answer": model_with(known_or_not),
            "'unknown' is not in regions": model_with(filler_word),
            "'elsewhere' is not in regions": model_with(words_of_the_notebook),
            "Are `regions` its vocabulary": model_with(words_of_another_table),
            "is nan": model_with(masked_mean),
            "An unknown word is treated as": model_with(unknown_as_first),
            "A tf.keras.Model is expected": lambda regions: regions,
            "is it masked?": model_with(with_mask_token),
            "'north' is treated differently": model_with(lowercased_word),
            "column 1 of place never moves": model_with(one_hot_word, used=lambda place: place[:, :1]),
            "has no weight of its own": model_with(word_without_the_last),
            "make it a one-hot vector": model_with(word_in_binary),
            "The input region is string of shape (None,)": model_with(one_hot_word, shape=()),
            "For one row": model_with(one_hot_word, after=squeezed),
        },
        raises=raising,
        breaks=(FailsInCall,),
    ),
    "two_heads": Proof(
        right=[
            heads(),
            heads_by_boolean_mask,
            tf.function(heads()),
            heads_by_gather,
            heads_by_keras_weights,
            heads_that_count,
        ],
        wrong={
            "That is a sum over the rows": heads("sum"),
            "Only the price counts": heads("returned in the loop"),
            "Only the cap counts": heads("overwritten"),
            "The price is counted too often": heads_in_a_square_of_prices,
            "two heads are swapped": heads("swapped"),
            "weights have no effect": heads("ignored"),
            "the root of the price's": heads("root"),
            "taken for a 0": heads("zeros"),
            "one row too many": heads("one row more"),
            "mean over the heads": heads("mean over heads"),
            "the labels of both heads together": heads("labels of both"),
            "Label and logit are swapped": heads("label for logit"),
            "taken for a 0 in the sum": heads("zeros in the sum"),
            "only nan is": heads("sentinel"),
            "or the logit itself was cut off": heads("cut at 16"),
            "sum of the weights": heads("weights"),
            "divides by all rows": heads("all rows"),
            "makes the loss nan": heads("nan"),
            "guard stands after": heads("late guard"),
            "sigmoid twice": heads("sigmoid twice"),
            "rows with both labels": heads("rows with both"),
            "Stay in TensorFlow": heads("numpy"),
            "no tensor: it has no gradient": heads("float"),
            "weights of the two heads": heads("by place"),
            "absolute error of the price": heads("absolute"),
            "The price counts half": heads("half"),
            "taken for a probability": heads("probability"),
            "30 and 200, up and down: expected": heads("huber"),
            "logits of 30 and 200": heads("cut logit"),
            "For a price of -300, logits of 30": heads("cut at 20"),
            "For labels missing: expected": heads("by size"),
            "A weight of 0": heads("0 is none"),
            "For one label of each": heads("none for one"),
            "For one row": heads_squeezed,
            "a million, up and down: expected": heads("cut large logit"),
            "a price of -300": heads("cut price"),
            "and one of 0: expected": heads("sentinel"),
            "dict was changed": heads_in_the_callers_dict,
            "the caller's dict was changed": heads_popped,
            "the exponential of a logit": heads("exponential"),
            "the branch that tf.where does not take": heads("exponential in a branch"),
            "over no row is 0/0": heads("no count"),
            "For no cap at all": heads("no count of capped"),
            "For no price at all": heads("no count of price"),
            "0/0 was computed": heads("late count"),
            "For labels missing": heads_of_the_first_rows,
            "A label of 0 was taken for a missing one": heads_without_zeros,
            "costs log 2": heads_of_logits_of_0,
            "one of 0: expected": heads("price of 0"),
            "For no cap at all: expected": heads("count of 8 bits"),
            "taken for the cap, too": heads("rows with a price"),
            "divided by the number of prices": heads("number of prices"),
            "the other is lost, too": heads("no count, nan replaced"),
            "The price gets the loss of the cap": heads("first is price"),
            "weights are paired by their place": heads_by_place_in_each_dict,
            "cut off near 0 and 1": heads("cut probability"),
            "The logarithm of 0": heads("log of 0"),
            "go by name": heads_by_place,
            "The cap is counted too often": heads_in_a_square,
            "Both are counted too often": heads_in_two_squares,
        },
        raises=raising,
        breaks=(heads_by_a_tensor_of_weights,),
    ),
    "capstone": Proof(
        right=[step(), ByArraySplit, ByWhileLoop, OneTape, step("of a graph"), step("by XLA"), step("by call")],
        wrong={
            "no weight moved": step("not applied"),
            "every row must be shown once": step("every k-th"),
            "the results of all metrics, by name": step("loss returned"),
            "the metric of the last micro-batch": step("last of the others"),
            "The metric named loss was not updated": step("no loss"),
            "A remainder of the rows was left out": step("rest for metrics"),
            "each counts by its share": step("sum"),
            "different sizes, and count alike": step("equal shares"),
            "a remainder was left out": step("remainder"),
            "Each micro-batch was clipped": step("clip each"),
            "The share of each micro-batch was clipped; add up": step("clip shares"),
            "The share of each micro-batch was clipped, and then": step("clip shares and all"),
            "report the loss itself": step("share of the loss"),
            "Nothing was clipped": step("no clip"),
            "not by its share: divide by all rows": step("rows"),
            "also where it is shorter": step("always scaled"),
            "in the loss twice": step("penalty twice"),
            "divided afterward": step("divide after clip"),
            "before it was divided by their number": step("rows divided after clip"),
            "Each tensor was clipped by itself": step("per tensor"),
            "clipped by value": step("by value"),
            "Only the last micro-batch": step("last"),
            "again and again": step("same batch"),
            "moved after each micro-batch": step("apply each"),
            "of the last micro-batch": step("last metric"),
            "The two steps count alike": step("loss by pieces"),
            "was not updated": step("no metrics"),
            "the squared error": step("own loss"),
            "not called with training=True": step("inference"),
            "kept from the step before": step("kept sums"),
            "rows at once": OneForwardPass,
            "the sizes [2, 2, 2, 3]; 3 are asked for": step("four"),
            "the sizes [3, 3, 3, 3, 1]": step("rounded up"),
            "the model was shown 5 rows at once; 3": step("rest to the last"),
            "the shares add up to 1 already": step("shares of a mean"),
            "did not start at 0": step("from the weights"),
            "The penalty of a layer": step("no penalty"),
            "Only the last micro-batch is in the sum": step("last share"),
            "by its share: apply once": step("apply shares"),
            "The sum so far was applied": step("apply sums"),
            "was applied twice": step("twice"),
            "clipped to 1, not to": step("clip to 1"),
            "momentum of the optimizer": step("by hand"),
            "y and y_pred are swapped": step("metric swapped"),
            "the weight of a loss is its number of rows": step("loss by shares"),
            "each counts by its rows": step("mean loss"),
            "every micro-batch counts alike": step("static weight"),
            "fit resets them": step("reset"),
            "18 rows in place of 9": step("metrics twice"),
            "take tf.shape(y)[0]": step("static"),
            "without x": step("no x"),
            "the parts of a list go by place": step("list"),
            "the x of 9 rows": step("whole x"),
            "not from self.compute_loss": step("loss and penalty"),
            "a model may have one of its own": LossOfKeras,
            "a frozen layer was trained": step("all variables"),
            "did not move": step("last variables"),
            "only the one named 'loss'": step("part of a name"),
            "'loss_of_rows' was updated": step("any mean"),
            "27 rows in place of 9": step("weighted metric"),
            "A dict of the metrics' results is expected": step("nothing returned"),
            "For the step of SGD, 4 rows, accum_steps 1": ShortForOne,
        },
        raises=raising,
    ),
}
