"""A stand-in for MNIST, drawn by code: handwritten-looking digits from jittered pen strokes.

The course must run offline and its tests must not need a download, so `draw_digits` draws images of MNIST's shape,
dtype and look: white ink on black, the longer side of a digit about 20 pixels, its center of mass near the middle.

The spread of shapes below is calibrated so that the usual models score about the same on drawn and on real digits. Test
accuracy; Keras 3, Adam's defaults, batches of 64, 5 epochs, pixels divided by 255; real: measured or published:

    trained on 8,000, tested on 2,000                           real   drawn
    softmax regression                                          0.89   0.88
    Dense(128, relu)                                            0.93   0.94
    Conv2D(32, 3), MaxPooling2D, Dense(64)                      0.96   0.96
    the same three, on digits shifted by up to 12 %             0.40   0.38
      and rotated by up to 29 degrees                           0.46   0.42
                                                                0.54   0.54
    convolutional, trained with such shifts and rotations       0.96   0.95
      the same, on shifted and rotated digits                   0.92   0.89
    convolutional, trained with left-right flips                0.90   0.93
      the same, pixels divided by 255 twice                     0.68   0.72

    trained on 60,000, tested on 10,000                         real   drawn
    softmax regression                                          0.92   0.93
    Dense(128, relu)                                            0.978  0.972
    Conv2D(32, 3), MaxPooling2D, Dense(64)                      0.988  0.983
"""

from functools import cache

import numpy as np

# Each digit is written in several ways, all equally likely. A way of writing is one or more strokes separated by "|".
# A stroke is a list of "x,y" points in percent of the digit's height, x to the right and y down from the top left; the
# pen passes them in this order along a smooth curve. A point that is repeated at once is a sharp corner.
STYLES = {
    0: [
        "55,3 30,12 12,40 15,75 38,97 65,88 82,55 75,20 52,3",
        "70,10 45,2 18,30 12,65 30,95 60,90 80,60 78,25 55,5 38,12",
        "40,5 15,30 15,75 45,98 75,75 78,35 60,5",
        "30,12 60,2 84,30 80,72 50,97 20,80 14,45 32,8",
    ],
    1: [
        "50,0 50,50 50,100",
        "56,0 48,50 47,100",
        "46,0 52,50 52,100",
        "50,0 49,30 51,70 50,100",
        "40,14 52,0 52,0 51,50 50,100",
        "38,15 52,0 52,0 51,50 50,100 | 24,98 50,99 76,98",
    ],
    2: [
        "15,25 35,3 68,8 75,32 50,65 12,97 12,97 50,93 85,95",
        "15,22 40,2 72,15 65,50 30,88 12,90 18,75 40,82 60,95 88,92",
        "10,15 45,5 70,25 45,60 12,88 45,84 88,98",
        "15,10 50,4 78,18 45,55 14,92 50,95 85,93",
        "20,8 55,4 74,20 48,50 22,82 48,96 84,90",
        "22,30 30,5 62,4 66,35 40,72 14,92 24,80 55,90 92,84",
    ],
    3: [
        "18,15 45,2 72,20 60,42 38,48 38,48 68,55 78,78 50,98 15,88",
        "15,5 45,5 72,5 72,5 40,42 40,42 72,55 75,82 45,99 15,88",
        "20,12 50,2 72,22 55,44 34,50 50,45 75,62 68,90 38,98 12,85",
        "22,28 28,6 56,1 73,22 46,45 46,45 75,68 56,98 26,94 16,74",
        "25,10 55,0 70,20 50,42 50,42 72,62 60,90 20,98",
    ],
    4: [
        "25,5 15,45 20,58 50,58 85,52 | 72,2 68,50 65,100",
        "62,2 38,32 12,65 12,65 50,64 90,63 | 62,2 62,50 60,100",
        "26,6 18,42 36,54 70,46 | 74,4 69,50 62,100",
        "30,5 14,50 14,50 45,51 82,47 | 70,25 65,60 60,100",
        "20,5 18,40 42,52 70,40 75,5 75,5 68,50 62,100",
        "40,0 20,48 20,48 85,45 | 62,20 56,60 48,100",
    ],
    5: [
        "25,5 22,42 22,42 55,38 80,62 65,92 15,92 | 25,5 50,4 80,3",
        "80,4 32,6 24,40 60,40 78,68 55,97 15,88",
        "78,5 40,8 25,30 45,45 70,60 65,88 40,98 12,90",
        "84,6 46,4 26,22 50,46 76,70 52,96 14,92",
        "24,12 20,42 55,42 75,70 50,98 12,90 | 28,8 58,3 85,0",
    ],
    6: [
        "65,2 35,25 15,65 30,95 62,95 75,72 55,55 25,70",
        "45,0 22,45 18,80 45,98 72,82 62,60 35,62 20,80",
        "75,8 40,12 15,50 20,85 55,98 80,72 60,48 22,58",
        "60,0 35,35 25,75 40,97 60,88 58,70 40,70 28,85",
    ],
    7: [
        "15,8 48,8 80,6 80,6 55,50 40,100",
        "15,8 48,8 80,6 80,6 55,50 40,100 | 30,50 52,49 74,48",
        "15,24 16,5 16,5 48,8 82,7 82,7 60,45 48,100",
        "12,15 40,5 78,10 65,45 50,100",
    ],
    8: [
        "72,15 48,2 25,18 40,42 65,60 70,85 45,98 20,82 35,58 62,38 74,15",
        "50,2 25,22 50,46 75,24 50,2 | 50,46 20,72 50,98 80,74 50,46",
        "78,8 42,4 28,25 60,55 68,82 40,98 25,80 45,55 80,18",
        "50,48 25,25 50,2 74,22 50,48 24,75 48,98 72,78 50,48",
    ],
    9: [
        "75,20 50,3 22,20 30,45 60,42 75,15 75,15 72,60 68,100",
        "75,20 50,3 22,20 30,45 60,42 75,15 75,15 78,60 60,95 25,92",
        "70,15 45,3 22,28 38,48 65,35 72,10 65,50 50,100",
        "65,8 30,15 25,42 55,45 75,15 72,50 65,100",
    ],
}

SIZE = 28  # pixels, height and width of an image
BOX = 20  # pixels, the longer side of a digit, ink included
SAMPLES = 84  # points along the pen's path: hardly ever more than a pixel apart, so that blurred dots join
CHUNK = 5_000  # images drawn at a time, which bounds memory

# Standard deviations of what differs from hand to hand; they set how hard the digits are (table above).
SLOPPINESS = 0.42  # log of how carelessly one digit is written; multiplies the next two
JITTER = 0.033  # of each control point, in digit heights
BEND = 0.27  # of the coefficients of the quadratic warp of the whole digit
ASPECT = 0.17  # log of width / height
LEAN, SLANT = 0.27, 0.25  # mean and deviation of the shear to the right: most people write with the right hand
ROTATION = 0.13  # radians
RADIUS, THICKNESS = 1.05, 0.32  # the pen's radius in pixels, median and deviation of its log
SHRINK = 0.03  # log of how far a digit stays below the full box
OFFSET = 0.38  # pixels off the center of mass


def draw_digits(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` handwritten-looking digits, deterministically for a pair (`n`, `seed`).

    Returns:
        images: uint8, shape (n, 28, 28), white ink (255) on black (0), as in MNIST. Another processor may round a few
            pixels to the neighboring gray level.
        labels: uint8, shape (n,), 0 to 9, each equally often to within one, shuffled.

    Raises:
        ValueError: if `n` is less than 1.

    Two calls with the same seed and different `n` share no digits: draw once and slice.
    """
    if n < 1:
        raise ValueError(f"Expected n of at least 1 digit to draw, got {n}; pass a positive number.")
    rng = np.random.default_rng(seed)
    digits, *_ = _styles()
    labels = rng.permutation(np.arange(n) % 10).astype(np.uint8)
    first_style, style_count = np.searchsorted(digits, np.arange(10)), np.bincount(digits)
    style = first_style[labels] + (rng.random(n) * style_count[labels]).astype(int)
    images = np.empty((n, SIZE, SIZE), np.uint8)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        images[part] = _draw(style[part], rng)
    return images, labels


def _draw(style: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one image for each entry of `style`, an index into `_styles()`; return uint8 (n, 28, 28)."""
    x, y = _slant(*_trace(style, rng), rng)
    radius = np.clip(RADIUS * np.exp(THICKNESS * _normal(rng, len(x), 1)), 0.65, 1.6)
    *_, pen_down = _styles()
    return _ink(*_fit(x, y, radius, pen_down[style], rng), radius)


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


@cache
def _styles() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Turn STYLES into arrays whose first axis is the style, padded to the style with most control points.

    Returns digits (styles,); control points (styles, points, 2); weights (styles, SAMPLES, points) that turn control
    points into the pen's path; and pen_down (styles, SAMPLES), 0 where the pen is lifted before the next sample.
    """
    ways = [(digit, _parse(way)) for digit, ways in STYLES.items() for way in ways]
    most = max(sum(map(len, strokes)) for _, strokes in ways)
    controls = np.zeros((len(ways), most, 2), np.float32)
    curves = np.zeros((len(ways), SAMPLES, most), np.float32)
    pen_down = np.ones((len(ways), SAMPLES), np.float32)
    for i, (_, strokes) in enumerate(ways):
        lengths = np.array([np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum() for stroke in strokes])
        ends = np.round(SAMPLES * np.cumsum(lengths) / lengths.sum()).astype(int)
        start = column = 0
        for stroke, end in zip(strokes, ends, strict=True):
            # A corner is two entries of the curve but one control point, which moves as one.
            is_new = np.append(True, np.diff(stroke, axis=0).any(axis=1))
            columns = slice(column, column + is_new.sum())
            controls[i, columns] = stroke[is_new]
            merge = np.eye(is_new.sum())[is_new.cumsum() - 1]
            curves[i, start:end, columns] = _catmull_rom(stroke, end - start) @ merge
            pen_down[i, end - 1] = 0
            start, column = end, columns.stop
    return np.array([digit for digit, _ in ways]), controls, curves, pen_down


def _parse(way: str) -> list[np.ndarray]:
    """Return the strokes of one entry of STYLES, each of shape (points, 2), in digit heights around the middle."""
    return [np.array([point.split(",") for point in stroke.split()], float) / 100 - 0.5 for stroke in way.split("|")]


def _catmull_rom(stroke: np.ndarray, samples: int) -> np.ndarray:
    """Return weights (samples, len(stroke)) of the control points along their Catmull-Rom curve, evenly in length."""
    lengths = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
    knots = np.append(0, lengths.cumsum())
    position = np.linspace(0, knots[-1], samples)
    segment = np.minimum(np.searchsorted(knots, position, side="right") - 1, len(lengths) - 1)
    t = (position - knots[segment]) / lengths[segment]
    blend = np.array([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]) / 2
    weights = np.zeros((samples, len(stroke)))
    for offset, share in zip((-1, 0, 1, 2), blend, strict=True):
        neighbor = np.clip(segment + offset, 0, len(stroke) - 1)
        np.add.at(weights, (np.arange(samples), neighbor), share)
    return weights


def _trace(style: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the pen's path x, y, each (n, SAMPLES), in digit heights: control points jittered, then the whole bent."""
    _, controls, curves, _ = _styles()
    n = len(style)
    sloppiness = np.exp(SLOPPINESS * _normal(rng, n, 1, 1))
    path = curves[style] @ (controls[style] + JITTER * sloppiness * _normal(rng, n, *controls.shape[1:]))
    x, y = path[..., 0], path[..., 1]
    quadratic = np.stack([x * x, x * y, y * y], axis=2)
    path = path + quadratic @ (BEND * np.minimum(sloppiness, 1.5) * _normal(rng, n, 3, 2))
    return path[..., 0], path[..., 1]


def _slant(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Stretch, shear and rotate each path at random."""
    aspect, shear, angle = _normal(rng, 3, len(x), 1)
    x = x * np.exp(ASPECT * aspect)
    x = x - (LEAN + SLANT * shear) * y
    cos, sin = np.cos(ROTATION * angle), np.sin(ROTATION * angle)
    return x * cos - y * sin, x * sin + y * cos


def _fit(
    x: np.ndarray, y: np.ndarray, radius: np.ndarray, pen_down: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale each path to the box and put its center of mass near the middle, as in MNIST.

    Returns x and y in pixels, and ink, each (n, SAMPLES). The ink of a sample is the length of line
    it stands for, in pixels, so that a line is equally dark everywhere.
    """
    extent = np.maximum(np.ptp(x, axis=1, keepdims=True), np.ptp(y, axis=1, keepdims=True))
    shrink, *offset = _normal(rng, 3, len(x), 1)
    scale = (BOX - 2 * radius) / extent * np.exp(-SHRINK * np.abs(shrink))
    x, y = x * scale, y * scale
    ink = pen_down * np.hypot(np.diff(x, append=x[:, -1:]), np.diff(y, append=y[:, -1:]))
    center = [np.sum(axis * ink, axis=1, keepdims=True) / ink.sum(axis=1, keepdims=True) for axis in (x, y)]
    middle = (SIZE - 1) / 2
    return x - center[0] + middle + OFFSET * offset[0], y - center[1] + middle + OFFSET * offset[1], ink


@np.errstate(under="ignore")  # a reader may have asked NumPy to raise; far from the pen there is no ink
def _ink(x: np.ndarray, y: np.ndarray, ink: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Draw each path with a round soft pen of its radius (n, 1), in pixels; return uint8 (n, 28, 28)."""
    distance = np.subtract.outer(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32))
    radius = radius[:, :, None]
    blur = np.exp(-(distance**2) / (2 * radius**2))
    # The divisor makes the middle of a straight line 1 whatever the radius.
    image = blur @ _splat(x, y, ink) @ blur / (np.sqrt(2 * np.pi) * radius)
    return np.round(255 * np.clip(2 * image - 0.5, 0, 1)).astype(np.uint8)


def _splat(x: np.ndarray, y: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Share the ink of each sample among the four pixels around it, bilinearly; return float32 (n, 28, 28)."""
    x, y = np.clip(x, 0, SIZE - 1.001), np.clip(y, 0, SIZE - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right_share, low_share = x - left, y - top
    pixel = (np.arange(len(x))[:, None] * SIZE + top) * SIZE + left
    image = np.zeros(len(x) * SIZE * SIZE)
    for down, vertical in ((0, 1 - low_share), (1, low_share)):
        for right, horizontal in ((0, 1 - right_share), (1, right_share)):
            where = (pixel + down * SIZE + right).ravel()
            image += np.bincount(where, (ink * vertical * horizontal).ravel(), minlength=len(image))
    return image.reshape(-1, SIZE, SIZE).astype(np.float32)
