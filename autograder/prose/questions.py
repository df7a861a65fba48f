"""What the course's own notebook says of its prose cells: question, rubric, and the text to copy an answer from."""

import functools
import re
from pathlib import Path
from typing import NamedTuple

from autograder.notebook_source import grade_id, read_notebook
from autograder.prose.copied import Runs, runs_of
from shared.course import ROOT, Rung

RUBRIC = re.compile(r"A human\s+reads it")
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


class Questions(NamedTuple):
    """A rung's prose cells by name: the text above the cell, its rubric; and the runs of words of all its text."""

    questions: dict[str, str]
    rubrics: dict[str, str]
    runs: Runs


def questions_of(rung: Rung) -> Questions:
    """Return what the rung's source notebook holds. Raises ArtifactError when it cannot be read."""
    return _questions(ROOT / "rungs" / rung.folder, frozenset(rung.prose_cells))


@functools.cache
def _questions(folder: Path, names: frozenset[str]) -> Questions:
    cells = read_notebook(folder / f"{folder.name}.ipynb", folder)["cells"]
    texts = [cell for cell in cells if cell["cell_type"] == "markdown"]
    sources = ["".join(cell["source"]).replace(BEGIN, "").replace(END, "") for cell in texts]
    asked = {grade_id(cell): sources[number - 1] for number, cell in enumerate(texts) if grade_id(cell) in names}
    rubrics = {name: text[found.start() :] for name, text in asked.items() if (found := RUBRIC.search(text))}
    return Questions(asked, rubrics, runs_of(sources))
