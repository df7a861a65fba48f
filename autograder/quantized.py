"""The base as QLoRA sees it: its linear weights in NF4 with double quantization (arXiv 2305.14314), and back.

bitsandbytes does it, as it does under training, so that a submitted adapter meets the very weights it was trained on.
"""

from collections.abc import Mapping

import numpy as np

# transformers leaves out the output head; everything else that is a matrix in a decoder layer is quantized.
IN_LAYERS = "model.layers."


def nf4_rounded(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `weights` (name -> float32 array), the matrices of the decoder layers rounded to NF4."""
    return {name: _rounded(values) if _is_linear(name, values) else values for name, values in weights.items()}


def _is_linear(name: str, values: np.ndarray) -> bool:
    return name.startswith(IN_LAYERS) and values.ndim == 2


def _rounded(values: np.ndarray) -> np.ndarray:
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    weight = torch.from_numpy(np.ascontiguousarray(values))
    packed, state = quantize_4bit(weight, compress_statistics=True, quant_type="nf4")
    return dequantize_4bit(packed, state).numpy()
