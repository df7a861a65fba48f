"""Fixtures of rung 11's tests: a submission on the tiny base that is right in all but what its adapter answers."""

import shutil

import example_ecosystem
import example_work
import pytest


@pytest.fixture(scope="session")
def _ecosystem_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("ecosystem-work") / example_ecosystem.RUNG
    example_ecosystem.write_notebook_11(folder)
    example_ecosystem.make_tool_run(folder, _tiny_base_folder, example_work.base_loss_of(_tiny_base_folder))
    example_ecosystem.write_translations(folder)
    example_ecosystem.write_answers_11(folder)
    example_ecosystem.write_decisions_11(folder)
    return folder


@pytest.fixture
def ecosystem_work(tmp_path, tiny_base, _ecosystem_work):
    """Return a fresh copy of a submission of rung 11 that is right in all but the performance of its adapter."""
    return shutil.copytree(_ecosystem_work, tmp_path / example_ecosystem.RUNG)
