"""Put a graded folder in the old one's place, so that an interruption leaves the one or the other.

The new folder first lies beside the old one under a hidden name with a token. The token enters the ledger in the
transaction that changes the grades: from then on the new folder counts, and `settle` finishes what an interruption has
left undone. A folder whose token is not the ledger's was never counted, and is removed.
"""

import os
import shutil
from pathlib import Path


def set_ready(graded: Path, final: Path, token: str, groupshared: bool = False) -> None:
    """Bring the folder `graded` beside its `final` place. It may come from another file system."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if groupshared:  # as nbgrader does for instructors who share a group
        for folder in (final.parent, final.parent.parent):
            if folder.stat().st_uid == os.getuid():
                folder.chmod((folder.stat().st_mode | 0o2770) & 0o2777)
    shutil.move(graded, _hidden(final, "new", token))


def settle(final: Path, token: str | None) -> None:
    """Make `final` the folder that the ledger's `token` names, and remove what else lies there of earlier gradings."""
    old = _hidden(final, "old", "")
    if token and (new := _hidden(final, "new", token)).is_dir():
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
            final.rename(old)
        new.rename(final)
    elif not final.exists() and old.is_dir():
        old.rename(final)
    for leftover in final.parent.glob(f".{final.name}.*"):
        if leftover.name.startswith((f".{final.name}.new-", f".{final.name}.old-")):
            shutil.rmtree(leftover, ignore_errors=True)


def _hidden(final: Path, which: str, token: str) -> Path:
    return final.parent / f".{final.name}.{which}-{token}"
