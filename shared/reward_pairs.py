"""Preference pairs to learn a reward from: two replies to one letter, and who says which of them is better.

As in the world's own pairs (`shared.world.replies`), the two differ in one thing, the tone, the item or the action;
here they differ in nothing else, word for word. A learner of rewards may be fooled by what merely comes along, so small
talk can be added to either reply, by chance.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.world import lexicon, messages, random_stream
from shared.world.replies import ACTIONS, Content, Contrast, content_for, draw_action, prompt_for, write
from shared.world.splits import Split

CONTRASTS: tuple[Contrast, ...] = ("tone", "item", "action")
TRAINED: tuple[Contrast, ...] = ("tone", "item")  # the contrasts of the training pairs; no label is about the third

# The contrasts of each part of `hard_first`, and its pairs: 60 and 50 batches of 16.
PARTS: tuple[tuple[tuple[Contrast, ...], int], ...] = ((("item",), 960), (TRAINED, 800))

# Small talk answers nothing. Its words are familiar to the pocket model; none of them is an item.
SMALL_TALK = (
    "There was {weather} in {town} on {day}.",
    "{first} from the shop was in {town} on {day}.",
    "The road from {town} to {other_town} is long.",
    "{first} and {other} walked to {town}.",
)
MOST_TALK = 2  # sentences that a reply may get

# The simulated people: nats in favour of the better reply, and of each word by which a reply is the longer.
QUALITY, A_WORD = 2.0, 0.3


def pairs(
    split: Split, n: int, seed: int = 0, *, contrasts: Sequence[Contrast] = CONTRASTS, small_talk: bool = False
) -> list[dict]:
    """Return n preference pairs, the contrasts in turn. Columns: prompt, chosen, rejected, contrast.

    "tone": the right promise, polite against curt. "item", "action": the same tone (either, at random), the right
    promise against one of another item or another action. With `small_talk`, each reply gets none to MOST_TALK
    sentences of it, whichever reply it is. Items of another split never occur.
    """
    stream = random_stream(f"reward-pairs/{'-'.join(contrasts)}/{small_talk}", split, seed)
    drawn = [_pair(stream, split, contrasts[place % len(contrasts)]) for place in range(n)]
    return [with_talk(stream, row) for row in drawn] if small_talk else drawn


def hard_first(seed: int = 0, *, small_talk: bool = False) -> list[dict]:
    """Return training pairs to be learnt from in their order: the hard contrast alone, then both of TRAINED.

    Tone is told by a phrase; whether the item is the letter's, only by reading both. In short
    trial runs on both mixed, the tone was learnt in a few steps and the item not at all.
    """
    return [
        row
        for place, (contrasts, size) in enumerate(PARTS)
        for row in pairs("train", size, len(PARTS) * seed + place, contrasts=contrasts, small_talk=small_talk)
    ]


def _pair(stream: random.Random, split: Split, contrast: Contrast) -> dict:
    message = messages.draw(stream, split)
    right = content_for(message.meaning)
    wrong = right if contrast == "tone" else _other(stream, right, contrast, split)
    tones = ("polite", "curt") if contrast == "tone" else (stream.choice(("polite", "curt")),) * 2
    promise, words = stream.random(), stream.random()  # both replies draw the same wording of both
    chosen, rejected = (
        write(random.Random(words), draw_action(random.Random(promise), content), tone)
        for content, tone in zip((right, wrong), tones, strict=True)
    )
    return {"prompt": prompt_for(message), "chosen": chosen, "rejected": rejected, "contrast": contrast}


def _other(stream: random.Random, content: Content, contrast: Contrast, split: Split) -> Content:
    if contrast == "item":
        return replace(content, item=stream.choice([one for one in lexicon.items(split) if one != content.item]))
    return replace(content, intent=stream.choice([one for one in ACTIONS if one != content.intent]))


def with_talk(stream: random.Random, row: Mapping) -> dict:
    """Return the pair with none to MOST_TALK sentences of small talk after each reply, drawn for each apart."""
    extra = {name: row[name] + draw_talk(stream, stream.randint(0, MOST_TALK)) for name in ("chosen", "rejected")}
    return {**row, **extra}


def draw_talk(stream: random.Random, sentences: int) -> str:
    """Return so many sentences of small talk, each with a leading space."""
    return "".join(" " + stream.choice(SMALL_TALK).format(**_slots(stream)) for _ in range(sentences))


def _slots(stream: random.Random) -> dict[str, str]:
    town, other_town = stream.sample(lexicon.TOWNS, 2)
    first, other = stream.sample(lexicon.FIRST_NAMES, 2)
    names = {"town": town, "other_town": other_town, "first": first, "other": other}
    return {**names, "weather": stream.choice(lexicon.WEATHERS), "day": stream.choice(lexicon.DAYS)}


def twins(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n pairs of one reply with itself and one or two sentences of small talk. Columns: prompt, short, long.

    Neither is better: whoever prefers one of them goes by length.
    """
    stream = random_stream("reward-twins", split, seed)
    made = []
    for row in pairs(split, n, seed):
        reply = row[stream.choice(("chosen", "rejected"))]
        longer = reply + draw_talk(stream, stream.randint(1, MOST_TALK))
        made.append({"prompt": row["prompt"], "short": reply, "long": longer})
    return made


def wordy(split: Split, n: int, seed: int = 0) -> list[dict]:
    """Return n pairs of TRAINED contrasts whose worse reply is the longer, by its small talk."""
    drawn = pairs(split, 8 * n, seed, contrasts=TRAINED, small_talk=True)
    return [row for row in drawn if longer_by(row) < 0][:n]


def longer_by(row: Mapping) -> int:
    """Return by how many words the chosen reply is longer than the rejected one."""
    return len(row["chosen"].split()) - len(row["rejected"].split())


def labelled_by_people(pairs: Sequence[Mapping], seed: int = 0) -> list[dict]:
    """Return the pairs as simulated people label them: fond of length, and sometimes wrong.

    A label is a draw from Bradley and Terry's model with the reward QUALITY for the better reply and A_WORD for each
    word: P(better is chosen) = sigmoid(QUALITY + A_WORD * words by which it is longer).
    """
    stream = random_stream("reward-people", "train", seed)
    return [dict(row) if stream.random() < _sides_with(row) else swapped(row) for row in pairs]


def _sides_with(row: Mapping) -> float:
    return 1 / (1 + math.exp(-QUALITY - A_WORD * longer_by(row)))


def swapped(row: Mapping) -> dict:
    """Return the pair with its label turned round."""
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}


def balanced(pairs: Sequence[Mapping]) -> list[dict]:
    """Return as many pairs as possible in which length says nothing: for each difference in words as many pairs whose
    chosen reply is the longer as the shorter, and all whose replies are equally long; in their order."""
    differences = [longer_by(row) for row in pairs]
    room = {size: min(differences.count(size), differences.count(-size)) for size in set(differences)}
    kept = []
    for row, size in zip(pairs, differences, strict=True):
        if room[size]:
            room[size] -= 1
            kept.append(dict(row))
    return kept
