"""What the instructor's page says of gradings with a secret is really in the table."""

from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from shared.measured import measured

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "instructors.md").read_text(encoding="utf-8").split())
HARD, UNSEEN = "letters in the hardest wordings", "unseen wordings"


@pytest.fixture(scope="module")
def rows():
    return measured("hidden").rows


@pytest.fixture(scope="module")
def honest(rows):
    return [row for row in rows if not row["cheated"]]


def easier(row, name):
    """Return by how many percentage points hidden rows came out easier than public ones."""
    return 100 * (row["hidden"][name] - row["public"][name])


def test_honest_work_keeps_every_point_and_is_told_nothing(honest):
    assert all(row["graded"] == row["self_check"] and row["gap"] is None for row in honest)
    assert f"none of {len(honest)} of honest ones" in PAGE and f"the same {len(honest)} gradings" in PAGE


def test_most_cheated_work_is_told(rows):
    told = [row["gap"] is not None for row in rows if row["cheated"]]
    assert f"It told {sum(told)} of {len(told)} gradings" in PAGE


def test_every_rung_but_01_was_graded_under_eight_secrets(honest):
    by_work = Counter(row["name"] for row in honest)
    of_02 = sorted(by_work[name] for name in by_work if name.startswith("02"))
    assert of_02 == [1, 1, 1, 30], "one model under 30 secrets, three others under one"
    assert {name: n for name, n in by_work.items() if not name.startswith("02")} == {
        f"{rung:02}": 8 for rung in range(3, 12)
    }


def test_right_answers_differ_little_but_for_unseen_wordings(honest):
    gaps = [abs(easier(row, name)) for row in honest for name in row["public"] if name not in (HARD, UNSEEN)]
    assert sum(round(gap) > 5 for gap in gaps) == 1 and round(max(gaps)) == 7, "0 to 5, and 7 once"
    rungs = {row["rung"] for row in honest if UNSEEN in row["public"]}
    means = [mean(easier(row, UNSEEN) for row in honest if row["rung"] == rung) for rung in rungs]
    assert (round(min(means)), round(max(means))) == (4, 13)
