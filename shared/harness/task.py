"""What a task is: named rows, how an answer is scored, how many tokens it may take, and a fingerprint of all that."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.fingerprints import fingerprint_rows

Kind = Literal["target", "generalization", "general"]
KINDS: dict[Kind, str] = {
    "target": "the task that was trained",
    "generalization": "the same task where training rows give no direct help",
    "general": "what the model could do before: the forgetting check",
}
Row = Mapping[str, object]


@dataclass(frozen=True)
class Task:
    """One task of a suite.

    `score` turns a model's text and its row into a number from 0 (wrong) to 1 (right). Without a scorer the row's
    completion is not written but read: its score is the probability per token, exp(-mean nats), and `tokens` is 0.
    Every answer is greedy, and ends at the end-of-sequence token, after `tokens` tokens or before a line break.
    """

    name: str
    kind: Kind
    rows: Sequence[Row]
    metric: str
    tokens: int
    score: Callable[[str, Row], float] | None = None

    @property
    def prompts(self) -> list[str]:
        """The rows' prompts, in order."""
        return [str(row["prompt"]) for row in self.rows]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of everything that must not change between two runs: rows, metric, decoding."""
        decoding = {"metric": self.metric, "tokens": self.tokens, "temperature": 0, "stop": "\n"}
        return fingerprint_rows([{"task": self.name, **decoding}, *self.rows])

    def __len__(self) -> int:
        return len(self.rows)


def token_probability(nats: float, tokens: int) -> float:
    """Return the geometric mean of the probabilities of `tokens` tokens that cost `nats` in all: 1 / perplexity.

    By hand: two tokens of probability 1/2 and 1/8 cost ln 16; the mean is 1/4, the perplexity 4.
    """
    return math.exp(-nats / tokens)
