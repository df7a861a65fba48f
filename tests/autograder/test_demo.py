"""The demonstration's edges; it is played in full among the solved rungs (tests/rungs/test_solutions.py)."""

import pytest

from autograder import demo
from autograder.solution_run import SolutionError, run_solution
from shared.course import load_course


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert demo.main(["02", "--folder", str(tmp_path)]) == 1
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    assert "no demo made it" in capsys.readouterr().err


def test_a_rung_that_is_not_built_cannot_be_played(planned, tmp_path, capsys):
    assert demo.main([planned.id, "--folder", str(tmp_path / "story")]) == 1
    assert "not built yet" in capsys.readouterr().err


def test_wrong_scores_fail_the_story():
    rung = load_course().rung("02")
    right = {"ada": {"score": rung.points}, "ben": {"score": 0}}
    demo._require_expected(rung, right)
    for learner, score in (("ada", rung.points - 1), ("ben", 1)):
        with pytest.raises(demo.DemoError, match=learner):
            demo._require_expected(rung, {**right, learner: {"score": score}})


@pytest.mark.slow
def test_a_notebook_that_stops_names_its_cell_and_keeps_what_it_showed(tmp_path, monkeypatch):
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    rung = load_course().rung("02")
    source = tmp_path / "rungs" / rung.folder / f"{rung.folder}.ipynb"
    source.parent.mkdir(parents=True)
    cells = [new_code_cell("print('begun')", id="begin"), new_code_cell("raise ValueError('no data')", id="fails")]
    nbformat.write(new_notebook(cells=cells), source)
    monkeypatch.setattr("autograder.solution_run.ROOT", tmp_path)
    with pytest.raises(SolutionError, match=r"'fails' stopped .*no data"):
        run_solution(rung, tmp_path / "work" / rung.folder)
    kept = nbformat.read(tmp_path / "work" / rung.folder / source.name, as_version=4)
    assert kept.cells[0].outputs[0].text == "begun\n"
