"""Data sets as the trainers want them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset


def load_task(name: str, split: str, n: int, seed: int = 0, **options) -> "Dataset":
    """Return `n` rows of a task of the pocket world as a `datasets.Dataset`, held in memory.

    Columns: prompt and completion, and the task's own beside them (tickets have `ticket`, the right answer
    as a dictionary). `split` is "train", "public" or "hidden"; `options` go to the task, such as
    phrasing="unseen". Raises shared.world.WorldError for an unknown task or split.
    """
    from datasets import Dataset

    from shared.world import rows

    return Dataset.from_list(rows(name, split, n, seed, **options))
