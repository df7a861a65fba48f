"""Pairs of replies for a judge: right against wrong in equal length, and short against long of equal content."""

import random

from shared.harness.judge import Pair
from shared.world import messages, random_stream, replies, rows
from shared.world.splits import Split


def right_and_wrong(split: Split = "public", n: int = 100, seed: int = 0) -> list[Pair]:
    """Return pairs in one tone and one wording, of which one promises what another letter would need."""
    made = rows("replies", split, n, seed, contrast="action")
    return [Pair(row["prompt"], row["chosen"], row["rejected"]) for row in made]


def short_and_long(split: Split = "public", n: int = 100, seed: int = 0) -> list[Pair]:
    """Return pairs that make the same right promise in the same tone: `good` in one sentence, `bad` with stock
    sentences around it. Neither is better: a judge without a taste for length would take each about as often."""
    stream = random_stream("short and long", split, seed)
    return [_same_promise(stream, split) for _ in range(n)]


def _same_promise(stream: random.Random, split: Split) -> Pair:
    message = messages.draw(stream, split)
    manner = replies.MANNERS[stream.choice(("polite", "curt"))]
    action = replies.draw_action(stream, replies.content_for(message.meaning))
    short = stream.choice(manner.frames).format(action=action)
    long = f"{stream.choice(manner.openings).text} {short} {stream.choice(manner.closings).text}"
    return Pair(replies.prompt_for(message), f" {short}", f" {long}")
