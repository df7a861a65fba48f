"""Let a submitted reward model score again, here, whatever the submission says of itself.

Configuration, tokenizer and program are always ours; of a submission only the numbers in its weights are used. A small
Llama on the CPU is computed by `autograder.llama`; anything else by transformers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from autograder import llama
from autograder.criteria import CannotTell
from autograder.reevaluation import NumpyEngine
from autograder.trained_from import Base, FullModel
from autograder.weights import tensors
from shared.artifacts import TensorInfo
from shared.reward_model import HEAD, LM_HEAD, as_asked, load_untrained, score

ROWS_AT_ONCE = 64


class Scorer(Protocol):
    """A model that scores."""

    def scores(self, prompts: Sequence[str], replies: Sequence[str]) -> list[float]:
        """Return the reward of each reply to its prompt."""


def reward_base(base: Base) -> Base:
    """Return the base as a reward model sees it: without the language model's head, and classifying sequences."""
    names = [name.replace("ForCausalLM", "ForSequenceClassification") for name in base.config.get("architectures", [])]
    return replace(base.without(LM_HEAD), config={**base.config, "architectures": names})


def head_of(base: Base) -> dict[str, TensorInfo]:
    """Return the tensor that a reward model has beside the base's: one row that turns a hidden state into a number."""
    return {HEAD: TensorInfo("F32", (1, base.config["hidden_size"]))}


def scorer(base: Base, trained: FullModel) -> Scorer:
    """Return the submitted reward model on this machine. Raises CannotTell when the profile's device is missing."""
    if base.profile.device == "cpu" and llama.fits(base.config):
        return NumpyScorer(base, trained)
    return TorchScorer(base, trained)


class NumpyScorer:
    """The base's network and tokenizer with a submission's weights, its head in the place of the vocabulary's."""

    def __init__(self, base: Base, trained: FullModel):
        weights = dict(tensors(trained.path, trained.header))
        engine = NumpyEngine(base, weights | {"lm_head.weight": weights[HEAD]})
        self.model, self.tokenizer, self.end = engine.model, engine.words.tokenizer, engine.words.end

    def scores(self, prompts: Sequence[str], replies: Sequence[str]) -> list[float]:
        """Return the reward of each reply to its prompt, read at the end token, in batches of similar length."""
        texts = ["".join(as_asked(prompt, reply)) for prompt, reply in zip(prompts, replies, strict=True)]
        ids = [[*one.ids, self.end] for one in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        found = np.zeros(len(ids))
        for start in range(0, len(order), ROWS_AT_ONCE):
            batch = order[start : start + ROWS_AT_ONCE]
            found[batch] = self.model.logits(*llama.pad_left([ids[index] for index in batch]))[:, -1, 0]
        return found.tolist()


class TorchScorer:
    """The base as transformers loads it, with a submission's numbers put into it."""

    def __init__(self, base: Base, trained: FullModel):
        import torch

        if base.profile.device == "cuda" and not torch.cuda.is_available():
            raise CannotTell(f"cannot re-evaluate here: profile '{base.profile.name}' needs a CUDA GPU, there is none")

        from safetensors.torch import load_file

        self.model, self.tokenizer = load_untrained(profile=base.profile.name)
        self.model.load_state_dict(load_file(trained.path))

    def scores(self, prompts: Sequence[str], replies: Sequence[str]) -> list[float]:
        """As `shared.reward_model.score`."""
        return score(self.model, self.tokenizer, prompts, replies)
