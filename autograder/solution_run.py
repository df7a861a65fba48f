"""Execute a rung's solution notebook in a learner's folder: for the demonstration, the benchmark and the tests."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from shared.course import ROOT, Rung

CELL_SECONDS = 1800  # one cell, a training run included, on a slow machine


class SolutionError(Exception):
    """The solution notebook stopped. One line: the cell, and the error it ended in."""


def run_solution(rung: Rung, folder: Path, on_cell: Callable[[int, int, str], None] | None = None) -> Path:
    """Run the rung's notebook, solutions included, in `folder`, and return the executed notebook's path there.

    `folder` must carry the rung's folder name, as a learner's does: the notebook saves its artifacts there.
    `on_cell` is told before each code cell: its number, how many there are, and its id. Raises SolutionError.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{rung.folder}.ipynb"
    shutil.copyfile(ROOT / "rungs" / rung.folder / path.name, path)  # its check cells read the saved notebook
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # the kernel warns of every connection, also of this local one
    )
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    at = {"cell": "(start)"}

    def announce(cell: dict, cell_index: int) -> None:
        at["cell"] = cell.get("id", "")
        if on_cell is not None:
            on_cell(code.index(cell_index) + 1, len(code), at["cell"])

    client.on_cell_execute = announce
    try:
        asyncio.run(client.async_execute(env={**os.environ, "NBGRADER_EXECUTION": ""}))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise SolutionError(f"{path.name}: cell {at['cell']!r} stopped ({last})") from None
    finally:
        nbformat.write(notebook, path)  # also half-way: what was shown up to the error is worth reading
    return path
