"""The weights of a capstone: the adapter or model that the run saved, or both made one."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.artifacts import EvalEntry
from shared.capstone import CapstoneError
from shared.capstone.source import Source
from shared.evaluation import evaluate_tickets, ticket_entries
from shared.models import load_base, load_folder, profile_here
from shared.quiet import quiet
from shared.safe_files import check_file
from shared.world import rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json")
MODEL_FILES = (
    "model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "chat_template.jinja",
)  # fmt: skip
NEEDED = {"model.safetensors", "config.json", "tokenizer.json", *ADAPTER_FILES}
LARGEST = 2**37  # bytes of one file
PATH_KEYS = ("_name_or_path", "name_or_path", "tokenizer_file")  # where the libraries leave this machine's paths


def copy_weights(source: Source, target: Path) -> None:
    """Copy what the run saved into `target`, file by known name: whatever else lies there stays private.

    An adapter's configuration names the public base; the pocket base, which is on no hub, travels along in base/.
    """
    _copy(source.stage, target, ADAPTER_FILES if source.is_adapter else MODEL_FILES)
    if source.is_adapter:
        public = {"base_model_name_or_path": source.base.id, "revision": source.base.revision}
        edit_json(target / "adapter_config.json", **public)
        if source.base.folder:
            _copy(source.base.folder, target / "base", ("README.md", *MODEL_FILES))
    remove_paths(target)


def save_merged(source: Source, target: Path) -> None:
    """Save base and adapter as one model in `target`: W + (alpha / r) B A in place of W (arXiv:2106.09685, section 4).

    The base is loaded unquantized also for QLoRA: what a 4-bit weight and a sum of it would round to is not the same.
    """
    from peft import PeftModel

    base, tokenizer = load_base(rung=source.rung.id)
    with quiet():
        merged = PeftModel.from_pretrained(base, source.stage).merge_and_unload()
        merged.save_pretrained(target)
        tokenizer.save_pretrained(target)
    remove_paths(target)


def measure_merged(source: Source, target: Path, *, progress: bool = True) -> list[EvalEntry]:
    """Return eval.json's entries measured again on the merged model in `target`, on the same rows."""
    model, tokenizer = load_folder(target, profile_here())
    sets = dict.fromkeys((one.task, one.split, one.phrasing or "familiar", one.n) for one in source.evaluation.entries)
    measured = [entry for one in sets for entry in _measure(model, tokenizer, *one, progress=progress)]
    return [_with_before(entry, source.evaluation.entries) for entry in measured]


def _measure(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", task: str, split: str, phrasing: str, n: int, *,
    progress: bool,
) -> list[EvalEntry]:  # fmt: skip
    if task != "tickets":
        raise CapstoneError(f"eval.json: task {task!r} cannot be measured again after merging; expected tickets")
    asked = rows(task, split, n, phrasing=phrasing)
    return ticket_entries(
        asked, [], evaluate_tickets(model, tokenizer, asked, progress=progress), split=split, phrasing=phrasing
    )


def _with_before(entry: EvalEntry, earlier: Sequence[EvalEntry]) -> EvalEntry:
    """Return a new measurement with the base's score from the earlier one on the same rows."""
    for old in earlier:
        if (old.metric, old.phrasing or "familiar") == (entry.metric, entry.phrasing):
            if old.data_fingerprint != entry.data_fingerprint:
                break
            return entry.model_copy(update={"before": old.before})
    raise CapstoneError(
        f"eval.json: {entry.metric}, {entry.phrasing}: measured on rows other than the course's, so it cannot be "
        "measured again after merging. Run the notebook's evaluation again"
    )


def remove_paths(folder: Path) -> None:
    """Take out of the configurations below `folder` what names a place on this machine."""
    for path in folder.rglob("*config.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if found := [key for key in PATH_KEYS if key in content]:
            edit_json(path, **dict.fromkeys(found))


def edit_json(path: Path, **changes: object) -> None:
    """Set keys of a JSON object in a file; None takes a key away."""
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in content.items() if not (key in changes and value is None)}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _copy(folder: Path, target: Path, names: Sequence[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name in NEEDED or (folder / name).exists():
            shutil.copyfile(check_file(folder / name, folder, LARGEST), target / name)
