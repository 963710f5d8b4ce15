"""Measures how fast the course is: python -m tests.bench [--rounds 3] [notebooks/01*.ipynb ...]

Seconds differ from machine to machine and from hour to hour. So most figures are ratios to something timed beside them:
notebooks to a bare `import tensorflow`, loops to the matrix products that they cannot avoid. Each is the median of
several rounds; the noise is half the distance from the least to the greatest, relative to the median. The figures go to
bench.json, and a later run shows them in a column beside its own.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import psutil
from nbclient import NotebookClient

from tests import environment
from tests.notebooks import NOTEBOOKS, ROOT, definitions, module_of, read, setup_cell

SAVED = ROOT / "bench.json"
# What the loops of notebook 6 and their bound are made of, in its cells.
LOOPS = ROOT / "notebooks" / "06_classification_from_scratch.ipynb"
PARTS = ("loss_fn", "accuracy_fn", "make_short_model", "make_short_step", "make_model", "make_pipeline", "python_loop",
         "make_pipeline_epoch", "total_loss", "make_train_step", "take", "make_train_epoch", "gathering_epoch",
         "make_bound")  # fmt: skip


def in_fresh_process(function):
    """Return `function()`, called in a new Python."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function).result()


def seconds_of(source: str) -> float:
    """Return how long a new Python takes for `source`."""
    start = time.perf_counter()
    variables = {**os.environ, **environment.VARIABLES, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", source], cwd=ROOT, env=variables, check=True, capture_output=True)
    return time.perf_counter() - start


def notebook_costs(path: Path) -> tuple[float, float, float]:
    """Run a notebook in a fresh kernel; return its seconds, those of its slowest cell, and its peak memory in GB."""
    notebook, started, cells, peak, done = read(path), {}, [], 0, threading.Event()

    def start(cell, cell_index):
        started[cell_index] = time.perf_counter()

    def end(cell, cell_index, execute_reply):
        cells.append(time.perf_counter() - started[cell_index])

    def watch():
        nonlocal peak
        while not done.wait(0.02):
            with suppress(psutil.NoSuchProcess, AttributeError):  # before the kernel starts, and after its end
                peak = max(peak, psutil.Process(client.km.provisioner.pid).memory_info().rss)

    resources = {"metadata": {"path": str(path.parent)}}
    quiet = {"resources": resources, "extra_arguments": ["--log-level=40"]}  # a kernel warns of an unencrypted port
    client = NotebookClient(notebook, timeout=300, on_cell_start=start, on_cell_executed=end, **quiet)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        client.execute(env={**os.environ, **environment.VARIABLES})
    finally:
        done.set()
        watcher.join()
    return sum(cells), max(cells), peak / 1e9


def drawing_speeds() -> dict[str, float]:
    """Return how many items a second each stand-in gives: 10,000 of each, or all districts."""
    os.environ["COURSE_DATA"] = "offline"
    from utils import data

    speeds = {}
    for load in (data.fashion_mnist, data.mnist, data.imdb_reviews, data.california_housing):
        start = time.perf_counter()
        drawn = load() if load is data.california_housing else load(n_train=9000, n_test=1000)
        speeds[load.__name__] = (len(drawn.y_train) + len(drawn.y_test)) / (time.perf_counter() - start)
    return speeds


def parts_of_the_loops() -> ModuleType:
    """Return a module of what notebook 6 defines of `PARTS`."""
    defined = definitions(LOOPS, solved=False)
    return module_of([node for name, node in defined.items() if name in PARTS], environment.SCRATCH / "lesson.py")


def loop_speeds() -> dict[str, float]:
    """Return the examples a second of notebook 6's loops over 55,000 garments, in batches of 64, and of their bound."""
    os.environ["COURSE_DATA"] = "offline"
    from utils import data, session  # noqa: F401  (session before TensorFlow)

    import tensorflow as tf  # isort: skip

    lesson = parts_of_the_loops()
    fashion = data.fashion_mnist(n_test=1)
    x, y = fashion.x_train[:55_000], fashion.y_train[:55_000]
    short_set = tf.data.Dataset.from_tensor_slices((x.reshape(-1, 784) / 255.0, y)).batch(64)
    short_step = lesson.make_short_step(lesson.make_short_model(), tf.keras.optimizers.Adam())
    pipeline = lesson.make_pipeline(x, y)
    fit_model = lesson.make_model()
    fit_model.compile(tf.keras.optimizers.Adam(), lesson.loss_fn, metrics=["accuracy"])
    step = lesson.make_short_step(lesson.make_model(), tf.keras.optimizers.Adam())
    epoch = lesson.make_pipeline_epoch(lesson.make_model(), tf.keras.optimizers.Adam())
    tensors = tf.constant(x), tf.constant(y)
    gathered, fused = (lesson.gathering_epoch(tensors, xla=xla) for xla in (False, True))
    bound = lesson.make_bound(lesson.make_model(), tf.random.uniform((len(x) // 64, 64, 784)))
    order = tf.constant(0), tf.constant(1)  # its seed, and the epoch
    calls = {
        "the short loop": lambda: lesson.python_loop(short_step, short_set),
        "fit": lambda: fit_model.fit(pipeline, verbose=0, shuffle=False),
        "compiled step, pipeline": lambda: lesson.python_loop(step, pipeline),
        "compiled epoch, pipeline": lambda: epoch(pipeline).numpy(),
        "compiled epoch, tensors": lambda: gathered(*order).numpy(),
        "compiled epoch, tensors, XLA": lambda: fused(*order).numpy(),
        "bound": lambda: bound()[1].numpy(),
    }
    for call in calls.values():
        call()  # traces and compiles
    return {name: len(x) / min(_seconds(call), _seconds(call)) for name, call in calls.items()}


def _seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def one_round(notebooks: list[Path]) -> dict[str, float]:
    """Measure everything once; return each figure by its name."""
    figures, imports, in_all = {}, 0.0, 0.0
    for path in notebooks:
        bare = seconds_of("import tensorflow")
        seconds, slowest, memory = notebook_costs(path)
        figures |= {f"{path.stem}: times a bare import": seconds / bare, f"{path.stem}: slowest cell, s": slowest}
        figures[f"{path.stem}: peak memory, GB"] = memory
        imports, in_all = imports + bare, in_all + seconds
        print(".", end="", flush=True)
    figures["all notebooks: times as many bare imports"] = in_all / imports
    bare = seconds_of("import tensorflow")
    figures["setup cell: beyond importing TensorFlow, s"] = seconds_of(setup_cell()) - bare
    figures |= {f"{name}: items a second": speed for name, speed in in_fresh_process(drawing_speeds).items()}
    speeds = in_fresh_process(loop_speeds)
    bound = speeds.pop("bound")
    figures |= {f"{name}: share of the bound": speed / bound for name, speed in speeds.items()}
    best = max(speeds.values())
    figures |= {f"best loop: times {name}": best / speeds[name] for name in ("the short loop", "fit")}
    return figures


def report(rounds: list[dict[str, float]], before: dict[str, float]) -> dict[str, float]:
    """Print the table of the rounds, with the medians of an earlier run if there are any; return the medians."""
    medians = {}
    print(f"\n{'':52} {'median':>9} {'noise':>7} {'before':>9}")
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        medians[name] = median = statistics.median(values)
        noise = (max(values) - min(values)) / 2 / abs(median)
        earlier = f"{before[name]:9,.4g}" if name in before else ""
        print(f"{name:52} {median:9,.4g} {noise:6.0%} {earlier}")
    return medians


def main() -> None:
    """Read the command line, measure, print the table and save it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=NOTEBOOKS, help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default: %(default)s)")
    options = parser.parse_args()
    before = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.exists() else {}
    notebooks = [path.resolve() for path in options.notebooks]
    medians = report([one_round(notebooks) for _ in range(options.rounds)], before)
    SAVED.write_text(json.dumps(before | medians, indent=1), encoding="utf-8")
    print(f"Saved to {SAVED.name}: a later run shows these figures as its column 'before'.")


if __name__ == "__main__":
    main()
