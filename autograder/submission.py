"""One learner's work on one rung: a folder with a notebook and its artifacts, read as data."""

import functools
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from autograder.criteria import CannotTell, NotMet
from autograder.notebook_source import RESTORE, answer_source, has_cell, read_notebook
from autograder.student_code import Answer, Call, LearnerFunction, StudentCode
from autograder.warm_sandbox import WarmSandbox
from shared.artifacts import Artifact, ArtifactError, read_json, safe_path
from shared.course import Course, Rung

if TYPE_CHECKING:
    from autograder.gap import Look

Value = TypeVar("Value")
Record = TypeVar("Record", bound=Artifact)


def remembered(method: Callable[..., Value]) -> Value:
    """Make `method` a property that is worked out once. A failure is remembered too: no costly attempt is repeated."""
    name = f"_remembered_{method.__name__}"

    @functools.wraps(method)
    def get(self: object) -> Value:
        if name not in self.__dict__:
            try:
                self.__dict__[name] = (method(self), None)
            except Exception as error:
                self.__dict__[name] = (None, error)
        value, error = self.__dict__[name]
        if error is not None:
            raise error
        return value

    return property(get)  # type: ignore[return-value]


class Submission:
    """What a rung's checker asks. A rung adds its own properties in a subclass.

    `learner_functions` names the learner functions of the rung, each with the graded cell that it earns points for and
    the method that makes its calls. Their processes start with `begin` and end when the submission is left (`with`).
    `confined` says whether they run in a sandbox, or in which; None: where there is one.
    """

    learner_functions: tuple[tuple[str, LearnerFunction, str], ...] = ()
    libraries: tuple[str, ...] = ("torch", "transformers")  # whose versions run.json must say
    confined: bool | WarmSandbox | None = None
    gap_criterion = "claim-honest"  # the criterion whose line tells of a gap between public and hidden rows

    def __init__(self, folder: Path, rung: Rung, course: Course, *, seed: int, split: str):
        self.folder, self.rung, self.course, self.seed, self.split = folder, rung, course, seed, split
        self._running: dict[str, StudentCode | Exception] = {}

    @classmethod
    def prepare(cls, rung: Rung, course: Course, split: str) -> None:
        """Work out, in a process that verdicts are forked from, what each of them would work out again. By default
        nothing; never anything of a submission."""

    def gap_looks(self) -> "list[Look]":
        """Return where the submitted model is compared on public and hidden rows, if anywhere (`autograder.gap`)."""
        return []

    def begin(self, cells: Collection[str]) -> None:
        """Start the learner functions of these graded cells, so that they run while the rest is checked."""
        for cell, function, calls in self.learner_functions:
            if cell in cells:
                try:
                    self._running[function.name] = self.start(function, getattr(self, calls)())
                except Exception as error:
                    self._running[function.name] = error

    def start(self, function: LearnerFunction, calls: list[Call]) -> StudentCode:
        """Start a learner's function on `calls`. Raises ArtifactError, one line, when the notebook has no such cell."""
        source = answer_source(self.notebook, function.cell, self.notebook_path)
        return StudentCode(function, source, calls, confined=self.confined)

    def is_running(self, cell: str) -> bool:
        """Return whether a learner's function for this graded cell has been started."""
        names = [function.name for known, function, _ in self.learner_functions if known == cell]
        return any(isinstance(self._running.get(name), StudentCode) for name in names)

    def answers_of(self, function: LearnerFunction) -> list[Answer]:
        """Return what the learner's function gave for its calls. Raises ArtifactError, one line, when it gave none."""
        running = self._running[function.name]
        if isinstance(running, Exception):
            raise running
        if function.name not in self.__dict__:
            try:
                self.__dict__[function.name] = running.answers()
            except ArtifactError as error:
                self._running[function.name] = error
                raise
        return self.__dict__[function.name]

    def __enter__(self) -> "Submission":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for running in self._running.values():
            if isinstance(running, StudentCode):
                running.__exit__()

    @property
    def notebook_path(self) -> Path:
        """Where the notebook lies."""
        return self.folder / f"{self.rung.folder}.ipynb"

    @remembered
    def notebook(self) -> dict:
        """The notebook's JSON. Raises ArtifactError."""
        return read_notebook(self.notebook_path, self.folder)

    def require_cell(self, cell: str) -> None:
        """Raise NotMet when the graded cell has been deleted: it scores nothing, here and in the gradebook."""
        if not has_cell(self.notebook, cell):
            raise NotMet(f"the graded cell '{cell}' is missing from {self.notebook_path.name}", hint=f"{RESTORE}.")

    def path(self, relative: str) -> Path:
        """Return a path inside the submission, refusing links and ways out of it. Raises ArtifactError."""
        return safe_path(self.folder, relative)

    def record(self, relative: str, model: type[Record]) -> Record:
        """Return a JSON artifact as a checked record. Raises ArtifactError, one line."""
        return read_json(self.folder / relative, model, within=self.folder)

    def threshold(self, name: str, profile: str) -> float:
        """Return a threshold of the rung for the profile that the work was done on."""
        try:
            return self.rung.thresholds[profile][name]
        except KeyError:
            raise CannotTell(f"course.yml: no threshold {name!r} for rung {self.rung.id} on {profile!r}") from None
