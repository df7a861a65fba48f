"""A verdict that is forked is the verdict that starts from nothing: the same report, the same bounds, nothing left."""

import contextvars
import functools
import shutil
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from example_work import answer, edit
from sandboxes import soon

from autograder import runner, sandbox
from autograder.runner import grade
from autograder.verdict_server import VerdictServer

pytestmark = pytest.mark.slow
ENDLESS = "def failure_kind(text, ticket):\n    while True: pass"


@pytest.fixture(scope="module")
def server(environment):
    with_sandbox = sandbox.fault() is None
    made = VerdictServer("02", "")
    made.confine(with_sandbox)
    usual = runner.START.set(made.start_and_wait)
    yield made
    runner.START.reset(usual)
    made.close()


def plainly(*arguments, **options):
    """Grade in a process that starts from nothing."""
    usual = runner.START.set(runner.start_and_wait)
    try:
        return grade(*arguments, **options)
    finally:
        runner.START.reset(usual)


def honest(folder):
    """As it is."""


def wrong_function(folder):
    answer(folder, "answer-sft-loss", "def sft_loss(logits, input_ids, mask):\n    return logits.sum() * 0 + 2")


def false_claim(folder):
    edit(folder / "artifacts" / "eval.json", lambda record: record["entries"][0].update(value=0.9))


def no_weights(folder):
    (folder / "artifacts" / "model" / "model.safetensors").unlink()


def cut_short(folder):
    with (folder / "artifacts" / "model" / "model.safetensors").open("r+b") as file:
        file.truncate(5_000)


@pytest.mark.parametrize("change", [honest, wrong_function, false_claim, no_weights, cut_short])
def test_forked_or_from_nothing_the_report_is_the_same(tmp_path, server, honest_work, change):
    folder = shutil.copytree(honest_work, tmp_path / "rung-02-sft")
    change(folder)
    assert grade("02", folder, seed=5) == plainly("02", folder, seed=5)
    assert server.is_ready


def test_a_check_that_takes_too_long_leaves_nothing_and_the_next_is_served(tmp_path, server, honest_work, monkeypatch):
    folder = shutil.copytree(honest_work, tmp_path / "rung-02-sft")
    answer(folder, "answer-read-failures", ENDLESS)
    spared = descendants(server)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "SECONDS", {"cpu": 3, "cuda": 3})
        report = grade("02", folder, cells=["read-failures"])
    assert "the check was stopped after 3 s" in report.criteria[0].observed and report.score == 0
    assert soon(lambda: descendants(server) == spared)  # what the sandbox forked ends when nobody waits for it
    assert grade("02", honest_work, cells=["read-failures"]).score == 3 and server.is_ready


def test_without_the_server_the_verdict_starts_from_nothing(honest_work):
    made = VerdictServer("02", "")
    made.confine(False)
    made._process.kill()
    usual = runner.START.set(made.start_and_wait)
    try:
        assert grade("02", honest_work, cells=["read-failures"]).score == 3
        assert not made.is_ready
    finally:
        runner.START.reset(usual)
        made.close()


def test_a_verdict_whose_server_is_closed_from_another_thread_ends_and_is_not_begun_again(tmp_path, honest_work):
    folder = shutil.copytree(honest_work, tmp_path / "rung-02-sft")
    answer(folder, "answer-read-failures", ENDLESS)  # it has a minute
    made = VerdictServer("02", "")
    made.confine(sandbox.fault() is None)
    usual = runner.START.set(made.start_and_wait)
    try:
        with ThreadPoolExecutor(1) as pool:
            ask = functools.partial(grade, "02", folder, cells=["read-failures"])
            report = pool.submit(contextvars.copy_context().run, ask)
            with pytest.raises(TimeoutError):
                report.result(timeout=8)
            made.close()
            assert "the check was stopped" in report.result(timeout=8).criteria[0].observed
    finally:
        runner.START.reset(usual)
        made.close()


def descendants(server: VerdictServer) -> set[int]:
    return {process.pid for process in psutil.Process(server._process.pid).children(recursive=True)}
