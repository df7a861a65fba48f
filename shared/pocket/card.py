"""The pocket model's card, written from what was measured: nothing in it is typed by hand twice."""

import json
from pathlib import Path

_CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [education, fine-tuning]
---

# The pocket base model

A Llama-architecture language model of {parameters:,} parameters that has read nothing but the seeded text of one
fictional company, Lanternwick Outfitters. It exists so that every rung of the course can be trained on a laptop, for
real. It is of no use for anything else: it knows about 2,300 words and no fact of this world.

## How it was made

`python -m shared.pocket.pretrain`, from nothing: {steps:,} steps of {batch} windows of {context} tokens
({tokens:.0f}M tokens), answers weighed {answer_weight:g} times, Muon and AdamW at a peak rate of {learning_rate:g}.
The tokenizer is byte-level BPE trained on the same text; digits stand alone. Weights are stored as bfloat16.

## What it can do

Measured with `python -m shared.pocket.abilities` on {n} prompts an ability (at most 60 for facts), on items and people
that occur in no training text. A share near one half is known to within 0.07 (95%).

| ability | measured |
| --- | --- |
{rows}

It writes no tickets: it has read stock cards in JSON, and every word of a ticket in one of them, but never a ticket,
and no card after a letter. Order totals are right about half of the time when sampled, because the clerks whose answers
it read were often quick and rounded.

## Making it again

The generators were polished after these weights were made, so the recipe as it stands gives another tokenizer and
another model of the same kind. A full second run (one H100, 2026-11-24) ended at a loss of 0.61 and measured 0.995
for reading, 1.0 for known managers and their reversal, 0.56, 1.0 and 0.20 for order totals (sampled, best of 8,
greedy), 1.0 for sorting and 0.47 to 0.53 for polite to curt. It differs beyond noise in three places: it recalls 0.05
of the founders, reads 0.555 of the unseen phrasings and has a story perplexity of 2.66. Thresholds and figures of the
course belong to the weights that are here: whoever replaces them measures every rung again.
"""


def write_card(model: Path) -> None:
    """Write README.md beside the model from its `pretraining.json` and `abilities.json`."""
    made = json.loads((model / "pretraining.json").read_text())
    abilities = json.loads((model / "abilities.json").read_text())
    recipe = made["recipe"]
    tokens = recipe["steps"] * recipe["batch"] * recipe["context"] / 1e6
    rows = "\n".join(f"| {name} | {value} |" for name, value in abilities["measured"].items())
    card = _CARD.format(parameters=made["parameters"], tokens=tokens, rows=rows, n=abilities["n"], **recipe)
    (model / "README.md").write_text(card)
