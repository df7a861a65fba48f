"""Copied sentences: runs of words that also stand in the notebook, in its solution or in somebody else's answer."""

from collections.abc import Iterable

from autograder.prose.reading import Answer, words_of

RUN = 5  # words in a row
COPIED = 0.6  # of a sentence's words in such runs: the sentence is copied; of the answer's: the answer is
Runs = frozenset[tuple[str, ...]]


def runs_of(texts: Iterable[str]) -> Runs:
    """Return every run of words in the texts."""
    return frozenset(run for text in texts for run in _runs(words_of(text)))


def copied_sentences(answer: Answer, sources: Runs) -> list[int]:
    """Return the numbers of the answer's sentences that are copied."""
    shares = [_copied_words(sentence, sources) / len(sentence) for sentence in answer.sentences]
    return [number for number, share in enumerate(shares) if share >= COPIED]


def share_of(answer: Answer, sentences: Iterable[int]) -> float:
    """Return the share of the answer's words that stand in the sentences of these numbers."""
    return sum(len(answer.sentences[number]) for number in sentences) / max(1, len(answer.words))


def _runs(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (words[start : start + RUN] for start in range(len(words) - RUN + 1))


def _copied_words(words: tuple[str, ...], sources: Runs) -> int:
    covered: set[int] = set()
    for start, run in enumerate(_runs(words)):
        if run in sources:
            covered.update(range(start, start + RUN))
    return len(covered)
