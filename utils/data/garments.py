"""Clothing drawn by code: a stand-in for Fashion-MNIST where there is no network, and for the tests.

A garment is an outline (half-widths from top to hem, or an upper edge from toe to heel), cut out by necklines,
straps and heels, filled with cloth (stripes, checks, prints, an opening, a collar) and lit unevenly. Every number
is jittered. Garments that are made alike are drawn many at once, on arrays of shape (m, 28, 28).

The tables below are calibrated so that models score what they score on the real set. Contrasts that are as often
lighter as darker keep a linear model down; lookalikes bound every model. Test accuracy in percent, Adam, batch 64,
60,000 to train on and 10,000 to test unless said otherwise. Real: approximate published figures. Drawn: one run
each, so expect about half a point either way.

                                          real      drawn
    softmax regression, 5 epochs          84        85.1
    Dense(128), 5 epochs                  88        88.8
    Dense(128), 10,000 / 2,000            84-85     84.4
    small convolutional net, 3 epochs     89-91     91.4
    Dense(128), 15 epochs: training       93        90.7    (overfits less than on the real set)
                           test           88-89     89.2
    Dense(128), recall by label 0 to 9
      real     82  97  80  89  82  95  65-70  95  96  95
      drawn    81  98  82  89  83  95  67     95  99  98
"""

import numpy as np

SIZE = 28
CHUNK = 256  # images drawn at once: small enough for the arrays to stay in the processor's cache

Array = np.ndarray

KINDS = (  # by label
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# One column per kind of upper-body garment. Lengths are pixels, the rest are probabilities unless said otherwise.
TOPS = {
    #               T-shirt Pullover Dress  Coat  Shirt
    "label":        [0,     2,       3,     4,    6],
    "top":          [2.0,   1.5,     1.0,   1.0,  1.6],  # row of the neck
    "hem":          [25.6,  24.4,    27.0,  27.2, 25.4],  # row of the lower edge
    "shoulder":     [8.2,   7.8,     5.0,   7.4,  7.4],  # half-widths from top to hem
    "chest":        [7.5,   7.8,     4.7,   7.6,  6.9],
    "waist":        [7.3,   7.6,     4.3,   7.2,  6.2],
    "seat":         [7.4,   7.5,     5.6,   7.8,  6.4],
    "skirt":        [7.5,   7.2,     7.0,   8.6,  6.6],
    "no_sleeve":    [0.06,  0.00,    0.55,  0.01, 0.06],
    "long_sleeve":  [0.04,  0.98,    0.25,  0.98, 0.72],  # the rest have short sleeves
    "sleeve_width": [2.6,   3.0,     2.0,   2.7,  2.0],  # half the width of a sleeve
    "front":        [0.03,  0.02,    0.08,  0.97, 0.72],  # an opening from neck to hem
    "gape":         [0.00,  0.10,    0.10,  0.82, 0.04],  # the opening widens downward
    "collar":       [0.08,  0.10,    0.06,  0.45, 0.80],
    "rib":          [0.05,  0.88,    0.02,  0.04, 0.04],  # a knitted band at the hem
    "neck_depth":   [3.0,   1.6,     3.2,   3.4,  2.8],
    "pointed":      [0.20,  0.15,    0.35,  0.80, 0.60],  # a V-neck
    "neck_width":   [3.8,   3.2,     3.0,   2.8,  3.2],
    "stripes":      [0.15,  0.22,    0.10,  0.05, 0.25],
    "check":        [0.02,  0.05,    0.06,  0.06, 0.20],
    "print":        [0.40,  0.20,    0.30,  0.08, 0.20],
    "brightness":   [0.65,  0.60,    0.62,  0.57, 0.62],  # mean gray of the cloth, 0 to 1
}  # fmt: skip

# One column per kind of shoe, toe to the left.
SHOES = {
    #              Sandal Sneaker Boot
    "label":       [5,    7,      9],
    "tip":         [18.5, 17.0,   19.0],  # rows of the upper edge from toe to heel
    "toe":         [17.0, 14.6,   16.8],
    "vamp":        [15.8, 13.8,   15.6],
    "throat":      [13.8, 11.8,   11.5],
    "shaft":       [12.2, 9.8,    4.5],
    "collar":      [11.0, 9.6,    3.6],
    "back":        [10.8, 9.0,    3.6],
    "sole":        [20.5, 19.5,   23.5],  # row of the ground
    "heel":        [3.0,  0.6,    1.8],  # height of the heel, pixels
    "cut_out":     [0.97, 0.01,   0.01],  # straps with the foot showing between them
    "laces":       [0.05, 0.60,   0.25],
    "pale_sole":   [0.25, 0.60,   0.20],
    "brightness":  [0.50, 0.62,   0.55],
}  # fmt: skip
UPPER = ("tip", "toe", "vamp", "throat", "shaft", "collar", "back")

# Share of each kind that is cut like another one. Nobody could tell, which bounds what any model can reach.
LOOKALIKES = {
    0: {6: 0.08, 3: 0.01},
    1: {3: 0.02},
    2: {6: 0.03, 4: 0.03},
    3: {6: 0.02, 0: 0.015, 4: 0.015},
    4: {2: 0.03, 6: 0.06},
    6: {0: 0.04, 2: 0.025, 4: 0.03, 3: 0.01},
    5: {7: 0.015, 9: 0.005},
    7: {5: 0.01, 9: 0.015},
    8: {6: 0.01, 0: 0.005},
    9: {7: 0.015, 5: 0.005},
}

COLUMNS = np.arange(SIZE, dtype=np.float32)[None, None, :]
ROWS = np.arange(SIZE, dtype=np.float32)[None, :, None]
# Linear interpolation from 7 coarse to 28 fine points, for the folds.
SMOOTH = np.clip(1 - np.abs(np.arange(SIZE)[:, None] / (SIZE - 1) * 6 - np.arange(7)[None]), 0, 1).astype(np.float32)


def draw_garments(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw n garments: images uint8 (n, 28, 28), light on black (0), and labels uint8 (n,), 0 to 9, shuffled.

    The labels are those of Fashion-MNIST, each as frequent as the others to within one. The same n and seed give
    the same garments; another n gives other ones, so a training and a test set come from two seeds.
    Raises ValueError if n is negative.
    """
    if n < 0:
        raise ValueError(f"n is the number of garments to draw, 0 or more; got {n}.")
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 10).astype(np.uint8)
    cuts = _lookalikes(labels, rng)
    images = np.empty((n, SIZE, SIZE), np.uint8)
    for kinds, draw in ((TOPS["label"], _tops), (SHOES["label"], _shoes), ([1], _trousers), ([8], _bags)):
        members = np.flatnonzero(np.isin(cuts, kinds))
        for start in range(0, len(members), CHUNK):
            chosen = members[start : start + CHUNK]
            images[chosen] = _photograph(*draw(cuts[chosen], rng), rng)
    return images, labels


def _lookalikes(labels: Array, rng: np.random.Generator) -> Array:
    """Return the kind each garment is cut like: nearly always its label, else one of its LOOKALIKES."""
    cuts = labels.copy()
    luck = rng.random(len(labels))
    for label, shares in LOOKALIKES.items():
        low = 0.0
        for other, share in shares.items():
            cuts[(labels == label) & (low <= luck) & (luck < low + share)] = other
            low += share
    return cuts


def _look_up(table: dict[str, list[float]], cuts: Array) -> dict[str, Array]:
    """Return every row of a table for these garments, each of shape (m,)."""
    column = np.searchsorted(table["label"], cuts)
    return {name: np.array(values, np.float32)[column] for name, values in table.items()}


def _normal(rng: np.random.Generator, mean: Array | float, spread: float, m: int) -> Array:
    """Draw one jittered parameter per image, shape (m, 1, 1)."""
    return (mean + spread * rng.standard_normal(m, np.float32)).astype(np.float32)[:, None, None]


def _chance(rng: np.random.Generator, share: Array | float, m: int) -> Array:
    """Return 1.0 for about this share of the images and 0.0 for the others, shape (m, 1, 1)."""
    return (rng.random(m) < share).astype(np.float32)[:, None, None]


def _uniform(rng: np.random.Generator, low: float, high: float, m: int) -> Array:
    """Draw one parameter per image between two bounds, shape (m, 1, 1)."""
    return rng.uniform(low, high, m).astype(np.float32)[:, None, None]


def _either_sign(rng: np.random.Generator, low: float, high: float, m: int) -> Array:
    """Draw a contrast that is as often lighter as darker: no single linear weight can see it."""
    return _uniform(rng, low, high, m) * (2 * _chance(rng, 0.5, m) - 1)


def _inside(distance: Array) -> Array:
    """Turn a signed distance in pixels, positive inside, into a mask with a soft edge."""
    return np.clip(distance + 0.5, 0, 1)


def _profile(controls: list[Array], position: Array) -> Array:
    """Interpolate linearly between evenly spaced control values; position runs from 0 to 1."""
    knots = np.clip(position, 0, 1) * (len(controls) - 1)
    return sum(c * np.clip(1 - np.abs(knots - k), 0, None) for k, c in enumerate(controls))


def _tops(cuts: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw T-shirts, pullovers, dresses, coats and shirts, seen from the front."""
    m = len(cuts)
    t = _look_up(TOPS, cuts)
    top, hem = _normal(rng, t["top"], 1.0, m), _normal(rng, t["hem"], 1.0, m)
    size = _normal(rng, 1, 0.11, m)
    widths = [_normal(rng, t[k], 0.6, m) * size for k in ("shoulder", "chest", "waist", "seat", "skirt")]
    x = COLUMNS - _normal(rng, 13.5, 0.9, m)
    across, down = np.abs(x), ROWS - top
    width = _profile(widths, down / (hem - top))
    slope = _uniform(rng, 0.2, 0.6, m)
    neck = _normal(rng, t["neck_width"], 0.6, m).clip(1)
    shoulder_line = down - slope * np.clip(across - neck, 0, None)
    body = _inside(np.minimum(width - across, np.minimum(shoulder_line, hem - ROWS)))

    sleeve = _sleeves(t, widths[0], across, down, rng)
    depth = _normal(rng, t["neck_depth"], 0.9, m).clip(0.3)
    pointed = _chance(rng, t["pointed"], m)
    cut = np.where(pointed > 0, across / neck + down / (1.4 * depth), np.hypot(across / neck, down / depth))
    mask = np.maximum(body, sleeve) * _inside((cut - 1) * 3)

    cloth = _cloth(t, x, ROWS, rng)
    cloth = cloth * (1 - _uniform(rng, 0, 0.5, m) * _inside(1 - np.abs(across - width)))  # seam between body and sleeve
    cloth = cloth * (1 + _chance(rng, t["collar"], m) * _either_sign(rng, 0.3, 0.7, m) * (cut < 1.8))
    rib = _chance(rng, t["rib"], m) * _either_sign(rng, 0.25, 0.6, m) * (hem - ROWS < 3.2)
    cloth = cloth * (1 + rib) * _front(t, x, down, hem - top, rng)
    return mask, cloth


def _sleeves(t: dict, shoulder: Array, across: Array, down: Array, rng: np.random.Generator) -> Array:
    """Return the mask of both sleeves: a tapering band from the shoulder outward and down."""
    m = len(shoulder)
    luck = rng.random(m)[:, None, None]
    none, long = t["no_sleeve"][:, None, None], t["long_sleeve"][:, None, None]
    is_long = (luck > none) & (luck < none + long)
    length = np.where(is_long, _normal(rng, 21.0, 1.6, m), _normal(rng, 7.5, 1.8, m))
    length = np.where(luck < none, 0, length)
    angle = np.where(is_long, _normal(rng, 0.20, 0.06, m), _normal(rng, 0.65, 0.15, m))
    sin, cos = np.sin(angle), np.cos(angle)
    dx, dy = across - (shoulder - 1.5), down - 2.2
    along, aside = dx * sin + dy * cos, dx * cos - dy * sin
    radius = _normal(rng, t["sleeve_width"], 0.3, m) * (1 - 0.2 * along / 21)
    return _inside(np.minimum(np.minimum(radius - np.abs(aside), length - along), along + 2)) * (length > 0)


def _front(t: dict, x: Array, down: Array, length: Array, rng: np.random.Generator) -> Array:
    """Return the factor of a front opening: a line, with or without buttons, that may gape toward the hem."""
    m = len(x)
    gape = _chance(rng, t["gape"], m) * _uniform(rng, 0.5, 2.5, m)
    line = _inside(0.4 + gape * np.clip(down / length, 0, 1) - np.abs(x - _normal(rng, 0, 0.4, m)))
    buttons = np.where(np.sin(down * _uniform(rng, 1.2, 2.2, m)) > 0.2, 1, _uniform(rng, 0, 1, m))
    return 1 + _chance(rng, t["front"], m) * _either_sign(rng, 0.4, 0.8, m) * line * buttons


def _cloth(t: dict, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Return the gray of the cloth, 0 to 1: brightness, stripes, checks and a print on the chest."""
    m = len(x)
    gray = _normal(rng, t["brightness"], 0.26, m).clip(0.10, 0.95)
    check = _chance(rng, t["check"], m)
    across = np.maximum(check, _chance(rng, t["stripes"], m)) * _uniform(rng, 0.1, 0.5, m)
    along = np.maximum(check, _chance(rng, t["stripes"] * 0.4, m)) * _uniform(rng, 0.1, 0.5, m)
    pattern = across * np.sin(y * _uniform(rng, 0.7, 2.6, m) + _uniform(rng, 0, 6, m))
    pattern = pattern + along * np.sin(x * _uniform(rng, 0.7, 2.6, m) + _uniform(rng, 0, 6, m))
    half_width, half_height = _uniform(rng, 1.5, 5.5, m), _uniform(rng, 1, 5, m)
    logo = _inside(half_width - np.abs(x)) * _inside(half_height - np.abs(y - _uniform(rng, 8, 15, m)))
    motif = rng.standard_normal((m, 14, 14), np.float32).repeat(2, 1).repeat(2, 2)
    pattern += _chance(rng, t["print"], m) * logo * _uniform(rng, -0.7, 0.7, m) * (1 + 0.5 * motif)
    return gray * (1 + pattern)


def _trousers(cuts: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw trousers, seen from the front."""
    m = len(cuts)
    top, hem = _normal(rng, 1.0, 0.6, m), _normal(rng, 26.5, 0.7, m)
    down = (ROWS - top) / (hem - top)
    size = _normal(rng, 1, 0.1, m)
    outer = _profile([_normal(rng, w, 0.5, m) * size for w in (4.4, 5.4, 5.6, 5.6, 5.8)], down)
    gap = _profile([_normal(rng, g, 0.4, m) for g in (-3.0, -0.6, 0.9, 1.5, 2.0)], down)
    x = COLUMNS - _normal(rng, 13.5, 0.5, m)
    across = np.abs(x)
    mask = _inside(np.minimum(np.minimum(outer - across, across - gap), np.minimum(ROWS - top, hem - ROWS)))
    t = {"brightness": 0.62, "stripes": 0.04, "check": 0.02, "print": 0.0}
    crease = 1 - _uniform(rng, 0, 0.4, m) * _inside(1 - np.abs(across - (outer + gap.clip(0)) / 2))
    return mask, _cloth(t, x, ROWS, rng) * crease


def _bags(cuts: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw bags: a body, and above it a handle or none."""
    m = len(cuts)
    top, bottom = _normal(rng, 9.5, 3.0, m).clip(2, 17), _normal(rng, 25.0, 1.5, m)
    width, flare = _normal(rng, 11.5, 1.8, m), _normal(rng, 1.0, 1.5, m)
    x = COLUMNS - _normal(rng, 13.5, 0.4, m)
    across = np.abs(x)
    side = width - flare * (bottom - ROWS) / (bottom - top)
    body = _inside(np.minimum(side - across, np.minimum(ROWS - top, bottom - ROWS)))
    reach, rise = _uniform(rng, 4, 10, m), _uniform(rng, 5, 11, m)
    ring = np.hypot(across / reach, (top - ROWS) / rise)
    thickness = _uniform(rng, 0.5, 1.6, m)
    handle = _inside(thickness - np.abs(ring - 1) * np.minimum(reach, rise)) * (top > ROWS) * _chance(rng, 0.8, m)
    t = {"brightness": 0.58, "stripes": 0.06, "check": 0.06, "print": 0.3}
    flap = _uniform(rng, 2, 9, m)
    seam = 1 - _chance(rng, 0.6, m) * _uniform(rng, 0.1, 0.6, m) * _inside(0.7 - np.abs(ROWS - top - flap))
    return np.maximum(body, handle), _cloth(t, x, ROWS - 6, rng) * seam


def _shoes(cuts: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw sandals, sneakers and ankle boots, seen from the side."""
    m = len(cuts)
    s = _look_up(SHOES, cuts)
    left, right = _normal(rng, 0.6, 0.5, m), _normal(rng, 26.6, 0.5, m)
    along = (COLUMNS - left) / (right - left)
    lift = _normal(rng, 0, 2.0, m)
    upper = _profile([_normal(rng, s[k], 0.8, m) + lift for k in UPPER], along)
    ground = _normal(rng, s["sole"], 0.6, m) + lift * 0.7
    heel = np.abs(_normal(rng, 0, 1.0, m)) * s["heel"][:, None, None]
    instep = ground - heel * _profile([np.zeros_like(heel), 0.2 * heel**0, heel**0, heel**0, heel**0], along)
    block = _uniform(rng, 0.7, 0.9, m)
    under = np.where(along > block, ground, instep)
    ends = np.minimum(COLUMNS - left, right - COLUMNS)
    mask = _inside(np.minimum(np.minimum(ROWS - upper, under - ROWS), ends))

    thick = _uniform(rng, 1.0, 2.6, m)
    above_sole = _inside(instep - thick - ROWS)
    # Straps: the upper is cut away wherever a slanted wave is high.
    wave = np.sin(COLUMNS * _uniform(rng, 0.35, 0.9, m) + ROWS * _uniform(rng, -0.6, 0.6, m) + _uniform(rng, 0, 6, m))
    holes = _inside(2.5 * (wave - _uniform(rng, -0.7, 0.3, m))) * above_sole
    mask = mask * (1 - _chance(rng, s["cut_out"], m) * holes)

    t = {"brightness": s["brightness"], "stripes": 0.08, "check": 0.02, "print": 0.15}
    cloth = _cloth(t, COLUMNS - left - 13, ROWS - 2, rng)
    pale = _chance(rng, s["pale_sole"], m) * _uniform(rng, 0.3, 1, m) * (1 - above_sole)
    laces = _chance(rng, s["laces"], m) * _uniform(rng, -0.6, 0.6, m)
    laces = laces * _inside(2 - np.abs(ROWS - upper)) * (np.abs(along - 0.45) < 0.15) * (COLUMNS % 2)
    return mask, (cloth * (1 + laces)) * (1 - pale) + pale * 0.95


def _photograph(mask: Array, cloth: Array, rng: np.random.Generator) -> Array:
    """Light the garment: folds, uneven light and grain, then 256 grays on black."""
    m = len(mask)
    folds = rng.standard_normal((m, 7, 7), np.float32) * _uniform(rng, 0.02, 0.2, m)
    folds = np.matmul(np.matmul(SMOOTH, folds), SMOOTH.T)
    light = 1 + _normal(rng, 0, 0.01, m) * (COLUMNS - 13.5) + _normal(rng, 0, 0.008, m) * (ROWS - 13.5)
    grain = rng.standard_normal(mask.shape, np.float32) * _uniform(rng, 0.01, 0.06, m)
    return (np.clip(mask * cloth * (light + folds + grain), 0, 1) * 255).astype(np.uint8)
