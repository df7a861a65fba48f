"""Generation in batches is generation one by one; tickets are scored row by row."""

import json

import pytest

from shared.evaluation import TicketResult, evaluate_tickets, generate, ticket_entries
from shared.significance import wilson_interval

PROMPTS = [
    "Message: a",
    "b",
    "Message: I waited two weeks for three copper stoves.\nTicket:",
    "Message: a b",
    "x",
]


@pytest.fixture(scope="module")
def model_and_tokenizer(tiny_base_folder):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_base_folder)
    return model.eval(), AutoTokenizer.from_pretrained(tiny_base_folder)


@pytest.fixture
def say(model_and_tokenizer, monkeypatch):
    """Return a function that makes the model say given texts, one for each row of a batch, and then </s>."""
    import torch

    model, tokenizer = model_and_tokenizer

    def install(*texts):
        planned = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
        forward, position = type(model).forward, iter(range(1000))

        def speak(self, *args, **kwargs):
            output, place = forward(self, *args, **kwargs), next(position)
            output.logits = torch.zeros_like(output.logits)
            for row, ids in enumerate(planned):
                output.logits[row, -1, ids[min(place, len(ids) - 1)]] = 9.0
            return output

        monkeypatch.setattr(type(model), "forward", speak)

    return install


def texts_of(model_and_tokenizer, prompts=PROMPTS, **options):
    return generate(*model_and_tokenizer, prompts, **{"max_new_tokens": 8, "progress": False} | options)


@pytest.mark.parametrize("batch_size", [2, 128])
def test_a_batch_changes_nothing(model_and_tokenizer, batch_size):
    alone = [texts_of(model_and_tokenizer, [prompt])[0] for prompt in PROMPTS]
    assert texts_of(model_and_tokenizer, batch_size=batch_size) == alone
    assert len(set(alone)) > 1


def test_no_prompts_no_texts(model_and_tokenizer):
    assert texts_of(model_and_tokenizer, []) == []


def test_samples_repeat_with_their_seed(model_and_tokenizer):
    draws = [texts_of(model_and_tokenizer, temperature=1.0, seed=seed) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_mode_and_random_state_are_left_alone(model_and_tokenizer):
    import torch

    model, _ = model_and_tokenizer
    model.train()
    state = torch.get_rng_state()
    texts_of(model_and_tokenizer, temperature=1.0)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    model.eval()
    texts_of(model_and_tokenizer)
    assert not model.training


def test_nothing_is_said_about_settings(model_and_tokenizer, capfd, caplog):
    texts_of(model_and_tokenizer)
    texts_of(model_and_tokenizer, temperature=0.7)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_the_models_own_settings_do_not_matter(model_and_tokenizer, monkeypatch):
    """Many models come with sampling and a repetition penalty switched on."""
    from transformers import GenerationConfig

    plain, sampled = texts_of(model_and_tokenizer), texts_of(model_and_tokenizer, temperature=1.0)
    own = GenerationConfig(do_sample=True, temperature=5.0, top_k=3, top_p=0.5, repetition_penalty=9.0)
    monkeypatch.setattr(model_and_tokenizer[0], "generation_config", own)
    assert texts_of(model_and_tokenizer) == plain
    assert texts_of(model_and_tokenizer, temperature=1.0) == sampled


def test_generation_ends_at_the_end_token(model_and_tokenizer, say):
    say("done", "done and more")
    assert texts_of(model_and_tokenizer, ["p", "q"], max_new_tokens=20) == ["done", "done and more"]


def test_generation_ends_at_a_line_break_if_asked(model_and_tokenizer, say):
    said = "one\ntwo"
    say(said)
    assert texts_of(model_and_tokenizer, ["p"], max_new_tokens=20) == [said]
    say(said)
    assert texts_of(model_and_tokenizer, ["p"], max_new_tokens=20, stop_at_newline=True) == ["one"]


def test_a_line_break_really_stops_the_work(model_and_tokenizer, say, monkeypatch):
    """The model would go on for 30 tokens after the break; it must not be asked for them."""
    model, _ = model_and_tokenizer
    calls = []
    say("a\n" + "b " * 30)
    speak = type(model).forward
    monkeypatch.setattr(type(model), "forward", lambda *args, **kwargs: calls.append(1) or speak(*args, **kwargs))
    assert texts_of(model_and_tokenizer, ["p"], max_new_tokens=40, stop_at_newline=True) == ["a"]
    assert len(calls) <= 4


def test_tickets_are_scored_row_by_row(model_and_tokenizer, say, ticket_rows):
    longest_first = sorted(ticket_rows[:2], key=lambda row: len(row["prompt"]), reverse=True)
    say(longest_first[0]["completion"], " nonsense")
    results = evaluate_tickets(*model_and_tokenizer, longest_first, progress=False)
    assert [result.kind for result in results] == ["correct", "not-json"]
    assert json.loads(results[0].text) == longest_first[0]["ticket"] == results[0].ticket
    assert results[1].prompt == longest_first[1]["prompt"]


def test_entries_count_before_and_after(ticket_rows):
    data = ticket_rows[:10]

    def results(*kinds):
        return [TicketResult(row["prompt"], "", row["ticket"], kind) for row, kind in zip(data, kinds, strict=True)]

    before = results(*["not-json"] * 9, "wrong-keys")
    after = results("not-json", "wrong-team", *["correct"] * 8)
    valid, exact = ticket_entries(data, before, after, split="public", phrasing="unseen")
    assert (valid.metric, valid.before, valid.after) == ("valid_json", 0.1, 0.9)
    assert (exact.metric, exact.before, exact.after) == ("exact_match", 0.0, 0.8)
    assert exact.interval == wilson_interval(8, 10)
    assert (exact.n, exact.split, exact.phrasing, exact.task) == (10, "public", "unseen", "tickets")
