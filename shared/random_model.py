"""Models of a real size with random weights: time and memory of a training step do not depend on the weights' values.

    python -m shared.random_model qwen2.5-7b FOLDER

writes such a model as a local checkpoint, to try a GPU box before anything is downloaded: COURSE_BASE_MODEL=FOLDER.
It learns the form of an answer and nothing of its content.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.model_shape import SHAPES, ModelShape
from shared.quiet import quiet

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

SPREAD = 0.02  # standard deviation of every weight, as Llama's and Qwen's are initialized


def config_of(shape: ModelShape) -> "PretrainedConfig":
    """Return the configuration of a model of this shape: Qwen2's where q, k and v have biases, else Llama's."""
    from transformers import LlamaConfig, Qwen2Config

    kind = Qwen2Config if shape.qkv_bias else LlamaConfig
    return kind(
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=4096,
    )


def random_model(
    shape: ModelShape, device: str, dtype: "torch.dtype", *, quantized: bool = False, seed: int = 0
) -> "PreTrainedModel":
    """Return a model of this shape on `device`, its weights random; with `quantized`, its linear layers in NF4.

    Tensors are made one at a time where they will live. A quantized model never holds more than one linear layer in
    `dtype`, so 65 billion parameters, 130 GB of them, come to be on a card of 48.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = config_of(shape)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    if quantized:
        _prepare_nf4(model, dtype)
    torch.manual_seed(seed)
    for module in list(model.modules()):
        _fill(module, device, dtype)
    if shape.tied:
        model.tie_weights()
    return model.eval()


def save_random(shape: ModelShape, folder: Path, device: str) -> None:
    """Write a random model in bfloat16, with the pocket base's tokenizer, as a checkpoint that transformers loads."""
    import torch
    from transformers import AutoTokenizer

    from shared.pocket import BASE

    with quiet():
        random_model(shape, device, torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(BASE).save_pretrained(folder)


def _prepare_nf4(model: "PreTrainedModel", dtype: "torch.dtype") -> None:
    """Put bitsandbytes' 4-bit layers, still without data, in the place of the decoder's linear layers."""
    from transformers.integrations import replace_with_bnb_linear

    from shared.models import keep_gradients_on_cpu, nf4_config

    quantization = nf4_config(dtype)
    replace_with_bnb_linear(model, modules_to_not_convert=["lm_head"], quantization_config=quantization)
    model.config.quantization_config = quantization
    model.is_loaded_in_4bit = model.is_quantized = True
    keep_gradients_on_cpu(model)


def _fill(module: "torch.nn.Module", device: str, dtype: "torch.dtype") -> None:
    """Give a module's own tensors random values on `device`: ones in a norm, zeros in a bias."""
    import torch
    from bitsandbytes.nn import Linear4bit, Params4bit

    if hasattr(module, "inv_freq"):  # rotary positions: computed from the configuration, not drawn
        with torch.device(device):
            module.__init__(module.config)
    for name, values in list(module.named_parameters(recurse=False)):
        made = torch.empty(values.shape, dtype=dtype, device=device)
        if isinstance(module, Linear4bit) and name == "weight":
            made = torch.empty(module.out_features, module.in_features, dtype=dtype, device=device).normal_(0, SPREAD)
            kept = Params4bit(made, requires_grad=False, quant_type="nf4", compress_statistics=True, module=module)
            setattr(module, name, kept.to(device))
            continue
        made = made.zero_() if name == "bias" else made.normal_(0, SPREAD) if made.ndim > 1 else made.fill_(1)
        setattr(module, name, torch.nn.Parameter(made))


def main(arguments: list[str] | None = None) -> int:
    """Write the checkpoint; 0 when it is there."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m shared.random_model", description=__doc__.partition("\n")[0])
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    save_random(SHAPES[options.shape], options.folder, "cuda" if torch.cuda.is_available() else "cpu")
    print(f"{options.folder}: {SHAPES[options.shape].parameters:,} random parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
