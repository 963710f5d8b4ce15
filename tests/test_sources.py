"""The real sets, and all that can go wrong on the way to them. No test leaves the machine."""

import contextlib
import errno
import gzip
import hashlib
import io
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tests import small_sets
from tests.small_sets import BROKEN_DOWNLOADS, LOADERS, damaged, good, send
from utils import data
from utils.data import DataError, catalog, sources


@pytest.fixture(scope="module")
def real_files():
    return small_sets.real_files()


@pytest.fixture(autouse=True)
def session(tmp_path, monkeypatch, real_files):
    """A fresh session: nothing asked, an empty cache, no way out of this machine, the small files as the real ones."""
    import keras
    from keras.src.backend import config

    def find_in_cache(fname, origin, file_hash=None, cache_subdir="datasets"):
        path = Path(config.keras_home(), cache_subdir, fname)
        assert path.is_file(), f"Keras would download {origin}."
        return str(path)

    for module in ("mnist", "fashion_mnist", "imdb", "california_housing"):
        load_data = getattr(keras.datasets, module).load_data
        monkeypatch.setattr(sys.modules[load_data.__module__], "get_file", find_in_cache)
    for source in catalog.BY_NAME.values():
        for file in source.files:
            monkeypatch.setitem(source.files, file, hashlib.sha256(real_files[file]).hexdigest())
    monkeypatch.setattr(sources, "_network_fault", None)
    monkeypatch.setattr(sources, "ORIGIN", "http://127.0.0.1:1/")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    sources._own_folder.cache_clear()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    yield
    assert socket.getdefaulttimeout() is None


@pytest.fixture
def serve(monkeypatch):
    """Start a server and make it the origin of all files; respond(handler, file name) answers a request."""
    with contextlib.ExitStack() as servers:

        def start(respond):
            server = servers.enter_context(small_sets.server(respond))
            monkeypatch.setattr(sources, "ORIGIN", f"http://127.0.0.1:{server.server_port}/")
            return server

        yield start


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.4)
    monkeypatch.setattr(sources, "STALL_SECONDS", 0.4)


def _by_name(real_files):
    return {Path(file).name: content for file, content in real_files.items()}


def _fill_cache(real_files, *names):
    for name in names or catalog.BY_NAME:
        for file in catalog.BY_NAME[name].files:
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


def test_files_are_those_of_keras(monkeypatch):
    """The catalog names the files and hashes that the installed Keras asks for (it has no hash for Fashion-MNIST)."""
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
    table = {file: digest for source in catalog.BY_NAME.values() for file, digest in source.files.items()}
    fashion = catalog.BY_NAME["Fashion-MNIST"].files
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


def test_real_pictures_are_mixed_always_the_same_way_and_keep_their_labels(real_files):
    _fill_cache(real_files)
    with np.load(io.BytesIO(real_files["mnist.npz"])) as expected:
        for load in (data.mnist, data.fashion_mnist):
            few, more = load(20, 10), load(30, 20)
            for part, n in (("train", 20), ("test", 10)):
                x, y = (getattr(few, f"{letter}_{part}") for letter in "xy")
                np.testing.assert_array_equal(x, getattr(more, f"x_{part}")[:n])
                np.testing.assert_array_equal(y, getattr(more, f"y_{part}")[:n])
                at = [np.flatnonzero((expected[f"x_{part}"] == picture).all(axis=(1, 2))) for picture in x]
                assert all(label in expected[f"y_{part}"][rows] for rows, label in zip(at, y, strict=True))
                assert not np.array_equal(x, expected[f"x_{part}"][:n])


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
    server = serve(good(_by_name(real_files)))
    assert LOADERS[name]().is_real
    assert _files_left() == sorted(Path(file).name for file in catalog.BY_NAME[name].files)
    requests = len(server.requests)
    assert requests == 1 + len(catalog.BY_NAME[name].files)
    assert LOADERS[name]().is_real
    assert len(server.requests) == requests
    assert capsys.readouterr().out == "", "A progress bar that cannot overwrite itself is a scroll of lines."


def test_slow_network_that_moves_is_waited_for(serve, real_files, short_waits):
    def drip(handler, content):
        size = len(content) // 6 + 1
        send(handler, b"", promised=len(content))
        for start in range(0, len(content), size):
            time.sleep(0.15)
            handler.wfile.write(content[start : start + size])

    serve(damaged(_by_name(real_files), drip))
    start = time.monotonic()
    assert data.mnist(20, 10).is_real
    assert time.monotonic() - start > sources.PROBE_SECONDS + sources.STALL_SECONDS


def test_offline_touches_no_network_and_no_cache(serve, real_files, monkeypatch, capsys):
    server = serve(good(_by_name(real_files)))
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
    server = serve(lambda handler, _: send(handler, b"<html>Welcome! Please log in.</html>"))
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
    server = serve(damaged(_by_name(real_files), damage))
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
        send(handler, content[:99], promised=len(content))
        time.sleep(0.2)
        seen.extend(path for path in sources.cache_folder().rglob("*") if path.is_file())
        handler.wfile.write(content[99:])

    serve(damaged(_by_name(real_files), look))
    assert data.mnist(20, 10).is_real
    assert seen == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt one thread.")
def test_interrupt_leaves_nothing_behind(serve, real_files):
    def interrupt(handler, content):
        send(handler, content[: len(content) // 2], promised=len(content))
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.5)

    serve(damaged(_by_name(real_files), interrupt))
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
    victim = sources.cache_folder() / list(catalog.BY_NAME[name].files)[-1]
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
    server = serve(good(_by_name(real_files)))
    _fill_cache(real_files)
    victim = sources.cache_folder() / "fashion-mnist/train-images-idx3-ubyte.gz"
    victim.write_bytes(real_files["fashion-mnist/train-images-idx3-ubyte.gz"][:-9])
    assert data.fashion_mnist(20, 10).is_real
    assert server.requests == ["/mnist.npz", "/train-images-idx3-ubyte.gz"]
    assert victim.read_bytes() == real_files["fashion-mnist/train-images-idx3-ubyte.gz"]


def test_cache_that_is_no_folder(serve, real_files, monkeypatch, capsys, tmp_path):
    serve(good(_by_name(real_files)))
    (tmp_path / "keras").write_text("A file where the folder should be stops even an administrator.")
    reason = f"The cache {sources.cache_folder()} cannot be used (Not a directory)"
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, reason)


def test_a_relative_home_is_named_in_full(monkeypatch, tmp_path):
    """What begins in the course's folder for a teacher begins in `notebooks` for a kernel."""
    monkeypatch.setenv("KERAS_HOME", "keras")
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match=re.escape(f"files from there into {Path.cwd() / 'keras' / 'datasets'}, then")):
        data.mnist(20, 10)


@pytest.mark.parametrize("home", ["~no-such-user/keras", ""])
def test_a_user_without_a_home(home, serve, real_files, monkeypatch, capsys, tmp_path):
    """As in a container that was started for a number that belongs to nobody."""
    server = serve(good(_by_name(real_files)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", home)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "cannot be used (there is no such home folder)")
    assert server.requests == [] and not list(tmp_path.glob("~*"))


def test_cache_that_cannot_be_written(serve, real_files, monkeypatch, capsys):
    def deny(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    server = serve(good(_by_name(real_files)))
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", deny)
        _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "cannot be used (Permission denied)")
        monkeypatch.setenv("COURSE_DATA", "real")
        with pytest.raises(DataError, match="real MNIST cannot be loaded: free some space, make it writable, or set"):
            data.mnist(20, 10)
    assert server.requests == ["/mnist.npz"], "Only the network is tried, no file is downloaded in vain."
    assert data.mnist(20, 10).is_real, "The network was not to blame."


@pytest.mark.parametrize("where", ["copyfileobj", "urlretrieve"])
def test_full_disk(where, serve, real_files, monkeypatch, capsys):
    import keras

    def fill(source, target, *_):
        target.write(b"half") if where == "copyfileobj" else Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    serve(good(_by_name(real_files)))
    owner = shutil if where == "copyfileobj" else sys.modules[keras.utils.get_file.__module__]
    monkeypatch.setattr(owner, where, fill)
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "cannot be used (No space left on device)")
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match="free some space"):
        data.mnist(20, 10)
    assert _files_left() == []


@pytest.fixture
def read_only(monkeypatch):
    """A cache that cannot be written, also for an administrator."""
    home, may, unlink = sources.cache_folder().parent, os.access, Path.unlink

    def inside(path):
        return home in [path, *Path(path).parents]

    def deny(path, *arguments, **named):
        if inside(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, *arguments, **named)

    monkeypatch.setattr(os, "access", lambda path, *a, **k: not inside(Path(path)) and may(path, *a, **k))
    monkeypatch.setattr(Path, "unlink", deny)


@pytest.mark.parametrize("name", LOADERS)
def test_shared_cache_that_is_read_only(name, real_files, read_only, monkeypatch):
    """Keras does not read a cache that it cannot write; then it reads a copy that is this process's own."""
    _fill_cache(real_files)
    _forbid_network(monkeypatch)
    before = _files_left()
    assert LOADERS[name]().is_real and LOADERS[name]().is_real
    (own,) = Path(tempfile.gettempdir()).iterdir()
    assert own.name.startswith("course-data-") and len(_files_left()) - len(before) == len(catalog.BY_NAME[name].files)
    if os.name != "nt":
        assert own.stat().st_mode & 0o777 == 0o700, "nobody else may look for it, or lay links"


def test_keras_itself_reads_the_copy(real_files, read_only, monkeypatch, tmp_path):
    """With its own `get_file`, which has no hash for Fashion-MNIST; what somebody laid into /tmp/.keras is not read."""
    import keras
    from keras.src.backend import config
    from keras.src.utils import file_utils

    _fill_cache(real_files)
    _forbid_network(monkeypatch)
    monkeypatch.setattr(sys.modules[keras.datasets.fashion_mnist.load_data.__module__], "get_file", file_utils.get_file)
    before = config.keras_home()
    assert data.fashion_mnist(20, 10).is_real
    assert config.keras_home() == before


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_that_somebody_laid_is_not_followed(serve, real_files, tmp_path):
    """In a folder that all may write, under every name that can be foreseen."""
    private = tmp_path / "private"
    private.write_text("secret", encoding="utf-8")
    cache = sources.cache_folder()
    cache.mkdir(parents=True)
    for name in ("mnist.npz", f"mnist.npz.{os.getpid()}"):
        (cache / name).symlink_to(private)
    serve(good(_by_name(real_files)))
    assert data.mnist(20, 10).is_real
    assert private.read_text(encoding="utf-8") == "secret"
    assert not (cache / "mnist.npz").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_a_file_in_the_cache_can_be_read_by_those_who_share_it(serve, real_files):
    serve(good(_by_name(real_files)))
    mask = os.umask(0o022)
    try:
        assert data.mnist(20, 10).is_real
    finally:
        os.umask(mask)
    assert (sources.cache_folder() / "mnist.npz").stat().st_mode & 0o777 == 0o644


def test_damaged_file_in_a_read_only_cache(real_files, read_only, monkeypatch, capsys):
    _fill_cache(real_files)
    victim = sources.cache_folder() / "mnist.npz"
    victim.write_bytes(b"truncated")
    told = f"The cache {victim.parent} cannot be used (mnist.npz in it was truncated or altered, and cannot be removed)"
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, told)
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(DataError, match=r"cannot be removed\), so .*: free some space, make it writable, or set KERAS"):
        data.mnist(20, 10)


@pytest.mark.parametrize("name", ["MNIST", "Fashion-MNIST"])
def test_a_folder_with_the_name_of_a_file(name, serve, real_files, monkeypatch, capsys):
    server = serve(good(_by_name(real_files)))
    folder = sources.cache_folder() / list(catalog.BY_NAME[name].files)[-1]
    folder.mkdir(parents=True)
    _assert_stand_in_with_one_line(LOADERS[name](), capsys, f"{folder} is a folder, not a file")
    monkeypatch.setenv("COURSE_DATA", "real")
    with pytest.raises(
        DataError, match=r"is a folder, not a file, so the real .* cannot be loaded: rename or remove it"
    ):
        LOADERS[name]()
    assert server.requests == [] and folder.is_dir()


PAGE = b"<html>" + b"Welcome! " * 99 + b"</html>\r\n"
ANSWERS = {
    "a page as if it were the connection": (b"HTTP/1.1 200 OK\r\n\r\n" + PAGE, "login page"),
    "a page without a head": (PAGE, "login page"),
    "nothing": (b"", "No network ("),
    "a way to its page": (b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", "Tunnel connection failed: 302"),
    "a question for a password": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy"),
    "a page in place of its reason": (b"HTTP/1.1 403 " + PAGE + b"\r\n", "403 <html>"),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_a_proxy_that_answers_a_connect_with(what, monkeypatch, capsys):
    answer, told = ANSWERS[what]

    def serve_once(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            while connection.recv(10_000):  # closing with something unread would cut the connection off
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_once, args=(listener,), daemon=True).start()
        monkeypatch.setattr(sources, "ORIGIN", "https://storage.invalid/")
        monkeypatch.setattr(urllib.request, "_opener", None)  # urllib asks once what the proxy is
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listener.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        dataset = data.mnist(20, 10)
    said = capsys.readouterr().out
    assert not dataset.is_real and told in said and said.count("\n") == 1 and len(said) < 300, said


def test_a_certificate_of_somebody_else_is_named(monkeypatch, capsys):
    def refuse(*_, **__):
        raise urllib.error.URLError(ssl.SSLCertVerificationError("certificate verify failed: self-signed certificate"))

    monkeypatch.setattr(sources.urllib.request, "urlopen", refuse)
    _assert_stand_in_with_one_line(data.mnist(20, 10), capsys, "No network (", "self-signed certificate")


def test_file_that_another_process_is_writing_is_left_alone(serve, real_files):
    serve(good(_by_name(real_files)))
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


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_both_kinds_of_hash_that_keras_publishes_are_compared(kind, real_files, monkeypatch, capsys):
    right = real_files["mnist.npz"]
    monkeypatch.setitem(catalog.MNIST.files, "mnist.npz", hashlib.new(kind, right).hexdigest())
    _fill_cache(real_files, "MNIST")
    _forbid_network(monkeypatch)
    assert data.mnist(20, 10).is_real
    (sources.cache_folder() / "mnist.npz").write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert not data.mnist(20, 10).is_real
    assert "mnist.npz was truncated or altered: removed." in capsys.readouterr().out and _files_left() == []


def test_a_copy_is_in_its_place_when_it_is_whole_and_never_before(tmp_path, monkeypatch):
    source, target, seen = tmp_path / "source", tmp_path / "cache" / "target", []
    source.write_bytes(b"new")
    target.parent.mkdir()
    target.write_bytes(b"old")
    copy, replace = shutil.copyfileobj, os.replace

    def look(original, written):
        written.write(b"n")
        written.flush()
        seen.append(target.read_bytes())
        original.seek(0)
        written.seek(0)
        copy(original, written)

    def look_again(unfinished, place):
        seen.append((target.read_bytes(), Path(unfinished).read_bytes()))
        replace(unfinished, place)

    monkeypatch.setattr(shutil, "copyfileobj", look)
    monkeypatch.setattr(os, "replace", look_again)
    sources._place(source, target)
    assert seen == [b"old", (b"old", b"new")] and target.read_bytes() == b"new"
    assert [path.name for path in target.parent.iterdir()] == ["target"]
