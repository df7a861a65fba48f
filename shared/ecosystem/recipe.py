"""The one recipe that every tool's configuration states: rung 03's LoRA fine-tune on tickets."""

from dataclasses import dataclass

from shared.models import profile_here

RUNG = "11"
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")  # every linear layer


@dataclass(frozen=True)
class Recipe:
    """What is trained, how long and how fast. `precision` is "float32" or "bfloat16"; `max_length` counts tokens.

    The rows divide evenly: 640 rows are 40 batches of 16, and 400 steps are 10 epochs. So the tools that count
    epochs do the same work as those that count steps.
    """

    learning_rate: float
    precision: str
    device: str
    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] = TARGETS
    steps: int = 400
    warmup_steps: int = 20
    schedule: str = "cosine"
    batch: int = 16
    max_length: int = 256
    rows: int = 640
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Passes over the rows, for a tool that counts them. Raises ValueError where the steps end within one."""
        epochs, rest = divmod(self.steps * self.batch, self.rows)
        if rest or self.rows % self.batch:
            raise ValueError(f"{self.steps} steps of {self.batch} rows are no whole passes over {self.rows} rows")
        return epochs


RECIPES = {
    "pocket": Recipe(learning_rate=3e-3, precision="float32", device="cpu"),
    "gpu": Recipe(learning_rate=2e-4, precision="bfloat16", device="cuda"),
}


def recipe_here(profile: str | None = None) -> Recipe:
    """Return the recipe of `profile`, by default the one that this machine gets."""
    return RECIPES[profile_here(profile).name]
