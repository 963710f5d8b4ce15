"""`prepare`, which notebook 9 offers as the reader's own: it reads digits from many kinds of sheets, refuses the rest.

The functions are taken from the notebook as they stand there, so they need nothing but NumPy, TensorFlow and Pillow.
"""

import ast
import io

import numpy as np
import pytest

from tests.environment import SCRATCH
from tests.notebooks import NOTEBOOKS, definitions, module_of
from utils import session  # noqa: F401  (before TensorFlow)

# isort: split
import tensorflow as tf
from PIL import Image

from utils.data.digits import draw_digits
from utils.data.garments import draw_garments

TOOLS = ["open_picture", "refuse_if", "on_paper", "colors_of", "resized", "greatest_around", "ink_of", "box_of"]
TOOLS += ["with_usual_pen", "centered", "refuse_strange", "prepare"]
IMPORTS = ast.parse("from PIL import Image, ImageOps").body
PARTS = definitions(NOTEBOOKS[8])
LESSON = module_of([*IMPORTS, *(PARTS[name] for name in TOOLS)], SCRATCH / "prepare_lesson.py")
prepare, open_picture = LESSON.prepare, LESSON.open_picture


@pytest.fixture(scope="module")
def model():
    """The notebook's network, trained as there: on digits that are shifted and turned."""
    tf.keras.utils.set_random_seed(1)
    layers = tf.keras.layers
    x, y = draw_digits(8000, 1)
    move = [
        layers.RandomTranslation(0.12, 0.12, fill_mode="constant"),
        layers.RandomRotation(0.08, fill_mode="constant"),
    ]
    body = [layers.Conv2D(16, 5, strides=2, activation="relu"), layers.Conv2D(32, 3, strides=2, activation="relu")]
    body += [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)]
    model = tf.keras.Sequential([layers.Input((28, 28, 1)), layers.Rescaling(1 / 255), *move, *body])
    rate = tf.keras.optimizers.schedules.CosineDecay(0.0, 250, warmup_target=0.01, warmup_steps=70)
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.Adam(rate), loss_fn)
    model.fit(x[..., np.newaxis], y, batch_size=100, epochs=4, verbose=0)
    return model


@pytest.fixture(scope="module")
def digits():
    return draw_digits(60, 9)


def sheet(digit, rng, *, shape=(160, 160), size=112, paper=255, ink=0, shade=0.0, noise=0.0, away=0, pen=0):
    """Return a digit on a sheet, uint8 (h, w, 3): its pen wider or narrower by `pen` pixels, `away` from the middle."""
    mask = np.asarray(Image.fromarray(digit).resize((size, size), Image.BICUBIC), "float32")[
        np.newaxis, ..., np.newaxis
    ]
    if pen:
        width = abs(pen) + 1
        mask = np.sign(pen) * tf.nn.max_pool2d(np.sign(pen) * mask, width, 1, "SAME").numpy()
    top, left = ((side - size) // 2 + rng.integers(-away, away + 1) for side in shape)
    full = np.zeros((*shape, 1), "float32")
    full[top : top + size, left : left + size] = np.clip(mask[0] / 255, 0, 1)
    light = 1 - shade * np.linspace(0, 1, shape[1])[:, np.newaxis]
    colors = (np.float32(paper) * (1 - full) + np.float32(ink) * full) * light + rng.normal(0, noise, (*shape, 3))
    return np.clip(np.round(colors), 0, 255).astype("uint8")


def saved(picture, kind, **how):
    """Return a picture as `open_picture` reads it back from a file."""
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return open_picture(file)


def on_its_side(digit, rng, flag, turn):
    """Return a photo that lies on its side, with the EXIF flag that says how."""
    exif = Image.Exif()
    exif[0x0112] = flag
    return saved(Image.fromarray(sheet(digit, rng, shape=(200, 160))).transpose(turn), "JPEG", exif=exif)


def transparent(digit, ink):
    """Return a PNG without paper."""
    mask = np.asarray(Image.fromarray(digit).resize((112, 112), Image.BICUBIC))
    return saved(np.dstack([np.full((112, 112, 3), ink, "uint8"), mask]), "PNG")


KINDS = {
    "as MNIST": lambda digit, rng: digit,
    "0 to 1": lambda digit, rng: digit / 255,
    "16 bits": lambda digit, rng: saved(Image.fromarray(65535 - 257 * digit.astype("uint16")), "PNG"),
    "black or white": lambda digit, rng: digit < 128,
    "white paper": lambda digit, rng: saved(sheet(digit, rng), "PNG"),
    "with a color axis of 1": lambda digit, rng: (255 - digit)[..., np.newaxis],
    "gray paper": lambda digit, rng: saved(sheet(digit, rng, paper=200, ink=60), "PNG"),
    "dark gray paper, small": lambda digit, rng: np.uint8(140 - 100 * (digit / 255)),
    "shade": lambda digit, rng: saved(sheet(digit, rng, paper=230, ink=50, shade=0.5, noise=4), "JPEG"),
    "blue ink": lambda digit, rng: saved(
        sheet(digit, rng, paper=(235, 230, 220), ink=(60, 80, 190), shade=0.2), "JPEG"
    ),
    "pencil": lambda digit, rng: saved(sheet(digit, rng, paper=225, ink=140, noise=5), "JPEG"),
    "chalk": lambda digit, rng: saved(sheet(digit, rng, paper=(40, 60, 50), ink=220, noise=4), "JPEG"),
    "transparent": lambda digit, rng: transparent(digit, 0),
    "transparent, white ink": lambda digit, rng: transparent(digit, 255),
    "palette": lambda digit, rng: saved(Image.fromarray(sheet(digit, rng)).convert("P"), "PNG"),
    "on its left side": lambda digit, rng: on_its_side(digit, rng, 6, Image.Transpose.ROTATE_90),
    "on its right side": lambda digit, rng: on_its_side(digit, rng, 8, Image.Transpose.ROTATE_270),
    "upside down": lambda digit, rng: on_its_side(digit, rng, 3, Image.Transpose.ROTATE_180),
    "off center": lambda digit, rng: saved(sheet(digit, rng, shape=(300, 300), away=90, noise=3), "JPEG"),
    "a large sheet": lambda digit, rng: saved(
        sheet(digit, rng, shape=(500, 420), away=120, paper=235, ink=40, shade=0.4, noise=4), "JPEG"
    ),
    "a large digit": lambda digit, rng: sheet(digit, rng, shape=(400, 300), size=260, paper=215, ink=50, shade=0.3),
    "a thin pen": lambda digit, rng: sheet(digit, rng, pen=-3),
    "a thick pen": lambda digit, rng: sheet(digit, rng, pen=6),
    "a very thick pen": lambda digit, rng: sheet(digit, rng, pen=9),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nine_in_ten_are_read_on_every_kind_of_sheet(kind, model, digits):
    rng, (x, y) = np.random.default_rng(3), digits
    prepared = np.concatenate([prepare(KINDS[kind](digit, rng)) for digit in x])
    assert prepared.shape == (len(x), 28, 28, 1) and prepared.dtype == np.uint8 and prepared.max() == 255
    assert np.mean(np.argmax(model(prepared, training=False), -1) == y) >= 0.9


def test_a_prepared_digit_stands_as_in_mnist(digits):
    for digit in digits[0][:20]:
        picture = np.float64(prepare(np.pad(255 - digit, ((0, 30), (5, 0)), constant_values=255))[0, ..., 0])
        rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        center = [np.sum(picture.sum(axis) @ np.arange(28)) / picture.sum() for axis in (1, 0)]
        assert np.allclose(center, 13.5, atol=0.75)


def test_the_callers_array_is_left_alone(digits):
    picture = 255 - digits[0][0]
    kept = picture.copy()
    prepare(picture)
    assert np.array_equal(picture, kept)


RNG = np.random.default_rng(5)
DIGIT = draw_digits(2, 4)[0]
NO_DIGIT = {
    "a blank sheet": np.full((60, 60, 3), 200, "uint8"),
    "a black sheet": np.zeros((28, 28), "uint8"),
    "a blank sheet in the shade": np.full((200, 200), 220) * np.linspace(1, 0.4, 200),
    "a blank sheet with noise": np.clip(RNG.normal(200, 6, (200, 200, 3)), 0, 255),
    "noise": RNG.integers(0, 256, (80, 80)).astype("uint8"),
    "a batch": np.zeros((5, 28, 28, 1), "uint8"),
    "a batch of one": DIGIT[:1, ..., np.newaxis],
    "a gray batch": np.zeros((7, 28, 28), "uint8"),
    "channels first": np.stack([DIGIT[0]] * 3),
    "one channel first": DIGIT[:1],
    "a row of pixels": DIGIT[0].reshape(-1),
    "one number": np.uint8(3),
    "nothing": np.zeros((0, 28)),
    "too small": np.zeros((5, 5)),
    "nan": np.where(DIGIT[0] > 0, np.nan, 0),
    "from -1 to 1": DIGIT[0] / 127.5 - 1,
    "a path": "digit.png",
    "two digits": np.hstack([DIGIT[0][:, 3:25], np.zeros((28, 6), "uint8"), DIGIT[1][:, 3:25]]),
    "two digits, one above the other": np.vstack([DIGIT[0], np.zeros((10, 28), "uint8"), DIGIT[1]]),
    "stripes": np.tile(np.repeat([0, 255], 6), (96, 8)).astype("uint8"),
}


@pytest.mark.parametrize("name", NO_DIGIT)
def test_what_is_no_single_digit_is_refused_in_a_sentence(name):
    with pytest.raises(ValueError) as raised:
        prepare(NO_DIGIT[name])
    assert str(raised.value).endswith(".") and len(str(raised.value).split()) > 4


def test_hardly_a_digit_is_refused_and_many_a_garment():
    def refused(picture):
        try:
            return prepare(picture) is None
        except ValueError:
            return True

    assert np.mean([refused(digit) for digit in draw_digits(300, 6)[0]]) <= 0.02
    assert np.mean([refused(garment) for garment in draw_garments(200, 6)[0]]) > 0.4
