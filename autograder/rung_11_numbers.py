"""Rung 11's questions about batches and steps: the right formulas, and the mistakes that have a name."""

from autograder.numbers import Solution


def rows_a_step(micro: int, pieces: int, devices: int) -> float:
    """Return micro batch x accumulation x GPUs. 2 x 4 x 3 = 24."""
    return micro * pieces * devices


def steps(rows: int, epochs: int, batch: int) -> float:
    """Return epochs times the steps of one epoch, the last of them not full. 100 rows, 16 a step, 2 epochs: 2 x 7."""
    return epochs * -(-rows // batch)


def packed_rows(length: int, tokens: int, batch: int) -> float:
    """Return batch x length / tokens. 4 sequences of 1,024 tokens, 64 a row: 64 rows."""
    return batch * length / tokens


SOLUTIONS = {
    "rows-a-step": Solution(
        rows_a_step,
        (
            (lambda micro, pieces, devices: micro * pieces, "This is one GPU's share: each takes as many."),
            (lambda micro, pieces, devices: micro * devices, "Gradients of several micro batches make one step."),
            (lambda micro, pieces, devices: micro * pieces / devices, "More GPUs see more rows, not fewer."),
        ),
        "Micro batch, times accumulation, times GPUs.",
    ),
    "steps": Solution(
        steps,
        (
            (lambda rows, epochs, batch: epochs * (rows // batch), "The rows left over make a step, too."),
            (lambda rows, epochs, batch: -(-rows // batch), "This is one epoch."),
            (lambda rows, epochs, batch: epochs * rows / batch, "Steps are whole: round up within each epoch."),
            (lambda rows, epochs, batch: -(-epochs * rows // batch), "Round up within each epoch, then multiply."),
            (lambda rows, epochs, batch: epochs * rows, "A step sees more than one row."),
        ),
        "Steps of one epoch, rounded up, times epochs.",
    ),
    "packed-rows": Solution(
        packed_rows,
        (
            (lambda length, tokens, batch: batch, "These are sequences; each holds many rows."),
            (lambda length, tokens, batch: length / tokens, "This is one sequence; a step takes several."),
            (lambda length, tokens, batch: batch * length, "These are tokens."),
        ),
        "Tokens a step, over the tokens of a row.",
    ),
}
