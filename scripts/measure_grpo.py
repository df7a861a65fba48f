"""Measure rung 07's runs over several seeds: the recipe, the hackable reward, the gradient's noise by baseline.

    python scripts/measure_grpo.py --seeds 0 1 2

Writes `shared/measured/grpo.json` after each run (two to four minutes on two cores) and goes on where it stopped: what
is in the table is not run again.
"""

import argparse
import sys
import tempfile
from statistics import fmean
from typing import TYPE_CHECKING

from shared.data import load_task
from shared.evaluation import generate
from shared.measured import save, table_so_far
from shared.models import load_base
from shared.quiet import quiet
from shared.rl import rewards
from shared.rl.critic import TrainedCritic
from shared.rl.groups import right_counts, sample_groups, working_share
from shared.rl.passk import mean_pass_at_k
from shared.rl.variance import LearnedValue, gradient_noise, others_mean, samples_of
from shared.training import trainer_arguments
from shared.world import rows, sorting

if TYPE_CHECKING:
    from trl import GRPOTrainer

NAME = "grpo"
ORDERS, SIZE, TOKENS, KEPT = 100, 8, 56, 150
FITTED = (32, 256, 1024)  # answers that the learned value is fitted to
EPOCHS = 3  # of a whole value model, over the most of them
NOTES = (
    f"sampled, best_of_8, working: shares over {ORDERS} public orders, {SIZE} answers each at temperature 1. reading, "
    f"sorting: share of {KEPT} public rows. reward_first, reward_last: mean over five steps. noise: variance of one "
    "answer's gradient by baseline, over that with the group's mean; 128 answers of the base."
)
RECIPE = {"reward": "right_total", "steps": 60, "rate": 2e-4, "beta": 0.001, "loss_type": "dapo", "scale": "group"}
CHANGES = {
    "base": {"steps": 0},
    "recipe": {},
    "hackable": {"reward": "close_and_short", "steps": 20},
}


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--names", nargs="+", default=[*CHANGES, *NOISE], choices=[*CHANGES, *NOISE])
    options = parser.parse_args()
    table = table_so_far(NAME, NOTES, "python scripts/measure_grpo.py --seeds 0 1 2")
    done = {(row["name"], row["seed"]) for row in table.rows}
    wanted = [(name, seed) for name in options.names for seed in options.seeds if (name, seed) not in done]
    for place, (name, seed) in enumerate(wanted, 1):
        print(f"{place} of {len(wanted)}: {name}, seed {seed}", flush=True)
        row = NOISE[name](seed) if name in NOISE else measure(name, seed)
        table = table_so_far(NAME, NOTES, table.command)  # another process may have added a row meanwhile
        table.rows.append({"name": name, "seed": seed, **row})
        save(NAME, table)
        print(table.rows[-1], flush=True)
    return 0


def measure(name: str, seed: int) -> dict:
    """Train with the settings called `name` and return the table's row."""
    from transformers import set_seed

    settings = {**RECIPE, **CHANGES[name]}
    set_seed(seed)
    model, tokenizer = load_base()
    found = {}
    if settings["steps"]:
        trainer = train(model, tokenizer, seed=seed, **settings)
        logged = [entry for entry in trainer.state.log_history if "reward" in entry]
        found = {
            "reward_first": round(fmean(entry["reward"] for entry in logged[:5]), 4),
            "reward_last": round(fmean(entry["reward"] for entry in logged[-5:]), 4),
            "seconds": round(trainer.state.log_history[-1]["train_runtime"]),
        }
    return {**settings, **scores(model.eval(), tokenizer, seed), **found}


def scores(model, tokenizer, seed: int) -> dict:
    """Return what a model can do: orders in one try and in the best of eight, working, reading, sorting."""
    asked = rows("orders", "public", ORDERS)
    groups = sample_groups(model, tokenizer, [row["prompt"] for row in asked], SIZE, tokens=TOKENS, seed=seed)
    counts = right_counts(groups, [row["total"] for row in asked])

    def answered(task: str, tokens: int) -> list[tuple[str, dict]]:
        part = rows(task, "public", KEPT)
        prompts = [row["prompt"] for row in part]
        texts = generate(model, tokenizer, prompts, max_new_tokens=tokens, stop_at_newline=True, progress=False)
        return list(zip(texts, part))

    read = fmean(text.strip().rstrip(".") == row["answer"] for text, row in answered("reading", 16))
    put = fmean(sorting.is_right(text, row["labels"]) for text, row in answered("sorting", 40))
    return {
        "sampled": mean_pass_at_k(counts, SIZE, 1), "best_of_8": mean_pass_at_k(counts, SIZE, SIZE),
        "working": working_share(groups), "reading": round(read, 4), "sorting": round(put, 4),
    }  # fmt: skip


def train(model, tokenizer, *, reward, steps, rate, beta, loss_type, scale, seed) -> "GRPOTrainer":
    """Return the trainer after one run: rung 07's, but for the given settings."""
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    with tempfile.TemporaryDirectory() as folder, quiet():
        kept = {**trainer_arguments(folder), "save_strategy": "no", "seed": seed, "disable_tqdm": True}
        arguments = GRPOConfig(
            **kept, learning_rate=rate, max_steps=steps, warmup_steps=3, lr_scheduler_type="constant_with_warmup",
            per_device_train_batch_size=64, num_generations=8, max_completion_length=TOKENS, beta=beta,
            loss_type=loss_type, scale_rewards=scale,
        )  # fmt: skip
        data = load_task("orders", "train", 500).select_columns(["prompt", "total"])
        function = getattr(rewards, reward)
        trainer = GRPOTrainer(model, function, args=arguments, train_dataset=data, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer


def measure_noise(seed: int) -> dict:
    """Return the gradient's variance by baseline, for rewards of 0 and 1 and for the same rewards less one."""
    model, fit, some = rewarded_answers(seed)
    weights = {"none, right 1": [one.reward for one in some], "none, wrong -1": [one.reward - 1 for one in some]}
    for count in FITTED:
        value = LearnedValue(model, fit[:count])
        weights[f"value of {count}"] = [one.reward - value(one) for one in some]
    return over_group(model, some, weights)


def measure_critic(seed: int) -> dict:
    """Return the gradient's variance with a whole value model, trained on the most answers for a few epochs."""
    model, fit, some = rewarded_answers(seed)
    value = TrainedCritic(fit, epochs=EPOCHS, seed=seed)
    return over_group(model, some, {f"critic of {len(fit)}": [one.reward - value(one) for one in some]})


def rewarded_answers(seed: int) -> tuple:
    """Return the base, answers to fit a value to, and 128 others whose gradients are measured."""
    model, tokenizer = load_base()
    asked = rows("orders", "train", 144, seed)

    def sampled(part: list[dict], stream: int) -> list:
        prompts, totals = [row["prompt"] for row in part], [row["total"] for row in part]
        groups = sample_groups(model, tokenizer, prompts, SIZE, tokens=TOKENS, seed=stream)
        return samples_of(tokenizer, prompts, groups, totals)

    return model, sampled(asked[16:], 1), sampled(asked[:16], 2)


def over_group(model, some: list, weights: dict) -> dict:
    """Return the variance by baseline over that with the mean of the group's others."""
    group = [one.reward - mean for one, mean in zip(some, others_mean(some), strict=True)]
    noise = gradient_noise(model, some, {"group": group, **weights})
    return {name: round(noise[name] / noise["group"], 4) for name in weights}


NOISE = {"noise": measure_noise, "critic": measure_critic}

if __name__ == "__main__":
    sys.exit(main())
