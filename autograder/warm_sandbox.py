"""A sandbox that stays open for many learners' functions: importing PyTorch takes longer than running any of them.

Its host (`autograder.student_host`) imports once and forks a child for each function. A child gets its request and
gives its answers through files without a name that are handed to it open. What keeps it from its siblings and from the
next is `autograder.system_calls`: it can make or change no file, signal or look into no process, and share no memory.

    with WarmSandbox(slow_setups(checker.submission.learner_functions)) as warm:
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
SECONDS_TO_IMPORT = 120  # on a very busy machine; a second or two
LONGEST_STATUS = 16  # bytes


def slow_setups(learner_functions: Iterable[tuple]) -> set[str]:
    """Return the imports, as source, that are worth making once: those of PyTorch.

    Others take a tenth of a second. And functions that must not agree by chance on what they hash (rung 05) need
    processes of their own: what one host forks shares its hash seed.
    """
    return {function.setup for _, function, _ in learner_functions if "import torch" in function.setup}


class WarmSandbox:
    """The open sandbox. Several processes, forked from the one that made it, may use it at the same time.

    Raises SandboxError where there is no sandbox, or when the host does not start.
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
        self._let_it_import()

    def _let_it_import(self) -> None:
        self._socket.settimeout(SECONDS_TO_IMPORT)
        try:
            self._socket.send(json.dumps(sorted(self.setups)).encode())
            ready = self._socket.recv(LONGEST_STATUS)
        except OSError:
            ready = b""
        if not ready:
            self.close()
            raise sandbox.SandboxError("the sandbox's host did not start. Grade without it: one sandbox a function")

    @property
    def process_id(self) -> int:
        """The process from which all in the sandbox descend."""
        return self._process.pid

    def start(self, request: bytes, answers: IO[bytes], *, seconds: int) -> "ForkedProcess":
        """Let the host fork a child for `request`. Raises OSError when the host has ended."""
        status, theirs = os.pipe()
        try:
            with tempfile.TemporaryFile() as told:
                told.write(request)
                told.seek(0)
                handles = [told.fileno(), answers.fileno(), theirs]
                socket.send_fds(self._socket, [str(seconds).encode()], handles)
        except OSError:
            os.close(status)
            raise
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
        """Return the exit code, or less than 0 for a signal's number. Raises subprocess.TimeoutExpired."""
        waiting = select.poll()
        waiting.register(self._status, select.POLLIN)
        if not waiting.poll(1_000 * timeout):
            raise subprocess.TimeoutExpired(HOST, timeout)
        return int(os.read(self._status, LONGEST_STATUS) or -signal.SIGKILL)  # nothing: the whole host was killed

    def end(self) -> None:
        """Let the child be killed, if it still runs."""
        if self._status is not None:
            os.close(self._status)
            self._status = None
