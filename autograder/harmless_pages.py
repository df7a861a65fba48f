"""Nothing of a submission acts in the browser of the human who grades it.

Formgrader shows a submission on a page that may set scores. A script in a saved output, or in the HTML that Markdown
allows, would run there with the instructor's rights. nbconvert knows how to take such things out; here that is done in
nbgrader's own copy of the submission, from which formgrader and the feedback make their pages.
"""

from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbgrader.preprocessors import NbGraderPreprocessor


class HarmlessPages(NbGraderPreprocessor, SanitizeHTML):
    """Escapes HTML that could act, in text and in outputs, and drops outputs that are scripts. Figures stay.

    nbconvert's own preprocessor, switched on as nbgrader's are.
    """
