"""Rung 09 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import dataclasses
import shutil

import numpy as np
import pytest
from bad_files import FILE_FAULTS
from example_adapter import report_on, write_rung
from example_evals import (
    AFTER,
    BASE_ACTOR,
    COUNTS,
    PAIRED,
    TUNED_ACTOR,
    Actor,
    honest_table,
    notebook_09,
    write_causes,
    write_numbers,
    write_table,
)
from example_work import by_id, edit, edit_weights, failed, said

from shared.significance import bootstrap_interval, holm, paired_bootstrap, wilson_interval

pytestmark = pytest.mark.usefixtures("as_if_trained")


def replaced(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


RETURNED = PAIRED.partition("    return max(0.0,")[2].partition("\n")[0]
PLAIN = "(share * (1 - share) / n) ** 0.5"
SPREAD = "math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))"


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        (f"max(0.0,{RETURNED}", f"share - z * {PLAIN}, share + z * {PLAIN}", "interval",
         "no width where all are right"),
        ("z, share = 1.959964", "z, share = 1.645", "interval", "right is"),
        ("z, share = 1.959964", "z, share = 2.576", "interval", "right is"),
        (SPREAD, "math.sqrt(share * (1 - share) / n)", "interval", "right is"),
        ("    return max(0.0,", "    return middle, max(0.0,", "interval", "expected a pair"),
        (f"    return max(0.0,{RETURNED}", "    raise ValueError('no')", "interval", "ValueError: no"),
        ("share = 1.959964, right / n", "share = 1.959964, min(right, n - 1) / n", "interval-edges", "all right"),
        ("2 * tail", "tail", "paired-p", "one-sided"),
        ("2 ** (ups + downs)", "2 ** len(before)", "paired-p", "right is"),
        ("min(ups, downs) + 1", "min(ups, downs)", "paired-p", "right is"),
        ("min(1.0, 2 * tail / 2 ** (ups + downs))", "2 * tail / 2 ** (ups + downs)", "paired-p-edges", "tails meet"),
        ("    tail =", "    if ups + downs == 0:\n        return 0.0\n    tail =", "paired-p-edges", "no row changed"),
        ("2 * tail / 2 **", "2 * float(tail) / 2.0 **", "paired-p-edges",
         "2,000 changed rows: stops with OverflowError"),
        ("    return min(1.0, 2", "    return str(1.0)\n    return min(1.0, 2", "paired-p", "returned str"),
    ],
)  # fmt: skip
def test_wrong_statistics_are_refused(evals_work, without_children, old, new, criterion, words):
    write_rung("09", notebook_09(replaced(PAIRED, old, new)), evals_work)
    report = report_on("09", evals_work, "paired")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


CHI_SQUARED = """
def paired_p(before, after):
    ups = sum(a and not b for b, a in zip(before, after))
    downs = sum(b and not a for b, a in zip(before, after))
    return math.erfc(abs(ups - downs) / math.sqrt(2 * max(1, ups + downs)))
"""
UNPAIRED = """
def paired_p(before, after):
    n, b, a = len(before), sum(before) / len(before), sum(after) / len(after)
    spread = math.sqrt(max(1e-12, (a + b) / 2 * (1 - (a + b) / 2) * 2 / n))
    return math.erfc(abs(a - b) / spread / math.sqrt(2))
"""


@pytest.mark.parametrize("source", [CHI_SQUARED, UNPAIRED], ids=["chi-squared", "unpaired"])
def test_another_test_is_not_the_exact_paired_one(evals_work, without_children, source):
    write_rung("09", notebook_09(PAIRED.partition("def paired_p")[0] + source), evals_work)
    assert "paired-p" in failed(report_on("09", evals_work, "paired"))


@pytest.mark.parametrize(
    ("old", "new", "criterion", "words"),
    [
        ("dict(before), dict(after)", "[t for _, t in before], [t for _, t in after]", "rows-paired", "stops with"),
        ("dict(before), dict(after)", "dict(enumerate(t for _, t in before)), dict(enumerate(t for _, t in after))",
         "rows-paired", "not by their place"),
        ("in enumerate(right)]", "in enumerate(right) if total(first.get(row, '')) is not None]",
         "every-row-counts", "unreadable answers"),
        ("[len(right),", "[len(first),", "every-row-counts", "lost rows"),
        ('first.get(row, "")', "first[row]", "every-row-counts", "lost rows: stops with KeyError"),
        ("amounts[-1]", "amounts[0]", "last-amount", "the last amount"),
        ("int(amounts[-1])", "max(map(int, amounts))", "last-amount", "the last amount"),
        ("total(first.get(row, \"\")) == want", "str(want) in re.findall(r'\\d+', first.get(row, ''))", "last-amount",
         "the last amount"),
        ("a > b for b, a", "a < b for b, a", "rows-paired", "right is"),
        ("return [len(right)", "return len(right)  # [len(right)", "rows-paired", ""),
    ],
)  # fmt: skip
def test_a_harness_with_a_fault_is_refused(evals_work, without_children, old, new, criterion, words):
    counts = replaced(COUNTS, old, new) if "#" not in new else COUNTS.partition("    return [len")[0] + "    return 4\n"
    write_rung("09", notebook_09(counts=counts), evals_work)
    report = report_on("09", evals_work, "harness")
    assert criterion in failed(report)
    assert words in said(by_id(report)[criterion])


@pytest.mark.parametrize(
    ("change", "criteria"),
    [
        (lambda causes: dict.fromkeys(causes, "model"), {"failures-read", "causes-apart"}),
        (lambda causes: {}, {"failures-read", "causes-apart"}),
        (lambda causes: {name: "parser" if cause == "key" else cause for name, cause in causes.items()},
         {"causes-apart"}),
    ],
)  # fmt: skip
def test_failures_that_were_not_read_are_refused(evals_work, change, criteria):
    write_causes(evals_work, change)
    assert criteria <= failed(report_on("09", evals_work, "failures"))


@pytest.mark.parametrize(
    ("name", "factor", "words"),
    [("paired-rows", 0.5, "Section 6's formula"), ("false-alarm", 0.01, "asked is it in percent")],
)
def test_a_wrong_number_is_refused(evals_work, name, factor, words):
    import json

    right = json.loads((evals_work / "artifacts/answers.json").read_text())["answers"][name]
    write_numbers(evals_work, **{name: right * factor})
    report = report_on("09", evals_work, "numbers")
    assert len(failed(report)) == 1 and words in said(next(one for one in report.criteria if not one.passed))


def refused(work, criterion, *others):
    report = report_on("09", work, "done-when")
    assert failed(report) == {criterion, *others}, [said(r) for r in report.criteria if not r.passed]
    return said(by_id(report)[criterion])


def outcomes(work, change):
    edit(work / "artifacts" / "outcomes.json", change)


def of_task(record, name):
    return next(one for one in record["tasks"] if one["task"] == name)


def line_changed(work, base, task, **fields):
    table = dict(honest_table())
    table[task] = dataclasses.replace(table[task], **fields)
    write_table(work, base, table, conclusions={name: one.verdict for name, one in honest_table().items()})


@pytest.mark.parametrize("level", [0.90, 0.99])
def test_intervals_of_another_level_are_refused(evals_work, actors, tiny_base, level):
    table = {
        name: dataclasses.replace(one, gain_interval=paired_bootstrap(one.before, one.after, level=level))
        for name, one in honest_table().items()
    }
    write_table(evals_work, tiny_base, table)
    assert "gain_interval is" in refused(evals_work, "intervals")


def test_wilsons_interval_at_another_level_is_refused(evals_work, actors, tiny_base):
    table = {
        name: one if name == "stories" else dataclasses.replace(
            one, interval=wilson_interval(round(sum(one.after)), len(one.after), 0.80))
        for name, one in honest_table().items()
    }  # fmt: skip
    write_table(evals_work, tiny_base, table)
    assert "interval is" in refused(evals_work, "intervals")


def test_an_unpaired_interval_is_refused(evals_work, actors, tiny_base):
    one = honest_table()["reading"]
    shuffled = list(np.random.default_rng(0).permutation(one.after))
    line_changed(evals_work, tiny_base, "reading", gain_interval=paired_bootstrap(one.before, shuffled))
    assert "reading: gain_interval is" in refused(evals_work, "intervals")


def test_the_interval_of_the_scores_before_is_refused(evals_work, actors, tiny_base):
    one = honest_table()["sorting"]
    line_changed(evals_work, tiny_base, "sorting", interval=bootstrap_interval(one.before))
    assert "sorting: interval is" in refused(evals_work, "intervals")


def test_an_unpaired_test_presented_as_paired_is_refused(evals_work, actors, tiny_base):
    from statistics import NormalDist

    one = honest_table()["order totals"]
    b, a = one.means
    middle = (a + b) / 2
    z = abs(a - b) / (middle * (1 - middle) * 2 / len(one.before)) ** 0.5
    line_changed(evals_work, tiny_base, "order totals", p=2 * NormalDist().cdf(-z))
    assert "McNemar's on its rows is" in refused(evals_work, "paired-test")


def test_looks_that_are_not_counted_are_refused(evals_work, actors, tiny_base):
    table = {name: dataclasses.replace(one, p_adjusted=one.p) for name, one in honest_table().items()}
    write_table(evals_work, tiny_base, table)
    assert "raise a false alarm" in refused(evals_work, "paired-test")


def test_holm_in_the_wrong_order_is_refused(evals_work, actors, tiny_base):
    ordered = list(honest_table().values())
    wrong = [min(1.0, one.p * (place + 1)) for place, one in enumerate(sorted(ordered, key=lambda one: one.p))]
    assert wrong != holm([one.p for one in ordered])
    table = {one.task: dataclasses.replace(one, p_adjusted=p) for one, p in
             zip(sorted(ordered, key=lambda one: one.p), wrong, strict=True)}  # fmt: skip
    write_table(evals_work, tiny_base, table)
    assert "by Holm" in refused(evals_work, "paired-test")


@pytest.mark.parametrize("word", ["no evidence", "better", None])
def test_a_fine_tune_that_forgot_must_say_so(evals_work, actors, tiny_base, word):
    words = {name: one.verdict for name, one in honest_table().items()}
    assert words["replies"] == "worse"
    words = {name: said for name, said in {**words, "replies": word}.items() if said}
    write_table(evals_work, tiny_base, conclusions=words)
    line = said(by_id(report_on("09", evals_work, "done-when"))["verdicts"])
    assert "its rows say worse" in line and "must say that it forgot" in line


def test_a_gain_that_chance_explains_is_no_verdict(evals_work, actors, tiny_base):
    words = {name: one.verdict for name, one in honest_table().items()}
    assert words["reading"] == "no evidence"
    write_table(evals_work, tiny_base, conclusions={**words, "reading": "worse"})
    line = said(by_id(report_on("09", evals_work, "done-when"))["verdicts"])
    assert "reading: you say worse, its rows say no evidence" in line


@pytest.mark.parametrize("task", ["replies", "tickets", "unseen wording"])
def test_a_task_left_out_is_missed(evals_work, actors, task):
    outcomes(evals_work, lambda record: record["tasks"].remove(of_task(record, task)))
    line = said(by_id(report_on("09", evals_work, "done-when"))["three-kinds"])
    assert f"{task!r}" in line and "is missing" in line


def test_a_task_that_stands_twice_is_refused(evals_work, actors):
    """More tests make Holm's rule milder: what was forgotten could hide behind copies."""
    outcomes(evals_work, lambda record: record["tasks"].append(dict(of_task(record, "tickets"))))
    assert "stands there twice" in said(by_id(report_on("09", evals_work, "done-when"))["verdicts"])


def test_rows_skipped_because_they_could_not_be_read_are_missed(evals_work, actors):
    """Accuracy over readable answers: the denominators of before and after differ."""
    outcomes(evals_work, lambda record: of_task(record, "replies")["after"].__delitem__(slice(60, None)))
    report = by_id(report_on("09", evals_work, "done-when"))
    assert "100 scores before, 60 after, 100 rows" in said(report["three-kinds"])
    assert not report["three-kinds"].passed and not report["scores-measured"].passed


def test_before_and_after_on_different_rows_are_refused(evals_work, actors):
    outcomes(evals_work, lambda record: of_task(record, "sorting").update(fingerprint_before="0" * 64))
    assert "other prompts or decoding after than before" in refused(evals_work, "same-prompts")


def test_another_suite_under_the_same_names_is_refused(evals_work, actors):
    def other(record):
        of_task(record, "sorting").update(fingerprint_before="0" * 64, fingerprint_after="0" * 64)

    outcomes(evals_work, other)
    assert "the fingerprint is not the suite's" in refused(evals_work, "same-prompts")


def test_a_test_on_the_training_rows_is_refused(evals_work, actors):
    outcomes(evals_work, lambda record: record.update(seed=0))
    report = by_id(report_on("09", evals_work, "done-when"))
    for name in ("three-kinds", "same-prompts", "scores-measured"):
        assert not report[name].passed and "seed 0" in report[name].observed


def test_too_few_rows_are_refused(evals_work, actors):
    def cut(record):
        for one in record["tasks"]:
            one.update(before=one["before"][:30], after=one["after"][:30])

    outcomes(evals_work, cut)
    assert "30 rows a task, expected 100" in said(by_id(report_on("09", evals_work, "done-when"))["three-kinds"])


@pytest.mark.parametrize(
    ("tuned", "base", "words"),
    [
        (Actor({**AFTER, "replies": 0.9}, 0.9), BASE_ACTOR, "replies, after"),
        (Actor({**AFTER, "longer letters": 0.2}, 0.9), BASE_ACTOR, "longer letters, after"),
        (Actor(AFTER, 0.5), BASE_ACTOR, "stories, after"),
        (TUNED_ACTOR, Actor({**BASE_ACTOR.skills, "sorting": 0.5}, 0.7), "sorting, before"),
    ],
)
def test_a_table_that_is_not_these_models_is_refused(evals_work, actors, tuned, base, words):
    actors(tuned, base)
    assert f"{words}: " in refused(evals_work, "scores-measured")


def test_a_few_rows_made_better_by_hand_are_found(evals_work, actors, tiny_base):
    """A score of 1 written over every wrong answer of one task, and everything worked out again from it."""
    from example_evals import runs_of, suite

    from shared.harness.comparison import compare

    runs = runs_of(TUNED_ACTOR)
    runs["replies"] = runs["replies"]._replace(scores=[1.0] * len(runs["replies"].scores))
    write_table(evals_work, tiny_base, compare(suite(), runs_of(BASE_ACTOR), runs))
    assert "replies, after" in refused(evals_work, "scores-measured")


@pytest.mark.parametrize("skill", [0.0, 0.5])
def test_a_model_that_has_not_learned_is_refused(evals_work, actors, skill):
    actors(Actor({**AFTER, "new products": skill}, 0.9))
    report = by_id(report_on("09", evals_work, "done-when"))
    assert not report["learned"].passed and "letters about new products" in report["learned"].observed
    assert report["model-is-real"].passed is (skill > 0)  # half the letters right is learned, and too little


def test_noise_on_the_base_is_no_fine_tune(evals_work, actors):
    """Its table is true, and earns its points; that it is a fine-tune it does not."""
    actors(BASE_ACTOR)
    report = by_id(report_on("09", evals_work, "done-when"))
    assert "The weights have moved, but not by training" in said(report["model-is-real"])
    assert not report["model-is-real"].passed and not report["learned"].passed


TABLE = ("three-kinds", "same-prompts", "scores-measured", "intervals", "paired-test", "verdicts", "one-page")


def test_the_base_itself_is_no_fine_tune(evals_work, actors, tiny_base):
    shutil.copy(tiny_base / "model.safetensors", evals_work / "artifacts/model/model.safetensors")
    line = refused(evals_work, "model-is-real", "learned", *TABLE)
    assert "the weights moved by 0.00%" in line


def test_weights_that_are_not_finite_are_refused(evals_work, actors):
    spoil = {"model.norm.weight": np.full(32, np.nan, np.float32)}
    edit_weights(evals_work / "artifacts/model/model.safetensors", lambda tensors: tensors.update(spoil))
    assert "holds NaN or infinity" in refused(evals_work, "model-is-real", "learned", *TABLE)


def on_page(work, name, change):
    path = work / "artifacts" / name
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("report.md", lambda text: text.replace("worse |", "better |"), "report.md: no line says"),
        ("report.html", lambda text: text.replace(">worse<", ">no evidence<"), "report.html: no line says"),
        ("report.md", lambda text: text.replace("| replies", "| answers"), "report.md: no line says replies"),
        ("report.html", lambda text: text.replace("data:image/png", "https://example.org/plot"), "a plot is missing"),
        ("report.html", lambda text: text.replace("</body>", '<script src="x.js"></script></body>'), "lies elsewhere"),
        ("report.md", lambda text: "", "report.md"),
    ],
)
def test_a_page_that_says_otherwise_is_refused(evals_work, actors, name, change, words):
    on_page(evals_work, name, change)
    assert words in refused(evals_work, "one-page")


@pytest.mark.parametrize("change", [{"after": 0.99}, {"before": 0.51}, {"n": 999}, {"interval": [0.0, 1.0]}])
def test_an_eval_json_that_says_otherwise_is_refused(evals_work, actors, change):
    edit(evals_work / "artifacts/eval.json", lambda record: record["entries"][-2].update(change))
    assert "eval.json: replies is not as in outcomes.json" in refused(evals_work, "one-page")


def test_an_eval_json_of_another_stage_or_without_a_task_is_refused(evals_work, actors):
    record = evals_work / "artifacts/eval.json"
    edit(record, lambda record: record.update(stage="other"))
    assert "eval.json: it is about stage 'other'" in refused(evals_work, "one-page")
    edit(record, lambda record: record.update(stage="model", entries=record["entries"][:-1]))
    assert "is missing" in refused(evals_work, "one-page")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(stage="other"), "about stage 'other'"),
        (lambda record: record["base"].update(fingerprint="0" * 64), "not about this model"),
        (lambda record: record.update(split="train"), "split 'train'"),
        (lambda record: record.update(tasks=[]), "outcomes.json"),
        (lambda record: of_task(record, "sorting")["after"].__setitem__(0, 1.5), "outcomes.json"),
        (lambda record: record["conclusions"].update(sorting="fine"), "outcomes.json"),
    ],
)
def test_a_record_of_something_else_is_one_line(evals_work, actors, change, words):
    outcomes(evals_work, change)
    assert words in by_id(report_on("09", evals_work, "done-when"))["three-kinds"].observed


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize(
    ("file", "criterion"),
    [("outcomes.json", "three-kinds"), ("failures.json", "failures-read"), ("report.html", "one-page")],
)
def test_a_file_that_cannot_be_used_is_not_done_in_one_line(evals_work, actors, file, criterion, fault):
    FILE_FAULTS[fault][0](evals_work / "artifacts" / file)
    report = report_on("09", evals_work, "done-when", "failures")
    result = by_id(report)[criterion]
    assert result.passed is False and file in result.observed
    for one in report.criteria:
        assert "Traceback" not in said(one) and "the checker itself failed" not in one.observed
