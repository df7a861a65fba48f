"""Reward models: a language model with one number at its end in place of a word, and the scores that it gives.

The number is read at the last token of prompt, reply and end-of-sequence token together. TRL's RewardTrainer trains it
there, and transformers' models for sequence classification compute it.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.artifacts import RunRecord, read_json, shown
from shared.course import Profile
from shared.models import ModelError, base_folder, base_spec, computes_in_bf16, device_of, profile_here
from shared.quiet import quiet

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RUNG = "08"
HEAD = "score.weight"  # what transformers calls the head: [1, hidden size]
LM_HEAD = "lm_head."  # what a language model has in its place


def as_asked(prompt: str, reply: str) -> tuple[str, str]:
    """Return letter and reply in the form in which the reward model reads them: a passage, and a question about it.

    The pocket base has read passages with questions, and learnt to say when a passage holds no answer. In that form
    it attends to whether the reply's item stands in the letter; in the form of a letter and its reply it need not.
    """
    letter = prompt.removeprefix("Message: ").removesuffix("\nReply:")
    return f"Passage: {letter}\nQuestion:", f"{reply}\nAnswer:"


def rows_as_asked(rows: Iterable[Mapping]) -> list[dict]:
    """Return preference pairs in the form in which the reward model reads them. Columns: prompt, chosen, rejected."""
    return [
        {
            "prompt": as_asked(row["prompt"], "")[0],
            **{name: as_asked(row["prompt"], row[name])[1] for name in ("chosen", "rejected")},
        }
        for row in rows
    ]


def load_untrained(
    seed: int = 0, *, profile: str | None = None, dtype: "torch.dtype | None" = None
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the base with a random head, drawn from `seed`, and its tokenizer. Its scores mean nothing yet.

    `dtype` is float32 on a CPU and bfloat16 on a GPU that computes in it, unless given. Raises ModelError.
    """
    from transformers import set_seed

    set_seed(seed)
    return _load(base_folder(base_spec(profile, RUNG)), profile_here(profile), dtype, {HEAD})


def load_reward_stage(folder: Path | str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the reward model that a stage saved and its tokenizer, ready to score. Raises ModelError."""
    folder = Path(folder)
    read_json(folder / "run.json", RunRecord, within=folder)
    return _load(folder, profile_here(), None, set())


def score(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    replies: Sequence[str],
    *,
    batch_size: int = 64,
) -> list[float]:
    """Return the reward of each reply to its prompt, read at the end token that is added to it here.

    Texts of similar length share a batch; what is longer than the model reads raises ModelError.
    """
    import torch

    end = tokenizer.eos_token_id
    texts = ["".join(as_asked(prompt, reply)) for prompt, reply in zip(prompts, replies, strict=True)]
    ids = [[*tokenizer(text)["input_ids"], end] for text in texts]
    order, scores = sorted(range(len(ids)), key=lambda index: len(ids[index])), [0.0] * len(ids)
    if ids and len(ids[order[-1]]) > model.config.max_position_embeddings:
        raise ModelError(f"a text of {len(ids[order[-1]])} tokens is longer than the model reads. Shorten it")
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            for index, reward in zip(batch, _rewards(model, [ids[index] for index in batch]), strict=True):
                scores[index] = reward
    model.train(was_training)
    return scores


def _rewards(model: "PreTrainedModel", rows: Sequence[Sequence[int]]) -> list[float]:
    """Return one reward a row of token ids, padded on the right.

    transformers reads the last token that is not the padding token. Where a tokenizer pads with its end token, as some
    do, that is the one before the end; RewardTrainer trained it there, too.
    """
    import torch

    width, pad = max(map(len, rows)), model.config.pad_token_id
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=model.device)
    lengths = torch.tensor([len(row) for row in rows], device=model.device)
    mask = (torch.arange(width, device=model.device) < lengths[:, None]).long()
    return model(input_ids=ids, attention_mask=mask).logits[:, 0].float().tolist()


def _load(
    folder: Path, profile: Profile, dtype: "torch.dtype | None", made: set[str]
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return the model in a folder with one output; `made` are the tensors that may be missing there."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    device = device_of(profile)
    dtype = dtype or (torch.bfloat16 if computes_in_bf16(device) else torch.float32)
    only_local = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, **only_local)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder, num_labels=1, dtype=dtype, device_map=device, use_safetensors=True, output_loading_info=True,
                **only_local,
            )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{shown(folder)}: cannot be loaded ({str(error).splitlines()[0]})") from error
    missing = set(report["missing_keys"]) - made
    left_over = {name for name in report["unexpected_keys"] if not name.startswith(LM_HEAD)}
    for problem, names in (("missing", missing), ("unexpected", left_over), ("mismatched", report["mismatched_keys"])):
        if names:
            raise ModelError(f"{shown(folder)}: {problem} {sorted(map(str, names))[0]}. Save the model again")
    model.config.pad_token_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return model.eval(), tokenizer
