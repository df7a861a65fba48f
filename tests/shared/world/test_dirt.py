"""The dirty ticket set's ground truth is true."""

import json

from shared.world import rows, tickets
from shared.world.dirt import FLAWS

DIRTY = rows("dirty-tickets", "train", 2000)


def with_flaw(flaw: str) -> list[dict]:
    found = [row for row in DIRTY if row["flaws"] == [flaw]]
    assert len(found) > 20
    return found


def test_every_flaw_occurs_and_most_rows_are_unspoilt():
    assert {flaw for row in DIRTY for flaw in row["flaws"]} == set(FLAWS)
    assert 0.3 < sum(not row["flaws"] for row in DIRTY) / len(DIRTY) < 0.5
    assert len(DIRTY) == 2000


def test_clean_rows_are_right_and_distinct():
    clean = [row for row in DIRTY if not row["flaws"]]
    assert all(tickets.parse_ticket(row["completion"]) == row["ticket"] for row in clean)
    assert len({row["prompt"] for row in clean}) == len(clean)


def test_wrong_labels_are_valid_json_and_wrong():
    for row in with_flaw("wrong label"):
        ticket = tickets.parse_ticket(row["completion"])
        assert ticket and ticket != row["ticket"] and tuple(ticket) == tickets.FIELDS


def test_broken_json_does_not_parse():
    assert all(tickets.parse_ticket(row["completion"]) is None for row in with_flaw("broken JSON"))


def test_duplicates_name_their_original_and_near_ones_differ_from_it():
    prompts = {row["prompt"] for row in DIRTY if not row["flaws"]}
    for row in with_flaw("exact duplicate"):
        assert row["prompt"] == row["original"] and row["original"] in prompts
    for row in with_flaw("near duplicate"):
        assert row["prompt"] != row["original"] and row["original"] in prompts
        assert row["completion"] == " " + json.dumps(row["ticket"])


def test_leaked_rows_are_public_test_rows():
    test = {row["prompt"] for row in rows("tickets", "public", 200)}
    assert all(row["prompt"] in test for row in with_flaw("leaked"))
