"""Do rung 09's report and eval.json say what the learner's rows say?"""

import re

from autograder.rung_09_submission import Rung09

ROUNDED = 5e-4  # by which eval.json may differ from the rows
ELSEWHERE = ('src="http', "src='http", "<script", "<link")  # what keeps a page from standing alone


def record_fault(work: Rung09) -> str | None:
    """Return what eval.json says otherwise than outcomes.json, or None."""
    record, entries = work.evaluation, {entry.task: entry for entry in work.evaluation.entries}
    if (record.base.fingerprint, record.stage) != (work.outcomes.base.fingerprint, work.outcomes.stage):
        return f"it is about stage {record.stage!r} on {record.base.id!r}, not about this model"
    for outcome in work.outcomes.tasks:
        entry, scores = entries.get(outcome.task), (outcome.before, outcome.after)
        if entry is None:
            return f"{outcome.task} is missing"
        said = (entry.before, entry.after, *entry.interval)
        right = (*(sum(one) / len(one) for one in scores), *outcome.interval)
        if entry.n != len(outcome.before) or max(abs(a - b) for a, b in zip(said, right, strict=True)) > ROUNDED:
            return f"{outcome.task} is not as in outcomes.json"
    return None


def text_fault(work: Rung09) -> str | None:
    """Return what report.md or report.html say otherwise than outcomes.json, or None."""
    texts = {name: work.page(name) for name in ("report.md", "report.html")}
    for outcome in work.outcomes.tasks:
        before, after = (sum(scores) / len(scores) for scores in (outcome.before, outcome.after))
        wanted = (outcome.task, f"{before:.3f}", f"{after:.3f}", work.outcomes.conclusions.get(outcome.task, "-"))
        for name, text in texts.items():
            if not any(all(part in line for part in wanted) for line in text_lines(text)):
                return f"{name}: no line says {', '.join(wanted)}"
    if "data:image/" not in texts["report.html"] or any(mark in texts["report.html"] for mark in ELSEWHERE):
        return "report.html: a plot is missing, or lies elsewhere"
    return None


def text_lines(page: str) -> list[str]:
    """Return the lines of a page as one reads them: a line for each row of an HTML table, without its tags."""
    return re.sub(r"<[^<>]*>", " ", page.replace("<tr", "\n<tr")).splitlines()
