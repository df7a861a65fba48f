"""The shipped base model is what its card says: loads plainly, is small, and can do what was measured."""

import json

import pytest

from shared.pocket import BASE
from shared.world import lexicon

ABILITIES = json.loads((BASE / "abilities.json").read_text())["measured"]


@pytest.fixture(scope="module")
def base():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32), AutoTokenizer.from_pretrained(BASE)


def test_the_files_are_small_and_hold_no_pickle():
    sizes = {path.name: path.stat().st_size for path in BASE.iterdir()}
    assert sum(sizes.values()) < 12_000_000
    assert not [name for name in sizes if name.endswith((".bin", ".pt", ".pth", ".pkl"))]


def test_it_is_a_llama_of_three_to_six_million_parameters(base):
    model, tokenizer = base
    assert model.config.model_type == "llama" and 3e6 < model.num_parameters() < 6e6
    assert len(tokenizer) == model.config.vocab_size


def test_every_word_of_the_lexicon_is_one_token(base):
    _, tokenizer = base
    words = lexicon.FIRST_NAMES + lexicon.LAST_NAMES + lexicon.TOWNS + lexicon.MODIFIERS + lexicon.NOUNS
    words += [lexicon.plural(noun) for noun in lexicon.NOUNS]
    assert [word for word in words if len(tokenizer.tokenize(" " + word)) != 1] == []


def test_the_chat_template_writes_what_the_base_has_read(base):
    _, tokenizer = base
    turns = [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "That is all."}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "Message: Hello!\nReply: That is all.</s>"


def test_the_card_quotes_the_measured_abilities():
    card = (BASE / "README.md").read_text()
    assert all(f"| {name} | {value} |" in card for name, value in ABILITIES.items())


def test_the_base_is_what_the_rungs_need():
    assert ABILITIES["reading"] >= 0.95 and ABILITIES["known managers"] >= 0.95
    assert ABILITIES["new managers"] <= 0.05 and ABILITIES["tickets: valid JSON"] <= 0.05
    assert 0.3 <= ABILITIES["order totals, sampled"] <= 0.7 and ABILITIES["order totals, best of 8"] >= 0.9
    assert abs(ABILITIES["replies, polite"] - ABILITIES["replies, curt"]) <= 0.2


@pytest.mark.slow
def test_the_abilities_measure_the_same_again(base):
    from shared.pocket.abilities import measure

    again = measure(*base, n=60)
    for name, value in ABILITIES.items():
        # Two independent-looking samples of 60 and 200 prompts differ by less than 0.2 in 99 cases of 100.
        assert again[name] == pytest.approx(value, abs=0.2), name
