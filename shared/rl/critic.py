"""PPO's value model, trained as it is in PPO: a whole copy of the base that predicts the reward before each token.

For the measurement of what it buys (`shared.rl.variance`); minutes on a CPU, so a notebook quotes the table.
"""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.models import base_folder, base_spec
from shared.quiet import quiet
from shared.rl.variance import Sample

if TYPE_CHECKING:
    import numpy as np
    import torch

BATCH, RATE = 64, 3e-4


class TrainedCritic:
    """A value of every prefix, from a copy of the base with one output, trained on answers and their rewards.

    Squared error against the reward that followed, at every token of the answer (returns that are not discounted).
    """

    def __init__(self, samples: Sequence[Sample], *, epochs: int, seed: int = 0):
        import torch
        from transformers import AutoModelForTokenClassification, set_seed

        set_seed(seed)  # the output layer is new, and random
        with quiet():
            self.model = AutoModelForTokenClassification.from_pretrained(
                base_folder(base_spec()), num_labels=1, dtype=torch.float32
            )
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE)
        stream, order = random.Random(seed), list(samples)
        for _ in range(epochs):
            stream.shuffle(order)
            for start in range(0, len(order), BATCH):
                optimizer.zero_grad()
                self._loss(order[start : start + BATCH]).backward()
                optimizer.step()
        self.model.eval()

    def __call__(self, sample: Sample) -> "np.ndarray":
        """Return the value before each token of the answer, [answer tokens]."""
        import torch

        with torch.inference_mode():
            values = self.model(torch.tensor([sample.ids])).logits[0, :, 0]
        return values[sample.start - 1 : -1].double().numpy()

    def _loss(self, batch: Sequence[Sample]) -> "torch.Tensor":
        """Return the mean squared error over the answers' tokens; padded on the right, which a causal model ignores."""
        import torch

        width = max(len(one.ids) for one in batch)
        ids = torch.tensor([one.ids + [0] * (width - len(one.ids)) for one in batch])
        values = self.model(ids).logits[:, :, 0]
        places = torch.arange(width)
        starts, ends = (torch.tensor(ends)[:, None] for ends in zip(*((o.start - 1, len(o.ids) - 1) for o in batch)))
        counts = ((places >= starts) & (places < ends)).float()
        errors = (values - torch.tensor([one.reward for one in batch])[:, None]) ** 2
        return (errors * counts).sum() / counts.sum()
