"""Run the suite here, with the checker's own models, and weigh a learner's rows against it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from autograder.continuing import continued
from autograder.reevaluation import Engine
from shared.harness.comparison import interval_of, is_share, p_value
from shared.harness.record import TaskOutcome
from shared.harness.running import TaskRun, run_task
from shared.harness.task import Row, Task
from shared.significance import holm, paired_bootstrap

ROWS_AGAIN = 40  # of each task that are measured again, drawn at random for each check
# Another engine adds numbers up in another order; where two tokens are nearly equal, that may change an answer.
MOST_DIFFERENT = 2
NEAR = 0.02  # between two probabilities per token
# An interval's ends: a twentieth of its width for the bootstrap's own chance and other sound formulas, and one row.
SHARE_OF_WIDTH = 0.05
WIDTHS = (0.92, 1.08)  # of claimed widths over right ones, in the median: at 90% it is 0.84, at 99% 1.31
LEAST_WIDTH = 0.02


class EngineAnswerer(NamedTuple):
    """A checker's engine as the harness sees a model."""

    engine: Engine

    def complete(self, prompts: Sequence[str], tokens: int) -> list[str]:
        """As `shared.harness.running.Answerer` says."""
        return continued(self.engine, prompts, tokens)

    def nats(self, rows: Sequence[Row]) -> list[tuple[float, int]]:
        """As `shared.harness.running.Answerer` says."""
        return [(loss.completion, loss.completion_tokens) for loss in self.engine.losses(rows)]


def some_rows(task: Task, seed: int) -> tuple[list[int], Task]:
    """Return the places of ROWS_AGAIN of a task's rows, and the task with these rows alone."""
    places = sorted(random.Random(f"again/{task.name}/{seed}").sample(range(len(task)), min(ROWS_AGAIN, len(task))))
    return places, replace(task, rows=[task.rows[place] for place in places])


def run_here(engine: Engine, task: Task) -> TaskRun:
    """Return the engine's run of a task."""
    return run_task(EngineAnswerer(engine), task)


def rows_differ(claimed: Sequence[float], measured: Sequence[float]) -> int:
    """Return in how many rows a claimed score is not the measured one."""
    return sum(abs(one - other) > NEAR for one, other in zip(claimed, measured, strict=True))


def interval_fault(outcome: TaskOutcome) -> str | None:
    """Return what is wrong with the interval of the score after, or None."""
    return _ends_fault("interval", outcome.interval, interval_of(outcome.after), len(outcome.after))


def gain_interval_fault(outcome: TaskOutcome) -> str | None:
    """Return what is wrong with the interval of the gain, or None."""
    right = paired_bootstrap(outcome.before, outcome.after, seed=1)
    return _ends_fault("gain_interval", outcome.gain_interval, right, len(outcome.after))


def _ends_fault(name: str, claimed: tuple[float, float], right: tuple[float, float], n: int) -> str | None:
    room = SHARE_OF_WIDTH * (right[1] - right[0]) + 1 / n
    if all(abs(one - other) <= room for one, other in zip(claimed, right, strict=True)):
        return None
    return f"{name} is {_shown(claimed)}, worked out here {_shown(right)}"


def median_width(outcomes: Sequence[TaskOutcome]) -> float | None:
    """Return the median of claimed over right widths of all intervals that are wide enough to compare, or None."""
    pairs = [(one.interval, interval_of(one.after)) for one in outcomes]
    pairs += [(one.gain_interval, paired_bootstrap(one.before, one.after, seed=1)) for one in outcomes]
    ratios = sorted((c[1] - c[0]) / (r[1] - r[0]) for c, r in pairs if r[1] - r[0] > LEAST_WIDTH)
    return ratios[len(ratios) // 2] if ratios else None


def p_fault(outcome: TaskOutcome) -> str | None:
    """Return what is wrong with the paired test's p-value, or None; sign flips come within chance of McNemar's."""
    right = p_value(outcome.before, outcome.after)
    if abs(outcome.p - right) <= 0.15 * right + 5e-4:
        return None
    test = "McNemar's" if is_share([*outcome.before, *outcome.after]) else "sign flips'"
    return f"p is {outcome.p:.3g}, {test} on its rows is {right:.3g}"


def adjusted_fault(outcomes: Sequence[TaskOutcome]) -> str | None:
    """Return which adjusted p-value does not make up for the number of tasks, or None: Holm's or Bonferroni's do."""
    for outcome, least in zip(outcomes, holm([one.p for one in outcomes]), strict=True):
        most = min(1.0, len(outcomes) * outcome.p)
        if not least * 0.99 <= outcome.p_adjusted <= most * 1.01 + 1e-9:
            return f"{outcome.task}: p_adjusted is {outcome.p_adjusted:.3g}, by Holm {least:.3g}"
    return None


def _shown(interval: tuple[float, float]) -> str:
    return f"({interval[0]:.3f}, {interval[1]:.3f})"
