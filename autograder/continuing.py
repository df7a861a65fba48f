"""Let one of the checker's models continue prompts of any kind, as `shared.evaluation.generate` does in a notebook."""

from collections.abc import Sequence

from autograder.reevaluation import Engine, NumpyEngine


def continued(engine: Engine, prompts: Sequence[str], tokens: int) -> list[str]:
    """Return each prompt's likeliest continuation, up to the end token, `tokens` tokens or the first line break."""
    if isinstance(engine, NumpyEngine):
        ids = [engine.words.ids(prompt) for prompt in prompts]
        found = engine.model.continue_greedily(ids, engine.words.stops, tokens)
        return [engine.words.text(one).split("\n")[0] for one in found]

    from shared.evaluation import generate

    return generate(
        engine.model, engine.tokenizer, prompts, max_new_tokens=tokens, stop_at_newline=True, progress=False
    )
