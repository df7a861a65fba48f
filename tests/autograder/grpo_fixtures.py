"""Fixtures of rung 07's tests: a submission, and made samples in the place of the models'."""

import shutil

import example_adapter
import example_grpo
import pytest

from autograder.reevaluation import Engines
from autograder.rung_07_submission import Rung07


@pytest.fixture(scope="session")
def _grpo_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("grpo-work") / "rung-07-grpo"
    example_adapter.write_rung("07", example_grpo.notebook_07(), folder)
    example_grpo.make_grpo_work(folder, _tiny_base_folder)
    return folder


@pytest.fixture
def grpo_work(tmp_path, tiny_base, _grpo_work):
    """Return a fresh copy of a submission of rung 07 that is right in all but the performance of its model."""
    return shutil.copytree(_grpo_work, tmp_path / "rung-07-grpo")


@pytest.fixture
def samples_are(monkeypatch):
    """Return a function that says how many answers to each order are right, before and after, and what is kept."""

    def install(after=example_grpo.AFTER, before=example_grpo.BEFORE, kept_after=example_grpo.KEPT) -> None:
        made = {"base": before, "tuned": after}
        kept = {"base": example_grpo.KEPT, "tuned": kept_after}
        monkeypatch.setattr("autograder.reevaluation.engines", lambda *_: Engines("base", "tuned", together=False))
        monkeypatch.setattr(Rung07, "counts", lambda self, engine, asked: made[engine][: len(asked)])
        monkeypatch.setattr("autograder.rung_07_submission.kept_skills", lambda engine, split: kept[engine])

    return install
