"""Tells nbconvert how `make slides` makes a deck of a notebook: one file that needs no network."""

import html
import re
import sys
from pathlib import Path

import sphinx_revealjs  # for the reveal.js that it brings
from docutils.utils.math.latex2mathml import tex2mathml
from nbconvert.preprocessors import Preprocessor

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import slides

HERE = Path(__file__).parent

FORMULA = re.compile(r"<code>.*?</code>|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$]+)\$", re.DOTALL)


class Shown(Preprocessor):
    """Leaves of a notebook what stands on its slides."""

    def preprocess(self, nb, resources):
        """Return the cells of the slides, and the title of the deck."""
        resources["title"] = slides.headings(nb.cells[0])[0]
        return slides.shown(nb), resources


def formulas(page: str) -> str:
    """Return HTML with each formula as MathML, which a browser sets by itself, as in the book."""

    def mathml(found):
        tex = found["block"] or found["inline"]
        return tex2mathml(html.unescape(tex), as_block=bool(found["block"])) if tex else found[0]

    return FORMULA.sub(mathml, page)


c = get_config()  # noqa: F821
c.Exporter.preprocessors = [Shown]
c.TemplateExporter.extra_template_basedirs = [str(HERE.parent)]
c.TemplateExporter.extra_template_paths = [str(Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs" / "dist")]
c.TemplateExporter.filters = {"formulas": formulas}
c.SlidesExporter.template_name = HERE.name
c.SlidesExporter.exclude_anchor_links = True
