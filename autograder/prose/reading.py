"""An answer as a reader sees it: its visible sentences, each a list of plain words.

Spelling is levelled (case, -ise and -ize, contractions, "fine-tune" and "finetune"), so that patterns need to say a
word only once. What a page would not show, such as an HTML comment, is left out, and that something was is noted.
Every step takes time in proportion to the text, whatever stands in it: learners choose the text.
"""

import re
import unicodedata
from typing import NamedTuple

LONGEST = 12_000  # characters that are read; an exercise asks for 300 words at most, which is 2,000

TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]{0,300})>")
NEVER_SHOWN = {"script", "style", "template"}
HIDING = re.compile(r"\bhidden\b|display\s*:|visibility\s*:|font-size\s*:|color\s*:|opacity\s*:", re.IGNORECASE)
DEFINITION = re.compile(r"^\[[^\]\n]{0,300}\]:[^\n]*$", re.MULTILINE)  # of a link; Markdown does not show it
LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()]{0,300}\)")
SENTENCE_END = re.compile(r"(?<=[.!?;])[\"')*_]{0,3}\s+|\n\n|\n(?= ?(?:[-*+•]|\d{1,2}[.)]) )")
PIECE_END = re.compile(r"[,;:.!?\n]\s|[→•|]")
WORD = re.compile(r"\d(?:[.,]?\d)*%?|[^\W\d_]+(?:'[^\W\d_]+)?")
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
    """Return the answer in a Markdown cell's source, as far as LONGEST."""
    text = unicodedata.normalize("NFKC", source[:LONGEST]).replace("’", "'")
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")  # zero-width characters and the like
    seen, hidden = _shown(text)
    plain = LINK.sub(r"\1", seen).replace("`", " ")
    plain = re.sub(r"\n(?: ?\n)+", "\n\n", re.sub(r"[^\S\n]+", " ", plain))
    sentences = tuple(words for part in SENTENCE_END.split(plain) if (words := words_of(part)))
    pieces = tuple(size for part in PIECE_END.split(plain) if (size := len(words_of(part))))
    return Answer(sentences, pieces, hidden)


def words_of(text: str) -> tuple[str, ...]:
    """Return the levelled words of a stretch of text: small letters, no short forms, s for z."""
    text = text.lower()
    for form, plain in SHORT_FORMS:
        text = form.sub(plain, text)
    return tuple(word.replace("z", "s") for word in WORD.findall(text))


def _shown(text: str) -> tuple[str, bool]:
    """Return what of the text a page shows, without tags, and whether something was hidden."""
    first, *rest = text.split("<!--")
    kept = DEFINITION.sub(" ", " ".join([first, *(part.partition("-->")[2] for part in rest)]))
    shown, position, element, depth = [], 0, "", 0
    for tag in TAG.finditer(kept):
        closing, name, attributes = bool(tag[1]), tag[2].lower(), tag[3]
        if not element:
            shown.append(kept[position : tag.start()])
            if not closing and (name in NEVER_SHOWN or HIDING.search(attributes)):
                element, depth = name, 1
        elif name == element:
            depth += -1 if closing else 1
            element = element if depth else ""
        position = tag.end()
    if not element:
        shown.append(kept[position:])
    visible = " ".join(shown)
    return visible, len(words_of(visible)) < len(words_of(TAG.sub(" ", text)))
