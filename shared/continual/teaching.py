"""Teach a model a skill with TRL's trainer, outside any stage: for measurements, and for a lost skill's return."""

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH, WARMUP, LONGEST = 16, 10, 256
LOOKS = (0, 1, 2, 5, 10, 40)


def taught(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: Sequence[dict], *, rate: float, steps: int,
    seed: int = 0, trainer: type | None = None, callbacks: Sequence = (), schedule: str = "cosine", **settings: Any,
) -> "PreTrainedModel":  # fmt: skip
    """Return the model after `steps` of BATCH rows at a peak rate of `rate`; it is changed in place.

    `trainer` is TRL's SFTTrainer or a kind of it, which is given `settings`. `schedule` is cosine, after a warm-up, or
    constant.
    """
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    from shared.quiet import quiet
    from shared.training import trainer_arguments

    set_seed(seed)
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(
            **kept, learning_rate=rate, max_steps=steps, warmup_steps=WARMUP if schedule == "cosine" else 0,
            lr_scheduler_type=schedule, per_device_train_batch_size=BATCH, max_length=LONGEST,
        )  # fmt: skip
        made = (trainer or SFTTrainer)(
            model, arguments, train_dataset=Dataset.from_list(list(rows)), processing_class=tokenizer,
            callbacks=list(callbacks), **settings,
        )  # fmt: skip
        made.remove_callback(PrinterCallback)
        made.train()
    return made.model.eval()


def relearned(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: Sequence[dict],
    score: "Callable[[PreTrainedModel], float]", *, rate: float, looks: Sequence[int] = LOOKS, seed: int = 0,
) -> dict[int, float]:  # fmt: skip
    """Return the score of `model` after each number of steps in `looks` on a lost skill's rows, at a constant rate.

    The model is changed in place.
    """
    from transformers import TrainerCallback

    found = {0: score(model)}

    class Look(TrainerCallback):
        """Scores the model after the steps of `looks`."""

        def on_step_end(self, args, state, control, model=None, **kwargs):
            if state.global_step in looks:
                found[state.global_step] = score(model)

    taught(model, tokenizer, rows, rate=rate, steps=max(looks), seed=seed, callbacks=[Look()], schedule="constant")
    return found
