"""Measured tables: kept as data, read typed, and what the notebooks show of them is really in them."""

from datetime import date

import pytest

from shared import measured as module
from shared.measured import FOLDER, MeasuredError, Table, measured, save

TABLE = Table(
    command="python scripts/x.py", date=date(2026, 11, 24), machine="2 cores", versions={"torch": "2"}, notes="shares",
    rows=[{"name": "a", "score": 0.5}, {"name": "b", "score": 1.0}],
)  # fmt: skip


def test_a_table_comes_back_as_it_was_saved_one_row_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    save("x", TABLE)
    assert measured("x") == TABLE
    lines = (tmp_path / "x.json").read_text().splitlines()
    assert sum('"name"' in line for line in lines) == 2


@pytest.mark.parametrize("content", ["", "{}", '{"rows": []}', "[]"])
def test_a_spoilt_table_is_one_line(tmp_path, monkeypatch, content):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(MeasuredError, match=r"^x\.json: "):
        measured("x")


def test_a_table_that_is_not_there_names_those_that_are():
    with pytest.raises(MeasuredError, match=r"no table 'speeed'; there are .*lora"):
        measured("speeed")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_table_says_how_where_and_when(path):
    table = measured(path.stem)
    assert table.command and table.machine and table.notes and table.rows
    assert {"torch", "transformers"} <= set(table.versions)
    assert all("name" in row for row in table.rows)


def test_every_lora_setting_ran_with_every_seed():
    rows = measured("lora").rows
    seeds = {row["seed"] for row in rows}
    names = {row["name"] for row in rows}
    assert len(seeds) >= 2 and len(rows) == len(seeds) * len(names)
    assert all(0 <= row[score] <= 1 for row in rows for score in ("familiar", "unseen"))


def test_lora_reaches_what_the_done_when_asks_with_every_seed():
    """On pocket: at least 95% of full fine-tuning's right tickets with at most 10% of the parameters."""
    rows = measured("lora").rows
    full = [row for row in rows if row["name"] == "full"]
    for row in (row for row in rows if row["name"] == "recipe"):
        assert row["familiar"] >= 0.95 * max(one["familiar"] for one in full)
        assert row["trained"] <= 0.10 * full[0]["trained"]
