"""Fixtures of rung 09: a right submission on the tiny base, and two made-up models in place of the checker's."""

import shutil

import example_adapter
import example_evals
import example_work
import pytest

from autograder.reevaluation import Engines


@pytest.fixture(scope="session")
def _evals_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("evals-work") / example_evals.FOLDER
    example_adapter.write_rung("09", example_evals.notebook_09(), folder)
    example_evals.make_evals_work(folder, _tiny_base_folder, example_work.base_loss_of(_tiny_base_folder))
    return folder


@pytest.fixture
def evals_work(tmp_path, tiny_base, _evals_work):
    """Return a fresh copy of a submission of rung 09 that is right in all but what its model of noise can do."""
    return shutil.copytree(_evals_work, tmp_path / example_evals.FOLDER)


@pytest.fixture
def actors(monkeypatch):
    """Let two made-up models answer in the place of the submitted ones; return a function that changes the second."""

    def install(tuned=example_evals.TUNED_ACTOR, base=example_evals.BASE_ACTOR):
        monkeypatch.setattr("autograder.reevaluation.engines", lambda *_: Engines(base, tuned, together=False))

    monkeypatch.setattr("autograder.rung_09_measuring.continued", lambda engine, *asked: engine.complete(*asked))
    install()
    return install
