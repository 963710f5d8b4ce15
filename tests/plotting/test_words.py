"""The words of a figure are those of its data: planted extremes, crossings and orders are read back from them."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.notebooks import RULES
from tests.plotting.calls import CALLS, draw
from utils import plotting
from utils.plotting import description
from utils.plotting.description import Line, lines_in_words, number

AXES = {"xlabel": "step", "ylabel": "loss"}
steady = settings(derandomize=True, deadline=None, max_examples=60)
seeds = st.integers(0, 2**32 - 1)


def read(text, words):
    """Return the numbers that stand for each # of `text` in `words`."""
    pattern = re.escape(text).replace(r"\#", r"≈ (-?[\d.,e+-]*\d)")
    found = re.search(pattern, words)
    assert found, f"{text!r} is not in {words!r}"
    values = [float(value.replace(",", "")) for value in found.groups()]
    return values[0] if len(values) == 1 else values


def without_numbers(words):
    for pattern, replacement in RULES:
        words = re.sub(pattern, replacement, words)
    return words


def of_lines(x, **ys):
    """Return the words of lines over `x`; a keyword is a label."""
    return " | ".join(lines_in_words([Line(label, x, np.array(y, float)) for label, y in ys.items()], "step"))


def moved(value, rng):
    """Return a value whose floating-point numbers, however deep inside, differ by up to a millionth."""
    if isinstance(value, dict):
        return {key: moved(inner, rng) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(moved(inner, rng) for inner in value)
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return value * (1 + rng.uniform(-1e-6, 1e-6, np.shape(value)))
    return value


@pytest.mark.parametrize("name", CALLS)
def test_a_millionth_changes_no_word_of_any_figure(shown, name):
    positional, named = CALLS[name]
    draw(name)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        getattr(plotting, name)(*moved(positional, rng), **moved(named, rng))
    told = {without_numbers(data["text/plain"]) for data in shown.data}
    assert len(told) == 1, told


# --- numbers


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.88371, "0.884"), (1234.5, "1,230"), (3.21e-5, "3.2e-05"), (0, "0"), (-0.5, "-0.5"), (99999, "100,000"),
     (2.0, "2"), (1e9, "1e+09"), (0.0007, "0.0007"), (30.04, "30"), (np.float32(0.1), "0.1")],
)  # fmt: skip
def test_a_number_has_three_digits_and_one_sign_before_it(value, written):
    assert number(value) == f"≈ {written}"


@given(st.floats(-1e300, 1e300))
@steady
def test_every_number_is_one_word_for_the_tests_of_notebooks(value):
    assert without_numbers(f"at {number(value)} of 3") == without_numbers("at ≈ 1 of 3")
    written = float(number(value)[2:].replace(",", ""))
    assert np.isclose(written, value, rtol=0.05, atol=0), "two digits at least"


def test_what_is_not_finite_is_a_word():
    assert [number(value) for value in (np.nan, np.inf, -np.inf)] == ["nan", "infinity", "minus infinity"]


# --- lines


@given(seeds)
@steady
def test_ends_and_extremes_of_a_line_are_its_own(seed):
    rng = np.random.default_rng(seed)
    x, y = np.arange(9.0), rng.uniform(0, 1, 9)
    low, high = rng.choice(np.arange(1, 8), 2, replace=False)
    y[low], y[high] = -5, 7
    words = of_lines(x, a=y)
    assert np.allclose(read("from # to #", words), y[[0, -1]], rtol=0.01)
    assert read("least # at step #", words) == [-5, low] and read("greatest # at step #", words) == [7, high]


def test_a_line_rises_falls_stays_or_returns():
    x = np.arange(20.0)
    rises = "“a” rises from ≈ 0 to ≈ 19 (least ≈ 0 at step ≈ 0 and greatest ≈ 19 at step ≈ 19)"
    falls = "“a” falls from ≈ 19 to ≈ 0 (least ≈ 0 at step ≈ 19 and greatest ≈ 19 at step ≈ 0)"
    assert of_lines(x, a=x) == rises and of_lines(x, a=x[::-1]) == falls
    assert of_lines(x[::-1], a=x) == falls, "x from right to left"
    assert "“a” stays near ≈ 3" in of_lines(x, a=np.full(20, 3), b=x)
    there_and_back = [*range(11), 8, 6, 5, 4, 3, 2, 1, 0.5, 0.1]
    assert "“a” goes from ≈ 0 to ≈ 0.1 (least ≈ 0 at step ≈ 0 and greatest ≈ 10 at step ≈ 10)" in of_lines(
        x, a=there_and_back
    )


def test_a_line_that_jumps_rises_or_falls_by_its_means():
    y = np.where(np.arange(100) % 2, 2.0, -2.0) - np.linspace(0, 3, 100)
    assert "“a” falls from ≈ -2 to ≈ -1" in of_lines(np.arange(100.0), a=y)


@pytest.mark.parametrize("noise", [0.003, -0.003])
def test_a_noisy_curve_keeps_its_words(noise):
    """What another machine's rounding grows into over a training must not change a word."""
    rng = np.random.default_rng(2)
    x, training = np.arange(30.0), np.exp(-np.arange(30) / 8)
    curves = {"training": training, "validation": training + 0.3 * np.linspace(0, 1, 30)}
    moved = {name: curve * (1 + noise * rng.normal(size=30)) for name, curve in curves.items()}
    assert without_numbers(of_lines(x, **curves)) == without_numbers(of_lines(x, **moved))


@pytest.mark.parametrize("turn", range(5, 18))
def test_one_crossing_is_found_where_it_is(turn):
    x = np.arange(20.0)
    above = x - turn - 0.25
    words = of_lines(x, a=np.where(above > 0, 3 * above, above), b=np.zeros(20))  # from -0.25 to 2.25 within one step
    assert abs(read("They cross near step #", words) - turn - 0.1) < 0.06
    assert "At the right end “a” is above “b”" in words


def test_lines_that_only_touch_do_not_cross_and_many_crossings_are_several():
    x = np.linspace(0, 20, 200)
    assert "cross" not in of_lines(x, a=np.abs(x - 10) + 1, b=np.ones(200))
    assert "cross" not in of_lines(x, a=x + 1e-3 * np.sin(9 * x), b=x)
    assert "They cross several times" in of_lines(x, a=np.sin(x), b=np.zeros(200))


@given(seeds, st.integers(2, 4))
@steady
def test_the_order_at_the_end_is_that_of_the_last_values(seed, count):
    rng = np.random.default_rng(seed)
    ends = rng.permutation(count) + 1.0
    names = "abcd"[:count]
    words = of_lines(np.array([0.0, 1.0]), **{name: [0, end] for name, end in zip(names, ends, strict=True)})
    expected = [f"“{names[i]}”" for i in np.argsort(-ends)]
    told = words.split("At the right end")[1]
    assert re.findall("“.”", told) == expected
    swapped = of_lines(np.array([0.0, 1.0]), **{name: [0, -end] for name, end in zip(names, ends, strict=True)})
    assert re.findall("“.”", swapped.split("At the right end")[1]) == expected[::-1]


def test_two_lines_that_are_one_and_where_the_second_begins():
    x = np.arange(20.0)
    words = of_lines(x, a=x, b=[np.nan] * 5 + [*x[5:]])
    assert "“b” rises from ≈ 5 to ≈ 19" in words and "; it begins at step ≈ 5" in words
    assert words.endswith("Where both are drawn they lie on each other")
    assert "it begins" not in of_lines(x, a=x, b=x + 1)


def test_ends_that_differ_by_less_than_the_unrest_or_the_eye_are_equal():
    x = np.arange(20.0)
    assert "are about equal" in of_lines(x, a=x, b=1.02 * x)
    restless = 5 + np.where(np.arange(20) % 3 == 0, 0.8, 0) - x / 4
    assert "are about equal" in of_lines(x, a=restless, b=np.full(20, restless[-1] - 0.5))
    words = of_lines(x, a=restless, b=np.full(20, restless[-1] - 0.5), c=np.full(20, restless[-1] - 1.2))
    assert "from the top: “a” and “b”; “c”" in words, "the unrest of one line is not that of the others"


@pytest.mark.parametrize("noise", [1e-6, -1e-6])
def test_a_millionth_changes_no_word_of_lines(noise):
    rng = np.random.default_rng(1)
    for count in (1, 2, 10, 30) * 5:
        x, ys = np.arange(float(count)), {name: rng.normal(size=count).cumsum() for name in "abc"}
        moved = {name: y * (1 + noise * rng.uniform(size=count)) for name, y in ys.items()}
        assert without_numbers(of_lines(x, **ys)) == without_numbers(of_lines(x, **moved))


def test_lines_without_a_finite_point_or_with_one():
    words = of_lines(np.arange(2.0), a=[np.nan, np.inf], b=[np.nan, 4], _c=[1, 2])
    assert "“a” has no point that can be drawn" in words and "“b” is one point, ≈ 4, at step ≈ 1" in words
    assert "_" not in words and " a line rises" in words


def test_on_a_logarithmic_axis_zeros_are_not_drawn_and_distances_are_ratios(shown):
    x = np.array([0, 1, 10, 100, 1000, 10_000, 100_000])
    plotting.lines(x, {"a": [5, 0, 1, 10, 100, 1000, 10_000], "b": [7, 0, 1, 2, 3, 5, 10_000]}, **AXES, scale="log")
    assert "both axes logarithmic" in shown.words
    assert read("“a” rises from # to # (least", shown.words) == [1, 10_000]
    assert read("“b” rises from # to # (least # at step #", shown.words) == [1, 10_000, 1, 10]
    plotting.line_panels({"loss": {"a": (x, x + 1)}}, xlabel="step (s)", yscale="log")
    assert "loss against step (s), the vertical axis logarithmic" in shown.words


def test_a_line_that_turns_back_is_a_walk():
    walk, line = (
        Line("_walk", np.array([9.0, 7, 8]), np.array([1.0, 5, 0])),
        Line("_line", np.arange(10.0), np.arange(10.0)),
    )
    assert lines_in_words([line, walk], "step")[1] == "a line goes from (≈ 9, ≈ 1) to (≈ 8, ≈ 0) in 2 steps"
    assert "“a” goes from (≈ 3, ≈ 1) to (≈ 2, ≈ 0) in 2 steps" in of_lines(np.array([3.0, 1.0, 2.0]), a=[1, 5, 0])


def test_marked_points_are_named_with_their_places(shown):
    plotting.lines([1, 2], {"a": [3, 4]}, **AXES, points={"kept": (1.5, 3.25), "_best": (2, 4)})
    assert shown.words.endswith("Marked: “kept” at (≈ 1.5, ≈ 3.25) and a point at (≈ 2, ≈ 4).")


def test_each_panel_has_its_own_lines_and_ends(shown):
    plotting.line_panels({"norm (N)": {"a": [1, 2], "b": [2, 1]}, "loss": {"a": [9, np.nan, 1]}}, xlabel="step")
    assert "2 panels of lines: norm (N) and loss against step, the vertical axis logarithmic." in shown.words
    assert "Panel “norm (N)”: “a” rises from ≈ 1 to ≈ 2 (" in shown.words and "cross near step ≈ 1.5" in shown.words
    assert "Panel “loss”: “a” stays near ≈ 9, and ends early, at step ≈ 2." in shown.words
    assert shown.words.count("A line ends early where it is not finite, or above the limit of its panel.") == 1


# --- bars


def test_bars_are_read_from_the_top_with_the_extremes_and_their_ratio(shown):
    plotting.bars({"x": 2.0, "y": 8.0, "z": 4.0}, xlabel="seconds (s)")
    assert ": seconds (s). From the top: “x” ≈ 2, “y” ≈ 8, “z” ≈ 4." in shown.words
    assert "“y” is the greatest, “x” is the least and their ratio is ≈ 4." in shown.words


def test_bars_of_nothing_start_at_the_axis(shown):
    plotting.bars({"x": 0.0, "y": 0.0}, xlabel="share")
    assert shown.axes[0].get_xlim()[0] == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"x": 1.0, "y": 1.01}, "All are about equal"),
        ({"x": 1.0, "y": 1.4, "z": 5.0}, "“z” is the greatest"),
        ({"x": 1.0, "y": 4.6, "z": 5.0}, "“x” is the least"),
        ({"x": -2.0, "y": 0.0}, "“y” is the greatest and “x” is the least"),
        ({"x": np.nan, "y": 0.0}, ""),
        ({}, ""),
    ],
)
def test_extremes_are_named_only_where_they_stand_alone(values, words):
    assert description.greatest_in_words(values) == words


def test_importance_tells_two_sets_of_bars(shown):
    plotting.importance({"p": (1.0, 2.0), "q": (3.0, 0.5)}, labels=("cost (R²)", "slope"))
    assert "Cost (R²): From the top: “p” ≈ 1, “q” ≈ 3. “q” is the greatest, “p” is the least" in shown.words
    assert "Slope: From the top: “p” ≈ 2, “q” ≈ 0.5. “p” is the greatest, “q” is the least" in shown.words


# --- matrices


@given(seeds)
@steady
def test_the_greatest_entries_off_the_diagonal_are_named_as_true_then_predicted(seed):
    rng = np.random.default_rng(seed)
    matrix = np.diag(rng.integers(500, 900, 5)) + rng.integers(0, 20, (5, 5))
    row, column = rng.choice(5, 2, replace=False)
    matrix[row, column] = 300
    first, *others = description.matrix_in_words(matrix, list("vwxyz"))
    share = matrix / matrix.sum(axis=1, keepdims=True)
    read_shares = read("# of all are on the diagonal; by class from # to #", first)
    diagonal = np.diag(share)
    assert np.allclose(read_shares, [np.trace(matrix) / matrix.sum(), diagonal.min(), diagonal.max()], atol=6e-4)
    words = f"The greatest off it: {'vwxyz'[row]} taken for {'vwxyz'[column]} (#)"
    assert np.isclose(read(words, others[-1]), share[row, column], atol=6e-4)
    assert others[0] == f"The weakest class is {'vwxyz'[row]}"


def test_entries_that_could_change_places_are_not_named():
    matrix = np.full((5, 5), 10) + np.diag(np.full(5, 60))
    assert description.matrix_in_words(matrix, list("abcde"))[-1].startswith("Off it no entry stands out")
    assert len(description.matrix_in_words(np.eye(3) + 1e-3, list("abc"))) == 1
    assert description.matrix_in_words(np.zeros((2, 2)), list("ab")) == ["It counts nothing"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([5, 1, 1], [0]),
        ([5, 1, 6], [2, 0]),
        ([5, 4.9, 4.8, 4.7], []),
        ([3], [0]),
        ([0, 0], []),
        ([], []),
        ([np.nan, 2], [1]),
    ],
)
def test_what_stands_out(values, named):
    assert description.standing_out(np.array(values, float)) == named


# --- points


def test_scatter_says_what_the_points_span_how_they_go_and_what_the_band_holds(shown):
    x = np.linspace(0, 10, 101)
    y = -3 * x + 40
    plotting.scatter(
        x, y, xlabel="distance (km)", ylabel="minutes", line_x=[0, 10], lines={"fit": [40, 10]}, truth=[[41, 11]],
        band=("band", [35, 18], [45, 24]),
    )  # fmt: skip
    assert "minutes against distance (km)." in shown.words
    cloud = "101 points, distance # to #, minutes # to #, falling from left to right (correlation #)"
    assert read(cloud, shown.words) == [0, 10, 10, 40, -1]
    assert (
        "“fit” falls from ≈ 40 to ≈ 10 (" in shown.words and "The dotted line falls from ≈ 41 to ≈ 11." in shown.words
    )
    ends = read("The band “band” spans # to # at the left and # to # at the right, with # % of", shown.words)
    inside = np.mean((y >= 35 - 1.7 * x) & (y <= 45 - 2.1 * x))
    assert ends[:4] == [35, 45, 18, 24] and abs(ends[4] - 100 * inside) < 0.1


def test_a_band_is_judged_by_the_points_over_it(shown):
    x = np.linspace(0, 10, 101)
    for line_x, inside in (([-5, 4.95], 100), ([5.05, 15], 0)):
        plotting.scatter(x, np.where(x < 5, 0, 9), **AXES, line_x=line_x, band=("band", [-1, -1], [1, 1]))
        assert read("with # % of the drawn points inside", shown.words) == inside
    plotting.scatter(x, x, **AXES, line_x=[20, 30], band=("band", [-1, -1], [1, 1]))
    assert "spans" in shown.words and "points inside" not in shown.words


def test_a_cloud_that_opens_is_told_by_its_spread_at_both_ends(shown):
    x = np.linspace(0, 10, 1000)
    y = x + np.where(np.arange(1000) % 2, 1, -1) * np.where(x < 5, 0.5, 4)
    order = np.random.default_rng(0).permutation(1000)
    plotting.scatter(x[order], y[order], **AXES)
    spread = read("they stray from a straight line by # at the left and # at the right", shown.words)
    assert np.allclose(spread, [0.5, 4], rtol=0.02)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, np.nan], [np.nan, 1, 1])])
def test_scatter_serves_few_points(shown, x, y):
    plotting.scatter(x, y, **AXES)
    assert "point" in shown.words and "nan" not in shown.words


def test_fits_compare_the_residuals_of_models(shown):
    x = np.arange(100.0)
    plotting.fits(x, x, {"low": x - 30, "tilted": 0 * x, "right": x}, **AXES, noise=1)
    assert read("“low”: mean squared error #; # % of the residuals", shown.words) == [900, 0]
    assert read("“right”: mean squared error #; # % of the residuals", shown.words) == [0, 100]
    tilted = shown.words.split("“tilted”")[1]
    assert read("their mean is # over the lowest fifth of step and # over the highest", tilted) == [9.5, 89.5]


# --- planes, images, words, maps


def test_surface_tells_the_least_height_and_where_each_path_ends(shown):
    x, y = np.linspace(-2, 2, 41), np.linspace(-1, 3, 41)
    bowl = np.add.outer((y - 2) ** 2, (x + 1) ** 2) + 5
    paths = {"straight": [[2, 0], [2, 1], [2, 2]], "zigzag": [[2, 0], [0, 0], [1, 0], [0, 0], [-1, 2]]}
    plotting.surface(x, y, bowl, paths=paths, best=("goal", (-1, 2)), xlabel="w", ylabel="b")
    assert "The least drawn height is ≈ 5, at (≈ -1, ≈ 2). A star marks “goal” at (≈ -1, ≈ 2)." in shown.words
    assert "All paths start at (≈ 2, ≈ 0)." in shown.words
    assert "“straight” walks ≈ 2 in 2 steps, turns sideways ≈ 0 times, ends ≈ 3 from the star." in shown.words
    assert read("“zigzag” walks # in 4 steps, turns sideways # times, ends # from", shown.words) == [6.24, 2, 0]
    plotting.surface(x, y, bowl, paths={"a": [[2, 0], [0, 0]]}, best=("goal", (-1, 2)), xlabel="w", ylabel="b")
    assert "“a” walks ≈ 2 in 1 step from (≈ 2, ≈ 0), turns" in shown.words


def test_arrows_have_lengths_and_angles(shown):
    plotting.arrows({"a": (3, 4), "b": (0, -2), "c": (0, 0)}, bound=2)
    assert "a circle of radius 2" in shown.words
    assert read("“a” ends at (#, #), length #, angle #°", shown.words) == [3, 4, 5, 53.1]
    assert read("“b” ends at (#, #), length #, angle #°", shown.words) == [0, -2, 2, -90]
    assert "“c” ends at (≈ 0, ≈ 0), length ≈ 0." in shown.words


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["shirt"] * 2 + ["coat"] * 3, "Their labels, in order: 2 × “shirt”; 3 × “coat”"),
        (list("5049612"), "Their labels, in order: ≈ 5, ≈ 0, ≈ 4, ≈ 9; ≈ 6, ≈ 1, ≈ 2"),
        (["4, read as 9\n(87% sure)", "7, read as 1\n(75% sure)"],
         "Their labels, in order: 2 from “≈ 4, read as ≈ 9 (≈ 87% sure)” to “≈ 7, read as ≈ 1 (≈ 75% sure)”"),
        (["kernel 1", "kernel 2", "answer", "answer"],
         "Their labels, in order: 2 from “kernel ≈ 1” to “kernel ≈ 2”; 2 × “answer”"),
        (["shirt → coat", "coat → dress"], "Each has a label"),
        ([letter for letter in "abcdefghijkl" for _ in "ab"],
         "Their labels, in order: " + "; ".join(f"2 × “{letter}”" for letter in "abcdefghijkl")),
        ([letter for letter in "abcdefghijklm" for _ in "ab"], "Each has a label"),
        (["one"], "Their labels, in order: “one”"),
        ([], ""),
    ],
)  # fmt: skip
def test_labels_of_images_are_told_as_far_as_they_are_the_same_everywhere(shown, labels, words):
    plotting.image_grid(np.ones((len(labels), 3, 4)), labels, columns=4)
    assert shown.words.endswith(f"{words}." if words else "0 images.")
    assert not labels or "4 by 3 pixels" in shown.words, "width before height"


def test_wall_counts_the_names_that_differ_and_finds_the_heat(shown):
    images, heat = np.ones((3, 8, 10)), np.zeros((3, 8, 10))
    heat[:, 2, 7] = 1
    heat[0, 0, 0] = 1
    plotting.image_wall({"a": images, "b": images}, heat={"b": heat}, names={"a": [1, 2, 3], "b": [1, 5, 6]})
    assert "2 rows of 3, from the top “a” and “b”" in shown.words
    assert "greatest ≈ 2.5 of 8 pixels from the top and ≈ 7.5 of 10 from the left; ≈ 75 % of it" in shown.words
    assert "Under “b” ≈ 2 of 3 names differ" in shown.words
    plotting.image_wall({"a": images}, heat={"a": 0 * heat})
    assert "“a” carries no heat" in shown.words


def test_marked_words_are_named_with_their_sign_as_long_as_they_stand_out(shown):
    plotting.marked_words(
        [(["it", "is", "not", "good"], [0.1, 0, -3, 2.9], "blame"), (["so", "so"], [1, 0.9], "")], title="Two"
    )
    assert "“it is not good” (blame): not takes ≈ 3 and good adds ≈ 2.9." in shown.words
    assert "“so so”: so adds ≈ 1 and so adds ≈ 0.9." in shown.words
    plotting.marked_words([(list("abcde"), [5, 4.9, 4.8, 4.7, 4.6], "")])
    assert "“a b c d e”: no word stands out." in shown.words


def test_a_map_of_words_names_its_ends_where_they_stand_apart(shown):
    places = {"fine": (0, 0), "bad": (-9, 0.1), "waste": (-8.8, 0.2), "film": (0.5, 4), "good": (1, 0.3)}
    plotting.word_map(places, xlabel="praise (a.u.)", ylabel="rest")
    assert "Praise goes from ≈ -9 to ≈ 1; at the left bad, waste; at the right good." in shown.words
    assert "Rest goes from ≈ 0 to ≈ 4; at the top film." in shown.words


def test_maps_say_what_goes_with_longitude_and_latitude(shown):
    rng = np.random.default_rng(0)
    place = rng.uniform([-120, 35], [-119, 36], (400, 2))
    north, east = place[:, 1] - 35, -place[:, 0]
    plotting.place_maps(place, {"north": 10 * north, "west": east, "flat": np.ones(400)}, unit="price")
    assert "400 places, darker where the price is larger" in shown.words
    told = "“north”: 96 % of the values from # to #, median #; correlation with longitude #, with latitude #"
    *quantiles, with_longitude, with_latitude = read(told, shown.words)
    assert np.allclose(quantiles, [0.2, 9.8, 5], atol=0.5) and with_latitude == 1 and abs(with_longitude) < 0.2
    assert read("with longitude #", shown.words.split("“west”")[1]) == -1
    assert "“flat”: 96 % of the values from ≈ 1 to ≈ 1, median ≈ 1." in shown.words
    assert shown.words.endswith("By their medians: “west” is the greatest.")


def test_model_card_tells_its_numbers_its_bins_and_its_curve(shown):
    plotting.model_card(
        "A model", source="drawn by code", numbers={"accuracy": (0.8, 0.7, 0.9)}, matrix=[[8, 2], [0, 10]],
        class_names=["a", "b"], confidence=np.array([0.4, 0.6, 0.9]), right=np.array([[0.5, 0.2, 0.85]] * 3),
        recall=np.array([0.1, 0.45, 1.0]), precision=np.array([[0.9, 0.6, 0.3]] * 3), positive="b",
    )  # fmt: skip
    assert "drawn by code, 20 test examples, 95 % intervals. Accuracy ≈ 0.8 (≈ 0.7 to ≈ 0.9)." in shown.words
    assert "Confusion matrix: ≈ 0.9 of all are on the diagonal; by class from ≈ 0.8 to ≈ 1." in shown.words
    assert "a taken for b (≈ 0.2)" in shown.words
    assert "Reliability: ≈ 2 of ≈ 3 bins are less often right than sure; the widest gap is ≈ 0.4." in shown.words
    assert "Precision of b: ≈ 0.9 at recall ≈ 0.1, ≈ 0.6 at recall ≈ 0.45 and ≈ 0.3 at recall ≈ 1." in shown.words


def test_course_map_says_what_each_part_is_made_from(shown):
    plotting.course_map(title="The course")
    assert "“product” (10) from “convolution” and “vocabulary, embedding”;" in shown.words
    assert "≈" not in shown.words
