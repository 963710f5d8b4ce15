"""The exercises' checks: one function an exercise, called on your answer, and `progress()`.

autodiff.py, training_loop.py, ...   the checks of one notebook each
engine.py         `exercise` makes a check; `expect` compares, with a diagnosis; `attempted`, `require`, `refuse`
verdict.py        the four outcomes, in words and in color
watchdog.py       runs an answer in a thread, with a limit on time and output
originals.py      what an answer must not replace, such as isinstance: it is put back
errors.py         what an error says, where it happened, whose it is
values.py         what came, in words
progress_file.py  the one local file that remembers outcomes, and the table that `progress()` shows
"""

from utils.checks.autodiff import find_wrong_gradient, hessian_vector_product, per_example_gradients, safe_norm, slope
from utils.checks.classification import confusion_matrix, replica_loss, run_epoch, stop_and_best, warmup
from utils.checks.clipping_and_accumulation import (
    accumulate,
    accumulate_then_clip,
    adaptive_threshold,
    clip_global_norm,
    skip_nonfinite,
)
from utils.checks.image_classification import (
    allowed_augmentations,
    convolve,
    pixel_saliency,
    repair_pipeline,
    unfreeze_top,
)
from utils.checks.losses import focal, huber, masked_mse, pinball, stable_bce
from utils.checks.metrics import calibration_error, confusion_counts, mean_prediction, r_squared, streaming_f1
from utils.checks.multi_input import capstone, label_signal, third_input, two_heads
from utils.checks.progress_file import progress
from utils.checks.regression import find_leak, mean_and_spread, normalize, repair_regression
from utils.checks.text_classification import find_duplicates, keep_negation, masked_mean, word_saliency
from utils.checks.training_loop import exact_resume, find_retrace, momentum_step, norm_logger, sgd_step

__all__ = [
    "accumulate",
    "accumulate_then_clip",
    "adaptive_threshold",
    "allowed_augmentations",
    "calibration_error",
    "capstone",
    "clip_global_norm",
    "confusion_counts",
    "confusion_matrix",
    "convolve",
    "exact_resume",
    "find_duplicates",
    "find_leak",
    "find_retrace",
    "find_wrong_gradient",
    "focal",
    "hessian_vector_product",
    "huber",
    "keep_negation",
    "label_signal",
    "masked_mean",
    "masked_mse",
    "mean_and_spread",
    "mean_prediction",
    "momentum_step",
    "norm_logger",
    "normalize",
    "per_example_gradients",
    "pinball",
    "pixel_saliency",
    "progress",
    "r_squared",
    "repair_pipeline",
    "repair_regression",
    "replica_loss",
    "run_epoch",
    "safe_norm",
    "sgd_step",
    "skip_nonfinite",
    "slope",
    "stable_bce",
    "stop_and_best",
    "streaming_f1",
    "third_input",
    "two_heads",
    "unfreeze_top",
    "warmup",
    "word_saliency",
]
