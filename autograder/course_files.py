"""Which files of this course a piece of source imports: all of the course that a learner's function gets to see."""

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.course import ROOT

PACKAGES = ("autograder", "shared")


def course_files(source: str) -> list[Path]:
    """Return the files of this course that running `source` loads, and those that these load, on import."""
    found: dict[str, Path] = {}
    waiting = list(_imported(source))
    while waiting:
        name = waiting.pop()
        path = None if name in found else _file_of(name)
        if path is not None:
            found[name] = path
            waiting += _imported(path.read_text(encoding="utf-8"))
    return sorted(found.values())


def _imported(source: str) -> Iterator[str]:
    """Yield the dotted names, of modules and perhaps of what is in them, that the source's own lines import."""
    for statement in ast.parse(source).body:
        names: list[str] = []
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        for parts in (name.split(".") for name in names):
            if parts[0] in PACKAGES:
                yield from (".".join(parts[: end + 1]) for end in range(len(parts)))


def _file_of(name: str) -> Path | None:
    """Return the file of a module or package, or None for a name that is neither."""
    path = ROOT.joinpath(*name.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)
