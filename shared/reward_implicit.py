"""The reward that a policy implies: DPO trains no reward model, yet its policy says what it takes for better."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def log_probabilities(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    replies: Sequence[str],
    *,
    batch_size: int = 32,
) -> list[float]:
    """Return log p(reply and end token | prompt) of each row, in nats: the sum over the reply's tokens."""
    starts = [len(tokenizer(prompt)["input_ids"]) for prompt in prompts]
    end = tokenizer.eos_token_id
    ids = [[*tokenizer(prompt + reply)["input_ids"], end] for prompt, reply in zip(prompts, replies, strict=True)]
    order, found = sorted(range(len(ids)), key=lambda index: len(ids[index])), [0.0] * len(ids)
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        sums = _sums(model, [ids[index] for index in batch], [starts[index] for index in batch])
        for index, value in zip(batch, sums, strict=True):
            found[index] = value
    return found


def _sums(model: "PreTrainedModel", rows: Sequence[Sequence[int]], starts: Sequence[int]) -> list[float]:
    """Return the summed log-probability of each row's tokens from its start on; rows are padded on the right."""
    import torch

    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=model.device)
    place = torch.arange(width, device=model.device)
    lengths, starts = (torch.tensor(list(value), device=model.device)[:, None] for value in (map(len, rows), starts))
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=(place < lengths).long()).logits[:, :-1].float()
    picked = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0]
    return (picked * ((place >= starts) & (place < lengths))[:, 1:]).sum(1).tolist()


def implicit_rewards(
    policy: "PreTrainedModel",
    reference: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    replies: Sequence[str],
    *,
    beta: float,
) -> list[float]:
    """Return beta * log(policy / reference) of each reply: the reward for which the policy is optimal.

    Up to a term of the prompt alone, which no comparison of two replies sees (Rafailov et al. 2023, arXiv 2305.18290,
    equation 5).
    """
    one, other = (log_probabilities(model, tokenizer, prompts, replies) for model in (policy, reference))
    return [beta * (new - old) for new, old in zip(one, other, strict=True)]
