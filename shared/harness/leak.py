"""Contamination, planted: training rows that are test rows."""

from collections.abc import Sequence

from shared.harness.task import Task


def leak(task: Task) -> list[dict]:
    """Return every second row of the task as training rows: what somebody has who tuned on half of the test."""
    return [{"prompt": row["prompt"], "completion": row["completion"]} for row in task.rows[::2]]


def by_leak(task: Task, scores: Sequence[float]) -> dict[str, list[float]]:
    """Return the scores of the rows that `leak` lets out, and of the others."""
    if len(scores) != len(task):
        raise ValueError(f"expected {len(task)} scores, one for each row of {task.name!r}, got {len(scores)}")
    return {"leaked": list(scores[::2]), "not leaked": list(scores[1::2])}
