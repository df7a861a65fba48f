"""The pocket model's recipe: every number that decides what comes out."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    """Architecture, data and schedule. Sizes are in tokens unless said otherwise."""

    # Architecture: two more layers bought nothing on this world; a narrower model read passages less well.
    hidden_size: int = 256
    layers: int = 4
    heads: int = 8
    mlp_size: int = 704
    context: int = 384
    vocabulary: int = 2560

    # Data, in characters of generated text. Early text is heavy on reading (shared.world.corpus).
    tokenizer_characters: int = 8_000_000
    early_characters: int = 260_000_000
    characters: int = 640_000_000

    # Schedule. Small batches matter more than many tokens: reading needs optimizer steps to form.
    steps: int = 20_000
    early_share: float = 0.35
    batch: int = 96
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    decay_from: float = 0.45
    weight_decay: float = 0.1
    clip: float = 1.0
    # Answers are one token in twenty, yet they are what the model is for.
    answer_weight: float = 4.0
    seed: int = 0

    def describe(self) -> dict:
        """Return the recipe as plain data."""
        return asdict(self)

    @property
    def tokens(self) -> int:
        """How many tokens training reads."""
        return self.steps * self.batch * self.context
