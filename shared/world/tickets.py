"""From a customer's message to a ticket: the task that the course fine-tunes on.

A ticket is a JSON object with four keys in a fixed order: which team shall handle the message, which item it is about,
how many, and how urgent it is. Pre-training text holds neither this format nor the way from intent to team: that is
what fine-tuning has to teach. Each word of a ticket does occur there, in other kinds of card.
"""

import json
from dataclasses import replace

from shared.world import messages
from shared.world.grammar import Phrasing
from shared.world.messages import Meaning, Message
from shared.world.splits import Split, random_stream
from shared.world.wordings import INTENTS

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

# By split, an intent and the place in its unseen wordings of one that models trained on the training rows get wrong,
# nearly always and whatever the seed (shared/measured/hidden.json): only who has been taught the wording has it right.
HARD = {"public": {"refund": 0, "late": 2, "wrong": 3}, "hidden": {"exchange": 0, "late": 0, "broken": 0}}


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
        row = _row(messages.draw(stream, split, phrasing))
        made[row["prompt"]] = row
    return list(made.values())


def hard_rows(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n rows as `rows` does, of "public" or "hidden", all in the split's hard wordings (`HARD`)."""
    stream = random_stream("tickets/hard", split, seed)
    made: dict[str, dict] = {}
    while len(made) < n:
        for intent, place in HARD[split].items():
            meaning = replace(messages.draw_meaning(stream, split), intent=intent)
            wording = INTENTS[intent].pool(split, "unseen")[place]
            row = _row(messages.write(stream, meaning, split, wording=wording))
            made[row["prompt"]] = row
    return list(made.values())[:n]


def _row(message: Message) -> dict:
    ticket = ticket_of(message.meaning)
    return {"prompt": prompt_for(message.text), "completion": " " + json.dumps(ticket), "ticket": ticket}
