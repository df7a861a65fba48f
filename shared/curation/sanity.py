"""Length and language: is it text of a sensible length, and readable?

The limits were tried on instruction data that a model had written: a right answer can be one word ("fog."), a column of
numbers, a table ruled with dashes, or a sentence with a blank to fill in. None of these may go.
"""

import re

from shared.curation.text import message_of

LENGTHS = (3, 400)  # words of a prompt; an answer may be shorter, and a model with a longer context may take more
LEAST_READABLE = 0.25  # letters and digits among the characters that are no white space
LONGEST_RUN = 6  # of one letter: rows of dashes, dots and underscores are layout
_RUN = re.compile(rf"([^\W\d_])\1{{{LONGEST_RUN},}}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


def sanity_fault(text: str, lengths: tuple[int, int] = LENGTHS) -> str | None:
    """Return why `text` does not look like language of a sensible length, or None.

    "2 words" outside of `lengths`; "not readable" for a control or replacement character, which a broken encoding
    leaves; "letters and digits 10%" where nearly all is punctuation; "repeats a" for one letter more than six times in
    a row.
    """
    text = message_of(text)
    words = len(text.split())
    if not lengths[0] <= words <= lengths[1]:
        return f"{words} word{'s' * (words != 1)}"
    if _CONTROL.search(text):
        return "not readable"
    solid = [char for char in text if not char.isspace()]
    readable = sum(char.isalnum() for char in solid) / max(1, len(solid))
    if readable < LEAST_READABLE:
        return f"letters and digits {readable:.0%}"
    run = _RUN.search(text)
    return f"repeats {run[1]}" if run else None
