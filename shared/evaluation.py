"""Let a model answer many prompts, and score what it answered."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shared.artifacts import EvalEntry, fingerprint_rows
from shared.progress_bar import progress_bar
from shared.scoring import FailureKind, failure_kind
from shared.significance import wilson_interval

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteriaList

TICKET_TOKENS = 48  # the longest right ticket, and a little more


class TicketResult(NamedTuple):
    """What a model made of one message: its text, the right ticket, and the first fault or "correct"."""

    prompt: str
    text: str
    ticket: dict
    kind: FailureKind


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int = 128,
    temperature: float = 0.0,
    seed: int = 0,
    stop_at_newline: bool = False,
    progress: bool = True,
) -> list[str]:
    """Return the model's continuation of each prompt, in the order of the prompts, without special tokens.

    Prompts are batched by length, longest first, and padded on the left. A continuation ends at the
    end-of-sequence token, after `max_new_tokens`, or (`stop_at_newline`) before its first line break. At
    temperature 0 the likeliest token is taken; above, tokens are sampled, the same for the same seed and
    batch size. The model's mode (training or evaluation) and the global random state are left as they were.
    """
    import torch

    config = _generation_config(tokenizer, max_new_tokens, temperature)
    stop = _newline_stop(tokenizer) if stop_at_newline else None
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]), reverse=True)
    texts = [""] * len(prompts)
    was_training = model.training
    model.eval()
    try:
        with (
            torch.random.fork_rng(),
            torch.inference_mode(),
            progress_bar(total=len(prompts), disable=not progress) as bar,
        ):
            torch.manual_seed(seed)
            for start in range(0, len(prompts), batch_size):
                batch = order[start : start + batch_size]
                answers = _continue_batch(model, tokenizer, [prompts[index] for index in batch], config, stop)
                for index, text in zip(batch, answers, strict=True):
                    texts[index] = text.split("\n")[0] if stop_at_newline else text
                bar.update(len(batch))
    finally:
        model.train(was_training)
    return texts


def evaluate_tickets(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[Mapping],
    *,
    batch_size: int = 128,
    progress: bool = True,
) -> list[TicketResult]:
    """Return what the model answers to each ticket row (prompt, ticket), and how it is right or wrong."""
    prompts = [row["prompt"] for row in rows]
    texts = generate(
        model, tokenizer, prompts, max_new_tokens=TICKET_TOKENS, batch_size=batch_size, stop_at_newline=True,
        progress=progress,
    )  # fmt: skip
    return [
        TicketResult(row["prompt"], text, row["ticket"], failure_kind(text, row["ticket"]))
        for row, text in zip(rows, texts, strict=True)
    ]


def ticket_entries(
    rows: Sequence[Mapping],
    before: Sequence[TicketResult],
    after: Sequence[TicketResult],
    *,
    split: str,
    phrasing: str = "familiar",
) -> list[EvalEntry]:
    """Return eval.json's entries for one set of ticket rows: the share of valid JSON, of exact tickets."""
    right = {
        "valid_json": lambda result: result.kind != "not-json",
        "exact_match": lambda result: result.kind == "correct",
    }
    n, data = len(rows), fingerprint_rows(rows)
    entries = []
    for metric, is_right in right.items():
        earlier, later = sum(map(is_right, before)), sum(map(is_right, after))
        entries.append(
            EvalEntry(
                task="tickets",
                split=split,
                phrasing=phrasing,
                metric=metric,
                n=n,
                before=earlier / n,
                after=later / n,
                interval=wilson_interval(later, n),
                data_fingerprint=data,
            )
        )
    return entries


def _generation_config(
    tokenizer: "PreTrainedTokenizerBase", max_new_tokens: int, temperature: float
) -> "GenerationConfig":
    """Return plain settings: the likeliest token, or samples from all tokens.

    What is left out here would be filled in from the model's own settings, so nothing that matters is.
    """
    from transformers import GenerationConfig

    sampling = {"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {}
    end = tokenizer.eos_token_id
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=bool(temperature),
        repetition_penalty=1.0,
        eos_token_id=end,
        pad_token_id=end if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        **sampling,
    )


def _continue_batch(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[str],
    config: "GenerationConfig",
    stop: "StoppingCriteriaList | None",
) -> list[str]:
    """Return the continuations of one batch, padded on the left so that all prompts end together."""
    inputs = tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt").to(model.device)
    output = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        generation_config=config,
        stopping_criteria=stop,
    )  # [batch, longest prompt + new tokens]
    new = output[:, inputs["input_ids"].shape[1] :]
    return tokenizer.batch_decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def _newline_stop(tokenizer: "PreTrainedTokenizerBase") -> "StoppingCriteriaList":
    """Return the criterion by which a row is done once its newest token holds a line break."""
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    @functools.cache
    def breaks_line(token: int) -> bool:
        return "\n" in tokenizer.decode([token])

    class NewlineStop(StoppingCriteria):
        """Says for each row of [batch, length] token ids whether it is done."""

        def __call__(self, input_ids, scores, **kwargs):
            done = [breaks_line(token) for token in input_ids[:, -1].tolist()]
            return torch.tensor(done, device=input_ids.device)

    return StoppingCriteriaList([NewlineStop()])
