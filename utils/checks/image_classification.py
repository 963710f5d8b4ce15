"""Checks of notebook 09."""

from collections.abc import Collection, KeysView

import numpy as np
import tensorflow as tf

from utils.checks.engine import attempted, exercise, expect, refuse, require
from utils.checks.values import as_array


@exercise(
    "9.1",
    "A convolution by hand",
    deeper=True,
    why="A layer that you can compute by hand is one whose shapes and parameters never surprise you again.",
)
def convolve(answer):
    """Judge pictures of several shapes, channels and filters against the sum over patches."""
    rng = np.random.default_rng()
    for height, width, channels, filters in ((7, 5, 1, 1), (6, 8, 3, 4), (int(rng.integers(9, 14)), 7, 2, 3)):
        picture, kernel, bias = (
            rng.uniform(-1, 1, shape).astype("float32")
            for shape in ((height, width, channels), (3, 3, channels, filters), (filters,))
        )
        right = _correlate(picture, kernel)
        want = right + bias
        flipped, transposed = _correlate(picture, kernel[::-1, ::-1]), _correlate(picture, kernel.transpose(1, 0, 2, 3))
        padded = _correlate(np.pad(picture, ((1, 1), (1, 1), (0, 0))), kernel)
        smells = {
            "The bias is missing.": right,
            "The kernel is flipped, as in a mathematician's convolution; here it lies on the patch as it is.":
                flipped + bias,
            "Rows and columns of the kernel are swapped.": transposed + bias,
            "The channels were averaged; they are summed.": right / channels + bias,
            "The patch was averaged; its products are summed.": right / (9 * channels) + bias,
            "The picture was padded with zeros: without padding two rows and two columns are lost.": padded + bias,
            "A relu came in: the convolution alone is asked for.": np.maximum(want, 0),
            "The bias was added once for each channel: once is enough.": right + channels * bias,
            "Rows and columns of the result are swapped.": want.transpose(1, 0, 2),
            "The filters stand first; they belong on the last axis.": want.transpose(2, 0, 1),
            "There is a batch axis: one picture goes in, one comes out.": want[np.newaxis],
        }  # fmt: skip
        given = picture.copy(), kernel.copy(), bias.copy()
        expect(answer(*given), want, on=f"a picture {picture.shape} and a kernel {kernel.shape}", smells=smells)
        untouched = all(map(np.array_equal, given, (picture, kernel, bias)))
        require(untouched, "The caller's arrays were changed. Add into an array of your own.")


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
    """Judge what comes out: pictures of one spot, left of the middle or above it, sorted by label."""
    count = 2609  # a prime: no batch size divides it
    y_train = np.sort(np.random.default_rng().integers(0, 10, count)).astype("uint8")
    x_train = np.zeros((count, 28, 28), "uint8")
    x_train[y_train < 5, 13:16, 5:8] = 255  # labels 0 to 4: a spot at the left; 5 to 9: at the top
    x_train[y_train >= 5, 5:8, 13:16] = 255
    dataset = attempted(answer(x_train, y_train), tf.data.Dataset, asked="a tf.data.Dataset")
    passes = [_one_pass(dataset, count) for _ in range(2)]
    x, y = passes[0]
    _require_values(x)
    refuse({
        f"One pass gave {len(x)} pictures of {count}. Keep the last, smaller batch.": len(x) != count,
        "The labels of one pass are not those that were given.": not np.array_equal(np.sort(y), y_train),
    })  # fmt: skip
    _require_order(y, passes[1][1], y_train)
    _require_places([_centers(pictures) for pictures, _ in passes], y < 5)


def _require_places(spots: list[np.ndarray], left: np.ndarray) -> None:
    """Judge where the spots of two passes came out: the pictures with `left` have theirs at the left, others on top."""
    row, column = spots[0].T - 13.5
    misplaced = (left != (np.abs(column) > np.abs(row))).mean()
    beyond = ((column > 3.5) | (row > 3.5)).mean()
    sideways, overhead = (column[left] > 1.5).mean(), (row[~left] > 1.5).mean()
    moved = np.concatenate([np.ptp(spots[0][left], axis=0), np.ptp(spots[0][~left], axis=0)]).max()
    first, second = (np.sort(spot.round(3), axis=0) for spot in spots)
    refuse({
        f"{misplaced:.0%} of the pictures carry the label of another: pictures and labels were shuffled apart.":
            misplaced >= 0.3 and beyond <= 0.1,
        "Spots come out on all sides: the pictures are turned by a quarter turn or more.": misplaced >= 0.3,
        f"{sideways:.0%} of the spots left of the middle came out at the right: mirrored.": sideways >= 0.2,
        f"{overhead:.0%} of the spots at the top came out at the bottom: turned upside down.": overhead >= 0.2,
        "No picture was moved: every spot is where it was. Nothing random is mapped, or training=True is missing.":
            moved <= 0.5,
        "Both passes gave the same moved pictures: the random step ran once, perhaps in front of a cache.":
            np.array_equal(first, second),
    })  # fmt: skip


def _one_pass(dataset: tf.data.Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures and labels of one pass, or of as much of it as shows that it never ends."""
    pictures, labels, seen = [], [], 0
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
        })  # fmt: skip
        pictures.append(x_batch.numpy())
        labels.append(np.reshape(y_batch, -1))
        seen += len(pictures[-1])
        require(seen <= count, f"One pass gives more than the {count} pictures: it repeats. `fit` counts the epochs.")
    require(seen > 0, "The data set is empty.")
    return np.concatenate(pictures), np.concatenate(labels)


def _require_values(x: np.ndarray) -> None:
    least, greatest = x.min(), x.max()
    refuse({
        "All pixels are 0 or less: the ink was lost.": greatest <= 0,
        f"The largest value is {greatest:.4f}: the pixels were divided by 255 twice.": greatest <= 0.02,
        f"The largest value is {greatest:.4g}: the pixels were not divided by 255.": greatest > 1.01,
        f"The smallest value is {least:.3g}; from 0 to 1 is asked for.": least < -0.01,
        "Ink and paper were exchanged: 0 is paper, 1 is ink.": x.mean() >= 0.5,
    })  # fmt: skip


def _require_order(first: np.ndarray, second: np.ndarray, given: np.ndarray) -> None:
    early, alike = np.unique(first[:160]), np.mean(first[1:] == first[:-1])
    drift = np.corrcoef(np.arange(len(first)), first)[0, 1]
    refuse({
        "The order is the one in which they were given: nothing is shuffled.": np.array_equal(first, given),
        f"Neighbors have the same label in {alike:.0%} of the cases, 10% would be chance: whole batches were shuffled, "
        "not pictures. Shuffle before you batch.": alike > 0.4 and abs(drift) < 0.2,
        f"The first 160 pictures hold only the labels {early.tolist()}: the buffer of shuffle is smaller than the "
        "data, and mixes neighbors only.": len(early) < 10,
        f"Position and label are correlated ({drift:.2f}): the buffer of shuffle is smaller than the data.":
            drift > 0.12,
        "Both passes had the same order. Shuffle anew in each pass.": np.array_equal(first, second),
    })  # fmt: skip


def _centers(x: np.ndarray) -> np.ndarray:
    """Return the center of ink of each picture, (n, 2): row and column."""
    ink = np.maximum(x[..., 0], 0)
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
    rng = np.random.default_rng()
    y = np.concatenate([np.repeat(np.arange(10), 100), rng.choice([d for d in range(10) if d not in (6, 9)], 2000)])
    y = rng.permutation(y).astype("uint8")
    x = _rows_of_light(y, rng)

    def judge(pictures):
        return np.argmax(np.max(pictures, axis=(2, 3))[:, :10], axis=1)

    def to(rows, share=None):
        """Return an augmentation that makes digit d the digit rows[d], for a share of each digit's pictures."""

        def augment(pictures):
            digits, ranks = judge(np.array(pictures)), np.array(pictures)[:, -1, -1, 0]
            chosen = ranks < 1 if share is None else ranks < np.array([share.get(digit, 0) for digit in digits])
            changed = np.array(pictures)
            changed[chosen, :10] = np.array(pictures)[chosen][:, rows]
            return changed

        return augment

    rows = np.arange(10)
    half_turn, mirror, next_row = rows.copy(), rows.copy(), np.roll(rows, 1)
    half_turn[[6, 9]], mirror[[2, 5]] = [9, 6], [5, 2]
    augmentations = {
        "shift": lambda pictures: np.concatenate([np.roll(pictures[:, :27], 2, axis=2), pictures[:, 27:]], axis=1),
        "half turn": to(half_turn),
        "mirror": to(mirror),
        "smudge": to(next_row, share={digit: 0.05 for digit in range(10)}),
        "blot": to(next_row, share={6: 0.25}),
        "scramble": to(next_row),
    }
    right = {name: judge(augment(x)) == y for name, augment in augmentations.items()}
    shares = {name: [np.mean(hits[y == digit]) for digit in rows] for name, hits in right.items()}

    def those(passes):
        """Return the names whose shares, one a digit, pass."""
        return {name for name, parts in shares.items() if passes(parts)}

    want, everything = those(lambda parts: min(parts) >= 0.9), set(augmentations)
    smells = {
        "All are allowed there: ask the judge after each one.": everything,
        "Those are the forbidden ones.": everything - want,
        "That is an average over all pictures: 6 and 9 are rare in y and disappear. Take each digit by itself.":
            {name for name, hits in right.items() if np.mean(hits) >= 0.9},
        "That takes the average of the digits' shares: nine good digits hide a bad one. Take the worst.":
            those(lambda parts: np.mean(parts) >= 0.9),
        "That asks whether one digit survives. All must.": those(lambda parts: max(parts) >= 0.9),
        "That asks for every single picture: the share `least` is enough.": those(lambda parts: min(parts) == 1),
        "That looks at 6 and 9 only; a mirror exchanges 2 and 5.": those(lambda parts: min(parts[6], parts[9]) >= 0.9),
        "None is allowed there, though a shift changes no label.": set(),
    }  # fmt: skip
    _expect_names(answer(dict(augmentations), judge, x.copy(), y.copy()), want, smells, "six augmentations, least=0.9")
    strict, fixed = those(lambda parts: min(parts) >= 0.99), {"The argument `least` was ignored.": want}
    _expect_names(answer(dict(augmentations), judge, x.copy(), y.copy(), 0.99), strict, fixed, "the same, least=0.99")
    lax, above = (
        those(lambda parts, reach=reach: reach(min(parts))) for reach in (lambda p: p >= 0.75, lambda p: p > 0.75)
    )
    exact = {"For one of them the worst share is exactly 0.75: `least` itself is enough.": above}
    _expect_names(answer(dict(augmentations), judge, x.copy(), y.copy(), 0.75), lax, exact, "the same, least=0.75")
    few, short = y != 6, {"as it is": np.array}
    absent = {"A digit that does not occur in y cannot fail: its share is 0/0.": set()}
    _expect_names(answer(short, judge, x[few], y[few]), {"as it is"}, absent, "pictures without any 6")
    misread = {
        "There the judge errs on the pictures as they are. The truth is y, not what the judge said before.": {
            "as it is"
        }
    }
    disputed = np.where((y == 4) & (x[:, -1, -1, 0] < 0.5), 5, y).astype("uint8")
    _expect_names(answer(short, judge, x.copy(), disputed), set(), misread, "a judge that errs on many a 5")


def _rows_of_light(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pictures (n, 28, 28, 1): the row of a lit pixel is the digit, the last pixel its rank among its kind."""
    x = np.zeros((len(y), 28, 28, 1), "float32")
    x[np.arange(len(y)), y, rng.integers(3, 25, len(y))] = 1.0
    for digit in np.unique(y):
        here = np.flatnonzero(y == digit)
        x[here, -1, -1, 0] = (np.arange(len(here)) + 0.5) / len(here)
    return x


def _expect_names(got, want: set, smells: dict[str, set], on: str) -> None:
    attempted(got, Collection, asked="the set of the allowed names", on=on)
    attempted(got, set, frozenset, list, tuple, dict, KeysView, asked="a set of names, not one text,", on=on)
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
    for count in (3, 0, 99):
        model, base = _frozen_base()
        model.train_on_batch(x, y)  # a step with the base frozen is recorded
        loss = model.loss
        on, before = f"count={count} of {len(base.layers)} layers", [w.numpy() for w in base.weights]
        got = attempted(answer(model, base, count, 0.005), tf.keras.Model, asked="the model", on=on)
        require(got is model, "Return the model that was given: its weights are kept.")
        same = all(np.array_equal(w.numpy(), old) for w, old in zip(base.weights, before, strict=True))
        require(same, "The base's weights were changed. Only flags change here, and the compilation.")
        _require_flags(model, base, count, on)
        rate = float(np.asarray(model.optimizer.learning_rate))
        refuse({
            f"The learning rate is {rate:.3g}; 0.005 was asked for. Was the model compiled again?":
                not np.isclose(rate, 0.005),
            "The model has another loss than before: pass `model.loss` on.": model.loss is not loss,
        }, on=on)  # fmt: skip
        if count != 99:
            _require_moves(model, base, x, y, on)


def _frozen_base() -> tuple[tf.keras.Model, tf.keras.Model]:
    """Return a compiled model with a frozen base of six layers, two of them batch normalization, and a head."""
    layers = tf.keras.layers
    stack = [layers.Dense(5), layers.BatchNormalization(momentum=0.5), layers.Dense(5), layers.Dense(4, "relu")]
    base = tf.keras.Sequential([layers.Input((4,)), *stack, layers.BatchNormalization(momentum=0.5), layers.Dense(3)])
    base.trainable = False
    image = layers.Input((4,))
    model = tf.keras.Model(image, layers.Dense(3)(base(image, training=False)))
    model.compile(tf.keras.optimizers.SGD(0.1), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, base


def _require_flags(model: tf.keras.Model, base: tf.keras.Model, count: int, on: str) -> None:
    norms = [isinstance(layer, tf.keras.layers.BatchNormalization) for layer in base.layers]
    first = len(base.layers) - min(count, len(base.layers))
    want = [i >= first and not norm for i, norm in enumerate(norms)]
    inside = {id(v) for v in base.trainable_variables}
    learns = [bool(inside & {id(v) for v in layer.weights}) for layer in base.layers]
    told, expected = (f"{np.flatnonzero(flags).tolist()}" for flags in (learns, want))
    told = f"these layers of the base learn: {told}, expected {expected}."
    refuse({
        "No layer of the base learns. A frozen model hides the flags inside: unfreeze the base first, then its layers.":
            any(want) and not any(learns),
        f"{told} Batch normalization stays frozen.": any(one and norm for one, norm in zip(learns, norms, strict=True)),
        f"{told} For count=0 a slice [-0:] is the whole list.": count == 0 and any(learns),
        f"{told} The *last* layers were asked for.": any(learns[:first]) and not any(learns[first:]),
        f"{told}": learns != want,
        "Batch normalization has no weights that learn, but its flag is on: its averages move in training.":
            any(layer.trainable for layer, norm in zip(base.layers, norms, strict=True) if norm),
        "The head does not learn any more.": not model.layers[-1].trainable_variables,
    }, on=on)  # fmt: skip


def _require_moves(model: tf.keras.Model, base: tf.keras.Model, x: np.ndarray, y: np.ndarray, on: str) -> None:
    before = {id(w): w.numpy() for w in model.weights}
    model.train_on_batch(x, y)
    moved = {i for i, old in before.items() if any(id(w) == i and np.any(w.numpy() != old) for w in model.weights)}
    kernels = [layer.kernel for layer in base.layers if layer.trainable and hasattr(layer, "kernel")]
    refuse({
        "The flags are right, and a step of training moves nothing in the base: the model was not compiled again.":
            bool(kernels) and not any(id(kernel) in moved for kernel in kernels),
        "A step of training moves nothing outside the base.": id(model.layers[-1].kernel) not in moved,
        "A step of training moves what is frozen: compile after the flags are set.":
            any(id(w) in moved for layer in base.layers if not layer.trainable for w in layer.weights),
    }, on=on)  # fmt: skip


@exercise(
    "9.5",
    "What tells two digits apart",
    deeper=True,
    why="You can now ask any classifier why it chose this class and not that one.",
)
def pixel_saliency(answer):
    """Judge on a small model whose slopes are known in closed form, gray and color, sure and unsure."""
    for dtype, scale, colors in (("float32", 0.2, 1), ("float32", 30.0, 3), ("uint8", 0.001, 1)):
        model, slopes = _known_model(scale, colors)
        rng = np.random.default_rng()
        x = rng.integers(1, 256, (5, 28, 28, colors)).astype(dtype)
        x = x if dtype == "uint8" else x / np.float32(255)
        logits = np.asarray(model(tf.cast(x, tf.float32)), np.float64)
        winner = logits.argmax(-1)
        labels = rng.permutation(5) % 4
        labels[0] = (winner[0] + 1) % 4  # never the winners only
        rivals = (labels + rng.integers(1, 4, 5)) % 4
        gradients, rows = slopes(np.asarray(x, np.float64)), np.arange(5)  # (n, 28, 28, colors, classes)
        label, rival = gradients[rows, ..., labels], gradients[rows, ..., rivals]
        difference = label - rival
        p = np.exp(logits - logits.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        of_loss = label - np.einsum("nijck,nk->nijc", gradients, p)
        want = np.abs(difference).max(-1)
        on = f"5 {dtype} pictures, {colors} colors, labels {labels.tolist()}, rivals {rivals.tolist()}"
        smells = {
            "The sign was kept: the absolute value is asked for.": difference.max(-1),
            "That is the slope of the label's logit alone: take the rival's away.": np.abs(label).max(-1),
            "That is the slope of the rival's logit alone.": np.abs(rival).max(-1),
            "The two slopes were added.": np.abs(label + rival).max(-1),
            "That is the difference of two absolute values: take the absolute value of the difference.":
                np.abs(np.abs(label).max(-1) - np.abs(rival).max(-1)),
            "That is the slope of the winning class: take the label's and the rival's.":
                np.abs(gradients[rows, ..., winner]).max(-1),
            "That is the slope of the loss, in which all classes count: take the two logits.": np.abs(of_loss).max(-1),
            "That is gradient times picture: the slope alone is asked for.": np.abs(difference * x).max(-1),
            "A mean over the batch divides by the number of pictures: each has its own slope.": want / 5,
            "The color axis is still there: (n, 28, 28) is asked for.": np.abs(difference),
            "That is the mean over the colors; the greatest is asked for.": np.abs(difference).mean(-1),
            "That is the sum over the colors; the greatest is asked for.": np.abs(difference).sum(-1),
            "That is the first color only.": np.abs(difference)[..., 0],
        }  # fmt: skip
        got = answer(model, x, labels, rivals)
        unwatched = "None. The tape does not watch the pictures, or they are integers, or nothing is returned."
        refuse({unwatched: got is None}, on=on)
        array, size = as_array(attempted(got)), want.max()
        smells = {smell: wrong / size for smell, wrong in smells.items()}
        got = got if array is None else array / size
        expect(got, want / size, on=f"{on}, divided by {size:.3g}", tolerance=1e-3, smells=smells)


def _known_model(scale: float, colors: int):
    """Return a model with logits scale * (w.x + (v.x)²/2) for 4 classes, and its slopes as a function of x."""
    rng, size = np.random.default_rng(), 784 * colors
    w, v = (rng.normal(0, 1 / 28, (size, 4)) for _ in range(2))
    w32, v32 = tf.constant(w, tf.float32), tf.constant(v, tf.float32)

    def model(x, training=False):
        flat = tf.reshape(tf.cast(x, tf.float32), (-1, size))
        return scale * (flat @ w32 + tf.square(flat @ v32) / 2)

    def slopes(x):
        flat = x.reshape(-1, size)
        inner = flat @ v  # (n, 4)
        return scale * (w + inner[:, None, :] * v).reshape(len(flat), 28, 28, colors, 4)

    return model, slopes
