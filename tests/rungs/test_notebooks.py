"""What every built rung's notebook keeps to, read without running it: clean outputs, short cells, today's keywords."""

import ast
import importlib
import inspect

import nbformat
import pytest

from shared.course import ROOT, load_course

BUILT = [rung for rung in load_course().rungs if rung.built]
LIBRARIES = {"trl", "peft", "transformers", "datasets", "evaluate"}
LONGEST_CELL = 15


@pytest.fixture(params=BUILT, ids=lambda rung: rung.folder)
def notebook(request):
    return nbformat.read(ROOT / "rungs" / request.param.folder / f"{request.param.folder}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def library_calls(source: str, imported: dict):
    """Yield (what is called, the keywords it is given) for calls of names that were imported from the libraries."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in LIBRARIES:
            module = importlib.import_module(node.module)
            imported.update({name.asname or name.name: getattr(module, name.name) for name in node.names})
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in imported:
            yield imported[node.func.id], [word.arg for word in node.keywords if word.arg is not None]


@pytest.mark.slow
def test_every_keyword_is_one_that_the_installed_library_takes(notebook):
    imported, seen = {}, 0
    for cell in code_cells(notebook):
        for called, keywords in library_calls(cell.source, imported):
            parameters = inspect.signature(called).parameters
            takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
            assert takes_any or not set(keywords) - set(parameters), f"{called.__name__} in {cell.id}"
            seen += 1
    assert seen, "no library call found: does the test still look in the right place?"


@pytest.mark.slow
def test_the_arguments_of_every_stage_are_ones_that_the_trainer_takes(tmp_path):
    from trl import SFTConfig

    from shared.training import trainer_arguments

    assert not set(trainer_arguments(tmp_path)) - set(inspect.signature(SFTConfig).parameters)


def test_no_output_is_kept(notebook):
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))


def test_code_cells_are_short(notebook):
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")]
        assert len(lines) <= LONGEST_CELL, cell.id


def test_no_cell_installs_anything_or_names_a_place_on_this_machine(notebook):
    for cell in code_cells(notebook):
        assert not cell.source.lstrip().startswith(("!", "%"))
        assert "pip install" not in cell.source and "/home/" not in cell.source


def test_cell_ids_are_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
