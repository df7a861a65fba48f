"""What rung 10's checker asks a submission for: functions, the matrix with its rows, and every model's answers here.

One model is in memory at a time.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from autograder import rung_10_keeping as keeping
from autograder import rung_10_metrics as metrics
from autograder.criteria import NotMet
from autograder.student_code import Call, LearnerFunction
from autograder.submission import Submission, remembered
from shared.artifacts import LossCurve, RunRecord
from shared.continual.matrix import KEPT, MATRIX, MODELS, NAIVE, MatrixRecord
from shared.continual.skills import SKILLS, exam
from shared.harness.running import scored

if TYPE_CHECKING:  # NumPy and what needs it are imported where they are used: a check of JSON alone stays quick
    from autograder.gap import Look
    from autograder.reevaluation import Engine
    from autograder.trained_from import Base, FullModel
    from shared.harness.task import Task

STAGES = MODELS[1:]
LEAST_ROWS, MOST_ROWS = 100, 1_000  # of an exam in matrix.json
ROWS_AGAIN = 30  # of each model's rows on each skill that are asked again, drawn at random for each check
FRESH_ROWS, FRESH_SEED = 100, 20_000  # an exam that no notebook has shown

METRICS = tuple(LearnerFunction("answer-metrics", name, "import numpy as np\nimport torch") for name in metrics.NAMES)
TORCH = "import torch\nimport torch.nn.functional as F"
FISHER = LearnerFunction("answer-ewc", "fisher", TORCH)
PENALTY = LearnerFunction("answer-ewc", "penalty", TORCH)
MIX = LearnerFunction("answer-keep", "replay_mix", "import random\nimport torch")
BETWEEN = LearnerFunction("answer-keep", "interpolate", "import random\nimport torch")

# Of the naive run each old skill just after it was learned and at the end; of the kept run its last model.
FRESH_OF = {NAIVE[0]: SKILLS[:1], NAIVE[1]: SKILLS[1:2], NAIVE[2]: SKILLS, KEPT[2]: SKILLS}
Scores = dict[str, dict[str, list[float]]]  # model -> skill -> a score a row


class Again(NamedTuple):
    """One model's rows of one skill asked again: how many, and in how many the learner's scores differ."""

    model: str
    skill: str
    rows: int
    differ: int


def scores_here(engine: "Engine", task: "Task") -> list[float]:
    """Return what a model scores on each of a task's rows, by its likeliest answers."""
    from autograder.continuing import continued

    return scored(task, continued(engine, task.prompts, task.tokens))


class Rung10(Submission):
    """A submission of rung 10."""

    gap_criterion = "matrix-measured"
    learner_functions = (
        *(("metrics", function, f"{function.name}_calls") for function in METRICS),
        ("ewc", FISHER, "fisher_calls"),
        ("ewc", PENALTY, "penalty_calls"),
        ("keep", MIX, "mix_calls"),
        ("keep", BETWEEN, "between_calls"),
    )

    def average_accuracy_calls(self) -> list[Call]:
        """Return the calls of `average_accuracy`."""
        return [case.call("average_accuracy") for case in metrics.cases(self.seed)]

    def backward_transfer_calls(self) -> list[Call]:
        """Return the calls of `backward_transfer`."""
        return [case.call("backward_transfer") for case in metrics.cases(self.seed)]

    def forgetting_calls(self) -> list[Call]:
        """Return the calls of `forgetting`."""
        return [case.call("forgetting") for case in metrics.cases(self.seed)]

    def forward_transfer_calls(self) -> list[Call]:
        """Return the calls of `forward_transfer`."""
        return [case.call("forward_transfer") for case in metrics.cases(self.seed)]

    def fisher_calls(self) -> list[Call]:
        """Return the calls of `fisher`."""
        from autograder.rung_10_ewc import fisher_cases

        return [case.call() for case in fisher_cases(self.seed)]

    def penalty_calls(self) -> list[Call]:
        """Return the calls of `penalty`: values, then the same with their gradients."""
        from autograder.rung_10_ewc import penalty_cases

        asked = penalty_cases(self.seed)
        return [case.call() for case in asked] + [case.call(gradient=True) for case in asked]

    def mix_calls(self) -> list[Call]:
        """Return the calls of `replay_mix`."""
        return keeping.mix_calls(self.seed)

    def between_calls(self) -> list[Call]:
        """Return the calls of `interpolate`."""
        return [case.call() for case in keeping.between_cases(self.seed)]

    @remembered
    def runs(self) -> dict[str, RunRecord]:
        """What each stage's run says of itself."""
        return {stage: self.record(f"artifacts/{stage}/run.json", RunRecord) for stage in STAGES}

    @remembered
    def curves(self) -> dict[str, LossCurve]:
        """Each stage's loss curve."""
        return {stage: self.record(f"artifacts/{stage}/loss_curve.json", LossCurve) for stage in STAGES}

    @remembered
    def base(self) -> "Base":
        """The base that the first run started from."""
        from autograder.trained_from import base_of

        return base_of(self.runs[STAGES[0]], self.course, self.rung)

    @remembered
    def models(self) -> "dict[str, FullModel]":
        """Each stage's model, once it is known to be a fine-tune of the base."""
        from autograder.trained_from import moved_model

        return {stage: moved_model(self.path(f"artifacts/{stage}"), self.folder, self.base) for stage in STAGES}

    @remembered
    def matrix(self) -> MatrixRecord:
        """The learner's matrix with its rows, once it is about this base and the course's exam. Raises NotMet."""
        record = self.record(MATRIX, MatrixRecord)
        if record.base.fingerprint != self.runs[STAGES[0]].base.fingerprint:
            raise NotMet(f"matrix.json is about {record.base.id!r}, not about the runs' base", hint="Save it again.")
        if not LEAST_ROWS <= record.n <= MOST_ROWS:
            raise NotMet(f"matrix.json: {record.n} rows a skill, expected {LEAST_ROWS} to {MOST_ROWS:,}")
        wanted = {task.name: task.fingerprint for task in self.claimed_exam(record)}
        if record.fingerprints != wanted:
            raise NotMet("matrix.json: the rows asked are not the exam's", hint="Use exam('public', n, seed) as it is.")
        missing = [f"{model} on {skill}" for model in MODELS for skill in SKILLS
                   if skill not in record.scores.get(model, {})]  # fmt: skip
        if missing:
            raise NotMet(f"matrix.json: no scores of {missing[0]}", hint="Ask every model every skill, the base too.")
        return record

    def claimed_exam(self, record: MatrixRecord) -> "list[Task]":
        """Return the public exam that a record's seed and number of rows make."""
        return exam("public", record.n, record.seed)

    @remembered
    def again(self) -> list[Again]:
        """Some rows of the learner's exam, asked of every model here, against what matrix.json says of them."""
        return [one for model in MODELS for one in self._again(model, self._engine(model))]

    @remembered
    def fresh(self) -> Scores:
        """What the models give on an exam that no notebook has shown: what a criterion needs of it."""
        return {model: self._fresh(self._engine(model), skills) for model, skills in FRESH_OF.items()}

    def gap_looks(self) -> "list[Look]":
        """Return the looks at each skill of the kept run's last model, whose public scores are the matrix's."""
        from autograder.gap import look

        public, hidden = self.matrix.scores[KEPT[-1]], self.fresh[KEPT[-1]]
        return [look(f"rows of {one}", [s == 1 for s in public[one]], [s == 1 for s in hidden[one]]) for one in SKILLS]

    def _engine(self, model: str) -> "Engine":
        from autograder.reevaluation import engines

        pair = engines(self.base, self.models[STAGES[0] if model == "base" else model])
        return pair.before if model == "base" else pair.after

    def _again(self, model: str, engine: "Engine") -> list[Again]:
        found = []
        for task in self.claimed_exam(self.matrix):
            stream = random.Random(f"again/{model}/{task.name}/{self.seed}")
            places = sorted(stream.sample(range(len(task)), ROWS_AGAIN))
            here = scores_here(engine, replace(task, rows=[task.rows[place] for place in places]))
            claims = [self.matrix.scores[model][task.name][place] for place in places]
            found.append(Again(model, task.name, len(places), sum(a != b for a, b in zip(claims, here, strict=True))))
        return found

    def _fresh(self, engine: "Engine", skills: Sequence[str]) -> dict[str, list[float]]:
        asked = exam(self.split, FRESH_ROWS, FRESH_SEED)
        return {task.name: scores_here(engine, task) for task in asked if task.name in skills}
