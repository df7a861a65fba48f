"""Rung 09's `paired_counts`: logs as harnesses leave them, and what a careful reader counts in them."""

import random
from typing import NamedTuple

from autograder.student_code import Answer, Call


class LogCase(NamedTuple):
    """Two logs about the same rows. Each row's answers are known as they are made, so the counts need no parser."""

    name: str
    before: list[list]
    after: list[list]
    right: list[int]
    counts: list[int]
    advice: str

    def call(self) -> Call:
        """Return the call of `paired_counts`."""
        return Call((self.before, self.after, self.right))


def _text(stream: random.Random, total: int, is_right: bool, kind: str) -> str:
    """Return an answer that ends on the total, or on another amount, or (unreadable) on none."""
    amount = total if is_right else total + stream.choice((-1, 1, 10))
    if kind == "working":
        first = total if not is_right and stream.random() < 0.5 else stream.randint(100, 999)
        return f" {stream.randint(2, 9)} at {first} coins each make {amount} coins."
    if kind == "none":
        return stream.choice((" I cannot say.", "{}", "", " coins"))
    return f" {amount} coins."


def _case(
    stream: random.Random, name: str, advice: str, *, kinds: tuple[str, ...], shuffle: bool, lost: int = 0
) -> LogCase:
    right = [stream.randint(200, 900) for _ in range(24)]
    logs, truths = [], []
    for _ in range(2):
        log, truth = [], []
        for row, total in enumerate(right):
            kind, hit = stream.choice(kinds), stream.random() < 0.5
            log.append([row, _text(stream, total, hit, kind)])
            truth.append(hit and kind != "none")
        for row in stream.sample(range(len(right)), lost):
            log[row], truth[row] = None, False
        log = [entry for entry in log if entry is not None]
        if shuffle:
            stream.shuffle(log)
        logs.append(log)
        truths.append(truth)
    return LogCase(name, *logs, right, counted(*truths), advice)


def counted(before: list[bool], after: list[bool]) -> list[int]:
    """Return [n, right before, right after, better, worse].

    By hand: before 0101, after 1011: four rows, 2 and 3 right, rows 0 and 2 better, row 1 worse.
    """
    pairs = list(zip(before, after, strict=True))
    return [len(pairs), sum(before), sum(after), pairs.count((False, True)), pairs.count((True, False))]


def order_cases(seed: int) -> list[LogCase]:
    """Return logs in another order each: rows must be paired by their numbers."""
    stream = random.Random(f"harness/{seed}")
    advice = "Batches finish in any order: pair rows by their number, not by their place in the list."
    return [_case(stream, "logs in different orders", advice, kinds=("plain",), shuffle=True) for _ in range(2)]


def unreadable_cases(seed: int) -> list[LogCase]:
    """Return logs with answers that hold no amount, and with lost rows: they are wrong, and they count."""
    stream = random.Random(f"harness unreadable/{seed}")
    advice = "An answer that cannot be read, or that is missing, is wrong: it stays in n, and in the other log's count."
    return [
        _case(stream, "unreadable answers", advice, kinds=("plain", "none"), shuffle=False),
        _case(stream, "lost rows", advice, kinds=("plain",), shuffle=False, lost=5),
        LogCase("empty logs", [], [], [5, 6], [2, 0, 0, 0, 0], advice),
    ]


def parser_cases(seed: int) -> list[LogCase]:
    """Return logs whose answers name other amounts before the total."""
    stream = random.Random(f"harness parser/{seed}")
    advice = "The answer is the last amount in the text, not the first."
    return [_case(stream, "answers with working", advice, kinds=("working", "plain"), shuffle=False)]


def all_cases(seed: int) -> list[LogCase]:
    """Return every case, in the order in which `paired_counts` is called."""
    return [*order_cases(seed), *unreadable_cases(seed), *parser_cases(seed)]


def fault_of(case: LogCase, answer: Answer) -> str | None:
    """Return what is wrong with an answer, or None."""
    if answer.kind == "error":
        return f"{case.name}: {answer.value}"
    if len(answer.values) != 5:
        return f"{case.name}: returned {answer.type_name}, expected five numbers"
    if answer.values != case.counts:
        given = [int(value) if value.is_integer() else value for value in answer.values]
        return f"{case.name}: {given}, right is {case.counts}"
    return None
