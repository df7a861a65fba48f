"""One sandbox for many functions: as tight as one for each, and the same answers."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
from answers_here import AnswersHere
from sandboxes import ATTACKER, NEEDS_SANDBOX, TINY, attack, number_of, running, soon, works

from autograder import sandbox, verdict
from autograder.checkers import checker_of
from autograder.notebook_source import answer_source
from autograder.student_code import Answer, Call, LearnerFunction, StudentCode
from autograder.warm_sandbox import ForkedProcess, WarmSandbox, common_setups, slow_setups
from shared.course import ROOT, load_course
from shared.safe_files import ArtifactError

pytestmark = NEEDS_SANDBOX
BUILT = [rung for rung in load_course().rungs if rung.built]


@pytest.fixture
def warm():
    with WarmSandbox([ATTACKER.setup]) as opened:
        yield opened


def host_of(warm: WarmSandbox) -> int:
    """Return the host's process, while it serves nobody: of the three in its group the one that is not bubblewrap's."""

    def hosts() -> list[int]:
        return [number for number in running(warm._process.pid) if psutil.Process(number).name() != "bwrap"]

    assert soon(lambda: len(running(warm._process.pid)) == 3 and len(hosts()) == 1)
    return hosts()[0]


def test_a_function_is_forked_only_where_its_imports_were_made(warm):
    for function, kind in ((ATTACKER, "ForkedProcess"), (LearnerFunction("answer", "f", "import math"), "OwnProcess")):
        with StudentCode(function, "def f(): return 1", [Call(())], TINY, confined=warm) as code:
            assert type(code._process).__name__ == kind and code.answers()[0].value == 1


def test_one_learner_leaves_nothing_to_the_next(warm):
    leave = (
        "import builtins, json\njson.left = builtins.left = os.environ['LEFT'] = 'left'\nsignal.signal(2, lambda *_: 0)"
    )
    assert attack(warm, f"{leave}\nreturn os.getpid()").value != 0
    found = "return [hasattr(json, 'left'), 'left' in dir(__builtins__), 'LEFT' in os.environ].count(True)"
    assert attack(warm, found).value == 0


HANDLES = """
held = [handle for handle in range(256) if system(a[0], handle, 1, 0) != 'EBADF']
return json.dumps([held, [os.read(handle, 9).decode() for handle in (0, 1, 2)]])
"""


def test_a_forked_child_holds_its_answers_and_nothing_else(warm):
    assert attack(warm, HANDLES, number_of("fcntl")).value == '[[0, 1, 2, 3], ["", "", ""]]'


def test_the_child_ends_when_nobody_waits_for_it_any_more(warm):
    with StudentCode(ATTACKER, "while True: pass", [Call(())], confined=warm):  # it has a minute by itself
        assert soon(lambda: len(running(warm._process.pid)) == 4)
    assert soon(lambda: len(running(warm._process.pid)) == 3)
    assert works(warm)


def test_functions_run_side_by_side(warm):
    sources = {"slow": "def f():\n    time.sleep(0.5)\n    return 'slow'", "quick": "def f(): return 'quick'"}
    running = {name: StudentCode(ATTACKER, source, [Call(())], TINY, confined=warm) for name, source in sources.items()}
    for name in ("quick", "slow"):
        with running[name] as code:
            assert code.answers()[0].value == name


WHO = "import time\ndef f():\n    time.sleep(0.5)\n    return os.getuid()"


def test_when_the_host_has_ended_each_function_gets_a_sandbox_of_its_own(warm):
    os.kill(host_of(warm), signal.SIGKILL)
    warm._process.wait(timeout=10)
    with StudentCode(ATTACKER, WHO, [Call(())], TINY, confined=warm) as code:
        assert code.answers()[0].value == int(sandbox.NOBODY)
        assert not isinstance(code._process, ForkedProcess)  # by now: the host's socket may outlive it for a moment


def test_a_host_that_ends_at_work_costs_nobody_an_answer(warm):
    host = host_of(warm)
    with StudentCode(ATTACKER, WHO, [Call(())], TINY, confined=warm) as code:
        assert isinstance(code._process, ForkedProcess) and soon(lambda: len(running(warm._process.pid)) == 4)
        os.kill(host, signal.SIGKILL)
        assert code.answers()[0].value == int(sandbox.NOBODY)


def test_a_host_that_cannot_import_costs_nobody_an_answer():
    function = LearnerFunction("answer", "f", "import os, no_such_module")
    with WarmSandbox([function.setup]) as warm, StudentCode(function, WHO, [Call(())], TINY, confined=warm) as code:
        with pytest.raises(ArtifactError, match="without a usable answer"):
            code.answers()
        assert not isinstance(code._process, ForkedProcess)  # it was tried again by itself


@pytest.mark.slow
def test_functions_that_import_pytorch_share_a_sandbox_in_a_check():
    with (
        verdict._room("02", None, None, confined=True) as alone,
        verdict._room("10", None, None, confined=False) as none,
    ):
        assert (alone, none) == (True, False)
    with verdict._room("06", ["derivation"], None, confined=True) as shared:
        assert isinstance(shared, WarmSandbox) and len(shared.setups) == 1
        with verdict._room("02", None, shared, confined=True) as given:
            assert given is shared


def test_pytorch_is_what_is_slow_and_what_hashes_stays_alone():
    submission = checker_of(load_course().rung("05")).submission
    assert slow_setups(submission.learner_functions) == set()
    assert {function.name for _, function, _ in submission.learner_functions if function.alone} == {"minhash"}
    assert ["parse_ticket" in setup for setup in common_setups(submission.learner_functions)] == [True]
    submission = checker_of(load_course().rung("02")).submission
    assert [setup.count("torch") > 0 for setup in slow_setups(submission.learner_functions)] == [True]


@pytest.fixture(scope="module")
def course_sandbox():
    functions = [entry for rung in BUILT for entry in checker_of(rung).submission.learner_functions]
    with WarmSandbox(common_setups(functions)) as opened:
        yield opened


@pytest.mark.slow
def test_the_host_shares_no_memory_no_file_and_no_thread_with_what_it_forks(course_sandbox):
    """What a fork would share: memory mapped to be shared and written, a handle, a thread's lock. It has none but its
    socket, which no child keeps."""
    function = LearnerFunction("answer", "f", min(course_sandbox.setups))
    with StudentCode(function, "def f(): return 1", [Call(())], confined=course_sandbox) as code:
        assert code.answers()[0].value == 1  # all has been imported by now
    host = host_of(course_sandbox)
    maps = [line.split()[1] for line in Path(f"/proc/{host}/maps").read_text().splitlines()]
    assert len(maps) > 200 and [mode for mode in maps if "w" in mode and "s" in mode] == []
    assert len(os.listdir(f"/proc/{host}/task")) == 1
    handles = {name: os.readlink(f"/proc/{host}/fd/{name}") for name in os.listdir(f"/proc/{host}/fd")}
    assert handles.pop("0").startswith("socket:") and set(handles.values()) == {"/dev/null"}
    assert os.listdir(f"/proc/{host}/root{sandbox.HOME}") == []


@pytest.mark.slow
@pytest.mark.parametrize("rung", BUILT, ids=lambda rung: rung.id)
def test_the_solutions_give_in_the_sandbox_what_they_give_outside(rung, course_sandbox):
    work = checker_of(rung).submission(ROOT / "rungs" / rung.folder, rung, load_course(), seed=11, split="public")
    work.confined = course_sandbox
    for _, function, calls in work.learner_functions:
        asked = getattr(work, calls)()
        with work.start(function, asked) as code:
            given = code.answers()
        source = answer_source(work.notebook, function.cell, work.notebook_path)
        expected = AnswersHere(function, source, asked).answers()
        assert [plain(answer) for answer in given] == [plain(answer) for answer in expected], function.name
        assert not any(answer.kind == "error" for answer in given)


def plain(answer: Answer) -> dict:
    """Return the answer with its numbers to five digits: two processes may add up in another order."""
    text = answer.model_dump_json()
    return json.loads(text, parse_float=lambda number: f"{float(number):.5g}")
