"""Your progress: one local file, by default progress.json in the course's folder, and the table that it fills.

Losing or spoiling the file loses nothing else, and is said once. Kernels that write at the same time wait for each
other: the file is locked, read, and written in place, so that no other file is needed and a link stays one. What stands
behind the first JSON value is not read: a kernel that ends between writing and cutting off the rest leaves some there.
"""

import errno
import html
import itertools
import json
import os
import shutil
import stat
import time
from pathlib import Path
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

from utils.checks.verdict import COLORS, CORRECT, NOT_ATTEMPTED


class Listed(NamedTuple):
    """An exercise as the table lists it: its title, and whether it stands in a section titled "Deeper"."""

    title: str
    deeper: bool = False


LARGEST = 1_000_000  # bytes that are read
FAR = 2**30  # a place behind the end
PATIENCE = 2  # seconds to wait for other kernels
_told: set[str] = set()  # what was said in this session

REGISTRY: dict[str, Listed] = {}  # by the number of the exercise, in the order of the notebooks


def path() -> Path:
    """Return where progress is kept: COURSE_PROGRESS, or progress.json, from the course's folder on.

    Not from the working folder, which a cell may change.
    """
    asked = os.path.expanduser(os.environ.get("COURSE_PROGRESS", ""))
    return Path(__file__).parents[2] / (asked or "progress.json")


def load() -> tuple[dict[str, str], str]:
    """Return the outcome of each exercise by its number, and "" or why the file that is there cannot be read."""
    try:
        if not path().exists():
            return {}, ""
        with _opened() as file:
            return _read(file)
    except OSError as error:
        return {}, error.strerror or str(error)


def remember(number: str, outcome: str) -> str:
    """Write down the newest outcome of an exercise; return "" or, once a session, a sentence on what went wrong.

    A file that cannot be read is set aside first.
    """
    try:
        with _opened(writing=True) as file:
            _lock(file)
            outcomes, fault = _read(file)
            aside = _set_aside() if fault else None
            _write(file, json.dumps(outcomes | {number: outcome}, indent=1, sort_keys=True).encode())
            _unlock(file)
    except OSError as error:
        reason = error.strerror or str(error)
        return _once(
            f"Your progress is not kept: {path()} cannot be written ({reason}). COURSE_PROGRESS names another."
        )
    anew = f"Your progress begins anew: {path()} could not be read ({fault}), and is kept as {aside}."
    return _once(anew) if fault else ""


def _set_aside() -> Path:
    """Copy the file to where no earlier copy stands, and return where that is."""
    names = (f"{path()}.unreadable{count or ''}" for count in itertools.count())
    aside = next(name for name in map(Path, names) if not name.exists())
    shutil.copyfile(path(), aside)
    return aside


def _write(file, text: bytes) -> None:
    """Write `text` in place of what is there: all of it, or, where a full disk takes only a part, nothing."""
    file.seek(0)
    before = file.read(LARGEST)
    file.seek(0)
    whole = file.write(text) == len(text)
    if not whole:
        file.seek(0)
        file.write(before)
    file.truncate()
    if not whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _opened(writing: bool = False):
    """Open the file, unbuffered; make it where it is to be written and missing."""
    mode, flags = ("r+b", os.O_CREAT) if writing else ("rb", 0)
    if path().exists() and not stat.S_ISREG(path().stat().st_mode):  # reading from a device may never end
        raise OSError(errno.EINVAL, "it is not a file")
    return open(path(), mode, buffering=0, opener=lambda name, asked: os.open(name, asked | flags, 0o666))


def _read(file) -> tuple[dict[str, str], str]:
    """Return what a file says, and "" or why it says nothing: any Unicode encoding is read."""
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        return {}, f"it has more than {LARGEST:,} bytes"
    try:
        text = content.decode(json.detect_encoding(content)).strip()
        outcomes = json.JSONDecoder().raw_decode(text)[0] if text else {}
    except (ValueError, RecursionError):
        return {}, "it is no JSON"
    if not isinstance(outcomes, dict):
        return {}, "it is no list of exercises"
    return {number: outcome for number, outcome in outcomes.items() if isinstance(outcome, str)}, ""


def _lock(file) -> None:
    """Wait until no other kernel holds the file; go on where that takes too long, or where files cannot be locked."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                file.seek(FAR)  # a locked byte can be read by nobody else, so it is one that does not exist
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                break
            time.sleep(0.01)
        else:
            break
    file.seek(0)


def _unlock(file) -> None:
    """Let go of the file where closing it may take its time to do so."""
    if not fcntl:
        file.seek(FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        except OSError:
            return  # it was not locked


def _once(sentence: str) -> str:
    """Return a sentence the first time, and then nothing."""
    if sentence in _told:
        return ""
    _told.add(sentence)
    return sentence


class ProgressTable:
    """One row an exercise with its newest outcome, in the order of the notebooks, in words and as a table."""

    def __init__(self, rows: list[tuple[str, str, str]], fault: str = ""):
        """Hold `rows` of (exercise number, title, outcome), and why the file could not be read."""
        self.rows, self._fault = rows, fault
        self.solved = sum(outcome == CORRECT for _, _, outcome in rows)

    def _summary(self) -> str:
        deeper = sum(REGISTRY[number].deeper for number, _, _ in self.rows)
        fault = f" {path()} cannot be read: {self._fault}." if self._fault else ""
        solved = f"{self.solved} of {len(self.rows)} exercises are correct."
        return f"{solved} {deeper} are marked Deeper: skip them freely.{fault}"

    def __repr__(self) -> str:
        lines = [f"{number:>5}  {title:<56} {outcome}" for number, title, outcome in self.rows]
        return "\n".join([self._summary(), *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td>{number}</td><td style="text-align: left">{html.escape(title)}</td>'
            f'<td style="color: {COLORS[outcome]}; text-align: left">{outcome}</td></tr>'
            for number, title, outcome in self.rows
        )
        return f"<p>{html.escape(self._summary())}</p><table>{rows}</table>"


def progress() -> ProgressTable:
    """Return the table of all exercises of the course and how your newest answer to each was judged."""
    (outcomes, fault), rows = load(), []
    for number in sorted(REGISTRY, key=lambda number: [int(part) for part in number.split(".")]):
        title, deeper = REGISTRY[number]
        outcome = outcomes[number] if outcomes.get(number) in COLORS else NOT_ATTEMPTED
        rows.append((number, f"{title} (Deeper)" if deeper else title, outcome))
    return ProgressTable(rows, fault)
