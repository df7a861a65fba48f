"""A JupyterLab server of the tests' own: loopback only, a free port, a token, and nothing of it left behind."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

START_SECONDS = 90  # it takes 2 to 3; the rest is for a machine under heavy load
END_SECONDS = 15
# What would change under the tests' hands: saving by the clock, and notes that slide over the page.
SETTINGS = {
    "docmanager-extension/plugin": {"autosave": False},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


class LabServer(NamedTuple):
    """A running server: where it is reached, the token that opens it, what it has said so far."""

    url: str
    token: str
    log: Path

    def opened(self, path: str) -> str:
        """Return the address of a page with the token in it, as Jupyter prints it on starting."""
        return f"{self.url}{path}?token={self.token}"


@contextmanager
def jupyter_lab(folder: Path, private: Path, **environment: str) -> Iterator[LabServer]:
    """Run JupyterLab over `folder`; `private` holds its configuration and its log. Ends it and all its kernels."""
    _write_settings(private)
    log, token = private / "server.log", secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--notebook-dir={folder}"]
    limits = ["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--LabApp.extension_manager=readonly"]
    with log.open("w") as said:
        process = subprocess.Popen(
            [*command, *limits],
            cwd=folder,
            env={**_environment(private), "JUPYTER_TOKEN": token, **environment},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield LabServer(_address(process, private / "runtime", log), token, log)
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    """End a process and all that it has started, first kindly; kernels are in sessions of their own."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            pass  # ended with its parent, as it should
    deadline = time.monotonic() + END_SECONDS
    while any(runs(child) for child in family) and time.monotonic() < deadline:
        time.sleep(0.01)


def runs(process: psutil.Process) -> bool:
    """Return whether a process still does anything; one that nobody has buried yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _address(process: subprocess.Popen, runtime: Path, log: Path) -> str:
    """Return the server's address as soon as it has written it down. Raises RuntimeError with the end of its log."""
    deadline, written = time.monotonic() + START_SECONDS, runtime / f"jpserver-{process.pid}.json"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return f"http://127.0.0.1:{json.loads(written.read_text())['port']}"
        except (OSError, ValueError):
            time.sleep(0.05)  # not written yet, or only half
    raise RuntimeError(f"JupyterLab did not start (exit code {process.poll()}):\n{log.read_text()[-2000:]}")


def _environment(private: Path) -> dict[str, str]:
    """Return the environment of a learner on pocket: this Python's programs first, nobody's own configuration."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    places = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    jupyter = {f"JUPYTER_{name}_DIR": str(private / place) for name, place in places.items()}
    course = {"COURSE_PROFILE": "pocket", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    here = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    return {**here, "PATH": path, "IPYTHONDIR": str(private / "ipython"), **jupyter, **course}


def _write_settings(private: Path) -> None:
    for name, settings in SETTINGS.items():
        path = private / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    (private / "runtime").mkdir(parents=True, exist_ok=True)
