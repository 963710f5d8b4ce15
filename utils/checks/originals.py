"""What the checks measure with, as it was when they were imported: an answer that replaces it would judge itself."""

import builtins

import numpy as np

_PYTHON = "isinstance issubclass callable len all any abs min max sum zip map sorted range int float bool type getattr"
_NUMPY = "allclose isclose array_equal asarray array isfinite all any max abs sort unique concatenate quantile"
_ORIGINALS = [
    (module, name, getattr(module, name))
    for module, names in ((builtins, _PYTHON), (np, _NUMPY))
    for name in names.split()
]


def put_back() -> list[str]:
    """Put back what was replaced, and return its names, such as "np.allclose"."""
    replaced = [
        (module, name, original) for module, name, original in _ORIGINALS if vars(module).get(name) is not original
    ]
    for module, name, original in replaced:
        setattr(module, name, original)
    return [name if module is builtins else f"np.{name}" for module, name, _ in replaced]
