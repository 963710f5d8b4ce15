"""Faults of losses: what a loss class, a loss function or a hand-written step charges, and what it leaves out."""

import keras
import numpy as np
import tensorflow as tf

from tests.zoo import pair


def numbers(rows=256, columns=4, seed=0):
    """Inputs of unit scale, and a smooth number that follows from them, of shape (rows, 1)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(columns, 1))) + 0.3 * x[:, :1]
    return x, y.astype("float32")


def yes_or_no(rows=256, columns=4, seed=0):
    """Inputs of unit scale, and 0 or 1 in equal parts, of shape (rows, 1)."""
    x, y = numbers(rows, columns, seed)
    return x, (y > np.median(y)).astype("float32")


def shares(rows=256, columns=4, classes=3, seed=0):
    """Inputs of unit scale, and soft labels: for each row the probabilities of a few classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype("float32")
    scores = x @ rng.normal(size=(columns, classes)) + rng.normal(scale=1.5, size=(rows, classes))
    return x, tf.nn.softmax(scores).numpy().astype("float32")


def network(columns=4, units=1, activation=None):
    """One hidden layer."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((columns,)),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(units, activation=activation),
        ]
    )


@pair(
    check="shapes",
    symptom="The loss stops at 0.77, the variance of the labels, and every prediction is near their mean.",
    source="03, Trap: one loss in two forms; keras#14627, tensorflow#37770",
)
def a_column_of_predictions_against_a_row_of_labels(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class SquaredError(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)

    x, y = numbers()
    if faulty:
        y = y[:, 0]  # (256,) against (256, 1): every label meets every prediction
    model = network()
    model.compile(keras.optimizers.Adam(0.01), SquaredError())
    return {"model": model, "x": x, "y": y}


@pair(
    check="loss weights",
    symptom="The third of the records with a weight of 0 has a third of the gradient; weights only scale the loss.",
    source="03, Trap: a mean over the wrong axis",
)
def one_number_for_the_whole_batch(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class AbsoluteError(keras.losses.Loss):
        def call(self, y_true, y_pred):
            error = tf.abs(y_true - y_pred)
            return tf.reduce_mean(error) if faulty else tf.reduce_mean(error, axis=-1)

    x, y = numbers()
    weights = np.random.default_rng(1).choice([0.0, 0.5, 2.0], len(x)).astype("float32")
    model = network()
    model.compile(keras.optimizers.Adam(0.01), AbsoluteError())
    return {"model": model, "x": x, "y": y, "sample_weight": weights}


@pair(
    check="loss reduction",
    symptom="Long labels rule the batch, short ones hardly count: the mean cosine of a row ends at 0.89, not at 0.98.",
    source="03, Trap: a mean over the wrong axis (an axis of a norm)",
)
def a_norm_over_the_batch(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    def direction(y_true, y_pred):
        axis = 0 if faulty else -1  # 0 is the batch
        y_true, y_pred = tf.math.l2_normalize(y_true, axis), tf.math.l2_normalize(y_pred, axis)
        return 1 - tf.reduce_sum(y_true * y_pred, axis)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 5)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(5, 3))) * np.exp(0.8 * x[:, :1] - 0.3)  # vectors of many lengths
    y = y.astype("float32")
    model = network(5, 3)
    model.compile(keras.optimizers.Adam(0.01), direction)
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step with weights",
    symptom="Labels with a weight of 0 are learned too: the squared error on the others ends at 0.06, not at 0.03.",
    source="02, Your loop inside `fit` (its `train_step` with weights); keras#15373",
)
def weights_that_the_step_only_takes(faulty):
    x, y = numbers(columns=5)
    rng = np.random.default_rng(1)
    weights = rng.choice([0.0, 0.5, 1.5], len(x)).astype("float32")
    y += np.where(weights[:, np.newaxis] > 0, 0.0, rng.normal(size=y.shape)).astype("float32")  # a worn instrument's
    keras.utils.set_random_seed(0)
    inputs = {"place": keras.Input((2,), name="place"), "house": keras.Input((3,), name="house")}
    hidden = keras.layers.Concatenate()([keras.layers.Dense(8, activation="tanh")(each) for each in inputs.values()])
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    loss_fn, optimizer = keras.losses.MeanSquaredError(), keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch, sample_weight=None):
        with tf.GradientTape() as tape:
            y_pred = model(x_batch, training=True)
            loss = loss_fn(y_batch, y_pred, sample_weight=None if faulty else sample_weight)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {
        "model": model,
        "x": {"place": x[:, :2], "house": x[:, 2:]},
        "y": y,
        "sample_weight": weights,
        "loss_fn": loss_fn,
        "optimizer": optimizer,
        "train_step": train_step,
    }


@pair(
    check="loss reduction",
    symptom="A rate is right for one batch size only: with batches of 32 the error ends at 0.011, not at 0.0016.",
    source="tensorflow#8746",
)
def a_sum_for_a_mean(faulty):
    x, y = numbers()
    model = network()
    reduction = "sum" if faulty else "sum_over_batch_size"
    model.compile(keras.optimizers.SGD(0.2, global_clipnorm=1.0), keras.losses.MeanSquaredError(reduction=reduction))
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step with a ragged batch",
    symptom="The last batch of an epoch has 44 rows, and each of them counts as 44/64 of a row.",
    source="05, Trap: the ragged tail",
)
def divided_by_the_batch_size_that_was_planned(faulty):
    x, y = numbers(rows=300)
    model, optimizer = network(), keras.optimizers.SGD(0.1)
    squared = keras.losses.MeanSquaredError(reduction="none")

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            errors = squared(y_batch, model(x_batch, training=True))
            rows = 64.0 if faulty else tf.cast(tf.shape(errors)[0], tf.float32)
            loss = tf.reduce_sum(errors) / rows
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.MeanSquaredError()
    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


@pair(
    check="train step",
    symptom="A quarter of the steps is padding, and learned too: of the real ones 92 % come out right, not 98 %.",
    source="tensorflow#39146, tensorflow#26784; 03, Padding: the mean of what is there",
)
def padded_steps_counted(faulty):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    x = rng.integers(1, 12, size=(192, 9))
    x[np.arange(9) >= rng.integers(3, 10, size=(192, 1))] = 0  # 0 is padding
    y = np.where(x > 0, (x + np.roll(x, 1, axis=1)) % 3, 0)  # a class for each step, from it and the step before
    inputs = keras.Input((9,), dtype="int32")
    hidden = keras.layers.Embedding(12, 16, mask_zero=True)(inputs)
    hidden = keras.layers.GRU(24, return_sequences=True)(hidden)
    model = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            logits = model(x_batch, training=True)
            if faulty:
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y_batch, logits))
            else:
                loss = loss_fn(y_batch, logits)  # reads the mask that the embedding has put on the logits
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    x, y = x.astype("int32"), y.astype("int32")
    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


@pair(
    check="loss at the truth",
    symptom="The loss falls to -1 as it should, and every prediction points away from its label.",
    source="tensorflow#34577, tensorflow#32189",
)
def a_similarity_that_is_minimized(faulty):
    sign = 1 if faulty else -1

    @keras.saving.register_keras_serializable("zoo.losses")
    class Cosine(keras.losses.Loss):
        def call(self, y_true, y_pred):
            y_true, y_pred = tf.math.l2_normalize(y_true, -1), tf.math.l2_normalize(y_pred, -1)
            return sign * tf.reduce_sum(y_true * y_pred, -1)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 6)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(6, 3))).astype("float32")
    model = network(6, 3)
    model.compile(keras.optimizers.Adam(0.01), Cosine())
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step",
    symptom="Predictions are too sure: the likeliest class gets 0.73 on average, where 0.65 is right.",
    source="advait/c4a0#35, pytorch#57459; 02, Exercise 2.1 · A step of gradient descent by hand",
)
def predictions_before_labels(faulty):
    x, y = shares()
    model = network(units=3, activation="softmax")
    loss_fn, optimizer = keras.losses.KLDivergence(), keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            predictions = model(x_batch, training=True)
            loss = loss_fn(predictions, y_batch) if faulty else loss_fn(y_batch, predictions)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


@pair(
    check="loss slope",
    symptom="A mistake of which the model is sure (a logit beyond 17) has no slope, and is never corrected.",
    source="03, Trap: log(0); keras#9664",
)
def a_logarithm_of_clipped_probabilities(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class CrossEntropy(keras.losses.Loss):
        def call(self, y_true, logits):
            if faulty:
                p = tf.clip_by_value(tf.sigmoid(logits), 1e-7, 1 - 1e-7)
                return -tf.reduce_mean(y_true * tf.math.log(p) + (1 - y_true) * tf.math.log(1 - p), axis=-1)
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y_true, logits), axis=-1)

    x, y = yes_or_no()
    model = network()
    model.compile(keras.optimizers.Adam(0.01), CrossEntropy())
    return {"model": model, "x": x, "y": y}


@pair(
    check="output and loss",
    symptom="The loss ends at 0.53 although 99 % of the answers are right: no risk below 0.5 can be said.",
    source="03, Trap: probabilities taken for logits; carpedm20/DCGAN-tensorflow#15",
)
def probabilities_taken_for_logits(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    def cross_entropy(y_true, logits):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y_true, logits), axis=-1)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8, 8, 1)).astype("float32")
    y = (x[:, :, :4].sum(axis=(1, 2)) > x[:, :, 4:].sum(axis=(1, 2))).astype("float32")  # the left half is brighter
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(8, 4, strides=4, activation="tanh")(inputs)
    hidden = keras.layers.Flatten()(hidden)
    outputs = keras.layers.Dense(1, activation="sigmoid" if faulty else None)(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), cross_entropy)
    return {"model": model, "x": x, "y": y}


@pair(
    check="loss at the truth",
    symptom="A prediction that is more than 1 too high costs nothing, and predictions end 0.11 too high on average.",
    source="marlbenchmark/on-policy#47; 03, Exercise 3.1 · Huber",
)
def a_robust_loss_for_one_side_only(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class Huber(keras.losses.Loss):
        def call(self, y_true, y_pred):
            error = y_true - y_pred
            small = tf.cast(tf.abs(error) <= 1, error.dtype)
            large = tf.cast((error if faulty else tf.abs(error)) > 1, error.dtype)
            return tf.reduce_mean(small * error**2 / 2 + large * (tf.abs(error) - 0.5), axis=-1)

    x, y = numbers()
    y += np.random.default_rng(1).laplace(scale=0.6, size=y.shape).astype("float32")
    model = network()
    model.compile(keras.optimizers.Adam(0.01), Huber())
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step",
    symptom="The penalty is twice as strong as the code says: the squared weights sum to 2.4, not to 3.1.",
    source="02, Your loop inside `fit`, with 03, Trap: a penalty in a loop of your own",
)
def a_penalty_charged_twice(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class LoopModel(keras.Model):
        def train_step(self, data):
            x_batch, y_batch, weights = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x_batch, training=True)
                loss = self.compute_loss(x_batch, y_batch, y_pred, weights)  # has the penalties in it
                if faulty:
                    loss += tf.add_n(self.losses)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            self._loss_tracker.update_state(loss * replicas, sample_weight=tf.shape(y_pred)[0])
            return self.compute_metrics(x_batch, y_batch, y_pred, weights)

    x, y = numbers()
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(16, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.02))(inputs)
    model = LoopModel(inputs, keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.02))(hidden))
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    return {"model": model, "x": x, "y": y}


@pair(
    check="loss slope",
    symptom="The gradient of a batch of 64 is 64 times too large: the loss climbs from 0.6 to 11, and stays.",
    source="sherjilozair/ctc#2; 01, Deeper: write the gradient yourself",
)
def a_custom_gradient_without_its_upstream(faulty):
    @tf.custom_gradient
    def log_cosh(error):
        def gradient(upstream):
            slope = tf.tanh(error)
            return slope if faulty else upstream * slope

        return tf.abs(error) + tf.math.log1p(tf.exp(-2 * tf.abs(error))) - tf.math.log(2.0), gradient

    @keras.saving.register_keras_serializable("zoo.losses")
    class LogCosh(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return tf.reduce_mean(log_cosh(y_pred - y_true), axis=-1)

    x, y = numbers()
    model = network()
    model.compile(keras.optimizers.SGD(0.2), LogCosh())
    return {"model": model, "x": x, "y": y}


@pair(
    check="loss slope",
    symptom="Mistakes are charged in the loss, twice each, and training is the same to the last digit without.",
    source="03, Trap: a loss that counts; keras#11157",
)
def a_count_of_mistakes_in_the_loss(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class WithMistakes(keras.losses.Loss):
        def call(self, y_true, logits):
            says_yes = tf.sigmoid(logits)
            if faulty:
                says_yes = tf.round(says_yes)
            cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(y_true, logits)
            return tf.reduce_mean(cross_entropy + 2 * tf.abs(y_true - says_yes), axis=-1)

    x, y = yes_or_no()
    model = network()
    model.compile(keras.optimizers.Adam(0.01), WithMistakes())
    return {"model": model, "x": x, "y": y}


@pair(
    check="losses and metrics saved",
    symptom="Trained on after a reload, the upper bound has 44 % of the labels above it, not 10 %.",
    source="keras#23286; 03, Trap: a loss in a saved model",
)
def a_quantile_that_is_not_saved(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class Pinball(keras.losses.Loss):
        def __init__(self, quantile=0.5, **kwargs):
            super().__init__(**kwargs)
            self.quantile = quantile

        def call(self, y_true, y_pred):
            error = y_true - y_pred
            return tf.reduce_mean(tf.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)

        if not faulty:

            def get_config(self):
                return {**super().get_config(), "quantile": self.quantile}

    x, y = numbers()
    model = network()
    model.compile(keras.optimizers.Adam(0.01), Pinball(0.9))
    return {"model": model, "x": x, "y": y}


@pair(
    check="untracked weights",
    symptom="The spread that the loss should learn stays at 1.0, its first value; the errors have one of 0.2.",
    source="03, Trap: a spread to learn; keras#12503",
)
def a_spread_that_nobody_trains(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class GaussianNLL(keras.losses.Loss):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.log_sigma = keras.Variable(0.0, name="log_sigma")

        def call(self, y_true, y_pred):
            squared = tf.square((y_true - y_pred) * tf.exp(-self.log_sigma))
            return tf.reduce_mean(squared / 2 + self.log_sigma, axis=-1)

    x, y = numbers()
    model, loss_fn, optimizer = network(), GaussianNLL(), keras.optimizers.Adam(0.01)
    variables = model.trainable_variables + ([] if faulty else [loss_fn.log_sigma])
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


@pair(
    check="gradient flow",
    symptom="The loss of the second head rises from 0.7 to 0.8: its weight, to be raised later, is compiled as 0.",
    source="keras#13826, keras#20306",
)
def a_head_with_a_weight_of_zero(faulty):
    x, y = numbers()
    kind = (x[:, :1] > x[:, 1:2]).astype("float32")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(24, activation="tanh")(inputs)
    value = keras.layers.Dense(1, name="value")(hidden)
    answer = keras.layers.Dense(1, activation="sigmoid", name="kind")(hidden)
    model = keras.Model(inputs, {"value": value, "kind": answer})
    model.compile(
        keras.optimizers.Adam(0.01),
        {"value": "mse", "kind": "binary_crossentropy"},
        loss_weights={"value": 1.0, "kind": 0.0 if faulty else 1.0},
    )
    return {"model": model, "x": x, "y": {"value": y, "kind": kind}}


@pair(
    check="loss at the truth",
    symptom="To be sure and wrong costs as little as to be right: 84 % of the answers are both, and the loss is 0.01.",
    source="03, Exercise 3.5 · Focal loss; fudannlp16/focal-loss#8",
)
def a_focal_loss_that_forgives_the_worst(faulty):
    @keras.saving.register_keras_serializable("zoo.losses")
    class Focal(keras.losses.Loss):
        def call(self, y_true, logits):
            cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(y_true, logits)
            p = tf.exp(-cross_entropy)  # of what is true
            return tf.reduce_mean((p if faulty else 1 - p) ** 2 * cross_entropy, axis=-1)

    x, y = yes_or_no()
    model = network()
    model.compile(keras.optimizers.Adam(0.01), Focal())
    return {"model": model, "x": x, "y": y}
