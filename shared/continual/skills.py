"""Three skills, learned one after the other: tickets, order totals with their working, and one-sentence notes.

The base writes no ticket and no note, and gets about a quarter of the totals right (greedy), so each skill is seen to
be learned. The first and the third read the same customers' letters, the second reads orders.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shared.harness.task import Row, Task
from shared.scoring import exact_ticket
from shared.world import notes, orders, rows
from shared.world.splits import Split

TOKENS = {"tickets": 48, "totals": 56, "notes": 48}  # the longest right answer, and a little more
WORLD_TASK = {"tickets": "tickets", "totals": "orders", "notes": "notes"}
SKILLS = tuple(WORLD_TASK)
TRAIN_ROWS = 600


class Lesson(NamedTuple):
    """How a skill is taught: learning rate on each profile, and steps of 16 rows."""

    rates: dict[str, float]
    steps: int


LESSONS = {
    "tickets": Lesson({"pocket": 1e-3, "gpu": 2e-5}, 250),
    "totals": Lesson({"pocket": 1e-3, "gpu": 2e-5}, 80),
    "notes": Lesson({"pocket": 1e-3, "gpu": 2e-5}, 60),
}


def lesson_rows(skill: str, n: int = TRAIN_ROWS, seed: int = 0) -> list[dict]:
    """Return n training rows of a skill, prompt and completion. A total's completion shows its working."""
    return [{key: row[key] for key in ("prompt", "completion")} for row in rows(WORLD_TASK[skill], "train", n, seed)]


def exam(split: Split = "public", n: int = 200, seed: int = 1) -> list[Task]:
    """Return one task a skill, in the order in which they are learned, on items and sums that training never names."""
    return [_task(skill, rows(WORLD_TASK[skill], split, n, seed)) for skill in SKILLS]


def _task(skill: str, asked: Sequence[Row]) -> Task:
    metric, score = _SCORES[skill]
    return Task(skill, "target", asked, metric, TOKENS[skill], score)


def _ticket(text: str, row: Row) -> float:
    return float(exact_ticket(text, row["ticket"]))


def _total(text: str, row: Row) -> float:
    return float(orders.is_right(text, row["total"]))


def _note(text: str, row: Row) -> float:
    return float(notes.is_right(text, str(row["chosen"])))


_SCORES = {"tickets": ("exact ticket", _ticket), "totals": ("right total", _total), "notes": ("right note", _note)}
