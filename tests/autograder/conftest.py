"""Fixtures of the checkers' tests: a tiny base in place of the course's, and submissions made for it."""

import shutil

import example_work
import pytest

COURSE_VARIABLES = ("COURSE_PROFILE", "COURSE_BASE_MODEL", "COURSE_WORK", "COURSE_HIDDEN_SEED", "NBGRADER_EXECUTION")


@pytest.fixture(autouse=True)
def _no_course_variables(monkeypatch):
    """Take away what the shell that runs the tests may have set."""
    for name in COURSE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _tiny_base_folder(tmp_path_factory):
    return example_work.make_tiny_base(tmp_path_factory.mktemp("base") / "tiny-base")


@pytest.fixture(scope="session")
def _tiny_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("work") / example_work.RUNG
    example_work.write_notebook(example_work.solved_notebook(), folder)
    example_work.make_artifacts(folder, _tiny_base_folder, example_work.base_loss_of(_tiny_base_folder))
    return folder


@pytest.fixture
def tiny_base(monkeypatch, _tiny_base_folder):
    """Make the tiny model the course's base, and return its folder."""
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    monkeypatch.setenv("COURSE_BASE_MODEL", str(_tiny_base_folder))
    return _tiny_base_folder


@pytest.fixture
def work(tmp_path, tiny_base, _tiny_work):
    """Return a fresh copy of a submission that is right in all but the performance of its model."""
    return shutil.copytree(_tiny_work, tmp_path / example_work.RUNG)
