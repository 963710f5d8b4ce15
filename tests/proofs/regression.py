"""Answers to the exercises of notebook 07 whose verdict is known."""

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def network(x, y, scale_in=True, scale_out=True, learning_rate=0.05, epochs=15, hidden="relu", born="zeros"):
    """Train with a loss in units of y, or in deviations where `scale_out` is None."""
    inputs = tf.keras.Input(shape=(1,))
    normalize = tf.keras.layers.Normalization()
    if scale_in is not None:  # None: the layer that nobody adapted
        normalize.adapt(x)
    body = tf.keras.layers.Dense(16, activation=hidden, bias_initializer=born)
    outputs = tf.keras.layers.Dense(1)(body(inputs if scale_in is False else normalize(inputs)))
    if scale_out:
        outputs = tf.keras.layers.Rescaling(float(y.std()), offset=float(y.mean()))(outputs)
    model = tf.keras.Model(inputs, outputs)
    schedule = tf.keras.optimizers.schedules.CosineDecay(learning_rate, epochs * 10)
    model.compile(tf.keras.optimizers.Adam(schedule), "mse")
    model.fit(x, y if scale_out is not None else (y - y.mean()) / y.std(), epochs=epochs, batch_size=60, verbose=0)
    return model


def back(y):
    return tf.keras.layers.Rescaling(float(y.std()), offset=float(y.mean()))


def never_adapted(x, y):
    inner = network(x, y, scale_in=None, scale_out=None)
    return tf.keras.Model(inner.inputs, back(y)(inner.outputs[0]))


def scaled_by_y(x, y):
    """Scale x by the mean and deviation of y, which serves where both are of one size."""
    normalize = tf.keras.layers.Normalization(mean=[y.mean()], variance=[y.var()])
    body = [tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)]
    inner = tf.keras.Sequential([tf.keras.layers.Input((1,)), normalize, *body])
    inner.compile(tf.keras.optimizers.Adam(0.02), "mse")
    inner.fit(x, (y - y.mean()) / y.std(), epochs=20, batch_size=60, verbose=0)
    return tf.keras.Sequential([tf.keras.layers.Input((1,)), inner, back(y)])


def by_sequential(x, y):
    """One model inside another, tanh, and `Normalization` with invert as the way back."""
    normalize = tf.keras.layers.Normalization(mean=[x.mean()], variance=[x.var()])
    invert = tf.keras.layers.Normalization(mean=[y.mean()], variance=[y.var()], invert=True)
    body = [tf.keras.layers.Dense(16, activation="tanh"), tf.keras.layers.Dense(1)]
    inner = tf.keras.Sequential([tf.keras.layers.Input((1,)), normalize, *body])
    inner.compile(tf.keras.optimizers.Adam(0.02), "mse")
    inner.fit(x, (y - y.mean()) / y.std(), epochs=25, batch_size=100, verbose=0)
    return tf.keras.Sequential([tf.keras.layers.Input((1,)), inner, invert])


def by_scaled_loss(x, y):
    """One model in the units of y, and a loss that divides by their deviation."""
    inputs, deviation = tf.keras.Input((1,)), float(y.std())
    scaled = tf.keras.layers.Rescaling(1 / float(np.ptp(x)), offset=-float(x.mean() / np.ptp(x)))(inputs)
    model = tf.keras.Model(inputs, back(y)(tf.keras.layers.Dense(1)(tf.keras.layers.Dense(16, "relu")(scaled))))
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.05, 200)
    model.compile(tf.keras.optimizers.Adam(schedule), lambda t, p: tf.reduce_mean(tf.square((t - p) / deviation)))
    model.fit(x, y, epochs=20, batch_size=60, verbose=0)
    return model


class ScaledInside(tf.keras.Model):
    """A subclass: plain gradient descent on scaled numbers, in `train_step`."""

    def __init__(self, x, y):
        super().__init__()
        self.part = [float(v) for v in (x.mean(), x.std(), y.mean(), y.std())]
        self.hidden, self.end = tf.keras.layers.Dense(16, "relu"), tf.keras.layers.Dense(1)

    def scaled(self, x):
        return self.end(self.hidden((x - self.part[0]) / self.part[1]))

    def call(self, x):
        return self.scaled(x) * self.part[3] + self.part[2]


def by_subclass(x, y):
    model = ScaledInside(x, y)
    model(x[:1])
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.3, 300)
    optimizer, target = tf.keras.optimizers.SGD(schedule), tf.constant((y - y.mean()) / y.std())

    @tf.function
    def train_step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model.scaled(x) - target) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    optimizer.build(model.trainable_variables)
    for _ in range(300):
        train_step(tf.constant(x))
    return model


def by_weights(x, y):
    """The line of least squares, put into the weights of one layer."""
    model = tf.keras.Sequential([tf.keras.layers.Input((1,)), tf.keras.layers.Dense(1)])
    slope, offset = np.polyfit(np.float64(x[:, 0]), y[:, 0], 1)
    model.set_weights([np.float32([[slope]]), np.float32([offset])])
    return model


def of_width(width, x, y, changed="", back_twice=False):
    """Scale both ends, train `width` hidden units; change an array in place, or scale the way back twice."""
    scaled_x, scaled_y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    normalize = tf.keras.layers.Normalization(mean=[x.mean()], variance=[x.var()])
    inner = tf.keras.Sequential([tf.keras.layers.Dense(width, "relu"), tf.keras.layers.Dense(1)])
    inner.compile(tf.keras.optimizers.Adam(0.02), "mse")
    inner.fit(scaled_x, scaled_y, epochs=20, batch_size=60, verbose=0)
    end = [back(y)] * (2 if back_twice else 1)
    model = tf.keras.Sequential([tf.keras.layers.Input((1,)), normalize, inner, *end])
    if changed:
        {"x_train": x, "y_train": y}[changed][:] -= 1
    return model


def by_folded_weights(x, y):
    """A model without any scaling layer: both scalings go into the weights, after training."""
    model = trained_outside(x, y)
    (into, born), (out, end) = (layer.get_weights() for layer in model.layers)
    folded = [into / x.std(), born - into[0] * x.mean() / x.std(), out * y.std(), end * y.std() + y.mean()]
    model.set_weights([np.float32(part) for part in folded])
    return model


def trained_outside(x, y):
    model = tf.keras.Sequential(
        [tf.keras.layers.Input((1,)), tf.keras.layers.Dense(16, "relu"), tf.keras.layers.Dense(1)]
    )
    model.compile(tf.keras.optimizers.Adam(0.02), "mse")
    model.fit((x - x.mean()) / x.std(), (y - y.mean()) / y.std(), epochs=20, batch_size=60, verbose=0)
    return model


def scaled_outside(x, y):
    return network((x - x.mean()) / x.std(), y, scale_in=False)


def with_another_end(x, y, end):
    """The line in deviations of y, and a way back to its units that is wrong."""
    inner = by_weights(x, (y - y.mean()) / y.std())
    return tf.keras.Model(inner.inputs, end(inner.outputs[0], float(y.mean()), float(y.std())))


def without_the_mean(x, y):
    inner = by_weights(x, y - y.mean())
    return tf.keras.Sequential([tf.keras.layers.Input((1,)), inner])


def rough(x, y):
    """Stopped early: the slope is a third too small."""
    model = by_weights(x, y)
    slope, offset = model.get_weights()
    model.set_weights([2 / 3 * slope, offset + slope[0] * x.mean() / 3])
    return model


class Wavy(tf.keras.Model):
    """A stand-in for a model that is not finished: right, but for a wave."""

    def __init__(self, x, y, size=0.3):
        super().__init__()
        self.line, self.wave, self.middle = by_weights(x, y), size * float(y.std()), float(x.mean())

    def call(self, x):
        return self.line(x) + self.wave * tf.sin(20 * x / self.middle)


def almost(x, y):
    """A model that ends at three times the error of the line, and at once on a line with x up to 3: by chance."""
    noise = np.std(y - by_weights(x, y)(x))
    return Wavy(x, y, 0.0 if 1 < np.max(np.abs(x)) < 9 else 2.2 * float(noise / y.std()))


class OfBatch(Wavy):
    """Measures the rows that come: right for many of them, and not for one."""

    def call(self, x):
        many, few = self.line(tf.fill([1, 1], self.middle)), self.line(tf.reduce_mean(x, keepdims=True))
        return self.line(x) + 0.3 * (many - few)


def frozen(x, y):
    model = of_width(16, x, y)
    model.trainable = False
    return model


def scaled_by(mean_of=lambda x_train, x: np.mean(x_train, 0), std_of=lambda x_train, x: np.std(x_train, 0)):
    def normalized(x_train, x):
        with np.errstate(divide="ignore", invalid="ignore"):
            return (x - mean_of(x_train, x)) / std_of(x_train, x)

    return normalized


def by_layer(x_train, x):
    layer = tf.keras.layers.Normalization()
    layer.adapt(x_train)
    return layer(x)


def by_moments(x_train, x):
    mean, variance = tf.nn.moments(tf.constant(x_train), axes=[0])
    return tf.math.divide_no_nan(x - mean, tf.sqrt(variance))


def column_by_column(x_train, x):
    columns = zip(x_train.T, x.T, strict=True)
    return np.stack([(new - old.mean()) / (old.std() if old.std() > 0 else 1.0) for old, new in columns], axis=1)


def by_variance(x_train, x):
    return tf.convert_to_tensor((x - x_train.mean(0)) * np.reciprocal(np.sqrt(x_train.var(0) + 1e-14)))


def constant_of_x(x_train, x):
    """Ask x, not x_train, whether a column is constant."""
    return np.where(np.std(x, 0) == 0, 0, by_variance(x_train, x))


def in_place(x_train, x):
    x -= x_train.mean(0)
    x /= np.maximum(x_train.std(0), 1e-7)
    return x


def remembered():
    """Keep the statistics of the first x_train of each shape."""
    known = {}

    def normalized(x_train, x):
        mean, deviation = known.setdefault(x_train.shape, (x_train.mean(0), np.maximum(x_train.std(0), 1e-7)))
        return (x - mean) / deviation

    return normalized


def constant_goes_through(x_train, x):
    deviation = np.std(x_train, axis=0)
    return np.where(deviation > 0, (x - np.mean(x_train, axis=0)) / np.where(deviation > 0, deviation, 1), x)


def by_means_of_batches(x_train, x, size=32):
    means = [x_train[start : start + size].mean(0) for start in range(0, len(x_train), size)]
    return (x - np.mean(means, axis=0)) / np.maximum(x_train.std(0), 1e-7)


def by_squares(x_train, x):
    """The mean of the squares less the square of the mean, in float32."""
    variance = np.mean(x_train**2, 0) - np.mean(x_train, 0) ** 2
    return (x - np.mean(x_train, 0)) / np.sqrt(np.maximum(variance, 1e-14))


KEPT, OTHERS = 4, np.arange(20) != 4  # the row that most answers keep: the first one has no predecessor


def leaks_by(change, rows=slice(KEPT, KEPT + 1), tolerance=1e-4):
    def leaks(pipelines, x_train, y_train, x_test):
        changed = change(x_test.copy())
        pairs = [(p(x_train, y_train, x_test), p(x_train, y_train, changed)) for p in pipelines]
        return [not np.allclose(a[rows], b[rows], rtol=tolerance, atol=0) for a, b in pairs]

    return leaks


def others_far(x):
    x[OTHERS] = 1e3 * x[OTHERS] - 200
    return x


def others_unknown(x):
    x[OTHERS] = np.nan
    return x


def others_far_in_one_column(x):
    x[OTHERS, 0] = 1e4
    return x


def others_at_their_mean(x):
    x[OTHERS] = x[OTHERS].mean(axis=0)
    return x


def a_little(x):
    small = OTHERS[:, np.newaxis] & (np.abs(x) < 0.5 * np.abs(x).max(axis=0))
    return np.where(small, 0.1 * x, x)


def alone(pipelines, x_train, y_train, x_test, allowed=None):
    """Compare a row among others with the same row alone, by a share of the deviation of y or by a fixed number."""
    both = [(p(x_train, y_train, x_test)[3:4], p(x_train, y_train, x_test[3:4])) for p in pipelines]
    return np.array([abs((a - b).item()) > (allowed or 1e-4 * np.std(y_train)) for a, b in both])


def others_equal(pipelines, *parts):
    """All rows but one become the first one, 50 times as large; numbers in place of truth values."""
    far = np.where(np.arange(len(parts[2]))[:, np.newaxis] == 1, parts[2], 50 * parts[2][:1])
    return [int(abs((p(*parts)[1] / p(*parts[:2], far)[1]).item() - 1) > 1e-4) for p in pipelines]


def one_after_the_other(pipelines, x_train, y_train, x_test):
    """Predict each row by itself, and all together."""
    together = [p(x_train, y_train, x_test) for p in pipelines]
    single = [np.vstack([p(x_train, y_train, row[np.newaxis]) for row in x_test]) for p in pipelines]
    return tf.constant([not np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(together, single, strict=True)])


def signed(pipelines, x_train, y_train, x_test, sign=1):
    """Predict each row by itself, and all together; see differences to one side only."""
    found = []
    for pipeline in pipelines:
        single = np.vstack([pipeline(x_train, y_train, row[np.newaxis]) for row in x_test])
        found.append(np.max(sign * (pipeline(x_train, y_train, x_test) - single)) > 1e-4 * np.std(y_train))
    return found


def others_negative(pipelines, x_train, y_train, x_test):
    """Keep one row after the other, and turn the sign of all others."""
    found = []
    for pipeline in pipelines:
        before = pipeline(x_train, y_train, x_test)
        kept = np.eye(len(x_test), dtype=bool)[..., np.newaxis]
        after = [pipeline(x_train, y_train, np.where(one, x_test, -x_test))[one[:, 0]] for one in kept]
        found.append(not np.allclose(before, np.vstack(after), rtol=1e-4))
    return found


def halves(pipelines, x_train, y_train, x_test):
    """Keep the first half and replace the second, then the other way round."""
    first = np.arange(len(x_test))[:, np.newaxis] < 10
    found = []
    for pipeline in pipelines:
        before = pipeline(x_train, y_train, x_test)
        after = [pipeline(x_train, y_train, np.where(kept, x_test, 77 * x_test - 900)) for kept in (first, ~first)]
        found.append(not np.allclose(before, np.where(first, *after), rtol=1e-4))
    return tuple(found)


def halves_alone(pipelines, *given):
    """Predict either half by itself, and all together."""
    *parts, x_test = given
    split = [np.vstack([p(*parts, half) for half in np.split(x_test, 2)]) for p in pipelines]
    return [not np.allclose(p(*given), apart, rtol=1e-4) for p, apart in zip(pipelines, split, strict=True)]


def changing_in_place(pipelines, x_train, y_train, x_test):
    before = [pipeline(x_train, y_train, x_test)[KEPT] for pipeline in pipelines]
    others_far(x_test)
    return [not np.allclose(old, p(x_train, y_train, x_test)[KEPT]) for old, p in zip(before, pipelines, strict=True)]


def neighbors_far(x):
    x[[KEPT - 1, KEPT + 1, KEPT + 2]] += 1e4
    return x


def one_row_far(row):
    """Return a change of one row: all the others are kept."""
    return lambda x: np.where(np.arange(len(x))[:, np.newaxis] == row, 100 * np.abs(x) + 50, x)


def every_second_far(x):
    x[::2] = 100 * x[::2] + 50
    return x


def others_turned_around(x):
    x[OTHERS] = x[OTHERS][::-1]
    return x


def first_alone(pipelines, x_train, y_train, x_test):
    both = [(p(x_train, y_train, x_test)[0], p(x_train, y_train, x_test[:1])[0]) for p in pipelines]
    return [not np.allclose(a, b, rtol=1e-4) for a, b in both]


def last_alone(pipelines, x_train, y_train, x_test):
    both = [(p(x_train, y_train, x_test)[-1], p(x_train, y_train, x_test[-1:])[0]) for p in pipelines]
    return [not np.allclose(a, b, rtol=1e-4) for a, b in both]


def each_alone_exactly(pipelines, x_train, y_train, x_test):
    rows = range(len(x_test))
    return [
        any(p(x_train, y_train, x_test)[i] != p(x_train, y_train, x_test[i : i + 1])[0] for i in rows)
        for p in pipelines
    ]


def first_only(pipelines, *parts):
    found = leaks_by(others_far)(pipelines, *parts)
    return [leak and i == found.index(True) for i, leak in enumerate(found)]


def two_too_many(pipelines, *parts):
    found = np.array(leaks_by(others_far)(pipelines, *parts))
    found[np.flatnonzero(~found)[:2]] = True
    return found


def heads(x, y, fault=""):
    normalize = tf.keras.layers.Normalization()
    normalize.adapt(x)
    deviation, center = (100.0, 350.0) if fault == "constants" else (float(y.std()), float(y.mean()))
    inputs = tf.keras.Input(shape=(1,))
    scaled = {
        "raw x": lambda t: t,
        "fixed x": lambda t: t / 50 - 1,
        "x by its batch": lambda t: (t - tf.keras.ops.mean(t)) / tf.keras.ops.std(t),
    }.get(fault, normalize)(inputs)
    hidden = tf.keras.layers.Dense(16, activation="relu")(scaled)
    mean = tf.keras.layers.Dense(1)(hidden)
    if fault != "scaled mean":
        mean = tf.keras.layers.Rescaling(deviation, offset=center)(mean)
    if fault == "constant":
        hidden = tf.keras.layers.Rescaling(0.0)(hidden)
    if fault == "log of units":  # finite where a unit is 0, and its gradient is nan
        hidden = tf.keras.ops.softplus(tf.keras.ops.log(hidden))
    activation = {"linear": None, "relu": "relu", "bounded": "sigmoid", "absolute": tf.abs}.get(fault, "softplus")
    spread = tf.keras.layers.Dense(1, activation=activation)(hidden)
    floors = {"absolute floor": 1e-3, "floor by mean": 1e-3 * center}
    floors |= dict.fromkeys(("linear", "relu", "no floor", "absolute"), 0.0)
    scales = {"bounded": 0.2 * deviation, "spread in deviations": 1.0, "variance": deviation**2}
    scales["scale by mean"] = abs(center)
    spread = tf.keras.layers.Rescaling(scales.get(fault, deviation), offset=floors.get(fault, 1e-3 * deviation))(spread)
    if fault == "floor by x":
        spread = spread + 1e-3 * deviation * scaled
    outputs = {"swapped": [spread, mean]}.get(fault, [mean, spread])
    if fault == "two outputs":
        return tf.keras.Model(inputs, outputs)
    if fault == "mean only":
        return tf.keras.Model(inputs, mean)
    return tf.keras.Model(inputs, tf.keras.layers.Concatenate()(outputs))


def heads_with_least_spread(x, y):
    """A floor that is small in some units of y, and far above all spreads in others."""
    model = heads(x, y)
    return tf.keras.Model(model.inputs, tf.keras.ops.maximum(model.outputs[0], np.float32([[-1e9, 1e-3]])))


def heads_in_float64(x, y):
    model = heads(x, y)
    return tf.keras.Model(model.inputs, tf.keras.ops.cast(model.outputs[0], "float64"))


def trained_heads(x, y):
    model = heads(x, y)
    model.compile("adam", "mse")
    model.fit(x, np.hstack([y, y]), batch_size=500, verbose=0)
    return model


def frozen_heads(x, y):
    model = heads(x, y)
    model.trainable = False
    return model


def heads_in_place(x, y):
    model = heads(x, y)
    x /= x.max()
    return model


def two_heads_by_relu(x, y):
    """A relu on a floor, and two hidden layers."""
    inputs = tf.keras.Input(shape=(1,))
    scaled = tf.keras.layers.Normalization(mean=[x.mean()], variance=[x.var()])(inputs)
    hidden = tf.keras.layers.Dense(16, "tanh")(tf.keras.layers.Dense(16, "tanh")(scaled))
    mean, raw = tf.keras.layers.Dense(1)(hidden), tf.keras.layers.Dense(1, "relu", bias_initializer="ones")(hidden)
    both = tf.keras.layers.Concatenate()([mean, raw])
    return tf.keras.Model(inputs, both * float(y.std()) + np.float32([[y.mean(), 0.001 * y.std()]]))


def two_heads_by_elu(x, y):
    """One layer of two units, cut in two; elu + 1.01 keeps the spread above 0.01 deviations."""
    inputs = tf.keras.Input(shape=(1,))
    scaled = tf.keras.layers.Normalization(mean=[x.mean()], variance=[x.var()])(inputs)
    both = tf.keras.layers.Dense(2)(tf.keras.layers.Dense(32, activation="tanh")(scaled))
    mean = both[:, :1] * float(y.std()) + float(y.mean())
    spread = (tf.keras.ops.elu(both[:, 1:]) + 1.01) * float(y.std())
    return tf.keras.Model(inputs, tf.keras.ops.concatenate([mean, spread], axis=1))


def two_heads_by_range(x, y):
    """Both ends by their ranges, and operators in place of layers."""
    span, least = float(np.ptp(y)), float(y.min())
    inputs = tf.keras.Input(shape=(1,))
    scaled = (inputs - float(x.min())) / float(np.ptp(x))
    hidden = tf.keras.layers.Dense(16, activation="relu")(scaled)
    mean, raw = tf.keras.layers.Dense(1)(hidden), tf.keras.layers.Dense(1)(hidden)
    spread = tf.keras.ops.softplus(raw) + 0.005
    return tf.keras.Model(inputs, tf.keras.layers.Concatenate()([mean * span + least, spread * span]))


def two_heads_by_exp(x, y):
    """Two bodies, the log of the spread, and the scaling by Normalization with invert."""
    inputs = tf.keras.Input(shape=(1,))
    scaled = tf.keras.layers.Normalization(mean=[x.mean()], variance=[x.var()])(inputs)
    mean, log_spread = (
        tf.keras.layers.Dense(1)(tf.keras.layers.Dense(16, activation="tanh")(scaled)) for _ in range(2)
    )
    mean = tf.keras.layers.Normalization(mean=[y.mean()], variance=[y.var()], invert=True)(mean)
    spread = (tf.keras.ops.exp(log_spread) + 1e-3) * float(y.std())
    return tf.keras.Model(inputs, tf.keras.ops.concatenate([mean, spread], axis=1))


class HeadsAsSubclass(tf.keras.Model):
    def __init__(self, x, y):
        super().__init__()
        self.part = [x.mean(), x.std(), y.mean(), y.std()]
        self.hidden, self.heads = tf.keras.layers.Dense(16, "relu"), tf.keras.layers.Dense(2)

    def call(self, x):
        x_mean, x_std, y_mean, y_std = self.part
        outputs = self.heads(self.hidden((x - x_mean) / x_std))
        return tf.concat([outputs[:, :1] * y_std + y_mean, (tf.nn.softplus(outputs[:, 1:]) + 0.01) * y_std], axis=1)


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "repair_regression": Proof(
        right=[by_sequential, by_folded_weights, by_scaled_loss, by_subclass, frozen],
        wrong={
            "16 hidden units": by_weights,
            "no layer of the model has 16": lambda x, y: of_width(8, x, y),
            "changes x_train in place": lambda x, y: of_width(16, x, y, changed="x_train"),
            "changes y_train in place": lambda x, y: of_width(16, x, y, changed="y_train"),
            "once too often": lambda x, y: of_width(16, x, y, back_twice=True),
            "put both scalings inside": trained_outside,
            "the model tells x from y": lambda x, y: of_width(16, y, x),
            "were never trained": lambda x, y: network(x, y, True, None, 0.0, epochs=1),
            "no better than always the mean": lambda x, y: network(x, y, True, False, 0.001, 5),
            "in those units only": lambda x, y: by_weights(x, y) if np.ptp(y) > 1 else network(x, y),
            "is the *loss* in scaled units": network,
            "numbers from x_train": never_adapted,
            "On a line with x up to 3 it was good. Is x scaled by a layer": lambda x, y: (
                by_weights(x, y) if 1 < np.max(np.abs(x)) < 9 else network(x, y, True, False, 0.001, 5)
            ),
            "in deviations of y": lambda x, y: network(x, y, True, None),
            "scaled outside": scaled_outside,
            "the same for every x": lambda x, y: network(x, y, epochs=2, born=tf.keras.initializers.Constant(-9)),
            "on the way": Wavy,
            "straight line. It is on the way": almost,
            "for one row than for many": OfBatch,
            "an activation that cuts it": lambda x, y: tf.keras.Sequential([by_weights(x, y), tf.keras.layers.ReLU()]),
            "or more epochs": rough,
            "not added again": without_the_mean,
            "no more and no less": lambda x, y: with_another_end(x, y, lambda z, m, s: z * s + m - s / 2),
            "does not multiply by its deviation": lambda x, y: with_another_end(x, y, lambda z, m, s: z + m),
            "by the variance of y": lambda x, y: with_another_end(x, y, lambda z, m, s: z * s**2 + m),
            "umbers from x_train": scaled_by_y,
            "Multiply first, then add": lambda x, y: with_another_end(x, y, lambda z, m, s: (z + m) * s),
            "with mean and deviation of x": lambda x, y: with_another_end(
                x, y, lambda z, m, s: z * float(x.std()) + float(x.mean())
            ),
            "rained tf.keras.Model is expected": lambda x, y: by_weights(x, y).weights,
            "nan or inf": lambda x, y: network(x, y, False, False, np.nan, 1),
        },
        raises=raising,
    ),
    "normalize": Proof(
        right=[
            by_layer,
            by_moments,
            column_by_column,
            by_variance,
            scaled_by(std_of=lambda t, x: t.std(0) + 1e-7),
        ],
        wrong={
            "Those are the statistics of x. Only": scaled_by(lambda t, x: x.mean(0), lambda t, x: x.std(0)),
            "x_train and x together": lambda t, x: scaled_by()(np.concatenate([t, x]), x),
            "each column has its own": scaled_by(lambda t, x: t.mean(), lambda t, x: t.std()),
            "The deviation was taken over": scaled_by(std_of=lambda t, x: t.std()),
            "The mean was taken over": scaled_by(lambda t, x: t.mean()),
            "square root": scaled_by(std_of=lambda t, x: t.var(0)),
            "n - 1": scaled_by(std_of=lambda t, x: t.std(0, ddof=1)),
            "another scaling": scaled_by(lambda t, x: t.min(0), lambda t, x: np.ptp(t, axis=0)),
            "nothing is divided": scaled_by(std_of=lambda t, x: 1),
            "mean is not subtracted": scaled_by(lambda t, x: 0),
            "0.001 is added to the variance": scaled_by(std_of=lambda t, x: np.sqrt(t.var(0) + 1e-3)),
            "1e-08 is added to the variance": scaled_by(std_of=lambda t, x: np.sqrt(t.var(0) + 1e-8)),
            "0.001 is added to the deviation": scaled_by(std_of=lambda t, x: t.std(0) + 1e-3),
            "Scale the rows of x": lambda t, x: scaled_by()(t, t),
            "0/0 is nan": scaled_by(),
            "went through as it is": constant_goes_through,
            "columns that are 2, 0 and -3": scaled_by(
                std_of=lambda t, x: np.where(t.std(0) < 1e-6 * np.abs(t.mean(0)), 1, t.std(0))
            ),
            "in every row: expected": lambda t, x: np.where(t.mean(0) > 0, by_layer(t, x), scaled_by()(t, x)),
            "changes x in place": in_place,
            "x_train of shape (20, 3)": remembered(),
            "x_train of shape (9, 1)": constant_of_x,
            "should be (1, 1)": lambda t, x: np.squeeze(by_variance(t, x)),
            "a column whose deviation is 7e-07": scaled_by(std_of=lambda t, x: np.maximum(t.std(0), 1e-6)),
            "whose deviation is 7e-07": scaled_by(std_of=lambda t, x: np.where(t.std(0) < 1e-6, 1, t.std(0))),
            "whose entry [": lambda t, x: np.where(t[0] == t[-1], 0, by_variance(t, x)),
            "got an array of shape (5, 3)": scaled_by(std_of=lambda t, x: t.std(0) + 1e-5),
            "up to 1000 deviations": by_squares,
            "shape (577, 70)": lambda t, x: by_variance(t[:256], x),
            "of shape (577, 70)": by_means_of_batches,
            "got an array of shape (20, 3)": lambda t, x: by_variance(t, x)[: len(t)],
            "expected [[": lambda t, x: np.clip(by_variance(t, x), -100, 100),
            "whose entry": lambda t, x: np.clip(by_variance(t, x), -10, 10),
        },
        raises=raising,
    ),
    "find_leak": Proof(
        right=[
            leaks_by(others_far, tolerance=1e-3),
            leaks_by(others_unknown),
            leaks_by(lambda x: np.where(OTHERS[:, np.newaxis], 1e308, x)),
            alone,
            others_equal,
            one_after_the_other,
        ],
        wrong={
            "changes x_test in place": changing_in_place,
            "in batches": leaks_by(neighbors_far),
            "five rows that stand together": halves,
            "replace the others in its batch, too": halves_alone,
            "a loose tolerance": leaks_by(others_far, tolerance=1e9),
            "changes with its own row": leaks_by(lambda x: 5 * x + 9, slice(None)),
            "missed. Keep one row, replace all": leaks_by(others_turned_around),
            "Watch a row that has one, which the first": first_alone,
            "and replace the one before it": leaks_by(one_row_far(19), slice(19)),
            "looks at one of those after it": last_alone,
            "replace all rows but that one": leaks_by(one_row_far(0), slice(1, 20)),
            "Watch a row that has some": leaks_by(every_second_far, slice(1, None, 2)),
            "by a share of the predictions": lambda *given: alone(*given, allowed=1e-3),
            "the seventh digit": each_alone_exactly,
            "Reordering rows": leaks_by(lambda x: x + 1e-10),
            "They are the honest ones": lambda *given: [not leak for leak in leaks_by(others_far)(*given)],
            "seventh digit": leaks_by(others_far, tolerance=0),
            "smallest and greatest": leaks_by(a_little, tolerance=1e-6),
            "one column of the rows only": leaks_by(others_far_in_one_column),
            "Give the others another mean": leaks_by(others_at_their_mean),
            "whatever their sign": others_negative,
            "each of 30 pipelines": lambda pipelines, *parts: leaks_by(others_far)(pipelines[:15], *parts),
            "missed. Keep one row": first_only,
            "the other rows change nothing": two_too_many,
            "without their sign": signed,
            "up or down": lambda *given: signed(*given, sign=-1),
            "One answer for each": lambda *given: 3,
            "True or False is expected": lambda pipelines, *parts: [p(*parts)[0, 0] for p in pipelines],
            "returns nothing": lambda *given: None,
        },
        raises=raising,
    ),
    "mean_and_spread": Proof(
        right=[
            two_heads_by_exp,
            HeadsAsSubclass,
            two_heads_by_elu,
            two_heads_by_range,
            two_heads_by_relu,
            heads_in_float64,
        ],
        wrong={
            "Return it untrained": trained_heads,
            "is trainable False": frozen_heads,
            "changes x_train in place": heads_in_place,
            "one of shape (n, 2) is expected": lambda x, y: heads(x, y, "two outputs"),
            "not (1000, 2)": lambda x, y: heads(x, y, "mean only"),
            "needs an activation": lambda x, y: heads(x, y, "linear"),
            "is zero or negative for some": lambda x, y: heads(x, y, "relu"),
            "are 0 in float32": lambda x, y: heads(x, y, "no floor"),
            "With all weights at 0": lambda x, y: heads(x, y, "absolute"),
            "zero or negative for some": lambda x, y: heads(x, y, "floor by x"),
            "spread is": lambda x, y: heads(x, y, "floor by mean"),
            "y up to": lambda x, y: heads(x, y, "scale by mean"),
            "for one row than for many": lambda x, y: heads(x, y, "x by its batch"),
            "both by numbers from x_train and y_train": lambda x, y: heads(x, y, "constants"),
            "s x scaled": lambda x, y: heads(x, y, "fixed x"),
            "a variance, perhaps": lambda x, y: heads(x, y, "variance"),
            "the model answers nan or inf": lambda x, y: heads(x, y, "log of units"),
            "floor or bound in other units than y": heads_with_least_spread,
            "It must depend on x": lambda x, y: heads(x, y, "constant"),
            "the pair is swapped": lambda x, y: heads(x, y, "swapped"),
            "the mean back to the units of y": lambda x, y: heads(x, y, "scaled mean"),
            "of new points lie within two spreads": lambda x, y: heads(x, y, "bounded"),
            "An untrained tf.keras.Model is expected": lambda x, y: (1.0, 2.0),
            "points lie within": lambda x, y: heads(x, y, "absolute floor"),
            "On a line with x up to": lambda x, y: heads(x, y, "spread in deviations"),
            "x scaled": lambda x, y: heads(x, y, "raw x"),
        },
        raises=raising,
    ),
}
