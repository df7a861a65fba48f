"""What an attack is: a submission, made from an honest one by a small function, and the exact score that it must get.

The modules `in_notebooks`, `in_files`, `by_artifacts`, `by_code` and `by_answers` are the table. An attack's docstring
says in one line what it tries, its decorator what the honest part of the work deserves: that, and nothing else, may
stand in the gradebook afterwards.
"""

import copy
import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_output

from shared.course import Rung, load_course

# What an attack starts from: one exercise of two and no artifacts, the same with the trained model, or everything.
HALF, TRAINED, HONEST = "half", "trained", "honest"
RUNG = load_course().rung("02")
PROSE = "explain-sft"

Points = tuple[float, ...]  # in the order of the rung's graded cells; of rung 02: sft-loss, read-failures, done-when
NOTHING, ONE_FUNCTION, BOTH_FUNCTIONS = (0, 0, 0), (0, 3, 0), (4, 3, 0)
TRAINED_MODEL, ALL = (0, 3, 13), (4, 3, 13)


class Target(NamedTuple):
    """What an attack may aim at: the course's folder, a place outside it, a listener on the loopback, the code."""

    course: Path
    outside: Path
    port: int
    repository: Path


class Starts(NamedTuple):
    """What a learner of one rung begins with: the notebook as released, the honest one, the honest artifacts."""

    released: nbformat.NotebookNode
    honest: nbformat.NotebookNode
    artifacts: Path


class Work:
    """One submission in the making. `notebook` is saved at the end, unless the attack sets it to None."""

    def __init__(self, rung: Rung, folder: Path, starts: Starts, start: str, target: Target):
        self.rung, self.folder, self.target, self._starts = rung, folder, target, starts
        self.notebook = copy.deepcopy(starts.honest) if start == HONEST else half_done(starts)

    @property
    def path(self) -> Path:
        """Where the notebook belongs."""
        return self.folder / f"{self.rung.folder}.ipynb"

    @property
    def graded(self) -> list[nbformat.NotebookNode]:
        """The cells that the checker gives points for."""
        return [self.cell(name) for name in self.rung.cells]

    def cell(self, name: str) -> nbformat.NotebookNode:
        """Return the notebook's cell with this grade_id."""
        return cell(self.notebook, name)

    def released(self, name: str) -> str:
        """Return the source of a cell as it was handed out."""
        return cell(self._starts.released, name).source

    def classmate(self, name: str) -> Path:
        """Return the folder that another learner submits for the same rung."""
        return self.target.course / "submitted" / name / self.rung.folder

    def save(self) -> Path:
        """Write the notebook as it is, valid or not, and leave it alone from now on."""
        self.path.write_text(json.dumps(self.notebook))
        self.notebook = None
        return self.path

    def begin_with(self, source: str) -> None:
        """Put a code cell before all others."""
        self.notebook.cells.insert(0, new_code_cell(source))

    def mark(self, also: str = "") -> str:
        """Return Python source that leaves a file outside the course when somebody runs it."""
        return f"open({str(self.target.outside / 'executed')!r}, 'a').write('x')\n{also}"

    def edit(self, relative: str, change: Callable[[dict], object]) -> None:
        """Let `change` alter the JSON object in a file of the submission."""
        path = self.folder / relative
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


class Attack(NamedTuple):
    """One row of the table. `waits`: the cells for a human. `again`: after honest work was graded. `slow`: only a limit
    on time ends it. `part`: the module of the table that it stands in."""

    name: str
    tries: str
    submit: Callable[[Work], object]
    points: Points
    start: str
    rung: Rung
    waits: Collection[str]
    again: bool
    slow: bool
    part: str

    @property
    def deserves(self) -> dict[str, float]:
        """Graded cell -> the points that must stand in the gradebook."""
        return dict(zip(self.rung.cells, self.points, strict=True))


ATTACKS: dict[str, Attack] = {}
LEARNERS: dict[str, Attack] = {}  # the honest, the half-done and the unlucky, graded in the same batch


def attack(points: Points = ONE_FUNCTION, *, start: str = HALF, **options: object) -> Callable:
    """Enter the decorated function into the table, under its own name."""
    return _entering(ATTACKS, points, start, **options)


def learner(points: Points = ONE_FUNCTION, *, start: str = HALF, **options: object) -> Callable:
    """Enter the decorated function among the learners who mean no harm."""
    return _entering(LEARNERS, points, start, **options)


def _entering(
    table: dict[str, Attack],
    points: Points,
    start: str,
    *,
    rung: str = "02",
    waits: Collection[str] | None = None,
    again: bool = False,
    slow: bool = False,
) -> Callable:
    known = load_course().rung(rung)

    def enter(submit: Callable[[Work], object]) -> Callable:
        waiting = tuple(known.prose_cells) if waits is None else tuple(waits)
        name, tries = submit.__name__, (submit.__doc__ or "").partition("\n")[0]
        assert name not in {**ATTACKS, **LEARNERS} and tries, f"{name}: a second one of this name, or no docstring"
        table[name] = Attack(name, tries, submit, points, start, known, waiting, again, slow, submit.__module__)
        return submit

    return enter


def hand_in(one: Attack, starts: Starts, target: Target) -> Path:
    """Make the submission of `one` in its folder of the course, and return the folder."""
    folder = target.course / "submitted" / one.name / one.rung.folder
    folder.mkdir(parents=True, exist_ok=True)
    work = Work(one.rung, folder, starts, one.start, target)
    if one.start != HALF:
        shutil.copytree(starts.artifacts, folder / "artifacts", dirs_exist_ok=True)
    one.submit(work)
    if work.notebook is not None:
        work.save()
    return folder


def half_done(starts: Starts) -> nbformat.NotebookNode:
    """Return rung 02's notebook with its second exercise and the prose answered; any other rung's as released."""
    notebook = copy.deepcopy(starts.released)
    for one in notebook.cells:
        if (name := one.metadata.get("nbgrader", {}).get("grade_id")) in ("answer-read-failures", PROSE):
            one.source = cell(starts.honest, name).source
    return notebook


def cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Return the notebook's cell with this grade_id."""
    return next(one for one in notebook.cells if one.metadata.get("nbgrader", {}).get("grade_id") == name)


def full_marks(points: float) -> list[nbformat.NotebookNode]:
    """Return outputs that look like a report with all points."""
    text = f"✓ all is well  {points:g}/{points:g}\nDone: {points:g} of {points:g} points.\n"
    result = new_output("execute_result", data={"text/plain": repr(float(points))}, execution_count=1)
    return [new_output("stream", name="stdout", text=text), result]
