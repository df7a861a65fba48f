"""Elastic weight consolidation (Kirkpatrick et al. 2016, arXiv 1612.00796): old skills as springs on the weights.

A weight that an old skill depends on (large Fisher information) is held close to where it was; another moves freely.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FISHER_ROWS = 100


@dataclass(frozen=True)
class Springs:
    """Where the weights were (`anchor`) and how much each of them matters (`fisher`), by the parameter's name."""

    anchor: "dict[str, torch.Tensor]"
    fisher: "dict[str, torch.Tensor]"

    @property
    def bytes(self) -> int:
        """What has to be kept for them."""
        return sum(part.numel() * part.element_size() for kept in (self.anchor, self.fisher) for part in kept.values())


def diagonal_fisher(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping], seed: int = 0
) -> "dict[str, torch.Tensor]":
    """Return the diagonal Fisher information of every trainable weight on `rows`, by parameter name.

    F_i = mean over rows of (d log p(y | x) / d theta_i)^2, one row at a time: a batch would square the mean gradient.
    Each token of y is drawn from the model's own prediction at its place in the row's completion. With the true
    tokens this would be the "empirical Fisher" (Kunstner et al. 2019, arXiv 1905.12558).
    """
    import torch

    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    found = {name: torch.zeros_like(weight) for name, weight in trained.items()}
    draw = torch.Generator(device="cpu").manual_seed(seed)
    model.eval()
    for row in rows:
        start = len(tokenizer(row["prompt"]).input_ids)
        ids = torch.tensor([[*tokenizer(row["prompt"] + row["completion"]).input_ids, tokenizer.eos_token_id]])
        scores = model(input_ids=ids.to(model.device)).logits[0, start - 1 : -1].float().log_softmax(-1)  # [T, V]
        own = torch.multinomial(scores.detach().exp().cpu(), 1, generator=draw).to(scores.device)
        gradients = torch.autograd.grad(scores.gather(-1, own).sum(), list(trained.values()))
        for name, gradient in zip(trained, gradients, strict=True):
            found[name] += gradient.detach() ** 2 / len(rows)
    return found


def springs_after(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[Mapping],
    before: Springs | None = None,
    seed: int = 0,
) -> Springs:
    """Return the springs for all that has been learned so far: Fisher informations add up, the anchor is here.

    The newest weights already balance the older springs, so older anchors would count twice (Huszár 2018,
    arXiv 1712.03847; Schwarz et al. 2018, arXiv 1805.06370, "online EWC"). The paper keeps an anchor a task.
    """
    fisher = diagonal_fisher(model, tokenizer, rows, seed)
    if before is not None:
        fisher = {name: values + before.fisher[name] for name, values in fisher.items()}
    return Springs({name: model.get_parameter(name).detach().clone() for name in fisher}, fisher)


def penalty(weights: "torch.Tensor", anchor: "torch.Tensor", fisher: "torch.Tensor", strength: float) -> "torch.Tensor":
    """Return lambda/2 * sum_i F_i (theta_i - theta*_i)^2 (arXiv 1612.00796, equation 3), a scalar tensor."""
    return strength / 2 * (fisher * (weights - anchor) ** 2).sum()


class HeldBySprings:
    """Before a trainer's class it adds the springs' energy to the loss: `class Held(HeldBySprings, SFTTrainer)`."""

    def __init__(self, *arguments, springs: Springs, strength: float, spring: Callable = penalty, **settings):
        super().__init__(*arguments, **settings)
        self.springs, self.strength, self.spring = springs, strength, spring

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Return the loss of a batch, the springs' energy included."""
        made = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss, outputs = made if return_outputs else (made, None)
        weights = dict(self.accelerator.unwrap_model(model).named_parameters())
        for name, anchor in self.springs.anchor.items():
            loss = loss + self.spring(weights[name], anchor, self.springs.fisher[name], self.strength)
        return (loss, outputs) if return_outputs else loss
