"""Letters from clients, to be answered with a choice: prompt, look up, fine-tune, both, a classic model, or nothing.

Twelve of the letters are a learner's own: one from each of twelve piles, drawn by a seed that is kept beside the
answers and travels with them. The piles see to it that each kind of case turns up; what a pile stands for, and which
answers are accepted, this module does not know (`autograder.rung_01_key` does).
"""

import functools
import random
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from shared.artifacts import Artifact, read_json, write_json
from shared.questions import ANSWERS, LARGEST_SEED
from shared.training import work_folder

RUNG = "01"
FOLDER = Path(__file__).parent
HEAD = "== "

CHOICES = {
    "prompt": "a prompt: instructions, examples, settings; nothing is trained",
    "rag": "retrieval: find the passage, put it into the prompt",
    "fine-tune": "fine-tuning, with everything the answer needs in the input",
    "fine-tune+rag": "fine-tuning for the manner and retrieval for the facts",
    "classic": "a classic model: logistic regression, trees, a forecast",
    "none": "no model now: a rule, a query, a test first, or what runs already",
}
REASONS = {
    "facts-change": "the answers hang on facts that change, and must follow them the same day",
    "show-source": "the answers stand in documents, must be found there and shown",
    "hold-form": "a form, tone or narrow skill must hold, prompts don't make it hold, and there are many examples",
    "form-and-facts": "a manner that prompts don't make hold, and facts to look up: both",
    "many-requests": "so many requests, or so little time or machine for each, that it must become small",
    "stay-inside": "nothing may leave the house or the device, so a small model of one's own must do it",
    "few-examples": "too few examples to train on, and an instruction can say what is wanted",
    "untried-prompt": "nobody has tried a clear instruction, examples and settings yet",
    "fixed-labels": "a fixed set of labels or a number, with labelled examples: a small model learns that",
    "exact-rule": "a rule, a table or a program gives the exact answer",
    "no-test": "nobody can say what a good answer is: first the test",
    "too-risky": "a wrong answer does harm that nobody would catch, or the data may not be used so",
    "good-enough": "what runs already meets the target",
}


class CaseError(Exception):
    """An answer that is none: an unknown letter, choice or reason. One line."""


class Letter(NamedTuple):
    """One client's letter. `pile` says which of the twelve piles it is drawn from."""

    name: str
    pile: int
    text: str


class Decision(Artifact):
    """What a learner would do in one case, and the reason that decides it."""

    choice: str
    reason: str


class DecisionsRecord(Artifact):
    """`answers.json` of rung 01: the seed that drew the letters, and a decision for each letter's name."""

    rung: str
    seed: int = Field(ge=0, le=LARGEST_SEED)
    decisions: dict[str, Decision]


@functools.cache
def letters() -> dict[str, Letter]:
    """Return every letter by name."""
    found = {}
    for path in sorted(FOLDER.glob("letters-*.txt")):
        for block in path.read_text(encoding="utf-8").split(f"\n{HEAD}"):
            head, _, text = block.removeprefix(HEAD).partition("\n")
            name, pile = head.split()
            found[name] = Letter(name, int(pile), " ".join(text.split()))
    return found


def drawn(seed: int) -> list[Letter]:
    """Return the letters that this seed draws, one from each pile, in an order that gives no pile away."""
    stream = random.Random(f"{RUNG}/cases/{seed}")
    piles = sorted({letter.pile for letter in letters().values()})
    mine = [stream.choice([one for one in letters().values() if one.pile == pile]) for pile in piles]
    return stream.sample(mine, len(mine))


def my_letters(*, work: Path | None = None) -> list[Letter]:
    """Return this learner's letters. The first call draws them, later ones find them again."""
    folder = work or work_folder(RUNG)
    if not (folder / ANSWERS).exists():
        seed = secrets.randbelow(LARGEST_SEED)
        write_json(folder / ANSWERS, DecisionsRecord(rung=RUNG, seed=seed, decisions={}))
    return drawn(read_json(folder / ANSWERS, DecisionsRecord, within=folder).seed)


def save_decisions(decisions: Mapping[str, tuple[str, str] | None], *, work: Path | None = None) -> None:
    """Keep (choice, reason) by letter's name beside the seed; None is a letter not decided yet. Raises CaseError."""
    folder = work or work_folder(RUNG)
    mine = [letter.name for letter in my_letters(work=folder)]
    made = {name: _decision(name, given, mine) for name, given in decisions.items() if given is not None}
    seed = read_json(folder / ANSWERS, DecisionsRecord, within=folder).seed
    write_json(folder / ANSWERS, DecisionsRecord(rung=RUNG, seed=seed, decisions=made))


def _decision(name: str, given: object, mine: list[str]) -> Decision:
    """Return the decision, or raise CaseError for a name, choice or reason that is not on its list."""
    if name not in mine:
        raise CaseError(f"decisions: {name!r} is none of your letters; expected {', '.join(mine)}")
    if not isinstance(given, tuple | list) or len(given) != 2 or not all(isinstance(one, str) for one in given):
        raise CaseError(f"decisions: {name}: got {given!r}, expected a pair such as ('prompt', 'few-examples')")
    for word, known, what in zip(given, (CHOICES, REASONS), ("choice", "reason"), strict=True):
        if word not in known:
            raise CaseError(f"decisions: {name}: no {what} {word!r}; expected one of {', '.join(known)}")
    return Decision(choice=given[0], reason=given[1])
