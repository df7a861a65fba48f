"""TRL's example scripts as a reading list: which file, what it shows, and where in the course it belongs.

Those under trl/scripts come with the package (a test looks for them); `trl NAME` runs them. The others stand in TRL's
repository alone and are listed in its documentation ("Examples", read for release 1.9.2).
"""

from dataclasses import dataclass

REPOSITORY = "https://github.com/huggingface/trl/blob/main"


@dataclass(frozen=True)
class Example:
    """One script: its path in TRL's repository, what to look for in it, the rung that it continues."""

    path: str
    shows: str
    rung: str

    @property
    def url(self) -> str:
        """Where to read it."""
        return f"{REPOSITORY}/{self.path}"


EXAMPLES = (
    Example("trl/scripts/sft.py", "how 20 lines turn arguments and a file into SFTTrainer: what `trl sft` runs", "02"),
    Example("trl/scripts/utils.py", "TrlParser: how a YAML file becomes the defaults of the arguments", "11"),
    Example("trl/scripts/dpo.py", "the same frame around DPOTrainer: what a file can say of a preference run", "06"),
    Example("trl/scripts/grpo.py", "rewards given by the path of a Python function, so that a file can name one", "07"),
    Example("trl/scripts/rloo.py", "the same rewards with another baseline: the mean of the other completions", "07"),
    Example("trl/scripts/reward.py", "a reward model in the same frame", "08"),
    Example("trl/scripts/kto.py", "preferences without pairs: each answer only good or bad", "06"),
    Example("trl/scripts/distillation.py", "a small model learns from a large one's probabilities", "05"),
    Example("examples/scripts/gspo.py", "GRPO with the likelihood ratio of whole sequences", "07"),
    Example("examples/scripts/prm.py", "a reward for each step of a solution instead of for its end", "08"),
    Example("examples/scripts/ppo/ppo.py", "PPO, with the value model that GRPO does without", "08"),
    Example("examples/scripts/online_dpo.py", "DPO on pairs that the model writes itself while it trains", "06"),
    Example(
        "examples/scripts/sdft.py",
        "self-distillation: the model that has seen an example teaches the one that has not",
        "10",
    ),
    Example("examples/scripts/openenv/wordle.py", "GRPO on a game: the reward comes out of an environment", "07"),
    Example("examples/scripts/sft_vlm.py", "the step from text to pictures: what changes in the data", "02"),
)
