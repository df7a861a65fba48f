"""What rung 11's page says in words of its tables and of the installed libraries, held to them."""

import importlib.util
from pathlib import Path

import nbformat

from shared.course import ROOT
from shared.measured import measured

FOLDER = "rung-11-ecosystem"
PAGE = nbformat.read(ROOT / "rungs" / FOLDER / f"{FOLDER}.ipynb", as_version=4)
TEXT = {cell.id: " ".join(cell.source.split()) for cell in PAGE.cells}


def right_of(name: str) -> list[float]:
    return [row["familiar"] for row in measured("moved").rows if row["name"] == name]


def test_what_each_lost_line_costs_is_what_was_measured():
    assert "Layers and length (three seeds) and alpha (two), each left to chance, take most" in TEXT["moved-text"]
    for name, seeds in (("layers: queries and values", 3), ("length: 3 epochs", 3), ("alpha: half the rank", 2)):
        assert len(right_of(name)) == seeds and max(right_of(name)) < 0.5, name
    assert "a loss that counts the prompt takes about half (two)" in TEXT["moved-text"]
    prompt = right_of("loss: on the prompt, too")
    assert len(prompt) == 2 and 0.4 < sum(prompt) / 2 < 0.6
    assert "Half the rows a step cost little, the schedule nothing (one seed each)" in TEXT["moved-text"]
    (batch,), (schedule,) = right_of("batch: 8 rows a step"), right_of("schedule: linear, no warmup")
    assert 0.85 < batch < 1 and schedule == max(right_of("recipe"))


def test_the_tables_command_makes_its_rows():
    path = ROOT / "scripts" / "measure_moved.py"
    spec = importlib.util.spec_from_file_location("measure_moved", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert measured("moved").command == script.command_of(measured("moved").rows)


def test_unsloth_and_trl_compare_as_the_page_says():
    rows = {row["name"].removesuffix(", 4 x 1024"): row for row in measured("training").rows}
    unsloth, plain = rows["Unsloth"], rows["TRL as documented"]
    offloaded = rows["Liger, activations in main memory"]
    assert unsloth["optimizer"] == offloaded["optimizer"] == "paged-adamw-8bit" and plain["optimizer"] == "adamw"
    assert unsloth["peak_gib"] < plain["peak_gib"] and unsloth["seconds"] > plain["seconds"]
    assert offloaded["peak_gib"] < unsloth["peak_gib"] and offloaded["seconds"] < unsloth["seconds"]


def test_the_scripts_to_read_are_in_the_package():
    folder = Path(importlib.util.find_spec("trl").origin).parent / "scripts"
    named = [word for word in TEXT["recap"].split("`") if word.endswith(".py")]
    assert len(named) == 7 and all((folder / name).is_file() for name in named)


def test_the_tool_is_named_once():
    """Whoever puts another tool's name there runs that tool, and the colleague's run stays TRL's."""
    source = "\n".join(cell.source for cell in PAGE.cells if cell.cell_type == "code")
    assert source.count('tool = "trl"') == 1 and "stage=tool" in source and 'run_tool("trl", recipe=filled' in source
