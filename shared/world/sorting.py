"""A second skill, far from tickets: put the labels of a shelf in alphabetical order.

Rung 10 watches what happens to it while another skill is learnt.
"""

import random

from shared.world import lexicon
from shared.world.splits import Split, belongs, random_stream

_LABELS = lexicon.NOUNS + lexicon.MODIFIERS


def draw(stream: random.Random, split: Split = "train", size: int | None = None) -> list[str]:
    """Return four to nine different labels (or `size`), a set of which belongs to `split`."""
    while True:
        labels = stream.sample(_LABELS, size or stream.randint(4, 9))
        if belongs("shelf " + " ".join(sorted(labels)), split):
            return labels


def prompt_for(labels: list[str]) -> str:
    """Return the prompt that asks for the labels in order."""
    return f"Shelf: {', '.join(labels)}\nIn order:"


def answer_for(labels: list[str]) -> str:
    """Return the right answer."""
    return f" {', '.join(sorted(labels))}."


def is_right(completion: str, labels: list[str]) -> bool:
    """Say whether a completion is the right answer, spaces around it aside."""
    return completion.strip() == answer_for(labels).strip()


def document(stream: random.Random) -> str:
    """Return a pre-training document."""
    labels = draw(stream)
    return prompt_for(labels) + answer_for(labels)


def rows(split: Split, n: int, seed: int = 0, *, size: int | None = None) -> list[dict]:
    """Return n rows, no set of labels twice. Columns: prompt, completion, labels."""
    stream = random_stream(f"sorting/{size}", split, seed)
    made: dict[str, dict] = {}
    while len(made) < n:
        labels = draw(stream, split, size)
        made[" ".join(sorted(labels))] = {
            "prompt": prompt_for(labels),
            "completion": answer_for(labels),
            "labels": labels,
        }
    return list(made.values())
