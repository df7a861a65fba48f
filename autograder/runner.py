"""Grade one submission: run the verdict in a clean process, with limits, and believe only what can be believed.

The process gets an environment made from nothing, isolated Python (no user site, no PYTHON* variables, no current
folder on the path), a private temporary folder, and limits on time and memory. Its report is read with a size limit
and counted again here: titles, cells and points come from the checker's own list, so a report can say no more than
which criteria were met. If anything is amiss, nothing is.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from autograder.checkers import checker_of
from autograder.criteria import Criterion, Finding, Report, all_failed, one_line, recount
from shared.course import load_course
from shared.safe_files import ArtifactError, read_limited

SECONDS = {"cpu": 180, "cuda": 900}  # a check takes seconds; this is for a machine under heavy load
MEMORY_BYTES = {"cpu": 8 * 2**30, "cuda": None}  # address space; a GPU's driver maps far more than it uses
LARGEST_REPORT = 1_000_000  # bytes
SETTINGS = ("COURSE_HIDDEN_SEED", "COURSE_PROFILE", "COURSE_BASE_MODEL", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
# One thread a library: the checker runs two jobs side by side itself, and threads that wait for one another by
# spinning grow many times slower as soon as anything else wants the processor.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def grade(rung: str, submission: Path, *, seed: int | None = None, cells: Collection[str] | None = None) -> Report:
    """Return the report on the rung's work in the folder `submission`.

    `seed` draws the inputs of the learner's functions, afresh when None; the same seed gives the same report.
    `cells` limits the check to some graded cells. Raises CourseError or CheckerError, one line, when there is no
    such rung, cell or checker. Nothing in a submission makes it raise.
    """
    course = load_course()
    known = course.rung(rung)
    criteria = checker_of(known, cells).criteria
    device = course.profile(os.environ.get("COURSE_PROFILE") or "pocket").device
    request = {
        "rung": known.id,
        "folder": str(Path(submission).absolute()),
        "seed": secrets.randbelow(2**31) if seed is None else seed,
        "cells": None if cells is None else sorted(cells),
        "memory_bytes": MEMORY_BYTES[device],
    }
    try:
        return _run(request, SECONDS[device], criteria)
    except _NoReport as error:
        return all_failed(known.id, criteria, Finding(False, str(error), "a check that ends", hint=error.hint))


class _NoReport(Exception):
    """The process gave no report that can be used. One line, and what to do."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.hint = hint


def _run(request: dict, seconds: int, criteria: Sequence[Criterion]) -> Report:
    with tempfile.TemporaryDirectory(prefix="check-") as name:
        folder = Path(name)
        (folder / "request").write_text(json.dumps(request), encoding="utf-8")
        status = _start_and_wait(folder, seconds)
        if status is None:
            raise _NoReport(f"the check was stopped after {seconds} s", "Try again when the machine is less busy.")
        if status != 0:
            said = _last_line(folder / "errors")
            hint = "Show this line to whoever runs the course."
            raise _NoReport(f"the check ended with status {status} ({said})", hint)
        try:
            report = Report.model_validate_json(read_limited(folder / "report", folder, LARGEST_REPORT))
            return recount(report, criteria)
        except (ArtifactError, ValueError):  # pydantic's ValidationError is a ValueError
            raise _NoReport("the check gave no readable report", "Run it again; if it stays so, report it.") from None


def _start_and_wait(folder: Path, seconds: int) -> int | None:
    """Run the verdict in `folder` and return its exit status, or None when it took longer than `seconds`."""
    with (
        (folder / "request").open("rb") as request,
        (folder / "report").open("wb") as report,
        (folder / "errors").open("wb") as errors,
    ):
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "autograder.verdict"],
            stdin=request,
            stdout=report,
            stderr=errors,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nothing of it is left (macOS says so with PermissionError)
            pass
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Return the whole environment of the verdict: a private home, the course's settings, no network, one thread."""
    hub = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    settings = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    fixed = {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "HF_HOME": hub, "HF_HUB_OFFLINE": "1"}
    return {**fixed, **dict.fromkeys(THREADS, "1"), **settings}


def _last_line(path: Path) -> str:
    lines = path.read_bytes()[-4_000:].decode("utf-8", "replace").strip().splitlines()
    return one_line(lines[-1], 200) if lines else "it said nothing"
