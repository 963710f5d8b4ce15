"""The engine of the checks: what a check module calls, and the decorator that makes a check of a function.

A check is a function of the learner's answer that calls `expect` a few times and returns; `exercise` turns it into one
that never raises and returns a `Verdict`:

    @exercise("1.1", "The slope of a function at a point", why="Every step of training starts from one slope.")
    def slope(answer):
        for x in (3.0, *random_numbers(3)):
            expect(answer(tf.sin, x), np.cos(x), on=f"slope(tf.sin, {x:.3g})",
                   smells={"That is the value of f, not its slope.": np.sin(x)})

It judges what the answer does, never how it is written. Whatever an answer does instead of answering (it raises, exits,
never ends, prints a book, returns something odd) is told in a sentence. Only a reader's interrupt goes through.
"""

import contextlib
import contextvars
import functools
import inspect
import re
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from utils.checks import errors, originals, progress_file, watchdog
from utils.checks.progress_file import REGISTRY, Listed
from utils.checks.values import as_array, contrasted, form_of, written
from utils.checks.verdict import CORRECT, NOT_ATTEMPTED, NOT_YET, RAISED, Verdict

KERAS_OBJECTS = (
    tf.keras.layers.Layer,  # and models
    tf.keras.metrics.Metric,
    tf.keras.losses.Loss,
    tf.keras.callbacks.Callback,
    tf.keras.optimizers.Optimizer,
)
CAME = contextvars.ContextVar("what came last from the answer", default=None)


class NotAttempted(Exception):  # noqa: N818  (an outcome, not an error)
    """The answer still holds the `...` of the stub."""


class NotYet(Exception):  # noqa: N818
    """The answer runs and is wrong; the message says what was expected, what came, and what that smells of."""


def exercise(number: str, title: str, why: str, *, asks_for: str = "function", deeper: bool = False) -> Callable:
    """Turn a function of the learner's answer into a check that never raises.

    Args:
        number: the exercise's number in the notebook, such as "1.1".
        title: its title in the notebook.
        why: one sentence, said when the answer is correct: why it matters.
        asks_for: what is handed to the check, "function" or "class".
        deeper: whether the exercise stands in a section of the notebook that is titled "Deeper".
    """

    def decorate(check: Callable) -> Callable[..., Verdict]:
        REGISTRY[number] = Listed(title, deeper)

        @functools.wraps(check)
        def judged(*answers, **named) -> Verdict:
            """Judge an answer and remember the outcome."""
            originals.put_back()
            with _settings_kept():
                outcome, message = _watched(lambda: _judge(check, [*answers, *named.values()], why, asks_for))
            if replaced := originals.put_back():
                told = f"Your code replaced {' and '.join(replaced)}, which the check measures with. It was put back."
                outcome, message = NOT_YET, told
            trouble = progress_file.remember(number, outcome)
            said = f"{message}\n{trouble}".strip()
            return Verdict(number, outcome, said.encode(errors="backslashreplace").decode())  # Jupyter sends UTF-8

        return judged

    return decorate


def _watched(judge: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """Judge where the answer can be given up."""
    try:
        return watchdog.run(judge)
    except watchdog.TooLong as late:
        place = errors.line_in(late.frame)
        where = f" It was in {place}." if place else ""
        still = "It cannot be stopped from here: restart the kernel to end it." if late.alive else "It was stopped."
        return (
            NOT_YET,
            f"No answer within {late.seconds:g} s: does a loop or a wait never end, or is the machine busy?"
            f"{where} {still}",
        )


def _judge(check: Callable, answers: list, why: str, asks_for: str) -> tuple[str, str]:
    try:
        _require_one(check.__name__, answers, asks_for)
        with np.errstate(all="warn", under="ignore"):  # NumPy's default: whoever hunts a nan lets it raise
            check(*answers)
    except KeyboardInterrupt:
        raise
    except NotAttempted:
        return NOT_ATTEMPTED, "Write your answer where the ... stands, and run the cell again."
    except BaseException as problem:
        outcome, message = _told_of(problem)
        return outcome, f"{message}{_other_kind(answers, asks_for)}"
    return CORRECT, why


@contextlib.contextmanager
def _settings_kept():
    """Put back what an answer may leave changed, and what the next check would be judged with."""
    eagerly, floatx = tf.config.functions_run_eagerly(), tf.keras.config.floatx()
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(eagerly)
        tf.keras.config.set_floatx(floatx)


def _told_of(problem: BaseException) -> tuple[str, str]:
    """Tell of an error: of the reader's code, of a `...` that is still in it, or of what the check could not read."""
    try:
        if isinstance(problem, NotYet):  # inside tf.function, AutoGraph wraps it
            return NOT_YET, errors.essence(problem) if "in user code" in str(problem) else str(problem)
        if re.search(r"'ellipsis'|\bEllipsis\b", errors.essence(problem)):
            return NOT_ATTEMPTED, "A ... of the stub is still in use: write your answer in its place."
        if not errors.born_in_check(problem):
            return RAISED, f"{errors.told(problem)}\n{errors.cause(problem)}".strip()
        came = CAME.get()
        last = "" if came is None else f" The last was {written(came)}. {form_of(came)}".rstrip()
        cause = f" {errors.cause(problem)}" if isinstance(problem, AttributeError) else ""
        return NOT_YET, f"What came has another form than the card asks for.{last}{cause}".rstrip()
    except KeyboardInterrupt:
        raise
    except BaseException:  # what came, or the error itself, raises when it is looked at, or exits
        return RAISED, "An error that cannot be read: it raises another one when it is asked what it is."


def _require_one(name: str, answers: list, asks_for: str) -> None:
    """Require one answer that is attempted, and that is a function or a class, whichever is asked for."""
    if len(answers) != 1:
        raise NotYet(f"{counted(len(answers), 'thing')} came; hand over one: the {asks_for}, as in checks.{name}(…).")
    (answer,) = answers
    _require_attempt(answer)
    told = f"{_with_article(answer)} came, and a {asks_for} is expected"
    if asks_for == "class" and isinstance(answer, KERAS_OBJECTS):
        raise NotYet(f"{told}: hand over the class itself, without parentheses, as in checks.{name}({_type(answer)}).")
    if not callable(answer):
        raise NotYet(f"{told}: hand over the {asks_for} itself, without calling it, as in checks.{name}({name}).")


def _other_kind(answers: list, asks_for: str) -> str:
    """Return a sentence where a class was handed over in place of a function; it may be right, so it is tried first."""
    is_class = asks_for == "function" and len(answers) == 1 and issubclass(type(answers[0]), type)
    return f"\nThe class {_name(answers[0])} was handed over; a function is expected." if is_class else ""


def _name(a_class: type) -> str:
    return type.__dict__["__name__"].__get__(a_class)  # a metaclass may have a __name__ of its own


def _type(value) -> str:
    return type(value).__name__


def _with_article(value) -> str:
    if value is None:
        return "None"
    if inspect.isclass(value):
        return f"The class {_name(value)}"
    return f"{written(value)} ({'an' if _type(value)[0] in 'aeiouAEIO' else 'a'} {_type(value)})"


def _require_attempt(value) -> None:
    """Raise NotAttempted when `value` is, or holds, the `...` of a stub."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    if value is ... or any(part is ... for part in parts):
        raise NotAttempted


def _note(value) -> None:
    """Keep what came from the answer, for a message, and note that it came back."""
    CAME.set(value)
    watchdog.came_back()


def attempted(value, *types: type, asked: str = "", on: str = "", length: int | None = None):
    """Return what the answer gave, once it is known to be an attempt in the form that is asked for.

    Args:
        value: what came.
        types: the types that it may have; none where any will do.
        asked: what is asked for, in words: "a list of two gradients".
        on: the call and its input, as the learner would write it.
        length: the number of parts that it must have.

    Raises:
        NotAttempted: when it is, or holds, the stub's `...`.
        NotYet: when it is None, or has another type or length.
    """
    _note(value)
    _require_attempt(value)
    got = f"For {on}: got" if on else "Got"
    what = f" {asked[:1].upper()}{asked[1:]} is expected." if asked else ""
    if value is None:
        raise NotYet(f"{got} None. Your function returns nothing (is a `return` missing?).{what}")
    if types and not isinstance(value, types):
        form = "" if isinstance(value, list | tuple) else form_of(value)
        kind = f"({_type(value)})"
        raise NotYet(f"{got} {written(value).removesuffix(kind).rstrip()} {kind}.{what} {form}".rstrip())
    if length is not None and len(value) != length:
        raise NotYet(f"{got} {counted(len(value), 'part')}.{what}")
    return value


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
    _note(got)
    _require_attempt(got)
    want = np.asarray(want)
    array = as_array(got)
    told = "For {}: expected {}, got {}.".format(on, *contrasted(want, got if array is None else array))
    if got is None:
        raise NotYet(
            f"{told} Your function returns nothing (is a `return` missing?), or a gradient that is None: nothing "
            "connects the result to its source."
        )
    if array is None:
        raise NotYet(f"{told} A number or an array is expected, not {_type(got)}. {form_of(got)}".rstrip())
    smells = {smell: np.asarray(wrong) for smell, wrong in (smells or {}).items()}
    alike = [
        smell
        for smell, wrong in smells.items()
        if _equal(array, wrong, tolerance) and not _equal(want, wrong, tolerance)
    ]
    # Two misconceptions can lead to nearly the same numbers: then the one that leads to these is meant.
    closer = [smell for smell in alike if _equal(array, smells[smell], tolerance / 10)]
    if alike and not _equal(array, want, tolerance / 2):  # else what a misconception leads to is hardly wrong here
        raise NotYet(f"{told} {_either(closer or alike)}")
    if array.shape != want.shape:
        raise NotYet(f"{told} The shape is {array.shape} and should be {want.shape}.")
    if not _equal(array, want, tolerance):
        odd = np.any(np.isfinite(want) & ~np.isfinite(array))
        raise NotYet(told + (" A nan or inf: look for 0/0, log(0) or an overflow on the way." if odd else ""))


def _either(sentences: list[str]) -> str:
    """Return the sentence, or, where several misconceptions lead to the same numbers, all of them."""
    return sentences[0] if len(sentences) == 1 else f"Either: {' Or: '.join(sentences)}"


def require(condition: bool, message: str) -> None:
    """Raise NotYet with `message` unless `condition` holds."""
    if not condition:
        raise NotYet(message)


def require_dtype(got, dtype, on: str) -> None:
    """Require a tensor or an array to have `dtype`; a Python number, or a list of them, has none."""
    came = tf.as_dtype(getattr(got, "dtype", dtype))
    require(came == dtype, f"For {on}: {tf.as_dtype(dtype).name} is expected, and {came.name} came.")


def refuse(misconceptions: Mapping[str, object], *, on: str = "") -> None:
    """Raise NotYet with the first message whose value is true: for each misconception, what to say and how it shows."""
    for message, shows in misconceptions.items():
        if shows:
            raise NotYet(f"For {on}: {message}" if on else message)


def random_numbers(count: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Return `count` fresh random float64 numbers between `low` and `high`."""
    return np.random.default_rng().uniform(low, high, count)


def random_array(*shape: int, low: float = 0.5, high: float = 1.5) -> np.ndarray:
    """Return fresh float64 numbers of absolute values between `low` and `high`; half are negative, to within one."""
    rng = np.random.default_rng()
    size = int(np.prod(shape))
    signs = rng.permutation(np.resize(rng.permutation([1.0, -1.0]), size))
    return (signs * rng.uniform(low, high, size)).reshape(shape)


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: "1 part", "2 parts"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def compiled(function: Callable, **options) -> Callable:
    """Return tf.function(function, **options), which is compiled even where functions are set to run eagerly."""
    recorded = tf.function(function, **options)

    def call(*arguments):
        with functions_compiled():
            return recorded(*arguments)

    return call


@contextlib.contextmanager
def functions_compiled(compiled: bool = True):
    """Compile functions inside, even where they are set to run eagerly; or run them eagerly, if not `compiled`."""
    eagerly = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(not compiled)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(eagerly)


def central_difference(f: Callable, x, step: float = 1e-5) -> np.ndarray:
    """Return the gradient of a scalar function of an array by central differences.

    The error falls with step² until rounding takes over; in float64 a step near 1e-5 serves functions of numbers near 1
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


def _equal(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    if a.shape != b.shape:
        return False
    scale = max(1.0, float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))))
    return np.allclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True)
