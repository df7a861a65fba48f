"""The exit check: grade every rung that is there, judge the exit items, write the page and the record."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from autograder.criteria import Report
from autograder.exit_items import ItemState, State, judge_items
from autograder.exit_record import CompletionRecord, files_of, hash_files, make_record
from autograder.workplace import NoWorkError, find_work
from shared.artifacts import ArtifactError
from shared.course import Course, Rung

Grade = Callable[[str, Path], Report]


class ExitCheck(NamedTuple):
    """What an exit check found: reports by rung, the items, and the record of both."""

    reports: dict[str, Report | None]
    items: list[ItemState]
    record: CompletionRecord


def exit_check(course: Course, work: Path, grade: Grade) -> ExitCheck:
    """Return what the folder `work` of all rungs bears out.

    Raises ArtifactError when files change while they are checked: the record would speak of others.
    """
    reports, files, hashes = {}, {}, {}
    for rung in course.rungs:
        folder = folder_of(rung, work) if rung.built else None
        reports[rung.id] = None
        if folder is not None:
            files[rung.id] = files_of(rung, folder)
            hashes[rung.id] = hash_files(files[rung.id])
            reports[rung.id] = grade(rung.id, folder)
            if hash_files(files_of(rung, folder)) != hashes[rung.id]:
                raise ArtifactError(f"rung {rung.id}: its files changed while they were checked. Let the notebook end")
    return ExitCheck(reports, judge_items(course, reports), make_record(course, reports, files, hashes))


def folder_of(rung: Rung, work: Path) -> Path | None:
    """Return the rung's folder in the learner's `work`, or None when it has not been begun."""
    try:
        return find_work(rung, work)
    except NoWorkError:
        return None


def exit_code_of(items: list[ItemState]) -> int:
    """Return 0 when all items are met, 1 when one is not yet, else 2: what is left cannot be told here."""
    states = {item.state for item in items}
    if states == {State.MET}:
        return 0
    return 1 if State.NOT_YET in states else 2
