"""Documents that show a task by example: two to four worked cases, then the next is predictable.

They teach the base model to follow a pattern given in its prompt, so that prompting is a real rival to fine-tuning
(rung 01). The record's keys, order and notation change with each document, so only the examples tell what is wanted.
None is about customers' messages.
"""

import json
import random
from collections.abc import Callable

from shared.world import facts, lexicon, reading, sorting

_HEADS = (("Note", "Record"), ("Line", "Entry"), ("Text", "Form"), ("Input", "Output"))
# Other names for what a slot holds, so that a record's keys must be read off the examples.
_KEYS = {
    "name": ("name", "who", "person"),
    "items": ("item", "goods", "thing"),
    "number": ("count", "number", "amount"),
    "day": ("day", "when", "date"),
    "role": ("role", "work", "job"),
    "town": ("town", "place", "where"),
}

Case = tuple[str, str]


def _slots(stream: random.Random) -> dict[str, str]:
    item = stream.choice(lexicon.ITEMS_BY_SPLIT["train"])
    return {
        "name": stream.choice(_NAMES),
        "items": lexicon.plural(item),
        "item": item,
        "number": str(stream.randint(2, 9)),
        "day": stream.choice(lexicon.DAYS),
        "role": stream.choice(lexicon.ROLES),
        "town": stream.choice(lexicon.TOWNS),
    }


_NAMES = facts.free_names("train")


def _records(stream: random.Random) -> Callable[[], Case]:
    """A sentence into a record: JSON or a plain list, with its own keys in its own order."""
    pool, slots = stream.choice(
        ((reading.ORDERED, ("name", "number", "items", "day")), (reading.WORKS, ("name", "role", "town")))
    )
    chosen = stream.sample(slots, stream.randint(2, len(slots)))
    keys = [stream.choice(_KEYS[slot]) for slot in chosen]
    as_json = stream.random() < 0.5

    def case() -> Case:
        values = _slots(stream)
        sentence = stream.choice(pool.train).render(values)
        found: list[str | int] = [int(values[s]) if s == "number" else _value(values, s) for s in chosen]
        record = json.dumps(dict(zip(keys, found))) if as_json else "; ".join(str(one) for one in found)
        return sentence, record

    return case


def _value(values: dict[str, str], slot: str) -> str:
    return values["item"] if slot == "items" else values[slot]


def _lists(stream: random.Random) -> Callable[[], Case]:
    """A list of labels into its first, its last, itself reversed, or itself in order."""
    changes: list[Callable[[list[str]], str]] = [
        lambda labels: labels[0],
        lambda labels: labels[-1],
        lambda labels: ", ".join(reversed(labels)),
        lambda labels: ", ".join(sorted(labels)),
    ]
    change = stream.choice(changes)

    def case() -> Case:
        labels = sorting.draw(stream, size=stream.randint(3, 5))
        return ", ".join(labels), change(labels)

    return case


def _labels(stream: random.Random) -> Callable[[], Case]:
    """A sentence into one of two labels, told apart by what the sentence is about."""
    names = stream.sample(lexicon.NOUNS, 2)
    pools = (reading.ORDERED.train, reading.WORKS.train)

    def case() -> Case:
        kind = stream.randrange(2)
        return stream.choice(pools[kind]).render(_slots(stream)), names[kind]

    return case


def document(stream: random.Random) -> str:
    """Return a pre-training document: three to five cases of one pattern."""
    case = stream.choices((_records, _lists, _labels), (6, 2, 2))[0](stream)
    given, wanted = stream.choice(_HEADS)
    cases = [case() for _ in range(stream.randint(3, 5))]
    return "\n".join(f"{given}: {text}\n{wanted}: {answer}" for text, answer in cases)
