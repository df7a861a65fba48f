"""The completion record: which files were checked, what the check found, where and with what.

A record is a claim, and says so: it holds no secret and no signature, since whoever can make one offline could sign
any other. Its worth is that `python -m autograder verify` makes it again from the files, on another machine.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from autograder.criteria import Report
from autograder.exit_items import Reports, State, judge_items
from shared.artifacts import Artifact, ArtifactError, safe_path
from shared.course import ROOT, Course, Rung
from shared.safe_files import inside, shown

FORMAT = "fine-tuning course, completion record, 1"
PACKAGES = ("fine-tuning-course", "torch", "transformers", "trl", "peft")
MOST_FILES = 2_000  # of one rung: its notebook and what it saved
BLOCK = 2**20  # bytes hashed at a time: weights may be larger than the memory

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class RungRecord(Artifact):
    """What was found of one rung. `passed` is None for what could not be told there; `files` maps paths to hashes."""

    id: str
    done: bool
    score: Count
    max_score: Count
    prose_points: Count
    passed: dict[str, bool | None]
    saved: str
    files: dict[str, Sha256]


class CompletionRecord(Artifact):
    """`completion.json`. `course` is the hash of course.yml, `hidden` whether an instructor's rows were asked."""

    largest: ClassVar[int] = 4_000_000

    format: str
    made: str
    complete: bool
    course: Sha256
    profile: str
    hidden: bool
    versions: dict[str, str]
    machine: str
    items: dict[str, State]
    rungs: list[RungRecord]


def make_record(
    course: Course, reports: Reports, files: dict[str, dict[str, Path]], hashes: dict[str, dict[str, str]]
) -> CompletionRecord:
    """Return the record of these reports on these files (by rung, then by path in the rung's folder)."""
    items = {item.id: item.state for item in judge_items(course, reports)}
    rungs = [
        _rung_record(rung, reports[rung.id], files[rung.id], hashes[rung.id])
        for rung in course.rungs
        if reports.get(rung.id) is not None
    ]
    return CompletionRecord(
        format=FORMAT,
        made=_date(datetime.now(UTC).timestamp()),
        complete=set(items.values()) == {State.MET},
        course=hash_file(ROOT / "course.yml"),
        profile=os.environ.get("COURSE_PROFILE") or "pocket",
        hidden=bool(os.environ.get("COURSE_HIDDEN_SEED")),
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        machine=f"{platform.system()} {platform.machine()}",  # never its name: the record is handed on
        items=items,
        rungs=rungs,
    )


def _rung_record(rung: Rung, report: Report, files: dict[str, Path], hashes: dict[str, str]) -> RungRecord:
    return RungRecord(
        id=rung.id,
        done=report.done,
        score=report.score,
        max_score=report.max_score,
        prose_points=rung.prose_points,
        passed={result.id: result.passed for result in report.criteria},
        saved=_date(max((path.stat().st_mtime for path in files.values()), default=0)),
        files=hashes,
    )


def files_of(rung: Rung, folder: Path) -> dict[str, Path]:
    """Return the rung's notebook and all files below `artifacts/`, by their paths in the rung's folder.

    Unfinished training and hidden files are left out. Raises ArtifactError, one line, for a link or for too many files.
    """
    found = {}
    notebook = folder / f"{rung.folder}.ipynb"
    for path in (notebook, *_below(safe_path(folder, "artifacts"))):
        inside(path, folder)
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path
        if len(found) > MOST_FILES:
            raise ArtifactError(f"{shown(folder)}: more than {MOST_FILES} files in artifacts. Move what is not asked")
    return dict(sorted(found.items()))


def hash_files(files: dict[str, Path]) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file."""
    return {name: hash_file(path) for name, path in files.items()}


def hash_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file, read a block at a time. Raises ArtifactError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise ArtifactError(f"{shown(path)}: cannot be read ({error.strerror}). Check its permissions") from None
    return digest.hexdigest()


def _below(folder: Path) -> Iterator[Path]:
    """Yield files and links below `folder`, without hidden ones and what an interrupted run left."""
    for root, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith((".", "checkpoint-")) and name not in links]
        yield from (Path(root) / name for name in (*links, *names) if not name.startswith("."))


def _date(seconds: float) -> str:
    """Return a moment as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
