"""Where a learner's work on a rung lies."""

from pathlib import Path

from shared.course import Rung


class NoWorkError(Exception):
    """There is no work to check. One line: where it was looked for, and the next step."""


def find_work(rung: Rung, work: Path | None = None) -> Path:
    """Return the folder that holds the learner's notebook of `rung`.

    `work` is that folder itself, or the one that holds all rungs; by default the current folder or the course's
    `work/`, as for `stage`. Raises NoWorkError when there is no such folder.
    """
    from shared.training import work_folder

    folder = work_folder(rung.id) if work is None else work / rung.folder
    if work is not None and not folder.is_dir() and (work / f"{rung.folder}.ipynb").is_file():
        folder = work
    if not folder.is_dir():
        raise NoWorkError(f"{folder}: no such folder, so rung {rung.id} has not been begun. Run 'make start' first")
    return folder
