"""One reader for five tools: adapters and logs as the tools write them become the course's artifacts."""

import json
import shutil
from dataclasses import replace

import pytest

from shared.artifacts import LossCurve, RunRecord, read_json
from shared.ecosystem.collect import collect, find, rows_of
from shared.ecosystem.config import config_text, shape_of
from shared.ecosystem.curves import curve_in, mean_tokens
from shared.ecosystem.export import export_tickets
from shared.ecosystem.layout import end_token, write_untied
from shared.ecosystem.recipe import RECIPES
from shared.ecosystem.tools import TOOLS
from shared.pocket import BASE
from shared.training import StageError
from shared.world import rows

RECIPE = replace(RECIPES["pocket"], steps=6, rows=32, batch=16)
HISTORY = [{"step": step, "loss": 2.5 / step, "learning_rate": 1e-3, "epoch": 0.1} for step in range(1, 7)]
TORCHTUNE = "".join(
    f"Step {step} | loss:{2.5 / step} lr:0.001 tokens_per_second_per_gpu:1083.2 grad_norm:2.9 \n"
    for step in range(1, 7)
)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    """Return a folder with an adapter on the pocket base, as PEFT saves it."""
    from peft import LoraConfig, get_peft_model

    from shared.models import load_base
    from shared.quiet import quiet

    folder = tmp_path_factory.mktemp("adapter")
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "o_proj"], init_lora_weights=False)
    with quiet():
        get_peft_model(load_base("pocket")[0], config).save_pretrained(folder)
    return folder


@pytest.fixture
def place(tmp_path, adapter, monkeypatch):
    """Return a tool's folder after a run, but for its log; the profile is pocket."""
    monkeypatch.setenv("COURSE_PROFILE", "pocket")
    folder = tmp_path / "tool"
    shutil.copytree(adapter, folder / "output")
    (folder / "base").symlink_to(BASE)
    export_tickets(folder / "data", rows("tickets", "train", 32), "prompt-completion")
    process = {"seconds": 30.0, "step_seconds": 12.0, "peak_bytes": 5_000_000, "versions": {"trl": "1.16.0"}}
    (folder / "process.json").write_text(json.dumps(process))
    return folder


def log(place, tool):
    """Write the log that `tool` would have left, and the configuration that it was started with."""
    (place / "config.yaml").write_text(config_text(tool, RECIPE, shape_of(BASE)))
    if tool == "torchtune":
        (place / "output" / "metrics.txt").write_text(TORCHTUNE)
        return
    folder = place / "output" / "checkpoint-6"
    folder.mkdir()
    last = {"step": 6, "train_runtime": 18.0, "train_loss": 1.0}  # a summary, no step's row
    counted = [{**entry, "num_tokens": 900.0 * entry["step"]} for entry in HISTORY] if tool == "trl" else HISTORY
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": [*counted, last]}))


@pytest.mark.parametrize("tool", ["trl", "torchtune"])
def test_a_result_comes_back_as_a_stage(place, tmp_path, tool):
    log(place, tool)
    target = tmp_path / "artifacts" / tool
    collect(TOOLS[tool], RECIPE, place, target)
    run = read_json(target / "run.json", RunRecord, within=target)
    curve = read_json(target / "loss_curve.json", LossCurve, within=target)
    assert (run.stage, run.method, run.steps, run.rows) == (tool, "lora", 6, 32)
    assert (run.hyperparameters["r"], run.hyperparameters["lora_alpha"]) == (4, 8)
    assert run.hyperparameters["target_modules"] == "o_proj, q_proj"
    assert run.trainable_parameters == 4 * 2 * 4 * (256 + 256)
    assert json.loads((target / "adapter_config.json").read_text())["base_model_name_or_path"] == "pocket-base"
    assert [row.loss for row in curve.rows] == [2.5 / step for step in range(1, 7)]
    assert curve.rows[-1].seconds == pytest.approx(12.0 * 6 / 5)
    assert curve.rows[0].seconds == pytest.approx(12.0 / 5)
    assert not list(target.parent.glob(".*"))


def test_run_json_says_what_ran_and_not_what_was_wished(place, tmp_path):
    """Another recipe than the one asked for lay in the folder, and its log has a rate of its own."""
    log(place, "trl")
    ran = replace(RECIPE, schedule="linear", warmup_steps=3, max_length=128, steps=7)
    (place / "config.yaml").write_text(config_text("trl", ran, shape_of(BASE)))
    collect(TOOLS["trl"], RECIPE, place, tmp_path / "trl")
    found = read_json(tmp_path / "trl" / "run.json", RunRecord, within=tmp_path / "trl").hyperparameters
    assert (found["lr_scheduler_type"], found["warmup_steps"], found["max_length"]) == ("linear", 3, 128)
    assert (found["learning_rate"], found["max_steps"]) == (1e-3, 6)
    assert (tmp_path / "trl" / "config.yaml").read_text() == (place / "config.yaml").read_text()


def with_end(place, end):
    """Give the folder a base whose end token is another, such as Qwen's."""
    (place / "base").unlink()
    shutil.copytree(BASE, place / "base")
    path = place / "base" / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": {"content": end}}))


@pytest.mark.parametrize("tool", ["axolotl", "llamafactory"])
def test_rows_that_carry_another_bases_end_are_read(place, tmp_path, tool):
    log(place, tool)
    with_end(place, "<|endoftext|>")
    export_tickets(place / "data", rows("tickets", "train", 32), TOOLS[tool].format, end_token(place / "base"))
    assert "<|endoftext|>" in (place / "data" / "tickets.jsonl").read_text()
    collect(TOOLS[tool], RECIPE, place, tmp_path / tool)
    assert read_json(tmp_path / tool / "run.json", RunRecord, within=tmp_path / tool).rows == 32


def test_rows_with_another_end_than_the_bases_are_told(place):
    with_end(place, "<|endoftext|>")
    export_tickets(place / "data", rows("tickets", "train", 2), "segments")
    with pytest.raises(StageError, match=r"Axolotl: tickets\.jsonl, row 1: expected the completion to end in"):
        rows_of(place, TOOLS["axolotl"])


@pytest.mark.slow
def test_the_collected_adapter_loads_as_a_stage(place, tmp_path):
    from shared.models import load_stage

    log(place, "trl")
    collect(TOOLS["trl"], RECIPE, place, tmp_path / "artifacts" / "trl")
    model, _ = load_stage(tmp_path / "artifacts" / "trl")
    assert model.peft_config["default"].r == 4


def test_tokens_are_the_tools_count_or_the_rows_mean(place):
    log(place, "trl")
    own = curve_in(place / "output", 30.0, row_tokens=50.0, batch=16)
    assert [row.tokens for row in own.rows] == [900 * step for step in range(1, 7)]
    shutil.rmtree(place / "output" / "checkpoint-6")
    log(place, "axolotl")
    counted = curve_in(place / "output", 30.0, row_tokens=50.0, batch=16)
    assert [row.tokens for row in counted.rows] == [800 * step for step in range(1, 7)]


def test_a_rows_mean_length_counts_its_end():
    kept = [{"prompt": "Ticket:", "completion": " green knife"}]
    from tokenizers import Tokenizer

    tokens = len(Tokenizer.from_file(str(BASE / "tokenizer.json")).encode("Ticket: green knife").ids)
    assert mean_tokens(BASE, kept) == tokens + 1


def test_an_empty_output_is_told(tmp_path):
    with pytest.raises(StageError, match=r"expected adapter_model\.safetensors from the tool"):
        find(tmp_path, "adapter_model.safetensors")
    with pytest.raises(StageError, match=r"expected trainer_state\.json or metrics\.txt"):
        curve_in(tmp_path, 1.0, 1.0, 1)


def test_of_many_adapters_the_finished_one_is_taken(tmp_path):
    """A checkpoint's adapter lies deeper than the final one, and is older."""
    for folder in ("checkpoint-4", "."):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "adapter_model.safetensors").write_text(folder)
    assert find(tmp_path, "adapter_model.safetensors").parent == tmp_path


@pytest.mark.slow
def test_the_untied_base_says_what_the_base_says(tmp_path):
    """torchtune's copy has a head of its own; the logits stay the same."""
    import torch
    from transformers import AutoModelForCausalLM

    write_untied(BASE, tmp_path / "base", json.loads((BASE / "config.json").read_text()))
    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        logits = [AutoModelForCausalLM.from_pretrained(path)(ids).logits for path in (BASE, tmp_path / "base")]
    assert torch.equal(*logits)
