"""Writes the course's address into every badge, link and setup cell: python -m utils.publish OWNER/REPO [--tag TAG].

A fork is published by this one command. It changes the address and the tag and nothing else, and running it twice
changes nothing more.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PART = r"[\w.-]+"  # of an address: an owner, a repository or a tag

# Every text that holds the address. The quotes of a setup cell are escaped in the file of a notebook.
PLACES = (
    "colab.research.google.com/github/{owner}/{repo}/blob/{tag}/",
    "mybinder.org/v2/gh/{owner}/{repo}/{tag}?",
    "codespaces.new/{owner}/{repo}?",
    "git-pull?repo=https%3A%2F%2Fgithub.com%2F{owner}%2F{repo}&branch={tag}&urlpath=lab%2Ftree%2F{repo}%2F",
    "git clone --branch {tag} https://github.com/{owner}/{repo} ",
    "https://{owner}.github.io/{repo}/",
    'repository-code: "https://github.com/{owner}/{repo}"',
    'version: "{tag}"',
    r"get(\"COURSE_URL\", \"https://github.com/{owner}/{repo}\"), \"{tag}\"",
)

TEXTS = ("README.md", "docs/start.md", "CITATION.cff")


def publish(slug: str, tag: str, root: Path = ROOT) -> list[Path]:
    """Write `slug` and `tag` into the notebooks and the texts below `root`. The book takes them from the notebooks.

    Args:
        slug: the repository's owner and name, such as "owner/repo".
        tag: the release that the setup cells fetch, such as "v1.0.0".
        root: the course's folder.

    Returns:
        The files that changed.

    Raises:
        ValueError: when `slug` or `tag` is not of that form.
    """
    for value, form, example in ((slug, f"{PART}/{PART}", "owner/repo"), (tag, PART, "v1.0.0")):
        if not re.fullmatch(form, value):
            raise ValueError(f"Expected something of the form {example}, got {value!r}.")
    owner, repo = slug.split("/")
    changed = []
    for path in [*sorted((root / "notebooks").glob("*.ipynb")), *(root / name for name in TEXTS)]:
        before = path.read_bytes().decode("utf-8")
        after = before
        for place in PLACES:
            # What stands there now: any owner, repository and tag in place of the three braces.
            written = re.sub(r"\\\{\w+\\\}", lambda _: PART, re.escape(place))
            address = place.format(owner=owner, repo=repo, tag=tag)
            after = re.sub(written, lambda _, address=address: address, after)
        if after != before:
            path.write_bytes(after.encode("utf-8"))
            changed.append(path)
    return changed


def main() -> None:
    """Read the command line, publish, and say what changed."""
    parser = argparse.ArgumentParser(prog="python -m utils.publish", description=__doc__.splitlines()[0])
    parser.add_argument("slug", metavar="OWNER/REPO")
    parser.add_argument("--tag", default="v1.0.0", help="the release that setup cells fetch (default: %(default)s)")
    options = parser.parse_args()
    try:
        changed = publish(options.slug, options.tag)
    except ValueError as problem:
        sys.exit(str(problem))
    names = ", ".join(str(path.relative_to(ROOT)) for path in changed) or "nothing: all of it was written already"
    print(f"https://github.com/{options.slug} at {options.tag}: changed {names}.")


if __name__ == "__main__":
    main()
