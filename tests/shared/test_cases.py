"""The clients' letters: one draw for one seed everywhere, at most two of a pile, answers kept beside the seed."""

import json
from collections import Counter

import pytest

from shared import cases
from shared.artifacts import ArtifactError
from shared.cases import CHOICES, REASONS, drawn, letters, my_letters, save_decisions
from shared.decisions import CaseError
from shared.questions import ANSWERS

DRAWN_7 = "quill takumi wanda leila delgado anand pia mercedes ulrich hana emi bo".split()


def test_there_are_enough_letters_of_the_length_of_a_letter():
    assert len(letters()) >= 60
    for letter in letters().values():
        assert 40 <= len(letter.text.split()) <= 80, letter.name
        assert letter.text == " ".join(letter.text.split()) and letter.text[-1] in '.?!"'


def test_no_two_letters_are_alike():
    words = {name: set(letter.text.lower().split()) for name, letter in letters().items()}
    names = sorted(words)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            shared = len(words[one] & words[other]) / len(words[one] | words[other])
            assert shared < 0.4, (one, other)


def test_a_seed_draws_the_same_letters_everywhere():
    assert [letter.name for letter in drawn(7)] == DRAWN_7, "the draw has changed: answers already given are lost"


@pytest.mark.parametrize("seed", [*range(30), 2**31 - 1])
def test_a_draw_holds_no_more_than_two_of_a_pile(seed):
    piles = Counter(letter.pile for letter in drawn(seed))
    assert piles.total() == 12 and len({letter.name for letter in drawn(seed)}) == 12 and max(piles.values()) <= 2


def test_nothing_can_be_counted_off():
    """Who has decided all but one knows nothing of the last: draws differ in how many they take of a pile."""
    counts = {tuple(sorted(Counter(letter.pile for letter in drawn(seed)).values())) for seed in range(50)}
    assert len(counts) > 3


def test_the_order_gives_no_pile_away():
    orders = {tuple(letter.pile for letter in drawn(seed)) for seed in range(50)}
    assert len(orders) == 50


def test_every_letter_is_drawn_by_some_seed():
    assert {letter.name for seed in range(300) for letter in drawn(seed)} == set(letters())


def test_the_first_call_draws_and_later_ones_find_the_same(tmp_path):
    first = my_letters(work=tmp_path)
    assert my_letters(work=tmp_path) == first == drawn(json.loads((tmp_path / ANSWERS).read_text())["seed"])


def test_decisions_are_kept_beside_the_seed_and_can_be_changed(tmp_path):
    one, other, *_ = (letter.name for letter in my_letters(work=tmp_path))
    seed = json.loads((tmp_path / ANSWERS).read_text())["seed"]
    save_decisions({one: ("prompt", "few-examples"), other: None}, work=tmp_path)
    kept = {one: {"choice": "prompt", "reason": "few-examples"}}
    assert json.loads((tmp_path / ANSWERS).read_text()) == {"rung": "01", "seed": seed, "decisions": kept}
    save_decisions({other: ["none", "no-test"]}, work=tmp_path)
    assert list(json.loads((tmp_path / ANSWERS).read_text())["decisions"]) == [other]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("prompting", "few-examples"), "no choice 'prompting'; expected one of prompt, rag"),
        (("prompt", "cheap"), "no reason 'cheap'; expected one of facts-change"),
        ("prompt", "got 'prompt', expected a pair"),
        (("prompt",), "expected a pair"),
        (("prompt", None), "expected a pair"),
        ((1, 2), "expected a pair"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_one_line(tmp_path, given, words):
    name = my_letters(work=tmp_path)[0].name
    with pytest.raises(CaseError) as error:
        save_decisions({name: given}, work=tmp_path)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_somebody_elses_letter_is_refused(tmp_path):
    mine = {letter.name for letter in my_letters(work=tmp_path)}
    other = next(name for name in letters() if name not in mine)
    with pytest.raises(CaseError, match=f"'{other}' is none of your letters"):
        save_decisions({other: ("prompt", "few-examples")}, work=tmp_path)


def test_a_spoilt_file_is_one_line(tmp_path):
    (tmp_path / "artifacts").mkdir()
    (tmp_path / ANSWERS).write_text("{}")
    with pytest.raises(ArtifactError, match=r"answers\.json"):
        my_letters(work=tmp_path)


def test_choices_and_reasons_say_what_they_mean():
    assert len(CHOICES) == 6 and len(REASONS) >= 10
    assert all(len(words.split()) >= 4 for words in (*CHOICES.values(), *REASONS.values()))


def test_the_key_does_not_lie_beside_the_letters():
    for path in cases.FOLDER.glob("letters-*.txt"):
        text = path.read_text()
        assert not any(f"{choice}:" in text or f'"{choice}"' in text for choice in CHOICES)
