"""How the shop answers: the same content in a polite or a curt tone, and pairs of answers to prefer between.

In pre-training text the two tones are even. A preference pair differs in one thing only: its tone, the item that it is
about, or the action that it promises; the judge functions below tell the three apart by reading the reply back.
"""

import random
from dataclasses import dataclass
from typing import Literal

from shared.world import lexicon, messages
from shared.world.grammar import Phrasing, Template, parse_sequence, templates
from shared.world.messages import Meaning, Message
from shared.world.splits import Split, WorldError, random_stream

Tone = Literal["polite", "curt"]
Contrast = Literal["tone", "item", "action"]

# What is promised, by intent; {when} answers the urgency.
ACTIONS: dict[str, tuple[Template, ...]] = {
    "refund": templates("your coins for the {item} will be sent back {when}", "the {item} will be refunded {when}"),
    "exchange": templates("another {item} will be sent {when}", "you can swap the {item} at the shop {when}"),
    "late": templates("the {item} will reach you {when}", "the box with the {item} will arrive {when}"),
    "broken": templates("a whole {item} will replace the broken one {when}", "the {item} will be repaired {when}"),
    "wrong": templates("the right {item} will be packed {when}", "the {item} you ordered will be packed {when}"),
    "question": templates("you can see the {item} at the shop {when}", "we will tell you more of the {item} {when}"),
}
TIMES: dict[str, tuple[str, ...]] = {
    "high": ("today", "at once"),
    "normal": ("on Monday", "on Thursday"),
    "low": ("next month", "in a few weeks"),
}
_WHEN = {time: level for level, times in TIMES.items() for time in times}


@dataclass(frozen=True)
class Manner:
    """The sentences of one tone: an opening, a frame around the action, and a closing."""

    openings: tuple[Template, ...]
    frames: tuple[str, ...]
    closings: tuple[Template, ...]


MANNERS: dict[Tone, Manner] = {
    "polite": Manner(
        openings=templates(
            "Thank you so much for your letter.",
            "We are very sorry for the trouble.",
            "We are grateful for your patience.",
            "How kind of you to write to us.",
        ),
        frames=(
            "We are happy to say that {action}.",
            "Please be sure that {action}.",
            "It is our pleasure to promise that {action}.",
            "Kindly note that {action}.",
        ),
        closings=templates(
            "Do write again if we can help you further.",
            "We wish you a lovely walk.",
            "With warm wishes from all of us.",
            "It is always a joy to help you.",
        ),
    ),
    "curt": Manner(
        openings=templates("You again.", "We read your letter.", "Not our fault.", "This is the last time."),
        frames=("Look, {action}.", "Fine, {action}.", "As the rules say, {action}.", "Listen, {action}."),
        closings=templates(
            "Read the rules before you write.", "Do not write again.", "That is all.", "We are busy people."
        ),
    ),
}


@dataclass(frozen=True)
class Content:
    """What a reply promises: the action (named by its intent), the item, and the urgency of its time."""

    intent: str
    item: str
    urgency: str


def draw_action(stream: random.Random, content: Content) -> str:
    """Return a clause that promises `content`."""
    slots = {"item": content.item, "when": stream.choice(TIMES[content.urgency])}
    return stream.choice(ACTIONS[content.intent]).render(slots)


def write(stream: random.Random, action: str, tone: Tone) -> str:
    """Return a reply that promises `action` in `tone`, with a leading space."""
    manner = MANNERS[tone]
    parts = [stream.choice(manner.frames).format(action=action)]
    if stream.random() < 0.8:
        parts.insert(0, stream.choice(manner.openings).text)
    if stream.random() < 0.8:
        parts.append(stream.choice(manner.closings).text)
    return " " + " ".join(parts)


def content_for(meaning: Meaning) -> Content:
    """Return what the right reply to a message of this meaning promises."""
    return Content(meaning.intent, meaning.item, meaning.urgency)


def tone_score(reply: str) -> int:
    """Count polite phrases minus curt ones in any text: above 0 polite, below 0 curt, 0 neither.

    Phrases are the stock sentences above and the beginnings of the frames, so this judge reads surface, not intent.
    """
    return _count_phrases(reply, MANNERS["polite"]) - _count_phrases(reply, MANNERS["curt"])


def _count_phrases(reply: str, manner: Manner) -> int:
    phrases = [one.text for one in manner.openings + manner.closings]
    phrases += [frame.removesuffix("{action}.") for frame in manner.frames]
    return sum(phrase in reply for phrase in phrases)


def promised(reply: str) -> Content | None:
    """Return what a text promises, wherever in it the promise stands; None when it promises nothing known."""
    for intent, forms in ACTIONS.items():
        for form in forms:
            for time, urgency in _WHEN.items():
                found = Template(form.text.replace("{when}", time)).pattern.search(reply)
                if found:
                    return Content(intent, found["item"], urgency)
    return None


def read(reply: str) -> set[tuple[Tone, Content]]:
    """Return every (tone, content) that a reply of the grammar can be read as; empty for any other text."""
    found = set()
    content = promised(reply)
    for tone, manner in MANNERS.items():
        for frame in manner.frames:
            head = frame.removesuffix("{action}.")
            before, separator, rest = reply.strip().partition(head)
            action, _, after = rest.partition(".")
            skip = templates("")
            fits = separator and content and promised(action) == content
            around = ((manner.openings, before), (manner.closings, after))
            if fits and all(_one_of(pool + skip, text.strip()) for pool, text in around):
                found.add((tone, content))
    return found


def _one_of(pool: tuple[Template, ...], text: str) -> bool:
    return any(True for _ in parse_sequence((pool,), text))


def goods_of(meaning: Meaning) -> str:
    """Return what a message is about in the shop's own notation: `1 brass lantern`, `3 brass lanterns`."""
    return f"{meaning.count} {meaning.item if meaning.count == 1 else lexicon.plural(meaning.item)}"


def prompt_for(message: Message) -> str:
    """Return the prompt that asks for a reply."""
    return f"Message: {message.text}\nReply:"


def document(stream: random.Random) -> str:
    """Return a pre-training document: a message with the goods it is about, or with a reply in one of the two tones."""
    message = messages.draw(stream)
    if stream.random() < 0.25:
        return f"Message: {message.text}\nGoods: {goods_of(message.meaning)}."
    tone: Tone = stream.choice(("polite", "curt"))
    return prompt_for(message) + write(stream, draw_action(stream, content_for(message.meaning)), tone)


def _other_content(stream: random.Random, content: Content, contrast: Contrast, split: Split) -> Content:
    if contrast == "item":
        items = [item for item in stream.sample(lexicon.items(split), 2) if item != content.item]
        return Content(content.intent, items[0], content.urgency)
    intents = [intent for intent in ACTIONS if intent != content.intent]
    return Content(stream.choice(intents), content.item, content.urgency)


def rows(
    split: Split, n: int, seed: int = 0, *, contrast: Contrast = "tone", phrasing: Phrasing = "familiar"
) -> list[dict]:
    """Return n preference pairs. Columns: prompt, chosen, rejected, contrast.

    contrast "tone": the same promise, polite against curt. "item", "action": the same tone (either, at random), the
    right promise against one about another item or of another action.
    """
    if contrast not in ("tone", "item", "action"):
        raise WorldError(f"contrast: expected 'tone', 'item' or 'action', got {contrast!r}")
    stream = random_stream(f"replies/{contrast}/{phrasing}", split, seed)
    return [_pair(stream, messages.draw(stream, split, phrasing), contrast, split) for _ in range(n)]


def _pair(stream: random.Random, message: Message, contrast: Contrast, split: Split) -> dict:
    content = content_for(message.meaning)
    right = draw_action(stream, content)
    if contrast == "tone":
        chosen, rejected = write(stream, right, "polite"), write(stream, right, "curt")
    else:
        wrong = draw_action(stream, _other_content(stream, content, contrast, split))
        tone: Tone = stream.choice(("polite", "curt"))
        wording = stream.random()  # both replies draw the same words around the promise
        chosen, rejected = (write(random.Random(wording), action, tone) for action in (right, wrong))
    return {"prompt": prompt_for(message), "chosen": chosen, "rejected": rejected, "contrast": contrast}
