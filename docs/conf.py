"""How Sphinx builds the documentation: `make docs`."""

import re
from pathlib import Path

from nmt.version import __version__

project, author, version = "nmt-on-ray", "The authors of nmt-on-ray", __version__
copyright = author

extensions = ["myst_parser"]
myst_heading_anchors = 3  # levels of headings that links reach as page.md#heading
nitpicky = True
smartquotes = False

html_theme = "furo"
html_title = f"{project} {version}"
html_theme_options = {"navigation_with_keys": True}
html_static_path, html_css_files = ["_static"], ["tables.css"]
html_copy_source = False
html_show_sphinx = False

_ROOT = Path(__file__).parents[1]
_ROOT_LINK = re.compile(r"\]\((?:\.\./\.\./)?([A-Z]+)\.md")


def setup(app):
    """Show the pages of the project's root below project/, and let links lead there."""

    def insert(app, page, source):
        text = source[0]
        if page.startswith("project/"):
            text = (_ROOT / f"{Path(page).name.upper()}.md").read_text("utf-8")
            text = text.replace("](docs/", "](../")
        source[0] = _ROOT_LINK.sub(lambda match: f"](../project/{match[1].lower()}.md", text)

    app.connect("source-read", insert)
