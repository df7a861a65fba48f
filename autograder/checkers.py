"""Find a rung's checker: the module `autograder.rung_NN_slug` with its criteria and its kind of submission."""

import importlib
from collections.abc import Collection
from typing import NamedTuple

from autograder.criteria import Criterion
from autograder.submission import Submission
from shared.course import Rung


class CheckerError(Exception):
    """There is no checker for what was asked. One line."""


class Checker(NamedTuple):
    """What a rung's checker module offers."""

    criteria: list[Criterion]
    submission: type[Submission]


def checker_of(rung: Rung, cells: Collection[str] | None = None) -> Checker:
    """Return the rung's checker, with the criteria of the graded `cells` only if any are given.

    Raises CheckerError for a rung that is not built yet and for a cell that the rung does not have.
    """
    if not rung.built:
        raise CheckerError(f"rung {rung.id} ({rung.title}) is not built yet; nothing can be checked")
    module = importlib.import_module(f"autograder.rung_{rung.id}_{rung.slug.replace('-', '_')}")
    known = {criterion.cell for criterion in module.CRITERIA}
    for cell in cells or ():
        if cell not in known:
            names = ", ".join(sorted(known))
            raise CheckerError(f"rung {rung.id} has no graded cell {cell!r}; expected one of {names}")
    wanted = [criterion for criterion in module.CRITERIA if cells is None or criterion.cell in cells]
    return Checker(wanted, module.Submission)
