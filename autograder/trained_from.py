"""Is it the course's base, fine-tuned? Which base a run names, and how a submitted full model relates to it."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from autograder.criteria import CannotTell, NotMet
from autograder.weights import rounded_to, tensors
from shared.artifacts import (
    ArtifactError,
    RunRecord,
    TensorInfo,
    fingerprint_model,
    read_weights_header,
)
from shared.course import Course, Profile, Rung
from shared.fingerprints import ARCHITECTURE, PICKLE_SUFFIXES
from shared.models import ModelError, base_folder, base_spec
from shared.safe_files import read_limited, shown

WEIGHTS = "model.safetensors"
LARGEST_CONFIG = 100_000  # bytes
# A model that was only stored as bfloat16 again differs from its base by at most 2^-7 / sqrt(12) = 0.23% (the spread
# of a rounding error of half a unit in the eighth bit). Training moves weights further.
LEAST_MOVE = 0.003


@dataclass(frozen=True)
class Base:
    """The base that a submission started from, as it lies on this machine: one file of weights, or several."""

    profile: Profile
    folder: Path
    config: dict
    files: dict[Path, dict[str, TensorInfo]]

    @property
    def header(self) -> dict[str, TensorInfo]:
        """What there is of tensors, by name."""
        return {name: info for header in self.files.values() for name, info in header.items()}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield every tensor as (name, float32 array)."""
        for path, header in self.files.items():
            yield from tensors(path, header)

    def without(self, prefix: str) -> "Base":
        """Return the base without the tensors whose names start with `prefix`: a body that gets another head."""
        kept = {
            path: {name: info for name, info in header.items() if not name.startswith(prefix)}
            for path, header in self.files.items()
        }
        return replace(self, files=kept)


@dataclass(frozen=True)
class FullModel:
    """A submitted full fine-tune that fits its base. `moved` is the length of the weights' change over their own."""

    path: Path
    header: dict[str, TensorInfo]
    parameters: int
    changed_parameters: int
    moved: float


def base_of(run: RunRecord, course: Course, rung: Rung) -> Base:
    """Return the base that the run names, once it is the one that the rung starts from.

    Raises NotMet for any other base, CannotTell when the course's base for that profile is not on this machine.
    """
    if run.profile not in course.profiles:
        raise NotMet(f"run.json: profile is {run.profile!r}", hint=f"Expected one of {', '.join(course.profiles)}.")
    spec = base_spec(run.profile, rung.id)
    try:
        folder = base_folder(spec)
        fingerprint = fingerprint_model(folder)
    except (ModelError, ArtifactError) as error:
        raise CannotTell(f"cannot re-evaluate here: {error}") from None
    if run.base.fingerprint != fingerprint:
        raise NotMet(
            f"run.json: trained from {run.base.id!r} with fingerprint {run.base.fingerprint[:12]}, expected "
            f"{spec.id!r} with {fingerprint[:12]}",
            hint="Start from load_base() and train again; or check with the profile and base it was trained on.",
        )
    return open_base(course.profile(run.profile), folder)


def open_base(profile: Profile, folder: Path) -> Base:
    """Return the base in `folder`, whose files are ours. Raises CannotTell when its weights are not all there."""
    index = folder / f"{WEIGHTS}.index.json"
    names = [WEIGHTS]
    if not (folder / WEIGHTS).is_file() and index.is_file():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    paths = [(folder / name).resolve() for name in names]  # on the hub's disk layout these are links, ours to follow
    if missing := [path for path in paths if not path.is_file()]:
        raise CannotTell(f"cannot re-evaluate here: the base lacks {shown(missing[0])}")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Base(profile, folder, config, {path: read_weights_header(path, path.stat().st_size) for path in paths})


def moved_model(
    folder: Path,
    within: Path,
    base: Base,
    head: Mapping[str, TensorInfo] | None = None,
    least: float = LEAST_MOVE,
) -> FullModel:
    """Return the full model in `folder` as `full_model` does, once its weights have left the base's by more than the
    share `least` of their length; else NotMet."""
    model = full_model(folder, within, base, head)
    if model.moved < least:
        raise NotMet(
            f"{folder.name}: the weights moved by {model.moved:.2%} from the base, expected more than {100 * least:g}%",
            cause="This is the base, or the base stored again, or nearly so.",
            hint="Train, and save the trained model.",
        )
    return model


def full_model(folder: Path, within: Path, base: Base, head: Mapping[str, TensorInfo] | None = None) -> FullModel:
    """Return the full model in `folder` (inside `within`) once it fits `base` and is finite.

    `head` are tensors that it has beside the base's: a new head, which has nothing to have moved from. Raises
    ArtifactError or NotMet, one line: pickled or missing weights, another architecture, tensors that are missing, too
    many, of the wrong shape or not finite.
    """
    path, head = folder / WEIGHTS, dict(head or {})
    refuse_pickle(folder, WEIGHTS)
    _same_architecture(folder / "config.json", within, base.config)
    header = read_weights_header(path, 4 * base.size + 2**20)
    _same_tensors(path, header, base.header | head)
    for name, values in tensors(path, {name: header[name] for name in head}):
        _finite(path, name, values)
    change = length = 0.0
    changed = 0
    for name, original, values in _pairs(path, header, base):
        _finite(path, name, values)
        gap = float(np.square(values - original, dtype=np.float64).sum())
        change, length = change + gap, length + float(np.square(original, dtype=np.float64).sum())
        changed += values.size * (gap > 0)
    changed += sum(math.prod(header[name].shape) for name in head)
    parameters = sum(math.prod(info.shape) for info in header.values())
    return FullModel(path, header, parameters, changed, (change / length) ** 0.5)


def _finite(path: Path, name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise NotMet(f"{shown(path)}: {name} holds NaN or infinity", hint="Lower the learning rate; train again.")


def _pairs(path: Path, header: dict[str, TensorInfo], base: Base) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, the base's tensor (rounded to the type that the submission is stored in), the submitted one."""
    submitted = tensors(path, {name: header[name] for name in base.header})
    for (name, original), (_, values) in zip(base.tensors(), submitted, strict=True):
        yield name, rounded_to(original, header[name].dtype), values


def refuse_pickle(folder: Path, expected: str) -> None:
    """Raise NotMet where a pickle lies in place of the weights file `expected`; it is never opened."""
    if (folder / expected).exists() or not folder.is_dir():
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLE_SUFFIXES)
    if pickles:
        raise NotMet(
            f"{shown(folder)}: found {pickles[0]}, a pickle, which is never opened; expected {expected}",
            hint="Save with save_pretrained, which writes safetensors.",
        )


def read_config(path: Path, within: Path) -> dict:
    """Return a submitted configuration's JSON object. Raises ArtifactError, one line."""
    try:
        config = json.loads(read_limited(path, within, LARGEST_CONFIG))
    except (ValueError, RecursionError):
        raise ArtifactError(f"{shown(path)}: not JSON. Run the stage's cell again with rerun=True") from None
    if not isinstance(config, dict):
        raise ArtifactError(f"{shown(path)}: expected a JSON object. Run the stage's cell again with rerun=True")
    return config


def _same_architecture(path: Path, within: Path, base: dict) -> None:
    config = read_config(path, within)
    for key in ARCHITECTURE:
        if key in base and config.get(key) != base[key]:
            raise NotMet(
                f"{shown(path)}: {key} is {config.get(key)!r}, but the base's is {base[key]!r}",
                hint="Submit the course's base, fine-tuned; not another model.",
            )


def _same_tensors(path: Path, header: dict[str, TensorInfo], base: dict[str, TensorInfo]) -> None:
    faults = [f"{name} is missing" for name in base if name not in header]
    faults += [f"{name} is not a tensor of the base" for name in header if name not in base]
    faults += [
        f"{name} has shape {list(header[name].shape)}, the base's has {list(info.shape)}"
        for name, info in base.items()
        if name in header and header[name].shape != info.shape
    ]
    if faults:
        raise NotMet(
            f"{shown(path)}: {faults[0]}" + (f" (and {len(faults) - 1} more)" if faults[1:] else ""),
            hint="Save the whole fine-tuned base with save_pretrained.",
        )
