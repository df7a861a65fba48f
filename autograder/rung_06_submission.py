"""What rung 06's checker asks a submission for: functions, the reference policy and the trained one, measured again."""

from typing import TYPE_CHECKING, NamedTuple

from autograder.student_code import Call, LearnerFunction
from autograder.submission import Submission, remembered
from shared.artifacts import EvalRecord, LossCurve, RunRecord
from shared.preferences import REPLY_TOKENS, Verdict, judge, pair_rows

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.gap import Look
    from autograder.reevaluation import Engine, Engines
    from autograder.rung_06_derivation import World
    from autograder.rung_06_loss import Pairs, Responses
    from autograder.trained_from import Base, FullModel

REFERENCE, POLICY = "sft", "dpo"  # the stages
# Everybody is measured on the same letters, with the same seed of sampling; the notebook's own evaluation uses seed 0.
ROWS, ROWS_SEED, SAMPLING_SEED = 150, 1, 1
# Less than other rungs ask: the base has read such letters, and small steps go far. Both are told apart by behaviour.
LEAST_MOVE = 0.0005
ROWS_LOSS = 64  # training pairs on which the loss is computed

IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn"
OPTIMAL_POLICY, IMPLIED_REWARD, PREFERENCE = (
    LearnerFunction("answer-derivation", name, IMPORTS) for name in ("optimal_policy", "implied_reward", "preference")
)
RESPONSE_LOGPS, DPO_LOSS, GRADIENT_WEIGHT = (
    LearnerFunction("answer-dpo-loss", name, IMPORTS) for name in ("response_logps", "dpo_loss", "gradient_weight")
)


class Gains(NamedTuple):
    """How much likelier than under the reference the policy finds replies: log pi - log pi_ref, nats, one a reply."""

    chosen: list[float]
    rejected: list[float]

    @property
    def differences(self) -> list[float]:
        """What was gained on chosen over rejected: the implied reward's margin over beta."""
        return [one - other for one, other in zip(self.chosen, self.rejected, strict=True)]


class Replied(NamedTuple):
    """The judge's verdicts on the reference's replies and on the policy's."""

    before: list[Verdict]
    after: list[Verdict]


class Measured(NamedTuple):
    """What both models gave here on held-out letters: verdicts on their sampled replies, the policy's log ratio on its
    own replies (whose mean estimates the divergence), and the gains on held-out and on training pairs."""

    before: list[Verdict]
    after: list[Verdict]
    log_ratios: list[float]
    held_out: Gains
    train: Gains


class Rung06(Submission):
    """A submission of rung 06."""

    learner_functions = (
        ("derivation", OPTIMAL_POLICY, "optimum_calls"),
        ("derivation", IMPLIED_REWARD, "reward_calls"),
        ("derivation", PREFERENCE, "preference_calls"),
        ("dpo-loss", RESPONSE_LOGPS, "logps_calls"),
        ("dpo-loss", DPO_LOSS, "loss_calls"),
        ("dpo-loss", GRADIENT_WEIGHT, "weight_calls"),
    )

    def optimum_calls(self) -> list[Call]:
        """Return the calls of `optimal_policy`: values, then edges."""
        return [world.optimum_call() for world in (*self.worlds, *self.edge_worlds)]

    def reward_calls(self) -> list[Call]:
        """Return the calls of `implied_reward`."""
        return [world.reward_call() for world in self.worlds]

    def preference_calls(self) -> list[Call]:
        """Return the calls of `preference`."""
        return [world.preference_call() for world in self.worlds]

    def logps_calls(self) -> list[Call]:
        """Return the calls of `response_logps`: values, edges, and one that asks for the gradient of the logits."""
        plain = [case.call() for case in (*self.responses, *self.response_edges)]
        return [*plain, self.responses[1].call(gradient=True)]

    def loss_calls(self) -> list[Call]:
        """Return the calls of `dpo_loss`: values, edges, then the policy's two gradients, far out and in an ordinary
        batch, and the reference's in that one.
        """
        plain = [pairs.call() for pairs in (*self.value_pairs, *self.edge_pairs)]
        far = [self.edge_pairs[0].call(gradient_of=of) for of in (0, 1)]
        return plain + far + [self.value_pairs[2].call(gradient_of=of) for of in range(4)]

    def weight_calls(self) -> list[Call]:
        """Return the calls of `gradient_weight`."""
        return [pairs.call() for pairs in (*self.value_pairs, *self.edge_pairs)]

    @remembered
    def worlds(self) -> "list[World]":
        """Small worlds for the derivation."""
        from autograder import rung_06_derivation

        return rung_06_derivation.value_worlds(self.seed)

    @remembered
    def edge_worlds(self) -> "list[World]":
        """Small worlds at the edges."""
        from autograder import rung_06_derivation

        return rung_06_derivation.edge_worlds(self.seed)

    @remembered
    def responses(self) -> "list[Responses]":
        """Batches whose response log-probabilities are compared."""
        from autograder import rung_06_loss

        return rung_06_loss.logps_cases(self.seed)

    @remembered
    def response_edges(self) -> "list[Responses]":
        """Batches at the edges."""
        from autograder import rung_06_loss

        return rung_06_loss.logps_edges(self.seed)

    @remembered
    def value_pairs(self) -> "list[Pairs]":
        """Pairs whose loss and weights are compared."""
        from autograder import rung_06_loss

        return rung_06_loss.value_pairs(self.seed)

    @remembered
    def edge_pairs(self) -> "list[Pairs]":
        """Pairs at the edges."""
        from autograder import rung_06_loss

        return rung_06_loss.edge_pairs(self.seed)

    @remembered
    def run(self) -> RunRecord:
        """What the learner's DPO run says of itself."""
        return self.record(f"artifacts/{POLICY}/run.json", RunRecord)

    @remembered
    def reference_run(self) -> RunRecord:
        """What the run that made the reference says of itself."""
        return self.record(f"artifacts/{REFERENCE}/run.json", RunRecord)

    @remembered
    def curve(self) -> LossCurve:
        """The loss curve of the DPO run."""
        return self.record(f"artifacts/{POLICY}/loss_curve.json", LossCurve)

    @remembered
    def evaluation(self) -> EvalRecord:
        """What the learner measured before and after."""
        return self.record("artifacts/eval.json", EvalRecord)

    @remembered
    def base(self) -> "Base":
        """The base that the runs started from."""
        from autograder.trained_from import base_of

        return base_of(self.run, self.course, self.rung)

    @remembered
    def reference(self) -> "FullModel":
        """The reference policy, once it is known to be a fine-tune of the base."""
        return self._model(REFERENCE)

    @remembered
    def policy(self) -> "FullModel":
        """The trained policy, once it is known to be a fine-tune of the base."""
        return self._model(POLICY)

    @remembered
    def engines(self) -> "Engines":
        """Reference and policy, ready to answer."""
        from autograder.reevaluation import Engines, engines

        (_, reference, together), (_, policy, _) = (engines(self.base, one) for one in (self.reference, self.policy))
        return Engines(reference, policy, together)

    @remembered
    def measured(self) -> Measured:
        """What both models give here: the costly part of the check."""
        from autograder.reevaluation import run_all

        held_out, train = pair_rows(self.split, ROWS, ROWS_SEED), pair_rows("train", ROWS_LOSS)
        before, after = self.replies(held_out)
        own = [{"prompt": row["prompt"], "completion": text} for row, text in zip(held_out, after, strict=True)]
        asked = [own, *(_with(pairs, kind) for pairs in (held_out, train) for kind in ("chosen", "rejected"))]
        jobs = [lambda e=e, p=p: _logps(e, p) for p in asked for e in (self.engines.after, self.engines.before)]
        found = run_all(jobs, self.engines.together)
        gains = [[a - b for a, b in zip(*found[i : i + 2], strict=True)] for i in range(0, len(found), 2)]
        verdicts = judge(held_out, before), judge(held_out, after)
        return Measured(*verdicts, gains[0], Gains(*gains[1:3]), Gains(*gains[3:5]))

    def gap_looks(self) -> "list[Look]":
        """Return the looks at the policy's replies: their tone, and their promises."""
        from autograder.gap import look

        public, hidden = self.measured_public.after, self.measured.after
        return [
            look("polite replies to letters", [one.polite for one in public], [one.polite for one in hidden]),
            look("promises to letters", [one.right for one in public], [one.right for one in hidden]),
        ]

    @remembered
    def measured_public(self) -> Replied:
        """The verdicts on both models' replies to public letters: the learner's claims are about those."""
        if self.split == "public":
            return Replied(self.measured.before, self.measured.after)
        letters = pair_rows("public", ROWS, ROWS_SEED)
        return Replied(*(judge(letters, texts) for texts in self.replies(letters)))

    def replies(self, letters: list[dict]) -> list[list[str]]:
        """Return what the reference and what the policy write to these letters, sampled."""
        from autograder.reevaluation import run_all
        from autograder.sampling import sampled

        prompts = [row["prompt"] for row in letters]
        pair = (self.engines.before, self.engines.after)
        jobs = [lambda e=e: sampled(e, prompts, REPLY_TOKENS, SAMPLING_SEED) for e in pair]
        return run_all(jobs, self.engines.together)

    def _model(self, stage: str) -> "FullModel":
        from autograder.trained_from import moved_model

        return moved_model(self.path(f"artifacts/{stage}"), self.folder, self.base, least=LEAST_MOVE)


def _with(pairs: list[dict], kind: str) -> list[dict]:
    return [{"prompt": row["prompt"], "completion": row[kind]} for row in pairs]


def _logps(engine: "Engine", replied: list[dict]) -> list[float]:
    """Return log p of each completion and its end token, nats."""
    return [-row.completion for row in engine.losses(replied)]
