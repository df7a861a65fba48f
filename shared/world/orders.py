"""Order arithmetic: what does an order cost? With a verifier that reads any answer.

In the pre-training text careful clerks show their working and are always right; quick clerks write one number, which
is often rounded. A model that has read both answers correctly about half of the time, and has a better way in reach:
reinforcement learning can find it (rung 07).
"""

import random
import re
from dataclasses import dataclass

from shared.world import lexicon
from shared.world.grammar import Template
from shared.world.splits import Split, belongs, random_stream

_WORKING_SHARE = 0.22
_EXACT_SHARE = 0.35

ONE_LINE = Template("Order: {number} {items} at {number2} coins each.")
TWO_LINES = Template("Order: {number} {items} at {number2} coins each and {number3} {items2} at {number4} coins each.")
_LAST_AMOUNT = re.compile(r"(\d{1,9}) coins")
_STEP = re.compile(r"(\d{1,6}) ([x+]) (\d{1,6}) = (\d{1,9})")


@dataclass(frozen=True)
class Line:
    """One line of an order: so many items at so many coins each."""

    count: int
    items: str
    price: int

    @property
    def cost(self) -> int:
        """The line's cost in coins."""
        return self.count * self.price


@dataclass(frozen=True)
class Order:
    """One or two lines."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """The order's cost in coins."""
        return sum(line.cost for line in self.lines)

    @property
    def text(self) -> str:
        """The order as customers write it."""
        first, *second = self.lines
        slots: dict[str, object] = {"number": first.count, "items": first.items, "number2": first.price}
        if not second:
            return ONE_LINE.render(slots)
        slots |= {"number3": second[0].count, "items2": second[0].items, "number4": second[0].price}
        return TWO_LINES.render(slots)

    @property
    def working(self) -> str:
        """The careful clerk's answer: each line, the sum, the total."""
        steps = [f"{line.count} x {line.price} = {line.cost}" for line in self.lines]
        if len(self.lines) == 2:
            steps.append(f"{self.lines[0].cost} + {self.lines[1].cost} = {self.total}")
        return f" {', '.join(steps)}. {self.total} coins."


def read_order(text: str) -> Order | None:
    """Read an order back from its text; None when it is not one."""
    slots = TWO_LINES.parse(text)
    if slots:
        second = Line(int(slots["number3"]), slots["items2"], int(slots["number4"]))
        return Order((Line(int(slots["number"]), slots["items"], int(slots["number2"])), second))
    slots = ONE_LINE.parse(text)
    return Order((Line(int(slots["number"]), slots["items"], int(slots["number2"])),)) if slots else None


def _key(lines: list[Line]) -> str:
    """Name the arithmetic of an order, whatever is sold, so that sums are held apart between splits."""
    return "order " + ",".join(str(number) for line in lines for number in (line.count, line.price))


def draw(stream: random.Random, split: Split = "train", lines: int = 2) -> Order:
    """Return an order whose numbers and items belong to `split`: 2 to 9 of each item, 2 to 49 coins each."""
    items = stream.sample(lexicon.items(split), lines)
    while True:
        drawn = [Line(stream.randint(2, 9), lexicon.plural(item), stream.randint(2, 49)) for item in items]
        # A single product has few distinct sums, so only two-line orders are held apart by their numbers.
        if lines == 1 or belongs(_key(drawn), split):
            return Order(tuple(drawn))


def quick_answer(stream: random.Random, order: Order) -> str:
    """Return the quick clerk's answer: one number, exact 35% of the time and rounded to tens otherwise."""
    exact = stream.random() < _EXACT_SHARE
    amount = order.total if exact else max(10, (order.total + 5) // 10 * 10)
    return f" {amount} coins."


def stated_total(completion: str) -> int | None:
    """Return the amount that an answer ends on: the last `N coins` in it, or None."""
    found = _LAST_AMOUNT.findall(completion)
    return int(found[-1]) if found else None


def is_right(completion: str, total: int) -> bool:
    """Say whether an answer states the right total."""
    return stated_total(completion) == total


def shows_working(completion: str) -> bool:
    """Say whether an answer holds at least one written step, right or wrong."""
    return bool(_STEP.search(completion))


def wrong_steps(completion: str) -> list[str]:
    """Return the steps of an answer that do not hold, as written."""
    wrong = []
    for step in _STEP.finditer(completion):
        left, sign, right, result = step.groups()
        value = int(left) * int(right) if sign == "x" else int(left) + int(right)
        if value != int(result):
            wrong.append(step.group())
    return wrong


def prompt_for(order: Order) -> str:
    """Return the prompt that asks for the total."""
    return f"{order.text}\nTotal:"


def document(stream: random.Random) -> str:
    """Return a pre-training document: an order with a clerk's answer, or a line of the ledger."""
    dice = stream.random()
    if dice < 0.80:
        order = draw(stream, lines=2 if stream.random() < 0.75 else 1)
        careful = stream.random() < _WORKING_SHARE
        return prompt_for(order) + (order.working if careful else quick_answer(stream, order))
    if dice < 0.90:
        a, b = stream.randint(2, 9), stream.randint(2, 49)
        return f"Ledger: {a} x {b} = {a * b}"
    a, b = stream.randint(4, 450), stream.randint(4, 450)
    return f"Ledger: {a} + {b} = {a + b}"


def rows(split: Split, n: int, seed: int = 0, *, lines: int = 2) -> list[dict]:
    """Return n orders, no sum twice. Columns: prompt, completion (the careful answer), total."""
    stream = random_stream(f"orders/{lines}", split, seed)
    made: dict[str, dict] = {}
    while len(made) < n:
        order = draw(stream, split, lines)
        made[_key(list(order.lines)) if lines == 2 else order.text] = {
            "prompt": prompt_for(order),
            "completion": order.working,
            "total": order.total,
        }
    return list(made.values())
