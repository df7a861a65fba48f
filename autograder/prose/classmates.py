"""What the others of a class have submitted for the same prose cell, to notice a text that two have handed in."""

import functools
import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.notebook_source import grade_id, read_notebook
from autograder.prose.copied import Runs, runs_of
from autograder.prose.reading import LONGEST
from shared.course import Rung
from shared.safe_files import ArtifactError

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory


def answers_of_others(course: "CourseDirectory", rung: Rung, student: str) -> dict[str, Mapping[str, Runs]]:
    """Return, for every other student, the runs of words of each prose answer by the cell's name.

    A notebook is read once in a process, and again when it has changed. One that cannot be read has no answers.
    """
    pattern = course.format_path(course.submitted_directory, "*", rung.folder)
    mine = Path(course.format_path(course.submitted_directory, student, rung.folder))
    folders = [Path(name) for name in sorted(glob.glob(pattern)) if Path(name) != mine]
    found = {}
    for folder in folders:
        path = folder / f"{rung.folder}.ipynb"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        found[folder.parent.name] = _answers(path, status.st_mtime_ns, status.st_size, tuple(rung.prose_cells))
    return found


@functools.lru_cache(maxsize=4_096)
def _answers(path: Path, changed: int, size: int, names: tuple[str, ...]) -> Mapping[str, Runs]:
    try:
        cells = read_notebook(path, path.parent)["cells"]
    except ArtifactError:
        return {}
    sources = {grade_id(cell): cell.get("source") for cell in cells if grade_id(cell) in names}
    texts = {name: text if isinstance(text, str) else _joined(text) for name, text in sources.items()}
    return {name: runs_of([text[:LONGEST]]) for name, text in texts.items()}


def _joined(lines: object) -> str:
    return "".join(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ""
