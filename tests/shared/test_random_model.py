"""Random models: the size that was asked for, in 4 bits or not, trainable, and loadable as a checkpoint."""

import pytest

from shared.model_shape import SHAPES, ModelShape, from_config
from shared.random_model import main, random_model

GROUPED = ModelShape(64, 2, 4, 2, 128, 300, tied=True, qkv_bias=True)
PLAIN = ModelShape(64, 2, 4, 4, 128, 300)


@pytest.mark.parametrize("shape", [GROUPED, PLAIN], ids=["qwen2", "llama"])
def test_a_random_model_has_the_shape_it_was_asked_for(shape):
    import torch

    model = random_model(shape, "cpu", torch.float32)
    assert sum(values.numel() for values in model.parameters()) == shape.parameters
    assert from_config(model.config.to_dict()) == shape
    logits = model(torch.arange(8)[None]).logits
    assert torch.isfinite(logits).all() and logits.std() > 0.05
    again = random_model(shape, "cpu", torch.float32)(torch.arange(8)[None]).logits
    assert torch.equal(logits, again)


def test_positions_count():
    """Rotary positions are set up: the same two tokens in the other order do not give the same logits at the end."""
    import torch

    model = random_model(PLAIN, "cpu", torch.float32)
    one, other = (model(torch.tensor([ids])).logits[0, -1] for ids in ([5, 6, 7], [6, 5, 7]))
    assert not torch.allclose(one, other)


def test_in_four_bits_it_is_smaller_and_its_adapter_learns():
    import torch
    from peft import LoraConfig, get_peft_model

    plain, small = (random_model(PLAIN, "cpu", torch.float32, quantized=flag) for flag in (False, True))
    linear = 4 * PLAIN.linear_parameters
    assert plain.get_memory_footprint() - small.get_memory_footprint() == pytest.approx(linear * 7 / 8, rel=0.01)
    model = get_peft_model(small, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    ids = torch.arange(16)[None]
    optimizer = torch.optim.AdamW([values for values in model.parameters() if values.requires_grad], lr=1e-2)
    losses = []
    for _ in range(5):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05


def test_the_shape_called_pocket_is_the_pocket_bases():
    from shared.model_shape import shape_of
    from shared.pocket import BASE

    assert shape_of(str(BASE)) == SHAPES["pocket"]


@pytest.mark.slow
def test_a_checkpoint_loads_as_any_other(tmp_path):
    from shared.course import load_course
    from shared.models import load_folder

    assert main(["pocket", str(tmp_path / "base")]) == 0
    model, tokenizer = load_folder(tmp_path / "base", load_course().profile("pocket"))
    assert model.num_parameters() == SHAPES["pocket"].parameters
    assert tokenizer("Message:").input_ids
