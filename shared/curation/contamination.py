"""Contamination: training rows that hold long pieces of the test set. n-grams, as GPT-3's authors looked for them.

(Brown et al. 2020, arXiv 2005.14165, appendix C, took 8 to 13 words; messages here are short.)
"""

from collections.abc import Iterable

from shared.curation.text import message_of, word_ngrams

WORDS = 8
LARGEST_SHARE = 0.7


class TestSet:
    """The n-grams of the prompts that the model will be tested on."""

    __test__ = False  # no test class, whatever its name

    def __init__(self, prompts: Iterable[str], words: int = WORDS):
        self.words = words
        self._ngrams = set().union(*(self._of(prompt) for prompt in prompts))

    def overlap(self, prompt: str) -> float:
        """Return the share of the prompt's n-grams that the test set holds."""
        found = self._of(prompt)
        return len(found & self._ngrams) / len(found) if found else 0.0

    def fault(self, prompt: str) -> str | None:
        """Return "overlap <share>" for a prompt most of whose n-grams are the test set's, else None."""
        share = self.overlap(prompt)
        return f"overlap {share:.0%}" if share >= LARGEST_SHARE else None

    def _of(self, prompt: str) -> set[tuple[str, ...]]:
        """Return the n-grams of a message; a message of fewer words is one n-gram by itself."""
        text = message_of(prompt)
        return word_ngrams(text, self.words) or word_ngrams(text, max(1, len(text.split())))
