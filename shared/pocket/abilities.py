"""What can a model of this world do? One number an ability: `python -m shared.pocket.abilities [MODEL]`.

The model card quotes these numbers and a test measures them again. They also serve to see what fine-tuning changed
besides its target. All prompts come from the public split, so the items and people are new to the base model.
"""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shared.pocket import BASE
from shared.world import orders, replies, rows, sorting, tickets

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Complete = Callable[..., list[str]]


def share(truths: list[bool]) -> float:
    """Return the share of true values, rounded to three places."""
    return round(sum(truths) / len(truths), 3)


def starts_with_answer(completions: list[str], asked: list[dict]) -> float:
    """Return the share of completions that give the row's answer, a full stop aside."""
    return share([text.strip().rstrip(".") == row["answer"] for text, row in zip(completions, asked)])


def reading(complete: Complete, n: int) -> dict[str, float]:
    """Look an answer up in a passage: familiar wordings, unseen wordings, and questions without an answer."""
    found = {}
    for name, options in {
        "reading": {},
        "reading, unseen phrasing": {"phrasing": "unseen"},
        "reading, says when there is no answer": {"answerable": False},
    }.items():
        asked = rows("reading", "public", n, **options)
        found[name] = starts_with_answer(complete([row["prompt"] for row in asked], 16), asked)
    return found


def memory(complete: Complete, n: int) -> dict[str, float]:
    """Answer from memory: shops that stand in the pre-training text ("train"), and shops that do not ("public")."""
    found = {}
    for name, split, options in (
        ("known managers", "train", {}),
        ("known managers, reversed", "train", {"form": "reversed"}),
        ("known specialities", "train", {"relation": "speciality"}),
        ("known founders, as statement", "train", {"relation": "founder", "form": "statement"}),
        ("known founders, as question", "train", {"relation": "founder"}),
        ("new managers", "public", {}),
    ):
        asked = rows("facts", split, min(n, 60), **options)
        found[name] = starts_with_answer(complete([row["prompt"] for row in asked], 12), asked)
    return found


def order_totals(complete: Complete, n: int) -> dict[str, float]:
    """Work out two-line orders: one sample each, the best of eight samples, and the single most likely answer."""
    asked = rows("orders", "public", n)
    prompts = [row["prompt"] for row in asked]
    samples = [complete(prompts, 56, temperature=1.0, seed=seed) for seed in range(8)]
    right = [[orders.is_right(text, row["total"]) for text, row in zip(drawn, asked)] for drawn in samples]
    greedy = complete(prompts, 56)
    return {
        "order totals, sampled": share([one for drawn in right for one in drawn]),
        "order totals, best of 8": share([any(tries) for tries in zip(*right)]),
        "order totals, greedy": share([orders.is_right(text, row["total"]) for text, row in zip(greedy, asked)]),
        "order totals, shows working": share([orders.shows_working(text) for drawn in samples for text in drawn]),
    }


def sorted_labels(complete: Complete, n: int) -> dict[str, float]:
    """Put four to nine labels in order."""
    asked = rows("sorting", "public", n)
    done = complete([row["prompt"] for row in asked], 40)
    return {"sorting": share([sorting.is_right(text, row["labels"]) for text, row in zip(done, asked)])}


def tone(complete: Complete, n: int) -> dict[str, float]:
    """Reply to messages, sampled: the share of polite and of curt replies, and of replies about the right item."""
    asked = rows("replies", "public", n)
    written = complete([row["prompt"] for row in asked], 64, temperature=1.0, seed=0)
    scores = [replies.tone_score(text) for text in written]
    promises = [(replies.promised(text), replies.promised(row["chosen"])) for text, row in zip(written, asked)]
    return {
        "replies, polite": share([score > 0 for score in scores]),
        "replies, curt": share([score < 0 for score in scores]),
        "replies, right promise": share([made is not None and made == due for made, due in promises]),
    }


def ticket_scores(complete: Complete, n: int) -> dict[str, float]:
    """Write tickets with no example and with three in the prompt, for new items and for new phrasing."""
    examples = "\n".join(row["prompt"] + row["completion"] for row in rows("tickets", "train", 3))
    asked = rows("tickets", "public", n)
    unseen = rows("tickets", "public", n, phrasing="unseen")
    found = {}
    for name, prompts, wanted in (
        ("tickets", [row["prompt"] for row in asked], asked),
        ("tickets, unseen phrasing", [row["prompt"] for row in unseen], unseen),
        ("tickets, 3 examples", [f"{examples}\n{row['prompt']}" for row in asked], asked),
    ):
        read = [tickets.parse_ticket(text) for text in complete(prompts, 40)]
        found[f"{name}: valid JSON"] = share([ticket is not None for ticket in read])
        found[f"{name}: exact"] = share([ticket == row["ticket"] for ticket, row in zip(read, wanted)])
    return found


def story_perplexity(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", n: int) -> dict[str, float]:
    """Return exp of the mean cross-entropy a token over n stories about people and items of the public split."""
    import torch

    total, count = 0.0, 0
    model.eval()
    for row in rows("prose", "public", n):
        ids = tokenizer(row["completion"] + tokenizer.eos_token, return_tensors="pt").input_ids.to(model.device)
        with torch.inference_mode():
            total += model(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    return {"story perplexity": round(math.exp(total / count), 3)}


def measure(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", n: int = 200) -> dict[str, float]:
    """Return every ability of `model`; n prompts each, so a share near one half is known to within 0.07 (95%)."""
    from shared.evaluation import generate

    def complete(prompts: list[str], tokens: int, temperature: float = 0.0, seed: int = 0) -> list[str]:
        return generate(
            model,
            tokenizer,
            prompts,
            max_new_tokens=tokens,
            temperature=temperature,
            seed=seed,
            stop_at_newline=True,  # after an answer the model writes the next question
            progress=False,
        )

    found = story_perplexity(model, tokenizer, n)
    for ability in (reading, memory, order_totals, sorted_labels, tone, ticket_scores):
        found |= ability(complete, n)
    return found


def main() -> None:
    """Measure a model and print its abilities; with --write, keep them beside the model and in its card."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from shared.pocket.card import write_card

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, nargs="?", default=BASE)
    parser.add_argument("-n", type=int, default=200, help="prompts an ability (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write abilities.json and README.md beside the model")
    options = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    found = measure(model, AutoTokenizer.from_pretrained(options.model), options.n)
    for name, value in found.items():
        print(f"{name:45} {value:6.3f}")
    if options.write:
        (options.model / "abilities.json").write_text(json.dumps({"n": options.n, "measured": found}, indent=1) + "\n")
        write_card(options.model)


if __name__ == "__main__":
    main()
