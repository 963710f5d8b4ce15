"""Whose an error is: the check's, the reader's, or a library's that the reader called."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from utils.checks import errors

LIBRARY = str(Path(np.__file__).parents[1] / "keras" / "planted.py")


def passing(*files):
    """Return an error that passed one frame in each of these files, from the call to where it arose."""
    names = {}
    for file in reversed(files):
        source = "def call():\n    inner()" if names else "def call():\n    raise ValueError('planted')"
        names = {"inner": names.get("call")}
        exec(compile(source, file, "exec"), names)
    try:
        names["call"]()
    except ValueError as problem:
        problem.__traceback__ = problem.__traceback__.tb_next  # without the frame of this file
        return problem


CHECK, READER = str(errors.CHECKS / "planted.py"), str(Path.home() / "planted.py")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ((CHECK,), True),
        ((CHECK, CHECK), True),
        ((CHECK, LIBRARY), False),
        ((CHECK, LIBRARY, LIBRARY), False),
        ((CHECK, LIBRARY, CHECK), True),
        ((CHECK, READER), False),
        ((CHECK, READER, LIBRARY), False),
    ],
)
def test_an_error_is_born_in_a_check_unless_it_passed_the_reader_or_a_library_behind_it(files, wanted):
    assert errors.born_in_check(passing(*files)) is wanted


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: tf.keras.metrics.Mean().add_weight(name="total"), 'initializer="zeros"'),
        (lambda: tf.constant(1.0) + None, "a gradient that nothing connects"),
    ],
)
def test_a_state_without_an_initializer_is_not_taken_for_a_lost_gradient(make, cause):
    with pytest.raises((ValueError, TypeError)) as raised:
        make()
    assert cause in errors.cause(raised.value)
