"""Rung 03 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import json
import shutil

import numpy as np
import pytest
from example_adapter import ADAPTER, LORA_LINEAR, SEED, notebook_03, report_on, write_adapter, write_answers, write_rung
from example_work import by_id, claimed, edit, edit_weights, failed, make_tiny_base, said, tensors_of

from autograder.rung_03_numbers import SOLUTIONS
from autograder.ticket_submission import ROWS
from shared.questions import ANSWERS, drawn

LAYER = """
def lora_linear(x, weight, lora_A, lora_B, alpha):
    scale = alpha / lora_A.shape[0]
    update = F.linear(F.linear(x, lora_A), lora_B)
    return F.linear(x, weight) + scale * update

def merge(weight, lora_A, lora_B, alpha):
    return weight + alpha / lora_A.shape[0] * lora_B @ lora_A
"""

pytestmark = pytest.mark.usefixtures("as_if_trained")


def with_layer(old: str, new: str) -> str:
    assert old in LAYER
    return LAYER.replace(old, new, 1)


SCALE, RETURN = "alpha / lora_A.shape[0]\n", "return F.linear(x, weight) + scale * update"
MERGED = "weight + alpha / lora_A.shape[0] * lora_B @ lora_A"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (with_layer(RETURN, "return F.linear(x, weight) + update"), "lora-value", "factor alpha / r before B A x is"),
        (with_layer(SCALE, "alpha\n"), "lora-value", "Divide alpha by the rank"),
        (with_layer(SCALE, "lora_A.shape[0] / alpha\n"), "lora-value", "not r / alpha"),
        (with_layer(SCALE, "alpha / lora_A.shape[0] ** 0.5\n"), "lora-value", "That is rsLoRA's factor"),
        (with_layer(RETURN, "return scale * (F.linear(x, weight) + update)"), "lora-value", "Scale the update only"),
        (with_layer(RETURN, "return scale * update"), "lora-value", "This is the update alone"),
        (with_layer(RETURN, "return F.linear(x, weight)"), "lora-value", "This is the base alone"),
        (with_layer(RETURN, "return F.linear(x, weight) - scale * update"), "lora-value", "added, not taken away"),
        (with_layer(SCALE, "alpha / lora_A.shape[1]\n"), "lora-value", "Work the example's layer out by hand"),
        (with_layer("F.linear(x, lora_A), lora_B", "x @ lora_B, lora_A"), "lora-value", "stops with RuntimeError"),
        (with_layer(RETURN, "return (F.linear(x, weight) + scale * update).tolist()"), "lora-value", "returned list"),
        (with_layer(RETURN, "return (F.linear(x, weight) + scale * update)[..., None]"), "lora-value",
         "returned a tensor of shape [2, 2, 1], expected [2, 2]"),
        (with_layer(RETURN, "return (F.linear(x, weight) + scale * update).T"), "lora-value", "right is"),
        (with_layer(RETURN, "F.linear(x, weight) + scale * update"), "lora-value", "returned NoneType, expected a"),
        (with_layer(RETURN, "return F.linear(x, weight) / 0"), "lora-value", "expected a finite number"),
        (with_layer(RETURN, "return 1.005 * (F.linear(x, weight) + scale * update)"), "lora-value", "right is"),
        (with_layer(SCALE, "alpha // lora_A.shape[0]\n"), "lora-value", "right is"),
        (with_layer(SCALE, "int(alpha) / lora_A.shape[0]\n"), "lora-edges", "alpha need not be a whole number"),
        (with_layer(RETURN, "return (weight @ x.T).T + scale * update"), "lora-edges", "any number of leading"),
        (with_layer(RETURN, "return torch.mm(x, weight.T) + scale * update"), "lora-edges", "without a batch dim"),
        (with_layer(RETURN, "return (F.linear(x, weight) + scale * update).detach()"), "lora-gradient",
         "no gradient reaches x"),
        (with_layer("F.linear(x, lora_A)", "F.linear(x, lora_A.detach())"), "lora-gradient",
         "no gradient reaches lora_A"),
        (with_layer("F.linear(F.linear(x, lora_A), lora_B)", "F.linear(F.linear(x, lora_A), lora_B.data)"),
         "lora-gradient", "no gradient reaches lora_B"),
        (with_layer("F.linear(F.linear(x, lora_A)", "F.linear(F.linear(x.detach(), lora_A)"), "lora-gradient",
         "the gradient of x is wrong"),
        (with_layer(RETURN, "return F.linear(x, weight).detach() + scale * update"), "lora-gradient", "x is wrong"),
        (with_layer(MERGED, "weight + lora_B @ lora_A"), "merge", "The factor alpha / r before B A x is missing"),
        (with_layer(MERGED, "alpha / lora_A.shape[0] * lora_B @ lora_A"), "merge", "This is the update alone"),
        (with_layer(MERGED, "weight"), "merge", "This is the base alone"),
        (with_layer(MERGED, "weight + alpha / lora_A.shape[0] * lora_A.T @ lora_B.T"), "merge", "right is -2.0000"),
        (LAYER.partition("def merge")[0], "merge", "the cell defines no function of this name"),
        ("def merge(weight, lora_A, lora_B, alpha):\n    return weight", "lora-value", "defines no function of this"),
    ],
)  # fmt: skip
def test_a_wrong_layer_is_refused_in_words_that_name_the_fault(adapter_work, source, criterion, words):
    write_rung("03", notebook_03(source), adapter_work)
    results = by_id(report_on("03", adapter_work, "lora-linear"))
    assert results[criterion].passed is False and results[criterion].points == 0
    assert words in said(results[criterion])
    if criterion in ("lora-edges", "lora-gradient", "merge") and "def lora_linear" in source:
        assert results["lora-value"].passed


def test_the_unchanged_layer_is_right(adapter_work):
    write_rung("03", notebook_03(LAYER), adapter_work)
    assert report_on("03", adapter_work, "lora-linear").done
    assert LORA_LINEAR != LAYER


@pytest.mark.parametrize(("name", "place"), [(n, i) for n, one in SOLUTIONS.items() for i in range(len(one.faults))])
@pytest.mark.parametrize("seed", [SEED, 6, 7])
def test_a_wrong_number_with_a_name_is_named(adapter_work, name, place, seed):
    formula = SOLUTIONS[name].faults[place][0]
    write_answers(adapter_work, seed=seed, **{name: float(formula(**drawn("03", seed)[name].numbers))})
    result = by_id(report_on("03", adapter_work, "numbers"))[f"number-{name}"]
    assert result.passed is False and result.points == 0
    assert any(words in said(result) for _, words in SOLUTIONS[name].faults), said(result)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record["answers"].pop("alpha"), "no answer to 'alpha'"),
        (lambda record: record["answers"].update(alpha=-1.0), "alpha: -1 is not it The factor is alpha / rank: keep"),
        (lambda record: record["answers"].update(alpha=1e300), "1e+300 is not it"),
        (lambda record: record["answers"].update(alpha="16"), "answers.alpha: Input should be a valid number"),
        (lambda record: record["answers"].update(alpha=True), "answers.alpha: Input should be a valid number"),
        (lambda record: record.update(seed=-1), "seed: Input should be greater than or equal to 0"),
        (lambda record: record.update(seed=2**31), "seed: Input should be less than or equal"),
        (lambda record: record.update(rung="04"), "for rung '04'"),
        (lambda record: record.update(right=True), "right: Extra inputs are not permitted"),
    ],
)
def test_answers_that_are_none_earn_nothing(adapter_work, change, words):
    edit(adapter_work / ANSWERS, change)
    result = by_id(report_on("03", adapter_work, "numbers"))["number-alpha"]
    assert result.passed is False and result.points == 0
    assert words in said(result)


def test_other_numbers_have_other_answers(adapter_work):
    """Right for one learner's draw, the answers are wrong for another's."""
    right = json.loads((adapter_work / ANSWERS).read_text())["answers"]
    (adapter_work / ANSWERS).write_text(json.dumps({"rung": "03", "seed": SEED + 1, "answers": right}))
    assert report_on("03", adapter_work, "numbers").score == 0


def refused(work, criterion: str, *others: str) -> str:
    """Return what is said of the criterion that fails beside the named others."""
    report = report_on("03", work, "done-when")
    assert failed(report) == {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    return said(by_id(report)[criterion])


@pytest.fixture
def measured_right(adapter_work, measured_as):
    """Every measured answer is right, and claimed so: only what is broken fails."""
    measured_as(ROWS, ROWS)
    claimed(adapter_work, 1.0)
    return adapter_work


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "full"}, "method is 'full', but the weights are an adapter (lora)"),
        ({"method": "qlora"}, "method is 'qlora', but the weights are an adapter (lora)"),
        ({"trainable_parameters": 4351}, "trainable_parameters is 4,351, the adapter has 4,352"),
        ({"rung": "04"}, "rung is '04', this is rung 03"),
        ({"stage": "orders"}, "stage is 'orders', expected 'adapter'"),
        ({"steps": 9}, "9 steps, expected at least 10"),
    ],
)
def test_a_run_that_the_adapter_contradicts_is_refused(measured_right, change, words):
    edit(measured_right / ADAPTER / "run.json", lambda run: run.update(change))
    line = said(by_id(report_on("03", measured_right, "done-when"))["run-record"])
    assert line.startswith("run.json: ") and words in line and "don't edit it" in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"r": 16}, "r is 16, the adapter's rank is 4"),
        ({"r": None}, "r is None, the adapter's rank is 4"),
        ({"lora_alpha": 32}, "lora_alpha is 32, the adapter's is 8"),
        ({"lora_alpha": "8"}, "lora_alpha is '8', the adapter's is 8"),
        ({"target_modules": "q_proj, v_proj"}, "target_modules is q_proj, v_proj, the adapter's is down_proj"),
        ({"target_modules": None}, "target_modules is None, the adapter's is"),
    ],
)
def test_settings_that_the_adapter_contradicts_are_refused(measured_right, change, words):
    edit(measured_right / ADAPTER / "run.json", lambda run: run["hyperparameters"].update(change))
    assert words in refused(measured_right, "run-record")


NOT_REAL = {
    "model-is-real", "few-trained", "run-record", "curve-is-real", "valid-json", "exact-match", "exact-match-unseen",
    "claim-honest",
}  # fmt: skip
FIRST_B = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"


def with_tensor(change):
    return lambda work, base: edit_weights(work / ADAPTER / "adapter_model.safetensors", change)


def with_config(**changes):
    return lambda work, base: edit(work / ADAPTER / "adapter_config.json", lambda config: config.update(changes))


def pickled(work, base):
    (work / ADAPTER / "adapter_model.safetensors").rename(work / ADAPTER / "adapter_model.bin")


def of_another_base(work, base):
    write_adapter(work / ADAPTER, make_tiny_base(work.parent / "wider", width=48))


def the_base_itself(work, base):
    shutil.copy(base / "model.safetensors", work / ADAPTER / "adapter_model.safetensors")


def all_b(tensors):
    tensors.update({name: np.zeros_like(values) for name, values in tensors.items() if "lora_B" in name})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_tensor(all_b), "lora_B of model.layers.0"),
        (
            with_tensor(lambda t: t.update({FIRST_B: np.zeros_like(t[FIRST_B])})),
            "as good as zero (1 of 14 modules)",
        ),
        (with_tensor(lambda t: t.update({FIRST_B: t[FIRST_B] * np.nan})), "holds NaN or infinity"),
        (with_tensor(lambda t: t.pop(FIRST_B)), "lora_B.weight of model.layers.0.mlp.down_proj.weight has shape none"),
        (with_config(r=8), "at rank 8"),
        (with_config(r=0), "r is 0, expected 1 to"),
        (with_config(peft_type="IA3"), "peft_type is 'IA3'"),
        (with_config(init_lora_weights="pissa"), "changes the base's weights too"),
        (with_config(modules_to_save=["lm_head"]), "modules_to_save set, which this checker does not read"),
        (pickled, "a pickle, which is never opened"),
        (of_another_base, "has shape (4, 96), expected (4, 64)"),
        (the_base_itself, "is no part of a LoRA adapter"),
        (lambda work, base: shutil.rmtree(work / ADAPTER), "run.json"),
        (lambda work, base: (work / ADAPTER / "adapter_config.json").unlink(), "adapter_config.json"),
    ],
)
def test_an_adapter_that_is_none_earns_nothing(measured_right, tiny_base, change, words):
    change(measured_right, tiny_base)
    line = refused(measured_right, "model-is-real", *(NOT_REAL - {"model-is-real"}))
    assert words in line


def test_too_many_trained_parameters_are_refused(measured_right, tiny_base):
    trained = write_adapter(measured_right / ADAPTER, tiny_base, rank=16, alpha=32)

    def change(run):
        run.update(trainable_parameters=trained)
        run["hyperparameters"].update(r=16, lora_alpha=32)

    edit(measured_right / ADAPTER / "run.json", change)
    line = refused(measured_right, "few-trained")
    assert "18.50% of the base's" in line and "Lower the rank" in line


def test_a_score_below_the_threshold_is_refused(adapter_work, measured_as):
    measured_as(round(0.94 * ROWS), ROWS, json_only=ROWS)
    claimed(adapter_work, 0.94)
    edit(adapter_work / "artifacts" / "eval.json", as_measured)
    line = refused(adapter_work, "exact-match")
    assert "94.0% of 150" in line


def as_measured(record):
    """Let the claims be what is measured: valid JSON always, unseen wordings right."""
    for one in record["entries"]:
        if one["metric"] == "valid_json" or one["phrasing"] == "unseen":
            one.update(after=1.0, interval=[0.98, 1.0])


def test_the_tiny_adapter_has_the_parameters_that_these_tests_name(adapter_work):
    tensors = tensors_of(adapter_work / ADAPTER / "adapter_model.safetensors")
    assert sum(values.size for values in tensors.values()) == 4352
