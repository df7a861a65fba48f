"""Standard tasks through lm-evaluation-harness, in the same table as the course's own.

It is not among the course's packages: `pip install "lm_eval[hf]==0.4.13"` brings it, and the hub brings its data.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.harness.comparison import HarnessError
from shared.harness.running import TaskRun
from shared.harness.task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STANDARD = ("arc_easy", "hellaswag", "piqa")
INSTALL = 'lm_eval is not installed. pip install "lm_eval[hf]==0.4.13", or leave the standard tasks out'


def run_standard(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", *, tasks: Sequence[str] = STANDARD, limit: int = 200
) -> tuple[list[Task], dict[str, TaskRun]]:
    """Return standard multiple-choice tasks and the model's runs, row by row, for `compare`.

    The first `limit` rows of each task, no examples in the prompt, the library's default seeds; a row's score is its
    `acc`: 1 when the likeliest choice is right. Raises HarnessError when lm_eval is not installed or its data cannot be
    had.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
    except ImportError:
        raise HarnessError(INSTALL) from None
    answerer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=16)
    try:
        results = simple_evaluate(model=answerer, tasks=list(tasks), num_fewshot=0, limit=limit, log_samples=True)
    except OSError as error:  # of many kinds: no network, offline mode, a data set that is gone
        raise HarnessError(f"{', '.join(tasks)}: data not to be had from the hub ({type(error).__name__})") from error
    if results is None:  # what other ranks of a distributed run get
        raise HarnessError("lm_eval gave no results. Run the evaluation in one process")
    made = [_task_and_run(name, results["samples"][name]) for name in tasks]
    return [task for task, _ in made], {run.task: run for _, run in made}


def _task_and_run(name: str, samples: Sequence[dict]) -> tuple[Task, TaskRun]:
    """Return one task of lm_eval as ours. `doc_hash` and `prompt_hash` are what it asks, so they are our rows."""
    ordered = sorted(samples, key=lambda sample: sample["doc_id"])
    asked = [{"prompt": sample["prompt_hash"], "doc": sample["doc_hash"]} for sample in ordered]
    task = Task(f"lm_eval {name}", "general", asked, "acc", 0)
    scores = [float(sample["acc"]) for sample in ordered]
    return task, TaskRun(task.name, task.fingerprint, [""] * len(scores), scores)
