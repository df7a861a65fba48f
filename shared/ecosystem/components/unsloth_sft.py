"""Unsloth's way of fine-tuning: its model class, then TRL's trainer, which it patches.

    python unsloth_sft.py config.yaml

It runs in Unsloth's environment, where the course is not installed. `unsloth` must be imported before TRL.
"""

# ruff: noqa: I001 (unsloth patches what is imported after it)
import sys
from pathlib import Path

import unsloth  # noqa: F401
import torch
import yaml
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel


def main(path: str) -> None:
    """Fine-tune as the configuration says; leave the adapter and the trainer's state in its output folder."""
    config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    dtype = getattr(torch, config["model"].pop("dtype"))
    model, tokenizer = FastLanguageModel.from_pretrained(**config["model"], dtype=dtype)
    model = FastLanguageModel.get_peft_model(model, **config["adapter"])
    rows = load_dataset("json", data_files=config["data_files"], split="train")
    arguments = SFTConfig(**config["training"])
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    trainer.save_model(arguments.output_dir)
    trainer.save_state()


if __name__ == "__main__":
    main(sys.argv[1])
