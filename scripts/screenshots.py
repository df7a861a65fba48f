"""Make the pictures of the instructor's page again: `make screenshots`.

They are taken in a real browser by the tests that look at the same pages. Ada's submission is the solved rung 02 that
`make demo` left in demo/work; without it hers is the tests' own, whose model was never trained.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from autograder.demo import DEFAULT_FOLDER
from shared.course import ROOT, load_course

PICTURES = {"formgrader-report": "test_formgrader.py", "lab-check": "test_lab.py"}  # picture -> the tests that take it
LARGEST_BYTES = 150_000
COLOURS = (256, 128, 64, 32)


def main() -> int:
    """Run the tests, and keep the pictures that are named above; return 1, with one line, where there are none."""
    parser = argparse.ArgumentParser(prog="python scripts/screenshots.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="where they go (default: docs/)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        taken = Path(name)
        status = _run_tests(taken)
        missing = [name for name in PICTURES if not (taken / f"{name}.png").exists()]
        if status or missing:
            print(
                f"screenshots: pytest ended with {status}, missing: {', '.join(missing) or 'nothing'}", file=sys.stderr
            )
            return 1
        for name in PICTURES:
            print(f"{save_small(taken / f'{name}.png', options.folder / f'{name}.png')} bytes: {name}.png")
    return 0


def save_small(picture: Path, target: Path) -> int:
    """Save a screenshot with as many colours as fit into LARGEST_BYTES; return its bytes. Raises ValueError if none."""
    image = Image.open(picture).convert("RGB")
    for colours in COLOURS:
        image.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if (size := target.stat().st_size) <= LARGEST_BYTES:
            return size
    raise ValueError(f"{target}: {size} bytes with {colours} colours, expected at most {LARGEST_BYTES}")


def _run_tests(taken: Path) -> int:
    """Run the tests in the browser with `taken` as their folder for pictures; return pytest's exit code."""
    solved = DEFAULT_FOLDER / "work" / load_course().rung("02").folder
    environment = {**os.environ, "COURSE_SCREENSHOTS": str(taken)}
    if (solved / "artifacts" / "eval.json").exists():
        environment["COURSE_HONEST_WORK"] = str(solved)
    tests = [str(ROOT / "tests" / "browser" / name) for name in PICTURES.values()]
    return subprocess.run([sys.executable, "-m", "pytest", "-m", "", *tests], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
