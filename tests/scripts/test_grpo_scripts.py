"""Rung 07's scripts: the verifier of the further run, and that the measuring script knows its runs."""

import importlib.util

import pytest

from shared.course import ROOT


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5 + 6 = 11\n#### 11", 11), ("#### 1,234", 1234), ("#### $7.50", 7.5), ("#### -3 coins", -3),
        ("#### 4, no: #### 5", 5), ("11", None), ("####", None), ("", None),
    ],
)  # fmt: skip
def test_the_number_after_the_mark_is_read(text, number):
    assert script("grpo_gsm8k").stated(text) == number


def test_an_answer_without_a_number_is_never_right():
    metrics = {}
    paid = script("grpo_gsm8k").right_number(
        ["2 = 2 #### 2", "3", "#### 2"], ["#### 2", "3", "#### 3"], metrics.__setitem__
    )
    assert paid == [1, 0, 0]
    assert metrics == {"right": pytest.approx(1 / 3), "working": pytest.approx(1 / 3)}


def test_every_measured_run_changes_settings_that_there_are():
    module = script("measure_grpo")
    assert all(set(change) <= set(module.RECIPE) for change in module.CHANGES.values())
