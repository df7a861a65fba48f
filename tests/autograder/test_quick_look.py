"""A quick look changes no answer: it only spares a model the writing of what it clearly gets right."""

import numpy as np
import pytest

from autograder import quick_look, reevaluation
from autograder.quick_look import CLEAR, QuickLook
from autograder.reevaluation import NumpyEngine, QuickEngine, Words
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
def words(base):
    return Words(base)


@pytest.fixture(scope="module")
def asked():
    """Rows the model has learned, and as many that it has not."""
    known = rows("tickets", "train", LEARNED)
    return [*known, *rows("tickets", "public", LEARNED, phrasing="unseen")]


@pytest.fixture(scope="module")
def taught(base, words, asked):
    """The base's weights after it has learned the first rows by heart."""
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    texts, starts = reevaluation._texts(words.ids, words.end, asked[:LEARNED])
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


@pytest.fixture
def written(monkeypatch):
    """The prompts that a model had to write on itself, collected."""
    found, write = [], NumpyEngine._written
    monkeypatch.setattr(NumpyEngine, "_written", lambda self, prompts: found.extend(prompts) or write(self, prompts))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
def test_answers_are_those_without_it(base, taught, network, words, asked, noise):
    weights = disturbed(taught, noise)
    assert QuickEngine(base, weights, words, network).answers(asked) == NumpyEngine(base, weights).answers(asked)


@pytest.mark.slow
def test_two_models_do_not_get_into_each_others_way(base, taught, network, words, asked):
    """Rungs 05, 09 and 10 measure several models in one verdict."""
    other = disturbed(taught, NOISE[-1])
    first, second = (QuickEngine(base, weights, words, network) for weights in (taught, other))
    assert second.answers(asked) == NumpyEngine(base, other).answers(asked)
    assert first.answers(asked) == NumpyEngine(base, taught).answers(asked) != second.answers(asked)


@pytest.mark.slow
def test_a_model_need_not_write_what_it_clearly_gets_right(base, taught, network, words, asked, written):
    answers = QuickEngine(base, taught, words, network).answers(asked)
    assert [answer.kind for answer in answers[:LEARNED]] == ["correct"] * LEARNED
    assert len(written) < LEARNED and not any(words.ids(row["prompt"]) in written for row in asked[:LEARNED])


@pytest.mark.slow
def test_nor_what_it_gets_wrong_in_one_place(base, taught, network, words, asked, written):
    """Held against other right answers, each with another count, its own answers are the second guess."""
    counts = [{**row, "completion": row["completion"].replace(f": {row['ticket']['count']}", ": 9")} for row in asked]
    assert all(one["completion"] != row["completion"] for one, row in zip(counts, asked, strict=True))
    answers = QuickEngine(base, taught, words, network).answers(counts[:LEARNED])
    assert [answer.kind for answer in answers] == ["correct"] * LEARNED and not written


@pytest.mark.slow
@pytest.mark.parametrize("guess", ["", "\n", " {}", " no idea " * 40, ' {"team": "x\n"}'])
def test_answers_do_not_depend_on_the_guesses(base, taught, network, words, asked, guess):
    odd = [{**row, "completion": guess} for row in asked]
    assert QuickEngine(base, taught, words, network).answers(odd) == NumpyEngine(base, taught).answers(asked)


@pytest.mark.slow
def test_rounding_cannot_turn_a_clear_choice(base, taught, network, words, asked):
    """Where logits lie closer than CLEAR, rounding moves them by less, in models that know, half know and guess."""
    moved = []
    for noise in NOISE:
        weights = disturbed(taught, noise)
        exact, rounding = NumpyEngine(base, weights, words), network.at(weights)
        for row in asked:
            precise, rounded = leads(exact, rounding, words.ids(row["prompt"] + row["completion"]))
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
def test_two_tokens_that_stand_level_are_not_clear(taught, network, words, asked):
    prompt, answer = words.ids(asked[0]["prompt"]), [*words.ids(asked[0]["completion"]), words.end]
    assert network.at(taught).answers([prompt], [answer], words.stops, 40) == [answer]
    rival = dict(taught)
    rival["model.embed_tokens.weight"] = rival["model.embed_tokens.weight"].copy()
    unused = (set(range(len(rival["model.embed_tokens.weight"]))) - {*prompt, *answer}).pop()
    rival["model.embed_tokens.weight"][unused] = rival["model.embed_tokens.weight"][answer[-2]]
    assert network.at(rival).answers([prompt], [answer], words.stops, 40) == [None]


@pytest.mark.slow
def test_an_answer_over_the_limit_is_left_to_be_cut(taught, network, words, asked):
    prompt, answer = words.ids(asked[0]["prompt"]), [*words.ids(asked[0]["completion"]), words.end]
    assert network.at(taught).answers([prompt], [answer], words.stops, len(answer) - 1) == [None]


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
