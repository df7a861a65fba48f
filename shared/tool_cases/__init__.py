"""Situations of six clients, to be answered with a tool and the reason that decides; rung 11's.

Six situations are drawn from six piles, at most two from each, by a seed that is kept beside the answers. What a pile
stands for and which answers are accepted, this module does not know (`autograder.rung_11_key` does).
"""

import functools
from collections.abc import Mapping
from pathlib import Path

from shared.artifacts import write_json
from shared.decisions import DecisionsRecord, Letter, decision_of, drawn_from, letters_in, seed_kept_in
from shared.training import work_folder

RUNG = "11"
DECISIONS = "artifacts/decisions.json"
LETTERS = Path(__file__).with_name("letters.txt")

CHOICES = {
    "trl": "TRL: a library that your Python calls, with a command for the usual cases",
    "axolotl": "Axolotl: one configuration file from the data to the merge",
    "llamafactory": "LLaMA-Factory: a list of models and templates, a file or a web page",
    "unsloth": "Unsloth: one GPU, patched for memory and speed, with prepared notebooks",
    "torchtune": "torchtune: recipes in plain PyTorch, no longer maintained",
    "stay": "no other tool: something else comes first",
}
REASONS = {
    "own-code": "a loss, a reward or a program of one's own is at the centre, and calls the trainer",
    "file-a-run": "many runs by many hands: each must be one file that can be reviewed and run again",
    "many-gpus": "one run over several GPUs, split by a line in a file instead of by code",
    "no-code": "people who don't program choose, start and compare the runs",
    "many-models": "many families of models through one form, with templates that others maintain",
    "one-small-gpu": "one small GPU, and its memory or its hours decide whether the run is possible",
    "runs-already": "it runs at a pinned version, and nothing in it needs to change",
    "no-longer-kept": "the tool asked for is no longer maintained, and the work is to live on",
    "defaults-differ": "two configurations state different things: compare them line by line first",
    "not-the-tool": "what holds the work back is no matter of tools: data, labels, the test, the waiting",
}


@functools.cache
def letters() -> dict[str, Letter]:
    """Return every situation by name."""
    return {one.name: one for one in letters_in(LETTERS)}


def drawn(seed: int) -> list[Letter]:
    """Return the letters that this seed draws, at most two from a pile."""
    return drawn_from(letters(), RUNG, seed)


def my_situations(*, work: Path | None = None) -> list[Letter]:
    """Return this learner's letters. The first call draws them, later ones find them again."""
    return drawn(seed_kept_in(work or work_folder(RUNG), DECISIONS, RUNG))


def save_decisions(decisions: Mapping[str, tuple[str, str] | None], *, work: Path | None = None) -> None:
    """Keep (choice, reason) by letter's name beside the seed; None is a letter not decided yet. Raises CaseError."""
    folder = work or work_folder(RUNG)
    seed = seed_kept_in(folder, DECISIONS, RUNG)
    mine = [letter.name for letter in drawn(seed)]
    made = {
        name: decision_of(name, given, mine, (CHOICES, REASONS), ("stay", "not-the-tool"))
        for name, given in decisions.items()
        if given is not None
    }
    write_json(folder / DECISIONS, DecisionsRecord(rung=RUNG, seed=seed, decisions=made))
