"""Rung 10, solved in other ways: each of these submissions is right, and passes."""

import shutil

import pytest
from example_adapter import report_on, write_rung
from example_forgetting import EWC, KEEP, KNOWS, METRICS, notebook_10, write_matrix
from example_work import edit, failed, said

from autograder import rung_10_ewc as ewc
from autograder import rung_10_keeping as keeping
from autograder import rung_10_metrics as metrics

OTHER_METRICS = """
import numpy as np

def average_accuracy(R):
    return np.mean(np.array(R)[-1])

def backward_transfer(R):
    R = np.array(R)
    return (R[-1] - np.diag(R))[:-1].mean() if len(R) > 1 else 0

def forgetting(R):
    R = np.array(R)
    if len(R) == 1:
        return 0
    return float(np.mean((R[:-1] - R[-1]).max(axis=0)[:-1]))

def forward_transfer(R, start):
    R, T = np.array(R), len(R)
    return sum(R[i - 1, i] - start[i] for i in range(1, T)) / (T - 1) if T > 1 else 0.0
"""
TORCH_METRICS = """
import torch

def average_accuracy(R):
    return torch.tensor(R)[-1].mean()

def backward_transfer(R):
    R = torch.tensor(R, dtype=torch.float64)
    return (R[-1] - R.diagonal())[:-1].mean().item() if len(R) > 1 else 0.0

def forgetting(R):
    R = torch.tensor(R, dtype=torch.float64)
    return (R[:-1].max(0).values - R[-1])[:-1].mean().item() if len(R) > 1 else 0.0

def forward_transfer(R, start):
    R, start = torch.tensor(R, dtype=torch.float64), torch.tensor(start, dtype=torch.float64)
    return (R.diagonal(1) - start[1:]).mean().item() if len(R) > 1 else 0.0
"""
FISHERS = {
    "autograd, one example at a time": """
def fisher(weights, inputs, labels):
    W = weights.clone().requires_grad_(True)
    total = torch.zeros_like(weights)
    for x, y in zip(inputs, labels):
        total += torch.autograd.grad(torch.log_softmax(W @ x, -1)[y], W)[0] ** 2
    return total / len(inputs)
""",
    "the square of each factor": """
def fisher(weights, inputs, labels):
    p = (inputs @ weights.T).log_softmax(-1).exp()
    p = p.clone()
    p[torch.arange(len(labels)), labels] -= 1
    return (p**2).T @ inputs**2 / len(labels)
""",
    "the gradient of the loss, whose sign the square forgets": """
def fisher(weights, inputs, labels):
    found = torch.zeros_like(weights)
    for n in range(len(labels)):
        error = F.softmax(weights @ inputs[n], 0) - F.one_hot(labels[n], weights.shape[0])
        found = found + torch.outer(error, inputs[n]).square()
    return found / inputs.shape[0]
""",
}
PENALTIES = {
    "a dot product": """
def penalty(weights, anchor, fisher, strength):
    gap = (weights - anchor).flatten()
    return 0.5 * strength * torch.dot(fisher.flatten(), gap * gap)
""",
    "einsum of stretched springs": """
def penalty(weights, anchor, fisher, strength):
    return torch.sum((strength * fisher).sqrt().mul(weights - anchor).pow(2)) / 2
""",
}
OTHER_KEEP = """
def replay_mix(new, old, share, n, seed):
    rng = random.Random(seed)
    def take(rows, k):
        rows, found = list(rows), []
        while len(found) < k:
            rng.shuffle(rows)
            found.extend(rows[: k - len(found)])
        return found
    k = int(round(n * share))
    both = take(new, n - k) + take(old, k)
    rng.shuffle(both)
    return both

def interpolate(old, new, alpha):
    return torch.lerp(old, new, alpha)
"""

SEEDS = range(8)


@pytest.mark.parametrize("source", [METRICS, OTHER_METRICS, TORCH_METRICS], ids=["plain", "numpy", "torch"])
@pytest.mark.parametrize("seed", SEEDS)
def test_right_metrics_pass_whatever_is_drawn(forgetting_work, without_children, source, seed):
    write_rung("10", notebook_10(metrics=source), forgetting_work)
    report = report_on("10", forgetting_work, "metrics", seed=seed)
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("name", FISHERS)
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_other_fishers_are_as_good(forgetting_work, without_children, name, seed):
    source = "import torch\nimport torch.nn.functional as F\n" + FISHERS[name] + EWC[EWC.index("def penalty") :]
    write_rung("10", notebook_10(ewc=source), forgetting_work)
    report = report_on("10", forgetting_work, "ewc", seed=seed)
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("name", PENALTIES)
def test_other_penalties_are_as_good(forgetting_work, without_children, name):
    write_rung("10", notebook_10(ewc=EWC.partition("def penalty")[0] + PENALTIES[name]), forgetting_work)
    report = report_on("10", forgetting_work, "ewc")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("source", [KEEP, OTHER_KEEP], ids=["sample", "shuffle"])
@pytest.mark.parametrize("seed", SEEDS)
def test_right_mixes_pass_whatever_is_drawn(forgetting_work, without_children, source, seed):
    write_rung("10", notebook_10(keep=source), forgetting_work)
    report = report_on("10", forgetting_work, "keep", seed=seed)
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_the_oracles_agree_with_what_is_worked_out_by_hand():
    case = metrics.plain_cases(0)[0]
    found = [metrics.right_number(name, case) for name in metrics.NAMES]
    assert found == pytest.approx([1.6 / 3, -0.65, 0.65, 0.0])
    assert ewc.right_fisher(ewc.fisher_cases(0)[0]).tolist() == [[0.25], [0.25]]
    assert ewc.right_penalty(ewc.penalty_cases(0)[0]) == 14
    assert keeping.between_cases(0)[0].right.tolist() == [3.0]


@pytest.mark.parametrize("name", ["average_accuracy", "backward_transfer", "forgetting", "forward_transfer"])
@pytest.mark.parametrize("seed", range(20))
def test_the_courses_own_numbers_are_the_oracles(name, seed):
    from shared.continual import matrix

    for case in metrics.cases(seed):
        extra = (case.start.tolist(),) if name == "forward_transfer" else ()
        found = getattr(matrix, name)(case.R.tolist(), *extra)
        assert found == pytest.approx(metrics.right_number(name, case))


@pytest.mark.slow
def test_the_functions_pass_in_their_own_processes(forgetting_work):
    assert report_on("10", forgetting_work, "metrics", "ewc", "keep").score == 9


@pytest.mark.parametrize("seed", range(4))
def test_a_right_submission_is_done(forgetting_work, students, without_children, seed):
    report = report_on("10", forgetting_work, seed=seed)
    assert failed(report) == set() and report.score == report.max_score == 18


@pytest.mark.parametrize("mitigation", ["averaging", "lora", "another", "ewc"])
def test_any_mitigation_that_meets_the_target_is_as_good(forgetting_work, students, tiny_base, mitigation):
    write_matrix(forgetting_work, tiny_base, mitigation=mitigation)
    assert report_on("10", forgetting_work, "done-when").done


@pytest.mark.parametrize("mitigation", ["replay", "mixture", "self-replay"])
def test_other_rows_are_seen_in_the_runs(forgetting_work, students, tiny_base, mitigation):
    write_matrix(forgetting_work, tiny_base, mitigation=mitigation)
    for number, stage in enumerate(("kept-totals", "kept-notes")):
        edit(forgetting_work / "artifacts" / stage / "run.json",
             lambda run, number=number: run.update(data_fingerprint=f"{90 + number:064d}"))  # fmt: skip
    assert report_on("10", forgetting_work, "done-when").done


def test_a_lower_rate_is_seen_in_the_runs(forgetting_work, students, tiny_base):
    write_matrix(forgetting_work, tiny_base, mitigation="low rate")
    for stage in ("kept-totals", "kept-notes"):
        edit(forgetting_work / "artifacts" / stage / "run.json",
             lambda run: run["hyperparameters"].update(learning_rate=2e-4))  # fmt: skip
    assert report_on("10", forgetting_work, "done-when").done


def test_ninety_percent_of_what_was_learned_is_enough(forgetting_work, students, tiny_base):
    enough = {"kept_notes": (0.95, 0.95, 0.95)}
    knows = students(**enough)
    write_matrix(forgetting_work, tiny_base, knows)
    assert report_on("10", forgetting_work, "done-when").done


def test_a_mitigation_may_come_at_the_last_lesson_alone(forgetting_work, students, tiny_base):
    artifacts = forgetting_work / "artifacts"
    shutil.copy(artifacts / "totals" / "model.safetensors", artifacts / "kept-totals" / "model.safetensors")
    assert report_on("10", forgetting_work, "done-when").done


def test_the_skills_may_stand_in_any_order(forgetting_work, students):
    edit(forgetting_work / "artifacts" / "matrix.json",
         lambda record: record.update(scores={model: dict(sorted(found.items()))
                                              for model, found in record["scores"].items()}))  # fmt: skip
    assert report_on("10", forgetting_work, "done-when").done


def test_numbers_may_be_rounded(forgetting_work, students):
    edit(
        forgetting_work / "artifacts" / "matrix.json",
        lambda record: record.update(
            numbers={run: {name: round(value, 3) for name, value in found.items()}
                     for run, found in record["numbers"].items()}),
    )  # fmt: skip
    assert report_on("10", forgetting_work, "done-when").done


def test_what_the_made_up_models_know_is_what_the_table_says():
    assert KNOWS["notes"][0] < 0.1 < 0.9 < KNOWS["kept-notes"][0]
