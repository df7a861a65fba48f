"""The one batch: all attacks and all who mean no harm, graded by the real `nbgrader`, watched from outside."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from autograder import sandbox
from shared.course import ROOT, load_course
from tests.adversaries.attack import PROSE, RUNG, Attack, Target
from tests.adversaries.bounds import Watched, bounded
from tests.adversaries.by_code import DECOY
from tests.adversaries.classroom import (
    Classroom,
    Outcome,
    autograde,
    grade_by_hand,
    make_classroom,
    repository,
    submit_again,
    submit_all,
)
from tests.adversaries.table import TABLE

BY_HAND = {PROSE: 4.5, "done-when": 6.0}


@pytest.fixture(scope="session")
def listener():
    """Listen on the loopback; yields the port and the list of what was heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed: the session is over
                    return
                with connection:
                    connection.settimeout(2)
                    heard.append(connection.recv(1000))

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Set what the batch may see: a temporary folder of its own, the pocket profile, and a secret to look for."""
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COURSE_BASE_MODEL", "COURSE_HIDDEN_SEED", "COURSE_WORK"):
            patch.delenv(name, raising=False)
        patch.setenv("COURSE_PROFILE", "pocket")
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.setenv("TMPDIR", str(temporary))
        patch.setenv(DECOY, "what no learner may read")
        yield temporary


@pytest.fixture(scope="session")
def room(tmp_path_factory, environment, solved, listener) -> Classroom:
    """The course folder, with the rungs released whose work is attacked."""
    rungs = {one.rung.id for one in TABLE.values()}
    return _room(tmp_path_factory, solved, listener, rungs)


@pytest.fixture(scope="session")
def slow_room(tmp_path_factory, environment, solved, listener) -> Classroom:
    """A course folder of its own for those who are waited for: two gradings never share a folder."""
    return _room(tmp_path_factory, solved, listener, {RUNG.id})


def _room(tmp_path_factory, solved, listener, rungs: set[str]) -> Classroom:
    folder = tmp_path_factory.mktemp("class")
    (folder / "outside").mkdir()
    target = Target(folder / "course", folder / "outside", listener[0], ROOT)
    return make_classroom(target, {name: solved(name).path for name in sorted(rungs)})


class Batch(NamedTuple):
    """What the runs left: each rung's first outcome by its id, the second time's, and what was seen from outside."""

    first: dict[str, Outcome]
    second: Outcome
    slow: Outcome
    watched: Watched
    repository: tuple[dict, dict]  # before and after

    def outcome(self, one: Attack) -> Outcome:
        """Return the outcome that a learner's last submission belongs to."""
        return self.slow if one.slow else self.second if one.again else self.first[one.rung.id]


@pytest.fixture(scope="session")
def holding() -> None:
    """Skip what needs a sandbox where there is none: the attacks of learners' functions would succeed."""
    if reason := sandbox.fault():
        pytest.skip(f"no sandbox here: {reason}")


@pytest.fixture(scope="session")
def batch(holding, room, slow_room, environment) -> Batch:
    """Everybody graded, rung after rung, and some a second time after a human has graded one of them.

    Meanwhile, in a course of its own, those are graded whom only the limit on time ends.
    """
    everybody, before = list(TABLE.values()), repository()
    quick, again = [one for one in everybody if not one.slow], [one for one in everybody if one.again]
    submit_all(room, quick)
    submit_all(slow_room, [one for one in everybody if one.slow])
    with bounded(environment) as watched, ThreadPoolExecutor(1) as beside:
        slow = beside.submit(autograde, slow_room, RUNG)
        first = {name: autograde(room, load_course().rung(name)) for name in room.starts}
        grade_by_hand(room, RUNG, "again_graded_by_hand", BY_HAND)
        submit_again(room, again)
        second = autograde(room, RUNG)
        slow = slow.result()
    return Batch(first, second, slow, watched, (before, repository()))
