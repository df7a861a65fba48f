"""Is the model better on the public test than on rows that nobody can have seen?

Asked only when an instructor grades with a secret (`shared.world.secret`). What is found is said in one line of the
report and costs no points: those are given for the hidden rows, which is penalty enough for whoever learned the public
ones, and a test can err. A submission's rows are drawn from the secret alone, so grading it again is no second look.

A gap is said when public rows are right more often than hidden ones by more than `allowance`, with confidence
1 - LEVEL over all of a rung's looks. The allowance is for hidden rows that happen to be harder than public ones: about
other products, in other wordings. What honest models show is measured, on the pocket base alone
(`shared/measured/hidden.json`).
"""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from autograder.criteria import Report, one_line
from shared.significance import wilson_interval

if TYPE_CHECKING:  # NumPy comes with it: a check of JSON alone stays quick
    from autograder.reevaluation import Engine
    from autograder.submission import Submission

LEVEL = 1e-3  # two honest gradings in a thousand are doubted at the most (the interval misses by a factor below 2)
ALIKE = 0.05  # allowance between rows that differ in products, people and numbers alone
HARD = 0.35  # allowance between two sets of three wordings
HARD_ROWS, ROWS_SEED = 60, 1
HARD_NAME = "letters in the hardest wordings"


class Look(NamedTuple):
    """Right answers and rows of the public test, the same of hidden rows, and how far honest models may differ."""

    name: str
    public: tuple[int, int]
    hidden: tuple[int, int]
    allowance: float = ALIKE


def look(name: str, public: Sequence[bool], hidden: Sequence[bool], allowance: float = ALIKE) -> Look:
    """Return the look at rows that are right or not."""
    return Look(name, (sum(public), len(public)), (sum(hidden), len(hidden)), allowance)


def hard_look(engine: "Engine") -> Look:
    """Let a ticket model answer letters in wordings that it gets right only if it has been taught them.

    The training rows do not teach them: models trained on those rows alone have nearly all of them wrong, the public
    ones as the hidden ones. Whoever has trained on public test rows has the public ones right.
    """
    from shared.world.tickets import hard_rows

    asked = [*hard_rows("public", HARD_ROWS, ROWS_SEED), *hard_rows("hidden", HARD_ROWS, ROWS_SEED)]
    right = [answer.kind == "correct" for answer in engine.answers(asked)]
    return look(HARD_NAME, right[:HARD_ROWS], right[HARD_ROWS:], HARD)


def least_gap(public: tuple[int, int], hidden: tuple[int, int], level: float) -> float:
    """Return the least by which the public share exceeds the hidden one, with one-sided confidence 1 - `level`.

    The lower end of Newcombe's interval for the difference of two independent shares (1998, Statistics in Medicine 17,
    873-890, method 10), which joins the ends of the two Wilson intervals.
    """
    (a, n), (b, m) = public, hidden
    low, _ = wilson_interval(a, n, 1 - 2 * level)
    _, high = wilson_interval(b, m, 1 - 2 * level)
    return a / n - b / m - sqrt((a / n - low) ** 2 + (high - b / m) ** 2)


def found(looks: Sequence[Look]) -> Look | None:
    """Return the look with the widest gap beyond its allowance, or None; each look gets its share of LEVEL."""
    beyond = {one: least_gap(one.public, one.hidden, LEVEL / len(looks)) - one.allowance for one in looks}
    widest = max(looks, key=beyond.__getitem__, default=None)
    return widest if widest is not None and beyond[widest] > 0 else None


def said(one: Look) -> str:
    """Return what learner and instructor are told of a gap."""
    (a, n), (b, m) = one.public, one.hidden
    return (
        f"GAP: right in {a / n:.0%} of {n} {one.name} of the public test and {b / m:.0%} of {m} that you cannot have "
        "seen: were test rows, or wordings taken from them, in the training data? This costs no points."
    )


def with_gap(report: Report, work: "Submission") -> Report:
    """Return the report with the gap, if there is one, in front of what the submission's `gap_criterion` observed.

    Nothing is looked at where the points are given for public rows, or where that criterion is not asked. It never
    raises: a model that cannot be measured is said to be so by the criteria.
    """
    place = next((i for i, result in enumerate(report.criteria) if result.id == work.gap_criterion), None)
    if work.split != "hidden" or place is None:
        return report
    try:
        gap = found(work.gap_looks())
    except Exception:  # whatever keeps it from being measured is a criterion's to say
        return report
    if gap is None:
        return report
    result = report.criteria[place]
    told = result.model_copy(update={"observed": one_line(f"{said(gap)} {result.observed}")})
    return report.model_copy(update={"criteria": [*report.criteria[:place], told, *report.criteria[place + 1 :]]})
