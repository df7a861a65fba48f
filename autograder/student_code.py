"""Run a learner's function apart from the grade: inputs go in, plain numbers and text come out.

The function's source is taken from the submitted notebook and run in a process of its own: isolated Python, an empty
environment, a private temporary folder, limits on time, memory, answers and open files, and, where there is libseccomp,
only the system calls that computing takes (`autograder.student_child` sets them). The process never sees an expected
value; the caller compares. Its answers come back through one open file that has no name; what it prints goes nowhere.

Those limits bound accidents and most mischief. The wall against an attacker, who could otherwise read whatever the
grader can read, is the sandbox around the child (`autograder.sandbox`): grading demands it, a self-check uses it where
there is one.
"""

import contextlib
import json
import math
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from autograder import sandbox
from autograder.student_process import OwnProcess
from autograder.system_calls import refusal
from autograder.warm_sandbox import ForkedProcess, HostEnded, WarmSandbox
from shared.safe_files import ArtifactError

LARGEST_ANSWERS = 4_000_000  # bytes


@dataclass(frozen=True)
class Limits:
    """What the child may use. Memory counts address space: torch maps several times what it fills."""

    seconds: int = 60
    memory_bytes: int = 4 * 2**30
    file_bytes: int = 16 * 2**20  # the answers are a file, too
    open_files: int = 256


@dataclass(frozen=True)
class LearnerFunction:
    """A function that a learner writes: in which cell, under which name, after which imports.

    `setup` is ours: the imports that the notebook makes before the cell, so that an answer may rely on them. A
    function whose answers must not agree by chance with another process's is `alone`: what one host forks shares the
    seed of Python's hashes.
    """

    cell: str
    name: str
    setup: str
    alone: bool = False


@dataclass(frozen=True)
class Call:
    """One call: the arguments as JSON values or `tensor(...)`, and which argument's gradient to return, if any.

    Of a result that is no scalar it is the gradient of its sum, weighted with 1 to 2 in equal steps.
    """

    arguments: tuple
    gradient_of: int | None = None


def tensor(values: Any, dtype: Literal["float32", "int64"]) -> dict:
    """Return the JSON form of a torch tensor argument; `values` is a nested list."""
    return {"tensor": values, "dtype": dtype}


class Answer(BaseModel):
    """What one call gave. `kind` says which fields count: a tensor (flat `values` and `shape`), a plain value of a
    JSON type, an object of another type (`type_name`; a flat list, tuple or array of numbers has its `values` too), or
    an error (`value`, one line)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["tensor", "value", "object", "error"]
    type_name: str = ""
    value: bool | int | float | str | None = None
    values: list[float] = []
    shape: list[int] = []
    gradient: list[float] | None = None

    @model_validator(mode="after")
    def _numbers_fill_the_shape(self) -> Self:
        if self.kind == "tensor" and (min(self.shape, default=0) < 0 or len(self.values) != math.prod(self.shape)):
            raise ValueError("a tensor's numbers do not fill its shape")
        return self

    def fault(self) -> str | None:
        """Return what keeps this from being a usable answer (an error, a value that is not finite), or None."""
        numbers = [*self.values, *(self.gradient or [])]
        if isinstance(self.value, float):
            numbers.append(self.value)
        if self.kind == "error":
            return str(self.value)
        bad = next((number for number in numbers if not math.isfinite(number)), None)
        return None if bad is None else f"returned {bad}, expected a finite number"

    def scalar_fault(self) -> str | None:
        """Return what keeps this from being a finite scalar tensor, or None."""
        if self.kind in ("value", "object"):
            return f"returned {self.type_name}, expected a scalar tensor"
        if self.kind == "tensor" and self.shape:
            return f"returned a tensor of shape {self.shape}, expected a scalar"
        return self.fault()


class Reply(BaseModel):
    """All answers of one child, or the `error` (one line) that kept the function from being defined."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    error: str | None = None
    answers: list[Answer] = []


class StudentCode:
    """A learner's function at work in its own process. Start early, ask for `answers` late: the two run side by side.

    `confined` says whether that is in a sandbox, or in which; by default it is where there is one. Used as a context
    manager, so that no process outlives the check.
    """

    def __init__(
        self,
        function: LearnerFunction,
        source: str,
        calls: list[Call],
        limits: Limits | None = None,
        *,
        confined: bool | WarmSandbox | None = None,
    ):
        self.function, self.calls, self.limits = function, calls, limits or Limits()
        self.confined = sandbox.fault() is None if confined is None else confined
        self._kept = contextlib.ExitStack()
        self.folder = Path(self._kept.enter_context(tempfile.TemporaryDirectory(prefix="answer-")))
        self._answers = self._kept.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (closed with `_kept`)
        self._told = json.dumps(self._request(source)).encode()
        self._process = self._start(self.confined)

    def _request(self, source: str) -> dict:
        """Return all that the child is told."""
        refused = refusal()
        return {
            "setup": self.function.setup,
            "source": source,
            "function": self.function.name,
            "calls": [{"arguments": call.arguments, "gradient_of": call.gradient_of} for call in self.calls],
            "limits": vars(self.limits),
            "refusal": None if refused is None else [refused.program.hex(), refused.loader],
            "confined": bool(self.confined),
        }

    def _start(self, within: bool | WarmSandbox) -> OwnProcess | ForkedProcess:
        setup = self.function.setup
        if isinstance(within, WarmSandbox) and setup in within.setups:
            try:
                return within.start(self._told, self._answers)
            except HostEnded:
                pass
        return OwnProcess(self._told, self._answers, setup=setup, folder=self.folder, confined=bool(within))

    def _wait(self) -> int | None:
        """Return how the child ended; None when its time was over. It is started again if its host ends: no fault of
        the function's, which can reach no other process."""
        try:
            return self._process.wait(timeout=self.limits.seconds)
        except subprocess.TimeoutExpired:
            return None
        except HostEnded:
            self._process.end()
            self._answers.truncate(0)
            self._answers.seek(0)
            self._process = self._start(True)
            return self._wait()

    def answers(self) -> list[Answer]:
        """Wait for the child and return one answer a call.

        Raises ArtifactError, in one line, when the function could not be run or took too long.
        """
        name = self.function.name
        try:
            status = self._wait()
        finally:
            self._process.end()
        if status in (None, -signal.SIGXCPU):  # its time on the clock, or its time on the processor, is over
            raise ArtifactError(f"{name}: no answer within {self.limits.seconds} s: an endless loop?")
        reply = self._reply(status)
        if reply.error is not None:
            raise ArtifactError(f"{name}: {reply.error}")
        if len(reply.answers) != len(self.calls):
            raise ArtifactError(f"{name}: {len(reply.answers)} answers to {len(self.calls)} calls. Return, don't exit")
        return reply.answers

    def _reply(self, status: int) -> Reply:
        said = os.pread(self._answers.fileno(), LARGEST_ANSWERS + 1, 0)
        try:
            return Reply.model_validate_json(said if len(said) <= LARGEST_ANSWERS else b"")
        except ValidationError:
            raise ArtifactError(
                f"{self.function.name}: its process ended without a usable answer ({_ending(status)}). "
                "Does the cell exit, use too much memory or write files?"
            ) from None

    def __enter__(self) -> "StudentCode":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()
        self._kept.close()


def _ending(status: int) -> str:
    return f"ended by signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
