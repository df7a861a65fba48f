"""DATA.md: what a run was trained on. The headings are a page's worth of Datasheets for Datasets (arXiv:1803.09010)."""

import json
from collections.abc import Iterator
from pathlib import Path

from shared.artifacts import fingerprint_rows
from shared.capstone.source import Source
from shared.world import rows

SHOWN = 3
COLUMNS = ("prompt", "completion")

_FACTS = """# The data

| fact | value |
| --- | --- |
| Task | customer letters to JSON tickets |
| Rows trained on | {n} |
| Fingerprint (SHA-256 of the rows) | `{fingerprint}` |
"""

_OURS = """| Language | English |
| Origin | generated: `rows("tickets", "train", {n})` of the course gives exactly these rows |
| Licence | Apache-2.0, as the generators |

## Where it comes from

Every letter is written by a seeded program about a fictional company. Nobody's letter was collected, so there is no
personal data in it and nobody to ask for consent. Labels are right by construction: the ticket is drawn first, the
letter written from it.

## Splits

Items of the held-out rows occur in no training row; "unseen" rows use wordings that no training row uses.

## Examples

```json
{examples}
```

## Intended use and limits

For learning how fine-tuning works and for measuring it. The letters are short, clean and of a few patterns; a model
that reads them well has not been shown a real one.
"""

_OTHERS = """
These are not the course's own training rows of that number. Before publishing, say here where they come from, whose
they are, under which licence, what was removed and what they must not be used for.
"""


def write_data_card(source: Source, target: Path) -> None:
    """Write the card into `target`. Where the rows come from is said only if their fingerprint proves it."""
    run = source.run
    ours = any(fingerprint_rows(one) == run.data_fingerprint for one in _candidates(run.rows))
    examples = [{name: row[name] for name in COLUMNS} for row in rows("tickets", "train", SHOWN)]
    shown = "\n".join(json.dumps(row, ensure_ascii=False) for row in examples)
    text = (_FACTS + (_OURS if ours else _OTHERS)).format(n=run.rows, fingerprint=run.data_fingerprint, examples=shown)
    (target / "DATA.md").write_text(text, encoding="utf-8")


def _candidates(n: int) -> Iterator[list[dict]]:
    """Yield the course's training rows as the notebooks hand them on: two columns, or all of them."""
    made = rows("tickets", "train", n)
    yield [{name: row[name] for name in COLUMNS} for row in made]
    yield made
