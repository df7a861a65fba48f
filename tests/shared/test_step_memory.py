"""A step's memory, counted: parts worked out by hand on a tiny model."""

import copy

import pytest
import torch

from shared.models import load_base
from shared.step_memory import measure_step


@pytest.fixture(scope="module")
def base():
    return load_base("pocket")[0]


@pytest.fixture
def batch():
    ids = torch.arange(24).view(2, 12)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}


def test_a_full_step_has_a_gradient_and_two_moments_for_each_weight(base, batch):
    model = copy.deepcopy(base)
    before = [values.clone() for values in model.parameters()]
    found = measure_step(model, batch)
    count = sum(values.numel() for values in model.parameters())
    assert (found.weights, found.gradients, found.optimizer) == (4 * count, 4 * count, 8 * count)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True)), "the weights have moved"
    assert all(values.grad is None for values in model.parameters())


def test_lora_has_them_for_the_adapter_only_and_keeps_the_activations(base, batch):
    from peft import LoraConfig, get_peft_model

    full = measure_step(copy.deepcopy(base), batch)
    adapted = get_peft_model(copy.deepcopy(base), LoraConfig(r=2, target_modules="all-linear"))
    found = measure_step(adapted, batch)
    trained = adapted.get_nb_trainable_parameters()[0]
    assert (found.gradients, found.optimizer) == (4 * trained, 8 * trained)
    assert found.weights == full.weights + 4 * trained
    assert 0.5 * full.activations < found.activations < 1.5 * full.activations


def test_activations_grow_with_the_batch(base, batch):
    twice = {name: torch.cat([values, values]) for name, values in batch.items()}
    one, two = (measure_step(copy.deepcopy(base), rows).activations for rows in (batch, twice))
    assert two == pytest.approx(2 * one, rel=0.1)


def test_a_linear_layer_by_hand():
    """x [3, 4] through a layer to [3, 2], then squared and summed: kept are x (48 bytes) and the output (24 bytes)."""

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 2, bias=False)

        def forward(self, x):
            out = self.layer(x)
            return type("Output", (), {"loss": (out * out).sum()})

    found = measure_step(Tiny(), {"x": torch.ones(3, 4)})
    assert (found.weights, found.gradients, found.optimizer, found.activations) == (32, 32, 64, 48 + 24)
