"""What the learner's own files say, to be held against the answer: measures before and after, decisions on letters.

A file that is missing or damaged contradicts nothing here; the checker has its own line on it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from autograder.prose.ideas import OwnDecisions, OwnNumbers, ProseCell
from autograder.prose.patterns import NUMBER, Pattern, Words
from autograder.prose.reading import Answer
from shared.cases import CHOICES
from shared.safe_files import ArtifactError, read_limited

EVALUATION = "artifacts/eval.json"
LARGEST = 2_000_000  # bytes
AFTER = 8  # words between a measure's name and its two numbers
TOLERANCE = 0.1  # splits and seeds differ; a reversal or an invention differs more


def contradictions(answer: Answer, cell: ProseCell, folder: Path | None) -> Iterator[str]:
    """Yield a line for each statement of the answer that the files in `folder` contradict."""
    if folder is None:
        return
    entries = [one for one in _list(_json(folder, EVALUATION), "entries") if isinstance(one, dict)]
    for number in cell.numbers:
        yield from _wrong_numbers(answer, number, entries)
    for finding in cell.findings:
        rows = [one for one in entries if one.get("metric") == finding.metric]
        values = [value for row in rows for value in _values(row, finding.field)]
        if values and min(values) >= finding.at_least and said(answer, finding.says):
            yield f"{finding.line} (your {finding.metric}, {finding.field}: {min(values):.2f})"
    if cell.decisions is not None:
        yield from _other_decisions(answer, cell.decisions, _json(folder, cell.decisions.file))


def said(answer: Answer, ways: tuple[Pattern, ...]) -> bool:
    """Return whether one sentence of the answer says it in one of these ways."""
    return any(way.find(sentence) for sentence in answer.sentences for way in ways)


def _wrong_numbers(answer: Answer, own: OwnNumbers, entries: list[dict]) -> Iterator[str]:
    """Yield a line when the answer says "from A to B" of a measure, and no measured row is near to both."""
    rows = [(*_values(one, "before"), *_values(one, "after")) for one in entries if one.get("metric") == own.metric]
    rows = [row for row in rows if len(row) == 2]
    for sentence in answer.sentences:
        span = next((found for way in own.says if (found := way.find(sentence))), None)
        claim = _from_to(sentence[span[1] : span[1] + AFTER]) if span else None
        if claim and rows and not any(_near(claim, row) for row in rows):
            measured = "; ".join(f"from {before:.2f} to {after:.2f}" for before, after in rows)
            yield f"{own.metric} from {claim[0]:.2f} to {claim[1]:.2f}, but eval.json says {measured}"


def _from_to(words: Words) -> tuple[float, float] | None:
    """Return the two shares in "from 43% to 96%", or None."""
    if "from" not in words or "to" not in words:
        return None
    shares = [_share(word) for word in words if NUMBER.match(word)]
    return (shares[0], shares[1]) if len(shares) == 2 and None not in shares else None


def _share(word: str) -> float | None:
    """Return what "96%", "96", "0.96" or "95,5%" says as a share of one; None for another number."""
    number = re.sub(r",(?=\d{1,2}%?$)", ".", word)  # a decimal comma
    try:
        value = float(number.rstrip("%"))
    except ValueError:  # several points or commas
        return None
    share = value / 100 if number.endswith("%") or value > 1 else value
    return share if share <= 1 else None


def _near(claim: tuple[float, float], row: tuple[float, ...]) -> bool:
    return all(abs(said_value - measured) <= TOLERANCE for said_value, measured in zip(claim, row))


def _other_decisions(answer: Answer, own: OwnDecisions, record: object) -> Iterator[str]:
    """Yield a line for each letter for which the answer argues another choice than the learner made."""
    decisions = record.get("decisions") if isinstance(record, dict) else None
    for name, decision in (decisions if isinstance(decisions, dict) else {}).items():
        choice = decision.get("choice") if isinstance(decision, dict) else None
        for sentence in answer.sentences:
            if name not in sentence or not isinstance(choice, str) or choice not in CHOICES:
                continue  # not a decision of this course's; nothing of a learner's file is quoted
            argued = {other for other, ways in own.choices.items() if any(way.find(sentence) for way in ways)}
            if argued and not argued & set(choice.split("+")):
                yield f"argues for {', '.join(sorted(argued))} in the case of {name}, decided as {choice}"


def _json(folder: Path, name: str) -> object:
    try:
        return json.loads(read_limited(folder / name, folder, LARGEST))
    except (ArtifactError, ValueError, RecursionError, OSError):
        return None


def _list(record: object, key: str) -> list:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, list) else []


def _values(entry: dict, field: str) -> list[float]:
    value = entry.get(field)
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1  # not so for NaN
    return [float(value)] if number else []
