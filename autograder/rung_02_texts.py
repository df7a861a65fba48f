"""Rung 02's `failure_kind`: the texts it is asked about, and the kinds that are right."""

import json
import random
from dataclasses import dataclass

from autograder.student_code import Call
from shared.scoring import FAILURE_KINDS, failure_kind


@dataclass(frozen=True)
class TextCase:
    """One text for `failure_kind`, with the ticket it should be, the kinds that are right, and why."""

    text: str
    ticket: dict
    right: tuple[str, ...]
    advice: str

    def call(self) -> Call:
        """Return the call that passes this text and its ticket."""
        return Call((self.text, self.ticket))


def kind_cases(rows: list[dict], seed: int) -> list[TextCase]:
    """Return one plain text for each kind of failure and each of `rows` (tickets)."""
    stream = random.Random(seed)
    cases = []
    for row in rows:
        ticket, text = row["ticket"], row["completion"]
        texts = [
            (text, "This text is the right ticket."),
            (text[: stream.randrange(5, len(text) - 1)], "Cut off in the middle, this is not JSON."),
            ("Thank you for your message.", "This text is not JSON."),
            (_written(ticket, drop=stream.choice(list(ticket))), "A key is missing."),
            (_written(ticket, note="please hurry"), "There is a key too many."),
            (_written(ticket, team="archive"), "Only the team is wrong."),
            (_written(ticket, item="wooden spoon"), "Only the item is wrong."),
            (_written(ticket, count=ticket["count"] + 1), "Only the count is wrong."),
            (_written(ticket, priority="someday"), "Only the priority is wrong."),
        ]
        cases += [TextCase(text, ticket, (failure_kind(text, ticket),), advice) for text, advice in texts]
    return cases


def text_edge_cases(row: dict) -> list[TextCase]:
    """Return the edge cases that the exercise names, around the ticket of `row`."""
    ticket = dict(row["ticket"], count=1)
    reordered = dict(reversed(ticket.items()))
    twice = _written(ticket)[:-1] + f', "count": {ticket["count"]}}}'
    texts = [
        (json.dumps(reordered, indent=1), "The order of keys and white space do not matter."),
        ("", "An empty text is not JSON."),
        ("[" * 100_000, "Thousands of nested brackets raise RecursionError: that is not JSON either."),
        ("[" + _written(ticket) + "]", "A JSON list is no JSON object."),
        ('"ticket"', "A JSON string is no JSON object."),
        (_written(ticket) + " Thank you!", "Text after the JSON makes it not JSON."),
        ("{}", "All keys are missing."),
        (_written(ticket, count=True), "In Python True == 1, but true is no count: compare the type too."),
        (_written(ticket, count="1"), 'The text "1" is not the number 1.'),
        (_written(ticket, team=["delivery"]), "A value may be of any JSON type."),
        (_written(ticket, item="wooden spoon", priority="someday"), "Name the first fault in the given order."),
        (_written(ticket, drop="item", team="archive"), "Wrong keys come before wrong values."),
    ]
    cases = [TextCase(text, ticket, (failure_kind(text, ticket),), advice) for text, advice in texts]
    return [*cases, TextCase(twice, ticket, FAILURE_KINDS, "A key that stands twice: any kind will do, but no error.")]


def _written(ticket: dict, drop: str | None = None, **changes: object) -> str:
    """Return the ticket as JSON with some values changed or added, or one key left out."""
    return json.dumps({key: value for key, value in {**ticket, **changes}.items() if key != drop})
