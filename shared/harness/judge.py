"""A judge that compares two answers, and what it does besides judging: it likes a place, and it likes a length.

`LikelihoodJudge` needs nothing but a language model: it reads the message and both replies, one after the other, and
prefers the reply that it would rather have written itself. `EndpointJudge` asks any server that speaks OpenAI's chat
protocol; it is off unless COURSE_JUDGE_URL names one.
"""

import json
import os
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from shared.harness.running import Answerer
from shared.significance import mcnemar, wilson_interval


class JudgeError(Exception):
    """The judge cannot be asked, or gave no verdict. One line."""


class Pair(NamedTuple):
    """A prompt with a better and a worse reply. Which is which the judge is not told."""

    prompt: str
    good: str
    bad: str


class Judge(Protocol):
    """Whoever decides."""

    def prefers_first(self, asked: Sequence[tuple[str, str, str]]) -> list[bool]:
        """Return for each (prompt, first reply, second reply) whether the first is preferred."""


@dataclass(frozen=True)
class LikelihoodJudge:
    """Prefers the reply that costs fewer nats, in all ("sum") or a token ("mean"), where it stands."""

    model: Answerer
    per: Literal["sum", "mean"] = "mean"

    def prefers_first(self, asked: Sequence[tuple[str, str, str]]) -> list[bool]:
        """As `Judge` says. The second reply is read after the first, as any judge reads them."""
        first = [{"prompt": prompt, "completion": one} for prompt, one, _ in asked]
        second = [{"prompt": f"{prompt}{one}\nReply:", "completion": two} for prompt, one, two in asked]
        costs = [self._cost(*one) for one in self.model.nats([*first, *second])]
        return [one < two for one, two in zip(costs[: len(asked)], costs[len(asked) :], strict=True)]

    def _cost(self, nats: float, tokens: int) -> float:
        return nats / tokens if self.per == "mean" else nats


@dataclass(frozen=True)
class EndpointJudge:
    """A chat model behind COURSE_JUDGE_URL (up to `/v1`), named COURSE_JUDGE_MODEL, asked for one letter at
    temperature 0; COURSE_JUDGE_KEY is sent along if it is set."""

    url: str
    model: str
    key: str = ""

    @classmethod
    def from_environment(cls) -> "EndpointJudge | None":
        """Return the judge that the environment names, or None: nothing is asked over a network unasked."""
        url, model = os.environ.get("COURSE_JUDGE_URL"), os.environ.get("COURSE_JUDGE_MODEL")
        return cls(url.rstrip("/"), model, os.environ.get("COURSE_JUDGE_KEY", "")) if url and model else None

    def prefers_first(self, asked: Sequence[tuple[str, str, str]]) -> list[bool]:
        """As `Judge` says. Raises JudgeError."""
        return [self._ask(*one) for one in asked]

    def _ask(self, prompt: str, first: str, second: str) -> bool:
        question = (
            f"{prompt}\n\nReply A:{first}\nReply B:{second}\n\nWhich reply promises what the letter needs? "
            "Answer with one letter, A or B."
        )
        body = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": question}]}
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(f"{self.url}/chat/completions", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = json.load(answer)["choices"][0]["message"]["content"].strip().strip(".").upper()
        except (OSError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise JudgeError(f"{self.url}: no verdict ({type(error).__name__}). Check COURSE_JUDGE_URL") from error
        if said not in ("A", "B"):
            raise JudgeError(f"{self.url}: said {said[:40]!r}, expected A or B. Take another model")
        return said == "A"


@dataclass(frozen=True)
class Judged:
    """Each pair judged in both orders: whether the good reply won when it stood first, and when it stood second."""

    good_first: list[bool]
    good_second: list[bool]

    @property
    def accuracy(self) -> tuple[float, float]:
        """The share of right verdicts when the good reply stands first, and when it stands second."""
        return sum(self.good_first) / len(self.good_first), sum(self.good_second) / len(self.good_second)

    @property
    def flipped(self) -> float:
        """The share of pairs whose winner changes with the order."""
        return sum(one != two for one, two in zip(self.good_first, self.good_second)) / len(self.good_first)

    @property
    def took_first(self) -> tuple[int, int]:
        """Of the pairs that flipped: how many times the first place won both times, and how many flipped."""
        changed = [one for one, two in zip(self.good_first, self.good_second) if one != two]
        return sum(changed), len(changed)

    @property
    def position_p(self) -> float:
        """McNemar's p-value for "the place does not matter": a pair is a row, its two orders are before and after."""
        return mcnemar(self.good_second, self.good_first)

    @property
    def agreed(self) -> tuple[float, tuple[float, float], float]:
        """Keep only verdicts that survive the swap: their accuracy, its 95% interval, the share of pairs left."""
        kept = [one for one, two in zip(self.good_first, self.good_second) if one == two]
        if not kept:
            return 0.0, (0.0, 1.0), 0.0
        return sum(kept) / len(kept), wilson_interval(sum(kept), len(kept)), len(kept) / len(self.good_first)


def judged(judge: Judge, pairs: Sequence[Pair]) -> Judged:
    """Return the judge's verdicts on every pair in both orders."""
    forward = [(pair.prompt, pair.good, pair.bad) for pair in pairs]
    swapped = [(pair.prompt, pair.bad, pair.good) for pair in pairs]
    verdicts = judge.prefers_first([*forward, *swapped])
    return Judged(verdicts[: len(pairs)], [not first for first in verdicts[len(pairs) :]])
