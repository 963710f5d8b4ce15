"""What a loader returns."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in two parts, one to train on and one to judge by.

    `source` says where it came from, for figures to print: the name of the real set, or that of its stand-in.
    `class_names` is empty for a regression; `feature_names` is empty unless `x_train` has named columns.
    """

    name: str
    source: str
    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()

    @property
    def is_real(self) -> bool:
        """Tell the real set from its stand-in."""
        return self.source == self.name
