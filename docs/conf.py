"""Sphinx configuration; `sphinx-build -W docs docs/_build` must pass, and the result works offline."""

from tsp import __version__

project = "The Travelling Scientist toolkit"
author = "The Travelling Scientist toolkit authors"
copyright = f"2026, {author}"  # noqa: A001 - the name Sphinx reads
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = project
