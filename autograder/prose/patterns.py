"""Ways to say something: words that stand near one another.

A pattern is a line of terms, such as `mask*|hid* loss ticket|answer`. A term is met by any of its alternatives: a word,
the beginning of one (`mask*`), words in a row (`learning_rate`), or a list from `words.yml` (`$not`, `$number`). All
terms must be met by words of their own within WINDOW words, in any order; with `>` between them, in that order and at
most GAP words apart. A term after `!` must not be met there, nor shortly before: `!$not` asks for a statement, not for
its denial. A letter too many, too few or wrong is forgiven in words of six letters and more.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

WINDOW, GAP, BEFORE = 18, 7, 3  # words
FORGIVING = 6  # letters
NUMBER = re.compile(r"\d")
NUMBER_WORDS = frozenset(
    "zero two three four five six seven eight nine ten eleven twelve sixteen twenty thirty forty fifty sixty seventy "
    "eighty ninety hundred thousand million half quarter quarters fifth twice".split()
)
Words = tuple[str, ...]
Span = tuple[int, int]  # first word and the one after the last


class PatternError(ValueError):
    """A pattern that cannot be read. One line."""


@dataclass(frozen=True)
class Pattern:
    """A way to say something. Each term is a tuple of alternatives, each alternative a tuple of stems in a row."""

    text: str
    terms: tuple[tuple[tuple[str, ...], ...], ...]
    absent: tuple[tuple[tuple[str, ...], ...], ...]
    in_order: bool

    def find(self, words: Words) -> Span | None:
        """Return where in `words` the pattern is met first, or None."""
        places = [_places(term, words) for term in self.terms]
        if not all(places):
            return None
        spans: Iterable[Span] = _ordered(places) if self.in_order else _near(places)
        return next((span for span in spans if not self._denied(words, span)), None)

    def _denied(self, words: Words, span: Span) -> bool:
        stretch = words[max(0, span[0] - BEFORE) : span[1]]
        return any(_places(term, stretch) for term in self.absent)


def parse(text: str, lists: Mapping[str, Sequence[str]]) -> Pattern:
    """Return the pattern that `text` writes down; `lists` are the named lists of words. Raises PatternError."""
    tokens = [token for token in text.split() if not token.startswith("!")]
    in_order = ">" in tokens
    if in_order and [token == ">" for token in tokens] != [
        bool(place % 2) for place in range(len(tokens) // 2 * 2 + 1)
    ]:
        raise PatternError(f"{text!r}: expected > between all terms or between none")
    present = tuple(_term(token, lists) for token in tokens if token != ">")
    absent = tuple(_term(token[1:], lists) for token in text.split() if token.startswith("!"))
    if not present:
        raise PatternError(f"{text!r}: expected at least one term that is not after !")
    return Pattern(text, present, absent, in_order)


def _term(token: str, lists: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    alternatives: list[tuple[str, ...]] = []
    for part in token.split("|"):
        if part.startswith("$"):
            if part[1:] not in lists:
                raise PatternError(f"{part!r}: no such list in words.yml; expected one of {', '.join(lists)}")
            alternatives += _term("|".join(lists[part[1:]]), lists)
        elif part:
            alternatives.append(tuple(part.replace("z", "s").split("_")))
    if not alternatives:
        raise PatternError(f"{token!r}: expected a word")
    return tuple(alternatives)


def _places(term: tuple[tuple[str, ...], ...], words: Words) -> list[Span]:
    """Return where the term is met, in the order of the words."""
    found, index = set(), _index(words)
    for stems in term:
        for start in range(len(words)) if stems[0] == "#" else index.get(stems[0][0], ()):
            end = start + len(stems)
            if end <= len(words) and all(_is(words[start + number], stem) for number, stem in enumerate(stems)):
                found.add((start, end))
    return sorted(found)


@functools.lru_cache(maxsize=512)
def _index(words: Words) -> Mapping[str, list[int]]:
    """Return where words stand by their first letter: no word is met by a stem with another."""
    index: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        index.setdefault(word[0], []).append(place)
    return index


@functools.lru_cache(maxsize=200_000)
def _is(word: str, stem: str) -> bool:
    """Return whether a word of an answer is what a stem stands for."""
    if stem == "#":
        return word in NUMBER_WORDS or NUMBER.match(word) is not None
    beginning = stem.endswith("*")
    stem = stem.removesuffix("*")
    if word.startswith(stem) if beginning else word == stem:
        return True
    if len(stem) < FORGIVING or word[:1] != stem[:1]:
        return False
    lengths = range(len(stem) - 1, len(stem) + 2) if beginning else (len(word),)
    return any(OSA.distance(word[:length], stem, score_cutoff=1) <= 1 for length in lengths)


def _near(places: list[list[Span]]) -> Iterator[Span]:
    """Yield the stretches of at most WINDOW words in which every term has a place of its own."""
    for start in sorted({place[0] for term in places for place in term}):
        inside = [[place for place in term if start <= place[0] and place[1] <= start + WINDOW] for term in places]
        end = _last_of_distinct(sorted(inside, key=len))
        if end is not None:
            yield start, end


def _last_of_distinct(places: list[list[Span]], taken: frozenset[int] = frozenset()) -> int | None:
    """Return where the terms end when no word serves two of them, or None when there are too few words."""
    if not places:
        return max(taken) + 1
    for first, end in places[0]:
        words = frozenset(range(first, end))
        if not words & taken and (last := _last_of_distinct(places[1:], taken | words)) is not None:
            return last
    return None


def _ordered(places: list[list[Span]]) -> list[Span]:
    """Return the stretches in which the terms follow one another, at most GAP words apart."""
    spans = set(places[0])
    for term in places[1:]:
        begin_at = {}
        for span in term:
            begin_at.setdefault(span[0], []).append(span[1])
        near = ((first, last + gap) for first, last in spans for gap in range(GAP + 1))
        spans = {(first, end) for first, start in near for end in begin_at.get(start, ())}
    return sorted(spans)
