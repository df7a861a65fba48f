"""Rung 06 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import json
import pickle
import shutil

import numpy as np
import pytest
from bad_files import Evil
from example_adapter import report_on, write_rung
from example_preferences import DERIVATION, DPO_LOSS, curve_from_ln_2, notebook_06
from example_work import by_id, edit, edit_weights, failed, said

from shared.artifacts import write_json


def changed(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


OPTIMUM = "torch.softmax(torch.log(reference) + reward / beta, dim=1)"
REWARD = "beta * (torch.log(policy) - torch.log(reference))"
PREFERRED = "torch.sigmoid(scores[rows, chosen] - scores[rows, rejected])"


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        (OPTIMUM, OPTIMUM.replace("/ beta", "* beta"), "optimum", "Beta is inverted"),
        (OPTIMUM, "torch.softmax(reward / beta, 1)", "optimum", "The reference is forgotten"),
        (OPTIMUM, "reference * torch.exp(reward / beta)", "optimum", "Divide by Z(x)"),
        (OPTIMUM, "(lambda w: w / w.sum())(reference * torch.exp(reward / beta))", "optimum", "Z belongs to one"),
        (OPTIMUM, OPTIMUM.replace("torch.log(reference)", "reference"), "optimum", "the *logarithm* of the reference"),
        (OPTIMUM, OPTIMUM.replace("+ reward", "- reward"), "optimum", "this avoids reward"),
        (OPTIMUM, OPTIMUM.replace(" / beta", ""), "optimum", "Beta is missing"),
        (OPTIMUM, OPTIMUM.replace("dim=1", "dim=0"), "optimum", "add up to"),
        (OPTIMUM, "torch.eye(reward.shape[1])[reward.argmax(1)]", "optimum", "This maximizes the reward alone"),
        (OPTIMUM, "0.99 * torch.softmax(torch.log(reference) + reward / beta, 1) + 0.01 * reference",
         "optimum", "beta more"),
        (OPTIMUM, "reference", "optimum", "reaches"),
        (OPTIMUM, "None", "optimum", "returned NoneType, expected a tensor"),
        (OPTIMUM, OPTIMUM + "[0]", "optimum", "returned shape"),
        (OPTIMUM, "(lambda w: w / w.sum(1, keepdim=True))(reference * torch.exp(reward / beta))", "optimum-edges",
         "a tiny beta: returned nan, expected a finite number exp(r / beta) overflows"),
        (OPTIMUM, OPTIMUM.replace("log(reference)", "log(reference.clamp(min=1e-3))"), "optimum-edges",
         "a reply that the reference never gives"),
        (REWARD, REWARD.replace("beta *", "1 / beta *"), "reward", "Beta is inverted"),
        (REWARD, REWARD.replace("beta *", ""), "reward", "Beta is missing"),
        (REWARD, "beta * (torch.log(reference) - torch.log(policy))", "reward", "The ratio is upside down"),
        (REWARD, "beta * torch.log(policy)", "reward", "The reference is missing"),
        (REWARD, "beta * policy / reference", "reward", "The logarithm of the ratio is missing"),
        (REWARD, "beta * (policy - reference)", "reward", "differ by"),
        (PREFERRED, PREFERRED.replace("chosen] - scores[rows, rejected", "rejected] - scores[rows, chosen"),
         "z-cancels", "Chosen and rejected are swapped"),
        (PREFERRED, "torch.sigmoid(scores[rows, chosen])", "z-cancels", "by the true reward it is"),
        (PREFERRED, "torch.sigmoid(policy[rows, chosen] - policy[rows, rejected])", "z-cancels",
         "not of probabilities"),
        (PREFERRED, PREFERRED.replace("sigmoid(", "nn.functional.logsigmoid("), "z-cancels", "the logarithm"),
        (PREFERRED, f"{PREFERRED}[0]", "z-cancels", "returned shape"),
        ("return torch.softmax", "raise RuntimeError('no')\n    return torch.softmax", "optimum", "RuntimeError: no"),
    ],
)  # fmt: skip
def test_a_wrong_derivation_is_refused(preference_work, without_children, old, new, criterion, words):
    write_rung("06", notebook_06(changed(DERIVATION, old, new)), preference_work)
    report = report_on("06", preference_work, "derivation")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("scores = (torch.log(policy) - torch.log(reference)) / beta", "Beta is inverted"),
        ("scores = torch.log(policy) - torch.log(reference)", "Beta is missing"),
        ("scores = beta * torch.log(policy)", "The reference is missing"),
    ],
)
def test_a_wrong_reward_in_the_preference_is_named(preference_work, without_children, body, words):
    source = changed(DERIVATION, "scores = implied_reward(policy, reference, beta)", body)
    write_rung("06", notebook_06(source), preference_work)
    report = report_on("06", preference_work, "derivation")
    assert failed(report) == {"z-cancels"} and words in said(by_id(report)["z-cancels"])


SUM = "(picked * response_mask[:, 1:]).sum(1)"
LOSS = "-F.logsigmoid(beta * gain).mean()"
# Right in value at both ends, and nan in the gradient: `where` multiplies the branch it does not take by zero.
BRANCHES = "torch.where(beta * gain < -30, -beta * gain, torch.log1p(torch.exp(-beta * gain)))"
GAIN = "gain = policy_chosen - reference_chosen.detach() - policy_rejected + reference_rejected.detach()"
WEIGHT = "beta * torch.sigmoid(-beta * gain)"


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        (SUM, SUM + " / response_mask[:, 1:].sum(1).clamp(min=1)", "response-logps", "This is the mean"),
        (SUM, "picked.sum(1)", "response-logps", "The prompt's tokens (and the padding's) are counted"),
        (SUM, "(picked * response_mask[:, :-1]).sum(1)", "response-logps", "The mask is not shifted"),
        (SUM, "-" + SUM, "response-logps", "The sign is wrong"),
        (SUM, SUM.replace(".sum(1)", ".sum()"), "response-logps", "returned shape"),
        (SUM, SUM + ".detach()", "response-logps", "no gradient reaches the logits"),
        ("logits[:, :-1].log_softmax(-1)", "torch.log(logits[:, :-1].softmax(-1))", "response-logps",
         "huge logits"),
        ("logits[:, :-1].log_softmax(-1)", "logits[:, :-1]", "response-logps", "right is"),
        ("logits[:, :-1].log_softmax(-1)", "(logits - logits.logsumexp(-1, keepdim=True).detach())[:, :-1]",
         "response-logps", "the gradient of the logits is wrong"),
        ("[:, :-1].log_softmax(-1)\n    picked = log_p.gather(-1, input_ids[:, 1:, None])[..., 0]\n"
         "    return (picked * response_mask[:, 1:])", ".log_softmax(-1)\n"
         "    picked = log_p.gather(-1, input_ids[..., None])[..., 0]\n    return (picked * response_mask)",
         "response-logps", "The logits at position t predict token t + 1"),
        (LOSS, LOSS.replace("beta", "-beta"), "loss-value", "Chosen and rejected are swapped"),
        (LOSS, LOSS.replace("beta * gain", "gain / beta"), "loss-value", "Beta is inverted"),
        (LOSS, LOSS.replace("beta * gain", "gain"), "loss-value", "Beta is missing"),
        (LOSS, LOSS.replace("mean", "sum"), "loss-value", "This is the sum over the pairs"),
        (LOSS, LOSS[1:], "loss-value", "The sign is wrong"),
        (LOSS, LOSS + " / math.log(2)", "loss-value", "the logarithm to base 2"),
        (LOSS, "torch.sigmoid(-beta * gain).mean()", "loss-value", "The logarithm is missing"),
        (LOSS, "-F.logsigmoid((beta * gain).mean())", "loss-value", "Take the mean last"),
        (LOSS, "torch.relu(1 - beta * gain).mean()", "loss-value", "the hinge loss"),
        (LOSS, LOSS.replace(".mean()", ""), "loss-value", "returned shape"),
        (LOSS, f"float({LOSS})", "loss-value", "returned float, expected a tensor"),
        (LOSS, f"{BRANCHES}.mean()", "loss-gradient", "rewards that lie far apart"),
        (LOSS, "-torch.log(torch.sigmoid(beta * gain)).mean()", "loss-edges", "use F.logsigmoid"),
        (GAIN, "gain = policy_chosen - policy_rejected", "loss-value", "The reference is missing"),
        (GAIN, GAIN.replace(".detach()", ""), "loss-gradient", "a gradient reaches reference_chosen"),
        (GAIN, GAIN.replace("policy_chosen", "policy_chosen.detach()"), "loss-gradient",
         "no gradient reaches policy_chosen"),
        (GAIN, GAIN + "\n    gain = gain.detach()", "loss-gradient", "no gradient reaches policy_chosen"),
        (WEIGHT, "beta * torch.sigmoid(beta * gain)", "gradient-weight", "This weighs right orderings more"),
        (WEIGHT, "torch.sigmoid(-beta * gain)", "gradient-weight", "Beta is missing as a factor"),
        (WEIGHT, "-" + WEIGHT, "gradient-weight", "The sign is wrong"),
        (WEIGHT, WEIGHT + " / len(gain)", "gradient-weight", "without the mean's 1 / B"),
        (WEIGHT, WEIGHT + " * torch.sigmoid(beta * gain)", "gradient-weight", "the derivative of sigmoid"),
        (WEIGHT, f"({WEIGHT}).mean()", "gradient-weight", "returned shape"),
    ],
)  # fmt: skip
def test_a_wrong_loss_is_refused(preference_work, without_children, old, new, criterion, words):
    write_rung("06", notebook_06(loss=changed(DPO_LOSS, old, new)), preference_work)
    report = report_on("06", preference_work, "dpo-loss")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("made", "criterion", "words"),
    [
        ({"after": 110}, "win-rate", "73.3% of 150 (reference 50.0%"),
        ({"after": 75}, "win-rate", "It has hardly moved"),
        ({"after": 2, "chosen": -9.0, "rejected": 4.0, "ranked": 150}, "win-rate", "are chosen and rejected swapped"),
        ({"after": 3, "right": 4}, "win-rate", "Its replies are no replies any more"),
        ({"before": 140, "after": 146}, "models-are-real", "'sft' moved"),
        ({"before": 5}, "models-are-real", "Train 'sft' on the letter archive, both tones"),
        ({"right_before": 60}, "models-are-real", "right 40%"),
        ({"ranked": 100}, "reward-accuracy", "66.7% of 150"),
        ({"divergence": 30.0}, "stays-close", "30.00 nats"),
        ({"right": 100}, "stays-close", "right promise in 66.7%"),
        ({"chosen": 0.0, "rejected": 0.0}, "curve-is-real", "the two models' loss on training pairs is 0.693"),
        ({"chosen": 0.0, "rejected": 0.0}, "models-are-real", "0.00 nats a training pair"),
        ({"chosen": 0.0, "rejected": 0.0}, "run-record", "but not towards the chosen replies"),
        ({"chosen": 0.0, "rejected": 0.0}, "stays-close", "but not towards the chosen replies"),
        ({"after": 120}, "claim-honest", "win_rate: after is 96.0% of 200, measured here 80.0% of 150"),
    ],
)  # fmt: skip
def test_a_run_that_falls_short_is_refused(preference_work, replying, made, criterion, words):
    replying(**made)
    report = report_on("06", preference_work, "done-when")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ({"first": 0.5}, "the first loss is 0.500 At the first step policy and reference must be the same model"),
        ({"first": 1.4}, "the first loss is 1.400"),
        ({"last": 0.69}, "The policy has not learned"),
        ({"last": 0.2, "steps": 40}, "the last step is 40, but run.json says 60"),
    ],
)
def test_a_curve_that_is_not_the_run_s_is_refused(preference_work, replying, curve, words):
    replying()
    write_json(preference_work / "artifacts/dpo/loss_curve.json", curve_from_ln_2(**curve))
    report = report_on("06", preference_work, "done-when")
    assert failed(report) == {"curve-is-real"} and words in said(by_id(report)["curve-is-real"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rung": "02"}, "rung is '02', this is rung 06"),
        ({"stage": "hot"}, "stage is 'hot', expected 'dpo'"),
        ({"method": "lora"}, "method is 'lora', but the weights are a full model"),
        ({"rows": 20}, "20 pairs, expected at least 100"),
        ({"total_parameters": 7}, "total_parameters is 7, the weights have"),
        ({"versions": {"torch": "2"}}, "versions lacks torch or trl"),
        ({"wall_seconds": 0.0}, "wall_seconds is 0"),
    ],
)
def test_a_record_of_something_else_is_refused(preference_work, replying, change, words):
    replying()
    edit(preference_work / "artifacts/dpo/run.json", lambda run: run.update(change))
    report = report_on("06", preference_work, "done-when")
    assert failed(report) == {"run-record"} and words in said(by_id(report)["run-record"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss_type": "ipo"}, "loss_type is 'ipo', DPO's is 'sigmoid'"),
        ({"beta": 0}, "beta is 0, expected a number above 0"),
        ({"beta": "0.1"}, "beta is '0.1'"),
        ({"per_device_train_batch_size": None}, "per_device_train_batch_size is not a number of rows"),
    ],
)
def test_settings_of_something_else_are_refused(preference_work, replying, settings, words):
    replying()
    edit(preference_work / "artifacts/dpo/run.json", lambda run: run["hyperparameters"].update(settings))
    report = report_on("06", preference_work, "done-when")
    assert "run-record" in failed(report) and words in said(by_id(report)["run-record"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(stage="sft"), "it is about stage 'sft'"),
        (lambda record: record["entries"].pop(), "right_promise: no entry for public replies"),
        (lambda record: record["entries"][0].update(before=0.9), "win_rate: before is 90.0% of 200"),
        (lambda record: record["entries"][0].update(after=0.9601), "which is no share of 200 replies"),
        (lambda record: record["entries"][0].update(n=20), "n is 20, expected 100"),
        (lambda record: record["entries"][0].update(interval=[0.1, 0.2]), "does not hold 0.96"),
        (lambda record: record["entries"][0].update(data_fingerprint="0" * 64), "data_fingerprint is not that of"),
        (lambda record: record["entries"][0].update(split="train"), "win_rate: no entry for public replies"),
    ],
)
def test_a_claim_that_is_not_true_is_refused(preference_work, replying, change, words):
    replying()
    edit(preference_work / "artifacts/eval.json", change)
    report = report_on("06", preference_work, "done-when")
    assert failed(report) == {"claim-honest"} and words in said(by_id(report)["claim-honest"])


def the_base_itself(work, base):
    shutil.copy(base / "model.safetensors", work / "artifacts/dpo/model.safetensors")


def a_pickle(work, base):
    (work / "artifacts/dpo/model.safetensors").unlink()
    (work / "artifacts/dpo/pytorch_model.bin").write_bytes(pickle.dumps(Evil()))


DEPEND = {
    "models-are-real",
    "run-record",
    "curve-is-real",
    "win-rate",
    "reward-accuracy",
    "stays-close",
    "claim-honest",
}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (the_base_itself, "dpo: the weights moved by 0.00% from the base"),
        (a_pickle, "found pytorch_model.bin, a pickle, which is never opened"),
        (lambda work, base: shutil.rmtree(work / "artifacts/sft"), "sft"),
        (lambda work, base: edit_weights(work / "artifacts/dpo/model.safetensors",
                                         lambda t: t.update({"model.norm.weight": np.full(32, np.nan, np.float32)})),
         "holds NaN or infinity"),
        (lambda work, base: edit_weights(work / "artifacts/sft/model.safetensors",
                                         lambda t: t.pop("model.norm.weight")),
         "model.norm.weight is missing"),
    ],
)  # fmt: skip
def test_without_two_real_models_nothing_that_needs_them_passes(preference_work, replying, tiny_base, spoil, words):
    replying()
    spoil(preference_work, tiny_base)
    report = report_on("06", preference_work, "done-when")
    assert failed(report) == DEPEND and words in said(by_id(report)["models-are-real"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": [{"loss": NaN}]}', json.dumps({"rung": "06"}), "\0" * 100])
@pytest.mark.parametrize(
    ("file", "criterion"),
    [("dpo/run.json", "run-record"), ("dpo/loss_curve.json", "curve-is-real"), ("eval.json", "claim-honest")],
)
def test_a_file_that_cannot_be_read_is_one_line(preference_work, replying, text, file, criterion):
    replying()
    (preference_work / "artifacts" / file).write_text(text)
    found = by_id(report_on("06", preference_work, "done-when"))[criterion]
    assert found.passed is False and (file.rpartition("/")[2] in found.observed or "real models" in found.observed)
