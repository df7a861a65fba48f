"""The gradebook on a real PostgreSQL server: the same grades, one grading at a time, and a restart costs nobody any."""

import threading

import pytest
from example_work import RUNG
from grading_class import DESERVED, grade, results, scores, settings_for, soon
from postgres_server import PostgresServer, programs

from autograder.grading.ledger import Ledger
from autograder.nbgrader_course import nbgrader
from autograder.nbgrader_lock import only_one

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(programs() is None, reason="no PostgreSQL server here (Debian, Ubuntu: apt install postgresql)"),
]
HELD = "one_function"


@pytest.fixture(scope="module")
def server():
    started = PostgresServer()
    yield started
    started.close()


def test_two_workers_wait_for_who_is_being_graded_elsewhere_and_outlive_a_restart(scene, server, capsys):
    nbgrader(scene.folder, "generate_assignment", RUNG, "--force", f"--db={server.url}")
    said = []
    with only_one(server.url, RUNG, HELD):
        run = threading.Thread(target=lambda: said.append(grade(scene, "--db", server.url, "--jobs", "2")))
        run.start()
        with Ledger(server.url, RUNG) as ledger:
            soon(lambda: _entered(ledger) == DESERVED.keys() - {HELD})
    server.stop()
    server.start()
    run.join(120)
    assert said == [0]
    assert scores(scene, server.url) == DESERVED
    assert results(scene.folder) == {name: [RUNG] for name in DESERVED}
    assert server.password not in capsys.readouterr().out + repr(settings_for(scene, "--db", server.url))


def _entered(ledger: Ledger) -> set[str]:
    try:
        return {name for name in DESERVED if ledger.read(name)}
    except Exception:  # the table is made by the run that is watched
        return set()


def test_a_gradebook_that_cannot_be_reached_is_one_line(scene, server, capsys):
    assert grade(scene, "--db", server.url.replace(str(server.port), "1")) == 2
    assert "Connection refused" in (said := capsys.readouterr().err) and server.password not in said
