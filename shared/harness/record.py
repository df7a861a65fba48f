"""What is kept of a comparison: every row's score, and the course's `eval.json`."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from shared.artifacts import Artifact, BaseRecord, EvalEntry, EvalRecord
from shared.harness.comparison import Comparison
from shared.harness.task import Kind

OUTCOMES = "artifacts/outcomes.json"


class TaskOutcome(Artifact):
    """One task: which it was, what each row scored before and after, and what follows from these."""

    task: str
    kind: Kind
    metric: str
    fingerprint_before: str
    fingerprint_after: str
    before: list[float] = Field(min_length=1)
    after: list[float] = Field(min_length=1)
    interval: tuple[float, float]
    gain_interval: tuple[float, float]
    p: float = Field(ge=0, le=1)
    p_adjusted: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _scores_are_scores(self) -> "TaskOutcome":
        wrong = next((score for score in (*self.before, *self.after) if not 0 <= score <= 1), None)
        if wrong is not None:
            raise ValueError(f"a score is {wrong}, expected 0 to 1")
        return self


class OutcomesRecord(Artifact):
    """`outcomes.json`: the whole table with its rows, and the learner's conclusion on each task."""

    largest: ClassVar[int] = 8_000_000  # bytes

    base: BaseRecord
    stage: str
    split: str
    seed: int
    tasks: list[TaskOutcome] = Field(min_length=1)
    conclusions: dict[str, Literal["better", "worse", "no evidence"]]


def outcomes_record(
    comparisons: dict[str, Comparison], *, base: BaseRecord, stage: str, seed: int, conclusions: dict[str, str]
) -> OutcomesRecord:
    """Return the record of a comparison on the public split. Raises pydantic's ValidationError for other words."""
    return OutcomesRecord(
        base=base,
        stage=stage,
        split="public",
        seed=seed,
        tasks=[_outcome(one) for one in comparisons.values()],
        conclusions=conclusions,
    )


def _outcome(one: Comparison) -> TaskOutcome:
    return TaskOutcome(
        task=one.task, kind=one.kind, metric=one.metric, fingerprint_before=one.fingerprint,
        fingerprint_after=one.fingerprint, before=one.before, after=one.after, interval=one.interval,
        gain_interval=one.gain_interval, p=one.p, p_adjusted=one.p_adjusted,
    )  # fmt: skip


def eval_record(comparisons: dict[str, Comparison], *, base: BaseRecord, stage: str) -> EvalRecord:
    """Return the course's `eval.json`: one entry a task, as every rung writes it."""
    entries = [
        EvalEntry(
            task=one.task, split="public", metric=one.metric, n=len(one.before), before=one.means[0],
            after=one.means[1], interval=one.interval, data_fingerprint=one.fingerprint,
        )
        for one in comparisons.values()
    ]  # fmt: skip
    return EvalRecord(base=base, stage=stage, entries=entries)
