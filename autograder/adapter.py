"""Is it a LoRA adapter for the course's base? What a submitted adapter says of itself, held against its tensors.

Nothing of PEFT runs on a submission: the configuration is read as JSON, the tensors as numbers, and the update is put
into the base's weights here (arXiv 2106.09685, section 4.1; rsLoRA: arXiv 2312.03732; DoRA: arXiv 2402.09353).
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autograder.criteria import NotMet
from autograder.trained_from import Base, read_config, refuse_pickle
from autograder.weights import tensors
from shared.artifacts import TensorInfo, read_weights_header
from shared.safe_files import shown

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
LARGEST_RANK = 1_024
# Mean size of B's numbers. Adam moves each by about the learning rate a step: ten steps at 1e-5 give 1e-4.
LEAST_B = 1e-6
LARGEST_ALONE = 4 * 2**30  # bytes of an adapter whose base is not at hand: rank 256 on all of 7B in float32 is less
# Keys that do not change what the saved tensors mean, or that are checked by name below. Any other must be empty.
UNDERSTOOD = {
    "base_model_name_or_path", "bias", "exclude_modules", "inference_mode", "init_lora_weights", "layers_pattern",
    "layers_to_transform", "lora_alpha", "lora_dropout", "megatron_core", "peft_type", "peft_version",
    "qalora_group_size", "r", "revision", "target_modules", "task_type", "use_dora", "use_rslora",
}  # fmt: skip
# PiSSA and its kin take the update's start out of the base's weights, which the adapter's file does not tell.
STARTS = (True, False, "gaussian", "orthogonal", "eva")
_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.(?P<part>lora_A\.weight|lora_B\.weight|lora_magnitude_vector)")


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter that fits its base.

    `modules` maps each adapted weight of the base to its parts' tensor names; `idle` names those whose B is still as
    good as zero, as at the start of training. `adapted_weights` counts the frozen numbers in all of them. `rslora`,
    `dora`: the kind. `stated`: target_modules as the configuration has it, last names in order or a pattern.
    """

    path: Path
    header: dict[str, TensorInfo]
    rank: int
    alpha: float
    scaling: float
    rslora: bool
    dora: bool
    targets: tuple[str, ...]
    stated: tuple[str, ...] | str
    parameters: int
    adapted_weights: int
    modules: dict[str, dict[str, str]]
    idle: tuple[str, ...]

    def shape_of(self, weight: str) -> tuple[int, int]:
        """Return (outputs, inputs) of an adapted weight of the base."""
        parts = self.modules[weight]
        return self.header[parts["lora_B.weight"]].shape[0], self.header[parts["lora_A.weight"]].shape[1]


def adapter_of(folder: Path, within: Path, base: Base | None) -> Adapter:
    """Return the adapter in `folder` (inside `within`) once it fits `base` and is finite.

    Where the base is not at hand (None), its parts must fit one another. Raises ArtifactError or NotMet, one line:
    pickled or missing weights, a configuration that is no plain LoRA, tensors that the base has no place for, of the
    wrong shape or not finite.
    """
    refuse_pickle(folder, WEIGHTS)
    config = _config(folder / CONFIG, within)
    path = folder / WEIGHTS
    header = read_weights_header(path, LARGEST_ALONE if base is None else base.size + 2**20)
    modules = _modules(path, header)
    rank, alpha = config["r"], float(config["lora_alpha"])
    for name, parts in modules.items():
        shapes = {part: tuple(header[tensor].shape) for part, tensor in parts.items()}
        _fits(path, name, shapes, config, base)
    return Adapter(
        path,
        header,
        rank,
        alpha,
        alpha / (math.sqrt(rank) if config.get("use_rslora") else rank),
        bool(config.get("use_rslora")),
        bool(config.get("use_dora")),
        _targets(modules, config, folder / CONFIG),
        _stated(config),
        sum(math.prod(info.shape) for info in header.values()),
        sum(_adapted(header, parts) for parts in modules.values()),
        modules,
        _idle(path, header, modules),
    )


def merged(adapter: Adapter, weights: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the base's `weights`, (name, float32 array), the adapter's update put into those that it adapts.

    W + s B A with s = alpha / r (rsLoRA: alpha / sqrt r); DoRA scales each row of that to its own length.
    """
    for name, weight in weights:
        parts = adapter.modules.get(name)
        if parts is None:
            yield name, weight
            continue
        values = _parts(adapter.path, adapter.header, parts)
        moved = weight + np.float32(adapter.scaling) * (values["lora_B.weight"] @ values["lora_A.weight"])
        if "lora_magnitude_vector" in values:
            moved *= (values["lora_magnitude_vector"] / np.linalg.norm(moved, axis=1))[:, None]
        yield name, moved


def _adapted(header: dict[str, TensorInfo], parts: dict[str, str]) -> int:
    """Return the numbers in the matrix that A and B stand beside: B's rows times A's columns."""
    return header[parts["lora_B.weight"]].shape[0] * header[parts["lora_A.weight"]].shape[1]


def _parts(path: Path, header: dict[str, TensorInfo], names: dict[str, str]) -> dict[str, np.ndarray]:
    found = dict(tensors(path, {name: header[name] for name in names.values()}))
    return {part: found[name] for part, name in names.items()}


def _config(path: Path, within: Path) -> dict[str, Any]:
    """Return adapter_config.json once it describes a plain LoRA, with rank and alpha in range."""
    config = read_config(path, within)
    rank, alpha, targets = config.get("r"), config.get("lora_alpha"), config.get("target_modules")
    start = config.get("init_lora_weights", True)
    odd = sorted(key for key, value in config.items() if value and key not in UNDERSTOOD)
    faults = [
        (config.get("peft_type") != "LORA", f"peft_type is {config.get('peft_type')!r}, expected 'LORA'"),
        (type(rank) is not int or not 1 <= rank <= LARGEST_RANK, f"r is {rank!r}, expected 1 to {LARGEST_RANK}"),
        (
            type(alpha) not in (int, float) or not 0 < alpha < 1e6,
            f"lora_alpha is {alpha!r}, expected a positive number",
        ),
        (
            not targets or not isinstance(targets, str | list),
            f"target_modules is {targets!r}, expected names or a pattern",
        ),
        (config.get("bias", "none") != "none", f"bias is {config.get('bias')!r}, expected 'none'"),
        (
            not any(start is one or (start == one and isinstance(start, str)) for one in STARTS),
            f"init_lora_weights is {start!r}, which changes the base's weights too",
        ),
        (bool(odd), f"{', '.join(odd[:3])} set, which this checker does not read"),
    ]
    fault = next((text for wrong, text in faults if wrong), None)
    if fault:
        raise NotMet(f"{shown(path)}: {fault}", hint="Train with a plain LoraConfig: r, lora_alpha, target_modules.")
    return config


def _modules(path: Path, header: dict[str, TensorInfo]) -> dict[str, dict[str, str]]:
    """Return the tensors' names by adapted weight and part."""
    modules: dict[str, dict[str, str]] = {}
    for tensor in header:
        found = _NAME.fullmatch(tensor)
        if found is None:
            raise NotMet(
                f"{shown(path)}: {tensor} is no part of a LoRA adapter on the decoder's linear layers",
                hint="Adapt those layers alone, not embeddings or the head, and save with save_pretrained.",
            )
        modules.setdefault(f"{found['module']}.weight", {})[found["part"]] = tensor
    if not modules:
        raise NotMet(f"{shown(path)}: no tensors", hint="Save it with save_pretrained, after training.")
    return modules


def _fits(path: Path, name: str, found: dict[str, tuple[int, ...]], config: dict[str, Any], base: Base | None) -> None:
    """Raise NotMet unless A, B and DoRA's magnitudes have the shapes that the base's weight and the rank imply."""
    (outputs, inputs), rank = _shape_of(path, name, found, base), config["r"]
    expected = {"lora_A.weight": (rank, inputs), "lora_B.weight": (outputs, rank)}
    if config.get("use_dora"):
        expected["lora_magnitude_vector"] = (outputs,)
    if found != expected:
        wrong = next(part for part in (*expected, *found) if found.get(part) != expected.get(part))
        raise NotMet(
            f"{shown(path)}: {wrong} of {name} has shape {found.get(wrong, 'none')}, expected "
            f"{expected.get(wrong, 'no such tensor')} at rank {rank}",
            hint="Let the stage save the adapter; don't edit adapter_config.json.",
        )


def _shape_of(path: Path, name: str, found: dict[str, tuple[int, ...]], base: Base | None) -> tuple[int, int]:
    """Return (outputs, inputs) of an adapted weight: the base's, or without it what B and A imply."""
    if base is None:
        sizes = [*found.get("lora_B.weight", ())[:1], *found.get("lora_A.weight", ())[1:]]
        return (sizes[0], sizes[1]) if len(sizes) == 2 else (0, 0)
    weight = base.header.get(name)
    if weight is None or len(weight.shape) != 2:
        raise NotMet(
            f"{shown(path)}: adapts {name}, which the base does not have as a matrix",
            hint="Train the adapter on the course's base.",
        )
    return weight.shape[0], weight.shape[1]


def _stated(config: dict[str, Any]) -> tuple[str, ...] | str:
    """Return target_modules: last names in order, of names or whole paths, or a pattern as it stands."""
    stated = config["target_modules"]
    return stated if isinstance(stated, str) else tuple(sorted({str(one).rpartition(".")[2] for one in stated}))


def _targets(modules: dict[str, dict[str, str]], config: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Return the adapted projections' names, once they are those that the configuration states and does not exclude.

    A pattern, for targets or for what is excluded, is left alone.
    """
    found = sorted({name.removesuffix(".weight").rpartition(".")[2] for name in modules})
    stated, excluded = _stated(config), config.get("exclude_modules") or []
    if not isinstance(stated, str) and not isinstance(excluded, str):
        left_out = {str(one).rpartition(".")[2] for one in excluded}
        named = [name for name in stated if name not in left_out]
        if named != found:
            raise NotMet(
                f"{shown(path)}: target_modules is {named}, the tensors adapt {found}",
                hint="A name that matches no module is left out in silence: print the model and compare.",
            )
    return tuple(found)


def _idle(path: Path, header: dict[str, TensorInfo], modules: dict[str, dict[str, str]]) -> tuple[str, ...]:
    """Return the adapted weights whose B is as good as zero. Raises NotMet for a number that is not finite."""
    idle = []
    for name, parts in modules.items():
        values = _parts(path, header, parts)
        for part, numbers in values.items():
            if not np.isfinite(numbers).all():
                raise NotMet(
                    f"{shown(path)}: {part} of {name} holds NaN or infinity",
                    hint="Lower the learning rate; train again.",
                )
        if np.abs(values["lora_B.weight"]).mean() < LEAST_B:
            idle.append(name)
    return tuple(idle)
