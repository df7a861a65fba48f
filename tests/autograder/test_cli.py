"""The command line: the right words, the right exit code, one line for every mistake."""

import json
import subprocess
import sys

import pytest
from example_work import RUNG, answer
from made_reports import made

from autograder import cli
from autograder.checkers import CheckerError
from autograder.criteria import Report
from autograder.workplace import NoWorkError, find_work
from shared.course import ROOT, load_course

COURSE = load_course()
RUNG_02 = COURSE.rung("02")
BUILT = [rung for rung in COURSE.rungs if rung.built]
READ_FAILURES = ["check", "02", "--cell", "read-failures", "--seed", "1"]
RESULT_KEYS = ["id", "title", "passed", "points", "max_points", "observed", "expected", "hint", "cell"]


@pytest.fixture
def graded_as(monkeypatch):
    """Put a made report in the place of the check of every rung, and return how it was asked."""
    asked = []

    def install(report: Report):
        def grade(rung, folder, **options):
            asked.append((rung, folder, options))
            return report

        monkeypatch.setattr(cli, "grade", grade)
        return asked

    return install


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


# check


def test_a_cell_that_is_done_exits_with_0(work, capsys):
    assert cli.main([*READ_FAILURES, "--work", str(work)]) == 0
    said = capsys.readouterr()
    assert "✓ failure_kind names each kind of failure  2/2" in said.out
    assert said.out.endswith("Done: 3 of 3 points.\n") and said.err == ""


def test_a_cell_that_is_not_done_exits_with_1(work, capsys):
    answer(work, "answer-read-failures", "def failure_kind(text, ticket):\n    return 'correct'")
    assert cli.main([*READ_FAILURES, "--work", str(work)]) == 1
    said = capsys.readouterr()
    assert "✗ failure_kind names each kind of failure  0/2\n    observed: " in said.out
    assert "\n    expected: " in said.out and said.out.endswith("Not done: 0 of 3 points.\n")


@pytest.mark.parametrize(
    ("ends", "code", "state"),
    [
        ([True], 0, "done"),
        ([True, False], 1, "begun"),
        ([False], 1, "begun"),
        ([True, None], 2, "cannot tell here"),
        ([None], 2, "cannot tell here"),
        ([None, False], 1, "begun"),
    ],
)
def test_exit_codes_and_states(ends, code, state, graded_as, work, capsys):
    graded_as(made(*ends))
    assert cli.main(["check", "02", "--work", str(work)]) == code
    assert cli.main(["check-all", "--work", str(work.parent)]) == (1 if len(BUILT) > 1 else code)
    capsys.readouterr()
    assert cli.main(["progress", "--work", str(work.parent)]) == 0
    assert row_of(capsys.readouterr().out, RUNG_02.title)[-1] == state


@pytest.mark.parametrize("where", ["the rung's folder", "its parent", "by default"])
def test_the_work_is_found(where, work, graded_as, monkeypatch):
    asked = graded_as(made(True))
    monkeypatch.setenv("COURSE_WORK", str(work.parent))
    options = {"the rung's folder": ["--work", str(work)], "its parent": ["--work", str(work.parent)], "by default": []}
    assert cli.main(["check", "2", *options[where]]) == 0
    assert asked == [("02", work, {"seed": None, "cells": None})]


def test_the_current_folder_is_the_work_when_it_is_the_rungs(work, graded_as, monkeypatch):
    asked = graded_as(made(True))
    monkeypatch.chdir(work)
    assert cli.main(["check", RUNG, "--cell", "sft-loss", "--seed", "7"]) == 0
    assert asked == [("02", work, {"seed": 7, "cells": ["sft-loss"]})]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["check", "99"], "no rung '99'; expected one of 01, 02, "),
        (["check", "sft"], "no rung 'sft'; expected one of 01, 02, "),
        (["check", "02", "--cell", "loss"], "rung 02 has no graded cell 'loss'; expected one of done-when, read-"),
        (["check", "02", "--work", "nowhere"], f"nowhere/{RUNG}: no such folder, so rung 02 has not been begun. Run "),
    ],
)  # fmt: skip
def test_a_mistake_in_what_was_asked_is_one_line_and_2(arguments, line, work, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(work.parent))
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith(line) and said.err.count("\n") == 1 and said.out == ""


def test_a_planned_rung_is_one_line_and_2(planned, tmp_path, capsys):
    (tmp_path / planned.folder).mkdir()
    for work in ([], ["--work", str(tmp_path)]):
        assert cli.main(["check", planned.id, *work]) == 2
        said = capsys.readouterr()
        assert said.err == f"rung {planned.id} ({planned.title}) is not built yet; nothing can be checked\n"


@pytest.mark.parametrize("arguments", [[], ["chek"], ["check"], ["check", "02", "--seed", "x"], ["progress", "02"]])
def test_a_command_that_does_not_exist_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2 and "usage: python -m autograder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("a slip\nof ours"), "cannot tell: RuntimeError: a slip of ours. Please report this\n"),
        (MemoryError(), "cannot tell: MemoryError: . Please report this\n"),
        (KeyboardInterrupt(), "stopped\n"),
        (CheckerError("no checker"), "no checker\n"),
    ],
)
def test_a_fault_of_ours_is_one_line_and_no_verdict(error, line, work, capsys, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(cli, "grade", fail)
    assert cli.main(["check", "02", "--work", str(work)]) == 2
    assert capsys.readouterr().err == line


def test_a_whole_check_says_that_prose_waits_and_json_says_nothing_of_it(work, graded_as, capsys):
    graded_as(made(True))
    line = "'explain-sft', 5 points by a human: too short: 18 words, at least 80 are asked for\n"
    for options, said in ([], True), (["--cell", "sft-loss"], False), (["--json"], False):
        assert cli.main(["check", "02", *options, "--work", str(work)]) == 0
        assert capsys.readouterr().out.endswith(line) is said


# --json


def test_json_is_the_report_and_nothing_else(work, capsys):
    answer(work, "answer-read-failures", "def failure_kind(text, ticket):\n    print('noise')\n    return 'correct'")
    assert cli.main([*READ_FAILURES, "--json", "--work", str(work)]) == 1
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert list(report) == ["rung", "done", "score", "max_score", "criteria"] and said.err == ""
    assert (report["rung"], report["done"], report["score"], report["max_score"]) == ("02", False, 0, 3)
    assert [list(result) for result in report["criteria"]] == [RESULT_KEYS] * 2
    assert [result["id"] for result in report["criteria"]] == ["failure-kinds", "failure-edges"]
    for result in report["criteria"]:
        assert result["passed"] is False and result["points"] == 0 and result["cell"] == "read-failures"
        assert all(isinstance(result[key], str) for key in ("id", "title", "observed", "expected", "hint"))


def test_json_says_null_for_what_cannot_be_told(work, capsys, graded_as):
    graded_as(made(True, None))
    assert cli.main(["check", "02", "--json", "--work", str(work)]) == 2
    report = json.loads(capsys.readouterr().out)
    assert [result["passed"] for result in report["criteria"][:2]] == [True, None]


def test_the_keys_of_the_json_are_documented():
    assert list(Report.model_fields) == ["rung", "done", "score", "max_score", "criteria"]
    assert all(key in cli.__doc__ for key in [*Report.model_fields, *RESULT_KEYS])


# progress and check-all


def row_of(output: str, title: str) -> list[str]:
    """Return the cells of the table row that holds `title`."""
    row = next(line for line in output.splitlines() if f" {title} " in line)
    return [part.strip() for part in row.strip("│ ┃").split("│")]


def test_progress_shows_every_rung_and_every_exit_item(planned, work, graded_as, capsys):
    asked = graded_as(made(True, False))
    assert cli.main(["progress", "--work", str(work.parent)]) == 0
    output = capsys.readouterr().out
    assert row_of(output, RUNG_02.title) == ["02", RUNG_02.title, "2/20", "5, answered", "begun"]
    assert row_of(output, planned.title) == [planned.id, planned.title, "", str(planned.prose_points), "planned"]
    assert all(row_of(output, rung.title)[0] == rung.id for rung in COURSE.rungs)
    for item in COURSE.exit_items:
        assert row_of(output, item.title)[1] != "done"
    assert [rung for rung, _, _ in asked] == ["02"]


SECOND = RUNG_02.model_copy(update={"id": "03", "slug": "lora", "title": "another"})
TWO_RUNGS = COURSE.model_copy(update={"rungs": (RUNG_02, SECOND)})
DONE, BEGUN, UNTOLD = made(True), made(False), made(True, None)


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (DONE, DONE, "done"),
        (DONE, BEGUN, "rung 02, 03: begun, done"),
        (DONE, None, "rung 02, 03: done, not begun"),
        (UNTOLD, UNTOLD, "rung 02, 03: cannot tell here"),
    ],
)
def test_an_exit_item_is_done_when_every_rung_that_leads_to_it_is(first, second, state):
    item = next(item for item in COURSE.exit_items if item.id in RUNG_02.exit_items)
    assert dict(cli._exit_items(TWO_RUNGS, {"02": first, "03": second}))[item.title] == state


@pytest.mark.parametrize(
    ("first", "second", "code"), [(DONE, DONE, 0), (DONE, BEGUN, 1), (BEGUN, UNTOLD, 1), (UNTOLD, DONE, 2)]
)
def test_check_all_is_as_good_as_the_worst_rung(first, second, code, tmp_path, monkeypatch):
    for rung in TWO_RUNGS.rungs:
        (tmp_path / rung.folder).mkdir()
    monkeypatch.setattr(cli, "load_course", lambda: TWO_RUNGS)
    monkeypatch.setattr(cli, "grade", lambda rung, _: {"02": first, "03": second}[rung])
    assert cli.main(["check-all", "--work", str(tmp_path)]) == code


def test_before_anything_is_begun_nothing_is_checked(tmp_path, graded_as, capsys):
    asked = graded_as(made(True))
    assert cli.main(["progress", "--work", str(tmp_path)]) == 0
    assert row_of(capsys.readouterr().out, RUNG_02.title)[2:] == ["0/20", "5", "not begun"]
    assert cli.main(["check-all", "--work", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert output.splitlines() == [line for rung in BUILT for line in (f"Rung {rung.id}: {rung.title}", "  not begun")]
    assert asked == []


def test_check_all_shows_the_report_of_each_built_rung(work, graded_as, capsys):
    asked = graded_as(made(True, False))
    assert cli.main(["check-all", "--work", str(work.parent)]) == 1
    output = capsys.readouterr().out
    assert output.startswith(f"Rung {BUILT[0].id}: {BUILT[0].title}\n") and "Not done: 2 of 20 points." in output
    assert asked[-1] == ("02", work, {})


# Where the work is


def test_a_folder_of_all_rungs_is_preferred_to_a_notebook_beside_it(tmp_path):
    (tmp_path / f"{RUNG}.ipynb").write_text("{}")
    assert find_work(RUNG_02, tmp_path) == tmp_path
    (tmp_path / RUNG).mkdir()
    assert find_work(RUNG_02, tmp_path) == tmp_path / RUNG


def test_a_file_in_the_folders_place_is_no_work(tmp_path):
    (tmp_path / RUNG).write_text("")
    with pytest.raises(NoWorkError, match="no such folder"):
        find_work(RUNG_02, tmp_path)


# What it costs


def test_importing_the_autograder_costs_nothing():
    names = sorted(f"autograder.{path.stem}" for path in (ROOT / "autograder").glob("[a-z]*.py"))
    names += sorted(f"autograder.prose.{path.stem}" for path in (ROOT / "autograder" / "prose").glob("[a-z]*.py"))
    own = {name for name in names if name.startswith("autograder.nbgrader_")} - {"autograder.nbgrader_course"}
    own |= {"autograder.safe_page"}  # all of these are imported by nbgrader alone
    own |= {"autograder.llama_bfloat16"}  # and this one by a process that has PyTorch ready for a class
    names = [name for name in names if name not in own]
    assert "autograder.rung_02_sft" in names
    heavy = {"torch", "transformers", "datasets", "evaluate", "trl", "peft", "matplotlib", "nbgrader"}
    imports = f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\n"
    code = imports + f"print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT) == "set()\n"


def test_the_module_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "check", "99"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("no rung '99'")
