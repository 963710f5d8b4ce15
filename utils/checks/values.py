"""What came, as a NumPy array where it is one, and in words of at most a line."""

import inspect
import math
import reprlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

MOST_ENTRIES = 1_000_000  # no right answer has more: what has is not read
DEEPEST = 30  # levels of a nested list

# What is no array of numbers, and what to say of it: the first that fits. "{}" stands for the name of the type.
FORMS: dict[str, Callable[[object], bool]] = {
    "The class {name} came, not an instance of it: are the parentheses missing?": inspect.isclass,
    "A function came in place of its result: call it, with parentheses.": (
        lambda value: inspect.isroutine(value) or isinstance(value, tf.types.experimental.GenericFunction)
    ),
    "That is a generator, which has computed nothing yet: make a list of it.": inspect.isgenerator,
    "That is a KerasTensor, a place in a model that has no value: give numbers to the model.": (
        tf.keras.utils.is_keras_tensor
    ),
    "That is a symbolic tensor: it stands for a value inside a graph and has none outside.": tf.is_symbolic_tensor,
    "Its rows differ in length: a rectangle of numbers is expected.": lambda value: isinstance(value, tf.RaggedTensor),
    "It is sparse: tf.sparse.to_dense makes an array of it.": lambda value: isinstance(value, tf.SparseTensor),
    "Iterate over it, or take an element.": lambda value: isinstance(value, tf.data.Dataset),
    "It is too large to be the answer.": lambda value: _is_too_large(value),
    "Those are complex numbers: take the real part or the absolute value.": lambda value: _kind(value) == "c",
    "NumPy does not know its dtype: tf.cast makes it float32.": (
        lambda value: isinstance(value, tf.Tensor | tf.Variable) and _kind(value) == "V"
    ),
    "It holds Python objects, None perhaps, or rows of different lengths.": (
        lambda value: _is_nested(value) or _kind(value) == "O"
    ),
}


def form_of(value) -> str:
    """Return one sentence on what `value` is, where it is not an array of numbers."""
    name = value.__name__ if inspect.isclass(value) else type(value).__name__
    said = next((sentence for sentence, fits in FORMS.items() if _holds(fits, value)), "")
    return said.format(name=name)


def as_array(value) -> np.ndarray | None:
    """Return `value` as a NumPy array of numbers or truth values, or None where it is not one."""
    if inspect.isclass(value) or isinstance(value, str | bytes) or tf.keras.utils.is_keras_tensor(value):
        return None
    try:
        if _is_too_large(value):
            return None
        array = np.asarray(tf.convert_to_tensor(value) if isinstance(value, tf.IndexedSlices) else value)
        return array if array.dtype.kind in "fiub" else None
    except Exception:
        return None


def written(value) -> str:
    """Write a value in at most a line: a number to four digits, a small array in full, a large one by its shape."""
    array = as_array(value)
    if array is None:
        return _in_words(value)
    if array.size > 12:
        return f"an array of shape {array.shape} that starts with {array.flat[0]:.4g}, {array.flat[1]:.4g}"
    small = not np.any(np.abs(array) >= 1e-3)  # then its entries are not written as 0
    return np.array2string(array, precision=4, separator=", ", suppress_small=not small).replace("\n", "")


def contrasted(want, got) -> tuple[str, str]:
    """Write two values so that their difference shows: with the digits that it takes, at the place where it is largest.

    Args:
        want: an array.
        got: anything.
    """
    array = as_array(got)
    comparable = array is not None and want.dtype.kind in "fiub" and array.shape == want.shape
    if not comparable or np.array_equal(array, want, equal_nan=True):
        return written(want), written(got)
    if want.size > 12:
        apart = np.abs(np.subtract(want, array, dtype=np.float64))
        at = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), want.shape)
        place = f"an array of shape {want.shape} whose entry [{', '.join(map(str, at))}] is "
        return tuple(place + text for text in _apart(want[at], array[at]))
    return _apart(want, array)


def _apart(want: np.ndarray, got: np.ndarray) -> tuple[str, str]:
    """Write two small arrays, or numbers, with four digits or as many more as tell them apart."""
    texts = written(want), written(got)
    for digits in (6, 9, 12, 17):
        if texts[0] != texts[1]:
            break
        texts = tuple(
            np.array2string(np.asarray(array), precision=digits, separator=", ").replace("\n", "")
            for array in (want, got)
        )
    return texts


def _in_words(value) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if _kind(value):
        return f"{type(value).__name__} of shape {getattr(value, 'shape', ())}"
    try:
        said = reprlib.repr(value) if _is_nested(value) or isinstance(value, str | bytes | dict | set) else repr(value)
    except Exception:
        said = ""
    said = " ".join(said.split())
    return said if 0 < len(said) <= 80 else f"{said[:60]}… ({type(value).__name__})".lstrip("… ")


def _is_nested(value) -> bool:
    return isinstance(value, list | tuple)


def _is_too_large(value) -> bool:
    return _entries(value) > MOST_ENTRIES


def _entries(value) -> int:
    """Count the entries of an array or of a nested list, as far as it matters: what holds itself is too large."""
    if not _is_nested(value):
        return math.prod(getattr(value, "shape", ()))
    count, level = 0, [value]
    for _ in range(DEEPEST + 1):  # in the last one, no list is left
        lists = [part for part in level if _is_nested(part)]
        count += len(level) - len(lists)
        if not lists or count + sum(map(len, lists)) > MOST_ENTRIES:
            return count + sum(map(len, lists))
        level = [part for part_list in lists for part in part_list]
    return MOST_ENTRIES + 1


def _kind(value) -> str:
    """Return the kind of an array's dtype, as NumPy letters it, or nothing."""
    try:
        dtype = value.dtype
        return np.dtype(dtype.as_numpy_dtype if isinstance(dtype, tf.DType) else dtype).kind
    except Exception:
        return ""


def _holds(test: Callable, value) -> bool:
    try:
        return bool(test(value))
    except Exception:
        return False
