"""Sample many replies to each letter, let a reward model score them, and draw the curve of the best of n."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from shared.artifacts import write_json
from shared.evaluation import generate
from shared.reward_measures import best_of_n, best_of_n_kl
from shared.reward_model import score
from shared.reward_policy import TOKENS
from shared.reward_record import BestOfN, BestRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SIZES = (1, 2, 4, 8, 16, 32, 64)


class Samples(NamedTuple):
    """Replies by prompt: as many to each."""

    prompts: list[str]
    replies: list[list[str]]

    def each(self, values: Sequence[float]) -> list[list[float]]:
        """Return one flat list of values, prompt by prompt, as one list a prompt."""
        size = len(self.replies[0])
        return [list(values[start : start + size]) for start in range(0, len(values), size)]


def draw(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    n: int,
    *,
    temperature: float,
    seed: int = 0,
    progress: bool = True,
) -> Samples:
    """Return n sampled replies to each prompt."""
    asked = [prompt for prompt in prompts for _ in range(n)]
    texts = generate(
        model, tokenizer, asked, max_new_tokens=TOKENS, temperature=temperature, seed=seed, stop_at_newline=True,
        progress=progress,
    )  # fmt: skip
    return Samples(list(prompts), [texts[start : start + n] for start in range(0, len(texts), n)])


def scored(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", samples: Samples) -> list[list[float]]:
    """Return the reward of each sample, by prompt."""
    asked = [prompt for prompt, replies in zip(samples.prompts, samples.replies, strict=True) for _ in replies]
    return samples.each(score(model, tokenizer, asked, [reply for replies in samples.replies for reply in replies]))


def mean_best(proxy: Sequence[Sequence[float]], gold: Sequence[Sequence[float]], n: int) -> float:
    """Return the mean over prompts of the expected gold score of the best of n by proxy."""
    return fmean(best_of_n(one, other, n) for one, other in zip(proxy, gold, strict=True))


def curve(
    proxy: Sequence[Sequence[float]], gold: Sequence[Sequence[float]], sizes: Sequence[int] = SIZES
) -> list[BestRow]:
    """Return the curve of the best of n by proxy, for each n of `sizes`."""
    return [
        BestRow(n=n, kl=best_of_n_kl(n), proxy=mean_best(proxy, proxy, n), gold=mean_best(proxy, gold, n))
        for n in sizes
    ]


def save_best_of_n(
    path: Path, stage: str, samples: Samples, rewards: Sequence[Sequence[float]], gold: Sequence[Sequence[float]]
) -> None:
    """Write `best_of_n.json`: the samples, their rewards, and the curve."""
    record = BestOfN(
        stage=stage, prompts=samples.prompts, samples=samples.replies, rewards=[list(one) for one in rewards],
        curve=curve(rewards, gold, [n for n in SIZES if n <= len(samples.replies[0])]),
    )  # fmt: skip
    write_json(path, record)
