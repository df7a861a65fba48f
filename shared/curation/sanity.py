"""Length and language: is it text of a sensible length, made of words?"""

import re

from shared.curation.text import message_of

LENGTHS = (3, 400)  # words
LEAST_LETTERS = 0.6  # of the characters that are no white space
LONGEST_RUN = 6  # of one character
_RUN = re.compile(r"(\S)\1{%d,}" % LONGEST_RUN)


def sanity_fault(text: str, lengths: tuple[int, int] = LENGTHS, least_letters: float = LEAST_LETTERS) -> str | None:
    """Return why `text` does not look like language of a sensible length, or None.

    "3 words" outside of `lengths`; "letters 40%" below `least_letters`; "repeats a" for one character more than six
    times in a row; "not readable" for a replacement or control character, which a broken encoding leaves.
    """
    text = message_of(text)
    words = len(text.split())
    if not lengths[0] <= words <= lengths[1]:
        return f"{words} words"
    if any(char == "\ufffd" or (ord(char) < 32 and char not in "\n\r\t") for char in text):
        return "not readable"
    solid = [char for char in text if not char.isspace()]
    letters = sum(char.isalpha() for char in solid) / len(solid)
    if letters < least_letters:
        return f"letters {letters:.0%}"
    run = _RUN.search(text)
    return f"repeats {run[1]}" if run else None
