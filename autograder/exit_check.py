"""The exit check: grade every rung that is there, judge the exit items, write the page and the record."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from autograder.criteria import Report
from autograder.exit_items import ItemState, State, judge_items
from autograder.exit_record import CompletionRecord, files_of, hash_files, make_record
from autograder.runner import device_here
from autograder.workplace import NoWorkError, find_work
from shared.artifacts import ArtifactError
from shared.course import Course, Rung

Grade = Callable[[str, Path], Report]

AT_ONCE = {"cpu": 2, "cuda": 1}  # checks; two could want more memory than a GPU has


class ExitCheck(NamedTuple):
    """What an exit check found: reports by rung, the items, and the record of both."""

    reports: dict[str, Report | None]
    items: list[ItemState]
    record: CompletionRecord


def exit_check(course: Course, work: Path, grade: Grade) -> ExitCheck:
    """Return what the folder `work` of all rungs bears out.

    Raises ArtifactError when files change while they are checked: the record would speak of others.
    """
    begun = [(rung, folder) for rung in course.rungs if rung.built and (folder := folder_of(rung, work))]
    with ThreadPoolExecutor(AT_ONCE[device_here(course)]) as pool:
        found = pool.map(lambda one: _checked(*one, grade), begun)
        checked = {rung.id: one for (rung, _), one in zip(begun, found, strict=True)}
    reports = {rung.id: None for rung in course.rungs} | {name: one.report for name, one in checked.items()}
    files = {name: one.files for name, one in checked.items()}
    hashes = {name: one.hashes for name, one in checked.items()}
    return ExitCheck(reports, judge_items(course, reports), make_record(course, reports, files, hashes))


class _Checked(NamedTuple):
    """A rung's report, and the files that it is about."""

    report: Report
    files: dict[str, Path]
    hashes: dict[str, str]


def _checked(rung: Rung, folder: Path, grade: Grade) -> _Checked:
    files = files_of(rung, folder)
    hashes = hash_files(files)
    report = grade(rung.id, folder)
    if hash_files(files_of(rung, folder)) != hashes:
        raise ArtifactError(f"rung {rung.id}: its files changed while they were checked. Let the notebook end")
    return _Checked(report, files, hashes)


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
