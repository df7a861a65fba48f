"""The memory estimator: what one training step needs, part by part, and at its peak.

The parts are counted, not fitted: every term says which tensors it stands for. Figures are bytes in PyTorch's allocator
(`torch.cuda.max_memory_allocated`); the CUDA context (about half a GiB) and fragmentation come on top.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from shared.model_shape import PROJECTIONS, ModelShape

GIB = 2**30
# NF4 (arXiv 2305.14314, section 3): 4 bits, an 8-bit constant a block of 64, a 32-bit constant per 256 blocks.
NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
FIXED_TOKENS = 1_100

Method = Literal["full", "lora", "qlora"]
Optimizer = Literal["adamw", "adamw-8bit", "paged-adamw", "paged-adamw-8bit"]
# Bytes of AdamW's two moments, a trained parameter.
STATE_BYTES: dict[str, int] = {"adamw": 8, "paged-adamw": 8, "adamw-8bit": 2, "paged-adamw-8bit": 2}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Computing is in bfloat16; `weight_bytes` is what a weight is stored in (4, 2).

    With 4 (float32) autocast keeps a bfloat16 copy of each linear weight from the forward to the backward pass.
    `every`: checkpointing takes in each n-th layer only, from the first on. `offload`: what it keeps waits in main
    memory. `fused`: Liger's kernels, which keep less for the backward pass. `whole_logits`: the loss sees all logits
    at once, as in a plain loop over transformers; TRL goes through them in slices.
    """

    method: Method
    batch: int = 1
    sequence: int = 1024
    rank: int = 16
    targets: tuple[str, ...] = PROJECTIONS
    optimizer: Optimizer = "adamw"
    checkpointing: bool = True
    every: int = 1
    offload: bool = False
    fused: bool = False
    whole_logits: bool = False
    weight_bytes: int = 2
    adapter_bytes: int = 2

    @property
    def tokens(self) -> int:
        """Tokens a step."""
        return self.batch * self.sequence


@dataclass(frozen=True)
class Estimate:
    """Bytes of one step. `paged` optimizer states live in unified memory, outside PyTorch's allocator."""

    weights: int
    adapter: int
    gradients: int
    optimizer: int
    paged: int
    activations: int
    working: int
    ending: int

    @property
    def peak(self) -> int:
        """The most that is held at once.

        Gradients grow while activations shrink: the peak is where the backward pass begins, or where it ends.
        """
        held = self.weights + self.adapter + self.optimizer
        return held + max(self.activations + self.working, self.gradients + self.ending)


def estimate(shape: ModelShape, recipe: Recipe) -> Estimate:
    """Return what a step of `recipe` on a model of `shape` needs. Raises ShapeError for an unknown target."""
    trained = trained_parameters(shape, recipe)
    full = recipe.method == "full"
    states = STATE_BYTES[recipe.optimizer] * trained
    paged = recipe.optimizer.startswith("paged")
    return Estimate(
        weights=base_bytes(shape, recipe),
        adapter=0 if full else recipe.adapter_bytes * trained,
        gradients=trained * (recipe.weight_bytes if full else recipe.adapter_bytes),
        optimizer=0 if paged else states,
        paged=states if paged else 0,
        activations=activation_bytes(shape, recipe),
        working=working_bytes(shape, recipe),
        ending=ending_bytes(shape, recipe),
    )


def trained_parameters(shape: ModelShape, recipe: Recipe) -> int:
    """Return how many parameters get gradients."""
    return shape.parameters if recipe.method == "full" else shape.lora_parameters(recipe.rank, recipe.targets)


def base_bytes(shape: ModelShape, recipe: Recipe) -> int:
    """Return the base's bytes: NF4 for QLoRA's linear layers (the rest in bfloat16), else `weight_bytes` each."""
    if recipe.method == "qlora":
        return int(shape.linear_parameters * NF4_BITS / 8) + 2 * shape.other_parameters
    return recipe.weight_bytes * shape.parameters


def layer_bytes(shape: ModelShape, recipe: Recipe) -> int:
    """Return what one decoder layer keeps for its backward pass, a token.

    In bfloat16: inputs of both norms and of the linear layers after them, queries, keys, values, attention output;
    gate, up and their product. Without fused kernels each norm keeps two float32 copies more, and SiLU its output.
    With float32 weights the residual stream, which the norms keep, is float32 too.
    """
    h, m = shape.hidden, shape.mlp
    kept = 2 * (2 * h + 2 * h + 2 * shape.query_width + 2 * shape.kv_width + 3 * m)
    if not recipe.fused:
        kept += 2 * 8 * h + 2 * m
    if recipe.weight_bytes == 4:
        kept += 2 * 2 * h
    return kept


def activation_bytes(shape: ModelShape, recipe: Recipe) -> int:
    """Return what the forward pass leaves for the backward pass.

    Of a checkpointed layer only its input (Chen et al. 2016, arXiv 1604.06174), on the card unless it is offloaded.
    Float32 weights add autocast's bfloat16 copies of the linear weights of the other layers.
    """
    whole = shape.layers - checkpointed_layers(shape, recipe)
    inputs = 0 if recipe.offload else (shape.layers - whole) * recipe.weight_bytes * shape.hidden
    copies = 2 * shape.linear_parameters * whole // shape.layers if recipe.weight_bytes == 4 else 0
    return recipe.tokens * (inputs + whole * layer_bytes(shape, recipe)) + copies


def checkpointed_layers(shape: ModelShape, recipe: Recipe) -> int:
    """Return how many layers are checkpointed: all, none, or each n-th from the first on."""
    return math.ceil(shape.layers / recipe.every) if recipe.checkpointing else 0


def working_bytes(shape: ModelShape, recipe: Recipe) -> int:
    """Return the most that comes and goes: the logits at the loss, or one layer in the backward pass.

    Logits: bfloat16, a float32 copy and the copy's gradient. One layer: gradients of the MLP's two inner tensors, with
    QLoRA its largest weight, dequantized, and the recomputed activations where the last layer is checkpointed. (Where
    it is not, it makes room for those of the layer before.)
    """
    logits = recipe.tokens * shape.vocabulary * (2 + 4 + 4) if recipe.whole_logits else 0
    layer = recipe.tokens * 2 * 2 * shape.mlp
    if recipe.checkpointing and (shape.layers - 1) % recipe.every == 0:
        layer += recipe.tokens * layer_bytes(shape, recipe)
    if recipe.method == "qlora":
        layer += 2 * shape.hidden * shape.mlp
    return max(logits, layer)


def ending_bytes(shape: ModelShape, recipe: Recipe) -> int:
    """Return what the end of the backward pass needs beside all gradients.

    A tied embedding gets two: from the output head, and from where tokens are looked up; they are added last.
    """
    return recipe.weight_bytes * shape.vocabulary * shape.hidden if recipe.method == "full" and shape.tied else 0


def relative_cost(recipe: Recipe) -> float:
    """Return the time a token costs, as a multiple of its cost in a large batch without checkpointing.

    A forward pass takes 2 FLOPs a parameter and token, the gradient of activations 2 more, that of weights 2 if they
    are trained, and checkpointing repeats the forward pass of its layers: 4 against 6 for a frozen base, 6 against 8
    for a full fine-tune. Offloading is counted as slower than not, by a little: in the measured pair it was within 4%.
    A step's fixed cost (launches, dequantizing) is that of about 1,100 tokens, from steps of 0.314 s for 4,096 tokens
    and 1.053 s for 16,384 (7B, QLoRA, one H200, 2026-11-23); a slower processor makes it larger.
    """
    passes = 6 if recipe.method == "full" else 4
    again = 2 / recipe.every if recipe.checkpointing else 0
    return (passes + again) / passes * (1 + FIXED_TOKENS / recipe.tokens) * (1.02 if recipe.offload else 1)


ROWS = (16, 8, 4, 2, 1)
KEPT: tuple[dict, ...] = (
    {"checkpointing": False},
    {"every": 3},
    {"every": 2},
    {},
    {"offload": True},
)


def fastest_that_fits(shape: ModelShape, method: Method, memory: int, sequence: int, **settings) -> Recipe | None:
    """Return the fastest recipe on rows of `sequence` tokens whose peak is within `memory` bytes, or None.

    Tried are 1 to 16 rows a step; no checkpointing, each third or second layer, all, and all kept in main memory; each
    with plain AdamW and, where that is too much, with 8-bit moments. `settings` go to `Recipe`, whose kernels are
    Liger's unless they say otherwise.
    """
    found = []
    for rows, kept, optimizer in itertools.product(ROWS, KEPT, ("adamw", "adamw-8bit")):
        recipe = Recipe(method, rows, sequence, **{"fused": True, "optimizer": optimizer, **kept, **settings})
        if estimate(shape, recipe).peak <= memory:
            found.append(recipe)
    return min(found, key=relative_cost, default=None)
