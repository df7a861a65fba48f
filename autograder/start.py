"""`make start`: put the rungs' notebooks into the learner's folder, and never overwrite what the learner has changed.

The notebooks are nbgrader's release version, so solutions are gone. A manifest beside them keeps the hash of every
file as it was handed out: a file that still has it is nobody's work and may be replaced by a newer version.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from autograder.nbgrader_course import NbgraderError, make_course_folder, nbgrader
from shared.course import ROOT, Rung, load_course

MANIFEST = ".handed-out.json"


class StartError(Exception):
    """The notebooks cannot be put into place. One line."""


def start(work: Path | None = None, console: Console | None = None) -> None:
    """Make or bring up to date the learner's folder (`work/` by default), one line a file that matters.

    Raises StartError when nbgrader cannot make the release version or the folder cannot be written.
    """
    work, console = work or ROOT / "work", console or Console()
    built = [rung for rung in load_course().rungs if rung.built]
    handed_out = _read_manifest(work)
    stale = [rung for rung in built if not _up_to_date(work, rung, handed_out.get(rung.folder, {}))]
    try:
        with tempfile.TemporaryDirectory(prefix="release-") as name:
            release = Path(name)
            make_course_folder(release, stale)
            for rung in stale:
                with console.status(f"making {rung.folder} ..."):
                    nbgrader(release, "generate_assignment", rung.folder, "--no-db")
                known = handed_out.get(rung.folder, {})
                files = dict(_hand_out(release / "release" / rung.folder, work / rung.folder, known, console))
                handed_out[rung.folder] = {"source": _source_hash(rung), "files": files}
                _write_manifest(work, handed_out)
    except (OSError, NbgraderError) as error:
        raise StartError(f"start: {error}") from None
    for rung in built:
        console.print(f"{work / rung.folder} is ready", highlight=False, soft_wrap=True)
    if not built:
        console.print("no rung is built yet")


def as_handed_out(folder: Path) -> bool:
    """Return whether a rung's folder still holds what was handed out, every file of it unchanged."""
    files = _read_manifest(folder.parent).get(folder.name, {}).get("files", {})
    return bool(files) and all(
        (folder / name).is_file() and _hash(folder / name) == handed_out for name, handed_out in files.items()
    )


def _hand_out(release: Path, target: Path, known: dict, console: Console) -> Iterator[tuple[str, str]]:
    """Copy the files of one release that may be copied; yield each file's name and its hash as handed out."""
    for source in sorted(path for path in release.rglob("*") if path.is_file()):
        name = source.relative_to(release).as_posix()
        new, path = _hash(source), target / name
        before = known.get("files", {}).get(name)
        if path.exists() and _hash(path) not in (new, before):
            line = f"kept {path}: you have changed it. To get the new version, move yours aside and start again"
            console.print(line, highlight=False, soft_wrap=True)
            yield name, before or ""
        else:
            _copy(source, path)
            yield name, new


def _copy(source: Path, target: Path) -> None:
    """Put `source` in the place of `target` in one step, so that no reader finds half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _up_to_date(work: Path, rung: Rung, known: dict) -> bool:
    """Return whether this version of the rung has been handed out and all its files are still there."""
    files = known.get("files", {})
    return known.get("source") == _source_hash(rung) and all((work / rung.folder / name).exists() for name in files)


def _source_hash(rung: Rung) -> str:
    folder = ROOT / "rungs" / rung.folder
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts)
    listing = "\n".join(f"{path.relative_to(folder)} {_hash(path)}" for path in paths)
    return hashlib.sha256(listing.encode()).hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_manifest(work: Path) -> dict[str, dict]:
    """Return what was handed out so far; nothing when that is not known, and then every file there is the learner's."""
    try:
        manifest = json.loads((work / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    rungs = manifest.items() if isinstance(manifest, dict) else ()
    return {name: known for name, known in rungs if isinstance(known, dict) and isinstance(known.get("files"), dict)}


def _write_manifest(work: Path, manifest: dict[str, dict]) -> None:
    unfinished = work / f"{MANIFEST}.{os.getpid()}.tmp"
    try:
        unfinished.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        os.replace(unfinished, work / MANIFEST)
    finally:
        unfinished.unlink(missing_ok=True)
