"""Rung 01's classic models and its picture; and that the measured table shows what the notebook says of it."""

import pytest

from shared.choice_figure import Line, choice_map
from shared.classic import logistic_regression, nearest
from shared.figures import alt_text
from shared.measured import measured

PASSAGES = ["The kettle is in the shop.", "The shop is in Fernbrook.", "The tent is in the shop."]


def test_the_nearest_passage_shares_the_rare_word():
    assert nearest(["Where is the tent?", "What is in Fernbrook?"], PASSAGES, 1) == [[2], [1]]
    assert [len(places) for places in nearest(["a tent", "a kettle"], PASSAGES, 2)] == [2, 2]


def test_of_equals_the_first_is_nearest():
    assert nearest(["kettle"], [PASSAGES[1], PASSAGES[0], PASSAGES[0]], 2) == [[1, 2]]


def test_logistic_regression_learns_labels_from_words():
    texts = ["a broken tent", "the tent is torn", "where is my box", "my box has not come"] * 3
    model = logistic_regression(texts, ["repairs", "repairs", "delivery", "delivery"] * 3)
    assert list(model.predict(["a torn kettle", "has my box come"])) == ["repairs", "delivery"]


def test_the_picture_says_all_in_words():
    lines = [Line("facts", "retrieval", [0.9, 1.0], "not trained", "edit a page"),
             Line("facts", "tuned", [0.0], "15 s", "train"), Line("label", "counting", [0.5], "1 s", "")]  # fmt: skip
    figure = choice_map(lines)
    words = alt_text(figure)
    for line in lines:
        assert line.method in words and line.cost in words and line.tomorrow in words
    assert "0.90, 1.00" in words
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["retrieval", "tuned", "counting"]


def test_lines_of_a_task_stand_under_its_name():
    figure = choice_map([Line("a", "x", [1.0], "", ""), Line("a", "y", [1.0], "", ""), Line("b", "z", [1.0], "", "")])
    assert list(figure.axes[0].get_yticks()) == [1, 2, 4]


ROWS = measured("when").rows


def scores(task: str, method: str, asked: str) -> list[float]:
    return [row["score"] for row in ROWS if (row["name"], row["method"], row["asked"]) == (task, method, asked)]


def test_every_run_was_made_with_three_seeds():
    runs = {(row["name"], row["method"], row["asked"]) for row in ROWS}
    assert all(len(scores(*run)) == 3 for run in runs)
    assert len({row["seed"] for row in ROWS}) == 3


@pytest.mark.parametrize(
    ("better", "worse", "least"),
    [
        (("facts", "retrieval", "manager, as a question"), ("facts", "fine-tuned", "manager, as a question"), 0.9),
        (("facts", "retrieval", "manager, backwards"),
         ("facts", "fine-tuned, six wordings", "manager, backwards"), 0.9),
        (("facts", "fine-tuned", "manager, the wiki's words"), ("facts", "fine-tuned", "manager, other words"), 0.5),
        (("facts", "fine-tuned, six wordings", "manager, as a question"),
         ("facts", "fine-tuned", "manager, as a question"), 0.9),
        (("facts", "base", "known managers"), ("facts", "fine-tuned", "known managers"), 0.9),
        (("facts", "base", "known managers"), ("facts", "fine-tuned, six wordings", "known managers"), 0.4),
        (("tone", "fine-tuned", "polite"), ("tone", "3 nearest examples", "polite"), 0.3),
        (("tone", "prompt, greedy", "polite"), ("tone", "prompt", "polite"), 0.5),
        (("tickets", "fine-tuned", "familiar"), ("tickets", "3 nearest examples", "familiar"), 0.9),
        (("team", "fine-tuned, 50", "familiar"), ("team", "logistic regression, 50", "familiar"), 0.25),
        (("team", "logistic regression, 600", "unseen"), ("team", "fine-tuned, 600", "unseen"), 0.05),
    ],
)  # fmt: skip
def test_what_the_notebook_says_is_outside_the_noise(better, worse, least):
    """The worst seed of the better is ahead of the best seed of the worse by so much."""
    assert min(scores(*better)) - max(scores(*worse)) >= least


def test_examples_in_the_prompt_move_nothing_on_pocket():
    plain = scores("tone", "prompt", "polite")
    for method in ("3 examples", "3 nearest examples"):
        assert all(abs(one - other) < 0.05 for one, other in zip(scores("tone", method, "polite"), plain, strict=True))
