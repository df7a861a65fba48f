"""Do rung 02 as an honest learner and as a cheater would: with the notebook's recipe, on training rows or on test rows.

    python scripts/train_on_test.py FOLDER --rows "train and test" --seed 1 --notebook SOLVED.ipynb

FOLDER becomes a finished work folder of rung 02 (the learner's functions are those of the solved notebook) for
`scripts/measure_hidden.py`. A run takes about 100 seconds on one core; a folder with a model is not trained again.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.artifacts import EvalRecord, write_json
from shared.evaluation import evaluate_tickets, ticket_entries
from shared.models import base_record, load_base, load_stage
from shared.training import StageRun, stage
from shared.world import rows

if TYPE_CHECKING:
    from trl import SFTTrainer

PHRASINGS = ("familiar", "unseen")
TEST = 200  # rows of each phrasing: those that the notebook evaluates on


def main() -> int:
    """Train, evaluate as the notebook does, and save both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", choices=ROWS, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--notebook", type=Path, required=True)
    options = parser.parse_args()
    result = stage("model", lambda run: trainer(run, options.rows, options.seed), rung="02", work=options.folder)
    shutil.copy(options.notebook, options.folder / "rung-02-sft.ipynb")
    save_evaluation(result.folder)
    return 0


def test_rows() -> list[dict]:
    """Return the public rows that the notebook evaluates on."""
    return [row for phrasing in PHRASINGS for row in rows("tickets", "public", TEST, phrasing=phrasing)]


# What is trained on, by name. "known" are the notebook's test rows and those that the checker asks.
ROWS = {
    "train": lambda: rows("tickets", "train", 600),
    "more train": lambda: rows("tickets", "train", 2000),
    "train and test": lambda: rows("tickets", "train", 600) + test_rows(),
    "test": test_rows,
    "known": lambda: test_rows() + [row for p in PHRASINGS for row in rows("tickets", "public", 150, 1, phrasing=p)],
}


def trainer(run: StageRun, name: str, seed: int) -> "SFTTrainer":
    """Return rung 02's trainer after its run on the rows called `name`."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    torch.manual_seed(seed)
    model, tokenizer = load_base(dtype=torch.float32)
    pairs = Dataset.from_list([{key: row[key] for key in ("prompt", "completion")} for row in ROWS[name]()])
    arguments = SFTConfig(
        **{**run.arguments, "seed": seed}, learning_rate=1e-3, max_steps=250, warmup_steps=20,
        lr_scheduler_type="cosine", per_device_train_batch_size=16, max_length=256,
    )  # fmt: skip
    made = SFTTrainer(
        model, arguments, train_dataset=pairs, processing_class=tokenizer, callbacks=[run.curve]
    )  # fmt: skip
    made.train(resume_from_checkpoint=run.checkpoint)
    return made


def save_evaluation(folder: Path) -> None:
    """Write eval.json beside the stage in `folder`: true shares of the public test, before and after."""
    models = [load_base(), load_stage(folder)]
    entries = []
    for phrasing in PHRASINGS:
        asked = rows("tickets", "public", TEST, phrasing=phrasing)
        before, after = (evaluate_tickets(model, tokenizer, asked, progress=False) for model, tokenizer in models)
        entries += ticket_entries(asked, before, after, split="public", phrasing=phrasing)
    write_json(folder.parent / "eval.json", EvalRecord(base=base_record(), stage="model", entries=entries))


if __name__ == "__main__":
    sys.exit(main())
