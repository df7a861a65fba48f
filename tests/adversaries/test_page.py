"""docs/adversaries.md says what the table and the measured results say."""

import json
import sys

import pytest

from shared.course import ROOT
from tests.adversaries.attack import ATTACKS, RUNG

sys.path.insert(0, str(ROOT / "scripts"))
import stock_nbgrader

MEASURED = json.loads(stock_nbgrader.RESULTS.read_text())


def test_the_page_is_up_to_date():
    """Write it again with `python scripts/stock_nbgrader.py --page`."""
    assert stock_nbgrader.PAGE.read_text(encoding="utf-8") == stock_nbgrader.page()


def test_every_attack_of_the_rung_was_measured_or_says_why_not():
    """Measure what is new with `python scripts/stock_nbgrader.py`."""
    mine = {name for name, one in ATTACKS.items() if one.rung == RUNG}
    assert set(MEASURED) == mine - stock_nbgrader.NOT_RUN.keys()


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"score": 20, "classmate": 3, "left": [], "ended": ""}, "**20**"),
        ({"score": 3, "classmate": 3, "left": [], "ended": ""}, "3"),
        (
            {"score": 0.5, "classmate": 20, "left": ["x"], "ended": ""},
            "0.5; the classmate got 20 instead of 3; its code acted",
        ),
        ({"score": None, "classmate": None, "left": [], "ended": "out of time"}, "not graded; the classmate"),
    ],
)
def test_a_row_says_what_was_measured(result, said):
    one = ATTACKS["faked_module"]
    assert stock_nbgrader._stock(one, {one.name: result}).startswith(said)
