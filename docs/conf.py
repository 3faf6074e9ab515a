"""How the documentation is built: ``sphinx-build -W docs site``."""

project = "napari-segen"
author = "The napari-segen developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_heading_anchors = 3

napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say them
autodoc_default_options = {
    "members": True,
    "inherited-members": True,
    "exclude-members": "from_archive, to_archive, restored, opened",
}
napoleon_use_ivar = True
default_role = "code"


def escaped(app, what, name, obj, options, lines):
    """Keep the shape (*S) from being read as the start of emphasis."""
    lines[:] = [x if "``" in x else x.replace("*S", r"\*S") for x in lines]


def setup(app):
    """Let `escaped` see docstrings before they are taken apart."""
    app.connect("autodoc-process-docstring", escaped, priority=400)
