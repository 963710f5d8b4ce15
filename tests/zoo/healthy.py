"""Set-ups with nothing wrong, of many kinds: the audit must never say `fail` on one of them.

Each begins with one of the makers of data below, which also fix the seeds of the weights and random layers that follow.
"""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from tests.zoo import healthy


def numbers(rows=240, features=6):
    """Independent numbers, and a score of unit spread that each of them moves."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features)).astype("float32")
    score = x @ (rng.uniform(0.5, 1.5, features) * np.where(np.arange(features) % 2, -1, 1))
    return x, (score / score.std()).astype("float32")


def images(rows=160, channels=1):
    """Images of 8 × 8 pixels of unit spread with level (class 0) or upright (class 1) stripes under noise."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(rows) % 2)
    row, column = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    along = np.where(y[:, None, None] == 0, row, column)
    stripes = np.sin(np.pi / 2 * along + rng.uniform(0, 1.5, (rows, 1, 1)))[..., None]
    x = stripes + rng.normal(0, 0.6, (rows, 8, 8, channels))
    return (x / x.std()).astype("float32"), y.astype("int32")


def sentences(rows=240, length=10, words=20):
    """Word numbers from 1, padded with 0 at the end, and the mean of the worths that the words have."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    lengths = rng.integers(length // 2, length + 1, rows)
    x = rng.integers(1, words + 1, (rows, length)) * (np.arange(length) < lengths[:, None])
    worth = np.append(0, rng.normal(size=words))
    return x.astype("int32"), (worth[x].sum(axis=1) / lengths).astype("float32")


def signals(rows=200, steps=12, channels=2):
    """Wandering measurements of unit spread, and a score of unit spread: the first channel against the others."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 1, channels)) + rng.normal(0, 0.7, (rows, steps, channels))
    score = x[..., 0].mean(axis=1) - x[..., 1:].mean(axis=(1, 2))
    return (x / x.std()).astype("float32"), (score / score.std()).astype("float32")


def cut(score, classes=2):
    """The class of each score: as many rows in each class, the low scores in class 0."""
    return (np.argsort(np.argsort(score)) * classes // len(score)).astype("int32")


@contextlib.contextmanager
def policy(name):
    """The dtype policy of all layers made inside, as a program of its own would set it once."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def small():
    """Weights for a last layer whose first answers say that nothing is known yet."""
    return keras.initializers.RandomNormal(stddev=0.05)


registered = keras.saving.register_keras_serializable("healthy")


# Numbers in, classes out


@healthy()
def three_classes_with_a_softmax():
    x, score = numbers()
    y = cut(score, 3)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x[:180], "y": y[:180], "validation_data": (x[180:], y[180:])}


@healthy(loss_at_the_truth="Smoothed labels are cheapest a little short of the truth; that is what they are for.")
def one_hot_labels_smoothed_and_many_columns():
    x, score = numbers(rows=96, features=200)
    y = keras.utils.to_categorical(cut(score, 4), 4).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((200,)),
            layers.Dense(8, activation="gelu"),
            layers.Dropout(0.3),
            layers.Dense(4, kernel_initializer=small()),
        ]
    )
    model.compile(
        keras.optimizers.AdamW(0.005, weight_decay=0.01),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
        metrics=[keras.metrics.CategoricalAccuracy(), keras.metrics.CategoricalCrossentropy(from_logits=True)],
    )
    return {"model": model, "x": x, "y": y}


@healthy()
def two_classes_without_a_column():
    x, score = numbers()
    inputs = keras.Input((6,))
    hidden = layers.Dense(12, activation="tanh")(inputs)
    model = keras.Model(inputs, layers.Dense(1)(layers.Dense(8, activation="tanh")(hidden)))
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0), keras.metrics.AUC(from_logits=True)],
    )
    return {"model": model, "x": x, "y": cut(score)}  # (N,) against (N, 1): Keras adds the column itself


@healthy()
def two_classes_in_a_column_with_bounded_weights():
    x, score = numbers()
    y = cut(score)[:, None].astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(
                12,
                activation="selu",
                kernel_initializer="lecun_normal",
                kernel_constraint=keras.constraints.MaxNorm(3),
            ),
            layers.Dense(1, activation="sigmoid", kernel_initializer=small(), kernel_constraint="max_norm"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        "binary_crossentropy",
        metrics=["accuracy", keras.metrics.Precision(), keras.metrics.Recall()],
    )
    return {"model": model, "x": x, "y": y}


@registered
class BalancedAccuracy(keras.metrics.Metric):
    """The mean of the shares found among the positives and among the negatives, from logits."""

    def __init__(self, name="balanced_accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.found = self.add_weight(name="found", shape=(2,), initializer="zeros")
        self.seen = self.add_weight(name="seen", shape=(2,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        right = ops.cast(ops.equal(ops.reshape(y_pred, (-1,)) > 0, y_true > 0), self.dtype)
        weight = ops.ones_like(right)
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        classes = ops.one_hot(y_true, 2, dtype=self.dtype)
        self.found.assign_add(ops.sum(classes * (right * weight)[:, None], axis=0))
        self.seen.assign_add(ops.sum(classes * weight[:, None], axis=0))

    def result(self):
        return ops.mean(ops.divide_no_nan(self.found, self.seen))


@healthy()
def rare_positives_weighted_and_measured_by_class():
    x, score = numbers(rows=400)
    y = (cut(score, 10) == 9).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(12, activation="relu"), layers.Dense(1)])
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
        weighted_metrics=[BalancedAccuracy()],
        metrics=[keras.metrics.AUC(curve="PR", from_logits=True)],
    )
    weight = np.where(y[:, 0] == 1, 5.0, 5 / 9).astype("float32")  # each class weighs half of all
    return {"model": model, "x": x, "y": y, "sample_weight": weight}


@healthy(class_balance="One class of ten against the rest: always saying no is right for 90 % of the rows.")
def one_class_against_the_rest_with_accuracy():
    x, score = numbers(rows=400)
    y = (cut(score, 10) == 9).astype("int32")
    rest = keras.initializers.Constant(np.log(y.mean() / (1 - y.mean())))  # starts at the share of the class
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(12, activation="relu"),
            layers.Dense(1, activation="sigmoid", bias_initializer=rest),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": y}


@healthy()
def several_labels_for_each_row():
    x, _ = numbers()
    y = (x @ np.random.default_rng(1).normal(size=(6, 5)) > 0).astype("float32")
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(24, activation="relu"), layers.Dense(5, activation="sigmoid")]
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        "binary_crossentropy",
        metrics=["binary_accuracy", keras.metrics.AUC(multi_label=True, num_labels=5)],
    )
    return {"model": model, "x": x, "y": y}


@registered
class RankError(keras.metrics.Mean):
    """By how many ranks a prediction is off, where each logit says whether the rank is higher than its place."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.sum(ops.cast(y_true, "float32"), axis=-1)
        said = ops.sum(ops.cast(y_pred > 0, "float32"), axis=-1)
        super().update_state(ops.abs(true - said), sample_weight=sample_weight)


@healthy()
def ordered_classes_as_steps():
    x, score = numbers()
    y = (cut(score, 4)[:, None] > np.arange(3)).astype("float32")  # rank 2 is 1, 1, 0
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(3)])
    model.compile(
        keras.optimizers.RMSprop(0.005),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[RankError(name="rank_error")],
    )
    return {"model": model, "x": x, "y": y}


# Numbers in, numbers out


@healthy()
def regression_built_late():
    x, score = numbers()
    model = keras.Sequential(
        [layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)), layers.Dense(1)]
    )
    model.compile(keras.optimizers.RMSprop(0.005), keras.losses.Huber(), metrics=["mean_absolute_error"])
    return {"model": model, "x": x, "y": score[:, None]}


@healthy()
def three_targets_after_some_epochs_of_training():
    x, score = numbers()
    y = np.stack([score, np.sin(2 * x[:, 0]) * 1.4, x[:, 1] * x[:, 2]], axis=1)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(24, activation="swish"),
            layers.LayerNormalization(),
            layers.Dense(16, activation="swish"),
            layers.Dense(3),
        ]
    )
    metrics = [keras.metrics.RootMeanSquaredError()]
    model.compile(keras.optimizers.Nadam(0.005), "mse", metrics=metrics, jit_compile=False)
    model.fit(x, y, epochs=3, verbose=0)
    return {"model": model, "x": x, "y": y}


@healthy()
def counts_with_a_poisson_loss():
    x, score = numbers()
    y = np.random.default_rng(1).poisson(np.exp(0.8 * score)).astype("float32")[:, None]
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(12, activation="tanh"), layers.Dense(1, activation="exponential")]
    )
    model.compile(keras.optimizers.Adam(0.01), keras.losses.Poisson(), metrics=["mean_absolute_error"])
    return {"model": model, "x": x, "y": y}


@registered
class Pinball(keras.losses.Loss):
    """Least at the given quantile of the labels."""

    def __init__(self, quantile=0.5, name="pinball", **kwargs):
        super().__init__(name=name, **kwargs)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        short = y_true - y_pred
        return ops.mean(ops.maximum(self.quantile * short, (self.quantile - 1) * short), axis=-1)

    def get_config(self):
        return {**super().get_config(), "quantile": self.quantile}


@healthy()
def a_high_quantile():
    x, score = numbers()
    y = (0.8 * score + 0.6 * np.random.default_rng(1).normal(size=240)).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01, global_clipnorm=1.0), Pinball(0.9))
    return {"model": model, "x": x, "y": y}


@registered
def surprise(y_true, y_pred):
    """The negative log-likelihood under a bell curve: y_pred holds its mean and what softplus makes its spread."""
    mean, spread = y_pred[:, :1], ops.softplus(y_pred[:, 1:]) + 1e-3  # never 0, however sure
    return ops.mean(ops.square((y_true - mean) / spread) / 2 + ops.log(spread), axis=-1)


@healthy(
    shapes="One column of labels and two of predictions: only the loss knows that these are a mean and a spread.",
    loss_at_the_truth="The second column is a spread; the loss knows no truth for it.",
)
def a_mean_and_its_spread():
    x, score = numbers()
    y = score + np.random.default_rng(1).normal(size=240) * np.exp(0.5 * x[:, 0] - 1)
    inputs = keras.Input((6,))
    hidden = layers.Dense(16, activation="tanh")(inputs)
    mean = layers.Dense(1, name="mean", kernel_initializer=small())(hidden)
    spread = layers.Dense(1, name="spread", kernel_initializer=small())(hidden)
    outputs = layers.Concatenate()([mean, spread])
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01, global_clipnorm=5.0), surprise)
    return {"model": model, "x": x, "y": y.astype("float32")[:, None]}


@healthy()
def prices_in_full_with_an_unscaling_layer():
    x, score = numbers()
    y = (250_000 + 60_000 * score)[:, None]
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, kernel_initializer=small()),
            layers.Rescaling(scale=float(y.std()), offset=float(y.mean())),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mae", metrics=[keras.metrics.RootMeanSquaredError()])
    return {"model": model, "x": x, "y": y}


@registered
class SpreadSquared(keras.losses.Loss):
    """The squared error in units of the labels' own variance: tiny labels get gradients of a usual size."""

    def __init__(self, variance=1.0, name="spread_squared", **kwargs):
        super().__init__(name=name, **kwargs)
        self.variance = variance

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1) / self.variance

    def get_config(self):
        return {**super().get_config(), "variance": self.variance}


@healthy()
def labels_of_a_thousandth():
    x, score = numbers()
    y = (0.001 * score)[:, None]
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(1), layers.Rescaling(float(y.std()))]
    )
    model.compile(keras.optimizers.Adam(0.01), SpreadSquared(float(y.var())), metrics=["mae"])
    return {"model": model, "x": x, "y": y}


@healthy()
def logarithms_of_incomes():
    x, score = numbers()
    incomes = np.exp(10 + 0.7 * score)
    y = np.log1p(incomes)[:, None].astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, bias_initializer=keras.initializers.Constant(float(y[:180].mean()))),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return {"model": model, "x": x[:180], "y": y[:180], "validation_data": (x[180:], y[180:])}


# Images


@healthy()
def bytes_of_pixels_with_classes_named_by_numbers():
    x, which = images()
    x = np.clip(x * 50 + 128, 0, 255).astype("uint8")
    names = np.array([3, 8])[which]  # digits
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    hidden = layers.Conv2D(8, 3, activation="relu")(hidden)
    hidden = layers.MaxPooling2D()(hidden)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(hidden)))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    y = np.searchsorted([3, 8], names)
    validation = tf.data.Dataset.from_tensor_slices((x[120:], y[120:])).batch(20)
    return {"model": model, "x": x[:120], "y": y[:120], "validation_data": validation}


@healthy()
def separable_convolutions_with_augmentation_inside():
    x, y = images(channels=2)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="wrap"),
            layers.SeparableConv2D(8, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.DepthwiseConv2D(3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    return {"model": model, "x": x, "y": y[:, None].astype("float32")}


@healthy()
def residual_blocks_with_group_normalization_in_bfloat16():
    x, y = images()
    with policy("mixed_bfloat16"):
        inputs = keras.Input((8, 8, 1))
        hidden = layers.Conv2D(8, 3, padding="same")(inputs)
        for _ in range(2):
            branch = layers.GroupNormalization(groups=4)(hidden)
            branch = layers.Conv2D(8, 3, padding="same")(layers.Activation("swish")(branch))
            hidden = layers.Add()([hidden, branch])
        hidden = layers.GlobalMaxPooling2D()(hidden)
        outputs = layers.Dense(2, activation="softmax", kernel_initializer=small(), dtype="float32")(hidden)
        model = keras.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": y}


def convolutional_base(x):
    """A base that has seen images like x before: its moving averages are those of its inputs."""
    base = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, name="low"),
            layers.BatchNormalization(momentum=0.5),
            layers.LeakyReLU(),
            layers.Conv2D(16, 3, name="high"),
            layers.BatchNormalization(momentum=0.5),
            layers.LeakyReLU(),
            layers.GlobalMaxPooling2D(),
        ],
        name="base",
    )
    for _ in range(8):
        base(x, training=True)
    return base


@healthy()
def a_frozen_base_below_a_new_head():
    x, y = images()
    base = convolutional_base(x)
    base.trainable = False
    inputs = keras.Input((8, 8, 1))
    hidden = layers.Dropout(0.1)(base(inputs, training=False))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", kernel_initializer=small())(hidden))
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": y}


@healthy()
def a_base_partly_thawed_except_for_its_batch_normalization():
    x, y = images()
    base = convolutional_base(x)
    for layer in base.layers:
        layer.trainable = layer.name == "high"
    inputs = keras.Input((8, 8, 1))
    head = layers.Dense(2, activation="softmax", kernel_initializer=small())
    model = keras.Model(inputs, head(base(inputs, training=False)))
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": y}


@healthy()
def an_autoencoder_of_noisy_images():
    x, _ = images()
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.GaussianNoise(0.2),
            layers.Conv2D(12, 3, strides=2, padding="same", activation="gelu"),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="gelu"),
            layers.Conv2DTranspose(12, 3, strides=2, padding="same", activation="gelu"),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return {"model": model, "x": x, "y": x}


@healthy()
def every_pixel_a_label():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    field = np.kron(rng.normal(size=(120, 4, 4)), np.ones((2, 2)))  # patches of 2 × 2 pixels
    x = (field + 0.5 * rng.normal(size=field.shape)).astype("float32")[..., None] / 1.1
    y = (field > 0).astype("float32")[..., None]
    inputs = keras.Input((8, 8, 1))
    wide = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    deep = layers.Conv2D(12, 3, padding="same", activation="relu")(layers.MaxPooling2D()(wide))
    joined = layers.Concatenate()([wide, layers.UpSampling2D()(deep)])
    model = keras.Model(inputs, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(joined))
    overlap = keras.metrics.BinaryIoU(target_class_ids=[0, 1], threshold=0.5)
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy", metrics=["binary_accuracy", overlap])
    return {"model": model, "x": x, "y": y}


# Sequences and words


@healthy()
def one_dimensional_convolutions_fed_by_a_pipeline():
    x, score = signals()
    y = cut(score, 3)
    model = keras.Sequential(
        [
            keras.Input((12, 2)),
            layers.Conv1D(8, 3, padding="causal", activation="gelu"),
            layers.LayerNormalization(),
            layers.Conv1D(8, 3, dilation_rate=2, padding="causal", activation="gelu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, kernel_initializer=small()),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=2,
    )
    data = tf.data.Dataset.from_tensor_slices((x[:160], y[:160])).shuffle(160, seed=1)
    validation = tf.data.Dataset.from_tensor_slices((x[160:], y[160:])).batch(20)
    return {"model": model, "x": data.batch(32, drop_remainder=True).prefetch(1), "validation_data": validation}


@healthy()
def a_masked_recurrent_net_on_padded_measurements():
    x, score = signals(steps=10)
    lengths = np.random.default_rng(1).integers(6, 11, len(x))
    x = x * (np.arange(10) < lengths[:, None])[..., None].astype("float32")
    model = keras.Sequential(
        [
            keras.Input((10, 2)),
            layers.Masking(0.0),
            layers.LSTM(8, return_sequences=True, dropout=0.1),
            layers.LSTM(8, stateful=False),
            layers.Dense(1, kernel_initializer=small()),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01, global_clipnorm=1.0), "mse", metrics=["mae"])
    return {"model": model, "x": x, "y": score[:, None]}


@healthy()
def words_read_in_both_directions():
    x, score = sentences()
    inputs = keras.Input((10,), dtype="int32")
    hidden = layers.Embedding(21, 8, mask_zero=True)(inputs)
    hidden = layers.Bidirectional(layers.GRU(6))(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": cut(score)[:, None].astype("float32")}


@healthy()
def a_tag_for_every_word_under_a_mask():
    x, _ = sentences()
    tags = np.append(0, np.random.default_rng(1).permutation(np.arange(20) % 3))
    previous = np.pad(x, ((0, 0), (1, 0)))[:, :-1]
    y = np.where(x > 0, (tags[x] + (previous % 2)) % 3, 0).astype("int32")  # a tag depends on the word before, too
    inputs = keras.Input((10,), dtype="int32")
    hidden = layers.Embedding(21, 12, mask_zero=True)(inputs)
    hidden = layers.GRU(16, return_sequences=True)(hidden)
    outputs = layers.TimeDistributed(layers.Dense(3, activation="softmax"))(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(0.02, gradient_accumulation_steps=2),
        "sparse_categorical_crossentropy",
        weighted_metrics=["sparse_categorical_accuracy"],
    )
    return {"model": model, "x": x, "y": y}


@healthy(constant_features="Every written sentence begins with the same mark.")
def a_translation_with_weights_as_its_mask():
    source, _ = sentences(length=6, words=16)
    pairs = np.append(0, np.random.default_rng(1).permutation(np.arange(1, 17)))
    target = pairs[source].astype("int32")
    so_far = np.concatenate([np.full((240, 1), 17), target[:, :-1]], axis=1).astype("int32")  # 17 starts a sentence
    words, before = keras.Input((6,), dtype="int32", name="words"), keras.Input((6,), dtype="int32", name="so_far")
    read, state = layers.GRU(16, return_sequences=True, return_state=True)(layers.Embedding(17, 12)(words))
    written = layers.GRU(16, return_sequences=True)(layers.Embedding(18, 12)(before), initial_state=state)
    noticed = layers.Attention()([written, read])
    outputs = layers.Dense(17)(layers.Concatenate()([written, noticed]))
    model = keras.Model({"words": words, "so_far": before}, outputs)
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["sparse_categorical_accuracy"],
    )
    weight = (target > 0).astype("float32")
    return {"model": model, "x": {"words": source, "so_far": so_far}, "y": target, "sample_weight": weight}


@registered
class WordsAndPlaces(layers.Layer):
    """The sum of a vector for the word and one for its place; 0 is padding."""

    def __init__(self, words, length, width, **kwargs):
        super().__init__(**kwargs)
        self.words, self.length, self.width = words, length, width
        self.supports_masking = True
        self.word = layers.Embedding(words, width)
        self.place = layers.Embedding(length, width)

    def build(self, shape):
        self.word.build(shape)
        self.place.build((self.length,))
        super().build(shape)

    def call(self, ids):
        return self.word(ids) + self.place(ops.arange(self.length))

    def compute_mask(self, ids, previous=None):
        return ops.not_equal(ids, 0)

    def get_config(self):
        return {**super().get_config(), "words": self.words, "length": self.length, "width": self.width}


@registered
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Rises evenly to the full rate in the first steps, then falls with the root of the step."""

    def __init__(self, rate=0.01, steps=20):
        self.rate, self.steps = rate, steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1
        return self.rate * ops.minimum(step / self.steps, ops.sqrt(self.steps / step))

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps}


@healthy()
def a_small_transformer():
    x, score = sentences()
    inputs = keras.Input((10,), dtype="int32")
    hidden = WordsAndPlaces(21, 10, 16)(inputs)
    seen = layers.LayerNormalization()(hidden)
    hidden = layers.Add()([hidden, layers.MultiHeadAttention(2, 8, dropout=0.1)(seen, seen)])
    seen = layers.LayerNormalization()(hidden)
    hidden = layers.Add()([hidden, layers.Dense(16)(layers.Dense(32, activation="gelu")(seen))])
    hidden = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(hidden))
    model = keras.Model(inputs, layers.Dense(3, kernel_initializer=small())(hidden))
    model.compile(
        keras.optimizers.Adam(Warmup()),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return {"model": model, "x": x, "y": cut(score, 3)}


@healthy()
def raw_sentences():
    ids, score = sentences()
    names = np.array(["", *(f"{a}{b}" for a in ("ma", "to", "ri", "ke", "su") for b in ("na", "lo", "pi", "de"))])
    x = np.array([" ".join(names[row[row > 0]]) for row in ids], dtype=object)
    y = cut(score)[:, None].astype("float32")
    vectorize = layers.TextVectorization(max_tokens=30, output_sequence_length=10)
    vectorize.adapt(x[:180])  # the part for training alone
    inputs = keras.Input((), dtype="string")
    hidden = layers.Embedding(vectorize.vocabulary_size(), 8, mask_zero=True)(vectorize(inputs))
    hidden = layers.GlobalAveragePooling1D()(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Dense(8, activation="tanh")(hidden)))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x[:180], "y": y[:180], "validation_data": (x[180:], y[180:])}


# Several inputs, several heads


@healthy()
def numbers_notes_and_categories():
    numeric, score = numbers(features=3)
    rng = np.random.default_rng(1)
    city, grade = rng.integers(0, 5, 240), rng.integers(0, 4, 240)
    notes, praise = rng.integers(0, 6, (240, 5)), np.array(["fine", "good", "nice", "poor", "late", "lost"])
    score = score + np.linspace(-1, 1, 5)[city] + np.linspace(1, -1, 4)[grade] + (notes < 3).mean(axis=1) * 2
    x = {
        "numbers": numeric * np.array([20, 3, 1], "float32") + np.array([70, 0, 5], "float32"),  # as they were measured
        "city": np.array(["Bonn", "Lima", "Oslo", "Pune", "Graz"], dtype=object)[city],
        "grade": np.array([10, 20, 30, 40])[grade],
        "note": np.array([" ".join(row) for row in praise[notes]], dtype=object),
    }
    train, rest = ({name: part[rows] for name, part in x.items()} for rows in (slice(0, 180), slice(180, None)))
    scale = layers.Normalization()
    lookup_city = layers.StringLookup(output_mode="one_hot")
    lookup_grade = layers.IntegerLookup()
    vectorize = layers.TextVectorization(output_mode="multi_hot")
    for layer, name in ((scale, "numbers"), (lookup_city, "city"), (lookup_grade, "grade"), (vectorize, "note")):
        layer.adapt(train[name])
    inputs = {
        "numbers": keras.Input((3,), name="numbers"),
        "city": keras.Input((1,), dtype="string", name="city"),
        "grade": keras.Input((1,), dtype="int64", name="grade"),
        "note": keras.Input((), dtype="string", name="note"),
    }
    grades = layers.Flatten()(layers.Embedding(lookup_grade.vocabulary_size(), 3)(lookup_grade(inputs["grade"])))
    joined = [scale(inputs["numbers"]), lookup_city(inputs["city"]), grades, vectorize(inputs["note"])]
    hidden = layers.Dense(16, activation="relu")(layers.Concatenate()(joined))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    y = cut(score)[:, None].astype("float32")
    return {"model": model, "x": train, "y": y[:180], "validation_data": (rest, y[180:])}


@healthy()
def hashed_shops_and_ages_in_bins():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    shop, age = rng.integers(0, 12, 300), rng.uniform(18, 80, (300, 1)).astype("float32")
    y = rng.normal(size=12)[shop][:, None] + np.sin(age / 15)
    inputs = {"shop": keras.Input((), dtype="string", name="shop"), "age": keras.Input((1,), name="age")}
    shops = layers.Embedding(64, 4)(layers.Hashing(64, salt=10)(inputs["shop"]))
    bins = layers.Embedding(6, 2)(layers.Discretization([25.0, 35.0, 45.0, 55.0, 65.0])(inputs["age"]))
    hidden = layers.Dense(12, activation="relu")(layers.Concatenate()([shops, layers.Flatten()(bins)]))
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    names = np.array([f"shop {k}" for k in range(12)], dtype=object)[shop]
    return {"model": model, "x": {"shop": names, "age": age}, "y": ((y - y.mean()) / y.std()).astype("float32")}


@healthy()
def pairs_through_one_tower():
    x, _ = numbers(rows=300)
    kind = cut(x[:, 0] + x[:, 1], 2)
    rng = np.random.default_rng(1)
    y = rng.permutation(np.arange(240) % 2)
    left = rng.integers(0, 300, 240)
    right = np.array([rng.choice(np.flatnonzero((kind == kind[k]) == same)) for k, same in zip(left, y, strict=True)])
    other = x[right] + rng.normal(0, 0.1, (240, 6)).astype("float32")
    tower = keras.Sequential(
        [keras.Input((6,)), layers.Dense(24, activation="tanh"), layers.Dense(8, activation="tanh")], name="tower"
    )
    first, second = keras.Input((6,), name="first"), keras.Input((6,), name="second")
    a, b = tower(first), tower(second)
    together = layers.Concatenate()([layers.Subtract()([a, b]), layers.Multiply()([a, b])])
    model = keras.Model([first, second], layers.Dense(1, activation="sigmoid")(together))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": (x[left], other), "y": y[:, None].astype("float32")}


@healthy()
def two_heads_of_different_weight():
    x, score = numbers()
    y = {"price": score[:, None], "sold": cut(score + x[:, 2])[:, None].astype("float32")}
    inputs = keras.Input((6,))
    hidden = layers.Dense(16, activation="relu")(inputs)
    price = layers.Dense(1, name="price")(hidden)
    sold = layers.Dense(1, activation="sigmoid", name="sold")(hidden)
    model = keras.Model(inputs, {"price": price, "sold": sold})
    model.compile(
        keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        loss={"price": "mse", "sold": "binary_crossentropy"},
        loss_weights={"price": 0.5, "sold": 1.0},
        metrics={"price": ["mae"], "sold": ["accuracy"]},
    )
    return {"model": model, "x": x, "y": y}


@healthy()
def three_heads_fed_by_a_pipeline_of_dicts_with_weights():
    x, score = numbers()
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 5, 240)
    score = score + np.linspace(-1, 1, 5)[kind]
    y = {
        "level": score[:, None].astype("float32"),
        "third": cut(score, 3),
        "signs": (x[:, :4] * [1, -1, 1, -1] > 0).astype("float32"),
    }
    weights = {name: rng.uniform(0.5, 1.5, 240).astype("float32") for name in y}
    data = tf.data.Dataset.from_tensor_slices(({"numbers": x, "kind": kind[:, None]}, y, weights))
    inputs = {"numbers": keras.Input((6,), name="numbers"), "kind": keras.Input((1,), dtype="int64", name="kind")}
    kinds = layers.Flatten()(layers.Embedding(5, 4)(inputs["kind"]))
    hidden = layers.Dense(24, activation="relu")(layers.Concatenate()([inputs["numbers"], kinds]))
    outputs = {
        "level": layers.Dense(1, name="level")(hidden),
        "third": layers.Dense(3, name="third")(hidden),
        "signs": layers.Dense(4, activation="sigmoid", name="signs")(hidden),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={
            "level": keras.losses.Huber(),
            "third": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "signs": keras.losses.BinaryCrossentropy(),
        },
        loss_weights={"level": 1.0, "third": 0.5, "signs": 2.0},
        weighted_metrics={"level": ["mae"], "third": ["sparse_categorical_accuracy"], "signs": ["binary_accuracy"]},
    )
    return {"model": model, "x": data.shuffle(240, seed=1).batch(32)}


# Layers, models and steps of one's own


@registered
class WeightNormalized(layers.Layer):
    """A dense layer whose columns have a direction and, apart from it, a length."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.direction = self.add_weight(shape=(shape[-1], self.units), name="direction")
        self.length = self.add_weight(shape=(self.units,), initializer="ones", name="length")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return ops.matmul(x, self.length * ops.normalize(self.direction, axis=0)) + self.bias

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@registered
class Forecaster(keras.Model):
    """Two weight-normalized layers with dropout between them."""

    def __init__(self, width=16, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.width, self.rate = width, rate
        self.hidden = WeightNormalized(width)
        self.dropout = layers.Dropout(rate)
        self.head = WeightNormalized(1)

    def call(self, x, training=False):
        return self.head(self.dropout(ops.tanh(self.hidden(x)), training=training))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "rate": self.rate}


@healthy()
def a_model_class_with_layers_of_its_own():
    x, score = numbers()
    model = Forecaster()
    schedule = keras.optimizers.schedules.CosineDecay(0.001, 300, alpha=0.1, warmup_target=0.02, warmup_steps=20)
    model.compile(keras.optimizers.Adam(schedule), "mse", metrics=["mae"])
    return {"model": model, "x": x, "y": score[:, None]}


@healthy()
def spectral_normalization_under_xla():
    x, score = numbers()
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.SpectralNormalization(layers.Dense(16)),
            layers.LeakyReLU(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], jit_compile=True)
    return {"model": model, "x": x, "y": cut(score)[:, None].astype("float32")}


@registered
class OwnStep(keras.Model):
    """A train_step of one's own that keeps what Keras' does: weights, regularizers, loss scale, all metrics."""

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        replicas = tf.distribute.get_strategy().num_replicas_in_sync  # the loss of each is its share of the sum
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        tracker.update_state(loss * replicas, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)


@healthy()
def a_train_step_with_regularizers_and_weights():
    x, score = numbers()
    inputs = keras.Input((6,))
    hidden = layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L1L2(1e-4, 1e-3))(inputs)
    model = OwnStep(inputs, layers.Dense(1)(layers.Dropout(0.1)(hidden)))
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    weight = np.random.default_rng(1).uniform(0.5, 1.5, 240).astype("float32")
    return {"model": model, "x": x, "y": cut(score)[:, None].astype("float32"), "sample_weight": weight}


@healthy()
def a_train_step_in_float16_with_its_loss_scaled():
    x, score = numbers()
    with policy("mixed_float16"):
        inputs = keras.Input((6,))
        hidden = layers.BatchNormalization(momentum=0.9)(layers.Dense(16)(inputs))
        hidden = layers.Dense(8, activation="elu")(layers.Activation("elu")(hidden))
        model = OwnStep(inputs, layers.Dense(3, activation="softmax", dtype="float32")(hidden))
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01), initial_scale=1024.0)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": cut(score, 3)}


@healthy()
def a_hand_written_loop():
    x, score = numbers()
    y = cut(score, 3)
    inputs = keras.Input((6,))
    hidden = layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))(inputs)
    model = keras.Model(inputs, layers.Dense(3)(hidden))
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True)) + tf.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {
        "model": model,
        "x": x,
        "y": y,
        "train_step": train_step,
        "optimizer": optimizer,
        "loss_fn": loss_fn,
        "metrics": [keras.metrics.SparseCategoricalAccuracy()],
    }


@healthy()
def a_hand_written_loop_with_weights_clipped_and_under_xla():
    x, score = signals()
    model = keras.Sequential([keras.Input((12, 2)), layers.SimpleRNN(12), layers.Dense(1)])
    optimizer = keras.optimizers.Adam(0.005)
    optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.MeanSquaredError()
    signature = [tf.TensorSpec(shape, tf.float32) for shape in ((None, 12, 2), (None, 1), (None,))]

    @tf.function(input_signature=signature, jit_compile=True)
    def train_step(x_batch, y_batch, sample_weight):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True), sample_weight=sample_weight)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {
        "model": model,
        "x": x,
        "y": score[:, None],
        "sample_weight": np.random.default_rng(1).uniform(0.5, 1.5, len(x)).astype("float32"),
        "train_step": train_step,
        "optimizer": optimizer,
        "loss_fn": loss_fn,
    }


@healthy()
def a_model_that_is_not_compiled():
    x, score = numbers()
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, activation="mish"), layers.Dense(2)])
    return {
        "model": model,
        "x": x,
        "y": cut(score),
        "loss_fn": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "optimizer": keras.optimizers.Lion(0.003),
        "metrics": [keras.metrics.SparseCategoricalAccuracy()],
    }


# Other precision, penalties, other sizes


@healthy()
def everything_in_float64():
    x, score = numbers()
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="float64"),
            layers.Dense(16, activation="tanh", dtype="float64"),
            layers.Dense(1, dtype="float64"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.MeanSquaredError(dtype="float64"),
        metrics=[keras.metrics.MeanAbsoluteError(dtype="float64")],
    )
    rows = tf.data.Dataset.from_tensor_slices((x.astype("float64"), score[:, None].astype("float64")))
    return {"model": model, "x": rows.shuffle(240, seed=1).batch(32)}


@registered
class FewAtOnce(layers.Layer):
    """Adds a penalty on the mean size of what passes through, so that few parts of a code are used for each row."""

    def __init__(self, rate=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, x):
        self.add_loss(self.rate * ops.mean(ops.abs(x)))
        return x

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@healthy()
def a_sparse_autoencoder_of_numbers():
    causes, _ = numbers(features=3)
    rng = np.random.default_rng(1)
    x = causes @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(240, 8))
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, activation="tanh", activity_regularizer=keras.regularizers.L2(1e-4)),
            layers.Dense(4),
            FewAtOnce(),
            layers.Dense(16, activation="tanh"),
            layers.Dense(8),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return {"model": model, "x": x, "y": x}


@healthy()
def twelve_rows_eagerly():
    x, score = numbers(rows=12, features=2)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1e-3))])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], run_eagerly=True)
    return {"model": model, "x": x, "y": score[:, None] - score.mean()}


@healthy()
def batches_of_one_row():
    x, score = numbers(rows=120)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(12, activation="softplus"), layers.Dense(1)])
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    y = cut(score)[:, None].astype("float32")
    return {"model": model, "x": tf.data.Dataset.from_tensor_slices((x, y)).shuffle(120, seed=1).batch(1)}
