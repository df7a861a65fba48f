"""What rung 08's checker asks a submission for: its functions, its reward model, and fresh scores."""

from typing import TYPE_CHECKING, NamedTuple

from autograder.student_code import Call, LearnerFunction
from autograder.submission import Submission, remembered
from shared.artifacts import EvalRecord, LossCurve, RunRecord
from shared.reward_pairs import CONTRASTS, TRAINED, pairs, twins, wordy
from shared.reward_record import BEST_OF_N, BestOfN

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from collections.abc import Mapping, Sequence

    from autograder.gap import Look
    from autograder.reward_engine import Scorer
    from autograder.rung_08_best import BestCase
    from autograder.rung_08_loss import LossCase, ReadCase
    from autograder.trained_from import Base, FullModel

STAGE = "reward"
IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn"
PREFERENCE_LOSS = LearnerFunction("answer-preference-loss", "preference_loss", IMPORTS)
LAST_SCORES = LearnerFunction("answer-preference-loss", "last_scores", IMPORTS)
BEST = LearnerFunction("answer-best-of-n", "best_of_n", "import math\nfrom math import comb, log\nimport numpy as np")
BEST_KL = LearnerFunction("answer-best-of-n", "best_of_n_kl", BEST.setup)

# Everybody is measured on the same pairs; the notebook's own evaluation uses seed 0.
PAIRS_SEED = 1
# A share meets its threshold when it is at least that, with no allowance either way. One standard error at 0.85 is
# 0.025 of 200 pairs, at 0.95 it is 0.015: aim above a threshold, not at it.
PAIRS = 200  # of each contrast
TRAINED_PAIRS = 96  # training pairs on which the model's loss is computed
TWINS = 150
WORDY = 150  # pairs whose worse reply is the longer, by small talk


class Measured(NamedTuple):
    """What the submitted model scores here: margins, reward of the better minus reward of the other.

    `contrasts`: of held-out pairs by contrast; `training`: of training pairs; `wordy`: of held-out pairs whose worse
    reply is the longer; `twins`: of one reply with small talk minus the same without.
    """

    contrasts: dict[str, list[float]]
    training: list[float]
    wordy: list[float]
    twins: list[float]


class Rung08(Submission):
    """A submission of rung 08."""

    stage = STAGE
    learner_functions = (
        ("preference-loss", PREFERENCE_LOSS, "loss_calls"),
        ("preference-loss", LAST_SCORES, "read_calls"),
        ("best-of-n", BEST, "best_calls"),
        ("best-of-n", BEST_KL, "kl_calls"),
    )

    def loss_calls(self) -> list[Call]:
        """Return the calls of `preference_loss`: values, edges, then both gradients of some of each."""
        plain = [case.call() for case in (*self.loss_cases, *self.loss_edges)]
        return plain + [case.call(gradient_of=of) for case in self.gradient_cases for of in (0, 1)]

    def read_calls(self) -> list[Call]:
        """Return the calls of `last_scores`."""
        return [case.call() for case in self.read_cases]

    def best_calls(self) -> list[Call]:
        """Return the calls of `best_of_n`."""
        return [case.call() for case in self.best_cases]

    def kl_calls(self) -> list[Call]:
        """Return the calls of `best_of_n_kl`."""
        from autograder.rung_08_best import SIZES

        return [Call((n,)) for n in SIZES]

    @remembered
    def loss_cases(self) -> "list[LossCase]":
        """Batches whose loss is compared."""
        from autograder import rung_08_loss

        return rung_08_loss.loss_cases(self.seed)

    @remembered
    def loss_edges(self) -> "list[LossCase]":
        """Batches at the edges."""
        from autograder import rung_08_loss

        return rung_08_loss.loss_edges(self.seed)

    @property
    def gradient_cases(self) -> "list[LossCase]":
        """Two ordinary batches, and the two with a margin so large that a careless formula gives no number."""
        return [*self.loss_cases[:2], *self.loss_edges[:2]]

    @remembered
    def read_cases(self) -> "list[ReadCase]":
        """Batches whose last scores are compared."""
        from autograder import rung_08_loss

        return rung_08_loss.read_cases(self.seed)

    @remembered
    def best_cases(self) -> "list[BestCase]":
        """Samples whose best of n is compared."""
        from autograder import rung_08_best

        return rung_08_best.best_cases(self.seed)

    @remembered
    def run(self) -> RunRecord:
        """What the learner's run says of itself."""
        return self.record(f"artifacts/{STAGE}/run.json", RunRecord)

    @remembered
    def curve(self) -> LossCurve:
        """The loss curve of the run."""
        return self.record(f"artifacts/{STAGE}/loss_curve.json", LossCurve)

    @remembered
    def evaluation(self) -> EvalRecord:
        """What the learner measured before and after."""
        return self.record("artifacts/eval.json", EvalRecord)

    @remembered
    def best_of_n(self) -> BestOfN:
        """What the learner sampled, and the curve drawn from it."""
        return self.record(BEST_OF_N, BestOfN)

    @remembered
    def base(self) -> "Base":
        """The base that the run started from, as a reward model sees it."""
        from autograder.reward_engine import reward_base
        from autograder.trained_from import base_of

        return reward_base(base_of(self.run, self.course, self.rung))

    @remembered
    def trained(self) -> "FullModel":
        """The submitted reward model, once it is known to be the base, trained, with a head."""
        from autograder.reward_engine import head_of
        from autograder.trained_from import moved_model

        return moved_model(self.path(f"artifacts/{STAGE}"), self.folder, self.base, head_of(self.base))

    @remembered
    def scorer(self) -> "Scorer":
        """The submitted reward model, ready to score."""
        from autograder import reward_engine

        return reward_engine.scorer(self.base, self.trained)

    @remembered
    def measured(self) -> Measured:
        """What the submitted model scores here: the costly part of the check."""
        held_out = {one: pairs(self.split, PAIRS, PAIRS_SEED, contrasts=[one]) for one in CONTRASTS}
        return Measured(
            {one: self.margins(held_out[one]) for one in CONTRASTS},
            self.margins(pairs("train", TRAINED_PAIRS, contrasts=TRAINED)),
            self.margins(wordy(self.split, WORDY, PAIRS_SEED)),
            self.margins(twins(self.split, TWINS, PAIRS_SEED), "long", "short"),
        )

    @remembered
    def measured_public(self) -> dict[str, list[float]]:
        """The margins of public pairs by contrast: the learner's claims are about those."""
        if self.split == "public":
            return self.measured.contrasts
        return {one: self.margins(pairs("public", PAIRS, PAIRS_SEED, contrasts=[one])) for one in CONTRASTS}

    def gap_looks(self) -> "list[Look]":
        """Return the looks at the trained contrasts: which pairs are ranked rightly."""
        from autograder.gap import look

        public, hidden = self.measured_public, self.measured.contrasts
        return [look(f"{one} pairs", [m > 0 for m in public[one]], [m > 0 for m in hidden[one]]) for one in TRAINED]

    def margins(self, rows: "Sequence[Mapping]", better: str = "chosen", other: str = "rejected") -> list[float]:
        """Return the reward of each row's `better` reply minus that of the `other`."""
        prompts = [row["prompt"] for row in rows]
        scores = self.scorer.scores(
            [*prompts, *prompts], [*(row[better] for row in rows), *(row[other] for row in rows)]
        )
        return [one - two for one, two in zip(scores[: len(rows)], scores[len(rows) :], strict=True)]
