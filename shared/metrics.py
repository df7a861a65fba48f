"""The course's metrics as `evaluate.Metric` classes, made directly: `ValidJson().compute(predictions=[...])`.

`evaluate.load` would fetch code from the hub; these need no network and write nothing but an empty folder in
the system's temporary one. The classes are made on first use, because importing `evaluate` takes seconds.
"""

import functools
import tempfile
from pathlib import Path

from shared.scoring import exact_ticket, matching_fields, valid_json
from shared.world.tickets import FIELDS

__all__ = ["ExactMatch", "TicketMatch", "ValidJson"]  # noqa: F822 (made by __getattr__)


def __getattr__(name: str) -> type:
    """Return a metric class by its name, so that `from shared.metrics import ValidJson` works (PEP 562)."""
    if name in __all__:
        return _metric_classes()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _metric_classes() -> dict[str, type]:
    """Define the classes. Predictions are texts; what references are, each class says."""
    from datasets import Features, Value

    text = Value("string")
    ticket = {field: Value("int64") if field == "count" else text for field in FIELDS}
    base = _course_metric()

    class ValidJson(base):
        """`valid_json`: the share of predictions that are one JSON object."""

        description = "Share of predictions that are one JSON object."
        features = Features({"predictions": text})

        def _compute(self, predictions: list[str]) -> dict[str, float]:
            return {"valid_json": _share(map(valid_json, predictions))}

    class ExactMatch(base):
        """`exact_match`: the share of predictions equal to their reference, white space at the ends aside."""

        description = "Share of predictions equal to the reference text, white space at the ends aside."
        features = Features({"predictions": text, "references": text})

        def _compute(self, predictions: list[str], references: list[str]) -> dict[str, float]:
            pairs = zip(predictions, references, strict=True)
            return {"exact_match": _share(found.strip() == right.strip() for found, right in pairs)}

    class TicketMatch(base):
        """`exact_match` of whole tickets, and one share a field; references are tickets (dictionaries)."""

        description = "Share of exactly right tickets, and of each right field."
        features = Features({"predictions": text, "references": ticket})

        def _compute(self, predictions: list[str], references: list[dict]) -> dict[str, float]:
            fields = [matching_fields(*pair) for pair in zip(predictions, references, strict=True)]
            scores = {"exact_match": _share(map(exact_ticket, predictions, references))}
            return scores | {field: _share(row[field] for row in fields) for field in FIELDS}

    return {metric.__name__: metric for metric in (ExactMatch, TicketMatch, ValidJson)}


def _course_metric() -> type:
    """Return the class that the course's metrics have in common."""
    import evaluate
    from datasets import Features

    class CourseMetric(evaluate.Metric):
        """A metric that keeps its predictions in memory."""

        features: Features
        description: str

        def __init__(self) -> None:
            super().__init__(keep_in_memory=True, cache_dir=str(Path(tempfile.gettempdir()) / "course-metrics"))

        def _info(self) -> evaluate.MetricInfo:
            return evaluate.MetricInfo(
                description=self.description, citation="", inputs_description="", features=self.features
            )

    return CourseMetric


def _share(values) -> float:
    values = list(values)
    return sum(values) / len(values)
