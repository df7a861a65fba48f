"""Nothing of a submission acts in the browser of the human who grades it.

Formgrader shows a submission on a page that may set scores. A script in a saved output, or in the HTML that Markdown
allows, would run there with the instructor's rights. nbconvert knows how to take such things out; here that is done in
nbgrader's own copy of the submission, from which formgrader and the feedback make their pages.
"""

from nbconvert.preprocessors.sanitize import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, SanitizeHTML
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import default

# What reports, tables and progress bars are made of, beside what bleach allows anyway.
LAYOUT = (
    "p br hr h1 h2 h3 h4 h5 h6 div span pre sub sup details summary progress table caption thead tbody tr th td".split()
)


class HarmlessPages(NbGraderPreprocessor, SanitizeHTML):
    """Escapes HTML that could act, in text and in outputs, and drops outputs that are scripts. Figures stay.

    nbconvert's own preprocessor, switched on as nbgrader's are, with the tags that outputs here are laid out with.
    """

    @default("tags")
    def _default_tags(self) -> list[str]:
        return sorted({*ALLOWED_TAGS, *LAYOUT})

    @default("attributes")
    def _default_attributes(self) -> dict[str, list[str]]:
        return {**ALLOWED_ATTRIBUTES, "*": ["style"], "progress": ["value", "max"]}
