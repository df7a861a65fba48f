"""The model that writes the shop's replies, before anything was learnt about which of them are better.

On pocket it is the base, which has read such replies in both tones. A base from the hub has never seen one: it is
fine-tuned on both replies of preference pairs first, the right and the wrong, so that there is something to choose.
"""

from typing import TYPE_CHECKING

from shared.models import load_base, load_stage, profile_here
from shared.reward_model import RUNG
from shared.reward_pairs import pairs
from shared.training import StageRun, stage

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

ROWS, STEPS, RATE = 1200, 150, 2e-5
TOKENS = 64  # the longest reply, and a little more


def load_writer() -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the model that writes replies, and its tokenizer; where the base cannot, it is trained once."""
    if profile_here().device == "cpu":
        return load_base(rung=RUNG)
    return load_stage(stage("writer", _train, rung=RUNG, folder="experiments").folder)


def _train(run: StageRun) -> "Trainer":
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [{"prompt": row["prompt"], "completion": row[name]} for row in pairs("train", ROWS, 1) for name in
            ("chosen", "rejected")]  # fmt: skip
    arguments = SFTConfig(
        **run.arguments, learning_rate=RATE, max_steps=STEPS, warmup_steps=10, lr_scheduler_type="cosine",
        per_device_train_batch_size=16, max_length=256,
    )  # fmt: skip
    model, tokenizer = load_base(rung=RUNG, dtype=torch.float32)
    trainer = SFTTrainer(
        model, arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[run.curve]
    )
    trainer.train(resume_from_checkpoint=run.checkpoint)
    return trainer
