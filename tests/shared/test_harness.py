"""The harness: tasks are pinned by fingerprints, rows are never lost, and a comparison says what its rows say."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from shared.harness.comparison import HarnessError, compare, interval_of, is_share, p_value, verdict_of
from shared.harness.leak import by_leak, leak
from shared.harness.running import TaskRun, run_suite, run_task
from shared.harness.simulation import false_alarms, mcnemar_of, power
from shared.harness.suite import TRAIN_SEED, course_suite
from shared.harness.task import KINDS, Task, token_probability
from shared.significance import mcnemar, rows_needed, wilson_interval
from shared.world import messages, rows
from shared.world.tickets import ticket_of

N = 20


class Scripted:
    """Answers every row rightly, or with the same words."""

    def __init__(self, tasks, text=None):
        self.right = {row["prompt"]: row.get("completion", row.get("chosen")) for task in tasks for row in task.rows}
        self.text = text

    def complete(self, prompts, tokens):
        """Return the right texts, or the one text."""
        return [self.right[prompt] if self.text is None else self.text for prompt in prompts]

    def nats(self, asked):
        """Return a cost of ln 2 a token."""
        return [(10 * np.log(2), 10) for _ in asked]


@pytest.fixture(scope="module")
def tasks():
    return course_suite("public", N)


def test_the_suite_holds_three_kinds_of_task(tasks):
    assert {task.kind for task in tasks} == set(KINDS)
    assert all(len(task) == N for task in tasks) and len({task.name for task in tasks}) == len(tasks)
    assert len({task.fingerprint for task in tasks}) == len(tasks)


def test_a_right_answer_scores_one_and_any_other_zero(tasks):
    runs = run_suite(Scripted(tasks), tasks, progress=False)
    assert all(set(run.scores) == {1.0} for name, run in runs.items() if name != "stories")
    assert runs["stories"].scores == pytest.approx([0.5] * N)
    for text in ("", "no idea", "{}", " 7 coins.", "\0"):
        wrong = run_suite(Scripted(tasks, text), tasks, progress=False)
        assert all(set(run.scores) == {0.0} for name, run in wrong.items() if name != "stories")


def test_an_answer_that_cannot_be_read_is_wrong_and_not_missing(tasks):
    runs = run_suite(Scripted(tasks, "???"), tasks, progress=False)
    assert all(len(run.scores) == N for run in runs.values())


def test_token_probability_by_hand():
    assert token_probability(np.log(16), 2) == pytest.approx(0.25)


@pytest.mark.parametrize("change", [{"tokens": 47}, {"metric": "other"}, {"name": "x"}])
def test_whatever_changes_a_task_changes_its_fingerprint(tasks, change):
    assert dataclasses.replace(tasks[0], **change).fingerprint != tasks[0].fingerprint
    assert dataclasses.replace(tasks[0], rows=tasks[0].rows[::-1]).fingerprint != tasks[0].fingerprint
    assert course_suite("public", N)[0].fingerprint == tasks[0].fingerprint


def test_no_row_of_the_suite_is_a_training_row():
    trained = {row["prompt"] for row in rows("tickets", "train", 600, TRAIN_SEED)}
    asked = [task for task in course_suite("public", 200) if task.metric == "exact ticket"]
    assert not trained & {prompt for task in asked for prompt in task.prompts}
    with pytest.raises(ValueError, match="draws the training rows"):
        course_suite("public", N, TRAIN_SEED)


def test_longer_letters_are_longer_and_mean_the_same(tasks):
    new, longer = (next(task for task in tasks if task.name == name) for name in ("new products", "longer letters"))
    for short, long in zip(new.rows, longer.rows, strict=True):
        letter = short["prompt"].removeprefix("Message: ").removesuffix("\nTicket:")
        assert long["prompt"].endswith(f" {letter}\nTicket:") and long["ticket"] == short["ticket"]
        assert [ticket_of(meaning) for meaning in messages.read(letter)] == [long["ticket"]]
        assert len(long["prompt"]) > len(short["prompt"]) + 60


def test_the_hidden_suite_differs_by_its_secret(monkeypatch):
    made = []
    for secret in ("one", "two"):
        monkeypatch.setenv("COURSE_HIDDEN_SEED", secret)
        made.append([task.fingerprint for task in course_suite("hidden", 5) if task.name != "tickets"])
    assert not set(made[0]) & set(made[1])


def two_runs(tasks, after):
    before = run_suite(Scripted(tasks, "no"), tasks, progress=False)
    return before, run_suite(after, tasks, progress=False)


def test_a_comparison_says_what_its_rows_say(tasks):
    table = compare(tasks, *two_runs(tasks, Scripted(tasks)))
    one = table["sorting"]
    assert (one.means, one.gain, one.verdict) == ((0.0, 1.0), 1.0, "better")
    assert one.interval == wilson_interval(N, N) and one.p == mcnemar([False] * N, [True] * N)
    assert table["stories"].verdict == "no evidence" and table["stories"].gain == 0


def test_a_run_of_other_rows_is_refused(tasks):
    before, after = two_runs(tasks, Scripted(tasks))
    other = run_suite(Scripted(course_suite("public", N, 2)), course_suite("public", N, 2), progress=False)
    with pytest.raises(HarnessError, match="the run after had other rows, another metric or decoding"):
        compare(tasks, before, other)
    with pytest.raises(HarnessError, match="tickets: not in the run before"):
        compare(tasks, {}, after)


@pytest.mark.parametrize(
    ("gain", "p", "word"), [(0.1, 0.01, "better"), (-0.1, 0.01, "worse"), (0.9, 0.05, "no evidence")]
)
def test_verdicts(gain, p, word):
    assert verdict_of(gain, p) == word


def test_scores_that_are_no_shares_get_the_bootstrap_and_sign_flips():
    stream = np.random.default_rng(0)
    before = stream.uniform(0.3, 0.5, 100).tolist()
    after = (np.array(before) + stream.normal(0.02, 0.02, 100)).tolist()
    assert not is_share(before) and p_value(before, after) < 0.001
    low, high = interval_of(after)
    assert low < np.mean(after) < high and high - low == pytest.approx(3.92 * np.std(after) / 10, rel=0.15)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_from_counts_is_mcnemar_from_rows(better, worse):
    before, after = [False] * better + [True] * worse + [True], [True] * better + [False] * worse + [True]
    assert mcnemar_of(better, worse) == mcnemar(before, after)
    if better + worse:
        assert mcnemar_of(better, worse) == pytest.approx(binomtest(better, better + worse).pvalue)


@settings(deadline=None, max_examples=5)
@given(st.sampled_from([(0.03, 0.10), (0.05, 0.2), (0.04, 0.08)]))
def test_the_formula_for_rows_gives_the_power_that_simulation_finds(setting):
    """The exact test is cautious, so its power lies a little below the formula's 80%, and not above."""
    found = power(*setting, rows_needed(*setting), trials=4000)
    assert 0.74 <= found <= 0.82


def test_peeking_raises_false_alarms_and_one_look_does_not():
    once, often = false_alarms(1, trials=2000), false_alarms(20, trials=2000)
    assert once <= 0.05 + 0.015 and often >= 0.15


def test_leaked_rows_are_every_second_one(tasks):
    new = tasks[1]
    leaked = leak(new)
    assert [row["prompt"] for row in leaked] == new.prompts[::2] and set(leaked[0]) == {"prompt", "completion"}
    assert by_leak(new, list(range(N))) == {"leaked": list(range(0, N, 2)), "not leaked": list(range(1, N, 2))}
    with pytest.raises(ValueError, match="expected 20 scores"):
        by_leak(new, [1.0])


def test_a_run_keeps_the_order_of_the_rows(tasks):
    run = run_task(Scripted(tasks), tasks[0])
    assert isinstance(run, TaskRun) and run.texts == [row["completion"] for row in tasks[0].rows]


def test_a_task_of_one_row_is_a_task():
    task = Task("one", "general", [{"prompt": "a", "completion": "b"}], "x", 4, lambda text, row: float(text == "b"))
    assert run_task(Scripted([task]), task).scores == [1.0]
