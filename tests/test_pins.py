"""pyproject.toml, requirements.lock and environment.yml say the same, and the lock is complete."""

import importlib.metadata
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from shared.course import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]]
LOCK_TEXT = (ROOT / "requirements.lock").read_text()
LOCK_LINES = [line for line in LOCK_TEXT.splitlines() if not line.startswith("#")]
LOCK = {canonicalize_name(line.split("==")[0]): line.split("==")[-1] for line in LOCK_LINES}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
CUDA_PACKAGE = re.compile(r"^(nvidia-.*|cuda-.*|triton)$")


def test_lock_lines_are_plain_exact_pins():
    wrong = [line for line in LOCK_LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)]
    assert not wrong, "a lock line is NAME==VERSION: no address, no path, no local version such as +cpu"
    assert len(LOCK) == len(LOCK_LINES), "a package stands in the lock twice"


def test_lock_works_with_any_build_of_torch():
    assert LOCK["torch"] == "2.13.0"
    assert not [name for name in LOCK if CUDA_PACKAGE.match(name)]


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_lock_satisfies_pyproject(requirement: Requirement):
    version = LOCK[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"{requirement} but the lock has {version}: run make lock"


@pytest.mark.parametrize("python", ["3.11.2", "3.12.0"])
def test_every_locked_version_serves_the_pythons_of_the_course(python: str):
    """3.11.2 is what Debian 12 ships; a package that wants 3.11.5 once broke the setup there."""
    refusing = []
    for name, version in LOCK.items():
        package = importlib.metadata.metadata(name)
        wanted = SpecifierSet(package.get("Requires-Python", ""))
        if package["Version"].split("+")[0] == version and not wanted.contains(python):
            refusing.append(f"{name}=={version} needs Python {wanted}")
    assert refusing == [], "resolve the lock with the oldest Python: make lock PYTHON=/usr/bin/python3"


def needed_by(requirement: Requirement, seen: set[tuple[str, frozenset[str]]]) -> None:
    """Collect the installed packages that `requirement` brings in, extras included, into `seen`."""
    key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
    if key in seen or CUDA_PACKAGE.match(key[0]):
        return
    seen.add(key)
    for line in importlib.metadata.requires(requirement.name) or []:
        child = Requirement(line)
        extras = requirement.extras or {""}
        if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras):
            needed_by(child, seen)


def test_lock_holds_everything_that_is_needed():
    seen: set[tuple[str, frozenset[str]]] = set()
    for requirement in DIRECT:
        needed_by(requirement, seen)
    assert len(seen) > len(DIRECT)
    assert sorted({name for name, _ in seen} - LOCK.keys()) == [], "missing from the lock: run make lock"


def test_conda_environment_has_the_same_pins():
    (pip_lines,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    assert pip_lines[0] == "--constraint requirements.lock"
    assert pip_lines[-1] == "--editable ."
    pins = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in pip_lines[1:-1]}
    assert pins == {canonicalize_name(r.name): LOCK[canonicalize_name(r.name)] for r in DIRECT}


def test_conda_python_is_one_the_course_supports():
    (python,) = [entry for entry in CONDA["dependencies"] if str(entry).startswith("python=")]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.split("=")[1])
