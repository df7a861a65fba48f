"""Grading fails closed: whatever becomes of the process that reaches the verdict, no unmet point is given."""

import json
import os
import sys
import time

import psutil
import pytest
from example_work import RUNG, answer, failed, report_on, solved_notebook, write_notebook

from autograder import runner
from autograder.checkers import CheckerError, checker_of
from autograder.criteria import recount
from autograder.runner import grade
from autograder.signature import sign
from shared.course import CourseError, load_course


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of the process that reaches the verdict."""

    def install(script: str) -> None:
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return install


def only_line(report) -> str:
    """Return the one line that every criterion of a report without any point gives."""
    assert not report.done and report.score == 0 and report.max_score == 20
    assert all(result.passed is False for result in report.criteria)
    lines = {f"{result.observed} {result.hint}" for result in report.criteria}
    assert len(lines) == 1
    return lines.pop()


def forged(work, **changes) -> str:
    """Return a report in which everything passed, with changes."""
    report = json.loads(report_on(work, "read-failures").model_dump_json())
    criteria = [
        {**report["criteria"][0], "id": c.id, "title": c.title, "cell": c.cell, "passed": True, "points": c.points,
         "max_points": c.points}
        for c in checker_of(load_course().rung("02")).criteria
    ]  # fmt: skip
    return json.dumps({"rung": "02", "done": True, "score": 20, "max_score": 20, "criteria": criteria, **changes})


def test_graded_in_a_process_it_is_the_verdict_reached_here(work):
    report = grade("02", work, seed=1)
    assert report == recount(report_on(work), checker_of(load_course().rung("02")).criteria)
    of_noise = {"model-is-real", "run-record", "curve-is-real", "valid-json", "exact-match", "exact-match-unseen"}
    assert failed(report) == of_noise
    assert (report.score, report.max_score, report.done) == (8, 20, False)


def test_the_same_seed_gives_the_same_report(work):
    answer(work, "answer-read-failures", "def failure_kind(text, ticket):\n    return text[:300]")
    first, again, other = (grade("02", work, seed=seed, cells=["read-failures"]) for seed in (3, 3, 4))
    assert first == again != other


def test_without_a_seed_the_questions_are_drawn_afresh(work):
    answer(work, "answer-read-failures", "def failure_kind(text, ticket):\n    return text[:300]")
    reports = [grade("02", work, cells=["read-failures"]).model_dump_json() for _ in range(2)]
    assert reports[0] != reports[1]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -9 $$", "the check ended with status -9 (it said nothing)"),
        ("kill -TERM $$", "the check ended with status -15"),
        ("echo 'MemoryError: all used up' >&2; exit 1", "ended with status 1 (MemoryError: all used up)"),
        ("printf 'a\\nlast \\033[31mred\\377\\n' >&2; exit 3", "ended with status 3 (last [31mred\ufffd)"),
        ("exit 0", "the check gave no readable report"),
        ("echo 'not JSON'", "the check gave no readable report"),
        ("echo '{\"done\": true}'", "the check gave no readable report"),
        ("head -c 1000001 /dev/zero", "the check gave no readable report"),
        ("printf '\\377\\376'", "the check gave no readable report"),
    ],
)
def test_a_process_that_gives_no_report_gives_no_point(tmp_path, stand_in, script, words):
    stand_in(script)
    assert words in only_line(grade("02", tmp_path))


@pytest.mark.parametrize("script", ["sleep 99", "sleep 99 & wait", "trap '' TERM INT; sleep 99; sleep 99"])
def test_a_check_that_takes_too_long_is_stopped_with_all_it_started(tmp_path, stand_in, monkeypatch, script):
    stand_in(f"echo $$ > {tmp_path}/group; {script}")
    monkeypatch.setattr(runner, "SECONDS", {"cpu": 0.5, "cuda": 0.5})
    started = time.monotonic()
    assert "the check was stopped after 0.5 s" in only_line(grade("02", tmp_path))
    assert time.monotonic() - started < 30
    group, patience = int((tmp_path / "group").read_text()), time.monotonic() + 30
    while running(group):  # what was killed takes a moment to end
        assert time.monotonic() < patience
        time.sleep(0.01)


@pytest.fixture
def signed_stand_in(stand_in, monkeypatch, tmp_path):
    """Return a function that lets the verdict's stand-in give any report, signed as this check asks."""

    def install(report: str) -> None:
        monkeypatch.setattr(runner.secrets, "token_hex", lambda size: "the key")
        (tmp_path / "said").write_bytes(sign(report.encode(), "the key") + b"\n" + report.encode())
        stand_in(f"cat {tmp_path}/said")

    return install


def running(group: int) -> list[int]:
    """Return the processes of a group, without those that have ended and wait to be collected."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except ProcessLookupError:
            pass
    return found


def test_a_report_may_say_what_was_met_and_no_more(work, signed_stand_in):
    lies = json.loads(forged(work, score=900, max_score=900))
    for result in lies["criteria"]:
        result.update(points=99, max_points=99, title="easy", cell="anywhere")
    lies["criteria"][3]["passed"] = False
    signed_stand_in(json.dumps(lies))
    report = grade("02", work)
    criteria = checker_of(load_course().rung("02")).criteria
    assert (report.score, report.max_score, report.done) == (20 - criteria[3].points, 20, False)
    assert [(r.title, r.cell) for r in report.criteria] == [(c.title, c.cell) for c in criteria]


@pytest.mark.parametrize(
    "change",
    [
        {"criteria": []},
        {"criteria": None},
        {"extra": 1},
        {"done": "yes"},
        {"score": float("nan")},
    ],
)
def test_a_report_on_other_criteria_or_of_other_types_is_refused(work, signed_stand_in, change):
    signed_stand_in(forged(work, **change))
    assert "no readable report" in only_line(grade("02", work))


@pytest.mark.parametrize("signature", ["", "0" * 64, sign(b"", "the key").decode()])
def test_a_report_that_is_not_signed_with_the_checks_key_is_refused(work, stand_in, tmp_path, signature):
    (tmp_path / "said").write_text(f"{signature}\n{forged(work)}")
    stand_in(f"cat {tmp_path}/said")
    assert "no readable report" in only_line(grade("02", work))


def test_the_hidden_seed_is_not_to_be_read_off_the_process_that_grades(work, monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "the-instructors-secret")
    reading = "raise ValueError(open(f'/proc/{os.getppid()}/environ').read())"
    answer(work, "answer-read-failures", f"import os\ndef failure_kind(text, ticket):\n    {reading}")
    report = grade("02", work, cells=["read-failures"])
    assert report.score == 0 and "the-instructors-secret" not in report.model_dump_json()


ORPHANS = {
    "a child that kills its parent": "signal.alarm(0); os.kill(os.getppid(), 9); time.sleep(300)",
    "a child by the system's own call": "import ctypes; ctypes.CDLL(None).fork() or (os.setsid(), time.sleep(300))",
}


@pytest.mark.skipif(sys.platform != "linux", reason="what a process leaves behind is found by Linux's means")
@pytest.mark.parametrize("source", ORPHANS.values(), ids=ORPHANS)
def test_nothing_outlives_a_check(work, source):
    lines = f"import os, signal, time\n{source}"
    answer(work, "answer-read-failures", f"{lines}\ndef failure_kind(*a): return 1")
    report = grade("02", work, cells=["read-failures"])
    assert report.score == 0 and report.criteria[0].passed is False
    assert not orphans()


def orphans() -> list[int]:
    """Return the processes of learners' functions that nobody waits for; others may be at work on this machine."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        try:
            ours = "autograder.student_child" in (process.info["cmdline"] or [])
            above = [parent.name() for parent in process.parents() if parent.pid != 1]
            if ours and set(above) <= {"bwrap"} and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.NoSuchProcess:  # it has ended meanwhile
            pass
    return found


def test_the_process_is_clean(tmp_path, stand_in, monkeypatch):
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "HF_TOKEN", "AWS_SECRET", "COURSE_WORK"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "the instructor's")
    stand_in(f'env > {tmp_path}/seen; echo "$@" > {tmp_path}/arguments; pwd > {tmp_path}/folder')
    grade("02", tmp_path)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    folder = (tmp_path / "folder").read_text().strip()
    assert (tmp_path / "arguments").read_text().split() == ["-I", "-m", "autograder.verdict"]
    assert seen["HOME"] == seen["TMPDIR"] == folder and not os.path.exists(folder)
    assert seen["OMP_NUM_THREADS"] == seen["HF_HUB_OFFLINE"] == "1"
    assert "COURSE_HIDDEN_SEED" not in seen, "every process of the same user can read it there"
    added_by_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    ours = {
        "HOME",
        "TMPDIR",
        "LANG",
        "HF_HOME",
        "HF_HUB_OFFLINE",
        *runner.THREADS,
        *runner.KEPT_MEMORY,
        *runner.SETTINGS,
    }
    assert set(seen) - added_by_the_shell <= ours


def test_modules_beside_the_submission_are_not_imported(work, monkeypatch):
    for name in ("json", "numpy", "sitecustomize", "autograder"):
        (work / f"{name}.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(work)
    monkeypatch.setenv("PYTHONPATH", str(work))
    assert grade("02", work, seed=1, cells=["read-failures"]).done


@pytest.mark.parametrize("name", ["missing", "a-file", "an-empty-folder"])
def test_where_there_is_no_work_every_criterion_says_so(tmp_path, name):
    (tmp_path / "a-file").write_text("")
    (tmp_path / "an-empty-folder").mkdir()
    assert f"{name}/{RUNG}.ipynb: no such notebook" in only_line(grade("02", tmp_path / name))


def test_a_relative_folder_is_found(work, monkeypatch):
    monkeypatch.chdir(work.parent)
    assert grade("02", work.relative_to(work.parent), cells=["read-failures"]).done


def test_only_the_asked_cells_are_graded(work):
    write_notebook(solved_notebook({"answer-sft-loss": "while True: pass"}), work)
    report = grade("02", work, cells=["read-failures"])
    assert report.done and (report.score, report.max_score) == (3, 3)


def test_what_does_not_exist_is_an_error_and_no_report(planned, tmp_path, monkeypatch):
    with pytest.raises(CourseError):
        grade("99", tmp_path)
    with pytest.raises(CheckerError, match=f"rung {planned.id} .* is not built yet"):
        grade(planned.id, tmp_path)
    with pytest.raises(CheckerError, match="rung 02 has no graded cell 'nothing'; expected one of done-when"):
        grade("02", tmp_path, cells=["nothing"])
    monkeypatch.setenv("COURSE_PROFILE", "mainframe")
    with pytest.raises(CourseError):
        grade("02", tmp_path)
