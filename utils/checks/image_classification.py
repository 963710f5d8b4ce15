"""Checks of notebook 09."""

from collections.abc import KeysView

import numpy as np
import tensorflow as tf

from utils.checks.engine import (
    attempted,
    counted,
    exercise,
    expect,
    functions_compiled,
    refuse,
    require,
    require_dtype,
)
from utils.checks.values import as_array


@exercise(
    "9.1",
    "A convolution by hand",
    deeper=True,
    why="A layer that you can compute by hand is one whose shapes and parameters never surprise you again.",
)
def convolve(answer):
    """Judge pictures of several shapes, channels and filters against the sum over patches."""
    _require_a_batch_axis(answer)
    rng = np.random.default_rng()
    cases = [(7, 5, 1, 1, 1), (6, 8, 3, 4, 1), (6, 8, 3, 4, 255), (3, 4, 2, 2, 1), (28, 28, 3, 2, 1)]
    cases.append((rng.integers(66, 70), 7, 17, 65, 1))
    for height, width, channels, filters, brightest in cases:  # two alike: a result must not be kept for a shape
        picture, kernel, bias = (
            rng.uniform(-1, 1, shape).astype("float32")
            for shape in ((height, width, channels), (3, 3, channels, filters), (filters,))
        )
        picture *= brightest
        picture[:3, :3] = 0  # nothing is there, and the bias is added all the same
        right = _correlate(picture, kernel)
        want = right + bias
        flipped, transposed = _correlate(picture, kernel[::-1, ::-1]), _correlate(picture, kernel.transpose(1, 0, 2, 3))
        padded = _correlate(np.pad(picture, ((1, 1), (1, 1), (0, 0))), kernel)
        short = np.pad(want[:-1, :-1], ((0, 1), (0, 1), (0, 0)))
        shuffled = np.moveaxis(kernel.reshape(channels, 3, 3, filters), 0, 2)
        smells = {
            "The bias is missing.": right,
            "The kernel is flipped, as in a mathematician's convolution; here it lies on the patch as it is.":
                flipped + bias,
            "Rows and columns of the kernel are swapped.": transposed + bias,
            "The channels of a patch stand first, as sliding_window_view puts them, and those of the kernel last: the "
            "weights meet other pixels.": _correlate(picture, shuffled) + bias,
            "The channels were averaged; they are summed.": right / channels + bias,
            "The patch was averaged; its products are summed.": right / (9 * channels) + bias,
            "The picture was padded with zeros: without padding two rows and two columns are lost.": padded + bias,
            "Every second place was left out: the step is 1.": want[::2, ::2],
            "The last row and the last column are still 0: there are h - 2 and w - 2 places.": short,
            "A relu came in: the convolution alone is asked for.": np.maximum(want, 0),
            "The bias was added once for each channel: once is enough.": right + channels * bias,
            "The bias was added once for each place of the kernel: once is enough.": right + 9 * bias,
            "The picture was divided by 255: take it as it comes.": right / 255 + bias,
            "Rows and columns of the result are swapped.": want.transpose(1, 0, 2),
            "The filters stand first; they belong on the last axis.": want.transpose(2, 0, 1),
            "There is a batch axis: one picture goes in, one comes out.": want[np.newaxis],
        }  # fmt: skip
        given = picture.copy(), kernel.copy(), bias.copy()
        on = f"a picture {picture.shape} and a kernel {kernel.shape}"
        got = answer(*given)
        expect(got, want, on=on, smells=smells)
        of_list = ", where a list came" if isinstance(got, list) else ""
        require_dtype(as_array(got), np.float32, f"{on}{of_list}")
        untouched = all(map(np.array_equal, given, (picture, kernel, bias)))
        require(untouched, "The caller's arrays were changed. Add into an array of your own.")


def _require_a_batch_axis(answer) -> None:
    """Refuse `tf.nn.conv2d` of a picture alone: in a graph it raises, and eagerly, with oneDNN, it ends the process."""
    rank = ""
    with tf.Graph().as_default():
        try:
            answer(*(np.ones(shape, "float32") for shape in ((4, 5, 2), (3, 3, 2, 3), (3,))))  # shapes of no question
        except Exception as problem:  # any other tells nothing: no answer has to run in a graph
            rank = str(problem)
    axis = "TensorFlow's convolutions take a batch, and without its axis they may end the process: give them "
    refuse({f"{axis}picture[np.newaxis], and return [0] of it.": "Shape must be rank 4 but is rank" in rank})


def _correlate(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return (h - 2, w - 2, filters): the sum of products of each 3 by 3 patch with the kernel, in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(picture, np.float64), (3, 3), axis=(0, 1))
    return np.einsum("ijcuv,uvcf->ijf", windows, np.asarray(kernel, np.float64))


@exercise(
    "9.2",
    "Repair the pipeline",
    why="What leaves the pipeline is what the network learns, and now you have looked at it.",
)
def repair_pipeline(answer):
    """Judge what comes out: pictures of one spot, left of the middle or above it, whose brightness tells which it is.

    A spot of 6 by 6 pixels keeps its brightness in the middle, however it is shifted or turned by less than a pixel.
    """
    count, at = 2593, slice(11, 17)  # a prime: no batch size divides it; of batches of 32, one picture is left
    levels = np.linspace(56, 255, count).round()  # rises with the place in the given order, and the label with it
    y_train = ((levels - 56) // 20).astype("uint8")
    x_train = np.zeros((count, 28, 28), "uint8")
    left = y_train < 5  # labels 0 to 4: a spot at the left; 5 to 9: at the top
    x_train[left, at, 4:10] = levels[left, None, None]
    x_train[~left, 4:10, at] = levels[~left, None, None]
    given = x_train.copy(), y_train.copy()
    dataset = attempted(answer(*given), tf.data.Dataset, asked="a tf.data.Dataset")
    passes = [_one_pass(dataset, count)]
    passes.append(_one_pass(dataset, count, empty="The second pass is empty: the first used up what it iterates over."))
    untouched = np.array_equal(given[0], x_train) and np.array_equal(given[1], y_train)
    require(untouched, "x_train or y_train was changed in place: compute with a copy.")
    refuse({
        f"`fit` fails, since the data set does not know the shape of {name}. Behind a function of NumPy or Python set "
        "it by tf.ensure_shape; give from_generator an `output_signature`.": spec.shape.rank is None
        for name, spec in zip(("x_batch", "y_batch"), dataset.element_spec, strict=True)
    })  # fmt: skip
    x, y, starts = passes[0]
    gave, of_batch = min(len(labels) for _, labels, _ in passes), starts[1] if len(starts) > 1 else len(y)
    _require_values(x)
    refuse({
        f"One pass gave {gave} pictures of {count}. Is a part of the data left out?": gave <= count - of_batch,
        f"One pass gave {gave} pictures of {count}. Keep the last, smaller batch.": gave != count,
        "The labels of one pass are not those that were given.": not np.array_equal(np.sort(y), y_train),
    })  # fmt: skip
    seen = [255 * np.max(pictures, axis=(1, 2, 3)) for pictures, *_ in passes]
    size = 255 * np.sum(x, axis=(1, 2, 3)) / np.maximum(36 * seen[0], 1e-6)  # of a spot, 1 where it is whole
    cut = np.mean((size > 0.02) & (size < 0.5))
    ratio = np.median(np.sort(seen[0]) / levels)
    off = np.mean(np.abs(np.sort(seen[0]) - levels))
    wrong_scale = f"The ink is about {ratio:.4g} times as bright as a division by 255 makes it"
    large, no_more = np.mean(size > 1.5), "times as large as they were: shift or turn the pictures, no more."
    spots = x_train[[0, -1], ..., np.newaxis] > 0  # of labels 0 to 4, and of 5 to 9
    elsewhere = np.any(x * ~spots[np.int32(y >= 5)])
    refuse({
        "Ink was taken away, and none came where there was none: pixels were changed, not moved. Shift or turn the "
        "pictures.": not elsewhere and np.any(size < 0.99),
        f"{large:.0%} of the spots are more than 1.5 {no_more}": 0.1 < large < 0.5,
        f"{cut:.0%} of the spots were cut in half at the edge, 4 pixels away: the pictures are moved too far.":
            off > 0.3 and cut > 0.02,
        f"{wrong_scale}: 255 should become 1, and no other step may change the brightness.":
            off > 0.3 and np.std(np.sort(seen[0]) / levels) < 0.01,
        "The greatest values of the pictures are not what a division by 255 gives. Only divide, and shift or turn the "
        "pictures, with 0 where they leave a gap.": off > 0.3,
    })  # fmt: skip
    of_level = dict(zip(levels.tolist(), y_train.tolist(), strict=True))
    paired = np.mean([of_level.get(level) == label for level, label in zip(seen[0].round(), y, strict=True)])
    _require_order(*((level - 56) / 199 for level in seen))
    apart = f"{1 - paired:.1%} of the pictures carry the label of another: pictures and labels were shuffled apart, or "
    require(paired > 0.998, f"{apart}moved against each other, by one perhaps.")  # by one: 10 of 2,593
    _require_places([_centers(pictures) for pictures, *_ in passes], seen, y, starts)
    require(0.8 < np.median(size) < 1.25, f"Spots are {np.median(size):.3g} {no_more}")
    lost = "Of 7 pictures not all came. Each comes once in a pass, whatever n is."
    require(len(_one_pass(answer(*(part[:: count // 6] for part in given)), 7, empty=lost)[1]) == 7, lost)
    _require_a_large_buffer(answer)


def _require_a_large_buffer(answer) -> None:
    """Require that the first 150 of 12,000 pictures come from all of them: in 86% of the set by chance 1 in 10^9."""
    levels = np.linspace(56, 255, 12_000).round()
    x = np.zeros((len(levels), 28, 28), "uint8")
    x[:, 11:17, 11:17] = levels[:, None, None]
    seen = []
    for x_batch, _ in answer(x, ((levels - 56) // 20).astype("uint8")):
        seen.extend(255 * np.max(x_batch, axis=(1, 2, 3)))
        if len(seen) >= 150:
            break
    ends_early = (
        "Of 12,000 pictures none from the end comes among the first 150: the buffer of shuffle is smaller than "
    )
    require((max(seen[:150]) - 56) / 199 > 0.86, f"{ends_early}the data. Take the number of pictures.")


def _require_places(spots: list[np.ndarray], levels: list[np.ndarray], y: np.ndarray, starts: list[int]) -> None:
    """Judge where the spots of two passes came out: with a label below 5 they were at the left, others at the top.

    `starts` holds the place of the first picture of each batch.
    """
    left = y < 5
    row, column = spots[0].T - 13.5
    misplaced = (left != (np.abs(column) > np.abs(row))).mean()
    sideways, overhead = (column[left] > 1.5).mean(), (row[~left] > 1.5).mean()
    along, across = np.where(left, column, row) + 7, np.where(left, row, column)  # a spot starts 7 from the middle
    distance = np.hypot(along, across)
    away, farthest, farthest_across = distance > 0.01, distance.max(), np.abs(across).max()
    moved = np.mean(away)
    shift = np.hypot(np.median(along), np.median(across))
    still = [label for label in range(10) if np.mean(away[y == label]) < 0.2]
    first, second = (
        sorted(zip(level.round(), *spot.round(2).T, strict=True)) for level, spot in zip(levels, spots, strict=True)
    )
    refuse({
        "Rows and columns of the pictures are swapped.": misplaced >= 0.95 and np.median(across) < -4,
        f"All spots move to one side, by about {shift:.1f} pixels: move them a little, to all sides.":
            misplaced >= 0.95,
        "Spots come out on all sides: the pictures are moved too far, by a quarter turn or more perhaps.":
            misplaced >= 0.3,
        f"{sideways:.0%} of the spots left of the middle came out at the right: mirrored.": sideways >= 0.2,
        f"{overhead:.0%} of the spots at the top came out at the bottom: turned upside down.": overhead >= 0.2,
        "No picture was moved: every spot is where it was. Nothing random is mapped, or training=True is missing.":
            moved <= 0.001,
        f"No picture was moved by more than {farthest:.1g} pixels. The factor of a RandomTranslation is a share of the "
        "picture, that of a RandomRotation one of a full turn.": 0.1 * farthest < farthest_across and farthest < 0.2,
        f"Only {moved:.0%} of the pictures were moved; each should be.": moved <= 0.6,
        f"Pictures with the label {still[:1]} are not moved; each should be.": still,
        "The first picture of a batch is never moved; each should be.": len(starts) > 15 and not np.any(away[starts]),
        "The last batch was not moved; each picture should be.":
            len(starts) > 1 and len(away) - starts[-1] > 15 and not np.any(away[starts[-1] :]),
        "Both passes gave the same moved pictures: the random step ran once, perhaps in front of a cache, or the move "
        "is always the same.": first == second,
        "Spots move only toward the middle and away from it: the pictures are zoomed; shift or turn them.":
            farthest_across < 0.2,
    })  # fmt: skip


def _one_pass(
    dataset: tf.data.Dataset, count: int, empty: str = "The data set is empty."
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return the pictures and labels of one pass and where batches start; refuse one that is `empty` or too long."""
    pictures, labels, starts, seen = [], [], [], 0
    for element in dataset:
        pair = isinstance(element, tuple) and len(element) == 2
        require(pair, "Each element should be a pair (x_batch, y_batch).")
        x_batch, y_batch = element
        shape = tuple(x_batch.shape)
        told = f"x_batch has the shape {shape}"
        refuse({
            f"x_batch is {x_batch.dtype.name}; float32 is asked for.": x_batch.dtype != tf.float32,
            f"{told}: that is one picture. The data set is not batched.": shape in ((28, 28), (28, 28, 1)),
            f"{told}; (b, 28, 28, 1) is asked for: the last axis is color.": shape[1:] != (28, 28, 1),
            f"y_batch has the shape {tuple(y_batch.shape)}; one label for each picture is asked for.":
                np.size(y_batch) != shape[0],
        })  # fmt: skip
        pictures.append(x_batch.numpy())
        labels.append(np.reshape(y_batch, -1))
        starts.append(seen)
        seen += len(pictures[-1])
        too_many = f"One pass gives more than the {count} pictures: each should come once, moved or not."
        require(seen <= count, f"{too_many} If it repeats: `fit` counts the epochs.")
    require(seen > 0, empty)
    return np.concatenate(pictures), np.concatenate(labels), starts


def _require_values(x: np.ndarray) -> None:
    least, greatest = x.min(), x.max()
    refuse({
        "All pixels are 0 or less: the ink was lost.": greatest <= 0,
        f"The largest value is {greatest:.4f}: the pixels were divided by 255 twice.": greatest <= 0.02,
        f"The largest value is {greatest:.4g}: the pixels were not divided by 255, or a gap was filled with that value "
        "afterward.": greatest > 100,
        f"The largest value is {greatest:.4g}; from 0 to 1 is asked for.": greatest > 1.01,
        f"The smallest value is {least:.3g}; from 0 to 1 is asked for.": least < -0.01,
        "Ink and paper were exchanged: 0 is paper, 1 is ink.": x.mean() >= 0.5,
    })  # fmt: skip


def _require_order(first: np.ndarray, second: np.ndarray) -> None:
    """Judge the order of two passes: for each picture the place, from 0 to 1, that it had among the given ones."""
    step = np.diff(first)
    near, next_to = np.mean(np.abs(step) < 0.05), np.mean((step > -0.002) & (step < 0.008))
    when = np.linspace(0, 1, len(first))
    earliest = max(np.max(places - when) for places in (first, second))  # 0.93 or more in all but 3 of a million cases
    late_by = np.median(np.abs(first - when))  # 0.01 with a buffer of 1% of the data
    groups = [np.clip(places * 199, 0, 199).round().astype(int) for places in (first, second)]
    early, late = (np.bincount(group, when, 200) / np.maximum(np.bincount(group, minlength=200), 1) for group in groups)
    neighbors = [200 * group[:-1] + group[1:] for group in groups]
    again = np.mean(np.isin(*neighbors))  # 7% by chance
    refuse({
        "The order is the one in which they were given: nothing is shuffled.": np.all(step > -0.002),
        f"In {next_to:.0%} of the cases the next picture is the next one of the set: whole batches were shuffled, not "
        "pictures. Shuffle before you batch.": next_to > 0.4 and late_by > 0.02,
        f"In {near:.0%} of the cases the next picture comes from nearly the same part of the set, 10% would be chance: "
        "the buffer of shuffle is much smaller than the data, or groups of neighbors were shuffled.": near > 0.2,
        "No picture from the end of the set comes at the start: the buffer of shuffle is smaller than the data.":
            earliest < 0.93,
        f"In {near:.0%} of the cases the next picture comes from nearly the same part of the set, 10% would be chance: "
        "groups of neighbors were shuffled.": near > 0.125,
        "Both passes had the same order. Shuffle anew in each pass.": np.allclose(first, second, atol=0.002),
        "Both passes had nearly the same order. Mix the whole set anew in each pass.":
            np.corrcoef(early, late)[0, 1] > 0.5,
        f"{again:.0%} of the neighbors in one pass are neighbors in the other, too, 7% would be chance: batches were "
        "shuffled, or parts of an order that was drawn once. Mix single pictures anew in each pass.": again > 0.25,
    })  # fmt: skip


def _centers(x: np.ndarray) -> np.ndarray:
    """Return the center of ink of each picture, (n, 2): row and column."""
    ink = x[..., 0] - x[..., 0].min(axis=(1, 2), keepdims=True)
    total = np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    places = np.arange(28)
    return np.stack([ink.sum(2) @ places / total, ink.sum(1) @ places / total], axis=-1)


@exercise(
    "9.3",
    "What may be done to a 6?",
    deeper=True,
    why="An average can be proud of 98 % while two digits have traded their names.",
)
def allowed_augmentations(answer):
    """Judge with pictures whose digit is the row of a lit pixel, a judge that finds it, and rare sixes and nines."""
    rng, rows = np.random.default_rng(), np.arange(10)
    counts = np.full(10, 80)
    counts[[6, 9]] = 20, 19
    y = rng.permutation(np.repeat(rows, counts)).astype("uint8")
    x = _rows_of_light(y, rng)
    half_turn, mirror, next_row = rows.copy(), rows.copy(), np.roll(rows, 1)
    half_turn[[6, 9]], mirror[[2, 5]] = [9, 6], [5, 2]
    few_above, few_below = _exchange(next_row, share={4: 0.0875}), _exchange(np.roll(rows, -1), share={4: 0.175})
    augmentations = {
        "shift": lambda pictures: np.concatenate([np.roll(pictures[:, :27], 2, axis=2), pictures[:, 27:]], axis=1),
        "half turn": _exchange(half_turn),
        "mirror": _exchange(mirror),
        "smudge": _exchange(next_row, share={digit: 0.05 for digit in range(10)}),
        "blot": _exchange(next_row, share={6: 0.1}),  # 18 of 20 stay right: exactly 0.9
        "speck": _exchange(next_row, share={9: 0.21}),  # 15 of 19: 0.789, less than 0.79
        "fleck": _exchange(next_row, share={9: 0.1}),  # 17 of 19: 0.895, less than 0.9
        "haze": _exchange(next_row, share={0: 0.6}),
        "veil": _exchange(next_row, share={1: 0.6, 2: 0.6, 3: 0.6}),
        "mist": lambda pictures: few_below(few_above(pictures)),  # 66 of 80: 0.825, and 7 for each of two others
        "scramble": _exchange(next_row),
        "copy": np.array,
    }
    said = {name: _lit_row(augment(x)) for name, augment in augmentations.items()}
    shares = {name: [np.mean(labels[y == digit] == digit) for digit in rows] for name, labels in said.items()}

    def those(passes):
        """Return the names whose shares, one a digit, pass."""
        return {name for name, parts in shares.items() if passes(parts)}

    want, everything = those(lambda parts: min(parts) >= 0.9), set(augmentations)
    smells = {
        "All are allowed there: ask the judge after each one.": everything,
        "Those are the forbidden ones.": everything - want,
        "That is an average over all pictures: 6 and 9 are rare in y and disappear. Take each digit by itself.":
            {name for name, labels in said.items() if np.mean(labels == y) >= 0.9},
        "That takes the average of the digits' shares: nine good digits hide a bad one. Take the worst.":
            those(lambda parts: np.mean(parts) >= 0.9),
        "More than half of each digit's pictures are enough there: the share of right ones must be at least `least`.":
            those(lambda parts: min(parts) > 0.5),
        "That compares a number of right pictures with `least`, a share: divide by the digit's pictures.":
            those(lambda parts: min(parts) > 0),
        "That asks whether some digits survive. All must.": those(lambda parts: max(parts) >= 0.9),
        "Only what keeps every single picture is allowed there: the share `least`, 0.9 by default, of all is enough. "
        "Or was only a part of the pictures looked at?": those(lambda parts: min(parts) == 1),
        "That looks at 6 and 9 only; a mirror exchanges 2 and 5.": those(lambda parts: min(parts[6], parts[9]) >= 0.9),
        "That leaves out the digit 0.": those(lambda parts: min(parts[1:]) >= 0.9),
        "That leaves out the digit 9.": those(lambda parts: min(parts[:9]) >= 0.9),
        "That divides by the pictures that the judge calls a 6, say; divide by those that are one.":
            {name for name, labels in said.items()
             if min(np.mean(y[labels == digit] == digit) for digit in np.unique(labels)) >= 0.9},
        "Only what comes before the first forbidden one is allowed there: the loop ends too early, or each "
        "augmentation works on the result of the one before.": {"shift"},
        "For one of them the worst share is 17/19, which is less than 0.9: do not round.":
            those(lambda parts: min(parts) >= 0.89),
        "For one of them the worst share is 18/20: exactly `least` is enough. Compare the share of right ones, in "
        "float64 (1 - 0.9 is less than 0.1 there).": those(lambda parts: min(parts) > 0.9),
        "None is allowed there, though a shift changes no label.": set(),
    }  # fmt: skip

    _ask(answer, augmentations, x, y, (), want, smells, "twelve augmentations")
    strict = those(lambda parts: min(parts) >= 0.99)
    ignored = {"Those are allowed with least=0.9: is `least` used, and nothing kept from the call before?": want}
    _ask(answer, augmentations, x, y, (0.99,), strict, ignored, "the same, least=0.99")
    rounded = {"For one of them the worst share is 15/19, which is less than 0.79: do not round.":
               those(lambda parts: min(parts) >= 0.78)}  # fmt: skip
    lax = those(lambda parts: min(parts) >= 0.79)
    _ask(answer, augmentations, x, y, (0.79,), lax, rounded, "the same, least=0.79")
    halves = those(lambda parts: min(parts) >= 0.825)
    cut = {"For one of them the worst share is 66/80, exactly 0.825, which is enough: cut no share to whole percents.":
           halves - {"mist"}}  # fmt: skip
    _ask(answer, augmentations, x, y, (0.825,), halves, cut, "the same, least=0.825")
    short = {"as it is": np.array, "blur": _exchange(next_row, share={9: 1})}
    few = np.append(np.flatnonzero((y != 0) & (y != 9)), np.argmax(y == 9))  # no 0, and one 9, in the last row
    absent = {
        "A digit that does not occur in y cannot fail: its share is 0/0.": set(),
        "The 9 was left out: it occurs once there, and counts.": set(short),
    }
    _ask(answer, short, x[few], y[few], (), {"as it is"}, absent, "pictures with no 0, and one 9")
    misread = {
        "There the judge errs on the pictures as they are. The truth is y, not what the judge said before.":
            {"as it is"},
    }  # fmt: skip
    disputed = np.where((y == 4) & (x[:, -1, -1, 0] < 0.5), 5, y).astype("uint8")
    _ask(answer, short, x, disputed, (), set(), misread, "a judge that errs on many a 5")
    zeros, some = np.zeros(100, "uint8"), {"some": _exchange(next_row, share={0: 0.93})}  # 7 of 100 stay right
    computed = {
        "Of 100 pictures 7 stay right, which is 0.07; in float64, 0.07 * 100 is more than 7, and 1 - 0.93 less than "
        "0.07: compare the share of right ones.": set(),
    }  # fmt: skip
    on = "100 pictures of a 0, least=0.07"
    _ask(answer, some, _rows_of_light(zeros, rng), zeros, (0.07,), set(some), computed, on)


def _lit_row(pictures) -> np.ndarray:
    """Return for each picture the row, of the first ten, that is lit: the digit that the judge sees.

    It is lit by 0.75 and nothing else: a judge need not know pictures that were divided by 255, or rounded.
    """
    return np.argmax(np.max(pictures, axis=(2, 3))[:, :10] == 0.75, axis=1)


def _exchange(rows: np.ndarray, share: dict | None = None):
    """Return an augmentation that makes digit d the digit rows[d], for a share of each digit's pictures."""

    def augment(pictures):
        pictures = np.array(pictures)
        reach = [1 if share is None else share.get(digit, 0) for digit in _lit_row(pictures)]
        chosen = pictures[:, -1, -1, 0] < reach
        pictures[chosen, :10] = pictures[chosen][:, rows]
        return pictures

    return augment


def _rows_of_light(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pictures (n, 28, 28, 1): the row of a lit pixel is the digit, the last pixel its rank among its kind."""
    x = np.zeros((len(y), 28, 28, 1), "float32")
    x[np.arange(len(y)), y, rng.integers(3, 25, len(y))] = 0.75
    for digit in np.unique(y):
        here = np.flatnonzero(y == digit)
        x[here, -1, -1, 0] = (np.arange(len(here)) + 0.5) / len(here)
    return x


def _ask(answer, augmentations, x, y, least, want, smells, on):
    """Judge one call, and what it left of its arguments; `least` is () where the default is to be used."""
    given = dict(augmentations), x.copy(), y.copy()
    got = answer(given[0], _lit_row, *given[1:], *least)
    untouched = given[0] == augmentations and np.array_equal(given[1], x) and np.array_equal(given[2], y)
    require(untouched, "The caller's augmentations, pictures or labels were changed: leave them as they are.")
    _expect_names(got, want, smells, on)


def _expect_names(got, want: set, smells: dict[str, set], on: str) -> None:
    attempted(got, set, frozenset, list, tuple, dict, KeysView, np.ndarray, asked="a set of the allowed names", on=on)
    names = {str(name) for name in got}
    told = f"expected {sorted(want)}, got {sorted(names)}."
    refuse({f"{told} {smell}": names == wrong != want for smell, wrong in smells.items()}, on=on)
    refuse({told: names != want}, on=on)


@exercise(
    "9.4",
    "Unfreeze the top",
    why="Every project on a published base takes this step, and no error tells when it went wrong.",
)
def unfreeze_top(answer):
    """Judge flags, what one batch moves, and the averages, for several counts."""
    x, y = np.random.default_rng().normal(3, 2, (16, 4)).astype("float32"), np.arange(16) % 3
    for count in (5, 0, 10):
        model, base = _frozen_base()
        if count == 5:
            model.train_on_batch(x, y)  # a step with the base frozen is recorded
        loss, (of_loss, *_) = model.loss, model.metrics  # the mean of the loss is made anew by `compile`
        on, before = f"count={count} of {len(base.layers)} layers", [w.numpy() for w in model.weights]
        outside = [layer.trainable for layer in model.layers if layer is not base]
        got = attempted(answer(model, base, count, 0.005), tf.keras.Model, asked="the model", on=on)
        require(got is model, "Return the model that was given: its weights are kept.")
        same = all(np.array_equal(w.numpy(), old) for w, old in zip(model.weights, before, strict=True))
        require(same, "The model's weights were changed. Only flags change here, and the compilation.")
        _require_flags(model, base, count, on)
        kept = outside == [layer.trainable for layer in model.layers if layer is not base]
        require(kept, f"For {on}: what stands outside the base learns as before. A flag there was changed.")
        rate = _rate(model)
        refuse({
            f"The learning rate is {rate:.3g}; 0.005 was asked for. Was the model compiled again?":
                not np.isclose(rate, 0.005),
            "The learning rate is right, and the model was not compiled again.": model.metrics[0] is of_loss,
            "The model has another loss than before: pass `model.loss` on.": not _alike(model.loss, loss),
        }, on=on)  # fmt: skip
        if count:  # an optimizer is for one model: a second one shows what was kept
            with functions_compiled(count == 5):  # once is enough: it takes most of the time
                _require_moves(model, base, x, y, on)
            decayed = f"For {on}: after a step the learning rate is {_rate(model):.6g}; it should stay at 0.005."
            require(np.isclose(_rate(model), 0.005), decayed)


def _alike(loss, other: tf.keras.losses.Loss) -> bool:
    """Tell whether two losses compute the same: one may be made anew, of the same class and settings."""
    return loss is other or (type(loss) is type(other) and loss.get_config() == other.get_config())


def _rate(model: tf.keras.Model) -> float:
    return float(np.asarray(model.optimizer.learning_rate))


def _frozen_base() -> tuple[tf.keras.Model, tf.keras.Model]:
    """Return a compiled model with a frozen base of eight layers, two of them batch normalization, and a head.

    The layers have names of their own, as those of published models have. Batch normalization stands outside, too, and
    a layer that is frozen.
    """
    layers = tf.keras.layers

    def dense(units):  # without a bias: to compile a step takes longer the more weights it moves
        return layers.Dense(units, use_bias=False)

    stack = [dense(5), layers.BatchNormalization(momentum=0.5, name="stem_bn"), dense(5), dense(4)]
    stack += [layers.LayerNormalization(), layers.ReLU(), layers.BatchNormalization(momentum=0.5, name="top_scale")]
    base = tf.keras.Sequential([layers.Input((4,)), *stack, dense(3)])
    base.trainable = False
    image = layers.Input((4,))
    inside = base(layers.Dense(4, trainable=False)(image), training=False)
    model = tf.keras.Model(image, layers.Dense(3)(layers.BatchNormalization()(inside)))
    rng = np.random.default_rng()
    for weight in model.weights:  # as after a training: none is what a new layer starts with
        weight.assign(weight.numpy() + rng.uniform(0.1, 0.5, weight.shape))
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=9)
    model.compile(tf.keras.optimizers.SGD(0.1), loss)
    return model, base


def _require_flags(model: tf.keras.Model, base: tf.keras.Model, count: int, on: str) -> None:
    norms = [isinstance(layer, tf.keras.layers.BatchNormalization) for layer in base.layers]
    first = len(base.layers) - min(count, len(base.layers))
    inside = {id(v) for v in model.trainable_variables}  # of the base alone: none where its own flag is off
    can_learn = [not norm and bool(layer.weights) for norm, layer in zip(norms, base.layers, strict=True)]
    want = [i >= first and can for i, can in enumerate(can_learn)]
    at_the_start = [i < count and can for i, can in enumerate(can_learn)]
    learns = [bool(inside & {id(v) for v in layer.weights}) for layer in base.layers]
    told, expected = (f"{np.flatnonzero(flags).tolist()}" for flags in (learns, want))
    told = f"these layers of the base learn: {told}, expected {expected}."
    refuse({
        "No layer of the base learns: where `base.trainable` becomes False, all layers inside are switched off.":
            any(want) and not any(learns) and not base.trainable,
        f"{told} That is the whole base: `base.trainable = True` sets the flags of all its layers, so it comes first.":
            count < len(learns) and learns == [bool(layer.weights) for layer in base.layers],
        f"{told} Batch normalization stays frozen.": any(one and norm for one, norm in zip(learns, norms, strict=True)),
        f"{told} For count=0 a slice [-0:] is the whole list.": count == 0 and learns == can_learn,
        f"{told} All but batch normalization learn: is `count` used?": 0 < count < len(learns) and learns == can_learn,
        f"{told} The count is more than the number of layers, so all are asked for. (A slice with a negative end "
        "leaves some out.)": count > len(learns) and learns != want,
        f"{told} The *last* layers were asked for.": learns == at_the_start != want,
        f"{told} One layer too many learns: every layer of base.layers counts, also one without weights, and one of "
        "batch normalization.": learns == [i >= first - 1 and can for i, can in enumerate(can_learn)] != want,
        f"{told} One layer too few learns.": learns == [i > first and can for i, can in enumerate(can_learn)] != want,
        f"{told} Layer normalization is no batch normalization: it keeps no averages, and may learn.":
            learns == [one and not isinstance(layer, tf.keras.layers.LayerNormalization)
                       for one, layer in zip(want, base.layers, strict=True)] != want,
        f"{told}": learns != want,
        "Batch normalization has no weights that learn, but its flag is on: its averages move in training.":
            any(layer.trainable for layer, norm in zip(base.layers, norms, strict=True) if norm),
        "The head does not learn any more.": not model.layers[-1].trainable_variables,
    }, on=on)  # fmt: skip


def _require_moves(model: tf.keras.Model, base: tf.keras.Model, x: np.ndarray, y: np.ndarray, on: str) -> None:
    learns = [layer.kernel for layer in base.layers if layer.trainable and hasattr(layer, "kernel")]
    frozen = [weight for layer in base.layers if not layer.trainable for weight in layer.weights]
    head = model.layers[-1].kernel
    before = {id(weight): weight.numpy() for weight in (*learns, *frozen, head)}
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)  # else the step makes variables, and is traced twice
    try:
        model.train_on_batch(x, y)
    except TypeError as problem:
        of_loss = (
            f"For {on}: the mean of the loss is one of model.metrics, and compile adds it: give it no such metrics."
        )
        require("update_state" not in str(problem), of_loss)
        raise
    moved = {id(weight) for weight in (*learns, *frozen, head) if np.any(weight.numpy() != before[id(weight)])}
    some = not learns or any(id(kernel) in moved for kernel in learns)  # a unit may be dead
    right = some and id(head) in moved and not any(id(weight) in moved for weight in frozen)
    require(right, f"For {on}: a step of training must move what learns, and nothing of what is frozen.")


@exercise(
    "9.5",
    "What tells two digits apart",
    deeper=True,
    why="You can now ask any classifier why it chose this class and not that one.",
)
def pixel_saliency(answer):
    """Judge on a small model whose slopes are known in closed form, gray and color, sure and unsure."""
    rng = np.random.default_rng()
    cases = (
        (40, "float32", 0.2, 1, "uint8"),  # labels as MNIST has them
        (40, "float32", 0.2, 1, "uint8"),  # twice: a result, or the labels, must not be kept for a shape
        (11, "float32", 30.0, 3, "int32"),
        (1, "uint8", 0.001, 1, "int64"),
    )
    for n, dtype, scale, colors, integer in cases:
        modes = []
        model, slopes = _known_model(scale, colors, modes)
        x = rng.integers(1, 256, (n, 28, 28, colors)).astype(dtype)
        x[rng.uniform(size=x.shape) < 0.5] = 0  # paper: it has a slope as well
        if dtype == "float32":
            x = x / np.float32(255) if colors == 1 else np.float32(301 / 255) * x - 1  # pixels of any size
        logits = np.asarray(model(tf.cast(x, tf.float32)), np.float64)
        winner = logits.argmax(-1)
        labels = rng.permutation(n) % 12
        labels[0] = (winner[0] + 1) % 12  # never the winners only
        rivals = (labels + rng.integers(1, 12, n)) % 12
        gradients, rows = slopes(np.asarray(x, np.float64)), np.arange(n)  # (n, 28, 28, colors, classes)
        label, rival = gradients[rows, ..., labels], gradients[rows, ..., rivals]
        difference = label - rival
        p = np.exp(logits - logits.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        mean = np.einsum("nijck,nk->nijc", gradients, p)
        of_loss = label - mean
        divided = slopes(np.asarray(x, np.float64) / 255)
        divided = np.abs(divided[rows, ..., labels] - divided[rows, ..., rivals]).max(-1)
        p_label, p_rival = (p[rows, classes][:, None, None, None] for classes in (labels, rivals))
        of_probabilities = p_label * (label - mean) - p_rival * (rival - mean)
        want = np.abs(difference).max(-1)
        on = f"{counted(n, f'{dtype} picture')} with {counted(colors, 'color')}"
        smells = {
            "The sign was kept: the absolute value is asked for.": difference.max(-1),
            "That is the slope of the label's logit alone: take the rival's away.": np.abs(label).max(-1),
            "That is the slope of the rival's logit alone.": np.abs(rival).max(-1),
            "The two slopes were added.": np.abs(label + rival).max(-1),
            "That is the difference of two absolute values: take the absolute value of the difference.":
                np.abs(np.abs(label).max(-1) - np.abs(rival).max(-1)),
            "That is the slope of the winning class: take the label's and the rival's.":
                np.abs(gradients[rows, ..., winner]).max(-1),
            "That is the winner's logit minus the rival's: take the labels that are given.":
                np.abs(gradients[rows, ..., winner] - rival).max(-1),
            "That is the slope of the loss, in which all classes count: take the two logits.": np.abs(of_loss).max(-1),
            "That is the slope of two probabilities: take the logits as they come, without a softmax.":
                np.abs(of_probabilities).max(-1),
            "The pictures were divided by 255 inside: the model takes them as they come.": divided / 255,
            "The pictures were divided by 255 first: the model takes them as they come.": divided,
            "Each picture got the labels and rivals of all: tf.gather needs batch_dims=1.":
                np.abs(np.sum(gradients[..., labels] - gradients[..., rivals], axis=-1)).max(-1),
            "The sign must go before the colors are compared: a steep slope downward is lost.":
                np.abs(difference.max(-1)),
            "That is the length of the slope over the colors; the greatest of them is asked for.":
                np.linalg.norm(difference, axis=-1),
            "That is gradient times picture: the slope alone is asked for.": np.abs(difference * x).max(-1),
            "A mean over the batch divides by the number of pictures: each has its own slope.": want / n,
            "The slopes were divided by the greatest of all: return them as they are.": want / want.max(),
            "The slopes of each picture were divided by their greatest: return them as they are.":
                want / want.max(axis=(1, 2), keepdims=True),
            "The color axis is still there: (n, 28, 28) is asked for.": np.abs(difference),
            "That is the mean over the colors; the greatest is asked for.": np.abs(difference).mean(-1),
            "That is the sum over the colors; the greatest is asked for.": np.abs(difference).sum(-1),
            "That is the first color only.": np.abs(difference)[..., 0],
        }  # fmt: skip
        labels, rivals = labels.astype(integer), rivals.astype(integer)
        given = x.copy(), labels.copy(), rivals.copy()
        modes.clear()
        got = answer(model, *given)
        refuse({
            "The model was called in training mode, where other pictures of the batch count, or neurons drop out.":
                any(modes),
            "The pictures, labels or rivals were changed in place: compute with a copy.":
                not all(map(np.array_equal, given, (x, labels, rivals))),
        }, on=on)  # fmt: skip
        unwatched = "None. The tape does not watch the pictures, or they are integers, or nothing is returned."
        refuse({unwatched: got is None}, on=on)
        array, size = as_array(attempted(got)), want.max()
        no_slope = "all slopes are 0. Integers have none: cast the pictures before the tape watches them."
        refuse({no_slope: dtype == "uint8" and array is not None and not np.any(array)}, on=on)
        smells = {smell: wrong / size for smell, wrong in smells.items()}
        got = got if array is None else array / size
        expect(got, want / size, on=f"{on}, divided by {size:.3g}", tolerance=1e-3, smells=smells)


def _known_model(scale: float, colors: int, modes: list):
    """Return a model with logits scale * (w.x + (v.x)²/2) for 12 classes, and its slopes as a function of x.

    Each call adds to `modes` whether it was in training mode.
    """
    rng, size = np.random.default_rng(), 784 * colors
    w, v = (rng.normal(0, 1 / 28, (size, 12)) for _ in range(2))
    w32, v32 = tf.constant(w, tf.float32), tf.constant(v, tf.float32)

    def model(x, training=False):
        modes.append(training is not None and bool(training))
        flat = tf.reshape(tf.cast(x, tf.float32), (-1, size))
        return scale * (flat @ w32 + tf.square(flat @ v32) / 2)

    def slopes(x):
        flat = x.reshape(-1, size)
        inner = flat @ v  # (n, 12)
        return scale * (w + inner[:, None, :] * v).reshape(len(flat), 28, 28, colors, 12)

    return model, slopes
