"""Put the base model where a tool looks for it, and read from there what the rows need of it."""

import json
import shutil
from pathlib import Path

from shared.ecosystem.recipe import RUNG
from shared.models import base_folder, base_spec


def place_base(folder: Path, *, untied: bool = False) -> None:
    """Make `folder` this machine's base: a link, or for torchtune's Llama (`untied`) a copy with a head of its own."""
    source = base_folder(base_spec(rung=RUNG)).resolve()
    settings = json.loads((source / "config.json").read_text(encoding="utf-8"))
    if untied and settings["model_type"] == "llama" and settings.get("tie_word_embeddings"):
        write_untied(source, folder, settings)
        return
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
    folder.symlink_to(source, target_is_directory=True)


def write_untied(source: Path, folder: Path, settings: dict) -> None:
    """Write the base with the embedding matrix once more as `lm_head.weight`, which torchtune's Llama asks for."""
    from safetensors.torch import load_file, save_file

    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(source / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**settings, "tie_word_embeddings": False}), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder / name)


def end_token(base: Path) -> str:
    """Return the base's end-of-sequence token, as its tokenizer's settings have it."""
    token = json.loads((base / "tokenizer_config.json").read_text(encoding="utf-8"))["eos_token"]
    return token if isinstance(token, str) else token["content"]
