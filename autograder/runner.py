"""Grade one submission: run the verdict in a clean process, with limits, and believe only what can be believed.

The process gets an environment made from nothing, isolated Python (no user site, no PYTHON* variables, no current
folder on the path), a private temporary folder, and limits on time and memory. Request and report go through pipes,
never through files that a learner's function could find, and the report is signed with a key that stands in the
request alone. It is counted again here: titles, cells and points come from the checker's own list, so a report can say
no more than which criteria were met. If anything is amiss, nothing is.
"""

import hmac
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from pathlib import Path

from autograder.checkers import checker_of
from autograder.criteria import Criterion, Finding, Report, all_failed, one_line, recount
from autograder.sandbox import Policy, use_sandbox
from autograder.signature import sign
from shared.course import Course, load_course
from shared.world.splits import HIDDEN_SEED_VARIABLE

SECONDS = {"cpu": 180, "cuda": 900}  # a check takes seconds; this is for a machine under heavy load
MEMORY_BYTES = {"cpu": 8 * 2**30, "cuda": None}  # address space; a GPU's driver maps far more than it uses
SETTINGS = ("COURSE_PROFILE", "COURSE_BASE_MODEL", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "PATH")  # PATH: bwrap
# One thread a library: the checker runs two jobs side by side itself, and threads that wait for one another by
# spinning grow many times slower as soon as anything else wants the processor.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# The GNU C library asks the system for each large array anew, and gives it back. Let it keep them.
KEPT_MEMORY = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(10**9))


def grade(
    rung: str,
    submission: Path,
    *,
    seed: int | None = None,
    cells: Collection[str] | None = None,
    sandbox: Policy = "optional",
) -> Report:
    """Return the report on the rung's work in the folder `submission`.

    `seed` draws the inputs of the learner's functions, afresh when None; the same seed gives the same report.
    `cells` limits the check to some graded cells. `sandbox` says whether those functions must run in one: whoever
    checks their own work need not ask for it, whoever grades others' passes what course.yml says. Raises CourseError
    or CheckerError, one line, when there is no such rung, cell or checker, and SandboxError when there must be a
    sandbox and is none. Nothing in a submission makes it raise.
    """
    confined = use_sandbox(sandbox)
    course = load_course()
    known = course.rung(rung)
    criteria = checker_of(known, cells).criteria
    device = device_here(course)
    request = {
        "rung": known.id,
        "folder": str(Path(submission).absolute()),
        "seed": secrets.randbelow(2**31) if seed is None else seed,
        "cells": None if cells is None else sorted(cells),
        "memory_bytes": MEMORY_BYTES[device],
        "confined": confined,
        # Not in the environment, which every process of the same user can read.
        "hidden_seed": os.environ.get(HIDDEN_SEED_VARIABLE, ""),
        "key": secrets.token_hex(32),
    }
    try:
        return _run(request, SECONDS[device], criteria)
    except _NoReport as error:
        return all_failed(known.id, criteria, Finding(False, str(error), "a check that ends", hint=error.hint))


def device_here(course: Course) -> str:
    """Return the device of the profile that verdicts are reached with: "cpu" or "cuda"."""
    return course.profile(os.environ.get("COURSE_PROFILE") or "pocket").device


class _NoReport(Exception):
    """The process gave no report that can be used. One line, and what to do."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.hint = hint


def _run(request: dict, seconds: int, criteria: Sequence[Criterion]) -> Report:
    with tempfile.TemporaryDirectory(prefix="check-") as name:
        status, said, errors = START.get()(Path(name), json.dumps(request).encode(), seconds)
    if status is None:
        raise _NoReport(f"the check was stopped after {seconds} s", "Try again when the machine is less busy.")
    if status != 0:
        hint = "Show this line to whoever runs the course."
        raise _NoReport(f"the check ended with status {status} ({_last_line(errors)})", hint)
    try:
        return recount(Report.model_validate_json(_signed(said, request["key"])), criteria)
    except ValueError:  # pydantic's ValidationError is one
        raise _NoReport("the check gave no readable report", "Run it again; if it stays so, report it.") from None


def _signed(said: bytes, key: str) -> bytes:
    """Return the report in what the verdict said: a signature, a line break, the report. Raises ValueError."""
    signature, _, report = said.partition(b"\n")
    if not hmac.compare_digest(signature, sign(report, key)):
        raise ValueError("not signed with this check's key")
    return report


def start_and_wait(folder: Path, request: bytes, seconds: int) -> tuple[int | None, bytes, bytes]:
    """Run the verdict in `folder`; return its exit status (None when it took longer than `seconds`), output, errors."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "autograder.verdict"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(folder),
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(request, timeout=seconds)
        return process.returncode, said, errors
    except subprocess.TimeoutExpired:
        return None, b"", b""
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nothing of it is left (macOS says so with PermissionError)
            pass
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


# How a verdict's process is had: whoever grades many submissions keeps one ready (`autograder.verdict_server`).
START: ContextVar[Callable[[Path, bytes, float], tuple[int | None, bytes, bytes]]] = ContextVar(
    "START", default=start_and_wait
)


def environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of the verdict: a private home, the course's settings, no network, one thread."""
    hub = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    settings = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    fixed = {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "HF_HOME": hub, "HF_HUB_OFFLINE": "1"}
    return {**fixed, **dict.fromkeys(THREADS, "1"), **KEPT_MEMORY, **settings}


def _last_line(errors: bytes) -> str:
    lines = errors[-4_000:].decode("utf-8", "replace").strip().splitlines()
    return one_line(lines[-1], 200) if lines else "it said nothing"
