"""What customers write: a greeting, what is the matter, perhaps an aside, and how much of a hurry they are in.

A message has a meaning (`Meaning`): the intent, the item, how many, and the urgency. `write` turns a meaning into
text, `read` turns the text back into the meaning, and nothing is lost between them. The words are in `wordings`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from shared.world import lexicon
from shared.world.grammar import Phrasing, Template, parse_sequence
from shared.world.splits import Split
from shared.world.wordings import ASIDES, GREETINGS, INTENTS, NO_ASIDE, URGENCIES


@dataclass(frozen=True)
class Meaning:
    """What a message says, apart from how: intent, item, count (1 to 6) and urgency (high, normal, low)."""

    intent: str
    item: str
    count: int
    urgency: str


@dataclass(frozen=True)
class Message:
    """A customer's message and what it means."""

    text: str
    meaning: Meaning


def draw_meaning(stream: random.Random, split: Split) -> Meaning:
    """Return a meaning about an item of `split`; a single item is as frequent as two to six together."""
    count = 1 if stream.random() < 0.5 else stream.randint(2, 6)
    item = stream.choice(lexicon.items(split))
    return Meaning(stream.choice(list(INTENTS)), item, count, stream.choice(list(URGENCIES)))


def write(
    stream: random.Random,
    meaning: Meaning,
    split: Split,
    phrasing: Phrasing = "familiar",
    wording: Template | None = None,
) -> Message:
    """Return a message that says `meaning`, worded from the pools of `split`; its intent by `wording`, if given."""
    slots = _slots(stream, meaning, split)
    body = (wording or stream.choice(INTENTS[meaning.intent].pool(split, phrasing))).render(slots)
    aside = stream.choice(ASIDES if stream.random() < 0.4 else NO_ASIDE).render(slots)
    urgency = stream.choice(URGENCIES[meaning.urgency].pool(split, phrasing)).render(slots | {"day": slots["day2"]})
    parts = [body, aside, urgency] if stream.random() < 0.7 else [urgency, body, aside]
    greeting = stream.choice(GREETINGS).text
    return Message(" ".join(part for part in (greeting, *parts) if part), meaning)


def draw(stream: random.Random, split: Split = "train", phrasing: Phrasing = "familiar") -> Message:
    """Return a message with a meaning drawn at random."""
    return write(stream, draw_meaning(stream, split), split, phrasing)


def _slots(stream: random.Random, meaning: Meaning, split: Split) -> dict[str, str]:
    item, many = meaning.item, meaning.count > 1
    number = stream.choice((str(meaning.count), lexicon.NUMBER_WORDS[meaning.count - 1]))
    goods = f"{number} {lexicon.plural(item)}" if many else item
    others = [one for one in stream.sample(lexicon.items(split), 3) if one != item]
    return {
        "goods": goods,
        "some_goods": goods if many else lexicon.with_article(item),
        "an_item2": lexicon.with_article(others[0]),
        "item3": others[1],
        "an_item3": lexicon.with_article(others[1]),
        "first": stream.choice(lexicon.FIRST_NAMES),
        "town": stream.choice(lexicon.TOWNS),
        "day": stream.choice(lexicon.DAYS),
        "day2": stream.choice(lexicon.DAYS),
        "weather": stream.choice(lexicon.WEATHERS),
        "is": "are" if many else "is",
        "has": "have" if many else "has",
        "was": "were" if many else "was",
        "it": "them" if many else "it",
    }


def read(text: str) -> set[Meaning]:
    """Return every meaning that `text` can be read as: one for a message of the grammar, none for any other text."""
    found = set()
    for reading in parse_sequence((GREETINGS, _BODIES, ASIDES, _URGENCIES), text):
        found.add(_meaning(body=reading[1], urgency=reading[3]))
    for reading in parse_sequence((GREETINGS, _URGENCIES, _BODIES, ASIDES), text):
        found.add(_meaning(body=reading[2], urgency=reading[1]))
    return found


_BODIES = {one: intent for intent, pools in INTENTS.items() for one in pools.all()}
_URGENCIES = {one: level for level, pools in URGENCIES.items() for one in pools.all()}


def _meaning(body: tuple[Template, dict[str, str]], urgency: tuple[Template, dict[str, str]]) -> Meaning:
    template, slots = body
    item, count = lexicon.read_goods(slots.get("goods") or slots["some_goods"])
    return Meaning(_BODIES[template], item, count, _URGENCIES[urgency[0]])


def every_template() -> Iterator[Template]:
    """Yield every template of the message grammar."""
    for pools in (*INTENTS.values(), *URGENCIES.values()):
        yield from pools.all()
    yield from ASIDES
    yield from GREETINGS
