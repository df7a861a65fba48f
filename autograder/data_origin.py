"""Which rows was a ticket run trained on? What run.json's fingerprint of its rows can tell.

A fingerprint names rows as they were drawn, in their order. The training split's own are recognised, and the public
test's; any other rows may be a learner's good choice (more of them, curated, written by hand) and are only called so.
What a run.json does not admit, the gap finds (`autograder.gap`).
"""

import functools
from typing import Literal

from shared.artifacts import RunRecord, fingerprint_rows
from shared.world import rows

SEEDS = range(3)
MOST_ROWS = 2_000  # of a run whose rows are looked for: a set of so many takes 0.1 s to draw
COLUMNS = ("prompt", "completion")  # what trainers are given; the ticket itself may stand beside them
IN_WORDS = {
    "train": "of the training split",
    "test": "of the public test",
    "other": "that are not the training split's as it gives them",
}

Origin = Literal["train", "test", "other"]


def origin_of(run: RunRecord) -> Origin:
    """Return whether the run's rows are the training split's, the public test's (of any seed in SEEDS), or others."""
    if 1 <= run.rows <= MOST_ROWS:
        for origin in ("train", "test"):
            if any(run.data_fingerprint in fingerprints(origin, run.rows, seed) for seed in SEEDS):
                return origin
    return "other"


@functools.lru_cache(maxsize=256)
def fingerprints(origin: Origin, n: int, seed: int) -> set[str]:
    """Return the fingerprints that n rows drawn with `seed` may have."""
    if origin == "train":
        drawn = [rows("tickets", "train", n, seed)]
    else:
        familiar, unseen = (rows("tickets", "public", n, seed, phrasing=p) for p in ("familiar", "unseen"))
        drawn = [familiar, unseen, familiar[: n // 2] + unseen[: n - n // 2]]
    plain = [[{name: row[name] for name in COLUMNS} for row in some] for some in drawn]
    return {fingerprint_rows(some) for some in (*drawn, *plain)}
