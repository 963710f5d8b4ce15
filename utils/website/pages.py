"""Makes the pages: Markdown and notebooks in, HTML out. index.html.j2 is the frame of a page, style.css its looks."""

import argparse
import re
import shutil
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
LINKS = {  # what a link leads to in the repository, and on the pages
    r"(?:notebooks/)?(\w+)\.ipynb": r"\1.html",
    r"(?:\.\./)?README\.md": "index.html",
    r"(?:\.\./)?CONTRIBUTING\.md": "contributing.html",
    r"\.github/(\w+\.png)": r"\1",
}


def build(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write one page for each notebook, and one each for README.md (index.html) and CONTRIBUTING.md.

    Args:
        folder: where the pages go; it is made if it is missing, and pages in it are replaced.
        root: the course's folder.

    Returns:
        The pages, the index first.
    """
    texts = {"index": root / "README.md", "contributing": root / "CONTRIBUTING.md"}
    sources = {name: _notebook_of(path) for name, path in texts.items()}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        sources[path.stem] = nbformat.read(path, as_version=4)
    folder.mkdir(parents=True, exist_ok=True)
    for picture in (root / ".github").glob("*.png"):
        shutil.copy(picture, folder)
    exporter = HTMLExporter(template_name=HERE.name, extra_template_basedirs=[str(HERE.parent)])
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    pages, style = [], _style()
    for name, notebook in sources.items():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = _link(cell.source)
        resources = {"title": _title(notebook), "style": style}
        html, _ = exporter.from_notebook_node(notebook, resources)
        pages.append(folder / f"{name}.html")
        pages[-1].write_text(html, encoding="utf-8")
    return pages


def _notebook_of(path: Path) -> nbformat.NotebookNode:
    """Read a Markdown file as a notebook of one cell, so that all pages are made in one way."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))])


def _link(markdown: str) -> str:
    """Let links between files of the repository lead to the pages."""
    for file, page in LINKS.items():
        markdown = re.sub(rf"\]\({file}\)", f"]({page})", markdown)
    return markdown


def _title(notebook: nbformat.NotebookNode) -> str:
    return re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE)[1]


def _style() -> str:
    """Return the page's looks, and colors of the code for a light and for a dark page."""
    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "github-dark"))
    page = (HERE / "style.css").read_text(encoding="utf-8")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{page}"


def main() -> None:
    """Read the command line, build, and say where the pages are."""
    parser = argparse.ArgumentParser(prog="python -m utils.website", description="Turn the notebooks into HTML pages.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site", help="default: %(default)s")
    pages = build(parser.parse_args().folder)
    print(f"{len(pages)} pages: open {pages[0]}.")
