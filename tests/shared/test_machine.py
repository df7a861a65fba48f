"""shared.machine: each probe against a faked machine."""

import io
import json
import subprocess
import sys
import types
import urllib.error
import urllib.request

import pytest

from shared import machine
from shared.course import ROOT

GIB = machine.GIB


@pytest.fixture
def files(monkeypatch):
    """Files that the probes find; all others are missing."""
    found: dict[str, str] = {}
    monkeypatch.setattr(machine, "_read", lambda path: found.get(path, ""))
    return found


@pytest.fixture
def nvidia_smi(monkeypatch):
    """What nvidia-smi answers, by the fields it is asked for."""
    answers: dict[str, str] = {}
    monkeypatch.setattr(machine, "_ask_nvidia_smi", lambda fields: answers.get(fields, ""))
    monkeypatch.setattr(machine, "has_nvidia_driver", lambda: True)
    return answers


def fake_torch(monkeypatch, available: bool, capability=(9, 0)):
    cuda = types.SimpleNamespace(
        is_available=lambda: available,
        mem_get_info=lambda device: (60 * GIB, 80 * GIB),
        get_device_capability=lambda device: capability,
        get_device_name=lambda device: "Test GPU",
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 64 * GIB),
        ({"/sys/fs/cgroup/memory.max": "max"}, 64 * GIB),
        ({"/sys/fs/cgroup/memory.max": str(4 * GIB)}, 4 * GIB),
        ({"/sys/fs/cgroup/memory/memory.limit_in_bytes": str(8 * GIB)}, 8 * GIB),
        ({"/sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096)}, 64 * GIB),
    ],
)
def test_memory_is_the_containers_where_that_is_less(files, monkeypatch, limits, expected):
    monkeypatch.setattr("psutil.virtual_memory", lambda: types.SimpleNamespace(total=64 * GIB))
    files.update(limits)
    assert machine.memory_bytes() == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("", 8), ("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("x", 8)]
)
def test_cores_are_the_containers_where_that_is_less(files, monkeypatch, quota, expected):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    files["/sys/fs/cgroup/cpu.max"] = quota
    assert machine.cpu_cores() == expected


def test_without_a_driver_there_is_no_gpu_and_torch_is_not_imported(monkeypatch):
    monkeypatch.setattr(machine, "has_nvidia_driver", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it now raises ImportError
    monkeypatch.setattr(machine, "_gpu_through_torch", lambda driver: pytest.fail("asked torch"))
    assert machine.find_gpu() is None


def test_a_gpu_that_torch_can_use(nvidia_smi, monkeypatch):
    fake_torch(monkeypatch, available=True)
    nvidia_smi["driver_version"] = "580.1"
    assert machine.find_gpu() == machine.Gpu("Test GPU", 80.0, 60.0, "580.1", bf16=True, usable=True)


def test_a_gpu_older_than_ampere_has_no_bf16(nvidia_smi, monkeypatch):
    fake_torch(monkeypatch, available=True, capability=(7, 5))
    gpu = machine.find_gpu()
    assert (gpu.bf16, gpu.driver) == (False, "unknown")


@pytest.mark.parametrize("torch_there", [True, False])
def test_a_gpu_that_torch_cannot_use_is_found_through_nvidia_smi(nvidia_smi, monkeypatch, torch_there):
    if torch_there:
        fake_torch(monkeypatch, available=False)
    else:
        monkeypatch.setitem(sys.modules, "torch", None)
    nvidia_smi["driver_version"] = "580.1"
    nvidia_smi["name,memory.total,memory.free,compute_cap"] = "Tesla T4, 15360, 14848, 7.5"
    assert machine.find_gpu() == machine.Gpu("Tesla T4", 15.0, 14.5, "580.1", bf16=False, usable=False)


@pytest.mark.parametrize("answer", ["", "No devices were found", "Tesla T4, [N/A], [N/A], 7.5"])
def test_a_driver_without_a_gpu_that_answers(nvidia_smi, monkeypatch, answer):
    monkeypatch.setitem(sys.modules, "torch", None)
    nvidia_smi["name,memory.total,memory.free,compute_cap"] = answer
    assert machine.find_gpu() is None


@pytest.mark.parametrize(
    "failure",
    [
        FileNotFoundError(),
        subprocess.TimeoutExpired("nvidia-smi", 20),
        subprocess.CalledProcessError(9, "nvidia-smi"),
    ],
)
def test_an_nvidia_smi_that_fails_answers_nothing(monkeypatch, failure):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(machine.subprocess, "run", fail)
    assert machine._ask_nvidia_smi("name") == ""


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (io.BytesIO(), "reachable"),
        (urllib.error.HTTPError("https://hub", 405, "no HEAD", None, None), "reachable"),
        (urllib.error.URLError("no route"), "not reachable"),
        (TimeoutError(), "not reachable"),
    ],
)
def test_the_hub_is_asked(monkeypatch, outcome, expected):
    def answer(request, timeout):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert machine.hub_state() == expected


@pytest.mark.parametrize(("value", "asked"), [("1", False), ("true", False), ("0", True), ("", True)])
def test_an_offline_setting_is_obeyed(monkeypatch, value, asked):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: io.BytesIO())
    assert machine.hub_state() == ("reachable" if asked else "offline by setting")


def test_an_endpoint_that_is_no_address_is_not_reachable(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "not an address")
    assert machine.hub_state() == "not reachable"


def test_a_missing_library_is_none(monkeypatch):
    monkeypatch.setattr(machine, "LIBRARIES", ("pytest", "no-such-library"))
    assert machine.library_versions() == {"pytest": pytest.__version__, "no-such-library": None}


def test_measuring_this_machine_gives_json_ready_facts(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(machine, "has_nvidia_driver", lambda: False)
    facts = machine.measure(ROOT)
    assert facts.cpu_cores >= 1 and facts.memory_gib > 0.5 and facts.disk_free_gib > 0
    assert json.loads(json.dumps(vars(facts)))["hub"] == "offline by setting"
