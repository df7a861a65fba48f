"""Silence that ends where the block ends, and that lets errors through."""

import logging
import warnings

import datasets
import pytest
from transformers.utils import logging as transformers_logging

from shared.quiet import quiet


def state():
    return (
        logging.root.manager.disable,
        datasets.are_progress_bars_disabled(),
        transformers_logging.is_progress_bar_enabled(),
        list(warnings.filters),
    )


def test_everything_is_put_back_also_after_an_error():
    before = state()
    with pytest.raises(ZeroDivisionError), quiet():
        assert state()[:3] == (logging.WARNING, True, False)
        raise ZeroDivisionError
    assert state() == before


def test_warnings_are_held_back_and_errors_are_not(caplog, recwarn):
    with quiet():
        logging.getLogger("trl").warning("the tokenizer has no pad token")
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        logging.getLogger("trl").error("out of disk")
    assert [record.message for record in caplog.records] == ["out of disk"]
    assert len(recwarn) == 0
