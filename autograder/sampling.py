"""Let one of the checker's models sample answers, as `shared.rl.groups.sample_groups` does in a notebook."""

from collections.abc import Sequence

from autograder.llama import sampler
from autograder.reevaluation import Engine, NumpyEngine
from shared.rl.groups import Groups


def sampled_groups(engine: Engine, prompts: Sequence[str], size: int, *, tokens: int, seed: int) -> Groups:
    """Return for each prompt `size` answers, sampled at temperature 1 up to the end token or `tokens` tokens."""
    if not isinstance(engine, NumpyEngine):
        from shared.rl.groups import sample_groups

        return sample_groups(engine.model, engine.tokenizer, prompts, size, tokens=tokens, seed=seed)

    ids = [engine.tokenizer.encode(prompt).ids for prompt in prompts for _ in range(size)]
    found = engine.model.continue_by(sampler(seed), ids, {engine.end}, tokens)
    texts = [engine.tokenizer.decode(one, skip_special_tokens=True) for one in found]
    return [texts[start : start + size] for start in range(0, len(texts), size)]
