"""The wiki of the new shops: pages that nobody has shown the base, and the ways to ask what stands in them.

One page a shop, three sentences: its manager, its founder, its speciality. The base has met managers both in statements
and in questions, founders in statements only (`shared.world.facts`); neither of the shops on these pages.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from shared.artifacts import EvalEntry, fingerprint_rows
from shared.significance import wilson_interval
from shared.world import facts
from shared.world.facts import FOUNDER, MANAGER, RELATIONS, facts_of, fill, new_towns, question
from shared.world.splits import Split

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS = 12  # a name, a town or an item, and a little more
ASKED = ("manager", "founder")
# eval.json's metrics, and which rows they are shares of.
METRICS = {
    "wiki_words": "manager, the wiki's words",
    "question": "manager, as a question",
    "backwards": "manager, backwards",
    "known_managers": "known managers",
}


def pages(split: Split = "public", changed: Mapping[str, str] | None = None) -> list[str]:
    """Return the wiki, one page a new shop. `changed` gives some shops, by town, another manager."""
    changed = changed or {}
    return [_page(town, changed.get(town, facts_of(town)["manager"])) for town in new_towns(split)]


def _page(town: str, manager: str) -> str:
    slots = {relation.name: fill(relation, town) for relation in RELATIONS.values()}
    slots["manager"] = {"town": town, "name": manager}
    return " ".join(RELATIONS[name].statements.train[0].render(slots[name]) for name in RELATIONS)


def sentences(split: Split = "public", relations: Sequence[str] = ASKED) -> list[dict]:
    """Return the wiki's sentences as rows to train on: the prompt is the sentence up to the name that it gives."""
    return [_row(RELATIONS[name], town, 0) for name in relations for town in new_towns(split)]


def many_wordings(split: Split = "public") -> list[dict]:
    """Return each manager in every wording that ends with the name, and in every question: the answer is the name."""
    endings = [place for place, one in enumerate(MANAGER.statements.train) if one.text.endswith("{name}.")]
    rows = [_row(MANAGER, town, place) for place in endings for town in new_towns(split)]
    asked = [_asked(MANAGER, town, way) for way in range(len(MANAGER.questions.train)) for town in new_towns(split)]
    return rows + [{**row, "completion": f" {row['answer']}."} for row in asked]


def _row(relation: facts.Relation, town: str, wording: int) -> dict:
    slots = fill(relation, town)
    answer = slots[relation.slot]
    prompt = relation.statements.train[wording].render(slots).removesuffix(f" {answer}.")
    return {"prompt": prompt, "completion": f" {answer}.", "answer": answer, "town": town}


def ways_to_ask(split: Split = "public") -> dict[str, list[dict]]:
    """Return rows (prompt, answer) for each way to ask about the new shops: as the wiki says it, otherwise, backwards.

    The wiki says `The manager of the ... shop is`; the other wording is `The ... shop is managed by`.
    """
    towns = new_towns(split)
    return {
        "manager, the wiki's words": [_row(MANAGER, town, 0) for town in towns],
        "manager, other words": [_row(MANAGER, town, 4) for town in towns],
        "manager, as a question": [_asked(MANAGER, town) for town in towns],
        "manager, backwards": [_asked(MANAGER, town, backwards=True) for town in towns],
        "founder, the wiki's words": [_row(FOUNDER, town, 0) for town in towns],
        "founder, as a question": [_asked(FOUNDER, town) for town in towns],
    }


def _asked(relation: facts.Relation, town: str, way: int = 0, *, backwards: bool = False) -> dict:
    slots = fill(relation, town)
    pool = relation.reversed_questions if backwards else relation.questions
    answer = town if backwards else slots[relation.slot]
    return {"prompt": question(pool.train[way].render(slots)), "answer": answer, "town": town}


def with_page(prompt: str, page: str) -> str:
    """Return the prompt with a page before it, in the form in which the base has learnt to read."""
    return f"Passage: {page}\n{prompt}"


def is_answer(text: str, answer: str) -> bool:
    """Return whether the first sentence of a model's text holds the answer."""
    return answer in text.partition(".")[0]


def ask(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping]) -> list[bool]:
    """Return for each row (prompt, answer) whether the model's likeliest continuation gives the answer."""
    from shared.evaluation import generate

    prompts = [row["prompt"] for row in rows]
    texts = generate(model, tokenizer, prompts, max_new_tokens=TOKENS, stop_at_newline=True, progress=False)
    return [is_answer(text, row["answer"]) for text, row in zip(texts, rows, strict=True)]


def entries(
    asked: Mapping[str, Sequence[Mapping]], before: Mapping[str, Sequence[bool]], after: Mapping[str, Sequence[bool]]
) -> list[EvalEntry]:
    """Return eval.json's entries: for each of METRICS the share of right answers before and after training."""
    return [
        EvalEntry(
            task="facts",
            split="public",
            metric=metric,
            n=len(asked[name]),
            before=sum(before[name]) / len(asked[name]),
            after=sum(after[name]) / len(asked[name]),
            interval=wilson_interval(sum(after[name]), len(asked[name])),
            data_fingerprint=fingerprint_rows(asked[name]),
        )
        for metric, name in METRICS.items()
    ]
