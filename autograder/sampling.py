"""Let one of the checker's models write replies at random, as `shared.preferences.sample_replies` does in a notebook.

NumPy and PyTorch draw different numbers from one seed: the two give samples of one distribution, not the same texts.
"""

import copy
from collections.abc import Sequence

import numpy as np

from autograder.reevaluation import Engine, NumpyEngine


def sampled(engine: Engine, prompts: Sequence[str], tokens: int, seed: int) -> list[str]:
    """Return one continuation of each prompt at temperature 1, up to the end token, `tokens` tokens or a line break.

    The largest of log p + Gumbel noise falls on each token with its probability p (the Gumbel-max trick: Gumbel 1954,
    "Statistical theory of extreme values and some practical applications").
    """
    if isinstance(engine, NumpyEngine):
        stream = np.random.default_rng(seed)
        model = copy.copy(engine.model)
        model.pick = lambda scores: (scores + stream.gumbel(size=scores.shape)).argmax(-1)
        ids = [engine.tokenizer.encode(prompt).ids for prompt in prompts]
        found = model.continue_greedily(ids, engine.stops, tokens)
        return [engine.tokenizer.decode(one, skip_special_tokens=True).split("\n")[0] for one in found]

    from shared.evaluation import generate

    return generate(
        engine.model, engine.tokenizer, prompts, max_new_tokens=tokens, temperature=1.0, seed=seed,
        stop_at_newline=True, progress=False,
    )  # fmt: skip
