"""The accuracy matrix R, the four numbers that sum it up, and the file that keeps every row behind them.

R[i][j] is the accuracy on skill j after skill i was learned, skills counted from 0 in the order of learning.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from shared.artifacts import Artifact, BaseRecord

MATRIX = "artifacts/matrix.json"
NUMBERS = ("average accuracy", "backward transfer", "forgetting", "forward transfer")
Matrix = Sequence[Sequence[float]]

# What a stage is called: the naive run learns each skill with nothing against forgetting; the kept run has the same
# first stage, and goes on with the learner's mitigation.
NAIVE = ("tickets", "totals", "notes")
KEPT = ("tickets", "kept-totals", "kept-notes")
MODELS = ("base", *NAIVE, *KEPT[1:])

Mitigation = Literal["replay", "mixture", "ewc", "lora", "low rate", "averaging", "self-replay", "another"]


def average_accuracy(R: Matrix) -> float:
    """Return ACC = mean over j of R[T-1][j] (Lopez-Paz and Ranzato 2017, arXiv 1706.08840, equation 2)."""
    return sum(R[-1]) / len(R)


def backward_transfer(R: Matrix) -> float:
    """Return BWT = mean over j < T-1 of R[T-1][j] - R[j][j] (arXiv 1706.08840, equation 3); 0 for a single skill."""
    return _mean([R[-1][j] - R[j][j] for j in range(len(R) - 1)])


def forgetting(R: Matrix) -> float:
    """Return F = mean over j < T-1 of (max over l < T-1 of R[l][j]) - R[T-1][j]; 0 for a single skill.

    Chaudhry et al. 2018, arXiv 1801.10112: from the best that the skill ever was, not from when it was just learned.
    """
    return _mean([max(row[j] for row in R[:-1]) - R[-1][j] for j in range(len(R) - 1)])


def forward_transfer(R: Matrix, start: Sequence[float]) -> float:
    """Return FWT = mean over j > 0 of R[j-1][j] - start[j] (arXiv 1706.08840, equation 4); 0 for a single skill.

    The paper's `start` is a randomly initialized model's accuracy; with a pre-trained base it is the base's.
    """
    return _mean([R[j - 1][j] - start[j] for j in range(1, len(R))])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


class MatrixRecord(Artifact):
    """`matrix.json`: what each model scored on each row of each skill's exam, and what the learner made of it.

    `scores[model][skill]` holds 0 or 1 a row, in the order of the exam's rows; `numbers` the four of NUMBERS for the
    naive run and for the kept one.
    """

    largest: ClassVar[int] = 4_000_000  # bytes

    base: BaseRecord
    seed: int
    n: int = Field(ge=1)
    fingerprints: dict[str, str]
    scores: dict[str, dict[str, list[int]]]
    numbers: dict[str, dict[str, float]]
    mitigation: Mitigation

    @model_validator(mode="after")
    def _scores_are_zero_or_one(self) -> "MatrixRecord":
        for model, skills in self.scores.items():
            for skill, scores in skills.items():
                if len(scores) != self.n or not set(scores) <= {0, 1}:
                    raise ValueError(f"scores of {model} on {skill}: expected {self.n} numbers 0 or 1")
        return self


def matrix_of(scores: Mapping[str, Mapping[str, Sequence[float]]], models: Sequence[str]) -> list[list[float]]:
    """Return R: a row for each of `models`, in order, a column for each skill in the order of the first model's."""
    skills = list(scores[models[0]])
    return [[sum(scores[model][skill]) / len(scores[model][skill]) for skill in skills] for model in models]
