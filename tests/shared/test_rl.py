"""Rung 07's shared code: rewards, pass@k, groups, rollouts, the noise of a gradient, figures, the measured table."""

import itertools
import random
from statistics import fmean

import pytest

from shared.artifacts import ArtifactError
from shared.figures import alt_text
from shared.measured import measured
from shared.rl import figures
from shared.rl.generation import generation_arguments
from shared.rl.groups import order_entries, right_counts, working_share
from shared.rl.passk import mean_pass_at_k, pass_at_k
from shared.rl.rewards import CHARGE, close_and_short, right_total
from shared.rl.rollouts import FOLDER, LOGGED, RolloutLog, RolloutRow, rollout_log, rollouts
from shared.rl.variance import Sample, others_mean
from shared.world import long_orders, orders, rows
from shared.world.splits import split_of

TEXTS = [" 8 x 10 = 80, 2 x 10 = 20, 80 + 20 = 100. 100 coins.", " 100 coins.", " 110 coins.", " 111 coins.", " no"]


def logged(reward, **columns):
    metrics = {}
    return reward(TEXTS, [100] * 5, log_metric=metrics.__setitem__, **columns), metrics


def test_the_verifier_pays_for_the_total_alone():
    paid, metrics = logged(right_total)
    assert paid == [1, 1, 0, 0, 0]
    assert metrics == {"right": 0.4, "working": 0.2}


def test_the_hackable_reward_prefers_a_near_guess_to_a_right_answer_with_working():
    ids = [[0] * 40, [0] * 8, [0] * 8, [0] * 8, [0] * 3]
    paid, metrics = logged(close_and_short, completion_ids=ids)
    assert paid == pytest.approx([1 - 40 * CHARGE, 1 - 8 * CHARGE, 1 - 8 * CHARGE, -8 * CHARGE, -3 * CHARGE])
    assert paid[2] > paid[0] and metrics["right"] == 0.4


@pytest.mark.parametrize(("n", "right", "k"), [(4, 2, 2), (6, 1, 3), (6, 6, 2), (5, 0, 4), (6, 5, 2), (7, 3, 7)])
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(n, right, k):
    """By counting every draw of k out of n."""
    draws = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_takes_no_nonsense():
    for n, right, k in ((4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)):
        with pytest.raises(ValueError, match="expected 0 <= right <= n"):
            pass_at_k(n, right, k)
    assert mean_pass_at_k([0, 2], 4, 1) == 0.25


def test_groups_are_counted_prompt_by_prompt():
    groups = [TEXTS[:2], TEXTS[2:4]]
    assert right_counts(groups, [100, 111]) == [2, 1]
    assert working_share(groups) == 0.25


def test_the_entries_of_a_claim_are_its_counts():
    asked = rows("orders", "public", 4)
    sampled, best = order_entries("orders", asked, [0, 4, 4, 8], [8, 8, 8, 4], 8)
    assert (sampled.before, sampled.after, sampled.n) == (0.5, 0.875, 4)
    assert (best.metric, best.before, best.after) == ("best_of_8", 0.75, 1.0)
    assert sampled.interval[0] <= 0.875 <= sampled.interval[1]


def test_the_mean_of_the_others_leaves_oneself_out():
    """By hand: rewards 1, 0, 0 in one group, 1, 1 in another."""
    made = [Sample([1, 2], 1, reward, group) for reward, group in ((1, 0), (0, 0), (0, 0), (1, 1), (1, 1))]
    assert others_mean(made) == [0, 0.5, 0.5, 1, 1]


HISTORY = [
    {"step": 0, "settings": {}},
    *(
        {"step": step, "loss": 0.0, "reward": 0.4 + step / 10, "reward_std": 0.5, "frac_reward_zero_std": 0.1,
         "entropy": 0.1, "completions/mean_length": 12.0, "completions/clipped_ratio": 0.0, "right": 0.5,
         "working": 0.2}
        for step in (1, 2)
    ),
    {"step": 2, "train_runtime": 3.0},
]  # fmt: skip


def test_a_log_comes_from_what_the_trainer_logged():
    log = rollout_log("grpo", 64, HISTORY)
    assert [row.step for row in log.rows] == [1, 2] and log.rows[1].reward == pytest.approx(0.6)
    assert log.rows[0].kl is None and log.completions == 64


def test_a_log_is_read_as_it_was_kept(tmp_path):
    from shared.artifacts import write_json

    with pytest.raises(ArtifactError, match=r"grpo\.json"):
        rollouts("grpo", work=tmp_path)
    log = rollout_log("grpo", 64, HISTORY)
    write_json(tmp_path / FOLDER / "grpo.json", log)
    assert rollouts("grpo", work=tmp_path) == log


def test_the_panel_shows_columns_that_the_log_has():
    assert set(figures.PANEL) <= set(RolloutRow.model_fields) == {"step", *LOGGED}
    log = rollout_log("grpo", 64, HISTORY)
    text = alt_text(figures.panel({"verifier": log}))
    assert "mean reward 0.50 to 0.60" in text and "KL" not in text
    drawn = figures.panel({"one": log, "other": log}, ["reward", "kl"])
    assert len(drawn.axes) == 2 and drawn.axes[0].get_legend() is not None


def test_the_other_figures_say_what_they_show():
    assert "flat above" in alt_text(figures.clipping(0.2))
    text = alt_text(figures.pass_curves({"before": {1: 0.5, 16: 0.98}, "after": {1: 0.93, 16: 0.99}}))
    assert "before: 0.50 at 1, 0.98 at 16. after: 0.93 at 1" in text
    assert "group mean 1.00, none 2.50" in alt_text(figures.noise_bars({"group mean": 1.0, "none": 2.5}))


def test_vllm_is_for_gpus_only(monkeypatch):
    monkeypatch.setattr("shared.rl.generation.find_spec", lambda name: object())
    assert generation_arguments("cpu") == {"use_vllm": False} and generation_arguments("cuda")["use_vllm"]
    monkeypatch.setattr("shared.rl.generation.find_spec", lambda name: None)
    assert generation_arguments("cuda") == {"use_vllm": False}


def test_long_orders_are_held_apart_and_their_working_is_right():
    seen = {}
    for split in ("train", "public"):
        for row in rows("long-orders", split, 100):
            assert orders.is_right(row["completion"], row["total"]) and not orders.wrong_steps(row["completion"])
            assert seen.setdefault(row["completion"], split) == split
    lines = long_orders.draw(random.Random(0), "public")
    assert split_of(long_orders.key(lines)) == "public" and len(lines) == 3


@pytest.fixture(scope="module")
def toy():
    """A model of one matrix, so that gradients can be written down: logits of the next token = W[token]."""
    import torch

    class Toy(torch.nn.Module):
        device = torch.device("cpu")

        def __init__(self):
            super().__init__()
            self.table = torch.nn.Parameter(torch.zeros(3, 3))

        def forward(self, ids, **_):
            return type("Output", (), {"logits": self.table[ids]})()

    return Toy()


def test_the_noise_is_the_variance_of_the_gradients(toy):
    """By hand: from token 0, answers 1 and 2, all logits 0. d log p(1) = (-1, 2, -1) / 3, d log p(2) = (-1, -1, 2) / 3.
    Both weighted 1: squares 2/3 each, the mean (-2, 1, 1) / 6 squared 1/6, so (2/3 - 1/6) x 2 = 1. Weights 1 and 0:
    squares 2/3 and 0, mean square 1/6: (1/3 - 1/6) x 2 = 1/3."""
    from shared.rl.variance import gradient_noise

    made = [Sample([0, 1], 1, 1.0, 0), Sample([0, 2], 1, 0.0, 0)]
    found = gradient_noise(toy, made, {"ones": [1, 1], "rewards": [1, 0], "a token": [[1.0], [0.0]]})
    assert found == pytest.approx({"ones": 1.0, "rewards": 1 / 3, "a token": 1 / 3})


@pytest.fixture
def told_apart():
    """Return 40 answers of three tokens whose reward is 1 exactly when the second token is 20."""
    return [Sample([5, 6, 10 + number % 2 * 10, 20 + 30 * (number % 3 > 0), 7], 2, float(number % 3 == 0), number // 8)
            for number in range(40)]  # fmt: skip


@pytest.mark.slow
def test_values_know_more_once_they_have_seen_the_telling_token(tiny_base, told_apart):
    import torch

    from shared.models import load_base
    from shared.rl.critic import TrainedCritic
    from shared.rl.variance import LearnedValue

    model, _ = load_base(dtype=torch.float32)
    for value in (LearnedValue(model, told_apart), TrainedCritic(told_apart, epochs=60)):
        found = [value(one) for one in told_apart]
        assert all(len(values) == 3 for values in found)
        errors = [fmean(abs(v[place] - one.reward) for v, one in zip(found, told_apart)) for place in (0, 2)]
        assert errors[1] < 0.7 * errors[0]


@pytest.mark.slow
def test_trls_numbers_are_those_of_the_formulas(tiny_base):
    import torch

    from shared.models import load_base
    from shared.rl.trl_numbers import made_batch, trl_advantages, trl_loss

    model, tokenizer = load_base(dtype=torch.float32)
    found = trl_advantages(model, tokenizer, [1.0, 0, 0, 1, 1, 1, 1, 1], 4, "group")
    assert found.tolist() == pytest.approx([0.8659, -0.8659, -0.8659, 0.8659, 0, 0, 0, 0], abs=1e-3)
    batch, logp = made_batch(model, largest=300)
    ratio, weight = (logp - batch["old_per_token_logps"]).exp(), batch["advantages"][:, None]
    d, mask = batch["ref_per_token_logps"] - logp, batch["completion_mask"]
    tokens = -torch.min(ratio * weight, ratio.clamp(0.8, 1.2) * weight) + 0.1 * (d.exp() - d - 1)
    rights = {
        "grpo": ((tokens * mask).sum(1) / mask.sum(1)).mean(),
        "dapo": (tokens * mask).sum() / mask.sum(),
        "dr_grpo": (tokens * mask).mean(),
    }
    for name, right in rights.items():
        theirs = trl_loss(model, tokenizer, batch, loss_type=name, epsilon=0.2, beta=0.1)
        assert theirs == pytest.approx(right.item(), rel=1e-3, abs=1e-5)


def table(name):
    return [row for row in measured("grpo").rows if row["name"] == name]


def test_three_seeds_gain_what_the_done_when_asks():
    base, runs = table("base"), table("recipe")
    before = {name: fmean(row[name] for row in base) for name in ("sampled", "reading", "sorting")}
    assert len({row["seed"] for row in runs}) >= 3
    for row in runs:
        assert row["sampled"] >= 0.80 + 0.05 and row["sampled"] - before["sampled"] >= 0.30 + 0.05
        assert row["working"] >= 0.9
        assert all(row[skill] >= before[skill] - 0.05 for skill in ("reading", "sorting"))


def test_the_hackable_reward_is_hacked_with_every_seed():
    before, runs = fmean(row["sampled"] for row in table("base")), table("hackable")
    assert len({row["seed"] for row in runs}) >= 3
    assert all(row["sampled"] <= before - 0.1 and row["working"] <= 0.15 for row in runs)


def test_what_the_notebook_says_of_the_noise_holds_with_every_seed():
    runs, critics = table("noise"), table("critic")
    assert min(len({row["seed"] for row in some}) for some in (runs, critics)) >= 3
    for row in runs:
        assert row["none, right 1"] < 1 < row["none, wrong -1"] / 1.5  # where the reward's zero lies decides
        assert all(0.4 < row[name] < 1.3 for name in row if name.startswith("value of"))
    assert all(0.48 < row["critic of 1024"] < 0.82 for row in critics)  # "a fifth to a half of the noise away"


def test_a_log_without_rows_is_refused():
    with pytest.raises(ValueError, match="at least 1 item"):
        RolloutLog(stage="grpo", completions=64, rows=[])
