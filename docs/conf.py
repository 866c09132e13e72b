"""Sphinx configuration; `sphinx-build -W docs docs/_build` must pass, and the result works offline."""

from __future__ import annotations

import inspect
from pydoc import locate
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from tsp import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "The Travelling Scientist toolkit"
author = "The Travelling Scientist toolkit authors"
copyright = f"2026, {author}"  # noqa: A001 - the name Sphinx reads
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
default_role = "code"

myst_enable_extensions = ["colon_fence"]  # no formulas: MathJax comes from the network
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["wide.css"]


class Docstring(SphinxDirective):
    """The docstring of a class, which is written in Markdown as Gymnasium's are.

    Its headings of level 2 become sections of level 3, below the page's own.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The docstring's nodes."""
        text = inspect.getdoc(locate(self.arguments[0]))
        if text is None:
            raise self.error(f"{self.arguments[0]}: no docstring there")
        lines = [f"#{line}" if line.startswith("#") else line for line in text.splitlines()]
        parent = nodes.section()
        self.state.nested_parse(StringList(lines, self.arguments[0]), 0, parent, match_titles=True)
        return parent.children


def setup(app: Sphinx) -> None:
    """Add the directive."""
    app.add_directive("docstring", Docstring)
