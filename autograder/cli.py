"""The command line: `python -m autograder check 02`, `check-all`, `progress`, `exit`, `verify`, `capstone`, `start`.

Exit codes of a check: 0 done, 1 not done, 2 cannot tell (with the reason).

`check --json` prints one object: rung, done, score, max_score and criteria, a list of objects with id, title, passed
(true, false, or null for what cannot be told here), points, max_points, observed, expected, hint and cell, the graded
cell of the notebook that the points belong to.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autograder.capstone import run_capstone
from autograder.checkers import CheckerError, checker_of
from autograder.criteria import Report, one_line
from autograder.exit_command import run_exit, run_verify
from autograder.exit_items import rung_state
from autograder.progress import begun_work, prose_progress
from autograder.prose.self_check import prose_lines
from autograder.report_text import show
from autograder.runner import grade
from autograder.sandbox import SandboxError
from autograder.start import StartError, start
from autograder.workplace import NoWorkError, find_work
from shared.artifacts import ArtifactError
from shared.capstone import CapstoneError
from shared.course import Course, CourseError, Rung, load_course
from shared.models import ModelError

DONE, NOT_DONE, CANNOT_TELL = 0, 1, 2
ASKED_WRONGLY = (CourseError, CheckerError, NoWorkError, StartError)
CANNOT_BE_DONE = (ArtifactError, CapstoneError, ModelError, SandboxError)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. A mistake in what was asked is one line on stderr, and 2."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (*ASKED_WRONGLY, *CANNOT_BE_DONE) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    except BrokenPipeError:  # the reader has had enough: `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # a fault of ours; it must not look like a verdict
        print(f"cannot tell: {type(error).__name__}: {one_line(error)}. Please report this", file=sys.stderr)
    return CANNOT_TELL


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m autograder", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--work", type=Path, metavar="DIR", help="the learner's folder (default: work/)")

    one = commands.add_parser("check", parents=[where], help="is a rung done?")
    one.add_argument("rung", help="for example 02")
    one.add_argument("--cell", help="only this graded cell")
    one.add_argument("--seed", type=_seed, help="draw the inputs of your functions from this seed (default: afresh)")
    one.add_argument("--json", action="store_true", help="print the report as JSON")
    one.set_defaults(command=_check)

    every = commands.add_parser("check-all", parents=[where], help="check every rung that is built")
    every.set_defaults(command=_check_all)
    far = commands.add_parser("progress", parents=[where], help="all rungs and the exit items: where you are")
    far.set_defaults(command=_progress)
    leave = commands.add_parser("exit", parents=[where], help="the exit check: page and completion record")
    leave.set_defaults(command=lambda options: run_exit(options, grade))
    again = commands.add_parser("verify", parents=[where], help="check a completion record against its files")
    again.add_argument("record", type=Path, metavar="RECORD.json")
    again.set_defaults(command=lambda options: run_verify(options, _grade_others))
    publish = commands.add_parser("capstone", parents=[where], help="your best run as a folder for the hub")
    publish.add_argument("--rung", help="this rung's run: 02, 03 or 04 (default: the best that passes)")
    publish.add_argument("--merged", action="store_true", help="base and adapter as one model")
    publish.add_argument("--base-id", metavar="OWNER/NAME", help="the hub's name of a base that is a local folder")
    publish.add_argument("--licence", help="that base's licence as the hub writes it, such as apache-2.0")
    publish.set_defaults(command=lambda options: run_capstone(options, grade))
    begin = commands.add_parser("start", parents=[where], help="copy the notebooks into work/")
    begin.set_defaults(command=_start)
    return parser


def _seed(text: str) -> int:
    """Return the number that inputs are drawn from."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {number}")
    return number


def _check(options: argparse.Namespace) -> int:
    rung = load_course().rung(options.rung)
    cells = None if options.cell is None else [options.cell]
    checker_of(rung, cells)  # what cannot be checked at all is said before any work is looked for
    folder = find_work(rung, options.work)
    report = grade(rung.id, folder, seed=options.seed, cells=cells)
    if options.json:
        print(report.model_dump_json(indent=2))
    else:
        show(report)
        for line in prose_lines(rung, folder) if cells is None else ():
            print(line)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """Return 0 for done, 2 when nothing failed but something could not be told here, else 1."""
    if report.done:
        return DONE
    return CANNOT_TELL if report.undecided else NOT_DONE


def _check_all(options: argparse.Namespace) -> int:
    """Check each built rung; 1 if any is not done, else 2 if any cannot be told."""
    console, codes = Console(), []
    for rung in load_course().rungs:
        if rung.built:
            console.print(f"Rung {rung.id}: {rung.title}", style="bold", highlight=False)
            report = _report(rung, options.work)
            if report is None:
                console.print("  not begun")
            else:
                show(report, console=console)
            codes.append(NOT_DONE if report is None else exit_code(report))
    return NOT_DONE if NOT_DONE in codes else max(codes, default=DONE)


def _progress(options: argparse.Namespace) -> int:
    course, console = load_course(), Console()
    with console.status("checking what is there ..."):
        reports = {rung.id: _report(rung, options.work) if rung.built else None for rung in course.rungs}
    rungs = Table("rung", "", "automatic", "by a human", "state", title=course.title, title_justify="left")
    for rung in course.rungs:
        report = reports[rung.id]
        score = f"{report.score if report else 0}/{rung.points}"
        human = str(rung.prose_points)
        if report is not None and rung.prose_cells:
            human += f", {prose_progress(rung, find_work(rung, options.work))}"
        rungs.add_row(rung.id, rung.title, score if rung.built else "", human, rung_state(rung, report))
    console.print(rungs)
    items = Table("to leave the course", "state")
    for title, state in _exit_items(course, reports):
        items.add_row(title, state)
    console.print(items)
    return DONE


def _exit_items(course: Course, reports: dict[str, Report | None]) -> Iterator[tuple[str, str]]:
    """Yield each exit item with its state: it takes every rung that leads to it."""
    for item in course.exit_items:
        rungs = [rung for rung in course.rungs if item.id in rung.exit_items]
        states = [rung_state(rung, reports[rung.id]) for rung in rungs]
        numbers = ", ".join(rung.id for rung in rungs)
        yield item.title, "done" if set(states) == {"done"} else f"rung {numbers}: {', '.join(sorted(set(states)))}"


def _report(rung: Rung, work: Path | None) -> Report | None:
    """Return the report on a rung, or None when it has not been begun."""
    try:
        folder = begun_work(rung, work)
        return None if folder is None else grade(rung.id, folder)
    except NoWorkError:
        return None


def _grade_others(rung: str, folder: Path) -> Report:
    """Grade work that may be somebody else's: in a sandbox, unless course.yml does without."""
    return grade(rung, folder, sandbox=load_course().grading.sandbox)


def _start(options: argparse.Namespace) -> int:
    start(options.work)
    return DONE
