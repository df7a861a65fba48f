"""Rung 11's translations: what a tool's configuration states, held against the recipe line by line.

A setting may be stated in every way that the tool knows: epochs for steps, a ratio for warmup steps, a list or a word
for the target modules. What is not stated at all counts as missing, even where the tool's default of today would do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.criteria import Finding
from autograder.rung_11_config import Config, Unstated, is_on, number, parsed, shown, truth
from shared.model_shape import PROJECTIONS
from shared.translation import Recipe

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Names:
    """What one tool calls the settings.

    `every_layer` is the key and the value for all linear layers. `given` keys stand in the file already and keep their
    values; each of `others` makes another method of it when it is switched on.
    """

    title: str
    rank: str
    alpha: str
    dropout: str
    targets: str
    every_layer: tuple[str, Any]
    schedule: str
    micro: str
    length: str
    epochs: str
    on_prompt: str
    packing: tuple[str, ...]
    given: Mapping[str, str]
    others: tuple[str, ...]


AXOLOTL = Names(
    title="Axolotl",
    rank="lora_r",
    alpha="lora_alpha",
    dropout="lora_dropout",
    targets="lora_target_modules",
    every_layer=("lora_target_linear", True),
    schedule="lr_scheduler",
    micro="micro_batch_size",
    length="sequence_len",
    epochs="num_epochs",
    on_prompt="train_on_inputs",
    packing=("sample_packing",),
    given={"adapter": "lora"},
    others=(
        "load_in_4bit",
        "load_in_8bit",
        "peft_use_rslora",
        "peft_use_dora",
        "loraplus_lr_ratio",
        "lora_modules_to_save",
    ),
)
LLAMA_FACTORY = Names(
    title="LLaMA-Factory",
    rank="lora_rank",
    alpha="lora_alpha",
    dropout="lora_dropout",
    targets="lora_target",
    every_layer=("lora_target", "all"),
    schedule="lr_scheduler_type",
    micro="per_device_train_batch_size",
    length="cutoff_len",
    epochs="num_train_epochs",
    on_prompt="train_on_prompt",
    packing=("packing", "neat_packing"),
    given={"stage": "sft", "finetuning_type": "lora"},
    others=("quantization_bit", "use_rslora", "use_dora", "pissa_init", "loraplus_lr_ratio", "additional_target"),
)
TOOLS = {"axolotl": AXOLOTL, "llamafactory": LLAMA_FACTORY}


def judge_translation(tool: str, text: str | None, recipe: Recipe) -> Finding:
    """Return the finding on one configuration: the first line that departs from the recipe, or that none does."""
    names = TOOLS[tool]
    expected = f"a configuration in which {names.title} reads your recipe, every line stated"
    if not text or not text.strip():
        return Finding(False, f"no configuration for {names.title}", expected, hint="Fill it in, and run the cell.")
    try:
        config = parsed(text)
        for check in CHECKS:
            if fault := check(config, names, recipe):
                return Finding(False, f"{names.title}: {fault[0]}", expected, fault[1])
    except Unstated as error:
        return Finding(False, f"{names.title}: {error}", expected, hint="A default may change with the next version.")
    return Finding(True, f"{len(CHECKS)} settings are your recipe's", expected)


Fault = tuple[str, str] | None
Check = Callable[[Config, Names, Recipe], Fault]


def _same(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= TOLERANCE * abs(wanted)


def plain(key_of: Callable[[Names], str], wanted_of: Callable[[Recipe], float], words: str) -> Check:
    """Return the check of one number that both sides state alike."""

    def check(config: Config, names: Names, recipe: Recipe) -> Fault:
        key, wanted = key_of(names), wanted_of(recipe)
        found = number(config, key)
        return None if _same(found, wanted) else (f"{key} is {found:g}, the recipe says {wanted:g}", words)

    return check


def targets(config: Config, names: Names, recipe: Recipe) -> Fault:
    """The adapted layers are the recipe's."""
    key, word = names.every_layer
    stated = config.get(names.targets)
    if config.get(key) == word:
        if key != names.targets and stated:
            return f"{key} and {names.targets} are both stated", "One of them says it."
        found = set(PROJECTIONS)
    else:
        found = _layers(stated, names)
    if found == set(recipe.targets):
        return None
    lacking, over = sorted(set(recipe.targets) - found), sorted(found - set(recipe.targets))
    said = f"{names.targets} lacks {', '.join(lacking)}" if lacking else f"{names.targets} has {', '.join(over)} too"
    return said, "Other layers are another number of trained parameters."


def _layers(stated: Any, names: Names) -> set[str]:
    """Return the layers that a list names, or for LLaMA-Factory a text with commas. Raises Unstated."""
    if isinstance(stated, str) and names is AXOLOTL:  # PEFT's `target_modules` as a str is matched against whole names
        said = "is one text, which PEFT reads as a regular expression: no layer has that name; expected a list"
        raise Unstated(f"{names.targets} {said}")
    parts = stated.split(",") if isinstance(stated, str) else stated
    if not isinstance(parts, list) or not parts:
        raise Unstated(f"{names.targets} is not stated")
    return {part.strip() if isinstance(part, str) else shown(part) for part in parts}


def schedule(config: Config, names: Names, recipe: Recipe) -> Fault:
    """The schedule is the recipe's."""
    found = config.get(names.schedule)
    if found is None:
        raise Unstated(f"{names.schedule} is not stated")
    if found == recipe.schedule:
        return None
    observed = f"{names.schedule} is {shown(found)}, the recipe says {recipe.schedule!r}"
    return observed, "The tools' defaults differ here."


def batch(config: Config, names: Names, recipe: Recipe) -> Fault:
    """Micro batch x accumulation x GPUs is the recipe's batch, and the micro batch fits."""
    micro, pieces = number(config, names.micro), number(config, "gradient_accumulation_steps")
    if micro != int(micro) or pieces != int(pieces) or micro < 1 or pieces < 1:
        return f"{names.micro} and gradient_accumulation_steps are {micro:g} and {pieces:g}", "They are whole numbers."
    if micro > recipe.fits:
        return f"{names.micro} is {micro:g}, but a GPU holds {recipe.fits} rows", "The rest is accumulated."
    rows = micro * pieces * recipe.devices
    if rows == recipe.batch:
        return None
    why = "Rows on one GPU, times accumulation, times GPUs."
    if micro * pieces == recipe.batch:
        why = f"{why} Each of the {recipe.devices} GPUs takes a micro batch of its own."
    return f"a step sees {micro:g} x {pieces:g} x {recipe.devices} = {rows:g} rows, the recipe says {recipe.batch}", why


def length_of_run(config: Config, names: Names, recipe: Recipe) -> Fault:
    """Steps, or epochs that make as many, or both. Steps count in either tool, and epochs may not gainsay them."""
    by_key = {}
    if config.get("max_steps") is not None and (steps := number(config, "max_steps")) > 0:
        by_key["max_steps"] = steps
    if not by_key or config.get(names.epochs) is not None:
        by_key[names.epochs] = number(config, names.epochs) * recipe.rows / recipe.batch
    for key, found in by_key.items():
        if not _same(found, recipe.steps):
            return f"{key} makes {found:g} steps, the recipe says {recipe.steps}", "One pass is rows / batch steps."
    return None


def warmup(config: Config, names: Names, recipe: Recipe) -> Fault:
    """Whole warmup steps, or a ratio that makes as many."""
    stated = [key for key in ("warmup_steps", "warmup_ratio") if config.get(key) is not None]
    if not stated:
        raise Unstated("warmup_steps is not stated")
    if len(stated) == 2:
        return "warmup_steps and warmup_ratio are both stated", "One of them says it."
    found = number(config, stated[0])
    if stated == ["warmup_ratio"]:
        found, right = found * recipe.steps, abs(found * recipe.steps - recipe.warmup_steps) < 0.5  # a rounded ratio
    else:
        right = found == recipe.warmup_steps
    return None if right else (f"{stated[0]} makes {found:g} steps, the recipe says {recipe.warmup_steps}", "")


def answers_only(config: Config, names: Names, recipe: Recipe) -> Fault:
    """The loss counts the answer's tokens."""
    if not truth(config, names.on_prompt):
        return None
    return f"{names.on_prompt} is true", "Then the model also learns to write letters, and the loss is another number."


def unpacked(config: Config, names: Names, recipe: Recipe) -> Fault:
    """A line of the batch is one row."""
    truth(config, names.packing[0])
    on = [key for key in names.packing if is_on(config.get(key))]
    return (f"{on[0]} is true", "A packed step sees several times as many rows.") if on else None


def plain_lora(config: Config, names: Names, recipe: Recipe) -> Fault:
    """What is given stays as it is, and nothing turns LoRA into another method."""
    for key, given in names.given.items():
        if key in config and config[key] != given:
            return f"{key} is {shown(config[key])}, given is {given!r}", "Leave the line out, or as it is given."
    on = [key for key in names.others if is_on(config.get(key))]
    return (f"{on[0]} is {shown(config[on[0]])}", "The recipe is plain LoRA, without it.") if on else None


CHECKS: tuple[Check, ...] = (
    plain(lambda names: names.rank, lambda recipe: recipe.rank, ""),
    plain(lambda names: names.alpha, lambda recipe: recipe.alpha, "The update's factor is alpha / rank."),
    plain(lambda names: names.dropout, lambda recipe: recipe.dropout, ""),
    targets,
    plain(lambda names: "learning_rate", lambda recipe: recipe.learning_rate, ""),
    schedule,
    warmup,
    batch,
    length_of_run,
    plain(lambda names: names.length, lambda recipe: recipe.max_length, "Longer rows are cut off or left out."),
    answers_only,
    unpacked,
    plain_lora,
)
