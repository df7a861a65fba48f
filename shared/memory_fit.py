"""Which card for which model? `python -m shared.memory_fit qwen2.5-7b qlora` (or `make fit MODEL=... METHOD=...`).

Prints what one step needs, part by part, and for each size of card the fastest recipe that fits.
"""

import argparse
import sys
from dataclasses import fields
from typing import get_args

from shared.memory import GIB, Estimate, Method, Optimizer, Recipe, estimate, fastest_that_fits, trained_parameters
from shared.model_shape import SHAPES, ModelShape, ShapeError, shape_of

CARDS_GB = (8, 12, 16, 24, 48, 80, 141)  # as sold: 10^9 bytes
# CUDA's context, and what the allocator loses to fragments: a share of the card that no tensor can have.
CONTEXT_BYTES = GIB // 2
USABLE = 0.95
ORDINALS = {2: "second", 3: "third"}


def usable_bytes(card_gb: float) -> int:
    """Return what tensors can have of a card of `card_gb` gigabytes."""
    return int(card_gb * 1e9 * USABLE) - CONTEXT_BYTES


def words(recipe: Recipe) -> str:
    """Return a recipe in one phrase."""
    every = f"each {ORDINALS[recipe.every]} layer checkpointed" if recipe.every > 1 else "checkpointing"
    checkpointing = every + " into main memory" * recipe.offload if recipe.checkpointing else "no checkpointing"
    kernels = ", Liger" if recipe.fused else ""
    return f"{recipe.batch} x {recipe.sequence}, {checkpointing}, {recipe.optimizer}{kernels}"


def card_rows(shape: ModelShape, method: Method, sequence: int, **settings) -> list[tuple[str, str, str]]:
    """Return (card, fastest recipe, peak in GiB) for every size of card."""
    rows = []
    for card in CARDS_GB:
        recipe = fastest_that_fits(shape, method, usable_bytes(card), sequence, **settings)
        peak = f"{estimate(shape, recipe).peak / GIB:.1f}" if recipe else ""
        rows.append((f"{card} GB", words(recipe) if recipe else "does not fit", peak))
    return rows


def part_rows(parts: Estimate) -> list[tuple[str, str]]:
    """Return (part, GiB) for every part and the peak."""
    rows = [(field.name, f"{getattr(parts, field.name) / GIB:.2f}") for field in fields(parts)]
    return [*rows, ("peak", f"{parts.peak / GIB:.2f}")]


def print_report(name: str, shape: ModelShape, recipe: Recipe) -> None:
    """Print both tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    trained = trained_parameters(shape, recipe)
    share = f"{trained:,} of {shape.parameters:,} parameters trained ({trained / shape.parameters:.2%})"
    console.print(f"{name}, {recipe.method}: {share}", highlight=False, soft_wrap=True)
    console.print(words(recipe), highlight=False)
    parts = Table("part", "GiB", box=box.SIMPLE)
    for row in part_rows(estimate(shape, recipe)):
        parts.add_row(*row)
    cards = Table("card", "fastest recipe that fits", "peak, GiB", box=box.SIMPLE)
    settings = {"rank": recipe.rank, "weight_bytes": recipe.weight_bytes}
    for row in card_rows(shape, recipe.method, recipe.sequence, **settings):
        cards.add_row(*row)
    console.print(parts, cards)


def main(arguments: list[str] | None = None) -> int:
    """Print the report; 0, or 2 with one line on stderr for a model of unknown shape."""
    parser = argparse.ArgumentParser(prog="python -m shared.memory_fit", description=__doc__.partition("\n")[0])
    parser.add_argument("model", help=f"{', '.join(SHAPES)}, or a model's folder")
    parser.add_argument("method", choices=get_args(Method))
    parser.add_argument("--batch", type=int, default=4, help="rows a step (default: %(default)s)")
    parser.add_argument("--sequence", type=int, default=1024, help="tokens a row (default: %(default)s)")
    parser.add_argument("--rank", type=int, default=16, help="LoRA's rank (default: %(default)s)")
    parser.add_argument("--optimizer", choices=get_args(Optimizer), default="adamw")
    parser.add_argument("--no-checkpointing", dest="checkpointing", action="store_false")
    parser.add_argument("--fused", action="store_true", help="Liger's kernels")
    parser.add_argument("--float32", dest="weight_bytes", action="store_const", const=4, default=2)
    options = vars(parser.parse_args(arguments))
    name = options.pop("model")
    try:
        print_report(name, shape_of(name), Recipe(**options))
    except ShapeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
