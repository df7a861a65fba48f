"""A report as text: the same lines everywhere, and nothing that a learner wrote is read as markup."""

import pytest
from made_reports import made
from rich.console import Console

from autograder import report_text
from autograder.checkers import checker_of
from autograder.criteria import Report
from shared.course import load_course


def shown(report: Report, cell: str | None = None) -> list[str]:
    return report_text.plain(report, cell).splitlines()


def test_a_criterion_says_what_was_seen_what_was_wanted_and_what_next():
    lines = shown(made(True, False, None, True))
    titles = [one.title for one in checker_of(load_course().rung("02")).criteria]
    assert lines[:2] == [f"✓ {titles[0]}  2/2", "    observed: seen 0"]
    wanted = ["    expected: wanted", "    hint:     try [bold]this[/]"]
    assert lines[2:6] == [f"✗ {titles[1]}  0/1", "    observed: seen 1", *wanted]
    assert lines[6:10] == [f"? {titles[2]}  0/1", "    observed: seen 2", *wanted]
    assert lines[-1] == "Not done: 18 of 20 points."


@pytest.mark.parametrize(
    ("ends", "last"),
    [([True], "Done: 4 of 4 points."), ([True, None], "Cannot tell here: 2 of 4 points so far."),
     ([False], "Not done: 0 of 4 points.")],
)  # fmt: skip
def test_a_cells_part_has_its_own_total(ends, last):
    assert shown(made(*ends), "sft-loss")[-1] == last


def test_what_a_learner_wrote_is_neither_read_as_markup_nor_broken_in_two(capsys):
    report_text.show(made(False), "sft-loss", Console(width=20))
    assert "    hint:     try [bold]this[/]\n" in capsys.readouterr().out
