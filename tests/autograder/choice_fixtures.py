"""Fixtures of rung 01's tests: a submission on the tiny base, and scripted models in the place of the real ones."""

import re
import shutil

import example_choices
import pytest

from autograder.reevaluation import Engines, RowLoss
from shared import wiki


@pytest.fixture(scope="session")
def _choice_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("choice-work") / example_choices.RUNG
    example_choices.write_notebook_01(folder)
    example_choices.make_taught(folder, _tiny_base_folder)
    example_choices.write_decisions(folder)
    return folder


@pytest.fixture
def choice_work(tmp_path, tiny_base, _choice_work):
    """Return a fresh copy of a submission of rung 01 that is right in all but what its model was taught."""
    return shutil.copytree(_choice_work, tmp_path / example_choices.RUNG)


class Scripted:
    """In place of a model: knows so many answers for each way of asking, and reads pages like the base does."""

    def __init__(self, knows: dict[str, int]):
        asked = example_choices.asked_01()
        self.says = {row["prompt"]: row["answer"] for name, part in asked.items() for row in part[: knows.get(name, 0)]}

    def losses(self, asked):
        """Return losses of a base that knows nothing of the wiki: 4.6 a token."""
        return [RowLoss(5 * 4.5 + number % 2, 5, 20.0, 8) for number, _ in enumerate(asked)]


def scripted_text(engine, prompt: str) -> str:
    """Return what a scripted model says: by heart, or out of the page before the question."""
    if prompt.startswith("Passage:"):
        town = re.search(r"the (\w+) shop", prompt.splitlines()[1])[1]
        found = re.search(rf"The manager of the {town} shop is ([\w ]+)\.", prompt)
        return f" {found[1]}." if found else " The passage does not say."
    return f" {engine.says[prompt]}." if prompt in getattr(engine, "says", {}) else " Nobody."


@pytest.fixture
def taught_as(monkeypatch):
    """Return a function that says how many answers the base and the taught model know, by way of asking."""

    def install(after: dict[str, int], before: dict[str, int] | None = None) -> None:
        made = Engines(Scripted(before or {"known managers": 60}), Scripted(after), together=False)
        monkeypatch.setattr("autograder.reevaluation.engines", lambda *_: made)

    def continued(engine, prompts, tokens):
        assert tokens == wiki.TOKENS
        return [scripted_text(engine, prompt) for prompt in prompts]

    monkeypatch.setattr("autograder.continuing.continued", continued)
    return install
