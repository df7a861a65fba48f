"""The pre-training corpus: an endless, seeded stream of documents in fixed proportions."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.world import facts, orders, patterns, prose, reading, replies, sorting

Document = Callable[[random.Random], str]


@dataclass(frozen=True)
class Kind:
    """One kind of document: its share of the corpus's characters, early and late in training, and its mean length."""

    name: str
    document: Document
    share: float
    early_share: float
    mean_characters: float


# Early training is heavy on reading: looking an answer up in a passage is a circuit that forms suddenly, and only once
# the model has seen enough passages in a row. Mean lengths were measured on 2,000 documents of each kind
# (`python -m shared.world.corpus`) and turn shares of text into shares of documents.
KINDS = (
    Kind("reading", reading.document, 0.333, 0.655, 473),
    Kind("stories", prose.story, 0.14, 0.05, 288),
    Kind("replies", replies.document, 0.18, 0.08, 207),
    Kind("orders", orders.document, 0.12, 0.06, 76),
    Kind("patterns", patterns.document, 0.08, 0.06, 364),
    Kind("facts", facts.document, 0.07, 0.05, 83),
    Kind("notices", prose.notice, 0.04, 0.02, 83),
    Kind("sorting", sorting.document, 0.037, 0.025, 110),
)


def documents(seed: int | str, early: bool = False) -> Iterator[str]:
    """Yield documents for ever, the same ones for the same seed."""
    stream = random.Random(f"corpus/{early}/{seed}")
    weights = [(kind.early_share if early else kind.share) / kind.mean_characters for kind in KINDS]
    makers = [kind.document for kind in KINDS]
    while True:
        for make in stream.choices(makers, weights, k=256):
            yield make(stream)


def mean_lengths(n: int = 2000) -> dict[str, float]:
    """Measure the mean length in characters of n documents of each kind."""
    return {
        kind.name: sum(len(kind.document(stream)) for _ in range(n)) / n
        for kind in KINDS
        for stream in [random.Random(f"lengths/{kind.name}")]
    }


if __name__ == "__main__":
    for name, mean in mean_lengths().items():
        print(f"{name:10} {mean:6.0f} characters")
