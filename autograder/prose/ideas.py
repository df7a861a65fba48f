"""What an answer must say, as data: `rung-NN.yml` beside this module, one entry a prose cell."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from autograder.prose.patterns import Pattern, parse
from shared.course import Rung

FOLDER = Path(__file__).parent
LISTS = "words.yml"


def _parsed(value: Any, info: ValidationInfo) -> Any:
    return parse(value, info.context) if isinstance(value, str) else value


Ways = Annotated[tuple[Annotated[Pattern, BeforeValidator(_parsed)], ...], Field(min_length=1)]


class Entry(BaseModel):
    """A part of the file: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Idea(Entry):
    """Something that the answer must say, in any of these ways. `evidence` counts only beside an idea that is none."""

    idea: str
    points: float = Field(gt=0)
    says: Ways
    evidence: bool = False


class Wrong(Entry):
    """A statement that is plainly wrong."""

    line: str
    says: Ways


class OwnNumbers(Entry):
    """A measure of the learner's own, as `artifacts/eval.json` calls it, and what an answer calls it."""

    metric: str
    says: Ways


class OwnFinding(Entry):
    """What may not be said where the learner's own measure is at least this high."""

    metric: str
    field: str = Field(pattern="^(before|after)$")
    at_least: float
    line: str
    says: Ways


class OwnDecisions(Entry):
    """The learner's decisions on letters: in which file, and how an answer speaks for each of the choices."""

    file: str
    choices: dict[str, Ways]


class ProseCell(Entry):
    """How one prose cell is read. `asked` is the least number of words that the exercise asks for.

    `about` are the words of the question's subject, textbook's and plain; an answer holds some of them.
    """

    asked: int = Field(gt=0)
    about: Ways
    ideas: tuple[Idea, ...]
    wrong: tuple[Wrong, ...] = ()
    numbers: tuple[OwnNumbers, ...] = ()
    findings: tuple[OwnFinding, ...] = ()
    decisions: OwnDecisions | None = None

    @property
    def points(self) -> float:
        """The cell's points, all ideas together."""
        return sum(idea.points for idea in self.ideas)

    @property
    def least_words(self) -> int:
        """Fewer words than these are too short: half of what is asked for."""
        return self.asked // 2

    @model_validator(mode="after")
    def _not_all_is_evidence(self) -> "ProseCell":
        if all(idea.evidence for idea in self.ideas):
            raise ValueError("ideas: expected one at least that is not evidence")
        return self


@functools.cache
def word_lists() -> Mapping[str, list[str]]:
    """Return the named lists of words that patterns may use, and the engine's own."""
    lists = yaml.safe_load((FOLDER / LISTS).read_text(encoding="utf-8"))
    return {name: words.replace("z", "s").split() for name, words in lists.items()}


def prose_cells(rung: Rung) -> dict[str, ProseCell]:
    """Return how the rung's prose cells are read, by name; a cell that nobody has described is not there."""
    return _prose_cells(FOLDER / f"rung-{rung.id}.yml")


@functools.cache
def _prose_cells(path: Path) -> dict[str, ProseCell]:
    if not path.is_file():
        return {}
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: ProseCell.model_validate(cell, context=word_lists()) for name, cell in data.items()}
