"""What a submission of rung 11 may hold in place of its files: one clear line, the rest checked, nothing changed."""

import os

import pytest
from bad_files import FILE_FAULTS
from example_ecosystem import RUNG, TRL, report_11
from example_work import contents, failed, said

from shared.questions import ANSWERS
from shared.tool_cases import DECISIONS
from shared.translation import TRANSLATIONS

pytestmark = pytest.mark.usefixtures("as_if_trained")
PERFORMANCE = {"exact-match", "exact-match-unseen"}
ALL = {"model-is-real", "run-record", "curve-is-real", "claim-honest", *PERFORMANCE}
# file -> the graded cell that it belongs to, and all that cannot pass without it
FILES = {
    ANSWERS: ("numbers", {"rows-a-step", "steps", "packed-rows"}),
    DECISIONS: ("decide", {"choices-5", "reasons-5"}),
    TRANSLATIONS: ("translate", {"axolotl", "llamafactory"}),
    f"{TRL}/run.json": ("done-when", ALL),
    f"{TRL}/loss_curve.json": ("done-when", {"curve-is-real", *PERFORMANCE}),
    f"{TRL}/adapter_config.json": ("done-when", ALL),
    f"{TRL}/adapter_model.safetensors": ("done-when", ALL),
    "artifacts/eval.json": ("done-when", {"claim-honest", *PERFORMANCE}),
}


@pytest.fixture(autouse=True)
def _quickly_measured(measured_as):
    """No model answers here: all measured answers are wrong, as a model of noise gives them."""
    measured_as(0, 0)


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize("file", FILES)
def test_a_file_that_cannot_be_used_is_one_line(ecosystem_work, file, fault):
    cell, affected = FILES[file]
    change, words = FILE_FAULTS[fault]
    change(ecosystem_work / file)
    before = contents(ecosystem_work)
    report = report_11(ecosystem_work, cell)
    assert contents(ecosystem_work) == before and not os.path.exists("unpickled")
    assert failed(report) == affected
    for result in report.criteria:
        assert result.passed is not False or result.points == 0
        assert "Traceback" not in said(result) and "the checker itself failed" not in result.observed
    lines = [said(result) for result in report.criteria if not result.passed]
    name = file.rpartition("/")[2]
    assert any(name in line and (words in line or fault == "not JSON") for line in lines), lines


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_notebook_that_cannot_be_used_is_the_same_line_for_all(ecosystem_work, fault):
    FILE_FAULTS[fault][0](ecosystem_work / f"{RUNG}.ipynb")
    report = report_11(ecosystem_work)
    assert report.score == 0 and len({said(result) for result in report.criteria}) == 1
