"""course.yml as typed objects: the syllabus, the profiles, the points and the thresholds.

Everything else reads the course through `load_course`, so that a number stands in one place. A mistake in the
file becomes one line that names file, key and reason.
"""

import functools
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

ROOT = Path(__file__).resolve().parent.parent

Name = Annotated[str, Field(min_length=1)]
Points = Annotated[int, Field(ge=0)]
ProfileName = Literal["pocket", "gpu"]


class CourseError(ValueError):
    """The course file cannot be used, or was asked for something that it does not hold. One line."""


class Entry(BaseModel):
    """Base of all entries: no unknown keys, no quiet conversion of types, no change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BaseModelSpec(Entry):
    """A base model: its hub id and pinned revision, or a folder of this repository."""

    id: Name
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None
    path: Name | None = None

    @model_validator(mode="after")
    def _hub_models_are_pinned(self) -> "BaseModelSpec":
        if (self.path is None) == (self.revision is None):
            raise ValueError("expected either a path in this repository or a revision on the hub")
        return self


class Profile(Entry):
    """A kind of machine. `least_memory_gib` is what a machine must have for the course to pick it unasked."""

    name: ProfileName
    title: Name
    base: BaseModelSpec
    device: Literal["cpu", "cuda"]
    least_memory_gib: Annotated[float, Field(gt=0)]
    needs: Name


class Resource(Entry):
    """Something to read: a paper, a guide, a project's documentation."""

    title: Name
    url: Annotated[str, Field(pattern="^https://[^ ]+$")]


class Cost(Entry):
    """What running a rung's notebook from top to bottom takes. `estimate`: nobody has measured it yet."""

    minutes: Annotated[float, Field(gt=0)]
    memory_gib: Annotated[float, Field(gt=0)]
    estimate: bool = False


class ExitItem(Entry):
    """One thing a learner must have done to leave the course."""

    id: Name
    title: Name


class Rung(Entry):
    """One step of the course.

    `points` come from the checker, `prose_points` from a human reader. For a built rung `cells` and
    `prose_cells` name the graded notebook cells (their grade_id) and share those points out. `thresholds` are
    fractions unless their name says otherwise, one table a profile. `bases` are the profiles whose own base this
    rung replaces.
    """

    id: Annotated[str, Field(pattern="^[0-9]{2}$")]
    slug: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Name
    subject: Name
    built: bool
    done_when: Name
    resources: Annotated[tuple[Resource, ...], Field(min_length=1, strict=False)]
    points: Points
    prose_points: Points
    cells: dict[Name, Points] = {}
    prose_cells: dict[Name, Points] = {}
    prerequisites: Annotated[tuple[str, ...], Field(strict=False)] = ()
    exit_items: Annotated[tuple[str, ...], Field(strict=False)] = ()
    cost: dict[ProfileName, Cost] | None = None
    thresholds: dict[ProfileName, dict[Name, Annotated[float, Field(allow_inf_nan=False)]]] = {}
    bases: dict[ProfileName, BaseModelSpec] = {}

    @property
    def folder(self) -> str:
        """Name of the rung's folder, notebook and nbgrader assignment, e.g. "rung-02-sft"."""
        return f"rung-{self.id}-{self.slug}"

    @model_validator(mode="after")
    def _points_add_up(self) -> "Rung":
        for key, total, cells in (
            ("points", self.points, self.cells),
            ("prose_points", self.prose_points, self.prose_cells),
        ):
            shared_out = sum(cells.values())
            if (self.built or cells) and shared_out != total:
                raise ValueError(f"{key} is {total}, but its cells add up to {shared_out}")
        return self

    @model_validator(mode="after")
    def _built_rungs_are_complete(self) -> "Rung":
        if self.built and (not self.thresholds or not self.cost):
            raise ValueError("a rung that is built needs thresholds and a cost")
        return self


class Judge(Entry):
    """A model that advises human graders of prose, behind an endpoint that speaks OpenAI's chat completions."""

    endpoint: Annotated[str, Field(pattern="^https?://[^ ]+$")]
    model: Name
    seconds: Annotated[float, Field(gt=0, le=60)] = 15.0


class Grading(Entry):
    """How learners' work is graded. `sandbox`: whether their code must run in one; a self-check never demands it.
    `judge`: a judge model's advice on prose, none by default."""

    sandbox: Literal["required", "optional"] = "required"
    judge: Judge | None = None


class Course(Entry):
    """The whole course, in the order in which it is taken."""

    title: Name
    summary: Name
    grading: Grading = Grading()
    profiles: dict[ProfileName, Profile]
    exit_items: Annotated[tuple[ExitItem, ...], Field(min_length=1, strict=False)]
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="before")
    @classmethod
    def _name_profiles_by_their_key(cls, data: Any) -> Any:
        profiles = data.get("profiles") if isinstance(data, dict) else None
        if not isinstance(profiles, dict):
            return data
        named = {key: {"name": key, **facts} if isinstance(facts, dict) else facts for key, facts in profiles.items()}
        return {**data, "profiles": named}

    @model_validator(mode="after")
    def _both_profiles_are_there(self) -> "Course":
        for name in ("pocket", "gpu"):
            if name not in self.profiles:
                raise ValueError(f"profiles.{name}: missing")
        return self

    @model_validator(mode="after")
    def _references_hold(self) -> "Course":
        exit_ids = _unique("exit_items", [item.id for item in self.exit_items])
        _unique("rungs", [rung.id for rung in self.rungs])
        _unique("rungs", [rung.slug for rung in self.rungs], key="slug")
        earlier: set[str] = set()
        for number, rung in enumerate(self.rungs):
            _known(f"rungs.{number}.prerequisites", rung.prerequisites, earlier, "ids of earlier rungs")
            _known(f"rungs.{number}.exit_items", rung.exit_items, exit_ids, "ids of exit_items")
            earlier.add(rung.id)
        unmet = exit_ids - {item for rung in self.rungs for item in rung.exit_items}
        if unmet:
            raise ValueError(f"exit_items: no rung leads to {sorted(unmet)[0]!r}")
        return self

    def rung(self, name: str) -> Rung:
        """The rung called `name`: "2", "02" or "rung-02-sft". CourseError names the known ones."""
        for rung in self.rungs:
            if name in (rung.id, rung.id.lstrip("0"), rung.folder):
                return rung
        raise CourseError(f"no rung {name!r}; expected one of {', '.join(rung.id for rung in self.rungs)}")

    def profile(self, name: str) -> Profile:
        """The profile called `name`: "pocket" or "gpu". CourseError names the known ones."""
        for known, profile in self.profiles.items():
            if known == name:
                return profile
        raise CourseError(f"no profile {name!r}; expected one of {', '.join(self.profiles)}")


def _unique(where: str, ids: list[str], key: str = "id") -> set[str]:
    """The ids as a set; ValueError names the first that occurs twice."""
    for number, value in enumerate(ids):
        if value in ids[:number]:
            raise ValueError(f"{where}.{number}.{key}: {value!r} is taken by {where}.{ids.index(value)}")
    return set(ids)


def _known(where: str, names: tuple[str, ...], known: set[str], expected: str) -> None:
    """ValueError for the first of `names` that is not known."""
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: expected {expected}, got {name!r}")


def load_course(path: Path = ROOT / "course.yml") -> Course:
    """Read and check the course file. CourseError is one line: file, key, reason."""
    try:
        written = path.stat()
        return _read_course(path, written.st_mtime_ns, written.st_size, written.st_ino)
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); expected in {path.parent}"
        raise CourseError(f"{path.name}: {reason}") from None


@functools.lru_cache(maxsize=4)
def _read_course(path: Path, *_: int) -> Course:
    """Return what `load_course` returns; read again when the file's time, size or place has changed."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise CourseError(f"{path.name}: is not UTF-8 text; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise CourseError(f"{path.name}: {_yaml_reason(error)}") from None
    try:
        return Course.model_validate(data)
    except ValidationError as error:
        raise CourseError(f"{path.name}: {_reason(error)}") from None


def _yaml_reason(error: yaml.YAMLError) -> str:
    """Line and problem of a YAML syntax error."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "not valid YAML"
    return f"line {mark.line + 1}: {problem}" if mark else problem


def _reason(error: ValidationError) -> str:
    """The first fault of a validation error as "key: reason"."""
    fault = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "missing":
        return f"{key}: missing"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key; remove it or correct its spelling"
    if fault["type"] == "value_error":  # our own validators, which may name a deeper key themselves
        return f"{key}: {fault['ctx']['error']}" if key else str(fault["ctx"]["error"])
    expected = fault["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return f"{key or 'the file'}: expected {expected}, got {str(fault['input'])[:60]!r}"


def main(arguments: list[str]) -> int:
    """For the Makefile: `--built` prints the ids of the built rungs, `--folder 02` a rung's folder name."""
    try:
        course = load_course()
        if arguments == ["--built"]:
            print(*(rung.id for rung in course.rungs if rung.built))
        elif len(arguments) == 2 and arguments[0] == "--folder":
            print(course.rung(arguments[1]).folder)
        else:
            raise CourseError("usage: python -m shared.course --built | --folder RUNG")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
