"""Classic text models that rung 01 holds against a fine-tune, all from scikit-learn: TF-IDF and logistic regression."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def logistic_regression(texts: Sequence[str], labels: Sequence[str]) -> "Pipeline":
    """Return a logistic regression on TF-IDF of words and pairs of words, fitted: `.predict(texts)` gives labels."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # C = 10: little regularization, as TF-IDF's numbers are small. C = 1 is too much of it for 50 letters.
    # "sag" needs no BLAS, whose threads wait for one another on a busy machine, and finds the same optimum.
    counts, weights = TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, solver="sag", max_iter=1000)
    return make_pipeline(counts, weights).fit(list(texts), list(labels))


def nearest(questions: Sequence[str], passages: Sequence[str], k: int) -> list[list[int]]:
    """Return for each question the places of the `k` passages with the largest TF-IDF cosine, the best first."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer()
    matrix = vectorizer.fit_transform(passages)
    scores = (vectorizer.transform(questions) @ matrix.T).toarray()  # [questions, passages]
    return np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()
