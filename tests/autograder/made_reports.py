"""Reports that nobody had to work for: what the tests of the command line and of the notebook's `check` show."""

from autograder.checkers import checker_of
from autograder.criteria import Finding, Report, add_up, all_failed
from shared.course import load_course


def made(*passed: bool | None) -> Report:
    """Return a report of rung 02 in which the criteria ended so, the last one standing for the rest."""
    criteria = checker_of(load_course().rung("02")).criteria
    ends = [*passed, *[passed[-1]] * len(criteria)]
    results = [
        all_failed("02", [one], Finding(end, f"seen {number}", "wanted", hint="try [bold]this[/]")).criteria[0]
        for number, (one, end) in enumerate(zip(criteria, ends, strict=False))
    ]
    return add_up("02", results)
