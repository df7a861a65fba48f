"""Rung 07, solved in other ways: each of these submissions is right, and passes."""

import pytest
from example_adapter import report_on, write_rung
from example_grpo import AFTER, BEFORE, KEPT, claim, notebook_07, write_log
from example_work import edit, failed, said

from autograder.llama import sampler

ADVANTAGES = {
    "a loop over groups": """
def group_advantages(rewards, size, scale="group"):
    out = []
    for start in range(0, len(rewards), size):
        group = rewards[start : start + size]
        gap = group - group.mean()
        if scale == "group":
            gap = gap / (group.std() + 1e-4)
        elif scale == "batch":
            gap = gap / (rewards.std() + 1e-4)
        out.append(gap)
    return torch.cat(out)
""",
    "the deviation by hand": """
def group_advantages(rewards, size, scale="group"):
    mean = rewards.reshape(-1, size).mean(1).repeat_interleave(size)
    gap = rewards - mean
    if scale == "none":
        return gap
    if scale == "batch":
        std = (((rewards - rewards.mean()) ** 2).sum() / (len(rewards) - 1)) ** 0.5
        return gap / (std + 1e-4)
    var = (gap.reshape(-1, size) ** 2).sum(1) / (size - 1)
    return gap / (var.sqrt().repeat_interleave(size) + 1e-4)
""",
}
LOSSES = {
    "where for min": """
def kl_k3(logp, ref_logp):
    return torch.expm1(ref_logp - logp) + logp - ref_logp

def grpo_loss(logp, old_logp, ref_logp, advantages, mask, epsilon, beta, loss_type):
    A = advantages.unsqueeze(-1).expand_as(logp)
    r = torch.exp(logp - old_logp)
    up, down = torch.clamp(r, max=1 + epsilon), torch.clamp(r, min=1 - epsilon)
    loss = -torch.where(A > 0, up * A, down * A)
    if ref_logp is not None:
        loss = loss + beta * kl_k3(logp, ref_logp)
    loss = torch.where(mask.bool(), loss, torch.zeros_like(loss))
    if loss_type == "grpo":
        return torch.stack([row[: int(n)].sum() / max(int(n), 1) for row, n in zip(loss, mask.sum(1))]).mean()
    if loss_type == "dapo":
        return loss.sum() / mask.sum()
    return loss.sum() / (logp.shape[0] * logp.shape[1])
""",
    "the larger of two losses": """
def kl_k3(logp, ref_logp):
    ratio = (ref_logp - logp).exp()
    return ratio - 1 - ratio.log()

def grpo_loss(logp, old_logp, ref_logp, advantages, mask, epsilon, beta, loss_type):
    r = (logp - old_logp).exp()
    a = advantages.view(-1, 1)
    losses = torch.max(-r * a, -torch.clip(r, 1 - epsilon, 1 + epsilon) * a)
    if beta != 0:
        losses = losses + beta * kl_k3(logp, ref_logp)
    m = mask.float()
    weights = {"grpo": m / m.sum(1, keepdim=True).clamp(min=1) / len(m), "dapo": m / m.sum(),
               "dr_grpo": m / m.numel()}
    return (losses * weights[loss_type]).sum()
""",
}
PASSES = {
    "an exact fraction": """
def pass_at_k(n, right, k):
    from fractions import Fraction
    return 1 - Fraction(comb(n - right, k), comb(n, k))
""",
    "a product": """
def pass_at_k(n, right, k):
    if n - right < k:
        return 1.0
    wrong = 1.0
    for i in range(n - right + 1, n + 1):
        wrong *= 1 - k / i
    return 1 - wrong
""",
    "one at a time": """
def pass_at_k(n, right, k):
    wrong = 1.0
    for i in range(k):
        wrong *= max(n - right - i, 0) / (n - i)
    return torch.tensor(1 - wrong, dtype=torch.float64)
""",
}


def passes(work, *cells, seed=1):
    report = report_on("07", work, *cells, seed=seed)
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("name", ADVANTAGES)
def test_other_advantages_are_as_good(grpo_work, without_children, name):
    write_rung("07", notebook_07(ADVANTAGES[name]), grpo_work)
    passes(grpo_work, "advantages")


@pytest.mark.parametrize("name", LOSSES)
def test_other_losses_are_as_good(grpo_work, without_children, name):
    write_rung("07", notebook_07(loss=LOSSES[name]), grpo_work)
    passes(grpo_work, "grpo-loss")


@pytest.mark.parametrize("name", PASSES)
def test_other_estimates_are_as_good(grpo_work, without_children, name):
    write_rung("07", notebook_07(passk=PASSES[name]), grpo_work)
    passes(grpo_work, "pass-at-k")


@pytest.mark.parametrize("seed", range(25))
def test_the_right_functions_pass_whatever_is_drawn(grpo_work, without_children, seed):
    passes(grpo_work, "advantages", "grpo-loss", "pass-at-k", seed=seed)


@pytest.mark.slow
def test_the_functions_pass_in_their_own_processes(grpo_work):
    assert report_on("07", grpo_work, "advantages", "grpo-loss", "pass-at-k").score == 10


def test_a_right_submission_is_done(grpo_work, without_children, samples_are):
    samples_are()
    report = report_on("07", grpo_work)
    assert failed(report) == set() and report.score == report.max_score == 18


def test_other_settings_and_other_sizes_are_as_good(grpo_work, samples_are):
    samples_are()
    claim(grpo_work, BEFORE * 2, AFTER * 2)
    write_log(grpo_work, completions=48)
    change = {"per_device_train_batch_size": 24, "gradient_accumulation_steps": 2, "num_generations": 6, "beta": 0.0,
              "loss_type": "dr_grpo", "learning_rate": 1e-4}  # fmt: skip
    edit(grpo_work / "artifacts/grpo/run.json", lambda run: run["hyperparameters"].update(change))
    edit(grpo_work / "artifacts/rollouts/grpo.json", lambda log: [row.update(kl=None) for row in log["rows"]])
    passes(grpo_work, "done-when")


def test_a_log_of_every_fifth_step_will_do(grpo_work, samples_are):
    samples_are()
    for path in ("artifacts/rollouts/grpo.json", "artifacts/grpo/loss_curve.json"):
        edit(grpo_work / path, lambda log: log.update(rows=log["rows"][4::5]))
    passes(grpo_work, "done-when")


def test_right_answers_without_any_working_are_right(grpo_work, samples_are):
    """The notebook's model finds that working pays; nothing asks for it."""
    samples_are()
    edit(grpo_work / "artifacts/rollouts/grpo.json", lambda log: [row.update(working=0.0) for row in log["rows"]])
    passes(grpo_work, "done-when")


@pytest.mark.parametrize(
    ("after", "before"),
    [([7, 6, 6, 7, 6] * 12, [3, 4, 4, 4, 4] * 12), ([8] * 60, [4] * 60), ([8] * 60, [3] * 60)],
)
def test_a_run_that_just_meets_the_threshold_passes(grpo_work, samples_are, after, before):
    samples_are(after=after, before=before)
    claim(grpo_work, before, after)
    write_log(grpo_work, start=sum(before) / 480, end=sum(after) / 480)
    passes(grpo_work, "done-when")


def test_losing_exactly_a_twentieth_is_within_the_limit(grpo_work, samples_are):
    samples_are(kept_after={**KEPT, "reading": [True] * 57 + [False] * 3})
    passes(grpo_work, "done-when")


def test_losing_two_rows_of_sorting_is_no_forgetting(grpo_work, samples_are):
    samples_are(kept_after={**KEPT, "sorting": [True] * 57 + [False] * 3})
    passes(grpo_work, "done-when")


@pytest.mark.slow
def test_a_model_of_noise_is_measured_as_such(grpo_work):
    """No sample is put in its place here: both models are truly asked."""
    report = report_on("07", grpo_work, "done-when")
    assert failed(report) == {"model-is-real", "run-record", "rollouts-real", "sampled", "kept", "claim-honest"}


def test_sampling_follows_the_probabilities():
    import numpy as np

    logits = np.tile(np.log(np.float32([[0.5, 0.3, 0.2, 1e-9]])), (20_000, 1))
    shares = np.bincount(sampler(3)(logits), minlength=4) / 20_000
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2, 0], atol=0.02)
    assert (sampler(3)(logits) == sampler(3)(logits)).all() and (sampler(3)(logits) != sampler(4)(logits)).any()
