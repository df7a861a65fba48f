"""Open a file that somebody else wrote: one line of refusal, or its bytes.

A submission is data, never instructions. These functions look at a path before they open it, follow no link
out of the folder it belongs to, and never read more than they were told to.
"""

import os
import stat
from pathlib import Path

REWRITE = "Run the cell that saves it again"
WRITE = "Run the notebook down to the cell that saves it; a finished stage needs rerun=True"


class ArtifactError(Exception):
    """A saved file cannot be used. The message is one line: what, where, what was expected, the next step."""


def shown(path: Path) -> str:
    """Return the last three parts of `path`: enough to find the file, short enough for one line."""
    return "/".join(Path(path).parts[-3:])


def safe_path(within: Path | str, relative: Path | str) -> Path:
    """Return `within / relative`, refusing any path that could lead out of the folder `within`.

    `within` itself is trusted and may be reached through links; nothing below it may be a link. The file
    need not exist. Raises ArtifactError for an absolute path, for "..", and for a link anywhere below
    `within`.
    """
    relative = Path(relative)
    if relative.is_absolute() or ".." in relative.parts or "\0" in str(relative):
        raise ArtifactError(f"{str(relative)!r}: expected a path inside {shown(Path(within))}. Save the file there")
    path = Path(within)
    for part in relative.parts:
        path = path / part
        if path.is_symlink():
            raise ArtifactError(f"{shown(path)}: expected a real file or folder, found a link. Copy the file here")
    return path


def inside(path: Path | str, within: Path | str) -> Path:
    """Return `path`, absolute or relative to the current folder, if `safe_path` finds it in `within`."""
    absolute, root = Path(os.path.abspath(path)), Path(os.path.abspath(within))
    if not absolute.is_relative_to(root):
        raise ArtifactError(f"{shown(absolute)}: expected a file inside {shown(root)}. Save the file there")
    return safe_path(root, absolute.relative_to(root))


def check_file(path: Path | str, within: Path | str, max_bytes: int) -> Path:
    """Return the path of an ordinary file in `within`, neither empty nor too large; else ArtifactError."""
    path = inside(path, within)
    try:
        found = path.lstat()
    except OSError:
        raise ArtifactError(f"{shown(path)}: no such file. {WRITE}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ArtifactError(f"{shown(path)}: expected an ordinary file, found something else. {REWRITE}")
    if found.st_size == 0:
        raise ArtifactError(f"{shown(path)}: the file is empty. {REWRITE}")
    if found.st_size > max_bytes:
        size = f"{found.st_size:,} bytes, expected at most {max_bytes:,}"
        raise ArtifactError(f"{shown(path)}: {size}. Is this the file that the notebook saved?")
    return path


def read_limited(path: Path | str, within: Path | str, max_bytes: int) -> bytes:
    """Return the bytes of a file that `check_file` accepts; refuse one that grows or is swapped meanwhile."""
    path = check_file(path, within, max_bytes)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ArtifactError(f"{shown(path)}: cannot be read ({error.strerror}). {REWRITE}") from None
    if len(data) > max_bytes:
        raise ArtifactError(f"{shown(path)}: grew past {max_bytes:,} bytes while being read. {REWRITE}")
    return data
