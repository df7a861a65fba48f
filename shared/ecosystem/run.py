"""Run one tool: lay out its folder, start it as a process of its own, follow its loss, bring its result back.

Every tool gets a folder under `work/tools/`:

    base/           the base model, as a link (torchtune: a copy in its own layout)
    data/           the rows in the tool's format
    config.yaml     the recipe in the tool's words
    env/            its Python environment, unless it runs in the course's
    output/         what it writes
    log.txt         what it printed
    process.json    seconds, peak memory, versions: what only whoever started it can know

Nothing that is finished is done twice: a run whose result is there is loaded.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.artifacts import RunRecord
from shared.course import ROOT
from shared.ecosystem.collect import collect, settings
from shared.ecosystem.config import BASE, CONFIG, DATA, OUTPUT, config_text, shape_of
from shared.ecosystem.environment import environment_of, versions_in
from shared.ecosystem.export import export_tickets
from shared.ecosystem.layout import end_token, place_base
from shared.ecosystem.recipe import RUNG, Recipe, recipe_here
from shared.ecosystem.tools import TOOLS, Tool
from shared.ecosystem.watch import GpuMemory, follow
from shared.machine import cpu_cores
from shared.training import StageError, StageResult, load_result, refuse_where_nothing_is_trained, work_folder

_ERROR = re.compile(r"[\w.]*(Error|Exception)\b")
LOG, PROCESS = "log.txt", "process.json"


@dataclass(frozen=True)
class Process:
    """What whoever starts a process can measure.

    `seconds` from start to end, `step_seconds` from the first step to the last; `peak_bytes` on the GPU, or resident in
    the largest of its processes.
    """

    seconds: float
    step_seconds: float
    peak_bytes: int
    versions: dict[str, str]


def run_tool(
    name: str,
    *,
    recipe: Recipe | None = None,
    rerun: bool = False,
    folder: str = "artifacts",
    work: Path | None = None,
    tools: Path | None = None,
) -> StageResult:
    """Fine-tune with the tool called `name`; return the result as every stage of the course is returned.

    The result lies in `<work>/<folder>/<name>`, the tool's own files in `<tools>/<name>` (`work/tools` by default).
    `rerun=True` starts afresh; the environment stays. Under nbgrader nothing is trained. Raises StageError or
    ArtifactError, each one line.
    """
    tool = tool_of(name)
    recipe = recipe or recipe_here()
    target = (work or work_folder(RUNG)) / folder / name
    if target.exists() and not rerun:
        result = load_result(target, fresh=False)
        if changed := departures(result.run, recipe):
            print(f"{tool.title}: the result is of another recipe ({changed}). rerun=True runs this one.")
        return result
    refuse_where_nothing_is_trained(name, target)
    place = (tools or tools_folder()) / name
    prepare(tool, recipe, place)
    if rerun or not (place / PROCESS).exists():
        start(tool, recipe, place)
    collect(tool, recipe, place, target)
    return load_result(target, fresh=True)


def departures(run: RunRecord, recipe: Recipe) -> str:
    """Return where a kept run's settings differ from a recipe's, in words; "" where they agree."""
    wanted = settings(asdict(recipe)) | {"r": recipe.rank, "lora_alpha": recipe.alpha}
    wanted["target_modules"] = ", ".join(sorted(recipe.targets))
    found = {name: run.hyperparameters.get(name) for name in wanted}
    if isinstance(rate := found["learning_rate"], float) and math.isclose(rate, recipe.learning_rate, rel_tol=0.01):
        found["learning_rate"] = recipe.learning_rate  # out of a log, so rounded
    return ", ".join(f"{name} {found[name]}, now {value}" for name, value in wanted.items() if found[name] != value)


def tool_of(name: str) -> Tool:
    """Return the tool called `name`. Raises StageError that lists the names."""
    if name not in TOOLS:
        raise StageError(f"tool {name!r}: expected one of {', '.join(TOOLS)}")
    return TOOLS[name]


def tools_folder() -> Path:
    """Return where the tools' folders lie: under COURSE_WORK, or the course's `work/`."""
    return Path(os.environ.get("COURSE_WORK") or ROOT / "work") / "tools"


def prepare(tool: Tool, recipe: Recipe, place: Path) -> None:
    """Lay out the tool's folder: base, rows, configuration. A changed recipe makes an old result void."""
    from shared.world import rows

    place.mkdir(parents=True, exist_ok=True)
    place_base(place / BASE, untied=tool.name == "torchtune")
    export_tickets(place / DATA, rows("tickets", "train", recipe.rows), tool.format, end_token(place / BASE))
    text, path = config_text(tool.name, recipe, shape_of(place / BASE)), place / CONFIG
    if path.exists() and path.read_text(encoding="utf-8") != text:
        (place / PROCESS).unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")


def start(tool: Tool, recipe: Recipe, place: Path) -> Process:
    """Run the tool to its end, its loss in a progress bar. Raises StageError with the end of its log if it fails."""
    python = environment_of(tool, place)
    (place / PROCESS).unlink(missing_ok=True)
    shutil.rmtree(place / OUTPUT, ignore_errors=True)
    began = time.monotonic()
    child = subprocess.Popen(
        [str(python.parent / tool.command[0]), *tool.command[1:]],
        cwd=place, env=child_environment(recipe, place, python),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    memory = GpuMemory()
    try:
        with memory:
            step_seconds = follow(child, recipe.steps, place / LOG, tool.title)
    except BaseException:
        child.kill()
        child.wait()
        raise
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise StageError(f"{tool.title}: stopped with status {child.returncode}. {last_words(place / LOG)}")
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): macOS counts bytes, Linux KiB
    peak = memory.peak_bytes if recipe.device == "cuda" else usage.ru_maxrss * unit
    process = Process(time.monotonic() - began, step_seconds, peak, versions_in(python, tool))
    (place / PROCESS).write_text(json.dumps(asdict(process), indent=1) + "\n", encoding="utf-8")
    return process


def child_environment(recipe: Recipe, place: Path, python: Path) -> dict[str, str]:
    """Return the variables that the tool is started with: its own programs first, no hub, no report sent out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    ours = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(Path(__file__).parent / "components"),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "AXOLOTL_DO_NOT_TRACK": "1",
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "WANDB_DISABLED": "true",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if recipe.device == "cpu":
        # accelerate, which starts TRL's command line and Axolotl, gives a process one thread unless it is told.
        ours |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": kept.get("OMP_NUM_THREADS", str(cpu_cores()))}
    return kept | ours


def last_words(log: Path) -> str:
    """Return the line of a log that says why the tool stopped, and where the rest is.

    The last error that is not a launcher's word on the process below it; without one, the last line.
    """
    said = [line.strip() for line in log.read_text(encoding="utf-8").splitlines() if line.strip()] or ["no word"]
    errors = [line for line in said if _ERROR.match(line) and "CalledProcessError" not in line]
    return f"{(errors or said)[-1][:300]} (all of it: {log})"
