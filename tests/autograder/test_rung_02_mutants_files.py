"""Rung 02 with one fault in what the learner's files say: each is refused in words that name the file and the fault."""

import pytest
from example_work import STAGE_FOLDER, by_id, edit, entry, failed, report_on, said

from autograder.ticket_submission import ROWS
from shared.artifacts import fingerprint_rows
from shared.significance import wilson_interval
from shared.world import rows

PERFORMANCE = {"valid-json", "exact-match", "exact-match-unseen"}
pytestmark = pytest.mark.usefixtures("as_if_trained")
RUN, CURVE, EVAL = f"{STAGE_FOLDER}/run.json", f"{STAGE_FOLDER}/loss_curve.json", "artifacts/eval.json"


@pytest.fixture(autouse=True)
def _quickly_measured(measured_as):
    """No model answers here: all measured answers are wrong, as a model of noise gives them."""
    measured_as(0, 0)


def refused(work, criterion: str) -> str:
    """Return what is said of the one criterion that fails beside those on performance."""
    report = report_on(work, "done-when")
    assert failed(report) == PERFORMANCE | {criterion}, [said(r) for r in report.criteria if not r.passed]
    result = by_id(report)[criterion]
    assert result.points == 0
    return said(result)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rung": "03"}, "rung is '03', this is rung 02"),
        ({"stage": "adapter"}, "stage is 'adapter', expected 'model'"),
        ({"method": "lora"}, "method is 'lora', but the weights are a full model"),
        ({"total_parameters": 94_113}, "total_parameters is 94,113, the weights have 94,112"),
        ({"total_parameters": 10**300}, "total_parameters is 1,000,"),
        ({"trainable_parameters": 1_000}, "trainable_parameters is 1,000, but 93,952 have changed"),
        ({"trainable_parameters": 94_113}, "trainable_parameters is 94,113"),
        ({"rows": 19}, "19 rows, expected at least 20"),
        ({"wall_seconds": 0.0}, "wall_seconds is 0"),
        ({"versions": {"torch": "2.13.0"}}, "versions lacks torch or transformers"),
        ({"versions": {}}, "versions lacks torch or transformers"),
        ({"hyperparameters": {"per_device_train_batch_size": "16"}}, "per_device_train_batch_size is not a number"),
        ({"hyperparameters": {"per_device_train_batch_size": 0}}, "per_device_train_batch_size is not a number"),
        ({"hyperparameters": {"per_device_train_batch_size": True}}, "per_device_train_batch_size is not a number"),
        ({"hyperparameters": {"gradient_accumulation_steps": None}}, "per_device_train_batch_size is not a number"),
    ],
)
def test_a_run_that_the_weights_contradict_is_refused(work, changes, words):
    edit(work / RUN, lambda run: run.update(changes))
    line = refused(work, "run-record")
    assert line.startswith("run.json: ") and words in line and "don't edit it" in line


@pytest.mark.parametrize(
    ("steps", "words"),
    [(500, "the last step is 100, but run.json says 500"), (99, "the last step is 100, but")],
)
def test_steps_that_are_not_the_curves_are_refused(work, steps, words):
    edit(work / RUN, lambda run: run.update(steps=steps))
    assert f"loss_curve.json: {words}" in refused(work, "curve-is-real")


def test_a_run_of_few_steps_is_refused(work):
    edit(work / RUN, lambda run: run.update(steps=9))
    edit(work / CURVE, lambda curve: curve.update(rows=curve["rows"][:9]))
    assert "9 steps, expected at least 10" in said(by_id(report_on(work, "done-when"))["run-record"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fingerprint": "0" * 64}, "fingerprint 000000000000, expected 'tiny-base'"),
        ({"id": "another/model", "fingerprint": ""}, "trained from 'another/model' with fingerprint"),
    ],
)
def test_a_run_from_another_base_earns_nothing(work, changes, words):
    edit(work / RUN, lambda run: run["base"].update(changes))
    results = by_id(report_on(work, "done-when"))
    assert words in said(results["model-is-real"]) and "Start from load_base()" in said(results["model-is-real"])
    assert not any(result.points for result in results.values())


def test_a_run_on_no_known_profile_earns_nothing(work):
    edit(work / RUN, lambda run: run.update(profile="laptop"))
    report = report_on(work, "done-when")
    assert report.score == 0 and "run.json: profile is 'laptop' Expected one of" in said(report.criteria[0])


def losses(change):
    """Return a change of the curve: the loss of step i of 100 becomes change(i, the loss that it was)."""

    def apply(rows_):
        for number, row in enumerate(rows_):
            row["loss"] = float(change(number, row["loss"]))

    return apply


def with_key(key, value, at=50):
    return lambda rows_: rows_[at].update({key: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (losses(lambda i, loss: 7.88 + 0.02 * i), "from 7.970 to 9.770, while chance moves it by"),
        (losses(lambda i, loss: 7.88 + 0.05 * (i % 2)), "The model has not learned. Train longer"),
        (losses(lambda i, loss: 7.88), "from 7.880 to 7.880, while chance moves it by 0.000 The model has not learned"),
        (losses(lambda i, loss: 7.88 + (3 if i % 2 else -0.1) * (i > 0) - i / 500), "The model has not learned"),
        (losses(lambda i, loss: loss / 4), "the first loss is 1.971 The model had been trained before this run"),
        (losses(lambda i, loss: loss + 4), "the first loss is 11.883 These are other data, another format, or another"),
        (
            losses(lambda i, loss: 1e300 if i == 50 else loss),
            "the loss at step 51 is 1e+300, which no mean of",
        ),
        (losses(lambda i, loss: -loss if i == 50 else loss), "the loss at step 51 is -"),
        (lambda rows_: rows_.__delitem__(slice(4, None)), "4 logged steps, expected at least 5"),
        (lambda rows_: rows_.__delitem__(slice(50, None)), "the last step is 50, but run.json says 100"),
        (with_key("tokens", 10), "tokens or seconds go down at step 51"),
        (with_key("seconds", 1.0), "tokens or seconds go down at step 51"),
        (lambda rows_: [row.update(tokens=0) for row in rows_], "0 tokens after 100 steps of 16 rows: fewer than rows"),
    ],
)
def test_a_curve_that_is_not_the_runs_is_refused(work, change, words):
    edit(work / CURVE, lambda curve: change(curve["rows"]))
    line = refused(work, "curve-is-real")
    assert line.startswith("loss_curve.json: ") and words in line


def test_logged_seldom_it_must_still_begin_near_the_base(work):
    """Of ten steps the first has the base's loss, 7.88: a mean of 0.3 cannot be theirs when the run ends at 0.1."""

    def change(curve):
        curve["rows"] = curve["rows"][9::10]
        for number, row in enumerate(curve["rows"]):
            row["loss"] = 0.3 - 0.02 * number

    edit(work / CURVE, change)
    assert "the first loss is 0.300 The model had been trained before" in refused(work, "curve-is-real")


def test_a_loss_on_the_prompt_too_is_named(work, measured_as):
    measured_as(ROWS, ROWS)  # these made losses are far apart: 7.85 a token of the completion, 5 of the prompt
    edit(work / CURVE, lambda curve: losses(lambda i, loss: loss * 6.14 / 7.88)(curve["rows"]))
    line = said(by_id(report_on(work, "done-when"))["curve-is-real"])
    assert "near the base's loss on prompt and completion together (6.14)" in line
    assert "completion_only_loss=True" in line


def claims(**changes):
    """Return a change of eval.json: its first entry (valid JSON, familiar wording) says something else."""
    return lambda record: record["entries"][0].update(changes)


def share(after: float, n: int = 200) -> dict:
    return {"after": after, "interval": list(wilson_interval(round(after * n), n))}


def claimed_as(metric: str, phrasing: str, **changes):
    """Return a change of eval.json: one entry is a claim made anew."""

    def change(record):
        made = [e for e in record["entries"] if (e["metric"], e["phrasing"]) != (metric, phrasing)]
        record["entries"] = [*made, entry(metric, phrasing, **changes).model_dump(mode="json")]

    return change


def fingerprint(split: str = "public", n: int = 200, seed: int = 0, phrasing: str = "familiar") -> str:
    return fingerprint_rows(rows("tickets", split, n, seed, phrasing=phrasing))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (claims(**share(0.9)), "valid_json, familiar phrasing: after is 90.0% of 200, measured here 0.0% of 150"),
        (claims(**share(0.1)), "after is 10.0% of 200, measured here 0.0% of 150"),
        (claimed_as("exact_match", "unseen", after=0.9), "exact_match, unseen phrasing: after is 90.0% of 200"),
        (claimed_as("valid_json", "unseen", after=0.5), "valid_json, unseen phrasing: after is 50.0% of 200"),
        (claimed_as("exact_match", "familiar", before=0.5), "exact_match, familiar phrasing: before is 50.0% of 200"),
        (claims(**share(0.0), before=1.5), "before is 1.5, which is no share of 200 rows"),
        (claims(after=-0.1), "after is -0.1, which is no share of 200 rows"),
        (claims(after=0.0123), "after is 0.0123, which is no share of 200 rows"),
        (claims(before=1e308), "before is 1e+308, which is no share"),
        (claims(interval=[0.5, 0.9]), "the interval (0.5, 0.9) does not hold 0.0"),
        (claims(n=49), "n is 49, expected 50 to 2000"),
        (claims(n=10**30), "expected 50 to 2000"),
        (claims(data_fingerprint="0" * 64), "data_fingerprint is not that of rows('tickets', 'public', 200)"),
        (claims(data_fingerprint=fingerprint("train")), "data_fingerprint is not that of"),
        (claims(data_fingerprint=fingerprint(n=199)), "data_fingerprint is not that of"),
        (claims(data_fingerprint=fingerprint(seed=10)), "with a seed from 0 to 9"),
        (claims(data_fingerprint=fingerprint(phrasing="unseen")), "data_fingerprint is not that of"),
        (claims(split="hidden"), "valid_json, familiar phrasing: no entry for public tickets"),
        (claims(task="orders"), "no entry for public tickets"),
        (claims(metric="accuracy"), "no entry for public tickets"),
        (claims(phrasing=None), "no entry for public tickets"),
        (lambda record: record["entries"].pop(), "exact_match, unseen phrasing: no entry for public tickets"),
        (lambda record: record.update(stage="no-mask"), "eval.json is about stage 'no-mask' on 'tiny-base', not about"),
        (lambda record: record["base"].update(fingerprint="0" * 64), "not about this model Run the evaluation's cell"),
    ],
)
def test_a_claim_that_is_not_what_is_measured_is_refused(work, change, words):
    edit(work / EVAL, change)
    line = refused(work, "claim-honest")
    assert line.startswith("eval.json") and words in line


@pytest.mark.parametrize(("after", "honest"), [(0.9, True), (0.84, True), (0.65, False), (1.0, False)])
def test_a_claim_may_differ_from_the_measurement_by_chance_only(work, measured_as, after, honest):
    measured_as(135, 135, json_only=0)
    made = [entry(metric, phrasing, after=after) for metric in ("valid_json", "exact_match")
            for phrasing in ("familiar", "unseen")]  # fmt: skip
    edit(work / EVAL, lambda record: record.update(entries=[item.model_dump(mode="json") for item in made]))
    assert by_id(report_on(work, "done-when"))["claim-honest"].passed is honest
