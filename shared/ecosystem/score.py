"""Score a tool's adapter on tickets that nobody trained on, beside the base."""

from pathlib import Path

from shared.artifacts import EvalRecord, RunRecord, read_json, write_json
from shared.data import load_task
from shared.evaluation import evaluate_tickets, ticket_entries
from shared.models import load_base, load_stage

ROWS = 200
PHRASINGS = ("familiar", "unseen")


def score(folder: Path, rows: int = ROWS) -> EvalRecord:
    """Measure base and adapter on `rows` public messages a phrasing; return `eval.json`, written beside the adapter."""
    run = read_json(folder / "run.json", RunRecord, within=folder)
    base, tokenizer = load_base(rung=run.rung)
    tuned, _ = load_stage(folder)
    entries = []
    for phrasing in PHRASINGS:
        held_out = load_task("tickets", "public", rows, phrasing=phrasing)
        before = evaluate_tickets(base, tokenizer, held_out, progress=False)
        after = evaluate_tickets(tuned, tokenizer, held_out, progress=False)
        entries += ticket_entries(held_out, before, after, split="public", phrasing=phrasing)
    record = EvalRecord(base=run.base, stage=run.stage, entries=entries)
    write_json(folder / "eval.json", record)
    return record


def scores_in_words(record: EvalRecord) -> str:
    """Return one line for each entry: before, after and its 95% interval."""
    return "\n".join(
        f"{entry.metric:12} {entry.phrasing:9} {entry.before:.3f} -> {entry.after:.3f} "
        f"({entry.interval[0]:.3f} to {entry.interval[1]:.3f}, n = {entry.n})"
        for entry in record.entries
    )
