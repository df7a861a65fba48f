"""The checker's own network gives what transformers gives: logits, and texts token by token."""

import json

import numpy as np
import pytest
from example_work import open_base, tensors_of

from autograder import llama
from autograder.reevaluation import NumpyEngine, RowLoss, TorchEngine, _row_losses
from shared.pocket import BASE
from shared.world import rows


def config(**changes) -> dict:
    return {**json.loads((BASE / "config.json").read_text()), **changes}


@pytest.fixture
def small(tiny_base):
    return NumpyEngine(open_base(tiny_base), tensors_of(tiny_base / "model.safetensors")).model


@pytest.mark.parametrize(
    ("changes", "served"),
    [
        ({}, True),
        ({"rope_scaling": None, "rope_parameters": None}, True),
        ({"model_type": "qwen2"}, False),
        ({"hidden_act": "gelu"}, False),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, False),
        ({"attention_bias": True}, False),
        ({"mlp_bias": True}, False),
    ],
)
def test_only_plain_llamas_are_served(changes, served):
    assert llama.fits(config(**changes)) is served


def test_rows_are_padded_on_the_left():
    ids, mask = llama.pad_left([[5], [6, 7, 8]])
    assert ids.tolist() == [[0, 0, 5], [6, 7, 8]] and mask.tolist() == [[0, 0, 1], [1, 1, 1]]


def test_token_losses_of_huge_logits_are_finite():
    logits = np.float32([[[1e30, 1e30, -1e30], [0, 0, 0], [7, 7, 7]]])
    found = llama.token_losses(logits, np.array([[2, 0, 1]]))
    np.testing.assert_allclose(found, np.log([[2, 3]]), rtol=1e-6)
    assert llama.token_losses(np.float32([[[0, -1e30], [0, 0]]]), np.array([[0, 1]]))[0, 0] == np.float32(1e30)


def test_padding_on_either_side_changes_nothing(small):
    text = [5, 6, 7, 8]
    alone = small.logits(np.array([text]), np.ones((1, 4), dtype=int))[0]
    left = small.logits(np.array([[0, 0, *text]]), np.array([[0, 0, 1, 1, 1, 1]]))[0, 2:]
    right = small.logits(np.array([[*text, 9, 9]]), np.array([[1, 1, 1, 1, 0, 0]]))[0, :4]
    np.testing.assert_allclose(left, alone, atol=1e-5)
    np.testing.assert_allclose(right, alone, atol=1e-5)


def test_no_position_sees_a_later_one(small):
    first = small.logits(np.array([[5, 6, 7, 8]]), np.ones((1, 4), dtype=int))[0, :3]
    second = small.logits(np.array([[5, 6, 7, 99]]), np.ones((1, 4), dtype=int))[0, :3]
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_leads_are_those_of_the_logits_at_the_places_asked_for(small):
    texts = np.array([[5, 6, 7, 8], [9, 5, 0, 0]])
    logits = small.logits(texts, np.ones_like(texts))[[0, 1, 0], [3, 1, 0]]
    found = small.leads(texts, np.array([0, 1, 0]), np.array([3, 1, 0]))
    ranked = np.sort(logits)
    np.testing.assert_array_equal(found.tokens, logits.argmax(-1))
    np.testing.assert_allclose(found.leads, ranked[:, -1] - ranked[:, -2], atol=1e-5)


def test_the_cache_gives_what_reading_all_anew_gives(small):
    prompt = [5, 6, 7]
    answer = small.continue_greedily([prompt], set(), 6)[0]
    for step, token in enumerate(answer):
        text = np.array([prompt + answer[:step]])
        assert small.logits(text, np.ones_like(text))[0, -1].argmax() == token


def test_a_batch_gives_what_each_row_alone_gives_and_rows_end_on_their_own(small, monkeypatch):
    prompts = [[5 + n, *range(20, 22 + n)] for n in range(7)]
    free = [small.continue_greedily([prompt], set(), 8)[0] for prompt in prompts]
    end = {free[0][2], free[3][4]}
    cut = [row[: 1 + next((i for i, t in enumerate(row) if t in end), 7)] for row in free]
    assert len({len(row) for row in cut}) > 1
    monkeypatch.setattr(llama, "ROWS_AT_ONCE", 3)
    assert small.continue_greedily(prompts, end, 8) == cut


def test_a_rows_loss_is_split_at_its_completion():
    """By hand: five tokens after one of padding, which the completion begins at index 2: 0.5 | 1 + 2 + 3."""
    losses = np.array([[9.0, 0.5, 1.0, 2.0, 3.0]])
    assert _row_losses(losses, [[1, 2, 3, 4, 5]], [2]) == [RowLoss(6.0, 3, 0.5, 1)]


@pytest.mark.slow
def test_logits_texts_and_losses_are_those_of_transformers(tiny_base):
    import torch

    base, asked = open_base(tiny_base), rows("tickets", "public", 12)
    ours = NumpyEngine(base, tensors_of(tiny_base / "model.safetensors"))
    theirs = TorchEngine(base, None, quantized=False)
    ids, mask = llama.pad_left([ours.words.ids(row["prompt"]) for row in asked])
    with torch.inference_mode():
        expected = theirs.model(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).logits.numpy()
    found = ours.model.logits(ids, mask)
    np.testing.assert_allclose(found[mask == 1], expected[mask == 1], atol=1e-4)
    texts = [answer.text for answer in ours.answers(asked)]
    assert texts == [answer.text for answer in theirs.answers(asked)] and all(texts) and len(set(texts)) > 1
    np.testing.assert_allclose(np.array(ours.losses(asked)), np.array(theirs.losses(asked)), rtol=1e-4)


@pytest.mark.slow
def test_grouped_queries_and_an_untied_head_are_those_of_transformers():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    settings = LlamaConfig(
        vocab_size=50, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8, tie_word_embeddings=False, rope_theta=500.0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(settings).eval()
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    ids = np.random.default_rng(0).integers(0, 50, (3, 9))
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor(ids)).logits.numpy()
    assert llama.fits(settings.to_dict())
    np.testing.assert_allclose(
        llama.Llama(settings.to_dict(), weights).logits(ids, np.ones_like(ids)), expected, atol=1e-4
    )
