"""The book: Sphinx with MyST-NB over the notebooks and texts as they stand; nothing is executed. `make book` builds it.

The source folder is the repository, so that every link between its files holds in the book, too. What a page of the
book needs otherwise than JupyterLab does is changed while the file is read: no file is touched.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.notebooks import published

SLUG, TAG = published()

project = html_title = "Custom training in TensorFlow"
author = "the authors of the course"
language = "en"
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "**/.*", "node_modules", "build", "course"]
extensions = ["myst_nb"]

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 3
myst_heading_slug_func = "tests.notebooks.anchor"  # JupyterLab's, so that one link leads to a section in both
html_math_renderer = "mathml"  # a browser sets it by itself: no script, no fonts, no network

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files, html_js_files = ["book.css"], ["symptoms.js"]
html_favicon = "_static/favicon.svg"
html_show_search_summary = False  # it reads pages over the network, which a page opened from a file may not
html_copy_source = html_show_copyright = html_use_index = False
html_theme_options = {
    "repository_url": f"https://github.com/{SLUG}",
    "repository_branch": TAG,
    "path_to_docs": "",
    "use_repository_button": True,
    "use_download_button": False,
    "launch_buttons": {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"},
    "show_toc_level": 2,
}

CONTENTS = """
```{toctree}
:hidden:
:glob:
:caption: Part I, the machinery
notebooks/0[1-6]_*
```
```{toctree}
:hidden:
:glob:
:caption: Part II, the models
notebooks/0[7-9]_*
notebooks/1*
```
```{toctree}
:hidden:
:caption: Beside the notebooks
docs/symptoms
docs/trust
docs/gallery
docs/start
docs/TEACHING
CONTRIBUTING
CHANGELOG
```
"""
FOLDED = {"code_prompt_show": "The setup cell, the same in every notebook", "code_prompt_hide": "Fold the setup cell"}


def adapt(app, docname, source):
    """Change what is read, a notebook or a text, into what the book shows."""
    if app.env.doc2path(docname).suffix == ".ipynb":
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            adapt_code(cell) if cell["cell_type"] == "code" else adapt_text(cell)
        source[0] = json.dumps(notebook)
    else:
        source[0] = without_badges(source[0]) + (CONTENTS if docname == root_doc else "")


def without_badges(markdown: str) -> str:
    """Return `markdown` with a badge, a picture from the network, as the words that stand for it."""
    return re.sub(r"\[!\[([^\]]*)\]\(https://[^)]*\)\]", r"[\1]", markdown)


def adapt_text(cell: dict) -> None:
    """Take the badges out."""
    cell["source"] = without_badges("".join(cell["source"]))


def adapt_code(cell: dict) -> None:
    """Fold the setup cell, leave out progress, give a picture its words once, show verdicts and summaries as text."""
    source = "".join(cell["source"])
    if "COURSE_URL" in source:
        cell["metadata"] = {"tags": ["hide-cell"], "mystnb": FOLDED}
    if source.strip() == "checks.progress()":
        cell["metadata"] = {"tags": ["remove-cell"]}
    shown = [output for output in cell["outputs"] if "data" in output]
    if "exercise" in cell["metadata"].get("tags", []):
        for output in shown:
            output["data"].pop("text/html", None)
    for output in shown:
        if "white-space:pre;overflow-x:auto" in "".join(output["data"].get("text/html", "")):  # Keras' summary
            del output["data"]["text/html"]  # its colors are too light, and its lines do not wrap
            output["data"]["text/plain"] = re.sub(r"\x1b\[[\d;]*m", "", "".join(output["data"]["text/plain"]))
    words = [output["metadata"]["image/png"]["alt"] for output in shown if "image/png" in output["data"]]
    if words:
        cell["metadata"]["mystnb"] = {"image": {"alt": words[0]}}
        cell["outputs"] = [output for output in cell["outputs"] if not says_words(output)]


def says_words(output: dict) -> bool:
    """Return whether an output is the folded words below a picture."""
    return "<summary>The figure in words</summary>" in "".join(output.get("data", {}).get("text/html", ""))


def visit_math(self, node) -> None:
    """Write a formula in the sentence as MathML."""
    self.body.append(tex2mathml(node.astext()))
    raise SkipNode


def visit_math_block(self, node) -> None:
    """Write a formula on its own line as MathML, in a box that scrolls by itself on a phone."""
    self.body.append(f'<div class="math-block" tabindex="0">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def make_index(app, problem) -> None:
    """Write the first page to where browsers look for it, too."""
    if problem is None and app.builder.name == "html":
        shutil.copy(Path(app.outdir, f"{root_doc}.html"), Path(app.outdir, "index.html"))


def setup(app):
    """Connect the functions above."""
    app.connect("source-read", adapt)
    app.connect("build-finished", make_index)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
