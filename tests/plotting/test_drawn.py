"""What stands in a picture is what was given: the right values, at the right places, the right way up."""

import numpy as np
import pytest
from matplotlib.patches import Circle, Rectangle

from tests.plotting.calls import AXES, CARD, draw
from utils import plotting
from utils.plotting.marked_words import BAR
from utils.plotting.style import BLUE, INK, VERMILION

IMAGES = np.random.default_rng(3).random((5, 4, 4))


def points(line):
    return np.transpose(line.get_data())


def texts(axes):
    return {text.get_text(): text for text in axes.texts}


def test_bars_are_as_long_as_their_values_and_stand_in_their_order(shown):
    plotting.bars({"a": 1.0, "b": -2.0, "c": 0.5}, xlabel="length")
    (axes,) = shown.axes
    assert [bar.get_width() for bar in axes.patches] == [1.0, -2.0, 0.5] and {bar.get_x() for bar in axes.patches} == {
        0
    }
    heights = [axes.transData.transform((0, bar.get_y()))[1] for bar in axes.patches]
    assert heights == sorted(heights, reverse=True), "from top to bottom"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [text.get_text() for text in axes.texts] == ["1", "-2", "0.5"]


@pytest.mark.parametrize("pair", [False, True])
def test_each_of_many_bars_has_its_name(shown, pair):
    values = {name: (1.0, 2.0) if pair else 1.0 for name in "abcdefgh"}
    plotting.importance(values, labels=("cost", "slope")) if pair else plotting.bars(values, xlabel="length")
    assert [label.get_text() for label in shown.axes[0].get_yticklabels()] == list("abcdefgh")


def test_a_bar_of_length_0_leaves_the_others_in_sight(shown):
    plotting.bars({"none": 0.0, "a": 5.0}, xlabel="length")
    assert shown.axes[0].get_xlim()[1] > 5


def test_arrows_begin_at_the_origin_and_end_where_they_should(shown):
    plotting.arrows({"long": (8, 1), "high": (0.9, 6)}, bound=2)
    (axes,) = shown.axes
    heads = [text for text in axes.texts if text.arrow_patch]
    assert [(text.xy, text.xyann) for text in heads] == [((8, 1), (0, 0)), ((0.9, 6), (0, 0))]
    circle, square = axes.patches[:2]
    assert isinstance(circle, Circle) and circle.radius == 2 and circle.center == (0, 0)
    assert isinstance(square, Rectangle) and square.get_bbox().extents.tolist() == [-2, -2, 2, 2]
    for low, high, end in ((*axes.get_xlim(), 8), (*axes.get_ylim(), 6)):
        assert low < -2 and high > end, "all of it is in sight"


def test_all_arrows_are_in_sight_also_many_and_those_to_the_left_and_below(shown):
    ends = [(x, y) for x in (-5, 1, 4) for y in (-3, 2, 7)]
    plotting.arrows({f"{end}": end for end in ends})
    (axes,) = shown.axes
    assert [text.xy for text in axes.texts if text.arrow_patch] == ends
    for low, high, spread in ((*axes.get_xlim(), (-5, 4)), (*axes.get_ylim(), (-3, 7))):
        assert low < min(spread) and high > max(spread)


def test_every_path_of_a_surface_is_drawn(shown):
    paths = {name: np.array([[0, 0], [1, i]]) for i, name in enumerate("abcdef")}
    plotting.surface([0, 1], [0, 5, 6], np.eye(3, 2), paths=paths, best=("end", (0, 0)), **AXES)
    assert {line.get_label() for line in shown.axes[0].lines} >= set(paths)


@pytest.mark.parametrize(("end", "scale"), [(np.nan, "linear"), (np.inf, "linear"), (0.0, "log")])
def test_a_line_that_leaves_the_picture_keeps_its_label_where_it_was_last_seen(shown, end, scale):
    plotting.lines([1, 2, 4], {"diverging": [1.0, 3.0, end], "sound": [1.0, 2.0, 2.0]}, scale=scale, **AXES)
    (axes,) = shown.axes
    x, y = (axes.transData + axes.transAxes.inverted()).transform((2, 3.0))
    assert np.allclose(texts(axes)["diverging"].xy, (x, y))


def test_a_matrix_shows_the_shares_of_its_rows_and_shades_mistakes_alone(shown):
    matrix = np.array([[6, 2, 0], [0, 3, 0], [1000, 5, 0]])
    plotting.confusion(matrix, list("abc"))
    (axes,) = shown.axes
    written = {tuple(text.get_position()): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "75%", (1, 0): "25%", (1, 1): "100%", (0, 2): "100%"}, "under 1 % it stays blank"
    shade = axes.images[0].get_array()
    np.testing.assert_allclose(shade, [[0, 0.25, 0], [0, 0, 0], [1000 / 1005, 5 / 1005, 0]])
    assert axes.images[0].norm.vmin == 0 and axes.images[0].norm.vmax == pytest.approx(2000 / 1005)
    assert [label.get_text() for label in axes.get_xticklabels()] == list("abc")
    assert axes.yaxis_inverted() and not axes.xaxis_inverted()
    assert {text.get_text() for text in axes.texts if text.get_fontweight() == "bold"} == {"75%", "100%"}
    assert written[0, 2] == "100%" and {t.get_fontweight() for t in axes.texts if t.get_position() == (0, 2)} == {
        "normal"
    }


def test_an_image_in_a_matrix_lies_in_its_cell_as_ink(shown):
    plotting.confusion(np.array([[1, 3], [0, 4]]), ["a", "b"], images={(0, 1): IMAGES[0] * 7 + 2})
    (axes,) = shown.axes
    left, right, bottom, top = axes.images[1].get_extent()
    assert 0.5 < left < right < 1.5 and -0.5 < top < bottom < 0.5, "first row, second column, the right way up"
    for share, (column, row) in {"75%": (1, 0), "100%": (1, 1)}.items():
        x, y = texts(axes)[share].get_position()
        assert column - 0.5 < x < column and row - 0.5 < y < row - 0.3, "in a corner of its cell, above the image"
    ink = np.asarray(axes.images[1].get_array())[..., 3]
    np.testing.assert_allclose(ink, (IMAGES[0] - IMAGES[0].min()) / np.ptp(IMAGES[0]), atol=1e-6)
    assert ink.min() == 0 and ink.max() == 1


def test_a_constant_image_in_a_matrix_is_blank(shown):
    plotting.confusion(np.eye(2), ["a", "b"], images={(0, 1): np.full((3, 3), 9)})
    assert not np.asarray(shown.axes[0].images[1].get_array()).any()


def test_fits_draw_a_model_in_the_order_of_x_and_leave_y_minus_the_prediction(shown):
    x, y, prediction = np.array([2.0, 0.0, 1.0]), np.array([5.0, 1.0, 9.0]), np.array([4.0, 1.0, 7.0])
    plotting.fits(x, y, {"a": prediction, "b": y}, **AXES, noise=1.5)
    above, _, below, _ = shown.axes
    assert points(above.get_lines()[0]).tolist() == [[2, 5], [0, 1], [1, 9]]
    assert points(above.get_lines()[1]).tolist() == [[0, 1], [1, 7], [2, 4]]
    assert points(below.get_lines()[-1]).tolist() == [[2, 1], [0, 0], [1, 2]]
    assert above.get_title(loc="left") == "a: mse 2", "(1 + 0 + 4) / 3"
    assert below.patches[0].get_extents().transformed(below.transData.inverted()).intervaly == pytest.approx([-3, 3])


def test_images_stand_row_by_row_under_their_labels(shown):
    plotting.image_grid(IMAGES, list("abcde"), columns=3)
    (axes,) = shown.axes
    for image, given in zip(axes.images, IMAGES, strict=True):
        np.testing.assert_array_equal(image.get_array(), given)
    lefts, _, bottoms, tops = np.array([image.get_extent() for image in axes.images]).T
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4] < lefts[2] and (bottoms > tops).all()
    assert np.ptp(tops[:3]) == 0 < tops[3] - bottoms[0] and tops[3] == tops[4]
    for label, left, top in zip("abcde", lefts, tops, strict=True):
        x, y = texts(axes)[label].get_position()
        assert left < x < left + lefts[1] - lefts[0] and top - 0.1 < y < top, "just above its image"


def test_an_image_that_is_not_square_keeps_its_proportions(shown):
    plotting.image_grid([np.eye(4, 8)], ["wide"], columns=1)
    left, right, bottom, top = shown.axes[0].images[0].get_extent()
    assert (right - left) == pytest.approx(2 * (bottom - top))


def test_pixels_are_each_images_own_only_where_there_are_several(shown):
    plotting.image_grid(IMAGES[:1], ["a"], columns=3)
    assert "4 by 4 pixels" in shown.words and "each" not in shown.words.split("pixels")[1].split(".")[0]
    plotting.image_grid(IMAGES[:2], ["a", "b"], columns=3)
    assert "4 by 4 pixels each" in shown.words


def test_a_wall_has_a_row_for_each_label_with_its_heat_over_it_and_what_differs_in_bold(shown):
    heat, names = {"hot": IMAGES[::-1]}, {"seen": list("abcde"), "hot": list("abXde")}
    plotting.image_wall({"seen": IMAGES, "hot": IMAGES[:, ::-1]}, heat=heat, names=names)
    (axes,) = shown.axes
    gray = [image for image in axes.images if image.get_array().ndim == 2]
    over = [image for image in axes.images if image.get_array().ndim == 3]
    assert len(gray) == 10 and len(over) == 5
    for image, given in zip(gray[5:], IMAGES[:, ::-1], strict=True):
        np.testing.assert_array_equal(image.get_array(), given)
    assert [image.get_extent() for image in over] == [image.get_extent() for image in gray[5:]]
    assert max(image.get_extent()[2] for image in gray[:5]) < min(image.get_extent()[3] for image in gray[5:])
    assert [i.get_alpha() for i in gray] == 5 * [1.0] + 5 * [0.45], "paler under heat"
    greatest = [np.unravel_index(np.argmax(image.get_array()[..., 3]), (4, 4)) for image in over]
    assert greatest == [np.unravel_index(np.argmax(values), (4, 4)) for values in heat["hot"]]
    bold = [text.get_text() for text in axes.texts if text.get_fontweight() == "bold" and len(text.get_text()) == 1]
    assert bold == ["X"]
    lefts = [image.get_extent()[0] for image in gray[:5]]
    steps = np.diff(lefts)
    assert np.ptp(steps) < 1e-9 and lefts[0] >= 0 and max(image.get_extent()[1] for image in gray) <= axes.get_xlim()[1]
    assert all(right - left < steps[0] for left, right, *_ in (image.get_extent() for image in gray)), "none touch"


def test_importance_has_a_panel_for_each_measure(shown):
    plotting.importance({"a": (1.0, 2.0), "b": (4.0, 0.5)}, labels=("cost", "slope"))
    first, second = shown.axes
    assert [bar.get_width() for bar in first.patches] == [1, 4] and [bar.get_width() for bar in second.patches] == [
        2,
        0.5,
    ]
    assert (first.get_xlabel(), second.get_xlabel()) == ("cost", "slope") and first.yaxis_inverted()
    assert [text.get_text() for text in first.texts] == ["1.00", "4.00"]


def test_panels_are_stacked_and_a_pair_has_its_own_x(shown):
    plotting.line_panels({"a": {"l": [1, 5, 9]}, "b": {"m": ([1, 9], [2, 3])}}, xlabel="step", ylims={"a": (1, 4)})
    above, below = shown.axes
    assert points(above.get_lines()[0]).tolist() == [[1, 1], [2, 4]], "cut at the limit"
    assert points(below.get_lines()[0]).tolist() == [[1, 2], [9, 3]]
    assert (above.get_ylabel(), below.get_ylabel(), above.get_xlabel(), below.get_xlabel()) == ("a", "b", "", "step")
    assert above.get_ylim()[0] == 1 and 4 < above.get_ylim()[1] < 4.5, "room for the cross"


def test_lines_and_points_lie_where_they_were_given(shown):
    plotting.lines([1, 2, 3], {"a": [1, 2, 4], "b": [2, 1, 0]}, **AXES, points={"p": (1, 1.5), "_q": (2, 2)})
    (axes,) = shown.axes
    assert [points(line).tolist() for line in axes.get_lines()] == [
        [[1, 1], [2, 2], [3, 4]], [[1, 2], [2, 1], [3, 0]], [[1, 1.5]], [[2, 2]],
    ]  # fmt: skip
    assert {"a", "b", "p"} <= set(texts(axes)) and "_q" not in texts(axes)
    assert texts(axes)["p"].xy == (1, 1.5)
    assert all(tick == int(tick) for tick in axes.get_xticks()), "there is no epoch 2.5"


def test_maps_share_one_scale_of_colors_between_the_ends_of_the_first(shown):
    place, values = np.random.default_rng(0).random((200, 2)), np.arange(200.0)
    plotting.place_maps(place, {"truth": values, "model": values / 2}, unit="price")
    truth, model, _ = shown.axes
    for axes, given in ((truth, values), (model, values / 2)):
        (dots,) = axes.collections
        np.testing.assert_allclose(dots.get_offsets(), place)
        np.testing.assert_allclose(dots.get_array(), given)
    assert truth.collections[0].get_clim() == model.collections[0].get_clim()
    low, high = truth.collections[0].get_clim()
    assert 0 <= low < 20 and 150 < high <= 199
    assert (truth.get_title(loc="left"), model.get_title(loc="left"), truth.get_xlabel(), truth.get_ylabel()) == (
        "truth", "model", "longitude", "latitude",
    )  # fmt: skip


def test_scatter_draws_points_lines_band_and_truth(shown):
    line_x = [0, 1, 2]
    plotting.scatter(
        [3, 1], [[4], [2]], **AXES, line_x=line_x, lines={"fit": [1, 2, 3]}, band=("band", [0, 0, 0], [2, 3, 4]),
        truth=[[5, 6, 7]],
    )  # fmt: skip
    (axes,) = shown.axes
    found = {}
    for line in axes.get_lines():
        found.setdefault(line.get_label(), []).append(points(line).tolist())
    assert found["_points"] == [[[3, 4], [1, 2]]] and found["fit"] == [[[0, 1], [1, 2], [2, 3]]]
    assert found["_edge"] == [[[0, 0], [1, 0], [2, 0]], [[0, 2], [1, 3], [2, 4]]]
    assert found["_truth"] == [[[0, 5], [1, 6], [2, 7]]]
    assert texts(axes)["band"].xy == (2, 4)


def test_contours_paths_and_the_star_of_a_surface(shown):
    x, y = [0, 1, 2], [0, 1, 2, 3]
    heights = np.add.outer(np.arange(4.0) ** 2, np.arange(3.0) ** 2) + 5
    walk = [[2, 3], [1, 1], [0, 0.5]]
    plotting.surface(x, y, heights, paths={"a": walk}, best=("end", (0, 0)), every=1, **AXES)
    (axes,) = shown.axes
    path, star = axes.get_lines()
    assert points(path).tolist() == walk and points(star).tolist() == [[0, 0]] and texts(axes)["end"].xy == (0, 0)
    levels = axes.collections[0].levels
    assert levels[0] == pytest.approx(5.013) and levels[-1] == pytest.approx(18) and len(levels) == 20
    assert np.diff(levels, 2).min() > 0, "closer together near the least height"
    assert axes.get_xlim() == (0, 2) and axes.get_ylim() == (0, 3)


def test_words_of_a_map_lie_at_their_places_inside_the_margins(shown):
    plotting.word_map({"good": (1, 0), "bad": (-1, 4)}, **AXES)
    (axes,) = shown.axes
    assert {word: tuple(text.xy) for word, text in texts(axes).items()} == {"good": (1, 0), "bad": (-1, 4)}
    assert points(axes.get_lines()[0]).tolist() == [[1, 0], [-1, 4]]
    assert axes.get_xlim() == pytest.approx((-1.24, 1.24)) and axes.get_ylim() == pytest.approx((-0.32, 4.32))


def test_bars_of_marked_words_share_one_scale(shown):
    plotting.marked_words(
        [(["no", "yes"], [-2.0, 1.0], "first"), (["so", "it"], [4.0, 1.0], "second"), ([], [], "empty")]
    )
    (axes,) = shown.axes
    lengths = [-bar.get_height() for bar in axes.patches]
    assert np.divide(lengths, lengths[2]).tolist() == [-0.5, 0.25, 1, 0.25]
    assert lengths[2] == pytest.approx(BAR), "the greatest bar is as long as may be"
    written = texts(axes)
    for word, bar in zip(("no", "yes", "so", "it"), axes.patches, strict=True):
        x, y = written[word].get_position()
        assert x == pytest.approx(bar.get_x() + bar.get_width() / 2) and abs(y - bar.get_y()) < 0.15
    assert written["no"].get_position()[1] == written["yes"].get_position()[1] < written["so"].get_position()[1]
    assert written["first"].get_position()[1] == written["no"].get_position()[1]
    assert written["no"].get_position()[0] < written["yes"].get_position()[0]


def test_the_curves_of_a_model_card_are_the_given_ones(shown):
    draw("model_card")
    *_, sure, precise = shown.axes
    diagonal, bins = sure.get_lines()
    assert points(diagonal).tolist() == [[0, 0], [1, 1]]
    np.testing.assert_allclose(points(bins), np.transpose([CARD["confidence"], CARD["right"][0]]))
    intervals = sure.collections[0].get_segments()
    np.testing.assert_allclose(intervals, [[[0.4, 0.3], [0.4, 0.6]], [[0.9, 0.7], [0.9, 0.9]]])
    np.testing.assert_allclose(points(precise.get_lines()[0]), np.transpose([CARD["recall"], CARD["precision"][0]]))
    band = precise.collections[0].get_paths()[0].get_extents()
    assert (band.x0, band.x1, band.y0, band.y1) == pytest.approx((0.1, 1.0, 0.2, 1.0))


def test_the_numbers_of_a_model_card_stand_side_by_side(shown):
    draw("model_card", numbers=dict.fromkeys(["accuracy", "F1", "error"], (0.8, 0.7, 0.9)))
    lefts, heights = np.transpose([text.get_position() for text in shown.axes[0].texts])
    assert lefts.min() == 0 < np.ptp(lefts) < 1, "all of them on the page"
    assert len(set(lefts)) == len(set(heights)) == 3, "three numbers, each with its name and interval"


def test_the_map_of_the_course_draws_each_part_where_it_stands_and_an_arrow_from_each_of_its_sources(shown):
    from utils.plotting.course_map import PARTS, TRAINING

    draw("course_map")
    (axes,) = shown.axes
    at = {text.get_text().replace("\n", " "): text.get_position() for text in axes.texts}
    arrows = [patch for patch in axes.patches if hasattr(patch, "_posA_posB")]
    ends = [np.round(patch._posA_posB, 3).tolist() for patch in arrows]
    colors = {text.get_text().replace("\n", " "): text.get_color() for text in axes.texts}
    for key, (*_, name, _, sources) in PARTS.items():  # what comes from outside, what trains, and what is trained
        assert colors[name] == (BLUE if not sources else VERMILION if key in TRAINING else INK)
    assert len(arrows) == 1 + sum(len(sources) for *_, sources in PARTS.values())
    for column, height, name, notebooks, sources in PARTS.values():
        assert at[name] == (column, height)
        if notebooks:
            below = [t for t in axes.texts if t.get_text().endswith(f" {notebooks}") and t.get_position()[0] == column]
            assert any(height - 0.5 < text.get_position()[1] < height - 0.3 for text in below)
        for source in sources:
            x, y, *_ = PARTS[source]
            side = np.sign(column - x)
            if side:
                wanted = [[x + 0.34 * side, y], [column - 0.34 * side, height]]
            else:
                wanted = [[x, y + 0.2], [column, height - 0.52]]
            assert np.round(wanted, 3).tolist() in ends, (name, source)


def test_arrows_of_a_model_graph_begin_and_end_beside_the_boxes(shown):
    draw("model_graph")
    (axes,) = shown.axes
    axes.figure.canvas.draw()
    boxes = [text.get_bbox_patch().get_window_extent() for text in axes.texts if text.get_bbox_patch()]
    assert len(boxes) == 6 and len(axes.patches) == 5
    for arrow in axes.patches:
        start, *_, end = axes.transData.transform(arrow._path_original.vertices)
        assert any(0 <= start[0] - box.x1 < 15 for box in boxes if box.y0 < start[1] < box.y1)
        assert any(0 <= box.x0 - end[0] < 15 for box in boxes if box.y0 < end[1] < box.y1)
    (left, right), places = axes.get_xlim(), [text.get_position()[0] for text in axes.texts]
    assert np.isclose(min(places) - left, right - max(places)), "in the middle of the page"
