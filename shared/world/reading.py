"""Reading comprehension: a short passage, and questions that only the passage can answer.

The towns, people and items of a passage are thrown together anew each time, so memory is of no use. One question in
seven asks about something the passage does not say; the right answer is then `UNANSWERABLE`.
"""

import random
from dataclasses import dataclass

from shared.world import facts, lexicon
from shared.world.facts import FOUNDER, MANAGER, SPECIALITY, Relation
from shared.world.grammar import Phrasing, Phrasings, Template, templates
from shared.world.splits import Split, random_stream

UNANSWERABLE = "The passage does not say."
_UNANSWERABLE_SHARE = 1 / 7

ORDERED = Phrasings(
    train=templates("{name} ordered {number} {items} on {day}.", "On {day} {name} ordered {number} {items}."),
    public=templates("{number} {items} were ordered by {name} on {day}."),
    hidden=templates("The {number} {items} that {name} ordered came on {day}."),
)
WORKS = Phrasings(
    train=templates("{name} works as a {role} in {town}.", "{name} is a {role} from {town}."),
    public=templates("In {town} {name} works as a {role}."),
    hidden=templates("{name} of {town} is a {role}."),
)
# Each question names the slot that answers it.
ORDER_QUESTIONS = {
    "number": templates("How many {items} did {name} order?"),
    "day": templates("When did {name} order the {items}?", "On which day did {name} order the {items}?"),
    "name": templates("Who ordered the {items}?"),
}
WORK_QUESTIONS = {
    "role": templates("What is the work of {name}?"),
    "town": templates("Where does {name} work?"),
    "name": templates("Who works in {town}?"),
}


@dataclass(frozen=True)
class Question:
    """A question about a passage, with its answer and the kind of knowledge that it asks for."""

    text: str
    answer: str
    kind: str


@dataclass(frozen=True)
class Passage:
    """Sentences in the order in which they stand, and every question that one may ask of them."""

    sentences: tuple[str, ...]
    questions: tuple[Question, ...]

    @property
    def text(self) -> str:
        """The passage as the model reads it."""
        return "Passage: " + " ".join(self.sentences)


@dataclass(frozen=True)
class Cast:
    """The entities that a passage may use."""

    towns: list[str]
    names: list[str]
    items: list[str]


def cast(split: Split) -> Cast:
    """Return the entities that passages of `split` may use."""
    towns = lexicon.TOWNS if split == "train" else facts.new_towns(split)
    return Cast(towns, facts.free_names(split), lexicon.items(split))


def _about_shop(stream: random.Random, relation: Relation, slots: dict, split: Split, phrasing: Phrasing):
    statement = stream.choice(relation.statements.pool(split, phrasing)).render(slots)
    direct = stream.choice(relation.questions.pool(split, phrasing)).render(slots)
    back = stream.choice(relation.reversed_questions.pool(split, phrasing)).render(slots)
    return statement, [
        Question(direct, slots[relation.slot], relation.name),
        Question(back, slots["town"], f"{relation.name} reversed"),
    ]


def _about_person(
    stream: random.Random, pool: tuple[Template, ...], asked: dict[str, tuple[Template, ...]], slots: dict
):
    statement = stream.choice(pool).render(slots)
    return statement, [Question(stream.choice(ask).render(slots), slots[key], key) for key, ask in asked.items()]


_KINDS = ("manager", "speciality", "founder", "order", "work")
_WEIGHTS = (30, 22, 16, 16, 16)


def _sentence(stream: random.Random, kind: str, slots: dict, split: Split, phrasing: Phrasing):
    if kind == "order":
        return _about_person(stream, ORDERED.pool(split, phrasing), ORDER_QUESTIONS, slots)
    if kind == "work":
        return _about_person(stream, WORKS.pool(split, phrasing), WORK_QUESTIONS, slots)
    return _about_shop(stream, facts.RELATIONS[kind], slots, split, phrasing)


def passage(
    stream: random.Random, split: Split = "train", phrasing: Phrasing = "familiar", sentences: int | None = None
) -> Passage:
    """Return a passage of two to five sentences (or of `sentences`) with every question that it answers.

    Four passages in ten hold a single kind of statement, so that "the only manager in sight" is no shortcut.
    """
    entities = cast(split)
    size = sentences or stream.randint(2, 5)
    only = stream.choice(_KINDS) if stream.random() < 0.4 else None
    towns, names, items = (stream.sample(pool, size) for pool in (entities.towns, entities.names, entities.items))
    written, asked = [], []
    for town, name, item in zip(towns, names, items):
        slots = {"town": town, "name": name, "item": item, "items": lexicon.plural(item)}
        slots |= {
            "number": str(stream.randint(2, 9)),
            "day": stream.choice(lexicon.DAYS),
            "role": stream.choice(lexicon.ROLES),
        }
        kind = only or stream.choices(_KINDS, _WEIGHTS)[0]
        statement, questions = _sentence(stream, kind, slots, split, phrasing)
        written.append(statement)
        asked.extend(questions)
    return Passage(tuple(written), tuple(asked))


def unanswerable(stream: random.Random, given: Passage, split: Split, phrasing: Phrasing = "familiar") -> Question:
    """Return a question of a familiar kind about a shop that `given` never mentions."""
    town = stream.choice([town for town in cast(split).towns if town not in given.text])
    relation = stream.choice((MANAGER, SPECIALITY, FOUNDER))
    text = stream.choice(relation.questions.pool(split, phrasing)).render({"town": town})
    return Question(text, UNANSWERABLE.removesuffix("."), "unanswerable")


def document(stream: random.Random) -> str:
    """Return a pre-training document: a passage followed by three to six answered questions."""
    given = passage(stream)
    chosen = stream.sample(given.questions, min(len(given.questions), stream.randint(3, 6)))
    lines = [given.text]
    for one in chosen:
        if stream.random() < _UNANSWERABLE_SHARE:
            one = unanswerable(stream, given, "train")
        lines.append(f"{facts.question(one.text)} {one.answer}.")
    return "\n".join(lines)


def rows(
    split: Split, n: int, seed: int = 0, *, phrasing: Phrasing = "familiar", answerable: bool = True
) -> list[dict]:
    """Return n rows: a passage and one question. Columns: prompt, completion, answer, kind."""
    stream = random_stream(f"reading/{phrasing}/{answerable}", split, seed)
    made = []
    for _ in range(n):
        given = passage(stream, split, phrasing)
        one = stream.choice(given.questions) if answerable else unanswerable(stream, given, split, phrasing)
        prompt = f"{given.text}\n{facts.question(one.text)}"
        made.append({"prompt": prompt, "completion": f" {one.answer}.", "answer": one.answer, "kind": one.kind})
    return made
