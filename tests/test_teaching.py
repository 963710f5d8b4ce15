"""The page for teachers: its minutes are those of the notebooks, its links lead to sections, its plans add up."""

import re
from pathlib import Path

import pytest

from tests import minutes, teaching
from tests.notebooks import NOTEBOOKS, ROOT, anchor, exercises, read
from utils.checks.progress_file import REGISTRY
from utils.data import catalog, sources

TEXT = teaching.PAGE.read_text(encoding="utf-8")
FIRST, SECOND = (path.name for path in NOTEBOOKS[:2])
PARTS = (
    "Aim.",
    "Where people get stuck",
    "Two questions for the room.",
    "In pairs:",
    "When you are late:",
    "On the projector:",
)
LONGEST = 73  # minutes: the page says about 70, and a notebook may grow a little


def part_of(heading):
    """Return what stands below a heading of level 2 that begins so."""
    (text,) = re.findall(rf"^## {re.escape(heading)}.*?(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return text


def rows_of(heading):
    """Return the rows of the tables below a heading, as lists of cells."""
    return [row.strip("| ").split(" | ") for row in re.findall(r"^\| .*\|$", part_of(heading), re.MULTILINE)]


def test_minutes_are_in_step():
    assert teaching.page() == TEXT, "run python -m tests.teaching"


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)((?:[^()\s]|\([^()\s]*\))+)\)", TEXT)
    assert len(links) > 250
    for link in links:
        file, _, target = link.partition("#")
        assert (ROOT / "docs" / file).is_file(), link
        if target and file.endswith(".ipynb"):
            assert target in teaching.sections(Path(file).name) | teaching.parts(Path(file).name), link


def test_a_link_says_where_it_leads():
    for link in teaching.LINK.finditer(TEXT):
        label, target = " ".join(link[0][1:].partition("](")[0].split()), link[2]
        if target:
            name = f"Exercise {label} " if re.fullmatch(r"\d+\.\d+", label) else label
            assert target.startswith(anchor(name)), link[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stretches_are_all_of_a_notebook(path):
    notebook = read(path)
    assert sum(minutes.minutes_by_cell(notebook)) == pytest.approx(sum(s.minutes for s in minutes.stretches(notebook)))
    table = rows_of(f"Notebook {int(path.name[:2])} ·")
    assert sum(int(spent) for _, spent, *_ in table if spent.isdigit()) == 2 * teaching.minutes_at(path.name, "")
    assert abs(teaching.minutes_at(path.name, "") - minutes.minutes(notebook)) <= 4  # rounding, twice


def test_an_exercise_ends_with_its_check():
    stretches = minutes.stretches(read(NOTEBOOKS[2]))
    (pinball,) = {s.section for s in stretches if s.heading.startswith("Exercise 3.2")}
    assert sum(s.minutes for s in stretches if s.section == pinball and not s.heading) > 3, "the training after it"
    assert teaching.parts(NOTEBOOKS[2].name)[anchor("Exercise 3.2 · Pinball")] < 11


def test_minutes_of_a_cell():
    def link(target, file=FIRST):
        return f"[x](../notebooks/{file}{'#' if target else ''}{target})"

    spent = teaching.sections(FIRST)
    first, second = list(spent)[2:4]
    exercise = next(t for t in teaching.parts(FIRST) if t.startswith("Exercise-1.3"))
    assert teaching.minutes_of(link(first)) == spent[first] > 0
    assert teaching.minutes_of(f"{link(first)} to {link(second)}") == spent[first] + spent[second]
    assert teaching.minutes_of(f"{link('')} to {link(second)}") == sum(list(spent.values())[:4])
    whole = sum(spent.values())
    assert teaching.minutes_of(f"{link('')} except {link(exercise)}, {link('Recap')}") == (
        whole - teaching.parts(FIRST)[exercise] - spent["Recap"]
    )
    assert teaching.minutes_of(f"{link('')}; {link('', SECOND)}") == whole + sum(teaching.sections(SECOND).values())
    assert (
        teaching.with_minutes(f"| 1 | {link(first)} | ? | - | 7 |") == f"| 1 | {link(first)} | {spent[first]} | - | 7 |"
    )
    assert teaching.with_minutes(f"| {link(first)} | ? |") == f"| {link(first)} | {spent[first]} |"
    with pytest.raises(KeyError):
        teaching.minutes_of(link("No-such-section"))


def test_twelve_sessions_are_the_core_path_once():
    rows = rows_of("Twelve sessions")[1:]
    assert [int(row[0]) for row in rows] == list(range(1, 13))
    spent = [[int(cell) for cell in row[2::2] if cell.isdigit()] for row in rows[:-1]]
    for session, (in_class, *at_home) in enumerate(spent, start=1):
        assert in_class <= LONGEST and sum(at_home) <= 30, f"session {session} is too long: move a part"
    whole = sum(teaching.minutes_at(path.name, "") for path in NOTEBOOKS)
    assert sum(map(sum, spent)) == whole, "a section stands in no session, or in two"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_suits_pairs_is_done_in_class(path):
    paired = re.search(r"\*\*In pairs:\*\* \[(\d+\.\d+)\]", part_of(f"Notebook {int(path.name[:2])} ·"))[1]
    assert not any(f"[{paired}]" in at_home for row in rows_of("Twelve sessions")[1:-1] for at_home in row[3::2])


def test_two_days_are_eight_blocks():
    blocks = rows_of("Two days")[1:]
    assert len(blocks) == 8 and all(int(spent) <= LONGEST for _, _, spent in blocks[:-1]), "leave a part out"


def test_weeks_add_up():
    weeks = rows_of("As homework")[1:]
    assert len(weeks) == len(NOTEBOOKS)
    for _, _, whole, before, after in weeks:
        assert int(whole) == int(before) + int(after) and 0.3 < int(before) / int(whole) < 0.7


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_notebook_has_its_parts(path):
    title = read(path).cells[0].source.splitlines()[0].removeprefix("# ")
    text = part_of(f"Notebook {title}")
    for part in PARTS:
        assert text.count(f"**{part}") == 1, part
    stuck, questions = re.search(
        r"get stuck.*?\n\n(.*?)\n\n\*\*Two questions.*?\n\n(.*?)\n\n\*\*In pairs", text, re.S
    ).groups()
    assert len(re.findall(r"^- ", stuck, re.M)) >= 4 and " ".join(stuck.split()).count("Say: ") >= 3
    assert len(re.findall(r"^\d\. \*", questions, re.M)) == " ".join(questions.split()).count("Good answers") == 2


def test_files_of_the_real_sets_are_named():
    for source in catalog.BY_NAME.values():
        assert all(f"`datasets/{file}`" in TEXT for file in source.files)
    assert sources.cache_folder().name == "datasets"


def test_exercises_are_counted():
    core = sum(not REGISTRY[exercise.number].deeper for path in NOTEBOOKS for exercise in exercises(path))
    assert f"of the {core} core exercises" in " ".join(TEXT.split())


def test_teachers_find_it():
    assert "(docs/TEACHING.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\ndocs/TEACHING\n" in (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")


def test_marks_from_a_report(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    header = "student,notebook,1.1,1.2,2.1"
    rows = [header, "s1,01,correct,not yet: the sum,", "s1,02,,,raised", "s2,01,timed out,missing,"]
    (tmp_path / "report.csv").write_text("\n".join(rows), encoding="utf-8-sig")  # as the report is written
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == "s1 4 of 32\ns2 0 of 32\n"
