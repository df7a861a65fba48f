"""A class is graded by worker processes: everybody gets the right score, once, and nothing is ever half there."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial

import nbgrader_class
import pytest
from example_work import FAILURE_KIND, RUNG
from grading_class import DESERVED, QUICK, arguments, grade, results, running, scores, settings_for, soon
from nbgrader_class import PROSE_CELL, grade_by_hand, read_grades

from autograder.grading.ledger import Ledger
from autograder.grading.student import Grader
from autograder.grading.worker import Worker
from autograder.nbgrader_results import begun
from autograder.verdict_server import VerdictServer

pytestmark = pytest.mark.slow
ONE = "one_function"


def gradebook(scene) -> str:
    return f"sqlite:///{scene.folder / 'gradebook.db'}"


def test_two_workers_give_what_nbgrader_gives(scene, tmp_path, capsys):
    other = scene._replace(folder=shutil.copytree(scene.folder, tmp_path / "other"))
    assert grade(scene, "--jobs", "2") == 0
    assert "4 of 4 submissions: 4 graded." in capsys.readouterr().out
    assert scores(scene) == DESERVED and results(scene.folder) == {name: [RUNG] for name in QUICK}
    nbgrader_class.autograde(other)
    assert read_grades(scene) == read_grades(other)


@pytest.fixture
def grader(scene):
    """Return the grader of a run, in this process."""
    before = os.getcwd()
    with closing(VerdictServer(RUNG, "")) as verdicts, Grader(settings_for(scene), verdicts) as made:
        yield made
        assert made.verdicts.is_ready
    os.chdir(before)


def states(grader: Grader) -> dict[str, str]:
    return {name: grader.grade(name).state for name in QUICK}


def test_only_what_has_changed_is_graded_again(scene, grader):
    assert states(grader) == dict.fromkeys(QUICK, "graded")
    assert states(grader) == dict.fromkeys(QUICK, "unchanged")
    answers = {"failure_kind": FAILURE_KIND, "sft_loss": "def sft_loss(:"}
    nbgrader_class.save(scene.notebook(**answers), scene.submitted("untouched"))
    with Ledger(gradebook(scene), RUNG) as ledger:
        entry = ledger.read("not_json")
    shutil.rmtree(scene.folder / "autograded" / "not_json")
    grade_by_hand(scene, ONE, {PROSE_CELL: 4.5})
    expected = {ONE: "unchanged", "untouched": "graded", "not_json": "graded", "printed_report": "unchanged"}
    assert states(grader) == expected
    assert scores(scene)["untouched"] == DESERVED[ONE]
    with Ledger(gradebook(scene), RUNG) as ledger:
        assert ledger.read("not_json") == entry
    again = read_grades(scene)[ONE][PROSE_CELL]
    assert (again.manual, again.waits) == (4.5, False)


def test_a_score_that_somebody_has_changed_in_the_gradebook_is_graded_again(scene, grader):
    assert grader.grade(ONE).state == "graded"
    with nbgrader_class.Gradebook(gradebook(scene)) as opened:
        opened.find_grade("done-when", RUNG, RUNG, ONE).auto_score = 13
        opened.db.commit()
    assert grader.grade(ONE).state == "graded" and scores(scene)[ONE] == DESERVED[ONE]


def test_points_given_by_hand_survive_and_wait_for_a_human_again(scene):
    assert grade(scene, "--students", ONE) == 0
    grade_by_hand(scene, ONE, {PROSE_CELL: 4.5, "done-when": 6.0})
    assert grade(scene, "--students", ONE, "--force") == 0
    grades = read_grades(scene)[ONE]
    assert {name: grades[name].manual for name in (PROSE_CELL, "done-when")} == {PROSE_CELL: 4.5, "done-when": 6.0}
    assert grades[PROSE_CELL].waits and grades["done-when"].waits


def test_who_is_being_graded_by_another_run_is_passed_over_or_waited_for(scene, grader):
    result = grader.converter.result(RUNG, ONE)
    with begun(result.mark):
        outcome = grader.grade(ONE)
        assert outcome.state == "busy" and "another process is grading" in outcome.line
        outcomes = []
        waiting = threading.Thread(target=lambda: outcomes.append(grader.grade(ONE, wait=True)))
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive() and not outcomes
    waiting.join(120)
    assert [outcome.state for outcome in outcomes] == ["graded"]


def test_a_worker_that_is_killed_is_replaced_and_its_student_graded(scene):
    worker, outcomes = Worker(settings_for(scene)), []
    thread = threading.Thread(target=lambda: outcomes.append(worker.grade(ONE)))
    thread.start()
    mark = soon(lambda: list((scene.folder / "autograded").rglob("*.begun")))
    worker._process.kill()
    thread.join(120)
    assert [outcome.state for outcome in outcomes] == ["graded"] and scores(scene) == {ONE: DESERVED[ONE]}
    worker.close()
    assert mark and results(scene.folder) == {ONE: [RUNG]}


STOPPED = """
import os, signal
from autograder.grading import worker
signal.signal(signal.SIGTERM, worker._stop)
try:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGTERM)
    print("cleared up")
"""


def test_a_worker_that_is_told_twice_to_end_clears_up_all_the_same():
    process = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout) == (0, "cleared up\n"), process.stderr


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_whatever_ends_the_command_leaves_no_process_and_the_next_one_goes_on(scene, ending, code, capsys):
    command = [sys.executable, "-m", "autograder.grading", *arguments(scene, "--jobs", "2")]
    # A test run in the background of a script has SIGINT ignored, and would hand that on.
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=listening
    )
    soon(lambda: list((scene.folder / "autograded").rglob("*.begun")))
    started = set(running("autograder.grading.worker")) | set(running("autograder.verdict_server"))
    process.send_signal(ending)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert ending == signal.SIGKILL or "run the same command again to go on" in said
    soon(lambda: not started & set(running("autograder.")))
    before = scores(scene)
    assert grade(scene, "--jobs", "2") == 0
    assert scores(scene) == DESERVED and results(scene.folder) == {name: [RUNG] for name in QUICK}
    assert all(DESERVED[name] == found for name, found in before.items() if set(found.values()) != {None})


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--students", "nobody"], "--students: nobody has not submitted this rung"),
        (["--db", "sqlite:////nowhere/gradebook.db"], "no gradebook to read (unable to open database file)"),
        (["--db", "nothing"], "the gradebook's address cannot be used"),
    ],
)
def test_what_cannot_begin_is_one_line(scene, capsys, options, line):
    assert grade(scene, *options) == 2
    assert line in (said := capsys.readouterr().err) and said.count("\n") == 1
    assert not (scene.folder / "autograded").exists()


def test_nbgrader_as_it_comes_is_refused(tmp_path, scene, capsys):
    (scene.folder / "nbgrader_config.py").write_text("c = get_config()\n")
    assert grade(scene) == 2
    assert "not set up here to grade by the course's checkers" in capsys.readouterr().err
