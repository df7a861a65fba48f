"""What rung 08's text says of its measured table is really in it, for every seed."""

import pytest

from shared.measured import measured

SEEDS = {0, 1, 2}


@pytest.fixture(scope="module")
def runs():
    found: dict[str, list[dict]] = {}
    for row in measured("reward").rows:
        found.setdefault(row["name"], []).append(row)
    assert set(found) == {"recipe", "mixed", "people", "balanced"}
    assert all({row["seed"] for row in rows} == SEEDS and len(rows) == 3 for rows in found.values())
    return found


def after(row: dict, pairs: int, contrast: str) -> float:
    return next(look[contrast] for look in row["by_pairs"] if look["pairs"] == pairs)


def test_the_recipe_ranks_both_kinds_and_small_talk_is_worth_little(runs):
    for row in runs["recipe"]:
        assert row["tone"] >= 0.95 and row["item"] >= 0.95 and row["wordy"] >= 0.80
    assert min(row["talk"] for row in runs["recipe"]) >= 0.03 and max(row["talk"] for row in runs["recipe"]) <= 0.315


def test_mixed_the_tone_comes_at_once_and_the_item_late_if_at_all(runs):
    for mixed, ordered in zip(runs["mixed"], runs["recipe"], strict=True):
        assert after(mixed, 320, "tone") >= 0.95 and after(mixed, 960, "item") <= 0.65
        assert mixed["item"] < ordered["item"]


def test_the_peoples_labels_pay_for_words(runs):
    for row in runs["people"]:
        assert 0.6 <= row["talk"] <= 1.4 and row["wordy"] <= 0.40 and 0.4 <= row["item"] <= 0.6


def test_balancing_takes_the_price_of_words_away_and_leaves_the_item_a_coins(runs):
    for row, people in zip(runs["balanced"], runs["people"], strict=True):
        assert row["talk"] < 0 and row["wordy"] >= 0.80 > people["wordy"] and 0.4 <= row["item"] <= 0.62
