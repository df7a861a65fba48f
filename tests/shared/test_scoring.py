"""One ticket and every way to get it wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.scoring import FAILURE_KINDS, exact_ticket, failure_kind, matching_fields, valid_json
from shared.world import rows

TICKET = {"team": "billing", "item": "copper stove", "count": 1, "priority": "low"}


def text(**changes):
    return json.dumps(TICKET | changes)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (text(), "correct"),
        ("  " + text() + "\n", "correct"),
        (json.dumps(dict(reversed(TICKET.items()))), "correct"),
        ("", "not-json"),
        (text() + "}", "not-json"),
        (text()[:-1], "not-json"),
        (f"[{text()}]", "not-json"),
        ("null", "not-json"),
        ("[" * 100_000, "not-json"),
        ("{}", "wrong-keys"),
        (text(note="x"), "wrong-keys"),
        (json.dumps({key: TICKET[key] for key in ("team", "item", "count")}), "wrong-keys"),
        (text(team="Billing"), "wrong-team"),
        (text(team=None, item="", count=0, priority=0), "wrong-team"),
        (text(item="copper  stove", count=9), "wrong-item"),
        (text(count=2, priority="high"), "wrong-count"),
        (text(count=True), "wrong-count"),
        (text(count=1.0), "wrong-count"),
        (text(count="1"), "wrong-count"),
        (text(priority="high"), "wrong-priority"),
    ],
)
def test_the_first_fault_names_the_failure(answer, kind):
    assert failure_kind(answer, TICKET) == kind
    assert exact_ticket(answer, TICKET) == (kind == "correct")
    assert valid_json(answer) == (kind != "not-json")


def test_fields_are_scored_one_by_one():
    assert matching_fields(text(count=True), TICKET) == {
        "team": True,
        "item": True,
        "count": False,
        "priority": True,
    }
    assert matching_fields('{"team": "billing", "more": 1}', TICKET) == {
        "team": True, "item": False, "count": False, "priority": False,
    }  # fmt: skip
    assert not any(matching_fields("no", TICKET).values())


@given(st.text(max_size=40))
def test_any_text_has_a_kind(answer):
    assert failure_kind(answer, TICKET) in FAILURE_KINDS


def test_the_worlds_own_completions_are_right():
    for row in rows("tickets", "train", 50):
        assert exact_ticket(row["completion"], row["ticket"])
