"""Situations of six clients, to be answered with a tool and the reason that decides; rung 11's.

One situation is drawn from each of six piles, by a seed that is kept beside the answers. What a pile stands for and
which answers are accepted, this module does not know (`autograder.rung_11_key` does).
"""

import functools
import random
import secrets
from collections.abc import Mapping
from pathlib import Path

from shared.artifacts import read_json, write_json
from shared.cases import CaseError, Decision, DecisionsRecord, Letter
from shared.questions import LARGEST_SEED
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
    found = {}
    for block in LETTERS.read_text(encoding="utf-8").split("== ")[1:]:
        head, _, text = block.partition("\n")
        name, pile = head.split()
        found[name] = Letter(name, int(pile), " ".join(text.split()))
    return found


def drawn(seed: int) -> list[Letter]:
    """Return the situations that this seed draws, one from each pile, in an order that gives no pile away."""
    stream = random.Random(f"{RUNG}/cases/{seed}")
    piles = sorted({letter.pile for letter in letters().values()})
    mine = [stream.choice([one for one in letters().values() if one.pile == pile]) for pile in piles]
    return stream.sample(mine, len(mine))


def my_situations(*, work: Path | None = None) -> list[Letter]:
    """Return this learner's six situations. The first call draws them, later ones find them again."""
    folder = work or work_folder(RUNG)
    if not (folder / DECISIONS).exists():
        write_json(folder / DECISIONS, DecisionsRecord(rung=RUNG, seed=secrets.randbelow(LARGEST_SEED), decisions={}))
    return drawn(read_json(folder / DECISIONS, DecisionsRecord, within=folder).seed)


def save_decisions(decisions: Mapping[str, tuple[str, str] | None], *, work: Path | None = None) -> None:
    """Keep (choice, reason) by name beside the seed; None is one not decided yet. Raises CaseError."""
    folder = work or work_folder(RUNG)
    mine = [letter.name for letter in my_situations(work=folder)]
    made = {name: _decision(name, given, mine) for name, given in decisions.items() if given is not None}
    seed = read_json(folder / DECISIONS, DecisionsRecord, within=folder).seed
    write_json(folder / DECISIONS, DecisionsRecord(rung=RUNG, seed=seed, decisions=made))


def _decision(name: str, given: object, mine: list[str]) -> Decision:
    """Return the decision, or raise CaseError for a name, choice or reason that is not on its list."""
    if name not in mine:
        raise CaseError(f"decisions: {name!r} is none of your six; expected {', '.join(mine)}")
    if not isinstance(given, tuple | list) or len(given) != 2 or not all(isinstance(one, str) for one in given):
        raise CaseError(f"decisions: {name}: got {given!r}, expected a pair such as ('stay', 'not-the-tool')")
    for word, known, what in zip(given, (CHOICES, REASONS), ("choice", "reason"), strict=True):
        if word not in known:
            raise CaseError(f"decisions: {name}: no {what} {word!r}; expected one of {', '.join(known)}")
    return Decision(choice=given[0], reason=given[1])
