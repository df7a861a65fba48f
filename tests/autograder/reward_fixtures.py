"""Fixtures of rung 08's tests: a submission whose model is noise, and scores to put in the model's place."""

import shutil

import pytest
from example_adapter import write_rung
from example_reward import RUNG, Score, make_reward_work, notebook_08


class ScoredAs:
    """In the place of a reward model: scores by a function."""

    def __init__(self, score: Score):
        self.score = score

    def scores(self, prompts, replies):
        """Return the made scores."""
        return [self.score(prompt, reply) for prompt, reply in zip(prompts, replies, strict=True)]


@pytest.fixture(scope="session")
def _reward_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("reward-work") / RUNG
    write_rung("08", notebook_08(), folder)
    make_reward_work(folder, _tiny_base_folder)
    return folder


@pytest.fixture
def reward_work(tmp_path, tiny_base, _reward_work):
    """Return a fresh copy of a submission of rung 08 that is right in all but the performance of its model."""
    return shutil.copytree(_reward_work, tmp_path / RUNG)


@pytest.fixture
def scored_as(monkeypatch):
    """Return a function that puts made scores in the place of the submitted model's."""

    def install(score: Score) -> None:
        monkeypatch.setattr("autograder.reward_engine.scorer", lambda base, trained: ScoredAs(score))

    return install
