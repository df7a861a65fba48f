"""Measure what the notebooks take on a GPU: each solution from top to bottom, alone on the card, and its check.

    python scripts/measure_notebooks.py                      # every rung that is not in the table yet
    python scripts/measure_notebooks.py 02 03 --again
    python scripts/measure_notebooks.py --random bases       # bases of random weights, kept in the folder `bases`

With `--random` a hub cache is made whose models have random weights of exactly the bases' shapes. Memory and the time
of a training step do not depend on the values. Answers may be longer, and hardly ever right: the check misses scores.
Rung 05 also streams a data set, which this cache does not hold: it stops there without a network. Rung 07 runs, and has
nothing to learn from while no sample is right.
Writes `shared/measured/notebooks.json` after each rung.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rich.console import Console

from autograder.criteria import Report
from autograder.runner import grade
from autograder.solution_run import SolutionError, run_solution
from shared.course import BaseModelSpec, Rung, load_course
from shared.measured import machine_here, save, table_so_far
from shared.memory import GIB
from shared.models import base_spec

PROFILE = "gpu"
NOTES = (
    "name: the rung. seconds: the solution notebook from top to bottom, its checks included. check_seconds: the check "
    "again, alone. peak_gib: the most that a run of the notebook held in tensors (run.json). missed: the criteria not "
    "met. weights: the base's own, or random ones in their place."
)


def main() -> int:
    """Measure the rungs asked for; 0 when each ran to its end."""
    built = [rung.id for rung in load_course().rungs if rung.built]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rungs", nargs="*", metavar="RUNG", help=f"any of {', '.join(built)} (default: all)")
    parser.add_argument("--again", action="store_true", help="measure also what is in the table")
    parser.add_argument("--random", type=Path, metavar="FOLDER", help="bases of random weights, made there if missing")
    options = parser.parse_args()
    if unknown := set(options.rungs) - set(built):
        parser.error(f"no rung {', '.join(sorted(unknown))}; there are {', '.join(built)}")
    os.environ["COURSE_PROFILE"] = PROFILE
    command = "python scripts/measure_notebooks.py" + " --random bases" * bool(options.random)
    table = table_so_far("notebooks", NOTES, command)
    wanted, known = options.rungs or built, {row["name"] for row in table.rows}
    failed = 0
    for rung in (load_course().rung(name) for name in wanted if options.again or name not in known):
        spec = base_spec(rung=rung.id)
        if options.random:
            stand_in(spec, options.random)
        try:
            row = measure(rung, spec, "random" if options.random else "own")
        except SolutionError as error:
            print(f"rung {rung.id}: {error}", file=sys.stderr, flush=True)
            failed += 1
            continue
        others = [one for one in table.rows if one["name"] != rung.id]
        table = table.model_copy(update={"rows": sorted([*others, row], key=lambda one: one["name"])})
        save("notebooks", table)
        print(json.dumps(row), flush=True)
    return failed


def stand_in(spec: BaseModelSpec, folder: Path) -> None:
    """Let `folder` be the hub's cache, with a model of random weights where it would hold the base."""
    os.environ.update(HF_HOME=str(folder.absolute()), HF_HUB_OFFLINE="1")
    cache = folder / "hub" / f"models--{spec.id.replace('/', '--')}"
    snapshot = cache / "snapshots" / spec.revision
    if (snapshot / "config.json").exists():
        return
    snapshot.mkdir(parents=True, exist_ok=True)
    (cache / "refs").mkdir(exist_ok=True)
    (cache / "refs" / "main").write_text(spec.revision)
    shape = spec.id.partition("/")[2].lower()
    subprocess.run([sys.executable, "-m", "shared.random_model", shape, str(snapshot)], check=True)


def measure(rung: Rung, spec: BaseModelSpec, weights: str) -> dict:
    """Run the notebook and its check in a fresh folder; return the row."""
    with tempfile.TemporaryDirectory(prefix="notebooks-") as name:
        work = Path(name, rung.folder)
        with Console().status(f"rung {rung.id}"):
            seconds = _timed(lambda: run_solution(rung, work))[0]
            check_seconds, report = _timed(lambda: grade(rung.id, work))
        return {
            "name": rung.id, "base": spec.id, "weights": weights, "card": machine_here(), "date": str(date.today()),
            "seconds": round(seconds), "peak_gib": round(peak_bytes(work) / GIB, 1),
            "check_seconds": round(check_seconds), **points(report),
        }  # fmt: skip


def points(report: Report) -> dict:
    """Return what the check gave: points, of how many, and the criteria that were not met."""
    missed = [result.id for result in report.criteria if not result.passed]
    return {"points": report.score, "of": report.max_score, "missed": missed}


def peak_bytes(work: Path) -> int:
    """Return the most that any run recorded in the folder held in tensors."""
    return max(json.loads(path.read_text()).get("peak_memory_bytes", 0) for path in work.rglob("run.json"))


def _timed(action):
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    sys.exit(main())
