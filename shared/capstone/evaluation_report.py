"""EVALUATION.md and its two plots, from eval.json, the loss curve and what the checker measured again."""

from collections.abc import Sequence
from pathlib import Path

from shared import figures
from shared.artifacts import EvalEntry
from shared.capstone.limits import named, score
from shared.capstone.source import Source

SCORES, CURVE = "before-after.png", "loss-curve.png"


def write_report(source: Source, entries: Sequence[EvalEntry], target: Path, *, merged: bool) -> None:
    """Write the report and its plots into `target`; every plot's alternative text says what it shows."""
    drawn = {SCORES: figures.before_after(entries), CURVE: figures.loss_curve({source.run.method: source.curve})}
    for name, figure in drawn.items():
        (target / name).write_bytes(figures.png(figure))
    images = {name: f"![{markdown_text(figures.alt_text(figure))}]({name})" for name, figure in drawn.items()}
    when = "after merging, on the rows of the first evaluation" if merged else "by the notebook that trained it"
    parts = [
        "# Evaluation",
        f"Before and after training, measured {when}. Intervals are 95% (Wilson).",
        table(entries),
        images[SCORES],
        "## Training",
        f"{source.run.steps:,} steps on {source.run.rows:,} rows in {source.run.wall_seconds:,.0f} s.",
        images[CURVE],
        *_checked(source, merged),
    ]
    (target / "EVALUATION.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def table(entries: Sequence[EvalEntry]) -> str:
    """Return the scores as a Markdown table."""
    lines = ["| measured | rows | before | after (95% interval) |", "| --- | --- | --- | --- |"]
    lines += [f"| {named(entry)} | {entry.n} | {entry.before:.1%} | {score(entry)} |" for entry in entries]
    return "\n".join(lines)


def markdown_text(text: str) -> str:
    """Return text that Markdown shows as it stands, in a table's cell too, on one line."""
    line = " ".join(text.split())
    return "".join(f"\\{char}" if char in r"\`*_[]<>|#" else char for char in line)


def _checked(source: Source, merged: bool) -> list[str]:
    """Return what the course's checker observed of the run, on rows of its own."""
    if not source.checked:
        return []
    of = "These lines are about the adapter before merging. " if merged else ""
    lines = ["| asked | observed |", "| --- | --- |"]
    lines += [f"| {markdown_text(title)} | {markdown_text(observed)} |" for title, observed in source.checked]
    said = f"{of}The course's checker measured the run again, on rows that the notebook did not choose."
    return ["## Checked again", said, "\n".join(lines)]
