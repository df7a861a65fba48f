"""The test's end of `grader.py`: start a grading, kill it, wait for it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from autograder.nbgrader_course import environment

SECONDS_FOR_THE_LOCK = 1


class Grading:
    """One grading that was started: `pid` leads its process group, `log` holds what it said."""

    def __init__(self, grader: "Grader", pid: int, log: Path):
        self._grader, self.pid, self.log = grader, pid, log

    def kill(self) -> int:
        """Kill the whole group and return the exit status: -9, unless it had ended before."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has no group of its own yet, or has just ended
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return the exit status."""
        return self._grader.ask({"wait": self.pid})

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text()


class Grader:
    """A process that has nbgrader loaded and forks gradings, whose logs go to a folder. To be closed."""

    def __init__(self, logs: Path):
        self._log = logs / "grading.log"
        script = Path(__file__).with_name("grader.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(script.parent),
        )

    def start(self, course: Path, *arguments: str, **more: object) -> Grading:
        """Start `nbgrader ARGUMENTS` in the course folder."""
        self._log.write_text("")
        request = {
            "course": str(course),
            "arguments": arguments,
            "log": str(self._log),
            "lock_seconds": SECONDS_FOR_THE_LOCK,
            **more,
        }
        return Grading(self, self.ask(request), self._log)

    def warm_up(self, course: Path, *arguments: str) -> int:
        """Run `nbgrader ARGUMENTS` in the process itself, which loads what is loaded late; return the exit code."""
        return self.ask({"course": str(course), "arguments": arguments, "log": str(self._log), "here": True})

    def ask(self, request: dict) -> int:
        """Return the answer to a request."""
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
