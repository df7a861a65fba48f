"""Fingerprints: short names for exactly these rows and exactly this model, and the header of a weight file.

A fingerprint answers one question: are we talking about the same thing? It does not vouch for where a thing
came from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from shared.safe_files import ArtifactError, check_file, shown

MIB = 2**20
PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
# What config.json says about the shape of the network. The rest (library versions, paths, flags) changes when
# the same model is saved again.
ARCHITECTURE = (
    "model_type", "architectures", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act", "tie_word_embeddings",
)  # fmt: skip


class TensorInfo(NamedTuple):
    """What a safetensors header says about one tensor."""

    dtype: str
    shape: tuple[int, ...]


def fingerprint_rows(rows: Iterable[Mapping]) -> str:
    """Return the SHA-256 (hex) of rows of plain JSON values, in their order. The order of keys is ignored."""
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps(dict(row), sort_keys=True, ensure_ascii=False, allow_nan=False)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def fingerprint_model(folder: Path | str) -> str:
    """Return the SHA-256 (hex) of a model folder: its architecture and the head and tail of its weights.

    Of each `*.safetensors` file the header (names, types and shapes of all tensors) and the first and last
    MiB of the data count, so a 15 GB model takes no longer than a small one. A hub snapshot (whose files are
    links) and a local copy of it agree. Raises ArtifactError when config.json or the weights are missing.
    """
    folder = Path(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise ArtifactError(f"{shown(folder)}: expected a model: config.json and *.safetensors. Check the path")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    architecture = {key: config[key] for key in ARCHITECTURE if key in config}
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for path in weights:
        digest.update(path.name.encode() + b"\n" + _head_and_tail(path))
    return digest.hexdigest()


def _head_and_tail(path: Path) -> bytes:
    """Return a safetensors file's header and the first and last MiB of its data (whole, when it is short)."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")  # then come the JSON header, so long, and the data
        size = path.stat().st_size
        if length > size - 8:
            raise ArtifactError(f"{shown(path)}: not a complete safetensors file. Save the model again")
        head = file.read(length + MIB)
        file.seek(max(8 + length, size - MIB))
        return size.to_bytes(8, "little") + head + file.read(MIB)


def read_weights_header(path: Path | str, max_bytes: int) -> dict[str, TensorInfo]:
    """Return name -> TensorInfo of a submitted safetensors file of at most `max_bytes`, reading no tensor.

    Pickle is refused by its name, unread, because loading it runs code; anything that is not safetensors,
    and any link, is refused too. Raises ArtifactError.
    """
    path = Path(path)
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise ArtifactError(f"{shown(path)}: pickled weights are never opened. Save with safe_serialization=True")
    path = check_file(path, path.parent, max_bytes)

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            return {name: TensorInfo(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{shown(path)}: not a safetensors file ({reason}). Save the weights again") from None
