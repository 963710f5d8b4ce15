"""Turns the notebooks, as they stand, into linked HTML pages: python -m utils.website [FOLDER].

The pages need no Python to be read: on a phone, or where nothing can be installed. Formulas are set by MathJax, which
comes from the network. `pages.py` makes them.
"""

from utils.website.pages import build

__all__ = ["build"]
