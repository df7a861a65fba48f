"""Rung 05's `ticket_fault`: rows with one fault each, made afresh from right ones, and the edges of the exercise."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.criteria import Finding
from autograder.student_code import Answer, Call


@dataclass(frozen=True)
class FaultCase:
    """One row and the right verdict on it."""

    name: str
    prompt: str
    completion: str
    right: str | None
    advice: str = ""

    def call(self) -> Call:
        """Return the call of `ticket_fault`."""
        return Call((self.prompt, self.completion))


def plain_cases(rows: Sequence[Mapping], seed: int) -> list[FaultCase]:
    """Return right rows, and rows with one plain fault each."""
    stream = random.Random(f"ticket-fault/{seed}")
    cases = [FaultCase("a right row", row["prompt"], row["completion"], None) for row in rows]
    row = rows[0]
    text, ticket = row["completion"], row["ticket"]
    broken = {
        "cut off": text[: stream.randint(5, len(text) - 2)],
        "single quotes": text.replace('"', "'"),
        "words before": f" The ticket is: {text.strip()}",
        "words behind": f"{text} Thank you.",
        "two objects": text + text,
        "nothing": "",
    }
    cases += [FaultCase(name, row["prompt"], words, "not JSON") for name, words in broken.items()]
    dropped = stream.choice(list(ticket))
    changed = {
        "keys": [{key: value for key, value in ticket.items() if key != dropped}, {**ticket, "note": "soon"}],
        "team": [{**ticket, "team": "lawyers"}],
        "priority": [{**ticket, "priority": "urgent"}],
        "count": [{**ticket, "count": 0}, {**ticket, "count": 7}, {**ticket, "count": "2"}],
        "item": [{**ticket, "item": "golden harp"}],
    }
    for right, tickets in changed.items():
        cases += [_case(f"a fault in {right}", row, one, right) for one in tickets]
    return cases


def edge_cases(rows: Sequence[Mapping]) -> list[FaultCase]:
    """Return the edges that the exercise names."""
    row = rows[0]
    ticket = row["ticket"]
    first = "The first fault in the exercise's order counts."
    knife = {**ticket, "item": "steel knife", "count": 2}
    knives = {"prompt": "Message: The two steel knives came broken.\nTicket:"}
    return [
        _case("keys in another order", row, dict(reversed(ticket.items())), None, "The order of keys is free."),
        FaultCase("white space around", row["prompt"], f"\n {row['completion']} \n", None),
        _case("True as a count", row, {**ticket, "count": True}, "count", "type(True) is int is false."),
        _case("2.0 as a count", row, {**ticket, "count": 2.0}, "count", "A whole number is an int."),
        _case("nothing as a count", row, {**ticket, "count": None}, "count"),
        _case("a list as a team", row, {**ticket, "team": ["billing"]}, "team", "Values can have any type."),
        _case("an object as a priority", row, {**ticket, "priority": {}}, "priority", "Values can have any type."),
        _case("a number as an item", row, {**ticket, "item": 3}, "item", "Values can have any type."),
        _case("an empty item", row, {**ticket, "item": ""}, "item", "Every text holds the empty one."),
        _case("another case", row, {**ticket, "item": ticket["item"].upper()}, "item", "As it is written."),
        _case("an irregular plural", knives, knife, None, "The prompt may say 'knives'."),
        _case("two faults", row, {**ticket, "team": "lawyers", "count": 9}, "team", first),
        _case("two faults again", row, {**ticket, "priority": "soon", "item": "harp"}, "priority", first),
        FaultCase("a list", row["prompt"], "[1, 2]", "not JSON", "It is JSON, but no object."),
        FaultCase("a number", row["prompt"], "3", "not JSON", "It is JSON, but no object."),
        FaultCase("very deep", row["prompt"], "[" * 50_000, "not JSON", "parse_ticket never raises."),
    ]


def _case(name: str, row: Mapping, ticket: Mapping, right: str | None, advice: str = "") -> FaultCase:
    return FaultCase(name, row["prompt"], " " + json.dumps(ticket), right, advice)


def judge_cases(cases: Sequence[FaultCase], answers: Sequence[Answer], expected: str) -> Finding:
    """Return the finding on a learner's verdicts: the first that is wrong, or that all are right."""
    for case, answer in zip(cases, answers, strict=True):
        if answer.kind == "error":
            return Finding(False, f"{case.name}: {answer.value}", expected, case.advice, "It must never raise.")
        if answer.kind != "value" or answer.value != case.right or isinstance(answer.value, bool):
            got = repr(answer.value) if answer.kind == "value" else answer.type_name
            return Finding(False, f"{case.name}: {got}, right is {case.right!r}", expected, case.advice)
    return Finding(True, f"right on {len(cases)} rows", expected)
