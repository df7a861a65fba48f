"""TRL's own numbers for made-up batches: what a learner's functions are held against in the notebook.

GRPOTrainer computes advantages and losses inside a training step. Here it is given a batch with known rewards, or known
log-probabilities, and asked for nothing else.
"""

import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.quiet import quiet

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import GRPOTrainer


def trl_advantages(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", rewards: Sequence[float], size: int, scale: str
) -> "torch.Tensor":
    """Return the advantages that GRPOTrainer works out for `rewards`, groups of `size` one after the other.

    `scale` is GRPOConfig's scale_rewards. One token an answer is sampled, and ignored; the model does not change.
    """
    import torch

    trainer = _trainer(
        model, tokenizer, lambda completions, **_: list(rewards), len(rewards), num_generations=size,
        scale_rewards=scale, max_completion_length=1, learning_rate=0.0, max_steps=1,
    )  # fmt: skip
    was_training = model.training
    with quiet():
        trainer.train()
    model.train(was_training)
    return torch.tensor(list(trainer._logs["advantages"]))


def made_batch(model: "PreTrainedModel", seed: int = 0, largest: int = 2000) -> tuple[dict, "torch.Tensor"]:
    """Return four made-up answers as GRPOTrainer holds them, and the model's log-probability of each token [4, 6].

    Answers of 6, 3, 5 and 1 tokens; the old and the reference policy differ from the model at random, so that some
    ratios are clipped and the KL is not 0. Token ids are below `largest`.
    """
    import torch

    stream = torch.Generator().manual_seed(seed)
    prompts, answers = (torch.randint(10, largest, (4, width), generator=stream) for width in (5, 6))
    mask = (torch.arange(6) < torch.tensor([[6], [3], [5], [1]])).long()
    ids = torch.cat([prompts, answers], 1)
    seen = torch.cat([torch.ones_like(prompts), mask], 1)
    with torch.inference_mode():
        logits = model(ids.to(model.device), attention_mask=seen.to(model.device)).logits[:, 4:-1].float().cpu()
    logp = torch.log_softmax(logits, -1).gather(-1, answers[..., None])[..., 0]
    old, ref = (logp + 0.3 * torch.randn(4, 6, generator=stream) for _ in range(2))
    batch = {
        "prompt_ids": prompts, "prompt_mask": torch.ones_like(prompts), "completion_ids": answers,
        "completion_mask": mask, "advantages": torch.tensor([1.0, -1, 0.5, -0.5]), "old_per_token_logps": old,
        "ref_per_token_logps": ref,
    }  # fmt: skip
    return batch, logp


def trl_loss(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    batch: dict,
    *,
    loss_type: str,
    epsilon: float,
    beta: float,
) -> float:
    """Return GRPOTrainer's loss of a batch: prompt_ids and completion_ids [B, T], their masks, advantages [B],
    old_per_token_logps and ref_per_token_logps [B, T].

    The paper's KL term, without the factor that TRL multiplies it with by default (`use_bias_correction_kl`).
    """
    import torch

    longest = batch["completion_ids"].shape[1]
    trainer = _trainer(
        model, tokenizer, lambda completions, **_: [0.0] * len(completions), len(batch["advantages"]),
        num_generations=2, max_completion_length=longest, loss_type=loss_type, epsilon=epsilon, beta=beta,
        use_bias_correction_kl=False,
    )  # fmt: skip
    trainer.current_gradient_accumulation_steps = 1
    counted = {name: part.to(model.device) for name, part in batch.items()}
    counted["num_items_in_batch"] = counted["completion_mask"].sum()
    with torch.inference_mode():
        return float(trainer.compute_loss(model, counted))


def _trainer(model, tokenizer, reward, rows: int, **settings: object) -> "GRPOTrainer":
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    prompts = Dataset.from_list([{"prompt": f"Order {number}"} for number in range(rows)])
    with quiet(), tempfile.TemporaryDirectory() as folder:
        arguments = GRPOConfig(
            output_dir=folder, report_to="none", save_strategy="no", use_cpu=model.device.type == "cpu", bf16=False,
            disable_tqdm=True, activation_checkpointing=False, per_device_train_batch_size=rows, **settings,
        )  # fmt: skip
        trainer = GRPOTrainer(model, reward, args=arguments, train_dataset=prompts, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    return trainer
