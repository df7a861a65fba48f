"""Letters that a seed draws from piles, and a learner's decision on each: the mechanism of rungs 01 and 11.

The banks of letters, their choices and their reasons stand in `shared.cases` and `shared.tool_cases`. What a pile
stands for, and which answers are accepted, neither knows (`autograder.rung_01_key` and `rung_11_key` do).
"""

import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from shared.artifacts import Artifact, read_json, write_json
from shared.questions import LARGEST_SEED

HEAD = "== "


class CaseError(Exception):
    """An answer that is none: an unknown letter, choice or reason. One line."""


class Letter(NamedTuple):
    """One client's letter. `pile` says from which of the piles it is drawn."""

    name: str
    pile: int
    text: str


class Decision(Artifact):
    """What a learner would do in one case, and the reason that decides it."""

    choice: str
    reason: str


class DecisionsRecord(Artifact):
    """The seed that drew a learner's letters, and a decision for each letter's name."""

    rung: str
    seed: int = Field(ge=0, le=LARGEST_SEED)
    decisions: dict[str, Decision]


def letters_in(path: Path) -> Iterator[Letter]:
    """Yield the letters of a file: for each a line "== name pile", then its text."""
    for block in f"\n{path.read_text(encoding='utf-8')}".split(f"\n{HEAD}")[1:]:
        head, _, text = block.partition("\n")
        name, pile = head.split()
        yield Letter(name, int(pile), " ".join(text.split()))


def drawn_from(letters: Mapping[str, Letter], rung: str, seed: int) -> list[Letter]:
    """Return the letters that this seed draws, as many as there are piles and at most two of a pile.

    Not one of each: what can be counted off tells the last letters' answers without reading them.
    """
    stream = random.Random(f"{rung}/cases/{seed}")
    piles = sorted({letter.pile for letter in letters.values()})
    at_hand = [
        one for pile in piles for one in stream.sample([each for each in letters.values() if each.pile == pile], 2)
    ]
    return stream.sample(at_hand, len(piles))


def seed_kept_in(folder: Path, file: str, rung: str) -> int:
    """Return the seed in the learner's record. The first call draws it, later ones find it again."""
    if not (folder / file).exists():
        record = DecisionsRecord(rung=rung, seed=secrets.randbelow(LARGEST_SEED), decisions={})
        write_json(folder / file, record)
    return read_json(folder / file, DecisionsRecord, within=folder).seed


def decision_of(
    name: str, given: object, mine: Sequence[str], lists: tuple[Mapping[str, str], Mapping[str, str]], example: tuple
) -> Decision:
    """Return the decision on one letter; `lists` are the choices and the reasons there are.

    Raises CaseError for a name that is not among `mine`, or a choice or reason that is not on its list.
    """
    if name not in mine:
        raise CaseError(f"decisions: {name!r} is none of your letters; expected {', '.join(mine)}")
    if not isinstance(given, tuple | list) or len(given) != 2 or not all(isinstance(one, str) for one in given):
        raise CaseError(f"decisions: {name}: got {given!r}, expected a pair such as {example!r}")
    for word, known, what in zip(given, lists, ("choice", "reason"), strict=True):
        if word not in known:
            raise CaseError(f"decisions: {name}: no {what} {word!r}; expected one of {', '.join(known)}")
    return Decision(choice=given[0], reason=given[1])
