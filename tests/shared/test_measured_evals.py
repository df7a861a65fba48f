"""What rung 09's text says of its measured table is really in it, for every seed."""

import pytest

from shared.measured import measured
from shared.significance import wilson_interval

SEEDS = {0, 1, 2}


@pytest.fixture(scope="module")
def rows():
    return measured("evals").rows


def named(rows, name):
    found = [row for row in rows if row["name"] == name]
    assert {row["seed"] for row in found} == SEEDS and len(found) == len(SEEDS)
    return sorted(found, key=lambda row: row["seed"])


def test_the_recipe_learns_the_task_with_every_seed(rows):
    for row in named(rows, "recipe"):
        assert row["new products, before"] == 0 and row["new products, after"] >= 0.70
        assert row["tickets, verdict"] == row["new products, verdict"] == "better"


def test_it_carries_over_in_part(rows):
    for row in named(rows, "recipe"):
        for task in ("unseen wording", "longer letters"):
            assert row[f"{task}, verdict"] == "better" and row[f"{task}, after"] <= row["new products, after"] - 0.1


def test_it_forgets_replies_sorting_and_stories_with_every_seed(rows):
    for row in named(rows, "recipe"):
        assert {row[f"{task}, verdict"] for task in ("replies", "sorting", "stories")} == {"worse"}
        assert row["replies, before"] >= 0.95 and row["replies, after"] <= 0.4


def test_every_judge_prefers_the_first_place_with_every_seed(rows):
    for name in ("judge, per token", "judge, sum"):
        for row in named(rows, name):
            assert row["first of flipped"] == 1.0 and row["position p"] < 0.05
            assert row["right, first"] > row["right, second"] and row["right, agreed"] >= row["right, second"]


def test_divided_by_length_the_longer_reply_wins_nearly_always(rows):
    for token, total in zip(named(rows, "judge, per token"), named(rows, "judge, sum"), strict=True):
        assert token["short preferred"] <= 0.05 < total["short preferred"] < 0.5


def test_leaked_rows_inflate_the_score(rows):
    """With every seed beyond chance, the leaked half throughout; rows of their own inflate neither half."""
    shares = {}
    for name in ("few", "leaked"):
        found = named(rows, name)
        for half in ("leaked", "not leaked"):
            shares[name, half] = [row[half] for row in found]
    assert shares["leaked", "leaked"] == [1.0] * 3
    assert all(wilson_interval(round(50 * share), 50)[1] < 0.8 for share in shares["leaked", "not leaked"])
    assert wilson_interval(50, 50)[0] > 0.9
    ends = {key: wilson_interval(round(50 * sum(values)), 150) for key, values in shares.items()}
    assert (
        ends["few", "leaked"][1] > ends["few", "not leaked"][0]
        and ends["few", "not leaked"][1] > ends["few", "leaked"][0]
    )
