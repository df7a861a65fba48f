"""A wall around the process that runs a learner's function: bubblewrap, where this machine has one that works.

Inside there is no network, no other process, no home, no course, no gradebook, no submission. There are the libraries
of the system and of this Python, the few course files that the function needs, all read-only, an empty private folder
and four harmless devices; of /proc only what kind of processor this is, so that PyTorch computes as it does outside.
The process is nobody, has no capability, and dies with whoever started it. What it may then ask of the system is in
`autograder.system_calls`: with bubblewrap alone the real root could fork without end.

Whether it works is found by using it once: many containers hold a bubblewrap that may not make namespaces.
"""

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from autograder.course_files import PACKAGES, course_files
from autograder.system_calls import refusal
from shared.course import ROOT

Policy = Literal["required", "optional"]

HOME = "/answer"  # its private folder; /tmp would hide a course that lies there
HOME_BYTES = 16 * 2**20
NOBODY = "65534"
DEVICES = ("null", "zero", "random", "urandom")
SYSTEM_FILES = ("/etc/ld.so.cache", "/proc/cpuinfo")
PROBE_SECONDS = 20
# Run in the sandbox, as an answer's process is: who it is, whether it sees the course or other processes, whether it is
# refused a file and, once the filter of system calls is loaded, a process.
PROBE = """
import json, os, sys
from autograder.processes import refuse_system_calls
def refused(action, *arguments):
    try:
        return not action(*arguments)
    except OSError:
        return True
seen = [os.getuid(), *map(os.path.exists, (sys.argv[1], "/proc/1")), refused(open, "/probe", "w")]
refuse_system_calls(bytes.fromhex(sys.argv[2]), int(sys.argv[3]))
print(json.dumps([*seen, refused(os.fork)]))
"""
PROBE_FINDS = [int(NOBODY), False, False, True, True]


class SandboxError(Exception):
    """Grading needs a sandbox and this machine has none that works. One line: why, and what to install."""


def use_sandbox(policy: Policy) -> bool:
    """Return whether learners' functions run in the sandbox here. Raises SandboxError when they must and cannot."""
    reason = fault()
    if reason is not None and policy == "required":
        fault.cache_clear()  # whoever reads the line may install it, and a server asks again
        allowance = "or allow grading without one: 'grading: {sandbox: optional}' in course.yml"
        raise SandboxError(f"no sandbox for learners' code, so nothing was graded: {reason}, {allowance}")
    return reason is None


@functools.cache
def fault() -> str | None:
    """Return why there is no working sandbox here, with what to do, or None when there is one. Asked once a process."""
    if sys.platform != "linux":
        return f"bubblewrap is a program for Linux, and this is {sys.platform}. Grade on a Linux machine"
    try:
        done = subprocess.run(_probe(), env={}, capture_output=True, text=True, timeout=PROBE_SECONDS)
        if json.loads(done.stdout or "null") == PROBE_FINDS:
            return None
        said = " ".join(done.stderr.split())[-150:] or f"it ended with {done.returncode}"
    except SandboxError as error:
        return str(error)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        said = type(error).__name__
    return f"bubblewrap is installed but does not work here ({said}). Let this machine or container use user namespaces"


def _probe() -> list[str]:
    files = course_files("import autograder.processes")
    command = confined([sys.executable, "-I", "-B", "-c", PROBE, str(ROOT / "course.yml")], files)
    program, loader = refusal()
    return [*command, program.hex(), str(loader)]


def confined(command: list[str], files: Iterable[Path] = ()) -> list[str]:
    """Return `command` with bubblewrap around it. Of the course it sees `files`, at their own paths, and no others.

    Raises SandboxError where bubblewrap, or the library for the filter that belongs to it, is missing.
    """
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None or refusal() is None:
        missing = "bubblewrap" if bubblewrap is None else "libseccomp"
        advice = "Install it (Debian, Ubuntu: apt install bubblewrap libseccomp2)"
        raise SandboxError(f"{missing} is not installed. {advice}")
    nobody = ["--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL"]
    devices = [word for name in DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    home = ["--size", str(HOME_BYTES), "--tmpfs", HOME, "--chdir", HOME]
    wall = ["--unshare-all", "--unshare-user", "--die-with-parent", *nobody, *_mounts(files), *devices, *home]
    return [bubblewrap, *wall, "--remount-ro", "/", "--", *command]


def _mounts(files: Iterable[Path]) -> list[str]:
    """Return what is seen, read-only: libraries, `files`, and nothing else of this course if it lies among them."""
    seen = dict.fromkeys((*_libraries(), *_links_to_python(), *files), "--ro-bind")
    hidden = dict.fromkeys((ROOT / package for package in PACKAGES), "--tmpfs")
    # A folder comes before what lies in it.
    placed = sorted({**hidden, **seen}.items(), key=lambda item: len(item[0].parts))
    words = [word for path, how in placed for word in ([how, path] if how == "--tmpfs" else [how, path, path])]
    return [str(word) for word in (*words, *(word for path in hidden for word in ("--remount-ro", path)))]


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Return the program and library folders of the system and of this Python, and the files that these look up."""
    prefixes = dict.fromkeys(("/", "/usr", "/usr/local", sys.base_prefix, sys.prefix))
    wanted = [Path(prefix) / part for prefix in prefixes for part in ("bin", "lib", "lib64", "pyvenv.cfg")]
    return tuple(path for path in (*wanted, *map(Path, SYSTEM_FILES)) if path.exists())


@functools.cache
def _links_to_python() -> tuple[Path, ...]:
    """Return the links by which this Python is reached and that lie outside the libraries, as files to mount."""
    step, links = Path(sys.executable), []
    while step.is_symlink():
        step = step.parent / step.readlink()
        if not any(step.is_relative_to(folder) for folder in _libraries()):
            links.append(step)
    return tuple(links)


def main() -> int:
    """For `make doctor`: say in one line whether there is a sandbox."""
    reason = fault()
    print(f"Sandbox for grading: {'bubblewrap, it works' if reason is None else f'none ({reason})'}.")
    if reason is not None:
        print("Checking your own work needs none.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
