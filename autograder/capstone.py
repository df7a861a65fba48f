"""`python -m autograder capstone`: which run deserves to be published, by a check made now; then package it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from autograder.criteria import Report
from autograder.exit_check import Grade, folder_of
from autograder.exit_command import work_root
from shared.capstone import CapstoneError
from shared.course import Course, Rung, load_course

if TYPE_CHECKING:
    from shared.capstone.source import Source

STAGES = {"02": "model", "03": "adapter", "04": "adapter"}  # rungs whose run is worth publishing
# What the saved model itself must have passed. Exercises and a rung's own question of size (rung 04's seven billion)
# are about the learner's course, not about whether this model is what its card says.
REQUIRED = (
    "model-is-real", "run-record", "curve-is-real", "valid-json", "exact-match", "exact-match-unseen", "claim-honest",
)  # fmt: skip


def run_capstone(options: argparse.Namespace, grade: Grade) -> int:
    """Check the runs, package the best or the chosen one, say how to publish it; 0, 1 for none that passes, or 2."""
    from shared.capstone.package import package

    course, console, work = load_course(), Console(highlight=False, soft_wrap=True), work_root(options.work)
    with console.status("checking the runs ..."):
        sources, refused, undecided = candidates(course, work, grade, options)
    for line in (*refused, *undecided):
        console.print(line, markup=False)
    if not sources:
        return _nothing(refused, undecided, console)
    source = max(sources, key=merit)
    folder = package(source, work / "capstone", merged=options.merged)
    console.print(f"Packaged rung {source.rung.id}'s run: {folder}", markup=False)
    console.print("Read README.md, then publish it under your own name:", markup=False)
    console.print(f"  hf auth login && hf upload YOUR-NAME/{folder.name} {folder}", markup=False)
    return 0


def _nothing(refused: list[str], undecided: list[str], console: Console) -> int:
    """Say that there is nothing to package; 2 when that could only not be told here."""
    if undecided and not refused:
        console.print("Cannot tell here whether the run passes; check it where its base is.", style="bold yellow")
        return 2
    console.print("No run passes the check of its model; mend what is named above.", style="bold red")
    return 1


def candidates(
    course: Course, work: Path, grade: Grade, options: argparse.Namespace
) -> tuple[list["Source"], list[str], list[str]]:
    """Return the runs that pass, and a line for each that does not or whose check cannot be made here."""
    from shared.capstone.source import read_source

    sources, refused, undecided = [], [], []
    for rung in _asked(course, options.rung):
        folder = folder_of(rung, work)
        if folder is None:
            refused.append(f"rung {rung.id}: not begun")
            continue
        report = grade(rung.id, folder)
        if unmet := [one for one in report.criteria if one.id in REQUIRED and not one.passed]:
            first = min(unmet, key=lambda result: result.passed is None)
            line = f"rung {rung.id}: {first.title}: {first.observed}"
            (undecided if first.passed is None else refused).append(line)
            continue
        said = {"checked": _lines(report), "base_id": options.base_id, "licence": options.licence}
        sources.append(read_source(course, rung, folder, STAGES[rung.id], **said))
    return sources, refused, undecided


def merit(source: "Source") -> tuple[float, int]:
    """Return what the best run has most of: mean exact match in eval.json (the check found it true), then thrift."""
    exact = [entry.after for entry in source.evaluation.entries if entry.metric == "exact_match"]
    return sum(exact) / max(len(exact), 1), -source.run.trainable_parameters


def _asked(course: Course, name: str | None) -> list[Rung]:
    if name is None:
        return [course.rung(rung) for rung in STAGES if course.rung(rung).built]
    rung = course.rung(name)
    if rung.id not in STAGES:
        raise CapstoneError(f"rung {rung.id}: its run is no capstone; expected one of {', '.join(STAGES)}")
    return [rung]


def _lines(report: Report) -> list[tuple[str, str]]:
    return [(result.title, result.observed) for result in report.criteria if result.cell == "done-when"]
