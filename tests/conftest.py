"""What tests of several folders share: the solved rungs, each solved once a session."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from autograder import demo
from autograder.solution_run import run_solution
from shared.course import load_course

ALREADY_SOLVED = "COURSE_SOLVED"  # a folder that `make all-rungs` left: spares a developer the minutes of solving


class Solved(NamedTuple):
    """One rung's honest work, in the folder `path` beside all others', and how long its notebook took, in seconds."""

    path: Path
    seconds: float


@pytest.fixture(scope="session")
def solved(tmp_path_factory) -> Callable[[str], Solved]:
    """Return a function that gives a rung's solved work, executing its notebook on pocket when it is first asked.

    Rung 02 is solved by the demonstration, whose folder `story` stays beside the work. Nobody may change what lies
    there, but by solving more.
    """
    work, known = tmp_path_factory.mktemp("solved"), {}

    def solve(rung_id: str) -> Solved:
        if rung_id not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("COURSE_PROFILE", "pocket")
                patch.setenv("COURSE_WORK", str(work))  # where rung 11's tools keep their folders
                for name in ("COURSE_BASE_MODEL", "COURSE_HIDDEN_SEED"):
                    patch.delenv(name, raising=False)
                known[rung_id] = _solve(rung_id, work)
        return known[rung_id]

    return solve


def _solve(rung_id: str, work: Path) -> Solved:
    rung = load_course().rung(rung_id)
    mine, story, started = work / rung.folder, work / "story", time.monotonic()
    if ready := os.environ.get(ALREADY_SOLVED):
        shutil.copytree(Path(ready) / rung.folder, mine)
    elif rung_id == "02":
        assert demo.main([rung_id, "--folder", str(story)]) == 0
        shutil.copytree(story / "work" / rung.folder, mine)
    else:
        run_solution(rung, mine)
    return Solved(mine, time.monotonic() - started)
