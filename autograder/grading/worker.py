"""A worker process: it loads nbgrader and the checkers once and grades student after student.

It reads its settings and then one request a line from stdin and writes one outcome a line to stdout. It ends when its
stdin does, so none is left behind by whoever started it. `Worker` is the other end.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from typing import BinaryIO

from autograder.criteria import one_line
from autograder.grading.settings import GradingError, Outcome, Settings
from autograder.processes import end_with_parent
from autograder.sandbox import SandboxError
from autograder.verdict_server import VerdictServer
from shared.world.splits import HIDDEN_SEED_VARIABLE

SECONDS_TO_END = 10  # to remove what it has begun; whoever grades next would do it otherwise
IDLE_SECONDS = 900  # a worker that nobody asks for so long is no longer wanted


def main() -> None:
    """Serve until stdin ends. Whatever a library prints goes to stderr, so that stdout holds outcomes alone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    end_with_parent()
    signal.signal(signal.SIGTERM, _stop)
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    settings = Settings.from_json(_line(requests))
    settings.apply_environment()
    os.chdir(settings.root)
    hidden_seed = settings.environment.get(HIDDEN_SEED_VARIABLE, "")
    try:
        with closing(VerdictServer(settings.assignment, hidden_seed, settings.threads)) as verdicts:
            from autograder.grading.student import Grader  # nbgrader's import takes as long as the server's

            with Grader(settings, verdicts) as grader:
                while line := _line(requests):
                    print(grader.grade(**json.loads(line)).to_json(), file=answers, flush=True)
    except (GradingError, SandboxError) as error:
        sys.exit(str(error))


def _stop(*_: object) -> None:
    """Clear up what has been begun, and let nothing interrupt that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _line(requests: BinaryIO) -> str:
    """Return the next line, empty at the end or when none has come for long."""
    ready, _, _ = select.select([requests], [], [], IDLE_SECONDS)
    return requests.readline().decode() if ready else ""


class Worker:
    """A worker process and the talk with it. A worker that dies is replaced, and its student tried once more."""

    def __init__(self, settings: Settings):
        self.settings, self._stopped = settings, False
        self._process: subprocess.Popen | None = None

    def grade(self, student: str, wait: bool = False, then: str = "") -> Outcome:
        """Return what became of one student; `then` is who is likely to be next, if known."""
        request, line = json.dumps({"student": student, "wait": wait, "then": then}), "stopped"
        for _ in range(2):
            if self._stopped:
                break
            try:
                return Outcome.from_json(self._ask(request))
            except (OSError, ValueError):
                line = self._end()
        return Outcome(student, "failed", line)

    def stop(self) -> None:
        """Ask the process to end at once, from any thread. What it was at stays as it was before."""
        self._stopped = True
        if (process := self._process) is not None:
            process.terminate()

    def close(self) -> None:
        """End the process and clear up after it."""
        self.stop()
        self._end()

    def _ask(self, request: str) -> str:
        if self._process is None:
            self._start()
        print(request, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by _end)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autograder.grading.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C in a terminal is for the command; it ends its workers itself
        )
        print(self.settings.to_json(), file=self._process.stdin)

    def _end(self) -> str:
        """End the process if it has not ended; return what is known of its end, in a line."""
        if (process := self._process) is None:
            return "the worker could not be started"
        try:
            process.stdin.close()
        except OSError:  # what was still to be written has no reader any more
            pass
        with process.stdout, self._errors:
            try:
                status = process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            self._errors.seek(0)
            said = self._errors.read()[-4_000:].decode("utf-8", "replace").strip().splitlines()
        self._process = None
        return f"the worker ended with status {status} ({one_line(said[-1], 200) if said else 'it said nothing'})"


if __name__ == "__main__":
    main()
