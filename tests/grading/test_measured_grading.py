"""The page on grading a class says what was measured."""

import json

from shared.course import ROOT

MEASURED = json.loads((ROOT / "shared" / "measured" / "grading.json").read_text())
PAGE = (ROOT / "docs" / "grading-a-class.md").read_text()


def test_the_table_is_the_measurement():
    cells = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")
    ]
    shown = [(int(rows), float(seconds), times) for _, rows, seconds, times in cells[2:6]]
    assert shown == [
        (row["submissions"], round(row["seconds_each"], 2), str(row.get("times_fewer_seconds", "")))
        for row in MEASURED["rows"]
    ]


def test_every_submission_got_all_points():
    graded = [row for row in MEASURED["rows"] if "full_points" in row]
    assert len(graded) == 3 and all(row["full_points"] == row["submissions"] == 200 for row in graded)


def test_each_way_reaches_the_aim_as_the_page_says():
    assert all(row["times_fewer_seconds"] >= 10 for row in MEASURED["rows"][1:])
    assert "The aim was ten times fewer, and each way reaches it." in PAGE
