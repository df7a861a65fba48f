"""Rung 03's questions about rank, alpha and size: the right formulas, and the mistakes that have a name."""

from autograder.numbers import Solution

TWO_MATRICES = "LoRA has two matrices a layer: A is rank x inputs, B is outputs x rank."


def trainable(layers: int, width: int, rank: int) -> float:
    """Return layers x 2 projections x (A and B). 32 layers of width 4096, rank 8: 32 x 2 x 2 x 4096 x 8 = 4,194,304."""
    return layers * 2 * 2 * width * rank


def share(inputs: int, outputs: int, rank: int) -> float:
    """Return 100 r (in + out) / (in out). With 4096 x 4096 and rank 8: 800 x 8192 / 4096^2 = 0.39."""
    return 100 * rank * (inputs + outputs) / (inputs * outputs)


def alpha(old_rank: int, new_rank: int, alpha: int) -> float:
    """Return the alpha with alpha / new_rank as it was: from rank 8 and alpha 16 to rank 32: 64."""
    return alpha * new_rank / old_rank


def moments(millions: int, percent: int) -> float:
    """Return 2 moments x 4 bytes x trained millions. 500 million, 2%: 10 million trained, 80 MB."""
    return 2 * 4 * millions * percent / 100


SOLUTIONS = {
    "trainable": Solution(
        trainable,
        (
            (lambda layers, width, rank: layers * 2 * width * rank, f"Half is missing. {TWO_MATRICES}"),
            (lambda layers, width, rank: 4 * width * rank, "This is one layer; the model has more."),
            (lambda layers, width, rank: layers * 2 * width**2, "These are the frozen weights, not the adapter's."),
        ),
        f"{TWO_MATRICES} Two projections a layer.",
    ),
    "share": Solution(
        share,
        (
            (lambda inputs, outputs, rank: share(inputs, outputs, rank) / 100, "That is the share; in percent: x 100."),
            (lambda inputs, outputs, rank: 100 * rank * inputs / (inputs * outputs), TWO_MATRICES),
            (lambda inputs, outputs, rank: 100 * rank * outputs / (inputs * outputs), TWO_MATRICES),
            (
                lambda inputs, outputs, rank: 100 / (1 + 100 / share(inputs, outputs, rank)),
                "That is its share of both together; asked is its size over the layer's.",
            ),
        ),
        "rank x (inputs + outputs), over inputs x outputs, in percent.",
    ),
    "alpha": Solution(
        alpha,
        (
            (
                lambda old_rank, new_rank, alpha: alpha * old_rank / new_rank,
                "The other way round: alpha grows with the rank.",
            ),
            (lambda old_rank, new_rank, alpha: alpha, "The same alpha over another rank is another factor."),
            (
                lambda old_rank, new_rank, alpha: alpha * (new_rank / old_rank) ** 0.5,
                "That is rsLoRA's rule, alpha / sqrt(rank); LoRA divides by the rank itself.",
            ),
        ),
        "The factor is alpha / rank: keep it.",
    ),
    "moments": Solution(
        moments,
        (
            (lambda millions, percent: 8 * millions, "This is full fine-tuning's; only the trained share has moments."),
            (lambda millions, percent: 4 * millions * percent / 100, "AdamW keeps two moments."),
            (lambda millions, percent: 2 * millions * percent / 100, "A float32 has four bytes."),
            (lambda millions, percent: 8e4 * millions * percent, "That is in bytes; asked are millions of bytes."),
        ),
        "Two moments of four bytes for each trained parameter.",
    ),
}
