"""A submission of rung 11: a notebook, a made-up tool's run on a tiny base, translations, numbers and decisions."""

from dataclasses import replace
from pathlib import Path

import yaml
from example_adapter import write_adapter, write_rung
from example_work import entry, falling_curve, open_base, run_record, task_meta
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.criteria import Report
from autograder.rung_11_key import KEY
from autograder.rung_11_numbers import SOLUTIONS
from autograder.verdict import verdict
from shared.artifacts import BaseRecord, EvalRecord, fingerprint_model, write_json
from shared.decisions import Decision, DecisionsRecord
from shared.ecosystem.config import config_text, shape_of
from shared.ecosystem.recipe import Recipe as ToolRecipe
from shared.model_shape import PROJECTIONS
from shared.questions import ANSWERS, AnswersRecord, drawn
from shared.tool_cases import DECISIONS
from shared.tool_cases import drawn as drawn_situations
from shared.translation import TRANSLATIONS, Recipe, TranslationRecord
from shared.translation import drawn as drawn_recipe

RUNG = "rung-11-ecosystem"
SEED = 5  # of everything that is drawn for the learner
TRL = "artifacts/trl"
RUN = ToolRecipe(3e-3, "float32", "cpu", rank=4, alpha=8, steps=100, rows=800)  # what the made-up run is of

READ_ADAPTER = """
NAMES = {"attn.q_proj": "self_attn.q_proj", "attn.k_proj": "self_attn.k_proj", "attn.v_proj": "self_attn.v_proj",
         "attn.output_proj": "self_attn.o_proj", "mlp.w1": "mlp.gate_proj", "mlp.w2": "mlp.down_proj",
         "mlp.w3": "mlp.up_proj"}

def peft_name(name):
    layers, number, block, module, part, weight = name.split(".")
    return f"base_model.model.model.layers.{number}.{NAMES[block + '.' + module]}.{part[:-1]}{part[-1].upper()}.weight"

def halves(lora_b, heads):
    rank = lora_b.shape[-1]
    return lora_b.view(heads, -1, 2, rank).transpose(1, 2).reshape(-1, rank)
"""


def notebook_11(answer: str = READ_ADAPTER) -> dict:
    """Return a learner's notebook of rung 11 with this answer to its code exercise."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Rung 11"),
            new_code_cell("axolotl = ''", metadata=task_meta("answer-axolotl", solution=True)),
            new_code_cell("llamafactory = ''", metadata=task_meta("answer-llamafactory", solution=True)),
            new_code_cell('check("11", "translate")', metadata=task_meta("translate", points=2)),
            new_code_cell(answer.strip(), metadata=task_meta("answer-read-adapter", solution=True)),
            new_code_cell('check("11", "read-adapter")', metadata=task_meta("read-adapter", points=2)),
            new_code_cell("answers_to = {}", metadata=task_meta("answer-numbers", solution=True)),
            new_code_cell('check("11", "numbers")', metadata=task_meta("numbers", points=3)),
            new_code_cell("decisions = {}", metadata=task_meta("answer-decide", solution=True)),
            new_code_cell('check("11", "decide")', metadata=task_meta("decide", points=2)),
            new_markdown_cell("Lines were lost.", metadata=task_meta("explain-move", points=4, solution=True)),
            new_markdown_cell("I would take it.", metadata=task_meta("choose-tool", points=6, solution=True)),
            new_code_cell('check("11", "done-when")', metadata=task_meta("done-when", points=6)),
        ]
    )


def write_notebook_11(folder: Path, answer: str = READ_ADAPTER) -> None:
    """Write a notebook of rung 11 into `folder`."""
    write_rung("11", notebook_11(answer), folder)


def right_configs(recipe: Recipe) -> dict[str, dict]:
    """Return both tools' configurations of a recipe, as settings."""
    pieces = recipe.batch // recipe.devices // recipe.fits
    shared = {
        "lora_alpha": recipe.alpha, "lora_dropout": recipe.dropout, "learning_rate": recipe.learning_rate,
        "warmup_steps": recipe.warmup_steps, "gradient_accumulation_steps": pieces, "max_steps": recipe.steps,
    }  # fmt: skip
    axolotl = {
        "base_model": "base", "adapter": "lora", "lora_r": recipe.rank, "lora_target_modules": list(recipe.targets),
        "lr_scheduler": recipe.schedule, "micro_batch_size": recipe.fits, "sequence_len": recipe.max_length,
        "train_on_inputs": False, "sample_packing": False,
    }  # fmt: skip
    llamafactory = {
        "stage": "sft", "finetuning_type": "lora", "lora_rank": recipe.rank, "lora_target": ",".join(recipe.targets),
        "lr_scheduler_type": recipe.schedule, "per_device_train_batch_size": recipe.fits,
        "cutoff_len": recipe.max_length, "train_on_prompt": False, "packing": False,
    }  # fmt: skip
    return {"axolotl": {**axolotl, **shared}, "llamafactory": {**llamafactory, **shared}}


def write_translations(folder: Path, *, seed: int = SEED, **configs: str | dict) -> None:
    """Write the right translations, or the given ones: a text as it is, settings as YAML."""
    made = {**right_configs(drawn_recipe(seed)), **configs}
    texts = {tool: one if isinstance(one, str) else yaml.safe_dump(one) for tool, one in made.items()}
    write_json(folder / TRANSLATIONS, TranslationRecord(rung="11", seed=seed, configs=texts))


def write_answers_11(folder: Path, *, seed: int = SEED, **changes: float) -> None:
    """Write the right answers to the learner's own questions, or the given ones."""
    right = {name: SOLUTIONS[name].right(**one.numbers) for name, one in drawn("11", seed).items()}
    write_json(folder / ANSWERS, AnswersRecord(rung="11", seed=seed, answers={**right, **changes}))


def right_decisions(seed: int = SEED) -> dict[str, tuple[str, str]]:
    """Return an accepted (choice, reason) for each situation that this seed draws."""
    first = {letter.name: next(iter(KEY[letter.name].items())) for letter in drawn_situations(seed)}
    return {name: (choice, reasons[0]) for name, (choice, reasons) in first.items()}


def write_decisions_11(folder: Path, decided: dict[str, tuple[str, str]] | None = None, seed: int = SEED) -> None:
    """Write decisions, the right ones unless given."""
    decided = right_decisions(seed) if decided is None else decided
    made = {name: Decision(choice=choice, reason=reason) for name, (choice, reason) in decided.items()}
    write_json(folder / DECISIONS, DecisionsRecord(rung="11", seed=seed, decisions=made))


def write_config(stage: Path, base: Path, tool: str = "trl", **changes: object) -> None:
    """Write the configuration of the made-up run, or of one that departs from it."""
    text = config_text(tool, replace(RUN, **changes), shape_of(base))
    (stage / "config.yaml").write_text(text, encoding="utf-8")


def make_tool_run(folder: Path, base: Path, first_loss: float, tool: str = "trl", **package: str) -> None:
    """Write honest artifacts of a tool's "run" on `base` whose adapter is noise, and an eval.json about it."""
    stage = folder / "artifacts" / tool
    trained = write_adapter(stage, base)
    total = sum(_size(info.shape) for info in open_base(base).header.values()) + trained
    record = BaseRecord(id=base.name, fingerprint=fingerprint_model(base))
    settings = {"learning_rate": 3e-3, "per_device_train_batch_size": 16, "r": 4, "lora_alpha": 8,
                "target_modules": ", ".join(sorted(PROJECTIONS))}  # fmt: skip
    versions = {"torch": "2.13.0", **(package or {"trl": "1.16.0"})}  # not every tool has transformers
    made = {"rung": "11", "stage": tool, "method": "lora", "trainable_parameters": trained,
            "rows": RUN.rows, "hyperparameters": settings, "versions": versions}  # fmt: skip
    write_json(stage / "run.json", run_record(record, total, **made))
    write_json(stage / "loss_curve.json", falling_curve(first_loss))
    write_config(stage, base, tool)
    kinds = [(metric, phrasing) for metric in ("valid_json", "exact_match") for phrasing in ("familiar", "unseen")]
    claims = [entry(*kind) for kind in kinds]
    write_json(folder / "artifacts" / "eval.json", EvalRecord(base=record, stage=tool, entries=claims))


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def report_11(folder: Path, *cells: str, seed: int = 1) -> Report:
    """Return the checker's report on a submission of rung 11, reached in this process."""
    return Report.model_validate_json(verdict("11", folder, seed, list(cells) or None))
