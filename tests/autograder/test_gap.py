"""The gap between public and hidden rows: said when it is there, at the stated rate, never with a row or the secret."""

import itertools
from math import comb

import pytest
from example_work import by_id, report_on

from autograder import gap
from autograder.checkers import checker_of
from autograder.criteria import LONGEST_LINE, Finding, all_failed
from autograder.gap import ALIKE, HARD, HARD_ROWS, LEVEL, Look, found, least_gap, said, with_gap
from autograder.reevaluation import Engines, RowLoss
from autograder.rung_02_sft import CRITERIA
from autograder.rung_05_submission import Rung05
from shared.course import load_course
from shared.evaluation import TicketResult
from shared.scoring import failure_kind
from shared.world import rows
from shared.world.tickets import hard_rows

TOLD = "GAP: right in"


def test_a_model_that_knows_the_public_wordings_and_no_hidden_one_is_told():
    one = Look("letters", (36, 36), (2, 36), HARD)
    assert found([Look("others", (60, 60), (150, 150)), one]) == one
    assert said(one).startswith("GAP: right in 100% of 36 letters of the public test and 6% of 36 that you cannot")


@pytest.mark.parametrize(
    "looks",
    [
        [],
        [Look("same", (36, 36), (36, 36))],
        [Look("worse on public", (0, 36), (36, 36))],
        [Look("a few rows", (3, 3), (0, 3))],
        [Look("inside the allowance", (150, 150), (143, 150))],
        [Look("wordings of another hardness", (24, 36), (8, 36), HARD)],
    ],
    ids=lambda looks: looks[0].name if looks else "nothing to look at",
)
def test_what_is_no_gap_is_not_told(looks):
    assert found(looks) is None


def test_a_wider_gap_goes_before_a_narrower_one():
    narrow, wide = Look("narrow", (300, 300), (240, 300)), Look("wide", (300, 300), (100, 300))
    assert found([narrow, wide]) == wide and found([wide, narrow]) == wide and found([narrow]) == narrow


def test_each_look_gets_its_share_of_the_level():
    """What one look alone would tell, at the edge, is not told when it is one of many."""
    edges = (Look("edge", (200, 200), (right, 200)) for right in range(200, 0, -1))
    edge = next(one for one in edges if found([one]))
    assert found([edge] + [Look(f"other {i}", (9, 9), (9, 9)) for i in range(50)]) is None


@pytest.mark.parametrize("sizes", [(36, 36), (60, 150), (150, 40)])
@pytest.mark.parametrize("level", [1e-2, LEVEL, LEVEL / 2])
def test_a_model_that_is_at_the_allowance_is_doubted_no_more_often_than_stated(sizes, level):
    """Exact, over all outcomes of both samples, wherever the shares lie; the interval misses by up to a factor of 2."""
    n, m = sizes
    beyond = {(a, b): least_gap((a, n), (b, m), level) for a in range(n + 1) for b in range(m + 1)}
    for allowance, hidden in itertools.product((0.0, ALIKE, HARD), (0.02, 0.1, 0.3, 0.5, 0.64)):
        public = hidden + allowance
        chance = sum(
            _binomial(a, n, public) * _binomial(b, m, hidden) for (a, b), least in beyond.items() if least > allowance
        )
        assert chance <= 2 * level, (public, hidden, chance)


def _binomial(k, n, p):
    return comb(n, k) * p**k * (1 - p) ** (n - k)


class Taught:
    """In place of a model: right on every letter but on those of `wrong`."""

    def __init__(self, wrong=()):
        self.wrong = {row["prompt"] for row in wrong}

    def answers(self, asked):
        """Return right answers, and none to what was not taught."""
        texts = ["no idea" if row["prompt"] in self.wrong else row["completion"] for row in asked]
        return [
            TicketResult(row["prompt"], text, row["ticket"], failure_kind(text, row["ticket"]))
            for row, text in zip(asked, texts, strict=True)
        ]

    def losses(self, asked):
        """Return the losses of a base that knows nothing of tickets."""
        return [RowLoss(20 * 7.8 + number % 3, 20, 150.0, 30) for number, _ in enumerate(asked)]


@pytest.fixture
def graded(work, monkeypatch, as_if_trained):
    """Return a function that grades rung 02's work with a secret, or checks it without; its model has the hidden hard
    letters wrong and, if told so, the public ones too."""

    def run(secret="a secret of this test", *, public_wrong=False, cells=("done-when",)):
        monkeypatch.setenv("COURSE_HIDDEN_SEED", secret)
        wrong = hard_rows("hidden", HARD_ROWS, gap.ROWS_SEED) if secret else []
        wrong = wrong + (hard_rows("public", HARD_ROWS, gap.ROWS_SEED) if public_wrong else [])
        engines = Engines(Taught(rows("tickets", "public", 1)), Taught(wrong), together=False)
        monkeypatch.setattr("autograder.reevaluation.engines", lambda *_: engines)
        return report_on(work, *cells)

    return run


def test_the_report_says_the_gap_in_one_line_and_takes_no_point(graded):
    taught, honest = graded(), graded(public_wrong=True)
    line = by_id(taught)["claim-honest"].observed
    assert line.startswith(f"{TOLD} 100% of 60 letters in the hardest wordings of the public test and 0% of 60")
    assert "costs no points" in line and len(line) <= LONGEST_LINE
    assert TOLD not in honest.model_dump_json()
    assert [one.points for one in taught.criteria] == [one.points for one in honest.criteria]
    assert sum(TOLD in one.observed for one in taught.criteria) == 1


def test_what_the_criterion_observed_still_stands_behind_the_gap(graded):
    honest, taught = (by_id(graded(public_wrong=wrong))["claim-honest"].observed for wrong in (True, False))
    assert taught.endswith(honest)


def test_a_self_check_and_other_cells_look_for_no_gap(graded, monkeypatch):
    monkeypatch.setattr(gap, "found", lambda looks: pytest.fail("looked for a gap"))
    assert TOLD not in graded("").model_dump_json()
    assert TOLD not in graded(cells=("read-failures",)).model_dump_json()


def test_no_report_shows_a_hidden_row_or_the_secret(work, monkeypatch, measured_as, as_if_trained, without_children):
    """The model is wrong on every row, so that every message that quotes a failure has its chance."""
    secret = "a secret that must not be seen"
    monkeypatch.setenv("COURSE_HIDDEN_SEED", secret)
    measured_as(0, 0)
    report = report_on(work, "done-when", "read-failures").model_dump_json()
    assert secret not in report
    for phrasing in ("familiar", "unseen"):
        for row in rows("tickets", "hidden", 150, 1, phrasing=phrasing):
            words = row["prompt"].removeprefix("Message: ").split()
            assert not any(" ".join(words[i : i + 5]) in report for i in range(len(words) - 4))


def test_learner_code_is_never_given_a_hidden_row(curation_work, monkeypatch):
    """What a learner's function is given it could print: rung 05's rows are public ones, whoever grades."""
    monkeypatch.setenv("COURSE_HIDDEN_SEED", "one secret")
    course = load_course()
    with Rung05(curation_work, course.rung("05"), course, seed=3, split="hidden") as one:
        calls = [call.arguments for call in one.fault_calls()]
    with Rung05(curation_work, course.rung("05"), course, seed=3, split="public") as other:
        assert calls == [call.arguments for call in other.fault_calls()]


def test_a_model_that_cannot_be_measured_leaves_the_report_as_it_is():
    class Broken:
        split, gap_criterion = "hidden", "claim-honest"

        def gap_looks(self):
            raise MemoryError

    report = all_failed("02", CRITERIA, Finding(False, "no model", "a model"))
    assert with_gap(report, Broken()) == report


def test_every_rung_that_measures_a_model_again_has_a_line_for_its_gap():
    course = load_course()
    for rung in course.rungs:
        checker = checker_of(rung, None)
        assert not rung.built or checker.submission.gap_criterion in {one.id for one in checker.criteria}, rung.id
