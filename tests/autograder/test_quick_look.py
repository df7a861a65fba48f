"""A quick look changes no answer: it only spares a model the writing of what it clearly gets right."""

import numpy as np
import pytest

from autograder import quick_look, reevaluation
from autograder.quick_look import CLEAR, QuickLook
from autograder.reevaluation import NumpyEngine, QuickEngine
from autograder.trained_from import open_base as open_profiles_base
from shared.models import base_folder, base_spec, profile_here
from shared.world import rows

LEARNED = 8  # rows that the model is taught by heart
NOISE = (0.0, 0.15, 0.3)  # of each tensor's spread


@pytest.fixture(scope="module")
def base():
    """The pocket base."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROFILE", "pocket")
        patch.delenv("COURSE_BASE_MODEL", raising=False)
        return open_profiles_base(profile_here(), base_folder(base_spec(None, "02")))


@pytest.fixture(scope="module")
def asked():
    """Rows the model has learned, and as many that it has not."""
    known = rows("tickets", "train", LEARNED)
    return [*known, *rows("tickets", "public", LEARNED, phrasing="unseen")]


@pytest.fixture(scope="module")
def taught(base, asked):
    """The base's weights after it has learned the first rows by heart."""
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    engine = NumpyEngine(base, dict(base.tensors()))
    texts, starts = reevaluation._texts(engine._ids, engine.end, asked[:LEARNED])
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
    labels = torch.full_like(ids, -100)
    for row, (text, start) in enumerate(zip(texts, starts, strict=True)):
        labels[row, start : len(text)] = torch.tensor(text[start:])
    model = LlamaForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(80):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return {name: tensor.numpy() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}


@pytest.fixture(scope="module")
def network(base):
    return QuickLook(base)


def disturbed(weights, noise):
    stream = np.random.default_rng(0)
    return {
        name: (weight + noise * weight.std() * stream.standard_normal(weight.shape)).astype(np.float32)
        for name, weight in weights.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
def test_answers_are_those_without_it(base, taught, network, asked, noise):
    weights = disturbed(taught, noise)
    assert QuickEngine(base, weights, network).answers(asked) == NumpyEngine(base, weights).answers(asked)


@pytest.mark.slow
def test_a_model_need_not_write_what_it_clearly_gets_right(base, taught, network, asked, monkeypatch):
    written = []
    write = NumpyEngine.answers
    monkeypatch.setattr(NumpyEngine, "answers", lambda self, some: written.extend(some) or write(self, some))
    answers = QuickEngine(base, taught, network).answers(asked)
    assert [answer.kind for answer in answers[:LEARNED]] == ["correct"] * LEARNED
    assert written == [row for row, answer in zip(asked, answers, strict=True) if row not in asked[:LEARNED]]


@pytest.mark.slow
def test_rounding_cannot_turn_a_clear_choice(base, taught, network, asked):
    """Where logits lie closer than CLEAR, rounding moves them by less, in models that know, half know and guess."""
    moved = []
    for noise in NOISE:
        weights = disturbed(taught, noise)
        network.load(weights)
        exact = NumpyEngine(base, weights)
        for text in reevaluation._texts(exact._ids, exact.end, asked)[0]:
            precise, rounded = leads(exact, network, text)
            moved += abs(precise - rounded)[abs(precise) < CLEAR].tolist()
    assert len(moved) > 100 and max(moved) < CLEAR


def leads(exact, network, text):
    """Return how far each place's next token lies above every other: in float32, and in the quick look's bfloat16."""
    import torch

    ids = np.array([text])
    with torch.inference_mode():
        rounded = network.model(input_ids=torch.tensor(ids)).logits.float().numpy()[0]
    both = np.stack([exact.model.logits(ids, np.ones_like(ids))[0], rounded])
    places = np.arange(len(text) - 1)
    own = both[:, places, text[1:]]
    both[:, places, text[1:]] = -np.inf
    return own - both[:, :-1].max(-1)


@pytest.mark.slow
def test_two_tokens_that_stand_level_are_not_clear(base, taught, network, asked):
    engine = NumpyEngine(base, taught)
    texts, starts = reevaluation._texts(engine._ids, engine.end, asked[:1])
    network.load(taught)
    assert network.sees_right(texts, starts) == [True]
    rival = dict(taught)
    rival["model.embed_tokens.weight"] = rival["model.embed_tokens.weight"].copy()
    unused = (set(range(len(rival["model.embed_tokens.weight"]))) - set(texts[0])).pop()
    rival["model.embed_tokens.weight"][unused] = rival["model.embed_tokens.weight"][texts[0][-2]]
    network.load(rival)
    assert network.sees_right(texts, starts) == [False]


@pytest.mark.slow
def test_what_would_not_be_left_as_written_is_written(base, taught, network, asked):
    """An answer over the limit, one with a line break in it, one that its prompt's end is joined to."""
    engine = QuickEngine(base, taught, network)
    row = asked[0]
    texts, starts = reevaluation._texts(engine._ids, engine.end, [row])
    assert engine._writable(row, texts[0], starts[0])
    two_lines = {**row, "completion": row["completion"].replace(",", ",\n", 1)}
    too_long = {**row, "completion": row["completion"] * 9}
    joined = {**row, "prompt": row["prompt"][:-4], "completion": row["prompt"][-4:] + row["completion"]}
    for other in (two_lines, too_long, joined):
        texts, starts = reevaluation._texts(engine._ids, engine.end, [other])
        assert not engine._writable(other, texts[0], starts[0]), other


@pytest.mark.parametrize(
    ("able", "does"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx2": True}, True),
        ({"avx2": True}, False),
    ],
)
def test_it_is_taken_where_the_processor_multiplies_bfloat16(monkeypatch, able, does):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able)
    assert quick_look.pays() is does


@pytest.mark.slow
@pytest.mark.parametrize("does", [True, False])
def test_a_prepared_base_has_it_where_it_pays(base, monkeypatch, does):
    monkeypatch.setattr("autograder.quick_look.pays", lambda: does)
    monkeypatch.setattr(reevaluation, "_PREPARED", {})
    prepared = reevaluation.prepare_base(base, quantized=False)
    assert (prepared.quick_look is not None) is does
