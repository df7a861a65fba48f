"""Rung 11's translations: what a tool's configuration states, held against the recipe line by line.

A setting may be stated in every way that the tool knows: epochs for steps, a ratio for warmup steps, a list or a word
for the target modules. What is not stated at all counts as missing, even where the tool's default of today would do.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from autograder.criteria import Finding
from shared.model_shape import PROJECTIONS
from shared.translation import LONGEST_CONFIG, Recipe

TOLERANCE = 1e-6
Config = Mapping[str, Any]


class Unstated(Exception):
    """A setting that the configuration does not state, or not in a form that the tool reads. One line."""


@dataclass(frozen=True)
class Names:
    """What one tool calls the settings. `every_layer` is the key and the value for all linear layers."""

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
)
TOOLS = {"axolotl": AXOLOTL, "llamafactory": LLAMA_FACTORY}


def judge_translation(tool: str, text: str | None, recipe: Recipe) -> Finding:
    """Return the finding on one configuration: the first line that departs from the recipe, or that none does."""
    names = TOOLS[tool]
    expected = f"a configuration in which {names.title} reads your recipe, every line stated"
    if not text or not text.strip():
        return Finding(False, f"no configuration for {names.title}", expected, hint="Fill it in, and run the cell.")
    try:
        config = _parsed(text)
        for check in CHECKS:
            if fault := check(config, names, recipe):
                return Finding(False, f"{names.title}: {fault[0]}", expected, fault[1])
    except Unstated as error:
        return Finding(False, f"{names.title}: {error}", expected, hint="A default may change with the next version.")
    return Finding(True, f"{len(CHECKS)} settings are your recipe's", expected)


def _parsed(text: str) -> Config:
    """Return the YAML as a mapping. Raises Unstated."""
    if len(text) > LONGEST_CONFIG or "&" in text or "*" in text:
        raise Unstated("expected plain YAML, without anchors, of at most 10,000 characters")
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unstated(f"not YAML ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(config, dict):
        raise Unstated("expected lines of the form 'name: value'")
    repeated = _repeated(text)
    if repeated:
        raise Unstated(f"{repeated} is stated twice")
    return config


def _repeated(text: str) -> str | None:
    """Return a key that stands twice at the top level, of which YAML's readers keep the last one in silence."""
    keys = [str(key.value) for key, _ in yaml.compose(text, Loader=yaml.SafeLoader).value]
    return next((key for key in keys if keys.count(key) > 1), None)


Fault = tuple[str, str] | None
Check = Callable[[Config, Names, Recipe], Fault]


def number(config: Config, key: str) -> float:
    """Return a stated number; YAML reads 3e-4 without a point as text, which both tools convert. Raises Unstated."""
    value = config.get(key)
    if value is None:
        raise Unstated(f"{key} is not stated")
    try:
        found = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise Unstated(f"{key} is {repr(value)[:40]}, expected a number")
    return found


def truth(config: Config, key: str) -> bool:
    """Return a stated yes or no. Raises Unstated."""
    value = config.get(key)
    if not isinstance(value, bool):
        said = "not stated" if value is None else f"{repr(value)[:40]}, expected true or false"
        raise Unstated(f"{key} is {said}")
    return value


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
        parts = stated.split(",") if isinstance(stated, str) else stated
        if not isinstance(parts, list) or not parts:
            raise Unstated(f"{names.targets} is not stated")
        found = {str(part).strip() for part in parts}
    if found == set(recipe.targets):
        return None
    lacking, over = sorted(set(recipe.targets) - found), sorted(found - set(recipe.targets))
    said = f"{names.targets} lacks {', '.join(lacking)}" if lacking else f"{names.targets} has {', '.join(over)} too"
    return said, "Other layers are another number of trained parameters."


def schedule(config: Config, names: Names, recipe: Recipe) -> Fault:
    """The schedule is the recipe's."""
    found = config.get(names.schedule)
    if found is None:
        raise Unstated(f"{names.schedule} is not stated")
    if found == recipe.schedule:
        return None
    observed = f"{names.schedule} is {repr(found)[:40]}, the recipe says {recipe.schedule!r}"
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
    """Steps, or epochs that make as many. Where both are stated, steps count in either tool."""
    steps = config.get("max_steps")
    if steps is not None and number(config, "max_steps") > 0:
        found, key = number(config, "max_steps"), "max_steps"
    else:
        found, key = number(config, names.epochs) * recipe.rows / recipe.batch, names.epochs
    if _same(found, recipe.steps):
        return None
    return f"{key} makes {found:g} steps, the recipe says {recipe.steps}", "One pass is rows / batch steps."


def warmup(config: Config, names: Names, recipe: Recipe) -> Fault:
    """Warmup steps, or a ratio that makes as many."""
    if config.get("warmup_steps") is not None:
        found, key = number(config, "warmup_steps"), "warmup_steps"
    elif config.get("warmup_ratio") is not None:
        found, key = number(config, "warmup_ratio") * recipe.steps, "warmup_ratio"
    else:
        raise Unstated("warmup_steps is not stated")
    if abs(found - recipe.warmup_steps) < 0.5:
        return None
    return f"{key} makes {found:g} steps, the recipe says {recipe.warmup_steps}", ""


def answers_only(config: Config, names: Names, recipe: Recipe) -> Fault:
    """The loss counts the answer's tokens."""
    if not truth(config, names.on_prompt):
        return None
    return f"{names.on_prompt} is true", "Then the model also learns to write letters, and the loss is another number."


def unpacked(config: Config, names: Names, recipe: Recipe) -> Fault:
    """A line of the batch is one row."""
    truth(config, names.packing[0])
    on = [key for key in names.packing if config.get(key)]
    return (f"{on[0]} is true", "A packed step sees several times as many rows.") if on else None


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
)
