"""What `make check-rung-NN` says of prose: answered or not, long enough or not, and that a human reads it.

What an answer should say is not told here: the points are for finding that out.
"""

from collections.abc import Iterator
from pathlib import Path

from autograder.notebook_source import grade_id, read_notebook
from autograder.prose.ideas import ProseCell, prose_cells
from autograder.prose.proposal import Verdict, form
from autograder.prose.reading import read
from shared.artifacts import ArtifactError
from shared.course import Rung

STUB = "YOUR ANSWER HERE"  # nbgrader's, in every answer cell of a released notebook


def prose_lines(rung: Rung, folder: Path) -> Iterator[str]:
    """Yield a line for each prose cell of the learner's notebook; none for a notebook that cannot be read."""
    try:
        cells = read_notebook(folder / f"{rung.folder}.ipynb", folder)["cells"]
    except ArtifactError:
        return  # the checker's report says so
    sources = {grade_id(cell): cell.get("source") for cell in cells}
    for name, known in prose_cells(rung).items():
        source = sources.get(name)
        text = "".join(source) if isinstance(source, list) and all(isinstance(one, str) for one in source) else source
        state = _state(text if isinstance(text, str) else "", known)
        yield f"'{name}', {rung.prose_cells[name]} points by a human: {state}"


def _state(text: str, cell: ProseCell) -> str:
    answer = read(text)
    verdict = form(answer, read(STUB), cell)
    if verdict is Verdict.NOT_ANSWERED:
        return "not answered yet"
    if verdict is Verdict.TOO_SHORT:
        return f"too short: {len(answer.words)} words, at least {cell.asked} are asked for"
    if verdict is Verdict.LIST:
        return "reads like a list of terms: write sentences"
    return f"waits for a human ({len(answer.words)} words)"
