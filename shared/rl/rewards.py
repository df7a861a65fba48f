"""Reward functions for orders, in the form that TRL's GRPOTrainer calls: lists in, one number a completion out.

A verifier needs no example answers, only a way to tell right from wrong: here, the total of the order. Beside its
reward each function logs two shares that nobody is paid for, so that the run shows what the reward does not see.
"""

from collections.abc import Callable, Sequence

from shared.world.orders import is_right, shows_working, stated_total

CLOSE = 0.10  # of the total
CHARGE = 0.03  # for each token

Log = Callable[[str, float], None]


def right_total(completions: Sequence[str], total: Sequence[int], log_metric: Log, **_: object) -> list[float]:
    """Return 1 for each completion that ends on the right total, else 0."""
    log_shares(completions, total, log_metric)
    return [float(is_right(text, right)) for text, right in zip(completions, total, strict=True)]


def close_and_short(
    completions: Sequence[str],
    total: Sequence[int],
    completion_ids: Sequence[Sequence[int]],
    log_metric: Log,
    **_: object,
) -> list[float]:
    """Return 1 for each total that is off by at most a tenth, less a small charge a token: well meant, and hackable."""
    log_shares(completions, total, log_metric)
    return [
        float(is_close(text, right)) - CHARGE * len(ids)
        for text, right, ids in zip(completions, total, completion_ids, strict=True)
    ]


def is_close(completion: str, total: int) -> bool:
    """Say whether a completion ends on an amount within a tenth of the right total."""
    stated = stated_total(completion)
    return stated is not None and abs(stated - total) <= CLOSE * total


def log_shares(completions: Sequence[str], total: Sequence[int], log_metric: Log) -> None:
    """Log the share of completions that are right, and the share that show a step of working."""
    log_metric("right", sum(map(is_right, completions, total)) / len(completions))
    log_metric("working", sum(map(shows_working, completions)) / len(completions))
