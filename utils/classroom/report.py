"""Writes what a room can do: report.csv, one row a student and notebook, and report.html, a page to project.

The page has numbers and no names. Both stand in the folder `_report` beside the students' work, with verdicts.jsonl:
what was judged once is not judged again, so that an interrupted run goes on where it was, and a second one takes
seconds. Delete it to have all judged anew, answers among them that timed out because the machine was busy.
"""

import csv
import hashlib
import html
import io
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from unittest import mock

from utils.classroom.answers import Exercise, exercises, is_stub, work
from utils.classroom.handed_in import File, handed_in
from utils.classroom.judge import RAISED
from utils.classroom.release import ROOT, notebooks, read, setup_cell, tag
from utils.classroom.runner import SECONDS, TIMED_OUT, Job, judged

FOLDER = "_report"
CORRECT, NOT_YET, NOT_ATTEMPTED, MISSING = "correct", "not yet", "not attempted", "missing"
BEST_FIRST = (CORRECT, NOT_YET, TIMED_OUT, "raised", NOT_ATTEMPTED, MISSING)
WRITTEN = {"not attempted yet": NOT_ATTEMPTED, RAISED: "raised"}  # what the CSV says in place of the checks' words


@dataclass
class Row:
    """A student's work on one notebook, or a file that is none."""

    student: str
    notebook: str  # "" where no exercise of the course was found
    files: list[str]
    remark: str = ""
    said: dict[str, tuple[str, str]] = field(default_factory=dict)  # by the exercise's number: outcome, message


def report(folder: Path, root: Path = ROOT, seconds: float = SECONDS) -> list[Path]:
    """Judge all notebooks in `folder`, where each student has a folder, or at least a file, of that name.

    Args:
        folder: any nesting, any file names; the first name below `folder` is the student's.
        root: the course.
        seconds: that one answer may take.

    Returns:
        The CSV and the page.

    Raises:
        ValueError: when `folder` cannot be read or written, or holds no notebook.
    """
    out = folder / FOLDER
    try:
        files = [*handed_in(folder)]
        if any(file.name for file in files):
            out.mkdir(exist_ok=True)
    except OSError as problem:
        raise ValueError(f"{folder} cannot be read and written: {problem.strerror}. Name another folder.") from None
    if not out.is_dir() or not any(file.name for file in files):
        raise ValueError(f"Expected a folder with students' notebooks, and no .ipynb file is in {folder}.")
    course = exercises(root)
    release = _release(root)
    handed = [one for file in files for one in _work_of(file, course, release)]
    known = _judge(
        {job for _, jobs in handed for job in jobs.values()}, out / "verdicts.jsonl", [root, folder], seconds
    )
    rows = _merged([_told(row, jobs, known) for row, jobs in handed])
    _write(out / "report.csv", _as_csv(rows, course))
    _write(out / "report.html", _as_page(rows, course))
    return [out / "report.csv", out / "report.html"]


def _release(root: Path) -> str:
    """Return the release that the course at `root` is."""
    path = notebooks(root)[0]
    return tag(setup_cell(path, read(path)).source)


def _work_of(file: File, course: list[Exercise], release: str) -> Iterator[tuple[Row, dict[str, Job]]]:
    """Yield a row for each notebook found in a file, with what is to be judged by the exercise's number."""
    files = [file.name] if file.name else []
    try:
        if file.problem:
            raise ValueError(file.problem)
        found = work(file.content, {exercise.check for exercise in course})
        stems = {exercise.notebook for exercise in course if exercise.check in found.answers}
        stems |= {found.notebook} & {exercise.notebook for exercise in course}
        if not stems:
            raise ValueError("no exercise of this course")
    except ValueError as problem:
        yield Row(file.student, "", files, str(problem)), {}
        return
    other = found.release not in ("", release)
    remark = f"of release {found.release}, judged by the checks of {release}" if other else ""
    for stem in sorted(stems):
        row, jobs = Row(file.student, stem, files, remark), {}
        for exercise in (exercise for exercise in course if exercise.notebook == stem):
            answers = found.answers.get(exercise.check, [])
            tried = [answer for answer in answers if not is_stub(answer.cell, exercise)]
            row.said[exercise.number] = (NOT_ATTEMPTED if answers else MISSING, "")
            if tried:
                source = "\n\n".join(filter(None, [tried[-1].helpers, tried[-1].cell]))
                jobs[exercise.number] = Job(exercise.check, source)
        yield row, jobs


def _judge(jobs: set[Job], kept: Path, hidden: list[Path], seconds: float) -> dict[Job, tuple[str, str]]:
    """Return outcome and message of each job; those in the file `kept` are known, new ones are added."""
    edition = _edition()
    known = dict(_kept(kept))
    new = {_key(job, edition): job for job in jobs}
    waiting = sorted((job for key, job in new.items() if key not in known), key=lambda job: (job.check, job.source))
    start = time.monotonic()
    with kept.open("a", encoding="utf-8") as file:
        for count, (job, outcome, message) in enumerate(judged(waiting, hidden, seconds), 1):
            known[_key(job, edition)] = outcome, message
            file.write(json.dumps([_key(job, edition), outcome, message]) + "\n")
            file.flush()
            _show_progress(count, len(waiting), time.monotonic() - start)
    return {job: known[key] for key, job in new.items()}


def _show_progress(done: int, of: int, seconds: float) -> None:
    """Rewrite one line in a terminal; elsewhere (a file, a pipe) say nothing."""
    if sys.stderr.isatty():
        bar, left = "#" * (20 * done // of), seconds / done * (of - done) / 60
        line = f"\r{bar:.<20} {done} of {of} answers, {left:.1f} min left  "
        print(line, end="\n" if done == of else "", file=sys.stderr, flush=True)


def _kept(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what an earlier run has found; a line that was cut off counts as none."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    for line in lines:
        with suppress(ValueError, TypeError):
            key, outcome, message = json.loads(line)
            yield str(key), (outcome, message)


def _edition() -> str:
    """Return what tells the checks of this course apart from those of another edition."""
    files = [*sorted((Path(__file__).parents[1] / "checks").glob("*.py")), Path(__file__).with_name("judge.py")]
    whole = b"".join(path.read_bytes() for path in files) + version("tensorflow").encode() + version("keras").encode()
    return hashlib.sha256(whole).hexdigest()


def _key(job: Job, edition: str) -> str:
    return hashlib.sha256(json.dumps([edition, job.check, job.source]).encode()).hexdigest()


def _told(row: Row, jobs: dict[str, Job], known: dict[Job, tuple[str, str]]) -> Row:
    for number, job in jobs.items():
        outcome, message = known[job]
        row.said[number] = WRITTEN.get(outcome, outcome), message
    return row


def _merged(rows: list[Row]) -> list[Row]:
    """Join what one student has on one notebook in several files: of each exercise the best outcome counts."""
    merged: dict[tuple, Row] = {}
    for row in rows:
        if not row.notebook:
            merged[(row.student, "", *row.files)] = row
        elif (key := (row.student, row.notebook)) not in merged:
            merged[key] = row
        else:
            kept = merged[key]
            kept.files += row.files
            kept.remark = kept.remark or row.remark
            for number, said in row.said.items():
                kept.said[number] = min(kept.said[number], said, key=lambda said: BEST_FIRST.index(said[0]))
    for row in merged.values():
        if len(row.files) > 1:
            row.remark = "; ".join(filter(None, [f"{len(row.files)} files, the best answers count", row.remark]))
    return list(merged.values())


def misconception(outcome: str, message: str) -> str:
    """Return what a message names, free of the numbers and the line of one student's answer."""
    if outcome == "raised":
        return re.sub(r" ?\((answer\.py, )?line \d+.*?\)$", "", message.partition("\n")[0])
    if outcome != NOT_YET:
        return ""
    first, *rest = message.splitlines() or [""]
    value = r"(\[.*\]|[^\[].*?)"  # an array has points and spaces inside its brackets
    first = re.sub(r" \(line \d+: .*\)", "", first)
    said = re.sub(rf"^For .*?\b(expected .*?, )?got {value}\.(?:\s+|$)", "", first)
    said = re.sub(r"^For .*?: (?=[A-Za-z])", "", said)
    return " ".join([said, *rest]).strip()


def _as_csv(rows: list[Row], course: list[Exercise]) -> str:
    """Return the table; a program that opens it takes no cell for a formula."""
    numbers = [exercise.number for exercise in course]
    table = [["student", "notebook", *numbers, "remark", "files"]]
    for row in rows:
        cells = [_cell(*row.said[number]) if number in row.said else "" for number in numbers]
        table.append([row.student, row.notebook, *cells, row.remark, "; ".join(row.files)])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        ["'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell for cell in row] for row in table
    )
    return "\ufeff" + text.getvalue()  # with the mark, a spreadsheet reads the letters of every name


def _cell(outcome: str, message: str) -> str:
    named = misconception(outcome, message)
    return f"{outcome}: {named[:200]}" if named else outcome


def _as_page(rows: list[Row], course: list[Exercise]) -> str:
    """Return the page: how many were right, exercise by exercise, and what was misunderstood most often."""
    rows = [row for row in rows if row.notebook]
    room = len({row.student for row in rows})
    shares, wrong, examples, own = {}, Counter(), {}, set()
    for exercise in course:
        said = [row.said[exercise.number] for row in rows if exercise.number in row.said]
        if said:
            shares[exercise] = 100 * sum(outcome == CORRECT for outcome, _ in said) / len(said)
            named = ((outcome, misconception(outcome, message)) for outcome, message in said)
            for outcome, text in named:  # what differs in numbers only is the same, and the first stands for all
                if outcome in (NOT_YET, "raised") and text:
                    key = exercise, re.sub(r"\d+(\.\d+)?", "", text)
                    wrong[key] += 1
                    examples.setdefault(key, text)
                    own |= {key} if outcome == "raised" else set()
    parts = ["<h1>What the room can do</h1>", f"<p>{len(rows)} notebooks of {_counted(room, 'student')}.</p>"]
    hardest = sorted(shares, key=shares.get)[:8]
    parts += ["<h2>The hardest exercises</h2>", _bars({e: shares[e] for e in hardest}, f"Of {len(shares)} exercises")]
    parts += ["<h2>What was misunderstood most often</h2>", "<table><tr><th>students<th>exercise<th>what was said</tr>"]
    # The words of an error may be a student's own, or hold a name: what one student alone has raised is not shown.
    shown = [(key, count) for key, count in wrong.most_common() if count > 1 or key not in own]
    for key, count in shown[:12]:
        name, text = f"{key[0].number} · {key[0].title}", examples[key][:300]
        parts.append(f"<tr><td>{count}<td>{html.escape(name)}<td>{html.escape(text)}</tr>")
    nothing = "<p>Nothing: no answer was wrong, or each raised an error of its own.</p>"
    parts += ["</table>", "" if shown else nothing, "<h2>Notebook by notebook</h2>"]
    for stem in dict.fromkeys(exercise.notebook for exercise in shares):
        count = _counted(sum(row.notebook == stem for row in rows), "student")
        parts.append(_bars({e: s for e, s in shares.items() if e.notebook == stem}, f"{stem} ({count})"))
    return PAGE.format(body="\n".join(parts))


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _bars(shares: dict[Exercise, float], title: str) -> str:
    """Return a figure of the course with its words."""
    # Late, since it takes seconds; the session first, which silences TensorFlow's banner.
    from utils import session  # noqa: F401
    from utils.plotting import bars, style

    shown: list[dict] = []
    with mock.patch.object(style, "display", lambda data, **_: shown.append(data)):  # a page takes it, not a notebook
        labels = {f"{exercise.number} {exercise.title}": share for exercise, share in shares.items()}
        bars(labels, xlabel="students whose answer is correct (%)", title=title, digits=3)
    picture, words = shown
    alt = html.escape(picture["text/plain"])
    return f'<p><img alt="{alt}" src="data:image/png;base64,{picture["image/png"]}"></p>{words["text/html"]}'


def _write(path: Path, text: str) -> None:
    """Write a file whole, or not at all."""
    scratch = path.with_name(path.name + ".part")
    try:
        # The name of a folder may hold bytes that are no letters.
        scratch.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        scratch.replace(path)
    except OSError as problem:  # Windows keeps a file from being replaced while a spreadsheet shows it
        scratch.unlink(missing_ok=True)
        told = f"{path} cannot be written: {problem.strerror}. Close it where it is open"
        raise ValueError(f"{told}, and run the same command again: what was judged is kept.") from None


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>What the room can do</title>
<style>
:root {{ color-scheme: only light }}  /* the figures are light, and so is a projector */
h1 {{ font-size: 1.4em; margin: 0 }}
h2 {{ font-size: 1.15em; margin: 1em 0 0 }}
p {{ margin: 0.2em 0 }}
body {{ background: #fbfaf7; color: #262626; font: 22px/1.4 "DejaVu Sans", sans-serif;
  max-width: 1100px; margin: 1em auto; padding: 0 1em }}
img {{ width: 100%; max-width: 940px }}
td, th {{ text-align: left; vertical-align: top; padding: 0.3em 1em 0.3em 0; border-bottom: 1px solid #cccccc }}
details {{ font-size: 16px }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
