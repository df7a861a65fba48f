"""Measure rung 11's five tools: one recipe, each tool in its own environment, one row a run.

    python scripts/measure_ecosystem.py                   # every tool that can run on this machine
    python scripts/measure_ecosystem.py --tools axolotl   # makes work/tools/axolotl/env if it is not there
    python scripts/measure_ecosystem.py --add rows.json   # rows that were measured elsewhere

Writes `shared/measured/ecosystem.json` after each run and goes on where it stopped: a tool that has a row on this kind
of machine is not run again. A run that fails is a row too, with its error.
"""

import argparse
import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

from shared.ecosystem.collect import rows_of
from shared.ecosystem.config import BASE, CONFIG
from shared.ecosystem.curves import mean_tokens
from shared.ecosystem.recipe import Recipe, recipe_here
from shared.ecosystem.run import PROCESS, run_tool, tools_folder
from shared.ecosystem.score import score
from shared.ecosystem.tools import TOOLS
from shared.measured import machine_here, save, table_so_far
from shared.training import StageError, StageResult

NAME = "ecosystem"
COMMAND = "python scripts/measure_ecosystem.py"
NOTES = (
    "One LoRA recipe (shared/ecosystem/recipe.py) on 640 ticket rows, each tool in its own environment. familiar, "
    "unseen: share of 200 public rows with the right ticket. tokens_per_second: all tokens of the rows, padding not "
    "counted, from the first step to the last. seconds: the whole process, start and saving included. peak_gib: "
    "resident memory of the largest process on a CPU; on a GPU the card's memory above what was used before. "
    "threads: of a processor that others used too, in some runs more than in others: on the CPU, speed does not rank "
    "the tools. config_lines: the YAML's, and for Unsloth its script's. trouble: what had to be put "
    "right, or what stopped it. cuda: run by a driver of its own on a machine without network, out of the same "
    "modules, and put in with --add. qwen2.5-0.5b-random: that model's shape with random weights, 80 steps, so it has "
    "a speed and no tickets. TRL's rows ran with 33 lines; six that state its defaults were written out since."
)


def main() -> int:
    """Measure what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS), metavar="TOOL")
    parser.add_argument("--add", type=Path, metavar="FILE", help="add the rows of a JSON file {rows: [...]}")
    parser.add_argument("--trouble", help="what had to be put right first, kept in the row")
    options = parser.parse_args()
    table = table_so_far(NAME, NOTES, COMMAND)
    if options.add:
        table.rows.extend(json.loads(options.add.read_text(encoding="utf-8"))["rows"])
        save(NAME, table)
        return 0
    recipe = recipe_here()
    done = {(row["name"], row["base"], row["device"]) for row in table.rows}
    for tool in options.tools:
        if (tool, "pocket", recipe.device) in done:
            continue
        row = measure(tool, recipe, options.trouble)
        table = table_so_far(NAME, NOTES, COMMAND)  # read again: another run may have added its row
        table.rows.append(row)
        save(NAME, table)
        print(row, flush=True)
    return 0


def measure(name: str, recipe: Recipe, trouble: str | None) -> dict[str, Any]:
    """Run the tool afresh and return the table's row; its error where it stopped."""
    row = {
        "name": name, "base": "pocket", "device": recipe.device, "machine": machine_here(),
        "date": date.today().isoformat(), "steps": recipe.steps, "precision": recipe.precision,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
    }  # fmt: skip
    place = tools_folder() / name
    try:
        result = run_tool(name, recipe=recipe, rerun=True, folder="experiments", work=place)
        return row | numbers(name, recipe, place, result) | {"trouble": trouble}
    except StageError as error:
        return row | {"trouble": str(error)}


def numbers(name: str, recipe: Recipe, place: Path, result: StageResult) -> dict[str, Any]:
    """Return what a finished run measured."""
    process = json.loads((place / PROCESS).read_text(encoding="utf-8"))
    rows = rows_of(place, TOOLS[name])
    tokens = mean_tokens(place / BASE, rows) * recipe.batch * (recipe.steps - 1)
    exact = {entry.phrasing: entry.after for entry in score(result.folder).entries if entry.metric == "exact_match"}
    losses = [row.loss for row in result.curve.rows]
    return {
        "versions": process["versions"],
        "tokens_per_second": round(tokens / process["step_seconds"]),
        "seconds": round(process["seconds"]),
        "peak_gib": round(process["peak_bytes"] / 2**30, 2),
        "config_lines": config_lines(name, place),
        "first_loss": round(losses[0], 4),
        "last_loss": round(sum(losses[-20:]) / 20, 4),
        **exact,
    }


def config_lines(name: str, place: Path) -> int:
    """Return how many lines its user writes: the YAML, and the script of a tool that is a library."""
    written = [place / CONFIG, *(Path(part) for part in TOOLS[name].command if part.endswith(".py"))]
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in written)


if __name__ == "__main__":
    sys.exit(main())
