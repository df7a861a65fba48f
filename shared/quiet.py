"""Keep a cell's output to what a learner needs: no walls of warnings and bars from the libraries.

Errors still surface: only log records up to WARNING, Python warnings and loading bars are held back.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# On import it warns that an optional kernel is not installed; the course does not use it.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries within the block; whatever was silent before stays so afterwards."""
    import datasets
    from transformers.utils import logging as transformers_logging

    held_back = logging.root.manager.disable
    map_bars = not datasets.are_progress_bars_disabled()
    load_bars = transformers_logging.is_progress_bar_enabled()
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(held_back)
        if map_bars:
            datasets.enable_progress_bars()
        if load_bars:
            transformers_logging.enable_progress_bar()
