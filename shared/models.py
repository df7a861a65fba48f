"""Load models: the base that every rung starts from, and what a stage has saved.

A base comes from the repository (`pocket`), from the Hugging Face hub at a pinned revision (`gpu`), or from
the local folder that COURSE_BASE_MODEL names. Weights are read from safetensors only, and no code that comes
with a model is ever run.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared.artifacts import BaseRecord, RunRecord, fingerprint_model, read_json, shown
from shared.course import ROOT, BaseModelSpec, Profile, load_course
from shared.hardware import pick_profile
from shared.quiet import quiet

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase

HUB_FILES = ["*.json", "*.safetensors", "*.txt"]  # configuration, weights, tokenizer: neither code nor pickle


class ModelError(Exception):
    """A model cannot be loaded. The message is one line: which, what was expected, the next step."""


def profile_here(name: str | None = None) -> Profile:
    """Return the profile called `name`, by default the one that this machine gets."""
    course = load_course()
    return course.profile(name or pick_profile(course)[0])


def base_spec(profile: str | None = None, rung: str | None = None) -> BaseModelSpec:
    """Return the base of `profile` (or of this machine): course.yml's, or the folder in COURSE_BASE_MODEL.

    A rung may have a base of its own, as rung 04 has on GPUs.
    """
    local = os.environ.get("COURSE_BASE_MODEL")
    if local:
        return BaseModelSpec(id=Path(local).name, path=str(Path(local).absolute()))
    here = profile_here(profile)
    return load_course().rung(rung).bases.get(here.name, here.base) if rung else here.base


def base_folder(spec: BaseModelSpec) -> Path:
    """Return the folder with the base's files, fetching them from the hub on first use.

    Raises ModelError when a local folder holds no model, or the hub cannot be reached.
    """
    if spec.path:
        folder = ROOT / spec.path
        if not (folder / "config.json").is_file():
            raise ModelError(f"{folder}: expected a model folder with config.json. Check COURSE_BASE_MODEL")
        return folder

    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(spec.id, revision=spec.revision, allow_patterns=HUB_FILES))
    except Exception as error:  # of many kinds: no network, offline mode, unknown id, full disk
        raise ModelError(
            f"{spec.id}: not on this machine and not to be had from the hub ({type(error).__name__}). "
            "Connect once to download it, or set COURSE_BASE_MODEL to a local copy"
        ) from error


def base_record(profile: str | None = None, rung: str | None = None) -> BaseRecord:
    """Return which base this is, with the fingerprint of its weights, for run.json and eval.json."""
    spec = base_spec(profile, rung)
    return BaseRecord(id=spec.id, revision=spec.revision, fingerprint=fingerprint_model(base_folder(spec)))


def load_base(
    profile: str | None = None,
    *,
    rung: str | None = None,
    quantization: str | None = None,
    dtype: "torch.dtype | None" = None,
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the base model, on this machine's device and in evaluation mode, and its tokenizer.

    `dtype` is float32 on a CPU and bfloat16 on a GPU that computes in it, unless given. `quantization="nf4"`
    loads the linear layers in 4 bits (QLoRA, arXiv:2305.14314), to be trained through an adapter. Raises
    ModelError.
    """
    return load_folder(base_folder(base_spec(profile, rung)), profile_here(profile), quantization, dtype)


def load_stage(folder: Path | str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the model that a stage saved (`stage(...).folder`) and its tokenizer, ready to generate.

    An adapter is put on the base it was trained on, quantized as it was then. Raises ModelError when the
    folder holds neither a full model nor an adapter in safetensors, or when this machine's base is another
    one.
    """
    folder = Path(folder)
    run = read_json(folder / "run.json", RunRecord, within=folder)
    if (folder / "model.safetensors").is_file():
        return load_folder(folder, profile_here(), dtype="auto")
    if not (folder / "adapter_model.safetensors").is_file():
        raise ModelError(f"{shown(folder)}: expected model.safetensors or adapter_model.safetensors. Train it again")
    if base_record(rung=run.rung).fingerprint != run.base.fingerprint:
        raise ModelError(
            f"{shown(folder)}: this adapter was trained on {run.base.id}, but here is {base_spec(rung=run.rung).id} "
            "or another version of it. Set COURSE_PROFILE or COURSE_BASE_MODEL to that base, or train again"
        )

    from peft import PeftModel

    base, tokenizer = load_base(rung=run.rung, quantization="nf4" if run.method == "qlora" else None)
    with quiet():
        return PeftModel.from_pretrained(base, folder).eval(), tokenizer


def device_of(profile: Profile) -> str:
    """Return where models of this profile live: "cuda" if the profile says so and it is there, else "cpu"."""
    import torch

    return "cuda" if profile.device == "cuda" and torch.cuda.is_available() else "cpu"


def computes_in_bf16(device: str) -> bool:
    """Return whether `device` multiplies bfloat16 in hardware and worthwhile: GPUs from Ampere on."""
    import torch

    return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def load_folder(
    folder: Path,
    profile: Profile,
    quantization: str | None = None,
    dtype: "torch.dtype | Literal['auto'] | None" = None,
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the model in a folder, of which every file is on this machine and every tensor in its file.

    `quantization` and `dtype` as in `load_base`; "auto" keeps the type that the weights are stored in. Raises
    ModelError.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = device_of(profile)
    dtype = dtype or (torch.bfloat16 if computes_in_bf16(device) else torch.float32)
    only_local = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, **only_local)
            model, report = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, device_map=device, use_safetensors=True, output_loading_info=True,
                quantization_config=_quantization(quantization, dtype), **only_local,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{shown(folder)}: cannot be loaded ({str(error).splitlines()[0]})") from error
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[problem]:  # the library would fill in random weights, or leave some out, with a mere warning
            raise ModelError(f"{shown(folder)}: {problem} {sorted(report[problem])[0]}. Save the model again")
    if quantization:
        keep_gradients_on_cpu(model)
    return model.eval(), tokenizer


def _quantization(name: str | None, dtype: "torch.dtype") -> object | None:
    """Return the configuration of a quantization by name: None, or "nf4" with double quantization."""
    if name is None:
        return None
    if name != "nf4":
        raise ModelError(f"quantization: expected 'nf4' or None, got {name!r}")

    return nf4_config(dtype)


def nf4_config(dtype: "torch.dtype", storage: "torch.dtype | None" = None) -> "BitsAndBytesConfig":
    """Return NF4 with double quantization, computing in `dtype`, the 4-bit numbers packed into `storage` (bytes).

    The compute type is named because its default, float32, is slow on every GPU.
    """
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_quant_storage=storage or torch.uint8,
    )


def keep_gradients_on_cpu(model: "torch.nn.Module") -> None:
    """Keep 4-bit layers trainable on CPUs with AVX512-BF16 instructions.

    On such CPUs bitsandbytes 0.50.2 repacks the weights at the first forward pass in evaluation mode. From
    then on it computes with a kernel that has no gradient, also in training: the loss looks plausible and
    nothing before the last layer learns. Without the repacking only the speed of evaluation differs.
    """
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
