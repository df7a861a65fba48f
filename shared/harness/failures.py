"""Ten failures to read: each counted as wrong by a harness, and not each the model's fault.

They are made by a program after faults that models and harnesses show, from a seed of the learner's own that is kept
beside the answers. Which is whose fault this module does not say (`autograder.rung_09_failures` works it out).
"""

import json
import random
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from shared.artifacts import Artifact, read_json, write_json
from shared.questions import LARGEST_SEED
from shared.training import work_folder
from shared.world import messages, orders, tickets

RUNG = "09"
FAILURES = "artifacts/failures.json"
COUNT = 10
CAUSES = {
    "model": "the answer is wrong",
    "parser": "the answer is right, and whole; the harness misread it",
    "budget": "the answer was cut off before it could end",
    "key": "the answer is right; what the test set calls right is not",
}


class FailureError(Exception):
    """An answer that is none. One line."""


class Failure(NamedTuple):
    """One failure as a log shows it: what was asked, written, read out of it by the harness, and expected."""

    name: str
    prompt: str
    text: str
    read: str
    expected: str


class FailuresRecord(Artifact):
    """`failures.json`: the seed that drew the ten, and a cause for each one's name."""

    rung: str
    seed: int = Field(ge=0, le=LARGEST_SEED)
    causes: dict[str, str]


def drawn(seed: int) -> list[Failure]:
    """Return the ten failures that this seed draws: each cause at least once, in an order that gives none away."""
    stream = random.Random(f"{RUNG}/failures/{seed}")
    kinds = [*_MAKERS, *stream.choices(list(_MAKERS), k=COUNT - len(_MAKERS))]
    stream.shuffle(kinds)
    return [
        Failure(name, *stream.choice(_MAKERS[kind])(stream)) for name, kind in zip("abcdefghij", kinds, strict=True)
    ]


def my_failures(*, work: Path | None = None) -> list[Failure]:
    """Return this learner's failures. The first call draws them, later ones find them again."""
    folder = work or work_folder(RUNG)
    if not (folder / FAILURES).exists():
        record = FailuresRecord(rung=RUNG, seed=secrets.randbelow(LARGEST_SEED), causes={})
        write_json(folder / FAILURES, record)
    return drawn(read_json(folder / FAILURES, FailuresRecord, within=folder).seed)


def save_causes(causes: Mapping[str, str | None], *, work: Path | None = None) -> None:
    """Keep a cause by failure's name beside the seed; None is one not read yet. Raises FailureError."""
    folder = work or work_folder(RUNG)
    mine = [one.name for one in my_failures(work=folder)]
    for name, cause in causes.items():
        if name not in mine:
            raise FailureError(f"causes: {name!r} is none of your failures; expected {', '.join(mine)}")
        if cause is not None and cause not in CAUSES:
            raise FailureError(f"causes: {name}: no cause {cause!r}; expected one of {', '.join(CAUSES)}")
    given = {name: cause for name, cause in causes.items() if cause is not None}
    seed = read_json(folder / FAILURES, FailuresRecord, within=folder).seed
    write_json(folder / FAILURES, FailuresRecord(rung=RUNG, seed=seed, causes=given))


Made = tuple[str, str, str, str]  # prompt, text, what the harness read, what the test set expects


def _order(stream: random.Random) -> orders.Order:
    while True:
        order = orders.draw(stream, "public")
        if order.total % 10 and order.total > 100:
            return order


def _letter(stream: random.Random) -> tuple[str, dict]:
    message = messages.draw(stream, "public")
    return tickets.prompt_for(message.text), tickets.ticket_of(message.meaning)


def _rounded(stream: random.Random) -> Made:
    order = _order(stream)
    wrong = (order.total + 5) // 10 * 10
    return orders.prompt_for(order), f" {wrong} coins.", str(wrong), str(order.total)


def _slip(stream: random.Random) -> Made:
    order = _order(stream)
    one, two = order.lines
    wrong = order.total + stream.choice((-10, 10, 100))
    text = (
        f" {one.count} x {one.price} = {one.cost}, {two.count} x {two.price} = {two.cost}, "
        f"{one.cost} + {two.cost} = {wrong}. {wrong} coins."
    )
    return orders.prompt_for(order), text, str(wrong), str(order.total)


def _wrong_field(stream: random.Random) -> Made:
    prompt, ticket = _letter(stream)
    field = stream.choice(("team", "priority"))
    others = tickets.TEAMS if field == "team" else tickets.PRIORITIES
    text = json.dumps({**ticket, field: stream.choice([one for one in others if one != ticket[field]])})
    return prompt, f" {text}", text, json.dumps(ticket)


def _first_number(stream: random.Random) -> Made:
    order = _order(stream)
    return orders.prompt_for(order), order.working, str(order.lines[0].count), str(order.total)


def _in_a_sentence(stream: random.Random) -> Made:
    order = _order(stream)
    text = stream.choice((" That makes {} coins in all.", " {} coins, thank you.", " The total is {} coins"))
    return orders.prompt_for(order), text.format(order.total), "nothing", str(order.total)


def _fenced(stream: random.Random) -> Made:
    prompt, ticket = _letter(stream)
    return prompt, f" ```json {json.dumps(ticket)} ```", "nothing", json.dumps(ticket)


def _other_order(stream: random.Random) -> Made:
    prompt, ticket = _letter(stream)
    text = json.dumps(dict(sorted(ticket.items())))
    return prompt, f" {text}", text, json.dumps(ticket)


def _cut_working(stream: random.Random) -> Made:
    order = _order(stream)
    text = order.working[: order.working.index("=", order.working.index("+"))]
    return orders.prompt_for(order), text.rstrip(), "nothing", str(order.total)


def _cut_ticket(stream: random.Random) -> Made:
    prompt, ticket = _letter(stream)
    text = json.dumps(ticket)
    end = text.index(', "priority"') + stream.choice((0, 12))
    return prompt, f" {text[:end]}", "nothing", text


def _wrong_total_in_the_key(stream: random.Random) -> Made:
    order = _order(stream)
    right = str(order.total)
    swapped = right[:-2] + right[-1] + right[-2]
    key = swapped if swapped != right and swapped[0] != "0" else str(order.total + 9)
    return orders.prompt_for(order), order.working, right, key


def _wrong_label_in_the_key(stream: random.Random) -> Made:
    prompt, ticket = _letter(stream)
    key = {**ticket, "team": stream.choice([team for team in tickets.TEAMS if team != ticket["team"]])}
    return prompt, f" {json.dumps(ticket)}", json.dumps(ticket), json.dumps(key)


_MAKERS: dict[str, tuple[Callable[[random.Random], Made], ...]] = {
    "model": (_rounded, _slip, _wrong_field),
    "parser": (_first_number, _in_a_sentence, _fenced, _other_order),
    "budget": (_cut_working, _cut_ticket),
    "key": (_wrong_total_in_the_key, _wrong_label_in_the_key),
}
