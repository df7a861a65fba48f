"""Synthetic data: the model answers questions made from templates, and a verifier decides which answers are kept.

Keeping only what a verifier accepts is called rejection sampling (Yuan et al. 2023, arXiv 2308.01825, for arithmetic).
The task here is the world's order sums: templates make the question, and a sum can be checked.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.evaluation import generate
from shared.world.orders import is_right, shows_working

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ANSWER_TOKENS = 60


def sampled(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[Mapping],
    times: int,
    *,
    temperature: float,
    seed: int = 0,
) -> list[dict]:
    """Return `times` sampled answers to each order, as rows of prompt, completion and total (the right one)."""
    asked = [row for row in rows for _ in range(times)]
    texts = generate(
        model, tokenizer, [row["prompt"] for row in asked], max_new_tokens=ANSWER_TOKENS, temperature=temperature,
        seed=seed, stop_at_newline=True, progress=False,
    )  # fmt: skip
    return [
        {"prompt": row["prompt"], "completion": text, "total": row["total"]}
        for row, text in zip(asked, texts, strict=True)
    ]


def verified(samples: Sequence[Mapping]) -> list[dict]:
    """Return the samples with the right total, each different answer once."""
    right = {
        (one["prompt"], one["completion"]): dict(one) for one in samples if is_right(one["completion"], one["total"])
    }
    return list(right.values())


def spread(samples: Sequence[Mapping]) -> dict[str, float]:
    """Return three shares of sampled answers: those that are right, those that show their working, and how many
    answers to one prompt are different ones. Of no answers all three are 0."""
    answers: dict[str, set[str]] = defaultdict(set)
    for one in samples:
        answers[one["prompt"]].add(one["completion"])
    count = max(1, len(samples))
    return {
        "right": sum(is_right(one["completion"], one["total"]) for one in samples) / count,
        "working": sum(shows_working(one["completion"]) for one in samples) / count,
        "different": sum(map(len, answers.values())) / count,
    }
