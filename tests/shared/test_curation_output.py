"""What curation hands on: the stream, the data card, the figures, samples that a verifier accepts."""

import pytest

from shared.curation.card import WORDS_WANTED, CardError, data_card, facts_of, fingerprint_of, sections_of
from shared.curation.figures import catch_curves, growth
from shared.curation.memorised import completion_losses
from shared.curation.schema import schema_fault
from shared.curation.stream_source import answer_fault, as_pair, source
from shared.curation.streaming import StreamFilter
from shared.curation.synthetic import spread, verified
from shared.figures import alt_text
from shared.measured import measured
from shared.world import rows

WORDS = {name: f"What I say of {name}." for name in WORDS_WANTED}


def stream_filter():
    return StreamFilter(schema_fault, [row["prompt"] for row in rows("tickets", "public", 200)], threshold=0.6)


def test_a_stream_removes_what_the_steps_would():
    made, keeps = rows("dirty-tickets", "train", 1000), stream_filter()
    verdicts = [keeps.keeps(row["prompt"], row["completion"]) for row in made]
    assert keeps.rows == 1000 and keeps.rows - sum(keeps.removed.values()) == sum(verdicts)
    for row, kept in zip(made, verdicts, strict=True):
        if row["flaws"] in (["broken JSON"], ["leaked"]):
            assert not kept
    kept = [(row["prompt"], row["completion"]) for row, stays in zip(made, verdicts, strict=True) if stays]
    assert len(set(kept)) == len(kept)


def test_a_stream_goes_through_datasets():
    from datasets import Dataset

    made = [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows("dirty-tickets", "train", 300)]
    one, other = stream_filter(), stream_filter()
    left = Dataset.from_list(made).to_iterable_dataset().filter(
        one, batched=True, batch_size=7, input_columns=["prompt", "completion"]
    )  # fmt: skip
    assert list(left) == [row for row in made if other.keeps(**row)]
    assert one.removed == other.removed


def test_the_pocket_stream_is_made_here():
    stream, fault = source("pocket", schema_fault)
    assert fault is schema_fault and set(next(iter(stream))) == {"prompt", "completion"}


def test_an_instruction_becomes_a_pair():
    row = {"instruction": "Add.", "input": "2, 3", "output": "5"}
    assert as_pair(row) == {"prompt": "Add.\n2, 3", "completion": "5"}
    assert as_pair({**row, "input": ""})["prompt"] == "Add."
    assert answer_fault("Add.", "5") is None and answer_fault("Add.", "") == "0 words"


def test_the_card_counts_and_can_be_read_back():
    raw = rows("dirty-tickets", "train", 20)
    fate = ["kept"] * 15 + ["schema"] * 3 + ["near"] * 2
    card = data_card("Tickets", raw, fate, [4, 2], WORDS)
    facts = facts_of(card)
    assert facts["Raw rows"] == "20" and facts["Kept rows"] == "15" and facts["Removed by schema"] == "3"
    assert facts["Training fingerprint"] == fingerprint_of([raw[4], raw[2]])
    assert sections_of(card) == {name: f"What I say of {name}." for name in WORDS_WANTED}


def test_a_card_without_words_is_refused():
    with pytest.raises(CardError, match="'Choices' is empty"):
        data_card("Tickets", [], [], [], {**WORDS, "Choices": "  "})


def test_the_figures_say_what_they_show():
    assert "At 0.6: 2 bands of 1: 0.84" in alt_text(catch_curves([(2, 1)], 0.6))
    assert "seconds: 1, 10" in alt_text(growth([10, 100], {"seconds": [1.0, 10.0]}))


def sample(prompt, completion, total=12):
    return {"prompt": prompt, "completion": completion, "total": total}


SAMPLES = [
    sample("a", " 12 coins."), sample("a", " 12 coins."), sample("a", " 10 coins."),
    sample("b", " 3 x 4 = 12. 12 coins."),
]  # fmt: skip


def test_a_verifier_keeps_each_different_right_answer_once():
    assert verified(SAMPLES) == [SAMPLES[0], SAMPLES[3]]


def test_spread_by_hand():
    assert spread(SAMPLES) == {"right": 0.75, "working": 0.25, "different": 0.75}


def by_seed(table, name, key, **also):
    """Return a column of the rows called `name`, by seed."""
    rows_of = [row for row in measured(table).rows if row["name"] == name]
    return {row["seed"]: row[key] for row in rows_of if all(row[k] == v for k, v in also.items())}


def test_what_the_lesson_says_of_the_sets_is_measured_on_every_seed():
    sets = {name: by_seed("curation", name, "familiar") for name in ("raw", "random", "curated", "all clean")}
    assert all(len(scores) >= 3 for scores in sets.values())
    for seed, score in sets["curated"].items():
        assert score > max(sets[other][seed] for other in ("raw", "random", "all clean"))
        assert sets["all clean"][seed] > sets["raw"][seed] + 0.2
    unseen = {name: by_seed("curation", name, "unseen").values() for name in ("curated", "random", "all clean")}
    assert sum(unseen["all clean"]) > max(sum(unseen["curated"]), sum(unseen["random"]))


def test_copied_errors_are_repeated_and_no_leaked_letter_is_wrong_on_any_seed():
    once, often = (by_seed("curation", "put back", f"parroted, {copies}") for copies in (1, 8))
    assert max(once.values()) < 0.4 and min(often.values()) > 0.7
    assert set(by_seed("curation", "put back", "leaked").values()) == {1.0}
    lower = by_seed("curation", "put back", "leaked loss"), by_seed("curation", "put back", "not leaked loss")
    assert [round(1 - lower[0][seed] / lower[1][seed], 2) for seed in (0, 1, 2)] == [0.38, 0.12, 0.03]


def test_a_verifier_helps_and_its_absence_harms_on_every_seed():
    for name, sign in (("verified", 1), ("all answers", -1)):
        first, last = (by_seed("synthetic", name, "right", generation=number) for number in (0, 2))
        assert len(first) >= 3 and all(sign * (last[seed] - first[seed]) > 0.1 for seed in first)
        first, last = (by_seed("synthetic", name, "working", generation=number) for number in (0, 2))
        assert all(sign * (last[seed] - first[seed]) > 0 for seed in first)


def test_time_and_memory_grow_with_the_rows():
    table = [row for row in measured("curation_scale").rows if row["rows"] >= 30_000]
    for key in ("seconds", "grown_mib"):
        each = [row[key] / row["rows"] for row in table]
        assert len(each) >= 3 and max(each) < 1.5 * min(each)


@pytest.mark.slow
def test_the_loss_of_a_completion_is_that_of_transformers():
    import torch

    from shared.models import load_base

    model, tokenizer = load_base(dtype=torch.float32)
    row = rows("tickets", "train", 1)[0]
    ids = tokenizer(row["prompt"] + row["completion"], return_tensors="pt")["input_ids"].to(model.device)
    labels = ids.clone()
    labels[:, : len(tokenizer(row["prompt"])["input_ids"])] = -100
    with torch.inference_mode():
        right = model(input_ids=ids, labels=labels).loss.item()
    assert completion_losses(model, tokenizer, [row]) == [pytest.approx(right, rel=1e-4)]
