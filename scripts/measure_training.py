"""Measure training steps on a GPU: tokens a second and peak memory, each run in a process of its own.

    python scripts/measure_training.py                    # every run that is not in the table yet
    python scripts/measure_training.py --only "TRL as documented, 4 x 1024" --again

Models have random weights: neither time nor memory depends on the values. Every row of a batch is full, as packing
makes them. Writes `shared/measured/training.json` (or the table of
`--table`) after each run. One run takes about 40 seconds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from training_runs import ALL, RUNS, TRIAL, Run

from shared.measured import Table, machine_here, save, table_so_far
from shared.memory import GIB

STEPS = 15
WARM_UP = 5
NOTES = (
    f"tokens_per_second: median of {STEPS - WARM_UP} steps after {WARM_UP}. peak_gib: torch.cuda.max_memory_allocated. "
    "settings: SFTConfig's keywords that differ from the row's recipe. A row's versions are its own."
)


def main() -> int:
    """Measure what is missing from the table; 0 when nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS), metavar="NAME")
    parser.add_argument("--table", default="training", help="which table the rows go into: one for each card")
    parser.add_argument("--again", action="store_true", help="measure also what is in the table")
    parser.add_argument("--bases", type=Path, help="where random checkpoints are kept (default: a temporary folder)")
    parser.add_argument("--trial", action="store_true", help="one small run, on any machine, that goes into no table")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)  # the child's own way in
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(ALL[options.one], options.bases)))
        return 0
    names = [TRIAL] if options.trial else options.only
    own = "" if options.table == "training" else f" --table {options.table}"
    table = table_so_far(options.table, NOTES, f"python scripts/measure_training.py{own}")
    again = names if options.again else []
    table = table.model_copy(update={"rows": [row for row in table.rows if row["name"] not in again]})
    missing = [name for name in names if name not in {row["name"] for row in table.rows}]
    with tempfile.TemporaryDirectory() as folder:
        return sum(not add_row(table, name, options.bases or Path(folder), options.table) for name in missing)


def add_row(table: Table, name: str, bases: Path, where: str) -> bool:
    """Measure one run in a child process and save the table as `where`; False when the child failed."""
    run = ALL[name]
    checkpoint(run.shape, bases)
    command = [sys.executable, __file__, "--one", name, "--bases", str(bases)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{name}: failed:\n{done.stderr[-2000:]}", file=sys.stderr, flush=True)
        return False
    row = {"name": name, "date": str(date.today()), "card": machine_here(), **run.columns()}
    table.rows.append({**row, **json.loads(done.stdout.splitlines()[-1])})
    if name != TRIAL:
        save(where, table)
    print(json.dumps(table.rows[-1]), flush=True)
    return True


def checkpoint(shape: str, bases: Path) -> Path:
    """Return the folder of a random checkpoint, made on first use in a process that gives its GPU memory back."""
    folder = bases / shape
    if not (folder / "config.json").exists():
        subprocess.run([sys.executable, "-m", "shared.random_model", shape, str(folder)], check=True)
    return folder


def measure(run: Run, bases: Path) -> dict:
    """Return what one run takes, in this process."""
    import torch

    step = run.trainer(bases / run.shape, STEPS)
    clock = Clock(torch.cuda.is_available())
    step.add_callback(clock.callback())
    step.train()
    seconds = statistics.median(clock.seconds[WARM_UP:])
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {
        "seconds": round(seconds, 4),
        "tokens_per_second": round(run.recipe.tokens / seconds),
        "peak_gib": round(peak / GIB, 2),
    }


class Clock:
    """Seconds of each step, the GPU's work included."""

    def __init__(self, on_gpu: bool) -> None:
        self.on_gpu = on_gpu
        self.seconds: list[float] = []

    def callback(self) -> object:
        """Return the trainer's callback that keeps time."""
        import torch
        from transformers import TrainerCallback

        clock = self

        class KeepTime(TrainerCallback):
            """Notes the time between the begin and the end of each step."""

            def on_step_begin(self, args, state, control, **kwargs):
                self.begun = time.perf_counter()

            def on_step_end(self, args, state, control, **kwargs):
                if clock.on_gpu:
                    torch.cuda.synchronize()
                clock.seconds.append(time.perf_counter() - self.begun)

        return KeepTime()


if __name__ == "__main__":
    sys.exit(main())
