"""Real data sets: from the Keras cache, or from the network into it, or one sentence that says why not.

Left to itself, Keras waits without end for a server that never answers, loads a damaged Fashion-MNIST file without
looking at it, and leaves half a file in the cache when the kernel dies. So files are checked and fetched here:

    the cache, by hash → the network, asked once a session → a temporary folder, by hash → the cache → keras.datasets
"""

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
PROBE_SECONDS = 4  # for the network to show that it is one; with the next line, an answer within 10 s in all
STALL_SECONDS = 5  # for a download to stand still; a slow one that moves may take as long as it needs

# Files below the cache folder and their hashes (md5 or sha256): as in keras.datasets, and for Fashion-MNIST, which
# Keras does not check, as its authors publish them (Xiao, Rasul and Vollgraf, 2017).
FILES = {
    "MNIST": {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"},
    "Fashion-MNIST": {
        "fashion-mnist/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "fashion-mnist/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "fashion-mnist/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "fashion-mnist/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "IMDB reviews": {
        "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
        "imdb_word_index.json": "bfafd718b763782e994055a2d397834f",
    },
    "California housing": {
        "california_housing.npz": "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    },
}

DTYPES = {  # of x and y
    "MNIST": ("uint8", "uint8"),
    "Fashion-MNIST": ("uint8", "uint8"),
    "IMDB reviews": ("object", "int64"),
    "California housing": ("float32", "float32"),
}

Pair = tuple[np.ndarray, np.ndarray]

# Why this session does without the network. None: not asked yet; "": it works.
_network_fault: str | None = None


class DataError(RuntimeError):
    """A real data set cannot be had. `reason` says why; the message also says what to do."""

    def __init__(self, name: str, reason: str, remedy: str):
        """Join what failed and what to do to one sentence."""
        super().__init__(f"{reason}, so the real {name} cannot be loaded: {remedy}.")
        self.reason = reason


def load(name: str, n_train: int, n_test: int) -> tuple[Pair, Pair]:
    """Load the first examples of a real data set, named as in `FILES`.

    Returns:
        (x_train, y_train), (x_test, y_test): dtypes as in `DTYPES`; a review is a str.

    Raises:
        DataError: if the set is not in the cache and cannot be brought there.
    """
    try:
        _fetch(name)
    except OSError as error:
        reason = f"The cache {cache_folder()} cannot be used ({error.strerror or error})"
        remedy = "free some space, make it writable, or set KERAS_HOME to another folder and restart the kernel"
        raise DataError(name, reason, remedy) from None
    try:
        with _socket_timeout(STALL_SECONDS):
            return _read(name, n_train, n_test)
    except Exception as error:  # a Keras that looks for other files, or in another folder, tries to download them
        remedy = "restart the kernel, and update Keras if it happens again"
        raise DataError(name, f"Keras cannot read its cache ({_why(error)})", remedy) from error


def cache_folder() -> Path:
    """Where Keras keeps data sets: below `KERAS_HOME`, by default `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"


def _fetch(name: str) -> None:
    """Bring the files of a data set to where Keras reads them, each with the right hash."""
    cache = cache_folder()
    missing = [file for file, digest in FILES[name].items() if not _is_right(cache / file, digest)]
    if missing:
        _download(name, missing)
    if not os.access(cache.parent, os.W_OK):  # one cache shared by a room: Keras does not read where it cannot write
        for file, digest in FILES[name].items():
            if not _is_right(_fallback_folder() / file, digest):
                _place(cache / file, _fallback_folder() / file)


def _is_right(path: Path, digest: str) -> bool:
    """Tell whether a file has the right hash; remove it if it has not."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5" if len(digest) == 32 else "sha256").hexdigest()
    if found != digest:
        path.unlink(missing_ok=True)
        print(f"{path} was truncated or altered: removed.")
    return found == digest


def _download(name: str, files: list[str]) -> None:
    global _network_fault
    cache = cache_folder()
    remedy = f"reach {ORIGIN} from another network, or bring its files from there into {cache}, then restart the kernel"
    if _network_fault is None:
        _network_fault = _probe()
    if _network_fault:
        raise DataError(name, _network_fault, remedy)
    for file in files:
        (cache / file).parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=(cache / file).parent):  # fails before the download if it would fail after it
            pass
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                path = _get_file(Path(file).name, FILES[name][file], folder)
            except Exception as error:  # Keras raises a bare Exception for most failures
                if getattr(error, "errno", None) == errno.ENOSPC:
                    raise
                altered = isinstance(error, ValueError)  # what Keras raises for a wrong hash
                why = "what came is not the published file" if altered else _why(error)
                _network_fault = f"The download of {Path(file).name} failed ({why})"
                raise DataError(name, _network_fault, remedy) from None
            _place(path, cache / file)


def _get_file(file: str, digest: str, folder: str) -> Path:
    """Download a file into a folder with Keras, whose progress bar is shown only where it overwrites its own line."""
    import keras
    from IPython import get_ipython

    is_screen = get_ipython() is not None or sys.stdout.isatty()
    output = contextlib.nullcontext() if is_screen else contextlib.redirect_stdout(io.StringIO())
    with _socket_timeout(STALL_SECONDS), output:
        return Path(keras.utils.get_file(file, ORIGIN + file, file_hash=digest, cache_dir=folder, cache_subdir=""))


def _probe() -> str:
    """Say why the network cannot be used, or "" if it can.

    Looking up a name can hang whatever the timeout of the socket, so a thread asks and this one stops waiting.
    """
    answers = []

    def ask():
        request = urllib.request.Request(ORIGIN + "mnist.npz", headers={"Range": "bytes=0-1"})
        try:
            with urllib.request.urlopen(request, timeout=2 * PROBE_SECONDS) as response:
                is_npz = response.read(2) == b"PK"
            answers.append("" if is_npz else "The network answers with a page of its own (a login page?)")
        except Exception as error:  # what a broken proxy answers can raise almost anything
            answers.append(f"No network ({_why(error)})")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answers[0] if answers else f"No network within {PROBE_SECONDS} s"


def _place(source: Path, target: Path) -> None:
    """Copy a file so that no other process ever sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _read(name: str, n_train: int, n_test: int) -> tuple[Pair, Pair]:
    import keras

    datasets = {
        "MNIST": keras.datasets.mnist,
        "Fashion-MNIST": keras.datasets.fashion_mnist,
        "IMDB reviews": keras.datasets.imdb,
        "California housing": keras.datasets.california_housing,
    }
    (x_train, y_train), (x_test, y_test) = datasets[name].load_data()
    x_train, y_train, x_test, y_test = x_train[:n_train], y_train[:n_train], x_test[:n_test], y_test[:n_test]
    if name == "IMDB reviews":
        # Keras shifts the words by 3, to make room for the marks of padding, start and unknown words.
        words = {rank + 3: word for word, rank in keras.datasets.imdb.get_word_index().items()}
        x_train, x_test = _decode(x_train, words), _decode(x_test, words)
    x_dtype, y_dtype = DTYPES[name]
    # Copies: what Keras returns can be read-only, and a part of it would keep the rest in memory.
    train = np.array(x_train, x_dtype), np.array(y_train, y_dtype)
    return train, (np.array(x_test, x_dtype), np.array(y_test, y_dtype))


def _decode(reviews: np.ndarray, words: dict[int, str]) -> list[str]:
    """Turn lists of word numbers into text, without the marks that stand for no word."""
    return [" ".join(filter(None, map(words.get, review))) for review in reviews]


def _fallback_folder() -> Path:
    """Where Keras reads data sets when its own folder cannot be written."""
    return Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / ".keras" / "datasets"


def _why(error: Exception) -> str:
    """Name the cause of a failed download in one line, without what Keras wraps around it."""
    cause = error.__context__ or error
    said = re.sub(r"\[Errno -?\d+\] ", "", str(cause).strip("<>"))
    return " ".join(said.split()) or type(cause).__name__


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
