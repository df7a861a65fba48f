"""Verify a completion record against the files that it speaks of: nothing in it is believed.

Three questions, in this order: does the record agree with itself, are these the files, and does the checker here find
the same on them? A record with other points, other files or another's record fails at one of the three. Whose work
the files are, no record can say.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from autograder.criteria import Report
from autograder.exit_check import ExitCheck, Grade, exit_check
from autograder.exit_items import ItemState, State
from autograder.exit_record import FORMAT, CompletionRecord, RungRecord, hash_file
from shared.artifacts import ArtifactError, read_json
from shared.course import ROOT, Course

MOST_NAMED = 3  # files of a rung that are named one by one


class Verdict(NamedTuple):
    """What verifying found: differences refute the record, `untold` is what this machine cannot tell."""

    record: CompletionRecord
    differences: list[str]
    untold: list[str]
    notes: list[str]
    items: list[ItemState]

    @property
    def exit_code(self) -> int:
        """0: the record is true and every exit item is met; 1: it is not, or they are not; 2: not to be told here."""
        states = {item.state for item in self.items}
        if self.differences or State.NOT_YET in states:
            return 1
        return 2 if self.untold or states != {State.MET} else 0


def read_record(path: Path) -> CompletionRecord:
    """Return the record in a file. Raises ArtifactError, one line, for what is no record of this kind."""
    path = path.absolute()
    try:
        record = read_json(path, CompletionRecord, within=path.parent)
    except ArtifactError as error:  # its advice is about artifacts of a notebook
        raise ArtifactError(f"{str(error).partition('. ')[0]}. Make the record again with 'make exit'") from None
    if record.format != FORMAT:
        raise ArtifactError(f"{path.name}: format is {record.format[:60]!r}, expected {FORMAT!r}. Which file is this?")
    return record


def verify(record: CompletionRecord, course: Course, work: Path, grade: Grade) -> Verdict:
    """Return what the files in `work` say of the record, every check run again."""
    found = exit_check(course, work, grade)
    here = {rung.id: rung for rung in found.record.rungs}
    differences = [*_contradictions(record, course), *_missing_rungs(record, here)]
    untold: list[str] = []
    for claim in record.rungs:
        if claim.id in here:
            differences += _file_differences(claim, here[claim.id])
            report = found.reports[claim.id]
            differences += _check_differences(claim, report)
            untold += _untold(claim, report)
    differences += _item_differences(record, found)
    return Verdict(record, differences, untold, _notes(record), _only_of(record, found))


def _contradictions(record: CompletionRecord, course: Course) -> Iterator[str]:
    """Yield where the record disagrees with itself or with the course, whatever the files say."""
    ids = [claim.id for claim in record.rungs]
    yield from (f"rung {name} stands in it twice" for name in sorted({n for n in ids if ids.count(n) > 1}))
    for claim in record.rungs:
        if claim.id not in {rung.id for rung in course.rungs}:
            yield f"it speaks of rung {claim.id[:20]!r}, which the course does not have"
        if claim.score > claim.max_score:
            yield f"rung {claim.id}: {claim.score} of {claim.max_score} points"
        if claim.done != (bool(claim.passed) and all(claim.passed.values())):
            yield f"rung {claim.id}: done is {str(claim.done).lower()}, but its criteria say otherwise"
    if record.complete != (set(record.items.values()) == {State.MET}):
        yield f"complete is {str(record.complete).lower()}, but its items say otherwise"


def _missing_rungs(record: CompletionRecord, here: dict[str, RungRecord]) -> Iterator[str]:
    yield from (f"rung {claim.id}: no such work in the folder" for claim in record.rungs if claim.id not in here)


def _file_differences(claim: RungRecord, here: RungRecord) -> list[str]:
    """Return the files that are not those of the record, a line each, the rest counted."""
    lines = [f"rung {claim.id}: {name} is missing" for name in sorted(claim.files.keys() - here.files.keys())]
    lines += [f"rung {claim.id}: {name} is not in the record" for name in sorted(here.files.keys() - claim.files)]
    both = sorted(claim.files.keys() & here.files)
    lines += [f"rung {claim.id}: {n} is another file (SHA-256)" for n in both if claim.files[n] != here.files[n]]
    more = len(lines) - MOST_NAMED
    return lines if more <= 0 else [*lines[:MOST_NAMED], f"rung {claim.id}: and {more} more files"]


def _check_differences(claim: RungRecord, report: Report) -> Iterator[str]:
    """Yield where the check, run here, contradicts the record. What was not to be told there may be told here."""
    found = {result.id: result for result in report.criteria}
    if found.keys() != claim.passed.keys():
        yield f"rung {claim.id}: the record answers other criteria than this course's"
        return
    for name, said in claim.passed.items():
        if None not in (said, found[name].passed) and said != found[name].passed:
            verb = "met" if said else "not met"
            yield f"rung {claim.id}: {found[name].title}: {verb} in the record; here: {found[name].observed}"
    earned = sum(result.max_points for name, result in found.items() if claim.passed[name])
    if (claim.score, claim.max_score) != (earned, report.max_score):
        said, right = f"{claim.score} of {claim.max_score}", f"{earned} of {report.max_score}"
        yield f"rung {claim.id}: {said} points in the record, but what it says was met earns {right}"


def _untold(claim: RungRecord, report: Report) -> Iterator[str]:
    for result in report.criteria:
        if result.passed is None and claim.passed.get(result.id) is not None:
            yield f"rung {claim.id}: {result.title}: {result.observed}"


def _item_differences(record: CompletionRecord, found: ExitCheck) -> Iterator[str]:
    """Yield exit items that the record calls met and this check does not; or that the course does not have."""
    here = {item.id: item for item in found.items}
    if here.keys() != record.items.keys():
        yield "the record has other exit items than this course"
    for name, state in record.items.items():
        if state == State.MET and name in here and here[name].state not in (State.MET, State.CANNOT_TELL):
            yield f"exit item {name}: met in the record, {here[name].state} here"


def _only_of(record: CompletionRecord, found: ExitCheck) -> list[ItemState]:
    """Return the items as found here; one that rests on a rung outside the record is not met by it."""
    known = {claim.id for claim in record.rungs}
    return [
        item if item.state != State.MET or known.issuperset(item.rungs)
        else ItemState(item.id, item.title, item.rungs, State.NOT_YET, ("its rungs are not in the record",))
        for item in found.items
    ]  # fmt: skip


def _notes(record: CompletionRecord) -> list[str]:
    """Return what explains differences without being one."""
    notes = []
    if record.course != hash_file(ROOT / "course.yml"):
        notes.append("the record was made with another course.yml; the thresholds of the one that is here were asked")
    if record.hidden:
        notes.append("the record was made with an instructor's hidden rows; with other rows a score near its threshold"
                     " may end otherwise")  # fmt: skip
    return notes
