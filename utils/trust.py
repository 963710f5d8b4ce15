# Copyright 2026 the authors of the course. Licensed under the Apache License, Version 2.0 (the "License"); you may not
# use this file except in compliance with the License. A copy is at https://www.apache.org/licenses/LICENSE-2.0. What is
# distributed under the License is distributed "as is", without warranties or conditions of any kind.
"""trust: ask a training set-up in TensorFlow whether it can be trusted. One file, to be copied into your project.

    report = trust.audit(model, x, y, validation_data=(x_val, y_val))     # a compiled model
    report = trust.audit(model, x, y, loss_fn=loss_fn, optimizer=optimizer, train_step=train_step)     # your own loop
    print(report)
    report.assert_ok()     # in a test

Custom training code rarely crashes: it is silently wrong. First come the habits of the course as functions of
their own, each built in the open in the notebook that its heading names. The rest of the file has the questions that
`audit` asks, more than fifty of them. It needs TensorFlow 2.18 or later, with its Keras 3, and NumPy.
"""

from __future__ import annotations

import contextlib
import html
import importlib
import inspect
import itertools
import random
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

# ---------------------------------------------------------------------------------------------------------------------
# The habits
# ---------------------------------------------------------------------------------------------------------------------

# Notebook 1, autodiff.


def unreached(gradients, variables):
    """Return the names of the variables that no gradient reaches."""
    assert variables, "there are no variables to reach"
    pairs = zip(gradients, variables, strict=True)
    return [getattr(v, "path", v.name).split(":")[0] for g, v in pairs if g is None]


# Notebook 2, the training loop.


def change_in_company(predict, x, rows=10):
    """Return the largest change of an answer between a row alone and the same row among all of x."""
    among = np.asarray(predict(x))[:rows]
    parts = [tf.nest.map_structure(lambda part, i=i: part[i : i + 1], x) for i in range(len(among))]
    alone = [np.asarray(predict(part))[0] for part in parts]
    return np.abs(among - alone).max()


def untracked(model, x):
    """Return the names of the weights that the forward pass uses and `model` does not know."""
    with tf.GradientTape() as tape:
        model(x)
    known = {id(part) for v in model.variables for part in (v.value, *getattr(v.value, "values", ()))}
    return [v.name.split(":")[0] for v in tape.watched_variables() if id(v) not in known]


# Notebook 3, custom losses.


def slopes_by_difference(f, point, h=1e-5):
    """Return the slope of f along each entry of `point` by central differences, in the shape of `point`."""
    steps = h * tf.reshape(tf.eye(tf.size(point), dtype=point.dtype), (-1, *point.shape))
    slopes = [(f(point + step) - f(point - step)) / (2 * h) for step in steps]
    return tf.reshape(tf.stack(slopes), point.shape)


def zero_is_absence(loss_fn, y_true, y_pred):
    """Return whether weight 0 for one half of the rows is the same as their absence, for any reduction."""
    n = len(y_true)
    for kept in (slice(0, n // 2), slice(n // 2, n)):
        weights = np.zeros(y_pred.shape[:-1])
        weights[kept] = 1
        try:
            weighted = tf.reduce_sum(loss_fn(y_true, y_pred, sample_weight=weights))
            absent = tf.reduce_sum(loss_fn(y_true[kept], y_pred[kept]))
        except (ValueError, tf.errors.InvalidArgumentError):
            return False  # not as many values as weights, or a loss for one number of rows only
        share = len(y_true[kept]) / n
        if not (np.isclose(weighted, absent, rtol=1e-4) or np.isclose(weighted, share * absent, rtol=1e-4)):
            return False
    return True


def refuses_missing_axis(loss_fn, y_true, y_pred):
    """Return whether labels without their last axis of 1 raise, or give the same loss as those that have it."""
    if y_true.shape[-1] != 1:
        return True
    try:
        return bool(np.allclose(loss_fn(y_true[..., 0], y_pred), loss_fn(y_true, y_pred), rtol=1e-4))
    except (AssertionError, ValueError, tf.errors.InvalidArgumentError):
        return True


def check_loss(loss_fn, y_true, y_pred, perfect, expected=None):
    """Return the questions that a keras Loss fails; `expected` is the mean loss of y_pred, worked out by hand.

    For one tensor of predictions, two rows or more, with errors that differ. `call` gets float64, and float32 where
    the loss is called as a whole: a constant in it needs the dtype of y_pred.
    """
    y_true, y_pred, perfect = (tf.cast(a, tf.float64) for a in (y_true, y_pred, perfect))
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        values = tf.convert_to_tensor(loss_fn.call(y_true, y_pred))
    slopes = tape.gradient(values, y_pred)
    judged = slopes_by_difference(lambda p: tf.reduce_sum(loss_fn.call(y_true, p)), y_pred)
    answers = {
        "one value each": values.shape == y_pred.shape[:-1],
        "zero if perfect": np.allclose(loss_fn.call(y_true, perfect), 0, atol=1e-6),
        "slope": slopes is not None and np.allclose(slopes, judged, atol=1e-6 + 1e-4 * np.abs(judged).max()),
        "weight 0 is absence": zero_is_absence(loss_fn, y_true, y_pred),
        "no axis missing": refuses_missing_axis(loss_fn, y_true, y_pred),
        "scale": expected is None or np.isclose(tf.reduce_mean(values), expected, rtol=1e-4),
    }
    return [question for question, holds in answers.items() if not holds]


# Notebook 4, custom metrics.


def random_batches(rng, *arrays):
    """Return arrays of equal length, cut into batches at random places: ragged ones, a single row, an empty one."""
    cuts = rng.integers(0, len(arrays[0]), size=rng.integers(1, 20))
    cuts = np.sort([*cuts, cuts[0], cuts[0] + 1])  # one place twice, and one row further on
    return zip(*(np.split(array, cuts) for array in arrays), strict=True)


def any_split_agrees(metric, judge, *arrays):
    """Return whether a metric says the same as judge(*arrays), however the rows are cut into batches.

    Each batch goes to update_state(*batch), run eagerly. Before each of five splits the metric sees half of the rows
    and is reset, so that a sum that the reset forgets shows as well. A result may be a dict, if the judge's is.
    """
    rng, want = np.random.default_rng(1), judge(*arrays)

    def agree(got, want):
        return np.shape(got) == np.shape(want) and np.allclose(got, want, rtol=1e-4, atol=1e-6)

    for _split in range(5):
        metric.update_state(*(array[: len(array) // 2] for array in arrays))
        metric.reset_state()
        for batch in random_batches(rng, *arrays):
            metric.update_state(*batch)
        if not all(tf.nest.flatten(tf.nest.map_structure(agree, metric.result(), want))):
            return False
    return True


# Notebook 5, clipping and accumulation.


def refuse(model, loss_fn, optimizer, clip_norm):
    """Raise a ValueError with one sentence for what the safe step would get wrong."""
    scales = isinstance(optimizer, tf.keras.optimizers.LossScaleOptimizer)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    averages = getattr(loss_fn, "reduction", None) in ("sum_over_batch_size", "mean")
    refusals = {
        "Build the model first, by calling it on a batch, and leave something to train.": not model.trainable_variables,
        "loss_fn must be a keras.losses.Loss with the reduction 'sum_over_batch_size'.": not averages,
        "Use sample weights of 0 in place of ignore_class.": getattr(loss_fn, "ignore_class", None) is not None,
        "A float16 model needs a LossScaleOptimizer.": model.compute_dtype == "float16" and not scales,
        "clip_norm must be positive, and at most 1e30.": not 0 < clip_norm <= 1e30,
        "The safe step runs on one replica: with several, sum their gradients before you clip.": replicas > 1,
    }
    for sentence, is_so in refusals.items():
        if is_so:
            raise ValueError(sentence)


def make_add_rows(model, loss_fn, optimizer, variables):
    """Return a function that adds loss and gradients of some rows of a batch of n, times their share, to totals."""

    def add_rows(totals, batch, rows, n):
        x, y, *sample_weight = tf.nest.map_structure(lambda part: tf.gather(part, rows), batch)
        share = tf.cast(tf.shape(rows)[0] / n, totals[0].dtype)
        with tf.GradientTape() as tape:
            y_pred = model(x, training=True)
            if getattr(y_pred, "_keras_mask", None) is not None:
                raise ValueError("A mask reaches the loss: use sample weights of 0 instead.")
            parts = [loss_fn(y, y_pred, *sample_weight), *(tf.reduce_sum(penalty) for penalty in model.losses)]
            loss = share * sum(tf.cast(part, share.dtype) for part in parts)
            scaled_loss = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, variables)
        if unused := [v.path for v, g in zip(variables, gradients, strict=True) if g is None]:
            raise ValueError(f"No gradient reaches {unused}: freeze them, and make the step again.")
        dense = [tf.cast(tf.convert_to_tensor(part), share.dtype) for part in (loss, *gradients)]
        return [total + part for total, part in zip(totals, dense, strict=True)]

    return add_rows


def make_accumulator(model, loss_fn, optimizer, variables, micro_batch_size):
    """Return a function that gives the loss of a batch and its gradients, from one micro-batch at a time."""
    add_rows = make_add_rows(model, loss_fn, optimizer, variables)
    dtype = tf.float64 if "float64" in {v.dtype for v in variables} else tf.float32

    def accumulate(batch):
        parts = tf.nest.flatten(batch)
        n = tf.shape(parts[0])[0]
        for part in parts:
            tf.debugging.assert_equal(tf.shape(part)[0], n, message="x, y and sample_weight differ in length")
        tail = n % micro_batch_size
        totals = [tf.cast(tf.where(n > 0, 0.0, np.nan), dtype), *(tf.zeros(v.shape, dtype) for v in variables)]
        for start in tf.range(0, n - tail, micro_batch_size):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            totals = add_rows(totals, batch, start + tf.range(micro_batch_size), n)
        if tail > 0:
            totals = add_rows(totals, batch, tf.range(n - tail, n), n)
        return totals

    return accumulate


def apply_or_skip(model, optimizer, variables, loss, gradients, kept, clip_norm):
    """Apply clipped gradients, or restore `kept`; return the norm before clipping, and 1 if the step is skipped."""
    scale = tf.cast(optimizer.scale_loss(1.0), loss.dtype)
    clipped, norm = tf.clip_by_global_norm(gradients, clip_norm * scale)
    broken = not tf.math.is_finite(norm + loss)
    clipped = [tf.where(broken, tf.cast(np.nan, g.dtype), g) for g in clipped]
    if not broken or isinstance(optimizer, tf.keras.optimizers.LossScaleOptimizer):
        optimizer.apply_gradients([(tf.cast(g, v.dtype), v) for g, v in zip(clipped, variables, strict=True)])
    if broken:
        for variable, value in zip(model.non_trainable_variables, kept, strict=True):
            variable.assign(value)
    return norm / scale, tf.cast(broken, tf.int64)


def make_compiled_step(model, loss_fn, optimizer, variables, micro_batch_size, clip_norm):
    """Return a function of a batch: loss, norm before clipping, steps skipped so far, and skipped in a row."""
    accumulate = make_accumulator(model, loss_fn, optimizer, variables, micro_batch_size)
    skipped, in_a_row = (tf.Variable(0, trainable=False, dtype=tf.int64) for _ in range(2))  # int32 stays on the CPU

    @tf.function(reduce_retracing=True)
    def compiled_step(batch):
        kept = [tf.convert_to_tensor(variable) for variable in model.non_trainable_variables]
        loss, *gradients = accumulate(batch)
        norm, broken = apply_or_skip(model, optimizer, variables, loss, gradients, kept, clip_norm)
        counts = {"skipped": skipped.assign_add(broken), "in_a_row": in_a_row.assign((in_a_row + 1) * broken)}
        return {"loss": loss, "norm": norm, **counts}

    return compiled_step


def make_safe_step(model, loss_fn, optimizer, micro_batch_size, clip_norm):
    """Return step(x, y, sample_weight=None), which accumulates, checks, clips and applies; see make_compiled_step."""
    refuse(model, loss_fn, optimizer, clip_norm)
    variables = list(model.trainable_variables)
    if not optimizer.built:
        optimizer.build(variables)
    compiled_step = make_compiled_step(model, loss_fn, optimizer, variables, micro_batch_size, clip_norm)

    def safe_step(x, y, sample_weight=None):
        refuse(model, loss_fn, optimizer, clip_norm)
        if list(map(id, model.trainable_variables)) != list(map(id, variables)):
            raise ValueError("What is trainable has changed: make the step again.")
        batch = (x, y) if sample_weight is None else (x, y, sample_weight)
        if len({part.shape[0] for part in tf.nest.flatten(batch)} - {None}) > 1:
            raise ValueError("x, y and sample_weight differ in length.")
        return compiled_step(batch)

    return safe_step


# Notebook 6, classification from scratch.


def learn_by_heart(model, loss_fn, x_batch, y_batch, steps=200, learning_rate=0.003):
    """Train on one batch alone, which changes the model, and return the loss of each step."""
    model(x_batch)  # builds it, where no call has
    optimizer = tf.keras.optimizers.Adam(learning_rate)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train_step():
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return [float(train_step()) for _ in range(steps)]


# Notebook 7, regression.


def silent_units(activations):
    """Return for each unit whether it is 0 or less in every row of `activations`, shape (rows, units)."""
    return np.all(np.asarray(activations) <= 0, axis=0)


def depends_on(rows, procedure, x, y):
    """Tell whether the numbers that `procedure(x, y)` returns change when these rows of a table of numbers do."""

    def answer(factor, offset):
        parts = np.array(x), np.array(y)
        for part in parts:
            part[rows] = factor * part[rows] + offset
        return np.asarray(procedure(*parts))

    first, again, *changed = (answer(*change) for change in ((1, 0), (1, 0), (100, 50), (-100, -50)))
    close = {"rtol": 1e-4, "atol": 1e-6 * np.max(np.abs(first), where=np.isfinite(first), initial=0), "equal_nan": True}
    assert np.allclose(first, again, **close), "it answers differently each time: set its seed inside"
    return not all(np.allclose(first, numbers, **close) for numbers in changed)


def inside_range(rows, low, high):
    """Return for each row of numbers whether every column lies from `low` to `high`; a missing number does not."""
    ops = tf.keras.ops
    inside = ops.logical_and(ops.greater_equal(rows, low), ops.less_equal(rows, high))
    return ops.all(inside, axis=-1)


# Notebook 8, text classification.


def never_seen(vectorizer, texts):
    """Return the ids of the vocabulary's words that occur in none of the texts.

    It needs ids (output_mode="int"), padded or ragged. A word that `output_sequence_length` cuts off is not seen.
    """
    if not isinstance(vectorizer, tf.keras.layers.TextVectorization) or vectorizer.get_config()["output_mode"] != "int":
        raise ValueError("never_seen needs a TextVectorization with output_mode='int'.")
    ids = vectorizer(texts)
    ids = ids.flat_values if isinstance(ids, tf.RaggedTensor) else tf.reshape(ids, [-1])
    return np.setdiff1d(np.arange(2, vectorizer.vocabulary_size()), ids)


# Notebook 9, image classification.


def change_between_passes(dataset):
    """Return the share of numbers that differ between two passes over an unshuffled data set of arrays."""
    first, second = (np.concatenate(list(dataset.as_numpy_iterator())) for _ in range(2))
    return 1 - np.mean(np.isclose(first, second, rtol=0, atol=0, equal_nan=True))


# Notebook 10, multi-input model.


def inputs_that_matter(model, x, probes=3):
    """Return the names of the inputs in the dict x whose exchanged rows move an answer by over 1e-5 of the largest."""
    x = {name: tf.convert_to_tensor(values) for name, values in x.items()}
    n = len(next(iter(x.values())))
    orders = [np.random.default_rng(seed).permutation(n) for seed in range(probes)]

    def answers(inputs):
        parts = [np.reshape(part, (n, -1)) for part in tf.nest.flatten(model(inputs))]
        return np.concatenate(parts, axis=1).astype("float64")

    def moves(name, order):
        change = answers({**x, name: tf.gather(x[name], order)}) - before
        return not np.abs(change).max() <= 1e-5 * np.abs(before).max()  # nan is a change, too

    before = answers(x)
    if not np.all(np.isfinite(before)):
        raise ValueError("Some answers are not finite: look for nan in the inputs first.")
    return [name for name in x if any(moves(name, order) for order in orders)]


# ---------------------------------------------------------------------------------------------------------------------
# The report
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What one question of the audit came to."""

    question: str
    verdict: str  # "pass", "warn" (may be meant), "fail" (almost certainly a fault) or "skip"
    sentence: str
    where: str  # the notebook and the section that explain it


class Report:
    """The answers of an audit: prints as text, shows as a table in a notebook, `report["gradient flow"]` is one."""

    def __init__(self, answers: list[Answer], seconds: float):
        """Keep the answers, and the seconds that they took."""
        self.answers, self.seconds = answers, seconds

    def __getitem__(self, question: str) -> Answer:
        for answer in self.answers:
            if answer.question == question:
                return answer
        raise KeyError(f"The audit did not ask {question!r}. It asked: {[a.question for a in self.answers]}.")

    def __iter__(self):
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def failures(self) -> list[Answer]:
        """The answers that are almost certainly faults."""
        return [answer for answer in self.answers if answer.verdict == "fail"]

    @property
    def warnings(self) -> list[Answer]:
        """The answers that may be meant."""
        return [answer for answer in self.answers if answer.verdict == "warn"]

    def assert_ok(self) -> None:
        """Raise an AssertionError that lists the failures, if there are any."""
        if self.failures:
            raise AssertionError("\n".join(f"{a.question}: {a.sentence} ({a.where})" for a in self.failures))

    def summary(self) -> str:
        """One line: how many answers of each kind, and the time."""
        counts = {verdict: sum(a.verdict == verdict for a in self) for verdict in ("fail", "warn", "pass", "skip")}
        return ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f" in ≈ {self.seconds:.1f} s"

    def _by_weight(self) -> list[Answer]:
        return sorted(self.answers, key=lambda answer: ("fail", "warn", "pass", "skip").index(answer.verdict))

    def __str__(self) -> str:
        lines = [
            f"{a.verdict}  {a.question}: {a.sentence}" + f" [{a.where}]" * bool(a.where) for a in self._by_weight()
        ]
        return "\n".join([f"trust.audit: {self.summary()}", *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [
            f'<tr><th scope="row">{a.verdict}</th><td>{html.escape(a.question)}</td>'
            f"<td>{html.escape(a.sentence)}</td><td>{html.escape(a.where)}</td></tr>"
            for a in self._by_weight()
        ]
        head = "".join(f'<th scope="col">{name}</th>' for name in ("verdict", "question", "answer", "notebook"))
        caption = f"<caption>trust.audit: {self.summary()}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(cells)}</tbody></table>"


class Skipped(Exception):  # noqa: N818  (it is no error)
    """A question that cannot be asked here; its text says why."""


def passed(sentence: str) -> tuple[str, str]:
    """Nothing wrong was seen."""
    return "pass", sentence


def warned(sentence: str) -> tuple[str, str]:
    """It may be meant."""
    return "warn", sentence


def failed(sentence: str) -> tuple[str, str]:
    """It is almost certainly a fault."""
    return "fail", sentence


QUESTIONS: dict[str, tuple[Callable, str, bool]] = {}


def question(name: str, where: str, thorough: bool = False) -> Callable:
    """Add the decorated function: of a Setup, it returns passed, warned or failed, or raises Skipped."""

    def add(ask: Callable) -> Callable:
        QUESTIONS[name] = (ask, where, thorough)
        return ask

    return add


# ---------------------------------------------------------------------------------------------------------------------
# What an audit touches, and how it is put back
# ---------------------------------------------------------------------------------------------------------------------


def is_variable(thing: object) -> bool:
    """Whether `thing` is a variable of Keras or of TensorFlow."""
    return isinstance(thing, (tf.Variable, tf.keras.Variable))


def inside(variable: tf.Variable) -> tf.Variable:
    """Return the variable of TensorFlow that one of Keras keeps its value in, or the variable itself."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def value_of(variable: tf.Variable) -> np.ndarray:
    """Return the value of a variable of Keras or of TensorFlow as an array."""
    return inside(variable).numpy()


def reachable(*roots: object) -> list:
    """Return the objects, lists, dicts and variables that hang on `roots`: what a training step could change."""
    keras = tf.keras
    known = (keras.Layer, keras.losses.Loss, keras.optimizers.Optimizer, keras.random.SeedGenerator, tf.Module)
    known += (tf.random.Generator, np.random.Generator, np.random.RandomState, random.Random)
    found, seen, waiting = [], set(), list(roots)
    while waiting:
        thing = waiting.pop()
        thing = getattr(thing, "__wrapped__", getattr(thing, "_storage", thing)) if is_tracked(thing) else thing
        if id(thing) in seen or isinstance(thing, (type, str, bytes, int, float, type(np), type(None))):
            continue
        seen.add(id(thing))
        module = type(thing).__module__.split(".")[0]
        if is_variable(thing) or (isinstance(thing, np.ndarray) and thing.size < 1e6):
            found.append(thing)
        elif isinstance(thing, dict):
            found.append(thing)
            waiting.extend(thing.values())
        elif isinstance(thing, (list, tuple, set)):
            if len(thing) < 10_000:  # longer ones are data
                found.append(thing)
                waiting.extend(thing)
        elif hasattr(thing, "python_function"):  # a tf.function
            waiting.append(thing.python_function)
        elif inspect.ismethod(thing):
            waiting.extend([thing.__self__, thing.__func__])
        elif inspect.isfunction(thing) and module != "keras":
            names = [name for name in thing.__code__.co_names if name in thing.__globals__]
            waiting.extend(thing.__globals__[name] for name in names)
            waiting.extend(cell.cell_contents for cell in thing.__closure__ or () if cell_is_filled(cell))
        elif isinstance(thing, known) or is_keras_state(thing) or module not in LIBRARIES:
            found.append(thing)
            waiting.append(getattr(thing, "__dict__", None))
    return found


def is_tracked(thing: object) -> bool:
    """Whether `thing` is a list or dict that TensorFlow has put a wrapper around."""
    return type(thing).__name__ in ("_DictWrapper", "ListWrapper", "_TupleWrapper")


# What the objects of these packages hold is not the set-up's.
LIBRARIES = {"IPython", "PIL", "_pytest", "_thread", "absl", "abc", "ast", "builtins", "collections"}
LIBRARIES |= {"enum", "functools", "google", "h5py", "inspect", "ipykernel", "itertools", "jax"}
LIBRARIES |= {"keras", "logging", "matplotlib", "numpy", "pandas", "pathlib", "pytest", "re"}
LIBRARIES |= {"tensorflow", "threading", "torch", "traitlets", "types", "typing", "weakref"}


def cell_is_filled(cell: object) -> bool:
    """Whether a closure's cell has contents."""
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def is_keras_state(thing: object) -> bool:
    """Whether `thing` is an object of Keras that keeps state beside layers: metrics, what compile made, trackers."""
    names = {"Metric", "CompileLoss", "CompileMetrics", "MetricsList", "Tracker", "DTypePolicyMap"}
    return any(base.__name__ in names for base in type(thing).__mro__)


class Frame:
    """Everything that an audit may change, as it is now; `restore` puts it back."""

    def __init__(self, *roots: object):
        """Copy what hangs on `roots`, and the states of random numbers."""
        self.kept = [(thing, self.copy(thing)) for thing in reachable(*roots)]
        self.randomness = randomness()

    @staticmethod
    def copy(thing: object) -> object:
        """Return what is needed to put `thing` back."""
        if is_variable(thing):
            return value_of(thing)
        if isinstance(thing, (np.ndarray, list, dict, set)):
            return thing.copy() if isinstance(thing, np.ndarray) else type_of(thing)(thing)
        if isinstance(thing, np.random.Generator):
            return thing.bit_generator.state
        if isinstance(thing, np.random.RandomState):
            return thing.get_state()
        if isinstance(thing, random.Random):
            return thing.getstate()
        return None

    def restore(self) -> None:
        """Put everything back, byte for byte."""
        for thing, copy in self.kept:
            if isinstance(thing, dict):
                dict.clear(thing)
                dict.update(thing, copy)
            elif isinstance(thing, list):
                list.__setitem__(thing, slice(None), copy)
            elif isinstance(thing, set):
                set.clear(thing)
                set.update(thing, copy)
        self.restore_numbers()
        set_randomness(self.randomness)

    def restore_numbers(self) -> None:
        """Put variables, arrays and generators of random numbers back, and leave alone what hangs on what."""
        for thing, copy in self.kept:
            if isinstance(thing, np.ndarray) and thing.flags.writeable:
                thing[...] = copy
            elif isinstance(thing, np.random.Generator):
                thing.bit_generator.state = copy
            elif isinstance(thing, np.random.RandomState):
                thing.set_state(copy)
            elif isinstance(thing, random.Random):
                thing.setstate(copy)
        for thing, copy in self.kept:
            if is_variable(thing):
                thing.assign(copy)


def type_of(thing: list | dict | set) -> type:
    """The plain container that `thing`, perhaps one of Keras' tracked ones, derives from."""
    return next(base for base in (list, dict, set) if isinstance(thing, base))


KERAS_STATE = ("global_seed_generator", "global_random_seed", "object_name_uids")  # the last numbers names of layers


def eager_context() -> object:
    """Return TensorFlow's context, which holds the global seed and what draws from it."""
    return importlib.import_module("tensorflow.python.eager.context").context()


def global_generator() -> tf.random.Generator | None:
    """Return the generator behind tf.random; with deterministic operations there is none until somebody sets one."""
    try:
        return tf.random.get_global_generator()
    except RuntimeError:
        return None


def randomness() -> dict:
    """Return the state of Python's, NumPy's, TensorFlow's and Keras' global random numbers."""
    context = eager_context()
    keras = vars(importlib.import_module("keras.src.backend.common.global_state").GLOBAL_STATE_TRACKER)
    generator = keras.get("global_seed_generator")
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "tensorflow": (context._seed, context._rng.getstate() if getattr(context, "_rng", None) else None),
        "tf.random": None if (drawn := global_generator()) is None else drawn.state.numpy(),
        "keras": {k: dict(v) if isinstance(v, dict) else v for k, v in keras.items() if k in KERAS_STATE},
        "seed": None if generator is None else value_of(generator.state),
    }


def draw_apart() -> None:
    """Give TensorFlow another seed for now: operations cached for yours would go on counting while the audit draws."""
    context = eager_context()
    context._seed, context._rng = 748_293_651, random.Random(1)


def set_randomness(state: dict) -> None:
    """Put random states back as `randomness` returned them."""
    context = eager_context()
    keras = vars(importlib.import_module("keras.src.backend.common.global_state").GLOBAL_STATE_TRACKER)
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    context._seed, generator_state = state["tensorflow"]
    if generator_state is not None:
        context._rng = random.Random()
        context._rng.setstate(generator_state)
    else:
        context._rng = None
    if state["tf.random"] is not None:
        global_generator().state.assign(state["tf.random"])
    for name in KERAS_STATE:
        kept, now = state["keras"].get(name), keras.get(name)
        if isinstance(kept, dict) and isinstance(now, dict):
            now.clear()
            now.update(kept)
        elif kept is None:
            keras.pop(name, None)
        else:
            keras[name] = kept
    if state["seed"] is not None:
        keras["global_seed_generator"].state.assign(state["seed"])


# ---------------------------------------------------------------------------------------------------------------------
# The set-up that is asked about
# ---------------------------------------------------------------------------------------------------------------------

ROWS = 32  # rows of the batch that most questions are asked with
SEEN = 2048  # rows after which no further batch of a Dataset is looked at


def take(parts: object, rows: object) -> object:
    """Return the given rows of every array in a structure."""
    return tf.nest.map_structure(lambda part: tf.gather(part, np.arange(length(parts))[rows]), parts)


def length(parts: object) -> int:
    """Return the number of rows of a structure of arrays."""
    return int(tf.nest.flatten(parts)[0].shape[0])


def join(many: list) -> object:
    """Return structures of arrays as one, row after row."""
    return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *many) if len(many) > 1 else many[0]


def numbers(part: object) -> np.ndarray:
    """Return an array or tensor as float64, for comparisons."""
    return np.asarray(tf.convert_to_tensor(part)).astype("float64")


def is_float(part: object) -> bool:
    """Whether an array or tensor holds floating-point numbers."""
    return tf.as_dtype(part.dtype).is_floating


def apart(a: object, b: object) -> float:
    """Return the largest difference between two structures, relative to the size of the second."""
    pairs = [(numbers(p), numbers(q)) for p, q in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True)]
    return max(
        (float(np.max(np.abs(p - q), initial=0)) / (float(np.max(np.abs(q), initial=0)) + 1e-12)) for p, q in pairs
    )


def largest(parts: object) -> float:
    """Return the largest size of a number in a structure."""
    return max(float(np.max(np.abs(numbers(part)), initial=0)) for part in tf.nest.flatten(parts)) + 1e-12


def spelled(names: list, limit: int = 4) -> str:
    """Return names as text, the first few of them."""
    more = f" and {len(names) - limit} more" * (len(names) > limit)
    return ", ".join(str(name) for name in names[:limit]) + more


def path(variable: object) -> str:
    """Return the name of a variable, with its layer."""
    return getattr(variable, "path", variable.name).split(":")[0]


class Output:
    """One output of the model: its labels, its predictions, and its loss(y, y_pred, weight=None)."""

    def __init__(self, name: str, y: np.ndarray, y_pred: np.ndarray, loss: Callable, all_y: np.ndarray):
        """Keep labels and predictions of a batch, the loss of both, and the labels of all rows."""
        self.name, self.y, self.y_pred, self.plain_loss, self.all_y = name, y, y_pred, loss, all_y

    def loss(self, y: object, y_pred: object, weight: object = None) -> float:
        """Return the loss as a number."""
        return float(self.plain_loss(y, tf.cast(y_pred, self.y_pred.dtype), weight))

    def slope(self, y: object, y_pred: object) -> np.ndarray | None:
        """Return the gradient of the loss with respect to the prediction, or None."""
        y_pred = tf.cast(y_pred, self.y_pred.dtype)
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = self.plain_loss(y, y_pred)
        slope = tape.gradient(value, y_pred)
        return None if slope is None else numbers(slope)


class Setup:
    """A model with its data, loss, optimizer, metrics and training step; what questions need is computed once."""

    def __init__(self, model, x, y, loss_fn, optimizer, metrics, train_step, sample_weight, validation_data):
        """Take the arguments of `audit`; a compiled model fills in its own loss and optimizer."""
        self.model, self.train_step = model, train_step
        self.whole = not isinstance(x, tf.data.Dataset)  # whether all rows are seen
        self.dataset = None if self.whole else x
        self.x, self.y, self.weight = unpacked(x, y, sample_weight)
        self.validation = None
        if validation_data is not None:
            parts = (validation_data,) if isinstance(validation_data, tf.data.Dataset) else validation_data
            self.validation = unpacked(*parts, *[None] * (3 - len(parts)))
        compiled = bool(getattr(model, "compiled", False))
        self.direct = callable(loss_fn)  # the loss is called as it is, not through compile
        self.loss_fn = loss_fn if loss_fn is not None else getattr(model, "loss", None) if compiled else None
        self.optimizer = optimizer if optimizer is not None else getattr(model, "optimizer", None)
        if isinstance(self.optimizer, (str, dict)):
            self.optimizer = tf.keras.optimizers.get(self.optimizer)
        self.metrics = metrics
        self.own_loss = compiled and loss_fn is None

    def rows(self, count: int = ROWS) -> np.ndarray:
        """Return up to `count` row numbers, spread over the data, so that sorted labels are mixed."""
        n = length(self.x)
        return np.unique(np.linspace(0, n - 1, min(count, n)).astype(int))

    def batch(self, count: int = ROWS) -> tuple:
        """Return x, y and weight of up to `count` rows; what was not given is None."""
        rows = self.rows(fixed_batch(self.model) or count)
        return tuple(None if part is None else take(part, rows) for part in (self.x, self.y, self.weight))

    def forward(self, x: object, training: bool = False) -> object:
        """Return the model's answer."""
        return self.model(x, training=training)

    @cached_property
    def penalties(self) -> bool:
        """Whether the model adds losses of its own."""
        self.forward(self.batch()[0], training=True)
        return bool(self.model.losses)

    @cached_property
    def judge(self) -> object:
        """A model of Keras that is compiled with the loss: the set-up's own, or an empty one."""
        if self.own_loss:
            return self.model
        holder = tf.keras.Model()
        holder.output_names = getattr(self.model, "output_names", None)
        holder.compile(loss=self.loss_fn)
        return holder

    def loss(self, y: object, y_pred: object, weight: object = None, x: object = None) -> tf.Tensor:
        """Return the loss as a number, without what the model adds."""
        if self.loss_fn is None and not self.own_loss:
            raise Skipped("no loss was given")
        if self.direct:
            if weight is None:
                return tf.reduce_mean(tf.cast(self.loss_fn(y, y_pred), tf.float32))
            if not isinstance(self.loss_fn, tf.keras.losses.Loss):
                raise Skipped("a loss function that is called directly takes no sample weights")
            return tf.reduce_mean(self.loss_fn(y, y_pred, sample_weight=weight))
        judge = self.judge
        if type(judge).compute_loss is not tf.keras.Model.compute_loss:
            added = tf.add_n([tf.reduce_sum(part) for part in judge.losses]) if judge.losses else 0.0
            try:
                return judge.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight) - added
            except Exception:  # whatever a compute_loss of your own raises
                if x is not None:
                    raise
                raise Skipped("the model's compute_loss needs the inputs, and is asked about predictions") from None
        if judge._compile_loss is None:
            raise Skipped("the model was compiled without a loss")
        return judge._compile_loss(y, y_pred, weight)

    def total(self, x: object, y: object, weight: object = None, training: bool = True) -> tf.Tensor:
        """Return the loss that a training step takes the gradient of."""
        y_pred = self.forward(x, training)
        losses = [self.loss(y, y_pred, weight, x)] if self.loss_fn is not None and y is not None else []
        losses += [tf.reduce_sum(part) for part in self.model.losses]
        if not losses:
            raise Skipped("no loss or no labels were given")
        return tf.add_n([tf.cast(part, losses[0].dtype) for part in losses])

    def gradients(self, x: object, y: object, weight: object = None, training: bool = True) -> list:
        """Return the gradient of the total loss for each trainable variable, as dense tensors or None."""
        with tf.GradientTape() as tape:
            total = self.total(x, y, weight, training)
        variables = [variable.value for variable in self.model.trainable_variables]
        gradients = tape.gradient(total, variables)
        return [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]

    @cached_property
    def outputs(self) -> list[Output]:
        """The model's outputs, each with its labels and its own loss."""
        x, y, _ = self.batch()
        if y is None:
            raise Skipped("no labels were given")
        y_pred = self.forward(x)
        answers, labels, every = tf.nest.flatten(y_pred), labels_of(y, y_pred), labels_of(self.y, y_pred)
        if len(labels) != len(answers):
            raise Skipped(f"{len(answers)} outputs and {len(labels)} arrays of labels")
        names = sorted(y_pred) if isinstance(y_pred, dict) else list(getattr(self.model, "output_names", []))
        names = names if len(names) == len(answers) else [f"output {i}" for i in range(len(answers))]
        shown = names if len(names) > 1 else ["the output"]
        losses = [self.loss_of(i, names) for i in range(len(names))]
        return [
            Output(shown[i], np.asarray(labels[i]), np.asarray(answers[i]), losses[i], np.asarray(every[i]))
            for i in range(len(names))
        ]

    def loss_of(self, i: int, names: list) -> Callable:
        """Return the loss of output i as a function of labels, predictions and weights."""
        if len(names) == 1:
            return self.loss
        part = self.loss_fn
        if isinstance(part, dict):
            part = part.get(names[i], part.get(i))
        elif isinstance(part, (list, tuple)):
            part = part[i]
        alone = Setup(self.model, self.x, None, part, None, None, None, None, None)
        alone.direct = self.direct and callable(part)
        return alone.loss

    @contextmanager
    def unchanged(self):
        """Put everything that hangs on the set-up back at the end."""
        frame = self.frame()
        try:
            yield frame
        finally:
            frame.restore()

    def frame(self) -> Frame:
        """Return everything that an audit may change, as it is now."""
        own = [getattr(type(self.model), name, None) for name in ("call", "train_step", "test_step", "compute_loss")]
        return Frame(self.model, self.loss_fn, self.optimizer, self.metrics, self.train_step, own)

    @cached_property
    def learned(self) -> dict:
        """Train on 16 rows with Adam, up to 150 steps; return the losses, and what gradients and weights are then."""
        x, y, weight = self.batch(16)
        variables = self.model.trainable_variables
        if not variables:
            raise Skipped("there is nothing to train")
        with self.unchanged():
            optimizer = tf.keras.optimizers.Adam(0.01)
            optimizer.build(variables)

            def step():
                gradients = self.gradients(x, y, weight)
                pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
                optimizer.apply_gradients(pairs)
                return self.total(x, y, weight)

            losses, step = [float(self.total(x, y, weight))], step if self.eager_only else tf.function(step)
            losses.append(float(step()))
            start = time.process_time()
            while len(losses) < 151 and (time.process_time() - start < 3 or len(losses) < 21):
                losses.append(float(step()))
            return {
                "losses": losses,
                "gradients": self.gradients(x, y, weight),
                "weights": [value_of(variable) for variable in variables],
                "all": [value_of(variable) for variable in self.model.variables],
            }

    @contextmanager
    def as_learned(self):
        """Give the model the weights that it has learned a batch with, inside."""
        values = []
        with contextlib.suppress(Skipped):
            values = self.learned["all"]
        with self.unchanged():
            for variable, value in zip(self.model.variables, values, strict=False):
                variable.assign(value)
            yield

    def need_calm(self) -> None:
        """Raise Skipped if two passes for inference differ: "two passes" says so, and what follows would repeat it."""
        x = self.batch(8)[0]
        if apart(self.forward(x), self.forward(x)) > 1e-5:
            raise Skipped("two passes with training=False differ")

    @cached_property
    def noisy(self) -> bool:
        """Whether a training pass is random, changes variables or hands on a mask: pieces of a batch differ."""
        x = self.batch()[0]
        with self.unchanged():
            before = [value_of(variable) for variable in self.model.variables]
            first = self.forward(x, True)
            moved = any(not np.array_equal(value_of(v), b) for v, b in zip(self.model.variables, before, strict=True))
            masked = any(getattr(part, "_keras_mask", None) is not None for part in tf.nest.flatten(first))
            return moved or masked or apart(self.forward(x, True), first) > 1e-5

    @property
    def eager_only(self) -> bool:
        """Whether the model was compiled to run eagerly."""
        return bool(getattr(self.model, "run_eagerly", False))

    @cached_property
    def layers(self) -> list:
        """Return all layers inside the model that hold no others, in the order of the list that Keras keeps."""
        every = list(self.model._flatten_layers(include_self=False))
        cells = {
            id(part) for layer in every if hasattr(layer, "cell") for part in layer._flatten_layers(include_self=False)
        }
        return [layer for layer in every if id(layer) not in cells and (not layer._layers or hasattr(layer, "cell"))]

    @cached_property
    def spied(self) -> list[tuple]:
        """Return (layer, argument, result, training) for every call of a layer in one training pass, in order."""
        return self.spy(training=True)

    def spy(self, training: bool) -> list[tuple]:
        """Return (layer, argument, result, training) for every call of a layer in one pass, in order."""
        calls = []

        def watched(layer, call):
            def wrapper(*args, **kwargs):
                result = call(*args, **kwargs)
                calls.append((layer, args[0] if args else None, result, kwargs.get("training")))
                return result

            return wrapper

        with self.unchanged():
            for layer in self.layers:
                layer.__dict__["call"] = watched(layer, layer.call)
            self.forward(self.batch()[0], training)
        return calls


def unpacked(x: object, y: object, weight: object) -> tuple:
    """Return x, y and weight as structures of arrays, from arrays or from the first batches of a Dataset."""
    if isinstance(x, tf.data.Dataset):
        batches, seen = [], 0
        for batch in x:
            batches.append(batch if isinstance(batch, tuple) else (batch,))
            first = tf.nest.flatten(batch)[0]
            seen += int(tf.shape(first)[0]) if len(first.shape) else SEEN
            if seen >= SEEN:
                break
        if not batches:
            raise ValueError("The Dataset has no batches.")
        if any(len(part.shape) == 0 for part in tf.nest.flatten(batches[0])):
            raise ValueError("The Dataset gives single rows: batch it first.")
        try:
            parts = [join(list(part)) for part in zip(*batches, strict=True)]
        except (tf.errors.InvalidArgumentError, ValueError):  # padded to other lengths in each batch
            parts = batches[0]
        return tuple([*parts, None, None][:3])
    return tuple(None if part is None else as_arrays(part) for part in (x, y, weight))


def as_arrays(part: object) -> object:
    """Return a structure whose leaves are arrays or tensors; a list of numbers or texts is one array."""
    if isinstance(part, dict):
        return {name: as_arrays(value) for name, value in part.items()}
    if isinstance(part, (list, tuple)) and part and all(hasattr(value, "shape") and len(value.shape) for value in part):
        return tuple(as_arrays(value) for value in part)
    if tf.is_tensor(part):
        return part
    if inspect.isgenerator(part) or isinstance(part, tf.keras.utils.PyDataset):
        raise TypeError(f"Arrays or a tf.data.Dataset are needed, and {type(part).__name__} came.")
    values = np.asarray(part)
    return values.astype(str) if values.dtype == object else values


def labels_of(y: object, y_pred: object) -> list:
    """Return the labels in the order of the flat predictions."""
    if isinstance(y, dict) and isinstance(y_pred, dict):
        return [y[name] for name in sorted(y_pred) if name in y]
    return tf.nest.flatten(y)


# ---------------------------------------------------------------------------------------------------------------------
# The questions: the model and its outputs
# ---------------------------------------------------------------------------------------------------------------------


@question("it trains", "02, Your loop inside `fit`")
def it_trains(setup: Setup) -> tuple:
    """Do the loss of a batch and one training step raise nothing?

    Cannot see: what a later step raises. Cost: one step. Built in 02.
    """
    if setup.loss_fn is None and not setup.own_loss:
        raise Skipped("no loss was given")
    batch = setup.batch()
    if batch[1] is None:
        raise Skipped("no labels were given")
    step = own_step(setup)
    try:
        with setup.unchanged(), eagerly():
            setup.total(*batch)
            if step is not None:
                step(batch)
    except Skipped:
        raise
    except Exception as error:  # whatever the set-up raises
        return failed(f"{type(error).__name__}: {' '.join(str(error).split())[:140]}")
    return passed("A batch has a loss" + ("." if step is None else ", and a step raises nothing."))


@question("finite outputs", "05, nan and inf: no clipping helps")
def finite_outputs(setup: Setup) -> tuple:
    """Are the answers finite, and different for different examples?

    Cannot see: an output that is finite on these rows only. Cost: two forward passes over 512 rows. Built in 05.
    """
    x = setup.batch(512)[0]
    for training in (False, True):
        for answer in tf.nest.flatten(setup.forward(x, training)):
            broken = 1 - np.mean(np.isfinite(numbers(answer)))
            if broken:
                return failed(f"{broken:.2%} of the outputs are nan or infinite, with training={training}.")
    with setup.as_learned():
        answers = [numbers(answer) for answer in tf.nest.flatten(setup.forward(x))]
    if any(np.max(np.ptp(a, axis=0)) <= 1e-6 * np.max(np.abs(a)) for a in answers if len(a) > 1):
        return failed(f"All {length(x)} examples get the same answer, also after learning a batch.")
    return passed(f"{length(x)} examples, all finite and not all alike.")


@question("shapes", "02, Trap: labels of shape (100,); 03, Trap: two shapes of labels")
def shapes(setup: Setup) -> tuple:
    """Do labels and outputs fit, without broadcasting, and can the outputs express the labels?

    Cannot see: axes of the same size that are swapped. Cost: a forward pass. Built in 02 and 03.
    """
    for part in tf.nest.flatten(setup.x):
        pictures = is_float(part) and len(part.shape) == 4 and part.shape[3] == part.shape[2] > 4
        last = any(getattr(layer, "data_format", "") == "channels_last" for layer in setup.layers)
        if pictures and last and part.shape[1] in (1, 3):
            return warned(f"Pictures {tuple(part.shape[1:])} have their channels first; the layers take them last.")
    for output in setup.outputs:
        y, y_pred, kind = output.y, output.y_pred, kind_of(output)
        if len(y) != len(y_pred):
            return failed(f"{output.name}: {len(y)} labels for {len(y_pred)} predictions.")
        if kind == "sparse":
            ignored = [getattr(part, "ignore_class", None) for part in tf.nest.flatten(setup.loss_fn)]
            labels = [label for label in np.unique(output.all_y) if label not in ignored] or [0]
            classes, low, high = y_pred.shape[-1], labels[0], labels[-1]
            if low < 0 or high >= classes:
                return failed(
                    f"{output.name}: labels from {low:g} to {high:g} for {classes} outputs, 0 to {classes - 1}."
                )
            if low == 1:
                return warned(f"{output.name}: no label is 0, the least is {low:g}: output 0 has no examples.")
        elif kind == "other" or y.shape == y_pred.shape or setup.loss_fn is None:
            continue
        elif y.size == y_pred.size:
            together = output.loss(y, y_pred)
            alone = np.mean([output.loss(y[i : i + 1], y_pred[i : i + 1]) for i in range(len(y))])
            if abs(together - alone) > 1e-3 * abs(alone) + 1e-7:
                return failed(
                    f"{output.name}: labels {y.shape} against predictions {y_pred.shape} broadcast: the loss of "
                    f"the batch is {together:.3g}, the mean over its examples {alone:.3g}."
                )
        elif spreads(output) and not reads_columns(output):
            return warned(f"{output.name}: labels {y.shape} are spread over predictions {y_pred.shape}.")
    return passed("; ".join(f"{o.name}: labels {o.y.shape}, predictions {o.y_pred.shape}" for o in setup.outputs) + ".")


def reads_columns(output: Output) -> bool:
    """Whether the loss reads the last axis of the prediction, or of the labels, column by column."""
    y, y_pred, plain = output.y, output.y_pred, output.loss(output.y, output.y_pred)
    if y.ndim > 1 and y.shape[-1] > y_pred.shape[-1]:
        return abs(output.loss(np.roll(y, 1, axis=-1), y_pred) - plain) > 1e-5
    return y_pred.shape[-1] > 1 and abs(output.loss(y, np.roll(y_pred, 1, axis=-1)) - plain) > 1e-5


def spreads(output: Output) -> bool:
    """Whether the loss compares the one label of a row with each of its many predictions."""
    if output.y.size != len(output.y):
        return output.y.ndim == output.y_pred.ndim and 1 in (output.y.shape[-1], output.y_pred.shape[-1])
    label = numbers(output.y).reshape(-1, *[1] * (output.y_pred.ndim - 1))
    costs = [output.loss(output.y, np.broadcast_to(label + step, output.y_pred.shape)) for step in (0, -1, 1)]
    return costs[0] < min(costs[1:]) - 1e-6


def kind_of(output: Output) -> str:
    """Return what the labels are: 'sparse' (class numbers), 'one-hot', 'binary' or 'number'."""
    y, y_pred = output.y, output.y_pred
    if y.dtype.kind not in "biuf" or y_pred.dtype.kind == "c":
        return "other"
    values, columns = numbers(y), y_pred.shape[-1] if y_pred.ndim > 1 else 1
    whole = bool(np.all(values == np.round(values)))
    flat = y.shape[:-1] if y.ndim > 1 and y.shape[-1] == 1 and y.ndim == y_pred.ndim else y.shape
    if whole and columns > 1 and flat == y_pred.shape[:-1]:
        return "sparse" if looks_sparse(output) else "number"
    if whole and values.min(initial=0) >= 0 and values.max(initial=0) <= 1 and y.size == y_pred.size:
        one = columns > 1 and y.shape == y_pred.shape and np.all(values.sum(-1) == 1)
        return "one-hot" if one else "binary"
    return "number"


def looks_sparse(output: Output) -> bool:
    """Whether the loss treats labels as class numbers: a high value at the label's place costs less than elsewhere."""
    right = 4 * one_hot(output.y, output.y_pred)
    try:
        costs = [output.loss(output.y, values) for values in (right + 0.1, np.roll(right, 1, axis=-1) + 0.1)]
    except (Skipped, ValueError, TypeError, tf.errors.OpError):
        return True
    return not costs[0] >= costs[1]


def one_hot(y: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Return labels in the shape of predictions: 1 at the right place, 0 elsewhere."""
    if y.size == y_pred.size:
        return numbers(y).reshape(y_pred.shape).astype("float32")
    return np.eye(y_pred.shape[-1], dtype="float32")[
        numbers(y).astype(int).reshape(y_pred.shape[:-1]) % y_pred.shape[-1]
    ]


def expects(output: Output) -> str:
    """Return what the loss takes predictions for: 'logits', 'probabilities' or 'numbers'.

    Four times the right answer is better than once, to a loss of logits; the same, to one of probabilities; far too
    large, to one that measures a distance.
    """
    kind, y = kind_of(output), output.y
    if kind not in ("sparse", "one-hot", "binary"):
        return "numbers"
    if kind == "binary":  # with both labels, also where one is rare
        y = (np.arange(y.size) % 2).reshape(y.shape).astype(y.dtype)
    right = one_hot(y, output.y_pred)
    wrong = np.roll(right, 1, axis=-1) if kind != "binary" else 1 - right
    once, four, other = (output.loss(y, values) for values in (right, 4 * right, wrong))
    if -1e-6 < four < 0.95 * once - 1e-6:
        return "logits"
    return "probabilities" if abs(four - once) < 1e-3 * abs(once) + 1e-5 and not other < once + 3 else "numbers"


@question("alone and in company", "02, Trap: dropout left on at evaluation; 08, Trap: padding")
def company(setup: Setup) -> tuple:
    """Does an example get the same answer alone, in a batch, and beside longer ones?

    Cannot see: padding that your pipeline added before the model. Cost: ten forward passes. Built in 02 and 08.
    """
    x = setup.batch()[0]
    setup.need_calm()
    longer = longer_company(setup, x)
    with setup.as_learned():
        among = setup.forward(x)
        for i in range(min(4, length(x))):
            alone, beside = setup.forward(take(x, slice(i, i + 1))), take(among, slice(i, i + 1))
            if [a.shape for a in tf.nest.flatten(alone)] != [b.shape for b in tf.nest.flatten(beside)]:
                raise Skipped("the shape of an answer depends on the batch")
            gap = apart(alone, beside) * largest(beside) / largest(among)
            if gap > tolerance(setup):
                return failed(
                    f"Alone, an example gets another answer than among {length(x)}: they differ by {gap:.2g} of "
                    f"the largest."
                )
        if longer is not None:
            gap = apart(take(setup.forward(longer), slice(0, 1)), setup.forward(x[:1]))
            if gap > tolerance(setup):
                return failed(
                    f"Beside a longer example, the answer to a shorter one changes by {gap:.2g}: padding counts."
                )
    return passed(f"{min(4, length(x))} examples alone and among {length(x)}: the same answers.")


def tolerance(setup: Setup) -> float:
    """Return the relative difference that rounding may make: more in half precision."""
    return 2e-3 if setup.model.compute_dtype in ("float32", "float64") else 5e-2


def longer_company(setup: Setup, x: object) -> object:
    """Return the first row beside a longer one, where the model takes texts or ids of any length; else None."""
    if isinstance(x, (dict, tuple)):
        return None
    first, values = x[:1], np.asarray(x)
    if values.dtype.kind in "SUO":
        text = np.ravel(values[:1])[0]
        text = text.decode() if isinstance(text, bytes) else str(text)
        return tf.constant(np.array([text, " ".join([text] * 5)]).reshape(2, *values.shape[1:]))
    open_ended = getattr(setup.model, "input_shape", None)
    open_ended = isinstance(open_ended, tuple) and len(open_ended) == 2 and open_ended[1] is None
    padded = values.ndim == 2 and values.dtype.kind in "iu" and np.any(values[:, -1] == 0)
    if not (open_ended and padded):
        return None
    short = tf.concat([first, tf.zeros_like(first)], 1)
    return tf.concat([short, tf.concat([tf.where(first == 0, tf.reduce_max(first), first)] * 2, 1)], 0)


@question("two passes", "02, Trap: `training=True` forgotten; 09, Trap: augmentation at inference")
def two_passes(setup: Setup) -> tuple:
    """Do two passes for inference agree and leave the weights alone, and does the flag `training` arrive?

    Cannot see: chance that comes up rarely, and whether it is meant. Cost: four forward passes. Built in 02 and 09.
    """
    x, model = setup.batch()[0], setup.model
    drawing = [layer for layer in setup.layers if is_noisy(layer)]
    averaging = [layer for layer in setup.layers if hasattr(layer, "moving_mean") and layer.trainable]
    if (drawing or averaging) and not model._call_has_training_arg:
        return failed(f"The model's call takes no `training`: fit never switches {(drawing or averaging)[0].name} on.")
    with setup.unchanged():
        before = [value_of(variable) for variable in model.variables]
        first, second = setup.forward(x), setup.forward(x)
        gap = apart(second, first)
        moved = [path(v) for v, b in zip(model.variables, before, strict=True) if not np.array_equal(value_of(v), b)]
        moved = [name for name in moved if "seed_generator" not in name]
        if moved:
            return failed(f"A pass with training=False changes {spelled(moved)}.")
        if gap > 1e-5:
            sentence = f"Two passes with training=False differ by {gap:.2g} of their size"
            switched_on = [layer.name for layer, _, _, used in setup.spy(training=False) if used]
            if switched_on:
                return failed(f"{sentence}: something random is on, and {switched_on[0]} gets training=True.")
            return warned(f"{sentence}: something random is on. Is it meant, as samples are?")
        if drawing and length(x) > 1 and apart(setup.forward(x, True), setup.forward(x, True)) == 0:
            return failed(f"{drawing[0].name} is never on: two passes with training=True agree to the last digit.")
    if averaging and not any(used for layer, _, _, used in setup.spied if layer in averaging):
        return failed(f"{averaging[0].name} gets training=False when the model is called with training=True.")
    return passed(f"Two passes agree on {length(x)} examples and change no variable.")


def is_noisy(layer: object) -> bool:
    """Whether a layer draws random numbers in training."""
    rate = getattr(layer, "rate", getattr(layer, "stddev", None))
    return hasattr(layer, "seed_generator") and isinstance(rate, (int, float)) and rate > 0


@question("inputs read", "10, Trap: two slips in a dict")
def inputs_read(setup: Setup) -> tuple:
    """Does every input, and every feature and step of it, change the answer?

    Several probes: rows are exchanged, and features moved up and down, before and after a batch is learned. Cannot see:
    a feature that is read and useless. Cost: a forward pass for each feature. Built in 10.
    """
    x = setup.batch(16)[0]
    setup.need_calm()
    parts, names = tf.nest.flatten(x), input_names(x)
    for layer, ids, _, _ in setup.spied:
        if getattr(layer, "mask_zero", False) and gaps(np.asarray(ids)) > 0.05:
            return warned(
                f"{gaps(np.asarray(ids)):.0%} of the rows have a 0 between other ids: {layer.name} takes it for "
                f"padding."
            )
    unread, said, for_losses = [], [], []
    for i, part in enumerate(parts):
        values = np.asarray(part)
        if len(values) < 2 or np.all(values == values[:1]):
            continue
        if isinstance(x, dict) and not is_input(setup.model, sorted(x)[i]):
            continue
        exchanged_rows = [tf.roll(part, shift, 0) for shift in (1, 2, 3)]
        if not moves(setup, x, i, exchanged_rows):
            if not setup.penalties or not moves(setup, x, i, exchanged_rows, added_losses):
                return failed(f"{names[i]} is never read: exchanging its rows changes no answer.")
            for_losses.append(names[i])  # of its features nothing is known: the loss may be 0 for most rows
            continue
        unread += [
            f"feature {c} of {names[i]}" for c in columns_to_try(values) if not moves(setup, x, i, pushed(values, c))
        ]
        steps = values.shape[1] if values.ndim == 3 or (values.ndim == 2 and values.dtype.kind in "iu") else 0
        if steps > 2:
            tried = np.unique(np.linspace(0, steps - 1, min(steps, 8)).astype(int))
            still = [
                t for t in tried if np.any(values[:, t] != values[:1, t]) and not moves(setup, x, i, stepped(values, t))
            ]
            if len(still) > len(tried) / 2:
                return failed(f"{len(still)} of {len(tried)} steps that were tried of {names[i]} are never read.")
        said.append(names[i])
    if unread:
        return failed(f"Never read: {spelled(unread)}. No change of it changes an answer.")
    if not said and not for_losses:
        raise Skipped("no input of the model varies")
    sentences = [f"{spelled(said)}: each, and each feature that was tried, changes the answer."] * bool(said)
    sentences += [f"{spelled(for_losses)}: of influence on a loss that the model adds, and on no answer."] * bool(
        for_losses
    )
    return passed(" ".join(sentences))


def is_input(model: object, name: str) -> bool:
    """Whether a functional model has an input of this name; other models may read any."""
    structure = getattr(model, "_inputs_struct", None)
    return not isinstance(structure, dict) or name in structure


def input_names(x: object) -> list[str]:
    """Return a name for each array of the inputs, in the order in which they are flattened."""
    return (
        [f"input {name}" for name in sorted(x)]
        if isinstance(x, dict)
        else [f"input {i}" for i in range(len(tf.nest.flatten(x)))]
    )


def moves(setup: Setup, x: object, i: int, probes: list, of: Callable = Setup.forward) -> bool:
    """Whether one of the probes, in place of input i, changes an answer, with fresh weights or learned ones."""
    parts = tf.nest.flatten(x)
    changed = [tf.nest.pack_sequence_as(x, [*parts[:i], tf.convert_to_tensor(p), *parts[i + 1 :]]) for p in probes]
    if any(apart(of(setup, other), of(setup, x)) > 1e-6 for other in changed):
        return True
    with setup.as_learned():
        return any(apart(of(setup, other), of(setup, x)) > 1e-6 for other in changed)


def added_losses(setup: Setup, x: object) -> list:
    """Return the losses that the model adds when it is called: an input may be there for them alone."""
    setup.forward(x)
    return [tf.reduce_sum(part) for part in setup.model.losses] or [tf.zeros(())]


def columns_to_try(values: np.ndarray) -> list[int]:
    """Return the features of a table or of sequences that vary, if there are not too many."""
    few = (
        values.dtype.kind == "f" and 2 <= values.ndim <= 4 and 1 < values.shape[-1] <= (128 if values.ndim == 2 else 12)
    )
    return [c for c in range(values.shape[-1]) if np.nanmax(values[..., c]) > np.nanmin(values[..., c])] if few else []


def pushed(values: np.ndarray, column: int) -> list[np.ndarray]:
    """Return copies of `values` with one feature moved up, down and far up."""
    direction = np.eye(values.shape[-1], dtype=values.dtype)[column] * (np.nanstd(values) + 1e-6)
    return [values + np.asarray(size, values.dtype) * direction for size in (3, -3, 10)]


def stepped(values: np.ndarray, step: int) -> list[np.ndarray]:
    """Return copies of `values` in which one step comes from other rows."""
    copies = [values.copy() for _ in range(3)]
    for shift, copy in enumerate(copies, 1):
        copy[:, step] = np.roll(values[:, step], shift, axis=0)
    return copies


def gaps(ids: np.ndarray) -> float:
    """Return the share of rows that have a 0 between other ids."""
    if ids.ndim != 2 or ids.shape[1] < 3:
        return 0.0
    filled = ids != 0
    inside = np.logical_or.accumulate(filled, 1) & np.logical_or.accumulate(filled[:, ::-1], 1)[:, ::-1]
    return float(np.mean(np.any(inside & ~filled, axis=1)))


@question("first loss", "06, Trap: softmax, and `from_logits=True` as well")
def first_loss(setup: Setup) -> tuple:
    """Is the loss before training near what ignorance costs: the best constant answer?

    Cannot see: faults that leave the start as it is. Cost: a forward pass. Built in 06.
    """
    said = []
    for output in setup.outputs:
        first, ignorance = output.loss(output.y, output.y_pred), cost_of_ignorance(output)
        if ignorance is None:
            continue
        sentence = f"{output.name}: the first loss is {first:.3g}, ignorance costs {ignorance:.3g}"
        if not first < (4 if kind_of(output) != "number" else 10) * ignorance + 1e-3:
            return warned(f"{sentence}: the start is far off.")
        said.append(sentence)
    if not said:
        raise Skipped("the cost of the best constant answer is not known for this loss")
    return passed("; ".join(said) + ".")


def cost_of_ignorance(output: Output) -> float | None:
    """Return the loss of the best constant answer, or None if it is not known."""
    kind = kind_of(output)
    if kind == "other" or (
        kind == "number" and output.y.shape != output.y_pred.shape and output.y.size != output.y_pred.size
    ):
        return None
    if is_link(output):
        return None
    right = one_hot(output.y, output.y_pred) if kind != "number" else numbers(output.y).reshape(output.y_pred.shape)
    mean = np.mean(right, axis=tuple(range(right.ndim - 1)) if right.ndim > 1 else 0, keepdims=True)
    if np.all(right == mean):  # labels that are all alike, as one row's are, need no knowledge
        return None
    if kind != "number":
        mean = np.clip(mean, 0.01, 0.99)
        if expects(output) == "logits":
            mean = np.log(mean) if kind != "binary" else np.log(mean / (1 - mean))
    cost = output.loss(output.y, np.broadcast_to(mean, right.shape).astype("float32"))
    return cost if np.isfinite(cost) and cost > 0 else None


@question(
    "output and loss", "03, Trap: probabilities taken for logits; 06, Trap: softmax, and `from_logits=True` as well"
)
def output_and_loss(setup: Setup) -> tuple:
    """Does the loss take the outputs for what they are, and can the outputs reach the labels?

    The last weights, then all, are made many times larger, with both signs: so each output shows its range. Cannot see:
    outputs of a kind that the probes do not know. Cost: six forward passes. Built in 03 and 06.
    """
    said = []
    for i, output in enumerate(setup.outputs):
        kind, wanted, name, reach = kind_of(output), expects(output), output.name, reached(setup, i)
        low, high, columns = float(reach.min()), float(reach.max()), reach.shape[-1] if reach.ndim > 1 else 1
        one_class = columns > 1 and np.allclose(reach.sum(-1), 1, atol=1e-2)
        inside, span = low >= -1e-6 and high <= 1 + 1e-6, f"between {low:.2g} and {high:.2g}"
        y = numbers(output.all_y)
        if inside and columns == 1 and np.ptp(reach) < 1e-6 and kind != "number":
            return failed(f"{name} has one unit, and is {high:.2g} whatever the weights are: softmax over one unit.")
        if wanted == "logits" and inside:
            return failed(f"{name} lies {span}, probabilities, and the loss takes it for logits.")
        if wanted == "logits" and low >= 0 and high > 0:
            return warned(f"{name} is never below 0 and the loss takes it for logits: is there an activation too many?")
        if wanted == "probabilities" and not inside:
            return failed(f"{name} reaches {span}, and the loss takes it for probabilities.")
        if wanted == "probabilities" and kind in ("sparse", "one-hot") and not one_class:
            return failed(f"{name} has {columns} probabilities that do not add up to 1, for labels of one class each.")
        if wanted == "probabilities" and kind == "binary" and one_class and np.any(y.reshape(-1, columns).sum(-1) != 1):
            return failed(f"{name}: softmax shares out one answer, and an example has several labels or none.")
        if wanted == "probabilities" and (high < 0.95 or (columns == 1 and low > 0.05)):
            return failed(f"{name} cannot leave {low:.2g} to {high:.2g}: one activation after another.")
        same_size = kind in ("number", "binary") and wanted == "numbers" and output.y.size == output.y_pred.size
        if same_size and np.ptp(reach) > 0 and is_target(output):
            beyond = np.mean(
                ((y < low - 0.05 * np.std(y)) & is_wall(setup, i, -1))
                | ((y > high + 0.05 * np.std(y)) & is_wall(setup, i, 1))
            )
            if beyond > 0.02:
                return failed(f"{name} stays {span}, whatever the weights are; {beyond:.0%} of the labels lie beyond.")
        said.append(f"{name} is taken for {wanted}")
    return passed("; ".join(said) + ".")


def is_target(output: Output) -> bool:
    """Whether the loss wants the prediction to be the label: the label costs less than its mirror image."""
    truth = numbers(output.y).reshape(output.y_pred.shape)
    mirrored = truth.max() + truth.min() - truth
    return output.loss(output.y, truth) < output.loss(output.y, mirrored)


def kernel_of(layer: object) -> object:
    """Return the kernel of a layer, or None."""
    kernel = getattr(layer, "kernel", getattr(layer, "_kernel", None))
    return kernel if is_variable(kernel) else None


def reached(setup: Setup, i: int, size: float = 100.0) -> np.ndarray:
    """Return what output i says as it is, and with the last weights or all of them made larger, with both signs."""
    x, found, noise = setup.batch()[0], [], np.random.default_rng(0)
    layers = list({id(layer): layer for layer, _, _, _ in setup.spied if kernel_of(layer) is not None}.values())
    if not layers:
        raise Skipped("no layer with a kernel was found")
    for chosen, factors in ((layers[-len(setup.outputs) :], (1, size, -size)), (layers, (size**0.5, -(size**0.5)))):
        with setup.unchanged():
            variables = [variable for layer in chosen for variable in layer.trainable_variables or layer.variables]
            start = [value_of(v) + 0.1 * noise.normal(size=v.shape) for v in variables]
            for factor in factors:
                for variable, value in zip(variables, start, strict=True):
                    variable.assign(np.clip(factor * value, -1e4, 1e4))
                values = numbers(tf.nest.flatten(setup.forward(x))[i])
                found.append(values[np.all(np.isfinite(values.reshape(len(values), -1)), axis=1)])
    return np.concatenate(found)


def is_wall(setup: Setup, i: int, side: int) -> bool:
    """Whether output i has a limit above (side 1) or below (-1): ten times the weights bring it no further."""
    near, far = (np.max(side * reached(setup, i, size)) for size in (100.0, 1000.0))
    return bool(far < near + 0.5 * abs(near) + 1e-6)


@question("untracked weights", "02, Trap: plain variables in a model")
def untracked_weights(setup: Setup) -> tuple:
    """Does the model know every weight that its forward pass and its loss use, and is there anything to train?

    Cannot see: weights that are not trainable, or that the pass does not read. Cost: two passes. Built in 02.
    """
    if not setup.model.trainable_variables:
        return failed("There is nothing to train: the model has no trainable weights.")
    batch = setup.batch(8)
    unknown = untracked(setup.model, batch[0])
    if unknown:
        return failed(f"The forward pass uses weights that the model does not know: {spelled(unknown)}.")
    if setup.loss_fn is not None:
        with tf.GradientTape() as tape:
            setup.total(*batch)
        known = {id(variable.value) for variable in setup.model.variables}
        others = [v for v in reachable(setup.loss_fn, setup.train_step) if isinstance(v, tf.keras.Variable)]
        known |= {id(v.value) for v in others if not v.trainable}
        extra = [variable for variable in tape.watched_variables() if id(variable) not in known]
        before = [value_of(variable) for variable in extra]
        step = own_step(setup)
        if extra and step is not None:
            with setup.unchanged(), eagerly():
                step(batch)
                extra = [v for v, b in zip(extra, before, strict=True) if np.array_equal(value_of(v), b)]
        if extra:
            return warned(f"The loss has weights that nobody trains: {spelled([path(v) for v in extra])}.")
    return passed(f"{len(setup.model.trainable_variables)} trainable variables, all known to the model.")


@question("symmetry", "01, Deeper: units that start equal")
def symmetry(setup: Setup) -> tuple:
    """Do the units of each layer differ after a batch was learned, and is no layer used twice where two may be meant?

    Cannot see: pairs of equal units among others. Cost: uses the learned batch. Built in 01.
    """
    calls = [(layer, given, result) for layer, given, result, _ in setup.spied if kernel_of(layer) is not None]
    for i, (layer, given, _) in enumerate(calls):
        for other, earlier, answer in calls[:i]:
            if layer is other and (same(given, earlier) or same(given, answer)):
                return warned(
                    f"{layer.name} is called again on {'the same input' if same(given, earlier) else 'its own answer'}."
                )
    with setup.as_learned():
        for i, (layer, given, _) in enumerate(calls):
            for other, earlier, _ in calls[:i]:
                if layer is not other and same(given, earlier) and same(kernel_of(layer).value, kernel_of(other).value):
                    return warned(
                        f"{layer.name} and {other.name} have the same input and the same weights, also after learning."
                    )
    last = {id(variable) for layer, _, _ in calls[-1:] for variable in layer.variables}
    for variable, value in zip(setup.model.trainable_variables, setup.learned["weights"], strict=True):
        units = value.ndim >= 2 and value.shape[-1] > 1 and id(variable) not in last and np.any(value)
        if units and np.max(np.ptp(value, axis=-1)) <= 1e-6 * np.max(np.abs(value)):
            return failed(
                f"All {value.shape[-1]} units of {path(variable)} are equal, and stay so: they started equal."
            )
    return passed("No layer consists of equal units.")


def same(a: tf.Tensor, b: tf.Tensor) -> bool:
    """Whether two tensors have the same shape and the same numbers."""
    return tf.is_tensor(a) and tf.is_tensor(b) and a.shape == b.shape and np.array_equal(numbers(a), numbers(b))


@question("dead units", "07, Trap: relu units on raw inputs")
def dead_units(setup: Setup) -> tuple:
    """Do the units that can be silent (relu) fire on some example?

    Cannot see: units that die later. Cost: one forward pass. Built in 07.
    """
    worst, where = 0.0, ""
    for layer, _, result, _ in setup.spied:
        if not tf.is_tensor(result) or not result.dtype.is_floating or len(result.shape) < 2 or is_noisy(layer):
            continue
        if (
            kernel_of(layer) is None
            and "activation" not in type(layer).__name__.lower()
            and type(layer).__name__ != "ReLU"
        ):
            continue
        if getattr(layer, "activation", None) is tf.keras.activations.linear:  # 0 where its weights start at 0
            continue
        values = numbers(result).reshape(-1, result.shape[-1])
        if values.min() == 0 and values.shape[-1] > 1 and np.mean(values == 0) > 0.05:
            silent = float(np.mean(silent_units(values)))
            if silent > worst:
                worst, where = silent, layer.name
    if worst >= 0.8:
        return (failed if worst == 1 else warned)(
            f"{worst:.0%} of the units of {where} are 0 for all {len(setup.rows())} examples."
        )
    return passed(f"At most {worst:.0%} of a layer's units are 0 for all {len(setup.rows())} examples.")


# ---------------------------------------------------------------------------------------------------------------------
# The questions: what goes in
# ---------------------------------------------------------------------------------------------------------------------


@question("input range", "07, Trap: relu units on raw inputs; 09, Trap: rescaled twice")
def input_range(setup: Setup) -> tuple:
    """Are the numbers that reach the first weights of about unit size, and no branch drowned by another?

    Cannot see: inputs that are of the right size and wrong. Cost: one forward pass. Built in 07 and 09.
    """
    wide = [int(np.prod(part.shape[1:])) for part in tf.nest.flatten(setup.x)]
    for part in tf.nest.flatten(setup.x):
        heavy = part.dtype == "float64" and setup.model.compute_dtype != "float64"
        if heavy and (len(part.shape) > 2 or np.prod(part.shape) * 8 >= 1e6):
            return warned(
                f"Inputs {tuple(part.shape)} are float64: {np.prod(part.shape) * 8 / 1e6:.1f} MB where float32 "
                f"takes half."
            )
    said = []
    for layer, given, _, _ in setup.spied:
        weighs = kernel_of(layer) is not None or hasattr(layer, "cell")
        if type(layer).__name__ == "Concatenate":
            sizes = [root_mean_square(branch) for branch in tf.nest.flatten(given) if branch.dtype.is_floating]
            if sizes and 0 < 50 * min(sizes) < max(sizes):
                return warned(
                    f"Of the branches that are joined, one has a size of {max(sizes):.3g} and one of {min(sizes):.3g}."
                )
        if not weighs or not tf.is_tensor(given) or not given.dtype.is_floating:
            continue
        size, most = root_mean_square(given), float(np.nanmax(np.abs(numbers(given)), initial=0))
        if size > 12:
            return warned(
                f"The numbers that reach {layer.name} have a size of {size:.3g}, up to {most:.3g}: scale "
                f"them to about 1."
            )
        if 0 < most < 0.02 and int(np.prod(given.shape[1:])) in (*wide, sum(wide)):
            return warned(f"The numbers that reach {layer.name} are at most {most:.2g}: scaled twice?")
        said.append(f"{layer.name} {size:.2g}")
    return passed(
        f"The size of what reaches the first weights: {spelled(said, 3)}."
        if said
        else "No plain numbers reach a kernel."
    )


def root_mean_square(values: object) -> float:
    """Return the size of numbers: the root of their mean square."""
    return float(np.sqrt(np.nanmean(numbers(values) ** 2)))


@question("label scale", "07, Trap: a rate and the units it was tried in")
def label_scale(setup: Setup) -> tuple:
    """Are labels that are numbers of the size that the outputs start with?

    Cannot see: a loss that scales them itself, and outputs that start at 0. Cost: none. Built in 07.
    """
    said = []
    for output in setup.outputs:
        if kind_of(output) == "number" and output.y.size == output.y_pred.size:
            size, start = (float(np.sqrt(np.mean(numbers(values) ** 2))) for values in (output.y, output.y_pred))
            said.append(f"{output.name}: labels of size {size:.3g}, outputs that start at {start:.3g}")
            y, truth = output.y, numbers(output.y).reshape(output.y_pred.shape)
            wanted = output.loss(y, truth) < min(output.loss(y, output.y_pred), output.loss(y, 2 * truth))  # no angle
            if start > 0 and not 1e-3 < size / start < 1e3 and wanted:
                return warned(f"{said[-1]}: scale the labels.")
    if not said:
        raise Skipped("no output is compared with plain numbers")
    return passed("; ".join(said) + ".")


@question("nan in data", "05, nan and inf: no clipping helps; 10, Missing values")
def nan_in_data(setup: Setup) -> tuple:
    """Are all numbers of inputs, labels and weights finite?

    A model that answers with finite numbers where inputs are nan may be meant, and a loss that is finite where labels
    are. Cannot see: a value that stands for "missing", such as -999. Cost: one pass over the data. Built in 05.
    """
    named = {"labels": setup.y, "sample weights": setup.weight, "inputs": setup.x, "validation part": setup.validation}
    for name, parts in named.items():
        for part in tf.nest.flatten(parts):
            holes = 0 if part is None or not is_number(part) else int(np.sum(~np.isfinite(numbers(part))))
            if not holes:
                continue
            sentence = f"{holes} of the {np.size(part)} numbers of the {name} are nan or infinite"
            if name == "inputs":
                rows = np.flatnonzero(~np.isfinite(numbers(part)).reshape(len(part), -1).all(axis=1))[:ROWS]
                answers = tf.nest.flatten(setup.forward(take(setup.x, rows)))
                if all(np.all(np.isfinite(numbers(answer))) for answer in answers):
                    return warned(f"{sentence}; the model's answers to these rows are finite.")
            if name == "labels" and loss_is_finite(setup):
                return warned(f"{sentence}; the loss is finite: it leaves them out.")
            return failed(f"{sentence}.")
    return passed(f"{length(setup.x)} rows, all finite.")


def loss_is_finite(setup: Setup) -> bool:
    """Whether the loss of the first rows is finite that have a label that is not."""
    holes = [~np.isfinite(numbers(part)) for part in tf.nest.flatten(setup.y) if is_number(part)]
    rows = np.flatnonzero(np.any([part.reshape(len(part), -1).any(axis=1) for part in holes], axis=0))[:ROWS]
    with contextlib.suppress(Skipped):
        return bool(np.isfinite(setup.loss(take(setup.y, rows), setup.forward(take(setup.x, rows)))))
    return False


def is_number(part: object) -> bool:
    """Whether an array or tensor holds numbers."""
    return tf.as_dtype(part.dtype).is_floating or tf.as_dtype(part.dtype).is_integer or tf.as_dtype(part.dtype).is_bool


@question("constant features", "10, Missing values")
def constant_features(setup: Setup) -> tuple:
    """Does every column of a table vary, and is none of them the label?

    Cannot see: pictures and texts, where some places are always empty. Cost: one pass over the data. Built in 10.
    """
    tables = [numbers(p) for p in tf.nest.flatten(setup.x) if len(p.shape) == 2 and is_float(p) and p.shape[1] <= 1000]
    if not tables:
        raise Skipped("no input is a table of numbers")
    for table in tables:
        constant = np.flatnonzero(np.ptp(table, axis=0) == 0) if len(table) > 1 else []
        if len(constant) and table.shape[1] < 400:
            return warned(
                f"{len(constant)} of {table.shape[1]} columns never change, the first is column {constant[0]}."
            )
        for y in [numbers(part) for part in tf.nest.flatten(setup.y) if part is not None and is_number(part)]:
            if len(y) > 8 and y.size == len(y) and np.ptp(y) > 0 and table.shape[1] > 1:
                copies = [c for c in range(table.shape[1]) if abs(correlation(table[:, c], y.ravel())) > 0.99999]
                if copies:
                    return warned(f"Column {copies[0]} is the label, up to a factor.")
    columns = sum(table.shape[1] for table in tables)
    still = sum(int(np.sum(np.ptp(table, axis=0) == 0)) for table in tables)  # as the edges of flattened pictures
    return passed(f"{columns} columns, {f'{still} of which never change' if still else 'all of which vary'}.")


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation of two columns, 0 if one is constant."""
    a, b = a - a.mean(), b - b.mean()
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / size) if size > 0 else 0.0


@question(
    "rows in both parts", "08, Trap: the same review on both sides; 09, Trap: validation drawn from augmented data"
)
def rows_in_both_parts(setup: Setup) -> tuple:
    """Does a row of the validation part, or a near copy of it, stand in the training part as well?

    Cannot see: pictures that were turned or shifted. Cost: one pass over the data. Built in 08 and 09.
    """
    if setup.validation is None:
        raise Skipped("no validation_data was given")
    train, val = set(row_keys(setup.x)), row_keys(setup.validation[0])
    if len(train) < 0.5 * length(setup.x):
        raise Skipped("rows repeat inside the training part already")
    both = np.mean([key in train for key in val])
    if both > 0.01:
        chance = coincidence(setup.x, setup.validation[0])
        if chance > 0.1 * both:
            return warned(
                f"{both:.0%} of the validation rows stand in the training part, too; {chance:.0%} do after each of "
                f"their columns was shuffled: this table has few different rows."
            )
        return failed(f"{both:.0%} of the validation rows stand in the training part, too.")
    tables = [tf.nest.flatten(part) for part in (setup.x, setup.validation[0])]
    if len(tables[0]) == 1 and is_float(tables[0][0]) and 2 <= len(tables[0][0].shape) <= 4:
        near, far = nearest(*(numbers(table[0])[:600].reshape(min(600, len(table[0])), -1) for table in tables))
        if np.mean(near < 0.05 * far) > 0.3:
            return warned(
                f"{np.mean(near < 0.05 * far):.0%} of the validation rows have a near copy in the training part."
            )
    return passed(f"{both:.1%} of {len(val)} validation rows stand in the training part.")


def coincidence(ours: object, theirs: object) -> float:
    """Return the share of their rows, each column shuffled by itself, that equal one of ours; 0 if it says nothing."""
    if not all(is_number(part) and len(part.shape) < 3 for part in tf.nest.flatten((ours, theirs))):
        return 0.0  # no table
    train, val = (
        np.concatenate([numbers(part).reshape(length(parts), -1) for part in tf.nest.flatten(parts)], axis=1)
        for parts in (ours, theirs)
    )
    kinds, different_rows = max(len(np.unique(column)) for column in train.T), len(set(row_keys(train)))
    if train.shape[1] < 2 or kinds > different_rows / 2:  # a column that tells the rows apart by itself
        return 0.0
    known, shuffled = set(row_keys(train)), np.random.default_rng(0).permuted(val, axis=0)
    return float(np.mean([key in known for key in row_keys(shuffled)]))


def nearest(train: np.ndarray, val: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the distance from each row of `val` to the nearest of `train`, and the usual distance of two rows."""
    squares = (val**2).sum(1)[:, None] + (train**2).sum(1)[None] - 2 * val @ train.T
    distances = np.sqrt(np.maximum(squares, 0))
    return distances.min(axis=1), float(np.median(distances))


def row_keys(parts: object) -> list:
    """Return one hashable value for each row of a structure."""
    arrays = [np.asarray(part) for part in tf.nest.flatten(parts)]
    arrays = [array.astype("float32") if array.dtype.kind == "f" else array for array in arrays]
    return [
        b"|".join(array[i].tobytes() if array.dtype.kind != "O" else str(array[i]).encode() for array in arrays)
        for i in range(len(arrays[0]))
    ]


@question("label order", "06, Trap: no shuffle; 08, Trap: labels in order")
def label_order(setup: Setup) -> tuple:
    """Are the labels mixed, and does a pipeline give another order each time?

    Cannot see: what `fit` shuffles itself, as it does with arrays. Cost: two passes over a Dataset. Built in 06.
    """
    labels, said = tf.nest.flatten(setup.y), []
    for y in [numbers(y).reshape(len(y), -1) for y in labels if y is not None and is_number(y)][:1]:
        whole = np.all(y == np.round(y))
        y = y.argmax(-1) if y.shape[1] > 1 else y[:, 0]
        y = y if whole else np.round(8 * (y - y.min()) / (np.ptp(y) or 1))
        changes, kinds = int(np.sum(np.diff(y) != 0)), len(np.unique(y))
        expected = (len(y) - 1) * (1 - np.sum((np.unique(y, return_counts=True)[1] / len(y)) ** 2))
        if kinds < 2 or len(y) < 16:
            continue
        said.append("the labels are mixed" if len(labels) == 1 else "the labels of the first output are mixed")
        if changes < 0.3 * expected:
            return warned(
                f"The labels come in runs: {changes} changes in {len(y)} rows, {expected:.0f} expected in a "
                f"mixed order."
            )
    if setup.dataset is not None and length(setup.x) > 1:
        again, _, _ = unpacked(setup.dataset, None, None)
        first, second = row_keys(setup.x), row_keys(again)
        if first == second:
            return warned("The pipeline gives the same order each time: shuffle it, and again in each epoch.")
        said.append("a second pass over the pipeline gives other rows, or another order")
    if not said:
        raise Skipped("there are no labels, or too few of two kinds, to see an order in")
    sentence = "; ".join(said)
    return passed(f"{sentence[0].upper()}{sentence[1:]}.")


@question("class balance", "04, Trap: one in a hundred")
def class_balance(setup: Setup) -> tuple:
    """Is there more than one class, and is accuracy alone not mistaken for skill?

    Cannot see: classes that are rare in the world and common here. Cost: none. Built in 04.
    """
    said = []
    for output in setup.outputs:
        kind, values = kind_of(output), numbers(output.all_y)
        many = kind == "binary" and values.ndim > 1 and values.shape[-1] > 1
        if kind not in ("sparse", "one-hot", "binary") or many:
            continue
        counts = np.unique(values.argmax(-1) if kind == "one-hot" else values, return_counts=True)[1]
        share, names = counts.max() / counts.sum(), [name_of(metric) for metric in flat_metrics(setup)]
        if len(counts) == 1 and counts[0] > 8:
            unread = expects(output) == "numbers"  # as the zeros that go with a loss inside the model
            return (warned if unread else failed)(f"{output.name}: all {counts[0]} labels are the same.")
        if share >= 0.9 and counts.sum() >= 50 and names and all("acc" in name for name in names):
            return warned(
                f"An answer that is always the same has an accuracy of {share:.2f}, and accuracy is the only metric."
            )
        said.append(f"the most common label of {output.name} makes up {share:.0%}")
    if not said:
        raise Skipped("no output is a class")
    sentence = "; ".join(said)  # not capitalize(), which would spell the names of outputs in small letters
    return passed(f"{sentence[0].upper()}{sentence[1:]}.")


@question("validation range", "07, Trap: three teams, three errors")
def validation_range(setup: Setup) -> tuple:
    """Are validation inputs and labels prepared as those of training are?

    Cannot see: small differences. Cost: one pass over the data. Built in 07.
    """
    if setup.validation is None:
        raise Skipped("no validation_data was given")
    doubts = []
    for a, b in paired(setup.x, setup.validation[0]):
        if len(a.shape) != len(b.shape):
            return failed(f"Training inputs have the shape {a.shape}, validation inputs {b.shape}.")
        if len(b) < 8:
            continue
        if a.ndim == 2 and a.shape[1] == b.shape[1] <= 1000 and len(b) >= 30:
            filled = np.maximum(unusual(a) * len(b), unusual(b) * len(b)) >= 8  # a rare flag may be absent by chance
            varied = [c for c in range(a.shape[1]) if a[:, c].std() > 0 and filled[c]]
            far = [c for c in varied if different(a[:, c], b[:, c])]
            if far:
                sentence = f"Column {far[0]} of validation has {extent(a[:, far[0]], b[:, far[0]])}."
                if most(far, varied) or any(rescaled(a[:, c], b[:, c]) for c in far):
                    return failed(sentence)
                doubts.append(sentence)  # a trend does this to a split in time
            below = np.mean((b < 0) & (np.nanmin(a, axis=0) >= 0), axis=0)
            if below.max() > 0.05:
                sentence = (
                    f"Column {below.argmax()} has no negative numbers in training, and {below.max():.0%} in validation."
                )
                if most(np.flatnonzero(below > 0.05), varied):
                    return failed(sentence)
                doubts.append(sentence)
            own = [
                np.allclose(part.mean(0), 0, atol=1e-4) and np.allclose(part.std(0), 1, atol=1e-3) for part in (a, b)
            ]
            if all(own):
                doubts.append(
                    "Validation inputs have mean 0 and spread 1 exactly: scaled by their own statistics, not by "
                    "training's."
                )
        elif different(a, b):
            if a.ndim > 3 or rescaled(a, b):
                return failed(f"Validation inputs have {extent(a, b)}.")
            doubts.append(f"Validation inputs have {extent(a, b)}.")
    for kind, a, b in paired_labels(setup):
        classes = np.unique(a)
        if kind not in ("sparse", "binary") or len(classes) > min(50, len(a) / 4) or a.size != len(a):
            if a.shape[1:] == b.shape[1:] and len(b) >= 8 and different(a, b):
                if rescaled(a, b):
                    return failed(f"Validation labels have {extent(a, b)}.")
                doubts.append(f"Validation labels have {extent(a, b)}.")
            continue
        strangers = sorted(set(np.unique(b)) - set(classes))
        if strangers:
            doubts.append(f"The validation part has labels that training does not have: {spelled(strangers)}.")
        right, best = exchanged(setup, a.ravel(), b.ravel(), classes)
        if best > right:
            return failed(
                f"Validation labels look exchanged: {right:.0%} of the rows are nearest to the mean of their "
                f"own class, {best:.0%} to that of another."
            )
    if doubts:
        return warned(doubts[0])
    if length(setup.validation[0]) < 8:
        raise Skipped("the validation part has too few rows")
    return passed("Training and validation have about the same range.")


def paired(ours: object, theirs: object) -> list[tuple]:
    """Return the arrays of numbers of two structures side by side."""
    pairs = zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=False)
    return [
        (numbers(a), numbers(b)) for a, b in pairs if a is not None and b is not None and is_number(a) and is_number(b)
    ]


def different(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two samples have means more than two spreads apart, or spreads of another order; nan does not count."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if len(a) < 8 or len(b) < 8:
        return False
    spread = a.std() + 1e-12
    return bool(abs(b.mean() - a.mean()) > 2 * spread or not 0.25 < (b.std() + 1e-12) / spread < 4)


def unusual(table: np.ndarray) -> np.ndarray:
    """Return the share of rows, for each column, that have another value than the median."""
    return np.mean(table != np.median(table, axis=0), axis=0)


def rescaled(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two samples have spreads of another order of magnitude: no trend does that, and hardly a long tail."""
    spreads = np.nanstd(a), np.nanstd(b)
    return bool(min(spreads) > 0 and max(spreads) > 10 * min(spreads))


def most(some: list, every: list) -> bool:
    """Whether the columns `some` are more than half of `every`, and more than one."""
    return len(some) > max(1, len(every) / 2)


def extent(a: np.ndarray, b: np.ndarray) -> str:
    """Return mean and spread of validation's numbers `b`, and of training's `a`, as text."""
    own = f"mean {np.nanmean(b):.3g} and spread {np.nanstd(b):.3g}"
    return f"{own}, training {np.nanmean(a):.3g} and {np.nanstd(a):.3g}"


def paired_labels(setup: Setup) -> list[tuple]:
    """Return (kind of the labels, those of training, those of validation) for each output; the kind may be ""."""
    pairs, kinds = paired(setup.y, setup.validation[1]), []
    with contextlib.suppress(Skipped):
        kinds = [kind_of(output) for output in setup.outputs]
    return [
        (kind, a, b)
        for kind, (a, b) in zip(kinds if len(kinds) == len(pairs) else [""] * len(pairs), pairs, strict=True)
    ]


def exchanged(setup: Setup, y: np.ndarray, y_val: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Return the shares of validation rows nearest to their own class, and to the class that they look like.

    Both are 1 unless the second is far larger than chance explains, and than it is among the rows of training.
    """
    x, x_val = (tf.nest.flatten(part) for part in (setup.x, setup.validation[0]))
    if len(x) > 1 or not is_float(x[0]) or len(y) != len(x[0]) or not 2 <= len(classes) <= 20 or len(y_val) < 30:
        return 1.0, 1.0
    x, x_val = (numbers(part[0]).reshape(len(part[0]), -1) for part in (x, x_val))
    means = np.array([x[y == value].mean(axis=0) for value in classes])
    near, near_val = (classes[((means**2).sum(1) - 2 * part @ means.T).argmin(1)] for part in (x, x_val))
    orders = [np.random.default_rng(seed).permutation(y_val) for seed in range(5)]
    usual = [agreement(near, y, classes), *(agreement(near_val, order, classes) for order in orders)]
    found = agreement(near_val, y_val, classes)
    return found[:2] if found[2] > max(gap for _, _, gap in usual) + 0.3 else (1.0, 1.0)


def agreement(near: np.ndarray, y: np.ndarray, classes: np.ndarray) -> tuple[float, float, float]:
    """Return the shares of rows of their own class, and of the class that fits best; and how far these are apart.

    The last is in units of what there is to gain over chance, so that a common class does not fit all others best.
    """
    both = np.array([[np.mean((near == value) & (y == other)) for other in classes] for value in classes])
    chance = both.sum(axis=1, keepdims=True) * both.sum(axis=0, keepdims=True)
    own, best = np.arange(len(classes)), (both - chance).argmax(axis=1)
    skill = [(both - chance)[own, to].sum() / (1 - chance[own, to].sum() + 1e-12) for to in (own, best)]
    return float(both[own, own].sum()), float(both[own, best].sum()), float(skill[1] - skill[0])


@question("adapted layers", "07, Trap: `adapt` on everything")
def adapted_layers(setup: Setup) -> tuple:
    """Were the Normalization layers adapted, to these inputs, and on the training part alone?

    Cannot see: preprocessing outside the model. Cost: one pass over the data. Built in 07.
    """
    layers = [
        (layer, given, result) for layer, given, result, _ in setup.spied if type(layer).__name__ == "Normalization"
    ]
    if not layers:
        raise Skipped("the model has no Normalization layer")
    for layer, given, result in layers:
        out = numbers(result)
        axes = tuple(range(out.ndim - 1))
        mean, spread = np.abs(np.nanmean(out, axes)).max(), np.nanstd(out, axes).max()
        if mean > 2 or not 0.2 < spread < 5:
            return failed(
                f"{layer.name} was not adapted to these inputs: behind it means reach {mean:.2g}, spreads {spread:.2g}."
            )
        if adapted_on_both(setup, layer, given):
            return failed(f"{layer.name} was adapted on training and validation together.")
    return passed(f"{len(layers)} adapted: behind it, means within {mean:.1g}.")


def adapted_on_both(setup: Setup, layer: object, given: tf.Tensor) -> bool:
    """Whether a Normalization layer's means are those of training and validation, and not of training alone."""
    tables = [
        numbers(p)
        for p in tf.nest.flatten(setup.x)
        if len(p.shape) == 2 and is_float(p) and p.shape[1:] == given.shape[1:]
    ]
    others = [
        numbers(p) for p in tf.nest.flatten(setup.validation and setup.validation[0]) if p is not None and is_number(p)
    ]
    others = [p for p in others if p.shape[1:] == tuple(given.shape[1:])]
    if len(tables) != 1 or len(others) != 1 or not setup.whole or layer.mean is None:
        return False
    table, mean = tables[0], numbers(layer.mean).ravel()
    off = [
        np.max(np.abs(mean - part.mean(0)) / (table.std(0) + 1e-12))
        for part in (table, np.concatenate([table, others[0]]))
    ]
    return bool(off[1] < 1e-4 < 1e-3 < off[0])


@question("vocabulary", "08, Trap: `adapt` before the split")
def vocabulary(setup: Setup) -> tuple:
    """Does a layer's vocabulary know the words of training, none of validation alone, and are texts not cut short?

    Cannot see: preprocessing outside the model, and the split where the vocabulary has words that stand in neither part
    that is given. Cost: one pass over the texts. Built in 08.
    """
    layers = [layer for layer in setup.model._flatten_layers(include_self=False) if hasattr(layer, "get_vocabulary")]
    inner = {id(part) for layer in layers for part in layer._flatten_layers(include_self=False)}
    layers = [layer for layer in layers if id(layer) not in inner]
    said = []
    for layer in layers:
        texts = words_of(setup, layer, setup.x)
        if texts is None:
            continue
        unknown = unknown_share(layer, texts)
        if unknown > 0.3:
            return failed(f"{layer.name} does not know {unknown:.0%} of the words of training.")
        cut = cut_share(layer, texts)
        if cut > 0.3:
            return warned(
                f"{layer.name} cuts {cut:.0%} of the training texts off after {layer._output_sequence_length} words."
            )
        theirs = words_of(setup, layer, setup.validation[0]) if setup.validation is not None and setup.whole else None
        if theirs is not None:
            missing, absent = never_seen_in(layer, texts), never_seen_in(layer, theirs)
            extra, elsewhere = np.setdiff1d(missing, absent), np.intersect1d(missing, absent)
            if len(extra) and not len(elsewhere):  # words of neither part are from more texts than are given here
                return failed(
                    f"{layer.name} knows {len(extra)} words that stand in no training text, and in validation."
                )
        said.append(f"{layer.name}: {unknown:.0%} of the words unknown")
    if not said:
        raise Skipped("no layer of the model has a vocabulary, or its words cannot be told apart")
    return passed("; ".join(said) + ".")


def cut_share(layer: object, texts: tf.Tensor) -> float:
    """Return the share of texts that have more words than the layer lets through."""
    limit = getattr(layer, "_output_sequence_length", None)
    if not limit:
        return 0.0
    words = [len(str(text, "utf-8", "ignore").split()) for text in np.ravel(texts.numpy())]
    return float(np.mean(np.array(words) > limit))


def words_of(setup: Setup, layer: object, parts: object) -> tf.Tensor | None:
    """Return the texts or categories that reach `layer`, of all rows, or None if they cannot be told apart."""
    wants_text = type(layer).__name__ != "IntegerLookup"
    leaves = [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(parts)]
    fits = [leaf for leaf in leaves if (leaf.dtype == tf.string) == wants_text and not leaf.dtype.is_floating]
    return fits[0] if len(fits) == 1 else None


def ids_of(layer: object, texts: tf.Tensor) -> np.ndarray:
    """Return the numbers of the vocabulary's entries in texts, one for each occurrence if the layer says so."""
    found = layer(texts)
    found = found.flat_values if isinstance(found, tf.RaggedTensor) else found
    if getattr(layer, "_output_mode", getattr(layer, "output_mode", "int")) != "int":
        return np.nonzero(numbers(found))[-1]
    return np.ravel(np.asarray(found)).astype(int)


def unknown_share(layer: object, texts: tf.Tensor) -> float:
    """Return the share of unknown words in texts; empty places do not count."""
    ids, words = ids_of(layer, texts), first_word(layer)
    ids = ids[ids >= words - getattr(layer, "num_oov_indices", 1)]
    return float(np.mean(ids < words)) if len(ids) else 1.0


def never_seen_in(layer: object, texts: tf.Tensor) -> np.ndarray:
    """Return the numbers of the vocabulary's words that occur in none of the texts."""
    return np.setdiff1d(np.arange(first_word(layer), layer.vocabulary_size()), ids_of(layer, texts))


def first_word(layer: object) -> int:
    """Return the number of the vocabulary's first word: empty places and unknown words come before it."""
    empty = hasattr(layer, "_split") or getattr(layer, "mask_token", None) is not None
    return int(empty) + getattr(layer, "num_oov_indices", 1)


# ---------------------------------------------------------------------------------------------------------------------
# The questions: the loss
# ---------------------------------------------------------------------------------------------------------------------


def perfect(output: Output) -> np.ndarray | None:
    """Return the prediction that should cost least, or None if it is not known."""
    wanted = expects(output)
    if wanted == "logits":
        return (30 * (2 * one_hot(output.y, output.y_pred) - 1)).astype("float32")
    if wanted == "probabilities":
        return one_hot(output.y, output.y_pred)
    if output.y.size == output.y_pred.size and output.y.dtype.kind in "biuf":
        return allowed(output, numbers(output.y).reshape(output.y_pred.shape))
    return None


@question("loss at the truth", "03, A checker for losses")
def loss_at_the_truth(setup: Setup) -> tuple:
    """Does a perfect answer cost least, and is the loss finite there and for a wrong answer?

    Cannot see: losses whose best answer is not known. Cost: none. Built in 03.
    """
    said = []
    for output in setup.outputs:
        wanted, kind, truth, y = expects(output), kind_of(output), perfect(output), output.y
        share = (
            kind in ("sparse", "one-hot", "binary")
            and numbers(output.y_pred).min() >= 0
            and numbers(output.y_pred).max() <= 1
        )
        ends = (one_hot(y, output.y_pred), 1 - one_hot(y, output.y_pred)) if share else ()
        costs = [output.loss(y, end) for end in ends]
        if not np.all(np.isfinite(costs)):
            return failed(f"{output.name}: for probabilities of 0 and 1 the loss is {costs[0]:.3g} and {costs[1]:.3g}.")
        if truth is None or (wanted == "numbers" and kind != "number"):
            continue
        if is_link(output):
            continue
        least = output.loss(y, truth)
        if wanted == "numbers":
            step = np.float32(np.std(numbers(y)) + 1e-3)
            others = [allowed(output, truth + share * step) for share in (-1, -0.3, 0.3, 1)]
            if (
                truth.ndim > 1 and truth.shape[-1] > 1 and np.allclose(numbers(y).sum(-1), 1, atol=1e-3)
            ):  # shares stay shares
                others = [share * truth + (1 - share) * np.roll(truth, 1, axis=-1) for share in (0, 0.3, 0.7, 0.1)]
            costs = [output.loss(y, other) for other in others]
        else:
            costs = [output.loss(y, opposite(output, truth))]
        if not np.all(np.isfinite([least, *costs])):
            return failed(
                f"{output.name}: the loss is {least:.3g} at the truth and {costs[-1]:.3g} far from it: not finite."
            )
        slack = 1e-6 + 1e-4 * abs(least) + 1e-3 * np.ptp([least, *costs])
        if wanted != "numbers" and costs[0] < least + 1e-3:
            return failed(
                f"{output.name}: an answer that is wrong everywhere costs {costs[0]:.3g}, the truth {least:.3g}."
            )
        if min(costs) < least - slack and (wanted != "numbers" or max(costs) < least or not reads_columns(output)):
            return failed(f"{output.name}: the truth costs {least:.3g}, another answer {min(costs):.3g}.")
        if (
            wanted == "numbers"
            and min(costs[0], costs[-1]) <= least + slack
            and np.ptp(costs) > 1e-3 * abs(least) + slack
        ):
            return warned(
                f"{output.name}: an answer that is off by {step:.3g} costs no more than the truth, {least:.3g}."
            )
        ignorance = cost_of_ignorance(output)
        smooth = any(getattr(part, "label_smoothing", 0) for part in tf.nest.flatten(setup.loss_fn))
        if wanted == "logits" and ignorance and not smooth:
            best = min(output.loss(y, truth * share) for share in (1, 0.5, 0.1, 0.05))
            if best > 0.4 * ignorance:
                return warned(f"{output.name}: a perfect answer costs {best:.3g}, ignorance {ignorance:.3g}.")
        said.append(f"{output.name}: {least:.3g} at the truth, at least {min(costs):.3g} elsewhere")
    if not said:
        raise Skipped("the perfect answer is not known for this loss")
    return passed("; ".join(said) + ".")


def is_link(output: Output) -> bool:
    """Whether the loss takes outputs for logits or logarithms of what the labels are: shares of 1, or rates."""
    y = numbers(output.y)
    if kind_of(output) != "number" or output.y.size != output.y_pred.size or y.min() < 0:
        return False
    if y.max() <= 1:
        one = y.ndim > 1 and y.shape[-1] > 1 and np.allclose(y.sum(-1), 1, atol=1e-3)
        hard = (np.eye(y.shape[-1])[y.argmax(-1)] if one else np.round(y)).astype(output.y.dtype)
        return expects(Output(output.name, hard, output.y_pred, output.plain_loss, hard)) == "logits"
    truth = y.reshape(output.y_pred.shape)
    others = [output.loss(output.y, truth + step) for step in (0, -1, -0.3, 0.3, 1)]
    return output.loss(output.y, np.log(np.maximum(truth, 0.1))) < min(others) and others[0] < max(others)


def opposite(output: Output, truth: np.ndarray) -> np.ndarray:
    """Return an answer that is wrong everywhere, of the kind of the perfect one."""
    if kind_of(output) in ("sparse", "one-hot"):
        return np.roll(truth, 1, axis=-1)
    return -truth if expects(output) == "logits" else 1 - truth


def allowed(output: Output, values: np.ndarray) -> np.ndarray:
    """Return predictions kept positive where outputs and labels are: rates, which losses take the logarithm of."""
    positive = numbers(output.y_pred).min() > 0 and numbers(output.y).min() >= 0
    return np.maximum(values, 1e-2).astype("float32") if positive else values.astype("float32")


@question("loss weights", "03, Trap: a mean over the wrong axis")
def loss_weights(setup: Setup) -> tuple:
    """Is a sample weight of 0 the same as absence?

    Cannot see: a function that your own loop calls without weights. Cost: none. Built in 03.
    """
    for output in setup.outputs:
        n, half = len(output.y), len(output.y) // 2
        if half < 2:
            raise Skipped("more than three rows are needed")
        y_pred, weight = jittered(output, 0), (np.arange(n) < half).astype("float32")
        try:
            weighted = output.loss(output.y, y_pred, weight)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError):
            raise Skipped("the loss takes no weights of shape (n,)") from None
        absent, whole = output.loss(output.y[:half], y_pred[:half]), output.loss(output.y, y_pred)
        rest = output.loss(output.y[half:], y_pred[half:])
        apart_too = not any(np.isclose(whole, part, rtol=2e-3) for part in (absent + rest, (absent + rest) / 2))
        if apart_too and setup.weight is None and n % 2 == 0:
            raise Skipped("the loss of a row depends on the others, and no weights were given")
        if not any(np.isclose(weighted * factor, absent, rtol=2e-3, atol=1e-6) for factor in (n / half, 1)):
            ignored = " The weights are ignored." * bool(np.isclose(weighted, whole, rtol=1e-5))
            return failed(
                f"{output.name}: with weight 0 for half of {n} rows the loss is {weighted * n / half:.4g} a "
                f"row, without "
                f"these rows {absent:.4g}.{ignored}"
            )
    return passed("Weight 0 is absence.")


def jittered(output: Output, seed: int) -> np.ndarray:
    """Return predictions of the kind of the output's, other than those of an untrained model."""
    y_pred, generator = numbers(output.y_pred), np.random.default_rng(seed)
    y, inside = output.y, y_pred.min() >= 0 and y_pred.max() <= 1
    shares = kind_of(output) != "number" or (numbers(y).min() >= 0 and numbers(y).max() <= 1)  # soft labels are shares
    if expects(output) == "probabilities" or (inside and shares):
        values = generator.uniform(0.05, 0.95, y_pred.shape)
        many = y_pred.ndim > 1 and y_pred.shape[-1] > 1 and np.allclose(y_pred.sum(-1), 1, atol=1e-2)
        return (values / values.sum(-1, keepdims=True) if many else values).astype("float32")
    size = np.std(numbers(output.y)) if kind_of(output) == "number" and output.y.size == y_pred.size else 1.0
    return allowed(output, y_pred + (size + 1e-3) * generator.normal(size=y_pred.shape))


@question("loss reduction", "03, From a function to a class")
def loss_reduction(setup: Setup) -> tuple:
    """Is the loss of a batch the mean over its examples, whatever their number?

    Cannot see: what is divided later. Cost: none. Built in 03.
    """
    for output in setup.outputs:
        n = len(output.y)
        if n < 8:
            raise Skipped("more rows are needed")
        y_pred, cut, truth = jittered(output, 1), n // 4, perfect(output)
        if truth is not None:  # rows that are alike would hide what they do to each other
            y_pred[:cut] = (y_pred[:cut] + truth[:cut]) / 2
        weight = None
        if setup.weight is not None and len(setup.outputs) == 1:
            weight = np.random.default_rng(1).uniform(0.2, 2, (n, *np.shape(setup.weight)[1:])).astype("float32")
        parts = [slice(0, n), slice(0, cut), slice(cut, n)]
        whole, *costs = (output.loss(output.y[r], y_pred[r], None if weight is None else weight[r]) for r in parts)
        mean = costs[0] * cut / n + costs[1] * (1 - cut / n)
        if np.isclose(whole, mean, rtol=2e-3, atol=1e-6):
            continue
        if np.isclose(whole, sum(costs), rtol=2e-3, atol=1e-6):
            return warned(f"{output.name}: the loss is a sum over the batch: twice the rows make steps twice as long.")
        return warned(
            f"{output.name}: the loss of {n} rows is {whole:.4g}, put together from {cut} and {n - cut} rows "
            f"{mean:.4g}: it depends on which rows share a batch."
        )
    return passed("The loss of a batch is the mean over its examples.")


@question("loss slope", "03, A checker for losses")
def loss_slope(setup: Setup) -> tuple:
    """Is the loss's gradient its slope: does it add up to the difference of two losses, along three paths between them?

    And is it alive for a very wrong answer? Cannot see: jumps off these paths. Cost: 100 gradients. Built in 01 and 03.
    """
    setup.need_calm()
    for output in setup.outputs:
        y = output.y[:4]
        for path_number in range(3):
            start, end = (
                jittered(output, seed)[:4].astype("float64") for seed in (2 * path_number, 2 * path_number + 1)
            )
            slopes = [output.slope(y, start + (k + 0.5) / 32 * (end - start)) for k in range(32)]
            if any(slope is None for slope in slopes):
                return failed(f"{output.name}: the loss has no gradient: it leaves TensorFlow, or rounds.")
            if not np.all(np.isfinite(slopes)):
                return failed(f"{output.name}: the loss's gradient is not finite.")
            rises = [float(np.sum(slope * (end - start))) / 32 for slope in slopes]
            difference = output.loss(y, end) - output.loss(y, start)
            slack = 0.5 * np.sum(np.abs(np.diff(rises))) + 0.01 * np.sum(np.abs(rises))  # kinks between the points
            if abs(sum(rises) - difference) > slack + 1e-5 * abs(output.loss(y, end)):
                return failed(
                    f"{output.name}: between two answers the loss rises by {difference:.3g}, its gradient says "
                    f"{sum(rises):.3g}."
                )
        if expects(output) == "logits":
            pull = output.slope(y, opposite(output, perfect(output))[:4])
            if pull is None or not np.all(np.isfinite(pull)) or not np.any(pull):
                return failed(f"{output.name}: for logits of 30 that are wrong the gradient is 0 or not finite.")
    return passed("The gradient adds up to the difference of losses, along three paths.")


# ---------------------------------------------------------------------------------------------------------------------
# The questions: gradients, weights and the optimizer
# ---------------------------------------------------------------------------------------------------------------------


@question("gradient flow", "01, The reasons for None")
def gradient_flow(setup: Setup) -> tuple:
    """Does a gradient reach every trainable variable: not None, not 0 throughout, not nan?

    Cannot see: a gradient that is wrong. Cost: a forward and a backward pass. Built in 01.
    """
    x, y, weight = setup.batch()
    variables = setup.model.trainable_variables
    gradients = setup.gradients(x, y, weight)
    missing = unreached(gradients, variables)
    if missing:
        return failed(f"No gradient reaches {spelled(missing)}.")
    broken = [path(v) for g, v in zip(gradients, variables, strict=True) if not np.all(np.isfinite(numbers(g)))]
    if broken:
        return failed(f"The gradient of {spelled(broken)} is not finite.")
    zero = [
        path(v)
        for g, v, later in zip(gradients, variables, setup.learned["gradients"], strict=True)
        if later is not None and not np.any(numbers(g)) and not np.any(numbers(later))
    ]
    zero = [name for name in zero if not name.endswith(("bias", "beta"))]  # those cancel in differences and norms
    if zero and length(setup.x) > 1:
        return failed(f"The gradient of {spelled(zero)} is 0 throughout, before and after a batch is learned.")
    return passed(f"A gradient reaches each of {len(variables)} variables.")


@question("gradients under XLA", "01, Trap: nan from the branch not taken; 02, Deeper: XLA")
def gradients_under_xla(setup: Setup) -> tuple:
    """Are the gradients the same when XLA compiles them, as it does with a GPU, for the rows with the most zeros, too?

    Cannot see: values that the data do not have. Cost: compiling, a second or two. Built in 01.
    """
    if setup.eager_only or sum(int(np.prod(variable.shape)) for variable in setup.model.variables) > 2_000_000:
        raise Skipped("the model runs eagerly, or has more than two million weights")
    if any(not is_number(part) for part in tf.nest.flatten(setup.x)):
        raise Skipped("XLA takes no text")
    if any(hasattr(layer, "cell") for layer in setup.layers):
        raise Skipped("XLA takes long with recurrent layers")
    setup.need_calm()
    empty = [np.mean(numbers(part).reshape(len(part), -1) == 0, axis=1) for part in tf.nest.flatten(setup.x)]
    rows = np.union1d(np.argsort(-sum(empty), kind="stable")[:8], setup.rows(8))
    x, y, weight = (None if part is None else take(part, rows) for part in (setup.x, setup.y, setup.weight))
    variables = setup.model.trainable_variables
    plain = setup.gradients(x, y, weight, training=False)
    known = [(variable, numbers(g)) for variable, g in zip(variables, plain, strict=True) if g is not None]
    if not known or not all(np.all(np.isfinite(gradient)) for _, gradient in known):
        raise Skipped("there are no gradients, or they are not finite")
    try:
        compiled = tf.function(
            lambda: [g for g in setup.gradients(x, y, weight, False) if g is not None], jit_compile=True
        )()
    except tf.errors.OpError as error:
        raise Skipped(f"XLA cannot compile it: {str(error).splitlines()[0][:80]}") from None
    size = max((np.max(np.abs(gradient), initial=0) for _, gradient in known), default=0)
    for (variable, gradient), other in zip(known, map(numbers, compiled), strict=True):
        if not np.all(np.isfinite(other)):
            return failed(f"Under XLA the gradient of {path(variable)} is not finite; without XLA it is.")
        if np.max(np.abs(gradient - other), initial=0) > 10 * tolerance(setup) * size + 1e-7:
            return failed(f"Under XLA the gradient of {path(variable)} is another one.")
    return passed(f"The same gradients for {len(known)} variables.")


def learning_rates(optimizer: object) -> list[float]:
    """Return the rate, or those that a schedule gives 0, 1, 10, 100 and 1,000 steps from now."""
    rate = optimizer._learning_rate if hasattr(optimizer, "_learning_rate") else optimizer.learning_rate
    if callable(rate) and not is_variable(rate):
        now = int(np.asarray(optimizer.iterations))
        return [float(np.array(rate(now + ahead))) for ahead in (0, 1, 10, 100, 1000)]
    return [float(np.array(rate))]


def innermost(optimizer: object) -> object:
    """Return the optimizer inside a LossScaleOptimizer, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def other_optimizers(setup: Setup) -> list:
    """Return the optimizers of the training step beside the one that was given."""
    found = [part for part in reachable(setup.train_step) if isinstance(part, tf.keras.optimizers.Optimizer)]
    return [part for part in found if part is not setup.optimizer and part is not innermost(setup.optimizer)]


def taken_over(setup: Setup) -> set[int]:
    """Return the ids of the variables that other optimizers of the training step move: two may take turns."""
    return {id(v) for part in other_optimizers(setup) for v in getattr(part, "_trainable_variables", [])}


@question("optimizer", "05, Trap: each tensor clipped by itself; 02, Deeper: freeze and transfer")
def optimizer_question(setup: Setup) -> tuple:
    """Is the optimizer built for these variables and no others, with a rate that is not 0, and clipping that is global?

    Cannot see: an optimizer that only your step knows. Cost: none. Built in 02 and 05.
    """
    if setup.optimizer is None:
        raise Skipped("no optimizer was given")
    optimizer, model = innermost(setup.optimizer), setup.model
    rates, name = learning_rates(optimizer), type(optimizer).__name__
    steps = int(np.asarray(optimizer.iterations))
    if len(rates) > 1 and max(rates) == 0 and steps > 20:
        return warned(f"The schedule has come to its end after {steps} steps: the rate stays 0.")
    if max(rates[:4]) < 1e-9 or max(rates[1:4], default=1) == 0:
        return failed(
            f"The learning rate is {rates[0]:g}, and {rates[min(1, len(rates) - 1)]:g} a step later: nothing will move."
        )
    if len(rates) > 1 and max(rates[3:]) < 1e-3 * max(rates[:3]):
        return warned(
            f"The learning rate falls from {max(rates[:3]):g} to {rates[3]:.2g} within 100 steps: are they epochs?"
        )
    if rates[0] > 0.3 and name.startswith(("Adam", "Nadam", "RMSprop", "Lion")):  # Adagrad's and Ftrl's steps shrink
        return warned(
            f"A learning rate of {rates[0]:g} is far too large for {name}, whose steps have about that length."
        )
    if optimizer.built:
        known = {id(v) for v in getattr(optimizer, "_trainable_variables", model.trainable_variables)}
        known |= taken_over(setup)
        missing = [path(v) for v in model.trainable_variables if id(v) not in known]
        if missing:
            return failed(
                f"The optimizer was built without {spelled(missing)}: compile again, or build it for this model."
            )
        moments = [
            v for v in optimizer.variables[2:] if v.shape == getattr(model.trainable_variables[0], "shape", None)
        ]
        if steps > 20 and moments and not any(np.any(value_of(v)) for v in moments):
            return warned(f"{name} has counted {steps} steps, and its averages are 0: half restored?")
    if optimizer.clipvalue or (optimizer.clipnorm and len(model.trainable_variables) > 1):
        what = f"clipnorm={optimizer.clipnorm} treats each tensor"
        what = what if optimizer.clipnorm else f"clipvalue={optimizer.clipvalue} treats each number"
        return warned(f"{what} by itself and turns the gradient that it clips; global_clipnorm keeps its direction.")
    if optimizer.use_ema and not optimizer.ema_overwrite_frequency and setup.train_step is not None:
        return warned("use_ema keeps averages of the weights: put them in at the end, with finalize_variable_values.")
    decay = (optimizer.weight_decay or 0) * max(rates)
    if decay > 0.02:
        return warned(f"Weight decay takes {decay:.1%} of each weight in every step.")
    return passed(
        f"{name}, learning rate {rates[0]:g}{'' if len(rates) == 1 else f', {rates[3]:.2g} after 100 steps'}."
    )


@question("one batch by heart", "06, Trap: softmax, and `from_logits=True` as well")
def one_batch_by_heart(setup: Setup) -> tuple:
    """Can the model learn 16 examples by heart, with Adam and a rate of 0.01?

    Cannot see: whether your optimizer can, and whether it learns more. Cost: up to 150 steps. Built in 06.
    """
    losses = np.array(setup.learned["losses"])
    if not np.all(np.isfinite(losses)):
        return failed(f"The loss is not finite after {int(np.argmin(np.isfinite(losses)))} steps on one batch.")
    first, last, steps = losses[0], losses[-5:].min(), len(losses) - 1
    known, floor = [], 0.0
    with contextlib.suppress(Skipped):
        known = [perfect(output) for output in setup.outputs]
    if known and all(truth is not None for truth in known):
        floor = sum(output.loss(output.y[:16], truth[:16]) for output, truth in zip(setup.outputs, known, strict=True))
    floor = min(floor, last)
    fall = (first - last) / (first - floor + 1e-12)
    sentence = f"{steps} steps on {length(setup.batch(16)[0])} examples: loss {first:.3g} → {last:.3g}"
    if first == last == 0:
        return warned(f"{sentence}: there was nothing to learn.")
    if first - floor < 1e-2 * abs(first):
        return passed(f"{sentence}; it was at the bottom already.")
    if fall < 0.02:
        return failed(f"{sentence}: it does not learn them.")
    return warned(f"{sentence}: it hardly learns them.") if fall < 0.12 and steps > 60 else passed(f"{sentence}.")


# ---------------------------------------------------------------------------------------------------------------------
# The questions: the training step
# ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def eagerly():
    """Run every tf.function as plain Python inside: nothing is traced that would outlive the audit."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def plainly(optimizer: object) -> None:
    """Make an optimizer subtract the gradient as it is (until a Frame is restored): so steps can be compared."""

    def update_step(gradient, variable, learning_rate):
        variable.assign_sub(tf.cast(tf.convert_to_tensor(gradient), variable.dtype))

    optimizer = innermost(optimizer)
    optimizer.__dict__["update_step"] = update_step
    optimizer.__dict__["gradient_accumulation_steps"] = None
    optimizer.__dict__["weight_decay"] = None


def own_step(setup: Setup) -> Callable | None:
    """Return the set-up's own training step as a function of a batch (x, y, weight), or None where it is Keras' own."""
    step, model = setup.train_step, setup.model
    if step is not None:
        weighted = step_parameters(step) == 3

        def take_step(batch):
            x, y, weight = batch
            if weighted and weight is None and weight_is_needed(step):
                weight = tf.ones(length(x))
            return step(x, y, weight) if weighted and weight is not None else step(x, y)

        return take_step
    if type(model).train_step is not tf.keras.Model.train_step and getattr(model, "compiled", False):
        return lambda batch: model.train_step(batch if batch[2] is not None else batch[:2])
    return None


def weight_is_needed(step: Callable) -> bool:
    """Whether the third parameter of a step has no default."""
    return (
        list(inspect.signature(getattr(step, "python_function", step)).parameters.values())[2].default
        is inspect.Parameter.empty
    )


def step_parameters(step: Callable) -> int:
    """Return how many of x, y and sample_weight a step takes."""
    try:
        names = list(inspect.signature(getattr(step, "python_function", step)).parameters)
    except (TypeError, ValueError):
        return 2
    return 3 if any("weight" in name or name in ("w", "weights", "mask") for name in names[2:]) else min(len(names), 2)


def moved_by(setup: Setup, step: Callable, *batches: tuple) -> tuple[np.ndarray, object]:
    """Return how far a step for each batch moves the trainable variables, and what the first step returns."""
    variables = setup.model.trainable_variables
    with setup.unchanged(), eagerly():
        for optimizer in [*[setup.optimizer] * (setup.optimizer is not None), *other_optimizers(setup)]:
            plainly(optimizer)
        reset(setup.model)
        before = flat(variables)
        results = [as_numbers(step(batch)) for batch in batches]
        return flat(variables) - before, results[0]


def reset(model: object) -> None:
    """Reset the metrics of a model, so that what a step reports is of its own batch."""
    for metric in model.metrics:
        metric.reset_state()


def as_numbers(result: object) -> object:
    """Return what a step returns with arrays in place of tensors, so that it keeps its values."""
    return tf.nest.map_structure(
        lambda value: np.asarray(value) if tf.is_tensor(value) or is_variable(value) else value, result
    )


def kerass_step(setup: Setup, training: bool = True, penalties: float = 1.0) -> Callable:
    """Return the step that Keras takes: the gradient of the mean loss and of what the model adds, once."""

    def step(batch):
        with tf.GradientTape() as tape:
            total = setup.total(*batch, training=training)
            added = [tf.reduce_sum(part) for part in setup.model.losses]
            total = total + (penalties - 1) * tf.cast(tf.add_n(added), total.dtype) if added else total
            scaled = setup.optimizer.scale_loss(total) if setup.optimizer is not None else total
        owned = getattr(innermost(setup.optimizer), "_trainable_variables", []) if setup.optimizer is not None else []
        known = {id(variable) for variable in setup.model.variables}
        variables = [
            *setup.model.trainable_variables,
            *(v for v in owned if id(v) not in known),
        ]  # a loss may have some
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        elsewhere = {id(variable) for variable in variables} - {id(variable) for variable in owned}
        elsewhere = elsewhere if owned else set()  # an optimizer that is not built yet takes all
        if elsewhere - taken_over(setup) and own_step(setup) is None:
            raise Skipped("the optimizer was built without some of the variables")
        if setup.optimizer is not None:
            setup.optimizer.apply_gradients([(g, v) for g, v in pairs if id(v) not in elsewhere])
            pairs = [(g, v) for g, v in pairs if id(v) in elsewhere]
        scale = setup.optimizer.scale_loss(1.0) if setup.optimizer is not None else 1.0
        for gradient, variable in pairs:  # what another optimizer moves, or no optimizer that is known
            variable.assign_sub(tf.convert_to_tensor(gradient) / scale)
        return {"loss": total}

    return step


def flat(variables: list) -> np.ndarray:
    """Return variables as one long vector of float64."""
    return np.concatenate([value_of(variable).astype("float64").ravel() for variable in variables])


def compared(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Return the cosine between two moves, the ratio of their lengths, and their relative distance."""
    sizes = np.linalg.norm(a), np.linalg.norm(b) + 1e-30
    return (
        float(a @ b / (sizes[0] * sizes[1] + 1e-30)),
        float(sizes[0] / sizes[1]),
        float(np.linalg.norm(a - b) / sizes[1]),
    )


def any_step(setup: Setup) -> Callable:
    """Return the set-up's own step or Keras', or raise Skipped."""
    step = own_step(setup)
    if step is None and setup.optimizer is None:
        raise Skipped("neither a step nor an optimizer was given")
    return step or kerass_step(setup)


def step_or_skip(setup: Setup) -> Callable:
    """Return the set-up's own step, or raise Skipped."""
    step = own_step(setup)
    if step is None:
        raise Skipped("the training step is Keras' own")
    if setup.loss_fn is None and not setup.own_loss:
        raise Skipped("no loss was given to compare with")
    return step


@question("train step", "02, Your loop inside `fit`; 05, The safe step")
def train_step_question(setup: Setup) -> tuple:
    """Does your step, twice in a row, move the weights as Keras' own would, with plain gradient descent?

    A step that is shorter in the same direction is taken for clipping if its length has a limit. Cannot see: what
    happens every n-th step. Cost: ten steps, run eagerly. Built in 02 and 05.
    """
    step, batch = step_or_skip(setup), setup.batch()
    ours, result = moved_by(setup, step, batch)
    keras, _ = moved_by(setup, kerass_step(setup), batch)
    if is_random(setup, step, ours):
        raise Skipped("the step draws random numbers of its own")
    if not np.any(keras):
        raise Skipped("Keras' own step moves nothing")
    if not np.any(ours):
        return failed("The step moves no weight of this model.")
    cosine, ratio, gap = compared(ours, keras)
    if setup.optimizer is None:  # the rate is not known: only the direction can be compared
        gap = np.sqrt(max(2 - 2 * cosine, 0))
    if gap < tolerance(setup):
        second = moved_by(setup, step, batch, batch)[0] - ours
        cosine, ratio, gap = compared(second, moved_by(setup, kerass_step(setup), batch, batch)[0] - keras)
        clipped = cosine > 0.999 and ratio < 1
        if gap > 10 * tolerance(setup) and not clipped and setup.optimizer is not None:
            sentence = f"The first step is Keras' own, the second {ratio:.3g} times as long"
            if averages_of_a_step(setup, step, batch):
                return warned(f"{sentence}: a step also moves averages of the weights. Does its loss read them?")
            return failed(f"{sentence}: something is kept between them.")
        return reported(setup, result, batch)
    slips = {"without training=True": {"training": False}}
    if setup.penalties:
        slips |= {"without model.losses": {"penalties": 0.0}, "that counts model.losses twice": {"penalties": 2.0}}
    for sentence, slip in slips.items():
        with_slip = moved_by(setup, kerass_step(setup, **slip), batch)[0]
        if compared(ours, with_slip)[2] < tolerance(setup):
            return failed(f"The step moves the weights as one does {sentence}.")
    if cosine > 0.9999:
        return limited(setup, step, ratio)
    still = standing(setup, ours, keras)
    if still:
        return failed(f"The step leaves {spelled(still)} where they are; Keras' own moves them.")
    return warned(
        f"The step goes another way than Keras' own: the cosine of the angle is {cosine:.3f}, its length "
        f"{ratio:.3g} times."
    )


def averages_of_a_step(setup: Setup, step: Callable, batch: tuple) -> set[int]:
    """Return the ids of what a step moves beside the model's trainable weights as a moving average of them."""
    trained = {id(inside(variable)) for variable in setup.model.trainable_variables}
    with setup.unchanged(), eagerly():
        variables = [thing for thing in reachable(setup.model, setup.train_step) if is_variable(thing)]
        others = [variable for variable in variables if id(inside(variable)) not in trained]
        before = [(variable, value_of(variable)) for variable in others]
        step(batch)
        return averages(setup, [(v, b) for v, b in before if not np.array_equal(value_of(v), b)])


def averages(setup: Setup, moved: list[tuple]) -> set[int]:
    """Return the ids of the variables, each with its value before, that moved toward others of the model alike.

    A moving average goes a share of the way, the same for all. A number alone, always on the way, proves nothing, and
    no zeros do: a velocity and a bias leave them in one direction.
    """
    ways = [(variable, before, shares_of_the_way(setup, variable, before)) for variable, before in moved]
    found = [share for _, before, shares in ways for share in shares if before.size > 1 and np.any(before)]
    return {id(variable) for variable, _, shares in ways if any(np.isclose(a, b, 0.02) for a in shares for b in found)}


def shares_of_the_way(setup: Setup, variable: object, before: np.ndarray) -> list[float]:
    """Return how far a variable has come from `before` to others of the model, for those that it moved toward."""
    before, shares = before.astype("float64"), []
    move = value_of(variable).astype("float64") - before
    for other in setup.model.variables:
        if inside(other) is inside(variable) or other.shape != variable.shape:
            continue
        way = value_of(other).astype("float64") - before
        share = float(np.vdot(move, way) / (np.vdot(way, way) + 1e-30))
        off = np.linalg.norm(move - share * way) - 3e-7 * np.linalg.norm(before)  # what rounding does
        if 0 < share < 1.001 and off < 0.01 * np.linalg.norm(move):
            shares.append(share)
    return shares


def is_random(setup: Setup, step: Callable, move: np.ndarray) -> bool:
    """Whether a step draws random numbers of its own: with another seed it goes elsewhere."""
    context = eager_context()
    batch = setup.batch()
    with setup.unchanged():
        context._rng = random.Random(2)
        other = moved_by(setup, step, batch)[0]
    return not setup.noisy and compared(other, move)[2] > tolerance(setup)


def standing(setup: Setup, ours: np.ndarray, keras: np.ndarray) -> list[str]:
    """Return the names of the variables that Keras' own step moves and ours does not."""
    names, ends = [], np.cumsum([int(np.prod(v.shape)) for v in setup.model.trainable_variables])
    for variable, start, end in zip(setup.model.trainable_variables, [0, *ends], ends, strict=False):
        if not np.any(ours[start:end]) and np.max(np.abs(keras[start:end]), initial=0) > 1e-7:
            names.append(path(variable))
    return names


def limited(setup: Setup, step: Callable, ratio: float) -> tuple:
    """Say whether a step in the right direction is clipped (its length is limited) or scaled."""
    batch = setup.batch()
    parts = [tuple(None if p is None else take(p, slice(i, i + 8)) for p in batch) for i in (0, 8, 16)]
    limit = clipped_to(setup, step, [batch, *parts, *others_like(setup, batch)]) if ratio < 1 else None
    if limit is not None:
        return passed(f"The step is Keras' own, clipped to a length of {limit:.3g}.")
    return failed(f"The step goes the right way and is {ratio:.3g} times as long as Keras' own.")


def reported(setup: Setup, result: object, batch: tuple) -> tuple:
    """Compare what a step reports with the loss and the metrics of its batch."""
    good = passed("The step moves the weights as Keras' own does.")
    if any(is_noisy(layer) for layer in setup.layers) or not isinstance(result, (dict, tuple, list, np.ndarray)):
        return good
    value = (
        result.get("loss")
        if isinstance(result, dict)
        else result[0]
        if isinstance(result, (tuple, list)) and result
        else result
    )
    with setup.unchanged():
        judged = [
            float(setup.total(*batch)),
            float(setup.loss(batch[1], setup.forward(batch[0], True), batch[2], batch[0])),
        ]
    if (
        np.shape(value) == ()
        and value is not None
        and not any(np.isclose(value, j, rtol=1e-2, atol=1e-5) for j in judged)
    ):
        return failed(
            f"The step is right; the loss that it reports is {float(value):.4g}, and that of its batch {judged[0]:.4g}."
        )
    if isinstance(result, dict) and setup.train_step is None:
        with setup.unchanged(), eagerly():
            reset(setup.model)
            keras = as_numbers(tf.keras.Model.train_step(setup.model, batch if batch[2] is not None else batch[:2]))
        for name in set(keras) & set(result) - {"loss"}:
            if not np.allclose(numbers(result[name]), keras[name], rtol=2e-2, atol=1e-3):
                return failed(
                    f"The step is right; it reports {name} {float(result[name]):.4g}, and Keras' own "
                    f"{float(keras[name]):.4g}."
                )
    return good


def same_relation(setup: Setup, batch: tuple, what: str) -> tuple:
    """Compare the set-up's step with Keras' own on another batch, and with how the two compare on the usual one."""
    step, usual = step_or_skip(setup), (*setup.batch()[:2], None)
    ours, keras = moved_by(setup, step, usual)[0], moved_by(setup, kerass_step(setup), usual)[0]
    cosine, ratio, gap = compared(ours, keras)
    try:
        other, other_keras = moved_by(setup, step, batch)[0], moved_by(setup, kerass_step(setup), batch)[0]
    except (ValueError, TypeError, tf.errors.OpError) as error:
        return warned(f"{what} the step raises: {' '.join(str(error).split())[:100]}")
    clipped = gap > 0.01 and abs(np.linalg.norm(other) / (np.linalg.norm(ours) + 1e-30) - 1) < 0.005
    if cosine < 0.9999 or clipped:
        raise Skipped("the step differs from Keras' own, or clips, already without it")
    cosine, longer, _ = compared(other, other_keras)
    if cosine < 0.9995 or abs(longer / ratio - 1) > 0.01:
        shorter = cosine >= 0.9995 and longer < ratio
        limit = clipped_to(setup, step, others_like(setup, batch), ratio) if shorter else None
        if limit is not None:
            return passed(f"{what} the step goes the way of Keras' own, clipped to a length of {limit:.3g}.")
        return failed(
            f"{what} the step is {longer / ratio:.3g} times as long as Keras' own, the cosine of the angle "
            f"{cosine:.3f}."
        )
    return passed(f"{what} the step moves the weights as Keras' own does.")


def clipped_to(setup: Setup, step: Callable, batches: list, usual: float = 1.0) -> float | None:
    """Return the length that a step is clipped to, or None: where it is shorter than Keras' own it has that length."""
    lengths, ratios = [], []
    for batch in batches:
        ours, keras = moved_by(setup, step, batch)[0], moved_by(setup, kerass_step(setup), batch)[0]
        lengths.append(float(np.linalg.norm(ours)))
        ratios.append(compared(ours, keras)[1] / usual)
    short = [size for size, ratio in zip(lengths, ratios, strict=True) if ratio < 1 - tolerance(setup)]
    if len(short) < 2 or np.ptp(ratios) < 0.02 * max(ratios):  # always the same share: it is divided by a number
        return None
    limit = max(short)
    return limit if np.ptp(short) < 0.005 * limit and max(lengths) < 1.005 * limit else None


def others_like(setup: Setup, batch: tuple) -> list[tuple]:
    """Return batches of the same size from other rows, and the batch's own weights."""
    starts = [(setup.rows(length(batch[0])) + shift) % length(setup.x) for shift in range(8)]
    return [(*(None if p is None else take(p, rows) for p in (setup.x, setup.y)), batch[2]) for rows in starts]


@question("train step with weights", "02, Your loop inside `fit`")
def train_step_with_weights(setup: Setup) -> tuple:
    """Does your step use sample weights as Keras does?

    Cannot see: weights inside x or y. Cost: four steps. Built in 02.
    """
    step_or_skip(setup)
    if setup.train_step is not None and step_parameters(setup.train_step) < 3:
        if setup.weight is not None:
            return failed("Sample weights were given, and the step takes none.")
        raise Skipped("the step takes no sample weights")
    if (setup.direct and not isinstance(setup.loss_fn, tf.keras.losses.Loss)) or len(setup.outputs) > 1:
        raise Skipped("the loss takes no sample weights, or there are several outputs")
    x, y, weight = setup.batch()
    shape = (length(x),) if weight is None else np.shape(weight)
    weights = tf.constant(np.random.default_rng(3).uniform(0, 2, shape), tf.float32)
    verdict, sentence = same_relation(setup, (x, y, weights), "With sample weights")
    if weight is None and verdict == "warn":
        raise Skipped("the step takes no sample weights, and none were given")
    return verdict, sentence


@question("train step with a ragged batch", "05, Trap: the ragged tail")
def train_step_with_a_ragged_batch(setup: Setup) -> tuple:
    """Is your step right for batches of other sizes as well?

    Cannot see: sizes that were not tried (it takes 5 and 27 rows). Cost: eight steps. Built in 02 and 05.
    """
    step_or_skip(setup)
    answers = []
    for rows in (5, 27):
        with contextlib.suppress(Skipped):
            answers.append(same_relation(setup, (*setup.batch(rows)[:2], None), f"With a batch of {rows}"))
    if not answers:
        raise Skipped("the step differs from Keras' own, or clips, with any batch")
    return max(answers, key=lambda answer: ("pass", "warn", "fail").index(answer[0]))


@question("train step in float16", "05, Deeper: mixed precision")
def train_step_in_float16(setup: Setup) -> tuple:
    """Does your step scale the loss under mixed precision, as Keras' own does?

    Cannot see: a step that is a function. Cost: two steps. Built in 05.
    """
    step, batch, moves = step_or_skip(setup), setup.batch(), []
    if setup.train_step is not None or setup.optimizer is None:
        raise Skipped("it needs a model whose train_step uses self.optimizer")
    if not any(layer.compute_dtype == "float16" for layer in setup.model._flatten_layers()):
        raise Skipped("nothing is computed in float16")
    kept = setup.optimizer
    for take_step in (step, kerass_step(setup)):
        with setup.unchanged():
            for layer in setup.model._flatten_layers():
                layer.dtype_policy = "mixed_float16"
            setup.optimizer = tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.SGD(1.0), initial_scale=64.0)
            setup.optimizer.build(setup.model.trainable_variables)
            setup.model.optimizer = setup.optimizer
            try:
                moves.append(moved_by(setup, take_step, batch)[0])
            except (ValueError, TypeError, tf.errors.OpError) as error:
                raise Skipped(f"under mixed_float16 the step raises: {' '.join(str(error).split())[:80]}") from None
            finally:
                setup.optimizer = kept
    ratio = compared(*moves)[1]
    if ratio < 0.1:
        return failed(
            f"Under mixed_float16 the step is {ratio:.2g} times as long as Keras' own: scale_loss is missing."
        )
    return passed(f"Under mixed_float16 the step is {ratio:.3g} times as long as Keras' own.")


@question("train step on two replicas", "06, Trap: the average of each replica")
def train_step_on_two_replicas(setup: Setup) -> tuple:
    """Does your step, on two replicas, move the weights as Keras' own does there, and report its loss?

    Cannot see: models that cannot be made anew from their configuration. Cost: tracing two steps. Built in 06.
    """
    step_or_skip(setup)
    of_each_kind = [[device.name for device in tf.config.list_logical_devices(kind)] for kind in ("GPU", "CPU")]
    devices = next((names[:2] for names in of_each_kind if len(names) > 1), None)
    if devices is None:
        raise Skipped("there is one device of a kind; tf.config.set_logical_device_configuration makes two of a CPU")
    if setup.train_step is not None or setup.noisy or length(setup.x) < 8:
        raise Skipped("it needs a compiled model with a train_step of its own that draws no random numbers")
    try:
        ours, loss = moved_on_two(setup, type(setup.model), devices)
    except Skipped:
        raise
    except Exception as error:  # whatever a step raises there
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        return warned(f"On two replicas the step raises: {lines[-1][:100]}")
    keras, keras_loss = moved_on_two(setup, tf.keras.Model, devices)
    cosine, ratio, gap = compared(ours, keras)
    if gap > 0.02 and (cosine < 0.999 or ratio > 1):  # a step that clips is shorter
        return failed(f"On two replicas the step is {ratio:.3g} times as long as Keras' own, the cosine {cosine:.3f}.")
    if loss is not None and abs(loss / keras_loss - 1) > 0.02:
        return warned(f"On two replicas the step reports a loss of {loss:.3g}, Keras' own {keras_loss:.3g}.")
    return passed("On two replicas the step moves the weights as Keras' own does, and reports its loss.")


def moved_on_two(setup: Setup, owner: type, devices: list[str]) -> tuple[np.ndarray, float | None]:
    """Return how far one train_step of the class `owner` moves a copy of the model on two devices, and its loss."""
    x, y = setup.batch(8)[:2]
    try:
        type(setup.model).from_config(setup.model.get_config())
    except Exception:  # whatever a class of your own raises
        raise Skipped("the model cannot be made anew from its configuration") from None
    reduction = tf.distribute.ReductionToOneDevice()  # collective operations would share keys with yours
    strategy = tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)
    with strategy.scope():
        model = type(setup.model).from_config(setup.model.get_config())
        model.compile(tf.keras.optimizers.SGD(1.0), loss=setup.loss_fn)
        model.build(tf.nest.map_structure(lambda part: (None, *part.shape[1:]), x))
        model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.variables, setup.model.variables, strict=False):
        if variable.shape == value.shape:
            variable.assign(value_of(value))
    for layer in model._flatten_layers():
        if isinstance(layer, tf.keras.layers.Normalization):
            layer.finalize_state()
    before = flat(model.trainable_variables)
    run = tf.function(lambda batch: strategy.run(lambda part: owner.train_step(model, part), args=(batch,)))
    rows = tf.data.Dataset.from_tensor_slices((x, y)).batch(8, drop_remainder=True)
    for batch in strategy.experimental_distribute_dataset(rows):
        result = run(batch)
    loss = result.get("loss") if isinstance(result, dict) else None
    if loss is not None:
        loss = float(np.mean([float(part) for part in strategy.experimental_local_results(loss)]))
    return flat(model.trainable_variables) - before, loss


@question("test step", "02, Your loop inside `fit`")
def test_step_question(setup: Setup) -> tuple:
    """Does your test_step report what Keras' own would, and change nothing?

    Cannot see: evaluation code outside the model. Cost: two passes. Built in 02.
    """
    model = setup.model
    if type(model).test_step is tf.keras.Model.test_step or not getattr(model, "compiled", False):
        raise Skipped("the test step is Keras' own")
    batch = setup.batch()
    batches = [batch[:2]] + (
        [(*batch[:2], tf.constant(np.linspace(0, 2, length(batch[0])), tf.float32))]
        if len(tf.nest.flatten(batch[1])) == 1
        else []
    )
    for data in batches:
        said = {}
        for name, cls in (("ours", type(model)), ("keras", tf.keras.Model)):
            with setup.unchanged(), eagerly():
                metric_ids = {id(v) for metric in model.metrics for v in metric.variables}
                before = [(v, value_of(v)) for v in model.variables if id(v) not in metric_ids]
                try:
                    result = cls.test_step(model, data)
                except (ValueError, TypeError) as error:
                    if name == "keras" or (setup.weight is None and len(data) > 2):
                        raise Skipped("Keras' own test step, or one with sample weights, raises") from None
                    return warned(f"test_step raises: {' '.join(str(error).split())[:100]}")
                said[name] = {k: np.asarray(v) for k, v in (result or {}).items()}
                tracker = getattr(model, "_loss_tracker", None)
                if name == "keras" and tracker is not None and tracker not in model.metrics:  # the model has its own
                    said[name] = {"loss": np.asarray(tracker.result())}
                moved = [path(v) for v, b in before if not np.array_equal(value_of(v), b)]
                if moved and name == "ours" and not any("seed" in m for m in moved):
                    return failed(f"test_step changes {spelled(moved)}.")
        agreed = [key for key in said["keras"] if key in said["ours"]]
        for key, value in said["keras"].items():
            if key in said["ours"] and not np.allclose(said["ours"][key], value, rtol=1e-3, atol=1e-5):
                weighted = " With sample weights" * (len(data) > 2)
                return failed(
                    f"{weighted} test_step reports {key} {float(said['ours'][key]):.4g}, Keras' own "
                    f"{float(value):.4g}.".strip()
                )
        missing = set(said["keras"]) - set(said["ours"])
        if missing == {"loss"} and said["ours"]:
            return warned("test_step reports no loss.")
    return passed(f"test_step and Keras' own agree: {spelled(agreed)}." if agreed else "test_step changes nothing.")


@question("weights move", "02, Trap: the cell with the model runs again")
def weights_move(setup: Setup) -> tuple:
    """Does one step move each weight that has a gradient?

    Cannot see: weights that move the wrong way. Cost: one step. Built in 02.
    """
    step = any_step(setup)
    batch = setup.batch()
    still = standing(setup, moved_by(setup, step, batch)[0], moved_by(setup, kerass_step(setup), batch)[0])
    if still:
        return failed(f"A step leaves {spelled(still)} where they are.")
    return passed("One step moves each variable that has a gradient.")


@question("frozen weights", "02, Deeper: freeze and transfer")
def frozen_weights(setup: Setup) -> tuple:
    """Does a step leave alone what is frozen, moving averages included?

    Cannot see: what you meant to freeze and did not. Cost: one step. Built in 02.
    """
    layers = [layer for layer in setup.model._flatten_layers() if not layer.trainable or all_frozen(layer)]
    frozen = {id(v): v for layer in layers for v in layer.variables}
    frozen = [variable for variable in frozen.values() if "seed_generator" not in path(variable)]
    if not frozen:
        raise Skipped("nothing is frozen")
    step = any_step(setup)
    model, optimizer = setup.model, innermost(setup.optimizer) if setup.optimizer is not None else None
    owned = (
        {id(v) for v in getattr(optimizer, "_trainable_variables", [])}
        if optimizer is not None and optimizer.built
        else set()
    )
    stale = [path(v) for v in frozen if id(v) in owned]
    if stale and setup.train_step is None and getattr(model, "train_function", None) is not None:
        return failed(f"Frozen after the first fit, and trained until you compile again: {spelled(stale)}.")
    with setup.unchanged(), eagerly():
        before = [value_of(variable) for variable in frozen]
        step(setup.batch())
        moved = [(v, b) for v, b in zip(frozen, before, strict=True) if not np.array_equal(value_of(v), b)]
        following = averages(setup, moved)
    others = [path(v) for v, _ in moved if id(v) not in following]
    if others:
        return failed(f"Frozen, and moved by a step: {spelled(others)}.")
    averaging = f"; {len(moved)} follow other weights of the model, as averages do" * bool(moved)
    return passed(f"A step leaves {len(frozen) - len(moved)} frozen variables alone{averaging}.")


def all_frozen(layer: object) -> bool:
    """Whether a layer has weights of its own, each of which was frozen by itself."""
    weights = [getattr(layer, name, None) for name in ("kernel", "bias", "gamma", "beta", "embeddings")]
    weights = [weight for weight in weights if is_variable(weight)]
    return bool(weights) and not any(weight.trainable for weight in weights)


@question("learning rate", "02, Trap: a new learning rate for a compiled step")
def learning_rate_question(setup: Setup) -> tuple:
    """Does your step follow the optimizer's learning rate when it changes?

    Cannot see: a rate that follows a schedule. Cost: tracing the step. Built in 02.
    """
    step, optimizer = setup.train_step, setup.optimizer
    if step is None or optimizer is None or not optimizer.built or len(learning_rates(innermost(optimizer))) > 1:
        raise Skipped("it needs a step of your own as train_step=, and its optimizer, built, without a schedule")
    if innermost(optimizer).use_ema and innermost(optimizer).ema_overwrite_frequency:
        raise Skipped("averages take the place of the weights, whatever the rate is")
    if taken_over(setup) - {id(v) for v in getattr(innermost(optimizer), "_trainable_variables", [])}:
        raise Skipped("another optimizer moves weights as well")
    batch, variables = (*setup.batch(16)[:2], None), setup.model.trainable_variables
    with setup.unchanged() as frame:
        compiled = hasattr(step, "python_function")
        setup.train_step = tf.function(step.python_function) if compiled else step
        try:
            take_step = own_step(setup)
            with contextlib.nullcontext() if compiled else eagerly():
                take_step(batch)
                frame.restore()
                innermost(optimizer).learning_rate.assign(0.0)
                for slot in innermost(optimizer).variables:
                    if slot is not innermost(optimizer).iterations:  # a velocity from before would move on by itself
                        slot.assign(tf.zeros_like(slot.value))
                before = flat(variables)
                take_step(batch)
        finally:
            setup.train_step = step
        moved = np.max(np.abs(flat(variables) - before))
    if moved > 1e-9 and not any(getattr(variable, "constraint", None) for variable in variables):
        return failed(
            f"With a learning rate of 0 the step still moves weights by up to {moved:.2g}: the rate is not the "
            f"optimizer's."
        )
    return passed("With a learning rate of 0 the step moves no trainable weight.")


@question("traces", "02, One trace for every batch size")
def traces(setup: Setup) -> tuple:
    """Is a step traced once for batches of one size, and not for each Python number; a model's call not for each size?

    Cannot see: functions that are compiled deeper inside. Cost: tracing a few times. Built in 02.
    """
    call = getattr(type(setup.model), "call", None)
    if hasattr(call, "python_function"):
        if not getattr(call, "_reduce_retracing", False) and call.input_signature is None:
            return warned("The model's call is a tf.function without reduce_retracing: each batch size is a new trace.")
        return passed("The model's call is a tf.function with reduce_retracing, or with a signature.")
    step = setup.train_step
    if step is None or setup.optimizer is None or not setup.optimizer.built:
        raise Skipped("it needs a step of your own as train_step=, and its optimizer, built")
    if setup.y is None:
        raise Skipped("no labels were given")
    batches = [tuple(take(part, rows) for part in setup.batch(24)[:2]) for rows in (slice(0, 12), slice(12, 24))]
    if hasattr(step, "python_function"):  # a twin of it, so that yours gets no traces
        options = {
            "reduce_retracing": getattr(step, "_reduce_retracing", False),
            "input_signature": step.input_signature,
        }
        step = tf.function(step.python_function, **options)
    inner = [part for part in (step, *closed_over(step)) if hasattr(part, "python_function")][:4]
    if not inner:
        raise Skipped("the step is not a tf.function")
    counts = [[function.experimental_get_tracing_count() for function in inner]]
    with setup.unchanged():
        takes = step_parameters(step) == 3
        for batch in batches * 6:
            step(*batch, tf.ones(length(batch[0]))) if takes and weight_is_needed(step) else step(*batch)
            counts.append([function.experimental_get_tracing_count() for function in inner])
        new = max(last - first for last, first in zip(counts[-1], counts[2], strict=True))
        if new:
            return warned(f"{new} new traces in ten steps, for batches of one size.")
        values = list(inspect.signature(getattr(step, "python_function", step)).parameters.values())[2:]
        plain = [p.name for p in values if isinstance(p.default, (int, float)) and not isinstance(p.default, bool)]
        for value in (0.011, 0.012, 0.013) if plain else ():
            step(*batches[0], **{plain[0]: value})
        after = [function.experimental_get_tracing_count() for function in inner]
    numbers_traced = max(last - first for last, first in zip(after, counts[-1], strict=True))
    if numbers_traced > 1:
        return warned(
            f"Each Python number for {plain[0]} is a new trace: {numbers_traced} for three. Hand over a tensor."
        )
    return passed("No new trace for batches of one size.")


def closed_over(function: Callable) -> list:
    """Return what a function's closure and the globals that it names hold."""
    if not hasattr(function, "__code__"):
        return []
    named = [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]
    return named + [cell.cell_contents for cell in function.__closure__ or () if cell_is_filled(cell)]


@question("accumulated equals big", "05, Trap: the ragged tail")
def accumulated_equals_big(setup: Setup) -> tuple:
    """Are the gradients of pieces of a batch, each times its share, those of the whole batch?

    Cannot see: your own accumulation, which "train step" compares. Cost: four gradients. Built in 05.
    """
    if setup.noisy:
        raise Skipped("the model is random, averages over the batch or masks steps: pieces differ by nature")
    x, y, _ = setup.batch(21)
    n, cuts = length(x), (slice(0, 8), slice(8, 16), slice(16, 21))
    if n < 21:
        raise Skipped("more rows are needed")
    whole = setup.gradients(x, y)
    pieces = [setup.gradients(take(x, rows), None if y is None else take(y, rows)) for rows in cuts]
    for variable, gradient, *parts in zip(setup.model.trainable_variables, whole, *pieces, strict=True):
        if gradient is None or any(part is None for part in parts):
            continue
        shares = [(rows.stop - rows.start) / n for rows in cuts]
        total, plain = sum(s * numbers(p) for s, p in zip(shares, parts, strict=True)), sum(numbers(p) for p in parts)
        size = np.max(np.abs(numbers(gradient)), initial=0) + 1e-9
        gap = min(np.max(np.abs(other - numbers(gradient)), initial=0) for other in (total, plain)) / size
        if gap > 10 * tolerance(setup) and size > 1e-7:
            return warned(
                f"For {path(variable)} the pieces add up to a gradient that is off by {gap:.0%}: the loss "
                f"depends on the company."
            )
    return passed(f"Pieces of 8, 8 and 5 rows give the gradient of {n} rows.")


# ---------------------------------------------------------------------------------------------------------------------
# The questions: metrics
# ---------------------------------------------------------------------------------------------------------------------


def name_of(metric: object) -> str:
    """Return the name of a metric, a function or a string."""
    return str(
        metric if isinstance(metric, str) else getattr(metric, "name", getattr(metric, "__name__", metric))
    ).lower()


def flat_metrics(setup: Setup) -> list:
    """Return the metrics as they were given: objects, functions and strings, of all outputs."""
    return [metric for _, metric, _ in placed_metrics(setup)]


def placed_metrics(setup: Setup) -> list[tuple]:
    """Return (number of the output, metric as given, whether it was given as weighted)."""
    given = [(setup.metrics, True)]
    if setup.metrics is None:
        compiled = getattr(setup.model, "_compile_metrics", None)
        given = [
            (getattr(compiled, "_user_metrics", None), False),
            (getattr(compiled, "_user_weighted_metrics", None), True),
        ]
    found, names = [], list(getattr(setup.model, "output_names", []))
    for metrics, weighted in given:
        pairs = [(0, metrics)]
        if len(setup.outputs) > 1:
            structure = metrics if isinstance(metrics, dict) else dict(enumerate(metrics or []))
            pairs = [(names.index(key) if key in names else key, value) for key, value in structure.items()]
        for i, value in pairs:
            for metric in value if isinstance(value, (list, tuple)) else [value]:
                if metric is not None and isinstance(i, int) and i < len(setup.outputs):
                    found.append((i, metric, weighted))
    return found


def resolved(metric: object, output: Output) -> object:
    """Return the metric object that compile makes of `metric`, for labels and predictions like these."""
    if isinstance(metric, tf.keras.metrics.Metric):
        return metric
    holder = tf.keras.Model()
    holder.compile(metrics=[metric])
    holder.compute_metrics(None, output.y, output.y_pred, None)
    return holder._compile_metrics.metrics[0]


def asked_metrics(setup: Setup) -> list[tuple]:
    """Return (metric object, as given, output, labels, predictions) for each; raises Skipped if there are none."""
    found = []
    for i, metric, _ in placed_metrics(setup):
        output = setup.outputs[i]
        found.append((resolved(metric, output), metric, output, output.y, jittered(output, 4)))
    if not found:
        raise Skipped("there are no metrics, or they cannot be told apart")
    return found


def ours(metric: object) -> bool:
    """Whether a metric is the set-up's own and not one of Keras'."""
    return not type(metric).__module__.startswith("keras")


def measured(metric: object, y: object, y_pred: object, cuts: tuple = (), weight: object = None) -> np.ndarray:
    """Return the result of a metric after a reset and an update for each piece between `cuts`."""
    metric.reset_state()
    edges = [0, *cuts, len(y)]
    for start, stop in itertools.pairwise(edges):
        weights = {} if weight is None else {"sample_weight": weight[start:stop]}
        metric.update_state(y[start:stop], y_pred[start:stop], **weights)
    return flat_result(metric.result())


def flat_result(result: object) -> np.ndarray:
    """Return a metric's result, which may be a dict, as one array."""
    return np.concatenate([numbers(part).ravel() for part in tf.nest.flatten(result)])


def differ(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two results differ by more than rounding; nan equals nan."""
    return not np.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)


def shown(result: np.ndarray) -> str:
    """Return a result as text."""
    return ", ".join(f"{value:.4g}" for value in result[:3])


@question("metric splits", "04, The split must not matter")
def metric_splits(setup: Setup) -> tuple:
    """Is a metric the same however the rows are cut into batches?

    Cannot see: splits that were not tried. Cost: none. Built in 04.
    """
    said = []
    for metric, given, _, y, y_pred in asked_metrics(setup):
        if isinstance(given, tf.keras.metrics.Metric) and len(y) > 10:
            whole, cut = measured(metric, y, y_pred), measured(metric, y, y_pred, (1, 4, len(y) - 6))
            if differ(whole, cut):
                return failed(f"{name_of(metric)} is {shown(whole)} at once, and {shown(cut)} in four batches.")
            said.append(name_of(metric))
    if not said:
        raise Skipped("no metric was given as an object, or there are too few rows")
    return passed(f"At once and in four batches the same: {spelled(said)}.")


@question("metric functions", "04, Trap: F1 averaged over batches")
def metric_functions(setup: Setup) -> tuple:
    """Is a plain function in `metrics`, which Keras averages over batches, the mean over examples that this needs?

    Cannot see: functions outside `metrics`. Cost: none. Built in 04.
    """
    said = []
    for metric, given, _, y, y_pred in asked_metrics(setup):
        if not callable(given) or isinstance(given, tf.keras.metrics.Metric) or len(y) < 11:
            continue
        whole, cut = measured(metric, y, y_pred), measured(metric, y, y_pred, (1, 4, len(y) - 6))
        if differ(whole, cut):
            return failed(
                f"{name_of(given)} is {shown(whole)} at once and {shown(cut)} as Keras averages it over four batches."
            )
        said.append(name_of(given))
    if not said:
        raise Skipped("no metric is a plain function, or there are too few rows")
    return passed(f"The mean over batches is right for {spelled(said)}.")


@question("metric reset", "04, Trap: a state that does not start at zero; 04, Trap: a result that you keep")
def metric_reset(setup: Setup) -> tuple:
    """Does a metric start anew after a reset, and is a result that you keep a number of its own?

    Cannot see: who calls the reset. Cost: none. Built in 04.
    """
    for metric, _, _, y, y_pred in asked_metrics(setup):
        first = measured(metric, y, y_pred)
        kept = metric.result()
        metric.update_state(y[:3], y_pred[::-1][:3])
        if any(is_variable(part) for part in tf.nest.flatten(kept)):
            return failed(f"{name_of(metric)}: result() hands out its variable: a result that you keep changes later.")
        with setup.unchanged():
            measured(metric, y[::-1], np.roll(y_pred, 1, 0))
        again = measured(metric, y, y_pred)
        fresh = rebuilt(metric)
        if differ(first, again):
            return failed(f"{name_of(metric)} is {shown(first)}, and after a reset {shown(again)} on the same rows.")
        if fresh is None or not ours(metric) or changed_arguments(metric, fresh):
            continue
        if differ(measured_fresh(fresh, y, y_pred), again):
            return failed(
                f"{name_of(metric)} is {shown(again)} after a reset, and "
                f"{shown(measured_fresh(rebuilt(metric), y, y_pred))} fresh."
            )
    return passed("After a reset, the same rows give the same results.")


def rebuilt(thing: object) -> object:
    """Return a new metric or loss from the configuration of `thing`, or None if that fails."""
    try:
        return type(thing).from_config(thing.get_config())
    except Exception:
        return None


def measured_fresh(metric: object, y: object, y_pred: object) -> np.ndarray:
    """Return the result of a new metric, without a reset before."""
    metric.update_state(y, y_pred)
    return flat_result(metric.result())


@question("metric weights", "04, Trap: a weight in the signature")
def metric_weights(setup: Setup) -> tuple:
    """Does a metric that takes sample weights use them: is weight 0 absence?

    Cannot see: metrics that take none. Cost: none. Built in 04.
    """
    said = []
    for metric, given, _, y, y_pred in asked_metrics(setup):
        half, weight = len(y) // 2, (np.arange(len(y)) < len(y) // 2).astype("float32")
        if (
            half < 4
            or not isinstance(given, tf.keras.metrics.Metric)
            or "sample_weight" not in inspect.signature(metric.update_state).parameters
        ):
            continue
        try:
            weighted = measured(metric, y, y_pred, weight=weight)
        except (ValueError, TypeError, tf.errors.OpError):
            continue
        absent = measured(metric, y[:half], y_pred[:half])
        if differ(weighted, absent):
            return failed(
                f"{name_of(metric)} with weight 0 for half of the rows is {shown(weighted)}, without these rows "
                f"{shown(absent)}."
            )
        said.append(name_of(metric))
    given = [(name_of(metric), weighted) for _, metric, weighted in placed_metrics(setup)]
    if setup.weight is not None and not any(weighted for _, weighted in given):
        return warned(
            f"{spelled([name for name, _ in given])} in `metrics` sees no sample weights; `weighted_metrics` does."
        )
    if not said:
        raise Skipped("no metric takes sample weights of shape (n,)")
    return passed(f"Weight 0 is absence for {spelled(said)}.")


@question("metric empty", "04, Trap: a result before the first batch")
def metric_empty(setup: Setup) -> tuple:
    """Is a metric finite before it has seen a row?

    Cannot see: whether its value there misleads. Cost: none. Built in 04.
    """
    said = []
    for metric, _, _, _, _ in asked_metrics(setup):
        if ours(metric):
            metric.reset_state()
            empty = flat_result(metric.result())
            if not np.all(np.isfinite(empty)):
                return failed(f"{name_of(metric)} is {shown(empty)} before the first update.")
            said.append(name_of(metric))
    if not said:
        raise Skipped("no metric is a class of your own")
    return passed(f"Finite before the first update: {spelled(said)}.")


@question("metric in a graph", "04, Trap: a state that Python keeps")
def metric_in_a_graph(setup: Setup) -> tuple:
    """Does a metric count the same inside tf.function, where Python runs once?

    Cannot see: metrics of models that run eagerly. Cost: a trace for each metric of your own. Built in 04.
    """
    said = []
    for metric, given, _, y, y_pred in asked_metrics(setup):
        if not ours(metric) and not (callable(given) and not isinstance(given, tf.keras.metrics.Metric)):
            continue
        if setup.eager_only:
            raise Skipped("the model runs eagerly")
        half = len(y) // 2
        batches = [
            (tf.constant(y[rows]), tf.constant(y_pred[rows])) for rows in (slice(0, half), slice(half, 2 * half))
        ]
        metric.reset_state()
        for batch in batches:
            metric.update_state(*batch)
        eager = flat_result(metric.result())
        metric.reset_state()
        update = tf.function(metric.update_state)
        try:
            for batch in batches:
                update(*batch)
        except Exception as error:
            return warned(f"{name_of(metric)} does not run inside tf.function: {type(error).__name__}.")
        compiled = flat_result(metric.result())
        if differ(eager, compiled):
            return failed(
                f"{name_of(metric)} is {shown(eager)}, and {shown(compiled)} when it runs inside tf.function."
            )
        said.append(name_of(metric))
    if not said:
        raise Skipped("no metric is your own")
    return passed(f"The same inside tf.function: {spelled(said)}.")


@question("metric thresholds", "04, Trap: a threshold applied to logits")
def metric_thresholds(setup: Setup) -> tuple:
    """Do metrics that compare with a threshold between 0 and 1 get probabilities, and is accuracy asked of classes?

    Cannot see: thresholds in code of your own. Cost: none. Built in 04.
    """
    for metric, _, output, y, _ in asked_metrics(setup):
        about = f"{type(metric).__name__} {getattr(getattr(metric, '_fn', None), '__name__', '')}".lower()
        outside = expects(output) == "logits" or numbers(output.y_pred).min() < 0 or numbers(output.y_pred).max() > 1
        bars = getattr(metric, "thresholds", None) or getattr(metric, "_fn_kwargs", {}).get("threshold")
        told = getattr(metric, "_from_logits", getattr(metric, "from_logits", False)) or 0 in np.ravel(
            bars if bars is not None else 0.5
        )
        if outside and not ours(metric) and not told and (bars is not None or "binary_accuracy" in about):
            return failed(f"{name_of(metric)} compares with a threshold between 0 and 1, and the outputs are logits.")
        whole = np.all(numbers(output.y_pred) == np.round(numbers(output.y_pred)))
        if type(metric) is tf.keras.metrics.Accuracy and not whole:
            return failed(f"{name_of(metric)} asks whether two numbers are equal, and the outputs are no labels.")
        if "binary_accuracy" in about and kind_of(output) == "one-hot" and output.y.shape[-1] > 2:
            return failed(
                f"{name_of(metric)} counts each of the {output.y.shape[-1]} zeros and ones of a label: use "
                f"categorical accuracy."
            )
        if "crossentropy" in about and expects(output) in ("logits", "probabilities"):
            cost = float(measured(metric, y, perfect(output))[0])
            if cost > 0.5:
                return failed(
                    f"{name_of(metric)} charges {cost:.3g} for a perfect answer: logits taken for "
                    f"probabilities, or the reverse."
                )
        values = numbers(y)
        equality = isinstance(metric, (tf.keras.metrics.Accuracy, tf.keras.metrics.BinaryAccuracy))
        if equality and kind_of(output) == "number" and np.any(values != np.round(values)):
            return failed(
                f"{name_of(metric)} of numbers such as {values.ravel()[0]:.3g}: two numbers are hardly ever equal."
            )
    return passed("No logits were found at a threshold for probabilities, and no accuracy of plain numbers.")


def all_occur(output: Output) -> bool:
    """Whether the labels of the batch have rows of every class, and rows without it."""
    if kind_of(output) not in ("sparse", "one-hot", "binary"):
        return True
    right = one_hot(output.y, output.y_pred)
    return bool(np.all(np.ptp(right.reshape(-1, right.shape[-1] if right.ndim > 1 else 1), axis=0) > 0))


@question("metric at the truth", "04, Trap: classes that never occur")
def metric_at_the_truth(setup: Setup) -> tuple:
    """Is accuracy 1 for a perfect answer, and does a metric say different things about different answers?

    Cannot see: metrics whose best value is not known. Cost: none. Built in 04.
    """
    said = []
    for metric, _, output, y, y_pred in asked_metrics(setup):
        truth = perfect(output)
        if truth is None or (expects(output) == "numbers" and kind_of(output) != "number"):
            continue
        best, others = (
            measured(metric, y, truth),
            [-truth, np.roll(truth, 1, axis=-1), y_pred, np.roll(y_pred, 1, axis=0)],
        )
        name = f"{name_of(metric)} {type(metric).__name__.lower()}"
        shares = (
            any(word in name for word in ("accuracy", "iou", "f1", "precision", "recall", "auc")) and "top" not in name
        )
        if shares and "accuracy" not in name and not all_occur(output):
            continue  # of a class without examples nothing can be found
        if shares and len(best) == 1 and best[0] < (0.999 if "accuracy" in name else 0.5):
            return failed(f"{name_of(metric)} of a perfect answer is {best[0]:.3g}.")
        if not any(differ(best, measured(metric, y, other)) for other in others):
            return warned(f"{name_of(metric)} is {shown(best)} for a perfect answer, and for four others.")
        said.append(f"{name_of(metric)} {shown(best)}")
    if not said:
        raise Skipped("the perfect answer is not known, or a class does not occur")
    return passed(f"For a perfect answer: {spelled(said)}.")


# ---------------------------------------------------------------------------------------------------------------------
# The questions: resuming and saving
# ---------------------------------------------------------------------------------------------------------------------


@question("resumed", "02, Checkpoints, and exact resume")
def resumed(setup: Setup) -> tuple:
    """Do two steps after a resume from the variables equal steps three and four of one run?

    Cannot see: what your own code saves and forgets. Cost: six steps. Built in 02.
    """
    step = any_step(setup)
    if not setup.model.trainable_variables:
        raise Skipped("there is nothing to train")
    batch = setup.batch(16)
    if own_step(setup) is not None and is_random(setup, step, moved_by(setup, step, setup.batch())[0]):
        raise Skipped("the step draws random numbers of its own")
    with setup.unchanged(), eagerly():
        for _ in range(2):
            step(batch)
        parts = reachable(setup.model, setup.optimizer, setup.loss_fn, setup.train_step)
        state = [thing for thing in parts if is_variable(thing)]
        kept, whole, again = [value_of(variable) for variable in state], [], []
        for losses in (whole, again):
            for variable, value in zip(state, kept, strict=True):
                variable.assign(value)
            for _ in range(2):
                step(batch)
                losses.append(flat(setup.model.trainable_variables))
        gap = max(np.max(np.abs(a - b)) / (np.max(np.abs(a)) + 1e-12) for a, b in zip(whole, again, strict=True))
    if gap > 1e-5:
        return failed(
            f"Resumed from its variables the run differs by {gap:.1g}: something that steps depend on is in no "
            f"variable."
        )
    return passed("Two steps from the restored variables equal the two that were taken before.")


@question("saved", "07, Ship it; 08, Trap: a vectorizer made anew")
def saved(setup: Setup) -> tuple:
    """Does the model answer the same after it is saved and loaded?

    Cannot see: preprocessing outside the model. Cost: a file of the size of the model. Built in 07 and 08.
    """
    setup.need_calm()
    x = setup.batch(8)[0]
    before, classes = setup.forward(x), {}
    for thing in [setup.model, *setup.model._flatten_layers()]:
        if not type(thing).__module__.startswith("keras"):
            classes[type(thing).__name__] = type(thing)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            setup.model.save(Path(folder) / "model.keras")
            again = tf.keras.models.load_model(
                Path(folder) / "model.keras", custom_objects=classes, compile=False, safe_mode=False
            )
            after = again(x, training=False)
        except Exception as error:
            raise Skipped(f"it cannot be saved and loaded: {' '.join(str(error).split())[:120]}") from None
    gap = apart(after, before)
    if gap > 1e-4:
        return failed(f"Loaded again, the model's answers differ by {gap:.2g} of their size.")
    return passed(f"Saved and loaded, the same answers for {length(x)} examples.")


@question("losses and metrics saved", "03, Trap: a loss in a saved model; 04, Trap: a metric in a saved model")
def losses_and_metrics_saved(setup: Setup) -> tuple:
    """Do losses and metrics of your own keep their arguments in their configuration?

    Cannot see: whether their classes are registered where you load them. Cost: none. Built in 03 and 04.
    """
    said = []
    kinds = (tf.keras.losses.Loss, tf.keras.metrics.Metric)
    metrics = flat_metrics(setup) if setup.y is not None else []
    for part in [*tf.nest.flatten(setup.loss_fn), *metrics]:
        if not isinstance(part, kinds) or not ours(part):
            continue
        name = type(part).__name__
        try:
            again = type(part).from_config(part.get_config())
        except Exception as error:  # whatever a class of your own raises
            return warned(f"{name} cannot be made from its configuration: {' '.join(str(error).split())[:100]}")
        changed = changed_arguments(part, again)
        if changed:
            return failed(f"{name} forgets {spelled(changed)} in its configuration.")
        said.append(name)
    if not said:
        raise Skipped("no loss or metric is a class of your own")
    return passed(f"Made anew from their configurations: {spelled(said)}.")


def changed_arguments(one: object, other: object) -> list[str]:
    """Return the plain attributes (numbers, texts, flags, tuples) in which two objects of a class differ."""
    plain = (int, float, str, bool, tuple, type(None))
    names = [name for name, value in vars(one).items() if isinstance(value, plain) and not name.startswith("_")]
    return [name for name in names if name != "name" and vars(other).get(name) != vars(one)[name]]


SERVE = """
import sys, numpy as np, tensorflow as tf
model, arrays = tf.saved_model.load(sys.argv[1]), np.load(sys.argv[2])
inputs, _ = model.serve.concrete_functions[0].structured_input_signature
pairs = zip(tf.nest.flatten(inputs), [arrays[name] for name in arrays.files], strict=True)
answer = model.serve(*tf.nest.pack_sequence_as(inputs, [tf.cast(values, part.dtype) for part, values in pairs]))
np.savez(sys.argv[3], *tf.nest.flatten(answer))
"""


@question("exported", "10, Ship it; 08, Trap: a second sigmoid", thorough=True)
def exported(setup: Setup) -> tuple:
    """Does the exported model answer the same in another process?

    Cannot see: preprocessing outside the model. Cost: a process that imports TensorFlow, 10 s. Built in 10.
    """
    import subprocess
    import sys

    setup.need_calm()
    x = setup.batch(8)[0]
    if isinstance(x, dict):  # what a functional model has no input for, it leaves out
        x = {name: values for name, values in x.items() if is_input(setup.model, name)}
    if not all(is_number(part) for part in tf.nest.flatten(x)):
        raise Skipped("inputs of numbers are needed")
    before = tf.nest.flatten(setup.forward(x))
    with tempfile.TemporaryDirectory() as folder:
        setup.model.export(f"{folder}/model", verbose=False)
        np.savez(f"{folder}/x.npz", *(np.asarray(part) for part in tf.nest.flatten(x)))
        subprocess.run(
            [sys.executable, "-c", SERVE, f"{folder}/model", f"{folder}/x.npz", f"{folder}/y.npz"],
            check=True,
            capture_output=True,
            timeout=120,
        )
        with np.load(f"{folder}/y.npz") as answers:
            after = [answers[name] for name in answers.files]
    gap = apart(after, before)
    return (
        failed(f"Exported, the answers differ by {gap:.2g} of their size.")
        if gap > 1e-4
        else passed("Exported, and the same in another process.")
    )


@question("label signal", "10, Trap: labels that have nothing to do with the inputs", thorough=True)
def label_signal(setup: Setup) -> tuple:
    """Is the loss on held-out rows lower after training than after training on permuted labels?

    Cannot see: weak signals, for want of rows. Cost: 600 steps. Built in 10.
    """
    if length(setup.x) < 64 or setup.y is None:
        raise Skipped("more rows, or labels, are needed")
    order = np.random.default_rng(0).permutation(min(length(setup.x), SEEN))
    train, held = np.split(order, [3 * len(order) // 4])
    true, *permuted = (
        held_out_loss(setup, train, labels, held)
        for labels in (train, *(np.random.default_rng(seed).permutation(train) for seed in (1, 2)))
    )
    sentence = f"Held-out loss {true:.3g}; after training on permuted labels {min(permuted):.3g}"
    if true > min(permuted) - 0.02 * abs(min(permuted)):
        return warned(f"{sentence}: no signal was found.")
    return passed(f"{sentence}.")


def held_out_loss(setup: Setup, train: np.ndarray, labels: np.ndarray, held: np.ndarray) -> float:
    """Return the least loss on rows `held` in 200 steps on rows `train`, which get the labels of rows `labels`."""
    with setup.unchanged():
        optimizer, variables, losses = tf.keras.optimizers.Adam(0.003), setup.model.trainable_variables, []
        optimizer.build(variables)

        @tf.function
        def step(x, y):
            gradients = setup.gradients(x, y)
            optimizer.apply_gradients([(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None])

        x_held, y_held = take(setup.x, held), take(setup.y, held)
        for i in range(200):
            rows = np.random.default_rng(i).choice(len(train), 32)
            step(take(setup.x, train[rows]), take(setup.y, labels[rows]))
            if i % 10 == 9:
                losses.append(float(setup.loss(y_held, setup.forward(x_held), None, x_held)))
        return min(losses)


# ---------------------------------------------------------------------------------------------------------------------
# The audit
# ---------------------------------------------------------------------------------------------------------------------


def refusal(setup: Setup) -> str:
    """Return why nothing can be asked, or ""; raise ValueError if the arrays do not fit together."""
    counts = {
        name: length(part)
        for name, part in (("x", setup.x), ("y", setup.y), ("sample_weight", setup.weight))
        if part is not None
    }
    if len(set(counts.values())) > 1:
        raise ValueError(f"Inputs, labels and weights need the same number of rows, and have: {counts}.")
    if not counts["x"]:
        raise ValueError("There are no rows to ask with.")
    strategy = getattr(setup.model, "distribute_strategy", None)
    if getattr(strategy, "num_replicas_in_sync", 1) > 1:
        return "The model lives on several devices: ask about one that is made outside the strategy's scope."
    if any(isinstance(part, tf.RaggedTensor) for part in tf.nest.flatten((setup.x, setup.y))):
        return "Ragged tensors cannot be asked about: hand over padded ones."
    if any(isinstance(part, tf.SparseTensor) for part in tf.nest.flatten((setup.x, setup.y))):
        return "Sparse tensors cannot be asked about: hand over dense ones."
    return ""


def cannot_be_called(setup: Setup) -> str:
    """Call the model, which builds it, and return what it raises, or ""."""
    try:
        setup.forward(setup.batch(2)[0])
    except Exception as error:  # whatever a model raises
        return f"The model cannot be called: {' '.join(str(error).split())[:160]}"
    return ""


def fixed_batch(model: object) -> int | None:
    """Return the batch size that a model is built for, or None if it takes any."""
    shape = getattr(model, "input_shape", None)
    return shape[0] if isinstance(shape, tuple) and shape and isinstance(shape[0], int) else None


def audit(
    model: tf.Module,
    x: object,
    y: object = None,
    *,
    loss_fn: object = None,
    optimizer: object = None,
    metrics: object = None,
    train_step: Callable | None = None,
    sample_weight: object = None,
    validation_data: object = None,
    only: list[str] | None = None,
    skip: list[str] = (),
    thorough: bool = False,
) -> Report:
    """Ask a training set-up every question of this file, and leave the set-up as it was.

    A tf.data.Dataset is read, as an epoch reads it: one that shuffles goes on to its next order.

    Args:
        model: a Keras model; compiled, it brings its own loss, optimizer and metrics. One without weights yet is built.
        x: inputs of shape (n, …): an array, texts, a dict or tuple of them, or a tf.data.Dataset of batches (x, y) or
            (x, y, sample_weight), of which whole batches are looked at, until they have 2,048 rows.
        y: labels of shape (n, …), or a structure of them.
        loss_fn: a loss, a function (y_true, y_pred), a name, or a structure of them.
        optimizer: the optimizer that the training step uses.
        metrics: metric objects, functions or names; a dict or a list of lists for several outputs.
        train_step: your own step, train_step(x_batch, y_batch) or train_step(x_batch, y_batch, sample_weight).
        sample_weight: weights of shape (n,).
        validation_data: (x, y) or (x, y, sample_weight), or a Dataset.
        only: names of questions; no others are asked.
        skip: names of questions that are not asked.
        thorough: ask also what takes longer than a few seconds.

    Returns:
        A Report. No question raises: one that fails is a "skip" that says why.

    Raises:
        TypeError: if `model` is no Keras model, or the data come from a generator or a PyDataset.
        ValueError: if a question does not exist, there are no rows, a Dataset gives single rows, or inputs, labels and
            weights differ in their number of rows.
    """
    if not isinstance(model, tf.keras.Model):
        raise TypeError(f"trust.audit needs a Keras model, and got {type(model).__name__}.")
    only, skip = ([part] if isinstance(part, str) else part for part in (only, skip))
    unknown = [name for name in [*(only or []), *skip] if name not in QUESTIONS]
    if unknown:
        raise ValueError(f"There is no question {unknown[0]!r}. The questions are: {', '.join(QUESTIONS)}.")
    start, state, logger = time.perf_counter(), randomness(), tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # the audit traces a lot, and TensorFlow would say so
    draw_apart()
    asked = [name for name in QUESTIONS if (only is None or name in only) and name not in skip]
    try:
        setup = Setup(model, x, y, loss_fn, optimizer, metrics, train_step, sample_weight, validation_data)
        reason = refusal(setup)
        if reason:
            answers = [Answer(name, "skip", reason, QUESTIONS[name][1]) for name in asked]
            return Report(answers, time.perf_counter() - start)
        frame, count = setup.frame(), len(model.variables)
        try:
            reason = cannot_be_called(setup)
            if reason:
                verdicts = {"it trains": "fail"}
                answers = [Answer(name, verdicts.get(name, "skip"), reason, QUESTIONS[name][1]) for name in asked]
                return Report(answers, time.perf_counter() - start)
            if len(model.variables) != count:  # it was not built yet, and stays built
                frame.restore_numbers()
                frame = setup.frame()
            answers = [answered(setup, name, thorough or only is not None, frame) for name in asked]
        finally:
            frame.restore()
    finally:
        set_randomness(state)
        logger.setLevel(level)
    return Report(answers, time.perf_counter() - start)


def answered(setup: Setup, name: str, thorough: bool, frame: Frame) -> Answer:
    """Ask one question; whatever it raises becomes a skip, and everything is put back."""
    ask, where, costly = QUESTIONS[name]
    if costly and not thorough:
        return Answer(name, "skip", "Asked with thorough=True.", where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict, sentence = ask(setup)
    except Skipped as reason:
        verdict, sentence = "skip", f"{str(reason)[:1].upper()}{str(reason)[1:]}."
    except Exception as error:
        said = " ".join(str(error).split())[:160]
        verdict, sentence = "skip", f"The question itself failed: {type(error).__name__}: {said}"
    finally:
        frame.restore()
    return Answer(name, verdict, sentence, where)
