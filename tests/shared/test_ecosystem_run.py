"""Running a tool: its process, its log, its environment; TRL's command line for real."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from shared.ecosystem import run as running
from shared.ecosystem.environment import environment_of
from shared.ecosystem.recipe import RECIPES
from shared.ecosystem.tools import TOOLS
from shared.ecosystem.watch import follow, losses_in
from shared.training import StageError

SHORT = replace(RECIPES["pocket"], steps=6, rows=32, batch=16, warmup_steps=2)


@pytest.fixture(autouse=True)
def _pocket(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize(
    ("line", "losses"),
    [
        ("{'loss': '2.521', 'grad_norm': '3.266', 'learning_rate': '0'}", ["2.521"]),
        ("{'loss': 1.5e-05, 'epoch': 0.1}", ["1.5e-05"]),
        ('{"loss": "0.25", "tokens": 7}', ["0.25"]),
        ("1|40|Loss: 0.11187509447336197: 100%|####| 40/40", ["0.11187509447336197"]),
        ("{'train_runtime': 6.7, 'train_loss': 0.88}", []),
        ("Loss is initialized.", []),
    ],
)
def test_losses_are_found_in_what_tools_print(line, losses):
    assert list(losses_in(line)) == losses


def test_a_tool_on_a_cpu_has_all_cores_unless_somebody_says_otherwise(tmp_path, monkeypatch):
    """accelerate's launcher would give it one."""
    python = tmp_path / "bin" / "python"
    monkeypatch.setattr(running, "cpu_cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert running.child_environment(RECIPES["pocket"], tmp_path, python)["OMP_NUM_THREADS"] == "6"
    assert "OMP_NUM_THREADS" not in running.child_environment(RECIPES["gpu"], tmp_path, python)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert running.child_environment(RECIPES["pocket"], tmp_path, python)["OMP_NUM_THREADS"] == "3"


def test_a_process_is_followed(tmp_path):
    code = "import time\nfor i in range(3): print({'loss': 2.0 - i}, flush=True); time.sleep(0.2)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    seconds = follow(child, 3, tmp_path / "log.txt", "a tool")
    child.wait()
    assert 0.3 < seconds < 5
    assert (tmp_path / "log.txt").read_text().count("loss") == 3


def test_a_tool_that_fails_is_told_in_one_line(tmp_path, monkeypatch):
    broken = replace(TOOLS["trl"], command=("python", "-c", "raise SystemExit('no such model')"))
    running.prepare(broken, SHORT, tmp_path / "trl")
    with pytest.raises(StageError, match=r"stopped with status 1\. no such model \(all of it: .*log\.txt\)") as told:
        running.start(broken, SHORT, tmp_path / "trl")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "trl" / "process.json").exists()


def test_the_cause_is_told_and_not_the_launcher(tmp_path):
    text = "step 1\nAssertionError: no CUDA here\nsubprocess.CalledProcessError: Command '[...]' returned 1\n"
    (tmp_path / "log.txt").write_text(text)
    assert running.last_words(tmp_path / "log.txt").startswith("AssertionError: no CUDA here (all of it:")
    (tmp_path / "log.txt").write_text("Killed\n\n")
    assert running.last_words(tmp_path / "log.txt").startswith("Killed (")


def test_an_unknown_tool_is_told():
    with pytest.raises(StageError, match="expected one of trl, axolotl, llamafactory, unsloth, torchtune"):
        running.run_tool("autotrain")


def test_nothing_runs_under_nbgrader(tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(StageError, match="NBGRADER_EXECUTION forbids training"):
        running.run_tool("trl", work=tmp_path, tools=tmp_path)


def test_a_changed_recipe_makes_an_old_run_void(tmp_path):
    running.prepare(TOOLS["trl"], SHORT, tmp_path / "trl")
    (tmp_path / "trl" / "process.json").write_text("{}")
    running.prepare(TOOLS["trl"], SHORT, tmp_path / "trl")
    assert (tmp_path / "trl" / "process.json").exists()
    running.prepare(TOOLS["trl"], replace(SHORT, rank=8), tmp_path / "trl")
    assert not (tmp_path / "trl" / "process.json").exists()


def test_a_kept_result_of_another_recipe_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    settings = running.settings(asdict(SHORT)) | {"r": 16, "lora_alpha": 32}
    settings["target_modules"] = ", ".join(sorted(SHORT.targets))
    kept = SimpleNamespace(run=SimpleNamespace(hyperparameters=settings))
    monkeypatch.setattr(running, "load_result", lambda target, fresh: kept)
    (tmp_path / "artifacts" / "trl").mkdir(parents=True)
    running.run_tool("trl", recipe=SHORT, work=tmp_path)
    assert capsys.readouterr().out == ""
    running.run_tool("trl", recipe=replace(SHORT, rank=8, schedule="linear"), work=tmp_path)
    out = capsys.readouterr().out
    assert "lr_scheduler_type cosine, now linear, r 16, now 8" in out and out.count("\n") == 1


def test_environments(tmp_path, monkeypatch):
    assert str(environment_of(TOOLS["trl"], tmp_path)) == sys.executable
    monkeypatch.setenv("COURSE_TOOL_ENV_AXOLOTL", "/elsewhere")
    assert str(environment_of(TOOLS["axolotl"], tmp_path)) == "/elsewhere/bin/python"


@pytest.mark.parametrize("name", [name for name, tool in TOOLS.items() if tool.requirements])
def test_every_environment_is_pinned_to_the_last_package(name):
    lines = [line for line in TOOLS[name].requirements.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 40
    assert all("==" in line for line in lines)
    assert any(line.startswith(f"{TOOLS[name].package}==") for line in lines)
    assert any(line.startswith("torch==") for line in lines)


@pytest.mark.slow
def test_trls_command_line_runs_on_pocket(tmp_path):
    result = running.run_tool("trl", recipe=SHORT, work=tmp_path / "work", tools=tmp_path / "tools")
    assert result.fresh
    assert (result.run.steps, result.run.rows, result.run.method) == (6, 32, "lora")
    assert 2.0 < result.curve.rows[0].loss < 3.0
    assert result.curve.rows[-1].loss < result.curve.rows[0].loss
    assert result.run.versions["trl"] == __import__("trl").__version__
    assert json.loads((tmp_path / "tools" / "trl" / "process.json").read_text())["peak_bytes"] > 1e8
    again = running.run_tool("trl", recipe=SHORT, work=tmp_path / "work", tools=tmp_path / "tools")
    assert not again.fresh
