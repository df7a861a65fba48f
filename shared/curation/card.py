"""The data card: what a set is, where it came from, what was removed, what it must not be used for.

The headings follow the questions of "Datasheets for Datasets" (Gebru et al. 2018, arXiv 1803.09010), cut to a page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.artifacts import fingerprint_rows
from shared.curation.pipeline import KEPT

WORDS_WANTED = ("Intended use", "Known limits", "Choices")  # sections that only the curator can write


class CardError(ValueError):
    """A card cannot be written. One line."""


def data_card(
    title: str, raw: Sequence[Mapping], fate: Sequence[str], chosen: Sequence[int], words: Mapping[str, str]
) -> str:
    """Return the card as Markdown: facts counted here, and the curator's words for each of WORDS_WANTED.

    `fate` says of each raw row "kept" or the step that removed it; `chosen` are the places of the rows to train on.
    Raises CardError for a section without words.
    """
    if missing := [name for name in WORDS_WANTED if not words.get(name, "").strip()]:
        raise CardError(f"words: {missing[0]!r} is empty; write it in your own words")
    counts = Counter(end for end in fate if end != KEPT)
    facts = {
        "Raw rows": str(len(raw)),
        "Raw fingerprint": fingerprint_of(raw),
        "Kept rows": str(fate.count(KEPT)),
        "Rows to train on": str(len(chosen)),
        "Training fingerprint": fingerprint_of([raw[place] for place in chosen]),
        **{f"Removed by {step}": str(count) for step, count in counts.items()},
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    sections = "\n\n".join(f"## {name}\n\n{words[name].strip()}" for name in WORDS_WANTED)
    return f"# {title}\n\n| fact | value |\n| --- | --- |\n{table}\n\n{sections}\n"


def fingerprint_of(rows: Sequence[Mapping]) -> str:
    """Return the fingerprint of rows by prompt and completion alone: what a model is trained on."""
    return fingerprint_rows({name: row[name] for name in ("prompt", "completion")} for row in rows)


def facts_of(card: str) -> dict[str, str]:
    """Return the facts that a card's table states."""
    rows = (line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| "))
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}


def sections_of(card: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = card.split("\n## ")[1:]
    return {head.strip(): body.strip() for head, _, body in (part.partition("\n") for part in parts)}
