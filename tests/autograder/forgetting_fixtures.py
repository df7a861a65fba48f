"""Fixtures of rung 10: a right submission on the tiny base, and made-up models in place of the checker's."""

import shutil

import example_adapter
import example_forgetting
import pytest

from autograder.reevaluation import Engines


@pytest.fixture(scope="session")
def _forgetting_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("forgetting-work") / example_forgetting.FOLDER
    example_adapter.write_rung("10", example_forgetting.notebook_10(), folder)
    example_forgetting.make_forgetting_work(folder, _tiny_base_folder)
    return folder


@pytest.fixture
def forgetting_work(tmp_path, tiny_base, _forgetting_work):
    """Return a fresh copy of a submission of rung 10 that is right in all but what its models of noise can do."""
    return shutil.copytree(_forgetting_work, tmp_path / example_forgetting.FOLDER)


@pytest.fixture
def students(monkeypatch):
    """Let made-up models answer in the place of the submitted ones; return a function that changes what they know."""

    def install(**changes):
        knows = example_forgetting.KNOWS | {name.replace("_", "-"): shares for name, shares in changes.items()}
        made = {name: example_forgetting.Student(shares) for name, shares in knows.items()}

        def engines(base, trained, quantized=False):
            return Engines(made["base"], made[trained.path.parent.name], together=False)

        monkeypatch.setattr("autograder.reevaluation.engines", engines)
        return knows

    monkeypatch.setattr("autograder.continuing.continued", lambda engine, *asked: engine.complete(*asked))
    install()
    return install
