"""Answers to the exercises of notebook 10 whose verdict is known."""

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
        "score": true_score,
    }.get(fault, (1 + above) / (runs + 1))


def signal(fault=""):
    def label_signal(fit, x_train, y_train, x_test, y_test, permutations=19):
        rng = np.random.default_rng()

        def score(labels, x=x_train):
            predict = fit(x, labels)
            if fault == "training rows":
                return np.mean(predict(x_train) == y_train)
            return np.mean(predict(x_test) == y_test)

        def shuffled_score():
            order = rng.permutation(len(y_train))
            if fault == "pairs":
                return score(y_train[order], x_train[order])
            if fault == "drawn anew":
                return score(np.ones_like(y_train))
            return score(y_train[order])

        true_score = score(y_train)
        if fault == "in place":
            rng.shuffle(y_train)
        if fault == "fit once":
            predict = fit(x_train, y_train) if permutations < 0 else None
            shuffled = [np.mean(rng.permutation(y_test) == y_test) for _ in range(permutations)]
            return _p_value(true_score, shuffled, str(predict))
        return _p_value(true_score, [shuffled_score() for _ in range(permutations)], fault)

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


def model_with(word, *, as_list=False, names=("place", "profile", "region"), leave_out=(), outputs=1):
    """Return an answer to the third input; `word(strings, regions)` makes numbers of the words."""

    def third_input(regions):
        place, profile = (tf.keras.Input((2,), name=name) for name in names[:2])
        region = tf.keras.Input((1,), dtype="string", name=names[2])
        numbers = {"place": place, "profile": profile, "region": word(region, regions)}
        joined = tf.keras.layers.concatenate([x for name, x in numbers.items() if name not in leave_out])
        hidden = tf.keras.layers.Dense(24, activation="tanh")(joined)
        inputs = [place, profile, region]
        inputs = inputs if as_list else {tensor.name: tensor for tensor in inputs}
        return tf.keras.Model(inputs, tf.keras.layers.Dense(outputs)(hidden))

    return third_input


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


def known_or_not(strings, regions):
    known = tf.keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")(strings)
    return tf.keras.ops.sum(known[:, 1:], axis=1, keepdims=True)


def unknown_as_first(strings, regions):
    known = tf.keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")(strings)
    return tf.keras.ops.concatenate([known[:, :1] + known[:, 1:2], known[:, 2:]], axis=1)


def heads(fault=""):
    def two_heads(y_true, y_pred, weights):
        total, everything = 0.0, 0.0
        rows = ~tf.math.is_nan(y_true["price"]) & ~tf.math.is_nan(y_true["capped"])
        for name in ("price", "capped"):
            present = rows if fault == "rows with both" else ~tf.math.is_nan(y_true[name])
            label = y_true[name] if fault in ("nan", "late guard") else tf.where(present, y_true[name], 0.0)
            if fault == "rows with both":
                label = tf.where(tf.math.is_nan(label), 0.0, label)
            logit = tf.sigmoid(y_pred[name]) if fault == "sigmoid twice" else y_pred[name]
            cross = tf.nn.softplus(logit) - label * logit
            losses = tf.square(label - y_pred[name]) if name == "price" else cross
            if fault != "nan":
                losses = tf.where(present, losses, 0.0)
            count = tf.reduce_sum(tf.cast(present, tf.float32))
            mean = tf.math.divide_no_nan(tf.reduce_sum(losses), count)
            mean = tf.reduce_mean(losses) if fault == "all rows" else mean
            other = {"price": "capped", "capped": "price"}[name]
            weight = {"swapped": weights[other], "ignored": 1.0}.get(fault, weights[name])
            total, everything = total + weight * mean, everything + weights[name]
        total = tf.constant(total.numpy()) if fault == "numpy" else total
        return total / {"mean over heads": 2.0, "weights": everything}.get(fault, 1.0)

    return two_heads


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


def step(fault=""):
    """Return an answer to the capstone."""

    class Answer(tf.keras.Model):
        accum_steps, clip_norm = 2, 1.0

        def train_step(self, data):
            x, y = data
            k, variables = self.accum_steps, self.trainable_variables
            size = tf.shape(y)[0] // k
            sums = [tf.zeros_like(variable) for variable in variables]
            for i in range(k):
                part = slice(0, size) if fault == "same batch" else slice(i * size, (i + 1) * size)
                with tf.GradientTape() as tape:
                    y_pred = self({name: values[part] for name, values in x.items()}, training=True)
                    loss = self.compute_loss(y=y[part], y_pred=y_pred)
                gradients = tape.gradient(loss, variables)
                if fault in ("clip each", "apply each"):
                    gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
                if fault == "apply each":
                    self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
                sums = gradients if fault == "last" else [a + b for a, b in zip(sums, gradients, strict=True)]
                if fault != "no metrics" and (fault != "last metric" or i == k - 1):
                    for metric in self.metrics:
                        metric.update_state(*((loss,) if metric.name == "loss" else (y[part], y_pred)))
            if fault == "apply each":
                return self.get_metrics_result()
            mean = sums if fault in ("sum", "last") else [a / k for a in sums]
            if fault == "per tensor":
                mean = [tf.clip_by_norm(gradient, self.clip_norm) for gradient in mean]
            elif fault == "by value":
                mean = [tf.clip_by_value(gradient, -self.clip_norm, self.clip_norm) for gradient in mean]
            elif fault not in ("no clip", "clip each"):
                mean, _ = tf.clip_by_global_norm(mean, self.clip_norm)
            self.optimizer.apply_gradients(zip(mean, variables, strict=True))
            return None if fault == "nothing returned" else self.get_metrics_result()

    return Answer


class OneForwardPass(tf.keras.Model):
    """Accumulates by the mean of the micro-batch losses: the same gradient, in one pass, and metrics from all rows."""

    accum_steps, clip_norm = 2, 1.0

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            parts = zip(tf.split(y, self.accum_steps), tf.split(y_pred, self.accum_steps), strict=True)
            losses = [self.compute_loss(y=y_part, y_pred=p_part) for y_part, p_part in parts]
            loss = tf.add_n(losses) / self.accum_steps
        gradients = tape.gradient(loss, self.trainable_variables)
        norm = tf.linalg.global_norm(gradients)
        gradients = [gradient * tf.minimum(1.0, self.clip_norm / norm) for gradient in gradients]
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {name: value for name, value in self.get_metrics_result().items()}


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "label_signal": Proof(
        right=[signal(), signal_by_counter],
        wrong={
            "The true run is missing": signal("no plus one"),
            "in the denominator only": signal("denominator only"),
            "do worse; count those": signal("wrong way"),
            "A tie counts": signal("no ties"),
            "scored on rows that they were trained on": signal("training rows"),
            "shuffled together": signal("pairs"),
            "other labels": signal("drawn anew"),
            "arrays were changed": signal("in place"),
            "fit was called once": signal("fit once"),
            "a p-value is asked for": signal("score"),
        },
        raises=raising,
    ),
    "third_input": Proof(
        right=[model_with(one_hot_word), model_with(embedded_word), model_with(one_hot_word, as_list=True)],
        wrong={
            "they should be": model_with(one_hot_word, names=("place", "profile", "word")),
            "it should be (5, 1)": model_with(one_hot_word, outputs=2),
            "region never moves": model_with(one_hot_word, leave_out=("region",)),
            "profile never moves": model_with(one_hot_word, leave_out=("profile",)),
            "keep a place for words": model_with(word_without_unknown),
            "a hash, perhaps": model_with(hashed_word),
            "region never moves the output": model_with(known_or_not),
            "An unknown word is treated as": model_with(unknown_as_first),
            "A tf.keras.Model is expected": lambda regions: regions,
        },
        raises=raising,
    ),
    "two_heads": Proof(
        right=[heads(), heads_by_boolean_mask, tf.function(heads())],
        wrong={
            "two heads are swapped": heads("swapped"),
            "weights have no effect": heads("ignored"),
            "mean over the heads": heads("mean over heads"),
            "sum of the weights": heads("weights"),
            "divides by all rows": heads("all rows"),
            "makes the loss nan": heads("nan"),
            "guard stands after": heads("late guard"),
            "sigmoid twice": heads("sigmoid twice"),
            "rows with both labels": heads("rows with both"),
            "Stay in TensorFlow": heads("numpy"),
        },
        raises=raising,
    ),
    "capstone": Proof(
        right=[step(), OneForwardPass],
        wrong={
            "divide by accum_steps": step("sum"),
            "Each micro-batch was clipped": step("clip each"),
            "Nothing was clipped": step("no clip"),
            "Each tensor was clipped by itself": step("per tensor"),
            "clipped by value": step("by value"),
            "Only the last micro-batch": step("last"),
            "again and again": step("same batch"),
            "moved after each micro-batch": step("apply each"),
            "of the last micro-batch": step("last metric"),
            "was not updated": step("no metrics"),
            "A dict of the metrics' results is expected": step("nothing returned"),
        },
        raises=raising,
    ),
}
