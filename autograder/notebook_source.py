"""Read a submitted notebook as data: its graded cells and the source of its answer cells, by `grade_id`."""

import json
import os
from pathlib import Path

from shared.safe_files import ArtifactError, read_limited, shown

LARGEST_NOTEBOOK = 50_000_000  # bytes; figures in saved outputs make notebooks large
LARGEST_ANSWER = 100_000  # characters of source in one answer cell
RESTORE = "Fetch the notebook again (make start, after moving yours aside) and copy your answers over"


def read_notebook(path: Path, within: Path) -> dict:
    """Return the notebook's JSON object, with a list of cells that are objects.

    Raises ArtifactError, in one line, for whatever is not an ordinary, readable notebook inside the folder `within`.
    """
    if not os.path.lexists(path):
        raise ArtifactError(f"{shown(path)}: no such notebook. Keep the rung's notebook under its own name")
    data = read_limited(path, within, LARGEST_NOTEBOOK)
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{shown(path)}: not a notebook ({_reason(error)}). Save it again in Jupyter") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ArtifactError(f"{shown(path)}: not a notebook (no list of cells). Save it again in Jupyter")
    return notebook


def grade_id(cell: dict) -> str | None:
    """Return the name that nbgrader knows the cell by, or None for an ordinary cell, whatever its metadata holds."""
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else None


def has_cell(notebook: dict, name: str) -> bool:
    """Return whether the notebook still holds the cell called `name`."""
    return any(grade_id(cell) == name for cell in notebook["cells"])


def answer_source(notebook: dict, name: str, path: Path) -> str:
    """Return the source of the one code cell called `name`. Raises ArtifactError naming the file `path`.

    A missing cell, two cells of that name, a cell turned into text and an outsized one each give one line.
    """
    cells = [cell for cell in notebook["cells"] if grade_id(cell) == name]
    if not cells:
        raise ArtifactError(f"{shown(path)}: the answer cell '{name}' is missing. {RESTORE}")
    if len(cells) > 1:
        raise ArtifactError(
            f"{shown(path)}: {len(cells)} cells are called '{name}', expected one. Delete the copies (a copied cell "
            "keeps the name of the original)"
        )
    source = cells[0].get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if cells[0].get("cell_type") != "code" or not isinstance(source, str):
        raise ArtifactError(f"{shown(path)}: the answer cell '{name}' is not a code cell. Change its type back to Code")
    if len(source) > LARGEST_ANSWER:
        raise ArtifactError(
            f"{shown(path)}: the answer cell '{name}' has {len(source):,} characters, expected at most "
            f"{LARGEST_ANSWER:,}. Keep only the function in it"
        )
    return source


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
