"""A sandbox that stays open for many learners' functions: to import what they need takes longer than to run them.

Its host (`autograder.student_host`) imports once and forks a child for each function. A child gets its request and
gives its answers through files without a name that are handed to it open. What keeps it from its siblings and from the
next is `autograder.system_calls`: it can make or change no file, signal or look into no process, and share no memory.
Should the host end, each function gets a sandbox of its own, which is slower and as tight.

    with WarmSandbox(common_setups(checker.submission.learner_functions)) as warm:
        verdict("02", folder, seed, None, confined=warm)
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable
from typing import IO

from autograder import sandbox
from autograder.course_files import course_files
from autograder.student_process import environment

HOST = "autograder.student_host"
FORK = b"fork"
LONGEST_STATUS = 16  # bytes


class HostEnded(Exception):
    """The host has ended, and with it what it had forked."""


def slow_setups(learner_functions: Iterable[tuple]) -> set[str]:
    """Return the imports, as source, that are worth making once for one submission: those of PyTorch.

    Others take a tenth of a second.
    """
    return {setup for setup in common_setups(learner_functions) if "import torch" in setup}


def common_setups(learner_functions: Iterable[tuple]) -> set[str]:
    """Return the imports, as source, that may be made once for a class: those of no function that must be alone."""
    functions = [function for _, function, _ in learner_functions]
    return {function.setup for function in functions} - {function.setup for function in functions if function.alone}


class WarmSandbox:
    """The open sandbox. Several processes, forked from the one that made it, may use it at the same time.

    It may be used at once; what is asked waits until the imports are made. Raises SandboxError where there is none.
    """

    def __init__(self, setups: Collection[str]):
        self.setups = frozenset(setups)
        sandbox.use_sandbox("required")
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        files = course_files("\n".join([f"import {HOST}", *self.setups]))
        with theirs:
            self._process = subprocess.Popen(
                sandbox.confined([sys.executable, "-I", "-B", "-m", HOST], files),
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(sandbox.HOME),
                start_new_session=True,
            )
        self._socket.send(json.dumps(sorted(self.setups)).encode())

    @property
    def process_id(self) -> int:
        """The process from which all in the sandbox descend."""
        return self._process.pid

    def start(self, request: bytes, answers: IO[bytes]) -> "ForkedProcess":
        """Let the host fork a child for `request`. Raises HostEnded."""
        status, theirs = os.pipe()
        try:
            with tempfile.TemporaryFile() as told:
                told.write(request)
                told.seek(0)
                socket.send_fds(self._socket, [FORK], [told.fileno(), answers.fileno(), theirs])
        except OSError:
            os.close(status)
            raise HostEnded from None
        finally:
            os.close(theirs)
        return ForkedProcess(status)

    def close(self) -> None:
        """End the host and all that it forked."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> "WarmSandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ForkedProcess:
    """A child of the host. It is known here by a pipe that tells how it ended, and ends when the pipe is closed."""

    def __init__(self, status: int):
        self._status: int | None = status

    def wait(self, timeout: float) -> int:
        """Return the exit code, or less than 0 for a signal's number. Raises subprocess.TimeoutExpired, HostEnded."""
        waiting = select.poll()
        waiting.register(self._status, select.POLLIN)
        if not waiting.poll(1_000 * timeout):
            raise subprocess.TimeoutExpired(HOST, timeout)
        said = os.read(self._status, LONGEST_STATUS)
        if not said:
            raise HostEnded
        return int(said)

    def end(self) -> None:
        """Let the child be killed, if it still runs."""
        if self._status is not None:
            os.close(self._status)
            self._status = None
