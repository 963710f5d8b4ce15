"""Points about a straight line, drawn by code: data whose answer is known."""

import numpy as np


def standard_line(n: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points about the line y = 3x, with x and the noise both standard normal.

    Returns:
        x, y: float32, shape (n, 1).
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 1))
    y = 3 * x + rng.standard_normal((n, 1))
    return x.astype("float32"), y.astype("float32")


def wide_line(n: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw points about the line y = 3x + 7, with x evenly spaced from 0 to 100 and normal noise of deviation 10.

    Returns:
        x, y: float32, shape (n, 1).
    """
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 100, n).reshape(-1, 1)
    y = 3 * x + 7 + 10 * rng.standard_normal((n, 1))
    return x.astype("float32"), y.astype("float32")
