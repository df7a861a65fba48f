"""The pocket world: everything that the pocket model has read, and every task that the course sets it.

All text comes from seeded generators; nothing is stored. `rows` is the one door to the tasks::

    rows("tickets", "train", 600)                       # to learn from
    rows("tickets", "public", 200)                      # items never seen in training
    rows("tickets", "public", 200, phrasing="unseen")   # ... in wordings never seen either
"""

import importlib

from shared.world.splits import SPLITS, Split, WorldError, random_stream, split_of

__all__ = ["SPLITS", "TASKS", "Split", "WorldError", "random_stream", "rows", "split_of"]

TASKS = {
    "tickets": "shared.world.tickets",
    "orders": "shared.world.orders",
    "long-orders": "shared.world.long_orders",
    "sorting": "shared.world.sorting",
    "reading": "shared.world.reading",
    "facts": "shared.world.facts",
    "replies": "shared.world.replies",
    "notes": "shared.world.notes",
    "prose": "shared.world.prose",
    "dirty-tickets": "shared.world.dirt",
}


def rows(task: str, split: Split, n: int, seed: int = 0, **options: object) -> list[dict]:
    """Return n rows of `task` from `split`: the same rows for the same arguments, everywhere.

    Options are the task's own (`phrasing`, `relation`, `lines`, ...). Raises WorldError for an unknown task or split,
    and for the hidden split when `COURSE_HIDDEN_SEED` is not set.
    """
    if task not in TASKS:
        raise WorldError(f"task: expected one of {', '.join(TASKS)}, got {task!r}")
    return importlib.import_module(TASKS[task]).rows(split, n, seed, **options)
