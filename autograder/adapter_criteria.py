"""What the checkers of the adapter rungs ask of the adapter: that it is one, that it is small, that the run made it."""

import math

from autograder.adapter import Adapter
from autograder.adapter_submission import AdapterSubmission
from autograder.criteria import Finding
from autograder.ticket_criteria import Fault, judge_run, learned, require_learned, run_faults


def adapter_is_real(work: AdapterSubmission) -> Finding:
    """The saved adapter fits the base, is finite, every B has left zero, and the model has learned."""
    adapter = work.trained
    require_learned(work)
    expected = "LoRA matrices of the shapes that the base implies, finite, none of the B still zero"
    targets = ", ".join(adapter.targets)
    return Finding(True, f"rank {adapter.rank}, alpha {adapter.alpha:g}, on {targets}", expected)


def few_are_trained(work: AdapterSubmission) -> Finding:
    """The adapter's parameters are a small share of the base's."""
    adapter = learned(work)
    total = sum(math.prod(info.shape) for info in work.base.header.values())
    most = work.threshold("trainable_share_max", work.run.profile)
    share = adapter.parameters / total
    observed = f"{adapter.parameters:,} parameters, {share:.2%} of the base's {total:,}"
    hint = "" if share <= most else "Lower the rank, or adapt fewer modules."
    return Finding(share <= most, observed, f"at most {most:.0%} of the base's parameters", hint=hint)


def run_is_recorded(work: AdapterSubmission, method: str) -> Finding:
    """`run.json` describes this rung's run, and says what the adapter shows: its size, rank, alpha and targets."""
    adapter = learned(work)
    return judge_run(work, adapter_run_faults(work, method, adapter))


def adapter_run_faults(work: AdapterSubmission, method: str, adapter: Adapter) -> list[Fault]:
    """Return what run.json may get wrong about an adapter's run."""
    return [*run_faults(work, method, f"an adapter ({method})"), *_setting_faults(work, adapter)]


def _setting_faults(work: AdapterSubmission, adapter: Adapter) -> list[Fault]:
    run = work.run
    settings = run.hyperparameters
    said = str(settings.get("target_modules", ""))
    if not isinstance(adapter.stated, str):
        said = tuple(sorted({part.strip().rpartition(".")[2] for part in said.split(",")}))
    return [
        (
            run.trainable_parameters != adapter.parameters,
            f"trainable_parameters is {run.trainable_parameters:,}, the adapter has {adapter.parameters:,}",
        ),
        (settings.get("r") != adapter.rank, f"r is {settings.get('r')!r}, the adapter's rank is {adapter.rank}"),
        (
            settings.get("lora_alpha") != adapter.alpha,
            f"lora_alpha is {settings.get('lora_alpha')!r}, the adapter's is {adapter.alpha:g}",
        ),
        (
            said != adapter.stated,
            f"target_modules is {_words(said)}, the adapter's is {_words(adapter.stated)}",
        ),
    ]


def _words(targets: tuple[str, ...] | str) -> str:
    return targets if isinstance(targets, str) else ", ".join(targets)
