"""What a check is: criteria with points, what each one found, and the report that they add up to.

A rung's checker is a list of `Criterion`. Each criterion asks one question of a submission and answers with a
`Finding`; `judge` asks them all and adds up the points of those that passed. Anything that goes wrong on the way
counts as not passed: no exception leaves `judge`, and none of them earns a point.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.safe_files import ArtifactError

LONGEST_LINE = 400  # characters: enough for a sentence and a file name, too few to flood a screen
LONGEST_HINT = 800


class CannotTell(Exception):
    """The question cannot be answered on this machine. The message is one line: why, and where it can be."""


class NotMet(Exception):
    """The criterion is not met, found somewhere below its check function. The message is what was observed."""

    def __init__(self, observed: str, *, cause: str = "", hint: str = ""):
        super().__init__(observed)
        self.cause, self.hint = cause, hint


@dataclass(frozen=True)
class Finding:
    """The answer to one question. `passed` is None when it cannot be answered here."""

    passed: bool | None
    observed: str
    expected: str
    cause: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Criterion:
    """One question with its points. `cell` is the graded notebook cell that the points belong to."""

    id: str
    title: str
    points: int
    cell: str
    check: Callable[[Any], Finding]


class Result(BaseModel):
    """One criterion's line in the report. `passed` is None when it cannot be told here; that earns nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: str
    title: str
    passed: bool | None
    points: int
    max_points: int
    observed: str = Field(max_length=LONGEST_LINE)
    expected: str = Field(max_length=LONGEST_LINE)
    hint: str = Field(max_length=LONGEST_HINT)
    cell: str


class Report(BaseModel):
    """What a check found: `done` only when every criterion passed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rung: str
    done: bool
    score: int
    max_score: int
    criteria: list[Result]

    @property
    def undecided(self) -> bool:
        """Whether nothing failed, but something could not be told on this machine."""
        return not self.done and all(result.passed is not False for result in self.criteria)

    def of_cell(self, cell: str) -> list[Result]:
        """Return the results that belong to one graded cell."""
        return [result for result in self.criteria if result.cell == cell]


class HasCells(Protocol):
    """What every submission can say of its graded cells."""

    def require_cell(self, cell: str) -> None:
        """Raise NotMet when the cell is missing from the notebook."""

    def is_running(self, cell: str) -> bool:
        """Return whether a learner's function for this cell is at work, so that asking for it would mean waiting."""


def judge(rung: str, criteria: Sequence[Criterion], submission: HasCells) -> Report:
    """Ask every criterion of `submission` and add up. Never raises for anything that a submission holds.

    Criteria whose answers are still being worked out are asked last, so that the rest is checked meanwhile.
    """
    in_turn = sorted(criteria, key=lambda criterion: submission.is_running(criterion.cell))
    findings = {criterion.id: _ask(criterion, submission) for criterion in in_turn}
    return add_up(rung, [_result(criterion, findings[criterion.id]) for criterion in criteria])


def add_up(rung: str, results: list[Result]) -> Report:
    """Return the report of `results`: the sum of their points, done when all passed."""
    return Report(
        rung=rung,
        done=bool(results) and all(result.passed for result in results),
        score=sum(result.points for result in results),
        max_score=sum(result.max_points for result in results),
        criteria=results,
    )


def all_failed(rung: str, criteria: Sequence[Criterion], finding: Finding) -> Report:
    """Return the report in which every criterion ends in the same `finding`; used when nothing could be checked."""
    return add_up(rung, [_result(criterion, finding) for criterion in criteria])


def recount(report: Report, criteria: Sequence[Criterion]) -> Report:
    """Return `report` with titles, cells and points taken from `criteria`; only what was found is kept.

    Raises ValueError when the report does not answer exactly these criteria, in this order.
    """
    if [result.id for result in report.criteria] != [criterion.id for criterion in criteria]:
        raise ValueError("the report does not answer the rung's criteria")
    findings = [Finding(r.passed, r.observed, r.expected, hint=r.hint) for r in report.criteria]
    return add_up(report.rung, [_result(c, f) for c, f in zip(criteria, findings, strict=True)])


def one_line(text: object, limit: int = LONGEST_LINE) -> str:
    """Return `text` as one printable line of at most `limit` characters: it may quote a learner's file."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text)[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _ask(criterion: Criterion, submission: HasCells) -> Finding:
    expected = criterion.title
    try:
        submission.require_cell(criterion.cell)
        finding = criterion.check(submission)
        if not isinstance(finding, Finding):
            raise TypeError(f"{criterion.id} gave {finding!r} instead of a finding")
        return finding
    except NotMet as error:
        return Finding(False, str(error), expected, error.cause, error.hint)
    except ArtifactError as error:
        return Finding(False, str(error), expected)
    except CannotTell as error:
        return Finding(None, str(error), expected, hint="No points until it is checked where that is possible.")
    except MemoryError:
        return Finding(False, "the check ran out of memory", expected)
    except Exception as error:  # our own fault, yet it must neither pass nor stop the other criteria
        observed = f"the checker itself failed ({type(error).__name__}: {error})"
        return Finding(None, observed, expected, hint="Report this to whoever runs the course, with this line.")


def _result(criterion: Criterion, finding: Finding) -> Result:
    passed = finding.passed if finding.passed is None else bool(finding.passed)
    return Result(
        id=criterion.id,
        title=criterion.title,
        passed=passed,
        points=criterion.points if passed else 0,
        max_points=criterion.points,
        observed=one_line(finding.observed),
        expected=one_line(finding.expected),
        hint=one_line(f"{finding.cause} {finding.hint}", LONGEST_HINT),
        cell=criterion.cell,
    )
