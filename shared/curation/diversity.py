"""Diversity: few rows that lie far apart, so that each one says something new.

k-center greedy (Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"): take the row farthest from
all taken so far, and again. Sener & Savarese (arXiv 1708.00489) use it to choose what to label.
"""

from collections.abc import Sequence

from shared.curation.text import message_of


def most_diverse(prompts: Sequence[str], size: int, seed: int = 0) -> list[int]:
    """Return the places of `size` prompts, each the farthest from those before it by cosine of TF-IDF.

    The first is drawn by `seed`. Returns all places when there are not more.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    if size >= len(prompts):
        return list(range(len(prompts)))
    vectors = TfidfVectorizer(token_pattern=r"\w+").fit_transform([message_of(prompt) for prompt in prompts])
    taken = [int(np.random.default_rng(seed).integers(len(prompts)))]
    nearest = np.full(len(prompts), -1.0)  # each row's similarity to the most similar row taken
    while len(taken) < size:
        nearest = np.maximum(nearest, (vectors @ vectors[taken[-1]].T).toarray().ravel())
        nearest[taken[-1]] = 2.0  # more than any similarity: never again
        taken.append(int(nearest.argmin()))
    return taken
