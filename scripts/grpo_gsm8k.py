"""The further run of rung 07: GRPO on GSM8K with a verifier, for a GPU of 40 GB or more and the Hugging Face hub.

    python scripts/grpo_gsm8k.py --model Qwen/Qwen2.5-1.5B --steps 200

Grade-school problems (Cobbe et al. 2021, arXiv 2110.14168); the right number stands after `####`. Nobody has run this
for the course yet: read the panel before you believe it. Writes the model and its rollouts below `--out`.
"""

import argparse
import re
import sys
from pathlib import Path

from shared.artifacts import write_json
from shared.rl.generation import generation_arguments
from shared.rl.rollouts import rollout_log

ASKED = "{question}\nThink step by step, then give the answer as a plain number after ####.\nAnswer:"
NUMBER = re.compile(r"####\s*\$?(-?[\d,]+(?:\.\d+)?)")
TOKENS = 300


def stated(text: str) -> float | None:
    """Return the number after the last `####`, or None."""
    found = NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def right_number(completions, answer, log_metric, **_) -> list[float]:
    """Return 1 for each completion whose stated number is the answer's, else 0; log what no reward pays for."""
    rights = [float(stated(text) in {stated(solution)} - {None}) for text, solution in zip(completions, answer)]
    log_metric("right", sum(rights) / len(rights))
    log_metric("working", sum("=" in text for text in completions) / len(completions))
    return rights


def main() -> int:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="Qwen/Qwen2.5-1.5B")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rate", type=float, default=1e-6)
    parser.add_argument("--out", type=Path, default=Path("work/gsm8k"))
    options = parser.parse_args()

    from datasets import load_dataset
    from trl import GRPOConfig, GRPOTrainer

    rows = load_dataset("openai/gsm8k", "main", split="train")
    rows = rows.map(lambda row: {"prompt": ASKED.format(question=row["question"])}).remove_columns("question")
    arguments = GRPOConfig(
        output_dir=str(options.out), report_to="none", bf16=True, logging_steps=1, save_steps=100,
        learning_rate=options.rate, max_steps=options.steps, warmup_steps=10, lr_scheduler_type="constant_with_warmup",
        per_device_train_batch_size=16, gradient_accumulation_steps=4, num_generations=8,
        max_completion_length=TOKENS, temperature=1.0, beta=0.001, **generation_arguments("cuda"),
    )  # fmt: skip
    trainer = GRPOTrainer(options.model, right_number, args=arguments, train_dataset=rows)
    trainer.train()
    trainer.save_model(str(options.out / "model"))
    write_json(options.out / "rollouts.json", rollout_log("gsm8k", 64, trainer.state.log_history))
    return 0


if __name__ == "__main__":
    sys.exit(main())
