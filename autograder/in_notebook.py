"""`check` for a notebook's cell: the same verdict as on the command line, for one graded cell or for the whole rung."""

import inspect
import sys
from pathlib import Path


def check(rung: str, cell: str | None = None) -> None:
    """Print what is met and what is not, of one graded cell or of the whole rung. Never raises for unfinished work.

    The checker reads the saved notebook, as a grader would: save it first. `check` says so when it sees that an
    answer in memory differs from the saved one.
    """
    from autograder.checkers import CheckerError, checker_of
    from autograder.report_text import show
    from autograder.runner import grade
    from autograder.workplace import NoWorkError, find_work
    from shared.course import CourseError, load_course

    try:
        known, cells = load_course().rung(rung), None if cell is None else [cell]
        checker_of(known, cells)  # what cannot be checked at all is said before any work is looked for
        folder = find_work(known)
        if _unsaved(folder / f"{known.folder}.ipynb", cell):
            print("Your answer has changed since the notebook was saved: save it (Ctrl+S), then run this cell again.")
            return
        show(grade(rung, folder, cells=cells), cell)
    except (CourseError, CheckerError, NoWorkError) as error:
        print(error)


def _unsaved(notebook: Path, cell: str | None) -> bool:
    """Return whether a function of the answer to `cell` stands in memory but not, as it is, in the saved answer."""
    from autograder.notebook_source import answer_source, read_notebook
    from shared.safe_files import ArtifactError

    if cell is None:
        return False
    try:
        saved = answer_source(read_notebook(notebook, notebook.parent), f"answer-{cell}", notebook)
    except ArtifactError:
        return False  # the check itself says what is wrong
    names = [line[4:].split("(")[0].strip() for line in saved.splitlines() if line.startswith("def ")]
    return any(source is not None and source not in saved for source in map(_source_in_memory, names))


def _source_in_memory(name: str) -> str | None:
    """Return the source of the notebook's function `name`, as last run, or None when there is none to be had."""
    try:
        return inspect.getsource(vars(sys.modules["__main__"])[name]).strip()
    except (KeyError, TypeError, OSError):
        return None
