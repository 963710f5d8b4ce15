"""Silent faults of the training code: steps, optimizers, frozen weights, traces and state kept in Python."""

import keras
import numpy as np
import tensorflow as tf

from tests.zoo import pair

serializable = keras.saving.register_keras_serializable(package="zoo")


def numbers(n=256, features=6):
    """Rows of standard normal features, and a label of unit scale that follows from three of them."""
    x = np.random.default_rng(0).normal(size=(n, features)).astype("float32")
    return x, (0.7 * x[:, :1] - 0.5 * x[:, 1:2] + 0.6 * np.sin(2 * x[:, 2:3])).astype("float32")


def classes(n=300):
    """Three clouds of points, equally many rows of each, in random order."""
    rng = np.random.default_rng(1)
    y = rng.permutation(np.arange(n) % 3)
    return (rng.normal(size=(3, 6))[y] + 0.6 * rng.normal(size=(n, 6))).astype("float32"), y.astype("int32")


def pictures(n=240):
    """Gray noise of 8 x 8 pixels with a brighter patch in one of four corners: which one is the label."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 0.6, (n, 8, 8, 1)), rng.permutation(np.arange(n) % 4)
    for picture, corner in zip(x, y, strict=True):
        row, column = 4 * (corner // 2) + rng.integers(2), 4 * (corner % 2) + rng.integers(2)
        picture[row : row + 3, column : column + 3] += 0.3
    return x.astype("float32"), y.astype("int32")


def series(n=256):
    """Twelve steps of two channels; the label is the scaled mean of one, lifted by the last value of the other."""
    x = np.random.default_rng(3).normal(size=(n, 12, 2)).astype("float32")
    return x, (2 * x[:, :, :1].mean(axis=1) + 0.5 * x[:, -1, 1:]).astype("float32")


def network(outputs=1, features=6, **options):
    """Two dense layers, the same ones in each call."""
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(24, activation="tanh", **options)
    return keras.Sequential([keras.layers.Input((features,)), hidden, keras.layers.Dense(outputs, **options)])


def convolutional():
    """A convolution with batch normalization, for the pictures."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.layers.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Activation("relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )


def step_of(model, loss_fn, optimizer):
    """The usual step, right."""
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return train_step


@serializable
class Reporting(keras.Model):
    """A model whose own steps report as those of Keras do."""

    def report(self, x, y, y_pred, sample_weight, loss):
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        replicas = tf.distribute.get_strategy().num_replicas_in_sync  # compute_loss has divided by them
        tracker.update_state(loss * replicas, sample_weight=tf.shape(y)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight)


def wrapped(model_class, model):
    """The same layers under another class."""
    return model_class(model.inputs, model.outputs[0])


@pair(
    check="train step",
    symptom=(
        "The averages of BatchNormalization stay at 0 and 1, so it normalizes nothing; after ten steps the loss "
        "is 1.1, not 0.2."
    ),
    source="02, Trap: training=True forgotten; tensorflow#32864",
)
def training_true_forgotten_in_a_loop(faulty):
    x, y = pictures()
    model, optimizer = convolutional(), keras.optimizers.Adam(0.01)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            logits = model(x_batch) if faulty else model(x_batch, training=True)
            loss = loss_fn(y_batch, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step with weights",
    symptom=(
        "Rows of weight 0.05 count like all others: the predictions are 0.4 too high, and nothing in the history "
        "says so."
    ),
    source="02, Your loop inside fit; Jannoshh/simple-sam#6, keras#15221",
)
def sample_weight_unpacked_and_not_used(faulty):
    @serializable
    class UnusedWeight(Reporting):
        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                used = None if faulty else sample_weight
                loss = self.compute_loss(x, y, y_pred, used, training=True)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return self.report(x, y, y_pred, sample_weight, loss)

    x, y = numbers()
    trusted = np.random.default_rng(4).random(len(x)) < 0.5
    y[~trusted] += 0.8  # an old sensor that reads too high
    model = wrapped(UnusedWeight, network())
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return {"model": model, "x": x, "y": y, "sample_weight": np.where(trusted, 1.0, 0.05).astype("float32")}


@pair(
    check="train step",
    symptom=(
        "The regularizer is in the code and does nothing: kernels of norm 4.5, not 2.9, and an error of 0.037 on "
        "new rows, not 0.022."
    ),
    source="03, Trap: a penalty in a loop of your own; hunglc007/tensorflow-yolov4-tflite#369",
)
def a_penalty_left_out_of_a_loop(faulty):
    x, y = numbers(96)
    model, optimizer = network(kernel_regularizer=keras.regularizers.L2(0.003)), keras.optimizers.Adam(0.01)
    loss_fn = keras.losses.MeanSquaredError()
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
            if not faulty:
                loss += sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step",
    symptom=(
        "Weights are held twice as hard (norm 4.8, not 5.6), and the last training loss, 0.19, is above the 0.17 "
        "of evaluate."
    ),
    source="02, Your loop inside fit (compute_loss adds model.losses already)",
)
def a_penalty_counted_twice(faulty):
    @serializable
    class TwicePenalized(Reporting):
        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
                if faulty:
                    loss += sum(self.losses)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return self.report(x, y, y_pred, sample_weight, loss)

    x, y = classes()
    model = wrapped(TwicePenalized, network(3, kernel_regularizer=keras.regularizers.L2(0.001)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["sparse_categorical_accuracy"])
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step in float16",
    symptom=(
        "Under mixed_float16 the gradients are 32,768 times too small: after ten epochs the loss is 0.92 still, "
        "not 0.03."
    ),
    source="05, Trap: a scale that is divided out and never multiplied in; keras#19479, keras#20894",
)
def scale_loss_forgotten_in_float16(faulty):
    @serializable
    class Unscaled(Reporting):
        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
                scaled = loss if faulty else self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return self.report(x, y, y_pred, sample_weight, loss)

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(24, activation="tanh", dtype="mixed_float16")(inputs)
    model = Unscaled(inputs, keras.layers.Dense(1, dtype="float32")(hidden))
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1, momentum=0.9)), "mse")
    x, y = numbers()
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step on two replicas",
    symptom=(
        "On two devices the history says 0.45 where one device says 0.90: the loss has been divided by the number"
        " of devices."
    ),
    source="02, Your loop inside fit; keras#16285, tensorflow#48912",
)
def the_loss_of_one_replica_reported(faulty):
    @serializable
    class OneReplica(keras.Model):
        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            # compute_loss has divided by the number of replicas, because their gradients are added
            replicas = 1 if faulty else tf.distribute.get_strategy().num_replicas_in_sync
            tracker = next(metric for metric in self.metrics if metric.name == "loss")
            tracker.update_state(loss * replicas, sample_weight=tf.shape(y)[0])
            return self.compute_metrics(x, y, y_pred, sample_weight)

    x, y = classes()
    model = wrapped(OneReplica, network(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return {"model": model, "x": tf.data.Dataset.from_tensor_slices((x, y)).shuffle(300, seed=0).batch(50)}


@pair(
    check="train step",
    symptom=(
        "The first epoch reports an accuracy of 0.82 for predictions that were right in 0.62 of cases, and "
        "BatchNormalization counts each batch twice."
    ),
    source="02, Trap: a second forward pass for the metric",
)
def the_metric_from_a_second_pass(faulty):
    @serializable
    class SecondPass(Reporting):
        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            if faulty:
                y_pred = self(x, training=True)  # of other weights, and the averages move a second time
            return self.report(x, y, y_pred, sample_weight, loss)

    x, y = pictures()
    model = wrapped(SecondPass, convolutional())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["sparse_categorical_accuracy"])
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step with a ragged batch",
    symptom=(
        "The pipeline was changed to batches of 32: the loss reads 0.13 for 1.03, and after 150 steps it is 0.06,"
        " not 0.01."
    ),
    source="06, Deeper: from one device to several (the share of the global batch); tensorflow#58938",
)
def a_fixed_batch_size_in_the_division(faulty):
    x, y = numbers(264)
    model, optimizer = network(), keras.optimizers.SGD(0.1, momentum=0.9)
    batch_size = 256
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            per_example = keras.losses.mean_squared_error(y_batch, model(x_batch, training=True))
            rows = batch_size if faulty else tf.cast(tf.shape(per_example)[0], tf.float32)
            loss = tf.reduce_sum(per_example) / rows
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    loss_fn = keras.losses.MeanSquaredError()
    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step",
    symptom=(
        "The learning rate grows with the batch: at 32 rows the loss rises from 0.8 to 1.8 in four steps and is "
        "5.8 after 200, not 0.13."
    ),
    source="01, Trap: the gradient of a batch",
)
def the_gradient_of_one_loss_per_row(faulty):
    x, y = classes()
    model, optimizer = network(3), keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            logits = model(x_batch, training=True)
            loss = keras.losses.sparse_categorical_crossentropy(y_batch, logits, from_logits=True)  # one for each row
            if not faulty:
                loss = tf.reduce_mean(loss)
        gradients = tape.gradient(loss, model.trainable_variables)  # of a vector: of its sum
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return tf.reduce_mean(loss)

    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step",
    symptom=(
        "Each tower moves by the gradient of the other, which has the same shapes: the loss is 1.5 after 20 steps"
        " and in the millions after 100."
    ),
    source="05, Trap: a None that is dropped (gradients paired with other variables)",
)
def gradients_paired_with_other_variables(faulty):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(5)
    x = {name: rng.normal(size=(300, 6)).astype("float32") for name in ("item", "user")}
    y = (x["item"][:, :3] * x["user"][:, :3]).sum(axis=1, keepdims=True) / 1.7
    inputs = {name: keras.Input((6,), name=name) for name in x}
    item, user = (
        keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(24, activation="tanh"), keras.layers.Dense(8)])
        for _ in x
    )
    model = keras.Model(inputs, keras.layers.Dot(axes=1)([item(inputs["item"]), user(inputs["user"])]))
    loss_fn, optimizer = keras.losses.MeanSquaredError(), keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    variables = [*item.trainable_variables, *user.trainable_variables]
    moved = [*user.trainable_variables, *item.trainable_variables] if faulty else variables

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, moved, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="optimizer",
    symptom="The clipped step is 0.22 long, not 0.1, and points 27 degrees away from the gradient.",
    source="05, Trap: each tensor clipped by itself; keras#13575, tensorflow#36001",
)
def clipnorm_taken_for_the_global_norm(faulty):
    keras.utils.set_random_seed(0)
    x, y = series()
    model = keras.Sequential([keras.layers.Input((12, 2)), keras.layers.GRU(12), keras.layers.Dense(1)])
    clip = {"clipnorm": 0.1} if faulty else {"global_clipnorm": 0.1}
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, **clip), "mse")
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step",
    symptom="Four pieces make the step four times as long: the rate that was tuned without pieces is 0.4, not 0.1.",
    source="05, Trap: a loop of four micro-batches; the seed document; paiml/aprender#2123",
)
def accumulated_gradients_summed(faulty):
    x, y = numbers()
    model, optimizer, pieces = network(), keras.optimizers.SGD(0.1), 4
    loss_fn = keras.losses.MeanSquaredError()
    optimizer.build(model.trainable_variables)

    def train_step(x_batch, y_batch):
        total, mean_loss = [tf.zeros_like(variable) for variable in model.trainable_variables], 0.0
        for i in range(pieces):
            x_piece, y_piece = x_batch[i::pieces], y_batch[i::pieces]
            with tf.GradientTape() as tape:
                loss = loss_fn(y_piece, model(x_piece, training=True))
            share = len(x_piece) / len(x_batch)
            gradients = tape.gradient(loss, model.trainable_variables)
            weight = 1.0 if faulty else share
            total = [summed + weight * gradient for summed, gradient in zip(total, gradients, strict=True)]
            mean_loss += share * loss
        optimizer.apply_gradients(zip(total, model.trainable_variables, strict=True))
        return mean_loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step",
    symptom="Each step repeats all gradients so far: the loss turns after four steps and is 242 after 150, not 0.14.",
    source="05, Accumulation: a batch in pieces; meta-pytorch/torchtune#2745",
)
def an_accumulator_that_is_never_zeroed(faulty):
    x, y = classes()
    model, optimizer, rows = network(3), keras.optimizers.SGD(0.1, momentum=0.9), 16
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)
    sums = [tf.Variable(tf.zeros_like(variable), trainable=False) for variable in model.trainable_variables]

    def train_step(x_batch, y_batch):
        if not faulty:
            for accumulated in sums:
                accumulated.assign(tf.zeros_like(accumulated))
        mean_loss = 0.0
        for start in range(0, len(x_batch), rows):
            x_piece, y_piece = x_batch[start : start + rows], y_batch[start : start + rows]
            share = len(x_piece) / len(x_batch)
            with tf.GradientTape() as tape:
                loss = share * loss_fn(y_piece, model(x_piece, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            for accumulated, gradient in zip(sums, gradients, strict=True):
                accumulated.assign_add(gradient)
            mean_loss += loss
        optimizer.apply_gradients(zip(sums, model.trainable_variables, strict=True))
        return mean_loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step with a ragged batch",
    symptom="Of the last batch of 24 rows, 8 are never used; of a batch of 31 rows, 15.",
    source="05, Trap: the ragged tail; timoschick/pet#36, Lightning-AI/pytorch-lightning#4653",
)
def the_tail_of_an_accumulated_batch_dropped(faulty):
    x, y = pictures(248)
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(8, 3, activation="tanh"), keras.layers.Flatten(), keras.layers.Dense(4)]
    model, optimizer, rows = keras.Sequential([keras.layers.Input((8, 8, 1)), *layers]), keras.optimizers.Adam(0.01), 16
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)

    def train_step(x_batch, y_batch):
        n = len(x_batch)
        used = max(n // rows, 1) * rows if faulty else n  # whole pieces only
        total, mean_loss = [tf.zeros_like(variable) for variable in model.trainable_variables], 0.0
        for start in range(0, used, rows):
            x_piece, y_piece = x_batch[start : start + rows], y_batch[start : start + rows]
            share = len(x_piece) / min(used, n)
            with tf.GradientTape() as tape:
                loss = share * loss_fn(y_piece, model(x_piece, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            total = [summed + gradient for summed, gradient in zip(total, gradients, strict=True)]
            mean_loss += loss
        optimizer.apply_gradients(zip(total, model.trainable_variables, strict=True))
        return mean_loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="train step",
    symptom=(
        "Ten epochs of eight batches count 160 steps, not 80: the rate's schedule runs at double speed, and each "
        "gradient is followed by another on the same rows."
    ),
    source="06, Exercise 6.2 · Three silent bugs (two steps for each batch)",
)
def every_batch_applied_twice(faulty):
    @serializable
    class TwiceApplied(Reporting):
        def train_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            if faulty:
                return super().train_step(data)  # meant for its report, and it takes a step of its own
            return self.report(x, y, y_pred, sample_weight, loss)

    x, y = numbers()
    model = wrapped(TwiceApplied, network())
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.2, decay_steps=400)), "mse", metrics=["mae"]
    )
    return {"model": model, "x": x, "y": y}


@pair(
    check="train step",
    symptom="A weight that must not be negative ends at -0.08.",
    source="02, A step by hand (a kernel_constraint is applied by the optimizer); keras#9068, keras#8360",
)
def a_constraint_ignored_by_a_hand_written_update(faulty):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(6)
    x = rng.normal(size=(256, 6)).astype("float32")
    y = x @ np.array([[0.8], [0.5], [-0.08], [0.3], [0.3], [0.4]]) + 0.05 * rng.normal(size=(256, 1))
    line = keras.layers.Dense(1, kernel_constraint=keras.constraints.NonNeg())
    model, optimizer = keras.Sequential([keras.layers.Input((6,)), line]), keras.optimizers.SGD(0.05)
    loss_fn = keras.losses.MeanSquaredError()
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        if faulty:
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
                variable.assign_sub(optimizer.learning_rate * gradient)
        else:
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {
        "model": model,
        "x": x,
        "y": y.astype("float32"),
        "train_step": train_step,
        "optimizer": optimizer,
        "loss_fn": loss_fn,
    }


@pair(
    check="optimizer",
    symptom=(
        "The averages are kept and never read: the model predicts with the last weights, error 0.13 on new rows, "
        "where the averaged ones have 0.06."
    ),
    source="keras#18949 (fit puts the averages into the weights at its end, a loop of one's own does not)",
)
def averaged_weights_that_nobody_uses(faulty):
    x, y = numbers()
    y += 0.3 * np.random.default_rng(9).normal(size=y.shape).astype("float32")
    model, loss_fn = network(), keras.losses.MeanSquaredError()
    average = {"use_ema": True, "ema_momentum": 0.95}
    overwrite = {} if faulty else {"ema_overwrite_frequency": 25}
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, **average, **overwrite)
    step = step_of(model, loss_fn, optimizer)
    return {"model": model, "x": x, "y": y, "train_step": step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="test step",
    symptom=(
        "After one epoch evaluate says 0.25, and the loss of predict's answers is 0.90; and each evaluation moves"
        " the averages of BatchNormalization."
    ),
    source="02, Trap: dropout left on at evaluation; google/automl#817",
)
def a_test_step_in_training_mode(faulty):
    @serializable
    class TrainingTest(Reporting):
        def test_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            y_pred = self(x, training=faulty)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
            return self.report(x, y, y_pred, sample_weight, loss)

    x, y = pictures(300)
    model = wrapped(TrainingTest, convolutional())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["sparse_categorical_accuracy"])
    return {"model": model, "x": x[:240], "y": y[:240], "validation_data": (x[240:], y[240:])}


@pair(
    check="test step",
    symptom=(
        "The validation loss is 0.36 where the weighted one, the one that is trained, is 0.05: early stopping "
        "looks at rows that do not count."
    ),
    source="04, Trap: sample weights in evaluate; 02, Your loop inside fit",
)
def a_test_step_without_the_weights(faulty):
    @serializable
    class UnweightedTest(Reporting):
        def test_step(self, data):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            y_pred = self(x, training=False)
            loss = self.compute_loss(x, y, y_pred, None if faulty else sample_weight, training=False)
            return self.report(x, y, y_pred, sample_weight, loss)

    x, y = numbers(320)
    trusted = np.random.default_rng(7).random(len(x)) < 0.5
    y[~trusted] += 0.8  # an old sensor that reads too high
    weights = np.where(trusted, 1.0, 0.05).astype("float32")
    model = wrapped(UnweightedTest, network())
    model.compile(keras.optimizers.Adam(0.01), "mse")
    validation = (x[256:], y[256:], weights[256:])
    return {"model": model, "x": x[:256], "y": y[:256], "sample_weight": weights[:256], "validation_data": validation}


@pair(
    check="train step",
    symptom="The momentum does nothing: after 150 steps the loss is 0.19, not 0.03, and the optimizer counts 0 steps.",
    source="02, Trap: an optimizer made anew in each step",
)
def an_optimizer_made_anew_in_each_step(faulty):
    x, y = series()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((12, 2)), keras.layers.SimpleRNN(12), keras.layers.Dense(1)])
    loss_fn, optimizer = keras.losses.MeanSquaredError(), keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(model.trainable_variables)

    def train_step(x_batch, y_batch):
        stepping = keras.optimizers.SGD(0.01, momentum=0.9) if faulty else optimizer
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        stepping.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


def transfer():
    """A base with a head, and the model of both."""
    keras.utils.set_random_seed(0)
    base = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(24, activation="tanh")], name="base")
    model = keras.Sequential([keras.layers.Input((6,)), base, keras.layers.Dense(1)])
    return base, model


@pair(
    check="frozen weights",
    symptom="The weights of the frozen base move by up to 0.6 in ten epochs.",
    source="02, Deeper: freeze and transfer; Zackory/Keras-MNIST-GAN#2, jacobgil/keras-dcgan#10",
)
def frozen_after_the_first_fit_and_not_compiled_again(faulty):
    x, y = numbers()
    base, model = transfer()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, verbose=0)
    base.trainable = False
    if not faulty:
        model.compile(keras.optimizers.Adam(0.01), "mse")
    return {"model": model, "x": x, "y": y}


@pair(
    check="optimizer",
    symptom="The base stays where it was: after ten epochs of fine-tuning the loss is 0.17, not 0.07.",
    source="02, Deeper: freeze and transfer; KerasKorea/KEKOxTutorial#139",
)
def unfrozen_and_not_compiled_again(faulty):
    x, y = numbers()
    base, model = transfer()
    base.trainable = False
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, verbose=0)
    base.trainable = True
    if not faulty:
        model.compile(keras.optimizers.Adam(0.01), "mse")
    return {"model": model, "x": x, "y": y}


@pair(
    check="frozen weights",
    symptom="The base is frozen, and after five epochs its outputs have shifted by up to 0.35.",
    source="01, Trap: one step with a frozen layer (trainable and training are two switches); keras#7085",
)
def averages_that_move_in_a_frozen_base(faulty):
    @serializable
    class Standardize(keras.layers.Layer):
        """Subtract a running mean; it looks at `training` and not at `trainable`."""

        def build(self, input_shape):
            self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False)

        def call(self, x, training=False):
            if training:
                self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, axis=0))
            return x - self.mean

    @serializable
    class Transferred(keras.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.base = keras.Sequential([keras.layers.Dense(24, activation="tanh"), Standardize()])
            self.head = keras.layers.Dense(1)
            self.base.trainable = False

        def call(self, x, training=False):
            return self.head(self.base(x, training=training if faulty else False))

    keras.utils.set_random_seed(0)
    x, y = numbers()
    model = Transferred()
    for _ in range(30):
        model.base(x[:128] + 0.5, training=True)  # what the base was trained on
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model(x[:1])
    return {"model": model, "x": x, "y": y}


@pair(
    check="optimizer",
    symptom=(
        "The rate is 0 after 20 steps: the loss is 0.41 in the third epoch and in the twentieth, where it could "
        "be 0.001."
    ),
    source="02, Deeper: a learning rate that falls; tensorflow#53284, keras#18722",
)
def a_schedule_counted_in_epochs(faulty):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(8)
    y = rng.permutation(np.arange(320) % 2)
    x = rng.integers(1, 30, (320, 8))
    x[np.arange(320), rng.integers(0, 8, 320)] = np.where(y == 1, 30, 31)  # one word decides
    layers = [keras.layers.Embedding(32, 8), keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.layers.Input((8,), dtype="int32"), *layers])
    epochs, batch_size = 20, 32
    steps = epochs if faulty else epochs * len(x) // batch_size
    schedule = keras.optimizers.schedules.CosineDecay(0.03, decay_steps=steps)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    metric = keras.metrics.BinaryAccuracy(threshold=0.0)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=[metric])
    return {"model": model, "x": x.astype("int32"), "y": y[:, None].astype("float32")}


@pair(
    check="learning rate",
    symptom="The rate is set to 0, and in the next 100 steps the loss still falls, from 0.22 to 0.16.",
    source="02, Trap: a new learning rate for a compiled step; tensorflow#31324",
)
def a_rate_captured_as_a_number(faulty):
    x, y = classes()
    model, loss_fn = network(3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build(model.trainable_variables)
    rate = float(optimizer.learning_rate)

    @tf.function(reduce_retracing=True)
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        if faulty:
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
                variable.assign_sub(rate * gradient)
        else:
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="optimizer",
    symptom=(
        "After 20 epochs the kernel entries are 0.03 in size and the loss is 0.46 of the 0.87 that ignorance "
        "costs; it is 0.05 with a decay of 0.001."
    ),
    source="A share that goes, taken for one that stays, as momentum and ema_momentum are",
)
def a_weight_decay_that_eats_the_weights(faulty):
    x, y = numbers()
    model = network()
    model.compile(keras.optimizers.SGD(0.1, weight_decay=0.99 if faulty else 0.001), "mse")
    return {"model": model, "x": x, "y": y}


@pair(
    check="optimizer",
    symptom="After 20 epochs the loss is 0.23, not 0.01; the saturated units do not learn even 32 rows by heart.",
    source="07, Trap: a rate and the units it was tried in",
)
def the_rate_of_another_optimizer(faulty):
    keras.utils.set_random_seed(0)
    x, y = numbers()
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(24, activation="tanh")(inputs)
    hidden = keras.layers.Dense(24, activation="tanh")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    rate = 1.0 if faulty else 0.01  # 1.0 was right for Adadelta, and only the name was changed
    model.compile(keras.optimizers.Adam(rate), "mse", metrics=["mae"])
    return {"model": model, "x": x, "y": y}


@pair(
    check="optimizer",
    symptom=(
        "Only the step count and the rate come back, not Adam's averages: the loss jumps from 0.005 to 0.06 at "
        "the third step after the resume."
    ),
    source="02, Trap: a resume with the weights alone; Exercise 2.3; matterport/Mask_RCNN#1726, tensorflow#53064",
)
def an_optimizer_restored_before_it_was_built(faulty):
    x, y = numbers()
    model, optimizer, loss_fn = network(), keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError()
    step = step_of(model, loss_fn, optimizer)
    for _step in range(300):
        step(x, y)
    saved = [variable.numpy() for variable in optimizer.variables]
    optimizer = keras.optimizers.Adam(0.01)  # the run goes on in a new process
    if not faulty:
        optimizer.build(model.trainable_variables)
    for variable, value in zip(optimizer.variables, saved, strict=not faulty):
        variable.assign(value)
    step = step_of(model, loss_fn, optimizer)
    return {"model": model, "x": x, "y": y, "train_step": step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="traces",
    symptom=(
        "200 steps take eleven seconds, not one, and one graph more is kept for each epoch; the traces are too "
        "far apart for TensorFlow's warning."
    ),
    source="02, What tf.function did; tensorflow#34481, tensorflow#32157",
)
def a_trace_for_each_epoch(faulty):
    x, y = numbers()
    model, optimizer, loss_fn = network(), keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.MeanSquaredError()
    optimizer.build(model.trainable_variables)

    progress = tf.Variable(0, dtype=tf.int64, trainable=False)

    @tf.function(reduce_retracing=True)
    def step_in(x_batch, y_batch, epoch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        progress.assign(epoch)
        return loss

    def train_step(x_batch, y_batch):
        epoch = int(optimizer.iterations) // 4  # four batches of 64
        return step_in(x_batch, y_batch, epoch if faulty else tf.constant(epoch, tf.int64))

    return {"model": model, "x": x, "y": y, "train_step": train_step, "optimizer": optimizer, "loss_fn": loss_fn}


@pair(
    check="resumed",
    symptom=(
        "The penalty never warms up: after 80 steps under fit the counter reads 2; in an eager loop a resumed run"
        " begins at 0 again."
    ),
    source="04, Trap: a state that Python keeps; 02, Checkpoints, and exact resume",
)
def a_counter_kept_in_python(faulty):
    @serializable
    class WarmingPenalty(keras.layers.Layer):
        """A penalty on the activations that grows over the first 50 steps."""

        def build(self, input_shape):
            self.calls = 0 if faulty else self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x, training=False):
            if training:
                if faulty:
                    self.calls += 1  # Python: counts the traces
                else:
                    self.calls.assign_add(1.0)
                self.add_loss(0.02 * tf.minimum(1.0, self.calls / 50) * tf.reduce_mean(tf.square(x)))
            return x

    keras.utils.set_random_seed(0)
    x, y = numbers()
    inputs = keras.Input((6,))
    hidden = WarmingPenalty()(keras.layers.Dense(24, activation="tanh")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return {"model": model, "x": x, "y": y}


@pair(
    check="resumed",
    symptom="The same noise in every step is learned like a part of the data: accuracy on new rows 0.94, not 0.97.",
    source="02, Checkpoints, and exact resume; tensorflow#36715, tensorflow#24610",
)
def noise_from_numpy_in_a_layer(faulty):
    @serializable
    class NumpyNoise(keras.layers.Layer):
        def call(self, x, training=False):
            # NumPy is asked once, while the graph is traced: the same noise in each step, for each row
            return x + np.random.normal(0, 0.2, x.shape[1:]).astype("float32") if training else x

    keras.utils.set_random_seed(0)
    x, y = classes()
    noise = NumpyNoise() if faulty else keras.layers.GaussianNoise(0.2)
    layers = [noise, keras.layers.Dense(24, activation="tanh"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.layers.Input((6,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["sparse_categorical_accuracy"])
    return {"model": model, "x": x, "y": y}
