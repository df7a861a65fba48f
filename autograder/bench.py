"""`make bench`: measure what the README quotes, and print it with the machine that it was measured on.

It needs one honest submission: the one that `make demo` left, or, where there is none, the solution notebook is run.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autograder.demo import DEFAULT_FOLDER, solve
from autograder.solution_run import SolutionError
from shared.artifacts import EvalRecord, LossCurve, RunRecord, read_json
from shared.course import CourseError, Rung, load_course
from shared.machine import cpu_cores, cpu_name, memory_bytes
from shared.safe_files import ArtifactError

IMPORTS = "import torch, transformers"
REPEATS = 5
JSON_CELL = "read-failures"  # its function needs no torch and its check no weights


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 1, with one line on stderr, when there is nothing to measure."""
    parser = argparse.ArgumentParser(prog="python -m autograder.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, default=DEFAULT_FOLDER / "work", help="an honest submission of rung 02")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="also draw the README's two pictures there")
    options = parser.parse_args(arguments)
    rung, console = load_course().rung("02"), Console(highlight=False)
    try:
        work = options.work.absolute() / rung.folder
        if not (work / "artifacts" / "eval.json").exists():
            solve(rung, work, console)
        console.print(_machine())
        console.print(_times(rung, work))
        console.print(_scores(rung, work))
        if options.pictures is not None:
            draw_pictures(work, options.pictures)
        return 0
    except (SolutionError, CourseError, ArtifactError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def seconds_of(command: list[str], repeats: int = REPEATS) -> list[float]:
    """Return how long `command` took, run `repeats` times after one run that warms the file cache."""
    took = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took.append(time.perf_counter() - started)
    return took[1:]


def draw_pictures(work: Path, folder: Path) -> None:
    """Write the submission's loss curve and its scores before and after into `folder`, as PNG."""
    from shared.figures import before_after, loss_curve, png

    curve = read_json(work / "artifacts" / "model" / "loss_curve.json", LossCurve, within=work)
    entries = read_json(work / "artifacts" / "eval.json", EvalRecord, within=work).entries
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loss-curve.png").write_bytes(png(loss_curve({"fine-tuning": curve})))
    (folder / "before-after.png").write_bytes(png(before_after(entries)))


def _times(rung: Rung, work: Path) -> Table:
    python = sys.executable
    check = [python, "-m", "autograder", "check", rung.id, "--work", str(work.parent)]
    commands = {
        "python, nothing imported": [python, "-c", "pass"],
        IMPORTS: [python, "-c", IMPORTS],
        "a check that reads only JSON": [*check, "--cell", JSON_CELL],
        "the whole check, the model measured again": check,
    }
    table = Table("what", "median of 5, seconds", "slowest", title="Time", title_justify="left")
    for name, command in commands.items():
        took = seconds_of(command)
        table.add_row(name, f"{statistics.median(took):.2f}", f"{max(took):.2f}")
    return table


def _scores(rung: Rung, work: Path) -> Table:
    """Return what training took and what the checker measures on rows the notebook has not seen."""
    run = read_json(work / "artifacts" / "model" / "run.json", RunRecord, within=work)
    command = [sys.executable, "-m", "autograder", "check", rung.id, "--work", str(work.parent), "--json"]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout)
    table = Table("what", "measured", "asked", title=f"Rung {rung.id} on {run.profile}", title_justify="left")
    table.add_row(f"training, {run.steps} steps", f"{run.wall_seconds:.0f} s", "60 s")
    table.add_row("peak memory", f"{run.peak_memory_bytes / 2**30:.1f} GiB", "")
    for result in report["criteria"]:
        if result["id"] in ("valid-json", "exact-match", "exact-match-unseen"):
            table.add_row(result["title"], result["observed"], result["expected"])
    table.add_row("points", f"{report['score']} of {report['max_score']}", "")
    return table


def _machine() -> str:
    """Return the machine in one line."""
    memory = f"{memory_bytes() / 2**30:.0f} GiB"
    return f"{cpu_name()}, {cpu_cores()} cores, {memory}, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
