"""Without a sandbox the real `nbgrader autograde` grades nothing, says so in one line, and leaves old grades alone."""

import sys
from pathlib import Path

import nbgrader_class
import pytest
from example_work import RUNG, contents

from autograder.nbgrader_course import NbgraderError, nbgrader
from autograder.nbgrader_plugin import SubmissionExporter
from shared.course import Grading, load_course

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    scene = nbgrader_class.make_scene(folder / "course", folder)
    scene.submitted("ada").mkdir(parents=True)
    nbgrader_class.save(scene.notebook(), scene.submitted("ada"))
    nbgrader_class.autograde(scene)
    return scene


def test_grading_without_a_sandbox_is_refused_before_anything_is_touched(scene, tmp_path, monkeypatch):
    grades, files = nbgrader_class.read_grades(scene), contents(scene.folder)
    assert sum(grade.auto or 0 for grade in grades["ada"].values()) == 3
    (tmp_path / "no-programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    for force in ([], ["--force"]):
        with pytest.raises(NbgraderError, match="no sandbox for learners' code, so nothing was graded") as caught:
            nbgrader(scene.folder, "autograde", RUNG, *force)
        reason = "bubblewrap is not installed" if sys.platform == "linux" else sys.platform
        assert reason in str(caught.value) and "Traceback" not in str(caught.value)
    assert nbgrader_class.read_grades(scene) == grades
    assert contents(scene.folder) == files


def test_by_itself_nbgrader_does_as_the_course_says(monkeypatch):
    assert SubmissionExporter().sandbox == load_course().grading.sandbox == "required"
    allowing = load_course().model_copy(update={"grading": Grading(sandbox="optional")})
    monkeypatch.setattr("autograder.nbgrader_plugin.load_course", lambda: allowing)
    assert SubmissionExporter().sandbox == "optional"


def test_an_instructor_may_allow_it(scene, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    nbgrader(scene.folder, "autograde", RUNG, "--force", "--SubmissionExporter.sandbox=optional")
    assert sum(grade.auto or 0 for grade in nbgrader_class.read_grades(scene)["ada"].values()) == 3
