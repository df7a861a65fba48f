"""Rung 04: an adapter that was trained over the unrounded base is no QLoRA, and is told so."""

import pytest
from example_adapter import report_on
from example_work import by_id, failed, said

from autograder.reevaluation import Engines, RowLoss
from autograder.rung_04_ground import paired_gap

DEPEND = {"model-is-real", "run-record", "curve-is-real", "valid-json", "exact-match", "exact-match-unseen"}


class Losing:
    """In place of a model: loses `more` on every row, and a little more on every second one."""

    def __init__(self, more: float):
        self.more = more

    def losses(self, asked):
        """Return the losses of 20 tokens a row."""
        return [RowLoss(5 + self.more + 0.01 * (number % 2), 20, 1.0, 3) for number, _ in enumerate(asked)]


@pytest.fixture
def losing(monkeypatch):
    """Return a function that says how much more an adapter loses over 4 bits than over the unrounded base."""

    def install(more: float, measured_as) -> None:
        measured_as(0, 0)
        made = {quantized: Engines(Losing(0), Losing(more * quantized * 1.0), together=False) for quantized in (0, 1)}
        monkeypatch.setattr("autograder.reevaluation.engines", lambda base, adapter, quantized: made[int(quantized)])
        monkeypatch.setattr("autograder.adapter_criteria.require_learned", lambda _: None)

    return install


def test_an_adapter_of_the_unrounded_base_is_named_and_nothing_counts(quantized_work, losing, measured_as):
    losing(0.02, measured_as)
    report = report_on("04", quantized_work, "done-when")
    assert failed(report) >= DEPEND
    assert "0.020 nats a ticket higher than over the unrounded base" in said(by_id(report)["model-is-real"])
    assert "that is LoRA, rung 03" in said(by_id(report)["model-is-real"])


@pytest.mark.parametrize("more", [-0.02, 0.0])
def test_an_adapter_that_does_as_well_over_four_bits_or_better_is_real(quantized_work, losing, measured_as, more):
    losing(more, measured_as)
    assert "model-is-real" not in failed(report_on("04", quantized_work, "done-when"))


def test_the_gap_is_that_of_the_same_rows():
    one, other = ([RowLoss(x, 20, 1.0, 3) for x in losses] for losses in ([1.0, 2.0, 4.0], [1.0, 1.0, 2.0]))
    gap, error = paired_gap(one, other)
    assert gap == 1.0 and error == pytest.approx((1 / 3) ** 0.5)
