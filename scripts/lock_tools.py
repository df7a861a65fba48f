"""Resolve each tool's `requirements/NAME.in` into the exact `requirements/NAME.txt`, with uv (pip install uv).

    python scripts/lock_tools.py            # or: python scripts/lock_tools.py axolotl torchtune

One file serves Python 3.11 and 3.12 on Linux: a release that only one of them gets carries a marker. Nothing is
installed, only metadata is read. torch's CUDA packages are left out, as in requirements.lock: pip adds them.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "shared" / "ecosystem" / "requirements"
PYTHONS = ("3.11", "3.12")
FROM_TORCH = re.compile(r"(nvidia-|cuda-)")


def main() -> int:
    """Resolve the named tools, by default all; 0 when each has a solution."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = sorted(path.stem for path in FOLDER.glob("*.in"))
    parser.add_argument("tools", nargs="*", default=known, metavar="TOOL", help=", ".join(known))
    for tool in parser.parse_args().tools:
        found = {python: resolve(FOLDER / f"{tool}.in", python) for python in PYTHONS}
        text = merged(found)
        (FOLDER / f"{tool}.txt").write_text(text, encoding="utf-8")
        print(f"{tool}: {len(text.splitlines())} lines")
    return 0


def resolve(path: Path, python: str) -> dict[str, str]:
    """Return package -> version for one Python on Linux. Raises CalledProcessError when there is no solution."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", str(path), "--quiet", "--no-header", "--no-annotate",
        "--python-version", python, "--python-platform", "x86_64-manylinux_2_28",
    ]  # fmt: skip
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    pairs = (line.split(";")[0].strip().split("==") for line in lines if "==" in line)
    return {name: version.partition("+")[0] for name, version in pairs if not FROM_TORCH.match(name)}


def merged(found: dict[str, dict[str, str]]) -> str:
    """Return one requirements file for all Pythons, a marker behind what they do not share."""
    old, new = found[PYTHONS[0]], found[PYTHONS[1]]
    lines = ["# Made by scripts/lock_tools.py for Python 3.11 and 3.12 on Linux. torch brings its own CUDA packages."]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            lines.append(f"{name}=={new[name]}")
            continue
        marked = {'< "3.12"': old.get(name), '>= "3.12"': new.get(name)}
        lines += [f"{name}=={version}; python_version {mark}" for mark, version in marked.items() if version]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
