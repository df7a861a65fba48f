"""The wall by itself, without the filter of system calls; and whether a machine is believed to have one."""

import functools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sandboxes import ATTACKER, NEEDS_SANDBOX, running, soon

from autograder import cli, sandbox
from autograder.course_files import course_files
from autograder.runner import grade
from autograder.sandbox import SandboxError
from autograder.system_calls import Refusal
from shared.course import ROOT, CourseError, load_course


def inside(code: str, *arguments: str) -> object:
    """Run Python in the sandbox, free to make any system call, and return what it prints as JSON."""
    command = sandbox.confined([sys.executable, "-I", "-c", code, *arguments])
    return json.loads(subprocess.run(command, env={}, capture_output=True, text=True, timeout=60, check=True).stdout)


@NEEDS_SANDBOX
def test_who_and_where_it_is():
    said = inside(
        "import json, os, socket; print(json.dumps([os.getresuid(), os.getresgid(), os.getpid() < 5, os.listdir('.'),"
        " [name for _, name in socket.if_nameindex()], sorted(os.listdir('/proc'))]))"
    )
    assert said == [[65534] * 3, [65534] * 3, True, [], ["lo"], ["cpuinfo"]]


TRIES = """
import ctypes, json, os, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def tried(action):
    try:
        return action()
    except OSError:
        return "refused"
def signalled(pid):
    os.kill(pid, signal.SIGTERM)
    return "sent"
print(json.dumps({
    "connect": tried(lambda: str(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2))),
    "parent": tried(lambda: signalled(int(sys.argv[2]))),
    "write": [tried(lambda: str(open(folder + "/new", "w"))) for folder in sys.argv[3:]],
    "mount": libc.mount(b"/usr", b"/answer", 0, 4096, 0),
    "device": tried(lambda: os.mknod("/answer/disk", 0o60600, os.makedev(254, 0))),
    "root": tried(lambda: os.setuid(0)),
    "ptrace": libc.ptrace(16, int(sys.argv[2]), 0, 0),
}))
"""


@NEEDS_SANDBOX
def test_the_wall_holds_without_the_filter(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        places = ["", "/usr", "/dev", str(tmp_path), str(ROOT), str(Path(pytest.__file__).parent)]
        said = inside(TRIES, str(listener.getsockname()[1]), str(os.getppid()), *places)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert set(said.pop("write")) == {"refused"}
    assert said == {**dict.fromkeys(("connect", "parent", "device", "root"), "refused"), "mount": -1, "ptrace": -1}


@NEEDS_SANDBOX
def test_its_private_folder_has_an_end():
    fill = "import json\nfile = open('/answer/big', 'wb')\ntry:\n    [file.write(bytes(2**20)) for _ in range(64)]\n"
    assert inside(f"{fill}except OSError as error:\n    print(json.dumps(error.strerror))") == "No space left on device"


STARTS = """
import sys, time
from autograder.student_code import Call, LearnerFunction, Limits, StudentCode
from autograder.warm_sandbox import WarmSandbox
function = LearnerFunction("answer", "f", sys.argv[1])
room = WarmSandbox([function.setup]) if sys.argv[2] == "warm" else True
code = StudentCode(function, "while True: pass", [Call(())], Limits(seconds=50), confined=room)
print(room._process.pid if sys.argv[2] == "warm" else code._process.group, flush=True)
time.sleep(50)
"""


@NEEDS_SANDBOX
@pytest.mark.parametrize("kind", ["own", "warm"])
def test_no_process_outlives_a_grader_that_is_killed(kind, tmp_path):
    command, here = [sys.executable, "-c", STARTS, ATTACKER.setup, kind], {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here)
    with grader:
        group = int(grader.stdout.readline())
        least = {"own": 3, "warm": 4}[kind]  # bubblewrap's two and the child; the host
        assert soon(lambda: len(running(group)) == least)
        grader.send_signal(signal.SIGKILL)
    assert soon(lambda: running(group) == [])


def test_the_course_files_that_an_import_takes_are_named():
    names = [
        str(path.relative_to(ROOT)) for path in course_files("import math\nfrom shared.world.tickets import FIELDS")
    ]
    assert {"shared/__init__.py", "shared/world/__init__.py", "shared/world/tickets.py"} <= set(names)
    assert not any("scoring" in name or name.startswith("autograder") for name in names)
    assert course_files("import torch\nfrom collections import Counter") == []


@pytest.fixture
def bubblewrap(tmp_path, monkeypatch):
    """Put a shell script in the place of bubblewrap, or nothing at all."""

    def install(script: str | None) -> str | None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sandbox, "refusal", lambda: Refusal(b"", 0))
        if script is not None:
            (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / "bwrap").chmod(stat.S_IRWXU)
        return sandbox.fault.__wrapped__()

    return install


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no bubblewrap to look for")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "bubblewrap is not installed. Install it (Debian, Ubuntu: apt install bubblewrap libseccomp2)"),
        (
            "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1",
            "(bwrap: No permissions to create a new",
        ),
        ("exit 0", "does not work here (it ended with 0)"),
        (
            'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
            "does not work here",
        ),  # it runs, and confines nothing
        ("echo nonsense", "does not work here"),
        ("echo [65534, false, false, true, false]", "does not work here"),  # a filter that is not in force
    ],
)
def test_a_bubblewrap_that_confines_nothing_is_none(bubblewrap, script, words):
    assert words in bubblewrap(script)


def test_a_machine_without_the_filter_has_no_sandbox(monkeypatch):
    monkeypatch.setattr(sandbox, "refusal", lambda: None)
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sandbox.sys, "platform", "linux")
    assert sandbox.fault.__wrapped__().startswith("libseccomp is not installed. Install it")
    with pytest.raises(SandboxError, match="libseccomp"):
        sandbox.confined(["true"])


def test_elsewhere_than_on_linux_there_is_none(monkeypatch):
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert "this is darwin" in sandbox.fault.__wrapped__()


@pytest.fixture
def none_here(monkeypatch):
    monkeypatch.setattr(sandbox, "fault", functools.cache(lambda: "bubblewrap is not installed. Install it"))


def test_who_grades_others_is_refused_and_who_checks_themselves_is_not(none_here, tmp_path):
    assert sandbox.use_sandbox("optional") is False
    with pytest.raises(SandboxError) as caught:
        grade("02", tmp_path, sandbox="required")
    line = str(caught.value)
    assert "nothing was graded" in line and "sandbox: optional" in line and line.isprintable()
    assert grade("02", tmp_path, cells=["read-failures"]).score == 0  # an empty folder, but graded


def test_verifying_somebody_elses_record_is_grading(none_here, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("autograder.cli.run_verify", lambda options, grade: grade("02", tmp_path))
    assert cli.main(["verify", "record.json"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_doctor_says_whether_there_is_one(none_here, capsys):
    assert sandbox.main() == 0
    said = capsys.readouterr().out
    assert "Sandbox for grading: none (bubblewrap is not installed" in said and "your own work needs none" in said


def test_the_course_says_whether_grading_needs_one(tmp_path):
    text = (ROOT / "course.yml").read_text()
    said = "grading: {sandbox: required}"
    path = tmp_path / "course.yml"
    assert load_course().grading.sandbox == "required" and text.count(said) == 1
    for given, meant in ((said.replace("required", "optional"), "optional"), ("", "required")):
        path.write_text(text.replace(said, given))
        assert load_course(path).grading.sandbox == meant
    path.write_text(text.replace(said, "grading: {sandbox: never}"))
    with pytest.raises(CourseError, match=r"grading.sandbox: expected 'required' or 'optional', got 'never'"):
        load_course(path)
