"""Every sentence of the grammar parses back."""

import random

import pytest

from shared.world import facts, lexicon, messages, orders, prose, reading, replies, wordings
from shared.world.grammar import Phrasings, Template, parse_any, templates
from shared.world.splits import WorldError

SPLIT_PHRASINGS = [("train", "familiar"), ("public", "familiar"), ("public", "unseen"), ("hidden", "unseen")]


@pytest.mark.parametrize("split, phrasing", SPLIT_PHRASINGS)
def test_a_message_reads_back_as_exactly_what_was_meant(split, phrasing, monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "a secret of the tests")
    stream = random.Random(f"{split}/{phrasing}")
    for _ in range(500):
        message = messages.draw(stream, split, phrasing)
        assert messages.read(message.text) == {message.meaning}, message.text


def test_every_message_template_has_been_used_in_reading_back():
    stream = random.Random(0)
    for intent, pools in wordings.INTENTS.items():
        for template in pools.all():
            meaning = messages.Meaning(intent, "brass lantern", stream.choice((1, 3)), "low")
            slots = messages._slots(stream, meaning, "train")
            assert messages.read(f"{template.render(slots)} No rush at all.") == {meaning}, template.text


def test_other_text_is_no_message():
    assert messages.read("Hello! Where are the moon lanterns?") == set()
    assert messages.read("") == set()


def test_a_reply_reads_back_with_its_tone_and_promise():
    stream = random.Random(1)
    for _ in range(500):
        content = replies.content_for(messages.draw_meaning(stream, "train"))
        for tone, sign in (("polite", 1), ("curt", -1)):
            text = replies.write(stream, replies.draw_action(stream, content), tone)
            assert replies.read(text) == {(tone, content)}, text
            assert replies.tone_score(text) * sign > 0


@pytest.mark.parametrize("relation", facts.RELATIONS.values(), ids=lambda relation: relation.name)
def test_a_fact_is_stated_and_asked_in_wordings_that_parse_back_alone(relation):
    slots = {"town": lexicon.TOWNS[0], "name": "Ada York", "item": "tin mug"}
    for pool in (relation.statements.all(), relation.questions.all(), relation.reversed_questions.all()):
        for template in pool:
            found = parse_any(pool, template.render(slots))
            assert found == [(template, {slot: slots[slot] for slot in template.slots})]


def test_each_sentence_of_a_passage_parses_back_as_one_statement():
    pool = [t for one in facts.RELATIONS.values() for t in one.statements.all()]
    pool += reading.ORDERED.all() + reading.WORKS.all()
    stream = random.Random(2)
    for _ in range(200):
        for sentence in reading.passage(stream).sentences:
            assert len(parse_any(pool, sentence)) == 1, sentence


def test_each_sentence_of_a_story_parses_back():
    stream = random.Random(3)
    for pool in (prose.OPENINGS, prose.MIDDLES, prose.ENDINGS, prose.RULES):
        for template in pool:
            slots = prose._slots(stream, "train")
            found = dict(parse_any(pool, template.render(slots)))
            assert found[template] == {slot: str(slots[slot]) for slot in template.slots}


def test_an_order_parses_back():
    stream = random.Random(4)
    for lines in (1, 2):
        order = orders.draw(stream, lines=lines)
        assert orders.read_order(order.text) == order
    assert orders.read_order("Order: nothing.") is None


def test_goods_read_back():
    for item in ("iron compass", "tin knife", "oak stool"):
        for count in range(1, 7):
            goods = lexicon.with_article(item) if count == 1 else f"{count} {lexicon.plural(item)}"
            assert lexicon.read_goods(goods) == (item, count)


def test_a_slot_outside_the_vocabulary_is_refused():
    with pytest.raises(WorldError, match="is unknown"):
        Template("It is {colour}.").parse("It is red.")


def test_unseen_phrasing_has_no_train_split():
    pools = Phrasings(train=templates("a"), public=templates("b"))
    with pytest.raises(WorldError, match="phrasing"):
        pools.pool("train", "unseen")
