"""Rung 05 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import json
import shutil

import numpy as np
import pytest
from example_adapter import report_on, write_rung
from example_curation import MINHASH, TICKET_FAULT, notebook_05, raw_rows, right_fate, write_curation
from example_work import by_id, claimed, edit, edit_weights, failed, said

from autograder.ticket_submission import ROWS

pytestmark = pytest.mark.usefixtures("as_if_trained")


def changed(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


def with_minhash(old, new):
    return changed(MINHASH, old, new)


RETURNED = "return [min((number(place, piece) for piece in pieces), default=0) for place in range(size)]"
SHARE = "sum(a == b for a, b in zip(one, other)) / len(one)"
ONE = "min((number(0, piece) for piece in pieces), default=0)"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (with_minhash('f"{place} {piece}"', 'f"{piece}"'), "minhash-estimates", "a hash function of its own"),
        (with_minhash(RETURNED, f"return [{ONE}] * size"), "minhash-estimates", "a hash function of its own"),
        (with_minhash(RETURNED, "return (sorted(number(0, p) for p in set(pieces)) + [0] * size)[:size]"),
         "minhash-estimates", "of the places agree"),
        (with_minhash(RETURNED, RETURNED.replace("in pieces)", "in pieces[:9])")), "minhash-estimates", "*all* pieces"),
        (with_minhash(RETURNED, RETURNED.replace("min((", "sum((").replace(", default=0)", ")")),
         "minhash-estimates", "agree, or none does"),
        (with_minhash("digest_size=4).hexdigest(), 16)", "digest_size=4).hexdigest(), 16) % 3"),
         "minhash-estimates", "of the places agree"),
        (with_minhash(RETURNED, RETURNED.replace("range(size)]", "range(size + 1)]")), "minhash-estimates",
         "returned 201 numbers, expected 200"),
        (with_minhash(RETURNED, "return ' '.join(pieces)"), "minhash-estimates", "returned str, expected a list"),
        (with_minhash(RETURNED, "pass"), "minhash-estimates", "returned NoneType"),
        (with_minhash(RETURNED, RETURNED.replace("for place in", "/ 7 for place in")), "minhash-estimates",
         "not whole"),
        (with_minhash("return int(", "raise RuntimeError('no') or int("), "minhash-estimates", "RuntimeError: no"),
        (with_minhash(", default=0)", ")"), "minhash-repeats", "no pieces: stops with ValueError"),
        (with_minhash("default=0", "default=1"), "minhash-repeats", "not all numbers are 0"),
        (with_minhash(SHARE, "len(set(one) & set(other)) / len(set(one) | set(other))"), "estimate", "Equal *places*"),
        (with_minhash(SHARE, "sum(a == b for a, b in zip(one, other))"), "estimate", "right is"),
        (with_minhash(SHARE, "0.5"), "estimate", "0.5000, right is 0.4000"),
        (with_minhash(SHARE, "str(one)"), "estimate", "returned str, expected a number"),
    ],
)  # fmt: skip
def test_a_wrong_signature_is_refused(curation_work, without_children, source, criterion, words):
    write_rung("05", notebook_05(source), curation_work)
    report = report_on("05", curation_work, "minhash")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


def test_order_must_not_matter(curation_work, without_children):
    source = with_minhash(RETURNED, "pieces = [p + str(i // 15) for i, p in enumerate(pieces)]\n    " + RETURNED)
    write_rung("05", notebook_05(source), curation_work)
    assert "minhash-repeats" in failed(report_on("05", curation_work, "minhash"))


@pytest.mark.slow
def test_a_salted_hash_is_found_out_by_a_second_process(curation_work):
    source = with_minhash(
        'int(hashlib.blake2b(f"{place} {piece}".encode(), digest_size=4).hexdigest(), 16)',
        "hash((place, piece)) % 2**32",
    )
    write_rung("05", notebook_05(source), curation_work)
    report = report_on("05", curation_work, "minhash")
    assert failed(report) - {"minhash-estimates"} == {"minhash-repeats"}  # with some salts it estimates badly, too
    assert "another process gives other numbers" in said(by_id(report)["minhash-repeats"])


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ('return "not JSON"', 'return "broken"', "faults", "'broken', right is 'not JSON'"),
        ('    if set(ticket) != set(FIELDS):\n        return "keys"\n', "", "faults", "keys"),
        ("set(ticket) != set(FIELDS)", "not set(FIELDS) <= set(ticket)", "faults", "a fault in keys"),
        ("set(ticket) != set(FIELDS)", "tuple(ticket) != FIELDS", "fault-edges", "keys in another order"),
        ("not in TEAMS", "in ()", "faults", "a fault in team"),
        ("not in PRIORITIES", "in ()", "faults", "a fault in priority"),
        ("not 1 <= ticket", "not 0 <= ticket", "faults", "a fault in count"),
        ("<= 6", "<= 9", "faults", "a fault in count"),
        ('type(ticket["count"]) is not int', 'not isinstance(ticket["count"], int)', "fault-edges", "True as a count"),
        ('type(ticket["count"]) is not int or', "", "faults", "a fault in count"),
        ("or not item or", "or", "fault-edges", "an empty item"),
        ("not isinstance(item, str) or", "", "fault-edges", "a number as an item"),
        ("item in prompt or", "item.lower() in prompt.lower() or", "fault-edges", "another case"),
        ('or item.replace("knife", "knives") in prompt', "", "fault-edges", "an irregular plural"),
        ("item in prompt or", "True or", "faults", "a fault in item"),
        ("return None", 'return "fine"', "faults", "a right row: 'fine', right is None"),
        (
            "ticket = parse_ticket(completion)",
            "ticket = json.loads(completion)",
            "faults",
            "stops with JSONDecodeError",
        ),
    ],
)
def test_a_wrong_fault_finder_is_refused(curation_work, without_children, old, new, criterion, words):
    write_rung("05", notebook_05(fault=changed(TICKET_FAULT, old, new)), curation_work)
    report = report_on("05", curation_work, "ticket-fault")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.fixture
def measured_right(curation_work, models_right):
    """Every measured answer is right, and claimed so: only what is broken fails."""
    models_right(ROWS, 10)
    claimed(curation_work, 1.0)
    return curation_work


def refused(work, criterion, *others):
    report = report_on("05", work, "done-when")
    assert failed(report) == {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    return said(by_id(report)[criterion])


def test_noise_on_the_base_is_no_fine_tune(measured_right, monkeypatch):
    monkeypatch.setattr("autograder.ticket_criteria.learned_fault", lambda *_: "its loss is the base's")
    line = refused(measured_right, "models-are-real", "equal-compute")
    assert "its loss is the base's The weights have moved, but not by training" in line


def kept_instead(step, share=1):
    """Keep every row, or a share of those, that a step should have removed."""
    fate = right_fate(raw_rows())
    places = [place for place, end in enumerate(fate) if end == step]
    for place in places[: int(share * len(places))]:
        fate[place] = "kept"
    return fate


@pytest.mark.parametrize(
    ("step", "share", "words"),
    [
        ("labels", 0.15, "with this flaw are kept: wrong label"),
        ("schema", 0.05, "with this flaw are kept: broken JSON"),
        ("contamination", 0.1, "with this flaw are kept: leaked"),
        ("exact", 0.05, "with this flaw are kept: exact duplicate"),
        ("near", 0.15, "with this flaw are kept: near duplicate"),
        ("near", 1, "kept: exact duplicate, near duplicate"),
    ],
)
def test_a_flaw_that_is_kept_is_named(measured_right, step, share, words):
    write_curation(measured_right, kept_instead(step, share))
    assert words in refused(measured_right, "flaws-found")


def removed_instead(every, step):
    fate = right_fate(raw_rows())
    good = [place for place, end in enumerate(fate) if end == "kept"]
    for place in good[::every]:
        fate[place] = step
    return fate


def test_a_step_that_removes_good_rows_is_named(measured_right):
    write_curation(measured_right, removed_instead(25, "language"))
    assert "step 'language': precision" in refused(measured_right, "good-spared")


def test_throwing_everything_away_is_no_curation(measured_right):
    fate = [end if place % 10 == 0 else "labels" for place, end in enumerate(right_fate(raw_rows()))]
    write_curation(measured_right, fate)
    assert "precision" in refused(measured_right, "good-spared")


def test_keeping_everything_is_no_curation(measured_right):
    write_curation(measured_right, ["kept"] * len(raw_rows()))
    assert "0 steps removed rows" in refused(measured_right, "curation-record", "flaws-found")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "data_fingerprint is not that of 5000 rows"),
        ({"task": "tickets"}, "is about 'tickets'"),
        ({"data_fingerprint": "0" * 64}, "data_fingerprint is not that of 5000 rows"),
        ({"fate": ["kept"] * 10}, "holds 10 fates"),
        ({"chosen": [0, 0]}, "a place is chosen twice"),
        ({"chosen": [10**6]}, "row 1000000 is chosen, but it is not one that was kept"),
        ({"chosen": list(range(40))}, "not one that was kept"),
    ],
)
def test_a_record_of_something_else_is_refused(measured_right, change, words):
    edit(measured_right / "artifacts" / "curation.json", lambda record: record.update(change))
    report = by_id(report_on("05", measured_right, "done-when"))
    assert not report["curation-record"].passed and words in said(report["curation-record"])


def test_two_few_rows_chosen_are_refused(measured_right):
    fate = right_fate(raw_rows())
    write_curation(measured_right, fate, [place for place, end in enumerate(fate) if end == "kept"][:40])
    assert "40 rows are chosen" in refused(measured_right, "curation-record")


@pytest.mark.parametrize(
    ("stage", "change", "words"),
    [
        ("raw", {"steps": 60}, "60 steps on raw rows, 100 on curated ones"),
        ("raw", {"stage": "warm"}, "raw/run.json is of stage 'warm'"),
        ("raw", {"data_fingerprint": "1" * 64}, "was not on the raw rows"),
        ("curated", {"data_fingerprint": "1" * 64}, "was not on the chosen rows"),
        ("curated", {"rows": 299}, "trained on 299 rows, but 300 are chosen"),
        ("curated", {"method": "lora"}, "method is 'lora', but the weights are a full model"),
        ("curated", {"rung": "02"}, "rung is '02', this is rung 05"),
    ],
)
def test_unequal_compute_is_refused(measured_right, stage, change, words):
    edit(measured_right / "artifacts" / stage / "run.json", lambda run: run.update(change))
    assert words in said(by_id(report_on("05", measured_right, "done-when"))["equal-compute"])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"per_device_train_batch_size": 8}, "batches of 8 raw and 16 curated rows"),
        ({"learning_rate": 1e-4}, "the two learning rates differ"),
    ],
)
def test_another_recipe_for_the_raw_rows_is_refused(measured_right, setting, words):
    edit(measured_right / "artifacts/raw/run.json", lambda run: run["hyperparameters"].update(setting))
    assert words in refused(measured_right, "equal-compute")


@pytest.mark.parametrize(
    ("curated", "raw", "words"),
    [(100, 10, "66.7% of 150 against 6.7%"), (150, 130, "100.0% of 150 against 86.7%"), (0, 0, "0.0% of 150")],
)
def test_a_curation_that_does_not_pay_is_refused(curation_work, models_right, curated, raw, words):
    models_right(curated, raw)
    assert words in said(by_id(report_on("05", curation_work, "done-when"))["beats-raw"])


def the_base_itself(work, base):
    shutil.copy(base / "model.safetensors", work / "artifacts/raw/model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (the_base_itself, "raw: the weights moved by 0.00%"),
        (lambda work, base: (work / "artifacts/raw/model.safetensors").unlink(), "model.safetensors"),
        (lambda work, base: edit_weights(work / "artifacts/raw/model.safetensors",
                                         lambda t: t.update({"model.norm.weight": np.full(32, np.nan, np.float32)})),
         "holds NaN or infinity"),
    ],
)  # fmt: skip
def test_a_raw_model_that_is_none_is_refused(measured_right, tiny_base, spoil, words):
    spoil(measured_right, tiny_base)
    report = by_id(report_on("05", measured_right, "done-when"))
    assert words in said(report["models-are-real"])


def test_a_claim_that_is_too_high_is_refused(curation_work, models_right):
    models_right(round(0.9 * ROWS), 10)
    claimed(curation_work, 1.0)
    assert "measured here 90.0%" in refused(curation_work, "claim-honest")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("| Kept rows | 2000 |", "| Kept rows | 2001 |"),
         "Kept rows is 2001, counted here 2000"),
        (lambda text: text.replace("| Removed by labels | 750 |\n", ""), "Removed by labels is missing"),
        (lambda text: text.partition("## Choices")[0] + "## Choices\n\nSix tenths.\n", "'Choices' has too few words"),
        (lambda text: text.partition("## Choices")[0], "'Choices' has too few words"),
        (lambda text: text.partition("## Known limits")[0] + "## Known limits\n\n" + "good " * 30,
         "'Known limits' has too few words"),
        (lambda text: "", "data_card.md"),
    ],
)  # fmt: skip
def test_a_card_that_is_not_true_is_refused(measured_right, change, words):
    path = measured_right / "artifacts" / "data_card.md"
    path.write_text(change(path.read_text()))
    assert words in refused(measured_right, "card")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rung": "05"}', json.dumps({"fate": "kept"}), "\0" * 100])
def test_a_record_that_cannot_be_read_is_one_line(measured_right, text):
    (measured_right / "artifacts" / "curation.json").write_text(text)
    report = by_id(report_on("05", measured_right, "done-when"))
    for name in ("curation-record", "flaws-found", "good-spared", "equal-compute", "card"):
        assert report[name].passed is False and "curation.json" in report[name].observed
