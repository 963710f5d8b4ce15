"""Publishing writes the course's address everywhere that it stands, and nothing else."""

import re
import shutil

import pytest

from tests.notebooks import ROOT, published
from utils import publish


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "docs").mkdir()
    for name in publish.TEXTS:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_publish_changes_address_and_tag_and_nothing_else(copy):
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    changed = publish.publish("some-body/the.course", "v9.9.9", copy)
    assert set(changed) == set(before)
    for path, old in before.items():
        new = path.read_bytes()
        assert b"some-body/the.course" in new and b"v9.9.9" in new
        differing = [(a, b) for a, b in zip(old.splitlines(), new.splitlines(), strict=True) if a != b]
        assert all(re.search(rb"github|mybinder|^version", a) for a, _ in differing)
        assert len(differing) == 2 or path.suffix != ".ipynb"
    assert publish.publish("some-body/the.course", "v9.9.9", copy) == []


def test_publish_forgets_no_place_and_can_be_undone(copy):
    slug, tag = published()
    owner, repo = slug.split("/")
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    publish.publish(f"x{owner}/x{repo}", "moved", copy)
    for path in before:
        lines = path.read_text(encoding="utf-8").splitlines()
        places = "\n".join(line for line in lines if "https:" in line or "%3A" in line)
        assert not re.search(rf"{owner}(/|%2F){repo}|tree%2F{repo}|{tag}", places), path.name
    publish.publish(slug, tag, copy)
    assert {p: p.read_bytes() for p in before} == before


@pytest.mark.parametrize("slug", ["", "course", "a/b/c", "https://github.com/a/b", "a b/c"])
def test_publish_refuses_what_is_not_an_address(copy, slug):
    with pytest.raises(ValueError, match="owner/repo"):
        publish.publish(slug, "v1.0.0", copy)
