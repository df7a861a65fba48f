"""General text: short stories, the shop's logs, cards in JSON, and rules."""

import json
import random

from shared.world import facts, lexicon
from shared.world.grammar import Template, templates
from shared.world.splits import Split, random_stream
from shared.world.tickets import PRIORITIES, TEAMS

OPENINGS = templates(
    "On {day} {first} walked from {town} to {town2} in the {weather}.",
    "{name} is a {role} who lives in {town}.",
    "It was {day} and the {weather} came early to {town}.",
    "Once {first} the {role} set out for {town} with {an_item}.",
    "The road from {town} to {town2} is long in the {weather}.",
    "Every {part_of_day} {first} walks down to {town} to look for work.",
)
MIDDLES = templates(
    "{first} carried {an_item} and {an_item2}.",
    "At the shop {first} met {name2}, who wanted {an_item}.",
    "The {item} was old, but {first} liked it.",
    '"Is the {item} heavy?" asked {first2}.',
    '"I will take the {item2}," said {first}.',
    "{first2} paid {number} coins for the {item2}.",
    "The {weather} was so strong that {first2} lost {an_item2}.",
    "They looked for the {item} all {part_of_day}.",
    '"You should buy a new {noun}," said {first2}.',
    "{first2} helped {first} to carry the {item}.",
    "The clerk put the {item} in a box and wrote the name of {first} on it.",
    "A {noun} made of {material} would be better, thought {first2}.",
    "A ticket for the boat to {town2} cost {number} coins.",
)
ENDINGS = templates(
    "In the end {first} went home to {town} with the {item}.",
    "{first} and {first2} laughed and shared a cup of tea.",
    "That night the {item} kept {first} safe from the {weather}.",
    "{first2} never forgot that day in {town2}.",
    "So the {item} stayed in {town2}.",
)
LOG_LINE = Template("{day}, {name}, {number} {items}, {state}")
RULES = templates(
    "Rule: {items} may be sent back within {number} days.",
    "Rule: {items} are not sold on {day}.",
    "Rule: {items} may be swapped within {number} days if the box is closed.",
    "Rule: an order of more than {number} {items} is sent on {day}.",
)
STATES = ("paid", "sent", "held", "late")
SIZES = ("small", "large", "heavy")


def _slots(stream: random.Random, split: Split) -> dict[str, object]:
    name, name2 = stream.sample(facts.free_names(split), 2)
    town, town2 = stream.sample(lexicon.TOWNS, 2)
    item, item2 = stream.sample(lexicon.items(split), 2)
    return {
        **{"name": name, "name2": name2, "first": name.split()[0], "first2": name2.split()[0]},
        **{"town": town, "town2": town2, "item": item, "item2": item2, "items": lexicon.plural(item)},
        **{"an_item": lexicon.with_article(item), "an_item2": lexicon.with_article(item2)},
        **{"material": stream.choice(lexicon.MATERIALS), "noun": item.split()[1], "number": stream.randint(2, 49)},
        **{"weather": stream.choice(lexicon.WEATHERS), "day": stream.choice(lexicon.DAYS)},
        **{"role": stream.choice(lexicon.ROLES), "part_of_day": stream.choice(lexicon.PARTS_OF_DAY)},
    }


def story(stream: random.Random, split: Split = "train") -> str:
    """Return a story of four to seven sentences about two people and two items."""
    slots = _slots(stream, split)
    chosen = [stream.choice(OPENINGS), *stream.sample(MIDDLES, stream.randint(2, 5)), stream.choice(ENDINGS)]
    return " ".join(one.render(slots) for one in chosen)


def log(stream: random.Random) -> str:
    """Return one to four lines of the shop's log."""
    lines = []
    for _ in range(stream.randint(1, 4)):
        slots = _slots(stream, "train") | {"state": stream.choice(STATES), "number": stream.randint(1, 9)}
        lines.append(LOG_LINE.text.format_map(slots))
    return "Log: " + "; ".join(lines) + "."


def rule(stream: random.Random) -> str:
    """Return one of the shop's rules."""
    return stream.choice(RULES).render(_slots(stream, "train"))


def card(stream: random.Random) -> str:
    """Return a JSON card: stock, duty or parcel.

    Each word of a ticket (its keys, the teams, the priorities) occurs in some card, never two of a ticket's keys
    together but for item and count, and never after a customer's message.
    """
    slots = _slots(stream, "train")
    kind = stream.choice(("Stock", "Duty", "Parcel"))
    if kind == "Stock":
        record = {"item": slots["item"], "count": stream.randint(1, 99), "size": stream.choice(SIZES)}
    elif kind == "Duty":
        record = {"team": stream.choice(TEAMS), "name": slots["name"], "day": slots["day"]}
    else:
        record = {"name": slots["name"], "town": slots["town"], "priority": stream.choice(PRIORITIES)}
    return f"{kind}: {json.dumps(record)}"


def notice(stream: random.Random) -> str:
    """Return a log, a card or a rule: the shop's papers."""
    return stream.choices((log, card, rule), (25, 50, 25))[0](stream)


def rows(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n stories with people and items of `split`. Columns: prompt (empty), completion."""
    stream = random_stream("prose", split, seed)
    return [{"prompt": "", "completion": story(stream, split)} for _ in range(n)]
