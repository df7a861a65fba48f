"""The splits are the same everywhere and hold nothing in common."""

import itertools
import json
import subprocess
import sys

import pytest

from shared.world import TASKS, WorldError, facts, lexicon, reading, rows, wordings
from shared.world.splits import split_of

BUILT_TASKS = list(TASKS)
PAIRS = list(itertools.combinations(("train", "public", "hidden"), 2))


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "a secret of the tests")


@pytest.mark.parametrize("task", BUILT_TASKS)
def test_the_same_arguments_give_the_same_rows(task):
    assert rows(task, "public", 20, 3) == rows(task, "public", 20, 3)
    assert rows(task, "public", 20, 3) != rows(task, "public", 20, 4)


@pytest.mark.parametrize("task", BUILT_TASKS)
def test_another_process_gives_the_same_rows(task):
    code = f"import json; from shared.world import rows; print(json.dumps(rows({task!r}, 'train', 5)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == json.loads(json.dumps(rows(task, "train", 5)))


@pytest.mark.parametrize("task", ["tickets", "orders", "sorting", "reading", "replies", "prose"])
@pytest.mark.parametrize("one, other", PAIRS)
def test_no_row_stands_in_two_splits(task, one, other):
    texts = [{row["prompt"] + row.get("completion", "") for row in rows(task, split, 300)} for split in (one, other)]
    assert not texts[0] & texts[1]


@pytest.mark.parametrize("one, other", PAIRS)
def test_no_item_or_person_or_new_shop_belongs_to_two_splits(one, other):
    for table in (lexicon.ITEMS_BY_SPLIT, lexicon.NAMES_BY_SPLIT):
        assert table[one] and not set(table[one]) & set(table[other])
    assert not set(facts.NEW_TOWNS["public"]) & set(facts.new_towns("hidden"))
    assert not set(facts.KNOWN_TOWNS) & set(facts.new_towns("public") + facts.new_towns("hidden"))


def test_tickets_are_about_items_of_their_split():
    for split in ("train", "public", "hidden"):
        assert {split_of(row["ticket"]["item"]) for row in rows("tickets", split, 200)} == {split}


def test_no_wording_stands_in_two_pools():
    pools = [*wordings.INTENTS.values(), *wordings.URGENCIES.values(), reading.ORDERED, reading.WORKS]
    for relation in facts.RELATIONS.values():
        pools += [relation.statements, relation.questions, relation.reversed_questions]
    for one in pools:
        texts = [template.text for template in one.all()]
        assert len(texts) == len(set(texts))


def test_the_hidden_split_needs_a_secret_and_changes_with_it(monkeypatch):
    first = rows("tickets", "hidden", 50)
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "another secret")
    assert rows("tickets", "hidden", 50) != first
    monkeypatch.delenv("COURSE_HIDDEN_SEED")
    with pytest.raises(WorldError, match="set COURSE_HIDDEN_SEED"):
        rows("tickets", "hidden", 50)


def test_unknown_task_and_split_are_one_clear_line():
    with pytest.raises(WorldError, match="task: expected one of tickets"):
        rows("ticket", "train", 1)
    with pytest.raises(WorldError, match="split: expected one of train, public, hidden, got 'test'"):
        rows("tickets", "test", 1)
