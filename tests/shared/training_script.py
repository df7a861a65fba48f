"""A learner's training cell as a script of its own, so that a test can kill it.

`python training_script.py WORK STAGE [HANG_AT]` trains 12 steps in the folder WORK, with a checkpoint every
four; at step HANG_AT it writes WORK/hanging and waits to be killed.
"""

import sys
import time
from pathlib import Path

from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from shared.data import load_task
from shared.models import load_base
from shared.training import stage

STEPS = 12


class HangAt(TrainerCallback):
    """Waits at the end of one step, as a process does whose machine is about to go down."""

    def __init__(self, work, step):
        self.work, self.step = work, step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            (self.work / "hanging").touch()
            time.sleep(600)


def main(work, name, hang_at=0):
    work = Path(work)

    def train(run):
        model, tokenizer = load_base()
        trainer = SFTTrainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=load_task("tickets", "train", 32),
            args=SFTConfig(
                **run.arguments | {"save_steps": 4},
                max_steps=STEPS,
                learning_rate=1e-2,
                per_device_train_batch_size=4,
            ),
            callbacks=[run.curve, HangAt(work, int(hang_at))],
        )
        trainer.train(resume_from_checkpoint=run.checkpoint)
        return trainer

    stage(name, train, rung="02", work=work)


if __name__ == "__main__":
    main(*sys.argv[1:])
