"""Whose fault is a failure? Worked out from the failure itself, by readers of the world that no model has a part in."""

import json
import re
from collections.abc import Sequence

from shared.harness.failures import Failure
from shared.world import messages, orders
from shared.world.tickets import ticket_of

LEAST_RIGHT = 8  # of ten


def cause_of(failure: Failure) -> str:
    """Return "model", "parser", "budget" or "key".

    The prompt alone says what is right. If the test set says otherwise, the key is at fault; if a patient reader finds
    the right answer in the text, the parser is; if the text breaks off, the budget is; else the model is.
    """
    ticket_task = failure.prompt.startswith("Message: ")
    right = _right_ticket(failure.prompt) if ticket_task else _right_total(failure.prompt)
    expected = json.loads(failure.expected)
    if expected != right:
        return "key"
    found = _ticket_in(failure.text) if ticket_task else orders.stated_total(failure.text)
    if found == right:
        return "parser"
    return "budget" if _breaks_off(failure.text, ticket_task) else "model"


def right_causes(failures: Sequence[Failure]) -> dict[str, str]:
    """Return the cause of each failure by its name."""
    return {failure.name: cause_of(failure) for failure in failures}


def _right_total(prompt: str) -> int:
    return orders.read_order(prompt.removesuffix("\nTotal:")).total


def _right_ticket(prompt: str) -> dict:
    (meaning,) = messages.read(prompt.removeprefix("Message: ").removesuffix("\nTicket:"))
    return ticket_of(meaning)


def _ticket_in(text: str) -> dict | None:
    found = re.search(r"\{.*\}", text)
    return json.loads(found[0]) if found else None


def _breaks_off(text: str, ticket_task: bool) -> bool:
    return "}" not in text if ticket_task else "coins" not in text
