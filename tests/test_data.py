"""Data: the real sets and all that can go wrong on the way to them, the stand-ins, and the straight lines.

No test leaves the machine: what plays the network is a server on 127.0.0.1 that has small files in the real formats.
"""

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, compress
from pathlib import Path

import numpy as np
import pytest

from utils import data
from utils.data import DataError, sources

LOADERS = {
    "MNIST": lambda: data.mnist(20, 10),
    "Fashion-MNIST": lambda: data.fashion_mnist(20, 10),
    "IMDB reviews": lambda: data.imdb_reviews(20, 10),
    "California housing": data.california_housing,
}
REVIEWS = ([1, 2, 3], [3], [2, 2, 1, 4], [4, 1])  # word ranks, as in imdb.npz
WORD_RANKS = {"the": 1, "film": 2, "zoë": 3, "shines": 4}


def _npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(header + array.tobytes())


@pytest.fixture(scope="module")
def real_files():
    """The files of all real sets, in the formats of the published ones: path below the cache → content."""
    rng = np.random.default_rng(0)
    x_train, x_test = (rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (30, 15))
    y_train, y_test = (np.arange(n, dtype=np.uint8) % 10 for n in (30, 15))
    reviews = np.empty(40, dtype=object)
    reviews[:] = [REVIEWS[i % 4] for i in range(40)]
    labels = np.arange(40) % 2
    return {
        "mnist.npz": _npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test),
        "fashion-mnist/train-images-idx3-ubyte.gz": _idx(x_train),
        "fashion-mnist/train-labels-idx1-ubyte.gz": _idx(y_train),
        "fashion-mnist/t10k-images-idx3-ubyte.gz": _idx(x_test),
        "fashion-mnist/t10k-labels-idx1-ubyte.gz": _idx(y_test),
        "imdb.npz": _npz(x_train=reviews, y_train=labels, x_test=reviews, y_test=labels),
        "imdb_word_index.json": json.dumps(WORD_RANKS).encode(),
        "california_housing.npz": _npz(x=rng.normal(size=(50, 8)), y=rng.uniform(15e3, 5e5, 50)),
    }


@pytest.fixture(autouse=True)
def session(tmp_path, monkeypatch, real_files):
    """A fresh session: nothing asked, an empty cache, no way out of this machine, the small files as the real ones."""
    import keras

    def find_in_cache(fname, origin, file_hash=None, cache_subdir="datasets"):
        path = sources.cache_folder().parent / cache_subdir / fname
        assert path.is_file(), f"Keras would download {origin}."
        return str(path)

    for module in ("mnist", "fashion_mnist", "imdb", "california_housing"):
        load_data = getattr(keras.datasets, module).load_data
        monkeypatch.setattr(sys.modules[load_data.__module__], "get_file", find_in_cache)
    for name, files in sources.FILES.items():
        small = {file: hashlib.sha256(real_files[file]).hexdigest() for file in files}
        monkeypatch.setitem(sources.FILES, name, small)
    monkeypatch.setattr(sources, "_network_fault", None)
    monkeypatch.setattr(sources, "ORIGIN", "http://127.0.0.1:1/")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    yield
    assert socket.getdefaulttimeout() is None


@pytest.fixture
def serve(monkeypatch):
    """Start a server and make it the origin of all files; respond(handler, file name) answers a request."""
    servers = []

    def start(respond):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append(self.path)
                with contextlib.suppress(ConnectionError):
                    respond(self, self.path.rpartition("/")[2])

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.requests = []
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(sources, "ORIGIN", f"http://127.0.0.1:{server.server_port}/")
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.4)
    monkeypatch.setattr(sources, "STALL_SECONDS", 0.4)


def _send(handler, content, status=200, promised=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(promised or len(content)))
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()


def _by_name(real_files):
    return {Path(file).name: content for file, content in real_files.items()}


def _good(files):
    return lambda handler, file: _send(handler, files[file])


def _damaged(files, damage):
    """A good network until the whole file is asked for: then only what damage(handler, content) sends."""

    def respond(handler, file):
        if "Range" in handler.headers:
            _send(handler, files[file][:2], status=206)
        else:
            damage(handler, files[file])

    return respond


def _stall(handler, content):
    _send(handler, content[: len(content) // 2], promised=len(content))
    time.sleep(1.5)


BROKEN_DOWNLOADS = {
    "stalls midway": (_stall, "timed out"),
    "closes midway": (lambda h, c: _send(h, c[:99], promised=len(c)), "retrieval incomplete"),
    "sends a truncated file": (lambda h, c: _send(h, c[:-20]), "not the published file"),
    "sends an altered file": (lambda h, c: _send(h, c[:-1] + bytes([c[-1] ^ 1])), "not the published file"),
    "has no such file": (lambda h, c: _send(h, b"gone", status=404), "HTTP Error 404"),
    "sends a login page midway": (lambda h, c: _send(h, b"<html>Log in</html>"), "not the published file"),
}


def _fill_cache(real_files, *names):
    for name in names or sources.FILES:
        for file in sources.FILES[name]:
            path = sources.cache_folder() / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(real_files[file])


def _files_left():
    """All files in the cache and in the temporary folder."""
    folders = sources.cache_folder().parent, Path(tempfile.gettempdir())
    return sorted(path.name for folder in folders for path in folder.rglob("*") if path.is_file())


def _forbid_network(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("The network was touched.")

    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    monkeypatch.setattr(socket.socket, "connect", forbidden)


def _assert_stand_in_with_one_line(dataset, capsys, *fragments):
    assert not dataset.is_real
    assert dataset.source == f"stand-in for {dataset.name}"
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and printed.endswith("(COURSE_DATA=real insists on the real set).\n"), printed
    for fragment in (*fragments, f"using the stand-in for {dataset.name}"):
        assert fragment in printed


# --- what is asked for ---


def test_mode_is_auto_unless_asked(monkeypatch):
    assert data.mode() == "auto"
    for value, expected in {"": "auto", "auto": "auto", "real": "real", "offline": "offline"}.items():
        monkeypatch.setenv("COURSE_DATA", value)
        assert data.mode() == expected


def test_unknown_mode_is_one_sentence(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offlin")
    with pytest.raises(ValueError, match="must be auto, real or offline, not 'offlin'"):
        data.mode()
    with pytest.raises(ValueError, match="COURSE_DATA"):
        data.mnist(10, 10)


@pytest.mark.parametrize("size", [0, -1, 60_001, 10.0, "10", None])
@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.imdb_reviews])
def test_sizes_that_do_not_exist(load, size, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offline")
    with pytest.raises(ValueError, match=r"n_train must be a whole number from 1 to [26][05],000, not "):
        load(n_train=size)
    with pytest.raises(ValueError, match=r"n_test must be a whole number from 1 to [12][05],000, not "):
        load(n_train=10, n_test=size)


# --- the real sets ---


def test_files_are_those_of_keras(monkeypatch):
    """The table names the files and hashes that the installed Keras asks for (it has no hash for Fashion-MNIST)."""
    import keras

    monkeypatch.undo()
    asked = {}

    def record(fname, origin, file_hash=None, cache_subdir="datasets"):
        assert origin == sources.ORIGIN + fname
        asked[str(Path(cache_subdir, fname).relative_to("datasets"))] = file_hash
        raise LookupError

    datasets = keras.datasets
    functions = [datasets.mnist.load_data, datasets.imdb.load_data, datasets.imdb.get_word_index]
    for function in [*functions, datasets.california_housing.load_data]:
        monkeypatch.setattr(sys.modules[function.__module__], "get_file", record)
        with pytest.raises(LookupError):
            function()
    table = {file: digest for files in sources.FILES.values() for file, digest in files.items()}
    fashion = sources.FILES["Fashion-MNIST"]
    assert asked == {file: digest for file, digest in table.items() if file not in fashion}

    def record_and_go_on(fname, origin, cache_subdir):
        assert origin == sources.ORIGIN + fname
        asked[str(Path(cache_subdir, fname).relative_to("datasets"))] = None
        return io.BytesIO(gzip.compress(bytes(16 + 784) if "images" in fname else bytes(9)))

    monkeypatch.setattr(sys.modules[datasets.fashion_mnist.load_data.__module__], "get_file", record_and_go_on)
    datasets.fashion_mnist.load_data()
    assert set(asked) == set(table)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("asked", ["auto", "real"])
def test_cached_set_is_loaded_without_network(name, asked, real_files, monkeypatch, capsys):
    _fill_cache(real_files)
    _forbid_network(monkeypatch)
    monkeypatch.setenv("COURSE_DATA", asked)
    dataset = LOADERS[name]()
    assert dataset.is_real and dataset.source == dataset.name == name
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", LOADERS)
def test_real_set_and_stand_in_look_the_same(name, real_files, monkeypatch):
    _fill_cache(real_files)
    real = LOADERS[name]()
    monkeypatch.setenv("COURSE_DATA", "offline")
    stand_in = LOADERS[name]()
    for part in ("x_train", "y_train", "x_test", "y_test"):
        ours, theirs = getattr(stand_in, part), getattr(real, part)
        assert ours.dtype == theirs.dtype and ours.shape[1:] == theirs.shape[1:]
        assert ours.flags.writeable and theirs.flags.writeable
        if name != "California housing":
            assert ours.shape == theirs.shape
    assert (stand_in.class_names, stand_in.feature_names) == (real.class_names, real.feature_names)


def test_real_pictures_are_the_first_of_the_file(real_files):
    _fill_cache(real_files)
    with np.load(io.BytesIO(real_files["mnist.npz"])) as expected:
        for dataset in (data.mnist(20, 10), data.fashion_mnist(20, 10)):
            np.testing.assert_array_equal(dataset.x_train, expected["x_train"][:20])
            np.testing.assert_array_equal(dataset.y_train, expected["y_train"][:20])
            np.testing.assert_array_equal(dataset.x_test, expected["x_test"][:10])
            np.testing.assert_array_equal(dataset.y_test, expected["y_test"][:10])


def test_real_reviews_are_text(real_files):
    _fill_cache(real_files)
    reviews = data.imdb_reviews(40, 40)
    # Keras takes the word of the highest rank for an unknown one; an unknown word is left out.
    texts = {"the film zoë", "zoë", "film film the", "the"}
    assert set(reviews.x_train) == set(reviews.x_test) == texts
    assert all(y == (text in ("zoë", "the")) for text, y in zip(reviews.x_train, reviews.y_train, strict=True))


def test_real_housing_is_split_four_to_one(real_files):
    _fill_cache(real_files)
    housing = data.california_housing()
    assert housing.x_train.shape == (40, 8) and housing.x_test.shape == (10, 8)
    with np.load(io.BytesIO(real_files["california_housing.npz"])) as expected:
        prices = expected["y"].astype("float32")
    np.testing.assert_array_equal(np.sort(np.r_[housing.y_train, housing.y_test]), np.sort(prices))


@pytest.mark.parametrize("name", LOADERS)
def test_good_network_fills_the_cache(name, serve, real_files, capsys):
    server = serve(_good(_by_name(real_files)))
    assert LOADERS[name]().is_real
    assert _files_left() == sorted(Path(file).name for file in sources.FILES[name])
    requests = len(server.requests)
    assert requests == 1 + len(sources.FILES[name])
    assert LOADERS[name]().is_real
    assert len(server.requests) == requests
    assert capsys.readouterr().out == "", "A progress bar that cannot overwrite itself is a scroll of lines."


def test_slow_network_that_moves_is_waited_for(serve, real_files, short_waits):
    def drip(handler, content):
        size = len(content) // 6 + 1
        _send(handler, b"", promised=len(content))
        for start in range(0, len(content), size):
            time.sleep(0.15)
            handler.wfile.write(content[start : start + size])

    serve(_damaged(_by_name(real_files), drip))
    start = time.monotonic()
    assert data.mnist(20, 10).is_real
    assert time.monotonic() - start > sources.PROBE_SECONDS + sources.STALL_SECONDS


def test_offline_touches_no_network_and_no_cache(serve, real_files, monkeypatch, capsys):
    server = serve(_good(_by_name(real_files)))
    _fill_cache(real_files, "Fashion-MNIST")
    (sources.cache_folder() / "mnist.npz").write_bytes(b"truncated")
    before = _files_left()
    _forbid_network(monkeypatch)
    monkeypatch.setenv("COURSE_DATA", "offline")
    assert not any(load().is_real for load in LOADERS.values())
    assert server.requests == [] and _files_left() == before
    assert capsys.readouterr().out == ""


# --- what can go wrong ---


def test_waits_add_up_to_less_than_ten_seconds():
    assert sources.PROBE_SECONDS + sources.STALL_SECONDS < 10


def test_server_that_never_answers_costs_four_seconds_once_a_session(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts for it
        monkeypatch.setattr(sources, "ORIGIN", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        start = time.monotonic()
        for name in ("Fashion-MNIST", "MNIST", "IMDB reviews"):
            _assert_stand_in_with_one_line(LOADERS[name](), capsys, "No network within 4 s")
        monkeypatch.setenv("COURSE_DATA", "real")
        with pytest.raises(DataError, match=r"^No network within 4 s, so the real MNIST cannot be loaded: reach http"):
            data.mnist(20, 10)
        assert 3.9 < time.monotonic() - start < 6.5
    assert _files_left() == []


def test_name_lookup_that_hangs(monkeypatch, short_waits, capsys):
    hang = threading.Event()
    monkeypatch.setattr(sources, "ORIGIN", "http://storage.invalid/")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hang.wait(5))
    start = time.monotonic()
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "No network within 0.4 s")
    assert time.monotonic() - start < 2
    hang.set()


def test_refused_connection(monkeypatch, capsys):
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "No network (", "refused")
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match=r"refused.*, so the real Fashion-MNIST cannot be loaded: .* kernel\.$"):
        data.fashion_mnist(20, 10)
    assert _files_left() == []


def test_captive_portal(serve, monkeypatch, capsys):
    server = serve(lambda handler, _: _send(handler, b"<html>Welcome! Please log in.</html>"))
    _assert_stand_in_with_one_line(data.fashion_mnist(20, 10), capsys, "login page")
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "login page")
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match="login page"):
        data.mnist(20, 10)
    assert len(server.requests) == 1
    assert _files_left() == []


@pytest.mark.parametrize("fault", BROKEN_DOWNLOADS)
@pytest.mark.parametrize("name", ["MNIST", "Fashion-MNIST"])
def test_broken_download(name, fault, serve, real_files, short_waits, monkeypatch, capsys):
    damage, symptom = BROKEN_DOWNLOADS[fault]
    server = serve(_damaged(_by_name(real_files), damage))
    start = time.monotonic()
    _assert_stand_in_with_one_line(LOADERS[name](), capsys, "The download of ", symptom)
    assert time.monotonic() - start < 3
    requests = len(server.requests)
    _assert_stand_in_with_one_line(data.imdb_reviews(20, 10), capsys, symptom)
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match=f"{symptom}.*, so the real {name} cannot be loaded: "):
        LOADERS[name]()
    assert len(server.requests) == requests == 2, "After one failure the session counts as without network."
    assert _files_left() == []


def test_nothing_is_in_the_cache_during_a_download(serve, real_files):
    seen = []

    def look(handler, content):
        _send(handler, content[:99], promised=len(content))
        time.sleep(0.2)
        seen.extend(path for path in sources.cache_folder().rglob("*") if path.is_file())
        handler.wfile.write(content[99:])

    serve(_damaged(_by_name(real_files), look))
    assert data.mnist(20, 10).is_real
    assert seen == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt one thread.")
def test_interrupt_leaves_nothing_behind(serve, real_files):
    def interrupt(handler, content):
        _send(handler, content[: len(content) // 2], promised=len(content))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.5)

    serve(_damaged(_by_name(real_files), interrupt))
    before = socket.getdefaulttimeout()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores interrupts
    try:
        with pytest.raises(KeyboardInterrupt):
            data.mnist(20, 10)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert _files_left() == []
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize("damage", [lambda c: c[: len(c) // 2], lambda c: c[:-1] + bytes([c[-1] ^ 1]), lambda c: b""])
@pytest.mark.parametrize("name", ["MNIST", "Fashion-MNIST", "IMDB reviews"])
def test_damaged_file_in_the_cache_is_removed(name, damage, real_files, monkeypatch, capsys):
    _fill_cache(real_files)
    victim = sources.cache_folder() / list(sources.FILES[name])[-1]
    intact = len(_files_left()) - 1
    victim.write_bytes(damage(victim.read_bytes()))
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match=f"so the real {name} cannot be loaded"):
        LOADERS[name]()
    assert capsys.readouterr().out == f"{victim} was truncated or altered: removed.\n"
    assert not victim.exists() and len(_files_left()) == intact
    monkeypatch.setenv("COURSE_DATA", "auto")
    _assert_stand_in_with_one_line(LOADERS[name](), capsys, "No network")


def test_damaged_file_in_the_cache_is_replaced(serve, real_files):
    server = serve(_good(_by_name(real_files)))
    _fill_cache(real_files)
    victim = sources.cache_folder() / "fashion-mnist/train-images-idx3-ubyte.gz"
    victim.write_bytes(real_files["fashion-mnist/train-images-idx3-ubyte.gz"][:-9])
    assert data.fashion_mnist(20, 10).is_real
    assert server.requests == ["/mnist.npz", "/train-images-idx3-ubyte.gz"]
    assert victim.read_bytes() == real_files["fashion-mnist/train-images-idx3-ubyte.gz"]


def test_cache_that_is_no_folder(serve, real_files, monkeypatch, capsys, tmp_path):
    serve(_good(_by_name(real_files)))
    (tmp_path / "keras").write_text("A file where the folder should be stops even an administrator.")
    reason = f"The cache {sources.cache_folder()} cannot be used (Not a directory)"
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, reason)


def test_cache_that_cannot_be_written(serve, real_files, monkeypatch, capsys):
    def deny(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    server = serve(_good(_by_name(real_files)))
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", deny)
        _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "cannot be used (Permission denied)")
        monkeypatch.setenv("COURSE_DATA", "real")
        with pytest.raises(DataError, match="real MNIST cannot be loaded: free some space, make it writable, or set"):
            data.mnist(20, 10)
    assert server.requests == ["/mnist.npz"], "Only the network is tried, no file is downloaded in vain."
    assert data.mnist(20, 10).is_real, "The network was not to blame."


@pytest.mark.parametrize("where", ["copyfile", "urlretrieve"])
def test_full_disk(where, serve, real_files, monkeypatch, capsys):
    import keras

    def fill(source, target, *_):
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    serve(_good(_by_name(real_files)))
    owner = shutil if where == "copyfile" else sys.modules[keras.utils.get_file.__module__]
    monkeypatch.setattr(owner, where, fill)
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "cannot be used (No space left on device)")
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match="free some space"):
        data.mnist(20, 10)
    assert _files_left() == []


def test_shared_cache_that_is_read_only(real_files, monkeypatch, tmp_path):
    """Keras does not read a cache that it cannot write; then it reads a copy of the checked files."""
    _fill_cache(real_files, "MNIST")
    _forbid_network(monkeypatch)
    home, may = sources.cache_folder().parent, os.access
    monkeypatch.setattr(os, "access", lambda path, *a, **k: Path(path) != home and may(path, *a, **k))
    monkeypatch.setattr(sources, "_fallback_folder", lambda: tmp_path / "fallback")
    assert data.mnist(20, 10).is_real
    copy = tmp_path / "fallback" / "mnist.npz"
    assert copy.read_bytes() == real_files["mnist.npz"]
    copy.write_bytes(b"altered by another user")
    assert data.mnist(20, 10).is_real
    assert copy.read_bytes() == real_files["mnist.npz"]


def test_file_that_another_process_is_writing_is_left_alone(serve, real_files):
    serve(_good(_by_name(real_files)))
    other = sources.cache_folder() / "mnist.npz.999999"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"half")
    assert data.mnist(20, 10).is_real
    assert _files_left() == ["mnist.npz", "mnist.npz.999999"]


def test_keras_that_cannot_read_its_cache(real_files, monkeypatch, capsys):
    import keras

    _fill_cache(real_files)

    def fail():
        raise Exception("URL fetch failure on\nhttp://new.name -- refused")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "Keras cannot read its cache (URL fetch failure on http")


# --- the stand-ins ---


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "offline")


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
def test_stand_in_pictures(load, offline):
    dataset = load(500, 200)
    assert dataset.x_train.shape == (500, 28, 28) and dataset.x_test.shape == (200, 28, 28)
    assert dataset.x_train.dtype == dataset.y_train.dtype == np.uint8
    assert dataset.y_train.shape == (500,) and dataset.y_test.shape == (200,)
    assert len(dataset.class_names) == 10 and dataset.feature_names == ()
    assert np.bincount(dataset.y_train, minlength=10).min() > 20, "About as many of each kind."
    assert dataset.x_train.max() > 200 and np.median(dataset.x_train[:, 0]) == 0, "Bright things on a dark ground."


def test_stand_in_reviews(offline):
    dataset = data.imdb_reviews(500, 200)
    assert dataset.x_train.shape == dataset.y_train.shape == (500,) and dataset.x_test.shape == (200,)
    assert dataset.x_train.dtype == object and dataset.y_train.dtype == np.int64
    assert all(isinstance(text, str) and text for text in dataset.x_train)
    assert set(dataset.y_train) == {0, 1} and 0.4 < dataset.y_train.mean() < 0.6
    assert dataset.class_names == ("negative", "positive") and dataset.feature_names == ()


def test_stand_in_housing(offline):
    dataset = data.california_housing()
    assert dataset.x_train.shape == (16_512, 8) and dataset.x_test.shape == (4_128, 8)
    assert dataset.y_train.shape == (16_512,) and dataset.y_test.shape == (4_128,)
    assert dataset.x_train.dtype == dataset.y_train.dtype == np.float32
    assert np.isfinite(dataset.x_train).all() and np.isfinite(dataset.y_train).all()
    assert dataset.y_train.min() > 14_000 and dataset.y_train.max() <= 500_001
    assert len(dataset.feature_names) == 8 and dataset.class_names == ()


@pytest.mark.parametrize("name", LOADERS)
def test_stand_in_is_the_same_each_time_and_test_part_differs(name, offline):
    first, second = LOADERS[name](), LOADERS[name]()
    for part in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))
    assert not np.array_equal(first.x_train[:10], first.x_test[:10])


def test_stand_in_train_and_test_share_no_picture(offline):
    for dataset in (data.mnist(1000, 1000), data.fashion_mnist(1000, 1000)):
        train = {picture.tobytes() for picture in dataset.x_train}
        assert not train & {picture.tobytes() for picture in dataset.x_test}


def test_dataset_shows_itself_in_a_line(offline):
    assert "\n" not in repr(data.mnist(20, 10)) and "stand-in for MNIST" in repr(data.mnist(20, 10))


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.imdb_reviews])
def test_ten_thousand_are_drawn_in_seconds(load, offline):
    start = time.process_time()
    load(10_000, 1)
    assert time.process_time() - start < 5


def test_fingerprints(offline):
    """The same data on every machine: labels and words exactly, what has been rounded to a percent."""
    digits, garments, reviews = data.mnist(1000, 1), data.fashion_mnist(1000, 1), data.imdb_reviews(1000, 1)
    assert digits.y_train[:10].tolist() == garments.y_train[:10].tolist() == [5, 9, 3, 7, 7, 1, 8, 2, 8, 5]
    assert digits.x_train.mean() == pytest.approx(33.83, rel=0.01)
    assert garments.x_train.mean() == pytest.approx(60.14, rel=0.01)
    assert reviews.x_train[0].startswith("the plot goes nowhere the second half is an ordeal")
    assert np.mean([len(text.split()) for text in reviews.x_train]) == pytest.approx(213.2, rel=0.01)
    housing = data.california_housing()
    medians = [-118.995, 34.725, 29, 2047, 421, 1137, 398, 3.454]
    assert np.median(housing.x_train, axis=0) == pytest.approx(medians, rel=0.01)
    assert np.median(housing.y_train) == pytest.approx(174_900, rel=0.01)


@pytest.mark.parametrize(("load", "low", "high"), [(data.mnist, 0.84, 0.92), (data.fashion_mnist, 0.78, 0.87)])
def test_pictures_are_as_hard_as_the_real_ones(load, low, high, offline):
    """A softmax on 6,000 real digits scores about 0.88, on 6,000 real garments about 0.82."""
    import keras

    d = load(6000, 1500)
    x_train, x_test = (x.reshape(len(x), -1) / np.float32(255) for x in (d.x_train, d.x_test))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(10)])
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss_fn, metrics=["accuracy"])
    model.fit(x_train, d.y_train, batch_size=64, epochs=5, verbose=0)
    assert low < model.evaluate(x_test, d.y_test, verbose=0)[1] < high


def test_reviews_are_as_hard_as_the_real_ones(offline):
    """Naive Bayes on single words scores 0.836 on the real reviews (Wang and Manning, 2012), on fewer a little less."""
    d = data.imdb_reviews(4000, 1500)
    bags = [set(text.split()) for text in d.x_train]
    negative, positive = (Counter(chain(*compress(bags, d.y_train == label))) for label in (0, 1))
    weights = {word: np.log((positive[word] + 1) / (negative[word] + 1)) for word in positive | negative}
    scores = np.array([sum(weights.get(word, 0) for word in set(text.split())) for text in d.x_test])
    assert 0.77 < np.mean((scores > 0) == d.y_test) < 0.88


def test_housing_is_as_hard_as_the_real_one(offline):
    """A linear model explains about 0.60 of the variance of the real prices."""
    d = data.california_housing()
    x_train, x_test = (np.c_[x.astype("float64"), np.ones(len(x))] for x in (d.x_train, d.x_test))
    weights = np.linalg.lstsq(x_train, d.y_train)[0]
    assert 0.54 < 1 - np.mean((x_test @ weights - d.y_test) ** 2) / np.var(d.y_test) < 0.68


# --- the straight lines ---


@pytest.mark.parametrize(("draw", "n", "slope", "intercept", "noise"), [
    (data.standard_line, 100, 3, 0, 1),
    (data.wide_line, 1000, 3, 7, 10),
])  # fmt: skip
def test_line(draw, n, slope, intercept, noise):
    x, y = draw()
    assert x.shape == y.shape == (n, 1) and x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(y, draw()[1])
    assert not np.array_equal(y, draw(seed=1)[1])
    x, y = draw(n=20_000)
    residual = y - slope * x - intercept
    assert residual.std() == pytest.approx(noise, rel=0.05)
    assert abs(residual.mean()) < 0.05 * noise
    assert abs(np.corrcoef(residual[:, 0], x[:, 0])[0, 1]) < 0.03


def test_where_the_lines_lie():
    x, _ = data.standard_line(20_000)
    assert abs(x.mean()) < 0.05 and x.std() == pytest.approx(1, rel=0.05)
    x, _ = data.wide_line()
    assert x[0] == 0 and x[-1] == 100 and np.ptp(np.diff(x[:, 0])) < 1e-3
