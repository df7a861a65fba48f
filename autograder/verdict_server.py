"""A clean process that forks verdicts: it loads what all submissions of a rung need once, and nothing of any of them.

Each verdict is reached in a child of its own, in the same state as one that starts from nothing but for the time it
takes: its own session, its own private folder, its own limits, request and report through its own pipes. This process
hands the pipes on and never reads them, so nothing of a submission can stay in it. `VerdictServer`, the other end,
takes the place of `runner.start_and_wait`; where it fails, that does the work.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NoReturn

import autograder
from autograder import reevaluation, runner, verdict
from autograder.checkers import checker_of
from autograder.processes import end_descendants, end_with_parent, keep_to_ourselves
from autograder.sandbox import SandboxError
from autograder.system_calls import refusal
from autograder.warm_sandbox import WarmSandbox, common_setups
from shared.course import Course, Rung, load_course
from shared.world.splits import HIDDEN_SEED_VARIABLE

LARGEST_MESSAGE = 65_536  # bytes: a path and a few settings
GPU_LIBRARIES = ("torch", "transformers", "peft")  # loaded, not used: a GPU that is in use cannot be handed to a child


def main() -> None:
    """Prepare for one rung, then fork a verdict for each request, until the other end goes away."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(2, 1)
    keep_to_ourselves()
    end_with_parent()
    settings = json.loads(control.recv(LARGEST_MESSAGE))
    if settings["hidden_seed"]:
        os.environ[HIDDEN_SEED_VARIABLE] = settings["hidden_seed"]
    reevaluation.at_once = settings["threads"]
    course = load_course()
    rung = course.rung(settings["rung"])
    load(rung, course)
    warm = prepare(rung, course, json.loads(control.recv(LARGEST_MESSAGE)))
    while True:
        message, pipes, *_ = socket.recv_fds(control, LARGEST_MESSAGE, 3)
        if not message:
            return
        status = _fork_and_wait(pipes, control, warm, **json.loads(message))
        control.sendall(json.dumps(status).encode())


def load(rung: Rung, course: Course) -> None:
    """Import what the rung's verdicts import."""
    import psutil  # noqa: F401 (ends what a verdict leaves behind)

    names = [module.name for module in pkgutil.iter_modules(autograder.__path__)]
    for name in names:
        if name.startswith(f"rung_{rung.id}_"):
            importlib.import_module(f"autograder.{name}")
    if runner.device_here(course) == "cuda":
        for name in GPU_LIBRARIES:
            importlib.import_module(name)


def prepare(rung: Rung, course: Course, confined: bool) -> WarmSandbox | None:
    """Let the base answer what each verdict would ask it again, while a sandbox for learners' functions opens, which is
    returned if there is one. What cannot be had now, a verdict does itself."""
    kind, warm = checker_of(rung).submission, None
    setups = common_setups(kind.learner_functions)
    if confined and setups:
        with contextlib.suppress(SandboxError):
            warm = WarmSandbox(setups)
    if runner.device_here(course) == "cpu":
        with contextlib.suppress(Exception):
            kind.prepare(rung, course, "hidden" if os.environ.get(HIDDEN_SEED_VARIABLE) else "public")
    refusal()  # compiled once
    gc.freeze()  # or the first collection in each child would copy all that is loaded
    return warm


def _fork_and_wait(
    pipes: list[int], control: socket.socket, warm: WarmSandbox | None, folder: str, seconds: float
) -> int | None:
    """Reach one verdict in a child; return its exit status, or None when it took too long. Nothing of it is left."""
    import psutil

    pid = os.fork()
    if pid == 0:
        _reach(pipes, control, warm, folder)
    for pipe in pipes:
        os.close(pipe)
    try:
        return psutil.Process(pid).wait(timeout=seconds)
    except psutil.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        end_descendants(spare=warm and warm.process_id)


def _reach(pipes: list[int], control: socket.socket, warm: WarmSandbox | None, folder: str) -> NoReturn:
    """Be the verdict's process, which ends here."""
    status = 1
    try:
        control.close()
        os.setsid()
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
            os.close(pipe)
        os.chdir(folder)
        os.environ.update(HOME=folder, TMPDIR=folder)
        tempfile.tempdir = None
        verdict.main(warm)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


class VerdictServer:
    """The other end: verdicts on one rung's submissions, each with so many `threads`, from a process that is ready for
    them. It begins to load at once, and waits for `confine`."""

    def __init__(self, rung: str, hidden_seed: str, threads: int = 1):
        self._home = tempfile.TemporaryDirectory(prefix="verdicts-")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "autograder.verdict_server"],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._home.name,
                env=runner.environment(Path(self._home.name)),
                start_new_session=True,
            )
        self._control, self._broken, self._closed = ours, False, False
        ours.sendall(json.dumps({"rung": rung, "hidden_seed": hidden_seed, "threads": threads}).encode())

    def confine(self, confined: bool) -> None:
        """Say whether learners' functions run in a sandbox; to be called once."""
        try:
            self._control.sendall(json.dumps(confined).encode())
        except OSError:
            self._broken = True

    def start_and_wait(self, folder: Path, request: bytes, seconds: float) -> tuple[int | None, bytes, bytes]:
        """As `runner.start_and_wait`, from the process that is ready; from nothing where that has ended by itself."""
        if not self._broken:
            try:
                return self._ask(folder, request, seconds)
            except (OSError, ValueError):
                self._broken = True
        if self._closed:  # by another thread: nobody wants this verdict any more
            return None, b"", b""
        return runner.start_and_wait(folder, request, seconds)

    def _ask(self, folder: Path, request: bytes, seconds: float) -> tuple[int | None, bytes, bytes]:
        (asked, asking), (saying, said), (failing, failed) = os.pipe(), os.pipe(), os.pipe()
        with open(asking, "wb") as question, open(saying, "rb") as answer, open(failing, "rb") as errors:
            try:
                message = json.dumps({"folder": str(folder), "seconds": seconds}).encode()
                socket.send_fds(self._control, [message], [asked, said, failed])
            finally:
                for pipe in (asked, said, failed):
                    os.close(pipe)
            question.write(request)  # it fits into the pipe: nobody has to read it first
            question.close()
            heard = _read_all(answer, errors)
            status = json.loads(self._control.recv(LARGEST_MESSAGE))
        return (None, b"", b"") if status is None else (status, *heard)

    @property
    def is_ready(self) -> bool:
        """Whether verdicts still come from the process, and not from nothing."""
        return not self._broken

    def close(self) -> None:
        """End the process and whatever verdict it is at, from any thread. A second time does no harm."""
        self._closed = True
        self._process.kill()
        self._process.wait()
        self._control.close()
        self._home.cleanup()


def _read_all(*pipes: object) -> list[bytes]:
    """Return what comes out of each pipe until all are closed."""
    heard = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                chunk = os.read(key.fd, LARGEST_MESSAGE)
                heard[key.fileobj] += chunk
                if not chunk:
                    selector.unregister(key.fileobj)
    return list(heard.values())


if __name__ == "__main__":
    main()
