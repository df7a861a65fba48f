"""Nothing of a submission acts in the browser of the human who grades it.

Formgrader shows a submission on a page that may set scores. A script in a saved output, or in the HTML that Markdown
allows, would run there with the instructor's rights. nbconvert knows how to take such things out; here that is done in
nbgrader's own copy of the submission, from which formgrader and the feedback make their pages.
"""

import re
from html import unescape

from nbconvert.preprocessors.sanitize import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, SanitizeHTML
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import default

# What reports, tables and progress bars are made of, beside what bleach allows anyway.
LAYOUT = (
    "p br hr h1 h2 h3 h4 h5 h6 div span pre sub sup details summary progress table caption thead tbody tr th td".split()
)
# What begins a tag, a comment or a declaration, but for a few tags without attributes. All else in Markdown (a < b,
# quotations, formulas) stays as it is.
BEGINS_TAG = re.compile(r"<(?!/?(?:details|summary|br|sub|sup|b|i|em|strong|code|kbd)>)(?=[a-zA-Z/!?])")
LINK = re.compile(r"\](\(|:)(\s*)(\S*)")  # the end of a link's text, and where it leads
SCHEMES = ("http", "https", "mailto", "attachment")


class HarmlessPages(NbGraderPreprocessor, SanitizeHTML):
    """Escapes HTML in text, and in outputs what could act; drops outputs that are scripts. Figures stay.

    For outputs it is nbconvert's own preprocessor, with the tags that outputs here are laid out with.
    """

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int) -> tuple[NotebookNode, dict]:
        """Return the cell made harmless."""
        if cell.cell_type == "code":
            return super().preprocess_cell(cell, resources, cell_index)
        cell.source = LINK.sub(_harmless_link, BEGINS_TAG.sub("&lt;", cell.source))
        return cell, resources

    @default("tags")
    def _default_tags(self) -> list[str]:
        return sorted({*ALLOWED_TAGS, *LAYOUT})

    @default("attributes")
    def _default_attributes(self) -> dict[str, list[str]]:
        return {**ALLOWED_ATTRIBUTES, "*": ["style"], "progress": ["value", "max"]}


def _harmless_link(link: re.Match) -> str:
    """Return the link, or text in its place when it leads anywhere but to a page: `javascript:` acts when pressed."""
    scheme, colon, _ = unescape(link[3]).partition(":")
    if not colon or scheme.lower() in SCHEMES or any(mark in scheme for mark in "/#?"):
        return link[0]
    return f"] {link[1]}{link[2]}{link[3]}"
