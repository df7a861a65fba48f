"""All steps in order, as rung 05 takes them: for scripts and tests. The notebook takes them one by one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.curation.contamination import TestSet
from shared.curation.exact import exact_duplicates
from shared.curation.labels import label_faults
from shared.curation.near import near_duplicates
from shared.curation.pipeline import Pipeline
from shared.curation.sanity import sanity_fault
from shared.curation.schema import schema_fault
from shared.curation.text import message_of

if TYPE_CHECKING:
    from datasets import Dataset

THRESHOLD = 0.6  # Jaccard similarity of two messages with one and the same ticket


def clean(raw: "Dataset", test_prompts: Sequence[str], *, near_first: bool = False) -> Pipeline:
    """Return the pipeline after its six steps.

    Wrong labels go before near-duplicates, which are witnesses about labels; `near_first` shows what that is worth.
    """
    pipeline, test = Pipeline(raw), TestSet(test_prompts)
    pipeline.remove("schema", lambda row: schema_fault(row["prompt"], row["completion"]))
    pipeline.remove("sanity", lambda row: sanity_fault(row["prompt"]))
    pipeline.remove("contamination", lambda row: test.fault(row["prompt"]))
    pipeline.remove("exact", exact_duplicates(zip(pipeline.rows["prompt"], pipeline.rows["completion"], strict=True)))
    last = {
        "labels": lambda rows: label_faults(rows["prompt"], rows["completion"]),
        "near": lambda rows: near_duplicates([*map(message_of, rows["prompt"])], rows["completion"], THRESHOLD),
    }
    for step in ("near", "labels") if near_first else ("labels", "near"):
        pipeline.remove(step, last[step](pipeline.rows))
    return pipeline


def put_back(pipeline: Pipeline, chosen: Sequence[int], *, wrong: int = 20, times: int = 8) -> list[dict]:
    """Return the chosen rows with what the pipeline had removed for good reasons: every contaminated row once, `wrong`
    wrongly labelled rows once and as many others `times` times. Columns: prompt, completion, why (""), copies."""
    gone = {removal.step: removal.removed for removal in pipeline.removals}
    rows = [{**pipeline.raw[place], "why": "", "copies": 1} for place in chosen]
    rows += [{"prompt": row[2], "completion": row[3], "why": "leaked", "copies": 1} for row in gone["contamination"]]
    for copies, part in ((1, gone["labels"][:wrong]), (times, gone["labels"][wrong : 2 * wrong])):
        for _, _, prompt, completion in part:
            rows += [{"prompt": prompt, "completion": completion, "why": "wrong", "copies": copies}] * copies
    return [{name: row[name] for name in ("prompt", "completion", "why", "copies")} for row in rows]
