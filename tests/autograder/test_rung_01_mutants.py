"""Rung 01 with one fault: each is refused, by the criterion that it concerns, in words that name it."""

import pytest
from example_choices import (
    COST,
    RETRIEVE,
    edit_decisions,
    report_01,
    right_decisions,
    write_decisions,
    write_notebook_01,
)
from example_work import by_id, edit, failed, said
from test_rung_01_alternatives import TAUGHT

from autograder.rung_01_key import KEY
from shared.cases import CHOICES, drawn
from shared.questions import ANSWERS


def changed(source: str, old: str, new: str) -> str:
    assert old in source
    return source.replace(old, new, 1)


SCORE = "math.log(1 + len(held) / sum(w in one for one in held))"
FIND = r're.findall(r"[a-z0-9]+", question.lower())'
BEST = "return best if best is not None and score(best) > 0 else None"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (changed(RETRIEVE, SCORE, "1"), "retrieve-ranks", "A word that stands in few passages says more"),
        (changed(RETRIEVE, SCORE, "sum(w in one for one in held)"), "retrieve-ranks", "few passages says more"),
        (changed(RETRIEVE, f"sum({SCORE}", f"max([0]) + max(({SCORE}").replace("[place])", "[place]), default=0)"),
         "retrieve-ranks", "Add up the weights of all shared words"),
        (changed(RETRIEVE, "max(range(len(held)), key=score", "min(range(len(held)), key=score"), "retrieve-ranks",
         "right is"),
        (changed(RETRIEVE, BEST, "return passages[best]"), "retrieve-ranks", "returned str, expected an int or None"),
        (changed(RETRIEVE, BEST, "return [best]"), "retrieve-ranks", "returned list, expected an int or None"),
        (changed(RETRIEVE, BEST, "return 1 + best"), "retrieve-ranks", "right is"),
        (changed(RETRIEVE, BEST, "print(best)"), "retrieve-ranks", "returned None, right is"),
        (changed(RETRIEVE, FIND, 're.findall(r"[a-z0-9]+", question)'), "retrieve-edges", "lower case"),
        (changed(RETRIEVE, FIND, "question.lower().split()"), "retrieve-edges", "Keep only words"),
        (changed(RETRIEVE, 'r"[a-z0-9]+", question', 'r"[a-z0-9]{2,}", question'), "retrieve-edges", "a number"),
        (changed(RETRIEVE, "set(re.findall(r\"[a-z0-9]+\", passage.lower())) for", "passage.lower() for").replace(
            "asked & held[place])", "asked if w in held[place])"), "retrieve-edges", "Compare whole words"),
        (changed(RETRIEVE, BEST, "return best"), "retrieve-edges", "No word in common: None"),
        (changed(RETRIEVE, ", default=None", ""), "retrieve-edges", "no passages: stops with ValueError"),
        (changed(RETRIEVE, "math.log(1 + len(held) /", "math.log(len(held) /"), "retrieve-edges",
         "log(1 / 1) is 0, yet a word is shared"),
        (changed(RETRIEVE, "max(range(len(held)),", "max(range(len(held))[::-1],"), "retrieve-edges",
         "Of equals, the first"),
        ("def retrieve(question, passages):\n    raise NotImplementedError()", "retrieve-ranks", "not written yet"),
        ("def retrieve(question, passages):\n    from shared.classic import nearest\n    return 0", "retrieve-ranks",
         "the course's own code is not an answer"),
        ("def find(question, passages):\n    return 0", "retrieve-ranks", "defines no function of this name"),
    ],
)  # fmt: skip
def test_a_wrong_retriever_is_refused_in_words_that_name_the_fault(choice_work, source, criterion, words):
    write_notebook_01(choice_work, retrieve=source)
    results = by_id(report_01(choice_work, "retrieve"))
    assert results[criterion].passed is False and results[criterion].points == 0
    assert words in said(results[criterion]), said(results[criterion])


@pytest.mark.parametrize("answer", ["0", "None", "len(passages) - 1", "-1", "10 ** 9"])
def test_a_retriever_that_finds_anything_leads_to_no_answers(choice_work, without_children, taught_as, answer):
    taught_as(TAUGHT)
    write_notebook_01(choice_work, retrieve=f"def retrieve(question, passages):\n    return {answer}")
    result = by_id(report_01(choice_work, "retrieve"))["retrieve-reads"]
    assert result.passed is False and "The page with the town of the question has to be found" in said(result)


PRICE = "rows * tokens_a_row * epochs / tokens_a_second / 3600 * price_an_hour"
EVEN = "training_price / (tokens_saved * price_a_million / 1e6) if tokens_saved > 0 else None"


@pytest.mark.parametrize(
    ("source", "criterion", "words"),
    [
        (changed(COST, PRICE, PRICE.replace(" / 3600", "")), "training-cost", "Seconds into hours"),
        (changed(COST, PRICE, PRICE.replace("3600", "60")), "training-cost", "An hour has 3600 seconds"),
        (changed(COST, PRICE, PRICE.replace(" * epochs", "")), "training-cost", "Every epoch sees all tokens again"),
        (changed(COST, PRICE, PRICE.replace(" * tokens_a_row", "")), "training-cost", "Count tokens, not rows"),
        (changed(COST, PRICE, PRICE.replace(" * price_an_hour", "")), "training-cost", "times the price of one"),
        (changed(COST, PRICE, f"round({PRICE}, 1)"), "training-cost", "right is"),
        (changed(COST, PRICE, PRICE.replace("epochs", "int(epochs)")), "training-cost", "half an epoch"),
        (changed(COST, PRICE, f"str({PRICE})"), "training-cost", "returned str, expected a number"),
        (changed(COST, PRICE, f"1.001 * {PRICE}"), "training-cost", "right is"),
        (changed(COST, EVEN, EVEN.replace(" / 1e6", "")), "break-even", "The price is for a million tokens"),
        (changed(COST, EVEN, "tokens_saved * price_a_million / 1e6 / training_price if tokens_saved > 0 else None"),
         "break-even", "right is"),
        (changed(COST, EVEN, EVEN.replace("tokens_saved *", "")), "break-even", "saves `tokens_saved` tokens, not one"),
        (changed(COST, EVEN, EVEN.replace(" if tokens_saved > 0 else None", "")), "break-even", "ZeroDivisionError"),
        (changed(COST, EVEN, EVEN.replace("> 0", "!= 0")), "break-even", "When no token is saved it never pays"),
        (changed(COST, EVEN, EVEN.replace("None", "math.inf")), "break-even", "expected a finite number"),
        (changed(COST, EVEN, EVEN.replace("else None", "else 0")), "break-even", "never pays: return None"),
    ],
)  # fmt: skip
def test_a_wrong_cost_is_refused_in_words_that_name_the_fault(choice_work, without_children, source, criterion, words):
    write_notebook_01(choice_work, cost=source)
    report = report_01(choice_work, "cost")
    assert failed(report) == {criterion}
    assert words in said(by_id(report)[criterion]), said(by_id(report)[criterion])


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("seed", range(10))
def test_one_choice_for_every_letter_earns_nothing(choice_work, choice, seed):
    write_decisions(choice_work, {letter.name: (choice, "facts-change") for letter in drawn(seed)}, seed)
    assert report_01(choice_work, "decide").score == 0


@pytest.mark.parametrize(("wrong", "score"), [(2, 4), (3, 2), (5, 2), (6, 0), (12, 0)])
def test_points_come_in_steps(choice_work, wrong, score):
    turned = {}
    for name in list(right_decisions())[:wrong]:
        turned[name] = (next(choice for choice in CHOICES if choice not in KEY[name]), "facts-change")
    edit_decisions(choice_work, **turned)
    report = report_01(choice_work, "decide")
    assert report.score == score
    if score < 4:
        lines = said(by_id(report)["choices-10"])
        assert f"{12 - wrong} of 12, 12 decided" in lines and "letter again" in lines
        assert next(iter(right_decisions())) in lines


def test_right_choices_for_wrong_reasons_earn_half(choice_work):
    turned = {}
    for name, (choice, _) in right_decisions().items():
        turned[name] = (choice, "no-test" if "no-test" not in KEY[name][choice] else "exact-rule")
    edit_decisions(choice_work, **turned)
    report = report_01(choice_work, "decide")
    assert report.score == 2 and failed(report) == {"reasons-7", "reasons-10"}


def test_the_report_does_not_tell_the_answer(choice_work):
    write_decisions(choice_work, {})
    report = report_01(choice_work, "decide")
    assert report.score == 0
    for result in report.criteria:
        assert "0 of 12, 0 decided" in said(result)
        assert not any(f"'{choice}'" in said(result) for choice in CHOICES)


def test_another_seed_has_other_letters(choice_work):
    """Right for one learner's draw, decisions are none for the letters that another seed draws."""
    other = next(seed for seed in range(100) if not {one.name for one in drawn(seed)} & set(right_decisions()))
    edit(choice_work / ANSWERS, lambda record: record.update(seed=other))
    assert report_01(choice_work, "decide").score == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(seed=-1), "seed: Input should be greater than or equal to 0"),
        (lambda record: record.update(seed=2**31), "seed: Input should be less than or equal"),
        (lambda record: record.update(rung="03"), "for rung '03'"),
        (lambda record: record.update(right=True), "right: Extra inputs are not permitted"),
        (lambda record: record["decisions"].update(osei="prompt"), "decisions.osei"),
        (lambda record: record["decisions"].update(osei={"choice": "prompt"}), "decisions.osei.reason"),
        (lambda record: record.pop("decisions"), "decisions: Field required"),
    ],
)
def test_decisions_that_are_none_earn_nothing(choice_work, change, words):
    edit(choice_work / ANSWERS, change)
    report = report_01(choice_work, "decide")
    assert report.score == 0 and all(words in said(result) for result in report.criteria), said(report.criteria[0])


@pytest.mark.parametrize("content", ["", "{}", "[" * 9999, "null", '{"rung": "01", "seed": NaN, "decisions": {}}'])
def test_a_spoilt_answers_file_is_one_line(choice_work, content):
    (choice_work / ANSWERS).write_text(content)
    report = report_01(choice_work, "decide")
    assert report.score == 0 and all("answers.json" in result.observed for result in report.criteria)
