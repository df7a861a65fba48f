"""`make all-rungs`: the solved course, from the first rung to the capstone, with the time and the score of each.

Every rung's solution notebook is executed in one work folder, where a learner's would lie, and checked; exit check and
capstone go by what is there then. Interrupted, it goes on: a notebook that ran to its end is not run again.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autograder import cli
from autograder.criteria import Report
from autograder.demo import solve
from autograder.runner import grade
from autograder.solution_run import SolutionError
from shared.course import ROOT, CourseError, Rung, load_course
from shared.models import profile_here

DEFAULT_FOLDER = ROOT / "all-rungs"
RECORDS = ".solved"  # in the work folder: how long each notebook took, by the notebook's own hash
BEYOND = {"pocket": {"04": {"seven-billion"}}, "gpu": {}}  # what a profile cannot meet, however well it is solved


def main(arguments: list[str] | None = None) -> int:
    """Solve, check and sum up; return 0 when every rung got all that this profile can give, else 1."""
    parser = argparse.ArgumentParser(prog="python -m autograder.all_rungs", description=__doc__.partition("\n")[0])
    parser.add_argument("rungs", nargs="*", metavar="NN", help="only these rungs (default: all)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="the work folder (default: all-rungs/)")
    options = parser.parse_args(arguments)
    console, work = Console(highlight=False), options.folder.absolute()
    os.environ["COURSE_WORK"] = str(work)  # where rung 11's tools keep their folders, too
    try:
        course = load_course()
        rungs = [course.rung(name) for name in options.rungs] or [rung for rung in course.rungs if rung.built]
        found = solved_and_checked(rungs, work, console)
    except (SolutionError, CourseError) as error:
        print(f"all-rungs: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("all-rungs: stopped. Run it again, and it goes on from here", file=sys.stderr)
        return 1
    left = leave(work, console) if not options.rungs else True
    console.print(summary(found))
    return int(not left or any(short(rung, report) for rung, _, report in found))


def solved_and_checked(rungs: list[Rung], work: Path, console: Console) -> list[tuple[Rung, float, Report]]:
    """Return each rung with its notebook's seconds and its report. A rung is checked while the next one starts."""
    with ThreadPoolExecutor(1) as beside:
        begun = [
            (rung, solved(rung, work, console), beside.submit(grade, rung.id, work / rung.folder)) for rung in rungs
        ]
        return [(rung, seconds, check.result()) for rung, seconds, check in begun]


def solved(rung: Rung, work: Path, console: Console) -> float:
    """Execute the rung's solution in `work` unless that is done; return the seconds it took."""
    console.print(f"[bold]Rung {rung.id}[/]: {rung.title}")
    folder, record = work / rung.folder, work / RECORDS / f"{rung.id}.json"
    source = hashlib.sha256((ROOT / "rungs" / rung.folder / f"{rung.folder}.ipynb").read_bytes()).hexdigest()
    known = json.loads(record.read_text()) if record.is_file() else {}
    if known.get("notebook") != source:
        started = time.monotonic()
        solve(rung, folder, console)
        known = {"notebook": source, "seconds": time.monotonic() - started}
        record.parent.mkdir(exist_ok=True)
        record.with_suffix(".tmp").write_text(json.dumps(known))
        record.with_suffix(".tmp").replace(record)
    return known["seconds"]


def short(rung: Rung, report: Report) -> list[str]:
    """Return the titles of what was not met, although this profile can."""
    beyond = BEYOND[profile_here().name].get(rung.id, set())
    return [result.title for result in report.criteria if not result.passed and result.id not in beyond]


def leave(work: Path, console: Console) -> bool:
    """Run exit check and capstone on the work folder, and let them print; False when a capstone cannot be made.

    The exit check may find things open: prose waits for a human reader, and on pocket the 7B model is not to be had.
    """
    codes = {}
    for command in ("exit", "capstone", "capstone --rung 03 --merged"):
        console.print(f"\n[bold]python -m autograder {command}[/]")
        codes[command] = cli.main([*command.split(), "--work", str(work)])
    return codes.pop("exit") in (0, 1) and not any(codes.values())


def summary(found: list[tuple[Rung, float, Report]]) -> Table:
    """Return the rungs as a table: time, points, checks passed, and what was not met."""
    table = Table("rung", "", "time", "points", "checks", "not met", title="The solved course", title_justify="left")
    for rung, seconds, report in found:
        missed = [result.title for result in report.criteria if not result.passed]
        checks = f"{len(report.criteria) - len(missed)} of {len(report.criteria)}"
        score = f"{report.score} of {report.max_score}"
        table.add_row(rung.id, rung.title, f"{seconds:.0f} s", score, checks, "; ".join(missed))
    table.add_row("", "in all", f"{sum(seconds for _, seconds, _ in found) / 60:.1f} min", "", "", "")
    return table


if __name__ == "__main__":
    sys.exit(main())
