"""The exit items: which of them the rungs' reports bear out, what is missing, and what to do next.

An item is met when every rung that leads to it is done, by a report that the runner has just made. What a learner's
files say of themselves is not asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autograder.criteria import Report, Result
from shared.course import Course, ExitItem, Rung

Reports = Mapping[str, Report | None]  # by the rung's id; None where a rung is not built or not begun


class State(StrEnum):
    """How an exit item stands."""

    MET = "met"
    NOT_YET = "not yet"
    CANNOT_TELL = "cannot tell here"
    NOT_BUILT = "not built yet"


@dataclass(frozen=True)
class ItemState:
    """One exit item. `missing` is a line a criterion; `prose_points` wait for a human reader."""

    id: str
    title: str
    rungs: tuple[str, ...]
    state: State
    missing: tuple[str, ...] = ()
    next_step: str = ""
    prose_points: int = 0


def rung_state(rung: Rung, report: Report | None) -> str:
    """Return how a rung stands, in words: planned, not begun, begun, cannot tell here, done."""
    if not rung.built:
        return "planned"
    if report is None:
        return "not begun"
    if report.done:
        return "done"
    return "cannot tell here" if report.undecided else "begun"


def judge_items(course: Course, reports: Reports) -> list[ItemState]:
    """Return every exit item of the course as the reports bear it out, in the course's order."""
    return [_judge(item, [r for r in course.rungs if item.id in r.exit_items], reports) for item in course.exit_items]


def _judge(item: ExitItem, rungs: list[Rung], reports: Reports) -> ItemState:
    open_rungs = [(rung, reports.get(rung.id)) for rung in rungs if rung_state(rung, reports.get(rung.id)) != "done"]
    prose = sum(rung.prose_points for rung in rungs)
    names = tuple(rung.id for rung in rungs)
    if not open_rungs:
        return ItemState(item.id, item.title, names, State.MET, prose_points=prose)
    # What the learner can do something about comes first; what nobody can do here comes last.
    order = ("not begun", "begun", "cannot tell here", "planned")
    open_rungs.sort(key=lambda pair: order.index(rung_state(*pair)))
    states = {"planned": State.NOT_BUILT, "cannot tell here": State.CANNOT_TELL}
    state = states.get(rung_state(*open_rungs[0]), State.NOT_YET)
    missing = tuple(line for pair in open_rungs for line in _missing(*pair))
    return ItemState(item.id, item.title, names, state, missing, _next_step(*open_rungs[0]), prose)


def _missing(rung: Rung, report: Report | None) -> list[str]:
    """Return what a rung lacks, a line a criterion."""
    if not rung.built:
        return [f"rung {rung.id} ({rung.title}) is not built in this version of the course"]
    if report is None:
        return [f"rung {rung.id} ({rung.title}) has not been begun"]
    return [f"rung {rung.id}: {result.title}. Observed: {result.observed}" for result in _open(report)]


def _next_step(rung: Rung, report: Report | None) -> str:
    if not rung.built:
        return f"Nothing can be done for it here: wait for a version of the course with rung {rung.id}."
    if report is None:
        return f"Run 'make lab' and open {rung.folder}/{rung.folder}.ipynb."
    first = _open(report)[0]
    if report.undecided:
        return f"{first.hint} Then run 'make exit' there.".strip()
    return f"{first.hint or 'Mend it in the notebook.'} Then run 'make check-rung-{rung.id}'."


def _open(report: Report) -> list[Result]:
    """Return the results that are not met, failures before what cannot be told."""
    return sorted((r for r in report.criteria if not r.passed), key=lambda result: result.passed is None)
