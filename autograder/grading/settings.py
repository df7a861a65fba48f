"""What a worker must know to grade one student of a class, and what it has to say afterwards."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Literal, Self

from shared.world.splits import HIDDEN_SEED_VARIABLE

# What decides a verdict and is set where the command is given; other machines get it from there.
ENVIRONMENT = ("COURSE_PROFILE", "COURSE_BASE_MODEL", HIDDEN_SEED_VARIABLE)

State = Literal["graded", "unchanged", "busy", "failed"]


class GradingError(Exception):
    """Grading cannot begin or go on. One line: what, where, what to do."""


@dataclass(frozen=True)
class Settings:
    """One run of grading. The gradebook's address and the environment hold secrets and are left out of every repr."""

    root: str  # the course folder, the same path on every machine
    assignment: str  # the rung's folder name, which is nbgrader's name for it
    version: str  # of the course's code and data
    force: bool = False
    db_url: str = field(default="", repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    threads: int = 1  # of one verdict

    def to_json(self) -> str:
        """Return the settings as one line, secrets included: for a pipe, never for a log or a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Return the settings that `to_json` wrote."""
        return cls(**json.loads(line))

    def apply_environment(self) -> None:
        """Make this process's environment the one that the command was given in, as far as verdicts depend on it."""
        for name in ENVIRONMENT:
            os.environ.pop(name, None)
        os.environ.update(self.environment)


def environment_here() -> dict[str, str]:
    """Return what of this process's environment decides a verdict."""
    return {name: os.environ[name] for name in ENVIRONMENT if os.environ.get(name)}


@dataclass(frozen=True)
class Outcome:
    """What became of one student: graded, unchanged (passed over), busy (another run has it) or failed; and why."""

    student: str
    state: State
    line: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> str:
        """Return the outcome as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Return the outcome that `to_json` wrote."""
        values = json.loads(line)
        return cls(**{**values, "warnings": tuple(values["warnings"])})
