"""What grading a class takes: rung 02, every model measured again, beside stock nbgrader.

    python scripts/bench_grading.py                             # 200 submissions; writes shared/measured/grading.json
    python scripts/bench_grading.py --submissions 20 --stock 5  # a quick look, written nowhere

Stock nbgrader executes a notebook that only imports torch, transformers and peft: less than any checking takes there.
Every submission is one honest submission with noise of its own in the weights, so no two are alike and each must be
measured. All ways of grading run one after another on the same machine, each with a fresh gradebook. Seconds are those
of the whole command, its start included, over the number of submissions.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console
from rich.table import Table as Grid
from safetensors.numpy import load_file, save_file

from autograder.nbgrader_course import make_course_folder, nbgrader
from autograder.runner import THREADS
from shared.course import ROOT, load_course
from shared.measured import Table, machine_here, save, versions_here

RUNG = load_course().rung("02")
WEIGHTS = "artifacts/model/model.safetensors"
NOISE = 1e-4  # of each tensor's spread: another file, the same answers
FULL = {"submissions": 200, "stock": 20}
NOTES = (
    "Rung 02, every model measured again. seconds: the whole command, start included; seconds_each: over the number "
    "of submissions. full_points: submissions that have all of them. "
    f"Each differs by noise of {NOISE} of its weights' spread."
)
IMPORTS = "import torch, transformers, peft"
STOCK = "imports-only"


def main() -> int:
    """Measure, print, and, when nothing was cut short, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "demo" / "work", help="holds an honest rung 02 (make demo)")
    parser.add_argument("--submissions", type=int, default=FULL["submissions"])
    parser.add_argument("--stock", type=int, default=FULL["stock"], help="how many stock nbgrader executes")
    parser.add_argument("--folder", type=Path, help="where to make the course (default: a temporary folder)")
    options = parser.parse_args()
    for name in THREADS:  # as the checkers do: threads that wait for one another help nobody
        os.environ[name] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as name:
        rows = measure(Path(name), options.work / RUNG.folder, options.submissions, options.stock)
    Console().print(table(rows))
    if (options.submissions, options.stock) == tuple(FULL.values()):
        save("grading", _table(rows))
    return 0


def measure(folder: Path, work: Path, submissions: int, stock: int) -> list[dict]:
    """Grade the class in each way; return one row a way."""
    executed = make_stock_class(folder / "stock", stock)
    course = make_class(folder / "course", work, submissions)
    command = [sys.executable, "-m", "autograder.grading", RUNG.id, "--course", str(course)]
    ways: dict[str, Callable[[], object]] = {
        "one process": lambda: _run(command),
        "JOBS=2": lambda: _run([*command, "--jobs", "2"]),
        "Dask, two workers": lambda: _over_dask(command),
    }
    started = time.perf_counter()
    nbgrader(executed, "autograde", STOCK)
    rows = [_row("stock nbgrader, a notebook that only imports", stock, time.perf_counter() - started)]
    for name, grade in ways.items():
        _forget(course)
        started = time.perf_counter()
        grade()
        took = time.perf_counter() - started
        short = short_of_points(course)
        print(*short, sep="\n", end="\n" * bool(short))  # every one of them is honest
        rows.append({**_row(name, submissions, took), "full_points": submissions - len(short)})
        rows[-1]["times_fewer_seconds"] = round(rows[0]["seconds_each"] / rows[-1]["seconds_each"], 1)
    return rows


def table(rows: list[dict]) -> Grid:
    """Return the rows as a table."""
    shown = Grid("what", "submissions", "seconds each", "times fewer", title="Grading", title_justify="left")
    for row in rows:
        times = f"{row['times_fewer_seconds']:.1f}" if "times_fewer_seconds" in row else ""
        shown.add_row(row["name"], str(row["submissions"]), f"{row['seconds_each']:.2f}", times)
    return shown


def make_class(folder: Path, work: Path, submissions: int) -> Path:
    """Make a course folder in which many have submitted the honest work, each with noise of their own."""
    make_course_folder(folder, [RUNG])
    nbgrader(folder, "generate_assignment", RUNG.folder)
    shutil.copy(folder / "gradebook.db", folder / "released.db")
    weights = load_file(work / WEIGHTS)
    for number in range(submissions):
        place = folder / "submitted" / f"learner-{number:03}" / RUNG.folder
        shutil.copytree(work, place, ignore=shutil.ignore_patterns("experiments", ".cache", "model.safetensors"))
        stream = np.random.default_rng(number)
        noisy = {name: _noisy(tensor, stream) for name, tensor in weights.items()}
        save_file(noisy, place / WEIGHTS, metadata={"format": "pt"})
    return folder


def make_stock_class(folder: Path, submissions: int) -> Path:
    """Make a course folder of nbgrader's own settings, with a graded cell under a cell that imports."""
    meta = {"grade_id": "imports", "grade": True, "solution": False, "task": False, "locked": True}
    graded = new_code_cell(
        "assert torch.ones(1) == 1", metadata={"nbgrader": {**meta, "points": 1, "schema_version": 3}}
    )
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    source = folder / "source" / STOCK / f"{STOCK}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(new_notebook(cells=[new_code_cell(IMPORTS), graded], metadata=kernel), source)
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.ExecutePreprocessor.timeout = 600\n")
    nbgrader(folder, "generate_assignment", STOCK)
    for number in range(submissions):
        shutil.copytree(folder / "release" / STOCK, folder / "submitted" / f"learner-{number:03}" / STOCK)
    return folder


def short_of_points(course: Path) -> list[str]:
    """Return, of each submission without all the points that the checker gives, who it is and what its report says."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebooks = gradebook.notebook_submissions(RUNG.folder, RUNG.folder)
        short = [one for one in notebooks if sum(grade.auto_score or 0 for grade in one.grades) != RUNG.points]
        return [f"{one.student.id}\n{_report(course, one.student.id)}" for one in short]


def _report(course: Path, student: str) -> str:
    notebook = nbformat.read(course / "autograded" / student / RUNG.folder / f"{RUNG.folder}.ipynb", as_version=4)
    graded = [cell for cell in notebook.cells if cell.cell_type == "code" and "nbgrader" in cell.metadata]
    return "".join(output.get("text", "") for cell in graded for output in cell.outputs)


def _forget(course: Path) -> None:
    """Make the course what it was before anybody was graded."""
    shutil.rmtree(course / "autograded", ignore_errors=True)
    shutil.copy(course / "released.db", course / "gradebook.db")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _over_dask(command: list[str]) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        _run([*command, "--scheduler", cluster.scheduler_address])


def _noisy(tensor: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    return (tensor + NOISE * tensor.std() * stream.standard_normal(tensor.shape)).astype(tensor.dtype)


def _row(name: str, submissions: int, seconds: float) -> dict:
    return {
        "name": name,
        "submissions": submissions,
        "seconds": round(seconds, 1),
        "seconds_each": round(seconds / submissions, 3),
    }


def _table(rows: list[dict]) -> Table:
    return Table(
        command="python scripts/bench_grading.py",
        date=date.today(),
        machine=machine_here(),
        versions={**versions_here(), **{name: version(name) for name in ("nbgrader", "distributed")}},
        notes=NOTES,
        rows=rows,
    )


if __name__ == "__main__":
    sys.exit(main())
