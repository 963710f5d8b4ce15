"""The checks of notebook 05."""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import tensorflow as tf

from utils.checks.engine import (
    attempted,
    compiled,
    counted,
    exercise,
    expect,
    random_array,
    random_numbers,
    refuse,
    require,
    require_dtype,
)
from utils.checks.values import as_array, written

_SHAPES = {
    "scalar": (), "vector": (4,), "matrix": (2, 3), "row": (1, 2), "cube": (2, 1, 3), "kernel": (2, 1, 1, 3),
    "slices": (5, 2), "1-d-slices": (5,), "3-d-slices": (5, 1, 2), "zeros": (3,),
}  # fmt: skip


@exercise(
    "5.1",
    "Clip by the global norm",
    why="One factor for all tensors shortens the step and leaves its direction alone.",
)
def clip_global_norm(answer):
    """Judge the list and the norm: long, short, zero and at the threshold, with None and with tf.IndexedSlices."""
    for norm, clip_norm, forms in (
        (30.0, 2.0, "matrix matrix matrix"),
        (0.3, 1.0, "matrix vector cube"),
        (3.0, 4.0, "matrix vector scalar"),  # between the root of the threshold and the threshold
        (0.4, 0.25, "matrix"),  # the same, for a threshold below 1
        (2.01, 2.0, "cube vector"),  # a little above the threshold, a little below, and at it
        (2.97, 3.0, "vector row"),
        (5.0, 5.0, "vector"),
        (50.0, 2.5, "None matrix None None cube"),
        (1.5, 2.0, "None matrix scalar matrix"),
        (20.0, 1.5, "slices matrix None"),
        (0.5, 2.0, "slices row 3-d-slices 1-d-slices"),
        (2e5, 3.0, "scalar"),
        (3e7, 5000.0, "zeros matrix vector"),
        (12.0, 5.0, "scalar vector cube matrix row None vector row kernel slices matrix None"),
        (5e-4, 1e-4, "matrix vector"),
        (5e-5, 1e-4, "matrix vector"),  # the same shapes and threshold, and another answer
        (0.0, 1.0, "matrix vector"),
    ):
        forms = forms.split()
        if norm != clip_norm:
            norm *= random_numbers(1, 0.999, 1.001)[0]
        arrays = _of_norm(norm, [_SHAPES[form] for form in forms if form != "None"])
        on = f"gradients ({', '.join(forms)}) of global norm {norm:.4g}, clip_norm {clip_norm}"
        given = _gradients(arrays, forms)
        handed = list(given)
        asked = "a pair, the list of gradients and their norm before clipping,"
        clipped, got_norm = attempted(answer(handed, clip_norm), list, tuple, asked=asked, length=2, on=on)
        attempted(clipped, list, tuple, asked="the list of gradients in front of the norm", on=on)
        clipped = list(clipped)  # it may be the caller's own
        _require_places(clipped, forms, on)
        present = [part for part in clipped if part is not None]
        ways = _of_all(present, _ways_to_miss_clipping(given, arrays, clip_norm))
        for i, part in enumerate(present):
            smells = {message: wrong[i] for message, wrong in ways.items()}
            where = f"gradient {i}, None not counted, of {on}"
            short = max(3e-7, 1e-4 * min(1, clip_norm))  # the tolerance is relative to 1, not to short gradients
            expect(part, _clipped(arrays, clip_norm)[i], on=where, smells=smells, tolerance=short)
            _require_float32(part, where)
        ways = _ways_to_miss_the_norm(given, arrays, clip_norm)
        expect(got_norm, norm, on=f"the norm of {on}", smells=ways, tolerance=1e-4 if norm else 1e-5)
        _require_same_list(handed, given, on)


def _of_all(parts: list, ways: dict[str, list]) -> dict[str, list]:
    """Return the ways to go wrong that account for all parts: one part alone may look like another way's."""
    arrays = [as_array(part) for part in parts]
    fits = {
        way: all(a is not None and _near(a, w) for a, w in zip(arrays, wrong, strict=True))
        for way, wrong in ways.items()
    }
    return {way: wrong for way, wrong in ways.items() if fits[way]}


def _near(a: np.ndarray, b) -> bool:
    return a.shape == np.shape(b) and np.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True)


def _of_norm(norm: float, shapes: list) -> list[np.ndarray]:
    """Return random arrays whose global norm is `norm`; of an array of 5 rows, 3 are zero, and "zeros" are all zero.

    A scalar is below 0: one that lost its sign would show by chance alone.
    """
    if shapes == [(4,)] and norm == 5:
        return [np.random.default_rng().permutation([3.0, -4.0, 0.0, 0.0])]  # its norm is 5 to the last bit
    arrays = [random_array(*shape) for shape in shapes]
    for array in arrays:
        if array.shape[:1] == (5,):
            array[[1, 2, 4]] = 0
        if array.shape == _SHAPES["zeros"]:
            array[:] = 0
        if not array.ndim:
            array[...] = -abs(array)
    length = _norm(arrays)
    return [norm * array / length for array in arrays]


def _norm(arrays: list) -> float:
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))


def _gradients(arrays: list, forms: list[str]) -> list:
    """Return the arrays as float32 gradients, with a None where `forms` says so."""
    given = iter(arrays)
    make = {"None": lambda: None, "slices": lambda: _slices(next(given))}
    return [make.get(form.split("-")[-1], lambda: tf.constant(next(given), tf.float32))() for form in forms]


def _slices(array: np.ndarray) -> tf.IndexedSlices:
    """Return an array as tf.IndexedSlices of its rows that are not zero: each one in two unequal parts."""
    rows, part = np.unique(np.nonzero(array)[0])[::-1], random_numbers(1, 1.5, 2.5)[0]
    values = np.concatenate([part * array[rows], (1 - part) * array[rows]])
    return tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant([*rows, *rows]), tf.constant(array.shape))


def _apart(gradient) -> np.ndarray:
    """Return the entries of a gradient as they are stored: of tf.IndexedSlices the values, with rows that repeat."""
    return np.array(gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient)


def _overwritten(gradient) -> np.ndarray:
    """Return a gradient made dense in a wrong way: of a row's entries only the last one counts."""
    if not isinstance(gradient, tf.IndexedSlices):
        return np.array(gradient)
    dense = np.zeros(gradient.dense_shape)
    dense[gradient.indices.numpy()] = gradient.values
    return dense


def _require_places(clipped: list, forms: list[str], on: str) -> None:
    """Require as many gradients as were given, with each None where it was."""
    got, want = [part is None for part in clipped], [form == "None" for form in forms]
    missing, nones_missing = len(want) - len(got), sum(want) - sum(got)
    refuse({
        "a None must stay in its place, and it was left out.": missing == nones_missing > 0,
        f"expected {counted(len(want), 'gradient')} in the order of the variables, got {len(got)}.":
            len(got) != len(want),
        "the None became a tensor. A zero gradient is not the same as no gradient.": nones_missing > 0,
        "a gradient came back as None.": nones_missing < 0,
        "a None must stay in its place, and it stands in another.": got != want,
    }, on=on)  # fmt: skip


def _require_float32(got, on: str) -> None:
    """Require a tensor to be float32, as the given ones: others do not mix with it. NumPy's arrays do."""
    if tf.is_tensor(got):
        require_dtype(got, tf.float32, on)


def _require_same_list(handed: list, given: list, on: str) -> None:
    same = len(handed) == len(given) and all(a is b for a, b in zip(handed, given, strict=True))
    require(same, f"For {on}: the caller's list was changed. Make a new one.")


def _ways_to_miss_the_norm(given: list, arrays: list, clip_norm: float) -> dict[str, float]:
    lengths, present = [_norm([array]) for array in arrays], [g for g in given if g is not None]
    return {
        "That is the norm after clipping: return the one from before.": min(_norm(arrays), clip_norm),
        "The entries of one row were measured apart: they add up first, as tf.convert_to_tensor does it.":
            _norm([_apart(g) for g in present]),
        "Of several entries of a row only the last one counts: they add up.": _norm([_overwritten(g) for g in present]),
        "Norms do not add up: square, sum, then one root.": sum(lengths),
        "That is the square: take the root.": _norm(arrays) ** 2,
        "That is the norm without the scalars: a scalar is a gradient, too.": _norm([a for a in arrays if a.ndim]),
        "That is the greatest of the norms; the global norm is that of all numbers together.": max(lengths),
    }  # fmt: skip


def _ways_to_miss_clipping(given: list, arrays: list, clip_norm: float) -> dict[str, list]:
    norm, present = _norm(arrays), [g for g in given if g is not None]
    sum_of_norms, apart = sum(_norm([array]) for array in arrays), _norm([_apart(g) for g in present])
    overwritten = [_overwritten(g) for g in present]
    tensors = _norm([a for g, a in zip(present, arrays, strict=True) if isinstance(g, tf.Tensor)])
    if near := _ways_to_miss_the_threshold(arrays, clip_norm):
        return near
    with np.errstate(all="ignore"):
        always = _scaled_to(arrays, clip_norm)
        by_square = [array * clip_norm / max(norm**2, 1e-9) for array in arrays]
        by_value = [np.clip(array, -clip_norm, clip_norm) for array in arrays]
        square_compared = always if norm**2 > clip_norm else arrays
    return {
        **({} if norm else {"That divides by the norm, and the norm is 0.": [np.full_like(a, np.nan) for a in arrays]}),
        "Each tensor was clipped by itself: use one factor for the whole list.": _each_clipped(arrays, clip_norm),
        "The entries of one row were measured apart: they add up first, as tf.convert_to_tensor does it.":
            [array * clip_norm / max(apart, clip_norm) for array in arrays],
        "Of several entries of a row only the last one counts: they add up.": _clipped(overwritten, clip_norm),
        "The norm left out the tf.IndexedSlices: they are gradients, too.":
            [array * clip_norm / max(tensors, clip_norm) for array in arrays],
        "Is it the norm itself that is compared with clip_norm itself? A square, or a 1, in place of one shows here.":
            square_compared,
        "A short gradient was made longer: below the threshold nothing changes.": always,
        **({"That has the norm 1, whatever clip_norm says.": _scaled_to(arrays, 1.0)} if norm > 1 else {}),
        "That is not clipped.": arrays,
        **({"Clipped by value: that turns the direction.": by_value} if _norm(by_value) < norm else {}),
        "Divided by the square of the norm: take the root.": by_square,
        "The signs are lost: clipping changes the length alone.": _clipped([abs(a) for a in arrays], clip_norm),
        "The negative entries became 0.": _clipped([np.maximum(a, 0) for a in arrays], clip_norm),
        "Norms do not add up: square, sum, then one root.":
            [array * clip_norm / max(sum_of_norms, clip_norm) for array in arrays],
    }  # fmt: skip


def _ways_to_miss_the_threshold(arrays: list, clip_norm: float) -> dict[str, list]:
    """Return what shows only where the norm is near the threshold, or nothing elsewhere."""
    ratio = _norm(arrays) / clip_norm
    if not 0.95 < ratio < 1.05:
        return {}
    return {
        "That is not clipped, and the norm is a little above clip_norm.": arrays,
        "A short gradient was made longer: a little below the threshold nothing changes, either.":
            [array / ratio for array in arrays],
    }  # fmt: skip


def _clipped(gradients: list, clip_norm: float) -> list[np.ndarray]:
    return [g * clip_norm / max(_norm(gradients), clip_norm) for g in gradients]


def _each_clipped(gradients: list, clip_norm: float) -> list[np.ndarray]:
    return [_clipped([g], clip_norm)[0] for g in gradients]


@exercise(
    "5.2",
    "A threshold from the history",
    why="A threshold taken from the norms themselves follows when their usual size changes.",
    deeper=True,
)
def adaptive_threshold(answer):
    """Judge the quantile of the last finite norms on short, long and broken histories, at both ends of the quantile."""
    for norms, window, quantile in _histories():
        norms = [float(norm) for norm in norms]
        finite = np.array([norm for norm in norms if np.isfinite(norm)])
        enough = len(finite) >= window
        want = np.quantile(finite[-window:], quantile) if enough else np.inf
        smells = (_ways_to_miss_a_window if enough else _ways_to_miss_few)(norms, finite, window, quantile)
        given = list(norms)
        got = answer(given, window, quantile)
        shown = norms if len(norms) <= 16 else norms[-16:]
        listed = ", ".join(f"{norm:.3g}" for norm in shown)
        on = f"norms [{'' if shown is norms else f'{len(norms)} in all, the last are '}{listed}], window {window}"
        expect(got, want, on=f"{on}, quantile {quantile}", smells=smells)
        told = (
            f"For {on}: the number is right, and {type(got).__name__} came. Return a float: float(...) makes one of it."
        )
        require(isinstance(got, Real), told)
        unchanged = np.array_equal(given, norms, equal_nan=True)
        require(unchanged, f"For {on}: the caller's list was changed. Work on a copy.")


def _histories() -> list[tuple[list, int, float]]:
    """Return histories of norms, each with a window and a quantile."""
    usual = [3, 5, 2, 4, 6, 1.5, 8, 12, 9, 7, 2.5, 6.5, 0.5, 5.5]  # the greatest are neither the first nor the last
    drawn, again = usual * random_numbers(14, 0.97, 1.03), usual * random_numbers(14, 1.1, 1.2)
    late = [*drawn[:12], np.nan, np.inf, *drawn[12:]]
    long, broken = np.random.default_rng().permutation(np.linspace(1, 9, 60)), [np.nan] * 900
    return [
        (drawn, 6, 0.7), (drawn, 6, 0.5), (drawn, 5, 0.9), (again, 5, 0.9), (late, 5, 0.9), (late, 4, 0.25),
        (drawn[:3], 4, 0.5), ([], 2, 0.5), ([np.nan, *drawn[:3], np.inf], 4, 0.5), (drawn[:4], 4, 0.5),
        (drawn[:9], 1, 0.9), ([np.inf, np.nan, drawn[0]], 1, 0.9), (drawn, 5, 1.0), (drawn, 5, 0.0),
        (late, 3, 0.0),
        ([*drawn, np.nan], 4, 0.6), (drawn, 6, 0.1825), ([np.nan, np.nan], 1, 1.0), (long, 40, 0.8), (long, 10**6, 0.5),
        ([*drawn, *[np.inf, np.nan] * 9, *again[:2]], 6, 0.5), ([*np.linspace(9, 1, 200), *broken], 150, 0.8),
        ([*drawn[:4], 2.0, 2.0, 2.0, 7.0, 2.0, 4.0], 6, 0.25),  # the same norm more than once
        ([*drawn, 0.0, 0.0, 0.0], 5, 0.3),
        ([*drawn, 1e25], 5, 1.0), ([0.25, *drawn[:6], 1.0, 1e39, 1e39, 2.0, 3.0], 3, 0.0),
    ]  # fmt: skip


def _ways_to_miss_few(norms: list, finite: np.ndarray, window: int, quantile: float) -> dict[str, float]:
    of_few = np.quantile(finite, quantile) if len(finite) else -1.0
    return {
        "With a threshold of 0 no step would ever be taken: return infinity while there are too few.": 0.0,
        "The quantile of nothing is nan: return infinity while there are too few.": np.nan,
        "Minus infinity is below every norm: return infinity.": -np.inf,
        "Too few finite norms to know what is usual: return infinity while there are fewer than `window`.": of_few,
    }


def _ways_to_miss_a_window(norms: list, finite: np.ndarray, window: int, quantile: float) -> dict[str, object]:
    last, broken = finite[-window:], len(finite) < len(norms)
    cut = [norm for norm in norms[-window:] if np.isfinite(norm)]
    small, not_huge = finite[finite < 3e38], finite[(finite < 1e20) | (finite > 3e38)]
    older = finite[:-1] if len(finite) > window and finite[-1] < 1e20 else finite
    exactly = "exactly `window` are enough." if len(finite) == window else "here there are more."
    enough = f"Infinity is for fewer than `window` finite norms; {exactly}"
    enough += " A quantile of 0 is one, too: Python takes 0 for false." if quantile == 0 else ""
    short = "Infinity is for fewer than `window` finite norms; here there are enough: nan and inf use up no places."
    more = _ways_to_keep_the_broken(norms, cut, window, quantile) if broken else _ways_to_miss_a_place(last, quantile)
    return more | {
        short if len(cut) < window else enough: np.inf,
        "That is the quantile of the whole history: only the last `window` finite norms count.":
            np.quantile(finite, quantile),
        "That is the quantile of the oldest norms: the last ones are at the end.":
            np.quantile(finite[:window], quantile),
        "That is the quantile of the largest norms: sorting forgets which ones came last.":
            np.quantile(np.sort(finite)[-window:], quantile),
        "The newest norm is missing: it counts, too.": np.quantile(older[-window:], quantile),
        "That is the quantile of one norm more than the window holds.": np.quantile(finite[-window - 1 :], quantile),
        "That is the quantile of one norm fewer than the window holds.":
            np.quantile(finite[1 - window :], quantile) if window > 1 else -1.0,
        "A norm that comes twice counts twice.": np.quantile(np.unique(last), quantile),
        "A norm of 0 is finite, and it counts.": np.quantile(finite[finite > 0][-window:], quantile),
        "A norm of 1e25 is finite, and it counts: a limit is not asked for.":
            np.quantile(not_huge[-window:], quantile),
        "1e39 is finite as a Python float: float32 makes it infinite.": np.quantile(small[-window:], quantile),
    }  # fmt: skip


def _ways_to_keep_the_broken(norms: list, cut: list, window: int, quantile: float) -> dict[str, float]:
    """Return what shows only where a norm is not finite."""
    filled = []
    for norm in norms:
        filled.append(norm if np.isfinite(norm) else [0.0, *filled][-1])
    zeros = np.nan_to_num(norms, posinf=0.0)
    return {
        "nan and inf used up places in the window: remove them first, then take the last.":
            np.quantile(cut, quantile) if cut else np.inf,
        "A nan or inf of the history reached the threshold: remove what is not finite.": np.nan,
        "The norm before took the place of nan and inf: remove them, and put nothing there.":
            np.quantile(filled[-window:], quantile),
        "Another number, 0 perhaps, took the place of nan and inf: remove them, and put nothing there.":
            np.quantile(zeros[-window:], quantile),
    }  # fmt: skip


def _ways_to_miss_a_place(last: np.ndarray, quantile: float) -> dict[str, float]:
    """Return what the first histories show already, in which all norms are finite: elsewhere it would be chance."""
    window, ordered = len(last), np.sort(last)
    place = min(quantile * window, window - 1)
    return {
        "np.percentile counts to 100: multiply the quantile, or take np.quantile.": np.percentile(last, quantile),
        "The quantile was rounded to whole percents: np.quantile takes it as it is.":
            np.percentile(last, int(100 * quantile)),
        "That is one of the norms; np.quantile goes between two of them where the place falls between.":
            ordered[int(place)],
        "That is the norm below; np.quantile goes on to the next one by the part of the way that is left.":
            ordered[int(quantile * (window - 1))],
        "The place of a quantile, counted from 0, is quantile * (window - 1).":
            np.interp(place, range(window), ordered),
        "Those norms were not sorted: a quantile goes by size, and not by time.":
            np.interp(quantile * (window - 1), range(window), last),
        "That is 1 minus the quantile: 0.9 leaves nine in ten below.": np.quantile(last, 1 - quantile),
        "That is a mean: a quantile is asked for.": np.mean(last),
        "That is the median, whatever `quantile` says.": np.median(last),
        "That is the greatest norm of the window.": np.max(last),
    }  # fmt: skip


@exercise(
    "5.3",
    "Skip the broken step",
    why="One broken batch now costs one step, and the counter tells you when it is more than one.",
    deeper=True,
)
def skip_nonfinite(answer):
    """Judge weights, optimizer state, counter and result over good and broken steps, eagerly and compiled."""
    sgd, adam = tf.keras.optimizers.SGD, tf.keras.optimizers.Adam
    four, three = ((2,), (), (3, 1, 2), (2, 5, 5, 40)), ((2,), (1, 2), ())
    for make, mode, shapes, holes in (
        (sgd, "eagerly", four, [(1,), (), (0, 3)]),
        (adam, "eagerly", three, [(), (0,), (2,)]),
        (sgd, "inside tf.function", ((),), [()]),
        (adam, "inside tf.function", three, [(1,)]),  # one set of holes: each other one is a trace more
    ):
        _Skips(answer, make, mode, shapes).judge(holes)


_BROKEN = {  # what becomes of the gradients of a step; each gets the list of those that are there
    "good": lambda gs: None,
    "nan in the last gradient": lambda gs: gs[-1].put(-1, np.nan),
    "good again": lambda gs: None,
    "inf in the first gradient": lambda gs: gs[0].put(0, np.inf),
    "-inf in the first gradient": lambda gs: gs[0].put(0, -np.inf),
    "-inf and inf": lambda gs: [gs[0].put(0, -np.inf), gs[-1].put(-1, np.inf)],
    "nan in all entries": lambda gs: [g.fill(np.nan) for g in gs],
    "zeros in one gradient": lambda gs: gs[0].fill(0),
    "zeros in all gradients": lambda gs: [g.fill(0) for g in gs],
    "nan in the middle of the largest gradient": lambda gs: (g := max(gs, key=np.size)).put(g.size // 2, np.nan),
    "nan in a gradient between": lambda gs: gs[len(gs) // 2].put(0, np.nan),
    "good at last": lambda gs: None,
    "entries of 1e25": lambda gs: gs[0].put(0, 1e25),  # finite; the square of one is not, in float32
    "entries of 3e38": lambda gs: [g.fill(3e38) for g in gs],  # the sum of two is not; Adam's second moment neither
}
_OVERFLOW = (
    "Entries of 1e25 are finite, and the step was skipped. Ask each entry, as it is: in a norm or in a small dtype "
    "they overflow; a limit is not asked for."
)


class _Skips:
    """Takes good and broken steps beside a judge, an optimizer that gets the good ones alone."""

    def __init__(self, answer, make, mode: str, shapes: tuple):
        self.answer, self.mode, self.kind, self.step_of = answer, mode, make.__name__, {}
        starts = [random_array(*shape).astype("float32") for shape in shapes]
        self.mine, self.theirs = ([tf.Variable(start) for start in starts] for _ in range(2))
        clipped = {} if self.kind == "SGD" else {"clipvalue": 1e30}  # then an inf does not show in the weights
        self.ours, self.judging = make(0.1, **clipped), make(0.1, **clipped)
        self.ours.build(self.mine)
        self.judging.build(self.theirs)
        self.skipped = tf.Variable(0)

    def judge(self, holes: list[tuple]) -> None:
        """Take each kind of step, with the holes in turn: the places of the gradients that are None."""
        steps, told, counts, broken = list(_BROKEN)[: None if self.kind == "SGD" else -1], [], [], []
        for i, name in enumerate(steps):
            hole = holes[i % len(holes)]
            drawn = [random_array(*variable.shape).astype("float32") for variable in self.mine]
            gradients = [None if k in hole else g for k, g in enumerate(drawn)]
            _BROKEN[name]([g for g in gradients if g is not None])
            broken.append(sum(not np.all(np.isfinite(g)) for g in gradients if g is not None))
            on = f"a step with {self.kind} {self.mode}, {name}" + (f", None at {hole}" if hole else "")
            told.append(self._take(gradients, hole, not broken[-1], name, on))
            counts.append(int(self.skipped.numpy()))
        where = f"with {self.kind} {self.mode}"
        _require_counts(counts, np.array(broken), [f"a step {where}, {name}" for name in steps])
        _require_told(told, np.array(broken) == 0, counts, [f"a step {where}, {name}" for name in steps])

    def _take(self, gradients: list, hole: tuple, finite: bool, name: str, on: str) -> bool:
        before, state_before = self._weights(), self._state(self.ours)
        calls = int(self.ours.iterations.numpy())
        came = self._run(hole)(*[tf.constant(g) for g in gradients if g is not None])
        attempted(came, asked="whether the step was taken", on=on)
        if finite:
            pairs = zip(gradients, self.theirs, strict=True)
            self.judging.apply_gradients([(tf.constant(g), v) for g, v in pairs if g is not None])
        now, state = self._weights(), self._state(self.ours)
        calls = int(self.ours.iterations.numpy()) - calls
        moved = [not np.array_equal(a, b) for a, b in zip(before, now, strict=True)]
        refuse({
            "the weights are no longer finite. The step was applied.": not all(np.isfinite(w).all() for w in now),
            "A variable without a gradient moved: pair first, then leave out the pairs without one.":
                finite and any(moved[k] for k in hole),
        }, on=on)  # fmt: skip
        if finite:
            self._require_taken(any(moved), calls, name, on)
        else:
            _require_untouched(any(moved), calls, state_before, state, on)
        flag = as_array(came)
        require(
            flag is not None and flag.shape == () and flag.dtype.kind == "b",
            f"For {on}: got {written(came)}. A boolean is expected: was the step taken?",
        )
        return bool(flag)

    def _run(self, hole: tuple):
        """Return a step that takes the gradients that are there: compiled, it is traced once for each set of holes."""

        def step(*present):
            given = iter(present)
            gradients = [None if k in hole else next(given) for k in range(len(self.mine))]
            handed, variables = list(gradients), list(self.mine)
            came = self.answer(self.ours, handed, variables, self.skipped)
            on = f"a step with {self.kind} {self.mode}"
            _require_same_list(handed, gradients, on)
            _require_same_list(variables, self.mine, on)
            return came

        return step if self.mode == "eagerly" else self.step_of.setdefault(hole, compiled(step))

    def _weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.mine]

    @staticmethod
    def _state(optimizer) -> list[tuple[str, np.ndarray]]:
        return [(variable.name, variable.numpy()) for variable in optimizer.variables]

    def _require_taken(self, moved: bool, calls: int, name: str, on: str) -> None:
        """Require that exactly one step was taken, the one that the judge took."""
        want, state = [variable.numpy() for variable in self.theirs], self._state(self.judging)
        weights = all(map(_alike, self._weights(), want))
        refuse({
            _OVERFLOW: calls == 0 and not moved and "1e25" in name,
            "Each entry is finite, though a sum of them is not, and the step was skipped. Ask each entry; "
            "a limit is not asked for.":
                calls == 0 and not moved and "3e38" in name,
            "The step was not taken, though every entry is finite: zeros are numbers, too.":
                calls == 0 and not moved and "zeros" in name,
            "The step was not taken, though every gradient was finite.": calls == 0 and not moved,
            "The weights moved, and the optimizer's own count of steps (iterations) did not rise: call it, once, and "
            "leave its count alone.": calls < 1,
            "The optimizer was called more than once. Give it all pairs in one call: it counts calls.": calls > 1,
            "A step was taken, and it is not the one of these gradients. Apply each one as it is, to its variable.":
                not weights,
        }, on=on)  # fmt: skip
        for (key, ours), (_, theirs) in zip(self._state(self.ours), state, strict=True):
            told = f"For {on}: the step left another {key} in the optimizer than these gradients, as they are, would."
            require(_alike(ours, theirs), told)


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6)


def _require_untouched(moved: bool, calls: int, before: list, now: list, on: str) -> None:
    """Require that a skipped step left weights and optimizer as they were, to the last bit."""
    pairs = zip(before, now, strict=True)
    changed = [key for (key, old), (_, new) in pairs if not np.array_equal(old, new, equal_nan=True)]
    refuse({
        "The weights moved: a zero gradient is still a step, and a partly repaired one too. Do not call it.":
            moved and calls > 0,
        "The weights changed: leave them exactly as they are, to the last bit.": moved,
        f"the optimizer's state changed ({', '.join(changed[:2])}). Skip means that it is not called at all.": changed,
    }, on=on)  # fmt: skip


def _require_counts(counts: list, broken: np.ndarray, steps: list[str]) -> None:
    """Require that the counter rose by 1 at each broken step; `broken` says how many gradients of it were broken."""
    want = np.cumsum(broken > 0)
    at = next((i for i, count in enumerate(counts) if count != want[i]), None)
    if at is None:
        return
    smells = {
        "The skipped step was not counted.": np.zeros_like(want),
        "Good steps were counted, too.": np.cumsum(np.ones_like(want)),
        "The good steps were counted, and not the skipped ones.": np.cumsum(broken == 0),
        "Each broken gradient was counted: one step counts once.": np.cumsum(broken),
        "It counts down: add 1.": -want,
        "It was set to 1: add 1 to what it holds.": np.minimum(want, 1),
        "A good step set it back to 0: count all the skipped ones.":
            want - np.maximum.accumulate(np.where(broken > 0, 0, want)),
    }  # fmt: skip
    smell = next((smell for smell, wrong in smells.items() if counts == wrong.tolist()), "")
    require(False, f"For the counter after {steps[at]}: expected {want[at]}, got {counts[at]}. {smell}".rstrip())


def _require_told(told: list[bool], finite: np.ndarray, counts: list, steps: list[str]) -> None:
    """Require that each step said whether it was taken."""
    at = next((i for i, said in enumerate(told) if said != finite[i]), None)
    if at is None:
        return
    smells = {
        "That says whether it was skipped; return whether the step was taken.": ~finite,
        f"It is {told[0]} for each step, whether it was taken or not.": np.full_like(finite, told[0]),
        "It says whether all steps so far were taken; say it of this one.": np.array(counts) == 0,
    }
    smell = next((smell for smell, wrong in smells.items() if told == wrong.tolist()), "")
    require(False, f"For {steps[at]}: expected {finite[at]}, got {told[at]}. {smell}".rstrip())


@exercise(
    "5.4",
    "A big batch in small pieces",
    why="The batch now follows from what learns best, and no longer from what fits into memory.",
)
def accumulate(answer):
    """Judge the gradients against those of the whole batch, and which examples were handed over in which pieces."""
    fresh = int(np.random.default_rng().integers(20, 30)) * 3 + 1
    for n, size, make, x_form, y_form, shapes in (
        (12, 4, np.asarray, "float32 (3,)", "float32 ()", "vector scalar"),
        (10, 4, np.asarray, "float64 (2, 2)", "int64 ()", "vector scalar"),
        (10, 4, tf.constant, "float32 (3,)", "uint8 (2,)", "matrix"),
        (fresh, 3, tf.constant, "int32 (4, 1, 2)", "float32 (1,)", "cube row vector scalar matrix"),
        (3, 8, np.asarray, "uint8 (4,)", "uint8 ()", "slices scalar"),
        (5, 2, tf.constant, "float32 (3,)", "int32 ()", "vector slices scalar"),
        (7, 1, np.asarray, "int64 ()", "float64 (1,)", "row scalar"),
        (4, 3, tf.constant, "float32 (2,)", "int64 ()", "vector"),
        (1, 1, np.asarray, "float32 (1,)", "float32 ()", "matrix scalar"),
    ):
        kind = "arrays" if make is np.asarray else "tensors"
        pieces = "1 example" if size == 1 else f"{size} examples"
        on = f"{counted(n, 'example')}, as {kind}, x {x_form}, y {y_form}, in pieces of {pieces}"
        handed = _Handed(_examples(n, x_form), _examples(n, y_form), shapes.split())
        got = answer(handed.gradient_fn, make(handed.x.copy()), make(handed.y.copy()), size)
        asked = f"a list of {counted(len(handed.tables), 'gradient')}, as gradient_fn returns them,"
        if got is None:  # where gradient_fn was never called, nothing can have come of it
            handed.judge(size, on)
        attempted(got, list, tuple, asked=asked, on=on)
        handed.judge(size, on)
        attempted(got, asked=asked, length=len(handed.tables), on=on)
        for i, table in enumerate(handed.tables):
            parts = [table[start : start + size].mean(axis=0) for start in range(0, n, size)]
            smells = _ways_to_miss_the_mean(parts, table.mean(axis=0), n, size)
            if handed.forms[i] == "slices":
                smells["Of several entries of a row only the last one counts: they add up."] = handed.overwritten[i]
            expect(got[i], table.mean(axis=0), on=f"gradient {i} of {on}", smells=smells)
            _require_float32(got[i], f"gradient {i} of {on}")


def _examples(n: int, form: str) -> np.ndarray:
    """Return n random examples of a form such as "float32 (2, 2)"; no two are alike where the dtype has room."""
    dtype, shape = form.split(" ", 1)
    shape = (n, *(int(size) for size in shape.strip("()").replace(",", " ").split()))
    if dtype.startswith("float"):
        return random_array(*shape, low=0.1, high=2).astype(dtype)
    if shape == (n,) and dtype == "int64":
        return np.random.default_rng().permutation(np.arange(n) + 300)
    return np.random.default_rng().integers(*(1, 256) if dtype == "uint8" else (-(2**31), 2**31), shape, dtype)


def _ways_to_miss_the_mean(parts: list, want, n: int, size: int) -> dict[str, object]:
    total = sum(parts)
    sizes = [min(size, n - start) for start in range(0, n, size)]
    one_too_few = sum(k * part for k, part in zip(sizes, parts, strict=True)) / (max(n - 1, 1) if n > 1 else 2)
    without_last = (total - parts[-1]) * size / n
    return {
        "That is the sum over the pieces: a mean is asked for.": total,
        "Every piece counts the same: weigh each by its number of examples.": total / len(parts),
        "The last piece may be smaller: n // micro_batch_size does not count it. And weigh each by its examples.":
            total / max(n // size, 1),
        "That is the last piece alone: add each one to what you have.": parts[-1],
        "That is the share of the last piece alone: add each one to what you have.": sizes[-1] / n * parts[-1],
        "That is the first piece alone: the result of the others was not added.": parts[0],
        "A piece's gradient is a mean: weigh it by the piece's size before you divide by n.": total / n,
        "The weights must add up to 1: divide by the number of examples.": want * n,
        "Each piece was weighed by the full micro-batch size; the tail is smaller.": total * size / n,
        "That is divided by n - 1: divide by n.": one_too_few,
        **({"n % micro_batch_size is 0 where it divides n: then the last piece is a full one.": without_last}
           if n % size == 0 else {}),
        "That counts the full pieces only: divide by the number of examples.": want * n / max(n // size * size, 1),
        "That divides by the examples of full pieces: the last one may be smaller.": want * n / (len(parts) * size),
        "That is 0: is what gradient_fn returns added? Or is each weight 0, as a quotient by // is?": 0 * total,
    }  # fmt: skip


@dataclass
class _Handed:
    """Hands out a `gradient_fn` whose gradients are means over its examples, and remembers what it was asked about."""

    x: np.ndarray
    y: np.ndarray
    forms: list[str]
    pieces: list = field(default_factory=list)

    def __post_init__(self):
        self.tables = [random_array(len(self.x), *_SHAPES[form]).astype("float32") for form in self.forms]
        self.overwritten = [np.zeros(_SHAPES[form]) for form in self.forms]

    def gradient_fn(self, x_batch, y_batch) -> list[tf.Tensor | tf.IndexedSlices]:
        x_batch, y_batch = np.asarray(x_batch), np.asarray(y_batch)
        x_fits, y_fits = x_batch.shape[1:] == self.x.shape[1:], y_batch.shape[1:] == self.y.shape[1:]
        alike = x_batch.ndim and y_batch.ndim and x_fits and y_fits and len(x_batch) == len(y_batch)
        came, want = f"{x_batch.shape} and {y_batch.shape}", f"{_of_k(self.x.shape[1:])} and {_of_k(self.y.shape[1:])}"
        require(alike, f"gradient_fn was given x and y of shapes {came}. Cut both alike: {want} are expected.")
        self.pieces.append((x_batch, y_batch))
        rows = [_row_of(example, self.x) for example in x_batch]
        means = [table[rows].mean(axis=0) if rows else table[0] * 0 for table in self.tables]
        return [self._gradient(i, mean, len(rows) / len(self.x)) for i, mean in enumerate(means)]

    def _gradient(self, i: int, mean: np.ndarray, share: float) -> tf.Tensor | tf.IndexedSlices:
        gradient = _slices(mean) if self.forms[i] == "slices" else tf.constant(mean)
        self.overwritten[i] = self.overwritten[i] + share * _overwritten(gradient)
        return gradient

    def judge(self, size: int, on: str) -> None:
        n, sizes = len(self.x), [len(x_batch) for x_batch, _ in self.pieces]
        require(sum(sizes) > 0, f"For {on}: gradient_fn was never called with an example.")
        x_used, y_used = (np.concatenate(parts) for parts in zip(*self.pieces, strict=True))
        found = [[_row_of(example, self.x) for example in x_batch] for x_batch, _ in self.pieces]
        rows = np.array([row for piece in found for row in piece])
        used, same_piece = np.bincount(rows[rows >= 0], minlength=n), len(found) > 1 and found[0] == found[-1]
        refuse({
            f"gradient_fn was given {counted(max(sizes), 'example')} at once. That is the memory you wanted to save.":
                max(sizes) > size,
            "gradient_fn was given rows of zeros: a padded tail changes the mean. The last piece may be smaller.":
                any(not x_used[i].any() for i in np.flatnonzero(rows < 0)),
            "gradient_fn was called with a piece that holds no example.": min(sizes) == 0,
            f"gradient_fn was given x as {x_used.dtype}, and it is {self.x.dtype}: hand it over as it is.":
                x_used.dtype != self.x.dtype,
            f"gradient_fn was given y as {y_used.dtype}, and it is {self.y.dtype}: keep the dtype of the labels.":
                y_used.dtype != self.y.dtype,
            "gradient_fn was given other numbers than those of x: hand over its rows as they are.": (rows < 0).any(),
            "the y of a row is not the one that was given: cut both alike.":
                not np.array_equal(y_used, self.y[rows]),
            "the same piece was used again. Does the loop take the next one in each pass?": same_piece,
            f"{sum(used > 1)} of {counted(n, 'example')} came more than once. Is the last piece filled up? "
            "A call to try gradient_fn out counts, too.":
                (used > 1).any(),
            f"{sum(used == 0)} of {counted(n, 'example')} never came. The last piece may be smaller, and it counts.":
                (used == 0).any(),
        }, on=on)  # fmt: skip


def _of_k(shape: tuple) -> str:
    """Write the shape of k examples of a shape."""
    return f"({', '.join(['k', *map(str, shape)])}{'' if shape else ','})"


def _row_of(example: np.ndarray, x: np.ndarray) -> int:
    """Return the row of x that an example is, or -1."""
    same = (x == example).reshape(len(x), -1).all(axis=1)
    return int(np.argmax(same)) if same.any() else -1


@exercise(
    "5.5",
    "The right order",
    why="The step now depends on the data alone, and not on how much of it fits into memory.",
    deeper=True,
)
def accumulate_then_clip(answer):
    """Judge the clipped mean of loud, quiet and zero gradients, in equal and ragged micro-batches."""
    two, three = "matrix vector", "scalar vector row"
    for sizes, norms, clip_norm, forms in (
        ([5, 2, 3], (1, 2, 6), 4.0, two),  # the mean is below the threshold; the sum and one of the parts are above it
        ([4, 4, 4], (30, 60, 90), 1.0, two),
        ([8, 8, 3], (30, 60, 90), 2.0, three),
        ([5, 2, 3], (30, 60, 10), 4.0, two),  # the sizes and the threshold of the first question
        ([6], (30,), 1.5, two),
        ([2, 6, 4], (0.5, 9, 8), 3.0, "cube"),  # the first one is below the threshold, the mean above; then the reverse
        ([2, 6], (9, 0.5), 4.0, "vector cube scalar"),
        ([1, 4, 1, 3, 1, 2], (3, 5, 4, 6, 2, 7), 1.0, "row scalar"),
        ([4, 5], (3, 4), "a little above", "matrix row cube vector"),
        ([3, 3, 2], (3, 4, 5), "a little below", two),
        ([3, 4], (0.03, 0.06), 0.01, two),
        ([3, 4], (3e-4, 6e-4), 1e-4, two),
        ([3, 2, 5], (30, 0, 40), 2.0, three),
        ([1, 3, 2], (3, 0, 4), 50.0, three),
        ([300, 130], (90_000, 2_000), 5000.0, "zeros matrix vector"),
        ([4, 3], (6, -5), 4.0, two),  # one against the other: the mean is shorter than each of them
        ([3, 1], (0, 0), 1.0, three),
    ):
        forms = forms.split()
        micro = _micro_gradients(norms, [_SHAPES[form] for form in forms])
        mean, above = _mean(micro, sizes), clip_norm == "a little above"
        if isinstance(clip_norm, str):
            clip_norm = _norm(mean) / (1.005 if above else 0.995)
        against = ", the last against the others" if norms[-1] < 0 else ""
        on = f"micro-batches of {sizes} examples, norms {tuple(map(abs, norms))}{against}, clip_norm {clip_norm:.4g}"
        given = [[tf.constant(g, tf.float32) for g in part] for part in micro]
        handed, handed_sizes = [list(part) for part in given], list(sizes)
        outer = list(handed)
        got = answer(handed, handed_sizes, clip_norm)
        asked = f"a list of {counted(len(forms), 'gradient')}"
        attempted(got, list, tuple, asked=asked, on=on)
        got = list(got)
        pair = f"For {on}: {asked} is expected. tf.clip_by_global_norm returns a pair: take the list."
        require(not isinstance(got[0] if got else None, list | tuple), pair)
        attempted(got, asked=asked, length=len(forms), on=on)
        ways = _ways_to_miss_the_order(micro, sizes, clip_norm)
        if near := _ways_to_miss_the_threshold(mean, clip_norm):
            ways = near | {_ALL_THE_SAME: ways[_ALL_THE_SAME]}
        ways = _of_all(got, ways)
        for i, want in enumerate(_clipped(mean, clip_norm)):
            smells = {smell: wrong[i] for smell, wrong in ways.items()}
            where = f"gradient {i} of {on}"
            expect(got[i], want, on=where, smells=smells, tolerance=max(3e-7, 1e-4 * min(1, clip_norm)))
            _require_float32(got[i], where)
        _require_same_list(handed, outer, on)
        for part, kept in zip(outer, given, strict=True):
            _require_same_list(part, kept, on)
        require(handed_sizes == sizes, f"For {on}: the caller's list of sizes was changed. Make a new one.")


def _micro_gradients(norms: tuple, shapes: list) -> list[list[np.ndarray]]:
    """Return for each norm random gradients of that global norm, with the same signs in each, or all turned below 0."""
    signs = [np.sign(array) for array in _of_norm(1.0, shapes)]
    lists = [_of_norm(norm, shapes) for norm in norms]
    return [
        [np.copysign(1, norm) * sign * abs(g) for sign, g in zip(signs, gradients, strict=True)]
        for norm, gradients in zip(norms, lists, strict=True)
    ]


_ALL_THE_SAME = "Every micro-batch counts the same: weigh each by its size."


def _ways_to_miss_the_order(micro: list, sizes: list[int], clip_norm: float) -> dict[str, list]:
    equal, examples = [1] * len(sizes), sum(sizes)
    mean, total = _mean(micro, sizes), [sum(parts) for parts in zip(*micro, strict=True)]
    weighted_total = [examples * g for g in mean]
    each_clipped = [_clipped(part, clip_norm) for part in micro]
    loud = [size if any(np.any(g) for g in part) else 0 for size, part in zip(sizes, micro, strict=True)]
    return {
        "0/0 is nan: gradients of zeros have a norm of 0.": [np.full_like(g, np.nan) for g in mean],
        _ALL_THE_SAME: _clipped(_mean(micro, equal), clip_norm),
        "Each micro-batch was clipped before the mean: accumulate first.": _mean(each_clipped, sizes),
        "Each micro-batch was clipped, and all count the same: accumulate first, by size.": _mean(each_clipped, equal),
        "Each micro-batch was clipped, and the results added up: accumulate first, and divide.":
            [sum(parts) for parts in zip(*each_clipped, strict=True)],
        "That is the sum, or a multiple of it, clipped: weigh each by its own size / sum(sizes), then clip.":
            _clipped(total, clip_norm),
        "It has the length clip_norm, and the mean is shorter: divide by the number of examples first, and "
        "leave a short gradient alone.":
            _scaled_to(mean, clip_norm),
        "The sum was clipped, then divided: the result is too short. Divide before you clip.":
            [g / len(sizes) for g in _clipped(total, clip_norm)],
        "The weighted sum was clipped, then divided: the result is too short. Divide before you clip.":
            [g / examples for g in _clipped(weighted_total, clip_norm)],
        "Each tensor was clipped by itself: use the global norm.": _each_clipped(mean, clip_norm),
        "That is not clipped.": mean,
        "That is the first micro-batch alone: add up all of them.": _clipped(micro[0], clip_norm),
        "That is the last micro-batch alone: add up all of them.": _clipped(micro[-1], clip_norm),
        "Clipped by value: that turns the direction.": [np.clip(g, -clip_norm, clip_norm) for g in mean],
        "That is the sum, not clipped: divide, then clip.": total,
        "That is 0: is each gradient added, and is no share cut to a whole number, as // does?": [0 * g for g in mean],
        "The signs are lost: clipping changes the length alone.": _clipped([abs(g) for g in mean], clip_norm),
        "The negative entries became 0.": _clipped([np.maximum(g, 0) for g in mean], clip_norm),
        "A micro-batch whose gradient is 0 has examples, too: its size counts.":
            _clipped(_mean(micro, loud), clip_norm) if any(loud) else mean,
    }  # fmt: skip


def _mean(lists: list, sizes: list[int]) -> list[np.ndarray]:
    return [np.average(parts, axis=0, weights=sizes) for parts in zip(*lists, strict=True)]


def _scaled_to(gradients: list, length: float) -> list[np.ndarray]:
    norm = _norm(gradients)
    return [g * length / norm if norm else g for g in gradients]
