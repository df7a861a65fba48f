"""Rung 04's questions about bits and blocks: the right formulas, and the mistakes that have a name."""

from autograder.numbers import Solution
from autograder.rung_04_nf4 import nf4_levels

STORED_BITS = 4.127  # as the question states it


def bits(block: int) -> float:
    """Return 4 bits and a 32-bit constant shared by a block: at 64 weights a block, 4.5."""
    return 4 + 32 / block


def double(block: int, second: int) -> float:
    """Return an 8-bit constant a block and a 32-bit one for `second` blocks: at 64 and 256, 0.127."""
    return 8 / block + 32 / (block * second)


def weights(billions: int, millions: int) -> float:
    """Return gigabytes: 7 billion at 4.127 bits and 500 million at 16: 3.61 + 1 = 4.61."""
    return billions * STORED_BITS / 8 + millions * 2 / 1000


def comes_back(largest_thousandths: int, weight_thousandths: int) -> float:
    """Return the nearest NF4 level of the scaled weight, scaled back: 0.108 of 0.4 is 0.27, level 0.2461: 0.0984."""
    scaled = nf4_levels() * largest_thousandths
    return float(scaled[abs(scaled - weight_thousandths).argmin()]) / 1000


def _level(largest_thousandths: int, weight_thousandths: int) -> float:
    return comes_back(largest_thousandths, weight_thousandths) / largest_thousandths * 1000


def _evenly(largest_thousandths: int, weight_thousandths: int) -> float:
    return round(weight_thousandths / largest_thousandths * 7) / 7 * largest_thousandths / 1000


SOLUTIONS = {
    "bits": Solution(
        bits,
        (
            (lambda block: 4 + 8 / block, "A float32 constant has 32 bits, not 8."),
            (lambda block: 32 / block, "That is the constants' part alone: add the weight's own 4 bits."),
            (lambda block: 4 + 4 / block, "A float32 constant is 4 bytes, which is 32 bits."),
            (lambda block: 4, "The constants take room too."),
        ),
        "4 bits, and each weight's part of its block's 32.",
    ),
    "double": Solution(
        double,
        (
            (lambda block, second: 8 / block, "The second constants take room too: 32 bits each."),
            (lambda block, second: 8 / block + 32 / second, "One second constant serves block x second weights."),
            (lambda block, second: 32 / block, "That is without double quantization."),
            (lambda block, second: 32 / block + 8 / (block * second), "First constants: 8 bits, second: 32."),
            (lambda block, second: 4 + double(block, second), "That counts the weight's own 4 bits too."),
        ),
        "8 over the block, 32 over block x second.",
    ),
    "weights": Solution(
        weights,
        (
            (lambda billions, millions: billions * STORED_BITS / 8, "The others take room too, two bytes each."),
            (lambda billions, millions: billions * STORED_BITS + millions * 16 / 1000, "Those are gigabits."),
            (
                lambda billions, millions: billions * STORED_BITS / 8 + millions * 4 / 1000,
                "bfloat16 has two bytes, float32 four.",
            ),
            (
                lambda billions, millions: (billions + millions / 1000) * STORED_BITS / 8,
                "Embeddings and norms are not quantized: two bytes each.",
            ),
        ),
        "Billions x 4.127 / 8, and two bytes for each of the others.",
    ),
    "nearest": Solution(
        comes_back,
        (
            (_level, "That is the level: multiply it by the block's largest magnitude again."),
            (_evenly, "NF4's levels are not evenly spaced: look them up."),
            (lambda largest_thousandths, weight_thousandths: weight_thousandths / 1000, "Nothing was rounded."),
            (lambda largest_thousandths, weight_thousandths: largest_thousandths / 1000, "That is the constant."),
        ),
        "Divide by the largest magnitude, take the nearest of the 16 levels, multiply again.",
    ),
}
