"""The curation steps: each on rows worked out by hand, and all of them on the generated set with known flaws."""

import json

import pytest

from shared.curation.contamination import TestSet
from shared.curation.diversity import most_diverse
from shared.curation.exact import exact_duplicates
from shared.curation.labels import label_faults
from shared.curation.near import NearIndex, bands_for, catch_rate, near_duplicates, signature_of
from shared.curation.pipeline import Pipeline
from shared.curation.sanity import sanity_fault
from shared.curation.schema import schema_fault
from shared.curation.steps import clean, put_back
from shared.curation.text import jaccard, message_of, normal_form, shingles, word_ngrams
from shared.curation.truth import score
from shared.data import load_task
from shared.world import rows


def test_normal_form_is_what_a_reader_sees_as_the_same():
    assert normal_form("  The\u00a0CAT\n sat ") == normal_form("the cat sat")
    assert normal_form("ﬁne") == "fine"


def test_shingles_and_jaccard_by_hand():
    assert shingles("abcde", 4) == {"abcd", "bcde"}
    assert shingles("ab", 4) == {"ab"}
    assert jaccard({"a", "b", "c"}, {"b", "c", "d"}) == 0.5
    assert jaccard(set(), set()) == 1 and jaccard({"a"}, set()) == 0
    assert word_ngrams("One two  three", 2) == {("one", "two"), ("two", "three")}
    assert message_of("Message: Hello!\nTicket:") == "Hello!"


def test_the_catch_rate_by_hand():
    assert catch_rate(0.5, bands=2, rows=1) == 0.75
    assert catch_rate(1, 3, 5) == 1 and catch_rate(0, 3, 5) == 0


@pytest.mark.parametrize("threshold", [0.4, 0.6, 0.8, 0.9])
def test_bands_catch_the_threshold_with_as_few_candidates_as_can_be(threshold):
    bands, per_band = bands_for(threshold, 64)
    assert bands * per_band <= 64 and catch_rate(threshold, bands, per_band) >= 0.98
    assert catch_rate(threshold, 64 // (per_band + 1), per_band + 1) < 0.98


def test_a_signature_estimates_similarity():
    one, other = shingles("I want my money back for the brass lantern."), shingles("I want my money for the lantern.")
    assert abs(signature_of(one, 512).jaccard(signature_of(other, 512)) - jaccard(one, other)) < 0.1


def test_a_near_duplicate_needs_the_same_label():
    texts = ["Hello! The brass lantern came broken.", "Hey! The brass lantern came broken.", "Where is my tent?"]
    assert near_duplicates(texts, ["a", "a", "a"], 0.6) == [None, f"like: {texts[0]}", None]
    assert near_duplicates(texts, ["a", "b", "a"], 0.6) == [None, None, None]


def test_what_is_removed_is_not_remembered():
    index = NearIndex(0.6)
    assert index.add("Hello! The brass lantern came broken.") is None
    assert index.add("Hey! The brass lantern came broken.") == 0
    assert len(index) == 1


def test_exact_duplicates_count_all_parts():
    assert exact_duplicates([("a", "b"), ("A ", "b"), ("a", "c"), ("ab", ""), ("a", "b")]) == [
        None, "seen before", None, None, "seen before",
    ]  # fmt: skip


def test_contamination_is_the_share_of_shared_runs():
    test = TestSet(["Message: one two three four five six seven eight nine\nTicket:"], words=8)
    assert test.overlap("Message: one two three four five six seven eight nine\nTicket:") == 1
    assert test.overlap("one two three four five six seven eight ten") == 0.5
    assert test.fault("one two three four five six seven eight ten") is None
    assert TestSet(["Where is it?"]).fault("where is IT?") == "overlap 100%"


@pytest.mark.parametrize(
    ("text", "lengths", "fault"),
    [
        ("fog.", (1, 400), None),
        ("15\n9\n8\n4\n0", (1, 400), None),
        ("| Name | Age |\n|------|-----|\n| Ann | 30 |", (1, 400), None),
        ("Fill in the missing word.\nPandas are ________ animals.", (3, 400), None),
        ("2x1=2  | 3x1=3  | 4x1=4", (1, 400), None),
        ("Ja, bitte schön, über die Straße.", (3, 400), None),
        ("Nooooooooo way, my lamp broke", (3, 400), "repeats o"),
        ("a broken \ufffd text here", (3, 400), "not readable"),
        ("?? !! ## .. ,, a", (3, 400), "letters and digits 9%"),
        ("too short", (3, 400), "2 words"),
        ("", (1, 400), "0 words"),
        ("word " * 401, (3, 400), "401 words"),
    ],
)
def test_sanity_spares_what_real_instructions_hold(text, lengths, fault):
    assert sanity_fault(text, lengths) == fault


def test_a_ticket_that_its_message_can_have_has_no_fault():
    for row in rows("tickets", "train", 300) + rows("tickets", "public", 100, phrasing="unseen"):
        assert schema_fault(row["prompt"], row["completion"]) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"team": "lawyers", "count": 9}, "team"),
        ({"priority": "soon"}, "priority"),
        ({"count": True}, "count"),
        ({"item": "golden harp"}, "item"),
        ({"item": " "}, "item"),
        ({"note": ""}, "keys"),
    ],
)
def test_the_first_fault_of_a_ticket_is_named(change, fault):
    row = rows("tickets", "train", 1)[0]
    assert schema_fault(row["prompt"], json.dumps({**row["ticket"], **change})) == fault
    assert schema_fault(row["prompt"], row["completion"] + "!") == "not JSON"


def test_diverse_prompts_lie_far_apart():
    prompts = ["red hat"] * 5 + ["green tent", "blue rope"]
    assert {prompts[place] for place in most_diverse(prompts, 3)} == set(prompts)
    assert most_diverse(prompts, 10) == list(range(7))
    assert len(set(most_diverse(prompts, 6, seed=2))) == 6


@pytest.mark.slow
def test_a_wrong_label_is_doubted_also_beside_its_copy():
    made = rows("tickets", "train", 2000)
    prompts, completions = [row["prompt"] for row in made], [row["completion"] for row in made]
    for place in range(5):
        wrong = {**made[place]["ticket"], "count": made[place]["ticket"]["count"] % 6 + 1}
        completions[place] = " " + json.dumps(wrong)
    faults = label_faults(prompts + prompts[:5], completions + completions[:5], fields=["count"])
    assert sum(fault is not None for fault in faults[:5]) >= 4
    assert faults[:5] == faults[2000:]
    assert sum(fault is not None for fault in faults[5:2000]) <= 20


@pytest.fixture(scope="module")
def cleaned():
    raw = load_task("dirty-tickets", "train", 5000, seed=4)
    return clean(raw, load_task("tickets", "public", 200)["prompt"])


@pytest.mark.slow
def test_the_pipeline_finds_the_flaws_and_spares_the_rest(cleaned):
    judged = score(cleaned.raw.to_list(), cleaned.fate)
    assert min(judged.recall.values()) > 0.9 and judged.recall["broken JSON"] == judged.recall["exact duplicate"] == 1
    assert min(judged.precision.values()) > 0.9
    assert judged.coverage > 0.95 and judged.purity > 0.95


@pytest.mark.slow
def test_the_pipeline_remembers_every_row_and_shows_three(cleaned):
    assert cleaned.fate.count("kept") == len(cleaned.rows)
    assert [cleaned.raw[place]["prompt"] for place in cleaned.rows["place"]] == list(cleaned.rows["prompt"])
    assert set(cleaned.rows.column_names) == {"prompt", "completion", "place"}
    for removal in cleaned.removals:
        assert len(removal.removed) == cleaned.fate.count(removal.step)
        assert str(removal).count("->") == min(3, len(removal.removed))


@pytest.mark.slow
def test_put_back_brings_what_was_removed(cleaned):
    chosen = cleaned.rows["place"][:50]
    made = put_back(cleaned, chosen, wrong=5, times=4)
    whys = [(row["why"], row["copies"]) for row in made]
    assert whys.count(("", 1)) == 50 and whys.count(("wrong", 1)) == 5 and whys.count(("wrong", 4)) == 20
    assert whys.count(("leaked", 1)) == cleaned.fate.count("contamination")


def test_verdicts_must_be_as_many_as_rows():
    pipeline = Pipeline(load_task("tickets", "train", 3))
    with pytest.raises(ValueError, match="two: 2 verdicts for 3 rows"):
        pipeline.remove("two", [None, None])
    assert str(pipeline.remove("none", [None] * 3)) == "none: 3 rows, 0 removed"
    assert len(pipeline.remove("all", lambda row: "bad").removed) == 3 and len(pipeline.rows) == 0


def made(prompt, flaw=None, original=None):
    return {"prompt": prompt, "completion": "{}", "flaws": [flaw] if flaw else [], "original": original}


FAMILY = [
    made("a"), made("b"), made("a", "exact duplicate", "a"), made("Hey a", "near duplicate", "a"),
    made("b", "wrong label"), made("t", "leaked"), made("c", "broken JSON"),
]  # fmt: skip


def test_any_one_of_a_family_may_stay():
    for fate in (
        ["kept", "kept", "dup", "near", "label", "leak", "schema"],
        ["near", "kept", "dup", "kept", "label", "leak", "schema"],
        ["dup", "kept", "kept", "near", "label", "leak", "schema"],
    ):
        judged = score(FAMILY, fate)
        assert set(judged.recall.values()) == {1} and set(judged.precision.values()) == {1}
        assert judged.coverage == judged.purity == 1


def test_a_lost_family_costs_precision_and_coverage():
    judged = score(FAMILY, ["kept", "dup", "dup", "near", "label", "leak", "schema"])
    assert judged.precision["dup"] == 0.5 and judged.coverage == 0.5 and judged.purity == 1
    judged = score(FAMILY, ["kept"] * 7)
    assert set(judged.recall.values()) == {0} and judged.purity == pytest.approx(2 / 7)


def test_the_wrong_copy_kept_is_seen():
    judged = score(FAMILY, ["kept", "dup", "dup", "near", "kept", "leak", "schema"])
    assert judged.recall["wrong label"] == 0 and judged.precision["dup"] == 0.5 and judged.coverage == 0.5


def test_a_fate_for_each_row_is_needed():
    with pytest.raises(ValueError, match="6 fates for 7 rows"):
        score(FAMILY, ["kept"] * 6)


@pytest.mark.slow
def test_near_copies_are_witnesses_about_labels():
    """Rung 05 says so: removed before the labels are judged, more good rows fall under suspicion."""
    raw, test = load_task("dirty-tickets", "train", 5000), load_task("tickets", "public", 200)
    usual, swapped = clean(raw, test["prompt"]), clean(raw, test["prompt"], near_first=True)
    one, other = (score(raw.to_list(), pipeline.fate) for pipeline in (usual, swapped))
    assert abs(one.recall["wrong label"] - other.recall["wrong label"]) < 0.01
    assert one.precision["labels"] > 0.998 and 0.99 < other.precision["labels"] < 0.994
