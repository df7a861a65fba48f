"""Copied words: runs that also stand in the notebook, in its solution or in somebody else's answer.

Of the honest essays in `tests/essays`, at most one word in four stands in a run of four words that the notebook has
too; of its solutions with every sixth word changed, more than half of the words do.
"""

from collections.abc import Iterable

from autograder.prose.reading import Answer, words_of

RUN = 4  # words in a row
COPIED = 0.35  # of the answer's words stand in such runs: it is copied
COPIED_SENTENCE, LONG = 0.5, 8  # of a sentence's words do, and as many: it is none of the learner's own
Runs = frozenset[tuple[str, ...]]


def runs_of(texts: Iterable[str]) -> Runs:
    """Return every run of words in the texts."""
    return frozenset(run for text in texts for run in _runs(words_of(text)))


def copied_share(answer: Answer, sources: Runs) -> float:
    """Return the share of the answer's words that stand in runs of the sources."""
    return sum(_copied_words(sentence, sources) for sentence in answer.sentences) / max(1, len(answer.words))


def own_sentences(answer: Answer, sources: Runs) -> Answer:
    """Return the answer less its copied sentences."""
    copied = [_copied_words(sentence, sources) for sentence in answer.sentences]
    limits = [max(LONG, COPIED_SENTENCE * len(sentence)) for sentence in answer.sentences]
    own = tuple(s for s, words, limit in zip(answer.sentences, copied, limits, strict=True) if words < limit)
    return answer._replace(sentences=own)


def _runs(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (words[start : start + RUN] for start in range(len(words) - RUN + 1))


def _copied_words(words: tuple[str, ...], sources: Runs) -> int:
    covered: set[int] = set()
    for start, run in enumerate(_runs(words)):
        if run in sources:
            covered.update(range(start, start + RUN))
    return len(covered)
