"""Rung 07 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import json
import shutil

import numpy as np
import pytest
from bad_files import FILE_FAULTS
from example_adapter import report_on, write_rung
from example_grpo import (
    AFTER,
    BEFORE,
    GROUP_ADVANTAGES,
    GRPO_LOSS,
    KEPT,
    PASS_AT_K,
    ROLLOUTS,
    STAGE_FOLDER,
    claim,
    notebook_07,
    write_log,
)
from example_work import by_id, contents, edit, edit_weights, failed, said

RUN, CURVE, EVAL = f"{STAGE_FOLDER}/run.json", f"{STAGE_FOLDER}/loss_curve.json", "artifacts/eval.json"


def changed(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


def functions_refused(work, cell, criterion, words):
    report = report_on("07", work, cell)
    assert criterion in failed(report), [said(r) for r in report.criteria]
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ("groups.mean(dim=1, keepdim=True)", "groups.mean()", "advantages-value", "over the whole batch"),
        ("- groups.mean(dim=1, keepdim=True)", "", "advantages-value", "mean is not subtracted"),
        ("rewards.view(-1, size)", "rewards.view(size, -1).T", "advantages-value", "right is"),
        ("+ 1e-4", "", "advantages-edges", "equal rewards: returned nan, expected a finite number"),
        ("+ 1e-4", "+ 1e-8", "advantages-edges", "nearly equal rewards"),
        ("groups.std(dim=1, keepdim=True)", "groups.std(dim=1, keepdim=True, correction=0)", "advantages-value",
         "advantage 1 is 0.9998, right is 0.8659"),
        ("groups.std(dim=1, keepdim=True)", "groups.var(dim=1, keepdim=True)", "advantages-value", "right is"),
        ('if scale == "group" else rewards.std()', "", "advantages-value", "still divides by the group's"),
        ('if scale == "none":', "if True:", "advantages-value", "never scales"),
        ("return (centred", "return -(centred", "advantages-value", "right is"),
        ("spread + 1e-4)).flatten()", "spread + 1e-4))", "advantages-value", "tensor of shape"),
        ("groups = rewards", "groups = rewards.detach()[:0] if rewards.max() > 90 else rewards", "advantages-edges",
         "moved by 100"),
        ("groups = rewards.view(-1, size)", "raise RuntimeError('no')", "advantages-value", "RuntimeError: no"),
        ("return (centred / (spread + 1e-4)).flatten()", "return 0.5", "advantages-value", "returned float"),
    ],
)  # fmt: skip
def test_wrong_advantages_are_refused(grpo_work, without_children, old, new, criterion, words):
    write_rung("07", notebook_07(changed(GROUP_ADVANTAGES, old, new)), grpo_work)
    functions_refused(grpo_work, "advantages", criterion, words)


BIASED = """
def group_advantages(rewards, size, scale="group"):
    groups = rewards.view(-1, size)
    centred = groups - groups.mean(dim=1, keepdim=True)
    if scale == "none":
        return centred.flatten()
    spread = groups.std(1, False, keepdim=True) if scale == "group" else rewards.std(unbiased=False)
    return (centred / (spread + 1e-4)).flatten()
"""
FROM_THE_BATCH = """
def group_advantages(rewards, size, scale="group"):
    return (rewards - rewards.mean()) / (rewards.std() + 1e-4)
"""
INTERLEAVED = """
def group_advantages(rewards, size, scale="group"):
    groups = rewards.view(size, -1)
    centred = groups - groups.mean(dim=0, keepdim=True)
    if scale == "none":
        return centred.flatten()
    return (centred / ((groups.std(dim=0, keepdim=True) if scale == "group" else rewards.std()) + 1e-4)).flatten()
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [(BIASED, "TRL's divides by n - 1"), (FROM_THE_BATCH, "the whole batch's: go by groups"),
     (INTERLEAVED, "The groups are cut wrongly")],
)  # fmt: skip
def test_a_known_mistake_in_advantages_has_a_name(grpo_work, without_children, source, words):
    write_rung("07", notebook_07(source), grpo_work)
    functions_refused(grpo_work, "advantages", "advantages-value", words)


TERM = "beta * kl_k3(logp, ref_logp)"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("-torch.min(", "-torch.max(", "Take the *smaller*"),
        ("-torch.min(ratio * weight, clipped * weight)", "-clipped * weight", "The ratio is always clipped"),
        ("-torch.min(ratio * weight, clipped * weight)", "-ratio * weight", "The ratio is never clipped"),
        ("ratio.clamp(1 - epsilon, 1 + epsilon)", "ratio.clamp(max=1 + epsilon)", "above 1 + epsilon only"),
        ("ratio.clamp(1 - epsilon, 1 + epsilon)", "ratio.clamp(min=1 - epsilon)", "below 1 - epsilon only"),
        ("= -torch.min", "= torch.min", "must enter the loss with a minus"),
        (TERM, f"(-{TERM})", "The KL's sign is wrong"),
        (TERM, "beta * (logp - ref_logp)", "The KL term is k1"),
        (TERM, "beta * (logp - ref_logp) ** 2 / 2", "The KL term is k2"),
        (TERM, "beta * kl_k3(ref_logp, logp)", "policy and reference are exchanged"),
        ("(logp - old_logp).exp()", "(logp - (old_logp if ref_logp is None else ref_logp)).exp()",
         "taken over the reference"),
        ("(logp - old_logp).exp()", "logp.exp()", "lacks its denominator"),
        ('if loss_type == "grpo":', "if True:", "the answers' means whatever"),
        ('if loss_type == "grpo":', "if False:", "right is"),
        ("per_token = per_token * mask", "mask = torch.ones_like(mask)", "The mask is ignored"),
        ("return per_token.sum() / (mask.sum() if loss_type == \"dapo\" else mask.numel())",
         "return per_token.sum() / mask.sum()", "right is"),
        ("return per_token.sum()", "return per_token", "returned a tensor of shape"),
    ],
)  # fmt: skip
def test_a_wrong_loss_is_refused_by_name(grpo_work, without_children, old, new, words):
    write_rung("07", notebook_07(loss=changed(GRPO_LOSS, old, new)), grpo_work)
    functions_refused(grpo_work, "grpo-loss", "loss-value", words)


MEAN_PER_BATCH = changed(GRPO_LOSS, "    if loss_type", "    return per_token.sum() / mask.sum()\n    if loss_type")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (MEAN_PER_BATCH, "divides by all tokens of the batch whatever"),
        (changed(GRPO_LOSS, "    if loss_type", "    return per_token.mean()\n    if loss_type"),
         "divides by B x T whatever"),
        (changed(GRPO_LOSS, "    if loss_type", "    return per_token.sum()\n    if loss_type"), "the sum over tokens"),
        (changed(GRPO_LOSS, "    if loss_type", "    return per_token.sum(1).mean()\n    if loss_type"),
         "by the number of answers only"),
    ],
)  # fmt: skip
def test_a_mean_of_the_wrong_kind_is_named(grpo_work, without_children, source, words):
    write_rung("07", notebook_07(loss=source), grpo_work)
    functions_refused(grpo_work, "grpo-loss", "loss-value", words)


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ("(logp - old_logp).exp()", "(logp - old_logp).exp().detach()", "loss-gradient", "the ratio is detached"),
        ("(logp - old_logp).exp(), advantages", "(logp.detach() - old_logp).exp(), advantages", "loss-gradient",
         "the ratio is detached"),
        ("= per_token * mask", "= (per_token * mask).detach()", "loss-gradient", "no gradient reaches logp"),
        ("beta * kl_k3(logp,", "beta * kl_k3(logp.detach(),", "loss-gradient", "the gradient is off"),
        ("    if beta:", "    if True:", "loss-edges", "With beta 0 there is no reference"),
        (".clamp(min=1)", "", "loss-edges", "an answer without a token"),
        ("1 - epsilon, 1 + epsilon", "0.8, 1.2", "loss-edges", "epsilon is an argument"),
        ("per_token = per_token * mask", "per_token = per_token * mask + (1 - mask) * logp.clamp(max=-70) / 1e3 + "
         "(1 - mask) * 0.07", "loss-edges", "where the mask is 0"),
    ],
)  # fmt: skip
def test_a_loss_that_fails_at_an_edge_is_refused(grpo_work, without_children, old, new, criterion, words):
    write_rung("07", notebook_07(loss=changed(GRPO_LOSS, old, new)), grpo_work)
    functions_refused(grpo_work, "grpo-loss", criterion, words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("logp - ref_logp", "This is k1"),
        ("(logp - ref_logp) ** 2 / 2", "This is k2"),
        ("(logp - ref_logp).exp() - (logp - ref_logp) - 1", "exchanged"),
        ("1 + gap - gap.exp()", "The sign is wrong"),
        ("gap.exp() - gap", "The - 1 is missing"),
        ("gap.exp() - 1", "The - d is missing"),
        ("(gap.exp() - gap - 1).mean()", "expected (1, 1)"),
        ("(gap.exp() - gap - 1).sum(-1)", "of shape"),
    ],
)
def test_a_wrong_estimate_of_the_kl_is_named(grpo_work, without_children, body, words):
    source = changed(GRPO_LOSS, "gap.exp() - gap - 1", body)
    write_rung("07", notebook_07(loss=source), grpo_work)
    functions_refused(grpo_work, "grpo-loss", "kl", words)


@pytest.mark.parametrize(
    ("body", "criterion", "words"),
    [
        ("1 - (1 - right / n) ** k", "pass-at-k", "That is biased"),
        ("right / n", "pass-at-k", "That is pass@1"),
        ("min(1.0, k * right / n)", "pass-at-k", "do not simply add up"),
        ("comb(n - right, k) / comb(n, k)", "pass-at-k", "take one minus it"),
        ("comb(right, k) / comb(n, k)", "pass-at-k", "all k are right"),
        ("float(right > 0)", "pass-at-k", "pass@n"),
        ("1 - math.factorial(n - right) / math.factorial(n - right - k) / math.perm(n, k)", "pass-at-k-edges",
         "ValueError"),
        ("1 - math.exp(sum(math.log1p(-k / i) for i in range(n - right + 1, n + 1)))", "pass-at-k-edges",
         "ValueError"),
        ("'many'", "pass-at-k", "returned str, expected a finite number"),
        ("float('nan')", "pass-at-k", "expected a finite number"),
    ],
)  # fmt: skip
def test_a_wrong_pass_at_k_is_refused(grpo_work, without_children, body, criterion, words):
    source = changed(PASS_AT_K, "1 - comb(n - right, k) / comb(n, k)", body)
    write_rung("07", notebook_07(passk=source), grpo_work)
    functions_refused(grpo_work, "pass-at-k", criterion, words)


def refused(work, criterion, *others):
    report = report_on("07", work, "done-when")
    assert failed(report) == {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    return said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("after", "before", "words"),
    [
        ([6, 6, 6, 6, 6] * 12, BEFORE, "75.0% of 60 orders x 8 answers (base 47.5%"),
        ([8] * 30 + [5] * 30, [6] * 60, "81.2% of 60 orders x 8 answers (base 75.0%"),
    ],
)
def test_too_little_gained_is_refused(grpo_work, samples_are, after, before, words):
    samples_are(after=after, before=before)
    claim(grpo_work, before, after)
    write_log(grpo_work, start=sum(before) / 480, end=sum(after) / 480 + 0.1)
    report = by_id(report_on("07", grpo_work, "done-when"))
    assert not report["sampled"].passed and words in said(report["sampled"])


NOT_LEARNED = (
    "model-is-real",
    "run-record",
    "kept",
)  # its weights have moved, and it is right no more often than the base


def test_a_hacked_reward_is_named_as_the_cause(grpo_work, samples_are):
    low = [2, 3, 2, 2, 2] * 12
    samples_are(after=low)
    claim(grpo_work, BEFORE, low)
    write_log(grpo_work, end=0.28)
    edit(grpo_work / ROLLOUTS, lambda log: [row.update(reward=0.9) for row in log["rows"]])
    line = refused(grpo_work, "sampled", "rollouts-real", *NOT_LEARNED)
    assert "it pays for something else" in line


def test_a_collapse_is_named_as_the_cause(grpo_work, samples_are):
    samples_are(after=[0] * 60)
    claim(grpo_work, BEFORE, [0] * 60)
    write_log(grpo_work, end=0.0)
    edit(grpo_work / ROLLOUTS, lambda log: [row.update(zero_std=1.0) for row in log["rows"][20:]])
    assert "Was the rate too high?" in refused(grpo_work, "sampled", "rollouts-real", *NOT_LEARNED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": 0.0}, "begins with"),
        ({"start": 0.9, "end": 0.95}, "begins with"),
        ({"end": 0.475}, "which chance could bring"),
        ({"stage": "hacked"}, "it is of stage 'hacked'"),
        ({"completions": 8}, "8 answers a step, but run.json says 64"),
    ],
)
def test_rollouts_of_another_run_are_refused(grpo_work, samples_are, changes, words):
    samples_are()
    write_log(grpo_work, **changes)
    assert words in refused(grpo_work, "rollouts-real")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda log: log.update(rows=log["rows"][:5]), "5 logged steps"),
        (lambda log: log.update(rows=log["rows"][:50]), "the last step is 50, but run.json says 60"),
        (lambda log: log["rows"].reverse(), "the steps do not increase"),
        (lambda log: log["rows"][0].update(right=1.5), "rows.0.right"),
        (lambda log: log["rows"][0].update(entropy=float("nan")), "rows.0.entropy"),
        (lambda log: log.update(grade=18), "grade: Extra inputs are not permitted"),
    ],
)
def test_rollouts_that_do_not_hold_together_are_refused(grpo_work, samples_are, change, words):
    samples_are()
    edit(grpo_work / ROLLOUTS, change)
    assert words in refused(grpo_work, "rollouts-real")


def test_a_log_that_ends_far_above_the_model_is_refused(grpo_work, samples_are):
    samples_are(after=[4, 5, 5, 4, 5] * 12)
    claim(grpo_work, BEFORE, [4, 5, 5, 4, 5] * 12)
    assert "but the submitted model gives" in refused(grpo_work, "rollouts-real", "sampled")


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        (RUN, {"steps": 50}, "the last step is 60, but run.json says 50"),
        (RUN, {"stage": "hacked"}, "stage is 'hacked', expected 'grpo'"),
        (RUN, {"method": "lora"}, "method is 'lora', but the weights are a full model"),
        (RUN, {"rung": "02"}, "rung is '02', this is rung 07"),
        (RUN, {"wall_seconds": 0.0}, "wall_seconds is 0"),
    ],
)
def test_a_record_of_another_run_is_refused(grpo_work, samples_are, path, change, words):
    samples_are()
    edit(grpo_work / path, lambda run: run.update(change))
    report = report_on("07", grpo_work, "done-when")
    assert failed(report) & {"run-record", "rollouts-real"}
    assert any(words in said(result) for result in report.criteria)


@pytest.mark.parametrize("size", [1, 7, "eight", True, None])
def test_groups_that_do_not_fit_the_batch_are_refused(grpo_work, samples_are, size):
    samples_are()
    edit(grpo_work / RUN, lambda run: run["hyperparameters"].update(num_generations=size))
    assert "num_generations is" in refused(grpo_work, "rollouts-real")


@pytest.mark.parametrize("skill", ["reading", "sorting"])
def test_a_forgotten_skill_is_named(grpo_work, samples_are, skill):
    samples_are(kept_after={**KEPT, skill: [True] * 50 + [False] * 10})
    assert f"The run has damaged {skill}" in refused(grpo_work, "kept")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (BEFORE, [8] * 60, "sampled: after is 100.0% of 60 orders"),
        ([1] * 60, AFTER, "sampled: before is 12.5% of 60 orders"),
    ],
)
def test_a_claim_that_is_too_good_is_refused(grpo_work, samples_are, before, after, words):
    lower = [7, 6, 7, 7, 6] * 12
    samples_are(after=lower if after != AFTER else AFTER)
    claim(grpo_work, before, after)
    assert words in refused(grpo_work, "claim-honest")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["entries"].pop(0), "sampled: no entry for public orders"),
        (lambda r: r["entries"][0].update(split="train"), "no entry for public orders"),
        (lambda r: r["entries"][0].update(n=10), "n is 10 orders"),
        (lambda r: r["entries"][0].update(n=70), "data_fingerprint is not that of"),
        (lambda r: r["entries"][1].update(after=1.2, interval=[1.2, 1.2]), "are shares, between 0 and 1"),
        (lambda r: r["entries"][0].update(interval=[0.1, 0.2]), "does not hold"),
        (lambda r: r.update(stage="hacked"), "is about stage 'hacked'"),
        (lambda r: r["base"].update(fingerprint="0" * 64), "not about this model"),
    ],
)
def test_a_claim_about_something_else_is_refused(grpo_work, samples_are, change, words):
    samples_are()
    edit(grpo_work / EVAL, change)
    assert words in refused(grpo_work, "claim-honest")


def test_the_base_renamed_is_no_model(grpo_work, tiny_base, samples_are):
    samples_are()
    shutil.copy(tiny_base / "model.safetensors", grpo_work / STAGE_FOLDER / "model.safetensors")
    report = by_id(report_on("07", grpo_work, "done-when"))
    assert "the weights moved by 0.00%" in said(report["model-is-real"])
    assert not any(result.passed for result in report.values())


def test_weights_that_are_not_finite_are_refused(grpo_work, samples_are):
    samples_are()
    change = {"model.norm.weight": np.full(32, np.nan, np.float32)}
    edit_weights(grpo_work / STAGE_FOLDER / "model.safetensors", lambda tensors: tensors.update(change))
    assert "holds NaN or infinity" in said(by_id(report_on("07", grpo_work, "done-when"))["model-is-real"])


ALL = {"model-is-real", "run-record", "rollouts-real", "sampled", "kept", "claim-honest"}
FILES = {
    RUN: ("model-is-real", ALL),
    CURVE: ("rollouts-real", {"rollouts-real"}),
    EVAL: ("claim-honest", {"claim-honest"}),
    ROLLOUTS: ("rollouts-real", {"rollouts-real"}),
    f"{STAGE_FOLDER}/model.safetensors": ("model-is-real", ALL),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_cannot_be_used_is_one_line(grpo_work, samples_are, file, fault):
    samples_are()
    change, words = FILE_FAULTS[fault]
    change(grpo_work / file)
    before = contents(grpo_work)
    criterion, affected = FILES[file]
    line = refused(grpo_work, criterion, *affected - {criterion})
    assert file.rpartition("/")[2] in line and (words in line or fault == "not JSON")
    assert contents(grpo_work) == before and "Traceback" not in line


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"stage": "grpo"}', json.dumps({"rows": "many"}), "\0" * 50])
def test_rollouts_that_are_no_record_are_one_line(grpo_work, samples_are, text):
    samples_are()
    (grpo_work / ROLLOUTS).write_text(text)
    assert "grpo.json" in refused(grpo_work, "rollouts-real")
