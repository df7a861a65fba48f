"""What a grader's browser may show of a submission: text, tables and pictures, nothing that runs or reaches out.

By themselves nbgrader's pages carry a learner's Markdown and HTML as they stand. A script among them would run with the
grader's session: it could set its author's score, and, through Jupyter's own interface, run anything on the grader's
machine. `nbgrader_config.py` puts the filters and the preprocessor below into formgrader's pages and into feedback.

bleach parses as browsers do and lets through what is named here alone. No `id` and hardly a `class` is: formgrader
finds its boxes for scores by them, and a learner's heading could stand in the place of one.
"""

import re
from html import escape
from pathlib import Path

import bleach
import nbgrader
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

# Files that a browser would open as a page of formgrader's own, scripts and all: not copied to where it serves them.
PAGE_FILES = ["*.*[hH][tT][mM]*", "*.[xX][hHmMsS]*", "*.[sS][vV][gG]*"]

# Where pages are made from: this course's additions first, then nbgrader's own.
TEMPLATES = [Path(__file__).parent / "pages", Path(nbgrader.__file__).parent / "server_extensions/formgrader/templates"]

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl",
    "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li",
    "mark", "ol", "p", "pre", "progress", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
}  # fmt: skip
ATTRIBUTES = set("title style align colspan rowspan scope open start width height alt value max".split())
STYLES = {
    "background-color", "border", "border-collapse", "color", "font-family", "font-size", "font-style", "font-weight",
    "line-height", "max-width", "overflow-x", "padding", "text-align", "text-decoration", "vertical-align",
    "white-space", "width",
}  # fmt: skip
UNSEEN = re.compile(r"<(script|style)\b[^<]*</\1\s*>", re.IGNORECASE)  # read in time that grows with the length
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,")
LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)  # none to a file that came with the submission
HIGHLIGHTED = re.compile(r"highlight|dataframe|[a-z][a-z0-9]?")  # what Pygments and pandas call theirs
MOST_TAGS = 5_000  # of one output or cell; the time for reading them grows with their square, a second for these
PROTOCOLS = {"http", "https", "mailto", "data"}


def clean(html: object) -> str:
    """Return HTML in which all that is not in the lists above is taken out, or, a tag such as `<unk>`, is text."""
    text = html.decode("utf-8", "replace") if isinstance(html, bytes) else str(html)
    if text.count("<") > MOST_TAGS:
        return f"<pre>{escape(text)}</pre>"
    try:
        text = UNSEEN.sub("", text)  # bleach would leave a table's style sheet to be read; what it misses is text
        css = CSSSanitizer(allowed_css_properties=STYLES, allowed_svg_properties=())
        return bleach.clean(text, tags=TAGS, attributes=_may_stay, protocols=PROTOCOLS, css_sanitizer=css)
    except Exception:  # of whatever kind, such as too deeply nested: one page must not end the class's feedback
        return f"<pre>{escape(text)}</pre>"


def _may_stay(tag: str, name: str, value: str) -> bool:
    """Return whether an attribute of a tag may stay."""
    if name == "src":
        return tag == "img" and PICTURE.match(value) is not None
    if name == "href":
        return tag == "a" and LINK.match(value) is not None
    if name == "class":
        return all(HIGHLIGHTED.fullmatch(one) for one in value.split())
    return name in ATTRIBUTES


@pass_context
def markdown_to_html(context: Context, source: str) -> str:
    """Return a Markdown cell as clean HTML, the pictures attached to it included. A filter, `markdown2html`."""
    attachments = context.get("cell", {}).get("attachments", {})
    try:
        renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
        return clean(MarkdownWithMath(renderer=renderer).render(source))
    except Exception:  # as in clean
        return f"<pre>{escape(source)}</pre>"


class PlainOutputs(Preprocessor):
    """Drops what outputs say about how to show them: pages write some of it into a tag without quotes around it."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Empty the metadata of every output that has any."""
        for cell in nb.cells:
            for output in cell.get("outputs", ()):
                if "metadata" in output:
                    output.metadata = NotebookNode()
        return nb, resources
