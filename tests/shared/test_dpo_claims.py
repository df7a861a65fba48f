"""What rung 06's text says of its table is what the table holds, for every seed."""

import math

import pytest

from shared.course import load_course
from shared.measured import measured

ROWS = [row for row in measured("dpo").rows if row["name"] != "trace"]
SEEDS = sorted({row["seed"] for row in ROWS})
THRESHOLDS = load_course().rung("06").thresholds["pocket"]


def of(name: str) -> dict[int, dict]:
    """Return the rows of one setting by seed."""
    return {row["seed"]: row for row in ROWS if row["name"] == name}


def test_every_setting_ran_with_every_seed():
    assert SEEDS == [0, 1, 2]
    assert all(sorted(of(name)) == SEEDS for name in {row["name"] for row in ROWS})


@pytest.mark.parametrize("seed", SEEDS)
def test_the_recipe_meets_the_thresholds_from_near_a_coin(seed):
    before, after = of("reference")[seed], of("recipe")[seed]
    assert THRESHOLDS["reference_low"] + 0.05 < before["polite"] < THRESHOLDS["reference_high"] - 0.05
    assert after["polite"] > THRESHOLDS["win_rate"] + 0.05
    assert after["accuracy"] >= THRESHOLDS["reward_accuracy"]
    assert after["right"] > THRESHOLDS["right_promise"]
    assert math.log(2) / 2 < after["kl"] < THRESHOLDS["divergence_max"] / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_higher_beta_keeps_the_policy_closer(seed):
    names = ("beta 1", "recipe", "beta 0.01")
    for key, sign in (("kl", 1), ("polite", 1), ("rejected", -1)):
        values = [sign * of(name)[seed][key] for name in names]
        assert values == sorted(values), key


@pytest.mark.parametrize("seed", SEEDS)
def test_adam_ranks_the_pairs_and_loses_the_replies(seed):
    row, before, recipe = (of(name)[seed] for name in ("AdamW", "reference", "recipe"))
    assert row["accuracy"] >= 0.95 and row["end"] < recipe["end"]
    assert row["polite"] < 0.6 and row["right"] < recipe["right"] - 0.05
    assert row["chosen"] < before["chosen"] - 0.3 and row["kl"] > 5 * recipe["kl"]


@pytest.mark.parametrize("seed", SEEDS)
def test_flipped_labels_are_believed(seed):
    assert of("all flipped")[seed]["polite"] < 0.15
    gain = {name: of(name)[seed]["polite"] - of("reference")[seed]["polite"] for name in ("recipe", "40% flipped")}
    assert gain["40% flipped"] < 0.5 * gain["recipe"], "most of the gain is lost"
    assert of("40% flipped")[seed]["end"] > math.log(2) - 0.05, "the loss hardly leaves ln 2"


def test_the_trace_shows_pairs_ranked_right_while_the_chosen_fall():
    trace = [row for row in measured("dpo").rows if row["name"] == "trace"]
    assert [row["step"] for row in trace] == sorted(row["step"] for row in trace) and len(trace) >= 6
    assert trace[-1]["accuracy"] > 0.95 and trace[-1]["chosen"] < trace[0]["chosen"] - 1
    assert trace[-1]["right"] < 0.7
