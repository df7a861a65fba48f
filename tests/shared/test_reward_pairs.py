"""Preference pairs: they differ in what they should, and the program and the simulated people label them as stated."""

import pytest

from shared.reward_pairs import (
    CONTRASTS,
    QUALITY,
    TRAINED,
    balanced,
    labelled_by_people,
    longer_by,
    pairs,
    swapped,
    twins,
    wordy,
)
from shared.reward_rules import CONSTITUTION, gold, labelled_by_rules, own_words, polite, right_promise
from shared.world import lexicon, split_of
from shared.world.replies import promised, rows, tone_score


def test_contrasts_come_in_turn_and_the_same_each_time():
    made = pairs("train", 30, 4)
    assert [row["contrast"] for row in made] == [*CONTRASTS] * 10
    assert made == pairs("train", 30, 4) and made != pairs("train", 30, 5)


@pytest.mark.parametrize("small_talk", [False, True])
def test_a_pair_differs_in_its_contrast_alone(small_talk):
    for row in pairs("public", 150, small_talk=small_talk):
        (right, tone), (wrong, other) = ((promised(row[n]), tone_score(row[n]) > 0) for n in ("chosen", "rejected"))
        differs = {
            "tone": tone != other,
            "item": right.item != wrong.item,
            "action": right.intent != wrong.intent,
        }
        assert [name for name, differ in differs.items() if differ] == [row["contrast"]]
        assert right.urgency == wrong.urgency and right_promise(row["prompt"], row["chosen"]) == 1


@pytest.mark.parametrize("split", ["train", "public"])
def test_items_are_those_of_the_split(split):
    for row in pairs(split, 60, contrasts=["item"]):
        assert {split_of(promised(row[name]).item) for name in ("chosen", "rejected")} == {split}


def test_small_talk_falls_on_either_reply_and_names_no_item():
    made = pairs("train", 600, contrasts=["item"], small_talk=True)
    longer = [longer_by(row) for row in made]
    assert abs(sum(n > 0 for n in longer) - sum(n < 0 for n in longer)) < 100
    for row in twins("public", 100):
        assert row["long"].startswith(row["short"]) and len(row["long"]) > len(row["short"])
        added = row["long"].removeprefix(row["short"])
        assert not any(item in added for item in lexicon.ITEMS_BY_SPLIT["public"]) and tone_score(added) == 0


def test_wordy_pairs_have_the_longer_reply_rejected():
    made = wordy("public", 90)
    assert len(made) == 90 and all(longer_by(row) < 0 for row in made)
    assert {row["contrast"] for row in made} == {*TRAINED}


def test_the_program_labels_the_worlds_pairs_rightly_whichever_way_they_come():
    made = pairs("train", 150, small_talk=True)
    assert labelled_by_rules(made) == made == labelled_by_rules([swapped(row) for row in made])
    for contrast in CONTRASTS:
        world = rows("public", 60, contrast=contrast)
        assert labelled_by_rules(world) == world
    same = [{**row, "rejected": row["chosen"]} for row in made]
    assert labelled_by_rules(same) == []


def test_people_slip_and_are_fond_of_length():
    made = pairs("train", 3000, small_talk=True)
    labelled = labelled_by_people(made)
    right = [one == other for one, other in zip(labelled, made, strict=True)]
    shorter = [ok for ok, row in zip(right, made, strict=True) if longer_by(row) < -4]
    longer = [ok for ok, row in zip(right, made, strict=True) if longer_by(row) > 4]
    level = [ok for ok, row in zip(right, made, strict=True) if longer_by(row) == 0]
    assert sum(longer) / len(longer) > 0.95 and sum(shorter) / len(shorter) < 0.55
    assert sum(level) / len(level) == pytest.approx(1 / (1 + 2.718281828**-QUALITY), abs=0.05)
    assert sum(longer_by(row) > 0 for row in labelled) > 1.5 * sum(longer_by(row) < 0 for row in labelled)


def test_in_balanced_pairs_length_says_nothing():
    labelled = labelled_by_people(pairs("train", 1200, small_talk=True))
    kept = balanced(labelled)
    differences = [longer_by(row) for row in kept]
    assert all(differences.count(size) == differences.count(-size) for size in differences)
    assert len(kept) > 300 and all(row in labelled for row in kept)


def test_gold_adds_up_the_principles():
    prompt = "Message: I want my money back for the blue paddle. It can wait until you have time.\nReply:"
    right = " We are grateful for your patience. Kindly note that the blue paddle will be refunded next month."
    assert gold(prompt, right) == 3 == len(CONSTITUTION)
    assert gold(prompt, right.replace("blue paddle", "tin cot")) == pytest.approx(2 + 2 / 3)
    assert gold(prompt, " Look, the blue paddle will be refunded next month.") == 2
    assert gold(prompt, right + " The road from Marshbury to Fernford is long.") == 2
    assert gold(prompt, "") == 0.5 and right_promise(prompt, "No.") == 0
    assert polite(prompt, "No.") == 0.5 and own_words(prompt, "No.") == 0
    assert right_promise("Message: Hello?\nReply:", right) == 0
