"""The shape of a decoder-only Llama- or Qwen2-style model: enough to count its parameters without its weights."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ARCHITECTURES = ("llama", "qwen2", "mistral")


class ShapeError(Exception):
    """A model's shape is not known. The message is one line: which, what was expected, the next step."""


@dataclass(frozen=True)
class ModelShape:
    """Sizes of one model. `tied`: the output head is the embedding; `qkv_bias`: q, k and v have biases (Qwen2)."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocabulary: int
    tied: bool = False
    qkv_bias: bool = False
    head: int | None = None

    @property
    def query_width(self) -> int:
        """Width of all query heads together."""
        return self.heads * (self.head or self.hidden // self.heads)

    @property
    def kv_width(self) -> int:
        """Width of all key (or value) heads together; below `query_width` with grouped queries."""
        return self.kv_heads * (self.head or self.hidden // self.heads)

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """The linear layers of one decoder layer: name -> (inputs, outputs)."""
        query, kv = self.query_width, self.kv_width
        return {
            "q_proj": (self.hidden, query),
            "k_proj": (self.hidden, kv),
            "v_proj": (self.hidden, kv),
            "o_proj": (query, self.hidden),
            "gate_proj": (self.hidden, self.mlp),
            "up_proj": (self.hidden, self.mlp),
            "down_proj": (self.mlp, self.hidden),
        }

    @property
    def linear_parameters(self) -> int:
        """Weights of all decoder layers' linear layers: what QLoRA quantizes and LoRA can target."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.projections.values())

    @property
    def other_parameters(self) -> int:
        """Everything else: embedding, an untied head, norms, biases."""
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        biases = self.layers * (self.query_width + 2 * self.kv_width) if self.qkv_bias else 0
        return embeddings + (2 * self.layers + 1) * self.hidden + biases

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.linear_parameters + self.other_parameters

    def lora_parameters(self, rank: int, targets: Iterable[str] = PROJECTIONS) -> int:
        """Return LoRA's trainable parameters: rank x (inputs + outputs) a target (arXiv 2106.09685, section 4.1).

        Raises ShapeError for a target that is no projection of this model: PEFT would leave it out in silence when
        another name of the list matches.
        """
        chosen = list(targets)
        unknown = [name for name in chosen if name not in self.projections]
        if unknown:
            raise ShapeError(f"targets: no projection {', '.join(unknown)}; expected some of {', '.join(PROJECTIONS)}")
        return self.layers * rank * sum(sum(self.projections[name]) for name in chosen)


# From each model's config.json on the Hugging Face hub (Llama 65B: arXiv 2302.13971, table 2).
SHAPES = {
    "qwen2.5-0.5b": ModelShape(896, 24, 14, 2, 4864, 151_936, tied=True, qkv_bias=True),
    "qwen2.5-1.5b": ModelShape(1536, 28, 12, 2, 8960, 151_936, tied=True, qkv_bias=True),
    "qwen2.5-7b": ModelShape(3584, 28, 28, 4, 18_944, 152_064, qkv_bias=True),
    "llama-7b": ModelShape(4096, 32, 32, 32, 11_008, 32_000),
    "llama-13b": ModelShape(5120, 40, 40, 40, 13_824, 32_000),
    "llama-65b": ModelShape(8192, 80, 64, 64, 22_016, 32_000),
    "pocket": ModelShape(256, 4, 8, 8, 704, 2296, tied=True),
}


def from_config(config: Mapping[str, Any]) -> ModelShape:
    """Return the shape that a config.json describes. Raises ShapeError for another architecture."""
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise ShapeError(f"model_type: expected one of {', '.join(ARCHITECTURES)}, got {kind!r}")
    usual = config["hidden_size"] // config["num_attention_heads"]
    head = config.get("head_dim")
    return ModelShape(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config.get("num_key_value_heads") or config["num_attention_heads"],
        mlp=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", False)),
        qkv_bias=kind == "qwen2",
        head=None if head == usual else head,
    )


def shape_of(model: str | Path) -> ModelShape:
    """Return the shape called `model` (a key of SHAPES), or that of the local model folder of this path."""
    if str(model).lower() in SHAPES:
        return SHAPES[str(model).lower()]
    folder = Path(model)
    if not (folder / "config.json").is_file():
        known = ", ".join(SHAPES)
        raise ShapeError(f"{model}: expected {known}, or a folder with config.json")

    from transformers import AutoConfig

    return from_config(AutoConfig.from_pretrained(folder, local_files_only=True).to_dict())
