"""Score a pipeline against the flaws that the generator wrote down. Only for judging: no step may look at them.

The generator marks one of two equal rows as the duplicate; a pipeline may as well keep that one and drop the other. So
rows are judged by family: all rows that say what one clean row says. Of a family, any one good row must stay.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.curation.pipeline import KEPT
from shared.curation.text import normal_form

SPOILED = ("wrong label", "broken JSON", "leaked")  # rows that must go; of duplicates, one must stay


class Score(NamedTuple):
    """How a pipeline did. `recall` by flaw: of the rows that had to go, the share that went. `precision` by step: of
    the rows a step removed, the share that rightly went. `coverage`: of the distinct good rows, the share of which one
    is kept. `purity`: of the kept rows, the share that are right and no repetition."""

    recall: dict[str, float]
    precision: dict[str, float]
    coverage: float
    purity: float


def family_of(row: Mapping) -> str:
    """Return the name of a row's family: the clean message that it repeats or spoils."""
    return normal_form(row["original"] or row["prompt"])


def score(rows: Sequence[Mapping], fate: Sequence[str]) -> Score:
    """Return the score of what became of each of `rows` (with `flaws` and `original`): a step's name, or "kept".

    Raises ValueError when there are not as many fates as rows.
    """
    if len(rows) != len(fate):
        raise ValueError(f"{len(fate)} fates for {len(rows)} rows: one is needed for each row, in order")
    kept = [row for row, end in zip(rows, fate, strict=True) if end == KEPT]
    good = [row for row in kept if not _spoiled(row)]
    alive = {family_of(row) for row in good}
    families = {family_of(row) for row in rows if not _spoiled(row)}
    return Score(
        recall={flaw: _recall(rows, fate, flaw) for flaw in (*SPOILED, "exact duplicate", "near duplicate")},
        precision=_precision(rows, fate, alive),
        coverage=len(alive) / len(families),
        purity=len(alive) / len(kept) if kept else 0.0,
    )


def _spoiled(row: Mapping) -> bool:
    return any(flaw in SPOILED for flaw in row["flaws"])


def _recall(rows: Sequence[Mapping], fate: Sequence[str], flaw: str) -> float:
    if flaw in SPOILED:
        ends = [end for row, end in zip(rows, fate, strict=True) if flaw in row["flaws"]]
        return sum(end != KEPT for end in ends) / len(ends)
    surplus = _surplus(rows, flaw)
    kept = [row for row, end in zip(rows, fate, strict=True) if end == KEPT]
    return 1 - _surplus(kept, flaw) / surplus


def _surplus(rows: Sequence[Mapping], flaw: str) -> int:
    """Return how many good rows there are too many: equal texts beyond the first, or other wordings beyond the first.

    The first of a family may be any of its rows.
    """
    texts: dict[str, Counter] = defaultdict(Counter)
    for row in rows:
        if not _spoiled(row):
            texts[family_of(row)][normal_form(row["prompt"])] += 1
    if flaw == "exact duplicate":
        return sum(sum(counts.values()) - len(counts) for counts in texts.values())
    return sum(len(counts) - 1 for counts in texts.values())


def _precision(rows: Sequence[Mapping], fate: Sequence[str], alive: set[str]) -> dict[str, float]:
    """Return by step the share of its removals that were right: a spoiled row, or one whose family lives on."""
    right: dict[str, list[bool]] = defaultdict(list)
    for row, end in zip(rows, fate, strict=True):
        if end != KEPT:
            right[end].append(_spoiled(row) or family_of(row) in alive)
    return {step: sum(verdicts) / len(verdicts) for step, verdicts in right.items()}
