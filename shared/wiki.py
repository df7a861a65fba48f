"""The wiki of the new shops: pages that nobody has shown the base, and the ways to ask what stands in them.

One page a shop, three sentences: its manager, its founder, its speciality. The base has met managers both in statements
and in questions, founders in statements only (`shared.world.facts`); neither of the shops on these pages.
"""

from collections.abc import Mapping, Sequence

from shared.world import facts
from shared.world.facts import FACTS, FOUNDER, MANAGER, NEW_TOWNS, RELATIONS, fill, question
from shared.world.splits import Split

ASKED = ("manager", "founder")


def pages(split: Split = "public", changed: Mapping[str, str] | None = None) -> list[str]:
    """Return the wiki, one page a new shop. `changed` gives some shops, by town, another manager."""
    changed = changed or {}
    return [_page(town, changed.get(town, FACTS[town]["manager"])) for town in NEW_TOWNS[split]]


def _page(town: str, manager: str) -> str:
    slots = {relation.name: fill(relation, town) for relation in RELATIONS.values()}
    slots["manager"] = {"town": town, "name": manager}
    return " ".join(RELATIONS[name].statements.train[0].render(slots[name]) for name in RELATIONS)


def sentences(split: Split = "public", relations: Sequence[str] = ASKED) -> list[dict]:
    """Return the wiki's sentences as rows to train on: the prompt is the sentence up to the name that it gives."""
    return [_row(RELATIONS[name], town, 0) for name in relations for town in NEW_TOWNS[split]]


def _row(relation: facts.Relation, town: str, wording: int) -> dict:
    slots = fill(relation, town)
    answer = slots[relation.slot]
    prompt = relation.statements.train[wording].render(slots).removesuffix(f" {answer}.")
    return {"prompt": prompt, "completion": f" {answer}.", "answer": answer, "town": town}


def ways_to_ask(split: Split = "public") -> dict[str, list[dict]]:
    """Return rows (prompt, answer) for each way to ask about the new shops: as the wiki says it, otherwise, backwards.

    The wiki says `The manager of the ... shop is`; the other wording is `The ... shop is managed by`.
    """
    towns = NEW_TOWNS[split]
    return {
        "manager, the wiki's words": [_row(MANAGER, town, 0) for town in towns],
        "manager, other words": [_row(MANAGER, town, 4) for town in towns],
        "manager, as a question": [_asked(MANAGER, town, backwards=False) for town in towns],
        "manager, backwards": [_asked(MANAGER, town, backwards=True) for town in towns],
        "founder, the wiki's words": [_row(FOUNDER, town, 0) for town in towns],
        "founder, as a question": [_asked(FOUNDER, town, backwards=False) for town in towns],
    }


def _asked(relation: facts.Relation, town: str, *, backwards: bool) -> dict:
    slots = fill(relation, town)
    pool = relation.reversed_questions if backwards else relation.questions
    answer = town if backwards else slots[relation.slot]
    return {"prompt": question(pool.train[0].render(slots)), "answer": answer, "town": town}


def with_page(prompt: str, page: str | None) -> str:
    """Return the prompt with a page before it, in the form in which the base has learnt to read."""
    return f"Passage: {page or ''}\n{prompt}"


def is_answer(text: str, answer: str) -> bool:
    """Return whether the model's first sentence is the answer, a full stop aside."""
    return text.strip().partition(".")[0].strip() == answer
