"""What was measured of hidden rows holds what the gap and the instructor's page say of it."""

from collections import defaultdict
from statistics import fmean

import pytest

from autograder import gap
from shared.hidden_figure import HARD, hidden_gaps
from shared.measured import measured

ROWS = measured("hidden").rows
HONEST = [row for row in ROWS if not row["cheated"]]
CHEATED = [row for row in ROWS if row["cheated"]]
ALLOWED = {gap.HARD_NAME: gap.HARD, "unseen wordings": gap.HARD}


def test_every_rung_that_measures_a_model_again_is_there_and_rung_02_with_thirty_secrets():
    secrets = defaultdict(set)
    for row in HONEST:
        secrets[row["rung"]].add(row["secret"])
    assert set(secrets) == {"02", "03", "04", "05", "06", "07", "08", "09", "10", "11"}
    assert len(secrets["02"]) >= 30


def test_no_honest_grading_is_told_of_a_gap_and_nearly_every_cheaters_is():
    assert [row for row in HONEST if row["gap"]] == []
    assert len({row["name"] for row in CHEATED}) >= 5 and {row["gap"] for row in CHEATED} <= {gap.HARD_NAME, None}
    assert fmean(row["gap"] is not None for row in CHEATED) > 0.9
    assert {row["name"] for row in CHEATED} == {row["name"] for row in CHEATED if row["gap"]}


def test_honest_models_differ_by_less_than_they_are_allowed_to():
    for row in HONEST:
        for name, public in row["public"].items():
            assert public - row["hidden"][name] < ALLOWED.get(name, gap.ALIKE) + 0.05, (row["name"], name)


def test_public_and_hidden_wordings_are_about_as_hard_for_honest_models():
    """A mean over secrets for each model, then over models: pools of few wordings differ for one model."""
    differences = defaultdict(list)
    for row in HONEST:
        if "unseen wordings" in row["public"]:
            differences[row["name"]].append(row["hidden"]["unseen wordings"] - row["public"]["unseen wordings"])
    assert abs(fmean(map(fmean, differences.values()))) < 0.08


@pytest.mark.parametrize("side", ["public", "hidden"])
def test_nobody_honest_knows_the_hardest_wordings(side):
    assert max(row[side][HARD] for row in HONEST if HARD in row[side]) < gap.HARD + 0.05


def test_what_cheating_wins_on_the_public_test_it_does_not_win_on_hidden_rows():
    assert min(row["public"]["unseen wordings"] for row in CHEATED) > max(
        row["public"]["unseen wordings"] for row in HONEST if "unseen wordings" in row["public"]
    )
    honest = [row["hidden"]["unseen wordings"] for row in HONEST if row["rung"] == "02"]
    assert fmean(row["hidden"]["unseen wordings"] for row in CHEATED) < max(honest)


def test_the_figure_shows_every_grading():
    figure = hidden_gaps(ROWS)
    points, shares, wordings = figure.axes
    assert sum(int(text.get_text()) for text in points.texts) == len(HONEST)
    assert len(shares.collections) == len(HONEST)
    assert sum(len(dots.get_offsets()) for dots in wordings.collections) == sum(HARD in row["public"] for row in ROWS)
