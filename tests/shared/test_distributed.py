"""Training in several processes, on the CPU: two of them under FSDP do what one does alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from shared.artifacts import LossCurve, read_json
from shared.course import ROOT
from shared.distributed import loading
from shared.pocket import BASE

CONFIG = ROOT / "shared" / "fsdp.yaml"


def launch(output: Path, processes: int, batch: int, *options: str) -> dict:
    """Run four steps and return the adapter's tensors. FSDP at two processes, one plain process otherwise."""
    program = [str(Path(__file__).parent / "fsdp_on_cpu.py")] if processes > 1 else ["-m", "shared.distributed"]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIG), "--num_processes",
               str(processes), "--mixed_precision", "no", "--main_process_port", "0", *program, str(BASE), str(output),
               "--steps", "4", "--batch", str(batch), "--cpu", "--rate", "3e-3", *options]  # fmt: skip
    settings = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.name for path in output.iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "loss_curve.json"
    ]  # fmt: skip
    return load_file(output / "adapter_model.safetensors")


def curve(folder: Path) -> list:
    return read_json(folder / "loss_curve.json", LossCurve, within=folder).rows


@pytest.mark.slow
def test_two_processes_under_fsdp_do_what_one_does_with_twice_the_rows(tmp_path):
    alone, together = launch(tmp_path / "one", 1, 8), launch(tmp_path / "two", 2, 4)
    assert alone.keys() == together.keys()
    assert max(abs(values).max() for name, values in alone.items() if "lora_B" in name) > 1e-3, "nothing was trained"
    assert all(abs(alone[name] - together[name]).max() < 1e-4 for name in alone)
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert [row.tokens for row in one] == [row.tokens for row in two]
    assert [row.loss for row in one] == pytest.approx([row.loss for row in two], abs=1e-3)


@pytest.mark.slow
def test_a_base_in_four_bits_is_spread_too(tmp_path):
    launch(tmp_path / "qlora", 2, 4, "--method", "qlora")
    losses = [row.loss for row in curve(tmp_path / "qlora")]
    assert losses[-1] < 0.5 * losses[0]


def test_four_bits_are_stored_in_the_type_that_is_computed_in():
    import torch

    config = loading("qlora", "cpu")["quantization_config"]
    assert config.bnb_4bit_quant_storage == config.bnb_4bit_compute_dtype == torch.float32
    assert loading("lora", "cpu")["quantization_config"] is None


def test_the_shipped_configuration_is_one_that_accelerate_knows():
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(CONFIG))
    assert config.distributed_type == "FSDP" and config.mixed_precision == "bf16"
    assert config.fsdp_config == yaml.safe_load(CONFIG.read_text())["fsdp_config"]
