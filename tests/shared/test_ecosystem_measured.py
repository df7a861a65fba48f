"""The table of the five tools: it can be read, and each row says what ran, where and what came out."""

import pytest

from shared.ecosystem.tools import TOOLS
from shared.measured import measured

ROWS = measured("ecosystem").rows
FINISHED = [row for row in ROWS if "tokens_per_second" in row]
MEASURED = {"versions", "tokens_per_second", "seconds", "peak_gib", "config_lines", "first_loss", "last_loss"}


def named(rows):
    return [f"{row['name']} on {row['base']}, {row['device']}" for row in rows]


def test_no_run_stands_twice():
    assert len(set(named(ROWS))) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=named(ROWS))
def test_every_row_names_its_tool_and_machine(row):
    assert row["name"] in TOOLS
    assert row["machine"] and row["date"] and row["steps"] > 0
    assert row in FINISHED or row["trouble"]


@pytest.mark.parametrize("row", FINISHED, ids=named(FINISHED))
def test_every_finished_row_is_whole(row):
    assert set(row) >= MEASURED
    assert row["versions"][TOOLS[row["name"]].package]
    assert row["tokens_per_second"] > 0
    assert row["last_loss"] < row["first_loss"]
    if row["base"] == "pocket":
        assert 0 <= row["unseen"] <= 1
        assert 0 <= row["familiar"] <= 1
