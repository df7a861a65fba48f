"""`make demo`: the whole story of one rung, from the instructor's source to the gradebook, played on this machine.

The instructor releases the rung; Ada solves it (the solution notebook, truly executed) and checks herself; she submits
her work, and Ben submits the notebook as he got it; nbgrader grades both. Exit code 0 only if Ada has all the points
that a checker gives, and Ben none.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.nbgrader_course import NbgraderError, make_course_folder, nbgrader
from autograder.sandbox import fault
from autograder.solution_run import SolutionError, run_solution
from shared.artifacts import EvalRecord, read_json
from shared.course import ROOT, CourseError, Rung, load_course

DEFAULT_FOLDER = ROOT / "demo"
MARKER = ".made-by-make-demo"  # only a folder that holds it is ever removed
NOT_FOR_GRADING = ("experiments", ".cache", "checkpoint-*")
LEARNERS = ("ada", "ben")


class DemoError(Exception):
    """The story did not end as it should. One line."""


def main(arguments: list[str] | None = None) -> int:
    """Play the story; return 0 when it ended as it should, else 1 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m autograder.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("rung", nargs="?", default="02", help="which rung (default: 02)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where to play (default: demo/)")
    options = parser.parse_args(arguments)
    try:
        play(load_course().rung(options.rung), options.folder.absolute(), Console(highlight=False))
        return 0
    except (DemoError, SolutionError, NbgraderError, CourseError) as error:
        print(f"demo: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
    return 1


def play(rung: Rung, folder: Path, console: Console) -> None:
    """Play the story of `rung` in `folder`, which is made afresh. Raises one of the errors that `main` reports."""
    if not rung.built:
        raise DemoError(f"rung {rung.id} ({rung.title}) is not built yet")
    started = time.monotonic()
    make_folder(folder)
    work = folder / "work" / rung.folder
    with _step(console, "The instructor releases", f"nbgrader generate_assignment {rung.folder}"):
        make_course_folder(folder, [rung])
        nbgrader(folder, "generate_assignment", rung.folder)
    console.print(f"[bold]Ada solves[/] rung {rung.id}: {rung.title}")
    solve(rung, work, console)
    _show_scores(work, console)
    console.print(f"[bold]Ada checks herself[/]: python -m autograder check {rung.id}")
    self_check(rung, folder / "work")
    with _step(console, "Ada submits her work, Ben the notebook as he got it", "copies in submitted/"):
        submit(rung, folder, {"ada": work, "ben": folder / "release" / rung.folder})
    with _step(console, "The instructor grades", f"nbgrader autograde {rung.folder}"):
        nbgrader(folder, "autograde", rung.folder, *_allowance(console))
    with _step(console, "The instructor returns feedback", f"nbgrader generate_feedback {rung.folder}"):
        nbgrader(folder, "generate_feedback", rung.folder)
    grades = read_gradebook(rung, folder)
    console.print(_gradebook_table(rung, grades))
    feedback = folder / "feedback" / "ada" / rung.folder / f"{rung.folder}.html"
    console.print(f"Ada's feedback: {feedback}", soft_wrap=True)
    _require_expected(rung, grades)
    console.print(f"[bold green]The story ended as it should[/], after {time.monotonic() - started:.0f} s.")


def make_folder(folder: Path) -> None:
    """Make `folder` empty. Raises DemoError rather than remove anything that an earlier demo did not make."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise DemoError(f"{folder}: exists, and no demo made it. Choose another: --folder PATH")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


def solve(rung: Rung, work: Path, console: Console) -> Path:
    """Execute the solution notebook in `work` under a progress bar of its code cells, and return its path."""
    cells = TextColumn("cells  {task.description}")
    with Progress(BarColumn(), MofNCompleteColumn(), cells, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("starting", total=None)

        def on_cell(number: int, most: int, name: str) -> None:
            progress.update(task, completed=number - 1, total=most, description=name)

        path = run_solution(rung, work, on_cell)
        progress.update(task, completed=progress.tasks[0].total, description="done")
    return path


def self_check(rung: Rung, work: Path) -> None:
    """Run the learner's own command and let it print. Raises DemoError unless it says that the rung is done."""
    command = [sys.executable, "-m", "autograder", "check", rung.id, "--work", str(work)]
    if (status := subprocess.run(command).returncode) != 0:
        raise DemoError(f"the self-check ended with {status}, expected 0")


def submit(rung: Rung, folder: Path, learners: dict[str, Path]) -> None:
    """Copy each learner's folder to where nbgrader collects it, without what is not for grading."""
    for learner, work in learners.items():
        target = folder / "submitted" / learner / rung.folder
        shutil.copytree(work, target, ignore=shutil.ignore_patterns(*NOT_FOR_GRADING))


def _allowance(console: Console) -> list[str]:
    """Return what makes nbgrader grade without a sandbox where there is none: both learners of the story are ours."""
    if fault() is None:
        return []
    console.print(f"Graded without a sandbox, for Ada and Ben are ours: {fault()}.", soft_wrap=True)
    return ["--SubmissionExporter.sandbox=optional"]


def read_gradebook(rung: Rung, folder: Path) -> dict[str, dict]:
    """Return learner -> automatic score, points that still wait for a human, and the most to be had of each."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        found = {}
        for learner in LEARNERS:
            grades = gradebook.find_submission_notebook(rung.folder, rung.folder, learner).grades
            found[learner] = {
                "score": sum(grade.auto_score or 0 for grade in grades),
                "waiting": sum(grade.max_score for grade in grades if grade.needs_manual_grade),
            }
        return found


def _require_expected(rung: Rung, grades: dict[str, dict]) -> None:
    if grades["ada"]["score"] != rung.points or grades["ben"]["score"] != 0:
        scores = ", ".join(f"{name} {grade['score']:g}" for name, grade in grades.items())
        raise DemoError(f"the gradebook says {scores}; expected ada {rung.points}, ben 0")


@contextmanager
def _step(console: Console, what: str, how: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{what}: {how}"):
        yield
    console.print(f"[bold]{what}[/]: {how}  ({time.monotonic() - started:.1f} s)", soft_wrap=True)


def _show_scores(work: Path, console: Console) -> None:
    """Print what the learner's own evaluation found, before and after."""
    path = work / "artifacts" / "eval.json"
    table = Table("held-out messages", "metric", "before", "after", "95% interval", "n")
    for entry in read_json(path, EvalRecord, within=work).entries:
        low, high = entry.interval
        row = [entry.phrasing, entry.metric, f"{entry.before:.1%}", f"{entry.after:.1%}", f"{low:.1%} to {high:.1%}"]
        table.add_row(*row, str(entry.n))
    console.print(table)


def _gradebook_table(rung: Rung, grades: dict[str, dict]) -> Table:
    table = Table("learner", "automatic", "waits for a human", title="The gradebook", title_justify="left")
    for learner, grade in grades.items():
        table.add_row(learner, f"{grade['score']:g} of {rung.points}", f"{grade['waiting']:g} of {rung.prose_points}")
    return table


if __name__ == "__main__":
    sys.exit(main())
