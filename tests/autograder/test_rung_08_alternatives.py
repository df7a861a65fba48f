"""Rung 08, solved in other ways: each of these submissions is right, and passes."""

import json

import numpy as np
import pytest
from example_adapter import report_on, write_rung
from example_reward import BEST, PREFERENCE, STAGE, by_rules, notebook_08, write_claims, write_samples
from example_work import by_id, edit, edit_weights, failed, open_base, said, tensors_of

from autograder import rung_08_best as best
from autograder import rung_08_loss as loss
from autograder.reward_engine import NumpyScorer, TorchScorer, head_of, reward_base
from autograder.trained_from import moved_model
from shared.artifacts import BaseRecord
from shared.reward_pairs import pairs
from shared.reward_record import BEST_OF_N

NOT_LEARNED = {"model-is-real", "run-record", "curve-is-real"}
LOSSES = {
    "softplus": "return F.softplus(rejected - chosen).mean()",
    "logaddexp": "return torch.logaddexp(torch.zeros_like(chosen), rejected - chosen).mean()",
    "cross-entropy": "both = torch.stack([chosen, rejected], -1)\n"
    "    return F.cross_entropy(both, torch.zeros(len(both), dtype=torch.long))",
    "binary cross-entropy": "margin = chosen - rejected\n"
    "    return F.binary_cross_entropy_with_logits(margin, torch.ones_like(margin))",
    "loop": "total = 0\n    for c, r in zip(chosen, rejected):\n        total = total - F.logsigmoid(c - r)\n"
    "    return total / len(chosen)",
    "in float64": "return -F.logsigmoid(chosen.double() - rejected.double()).mean().float()",
    "logsumexp": "return (torch.logsumexp(torch.stack([chosen, rejected]), 0) - chosen).mean()",
}
READS = {
    "flip": "n = mask.shape[1]\n    return scores.gather(1, (n - 1 - mask.flip(1).argmax(1))[:, None])[:, 0]",
    "loop": "return torch.stack([row[keep.bool()][-1] for row, keep in zip(scores, mask)])",
    "nonzero": "return torch.stack([row[keep.nonzero()[-1, 0]] for row, keep in zip(scores, mask)])",
    "cumsum": "return scores[torch.arange(len(scores)), mask.cumsum(1).argmax(1)]",
    "where": "place = torch.where(mask.bool(), torch.arange(mask.shape[1]), -1).max(1).values\n"
    "    return scores[torch.arange(len(scores)), place]",
}
BESTS = {
    "subsets": "import itertools, statistics\n    rows = list(zip(proxy, gold))\n"
    "    return statistics.fmean(max(some)[1] for some in itertools.combinations(rows, n))",
    "numpy": "order = np.argsort(proxy)\n    w = np.array([math.comb(i, n - 1) for i in range(len(order))], float)\n"
    "    return float(w @ np.array(gold)[order] / w.sum())",
    "a NumPy number": "order = np.argsort(proxy)\n    w = np.array([math.comb(i, n - 1) for i in range(len(order))])\n"
    "    return np.average(np.array(gold)[order], weights=w)",
    "by differences": "ranked = sorted(zip(proxy, gold))\n    N = len(ranked)\n"
    "    return sum(g * (math.comb(i + 1, n) - math.comb(i, n)) for i, (_, g) in enumerate(ranked)) / math.comb(N, n)",
}
WAYS = {"preference_loss": LOSSES, "last_scores": READS, "best_of_n": BESTS}


def with_parts(name: str, body: str) -> str:
    """Return the right answer with another body for one of its functions."""
    source = PREFERENCE if f"def {name}" in PREFERENCE else BEST
    parts = source.strip().split("\n\n")
    made = [part if f"def {name}(" not in part else f"{part.partition(chr(10))[0]}\n    {body}" for part in parts]
    return "\n\n".join(made)


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function, ways in WAYS.items() for name in ways],
)
def test_a_right_function_passes(reward_work, without_children, function, name):
    source = with_parts(function, WAYS[function][name])
    changed = {"best": source} if function == "best_of_n" else {"preference": source}
    write_rung("08", notebook_08(**changed), reward_work)
    report = report_on("08", reward_work, "preference-loss", "best-of-n")
    assert report.done, [said(result) for result in report.criteria]


def test_right_functions_pass_in_their_own_processes(reward_work):
    assert report_on("08", reward_work, "preference-loss", "best-of-n").done


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_right_functions_pass_whatever_is_drawn(reward_work, without_children, seed):
    assert report_on("08", reward_work, "preference-loss", "best-of-n", seed=seed).done


def test_a_right_submission_is_done(reward_work, scored_as):
    scored_as(by_rules)
    report = report_on("08", reward_work)
    assert failed(report) == set(), [said(result) for result in report.criteria if not result.passed]
    assert report.done and report.score == report.max_score == 18


@pytest.mark.parametrize(
    "score",
    [
        lambda prompt, reply: 3 * by_rules(prompt, reply) - 40,
        lambda prompt, reply: by_rules(prompt, reply) - 0.01 * len(reply.split()),
        lambda prompt, reply: by_rules(prompt, reply) + hash_noise(reply),
    ],
    ids=["another scale and zero", "a slight dislike of length", "noise"],
)
def test_other_rewards_are_as_good(reward_work, scored_as, score):
    scored_as(score)
    base = BaseRecord.model_validate(json.loads((reward_work / STAGE / "run.json").read_text())["base"])
    write_claims(reward_work, base, score)
    write_samples(reward_work, score)
    report = report_on("08", reward_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def hash_noise(reply: str) -> float:
    """Return a number below a tenth that depends on the reply alone."""
    return sum(map(ord, reply)) % 97 / 970


def test_a_curve_logged_every_tenth_step_is_as_good(reward_work, scored_as):
    """The first logged loss is then a mean over ten steps, below ln 2."""
    scored_as(by_rules)

    def thin(record):
        means = [np.mean([row["loss"] for row in record["rows"][at : at + 10]]) for at in range(0, 100, 10)]
        record["rows"] = record["rows"][9::10]
        for row, mean in zip(record["rows"], means, strict=True):
            row["loss"] = float(mean)

    edit(reward_work / STAGE / "loss_curve.json", thin)
    result = by_id(report_on("08", reward_work, "done-when"))["curve-is-real"]
    assert result.passed, said(result)


def test_weights_in_bfloat16_are_as_good(reward_work, scored_as):
    import torch
    from safetensors.torch import load_file, save_file

    scored_as(by_rules)
    path = reward_work / STAGE / "model.safetensors"
    save_file({name: values.to(torch.bfloat16) for name, values in load_file(path).items()}, path)
    assert by_id(report_on("08", reward_work, "done-when"))["model-is-real"].passed


def test_a_model_of_noise_is_measured_as_such(reward_work):
    """No scores are put in its place here: the tiny model truly scores."""
    assert failed(report_on("08", reward_work, "done-when")) == NOT_LEARNED | {
        "tone",
        "content",
        "length",
        "claim-honest",
        "best-of-samples",
    }


def test_what_the_docstrings_work_out_by_hand_is_right():
    assert loss.right_loss(loss.loss_by_hand()) == pytest.approx(0.7111, abs=5e-5)
    assert loss.right_gradient(loss.loss_by_hand()).tolist() == pytest.approx([-0.0397, -0.1667, -0.2437], abs=1e-4)
    assert loss.right_scores(loss.read_by_hand()).tolist() == [1, 3]
    assert best.right_best(best.best_cases(0)[0]) == pytest.approx(8 / 3)
    assert best.right_kl(1) == 0 and best.right_kl(2) == pytest.approx(0.1931, abs=5e-5)


@pytest.mark.parametrize("seed", range(30))
def test_the_tolerance_is_below_a_hundredth_of_the_smallest_number(seed):
    for case in (*loss.loss_cases(seed), *loss.loss_edges(seed)):
        right = np.array(loss.right_loss(case))
        assert loss.fits([float(np.float32(right))], right) and not loss.fits([float(right) * 1.01], right)
    for case in loss.read_cases(seed):
        right = loss.right_scores(case)
        wrong = right.copy()
        wrong[abs(right).argmin()] *= 1.01
        assert loss.fits(right.astype("float32").tolist(), right) and not loss.fits(wrong.tolist(), right)


@pytest.mark.parametrize("seed", range(5))
def test_the_gradients_are_those_of_autograd(seed):
    import torch

    case = loss.loss_cases(seed)[1]
    chosen, rejected = (torch.tensor(part, requires_grad=True) for part in (case.chosen, case.rejected))
    torch.nn.functional.softplus(rejected - chosen).mean().backward()
    assert loss.fits(chosen.grad.tolist(), loss.right_gradient(case))
    assert loss.fits(rejected.grad.tolist(), -loss.right_gradient(case))


def test_the_checkers_scores_are_those_of_transformers(reward_work, tiny_base):
    base = reward_base(open_base(tiny_base))
    edit_weights(
        reward_work / STAGE / "model.safetensors", lambda t: t.update({"score.weight": 30 * t["score.weight"]})
    )
    model = moved_model(reward_work / STAGE, reward_work, base, head_of(base))
    rows = pairs("public", 12, small_talk=True)
    asked = [row["prompt"] for row in rows], [row["chosen"] for row in rows]
    ours, theirs = (engine(base, model).scores(*asked) for engine in (NumpyScorer, TorchScorer))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
    assert np.std(ours) > 0.01 and tensors_of(model.path)["score.weight"].shape == (1, 32)


def test_more_samples_and_other_sizes_of_n_are_as_good(reward_work, scored_as):
    scored_as(by_rules)
    write_samples(reward_work, by_rules, prompts=12, n=32, seed=4)
    result = by_id(report_on("08", reward_work, "done-when"))["best-of-samples"]
    assert result.passed, said(result)
    assert len(json.loads((reward_work / BEST_OF_N).read_text())["curve"]) == 6
