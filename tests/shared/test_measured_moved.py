"""Rung 11's table: what its page says of lines left behind, held to the rows."""

import pytest

from shared.measured import measured

TAKES_MOST = [
    "four lines left behind", "layers: queries and values", "length: 3 epochs", "alpha: half the rank",
    "loss: on the prompt, too",
]  # fmt: skip


@pytest.fixture(scope="module")
def scores():
    found = {}
    for row in measured("moved").rows:
        found.setdefault(row["name"], {})[row["seed"]] = row["familiar"]
    return found


def test_the_pair_that_the_page_opens_with_was_measured_on_three_seeds_the_other_lines_on_two_at_least(scores):
    for name in ("recipe", "four lines left behind"):
        assert set(scores[name]) >= {0, 1, 2}, name
    for name in TAKES_MOST:
        assert set(scores[name]) >= {0, 1}, name


def test_the_whole_recipe_gets_all_tickets(scores):
    assert min(scores["recipe"].values()) >= 0.98


@pytest.mark.parametrize("name", TAKES_MOST)
def test_one_line_takes_much_outside_the_noise(scores, name):
    worst = max(scores[name].values())
    assert worst <= 0.6 and sum(scores[name].values()) / len(scores[name]) < 0.5
    assert min(scores["recipe"].values()) - worst > 3 * (0.25 / 200) ** 0.5  # of a share of 200 rows


def test_half_the_rows_a_step_cost_less(scores):
    assert min(scores["batch: 8 rows a step"].values()) > max(max(scores[name].values()) for name in TAKES_MOST)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_command_gives_what_rung_03s_trainer_gave(seed):
    """Another program around the same trainer: the same scores to the last ticket, measured on another day."""
    rows = [next(row for row in measured(name).rows if (row["name"], row["seed"]) == ("recipe", seed))
            for name in ("lora", "moved")]  # fmt: skip
    assert [row["familiar"] for row in rows] == [rows[0]["familiar"]] * 2
    assert [row["unseen"] for row in rows] == [rows[0]["unseen"]] * 2
    assert [row["loss"] for row in rows] == [rows[0]["loss"]] * 2
