"""Rung 11's situations: one draw for one seed everywhere, at most two of a pile, and answers kept beside the seed."""

import json
from collections import Counter

import pytest

from shared.artifacts import ArtifactError
from shared.decisions import CaseError
from shared.ecosystem.tools import TOOLS
from shared.tool_cases import CHOICES, DECISIONS, REASONS, drawn, letters, my_situations, save_decisions

DRAWN_7 = "ines xaver edda petra tove rhea".split()


def test_there_are_enough_of_the_length_of_a_letter():
    assert len(letters()) >= 24
    for letter in letters().values():
        assert 40 <= len(letter.text.split()) <= 80, letter.name
        assert letter.text[-1] in '.?!"'


def test_no_two_are_alike():
    words = {name: set(letter.text.lower().split()) for name, letter in letters().items()}
    names = sorted(words)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            assert len(words[one] & words[other]) / len(words[one] | words[other]) < 0.4, (one, other)


def test_a_seed_draws_the_same_everywhere():
    assert [letter.name for letter in drawn(7)] == DRAWN_7, "the draw has changed: answers already given are lost"


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_a_draw_holds_no_more_than_two_of_a_pile(seed):
    piles = Counter(letter.pile for letter in drawn(seed))
    assert piles.total() == 6 and len({letter.name for letter in drawn(seed)}) == 6 and max(piles.values()) <= 2


def test_nothing_can_be_counted_off():
    """Who has decided all but one knows nothing of the last: draws differ in how many they take of a pile."""
    counts = {tuple(sorted(Counter(letter.pile for letter in drawn(seed)).values())) for seed in range(50)}
    assert len(counts) > 2


def test_the_order_gives_no_pile_away():
    assert len({tuple(letter.pile for letter in drawn(seed)) for seed in range(50)}) > 45


def test_every_situation_is_drawn_by_some_seed():
    assert {letter.name for seed in range(100) for letter in drawn(seed)} == set(letters())


def test_the_choices_are_the_tools_and_one_more():
    assert set(CHOICES) == {*TOOLS, "stay"}


def test_the_first_call_draws_and_later_ones_find_the_same(tmp_path):
    first = my_situations(work=tmp_path)
    assert my_situations(work=tmp_path) == first == drawn(json.loads((tmp_path / DECISIONS).read_text())["seed"])


def test_decisions_are_kept_beside_the_seed_and_can_be_changed(tmp_path):
    one, other, *_ = (letter.name for letter in my_situations(work=tmp_path))
    seed = json.loads((tmp_path / DECISIONS).read_text())["seed"]
    save_decisions({one: ("stay", "not-the-tool"), other: None}, work=tmp_path)
    kept = {one: {"choice": "stay", "reason": "not-the-tool"}}
    assert json.loads((tmp_path / DECISIONS).read_text()) == {"rung": "11", "seed": seed, "decisions": kept}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("trax", "own-code"), "no choice 'trax'; expected one of trl, axolotl"),
        (("trl", "fun"), "no reason 'fun'; expected one of"),
        ("trl", "expected a pair such as"),
        (("trl",), "expected a pair such as"),
        (("trl", 3), "expected a pair such as"),
    ],
)
def test_a_decision_that_is_none_is_one_line(tmp_path, given, words):
    name = my_situations(work=tmp_path)[0].name
    with pytest.raises(CaseError, match="decisions: ") as caught:
        save_decisions({name: given}, work=tmp_path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_stranger_is_refused(tmp_path):
    my_situations(work=tmp_path)
    with pytest.raises(CaseError, match="'smith' is none of your letters"):
        save_decisions({"smith": ("stay", "not-the-tool")}, work=tmp_path)


def test_a_spoilt_file_is_one_line(tmp_path):
    my_situations(work=tmp_path)
    (tmp_path / DECISIONS).write_text("{}")
    with pytest.raises(ArtifactError, match=r"decisions\.json"):
        my_situations(work=tmp_path)


def test_reasons_are_one_line_each():
    assert all("\n" not in words and len(words) < 100 for words in (*REASONS.values(), *CHOICES.values()))
