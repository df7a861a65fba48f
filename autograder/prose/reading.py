"""An answer as a reader sees it: its visible sentences, each a list of plain words.

Spelling is levelled (case, -ise and -ize, contractions, "fine-tune" and "finetune"), so that patterns need to say a
word only once. What a page would not show, such as an HTML comment, is left out, and that something was is noted.
"""

import re
import unicodedata
from typing import NamedTuple

HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)"  # a comment, closed or not
    r"|<(script|style|template)\b.*?(?:</\1\s*>|\Z)"
    r"|<(\w+)\b[^>]*(?:\bhidden\b|display\s*:|visibility\s*:|font-size\s*:|color\s*:|opacity\s*:)[^>]*>.*?(?:</\2\s*>|\Z)"
    r"|^\[[^\]]*\]:[^\n]*$",  # a link's definition, which Markdown does not show
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
TAG = re.compile(r"</?[a-zA-Z][^>]*>")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
SENTENCE_END = re.compile(r"(?<=[.!?;])[\"')*_]*\s+|\n\s*\n|\n(?=\s*(?:[-*+•]|\d{1,2}[.)])\s)")
WORD = re.compile(r"\d[\d.,]*\d%?|\d%?|[^\W\d_]+(?:'[^\W\d_]+)?")
SHORT_FORMS = (
    (re.compile(r"\b(?:cannot|can'?t)\b"), "can not"),
    (re.compile(r"\bwon'?t\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|was|are|were|has|have|had|would|could|should)n'?t\b"), r"\1 not"),
    (re.compile(r"\b(fine|pre)[- ]?(tun|train)"), r"\1\2"),
    (re.compile(r"(?<=\w)'(?:s|re|ve|ll|d|m)\b"), ""),
)


class Answer(NamedTuple):
    """What can be read of an answer: its sentences' levelled words; `pieces` counts those between punctuation marks."""

    sentences: tuple[tuple[str, ...], ...]
    pieces: tuple[int, ...]
    hidden: bool

    @property
    def words(self) -> tuple[str, ...]:
        """All words in their order."""
        return tuple(word for sentence in self.sentences for word in sentence)


def read(source: str) -> Answer:
    """Return the answer in a Markdown cell's source."""
    text = unicodedata.normalize("NFKC", source).replace("’", "'")
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")  # zero-width characters and the like
    seen = HIDDEN.sub(" ", text)
    plain = LINK.sub(r"\1", TAG.sub(" ", seen)).replace("`", " ")
    sentences = tuple(words for part in SENTENCE_END.split(plain) if (words := words_of(part)))
    pieces = tuple(size for part in re.split(r"[,;:.!?\n]\s|[→•|]", plain) if (size := len(words_of(part))))
    return Answer(sentences, pieces, hidden=seen != text)


def words_of(text: str) -> tuple[str, ...]:
    """Return the levelled words of a stretch of text: small letters, no short forms, s for z."""
    text = text.lower()
    for form, plain in SHORT_FORMS:
        text = form.sub(plain, text)
    return tuple(word.replace("z", "s") for word in WORD.findall(text))
