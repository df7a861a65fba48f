"""Which base was an adapter trained over: the one in 4 bits, or the one before rounding? The adapter itself tells.

Training makes up for the errors of the weights that it runs over, so an adapter does best over those. Measured with the
solved rungs on pocket, in nats a ticket on training rows: over 4 bits, rung 04's adapter loses 0.027 less than over the
unrounded base, 15 standard errors of the rows' differences; rung 03's loses 0.021 more, 19 standard errors.
"""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from autograder.criteria import NotMet

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.adapter import Adapter
    from autograder.reevaluation import RowLoss
    from autograder.trained_from import Base

MOST_ERRORS = 4  # standard errors by which the unrounded base may do better; chance alone does so once in 30,000 times
ROWS = 64


def require_four_bits(base: "Base", adapter: "Adapter") -> None:
    """Raise NotMet when the adapter does clearly better over the unrounded base.

    Only where both fit into this machine's memory as NumPy arrays: on a larger base the question is not asked.
    """
    from autograder import llama
    from autograder.reevaluation import engines
    from shared.world import rows

    if base.profile.device != "cpu" or not llama.fits(base.config):
        return
    asked = rows("tickets", "train", ROWS)
    rounded, unrounded = (engines(base, adapter, quantized).after.losses(asked) for quantized in (True, False))
    gap, error = paired_gap(rounded, unrounded)
    if gap > MOST_ERRORS * error:
        raise NotMet(
            f"over the base in 4 bits the adapter's loss on training rows is {gap:.3f} nats a ticket higher than over "
            f"the unrounded base (standard error {error:.3f})",
            cause="It was trained over the unrounded base: that is LoRA, rung 03.",
            hint="Load the base with load_base(quantization='nf4') and train the adapter on that.",
        )


def paired_gap(one: "Sequence[RowLoss]", other: "Sequence[RowLoss]") -> tuple[float, float]:
    """Return by how much the first losses of completions exceed the second, the mean over rows, and its standard
    error, in nats."""
    gaps = [first.completion - second.completion for first, second in zip(one, other, strict=True)]
    return fmean(gaps), stdev(gaps) / len(gaps) ** 0.5
