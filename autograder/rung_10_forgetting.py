"""Rung 10 is done when the learner has measured what a sequence of fine-tunes forgot and how much one mitigation kept.

CRITERIA, at the end, is that sentence in parts; the functions above it follow the same order. How the mitigation works
is told in the learner's own words, which wait for a human.
"""

from collections.abc import Callable

from autograder import rung_10_keeping as keeping
from autograder import rung_10_metrics as metrics
from autograder.criteria import Criterion, Finding, NotMet
from autograder.run_evidence import batch_size, curve_fault, fall
from autograder.rung_10_lineage import lineage_fault
from autograder.rung_10_submission import BETWEEN, FISHER, METRICS, MIX, PENALTY, STAGES, Rung10
from shared.artifacts import ArtifactError, RunRecord
from shared.continual.matrix import KEPT, MODELS, NAIVE, NUMBERS, matrix_of
from shared.continual.skills import SKILLS
from shared.significance import mcnemar

__all__ = ["CRITERIA", "Submission"]
Submission = Rung10

CHANCE = 0.01
MOST_DIFFERENT = 2  # rows a model and skill: another engine adds up in another order
LEAST_STEPS = 10
ROUNDED = 5e-4  # numbers may be rounded to three digits
OLD, NEW = SKILLS[:-1], SKILLS[-1]
OTHER_ROWS = ("replay", "mixture", "self-replay")  # mitigations that train on other rows than the new skill's


def metric(place: int) -> Callable[[Rung10], Finding]:
    """Return the check of one of the four metrics."""
    name = metrics.NAMES[place]
    expected = f"{name} on matrices of one to five skills"
    return lambda work: _judge(metrics.fault_of(name, work.seed, work.answers_of(METRICS[place])), expected)


def fisher_is_right(work: Rung10) -> Finding:
    """`fisher` is the mean over examples of the squared gradient of log p."""
    from autograder.rung_10_ewc import fisher_fault

    return _judge(fisher_fault(work.seed, work.answers_of(FISHER)), "the mean of each example's squared gradient")


def penalty_is_right(work: Rung10) -> Finding:
    """`penalty` is lambda/2 * sum of F (theta - theta*)^2."""
    from autograder.rung_10_ewc import penalty_fault

    answers = work.answers_of(PENALTY)
    return _judge(penalty_fault(work.seed, answers[: len(answers) // 2]), "lambda/2 * sum of F (theta - theta*)^2")


def penalty_gradient(work: Rung10) -> Finding:
    """The penalty's gradient reaches the weights."""
    from autograder.rung_10_ewc import gradient_fault

    answers = work.answers_of(PENALTY)
    return _judge(gradient_fault(work.seed, answers[len(answers) // 2 :]), "a gradient of lambda F (theta - theta*)")


def replay_is_right(work: Rung10) -> Finding:
    """`replay_mix` takes the share of old rows that it is told to, at random, none twice while there are others."""
    expected = "n rows in random order, the given share of them old, by the seed"
    return _judge(keeping.mix_fault(work.seed, work.answers_of(MIX)), expected)


def interpolation_is_right(work: Rung10) -> Finding:
    """`interpolate` goes from the old weights at 0 to the new ones at 1."""
    return _judge(keeping.between_fault(work.seed, work.answers_of(BETWEEN)), "(1 - alpha) old + alpha new")


def models_are_real(work: Rung10) -> Finding:
    """The five stages are the base, fine-tuned one after another, each with its run and its falling curve."""
    expected = "five stages: the base's network, trained, with the run and the loss curve that made each"
    for stage, run in work.runs.items():
        if fault := _run_fault(work, stage, run):
            return Finding(
                False, f"{stage}/run.json: {fault}", expected, hint="Let stage(...) write it; don't edit it."
            )
    if twins := _twins(work):
        return Finding(False, f"{twins[0]} and {twins[1]} hold the same weights", expected, "One was copied.")
    if jump := lineage_fault(work.models, work.base):
        hint = "Start each lesson from the model that the lesson before left."
        return Finding(False, jump, expected, "This is no sequence: what was never there cannot be forgotten.", hint)
    for stage, curve in work.curves.items():
        if fault := curve_fault(work.runs[stage], curve):
            return Finding(False, f"{stage}/loss_curve.json: {fault}", expected, hint="Let stage(...) write it.")
        start, end, noise = fall(curve)
        if start - end <= 3 * noise:
            observed = f"{stage}/loss_curve.json: from {start:.3f} to {end:.3f}, while chance moves it by {noise:.3f}"
            return Finding(False, observed, expected, "It has not learned.", "Train longer, or at a higher rate.")
    return Finding(True, f"{len(STAGES)} stages, {sum(run.steps for run in work.runs.values())} steps in all", expected)


def matrix_is_measured(work: Rung10) -> Finding:
    """Asked again here, every model scores as matrix.json says, row by row."""
    _real(work)
    expected = f"matrix.json's scores in all but {MOST_DIFFERENT} of the rows that are asked again, model by model"
    for one in work.again:
        if one.differ > MOST_DIFFERENT:
            observed = f"{one.model} on {one.skill}: {one.differ} of {one.rows} rows score otherwise here"
            hint = "Ask the saved models, and save what they give."
            return Finding(False, observed, expected, "These scores are not this model's.", hint)
    return Finding(True, f"{len(work.again)} cells agree on {work.again[0].rows} rows each", expected)


def numbers_follow(work: Rung10) -> Finding:
    """The four numbers of both runs follow from the matrix's own rows."""
    _real(work)
    expected = f"{', '.join(NUMBERS)} of the naive and of the kept run, from matrix.json's scores"
    record = work.matrix
    scores = {model: {skill: record.scores[model][skill] for skill in SKILLS} for model in MODELS}
    start = matrix_of(scores, ["base"])[0]
    for run, stages in (("naive", NAIVE), ("kept", KEPT)):
        R = matrix_of(scores, stages)
        case = metrics.MatrixCase(run, metrics.np.array(R), metrics.np.array(start))
        for function, name in zip(metrics.NAMES, NUMBERS, strict=True):
            right, given = metrics.right_number(function, case), record.numbers.get(run, {}).get(name)
            if given is None or abs(given - right) > ROUNDED:
                said = "missing" if given is None else f"{given:.4f}"
                hint = "Work it out with your functions from the matrix that you save."
                return Finding(False, f"{run}: {name} is {said}, its rows give {right:.4f}", expected, hint=hint)
    return Finding(True, f"{2 * len(NUMBERS)} numbers agree", expected)


def naive_forgets(work: Rung10) -> Finding:
    """On fresh rows, naive fine-tuning has learned every skill, and lost an earlier one, not by chance."""
    _real(work)
    profile = work.runs[NAIVE[0]].profile
    least, learned = work.threshold("naive_loss", profile), work.threshold("learned", profile)
    expected = f"{learned:.0%} of each skill once learned; at the end one {100 * least:.0f} points lower, p < {CHANCE}"
    for skill in SKILLS:
        if _mean(_learned(work, skill)) < learned:
            observed = f"{skill}: {_mean(_learned(work, skill)):.0%} of rows right just after its lesson"
            hint = "What was never learned cannot be forgotten: train it longer, with the notebook's rate and steps."
            return Finding(False, observed, expected, hint=hint)
    losses = {skill: _mean(_learned(work, skill)) - _mean(_fresh(work, NAIVE[-1], skill)) for skill in OLD}
    worst = max(losses, key=losses.get)
    chance = _chance(_learned(work, worst), _fresh(work, NAIVE[-1], worst))
    lost = ", ".join(f"{skill} {100 * loss:+.0f} points lost" for skill, loss in losses.items())
    passed = losses[worst] >= least and chance < CHANCE
    hint = (
        "" if passed else "The naive run takes no care: the notebook's rate and steps, on the new skill's rows alone."
    )
    return Finding(passed, f"{lost} (McNemar p = {chance:.1g})", expected, hint=hint)


def old_skills_kept(work: Rung10) -> Finding:
    """On fresh rows the kept run's last model has nearly all of each earlier skill, far more than the naive one."""
    _real(work)
    least = work.threshold("retained", work.runs[NAIVE[0]].profile)
    expected = f"at least {least:.0%} of what each earlier skill was when learned; more than naive, p < {CHANCE}"
    said, failed = [], ""
    for skill in OLD:
        learned, kept = _mean(_learned(work, skill)), _mean(_fresh(work, KEPT[-1], skill))
        said.append(f"{skill} {kept:.0%} of rows, was {learned:.0%}")
        failed = failed or (skill if kept < least * learned else "")
    naive = {skill: _mean(_fresh(work, NAIVE[-1], skill)) for skill in OLD}
    worst = min(OLD, key=lambda skill: naive[skill])
    chance = _chance(_fresh(work, NAIVE[-1], worst), _fresh(work, KEPT[-1], worst))
    better = _mean(_fresh(work, KEPT[-1], worst)) > naive[worst] and chance < CHANCE
    hint = "Hold on tighter: more old rows, a stronger penalty, a lower rate; section 6 has what each gave."
    cause = f"{failed} was not kept." if failed else "" if better else "It keeps no more than naive does."
    passed = not failed and better
    return Finding(passed, "; ".join(said) + f" (p = {chance:.1g})", expected, cause, "" if passed else hint)


def new_skill_learned(work: Rung10) -> Finding:
    """On fresh rows the kept run has learned the last skill nearly as well as the naive run."""
    _real(work)
    least = work.threshold("new_skill", work.runs[NAIVE[0]].profile)
    naive, kept = (_mean(_fresh(work, model, NEW)) for model in (NAIVE[-1], KEPT[-1]))
    expected = f"at least {least:.0%} of what naive fine-tuning reaches on {NEW}"
    passed = naive > 0 and kept >= least * naive
    hint = "" if passed else "Whoever learns nothing forgets nothing: hold on less tightly, or train longer."
    return Finding(
        passed, f"{kept:.0%} of {len(_fresh(work, NAIVE[-1], NEW))} rows (naive {naive:.0%})", expected, hint=hint
    )


def mitigation_is_told(work: Rung10) -> Finding:
    """What the runs say fits the mitigation that matrix.json names, as far as files can tell."""
    _real(work)
    expected = "runs of the kept stages that fit the mitigation named in matrix.json"
    told = work.matrix.mitigation
    for naive, kept in zip(NAIVE[1:], KEPT[1:], strict=True):
        plain, held = work.runs[naive], work.runs[kept]
        same_rows = plain.data_fingerprint == held.data_fingerprint
        if told in OTHER_ROWS and same_rows:
            cause = "These are the new skill's rows alone: nothing old is among them."
            return Finding(False, f"{told!r}, but {kept} was trained on the rows of {naive}", expected, cause)
        slower = _rate(held) <= 0.7 * _rate(plain)
        if told == "low rate" and not slower:
            observed = f"{told!r}, but {kept} has a rate of {_rate(held):g}, {naive} of {_rate(plain):g}"
            return Finding(False, observed, expected, hint="Name what you did.")
    return Finding(True, f"{told}: {'seen in the runs' if told in (*OTHER_ROWS, 'low rate') else 'as told'}", expected)


def _judge(fault: tuple[str, str] | None, expected: str) -> Finding:
    return (
        Finding(True, "right in every case", expected)
        if fault is None
        else Finding(False, fault[0], expected, fault[1])
    )


def _run_fault(work: Rung10, stage: str, run: RunRecord) -> str | None:
    """Return what a stage's record gets wrong, or None."""
    model = work.models[stage]
    faults = [
        (run.rung != work.rung.id, f"rung is {run.rung!r}, this is rung {work.rung.id}"),
        (run.stage != stage, f"stage is {run.stage!r}, expected {stage!r}"),
        (run.method != "full", f"method is {run.method!r}, but the weights are a full model"),
        (run.base.fingerprint != work.runs[STAGES[0]].base.fingerprint, "another base than the first stage's"),
        (run.steps < LEAST_STEPS, f"{run.steps} steps, expected at least {LEAST_STEPS}"),
        (batch_size(run) < 1, "per_device_train_batch_size is not a number of rows"),
        (run.wall_seconds <= 0, "wall_seconds is 0"),
        (run.total_parameters != model.parameters,
         f"total_parameters is {run.total_parameters:,}, the weights have {model.parameters:,}"),
    ]  # fmt: skip
    return next((words for wrong, words in faults if wrong), None)


def _twins(work: Rung10) -> tuple[str, str] | None:
    """Return two stages that hold the same weights, or None.

    The kept run's second lesson may be the naive one's: a mitigation may come at the last lesson alone.
    """
    from shared.artifacts import fingerprint_model

    seen: dict[str, str] = {}
    for stage, model in work.models.items():
        mark = fingerprint_model(model.path.parent)
        if mark in seen and (seen[mark], stage) != (NAIVE[1], KEPT[1]):
            return seen[mark], stage
        seen[mark] = stage
    return None


def _real(work: Rung10) -> None:
    """Raise NotMet unless there are five real models: nothing that depends on them earns a point before."""
    try:
        finding = models_are_real(work)
    except (ArtifactError, NotMet):
        finding = None
    if finding is None or not finding.passed:
        raise NotMet("there are no five real models to go by", hint="First meet what the check says of the stages.")


def _fresh(work: Rung10, model: str, skill: str) -> list[float]:
    return work.fresh[model][skill]


def _learned(work: Rung10, skill: str) -> list[float]:
    """Return the fresh scores of a skill by the model that had just learned it, in the naive run."""
    return _fresh(work, NAIVE[SKILLS.index(skill)], skill)


def _chance(before: list[float], after: list[float]) -> float:
    return mcnemar([score == 1 for score in before], [score == 1 for score in after])


def _rate(run: RunRecord) -> float:
    """Return the learning rate; a missing one is no number, which is neither lower nor higher than any."""
    rate = run.hyperparameters.get("learning_rate")
    return float(rate) if isinstance(rate, int | float) else float("nan")


def _mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


CRITERIA = [
    Criterion("average-accuracy", "average_accuracy is right", 1, "metrics", metric(0)),
    Criterion("backward-transfer", "backward_transfer is right", 1, "metrics", metric(1)),
    Criterion("forgetting", "forgetting is right", 1, "metrics", metric(2)),
    Criterion("forward-transfer", "forward_transfer is right", 1, "metrics", metric(3)),
    Criterion("fisher", "fisher squares each example's gradient", 1, "ewc", fisher_is_right),
    Criterion("penalty", "penalty is EWC's", 1, "ewc", penalty_is_right),
    Criterion("penalty-gradient", "the penalty pulls on the weights", 1, "ewc", penalty_gradient),
    Criterion("replay-mix", "replay_mix mixes old rows in", 1, "keep", replay_is_right),
    Criterion("interpolate", "interpolate goes from old to new", 1, "keep", interpolation_is_right),
    Criterion("models-are-real", "five stages are the base's, trained", 1, "done-when", models_are_real),
    Criterion("matrix-measured", "the matrix is these models'", 2, "done-when", matrix_is_measured),
    Criterion("numbers-follow", "the four numbers follow from the rows", 1, "done-when", numbers_follow),
    Criterion("naive-forgets", "naive fine-tuning forgets", 1, "done-when", naive_forgets),
    Criterion("old-kept", "the old skills are kept", 2, "done-when", old_skills_kept),
    Criterion("new-learned", "the new skill is learned", 1, "done-when", new_skill_learned),
    Criterion("mitigation-told", "the runs fit the mitigation named", 1, "done-when", mitigation_is_told),
]
