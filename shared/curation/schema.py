"""Is the completion a ticket: one JSON object with the right keys and values, about something the message names?"""

from shared.world.tickets import FIELDS, PRIORITIES, TEAMS, parse_ticket


def schema_fault(prompt: str, completion: str) -> str | None:
    """Return the first reason why `completion` is no ticket for `prompt`, or None when it may be one.

    In this order: "not JSON" (white space around the object is fine), "keys" (all four, no other, in any order),
    "team" and "priority" (one of the known words), "count" (a whole number from 1 to 6; True is none), "item" (words
    that the prompt holds). Whether team, count and priority are *right* is a question for another step.
    """
    ticket = parse_ticket(completion)
    if ticket is None:
        return "not JSON"
    if set(ticket) != set(FIELDS):
        return "keys"
    allowed = {
        "team": ticket["team"] in TEAMS,
        "priority": ticket["priority"] in PRIORITIES,
        "count": type(ticket["count"]) is int and 1 <= ticket["count"] <= 6,
        "item": isinstance(ticket["item"], str) and _named(ticket["item"], prompt),
    }
    return next((field for field, fine in allowed.items() if not fine), None)


def _named(item: str, prompt: str) -> bool:
    """Return whether the prompt names the item, in singular or plural ("knife" is in "knives" but for its end)."""
    return bool(item.strip()) and item.removesuffix("fe") in prompt
