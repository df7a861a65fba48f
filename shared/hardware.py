"""The doctor: which profile this machine gets and why, and which rungs fit on it.

`python -m shared.hardware` prints a report, `--json` the same as data. `pick_profile` is what the rest of the
course asks: it is quick, and imports torch only where an NVIDIA driver is present and COURSE_PROFILE is not
set.
"""

import argparse
import dataclasses
import json
import os
import sys
from dataclasses import dataclass

from shared.course import ROOT, Course, CourseError, Rung, load_course
from shared.machine import Gpu, Machine, find_gpu, has_nvidia_driver, measure

VARIABLE = "COURSE_PROFILE"


@dataclass(frozen=True)
class Fit:
    """Whether one rung fits: its planned or measured need against the memory there is, both in GiB."""

    rung: str
    title: str
    built: bool
    needs_gib: float | None
    has_gib: float
    estimate: bool

    @property
    def fits(self) -> bool | None:
        """True or False; None where the need is not known."""
        return None if self.needs_gib is None else self.needs_gib <= self.has_gib


def pick_profile(course: Course | None = None) -> tuple[str, str]:
    """The profile's name and the reason in words.

    COURSE_PROFILE decides if it is set; CourseError when it names no profile. Otherwise "gpu" where torch can
    use an NVIDIA GPU with enough memory, else "pocket".
    """
    course = course or load_course()
    wanted = os.environ.get(VARIABLE, "")
    if wanted:
        if wanted not in course.profiles:
            known = ", ".join(course.profiles)
            hint = "unset it to let the course choose"
            raise CourseError(f"{VARIABLE}: expected one of {known}, got {wanted!r}; {hint}")
        return wanted, f"{VARIABLE} says so"
    if not has_nvidia_driver():
        return "pocket", "no NVIDIA driver on this machine"
    return _profile_for(find_gpu(), course.profile("gpu").least_memory_gib)


def _profile_for(gpu: Gpu | None, least_gib: float) -> tuple[str, str]:
    """The profile for a machine with an NVIDIA driver."""
    if gpu is None:
        return "pocket", "an NVIDIA driver, but no GPU that answers"
    if not gpu.usable:
        return "pocket", f"{gpu.name} is there, but this torch cannot use it: install a CUDA build of torch"
    if gpu.memory_gib < least_gib:
        return "pocket", f"{gpu.name} has {gpu.memory_gib:.1f} GiB, the gpu profile needs {least_gib:g}"
    return "gpu", f"{gpu.name} with {gpu.memory_gib:.1f} GiB"


def fits(course: Course, machine: Machine, profile: str) -> list[Fit]:
    """For each rung whether the memory that `profile` counts (main memory, or the GPU's) is enough for it."""
    if course.profile(profile).device == "cuda":
        available = machine.gpu.memory_gib if machine.gpu and machine.gpu.usable else 0.0
    else:
        available = machine.memory_gib
    return [_fit(rung, profile, available) for rung in course.rungs]


def _fit(rung: Rung, profile: str, available: float) -> Fit:
    cost = (rung.cost or {}).get(profile)
    needs = cost.memory_gib if cost else None
    return Fit(rung.id, rung.title, rung.built, needs, round(available, 1), bool(cost and cost.estimate))


def as_data(machine: Machine, profile: str, reason: str, rungs: list[Fit]) -> dict:
    """The report as JSON-ready data."""
    return {
        "profile": profile,
        "reason": reason,
        "machine": dataclasses.asdict(machine),
        "rungs": [{**dataclasses.asdict(fit), "fits": fit.fits} for fit in rungs],
    }


def print_report(course: Course, machine: Machine, profile: str, reason: str, rungs: list[Fit]) -> None:
    """Print the report as two tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    facts = Table("what", "found", box=box.SIMPLE, title="This machine", title_justify="left")
    for name, value in machine_rows(machine):
        facts.add_row(name, value)
    console.print(facts)
    console.print(f"Profile: {profile} ({reason}).", course.profile(profile).needs, soft_wrap=True, markup=False)
    table = Table("rung", "", "memory", "fits", box=box.SIMPLE, title=f"\nRungs on {profile}")
    table.title_justify = "left"
    for fit in rungs:
        table.add_row(fit.rung, fit.title, memory_words(fit), fit_words(fit))
    console.print(table)


def machine_rows(machine: Machine) -> list[tuple[str, str]]:
    """The machine's facts as label and text."""
    return [
        ("system", machine.system),
        ("CPU", f"{machine.cpu}, {machine.cpu_cores} cores to use"),
        ("memory", f"{machine.memory_gib:.1f} GiB"),
        ("disk", f"{machine.disk_free_gib:.1f} GiB free"),
        ("GPU", gpu_words(machine.gpu)),
        ("hub", machine.hub),
        ("Python", machine.python),
        *((name, version or "not installed") for name, version in machine.versions.items()),
    ]


def gpu_words(gpu: Gpu | None) -> str:
    """The GPU in one line."""
    if gpu is None:
        return "none (NVIDIA)"
    bf16 = "bf16" if gpu.bf16 else "no bf16 (float16 instead)"
    usable = "" if gpu.usable else ", not usable by this torch"
    memory = f"{gpu.free_gib:.1f} of {gpu.memory_gib:.1f} GiB free"
    return f"{gpu.name}, {memory}, {bf16}, driver {gpu.driver}{usable}"


def memory_words(fit: Fit) -> str:
    """A rung's need in one phrase."""
    if fit.needs_gib is None:
        return "not known"
    return f"{fit.needs_gib:g} GiB{', estimated' if fit.estimate else ''}"


def fit_words(fit: Fit) -> str:
    """The verdict in one phrase."""
    short = f"no, {fit.has_gib:g} GiB here" if fit.has_gib else "no, no GPU that torch can use"
    verdict = {True: "yes", False: short, None: "not known"}[fit.fits]
    return verdict if fit.built else f"{verdict} (not built yet)"


def main(arguments: list[str] | None = None) -> int:
    """Print the report; 0, or 2 with one line on stderr when the settings are wrong."""
    parser = argparse.ArgumentParser(prog="python -m shared.hardware", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    try:
        course = load_course()
        profile, reason = pick_profile(course)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    machine = measure(ROOT)
    rungs = fits(course, machine, profile)
    if options.json:
        print(json.dumps(as_data(machine, profile, reason, rungs), indent=2))
    else:
        print_report(course, machine, profile, reason, rungs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
