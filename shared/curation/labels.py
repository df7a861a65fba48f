"""Wrong labels: answers that a cheap classifier, which never saw the row, contradicts with confidence.

The idea is confident learning's (Northcutt, Jiang & Chuang 2021, arXiv 1911.00068) in its simplest form: predict every
row's label by cross-validation, and doubt the rows whose given label gets little probability.
"""

import json
from collections.abc import Sequence

from shared.curation.text import message_of, normal_form

FOLDS = 3
LEAST_PROBABILITY = 0.2


def label_faults(
    prompts: Sequence[str],
    completions: Sequence[str],
    fields: Sequence[str] = ("team", "count", "priority"),
    least: float = LEAST_PROBABILITY,
) -> list[str | None]:
    """Return for each row "<field>: says <label>, looks like <other>", or None when no field is doubted.

    Rows with one prompt share a fold: else a wrong label would be learned from its own copy. Every completion must be
    a JSON object with all `fields`.
    """
    tickets = [json.loads(completion) for completion in completions]
    faults: list[str | None] = [None] * len(prompts)
    for field in fields:
        labels = [str(ticket[field]) for ticket in tickets]
        for row, fault in enumerate(_doubts(prompts, labels, least)):
            faults[row] = faults[row] or (f"{field}: {fault}" if fault else None)
    return faults


def _doubts(prompts: Sequence[str], labels: Sequence[str], least: float) -> list[str | None]:
    """Return "says <label>, looks like <other>" for each row whose label gets less than `least` probability."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits

    texts = [message_of(prompt) for prompt in prompts]
    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"\w+", sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300),
    )
    classes, given = np.unique(labels, return_inverse=True)
    groups = [normal_form(text) for text in texts]
    folds = GroupKFold(FOLDS)
    with threadpool_limits(1):  # on so little data, threads wait for one another more than they work
        chances = cross_val_predict(classifier, texts, given, groups=groups, cv=folds, method="predict_proba")
    likely = classes[chances.argmax(1)]
    return [
        f"says {label}, looks like {other}" if chance < least and other != label else None
        for label, other, chance in zip(labels, likely, chances[np.arange(len(given)), given], strict=True)
    ]
