"""The runs that `measure_training.py` measures: which model, which recipe, which library."""

import tempfile
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.memory import Recipe
from shared.model_shape import PROJECTIONS
from shared.sft_settings import sft_settings

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import Trainer


@dataclass(frozen=True)
class Run:
    """One run. `settings` are SFTConfig's keywords on top of the recipe's; `compiled`: each decoder layer is."""

    shape: str
    recipe: Recipe
    settings: dict[str, Any] = field(default_factory=dict)
    library: str = "trl"
    compiled: bool = False

    def columns(self) -> dict[str, Any]:
        """Return what the table says of the run."""
        recipe = {key: value for key, value in asdict(self.recipe).items() if key != "targets"}
        about = {"library": self.library, "versions": self.versions(), "shape": self.shape}
        return {**about, **recipe, "settings": self.settings, "compiled": self.compiled}

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes in this run."""
        names = ["torch", "transformers", "trl", "peft", "bitsandbytes"]
        names += ["liger-kernel"] * self.recipe.fused + ["unsloth"] * (self.library == "unsloth")
        return {name: version(name) for name in names}

    def trainer(self, base: Path, steps: int) -> "Trainer":
        """Return the trainer, ready to run `steps` steps on full rows of random tokens."""
        make = unsloth_trainer if self.library == "unsloth" else trl_trainer
        return make(self, base, steps)


QLORA = Recipe("qlora", 4, 1024, optimizer="paged-adamw-8bit")
FUSED = replace(QLORA, fused=True)
FREE = replace(FUSED, checkpointing=False)
FULL = Recipe("full", 8, 1024, weight_bytes=4)
# What TRL's documentation shows: NF4, an adapter, and TRL's own defaults for everything else.
DOCUMENTED = {"activation_checkpointing_kwargs": None, "optim": "adamw_torch_fused"}

RUNS = {
    "TRL as documented, 1 x 512": Run("llama-7b", replace(QLORA, batch=1, sequence=512, optimizer="adamw"), DOCUMENTED),
    "TRL as documented, 4 x 1024": Run("llama-7b", replace(QLORA, optimizer="adamw"), DOCUMENTED),
    "TRL as documented, 16 x 1024": Run("llama-7b", replace(QLORA, batch=16, optimizer="adamw"), DOCUMENTED),
    "Liger, 1 x 512": Run("llama-7b", replace(FUSED, batch=1, sequence=512)),
    "Liger, 4 x 1024": Run("llama-7b", FUSED),
    "Liger, 16 x 1024": Run("llama-7b", replace(FUSED, batch=16)),
    "Liger, activations in main memory, 1 x 512": Run("llama-7b", replace(FUSED, batch=1, sequence=512, offload=True)),
    "Liger, activations in main memory, 4 x 1024": Run("llama-7b", replace(FUSED, offload=True)),
    "Liger, every second layer checkpointed, 16 x 1024": Run("llama-7b", replace(FUSED, batch=16, every=2)),
    "Liger, every third layer checkpointed, 16 x 1024": Run("llama-7b", replace(FUSED, batch=16, every=3)),
    "Liger, no checkpointing, 4 x 1024": Run("llama-7b", FREE),
    "Liger, compiled, no checkpointing, 4 x 1024": Run("llama-7b", FREE, compiled=True),
    "Liger, no checkpointing, 16 x 1024": Run("llama-7b", replace(FREE, batch=16)),
    "Liger, compiled, no checkpointing, 16 x 1024": Run("llama-7b", replace(FREE, batch=16), compiled=True),
    "LoRA in bfloat16, 4 x 1024": Run("llama-7b", replace(FUSED, method="lora")),
    "full fine-tune of 0.5B, 8 x 1024": Run("qwen2.5-0.5b", FULL),
    "Unsloth, 1 x 512": Run("llama-7b", replace(QLORA, batch=1, sequence=512), library="unsloth"),
    "Unsloth, 4 x 1024": Run("llama-7b", QLORA, library="unsloth"),
    "Unsloth, 16 x 1024": Run("llama-7b", replace(QLORA, batch=16), library="unsloth"),
}
TRIAL = "trial"  # to see that the script works, also without a GPU; it is in no table
ALL = {**RUNS, TRIAL: Run("pocket", Recipe("qlora", 2, 32, rank=4), compiled=True)}


def trl_trainer(run: Run, base: Path, steps: int) -> "Trainer":
    """Return TRL's trainer for the run."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    from shared.models import nf4_config

    recipe, gpu = run.recipe, torch.cuda.is_available()
    dtype = torch.bfloat16 if gpu and recipe.weight_bytes == 2 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, device_map="cuda" if gpu else "cpu",
        quantization_config=nf4_config(dtype) if recipe.method == "qlora" else None,
    )  # fmt: skip
    if run.compiled:
        for layer in model.model.layers:  # all alike: one compilation serves them all
            layer.compile()
    adapter = LoraConfig(
        r=recipe.rank, lora_alpha=2 * recipe.rank, target_modules=list(recipe.targets), task_type="CAUSAL_LM"
    )
    arguments = SFTConfig(**common(steps), **{**sft_settings(recipe), **run.settings})
    return SFTTrainer(
        model, arguments, processing_class=tokenizer(base), peft_config=None if recipe.method == "full" else adapter,
        train_dataset=full_rows(recipe, steps, model.config.vocab_size),
    )  # fmt: skip


def unsloth_trainer(run: Run, base: Path, steps: int) -> "Trainer":
    """Return TRL's trainer over Unsloth's model, with Unsloth's own checkpointing, as its notebooks set it up."""
    from unsloth import FastLanguageModel  # isort: skip  (first: it patches the libraries imported after it)
    from trl import SFTConfig, SFTTrainer

    recipe = run.recipe
    model, _ = FastLanguageModel.from_pretrained(
        str(base), max_seq_length=recipe.sequence, load_in_4bit=True, local_files_only=True
    )
    model = FastLanguageModel.get_peft_model(
        model, r=recipe.rank, lora_alpha=2 * recipe.rank, target_modules=list(PROJECTIONS), lora_dropout=0,
        use_gradient_checkpointing="unsloth",
    )  # fmt: skip
    arguments = SFTConfig(
        **common(steps), per_device_train_batch_size=recipe.batch, max_length=recipe.sequence, optim="paged_adamw_8bit"
    )
    rows = full_rows(recipe, steps, model.config.vocab_size)
    return SFTTrainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer(base))


def common(steps: int) -> dict[str, Any]:
    """Return what every run is given."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": tempfile.gettempdir(), "save_strategy": "no", "report_to": "none", "disable_tqdm": True,
        "logging_steps": steps, "max_steps": steps, "learning_rate": 2e-4, "bf16": gpu, "use_cpu": not gpu, "seed": 0,
    }  # fmt: skip


def full_rows(recipe: Recipe, steps: int, vocabulary: int) -> "Dataset":
    """Return random token ids, each row `sequence` long, enough for all steps."""
    import torch
    from datasets import Dataset

    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(8, vocabulary, (steps * recipe.batch, recipe.sequence), generator=generator)
    return Dataset.from_dict({"input_ids": ids.tolist()})


def tokenizer(base: Path) -> object:
    """Return the checkpoint's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)
