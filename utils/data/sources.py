"""Real data sets: from the Keras cache, or from the network into it, or one sentence that says why not.

Left to itself, Keras waits without end for a server that never answers, has no hash to tell an altered Fashion-MNIST
file by, and leaves half a file in the cache when the kernel dies. So files are checked and fetched here:

    the cache, by hash → the network, asked once a session → a temporary folder, by hash → the cache → keras.datasets

Where the cache cannot be written, Keras turns to a folder in /tmp that anybody may have made, with links in it to the
files of others. So then the checked files are copied to a folder that is this process's own, and Keras reads there.
"""

import contextlib
import errno
import functools
import hashlib
import http.client
import io
import os
import re
import shutil
import socket
import ssl
import sys
import tempfile
import textwrap
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from utils.data import catalog
from utils.data.catalog import Pair

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
PROBE_SECONDS = 4  # for the network to show that it is one; with the next line, an answer within 10 s in all
STALL_SECONDS = 5  # for a download to stand still; a slow one that moves may take as long as it needs
ORDER_SEED = 1  # of the order in which examples are taken

OWN_PAGE = "The network answers with a page of its own (a login page?)"

DTYPES = {name: source.dtypes for name, source in catalog.BY_NAME.items()}  # of x and y

# Why this session does without the network. None: not asked yet; "": it works.
_network_fault: str | None = None


class DataError(RuntimeError):
    """A real data set cannot be had. `reason` says why; the message also says what to do."""

    def __init__(self, name: str, reason: str, remedy: str):
        """Join what failed and what to do to one sentence."""
        super().__init__(f"{reason}, so the real {name} cannot be loaded: {remedy}.")
        self.reason = reason


def load(name: str, n_train: int, n_test: int) -> tuple[Pair, Pair]:
    """Load examples of a real data set, named as in `catalog`, in an order that is always the same.

    The published order will not do: the first 5,000 test digits of MNIST are the easier half.

    Returns:
        (x_train, y_train), (x_test, y_test): dtypes as in `DTYPES`; a review is a str.

    Raises:
        DataError: if the set is not in the cache and cannot be brought there.
        KeyError: if `catalog` has no set of that name.
    """
    try:
        home = _fetch(name)
    except OSError as error:
        reason = f"The cache {cache_folder()} cannot be used ({error.strerror or error})"
        remedy = "free some space, make it writable, or set KERAS_HOME to another folder and restart the kernel"
        raise DataError(name, reason, remedy) from None
    try:
        with _socket_timeout(STALL_SECONDS), _keras_at(home):
            return _read(name, n_train, n_test)
    except Exception as error:  # a Keras that looks for other files, or in another folder, tries to download them
        remedy = "restart the kernel, and update Keras if it happens again"
        raise DataError(name, f"Keras cannot read its cache ({_why(error)})", remedy) from error


def cache_folder() -> Path:
    """Where Keras keeps data sets: below `KERAS_HOME`, by default `~/.keras`."""
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "datasets")


def _fetch(name: str) -> Path:
    """Bring the files of a data set, each with the right hash, to where Keras can read them; return its home."""
    cache, files = cache_folder(), catalog.BY_NAME[name].files
    if str(cache).startswith("~"):
        raise FileNotFoundError(errno.ENOENT, "there is no such home folder")
    for file in files:
        if (cache / file).is_dir():
            raise DataError(name, f"{cache / file} is a folder, not a file", "rename or remove it")
    missing = [file for file, digest in files.items() if not _is_right(cache / file, digest)]
    if missing:
        _download(name, missing)
    if os.access(cache.parent, os.W_OK):
        return cache.parent
    home = Path(_own_folder().name)  # one cache shared by a room: Keras does not read where it cannot write
    for file in files:
        if not (home / "datasets" / file).exists():
            _place(cache / file, home / "datasets" / file)
    return home


@functools.cache
def _own_folder() -> tempfile.TemporaryDirectory:
    """Make a folder that nobody else can enter or foresee; it goes when Python ends."""
    return tempfile.TemporaryDirectory(prefix="course-data-", ignore_cleanup_errors=True)


@contextlib.contextmanager
def _keras_at(home: Path) -> Iterator[None]:
    """Let Keras have its home in `home`: what it has chosen when it was imported has a private name."""
    from keras.src.backend import config

    before = config._KERAS_DIR
    config._KERAS_DIR = str(home)
    try:
        yield
    finally:
        config._KERAS_DIR = before


def _is_right(path: Path, digest: str) -> bool:
    """Tell whether a file has the right hash; remove it if it has not."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5" if len(digest) == 32 else "sha256").hexdigest()
    if found != digest:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            told = f"{path.name} in it was truncated or altered, and cannot be removed"
            raise OSError(error.errno, told) from None
        print(f"{path} was truncated or altered: removed.")
    return found == digest


def _download(name: str, files: list[str]) -> None:
    global _network_fault
    cache = cache_folder()
    place = cache.absolute()  # a KERAS_HOME that is relative begins in the folder of the notebook
    remedy = f"reach {ORIGIN} from another network, or bring its files from there into {place}, then restart the kernel"
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
                path = _get_file(Path(file).name, catalog.BY_NAME[name].files[file], folder)
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
            answers.append("" if is_npz else OWN_PAGE)
        except Exception as error:  # what a broken proxy answers can raise almost anything
            answers.append(OWN_PAGE if _is_no_answer(error) else f"No network ({_why(error)})")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answers[0] if answers else f"No network within {PROBE_SECONDS} s"


def _is_no_answer(error: Exception) -> bool:
    """Tell whether what came is no HTTP or no TLS at all: a proxy that sends its page in place of a connection."""
    reason = getattr(error, "reason", error)
    # TLS from somebody else, and a connection that was cut off, say best themselves what they are.
    told = isinstance(reason, ssl.SSLCertVerificationError | ConnectionError)
    return isinstance(reason, ssl.SSLError | http.client.HTTPException) and not told


def _place(source: Path, target: Path) -> None:
    """Copy a file so that no other process ever sees half of it, and no link that somebody has laid is followed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    try:
        with open(descriptor, "wb") as copy, source.open("rb") as original:
            shutil.copyfileobj(original, copy)
        shutil.copymode(source, unfinished)  # a cache may be shared, and mkstemp lets nobody else read
        os.replace(unfinished, target)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _read(name: str, n_train: int, n_test: int) -> tuple[Pair, Pair]:
    source = catalog.BY_NAME[name]
    train, test = source.read()
    return _some(train, n_train, source), _some(test, n_test, source)


def _some(part: Pair, n: int, source: catalog.Source) -> Pair:
    """Return n examples of a part, the same ones each time, in mixed order; fewer are the first of more.

    They are copies: what Keras returns can be read-only, and takes memory.
    """
    x, y = part
    rows = np.random.default_rng(ORDER_SEED).permutation(len(y))[:n]
    return np.array(source.decode(x[rows]), source.dtypes[0]), np.array(y[rows], source.dtypes[1])


def _why(error: Exception) -> str:
    """Name the cause of a failed download in one line, without what Keras wraps around it."""
    cause = error.__context__ or error
    said = re.sub(r"\[Errno -?\d+\] ", "", str(cause).strip("<>"))
    return textwrap.shorten(said, 120, placeholder=" …") or type(cause).__name__


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
