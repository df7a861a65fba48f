"""Let one of the checker's models sample answers at temperature 1, as a notebook does.

NumPy and PyTorch draw different numbers from one seed: the two give samples of one distribution, not the same texts.
"""

from collections.abc import Sequence

from autograder.llama import sampler
from autograder.reevaluation import Engine, NumpyEngine
from shared.rl.groups import Groups


def sampled(engine: Engine, prompts: Sequence[str], tokens: int, seed: int) -> list[str]:
    """Return one continuation of each prompt, up to the end token, `tokens` tokens or a line break."""
    if isinstance(engine, NumpyEngine):
        return [text.split("\n")[0] for text in _continued(engine, prompts, engine.words.stops, tokens, seed)]

    from shared.evaluation import generate

    return generate(
        engine.model, engine.tokenizer, prompts, max_new_tokens=tokens, temperature=1.0, seed=seed,
        stop_at_newline=True, progress=False,
    )  # fmt: skip


def sampled_groups(engine: Engine, prompts: Sequence[str], size: int, *, tokens: int, seed: int) -> Groups:
    """Return for each prompt `size` answers, each up to the end token or `tokens` tokens."""
    if not isinstance(engine, NumpyEngine):
        from shared.rl.groups import sample_groups

        return sample_groups(engine.model, engine.tokenizer, prompts, size, tokens=tokens, seed=seed)

    texts = _continued(engine, [prompt for prompt in prompts for _ in range(size)], {engine.words.end}, tokens, seed)
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def _continued(engine: NumpyEngine, prompts: Sequence[str], stops: set[int], tokens: int, seed: int) -> list[str]:
    ids = [engine.words.ids(prompt) for prompt in prompts]
    found = engine.model.continue_by(sampler(seed), ids, stops, tokens)
    return [engine.words.text(one) for one in found]
