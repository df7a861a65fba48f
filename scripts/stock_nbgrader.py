"""The table of attacks under stock nbgrader, and the page that shows both.

    python scripts/stock_nbgrader.py --solved all-rungs   # measures what is not measured yet, then writes the page
    python scripts/stock_nbgrader.py --page               # writes docs/adversaries.md alone

Stock nbgrader gets what it needs to do well: the same checkers, called in each graded cell and run in their own clean
process, their points returned as partial credit. Everything else is nbgrader's default: it executes the submission.

Attacks are made beside one classmate whose work deserves 3 points: those whose code could reach others each in a course
of its own, the rest in small groups. nbgrader runs inside bubblewrap (read-only system, no network but its own
loopback, processes of its own), watched from outside.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, MissingEntry

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the table is read from tests/

from tests.adversaries.attack import (  # noqa: E402
    ATTACKS,
    LEARNERS,
    ONE_FUNCTION,
    PROSE,
    RUNG,
    Attack,
    Starts,
    Target,
    cell,
    half_done,
    hand_in,
)
from tests.adversaries.bounds import Limits, bounded  # noqa: E402
from tests.adversaries.classroom import FIRST_TIME, SECOND_TIME  # noqa: E402
from tests.adversaries.table import PARTS  # noqa: E402

RESULTS, PAGE = ROOT / "tests" / "adversaries" / "stock_nbgrader.json", ROOT / "docs" / "adversaries.md"
SECONDS = 60  # for one attack
TOGETHER = 8  # attacks in one course
CLASSMATE = "honest"  # the name that attacks on a classmate know
REACHING = ("tests.adversaries.by_code", "gradebook_writer", "report_in_files", "report_in_pipes")
NOT_RUN = {"weights_of_5_gb": "nbgrader would copy five gigabytes"}
NOT_HELD = """## What no program here can tell

- **A classmate's work under one's own name** is right, so it scores. `make same-work-rung-NN` names those who share
  the clock of a training run, the seed of their own questions, or their prose. Equal weights alone are no proof: one
  notebook run unchanged twice on one machine gives them bit by bit. Whoever trains again, or rewrites the clock, is
  not named.
- **Another way of training.** A model that was taught the answers with supervision, beside a log of rollouts that is
  made up to fit it, may earn up to the 8 points of rung 07's `done-when`: the checker holds the log against what base
  and model give, it does not repeat the run.
- **The keys of rungs 01 and 11**, and every checker, stand in the repository. A learner who reads them at home can
  copy right functions and the decisions (4 points and 2); the argument for these, which a human reads, is where the
  thinking shows.
- **Somebody else's help**, a person's or a program's.
"""
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "stock"
c.ExecutePreprocessor.timeout = 20
"""


def stock_notebook(honest: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return rung 02 as a course under stock nbgrader would write it: the same answers, each check worth points."""
    cells = [new_code_cell("import json\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn")]
    for name, points in RUNG.cells.items():
        if name != "done-when":
            answer = cell(honest, f"answer-{name}").source  # the solution's, so with its own marks
            cells.append(new_code_cell(answer, metadata=_meta(f"answer-{name}", solution=True)))
        check = f'grade("{RUNG.id}", Path("."), cells=["{name}"]).score'
        source = f"from pathlib import Path\nfrom autograder.runner import grade\n\n{check}"
        cells.append(new_code_cell(source, metadata=_meta(name, points=points)))
    prose = cell(honest, PROSE).source
    cells.append(new_markdown_cell(prose, metadata=_meta(PROSE, points=RUNG.prose_cells[PROSE], solution=True)))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _meta(name: str, *, points: int | None = None, solution: bool = False) -> dict:
    graded = points is not None
    meta = {"grade_id": name, "grade": graded, "solution": solution, "task": False, "schema_version": 3}
    return {"nbgrader": {**meta, "locked": not solution, **({"points": points} if graded else {})}}


def make_template(folder: Path, solved: Path) -> Starts:
    """Make a stock course with rung 02 released, and return what a learner starts from."""
    honest = nbformat.read(solved / RUNG.folder / f"{RUNG.folder}.ipynb", as_version=4)
    source, name = folder / "source" / RUNG.folder, f"{RUNG.folder}.ipynb"
    source.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    nbformat.write(stock_notebook(honest), source / name)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", RUNG.folder]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    released = nbformat.read(folder / "release" / RUNG.folder / name, as_version=4)
    done = nbformat.from_dict(json.loads(json.dumps(released)))
    for answer in ("answer-sft-loss", "answer-read-failures", PROSE):
        cell(done, answer).source = cell(honest, answer).source
    return Starts(released, done, solved / RUNG.folder / "artifacts")


def groups(names: list[str]) -> Iterator[list[Attack]]:
    """Yield the attacks that share a course: one stands alone when its code may reach others, or it submits again."""
    quiet = []
    for one in (ATTACKS[name] for name in names):
        if one.again or one.part in REACHING or one.name in REACHING:
            yield [one]
        else:
            quiet.append(one)
    yield from (quiet[start : start + TOGETHER] for start in range(0, len(quiet), TOGETHER))


def attacked(group: list[Attack], template: Path, starts: Starts, work: Path) -> dict[str, dict]:
    """Make attacks in one course under `work`: by name the scores of learner and classmate, and what else was seen."""
    course, outside = work / "course", work / "outside"
    shutil.copytree(template, course)
    for folder in (work / "tmp", work / "home", *(outside / one.name for one in group)):
        folder.mkdir(parents=True)
    _submit_half(course, CLASSMATE, starts)
    for one in group:
        if one.again:
            _submit_half(course, one.name, starts)
            _autograde(work, 1)
        # on port 9 of its own loopback nobody listens
        submitted = hand_in(one, starts, Target(course, outside / one.name, 9, ROOT))
        if one.again:
            (submitted / "timestamp.txt").write_text(SECOND_TIME)
    ended = _autograde(work, len(group))
    return {
        one.name: {
            "score": _score(course, one.name),
            "classmate": _score(course, CLASSMATE),
            "left": sorted(path.name for path in (outside / one.name).iterdir()),
            "ended": ended,
        }
        for one in group
    }


def _submit_half(course: Path, name: str, starts: Starts) -> None:
    folder = course / "submitted" / name / RUNG.folder
    folder.mkdir(parents=True)
    nbformat.write(half_done(starts), folder / f"{RUNG.folder}.ipynb")
    (folder / "timestamp.txt").write_text(FIRST_TIME)


def _autograde(work: Path, learners: int) -> str:
    """Run stock nbgrader over the course, confined; return how it ended, "" when as it should."""
    wall = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", str(work), str(work)]
    confined = ["bwrap", "--unshare-all", "--die-with-parent", *wall, "--chdir", str(work / "course")]
    command = [*confined, sys.executable, "-m", "nbgrader", "autograde", RUNG.folder]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(work / "home"),
        "TMPDIR": str(work / "tmp"),
        "COURSE_PROFILE": "pocket",
        "COURSE_DECOY_SECRET": "what no learner may read",
    }
    with bounded(work, Limits(seconds=SECONDS * learners)) as watched:
        said = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return watched.fault or ("" if said.returncode == 0 else f"nbgrader ended with {said.returncode}")


def _score(course: Path, name: str) -> float | None:
    """Return a learner's score in the gradebook, prose aside; None when there is none."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        try:
            grades = gradebook.find_submission_notebook(RUNG.folder, RUNG.folder, name).grades
        except MissingEntry:
            return None
        if all(grade.auto_score is None and grade.manual_score is None for grade in grades):
            return None
        return sum(grade.score for grade in grades if grade.name != PROSE)


def measure(solved: Path, names: list[str]) -> None:
    """Measure the attacks of rung 02 that have no result yet, or those named, and keep each result at once."""
    mine = [name for name, one in ATTACKS.items() if one.rung == RUNG and name not in NOT_RUN]
    todo = names or [name for name in mine if name not in _known()]
    with tempfile.TemporaryDirectory(prefix="stock-") as name:
        folder = Path(name)
        starts = make_template(folder / "template", solved)
        for group in groups(todo):
            work = folder / group[0].name
            work.mkdir()
            results = attacked(group, folder / "template", starts, work)
            shutil.rmtree(work)
            print(results, flush=True)
            known = {**_known(), **results}  # read again: others may be at work on other attacks
            ordered = {one: known[one] for one in ATTACKS if one in known}
            RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")


def _known() -> dict:
    return json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}


def page() -> str:
    """Return docs/adversaries.md, from the table and the results."""
    results = json.loads(RESULTS.read_text())
    parts = (line for part in PARTS[1:] for line in _part(part, results))
    return "\n".join([*_head(results), *parts, "", *NOT_HELD.splitlines()]) + "\n"


def _head(results: dict) -> Iterator[str]:
    """Yield the page's beginning, with the counts."""
    gained = f"{sum(_gained(name, results) for name in results)} of {len(results)}"
    attacks, learners = len(ATTACKS), len(LEARNERS)
    others = sum(result["classmate"] != sum(ONE_FUNCTION) for result in results.values())
    yield from f"""# Attacks on the grade

{attacks} attacks, graded in `make test` by the real `nbgrader autograde`, beside {learners} learners who mean no
harm. The first number is what an attack must get here, to the point; a test fails at any other. It is what the
honest part of the submission deserves. None stops the batch, and none leaves a process or a file behind.

The second number is what the same submission got from stock nbgrader 0.9.6, measured once by
`scripts/stock_nbgrader.py`: the same checkers, called in each graded cell and run in a clean process, their points
returned as partial credit, all else nbgrader's default. There {gained} attacks gained points, and
{others} changed or prevented the grade of the one classmate in the same batch.

Points are those of a program, of 20 in rungs 02 to 04; the prose waits for a human in both. *Starts from*: **half** is
a notebook with one of two exercises right and no model, worth 3; **trained** is the same with an honest model, worth
16; **honest** is everything, worth all.

This page is written by `python scripts/stock_nbgrader.py --page`.
""".splitlines()


def _part(part: object, results: dict) -> Iterator[str]:
    name = part.__name__
    mine = [one for one in ATTACKS.values() if one.part == name]
    yield from ("", f"## {part.__doc__.partition(chr(10))[0].rstrip('.')}", "")
    yield "| attack | what it tries | starts from | here | stock nbgrader |"
    yield "|---|---|---|---:|---|"
    for one in mine:
        rung = "" if one.rung == RUNG else f" (rung {one.rung.id})"
        tries = one.tries.replace("|", "\\|")
        name, score = one.name.replace("_", " "), f"{sum(one.points):g}"
        yield f"| {name} | {tries} | {one.start}{rung} | {score} | {_stock(one, results)} |"


def _stock(one: Attack, results: dict) -> str:
    if one.name not in results:
        reason = "not measured yet" if one.rung == RUNG else "not run: made for another rung"
        return f"not run: {NOT_RUN[one.name]}" if one.name in NOT_RUN else reason
    result = results[one.name]
    score = "not graded" if result["score"] is None else f"{result['score']:g}"
    notes = []
    if result["classmate"] is None:
        notes.append("the classmate was not graded")
    elif result["classmate"] != sum(ONE_FUNCTION):
        notes.append(f"the classmate got {result['classmate']:g} instead of {sum(ONE_FUNCTION)}")
    if result["score"] is None and result["ended"] and not result["ended"].startswith("nbgrader ended"):
        notes.append("nbgrader had to be stopped from outside")
    if result["left"]:
        notes.append("its code acted outside the course")
    return "; ".join([f"**{score}**" if _gained(one.name, results) else score, *notes])


def _gained(name: str, results: dict) -> bool:
    score = results[name]["score"]
    return score is not None and not score <= sum(ATTACKS[name].points)


def main() -> int:
    """Measure unless only the page is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="only these attacks, also where they have a result")
    parser.add_argument("--solved", type=Path, default=ROOT / "all-rungs", help="solved work, made by `make all-rungs`")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    options = parser.parse_args()
    if not options.page:
        measure(options.solved.absolute(), options.names)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
