"""Fixtures of the checkers' tests: a tiny base in place of the course's, and submissions made for it."""

import functools
import shutil

import example_adapter
import example_curation
import example_preferences
import example_work
import pytest
from answers_here import AnswersHere
from choice_fixtures import _choice_work, choice_work, taught_as  # noqa: F401 (fixtures of rung 01)
from ecosystem_fixtures import _ecosystem_work, ecosystem_work  # noqa: F401 (fixtures of rung 11)
from evals_fixtures import _evals_work, actors, evals_work  # noqa: F401 (fixtures of rung 09)
from forgetting_fixtures import _forgetting_work, forgetting_work, students  # noqa: F401 (fixtures of rung 10)
from grpo_fixtures import _grpo_work, grpo_work, samples_are  # noqa: F401 (fixtures of rung 07)
from reward_fixtures import _reward_work, reward_work, scored_as  # noqa: F401 (fixtures of rung 08)

from autograder.reevaluation import Engines, RowLoss
from autograder.ticket_submission import ROWS, ROWS_SEED
from shared.course import load_course
from shared.evaluation import TicketResult
from shared.scoring import failure_kind
from shared.world import rows

COURSE_VARIABLES = ("COURSE_PROFILE", "COURSE_BASE_MODEL", "COURSE_WORK", "COURSE_HIDDEN_SEED", "NBGRADER_EXECUTION")


@pytest.fixture(autouse=True)
def _no_course_variables(monkeypatch):
    """Take away what the shell that runs the tests may have set."""
    for name in COURSE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def planned(monkeypatch):
    """Let the last rung be planned and not built yet, as the autograder reads the course; return that rung."""
    course = load_course()
    rung = course.rungs[-1].model_copy(update={"built": False})
    unfinished = course.model_copy(update={"rungs": (*course.rungs[:-1], rung)})
    for place in ("autograder.cli", "autograder.demo", "autograder.runner", "shared.course"):
        monkeypatch.setattr(f"{place}.load_course", lambda: unfinished)
    return rung


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


@pytest.fixture
def measured_as(monkeypatch):
    """Return a function that puts made answers in the place of the models'.

    It is told how many answers are right on familiar and on unseen wordings and how many more, on familiar ones, are
    JSON at least; and the same of the base's answers on familiar wordings.
    """

    def install(familiar: int, unseen: int, json_only: int = 0, before: int = 0, before_json_only: int = 0) -> None:
        made = Engines(Scripted(before, 0, before_json_only), Scripted(familiar, unseen, json_only), together=False)
        monkeypatch.setattr("autograder.reevaluation.engines", lambda *_: made)

    return install


@pytest.fixture
def as_if_trained(monkeypatch):
    """Let a model of noise pass for one that was trained along its curve; `test_run_evidence` has no such mercy."""
    monkeypatch.setattr("autograder.ticket_criteria.end_fault", lambda *_: None)
    monkeypatch.setattr("autograder.ticket_criteria.learned_fault", lambda *_: None)
    monkeypatch.setattr("autograder.rung_04_ground.require_four_bits", lambda *_: None)


@functools.cache
def _unseen_prompts():
    return {row["prompt"] for row in rows("tickets", "public", ROWS, ROWS_SEED, phrasing="unseen")}


class Scripted:
    """In place of a model: answers the first rows rightly, the next with JSON that is no ticket, then with words."""

    def __init__(self, familiar: int, unseen: int, json_only: int):
        self.right, self.json_only = {"familiar": familiar, "unseen": unseen}, json_only

    def answers(self, asked):
        """Return the scripted answers to ticket rows."""
        right = self.right["unseen" if asked[0]["prompt"] in _unseen_prompts() else "familiar"]
        texts = [row["completion"] for row in asked[:right]] + ["{}"] * self.json_only + ["no idea"] * len(asked)
        return [
            TicketResult(row["prompt"], text, row["ticket"], failure_kind(text, row["ticket"]))
            for row, text in zip(asked, texts, strict=False)
        ]

    def losses(self, asked):
        """Return the losses of a base that knows nothing of tickets (7.85) and a little of letters (5)."""
        return [RowLoss(20 * 7.8 + number % 3, 20, 150.0, 30) for number, _ in enumerate(asked)]


@pytest.fixture
def without_children(monkeypatch):
    """Run learner functions in this process, which has PyTorch already: a second less. For harmless ones."""
    monkeypatch.setattr("autograder.submission.StudentCode", AnswersHere)


@pytest.fixture(scope="session")
def _adapter_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("adapter-work") / "rung-03-lora"
    example_adapter.write_rung("03", example_adapter.notebook_03(), folder)
    example_adapter.make_adapter_work(folder, _tiny_base_folder, example_work.base_loss_of(_tiny_base_folder))
    example_adapter.write_answers(folder)
    return folder


@pytest.fixture
def adapter_work(tmp_path, tiny_base, _adapter_work):
    """Return a fresh copy of a submission of rung 03 that is right in all but the performance of its adapter."""
    return shutil.copytree(_adapter_work, tmp_path / "rung-03-lora")


@pytest.fixture(scope="session")
def _quantized_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("quantized-work") / "rung-04-qlora"
    example_adapter.write_rung("04", example_adapter.notebook_04(), folder)
    loss = example_work.base_loss_of(_tiny_base_folder)
    example_adapter.make_adapter_work(folder, _tiny_base_folder, loss, rung="04", method="qlora")
    example_adapter.write_answers(folder, rung="04")
    return folder


@pytest.fixture
def quantized_work(tmp_path, tiny_base, _quantized_work):
    """Return a fresh copy of a submission of rung 04 that is right in all but performance and size."""
    return shutil.copytree(_quantized_work, tmp_path / "rung-04-qlora")


@pytest.fixture(scope="session")
def _curation_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("curation-work") / "rung-05-data"
    example_adapter.write_rung("05", example_curation.notebook_05(), folder)
    loss = example_work.base_loss_of(_tiny_base_folder)
    example_curation.make_curation_work(folder, _tiny_base_folder, loss)
    return folder


@pytest.fixture
def curation_work(tmp_path, tiny_base, _curation_work):
    """Return a fresh copy of a submission of rung 05 that is right in all but the performance of its models."""
    return shutil.copytree(_curation_work, tmp_path / "rung-05-data")


@pytest.fixture(scope="session")
def _preference_work(tmp_path_factory, _tiny_base_folder):
    folder = tmp_path_factory.mktemp("preference-work") / "rung-06-dpo"
    example_adapter.write_rung("06", example_preferences.notebook_06(), folder)
    example_preferences.make_preference_work(folder, _tiny_base_folder)
    return folder


@pytest.fixture
def preference_work(tmp_path, tiny_base, _preference_work):
    """Return a fresh copy of a submission of rung 06 that is right in all but what its two models give."""
    return shutil.copytree(_preference_work, tmp_path / "rung-06-dpo")


@pytest.fixture
def replying(monkeypatch):
    """Return a function that puts made measurements in the place of the two models'."""

    def install(**said: object) -> None:
        made = example_preferences.measured(**said)
        monkeypatch.setattr("autograder.rung_06_submission.Rung06.measured", property(lambda _: made))

    return install


@pytest.fixture
def models_right(monkeypatch):
    """Return a function that says how many held-out letters the curated and the raw rows' models get right."""

    def install(curated: int, raw: int, unseen: int = ROWS) -> None:
        def engines(base, trained, quantized=False):
            right = raw if trained.path.parent.name == "raw" else curated
            return Engines(Scripted(0, 0, 0), Scripted(right, unseen, ROWS), together=False)

        monkeypatch.setattr("autograder.reevaluation.engines", engines)

    return install
