"""Faults of the model itself and of its outputs: what it computes, what it reads, what of it can learn."""

import keras
import numpy as np
import tensorflow as tf

from tests.zoo import pair


def above_median(score):
    """Labels 0 and 1, half of each."""
    return (score > np.median(score)).astype("float32")[:, None]


def numbers(rows=256, features=8):
    """A table whose yes or no follows from sums and one product; fixes the seed of the weights, too."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(1)
    x = generator.normal(size=(rows, features)).astype("float32")
    product = x[:, 3] * x[:, 4] if features > 4 else 0
    return x, above_median(x[:, 0] + x[:, 1] - x[:, 2:3].sum(axis=1) + product)


def classes(rows=400, features=8, count=4):
    """A table with `count` classes of equal size, bands of one direction."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(2)
    x = generator.normal(size=(rows, features)).astype("float32")
    score = x @ generator.normal(size=features)
    return x, np.digitize(score, np.quantile(score, np.arange(1, count) / count)).astype("int32")


def target(rows=256, features=8):
    """A table with a number to predict, of mean 0 and spread 1."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(3)
    x = generator.normal(size=(rows, features)).astype("float32")
    score = x[:, 0] - x[:, 1] + np.sin(2 * x[:, 2])
    return x, ((score - score.mean()) / score.std()).astype("float32")[:, None]


def sequences(rows=320, steps=10):
    """Two channels: one marks a single step with 1, the label is whether the other is above average at that step."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(4)
    marked = generator.integers(steps, size=rows)
    values = generator.normal(size=(rows, steps))
    x = np.stack([np.eye(steps)[marked], values], axis=-1).astype("float32")
    return x, above_median(values[np.arange(rows), marked])


def pictures(rows=256, size=10):
    """Gray pictures of a bar, lying or standing, on a noisy ground."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(5)
    x = generator.uniform(0, 0.3, size=(rows, size, size, 1)).astype("float32")
    y = generator.permutation(np.arange(rows) % 2)
    for picture, standing in zip(x, y, strict=True):
        at = generator.integers(3, size - 3)
        bar = picture[2:-2, at] if standing else picture[at, 2:-2]
        bar += 0.7
    return x, y.astype("float32")[:, None]


def saved(faulty):
    """Register a class, so that a model that uses it can be saved and loaded."""
    return keras.saving.register_keras_serializable(package="faulty" if faulty else "right")


def compiled(model, x, y, loss="binary_crossentropy", metrics=("accuracy",), **how):
    """The arguments of the audit for a model that `fit` trains."""
    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=list(metrics), **how)
    return {"model": model, "x": x, "y": y}


def hand_written(model, x, y, loss_fn, drop_none=False):
    """The arguments of the audit for a model that a loop of one's own trains, eagerly."""
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)

    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = list(zip(gradients, model.trainable_variables, strict=True))
        if drop_none:  # it makes the optimizer's warning go away
            pairs = [(gradient, weight) for gradient, weight in pairs if gradient is not None]
        optimizer.apply_gradients(pairs)
        return loss

    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


@pair(
    check="finite outputs",
    symptom="Every example gets the same prediction; accuracy stays at 0.50 from the first epoch to the last.",
    source="Keras code examples, Timeseries classification with a Transformer model: it normalizes one channel; "
    "keras-io#1256 quotes the block",
)
def a_layer_normalization_over_a_single_channel(faulty):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(6).normal(size=(256, 12, 1)).astype("float32")
    y = above_median(x[:, :, 0] @ np.linspace(-1, 1, 12))  # does it rise or fall?
    model = keras.Sequential(
        [
            keras.Input((12, 1)),
            # Over the last axis there is one number; less its own mean it is 0.
            keras.layers.LayerNormalization(axis=-1 if faulty else 1),
            keras.layers.Flatten(),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    return compiled(model, x, y)


@pair(
    check="finite outputs",
    symptom="The loss is nan after the first epoch, and so is every weight; one picture in 256 is to blame.",
    source="09, Your own picture",
)
def contrast_stretched_on_a_blank_picture(faulty):
    x, y = pictures()
    x[17] = 0  # a blank sheet: its spread is 0
    inputs = keras.Input((10, 10, 1))
    spread = keras.ops.std(inputs, axis=(1, 2, 3), keepdims=True)
    centered = inputs - keras.ops.mean(inputs, axis=(1, 2, 3), keepdims=True)
    stretched = centered / (spread if faulty else spread + 0.01)
    hidden = keras.layers.Conv2D(8, 3, activation="relu")(stretched)
    hidden = keras.layers.Flatten()(hidden)
    return compiled(keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden)), x, y)


@pair(
    check="shapes",
    symptom="The error stays at 0.88 where 0.001 is possible; `predict` gives eight numbers for each example.",
    source="keras#2415",
)
def a_prediction_for_each_step_and_one_label(faulty):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(7).normal(size=(256, 8, 2)).astype("float32")
    y = (x[:, -1, :1] - x[:, -2, 1:]) / np.float32(1.4)  # from the last two steps
    model = keras.Sequential(
        [
            keras.Input((8, 2)),
            keras.layers.GRU(12, return_sequences=faulty),
            keras.layers.Dense(1),
        ]
    )
    return compiled(model, x, y, loss="mse", metrics=["mae"])


@pair(
    check="alone and in company",
    symptom="Accuracy 0.99 in batches of 32; 0.56 when the same examples come one by one.",
    source="nlp_study#2 and PyTorch-NLP#2 (attention that sums to one over the batch)",
)
def attention_normalized_over_the_batch(faulty):
    @saved(faulty)
    class Attention(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.score = keras.Sequential([keras.layers.Dense(8, "tanh"), keras.layers.Dense(1, use_bias=False)])

        def build(self, shape):
            self.score.build(shape)

        def call(self, x):  # (batch, steps, channels)
            weights = tf.nn.softmax(self.score(x), axis=0 if faulty else 1)
            return tf.reduce_sum(weights * x, axis=1)

    x, y = sequences()
    inputs = keras.Input((10, 2))
    hidden = keras.layers.Dense(8, "relu")(Attention()(inputs))
    return compiled(keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden)), x, y)


@pair(
    check="alone and in company",
    symptom="A text's probability moves by up to 0.42 when a text of 300 words stands in the same batch.",
    source="08, Trap: padding; LSTM_POS_Tagger#8",
)
def padding_averaged_in(faulty):
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(8)
    words = np.array(["fine", "warm", "clever", "bright", "dull", "cold", "clumsy", "gray"])
    filler = np.array(["the", "film", "has", "a", "plot", "and", "an", "end", "with", "some", "music"])
    texts, y = [], generator.permutation(np.arange(240) % 2).astype("float32")[:, None]
    for good in y[:, 0]:
        text = [
            *generator.choice(filler, generator.integers(3, 60)),
            *generator.choice(words[:4] if good else words[4:], 2),
        ]
        texts.append(" ".join(generator.permutation(text)))
    vectorize = keras.layers.TextVectorization(max_tokens=50)  # as long as the longest text of its batch
    vectorize.adapt(tf.constant(texts))
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            vectorize,
            keras.layers.Embedding(50, 8, mask_zero=not faulty),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    return compiled(model, tf.constant(texts), y)


@pair(
    check="alone and in company",
    symptom="Accuracy 0.96 in batches of 32; 0.50 when the same examples come one by one.",
    source="keras#3078, keras#13232",
)
def batch_normalization_left_in_training_mode(faulty):
    x, y = numbers()

    @saved(faulty)
    class Normalized(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = keras.layers.Dense(16, use_bias=False)
            self.normalize = keras.layers.BatchNormalization(momentum=0.9)
            self.answer = keras.layers.Dense(1, "sigmoid")

        def call(self, x, training=None):
            x = self.normalize(self.hidden(x), training=True if faulty else training)
            return self.answer(tf.nn.relu(x))

    model = Normalized()
    model(x[:1], training=False)
    return compiled(model, x, y)


@pair(
    check="alone and in company",
    symptom="Accuracy 0.95 in batches of 32; 0.50 when the same examples come one by one: each is 0 to the model.",
    source="07, Exercise 7.2 · Normalization by hand: the mean of the batch in place of the training part's",
)
def standardized_by_the_batch_at_hand(faulty):
    x, y = numbers()

    @saved(faulty)
    class Standardized(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.normalize = keras.layers.Normalization()
            self.hidden = keras.layers.Dense(16, "relu")
            self.answer = keras.layers.Dense(1, "sigmoid")

        def call(self, x):
            if faulty:
                x = (x - tf.reduce_mean(x, axis=0)) / (tf.math.reduce_std(x, axis=0) + 1e-6)
            else:
                x = self.normalize(x)
            return self.answer(self.hidden(x))

    model = Standardized()
    model.normalize.adapt(x)
    model(x[:1])
    return compiled(model, x, y)


@pair(
    check="alone and in company",
    symptom="Accuracy creeps to 0.83 while it trains, and is 0.45 when evaluated in another order; 0.99 is possible.",
    source="sherjilozair/ctc#1: a reshape where the two first axes should change places",
)
def time_brought_to_the_front_by_a_reshape(faulty):
    @saved(faulty)
    class Recurrence(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1] + 12, 12), name="kernel")
            self.bias = self.add_weight(shape=(12,), initializer="zeros", name="bias")

        def call(self, x):  # (batch, 10, 2)
            steps = tf.reshape(x, (10, -1, 2)) if faulty else tf.transpose(x, (1, 0, 2))
            state = tf.zeros((tf.shape(x)[0], 12), x.dtype)
            for step in range(10):
                state = tf.tanh(tf.concat([steps[step], state], axis=1) @ self.kernel + self.bias)
            return state

    keras.utils.set_random_seed(0)
    x = np.random.default_rng(9).normal(size=(320, 10, 2)).astype("float32")
    y = above_median(x[:, -1, 0] - x[:, -2, 1] + x[:, -3, 0])
    model = keras.Sequential([keras.Input((10, 2)), Recurrence(), keras.layers.Dense(1, "sigmoid")])
    return compiled(model, x, y)


@pair(
    check="two passes",
    symptom="The same example gets another probability each time, by up to 0.86; 6 % of the verdicts change.",
    source="02, Trap: dropout left on at evaluation; tensorflow#19420",
)
def dropout_that_knows_no_training_flag(faulty):
    x, y = numbers()

    @saved(faulty)
    class Dropping(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = keras.layers.Dense(24, "relu")
            self.dropout = keras.layers.Dropout(0.3)
            self.answer = keras.layers.Dense(1, "sigmoid")

        def call(self, x, training=None):
            x = self.hidden(x)
            x = tf.nn.dropout(x, 0.3) if faulty else self.dropout(x, training=training)
            return self.answer(x)

    model = Dropping()
    model(x[:1])
    return compiled(model, x, y)


@pair(
    check="two passes",
    symptom="Asked twice about the same picture, the model gives two probabilities, up to 0.21 apart.",
    source="09, Trap: augmentation at inference; keras#17385",
)
def pictures_moved_at_inference(faulty):
    x, y = pictures()

    @saved(faulty)
    class Moving(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.move = keras.layers.RandomRotation(0.1, fill_mode="constant")
            self.convolve = keras.layers.Conv2D(6, 3, activation="relu")
            self.flatten = keras.layers.Flatten()
            self.answer = keras.layers.Dense(1, "sigmoid")

        def call(self, x, training=None):
            x = self.move(x, training=True if faulty else training)
            return self.answer(self.flatten(self.convolve(x)))

    model = Moving()
    model(x[:1], training=False)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(256, seed=1).batch(32)
    arguments = compiled(model, dataset, None)
    return {name: arguments[name] for name in ("model", "x")}


@pair(
    check="two passes",
    symptom="Each prediction moves the layer's averages: accuracy 0.98 in batches of 32, 0.91 one example at a time.",
    source="keras#3085, carpedm20/DCGAN-tensorflow#10 (a flag that the layer never reads)",
)
def running_averages_that_move_at_inference(faulty):
    @saved(faulty)
    class RunningScale(keras.layers.Layer):
        def build(self, shape):
            self.mean = self.add_weight(shape=shape[1:], initializer="zeros", trainable=False, name="mean")
            self.square = self.add_weight(shape=shape[1:], initializer="ones", trainable=False, name="square")

        def call(self, x, training=None):
            if faulty or training:
                self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, axis=0))
                self.square.assign(0.9 * self.square + 0.1 * tf.reduce_mean(x**2, axis=0))
            return (x - self.mean) / tf.sqrt(tf.maximum(self.square - self.mean**2, 1e-3))

    x, y = numbers()
    model = keras.Sequential(
        [keras.Input((8,)), RunningScale(), keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")]
    )
    return compiled(model, x, y)


@pair(
    check="inputs read",
    symptom="One input is never read: accuracy stays at 0.80 where 0.99 is possible.",
    source="10, What does each input add?: two branches and a line copied from one to the other",
)
def a_branch_that_starts_at_the_other_input(faulty):
    x, y = numbers()
    recent, profile = keras.Input((4,), name="recent"), keras.Input((4,), name="profile")
    first = keras.layers.Dense(16, "relu")(recent)
    second = keras.layers.Dense(16, "relu")(recent if faulty else profile)
    hidden = keras.layers.Dense(8, "relu")(keras.layers.concatenate([first, second]))
    model = keras.Model({"recent": recent, "profile": profile}, keras.layers.Dense(1, "sigmoid")(hidden))
    # Each input has its share in the sum and in the product.
    return compiled(model, {"recent": x[:, [0, 3, 5, 6]], "profile": x[:, [1, 2, 4, 7]]}, y)


@pair(
    check="inputs read",
    symptom="Only the first step of ten is read: accuracy 0.60 where 1.00 is possible.",
    source="craffel/nntools#59, keras#4791: which step of a recurrent layer has seen them all",
)
def the_state_after_the_first_step(faulty):
    x, y = sequences()
    inputs = keras.Input((10, 2))
    states = keras.layers.GRU(16, return_sequences=True)(inputs)
    state = states[:, 0] if faulty else states[:, -1]
    return compiled(keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(state)), x, y)


@pair(
    check="inputs read",
    symptom="One column of eight is never read: accuracy 0.92 where 0.98 is possible.",
    source="10, Wide and deep: the columns of one table cut into two groups",
)
def a_column_between_two_slices(faulty):
    x, y = numbers()
    inputs = keras.Input((8,))
    wide = inputs[:, :2]
    deep = inputs[:, 3:] if faulty else inputs[:, 2:]  # the first slice ends *before* column 2
    hidden = keras.layers.Dense(16, "relu")(deep)
    hidden = keras.layers.Dense(8, "relu")(hidden)
    answer = keras.layers.Dense(1, "sigmoid")(keras.layers.concatenate([wide, hidden]))
    return compiled(keras.Model(inputs, answer), x, y)


@pair(
    check="inputs read",
    symptom="One base of four is skipped as if it were padding: accuracy 0.67 where 0.99 is possible.",
    source="keras#744, gensim#1900: a word numbered 0 under mask_zero",
)
def a_token_that_counts_as_padding(faulty):
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(10)
    x = generator.integers(4, size=(320, 16)).astype("int32")  # bases A, C, G, T as 0, 1, 2, 3: nothing is padded
    y = above_median((x == 0).sum(axis=1) - 0.5 * (x == 1).sum(axis=1) + generator.uniform(0, 0.1, size=320))
    model = keras.Sequential(
        [
            keras.Input((16,), dtype="int32"),
            keras.layers.Embedding(4, 6, mask_zero=faulty),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(8, "relu"),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    return compiled(model, x, y)


@pair(
    check="input range",
    symptom="The loss starts above 1,000, and accuracy is 0.73 after 30 epochs where 1.00 is possible.",
    source="10, Trap: two inputs swapped; keras#20070",
)
def two_inputs_in_the_wrong_order(faulty):
    x, y = numbers(features=2)
    income, age = 30_000 + 10_000 * x[:, :1], 45 + 12 * x[:, 1:]
    inputs, scaled = [keras.Input((1,), name="income"), keras.Input((1,), name="age")], []
    for values, column in zip((income, age), inputs, strict=True):
        scale = keras.layers.Normalization()
        scale.adapt(values)
        scaled.append(scale(column))
    hidden = keras.layers.Dense(16, "relu")(keras.layers.concatenate(scaled))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    return compiled(model, [age, income] if faulty else [income, age], y)


@pair(
    check="first loss",
    symptom="The first loss is 18 where not knowing costs 1.39; ten epochs pass before the loss is below that.",
    source="AI-For-Beginners#743, mozilla/DeepSpeech#138",
)
def weights_drawn_with_a_spread_of_one(faulty):
    x, y = classes(features=24)
    draw = keras.initializers.RandomNormal(stddev=1.0) if faulty else "glorot_uniform"
    model = keras.Sequential(
        [
            keras.Input((24,)),
            keras.layers.Dense(32, "relu", kernel_initializer=draw),
            keras.layers.Dense(4, "softmax", kernel_initializer=draw),
        ]
    )
    return compiled(model, x, y, loss="sparse_categorical_crossentropy")


@pair(
    check="output and loss",
    symptom="The loss never falls below 0.74: at an accuracy of 0.99 it reads 0.78 where it should read 0.08.",
    source="06, Trap: softmax, and `from_logits=True` as well; bayesian_lora#2, keras#6143",
)
def averaged_probabilities_taken_for_logits(faulty):
    x, y = classes()
    inputs = keras.Input((8,))
    members = []
    for _ in range(3):
        hidden = keras.layers.Dense(16, "relu")(inputs)
        members.append(keras.layers.Dense(4, "softmax")(hidden))
    # Keras warns where it sees a softmax; behind an average it sees none.
    model = keras.Model(inputs, keras.layers.Average()(members))
    return compiled(model, x, y, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=faulty))


@pair(
    check="output and loss",
    symptom="The loss starts at 8.3 and stops at 1.38; accuracy 0.33 where 0.99 is possible.",
    source="keras-hub#1008",
)
def logits_taken_for_probabilities(faulty):
    x, y = classes()
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not faulty)
    return compiled(model, x, y, loss=loss, metrics=[keras.metrics.SparseCategoricalAccuracy()])


@pair(
    check="output and loss",
    symptom="Accuracy is fine, but the four `probabilities` of an example sum to 1.7, up to 2.2.",
    source="keras#6421",
)
def sigmoid_where_one_class_is_right(faulty):
    x, y = classes()
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(4, "sigmoid" if faulty else "softmax"),
        ]
    )
    return compiled(model, x, np.eye(4, dtype="float32")[y], loss="categorical_crossentropy")


@pair(
    check="output and loss",
    symptom="Every prediction is 1; the loss is 7.97 and accuracy 0.50 in every epoch.",
    source="keras#500, keras#18909",
)
def softmax_over_one_unit(faulty):
    x, y = numbers()

    @saved(faulty)
    class OneUnit(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = keras.layers.Dense(16, "relu")
            self.logit = keras.layers.Dense(1)

        def call(self, x):
            logit = self.logit(self.hidden(x))
            return tf.nn.softmax(logit) if faulty else tf.nn.sigmoid(logit)

    model = OneUnit()
    model(x[:1])
    return compiled(model, x, y)


@pair(
    check="output and loss",
    symptom="No prediction is below 0: the error stays at 0.53 where 0.06 is possible.",
    source="keras#3687, ProteomicsML#203",
)
def relu_as_the_last_layer_of_a_regression(faulty):
    x, y = target()
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(24, "relu"),
            keras.layers.Dense(1, "relu" if faulty else None),
        ]
    )
    return compiled(model, x, y, loss="mse", metrics=["mae"])


@pair(
    check="output and loss",
    symptom="No probability is below 0.5: accuracy 0.60 where 0.98 is possible, and a loss that stays at 0.53.",
    source="08, Trap: a second sigmoid",
)
def a_second_sigmoid(faulty):
    x, y = numbers()
    scorer = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid" if faulty else None)]
    )
    # The scorer is wrapped, to give probabilities.
    model = keras.Sequential([keras.Input((8,)), scorer, keras.layers.Activation("sigmoid")])
    return compiled(model, x, y)


@pair(
    check="untracked weights",
    symptom="The first layer keeps its random numbers: accuracy 0.83 where 0.98 is possible.",
    source="02, Trap: plain variables in a model; keras#16797",
)
def a_plain_variable_as_weight(faulty):
    @saved(faulty)
    class Mix(keras.layers.Layer):
        def build(self, shape):
            start = keras.initializers.GlorotUniform(seed=1)
            if faulty:
                self.kernel = tf.Variable(start((shape[-1], 16)))
            else:
                self.kernel = self.add_weight(shape=(shape[-1], 16), initializer=start, name="kernel")

        def call(self, x):
            return tf.nn.relu(tf.matmul(x, self.kernel))

    x, y = numbers()
    model = keras.Sequential([keras.Input((8,)), Mix(), keras.layers.Dense(1, "sigmoid")])
    return compiled(model, x, y)


@pair(
    check="untracked weights",
    symptom="New random weights in each call: the loss does not fall, and accuracy is that of a coin.",
    source="liziniu/RL-PPO-Keras#2: a function that makes its layers anew in each call",
)
def a_layer_made_anew_in_each_call(faulty):
    x, y = numbers()

    @saved(faulty)
    class Classifier(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = self.make() if not faulty else None
            self.answer = keras.layers.Dense(1, "sigmoid")

        def make(self):
            return keras.layers.Dense(16, "relu")

        def call(self, x):
            hidden = self.make() if faulty else self.hidden
            return self.answer(hidden(x))

    model = Classifier()
    model(x[:1])
    return hand_written(model, x, y, keras.losses.BinaryCrossentropy())


@pair(
    check="symmetry",
    symptom="Sixteen hidden units stay copies of one: accuracy 0.91 where 0.95 is possible.",
    source="keras#16539, fizyr/keras-retinanet#712",
)
def every_weight_starts_at_the_same_value(faulty):
    x, y = numbers()
    start = keras.initializers.Constant(0.1) if faulty else "glorot_uniform"
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, "tanh", kernel_initializer=start),
            keras.layers.Dense(1, "sigmoid", kernel_initializer=start),
        ]
    )
    return compiled(model, x, y)


@pair(
    check="symmetry",
    symptom="Four heads are one: accuracy 0.93 where 0.98 is possible, with 40 weights in place of 121.",
    source="yaoppeng/U-Net_v2#10, acids-ircam/ddsp_pytorch#37",
)
def one_layer_in_a_list_four_times(faulty):
    x, y = numbers()
    inputs = keras.Input((8,))
    heads = [keras.layers.Dense(3, "relu")] * 4 if faulty else [keras.layers.Dense(3, "relu") for _ in range(4)]
    hidden = keras.layers.concatenate([head(inputs) for head in heads])
    return compiled(keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden)), x, y)


@pair(
    check="dead units",
    symptom="No unit of the convolution ever fires: the loss is 0.693 in every epoch, and accuracy 0.50.",
    source="keras#7057, facebookresearch/dlrm#358: biases that start far below 0",
)
def a_prior_meant_for_the_output_layer_only(faulty):
    x, y = pictures()
    # -log((1 - p) / p) for p = 0.01 is how a detector's *last* layer starts.
    bias = keras.initializers.Constant(-4.6 if faulty else 0.0)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            keras.layers.Conv2D(8, 3, activation="relu", bias_initializer=bias),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    return compiled(model, x, y)


@pair(
    check="gradient flow",
    symptom="The layer before the gate never moves: accuracy 0.86 where 0.91 is possible.",
    source="ericjang/gumbel-softmax#12, keras#9396: what goes inside `stop_gradient`",
)
def a_straight_through_that_cancels_itself(faulty):
    @saved(faulty)
    class Gate(keras.layers.Layer):
        def call(self, x):
            soft = tf.sigmoid(x)
            hard = tf.stop_gradient(tf.round(soft))
            return hard + soft - soft if faulty else hard + soft - tf.stop_gradient(soft)

    x, y = numbers()
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(24),
            Gate(),
            keras.layers.Dense(1, "sigmoid", kernel_initializer="random_normal"),
        ]
    )
    return compiled(model, x, y)


@pair(
    check="gradient flow",
    symptom="The first layer never moves: accuracy 0.82 where 0.98 is possible.",
    source="01, Trap: a detour through NumPy; 05, Trap: a None that is dropped",
)
def a_detour_through_numpy(faulty):
    x, y = numbers()

    @saved(faulty)
    class Clipped(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = keras.layers.Dense(16)
            self.answer = keras.layers.Dense(1, "sigmoid")

        def call(self, x):
            hidden = self.hidden(x)
            if faulty:
                hidden = tf.numpy_function(lambda values: np.clip(values, 0, 6), [hidden], tf.float32)
                hidden = tf.ensure_shape(hidden, (None, 16))
            else:
                hidden = tf.clip_by_value(hidden, 0, 6)
            return self.answer(hidden)

    model = Clipped()
    model(x[:1])
    return hand_written(model, x, y, keras.losses.BinaryCrossentropy(), drop_none=faulty)


@pair(
    check="one batch by heart",
    symptom="The first layer drifts away from any solution: the error stays at 1.0 where 0.13 is possible.",
    source="01, Deeper: write the gradient yourself; tensorflow#34549",
)
def a_custom_gradient_without_what_comes_from_above(faulty):
    @tf.custom_gradient
    def swish(x):
        gate = tf.sigmoid(x)

        def gradient(above):
            slope = gate * (1 + x * (1 - gate))
            return slope if faulty else above * slope

        return x * gate, gradient

    @saved(faulty)
    class Swish(keras.layers.Layer):
        def call(self, x):
            return swish(x)

    x, y = target()
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16), Swish(), keras.layers.Dense(1)])
    return compiled(model, x, y, loss="mse", metrics=["mae"])


@pair(
    check="gradients under XLA",
    symptom="Compiled with XLA, the encoder is nan after the first step; without XLA the accuracy reaches 0.99.",
    source="01, Trap: nan from the branch not taken; tensorflow#118674, keras#9097",
)
def a_distance_guarded_for_eager_mode(faulty):
    @saved(faulty)
    class Distance(keras.layers.Layer):
        def call(self, left, right):
            square = tf.reduce_sum((left - right) ** 2, axis=1, keepdims=True)
            if faulty:
                return tf.where(square > 0, tf.sqrt(square), 0.0)
            safe = tf.where(square > 0, square, 1.0)  # the root never sees a 0
            return tf.where(square > 0, tf.sqrt(safe), 0.0)

    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(11)
    left = generator.normal(size=(256, 6)).astype("float32")
    near = generator.permutation(np.arange(256) % 2)[:, None]
    right = np.where(near, left + 0.3 * generator.normal(size=left.shape), generator.normal(size=left.shape))
    right[near[:, 0].nonzero()[0][:5]] = left[near[:, 0].nonzero()[0][:5]]  # a few pairs are the same thing twice
    inputs = [keras.Input((6,), name="left"), keras.Input((6,), name="right")]
    encoder = keras.layers.Dense(8, use_bias=False)
    distance = Distance()(encoder(inputs[0]), encoder(inputs[1]))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(distance))
    return compiled(model, [left, right.astype("float32")], near.astype("float32"), jit_compile=True)


@pair(
    check="traces",
    symptom="Each batch size compiles the model again: 40 sizes take 4.4 s where 0.2 s are enough.",
    source="tensorflow#38561, tensorflow#34907",
)
def a_call_compiled_for_each_batch_size(faulty):
    x, y = sequences(rows=330)  # the last batch is a smaller one

    @saved(faulty)
    class Reader(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.read = keras.layers.Conv1D(12, 3, activation="relu")
            self.pool = keras.layers.GlobalMaxPooling1D()
            self.answer = keras.layers.Dense(1, "sigmoid")
            self.read.build(
                (None, 10, 2)
            )  # here: a first call that is traced would keep the first weights for its size
            self.answer.build((None, 12))

        @tf.function(reduce_retracing=not faulty)
        def call(self, x):
            return self.answer(self.pool(self.read(x)))

    model = Reader()
    model(x[:1])
    return hand_written(model, x, y, keras.losses.BinaryCrossentropy())


@pair(
    check="two passes",
    symptom="Batch normalization does nothing: its averages stay 0, and the loss at 0.20 where 0.11 is possible.",
    source="keras-hub#1500",
)
def a_model_that_takes_no_training_flag(faulty):
    x, y = numbers()

    class Deep(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = [keras.layers.Dense(12, use_bias=False) for _ in range(4)]
            self.normalize = [keras.layers.BatchNormalization(momentum=0.9) for _ in range(4)]
            self.answer = keras.layers.Dense(1, "sigmoid")

        def through(self, x, **flag):
            for hidden, normalize in zip(self.hidden, self.normalize, strict=True):
                x = tf.sigmoid(normalize(hidden(x), **flag))
            return self.answer(x)

    @saved(faulty)
    class WithoutFlag(Deep):  # `fit` hands the flag to a `call` that asks for it, and to no other
        def call(self, x):
            return self.through(x)

    @saved(faulty)
    class WithFlag(Deep):
        def call(self, x, training=None):
            return self.through(x, training=training)

    model = WithoutFlag() if faulty else WithFlag()
    model(x[:1])
    return compiled(model, x, y)
