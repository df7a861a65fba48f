"""What counts as the same text: a normal form, and the shingles that near-duplicates share."""

import unicodedata

SHINGLE = 4  # characters: short enough for messages of one sentence; documents are often cut into words


def normal_form(text: str) -> str:
    """Return `text` in one case and one form of Unicode, with single spaces: what a reader sees as the same."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def message_of(prompt: str) -> str:
    """Return the customer's message without the frame that every prompt has, or the prompt where there is none."""
    return prompt.removeprefix("Message: ").removesuffix("\nTicket:")


def shingles(text: str, size: int = SHINGLE) -> set[str]:
    """Return every piece of `size` characters of the text's normal form; a shorter text is one piece."""
    text = normal_form(text)
    return {text[start : start + size] for start in range(max(1, len(text) - size + 1))}


def jaccard(one: set, other: set) -> float:
    """Return the share of what either set holds that both hold; 1 for two empty sets.

    By hand: {a, b, c} and {b, c, d} hold four things, two of them both: 0.5.
    """
    return len(one & other) / len(one | other) if one or other else 1.0


def word_ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    """Return every run of `n` words of the text's normal form; none when it is shorter."""
    words = normal_form(text).split()
    return {tuple(words[start : start + n]) for start in range(len(words) - n + 1)}
