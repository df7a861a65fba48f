"""Both engines continue prompts as the notebook's `generate` does."""

import pytest

from autograder.continuing import continued
from autograder.reevaluation import NumpyEngine, TorchEngine
from autograder.trained_from import open_base
from shared import wiki
from shared.course import load_course


@pytest.mark.slow
def test_both_engines_say_what_generate_says(tiny_base):
    from shared.evaluation import generate

    base = open_base(load_course().profile("pocket"), tiny_base)
    prompts = [row["prompt"] for row in wiki.ways_to_ask()["manager, as a question"][:5]]
    torch_engine = TorchEngine(base, None, False)
    right = generate(torch_engine.model, torch_engine.tokenizer, prompts, max_new_tokens=6, stop_at_newline=True,
                     progress=False)  # fmt: skip
    assert any(right)
    assert continued(torch_engine, prompts, 6) == right
    assert continued(NumpyEngine(base, dict(base.tensors())), prompts, 6) == right
