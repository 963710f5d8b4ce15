"""Publishing writes the course's address everywhere that it stands, and nothing else."""

import errno
import re
import shutil
from pathlib import Path

import pytest

from tests.notebooks import ROOT, published
from utils import publish


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    for folder in ("docs", "utils"):
        (tmp_path / folder).mkdir()
    for name in publish.TEXTS:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_publish_changes_address_and_tag_and_nothing_else(copy):
    before = contents(copy)
    changed = publish.publish("some-body/the.course", "v9.9.9", copy)
    assert set(changed) == set(before)
    for path, old in before.items():
        new = path.read_bytes()
        assert b"v9.9.9" in new
        differing = [(a, b) for a, b in zip(old.splitlines(), new.splitlines(), strict=True) if a != b]
        assert all(re.search(rb"github|mybinder|^version|^RELEASE", a) for a, _ in differing)
        assert len(differing) == 2 or path.suffix != ".ipynb"
        assert b"some-body/the.course" in new or path.name == "session.py"
    assert publish.publish("some-body/the.course", "v9.9.9", copy) == []


def test_publish_forgets_no_place_and_can_be_undone(copy):
    slug, tag = published()
    owner, repo = slug.split("/")
    before = contents(copy)
    publish.publish(f"x{owner}/x{repo}", "moved", copy)
    for path in before:
        lines = path.read_text(encoding="utf-8").splitlines()
        places = "\n".join(line for line in lines if "https:" in line or "%3A" in line or "RELEASE" in line)
        assert not re.search(rf"{owner}(/|%2F){repo}|tree%2F{repo}|{tag}", places), path.name
    publish.publish(slug, tag, copy)
    assert contents(copy) == before


BAD_SLUGS = ["", "course", "a/b/c", "https://github.com/a/b", "a b/c", "./..", "../course", "a/.", "größe/course"]
BAD_SLUGS += ["a/kurs\N{COMBINING DIAERESIS}", "٣/b", "a/b.git", "a/b.", "-a/b", "a/b..c", "a/b\n", "a\\b/c"]


@pytest.mark.parametrize("slug", BAD_SLUGS)
def test_publish_refuses_what_is_not_an_address(copy, slug):
    before = contents(copy)
    with pytest.raises(ValueError, match="owner/repo"):
        publish.publish(slug, "v1.0.0", copy)
    assert contents(copy) == before


@pytest.mark.parametrize(
    "tag", ["", "v1/2", "..", "v1..2", "-f", "--upload-pack", "v1.lock", ".v1", "v1.", "vé", "v 1"]
)
def test_publish_refuses_what_git_takes_for_no_tag(copy, tag):
    with pytest.raises(ValueError, match=r"v1\.0\.0"):
        publish.publish("owner/repo", tag, copy)


@pytest.mark.parametrize("slug", ["owner/repo", "a-1/b_2.c-d", "A/B", "0/1"])
def test_publish_takes_the_names_that_github_takes(copy, slug):
    assert publish.publish(slug, "2026.11-rc1", copy)


@pytest.mark.parametrize("half", [False, True], ids=["read-only", "full disk"])
@pytest.mark.parametrize("name", ["01_autodiff.ipynb", "05_clipping_and_accumulation.ipynb", "README.md", "session.py"])
def test_publish_changes_all_files_or_none(copy, name, half, monkeypatch):
    before, write = contents(copy), Path.write_bytes
    tries = []

    def deny(path, content):
        if path.name == name and not tries:
            tries.append(path)
            if half:
                write(path, content[:99])
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", deny)
    with pytest.raises(PermissionError):
        publish.publish("some-body/course", "v9.9.9", copy)
    assert contents(copy) == before and tries


def test_the_command_says_in_a_sentence_what_it_could_not_write(copy, monkeypatch):
    def deny(path, content):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", deny)
    monkeypatch.setattr(publish.publish, "__defaults__", (copy,))
    monkeypatch.setattr("sys.argv", ["publish", "some-body/course"])
    with pytest.raises(
        SystemExit, match=r"01_autodiff\.ipynb cannot be written \(Permission denied\): nothing was changed"
    ):
        publish.main()


def test_the_command_keeps_the_release_that_is_written(copy, monkeypatch, capsys):
    publish.publish("some-body/course", "v1.1.0", copy)
    monkeypatch.setattr(publish, "ROOT", copy)
    monkeypatch.setattr(publish.publish, "__defaults__", (copy,))
    monkeypatch.setattr("sys.argv", ["publish", "another/fork"])
    publish.main()
    assert capsys.readouterr().out.startswith("https://github.com/another/fork at v1.1.0: changed ")


def test_the_command_says_what_it_changed_and_refuses_an_address_in_a_sentence(copy, monkeypatch, capsys):
    monkeypatch.setattr(publish, "ROOT", copy)
    monkeypatch.setattr(publish.publish, "__defaults__", (copy,))
    monkeypatch.setattr("sys.argv", ["publish", "some-body/course", "--tag", "v9.9.9"])
    publish.main()
    said = capsys.readouterr().out
    assert said.startswith("https://github.com/some-body/course at v9.9.9: changed ") and said.count("\n") == 1
    assert all(name in said for name in publish.TEXTS) and said.count(".ipynb") == 10
    publish.main()
    assert "changed nothing: all of it was written already." in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["publish", "course"])
    with pytest.raises(SystemExit, match="of the form owner/repo, got 'course'"):
        publish.main()
