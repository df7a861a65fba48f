"""The ticket set as real life delivers it: duplicates, wrong labels, broken JSON, leaked test rows.

Each row carries the truth about itself in `flaws`, so that a cleaning pipeline can be scored; a learner's pipeline must
look at `prompt` and `completion` alone.
"""

import json
import random
from collections.abc import Callable

from shared.world import tickets
from shared.world.splits import Split, random_stream
from shared.world.wordings import GREETINGS

FLAWS = ("exact duplicate", "near duplicate", "wrong label", "broken JSON", "leaked")
# Of a hundred rows. The rest is clean.
_SHARES = {"exact duplicate": 18, "near duplicate": 12, "wrong label": 15, "broken JSON": 12, "leaked": 3}
_PUBLIC_TEST_ROWS = 200


def _duplicate(stream: random.Random, row: dict) -> dict:
    return dict(row)


def _near_duplicate(stream: random.Random, row: dict) -> dict:
    """The same message with another greeting and a changed full stop: other bytes, the same text to a reader."""
    body = row["prompt"].removeprefix("Message: ")
    for greeting in GREETINGS:
        if greeting.text:
            body = body.removeprefix(greeting.text + " ")
    other = stream.choice(("Hey!", "Hello again!", "To the shop:"))
    return row | {"prompt": f"Message: {other} {body}"}


def _wrong_label(stream: random.Random, row: dict) -> dict:
    ticket = dict(row["ticket"])
    field = stream.choice(("team", "priority", "count"))
    choices = {"team": tickets.TEAMS, "priority": tickets.PRIORITIES, "count": range(1, 7)}[field]
    ticket[field] = stream.choice([one for one in choices if one != ticket[field]])
    return row | {"completion": " " + json.dumps(ticket)}


def _broken_json(stream: random.Random, row: dict) -> dict:
    text = row["completion"]
    broken = (text[: stream.randint(5, len(text) - 2)], text.replace('"', "'"), f" The ticket is: {text.strip()}")
    return row | {"completion": stream.choice(broken)}


_SPOIL: dict[str, Callable[[random.Random, dict], dict]] = {
    "exact duplicate": _duplicate,
    "near duplicate": _near_duplicate,
    "wrong label": _wrong_label,
    "broken JSON": _broken_json,
}


def rows(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n rows in random order. Columns: prompt, completion, ticket (the right one), flaws, original.

    `flaws` is empty for a clean row. `original` is the prompt that a duplicate repeats, else None. Leaked rows are
    rows of the public test split (`rows("tickets", "public", 200)`).
    """
    stream = random_stream("dirty-tickets", split, seed)
    counts = {flaw: n * share // 100 for flaw, share in _SHARES.items()}
    clean = tickets.rows(split, n - sum(counts.values()), seed=stream.randrange(10**9))
    made = [row | {"flaws": [], "original": None} for row in clean]
    for flaw, spoil in _SPOIL.items():
        for row in (stream.choice(clean) for _ in range(counts[flaw])):
            repeats = row["prompt"] if "duplicate" in flaw else None
            made.append(spoil(stream, row) | {"flaws": [flaw], "original": repeats})
    test = tickets.rows("public", _PUBLIC_TEST_ROWS)
    made += [stream.choice(test) | {"flaws": ["leaked"], "original": None} for _ in range(counts["leaked"])]
    stream.shuffle(made)
    return made
