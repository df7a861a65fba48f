"""Rung 09, solved in other ways: each of these submissions is right, and passes."""

import dataclasses

import pytest
from example_adapter import report_on, write_rung
from example_evals import COUNTS, PAIRED, Actor, honest_table, notebook_09, write_causes, write_table
from example_work import failed, said

from autograder import rung_09_harness as harness
from autograder import rung_09_paired as paired
from autograder.rung_09_failures import right_causes
from shared.harness.failures import CAUSES, drawn
from shared.significance import sign_flip

INTERVALS = {
    "solved as a quadratic": "import math\n"
    "def interval(right, n):\n"
    "    z, p = 1.96, right / n\n"
    "    a, b, c = 1 + z * z / n, -(2 * p + z * z / n), p * p\n"
    "    root = math.sqrt(max(0, b * b - 4 * a * c))\n"
    "    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]\n",
    "a NumPy array": "import numpy as np\n"
    "def interval(right, n):\n"
    "    z, p = 1.959964, right / n\n"
    "    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))\n"
    "    ends = (p + z**2 / (2 * n) + np.array([-half, half])) / (1 + z**2 / n)\n"
    "    return np.clip(ends, 0, 1)\n",
}
TESTS = {
    "term by term": "def paired_p(before, after):\n"
    "    up = sum(1 for b, a in zip(before, after) if a > b)\n"
    "    down = sum(1 for b, a in zip(before, after) if a < b)\n"
    "    n, k = up + down, max(up, down)\n"
    "    if n == 0 or up == down:\n        return 1\n"
    "    return sum(2 * math.comb(n, j) for j in range(k, n + 1)) / 2**n\n",
    "with logarithms": "def paired_p(before, after):\n"
    "    up = sum(a and not b for b, a in zip(before, after))\n"
    "    down = sum(b and not a for b, a in zip(before, after))\n"
    "    n = up + down\n"
    "    lg = lambda k: math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)\n"
    "    return min(1.0, 2 * sum(math.exp(lg(k)) for k in range(min(up, down) + 1)))\n",
}
OTHER_COUNTS = """
def paired_counts(before, after, right):
    counts = [len(right), 0, 0, 0, 0]
    for row, want in enumerate(right):
        hits = []
        for log in (before, after):
            text = next((text for number, text in log if number == row), None)
            found = [] if text is None else re.findall("([0-9]+) coins", text)
            hits.append(bool(found) and found[-1] == str(want))
        counts[1] += hits[0]
        counts[2] += hits[1]
        counts[3] += hits[1] and not hits[0]
        counts[4] += hits[0] and not hits[1]
    return tuple(counts)
"""

pytestmark = pytest.mark.usefixtures("as_if_trained")


def own_part(name: str) -> str:
    return PAIRED[PAIRED.index(f"def {name}") :].partition("\ndef ")[0]


@pytest.mark.parametrize("name", INTERVALS)
def test_other_intervals_are_as_good(evals_work, without_children, name):
    write_rung("09", notebook_09(f"{INTERVALS[name]}\n{own_part('paired_p')}"), evals_work)
    report = report_on("09", evals_work, "paired")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("name", TESTS)
def test_other_tests_are_as_good(evals_work, without_children, name):
    write_rung("09", notebook_09(f"import math\n{own_part('interval')}\n{TESTS[name]}"), evals_work)
    report = report_on("09", evals_work, "paired")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("counts", [COUNTS, OTHER_COUNTS])
@pytest.mark.parametrize("seed", range(10))
def test_right_functions_pass_whatever_is_drawn(evals_work, without_children, counts, seed):
    write_rung("09", notebook_09(counts=counts), evals_work)
    report = report_on("09", evals_work, "paired", "harness", seed=seed)
    assert report.done, [said(result) for result in report.criteria if not result.passed]


def test_the_oracles_agree_with_what_is_worked_out_by_hand():
    assert paired.IntervalCase("all", 10, 10).ends == pytest.approx((0.7225, 1), abs=5e-5)
    assert paired.paired_cases(0)[0].p == pytest.approx(0.625)
    assert harness.counted([False, True, False, True], [True, False, True, True]) == [4, 2, 3, 2, 1]


@pytest.mark.slow
def test_the_functions_pass_in_their_own_processes(evals_work):
    assert report_on("09", evals_work, "paired", "harness").score == 7


@pytest.mark.parametrize("seed", range(5))
def test_a_right_submission_is_done(evals_work, actors, without_children, seed):
    report = report_on("09", evals_work, seed=seed)
    assert failed(report) == set() and report.score == report.max_score == 20


def test_a_larger_suite_with_another_seed_of_rows_is_as_good(evals_work, actors, tiny_base):
    write_table(evals_work, tiny_base, honest_table(200))
    assert report_on("09", evals_work, "done-when").done


def test_a_fine_tune_that_forgot_nothing_may_say_so(evals_work, actors, tiny_base):
    from example_evals import AFTER, BASE_ACTOR, BEFORE, N, runs_of, suite

    from shared.harness.comparison import compare

    general = {task: BEFORE[task] for task in ("reading", "order totals", "sorting", "replies")}
    gentle = Actor({**AFTER, **general}, 0.7)
    actors(gentle)
    table = compare(suite(N), runs_of(BASE_ACTOR), runs_of(gentle))
    write_table(evals_work, tiny_base, table)
    assert {table[task].verdict for task in general} == {"no evidence"}
    assert report_on("09", evals_work, "done-when").done


def changed(**fields):
    """Return the honest table with every line changed: a function of the line for each field."""
    return {
        name: dataclasses.replace(one, **{field: change(one) for field, change in fields.items()})
        for name, one in honest_table().items()
    }


def normal_interval(one, z=1.96):
    gains = [a - b for b, a in zip(one.before, one.after)]
    mean = sum(gains) / len(gains)
    half = z * (sum((gain - mean) ** 2 for gain in gains) / (len(gains) - 1) / len(gains)) ** 0.5
    return mean - half, mean + half


@pytest.mark.parametrize(
    "fields",
    [
        {"gain_interval": normal_interval},
        {"p_adjusted": lambda one: min(1.0, 9 * one.p)},
        {"p": lambda one: sign_flip(one.before, one.after, seed=4)},
    ],
    ids=["a normal interval of the paired gain", "Bonferroni", "sign flips throughout"],
)
def test_other_sound_statistics_are_as_good(evals_work, actors, tiny_base, fields):
    from shared.significance import holm

    table = changed(**fields)
    if "p" in fields:
        adjusted = holm([one.p for one in table.values()])
        table = {name: dataclasses.replace(table[name], p_adjusted=p) for name, p in zip(table, adjusted, strict=True)}
    write_table(evals_work, tiny_base, table)
    report = report_on("09", evals_work, "done-when")
    assert report.done, [said(result) for result in report.criteria if not result.passed]


@pytest.mark.parametrize("seed", range(40))
def test_every_draw_holds_each_cause_and_the_readers_find_it(seed):
    made = drawn(seed)
    assert len({one.name for one in made}) == 10
    assert set(right_causes(made).values()) == set(CAUSES)


def test_two_misread_failures_are_forgiven(evals_work):
    def two_wrong(causes):
        common = max(set(causes.values()), key=list(causes.values()).count)
        names = [name for name, cause in causes.items() if cause == common][:2]
        return {**causes, **dict.fromkeys(names, "model" if common != "model" else "parser")}

    write_causes(evals_work, two_wrong, seed=7)
    assert report_on("09", evals_work, "failures").done
