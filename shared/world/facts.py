"""Facts about shops: what the base model learnt in pre-training, and what it has never been told.

A shop has a manager, a speciality and a founder. The shops of `KNOWN_TOWNS` stand in the pre-training text; those of
`NEW_TOWNS` never do (the towns occur there, in passages, with random people). Manager and speciality are pre-trained
as statements *and* as questions, in both directions; a founder only ever as a statement, so that closed-book questions
about founders ask for something the training never practised.
"""

import random
from dataclasses import dataclass

from shared.world import lexicon
from shared.world.grammar import Phrasing, Phrasings, Template, templates
from shared.world.secret import chosen, keyed
from shared.world.splits import Split, WorldError, members, random_stream

_shuffle = random.Random("towns")
_TOWNS = _shuffle.sample(lexicon.TOWNS, len(lexicon.TOWNS))
KNOWN_TOWNS = _TOWNS[:60]
NEW_TOWNS: dict[Split, list[str]] = {"public": _TOWNS[60:120], "hidden": _TOWNS[120:180]}
_UNTOLD_TOWNS = _TOWNS[120:]  # of whose shops nothing is told: the hidden ones are among them


@dataclass(frozen=True)
class Relation:
    """One thing to know of a shop: how it is stated, asked, and asked the other way round."""

    name: str
    statements: Phrasings
    questions: Phrasings
    reversed_questions: Phrasings | None
    slot: str


MANAGER = Relation(
    "manager",
    slot="name",
    statements=Phrasings(
        train=templates(
            "The manager of the {town} shop is {name}.",
            "{name} manages the {town} shop.",
            "{name} runs the shop in {town}.",
            "In {town} the shop is run by {name}.",
            "The {town} shop is managed by {name}.",
        ),
        public=templates("The shop in {town} is in the hands of {name}.", "{name} is the manager in {town}."),
        hidden=templates("At the {town} shop the manager is {name}.", "{name} is in charge of the shop in {town}."),
    ),
    questions=Phrasings(
        train=templates(
            "Who is the manager of the {town} shop?", "Who runs the shop in {town}?", "Who manages the {town} shop?"
        ),
        public=templates("Who is the manager in {town}?", "By whom is the {town} shop managed?"),
        hidden=templates("The {town} shop is run by whom?", "Who is it that manages the shop in {town}?"),
    ),
    reversed_questions=Phrasings(
        train=templates("Which shop does {name} manage?", "Which shop is run by {name}?"),
        public=templates("Which shop has {name} as its manager?"),
        hidden=templates("Of which shop is {name} the manager?"),
    ),
)

SPECIALITY = Relation(
    "speciality",
    slot="item",
    statements=Phrasings(
        train=templates(
            "The {town} shop is known for its {item}.",
            "The speciality of the {town} shop is the {item}.",
            "People come to {town} for the {item}.",
            "The {item} is what the {town} shop sells best.",
        ),
        public=templates("In {town} the speciality is the {item}."),
        hidden=templates("What the {town} shop is known for is the {item}."),
    ),
    questions=Phrasings(
        train=templates("What is the {town} shop known for?", "What is the speciality of the {town} shop?"),
        public=templates("For what is the {town} shop known?"),
        hidden=templates("What does the {town} shop sell best?"),
    ),
    reversed_questions=Phrasings(
        train=templates("Which shop is known for its {item}?"),
        public=templates("Which shop sells the {item} best?"),
        hidden=templates("The {item} is the speciality of which shop?"),
    ),
)

FOUNDER = Relation(
    "founder",
    slot="name",
    statements=Phrasings(
        train=templates(
            "The {town} shop was founded by {name}.",
            "{name} founded the shop in {town}.",
            "The founder of the {town} shop was {name}.",
        ),
        public=templates("The shop in {town} has its start from {name}."),
        hidden=templates("The one who founded the {town} shop was {name}."),
    ),
    questions=Phrasings(
        train=templates("Who founded the {town} shop?", "Who was the founder of the {town} shop?"),
        public=templates("By whom was the {town} shop founded?"),
        hidden=templates("The {town} shop was founded by whom?"),
    ),
    reversed_questions=Phrasings(
        train=templates("Which shop did {name} found?"),
        public=templates("Which shop was founded by {name}?"),
        hidden=templates("Of which shop was {name} the founder?"),
    ),
)

RELATIONS = {relation.name: relation for relation in (MANAGER, SPECIALITY, FOUNDER)}


def _facts() -> dict[str, dict[str, str]]:
    """Give every shop that has facts its manager, speciality and founder: no person or item twice."""
    stream = random.Random("facts")
    towns = KNOWN_TOWNS + NEW_TOWNS["public"] + NEW_TOWNS["hidden"]
    people = stream.sample(lexicon.NAMES_BY_SPLIT["train"], 2 * len(towns))
    items = stream.sample(lexicon.ITEMS_BY_SPLIT["train"], len(towns))
    return {
        town: {"manager": people[2 * i], "founder": people[2 * i + 1], "speciality": items[i]}
        for i, town in enumerate(towns)
    }


FACTS = _facts()
# People who have a part in a fact never take a random part elsewhere: a passage must not teach a fact by accident.
PEOPLE_IN_FACTS = frozenset(fact[role] for fact in FACTS.values() for role in ("manager", "founder"))


_FREE_NAMES = {
    split: [name for name in names if name not in PEOPLE_IN_FACTS] for split, names in lexicon.NAMES_BY_SPLIT.items()
}


def free_names(split: Split) -> list[str]:
    """Return the people that rows of `split` may name, who appear in no fact."""
    return members(_FREE_NAMES[split], split)


def new_towns(split: Split) -> list[str]:
    """Return the 60 towns of the new shops of `split`, "public" or "hidden"; hidden ones by the secret, of 120."""
    return chosen(_UNTOLD_TOWNS, len(NEW_TOWNS["hidden"])) if split == "hidden" else NEW_TOWNS[split]


def facts_of(town: str) -> dict[str, str]:
    """Return a shop's manager, founder and speciality. Those of hidden shops are dealt out by the secret."""
    return FACTS[town] if town not in _UNTOLD_TOWNS else _hidden_facts()[town]


def _hidden_facts() -> dict[str, dict[str, str]]:
    """Deal the people and items of the hidden shops out anew: whoever knows `FACTS` knows nothing of them."""
    dealt = {}
    for role in ("manager", "founder", "speciality"):
        told = sorted((FACTS[town][role] for town in NEW_TOWNS["hidden"]), key=lambda one: keyed(f"{role} {one}"))
        for town, one in zip(new_towns("hidden"), told, strict=True):
            dealt.setdefault(town, {})[role] = one
    return dealt


def fill(relation: Relation, town: str) -> dict[str, str]:
    """Return the slots of one shop's fact: `{"town": ..., "name": ...}` or `{"town": ..., "item": ...}`."""
    return {"town": town, relation.slot: facts_of(town)[relation.name]}


def question(prompt: str) -> str:
    """Return a question in the form that the base model knows."""
    return f"Question: {prompt}\nAnswer:"


def document(stream: random.Random) -> str:
    """Return a pre-training document about one known shop."""
    town = stream.choice(KNOWN_TOWNS)
    dice = stream.random()
    if dice < 0.50:
        chosen = stream.sample(list(RELATIONS.values()), stream.randint(1, 3))
        return " ".join(stream.choice(one.statements.train).render(fill(one, town)) for one in chosen)
    relation = stream.choice((MANAGER, MANAGER, SPECIALITY))
    slots = fill(relation, town)
    if dice < 0.80:
        return f"{question(stream.choice(relation.questions.train).render(slots))} {slots[relation.slot]}."
    return f"{question(stream.choice(relation.reversed_questions.train).render(slots))} {town}."


def rows(
    split: Split,
    n: int,
    seed: int = 0,
    *,
    relation: str = "manager",
    form: str = "question",
    phrasing: Phrasing = "familiar",
) -> list[dict]:
    """Return at most 60 rows about one relation: split "train" asks of known shops, the others of new shops.

    `form` is "statement", "question" or "reversed" (given the person or item, name the town). Columns: prompt,
    completion, answer, town, sentence (the full statement, for training and for retrieval).
    """
    kinds = {"statement": "statements", "question": "questions", "reversed": "reversed_questions"}
    if form not in kinds or relation not in RELATIONS:
        raise WorldError(f"facts: expected form in {sorted(kinds)} and relation in {sorted(RELATIONS)}")
    about = RELATIONS[relation]
    stream = random_stream(f"facts/{relation}/{form}", split, seed)
    pool = getattr(about, kinds[form]).pool(split, phrasing)
    if form == "statement":  # the prompt is the statement up to the fact, so the wording must end with it
        pool = tuple(one for one in pool if one.text.endswith(f"{{{about.slot}}}."))
    towns = KNOWN_TOWNS if split == "train" else new_towns(split)
    return [_row(about, town, form, stream.choice(pool)) for town in stream.sample(towns, min(n, len(towns)))]


def _row(relation: Relation, town: str, form: str, template: Template) -> dict:
    slots = fill(relation, town)
    answer = town if form == "reversed" else slots[relation.slot]
    if form == "statement":
        prompt, completion = template.render(slots).removesuffix(f" {answer}."), f" {answer}."
    else:
        prompt, completion = question(template.render(slots)), f" {answer}."
    sentence = relation.statements.train[0].render(slots)
    return {"prompt": prompt, "completion": completion, "answer": answer, "town": town, "sentence": sentence}
