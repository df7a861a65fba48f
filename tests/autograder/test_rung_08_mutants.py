"""Rung 08 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import json
import shutil

import numpy as np
import pytest
from example_adapter import report_on, write_rung
from example_reward import (
    BEST,
    PREFERENCE,
    STAGE,
    by_rules,
    notebook_08,
    write_claims,
    write_reward_model,
    write_samples,
)
from example_work import by_id, edit, edit_weights, failed, make_tiny_base, said

from shared.artifacts import BaseRecord
from shared.reward_record import BEST_OF_N
from shared.reward_rules import polite, right_promise

LOSS, READ = "return -F.logsigmoid(chosen - rejected).mean()", "return scores[torch.arange(len(scores)), last]"
LAST = "last = (mask * torch.arange(mask.shape[1])).argmax(1)"
ROWS = "torch.arange(len(scores))"
PICK, KL = "sorted(zip(proxy, gold))", "return math.log(n) - (n - 1) / n"

# Right in value at both ends, and nan in the gradient: `where` multiplies the branch it does not take by zero.
MARGIN, BRANCHES = "m = chosen - rejected\n", "torch.where(m < -30, -m, torch.log1p(torch.exp(-m)))"


def mutant(old: str, new: str) -> str:
    source = PREFERENCE if old in PREFERENCE else BEST
    assert old in source
    return source.replace(old, new, 1)


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (mutant(LOSS, "return -F.logsigmoid(rejected - chosen).mean()"), "loss-value", "margin's sign is turned round"),
        (mutant(LOSS, "return -torch.sigmoid(chosen - rejected).mean()"), "loss-value", "The logarithm is missing"),
        (mutant(LOSS, "return 1 - torch.sigmoid(chosen - rejected).mean()"), "loss-value", "The logarithm is missing"),
        (mutant(LOSS, "return torch.sigmoid(chosen - rejected).mean()"), "loss-value", "This is the mean probability"),
        (mutant(LOSS, "return F.logsigmoid(chosen - rejected).mean()"), "loss-value", "minus before the logarithm is"),
        (mutant(LOSS, "return -F.logsigmoid(chosen - rejected).sum()"), "loss-value", "the sum over the pairs"),
        (mutant(LOSS, "return -F.logsigmoid((chosen - rejected).mean())"), "loss-value", "The mean comes last"),
        (mutant(LOSS, "return (rejected - chosen).mean()"), "loss-value", "This is the negative margin"),
        (mutant(LOSS, "return F.relu(1 - chosen + rejected).mean()"), "loss-value", "That is a hinge loss"),
        (mutant(LOSS, "return -F.logsigmoid(chosen - rejected)"), "loss-value", "shape [3], expected a scalar"),
        (mutant(LOSS, "return -F.logsigmoid(chosen - rejected).mean().item()"), "loss-value", "returned float"),
        (mutant(LOSS, "-F.logsigmoid(chosen - rejected).mean()"), "loss-value", "returned NoneType, expected a tensor"),
        (mutant(LOSS, "return -F.logsigmoid(0.1 * (chosen - rejected)).mean()"), "loss-value", "right is 0.7111"),
        (mutant(LOSS, "return 1.005 * -F.logsigmoid(chosen - rejected).mean()"), "loss-value", "right is 0.7111"),
        (mutant(LOSS, "return (1 + (rejected - chosen).exp()).log().mean()"), "loss-edges", "exp overflows"),
        (mutant(LOSS, "return -torch.sigmoid(chosen - rejected).log().mean()"), "loss-edges", "exp overflows"),
        (mutant(LOSS, "return -F.logsigmoid((chosen - rejected).squeeze()[:]).mean()"), "loss-edges", "hold one pair"),
        (mutant(LOSS, "return -F.logsigmoid(chosen.detach() - rejected).mean()"), "loss-gradient", "reaches chosen"),
        (mutant(LOSS, "return -F.logsigmoid(chosen - rejected.detach()).mean()"), "loss-gradient", "reaches rejected"),
        (mutant(LOSS, f"{MARGIN}    return {BRANCHES}.mean()"), "loss-gradient", "a margin of -1,000"),
        (mutant(READ, "return scores[:, -1]"), "last-scores", "with padding on the right that is a padding token"),
        (mutant(LAST, "last = mask.sum(1) - 1"), "last-scores", "only with padding on the right"),
        (mutant(READ, "return (scores * mask).sum(1) / mask.sum(1)"), "last-scores", "the mean over the tokens"),
        (mutant(READ, "return scores.mean(1)"), "last-scores", "the mean over the row, padding included"),
        (mutant(READ, "return (scores * mask).sum(1)"), "last-scores", "This is the sum over the tokens"),
        (mutant(LAST, "last = mask.argmax(1)"), "last-scores", "This is the first token's score"),
        (mutant(READ, "return scores.masked_fill(mask == 0, -1e9).max(1).values"), "last-scores", "the largest score"),
        (mutant(READ, "return scores[:, last]"), "last-scores", "returned a tensor of shape [2, 2], expected [2]"),
        (mutant(READ, "return scores[torch.arange(len(scores)), last - 1]"), "last-scores", "Look at the example"),
        (mutant(PICK, "sorted(zip(gold, gold))"), "best-of-n", "This picks by the gold score"),
        (mutant(PICK, "sorted(zip(proxy, proxy))"), "best-of-n", "the proxy's own score of what it picks"),
        (mutant(PICK, "sorted(zip(proxy, gold), reverse=True)"), "best-of-n", "the sample with the lowest proxy score"),
        (mutant(PICK, "sorted(list(zip(proxy, gold))[:n])"), "best-of-n", "This looks at the first n samples only"),
        (mutant("return sum(first", "return ordered[-1]\n    return sum(first"), "best-of-n", "best of all samples"),
        (mutant("return sum(first", "return sum(ordered[-n:]) / n\n    return sum(first"), "best-of-n", "the n best"),
        (
            mutant("math.comb(below, n - 1) for", "(below + 1) ** n - below**n for").replace(
                "math.comb(len(ordered), n)", "len(ordered) ** n"
            ),
            "best-of-n",
            "This draws with replacement",
        ),
        (mutant("math.comb(below, n - 1)", "math.comb(below + 1, n - 1)"), "best-of-n", "right is"),
        (mutant("/ math.comb(len(ordered), n)", "/ 0"), "best-of-n", "ZeroDivisionError"),
        (mutant(KL, "return math.log(n)"), "best-of-n-kl", "(n - 1) / n is to be taken off"),
        (mutant(KL, "return (n - 1) / n - math.log(n)"), "best-of-n-kl", "The sign is turned round"),
        (mutant(KL, "return math.log(n) + (n - 1) / n"), "best-of-n-kl", "taken off, not added"),
        (mutant(KL, "return math.log2(n) - (n - 1) / n"), "best-of-n-kl", "The logarithm is the natural one"),
        (mutant(KL, "return str(n)"), "best-of-n-kl", "returned str, expected a number"),
        (mutant(KL, "return float('nan')"), "best-of-n-kl", "expected a finite number"),
    ],
)  # fmt: skip
def test_a_wrong_function_is_refused_in_words_that_name_the_fault(
    reward_work, without_children, source, criterion, words
):
    changed = {"preference": source} if "def preference_loss" in source else {"best": source}
    write_rung("08", notebook_08(**changed), reward_work)
    results = by_id(report_on("08", reward_work, "preference-loss", "best-of-n"))
    assert results[criterion].passed is False and results[criterion].points == 0
    assert words in said(results[criterion]), said(results[criterion])
    if criterion in ("loss-edges", "loss-gradient", "last-scores"):
        assert results["loss-value"].passed


def test_a_missing_function_is_named_and_the_other_is_checked(reward_work):
    write_rung("08", notebook_08(preference=PREFERENCE.partition("def last_scores")[0]), reward_work)
    results = by_id(report_on("08", reward_work, "preference-loss"))
    assert "the cell defines no function of this name" in said(results["last-scores"])
    assert results["loss-value"].passed


def refused(work, criterion: str, *others: str) -> str:
    """Return what is said of the criterion that fails beside the named others."""
    report = report_on("08", work, "done-when")
    assert failed(report) == {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    return said(by_id(report)[criterion])


@pytest.fixture
def measured_right(reward_work, scored_as):
    """The scores are right, and claimed so: only what is broken fails."""
    scored_as(by_rules)
    return reward_work


def claimed_honestly(work, score):
    base = BaseRecord.model_validate(json.loads((work / STAGE / "run.json").read_text())["base"])
    write_claims(work, base, score)
    write_samples(work, score)


NOT_LEARNED = {"curve-is-real", "model-is-real", "run-record"}  # on training pairs it is no better than a coin
OTHERS_CURVE = "curve-is-real"  # it has not come the way that the curve shows
BY_LENGTH = {"tone", "content", "length"}


def by_length(prompt, reply):
    return 0.1 * len(reply.split())


@pytest.mark.parametrize(
    ("score", "criterion", "others", "words"),
    [
        (lambda p, r: -by_rules(p, r), "content", {"tone", "length", "best-of-samples", *NOT_LEARNED},
         "the wrong way round: are chosen and rejected swapped?"),
        (lambda p, r: 6 * polite(p, r), "content", {"length", OTHERS_CURVE}, "let them come first"),
        (lambda p, r: 6 * right_promise(p, r), "tone", set(), "tone 50.0%"),
        (lambda p, r: by_rules(p, r) + 2 * by_length(p, r), "length", set(), "The reward goes by length"),
        (lambda p, r: by_rules(p, r) - 2 * by_length(p, r), "length", {"tone"}, "the shorter reply was mostly"),
        (by_length, "length", {"content", "tone", OTHERS_CURVE, "best-of-samples"}, "The reward goes by length"),
        (lambda p, r: 0.0, "tone", {"content", "length", "best-of-samples", *NOT_LEARNED}, "tone 50.0%"),
    ],
    ids=["swapped", "tone alone", "content alone", "length as well", "shortness as well", "length alone", "a constant"],
)  # fmt: skip
def test_a_wrong_reward_is_refused_in_words_that_name_the_fault(
    reward_work, scored_as, score, criterion, others, words
):
    scored_as(score)
    claimed_honestly(reward_work, score)
    report = report_on("08", reward_work, "done-when")
    missed = failed(report)
    assert criterion in missed and missed <= {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    assert words in said(by_id(report)[criterion]), said(by_id(report)[criterion])


def with_tensor(change):
    return lambda work, base: edit_weights(work / STAGE / "model.safetensors", change)


def pickled(work, base):
    (work / STAGE / "model.safetensors").rename(work / STAGE / "pytorch_model.bin")


def the_base_renamed(work, base):
    """The base's own weights with a head that fits."""
    write_reward_model(work / STAGE, base, noise=0.0)


def the_language_model(work, base):
    shutil.copy(base / "model.safetensors", work / STAGE / "model.safetensors")
    shutil.copy(base / "config.json", work / STAGE / "config.json")


def of_another_base(work, base):
    write_reward_model(work / STAGE, make_tiny_base(work.parent / "wider", width=48))


NOT_REAL = {
    "model-is-real", "run-record", "curve-is-real", "tone", "content", "length", "claim-honest", "best-of-samples",
}  # fmt: skip
DOWN = "model.layers.0.mlp.down_proj.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (the_base_renamed, "the weights moved by 0.00% from the base"),
        (
            the_language_model,
            "architectures is ['LlamaForCausalLM'], but the base's is",
        ),
        (of_another_base, "hidden_size is 48"),
        (pickled, "a pickle, which is never opened"),
        (with_tensor(lambda t: t.pop("score.weight")), "score.weight is missing"),
        (
            with_tensor(lambda t: t.update({"score.weight": np.ones((2, 32), np.float32)})),
            "has shape [2, 32]",
        ),
        (with_tensor(lambda t: t.update({"score.weight": t["score.weight"] * np.nan})), "score.weight holds NaN"),
        (with_tensor(lambda t: t.update({DOWN: t[DOWN] * np.inf})), f"{DOWN} holds NaN or infinity"),
        (with_tensor(lambda t: t.update({"lm_head.weight": t["score.weight"]})), "lm_head.weight is not a tensor of"),
        (with_tensor(lambda t: t.pop(DOWN)), f"{DOWN} is missing"),
        (lambda work, base: shutil.rmtree(work / STAGE), "run.json"),
        (lambda work, base: (work / STAGE / "config.json").unlink(), "config.json"),
    ],
)
def test_a_model_that_is_none_earns_nothing(measured_right, tiny_base, change, words):
    change(measured_right, tiny_base)
    line = refused(measured_right, "model-is-real", *(NOT_REAL - {"model-is-real"}))
    assert words in line, line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "lora"}, "method is 'lora', but the weights are a full model"),
        ({"stage": "people"}, "stage is 'people', expected 'reward'"),
        ({"rung": "06"}, "rung is '06', this is rung 08"),
        ({"total_parameters": 5}, "total_parameters is 5, the weights have"),
        ({"trainable_parameters": 1}, "trainable_parameters is 1, but"),
        ({"steps": 9}, "9 steps, expected at least 10"),
    ],
)
def test_a_run_that_the_weights_contradict_is_refused(measured_right, change, words):
    edit(measured_right / STAGE / "run.json", lambda run: run.update(change))
    assert words in said(by_id(report_on("08", measured_right, "done-when"))["run-record"])


def rows_of(change):
    return lambda record: change(record["rows"])


def set_losses(formula):
    def change(rows):
        for place, row in enumerate(rows):
            row["loss"] = formula(place, row["loss"])

    return rows_of(change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_losses(lambda place, loss: loss + 1.0), "ln 2 = 0.693"),
        (set_losses(lambda place, loss: 0.3 * loss), "The head was trained before"),
        (set_losses(lambda place, loss: 0.69 + 0.01 * (place % 3)), "The model has not learned"),
        (set_losses(lambda place, loss: loss if place < 3 else -0.5), "which no mean of -log p is"),
        (rows_of(lambda rows: rows.__delitem__(slice(50, None))), "the last step is 50, but run.json says 100"),
        (rows_of(lambda rows: [row.update(seconds=0.0) for row in rows]), "no time has passed"),
    ],
)
def test_a_curve_that_is_not_the_runs_is_refused(measured_right, change, words):
    edit(measured_right / STAGE / "loss_curve.json", change)
    assert words in refused(measured_right, "curve-is-real")


def test_a_curve_beside_a_model_that_never_came_its_way_is_refused(reward_work, scored_as):
    scored_as(lambda prompt, reply: 0.12 * by_rules(prompt, reply))
    claimed_honestly(reward_work, lambda prompt, reply: 0.12 * by_rules(prompt, reply))
    line = refused(reward_work, "curve-is-real")
    assert "the submitted model's loss on training pairs is 0.5" in line and "The curve is another model's" in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(after=0.6, interval=[0.5, 0.7]), "after is 60.0% of 200, measured here 100.0%"),
        (lambda one: one.update(after=1.2, interval=[0.9, 1.3]), "after is 1.2, which is no share"),
        (lambda one: one.update(interval=[0.2, 0.3]), "does not hold 1.0"),
        (lambda one: one.update(n=20), "n is 20, expected 50 to"),
        (lambda one: one.update(data_fingerprint="0" * 64), "data_fingerprint is not that of"),
        (lambda one: one.update(split="train"), "no entry for public pairs"),
        (lambda one: one.update(metric="tone"), "no entry for public pairs"),
    ],
)
def test_a_claim_that_is_not_so_is_refused(measured_right, change, words):
    edit(measured_right / "artifacts" / "eval.json", lambda record: change(record["entries"][1]))
    assert words in refused(measured_right, "claim-honest")


def test_a_claim_about_another_stage_is_refused(measured_right):
    edit(measured_right / "artifacts" / "eval.json", lambda record: record.update(stage="people"))
    assert "eval.json is about stage 'people'" in refused(measured_right, "claim-honest")


def hand_drawn(record):
    for row in record["curve"]:
        row["gold"] = min(3.0, row["gold"] + 0.2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (hand_drawn, "n = 1: gold is"),
        (lambda r: r["curve"][2].update(kl=1.386), "n = 4: kl is 1.3860, worked out here 0.6363"),
        (lambda r: r["curve"][1].update(proxy=99.0), "n = 2: proxy is 99.0000"),
        (lambda r: r["curve"].pop(0), "n goes 2, 4, 8, 16; expected to rise from 1"),
        (lambda r: r.update(rewards=[[*one[:3], one[3] + 2, *one[4:]] for one in r["rewards"]]), "sample 4 has reward"),
        (lambda r: r.update(samples=[one[1:] + one[:1] for one in r["samples"]]), "has reward"),
        (lambda r: r.update(samples=[[one[0]] * 16 for one in r["samples"]]), "of a prompt's samples differ"),
        (lambda r: r["prompts"].__setitem__(2, "Message: Hello.\nReply:"), "is no public letter"),
        (lambda r: r["prompts"].__setitem__(1, r["prompts"][0]), "7 different prompts, expected at least 8"),
        (lambda r: r.update(stage="people"), "stage is 'people', expected 'reward'"),
        (lambda r: r["rewards"].pop(), "one list of samples and one of rewards a prompt"),
        (lambda r: r["rewards"][0].__setitem__(0, "high"), "rewards.0.0: Input should be a valid number"),
    ],
)
def test_a_best_of_n_that_is_not_so_is_refused(measured_right, change, words):
    edit(measured_right / BEST_OF_N, change)
    line = refused(measured_right, "best-of-samples")
    assert words in line, line
