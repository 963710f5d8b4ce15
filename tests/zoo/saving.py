"""Faults that show when a model is saved and loaded, exported, or when its training is taken up again."""

import numpy as np
import tensorflow as tf

from tests.zoo import pair

layers = tf.keras.layers
registered = tf.keras.utils.register_keras_serializable("zoo")


def numbers(n=300):
    """Six columns of unit scale, and a number that follows from them."""
    x = np.random.default_rng(0).normal(size=(n, 6)).astype("float32")
    y = x @ np.float32([0.6, -0.5, 0.4, 0.3, -0.3, 0.2]) + 0.3 * np.sin(2 * x[:, 0])
    return x, y[:, np.newaxis]


def regression(inner, loss="mse", metrics=("mae",)):
    """A model of the layers `inner` and one unit, compiled."""
    model = tf.keras.Sequential([layers.Input((6,)), *inner, layers.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.01), loss, metrics=list(metrics))
    return model


@registered
class SlopeForgotten(layers.Layer):
    def __init__(self, units, slope=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.slope = units, slope
        self.dense = layers.Dense(units)

    def build(self, input_shape):
        self.dense.build(input_shape)
        super().build(input_shape)

    def call(self, x):
        x = self.dense(x)
        return tf.maximum(x, self.slope * x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@registered
class SlopeKept(SlopeForgotten):
    def get_config(self):
        return {**super().get_config(), "slope": self.slope}


@pair(
    check="saved",
    symptom="The loss is 0.033, and after saving and loading 0.106: the slope is back at its default.",
    source="keras-hub#3072",
)
def a_layer_that_forgets_an_argument(faulty):
    x, y = numbers()
    tf.keras.utils.set_random_seed(1)
    layer = SlopeForgotten if faulty else SlopeKept
    return {"model": regression([layer(32, slope=0.5)]), "x": x, "y": y}


@registered
class ScaleInNumPy(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.spread = 0.0, 1.0

    def adapt(self, x):
        self.mean, self.spread = x.mean(axis=0), x.std(axis=0)

    def call(self, x):
        return (x - self.mean) / self.spread


@registered
class ScaleInWeights(ScaleInNumPy):
    def __init__(self, columns=6, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        self.columns = columns
        self.mean = self.add_weight(shape=(columns,), initializer="zeros", trainable=False)
        self.spread = self.add_weight(shape=(columns,), initializer="ones", trainable=False)

    def adapt(self, x):
        self.mean.assign(x.mean(axis=0))
        self.spread.assign(x.std(axis=0))

    def get_config(self):
        return {**super().get_config(), "columns": self.columns}


@pair(
    check="saved",
    symptom="The mean error is 0.11, and after saving and loading 33: the layer scales no more.",
    source="tensorflow#47910",
)
def statistics_kept_in_numpy_arrays(faulty):
    x, y = numbers()
    x = 50 + 20 * x
    tf.keras.utils.set_random_seed(1)
    scaler = ScaleInNumPy() if faulty else ScaleInWeights()
    scaler.adapt(x)
    return {"model": regression([scaler, layers.Dense(32, activation="relu")]), "x": x, "y": y}


@registered
class LayersUnderAPrivateName(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._layers = [layers.Dense(16, activation="relu"), layers.Dense(16, activation="relu")]

    def parts(self):
        return self._layers

    def build(self, input_shape):
        for part in self.parts():
            part.build(input_shape)
            input_shape = part.compute_output_shape(input_shape)
        super().build(input_shape)

    def call(self, x):
        for part in self.parts():
            x = part(x)
        return x


@registered
class LayersUnderAName(LayersUnderAPrivateName):
    def __init__(self, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        self.stack = [layers.Dense(16, activation="relu"), layers.Dense(16, activation="relu")]

    def parts(self):
        return self.stack


@pair(
    check="saved",
    symptom="The loss is 0.012, and after saving and loading 0.99: the layers are as they were before training.",
    source="keras#20260",
)
def layers_in_an_attribute_that_keras_uses_itself(faulty):
    x, y = numbers()
    tf.keras.utils.set_random_seed(1)
    block = LayersUnderAPrivateName() if faulty else LayersUnderAName()
    return {"model": regression([block]), "x": x, "y": y}


@registered
class WavesInATensor(layers.Layer):
    """Cosines along 32 random directions."""

    def build(self, input_shape):
        self.directions = tf.random.normal((input_shape[-1], 32))
        super().build(input_shape)

    def call(self, x):
        return tf.cos(x @ self.directions + np.linspace(0, 3, 32, dtype="float32"))


@registered
class WavesInAWeight(WavesInATensor):
    def build(self, input_shape):
        normal = tf.keras.initializers.RandomNormal(stddev=1.0)
        self.directions = self.add_weight(shape=(input_shape[-1], 32), initializer=normal, trainable=False)
        layers.Layer.build(self, input_shape)


@pair(
    check="saved",
    symptom="The loss is 0.04, and after saving and loading 0.61: the directions were drawn anew.",
    source="02, Trap: plain variables in a model; tf-keras#513",
)
def random_directions_in_a_plain_tensor(faulty):
    x, y = numbers()
    tf.keras.utils.set_random_seed(1)
    waves = WavesInATensor() if faulty else WavesInAWeight()
    return {"model": regression([waves, layers.Dense(16, activation="relu")]), "x": x / 3, "y": y}


@registered
class DividesInItsSteps(tf.keras.Sequential):
    """Scales what `fit`, `evaluate` and `predict` are given."""

    def train_step(self, data):
        x, *rest = data
        return super().train_step((x / 255, *rest))

    def test_step(self, data):
        x, *rest = data
        return super().test_step((x / 255, *rest))

    def predict_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        return super().predict_step(x / 255)


@pair(
    check="input range",
    symptom="The exported model gets bytes and is sure of everything: its probabilities are off by up to 0.55.",
    source="09, A model that takes bytes; 10, Ship it; tensorflow#41016",
)
def pixels_scaled_outside_the_exported_model(faulty):
    rng = np.random.default_rng(0)
    x = np.float32(rng.integers(0, 256, (300, 12)))
    y = np.float32(x[:, :1] + x[:, 1:2] > x[:, 2:3] + x[:, 3:4])
    tf.keras.utils.set_random_seed(1)
    inner = [layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    if faulty:
        model = DividesInItsSteps([layers.Input((12,)), *inner])
    else:
        model = tf.keras.Sequential([layers.Input((12,)), layers.Rescaling(1 / 255), *inner])
    model.compile(tf.keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": y}


@pair(
    check="output and loss",
    symptom="All probabilities lie between 0.50 and 0.73: the accuracy is 0.52, with one sigmoid it is 0.96.",
    source="08, Trap: a second sigmoid",
)
def a_second_sigmoid_on_export(faulty):
    x, y = numbers()
    tf.keras.utils.set_random_seed(1)
    hidden, output = layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")
    trained = tf.keras.Sequential([layers.Input((6,)), hidden, output])
    last = [layers.Activation("sigmoid")] if faulty else []  # "to turn the output into a probability"
    model = tf.keras.Sequential([layers.Input((6,)), trained, *last])
    model.compile(tf.keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": np.float32(y > 0)}


@registered
class PinballForgetful(tf.keras.losses.Loss):
    def __init__(self, q=0.5, name="pinball", **kwargs):
        super().__init__(name=name, **kwargs)
        self.q = q

    def call(self, y_true, y_pred):
        error = tf.cast(y_true, y_pred.dtype) - y_pred
        return tf.reduce_mean(tf.maximum(self.q * error, (self.q - 1) * error), axis=-1)


@registered
class Pinball(PinballForgetful):
    def get_config(self):
        return {**super().get_config(), "q": self.q}


@pair(
    check="losses and metrics saved",
    symptom="0.92 of the labels lie below the predictions; after loading and training on, 0.51.",
    source="03, Trap: a loss in a saved model; keras#23286, tensorflow#33229",
)
def a_loss_that_forgets_its_quantile(faulty):
    x, y = numbers()
    y = y + np.random.default_rng(1).normal(size=y.shape).astype("float32") / 2
    tf.keras.utils.set_random_seed(1)
    loss = PinballForgetful(0.9) if faulty else Pinball(0.9)
    return {"model": regression([layers.Dense(32, activation="relu")], loss), "x": x, "y": y}


@registered
class ShareWithinForgetful(tf.keras.metrics.Mean):
    """The share of predictions that miss by no more than a tolerance."""

    def __init__(self, tolerance=0.01, name="share_within", **kwargs):
        super().__init__(name=name, **kwargs)
        self.tolerance = tolerance

    def update_state(self, y_true, y_pred, sample_weight=None):
        miss = tf.reduce_max(tf.abs(tf.cast(y_true, y_pred.dtype) - y_pred), axis=-1)
        return super().update_state(tf.cast(miss <= self.tolerance, tf.float32), sample_weight)


@registered
class ShareWithin(ShareWithinForgetful):
    def get_config(self):
        return {**super().get_config(), "tolerance": self.tolerance}


@pair(
    check="losses and metrics saved",
    symptom="The metric is 0.95, and after saving and loading 0.04, for the same predictions.",
    source="04, Trap: a metric in a saved model",
)
def a_metric_that_forgets_its_tolerance(faulty):
    x, y = numbers()
    tf.keras.utils.set_random_seed(1)
    metric = (ShareWithinForgetful if faulty else ShareWithin)(tolerance=0.25)
    return {"model": regression([layers.Dense(32, activation="relu")], metrics=[metric]), "x": x, "y": y}


@pair(
    check="resumed",
    symptom="Resumed at step 200, the rate is 0.05 again, not 0.0001, and the loss, still before, moves by a tenth.",
    source="02, Trap: a resume with the weights alone; 02, Deeper: a learning rate that falls",
)
def a_decay_counted_in_python(faulty):
    x, y = numbers()
    tf.keras.utils.set_random_seed(1)
    model, taken = regression([layers.Dense(32, activation="relu")]), 0
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.05, 1, 0.97)
    optimizer = tf.keras.optimizers.Adam(0.05 if faulty else schedule)  # the schedule counts in the optimizer
    loss_fn = tf.keras.losses.MeanSquaredError()

    @tf.function(input_signature=[tf.TensorSpec((None, 6)), tf.TensorSpec((None, 1))])
    def compiled(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True)) + sum(model.losses)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    def train_step(x_batch, y_batch):
        nonlocal taken
        if faulty:
            optimizer.learning_rate = 0.05 * 0.97**taken
            taken += 1
        return compiled(x_batch, y_batch)

    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}
