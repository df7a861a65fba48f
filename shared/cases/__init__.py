"""Letters from clients, to be answered with a choice: prompt, look up, fine-tune, both, a classic model, or nothing.

Twelve of the letters are a learner's own: at most two from each of twelve piles, drawn by a seed that is kept beside
the answers and travels with them. The piles see to it that many kinds of case turn up; what a pile stands for, and
which answers are accepted, this module does not know (`autograder.rung_01_key` does).
"""

import functools
from collections.abc import Mapping
from pathlib import Path

from shared.artifacts import write_json
from shared.decisions import DecisionsRecord, Letter, decision_of, drawn_from, letters_in, seed_kept_in
from shared.questions import ANSWERS
from shared.training import work_folder

RUNG = "01"
FOLDER = Path(__file__).parent

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


@functools.cache
def letters() -> dict[str, Letter]:
    """Return every letter by name."""
    return {one.name: one for path in sorted(FOLDER.glob("letters-*.txt")) for one in letters_in(path)}


def drawn(seed: int) -> list[Letter]:
    """Return the letters that this seed draws, at most two from a pile."""
    return drawn_from(letters(), RUNG, seed)


def my_letters(*, work: Path | None = None) -> list[Letter]:
    """Return this learner's letters. The first call draws them, later ones find them again."""
    return drawn(seed_kept_in(work or work_folder(RUNG), ANSWERS, RUNG))


def save_decisions(decisions: Mapping[str, tuple[str, str] | None], *, work: Path | None = None) -> None:
    """Keep (choice, reason) by letter's name beside the seed; None is a letter not decided yet. Raises CaseError."""
    folder = work or work_folder(RUNG)
    seed = seed_kept_in(folder, ANSWERS, RUNG)
    mine = [letter.name for letter in drawn(seed)]
    made = {
        name: decision_of(name, given, mine, (CHOICES, REASONS), ("prompt", "few-examples"))
        for name, given in decisions.items()
        if given is not None
    }
    write_json(folder / ANSWERS, DecisionsRecord(rung=RUNG, seed=seed, decisions=made))
