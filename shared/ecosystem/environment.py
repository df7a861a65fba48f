"""Each tool's own Python environment, because their pins exclude one another."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from shared.ecosystem.tools import Tool
from shared.training import StageError

STAMP = "requirements.sha256"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_VERSIONS = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def environment_of(tool: Tool, place: Path) -> Path:
    """Return the Python that runs the tool; make its environment in `place/env` first where there is none.

    COURSE_TOOL_ENV_AXOLOTL, and so on, names an environment that exists already. Raises StageError when pip fails.
    """
    if given := os.environ.get(f"COURSE_TOOL_ENV_{tool.name.upper()}"):
        return Path(given) / "bin" / "python"
    if tool.requirements is None:
        return Path(sys.executable)
    folder = place / "env"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(tool.requirements.read_bytes()).hexdigest()
    stamp = folder / STAMP
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        print(f"{tool.title}: making its environment in {folder} (some minutes, some gigabytes)")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], tool)
        _run([str(python), "-m", "pip", "install", "--quiet", "--requirement", str(tool.requirements)], tool)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def versions_in(python: Path, tool: Tool) -> dict[str, str]:
    """Return the versions of the tool and of what it stands on, as its environment has them."""
    names = dict.fromkeys((tool.package, *LIBRARIES))
    done = subprocess.run([str(python), "-c", _VERSIONS, *names], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _run(command: list[str], tool: Tool) -> None:
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise StageError(f"{tool.title}: {' '.join(command[1:4])} failed: {said[:300]}. Fix that and run it again")
