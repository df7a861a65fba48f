"""What run.json's fingerprint of its rows tells: known rows are recognised, own rows are nobody's fault."""

import json

import pytest
from example_work import STAGE_FOLDER

from autograder.data_origin import origin_of
from autograder.rung_02_sft import run_is_recorded
from autograder.rung_02_submission import Rung02
from shared.artifacts import RunRecord, fingerprint_rows
from shared.course import load_course
from shared.world import rows

TRAIN = rows("tickets", "train", 60)
TEST = [rows("tickets", "public", 60, phrasing=phrasing) for phrasing in ("familiar", "unseen")]


def plain(some):
    return [{name: row[name] for name in ("prompt", "completion")} for row in some]


# What a run is trained on, and where that is from.
KNOWN = {
    "the notebook's rows": (plain(TRAIN), "train"),
    "the same with their tickets": (TRAIN, "train"),
    "another seed's": (plain(rows("tickets", "train", 40, 2)), "train"),
    "the test": (plain(TEST[0]), "test"),
    "the test's unseen wordings": (plain(TEST[1]), "test"),
    "both halves of the test": (plain(TEST[0][:30] + TEST[1][:30]), "test"),
    "another seed's test": (plain(rows("tickets", "public", 40, 1)), "test"),
    "training rows in another order": (plain(TRAIN[::-1]), "other"),
    "fewer, well chosen": (plain(TRAIN[::2]), "other"),
    "with rows of one's own": (plain([*TRAIN, {"prompt": "Message: Hello!\nTicket:", "completion": " {}"}]), "other"),
}


@pytest.fixture
def run_on(work):
    """Return a function that lets the work's run be one on the given rows."""

    def edit(some):
        path = work / STAGE_FOLDER / "run.json"
        said = json.loads(path.read_text())
        path.write_text(json.dumps({**said, "rows": len(some), "data_fingerprint": fingerprint_rows(some)}))
        return RunRecord.model_validate_json(path.read_text())

    return edit


@pytest.mark.parametrize("name", KNOWN)
def test_known_rows_are_recognised_and_others_are_called_other(run_on, name):
    some, origin = KNOWN[name]
    assert origin_of(run_on(some)) == origin


@pytest.mark.parametrize("name, passed, told", [
    ("the notebook's rows", True, "60 rows of the training split"),
    ("with rows of one's own", True, "61 rows that are not the training split's as it gives them"),
    ("both halves of the test", False, "trained on 60 rows of the public test"),
])  # fmt: skip
def test_the_report_says_where_the_rows_are_from(work, as_if_trained, measured_as, run_on, name, passed, told):
    measured_as(0, 0)
    run_on(KNOWN[name][0])
    course = load_course()
    with Rung02(work, course.rung("02"), course, seed=1, split="public") as submission:
        line = run_is_recorded(submission)
    assert line.passed is passed and told in line.observed
