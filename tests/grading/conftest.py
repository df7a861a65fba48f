"""Fixtures of the grading tests: a small class in a course folder, with learners of the checkers' own tests."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "autograder"))

import example_work
import nbgrader_class
from grading_class import QUICK

from autograder import sandbox

COURSE_VARIABLES = ("COURSE_WORK", "COURSE_HIDDEN_SEED", "NBGRADER_EXECUTION")


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory):
    """Grade with a tiny base on the CPU, whatever the shell that runs the tests has set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in COURSE_VARIABLES:
            patch.delenv(name, raising=False)
        base = example_work.make_tiny_base(tmp_path_factory.mktemp("base") / "tiny-base")
        patch.setenv("COURSE_PROFILE", "pocket")
        patch.setenv("COURSE_BASE_MODEL", str(base))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path_factory.mktemp("jupyter")))
        yield base


@pytest.fixture(scope="module")
def honest_work(tmp_path_factory, environment):
    """Return a submission that is right in all but the performance of its model."""
    folder = tmp_path_factory.mktemp("work") / example_work.RUNG
    example_work.write_notebook(example_work.solved_notebook(), folder)
    example_work.make_artifacts(folder, environment, example_work.base_loss_of(environment))
    return folder


@pytest.fixture(scope="module")
def released(tmp_path_factory, honest_work):
    """Return a course folder with the rung released and a few quick submissions in it; to be copied."""
    scene = nbgrader_class.make_scene(tmp_path_factory.mktemp("released") / "course", honest_work)
    nbgrader_class.hand_in(scene, QUICK)
    return scene


@pytest.fixture
def scene(tmp_path, released):
    """Return a fresh copy of the course folder, nothing in it graded. Where there is no sandbox nobody is graded."""
    if reason := sandbox.fault():
        pytest.skip(f"no sandbox here: {reason}")
    folder = shutil.copytree(released.folder, tmp_path / "course")
    return released._replace(folder=folder, marker=tmp_path / "executed")
