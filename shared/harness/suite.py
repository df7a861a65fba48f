"""The course's suite: did it learn the task, does that carry over, and what did it cost?

One target, three held-out generalizations and five older skills, each a task of the pocket world that any base is asked
in the same words.
"""

import random

from shared.harness.task import Row, Task
from shared.scoring import exact_ticket
from shared.world import orders, prose, random_stream, replies, rows, sorting
from shared.world.splits import Split
from shared.world.tickets import prompt_for

TICKET_TOKENS = 48
TRAIN_SEED = 0  # of the rows that the notebook trains on; the target's rows are drawn with other seeds


def course_suite(split: Split = "public", n: int = 200, seed: int = 1) -> list[Task]:
    """Return the nine tasks, n rows each, from `split`: "public" for learners, "hidden" for graders.

    The target is asked on known products in letters of its own seed; everything else on items, people, sums and
    wordings that belong to `split`, of which no training row knows any. Raises ValueError for the training rows' seed.
    """
    if seed == TRAIN_SEED:
        raise ValueError(f"seed {seed} draws the training rows; a test needs another one")
    known = rows("tickets", "train", n, seed)
    new = rows("tickets", split, n, seed)
    unseen = rows("tickets", split, n, seed, phrasing="unseen")
    return [
        Task("tickets", "target", known, "exact ticket", TICKET_TOKENS, _ticket),
        Task("new products", "generalization", new, "exact ticket", TICKET_TOKENS, _ticket),
        Task("unseen wording", "generalization", unseen, "exact ticket", TICKET_TOKENS, _ticket),
        Task("longer letters", "generalization", longer(new, split, seed), "exact ticket", TICKET_TOKENS, _ticket),
        *general_tasks(split, n, seed),
    ]


def general_tasks(split: Split, n: int, seed: int) -> list[Task]:
    """Return what the base could do before anybody wrote tickets."""
    return [
        Task("reading", "general", rows("reading", split, n, seed, phrasing="unseen"), "answer", 16, _answer),
        Task("order totals", "general", rows("orders", split, n, seed), "right total", 56, _total),
        Task("sorting", "general", rows("sorting", split, n, seed), "exact order", 40, _order),
        Task("replies", "general", rows("replies", split, n, seed), "right promise", 64, _promise),
        Task("stories", "general", stories(split, n, seed), "probability per token", 0),
    ]


def longer(tickets: list[dict], split: Split, seed: int) -> list[dict]:
    """Return the tickets' letters with three sentences of a story put before what the customer wants.

    The story names people, items and numbers that the ticket must not pick up; the right ticket stays the same.
    """
    stream = random_stream("longer letters", split, seed)
    return [{**row, "prompt": prompt_for(_with_story(row["prompt"], stream, split))} for row in tickets]


def _with_story(prompt: str, stream: random.Random, split: Split) -> str:
    letter = prompt.removeprefix("Message: ").removesuffix("\nTicket:")
    sentences = prose.story(stream, split).replace('."', '."|').replace(". ", ".|").split("|")
    return " ".join([*(one.strip() for one in sentences[:3]), letter])


def stories(split: Split, n: int, seed: int) -> list[dict]:
    """Return stories cut after their first sentence: the rest is to be read, and its tokens predicted."""
    made = []
    for row in rows("prose", split, n, seed):
        first, _, rest = row["completion"].partition(". ")
        made.append({"prompt": f"{first}.", "completion": f" {rest}"})
    return made


def _ticket(text: str, row: Row) -> float:
    return float(exact_ticket(text, row["ticket"]))


def _answer(text: str, row: Row) -> float:
    return float(text.strip().rstrip(".") == row["answer"])


def _total(text: str, row: Row) -> float:
    return float(orders.is_right(text, row["total"]))


def _order(text: str, row: Row) -> float:
    return float(sorting.is_right(text, row["labels"]))


def _promise(text: str, row: Row) -> float:
    promise = replies.promised(text)
    return float(promise is not None and promise == replies.promised(str(row["chosen"])))
