"""Rung 03, solved in other ways: each of these submissions is right, and passes."""

import pytest
from example_adapter import ADAPTER, notebook_03, report_on, write_adapter, write_answers, write_rung
from example_work import by_id, claimed, edit, failed, said

from autograder.numbers import RELATIVE_TOLERANCE
from autograder.rung_03_layer import GRADIENTS, by_hand, edge_cases, fits, right_gradient, right_merge, right_output
from autograder.rung_03_layer import value_cases as layers
from autograder.rung_03_numbers import SOLUTIONS
from autograder.ticket_submission import ROWS
from shared.questions import drawn

PERFORMANCE = {"valid-json", "exact-match", "exact-match-unseen"}
pytestmark = pytest.mark.usefixtures("as_if_trained")
MERGE = "def merge(weight, lora_A, lora_B, alpha):\n    return weight + alpha / lora_A.size(0) * (lora_B @ lora_A)\n"
ANSWERS = {
    "matrices": "return x @ weight.T + alpha / lora_A.size(0) * (x @ lora_A.T @ lora_B.T)",
    "merged first": "return x @ merge(weight, lora_A, lora_B, alpha).T",
    "einsum": "return torch.einsum('...i,oi->...o', x, weight) + alpha / lora_B.shape[1] * "
    "torch.einsum('...i,ri,or->...o', x, lora_A, lora_B)",
    "scaled A": "return F.linear(x, weight) + F.linear(F.linear(x, lora_A * (alpha / lora_A.shape[0])), lora_B)",
    "in float64": "d = [t.double() for t in (x, weight, lora_A, lora_B)]\n"
    "    return (d[0] @ d[1].T + alpha / len(d[2]) * d[0] @ d[2].T @ d[3].T).float()",
    "matmul": "y = torch.matmul(x, weight.transpose(0, 1))\n"
    "    y = y + torch.matmul(torch.matmul(x, lora_A.t()), lora_B.t()).mul(alpha).div(lora_A.shape[0])\n    return y",
    "modules": "a = nn.Linear(lora_A.shape[1], lora_A.shape[0], bias=False)\n"
    "    out = torch.func.functional_call(a, {'weight': lora_A}, x)\n"
    "    return F.linear(x, weight) + out @ lora_B.T * (alpha / len(lora_A))",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_right_layer_passes(adapter_work, without_children, name):
    source = f"def lora_linear(x, weight, lora_A, lora_B, alpha):\n    {ANSWERS[name]}\n\n{MERGE}"
    write_rung("03", notebook_03(source), adapter_work)
    report = report_on("03", adapter_work, "lora-linear")
    assert report.done, [said(result) for result in report.criteria]


def test_a_right_layer_passes_in_its_own_process(adapter_work):
    assert report_on("03", adapter_work, "lora-linear").done


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_the_right_layer_passes_whatever_is_drawn(adapter_work, without_children, seed):
    assert report_on("03", adapter_work, "lora-linear", seed=seed).done


@pytest.mark.parametrize("seed", range(60))
def test_the_right_numbers_pass_whatever_is_drawn(adapter_work, seed):
    write_answers(adapter_work, seed=seed)
    assert report_on("03", adapter_work, "numbers").done


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("off", [0.99, 1 - 0.9 * RELATIVE_TOLERANCE, 1 + 0.9 * RELATIVE_TOLERANCE, 1.01])
def test_a_number_may_be_rounded_to_three_digits(adapter_work, name, off):
    right = SOLUTIONS[name].right(**drawn("03", 5)[name].numbers)
    write_answers(adapter_work, **{name: right * off})
    passed = by_id(report_on("03", adapter_work, "numbers"))[f"number-{name}"].passed
    assert passed is (abs(off - 1) < RELATIVE_TOLERANCE)


def test_a_right_submission_is_done(adapter_work, measured_as):
    measured_as(ROWS, ROWS)
    claimed(adapter_work, 1.0)
    report = report_on("03", adapter_work)
    assert failed(report) == set() and report.done and report.score == report.max_score == 20


def retrained(work, base, **settings):
    """Put another adapter in place, with a run.json that says so."""
    trained = write_adapter(work / ADAPTER, base, **settings)

    def change(run):
        run["total_parameters"] += trained - run["trainable_parameters"]
        run["trainable_parameters"] = trained
        stated = {"r": settings.get("rank", 4), "lora_alpha": settings.get("alpha", 8)}
        if "targets" in settings:
            stated["target_modules"] = ", ".join(settings["targets"])
        run["hyperparameters"].update(stated)

    edit(work / ADAPTER / "run.json", change)


@pytest.mark.parametrize(
    "settings",
    [
        {"rank": 1, "alpha": 2},
        {"rank": 8, "alpha": 8},
        {"rank": 4, "alpha": 6},
        {"targets": ("q_proj", "v_proj")},
        {"targets": ("q_proj", "k_proj", "v_proj", "o_proj"), "rank": 8},
        {"use_rslora": True},
        {"init_lora_weights": "gaussian"},
        {"lora_dropout": 0.1},
    ],
    ids=str,
)
def test_other_settings_are_as_good(adapter_work, tiny_base, measured_as, settings):
    measured_as(ROWS, ROWS)
    claimed(adapter_work, 1.0)
    retrained(adapter_work, tiny_base, **settings)
    report = report_on("03", adapter_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_an_adapter_of_noise_is_measured_as_such(adapter_work):
    """No model is put in its place here: the adapter is merged into the tiny base and truly asked."""
    assert failed(report_on("03", adapter_work, "done-when")) == PERFORMANCE


def test_the_layer_by_hand_is_what_its_docstring_says():
    case = by_hand()
    assert right_output(case).tolist() == [[10, 6], [3, 7]]
    assert right_merge(case).tolist() == [[5, -2], [3, 4]]


@pytest.mark.parametrize("seed", range(50))
def test_the_tolerance_is_below_a_hundredth_of_the_smallest_number(seed):
    rights = [right_output(case) for case in (*layers(seed), *edge_cases(seed))]
    rights += [right_merge(case) for case in layers(seed)]
    rights += [right_gradient(layers(seed)[1], of) for of in GRADIENTS]
    for right in rights:
        smallest = abs(right).argmin()
        for factor in (0.99, 1.01):
            wrong = right.copy()
            wrong.flat[smallest] *= factor
            assert not fits(wrong.flatten().tolist(), right)
        assert fits(right.astype("float32").flatten().tolist(), right)


@pytest.mark.parametrize("seed", range(5))
def test_the_gradients_are_those_of_autograd(seed):
    import torch

    case = layers(seed)[1]
    values = [torch.tensor(part, requires_grad=True) for part in (case.x, case.weight, case.lora_A, case.lora_B)]
    x, weight, a, b = values
    out = x @ weight.T + case.alpha / len(a) * x @ a.T @ b.T
    out.backward(torch.linspace(1, 2, out.numel()).reshape(out.shape))
    for of in GRADIENTS:
        assert fits(values[of].grad.flatten().tolist(), right_gradient(case, of))
