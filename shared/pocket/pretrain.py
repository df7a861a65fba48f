"""Make the pocket base model from nothing: `python -m shared.pocket.pretrain`.

A GPU takes minutes, a CPU hours; the run resumes from its last checkpoint when it is started again. The loop is plain
PyTorch and short enough to read: it is what fine-tuning starts from.
"""

import argparse
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from shared.pocket import BASE
from shared.pocket.recipe import Recipe
from shared.pocket.tokenizer import build_tokenizer
from shared.pocket.tokens import ANSWER_FLAG, TOKEN_MASK, token_array

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

_CHECKPOINT_EVERY = 1000


def learning_rate(step: int, recipe: Recipe) -> float:
    """Return the rate at `step`: linear warm-up, a plateau, then a cosine down to half a percent."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    progress = step / recipe.steps
    if progress < recipe.decay_from:
        return recipe.learning_rate * warm
    past = (progress - recipe.decay_from) / (1 - recipe.decay_from)
    return recipe.learning_rate * warm * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * past)))


def new_model(recipe: Recipe, vocabulary: int) -> "LlamaForCausalLM":
    """Return an untrained Llama of the recipe's shape."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=recipe.hidden_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        intermediate_size=recipe.mlp_size,
        max_position_embeddings=recipe.context,
        vocab_size=vocabulary,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    return LlamaForCausalLM(config)


class Optimizers:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms, driven as one.

    Muon (Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks") reads 99% of passages
    right after 6,000 of these steps, AdamW 83% to 87%. torch scales its update to AdamW's, so both share one rate.
    """

    def __init__(self, model: "LlamaForCausalLM", recipe: Recipe) -> None:
        import torch

        named = dict(model.named_parameters())
        hidden = [p for name, p in named.items() if p.ndim == 2 and "embed" not in name and "lm_head" not in name]
        others = [p for p in named.values() if all(p is not matrix for matrix in hidden)]
        rate, decay = recipe.learning_rate, recipe.weight_decay
        self.muon = torch.optim.Muon(hidden, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, rate: float) -> None:
        """Update all weights at learning rate `rate`, then clear the gradients."""
        for optimizer in (self.muon, self.adamw):
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict:
        """Return both optimizers' state."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Take both optimizers' state back."""
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


def document_starts(tokens: "torch.Tensor", end: int) -> "torch.Tensor":
    """Return where documents begin, int64: a window that began inside a passage would ask about text it cannot see."""
    import torch

    after_end = torch.nonzero((tokens & TOKEN_MASK) == end).flatten() + 1
    return torch.cat([torch.zeros(1, dtype=torch.long), after_end])


def sample_batch(tokens: "torch.Tensor", starts: "torch.Tensor", step: int, recipe: Recipe) -> "torch.Tensor":
    """Return the windows of text that `step` trains on, int64 [batch, context + 1]; the step decides them."""
    import torch

    chooser = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
    fits = int(torch.searchsorted(starts, tokens.numel() - recipe.context))
    chosen = starts[torch.randint(0, fits, (recipe.batch, 1), generator=chooser)]
    windows = chosen + torch.arange(recipe.context + 1)
    return tokens[windows.to(tokens.device)].long()


def weighted_loss(
    model: "LlamaForCausalLM", batch: "torch.Tensor", recipe: Recipe
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return next-token cross-entropy with answer tokens weighed more, and the plain mean over answer tokens."""
    import torch
    import torch.nn.functional as F

    targets = batch[:, 1:].reshape(-1)
    in_answer = targets >= ANSWER_FLAG
    with torch.autocast(batch.device.type, dtype=torch.bfloat16, enabled=batch.device.type == "cuda"):
        logits = model(input_ids=batch[:, :-1] & TOKEN_MASK, use_cache=False).logits
    losses = F.cross_entropy(logits.float().flatten(0, 1), targets & TOKEN_MASK, reduction="none")
    weights = torch.where(in_answer, recipe.answer_weight, 1.0)
    return (losses * weights).sum() / weights.sum(), losses[in_answer].mean()


def train(
    recipe: Recipe,
    tokenizer_size: int,
    early: "torch.Tensor",
    late: "torch.Tensor",
    device: str,
    checkpoint: Path,
) -> tuple["LlamaForCausalLM", list[dict]]:
    """Train from the last checkpoint, or from the start. Returns the model and the loss log."""
    import torch

    torch.manual_seed(recipe.seed)
    torch.set_float32_matmul_precision("high")
    model = new_model(recipe, tokenizer_size).to(device)
    optimizer = Optimizers(model, recipe)
    first, log = _restore(checkpoint, model, optimizer, device)
    forward = torch.compile(model) if device == "cuda" else model
    end = model.config.eos_token_id
    text = {is_early: (one.to(device), document_starts(one, end)) for is_early, one in ((True, early), (False, late))}
    bar = tqdm(range(first, recipe.steps), initial=first, total=recipe.steps, desc="pre-training", unit="step")
    for step in bar:
        batch = sample_batch(*text[step < recipe.early_share * recipe.steps], step, recipe)
        loss, answer_loss = weighted_loss(forward, batch, recipe)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step(learning_rate(step, recipe))
        if (step + 1) % 100 == 0:
            log.append({"step": step + 1, "loss": round(loss.item(), 4), "answers": round(answer_loss.item(), 4)})
            bar.set_postfix(log[-1])
        if (step + 1) % _CHECKPOINT_EVERY == 0:
            _save_checkpoint(checkpoint, model, optimizer, step + 1, log)
    return model, log


def _restore(checkpoint: Path, model: "LlamaForCausalLM", optimizer: Optimizers, device: str) -> tuple[int, list[dict]]:
    import torch

    if not checkpoint.exists():
        return 0, []
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], state["log"]


def _save_checkpoint(
    checkpoint: Path, model: "LlamaForCausalLM", optimizer: Optimizers, step: int, log: list[dict]
) -> None:
    import torch

    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "log": log}
    partial = checkpoint.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, checkpoint)


def prepare_tokens(
    recipe: Recipe, tokenizer: "PreTrainedTokenizerFast", cache: Path, workers: int
) -> list["torch.Tensor"]:
    """Return (early, late) token tensors, made once and kept in `cache`."""
    import numpy as np
    import torch

    tokenizer_file = cache / "tokenizer.json"
    tokenizer.backend_tokenizer.save(str(tokenizer_file))
    arrays = []
    for name, characters in (("early", recipe.early_characters), ("late", recipe.characters)):
        file = cache / f"{name}-{characters}.npy"
        if not file.exists():
            np.save(file, token_array(tokenizer_file, characters, name, name == "early", workers))
        arrays.append(torch.from_numpy(np.load(file)))
    return arrays


def main() -> None:
    """Read the command line, make the model and save it."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=BASE, help="where the model goes (default: the course's own)")
    parser.add_argument("--cache", type=Path, default=Path(".cache/pretrain"), help="tokens and checkpoints")
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes that write text")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    recipe = Recipe(steps=options.steps)
    options.cache.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(recipe)
    early, late = prepare_tokens(recipe, tokenizer, options.cache, options.workers)
    model, log = train(recipe, len(tokenizer), early, late, options.device, options.cache / "checkpoint.pt")
    model.to(torch.bfloat16).save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    record = {"recipe": recipe.describe(), "parameters": model.num_parameters(), "log": log[::10] + log[-1:]}
    (options.out / "pretraining.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"saved {model.num_parameters():,} parameters to {options.out}")


if __name__ == "__main__":
    main()
