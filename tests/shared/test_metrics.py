"""The metrics work as `evaluate.Metric`, offline, and say what the scoring functions say."""

import os
import subprocess
import sys

import pytest

from shared import metrics
from shared.course import ROOT

TICKET = {"team": "billing", "item": "copper stove", "count": 2, "priority": "low"}
RIGHT = '{"team": "billing", "item": "copper stove", "count": 2, "priority": "low"}'
WRONG = '{"team": "billing", "item": "copper stove", "count": 3, "priority": "high"}'


def test_they_are_metrics():
    import evaluate

    for name in metrics.__all__:
        assert issubclass(getattr(metrics, name), evaluate.Metric)
    with pytest.raises(AttributeError, match="no attribute 'Bleu'"):
        metrics.Bleu  # noqa: B018


def test_valid_json():
    assert metrics.ValidJson().compute(predictions=[RIGHT, WRONG, "no", "[]"]) == {"valid_json": 0.5}


def test_exact_match():
    result = metrics.ExactMatch().compute(predictions=[" a", "b", "C"], references=["a", "c", "c"])
    assert result == {"exact_match": pytest.approx(1 / 3)}


def test_ticket_match():
    result = metrics.TicketMatch().compute(predictions=[RIGHT, WRONG, "no", RIGHT], references=[TICKET] * 4)
    assert result == {"exact_match": 0.5, "team": 0.75, "item": 0.75, "count": 0.5, "priority": 0.5}


def test_they_collect_in_batches():
    metric = metrics.ExactMatch()
    metric.add_batch(predictions=["a", "b"], references=["a", "x"])
    metric.add(prediction="c", reference="c")
    assert metric.compute() == {"exact_match": pytest.approx(2 / 3)}


@pytest.mark.slow
def test_nothing_is_written_to_the_home_folder(tmp_path):
    """A process with an empty home, a home for temporary files, and no network."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    code = "from shared.metrics import ValidJson; print(ValidJson().compute(predictions=['{}']))"
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    places = {"HOME": str(home), "TMPDIR": str(temporary), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    out = subprocess.check_output([sys.executable, "-c", code], env=kept | places, text=True)
    assert out == "{'valid_json': 1.0}\n"
    assert [path for path in home.rglob("*") if path.is_file()] == []
