"""How students are shared out to the workers of one machine."""

from typing import ClassVar

import pytest

from autograder.grading import jobs
from autograder.grading.settings import Outcome, Settings

SETTINGS = Settings("/course", "rung-02-sft", "version")


class Recorder:
    """Stands for a worker, and keeps what the workers were told."""

    told: ClassVar[list[Settings]] = []

    def __init__(self, settings: Settings):
        self.told.append(settings)

    def grade(self, student: str, wait: bool, then: str) -> Outcome:
        return Outcome(student, "graded")

    def stop(self) -> None:
        pass

    close = stop


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(jobs, "Worker", Recorder)
    monkeypatch.setattr(Recorder, "told", [])
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
