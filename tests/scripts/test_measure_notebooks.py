"""What the notebooks take on a GPU is measured in order, and a hub cache can be made up."""

import json
import sys

import pytest

from autograder.criteria import Report, Result
from autograder.solution_run import SolutionError
from shared import measured as tables
from shared.course import ROOT, load_course

sys.path.insert(0, str(ROOT / "scripts"))

import measure_notebooks

RUNG = load_course().rung("02")


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Tables in a temporary folder; notebooks that leave two runs behind, rung 04's stops; a check that misses one."""
    results = [
        Result(id=name, title=name, passed=name == "met", points=2 * (name == "met"), max_points=2, observed="",
               expected="", hint="", cell="done-when")
        for name in ("met", "not-met")
    ]  # fmt: skip

    def run(rung, work):
        if rung.id == "04":
            raise SolutionError("cell 'x' stopped")
        for stage, gib in (("artifacts/sft", 1), ("experiments/hot", 3)):
            (work / stage).mkdir(parents=True)
            (work / stage / "run.json").write_text(json.dumps({"peak_memory_bytes": gib * 2**30}))

    report = Report(rung="02", done=False, score=2, max_score=4, criteria=results)
    monkeypatch.setattr(measure_notebooks, "run_solution", run)
    monkeypatch.setattr(measure_notebooks, "grade", lambda rung, work: report)
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    monkeypatch.setenv("COURSE_PROFILE", "gpu")
    monkeypatch.delenv("COURSE_BASE_MODEL", raising=False)
    return tmp_path / "notebooks.json"


def measure(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["measure_notebooks.py", *options])
    return measure_notebooks.main()


def test_a_rung_is_a_row_and_is_measured_once(quick, monkeypatch):
    assert measure(monkeypatch, "03", "02") == 0
    rows = json.loads(quick.read_text())["rows"]
    assert [row["name"] for row in rows] == ["02", "03"]
    wanted = {"base": "Qwen/Qwen2.5-0.5B", "weights": "own", "peak_gib": 3.0, "points": 2, "of": 4}
    assert {**rows[0], **wanted, "missed": ["not-met"]} == rows[0]
    monkeypatch.setattr(measure_notebooks, "run_solution", None)
    assert measure(monkeypatch, "02") == 0


def test_a_notebook_that_stops_is_told_and_the_next_one_measured(quick, monkeypatch, capsys):
    assert measure(monkeypatch, "04", "02") == 1
    assert "rung 04: cell 'x' stopped" in capsys.readouterr().err
    assert [row["name"] for row in json.loads(quick.read_text())["rows"]] == ["02"]


def test_a_rung_that_there_is_not_is_refused(quick, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        measure(monkeypatch, "99")
    assert "no rung 99; there are 01, 02" in capsys.readouterr().err


def test_random_weights_stand_where_the_hubs_cache_holds_the_base(quick, monkeypatch, tmp_path):
    from huggingface_hub import snapshot_download

    made = []

    def make(command, check):
        made.append(command[-2])
        (measure_notebooks.Path(command[-1]) / "config.json").write_text("{}")

    monkeypatch.setattr(measure_notebooks.subprocess, "run", make)
    for name in ("HF_HOME", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")  # put back afterwards
    spec = load_course().profile("gpu").base
    measure_notebooks.stand_in(spec, tmp_path / "bases")
    measure_notebooks.stand_in(spec, tmp_path / "bases")
    assert made == ["qwen2.5-0.5b"]
    found = snapshot_download(
        spec.id, revision=spec.revision, cache_dir=tmp_path / "bases" / "hub", local_files_only=True
    )
    assert [path.name for path in measure_notebooks.Path(found).iterdir()] == ["config.json"]
