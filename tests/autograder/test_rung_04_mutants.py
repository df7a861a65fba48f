"""Rung 04 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import pytest
from example_adapter import ADAPTER, ROUND_TRIP, SEED, notebook_04, report_on, write_answers, write_rung
from example_work import by_id, claimed, edit, failed, said

from autograder.rung_04_numbers import SOLUTIONS
from autograder.ticket_submission import ROWS
from shared.questions import drawn

pytestmark = pytest.mark.usefixtures("as_if_trained")


def with_answer(old: str, new: str) -> str:
    assert old in ROUND_TRIP
    return ROUND_TRIP.replace(old, new, 1)


RETURN = "return (nearest * constants).flatten()[: len(flat)].view(weights.shape)"
CONSTANTS = "blocks.abs().amax(1, keepdim=True)"
NEAREST = "levels[(scaled[..., None] - levels).abs().argmin(-1)]"
STRAIGHT = f"scaled + ({NEAREST} - scaled).detach()"
LOWER = "levels[(torch.searchsorted(levels, scaled, right=True) - 1).clamp(0)]"
UPPER = "levels[torch.searchsorted(levels, scaled).clamp(max=len(levels) - 1)]"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (with_answer(CONSTANTS, "blocks.abs().amax()"), "round-trip-value", "One constant for all"),
        (with_answer("nearest * constants", "nearest"), "round-trip-value", "multiply them by the block's constant"),
        (with_answer("blocks / torch.where(constants == 0, 1, constants)", "blocks").replace("nearest * constants",
         "nearest"), "round-trip-value", "Divide each block by its largest magnitude first"),
        (with_answer(NEAREST, LOWER), "round-trip-value", "Rounded down"),
        (with_answer(NEAREST, UPPER), "round-trip-value", "Rounded up"),
        (with_answer(CONSTANTS, "blocks.amax(1, keepdim=True)"), "round-trip-value", "use abs()"),
        (with_answer(NEAREST, "scaled"), "round-trip-value", "nothing was rounded"),
        (with_answer(NEAREST, "torch.round(scaled * 7) / 7"), "round-trip-value", "Work the example's block out"),
        (with_answer(CONSTANTS, "blocks.std(1, keepdim=True)"), "round-trip-value", "right is"),
        (with_answer(RETURN, "return nearest, constants"), "round-trip-value", "returned tuple, expected a tensor"),
        (with_answer(RETURN, "return (nearest * constants).flatten()[: len(flat)]"), "round-trip-value",
         "returned a tensor of shape"),
        (with_answer("torch.where(constants == 0, 1, constants)", "constants").replace(NEAREST, STRAIGHT),
         "round-trip-edges",
         "a block of zeros: returned nan, expected a finite number Zeros stay zeros"),
        (with_answer("torch.where(constants == 0, 1, constants)", "(constants + 1e-6)"), "round-trip-edges",
         "tiny weights"),
        (with_answer("F.pad(flat, (0, -len(flat) % block_size)).view", "flat.view"), "round-trip-edges",
         "The last block may hold fewer"),
        (with_answer("F.pad(flat, (0, -len(flat) % block_size))", "flat[: len(flat) // block_size * block_size]"),
         "round-trip-edges", "a shorter last block"),
        (with_answer("flat = weights.flatten()", "flat = weights.T.flatten()"), "round-trip-value", "number"),
        ("def round_trip(weights, levels, block_size):\n    while True: pass", "round-trip-value", "endless loop"),
    ],
)  # fmt: skip
def test_a_wrong_round_trip_is_refused_in_words_that_name_the_fault(
    quantized_work, request, monkeypatch, source, criterion, words
):
    if "while True" in source:
        monkeypatch.setattr("autograder.student_code.Limits.__init__.__defaults__", (2, 4 * 2**30, 16 * 2**20, 256))
    else:
        request.getfixturevalue("without_children")
    write_rung("04", notebook_04(source), quantized_work)
    results = by_id(report_on("04", quantized_work, "round-trip"))
    assert results[criterion].passed is False and results[criterion].points == 0
    assert words in said(results[criterion])
    if criterion == "round-trip-edges":
        assert results["round-trip-value"].passed


@pytest.mark.parametrize(("name", "place"), [(n, i) for n, one in SOLUTIONS.items() for i in range(len(one.faults))])
@pytest.mark.parametrize("seed", [SEED, 6, 7])
def test_a_wrong_number_with_a_name_is_named(quantized_work, name, place, seed):
    formula = SOLUTIONS[name].faults[place][0]
    write_answers(quantized_work, rung="04", seed=seed, **{name: float(formula(**drawn("04", seed)[name].numbers))})
    result = by_id(report_on("04", quantized_work, "numbers"))[f"number-{name}"]
    assert result.passed is False and result.points == 0
    assert any(words in said(result) for _, words in SOLUTIONS[name].faults), said(result)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "lora"}, "method is 'lora', but the weights are an adapter (qlora)"),
        ({"rung": "03"}, "rung is '03', this is rung 04"),
        ({"trainable_parameters": 1}, "trainable_parameters is 1, the adapter has 4,352"),
    ],
)
def test_a_run_that_is_no_qlora_is_refused(quantized_work, measured_as, change, words):
    measured_as(ROWS, ROWS)
    claimed(quantized_work, 1.0)
    edit(quantized_work / ADAPTER / "run.json", lambda run: run.update(change))
    report = report_on("04", quantized_work, "done-when")
    assert failed(report) == {"run-record", "seven-billion"}
    assert words in said(by_id(report)["run-record"])


def test_a_curve_that_is_not_the_runs_does_not_make_seven_billion(quantized_work, measured_as):
    measured_as(ROWS, ROWS)
    edit(quantized_work / ADAPTER / "run.json", lambda run: run.update(steps=500))
    line = said(by_id(report_on("04", quantized_work, "done-when"))["seven-billion"])
    assert "the last step is 100, but run.json says 500" in line


def test_an_adapter_that_was_never_trained_earns_nothing(quantized_work, measured_as):
    from example_work import edit_weights

    measured_as(ROWS, ROWS)
    path = quantized_work / ADAPTER / "adapter_model.safetensors"
    edit_weights(path, lambda t: t.update({name: 0 * values for name, values in t.items() if "lora_B" in name}))
    report = report_on("04", quantized_work, "done-when")
    assert report.score == 0 and "is still as good as zero (14 of 14 modules)" in said(by_id(report)["model-is-real"])
