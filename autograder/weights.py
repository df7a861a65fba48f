"""The weights of a submission, read as data: which tensors there are, and what is in them, one at a time."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shared.artifacts import ArtifactError, TensorInfo
from shared.safe_files import shown

# What the bytes of each floating-point type are read as. bfloat16 is the upper half of a float32 (NumPy has no such
# type), so its bits are moved up by sixteen.
_STORED = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}


def tensors(path: Path, header: dict[str, TensorInfo]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each tensor of a safetensors file as (name, float32 array), mapped from disk rather than read whole.

    `header` is what `read_weights_header` returned for this file: it has checked it. Raises ArtifactError for a
    type that is not a floating-point number of 16 or 32 bits.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    for name, info in header.items():
        if info.dtype not in _STORED:
            raise ArtifactError(f"{shown(path)}: {name} is stored as {info.dtype}, expected F32, BF16 or F16")
        start, stop = entries[name]["data_offsets"]
        yield name, _float32(np.frombuffer(data[start:stop].tobytes(), _STORED[info.dtype])).reshape(info.shape)


def rounded_to(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return float32 values as they would come back after being stored as `dtype` ("F32", "BF16" or "F16")."""
    if dtype == "F16":
        return values.astype(np.float16).astype(np.float32)
    if dtype == "BF16":  # round half to even at the sixteenth bit
        bits = values.view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    return values


def _float32(stored: np.ndarray) -> np.ndarray:
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32)
