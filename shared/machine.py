"""What this machine is: cores, memory, disk, GPU, versions, the way to the hub. Measures, judges nothing.

Sizes are GiB (2**30 bytes). Each probe is a small function of its own, so that tests can put another machine
in its place. Only `find_gpu` imports torch, and only where an NVIDIA driver is present.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30
LIBRARIES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "datasets",
    "evaluate",
    "nbgrader",
    "jupyterlab",
)
HUB = "https://huggingface.co"
TRUE = {"1", "ON", "YES", "TRUE"}  # what huggingface_hub takes for true


@dataclass(frozen=True)
class Gpu:
    """The first NVIDIA GPU. `usable`: the installed torch can compute on it; `bf16`: in hardware."""

    name: str
    memory_gib: float
    free_gib: float
    driver: str
    bf16: bool
    usable: bool


@dataclass(frozen=True)
class Machine:
    """Everything the doctor reports. `hub` is "offline by setting", "reachable" or "not reachable"."""

    system: str
    python: str
    cpu: str
    cpu_cores: int
    memory_gib: float
    disk_free_gib: float
    gpu: Gpu | None
    hub: str
    versions: dict[str, str | None]


def measure(folder: Path) -> Machine:
    """Look at this machine; the disk is that of `folder`. Takes seconds where torch must be imported."""
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpu=cpu_name(),
        cpu_cores=cpu_cores(),
        memory_gib=memory_bytes() / GIB,
        disk_free_gib=shutil.disk_usage(folder).free / GIB,
        gpu=find_gpu(),
        hub=hub_state(),
        versions=library_versions(),
    )


def cpu_name() -> str:
    """The processor's name as Linux gives it; elsewhere what Python knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def cpu_cores() -> int:
    """Cores that this process may use: a container often grants fewer than the machine has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")  # microseconds
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def memory_bytes() -> int:
    """Main memory that this process may use, in bytes: the machine's, or its container's if less."""
    import psutil

    total = psutil.virtual_memory().total
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = _read(path)
        if limit.isdigit():
            total = min(total, int(limit))
    return total


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver is installed. Looks at two files, so it answers at once."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def find_gpu() -> Gpu | None:
    """The first GPU as torch sees it, else as nvidia-smi does (then not usable); None without a driver."""
    if not has_nvidia_driver():
        return None
    driver = _ask_nvidia_smi("driver_version") or "unknown"
    return _gpu_through_torch(driver) or _gpu_through_nvidia_smi(driver)


def _gpu_through_torch(driver: str) -> Gpu | None:
    try:
        import torch
    except (ImportError, OSError):  # OSError: a torch whose CUDA libraries do not load
        return None
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info(0)
    bf16 = torch.cuda.get_device_capability(0) >= (8, 0)  # Ampere and later compute in bfloat16
    return Gpu(torch.cuda.get_device_name(0), total / GIB, free / GIB, driver, bf16, usable=True)


def _gpu_through_nvidia_smi(driver: str) -> Gpu | None:
    fields = _ask_nvidia_smi("name,memory.total,memory.free,compute_cap").split(", ")
    try:
        name, total_mib, free_mib, capability = fields
        total, free = float(total_mib) / 1024, float(free_mib) / 1024
        return Gpu(name, total, free, driver, bf16=float(capability) >= 8, usable=False)
    except ValueError:  # no answer, or "[N/A]" where a number belongs
        return None


def _ask_nvidia_smi(fields: str) -> str:
    """nvidia-smi's answer for the first GPU, or "" when it cannot answer."""
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.strip().partition("\n")[0]


def hub_state() -> str:
    """Whether models can be fetched. Asks the hub, for three seconds, unless told to stay offline."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in TRUE:
        return "offline by setting"
    try:
        request = urllib.request.Request(os.environ.get("HF_ENDPOINT") or HUB, method="HEAD")
        urllib.request.urlopen(request, timeout=3).close()
    except urllib.error.HTTPError:
        return "reachable"  # it answered, if only to refuse a bare HEAD
    except (OSError, ValueError):
        return "not reachable"
    return "reachable"


def library_versions() -> dict[str, str | None]:
    """Versions of the course's main libraries, None for one that is not installed. Imports none of them."""
    versions: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
