"""Writes the course's address into every badge, link and setup cell: python -m utils.publish OWNER/REPO [--tag TAG].

A fork is published by this one command. It changes the address and the tag and nothing else, and running it twice
changes nothing more.
"""

import argparse
import contextlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PART = r"[\w.-]+"  # of an address that is written already: an owner, a repository or a tag
# What GitHub and git take: letters, digits, and signs between them; no end that git adds or keeps for itself.
NAME = r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?(?<!\.git)(?<!\.lock)"

# Every text that holds the address or the tag. The quotes of a setup cell are escaped in the file of a notebook.
PLACES = (
    "colab.research.google.com/github/{owner}/{repo}/blob/{tag}/",
    "mybinder.org/v2/gh/{owner}/{repo}/{tag}?",
    "codespaces.new/{owner}/{repo}?",
    "git-pull?repo=https%3A%2F%2Fgithub.com%2F{owner}%2F{repo}&branch={tag}&urlpath=lab%2Ftree%2F{repo}%2F",
    "git clone --branch {tag} https://github.com/{owner}/{repo} ",
    "https://{owner}.github.io/{repo}/",
    'repository-code: "https://github.com/{owner}/{repo}"',
    'version: "{tag}"',
    r"get(\"COURSE_URL\") or \"https://github.com/{owner}/{repo}\", \"{tag}\"",
    'RELEASE = "{tag}"',
)

RELEASE = re.compile('RELEASE = "(.+?)"')  # as it stands in utils/session.py
TEXTS = ("README.md", "docs/start.md", "CITATION.cff", "utils/session.py")


def publish(slug: str, tag: str, root: Path = ROOT) -> list[Path]:
    """Write `slug` and `tag` into the notebooks and the texts below `root`: into all, or none.

    The book takes them from the notebooks.

    Args:
        slug: the repository's owner and name, such as "owner/repo".
        tag: the release that the setup cells fetch, such as "v1.0.0".
        root: the course's folder.

    Returns:
        The files that changed.

    Raises:
        ValueError: when `slug` or `tag` is not of that form.
        OSError: when a file cannot be written; those before it are put back.
    """
    for value, form, example in ((slug, f"{NAME}/{NAME}", "owner/repo"), (tag, NAME, "v1.0.0")):
        if not re.fullmatch(form, value):
            raise ValueError(f"Expected something of the form {example}, got {value!r}.")
    old = {path: path.read_bytes() for path in _files(root)}
    new = {path: _addressed(text.decode("utf-8"), slug, tag).encode("utf-8") for path, text in old.items()}
    changed = [path for path in old if new[path] != old[path]]
    try:
        for path in changed:
            path.write_bytes(new[path])
    except OSError:
        for touched in changed[: changed.index(path) + 1]:
            with contextlib.suppress(OSError):  # the one that cannot be written is as it was
                touched.write_bytes(old[touched])
        raise
    return changed


def _files(root: Path) -> list[Path]:
    return [*sorted((root / "notebooks").glob("*.ipynb")), *(root / name for name in TEXTS)]


def _addressed(text: str, slug: str, tag: str) -> str:
    """Return a text with `slug` and `tag` in every place of an address."""
    owner, repo = slug.split("/")
    for place in PLACES:
        # What stands there now: any owner, repository and tag in place of the three braces.
        written = re.sub(r"\\\{\w+\\\}", lambda _: PART, re.escape(place))
        address = place.format(owner=owner, repo=repo, tag=tag)
        text = re.sub(written, lambda _, address=address: address, text)
    return text


def main() -> None:
    """Read the command line, publish, and say what changed."""
    parser = argparse.ArgumentParser(prog="python -m utils.publish", description=__doc__.splitlines()[0])
    parser.add_argument("slug", metavar="OWNER/REPO")
    tag = RELEASE.search((ROOT / "utils" / "session.py").read_text(encoding="utf-8")).group(1)
    parser.add_argument("--tag", default=tag, help="the release that setup cells fetch (default, as now: %(default)s)")
    options = parser.parse_args()
    try:
        changed = publish(options.slug, options.tag)
    except ValueError as problem:
        sys.exit(str(problem))
    except OSError as problem:
        sys.exit(f"{problem.filename} cannot be written ({problem.strerror}): nothing was changed.")
    names = ", ".join(str(path.relative_to(ROOT)) for path in changed) or "nothing: all of it was written already"
    print(f"https://github.com/{options.slug} at {options.tag}: changed {names}.")


if __name__ == "__main__":
    main()
