"""Tasks as data sets."""

import pytest

from shared.data import load_task
from shared.world import WorldError, rows


def test_a_data_set_holds_the_worlds_rows():
    data = load_task("tickets", "public", 20, seed=3, phrasing="unseen")
    assert data.column_names == ["prompt", "completion", "ticket"]
    assert data.to_list() == rows("tickets", "public", 20, 3, phrasing="unseen")
    assert data.cache_files == []


def test_an_unknown_task_is_refused():
    with pytest.raises(WorldError, match="task"):
        load_task("no-such-task", "train", 5)
