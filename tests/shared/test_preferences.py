"""shared.preferences: pairs, the judge, log-probabilities and the least divergence."""

import math

import pytest

from shared.preferences import (
    METRICS,
    Verdict,
    judge,
    least_divergence,
    letter_archive,
    log_probabilities,
    pair_rows,
    preference_pairs,
    reply_entries,
)
from shared.world.replies import promised, tone_score


def test_pairs_have_trl_s_columns_and_differ_in_tone_only():
    for row in pair_rows("train", 50):
        assert set(row) == {"prompt", "chosen", "rejected"}
        assert tone_score(row["chosen"]) > 0 > tone_score(row["rejected"])
        assert promised(row["chosen"]) == promised(row["rejected"])


def test_a_share_of_the_labels_is_flipped_at_random():
    right, flipped, all_flipped = (pair_rows("train", 400, flipped=share) for share in (0, 0.4, 1))
    changed = sum(one["chosen"] != other["chosen"] for one, other in zip(right, flipped, strict=True))
    assert 120 < changed < 200
    assert [row["chosen"] for row in all_flipped] == [row["rejected"] for row in right]


def test_the_archive_holds_both_tones_and_other_letters_than_the_pairs():
    archive = letter_archive("train", 200)
    assert archive.column_names == ["prompt", "completion"]
    assert 70 < sum(tone_score(text) > 0 for text in archive["completion"]) < 130
    assert not set(archive["prompt"]) & set(preference_pairs("public", 200)["prompt"])


def test_the_judge_reads_tone_and_promise():
    pairs = pair_rows("public", 3)
    texts = [pairs[0]["chosen"], pairs[1]["rejected"], "Nonsense."]
    assert [(one.polite, one.right) for one in judge(pairs, texts)] == [(True, True), (False, True), (False, False)]
    assert judge(pairs, texts)[2].words == 1


def test_polite_replies_are_longer_by_what_rung_06_says():
    pairs = pair_rows("public", 200)
    words = [sum(len(row[side].split()) for row in pairs) / 200 for side in ("chosen", "rejected")]
    assert words == [pytest.approx(26.85, abs=0.01), pytest.approx(18.11, abs=0.01)]


def test_entries_say_before_and_after():
    pairs = pair_rows("public", 4)
    before = [Verdict("", place < 1, True, 1) for place in range(4)]
    after = [Verdict("", place < 3, place < 2, 1) for place in range(4)]
    entries = {entry.metric: entry for entry in reply_entries(pairs, before, after, split="public")}
    assert set(entries) == set(METRICS)
    assert (entries["win_rate"].before, entries["win_rate"].after) == (0.25, 0.75)
    assert (entries["right_promise"].before, entries["right_promise"].after) == (1, 0.5)


def test_the_least_divergence_is_that_of_two_coins():
    assert least_divergence(0.5, 0.5) == 0
    assert math.isclose(least_divergence(1, 0.5), math.log(2))
    assert math.isclose(least_divergence(0.75, 0.5), 0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert least_divergence(0.9, 0.3) > least_divergence(0.6, 0.3) > 0


@pytest.mark.slow
def test_log_probabilities_are_sums_over_the_reply_and_its_end():
    import torch

    from shared.models import load_base

    model, tokenizer = load_base("pocket")
    rows = pair_rows("public", 3)
    prompts, replies = [row["prompt"] for row in rows], [row["chosen"] for row in rows]
    found = log_probabilities(model, tokenizer, prompts, replies, batch_size=2)
    for prompt, reply, value in zip(prompts, replies, found, strict=True):
        ids = torch.tensor([[*tokenizer(prompt + reply)["input_ids"], tokenizer.eos_token_id]])
        with torch.inference_mode():
            logs = model(input_ids=ids).logits.log_softmax(-1)[0]
        start = len(tokenizer(prompt)["input_ids"])
        right = sum(logs[place - 1, ids[0, place]].item() for place in range(start, ids.shape[1]))
        assert math.isclose(value, right, rel_tol=1e-4)


def dpo_loss_by_hand(policy, reference, batch: dict, beta: float) -> float:
    """Return the paper's equation 7 on a batch of TRL's: chosen rows above rejected ones."""
    import torch

    gains = []
    for model in (policy, reference):
        with torch.no_grad():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        picked = logits[:, :-1].log_softmax(-1).gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
        chosen, rejected = (picked * batch["completion_mask"][:, 1:]).sum(1).chunk(2)
        gains.append(chosen - rejected)
    return -torch.nn.functional.logsigmoid(beta * (gains[0] - gains[1])).mean().item()


@pytest.mark.slow
def test_the_loss_by_hand_is_trl_s():
    """What rung 06 teaches is what TRL computes: on unequal models, sums over responses, end token included."""
    import torch

    from shared.models import load_base
    from shared.preferences import comparing_trainer

    (policy, tokenizer), (reference, _) = load_base("pocket"), load_base("pocket")
    with torch.no_grad():
        reference.model.norm.weight.mul_(1.05)
    trainer = comparing_trainer(policy, reference, tokenizer, preference_pairs("train", 8), beta=0.3)
    batch = next(iter(trainer.get_train_dataloader()))
    assert math.isclose(trainer.compute_loss(policy, batch).item(), dpo_loss_by_hand(policy, reference, batch, 0.3),
                        rel_tol=1e-4)  # fmt: skip
    smoothed = comparing_trainer(
        policy, reference, tokenizer, preference_pairs("train", 8), beta=0.3, label_smoothing=0.3
    )
    batch = next(iter(smoothed.get_train_dataloader()))
    assert math.isclose(smoothed.compute_loss(policy, batch).item(), dpo_loss_by_hand(policy, reference, batch, 0.3),
                        rel_tol=1e-4), "rung 06 says that label_smoothing has no effect on 'sigmoid'"  # fmt: skip
