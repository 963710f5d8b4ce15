"""Finds the notebooks in a folder of students' work: in any nesting, in zips, in what Moodle packs, under any name."""

import io
import os
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIPPED = (".ipynb_checkpoints", "__MACOSX", "_report")
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # browsers add to what they do not know
ENDING = re.compile(r"(\.ipynb(\.txt|\.json)?|\.zip)$", re.IGNORECASE)
# Moodle's download: a folder for each student, or one in which files begin so: Name_12345_assignsubmission_file_...
# What a student calls a file may look the same, and comes behind it.
MOODLE = re.compile(r"(.+?_\d+)_assignsubmission_")
NOTHING = "no notebook"
ZIP = b"PK\x03\x04"  # how a zip begins, whatever its name
LARGEST = 50 * 2**20  # bytes of a file
ALL = 2**30  # bytes of all that stands in one folder or zip
DEEPEST = 3  # zips in zips


@dataclass
class File:
    """One file of a student; without content where a problem stands in its place."""

    student: str
    name: str  # from the folder on; "" where there is no notebook
    content: bytes = b""
    problem: str = ""


def handed_in(folder: Path) -> Iterator[File]:
    """Yield what each student handed in: the first name below `folder` is the student's, or what Moodle says.

    A zip counts as a folder of its name. A student without a notebook gives one file that says so.

    Raises:
        OSError: when `folder` cannot be read.
    """
    for top in sorted(folder.iterdir()):
        if top.name not in SKIPPED and not top.name.startswith("."):
            found, without, size = [], set(), 0
            for parts, content, problem in _on_disk(top, folder):
                if problem == NOTHING:
                    without.add(_student(parts, top))
                    continue
                size += len(content)
                if size > ALL:  # a zip of a few bytes can hold any number of them
                    found.append(File(_student(parts, top), "/".join(parts), problem="Too much is handed in at once"))
                    break
                found.append(File(_student(parts, top), "/".join(parts), content, problem))
            if not found and not without and (top.is_dir() or _counts((top.name,))):
                without.add(_student((top.name,), top))
            yield from found
            yield from (File(name, "", problem=NOTHING) for name in sorted(without - {file.student for file in found}))


def _student(parts: tuple[str, ...], top: Path) -> str:
    of_moodle = next(filter(None, map(MOODLE.match, parts)), None)
    name = of_moodle[1] if of_moodle else top.name if top.is_dir() else ENDING.sub("", top.name)
    return unicodedata.normalize("NFC", name)  # a Mac writes ü as two letters


Found = Iterator[tuple[tuple[str, ...], bytes, str]]  # the names on the way to a file, its content, a problem


def _on_disk(top: Path, folder: Path) -> Found:
    for path, problem in _below(top) if top.is_dir() else [(top, "")]:
        parts = path.relative_to(folder).parts
        try:
            if problem:
                yield parts, b"", problem
            elif _counts(parts) and path.is_file():
                large = path.stat().st_size > LARGEST
                yield from _inside(parts, b"" if large else path.read_bytes(), large)
        except OSError as denied:
            yield parts, b"", f"This file cannot be read: {denied.strerror}"


def _below(top: Path) -> list[tuple[Path, str]]:
    """Return all files below a folder, and the folders that cannot be read with a problem: pathlib leaves them out."""
    closed: list[OSError] = []
    found = [(Path(place, name), "") for place, _, names in os.walk(top, onerror=closed.append) for name in names]
    return sorted([*found, *((Path(one.filename), f"This folder cannot be read: {one.strerror}") for one in closed)])


def _counts(parts: tuple[str, ...]) -> bool:
    named = NOTEBOOK.search(parts[-1]) or parts[-1].lower().endswith(".zip")
    return bool(named) and not parts[-1].startswith("._") and not set(parts) & set(SKIPPED)


def _inside(parts: tuple[str, ...], content: bytes, large: bool, depth: int = 0) -> Found:
    """Yield a file, or what is in it if it is a zip."""
    if large or depth > DEEPEST:
        yield parts, b"", "This file is too large for a notebook" if large else "Too many zips stand in one another"
        return
    if not content.startswith(ZIP) and NOTEBOOK.search(parts[-1]):
        yield parts, content, ""
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                below = (*parts, *member.filename.replace("\\", "/").split("/"))
                if not member.is_dir() and _counts(below):
                    large = member.file_size > LARGEST
                    yield from _inside(below, b"" if large else archive.read(member), large, depth + 1)
                elif any(map(MOODLE.match, below)) and not set(below) & set(SKIPPED):
                    yield below, b"", NOTHING  # a student's file of another kind
    except Exception as problem:  # zipfile raises what zlib and others raise; a password is a RuntimeError
        yield parts, b"", f"This zip cannot be read: {str(problem)[:80]}"
