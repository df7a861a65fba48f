"""README.md: the model card, with the metadata that the Hugging Face hub reads."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from shared.artifacts import EvalEntry
from shared.capstone.evaluation_report import markdown_text, table
from shared.capstone.limits import limits, metric_words
from shared.capstone.source import Source
from shared.capstone.usage import PACKAGES, usage
from shared.course import load_course

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

METHODS = {"full": "a full fine-tune", "lora": "a LoRA adapter", "qlora": "a QLoRA adapter"}

_BODY = """# {name}

{what}: it reads a customer's letter and writes a ticket as JSON. It was
trained in rung {rung} of the course "{course}"{passed}.

## Use

```python
{usage}
```

It needs {needs}.{base_note}

## What changed

{table}

All of it, with plots: [EVALUATION.md](EVALUATION.md).

## Limits

{limits}

## Training

Data: [DATA.md](DATA.md). Settings, as the trainer had them ([run.json](run.json) has the rest):

{settings}

## How to reproduce

1. Install the course (`make setup`, version {version}) and copy its notebooks with `make start`.
2. Run the notebook `{folder}` from top to bottom on the {profile} profile.
3. `make check-rung-{rung}` measures the result again; `make capstone RUNG={rung}{merge}` makes this folder.

It was made with {versions} on {device}.
Another machine gives other numbers in the last digits, and so may give another score on a row or two.

## Licence

{licence}
"""


def write_card(source: Source, entries: Sequence[EvalEntry], target: Path, *, name: str, merged: bool) -> None:
    """Write the card into `target`."""
    from huggingface_hub import ModelCard

    data = card_data(source, entries, name=name, merged=merged)
    body = _body(source, entries, name, merged)
    ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}").save(target / "README.md")


def card_data(source: Source, entries: Sequence[EvalEntry], *, name: str, merged: bool) -> "ModelCardData":
    """Return the metadata: licence, base, task, library, tags, and the scores as the model-index."""
    from huggingface_hub import ModelCardData

    adapter = source.is_adapter and not merged
    own = {} if source.base.folder else {"base_model_relation": "adapter" if adapter else "finetune"}
    return ModelCardData(
        language="en",
        license=source.base.licence,
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        base_model=source.base.id,
        tags=["fine-tuning", "json", "customer-service", "synthetic-data", source.run.method],
        model_name=name,
        eval_results=[_result(entry) for entry in entries],
        **own,
    )


def _result(entry: EvalEntry) -> "EvalResult":
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type="text-generation",
        dataset_type=entry.task,
        dataset_name=f"{entry.task}, {entry.phrasing} wordings" if entry.phrasing else entry.task,
        dataset_config=entry.phrasing,
        dataset_split=entry.split,
        metric_type=entry.metric,
        metric_name=f"{metric_words(entry)}, share of {entry.n} rows",
        metric_value=round(entry.after, 4),
    )


def _body(source: Source, entries: Sequence[EvalEntry], name: str, merged: bool) -> str:
    course, run = load_course(), source.run
    revision = f" (revision `{source.base.revision}`)" if source.base.revision else ""
    kind = f"{METHODS.get(run.method, run.method)}{', merged into its base' if merged else ''}"
    adapter = source.is_adapter and not merged
    shipped = "\n\nThe base is on no hub; its files are in `base/`." if adapter and source.base.folder else ""
    return _BODY.format(
        name=name,
        what=f"This is {kind} of {source.base.id}{revision}",
        rung=source.rung.id,
        course=course.title,
        passed=" and passed that rung's check of the model" if source.checked else "",
        usage=usage(source, merged=merged),
        needs=", ".join(f"{one}=={release(one)}" for one in PACKAGES[(adapter and run.method) or "full"]),
        base_note=shipped,
        table=table(entries),
        limits="\n".join(f"- {line}" for line in limits(source, entries, merged=merged)),
        settings=_settings(source),
        version=release("fine-tuning-course"),
        folder=source.rung.folder,
        profile=run.profile,
        merge=" MERGED=1" if merged else "",
        versions=", ".join(f"{library} {number}" for library, number in run.versions.items()),
        device=run.device,
        licence=_licence(source),
    )


def release(package: str) -> str:
    """Return an installed package's version as the index has it, without a build's own suffix such as +cpu."""
    return version(package).partition("+")[0]


def _settings(source: Source) -> str:
    lines = ["| setting | value |", "| --- | --- |"]
    settings = source.run.hyperparameters
    return "\n".join(lines + [f"| {name} | {markdown_text(str(value))} |" for name, value in settings.items()])


def _licence(source: Source) -> str:
    if source.base.licence == "apache-2.0":
        return "Apache License 2.0, as the base: see [LICENSE](LICENSE)."
    return f"The base's: {source.base.licence}. Its text and its conditions are found with {source.base.id}."
