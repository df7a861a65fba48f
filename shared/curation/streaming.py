"""The same steps over rows that do not fit into memory: one pass, row by row, each row kept or not at once.

Use it with a stream from the hub::

    stream = load_dataset(..., streaming=True)
    kept = stream.filter(StreamFilter(fault, test_prompts, threshold=0.6), batched=True,
                         input_columns=["prompt", "completion"])

In memory stay a hash of 8 bytes for each distinct row and, for each kept row, its text and its bands in the index: both
grow linearly with what is kept. Steps that must see all rows at once (labels, diversity) come after it, on what is
left.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from shared.curation.contamination import TestSet
from shared.curation.exact import Seen
from shared.curation.near import NearIndex
from shared.curation.sanity import sanity_fault
from shared.curation.text import message_of


class StreamFilter:
    """Says of each row whether it stays; counts in `removed` why the others go. One object sees one stream, once."""

    def __init__(
        self,
        fault: Callable[[str, str], str | None],
        test_prompts: Iterable[str],
        *,
        threshold: float,
        label_of: Callable[[str], Hashable] = lambda completion: completion,
    ):
        self._fault, self._label_of = fault, label_of
        self._test, self._seen, self._near = TestSet(test_prompts), Seen(), NearIndex(threshold)
        self.rows = 0
        self.removed: Counter[str] = Counter()

    def __call__(self, prompts: Sequence[str], completions: Sequence[str]) -> list[bool]:
        """Return one verdict a row; this is what `datasets.filter(..., batched=True)` calls."""
        return [self.keeps(*row) for row in zip(prompts, completions, strict=True)]

    def keeps(self, prompt: str, completion: str) -> bool:
        """Return whether this row stays; the steps in the order of their price, the cheapest first."""
        self.rows += 1
        step = next((name for name, gone in self._steps(prompt, completion) if gone), None)
        if step is not None:
            self.removed[step] += 1
        return step is None

    def _steps(self, prompt: str, completion: str) -> Iterator[tuple[str, bool]]:
        """Yield (step, whether it removes the row) one by one, so that no later step sees a row that is gone."""
        yield "schema", self._fault(prompt, completion) is not None
        yield "sanity", sanity_fault(prompt) is not None
        yield "exact", not self._seen.add(prompt, completion)
        yield "contamination", self._test.fault(prompt) is not None
        yield "near", self._near.add(message_of(prompt), self._label_of(completion)) is not None
