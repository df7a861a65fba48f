"""What rung 07's checker asks a submission for: the learner's functions, the run, and fresh samples of both models."""

from typing import TYPE_CHECKING, NamedTuple

from autograder import rung_07_passk as passk
from autograder.student_code import Call, LearnerFunction
from autograder.submission import remembered
from autograder.ticket_submission import TicketSubmission
from shared.rl.groups import TASK, TOKENS, right_counts
from shared.rl.rollouts import FOLDER, RolloutLog
from shared.world import rows, sorting

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.gap import Look
    from autograder.reevaluation import Engine
    from autograder.rung_07_advantages import RewardCase
    from autograder.rung_07_loss import PolicyCase
    from autograder.trained_from import FullModel

STAGE = "grpo"
# A GPU's recipe takes steps a hundred times smaller: 200 of 2e-6 go about 0.1% in all if each goes its own way.
LEAST_MOVE = {"pocket": 0.003, "gpu": 0.0003}

# Everybody is measured on the same orders; the notebook's own evaluation uses seed 0.
ROWS_SEED = 1
SAMPLING_SEED = 1  # the same at every check: asking again must not be another draw
ORDERS, SIZE = 60, 8  # 480 answers a model: a share near 0.9 is known to within 0.03, near 0.5 to within 0.05 (95%)
PUBLIC_ORDERS = 40  # when the measured orders are hidden ones, the claim is held against so many public ones
KEPT_ROWS = 60  # of each earlier skill
READING_TOKENS, SORTING_TOKENS = 16, 40

IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom math import comb"
GROUP_ADVANTAGES = LearnerFunction("answer-advantages", "group_advantages", IMPORTS)
KL_K3 = LearnerFunction("answer-grpo-loss", "kl_k3", IMPORTS)
GRPO_LOSS = LearnerFunction("answer-grpo-loss", "grpo_loss", IMPORTS)
PASS_AT_K = LearnerFunction("answer-pass-at-k", "pass_at_k", IMPORTS)


class Sampled(NamedTuple):
    """Right answers of SIZE to each order, before and after, and which rows of earlier skills each has right."""

    before: list[int]
    after: list[int]
    kept_before: dict[str, list[bool]]
    kept_after: dict[str, list[bool]]


class Rung07(TicketSubmission):
    """A submission of rung 07."""

    stage = STAGE
    learner_functions = (
        ("advantages", GROUP_ADVANTAGES, "advantage_calls"),
        ("grpo-loss", KL_K3, "kl_calls"),
        ("grpo-loss", GRPO_LOSS, "loss_calls"),
        ("pass-at-k", PASS_AT_K, "pass_calls"),
    )

    def advantage_calls(self) -> list[Call]:
        """Return the calls of `group_advantages`: values, then edges."""
        return [case.call() for case in (*self.reward_cases, *self.reward_edges)]

    def kl_calls(self) -> list[Call]:
        """Return the calls of `kl_k3`."""
        from autograder.rung_07_loss import kl_cases
        from autograder.student_code import tensor

        return [Call(tuple(tensor(part.tolist(), "float32") for part in pair)) for pair in kl_cases(self.seed)]

    def loss_calls(self) -> list[Call]:
        """Return the calls of `grpo_loss`: values and edges, then those whose gradient is wanted."""
        plain = [case.call() for case in (*self.loss_cases, *self.loss_edges)]
        return plain + [case.call(gradient=True) for case in self.gradient_cases]

    def pass_calls(self) -> list[Call]:
        """Return the calls of `pass_at_k`."""
        return passk.calls(self.seed)

    @remembered
    def reward_cases(self) -> "list[RewardCase]":
        """Batches whose advantages are compared."""
        from autograder import rung_07_advantages

        return rung_07_advantages.value_cases(self.seed)

    @remembered
    def reward_edges(self) -> "list[RewardCase]":
        """Batches of rewards at the edges."""
        from autograder import rung_07_advantages

        return rung_07_advantages.edge_cases(self.seed)

    @remembered
    def loss_cases(self) -> "list[PolicyCase]":
        """Batches whose loss is compared."""
        from autograder import rung_07_loss

        return rung_07_loss.value_cases(self.seed)

    @remembered
    def loss_edges(self) -> "list[PolicyCase]":
        """Batches of answers at the edges."""
        from autograder import rung_07_loss

        return rung_07_loss.edge_cases(self.seed)

    @remembered
    def gradient_cases(self) -> "list[PolicyCase]":
        """Batches whose gradient is compared."""
        from autograder import rung_07_loss

        return rung_07_loss.gradient_cases(self.seed)

    @remembered
    def rollouts(self) -> RolloutLog:
        """What the run sampled, step by step, as the submission says."""
        return self.record(str(FOLDER / f"{STAGE}.json"), RolloutLog)

    @remembered
    def trained(self) -> "FullModel":
        """The submitted model, once it is known to be a fine-tune of the base."""
        from autograder.trained_from import moved_model

        least = LEAST_MOVE[self.run.profile]
        return moved_model(self.path(f"artifacts/{STAGE}"), self.folder, self.base, least=least)

    @remembered
    def task(self) -> str:
        """The orders of the profile that the work was done on."""
        return TASK[self.base.profile.name]

    @remembered
    def measured(self) -> Sampled:
        """What both models give here: the costly part of the check."""
        from autograder.reevaluation import run_all

        before, after, together = self.engines
        asked = rows(self.task, self.split, ORDERS, ROWS_SEED)
        jobs = [lambda engine=engine: self.counts(engine, asked) for engine in (before, after)]
        jobs += [lambda engine=engine: kept_skills(engine, self.split) for engine in (before, after)]
        return Sampled(*run_all(jobs, together))

    @remembered
    def measured_public(self) -> list[int]:
        """Right answers of the submitted model to public orders: the learner's claims are about those."""
        if self.split == "public":
            return self.measured.after
        return self.counts(self.engines.after, rows(self.task, "public", PUBLIC_ORDERS, ROWS_SEED))

    def gap_looks(self) -> "list[Look]":
        """Return the look at orders; the answers to one order are alike, so each order counts as one answer."""
        from autograder.gap import Look

        public, hidden = ((round(sum(one) / SIZE), len(one)) for one in (self.measured_public, self.measured.after))
        return [Look("orders", public, hidden)]

    def counts(self, engine: "Engine", asked: list[dict]) -> list[int]:
        """Return how many of SIZE sampled answers to each order the verifier accepts."""
        from autograder.sampling import sampled_groups

        prompts, totals = [row["prompt"] for row in asked], [row["total"] for row in asked]
        tokens = TOKENS[self.base.profile.name]
        return right_counts(sampled_groups(engine, prompts, SIZE, tokens=tokens, seed=SAMPLING_SEED), totals)


def kept_skills(engine: "Engine", split: str) -> dict[str, list[bool]]:
    """Return which rows of reading and of sorting the model has right, by its likeliest answer."""
    from autograder.continuing import continued

    passages, shelves = rows("reading", split, KEPT_ROWS), rows("sorting", split, KEPT_ROWS)
    read = continued(engine, [row["prompt"] for row in passages], READING_TOKENS)
    put = continued(engine, [row["prompt"] for row in shelves], SORTING_TOKENS)
    return {
        "reading": [text.strip().rstrip(".") == row["answer"] for text, row in zip(read, passages, strict=True)],
        "sorting": [sorting.is_right(text, row["labels"]) for text, row in zip(put, shelves, strict=True)],
    }
