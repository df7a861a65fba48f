"""The shop's constitution: principles that a program applies to a reply, and the labels and scores that follow.

Constitutional AI lets a language model judge by written principles what people judged before (Bai et al. 2022, arXiv
2212.08073). The pocket model cannot read principles, so here a program applies them: it knows the grammar of letters
and replies. That makes it the true rule, too, against which a learned reward can be measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.world import messages
from shared.world.replies import Content, content_for, promised, read, tone_score

_HEAD, _TAIL = "Message: ", "\nReply:"


@dataclass(frozen=True)
class Principle:
    """One principle: its text, and how far a reply to a prompt keeps it, from 0 to 1."""

    text: str
    kept: Callable[[str, str], float]


def contents_of(prompt: str) -> set[Content]:
    """Return what a right reply to the letter in `prompt` promises; empty for a letter of no known meaning."""
    text = prompt.removeprefix(_HEAD).removesuffix(_TAIL)
    return {content_for(meaning) for meaning in messages.read(text)}


def right_promise(prompt: str, reply: str) -> float:
    """Return the share of action, item and time that the reply's promise gets right; 0 when it promises nothing."""
    found = promised(reply)
    if found is None:
        return 0.0
    return max((_agreement(found, content) for content in contents_of(prompt)), default=0.0)


def _agreement(one: Content, other: Content) -> float:
    same = (one.intent == other.intent, one.item == other.item, one.urgency == other.urgency)
    return sum(same) / len(same)


def polite(prompt: str, reply: str) -> float:
    """Return 1 for more polite phrases than curt ones, 0 for fewer, else one half. The prompt does not matter."""
    balance = tone_score(reply)
    return 1.0 if balance > 0 else 0.0 if balance < 0 else 0.5


def own_words(prompt: str, reply: str) -> float:
    """Return 1 for a reply made of the shop's own sentences and nothing else, else 0. The prompt does not matter."""
    return float(bool(read(reply)))


CONSTITUTION = (
    Principle(
        "Promise what the letter asks for: the right action for the right item, at the right time.", right_promise
    ),
    Principle("Be polite.", polite),
    Principle("Write whole sentences of the shop's, and nothing beside them.", own_words),
)


def gold(prompt: str, reply: str) -> float:
    """Return the true rule's score: how many of the principles the reply keeps, from 0 to 3."""
    return sum(principle.kept(prompt, reply) for principle in CONSTITUTION)


def labelled_by_rules(pairs: Sequence[Mapping]) -> list[dict]:
    """Return the pairs as the program labels them, whichever reply was called chosen.

    The principles are applied in their order, and the first that tells the replies apart decides. Pairs that none
    tells apart are left out.
    """
    return [row for row in map(_labelled, pairs) if row is not None]


def _labelled(row: Mapping) -> dict | None:
    for principle in CONSTITUTION:
        one, other = (principle.kept(row["prompt"], row[name]) for name in ("chosen", "rejected"))
        if one != other:
            return dict(row) if one > other else {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
    return None
