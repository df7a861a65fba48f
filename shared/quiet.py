"""Keep a training cell's output to what a learner needs: no walls of warnings and bars from the libraries.

Errors still surface: only log records up to WARNING, Python warnings and loading bars are held back.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from shared.curve import progress_callback


@contextmanager
def quiet() -> Iterator[None]:
    """Within the block: silent libraries, and one training bar with the loss in it. Undone afterwards."""
    import datasets
    from transformers import trainer
    from transformers.utils import logging as transformers_logging

    held_back, map_bars, load_bars = (
        logging.root.manager.disable,
        datasets.are_progress_bars_disabled(),
        transformers_logging.is_progress_bar_enabled(),
    )
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    try:
        # The trainer reads this module variable for its progress bar; it has no argument for it.
        with (
            warnings.catch_warnings(),
            patch.object(trainer, "DEFAULT_PROGRESS_CALLBACK", progress_callback()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(held_back)
        if not map_bars:
            datasets.enable_progress_bars()
        if load_bars:
            transformers_logging.enable_progress_bar()
