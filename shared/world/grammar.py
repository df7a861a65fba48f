"""Sentences that can be written and read back: one template serves both directions.

A `Template` is a sentence with named slots, such as `"{name} works as a {role} in {town}."`. `render` fills the slots;
`parse` reads a sentence and returns the slots again, or None. Each slot name has a closed vocabulary, so parsing is
exact: the world's verifiers and its property tests rest on it.
"""

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.world import lexicon
from shared.world.secret import one_of_each
from shared.world.splits import Split, WorldError

Phrasing = Literal["familiar", "unseen"]


def _one_of(words: Sequence[str]) -> str:
    return "(?:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


_ITEM = f"{_one_of(lexicon.MODIFIERS)} {_one_of(lexicon.NOUNS)}"
_ITEMS = f"{_one_of(lexicon.MODIFIERS)} {_one_of([lexicon.plural(noun) for noun in lexicon.NOUNS])}"
_COUNT = f"(?:{_one_of(lexicon.NUMBER_WORDS)}|[1-9])"
_GOODS = f"(?:{_COUNT} {_ITEMS}|{_ITEM})"

# What may stand in a slot, by the slot's name up to its first digit: {item2} takes what {item} takes.
SLOT_PATTERNS: dict[str, str] = {
    "item": _ITEM,
    "items": _ITEMS,
    "an_item": f"an? {_ITEM}",
    "goods": _GOODS,
    "some_goods": f"(?:{_COUNT} {_ITEMS}|an? {_ITEM})",
    "noun": _one_of(lexicon.NOUNS),
    "material": _one_of(lexicon.MATERIALS),
    "name": f"{_one_of(lexicon.FIRST_NAMES)} {_one_of(lexicon.LAST_NAMES)}",
    "first": _one_of(lexicon.FIRST_NAMES),
    "town": _one_of(lexicon.TOWNS),
    "role": _one_of(lexicon.ROLES),
    "day": _one_of(lexicon.DAYS),
    "weather": _one_of(lexicon.WEATHERS),
    "part_of_day": _one_of(lexicon.PARTS_OF_DAY),
    "number": r"\d+",
    "is": "(?:is|are)",
    "has": "(?:has|have)",
    "was": "(?:was|were)",
    "it": "(?:it|them)",
}


@dataclass(frozen=True)
class Template:
    """A sentence with slots, readable and writable."""

    text: str

    @functools.cached_property
    def slots(self) -> tuple[str, ...]:
        """The names of the slots, in order of first appearance."""
        return tuple(dict.fromkeys(re.findall(r"{(\w+)}", self.text)))

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """A regular expression with one named group a slot; a slot named twice must hold the same text twice."""
        seen: set[str] = set()
        parts = []
        for literal, slot in re.findall(r"([^{]*)(?:{(\w+)})?", self.text):
            parts.append(re.escape(literal))
            if slot:
                parts.append(f"(?P={slot})" if slot in seen else f"(?P<{slot}>{_slot_pattern(slot)})")
                seen.add(slot)
        return re.compile("".join(parts))

    def render(self, values: Mapping[str, object]) -> str:
        """Return the sentence with its slots filled from `values`; values it does not need are ignored."""
        return self.text.format_map(values)

    def parse(self, sentence: str) -> dict[str, str] | None:
        """Return the slots of `sentence`, or None when it is not this template's sentence."""
        found = self.pattern.fullmatch(sentence)
        return found.groupdict() if found else None


def _slot_pattern(slot: str) -> str:
    kind = slot.rstrip("0123456789")
    if kind not in SLOT_PATTERNS:
        raise WorldError(f"grammar: slot {{{slot}}} is unknown, expected one of {', '.join(SLOT_PATTERNS)}")
    return SLOT_PATTERNS[kind]


def templates(*texts: str) -> tuple[Template, ...]:
    """Return a template for each text."""
    return tuple(Template(text) for text in texts)


@dataclass(frozen=True)
class Phrasings:
    """Three pools of wordings for one meaning: no wording stands in two of them.

    Only `train` wordings occur in pre-training text and in training splits. `public` and `hidden` wordings are the
    *unseen phrasing* of the public and the hidden split. `hidden` holds as many runs of wordings as `public` holds
    wordings; of each run the instructor's secret chooses one.
    """

    train: tuple[Template, ...]
    public: tuple[Template, ...] = ()
    hidden: tuple[Template, ...] = ()

    def pool(self, split: Split, phrasing: Phrasing = "familiar") -> tuple[Template, ...]:
        """Return the wordings that rows of `split` may use under `phrasing`."""
        if phrasing == "familiar":
            return self.train
        if phrasing != "unseen" or split == "train":
            raise WorldError(f"phrasing: expected 'familiar', or 'unseen' outside train, got {phrasing!r} for {split}")
        return self.public if split == "public" else one_of_each(self.hidden, len(self.public))

    def all(self) -> tuple[Template, ...]:
        """Return every wording of the three pools."""
        return self.train + self.public + self.hidden


def parse_any(pool: Sequence[Template], sentence: str) -> list[tuple[Template, dict[str, str]]]:
    """Return every template of `pool` that reads `sentence`, each with the slots it found."""
    return [(template, slots) for template in pool if (slots := template.parse(sentence)) is not None]


def parse_sequence(pools: Sequence[Collection[Template]], text: str) -> Iterator[list[tuple[Template, dict[str, str]]]]:
    """Yield every way to read `text` as one sentence of each pool in turn, joined by single spaces.

    A pool that may be skipped holds `Template("")`; it then takes no space either.
    """
    if not pools:
        if not text:
            yield []
        return
    for template in pools[0]:
        found = template.pattern.match(text)
        if not found:
            continue
        rest = text[found.end() :]
        if template.text and rest:
            if not rest.startswith(" "):
                continue
            rest = rest[1:]
        for tail in parse_sequence(pools[1:], rest):
            yield [(template, found.groupdict()), *tail]
