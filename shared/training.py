"""Run a training function once, safely: `stage` trains, records, saves, and next time loads.

A stage is one training run. Its folder, `artifacts/<stage>/`, holds the weights and the record of how they
came about. While it trains, everything unfinished lies in `artifacts/checkpoint-<stage>/`, which vanishes at
the end.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.artifacts import ArtifactError, LossCurve, RunRecord, read_json, safe_path, shown, write_json
from shared.course import ROOT, load_course
from shared.curve import StageError, curve_callback, curve_of, loss_in_progress_bar
from shared.models import computes_in_bf16, device_of, profile_here
from shared.quiet import quiet
from shared.run_record import run_record

if TYPE_CHECKING:
    from transformers import Trainer, TrainerCallback, TrainingArguments

__all__ = [
    "StageError", "StageResult", "StageRun", "load_result", "refuse_where_nothing_is_trained", "stage",
    "trainer_arguments", "work_folder",
]  # fmt: skip

SEED = 0
CHECKPOINT_EVERY = {"cpu": 25, "cuda": 100}  # steps: some seconds of work to lose, against the time to write
WEIGHTS = ("model.safetensors", "adapter_model.safetensors")
BF16_GAP = 2**-13  # between bfloat16 numbers from 2^-6 to 2^-5: eight bits of precision


@dataclass(frozen=True)
class StageRun:
    """What a training function is given.

    `arguments` go into the trainer's config: where checkpoints go, how often the loss is logged, the device,
    the seed. `curve` goes into the trainer's callbacks. `checkpoint` goes into
    `trainer.train(resume_from_checkpoint=...)`: None on a first run, else where an interrupted run left off.
    """

    arguments: dict[str, Any]
    curve: "TrainerCallback"
    checkpoint: str | None


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its folder, its loss curve, its record, and whether it was trained just now."""

    folder: Path
    curve: LossCurve
    run: RunRecord
    fresh: bool


def stage(
    name: str,
    train: "Callable[[StageRun], Trainer]",
    *,
    rung: str,
    folder: str = "artifacts",
    rerun: bool = False,
    work: Path | str | None = None,
) -> StageResult:
    """Train once and save under `<work>/<folder>/<name>`; on later calls load what was saved.

    An interrupted run goes on from its last checkpoint. `rerun=True` starts afresh; the old result stays
    until the new one is complete. Under nbgrader, or with COURSE_NO_TRAINING=1, nothing is trained. `work` is
    the rung's folder (`work_folder(rung)` by default). Raises StageError or ArtifactError, each one line.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise StageError(f"stage {name!r}: expected a name of small letters, digits and hyphens: 'sft-hot'")
    target = safe_path(Path(work or work_folder(rung)), Path(folder) / name)
    scratch = target.with_name(f"checkpoint-{name}")
    _bring_back_old_result(target, scratch)
    if target.exists() and not rerun:
        return _announce(load_result(target, fresh=False), begun_again=last_checkpoint(scratch) is not None)
    refuse_where_nothing_is_trained(name, target)
    if rerun:
        shutil.rmtree(scratch, ignore_errors=True)
    with _interruption_told(name, scratch), quiet(), loss_in_progress_bar():
        trainer = train(_prepare(name, scratch))
        if trainer is None:
            raise StageError(f"stage {name!r}: got no trainer. End your function with `return trainer`")
        curve = curve_of(trainer.state.log_history)
        record = run_record(trainer, curve, rung=load_course().rung(rung).id, stage=name)
        _save(trainer, curve, record, target, scratch)
    return _announce(load_result(target, fresh=True))


def work_folder(rung: str) -> Path:
    """Return the learner's folder of a rung.

    The current folder when that is it (Jupyter runs a notebook in its own folder), else the rung's folder in
    COURSE_WORK, else in the course's `work/`. The instructor's source folder under `rungs/` is never written
    to.
    """
    name = load_course().rung(rung).folder
    here = Path.cwd()
    if here.name == name and here.parent != ROOT / "rungs":
        return here
    return Path(os.environ.get("COURSE_WORK") or ROOT / "work") / name


def last_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint in `folder`, or None. Its trainer_state.json is written last."""
    steps = sorted((int(path.name.split("-")[1]) for path in folder.glob("checkpoint-*")), reverse=True)
    for path in (folder / f"checkpoint-{step}" for step in steps):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # the process was killed while it wrote this one
        return str(path)
    return None


def trainer_arguments(folder: Path | str) -> dict[str, Any]:
    """Return what every trainer's config of the course is given: where it writes, how it logs, device and seed."""
    device = device_of(profile_here())
    return {
        "output_dir": str(folder),
        "save_strategy": "steps",
        "save_steps": CHECKPOINT_EVERY[device],
        "save_total_limit": 2,  # two, because a kill can spoil the one being written
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # by default the trainer logs an earlier loss in place of NaN
        "report_to": "none",
        "disable_tqdm": False,
        "use_cpu": device == "cpu",
        "bf16": computes_in_bf16(device),
        "activation_checkpointing": False,  # it saves memory for a third more time; TRL turns it on
        "dataloader_pin_memory": device == "cuda",
        "seed": SEED,
    }


def _prepare(name: str, scratch: Path) -> StageRun:
    """Make the scratch folder and what the training function is given; seed everything."""
    import torch
    from transformers import set_seed

    scratch.mkdir(parents=True, exist_ok=True)
    set_seed(SEED)  # a new adapter or head gets its first weights before the trainer seeds itself
    if device_of(profile_here()) == "cuda":
        torch.cuda.reset_peak_memory_stats()
    return StageRun(trainer_arguments(scratch), curve_callback(name), last_checkpoint(scratch))


def _save(trainer: "Trainer", curve: LossCurve, record: RunRecord, target: Path, scratch: Path) -> None:
    """Write everything into the scratch folder, then rename: `target` is the whole new result or the old."""
    complete, old = scratch / "complete", scratch / "old"
    shutil.rmtree(complete, ignore_errors=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if record.method == "full":
        trainer.processing_class.save_pretrained(complete)
        if computes_in_bf16(model.device.type) and outlasts_bf16(trainer.args):
            model.bfloat16()  # trained in float32, kept as the hub keeps models: half the size
    model.save_pretrained(complete)
    for config in getattr(model, "peft_config", {}).values():
        config.base_model_name_or_path = record.base.id  # PEFT wrote the path of a folder on this machine
        config.save_pretrained(complete)
    (complete / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    write_json(complete / "loss_curve.json", curve)
    write_json(complete / "run.json", record)
    if target.exists():
        target.rename(old)
    complete.rename(target)
    shutil.rmtree(scratch)


def outlasts_bf16(arguments: "TrainingArguments") -> bool:
    """Return whether a run goes far enough for its result to be kept in bfloat16.

    Adam moves a weight by about the learning rate a step (Kingma & Ba 2014, arXiv:1412.6980, section 2.1). A usual
    weight, 0.02, and its neighbour in bfloat16 are 1.2e-4 apart, and the base's weights lie exactly on that grid: of a
    run whose rate times steps is below ten such gaps, as in reinforcement learning, rounding would leave little.
    """
    return arguments.learning_rate * arguments.max_steps >= 10 * BF16_GAP


def _bring_back_old_result(target: Path, scratch: Path) -> None:
    """Undo the first half of the exchange in `_save`, if the process died between the two renames."""
    if not target.exists() and (scratch / "old").exists():
        (scratch / "old").rename(target)


def load_result(target: Path, fresh: bool) -> StageResult:
    """Return a saved stage. Raises StageError for a record or weights that are missing or spoilt."""
    try:
        run = read_json(target / "run.json", RunRecord, within=target)
        curve = read_json(target / "loss_curve.json", LossCurve, within=target)
    except ArtifactError as error:
        fault = str(error).partition(". ")[0]
        raise StageError(f"{fault}: the saved stage is not whole. Train it again with rerun=True") from None
    if not any((target / name).is_file() for name in WEIGHTS):
        raise StageError(f"{shown(target)}: expected {' or '.join(WEIGHTS)}. Train again with rerun=True")
    return StageResult(target, curve, run, fresh)


@contextmanager
def _interruption_told(name: str, scratch: Path) -> Iterator[None]:
    """Print where the run goes on from, and, when it is interrupted, where it would."""
    if checkpoint := last_checkpoint(scratch):
        print(f"Stage {name!r}: going on from step {_step_of(checkpoint)}.")
    try:
        yield
    except KeyboardInterrupt:
        checkpoint = last_checkpoint(scratch)
        start = f"step {_step_of(checkpoint)}" if checkpoint else "the start"
        print(f"Stage {name!r}: interrupted. Run it the same way again, and it goes on from {start}.")
        raise


def _step_of(checkpoint: str) -> int:
    return int(checkpoint.rpartition("-")[2])


def _announce(result: StageResult, begun_again: bool = False) -> StageResult:
    """Print one line about a stage, so that a learner knows whether they see old results or new."""
    run = result.run
    cost = f"{run.steps} steps in {run.wall_seconds:.0f} s on {run.device}"
    if result.fresh:
        print(f"Stage {run.stage!r}: trained {cost}, peak memory {run.peak_memory_bytes / 2**30:.1f} GiB.")
    else:
        print(f"Stage {run.stage!r}: loaded, trained earlier ({cost}). What has changed in the cell since then has no")
        print("effect: rerun=True trains it again.")
        if begun_again:
            print("An interrupted rerun lies beside it; rerun=True begins that afresh.")
    return result


def refuse_where_nothing_is_trained(name: str, target: Path) -> None:
    """Raise StageError under nbgrader (its autograde and validate set NBGRADER_EXECUTION) and on request."""
    for variable in ("NBGRADER_EXECUTION", "COURSE_NO_TRAINING"):
        if os.environ.get(variable):
            raise StageError(
                f"stage {name!r}: no result in {shown(target)}, and {variable} forbids training here. "
                "Run the notebook in Jupyter first, then submit it with its artifacts"
            )
