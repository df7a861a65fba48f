"""Let a model answer a suite. Which model, and how it computes, is the business of whoever answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shared.harness.task import Row, Task, token_probability
from shared.progress_bar import progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ROWS_READ_AT_ONCE = 16  # the scores of every token at every place are held: 1.5 GB for 150,000 tokens


class Answerer(Protocol):
    """A model as the harness sees it: it continues prompts, and says how likely a continuation is."""

    def complete(self, prompts: Sequence[str], tokens: int) -> list[str]:
        """Return the greedy continuation of each prompt, at most `tokens` tokens, up to a line break."""

    def nats(self, rows: Sequence[Row]) -> list[tuple[float, int]]:
        """Return -ln p of each row's completion with its end token, summed, and how many tokens that is."""


class TaskRun(NamedTuple):
    """One model on one task: the task's fingerprint, each row's text ("" where it was only read) and score."""

    task: str
    fingerprint: str
    texts: list[str]
    scores: list[float]


class HubModel:
    """A transformers model, answering in batches."""

    def __init__(self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", batch_size: int = 128):
        self.model, self.tokenizer, self.batch_size = model, tokenizer, batch_size

    def complete(self, prompts: Sequence[str], tokens: int) -> list[str]:
        """As `Answerer` says."""
        from shared.evaluation import generate

        return generate(
            self.model, self.tokenizer, prompts, max_new_tokens=tokens, batch_size=self.batch_size,
            stop_at_newline=True, progress=False,
        )  # fmt: skip

    def nats(self, rows: Sequence[Row]) -> list[tuple[float, int]]:
        """As `Answerer` says. Rows are padded on the right, where no earlier token can see it."""
        import torch

        found: list[tuple[float, int]] = []
        end = self.tokenizer.eos_token_id
        for start in range(0, len(rows), ROWS_READ_AT_ONCE):
            batch = rows[start : start + ROWS_READ_AT_ONCE]
            texts = [[*self.tokenizer(f"{row['prompt']}{row['completion']}").input_ids, end] for row in batch]
            starts = [len(self.tokenizer(str(row["prompt"])).input_ids) for row in batch]
            width = max(map(len, texts))
            ids = torch.tensor([text + [end] * (width - len(text)) for text in texts], device=self.model.device)
            with torch.inference_mode():
                scores = torch.log_softmax(self.model(input_ids=ids).logits[:, :-1].float(), -1)
            picked = -scores.gather(-1, ids[:, 1:, None])[..., 0]  # [B, T-1]: place t holds the cost of token t+1
            for costs, text, first in zip(picked, texts, starts, strict=True):
                found.append((float(costs[first - 1 : len(text) - 1].sum()), len(text) - first))
        return found


def run_suite(answerer: Answerer, tasks: Sequence[Task], *, progress: bool = True) -> dict[str, TaskRun]:
    """Return the model's run of each task, by the task's name."""
    return {task.name: run_task(answerer, task) for task in progress_bar(tasks, disable=not progress, unit="task")}


def run_task(answerer: Answerer, task: Task) -> TaskRun:
    """Return the model's texts and scores on one task, in the order of its rows."""
    if task.score is None:
        scores = [token_probability(*one) for one in answerer.nats(task.rows)]
        return TaskRun(task.name, task.fingerprint, [""] * len(scores), scores)
    texts = answerer.complete(task.prompts, task.tokens)
    return TaskRun(task.name, task.fingerprint, texts, scored(task, texts))


def scored(task: Task, texts: Sequence[str]) -> list[float]:
    """Return one score for every row: an answer that no parser can read is wrong, never missing."""
    return [task.score(text, row) for text, row in zip(texts, task.rows, strict=True)]
