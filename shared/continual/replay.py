"""Old rows among new ones; and, where the old rows are gone, rows that the model writes itself."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Row = TypeVar("Row")

# How a prompt of each skill begins and ends: the form is known even where no row is left.
FORMS = {"tickets": ("Message:", "\nTicket:", 48), "totals": ("Order:", "\nTotal:", 56)}
LONGEST_PROMPT = 80  # tokens


def replay_mix(new: Sequence[Row], old: Sequence[Row], share: float, n: int, seed: int = 0) -> list[Row]:
    """Return n rows in random order, round(share * n) of them old, each source drawn without repeats while it lasts."""
    stream = random.Random(seed)
    count = round(share * n)
    rows = _drawn(old, count, stream) + _drawn(new, n - count, stream)
    stream.shuffle(rows)
    return rows


def _drawn(rows: Sequence[Row], n: int, stream: random.Random) -> list[Row]:
    """Return n rows at random; a source with fewer is gone through again."""
    found: list[Row] = []
    while len(found) < n:
        found += stream.sample(list(rows), min(len(rows), n - len(found)))
    return found


def own_answers(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", skill: str, n: int, *, seed: int = 0
) -> list[dict]:
    """Return n rows of an old skill, written by a model that has it: prompts sampled, answers greedy.

    The model continues the first word of a prompt at temperature 1, to the end of the line; the skill's last word is
    put after it; what the model then answers becomes the completion. Pseudo-rehearsal (Robins 1995) with the model's
    own labels, as in learning without forgetting (Li and Hoiem 2016, arXiv 1606.09282).
    """
    from shared.evaluation import generate

    head, tail, tokens = FORMS[skill]
    lines = generate(model, tokenizer, [head] * n, max_new_tokens=LONGEST_PROMPT, temperature=1.0, seed=seed,
                     stop_at_newline=True, progress=False)  # fmt: skip
    prompts = [head + line + tail for line in lines]
    answers = generate(model, tokenizer, prompts, max_new_tokens=tokens, stop_at_newline=True, progress=False)
    return [{"prompt": prompt, "completion": answer} for prompt, answer in zip(prompts, answers, strict=True)]


def own_documents(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", n: int, *, tokens: int = 160, seed: int = 0
) -> list[dict]:
    """Return n rows that the model writes from nothing at temperature 1; the first word of each is its prompt.

    A document starts after the end-of-sequence token, as documents of the pre-training text do.
    """
    from shared.evaluation import generate

    texts = generate(
        model, tokenizer, [tokenizer.eos_token] * (n + n // 4), max_new_tokens=tokens, temperature=1.0, seed=seed,
        progress=False,
    )  # fmt: skip
    parts = [text.strip().partition(" ") for text in texts]
    return [{"prompt": first, "completion": space + rest} for first, space, rest in parts if len(rest.split()) > 2][:n]
