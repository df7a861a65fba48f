"""An interval in eval.json is a 95% interval, by whichever usual way, or a claim that is not believed."""

import pytest

from autograder.score_evidence import interval_fault
from shared.artifacts import EvalEntry
from shared.significance import bootstrap_interval, wilson_interval


def entry(right, n, interval):
    return EvalEntry(
        task="tickets", split="public", metric="exact_match", n=n, before=0.0, after=right / n, interval=interval,
        data_fingerprint="0" * 64,
    )  # fmt: skip


def normal(right, n):
    share = right / n
    half = 1.96 * (share * (1 - share) / n) ** 0.5
    return max(0.0, share - half), min(1.0, share + half)


def bootstrapped(right, n):
    return bootstrap_interval([1.0] * right + [0.0] * (n - right))


@pytest.mark.parametrize(("right", "n"), [(50, 50), (0, 60), (45, 50), (100, 200), (197, 200), (1_800, 2_000)])
@pytest.mark.parametrize("way", [wilson_interval, normal, bootstrapped])
def test_any_usual_way_will_do(way, right, n):
    assert interval_fault(entry(right, n, way(right, n))) is None


@pytest.mark.parametrize(
    ("right", "n", "interval", "words"),
    [
        (100, 200, (0.0, 1.0), "the interval 0.000 to 1.000 is not 95% of 200 rows: about 0.431 to 0.569"),
        (100, 200, (0.5, 0.5), "is not 95% of 200 rows"),
        (45, 50, (0.0, 0.97), "is not 95% of 50 rows"),
        (100, 200, (0.1, 0.3), "does not hold 0.5"),
        (2_000, 2_000, (0.9, 1.0), "is not 95% of 2000 rows"),
    ],
)
def test_another_is_doubted(right, n, interval, words):
    assert words in interval_fault(entry(right, n, interval))
