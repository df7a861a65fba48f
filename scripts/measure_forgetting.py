"""Measure what a sequence of three fine-tunes forgets, and what each remedy keeps, over several seeds.

    python scripts/measure_forgetting.py --seeds 0 1 2

Writes `shared/measured/forgetting.json` after each run (one to two minutes on one core) and goes on where it stopped:
what is in the table is not run again. `--most N` stops after N runs, `--names` picks methods.
"""

import argparse
import sys
import tempfile
import time
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

from shared.continual import ewc, replay
from shared.continual.averaging import between
from shared.continual.skills import LESSONS, SKILLS, exam, lesson_rows
from shared.continual.teaching import BATCH, relearned, taught
from shared.harness.running import HubModel, run_task
from shared.harness.suite import general_tasks
from shared.measured import save, table_so_far
from shared.models import load_base

NAME = "forgetting"
ROWS = 200
NOTES = (
    f"R: share right of {ROWS} rows, a row a stage (after tickets, totals, notes), a column a skill; start: the base. "
    "seconds: processor time of training after the first stage, one thread; prepare: of what is computed before. "
    "old_rows: rows of older skills trained on. kept_bytes: what has to be kept besides the model. stories: "
    "probability per token of stories, which no stage teaches."
)
RATE = {skill: lesson.rates["pocket"] for skill, lesson in LESSONS.items()}
STEPS = {skill: lesson.steps for skill, lesson in LESSONS.items()}
METHODS: dict[str, dict] = {
    "naive": {"kind": "naive"},
    "replay 5%": {"kind": "replay", "share": 0.05},
    "replay 20%": {"kind": "replay", "share": 0.2},
    "replay 50%": {"kind": "replay", "share": 0.5},
    "EWC 100": {"kind": "ewc", "strength": 1e2},
    "EWC 1,000": {"kind": "ewc", "strength": 1e3},
    "EWC 10,000": {"kind": "ewc", "strength": 1e4},
    "EWC 1,000,000": {"kind": "ewc", "strength": 1e6},
    "low rate": {"kind": "rate", "rate": 2e-4},
    "LoRA": {"kind": "lora", "rank": 8, "rate": 3e-3},
    "averaging 0.3": {"kind": "averaging", "alpha": 0.3},
    "averaging 0.5": {"kind": "averaging", "alpha": 0.5},
    "averaging 0.7": {"kind": "averaging", "alpha": 0.7},
    "own answers 20%": {"kind": "own answers", "share": 0.2},
    "own documents 20%": {"kind": "own documents", "share": 0.2},
    "mixture": {"kind": "mixture"},
    "coming back": {"kind": "relearn"},
}


def main() -> int:
    """Run what is missing from the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--names", nargs="+", default=list(METHODS))
    parser.add_argument("--most", type=int, default=1000)
    options = parser.parse_args()
    table = table_so_far(NAME, NOTES, "python scripts/measure_forgetting.py --seeds 0 1 2")
    done = {(row["name"], row["seed"]) for row in table.rows}
    wanted = [(name, seed) for seed in options.seeds for name in options.names if (name, seed) not in done]
    for name, seed in wanted[: options.most]:
        table.rows.append({"name": name, "seed": seed, **METHODS[name], **measure(seed, **METHODS[name])})
        print(table.rows[-1], flush=True)
        table.rows.sort(key=lambda row: (list(METHODS).index(row["name"]), row["seed"]))
        save(NAME, table)
    return 0


def measure(seed: int, *, kind: str, **setting) -> dict:
    """Return what one method gives."""
    first = first_stage(seed)
    if kind == "mixture":
        return mixture(seed)
    if kind == "relearn":
        return coming_back(first, seed)
    return sequence(first, seed, kind, **setting)


def sequence(first: dict, seed: int, kind: str, **setting) -> dict:
    """Learn the second and the third skill after the first, with one method."""
    model, tokenizer = model_with(first)
    old: list[dict] = []
    springs, scored, spent = None, [first_scores(seed)], {"seconds": 0.0, "prepare": 0.0}
    replayed = kept = 0
    for past, skill in pairwise(SKILLS):
        old += lesson_rows(past, seed=seed)
        rows, begun, before = lesson_rows(skill, seed=seed), time.process_time(), weights_of(model)
        n, options, rate = BATCH * STEPS[skill], {}, setting.get("rate", RATE[skill])
        if kind in ("replay", "own answers", "own documents"):
            pool = old if kind == "replay" else written(model, tokenizer, kind, skill, seed)
            rows = replay.replay_mix(rows, pool, setting["share"], n, seed)
            replayed += round(setting["share"] * n)
        if kind == "ewc":
            held = lesson_rows(past, ewc.FISHER_ROWS, seed)
            springs = ewc.springs_after(model, tokenizer, held, springs, seed)
            options = {"trainer": held_trainer(), "springs": springs, "strength": setting["strength"]}
            kept = springs.bytes
        if kind == "lora":
            options = {"peft_config": adapter(setting["rank"])}
        spent["prepare"] += time.process_time() - begun
        begun = time.process_time()
        model = taught(model, tokenizer, rows, rate=rate, steps=STEPS[skill], seed=seed, **options)
        spent["seconds"] += time.process_time() - begun
        if kind == "lora":
            model = model.merge_and_unload()
        if kind == "averaging":
            model.load_state_dict(between(before, weights_of(model), setting["alpha"]), strict=False)
            kept = sum(values.numel() * values.element_size() for values in before.values())
        scored.append(scores(model, tokenizer, seed))
    return {
        "R": scored, "start": base_scores(seed), **{name: round(value, 1) for name, value in spent.items()},
        "old_rows": replayed, "kept_bytes": kept, "stories": stories(model, tokenizer, seed),
    }  # fmt: skip


def mixture(seed: int) -> dict:
    """Learn all three skills at once from the base, in as many steps as the sequence takes."""
    model, tokenizer = load_base()
    rows = [row for skill in SKILLS for row in lesson_rows(skill, seed=seed)]
    begun = time.process_time()
    model = taught(model, tokenizer, rows, rate=RATE["tickets"], steps=sum(STEPS.values()), seed=seed)
    seconds = round(time.process_time() - begun, 1)
    return {
        "R": [scores(model, tokenizer, seed)], "start": base_scores(seed), "seconds": seconds, "prepare": 0.0,
        "old_rows": len(rows), "kept_bytes": 0, "stories": stories(model, tokenizer, seed),
    }  # fmt: skip


def coming_back(first: dict, seed: int) -> dict:
    """Train on tickets again: after they were lost, from the base, and after the two other skills alone."""
    curves = {}
    for name, start in (("tickets lost", first), ("base", None), ("other two skills, never tickets", None)):
        model, tokenizer = model_with(start) if start else load_base()
        for skill in () if name == "base" else SKILLS[1:]:
            model = taught(model, tokenizer, lesson_rows(skill, seed=seed), rate=RATE[skill], steps=STEPS[skill],
                           seed=seed)  # fmt: skip
        rows, rate = lesson_rows("tickets", seed=seed), RATE["tickets"] / 2
        curves[name] = relearned(model, tokenizer, rows, partial(tickets_right, tokenizer, seed), rate=rate, seed=seed)
    return {"curves": {name: {str(step): share for step, share in curve.items()} for name, curve in curves.items()}}


def written(model, tokenizer, kind: str, skill: str, seed: int) -> list[dict]:
    """Return rows that the model writes before it learns `skill`."""
    if kind == "own documents":
        return replay.own_documents(model, tokenizer, 200, seed=seed)
    past = SKILLS[: SKILLS.index(skill)]
    return [row for one in past for row in replay.own_answers(model, tokenizer, one, 200, seed=seed)]


def first_stage(seed: int) -> dict:
    """Return the weights after the first skill, trained once a seed and kept in the temporary folder."""
    from safetensors.torch import load_file, save_file

    path = Path(tempfile.gettempdir()) / f"course-forgetting-{seed}.safetensors"
    if not path.exists():
        model, tokenizer = load_base()
        rows = lesson_rows("tickets", seed=seed)
        model = taught(model, tokenizer, rows, rate=RATE["tickets"], steps=STEPS["tickets"], seed=seed)
        save_file(weights_of(model), path)
    return load_file(path)


def model_with(weights: dict):
    """Return the base's network with these weights, and the tokenizer."""
    model, tokenizer = load_base()
    model.load_state_dict(weights, strict=False)  # a tied head is the embedding, and not in the file
    return model, tokenizer


def weights_of(model) -> dict:
    """Return a copy of the weights; tied ones once."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def held_trainer() -> type:
    """Return TRL's trainer, held by springs."""
    from trl import SFTTrainer

    return type("HeldTrainer", (ewc.HeldBySprings, SFTTrainer), {})


def adapter(rank: int):
    """Return LoRA on every linear layer, alpha twice the rank."""
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")


def scores(model, tokenizer, seed: int) -> list[float]:
    """Return the share right on each skill's exam."""
    return [_mean(run_task(HubModel(model, tokenizer), task).scores) for task in exam("public", ROWS, seed + 1)]


def tickets_right(tokenizer, seed: int, model) -> float:
    """Return the share of right tickets."""
    return _mean(run_task(HubModel(model, tokenizer), exam("public", ROWS, seed + 1)[0]).scores)


@cache
def base_scores(seed: int) -> list[float]:
    """Return what the base knows."""
    return scores(*load_base(), seed)


@cache
def first_scores(seed: int) -> list[float]:
    """Return what the model knows after the first skill."""
    return scores(*model_with(first_stage(seed)), seed)


def stories(model, tokenizer, seed: int) -> float:
    """Return the mean probability per token of stories, which no stage teaches."""
    return round(_mean(run_task(HubModel(model, tokenizer), general_tasks("public", 100, seed + 1)[-1]).scores), 4)


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)


if __name__ == "__main__":
    sys.exit(main())
