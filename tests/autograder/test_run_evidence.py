"""Whether a curve can be the run's that made these weights: its end against the submitted model's own loss."""

import pytest
from example_work import by_id, failed, falling_curve, report_on, said

from autograder.reevaluation import RowLoss
from autograder.run_evidence import end_fault, learned_fault


def losses(a_token: float) -> list[RowLoss]:
    return [RowLoss(20 * a_token, 20, 150.0, 30)] * 64


CURVE = falling_curve(7.8)  # ends near 0.1
BASE = losses(7.8)


@pytest.mark.parametrize("now", [0.0, 0.1, 0.5, 3.9])
def test_a_model_that_came_most_of_the_way_fits_the_curve(now):
    """Other rows than ours, dropout, rounding to 4 bits: its loss here may be well above the curve's end."""
    assert end_fault(losses(now), BASE, CURVE) is None


@pytest.mark.parametrize("now", [4.1, 7.8, 12.0])
def test_a_model_that_never_went_it_does_not(now):
    assert f"the submitted model's loss on training rows is {now:.3f} (the base's 7.800)" in end_fault(
        losses(now), BASE, CURVE
    )


def test_a_curve_drawn_by_hand_beside_a_base_with_noise_is_refused(work):
    report = report_on(work, "done-when")
    scores = {"valid-json", "exact-match", "exact-match-unseen"}
    assert failed(report) == {"model-is-real", "run-record", "curve-is-real", *scores}
    assert "The curve is another model's." in said(by_id(report)["curve-is-real"])
    assert "The weights have moved, but not by training" in said(by_id(report)["model-is-real"])


@pytest.mark.parametrize(("now", "learned"), [(0.1, True), (7.0, True), (7.1, False), (7.8, False), (12.0, False)])
def test_a_model_that_has_learned_has_lost_a_tenth_of_the_bases_loss(now, learned):
    fault = learned_fault(losses(now), BASE)
    assert fault is None if learned else f"is {now:.2f}, the base's 7.80" in fault
