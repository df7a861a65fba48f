"""Preferences of the pocket world: pairs as TRL wants them, what a model thinks of an answer, and what a judge does.

A policy is judged by the replies that it *samples*: DPO's objective, and the divergence from the reference, are about
the distribution over replies, not about its peak.
"""

import math
import random
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shared.artifacts import EvalEntry, fingerprint_rows
from shared.significance import wilson_interval
from shared.world import rows
from shared.world.replies import promised, tone_score

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import DPOTrainer

TASK = "replies"  # its name in the world
METRICS = {"win_rate": "polite", "right_promise": "right"}  # eval.json's names, and those of a verdict
REPLY_TOKENS = 80  # the longest reply of the world has 46 of the pocket tokenizer's; a policy may learn to write more


class Verdict(NamedTuple):
    """What the judge says of one reply: polite or not, the right promise or not, and how many words it has."""

    text: str
    polite: bool
    right: bool
    words: int


def pair_rows(split: str, n: int, seed: int = 0, *, flipped: float = 0.0, **options: object) -> list[dict]:
    """Return n pairs with TRL's columns: prompt, chosen, rejected.

    `flipped` is the share of pairs, drawn at random, whose two replies change places: labels that are wrong.
    `options` go to the world's replies: contrast="tone" (the default), "item" or "action", phrasing="unseen".
    """
    stream = random.Random(f"flipped/{seed}")
    pairs = []
    for row in rows(TASK, split, n, seed, **options):
        one, other = row["chosen"], row["rejected"]
        if stream.random() < flipped:
            one, other = other, one
        pairs.append({"prompt": row["prompt"], "chosen": one, "rejected": other})
    return pairs


def preference_pairs(split: str, n: int, seed: int = 0, **options: object) -> "Dataset":
    """Return `pair_rows` as a `datasets.Dataset`, as DPOTrainer wants it."""
    from datasets import Dataset

    return Dataset.from_list(pair_rows(split, n, seed, **options))


def letter_archive(split: str, n: int, seed: int = 0) -> "Dataset":
    """Return n answered letters (prompt, completion), each by a clerk of either kind: half polite, half curt."""
    from datasets import Dataset

    stream = random.Random(f"archive/{seed}")
    letters = rows(TASK, split, n, f"archive/{seed}")
    return Dataset.from_list(
        [{"prompt": row["prompt"], "completion": row[stream.choice(("chosen", "rejected"))]} for row in letters]
    )


def judge(pairs: Sequence[Mapping], texts: Sequence[str]) -> list[Verdict]:
    """Return the verdict on each reply to the letters of `pairs`, whose chosen replies hold the right promise."""
    verdicts = []
    for row, text in zip(pairs, texts, strict=True):
        made = promised(text)
        right = made is not None and made == promised(row["chosen"])
        verdicts.append(Verdict(text, tone_score(text) > 0, right, len(text.split())))
    return verdicts


def reply_entries(
    pairs: Sequence[Mapping], before: Sequence[Verdict], after: Sequence[Verdict], *, split: str
) -> list[EvalEntry]:
    """Return eval.json's entries for replies to the letters of `pairs`: the win rate, the share of right promises."""
    n, data, entries = len(after), fingerprint_rows(pairs), []
    for metric, name in METRICS.items():
        earlier, later = (sum(getattr(one, name) for one in verdicts) for verdicts in (before, after))
        entries.append(
            EvalEntry(
                task=TASK, split=split, metric=metric, n=n, before=earlier / n, after=later / n,
                interval=wilson_interval(later, n), data_fingerprint=data,
            )
        )  # fmt: skip
    return entries


def sample_replies(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", pairs: Sequence[Mapping], *, seed: int = 0,
    progress: bool = True,
) -> list[str]:  # fmt: skip
    """Return one reply to each letter of `pairs`, sampled from the whole distribution (temperature 1)."""
    from shared.evaluation import generate

    prompts = [row["prompt"] for row in pairs]
    return generate(
        model, tokenizer, prompts, max_new_tokens=REPLY_TOKENS, temperature=1.0, seed=seed, stop_at_newline=True,
        progress=progress,
    )  # fmt: skip


def log_probabilities(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", prompts: Sequence[str], replies: Sequence[str], *,
    batch_size: int = 64,
) -> list[float]:  # fmt: skip
    """Return log p(reply, end of text | prompt) of each pair of texts, in nats: a sum over the reply's tokens.

    Prompt and reply are tokenized together and cut where the prompt alone ends, as TRL does. Gradients are off.
    """
    import torch

    end = tokenizer.eos_token_id
    texts = [[*tokenizer(prompt + reply)["input_ids"], end] for prompt, reply in zip(prompts, replies, strict=True)]
    starts = [len(tokenizer(prompt)["input_ids"]) for prompt in prompts]
    sums = []
    for first in range(0, len(texts), batch_size):
        batch, begun = texts[first : first + batch_size], starts[first : first + batch_size]
        width = max(map(len, batch))
        ids = torch.tensor([text + [end] * (width - len(text)) for text in batch], device=model.device)
        real = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in batch], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=real).logits[:, :-1].float()
        picked = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0].cpu()  # [B, T - 1]
        for row, text, start in zip(picked, batch, begun, strict=True):
            sums.append(row[start - 1 : len(text) - 1].sum().item())
    return sums


def comparing_trainer(
    policy: "PreTrainedModel", reference: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", pairs: "Dataset", *,
    beta: float, loss_type: str = "sigmoid", **options: object,
) -> "DPOTrainer":  # fmt: skip
    """Return TRL's trainer over these pairs, all in one batch, to be asked for its loss.

    `options` go to DPOConfig. It takes no step: whoever wants to train uses `shared.training.stage`.
    """
    from trl import DPOConfig, DPOTrainer

    from shared.quiet import quiet
    from shared.training import trainer_arguments

    kept = {**trainer_arguments(tempfile.mkdtemp()), "disable_tqdm": True, "bf16": False}
    with quiet():
        arguments = DPOConfig(
            **kept, beta=beta, loss_type=loss_type, per_device_train_batch_size=len(pairs), max_length=None, **options
        )
        trainer = DPOTrainer(policy, reference, arguments, train_dataset=pairs, processing_class=tokenizer)
    return trainer


def least_divergence(share: float, reference_share: float) -> float:
    """Return the least KL(pi, pi_ref), in nats, of a policy under which an event has probability `share`, not
    `reference_share`: the divergence of the two coins (data processing: telling less never adds divergence)."""
    pairs = ((share, reference_share), (1 - share, 1 - reference_share))
    return sum(p * math.log(p / q) for p, q in pairs if p > 0)
