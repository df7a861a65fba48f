"""What the browser tests start ends, whatever it does."""

import subprocess
import sys

import lab_server
import psutil
import pytest
from lab_server import end, jupyter_lab, runs

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
time.sleep(600)
"""


def test_a_server_that_will_not_end_is_ended_with_its_children(monkeypatch):
    monkeypatch.setattr(lab_server, "END_SECONDS", 0.5)
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    end(process)
    assert len(family) == 2 and not any(map(runs, family))
    process.stdout.close()


def test_a_server_that_does_not_start_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_server, "_environment", lambda private: {"PATH": "/nonexistent"})
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        pytest.raises(RuntimeError, match="did not start \\(exit code 1\\)"),
        jupyter_lab(tmp_path, tmp_path / "private"),
    ):
        pytest.fail("it runs")
