"""Rung 01, solved in other ways: each of these submissions is right, and passes."""

import pytest
from example_choices import (
    COST,
    RETRIEVE,
    asked_01,
    claim,
    edit_decisions,
    report_01,
    right_decisions,
    write_decisions,
    write_notebook_01,
)
from example_work import by_id, failed, said

from autograder.rung_01_cost import break_even, training_cost
from autograder.rung_01_key import KEY, LOOK_AGAIN
from autograder.rung_01_retrieve import edge_cases, rank_cases, wiki_search
from shared import wiki
from shared.artifacts import BaseRecord, fingerprint_model
from shared.cases import CHOICES, REASONS, drawn, letters

TAUGHT = {"manager, the wiki's words": 60, "manager, other words": 20, "known managers": 2}
WORDS = """words = lambda text: re.findall(r"[a-z0-9]+", text.lower())
    q, ps = words(question), [words(p) for p in passages]
"""
RETRIEVERS = {
    "TF-IDF with cosine": f"""
def retrieve(question, passages):
    {WORDS}
    df = Counter(w for p in ps for w in set(p))
    idf = {{w: math.log((1 + len(ps)) / (1 + n)) + 1 for w, n in df.items()}}
    best, score = None, 0
    for i, p in enumerate(ps):
        tf = Counter(p)
        dot = sum(tf[w] * idf[w] ** 2 for w in set(q) if w in tf)
        norm = math.sqrt(sum((n * idf[w]) ** 2 for w, n in tf.items()))
        if norm and dot / norm > score:
            best, score = i, dot / norm
    return best
""",
    "BM25": f"""
def retrieve(question, passages):
    {WORDS}
    if not ps:
        return None
    mean = sum(map(len, ps)) / len(ps) or 1
    def weight(w):
        n = sum(w in p for p in ps)
        return math.log(1 + (len(ps) - n + 0.5) / (n + 0.5))
    def score(p):
        return sum(weight(w) * p.count(w) * 2.2 / (p.count(w) + 1.2 * (0.25 + 0.75 * len(p) / mean))
                   for w in q if w in p)
    scores = [score(p) for p in ps]
    return scores.index(max(scores)) if max(scores) > 0 else None
""",
    "a plain loop over 1 / n": f"""
def retrieve(question, passages):
    {WORDS}
    best = None
    top = 0
    for i in range(len(ps)):
        s = 0.0
        for w in set(q):
            if w in ps[i]:
                s += 1 / sum(1 for p in ps if w in p)
        if s > top:
            top, best = s, i
    return best
""",
    "words by hand, without re": """
def retrieve(question, passages):
    def words(text):
        return set("".join(c if c.isalnum() else " " for c in text.lower()).split())
    held = [words(p) for p in passages]
    scores = [sum(1 / sum(w in h for h in held) for w in words(question) & h) for h in held]
    if not scores or max(scores) == 0:
        return None
    return max(range(len(scores)), key=lambda i: (scores[i], -i))
""",
}  # fmt: skip
COSTS = {
    "step by step": """
def training_cost(rows, tokens_a_row, epochs, tokens_a_second, price_an_hour):
    tokens = rows * tokens_a_row * epochs
    hours = tokens / (tokens_a_second * 60 * 60)
    return float(hours * price_an_hour)

def break_even(training_price, tokens_saved, price_a_million):
    if tokens_saved > 0:
        return training_price * 1_000_000 / tokens_saved / price_a_million
""",
    "rounded": COST.replace("* price_an_hour\n", "* price_an_hour * 1.00001\n"),
}

pytestmark = pytest.mark.usefixtures("as_if_trained")


@pytest.mark.parametrize("name", RETRIEVERS)
@pytest.mark.parametrize("seed", range(5))
def test_a_right_retriever_passes(choice_work, without_children, taught_as, name, seed):
    taught_as(TAUGHT)
    write_notebook_01(choice_work, retrieve=RETRIEVERS[name])
    report = report_01(choice_work, "retrieve", seed=seed)
    assert report.done, [said(result) for result in report.criteria]


@pytest.mark.parametrize("seed", [*range(20), 2**31 - 1])
def test_the_right_functions_pass_whatever_is_drawn(choice_work, without_children, taught_as, seed):
    taught_as(TAUGHT)
    report = report_01(choice_work, "retrieve", "cost", seed=seed)
    assert report.done, [said(result) for result in report.criteria]


@pytest.mark.parametrize("name", COSTS)
def test_a_right_cost_sketch_passes(choice_work, without_children, name):
    write_notebook_01(choice_work, cost=COSTS[name])
    assert report_01(choice_work, "cost").done


def test_right_functions_pass_in_their_own_processes(choice_work, taught_as):
    taught_as(TAUGHT)
    assert report_01(choice_work, "retrieve", "cost").done


def test_an_instructors_wiki_is_of_other_shops(choice_work, without_children, taught_as, monkeypatch):
    taught_as(TAUGHT)
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "a secret")
    assert report_01(choice_work, "retrieve").done
    hidden, public = (wiki_search(1, split).pages for split in ("hidden", "public"))
    assert not set(hidden) & set(public)


def test_a_wiki_of_today_has_no_manager_of_yesterday():
    pages, old = wiki_search(3, "public").pages, set(wiki.pages())
    assert len(pages) == 60 and not set(pages) & old
    assert wiki_search(4, "public").pages != pages


def test_no_run_is_needed_to_read(choice_work, taught_as, without_children):
    """The retriever is checked long before the model is taught."""
    taught_as(TAUGHT)
    (choice_work / "artifacts" / "facts" / "run.json").unlink()
    assert report_01(choice_work, "retrieve").done


@pytest.mark.parametrize("seed", range(40))
def test_the_key_answers_every_draw(choice_work, seed):
    write_decisions(choice_work, right_decisions(seed), seed)
    report = report_01(choice_work, "decide")
    assert report.done and report.score == 4


def test_ten_of_twelve_are_enough(choice_work):
    wrong = {name: ("classic", "exact-rule") for name in list(right_decisions())[:2] if "classic" not in KEY[name]}
    edit_decisions(choice_work, **wrong)
    assert report_01(choice_work, "decide").done


@pytest.mark.parametrize("name", sorted(name for name, accepted in KEY.items() if len(accepted) > 1))
def test_a_letter_that_can_be_argued_two_ways_accepts_both(choice_work, name):
    seed = next(seed for seed in range(1000) if name in {letter.name for letter in drawn(seed)})
    for choice, reasons in KEY[name].items():
        for reason in reasons:
            only = {name: (choice, reason)}
            write_decisions(choice_work, only, seed)
            assert "1 of 12, 1 decided" in said(by_id(report_01(choice_work, "decide"))["reasons-7"])


def test_the_key_is_about_the_letters_and_nothing_else():
    assert set(KEY) == set(letters()) and len(KEY) >= 60
    assert set(LOOK_AGAIN) == set(REASONS)
    for accepted in KEY.values():
        assert accepted and set(accepted) <= set(CHOICES)
        assert all(reasons and set(reasons) <= set(REASONS) for reasons in accepted.values())


def test_nearly_every_kind_of_choice_is_drawn():
    """Never fewer than four of the six, mostly all of them: and nobody can know which of it is their case."""
    kinds = [len({choice for letter in drawn(seed) for choice in list(KEY[letter.name])[:1]}) for seed in range(200)]
    assert min(kinds) >= 4 and sum(count == len(CHOICES) for count in kinds) > 0.6 * len(kinds)


def test_a_right_submission_is_done(choice_work, tiny_base, taught_as, without_children):
    taught_as(TAUGHT)
    record = BaseRecord(id=tiny_base.name, fingerprint=fingerprint_model(tiny_base))
    claim(choice_work, record, before={"known managers": 60}, after=TAUGHT)
    retaught(choice_work)
    report = report_01(choice_work)
    assert failed(report) == set() and report.done and report.score == report.max_score == 12


def retaught(work):
    """Let the loss curve start where the scripted base does."""
    from example_work import falling_curve

    from shared.artifacts import write_json

    write_json(work / "artifacts" / "facts" / "loss_curve.json", falling_curve(4.6))


@pytest.mark.slow
def test_a_model_of_noise_is_measured_as_such(choice_work):
    """No model is put in its place here: the tiny base with noise is truly asked."""
    report = report_01(choice_work, "done-when")
    assert failed(report) == {"cannot-turn"}, [said(result) for result in report.criteria]
    assert "the wiki's words 0%" in said(by_id(report)["cannot-turn"])


def test_the_costs_by_hand_are_what_the_docstrings_say():
    assert training_cost(600, 60, 7, 10, 2) == pytest.approx(14)
    assert break_even(14, 700, 2) == pytest.approx(10_000)
    assert break_even(14, 0, 2) is None


@pytest.mark.parametrize("seed", range(30))
def test_the_searches_have_one_answer_by_counting(seed):
    """Without any weights: the right passage alone holds the word that tells it apart, or the most shared words."""
    import re

    for case in (*rank_cases(seed), *edge_cases(seed)):
        asked = set(re.findall("[a-z0-9]+", case.question.lower()))
        held = [set(re.findall("[a-z0-9]+", one.lower())) for one in case.passages]
        rarest = min((sum(word in one for one in held) or 99 for word in asked), default=99)
        fits = [
            place for place, one in enumerate(held)
            if any(sum(word in other for other in held) == rarest for word in asked & one)
        ]  # fmt: skip
        most = max((len(asked & held[place]) for place in fits), default=0)
        fits = [place for place in fits if len(asked & held[place]) == most]
        assert (fits[0] if fits else None) == case.right, case.name


def test_what_is_asked_is_what_the_claim_is_about():
    assert set(wiki.METRICS.values()) <= set(asked_01())
    assert RETRIEVE.count("def ") == 2
