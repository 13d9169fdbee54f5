"""How Sphinx builds the documentation: `make docs`."""

import re
import runpy
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

_DOCS = Path(__file__).parent
_PARTS = runpy.run_path(str(_DOCS / "generated.py"))["PARTS"]
_GENERATED = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
_FILE = re.compile(r"^<!-- file: (\w+\.md) -->$", re.MULTILINE)
_ONLY_SOURCE = re.compile(r"<!-- only-source -->.*?<!-- end -->\n*", re.DOTALL)
_ROOT_LINK = re.compile(r"\]\((?:\.\./\.\./)?([A-Z]+)\.md")


def setup(app):
    """Insert what pages name: generated parts of the reference, and pages of the project's root."""

    def insert(app, page, source):
        text = _ONLY_SOURCE.sub("", source[0])
        text = _GENERATED.sub(lambda match: _PARTS[match[1]](), text)
        text = _FILE.sub(lambda match: _root_page(match[1]), text)
        source[0] = _ROOT_LINK.sub(lambda match: f"](../project/{match[1].lower()}.md", text)

    app.connect("source-read", insert)


def _root_page(name):
    text = (_DOCS.parent / name).read_text("utf-8")
    return text.replace("](docs/", "](../")
