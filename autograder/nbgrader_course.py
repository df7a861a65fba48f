"""Call nbgrader's own commands in a folder of their own: for releasing notebooks, and for the demonstration."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from shared.course import ROOT, Rung

CONFIG = "nbgrader_config.py"


class NbgraderError(Exception):
    """An nbgrader command failed. One line: the command and the last thing it said."""


def make_course_folder(folder: Path, rungs: Iterable[Rung]) -> None:
    """Make `folder` a course folder as nbgrader knows it: this course's configuration, the sources of `rungs`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / CONFIG, folder / CONFIG)
    for rung in rungs:
        shutil.copytree(ROOT / "rungs" / rung.folder, folder / "rungs" / rung.folder, dirs_exist_ok=True)


def nbgrader(folder: Path, *arguments: str) -> str:
    """Run `nbgrader ARGUMENTS` in a course folder and return what it said. Raises NbgraderError when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["it said nothing"])[-1]
        raise NbgraderError(f"nbgrader {' '.join(arguments)}: failed ({last})")
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    """Return this environment, with the programs of this Python first and nobody's own Jupyter configuration.

    nbgrader starts `alembic` by name; without the environment's programs on PATH it leaves half a database behind.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "JUPYTER_CONFIG_DIR": str(folder / ".jupyter")}
