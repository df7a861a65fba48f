"""Measure what one training step holds in memory, part by part, on any device: by counting tensors, not by guessing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class StepMemory:
    """Bytes. `activations`: what the forward pass keeps for the backward pass, weights not counted again."""

    weights: int
    gradients: int
    optimizer: int
    activations: int


def measure_step(model: "PreTrainedModel", batch: Mapping[str, "torch.Tensor"]) -> StepMemory:
    """Return what one AdamW step on `batch` (input_ids, attention_mask, labels) holds. The weights stay as they are.

    Autograd hands over every tensor that it keeps (`torch.autograd.graph.saved_tensors_hooks`); each storage counts
    once. The model is left in training mode, without gradients.
    """
    import torch

    parameters = list(model.parameters())
    trained = [values for values in parameters if values.requires_grad]
    kept: dict[int, int] = {}

    def keep(tensor: "torch.Tensor") -> "torch.Tensor":
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)  # moments as ever, and no movement
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(**batch).loss
    for values in parameters:
        kept.pop(values.untyped_storage().data_ptr(), None)
    loss.backward()
    optimizer.step()
    moments = [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]
    found = StepMemory(
        weights=_bytes(parameters),
        gradients=_bytes(values.grad for values in trained if values.grad is not None),
        optimizer=_bytes(value for value in moments if value.numel() > 1),  # the step counter is no moment
        activations=sum(kept.values()),
    )
    model.zero_grad(set_to_none=True)
    return found


def _bytes(tensors: "Iterable[torch.Tensor]") -> int:
    return sum(values.numel() * values.element_size() for values in tensors)
