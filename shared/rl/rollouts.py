"""What a GRPO run did, step by step: the file `artifacts/rollouts/<stage>.json`.

The loss of GRPO on fresh samples is minus the mean advantage of a token: it says whether long answers are the right
ones, and nothing of how many are right. So a run is judged by what it sampled: rewards, their spread, the share of
groups that teach nothing, entropy, length, distance from the reference.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from shared.artifacts import Artifact, Positive, read_json, write_json
from shared.training import work_folder

if TYPE_CHECKING:
    from transformers import Trainer

Share = Annotated[float, Field(ge=0, le=1)]
FOLDER = Path("artifacts/rollouts")

# Our name of a column -> the key under which TRL logs it.
LOGGED = {
    "reward": "reward",
    "reward_std": "reward_std",
    "zero_std": "frac_reward_zero_std",
    "entropy": "entropy",
    "length": "completions/mean_length",
    "cut": "completions/clipped_ratio",
    "kl": "kl",
    "right": "right",
    "working": "working",
}


class RolloutRow(Artifact):
    """One training step, over all its completions.

    `reward_std`: standard deviation of the rewards. `zero_std`: share of groups whose rewards are all equal. `entropy`
    and `kl`: nats a token, the latter to the reference (None without one). `length`: tokens. `cut`: share that reached
    the longest length. `right`, `working`: shares that no reward need have seen.
    """

    step: Positive
    reward: float
    reward_std: float = Field(ge=0)
    zero_std: Share
    entropy: float
    length: float = Field(ge=0)
    cut: Share
    kl: float | None = None
    right: Share
    working: Share


class RolloutLog(Artifact):
    """`rollouts/<stage>.json`: the rows of one run."""

    largest: ClassVar[int] = 4_000_000

    stage: str
    completions: Positive  # a step
    rows: list[RolloutRow] = Field(min_length=1)


def rollout_log(stage: str, completions: int, log_history: list[dict[str, Any]]) -> RolloutLog:
    """Return the record of a run from the trainer's log, one row a logged step."""
    logged = [entry for entry in log_history if "reward" in entry]
    rows = [
        RolloutRow(step=entry["step"], **{name: entry[key] for name, key in LOGGED.items() if key in entry})
        for entry in logged
    ]
    return RolloutLog(stage=stage, completions=completions, rows=rows)


def keep_rollouts(trainer: "Trainer", stage: str, *, rung: str = "07", work: Path | None = None) -> None:
    """Write the record of `trainer`'s run where `rollouts` finds it."""
    completions = trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps
    log = rollout_log(stage, completions, trainer.state.log_history)
    write_json((work or work_folder(rung)) / FOLDER / f"{stage}.json", log)


def rollouts(stage: str, *, rung: str = "07", work: Path | None = None) -> RolloutLog:
    """Return the kept record of a stage. Raises ArtifactError, one line."""
    folder = work or work_folder(rung)
    return read_json(folder / FOLDER / f"{stage}.json", RolloutLog, within=folder)
