"""Contamination, planted: training rows of which some are test rows."""

from collections.abc import Mapping, Sequence

from shared.harness.task import Row, Task


def leak(train: Sequence[Row], task: Task) -> list[dict]:
    """Return the training rows with every second row of the task put among them."""
    return [_pair(row) for row in (*train, *task.rows[::2])]


def by_leak(task: Task, scores: Sequence[float]) -> dict[str, list[float]]:
    """Return the scores of the rows that `leak` lets out, and of the others."""
    if len(scores) != len(task):
        raise ValueError(f"expected {len(task)} scores, one for each row of {task.name!r}, got {len(scores)}")
    return {"leaked": list(scores[::2]), "not leaked": list(scores[1::2])}


def _pair(row: Mapping) -> dict:
    return {"prompt": row["prompt"], "completion": row["completion"]}
