"""From a customer's message to a ticket: the task that the course fine-tunes on.

A ticket is a JSON object with four keys in a fixed order: which team shall handle the message, which item it is about,
how many, and how urgent it is. Pre-training text holds neither this format nor the way from intent to team: that is
what fine-tuning has to teach. Each word of a ticket does occur there, in other kinds of card.
"""

import json

from shared.world import messages
from shared.world.grammar import Phrasing
from shared.world.messages import Meaning
from shared.world.splits import Split, random_stream

TEAM_OF = {
    "refund": "billing",
    "exchange": "exchange",
    "late": "delivery",
    "broken": "repairs",
    "wrong": "packing",
    "question": "advice",
}
TEAMS = tuple(TEAM_OF.values())
PRIORITIES = ("high", "normal", "low")
FIELDS = ("team", "item", "count", "priority")


def ticket_of(meaning: Meaning) -> dict[str, str | int]:
    """Return the one right ticket for a message of this meaning."""
    return {
        "team": TEAM_OF[meaning.intent],
        "item": meaning.item,
        "count": meaning.count,
        "priority": meaning.urgency,
    }


def parse_ticket(text: str) -> dict | None:
    """Return the JSON object that `text` holds, or None when it is not exactly one JSON object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def prompt_for(message: str) -> str:
    """Return the prompt that asks for a ticket."""
    return f"Message: {message}\nTicket:"


def rows(split: Split, n: int, seed: int = 0, *, phrasing: Phrasing = "familiar") -> list[dict]:
    """Return n rows, no message twice. Columns: prompt, completion, ticket."""
    stream = random_stream(f"tickets/{phrasing}", split, seed)
    made: dict[str, dict] = {}
    while len(made) < n:
        message = messages.draw(stream, split, phrasing)
        ticket = ticket_of(message.meaning)
        prompt = prompt_for(message.text)
        made[prompt] = {"prompt": prompt, "completion": " " + json.dumps(ticket), "ticket": ticket}
    return list(made.values())
