"""How students are shared out to the workers of one machine."""

import itertools
from typing import ClassVar

import pytest

from autograder.grading import jobs
from autograder.grading.settings import Outcome, Settings

SETTINGS = Settings("/course", "rung-02-sft", "version")


class Recorder:
    """Stands for a worker, and keeps what the workers were told."""

    told: ClassVar[list[Settings]] = []
    asked: ClassVar[list[tuple[int, str, str]]] = []

    def __init__(self, settings: Settings):
        self.told.append(settings)
        self.number = len(self.told)

    def grade(self, student: str, wait: bool, then: str) -> Outcome:
        self.asked.append((self.number, student, then))
        return Outcome(student, "graded")

    def stop(self) -> None:
        pass

    close = stop


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(jobs, "Worker", Recorder)
    monkeypatch.setattr(Recorder, "told", [])
    monkeypatch.setattr(Recorder, "asked", [])
    return Recorder.told


@pytest.mark.parametrize(
    ("cores", "workers", "threads"), [(1, 1, 1), (2, 1, 2), (2, 2, 1), (4, 2, 2), (4, 3, 1), (16, 2, 2), (2, 8, 1)]
)
def test_a_verdict_has_two_threads_where_there_are_cores_for_it(told, monkeypatch, cores, workers, threads):
    monkeypatch.setattr(jobs.os, "sched_getaffinity", lambda pid: range(cores), raising=False)
    seen = []
    jobs.run_jobs(SETTINGS, [f"learner-{number}" for number in range(9)], workers, seen.append)
    assert [settings.threads for settings in told] == [threads] * workers
    assert sorted(outcome.student for outcome in seen) == [f"learner-{number}" for number in range(9)]


def test_there_are_no_more_workers_than_students(told):
    jobs.run_jobs(SETTINGS, ["ada"], 4, lambda outcome: None)
    assert len(told) == 1


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_worker_is_told_who_is_next_while_there_is_enough_for_all(told, workers):
    students = [f"learner-{number}" for number in range(12)]
    jobs.run_jobs(SETTINGS, students, workers, lambda outcome: None)
    assert sorted(student for _, student, _ in Recorder.asked) == sorted(students)
    for number in range(1, workers + 1):
        own = [(student, then) for worker, student, then in Recorder.asked if worker == number]
        assert all(then == following for (_, then), (following, _) in itertools.pairwise(own) if then)
    told_of = [then for _, _, then in Recorder.asked if then]
    assert len(told_of) >= len(students) // 2 and len(set(told_of)) == len(told_of)


def test_the_last_students_are_left_to_whoever_is_free(told):
    """Of two students and two workers none is kept for a worker that has one."""
    jobs.run_jobs(SETTINGS, ["ada", "ben"], 2, lambda outcome: None)
    assert [then for _, _, then in Recorder.asked] == ["", ""]
