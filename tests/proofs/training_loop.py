"""Answers to the exercises of notebook 02 whose verdict is known."""

import itertools
import pickle
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tests.proofs import Proof


def sgd_by(fault=""):
    def sgd_step(model, loss_fn, x_batch, y_batch, learning_rate):
        variables = model.weights if fault == "frozen too" else model.trainable_variables
        if fault == "prediction before":
            model.predict_on_batch(x_batch)
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=fault != "no flag"))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            if gradient is None:
                continue
            gradient = tf.convert_to_tensor(gradient)
            gradient = tf.clip_by_norm(gradient, 100.0) if fault == "clipped" else gradient
            gradient = tf.sign(gradient) if fault == "sign" else gradient
            rates = {"uphill": -learning_rate, "no rate": 1.0, "capped": min(learning_rate, 0.1)}
            rates["by rows"] = learning_rate / len(x_batch)
            move = rates.get(fault, learning_rate) * gradient
            if fault == "no scalars" and len(variable.shape) == 0:
                continue
            if fault == "rebound":
                variable = variable - move
            else:
                variable.assign_sub(move)
            if fault == "one":
                break
        if fault == "second pass":
            model(x_batch, training=True)
        if fault == "late without the flag":
            return loss_fn(y_batch, model(x_batch))
        return loss_fn(y_batch, model(x_batch, training=True)) if fault == "late" else loss

    return sgd_step


def sgd_of_the_layers_that_train(model, loss_fn, x_batch, y_batch, learning_rate):
    """Ask each layer of the model whether it may move, and not what stands inside a block of layers."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y_batch, model(x_batch, training=True))
    variables = [variable for layer in model.layers if layer.trainable for variable in layer.weights]
    variables += [model.factor] if hasattr(model, "factor") else []
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        if gradient is not None:
            variable.assign_sub(learning_rate * tf.convert_to_tensor(gradient))
    return loss


def sgd_of_the_layers(model, loss_fn, x_batch, y_batch, learning_rate):
    """Pass over a variable of the model itself."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y_batch, model(x_batch, training=True))
    variables = [variable for layer in model.layers for variable in layer.trainable_variables]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(learning_rate * tf.convert_to_tensor(gradient))
    return loss


def sgd_of_the_first_model():
    """Return a step that moves the variables of the model of its first call, whatever model it is given."""
    listed = []

    def step(model, loss_fn, x_batch, y_batch, learning_rate):
        listed.extend([] if listed else model.trainable_variables)
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        for variable, gradient in zip(listed, tape.gradient(loss, listed), strict=True):
            if gradient is not None:
                variable.assign_sub(learning_rate * tf.convert_to_tensor(gradient))
        return loss

    return step


def sgd_by_the_mean_of_the_rows(model, loss_fn, *rest):
    """Take the loss of each row for itself, and their mean for the loss of the batch."""

    def mean_of_rows(y_true, y_pred):
        return tf.reduce_mean([loss_fn(y_true[i : i + 1], y_pred[i : i + 1]) for i in range(len(y_true))])

    return sgd_by()(model, mean_of_rows, *rest)


def sgd_with_the_first_row_held(model, *rest):
    """Take the first row of a table for padding, which stays."""
    before = [variable.numpy() for variable in model.trainable_variables]
    loss = sgd_by()(model, *rest)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        if variable.shape == (6, 3):
            variable.assign(tf.concat([old[:1], variable[1:]], axis=0))
    return loss


def first_variables(count):
    """Return a step that is right for models of at most `count` layers with weights."""

    def step(model, loss_fn, x_batch, y_batch, learning_rate):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        variables = (
            model.trainable_variables[-4:] if "frozen" in str(model.layers) else model.trainable_variables[-count:]
        )
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(learning_rate * gradient)
        return loss

    return step


def sgd_without_conversion(model, loss_fn, x_batch, y_batch, learning_rate):
    with tf.GradientTape() as tape:
        loss = loss_fn(y_batch, model(x_batch, training=True))
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        variable.assign_sub(learning_rate * gradient)
    return loss


def sgd_with_rows_overwritten(model, loss_fn, x_batch, y_batch, learning_rate):
    """Move each row of a table by one of its entries alone, where it has several."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y_batch, model(x_batch, training=True))
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        if isinstance(gradient, tf.IndexedSlices):
            table = np.zeros(variable.shape, "float32")
            table[gradient.indices.numpy()] = gradient.values.numpy()
            gradient = table
        variable.assign_sub(learning_rate * gradient)
    return loss


def sgd_freezing_all(model, *rest):
    loss = sgd_by()(model, *rest)
    model.trainable = False
    return loss


def sgd_by_persistent_tape(model, loss_fn, x_batch, y_batch, learning_rate):
    with tf.GradientTape(persistent=True) as tape:
        y_pred = model(x_batch, training=True)
        loss = loss_fn(y_batch, y_pred)
    moves = [(v, tape.gradient(loss, v)) for v in model.trainable_weights]
    for variable, gradient in moves:
        variable.assign(variable - learning_rate * tf.convert_to_tensor(gradient))
    return loss


def sgd_by_optimizer(model, loss_fn, x_batch, y_batch, learning_rate):
    optimizer = tf.keras.optimizers.SGD(learning_rate)
    with tf.GradientTape() as tape:
        loss = loss_fn(y_batch, model(x_batch, training=True))
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return loss.numpy()


def sgd_compiled(model, loss_fn, x_batch, y_batch, learning_rate):
    @tf.function
    def step(x_batch, y_batch):
        return sgd_by()(model, loss_fn, x_batch, y_batch, learning_rate)

    return float(step(x_batch, y_batch))


SPECS = [tf.TensorSpec([]), tf.TensorSpec([None, 1]), tf.TensorSpec([None, 1]), tf.TensorSpec([])]


def once_by_concrete_function(step):
    concrete = tf.function(step).get_concrete_function(*SPECS)
    return lambda *given: concrete(*(tf.constant(part, tf.float32) for part in given))


def once_by_decorator(step):
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)] * 4)
    def compiled(w, x_batch, y_batch, learning_rate):
        return step(w, x_batch, y_batch, learning_rate)

    return compiled


def once_for_vectors(step):
    compiled = once_by_decorator(step)
    return lambda w, x, y, rate: compiled(w, x[:, 0], y[:, 0], rate)


def once_for_each_row(step):
    compiled = once_by_decorator(step)
    return lambda w, x, y, rate: tf.reduce_mean([compiled(w, x[i : i + 1], y[i : i + 1], rate) for i in range(len(x))])


def fixed_rows(step):
    batch = tf.TensorSpec([6, 1], tf.float32)
    return tf.function(step, input_signature=[tf.TensorSpec([]), batch, batch, tf.TensorSpec([])])


def once_by_wrapped_tensors(step):
    compiled = tf.function(lambda *given: step(*given), input_signature=SPECS)
    return lambda w, x, y, rate: compiled(w, tf.constant(x), tf.constant(y), tf.constant(rate, tf.float32))


def once_by_variable(step):
    """Keep the learning rate in a variable, which a trace reads anew."""
    rate = tf.Variable(0.0)
    compiled = tf.function(lambda w, x, y: step(w, x, y, rate), input_signature=SPECS[:3])
    return lambda w, x, y, new: (rate.assign(new), compiled(w, x, y))[1]


def once_with_one_variable_for_all(step):
    """Return the same variable each time, which the next call assigns anew."""
    compiled, new_w = tf.function(step, input_signature=SPECS), tf.Variable(0.0)

    def call(*given):
        new_w.assign(compiled(*given))
        return new_w

    return call


def compiled_at_each_call(step):
    return lambda *given: tf.function(step, input_signature=SPECS)(*given)


def eager_for_one_row(step):
    compiled = tf.function(step, input_signature=SPECS)
    return lambda w, x, y, rate: (step if len(x) == 1 else compiled)(w, x, y, rate)


def results_remembered(step):
    """Remember the result by all that is no array."""
    compiled, known = tf.function(step, input_signature=SPECS), {}

    def call(w, x, y, rate):
        key = float(w), len(x), rate
        if key not in known:
            known[key] = compiled(w, x, y, rate)
        return known[key]

    return call


def once_with(change):
    """Return an answer that compiles once, and changes the arguments."""
    return lambda step: tf.function(lambda *given: step(*change(*given)), input_signature=SPECS)


def once_for_pairs_of_rows(step):
    """Drop the last row where their number is odd."""
    compiled = once_by_decorator(step)

    def call(w, x, y, rate):
        rows = max(len(x) // 2 * 2, 1)
        return compiled(w, x[:rows], y[:rows], rate)

    return call


def rate_as_tensor_only(step):
    compiled = tf.function(step)
    return lambda w, x, y, rate: compiled(w, x, y, tf.constant(rate))


def remembered_step():
    known = []

    def answer(step):
        known.append(tf.function(step, input_signature=SPECS))
        return known[0]

    return answer


def rate_of_the_first_call(step):
    compiled = []

    def call(w, x, y, rate):
        if not compiled:
            compiled.append(tf.function(lambda w, x, y: step(w, x, y, rate), input_signature=SPECS[:3]))
        return compiled[0](w, x, y)

    return call


def padded(step):
    compiled = tf.function(step, input_signature=SPECS)
    return lambda w, x, y, rate: compiled(w, *(np.pad(part, ((0, 6 - len(part)), (0, 0))) for part in (x, y)), rate)


def resume_by(fault=""):
    def exact_resume(model, optimizer, train_step, x, y, folder, epochs):
        listed = list(optimizer.variables)
        if fault != "unbuilt":
            optimizer.build(model.trainable_variables)
        epoch, rng = tf.Variable(0), np.random.default_rng(7)
        variables = model.weights if fault == "generators" else model.variables
        parts = {"model": variables, "optimizer": optimizer, "epoch": epoch}
        if fault == "as model":
            parts["model"] = model
        for left_out in fault.split("+"):
            parts.pop(left_out, None)
        if fault == "averages":
            parts["optimizer"] = tf.train.Checkpoint(steps=optimizer.iterations)
        if fault in ("unbuilt", "listed early"):
            parts["optimizer"] = listed
        state, latest = tf.train.Checkpoint(**parts), tf.train.latest_checkpoint(folder)
        if latest and fault != "fresh":
            state.restore(latest)
        losses = []
        while epoch != epochs if fault == "without end" else epoch < epochs:
            e = int(epoch)
            seeds = {
                "order restarts": len(losses),
                "one order": 1,
                "orders repeat": e % 3,
                "orders repeat late": e % 10,
            }
            seed = seeds.get(fault, e)
            order = (rng if fault == "drawn order" and int(epoch) else np.random.default_rng(seed)).permutation(100)
            order = np.arange(100) if fault == "stored order" or (fault == "first stored" and e == 0) else order
            order = np.roll(np.arange(100), 7 * int(epoch) + 1) if fault == "rolled" else order
            order = np.random.default_rng(e).integers(100, size=100) if fault == "drawn rows" else order
            if fault == "short buffer":
                order = np.array(list(tf.data.Dataset.range(100).shuffle(50, seed=e).as_numpy_iterator()))
            if fault == "halves":
                order = np.concatenate([50 + order[order < 50], order[order >= 50] - 50])
            if fault == "within batches":
                order = np.ravel(25 * np.arange(4)[:, None] + np.argsort(order[:25]))
            batches = np.split(order, 4)[: 3 if fault == "batch dropped" else 4]
            epoch.assign_add(1)
            if fault == "saved first":
                state.save(f"{folder}/state")
            of_batches = [train_step(x[rows], y[rows]) for rows in batches]
            losses.append({"sums": np.sum, "last losses": lambda steps: steps[-1]}.get(fault, np.mean)(of_batches))
            if fault == "in place":
                x[:], y[:] = x[order], y[order]
            if {"saved first": False, "saved early": epoch == 1}.get(fault, True):
                state.save(f"{folder}/state")
        return {"means of all": np.cumsum(losses) / np.arange(1, len(losses) + 1)}.get(fault, losses)

    return exact_resume


def resume_returning_all(*answer):
    """Return the losses of earlier calls, too, which are kept beside the state."""
    file = Path(answer[-2], "losses.pickle")
    before = pickle.loads(file.read_bytes()) if file.exists() else []
    losses = [*before, *resume_by()(*answer)]
    file.write_bytes(pickle.dumps(losses))
    return losses


def resume_writing_what_was_asked(*answer):
    """Write down the number that was asked for, though more epochs may be done."""
    losses = resume_by_pickle(*answer)
    file = Path(answer[-2], "state.pickle")
    file.write_bytes(pickle.dumps((answer[-1], *pickle.loads(file.read_bytes())[1:])))
    return losses


def resume_with_six_digits(*answer):
    """Write six digits of each number."""
    losses, file = resume_by_pickle(*answer), Path(answer[-2], "state.pickle")
    done, values = pickle.loads(file.read_bytes())
    shortened = [value if value.dtype.kind != "f" else np.round(value, 6) for value in values]
    file.write_bytes(pickle.dumps((done, shortened)))
    return losses


def resume_saving_what_was_not_restored(model, optimizer, *rest):
    """Save the values of the new model, too, when nothing is left to do."""
    optimizer.build(model.trainable_variables)
    values = [variable.numpy() for variable in [*model.variables, *optimizer.variables]]
    losses, file = resume_by_pickle(model, optimizer, *rest), Path(rest[-2], "state.pickle")
    if not len(losses):
        file.write_bytes(pickle.dumps((pickle.loads(file.read_bytes())[0], values)))
    return losses


def resume_by_path_of_the_variable(model, *rest):
    """Keep the model's variables by their paths, which are numbered on from model to model."""
    file, list_of_paths = (Path(rest[-2], name) for name in ("state.pickle", "paths.pickle"))
    paths = [variable.path for variable in model.variables]
    if file.exists():
        done, values = pickle.loads(file.read_bytes())
        by_path = dict(zip(pickle.loads(list_of_paths.read_bytes()), values, strict=False))
        own = [by_path.get(variable.path, variable.numpy()) for variable in model.variables]
        file.write_bytes(pickle.dumps((done, own + values[len(own) :])))
    losses = resume_by_pickle(model, *rest)
    list_of_paths.write_bytes(pickle.dumps(paths))
    return losses


def resume_saving_weights_once(*answer):
    """Write the number of epochs at the end of each call, and the weights at that of the first one alone."""
    file = Path(answer[-2], "state.pickle")
    weights = pickle.loads(file.read_bytes())[1] if file.exists() else None
    losses = resume_by_pickle(*answer)
    if weights:
        file.write_bytes(pickle.dumps((answer[-1], weights)))
    return losses


def resume_with_x_shuffled_alone(model, optimizer, train_step, x, *rest):
    return resume_by()(model, optimizer, train_step, np.random.default_rng(0).permutation(x), *rest)


def resume_by_name_of_the_file(first):
    """Return an answer that takes the last of its files, sorted by name, for the newest, and counts from `first`."""

    def answer(model, optimizer, train_step, x, y, folder, epochs):
        losses, state = [], Path(folder, "state.pickle")
        for file in sorted(Path(folder).glob("epoch*"))[-1:]:
            state.write_bytes(file.read_bytes())
        done = pickle.loads(state.read_bytes())[0] if state.exists() else 0
        for epoch in range(done, epochs):
            losses.extend(resume_by_pickle(model, optimizer, train_step, x, y, folder, epoch + 1))
            Path(folder, f"epoch{first + epoch}").write_bytes(state.read_bytes())
        return losses

    return answer


def resume_by_name_of_the_variable(model, *rest):
    """Keep the model's variables by their names, which two layers share."""
    losses, file = resume_by_pickle(model, *rest), Path(rest[-2], "state.pickle")
    done, values = pickle.loads(file.read_bytes())
    names = [variable.name for variable in model.variables]
    by_name = dict(zip(names, values, strict=False))
    file.write_bytes(pickle.dumps((done, [by_name[name] for name in names] + values[len(names) :])))
    return losses


def resume_by_pickle(model, optimizer, train_step, x, y, folder, epochs):
    optimizer.build(model.trainable_variables)
    file, done, losses = Path(folder, "state.pickle"), 0, []
    if file.exists():
        done, values = pickle.loads(file.read_bytes())
        for variable, value in zip([*model.variables, *optimizer.variables], values, strict=True):
            variable.assign(value)
    for epoch in range(done, epochs):
        order = tf.argsort(tf.random.stateless_uniform([100], seed=[0, epoch])).numpy()
        losses.append(np.mean([train_step(x[rows], y[rows]) for rows in np.split(order, 4)]))
    done = max(done, epochs)
    file.write_bytes(pickle.dumps((done, [v.numpy() for v in [*model.variables, *optimizer.variables]])))
    return np.array(losses)


def resume_with_the_last_values():
    """Return an answer that keeps the epoch in the folder and the values in a list."""
    kept = []

    def answer(model, optimizer, train_step, x, y, folder, epochs):
        optimizer.build(model.trainable_variables)
        variables, file, done, losses = [*model.variables, *optimizer.variables], Path(folder, "epoch"), 0, []
        if file.exists():
            done = int(file.read_text())
            for variable, value in zip(variables, kept[-1], strict=True):
                variable.assign(value)
        for epoch in range(done, epochs):
            order = np.random.default_rng(epoch).permutation(100)
            losses.append(float(np.mean([train_step(x[rows], y[rows]) for rows in np.split(order, 4)])))
        file.write_text(str(max(done, epochs)))
        kept.append([variable.numpy() for variable in variables])
        return losses

    return answer


def resume_from_memory():
    """Return an answer that keeps the state in a file of its own, by the name of the folder."""
    home = tempfile.TemporaryDirectory()

    def answer(model, optimizer, train_step, x, y, folder, epochs):
        own = Path(home.name, str(folder).replace("/", "_"))
        own.mkdir(exist_ok=True)
        return resume_by()(model, optimizer, train_step, x, y, str(own), epochs)

    answer.home = home  # lives as long as the answer
    return answer


def resume_deferred(model, optimizer, train_step, x, y, folder, epochs):
    """Never build the optimizer: its averages are restored when the first step makes them."""
    epoch, losses = tf.Variable(0), []
    state = tf.train.Checkpoint(variables=model.variables, optimizer=optimizer, epoch=epoch)
    if latest := tf.train.latest_checkpoint(folder):
        state.restore(latest)
    while epoch < epochs:
        order = np.random.default_rng(int(epoch)).permutation(100).reshape(4, 25)
        losses.append(float(sum(train_step(x[rows], y[rows]) for rows in order)) / 4)
        epoch.assign_add(1)
        state.save(f"{folder}/state")
    return losses


def resume_built_by_zeros(model, optimizer, *rest):
    """Build the optimizer by a step with gradients of 0, which moves nothing and counts as one."""
    optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in model.trainable_variables])
    return resume_by()(model, optimizer, *rest)


def resume_counting_this_call(model, optimizer, train_step, x, y, folder, epochs):
    """Write down how many epochs this call ran, not how many are done in all."""
    losses = resume_by_pickle(model, optimizer, train_step, x, y, folder, epochs)
    file = Path(folder, "state.pickle")
    file.write_bytes(pickle.dumps((len(losses), *pickle.loads(file.read_bytes())[1:])))
    return losses


def resume_once_more(model, optimizer, train_step, x, y, folder, epochs):
    losses = list(resume_by()(model, optimizer, train_step, x, y, folder, epochs))
    return losses or [train_step(x[:25], y[:25])]


def resume_by_manager(model, optimizer, train_step, x, y, folder, epochs):
    epoch, losses = tf.Variable(0), []
    optimizer.build(model.trainable_variables)
    noise = [variable for variable in model.variables if "seed_generator" in variable.path]
    state = tf.train.Checkpoint(model=model, noise=noise, optimizer=optimizer, epoch=epoch)
    manager = tf.train.CheckpointManager(state, folder, max_to_keep=1)
    manager.restore_or_initialize()
    while epoch < epochs:
        rows = tf.data.Dataset.range(100).shuffle(100, seed=100 + int(epoch)).batch(25)
        losses.append(tf.reduce_mean([train_step(x[r], y[r]) for r in rows.as_numpy_iterator()]))
        epoch.assign_add(1)
        manager.save()
    return losses


hidden_metric = [tf.keras.metrics.Mean(name="gradient_norm")]  # in a list, where no model sees it


def logger_by(fault=""):
    models = itertools.count()

    class Logger(tf.keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            if fault != "kept" or next(models) % 2 == 0:  # the check makes two, and the second goes on from the first
                hidden_metric[0].reset_state()
            listed = list(self.trainable_variables)
            self.early = lambda: listed  # in a function, where the model does not track them
            if fault not in ("hidden", "kept", "raw"):
                kind = tf.keras.metrics.Sum if fault == "summed" else tf.keras.metrics.Mean
                self.norm = kind(name="gradient_norm")

        @property
        def metrics(self):
            return [self.norm] if fault == "last loss" else super().metrics

        def train_step(self, batch):
            x, y, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=fault != "no flag")
                loss = self.compute_loss(x, y, y_pred, None if fault == "no weights" else weight)
                if fault == "own loss":
                    loss = tf.reduce_mean((1.0 if weight is None else weight[:, None]) * (y_pred - y) ** 2)
                loss -= sum(self.losses) if fault == "no penalty" else 0.0
            variables = self.early() if fault == "listed early" else self.trainable_variables
            gradients = tape.gradient(loss, variables)
            if fault == "by hand":
                for variable, gradient in zip(variables, gradients, strict=True):
                    variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
            elif fault != "idle":
                dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
                self.optimizer.apply(dense if fault == "dense" else gradients, variables)
            if fault != "entries":
                gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            norm = tf.linalg.global_norm(variables if fault == "weights" else gradients)
            norm = tf.linalg.global_norm(gradients[-2:]) if fault == "two alone" else norm
            norm = tf.linalg.global_norm([g for g in gradients if len(g.shape) > 1]) if fault == "kernels" else norm
            norm = tf.minimum(norm, 10.0) if fault == "capped" else norm
            norm = norm / len(gradients) if fault == "divided" else norm
            size = tf.cast(tf.add_n([tf.size(g) for g in gradients]), tf.float32)
            norm = norm / tf.sqrt(size) if fault == "root of the mean" else norm
            norm = tf.reduce_max([tf.reduce_max(tf.abs(g)) for g in gradients]) if fault == "largest" else norm
            norms = [tf.norm(g) for g in gradients]
            norm = {"square": norm**2, "sum": tf.add_n(norms), "mean": tf.reduce_mean(norms)}.get(fault, norm)
            tracked = hidden_metric[0] if fault in ("hidden", "kept") else None if fault == "raw" else self.norm
            of_batch = None if weight is None else tf.reduce_mean(weight)
            for metric in self.metrics:
                if metric.name == "loss" and fault != "no loss":
                    metric.update_state(loss, of_batch if fault == "loss by weights" else None)
            if fault == "raw":
                return {"loss": loss, "gradient_norm": norm}
            if fault != "never updated":
                tracked.update_state(norm, of_batch if fault == "norm by weights" else None)
            if fault in ("fed both", "fed predictions"):
                tracked.update_state(*(y, y_pred)[fault == "fed predictions" :])
            if fault == "norm alone":
                return {"gradient_norm": tracked.result()}
            if fault == "unfed":
                return self.get_metrics_result()
            if fault == "no metrics":
                return {"loss": self.metrics[0].result(), "gradient_norm": tracked.result()}
            weight = None if fault == "metrics without weights" else weight
            results = {**self.compute_metrics(x, y, y_pred, weight), "gradient_norm": tracked.result()}
            return results | {"loss": loss} if fault == "last loss" else results

        def test_step(self, batch):
            results = super().test_step(batch[:2] if fault == "validation without weights" else batch)
            if fault == "loss alone":
                return {"loss": results["loss"]}
            if fault == "metrics alone":
                del results["loss"]
            if fault == "no loss in validation":
                results["loss"] = 0.0 * results["loss"]
            return {n: r for n, r in results.items() if n != "gradient_norm" or fault == "in validation"}

    return Logger


class Measured:
    """A step and a validation to be put before tf.keras.Model."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.gradient_norm = tf.keras.metrics.Mean(name="gradient_norm")

    def train_step(self, batch):
        x, y, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, training=True)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.gradient_norm.update_state(tf.linalg.global_norm([tf.convert_to_tensor(g) for g in gradients]))
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        {metric.name: metric for metric in self.metrics}["loss"].update_state(loss)
        return self.compute_metrics(x, y, y_pred, sample_weight=weight)

    def test_step(self, batch):
        results = dict(super().test_step(batch))
        results.pop("gradient_norm")
        return results


class LoggerByMixin(Measured, tf.keras.Model):
    pass


class LoggerOnSuper(tf.keras.Model):
    """Makes its metric when the first batch comes, and takes the root of the sum of squares itself."""

    def train_step(self, batch):
        x, y, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
        if not hasattr(self, "norm"):
            self.norm = tf.keras.metrics.Mean(name="gradient_norm")
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=weight)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.norm.update_state(tf.sqrt(sum(tf.reduce_sum(tf.convert_to_tensor(g) ** 2) for g in gradients)))
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        return self.compute_metrics(x, y, y_pred, sample_weight=weight)

    def test_step(self, batch):
        results = super().test_step(batch)
        del results["gradient_norm"]
        return results


class LoggerInTheOptimizersPlace(tf.keras.Model):
    """Leaves the step to Keras, and takes the norm where the gradients come by."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.norm = tf.keras.metrics.Mean(name="gradient_norm")

    def train_step(self, batch):
        apply_gradients = self.optimizer.apply_gradients

        def watched(pairs):
            pairs = list(pairs)
            self.norm.update_state(tf.linalg.global_norm([tf.convert_to_tensor(g) for g, _ in pairs]))
            return apply_gradients(pairs)

        self.optimizer.apply_gradients = watched
        try:
            return {**super().train_step(batch), "gradient_norm": self.norm.result()}
        finally:
            self.optimizer.apply_gradients = apply_gradients

    def test_step(self, batch):
        return {name: value for name, value in super().test_step(batch).items() if name != "gradient_norm"}


class LoggerThatCounts(tf.keras.Model):
    """Keeps the sum of the norms and their number in weights of the model, and sets them back with the metrics."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.sum, self.count = (self.add_weight(shape=(), initializer="zeros", trainable=False) for _ in range(2))

    def reset_metrics(self):
        super().reset_metrics()
        self.sum.assign(0.0)
        self.count.assign(0.0)

    def train_step(self, batch):
        x, y, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.sum.assign_add(tf.linalg.global_norm([tf.convert_to_tensor(g) for g in gradients]))
        self.count.assign_add(1.0)
        self.metrics[0].update_state(loss)
        return {**self.compute_metrics(x, y, y_pred, weight), "gradient_norm": self.sum / self.count}


class LoggerBesideTheStep(tf.keras.Model):
    """Takes the norm of a gradient of its own, and leaves the step to Keras: the model is called twice."""

    def train_step(self, batch):
        x, y, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
        if not hasattr(self, "norm"):
            self.norm = tf.keras.metrics.Mean(name="gradient_norm")
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True), weight)
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, self.trainable_variables)]
        self.norm.update_state(tf.linalg.global_norm(gradients))
        return {**super().train_step(batch), "gradient_norm": self.norm.result()}

    def test_step(self, batch):
        return {name: value for name, value in super().test_step(batch).items() if name != "gradient_norm"}


class LoggerTrainingInValidation(logger_by()):
    """Calls the model in validation as in training."""

    def test_step(self, batch):
        x, y, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
        y_pred = self(x, training=True)
        self.metrics[0].update_state(self.compute_loss(x, y, y_pred, weight))
        results = self.compute_metrics(x, y, y_pred, weight)
        return {name: value for name, value in results.items() if name != "gradient_norm"}


class LoggerWithOwnLoss(tf.keras.Model):
    """Reports its own mean squared error, whatever loss compile was given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.trackers = {name: tf.keras.metrics.Mean(name=name) for name in ("loss", "gradient_norm")}

    @property
    def metrics(self):
        return list(self.trackers.values())

    def train_step(self, batch):
        x_batch, y_batch, weight = tf.keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            squares = (self(x_batch, training=True) - y_batch) ** 2
            loss = tf.reduce_mean(squares if weight is None else weight[:, None] * squares)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.trackers["loss"].update_state(loss)
        self.trackers["gradient_norm"].update_state(tf.linalg.global_norm(gradients))
        return {name: tracker.result() for name, tracker in self.trackers.items()}


def momentum_in_numpy(w, velocity, gradient, learning_rate, momentum):
    velocity = np.multiply(momentum, velocity) - learning_rate * gradient.numpy()
    return [w + velocity, velocity]


def momentum_by_tensor_methods(w, velocity, gradient, learning_rate, momentum):
    """Count on tensors: what an earlier call has returned comes back as one."""
    new = momentum * velocity.numpy() - np.float32(learning_rate) * gradient.numpy()
    return np.float32(w.numpy() + new), np.float32(new)


def momentum_by_ops(w, velocity, gradient, learning_rate, momentum):
    velocity = tf.keras.ops.subtract(momentum * velocity, learning_rate * gradient)
    return (tf.keras.ops.add(w, velocity), velocity)


def momentum_by_optimizer(w, velocity, gradient, learning_rate, momentum):
    optimizer = tf.keras.optimizers.SGD(learning_rate, momentum=momentum)
    variable = tf.Variable(w)
    optimizer.build([variable])
    optimizer.variables[2].assign(velocity)
    optimizer.apply([gradient], [variable])
    return tf.constant(variable.numpy()), tf.constant(optimizer.variables[2].numpy())


def momentum_with_a_velocity_of_its_own():
    """Return an answer that keeps the velocity, until it is told to begin with zeros."""
    known = {}

    def answer(w, velocity, gradient, learning_rate, momentum):
        velocity = known.get(tuple(w.shape), velocity) if np.any(velocity) else velocity
        new_w, known[tuple(w.shape)] = momentum_in_numpy(w, velocity, gradient, learning_rate, momentum)
        return new_w, known[tuple(w.shape)]

    return answer


def momentum_remembered():
    """Return an answer that keeps the velocity itself, by the shape of the weights."""
    known = {}

    def answer(w, velocity, gradient, learning_rate, momentum):
        velocity = known.get(tuple(w.shape), velocity)
        new_w, known[tuple(w.shape)] = momentum_in_numpy(w, velocity, gradient, learning_rate, momentum)
        return new_w, known[tuple(w.shape)]

    return answer


def momentum_outside(w, velocity, gradient, learning_rate, momentum):
    velocity = momentum * velocity + gradient
    return w - learning_rate * velocity, velocity


def nesterov(w, velocity, gradient, learning_rate, momentum):
    velocity = momentum * velocity - learning_rate * gradient
    return w + momentum * velocity - learning_rate * gradient, velocity


def raising(*_):
    raise ValueError("no")


PROOFS = {
    "sgd_step": Proof(
        right=[
            sgd_by(),
            sgd_by_optimizer,
            sgd_compiled,
            sgd_by_persistent_tape,
            tf.function(sgd_by(), jit_compile=True),
        ],
        wrong={
            "the sign of the gradient, not the gradient": sgd_by("sign"),
            "no weight has moved": sgd_by("rebound"),
            "of the model that was handed over": sgd_of_the_first_model(),
            "a frozen layer moved": sgd_by("frozen too"),
            "Which list holds only what may move": sgd_of_the_layers_that_train,
            "training=True": sgd_by("no flag"),
            "step uphill": sgd_by("uphill"),
            "learning rate is not used": sgd_by("no rate"),
            "did not move": sgd_by("one"),
            "loss after the step:": sgd_by("late"),
            "of a call without training=True": sgd_by("late without the flag"),
            "loss_fn has averaged already": sgd_by("by rows"),
            "arguments of loss_fn are swapped": lambda model, loss_fn, *rest: sgd_by()(
                model, lambda y_true, y_pred: loss_fn(y_pred, y_true), *rest
            ),
            "The learning rate": lambda *answer: sgd_by("no rate")(*answer),
            "3 of 5 trainable variables did not move": first_variables(2),
            "with 6 rows and learning rate 0: expected": sgd_by_the_mean_of_the_rows,
            "with 6 rows and learning rate 1.": sgd_by("capped"),
            "the change of a weight in one step with 6 rows": sgd_by("clipped"),
            "1 of 5 trainable variables did not move": sgd_by("no scalars"),
            "1 of 5 trainable variables": sgd_of_the_layers,
            "of shape (6, 3) whose entry [0,": sgd_with_the_first_row_held,
            "with 300 rows": lambda model, loss_fn, x, y, rate: sgd_by()(model, loss_fn, x[:128], y[:128], rate),
            "learning rate 0:": lambda *answer: sgd_by()(*answer[:-1], answer[-1] or 0.01),
            "the model was called more than once": sgd_by("prediction before"),
            "changed which variables are trainable": sgd_freezing_all,
            "with 1 row and": lambda model, loss_fn, x, y, rate: sgd_by()(
                model, tf.keras.losses.MeanSquaredError(), x, y, rate
            ),
            "Call the model once": sgd_by("second pass"),
            "with 5 rows": sgd_with_rows_overwritten,
            "The loss is expected": lambda *answer: sgd_by()(*answer) and None,
        },
        raises=raising,
        breaks=(sgd_without_conversion,),
    ),
    "find_retrace": Proof(
        right=[once_by_concrete_function, once_by_decorator, once_by_wrapped_tensors, once_by_variable],
        wrong={
            "Each new learning rate": tf.function,
            "another number of rows": rate_as_tensor_only,
            "the number of rows was fixed": fixed_rows,
            "plain Python at every call": lambda step: step,
            "of the first call was built in": rate_of_the_first_call,
            "other rows than its own": padded,
            "compile the step once": compiled_at_each_call,
            "or at some": eager_for_one_row,
            "expected": results_remembered,
            "learning rate 0.0": once_with(lambda w, x, y, rate: (w, x, y, tf.maximum(rate, 1e-3))),
            "1001 rows": once_with(lambda w, x, y, rate: (w, x[:256], y[:256], rate)),
            "For 5 rows": once_for_pairs_of_rows,
            "The new w of an earlier call changed": once_with_one_variable_for_all,
            "learning rate 2.5": once_with(lambda w, x, y, rate: (w, x, y, tf.minimum(rate, 1.0))),
            "float64 came": lambda step: lambda *given: tf.cast(once_by_decorator(step)(*given), tf.float64),
            "from an earlier call": remembered_step(),
            "For 6 rows": once_for_each_row,
            "A function is expected": lambda step: 1,
        },
        raises=raising,
        breaks=(
            once_for_vectors,
            lambda step: tf.function(lambda *given: step(*given[:3])),
            lambda step: lambda *given: int("rate"),
        ),
    ),
    "exact_resume": Proof(
        right=[resume_by(), resume_by_pickle, resume_by_manager, resume_deferred, resume_built_by_zeros],
        wrong={
            "began with other weights than were reached": resume_by("saved first"),
            "Save after the last step": resume_with_the_last_values(),
            "use every row exactly once": resume_by("drawn rows"),
            "save the state at the end of each call": resume_saving_weights_once,
            "save all digits": resume_with_six_digits,
            "save a model that was not restored?": resume_saving_what_was_not_restored,
            "not by their names": resume_by_path_of_the_variable,
            "came with the y of another": resume_with_x_shuffled_alone,
            "the dropout layer drew other numbers": resume_by("generators"),
            "tf.train.Checkpoint(model=model) leaves it out": resume_by("as model"),
            "it was not built yet when it was restored": resume_by("unbuilt"),
            "averages did not.": resume_by("listed early"),
            "the optimizer began at step 0": resume_by("optimizer"),
            "its averages did not": resume_by("averages"),
            "its own starting weights": resume_by("model+optimizer"),
            "instead of the 2 that were left": resume_by("epoch"),
            "ran 4 epochs instead": resume_by("fresh"),
            "began again with that of the first epoch": resume_by("order restarts"),
            "another one than in the uninterrupted": resume_by("drawn order"),
            "Two epochs had the same order": resume_by("one order"),
            "in which they are stored": resume_by("stored order"),
            "are 48 steps; it took 36": resume_by("batch dropped"),
            "the losses of 12 epochs": resume_by("means of all"),
            "the sum of the four losses": resume_by("sums"),
            "the loss of the last batch alone": resume_by("last losses"),
            "the losses of 12 epochs: expected": lambda *answer: [round(loss, 3) for loss in resume_by()(*answer)],
            "ran 3 epochs instead": resume_by("saved early"),
            "Count the epochs of all calls": resume_counting_this_call,
            "Two epochs had": resume_by("orders repeat"),
            "In one epoch at least": resume_by("first stored"),
            "no step and an empty list": resume_once_more,
            "is it compared with <, not with !=": resume_by("without end"),
            "Most neighbors stay neighbors": resume_by("rolled"),
            "the same rows in their batches": resume_by("within batches"),
            "The rows hardly travel": resume_by("short buffer"),
            "near 0 for random orders": resume_by("halves"),
            "reports another number of losses: 11": lambda *answer: resume_by()(*answer[:-1], answer[-1] - 1),
            "some weights of the model came back": resume_by_name_of_the_variable,
            "keep the state in the folder alone": resume_from_memory(),
            "A list of the losses": lambda *answer: resume_by()(*answer) and None,
            "let it follow from the epoch": resume_by("orders repeat late"),
            "another number of losses: 6": lambda *answer: resume_by()(*answer[:-1], min(answer[-1], 6)),
            "changed in place": resume_by("in place"),
            "A list of numbers is expected": lambda *answer: [str(loss) for loss in resume_by()(*answer)],
            "one for each epoch": lambda *answer: [np.reshape(loss, [1]) for loss in resume_by()(*answer)],
            "the losses of the earlier call, too": resume_returning_all,
            "12, then 3, then 12 epochs": resume_writing_what_was_asked,
            "As text, 10 stands before 9": resume_by_name_of_the_file(1),
            "it took 8 steps instead of the 4": resume_by_name_of_the_file(0),
            "has the shape (25, 1)": lambda model, optimizer, train_step, *rest: resume_by()(
                model, optimizer, lambda x, y: train_step(x, y[:, 0]), *rest
            ),
        },
        raises=raising,
    ),
    "norm_logger": Proof(
        right=[logger_by(), LoggerOnSuper, LoggerInTheOptimizersPlace, LoggerByMixin, LoggerThatCounts],
        wrong={
            "the loss has to stay in it": logger_by("norm alone"),
            "a sum over the batches, not their mean": logger_by("summed"),
            "divided by the number of variables": logger_by("divided"),
            "the loss of the last batch": logger_by("last loss"),
            "the history has no val_loss": logger_by("metrics alone"),
            "end elsewhere than where the optimizer takes them": LoggerBesideTheStep,
            "or in validation with training=True": LoggerTrainingInValidation,
            "norm of the last batch": logger_by("raw"),
            "never reset": logger_by("hidden"),
            "another model's too": logger_by("kept"),
            "as in a loop over self.metrics": logger_by("fed both"),
            "compiled_metrics, of Keras 2": logger_by("fed predictions"),
            "square of the norm": logger_by("square"),
            "sum of the variables' norms, or": logger_by("sum"),
            "norm of the weights": logger_by("weights"),
            "weights have not moved": logger_by("idle"),
            "loss tracker was never updated": logger_by("no loss"),
            "The metric was never updated": logger_by("never updated"),
            "an entry gradient_norm is expected": tf.keras.Model,
            "gradient_norm of the first epoch": logger_by("two alone"),
            "called without training=True": logger_by("no flag"),
            "Does it apply the gradients as they came?": logger_by("by hand"),
            "root of the mean of the squares": logger_by("root of the mean"),
            "the largest entry alone": logger_by("largest"),
            "never updated in validation": logger_by("no loss in validation"),
            "takes sample_weight, too": logger_by("metrics without weights"),
            "The sample weights were not used": logger_by("no weights"),
            "not the loss that compile was given": logger_by("own loss"),
            "Convert it first": logger_by("entries"),
            "were never fed": logger_by("unfed"),
            "has no mae. compute_metrics feeds": logger_by("no metrics"),
            "the history has no mae": LoggerWithOwnLoss,
            "validation takes no gradient": logger_by("in validation"),
            "compute_loss adds them": logger_by("no penalty"),
            "For gradient_norm of three epochs": logger_by("capped"),
            "For mse of three epochs": logger_by("metrics without weights"),
            "not used in validation": logger_by("validation without weights"),
            "the history has no val_mae": logger_by("loss alone"),
            "every batch counts alike": logger_by("norm by weights"),
            "For loss of three epochs of five batches": logger_by("loss by weights"),
            "was made a dense tensor": logger_by("dense"),
            "frozen after the model was made": logger_by("listed early"),
            "mean of the norms of the variables": logger_by("mean"),
            "the kernel's norm alone": logger_by("kernels"),
        },
        raises=lambda inputs, outputs: raising(),
    ),
    "momentum_step": Proof(
        right=[momentum_in_numpy, momentum_by_optimizer, momentum_by_tensor_methods, momentum_by_ops],
        wrong={
            "plain gradient descent": lambda w, v, g, rate, momentum: (w - rate * g, v),
            "moves uphill": lambda w, v, g, rate, momentum: (w + (momentum * v + rate * g), momentum * v + rate * g),
            "weighed by 1 - momentum": lambda w, v, g, rate, m: (
                w + m * v - rate * (1 - m) * g,
                m * v - rate * (1 - m) * g,
            ),
            "Nesterov": nesterov,
            "old pushes too": momentum_outside,
            "momentum multiplies the gradient, too": lambda w, v, g, rate, m: (
                w + m * (v - rate * g),
                m * (v - rate * g),
            ),
            "it belongs to the gradient alone": lambda w, v, g, rate, m: (w + rate * (m * v - g), rate * (m * v - g)),
            "learning rate enters twice": lambda w, v, g, rate, m: (w + rate * (m * v - rate * g), m * v - rate * g),
            "one step late": lambda w, v, g, rate, m: (w + v, m * v - rate * g),
            "The shape is": lambda *answer: [tf.reshape(part, [-1]) for part in momentum_in_numpy(*answer)],
            "momentum 0.9": lambda w, v, g, rate, m: momentum_in_numpy(w, v, tf.abs(g), rate, m),
            "velocity is what is added": lambda w, v, g, rate, m: (w - (m * v + rate * g), m * v + rate * g),
            "learning rate of the first steps is kept": lambda w, v, g, rate, m: momentum_in_numpy(w, v, g, 0.2, m),
            "expected [[[": lambda w, v, g, rate, m: momentum_in_numpy(w, v, tf.clip_by_value(g, -1e4, 1e4), rate, m),
            "learning rate 0, momentum 0.99": lambda w, v, g, rate, m: momentum_in_numpy(w, v, g, rate or 0.01, m),
            "learning rate 0.1, momentum 0.99": lambda w, v, g, rate, m: momentum_in_numpy(w, v, g, rate, min(m, 0.95)),
            "after step 1, learning rate 0.1, momentum 0.9": momentum_remembered(),
            "momentum 0.99: expected": lambda w, v, g, rate, m: momentum_in_numpy(
                w, v, tf.where(abs(g) < 1e-3, 0.0, g), rate, m
            ),
            "float64 came": lambda w, v, g, rate, m: momentum_in_numpy(
                *(tf.cast(t, tf.float64) for t in (w, v, g)), rate, m
            ),
            "after step 1, learning rate 0.1, momentum 0.99": momentum_with_a_velocity_of_its_own(),
            "w after step 6": lambda w, v, g, rate, m: tuple(
                tf.where(g == 0, old, new) for old, new in zip((w, v), momentum_in_numpy(w, v, g, rate, m), strict=True)
            ),
            "the old velocity moves w on": lambda w, v, g, rate, m: (
                momentum_in_numpy(w, v, g, rate, m) if np.any(g) else (w, v)
            ),
            "pair is swapped": lambda *answer: momentum_in_numpy(*answer)[::-1],
            "the new velocity: add it to w": lambda *answer: (momentum_in_numpy(*answer)[1],) * 2,
            "The pair (new w, new velocity) is expected": lambda w, v, g, rate, m: w - rate * g,
        },
        raises=raising,
    ),
}
