"""The exercises' checks: one function an exercise, called on your answer, and `progress()`.

engine.py          four outcomes, comparison with a diagnosis, central differences
progress_file.py   the one local file that remembers outcomes
progress_table.py  the table that `progress()` shows
autodiff.py, classification.py, ...   the checks of one notebook each
"""

from utils.checks.autodiff import (
    find_wrong_gradient,
    hessian_vector_product,
    per_example_gradients,
    safe_norm,
    slope,
)
from utils.checks.classification import confusion_matrix, replica_loss, run_epoch, stop_and_best, warmup
from utils.checks.progress_table import progress

__all__ = [
    "confusion_matrix",
    "find_wrong_gradient",
    "hessian_vector_product",
    "per_example_gradients",
    "progress",
    "replica_loss",
    "run_epoch",
    "safe_norm",
    "slope",
    "stop_and_best",
    "warmup",
]
