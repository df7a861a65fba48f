"""What tests of several folders share: who runs which tests, and the solved rungs, each solved once for all."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
WORKER = os.environ.get("PYTEST_XDIST_WORKER")  # set where several processes share the tests
if WORKER:  # before anything imports torch: threads of one process that wait for those of another help nobody
    os.environ.update(dict.fromkeys(THREADS, "1"))

import pytest  # noqa: E402
from filelock import FileLock  # noqa: E402

from autograder import demo  # noqa: E402
from autograder.solution_run import run_solution  # noqa: E402
from shared.course import load_course  # noqa: E402

ALREADY_SOLVED = "COURSE_SOLVED"  # a folder that `make all-rungs` left: spares a developer the minutes of solving
TOGETHER = ("adversaries", "browser", "faults", "grading")  # folders whose tests share what one process has made
LONGEST_FIRST = ("10", "07")  # rungs, solved before the others, so that nobody waits for them at the end


class Solved(NamedTuple):
    """One rung's honest work, in the folder `path` beside all others', and how long its notebook took, in seconds."""

    path: Path
    seconds: float


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first, and say which tests one process must run: a file's, a folder's, or one by itself."""
    items.sort(key=_turn)  # stable: all else stays in its order
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _turn(item: pytest.Item) -> int:
    """Return when a test's turn comes: solved notebooks, who needs some of them, all others, who needs all of them."""
    if item.get_closest_marker("solves"):
        rung = item.callspec.params["rung"] if hasattr(item, "callspec") else None
        return LONGEST_FIRST.index(rung) if rung in LONGEST_FIRST else len(LONGEST_FIRST)
    if item.get_closest_marker("after_all_are_solved"):
        return 1000
    return 100 if item.path.parent.name == TOGETHER[0] else 101


def _group(item: pytest.Item) -> str:
    folder = item.path.parent.name
    return item.nodeid if item.get_closest_marker("solves") else folder if folder in TOGETHER else str(item.path)


@pytest.fixture(scope="session")
def solved_folder(tmp_path_factory) -> Path:
    """Return the one folder in which all rungs are solved, by whichever process."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if WORKER else base) / "solved"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def solved(solved_folder) -> Callable[[str], Solved]:
    """Return a function that gives a rung's solved work, executing its notebook on pocket when it is first asked.

    Rung 02 is solved by the demonstration, whose folder `story` stays beside the work. Nobody may change what lies
    there, but by solving more. Where several processes share the tests, they share the work: one solves a rung, and
    who else needs it waits.
    """
    work = solved_folder

    def solve(rung_id: str) -> Solved:
        record = work / f".{rung_id}.json"
        with FileLock(work / f".{rung_id}.lock"), pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_PROFILE", "pocket")
            patch.setenv("COURSE_WORK", str(work))  # where rung 11's tools keep their folders
            for name in ("COURSE_BASE_MODEL", "COURSE_HIDDEN_SEED"):
                patch.delenv(name, raising=False)
            if not record.is_file():
                record.write_text(json.dumps(_solve(rung_id, work)))
        return Solved(work / load_course().rung(rung_id).folder, json.loads(record.read_text()))

    return solve


def _solve(rung_id: str, work: Path) -> float:
    """Leave the rung's solved work in `work`; return the seconds it took."""
    rung = load_course().rung(rung_id)
    mine, story, started = work / rung.folder, work / "story", time.monotonic()
    if ready := os.environ.get(ALREADY_SOLVED):
        shutil.copytree(Path(ready) / rung.folder, mine)
    elif rung_id == "02":
        assert demo.main([rung_id, "--folder", str(story)]) == 0
        shutil.copytree(story / "work" / rung.folder, mine)
    else:
        run_solution(rung, mine)
    return time.monotonic() - started
