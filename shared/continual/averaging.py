"""A model between two models: WiSE-FT (Wortsman et al. 2021, arXiv 2109.01903)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]


def interpolate(old: "torch.Tensor", new: "torch.Tensor", alpha: float) -> "torch.Tensor":
    """Return (1 - alpha) * old + alpha * new, of old's shape: `old` at 0, `new` at 1."""
    return (1 - alpha) * old + alpha * new


def between(old: "Weights", new: "Weights", alpha: float, how: Callable = interpolate) -> "dict[str, torch.Tensor]":
    """Return the weights between two models of one shape, tensor by tensor, ready for `load_state_dict`."""
    return {name: how(old[name], new[name], alpha) for name in old}
