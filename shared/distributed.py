"""Train rung 03's or 04's adapter in several processes, for a base that one card cannot hold.

    accelerate launch --config_file shared/fsdp.yaml --num_processes 4 -m shared.distributed BASE OUTPUT --method qlora

BASE is a model's folder or hub id, OUTPUT the folder for the adapter and its loss curve. Every process runs this
program; the trainer divides the rows among them, FSDP the weights.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.artifacts import write_json
from shared.curve import curve_callback, curve_of
from shared.data import load_task
from shared.models import computes_in_bf16, nf4_config

if TYPE_CHECKING:
    from trl import SFTTrainer

ROWS = 600


def main(arguments: list[str] | None = None) -> int:
    """Train and save; 0 when the adapter is saved."""
    parser = argparse.ArgumentParser(prog="python -m shared.distributed", description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="a model's folder, or its id on the hub")
    parser.add_argument("output", type=Path, help="where the adapter goes")
    parser.add_argument("--method", choices=("lora", "qlora"), default="lora")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=16, help="rows a step and process (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate (default: %(default)s)")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--cpu", action="store_true", help="on the CPU, for a trial without a card")
    options = vars(parser.parse_args(arguments))
    output = options.pop("output")
    trainer = train(output=output, **options)
    save(trainer, output)
    return 0


def train(
    *, base: str, output: Path, method: str, steps: int, batch: int, rate: float, rank: int, cpu: bool
) -> "SFTTrainer":
    """Return the trainer after its run on tickets, in this process and all others that were launched with it."""
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    settings = SFTConfig(
        output_dir=str(output), save_strategy="no", report_to="none", logging_steps=1,
        learning_rate=rate, lr_scheduler_type="cosine", warmup_steps=min(20, steps // 5), max_steps=steps,
        per_device_train_batch_size=batch, max_length=256, use_cpu=cpu, bf16=not cpu,
        activation_checkpointing=not cpu, model_init_kwargs=loading(method, "cpu" if cpu else "cuda"),
    )  # fmt: skip
    rows = load_task("tickets", "train", ROWS).select_columns(["prompt", "completion"])
    adapter = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    curve = curve_callback("adapter")
    trainer = SFTTrainer(base, settings, train_dataset=rows, peft_config=adapter, callbacks=[curve])
    trainer.train()
    return trainer


def loading(method: str, device: str) -> dict[str, Any]:
    """Return how the base is loaded: without a device map, for the trainer places it.

    FSDP gathers and scatters tensors of one type, so 4-bit weights are *stored* in the type that they are computed in.
    """
    import torch

    dtype = torch.bfloat16 if computes_in_bf16(device) else torch.float32
    quantization = nf4_config(dtype, storage=dtype) if method == "qlora" else None
    return {"dtype": dtype, "quantization_config": quantization, "use_safetensors": True, "trust_remote_code": False}


def save(trainer: "SFTTrainer", output: Path) -> None:
    """Save the adapter, gathered from all processes, and the loss curve; the first process writes."""
    accelerator = trainer.accelerator
    weights = accelerator.get_state_dict(trainer.model)  # all processes take part
    if accelerator.is_main_process:
        accelerator.unwrap_model(trainer.model).save_pretrained(output, state_dict=weights)
        (output / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        write_json(output / "loss_curve.json", curve_of(trainer.state.log_history))
    accelerator.wait_for_everyone()


if __name__ == "__main__":
    sys.exit(main())
