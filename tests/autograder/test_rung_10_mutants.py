"""Rung 10 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import shutil

import numpy as np
import pytest
from bad_files import FILE_FAULTS
from example_adapter import report_on, write_rung
from example_forgetting import EWC, KEEP, KNOWS, METRICS, N, notebook_10, write_matrix, write_stage
from example_work import by_id, edit, edit_weights, failed, said, tensors_of

MATRIX = "artifacts/matrix.json"
ALL = {"models-are-real", "matrix-measured", "numbers-follow", "naive-forgets", "old-kept", "new-learned",
       "mitigation-told"}  # fmt: skip
FILES = {
    MATRIX: {"matrix-measured", "numbers-follow", "mitigation-told"},
    "artifacts/kept-notes/run.json": ALL,
    "artifacts/totals/model.safetensors": ALL,
}
NEEDS_MODELS = {"matrix-measured", "numbers-follow", "naive-forgets", "old-kept", "new-learned", "mitigation-told"}


def replaced(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


def refused(work, cell: str, criterion: str, words: str, **answers: str) -> None:
    """Check a submission with these answers: the criterion refuses it, in these words."""
    write_rung("10", notebook_10(**answers), work)
    report = report_on("10", work, cell)
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ("sum(R[-1]) / len(R[-1])", "sum(R[j][j] for j in range(len(R))) / len(R)", "average-accuracy",
         "just after it was learned"),
        ("sum(R[-1]) / len(R[-1])", "sum(map(sum, R)) / len(R) ** 2", "average-accuracy", "mean of all cells"),
        ("sum(R[-1]) / len(R[-1])", "sum(row[-1] for row in R) / len(R)", "average-accuracy", "last column"),
        ("R[-1][j] - R[j][j] for", "R[j][j] - R[-1][j] for", "backward-transfer", "sign is wrong"),
        ("R[-1][j] - R[j][j] for", "R[-1][j] - R[0][j] for", "backward-transfer", "not with the first row"),
        ("changes = [R[-1][j] - R[j][j] for j in range(len(R) - 1)]",
         "changes = [R[i][j] - R[j][j] for i in range(len(R)) for j in range(i)]", "backward-transfer",
         "only the last row is asked"),
        ("sum(changes) / max(1, len(changes))", "sum(changes) / len(R)", "backward-transfer", "Divide by T - 1"),
        ("sum(changes) / max(1, len(changes))", "sum(changes) / len(changes)", "backward-transfer", "one skill"),
        ("R[-1][j] - R[j][j] for", "R[j][-1] - R[j][j] for", "backward-transfer", "Row and column"),
        ("max(row[j] for row in R[:-1]) - R[-1][j]", "R[-1][j] - max(row[j] for row in R[:-1])", "forgetting",
         "sign is wrong"),
        ("max(row[j] for row in R[:-1])", "max(row[j] for row in R)", "forgetting", "before the last"),
        ("max(row[j] for row in R[:-1])", "R[j][j]", "forgetting", "minus backward transfer"),
        ("max(row[j] for row in R[:-1]) - R[-1][j]", "max(0, max(row[j] for row in R[:-1]) - R[-1][j])", "forgetting",
         ""),
        ("sum(losses) / max(1, len(losses))", "sum(losses)", "forgetting", "take the mean"),
        ("R[j - 1][j] - start[j]", "R[j][j] - start[j]", "forward-transfer", "has been taught"),
        ("R[j - 1][j] - start[j]", "R[0][j] - start[j]", "forward-transfer", "first row"),
        ("R[j - 1][j] - start[j]", "R[j - 1][j]", "forward-transfer", "before any training"),
        ("R[j - 1][j] - start[j]", "start[j] - R[j - 1][j]", "forward-transfer", "sign is wrong"),
        ("R[j - 1][j] - start[j]", "R[j][j - 1] - start[j]", "forward-transfer", "Row and column"),
        ("    gifts =", "    return str(R)\n    gifts =", "forward-transfer", "returned str"),
        ("return sum(gifts) / max(1, len(gifts))", "return [sum(gifts) / max(1, len(gifts))]", "forward-transfer",
         "returned list, expected a number"),
        ("    gifts =", "    return float('nan')\n    gifts =", "forward-transfer", "right is"),
    ],
)  # fmt: skip
def test_wrong_metrics_are_refused(forgetting_work, without_children, old, new, criterion, words):
    refused(forgetting_work, "metrics", criterion, words, metrics=replaced(METRICS, old, new))


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ("(gradients**2).mean(0)", "gradients.mean(0) ** 2", "fisher", "squares the mean gradient"),
        ("(gradients**2).mean(0)", "(gradients**2).sum(0)", "fisher", "take the mean"),
        ("(gradients**2).mean(0)", "gradients.abs().mean(0)", "fisher", "Take the square"),
        ("(gradients**2).mean(0)", "gradients.mean(0)", "fisher", "the mean gradient itself"),
        ("(gradients**2).mean(0)", "(gradients**2).mean(0).sum(1)", "fisher", "shape"),
        ("F.one_hot(labels, len(weights)) - ", "", "fisher", "1 of the label"),
        ("    return (gradients**2).mean(0)", "    p = torch.softmax(inputs @ weights.T, -1)\n"
         "    return ((p * (1 - p))[:, :, None] * inputs[:, None, :] ** 2).mean(0)", "fisher", "labels that are given"),
        ("torch.softmax(inputs @ weights.T, dim=-1)",
         "torch.exp(inputs @ weights.T) / torch.exp(inputs @ weights.T).sum(1, keepdim=True)", "fisher", "overflows"),
        ("    return (gradients**2)", "    return None\n    return (gradients**2)", "fisher", "returned"),
        ("strength / 2 *", "strength *", "penalty", "1/2 is missing"),
        ("(weights - anchor)", "weights", "penalty", "anchor is missing"),
        ("(fisher * (weights", "((weights", "penalty", "counts alike"),
        (" ** 2).sum()", ").abs().sum()", "penalty", "Square the distance"),
        (" ** 2).sum()", " ** 2).mean()", "penalty", "a sum"),
        ("strength / 2 * (fisher", "0.5 * (fisher", "penalty", "lambda"),
        ("(fisher * (weights", "(fisher**2 * (weights", "penalty", "not squared again"),
        ("strength / 2", "-strength / 2", "penalty", "sign is wrong"),
        (" ** 2).sum()", " ** 2).sum().item()", "penalty", "expected a scalar tensor"),
        ("(weights - anchor) ** 2", "(weights.detach() - anchor) ** 2", "penalty-gradient", ""),
    ],
)  # fmt: skip
def test_wrong_springs_are_refused(forgetting_work, without_children, old, new, criterion, words):
    refused(forgetting_work, "ewc", criterion, words, ewc=replaced(EWC, old, new))


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ("((old, wanted), (new, n - wanted))", "((new, wanted), (new, n - wanted))", "replay-mix",
         "nothing is replayed"),
        ("((old, wanted), (new, n - wanted))", "((new, wanted), (old, n - wanted))", "replay-mix", "old rows' part"),
        ("    stream.shuffle(mixed)\n", "", "replay-mix", "blocks"),
        ("stream.sample(list(source), min(count, len(source)))", "list(source)[:count]", "replay-mix",
         "always the first"),
        ("stream.sample(list(source), min(count, len(source)))", "stream.choices(list(source), k=count)", "replay-mix",
         "stands there"),
        ("random.Random(seed)", "random.Random(0)", "replay-mix", "another seed"),
        ("random.Random(seed)", "random.Random()", "replay-mix", "the same seed"),
        ("round(share * n)", "int(share * n)", "replay-mix", "28 of 100 rows are old, asked were 29"),
        ("stream.sample(list(source), min(count, len(source)))", "list(source)[-count:]", "replay-mix",
         "the same rows"),
        ("    stream.shuffle(mixed)\n", "    places = sorted(range(n), key=lambda i: (i * 37) % 101)\n"
         "    mixed = [mixed[places[i] % len(mixed)] for i in range(len(mixed))]\n", "replay-mix", "same places"),
        ("        while count > 0:", "        while source is new and count > len(source):\n"
         "            raise ValueError('Sample larger than population')\n        while count > 0:", "replay-mix",
         "fewer new rows"),
        ("((old, wanted), (new, n - wanted))", "((old, wanted), (new, n))", "replay-mix", "rows, asked were"),
        ("return mixed", "return [row + 5000 for row in mixed]", "replay-mix", "neither list"),
        ("        while count > 0:", "        if count > len(source):\n            count = len(source)\n"
         "        while count > 0:", "replay-mix", "fewer old rows"),
        ("return mixed", "return None", "replay-mix", "expected a list"),
        ("(1 - alpha) * old + alpha * new", "alpha * old + (1 - alpha) * new", "interpolate", "wrong way"),
        ("(1 - alpha) * old + alpha * new", "old + alpha * new", "interpolate", "shrink"),
        ("(1 - alpha) * old + alpha * new", "(old + new) / 2", "interpolate", "right is"),
        ("(1 - alpha) * old + alpha * new", "((1 - alpha) * old + alpha * new).sum()", "interpolate", "shape"),
    ],
)  # fmt: skip
def test_wrong_ways_to_keep_are_refused(forgetting_work, without_children, old, new, criterion, words):
    refused(forgetting_work, "keep", criterion, words, keep=replaced(KEEP, old, new))


@pytest.mark.parametrize(
    ("changes", "criterion", "words"),
    [
        ({"kept_notes": (0.70, 0.97, 0.99)}, "old-kept", "tickets was not kept"),
        ({"kept_notes": (0.99, 0.60, 0.99)}, "old-kept", "totals was not kept"),
        ({"kept_notes": (0.99, 0.97, 0.60)}, "new-learned", "learns nothing forgets nothing"),
        ({"notes": (0.97, 0.95, 0.99)}, "naive-forgets", "takes no care"),
        ({"notes": (0.99, 0.97, 0.99)}, "old-kept", "no more than naive"),
        ({"tickets": (0.3, 0.06, 0.0)}, "naive-forgets", "tickets: "),
        ({"totals": (0.99, 0.4, 0.0)}, "naive-forgets", "never learned"),
        ({"notes": (0.03, 0.06, 0.0), "kept_notes": (0.99, 0.97, 0.0)}, "new-learned", ""),
    ],
)
def test_a_run_that_misses_the_target_is_refused(forgetting_work, students, tiny_base, changes, criterion, words):
    write_matrix(forgetting_work, tiny_base, students(**changes))
    report = report_on("10", forgetting_work, "done-when")
    assert criterion in failed(report) and "matrix-measured" not in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize("model", [name for name in KNOWS if name != "base"])
def test_a_matrix_that_flatters_a_model_is_refused(forgetting_work, students, tiny_base, model):
    flattered = {**KNOWS, model: (0.5, 0.5, 0.5)}
    write_matrix(forgetting_work, tiny_base, flattered)
    report = report_on("10", forgetting_work, "done-when")
    assert "matrix-measured" in failed(report)
    assert f"{model} on" in by_id(report)["matrix-measured"].observed


def test_a_base_that_is_made_worse_than_it_is_is_refused(forgetting_work, students, tiny_base):
    write_matrix(forgetting_work, tiny_base, {**KNOWS, "base": (0.0, 0.95, 0.0)})
    assert "base on totals" in by_id(report_on("10", forgetting_work, "done-when"))["matrix-measured"].observed


@pytest.mark.parametrize("number", ["average accuracy", "backward transfer", "forgetting", "forward transfer"])
@pytest.mark.parametrize("run", ["naive", "kept"])
def test_a_number_that_does_not_follow_is_refused(forgetting_work, students, run, number):
    edit(forgetting_work / MATRIX, lambda record: record["numbers"][run].update({number: -0.3}))
    report = report_on("10", forgetting_work, "done-when")
    assert failed(report) == {"numbers-follow"}
    assert f"{run}: {number}" in by_id(report)["numbers-follow"].observed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(seed=7), "not the exam's"),
        (lambda r: r["fingerprints"].update(tickets="0" * 64), "not the exam's"),
        (lambda r: r["scores"].pop("base"), "no scores of base"),
        (lambda r: r["scores"]["kept-notes"].pop("totals"), "no scores of kept-notes on totals"),
        (lambda r: r["scores"]["notes"].update(notes=[1] * (N - 1)), "expected 100 numbers"),
        (lambda r: r["scores"]["notes"].update(notes=[2] * N), "expected 100 numbers 0 or 1"),
        (lambda r: r["base"].update(fingerprint="0" * 64), "not about the runs' base"),
        (lambda r: r.update(mitigation="hope"), "mitigation"),
        (lambda r: r.update(surprise=1), "surprise"),
    ],
)
def test_a_matrix_of_something_else_is_refused(forgetting_work, students, change, words):
    edit(forgetting_work / MATRIX, change)
    report = report_on("10", forgetting_work, "done-when")
    assert {"matrix-measured", "numbers-follow"} <= failed(report)
    assert words in said(by_id(report)["numbers-follow"])


@pytest.mark.parametrize(
    ("mitigation", "words"),
    [("replay", "nothing old is among them"), ("mixture", "nothing old"), ("self-replay", "nothing old"),
     ("low rate", "has a rate of 0.001")],
)  # fmt: skip
def test_a_mitigation_that_the_runs_contradict_is_refused(forgetting_work, students, tiny_base, mitigation, words):
    write_matrix(forgetting_work, tiny_base, mitigation=mitigation)
    report = report_on("10", forgetting_work, "done-when")
    assert failed(report) == {"mitigation-told"}
    assert words in said(by_id(report)["mitigation-told"])


def test_the_naive_model_under_another_name_is_refused(forgetting_work, students):
    artifacts = forgetting_work / "artifacts"
    shutil.copy(artifacts / "notes" / "model.safetensors", artifacts / "kept-notes" / "model.safetensors")
    report = report_on("10", forgetting_work, "done-when")
    assert {"models-are-real", *NEEDS_MODELS} <= failed(report)
    assert "notes and kept-notes hold the same weights" in said(by_id(report)["models-are-real"])


@pytest.mark.parametrize("stage", ["totals", "notes"])
def test_a_lesson_that_started_from_the_base_again_is_no_sequence(
    forgetting_work, students, tiny_base, tmp_path, stage
):
    write_stage(tmp_path / "again", tiny_base, tensors_of(tiny_base / "model.safetensors"), seed=99)
    shutil.copy(tmp_path / "again" / "model.safetensors", forgetting_work / "artifacts" / stage)
    report = report_on("10", forgetting_work, "done-when")
    assert {"models-are-real", *NEEDS_MODELS} <= failed(report)
    assert "nearer to the base" in said(by_id(report)["models-are-real"])


def test_a_run_without_a_rate_makes_no_other_rate_a_low_one(forgetting_work, students, tiny_base):
    write_matrix(forgetting_work, tiny_base, mitigation="low rate")
    for stage in ("totals", "notes"):
        edit(
            forgetting_work / "artifacts" / stage / "run.json", lambda run: run["hyperparameters"].pop("learning_rate")
        )
    assert failed(report_on("10", forgetting_work, "done-when")) == {"mitigation-told"}


@pytest.mark.parametrize("stage", ["tickets", "kept-notes"])
def test_the_base_under_another_name_is_refused(forgetting_work, students, tiny_base, stage):
    shutil.copy(tiny_base / "model.safetensors", forgetting_work / "artifacts" / stage / "model.safetensors")
    report = report_on("10", forgetting_work, "done-when")
    assert {"models-are-real", *NEEDS_MODELS} <= failed(report)
    assert "moved by 0.00%" in said(by_id(report)["models-are-real"])


def test_weights_that_are_not_numbers_are_refused(forgetting_work, students):
    path = forgetting_work / "artifacts" / "notes" / "model.safetensors"
    edit_weights(path, lambda tensors: tensors.update({"model.norm.weight": np.full(32, np.nan, dtype=np.float32)}))
    assert "NaN" in said(by_id(report_on("10", forgetting_work, "done-when"))["models-are-real"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run.update(rung="09"), "rung is '09'"),
        (lambda run: run.update(stage="notes"), "stage is 'notes'"),
        (lambda run: run.update(method="lora"), "method is 'lora'"),
        (lambda run: run.update(steps=3), "3 steps"),
        (lambda run: run.update(wall_seconds=0.0), "wall_seconds"),
        (lambda run: run.update(total_parameters=7), "total_parameters"),
        (lambda run: run["base"].update(fingerprint="0" * 64), "another base"),
    ],
)
def test_a_record_of_another_run_is_refused(forgetting_work, students, change, words):
    edit(forgetting_work / "artifacts" / "kept-totals" / "run.json", change)
    report = report_on("10", forgetting_work, "done-when")
    assert "models-are-real" in failed(report)
    assert words in said(by_id(report)["models-are-real"])


def test_a_flat_curve_is_refused(forgetting_work, students):
    path = forgetting_work / "artifacts" / "kept-notes" / "loss_curve.json"
    edit(path, lambda curve: [row.update(loss=2.0 + row["step"] % 2 / 10) for row in curve["rows"]])
    report = report_on("10", forgetting_work, "done-when")
    assert "It has not learned" in said(by_id(report)["models-are-real"])


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize("file", FILES)
def test_bad_files_are_refused_in_one_line(forgetting_work, students, fault, file):
    change, _ = FILE_FAULTS[fault]
    change(forgetting_work / file)
    report = report_on("10", forgetting_work, "done-when")
    assert not report.done and failed(report) == FILES[file]
    for result in report.criteria:
        assert result.passed is not None or "checker itself" not in result.observed
        assert result.observed.isprintable() and "Traceback" not in result.observed
