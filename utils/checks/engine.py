"""The engine of the checks: four outcomes, comparison with a diagnosis, and the decorator that makes a check.

A check is a function of the learner's answer that calls `expect` a few times and returns; `exercise` turns it into one
that never raises and returns a `Verdict`:

    @exercise("1.1", "The slope of a function at a point", why="Every step of training starts from one slope.")
    def slope(answer):
        for x in (3.0, *random_numbers(3)):
            expect(answer(tf.sin, x), np.cos(x), on=f"slope(tf.sin, {x:.3g})",
                   smells={"That is the value of f, not its slope.": np.sin(x)})

It judges what the answer does, never how it is written.
"""

import functools
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from utils.checks import progress_file

NOT_ATTEMPTED, CORRECT, NOT_YET, RAISED = "not attempted yet", "correct", "not yet", "your code raised"
COLORS = {NOT_ATTEMPTED: "#777777", CORRECT: "#009e73", NOT_YET: "#d55e00", RAISED: "#cc79a7"}

# For each error that learners meet, what usually causes it. The first pattern found in "Type: message" decides.
CAUSES = {
    r"^NameError": "The name is not defined in this kernel: after a restart, run the setup cell and the cells above.",
    r"non-persistent": "A tape answers once. Ask for all gradients in one call, or open it with persistent=True.",
    r"positional argument|unexpected keyword": "The signature was changed: keep the arguments of the stub.",
    r"NoneType": "Something is None where a tensor is expected: often a gradient that nothing connects to its source.",
    r"LookupError|No gradient": "An operation on the path has no registered gradient.",
    r"[Ii]ncompatible shapes|must be broadcastable|Matrix size-incompatible": "Two shapes do not fit: print both.",
    r"attr 'T' of int32": "An integer tensor stands where a floating-point one is needed: say its dtype.",
    r"Passed in object": "The tape follows tensors and variables: make one with tf.constant.",
    r"attribute '_id'": "A NumPy value was given to the tape: stay in TensorFlow between the source and the target.",
    r"convert a value \(<function": "A function came where a tensor is expected: is @tf.custom_gradient missing?",
    r"iterate over a scalar": "Two things are expected: the result, and the function for the way back.",
    r"int32.*float|float.*int32|float64.*float|expected.*(float|double)": "Two dtypes meet: cast one with tf.cast.",
    r"symbolic|graph|OperatorNotAllowed": "Python asks for a value while tf.function is tracing: use tf operations.",
    r"^RecursionError": "The function calls itself without an end.",
    r"^IndentationError|^SyntaxError": "Python cannot read the code: look at the line that it names.",
}


class NotAttempted(Exception):  # noqa: N818  (an outcome, not an error)
    """The answer still holds the `...` of the stub."""


class NotYet(Exception):  # noqa: N818
    """The answer runs and is wrong; the message says what was expected, what came, and what that smells of."""


@dataclass(frozen=True)
class Verdict:
    """What a check says: the exercise's number, one of the four outcomes, and a message in words."""

    number: str
    outcome: str
    message: str

    def __repr__(self) -> str:
        return f"Exercise {self.number}: {self.outcome}. {self.message}"

    def _repr_html_(self) -> str:
        color = COLORS[self.outcome]
        message = html.escape(self.message).replace("\n", "<br>")
        return (
            f'<div style="border-left: 6px solid {color}; padding: 4px 12px">'
            f'Exercise {self.number}: <b style="color: {color}">{self.outcome}</b>. {message}</div>'
        )


REGISTRY: dict[str, str] = {}  # exercise number -> title, in the order of the notebooks


def exercise(number: str, title: str, why: str) -> Callable:
    """Turn a function of the learner's answer into a check that never raises.

    Args:
        number: the exercise's number in the notebook, such as "1.1".
        title: its title in the notebook.
        why: one sentence, said when the answer is correct: why it matters.
    """

    def decorate(check: Callable) -> Callable[..., Verdict]:
        REGISTRY[number] = title

        @functools.wraps(check)
        def judged(*answer) -> Verdict:
            outcome, message = _judge(check, answer, why)
            progress_file.remember(number, outcome)
            return Verdict(number, outcome, message)

        return judged

    return decorate


def _judge(check: Callable, answer: tuple, why: str) -> tuple[str, str]:
    try:
        for part in answer:
            _require_attempt(part)
        check(*answer)
    except NotAttempted:
        return NOT_ATTEMPTED, "Write your answer where the ... stands, and run the cell again."
    except NotYet as problem:
        return NOT_YET, str(problem)
    except Exception as problem:
        said = f"{type(problem).__name__}: {_essence(problem)}"
        if "ellipsis" in str(problem).lower():
            return NOT_ATTEMPTED, "A ... of the stub is still in use: write your answer in its place."
        cause = next((cause for pattern, cause in CAUSES.items() if re.search(pattern, said, re.IGNORECASE)), "")
        return RAISED, f"{said[:300]}\n{cause}".strip()
    return CORRECT, why


def _essence(problem: Exception) -> str:
    """Return the one line of an error that says what happened: the last one of what tf.function wraps around it."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()] or [""]
    return lines[-1] if lines[0].startswith("in user code") else lines[0]


def _require_attempt(value) -> None:
    """Raise NotAttempted when `value` is, or holds, the `...` of a stub."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    if value is ... or any(part is ... for part in parts):
        raise NotAttempted


def expect(got, want, *, on: str, smells: Mapping[str, object] | None = None, tolerance: float = 1e-4) -> None:
    """Compare what the answer gave with what is right; raise NotYet with a diagnosis where they differ.

    Args:
        got: what the learner's code gave: a number, an array, a tensor, a variable, a list of numbers.
        want: the right answer, a number or an array.
        on: the call and its input, as the learner would write it.
        smells: for each known misconception what to say of it, and the value that it leads to.
        tolerance: greatest difference that counts as equal, relative to the greatest absolute value in `want` or 1.

    Raises:
        NotAttempted: when `got` is still the stub's `...`.
        NotYet: when `got` is not `want`.
    """
    _require_attempt(got)
    want = np.asarray(want)
    told = f"For {on}: expected {_written(want)}, got {_written(got)}."
    if got is None:
        raise NotYet(f"{told} None: either the function returns nothing, or nothing connects the result to the source.")
    array = _as_array(got)
    if array is None:
        raise NotYet(f"{told} A number or an array is expected, not {type(got).__name__}.")
    for smell, wrong in (smells or {}).items():
        if _equal(array, np.asarray(wrong), tolerance) and not _equal(want, np.asarray(wrong), tolerance):
            raise NotYet(f"{told} {smell}")
    if array.shape != want.shape:
        raise NotYet(f"{told} The shape is {array.shape} and should be {want.shape}.")
    if not _equal(array, want, tolerance):
        odd = "" if np.all(np.isfinite(array)) else " A nan or inf: look for 0/0, log(0) or an overflow on the way."
        raise NotYet(told + odd)


def require(condition: bool, message: str) -> None:
    """Raise NotYet with `message` unless `condition` holds."""
    if not condition:
        raise NotYet(message)


def random_numbers(count: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Return `count` fresh random float64 numbers between `low` and `high`."""
    return np.random.default_rng().uniform(low, high, count)


def central_difference(f: Callable, x, step: float = 1e-5) -> np.ndarray:
    """Return the gradient of a scalar function of an array by central differences.

    The error falls with step² until rounding takes over; in float64 a step near 1e-5 serves most functions
    (Press et al., Numerical Recipes, section 5.7).

    Args:
        f: takes a float64 tensor of the shape of `x` and returns one number.
        x: the point, an array.
        step: the distance to either side.

    Returns:
        float64 array of the shape of `x`.
    """
    x = np.asarray(x, np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        gradient[index] = (float(f(tf.constant(x + shift))) - float(f(tf.constant(x - shift)))) / (2 * step)
    return gradient


def _as_array(value) -> np.ndarray | None:
    """Return `value` as a NumPy array of numbers, or None where it is not one."""
    try:
        array = np.asarray(tf.convert_to_tensor(value) if isinstance(value, tf.IndexedSlices) else value)
        return array if array.dtype.kind in "fiub" else None
    except Exception:
        return None


def _equal(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    if a.shape != b.shape:
        return False
    scale = max(1.0, float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))))
    return bool(np.allclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True))


def _written(value) -> str:
    """Write a value in at most a line: a number to four digits, a small array in full, a large one by its shape."""
    array = _as_array(value)
    if array is None:
        return str(value)[:80]
    if array.size > 12:
        return f"an array of shape {array.shape} that starts with {array.flat[0]:.4g}, {array.flat[1]:.4g}"
    return np.array2string(array, precision=4, separator=", ", suppress_small=True).replace("\n", "")
