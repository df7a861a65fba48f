"""How noisy is a policy gradient, and how much noise does a baseline take away?

The gradient of one sampled answer is the sum over its tokens of weight x gradient of log p(token). Any weight
"reward minus something that does not depend on the token" has the same mean (Williams 1992, "Simple statistical
gradient-following algorithms for connectionist reinforcement learning", section 4), but not the same noise. Three such
somethings are compared: nothing, the mean of the other answers of the group (GRPO's idea), and a learned value of the
text so far (PPO's, arXiv 1707.06347, with returns that are not discounted).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from shared.rl.groups import Groups
from shared.world.orders import is_right

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RIDGES = (1.0, 10.0, 100.0, 1000.0)  # among which the fit of the learned value chooses
HELD_OUT = 5  # one answer in so many decides the choice


@dataclass(frozen=True)
class Sample:
    """One answer: token ids of prompt and answer, where the answer begins, its reward, its group."""

    ids: list[int]
    start: int
    reward: float
    group: int


def samples_of(
    tokenizer: "PreTrainedTokenizerBase", prompts: Sequence[str], groups: Groups, totals: Sequence[int]
) -> list[Sample]:
    """Return the answers of all groups, each with its end token, rewarded by the verifier."""
    found = []
    for number, (prompt, group, total) in enumerate(zip(prompts, groups, totals, strict=True)):
        start = len(tokenizer(prompt)["input_ids"])
        for text in group:
            ids = [*tokenizer(prompt + text)["input_ids"], tokenizer.eos_token_id]
            found.append(Sample(ids, start, float(is_right(text, total)), number))
    return found


def others_mean(samples: Sequence[Sample]) -> list[float]:
    """Return for each sample the mean reward of the *other* samples of its group.

    Leaving the sample itself out keeps the gradient unbiased (RLOO, arXiv 2402.14740); GRPO's mean, with it, is the
    same up to a factor of (G - 1) / G on the advantage.
    """
    sums, sizes = {}, {}
    for one in samples:
        sums[one.group] = sums.get(one.group, 0.0) + one.reward
        sizes[one.group] = sizes.get(one.group, 0) + 1
    return [(sums[one.group] - one.reward) / (sizes[one.group] - 1) for one in samples]


class LearnedValue:
    """A value of every prefix: a linear layer on the base's last hidden states, fitted to the rewards that followed.

    PPO trains a whole copy of the model for this, step by step, while the policy moves; here only its last layer is
    fitted, at once: ridge regression, its strength chosen by the answers of a held-out fifth. Seconds, not minutes.
    """

    def __init__(self, model: "PreTrainedModel", samples: Sequence[Sample]):
        self.model = model
        states, rewards = [self._states(one) for one in samples], [one.reward for one in samples]
        held = max(1, len(samples) // HELD_OUT)

        def error(ridge: float) -> float:
            mean, weights = _ridge(states[held:], rewards[held:], ridge)
            return sum(((s @ weights + mean - r) ** 2).mean() for s, r in zip(states[:held], rewards[:held]))

        self.mean, self.weights = _ridge(states, rewards, min(RIDGES, key=error))

    def __call__(self, sample: Sample) -> "np.ndarray":
        """Return the value before each token of the answer, [answer tokens]."""
        return self._states(sample) @ self.weights + self.mean

    def _states(self, sample: Sample) -> "np.ndarray":
        import torch

        with torch.inference_mode():
            ids = torch.tensor([sample.ids], device=self.model.device)
            hidden = self.model(ids, output_hidden_states=True).hidden_states[-1][0, sample.start - 1 : -1]
        return hidden.double().cpu().numpy()


def _ridge(states: "Sequence[np.ndarray]", rewards: Sequence[float], ridge: float) -> "tuple[float, np.ndarray]":
    """Return mean and weights of the linear fit of each answer's reward to all of its states [tokens, width]."""
    import numpy as np

    inputs = np.concatenate(states)
    targets = np.concatenate([np.full(len(part), reward) for part, reward in zip(states, rewards, strict=True)])
    gram = inputs.T @ inputs + ridge * np.eye(inputs.shape[1])
    return targets.mean(), np.linalg.solve(gram, inputs.T @ (targets - targets.mean()))


def gradient_noise(
    model: "PreTrainedModel", samples: Sequence[Sample], weights: Mapping[str, Sequence]
) -> dict[str, float]:
    """Return by name the variance of one answer's gradient, summed over all parameters.

    `weights[name][i]` is what the log-probabilities of answer i are weighted with: one number, or one a token.
    """
    return {name: _variance(model, samples, given) for name, given in weights.items()}


def _variance(model: "PreTrainedModel", samples: Sequence[Sample], weights: Sequence) -> float:
    """Return mean |g|^2 - |mean g|^2, with Bessel's correction."""
    import torch
    from torch.nn.utils import get_total_norm

    parameters = [one for one in model.parameters() if one.requires_grad]
    total = [torch.zeros_like(one) for one in parameters]
    squares = []
    for sample, weight in zip(samples, weights, strict=True):
        gradient = torch.autograd.grad(_weighted_log_p(model, sample, weight), parameters)
        squares.append(float(get_total_norm(gradient)) ** 2)  # one number from the GPU an answer, not one a tensor
        for running, part in zip(total, gradient, strict=True):
            running += part
    count = len(samples)
    mean_square = (float(get_total_norm(total)) / count) ** 2
    return (fmean(squares) - mean_square) * count / (count - 1)


def _weighted_log_p(model: "PreTrainedModel", sample: Sample, weight: object):
    """Return the sum over the answer's tokens of weight x log p(token)."""
    import torch

    ids = torch.tensor([sample.ids], device=model.device)
    log_p = torch.log_softmax(model(ids).logits[0, :-1].float(), -1)
    picked = log_p.gather(-1, ids[0, 1:, None])[sample.start - 1 :, 0]
    return (torch.as_tensor(weight, dtype=picked.dtype, device=picked.device) * picked).sum()
