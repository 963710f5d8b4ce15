"""What the notebooks share and do not teach, and the file that readers take along.

trust.py           the habits of the ten notebooks, and the audit that asks them: yours to copy into a project
session.py         opens a notebook: imports TensorFlow without its banner, seeds, and says what runs where
data/              the data sets, real or drawn by code, as NumPy arrays
plotting/          the figures, which say in words what they draw; the drawn tape
checks/            the exercises' checks and your progress
fresh_process.py   a program in a new Python process, with your files and nothing else
memory.py          the peak memory of a call
publish.py         writes the course's address into badges, links and setup cells: python -m utils.publish OWNER/REPO
classroom/         for teachers: a copy without solutions, and a report of a room: python -m utils.classroom

`data` and `plotting` do not know of each other; `checks` may use both. What a notebook imports depends on no notebook.
"""

import os
from importlib.machinery import PathFinder
from pathlib import Path

# Before anything imports Keras: these may be set on a machine for another program, and the course is TensorFlow's. The
# limits would end a `fit` early, the one of steps without a word.
os.environ["KERAS_BACKEND"] = "tensorflow"
for name in ("TF_USE_LEGACY_KERAS", "KERAS_NNX_ENABLED", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
    os.environ.pop(name, None)

for name in ("tensorflow", "keras", "numpy", "matplotlib", "PIL", "IPython"):
    found = PathFinder.find_spec(name)
    # Python looks beside the notebook first.
    if found and found.origin in map(os.path.abspath, (f"{name}.py", os.path.join(name, "__init__.py"))):
        raise SystemExit(f"{found.origin} hides the package {name}: give it another name, restart the kernel.")

files = [path for kind in ("*.py", "*.mplstyle") for path in Path(__file__).parent.rglob(kind)]
empty = [path for path in files if not path.stat().st_size]
if empty:  # a copy that broke off; Python imports an empty file without a word
    raise ImportError(f"'utils': {empty[0]} is empty")
