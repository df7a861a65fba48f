"""`python -m autograder exit` and `verify`: what they print and write, and how they end."""

import argparse
import os
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autograder.exit_check import Grade, exit_check, exit_code_of
from autograder.exit_items import State
from autograder.exit_page import SIGNS, exit_html, show_exit
from autograder.exit_verify import Verdict, read_record, verify
from autograder.workplace import NoWorkError
from shared.artifacts import write_json
from shared.course import ROOT, load_course

PAGE, RECORD = "exit.html", "completion.json"


def run_exit(options: argparse.Namespace, grade: Grade) -> int:
    """Check what is there, print the page, write it and the record into the work folder; 0, 1 or 2."""
    course, console, work = load_course(), Console(), work_root(options.work)
    with console.status("checking what is there ..."):
        found = exit_check(course, work, grade)
    show_exit(found, console)
    (work / PAGE).write_text(exit_html(course, found), encoding="utf-8")
    write_json(work / RECORD, found.record)
    console.print(f"Written: {work / PAGE} and {work / RECORD}", soft_wrap=True, highlight=False)
    return exit_code_of(found.items)


def run_verify(options: argparse.Namespace, grade: Grade) -> int:
    """Check a record against a folder, print what differs; 0, 1 or 2."""
    record, console, work = read_record(options.record), Console(), work_root(options.work)
    with console.status("checking everything again ..."):
        verdict = verify(record, load_course(), work, grade)
    console.print(_verdict_text(verdict), soft_wrap=True, highlight=False)
    return verdict.exit_code


def work_root(work: Path | None) -> Path:
    """Return the folder that holds all rungs: `work`, COURSE_WORK or the course's own. Raises NoWorkError."""
    folder = work or Path(os.environ.get("COURSE_WORK") or ROOT / "work")
    if not folder.is_dir():
        raise NoWorkError(f"{folder}: no such folder, so nothing has been begun. Run 'make start' first")
    return folder.absolute()


def _verdict_text(verdict: Verdict) -> Text:
    text = Text()
    for item in verdict.items:
        text.append(f"{SIGNS[item.state]} {item.title}  {item.state}\n")
    for word, lines in (("differs", verdict.differences), ("untold", verdict.untold), ("note", verdict.notes)):
        for line in lines:
            text.append(f"{word}: {line}\n")
    return text.append(*_outcome(verdict))


def _outcome(verdict: Verdict) -> tuple[str, str]:
    """Return the last line and its style."""
    if verdict.differences:
        return "Refuted: the record is not what these files earn.", "bold red"
    if verdict.untold:
        return "Cannot tell here: what could be checked agrees with the record.", "bold yellow"
    if all(item.state == State.MET for item in verdict.items):
        return "Verified: the record is true, and every exit item is met.", "bold green"
    return "Verified as far as it goes: the record is true, but not every exit item is met.", "bold"
