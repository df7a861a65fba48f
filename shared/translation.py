"""Rung 11's exercise in translation: one recipe of the learner's own, to be stated in two tools' configurations.

The recipe is drawn from a seed that is kept beside the translations. What a configuration states, and where it departs
from the recipe, the rung's checker finds out; this module does not know.
"""

import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from shared.artifacts import Artifact, read_json, write_json
from shared.model_shape import PROJECTIONS
from shared.questions import LARGEST_SEED
from shared.training import work_folder

RUNG = "11"
TRANSLATIONS = "artifacts/translations.json"
TOOLS = ("axolotl", "llamafactory")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
LONGEST_CONFIG = 10_000  # characters


class TranslationError(Exception):
    """A translation that is none. One line."""


@dataclass(frozen=True)
class Recipe:
    """A recipe to be stated. `batch` rows make a step, over all of `devices` GPUs; a GPU holds `fits` rows at once."""

    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    learning_rate: float
    schedule: str
    warmup_steps: int
    rows: int
    steps: int
    batch: int
    devices: int
    fits: int
    max_length: int

    def __str__(self) -> str:
        """Return the recipe as a page for people, one line a setting."""
        targets = "all seven projections" if self.targets == PROJECTIONS else ", ".join(self.targets)
        return "\n".join(
            (
                f"rank {self.rank}, alpha {self.alpha}, dropout {self.dropout:g} on {targets}",
                f"rate {self.learning_rate:g}, {self.schedule}, after {self.warmup_steps} steps of warmup",
                f"{self.steps} steps of {self.batch} rows, of {self.rows:,} rows in all",
                f"on {self.devices} GPUs, each of which holds at most {self.fits} rows at once",
                f"at most {self.max_length} tokens a row, one row a line of the batch (no packing)",
                "the loss counts the answer's tokens only",
            )
        )


class TranslationRecord(Artifact):
    """`translations.json`: the seed that drew the recipe, and each tool's configuration as text."""

    largest: ClassVar[int] = 100_000

    rung: str
    seed: int = Field(ge=0, le=LARGEST_SEED)
    configs: dict[str, str]


def drawn(seed: int) -> Recipe:
    """Return the recipe that this seed draws. Steps are whole passes over the rows, so epochs can state them too."""
    stream = random.Random(f"{RUNG}/recipe/{seed}")
    rank, epochs = stream.choice((8, 24, 32, 64)), stream.choice((2, 3, 4))
    devices, fits, pieces = stream.choice((2, 4)), stream.choice((2, 4)), stream.choice((2, 4))
    batch = devices * fits * pieces
    steps_a_pass = stream.choice((60, 80, 90, 120))
    return Recipe(
        rank=rank,
        alpha=stream.choice((rank // 2, 3 * rank // 2, 4 * rank)),
        dropout=stream.choice((0.02, 0.08, 0.1)),
        targets=stream.choice((PROJECTIONS, ATTENTION)),
        learning_rate=stream.choice((1e-4, 2e-4, 3e-4, 5e-4)),
        schedule=stream.choice(("linear", "constant_with_warmup")),
        warmup_steps=stream.choice((10, 15, 30)),
        rows=batch * steps_a_pass,
        steps=steps_a_pass * epochs,
        batch=batch,
        devices=devices,
        fits=fits,
        max_length=stream.choice((640, 768, 1536)),
    )


def my_recipe(*, work: Path | None = None) -> Recipe:
    """Return this learner's recipe. The first call draws it, later ones find it again."""
    folder = work or work_folder(RUNG)
    if not (folder / TRANSLATIONS).exists():
        record = TranslationRecord(rung=RUNG, seed=secrets.randbelow(LARGEST_SEED), configs={})
        write_json(folder / TRANSLATIONS, record)
    return drawn(read_json(folder / TRANSLATIONS, TranslationRecord, within=folder).seed)


def save_translations(configs: Mapping[str, str], *, work: Path | None = None) -> None:
    """Keep the configurations, by tool, beside the seed. Raises TranslationError, one line."""
    folder = work or work_folder(RUNG)
    my_recipe(work=folder)
    for tool, text in configs.items():
        if tool not in TOOLS:
            raise TranslationError(f"translations: no tool {tool!r}; expected {' or '.join(TOOLS)}")
        if not isinstance(text, str) or len(text) > LONGEST_CONFIG:
            raise TranslationError(f"translations: {tool}: expected YAML as text, at most {LONGEST_CONFIG} characters")
    seed = read_json(folder / TRANSLATIONS, TranslationRecord, within=folder).seed
    write_json(folder / TRANSLATIONS, TranslationRecord(rung=RUNG, seed=seed, configs=dict(configs)))
