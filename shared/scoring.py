"""Score one ticket: plain functions of a model's text and the right ticket, no library needed.

Checkers and `shared.metrics` both use these, so that there is one definition of right.
"""

from typing import Literal, get_args

from shared.world.tickets import FIELDS, parse_ticket

FailureKind = Literal["correct", "not-json", "wrong-keys", "wrong-team", "wrong-item", "wrong-count", "wrong-priority"]
FAILURE_KINDS: tuple[str, ...] = get_args(FailureKind)


def valid_json(text: str) -> bool:
    """Return whether `text` is one JSON object, with nothing around it but white space."""
    return parse_ticket(text) is not None


def failure_kind(text: str, ticket: dict) -> FailureKind:
    """Return the first fault of `text` against the right `ticket`, in FAILURE_KINDS' order, or "correct".

    "not-json" also covers JSON that is not an object. "wrong-keys" means a key is missing or there is one
    too many; the order of the keys is free. Values count with their types: "2" is not 2, and True is not 1.
    """
    answer = parse_ticket(text)
    if answer is None:
        return "not-json"
    if set(answer) != set(FIELDS):
        return "wrong-keys"
    for field in FIELDS:
        if not _same(answer[field], ticket[field]):
            return f"wrong-{field}"
    return "correct"


def exact_ticket(text: str, ticket: dict) -> bool:
    """Return whether `text` is the right `ticket`: every field, with its type, and nothing else."""
    return failure_kind(text, ticket) == "correct"


def matching_fields(text: str, ticket: dict) -> dict[str, bool]:
    """Return field -> whether `text` has it right. Text that is no JSON object has every field wrong."""
    answer = parse_ticket(text) or {}
    return {field: field in answer and _same(answer[field], ticket[field]) for field in FIELDS}


def _same(found: object, right: object) -> bool:
    """Return whether two JSON values agree in type and value. (In Python alone, True == 1 == 1.0.)"""
    return type(found) is type(right) and found == right
