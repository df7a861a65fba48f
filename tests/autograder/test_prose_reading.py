"""Sentences, patterns and the idea files: what counts as visible, as near, as said and as denied."""

import time

import pytest
import yaml
from essays import RUNGS

from autograder.prose.ideas import FOLDER, ProseCell, prose_cells, word_lists
from autograder.prose.own import _share
from autograder.prose.patterns import PatternError, parse
from autograder.prose.proposal import Sources, propose, says_wrong
from autograder.prose.reading import read, words_of
from autograder.prose.self_check import prose_lines
from shared.course import load_course

LISTS = {"not": ["not", "no"], "number": ["$digits"], "digits": ["#"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It doesn't; it can't, won't and isn't.", "it does not it can not will not and is not"),
        ("Fine-tuning, fine tuning and finetuning", "finetuning finetuning and finetuning"),
        ("Optimizers generalise: it's 4,096 or 43.5%.", "optimisers generalise it 4,096 or 43.5%"),
        ("„Größe“ and naïve", "größe and naïve"),
    ],
)
def test_spelling_is_levelled(text, words):
    assert " ".join(words_of(text)) == words


@pytest.mark.parametrize(
    ("text", "seen", "hidden"),
    [
        ("One.<!-- two. --> Three.", "one three", True),
        ("One. <!-- two, and no end", "one", True),
        ("One <span style='color: white'>two</span> three", "one three", True),
        ("One <p hidden>two</p> three", "one three", True),
        ("One <b>two</b> [three](http://four)", "one two three", False),
        ("one\u200btwo `three`", "onetwo three", False),
        ("one\n\n[//]: # (two)\n\nthree", "one three", True),
        ("<style>two</style>one", "one", True),
    ],
)
def test_only_what_the_page_shows_is_read(text, seen, hidden):
    answer = read(text)
    assert (" ".join(answer.words), answer.hidden) == (seen, hidden)


HOSTILE = [
    "<b ",
    "<!--",
    "[",
    "[a](",
    "\n",
    "\n \n",
    "1,",
    "1,,",
    "'",
    "don't ",
    "a.' ",
    "*",
    "<span hidden>",
    "](",
    "é\u0301",
    "same ",
    "finetuning recite facts knowledge prompt test ",
    "finetuning ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_takes_long(piece):
    """A hundredth of a second is usual; what takes the square of the text's length took most of a minute."""
    cell = prose_cells(load_course().rung("01"))["argue"]
    started = time.process_time()
    propose(piece * (200_000 // len(piece)), "", cell, Sources())
    assert time.process_time() - started < 5


def test_sentences_end_at_marks_blank_lines_and_bullets_and_not_within_numbers():
    answer = read("It rose to 0.7 nats. Then\nit fell; twice\n\nEnd\n- one\n- two")
    assert [" ".join(one) for one in answer.sentences] == [
        "it rose to 0.7 nats",
        "then it fell",
        "twice",
        "end",
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    ("pattern", "text", "met"),
    [
        ("loss answer", "on the answer alone stands the loss", True),
        ("loss answer", f"loss {'word ' * 20} answer", False),
        ("loss|cost answer|ticket", "the cost of a ticket", True),
        ("overwrit* base", "it overwrites the base", True),
        ("learning_rate", "the learning rate", True),
        ("learning_rate", "the rate of learning", False),
        ("higher > beta > further", "a higher beta goes further", True),
        ("higher > beta > further", "further with beta, higher", False),
        ("higher > beta", f"higher {'word ' * 8} beta", False),
        ("beta > far !$not", "beta goes far", True),
        ("beta > far !$not", "beta does not go far", False),
        ("beta > far !$not", "no not at all but beta goes far", True),
        ("$number tickets", "98% of the tickets", True),
        ("$number tickets", "some of the tickets", False),
        ("same same fair", "same prompt and same policy, so fair", True),
        ("same same fair", "the same prompt, so fair", False),
        ("gradient", "the gradeint", True),  # two letters in the wrong order
        ("gradient*", "the gradiens", True),
        ("loss", "the boss", False),
        ("memory", "the nemory", False),  # the first letter must be right
    ],
)
def test_a_pattern_is_met_by_words_near_one_another(pattern, text, met):
    assert (parse(pattern, LISTS).find(words_of(text)) is not None) is met


@pytest.mark.parametrize("pattern", ["", "!loss", "loss > a b", "a b > c !d", "> a", "$unknown", "|"])
def test_a_pattern_that_cannot_be_read_is_one_line(pattern):
    with pytest.raises(PatternError, match=r"^[^\n]+$"):
        parse(pattern, LISTS)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("RAG changes the weights.", True),
        ("RAG changes the weights of the model, I believe.", True),
        ("RAG never changes the weights.", False),
        ("RAG does not change the weights.", False),
        ("It is a myth that RAG changes the weights.", False),
        ("RAG changes the weights? That is wrong.", False),
    ],
)
def test_a_wrong_statement_counts_when_it_is_said_in_earnest(text, wrong):
    cell = ProseCell.model_validate(
        {
            "asked": 10,
            "about": ["rag"],
            "ideas": [{"idea": "x", "points": 1, "says": ["x"]}],
            "wrong": [{"line": "y", "says": ["rag > change* > weights !$not"]}],
        },
        context=word_lists(),
    )
    assert says_wrong(read(text), cell.wrong[0]) is wrong


@pytest.mark.parametrize(
    ("word", "share"),
    [("96%", 0.96), ("96", 0.96), ("0.96", 0.96), ("95,5%", 0.955), ("1", 1), ("200", None), ("1.2.3", None)],
)
def test_a_share_is_read_from_its_word(word, share):
    assert _share(word) == share


def test_every_line_of_an_idea_file_is_a_pattern_as_written():
    """YAML takes ` #` for a comment, and a quotation mark within a line for a letter: neither may stand there."""
    for path in FOLDER.glob("rung-*.yml"):
        assert "#" not in path.read_text()
        for cell in yaml.safe_load(path.read_text()).values():
            lines = [line for part in (*cell["ideas"], *cell.get("wrong", [])) for line in part["says"]]
            assert all(isinstance(line, str) and '"' not in line and "||" not in line for line in lines)
    assert set(RUNGS) == {name for path in FOLDER.glob("rung-*.yml") for name in yaml.safe_load(path.read_text())}


def test_the_self_check_says_that_it_waits_and_gives_no_idea_away(work):
    rung = load_course().rung("02")
    assert list(prose_lines(rung, work)) == [
        "'explain-sft', 5 points by a human: too short: 18 words, at least 80 are asked for"
    ]
    assert list(prose_lines(rung, work / "nowhere")) == []
