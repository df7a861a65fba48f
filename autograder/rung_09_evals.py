"""Rung 09 is done when the learner's fine-tune has evaluations before and after on three types of task, with their
uncertainty: the same rows for both models, tests that pair them, and a plain word where something was forgotten.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. The words of the
explanation wait for a human.
"""

from collections.abc import Callable, Sequence

from autograder import rung_09_harness as harness
from autograder import rung_09_page as page
from autograder import rung_09_paired as paired
from autograder.criteria import Criterion, Finding
from autograder.numbers import judge_number
from autograder.rung_09_failures import LEAST_RIGHT, right_causes
from autograder.rung_09_numbers import SOLUTIONS
from autograder.rung_09_submission import COUNTS, INTERVAL, PAIRED_P, Rung09
from autograder.ticket_criteria import CHANCE, count_faults, judge_run, real, run_faults
from shared.harness.comparison import LEVEL, verdict_of
from shared.harness.failures import drawn
from shared.harness.task import KINDS
from shared.significance import holm, mcnemar

__all__ = ["CRITERIA", "Submission"]
Submission = Rung09


def interval_value(work: Rung09) -> Finding:
    """`interval` is Wilson's on random counts."""
    cases = paired.interval_cases(work.seed)
    answers = work.answers_of(INTERVAL)[: len(cases)]
    faults = [paired.interval_fault(*pair) for pair in zip(cases, answers, strict=True)]
    return _first(faults, f"right on {len(cases)} counts", "Wilson's 95% interval, to three decimals")


def interval_edges(work: Rung09) -> Finding:
    """`interval` stays inside 0 to 1, and has a width, where all or none are right."""
    cases = paired.interval_edges(work.seed)
    answers = work.answers_of(INTERVAL)[-len(cases) :]
    faults = [paired.interval_fault(*pair) for pair in zip(cases, answers, strict=True)]
    return _first(faults, "right at both ends", "a width, inside 0 to 1, where all or none are right")


def p_value_is_right(work: Rung09) -> Finding:
    """`paired_p` is McNemar's exact p-value on rows that changed both ways."""
    cases = paired.paired_cases(work.seed)
    answers = work.answers_of(PAIRED_P)[: len(cases)]
    faults = [paired.p_fault(*pair) for pair in zip(cases, answers, strict=True)]
    return _first(faults, f"right on {len(cases)} tables", "McNemar's exact two-sided p-value")


def p_value_edges(work: Rung09) -> Finding:
    """`paired_p` keeps its head where nothing changed, where the tails meet, and with many rows."""
    cases = paired.paired_edges(work.seed)
    answers = work.answers_of(PAIRED_P)[-len(cases) :]
    faults = [paired.p_fault(*pair) for pair in zip(cases, answers, strict=True)]
    return _first(faults, "right at the edges", "1 where no row changed, never above 1, right with 2,000 changed rows")


def logs(cases_of: Callable[[int], list[harness.LogCase]]) -> Callable[[Rung09], Finding]:
    """Return the check of `paired_counts` on one kind of logs."""

    def check(work: Rung09) -> Finding:
        wanted = {case.name for case in cases_of(work.seed)}
        every = zip(harness.all_cases(work.seed), work.answers_of(COUNTS), strict=True)
        faults = [(fault, case.advice) if (fault := harness.fault_of(case, answer)) else None
                  for case, answer in every if case.name in wanted]  # fmt: skip
        return _first(faults, f"right on {', '.join(sorted(wanted))}", "n, right before, right after, better, worse")

    return check


def failures_read(work: Rung09) -> Finding:
    """Most of the ten failures have the cause that the world's own readers find."""
    right = right_causes(drawn(work.failures.seed))
    wrong = [name for name, cause in right.items() if work.failures.causes.get(name) != cause]
    expected = f"the right cause for at least {LEAST_RIGHT} of your {len(right)} failures"
    observed = f"{len(right) - len(wrong)} of {len(right)} right"
    hint = f"Read again: {', '.join(wrong)}. Work the right answer out from the prompt alone, then compare three texts."
    passed = len(right) - len(wrong) >= LEAST_RIGHT
    return Finding(passed, observed, expected, hint="" if passed else hint)


def causes_told_apart(work: Rung09) -> Finding:
    """Each of the four causes is recognised at least once."""
    right = right_causes(drawn(work.failures.seed))
    found = {cause for name, cause in right.items() if work.failures.causes.get(name) == cause}
    missed = sorted(set(right.values()) - found)
    expected = "each cause that occurs among your failures found at least once"
    if missed:
        hint = "A harness's fault and a model's look alike in a score: compare what was written with what was read."
        return Finding(False, f"never found: {', '.join(missed)}", expected, hint=hint)
    return Finding(True, f"found: {', '.join(sorted(found))}", expected)


def number(name: str) -> Callable[[Rung09], Finding]:
    """Return the check of one of the learner's own questions."""
    return lambda work: judge_number(work.numbers, name, SOLUTIONS)


def model_is_real(work: Rung09) -> Finding:
    """The saved model is the base, fine-tuned, it has learned, and its run is recorded."""
    finding = judge_run(work, [*run_faults(work, "full", "a full model"), *count_faults(work.run, work.trained)])
    if not finding.passed:
        return finding
    before, after = work.fresh
    if sum(after) <= sum(before) or mcnemar(before, after) >= CHANCE:
        observed = f"{sum(after)} of {len(after)} letters about new products right, the base {sum(before)}"
        cause = "The weights have moved, but not by training on tickets; or the run has hardly begun."
        return Finding(False, observed, "a fine-tune of the course's base that has learned", cause)
    return Finding(True, f"moved by {work.trained.moved:.1%}; {finding.observed}", "a fine-tune of the course's base")


def three_kinds(work: Rung09) -> Finding:
    """The table holds every task of the suite: the target, generalization, and what may have been forgotten."""
    real(work)
    expected = f"the suite's tasks of all three kinds: {', '.join(KINDS)}; the same rows before and after"
    if len(work.by_name) != len(work.outcomes.tasks):
        return Finding(False, "outcomes.json: a task stands there twice", expected, hint="Run the whole suite, once.")
    suite = {task.name: task for task in work.claimed_suite}
    if missing := [name for name in suite if name not in work.by_name]:
        kind = suite[missing[0]].kind
        hint = "What is not asked cannot be seen: run the whole suite." if kind == "general" else "Run the whole suite."
        return Finding(False, f"outcomes.json: {missing[0]!r} ({kind}) is missing", expected, hint=hint)
    for name, outcome in work.by_name.items():
        if name not in suite or outcome.kind != suite[name].kind:
            return Finding(False, f"outcomes.json: {name!r} as {outcome.kind!r} is not of the suite", expected)
        lengths = {len(outcome.before), len(outcome.after), len(suite[name])}
        if len(lengths) > 1:
            observed = f"outcomes.json: {name}: {len(outcome.before)} scores before, {len(outcome.after)} after"
            cause = "Every row counts in both runs: an answer that cannot be read is wrong, not missing."
            return Finding(False, f"{observed}, {len(suite[name])} rows", expected, cause)
    return Finding(True, f"{len(suite)} tasks of {len(KINDS)} kinds, {len(work.claimed_suite[0])} rows each", expected)


def no_table(work: Rung09, expected: str) -> Finding | None:
    """Return why there is no whole table of a real model to judge, or None: what is said of a part says too little."""
    early = three_kinds(work)
    return None if early.passed else Finding(False, early.observed, expected, early.cause, early.hint)


def same_prompts(work: Rung09) -> Finding:
    """Before and after were asked the same prompts with the same decoding: the suite's."""
    real(work)
    expected = "for each task the suite's fingerprint, before and after"
    for task in work.claimed_suite:
        outcome = work.by_name.get(task.name)
        if outcome is None:
            return Finding(False, f"outcomes.json: {task.name} is missing", expected)
        if outcome.fingerprint_before != outcome.fingerprint_after:
            cause = "The two models were asked different things, so their difference means nothing."
            return Finding(False, f"{task.name}: other prompts or decoding after than before", expected, cause)
        if outcome.fingerprint_after != task.fingerprint:
            hint = "Keep rows, prompts and token budgets as course_suite gives them."
            return Finding(False, f"{task.name}: the fingerprint is not the suite's", expected, hint=hint)
    return Finding(True, f"{len(work.claimed_suite)} fingerprints agree", expected)


def scores_are_measured(work: Rung09) -> Finding:
    """Asked again here, both models score as the table says, row by row."""
    from autograder.rung_09_measuring import MOST_DIFFERENT

    expected = f"the table's scores in all but {MOST_DIFFERENT} of the rows that are asked again, in each task"
    if early := no_table(work, expected):
        return early
    for again in work.again:
        for when, differ in (("before", again.before_differ), ("after", again.after_differ)):
            if differ > MOST_DIFFERENT:
                observed = f"{again.task}, {when}: {differ} of {again.rows} rows score otherwise here"
                hint = "Run the suite with the saved model and the base, and save what it gives."
                return Finding(False, observed, expected, "The table is not this model's.", hint)
    return Finding(True, f"{len(work.again)} tasks agree on {work.again[0].rows} rows each, before and after", expected)


def intervals_are_right(work: Rung09) -> Finding:
    """The intervals are 95% intervals of the table's own rows, those of the gains paired."""
    from autograder.rung_09_measuring import WIDTHS, gain_interval_fault, interval_fault, median_width

    expected = "95% intervals of the table's rows: of the score after, and of the paired gain"
    if early := no_table(work, expected):
        return early
    for outcome in work.outcomes.tasks:
        if fault := interval_fault(outcome) or gain_interval_fault(outcome):
            cause = "Resample rows with both their scores; 2.5% lie beyond each end."
            return Finding(False, f"{outcome.task}: {fault}", expected, cause)
    width = median_width(work.outcomes.tasks)
    if width is not None and not WIDTHS[0] <= width <= WIDTHS[1]:
        cause = "A 90% interval is 0.84 times as wide, a 99% interval 1.31 times."
        return Finding(False, f"the intervals are {width:.2f} times as wide as 95% intervals", expected, cause)
    return Finding(True, f"{2 * len(work.outcomes.tasks)} intervals are right", expected)


def tests_are_paired(work: Rung09) -> Finding:
    """The p-values pair the rows, and make up for the number of tasks."""
    from autograder.rung_09_measuring import adjusted_fault, p_fault

    expected = "McNemar's p (sign flips where scores are no shares), adjusted by Holm for all tasks"
    if early := no_table(work, expected):
        return early
    for outcome in work.outcomes.tasks:
        if fault := p_fault(outcome):
            cause = "A test of two separate samples throws away that the rows are the same."
            return Finding(False, f"{outcome.task}: {fault}", expected, cause)
    if fault := adjusted_fault(work.outcomes.tasks):
        cause = f"{len(work.outcomes.tasks)} tests at 5% raise a false alarm more often than one does."
        return Finding(False, fault, expected, cause)
    return Finding(True, f"{len(work.outcomes.tasks)} p-values are right", expected)


def it_has_learned(work: Rung09) -> Finding:
    """On letters about new products that nobody has been shown, the model is right, and by more than chance."""
    real(work)
    least, most_before = (work.threshold(name, work.run.profile) for name in ("exact_match", "before_max"))
    before, after = work.fresh
    now, then, chance = sum(after) / len(after), sum(before) / len(before), mcnemar(before, after)
    expected = f"at least {least:.0%} right tickets, the base at most {most_before:.0%}, p < {CHANCE}"
    observed = f"{now:.0%} of {len(after)} letters about new products (base {then:.0%}; McNemar p = {chance:.1g})"
    passed = now >= least and then <= most_before and chance < CHANCE
    return Finding(passed, observed, expected, hint="" if passed else "Train longer: the notebook's steps and rate do.")


def verdicts_agree(work: Rung09) -> Finding:
    """The learner's word on each task is what its rows allow; what was forgotten is called worse."""
    from shared.harness.comparison import p_value

    expected = f"for each task the word that Holm's p < {LEVEL} allows: better, worse, or no evidence"
    if early := no_table(work, expected):
        return early
    tasks = work.outcomes.tasks
    adjusted = holm([p_value(one.before, one.after) for one in tasks])
    for outcome, p in zip(tasks, adjusted, strict=True):
        gain = sum(outcome.after) / len(outcome.after) - sum(outcome.before) / len(outcome.before)
        right, said = verdict_of(gain, p), work.outcomes.conclusions.get(outcome.task)
        if said == right:
            continue
        observed = f"{outcome.task}: you say {said or 'nothing'}, its rows say {right} (gain {gain:+.3f}, p {p:.2g})"
        forgot = right == "worse" and outcome.kind == "general"
        cause = "A fine-tune that forgot must say that it forgot." if forgot else ""
        return Finding(False, observed, expected, cause, "Go by the adjusted p-value, not by the gain alone.")
    worse = sum(word == "worse" for word in work.outcomes.conclusions.values())
    return Finding(True, f"{len(tasks)} verdicts agree, {worse} of them worse", expected)


def page_is_true(work: Rung09) -> Finding:
    """Report and eval.json say what the rows say; the HTML page stands alone."""
    expected = "report.md, report.html and eval.json with the table's numbers; plots inside the page"
    if early := no_table(work, expected):
        return early
    if fault := page.record_fault(work):
        return Finding(False, f"eval.json: {fault}", expected, hint="Let the cell that saves the report write it.")
    if fault := page.text_fault(work):
        return Finding(False, fault, expected, hint="Write the page again, after the last run of the suite.")
    return Finding(True, f"{len(work.outcomes.tasks)} tasks agree in three files", expected)


def _first(faults: Sequence[tuple[str, str] | None], fine: str, expected: str) -> Finding:
    """Return the finding: the first fault (what was observed, why), or what was fine."""
    fault = next((one for one in faults if one is not None), None)
    return Finding(True, fine, expected) if fault is None else Finding(False, fault[0], expected, fault[1])


CRITERIA = [
    Criterion("interval", "interval is Wilson's", 1, "paired", interval_value),
    Criterion("interval-edges", "interval is right at the ends", 1, "paired", interval_edges),
    Criterion("paired-p", "paired_p is McNemar's exact test", 1, "paired", p_value_is_right),
    Criterion("paired-p-edges", "paired_p is right at the edges", 1, "paired", p_value_edges),
    Criterion("rows-paired", "rows are paired by their number", 1, "harness", logs(harness.order_cases)),
    Criterion("every-row-counts", "every row counts", 1, "harness", logs(harness.unreadable_cases)),
    Criterion("last-amount", "the answer is the last amount", 1, "harness", logs(harness.parser_cases)),
    Criterion("failures-read", "ten failures are read", 1, "failures", failures_read),
    Criterion("causes-apart", "the four causes are told apart", 1, "failures", causes_told_apart),
    Criterion("number-rows", "your question on rows", 1, "numbers", number("paired-rows")),
    Criterion("number-looks", "your question on looks", 1, "numbers", number("false-alarm")),
    Criterion("model-is-real", "the saved model is the base's, trained", 1, "done-when", model_is_real),
    Criterion("three-kinds", "three kinds of task, all rows", 1, "done-when", three_kinds),
    Criterion("same-prompts", "the same prompts before and after", 1, "done-when", same_prompts),
    Criterion("scores-measured", "the scores are these models'", 1, "done-when", scores_are_measured),
    Criterion("intervals", "the intervals are right", 1, "done-when", intervals_are_right),
    Criterion("paired-test", "the tests pair rows and count looks", 1, "done-when", tests_are_paired),
    Criterion("learned", "the model has learned the task", 1, "done-when", it_has_learned),
    Criterion("verdicts", "the verdicts are what the rows allow", 1, "done-when", verdicts_agree),
    Criterion("one-page", "the page says the same", 1, "done-when", page_is_true),
]
