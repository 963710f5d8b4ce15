"""The four real sets in small, and a server on 127.0.0.1 that plays the network they come from, well or badly."""

import contextlib
import gzip
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from utils import data

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


def real_files() -> dict[str, bytes]:
    """Return the files of all real sets, in the formats of the published ones: path below the cache → content."""
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


@contextlib.contextmanager
def server(respond) -> Iterator[ThreadingHTTPServer]:
    """Run a server that notes its `requests`; respond(handler, file name) answers each."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            started.requests.append(self.path)
            with contextlib.suppress(ConnectionError):
                respond(self, self.path.rpartition("/")[2])

        def log_message(self, *_):
            pass

    started = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    started.requests = []
    threading.Thread(target=started.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield started
    finally:
        started.shutdown()
        started.server_close()


def send(handler, content, status=200, promised=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(promised or len(content)))
    handler.end_headers()
    handler.wfile.write(content)
    handler.wfile.flush()


def good(files):
    return lambda handler, file: send(handler, files[file])


def damaged(files, damage):
    """A good network until the whole file is asked for: then only what damage(handler, content) sends."""

    def respond(handler, file):
        if "Range" in handler.headers:
            send(handler, files[file][:2], status=206)
        else:
            damage(handler, files[file])

    return respond


def stall(handler, content):
    send(handler, content[: len(content) // 2], promised=len(content))
    time.sleep(1.5)


BROKEN_DOWNLOADS = {
    "stalls midway": (stall, "timed out"),
    "closes midway": (lambda h, c: send(h, c[:99], promised=len(c)), "retrieval incomplete"),
    "sends a truncated file": (lambda h, c: send(h, c[:-20]), "not the published file"),
    "sends an altered file": (lambda h, c: send(h, c[:-1] + bytes([c[-1] ^ 1])), "not the published file"),
    "has no such file": (lambda h, c: send(h, b"gone", status=404), "HTTP Error 404"),
    "sends a login page midway": (lambda h, c: send(h, b"<html>Log in</html>"), "not the published file"),
}
