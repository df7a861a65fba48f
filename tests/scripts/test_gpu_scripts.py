"""The scripts that measure on a GPU run without one too, on a small shape, so that they do not rot."""

import json
import subprocess
import sys

import pytest

from shared.course import ROOT
from shared.measured import FOLDER

pytestmark = pytest.mark.slow


def run(script: str, *options: str) -> subprocess.CompletedProcess:
    """Run a script of `scripts/`."""
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / script, *options], capture_output=True, text=True, timeout=300, cwd=ROOT
    )


def test_a_trial_of_the_headline_trains_and_leaves_a_picture(tmp_path):
    tables = {path.name: path.read_bytes() for path in FOLDER.glob("*.json")}
    picture = tmp_path / "docs" / "memory.png"
    done = run("bench_65b.py", "--shape", "pocket", "--lengths", "32", "--steps", "3", "--picture", str(picture))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "3,801,344 parameters, 1,261,568 trained" in done.stdout
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["last_loss"] < row["first_loss"] and row["device_gib"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == tables, "a trial goes into no table"


def test_without_a_gpu_the_headline_says_what_it_needs():
    done = run("bench_65b.py")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("bench-65b: needs a GPU of 48 GB")


def test_a_trial_of_a_training_run_is_measured_and_kept_out_of_the_table():
    done = run("measure_training.py", "--trial")
    assert done.returncode == 0, done.stderr[-2000:]
    row = json.loads(done.stdout.splitlines()[-1])
    assert row["tokens_per_second"] == pytest.approx(2 * 32 / row["seconds"], rel=0.02)
    assert not (FOLDER / "training.json").exists() or '"trial"' not in (FOLDER / "training.json").read_text()
