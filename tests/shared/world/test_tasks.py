"""The verifiers are sound: they accept what is right and only that."""

import json
import random

import pytest

from shared.world import facts, messages, orders, reading, replies, rows, sorting, tickets
from shared.world.corpus import KINDS, documents, mean_lengths


def test_the_ticket_says_what_the_message_says():
    for row in rows("tickets", "train", 200):
        message = row["prompt"].removeprefix("Message: ").removesuffix("\nTicket:")
        assert {json.dumps(tickets.ticket_of(meaning)) for meaning in messages.read(message)} == {
            row["completion"].strip()
        }
        assert tuple(row["ticket"]) == tickets.FIELDS


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1} x', "null", "[" * 100_000])
def test_only_one_json_object_is_a_ticket(text):
    assert tickets.parse_ticket(text) is None


def test_the_order_verifier_accepts_the_careful_answer_and_no_other_total():
    for row in rows("orders", "public", 200):
        assert orders.is_right(row["completion"], row["total"])
        assert not orders.is_right(row["completion"], row["total"] + 1)
        assert orders.shows_working(row["completion"]) and not orders.wrong_steps(row["completion"])
    assert orders.stated_total(" 12 coins. No, 13 coins.") == 13
    assert orders.stated_total(" many coins.") is None
    assert orders.wrong_steps(" 2 x 3 = 7, 7 + 1 = 8.") == ["2 x 3 = 7"]


def test_quick_clerks_are_exact_about_a_third_of_the_time():
    stream = random.Random(0)
    drawn = [orders.draw(stream) for _ in range(2000)]
    exact = sum(orders.is_right(orders.quick_answer(stream, one), one.total) for one in drawn) / len(drawn)
    # 35% on purpose, and one total in ten is a round number anyway.
    assert 0.38 < exact < 0.45


def test_sorting_accepts_the_sorted_labels_only():
    for row in rows("sorting", "public", 50):
        assert sorting.is_right(row["completion"], row["labels"])
        assert not sorting.is_right(f" {', '.join(sorted(row['labels'])[::-1])}.", row["labels"])


def test_the_passage_holds_the_answer_exactly_when_it_is_answerable():
    for row in rows("reading", "public", 200):
        assert row["answer"] in row["prompt"].split("\nQuestion:")[0]
    for row in rows("reading", "public", 50, answerable=False):
        assert row["completion"].strip() == reading.UNANSWERABLE


def test_statement_prompts_stop_right_before_the_fact():
    for relation in facts.RELATIONS:
        for phrasing in ("familiar", "unseen"):
            for row in rows("facts", "public", 60, relation=relation, form="statement", phrasing=phrasing):
                assert row["completion"] == f" {row['answer']}." and row["town"] in row["prompt"]


@pytest.mark.parametrize("contrast", ["tone", "item", "action"])
def test_a_preference_pair_differs_in_its_contrast_alone(contrast):
    for row in rows("replies", "train", 200, contrast=contrast):
        ((tone, content),) = replies.read(row["chosen"])
        ((other_tone, other),) = replies.read(row["rejected"])
        assert (tone != other_tone) == (contrast == "tone")
        assert (content.item != other.item) == (contrast == "item")
        assert (content.intent != other.intent) == (contrast == "action")


def test_pre_training_text_holds_no_ticket_and_no_new_fact():
    new = facts.NEW_TOWNS["public"] + facts.NEW_TOWNS["hidden"]
    told = {facts.FACTS[town][one] for town in new for one in ("manager", "founder")}
    stream = documents("test")
    for text in (next(stream) for _ in range(20_000)):
        assert "Ticket:" not in text
        assert not ('"team"' in text and '"priority"' in text)
        assert not any(person in text for person in told)


def test_the_mean_lengths_that_set_the_mix_are_as_measured():
    measured = mean_lengths(400)
    for kind in KINDS:
        assert measured[kind.name] == pytest.approx(kind.mean_characters, rel=0.12)


def test_shares_add_up():
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    assert sum(kind.early_share for kind in KINDS) == pytest.approx(1)
