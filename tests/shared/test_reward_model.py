"""Reward models on the pocket base: scores are read at the end token; policies imply rewards."""

import pytest

from shared.models import ModelError, load_base
from shared.pocket import BASE
from shared.reward_implicit import implicit_rewards, log_probabilities
from shared.reward_model import as_asked, load_untrained, score
from shared.reward_pairs import pairs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def untrained():
    return load_untrained(0)


@pytest.fixture(scope="module")
def asked():
    rows = pairs("public", 6, small_talk=True)
    return [row["prompt"] for row in rows], [row["chosen"] for row in rows]


def test_a_head_is_drawn_from_its_seed_and_the_body_is_the_base(untrained):
    model, _ = untrained
    base, _ = load_base()
    assert (load_untrained(0)[0].score.weight == model.score.weight).all()
    assert (load_untrained(1)[0].score.weight != model.score.weight).any()
    assert (model.model.embed_tokens.weight == base.model.embed_tokens.weight).all()


def test_a_score_is_the_heads_at_the_end_token(untrained, asked):
    import torch

    model, tokenizer = untrained
    for prompt, reply, found in zip(*asked, score(model, tokenizer, *asked), strict=True):
        text = "".join(as_asked(prompt, reply))
        ids = torch.tensor([[*tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
        with torch.inference_mode():
            alone = model.score(model.model(ids).last_hidden_state[0, -1])
        assert found == pytest.approx(alone.item(), abs=1e-5)


def test_what_shares_the_batch_does_not_matter(untrained, asked):
    one_by_one = score(*untrained, *asked, batch_size=1)
    assert score(*untrained, *asked, batch_size=6) == pytest.approx(one_by_one, abs=1e-5)
    assert score(*untrained, [], []) == []


def test_a_text_that_is_too_long_is_one_line(untrained):
    with pytest.raises(ModelError, match=r"a text of \d+ tokens is longer than the model reads"):
        score(*untrained, ["a"], [" b" * 500])


def test_log_probabilities_are_sums_over_the_reply(asked):
    import torch

    model, tokenizer = load_base()
    for prompt, reply, found in zip(*asked, log_probabilities(model, tokenizer, *asked), strict=True):
        start = len(tokenizer(prompt)["input_ids"])
        ids = torch.tensor([*tokenizer(prompt + reply)["input_ids"], tokenizer.eos_token_id])
        with torch.inference_mode():
            all_of_it = torch.log_softmax(model(ids[None]).logits[0], -1)
        right = sum(all_of_it[place - 1, ids[place]].item() for place in range(start, len(ids)))
        assert found == pytest.approx(right, abs=1e-3)
    assert implicit_rewards(model, model, tokenizer, *asked, beta=0.1) == [0.0] * 6


def test_importing_it_needs_no_torch():
    import subprocess
    import sys

    code = "import sys, shared.reward_model, shared.reward_best, shared.reward_rules; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=BASE.parents[2], check=False).returncode == 0
