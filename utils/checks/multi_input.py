"""Checks of notebook 10."""

import numpy as np
import tensorflow as tf

from utils.checks.engine import NotYet, attempted, exercise, expect, refuse, require


@exercise(
    "10.1",
    "Do the labels carry a signal?",
    why="A model can learn coin flips by heart; no coin flips beat their own shuffles on held-out rows.",
)
def label_signal(answer):
    """Judge the p-value on scripted scores, with ties, and what the runs were trained and scored on."""
    rng = np.random.default_rng()
    scripts = [
        (0.7, [0.4, 0.7, 0.5, 0.8, 0.3, 0.7, 0.5, 0.2, 0.4]),
        (0.9, [0.5] * 9),
        (0.3, [0.5, 0.6, 0.3, 0.4, 0.2, 0.7, 0.5, 0.3, 0.6, 0.5, 0.4]),
    ]
    for true_score, shuffled in scripts:
        run = _ScriptedFit(true_score, list(rng.permutation(shuffled)), rng)
        kept = run.y_train.copy(), run.x_train.copy()
        got = answer(run.fit, run.x_train, run.y_train, run.x_test, run.y_test, len(shuffled))
        attempted(got, asked="a p-value")
        same = np.array_equal(kept[0], run.y_train) and np.array_equal(kept[1], run.x_train)
        require(same, "The caller's arrays were changed. Shuffle a copy: rng.permutation returns one.")
        run.judge(len(shuffled))
        k, shuffled = len(shuffled), np.array(shuffled)
        count, strict = np.sum(shuffled >= true_score), np.sum(shuffled > true_score)
        worse = np.sum(shuffled <= true_score)
        smells = {
            "The true run is missing: count it above and below, or p can be 0.": count / k,
            "The true run is in the denominator only: p can be 0.": count / (k + 1),
            "The true run is in the numerator only.": (count + 1) / k,
            "That counts the shuffles that do worse; count those that do at least as well.": (worse + 1) / (k + 1),
            "A tie counts: at least as well as the true run.": (strict + 1) / (k + 1),
            "That is the accuracy of the true run; a p-value is asked for.": true_score,
            "That is a count; divide by the number of runs.": count + 1,
        }
        expect(got, (count + 1) / (k + 1), on=f"a true score of {true_score} and {k} shuffles", smells=smells)


class _ScriptedFit:
    """Trains nothing: recognizes the labels that it is given, and predicts with the accuracy that its script says."""

    def __init__(self, true_score, scores, rng):
        self.x_train, self.x_test = np.arange(40.0)[:, None], 100 + np.arange(10.0)[:, None]
        self.y_train, self.y_test = rng.permutation(40) % 2, np.arange(10) % 2
        self.true_score, self.scores = true_score, scores
        self.true_labels = self.y_train.copy()
        self.runs = self.true_runs = 0
        self.fault = ""

    def fit(self, x, y):
        x, y = np.asarray(x), np.asarray(y)
        if x.shape != self.x_train.shape or not np.all((x >= 0) & (x < 40)):
            self.fault = "fit was given rows other than the 40 training rows: train on x_train alone."
            return lambda asked: np.zeros(len(asked))
        order = x[:, 0].astype(int)
        true = np.array_equal(y, self.true_labels[order])
        self.runs += 1
        if sorted(y) != sorted(self.true_labels):
            self.fault = "The shuffled labels are other labels: each must come exactly once. Permute them."
        elif true and self.true_runs:
            self.fault = "Rows and labels were shuffled together, or not at all: the pairs are still the true ones."
        self.true_runs += true
        score = self.true_score if true else self.scores[(self.runs - 1 - min(self.true_runs, 1)) % len(self.scores)]
        return lambda asked: self._predict(np.asarray(asked), score)

    def _predict(self, asked, score):
        if len(asked) != 10 or not np.array_equal(asked, self.x_test):
            self.fault = "The runs were scored on rows that they were trained on: score on x_test."
            return np.zeros(len(asked), int)
        wrong = np.arange(10) >= round(10 * score)
        return np.where(wrong, 1 - self.y_test, self.y_test)

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


@exercise("10.2", "A third input", why="Numbers and words now go in by name, and a word from tomorrow breaks nothing.")
def third_input(answer):
    """Judge names, shapes, that each input matters, and unknown words, with fresh random weights."""
    rng = np.random.default_rng()
    for regions in (["north", "south", "east"], [f"town {i}" for i in rng.permutation(7)]):
        model = attempted(answer(list(regions)), tf.keras.Model, asked="a tf.keras.Model")
        names = sorted(tensor.name.split(":")[0] for tensor in tf.nest.flatten(model.inputs))
        wanted = ["place", "profile", "region"]
        require(names == wanted, f"The inputs are named {names}; they should be {wanted}.")
        for variable in model.trainable_variables:  # starting weights of 0 are allowed: they are no proof of anything
            variable.assign(rng.normal(scale=0.7, size=variable.shape))
        base = {
            "profile": tf.constant(rng.normal(size=(5, 2)), tf.float32),
            "region": tf.constant([[regions[0]]] * 5),
            "place": tf.constant(rng.normal(size=(5, 2)), tf.float32),
        }
        before = _called(model, base, "five rows")
        require(before.shape == (5, 1), f"For 5 rows the output has shape {before.shape}; it should be (5, 1).")
        for name in ("place", "profile"):
            moved = _called(model, {**base, name: base[name] + rng.normal(size=(5, 2))}, f"another {name}")
            message = f"{name} never moves the output: is its tensor connected to it?"
            require(not np.allclose(moved, before, atol=1e-6), message)
        by_word = {word: _called(model, {**base, "region": tf.constant([[word]] * 5)}, word) for word in regions}
        same = [word for word in regions[1:] if np.allclose(by_word[word], before, atol=1e-7)]
        refuse({
            "region never moves the output: is its tensor connected to it?": len(same) == len(regions) - 1,
            f"{regions[0]!r} and {''.join(same[:1])!r} get the same answer: keep the words apart.": same,
        })  # fmt: skip
        unknown = [
            _called(model, {**base, "region": tf.constant([[word]] * 5)}, f"the unknown word {word!r}")
            for word in ("Atlantis", "Mu", "", "Ys", "Avalon")
        ]
        taken = [word for word in regions if np.allclose(by_word[word], unknown[0], atol=1e-7)]
        refuse({
            "Two unknown words get different answers: a hash, perhaps. All unknown words belong together.":
                not all(np.allclose(values, unknown[0], atol=1e-6) for values in unknown),
            f"An unknown word is treated as {''.join(taken[:1])!r}: give it an index of its own.": taken,
        })  # fmt: skip


def _called(model, inputs, on):
    try:
        return np.asarray(model(inputs))
    except Exception as problem:
        if not on.startswith("the unknown"):
            raise
        raise NotYet(f"The model fails on {on}: keep a place for words that it does not know.") from problem


@exercise("10.3", "A two-headed loss", why="Each label that is there now teaches, and none that is missing does harm.")
def two_heads(answer):
    """Judge value and gradients with all labels, with holes, and with a head that has none."""
    rng = np.random.default_rng()
    for holes in ("no label missing", "labels missing", "no price at all"):
        n = 8
        y_true = {"price": rng.uniform(1, 4, (n, 1)), "capped": rng.integers(2, size=(n, 1)).astype(float)}
        if holes != "no label missing":
            y_true["price"][: n if holes == "no price at all" else 3] = np.nan
            y_true["capped"][[1, 6]] = np.nan
        y_pred = {name: rng.normal(size=(n, 1)) for name in y_true}
        weights = {"price": float(rng.uniform(0.5, 2)), "capped": float(rng.uniform(3, 6))}
        (price, price_mean), (capped, capped_mean) = _heads(y_true, y_pred)
        w, v = weights["price"], weights["capped"]
        p = 1 / (1 + np.exp(-y_pred["capped"]))
        twice = np.nanmean(np.log1p(np.exp(p)) - y_true["capped"] * p)
        right = w * price_mean + v * capped_mean
        of_sums = w * np.nansum(price) + v * np.nansum(capped)
        smells = {
            "The weights of the two heads are swapped.": v * price_mean + w * capped_mean,
            "The weights have no effect.": price_mean + capped_mean,
            "That is a mean over the heads; their sum is asked for.": right / 2,
            "That divides by the sum of the weights.": right / (w + v),
            "That divides by all rows; divide by those whose label is present.": of_sums / n,
            "That is a sum over the rows; a mean over those with a label is asked for.": of_sums,
            "The logit goes through a sigmoid twice, or is taken for a probability.": w * price_mean + v * twice,
            "Only the price counts.": w * price_mean,
            "Only the cap counts.": v * capped_mean,
            "A missing label makes the loss nan: replace it before you compute with it.": np.nan,
        }
        true, pred = ({k: tf.constant(x, tf.float32) for k, x in d.items()} for d in (y_true, y_pred))
        both = ~np.isnan(y_true["price"]) & ~np.isnan(y_true["capped"])
        if both.any() and not both.all():
            of_both = w * price[both].mean() + v * capped[both].mean()
            smells["That keeps only rows with both labels; each head has rows of its own."] = of_both
        with tf.GradientTape() as tape:
            tape.watch(pred)
            value = answer(true, pred, weights)
        expect(value, right, on=holes, smells=smells)
        slopes = tape.gradient(value, pred)
        present = {name: ~np.isnan(y_true[name]) for name in y_true}
        errors = {"price": 2 * (y_pred["price"] - y_true["price"]), "capped": p - y_true["capped"]}
        for name, slope in slopes.items():
            count = max(present[name].sum(), 1)
            want = np.where(present[name], weights[name] * errors[name] / count, 0)
            if slope is None and not present[name].any():
                continue
            refuse({f"no gradient reaches {name!r}. Stay in TensorFlow from label to loss.": slope is None}, on=holes)
            guarded_late = "the guard stands after the operation. Replace the missing label first."
            broken = not np.all(np.isfinite(slope))
            refuse({f"the value is right and the gradient of {name!r} is nan: {guarded_late}": broken}, on=holes)
            expect(slope, want, on=f"the gradient of {name!r}, {holes}")


def _heads(y_true, y_pred):
    price = (y_pred["price"] - y_true["price"]) ** 2
    capped = np.log1p(np.exp(y_pred["capped"])) - y_true["capped"] * y_pred["capped"]
    return [(x, np.nanmean(x) if np.any(~np.isnan(x)) else 0.0) for x in (price, capped)]


@exercise(
    "10.4", "The capstone", why="This step holds what Part I taught, and fit runs it, compiled.", asks_for="class"
)
def capstone(answer):
    """Judge one step of SGD by the weights it leaves, eagerly and inside fit, clipped and not, and what it reports."""
    rng = np.random.default_rng()
    for accum_steps, clip_norm, compiled in ((2, 1e6, False), (4, 0.5, False), (2, 0.5, True)):
        x = {name: rng.normal(size=(8, 2)).astype("float32") for name in ("a", "b")}
        y = (3 + np.arange(8)[:, None] + rng.normal(size=(8, 1))).astype("float32")
        model = _built(answer, accum_steps, clip_norm)
        start = [variable.numpy() for variable in model.trainable_variables]
        where = f"accum_steps {accum_steps}, clip_norm {clip_norm:g}" + (", inside fit" if compiled else "")
        wants, smells = _steps(x, y, start, accum_steps, clip_norm)
        mean = np.mean((_predicted(x, start) - y) ** 2)
        if compiled:
            logs = {k: v[0] for k, v in model.fit(x, y, batch_size=8, epochs=1, verbose=0).history.items()}
        else:
            data = {name: tf.constant(values) for name, values in x.items()}, tf.constant(y)
            try:
                logs = model.train_step(data)
            except ValueError as problem:
                require("not yet been built" not in str(problem), f"For {where}: a metric was not updated.")
                raise
            attempted(logs, asked="a dict of the metrics' results", on=where)
        moved = np.concatenate([np.ravel(v.numpy() - s) for v, s in zip(model.trainable_variables, start, strict=True)])
        stuck = "no weight moved. Was the gradient applied to the trainable variables?"
        refuse({stuck: not np.any(moved)}, on=where)
        expect(moved, wants, on=f"the step of SGD with a rate of 1, {where}", smells=smells, tolerance=1e-3)
        named = isinstance(logs, dict) and {"loss", "mae"} <= set(logs)
        refuse({"train_step must return the results of all metrics, by name.": not named}, on=where)
        if not compiled:
            error = _predicted(x, start) - y
            last = error[-(8 // accum_steps) :]
            expect(logs["loss"], mean, on=f"the reported loss, {where}", tolerance=1e-3, smells={
                "That is the loss of the last micro-batch.": np.mean(last**2),
                "The metric named loss was not updated.": 0.0,
            })  # fmt: skip
            expect(logs["mae"], np.mean(np.abs(error)), on=f"the reported metric, {where}", tolerance=1e-3, smells={
                "That is the metric of the last micro-batch: show it all rows.": np.mean(np.abs(last)),
                "The metric was not updated.": 0.0,
            })  # fmt: skip


def _built(answer, accum_steps, clip_norm):
    inputs = {name: tf.keras.Input((2,), name=name) for name in ("a", "b")}
    hidden = tf.keras.layers.Concatenate()([inputs["a"], inputs["b"]])
    model = answer(inputs, tf.keras.layers.Dense(1)(hidden))
    model.accum_steps, model.clip_norm = accum_steps, clip_norm
    model.compile(tf.keras.optimizers.SGD(1.0), loss="mse", metrics=["mae"])
    return model


def _predicted(x, weights):
    return np.concatenate([x["a"], x["b"]], axis=1) @ weights[0] + weights[1]


def _steps(x, y, start, accum_steps, clip_norm):
    """Return the right step of one Dense layer under the mean squared error, and wrong ones by their smell."""
    rows = np.concatenate([x["a"], x["b"]], axis=1)

    def gradient(part, weights=start):
        error = (rows @ weights[0] + weights[1] - y)[part]
        return np.concatenate([np.ravel(2 * rows[part].T @ error), np.ravel(2 * error.sum(axis=0))]) / len(error)

    def clipped(vector, bound=clip_norm):
        return vector * min(1.0, bound / np.linalg.norm(vector))

    parts = np.split(np.arange(8), accum_steps)
    each = [gradient(part) for part in parts]
    mean = np.mean(each, axis=0)
    walked = [w.copy() for w in start]
    for part in parts:
        step = clipped(gradient(part, walked))
        walked = [walked[0] - step[:4, None], walked[1] - step[4:]]
    each_tensor = np.concatenate([clipped(mean[:4]), clipped(mean[4:])])
    total = clipped(np.sum(each, axis=0))
    moved_each_time = np.concatenate([np.ravel(a - b) for a, b in zip(walked, start, strict=True)])
    return -clipped(mean), {
        "The gradients were added up; divide by accum_steps.": -total,
        "Each micro-batch was clipped; average first, and clip once.": -np.mean([clipped(g) for g in each], axis=0),
        "Nothing was clipped.": -mean,
        "The sum was clipped and divided afterward: divide first.": -total / accum_steps,
        "Each tensor was clipped by itself; the norm is that of all together.": -each_tensor,
        "Each entry was clipped by value; the norm is asked for.": -np.clip(mean, -clip_norm, clip_norm),
        "Only the last micro-batch was used.": -clipped(each[-1]),
        "The first micro-batch was used again and again: move the slice.": -clipped(each[0]),
        "The weights moved after each micro-batch: apply once.": moved_each_time,
    }
