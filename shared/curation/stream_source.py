"""Where the streaming lesson gets its rows: made ones on pocket, an instruction set of the hub on a GPU box."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from shared.curation.sanity import sanity_fault

if TYPE_CHECKING:
    from datasets import IterableDataset

HUB_SET = "yahma/alpaca-cleaned"  # 51,760 instructions with model-written answers, CC BY 4.0, not gated
HUB_REVISION = "12567cabf869d7c92e573c7c783905fc160e9639"
POCKET_ROWS = 2_000
ANSWER_WORDS = (1, 2_000)  # a right answer can be one word

Fault = Callable[[str, str], str | None]


def source(profile: str, ticket_fault: Fault) -> "tuple[IterableDataset, Fault]":
    """Return a stream of rows (prompt, completion) and the test of a single row that fits them."""
    from datasets import IterableDataset, load_dataset

    if profile == "pocket":
        return IterableDataset.from_generator(_dirty, gen_kwargs={"n": POCKET_ROWS}), ticket_fault
    stream = load_dataset(HUB_SET, revision=HUB_REVISION, split="train", streaming=True)
    return stream.map(as_pair, remove_columns=["instruction", "input", "output"]), answer_fault


def as_pair(row: dict) -> dict:
    """Return an instruction row (instruction, input, output) as prompt and completion."""
    given = f"\n{row['input']}" if row["input"] else ""
    return {"prompt": row["instruction"] + given, "completion": row["output"]}


def answer_fault(prompt: str, completion: str) -> str | None:
    """Return why an instruction's answer is no readable text of a sensible length, or None."""
    return sanity_fault(completion, ANSWER_WORDS)


def _dirty(n: int) -> Iterator[dict]:
    from shared.world import rows

    yield from ({name: row[name] for name in ("prompt", "completion")} for row in rows("dirty-tickets", "train", n, 1))
