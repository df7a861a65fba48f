"""The solved course from one command: what it runs, how it ends, and that it goes on where it was stopped."""

import pytest

from autograder import all_rungs
from autograder.checkers import checker_of
from autograder.criteria import Finding, add_up, all_failed
from autograder.solution_run import SolutionError
from shared.course import load_course

RUNGS = ["03", "04"]


def report_of(rung: str, missed: set[str] = frozenset()):
    """Return a report in which only the criteria `missed` were not met."""
    criteria = checker_of(load_course().rung(rung)).criteria
    assert missed <= {one.id for one in criteria}
    ends = [(one, Finding(one.id not in missed, "seen", "wanted")) for one in criteria]
    return add_up(rung, [all_failed(rung, [one], finding).criteria[0] for one, finding in ends])


@pytest.fixture
def course(monkeypatch):
    """Notebooks that run at once, checks that find what `missed` says, and commands that end with `codes`."""
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    seen = {"ran": [], "missed": {"04": {"seven-billion"}}, "codes": {}, "asked": []}

    def solve(rung, folder, console):
        folder.mkdir(parents=True, exist_ok=True)
        seen["ran"].append(rung.id)

    def command(words):
        seen["asked"].append(" ".join(words[: words.index("--work")]))
        return seen["codes"].get(words[0], 0)

    monkeypatch.setattr(all_rungs, "solve", solve)
    monkeypatch.setattr(all_rungs, "grade", lambda rung, folder: report_of(rung, seen["missed"].get(rung, set())))
    monkeypatch.setattr(all_rungs.cli, "main", command)
    return seen


def run(folder, *rungs: str) -> int:
    return all_rungs.main([*rungs, "--folder", str(folder)])


def test_what_pocket_cannot_meet_is_shown_and_no_failure(course, tmp_path, capsys):
    assert run(tmp_path, *RUNGS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "17 of 20" in said and "20 of 20" in said and "in all" in said


def test_anything_else_that_is_missed_is_a_failure(course, tmp_path):
    course["missed"]["03"] = {"exact-match"}
    assert run(tmp_path, *RUNGS) == 1


def test_a_gpu_can_meet_what_pocket_cannot(course, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    assert run(tmp_path, "04") == 1


def test_a_notebook_that_ran_to_its_end_is_not_run_again_unless_it_changed(course, tmp_path, monkeypatch):
    run(tmp_path, *RUNGS)
    run(tmp_path, *RUNGS)
    assert course["ran"] == RUNGS
    record = tmp_path / all_rungs.RECORDS / "03.json"
    record.write_text(record.read_text().replace('"notebook": "', '"notebook": "0'))
    run(tmp_path, *RUNGS)
    assert course["ran"] == [*RUNGS, "03"]


def test_one_that_stopped_is_named_and_run_again(course, tmp_path, monkeypatch, capsys):
    def stops(rung, folder, console):
        raise SolutionError(f"rung {rung.id}: cell 'train' stopped (out of memory)")

    with monkeypatch.context() as patch:
        patch.setattr(all_rungs, "solve", stops)
        assert run(tmp_path, "03") == 1
    assert capsys.readouterr().err == "all-rungs: rung 03: cell 'train' stopped (out of memory)\n"
    assert run(tmp_path, "03") == 0 and course["ran"] == ["03"]


@pytest.mark.parametrize(("codes", "status"), [({}, 0), ({"exit": 1}, 0), ({"exit": 2}, 1), ({"capstone": 1}, 1)])
def test_the_whole_course_ends_with_exit_check_and_capstone(course, tmp_path, codes, status):
    course["codes"] = codes
    assert run(tmp_path) == status
    assert course["ran"] == [rung.id for rung in load_course().rungs if rung.built]
    assert course["asked"] == ["exit", "capstone", "capstone --rung 03 --merged"]
