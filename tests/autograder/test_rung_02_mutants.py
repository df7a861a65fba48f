"""Rung 02 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import math
import shutil

import numpy as np
import pytest
from example_work import (
    STAGE_FOLDER,
    answer,
    by_id,
    claimed,
    edit,
    edit_weights,
    failed,
    make_tiny_base,
    report_on,
    said,
)

from autograder.ticket_submission import ROWS, ROWS_BEFORE
from shared.course import load_course

THRESHOLDS = load_course().rung("02").thresholds["pocket"]
WEIGHTS = f"{STAGE_FOLDER}/model.safetensors"
pytestmark = pytest.mark.usefixtures("as_if_trained")

LOSS = """
def sft_loss(logits, input_ids, completion_mask):
    targets, keep = input_ids[:, 1:], completion_mask[:, 1:].float()
    log_p = torch.log_softmax(logits[:, :-1], -1)
    nats = -log_p.gather(-1, targets[..., None])[..., 0]
    return (nats * keep).sum() / keep.sum().clamp(min=1)
"""


def with_loss(old: str, new: str) -> str:
    assert old in LOSS
    return LOSS.replace(old, new)


MEAN = "(nats * keep).sum() / keep.sum().clamp(min=1)"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (LOSS.replace("[:, 1:]", "").replace("[:, :-1]", ""), "sft-loss-value", "position t predict token t + 1"),
        (with_loss(MEAN, "nats.mean()"), "sft-loss-value", "The prompt is counted too"),
        (with_loss("completion_mask[:, 1:]", "completion_mask[:, :-1]"), "sft-loss-value", "mask is not shifted"),
        (with_loss(MEAN, "((nats * keep).sum(1) / keep.sum(1)).mean()"), "sft-loss-value", "mean of the rows' means"),
        (with_loss(MEAN, "(nats * keep).sum()"), "sft-loss-value", "This is the sum: divide"),
        (with_loss("nats = -log_p", "nats = log_p"), "sft-loss-value", "The sign is wrong"),
        (with_loss("torch.log_softmax(logits[:, :-1], -1)", "logits[:, :-1]"), "sft-loss-value", "raw logits"),
        (
            LOSS.replace("[:, 1:]", "[:, X]").replace("[:, :-1]", "[:, 1:]").replace("[:, X]", "[:, :-1]"),
            "sft-loss-value",
            "The shift goes the wrong way",
        ),
        (with_loss("nats = -", "nats = -1.4427 * "), "sft-loss-value", "the logarithm to base 2"),
        (
            with_loss("completion_mask[:, 1:].float()", "(completion_mask * (input_ids > 0))[:, 1:].float()"),
            "sft-loss-value",
            "Token 0 is a token like any other",
        ),
        (with_loss(MEAN, "(nats * keep).mean()"), "sft-loss-value", "This divides by all positions"),
        (with_loss("log_softmax(", "log_softmax(0.99 * "), "sft-loss-value", "Work the last batch"),
        (with_loss("-1)\n", "1)\n"), "sft-loss-value", "batches are off"),
        (with_loss("log_softmax(logits[:, :-1], -1)", "log(torch.softmax(logits[:, :-1], -1))"), "sft-loss-edges",
         "huge logits: returned nan, expected a finite number exp overflows"),
        (
            with_loss("log_softmax(logits[:, :-1], -1)", "log(torch.softmax(logits[:, :-1], -1) + 1e-9)"),
            "sft-loss-edges",
            "huge logits",
        ),
        (with_loss(".clamp(min=1)", ""), "sft-loss-edges", "a mask without a single 1: returned nan"),
        (with_loss(MEAN, "nats[keep > 0].mean()"), "sft-loss-edges", "With no token to learn from, return 0."),
        (with_loss("keep.sum()", "completion_mask.sum()"), "sft-loss-edges", "Nothing predicts token 0: leave it out."),
        (with_loss("-1)\n", "-1).detach()\n"), "sft-loss-gradient", "no gradient reaches the logits"),
        (with_loss(MEAN, f"torch.tensor(({MEAN}).item())"), "sft-loss-gradient", "the graph is cut"),
        (with_loss(MEAN, f"({MEAN}).detach() + 0 * logits.sum()"), "sft-loss-gradient", "the gradient is off by"),
        (with_loss(MEAN, f"float({MEAN})"), "sft-loss-value", "returned float, expected a scalar tensor"),
        (with_loss(MEAN, f"({MEAN}).reshape(1)"), "sft-loss-value", "returned a tensor of shape [1]"),
        (with_loss(MEAN, f"({MEAN}).detach().numpy()"), "sft-loss-value", "returned ndarray, expected a scalar tensor"),
        (with_loss("return", "result ="), "sft-loss-value", "returned NoneType, expected a scalar tensor"),
    ],
)  # fmt: skip
def test_a_wrong_loss_is_refused_in_words_that_name_the_fault(work, without_children, source, criterion, words):
    answer(work, "answer-sft-loss", source)
    results = by_id(report_on(work, "sft-loss"))
    assert results[criterion].passed is False and results[criterion].points == 0
    assert words in said(results[criterion])
    if criterion != "sft-loss-value":
        assert results["sft-loss-value"].passed


KIND = """
def failure_kind(text, ticket):
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "not-json"
    if not isinstance(found, dict):
        return "not-json"
    if set(found) != set(ticket):
        return "wrong-keys"
    for key in ("team", "item", "count", "priority"):
        if type(found[key]) is not type(ticket[key]) or found[key] != ticket[key]:
            return "wrong-" + key
    return "correct"
"""


def with_kind(old: str, new: str) -> str:
    assert old in KIND
    return KIND.replace(old, new)


KEYS = '    if set(found) != set(ticket):\n        return "wrong-keys"\n'
LOOP = 'for key in ("team", "item", "count", "priority")'


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (with_kind(LOOP, 'for key in ("priority", "count", "item", "team")'), "failure-edges", "the first fault in"),
        (with_kind(KEYS, "") + KEYS, "failure-kinds", "KeyError"),
        (with_kind("set(found) != set(ticket)", "set(found) < set(ticket)"), "failure-kinds", "There is a key too"),
        (with_kind("set(found) != set(ticket)", "set(found) > set(ticket)"), "failure-kinds", "KeyError"),
        (with_kind("set(found) != set(ticket)", "list(found) != list(ticket)"), "failure-edges", "The order of keys"),
        (with_kind("type(found[key]) is not type(ticket[key]) or", ""), "failure-edges", "true is no count"),
        (with_kind("found[key] != ticket[key]", "str(found[key]) != str(ticket[key])")
         .replace("type(found[key]) is not type(ticket[key]) or", ""), "failure-edges", "is not the number 1"),
        (with_kind("(ValueError, RecursionError)", "ValueError"), "failure-edges", "RecursionError"),
        (with_kind("(ValueError, RecursionError)", "KeyError"), "failure-kinds", "JSONDecodeError"),
        (with_kind("isinstance(found, dict)", "isinstance(found, (dict, list))"), "failure-edges", "A JSON list is no"),
        (with_kind("json.loads(text)", "json.loads(text[: text.rfind('}') + 1])"), "failure-edges", "Text after the"),
        (with_kind('"wrong-" + key', '"wrong_" + key'), "failure-kinds", "returned 'wrong_team', right is"),
        (with_kind('return "correct"', "return True"), "failure-kinds", "returned bool, expected text"),
        (with_kind('    return "correct"\n', ""), "failure-kinds", "returned NoneType, expected text"),
        (with_kind("type(found[key])", "hash(found[key]) != hash(ticket[key]) or type(found[key])"), "failure-edges",
         "TypeError: unhashable"),
    ],
)  # fmt: skip
def test_a_wrong_failure_kind_is_refused_in_words_that_name_the_fault(work, without_children, source, criterion, words):
    answer(work, "answer-read-failures", source)
    result = by_id(report_on(work, "read-failures"))[criterion]
    assert result.passed is False and result.points == 0
    assert words in f"{said(result)} {result.expected}"


def noise(amount):
    def change(tensors):
        stream = np.random.default_rng(2)
        for name, values in tensors.items():
            tensors[name] = (values * (1 + amount * stream.normal(size=values.shape))).astype(np.float32)

    return change


def base_with(change):
    """Return a change that submits the base, changed."""

    def apply(work, base):
        shutil.copy(base / "model.safetensors", work / WEIGHTS)
        edit_weights(work / WEIGHTS, change)

    return apply


def another_model(work, base):
    made = make_tiny_base(work.parent / "another", width=16)
    for name in ("model.safetensors", "config.json"):
        shutil.copy(made / name, work / STAGE_FOLDER / name)


def another_run(work, base):
    made = make_tiny_base(work.parent / "another", seed=9)
    shutil.copy(made / "model.safetensors", work / WEIGHTS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (base_with(lambda tensors: None), "the weights moved by 0.00% from the base, expected more than 0.3% This is"),
        (base_with(noise(0.001)), "This is the base, or the base stored again, or nearly so. Train"),
        (another_model, "config.json: hidden_size is 16, but the base's is 32 Submit the course's base"),
        (base_with(lambda tensors: tensors.pop("model.norm.weight")), "model.norm.weight is missing"),
        (base_with(lambda tensors: tensors["model.norm.weight"].fill(math.nan)), "holds NaN or infinity"),
    ],
)
def test_weights_that_are_no_fine_tune_of_the_base_earn_nothing(work, tiny_base, measured_as, change, words):
    measured_as(ROWS, ROWS)
    change(work, tiny_base)
    report = report_on(work, "done-when")
    results = by_id(report)
    assert report.score == 0 and words in said(results.pop("model-is-real"))
    assert all("First meet what the check says of the saved weights" in result.hint for result in results.values())


def test_noise_on_the_base_is_no_fine_tune_either(work, tiny_base):
    """The submission of these tests is the base with noise: it moved, and is told by what it can do."""
    results = by_id(report_on(work, "done-when"))
    assert "moved by" in results["model-is-real"].observed
    assert results["exact-match"].passed is False and results["exact-match"].observed.startswith("0.0% of 150 (base 0%")
    assert "Most frequent fault: not-json (150 of 150)" in results["exact-match"].hint


def test_another_model_of_the_same_shape_fails_by_what_it_can_do(work, tiny_base):
    another_run(work, tiny_base)
    assert failed(report_on(work, "done-when")) >= {"valid-json", "exact-match", "exact-match-unseen"}


def test_the_weights_do_not_depend_on_what_the_folder_says(work, tiny_base):
    """Configuration and tokenizer of the submission are not used."""
    (work / STAGE_FOLDER / "tokenizer.json").write_text("{}")
    edit(work / STAGE_FOLDER / "config.json", lambda config: config.update(rope_theta=3, eos_token_id=0))
    assert failed(report_on(work, "done-when")) == {"valid-json", "exact-match", "exact-match-unseen"}


def at_least(share: float) -> int:
    """Return the least number of right answers that meets a share of ROWS."""
    return math.ceil(share * ROWS - 1e-9)


@pytest.mark.parametrize("off", [-1, 0, 1])
@pytest.mark.parametrize(
    ("criterion", "threshold"),
    [
        ("valid-json", "valid_json"),
        ("exact-match", "exact_match"),
        ("exact-match-unseen", "exact_match_unseen_phrasing"),
    ],
)
def test_a_score_counts_from_its_threshold_on(work, measured_as, criterion, threshold, off):
    right = at_least(THRESHOLDS[threshold]) + off
    counts = {"familiar": ROWS, "unseen": ROWS}
    if criterion == "valid-json":
        exact = at_least(THRESHOLDS["exact_match"])
        counts |= {"familiar": exact, "json_only": right - exact}
    else:
        counts["unseen" if criterion.endswith("unseen") else "familiar"] = right
    if criterion == "exact-match":
        counts["json_only"] = ROWS - right
    measured_as(**counts)
    report = report_on(work, "done-when")
    result = by_id(report)[criterion]
    assert result.passed is (off >= 0) and result.observed.startswith(f"{right / ROWS:.1%} of {ROWS}")
    assert failed(report) == {"claim-honest", *([criterion] if off < 0 else [])}
    assert off >= 0 or "Most frequent fault: " in result.hint


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_the_base_may_write_json_up_to_its_threshold(work, measured_as, off):
    most = math.floor(THRESHOLDS["before_max"] * ROWS_BEFORE + 1e-9)
    measured_as(ROWS, ROWS, before_json_only=most + off)
    result = by_id(report_on(work, "done-when"))["valid-json"]
    assert (
        result.passed is (off <= 0) and f"(base {(most + off) / ROWS_BEFORE:.0%} of {ROWS_BEFORE})" in result.observed
    )


@pytest.mark.parametrize(
    ("before", "real"),
    [(0, True), (ROWS_BEFORE - 8, True), (ROWS_BEFORE - 7, False), (ROWS_BEFORE, False)],
)
def test_a_gain_that_chance_brings_is_no_gain(work, measured_as, before, real):
    """Of 60 rows 8 got better and none worse: p = 2 / 2^8 = 0.0078. Of 7, p = 0.0156, above 0.01."""
    measured_as(ROWS, ROWS, before=before)
    result = by_id(report_on(work, "done-when"))["exact-match"]
    assert result.passed is real and "McNemar p = " in result.observed and "p < 0.01" in result.expected


def test_what_is_claimed_counts_for_nothing(work):
    claimed(work, 1.0)
    report = report_on(work, "done-when")
    assert failed(report) == {"valid-json", "exact-match", "exact-match-unseen", "claim-honest"}
