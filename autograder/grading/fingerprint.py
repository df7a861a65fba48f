"""Has anything changed since a submission was graded? Digests of what a verdict depends on."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from shared.course import ROOT

# Larger files are told apart by size and time alone: reading a file of holes takes long and tells nothing.
LARGEST_READ = 2 * 2**30
PARTS = ("autograder", "shared")  # the packages; course.yml stands beside them
NO_SOURCE = {".pyc", ".pyo"}


def course_version() -> str:
    """Return a digest of the course's own code and data: the checkers, course.yml, the pocket base."""
    digest = hashlib.blake2b(digest_size=16)
    files = [path for part in PARTS for path in sorted((ROOT / part).rglob("*")) if path.suffix not in NO_SOURCE]
    for path in [ROOT / "course.yml", *files]:
        if path.is_file():
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def fingerprint(folder: Path, version: str, environment: dict[str, str], definition: object) -> str:
    """Return a digest of everything that a submission's grade depends on.

    The files in `folder`, the course's `version`, the profile and hidden seed in `environment`, and the assignment's
    `definition` in the gradebook (JSON values). Links are not followed and nothing but ordinary files is opened.
    """
    digest = hashlib.blake2b(digest_size=32)
    digest.update(json.dumps([version, sorted(environment.items()), definition], default=str).encode())
    for path in _walk(folder):
        status = path.lstat()
        digest.update(f"\0{os.fsencode(path.relative_to(folder))!r}\0{status.st_mode}\0{status.st_size}\0".encode())
        if stat.S_ISLNK(status.st_mode):
            digest.update(os.fsencode(os.readlink(path)))
        elif stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_READ:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        elif stat.S_ISREG(status.st_mode):
            digest.update(str(status.st_mtime_ns).encode())
    return digest.hexdigest()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything below `folder` that is not a folder, in a fixed order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        below = (Path(parent, name) for name in sorted([*names, *links]))
        yield from (path for path in below if os.path.lexists(path))  # a path may be too long to be reached
