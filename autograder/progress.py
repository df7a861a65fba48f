"""What `make progress` says beside the checker's points: is a rung begun at all, and is its prose written?"""

from pathlib import Path

from autograder.notebook_source import grade_id, read_notebook
from autograder.start import as_handed_out
from autograder.workplace import find_work
from shared.course import Rung
from shared.safe_files import ArtifactError

PLACEHOLDER = "YOUR ANSWER HERE"  # nbgrader's, in the place of a prose answer


def begun_work(rung: Rung, work: Path | None) -> Path | None:
    """Return the folder of a rung that the learner has begun, None while it is as `make start` left it.

    Raises NoWorkError where there is no such folder.
    """
    folder = find_work(rung, work)
    return None if as_handed_out(folder) and not (folder / "artifacts").exists() else folder


def prose_progress(rung: Rung, folder: Path) -> str:
    """Return how far the rung's prose is, in words: not answered, 1 of 2 answered, answered."""
    path = folder / f"{rung.folder}.ipynb"
    try:
        texts = {grade_id(cell): _text(cell) for cell in read_notebook(path, folder)["cells"]}
    except ArtifactError:
        texts = {}  # the check says what is wrong with it
    written = sum(texts.get(name, "") not in ("", PLACEHOLDER) for name in rung.prose_cells)
    if written in (0, len(rung.prose_cells)):
        return "answered" if written else "not answered"
    return f"{written} of {len(rung.prose_cells)} answered"


def _text(cell: dict) -> str:
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str)).strip()
