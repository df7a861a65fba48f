"""A process of its own for a learner's function, in the sandbox or not: started with a request, waited for, ended."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from autograder import sandbox
from autograder.course_files import course_files

CHILD = "autograder.student_child"
SHELL_SIGNAL = 128  # bubblewrap, like a shell, tells that a signal ended its program by 128 + the signal's number


class OwnProcess:
    """The child that serves one request. `folder` is its private folder where there is no sandbox."""

    def __init__(self, request: bytes, answers: IO[bytes], *, setup: str, folder: Path, confined: bool):
        self._confined = confined
        command = [sys.executable, "-I", "-B", "-m", CHILD]
        if confined:
            command = sandbox.confined(command, course_files(f"import {CHILD}\n{setup}"))
        with tempfile.TemporaryFile() as told:
            told.write(request)
            told.seek(0)
            self._process = subprocess.Popen(
                command,
                stdin=told,
                stdout=answers,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment(sandbox.HOME if confined else str(folder)),
                start_new_session=True,
            )
        self.group = self._process.pid

    def wait(self, timeout: float) -> int:
        """Return the exit code, or less than 0 for a signal's number. Raises subprocess.TimeoutExpired."""
        status = self._process.wait(timeout)
        return SHELL_SIGNAL - status if self._confined and status > SHELL_SIGNAL else status

    def end(self) -> None:
        """End the child and whatever it started in its process group, the sandbox's own processes among it."""
        try:
            os.killpg(self.group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nothing of it is left (macOS says so with PermissionError)
            pass
        self._process.wait()


def environment(home: str) -> dict[str, str]:
    """Return the whole environment of the child: no secrets, no settings of ours, one thread a library.

    No GPU either: PyTorch would start a thread for it at the first backward pass, and new threads are refused.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Compiling starts processes; a function under @torch.compile runs uncompiled here, with the same result.
    fixed = {"LANG": "C.UTF-8", "CUDA_VISIBLE_DEVICES": "", "TORCHDYNAMO_DISABLE": "1"}
    # Libraries that would make a folder of their own, where none can be made, take one that is there.
    folders = dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"), home)
    return {**folders, **fixed, **threads}
