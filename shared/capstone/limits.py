"""What a fine-tune cannot do, in sentences: from its own measurements, never from hope."""

from collections.abc import Iterator, Sequence

from shared.artifacts import EvalEntry
from shared.capstone.source import Source


def limits(source: Source, entries: Sequence[EvalEntry], *, merged: bool = False) -> list[str]:
    """Return the limits of a run as sentences, those that were measured first."""
    return [*_measured(entries), *_not_measured(source, entries), *_of_the_method(source, merged)]


def _measured(entries: Sequence[EvalEntry]) -> Iterator[str]:
    for entry in entries:
        if entry.after < entry.before:
            yield f"{named(entry)} fell, from {entry.before:.1%} to {score(entry)}."
        elif entry.after < 1:
            yield f"{named(entry)} is {score(entry)}: of {entry.n} rows {wrong(entry)} were not met."
    for familiar in entries:
        for unseen in entries:
            pair = (familiar.phrasing, unseen.phrasing, unseen.metric, unseen.task, unseen.split)
            if pair == ("familiar", "unseen", familiar.metric, familiar.task, familiar.split):
                yield from _gap(familiar, unseen)


def _gap(familiar: EvalEntry, unseen: EvalEntry) -> Iterator[str]:
    """Yield what unseen wordings cost, and whether the intervals are apart."""
    lost = familiar.after - unseen.after
    if lost > 0 and unseen.interval[1] < familiar.interval[0]:
        yield f"Wordings that it was not trained on cost {lost:.1%} of {metric_words(familiar)}: it knows them in part."
    elif lost > 0:
        yield f"On wordings that it was not trained on {metric_words(familiar)} is {lost:.1%} lower; intervals overlap."


def _not_measured(source: Source, entries: Sequence[EvalEntry]) -> Iterator[str]:
    tasks = ", ".join(sorted({entry.task for entry in entries}))
    yield (
        f"Only this was measured: {tasks}. What the base could do besides, and how much of it the training cost, "
        "was not; a narrow fine-tune is apt to forget."
    )
    yield "All rows are made by a program. Real customers write otherwise, and no real letter was measured."
    yield f"One run with one seed ({source.run.hyperparameters.get('seed', 'not recorded')}): another may differ."
    if source.base.folder:
        yield "The base knows about 2,300 words and the letters of one fictional company. It is made for learning."


def _of_the_method(source: Source, merged: bool) -> Iterator[str]:
    if source.run.method == "qlora" and merged:
        yield (
            "It was trained beside a base in 4 bits (NF4) and merged into the same base unquantized. The two are not "
            "the same function; the scores here were measured after merging."
        )
    elif source.run.method == "qlora":
        yield "It was trained and measured beside a base in 4 bits (NF4). On the unquantized one scores may differ."


def named(entry: EvalEntry) -> str:
    """Return what an entry measures, in words."""
    phrasing = f", {entry.phrasing} wordings" if entry.phrasing else ""
    words = metric_words(entry)
    return f"{words[0].upper()}{words[1:]} ({entry.task}{phrasing})"


def metric_words(entry: EvalEntry) -> str:
    """Return a metric's name in words, such as "valid JSON"."""
    return entry.metric.replace("_", " ").replace("json", "JSON")


def score(entry: EvalEntry) -> str:
    """Return the score after training with its 95% interval, in per cent."""
    low, high = entry.interval
    return f"{entry.after:.1%} ({low:.1%} to {high:.1%})"


def wrong(entry: EvalEntry) -> int:
    """Return of how many rows the metric was not met."""
    return round((1 - entry.after) * entry.n)
