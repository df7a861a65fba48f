"""A process that has nbgrader loaded and forks a grading on request: 50 of them, killed at any moment, in no time.

It reads one JSON request a line and answers each with a line: the process id of the grading that it has started, or,
asked to wait for one, its exit status (negative: the signal that ended it). A grading is what the command line starts,
in a process group of its own; only the check is short, since what it finds is in the submission (`short_check`).
"""

import itertools
import json
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from fault_class import DRIVER, VANISHES, WAITS
from sqlalchemy import Engine, event

from autograder.criteria import Criterion, Finding, Report, add_up, all_failed

STEPS = {"commit", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "shutil.copyfile"}
WRITING = os.O_WRONLY | os.O_RDWR
SECONDS = 0.02  # of a check: most kills should hit what comes after it


def short_check(rung: str, submission: Path, **_: object) -> Report:
    """Return a report with as many points in each cell as the submission's points.json says.

    A file VANISHES in the submission names a folder that is removed meanwhile; one called WAITS, a file to wait for.
    """
    time.sleep(SECONDS)
    points = json.loads((submission / "artifacts" / "points.json").read_text())
    if (vanishes := submission / VANISHES).exists():
        shutil.rmtree(vanishes.read_text())
    if (waits := submission / WAITS).exists():
        awaited = Path(waits.read_text())
        awaited.with_suffix(".asked").touch()
        while not awaited.exists():
            time.sleep(SECONDS)
    criteria = [Criterion(f"{cell}-{n}", f"point {n}", 1, cell, None) for cell in points for n in range(4)]
    findings = [Finding(number < points[cell], f"{points[cell]}", "4") for cell in points for number in range(4)]
    parts = [all_failed(rung, [one], finding).criteria[0] for one, finding in zip(criteria, findings, strict=True)]
    return add_up(rung, parts)


def end_at_step(number: int) -> None:
    """Let this process kill itself just before its n-th step: a change to the file system, or a commit."""
    steps = itertools.count(1)

    def step(what: str, arguments: object = ()) -> None:
        if (what in STEPS or (what == "open" and arguments[2] & WRITING)) and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step)
    event.listen(Engine, "commit", lambda _: step("commit"))


def grade(course: str, arguments: list[str], log: str) -> int:
    """Run `nbgrader ARGUMENTS` in the course folder, or the class driver; return its exit code."""
    os.chdir(course)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.close(said)
    try:
        if arguments[0] == DRIVER:
            return grade_class(arguments[1:])
        NbGraderApp.launch_instance(argv=arguments)
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        AutogradeApp.clear_instance()
        NbGraderApp.clear_instance()


def start(request: dict) -> int:
    """Fork a grading in a process group of its own and return its process id."""
    if pid := os.fork():
        return pid
    os.setsid()
    status = 70
    try:
        if "kill_at" in request:
            end_at_step(request["kill_at"])
        nbgrader_transaction.LOCK_SECONDS = request["lock_seconds"]
        status = grade(request["course"], request["arguments"], request["log"])
    finally:
        os._exit(status)


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("here"):  # once, so that the gradings forked later find everything loaded
            pipe = os.dup(1)
            status = grade(request["course"], request["arguments"], request["log"])
            os.dup2(pipe, 1)
            print(status, flush=True)
        elif "wait" in request:
            print(os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1]), flush=True)
        else:
            print(start(request), flush=True)


if __name__ == "__main__":
    from nbgrader.apps import AutogradeApp
    from nbgrader.apps.nbgraderapp import NbGraderApp

    import autograder.nbgrader_plugin  # noqa: F401 (loaded here, so that no grading need load it)
    from autograder import nbgrader_batch, nbgrader_transaction
    from autograder.grading.command import main as grade_class

    nbgrader_batch.grade = short_check
    serve()
