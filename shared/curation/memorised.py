"""How well does a model know an answer? The loss of a completion, row by row: it moves long before a score does."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def completion_losses(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping]
) -> list[float]:
    """Return each row's mean loss over the tokens of its completion, in nats a token; the prompt does not count."""
    import torch

    losses = []
    for row in rows:
        start = len(tokenizer(row["prompt"])["input_ids"])
        ids = tokenizer(row["prompt"] + row["completion"], return_tensors="pt")["input_ids"].to(model.device)
        with torch.inference_mode():
            scores = torch.log_softmax(model(input_ids=ids).logits[0, :-1].float(), -1)  # [T - 1, V]
        costs = -scores.gather(-1, ids[0, 1:, None])[:, 0]
        losses.append(costs[start - 1 :].mean().item())
    return losses
