"""shared.hardware: the profile that faked machines get, why, and which rungs fit on them."""

import dataclasses
import json
import subprocess
import sys

import pytest

from shared import hardware
from shared.course import ROOT, CourseError, load_course
from shared.machine import Gpu, Machine

COURSE = load_course()
BIG = Gpu("NVIDIA H200", 139.8, 139.0, "580.1", bf16=True, usable=True)
SMALL = dataclasses.replace(BIG, name="GTX 1650", memory_gib=4.0, free_gib=3.9, bf16=False)
UNUSABLE = dataclasses.replace(BIG, usable=False)
LAPTOP = Machine("Linux", "3.11.2", "a CPU", 2, 8.0, 50.0, None, "not reachable", {"torch": "2.13.0", "trl": None})


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """No setting from outside, no driver, unless a test says otherwise."""
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(hardware, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(hardware, "find_gpu", lambda: pytest.fail("looked for a GPU, which imports torch"))
    monkeypatch.setattr(hardware, "measure", lambda folder: LAPTOP)


def with_gpu(monkeypatch, gpu):
    monkeypatch.setattr(hardware, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(hardware, "find_gpu", lambda: gpu)


def test_no_driver_means_pocket():
    assert hardware.pick_profile() == ("pocket", "no NVIDIA driver on this machine")


@pytest.mark.parametrize(
    ("gpu", "profile", "reason"),
    [
        (BIG, "gpu", "NVIDIA H200 with 139.8 GiB"),
        (SMALL, "pocket", "GTX 1650 has 4.0 GiB, the gpu profile needs 14"),
        (
            UNUSABLE,
            "pocket",
            "NVIDIA H200 is there, but this torch cannot use it: install a CUDA build of torch",
        ),
        (None, "pocket", "an NVIDIA driver, but no GPU that answers"),
    ],
    ids=["big", "small", "unusable", "silent"],
)
def test_a_driver_is_followed_up(monkeypatch, gpu, profile, reason):
    with_gpu(monkeypatch, gpu)
    assert hardware.pick_profile(COURSE) == (profile, reason)


def test_the_memory_that_is_enough_is_exactly_the_courses(monkeypatch):
    least = COURSE.profile("gpu").least_memory_gib
    with_gpu(monkeypatch, dataclasses.replace(BIG, memory_gib=least))
    assert hardware.pick_profile(COURSE)[0] == "gpu"
    with_gpu(monkeypatch, dataclasses.replace(BIG, memory_gib=least - 0.01))
    assert hardware.pick_profile(COURSE)[0] == "pocket"


@pytest.mark.parametrize("name", ["pocket", "gpu"])
def test_the_setting_decides_without_looking(monkeypatch, name):
    monkeypatch.setenv("COURSE_PROFILE", name)
    monkeypatch.setattr(hardware, "has_nvidia_driver", lambda: pytest.fail("looked for a driver"))
    assert hardware.pick_profile() == (name, "COURSE_PROFILE says so")


def test_an_empty_setting_is_no_setting(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "")
    assert hardware.pick_profile()[0] == "pocket"


@pytest.mark.parametrize("value", ["GPU", "cpu", " gpu", "gpu\npocket"])
def test_a_wrong_setting_is_one_line(monkeypatch, capsys, value):
    monkeypatch.setenv("COURSE_PROFILE", value)
    with pytest.raises(CourseError, match=r"^COURSE_PROFILE: expected one of pocket, gpu, got .*; unset it"):
        hardware.pick_profile()
    assert hardware.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1


def test_picking_a_profile_does_not_import_torch():
    code = (
        "import sys, shared.machine as m; m.has_nvidia_driver = lambda: False\n"
        "from shared.hardware import pick_profile; pick_profile(); print('torch' in sys.modules)"
    )
    environment = {"PATH": ""}
    answer = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT, env=environment)
    assert answer == "False\n"


def test_pocket_counts_main_memory():
    found = {fit.rung: fit for fit in hardware.fits(COURSE, LAPTOP, "pocket")}
    assert len(found) == 11
    assert found["02"].fits and found["02"].has_gib == 8.0
    tiny = dataclasses.replace(LAPTOP, memory_gib=1.0)
    assert not any(fit.fits for fit in hardware.fits(COURSE, tiny, "pocket"))


@pytest.mark.parametrize(("gpu", "has"), [(BIG, 139.8), (SMALL, 4.0), (UNUSABLE, 0.0), (None, 0.0)])
def test_gpu_counts_the_memory_of_a_gpu_that_torch_can_use(gpu, has):
    machine = dataclasses.replace(LAPTOP, gpu=gpu)
    found = hardware.fits(COURSE, machine, "gpu")
    needs = COURSE.rung("04").cost["gpu"].memory_gib
    assert {fit.has_gib for fit in found} == {has}
    assert found[3].fits == (needs <= has)


def test_a_rung_without_a_known_cost_is_not_known():
    rung = COURSE.rung("01").model_copy(update={"cost": None, "built": False})
    fit = hardware._fit(rung, "pocket", 8.0)
    assert fit.fits is None
    assert hardware.fit_words(fit) == "not known (not built yet)"
    assert hardware.memory_words(fit) == "not known"


def test_a_rung_that_does_not_fit_says_what_is_there():
    fit = hardware.Fit("04", "QLoRA", True, 12.0, 8.0, estimate=True)
    assert (hardware.memory_words(fit), hardware.fit_words(fit)) == ("12 GiB, estimated", "no, 8 GiB here")
    assert hardware.fit_words(dataclasses.replace(fit, has_gib=0.0)) == "no, no GPU that torch can use"


def test_the_report_names_machine_profile_and_rungs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert hardware.main([]) == 0
    report = capsys.readouterr().out
    for words in (
        "a CPU, 2 cores to use",
        "8.0 GiB",
        "not installed",
        "no NVIDIA driver",
        "Supervised fine-tuning",
    ):
        assert words in report


def test_the_report_as_json(capsys):
    assert hardware.main(["--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["profile"], report["machine"]["memory_gib"], report["machine"]["gpu"]) == (
        "pocket",
        8.0,
        None,
    )
    assert [rung["rung"] for rung in report["rungs"]][:2] == ["01", "02"]
    assert report["rungs"][1]["fits"] is True


def test_a_gpu_in_words():
    assert hardware.gpu_words(BIG) == "NVIDIA H200, 139.0 of 139.8 GiB free, bf16, driver 580.1"
    assert hardware.gpu_words(dataclasses.replace(UNUSABLE, bf16=False)).endswith(
        "no bf16 (float16 instead), driver 580.1, not usable by this torch"
    )
