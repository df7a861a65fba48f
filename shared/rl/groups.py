"""Groups of sampled answers: how often is a model right on an order, in one try and in the best of several?"""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from shared.artifacts import EvalEntry, fingerprint_rows
from shared.evaluation import generate
from shared.rl.passk import mean_pass_at_k, pass_at_k
from shared.significance import bootstrap_interval
from shared.world.orders import is_right, shows_working

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The task of each profile, and the tokens that its longest working takes and a few more.
TASK = {"pocket": "orders", "gpu": "long-orders"}
TOKENS = {"pocket": 56, "gpu": 160}
BEST_OF = 8  # the k of the second metric

Groups = list[list[str]]


def sample_groups(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    size: int,
    *,
    tokens: int,
    seed: int = 0,
    temperature: float = 1.0,
) -> Groups:
    """Return for each prompt `size` answers, sampled from all tokens at `temperature`."""
    repeated = [prompt for prompt in prompts for _ in range(size)]
    texts = generate(
        model, tokenizer, repeated, max_new_tokens=tokens, temperature=temperature, seed=seed, progress=False
    )  # fmt: skip
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def right_counts(groups: Groups, totals: Sequence[int]) -> list[int]:
    """Return for each prompt how many of its answers are right."""
    return [sum(is_right(text, total) for text in group) for group, total in zip(groups, totals, strict=True)]


def working_share(groups: Groups) -> float:
    """Return the share of all answers that show a step of working."""
    return fmean(shows_working(text) for group in groups for text in group)


def order_entries(
    task: str, rows: Sequence[dict], before: Sequence[int], after: Sequence[int], size: int, *, split: str = "public"
) -> list[EvalEntry]:
    """Return eval.json's entries: `sampled` (one try) and `best_of_8`, from right answers a prompt out of `size`.

    n counts prompts. The interval is a bootstrap over prompts, because answers to one prompt are not independent.
    """
    entries = []
    for metric, k in (("sampled", 1), (f"best_of_{BEST_OF}", BEST_OF)):
        scores = [pass_at_k(size, right, k) for right in after]
        low, high = bootstrap_interval(scores)
        mean = fmean(scores)
        entries.append(
            EvalEntry(
                task=task,
                split=split,
                metric=metric,
                n=len(rows),
                before=mean_pass_at_k(before, size, k),
                after=mean,
                interval=(min(low, mean), max(high, mean)),
                data_fingerprint=fingerprint_rows(rows),
            )
        )
    return entries
