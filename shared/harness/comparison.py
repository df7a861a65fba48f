"""Two runs of one suite, row by row: what changed, how sure that is, and what may be concluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.harness.running import TaskRun
from shared.harness.task import Kind, Task
from shared.significance import bootstrap_interval, holm, mcnemar, paired_bootstrap, sign_flip, wilson_interval

Verdict = Literal["better", "worse", "no evidence"]
LEVEL = 0.05  # the chance of any false alarm in the whole table
INTERVAL = 0.95


class HarnessError(Exception):
    """Two runs that cannot be compared. One line."""


@dataclass(frozen=True)
class Comparison:
    """One task before and after. Scores are of the same rows, in one order, from 0 to 1.

    `interval` is the 95% interval of the mean after (Wilson's for shares, a bootstrap else), `gain_interval` that of
    the mean gain (paired bootstrap); `p` tests "nothing changed" (McNemar for shares, sign flips else), `p_adjusted`
    is Holm's over all tasks of the suite.
    """

    task: str
    kind: Kind
    metric: str
    fingerprint: str
    before: list[float]
    after: list[float]
    interval: tuple[float, float]
    gain_interval: tuple[float, float]
    p: float
    p_adjusted: float

    @property
    def means(self) -> tuple[float, float]:
        """The mean score before and after."""
        return sum(self.before) / len(self.before), sum(self.after) / len(self.after)

    @property
    def gain(self) -> float:
        """The mean gain."""
        return self.means[1] - self.means[0]

    @property
    def verdict(self) -> Verdict:
        """What the table may say of this task."""
        return verdict_of(self.gain, self.p_adjusted)


def verdict_of(gain: float, p_adjusted: float) -> Verdict:
    """Return "better" or "worse" when chance is ruled out at LEVEL over the whole table, else "no evidence"."""
    if p_adjusted >= LEVEL:
        return "no evidence"
    return "better" if gain > 0 else "worse"


def compare(
    tasks: Sequence[Task], before: Mapping[str, TaskRun], after: Mapping[str, TaskRun]
) -> dict[str, Comparison]:
    """Return a comparison for each task. Raises HarnessError unless both runs are of these very tasks."""
    for task in tasks:
        _require_same(task, before, "before")
        _require_same(task, after, "after")
    p_values = [p_value(before[task.name].scores, after[task.name].scores) for task in tasks]
    return {
        task.name: Comparison(
            task.name, task.kind, task.metric, task.fingerprint, old := before[task.name].scores,
            new := after[task.name].scores, interval_of(new), paired_bootstrap(old, new), p, adjusted,
        )
        for task, p, adjusted in zip(tasks, p_values, holm(p_values), strict=True)
    }  # fmt: skip


def is_share(scores: Sequence[float]) -> bool:
    """Return whether every score is 0 or 1."""
    return all(score in (0, 1) for score in scores)


def p_value(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the paired test's p-value: McNemar's for right and wrong, sign flips for any other score."""
    if is_share(before) and is_share(after):
        return mcnemar([score == 1 for score in before], [score == 1 for score in after])
    return sign_flip(before, after)


def interval_of(scores: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of the mean: Wilson's for shares, a bootstrap for any other score."""
    if is_share(scores):
        return wilson_interval(round(sum(scores)), len(scores), INTERVAL)
    return bootstrap_interval(scores, level=INTERVAL)


def _require_same(task: Task, runs: Mapping[str, TaskRun], when: str) -> None:
    run = runs.get(task.name)
    if run is None:
        raise HarnessError(f"{task.name}: not in the run {when}. Run the whole suite {when}, then compare")
    if run.fingerprint != task.fingerprint:
        raise HarnessError(f"{task.name}: the run {when} had other rows, another metric or decoding. Run it again")
