"""Grade a class: `python -m autograder.grading 04 --jobs 4`.

Exit codes: 0 every submission has its grade, 1 some could not be graded, 2 grading cannot begin, 130 stopped.
A run that was stopped goes on where it was when the command is given again.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from autograder.checkers import CheckerError, checker_of
from autograder.grading.settings import GradingError, Outcome, Settings, environment_here
from autograder.sandbox import SandboxError, use_sandbox
from shared.course import CourseError, load_course

ALL_GRADED, SOME_FAILED, CANNOT_BEGIN, STOPPED = 0, 1, 2, 130
WORDS = {"graded": "graded", "unchanged": "unchanged, passed over", "busy": "held by another run", "failed": "failed"}


def main(arguments: list[str] | None = None) -> int:
    """Grade; return the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(highlight=False)
    try:
        settings, students = prepare(options)
        return _grade(options, settings, students, console)
    except (GradingError, CourseError, CheckerError, SandboxError) as error:
        print(f"grading: {error}", file=sys.stderr)
        return CANNOT_BEGIN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m autograder.grading", description=__doc__.partition("\n")[0])
    parser.add_argument("rung", help="for example 04")
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N", help="workers on this machine (default: 1)")
    parser.add_argument("--scheduler", metavar="URL", help="grade on this Dask cluster: tcp://..., better tls://...")
    parser.add_argument("--students", metavar="A,B", help="only these (default: all who have submitted)")
    parser.add_argument("--force", action="store_true", help="grade again what is unchanged")
    parser.add_argument("--db", default="", metavar="URL", help="another gradebook than nbgrader_config.py names")
    parser.add_argument("--course", type=Path, default=Path(), metavar="DIR", help="the course folder (default: here)")
    parser.add_argument(
        "--private-network",
        action="store_true",
        help="the hidden seed and the gradebook's password may go to the cluster unencrypted",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


def prepare(options: argparse.Namespace) -> tuple[Settings, list[str]]:
    """Return what workers must know, and whom to grade. Raises one of the errors that `main` reports."""
    rung = load_course().rung(options.rung)
    checker_of(rung)
    # Importing nbgrader takes a second; a mistake in the command is told before.
    from autograder.grading.converter import Converter
    from autograder.grading.fingerprint import course_version
    from autograder.grading.ledger import Ledger

    root = options.course.absolute()
    converter = Converter(root, options.db)
    use_sandbox(converter.sandbox)
    with Ledger(converter.db_url, rung.folder) as ledger:
        ledger.create()
    students = _chosen(converter.students(rung.folder), options.students)
    environment = environment_here()
    settings = Settings(str(root), rung.folder, course_version(), options.force, converter.db_url, environment)
    return settings, students


def _chosen(submitted: list[str], wanted: str | None) -> list[str]:
    """Return those of the submissions that are wanted. Raises GradingError for one that is not there, or for none."""
    if not submitted:
        raise GradingError("nobody has submitted this rung: expected folders in submitted/STUDENT/RUNG")
    if wanted is None:
        return submitted
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if missing := [name for name in names if name not in submitted]:
        raise GradingError(f"--students: {missing[0]} has not submitted this rung")
    return names


def _grade(options: argparse.Namespace, settings: Settings, students: list[str], console: Console) -> int:
    outcomes: list[Outcome] = []
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    stopped = False
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("", total=len(students))

            def report(outcome: Outcome) -> None:
                outcomes.append(outcome)
                progress.advance(task)
                for line in _lines(outcome):
                    progress.console.print(line, soft_wrap=True)

            _engine(options, settings, students, report)
    except KeyboardInterrupt:
        stopped = True
    _sum_up(outcomes, len(students), stopped, console)
    if stopped:
        return STOPPED
    return ALL_GRADED if all(outcome.state in ("graded", "unchanged") for outcome in outcomes) else SOME_FAILED


def _engine(options: argparse.Namespace, settings: Settings, students: list[str], report: object) -> None:
    if options.scheduler:
        from autograder.grading.cluster import run_cluster

        run_cluster(settings, students, options.scheduler, report, private_network=options.private_network)
    else:
        from autograder.grading.jobs import run_jobs

        run_jobs(settings, students, options.jobs, report)


def _lines(outcome: Outcome) -> list[str]:
    """Return what is worth saying of a student at once: why there is no grade, what nbgrader warned of."""
    name = escape(outcome.student)
    if outcome.state in ("failed", "busy"):
        return [f"[bold red]{name}[/]: {escape(outcome.line)}"]
    return [f"[yellow]{name}[/]: {escape(line)}" for line in outcome.warnings]


def _sum_up(outcomes: list[Outcome], most: int, stopped: bool, console: Console) -> None:
    counted = Counter(outcome.state for outcome in outcomes)
    parts = [f"{counted[state]} {words}" for state, words in WORDS.items() if counted[state]]
    console.print(f"{len(outcomes)} of {most} submissions: {', '.join(parts) or 'nothing done'}.", soft_wrap=True)
    missed = [outcome for outcome in outcomes if outcome.state in ("failed", "busy")]
    for outcome in missed:
        console.print(f"  not graded: {escape(outcome.student)}: {escape(outcome.line)}", soft_wrap=True)
    if missed:
        console.print("Earlier grades of these stand as they were. Run the same command again for them alone.")
    if stopped:
        console.print("Stopped. No grade is half written; run the same command again to go on.")
