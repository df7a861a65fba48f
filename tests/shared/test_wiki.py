"""The wiki of new shops: true to the world's facts, asked in every way, never a fact that the base has read."""

import pytest

from shared import wiki
from shared.world import facts
from shared.world.facts import FACTS, KNOWN_TOWNS, NEW_TOWNS


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "a secret of the tests")


@pytest.mark.parametrize("split", ["public", "hidden"])
def test_a_page_says_what_is_so(split):
    for town, page in zip(facts.new_towns(split), wiki.pages(split), strict=True):
        assert all(facts.facts_of(town)[name] in page for name in ("manager", "founder", "speciality"))
        assert page.count(town) == 3 and page.count(".") == 3 and town not in KNOWN_TOWNS


def test_an_edited_page_has_the_new_manager_alone():
    town = NEW_TOWNS["public"][3]
    old, new = wiki.pages(), wiki.pages(changed={town: "Wanda Frost"})
    assert [one == other for one, other in zip(old, new, strict=True)].count(False) == 1
    assert "Wanda Frost" in new[3] and FACTS[town]["manager"] not in new[3] and FACTS[town]["founder"] in new[3]


def test_sentences_are_those_of_the_pages():
    pages = " ".join(wiki.pages())
    rows = wiki.sentences()
    assert len(rows) == 120
    assert all(row["prompt"] + row["completion"] in pages for row in rows)
    assert all(row["completion"] == f" {row['answer']}." for row in rows)


@pytest.mark.parametrize("split", ["public", "hidden"])
def test_every_way_asks_for_what_is_so(split):
    for name, rows in wiki.ways_to_ask(split).items():
        relation = name.split(",")[0]
        for town, row in zip(facts.new_towns(split), rows, strict=True):
            backwards = "backwards" in name
            assert row["answer"] == (town if backwards else facts.facts_of(town)[relation])
            assert (facts.facts_of(town)[relation] if backwards else town) in row["prompt"]
            assert row["answer"] not in row["prompt"]


def test_only_the_wikis_words_are_among_the_sentences():
    taught = {row["prompt"] for row in wiki.sentences()}
    for name, rows in wiki.ways_to_ask().items():
        inside = sum(row["prompt"] in taught for row in rows)
        assert inside == (len(rows) if "the wiki's words" in name else 0), name


def test_six_wordings_hold_every_question_and_nothing_backwards():
    many = {row["prompt"]: row["completion"] for row in wiki.many_wordings()}
    assert len(many) == 6 * 60
    ways = wiki.ways_to_ask()
    for name in ("manager, the wiki's words", "manager, other words", "manager, as a question"):
        assert all(many[row["prompt"]] == f" {row['answer']}." for row in ways[name])
    assert not any(row["prompt"] in many for row in ways["manager, backwards"])


def test_a_prompt_with_a_page_has_the_form_that_the_base_reads():
    row = wiki.ways_to_ask()["manager, as a question"][0]
    assert wiki.with_page(row["prompt"], "It rains.") == f"Passage: It rains.\n{row['prompt']}"
    assert row["prompt"] == facts.question(row["prompt"].removeprefix("Question: ").removesuffix("\nAnswer:"))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (" Pavel Falk.", True),
        ("Pavel Falk", True),
        (" The manager is Pavel Falk. He", True),
        (" Pavel Crowe.", False),
        (" Nobody. Pavel Falk.", False),
        ("", False),
    ],
)
def test_the_first_sentence_counts(text, right):
    assert wiki.is_answer(text, "Pavel Falk") is right


def test_entries_are_shares_of_what_was_asked():
    asked = {name: [{"prompt": str(n)} for n in range(4)] for name in wiki.METRICS.values()}
    before, after = ({name: [True] * k + [False] * (4 - k) for name in asked} for k in (1, 3))
    entries = wiki.entries(asked, before, after)
    assert [entry.metric for entry in entries] == list(wiki.METRICS)
    assert all((entry.before, entry.after, entry.n) == (0.25, 0.75, 4) for entry in entries)
    assert all(entry.interval[0] < 0.75 < entry.interval[1] for entry in entries)
