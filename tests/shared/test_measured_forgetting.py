"""What rung 10's text says of its measured table is really in it, for every seed."""

import pytest

from shared.continual.matrix import forward_transfer
from shared.measured import measured

SEEDS = {0, 1, 2}


@pytest.fixture(scope="module")
def rows():
    return measured("forgetting").rows


def named(rows, name, seeds=SEEDS):
    found = sorted((row for row in rows if row["name"] == name), key=lambda row: row["seed"])
    assert {row["seed"] for row in found} >= seeds and len({row["seed"] for row in found}) == len(found)
    return found


def left(rows, name, seeds=SEEDS):
    """Yield (tickets left, totals left, notes) for every seed: shares of what the naive run had just learned."""
    naive = {row["seed"]: row["R"] for row in named(rows, "naive")}
    for row in named(rows, name, seeds):
        learned, last = naive[row["seed"]], row["R"][-1]
        yield last[0] / learned[0][0], last[1] / learned[1][1], last[2]


def test_naive_learns_all_three_and_loses_one_or_two(rows):
    tickets_left = []
    for row in named(rows, "naive"):
        R = row["R"]
        assert min(R[0][0], R[1][1], R[2][2]) >= 0.9
        assert R[0][0] - R[2][0] >= 0.2
        assert R[1][0] - R[2][0] > R[0][0] - R[1][0], "the lesson on letters hurts tickets more than that on orders"
        assert forward_transfer(R, row["start"]) < 0 and R[0][1] < row["start"][1]
        tickets_left.append(R[2][0] / R[0][0])
    assert min(tickets_left) <= 0.05 and 0.6 <= max(tickets_left) <= 0.7, "from all to a third of the tickets"


def test_springs_of_the_right_strength_meet_the_target(rows):
    for tickets, totals, notes in left(rows, "EWC 10,000"):
        assert min(tickets, totals, notes) >= 0.9


def test_a_tenth_of_that_strength_holds_with_one_seed_and_not_with_another(rows):
    kept = [min(tickets, totals) for tickets, totals, _ in left(rows, "EWC 1,000", {0, 1})]
    assert max(kept) >= 0.9 and min(kept) <= 0.5


def test_springs_too_strong_teach_nothing_and_too_weak_keep_no_tickets(rows):
    assert all(notes <= 0.1 for *_, notes in left(rows, "EWC 1,000,000", {0, 1}))
    assert all(tickets <= 0.1 and notes >= 0.9 for tickets, _, notes in left(rows, "EWC 100", {0, 1}))


@pytest.mark.parametrize("name", ["replay 20%", "replay 50%"])
def test_replay_keeps_tickets_and_of_totals_two_thirds_to_little_over_four_fifths(name, rows):
    for tickets, totals, notes in left(rows, name):
        assert min(tickets, notes) >= 0.9 and 0.65 <= totals <= 0.86


def test_lora_keeps_totals_and_of_tickets_a_third_at_most(rows):
    kept = sorted(tickets for tickets, totals, notes in left(rows, "LoRA") if min(totals, notes) >= 0.9)
    assert len(kept) == 3 and kept[1] <= 0.05 and 0.25 <= kept[2] <= 0.4


def test_a_lower_rate_and_averaging_promise_nothing(rows):
    for name, worst in (("low rate", 0.1), ("averaging 0.5", 0.05)):
        kept = [min(tickets, totals) for tickets, totals, _ in left(rows, name)]
        assert max(kept) >= 0.8 and min(kept) <= worst
        assert all(notes >= 0.9 for *_, notes in left(rows, name))


def test_the_models_own_answers_keep_tickets_nearly_as_old_rows_do_and_of_totals_less(rows):
    mine, theirs = (list(left(rows, name)) for name in ("own answers 20%", "replay 20%"))
    assert all(abs(one[0] - other[0]) <= 0.05 for one, other in zip(mine, theirs, strict=True))
    assert all(0.35 <= totals <= 0.75 for _, totals, _ in mine)


def test_a_mixture_of_all_skills_leaves_tickets_half_taught_with_two_seeds(rows):
    kept = sorted(tickets for tickets, totals, notes in left(rows, "mixture") if min(totals, notes) >= 0.9)
    assert [round(tickets, 1) for tickets in kept] == [0.3, 0.6, 1.0]


def test_only_springs_of_10000_meet_the_target_with_every_seed(rows):
    names = {row["name"] for row in rows if "R" in row}
    met = {name for name in names if all(min(one) >= 0.9 for one in left(rows, name, set()))}
    assert met == {"EWC 10,000"}


def test_lost_tickets_are_back_after_one_step_or_two_and_no_control_is_near(rows):
    for row in named(rows, "coming back", {0, 1}):
        lost = row["curves"]["tickets lost"]
        assert lost["0"] <= 0.2 and lost["2"] >= 0.9
        for name, curve in row["curves"].items():
            assert name == "tickets lost" or max(curve.values()) <= 0.2
