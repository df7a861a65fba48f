"""`best_of_n.json`: what was sampled, how a reward model scored it, and the curve that follows."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from shared.artifacts import Artifact

BEST_OF_N = "artifacts/best_of_n.json"


class BestRow(Artifact):
    """One point of the curve: for best of `n`, the divergence's bound and the mean proxy and gold scores."""

    n: Annotated[int, Field(ge=1)]
    kl: float
    proxy: float
    gold: float


class BestOfN(Artifact):
    """Samples of the base by prompt, each with the reward model's score; and the curve, n increasing."""

    largest: ClassVar[int] = 4_000_000

    stage: str
    prompts: Annotated[list[str], Field(min_length=1)]
    samples: list[list[str]]
    rewards: list[list[float]]
    curve: Annotated[list[BestRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _sizes_agree(self) -> "BestOfN":
        sizes = {len(self.prompts), len(self.samples), len(self.rewards)}
        if len(sizes) > 1 or [*map(len, self.samples)] != [*map(len, self.rewards)]:
            raise ValueError("expected one list of samples and one of rewards a prompt, of one length")
        return self
