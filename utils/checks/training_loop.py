"""The checks of notebook 02."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from utils.checks.engine import (
    attempted,
    counted,
    exercise,
    expect,
    functions_compiled,
    random_array,
    random_numbers,
    refuse,
    require,
    require_dtype,
)
from utils.checks.values import as_array, written
from utils.data import standard_line


@exercise(
    "2.1",
    "A step of gradient descent by hand",
    why="Every optimizer is this step, with another rule for how far each weight moves.",
)
def sgd_step(answer):
    """Judge two steps in a row, on a model with a frozen layer and batch normalization and on other ones."""
    for make, loss_fn, rows in (
        (_model_with_a_frozen_layer, tf.keras.losses.MeanSquaredError(), 6),
        (_model_with_two_outputs, _loss_that_is_not_even, 1),
        (_model_with_a_table, _loss_that_is_not_even, 5),
        (_model_that_drops_units, _loss_that_is_not_even, 300),
        (_linear_model, _steep_squares, 6),
        (_linear_model, _loss_of_classes, 7),
    ):
        model, twin = make(), make()
        rates = random_numbers(2, (0.02, 1.2), (0.05, 1.5)).tolist()
        if make is _linear_model:  # one step of those, or one that moves nothing before it
            rates = [0.0, rates[1]] if loss_fn is _steep_squares else rates[1:]
        for learning_rate in rates:
            inputs, outputs = model.input_shape[1], model.output_shape[1]
            x = random_numbers(rows * inputs).reshape(rows, inputs)
            x = tf.constant(np.abs(x), tf.int32) if make is _model_with_a_table else tf.constant(x, tf.float32)
            y = tf.constant(random_numbers(rows * outputs).reshape(rows, outputs), tf.float32)
            y = tf.argmax(y, axis=1) if loss_fn is _loss_of_classes else y
            _judge_step(answer, make, model, twin, loss_fn, x, y, learning_rate)


def _judge_step(answer, make, model, twin, loss_fn, x_batch, y_batch, learning_rate: float) -> None:
    """Judge one step of `model` by the gradients of its twin."""
    twin.set_weights(model.get_weights())
    with tf.GradientTape() as tape:
        predicted = twin(x_batch, training=True)
        loss = loss_fn(y_batch, predicted)
    gradients = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, twin.trainable_variables)]
    trained, before = model.trainable_variables, [v.numpy() for v in model.trainable_variables]
    frozen, averages = _frozen(model), _averages(model)
    got = attempted(answer(model, loss_fn, x_batch, y_batch, learning_rate), asked="the loss")
    moved = [v.numpy() - old for v, old in zip(trained, before, strict=True)]
    still = sum(not np.any(move) for move in moved) if learning_rate else 0
    by_sign = [-learning_rate * np.sign(gradient) for gradient in gradients]
    on = f"one step with {counted(len(x_batch), 'row')} and learning rate {learning_rate:.3g}"
    refuse({
        "the step changed which variables are trainable: leave that as it is.":
            len(model.trainable_variables) != len(trained),
        "no weight has moved of the model that was handed over. Is each updated in place, with assign_sub? "
        "`variable - …` computes and moves nothing.": still == len(moved),
        "every weight moved by the learning rate alone: that is the sign of the gradient, not the gradient. So is the "
        "first step of Adam.":
            learning_rate and all(map(partial(np.allclose, atol=1e-4), moved, by_sign)),
        f"{still} of {len(moved)} trainable variables did not move.": still,
        "a frozen layer moved. Which list holds only what may move?":
            not all(map(np.array_equal, frozen, _frozen(model))),
        "batch normalization kept its old averages. Say training=True in a training step.":
            len(averages) and np.allclose(averages, _averages(model)),
    }, on=on)  # fmt: skip
    if loss_fn is _loss_that_is_not_even:
        swapped = {"The arguments of loss_fn are swapped: first y_true, then y_pred.": loss_fn(predicted, y_batch)}
        expect(got, loss, on=f"the returned loss in {on}", smells=swapped, tolerance=1e-5)
    for move, gradient in zip(moved, gradients, strict=True):
        smells = {
            "That is a step uphill: the gradient points to where the loss grows.": learning_rate * gradient,
            "The learning rate is not used.": -gradient,
            "That is divided by the number of rows: loss_fn has averaged already.":
                -learning_rate * gradient / len(x_batch),
        }  # fmt: skip
        expect(move, 0.0 - learning_rate * gradient, on=f"the change of a weight in {on}", smells=smells)
    late = {}
    if not np.array_equal(as_array(got), loss):  # a model of its own takes time
        probe = make()
        probe.set_weights(model.get_weights())
        at_inference, after = (loss_fn(y_batch, probe(x_batch, training=flag)) for flag in (False, True))
        late = {
            "That is the loss after the step: return the one that the gradient was taken of.": after,
            "That is the loss after the step, of a call without training=True.": at_inference,
        }
    expect(got, loss, on=f"the returned loss in {on}", smells=late, tolerance=1e-5)
    refuse({
        "the averages of batch normalization moved more than once. Call the model once in a step.":
            not np.allclose(_averages(model), _averages(twin), atol=1e-5),
        "the model was called more than once: one prediction serves the loss, the gradient and what you return.":
            _calls(model) > _calls(twin),
    }, on=on)  # fmt: skip


def _frozen(model: tf.keras.Model) -> list[np.ndarray]:
    """Return the values of the layers that are called "frozen", also of one inside a block of layers."""
    layers = [part for layer in model.layers for part in getattr(layer, "layers", [layer])]
    return [w for layer in layers if layer.name == "frozen" for w in layer.get_weights()]


def _averages(model: tf.keras.Model) -> np.ndarray:
    """Return the running means of a model's batch normalization, or nothing where it has none."""
    layers = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    return np.concatenate([np.zeros(0), *(layer.get_weights()[2] for layer in layers)])


def _calls(model: tf.keras.Model) -> float:
    """Return how often a model was called, as far as its layers count it."""
    return sum(float(layer.calls) for layer in model.layers if isinstance(layer, _Drop))


def _loss_that_is_not_even(y_true, y_pred) -> tf.Tensor:
    """Return a loss that tells too low from too high: swapped arguments show."""
    return tf.reduce_mean(tf.exp(0.5 * (y_true - y_pred)) + 0.1 * y_true)


def _steep_squares(y_true, y_pred) -> tf.Tensor:
    """Return squared errors whose gradients are in the thousands: a sum, no mean of the rows' losses."""
    return 50 * tf.reduce_sum(tf.square(y_true - y_pred))


def _loss_of_classes(y_true, y_pred) -> tf.Tensor:
    """Return a loss whose labels are whole numbers, of another shape than the predictions."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y_true, y_pred))


def _model_with_a_frozen_layer() -> tf.keras.Model:
    layers = tf.keras.layers
    frozen = layers.Dense(3, activation="tanh", name="frozen")
    frozen.trainable = False
    out = layers.Dense(1, bias_initializer="ones")
    return tf.keras.Sequential([layers.Input((2,)), layers.BatchNormalization(name="norm"), frozen, out])


def _model_with_two_outputs() -> tf.keras.Model:
    """Return a model with a block of two layers, one of them frozen."""
    layers = tf.keras.layers
    frozen = layers.Dense(4, activation="tanh", name="frozen")
    frozen.trainable = False
    block = tf.keras.Sequential([layers.Dense(4), frozen])
    return _Scaled([layers.Input((3,)), block, layers.Dense(2)])


class _Scaled(tf.keras.Sequential):
    """Multiplies what its layers give by one number that is learned: a variable of shape (), and of no layer."""

    def __init__(self, layers):
        super().__init__(layers, name="scaled")  # a name of TensorFlow may not begin with an underscore
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def call(self, inputs, training=None):
        return self.factor * super().call(inputs, training=training)


def _linear_model() -> tf.keras.Model:
    layers = tf.keras.layers
    return tf.keras.Sequential([layers.Input((2,)), layers.Dense(3)])


def _model_with_a_table() -> tf.keras.Model:
    """Return a model whose first gradient is of the rows that a step uses, some of them twice."""
    layers = tf.keras.layers
    looked_up = [layers.Embedding(6, 3), layers.GlobalAveragePooling1D()]
    return tf.keras.Sequential([layers.Input((4,), dtype="int32"), *looked_up, layers.Dense(1)])


def _model_that_drops_units() -> tf.keras.Model:
    layers = tf.keras.layers
    return tf.keras.Sequential([layers.Input((2,)), layers.Dense(8), _Drop(), layers.Dense(1)])


class _Drop(tf.keras.layers.Layer):
    """Drops every second unit in training, and counts its calls. What Dropout draws is another thing under XLA."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        self.calls.assign_add(1.0)
        return x * tf.constant([0.0, 2.0] * 4) if training else x


@exercise(
    "2.2",
    "Find the retrace",
    why="A step that is traced anew at every call is slower than no compilation at all.",
    deeper=True,
)
def find_retrace(answer):
    """Judge the values and the number of traces over several learning rates, then over several sizes of batches."""

    def squares(w, x, y):
        return 2 * ((w * x - y) * x)

    def steeper(w, x, y):
        return 3 * x - w * y

    def total(column):
        return tf.matmul(tf.ones_like(column), column, transpose_a=True)[0, 0]

    for slopes, over in ((squares, tf.reduce_mean), (steeper, total)):  # the second is not to be taken for the first
        with functions_compiled():
            _judge_traces(answer, slopes, over)


def _judge_traces(answer, slopes: Callable, over: Callable) -> None:
    """Judge a compiled step that moves w by minus the learning rate times `over` (a mean, a sum) of slopes(w, x, y)."""
    traced = []

    def step(w, x_batch, y_batch, learning_rate):
        traced.append(not tf.executing_eagerly())
        return w - learning_rate * over(slopes(w, x_batch, y_batch))

    compiled = attempted(answer(step), Callable, asked="a function")
    first = rate = w = None
    results = []
    for rows, cause in ((6, ""), (6, "repeated"), (6, "rate"), (6, "rate"), *((n, "rows") for n in (5, 1, 2, 1001))):
        if cause != "repeated":  # the same w and rate, with another batch
            w, rate = float(random_numbers(1)[0]), round(float(random_numbers(1, 0.01, 0.5)[0]), 4)
        rate = {1: 2.5, 2: 0.0}.get(rows, rate)
        first = rate if first is None else first
        x, y = (random_numbers(rows).astype("float32").reshape(rows, 1) for _ in "xy")
        slope = float(over(tf.constant(slopes(w, x, y))))
        smells = {
            "The learning rate of the first call was built in: let it stay an argument, as a tensor.":
                w - first * slope,
            "The batch was averaged over other rows than its own.": w - rate * slope * rows / 6,
        }  # fmt: skip
        try:
            got = compiled(tf.constant(w, tf.float32), x, y, rate)
        except (TypeError, ValueError, tf.errors.InvalidArgumentError):
            fixed = f"It takes 6 rows and refuses {rows}: the number of rows was fixed. Leave that dimension open."
            require(not traced or rows == 6, fixed)
            raise
        require(traced, "The step that was handed over was not called: is it another one, from an earlier call?")
        on = f"{counted(rows, 'row')} and learning rate {rate}"
        expect(got, w - rate * slope, on=on, smells=smells)
        require(all(traced), "The step runs in plain Python at every call, or at some: nothing is compiled there.")
        again = len(traced) > 1
        refuse({
            "A call like the one before made a new trace: compile the step once, before the first call.":
                again and cause == "repeated",
            "Each new learning rate made a new trace: a Python number is part of what a trace is kept for.":
                again and cause == "rate",
            "A batch with another number of rows made a new trace: leave that dimension open, from the first call.":
                again and cause == "rows",
        }, on=f"a call with {counted(rows, 'row')}, {counted(len(traced), 'trace')} so far")  # fmt: skip
        require_dtype(tf.convert_to_tensor(got), tf.float32, f"the new w, {on}")
        results.append((got, np.copy(as_array(got))))
    changed = "The new w of an earlier call changed in a later one: return a tensor, and not a variable assigned anew."
    require(all(np.array_equal(got, then) for got, then in results), changed)


@exercise(
    "2.3", "Exact resume", why="A long run will be interrupted, and nobody notices a resume that is almost right."
)
def exact_resume(answer):
    """Judge 12 epochs at once against 2, 2, 7 and 1, and calls with nothing to do, by what each step starts from."""
    x, y = standard_line(100, seed=int(np.random.default_rng().integers(1000)))
    with tempfile.TemporaryDirectory() as parent:
        folder = f"{parent}/state"
        runs = []
        for epochs in (1, 12):  # the second time in a folder of the same name, and empty again
            shutil.rmtree(folder, ignore_errors=True)
            os.mkdir(folder)
            runs.append(_Run(answer, x, y, folder, start=0.5, epochs=epochs))
        first, whole = runs
        epochs, steps = len(whole.losses), len(whole.rows)
        elsewhere = (
            "The folder was empty, and the run went on from an earlier call: keep the state in the folder alone."
        )
        went_on = len(first.rows) == 4 and len(whole.rows) == 44
        require(not whole.rows or (whole.starts_anew() and not went_on), elsewhere)
        refuse({
            f"Asked for 12 epochs in an empty folder, it reports another number of losses: {epochs}.": epochs != 12,
            f"12 epochs of 100 rows in batches of 25 are 48 steps; it took {steps}.": steps != 48,
        })  # fmt: skip
        orders = [np.concatenate(whole.rows[4 * epoch : 4 * epoch + 4]) for epoch in range(12)]
        # Of random orders, the mean of 12 correlations has a standard deviation of 1 / sqrt(12 · 99) = 0.03.
        travel = np.mean([np.corrcoef(order, np.arange(100))[0, 1] for order in orders])
        refuse({
            "Each epoch must use every row exactly once.":
                not all(np.array_equal(np.sort(order), np.arange(100)) for order in orders),
            "In one epoch at least, the rows come in the order in which they are stored.":
                any(np.array_equal(order, np.arange(100)) for order in orders),
            "Two epochs had the same order: let it follow from the epoch.":
                any(np.array_equal(a, b) for a, b in itertools.combinations(orders, 2)),
            "Most neighbors stay neighbors, in the stored order or in that of two epochs: shuffle all rows anew.":
                any(_share_neighbors(a, b) for a, b in itertools.combinations([np.arange(100), *orders], 2)),
            "Two epochs had the same rows in their batches: shuffle before the rows are split into batches.":
                any(_batches(a) == _batches(b) for a, b in itertools.combinations(orders, 2)),
            "The rows hardly travel: over 12 epochs, where a row comes and where it is stored have a correlation of "
            f"{travel:.2f}, near 0 for random orders. Shuffle all 100 rows at once.": abs(travel) > 0.15,
        })  # fmt: skip
        batches = np.reshape(whole.step_losses, (-1, 4))
        smells = {
            "That is the sum of the four losses: their mean is asked for.": batches.sum(axis=1),
            "That is the loss of the last batch alone: the mean of the four is asked for.": batches[:, -1],
        }
        expect(whole.losses, batches.mean(axis=1), on="the losses of 12 epochs", smells=smells, tolerance=1e-5)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        half = _Run(answer, x, y, folder, start=0.5, epochs=2)
        _Run(answer, x, y, other, start=0.3, epochs=1)  # what is kept outside the folder is another run's from here on
        rest = _Run(answer, x, y, folder, start=-2.0, epochs=4)
        on = "2 epochs, then a call that asks for 4"
        redone = f"it ran {len(rest.rows) // 4} epochs instead of the 2 that were left."
        refuse({
            f"{redone} Is a state saved and restored, with the number of the epoch in it, raised before each save?":
                len(rest.rows) != 8,
            "it returned the losses of the earlier call, too: only those of this call are asked for.":
                len(rest.losses) == 4 and np.allclose(rest.losses[:2], half.losses),
        }, on=on)  # fmt: skip
        resumed = [*half.losses, *rest.losses]
        if len(resumed) != 4 or not np.allclose(resumed, whole.losses[:4], atol=1e-6):
            refuse(_what_did_not_come_back(half, rest, orders), on=on)
            expect(resumed, whole.losses[:4], on="2 epochs and 2, against 4 at once", tolerance=1e-6)
        exact = all(map(np.array_equal, [half.last[0], *half.last[1]], [rest.first[0], *rest.first[1]]))
        refuse({"what came back is not to the last digit what was reached: save all digits.": not exact}, on=on)
        third = _Run(answer, x, y, folder, start=1.0, epochs=11)
        last = _Run(answer, x, y, folder, start=1.0, epochs=12)
        *none, after = [_Run(answer, x, y, folder, start=1.0, epochs=epochs) for epochs in (12, 3, 12, 13)]
    refuse({
        f"it took {counted(len(third.rows), 'step')} instead of the 28 of 7 epochs. Count the epochs of all calls.":
            len(third.rows) != 28,
        "its losses are other ones than in the uninterrupted run: save the state at the end of each call.":
            len(third.losses) != 7 or not np.allclose(third.losses, whole.losses[4:11], atol=1e-6),
    }, on="a third call, that asks for 11 epochs")  # fmt: skip
    newest = "is the newest state the one that comes back? As text, 10 stands before 9."
    refuse({
        f"it took {counted(len(last.rows), 'step')} instead of the 4 of one epoch: {newest}": len(last.rows) != 4,
        f"its loss is another one than in the uninterrupted run: {newest}":
            len(last.losses) != 1 or not np.allclose(last.losses, whole.losses[11:], atol=1e-6),
    }, on="11 epochs, then a call that asks for 12")  # fmt: skip
    done = "For a call with nothing left to do: no step and an empty list of losses are expected."
    require(not any(run.rows or run.losses for run in none[:2]), done)
    lower = "Asked for 12, then 3, then 12 epochs in all, it trains again: a call for fewer epochs leaves the state."
    require(not none[2].rows, lower)
    kept = after.first is not None and np.array_equal(last.last[0], after.first[0])
    lost = "a call with nothing left to do must leave the state as it was. Does it save a model that was not restored?"
    refuse({lost: not kept}, on="12 epochs, calls for no more than that, and one for 13")


def _share_neighbors(order, other) -> bool:
    """Tell whether two orders have half of their pairs of neighbors in common; two random ones have one in fifty."""
    pairs = [{frozenset(pair) for pair in itertools.pairwise(rows)} for rows in (order, other)]
    return len(pairs[0] & pairs[1]) > 50


def _batches(order) -> set:
    return {frozenset(rows) for rows in np.split(order, 4)}


def _what_did_not_come_back(half: "_Run", rest: "_Run", orders: list) -> dict:
    """Return what may be wrong with a resume whose losses are other ones, and whether it shows."""
    (weights, slots, noise), (first_weights, first_slots, first_noise) = half.last, rest.first
    resumed, other = np.concatenate(rest.rows[:4]), not np.allclose(weights, first_weights)
    own = np.allclose(first_weights, rest.begin)
    unbuilt, shared = len(first_slots) < len(slots), zip(slots, first_slots, strict=False)
    return {
        "the model began with its own starting weights. Save after the last step, and restore before the first; by the "
        "order of the variables, not by their names, which another model need not have.":
            other and own,
        "some weights of the model came back, others did not. Are they told apart? Two layers may have a kernel each.":
            other and np.any(np.isclose(weights, first_weights)),
        "the model began with other weights than were reached. Save after the last step, and restore before the first.":
            other,
        "the optimizer began at step 0: its averages and its step count belong to the state.": first_slots[0] <= 1,
        "the optimizer's step count came back, its averages did not.": not all(itertools.starmap(np.allclose, shared)),
        "the order began again with that of the first epoch: let it follow from the restored number.":
            np.array_equal(resumed, orders[0]),
        "the order was another one than in the uninterrupted run: let it depend on the epoch's number alone.":
            not np.array_equal(resumed, orders[2]),
        # After the order: a right resume may build the optimizer in its first step, which restores it then.
        "the optimizer's averages did not come back: it was not built yet when it was restored, so it had none.":
            unbuilt,
        "the dropout layer drew other numbers: the state of its generator is in model.variables, not in model.weights, "
        "and tf.train.Checkpoint(model=model) leaves it out.": not np.array_equal(noise, first_noise),
    }  # fmt: skip


class _Run:
    """One call of the answer, with what each of its training steps saw: the rows, and the state before and after."""

    def __init__(self, answer, x, y, folder, start, epochs):
        layers, self.begin = tf.keras.layers, (start, 2 * start)
        # Few weights, as there are many steps: two of the same name, which start apart, else they would stay alike.
        begin = map(tf.keras.initializers.Constant, self.begin)
        first, last = (layers.Dense(1, kernel_initializer=value, use_bias=False) for value in begin)
        self.noise = layers.Dropout(0.1, seed=int(10 * abs(start)))
        self.model = tf.keras.Sequential([layers.Input((1,)), self.noise, first, last])
        self.optimizer = tf.keras.optimizers.Adam(0.05)
        self.x, self.y, self.rows, self.step_losses, self.first = x, y, [], [], None
        self.most = 4 * epochs + 4
        given = x.copy(), y.copy()
        losses = answer(self.model, self.optimizer, self.train_step, *given, folder, epochs)
        self.last = self.state()
        losses = attempted(losses, asked="a list of the losses of the epochs that ran")
        numbers = [as_array(loss) for loss in losses]
        scalars = all(number is not None and number.shape == () for number in numbers)
        require(scalars, f"Got {written(losses)}. A list of numbers is expected, one for each epoch.")
        self.losses = [float(number) for number in numbers]
        kept = all(map(np.array_equal, given, (x, y)))
        require(kept, "x or y was changed in place. Shuffle the numbers of the rows, and leave the arrays as they are.")

    def train_step(self, x_batch, y_batch):
        x_batch, y_batch = np.asarray(x_batch), np.asarray(y_batch)
        require(x_batch.shape == (25, 1), f"A batch of shape (25, 1) is expected, and one of {x_batch.shape} came.")
        rows = [int(np.argmin(abs(self.x[:, 0] - value))) for value in x_batch[:, 0]]
        require(y_batch.shape == (25, 1), f"A batch of y has the shape (25, 1), and one of {y_batch.shape} came.")
        require(np.allclose(self.y[rows], y_batch), "A row of x came with the y of another: index both alike.")
        self.rows.append(rows)
        endless = "It takes steps without end: does the number of epochs rise, and is it compared with <, not with !=?"
        require(len(self.rows) <= self.most, endless)
        self.first = self.first or self.state()
        first, last = self.model.trainable_variables
        noisy = self.noise.call(x_batch, training=True)  # by hand, without tape and layers: there are many steps
        error = noisy * first * last - y_batch
        loss, slope = tf.reduce_mean(error**2), 2 * tf.reduce_mean(error * noisy)
        self.optimizer.apply_gradients([(slope * last, first), (slope * first, last)])
        self.step_losses.append(float(loss))
        return loss

    def state(self):
        slots = [np.asarray(v) for v in self.optimizer.variables]
        noise = np.asarray(self.noise.seed_generator.state)
        return np.concatenate([w.ravel() for w in self.model.get_weights()]), slots, noise

    def starts_anew(self):
        # At step 1, too: steps with gradients of 0 are an old way to build an optimizer, and move nothing.
        return self.first is not None and np.allclose(self.first[0], self.begin) and self.first[1][0] <= 1


@exercise(
    "2.4",
    "The norm of the gradient in the history",
    why="The norm of the gradient is the first thing to look at when a run diverges or stands still.",
    asks_for="class",
)
def norm_logger(answer):
    """Judge what `fit` reports over three epochs of five batches, and that the weights end where SGD takes them."""
    x, y = standard_line(40, seed=int(np.random.default_rng().integers(1000)))
    y = 40 * y  # gradients in the hundreds
    share = np.linspace(0.2, 2.0, 40)  # the batches differ in what their examples weigh together
    probe = _compiled(answer)
    attempted(probe.train_step((tf.constant(x[:8]), tf.constant(y[:8]))), dict, asked="a dict of the metrics' results")
    model = _compiled(answer)
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0, sample_weight=share).history
    losses, norms, sums, weights, of_kernel, largest, predicted, products, reached = _by_tape(x, y, share)
    refuse({
        "an entry gradient_norm is expected.": "gradient_norm" not in history,
        "the loss has to stay in it.": "loss" not in history,
    }, on=f"three epochs, the history has {sorted(history)}")  # fmt: skip
    moved = _weights_of_layers(model)
    require(np.any(moved != 0.5), "The weights have not moved: who applies the gradients?")
    _, of_probe, *_, without_weights = _by_tape(x, y, np.ones(40))
    unweighted = {"The sample weights were not used.": without_weights}
    on = "three epochs of five batches, with sample_weight"
    expect(moved, reached, on=f"the weights after {on}", smells=unweighted, tolerance=1e-4)
    means, of_batch = norms.mean(axis=1), share.reshape(5, 8).mean(axis=1)
    alike = "That is weighed by the sample weights of each batch: every batch counts alike in this mean."
    never_reset = np.cumsum(means) / np.arange(1, 4)
    since_the_probe = (of_probe[0, 0] + 5 * np.cumsum(means)) / (1 + 5 * np.arange(1, 4))
    fed_both = (norms + products).sum(axis=1) / (1 + predicted).sum(axis=1)  # predictions in the sample weights' place
    fed_predictions = (norms + predicted).sum(axis=1) / (5 * (1 + 8))
    smells = {
        "That is the norm of the last batch: keep a mean over the batches of the epoch.": norms[:, -1],
        "That is a mean over all epochs so far: the metric was never reset. Does the model know it?": never_reset,
        "That is a mean over all steps so far, another model's too: the metric was never reset. Is it the model's own?":
            since_the_probe,
        "The metric got labels and predictions, too, as in a loop over self.metrics: compute_metrics feeds the rest.":
            fed_both,
        "The metric got the predictions, too: compiled_metrics, of Keras 2, does that. compute_metrics feeds the rest.":
            fed_predictions,
        "That is the square of the norm.": (norms**2).mean(axis=1),
        "That is the sum of the variables' norms, or of absolute values: they add up in squares.": sums.mean(axis=1),
        "That is the root of the mean of the squares, where that of their sum is asked for.": means / np.sqrt(2),
        "That is the norm of the weights, not of the gradient.": weights.mean(axis=1),
        "That is a sum over the batches, not their mean.": norms.sum(axis=1),
        "The metric was never updated.": np.zeros(3),
        "That is divided by the number of variables.": means / 2,
        "That is the mean of the norms of the variables: they add up in squares.": sums.mean(axis=1) / 2,
        "That is the kernel's norm alone: the bias has a gradient, too.": of_kernel.mean(axis=1),
        "That is the largest entry alone: all of them count, by their squares.": largest.mean(axis=1),
        alike: np.average(norms, axis=1, weights=of_batch),
    }  # fmt: skip
    expect(history["gradient_norm"], means, on=f"gradient_norm of {on}", smells=smells, tolerance=1e-3)
    smells = {
        "The model's loss tracker was never updated: it is one of model.metrics.": np.zeros(3),
        "That is the loss of the last batch: what is not a metric is not averaged.": losses[:, -1],
        alike: np.average(losses, axis=1, weights=of_batch),
    }
    expect(history["loss"], losses.mean(axis=1), on=f"loss of {on}", smells=smells, tolerance=1e-3)
    _judge_in_other_surroundings(answer)


def _judge_in_other_surroundings(answer) -> None:
    """Judge another loss and optimizer, metrics, validation, a table and batch normalization, beside a loop."""
    share = np.linspace(0.2, 2.0, 24).astype("float32")
    ids, y, plain, at_inference = _telling_rows_and_model(share)
    held_out = ids[:12], y[:12] + 1, share[12:]
    copied, dense = (_model_with_a_table_and_averages() for _ in range(2))
    for twin in (copied, dense):
        twin.set_weights(plain.get_weights())
    model = answer(copied.inputs[0], copied.outputs[0])
    trainable_at_first = model.trainable_variables
    for each in (model, dense):  # after the model was made
        each.get_layer("frozen").trainable = False
    frozen = model.get_layer("frozen").get_weights()
    model.compile(_optimizer(), _loss_of_each_row, metrics=["mae"], weighted_metrics=["mse"])
    model.optimizer.build(trainable_at_first)  # else the first step makes variables, and is traced twice
    model.compute_metrics(ids, y, model(ids), share)  # makes those of the metrics
    model.reset_metrics()
    options = {"batch_size": 24, "epochs": 3, "shuffle": False, "verbose": 0}
    history = model.fit(ids, y, sample_weight=share, validation_data=held_out, **options).history
    on = "with metrics, sample_weight and validation_data"
    refuse({
        "the history has no mae. compute_metrics feeds the metrics that compile was given, and returns them.":
            "mae" not in history,
        "the history has val_gradient_norm, and validation takes no gradient. Take it out of what test_step returns.":
            "val_gradient_norm" in history,
        "the history has no val_loss.": "val_loss" not in history,
        "the history has no val_mae: validation has the metrics, too.": "val_mae" not in history,
    }, on=f"a fit {on}")  # fmt: skip
    moved = not all(map(np.array_equal, frozen, model.get_layer("frozen").get_weights()))
    late = "a layer that was frozen after the model was made has moved: ask for trainable_variables in each train_step."
    refuse({late: moved}, on=f"a fit {on}")
    optimizer, of_dense, wanted = _optimizer(), _optimizer(), {name: [] for name in _BY_HAND}
    for _epoch in range(3):
        for name, value in zip(_BY_HAND, _step_by_hand(plain, optimizer, ids, y, share), strict=False):
            wanted[name].append(value)
        _step_by_hand(dense, of_dense, ids, y, share, as_it_came=False)
        error = (predicted := plain(held_out[0], training=False)) - held_out[1]
        of_rows, penalty = _loss_of_each_row(held_out[1], predicted), sum(plain.losses)
        wanted["val_loss"].append(float(tf.reduce_mean(held_out[2] * of_rows) + penalty))
        wanted["val_loss without weights"].append(float(tf.reduce_mean(of_rows) + penalty))
        wanted["val_mae"].append(float(tf.reduce_mean(tf.abs(error))))
    told = f"a model with an Embedding, a frozen layer and batch normalization, with Adagrad, {on}"
    at_first = {
        "loss": {
            "The sample weights were not used.": wanted["unweighted"][0],
            "That is the mean squared error, not the loss that compile was given.": wanted["squares alone"][0],
            "The losses that layers bring, here a regularizer's, are missing: compute_loss adds them.":
                wanted["no penalty"][0],
            "The model was called without training=True.": at_inference,
        },
        "gradient_norm": {
            "A row of the table that is used more than once has several entries in its gradient. Convert it first.":
                wanted["norm of the entries"][0],
        },
    }  # fmt: skip
    for name, smells in at_first.items():
        on = f"{name} of the first epoch, of one batch, of {told}"
        expect(history[name][0], wanted[name][0], on=on, smells=smells, tolerance=1e-3)
    reached, by_hand, by_dense = map(_weights_of_layers, (model, plain, dense))
    made_dense = "the gradient of the Embedding was made a dense tensor before it was applied. Apply it as it came."
    is_dense = np.allclose(reached, by_dense, atol=1e-3) and not np.allclose(reached, by_hand, atol=1e-3)
    refuse({made_dense: is_dense}, on=told)
    ends = (
        "the weights end elsewhere than where the optimizer takes them. Does it apply the gradients as they came? Is "
        "the model called more than once in a step, or in validation with training=True? Then the averages of batch "
        "normalization move more than once."
    )
    require(np.allclose(reached, by_hand, atol=1e-3), f"For {told}: {ends}")
    often = {
        "mae": {"The metrics that compile was given were never fed: compute_metrics feeds them.": np.zeros(3)},
        "mse": {"The weighted metrics had no weights: compute_metrics takes sample_weight, too.":
            wanted["mse without weights"]},
        "val_loss": {
            "The model's loss tracker was never updated in validation.": np.zeros(3),
            "The sample weights were not used in validation.": wanted["val_loss without weights"],
        },
    }  # fmt: skip
    for name in ("loss", "gradient_norm", "mae", "mse", "val_loss", "val_mae"):
        on = f"{name} of three epochs of {told}"
        expect(history[name], wanted[name], on=on, smells=often.get(name), tolerance=2e-3)


def _weights_of_layers(model) -> np.ndarray:
    """Return the weights of a model's layers in a row, without what a model keeps count with."""
    return np.concatenate([w.ravel() for layer in model.layers for w in layer.get_weights()])


def _telling_rows_and_model(share) -> tuple:
    """Draw ids, labels and a model until its first loss shows the flag, and its gradient a table's repeated rows."""
    while True:
        ids, y = np.random.default_rng().integers(0, 6, (24, 3)), random_array(24, 1).astype("float32")
        model = _model_with_a_table_and_averages()
        model.get_layer("frozen").trainable = False
        start = model.get_weights()
        at_inference = tf.reduce_mean(share * _loss_of_each_row(y, model(ids, training=False))) + sum(model.losses)
        first = dict(zip(_BY_HAND, _step_by_hand(model, _optimizer(), ids, y, share), strict=False))
        model.set_weights(start)
        repeated = first["norm of the entries"] / first["gradient_norm"]
        wrong = float(at_inference), *(first[name] for name in ("unweighted", "squares alone", "no penalty"))
        if all(abs(loss - first["loss"]) > 0.02 for loss in wrong) and abs(repeated - 1) > 0.02:
            return ids, y, model, float(at_inference)


def _optimizer() -> tf.keras.optimizers.Optimizer:
    """Return one that takes the entries of a table's gradient for another one than their sum."""
    return tf.keras.optimizers.Adagrad(0.05)


_BY_HAND = (
    "loss", "gradient_norm", "mae", "mse", "unweighted", "squares alone", "no penalty", "norm of the entries",
    "mse without weights", "val_loss", "val_loss without weights", "val_mae",
)  # fmt: skip


def _step_by_hand(model, optimizer, ids, y, share, as_it_came=True) -> list[float]:
    """Take one step with the gradient as it came or made dense; return what is known, in the order of _BY_HAND."""
    with tf.GradientTape() as tape:
        predicted = model(ids, training=True)
        losses = _loss_of_each_row(y, predicted)
        penalty = sum(model.losses)
        loss = tf.reduce_mean(share * losses) + penalty
    gradients = tape.gradient(loss, model.trainable_variables)
    dense = [tf.convert_to_tensor(g) for g in gradients]
    optimizer.apply(gradients if as_it_came else dense, model.trainable_variables)
    norm = tf.linalg.global_norm(dense)
    error = predicted - y
    mae, squares, of_entries = (
        tf.reduce_mean(tf.abs(error)),
        tf.reduce_mean(share * error[:, 0] ** 2),
        tf.linalg.global_norm(gradients),
    )
    mse = tf.reduce_sum(share * error[:, 0] ** 2) / tf.reduce_sum(share)
    unweighted = tf.reduce_mean(losses) + penalty
    plain = tf.reduce_mean(error**2)
    return [float(v) for v in (loss, norm, mae, mse, unweighted, squares, loss - penalty, of_entries, plain)]


def _loss_of_each_row(y_true, y_pred) -> tf.Tensor:
    """Return a loss for each row that tells too low from too high."""
    return tf.reduce_mean(tf.exp(0.5 * (y_true - y_pred)) + 0.5 * tf.square(y_true - y_pred), axis=-1)


def _model_with_a_table_and_averages() -> tf.keras.Model:
    layers = tf.keras.layers
    frozen = layers.Dense(3, activation="tanh", name="frozen")  # later on
    charge = tf.keras.regularizers.L2(0.1)
    looked_up = [layers.Embedding(6, 3), layers.GlobalAveragePooling1D(), layers.BatchNormalization()]
    return tf.keras.Sequential(
        [layers.Input((3,), dtype="int32"), *looked_up, frozen, layers.Dense(1, kernel_regularizer=charge)]
    )


def _compiled(answer) -> tf.keras.Model:
    inputs, half = tf.keras.Input((1,)), tf.keras.initializers.Constant(0.5)
    model = answer(inputs, tf.keras.layers.Dense(1, kernel_initializer=half, bias_initializer=half)(inputs))
    attempted(model, tf.keras.Model, asked="a subclass of tf.keras.Model")
    model.compile(tf.keras.optimizers.SGD(0.05), tf.keras.losses.MeanSquaredError())
    return model


def _by_tape(x, y, share) -> tuple[np.ndarray, ...]:
    """Take three epochs of five steps, and return what is known of each batch, and the weights at the end.

    Of each epoch and batch: the loss, the norm of the gradient, the sum of the norms of the variables, the norm of the
    weights, the norm of the gradient of the kernel, the largest entry of the gradient, the sum of the predictions, and
    that of the labels times the predictions.
    """
    weights, rows = np.array([0.5, 0.5]), []
    for _epoch in range(3):
        for x_batch, y_batch, of_rows in zip(*(np.split(np.ravel(part), 5) for part in (x, y, share)), strict=True):
            error = weights[0] * x_batch + weights[1] - y_batch
            gradient = 2 * np.array([np.mean(of_rows * error * x_batch), np.mean(of_rows * error)])
            norm = np.linalg.norm
            weights = weights - 0.05 * gradient
            loss, parts, predicted = np.mean(of_rows * error**2), abs(gradient), error + y_batch
            of_gradient = norm(gradient), parts.sum(), norm(weights), parts[0], parts.max()
            rows.append((loss, *of_gradient, predicted.sum(), (y_batch * predicted).sum()))
    return *np.moveaxis(np.reshape(rows, (3, 5, 8)), -1, 0), weights


@exercise(
    "2.5",
    "Momentum by hand",
    why="You now know what an optimizer carries from step to step, and why a resume without it goes wrong.",
    deeper=True,
)
def momentum_step(answer):
    """Judge 20 steps against SGD with momentum, with a learning rate that is lowered after ten."""
    other = float(random_numbers(1, 0.3, 0.8)[0])
    for momentum, shape, size, of_gradient, rate, later in (
        (0.9, (3,), 1, 1, 0.2, 0.1),  # from a velocity of zeros, the others from any
        (other, (2, 1, 2), 1, 1e6, 1e-6, 5e-7),
        (0.2, (), 1, 1, 0.1, 0.05),
        (0.99, (3,), 1e-4, 1e-4, 0.1, 0.0),  # a shape again, with another velocity
    ):
        start, gradients = size * random_array(*shape), of_gradient * random_array(20, *shape, low=0.01, high=2)
        gradients[5] = 0  # which stops nothing: the velocity moves on
        rates = np.where(np.arange(20) < 10, rate, later)
        pushed = size * random_array(*shape) * (momentum != 0.9)
        want = _trajectory(start, gradients, rates, momentum, pushed=pushed)
        small = min(1, np.abs(want).max())  # the tolerance is relative to 1, not to small weights
        rules = {
            "That is plain gradient descent: the velocity is not kept, or not used.": "plain",
            "That moves uphill: the gradient pulls the velocity down.": "uphill",
            "The gradient is weighed by 1 - momentum: Keras does not do that.": "average",
            "The momentum multiplies the gradient, too: it belongs to the old velocity.": "inside",
            "That is Nesterov's momentum, SGD(nesterov=True).": "nesterov",
            "The learning rate multiplies the whole velocity, old pushes too: it belongs to the gradient.": "outside",
            "The learning rate multiplies the old velocity, too: it belongs to the gradient alone.": "all",
            "The learning rate enters twice, in the velocity and in the step of w: once is enough.": "twice",
            "That moves w by the old velocity, one step late, or by one that has no gradient in it.": "late",
            "The learning rate of the first steps is kept: it may change from step to step.": "first rate",
        }
        if momentum != 0.9:  # the first run tells it from plain gradient descent; at small rates nothing does
            rules = {smell: rule for smell, rule in rules.items() if rule not in ("outside", "all", "twice")}
        wrong = {smell: _trajectory(start, gradients, rates, momentum, rule, pushed) for smell, rule in rules.items()}
        w, velocity = tf.constant(start, tf.float32), tf.constant(pushed, tf.float32)
        for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True)):
            pair = answer(w, velocity, tf.constant(gradient, tf.float32), float(rate), momentum)
            got, velocity = attempted(pair, tuple, list, asked="the pair (new w, new velocity)", length=2)
            on = f"w after step {step + 1}, learning rate {rate:.3g}, momentum {momentum:.3g}"
            new_velocity = want[step] - (want[step - 1] if step else start)
            smells = {smell: path[step] for smell, path in wrong.items()}
            swapped = "The pair is swapped: first w, then the velocity."
            smells |= {
                swapped if _near(velocity, want[step]) else "That is the new velocity: add it to w.": new_velocity
            }
            if step == 5:
                smells = {"A gradient of 0 does not stop it: the old velocity moves w on.": want[4]}
            expect(got, want[step], on=on, smells=smells, tolerance=5e-6 * small)
            w, velocity = tf.convert_to_tensor(got), tf.convert_to_tensor(velocity)
            require_dtype(w, tf.float32, on)
            require_dtype(velocity, tf.float32, on.replace("w after", "the velocity after"))
        turned = {"The sign is the other one: the velocity is what is added to w.": -new_velocity}
        on = on.replace("w after", "the velocity after")
        expect(velocity, new_velocity, on=on, smells=turned, tolerance=1e-4 * small)


def _near(got, want) -> bool:
    """Tell whether what an answer returned is, to three digits, the array `want`."""
    array = as_array(got)
    return array is not None and array.shape == np.shape(want) and np.allclose(array, want, rtol=1e-3, atol=0)


def _trajectory(w, gradients, rates, momentum, rule="keras", pushed=0.0) -> np.ndarray:
    """Return the weights after each step, (steps, d), from a velocity on; the other rules are ways to get it wrong."""
    v, path = np.zeros_like(w) + pushed, []
    for g, rate in zip(gradients, rates, strict=True):
        old, rate = v, rates[0] if rule == "first rate" else rate
        push = -rate * g * {"uphill": -1, "average": 1 - momentum, "inside": momentum}.get(rule, 1)
        kept = momentum * v * (rate if rule == "all" else 1)
        v = push if rule == "plain" else kept + (-g if rule == "outside" else push)
        moves = {"nesterov": momentum * v + push, "outside": rate * v, "twice": rate * v, "late": old}
        w = w + moves.get(rule, v)
        path.append(w)
    return np.array(path)
