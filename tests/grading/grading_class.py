"""A few learners whose work is graded quickly: JSON alone, and little of it. And ways to look at what they got."""

import time
from collections.abc import Callable
from pathlib import Path

import nbgrader_learners  # noqa: F401 (enters the learners into the class)
import psutil
from example_work import RUNG
from nbgrader.api import Gradebook
from nbgrader_class import AUTOMATIC, CLASS, Scene

from autograder.grading.command import _parser, main, prepare
from autograder.grading.settings import Settings

QUICK = {name: CLASS[name] for name in ("one_function", "untouched", "not_json", "printed_report")}
DESERVED = {name: learner.deserves for name, learner in QUICK.items()}


def arguments(scene: Scene, *options: str) -> list[str]:
    """Return the command's arguments for the scene's course folder."""
    return ["02", "--course", str(scene.folder), *options]


def grade(scene: Scene, *options: str) -> int:
    """Run the command on the scene's course folder; return its exit code."""
    return main(arguments(scene, *options))


def settings_for(scene: Scene, *options: str) -> Settings:
    """Return what the command would tell its workers."""
    return prepare(_parser().parse_args(arguments(scene, *options)))[0]


def scores(scene: Scene, db_url: str = "") -> dict[str, dict[str, float | None]]:
    """Return learner -> graded cell -> automatic score, as the gradebook says."""
    with Gradebook(db_url or f"sqlite:///{scene.folder / 'gradebook.db'}") as gradebook:
        return {
            notebook.student.id: {one.name: one.auto_score for one in notebook.grades if one.name in AUTOMATIC}
            for notebook in gradebook.notebook_submissions(RUNG, RUNG)
        }


def results(folder: Path) -> dict[str, list[str]]:
    """Return learner -> what lies in the autograded folder, hidden or not."""
    return {path.name: sorted(found.name for found in path.iterdir()) for path in (folder / "autograded").iterdir()}


def soon(condition: Callable[[], object], seconds: float = 120) -> object:
    """Wait until the condition holds, and return what it gave."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.02)
    return found


def running(*words: str) -> list[int]:
    """Return the processes that run here with all these words on their command lines."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["status"] != psutil.STATUS_ZOMBIE and all(word in line for word in words):
            found.append(process.pid)
    return found
