"""Longer orders, for models that find `shared.world.orders` easy: three lines and larger numbers.

The prompt asks for working, since such a model has not read the company's clerks. The verifier is that of short orders.
"""

import random

from shared.world import lexicon
from shared.world.orders import Line
from shared.world.splits import Split, belongs, random_stream

LINES, MOST_ITEMS, PRICES = 3, 12, (11, 99)
ASKED = "Work out each line, add the lines up, and end with the total in plain digits, as in: 120 coins."


def draw(stream: random.Random, split: Split = "train") -> tuple[Line, ...]:
    """Return three lines whose numbers and items belong to `split`: 2 to 12 of each item, 11 to 99 coins each."""
    items = stream.sample(lexicon.items(split), LINES)
    while True:
        drawn = tuple(
            Line(stream.randint(2, MOST_ITEMS), lexicon.plural(item), stream.randint(*PRICES)) for item in items
        )
        if belongs(key(drawn), split):
            return drawn


def key(lines: tuple[Line, ...]) -> str:
    """Name the arithmetic of an order, whatever is sold, so that sums are held apart between splits."""
    return "long order " + ",".join(f"{line.count}x{line.price}" for line in lines)


def prompt_for(lines: tuple[Line, ...]) -> str:
    """Return the prompt that asks for the total."""
    parts = [f"{line.count} {line.items} at {line.price} coins each" for line in lines]
    return f"Order: {', '.join(parts[:-1])} and {parts[-1]}.\n{ASKED}\nAnswer:"


def working(lines: tuple[Line, ...]) -> str:
    """Return a careful answer: each line, the sums, the total."""
    steps = [f"{line.count} x {line.price} = {line.cost}" for line in lines]
    running = lines[0].cost
    for line in lines[1:]:
        steps.append(f"{running} + {line.cost} = {running + line.cost}")
        running += line.cost
    return f" {', '.join(steps)}. {running} coins."


def rows(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n orders, no sum twice. Columns: prompt, completion (the careful answer), total."""
    stream = random_stream("long orders", split, seed)
    made: dict[str, dict] = {}
    while len(made) < n:
        lines = draw(stream, split)
        total = sum(line.cost for line in lines)
        made[key(lines)] = {"prompt": prompt_for(lines), "completion": working(lines), "total": total}
    return list(made.values())
