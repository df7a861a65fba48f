"""Measure what rung 09 says of its fine-tune, of contamination and of its judge, over several seeds.

    python scripts/measure_evals.py --seeds 0 1 2

Writes `shared/measured/evals.json` after each run (10 to 150 seconds on one core) and goes on where it stopped: what is
in the table is not run again. `--most N` stops after N runs.
"""

import argparse
import sys
import tempfile

from shared.data import load_task
from shared.harness.comparison import compare
from shared.harness.judge import LikelihoodJudge, judged
from shared.harness.leak import by_leak, leak
from shared.harness.pairs import right_and_wrong, short_and_long
from shared.harness.running import HubModel, run_suite, run_task
from shared.harness.suite import course_suite
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.quiet import quiet
from shared.training import trainer_arguments

NAME = "evals"
ROWS, PAIRS = 200, 100
TEST = 100  # rows of the test that leaks; half of it is trained on, or as many other rows
NOTES = (
    f"Scores are means over {ROWS} rows a task, from 0 to 1; a seed draws the rows and orders the training. verdicts: "
    f"Holm-adjusted, level 0.05. few, leaked: {TEST // 2} training rows, of their own or every second of {TEST} test "
    f"rows. judges: {PAIRS} pairs in both orders."
)
RECIPE = {"rate": 7e-4, "steps": 250, "rows": 600}
LEAKS = {"few": False, "leaked": True}
JUDGES = {"judge, per token": "mean", "judge, sum": "sum"}


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--most", type=int, default=1000)
    options = parser.parse_args()
    table = table_so_far(NAME, NOTES, f"python scripts/measure_evals.py --seeds {' '.join(map(str, options.seeds))}")
    done = {(row["name"], row["seed"]) for row in table.rows}
    names = [*JUDGES, "recipe", *LEAKS]
    wanted = [(name, seed) for name in names for seed in options.seeds if (name, seed) not in done]
    for name, seed in wanted[: options.most]:
        table.rows.append({"name": name, "seed": seed, **measure(name, seed)})
        save(NAME, table)
        print(table.rows[-1], flush=True)
    return 0


def measure(name: str, seed: int) -> dict:
    """Return one row of the table."""
    if name in JUDGES:
        return judge_row(JUDGES[name], seed)
    if name in LEAKS:
        return leak_row(LEAKS[name], seed)
    return tune_row(seed, **RECIPE)


def tune_row(seed: int, *, rate: float, steps: int, rows: int) -> dict:
    """Fine-tune once, and run the suite before and after."""
    tasks = course_suite("public", ROWS, seed + 1)
    before = run_suite(HubModel(*load_base()), tasks, progress=False)
    model, tokenizer = train(load_task("tickets", "train", rows), rate, steps, seed)
    made = compare(tasks, before, run_suite(HubModel(model, tokenizer), tasks, progress=False))
    scores = {f"{task}, {when}": round(mean, 4) for task, one in made.items()
              for when, mean in zip(("before", "after"), one.means)}  # fmt: skip
    verdicts = {f"{task}, verdict": one.verdict for task, one in made.items()}
    return {"rate": rate, "steps": steps, "train_rows": rows, **scores, **verdicts}


def leak_row(leaked: bool, seed: int) -> dict:
    """Fine-tune on few rows, their own or the test's, and score both halves of the test."""
    from datasets import Dataset

    new = course_suite("public", TEST, seed + 1)[1]
    trained_on = Dataset.from_list(leak(new)) if leaked else load_task("tickets", "train", TEST // 2, seed)
    run = run_task(HubModel(*train(trained_on, RECIPE["rate"], RECIPE["steps"], seed)), new)
    parts = by_leak(new, run.scores)
    return {"all": sum(run.scores) / TEST, **{name: sum(part) / len(part) for name, part in parts.items()}}


def judge_row(per: str, seed: int) -> dict:
    """Let the base judge pairs of replies in both orders."""
    judge = LikelihoodJudge(HubModel(*load_base()), per)
    right = judged(judge, right_and_wrong("public", PAIRS, seed))
    length = judged(judge, short_and_long("public", PAIRS, seed))
    first, flipped = right.took_first
    return {
        "right, first": right.accuracy[0], "right, second": right.accuracy[1], "flipped": right.flipped,
        "first of flipped": first / max(1, flipped), "position p": right.position_p,
        "right, agreed": round(right.agreed[0], 4), "agreed": right.agreed[2],
        "short preferred": sum(length.accuracy) / 2,
    }  # fmt: skip


def train(rows, rate: float, steps: int, seed: int):
    """Return model and tokenizer after a full fine-tune of the base on `rows`, as the notebook trains."""
    from transformers import PrinterCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(seed)
    model, tokenizer = load_base()
    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = SFTConfig(**kept, learning_rate=rate, max_steps=steps, warmup_steps=20,
                              lr_scheduler_type="cosine", per_device_train_batch_size=16, max_length=256)  # fmt: skip
        pairs = rows.select_columns(["prompt", "completion"])
        trainer = SFTTrainer(model, arguments, train_dataset=pairs, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer.model.eval(), tokenizer


if __name__ == "__main__":
    sys.exit(main())
